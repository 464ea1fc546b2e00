"""Homework 1: the ELBO, its gap and its loss. Symbols as in notebook 01; all values in nats.

For each exercise: its reference, the inputs that an answer is checked on, the known wrong answers,
and its card. A reference stands by itself, because its source is the solution that a learner sees.
A wrong answer is the reference with something else written in one place of it.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from helpers.homework.engine import Exercise, mistaken
from helpers.homework.kinds import VISIBLE, Bug, Card, InWords, Step, order, predict, show_bug

# What several exercises share


def _normal(
    rng: np.random.Generator, *shape: int, dtype: torch.dtype = torch.float64
) -> torch.Tensor:
    """Standard normal numbers of this shape."""
    return torch.from_numpy(rng.standard_normal(shape)).to(dtype)


# 1.1 What do these codes cost?


def _costs(variant: int) -> Exercise:
    """Three KLs in the head: of a latent, of an image, of a batch; and which width is dearer."""
    rng = np.random.default_rng([variant, 11])
    mean = 2 if variant == 0 else int(rng.integers(1, 5))
    latents = 3 if variant == 0 else int(rng.integers(2, 7))
    images = 10 if variant == 0 else int(rng.integers(5, 60))
    latent = mean**2 / 2

    numbers = {
        "one latent": latent,
        "one image": latents * latent,
        "the mean over the images": latents * latent,
        "the dearer one": 1,
    }
    return predict(
        Card(
            id="1.1",
            core=True,
            title="What do these codes cost?",
            difficulty="easy",
            minutes=3,
            purpose="A lost factor is found by whoever knows the number before the program runs.",
            hints=(
                "Which of the four terms of the closed form are left when the variance is 1?",
                (
                    "With variance 1 a latent costs μ²/2. Latents are independent: do their KLs "
                    "add up, or are they averaged? And images?"
                ),
                "For log σ² = c and μ = 0 it is (exp(c) - 1 - c) / 2: put in -1 and +1.",
            ),
        ),
        "costs",
        (
            f"An encoder gives every one of {images} images the mean {mean} and the variance 1, in "
            f"each of {latents} latents. What is the KL to the prior of *one latent* of one image, "
            "of *one image*, and its *mean over the images*? And of two latents with mean 0, one "
            "with $\\log\\sigma^2=-1$ and one with $+1$: which is *the dearer one* (write -1 or 1)?"
        ),
        numbers,
        {
            "the factor 1/2 is missing.": {
                "one latent": mean**2,
                "one image": latents * mean**2,
                "the mean over the images": latents * mean**2,
            },
            "independent latents add up, they are not averaged.": {
                "one image": latent,
                "the mean over the images": latent,
            },
            "the images were counted in; one image has so many latents, and no more.": {
                "one image": images * latent
            },
            "these are bits; nats are asked for.": {
                "one latent": latent / math.log(2),
                "one image": latents * latent / math.log(2),
                "the mean over the images": latents * latent / math.log(2),
            },
            "a KL is never negative.": {
                "one latent": -latent,
                "one image": -latents * latent,
                "the mean over the images": -latents * latent,
            },
            "the images were added up; their mean is asked for.": {
                "the mean over the images": images * latents * latent
            },
            "the mean enters squared.": {
                "one latent": mean / 2,
                "one image": latents * mean / 2,
                "the mean over the images": latents * mean / 2,
            },
            "the variance of 1 costs nothing: σ² - 1 - log σ² is 0 there.": {
                "one latent": latent + 0.5,
                "one image": latents * (latent + 0.5),
                "the mean over the images": latents * (latent + 0.5),
            },
            "σ² is missing from the closed form: it is 1 here, and cancels the -1.": {
                "one latent": latent - 0.5,
                "one image": latents * (latent - 0.5),
                "the mean over the images": latents * (latent - 0.5),
            },
            "only a code that is the prior costs nothing; here the mean is another one.": {
                "one latent": 0,
                "one image": 0,
                "the mean over the images": 0,
            },
            "the latents were averaged with the images; those of an image add up.": {
                "the mean over the images": latent
            },
            "the KL was divided by the number of images once more.": {
                "the mean over the images": latents * latent / images
            },
            "a narrow code says more, but the two are not alike: exp grows faster than its "
            "argument falls.": {"the dearer one": -1},
            "one of the two is dearer: the KL is not symmetric in log σ².": {"the dearer one": 0},
        },
        {
            "one latent": "put σ² = 1 into the closed form: three of its four terms cancel.",
            "one image": "the latents are independent: what do their KLs do?",
            "the mean over the images": "every image costs the same: what is then their mean?",
            "the dearer one": (
                "work out (exp(c) - 1 - c) / 2 for c = -1 and for c = 1; write that c."
            ),
        },
        unit="nats; the last is -1 or 1",
    )


# 1.2 The ELBO, line by line

_RULES = {
    "constant": "what does not depend on $z$ equals its mean under any $q(z\\mid x)$",
    "bayes": "$p(x)=p(x,z)/p(z\\mid x)$",
    "one": "multiply and divide by the same thing",
    "kl": "the definition of a KL divergence",
    "product": "$p(x,z)=p(x\\mid z)\\,p(z)$, and the logarithm of a product is a sum",
    "gibbs": "a KL divergence is never negative",
}

_Q = "\\mathbb{E}_{q(z\\mid x)}"
_TO_TRUE = "\\mathrm{KL}\\big(q(z\\mid x)\\,\\Vert\\,p(z\\mid x)\\big)"
_TO_PRIOR = "\\mathrm{KL}\\big(q(z\\mid x)\\,\\Vert\\,p(z)\\big)"
_ERROR = f"{_Q}\\big[\\log p(x\\mid z)\\big]"


def _elbo_in_order(variant: int) -> Exercise:
    return order(
        Card(
            id="1.2",
            core=True,
            title="The ELBO, line by line",
            difficulty="medium",
            minutes=8,
            purpose="Whoever can put the lines in order can write them on a board.",
            hints=(
                "log p(x) has no z in it. What has to happen before anything can be split?",
                (
                    "An expectation first, then Bayes' rule inside it; then q has to come in, and "
                    "that by a factor that is 1."
                ),
                'the first pair is the line $E_q[log p(x)]$ with the rule "constant"',
            ),
        ),
        "elbo_in_order",
        "\\log p(x)",
        (
            Step(f"={_Q}\\big[\\log p(x)\\big]", "constant"),
            Step(f"={_Q}\\Big[\\log\\frac{{p(x,z)}}{{p(z\\mid x)}}\\Big]", "bayes"),
            Step(
                f"={_Q}\\Big[\\log\\frac{{p(x,z)}}{{q(z\\mid x)}}+"
                "\\log\\frac{q(z\\mid x)}{p(z\\mid x)}\\Big]",
                "one",
            ),
            Step(f"={_Q}\\Big[\\log\\frac{{p(x,z)}}{{q(z\\mid x)}}\\Big]+{_TO_TRUE}", "kl"),
            Step(
                f"={_ERROR}+{_Q}\\Big[\\log\\frac{{p(z)}}{{q(z\\mid x)}}\\Big]+{_TO_TRUE}",
                "product",
            ),
            Step(f"={_ERROR}-{_TO_PRIOR}+{_TO_TRUE}", "kl"),
            Step(f"\\ge{_ERROR}-{_TO_PRIOR}", "gibbs"),
        ),
        {
            f"={_ERROR}+{_TO_PRIOR}+{_TO_TRUE}": (
                "a sign was lost: p(z) stands above and q below, and a KL has q above."
            ),
            f"\\le{_ERROR}-{_TO_PRIOR}": (
                "the wrong way round: something that is never negative was left out of a sum."
            ),
            "=\\mathbb{E}_{p(z)}\\big[\\log p(x\\mid z)\\big]-" + _TO_PRIOR + "+" + _TO_TRUE: (
                "this expectation is under the prior, and q was the one that came in."
            ),
            f"={_Q}\\Big[\\log\\frac{{p(x,z)}}{{q(z\\mid x)}}\\Big]+"
            "\\mathrm{KL}\\big(p(z\\mid x)\\,\\Vert\\,q(z\\mid x)\\big)": (
                "this KL is the other way round: the expectation is under q, so q stands first."
            ),
        },
        _RULES,
        variant,
    )


# 1.3 Two estimates from K draws


def estimates(log_joint: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor]:
    """Two estimates for each image, [B] and [B], from K draws z_k of q(z|x): of the ELBO, and of
    log p(x).

    log_joint, log_q: [K, B], log p(x, z_k) and log q(z_k|x).
    With the weights w_k = p(x, z_k) / q(z_k|x): the mean of log w_k, and the log of the mean of
    w_k. Both are trained through.
    """
    log_weights = log_joint - log_q  # [K, B]
    elbo = log_weights.mean(0)  # [B]

    # The weights themselves are too small for exp, so their mean is taken in logarithms.
    log_evidence = log_weights.logsumexp(0) - math.log(len(log_weights))  # [B]
    return elbo, log_evidence


def _draws(rng: np.random.Generator) -> dict[str, tuple]:
    """(log_joint, log_q), each [K, B]."""
    cases: dict[str, tuple] = {}
    for k, b in ((2, 1), (3, 2), (5, 4)):
        plural = "s" if b > 1 else ""
        cases[f"{k} draws, {b} image{plural}"] = (_normal(rng, k, b) - 4, _normal(rng, k, b))

    cases["one draw"] = (_normal(rng, 1, 3) - 4, _normal(rng, 1, 3))
    cases["weights too small for exp"] = (_normal(rng, 4, 2) - 900, _normal(rng, 4, 2))
    uneven = _normal(rng, 3, 2) - torch.tensor([900.0, 0.0], dtype=torch.float64)
    cases["one image far less likely than the other"] = (uneven, _normal(rng, 3, 2))
    uneven = _normal(rng, 3, 2) - torch.tensor([[900.0], [0.0], [0.0]], dtype=torch.float64)
    cases["one draw far less likely than the others"] = (uneven, _normal(rng, 3, 2))
    cases["the same in single precision"] = (uneven.float(), _normal(rng, 3, 2).float())
    cases["densities of q too small for exp"] = (_normal(rng, 3, 2) - 900, _normal(rng, 3, 2) - 900)
    single = [_normal(rng, 4, 3, dtype=torch.float32) for _ in range(2)]
    cases["single precision"] = tuple(single)
    return cases


_ESTIMATES = Exercise(
    id="1.3",
    kind="write",
    core=False,
    title="Two estimates from K draws",
    difficulty="medium",
    minutes=10,
    purpose="A logarithm outside or inside a mean: what is unbiased of what, and by how much not.",
    reference=estimates,
    draw=_draws,
    parts=("the ELBO's estimate", "the evidence's estimate"),
    trains=("log_joint", "log_q"),
    meaning={"one draw": "with one draw both estimates are log p(x, z) - log q(z|x)."},
    wrong_answers={
        "the mean of the weights is their sum divided by K: log K is missing.": mistaken(
            estimates, (" - math.log(len(log_weights))", "")
        ),
        "log K was added; a division is a minus in logarithms.": mistaken(
            estimates, ("- math.log(len", "+ math.log(len")
        ),
        "the sum went over the images; the draws are the rows.": mistaken(
            estimates, (".mean(0)", ".mean(1)"), (".logsumexp(0)", ".logsumexp(1)")
        ),
        "exp was taken before the mean, and became 0; use logsumexp.": mistaken(
            estimates,
            (
                "log_weights.logsumexp(0) - math.log(len(log_weights))",
                "log_weights.exp().mean(0).log()",
            ),
        ),
        "q is not divided by: this is the mean of log p(x, z) itself.": mistaken(
            estimates, ("log_joint - log_q  ", "log_joint  ")
        ),
        "the weight stands upside down: p above, q below.": mistaken(
            estimates, ("log_joint - log_q  ", "log_q - log_joint  ")
        ),
        "the draws were added up; both estimates are means.": mistaken(
            estimates, ("log_weights.mean(0)", "log_weights.sum(0)")
        ),
        "the two estimates were exchanged.": mistaken(
            estimates, ("return elbo, log_evidence", "return log_evidence, elbo")
        ),
        "this is the logarithm of a mean of logarithms; the weights themselves have the "
        "mean.": mistaken(
            estimates,
            ("log_weights.logsumexp(0) - math.log(len(log_weights))", "log_weights.mean(0).log()"),
        ),
        "log K is the number of draws, not of images.": mistaken(
            estimates, ("len(log_weights)", "log_weights.shape[1]")
        ),
        "logsumexp was divided by K; a mean has log K subtracted from it.": mistaken(
            estimates, (" - math.log(len(log_weights))", " / len(log_weights)")
        ),
        "K was subtracted; it is log K.": mistaken(
            estimates, ("math.log(len(log_weights))", "len(log_weights)")
        ),
        "the logarithm of K is the natural one, as all others are.": mistaken(
            estimates, ("math.log(len", "math.log10(len")
        ),
        "q was multiplied instead of divided by.": mistaken(
            estimates, ("log_joint - log_q  ", "log_joint + log_q  ")
        ),
        "the logarithm of a quotient is a difference of logarithms.": mistaken(
            estimates, ("log_joint - log_q  ", "log_joint / log_q  ")
        ),
        "log K belongs to the second estimate only.": mistaken(
            estimates, ("log_weights.mean(0)", "(log_weights - math.log(len(log_weights))).mean(0)")
        ),
        "the second estimate has its sign turned.": mistaken(
            estimates, ("return elbo, log_evidence", "return elbo, -log_evidence")
        ),
        "both have their signs turned: these are losses.": mistaken(
            estimates, ("return elbo, log_evidence", "return -elbo, -log_evidence")
        ),
        "the first is a mean of logarithms; this is the logarithm of a mean, twice.": mistaken(
            estimates, ("return elbo, log_evidence", "return log_evidence, log_evidence + 0.0")
        ),
        "this is the ELBO's estimate, twice.": mistaken(
            estimates, ("return elbo, log_evidence", "return elbo, elbo + 0.0")
        ),
        "the weights are divided draw by draw; this divides two sums.": mistaken(
            estimates,
            (
                "log_weights.logsumexp(0) - math.log(len(log_weights))",
                "log_joint.logsumexp(0) - log_q.logsumexp(0)",
            ),
        ),
        "the draws count alike; here the better ones count more.": mistaken(
            estimates, ("log_weights.mean(0)", "(log_weights.softmax(0) * log_weights).sum(0)")
        ),
        "the best draw was taken for their mean.": mistaken(
            estimates, (".logsumexp(0) - math.log(len(log_weights))", ".max(0).values")
        ),
        "the second estimate added up over the images; the draws are the rows.": mistaken(
            estimates, (".logsumexp(0)", ".logsumexp(1)")
        ),
        "the largest was subtracted before exp, and not added again after the logarithm.": mistaken(
            estimates,
            (
                "log_weights.logsumexp(0) - math.log(len(log_weights))",
                "(log_weights - log_weights.amax(0)).exp().mean(0).log()",
            ),
        ),
        "the largest of the whole table was subtracted before exp; each image needs its "
        "own.": mistaken(
            estimates,
            (
                "log_weights.logsumexp(0) - math.log(len(log_weights))",
                "(log_weights - log_weights.max()).exp().mean(0).log() + log_weights.max()",
            ),
        ),
        "a small number was added to the weights' mean, which may be far smaller still; use "
        "logsumexp.": mistaken(
            estimates,
            (
                "log_weights.logsumexp(0) - math.log(len(log_weights))",
                "(log_weights.exp().mean(0) + 1e-8).log()",
            ),
        ),
        "this is a mean of log w in which the better draws count more; the second is log of the "
        "mean of w.": mistaken(
            estimates,
            (
                "log_weights.logsumexp(0) - math.log(len(log_weights))",
                "(log_weights.softmax(0) * log_weights).sum(0)",
            ),
        ),
        "q is missing from the first estimate: log w is log p(x, z) - log q(z|x) in both.": (
            mistaken(estimates, ("log_weights.mean(0)", "log_joint.mean(0)"))
        ),
        "these are the estimates of the first image alone.": mistaken(
            estimates, ("return elbo, log_evidence", "return elbo[0], log_evidence[0]")
        ),
        "the images were averaged; each has estimates of its own.": mistaken(
            estimates,
            ("return elbo, log_evidence", "return elbo.mean(), log_evidence.mean()"),
        ),
    },
    hints=(
        "Both begin with log w. For which of the two does the logarithm come last?",
        (
            "The mean of log w over the draws (axis 0) is one. For the other: log of a sum of exp, "
            "without exp, and K has to be divided by."
        ),
        "log_weights = log_joint - log_q   # [K, B]",
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


def _linear_worlds(rng: np.random.Generator) -> dict[str, tuple]:
    """(x, weights, noise_variance, mu, logvar) of five worlds."""
    cases = {}
    for n, pixels, d in ((1, 2, 1), (2, 3, 2), (4, 5, 3)):
        # Weights and noise of a size that no term gets lost.
        weights = _normal(rng, pixels, d)
        weights = weights + 0.5 * weights.sign()
        noise_variance = float(rng.uniform(0.2, 0.8))
        mu, logvar = _normal(rng, n, d), _normal(rng, n, d) - 1
        plural = "s" if d > 1 else ""
        cases[f"{pixels} pixels, {d} latent{plural}"] = (
            _normal(rng, n, pixels),
            weights,
            noise_variance,
            mu,
            logvar,
        )

    # A decoder that ignores its codes, so that the prior is the true posterior.
    zero = torch.zeros(2, 2, dtype=torch.float64)
    ignored = torch.zeros(4, 2, dtype=torch.float64)
    cases["a decoder that ignores the code"] = (_normal(rng, 2, 4), ignored, 1.5, zero, zero)

    # Cases that one can work out by hand.
    one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    cases["one pixel 0, one latent, W = 1, s² = 1, q the prior"] = (zero, one, 1.0, zero, zero)
    cases["q is the true posterior"] = (2 * one, one, 1.0, one, -math.log(2) * one)
    wide = torch.tensor([[6.0, -9.0]], dtype=torch.float64)
    cases["a very wide and a very narrow latent"] = (
        _normal(rng, 1, 3),
        _normal(rng, 3, 2),
        0.5,
        _normal(rng, 1, 2),
        wide,
    )

    # More latents than pixels.
    x, mu, logvar = _normal(rng, 2, 2), _normal(rng, 2, 3), _normal(rng, 2, 3)
    cases["more latents than pixels"] = (x, _normal(rng, 2, 3), 0.7, mu, logvar)
    return cases


def _gap_by_diagonal(x, weights, noise_variance, mu, logvar):
    identity = torch.eye(weights.shape[1], dtype=x.dtype)
    covariance = torch.linalg.inv(identity + weights.T @ weights / noise_variance)
    mean = x @ weights @ covariance / noise_variance
    variance = covariance.diagonal()
    squares = (logvar.exp() + (mu - mean) ** 2) / variance
    return 0.5 * (squares - 1 - logvar + variance.log()).sum(1)


def _gap_reversed(x, weights, noise_variance, mu, logvar):
    identity = torch.eye(weights.shape[1], dtype=x.dtype)
    covariance = torch.linalg.inv(identity + weights.T @ weights / noise_variance)
    mean = x @ weights @ covariance / noise_variance
    squares = (covariance.diagonal() + (mu - mean) ** 2) / logvar.exp()
    return 0.5 * ((squares - 1 + logvar).sum(1) - torch.logdet(covariance))


def _log_evidence(x, weights, noise_variance, mu, logvar):
    identity = torch.eye(len(weights), dtype=x.dtype)
    covariance = weights @ weights.T + noise_variance * identity  # [pixels, pixels]
    squares = (x @ torch.linalg.inv(covariance) * x).sum(1)
    return -0.5 * (squares + torch.logdet(covariance) + len(weights) * math.log(2 * math.pi))


_GAP = Exercise(
    id="1.4",
    kind="write",
    core=False,
    title="The gap in the linear-Gaussian world",
    difficulty="hard",
    minutes=20,
    purpose=(
        "The gap is what the ELBO does not see. "
        "Here it can be computed, so an ELBO can be held against the evidence."
    ),
    reference=gap,
    draw=_linear_worlds,
    parts=("gap",),
    meaning={
        "q is the true posterior": "q is the true posterior here, so the gap is 0.",
        "a decoder that ignores the code": (
            "the decoder ignores the code, so the prior is the true posterior; q is the prior: the "
            "gap is 0."
        ),
        "one pixel 0, one latent, W = 1, s² = 1, q the prior": (
            "with W = 1, s² = 1 and x = 0 the true posterior is N(0, 1/2), and q is N(0, 1): the "
            "gap is (2 - 1 - log 2) / 2 = 0.153."
        ),
    },
    wrong_answers={
        "this is the KL to the prior; the gap is the KL to the true posterior.": mistaken(
            gap,
            ("weights.T @ weights / noise_variance", "0 * weights.T @ weights"),
            ("mean = x", "mean = 0 * x"),
        ),
        "this is the KL the other way round, from the true posterior to q.": _gap_reversed,
        "the true posterior's covariance is not diagonal: "
        "its correlations were left out.": _gap_by_diagonal,
        "the distance of the means needs all of the precision, not only its diagonal.": mistaken(
            gap, ("away @ precision * away", "precision.diagonal() * away**2")
        ),
        "the log determinant is not the sum of the logarithms of the diagonal, unless the rest is "
        "0.": mistaken(gap, ("torch.logdet(precision)", "precision.diagonal().log().sum()")),
        "D was taken for 2; it is the number of latents.": mistaken(
            gap,
            ("latents = weights.shape[1]\n", "latents = weights.shape[1]\n    two = 2\n"),
            ("distance - latents", "distance - two"),
        ),
        "logvar is log σ², and was taken for log σ.": mistaken(
            gap, ("logvar.exp()", "(2 * logvar).exp()"), ("- logvar.sum(1)", "- 2 * logvar.sum(1)")
        ),
        "the distance between the two means was left out.": mistaken(gap, (" + distance", "")),
        "the spread of q was left out.": mistaken(gap, ("spread + ", "")),
        "the noise variance was squared; it is s² already.": mistaken(
            gap, ("/ noise_variance", "/ noise_variance**2")
        ),
        "the standard deviation of the noise was used where its variance belongs.": mistaken(
            gap, ("/ noise_variance", "/ noise_variance**0.5")
        ),
        "the sign is turned: the gap is log p(x) minus the ELBO, and never negative.": mistaken(
            gap, ("return 0.5", "return -0.5")
        ),
        "the precision of the prior, the identity, is missing from the posterior's "
        "precision.": mistaken(gap, ("torch.eye(latents, dtype=x.dtype) + ", "")),
        "the number of latents, -D, is missing.": mistaken(gap, (" - latents", "")),
        "the determinant of the true posterior is missing.": mistaken(
            gap, (" - torch.logdet(precision)", "")
        ),
        "the determinant has the wrong sign: log det of a covariance is minus that of the "
        "precision.": mistaken(gap, ("- torch.logdet", "+ torch.logdet")),
        "log det of q's covariance is missing.": mistaken(gap, (" - logvar.sum(1)", "")),
        "the posterior mean was not divided by the noise variance.": mistaken(
            gap, ("torch.linalg.inv(precision) / noise_variance", "torch.linalg.inv(precision)")
        ),
        "the means' distance is measured by the precision, not by plain squares.": mistaken(
            gap, ("away @ precision * away", "away * away")
        ),
        "precision and covariance were taken for each other.": mistaken(
            gap,
            (
                "weights.T @ weights / noise_variance  #",
                "weights.T @ weights / noise_variance"
                "\n    precision = torch.linalg.inv(precision)  #",
            ),
            ("torch.linalg.inv(precision) /", "precision /"),
        ),
        "the number of latents is subtracted, not that of pixels.": mistaken(
            gap, ("- latents -", "- x.shape[1] -")
        ),
        "1 is subtracted for each latent, so D of them.": mistaken(gap, ("- latents -", "- 1 -")),
        "log det of q's covariance is subtracted.": mistaken(
            gap, ("- logvar.sum(1)", "+ logvar.sum(1)")
        ),
        "both determinants have the wrong sign.": mistaken(
            gap,
            (
                "- torch.logdet(precision) - logvar.sum(1)",
                "+ torch.logdet(precision) + logvar.sum(1)",
            ),
        ),
        "the logarithm of the determinant is missing.": mistaken(
            gap, ("torch.logdet(precision)", "torch.det(precision)")
        ),
        "the posterior mean needs the inverse of the precision.": mistaken(
            gap, ("torch.linalg.inv(precision) / noise", "precision / noise")
        ),
        "the posterior mean needs the inverse of the precision; it is missing.": mistaken(
            gap, ("x @ weights @ torch.linalg.inv(precision) /", "x @ weights /")
        ),
        "the prior's identity is divided by s² too.": mistaken(
            gap,
            (
                "torch.eye(latents, dtype=x.dtype) + weights.T @ weights / noise_variance",
                "(torch.eye(latents, dtype=x.dtype) + weights.T @ weights) / noise_variance",
            ),
        ),
        "the precision is I + WᵀW / s², not s² I + WᵀW.": mistaken(
            gap,
            (
                "torch.eye(latents, dtype=x.dtype) + weights.T @ weights / noise_variance",
                "noise_variance * torch.eye(latents, dtype=x.dtype) + weights.T @ weights",
            ),
        ),
        "the noise variance was left out everywhere.": mistaken(gap, (" / noise_variance", "")),
        "q's variance is exp(logvar), not its root.": mistaken(
            gap, ("logvar.exp()", "(logvar / 2).exp()")
        ),
        "q's variance is exp(logvar), not its square.": mistaken(
            gap, ("logvar.exp()", "(2 * logvar).exp()")
        ),
        "the spread of q is measured by the precision, not by the covariance.": mistaken(
            gap, ("precision.diagonal()", "torch.linalg.inv(precision).diagonal()")
        ),
        "the distance is measured by the precision, not by the covariance.": mistaken(
            gap, ("away @ precision", "away @ torch.linalg.inv(precision)")
        ),
        "all images were given the mean of the first.": mistaken(
            gap, ("away = mu - mean", "away = mu - mean[:1]")
        ),
        "this is log p(x) itself; the ELBO has to be subtracted from it.": _log_evidence,
        "this is minus the ELBO; log p(x) has to be added to it.": (
            lambda *given: gap(*given) - _log_evidence(*given)
        ),
        "the error of q's mean was taken for the mean error under q, which its width makes "
        "larger.": mistaken(gap, ("logvar.exp() * precision.diagonal()", "logvar.exp()")),
        "log 2π, once for each pixel, is missing from the ELBO's error; log p(x) has it.": mistaken(
            gap, ("(spread +", "(-x.shape[1] * math.log(2 * math.pi) + spread +")
        ),
        "log 2π, once for each pixel, is missing from log p(x); the ELBO's error has it.": mistaken(
            gap, ("(spread +", "(x.shape[1] * math.log(2 * math.pi) + spread +")
        ),
        "spread and distance have the covariance in them; both are measured by the "
        "precision.": mistaken(
            gap,
            ("precision.diagonal()", "torch.linalg.inv(precision).diagonal()"),
            ("away @ precision", "away @ torch.linalg.inv(precision)"),
        ),
        "the precision is a table of the latents, I + WᵀW / s²; WWᵀ is one of the "
        "pixels.": mistaken(
            gap,
            (
                "torch.eye(latents, dtype=x.dtype) + weights.T @ weights",
                "torch.eye(len(weights), dtype=x.dtype) + weights @ weights.T",
            ),
        ),
        "the identity has as many rows as there are latents, which need not be 2.": mistaken(
            gap, ("torch.eye(latents,", "torch.eye(2,")
        ),
        "the factor 1/2 is missing.": mistaken(gap, ("return 0.5 * ", "return ")),
        "logvar was used as the variance.": mistaken(gap, ("logvar.exp()", "logvar")),
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


# 1.5 Find the bug: a loss that trains to nothing


def vae_loss(images: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The VAE loss of a batch, one number: the negative ELBO, summed over pixels and latents, mean
    over the images.

    images, logits: [B, C, H, W]; p(x|z) is Bernoulli with the probability sigmoid(logits), and the
    logits may be large.
    mu, logvar: [B, D].
    """
    # -log p(x|z): a sum over the pixels. A mean would make it weaker by their number.
    per_pixel = F.binary_cross_entropy_with_logits(logits, images, reduction="none")  # [B, C, H, W]
    error = per_pixel.flatten(1).sum(1)  # [B]

    # KL(q(z|x) || p(z)): logvar is the logarithm of the variance, not the standard deviation.
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)  # [B]

    return (error + kl).mean()


def _pictures(rng: np.random.Generator) -> dict[str, tuple]:
    """(images, logits, mu, logvar): [B, C, H, W] twice, [B, D] twice."""
    cases: dict[str, tuple] = {}
    for b, shape, d in ((1, (1, 1, 2), 1), (2, (1, 2, 2), 2), (3, (1, 4, 4), 5)):
        grey = torch.from_numpy(rng.random((b, *shape)))
        latents = f"{d} latent" + ("s" if d > 1 else "")
        cases[f"{b} of {math.prod(shape)} pixels, {latents}"] = (
            grey,
            3 * _normal(rng, b, *shape),
            _normal(rng, b, d),
            _normal(rng, b, d),
        )
    cases["three channels"] = (
        torch.from_numpy(rng.random((2, 3, 2, 2))),
        _normal(rng, 2, 3, 2, 2),
        _normal(rng, 2, 3),
        _normal(rng, 2, 3),
    )

    # Losses that one can work out by hand.
    half = torch.full((1, 1, 1, 1), 1e-4, dtype=torch.float64)  # at 0 some formulas have a kink
    one = torch.ones(1, 1, dtype=torch.float64)
    cases["an undecided pixel, the prior for a code"] = (half + 0.3, half, 0 * one, 0 * one)
    cases["an undecided pixel, a mean of 1"] = (half + 0.3, half, one, 0 * one)
    cases["an undecided pixel, a variance of e"] = (half + 0.3, half, 0 * one, one)

    # Numbers that are cut off where somebody is afraid of them.
    two = torch.tensor([[[[0.0, 1.0]]]], dtype=torch.float64)
    extreme = (two, 400 * (1 - 2 * two), 9 * one, 12 * one)
    cases["very large numbers"] = extreme
    cases["very large numbers, single precision"] = tuple(part.float() for part in extreme)
    cases["a very narrow code"] = (two, 2 - 3 * two, one, -25 * one)

    # A decoder that is sure, and wrong about one pixel: its probability rounds to 1.
    images = torch.tensor([0.0, 1.0], dtype=torch.float64).reshape(1, 1, 1, 2)
    sure = torch.full((1, 1, 1, 2), 120.0, dtype=torch.float64)
    cases["a decoder that is sure and wrong"] = (
        images,
        sure,
        _normal(rng, 1, 2),
        _normal(rng, 1, 2),
    )

    # Single precision, as networks have it.
    single = tuple(part.float() for part in cases["3 of 16 pixels, 5 latents"])
    cases["single precision"] = single
    return cases


# Where the bug may be: what it does, what is written instead, and its smallest input.
_ONE_PIXEL = "([[[[1.0]]]], [[[[0.0]]]], "
_TWO_PIXELS = "([[[[1.0, 1.0]]]], [[[[0.0, 0.0]]]], "


def _no_variance(images: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> bool:
    return bool((logvar == 0).all())


def _one_pixel(images: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> bool:
    return images[0].numel() == 1


def _no_error(images: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> bool:
    return bool(F.binary_cross_entropy_with_logits(logits, images) < VISIBLE)


def _one_image(images: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> bool:
    return len(images) == 1


def _one_latent(images: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> bool:
    return mu.shape[1] == 1


def _no_code(images: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> bool:
    return bool((mu == 0).all() and (logvar == 0).all())


_WRITE_OUT = """def buggy_loss(images, logits, mu, logvar):
    error = {error}
    kl = {kl}
    return {end}"""
_RIGHT = {
    "error": "F.binary_cross_entropy_with_logits("
    'logits, images, reduction="none").flatten(1).sum(1)',
    "kl": "0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)",
    "end": "(error + kl).mean()",
}
_LOSS_BUGS: tuple[tuple[dict[str, str], int, str, dict[str, Callable[..., bool]]], ...] = (
    (
        {"error": _RIGHT["error"].replace(".sum(1)", ".mean(1)")},
        6,
        _TWO_PIXELS + "[[0.0]], [[0.0]])",
        {
            "With one pixel this cannot show.": _one_pixel,
            "Pixels that cost nothing cost nothing in the mean, too.": _no_error,
        },
    ),
    (
        {"kl": "0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(1)"},
        6,
        _ONE_PIXEL + "[[1.0, 1.0]], [[0.0, 0.0]])",
        {"With one latent this cannot show.": _one_latent},
    ),
    (
        {"kl": "0.5 * (mu**2 + (2 * logvar).exp() - 1 - 2 * logvar).sum(1)"},
        4,
        _ONE_PIXEL + "[[0.0]], [[1.0]])",
        {"A variance of 1 is 1 however it is squared.": _no_variance},
    ),
    (
        {"kl": "0.5 * (mu**2 - logvar.exp() + 1 + logvar).sum(1)"},
        4,
        _ONE_PIXEL + "[[0.0]], [[1.0]])",
        {"A variance of 1 costs nothing by either formula.": _no_variance},
    ),
    (
        {"end": "(error - kl).mean()"},
        4,
        _ONE_PIXEL + "[[1.0]], [[0.0]])",
        {"A code that says nothing costs nothing, whatever its sign.": _no_code},
    ),
    (
        {"kl": "(mu**2 + logvar.exp() - 1 - logvar).sum(1)"},
        4,
        _ONE_PIXEL + "[[1.0]], [[0.0]])",
        {"Twice nothing is nothing: here the KL is 0.": _no_code},
    ),
    (
        {"end": "(error + kl).sum()"},
        8,
        "([[[[1.0]]], [[[1.0]]]], [[[[0.0]]], [[[0.0]]]], [[0.0], [0.0]], [[0.0], [0.0]])",
        {"With one image this cannot show.": _one_image},
    ),
)


def _no_batch(*tables: Tensor) -> str | None:
    """Why something is no input of the loss; None if it is one."""
    if not all(isinstance(table, Tensor) for table in tables):
        return "all four are tables, not single numbers."

    # The shapes, and that both pairs are about as many images.
    images, logits, mu, logvar = tables
    for names, pair, axes in (
        ("images and logits", (images, logits), "[B, C, H, W]"),
        ("mu and logvar", (mu, logvar), "[B, D]"),
    ):
        one, other = (list(table.shape) for table in pair)
        if {len(one), len(other)} != {axes.count(",") + 1}:
            return f"{names} are {axes}, not {one} and {other}."
        if one != other:
            return f"{names} have the same shape, not {one} and {other}."
    if len(mu) != len(images):
        return f"there are {len(images)} images and codes for {len(mu)}."

    # The numbers in them.
    if not all(torch.isfinite(table).all() for table in tables):
        return "there is NaN or an infinite number in it."
    if not all(table.numel() for table in tables):
        return "there is an image, a pixel and a latent at least."
    if images.min() < 0 or images.max() > 1:
        return "images are in [0, 1]."
    return None


def _loss_bug(variant: int) -> Bug:
    """The bug of this variant. The public one is the first."""
    written, least, smallest, hidden = _LOSS_BUGS[variant % len(_LOSS_BUGS)]
    source = _WRITE_OUT.format(**{**_RIGHT, **written})
    names: dict = {"F": F, "torch": torch}
    exec(source, names)
    return Bug(source, names["buggy_loss"], vae_loss, least, smallest, hidden)


def _filled(b: int, pixels: int, latents: int, mu: float, logvar: float) -> Callable[[], tuple]:
    """The input of somebody who fills the tables with these numbers."""
    picture = torch.ones(b, 1, 1, pixels, dtype=torch.float64)
    code = torch.ones(b, latents, dtype=torch.float64)
    return lambda: (picture, 0 * picture, mu * code, logvar * code)


def _show_loss_bug(variant: int) -> Exercise:
    bug = _loss_bug(variant)
    blind = dict.fromkeys(list(bug.hidden)[:1], _filled(1, 1, 1, 0.0, 0.0))
    large = {f"{bug.least} are enough": _filled(2, 3, 4, 1.0, 1.0)}
    return show_bug(
        Card(
            id="1.5a",
            core=True,
            title="Find the bug: the smallest batch that shows it",
            difficulty="medium",
            minutes=6,
            purpose="A bug is found when one can show it; then the repair is a line.",
            hints=(
                "What do you know beforehand about each of the two terms, for a batch of your own?",
                (
                    "Start with one image of one pixel and one latent, and work out by hand what "
                    "the loss must be. Then let one thing grow after the other: a value, the "
                    "pixels, the latents, the images."
                ),
                "images, logits = [[[[1.0]]]], [[[[0.0]]]]   # a pixel that costs log 2",
            ),
        ),
        "smallest_batch",
        """The batch with the fewest numbers that shows the bug: (images, logits, mu, logvar).

    Tensors or nested lists, [B, C, H, W] twice and [B, D] twice.

    Images are in [0, 1]; there is at least one image, one pixel and one latent.
    """,
        ("images", "logits", "mu", "logvar"),
        bug,
        _no_batch,
        blind
        | large
        | {
            "images and logits are [B, C, H, W]": lambda: ([1.0], [0.0], [[1.0]], [[0.0]]),
            "images and logits have the same shape": lambda: (
                [[[[1.0, 1.0]]]],
                [[[[0.0]]]],
                [[1.0]],
                [[0.0]],
            ),
            "the rows of a table are not equally long": lambda: (
                [[[[1.0], [1.0, 1.0]]]],
                [[[[0.0]]]],
                [[1.0]],
                [[0.0]],
            ),
            "mu and logvar are [B, D]": lambda: ([[[[1.0]]]], [[[[0.0]]]], [1.0], [0.0]),
            "images are in [0, 1]": lambda: ([[[[7.0]]]], [[[[0.0]]]], [[1.0]], [[1.0]]),
            "give 4 things, as a tuple": lambda: 3.0,
            "NaN or an infinite": lambda: ([[[[1.0]]]], [[[[np.nan]]]], [[1.0]], [[1.0]]),
            "all four are tables": lambda: (1.0, 0.0, 1.0, 1.0),
        },
    )


def _repaired(*changes: tuple[str, str]) -> Callable[..., Tensor]:
    return mistaken(vae_loss, *changes)


_VAE_LOSS = Exercise(
    id="1.5b",
    kind="bug",
    core=True,
    title="The repair",
    difficulty="medium",
    minutes=7,
    purpose="It is the loss of everything that follows, in your own words.",
    reference=vae_loss,
    draw=_pictures,
    parts=("loss",),
    trains=("logits", "mu", "logvar"),
    meaning={
        "an undecided pixel, the prior for a code": (
            "an undecided pixel costs log 2 = 0.693, and a code that is the prior nothing."
        ),
        "an undecided pixel, a mean of 1": (
            "log 2 for the undecided pixel, and 1/2 for a latent of mean 1 and variance 1: 1.193."
        ),
        "an undecided pixel, a variance of e": (
            "log 2 for the undecided pixel, and (e - 1 - 1) / 2 for a latent of log-variance 1: "
            "1.052."
        ),
    },
    wrong_answers={
        "the KL is averaged over the latents; independent latents add up.": _repaired(
            ("- logvar).sum(1)", "- logvar).mean(1)")
        ),
        "the error is averaged over the pixels; the logarithm of a product is a sum.": _repaired(
            ("per_pixel.flatten(1).sum(1)", "per_pixel.flatten(1).mean(1)")
        ),
        "logvar was used as the standard deviation; it is the logarithm of the "
        "variance.": _repaired(
            (
                "(mu**2 + logvar.exp() - 1 - logvar)",
                "(mu**2 + logvar**2 - 1 - torch.log(logvar**2))",
            )
        ),
        "exp(logvar) was taken for the standard deviation and squared; it is the variance "
        "already.": _repaired(("logvar.exp() - 1 - logvar", "logvar.exp() ** 2 - 1 - 2 * logvar")),
        "this is the KL the other way round, KL(p || q).": _repaired(
            ("(mu**2 + logvar.exp() - 1 - logvar)", "((mu**2 + 1) * (-logvar).exp() - 1 + logvar)")
        ),
        "the factor 1/2 of the KL is missing.": _repaired(("0.5 * (mu", "1.0 * (mu")),
        "the KL was subtracted: this loss rewards a large KL.": _repaired(
            ("error + kl", "error - kl")
        ),
        "this is the ELBO; the loss is minus the ELBO.": _repaired(
            ("(error + kl)", "-(error + kl)")
        ),
        "the KL is not in it: this is the loss of an autoencoder.": _repaired(
            ("(error + kl)", "(error + 0 * kl)")
        ),
        "no gradient by mu: it is not used, or was cut off": _repaired(
            ("error + kl", "error + kl.detach()")
        ),
        "the KL was added up over the images instead of the latents.": _repaired(
            ("- logvar).sum(1)", "- logvar).sum(0)")
        ),
        "the sign of logvar is turned in the KL.": _repaired(("- 1 - logvar)", "- 1 + logvar)")),
        "the sign of logvar is turned everywhere: is it the precision?": _repaired(
            ("logvar.exp() - 1 - logvar", "(-logvar).exp() - 1 + logvar")
        ),
        "the -1 of the KL is missing.": _repaired(
            ("logvar.exp() - 1 - logvar", "logvar.exp() - logvar")
        ),
        "the mean enters the KL squared.": _repaired(("(mu**2 +", "(mu +")),
        "the mean enters the KL squared, not as it is without its sign.": _repaired(
            ("(mu**2 +", "(mu.abs() +")
        ),
        "the deviation stands where the variance belongs: exp(logvar), not exp(logvar / 2).": (
            _repaired(("logvar.exp() -", "(logvar / 2).exp() -"))
        ),
        "the images were made black and white; grey is a probability here.": _repaired(
            ("(logits, images,", "(logits, images.round(),")
        ),
        "the batch was averaged over twice.": _repaired(
            ("(error + kl).mean()", "(error + kl).mean() / len(images)")
        ),
        "the channels were averaged; they are pixels like all others.": _repaired(
            ("per_pixel.flatten(1).sum(1)", "per_pixel.sum((2, 3)).mean(1)")
        ),
        "each pixel got the whole KL.": _repaired(
            ("error + kl)", "error + images[0].numel() * kl)")
        ),
        "the error is not in it: only the KL is left.": _repaired(
            ("(error + kl)", "(0 * error + kl)")
        ),
        "the batch was added up; the loss is the mean over the images.": _repaired(
            ("(error + kl).mean()", "(error + kl).sum()")
        ),
        "the batch was not averaged: one number is asked for.": _repaired(
            ("(error + kl).mean()", "error + kl")
        ),
        "the sigmoid was applied twice; a function with `_with_logits` applies it "
        "itself.": _repaired(("_with_logits(logits,", "_with_logits(torch.sigmoid(logits),")),
        "the logarithm was taken of a probability that rounds to 0 or 1; work on the "
        "logits.": _repaired(
            (
                'F.binary_cross_entropy_with_logits(logits, images, reduction="none")',
                "-(images * torch.sigmoid(logits).log() "
                "+ (1 - images) * (1 - torch.sigmoid(logits)).log())",
            )
        ),
        "the probability was kept away from 0 by a small number, which changes what a sure and "
        "wrong pixel costs; work on the logits.": _repaired(
            (
                'F.binary_cross_entropy_with_logits(logits, images, reduction="none")',
                "-(images * (torch.sigmoid(logits) + 1e-8).log() "
                "+ (1 - images) * (1 - torch.sigmoid(logits) + 1e-8).log())",
            )
        ),
        "`F.binary_cross_entropy` of a rounded probability is cut off at 100; work on the "
        "logits.": _repaired(
            (
                "F.binary_cross_entropy_with_logits(logits, images,",
                "F.binary_cross_entropy(torch.sigmoid(logits), images,",
            )
        ),
        "the errors were added up over the images, and then counted with each of them.": _repaired(
            ("per_pixel.flatten(1).sum(1)", "per_pixel.sum()")
        ),
        "the KL was added up over everything and the error was averaged.": _repaired(
            ("(error + kl).mean()", "error.mean() + kl.sum()")
        ),
        "only the last axis was added up: rows, columns and channels are all pixels.": _repaired(
            ("per_pixel.flatten(1).sum(1)", "per_pixel.sum(-1).mean((1, 2))")
        ),
        "without flatten, sum(1) adds up the channels only.": _repaired(
            ("per_pixel.flatten(1).sum(1)", "per_pixel.sum(1).mean((1, 2))")
        ),
        "the error is averaged over the pixels and the KL over the latents.": _repaired(
            ("per_pixel.flatten(1).sum(1)", "per_pixel.flatten(1).mean(1)"),
            ("- logvar).sum(1)", "- logvar).mean(1)"),
        ),
        "this is a squared error; p(x|z) is Bernoulli.": _repaired(
            (
                'F.binary_cross_entropy_with_logits(logits, images, reduction="none")',
                "(torch.sigmoid(logits) - images) ** 2",
            )
        ),
        "images and logits were exchanged; the logits come first.": _repaired(
            ("(logits, images,", "(images, logits,")
        ),
        "the error has its sign turned: it is -log p(x|z).": _repaired(
            ("(error + kl)", "(kl - error)")
        ),
        "-log σ² is missing from the KL: it is what makes a narrow code dear.": _repaired(
            ("- 1 - logvar)", "- 1)")
        ),
        "the whole loss was divided by the number of pixels, the KL too.": _repaired(
            ("(error + kl).mean()", "(error + kl).mean() / images[0].numel()")
        ),
        "the error was divided by the width of a picture, not by the number of images.": _repaired(
            ("per_pixel.flatten(1).sum(1)", "per_pixel.sum() / images.shape[-1]")
        ),
        "only the white pixels were counted; a black one has a probability too.": _repaired(
            (
                'F.binary_cross_entropy_with_logits(logits, images, reduction="none")',
                "-images * F.logsigmoid(logits)",
            )
        ),
    },
    hints=(
        "For which sum does each line stand: over pixels, over latents, over the batch?",
        (
            "Your smallest batch shows in which of the three lines the loss goes wrong. What "
            "should that line be for any batch?"
        ),
        "kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar)   # [B, D]; which axis is added up?",
    ),
)


def exercises(variant: int = 0) -> tuple[Exercise, ...]:
    """The exercises in their order.

    variant: 0 for those of the public notebook, else other numbers, lines and bugs.
    """
    return (
        _costs(variant),
        _elbo_in_order(variant),
        _ESTIMATES,
        _GAP,
        _show_loss_bug(variant),
        _VAE_LOSS,
    )


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
        "You raise K from 1 to 100 in 1.3. Which of the two estimates has another mean now?",
        "C",
        {
            "both": "a mean of K draws has the mean of one draw, whatever K is",
            "that of the ELBO": "it is a plain mean: K makes it calmer, and moves nothing",
            "that of log p(x)": (
                "the logarithm of a mean is below the mean's logarithm on average, by less and "
                "less as K grows (Burda et al. 2016): at K = 1 it is the ELBO, in the end log p(x)"
            ),
        },
    ),
}

# The first version is public; a course gets another one.
WRITTEN = {
    "1.6": (
        InWords(
            words=(30, 110),
            question=(
                'A friend says: "The ELBO is only a bound, so a VAE never learns p(x)." Answer '
                "in three sentences: what is missing between the two, what makes it small, and "
                "what you would look at to see how large it is."
            ),
            rubric=(
                "What is missing is KL(q(z|x) || p(z|x)), and it is named as that KL.",
                (
                    "It is small if q can come close to the true posterior: a richer q or a "
                    "better encoder makes it smaller, and raising the ELBO by q alone does not "
                    "move log p(x)."
                ),
                (
                    "A way to see it: compare with an estimate from many draws (1.3), or a "
                    "world where log p(x) is known (1.4)."
                ),
            ),
            model=(
                "Between log p(x) and the ELBO stands KL(q(z|x) || p(z|x)), so the bound is as "
                "tight as q is close to the true posterior of this decoder. A better encoder "
                "or a richer family for q closes it without moving log p(x), while training "
                "both raises log p(x) and pulls the true posteriors towards what q can be. To "
                "see how large it is, compare the ELBO with the estimate of log p(x) from many "
                "draws, as in 1.3, or try the method in a world where log p(x) has a formula, "
                "as in 1.4."
            ),
        ),
        InWords(
            words=(30, 110),
            question=(
                "Two encoders for the same decoder have the same ELBO on an image, but the KL "
                "to the prior is 12 nats for one and 3 for the other. In three sentences: what "
                "else must differ, and by how much; which of the two is closer to the true "
                "posterior; and what you would compute to see how close that is."
            ),
            rubric=(
                (
                    "The reconstruction term of the first is 9 nats better, since the "
                    "difference of the two terms is the same."
                ),
                (
                    "Neither is closer in KL(q || p(z|x)): log p(x) is the same for both, so "
                    "the gaps are; the KL to the prior is not the gap."
                ),
                (
                    "The gap needs log p(x): an estimate with many draws, as in 1.3, or a "
                    "world with a formula, as in 1.4."
                ),
            ),
            model=(
                "The ELBO is the reconstruction term minus the KL to the prior, so the first "
                "encoder must reconstruct 9 nats better. As the decoder is the same, log p(x) "
                "is, and with the same ELBO both have the same gap KL(q || p(z|x)): in that "
                "sense neither is closer to the true posterior, and the KL to the prior says "
                "nothing about it. How large the common gap is one sees from log p(x), "
                "estimated from many draws of either encoder as in 1.3."
            ),
        ),
    ),
}
