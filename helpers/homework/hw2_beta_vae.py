"""Homework 2: the price of a nat. Symbols as in notebook 02; all values in nats.

For each exercise: its reference, the inputs that an answer is checked on, the known wrong answers,
and its card. A reference stands by itself, because its source is the solution that a learner sees.
A wrong answer is the reference with something else written in one place of it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from helpers.homework import contest
from helpers.homework.engine import Exercise, mistaken, no_input
from helpers.homework.kinds import Bug, Card, InWords, predict, show_bug

# 2.1 What does a nat cost here?


def _prices(variant: int) -> Exercise:
    """Read prices off four points of a curve, in the head."""
    if variant == 0:
        savings = (6, 3, 1)
        start = 40
    else:
        rng = np.random.default_rng([variant, 21])
        last = int(rng.integers(1, 3))
        middle = last + int(rng.integers(2, 4))
        savings = (middle + int(rng.integers(2, 6)), middle, last)
        start = int(rng.integers(30, 70))
    errors = [start - sum(savings[:k]) for k in range(4)]
    rates = (1, 2, 3, 4)
    price = (savings[1] + savings[2]) / 2  # between the second slope and the third

    def best(beta: float) -> int:
        return min(rates, key=lambda rate: errors[rate - 1] + beta * rate)

    points = ", ".join(f"({rate}, {error})" for rate, error in zip(rates, errors, strict=True))
    return predict(
        Card(
            id="2.1",
            core=True,
            title="What does a nat cost here?",
            difficulty="easy",
            minutes=4,
            purpose="A price is a ratio of two differences, and that is all.",
            hints=(
                "From one point to the next: how much error does the next nat save?",
                (
                    "β is that saving. A buyer who pays β a nat goes on as long as the next nat "
                    "saves more than β; and what is never used up costs nothing."
                ),
                "saved by the second nat = error at 1 nat - error at 2 nats",
            ),
        ),
        "prices",
        (
            "The best encoders of some decoder lie at these points (rate, error), in nats: "
            f"{points}. What is β *between 2 and 3 nats*? Which of the four rates has the least "
            f"error + β · rate *at β = {price:g}*, and which *at β = {savings[0] + 1}*? And what "
            "is the multiplier of the constraint rate ≤ 9, *a budget of 9 nats*, if more than 4 "
            "nats save nothing?"
        ),
        {
            "between 2 and 3 nats": savings[1],
            f"at β = {price:g}": best(price),
            f"at β = {savings[0] + 1}": best(savings[0] + 1),
            "a budget of 9 nats": 0,
        },
        {
            "this is the sum; the rate that has the least is asked for.": {
                f"at β = {price:g}": errors[best(price) - 1] + price * best(price),
                f"at β = {savings[0] + 1}": errors[0] + savings[0] + 1,
            },
            "this is an error; the rate is asked for.": {
                f"at β = {price:g}": errors[best(price) - 1],
                f"at β = {savings[0] + 1}": errors[0],
            },
            "positions are counted from 0 here; give the rate itself.": {
                f"at β = {savings[0] + 1}": 0,
            },
            "this is the saving over both steps; the third nat alone is asked for.": {
                "between 2 and 3 nats": savings[0] + savings[1]
            },
            "the fraction stands upside down: error that is saved, over nats that are paid.": {
                "between 2 and 3 nats": 1 / savings[1]
            },
            "this is the mean of all savings; only those of the third nat count.": {
                "between 2 and 3 nats": sum(savings) / 3
            },
            "the slope is negative, and β is minus the slope.": {
                "between 2 and 3 nats": -savings[1]
            },
            "this is the saving from 1 nat to 2, the step before.": {
                "between 2 and 3 nats": savings[0]
            },
            "this is the saving from 3 nats to 4, the step after.": {
                "between 2 and 3 nats": savings[2]
            },
            "error was divided by rate; a price is a ratio of differences.": {
                "between 2 and 3 nats": errors[2] / 3
            },
            "more nats are used than pay: the last one saves less than it costs.": {
                f"at β = {price:g}": 4
            },
            "is this the position, counted from 0? Or: one nat more would still save more than "
            "it costs.": {f"at β = {price:g}": 2},
            "even the first of these nats saves less than this price.": {
                f"at β = {savings[0] + 1}": 2
            },
            "nats are bought here that save less than they cost.": {f"at β = {savings[0] + 1}": 3},
            "β · rate is added to the error, not subtracted.": {
                f"at β = {price:g}": 4,
                f"at β = {savings[0] + 1}": 4,
            },
            "this is the error at 4 nats; its multiplier is what one nat of budget more would "
            "save.": {"a budget of 9 nats": errors[3]},
            "this is the rate that is used; the multiplier is what one nat of budget more would "
            "save.": {"a budget of 9 nats": 4},
            "these are the nats that are left; the multiplier is what one more would save.": {
                "a budget of 9 nats": 5
            },
            "the most accurate point was taken; here nats have to be paid.": {
                f"at β = {savings[0] + 1}": 4
            },
            "is this the β of a VAE, or what the last nat has saved? The next one saves nothing, "
            "and the budget is not used up, so it has no price.": {"a budget of 9 nats": 1},
        },
        {
            "between 2 and 3 nats": "how much error does the third nat save?",
            f"at β = {price:g}": "add β · rate to each error, and compare the four sums.",
            f"at β = {savings[0] + 1}": "add β · rate to each error, and compare the four sums.",
            "a budget of 9 nats": (
                "the constraint is not felt: what does complementary slackness say of its price?"
            ),
        },
        unit="nats of error for a nat, nats, nats, nats of error for a nat",
    )


# 2.2 The residuals of the KKT conditions


def kkt_residuals(
    q: Tensor, beta: float, delta: float, prior: Tensor, likelihood: Tensor
) -> tuple[float, float, float, float]:
    """Four numbers, each 0 where its KKT condition holds: (stationarity, primal, dual, slackness).

    q: [images, codes], an encoder table without zeros.
    prior: [codes]. likelihood: [codes, images], p(x|z).
    The problem: least distortion subject to rate <= delta.
    stationarity: the largest gain u_z - Σ q u of any code in any image, with u = log p(x|z) - beta
    · log(q / prior).
    primal: how far the rate is above delta, else 0. dual: how far beta is below 0, else 0.
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


def _encoders(rng: np.random.Generator) -> dict[str, tuple]:
    """(q, beta, delta, prior, likelihood) of six problems."""
    cases = {}
    for words, images, codes, beta, delta in (
        ("two images, two codes", 2, 2, 0.7, 0.02),
        ("more images than codes", 4, 3, 2.0, 0.02),
        ("a budget that is not used up", 3, 4, 2.0, 5.0),
        ("a multiplier of 0", 3, 4, 0.0, 0.01),
        ("a negative multiplier", 2, 3, -0.5, 0.01),
    ):
        q = torch.from_numpy(rng.dirichlet([2.0] * codes, images)) + 0.02  # [images, codes]
        prior = torch.from_numpy(rng.dirichlet([3.0] * codes, 1))[0] + 0.02  # [codes]
        likelihood = torch.from_numpy(rng.dirichlet([2.0] * images, codes)) + 0.02
        likelihood = likelihood / likelihood.sum(1, keepdim=True)  # [codes, images]
        cases[words] = (q / q.sum(1, keepdim=True), beta, delta, prior / prior.sum(), likelihood)

    # A code that fits an image badly: its loss is larger than any gain.
    q, beta, delta, prior, likelihood = cases["two images, two codes"]
    likelihood = likelihood.clone()
    likelihood[0, 0] = 1e-6
    cases["a code that fits an image badly"] = (q, beta, delta, prior, likelihood)

    # A solution: the best encoder at its price, with a budget that it uses up.
    _, beta, _, prior, likelihood = cases["more images than codes"]
    weights = (prior[:, None] * likelihood ** (1 / beta)).T  # [images, codes]
    best = weights / weights.sum(1, keepdim=True)
    rate = (best * (best / prior).log()).sum(1).mean().item()
    cases["a solution"] = (best, beta, rate, prior, likelihood)
    return cases


_KKT = Exercise(
    id="2.2",
    kind="write",
    core=True,
    title="The residuals of the KKT conditions",
    difficulty="hard",
    minutes=16,
    purpose=(
        "They tell whether a trained point solves the constrained problem, and if not, "
        "which condition fails."
    ),
    reference=kkt_residuals,
    draw=_encoders,
    parts=("stationarity", "primal", "dual", "slackness"),
    meaning={
        "a solution": {
            "stationarity": "q is the best encoder at this price here: no code gains, it is 0.",
            "primal": "the rate is exactly the budget here: it is 0.",
            "dual": "the price is positive here: it is 0.",
            "slackness": "the budget is used up exactly here: it is 0.",
        },
        "a budget that is not used up": {
            "primal": "the rate is below the budget here: it is 0.",
        },
        "a multiplier of 0": {
            "dual": "a multiplier of 0 is allowed: it is 0.",
            "slackness": "a multiplier of 0 makes the product 0.",
        },
        "a negative multiplier": {"dual": "beta is -0.5 here, that is 0.5 below 0."},
    },
    wrong_answers={
        "a rate below delta is allowed: the primal residual is 0 there, not negative.": mistaken(
            kkt_residuals, ("primal = max(0.0, excess)", "primal = excess")
        ),
        "the primal residual has its sign turned: it measures how far the rate is *above* "
        "delta.": mistaken(kkt_residuals, ("max(0.0, excess)", "max(0.0, -excess)")),
        "a rate below delta is allowed, so its distance does not count.": mistaken(
            kkt_residuals, ("max(0.0, excess)", "abs(excess)")
        ),
        "the dual residual is -beta only where beta is below 0; else it is 0.": mistaken(
            kkt_residuals, ("dual = max(0.0, -beta)", "dual = -beta")
        ),
        "the rate is in bits.": mistaken(
            kkt_residuals,
            ("(q * log_ratio).sum(1).mean()", "(q * log_ratio).sum(1).mean() / np.log(2)"),
        ),
        "the rate counts each code with its q, and adds the codes up: a mean over all entries is "
        "too small.": mistaken(
            kkt_residuals, ("(q * log_ratio).sum(1).mean()", "(q * log_ratio).mean()")
        ),
        "the rate's KL is the other way round.": mistaken(
            kkt_residuals,
            ("(q * log_ratio).sum(1).mean()", "(prior * -log_ratio).sum(1).mean()"),
        ),
        "the largest rate of an image was taken; it is their mean.": mistaken(
            kkt_residuals, ("(q * log_ratio).sum(1).mean()", "(q * log_ratio).sum(1).max()")
        ),
        "the primal residual is the excess, not the rate.": mistaken(
            kkt_residuals, ("primal = max(0.0, excess)", "primal = rate.item()")
        ),
        "the smallest gain was taken; it is the largest.": mistaken(
            kkt_residuals, ("gain.max()", "gain.min()")
        ),
        "of each image the largest gain, and then their mean; it is the largest of all.": mistaken(
            kkt_residuals, ("gain.max()", "gain.max(1).values.mean()")
        ),
        "the mean is under q, not under the prior.": mistaken(
            kkt_residuals, ("(q * u).sum", "(prior * u).sum")
        ),
        "the means were taken over the images; each image has one, over its codes.": mistaken(
            kkt_residuals, ("(q * u).sum(1, keepdim=True)", "(q * u).sum(0, keepdim=True)")
        ),
        "the gain has its sign turned.": mistaken(kkt_residuals, ("gain.max()", "(-gain).max()")),
        "whether it is violated is not asked, but how far.": mistaken(
            kkt_residuals, ("primal = max(0.0, excess)", "primal = float(excess > 0)")
        ),
        "the gains of the codes were added up; the largest is asked for.": mistaken(
            kkt_residuals, ("gain.max()", "gain.sum()")
        ),
        "the gains were averaged over the images first.": mistaken(
            kkt_residuals, ("gain.max()", "gain.mean(0).max()")
        ),
        "the largest was compared with the smallest; the mean under q is what counts.": mistaken(
            kkt_residuals, ("gain.max()", "(u.max(1).values - u.min(1).values).max()")
        ),
        "the gain is not weighted with q once more.": mistaken(
            kkt_residuals, ("gain.max()", "(q * gain).max()")
        ),
        "slackness is beta times (rate - delta), not beta times rate minus delta.": mistaken(
            kkt_residuals, ("abs(beta * excess)", "abs(beta * rate.item() - delta)")
        ),
        "a positive beta is allowed: the dual residual measures how far beta is below 0.": mistaken(
            kkt_residuals, ("dual = max(0.0, -beta)", "dual = abs(beta)")
        ),
        "the dual residual has its sign turned: beta may be above 0.": mistaken(
            kkt_residuals, ("max(0.0, -beta)", "max(0.0, beta)")
        ),
        "the dual residual is a distance, and not negative.": mistaken(
            kkt_residuals, ("dual = max(0.0, -beta)", "dual = min(0.0, beta)")
        ),
        "slackness lost its beta: it is the product of the multiplier and the excess.": mistaken(
            kkt_residuals, ("abs(beta * excess)", "abs(excess)")
        ),
        "slackness is a distance, and not negative.": mistaken(
            kkt_residuals, ("abs(beta * excess)", "beta * excess")
        ),
        "slackness is broken by an unused budget too: do not cut the excess off at 0 "
        "there.": mistaken(kkt_residuals, ("abs(beta * excess)", "abs(beta * primal)")),
        "stationarity lost its beta, as if the price were 1.": mistaken(
            kkt_residuals, ("- beta * log_ratio", "- log_ratio")
        ),
        "stationarity compares each code with the mean under q; the mean is missing.": mistaken(
            kkt_residuals, ("u - (q * u).sum(1, keepdim=True)  #", "u  #")
        ),
        "the mean is under q, not the plain mean over the codes.": mistaken(
            kkt_residuals, ("(q * u).sum(1, keepdim=True)", "u.mean(1, keepdim=True)")
        ),
        "the mean under q is taken image by image: one mean for each row.": mistaken(
            kkt_residuals, ("(q * u).sum(1, keepdim=True)", "(q * u).sum(1).mean()")
        ),
        "the price has the wrong sign: a code pays beta for each nat.": mistaken(
            kkt_residuals, ("- beta * log_ratio", "+ beta * log_ratio")
        ),
        "the prior is missing from log(q / prior).": mistaken(
            kkt_residuals, ("(q / prior).log()", "q.log()")
        ),
        "log(q / prior) stands upside down.": mistaken(
            kkt_residuals, ("(q / prior).log()", "(prior / q).log()")
        ),
        "the likelihood has the codes as rows; here they are the columns.": mistaken(
            kkt_residuals, ("likelihood.T.log()", "likelihood.log()")
        ),
        "the logarithm of the likelihood is missing.": mistaken(
            kkt_residuals, ("likelihood.T.log()", "likelihood.T")
        ),
        "the largest gain counts, whatever its sign: a loss of a code is no gain.": mistaken(
            kkt_residuals, ("gain.max()", "gain.abs().max()")
        ),
        "the largest gain of any code, not their mean.": mistaken(
            kkt_residuals, ("gain.max()", "gain.mean()")
        ),
        "slackness is |β (R - δ)| for a negative β too; do not cut β off at 0 there.": mistaken(
            kkt_residuals, ("abs(beta * excess)", "abs(max(0.0, beta) * excess)")
        ),
        "the rate's KL is to the prior, not to the mean of q over the images.": mistaken(
            kkt_residuals,
            (
                "(q * log_ratio).sum(1).mean()",
                "(q * (q / q.mean(0)).log()).sum(1).mean()",
            ),
        ),
        "the prior is missing from u: a code pays for log(q / prior), not for log q.": mistaken(
            kkt_residuals, ("- beta * log_ratio", "- beta * q.log()")
        ),
        "the means under q lost their axis: with `keepdim=True` each stays beside its row.": (
            mistaken(kkt_residuals, ("(q * u).sum(1, keepdim=True)", "(q * u).sum(1)"))
        ),
        "these are the largest gains of the images; the largest of all is asked for.": mistaken(
            kkt_residuals, ("gain.max().item()", "gain.max(1).values")
        ),
        "the rate was summed over the images; it is their mean.": mistaken(
            kkt_residuals, (".sum(1).mean()\n", ".sum()\n")
        ),
        "the rate is a mean under q: each log ratio counts with its q.": mistaken(
            kkt_residuals, ("rate = (q * log_ratio)", "rate = log_ratio")
        ),
    },
    hints=(
        (
            "Three of the four residuals need only the rate: the mean over images of which "
            "divergence?"
        ),
        (
            "For stationarity build the table u [images, codes], "
            "subtract from each row its mean under q, and take the largest entry."
        ),
        "u = likelihood.T.log() - beta * (q / prior).log()   # [images, codes]",
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


def _curves(rng: np.random.Generator) -> dict[str, tuple]:
    """(rates, distortions, delta) of falling, convex curves, their points in no order."""
    cases = {}
    for points in (3, 4, 6, 5):
        # From left to right the curve falls less and less.
        rates = torch.from_numpy(rng.uniform(0.3, 0.9, points)).cumsum(0)  # [points]
        prices = torch.from_numpy(rng.uniform(0.2, 6.0, points)).sort(descending=True).values
        between = torch.diff(rates, prepend=rates.new_zeros(1))
        distortions = 40 - torch.cumsum(prices * between, 0)  # [points]

        # A budget between two of them, and a little nearer to the first.
        low = int(rng.integers(0, points - 1))
        delta = float(rates[low] + 0.4 * (rates[low + 1] - rates[low]))
        mixed = torch.from_numpy(np.roll(rng.permutation(points), 1))
        cases[f"{points} points"] = (rates[mixed], distortions[mixed], delta)

    # One by hand; one whose nearest points lie on one side; one with a badly trained point.
    def curve(*points: tuple[float, float]) -> tuple[Tensor, Tensor]:
        table = torch.tensor(points, dtype=torch.float64)
        return table[:, 0], table[:, 1]

    cases["(1, 10), (2, 6), (4, 4) and a budget of 3"] = (*curve((4, 4), (1, 10), (2, 6)), 3.0)
    cases["two points below near, one above far"] = (*curve((9, 2), (2, 3), (1, 5)), 2.5)
    badly_trained = curve((2, 3), (3, 4), (1, 5), (4, 1))
    cases["a point that is worse than the one before"] = (*badly_trained, 2.5)
    cases["the points before a worse one"] = (*badly_trained, 1.5)

    rates, distortions, _ = cases["4 points"]
    cases["a budget that is exactly the smallest rate"] = (rates, distortions, float(rates.min()))
    cases["a budget beyond every point"] = (rates, distortions, float(rates.max()) + 1.0)
    middle = float(rates.sort().values[1])
    cases["a budget that is exactly the rate of a point"] = (rates, distortions, middle)
    last = float(rates.max())
    cases["a budget that is exactly the largest rate"] = (rates, distortions, last)
    rates, distortions, delta = cases["6 points"]
    cases["single precision"] = (rates.float(), distortions.float(), delta)
    return cases


# Slopes that somebody takes who goes through the points as they stand, or reads something else.


def _last_in_the_list(rates, distortions, delta):
    last = int((rates <= delta).nonzero().max())
    if last + 1 >= len(rates):
        return 0.0
    return float((distortions[last] - distortions[last + 1]) / (rates[last + 1] - rates[last]))


def _pairs_in_the_list(rates, distortions, delta):
    for k in range(len(rates) - 1):
        if rates[k] <= delta < rates[k + 1]:
            return float((distortions[k] - distortions[k + 1]) / (rates[k + 1] - rates[k]))
    return 0.0


def _places_below(rates, distortions, delta):
    below = rates <= delta
    if below.all():
        return 0.0
    low, high = rates[below].argmax(), rates[~below].argmin()
    return float((distortions[low] - distortions[high]) / (rates[high] - rates[low]))


def _least_squares(rates, distortions, delta):
    return -np.polyfit(rates.numpy(), distortions.numpy(), 1)[0]


def _first_to_last(rates, distortions, delta):
    first, last = rates.argmin(), rates.argmax()
    return float((distortions[first] - distortions[last]) / (rates[last] - rates[first]))


def _by_gradient(rates, distortions, delta):
    order = rates.argsort()
    slopes = np.gradient(distortions[order].numpy(), rates[order].numpy())
    return -np.interp(delta, rates[order].numpy(), slopes)


def _distortion_there(rates, distortions, delta):
    order = rates.argsort()
    return np.interp(delta, rates[order].numpy(), distortions[order].numpy())


def _quotient_below(rates, distortions, delta):
    low = torch.where(rates <= delta, rates, -torch.inf).argmax()
    return float(distortions[low] / rates[low])


_BEYOND = "    if above == len(rates):\n        return 0.0\n"

_CURVE = Exercise(
    id="2.3",
    kind="write",
    core=True,
    title="β read off a rate-distortion curve",
    difficulty="medium",
    minutes=12,
    purpose="It recovers the price from results alone, if each model is the best one at its β.",
    reference=beta_from_curve,
    draw=_curves,
    parts=("β",),
    meaning={
        "(1, 10), (2, 6), (4, 4) and a budget of 3": (
            "between (2, 6) and (4, 4) two nats save two nats of error: β is 1."
        ),
        "a budget beyond every point": "no point has a larger rate, so the price is 0.",
        "a budget that is exactly the largest rate": (
            "no point has a larger rate than this budget, so the price is 0."
        ),
    },
    wrong_answers={
        "the slope of a falling curve is negative; β is minus the slope.": mistaken(
            beta_from_curve, ("-slope.item()", "slope.item()")
        ),
        "this is dR/dE, the slope turned over: β says how much distortion one nat of rate "
        "saves.": mistaken(
            beta_from_curve, ("more_distortion / more_rate", "more_rate / more_distortion")
        ),
        "the points were not sorted by rate, so neighbours in the list are not neighbours on the "
        "curve.": mistaken(
            beta_from_curve, ("rates[order], distortions[order]", "rates, distortions")
        ),
        "the rates were sorted and the distortions were not: they belong together.": mistaken(
            beta_from_curve, ("distortions[order]", "distortions")
        ),
        "the points were sorted by distortion, which is the order of the rates "
        "backwards.": mistaken(beta_from_curve, ("rates.argsort()", "distortions.argsort()")),
        "beyond the largest rate the constraint is not felt: complementary slackness makes the "
        "price 0.": mistaken(
            beta_from_curve,
            (
                _BEYOND,
                "    above = min(above, len(rates) - 1)\n",
            ),
        ),
        "a point exactly at the budget is the lower of the two neighbours: rates <= "
        "delta.": mistaken(beta_from_curve, ("rates <= delta", "rates < delta")),
        "this is the slope of the line through all points; the price at delta is a local "
        "slope.": mistaken(
            beta_from_curve,
            ("rates[above] - rates[above - 1]", "rates[-1] - rates[0]"),
            ("distortions[above] - distortions[above - 1]", "distortions[-1] - distortions[0]"),
        ),
        "distortion was divided by rate; the price is a ratio of differences, what the *next* "
        "piece of rate saves.": mistaken(
            beta_from_curve,
            ("rates[above] - rates[above - 1]", "-rates[above]"),
            ("distortions[above] - distortions[above - 1]", "distortions[above]"),
        ),
        "these are the two points above delta; one of the two has a rate at most delta.": mistaken(
            beta_from_curve,
            ("[above - 1]", "[min(above, len(rates) - 2)]"),
            ("[above]", "[min(above, len(rates) - 2) + 1]"),
        ),
        "these are the two points below delta; one of the two has a larger rate.": mistaken(
            beta_from_curve,
            (
                "rates[above] - rates[above - 1]",
                "rates[max(above - 1, 1)] - rates[max(above - 2, 0)]",
            ),
            (
                "distortions[above] - distortions[above - 1]",
                "distortions[max(above - 1, 1)] - distortions[max(above - 2, 0)]",
            ),
        ),
        "the slope was taken without its sign; a badly trained point may lie above its "
        "neighbour.": mistaken(beta_from_curve, ("-slope.item()", "abs(slope.item())")),
        "the price was cut off at 0; the line between two measured points may rise.": mistaken(
            beta_from_curve, ("-slope.item()", "max(0.0, -slope.item())")
        ),
        "rates and distortions were sorted each by itself; a point is a pair.": mistaken(
            beta_from_curve,
            (
                "rates[order], distortions[order]",
                "rates[order], distortions.sort(descending=True).values",
            ),
        ),
        "both were sorted upwards, each by itself; a point is a pair.": mistaken(
            beta_from_curve,
            ("rates[order], distortions[order]", "rates[order], distortions.sort().values"),
        ),
        "the two points nearest to the budget need not lie on both sides of it.": mistaken(
            beta_from_curve,
            (
                "    # The slope between",
                "    near = (rates - delta).abs().argsort()[:2].sort().values\n"
                "    rates, distortions, above = rates[near], distortions[near], 1\n\n"
                "    # The slope between",
            ),
        ),
        "the two nearest points need not lie on both sides of the budget; and beyond every point "
        "the price is 0.": mistaken(
            beta_from_curve,
            (
                _BEYOND,
                "    near = (rates - delta).abs().argsort()[:2].sort().values\n"
                "    rates, distortions, above = rates[near], distortions[near], 1\n",
            ),
        ),
        "neighbours in the list need not be neighbours on the curve: sort by rate first.": (
            _last_in_the_list
        ),
        "two points that follow each other in the list need not be neighbours on the curve: sort "
        "by rate first.": _pairs_in_the_list,
        "a place among the points below delta, or above it, is not their place among all.": (
            _places_below
        ),
        "beyond the largest rate there is no next point to compare with: the price is 0 "
        "there.": mistaken(beta_from_curve, (_BEYOND, "")),
        "the points were sorted by falling distortion; a badly trained one stands elsewhere "
        "then.": mistaken(
            beta_from_curve, ("rates.argsort()", "distortions.argsort(descending=True)")
        ),
        "one point above delta is enough for a slope: 0 only where there is none.": mistaken(
            beta_from_curve, ("above == len(rates)", "above >= len(rates) - 1")
        ),
        "this is the piece after the one that has delta in it.": mistaken(
            beta_from_curve,
            ("above == len(rates)", "above >= len(rates) - 1"),
            ("[above]", "[above + 1]"),
            ("[above - 1]", "[above]"),
        ),
        "this is the piece before the one that has delta in it.": mistaken(
            beta_from_curve, ("[above - 1]", "[above - 2]"), ("[above]", "[above - 1]")
        ),
        "of the points below delta the neighbour has the largest rate, not the smallest.": mistaken(
            beta_from_curve, ("[above - 1]", "[0]")
        ),
        "of the points above delta the neighbour has the smallest rate, not the largest.": mistaken(
            beta_from_curve, ("[above]", "[-1]")
        ),
        "this is the line through all points by least squares; the price is a local slope.": (
            _least_squares
        ),
        "this is the slope from the first point to the last, wherever the budget is.": (
            _first_to_last
        ),
        "`np.gradient` averages over both sides of a point; the slope is that of one piece.": (
            _by_gradient
        ),
        "this is the distortion at the budget, read off the curve; its slope is asked for.": (
            _distortion_there
        ),
        "the distortion of one point was divided by its rate; a price is a ratio of "
        "differences.": _quotient_below,
        "the budget itself was taken for the lower rate.": mistaken(
            beta_from_curve, ("rates[above] - rates[above - 1]", "rates[above] - delta")
        ),
        "this is the steepest piece of the curve, not the one at the budget.": mistaken(
            beta_from_curve,
            (
                "    return -slope.item()",
                "    return (-torch.diff(distortions) / torch.diff(rates)).max().item()",
            ),
        ),
        "this is the distortion between the two points, not divided by the rate.": mistaken(
            beta_from_curve, ("more_distortion / more_rate", "more_distortion")
        ),
    },
    hints=(
        "Which two of the points have delta between them?",
        (
            "β = -ΔE / ΔR between those two. "
            "What does complementary slackness say if delta is larger than every rate?"
        ),
        "order = rates.argsort()   # then rates[order] and distortions[order]",
    ),
)


# 2.4 The best encoder at a price


def best_encoder(prior: Tensor, likelihood: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """The best encoder at the price beta, and log Z of each image: ([images, codes], [images]).

    q(z|x) = p(z) p(x|z)^(1/beta) / Z(x), with Z(x) = Σ_z p(z) p(x|z)^(1/beta).
    prior: [codes], without zeros.
    likelihood: [codes, images]; an entry may be 0, but not all of an image.
    beta: above 0, and possibly so small that the powers round to 0.
    """
    # In logarithms, where a small beta does no harm; log 0 is minus infinity, and its q is 0.
    log_terms = prior.log() + likelihood.T.log() / beta  # [images, codes]
    log_z = log_terms.logsumexp(1)  # [images]
    return (log_terms - log_z[:, None]).exp(), log_z


def _worlds(rng: np.random.Generator) -> dict[str, tuple]:
    """(prior, likelihood, beta) of seven worlds."""
    cases = {}
    for words, codes, images, beta in (
        ("two codes, one image", 2, 1, 2.0),
        ("three codes, two images", 3, 2, 0.5),
        ("two codes, four images, dear", 2, 4, 4.0),
        ("β = 1, where it is the true posterior", 3, 3, 1.0),
        ("a tiny β", 3, 2, 0.001),
    ):
        prior = torch.from_numpy(rng.dirichlet([2.0] * codes)) + 0.02
        likelihood = torch.from_numpy(rng.dirichlet([1.0] * (images + 1), codes))[:, :images]
        cases[words] = (prior / prior.sum(), 0.5 * likelihood + 0.01, beta)

    prior, likelihood, _ = cases["three codes, two images"]
    impossible = likelihood.clone()
    impossible[0, 0] = 0.0
    cases["a code under which an image is impossible"] = (prior, impossible, 1.5)
    cases["an impossible image, and a dear nat"] = (prior, impossible, 8.0)
    cases["an impossible image, and a tiny β"] = (prior, impossible, 0.001)
    faint = likelihood * torch.tensor([1.0, 1e-4], dtype=torch.float64)
    cases["a tiny β, and an image that all codes fit badly"] = (prior, faint, 0.001)

    # By hand.
    one = torch.ones(1, dtype=torch.float64)
    cases["a single code that fits with 1/2, β = 2"] = (one, 0.5 * one[None], 2.0)
    alike = torch.full((3, 2), 0.25, dtype=torch.float64)
    cases["codes that all fit alike, β = 2"] = (prior, alike, 2.0)
    cases["single precision"] = (prior.float(), likelihood.float(), 2.0)
    return cases


_BEST = Exercise(
    id="2.4",
    kind="write",
    core=False,
    title="The best encoder at a price",
    difficulty="medium",
    minutes=10,
    purpose="It is the yardstick of every β-VAE: what a network at this price could reach.",
    reference=best_encoder,
    draw=_worlds,
    parts=("q", "log Z"),
    meaning={
        "a single code that fits with 1/2, β = 2": {
            "q": "there is only one code, so q is 1.",
            "log Z": "one code that fits with 1/2, at β = 2: log Z = log(1/2) / 2 = -0.347.",
        },
        "codes that all fit alike, β = 2": {
            "q": "all codes fit alike, so q is the prior.",
            "log Z": "all codes fit with 1/4, at β = 2: log Z = log(1/4) / 2 = -0.693.",
        },
    },
    wrong_answers={
        "the power is 1/β: a dear nat makes the encoder flatter, not sharper.": mistaken(
            best_encoder, (".log() / beta", ".log() * beta")
        ),
        "the prior was raised to the power too; only the likelihood is.": mistaken(
            best_encoder,
            (
                "prior.log() + likelihood.T.log() / beta",
                "(prior.log() + likelihood.T.log()) / beta",
            ),
        ),
        "the prior is missing, or was taken for uniform.": mistaken(
            best_encoder, ("prior.log() + ", "0 * prior.log() + ")
        ),
        "the prior was taken for uniform.": mistaken(
            best_encoder, ("prior.log() + ", "torch.full_like(prior, 1 / len(prior)).log() + ")
        ),
        "β is not used: this is the true posterior.": mistaken(best_encoder, (" / beta", "")),
        "the powers rounded to 0: stay in logarithms, and use logsumexp.": mistaken(
            best_encoder,
            (
                "log_terms.logsumexp(1)",
                "log_terms.exp().sum(1).log()",
            ),
            (
                "(log_terms - log_z[:, None]).exp()",
                "log_terms.exp() / log_terms.exp().sum(1, keepdim=True)",
            ),
        ),
        "Z itself was returned; its logarithm is asked for.": mistaken(
            best_encoder, ("exp(), log_z", "exp(), log_z.exp()")
        ),
        "Z was added up over the images; each image has its own.": mistaken(
            best_encoder,
            ("log_terms.logsumexp(1)", "log_terms.logsumexp(0).sum().expand(len(log_terms))"),
        ),
        "q was not divided by Z.": mistaken(
            best_encoder, ("(log_terms - log_z[:, None]).exp()", "log_terms.exp()")
        ),
        "the table has the codes as rows; the images are the rows.": mistaken(
            best_encoder,
            ("(log_terms - log_z[:, None]).exp()", "(log_terms - log_z[:, None]).exp().T"),
        ),
        "this is log q, not q.": mistaken(
            best_encoder, ("(log_terms - log_z[:, None]).exp()", "log_terms - log_z[:, None]")
        ),
        "the objective is -β log Z; log Z itself is asked for.": mistaken(
            best_encoder, ("exp(), log_z", "exp(), -beta * log_z")
        ),
        "a small number was added to the likelihood, which lets impossible codes in.": mistaken(
            best_encoder, ("likelihood.T.log()", "(likelihood.T + 1e-8).log()")
        ),
        "the likelihood was kept away from 0, which lets impossible codes in.": mistaken(
            best_encoder, ("likelihood.T.log()", "likelihood.T.clamp(min=1e-12).log()")
        ),
        "the prior has the power 1/β, and the likelihood none.": mistaken(
            best_encoder,
            ("prior.log() + likelihood.T.log() / beta", "prior.log() / beta + likelihood.T.log()"),
        ),
        "each row adds up to 1 over the codes; here the columns do, over the images.": mistaken(
            best_encoder, ("log_terms - log_z[:, None]", "log_terms - log_terms.logsumexp(0)")
        ),
        "log Z was divided by β once more.": mistaken(
            best_encoder, ("exp(), log_z", "exp(), log_z / beta")
        ),
        "this is log p(x) / β; the power is taken code by code, before the sum.": mistaken(
            best_encoder,
            ("exp(), log_z", "exp(), (prior.log() + likelihood.T.log()).logsumexp(1) / beta"),
        ),
        "the posterior was raised to 1/β, prior and all.": mistaken(
            best_encoder,
            (
                "(log_terms - log_z[:, None]).exp()",
                "torch.softmax((prior.log() + likelihood.T.log()) / beta, 1)",
            ),
        ),
        "log Z was multiplied by β; the objective is -β log Z, and log Z is asked for.": mistaken(
            best_encoder, ("exp(), log_z", "exp(), beta * log_z")
        ),
        "the logarithm of the likelihood is missing.": mistaken(
            best_encoder, ("likelihood.T.log() / beta", "likelihood.T / beta")
        ),
        "the likelihood was made to add up to 1 once more.": mistaken(
            best_encoder,
            ("likelihood.T.log()", "(likelihood / likelihood.sum(1, keepdim=True)).T.log()"),
        ),
        "the power is 1/β, not 1/β².": mistaken(best_encoder, (" / beta", " / beta**2")),
        "log Z adds up over the codes, not over the images.": mistaken(
            best_encoder, ("exp(), log_z", "exp(), log_terms.logsumexp(0)")
        ),
        "the logarithm of the prior is missing.": mistaken(
            best_encoder, ("prior.log() + ", "prior + ")
        ),
        "the largest term was subtracted before exp, and not added to log Z again.": mistaken(
            best_encoder, ("exp(), log_z", "exp(), log_z - log_terms.amax(1)")
        ),
        "the likelihoods of an image were divided by their largest, and log Z did not get it "
        "back.": mistaken(
            best_encoder, ("exp(), log_z", "exp(), log_z - likelihood.amax(0).log() / beta")
        ),
        "the largest of the whole table was subtracted before exp; each image needs its "
        "own.": mistaken(
            best_encoder,
            (
                "log_terms.logsumexp(1)",
                "(log_terms - log_terms.max()).exp().sum(1).log() + log_terms.max()",
            ),
            (
                "(log_terms - log_z[:, None]).exp()",
                "(log_terms - log_terms.max()).exp()"
                " / (log_terms - log_terms.max()).exp().sum(1, keepdim=True)",
            ),
        ),
        "the likelihood has the codes as rows; here they are the columns.": mistaken(
            best_encoder, ("likelihood.T.log()", "likelihood.log()")
        ),
        "this is the best code of each image alone; q has the others too, by their weight.": (
            mistaken(
                best_encoder,
                (
                    "(log_terms - log_z[:, None]).exp()",
                    "1.0 * (log_terms == log_terms.amax(1, keepdim=True))",
                ),
            )
        ),
        "this is log p(x), which is log Z at β = 1 only.": mistaken(
            best_encoder, ("exp(), log_z", "exp(), (prior * likelihood.T).sum(1).log()")
        ),
        "Z is a sum over the codes, not their mean.": mistaken(
            best_encoder, ("exp(), log_z", "exp(), log_z - np.log(len(prior))")
        ),
        "the sign of the power is turned: a code that fits weighs more, not less.": mistaken(
            best_encoder,
            ("+ likelihood.T.log() / beta", "- likelihood.T.log() / beta"),
            ("(log_terms - log_z[:, None]).exp()", "torch.softmax(log_terms, 1)"),
        ),
        "these logarithms have the base 2, and exp and logsumexp the base e.": mistaken(
            best_encoder,
            ("prior.log() + likelihood.T.log()", "prior.log2() + likelihood.T.log2()"),
        ),
        "the sign of log Z is turned.": mistaken(best_encoder, ("exp(), log_z", "exp(), -log_z")),
    },
    hints=(
        "What does the formula become if you take its logarithm first?",
        (
            "log p(z) + log p(x|z) / β is a table [images, codes]; log Z adds it up over the codes "
            "without leaving logarithms."
        ),
        "log_terms = prior.log() + likelihood.T.log() / beta   # [images, codes]",
    ),
)


# 2.5 The β of three written settings


def our_beta(beta: float, pixels: int, latents: int, reconstruction: str, kl: str) -> float:
    """The β in the convention of this series, of a loss "error + beta · KL" that is written in
    another one.

    Its error is a negative log-likelihood, or ||x - x̂||², which counts as one (that of a Gaussian
    of variance 1/2).
    reconstruction, kl: "mean" or "sum", over the pixels of an image and over the latents. Here both
    are sums.
    """
    # Where the error is a mean, the whole loss times the number of pixels has the sum.
    per_error = pixels if reconstruction == "mean" else 1

    # Where the KL is a mean, it is the sum divided by the number of latents.
    per_kl = latents if kl == "mean" else 1

    return beta * per_error / per_kl


def _settings(rng: np.random.Generator) -> dict[str, tuple]:
    """(beta, pixels, latents, reconstruction, kl) for every pair of reductions, and for β = 0."""
    cases = {}
    for reconstruction in ("mean", "sum"):
        for kl in ("mean", "sum"):
            beta = float(rng.uniform(0.5, 8))
            pixels = int(rng.choice([64, 784, 1024, 4096]))
            # A number that does not divide the pixels, so that `//` is not `/`.
            latents = int(rng.choice([3, 5, 6, 10, 12, 20, 24]))
            words = f"{reconstruction} over pixels, {kl} over latents"
            cases[words] = (beta, pixels, latents, reconstruction, kl)
    cases["β = 0"] = (0.0, 784, 5, "mean", "mean")
    return cases


_OUR_BETA = Exercise(
    id="2.5",
    kind="write",
    core=False,
    title="The β of three written settings",
    difficulty="medium",
    minutes=8,
    purpose="Without it, the β of two papers or courses cannot be compared.",
    reference=our_beta,
    draw=_settings,
    parts=("β",),
    meaning={
        "sum over pixels, sum over latents": "both are sums, as here: β stays what it is.",
        "mean over pixels, sum over latents": (
            "a mean makes the error smaller by the number of pixels, so the KL presses harder by "
            "as much."
        ),
        "sum over pixels, mean over latents": (
            "a mean makes the KL smaller by the number of latents, so it presses less by as much."
        ),
    },
    wrong_answers={
        "`//` cuts the quotient to a whole number.": mistaken(
            our_beta, ("beta * per_error / per_kl", "beta * (per_error // per_kl)")
        ),
        "the two factors were exchanged: a mean over pixels makes the error small, and so the KL "
        "strong.": mistaken(our_beta, ("* per_error / per_kl", "* per_kl / per_error")),
        "only the pixels were counted; a mean over the latents weakens the KL.": mistaken(
            our_beta, (" / per_kl", "")
        ),
        "only the latents were counted; a mean over the pixels weakens the error.": mistaken(
            our_beta, ("* per_error / per_kl", "/ per_kl")
        ),
        "both means were taken for granted; look at which reductions the loss uses.": mistaken(
            our_beta,
            (' if reconstruction == "mean" else 1', ""),
            (' if kl == "mean" else 1', ""),
        ),
        "the written β was returned as it is; it means something else in another "
        "convention.": mistaken(our_beta, ("beta * per_error / per_kl", "beta")),
        "both factors multiply here; a mean over the latents *divides* the KL.": mistaken(
            our_beta, ("/ per_kl", "* per_kl")
        ),
        "dividing is the wrong way for the pixels: the error is what became small.": mistaken(
            our_beta, ("* per_error", "/ per_error")
        ),
        "pixels and latents were exchanged.": mistaken(
            our_beta,
            ("pixels if reconstruction", "_x if reconstruction"),
            ("latents if kl", "pixels if kl"),
            ("_x if", "latents if"),
        ),
        "the two reductions were exchanged: the first is that of the error.": mistaken(
            our_beta,
            ("if reconstruction ==", "if _x =="),
            ("if kl ==", "if reconstruction =="),
            ("if _x ==", "if kl =="),
        ),
        "where both are means both count: an `elif` leaves the second out.": mistaken(
            our_beta, ('if kl == "mean"', 'if kl == "mean" != reconstruction')
        ),
        "two means do not cancel: there are not as many latents as pixels.": mistaken(
            our_beta,
            (
                "    return",
                '    if reconstruction == kl == "mean":\n        return beta\n\n    return',
            ),
        ),
        "a mean counts by itself too, where the other one is a sum.": mistaken(
            our_beta,
            ("    return", "    if reconstruction != kl:\n        return beta\n\n    return"),
        ),
        "`//` cuts the fraction off where the KL is a mean.": mistaken(
            our_beta,
            (
                "    return beta * per_error / per_kl",
                "    beta = beta * per_error\n    return beta // per_kl if per_kl > 1 else beta",
            ),
        ),
        "this is 1 over it: β stands before the KL here too.": mistaken(
            our_beta, ("beta * per_error / per_kl", "1 / (beta * per_error / per_kl)")
        ),
        "the number of pixels counts, not its root.": mistaken(
            our_beta, ("pixels if reconstruction", "pixels**0.5 if reconstruction")
        ),
        "a fraction was cut off: use / and not //.": mistaken(our_beta, ("/ per_kl", "// per_kl")),
        "mean and sum were exchanged: a sum needs no factor.": mistaken(
            our_beta, ('== "mean"', '== "sum"')
        ),
        "a factor 1/2 too many: with the variance 1/2 the squared error is the negative "
        "log-likelihood already.": mistaken(our_beta, ("return beta", "return beta / 2")),
        "a factor 2 too many: with the variance 1/2 the squared error is the negative "
        "log-likelihood already.": mistaken(our_beta, ("return beta", "return beta * 2")),
    },
    hints=(
        (
            "A common factor on the whole loss changes nothing. By which one is its error the sum "
            "over pixels?"
        ),
        (
            "A mean over P pixels is the sum over P: multiply the whole loss by P. "
            "What stands before the summed KL then?"
        ),
        'per_error = pixels if reconstruction == "mean" else 1',
    ),
)


# 2.6 Find the bug: a price that does not move


def dual_step(beta: float, rate: float, delta: float, step_size: float) -> float:
    """The multiplier after one step of dual ascent: up where the rate is above delta, down where it
    is below.

    The step is step_size · max(beta, 1) · v with the violation v = rate / delta - 1, at most 1. The
    result is at least 0.
    """
    violation = min(rate / delta - 1, 1.0)
    step = step_size * max(beta, 1.0) * violation
    return max(0.0, beta + step)


def _steps(rng: np.random.Generator) -> dict[str, tuple]:
    """(beta, rate, delta, step_size) of eleven steps."""
    cases = {}
    for words, low, high in (("a dear nat", 2.0, 6.0), ("a cheap nat", 0.1, 0.9)):
        for more, factor in (("too many", 1.6), ("too few", 0.6)):
            delta = float(rng.uniform(0.5, 4))
            beta, step_size = float(rng.uniform(low, high)), float(rng.uniform(0.02, 0.1))
            cases[f"{words}, {more}"] = (beta, factor * delta, delta, step_size)

    cases["a price of 0 that stays there"] = (0.0, 0.5, 2.0, 0.1)
    cases["a price of 0 that leaves it"] = (0.0, 3.0, 2.0, 0.1)
    cases["a rate far above the budget"] = (3.0, 40.0, 2.0, 0.1)
    cases["no rate at all"] = (8.0, 0.0, 2.0, 0.05)
    cases["a step that would lead below 0"] = (0.01, 0.2, 3.0, 0.2)
    cases["exactly the budget"] = (1.7, 2.0, 2.0, 0.1)
    cases["a very dear nat"] = (30.0, 3.0, 2.0, 0.1)
    return cases


# What is written in place of a line, and what hides it.
_STEP_BUGS: tuple[tuple[tuple[str, str], str, dict[str, Callable[..., bool]]], ...] = (
    (
        ("max(beta, 1.0)", "beta"),
        "(0.0, 3.0, 2.0, 0.1)",
        {
            "From a price of 1 upwards max(beta, 1) is beta.": lambda b, r, d, s: b >= 1,
            "On the budget nothing moves.": lambda b, r, d, s: r == d,
            "The right step leads down to 0 here, where the other one ends too.": (
                lambda b, r, d, s: dual_step(b, r, d, s) == 0
            ),
        },
    ),
    (
        ("min(rate / delta - 1, 1.0)", "rate / delta - 1"),
        "(1.0, 10.0, 2.0, 0.1)",
        {"Only a rate above twice the budget is cut off.": lambda b, r, d, s: r <= 2 * d},
    ),
    (
        ("max(0.0, beta + step)", "beta + step"),
        "(0.01, 0.0, 2.0, 0.2)",
        {"Only a step that leads below 0 is cut off.": lambda b, r, d, s: r >= d or b > s},
    ),
    (
        ("rate / delta - 1", "rate - delta"),
        "(1.0, 3.0, 2.0, 0.1)",
        {
            "On the budget both are 0.": lambda b, r, d, s: r == d,
            "With a budget of 1 a difference is a ratio.": lambda b, r, d, s: d == 1,
        },
    ),
    (
        ("beta + step", "beta - step"),
        "(1.0, 3.0, 2.0, 0.1)",
        {"On the budget nothing moves, in no direction.": lambda b, r, d, s: r == d},
    ),
)


def _no_step(*numbers: Any) -> str | None:
    """Why something is no input of a step; None if it is one."""
    if not all(isinstance(number, (int, float)) for number in numbers):
        return "all four are single numbers."
    if not np.isfinite(numbers).all():
        return "there is NaN or an infinite number in it."
    beta, rate, delta, step_size = numbers
    if not (beta >= 0 and rate >= 0 and delta > 0):
        return "a price and a rate are not negative, and a budget is above 0."
    return None if step_size > 0 else "a step size is above 0."


def _step_bug(variant: int) -> Bug:
    """The bug of this variant. The public one is the first."""
    (right, wrong), smallest, hidden = _STEP_BUGS[variant % len(_STEP_BUGS)]
    lines = {
        "violation": "min(rate / delta - 1, 1.0)",
        "step": "step_size * max(beta, 1.0) * violation",
        "end": "max(0.0, beta + step)",
    }
    changed = {name: line.replace(right, wrong) for name, line in lines.items()}
    source = (
        "def buggy_step(beta, rate, delta, step_size):\n"
        f"    violation = {changed['violation']}\n"
        f"    step = {changed['step']}\n"
        f"    return {changed['end']}"
    )
    names: dict[str, Any] = {}
    exec(source, names)
    return Bug(source, names["buggy_step"], dual_step, 4, smallest, hidden)


def _show_step_bug(variant: int) -> Exercise:
    bug = _step_bug(variant)
    # An input that each reason fits: a price above 1, exactly on a budget of 1.
    blind = {sentence: (lambda: (2.0, 1.0, 1.0, 0.1)) for sentence in list(bug.hidden)[:1]}
    return show_bug(
        Card(
            id="2.6a",
            core=False,
            title="Find the bug: a price that does not move",
            difficulty="easy",
            minutes=4,
            purpose="A rule is tried at its edges: at 0, on the budget, far above it.",
            hints=(
                "At which β, and at which rates, has the rule something special to do?",
                (
                    "Try a price of 0, a rate far above the budget, a step that would lead below "
                    "0. Which of them does the function get wrong?"
                ),
                "violation = min(rate / delta - 1, 1.0)   # by hand, then the step",
            ),
        ),
        "step_that_shows_it",
        """An input that shows the bug: (beta, rate, delta, step_size).

    A price and a rate are at least 0, a budget and a step size above 0.
    """,
        ("beta", "rate", "delta", "step_size"),
        bug,
        _no_step,
        blind
        | {
            "give 4 things, as a tuple": lambda: (1.0, 2.0),
            "all four are single numbers": lambda: ([1.0], 2.0, 2.0, 0.1),
            "a price and a rate are not negative": lambda: (-1.0, 2.0, 2.0, 0.1),
            "NaN or an infinite": lambda: (0.5, float("inf"), 2.0, 0.1),
            "a step size is above 0": lambda: (1.0, 2.0, 2.0, 0.0),
        },
    )


_DUAL_STEP = Exercise(
    id="2.6b",
    kind="bug",
    core=False,
    title="The repair",
    difficulty="easy",
    minutes=5,
    purpose="It is how a VAE finds the β of the rate that you ask for.",
    reference=dual_step,
    draw=_steps,
    parts=("β",),
    meaning={
        "exactly the budget": "the rate is the budget: nothing changes, and β stays 1.7.",
        "a price of 0 that leaves it": (
            "from β = 0 with v = 3/2 - 1 = 1/2: the step is 0.1 · max(0, 1) · 1/2 = 0.05."
        ),
        "a price of 0 that stays there": "from β = 0 downwards: the result is at least 0.",
        "a rate far above the budget": (
            "a rate twenty times the budget: v is 1, and β = 3 + 0.1 · 3 · 1 = 3.3."
        ),
        "no rate at all": "no rate: v is -1, and β = 8 - 0.05 · 8 = 7.6.",
    },
    wrong_answers={
        "the step goes the wrong way: a rate above delta must make nats dearer.": mistaken(
            dual_step, ("beta + step", "beta - step")
        ),
        "a multiplier must not become negative; cut it off at 0.": mistaken(
            dual_step, ("max(0.0, beta + step)", "beta + step")
        ),
        "the violation is relative to delta: rate / delta - 1, not rate - delta.": mistaken(
            dual_step, ("rate / delta - 1", "rate - delta")
        ),
        "the violation is rate / delta - 1; the - 1 is missing.": mistaken(
            dual_step, ("rate / delta - 1", "rate / delta")
        ),
        "the step is only proportional to beta, so that a multiplier of 0 never leaves 0; it needs "
        "max(beta, 1).": mistaken(dual_step, ("max(beta, 1.0)", "beta")),
        "the step does not grow with beta.": mistaken(dual_step, ("max(beta, 1.0) * ", "")),
        "the step is in proportion to at least 1, not to at most 1.": mistaken(
            dual_step, ("max(beta, 1.0)", "min(beta, 1.0)")
        ),
        "the violation was not limited to 1, so one bad batch throws beta far off.": mistaken(
            dual_step, ("min(rate / delta - 1, 1.0)", "rate / delta - 1")
        ),
        "the violation was limited below; it is limited above.": mistaken(
            dual_step, ("min(rate", "max(rate")
        ),
        "the violation was limited on both sides; only a large one is cut off.": mistaken(
            dual_step, ("min(rate / delta - 1, 1.0)", "max(-0.3, min(rate / delta - 1, 1.0))")
        ),
        "the sign of the violation is turned: rate / delta - 1.": mistaken(
            dual_step, ("rate / delta - 1", "1 - rate / delta")
        ),
        "rate and delta were exchanged.": mistaken(
            dual_step, ("rate / delta - 1", "delta / max(rate, 1e-9) - 1")
        ),
        "this is the change alone: β is missing.": mistaken(
            dual_step, ("max(0.0, beta + step)", "max(0.0, step)")
        ),
        "the result is at least 0, not at least 1.": mistaken(
            dual_step, ("max(0.0, beta + step)", "max(1.0, beta + step)")
        ),
        "the result is at least 0, not at most.": mistaken(
            dual_step, ("max(0.0, beta + step)", "min(0.0, beta + step)")
        ),
        "a cheap nat moves too: the violation may be negative.": mistaken(
            dual_step, ("min(rate / delta - 1, 1.0)", "max(0.0, min(rate / delta - 1, 1.0))")
        ),
        "the step is multiplied by max(β, 1), not divided.": mistaken(
            dual_step, ("step_size * max(beta, 1.0) *", "step_size / max(beta, 1.0) *")
        ),
        "max(β, 1) is for the step only; β itself is what moves.": mistaken(
            dual_step, ("max(0.0, beta + step)", "max(0.0, max(beta, 1.0) + step)")
        ),
        "the ratio is rate / delta; a rate may be 0, so nothing is divided by it.": mistaken(
            dual_step, ("rate / delta - 1", "delta / rate - 1")
        ),
        "the excess is divided by the budget, not by the rate.": mistaken(
            dual_step, ("rate / delta - 1", "(rate - delta) / rate")
        ),
        "the step is in proportion to max(β, 1), not to β + 1.": mistaken(
            dual_step, ("max(beta, 1.0)", "(beta + 1.0)")
        ),
        "β is multiplied here, so that 0 stays 0; the step is added.": mistaken(
            dual_step, ("max(0.0, beta + step)", "beta * np.exp(step_size * violation)")
        ),
        "the violation is at most 1, not the step.": mistaken(
            dual_step,
            ("min(rate / delta - 1, 1.0)", "rate / delta - 1"),
            ("beta + step)", "beta + min(step, 1.0))"),
        ),
        "β may be above 1; it is the violation that is at most 1.": mistaken(
            dual_step, ("max(0.0, beta + step)", "min(max(0.0, beta + step), 1.0)")
        ),
        "the step size is missing.": mistaken(dual_step, ("step_size * max", "max")),
        "the violation has a sign: below the budget a nat becomes cheaper.": mistaken(
            dual_step, ("min(rate / delta - 1, 1.0)", "min(abs(rate / delta - 1), 1.0)")
        ),
        "the 1 is subtracted from the ratio, not from delta.": mistaken(
            dual_step, ("rate / delta - 1", "rate / (delta - 1)")
        ),
        "the step is in proportion to 1 for every β below 1, not at 0 alone.": mistaken(
            dual_step, ("max(beta, 1.0)", "(beta or 1.0)")
        ),
        "`//` cuts the ratio to a whole number.": mistaken(
            dual_step, ("rate / delta - 1", "rate // delta - 1")
        ),
        "the step size enters once.": mistaken(
            dual_step, ("step_size * max", "step_size**2 * max")
        ),
        "the 1 is subtracted before the cut, not after it.": mistaken(
            dual_step, ("min(rate / delta - 1, 1.0)", "min(rate / delta, 1.0) - 1")
        ),
        "the ratio stands upside down: rate / delta.": mistaken(
            dual_step, ("rate / delta - 1", "1 - delta / max(rate, 1e-12)")
        ),
        "this is the rule of notebook 02 without the two cut-offs: max(0, β + η (R - "
        "δ)).": mistaken(
            dual_step,
            ("min(rate / delta - 1, 1.0)", "rate - delta"),
            ("max(beta, 1.0) * ", ""),
        ),
        "a multiplier is not limited above.": mistaken(
            dual_step, ("max(0.0, beta + step)", "min(max(0.0, beta + step), 4.0)")
        ),
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


# 2.7 Beat it: five nats


def price(step: int, steps: int, beta: float, rate: float) -> float:
    """The β of this training step, so that after the last one the code costs at most 5 nats and the
    error is as low as it can be.

    step: from 0 to steps - 1.
    beta: what this function gave a step ago; 1 at first.
    rate: that of this step's batch, in nats.
    """
    # Nats are cheap at first, so that every latent opens; then the budget shrinks to five.
    if step == 0:
        beta = 0.1
    shrinking = max(0.0, 1 - step / (0.7 * steps))
    budget = 4.9 + 5 * shrinking

    # Dual ascent on the budget of this step, calmer at the end.
    step_size = 0.05 if step < 0.8 * steps else 0.02
    violation = min(rate / budget - 1, 1.0)
    return max(0.0, beta + step_size * max(beta, 1.0) * violation)


# So much lower than that of dual ascent the score has to be.
MARGIN = 0.1

# With less than this, in nats, a code says next to nothing.
SHUT = 0.5


def _beaten(function: Callable[..., Any], *arguments: Any) -> Any:
    """The probe of 2.7: whether the rule beats dual ascent."""
    first = function(0, contest.STEPS, 1.0, 3.0)
    if first is None or first is ...:
        return first

    reached, by_the_book = contest.score(function), contest.score(contest.dual_ascent)
    if reached < by_the_book - MARGIN:
        return (None,)
    if abs(reached - by_the_book) < 1e-9:
        return (f"this is dual ascent itself: {reached:.2f} nats. Which steps could be cheaper?",)
    rate, error = np.mean(contest.runs(function), axis=0)
    if rate < SHUT:
        return (
            f"its score is {reached:.2f} nats, since almost no latent is open at the end: the code "
            f"costs {rate:.2f} nats. Does your price fall where the rate is below the budget?",
        )
    where = "above" if rate > contest.BUDGET else "below"
    return (
        f"its score is {reached:.2f} nats, that of dual ascent {by_the_book:.2f}: get at "
        f"least {MARGIN} below it. On average your code costs {rate:.2f} nats, {where} the budget, "
        f"and the error is {error:.2f}; each single network above the budget is fined.",
    )


_PRICE = Exercise(
    id="2.7",
    kind="beat",
    core=False,
    title="Beat it: five nats",
    difficulty="hard",
    minutes=30,
    purpose="A price is also a way to train: what you charge at first decides what gets learned.",
    reference=price,
    draw=no_input,
    probe=_beaten,
    parts=("score",),
    wrong_answers={
        "this is dual ascent itself": contest.dual_ascent,
        "almost no latent is open": lambda step, steps, beta, rate: max(
            0.0, beta + 0.05 * max(beta, 1.0) * min(1 - rate / 5, 1.0)
        ),
        "its score is": lambda step, steps, beta, rate: 0.5,
        "the price is -1.0": lambda step, steps, beta, rate: -1.0,
        "the price is nan": lambda step, steps, beta, rate: float("nan"),
        "the price is inf": lambda step, steps, beta, rate: float("inf"),
        "could not convert": lambda step, steps, beta, rate: "dear",
        "stops with ZeroDivisionError": lambda step, steps, beta, rate: 1 / step,
        "positional argument": lambda step: 1.0,
    },
    hints=(
        "What does a latent need in the first hundred steps to open at all?",
        (
            "Begin with a price below 1 and a budget above 5, and let the budget shrink; near the "
            "end the steps of β should become small."
        ),
        "budget = 4.9 + 5 * max(0.0, 1 - step / (0.7 * steps))",
    ),
)


def exercises(variant: int = 0) -> tuple[Exercise, ...]:
    """The exercises in their order.

    variant: 0 for those of the public notebook, else other numbers and bugs.
    """
    return (
        _prices(variant),
        _KKT,
        _CURVE,
        _BEST,
        _OUR_BETA,
        _show_step_bug(variant),
        _DUAL_STEP,
        _PRICE,
    )


QUIZZES = {
    "2.A": (
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
    "2.B": (
        "The price read off two networks' points is 1.5, but they were trained at β = 0.5 and 1.",
        "A",
        {
            "at least one of them was not trained to the end": (
                "between the best encoders of two prices the slope lies between the prices; 1.5 "
                "does not, so one point is not on the curve"
            ),
            "so the true price is 1.5": "it was typed in; what is wrong is the point",
            "the curve is not convex there": (
                "the best curve always is: two encoders can be mixed, and the mixture costs no "
                "more than the mean of the two"
            ),
        },
    ),
}

# The first version is public; a course gets another one.
WRITTEN = {
    "2.8": (
        InWords(
            words=(30, 110),
            question=(
                "You train a β-VAE with β = 4 and its latents all shut: the rate is 0. "
                'Somebody concludes "at this price no nat pays". In three sentences: why this '
                "does not follow, what you would try, and what would convince you that it is "
                "true."
            ),
            rubric=(
                (
                    "A shut latent is where training got stuck (a saddle, too few steps, a bad "
                    "start), so it says something of the path and not of the optimum."
                ),
                (
                    "Something to try: train longer, start at a lower price and raise it, "
                    "another seed."
                ),
                (
                    "What would convince: a loss that no open code beats, compared with that "
                    "of the best decoder without a code, from several starts; or a world with "
                    "a formula."
                ),
            ),
            model=(
                "A network whose latents are shut stands near a saddle: the first nats help "
                "only together with a decoder that uses them, so a rate of 0 tells where "
                "training stopped and not what is best. Train longer, from several seeds, and "
                "above all from a lower price that is raised to 4 once the latents are open. "
                "It is true at this price if even then the loss, error + 4 · rate, is not "
                "below the error of the best picture without any code, or if a world with a "
                "formula, as in 2.4, says so."
            ),
        ),
        InWords(
            words=(30, 110),
            question=(
                "A β-VAE trained at β = 4 ends at a rate of 6 nats. Dual ascent with a budget "
                "of 6 nats, the same network, ends at the same rate with an error that is 2 "
                "nats lower. In three sentences: what this says about the first run, which "
                "multiplier you expect in the second, and what you would try next."
            ),
            rubric=(
                (
                    "The first run is not the best at its price: with the second's encoder and "
                    "decoder error + 4 · rate is 2 nats lower, so it was not trained to the "
                    "end, or is stuck."
                ),
                (
                    "If the second were on the best curve, its multiplier would be minus the "
                    "slope at 6 nats; near 4 only if 4 is the price of 6 nats there."
                ),
                (
                    "Something to try: longer, from a lower price, other seeds; compare the "
                    "objective at the same β."
                ),
            ),
            model=(
                "At the same rate the second has 2 nats less error, so its error + 4 · rate is "
                "lower too, and the first run did not reach what its own objective allows: it "
                "stopped too early or is stuck. The multiplier of the second is the price of a "
                "nat at 6 nats, minus the slope of the best curve there, and it would be 4 "
                "only if the best models at β = 4 used 6 nats. I would train the first again "
                "from a lower price that is raised to 4, over several seeds, and compare error "
                "+ 4 · rate of all of them."
            ),
        ),
    ),
}
