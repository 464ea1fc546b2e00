"""Worlds that can be solved exactly: linear-Gaussian and small discrete."""

import math
from typing import NamedTuple

import torch
from torch.distributions import MultivariateNormal

from helpers import gaussians


class LinearGaussian:
    """p(z) = N(0, I) and p(x|z) = N(W z + m, s² I): probabilistic PCA (Tipping & Bishop 1999), every integral known.

    weights: W, [pixels, D]. noise_variance: s² > 0. mean: m, [pixels], zero if not given. Images x are [N, pixels] and
    codes z [N, D]. Everything is float64, in nats, and passes gradients on. ValueError for shapes that do not fit, for
    NaN or infinite values and for a noise variance that is not positive.
    """

    def __init__(self, weights, noise_variance, mean=None):
        self.weights = torch.as_tensor(weights, dtype=torch.float64)
        if self.weights.ndim != 2 or not self.weights.numel():
            raise ValueError(f"weights must be a table [pixels, D] with at least one of each, not of shape "
                             f"{list(self.weights.shape)}")
        self.noise_variance = torch.as_tensor(noise_variance, dtype=torch.float64)
        if self.noise_variance.ndim or not 0 < self.noise_variance < math.inf:
            raise ValueError(f"noise_variance must be one positive number, not {noise_variance!r}")
        self.pixels, self.latents = self.weights.shape
        mean = torch.zeros(self.pixels) if mean is None else mean
        self.mean = _finite_rows(mean, self.pixels, "mean")
        _finite_rows(self.weights, self.latents, "weights")
        if self.mean.ndim != 1:
            raise ValueError(f"mean must be one image, [{self.pixels}], not of shape {list(self.mean.shape)}")

    def sample(self, n, generator=None):
        """n images and the codes that they were made from: ([n, pixels], [n, D])."""
        z = torch.randn(n, self.latents, generator=generator, dtype=torch.float64)
        noise = torch.randn(n, self.pixels, generator=generator, dtype=torch.float64)
        return z @ self.weights.T + self.mean + self.noise_variance.sqrt() * noise, z

    def log_evidence(self, x):
        """log p(x) = log N(x; m, W Wᵀ + s² I) of each image [N, pixels]: [N]."""
        covariance = self.weights @ self.weights.T + self.noise_variance * torch.eye(self.pixels, dtype=torch.float64)
        return MultivariateNormal(self.mean, covariance).log_prob(_finite_rows(x, self.pixels, "x"))

    def precision(self):
        """Λ = I + WᵀW / s² [D, D], the inverse covariance of the true posterior, the same for every image."""
        return torch.eye(self.latents, dtype=torch.float64) + self.weights.T @ self.weights / self.noise_variance

    def posterior(self, x):
        """The true posterior p(z|x) = N(Λ⁻¹ Wᵀ (x - m) / s², Λ⁻¹): (mean [N, D], covariance [D, D])."""
        covariance = torch.linalg.inv(self.precision())
        x = _finite_rows(x, self.pixels, "x")
        return (x - self.mean) @ self.weights @ covariance / self.noise_variance, covariance

    def log_likelihood(self, x, z):
        """log p(x|z) of images [..., pixels] with codes [..., D]: [...]. The leading axes broadcast."""
        residual = _finite_rows(x, self.pixels, "x") - _finite_rows(z, self.latents, "z") @ self.weights.T - self.mean
        return -0.5 * ((residual**2).sum(-1) / self.noise_variance
                       + self.pixels * torch.log(2 * math.pi * self.noise_variance))

    def elbo(self, x, mu, logvar):
        """E_q log p(x|z) - KL(q(z|x) || p(z)) for q = N(mu, diag(exp(logvar))), in closed form: [N].

        The spread of q costs the expected squared error Σ_j exp(logvar_j) |w_j|², w_j being column j of W.
        """
        mu, logvar = _finite_rows(mu, self.latents, "mu"), _finite_rows(logvar, self.latents, "logvar")
        spread = (logvar.exp() * (self.weights**2).sum(0)).sum(-1) / (2 * self.noise_variance)
        return self.log_likelihood(x, mu) - spread - gaussians.kl_divergence(mu, logvar).sum(-1)

    def best_diagonal(self):
        """The best diagonal q: (logvar [D], gap), where gap = log p(x) - ELBO, the same number for every image.

        Its mean is the posterior's, its variances are 1 / Λ_jj, and gap = (Σ_j log Λ_jj - log det Λ) / 2. That is at
        least 0 (Hadamard), and 0 just when the columns of W are orthogonal.
        """
        precision = self.precision()
        diagonal = precision.diagonal()
        return -diagonal.log(), 0.5 * (diagonal.log().sum() - torch.logdet(precision))

    def rotated(self, rotation):
        """The world with weights W R, for R [D, D] orthogonal. It gives every image the same evidence."""
        rotation = torch.as_tensor(rotation, dtype=torch.float64)
        identity = torch.eye(self.latents, dtype=torch.float64)
        if rotation.shape != identity.shape or not torch.allclose(rotation @ rotation.T, identity, rtol=0, atol=1e-9):
            raise ValueError(f"rotation must be an orthogonal [{self.latents}, {self.latents}] matrix, R Rᵀ = I")
        return LinearGaussian(self.weights @ rotation, self.noise_variance, self.mean)

    def principal_rotation(self):
        """An orthogonal R [D, D] that makes the columns of W R orthogonal, the longest first: the eigenvectors of WᵀW.

        The columns of the rotated world lie along the principal axes of W Wᵀ, and its `best_diagonal` has the gap 0.
        Where WᵀW has equal eigenvalues, R is one of many.
        """
        return torch.linalg.eigh(self.weights.T @ self.weights).eigenvectors.flip(1)


class DiscreteWorld:
    """A finite number of codes and images: every expectation is a sum.

    prior: [Z], p(z). likelihood: [Z, X], p(x|z); each row sums to 1. Images x = 0 … N - 1 (N = X) are equally likely as
    data, one of each. latent_sizes: a code is a tuple of D latents with these many values, the last running fastest;
    None for one latent. Encoders are tables q [N, Z], q(z|x), each row summing to 1. Everything is float64, in nats.
    """

    def __init__(self, prior, likelihood, latent_sizes=None):
        self.prior, self.likelihood = _distribution(prior, "prior", 1), _distribution(likelihood, "likelihood", 2)
        self.latent_sizes = tuple(latent_sizes or self.prior.shape)
        if not len(self.likelihood) == len(self.prior) == math.prod(self.latent_sizes):
            raise ValueError(f"prior, likelihood and latent_sizes disagree on the number of codes: {len(self.prior)}, "
                             f"{len(self.likelihood)} and the product of {self.latent_sizes}")
        if not bool((self.evidence() > 0).all()):
            raise ValueError("every image needs a code that can produce it, or its log-evidence is not finite")

    def evidence(self):
        """p(x) = Σ_z p(z) p(x|z) of each image, [N]."""
        return self.prior @ self.likelihood

    def posterior(self):
        """The true posterior p(z|x) = p(z) p(x|z) / p(x), [N, Z]."""
        return (self.prior[:, None] * self.likelihood / self.evidence()).T

    def elbo(self, q):
        """E_q log p(x|z) - KL(q(z|x) || p(z)) of each image, [N]. It falls short of log p(x) by KL(q || posterior)."""
        q = self._encoder(q)
        return torch.xlogy(q, self.likelihood.T).sum(1) - _kl(q, self.prior)

    def rate(self, q):
        """R, the mean over images of KL(q(z|x) || p(z))."""
        return _kl(self._encoder(q), self.prior).mean()

    def distortion(self, q):
        """E, the mean over images of -E_q log p(x|z)."""
        return -torch.xlogy(self._encoder(q), self.likelihood.T).sum(1).mean()

    def tempered(self, beta):
        """The encoder [N, Z] that minimises distortion + beta · rate: q(z|x) ∝ p(z) p(x|z)^(1/beta).

        beta = 1 gives the true posterior, beta = ∞ the prior, cut to the codes that can produce the image. beta = 0 gives
        the limit from above: the code under which the image is likeliest, ties shared in proportion to the prior.
        ValueError for a negative beta.
        """
        if not beta >= 0:
            raise ValueError(f"beta must be at least 0, not {beta!r}")
        log_likelihood = self.likelihood.T.log()
        best = torch.where(self.prior > 0, log_likelihood, -math.inf).amax(1, keepdim=True)
        if beta == 0:
            log_tilt = torch.where(torch.isclose(log_likelihood, best, rtol=0, atol=1e-12), 0.0, -math.inf)
        else:
            log_tilt = torch.where(self.likelihood.T > 0, (log_likelihood - best) / beta, -math.inf)
        return torch.softmax(self.prior.log() + log_tilt, dim=1)

    def kl_terms(self, q):
        """I(z;n), TC(z) and Σ_j KL(q(z_j) || p(z_j)) by enumeration; they add up to the rate.

        They do so for a prior that factorises, that is p(z) = Π_j p(z_j). ValueError for any other.
        """
        q = self._encoder(q)
        aggregated = q.mean(0)  # q(z): all images are equally likely
        q_marginals, p_marginals = self._marginals(aggregated), self._marginals(self.prior)
        if not torch.allclose(_product(p_marginals), self.prior, rtol=0, atol=1e-12):
            raise ValueError("the prior does not factorise over the latents, so the KL has no such three parts")
        return KLTerms(_kl(q, aggregated).mean(), _kl(aggregated, _product(q_marginals)),
                       sum(_kl(a, b) for a, b in zip(q_marginals, p_marginals)))

    def _marginals(self, joint):
        table = joint.reshape(self.latent_sizes)
        latents = range(table.ndim)
        return [table.sum([k for k in latents if k != j]) if table.ndim > 1 else table for j in latents]

    def _encoder(self, q):
        q = _distribution(q, "q", 2)
        if q.shape != self.likelihood.T.shape:
            raise ValueError(f"q must have a row an image and a column a code, {list(self.likelihood.T.shape)}, not "
                             f"{list(q.shape)}")
        return q


class KLTerms(NamedTuple):
    """The three parts of the mean KL, in nats, named as in `helpers.objectives`."""

    mutual_information: torch.Tensor
    total_correlation: torch.Tensor
    dimension_wise_kl: torch.Tensor


def four_images():
    """The toy that goes through the series: four images of two pixels, 00, 01, 10 and 11, and two binary latents.

    All four codes are equally likely a priori. The decoder copies latent j to pixel j with probability 0.8 and flips it
    with 0.2, each pixel by itself, so that p(x) = 1/4 and the true posterior is p(z_j = x_j | x) = 0.8.
    """
    copy = torch.tensor([[0.8, 0.2], [0.2, 0.8]], dtype=torch.float64)
    return DiscreteWorld(torch.full((4,), 0.25), torch.kron(copy, copy), latent_sizes=(2, 2))


def _kl(q, p):
    """KL(q || p) over the last axis, with 0 log 0 = 0."""
    return (torch.xlogy(q, q) - torch.xlogy(q, p)).sum(-1)


def _product(marginals):
    """The joint distribution, flattened, of independent latents with these marginals."""
    joint = marginals[0]
    for marginal in marginals[1:]:
        joint = torch.outer(joint, marginal).flatten()
    return joint


def _distribution(values, name, dimensions):
    """`values` as a float64 tensor whose last axis holds probabilities, or a ValueError that says what is wrong."""
    values = torch.as_tensor(values, dtype=torch.float64)
    if values.ndim != dimensions or not values.numel():
        raise ValueError(f"{name} must have {dimensions} axes and at least one entry; its shape is {list(values.shape)}")
    if not bool((values >= 0).all()) or not bool(((values.sum(-1) - 1).abs() < 1e-6).all()):
        raise ValueError(f"{name} must hold probabilities: none negative, each row with sum 1")
    return values


def _finite_rows(values, width, name):
    """`values` as a float64 tensor [..., width] without NaN and infinities, or a ValueError that says what is wrong."""
    values = torch.as_tensor(values, dtype=torch.float64)
    if not values.ndim or values.shape[-1] != width:
        raise ValueError(f"{name} must have {width} numbers a row; its shape is {list(values.shape)}")
    if not bool(torch.isfinite(values).all()):
        raise ValueError(f"{name} holds NaN or infinite values")
    return values
