"""What a VAE minimises: the VAE, β-VAE, constrained, β-TCVAE and other objectives.

A loss is the reconstruction error, summed over pixels, plus weighted KL terms, summed over latents;
both are averaged over the batch and in nats. Weights may be numbers or functions of the training
step, such as `piecewise_linear`. Objectives are called as
`objective(model, images, step, generator)` and return `Terms`.
"""

from helpers.decomposition import (
    KLTerms,
    exact_kl_terms,
    kl_terms,
    marginal_entropy,
    minibatch_log_weights,
)
from helpers.objectives.adversarial import Adversarial, adversarial, critic_loss
from helpers.objectives.constrained import ConstrainedVAE, constrained_vae
from helpers.objectives.conventions import effective_beta
from helpers.objectives.losses import BetaTCVAE, BetaVAE, beta_tcvae, beta_vae, vae
from helpers.objectives.schedules import PiecewiseLinear, Weight, at_step, piecewise_linear
from helpers.objectives.terms import Objective, Terms, reconstruction_error
from helpers.objectives.weak import (
    WeaklySupervised,
    agreed,
    differing,
    latent_kl,
    weakly_supervised,
)

__all__ = [
    "Adversarial",
    "BetaTCVAE",
    "BetaVAE",
    "ConstrainedVAE",
    "KLTerms",
    "Objective",
    "PiecewiseLinear",
    "Terms",
    "WeaklySupervised",
    "Weight",
    "adversarial",
    "agreed",
    "at_step",
    "beta_tcvae",
    "beta_vae",
    "constrained_vae",
    "critic_loss",
    "differing",
    "effective_beta",
    "exact_kl_terms",
    "kl_terms",
    "latent_kl",
    "marginal_entropy",
    "minibatch_log_weights",
    "piecewise_linear",
    "reconstruction_error",
    "vae",
    "weakly_supervised",
]
