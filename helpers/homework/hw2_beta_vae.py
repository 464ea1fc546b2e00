"""Homework 2: the price of a nat. Symbols as in notebook 02; all values in nats.

For each exercise: its reference, the inputs that an answer is checked on, the known wrong answers,
and its card. A reference stands by itself, because its source is the solution that a learner sees.
Wrong answers are written as a learner writes, without types.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from helpers.homework.engine import Exercise

# 2.1 The residuals of the KKT conditions


def kkt_residuals(
    q: Tensor, beta: float, delta: float, prior: Tensor, likelihood: Tensor
) -> tuple[float, float, float, float]:
    """Four numbers, each 0 where its KKT condition holds: (stationarity, primal, dual, slackness).

    q: [images, codes], an encoder table without zeros.
    prior: [codes].
    likelihood: [codes, images], p(x|z).
    The problem: least distortion subject to rate <= delta.
    stationarity: the largest gain u_z - Σ q u of any code in any image, with u = log p(x|z) - beta
    · log(q / prior).
    primal: how far the rate is above delta, else 0.
    dual: how far beta is below 0, else 0.
    slackness: |beta · (rate - delta)|.
    """
    # Stationarity: in a solution no code of an image gains more than the mean under q.
    log_ratio = (q / prior).log()  # [images, codes]
    u = likelihood.T.log() - beta * log_ratio  # [images, codes]
    gain = u - (q * u).sum(1, keepdim=True)  # [images, codes]
    stationarity = gain.max().item()

    # Primal feasibility: the rate, a mean over the images, is at most delta.
    rate = (q * log_ratio).sum(1).mean()
    excess = (rate - delta).item()
    primal = max(0.0, excess)

    # Dual feasibility: the price is not negative.
    dual = max(0.0, -beta)

    # Complementary slackness: only a budget that is used up has a price.
    slackness = abs(beta * excess)

    return stationarity, primal, dual, slackness


def _rate(q: torch.Tensor, prior: torch.Tensor) -> float:
    """The mean over the images of KL(q(z|x) || p(z)), for q [images, codes] and prior [codes]."""
    return (q * (q / prior).log()).sum(1).mean().item()


def _encoder_tables(
    rng: np.random.Generator,
) -> list[tuple[torch.Tensor, float, float, torch.Tensor, torch.Tensor]]:
    """(q, beta, delta, prior, likelihood) of five problems."""
    # A wide budget among narrow ones, and multipliers of 0 and below.
    cases = []
    for images, codes, beta, delta in (
        (2, 2, 0.7, 0.05),
        (4, 4, 2.0, 5.0),
        (3, 4, 0.0, 0.1),
        (2, 3, -0.5, 0.3),
    ):
        q = torch.from_numpy(rng.dirichlet([3.0] * codes, images))  # [images, codes]
        prior = torch.from_numpy(rng.dirichlet([3.0] * codes, 1))[0]  # [codes]
        likelihood = torch.from_numpy(rng.dirichlet([2.0] * images, codes))  # [codes, images]
        cases.append((q, beta, delta, prior, likelihood))

    # A solution: the best encoder at its price, with a budget that it uses up.
    _, beta, _, prior, likelihood = cases[1]
    weights = (prior[:, None] * likelihood ** (1 / beta)).T  # [images, codes]
    best = weights / weights.sum(1, keepdim=True)
    cases.append((best, beta, _rate(best, prior), prior, likelihood))
    return cases


def _kkt_primal_below_zero(q, beta, delta, prior, likelihood):
    stationarity, _, dual, slackness = kkt_residuals(q, beta, delta, prior, likelihood)
    return stationarity, _rate(q, prior) - delta, dual, slackness


def _kkt_primal_reversed(q, beta, delta, prior, likelihood):
    stationarity, _, dual, slackness = kkt_residuals(q, beta, delta, prior, likelihood)
    excess = _rate(q, prior) - delta
    return stationarity, max(0.0, -excess), dual, slackness


def _kkt_dual_both_sides(q, beta, delta, prior, likelihood):
    stationarity, primal, _, slackness = kkt_residuals(q, beta, delta, prior, likelihood)
    return stationarity, primal, abs(beta), slackness


def _kkt_slackness_without_beta(q, beta, delta, prior, likelihood):
    stationarity, primal, dual, _ = kkt_residuals(q, beta, delta, prior, likelihood)
    excess = _rate(q, prior) - delta
    return stationarity, primal, dual, abs(excess)


def _kkt_stationarity_without_beta(q, beta, delta, prior, likelihood):
    stationarity, _, _, _ = kkt_residuals(q, 1.0, delta, prior, likelihood)
    _, primal, dual, slackness = kkt_residuals(q, beta, delta, prior, likelihood)
    return stationarity, primal, dual, slackness


def _kkt_summed_rate(q, beta, delta, prior, likelihood):
    stationarity, _, dual, _ = kkt_residuals(q, beta, delta, prior, likelihood)
    excess = len(q) * _rate(q, prior) - delta
    return stationarity, max(0.0, excess), dual, abs(beta * excess)


KKT_RESIDUALS = Exercise(
    id="2.1",
    title="The residuals of the KKT conditions",
    difficulty="hard",
    minutes=25,
    purpose=(
        "They tell whether a trained point solves the constrained problem, and if not, "
        "which condition fails."
    ),
    reference=kkt_residuals,
    draw=_encoder_tables,
    wrong_answers={
        "a rate below delta is allowed: "
        "the primal residual is 0 there, not negative.": _kkt_primal_below_zero,
        "the primal residual has its sign turned: "
        "it measures how far the rate is *above* delta.": _kkt_primal_reversed,
        "a positive beta is allowed: "
        "the dual residual measures how far beta is below 0.": _kkt_dual_both_sides,
        "slackness lost its beta: "
        "it is the product of the multiplier and the excess.": _kkt_slackness_without_beta,
        "stationarity lost its beta, as if the price were 1.": _kkt_stationarity_without_beta,
        "the rate was summed over the images; it is their mean.": _kkt_summed_rate,
    },
    hints=(
        (
            "Write the rate first: the mean over images of KL(q(z|x) || p(z)). "
            "Three of the four residuals need only it."
        ),
        (
            "For stationarity build the table u [images, codes], "
            "subtract from each row its mean under q, and take the largest entry."
        ),
        "u = likelihood.T.log() - beta * (q / prior).log()   # [images, codes]",
    ),
)


# 2.2 A step of dual ascent


def dual_step(beta: float, rate: float, delta: float, step_size: float) -> float:
    """The multiplier after one step of dual ascent: up where the rate is above delta, down where it
    is below.

    The step is step_size · max(beta, 1) · v with the violation v = rate / delta - 1, at most 1. The
    result is at least 0.
    """
    violation = min(rate / delta - 1, 1.0)
    step = step_size * max(beta, 1.0) * violation
    return max(0.0, beta + step)


def _steps(rng: np.random.Generator) -> list[tuple[float, float, float, float]]:
    """(beta, rate, delta, step_size) of ten steps."""
    cases = []
    for _ in range(5):
        beta = float(rng.uniform(0.1, 6))
        rate = float(rng.uniform(0.1, 5))
        delta = float(rng.uniform(0.5, 4))
        step_size = float(rng.uniform(0.01, 0.2))
        cases.append((beta, rate, delta, step_size))

    # A multiplier of 0 that stays there, and one that leaves it.
    cases.append((0.0, 0.5, 2.0, 0.1))
    cases.append((0.0, 3.0, 2.0, 0.1))

    # A rate far above delta; no rate at all; a step that would lead below 0.
    cases.append((3.0, 40.0, 2.0, 0.1))
    cases.append((8.0, 0.0, 2.0, 0.05))
    cases.append((0.01, 0.2, 3.0, 0.2))
    return cases


def _step_the_wrong_way(beta, rate, delta, step_size):
    violation = min(rate / delta - 1, 1.0)
    return max(0.0, beta - step_size * max(beta, 1.0) * violation)


def _step_below_zero(beta, rate, delta, step_size):
    violation = min(rate / delta - 1, 1.0)
    return beta + step_size * max(beta, 1.0) * violation


def _step_by_difference(beta, rate, delta, step_size):
    violation = min(rate - delta, 1.0)
    return max(0.0, beta + step_size * max(beta, 1.0) * violation)


def _step_in_proportion(beta, rate, delta, step_size):
    violation = min(rate / delta - 1, 1.0)
    return max(0.0, beta + step_size * beta * violation)


def _step_unlimited(beta, rate, delta, step_size):
    violation = rate / delta - 1
    return max(0.0, beta + step_size * max(beta, 1.0) * violation)


DUAL_STEP = Exercise(
    id="2.2",
    title="A step of dual ascent",
    difficulty="easy",
    minutes=10,
    purpose="It is how a VAE finds the β of the rate that you ask for.",
    reference=dual_step,
    draw=_steps,
    wrong_answers={
        "the step goes the wrong way: "
        "a rate above delta must make nats dearer.": _step_the_wrong_way,
        "a multiplier must not become negative; cut it off at 0.": _step_below_zero,
        "the violation is relative to delta: "
        "rate / delta - 1, not rate - delta.": _step_by_difference,
        "the step is only proportional to beta, so that a multiplier of 0 never leaves 0; "
        "it needs max(beta, 1).": _step_in_proportion,
        "the violation was not limited to 1, "
        "so one bad batch throws beta far off.": _step_unlimited,
    },
    hints=(
        "Which sign must the change have if the code sends too many nats?",
        (
            "Three limits matter: the violation is at most 1, "
            "the step is in proportion to at least 1, the result is at least 0."
        ),
        "violation = min(rate / delta - 1, 1.0)",
    ),
)


# 2.3 β read off a rate-distortion curve


def beta_from_curve(rates: Tensor, distortions: Tensor, delta: float) -> float:
    """The price of a nat at the budget delta, from measured points (rates[i], distortions[i]) in
    any order.

    It is minus the slope of the straight line between the two points next to delta, one with a rate
    at most delta and one with a larger rate; 0 if no point has a larger rate.
    rates, distortions: [M] tensors, the rates all different. The smallest rate is at most delta.
    """
    # The points in the order of the curve.
    order = rates.argsort()
    rates, distortions = rates[order], distortions[order]  # [M], [M]

    # The first point with a larger rate. Without one the budget is not felt, and its price is 0.
    above = int((rates <= delta).sum())
    if above == len(rates):
        return 0.0

    # The slope between this point and the one before it.
    more_rate = rates[above] - rates[above - 1]
    more_distortion = distortions[above] - distortions[above - 1]
    slope = more_distortion / more_rate
    return -slope.item()


def _curves(rng: np.random.Generator) -> list[tuple[torch.Tensor, torch.Tensor, float]]:
    """(rates, distortions, delta) of six falling, convex curves, their points in no order."""
    cases = []
    for points in (4, 6, 5):
        # From left to right the curve falls less and less.
        rates = torch.from_numpy(rng.uniform(0.1, 0.9, points)).cumsum(0)  # [points]
        prices = torch.from_numpy(rng.uniform(0.2, 6.0, points)).sort(descending=True).values
        between = torch.diff(rates, prepend=rates.new_zeros(1))
        distortions = 40 - torch.cumsum(prices * between, 0)  # [points]

        # A budget somewhere inside.
        shuffled = torch.from_numpy(rng.permutation(points))
        delta = float(rates[0] + (rates[-1] - rates[0]) * rng.uniform(0.1, 0.9))
        cases.append((rates[shuffled], distortions[shuffled], delta))

    # A budget larger than every rate, and one that is exactly the rate of a point.
    rates, distortions, _ = cases[0]
    cases.append((rates, distortions, float(rates.max()) + 1.0))
    cases.append((rates, distortions, float(rates.sort().values[1])))

    # Single precision.
    rates, distortions, delta = cases[1]
    cases.append((rates.float(), distortions.float(), delta))
    return cases


def _in_order(
    rates: torch.Tensor, distortions: torch.Tensor, delta: float
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """The points by rate, and the place of the first rate above delta; their number if none is."""
    order = rates.argsort()
    rates, distortions = rates[order], distortions[order]
    return rates, distortions, int((rates <= delta).sum())


def _difference(values: torch.Tensor, above: int) -> torch.Tensor:
    """From the point before this place to the one at it."""
    return values[above] - values[above - 1]


def _beta_negative(rates, distortions, delta):
    rates, distortions, above = _in_order(rates, distortions, delta)
    if above == len(rates):
        return 0.0
    return (_difference(distortions, above) / _difference(rates, above)).item()


def _beta_turned_over(rates, distortions, delta):
    rates, distortions, above = _in_order(rates, distortions, delta)
    if above == len(rates):
        return 0.0
    return -(_difference(rates, above) / _difference(distortions, above)).item()


def _beta_unsorted(rates, distortions, delta):
    above = int((rates <= delta).sum())
    if above == len(rates):
        return 0.0
    return -(_difference(distortions, above) / _difference(rates, above)).item()


def _beta_without_slackness(rates, distortions, delta):
    rates, distortions, above = _in_order(rates, distortions, delta)
    above = min(above, len(rates) - 1)
    return -(_difference(distortions, above) / _difference(rates, above)).item()


def _beta_of_whole_curve(rates, distortions, delta):
    rates, distortions, above = _in_order(rates, distortions, delta)
    if above == len(rates):
        return 0.0
    return -((distortions[-1] - distortions[0]) / (rates[-1] - rates[0])).item()


def _beta_as_ratio(rates, distortions, delta):
    rates, distortions, above = _in_order(rates, distortions, delta)
    if above == len(rates):
        return 0.0
    return (distortions[above] / rates[above]).item()


BETA_FROM_CURVE = Exercise(
    id="2.3",
    title="β read off a rate-distortion curve",
    difficulty="medium",
    minutes=20,
    purpose="It recovers the price from results alone, if each model is the best one at its β.",
    reference=beta_from_curve,
    draw=_curves,
    wrong_answers={
        "the slope of a falling curve is negative; β is minus the slope.": _beta_negative,
        "this is dR/dE, the slope turned over: "
        "β says how much distortion one nat of rate saves.": _beta_turned_over,
        "the points were not sorted by rate, "
        "so neighbours in the list are not neighbours on the curve.": _beta_unsorted,
        "beyond the largest rate the constraint is not felt: "
        "complementary slackness makes the price 0.": _beta_without_slackness,
        "this is the slope of the line through all points; "
        "the price at delta is a local slope.": _beta_of_whole_curve,
        "distortion was divided by rate; "
        "the price is a ratio of differences, what the *next* piece of rate saves.": _beta_as_ratio,
    },
    hints=(
        "Sort the points by their rates. Which two of them have delta between them?",
        (
            "β = -ΔE / ΔR between those two. "
            "What does complementary slackness say if delta is larger than every rate?"
        ),
        "order = rates.argsort()   # then rates[order] and distortions[order]",
    ),
)


# 2.4 The β of three written settings


def our_beta(beta: float, pixels: int, latents: int, reconstruction: str, kl: str) -> float:
    """The β in the convention of this series, of a loss "error + beta · KL" that is written in
    another one.

    The error is ||x - x̂||² and counts as a negative log-likelihood (variance 1/2); or it is one
    already.
    reconstruction, kl: "mean" or "sum", over the pixels of an image and over the latents. Here both
    are sums.
    """
    # Where the error is a mean, the whole loss times the number of pixels has the sum.
    per_error = pixels if reconstruction == "mean" else 1

    # Where the KL is a mean, it is the sum divided by the number of latents.
    per_kl = latents if kl == "mean" else 1

    return beta * per_error / per_kl


def _settings(rng: np.random.Generator) -> list[tuple[float, int, int, str, str]]:
    """(beta, pixels, latents, reconstruction, kl) for every pair of reductions, and for β = 0."""
    cases = []
    for reconstruction in ("mean", "sum"):
        for kl in ("mean", "sum"):
            beta = float(rng.uniform(0.01, 8))
            pixels = int(rng.choice([64, 784, 1024, 4096]))
            latents = int(rng.integers(2, 33))
            cases.append((beta, pixels, latents, reconstruction, kl))
    cases.append((0.0, 784, 5, "mean", "mean"))
    return cases


def _setting_exchanged(beta, pixels, latents, reconstruction, kl):
    per_error = pixels if reconstruction == "mean" else 1
    per_kl = latents if kl == "mean" else 1
    return beta * per_kl / per_error


def _setting_by_pixels(beta, pixels, latents, reconstruction, kl):
    per_error = pixels if reconstruction == "mean" else 1
    return beta * per_error


def _setting_by_latents(beta, pixels, latents, reconstruction, kl):
    per_kl = latents if kl == "mean" else 1
    return beta / per_kl


def _setting_of_two_means(beta, pixels, latents, reconstruction, kl):
    return beta * pixels / latents


def _setting_as_written(beta, pixels, latents, reconstruction, kl):
    return beta


def _setting_multiplied(beta, pixels, latents, reconstruction, kl):
    per_error = pixels if reconstruction == "mean" else 1
    per_kl = latents if kl == "mean" else 1
    return beta * per_error * per_kl


OUR_BETA = Exercise(
    id="2.4",
    title="The β of three written settings",
    difficulty="medium",
    minutes=15,
    purpose="Without it, the β of two papers or courses cannot be compared.",
    reference=our_beta,
    draw=_settings,
    wrong_answers={
        "the two factors were exchanged: "
        "a mean over pixels makes the error small, and so the KL strong.": _setting_exchanged,
        "only the pixels were counted; a mean over the latents weakens the KL.": _setting_by_pixels,
        "only the latents were counted; "
        "a mean over the pixels weakens the error.": _setting_by_latents,
        "both means were taken for granted; "
        "look at which reductions the loss uses.": _setting_of_two_means,
        "the written β was returned as it is; "
        "it means something else in another convention.": _setting_as_written,
        "both factors multiply here; "
        "a mean over the latents *divides* the KL.": _setting_multiplied,
    },
    hints=(
        (
            "A common factor on the whole loss changes nothing. "
            "Multiply the other loss until its error is the sum over pixels."
        ),
        (
            "A mean over P pixels is the sum over P: multiply the whole loss by P. "
            "What stands before the summed KL then?"
        ),
        'per_error = pixels if reconstruction == "mean" else 1',
    ),
)


# 2.5 Predict, then train: β against reconstruction


def beta_loss(images: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    """The β-VAE loss of a batch, one number: the error summed over pixels, plus β times the KL,
    mean over the images.

    images, logits: [B, C, H, W].
    mu, logvar: [B, D].
    beta: a number.
    """
    # The error of each image: -log p(x|z), added up over the pixels.
    per_pixel = F.binary_cross_entropy_with_logits(logits, images, reduction="none")  # [B, C, H, W]
    error = per_pixel.flatten(1).sum(1)  # [B]

    # What its code costs: KL(q(z|x) || p(z)), added up over the latents.
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)  # [B]

    return (error + beta * kl).mean()


def _batches(
    rng: np.random.Generator,
) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, float]]:
    """(images, logits, mu, logvar, beta) of five batches."""

    def normal(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.standard_normal(shape))

    # Few and many pixels and latents, one and several channels, and a β of 0.
    cases = []
    for b, shape, d, beta in (
        (2, (1, 2, 2), 2, 0.3),
        (3, (1, 4, 4), 5, 4.0),
        (1, (3, 2, 2), 1, 1.0),
        (2, (1, 2, 2), 3, 0.0),
    ):
        images = torch.from_numpy(rng.random((b, *shape)))
        logits = 2 * normal(b, *shape)
        mu = normal(b, d)
        logvar = normal(b, d)
        cases.append((images, logits, mu, logvar, beta))

    # Single precision, as networks have it.
    images, logits, mu, logvar, _ = cases[1]
    cases.append((images.float(), logits.float(), mu.float(), logvar.float(), 2.5))
    return cases


def _pixel_errors(images: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """-log p(x|z) of each pixel, [B, pixels], for images and logits [B, C, H, W]."""
    return F.binary_cross_entropy_with_logits(logits, images, reduction="none").flatten(1)


def _latent_kls(mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """KL(q(z_j|x) || p(z_j)) of each latent, [B, D]."""
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar)


def _loss_error_weighted(images, logits, mu, logvar, beta):
    error = _pixel_errors(images, logits).sum(1)
    return (beta * error + _latent_kls(mu, logvar).sum(1)).mean()


def _loss_without_beta(images, logits, mu, logvar, beta):
    error = _pixel_errors(images, logits).sum(1)
    return (error + _latent_kls(mu, logvar).sum(1)).mean()


def _loss_latents_averaged(images, logits, mu, logvar, beta):
    error = _pixel_errors(images, logits).sum(1)
    return (error + beta * _latent_kls(mu, logvar).mean(1)).mean()


def _loss_pixels_averaged(images, logits, mu, logvar, beta):
    error = _pixel_errors(images, logits).mean(1)
    return (error + beta * _latent_kls(mu, logvar).sum(1)).mean()


def _loss_kl_subtracted(images, logits, mu, logvar, beta):
    error = _pixel_errors(images, logits).sum(1)
    return (error - beta * _latent_kls(mu, logvar).sum(1)).mean()


def _loss_both_weighted(images, logits, mu, logvar, beta):
    error = _pixel_errors(images, logits).sum(1)
    return ((1 - beta) * error + beta * _latent_kls(mu, logvar).sum(1)).mean()


BETA_LOSS = Exercise(
    id="2.5",
    title="Predict, then train: β against reconstruction",
    difficulty="medium",
    minutes=20,
    purpose="It is the trade-off of the whole series, in your own loss.",
    reference=beta_loss,
    draw=_batches,
    wrong_answers={
        "β weighs the error; it belongs to the KL.": _loss_error_weighted,
        "β is not used at all: this is the VAE loss.": _loss_without_beta,
        "the KL was averaged over the latents, "
        "which makes β smaller by their number.": _loss_latents_averaged,
        "the error was averaged over the pixels, "
        "which makes β larger by their number.": _loss_pixels_averaged,
        "the KL was subtracted: this loss rewards a large KL.": _loss_kl_subtracted,
        "β weighs the error with 1 - β as well; the error keeps the weight 1.": _loss_both_weighted,
    },
    hints=(
        "Take your loss of homework 1 and put one number into it.",
        (
            "Sum over pixels, sum over latents, mean over the batch. "
            "β multiplies the KL of each image."
        ),
        "kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)   # [B]",
    ),
)


EXERCISES = (KKT_RESIDUALS, DUAL_STEP, BETA_FROM_CURVE, OUR_BETA, BETA_LOSS)

QUIZZES = {
    "2.A": (
        "The budget delta is larger than the rate that free nats would use. The multiplier is",
        "B",
        {
            "1": "that is the price at which a VAE buys, one particular price",
            "0": "complementary slackness: a constraint that is not felt has no price",
            "not defined": (
                "it is: the problem is solved by the most accurate encoder, with the price 0"
            ),
        },
    ),
    "2.B": (
        (
            "The same small network trains on the digits with β = 0.1, 0.5, 1 and 2. "
            "What happens to the reconstruction error?"
        ),
        "C",
        {
            "it falls, since a larger β disentangles better": (
                "the loss contains nothing that would reward this, "
                "and nats that are dearer are used less"
            ),
            "it is lowest at β = 1, where the loss is the ELBO": (
                "the ELBO is best there, not one of its two parts"
            ),
            "it rises": "a larger price never reconstructs better, if both are trained well",
        },
    ),
}
