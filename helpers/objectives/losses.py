"""The VAE, the β-VAE and the β-TCVAE: reconstruction error plus weighted KL terms."""

from dataclasses import dataclass

import torch
from torch import Tensor

from helpers import gaussians
from helpers.decomposition import kl_terms
from helpers.models import VAE
from helpers.objectives.schedules import Weight, at_step
from helpers.objectives.terms import Terms, reconstruction_of


@dataclass(frozen=True)
class BetaVAE:
    """Reconstruction + β · KL (Higgins et al. 2017, equation 4)."""

    beta: Weight

    def __call__(
        self, model: VAE, images: Tensor, step: int = 0, generator: torch.Generator | None = None
    ) -> Terms:
        """The terms for images [B, C, H, W] at this step."""
        mu, logvar = model.encode(images)  # [B, D], [B, D]
        z = gaussians.sample(mu, logvar, generator)  # [B, D]

        reconstruction = reconstruction_of(model, z, images)
        kl = gaussians.kl_divergence(mu, logvar).mean(0)  # [D]
        loss = reconstruction + at_step(self.beta, step) * kl.sum()
        return Terms(loss, reconstruction, kl)


def vae() -> BetaVAE:
    """The VAE objective, the negative ELBO: reconstruction + KL.

    Returns the β-VAE with β = 1 (Kingma & Welling 2014, equation 3).
    """
    return BetaVAE(1.0)


def beta_vae(beta: Weight) -> BetaVAE:
    """The β-VAE objective: reconstruction + β · KL.

    beta: a number or a function of the step.
    Returns an objective, called as `objective(model, images, step, generator)`, that gives `Terms`
    (Higgins et al. 2017, equation 4).
    """
    return BetaVAE(beta)


@dataclass(frozen=True)
class BetaTCVAE:
    """Reconstruction + α · I(z;n) + β · TC + γ · Σ_j KL_j (Chen et al. 2018, equation 4)."""

    beta: Weight
    alpha: Weight = 1.0
    gamma: Weight = 1.0
    estimator: str = "mss"
    dataset_size: int | None = None  # None: training.train fills in the size of the data set

    def __call__(
        self, model: VAE, images: Tensor, step: int = 0, generator: torch.Generator | None = None
    ) -> Terms:
        """The terms for images [B, C, H, W] at this step, with the three inside the KL."""
        alpha = at_step(self.alpha, step)
        beta = at_step(self.beta, step)
        gamma = at_step(self.gamma, step)

        # Then there is nothing to estimate, which saves a fifth of a training step.
        if alpha == beta == gamma:
            return BetaVAE(beta)(model, images, step, generator)
        if self.dataset_size is None:
            raise ValueError(
                "β-TCVAE estimates q(z) and must know how many images there are: give "
                "beta_tcvae(..., dataset_size=N), or train with training.train, which fills it in"
            )

        mu, logvar = model.encode(images)  # [B, D], [B, D]
        z = gaussians.sample(mu, logvar, generator)  # [B, D]
        reconstruction = reconstruction_of(model, z, images)
        kl = gaussians.kl_divergence(mu, logvar).mean(0)  # [D]

        # The total correlation and the marginals are estimated from the batch. I(z;n) is what they
        # leave of the KL, since its closed form is less noisy than an estimate from one sample.
        parts = kl_terms(z, mu, logvar, self.dataset_size, self.estimator)
        total_correlation, dimension_wise_kl = parts.total_correlation, parts.dimension_wise_kl
        mutual_information = kl.sum() - total_correlation - dimension_wise_kl

        loss = (
            reconstruction
            + alpha * mutual_information
            + beta * total_correlation
            + gamma * dimension_wise_kl
        )
        return Terms(
            loss, reconstruction, kl, mutual_information, total_correlation, dimension_wise_kl
        )


def beta_tcvae(
    beta: Weight,
    alpha: Weight = 1.0,
    gamma: Weight = 1.0,
    estimator: str = "mss",
    dataset_size: int | None = None,
) -> BetaTCVAE:
    """The β-TCVAE objective: reconstruction + α · I(z;n) + β · TC + γ · Σ_j KL_j.

    beta, alpha, gamma: numbers or functions of the step. Where all three are equal it is the β-VAE
      objective, and the three terms are not estimated.
    estimator: of q(z), "mss" or "mws", as in `kl_terms`.
    dataset_size: N, for `kl_terms`; None: `training.train` fills it in.
    Returns an objective, called as `objective(model, images, step, generator)`, that gives `Terms`
    with all three (Chen et al. 2018, equation 4). Called, it raises ValueError where the three must
    be estimated and `dataset_size` is unknown.
    """
    return BetaTCVAE(beta, alpha, gamma, estimator, dataset_size)
