"""Homework 4: counting what codes know. Symbols as in notebooks 06 and 07; information in nats.

For each exercise: its reference, the inputs that an answer is checked on, the known wrong answers,
and its card. A reference stands by itself, because its source is the solution that a learner sees.
A wrong answer is the reference with something else written in one place of it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import xlogy

from helpers.homework.differences import as_array
from helpers.homework.engine import Exercise, mistaken
from helpers.homework.kinds import Bug, Card, InWords, on_answer, predict, show_bug

# 4.1 What do these tables score?


def _scores(variant: int) -> Exercise:
    """MIG, and a D and a C, in the head."""
    if variant == 0:
        best, second, other = [8, 9], [7, 4], [1, 3]
    else:
        rng = np.random.default_rng([variant, 41])
        best = [int(b) for b in rng.integers(6, 10, 2)]
        second = [int(rng.integers(2, b)) for b in best]
        other = [int(rng.integers(0, s)) for s in second]
    gaps = [(b - s) / 10 for b, s in zip(best, second, strict=True)]
    rows = ((best[0], other[1]), (second[0], second[1]), (other[0], best[1]))
    table = "; ".join(f"{a / 10:.1f}, {b / 10:.1f}" for a, b in rows)

    return predict(
        Card(
            id="4.1",
            core=True,
            title="What do these tables score?",
            difficulty="easy",
            minutes=4,
            purpose="Whoever sees a score coming also sees a wrong one.",
            hints=(
                "For a gap, which two numbers of a column count?",
                (
                    "MIG: down each column the best minus the second best. D: along a row, 1 minus "
                    "its entropy. C: the same down a column."
                ),
                "the gap of factor 1 = the largest of its column - the second largest",
            ),
        ),
        "scores",
        (
            "Three latents (the rows) and two factors (the columns): the share of each factor's "
            f"entropy that each latent knows is {table}. What is *the gap of factor 1*, *the gap "
            "of factor 2*, and *MIG*? In another model the importance of a latent for the two "
            "factors is 2 and 2: what is *D of this latent*? And a factor gets all of its "
            "importance from one latent: what is *C of this factor*?"
        ),
        {
            "the gap of factor 1": gaps[0],
            "the gap of factor 2": gaps[1],
            "MIG": sum(gaps) / 2,
            "D of this latent": 0,
            "C of this factor": 1,
        },
        {
            "this is the best latent's share itself, without a gap.": {
                "the gap of factor 1": best[0] / 10,
                "the gap of factor 2": best[1] / 10,
                "MIG": (best[0] + best[1]) / 20,
            },
            "this is the gap to the smallest; it is to the second largest.": {
                "the gap of factor 1": (best[0] - other[0]) / 10,
                "the gap of factor 2": (best[1] - other[1]) / 10,
                "MIG": (best[0] - other[0] + best[1] - other[1]) / 20,
            },
            "the gap is between latents, down a column, not between factors along a row.": {
                "the gap of factor 1": abs(rows[0][0] - rows[0][1]) / 10,
                "the gap of factor 2": abs(rows[2][0] - rows[2][1]) / 10,
            },
            **{
                f"this is column {k}'s gap to the smallest; it is to the second largest.": {
                    f"the gap of factor {k}": (best[k - 1] - other[k - 1]) / 10
                }
                for k in (1, 2)
            },
            **{
                f"this is a gap along a row; it is between latents, down column {k}.": {
                    f"the gap of factor {k}": abs(rows[row][0] - rows[row][1]) / 10
                }
                for k, row in ((1, 0), (2, 2))
            },
            "these are per cent; shares go from 0 to 1.": {
                "the gap of factor 1": 100 * gaps[0],
                "the gap of factor 2": 100 * gaps[1],
                "MIG": 50 * sum(gaps),
                "C of this factor": 100,
            },
            "a gap is the largest minus the second largest, so it is not negative.": {
                "the gap of factor 1": -gaps[0],
                "the gap of factor 2": -gaps[1],
                "MIG": -sum(gaps) / 2,
            },
            "MIG is the mean of the gaps, not their sum.": {"MIG": sum(gaps)},
            "MIG is the mean over the factors, not over the latents.": {"MIG": sum(gaps) / 3},
            "MIG is the mean of the gaps, not their product.": {"MIG": gaps[0] * gaps[1]},
            "MIG is the mean of the gaps, not the smallest.": {"MIG": min(gaps)},
            "MIG is the mean of the gaps, not the largest.": {"MIG": max(gaps)},
            "two equal shares of two have the largest entropy, 1 to base 2, and D is 1 minus it.": {
                "D of this latent": 1
            },
            "D has the logarithm to base K, here 2: the entropy is 1, not log 2.": {
                "D of this latent": 1 - np.log(2)
            },
            "this is the entropy itself, in nats; D is 1 minus it, to base 2.": {
                "D of this latent": np.log(2)
            },
            "a share of 1/2 is not the score; two equal shares are spread as far as can be.": {
                "D of this latent": 0.5
            },
            "shares that are 1 and 0 have no entropy, and C is 1 minus it.": {
                "C of this factor": 0
            },
        },
        {
            "the gap of factor 1": "down the first column: the largest minus the second largest.",
            "the gap of factor 2": "down the second column: the largest minus the second largest.",
            "MIG": "the mean of the two gaps.",
            "D of this latent": "shares 1/2 and 1/2: their entropy to base 2, and 1 minus it.",
            "C of this factor": "all in one place: which entropy is that? And 1 minus it.",
        },
        unit="shares of an entropy, and scores",
    )


# 4.2 The MIG of a perfect code


def best_mig(counts: np.ndarray) -> float:
    """The MIG of the code that is perfect, z1 = g1 and z2 = g2, if the two factors depend on each
    other.

    counts: [A, B], how often each pair of values (g1, g2) occurs. Counts may be 0, but each of the
    two factors takes at least two values.
    """

    def entropy(p):
        return -xlogy(p, p).sum()

    joint = counts / counts.sum()  # [A, B]
    first, second = entropy(joint.sum(axis=1)), entropy(joint.sum(axis=0))

    # The other latent knows of a factor what the other factor tells of it.
    shared = first + second - entropy(joint)
    return ((first - shared) / first + (second - shared) / second) / 2


def _pairs(rng: np.random.Generator) -> dict[str, tuple]:
    """(counts [A, B],) of eight worlds."""
    cases = {}
    for a, b in ((2, 2), (2, 3), (4, 3)):
        # Every count is 1 at least, and the two factors are not alike.
        table = rng.integers(1, 9, (a, b))
        table[0, 0] += 14
        table[1, 1] += 9
        cases[f"{a} × {b} pairs"] = (table,)

    cases["independent factors"] = (np.outer([1, 2, 3], [4, 1]),)
    cases["a factor that is a function of the other"] = (np.array([[3, 0], [2, 0], [0, 4]]),)
    cases["two names for one factor"] = (np.diag([3, 5, 2]),)
    cases["pairs that never occur"] = (np.array([[4, 0, 1], [0, 2, 3], [0, 0, 2]]),)
    cases["a value that never occurs"] = (np.array([[3, 1], [0, 0], [1, 5]]),)
    return cases


def _by_independence(counts):
    joint = counts / counts.sum()
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    shared = xlogy(joint, joint / np.outer(rows, columns)).sum()
    first, second = -xlogy(rows, rows).sum(), -xlogy(columns, columns).sum()
    return ((first - shared) / first + (second - shared) / second) / 2


def _by_even_rows(counts):
    """I(g1; g2) = H(g2) - H(g2 | g1), with the rows' entropies averaged alike."""
    joint = counts / counts.sum()
    first, second = (-xlogy(p, p).sum() for p in (joint.sum(axis=1), joint.sum(axis=0)))
    rows = joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300)
    shared = second + xlogy(rows, rows).sum(axis=1).mean()
    return ((first - shared) / first + (second - shared) / second) / 2


_MEAN_GAP = "((first - shared) / first + (second - shared) / second) / 2"
_BEST_MIG = Exercise(
    id="4.2",
    kind="write",
    core=False,
    title="The MIG of a perfect code",
    difficulty="medium",
    minutes=12,
    purpose=(
        "Where factors depend on each other, a latent for each factor does not make a MIG of 1."
    ),
    reference=best_mig,
    draw=_pairs,
    parts=("MIG",),
    meaning={
        "independent factors": "with independent factors the perfect code has a MIG of 1.",
        "two names for one factor": (
            "two names for one factor: each latent knows both, so both gaps and MIG are 0."
        ),
        "a factor that is a function of the other": (
            "g2 is a function of g1 here: its gap is 0, and MIG is half the gap of g1, that is "
            "(H(g1) - H(g2)) / H(g1) / 2."
        ),
    },
    wrong_answers={
        "the other latent is not ignorant: it knows what its factor tells about this one.": (
            mistaken(best_mig, ("shared = first + second - entropy(joint)", "shared = 0.0"))
        ),
        "each gap is divided by the entropy of its own factor.": mistaken(
            best_mig, ("(second - shared) / second", "(second - shared) / first")
        ),
        "the gaps were divided by the entropy of the pair.": mistaken(
            best_mig,
            ("(first - shared) / first", "(first - shared) / entropy(joint)"),
            ("(second - shared) / second", "(second - shared) / entropy(joint)"),
        ),
        "what the two share was divided by the entropy of the pair; each factor has its "
        "own.": mistaken(best_mig, (_MEAN_GAP, "1 - shared / entropy(joint)")),
        "what the two share was divided by the logarithm of the number of values, not by the "
        "entropy.": mistaken(
            best_mig,
            (
                _MEAN_GAP,
                "1 - (shared / np.log(len(counts)) + shared / np.log(counts.shape[1])) / 2",
            ),
        ),
        "half is missing: each gap is 1 minus a share, and MIG is the mean of the two.": mistaken(
            best_mig, (_MEAN_GAP, "1 - shared / first - shared / second")
        ),
        "the mutual information is in bits and the entropies are in nats.": mistaken(
            best_mig,
            ("first + second - entropy(joint)", "(first + second - entropy(joint)) / np.log(2)"),
        ),
        "the mutual information is in nats and the entropies are in bits.": mistaken(
            best_mig,
            ("first + second - entropy(joint)", "(first + second - entropy(joint)) * np.log(2)"),
        ),
        "`/=` cannot write fractions into a table of whole numbers, and would change the input: "
        "make a new table, counts / counts.sum().": mistaken(
            best_mig, ("joint = counts / counts.sum()", "joint = counts\n    joint /= counts.sum()")
        ),
        "the rows' entropies count with the rows' shares; here each counted alike.": (
            _by_even_rows
        ),
        "the gaps were not divided by the entropies.": mistaken(
            best_mig,
            ("(first - shared) / first", "(first - shared)"),
            ("(second - shared) / second", "(second - shared)"),
        ),
        "the mean was taken before the division.": mistaken(
            best_mig,
            (
                "((first - shared) / first + (second - shared) / second) / 2",
                "(first + second - 2 * shared) / (first + second)",
            ),
        ),
        "the gaps were added up; MIG is their mean.": mistaken(
            best_mig, (" / second) / 2", " / second)")
        ),
        "this is what the factors share, not the gap that is left.": mistaken(
            best_mig,
            ("(first - shared) / first", "shared / first"),
            ("(second - shared) / second", "shared / second"),
        ),
        "0 log 0 came out as NaN; xlogy(p, p) is p log p, and 0 where p is 0.": mistaken(
            best_mig, ("xlogy(p, p)", "(p * np.log(p))")
        ),
        "the counts were not divided by their sum.": mistaken(
            best_mig, ("counts / counts.sum()", "counts * 1.0")
        ),
        "what the two share was subtracted from 1, not divided by an entropy.": mistaken(
            best_mig,
            ("((first - shared) / first + (second - shared) / second) / 2", "1 - shared"),
        ),
        "what the two share was divided by the root of both entropies.": mistaken(
            best_mig,
            (
                "((first - shared) / first + (second - shared) / second) / 2",
                "1 - shared / np.sqrt(first * second)",
            ),
        ),
        "`//` cuts the quotient to a whole number; the shares are fractions.": mistaken(
            best_mig, ("counts / counts.sum()", "counts // counts.sum()")
        ),
        "0/0 came out of a value that never occurs; it adds nothing to a sum.": _by_independence,
        "1 was added to every count, which changes the world.": mistaken(
            best_mig, ("counts / counts.sum()", "(counts + 1) / (counts + 1).sum()")
        ),
        "the two denominators were exchanged.": mistaken(
            best_mig,
            ("(first - shared) / first", "(first - shared) / second"),
            ("(second - shared) / second", "(second - shared) / first"),
        ),
        "the mutual information of the two is H(g1) + H(g2) - H(g1, g2).": mistaken(
            best_mig,
            ("shared = first + second - entropy(joint)", "shared = entropy(joint) - first"),
        ),
        "a small number was added to the counts, which changes them.": mistaken(
            best_mig, ("counts / counts.sum()", "(counts + 1e-3) / (counts + 1e-3).sum()")
        ),
        "the rows were normalised one by one; the whole table adds up to 1.": mistaken(
            best_mig, ("counts / counts.sum()", "counts / counts.sum(axis=1, keepdims=True)")
        ),
        "the two gaps were divided by the number of values instead of the entropy.": mistaken(
            best_mig,
            ("(first - shared) / first", "(first - shared) / np.log(len(counts))"),
            ("(second - shared) / second", "(second - shared) / np.log(counts.shape[1])"),
        ),
        "the gaps were multiplied; MIG is their mean.": mistaken(
            best_mig,
            (
                "((first - shared) / first + (second - shared) / second) / 2",
                "(first - shared) / first * (second - shared) / second",
            ),
        ),
        "MIG is the mean of the gaps, not the smaller one.": mistaken(
            best_mig,
            (
                "((first - shared) / first + (second - shared) / second) / 2",
                "min((first - shared) / first, (second - shared) / second)",
            ),
        ),
        "MIG is the mean of the gaps, not the larger one.": mistaken(
            best_mig,
            (
                "((first - shared) / first + (second - shared) / second) / 2",
                "max((first - shared) / first, (second - shared) / second)",
            ),
        ),
        "the mutual information has its sign turned.": mistaken(
            best_mig,
            ("first + second - entropy(joint)", "entropy(joint) - first - second"),
        ),
        "the entropies of the factors are those of the marginals, not of the whole "
        "table.": mistaken(
            best_mig,
            (
                "first, second = entropy(joint.sum(axis=1)), entropy(joint.sum(axis=0))",
                "first = second = entropy(joint)",
            ),
        ),
        "only the first factor has been scored.": mistaken(
            best_mig,
            (
                "((first - shared) / first + (second - shared) / second) / 2",
                "(first - shared) / first",
            ),
        ),
        "only the second factor has been scored.": mistaken(
            best_mig,
            (
                "((first - shared) / first + (second - shared) / second) / 2",
                "(second - shared) / second",
            ),
        ),
    },
    hints=(
        "The best latent for g1 is z1. Which is the second best, and how much does it know of g1?",
        (
            "I(z1; g1) = H(g1), and I(z2; g1) = I(g2; g1): that comes from the table. Each gap is "
            "divided by its own factor's entropy."
        ),
        "joint = counts / counts.sum(); first = -xlogy(joint.sum(axis=1), joint.sum(axis=1)).sum()",
    ),
)


# 4.3 Why the gap? Codes that fool the mutual information


def fooling_codes(factors: np.ndarray) -> np.ndarray:
    """Codes [N, D] from which a latent can tell every factor, although their MIG is almost 0.

    factors: [N, K] integers from 0, each factor with any number of values. With the best latent of
    each factor, max_j I(z_j; g_k) / H(g_k) must be at least 0.95, and the MIG at most 0.05. D is at
    least 2, and no two columns of codes may be equal.
    """
    # A latent for each factor, with values from 0 to below 1.
    shares = factors / (factors.max(axis=0) + 1)  # [N, K]

    # Their mirror images know just as much, so that the second best is as good as the best.
    return np.concatenate([shares, -shares], axis=1)  # [N, 2 K]


def _factors(rng: np.random.Generator) -> dict[str, tuple]:
    """(factors [600, K],) of four worlds."""
    cases = {}
    for sizes in ((2, 2), (3, 6), (4, 2, 5), (2, 12)):
        columns = [rng.integers(0, size, 600) for size in sizes]
        words = f"factors of {' and '.join(map(str, sizes))} values"
        cases[words] = (np.stack(columns, axis=1),)
    return cases


# A code with more values than this is put into bins.
MANY = 60


def _fooled(codes: Any, factors: np.ndarray) -> tuple[str | None, str | None]:
    """What is wrong with codes that are to fool the mutual information: as codes, as a lie."""
    try:
        codes = as_array(codes)
    except (TypeError, ValueError):
        return "codes are a table of numbers, [N, D].", None
    wrong = _no_codes(codes, len(factors))
    return (wrong, wrong) if wrong else (None, _not_fooled(codes, factors))


def _no_codes(codes: np.ndarray, images: int) -> str | None:
    """Why this is no finite table [images, D >= 2] of different columns; None if it is one."""
    if codes.ndim != 2 or len(codes) != images or codes.shape[1] < 2:
        transposed = codes.ndim == 2 and codes.shape[1] == images
        also = " The rows are the images: is this the transpose?" if transposed else ""
        return f"the shape is {list(codes.shape)}, expected [{images}, D] with D at least 2.{also}"
    if not np.isfinite(codes).all():
        return "the codes hold NaN or infinite values."
    if np.unique(codes.round(9), axis=1).shape[1] < codes.shape[1]:
        return "two columns are equal; a model would hardly learn that. Let them differ."
    return None


def _not_fooled(codes: np.ndarray, factors: np.ndarray) -> str | None:
    """Why these codes do not fool the score; None if they do."""
    entropies = np.array([_entropy(np.bincount(g)) for g in factors.T])
    information = np.empty((codes.shape[1], factors.shape[1]))
    for j, code in enumerate(codes.T):
        for k, factor in enumerate(factors.T):
            information[j, k] = _binned_information(code, factor)

    # The factor that is known least.
    shares = information.max(axis=0) / entropies
    if shares.min() < 0.95:
        return (
            f"for factor {shares.argmin() + 1} the best latent knows {shares.min():.2f} of its "
            "entropy, and at least 0.95 are asked for."
        )

    # The score that the codes are to fool.
    ordered = np.sort(information, axis=0)
    gaps = (ordered[-1] - ordered[-2]) / entropies
    if gaps.mean() > 0.05:
        return (
            f"the MIG of these codes is {gaps.mean():.2f}, so it is not fooled: at most 0.05 is "
            f"asked for. The widest gap is that of factor {gaps.argmax() + 1}: who else could "
            "know it?"
        )
    return None


def _entropy(counts: np.ndarray) -> float:
    """The entropy in nats of a table of counts."""
    p = counts / counts.sum()
    return -xlogy(p, p).sum()


def _binned_information(code: np.ndarray, factor: np.ndarray, bins: int = 20) -> float:
    """I(z;g) in nats of a code [N] and a factor [N] of integers."""
    # A code with few values is counted value by value; only others need bins.
    values, place = np.unique(code, return_inverse=True)
    if len(values) > MANY:
        place = _bins(code, bins)
        values = np.arange(bins)

    counts = np.zeros((len(values), factor.max() + 1))
    np.add.at(counts, (place, factor), 1)
    return _entropy(counts.sum(axis=1)) + _entropy(counts.sum(axis=0)) - _entropy(counts)


def _bins(code: np.ndarray, bins: int) -> np.ndarray:
    """The bin of equal width for each number, [N]; the largest belongs to the last one."""
    low = code.min()
    width = code.max() - low
    if width == 0:
        width = 1.0  # a constant code stands in the first bin

    return np.minimum(((code - low) / width * bins).astype(int), bins - 1)


_FOOLING = Exercise(
    id="4.3",
    kind="write",
    core=True,
    title="Why the gap? Codes that fool the mutual information",
    difficulty="medium",
    minutes=6,
    purpose="It answers why MIG takes the gap, and not the mutual information itself.",
    reference=fooling_codes,
    draw=_factors,
    parts=("the codes", "the score"),
    probe=on_answer(_fooled),
    wrong_answers={
        "The widest gap is that of factor": lambda factors: factors.astype(float),
        "the best latent knows 0.": lambda factors: np.random.default_rng(0).normal(
            size=(len(factors), 2)
        ),
        "the best latent knows 0.00 of": lambda factors: np.stack(
            [np.zeros(len(factors)), np.ones(len(factors))], axis=1
        ),
        "is this the transpose": lambda factors: fooling_codes(factors).T,
        "for factor 2 the best latent knows": lambda factors: np.stack(
            [factors[:, 0], -factors[:, 0]], axis=1
        ).astype(float),
        "two columns are equal": lambda factors: np.concatenate([factors, factors], axis=1),
        "hold NaN or infinite values": lambda factors: np.full((len(factors), 2), np.nan),
        "codes are a table of numbers": lambda factors: {"z": factors},
        "with D at least 2": lambda factors: factors[:, :1],
        "so it is not fooled": lambda factors: np.column_stack([factors, -factors[:, :1]]),
    },
    hints=(
        "A maximum over latents does not see how many reach it. What does the gap see?",
        (
            "Let two latents know each factor equally well. "
            "They must differ as columns; information does not care about names."
        ),
        (
            "shares = factors / (factors.max(axis=0) + 1)   "
            "# one latent a factor; now add a second one that knows the same"
        ),
    ),
)


# 4.4 Find the bug: a metric that looks right


def dci(importance: np.ndarray, errors: np.ndarray) -> tuple[float, float, float]:
    """(D, C, I) from the importance R [D, K] and the prediction errors [K], as fractions of a
    constant prediction's.

    D: each row's 1 - entropy to base K, weighted with the row's share of all importance.
    C: the plain mean over the columns' 1 - entropy to base D. A row or a column of zeros has the
    score 0.
    I: the mean of 1 - errors².
    """

    # The entropy of each row's shares, to the base of its length. A row of zeros has the score 0.
    def one_minus_entropy(rows):
        total = rows.sum(axis=1, keepdims=True)  # [rows, 1]
        p = rows / np.where(total > 0, total, 1)
        entropy = -xlogy(p, p).sum(axis=1) / np.log(rows.shape[1])  # [rows]
        return np.where(total[:, 0] > 0, 1 - entropy, 0.0)

    # D: a latent counts with its share of all importance.
    weights = importance.sum(axis=1) / importance.sum()  # [D]
    disentanglement = weights @ one_minus_entropy(importance)

    # C: the columns, which are the rows of the transpose, count alike.
    completeness = one_minus_entropy(importance.T).mean()

    # I: 1 for a perfect prediction, 0 for one that is no better than a constant.
    informativeness = (1 - errors**2).mean()

    return disentanglement, completeness, informativeness


def _importance(rng: np.random.Generator) -> dict[str, tuple]:
    """(importance [D, K], errors [K]) of six models."""
    cases = {}
    for d, k in ((2, 2), (3, 2), (2, 4), (4, 4)):
        # Latents of different weight.
        importance = rng.uniform(0.05, 1, (d, k)) * rng.uniform(0.2, 3, (d, 1))
        cases[f"{d} latents, {k} factors"] = (importance, rng.uniform(0.2, 0.9, k))

    alive = np.array([1, 0, 1, 1])[:, None]  # [D, 1]
    importance = rng.uniform(0.1, 1, (4, 3)) * alive
    cases["a dead latent"] = (importance, rng.uniform(0.2, 0.9, 3))
    unknown = rng.uniform(0.1, 1, (3, 3)) * np.array([1, 1, 0])
    cases["a factor that nothing predicts"] = (unknown, np.array([0.3, 0.5, 1.0]))
    cases["importance that is the same everywhere"] = (np.ones((3, 3)), np.array([0.5, 0.5, 0.5]))
    perfect = (np.diag([0.5, 2.0, 1.0]), np.array([0.0, 0.5, 1.0]))
    cases["a latent for each factor"] = perfect
    return cases


# The pieces of the metric, what is written in place of one, the smallest model that shows it, and
# what hides it.
_PIECES = {
    "base": "rows.shape[1]",
    "weighted": "importance.sum(axis=1) / importance.sum() @ spread(importance)",
    "complete": "spread(importance.T).mean()",
    "informative": "(1 - errors**2).mean()",
}


def _square(importance: Any, errors: Any) -> bool:
    return importance.shape[0] == importance.shape[1]


def _alike(importance: Any, errors: Any) -> bool:
    return bool((importance.sum(1) == importance.sum(1)[0]).all())


def _same_spread(importance: Any, errors: Any) -> bool:
    rows = as_array(importance)
    total = rows.sum(axis=1, keepdims=True)
    shares = np.sort(rows / np.where(total > 0, total, 1), axis=1)
    score = np.where(total[:, 0] > 0, 1 + xlogy(shares, shares).sum(1) / np.log(rows.shape[1]), 0.0)
    return bool(np.ptp(score) < 1e-9)


def _even_columns(importance: Any, errors: Any) -> bool:
    return bool((importance.sum(0) == importance.sum(0)[0]).all())


def _symmetric(importance: Any, errors: Any) -> bool:
    return _square(importance, errors) and bool((importance == importance.T).all())


def _all_or_nothing(importance: Any, errors: Any) -> bool:
    return bool(((errors == 0) | (errors == 1)).all())


_TWO_LATENTS = "([[1.0, 0.0], [1.0, 2.0]], [0.0, 0.0])"
_METRIC_BUGS: tuple[tuple[dict[str, str], int, str, dict[str, Callable[..., bool]]], ...] = (
    (
        {"weighted": "spread(importance).mean()"},
        6,
        _TWO_LATENTS,
        {
            "The latents of this table are alike in what the bug changes.": _alike,
            "All latents of this table score the same, so nothing can show.": _same_spread,
        },
    ),
    (
        {"base": "len(importance)"},
        9,
        "([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [0.0, 0.0, 0.0])",
        {"With as many latents as factors both bases are the same.": _square},
    ),
    (
        {"complete": "importance.sum(axis=0) / importance.sum() @ spread(importance.T)"},
        6,
        "([[1.0, 1.0], [0.0, 2.0]], [0.0, 0.0])",
        {"The factors of this table are alike in what the bug changes.": _even_columns},
    ),
    (
        {"informative": "(1 - errors).mean()"},
        6,
        "([[1.0, 0.0], [0.0, 1.0]], [0.5, 0.5])",
        {"0 and 1 are their own squares.": _all_or_nothing},
    ),
    (
        {"weighted": "importance.sum(axis=0) / importance.sum() @ spread(importance.T)"},
        6,
        _TWO_LATENTS,
        {"A table that is its own transpose has rows like columns.": _symmetric},
    ),
)


def _no_model(*tables: Any) -> str | None:
    """Why something is no input of the metric; None if it is one."""
    importance, errors = tables
    dimensions = tuple(getattr(table, "ndim", 0) for table in tables)

    # What was meant, before what is missing.
    if dimensions == (1, 2):
        return "importance comes first, then errors."
    if dimensions == (1, 1) and len(importance) == len(errors) > 1:
        return "these look like the rows of importance; errors are missing."
    if getattr(importance, "ndim", 0) != 2 or getattr(errors, "ndim", 0) != 1:
        return "importance is a table [D, K], and errors a row [K]."
    if min(importance.shape) < 2 or len(errors) != importance.shape[1]:
        return "two latents and two factors are the least, and there is an error for each factor."

    # The shapes are right; so are the numbers?
    if not (np.isfinite(importance).all() and np.isfinite(errors).all()):
        return "there is NaN or an infinite number in it."
    if importance.min() < 0 or importance.sum() == 0:
        return "importance is not negative, and not 0 everywhere."
    return None if 0 <= errors.min() and errors.max() <= 1 else "errors are fractions, 0 to 1."


def _metric_bug(variant: int) -> Bug:
    """The bug of this variant. The public one is the first."""
    changed, least, smallest, hidden = _METRIC_BUGS[variant % len(_METRIC_BUGS)]
    pieces = {**_PIECES, **changed}
    source = (
        "def buggy_dci(importance, errors):\n"
        "    def spread(rows):\n"
        "        total = rows.sum(axis=1, keepdims=True)\n"
        "        p = rows / np.where(total > 0, total, 1)\n"
        f"        entropy = -xlogy(p, p).sum(axis=1) / np.log({pieces['base']})\n"
        "        return np.where(total[:, 0] > 0, 1 - entropy, 0.0)\n\n"
        f"    disentanglement = {pieces['weighted']}\n"
        f"    completeness = {pieces['complete']}\n"
        f"    informativeness = {pieces['informative']}\n"
        "    return disentanglement, completeness, informativeness"
    )
    names: dict[str, Any] = {"np": np, "xlogy": xlogy}
    exec(source, names)

    def on_arrays(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
        return lambda *tables: np.array(function(*map(as_array, tables)))

    return Bug(source, on_arrays(names["buggy_dci"]), on_arrays(dci), least, smallest, hidden)


def _show_metric_bug(variant: int) -> Exercise:
    bug = _metric_bug(variant)
    blind = dict.fromkeys(list(bug.hidden)[:1], lambda: ([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]))
    wide = [[1.0, 2.0, 3.0, 1.0], [0.0, 1.0, 0.0, 0.0], [5.0, 0.0, 0.0, 2.0]]
    return show_bug(
        Card(
            id="4.4a",
            core=True,
            title="Find the bug: a metric that looks right",
            difficulty="medium",
            minutes=6,
            purpose="All its values lie between 0 and 1, so only a table of your own tells.",
            hints=(
                "For which tables do you know D, C and I without a program?",
                (
                    "Let the table be uneven: one latent with more importance than another, more "
                    "factors than latents, an error that is neither 0 nor 1."
                ),
                "importance, errors = [[a, 0.0], [b, c]], [0.0, 0.0]   # D by hand, with letters",
            ),
        ),
        "smallest_model",
        """The model with the fewest numbers that shows the bug: (importance, errors).

    importance: [D, K] with D and K at least 2, as an array or nested lists, not negative.
    errors: [K], each from 0 to 1.
    """,
        ("importance", "errors"),
        bug,
        _no_model,
        blind
        | {
            f"{bug.least} are enough": lambda: (wide, [0.3, 0.2, 0.4, 0.6]),
            "give 2 things, as a tuple": lambda: 3.0,
            "importance is a table": lambda: ([[1.0, 0.0], [1.0, 2.0]], 0.0),
            "importance comes first": lambda: ([0.0, 0.0], [[1.0, 0.0], [1.0, 2.0]]),
            "errors are missing": lambda: [[1.0, 0.0], [1.0, 2.0]],
            "two latents and two factors": lambda: ([[1.0]], [0.0]),
            "importance is not negative": lambda: ([[-1.0, 0.0], [1.0, 2.0]], [0.0, 0.0]),
            "errors are fractions": lambda: ([[1.0, 0.0], [1.0, 2.0]], [7.0, 0.0]),
            "there is NaN": lambda: ([[np.nan, 0.0], [1.0, 2.0]], [0.0, 0.0]),
        },
    )


_WHOLE = "rows.shape[1]"
_DCI = Exercise(
    id="4.4b",
    kind="bug",
    core=False,
    title="The repair",
    difficulty="medium",
    minutes=15,
    purpose="It is all of DCI but the regressor.",
    reference=dci,
    draw=_importance,
    parts=("D", "C", "I"),
    meaning={
        "a latent for each factor": {
            "D": "a latent for each factor: D is 1.",
            "C": "a latent for each factor: C is 1.",
        },
        "importance that is the same everywhere": {
            "D": "every latent is spread evenly over all factors: D is 0.",
            "C": "every factor is spread evenly over all latents: C is 0.",
            "I": "where all errors are one half, I is 1 - 1/4.",
        },
    },
    wrong_answers={
        "D and C were exchanged: disentanglement asks about a latent's row, completeness about a "
        "factor's column.": mistaken(
            dci,
            (
                "return disentanglement, completeness, informativeness",
                "return completeness, disentanglement, informativeness",
            ),
        ),
        "D is a weighted mean: each row counts with its share of all importance.": mistaken(
            dci, ("weights @ one_minus_entropy(importance)", "one_minus_entropy(importance).mean()")
        ),
        "D looks along the rows; these are the columns.": mistaken(
            dci,
            (
                "importance.sum(axis=1) / importance.sum()",
                "importance.sum(axis=0) / importance.sum()",
            ),
            (
                "weights @ one_minus_entropy(importance)",
                "weights @ one_minus_entropy(importance.T)",
            ),
        ),
        "C runs down the columns; these are the rows again.": mistaken(
            dci, ("one_minus_entropy(importance.T)", "one_minus_entropy(importance)")
        ),
        "a column is divided by its own sum, from R itself; these were divided by the rows' sums "
        "first.": mistaken(
            dci,
            (
                "one_minus_entropy(importance.T)",
                "one_minus_entropy((importance / np.maximum(importance.sum(1, keepdims=True), "
                "1e-300)).T)",
            ),
        ),
        "the weights of D are the rows' sums, not their largest entries.": mistaken(
            dci,
            (
                "importance.sum(axis=1) / importance.sum()",
                "importance.max(axis=1) / importance.max(axis=1).sum()",
            ),
        ),
        "C is the mean over the columns, not their median.": mistaken(
            dci,
            (
                "one_minus_entropy(importance.T).mean()",
                "np.median(one_minus_entropy(importance.T))",
            ),
        ),
        "C is a plain mean; the columns have no weights.": mistaken(
            dci,
            (
                "one_minus_entropy(importance.T).mean()",
                "importance.sum(axis=0) / importance.sum() @ one_minus_entropy(importance.T)",
            ),
        ),
        "the logarithms have the wrong base: a row is spread over K factors, a column over D "
        "latents.": mistaken(dci, (_WHOLE, "rows.shape[0]")),
        "a row's entropy has the base K, the number of factors, and not D.": mistaken(
            dci, (_WHOLE, "importance.shape[0]")
        ),
        "a column's entropy has the base D, the number of latents, and not K.": mistaken(
            dci, (_WHOLE, "importance.shape[1]")
        ),
        "the entropies are in nats; divide by log K for a row and by log D for a column.": mistaken(
            dci, (" / np.log(rows.shape[1])", "")
        ),
        "the entropies are in bits; divide by log K for a row and by log D for a column.": mistaken(
            dci, (" / np.log(rows.shape[1])", " / np.log(2)")
        ),
        "these are the entropies themselves; the score is 1 minus them.": mistaken(
            dci, ("> 0, 1 - entropy, 0.0)", "> 0, entropy, 0.0)")
        ),
        "the entropy has its sign turned: the logarithm of a share is negative, hence the minus "
        "before the sum.": mistaken(dci, ("-xlogy(p, p)", "xlogy(p, p)")),
        "0 log 0 came out as NaN; xlogy(p, p) is p log p, and 0 where p is 0.": mistaken(
            dci, ("xlogy(p, p)", "(p * np.log(p))")
        ),
        "the weights of D are the rows' sums; these are the columns'.": mistaken(
            dci,
            (
                "importance.sum(axis=1) / importance.sum()",
                "importance.sum(axis=0) / importance.sum()",
            ),
        ),
        "D, C and I are a number each: add up the rows' weighted scores, and average the columns' "
        "scores and 1 - errors².": mistaken(
            dci,
            ("weights @ one_minus_entropy(importance)", "one_minus_entropy(importance)"),
            ("one_minus_entropy(importance.T).mean()", "one_minus_entropy(importance.T)"),
            ("(1 - errors**2).mean()", "1 - errors**2"),
        ),
        "a root was taken of the mean square; I is 1 minus the mean square itself.": mistaken(
            dci, ("(1 - errors**2).mean()", "1 - (errors**2).mean() ** 0.5")
        ),
        "a row or column of zeros gave 0/0; its score is 0.": mistaken(
            dci,
            ("np.where(total > 0, total, 1)", "total"),
            ("np.where(total[:, 0] > 0, 1 - entropy, 0.0)", "1 - entropy"),
        ),
        "a row or column of zeros has the score 0, not 1.": mistaken(
            dci, ("1 - entropy, 0.0)", "1 - entropy, 1.0)")
        ),
        "a factor that nothing predicts counts with the score 0; it is not left out.": mistaken(
            dci,
            (
                "one_minus_entropy(importance.T).mean()",
                "one_minus_entropy(importance.T[importance.sum(axis=0) > 0]).mean()",
            ),
        ),
        "the rows were not divided by their sums.": mistaken(
            dci, ("rows / np.where(total > 0, total, 1)", "rows / importance.sum()")
        ),
        "I is the mean of 1 - errors²; the square is missing.": mistaken(
            dci, ("1 - errors**2", "1 - errors")
        ),
        "the third value is the mean error; informativeness is 1 for a perfect "
        "prediction.": mistaken(dci, ("(1 - errors**2)", "errors")),
        "I has the square inside: 1 - errors², not (1 - errors)².": mistaken(
            dci, ("1 - errors**2", "(1 - errors) ** 2")
        ),
        "I has a square, not a root.": mistaken(dci, ("errors**2", "errors**0.5")),
        "C is 1 minus an entropy, not a gap between the two largest.": mistaken(
            dci,
            (
                "one_minus_entropy(importance.T).mean()",
                "np.diff(np.sort(importance / np.maximum(importance.sum(0), 1e-300), 0)[-2:], "
                "axis=0).mean()",
            ),
        ),
        "D is 1 minus an entropy, not a gap between the two largest.": mistaken(
            dci,
            (
                "weights @ one_minus_entropy(importance)",
                "weights @ np.diff(np.sort(importance / "
                "np.maximum(importance.sum(1, keepdims=True), 1e-300), 1)[:, -2:], axis=1)[:, 0]",
            ),
        ),
        "the weights of D count the live latents alike; they are shares of importance.": mistaken(
            dci,
            (
                "weights @ one_minus_entropy(importance)",
                "one_minus_entropy(importance[importance.sum(1) > 0]).mean()",
            ),
        ),
        "I is a plain mean; the factors have no weights.": mistaken(
            dci,
            (
                "(1 - errors**2).mean()",
                "importance.sum(axis=0) / importance.sum() @ (1 - errors**2)",
            ),
        ),
        "the weights of D are shares: divide them by the whole sum.": mistaken(
            dci, ("importance.sum(axis=1) / importance.sum()", "importance.sum(axis=1)")
        ),
        "the columns were divided by their sums first; rows and columns start from R "
        "itself.": mistaken(
            dci,
            (
                "    # D: a latent counts",
                "    importance = importance / np.maximum(importance.sum(axis=0), 1e-300)\n\n"
                "    # D: a latent counts",
            ),
        ),
        "the rows were divided by their sums first; rows and columns start from R "
        "itself.": mistaken(
            dci,
            (
                "    # D: a latent counts",
                "    importance = importance / np.maximum(importance.sum(1, keepdims=True), 1e-300)"
                "\n\n    # D: a latent counts",
            ),
        ),
        "a small number was added to the table, which changes the shares.": mistaken(
            dci,
            (
                "p = rows / np.where(total > 0, total, 1)",
                "p = (rows + 1e-3) / (rows + 1e-3).sum(1, keepdims=True)",
            ),
        ),
        "importance was squared; the shares are those of R itself.": mistaken(
            dci,
            (
                "    # D: a latent counts",
                "    importance = importance**2\n\n    # D: a latent counts",
            ),
        ),
        "this is the largest share, not 1 minus the entropy.": mistaken(
            dci, ("1 - entropy, 0.0)", "p.max(axis=1), 0.0)")
        ),
        "the square of the mean error is not the mean of the squares.": mistaken(
            dci, ("(1 - errors**2).mean()", "1 - errors.mean() ** 2")
        ),
    },
    hints=(
        "What does one function for rows give you, if columns are the rows of the transpose?",
        (
            "Base K for a row with K entries: divide by log K. Guard against a sum of 0. "
            "D weighs its rows, C does not."
        ),
        "weights = importance.sum(axis=1) / importance.sum()   # ρ_j",
    ),
)


# 4.5 The transpose lost in a reshape


def repaired_importance(coefficients: np.ndarray, code_std: np.ndarray) -> np.ndarray:
    """R [D, K], the absolute weight of each standardised code i for each factor j.

    coefficients: [K, D], as scikit-learn's `coef_` has them, for standardised factors and codes
      that were not standardised.
    code_std: [D].
    """
    scaled = np.abs(coefficients * code_std)  # [K, D]
    return scaled.T  # [D, K]


def _coefficients(rng: np.random.Generator) -> dict[str, tuple]:
    """(coefficients [K, D], code_std [D]) of seven regressions."""
    cases = {"a negative weight, and zeros": (np.array([[0.0, -1.0], [2.0, 0.0]]), np.ones(2))}
    for k, d in ((2, 2), (2, 3), (3, 3), (4, 2), (2, 6), (1, 3)):
        words = f"{k} factor{'s' if k > 1 else ''}, {d} latents"
        cases[words] = (rng.normal(0, 1, (k, d)), rng.uniform(0.2, 3, d))
    return cases


_SCALED = "scaled = np.abs(coefficients * code_std)"
_REPAIRED = Exercise(
    id="4.5",
    kind="bug",
    core=False,
    title="Find the bug: importance of the wrong latent",
    difficulty="easy",
    minutes=4,
    purpose="What has the right shape for any table is right only if the numbers are.",
    reference=repaired_importance,
    draw=_coefficients,
    parts=("R",),
    meaning={
        "a negative weight, and zeros": (
            "[[0, -1], [2, 0]] says that factor 1 rests on latent 2 with weight 1, and factor 2 on "
            "latent 1 with weight 2: R is [[0, 2], [1, 0]]."
        )
    },
    wrong_answers={
        "the table is still reshaped; a reshape keeps the order of the numbers in memory, a "
        "transpose moves them.": mistaken(
            repaired_importance, ("scaled.T", "scaled.reshape(len(code_std), -1)")
        ),
        "the reshape of the coefficients happens before the scaling still; transpose, then scale "
        "the rows.": mistaken(
            repaired_importance,
            (
                _SCALED,
                "scaled = np.abs(coefficients.reshape(len(code_std), -1) * code_std[:, None]).T",
            ),
        ),
        "the weights were cut to whole numbers: is there a table of integers?": mistaken(
            repaired_importance, ("scaled.T", "scaled.T.astype(int)")
        ),
        "with one factor R is still a table, [D, 1].": mistaken(
            repaired_importance, ("scaled.T", "scaled.squeeze().T")
        ),
        "importance is an absolute weight; the signs are left in.": mistaken(
            repaired_importance, (_SCALED, "scaled = coefficients * code_std")
        ),
        "the weight of a standardised code is the coefficient *times* the code's standard "
        "deviation.": mistaken(repaired_importance, ("* code_std", "/ code_std")),
        "the scale of the codes was left out: a code in small units gets a large "
        "coefficient.": mistaken(repaired_importance, ("coefficients * code_std", "coefficients")),
        "the table is [K, D], as the regressor has it; importance has a row for each "
        "latent.": mistaken(repaired_importance, ("scaled.T", "scaled")),
        "the standard deviations were put to the factors; each belongs to a code.": (
            lambda coefficients, code_std: (
                np.abs(coefficients * np.resize(code_std, len(coefficients))[:, None]).T
            )
        ),
        "after the transpose the codes are the rows: scale before it, or with "
        "code_std[:, None].": mistaken(
            repaired_importance, (_SCALED, "scaled = np.abs(coefficients.T * code_std).T")
        ),
        'the table is still reshaped, and order="F" makes no transpose of it: use `.T`.': mistaken(
            repaired_importance, ("scaled.T", 'scaled.reshape(len(code_std), -1, order="F")')
        ),
        "the factors were added up; R has a column for each.": mistaken(
            repaired_importance, ("scaled.T", "scaled.sum(axis=0)")
        ),
        "`@` adds up over the latents; multiply each column with its standard deviation, "
        "`*`.": mistaken(repaired_importance, ("* code_std", "@ code_std")),
        "the whole table was divided by its largest entry; that comes later.": mistaken(
            repaired_importance, ("scaled.T  #", "scaled.T / scaled.max()  #")
        ),
        "the scale is code_std, not the scatter of the coefficients.": mistaken(
            repaired_importance, ("* code_std", "* coefficients.std(axis=0)")
        ),
        "a root was taken of the standard deviations.": mistaken(
            repaired_importance, ("* code_std", "* code_std**0.5")
        ),
        "the whole table was divided by its sum; that comes later.": mistaken(
            repaired_importance, ("scaled.T  #", "scaled.T / scaled.sum()  #")
        ),
        "all codes were scaled by the same number; each has a standard deviation of its "
        "own.": mistaken(repaired_importance, ("* code_std", "* code_std.mean()")),
        "the order of the latents is turned.": mistaken(
            repaired_importance, ("scaled.T  #", "scaled.T[::-1]  #")
        ),
        "the order of the factors is turned.": mistaken(
            repaired_importance, ("scaled.T  #", "scaled.T[:, ::-1]  #")
        ),
        "negative weights were set to 0; importance is their absolute value.": mistaken(
            repaired_importance, (_SCALED, "scaled = np.maximum(coefficients * code_std, 0)")
        ),
        "the standard deviation belongs there, not the variance.": mistaken(
            repaired_importance, ("* code_std", "* code_std**2")
        ),
        "the weights were squared; importance is their absolute value.": mistaken(
            repaired_importance, (_SCALED, "scaled = (coefficients * code_std) ** 2")
        ),
        "each column was divided by its sum; that comes later.": mistaken(
            repaired_importance, ("scaled.T  #", "scaled.T / scaled.T.sum(axis=0)  #")
        ),
        "each row was divided by its sum; that comes later.": mistaken(
            repaired_importance,
            ("scaled.T  #", "scaled.T / scaled.T.sum(axis=1, keepdims=True)  #"),
        ),
    },
    hints=(
        "Try it on [[0, 1], [2, 0]]: which latent matters for the first factor?",
        (
            "coefficients[j, i] belongs to R[i, j]: one entry of the result that you know shows "
            "what a reshape does with it."
        ),
        "scaled = np.abs(coefficients * code_std)   # [K, D]: the last axis runs over the codes",
    ),
)


def exercises(variant: int = 0) -> tuple[Exercise, ...]:
    """The exercises in their order.

    variant: 0 for those of the public notebook, else other numbers and bugs.
    """
    return (
        _scores(variant),
        _BEST_MIG,
        _FOOLING,
        _show_metric_bug(variant),
        _DCI,
        _REPAIRED,
    )


QUIZZES = {
    "4.A": (
        "A model has a MIG of 1. What can still be wrong with it?",
        "B",
        {
            "nothing, it is disentangled": (
                "MIG asks whether a factor has one latent, not whether a latent has one factor"
            ),
            "one latent may carry several factors": (
                "each factor has a single best latent then, too; DCI's D shows it"
            ),
            "two latents may know a factor equally well": "the gap of that factor would be 0",
        },
    ),
    "4.B": (
        "A model has a MIG of 0. Which of these need not be so?",
        "A",
        {
            "no latent knows anything": (
                "two latents that know everything about a factor give 0 as well"
            ),
            "for each factor the best two latents know equally much": (
                "that is what a gap of 0 says; equally little is possible, too"
            ),
            "the score does not say whether the model knows the factors": (
                "so it is; look at the information matrix"
            ),
        },
    ),
}

# The first version is public; a course gets another one.
WRITTEN = {
    "4.3b": (
        InWords(
            words=(80, 150),
            question=(
                "Why does the metric take the *gap* and not the mutual information itself? "
                "Argue in 80 to 150 words, with your codes of 4.3 as the example. Say also "
                "what a gap does not see."
            ),
            rubric=(
                (
                    "The mutual information of the best latent is high whether one latent or "
                    "several know the factor."
                ),
                (
                    "The gap subtracts the second best, so it is large only if one latent "
                    "alone knows the factor (compactness)."
                ),
                "The example of 4.3 is used: information near 1, MIG near 0, with the numbers.",
                (
                    "A limit: one latent may carry several factors and still have a MIG of 1, "
                    "or a gap of 0 has several causes."
                ),
            ),
            model=(
                "The largest mutual information answers one question: is there a latent that "
                "knows the factor? In 4.3 there is one for each factor, and its share is 1, "
                "yet each factor is known by two latents, so no single one of them owns the "
                "factor. We asked for more: one latent, and that one alone. The gap subtracts "
                "what the second best knows. It is near 1 only if the best knows the factor "
                "and no other does; the codes of 4.3 get 0. The division by the entropy makes "
                "factors with few and with many values comparable. The gap looks down each "
                "column, from a factor to its latents. It does not see whether one latent "
                "serves two factors, since each has its gap then; D of DCI does. And a gap of "
                "0 does not say which it was: two latents that know, or none."
            ),
        ),
        InWords(
            words=(80, 150),
            question=(
                "A colleague scores a model so: for each latent the largest share of a "
                "factor's entropy that it knows, and of these the mean over the latents. Argue "
                "in 80 to 150 words what this score sees and what it does not, with a table of "
                "shares of your own that it overrates and one that it underrates. What do MIG "
                "and DCI say of the two?"
            ),
            rubric=(
                "It looks along the rows: whether each latent knows some factor well.",
                (
                    "Overrated: all latents know the same factor, or one latent knows several; "
                    "a table with numbers."
                ),
                (
                    "Underrated: a latent for each factor and spare latents that know nothing; "
                    "a table with numbers."
                ),
                (
                    "MIG and DCI of both, by the right reason: the gap is 0 where two latents "
                    "know a factor; a dead latent has no weight in D and changes no gap."
                ),
            ),
            model=(
                "The score asks of each latent whether it knows some factor well. It does not "
                "ask whether every factor is known, nor by how many. Take three latents and "
                "two factors with the shares (1, 0), (1, 0), (1, 0): each row has a 1, so it "
                "is 1, though the second factor is lost and the first is told three times. MIG "
                "is 0, as the gap of factor 1 is 0 and nothing is known of factor 2. D, which "
                "looks along the rows as well, is 1 here too, C is 0, and I shows the lost "
                "factor. Now (1, 0), (0, 1), (0, 0): a latent for each factor and one that is "
                "silent. It gets 2/3, though nothing is wrong: MIG is 1, and so are D and C, "
                "since a dead latent has no weight in D."
            ),
        ),
    ),
}
