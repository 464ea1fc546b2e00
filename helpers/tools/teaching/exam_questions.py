r"""What the exam's questions are made of: the numbers that are drawn, and the answers.

A question is a function of a random generator, which is all the chance there is. It draws numbers
with which a hand gets through, and computes the answer from them. What it returns are all of its
variables, for the words that exam.toml has under its name.
"""

import tomllib
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.random import Generator
from scipy.stats import t as student_t

from helpers import gaussians, metrics
from helpers.homework.hw4_metrics import dci
from helpers.objectives import effective_beta
from helpers.worlds import DiscreteWorld

Values = dict[str, Any]
Option = TypeVar("Option")

WORDS = tomllib.loads(Path(__file__).with_name("exam.toml").read_text(encoding="utf-8"))


# Lecture 1


def four_codes(rng: Generator) -> Values:
    """Which codes meet the two conditions, and which know both factors?"""
    last, k = int(rng.integers(3, 8)), int(rng.integers(2, 7))
    s, c = np.indices((last + 1, last + 1))
    pool: dict[str, tuple[np.ndarray, ...]] = {
        f"z_1=-{k}c,\\ z_2=s+{k}": (-k * c, s + k),
        f"z_1=s^2,\\ z_2={k}c": (s**2, k * c),
        f"z_1=s+{last + 1}c,\\ z_2={k}": (s + (last + 1) * c, 0 * c + k),
        "z_1=s+c,\\ z_2=s-c": (s + c, s - c),
        f"z_1=s,\\ z_2=c,\\ z_3={k}s": (s, c, k * s),
        f"z_1={k},\\ z_2={k}c": (0 * s + k, k * c),
    }
    names = _some(rng, list(pool), 4)
    tables = [pool[name] for name in names]

    # A latent varies with a factor if it changes where only this factor does.
    yes = []
    for code in tables:
        varies = np.array([[np.ptp(z, axis).any() for axis in (0, 1)] for z in code])  # [D, 2]
        known = len(set(zip(*map(np.ravel, code), strict=True))) == s.size
        yes.append([varies.sum(1).max() <= 1, varies.sum(0).max() <= 1, known])

    codes = _listed(f"${name}$" for name in names)
    said = [", ".join("yes" if one else "no" for one in row) for row in yes]
    verdicts = "; ".join(f"{letter} {words}" for letter, words in zip("ABCD", said, strict=True))
    good = ", ".join(np.array(list("ABCD"))[np.all(yes, axis=1)]) or "none of the four"
    return locals()


def gap(rng: Generator) -> Values:
    """Evidence, posterior, gap and ELBO of one picture, for an encoder that is a coin."""
    shares = _one(rng, [(0.8, 0.2), (0.2, 0.8), (0.9, 0.1), (0.1, 0.9)])
    others = [pair for pair in [(0.5, 0.5), (0.2, 0.8), (0.8, 0.2)] if pair != shares]
    prior = np.array(_one(rng, others))
    likelihood = np.array(shares) * _one(rng, [0.04, 0.08, 0.1, 0.16, 0.2]) / prior  # [Z]

    world = _one_picture(prior, likelihood)
    evidence, true = world.evidence()[0], world.posterior()[0]
    elbo = world.elbo(np.full((2, 2), 0.5))[0]
    gap = evidence.log() - elbo
    return locals()


def two_posteriors(rng: Generator) -> Values:
    """What two Gaussian posteriors cost, and the false line of a derivation."""
    m, k = int(rng.integers(1, 4)), int(rng.integers(2, 6))
    best = 1 - 1 / k**2
    mu = torch.tensor([m, best**0.5], dtype=torch.float64)
    cost, least = gaussians.kl_divergence(mu, torch.full_like(mu, -2 * np.log(k)))
    rest = cost - np.log(k)

    written = WORDS["two_posteriors"]["lines"]
    line, old, new, why = _one(rng, WORDS["two_posteriors"]["false"])
    false = written[line].replace(old, new)
    lines = _listed(f"${false if n == line else tex}$" for n, tex in enumerate(written))
    letter, right = "ABCDEF"[line], written[line]
    return locals()


def turned(rng: Generator) -> Values:
    """What a turn by 45° does to two variances."""
    second = int(rng.integers(1, 12))
    first = second + 2 * int(rng.integers(1, 7))
    turn = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    (variance, covariance), _ = turn @ np.diag([first, second]) @ turn.T
    return locals()


# Lecture 2


def slackness(rng: Generator) -> Values:
    """A constrained problem on a curve, and which condition each of three pairs breaks."""
    a, m, c = int(rng.integers(2, 5)), int(rng.integers(4, 8)), int(rng.integers(10, 40))
    delta, large = int(rng.integers(2, m - 1)), m + int(rng.integers(1, 4))
    beta = 2 * a * (m - delta)
    offered = _some(rng, [(delta, 0), (m, 0), (delta - 1, beta + 2 * a)], 3)
    pairs = ", ".join(f"$({rate},{price})$" for rate, price in offered)

    conditions = {
        "stationarity": lambda rate, price: price == 2 * a * max(m - rate, 0),
        "primal feasibility": lambda rate, price: rate <= delta,
        "dual feasibility": lambda rate, price: price >= 0,
        "complementary slackness": lambda rate, price: price * (rate - delta) == 0,
    }
    broken = ", ".join(
        name for pair in offered for name, holds in conditions.items() if not holds(*pair)
    )
    return locals()


def tempered(rng: Generator) -> Values:
    """The best encoder of one picture at four prices."""
    prior = np.array(_some(rng, [0.25, 0.25, 0.5], 3))
    likelihood = np.array(_some(rng, range(2, 10), 3)) ** 2 / 100
    world = _one_picture(prior, likelihood)
    dear, true, free, silent = (world.tempered(beta)[0] for beta in (2, 1, 0, np.inf))
    return locals()


def three_parts(rng: Generator) -> Values:
    """I, TC and dimension-wise KL of four pictures, two of which share a code."""
    one = _one(rng, [0.25, 0.5, 0.75])  # p(z_1 = 1)
    shared, *others = _some(rng, range(4), 3)
    codes = _some(rng, [shared, shared, *others], 4)
    shown = ", ".join(f"{code // 2}{code % 2}" for code in codes)

    prior = np.outer([1 - one, one], [0.5, 0.5]).ravel()
    world = DiscreteWorld(prior, np.full((4, 4), 0.25), latent_sizes=(2, 2))
    encoder = np.eye(4)[codes]  # [N, Z]
    rate = world.rate(encoder)
    information, correlation, single, _ = world.kl_terms(encoder)
    return locals()


def written_beta(rng: Generator) -> Values:
    """The β of a loss with means, and what larger pictures do to it."""
    side, latents = _one(rng, [16, 32, 64]), _one(rng, [4, 8, 16])
    weight, variance = _one(rng, [0.01, 0.05, 0.1, 0.5]), _one(rng, [0.5, 1.0, 2.0])
    beta = effective_beta(weight, side**2, latents, variance=variance)
    larger = effective_beta(weight, 4 * side**2, latents, variance=variance)
    cure = weight * beta / larger
    return locals()


# Lecture 3


def traversals(rng: Generator) -> Values:
    """Which latent serves two factors, which factor has two latents, and which has none?"""
    split, lost, alone, *both = _some(rng, ["shape", "scale", "orientation", "posX", "posY"], 5)
    moves = [" and ".join(both), split, split, alone, "nothing", "nothing"]
    costs = [*(int(n) / 10 for n in rng.integers(8, 36, 4)), 0.01, 0]
    order = _some(rng, range(6), 6)
    table = "\n".join(f"| $z_{n}$ | {costs[i]:.2f} | {moves[i]} |" for n, i in enumerate(order, 1))

    shut = " and ".join(f"$z_{n}$" for n, i in enumerate(order, 1) if moves[i] == "nothing")
    mixed = f"$z_{order.index(0) + 1}$"
    floor, loss = int(rng.integers(85, 120)) / 10, int(rng.integers(30, 150)) / 10
    error = floor + loss
    return locals()


def swap(rng: Generator) -> Values:
    """A swap of latents, of which the second is the sum of both factors on a circle."""
    values = int(rng.integers(4, 10))
    last, (size, other) = values - 1, _some(rng, range(values), 2)
    own, colour = (int(n) for n in rng.integers(values, size=2))
    first, second, wanted = f"({size}, {own})", f"({other}, {colour})", f"({size}, {colour})"
    drawn = f"({size}, {(other + colour - size) % values})"

    # Of all pairs of pictures, whatever the colour of the first one.
    s, t, c = np.indices((values,) * 3)
    share = ((t + c - s) % values == c).mean()
    return locals()


def recipes(rng: Generator) -> Values:
    """Three recipes by two losses."""
    base = np.array([11, 236, 116]) + rng.integers([-2, -9, -9], [3, 10, 10])  # MIG, error, rate
    more = rng.integers(
        [[0, 0, 0], [2, 90, -58], [28, 42, -36]], [[1, 1, 1], [6, 110, -50], [36, 50, -32]]
    )
    table = (base + more) / [100, 10, 10]  # [3, 3]
    vae, dear, path = (f"{mig:.2f} | {error:.1f} | {rate:.1f}" for mig, error, rate in table)

    losses = table[:, 1:] @ [[1, 1], [1, 4]]  # E + R and E + 4R, [3, 2]
    sums, fours = (f"{column[0]:.1f} against {column[1]:.1f}" for column in losses.T)
    vae_loss, _, path_loss = losses[:, 0]
    paid = table[1, 1] - table[0, 1]
    return locals()


def collapse(rng: Generator) -> Values:
    """Which latents are worth a price, and above which price none is."""
    gains = 2 * np.array(_some(rng, range(2, 13), 4))  # nats of error saved for a nat of KL
    costs = np.array(_some(rng, [0.5, 1, 1.5, 2, 2.5, 3], 4))
    saved = costs * gains
    rows = zip("ABCD", costs, saved, strict=True)
    table = "\n".join(f"| {letter} | {cost:g} | {gain:g} |" for letter, cost, gain in rows)

    beta, kl = int(np.sort(gains)[_one(rng, [1, 2])]) - 1, int(rng.integers(3, 9))
    worth, ceiling = gains >= beta, gains.max()
    opened, rate = ", ".join(np.array(list("ABCD"))[worth]), costs[worth].sum()
    return locals()


# Lecture 4


def gaps(rng: Generator) -> Values:
    """Information, gaps and MIG of three latents, and of one for both factors."""
    b = _one(rng, [2, 3, 4])
    square, g = b**2, np.indices((b, b**2)).reshape(2, -1)  # [2, b³]
    pool = {
        "g_1": g[0],
        "g_2": g[1],
        f"\\lfloor g_2/{b}\\rfloor": g[1] // b,
        f"(g_1+\\lfloor g_2/{b}\\rfloor)\\bmod{b}": (g[0] + g[1] // b) % b,
        f"{b}\\,g_1+\\lfloor g_2/{b}\\rfloor": b * g[0] + g[1] // b,
        "0": 0 * g[0],
    }
    score = 0.0
    while not 0.1 < score < 0.9:
        one, two, three = _some(rng, list(pool), 3)
        codes = np.stack([pool[one], pool[two], pool[three]], axis=1)  # [b³, 3]
        found = metrics.mig(codes, g.T, b**3)
        score = found.score

    per_factor, (first, second) = found.per_factor, found.information.T / np.log(b)
    packed = metrics.mig(np.stack([square * g[0] + g[1], 0 * g[0]], axis=1), g.T, b**3).score
    return locals()


def rows_and_columns(rng: Generator) -> Values:
    """D, C and I of a table, before and after twelve dead latents are added."""
    # The shares are ½ and ¼, in the rows and in the columns.
    tables = (
        ((4, 0, 0, 0), (0, 2, 2, 0), (0, 2, 2, 0), (0, 0, 0, 8)),
        ((2, 1, 1, 0), (2, 1, 1, 0), (0, 2, 2, 0), (0, 0, 0, 4)),
        ((4, 4, 0, 0), (0, 0, 2, 2), (0, 4, 0, 0), (0, 0, 0, 0)),
        ((2, 2, 0, 0), (0, 0, 4, 0), (2, 2, 0, 4), (0, 0, 0, 4)),
    )
    mixed = np.array(_one(rng, tables))[rng.permutation(4)][:, rng.permutation(4)]
    table = int(rng.integers(1, 4)) * mixed  # [D, K]
    error = _one(rng, [(0, 0.5, 1, 1), (0, 0, 0.5, 0.5), (0.1, 0.3, 0, 1)])
    errors = np.array(_some(rng, error, 4))
    lines = [" | ".join(map(str, row)) for row in table]
    shown = "\n".join(f"| $z_{n}$ | {line} |" for n, line in enumerate(lines, 1))

    d, c, i = dci(table, errors)
    _, more, _ = dci(np.vstack([table, np.zeros((12, 4))]), errors)
    per_row, per_column = (
        [1 - metrics.entropy(row) / np.log(4) if row.any() else 0 for row in rows]
        for rows in (table, table.T)
    )
    return locals()


def damages(rng: Generator) -> Values:
    """Which of four scores notice which of two damages?"""
    g = np.indices((4, 4)).reshape(2, -1)  # [2, 16]
    angle, power = _one(rng, [15, 30, 45, 60]), _one(rng, [3, 4, 5])
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    pool = {
        f"the code is turned by {angle}°": [cos * g[0] - sin * g[1], sin * g[0] + cos * g[1]],
        "a third latent repeats $z_1$": [g[0], g[1], g[0]],
        "$z_1=g_1+4g_2$ and $z_2=0$": [g[0] + 4 * g[1], 0 * g[0]],
        f"$z_1=g_1^{power}$ and $z_2=g_2^{power}$": [g[0] ** power, g[1] ** power],
    }
    a, b = _some(rng, list(pool), 2)
    why = dict(zip(pool, WORDS["damages"]["reasons"], strict=True))
    why_a, why_b = why[a], why[b]

    tables = [np.stack(pool[name], axis=1) for name in (a, b)]  # [16, D] each
    falls = np.array([_four_scores(codes, g.T) for codes in tables]) < 0.99  # [2, 4]
    scores = np.array(["MIG", "D", "C", "I"])
    falls_a, falls_b = (", ".join(scores[row]) for row in falls)
    enough = [pair for pair in combinations(range(4), 2) if falls[:, pair].any(axis=1).all()]
    pairs = "; ".join(" and ".join(scores[list(pair)]) for pair in enough)
    return locals()


def paired(rng: Generator) -> Values:
    """The interval of a mean difference over five seeds."""
    # In hundredths; the squares add up to 20, so that s/√5 is the unit.
    unit = _one(rng, [1, 2])
    away = _some(rng, _one(rng, [(-3, -1, 0, 1, 3), (-4, 1, 1, 1, 1), (4, -1, -1, -1, -1)]), 5)
    lower = rng.integers(20, 40, 5) / 100
    upper = lower + (3 * unit + int(rng.integers(-1, 2)) + unit * np.array(away)) / 100

    differences, quantile = upper - lower, round(float(student_t.ppf(0.975, 4)), 2)
    mean, error = differences.mean(), differences.std(ddof=1) / np.sqrt(5)
    low, high = mean - quantile * error, mean + quantile * error
    verdict = "0 is outside, so it is shown" if low > 0 else "0 is inside, so it is not shown"
    many = _one(rng, [20, 40, 60, 100])
    false = many * 0.05
    return locals()


LECTURES: dict[str, tuple[Callable[[Generator], Values], ...]] = {
    "Codes, and the bound": (four_codes, gap, two_posteriors, turned),
    "A price, and what it is paid for": (slackness, tempered, three_parts, written_beta),
    "What models find": (traversals, swap, recipes, collapse),
    "Scores": (gaps, rows_and_columns, damages, paired),
}


# What the questions have in common


def _one(rng: Generator, options: Sequence[Option]) -> Option:
    return options[int(rng.integers(len(options)))]


def _some(rng: Generator, options: Sequence[Option], count: int) -> list[Option]:
    """So many of the options, each place once, in a random order."""
    return [options[place] for place in rng.permutation(len(options))[:count]]


def _one_picture(prior: np.ndarray, likelihood: np.ndarray) -> DiscreteWorld:
    """The world of a picture with these likelihoods [Z]; all others are a second one."""
    return DiscreteWorld(prior, np.stack([likelihood, 1 - likelihood], axis=1))


def _four_scores(codes: np.ndarray, factors: np.ndarray) -> list[float]:
    """MIG by 20 bins, and D, C and I by linear regression on the whole table."""
    x, y = (table - table.mean(axis=0) for table in (codes, factors))
    x, y = (table / np.where(table.std(axis=0) > 0, table.std(axis=0), 1) for table in (x, y))
    weights = np.linalg.lstsq(x, y, rcond=None)[0]  # [D, K]
    errors = np.sqrt(((y - x @ weights) ** 2).mean(axis=0))  # [K]
    return [metrics.mig(codes, factors, 20).score, *dci(np.abs(weights).round(9), errors)]


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {letter}: {line}" for letter, line in zip("ABCDEF", lines, strict=False))
