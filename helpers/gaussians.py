"""Diagonal Gaussians: log density, Kullback-Leibler divergence, entropy, reparameterised samples.

A diagonal Gaussian is a pair of tensors `mu` and `logvar` (the logarithm of the variance, never the
standard deviation) of the same shape. Its coordinates are independent, so every function here
answers for each coordinate by itself; sum over the last axis to get the value for the whole vector.
All values are in nats.
"""

import math

import torch
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


def log_density(z: Tensor | float, mu: Tensor | float, logvar: Tensor | float) -> Tensor:
    """log N(z; mu, exp(logvar)) of each coordinate.

    z: [...]; where the density is asked for.
    mu, logvar: [...]; mean and log-variance.
    At least one of the three is a tensor. Plain numbers stand for all coordinates.
    Returns [...], the shape to which the three broadcast, in nats.

    >>> log_density(torch.tensor([0.0, 1.0, 2.0]), 0.0, 0.0)
    tensor([-0.9189, -1.4189, -2.9189])
    """
    if isinstance(logvar, Tensor):
        per_spread: Tensor | float = torch.exp(-0.5 * logvar)
    else:
        per_spread = math.exp(-0.5 * logvar)
    standardised = (z - mu) * per_spread

    # A type checker cannot see that one of the three is a tensor.
    return -0.5 * standardised**2 - 0.5 * (logvar + LOG_2PI)  # type: ignore[return-value]


def kl_divergence(
    mu: Tensor,
    logvar: Tensor,
    prior_mu: Tensor | float = 0.0,
    prior_logvar: Tensor | float = 0.0,
) -> Tensor:
    """KL(N(mu, exp(logvar)) || N(prior_mu, exp(prior_logvar))) of each coordinate.

    mu, logvar: [...]; mean and log-variance of the first Gaussian.
    prior_mu, prior_logvar: [...] or numbers; those of the second one, by default the standard
      normal prior.
    Returns [...], in nats, at least 0 up to rounding: in float32 an inactive latent's may be
    -1e-7. For the standard normal prior that is (mu² + exp(logvar) - 1 - logvar) / 2 (Kingma &
    Welling 2014, appendix B).

    >>> kl_divergence(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 0.0]))
    tensor([0.0000, 0.5000])
    """
    centre = torch.as_tensor(prior_mu, dtype=mu.dtype, device=mu.device)
    log_spread = torch.as_tensor(prior_logvar, dtype=mu.dtype, device=mu.device)

    # How far the means are apart and how the variances compare, both in units of the second one.
    distance = (mu - centre) ** 2 * torch.exp(-log_spread)
    ratio = torch.exp(logvar - log_spread)

    return 0.5 * (distance + ratio - 1 - (logvar - log_spread))


def entropy(logvar: Tensor) -> Tensor:
    """The differential entropy of each coordinate, (1 + log 2π + logvar) / 2.

    logvar: [...]; log-variance.
    Returns [...], in nats. It may be negative, because a narrow density is larger than 1.

    >>> entropy(torch.tensor([0.0, -4.0]))
    tensor([ 1.4189, -0.5811])
    """
    return 0.5 * (1 + LOG_2PI + logvar)


def sample(mu: Tensor, logvar: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One reparameterised sample z = mu + exp(logvar / 2) · ε with ε ~ N(0, 1).

    mu, logvar: [...]; mean and log-variance.
    generator: with the same state it gives the same ε; without one, torch's own is used.
    Returns [...], the shape of `mu`. Gradients flow to `mu` and `logvar` (Kingma & Welling 2014,
    section 2.4), because the chance is all in ε.

    >>> mu, logvar = torch.tensor([3.0, 7.0]), torch.tensor([-80.0, -80.0])  # hardly any spread
    >>> sample(mu, logvar)
    tensor([3., 7.])
    """
    return mu + torch.exp(0.5 * logvar) * noise_like(mu, generator)


def noise_like(table: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Standard normal noise of this shape and type, where the table is.

    It is drawn where the generator is and then moved, so that one seed means one noise on every
    device; without a generator it is drawn by torch's own on the table's device.
    """
    source = table.device if generator is None else generator.device
    noise = torch.randn(table.shape, generator=generator, dtype=table.dtype, device=source)
    return noise.to(table.device)
