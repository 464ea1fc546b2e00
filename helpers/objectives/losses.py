"""What a VAE minimises: the VAE, β-VAE, β-TCVAE and adversarial objectives, and the three terms inside the mean KL.

A loss is the reconstruction error, summed over pixels, plus weighted KL terms, summed over latents; both are averaged
over the batch and in nats. Weights may be numbers or functions of the training step, such as `piecewise_linear`.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import qmc, t as student_t

from helpers import gaussians, models


@dataclass
class Terms:
    """One evaluation of an objective on a batch. All are tensors in nats; scalars unless a shape is given."""

    loss: torch.Tensor  # what the optimiser minimises
    reconstruction: torch.Tensor  # -E_q log p(x|z), summed over pixels, mean over the batch: the distortion E
    kl: torch.Tensor  # [D], KL(q(z_j|x) || p(z_j)), mean over the batch; its sum is the rate R
    mutual_information: torch.Tensor | None = None  # the three terms inside the KL, where the objective needs them
    total_correlation: torch.Tensor | None = None
    dimension_wise_kl: torch.Tensor | None = None
    marginal_kl: torch.Tensor | None = None  # a critic's estimate of KL(q(z) || p(z))


@dataclass
class KLTerms:
    """The parts of the mean KL (Chen et al. 2018, equation 2): I(z;n), TC(z) and Σ_j KL(q(z_j) || p(z_j)), in nats."""

    mutual_information: torch.Tensor
    total_correlation: torch.Tensor
    dimension_wise_kl: torch.Tensor
    error: float | None = None  # for exact_kl_terms: an estimate of what the first two may be off by


class piecewise_linear:
    """A function of the training step that passes through (step, value) points, constant before and after them."""

    def __init__(self, *points):
        if not points or any(len(p) != 2 for p in points):
            raise ValueError("piecewise_linear takes one or more (step, value) pairs")
        self.points = [(int(step), float(value)) for step, value in points]
        self._steps, self._values = zip(*self.points)
        if any(a >= b for a, b in zip(self._steps, self._steps[1:])):
            raise ValueError(f"the steps of piecewise_linear must increase; these are {list(self._steps)}")

    def __call__(self, step):
        return float(np.interp(step, self._steps, self._values))

    def __repr__(self):
        return f"piecewise_linear({', '.join(f'({step}, {value:g})' for step, value in self.points)})"


def vae():
    """The VAE objective, the negative ELBO (Kingma & Welling 2014, equation 3): reconstruction + KL."""
    return beta_vae(1.0)


@dataclass(frozen=True)
class beta_vae:
    """The β-VAE objective (Higgins et al. 2017, equation 4): reconstruction + β · KL.

    Called as `objective(model, images, step, generator)`, it gives `Terms`. `beta` is a number or a function of the step.
    """

    beta: object

    def __call__(self, model, images, step=0, generator=None):
        mu, logvar = model.encode(images)
        reconstruction = reconstruction_error(model.decode(gaussians.sample(mu, logvar, generator)), images)
        kl = gaussians.kl_divergence(mu, logvar).mean(0)
        return Terms(reconstruction + value_at(self.beta, step) * kl.sum(), reconstruction, kl)


@dataclass(frozen=True)
class beta_tcvae:
    """The β-TCVAE objective (Chen et al. 2018, equation 4): reconstruction + α · I(z;n) + β · TC + γ · Σ_j KL_j.

    TC and Σ_j KL_j are estimated from the batch by `kl_terms`, for which `dataset_size` is N; I(z;n) is what they leave
    of the KL, whose closed form is less noisy than the estimate from one sample. Called as
    `objective(model, images, step, generator)`, it gives `Terms` with all three. The weights are numbers or functions of
    the step. Where α = β = γ it is the β-VAE objective, and the three are not estimated.
    """

    beta: object
    alpha: object = 1.0
    gamma: object = 1.0
    estimator: str = "mss"
    dataset_size: int | None = None  # None: training.train fills in the size of the data set

    def __call__(self, model, images, step=0, generator=None):
        alpha, beta, gamma = (value_at(weight, step) for weight in (self.alpha, self.beta, self.gamma))
        if alpha == beta == gamma:  # nothing to estimate, which saves a fifth of a training step
            return beta_vae(beta)(model, images, step, generator)
        if self.dataset_size is None:
            raise ValueError("β-TCVAE estimates q(z) and must know how many images there are: give beta_tcvae(..., "
                             "dataset_size=N), or train with training.train, which fills it in")
        mu, logvar = model.encode(images)
        z = gaussians.sample(mu, logvar, generator)
        reconstruction = reconstruction_error(model.decode(z), images)
        kl = gaussians.kl_divergence(mu, logvar).mean(0)
        parts = kl_terms(z, mu, logvar, self.dataset_size, self.estimator)
        mutual_information = kl.sum() - parts.total_correlation - parts.dimension_wise_kl
        loss = (reconstruction + alpha * mutual_information + beta * parts.total_correlation
                + gamma * parts.dimension_wise_kl)
        return Terms(loss, reconstruction, kl, mutual_information, parts.total_correlation, parts.dimension_wise_kl)


def value_at(weight, step):
    """The value of a weight, a number or a function of the step, at this step."""
    return weight(step) if callable(weight) else weight


def reconstruction_error(logits, images):
    """-log p(x|z) for a Bernoulli likelihood, summed over pixels, mean over the batch, in nats.

    For a grey pixel x it is the expected value over an image binarised at random, b ~ Bernoulli(x).
    """
    return F.binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(images)


def kl_terms(z, mu, logvar, dataset_size, estimator="mss"):
    """Estimate I(z;n), TC(z) and Σ_j KL(q(z_j) || p(z_j)) from one batch, as scalar batch means in nats.

    z, mu, logvar: [B, D]; row i of `z` is a sample from the posterior that row i of the others describes.
    dataset_size: N, the number of images that the batch was drawn from; 2 <= B <= N.
    estimator: how the aggregated posterior q(z) = (1/N) Σ_n q(z|n) is estimated from the B posteriors at hand.
      "mss", minibatch stratified sampling (Chen et al. 2018, appendix C.2): weight 1/N on the image that z came from
      and (N-1)/(N (B-1)) on each other one, so that the mean of q̂(z) over all batches of B different images *is* q(z).
      The paper gives one of the others, the last, a weight of its own; this is the mean over which of them is last.
      "mws", minibatch weighted sampling (appendix C.1): weight 1/(N B) on each. The image that z came from counts too
      much, and the three values are off by large constants besides: they serve for gradients and not for reading.
    The terms are differentiable. Their sum does not depend on q̂(z). ValueError for other shapes, sizes and names.
    """
    batch_size = len(_checked_table(z, mu, logvar))
    if not 2 <= batch_size <= dataset_size:
        raise ValueError(f"kl_terms needs 2 <= batch size <= dataset_size; the batch has {batch_size} rows and "
                         f"dataset_size is {dataset_size}")
    if estimator == "mss":
        weights = z.new_full((batch_size, batch_size), (dataset_size - 1) / (dataset_size * (batch_size - 1)))
        weights.fill_diagonal_(1 / dataset_size)
    elif estimator == "mws":
        weights = z.new_full((batch_size, batch_size), 1 / (dataset_size * batch_size))
    else:
        raise ValueError(f'estimator must be "mss" or "mws", not {estimator!r}')
    log_weights = weights.log()
    log_q_joint, log_q_marginals = 0.0, 0.0
    at_once = max(1, 2**20 // batch_size**2)  # as many latents as keep a table of [latents, B, B] in the processor's cache
    for z_j, mu_j, logvar_j in zip(*(tensor.T.split(at_once) for tensor in (z, mu, logvar))):
        log_q_zj_given_n = gaussians.log_density(z_j[:, :, None], mu_j[:, None], logvar_j[:, None])
        log_q_joint = log_q_joint + log_q_zj_given_n.sum(0)
        log_q_marginals = log_q_marginals + torch.logsumexp(log_weights + log_q_zj_given_n, dim=2).sum(0)
    log_q_z_given_n = log_q_joint.diagonal()  # row i of z came from row i of the posteriors
    log_q_z = torch.logsumexp(log_weights + log_q_joint, dim=1)
    log_p_z = -0.5 * (z**2 + gaussians.LOG_2PI).sum(1)
    return KLTerms(
        mutual_information=(log_q_z_given_n - log_q_z).mean(),
        total_correlation=(log_q_z - log_q_marginals).mean(),
        dimension_wise_kl=(log_q_marginals - log_p_z).mean(),
    )


def exact_kl_terms(mu, logvar, target_error=0.003):
    """The same three terms for a whole table of posteriors [N, D], with q(z) the full mixture of all N, in nats.

    The marginals q(z_j) are integrated by quadrature. The one integral over all latents, of log q(z), is taken over
    randomised quasi-random points, their number doubled until `.error`, a 99 % half-width from 16 independent
    randomisations, is below `target_error` or the points reach 2²⁰. Meant for N up to a few thousand and D up to 4,
    where it gets there in seconds; for other sizes read `.error`. Computed in float64, without gradients.
    """
    _checked_table(mu, mu, logvar)
    mu, logvar = mu.detach().double(), logvar.detach().double()
    mean_kl = gaussians.kl_divergence(mu, logvar).sum(1).mean()
    marginal_entropies = sum(marginal_entropy(m, v) for m, v in zip(mu.T, logvar.T))
    cross_entropies = mean_kl + gaussians.entropy(logvar).sum(1).mean()  # -E_q(z) log p(z)
    dimension_wise_kl = cross_entropies - marginal_entropies
    if mu.shape[1] == 1:
        mutual_information, error = mean_kl - dimension_wise_kl, 0.0
    else:
        mutual_information, error = _mutual_information_of_mixture(mu, logvar, target_error)
    return KLTerms(mutual_information, mean_kl - dimension_wise_kl - mutual_information, dimension_wise_kl, error)


def marginal_entropy(mu, logvar):
    """Entropy in nats of the one-dimensional mixture (1/N) Σ_n N(mu_n, exp(logvar_n)), for mu, logvar [N], float64.

    The trapezoidal rule on an even grid, a quarter of the narrowest component's standard deviation apart: for a smooth
    integrand that vanishes at both ends its error falls exponentially as the grid gets finer.
    """
    sigma = torch.exp(0.5 * logvar)
    low, high = (mu - 9 * sigma).min(), (mu + 9 * sigma).max()
    points = math.ceil((high - low) / (0.25 * sigma.min())) + 1
    grid = torch.linspace(low, high, points, dtype=torch.float64)
    density = torch.cat([
        torch.exp(gaussians.log_density(z[:, None], mu, logvar)).mean(1)
        for z in grid.split(max(1, 2**22 // len(mu)))
    ])
    return -torch.special.xlogy(density, density).sum() * (grid[1] - grid[0])


def _mutual_information_of_mixture(mu, logvar, target_error, randomisations=16, most=2**20):
    """I(z;n) = E_n E_q(z|n) [log q(z|n) - log q(z)] and the half-width of its 99 % interval.

    The integrand lies between 0 and log N on average and varies little, more so than log q(z) itself. The points are
    scrambled Sobol sequences: the first coordinate chooses n, the others z by the inverse of the normal distribution.
    """
    n, d = mu.shape
    means, points = [], 2**12
    scale = torch.exp(0.5 * logvar)
    # log q(z|n), up to a constant of n, is linear in the features (z², z): all of [points, N] is one matrix product.
    slopes = torch.cat([-0.5 / scale**2, mu / scale**2], dim=1).T
    offsets = gaussians.log_density(0.0, mu, logvar).sum(1) - math.log(n)
    while True:
        means = []
        for seed in range(randomisations):
            u = torch.from_numpy(qmc.Sobol(d + 1, rng=np.random.default_rng([seed, points])).random(points))
            row = (u[:, 0] * n).long().clamp_(max=n - 1)
            z = mu[row] + scale[row] * torch.special.ndtri(u[:, 1:].clamp(1e-16, 1 - 1e-16))
            log_q_z = torch.cat([
                torch.logsumexp(torch.addmm(offsets, torch.cat([part**2, part], dim=1), slopes), dim=1)
                for part in z.split(max(1, 2**17 // n))
            ])
            log_q_z_given_n = gaussians.log_density(z, mu[row], logvar[row]).sum(1)
            means.append((log_q_z_given_n - log_q_z).mean().item())
        error = student_t.ppf(0.995, randomisations - 1) * np.std(means, ddof=1) / math.sqrt(randomisations)
        if error <= target_error or points * randomisations >= most:
            return torch.tensor(np.mean(means), dtype=torch.float64), float(error)
        points *= 2


def _checked_table(z, mu, logvar):
    if not (z.ndim == 2 and z.shape == mu.shape == logvar.shape and z.numel()):
        raise ValueError("z, mu and logvar must share one shape [B, D] with B and D at least 1; these have "
                         f"{list(z.shape)}, {list(mu.shape)} and {list(logvar.shape)}")
    for name, tensor in (("z", z), ("mu", mu), ("logvar", logvar)):
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name} holds NaN or infinite values: the training may have diverged; try a smaller "
                             "learning rate")
    return z


@dataclass
class constrained_vae:
    """The β-VAE that finds its β: least reconstruction error subject to a mean KL of at most `delta` nats.

    The loss is the Lagrangian reconstruction + β · (KL - delta). The optimiser lowers it over the weights, and each call
    raises it over β >= 0, the multiplier: dual ascent (Boyd & Vandenberghe 2004, chapter 5, have the dual problem; Platt &
    Barr 1987 move both at once).
    With R the running mean of the KL and v = R / delta - 1 the violation, from -1 (nothing sent) to at most 1,

        β ← max(0, β + step_size · max(β, 1) · v),

    so a large β moves in proportion to its size, and one that has reached 0 can leave it again.

    delta: nats, more than 0, or a function of the step: a capacity that rises, as in Burgess et al. 2018, section 5.
    beta: the multiplier, its first value to begin with. step_size: of the multiplier; a smaller one takes longer to settle
    and swings less. smoothing: the weight of the past in R, 0 to less than 1.

    Called as `objective(model, images, step, generator)`, it gives `Terms`. Without gradients, under `torch.no_grad()`,
    it leaves its state alone. That state is two attributes, `beta` and `rate` (R; None before the first call): a new run
    needs a new objective, and one built with both goes on where the other stopped.
    """

    delta: object
    beta: float = 1.0
    step_size: float = 0.02
    smoothing: float = 0.9
    rate: float | None = None

    def __post_init__(self):
        if not callable(self.delta) and not (self.delta > 0 and math.isfinite(self.delta)):
            raise ValueError(f"delta, the rate that is allowed, must be a positive number of nats, not {self.delta!r}: at 0 "
                             "the only feasible code is the prior")
        if not (self.beta >= 0 and math.isfinite(self.beta)):
            raise ValueError(f"beta, the multiplier to begin with, must be at least 0, not {self.beta!r}")
        if not (self.step_size > 0 and math.isfinite(self.step_size)):
            raise ValueError(f"step_size must be a positive number, not {self.step_size!r}")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing is the weight of the past, 0 to less than 1, not {self.smoothing!r}")

    def __call__(self, model, images, step=0, generator=None):
        terms = beta_vae(self.beta)(model, images, step, generator)
        delta = value_at(self.delta, step)
        terms.loss = terms.loss - self.beta * delta
        if torch.is_grad_enabled():
            self._ascend(terms.kl.sum().item(), delta)
        return terms

    def _ascend(self, rate, delta):
        self.rate = rate if self.rate is None else self.smoothing * self.rate + (1 - self.smoothing) * rate
        violation = min(self.rate / delta - 1, 1.0)
        self.beta = max(0.0, self.beta + self.step_size * max(self.beta, 1.0) * violation)


@dataclass
class adversarial:
    """The adversarial autoencoder (Makhzani et al. 2016): reconstruction + weight · mean logit of a critic on the codes.

    The critic T tells codes z ~ q(z) from samples of the prior: it lowers the logistic loss
    E_q log(1 + exp(-T)) + E_p log(1 + exp(T)), whose best T is log q(z) / p(z). Its mean on codes is then KL(q(z) || p(z)),
    the mean KL of a VAE without I(z;n), and that is what the encoder lowers. (The paper's encoder plays the game of a GAN
    instead. Its divergence is another one, and is 0 for the same q too.)

    weight: a number or a function of the step. critic: a network from [B, D] to [B]; by default `models.critic`, made at the
    first call. critic_steps: how many steps the critic takes at each call. learning_rate: its own, of Adam.

    Called as `objective(model, images, step, generator)`, it first improves the critic, then gives `Terms` with
    `.marginal_kl`, the mean logit: an estimate, biased while the critic is not the best. Without gradients, under
    `torch.no_grad()`, the critic stays as it is. A new run needs a new objective.
    """

    weight: object
    critic: torch.nn.Module | None = None
    critic_steps: int = 1
    learning_rate: float = 1e-3

    def __post_init__(self):
        if self.critic_steps < 1 or not self.learning_rate > 0:
            raise ValueError("the critic needs at least one step at each call and a positive learning rate, not "
                             f"{self.critic_steps!r} and {self.learning_rate!r}")
        self._optimiser = None

    def __call__(self, model, images, step=0, generator=None):
        mu, logvar = model.encode(images)
        z = gaussians.sample(mu, logvar, generator)
        reconstruction = reconstruction_error(model.decode(z), images)
        if self.critic is None:
            self.critic = models.critic(z.shape[1]).to(z)
        if torch.is_grad_enabled():
            for _ in range(self.critic_steps):
                self._improve_critic(z.detach(), generator)
        frozen = {name: tensor.detach() for name, tensor in self.critic.state_dict().items()}
        marginal_kl = torch.func.functional_call(self.critic, frozen, (z,)).mean()
        loss = reconstruction + value_at(self.weight, step) * marginal_kl
        return Terms(loss, reconstruction, gaussians.kl_divergence(mu, logvar).mean(0), marginal_kl=marginal_kl)

    def _improve_critic(self, codes, generator):
        if self._optimiser is None:
            self._optimiser = torch.optim.Adam(self.critic.parameters(), self.learning_rate)
        prior = torch.randn(codes.shape, generator=generator, dtype=codes.dtype, device=codes.device)
        loss = critic_loss(self.critic(codes), self.critic(prior))
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()


def critic_loss(on_codes, on_prior):
    """The logistic loss of a critic, in nats: E_q log(1 + exp(-T)) + E_p log(1 + exp(T)), from its logits on samples of each.

    At its least, with T = log q/p, it is log 4 - 2 JSD(q, p) (Goodfellow et al. 2014, theorem 1).
    """
    return F.softplus(-on_codes).mean() + F.softplus(on_prior).mean()


def effective_beta(beta, pixels, latents, reconstruction="mean", kl="mean", variance=1.0):
    """The β of a loss "error + beta · KL" in the convention used here, where the error is a negative log-likelihood summed
    over pixels and the KL is summed over latents.

    beta: as the other loss has it, at least 0. pixels: values in an image, channels included. latents: D.
    reconstruction, kl: whether that loss takes the "mean" or the "sum" over pixels and over latents.
    variance: of the Gaussian likelihood whose -log p(x|z) is ||x - x̂||² / (2 variance), up to a constant, if the error is a
    squared error; 0.5 makes that the squared error itself. None if the error is a negative log-likelihood
    already, such as a cross-entropy.

    >>> round(effective_beta(0.1, pixels=784, latents=5), 2)
    7.84
    """
    if not (beta >= 0 and math.isfinite(beta)):
        raise ValueError(f"beta must be a number of at least 0, not {beta!r}")
    for name, count in (("pixels", pixels), ("latents", latents)):
        if count < 1 or count != int(count):
            raise ValueError(f"{name} must be a whole number of at least 1, not {count!r}")
    for name, reduction in (("reconstruction", reconstruction), ("kl", kl)):
        if reduction not in ("mean", "sum"):
            raise ValueError(f'{name} must be "mean" or "sum", not {reduction!r}')
    if variance is not None and not (variance > 0 and math.isfinite(variance)):
        raise ValueError(f"variance must be a positive number, or None for a negative log-likelihood, not {variance!r}")
    per_error = pixels if reconstruction == "mean" else 1
    per_kl = latents if kl == "mean" else 1
    return beta * per_error / per_kl / (1.0 if variance is None else 2 * variance)
