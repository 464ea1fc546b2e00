"""Diagonal Gaussians: log density, Kullback-Leibler divergence, entropy, reparameterised samples.

A diagonal Gaussian is a pair of tensors `mu` and `logvar` (the logarithm of the variance, never the
standard deviation) of the same shape. Its coordinates are independent, so every function here answers for
each coordinate by itself; sum over the last axis to get the value for the whole vector. All values are in nats.
"""

import math

import torch

LOG_2PI = math.log(2 * math.pi)


def log_density(z, mu, logvar):
    """log N(z; mu, exp(logvar)) of each coordinate, in nats.

    The three tensors broadcast against each other; so does the result.
    """
    return -0.5 * ((z - mu) * torch.exp(-0.5 * logvar)) ** 2 - 0.5 * (logvar + LOG_2PI)


def kl_divergence(mu, logvar, prior_mu=0.0, prior_logvar=0.0):
    """KL(N(mu, exp(logvar)) || N(prior_mu, exp(prior_logvar))) of each coordinate, in nats, at least 0.

    Without the last two arguments the second Gaussian is the standard normal prior, and the value is
    (mu² + exp(logvar) - 1 - logvar) / 2 (Kingma & Welling 2014, appendix B).
    """
    prior_mu, prior_logvar = (torch.as_tensor(p, dtype=mu.dtype, device=mu.device) for p in (prior_mu, prior_logvar))
    ratio = torch.exp(logvar - prior_logvar)
    return 0.5 * ((mu - prior_mu) ** 2 * torch.exp(-prior_logvar) + ratio - 1 - (logvar - prior_logvar))


def entropy(logvar):
    """Differential entropy of each coordinate, (1 + log 2π + logvar) / 2, in nats. It may be negative."""
    return 0.5 * (1 + LOG_2PI + logvar)


def sample(mu, logvar, generator=None):
    """One reparameterised sample z = mu + exp(logvar / 2) · ε with ε ~ N(0, 1), of the shape of `mu`.

    Gradients flow to `mu` and `logvar` (Kingma & Welling 2014, section 2.4). `generator` is a
    `torch.Generator`; with the same state it gives the same ε.
    """
    noise = torch.randn(mu.shape, generator=generator, dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * noise
