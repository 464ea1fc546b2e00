"""What is inside the mean KL: index-code mutual information, total correlation, dimension-wise KL.

The mean over N images of KL(q(z|n) || p(z)) is the sum of three terms, for a prior that factorises
(Chen et al. 2018, equation 2):

    I(z;n)  +  KL(q(z) || Π_j q(z_j))  +  Σ_j KL(q(z_j) || p(z_j)).

All of them ask for the aggregated posterior q(z) = (1/N) Σ_n q(z|n). `kl_terms` estimates it from a
minibatch, with gradients; `exact_kl_terms` takes every image, by quadrature. Values are in nats.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import qmc, t as student_t
from torch import Tensor

from helpers import gaussians


class KLTerms(NamedTuple):
    """The parts of the mean KL (Chen et al. 2018, equation 2): scalars, in nats."""

    mutual_information: Tensor  # I(z;n)
    total_correlation: Tensor  # TC(z) = KL(q(z) || Π_j q(z_j))
    dimension_wise_kl: Tensor  # Σ_j KL(q(z_j) || p(z_j))
    error: float | None = None  # of exact_kl_terms: what the first two may be off by


def minibatch_log_weights(batch_size: int, dataset_size: int, estimator: str = "mss") -> Tensor:
    """The logarithms of the weights with which a minibatch stands for the aggregated posterior.

    batch_size: B, at least 2. dataset_size: N, at least B.
    estimator: "mss" or "mws", as in `kl_terms`.
    Returns [B, B], float64: row i is for code i, column m for posterior m, so that
    q̂(z_i) = Σ_m exp(weight_im) q(z_i|m).
    Raises ValueError for other sizes and names.

    >>> minibatch_log_weights(2, 10).exp()
    tensor([[0.1000, 0.9000],
            [0.9000, 0.1000]], dtype=torch.float64)
    """
    if not 2 <= batch_size <= dataset_size:
        raise ValueError(
            f"kl_terms needs 2 <= batch size <= dataset_size; the batch has {batch_size} rows and "
            f"dataset_size is {dataset_size}"
        )

    if estimator == "mss":
        own = 1 / dataset_size
        other = (dataset_size - 1) / (dataset_size * (batch_size - 1))
    elif estimator == "mws":
        own = other = 1 / (dataset_size * batch_size)
    else:
        raise ValueError(f'estimator must be "mss" or "mws", not {estimator!r}')

    weights = torch.full((batch_size, batch_size), other, dtype=torch.float64)
    return weights.fill_diagonal_(own).log()


def kl_terms(
    z: Tensor, mu: Tensor, logvar: Tensor, dataset_size: int, estimator: str = "mss"
) -> KLTerms:
    """Estimate I(z;n), TC(z) and Σ_j KL(q(z_j) || p(z_j)) from one batch.

    z, mu, logvar: [B, D]; row i of `z` is a sample from the posterior that row i of the others
      describes.
    dataset_size: N, the number of images that the batch was drawn from; 2 <= B <= N.
    estimator: how q(z) is estimated from the B posteriors at hand.
      "mss", minibatch stratified sampling (Chen et al. 2018, appendix C.2): weight 1/N on the image
      that z came from and (N-1)/(N (B-1)) on each other one, so that the mean of q̂(z) over all
      batches of B different images *is* q(z). The paper gives one of the others, the last, a weight
      of its own; this is the mean over which of them is last.
      "mws", minibatch weighted sampling (appendix C.1): weight 1/(N B) on each. The image that z
      came from counts too much, and the three values are off by large constants besides: they
      serve for gradients and not for reading.
    Returns scalars, batch means in nats, differentiable. Their sum does not depend on q̂(z).
    Raises ValueError for other shapes, sizes and names, and for NaN.

    >>> z, mu, logvar = torch.ones(3, 2), torch.zeros(3, 2), torch.zeros(3, 2)
    >>> terms = kl_terms(z, mu, logvar, dataset_size=100)  # one posterior, the prior, for all
    >>> [f"{abs(term):.4f}" for term in terms[:3]]
    ['0.0000', '0.0000', '0.0000']
    """
    batch_size = len(_checked_table(z, mu, logvar))
    log_weights = minibatch_log_weights(batch_size, dataset_size, estimator).to(z)  # [B, B]

    # The density of code i under posterior m, latent by latent and for all latents together. As
    # many latents are done at once as keep the table in the processor's cache: all of them up to a
    # batch of some 300; at 1,024 that takes half the time of one large table.
    joint = torch.zeros_like(log_weights)  # [B, B]
    log_q_marginals = z.new_zeros(batch_size)  # [B]
    at_once = max(1, 2**20 // batch_size**2)
    groups = zip(*(table.T.split(at_once) for table in (z, mu, logvar)), strict=True)
    for z_j, mu_j, logvar_j in groups:  # [at_once, B] each
        per_latent = gaussians.log_density(
            z_j[:, :, None], mu_j[:, None], logvar_j[:, None]
        )  # [at_once, B, B]
        joint = joint + per_latent.sum(0)
        log_q_marginals = log_q_marginals + torch.logsumexp(log_weights + per_latent, dim=2).sum(0)

    # Code i came from posterior i; the aggregated posterior averages over the batch.
    log_q_z_given_n = joint.diagonal()  # [B]
    log_q_z = torch.logsumexp(log_weights + joint, dim=1)  # [B]
    log_p_z = gaussians.log_density(z, 0.0, 0.0).sum(1)  # [B]

    return KLTerms(
        mutual_information=(log_q_z_given_n - log_q_z).mean(),
        total_correlation=(log_q_z - log_q_marginals).mean(),
        dimension_wise_kl=(log_q_marginals - log_p_z).mean(),
    )


def exact_kl_terms(mu: Tensor, logvar: Tensor, target_error: float = 0.003) -> KLTerms:
    """The same three terms for a whole table of posteriors, with q(z) the full mixture of all N.

    mu, logvar: [N, D]. Meant for N up to a few thousand and D up to 4, where it reaches the target
      in seconds; for other sizes read `.error`.
    target_error: nats, for the mutual information and the total correlation.
    Returns scalars in nats, computed in float64 and without gradients, with `.error`.
    Raises ValueError for other shapes, and for NaN.

    The marginals q(z_j) are integrated by quadrature. The one integral over all latents, of
    log q(z), is taken over randomised quasi-random points, their number doubled until `.error`, a
    99 % half-width from 16 independent randomisations, is below `target_error` or the points reach
    2²⁰.

    >>> far_apart = torch.tensor([[-9.0, 0.0], [9.0, 0.0]])  # naming one of two images: log 2
    >>> terms = exact_kl_terms(far_apart, torch.zeros(2, 2))
    >>> round(terms.mutual_information.item(), 3), round(abs(terms.total_correlation.item()), 3)
    (0.693, 0.0)
    """
    _checked_table(mu, mu, logvar)
    mu, logvar = mu.detach().cpu().double(), logvar.detach().cpu().double()

    # Σ_j KL(q(z_j) || p(z_j)) = -E_q(z) log p(z) - Σ_j H(q(z_j)), for a prior that factorises.
    mean_kl = gaussians.kl_divergence(mu, logvar).sum(1).mean()
    cross_entropies = mean_kl + gaussians.entropy(logvar).sum(1).mean()
    columns = zip(mu.T, logvar.T, strict=True)
    marginal_entropies = sum(marginal_entropy(mu_j, logvar_j) for mu_j, logvar_j in columns)
    dimension_wise_kl = cross_entropies - marginal_entropies

    # One latent has no total correlation, so the rest is all mutual information.
    if mu.shape[1] == 1:
        mutual_information, error = mean_kl - dimension_wise_kl, 0.0
    else:
        mutual_information, error = _mutual_information_of_mixture(mu, logvar, target_error)

    total_correlation = mean_kl - dimension_wise_kl - mutual_information
    return KLTerms(mutual_information, total_correlation, dimension_wise_kl, error)


def marginal_entropy(mu: Tensor, logvar: Tensor) -> Tensor:
    """The differential entropy of a one-dimensional mixture of Gaussians with equal shares.

    mu, logvar: [N].
    Returns a scalar in nats, float64 on the CPU, of (1/N) Σ_n N(mu_n, exp(logvar_n)). The
    trapezoidal rule on an even grid, a quarter of the narrowest component's standard deviation
    apart: for a smooth integrand that vanishes at both ends its error falls exponentially as the
    grid gets finer.

    >>> one = torch.zeros(1, dtype=torch.float64)
    >>> bool((marginal_entropy(one, one) - gaussians.entropy(one)).abs() < 1e-12)
    True
    """
    mu, logvar = mu.cpu().double(), logvar.cpu().double()  # not every device knows float64

    # The grid reaches nine standard deviations beyond the outermost components.
    sigma = torch.exp(0.5 * logvar)
    low, high = (mu - 9 * sigma).min(), (mu + 9 * sigma).max()
    points = math.ceil((high - low) / (0.25 * sigma.min())) + 1
    grid = torch.linspace(low, high, points, dtype=torch.float64)  # [points]

    # The density, some points at a time, for the table [points, N] may be too large for memory.
    parts = grid.split(max(1, 2**22 // len(mu)))
    components = (torch.exp(gaussians.log_density(z[:, None], mu, logvar)) for z in parts)
    density = torch.cat([table.mean(1) for table in components])  # [points]

    return -torch.special.xlogy(density, density).sum() * (grid[1] - grid[0])


def _mutual_information_of_mixture(
    mu: Tensor, logvar: Tensor, target_error: float, randomisations: int = 16, most: int = 2**20
) -> tuple[Tensor, float]:
    """I(z;n) = E_n E_q(z|n) [log q(z|n) - log q(z)] and the half-width of its 99 % interval.

    The integrand lies between 0 and log N on average and varies little, more so than log q(z)
    itself.
    """
    log_q = _mixture_log_density(mu, logvar)
    points = 2**12
    while True:
        # One mean for each independent randomisation of the points: their spread is the error.
        means = []
        for seed in range(randomisations):
            row, z = _quasi_random_codes(mu, logvar, points, seed)
            log_q_z_given_n = gaussians.log_density(z, mu[row], logvar[row]).sum(1)  # [points]
            means.append((log_q_z_given_n - log_q(z)).mean().item())
        spread = np.std(means, ddof=1) / math.sqrt(randomisations)
        error = student_t.ppf(0.995, randomisations - 1) * spread

        if error <= target_error or points * randomisations >= most:
            return torch.tensor(np.mean(means), dtype=torch.float64), float(error)
        points *= 2


def _quasi_random_codes(
    mu: Tensor, logvar: Tensor, points: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Images n [points] and codes z ~ q(z|n) [points, D] that fill the mixture evenly.

    They come from a scrambled Sobol sequence: its first coordinate chooses n, the others z by the
    inverse of the normal distribution.
    """
    n, d = mu.shape
    sobol = qmc.Sobol(d + 1, rng=np.random.default_rng([seed, points]))
    u = torch.from_numpy(sobol.random(points))  # [points, 1 + D], in [0, 1)

    row = (u[:, 0] * n).long().clamp_(max=n - 1)  # [points]
    noise = torch.special.ndtri(u[:, 1:].clamp(1e-16, 1 - 1e-16))  # [points, D]
    return row, mu[row] + torch.exp(0.5 * logvar)[row] * noise


def _mixture_log_density(mu: Tensor, logvar: Tensor) -> Callable[[Tensor], Tensor]:
    """The function z [points, D] -> log q(z) [points] of the mixture of all N posteriors.

    log q(z|n), up to a constant of n, is linear in the features (z², z), so that the whole table
    [points, N] is one matrix product.
    """
    variance = torch.exp(0.5 * logvar) ** 2
    slopes = torch.cat([-0.5 / variance, mu / variance], dim=1).T  # [2 D, N]
    log_share = -math.log(len(mu))
    offsets = gaussians.log_density(torch.zeros_like(mu), mu, logvar).sum(1) + log_share  # [N]

    def log_q(z: Tensor) -> Tensor:
        parts = z.split(max(1, 2**17 // len(mu)))  # tables [points, N] that stay in the cache
        features = (torch.cat([part**2, part], dim=1) for part in parts)
        return torch.cat([torch.logsumexp(torch.addmm(offsets, f, slopes), 1) for f in features])

    return log_q


def _checked_table(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """z, or a ValueError that says what is wrong with one of the three tables."""
    if not (z.ndim == 2 and z.shape == mu.shape == logvar.shape and z.numel()):
        raise ValueError(
            "z, mu and logvar must share one shape [B, D] with B and D at least 1; these have "
            f"{list(z.shape)}, {list(mu.shape)} and {list(logvar.shape)}"
        )
    for name, tensor in (("z", z), ("mu", mu), ("logvar", logvar)):
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(
                f"{name} holds NaN or infinite values: the training may have diverged; try a "
                "smaller learning rate"
            )
    return z
