"""Worlds that can be solved exactly: linear-Gaussian and small discrete."""

import math
from collections.abc import Sequence

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.distributions import MultivariateNormal

from helpers import gaussians
from helpers.decomposition import KLTerms


class LinearGaussian:
    """p(z) = N(0, I) and p(x|z) = N(W z + m, s² I): every integral is known.

    It is probabilistic PCA (Tipping & Bishop 1999). Everything is float64, in nats, and passes
    gradients on.

    weights: [pixels, D]; W.
    noise_variance: s² > 0.
    mean: [pixels]; m, zero if not given.

    Raises ValueError, here and in the methods, for shapes that do not fit, for NaN or infinite
    values and for a noise variance that is not positive.

    >>> world = LinearGaussian([[1.0], [1.0]], noise_variance=0.5)
    >>> mean, covariance = world.posterior([[0.9, 1.6]])
    >>> mean, covariance
    (tensor([[1.]], dtype=torch.float64), tensor([[0.2000]], dtype=torch.float64))
    """

    weights: Tensor  # [pixels, D]
    noise_variance: Tensor  # a scalar
    mean: Tensor  # [pixels]
    pixels: int
    latents: int  # D

    def __init__(
        self,
        weights: ArrayLike,
        noise_variance: float | Tensor,
        mean: ArrayLike | None = None,
    ) -> None:
        self.weights = torch.as_tensor(weights, dtype=torch.float64)
        if self.weights.ndim != 2 or not self.weights.numel():
            raise ValueError(
                "weights must be a table [pixels, D] with at least one of each, not of shape "
                f"{list(self.weights.shape)}"
            )
        self.pixels, self.latents = self.weights.shape

        self.noise_variance = torch.as_tensor(noise_variance, dtype=torch.float64)
        if self.noise_variance.ndim or not 0 < self.noise_variance < math.inf:
            raise ValueError(f"noise_variance must be one positive number, not {noise_variance!r}")

        # The centre of the images. Neither it nor the table may hold NaN.
        if mean is None:
            self.mean = torch.zeros(self.pixels, dtype=torch.float64)
        else:
            self.mean = _finite_rows(mean, self.pixels, "mean")
        _finite_rows(self.weights, self.latents, "weights")
        if self.mean.ndim != 1:
            raise ValueError(
                f"mean must be one image, [{self.pixels}], not of shape {list(self.mean.shape)}"
            )

    def sample(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """n images and the codes that they were made from.

        n: the number of images.
        generator: with the same state it gives the same ones.
        Returns (images [n, pixels], codes [n, D]).
        """
        z = torch.randn(n, self.latents, generator=generator, dtype=torch.float64)
        noise = torch.randn(n, self.pixels, generator=generator, dtype=torch.float64)
        return z @ self.weights.T + self.mean + self.noise_variance.sqrt() * noise, z

    def log_evidence(self, x: ArrayLike) -> Tensor:
        """log p(x) = log N(x; m, W Wᵀ + s² I) of each image.

        x: [N, pixels].
        Returns [N], in nats.
        """
        noise = self.noise_variance * torch.eye(self.pixels, dtype=torch.float64)
        covariance = self.weights @ self.weights.T + noise  # [pixels, pixels]
        return MultivariateNormal(self.mean, covariance).log_prob(_finite_rows(x, self.pixels, "x"))

    def precision(self) -> Tensor:
        """The inverse covariance of the true posterior, Λ = I + WᵀW / s².

        Returns [D, D], the same for every image.
        """
        prior = torch.eye(self.latents, dtype=torch.float64)
        return prior + self.weights.T @ self.weights / self.noise_variance

    def posterior(self, x: ArrayLike) -> tuple[Tensor, Tensor]:
        """The true posterior p(z|x) = N(Λ⁻¹ Wᵀ (x - m) / s², Λ⁻¹), where Λ is the `precision`.

        x: [N, pixels].
        Returns (mean [N, D], covariance [D, D]); the covariance is the same for every image.
        """
        covariance = torch.linalg.inv(self.precision())
        centred = _finite_rows(x, self.pixels, "x") - self.mean
        return centred @ self.weights @ covariance / self.noise_variance, covariance

    def log_likelihood(self, x: ArrayLike, z: ArrayLike) -> Tensor:
        """log p(x|z) of images with codes; their leading axes broadcast.

        x: [..., pixels].
        z: [..., D].
        Returns [...], in nats.
        """
        images = _finite_rows(x, self.pixels, "x")
        codes = _finite_rows(z, self.latents, "z")
        residual = images - codes @ self.weights.T - self.mean  # [..., pixels]

        error = (residual**2).sum(-1) / self.noise_variance  # [...]
        return -0.5 * (error + self.pixels * torch.log(2 * math.pi * self.noise_variance))

    def elbo(self, x: ArrayLike, mu: ArrayLike, logvar: ArrayLike) -> Tensor:
        """E_q log p(x|z) - KL(q(z|x) || p(z)) for a diagonal Gaussian q, in closed form.

        x: [N, pixels].
        mu, logvar: [N, D]; q(z|x) = N(mu, diag(exp(logvar))).
        Returns [N], in nats, at most `log_evidence(x)`.
        """
        mean = _finite_rows(mu, self.latents, "mu")
        log_variance = _finite_rows(logvar, self.latents, "logvar")

        # The spread of q costs the expected squared error Σ_j exp(logvar_j) |w_j|² on top of that
        # at its mean, w_j being column j of W, because the decoder is linear.
        squared_lengths = (self.weights**2).sum(0)  # [D]
        spread = (log_variance.exp() * squared_lengths).sum(-1) / (2 * self.noise_variance)  # [N]

        rate = gaussians.kl_divergence(mean, log_variance).sum(-1)  # [N]
        return self.log_likelihood(x, mean) - spread - rate

    def best_diagonal(self) -> tuple[Tensor, Tensor]:
        """The spread of the best diagonal q, and what even that one misses of the evidence.

        Its mean is the posterior's and its variances are 1 / Λ_jj, where Λ is the `precision`.

        Returns (logvar [D], gap), where gap = log p(x) - ELBO = (Σ_j log Λ_jj - log det Λ) / 2 is
        the same number of nats for every image. It is at least 0 (Hadamard), and 0 just when the
        columns of W are orthogonal.

        >>> skewed = LinearGaussian([[1.0, 1.0], [0.0, 1.0]], noise_variance=0.5)
        >>> logvar, gap = skewed.best_diagonal()
        >>> round(gap.item(), 4)
        0.1551
        """
        precision = self.precision()
        diagonal = precision.diagonal()
        return -diagonal.log(), 0.5 * (diagonal.log().sum() - torch.logdet(precision))

    def rotated(self, rotation: ArrayLike) -> "LinearGaussian":
        """The world with weights W R, which gives every image the same evidence.

        rotation: [D, D], orthogonal; R.
        Returns a `LinearGaussian`.
        Raises ValueError for a matrix that is not orthogonal.
        """
        matrix = torch.as_tensor(rotation, dtype=torch.float64)
        identity = torch.eye(self.latents, dtype=torch.float64)
        fits = matrix.shape == identity.shape
        if not fits or not torch.allclose(matrix @ matrix.T, identity, rtol=0, atol=1e-9):
            raise ValueError(
                f"rotation must be an orthogonal [{self.latents}, {self.latents}] matrix, R Rᵀ = I"
            )

        return LinearGaussian(self.weights @ matrix, self.noise_variance, self.mean)

    def principal_rotation(self) -> Tensor:
        """A rotation that makes the columns of W R orthogonal, the longest first.

        The columns of the rotated world lie along the principal axes of W Wᵀ, and its
        `best_diagonal` has the gap 0.

        Returns [D, D]; R, the eigenvectors of WᵀW. Where WᵀW has equal eigenvalues, it is one of
        many.
        """
        return torch.linalg.eigh(self.weights.T @ self.weights).eigenvectors.flip(1)


class DiscreteWorld:
    """A finite number of codes and images: every expectation is a sum.

    Everything is float64, in nats. Images x = 0 … N - 1 (N = X) are equally likely as data, one of
    each. Encoders are tables q [N, Z], q(z|x), each row summing to 1.

    prior: [Z]; p(z).
    likelihood: [Z, X]; p(x|z), each row summing to 1.
    latent_sizes: [D]; a code is a tuple of D latents with these many values, the last running
      fastest. None for one latent.

    Raises ValueError for what are no distributions, for sizes that disagree and for an image that
    no code can produce; the methods do so for encoders of the wrong kind.

    >>> world = DiscreteWorld(prior=[0.5, 0.5], likelihood=[[1.0, 0.0], [0.2, 0.8]])
    >>> world.evidence()
    tensor([0.6000, 0.4000], dtype=torch.float64)
    """

    prior: Tensor  # [Z]
    likelihood: Tensor  # [Z, X]
    latent_sizes: tuple[int, ...]  # [D]

    def __init__(
        self,
        prior: ArrayLike,
        likelihood: ArrayLike,
        latent_sizes: Sequence[int] | None = None,
    ) -> None:
        self.prior = _distribution(prior, "prior", 1)
        self.likelihood = _distribution(likelihood, "likelihood", 2)
        self.latent_sizes = tuple(latent_sizes or self.prior.shape)

        # Rows, probabilities and tuples of latents must be the same codes.
        if not len(self.likelihood) == len(self.prior) == math.prod(self.latent_sizes):
            raise ValueError(
                "prior, likelihood and latent_sizes disagree on the number of codes: "
                f"{len(self.prior)}, {len(self.likelihood)} and the product of {self.latent_sizes}"
            )

        # An image that nothing produces has the log-evidence -∞, and no posterior.
        if not bool((self.evidence() > 0).all()):
            raise ValueError(
                "every image needs a code that can produce it, or its log-evidence is not finite"
            )

    def evidence(self) -> Tensor:
        """p(x) = Σ_z p(z) p(x|z) of each image, [N]."""
        return self.prior @ self.likelihood

    def posterior(self) -> Tensor:
        """The true posterior p(z|x) = p(z) p(x|z) / p(x), [N, Z]."""
        return (self.prior[:, None] * self.likelihood / self.evidence()).T

    def elbo(self, q: ArrayLike) -> Tensor:
        """E_q log p(x|z) - KL(q(z|x) || p(z)) of each image.

        q: [N, Z]; the encoder.
        Returns [N], in nats. It falls short of log p(x) by KL(q(z|x) || p(z|x)).
        """
        encoder = self._encoder(q)
        return torch.xlogy(encoder, self.likelihood.T).sum(1) - _kl(encoder, self.prior)

    def rate(self, q: ArrayLike) -> Tensor:
        """R, the mean over images of KL(q(z|x) || p(z)).

        q: [N, Z]; the encoder.
        Returns a scalar, in nats, at least 0.
        """
        return _kl(self._encoder(q), self.prior).mean()

    def distortion(self, q: ArrayLike) -> Tensor:
        """E, the mean over images of -E_q log p(x|z).

        q: [N, Z]; the encoder.
        Returns a scalar, in nats.
        """
        return -torch.xlogy(self._encoder(q), self.likelihood.T).sum(1).mean()

    def tempered(self, beta: float) -> Tensor:
        """The encoder that minimises distortion + beta · rate: q(z|x) ∝ p(z) p(x|z)^(1/beta).

        beta: the price of a nat of rate, at least 0. 1 gives the true posterior; ∞ gives the prior,
          cut to the codes that can produce the image; 0 gives the limit from above, the code under
          which the image is likeliest, ties shared in proportion to the prior.
        Returns [N, Z].
        Raises ValueError for a negative beta.

        >>> four_images().tempered(math.inf)[0]
        tensor([0.2500, 0.2500, 0.2500, 0.2500], dtype=torch.float64)
        """
        if not beta >= 0:
            raise ValueError(f"beta must be at least 0, not {beta!r}")

        # Each image's best code among those that the prior allows is the reference, so that
        # nothing overflows when a small beta magnifies the differences.
        log_likelihood = self.likelihood.T.log()  # [N, Z]
        allowed = torch.where(self.prior > 0, log_likelihood, -math.inf)  # [N, Z]
        best = allowed.amax(1, keepdim=True)  # [N, 1]

        # log p(x|z)^(1/beta) up to a constant of the image, and its limit at 0.
        if beta == 0:
            kept = torch.isclose(log_likelihood, best, rtol=0, atol=1e-12)
            log_tilt = torch.where(kept, 0.0, -math.inf)
        else:
            possible = self.likelihood.T > 0
            log_tilt = torch.where(possible, (log_likelihood - best) / beta, -math.inf)

        return torch.softmax(self.prior.log() + log_tilt, dim=1)

    def kl_terms(self, q: ArrayLike) -> KLTerms:
        """I(z;n), TC(z) and Σ_j KL(q(z_j) || p(z_j)) by enumeration; they add up to the rate.

        q: [N, Z]; the encoder.
        Returns scalars, in nats (Chen et al. 2018, equation 2).
        Raises ValueError for a prior that does not factorise, p(z) ≠ Π_j p(z_j), because the three
        terms add up to the rate for no other.

        >>> toy = four_images()
        >>> round(toy.kl_terms(toy.posterior()).mutual_information.item(), 4)
        0.3855
        """
        encoder = self._encoder(q)

        # All images are equally likely, so that q(z) is a plain mean.
        aggregated = encoder.mean(0)  # [Z]
        q_marginals = self._marginals(aggregated)
        p_marginals = self._marginals(self.prior)
        if not torch.allclose(_product(p_marginals), self.prior, rtol=0, atol=1e-12):
            raise ValueError(
                "the prior does not factorise over the latents, so the KL has no such three parts"
            )

        # The prior factorises, so each latent may be compared with its own prior.
        dimension_wise_kl = torch.zeros((), dtype=torch.float64)
        for q_j, p_j in zip(q_marginals, p_marginals, strict=True):
            dimension_wise_kl = dimension_wise_kl + _kl(q_j, p_j)

        return KLTerms(
            mutual_information=_kl(encoder, aggregated).mean(),
            total_correlation=_kl(aggregated, _product(q_marginals)),
            dimension_wise_kl=dimension_wise_kl,
        )

    def _marginals(self, joint: Tensor) -> list[Tensor]:
        """The distribution of each latent by itself, [Z_1] to [Z_D], from that of the codes."""
        table = joint.reshape(self.latent_sizes)  # [Z_1, ..., Z_D]

        # A single latent is its own marginal; torch would sum over all axes if it were given none.
        if table.ndim == 1:
            return [table]

        axes = range(table.ndim)
        return [table.sum([k for k in axes if k != j]) for j in axes]

    def _encoder(self, q: ArrayLike) -> Tensor:
        table = _distribution(q, "q", 2)
        shape = self.likelihood.T.shape
        if table.shape != shape:
            raise ValueError(
                f"q must have a row an image and a column a code, {list(shape)}, not "
                f"{list(table.shape)}"
            )
        return table


def four_images() -> DiscreteWorld:
    """The toy that goes through the series: four images of two pixels, two binary latents.

    The images are 00, 01, 10 and 11. All four codes are equally likely a priori. The decoder copies
    latent j to pixel j with probability 0.8 and flips it with 0.2, each pixel by itself, so that
    p(x) = 1/4 and the true posterior is p(z_j = x_j | x) = 0.8.

    Returns a `DiscreteWorld` with four codes and four images.

    >>> four_images().posterior()[0]
    tensor([0.6400, 0.1600, 0.1600, 0.0400], dtype=torch.float64)
    """
    copy = torch.tensor([[0.8, 0.2], [0.2, 0.8]], dtype=torch.float64)
    return DiscreteWorld(torch.full((4,), 0.25), torch.kron(copy, copy), latent_sizes=(2, 2))


def _kl(q: Tensor, p: Tensor) -> Tensor:
    """KL(q || p) over the last axis, with 0 log 0 = 0."""
    return (torch.xlogy(q, q) - torch.xlogy(q, p)).sum(-1)


def _product(marginals: list[Tensor]) -> Tensor:
    """The joint distribution, flattened, of independent latents with these marginals."""
    joint = marginals[0]
    for marginal in marginals[1:]:
        joint = torch.outer(joint, marginal).flatten()
    return joint


def _distribution(values: ArrayLike, name: str, dimensions: int) -> Tensor:
    """`values` as a float64 tensor whose last axis holds probabilities.

    Raises ValueError that says what is wrong with them.
    """
    table = torch.as_tensor(values, dtype=torch.float64)
    if table.ndim != dimensions or not table.numel():
        raise ValueError(
            f"{name} must have {dimensions} axes and at least one entry; its shape is "
            f"{list(table.shape)}"
        )

    # Written so that NaN is refused, too.
    not_negative = bool((table >= 0).all())
    sums_to_one = bool(((table.sum(-1) - 1).abs() < 1e-6).all())
    if not not_negative or not sums_to_one:
        raise ValueError(f"{name} must hold probabilities: none negative, each row with sum 1")

    return table


def _finite_rows(values: ArrayLike, width: int, name: str) -> Tensor:
    """`values` as a float64 tensor [..., width] without NaN and infinities.

    Raises ValueError that says what is wrong with them.
    """
    rows = torch.as_tensor(values, dtype=torch.float64)
    if not rows.ndim or rows.shape[-1] != width:
        raise ValueError(f"{name} must have {width} numbers a row; its shape is {list(rows.shape)}")
    if not bool(torch.isfinite(rows).all()):
        raise ValueError(f"{name} holds NaN or infinite values")
    return rows
