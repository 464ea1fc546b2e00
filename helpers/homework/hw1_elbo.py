"""Homework 1: the parts of the ELBO, and its gap. Symbols as in notebook 01; all values in nats."""

import torch
import torch.nn.functional as F

from helpers.homework.engine import Exercise, Misstep


# References. Each stands by itself, because its source is the solution that a learner sees.


def kl_to_prior(mu, logvar):
    """KL(q(z|x) || p(z)) of each image, [B], for q = N(mu, exp(logvar)) with mu, logvar [B, D] and p = N(0, I)."""
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)


def sample(mu, logvar, generator):
    """A reparameterised sample z of N(mu, exp(logvar)), [B, D], through which gradients reach mu and logvar.

    Draw the noise by torch.randn(mu.shape, generator=generator, dtype=mu.dtype), once.
    """
    noise = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)
    return mu + torch.exp(0.5 * logvar) * noise


def elbo(images, logits, mu, logvar):
    """The ELBO of each image, [B], with the one code that `logits` was decoded from.

    images: [B, C, H, W] in [0, 1]. logits: the same shape; p(x|z) is Bernoulli with the probability sigmoid(logits).
    mu, logvar: [B, D], the posterior q(z|x).
    """
    log_likelihood = -F.binary_cross_entropy_with_logits(logits, images, reduction="none").flatten(1).sum(1)
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
    return log_likelihood - kl


def gap(x, weights, noise_variance, mu, logvar):
    """log p(x) - ELBO of each image, [N], where p(z) = N(0, I) and p(x|z) = N(weights z, noise_variance I).

    x: [N, pixels]. weights: [pixels, D]. noise_variance: a number. mu, logvar: [N, D], the encoder's q(z|x).
    """
    latents = weights.shape[1]
    precision = torch.eye(latents, dtype=x.dtype) + weights.T @ weights / noise_variance
    mean = x @ weights @ torch.linalg.inv(precision) / noise_variance
    away = mu - mean
    spread = (logvar.exp() * precision.diagonal()).sum(1)
    distance = (away @ precision * away).sum(1)
    return 0.5 * (spread + distance - latents - torch.logdet(precision) - logvar.sum(1))


def repaired_loss(images, logits, mu, logvar):
    """The VAE loss of a batch, one number: the negative ELBO, summed over pixels and latents, mean over the images."""
    error = F.binary_cross_entropy_with_logits(logits, images, reduction="none").flatten(1).sum(1)
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
    return (error + kl).mean()


# Inputs


def _normal(rng, *shape, dtype=torch.float64):
    return torch.from_numpy(rng.standard_normal(shape)).to(dtype)


def _posteriors(rng):
    zero = torch.zeros(2, 3, dtype=torch.float64)
    sizes = (2, 2), (1, 4), (5, 1)
    return [*((_normal(rng, *s), _normal(rng, *s)) for s in sizes), (zero, zero), (zero + 3, zero - 20),
            (_normal(rng, 4, 3, dtype=torch.float32), _normal(rng, 4, 3, dtype=torch.float32))]


def _sampled(rng):
    return [(mu, logvar, int(rng.integers(1000))) for mu, logvar in _posteriors(rng)]


def _with_gradients(function, mu, logvar, generator):
    mu, logvar = mu.requires_grad_(), logvar.requires_grad_()
    z = function(mu, logvar, torch.Generator().manual_seed(generator))
    if not (isinstance(z, torch.Tensor) and z.requires_grad):
        if z is None or z is ...:
            return z
        raise Misstep("no gradient reaches mu and logvar.")
    gradients = torch.autograd.grad(z.sum(), (mu, logvar), allow_unused=True)
    for name, gradient in zip(("mu", "logvar"), gradients):
        if gradient is None:
            raise Misstep(f"no gradient reaches {name}.")
    mu.requires_grad_(False), logvar.requires_grad_(False)
    return z.detach(), *gradients


def _pictures(rng):
    cases = []
    for b, shape, d in ((2, (1, 2, 2), 2), (3, (1, 4, 4), 5), (1, (3, 2, 3), 1)):
        grey = torch.from_numpy(rng.random((b, *shape)))
        cases.append((grey, 3 * _normal(rng, b, *shape), _normal(rng, b, d), _normal(rng, b, d)))
    black_or_white = torch.from_numpy(rng.integers(0, 2, (2, 1, 2, 2))).double()
    sure = 120 * (2 * torch.from_numpy(rng.integers(0, 2, (2, 1, 2, 2))).double() - 1)
    cases.append((black_or_white, sure, _normal(rng, 2, 3), _normal(rng, 2, 3)))
    return cases + [tuple(t.float() for t in cases[1])]


def _linear_worlds(rng):
    cases = []
    for n, pixels, d in ((2, 2, 1), (3, 6, 2), (4, 5, 3)):
        cases.append((_normal(rng, n, pixels), _normal(rng, pixels, d), float(rng.uniform(0.2, 2)), _normal(rng, n, d),
                      _normal(rng, n, d) - 1))
    x, weights = _normal(rng, 2, 4), torch.zeros(4, 2, dtype=torch.float64)  # a decoder that ignores its codes
    return cases + [(x, weights, 1.5, torch.zeros(2, 2, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64))]


# Pieces of the wrong answers


def _errors(images, logits):
    return F.binary_cross_entropy_with_logits(logits, images, reduction="none").flatten(1)


def _with_covariance(x, weights, noise_variance):
    precision = torch.eye(weights.shape[1], dtype=x.dtype) + weights.T @ weights / noise_variance
    return torch.linalg.inv(precision), x @ weights @ torch.linalg.inv(precision) / noise_variance


def _gaussian_kl(mean_q, cov_q, mean_p, cov_p):
    q, p = (torch.distributions.MultivariateNormal(m, c) for m, c in ((mean_q, cov_q), (mean_p, cov_p)))
    return torch.distributions.kl_divergence(q, p)


def _by_diagonal(x, weights, s2, mu, logvar):
    covariance, mean = _with_covariance(x, weights, s2)
    return _gaussian_kl(mu, torch.diag_embed(logvar.exp()), mean, torch.diag(covariance.diagonal()))


def _reversed(x, weights, s2, mu, logvar):
    covariance, mean = _with_covariance(x, weights, s2)
    return _gaussian_kl(mean, covariance.expand(len(x), -1, -1), mu, torch.diag_embed(logvar.exp()))


def _without_means(x, weights, s2, mu, logvar):
    covariance, _ = _with_covariance(x, weights, s2)
    return _gaussian_kl(torch.zeros_like(mu), torch.diag_embed(logvar.exp()), torch.zeros_like(mu), covariance)


EXERCISES = (
    Exercise(
        "1.1", "The KL to the prior in closed form", "easy", 10,
        "It is half of every VAE loss, and the usual place for a lost factor.",
        kl_to_prior, _posteriors,
        {
            "the mean over the latents was taken where independent latents add up.":
                lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(1),
            "logvar was used as the standard deviation; it is the logarithm of the variance.":
                lambda mu, logvar: 0.5 * (mu**2 + logvar**2 - 1 - torch.log(logvar**2)).sum(1),
            "exp(logvar) was taken for the standard deviation and squared again; it is the variance already.":
                lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() ** 2 - 1 - 2 * logvar).sum(1),
            "this is the KL the other way round, KL(p || q); the loss has q first.":
                lambda mu, logvar: 0.5 * ((mu**2 + 1) * torch.exp(-logvar) - 1 + logvar).sum(1),
            "the factor 1/2 is missing.":
                lambda mu, logvar: (mu**2 + logvar.exp() - 1 - logvar).sum(1),
            "the sum went over the images as well; each image has a KL of its own.":
                lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(),
            "the sign is turned: this is what is often added to an ELBO, minus the KL.":
                lambda mu, logvar: -0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1),
        },
        ("Take one latent first: two expectations under q, of log q and of log p. Which moments of z do they need?",
         "For one latent the KL is (μ² + σ² - 1 - log σ²) / 2. What is σ² in terms of logvar, and what do independent "
         "latents do?",
         "per_latent = 0.5 * (mu**2 + logvar.exp() - 1 - logvar)   # [B, D]; now add up each row")),
    Exercise(
        "1.2", "A reparameterised sample", "easy", 10,
        "It is the step that lets a gradient pass through a draw at random.",
        sample, _sampled,
        {
            "exp(logvar) is the variance; the noise is to be scaled by the standard deviation, exp(logvar / 2).":
                lambda mu, logvar, generator: mu + logvar.exp() * torch.randn(mu.shape, generator=generator, dtype=mu.dtype),
            "logvar was used as the standard deviation.":
                lambda mu, logvar, generator: mu + logvar * torch.randn(mu.shape, generator=generator, dtype=mu.dtype),
            "the noise is uniform (torch.rand); it should be normal (torch.randn).":
                lambda mu, logvar, generator:
                    mu + torch.exp(0.5 * logvar) * torch.rand(mu.shape, generator=generator, dtype=mu.dtype),
            "one noise vector was used for the whole batch; each image needs its own.":
                lambda mu, logvar, generator:
                    mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape[1], generator=generator, dtype=mu.dtype),
            "the sample was made without a path for gradients: `detach`, `.data`, `no_grad` or torch.normal.":
                lambda mu, logvar, generator:
                    (mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=generator, dtype=mu.dtype)).detach(),
        },
        ("Write a normal variable with mean μ and standard deviation σ as a function of one with mean 0 and standard "
         "deviation 1.",
         "z = μ + σ ε. The encoder gives log σ²; half of it is log σ.",
         "noise = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)   # then scale and shift it"),
        _with_gradients),
    Exercise(
        "1.3", "The ELBO of a batch", "medium", 15,
        "It is the number that a VAE raises, one for each image.",
        elbo, _pictures,
        {
            "the log-likelihood was averaged over the pixels; the logarithm of a product over pixels is a sum.":
                lambda x, a, mu, v: -_errors(x, a).mean(1) - kl_to_prior(mu, v),
            "the KL was added; the ELBO is the log-likelihood minus the KL.":
                lambda x, a, mu, v: -_errors(x, a).sum(1) + kl_to_prior(mu, v),
            "this is the loss, the ELBO with its sign turned.":
                lambda x, a, mu, v: _errors(x, a).sum(1) + kl_to_prior(mu, v),
            "the sigmoid was applied twice; a function with `_with_logits` applies it itself.":
                lambda x, a, mu, v: -_errors(x, torch.sigmoid(a)).sum(1) - kl_to_prior(mu, v),
            "the batch was averaged; each image has an ELBO of its own.":
                lambda x, a, mu, v: (-_errors(x, a).sum(1) - kl_to_prior(mu, v)).mean(),
            "the logarithm was taken of a probability that rounds to 0; work on the logits (`..._with_logits` or "
            "logsigmoid).":
                lambda x, a, mu, v: (x * torch.log(torch.sigmoid(a)) + (1 - x) * torch.log(1 - torch.sigmoid(a))
                                     ).flatten(1).sum(1) - kl_to_prior(mu, v),
            "images and logits were exchanged in the cross-entropy; the logits come first.":
                lambda x, a, mu, v: -_errors(a, x).sum(1) - kl_to_prior(mu, v),
        },
        ("Two terms: how probable the image is under the decoder, and what the code costs. Keep one value for each "
         "image.",
         "F.binary_cross_entropy_with_logits(logits, images, reduction=\"none\") is -log p of each pixel. Add up all "
         "axes but the first.",
         "log_likelihood = -F.binary_cross_entropy_with_logits(logits, images, reduction=\"none\").flatten(1).sum(1)   "
         "# [B]")),
    Exercise(
        "1.4", "The gap in the linear-Gaussian world", "hard", 25,
        "The gap is what the ELBO does not see. Here it can be computed, so an ELBO can be held against the evidence.",
        gap, _linear_worlds,
        {
            "this is the KL to the prior; the gap is the KL to the true posterior.":
                lambda x, w, s2, mu, v: kl_to_prior(mu, v),
            "this is the KL the other way round, from the true posterior to q.": _reversed,
            "the true posterior's covariance is not diagonal: its correlations were left out.": _by_diagonal,
            "the distance between the two means was left out.": _without_means,
            "the noise variance was squared; it is s² already.":
                lambda x, w, s2, mu, v: gap(x, w, s2**2, mu, v),
            "the sign is turned: the gap is log p(x) minus the ELBO, and never negative.":
                lambda x, w, s2, mu, v: -gap(x, w, s2, mu, v),
            "the precision of the prior, the identity, is missing from the posterior's precision.":
                lambda x, w, s2, mu, v: _gaussian_kl(
                    mu, torch.diag_embed(v.exp()), x @ w @ torch.linalg.inv(w.T @ w), torch.linalg.inv(w.T @ w) * s2),
        },
        ("Which KL is the gap? Both of its distributions are Gaussian here, so it has a closed form.",
         "The true posterior has the precision Λ = I + WᵀW / s² and the mean Λ⁻¹ Wᵀ x / s². For Gaussians, "
         "2 KL(q || p) = tr(Λ S) + (μ - m)ᵀ Λ (μ - m) - D - log det Λ - log det S.",
         "precision = torch.eye(weights.shape[1], dtype=x.dtype) + weights.T @ weights / noise_variance")),
    Exercise(
        "1.5", "Bug hunt: a loss that trains to nothing", "medium", 15,
        "Neither bug stops the training, so one has to know the loss to find them.",
        repaired_loss, _pictures,
        {
            "the KL takes logvar for the standard deviation still; only the mean over the pixels was repaired.":
                lambda x, a, mu, v:
                    (_errors(x, a).sum(1) + 0.5 * (mu**2 + v**2 - 1 - torch.log(v**2)).sum(1)).mean(),
            "the error is averaged over the pixels still; only the KL was repaired.":
                lambda x, a, mu, v: (_errors(x, a).mean(1) + kl_to_prior(mu, v)).mean(),
            "both bugs are still there.":
                lambda x, a, mu, v: _errors(x, a).mean() + 0.5 * (mu**2 + v**2 - 1 - torch.log(v**2)).sum(1).mean(),
            "the loss was summed over the batch; it is the mean over the images.":
                lambda x, a, mu, v: (_errors(x, a).sum(1) + kl_to_prior(mu, v)).sum(),
            "the KL was averaged over the latents; they add up, like the pixels.":
                lambda x, a, mu, v: (_errors(x, a).sum(1) + kl_to_prior(mu, v) / mu.shape[1]).mean(),
        },
        ("Compare each line with the sum that it stands for: over pixels, over latents, over the batch.",
         "One bug makes the error smaller by the number of pixels. The other is about what an encoder's second output "
         "means.",
         "kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)   # [B]")),
)

QUIZZES = {
    "1.A": ("The decoder is fixed. Of all distributions, q(z|x) is the one with the highest ELBO. What is 0?", "B", {
        "the KL to the prior": "it is a term of the ELBO and stays positive: it is the price of saying something about "
                               "the image",
        "the KL to the true posterior": "log p(x) does not move, and the gap to it is this KL (a diagonal Gaussian may "
                                         "be kept above 0, see 1.4)",
        "the reconstruction error": "the decoder's noise remains, whatever the code"}),
    "1.B": ("During training, z is drawn from", "A", {
        "q(z|x), the encoder's posterior": "the expectation in the ELBO is under q; the prior serves to generate",
        "p(z), the prior": "a code that had not seen the image could not help to reconstruct it",
        "p(z|x), the true posterior": "nobody can draw from it for a network; that is why there is a q"}),
}
