"""Homework 2: the price of a nat. Symbols as in notebook 02; all values in nats."""

import torch
import torch.nn.functional as F

from helpers.homework.engine import Exercise


# References. Each stands by itself, because its source is the solution that a learner sees.


def kkt_residuals(q, beta, delta, prior, likelihood):
    """Four numbers, each 0 where its KKT condition holds: (stationarity, primal, dual, slackness).

    q: [images, codes], an encoder table without zeros. prior: [codes]. likelihood: [codes, images], p(x|z).
    The problem: least distortion subject to rate <= delta. stationarity: the largest gain s_z - Σ q s of any code in any
    image, with s = log p(x|z) - beta · log(q / prior). primal: how far the rate is above delta, else 0. dual: how far
    beta is below 0, else 0. slackness: |beta · (rate - delta)|.
    """
    log_ratio = (q / prior).log()
    s = likelihood.T.log() - beta * log_ratio
    gain = (s - (q * s).sum(1, keepdim=True)).max()
    excess = (q * log_ratio).sum(1).mean() - delta
    return gain.item(), max(0.0, excess.item()), max(0.0, -beta), abs(beta * excess.item())


def dual_step(beta, rate, delta, step_size):
    """The multiplier after one step of dual ascent: up where the rate is above delta, down where it is below.

    The step is step_size · max(beta, 1) · v with the violation v = rate / delta - 1, at most 1. The result is at
    least 0.
    """
    violation = min(rate / delta - 1, 1.0)
    return max(0.0, beta + step_size * max(beta, 1.0) * violation)


def beta_from_curve(rates, distortions, delta):
    """The price of a nat at the budget delta, from measured points (rates[i], distortions[i]) in any order.

    It is minus the slope of the straight line between the two points next to delta, one with a rate at most delta and one
    with a larger rate; 0 if no point has a larger rate. rates, distortions: [M] tensors, the rates all different.
    The smallest rate is at most delta.
    """
    order = rates.argsort()
    rates, distortions = rates[order], distortions[order]
    above = int((rates <= delta).sum())
    if above == len(rates):
        return 0.0
    slope = (distortions[above] - distortions[above - 1]) / (rates[above] - rates[above - 1])
    return -slope.item()


def our_beta(beta, pixels, latents, reconstruction, kl):
    """The β in the convention of this series, of a loss "error + beta · KL" that is written in another one.

    The error is ||x - x̂||² and counts as a negative log-likelihood (variance 1/2); or it is one already.
    reconstruction, kl: "mean" or "sum", over the pixels of an image and over the latents. Here both are sums.
    """
    per_error = pixels if reconstruction == "mean" else 1
    per_kl = latents if kl == "mean" else 1
    return beta * per_error / per_kl


def beta_loss(images, logits, mu, logvar, beta):
    """The β-VAE loss of a batch, one number: the error summed over pixels, plus β times the KL, mean over the images.

    images, logits: [B, C, H, W]. mu, logvar: [B, D]. beta: a number.
    """
    error = F.binary_cross_entropy_with_logits(logits, images, reduction="none").flatten(1).sum(1)
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
    return (error + beta * kl).mean()


# Inputs


def _tables(rng):
    cases = []
    for images, codes, beta, delta in ((2, 2, 0.7, 0.05), (4, 4, 2.0, 5.0), (3, 4, 0.0, 0.1), (2, 3, -0.5, 0.3)):
        q, prior = (torch.from_numpy(rng.dirichlet([3.0] * codes, n)) for n in (images, 1))
        cases.append((q, beta, delta, prior[0], torch.from_numpy(rng.dirichlet([2.0] * images, codes))))
    q, beta, delta, prior, likelihood = cases[1]
    weights = (prior[:, None] * likelihood ** (1 / beta)).T  # the best encoder at its price: stationary, and not slack
    best = weights / weights.sum(1, keepdim=True)
    rate = (best * (best / prior).log()).sum(1).mean().item()
    return cases + [(best, beta, rate, prior, likelihood)]


def _steps(rng):
    ranges = (0.1, 6), (0.1, 5), (0.5, 4), (0.01, 0.2)
    some = [tuple(float(rng.uniform(*r)) for r in ranges) for _ in range(5)]
    return some + [(0.0, 0.5, 2.0, 0.1), (0.0, 3.0, 2.0, 0.1), (3.0, 40.0, 2.0, 0.1), (8.0, 0.0, 2.0, 0.05),
                   (0.01, 0.2, 3.0, 0.2)]


def _curves(rng):
    cases = []
    for points in (4, 6, 5):
        rates = torch.from_numpy(rng.uniform(0.1, 0.9, points)).cumsum(0)
        slopes = torch.from_numpy(rng.uniform(0.2, 6.0, points)).sort(descending=True).values
        distortions = 40 - torch.cumsum(slopes * torch.diff(rates, prepend=rates.new_zeros(1)), 0)
        shuffled = torch.from_numpy(rng.permutation(points))
        delta = float(rates[0] + (rates[-1] - rates[0]) * rng.uniform(0.1, 0.9))
        cases.append((rates[shuffled], distortions[shuffled], delta))
    rates, distortions, _ = cases[0]
    return cases + [(rates, distortions, float(rates.max()) + 1.0), (rates, distortions, float(rates.sort().values[1])),
                    tuple(t.float() for t in cases[1][:2]) + (cases[1][2],)]


def _settings(rng):
    reductions = ("mean", "mean"), ("mean", "sum"), ("sum", "mean"), ("sum", "sum")
    return [(float(rng.uniform(0.01, 8)), int(rng.choice([64, 784, 1024, 4096])), int(rng.integers(2, 33)), *kinds)
            for kinds in reductions] + [(0.0, 784, 5, "mean", "mean")]


def _batches(rng):
    def normal(*shape):
        return torch.from_numpy(rng.standard_normal(shape))

    cases = []
    for b, shape, d, beta in ((2, (1, 2, 2), 2, 0.3), (3, (1, 4, 4), 5, 4.0), (1, (3, 2, 2), 1, 1.0), (2, (1, 2, 2), 3, 0.0)):
        cases.append((torch.from_numpy(rng.random((b, *shape))), 2 * normal(b, *shape), normal(b, d), normal(b, d), beta))
    return cases + [tuple(t.float() for t in cases[1][:4]) + (2.5,)]


# Pieces of the wrong answers


def _kl(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar)


def _errors(images, logits):
    return F.binary_cross_entropy_with_logits(logits, images, reduction="none").flatten(1)


def _rate(q, prior):
    return (q * (q / prior).log()).sum(1).mean().item()


def _replaced(number, value):
    """kkt_residuals with one of the four replaced by value(beta, rate - delta)."""
    def wrong(q, beta, delta, prior, likelihood):
        residuals = list(kkt_residuals(q, beta, delta, prior, likelihood))
        residuals[number] = value(beta, _rate(q, prior) - delta)
        return tuple(residuals)
    return wrong


def _unpriced(q, beta, delta, prior, likelihood):
    return (kkt_residuals(q, 1.0, delta, prior, likelihood)[0], *kkt_residuals(q, beta, delta, prior, likelihood)[1:])


def _summed_rate(q, beta, delta, prior, likelihood):
    excess = len(q) * _rate(q, prior) - delta
    stationarity, _, dual, _ = kkt_residuals(q, beta, delta, prior, likelihood)
    return stationarity, max(0.0, excess), dual, abs(beta * excess)


def _chord(rates, distortions, delta, finish):
    order = rates.argsort()
    rates, distortions = rates[order], distortions[order]
    above = int((rates <= delta).sum())
    if above == len(rates):
        return finish(None, None, rates, distortions)
    return finish(rates[above] - rates[above - 1], distortions[above] - distortions[above - 1], rates, distortions)


def _unsorted(rates, distortions, delta):
    above = int((rates <= delta).sum())
    if above == len(rates):
        return 0.0
    return -((distortions[above] - distortions[above - 1]) / (rates[above] - rates[above - 1])).item()


EXERCISES = (
    Exercise(
        "2.1", "The residuals of the KKT conditions", "hard", 25,
        "They tell whether a trained point solves the constrained problem, and if not, which condition fails.",
        kkt_residuals, _tables,
        {
            "a rate below delta is allowed: the primal residual is 0 there, not negative.":
                _replaced(1, lambda beta, excess: excess),
            "the primal residual has its sign turned: it measures how far the rate is *above* delta.":
                _replaced(1, lambda beta, excess: max(0.0, -excess)),
            "a positive beta is allowed: the dual residual measures how far beta is below 0.":
                _replaced(2, lambda beta, excess: abs(beta)),
            "slackness lost its beta: it is the product of the multiplier and the excess.":
                _replaced(3, lambda beta, excess: abs(excess)),
            "stationarity lost its beta, as if the price were 1.": _unpriced,
            "the rate was summed over the images; it is their mean.": _summed_rate,
        },
        ("Write the rate first: the mean over images of KL(q(z|x) || p(z)). Three of the four residuals need only it.",
         "For stationarity build the table s [images, codes], subtract from each row its mean under q, and take the "
         "largest entry.",
         "s = likelihood.T.log() - beta * (q / prior).log()   # [images, codes]")),
    Exercise(
        "2.2", "A step of dual ascent", "easy", 10,
        "It is how a VAE finds the β of the rate that you ask for.",
        dual_step, _steps,
        {
            "the step goes the wrong way: a rate above delta must make nats dearer.":
                lambda beta, rate, delta, eta: max(0.0, beta - eta * max(beta, 1.0) * min(rate / delta - 1, 1.0)),
            "a multiplier must not become negative; cut it off at 0.":
                lambda beta, rate, delta, eta: beta + eta * max(beta, 1.0) * min(rate / delta - 1, 1.0),
            "the violation is relative to delta: rate / delta - 1, not rate - delta.":
                lambda beta, rate, delta, eta: max(0.0, beta + eta * max(beta, 1.0) * min(rate - delta, 1.0)),
            "the step is only proportional to beta, so that a multiplier of 0 never leaves 0; it needs max(beta, 1).":
                lambda beta, rate, delta, eta: max(0.0, beta + eta * beta * min(rate / delta - 1, 1.0)),
            "the violation was not limited to 1, so one bad batch throws beta far off.":
                lambda beta, rate, delta, eta: max(0.0, beta + eta * max(beta, 1.0) * (rate / delta - 1)),
        },
        ("Which sign must the change have if the code sends too many nats?",
         "Three limits matter: the violation is at most 1, the step is in proportion to at least 1, the result is at "
         "least 0.",
         "violation = min(rate / delta - 1, 1.0)")),
    Exercise(
        "2.3", "β read off a rate-distortion curve", "medium", 20,
        "It recovers the price from results alone, when a paper prints a curve but not its β.",
        beta_from_curve, _curves,
        {
            "the slope of a falling curve is negative; β is minus the slope.":
                lambda r, e, d: _chord(r, e, d, lambda dr, de, *_: 0.0 if dr is None else (de / dr).item()),
            "this is dR/dE, the slope turned over: β says how much distortion one nat of rate saves.":
                lambda r, e, d: _chord(r, e, d, lambda dr, de, *_: 0.0 if dr is None else -(dr / de).item()),
            "the points were not sorted by rate, so neighbours in the list are not neighbours on the curve.": _unsorted,
            "beyond the largest rate the constraint is not felt: complementary slackness makes the price 0.":
                lambda r, e, d: _chord(r, e, d, lambda dr, de, rs, es:
                                       -((es[-1] - es[-2]) / (rs[-1] - rs[-2])).item() if dr is None else -(de / dr).item()),
            "this is the slope of the line through all points; the price at delta is a local slope.":
                lambda r, e, d: _chord(r, e, d, lambda dr, de, rs, es:
                                       0.0 if dr is None else -((es[-1] - es[0]) / (rs[-1] - rs[0])).item()),
            "distortion was divided by rate; the price is a ratio of differences, what the *next* nat saves.":
                lambda r, e, d: _chord(r, e, d, lambda dr, de, rs, es: 0.0 if dr is None else (es / rs)[(rs <= d).sum()].item()),
        },
        ("Sort the points by their rates. Which two of them have delta between them?",
         "β = -ΔE / ΔR between those two. What does complementary slackness say if delta is larger than every rate?",
         "order = rates.argsort()   # then rates[order] and distortions[order]")),
    Exercise(
        "2.4", "The β of three written settings", "medium", 15,
        "Without it, the β of two papers or courses cannot be compared.",
        our_beta, _settings,
        {
            "the two factors were exchanged: a mean over pixels makes the error small, and so the KL strong.":
                lambda b, p, d, r, k: b * (d if k == "mean" else 1) / (p if r == "mean" else 1),
            "only the pixels were counted; a mean over the latents weakens the KL.":
                lambda b, p, d, r, k: b * (p if r == "mean" else 1),
            "only the latents were counted; a mean over the pixels weakens the error.":
                lambda b, p, d, r, k: b / (d if k == "mean" else 1),
            "both means were taken for granted; look at which reductions the loss uses.":
                lambda b, p, d, r, k: b * p / d,
            "the written β was returned as it is; it means something else in another convention.":
                lambda b, p, d, r, k: b,
            "both factors multiply here; a mean over the latents *divides* the KL.":
                lambda b, p, d, r, k: b * (p if r == "mean" else 1) * (d if k == "mean" else 1),
        },
        ("A common factor on the whole loss changes nothing. Multiply the other loss until its error is the sum over "
         "pixels.",
         "A mean over P pixels is the sum over P: multiply the whole loss by P. What stands before the summed KL then?",
         "per_error = pixels if reconstruction == \"mean\" else 1")),
    Exercise(
        "2.5", "Predict, then train: β against reconstruction", "medium", 20,
        "It is the trade-off of the whole series, in your own loss.",
        beta_loss, _batches,
        {
            "β weighs the error; it belongs to the KL.":
                lambda x, a, mu, v, beta: (beta * _errors(x, a).sum(1) + _kl(mu, v).sum(1)).mean(),
            "β is not used at all: this is the VAE loss.":
                lambda x, a, mu, v, beta: (_errors(x, a).sum(1) + _kl(mu, v).sum(1)).mean(),
            "the KL was averaged over the latents, which makes β smaller by their number.":
                lambda x, a, mu, v, beta: (_errors(x, a).sum(1) + beta * _kl(mu, v).mean(1)).mean(),
            "the error was averaged over the pixels, which makes β larger by their number.":
                lambda x, a, mu, v, beta: (_errors(x, a).mean(1) + beta * _kl(mu, v).sum(1)).mean(),
            "the KL was subtracted: this loss rewards a large KL.":
                lambda x, a, mu, v, beta: (_errors(x, a).sum(1) - beta * _kl(mu, v).sum(1)).mean(),
            "β weighs the error with 1 - β as well; the error keeps the weight 1.":
                lambda x, a, mu, v, beta: ((1 - beta) * _errors(x, a).sum(1) + beta * _kl(mu, v).sum(1)).mean(),
        },
        ("Take your loss of homework 1 and put one number into it.",
         "Sum over pixels, sum over latents, mean over the batch. β multiplies the KL of each image.",
         "kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)   # [B]")),
)

QUIZZES = {
    "2.A": ("The budget delta is larger than the rate that free nats would use. The multiplier is", "B", {
        "1": "that is the price at which a VAE buys, one particular price",
        "0": "complementary slackness: a constraint that is not felt has no price",
        "not defined": "it is: the problem is solved by the most accurate encoder, with the price 0"}),
    "2.B": ("The same small network trains on the digits with β = 0.1, 0.5, 1 and 2. What happens to the reconstruction "
            "error?", "C", {
        "it falls, since a larger β disentangles "
        "better": "the loss contains nothing that would reward this, and nats that are dearer are used less",
        "it is lowest at β = 1, where the loss is the ELBO": "the ELBO is best there, not one of its two parts",
        "it rises": "a larger price never reconstructs better, if both are trained well"}),
}
