"""Homework 1: the parts of the ELBO, and its gap. Symbols as in notebook 01; all values in nats.

For each exercise: its reference, the inputs that an answer is checked on, the known wrong answers,
and its card. A reference stands by itself, because its source is the solution that a learner sees.
Wrong answers are written as a learner writes, without types.
"""

from collections.abc import Callable
from types import EllipsisType

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from helpers.homework.engine import Exercise, WrongAnswer

# What several exercises share


def _normal(
    rng: np.random.Generator, *shape: int, dtype: torch.dtype = torch.float64
) -> torch.Tensor:
    """Standard normal numbers of this shape."""
    return torch.from_numpy(rng.standard_normal(shape)).to(dtype)


def _pixel_errors(images: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """-log p(x|z) of each pixel, [B, pixels], for images and logits [B, C, H, W]."""
    return F.binary_cross_entropy_with_logits(logits, images, reduction="none").flatten(1)


def _posteriors(rng: np.random.Generator) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(mu, logvar), each [B, D], of six batches."""
    cases = []
    for shape in ((2, 2), (1, 4), (5, 1)):
        mu = _normal(rng, *shape)
        logvar = _normal(rng, *shape)
        cases.append((mu, logvar))

    # The prior itself, and a posterior that is narrow and far from it.
    zero = torch.zeros(2, 3, dtype=torch.float64)
    cases.append((zero, zero))
    cases.append((zero + 3, zero - 20))

    # Single precision, as networks have it.
    mu = _normal(rng, 4, 3, dtype=torch.float32)
    logvar = _normal(rng, 4, 3, dtype=torch.float32)
    cases.append((mu, logvar))
    return cases


def _pictures(
    rng: np.random.Generator,
) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """(images, logits, mu, logvar) of five batches: [B, C, H, W] twice, [B, D] twice."""
    cases = []
    for b, shape, d in ((2, (1, 2, 2), 2), (3, (1, 4, 4), 5), (1, (3, 2, 3), 1)):
        grey = torch.from_numpy(rng.random((b, *shape)))
        logits = 3 * _normal(rng, b, *shape)
        mu = _normal(rng, b, d)
        logvar = _normal(rng, b, d)
        cases.append((grey, logits, mu, logvar))

    # A decoder that is sure of black or white, and wrong about half of the pixels: its
    # probabilities round to 0 and 1.
    black_or_white = torch.from_numpy(rng.integers(0, 2, (2, 1, 2, 2))).double()
    guesses = torch.from_numpy(rng.integers(0, 2, (2, 1, 2, 2))).double()
    # One pixel at least is black and taken for white, whose probability rounds to 1.
    black_or_white[0, 0, 0, 0] = 0
    guesses[0, 0, 0, 0] = 1
    sure = 120 * (2 * guesses - 1)
    mu = _normal(rng, 2, 3)
    logvar = _normal(rng, 2, 3)
    cases.append((black_or_white, sure, mu, logvar))

    # Single precision, as networks have it.
    images, logits, mu, logvar = cases[1]
    cases.append((images.float(), logits.float(), mu.float(), logvar.float()))
    return cases


# 1.1 The KL to the prior in closed form


def kl_to_prior(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(q(z|x) || p(z)) of each image, [B], for q = N(mu, exp(logvar)) with mu, logvar [B, D] and
    p = N(0, I).
    """
    per_latent = 0.5 * (mu**2 + logvar.exp() - 1 - logvar)  # [B, D]
    return per_latent.sum(1)  # [B]


def _kl_averaged(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(1)


def _kl_of_deviation(mu, logvar):
    return 0.5 * (mu**2 + logvar**2 - 1 - torch.log(logvar**2)).sum(1)


def _kl_of_squared_variance(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() ** 2 - 1 - 2 * logvar).sum(1)


def _kl_reversed(mu, logvar):
    return 0.5 * ((mu**2 + 1) * torch.exp(-logvar) - 1 + logvar).sum(1)


def _kl_without_half(mu, logvar):
    return (mu**2 + logvar.exp() - 1 - logvar).sum(1)


def _kl_of_batch(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()


def _kl_negative(mu, logvar):
    return -0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)


KL_TO_PRIOR = Exercise(
    id="1.1",
    title="The KL to the prior in closed form",
    difficulty="easy",
    minutes=10,
    purpose="It is half of every VAE loss, and the usual place for a lost factor.",
    reference=kl_to_prior,
    draw=_posteriors,
    wrong_answers={
        "the mean over the latents was taken where independent latents add up.": _kl_averaged,
        "logvar was used as the standard deviation; "
        "it is the logarithm of the variance.": _kl_of_deviation,
        "exp(logvar) was taken for the standard deviation and squared again; "
        "it is the variance already.": _kl_of_squared_variance,
        "this is the KL the other way round, KL(p || q); the loss has q first.": _kl_reversed,
        "the factor 1/2 is missing.": _kl_without_half,
        "the sum went over the images as well; each image has a KL of its own.": _kl_of_batch,
        "the sign is turned: this is what is often added to an ELBO, minus the KL.": _kl_negative,
    },
    hints=(
        (
            "Take one latent first: two expectations under q, of log q and of log p. "
            "Which moments of z do they need?"
        ),
        (
            "For one latent the KL is (μ² + σ² - 1 - log σ²) / 2. "
            "What is σ² in terms of logvar, and what do independent latents do?"
        ),
        "per_latent = 0.5 * (mu**2 + logvar.exp() - 1 - logvar)   # [B, D]; now add up each row",
    ),
)


# 1.2 A reparameterised sample


def sample(mu: Tensor, logvar: Tensor, generator: torch.Generator) -> Tensor:
    """A reparameterised sample z of N(mu, exp(logvar)), [B, D], through which gradients reach mu
    and logvar.

    Draw the noise by torch.randn(mu.shape, generator=generator, dtype=mu.dtype), once.
    """
    noise = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)  # [B, D]
    sigma = torch.exp(0.5 * logvar)  # [B, D]
    return mu + sigma * noise  # [B, D]


def _seeded_posteriors(
    rng: np.random.Generator,
) -> list[tuple[torch.Tensor, torch.Tensor, int]]:
    """The batches of 1.1, each with the seed of the generator that the noise is drawn by."""
    cases = []
    for mu, logvar in _posteriors(rng):
        cases.append((mu, logvar, int(rng.integers(1000))))
    return cases


def _with_gradients(
    function: Callable[[torch.Tensor, torch.Tensor, torch.Generator], torch.Tensor],
    mu: torch.Tensor,
    logvar: torch.Tensor,
    seed: int,
) -> tuple[torch.Tensor, ...] | EllipsisType | None:
    """What 1.2 compares: the sample, and the gradients of its sum by mu and by logvar.

    Raises WrongAnswer where no gradient reaches one of the two.
    """
    mu.requires_grad_()
    logvar.requires_grad_()
    z = function(mu, logvar, torch.Generator().manual_seed(seed))

    # Nothing, or the dots of a stub, goes to the engine as it is, which has a sentence for each.
    if z is None or z is ...:
        return z
    if not (isinstance(z, torch.Tensor) and z.requires_grad):
        raise WrongAnswer("no gradient reaches mu and logvar.")

    # A sample may depend on one of the two only.
    gradients = torch.autograd.grad(z.sum(), (mu, logvar), allow_unused=True)
    for name, gradient in zip(("mu", "logvar"), gradients, strict=True):
        if gradient is None:
            raise WrongAnswer(f"no gradient reaches {name}.")

    # The inputs go back as they came, because the engine looks whether they were changed.
    mu.requires_grad_(False)
    logvar.requires_grad_(False)
    return z.detach(), *gradients


def _sample_scaled_by_variance(mu, logvar, generator):
    noise = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)
    return mu + logvar.exp() * noise


def _sample_scaled_by_logvar(mu, logvar, generator):
    noise = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)
    return mu + logvar * noise


def _sample_uniform(mu, logvar, generator):
    noise = torch.rand(mu.shape, generator=generator, dtype=mu.dtype)
    return mu + torch.exp(0.5 * logvar) * noise


def _sample_one_noise(mu, logvar, generator):
    noise = torch.randn(mu.shape[1], generator=generator, dtype=mu.dtype)
    return mu + torch.exp(0.5 * logvar) * noise


def _sample_detached(mu, logvar, generator):
    noise = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)
    return (mu + torch.exp(0.5 * logvar) * noise).detach()


SAMPLE = Exercise(
    id="1.2",
    title="A reparameterised sample",
    difficulty="easy",
    minutes=10,
    purpose="It is the step that lets a gradient pass through a draw at random.",
    reference=sample,
    draw=_seeded_posteriors,
    probe=_with_gradients,
    wrong_answers={
        "exp(logvar) is the variance; the noise is to be scaled by the standard deviation, "
        "exp(logvar / 2).": _sample_scaled_by_variance,
        "logvar was used as the standard deviation.": _sample_scaled_by_logvar,
        "the noise is uniform (torch.rand); it should be normal (torch.randn).": _sample_uniform,
        "one noise vector was used for the whole batch; "
        "each image needs its own.": _sample_one_noise,
        "the sample was made without a path for gradients: "
        "`detach`, `.data`, `no_grad` or torch.normal.": _sample_detached,
    },
    hints=(
        (
            "Write a normal variable with mean μ and standard deviation σ as a function of one "
            "with mean 0 and standard deviation 1."
        ),
        "z = μ + σ ε. The encoder gives log σ²; half of it is log σ.",
        (
            "noise = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)   "
            "# then scale and shift it"
        ),
    ),
)


# 1.3 The ELBO of a batch


def elbo(images: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """An estimate of the ELBO of each image, [B], by the one code that `logits` was decoded from.

    images: [B, C, H, W] in [0, 1].
    logits: the same shape; p(x|z) is Bernoulli with the probability sigmoid(logits).
    mu, logvar: [B, D], the posterior q(z|x).
    """
    # log p(x|z): the pixels are independent given z, so their logarithms add up.
    per_pixel = F.binary_cross_entropy_with_logits(logits, images, reduction="none")  # [B, C, H, W]
    log_likelihood = -per_pixel.flatten(1).sum(1)  # [B]

    # What the code costs: KL(q(z|x) || p(z)), added up over the latents.
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)  # [B]

    return log_likelihood - kl  # [B]


def _elbo_pixels_averaged(images, logits, mu, logvar):
    return -_pixel_errors(images, logits).mean(1) - kl_to_prior(mu, logvar)


def _elbo_kl_added(images, logits, mu, logvar):
    return -_pixel_errors(images, logits).sum(1) + kl_to_prior(mu, logvar)


def _elbo_negative(images, logits, mu, logvar):
    return _pixel_errors(images, logits).sum(1) + kl_to_prior(mu, logvar)


def _elbo_sigmoid_twice(images, logits, mu, logvar):
    return -_pixel_errors(images, torch.sigmoid(logits)).sum(1) - kl_to_prior(mu, logvar)


def _elbo_of_batch(images, logits, mu, logvar):
    return (-_pixel_errors(images, logits).sum(1) - kl_to_prior(mu, logvar)).mean()


def _elbo_rounded(images, logits, mu, logvar):
    p = torch.sigmoid(logits)
    log_likelihood = images * torch.log(p) + (1 - images) * torch.log(1 - p)
    return log_likelihood.flatten(1).sum(1) - kl_to_prior(mu, logvar)


def _elbo_exchanged(images, logits, mu, logvar):
    return -_pixel_errors(logits, images).sum(1) - kl_to_prior(mu, logvar)


ELBO = Exercise(
    id="1.3",
    title="The ELBO of a batch",
    difficulty="medium",
    minutes=15,
    purpose="Its mean over a batch is the number that a VAE raises.",
    reference=elbo,
    draw=_pictures,
    wrong_answers={
        "the log-likelihood was averaged over the pixels; "
        "the logarithm of a product over pixels is a sum.": _elbo_pixels_averaged,
        "the KL was added; the ELBO is the log-likelihood minus the KL.": _elbo_kl_added,
        "this is the loss, the ELBO with its sign turned.": _elbo_negative,
        "the sigmoid was applied twice; "
        "a function with `_with_logits` applies it itself.": _elbo_sigmoid_twice,
        "the batch was averaged; each image has an ELBO of its own.": _elbo_of_batch,
        "the logarithm was taken of a probability that rounds to 0; "
        "work on the logits (`..._with_logits` or logsigmoid).": _elbo_rounded,
        "images and logits were exchanged in the cross-entropy; "
        "the logits come first.": _elbo_exchanged,
    },
    hints=(
        (
            "Two terms: how probable the image is under the decoder, and what the code costs. "
            "Keep one value for each image."
        ),
        (
            "F.binary_cross_entropy_with_logits(logits, images, "
            'reduction="none") is -log p of each pixel. Add up all axes but the first.'
        ),
        (
            "log_likelihood = -F.binary_cross_entropy_with_logits(logits, images, "
            'reduction="none").flatten(1).sum(1)   # [B]'
        ),
    ),
)


# 1.4 The gap in the linear-Gaussian world


def gap(x: Tensor, weights: Tensor, noise_variance: float, mu: Tensor, logvar: Tensor) -> Tensor:
    """log p(x) - ELBO of each image, [N], where p(z) = N(0, I) and p(x|z) = N(weights z,
    noise_variance I).

    x: [N, pixels].
    weights: [pixels, D].
    noise_variance: a number.
    mu, logvar: [N, D], the encoder's q(z|x).
    """
    latents = weights.shape[1]

    # The true posterior p(z|x): one precision for all images, and a mean for each.
    precision = torch.eye(latents, dtype=x.dtype) + weights.T @ weights / noise_variance  # [D, D]
    mean = x @ weights @ torch.linalg.inv(precision) / noise_variance  # [N, D]

    # How far q's mean is from the true one, and how wide q is, both measured by the precision.
    away = mu - mean  # [N, D]
    spread = (logvar.exp() * precision.diagonal()).sum(1)  # [N]
    distance = (away @ precision * away).sum(1)  # [N]

    # The gap is KL(q(z|x) || p(z|x)), and both are Gaussian.
    return 0.5 * (spread + distance - latents - torch.logdet(precision) - logvar.sum(1))  # [N]


def _linear_worlds(
    rng: np.random.Generator,
) -> list[tuple[torch.Tensor, torch.Tensor, float, torch.Tensor, torch.Tensor]]:
    """(x, weights, noise_variance, mu, logvar) of four worlds."""
    cases = []
    for n, pixels, d in ((2, 2, 1), (3, 6, 2), (4, 5, 3)):
        x = _normal(rng, n, pixels)
        weights = _normal(rng, pixels, d)
        noise_variance = float(rng.uniform(0.2, 2))
        mu = _normal(rng, n, d)
        logvar = _normal(rng, n, d) - 1
        cases.append((x, weights, noise_variance, mu, logvar))

    # A decoder that ignores its codes, so that the prior is the true posterior.
    x = _normal(rng, 2, 4)
    weights = torch.zeros(4, 2, dtype=torch.float64)
    mu = torch.zeros(2, 2, dtype=torch.float64)
    logvar = torch.zeros(2, 2, dtype=torch.float64)
    cases.append((x, weights, 1.5, mu, logvar))
    return cases


def _true_posterior(
    x: torch.Tensor, weights: torch.Tensor, noise_variance: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """(mean [N, D], covariance [D, D]) of p(z|x)."""
    identity = torch.eye(weights.shape[1], dtype=x.dtype)
    covariance = torch.linalg.inv(identity + weights.T @ weights / noise_variance)
    return x @ weights @ covariance / noise_variance, covariance


def _gaussian_kl(
    mean_q: torch.Tensor,
    covariance_q: torch.Tensor,
    mean_p: torch.Tensor,
    covariance_p: torch.Tensor,
) -> torch.Tensor:
    """KL(q || p) of Gaussians with whole covariances, [N]."""
    q = torch.distributions.MultivariateNormal(mean_q, covariance_q)
    p = torch.distributions.MultivariateNormal(mean_p, covariance_p)
    return torch.distributions.kl_divergence(q, p)


def _gap_to_prior(x, weights, noise_variance, mu, logvar):
    return kl_to_prior(mu, logvar)


def _gap_reversed(x, weights, noise_variance, mu, logvar):
    mean, covariance = _true_posterior(x, weights, noise_variance)
    for_each_image = covariance.expand(len(x), -1, -1)  # [N, D, D]
    return _gaussian_kl(mean, for_each_image, mu, torch.diag_embed(logvar.exp()))


def _gap_by_diagonal(x, weights, noise_variance, mu, logvar):
    mean, covariance = _true_posterior(x, weights, noise_variance)
    without_correlations = torch.diag(covariance.diagonal())
    return _gaussian_kl(mu, torch.diag_embed(logvar.exp()), mean, without_correlations)


def _gap_without_means(x, weights, noise_variance, mu, logvar):
    _, covariance = _true_posterior(x, weights, noise_variance)
    zero = torch.zeros_like(mu)
    return _gaussian_kl(zero, torch.diag_embed(logvar.exp()), zero, covariance)


def _gap_variance_squared(x, weights, noise_variance, mu, logvar):
    return gap(x, weights, noise_variance**2, mu, logvar)


def _gap_negative(x, weights, noise_variance, mu, logvar):
    return -gap(x, weights, noise_variance, mu, logvar)


def _gap_without_prior(x, weights, noise_variance, mu, logvar):
    inverse = torch.linalg.inv(weights.T @ weights)
    mean = x @ weights @ inverse
    return _gaussian_kl(mu, torch.diag_embed(logvar.exp()), mean, inverse * noise_variance)


GAP = Exercise(
    id="1.4",
    title="The gap in the linear-Gaussian world",
    difficulty="hard",
    minutes=25,
    purpose=(
        "The gap is what the ELBO does not see. "
        "Here it can be computed, so an ELBO can be held against the evidence."
    ),
    reference=gap,
    draw=_linear_worlds,
    wrong_answers={
        "this is the KL to the prior; the gap is the KL to the true posterior.": _gap_to_prior,
        "this is the KL the other way round, from the true posterior to q.": _gap_reversed,
        "the true posterior's covariance is not diagonal: "
        "its correlations were left out.": _gap_by_diagonal,
        "the distance between the two means was left out.": _gap_without_means,
        "the noise variance was squared; it is s² already.": _gap_variance_squared,
        "the sign is turned: "
        "the gap is log p(x) minus the ELBO, and never negative.": _gap_negative,
        "the precision of the prior, the identity, "
        "is missing from the posterior's precision.": _gap_without_prior,
    },
    hints=(
        (
            "Which KL is the gap? "
            "Both of its distributions are Gaussian here, so it has a closed form."
        ),
        (
            "The true posterior has the precision Λ = I + WᵀW / s² and the mean Λ⁻¹ Wᵀ x / s². For "
            "Gaussians, 2 KL(q || p) = tr(Λ S) + (μ - m)ᵀ Λ (μ - m) - D - log det Λ - log det S."
        ),
        (
            "precision = torch.eye(weights.shape[1], dtype=x.dtype) "
            "+ weights.T @ weights / noise_variance"
        ),
    ),
)


# 1.5 Bug hunt: a loss that trains to nothing


def repaired_loss(images: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The VAE loss of a batch, one number: the negative ELBO, summed over pixels and latents, mean
    over the images.
    """
    # -log p(x|z): a sum over the pixels. A mean would make it weaker by their number.
    per_pixel = F.binary_cross_entropy_with_logits(logits, images, reduction="none")  # [B, C, H, W]
    error = per_pixel.flatten(1).sum(1)  # [B]

    # KL(q(z|x) || p(z)): logvar is the logarithm of the variance, not the standard deviation.
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)  # [B]

    return (error + kl).mean()


def _loss_kl_of_deviation(images, logits, mu, logvar):
    return (_pixel_errors(images, logits).sum(1) + _kl_of_deviation(mu, logvar)).mean()


def _loss_pixels_averaged(images, logits, mu, logvar):
    return (_pixel_errors(images, logits).mean(1) + kl_to_prior(mu, logvar)).mean()


def _loss_both_bugs(images, logits, mu, logvar):
    return _pixel_errors(images, logits).mean() + _kl_of_deviation(mu, logvar).mean()


def _loss_summed(images, logits, mu, logvar):
    return (_pixel_errors(images, logits).sum(1) + kl_to_prior(mu, logvar)).sum()


def _loss_latents_averaged(images, logits, mu, logvar):
    kl = kl_to_prior(mu, logvar) / mu.shape[1]
    return (_pixel_errors(images, logits).sum(1) + kl).mean()


REPAIRED_LOSS = Exercise(
    id="1.5",
    title="Bug hunt: a loss that trains to nothing",
    difficulty="medium",
    minutes=15,
    purpose="Neither bug stops the training, so one has to know the loss to find them.",
    reference=repaired_loss,
    draw=_pictures,
    wrong_answers={
        "the KL takes logvar for the standard deviation still; "
        "only the mean over the pixels was repaired.": _loss_kl_of_deviation,
        "the error is averaged over the pixels still; "
        "only the KL was repaired.": _loss_pixels_averaged,
        "both bugs are still there.": _loss_both_bugs,
        "the loss was summed over the batch; it is the mean over the images.": _loss_summed,
        "the KL was averaged over the latents; "
        "they add up, like the pixels.": _loss_latents_averaged,
    },
    hints=(
        (
            "Compare each line with the sum that it stands for: "
            "over pixels, over latents, over the batch."
        ),
        (
            "One bug makes the error smaller by the number of pixels. "
            "The other is about what an encoder's second output means."
        ),
        "kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)   # [B]",
    ),
)


EXERCISES = (KL_TO_PRIOR, SAMPLE, ELBO, GAP, REPAIRED_LOSS)

QUIZZES = {
    "1.A": (
        (
            "The decoder is fixed. Of all distributions, q(z|x) is the one with the highest ELBO. "
            "What is 0?"
        ),
        "B",
        {
            "the KL to the prior": (
                "it is a term of the ELBO and stays positive: "
                "it is the price of saying something about the image"
            ),
            "the KL to the true posterior": (
                "log p(x) does not move, "
                "and the gap to it is this KL (a diagonal Gaussian may be kept above 0, see 1.4)"
            ),
            "the reconstruction error": "the decoder's noise remains, whatever the code",
        },
    ),
    "1.B": (
        "During training, z is drawn from",
        "A",
        {
            "q(z|x), the encoder's posterior": (
                "the expectation in the ELBO is under q; the prior serves to generate"
            ),
            "p(z), the prior": (
                "a code that had not seen the image could not help to reconstruct it"
            ),
            "p(z|x), the true posterior": (
                "nobody can draw from it for a network; that is why there is a q"
            ),
        },
    ),
}
