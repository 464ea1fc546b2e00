"""Homework 4: counting what codes know. Symbols as in notebooks 06 and 07; information in nats."""

import numpy as np
from scipy.special import xlogy

from helpers.homework.engine import Exercise, Misstep


# References. Each stands by itself, because its source is the solution that a learner sees.


def entropy_and_information(counts):
    """(H(g), I(z;g)) in nats from a table of counts [A, K].

    There is a row for each bin of the code and a column for each value of the factor. Counts may be 0; 0 log 0 counts as 0.
    """
    joint = counts / counts.sum()

    def entropy(p):
        return -xlogy(p, p).sum()

    factor = entropy(joint.sum(axis=0))
    return factor, entropy(joint.sum(axis=1)) + factor - entropy(joint)


def mig(information, entropies):
    """The mutual information gap, one number, from I(z_j; g_k) [D, K] and H(g_k) [K], with D at least 2."""
    ordered = np.sort(information, axis=0)
    return ((ordered[-1] - ordered[-2]) / entropies).mean()


def fooling_codes(factors):
    """Codes [N, D] from which a latent can tell every factor, although their MIG is 0.

    factors: [N, K] integers. With the best latent of each factor, max_j I(z_j; g_k) / H(g_k) must be at least 0.95, and
    the MIG at most 0.05. D is at least 2, and no two columns of codes may be equal.
    """
    shares = factors / (factors.max(axis=0) + 1)
    return np.concatenate([shares, -shares], axis=1)


def dci(importance, errors):
    """(D, C, I) from the importance R [D, K] and the prediction errors [K], as fractions of a constant prediction's.

    D: each row's 1 - entropy to base K, weighted with the row's share of all importance. C: the plain mean over the
    columns' 1 - entropy to base D. A row or a column of zeros has the score 0. I: the mean of 1 - errors².
    """
    def one_minus_entropy(rows):
        total = rows.sum(axis=1, keepdims=True)
        p = rows / np.where(total > 0, total, 1)
        return np.where(total[:, 0] > 0, 1 + xlogy(p, p).sum(axis=1) / np.log(rows.shape[1]), 0.0)

    weights = importance.sum(axis=1) / importance.sum()
    return weights @ one_minus_entropy(importance), one_minus_entropy(importance.T).mean(), (1 - errors**2).mean()


def repaired_importance(coefficients, code_std):
    """R [D, K], the absolute weight of each standardised code i for each factor j.

    coefficients: [K, D], as scikit-learn's `coef_` has them, for codes that were not standardised. code_std: [D].
    """
    return np.abs(coefficients * code_std).T


# Inputs


def _counts(rng):
    tables = [rng.integers(0, 9, shape) for shape in ((2, 2), (4, 3), (3, 5))]
    for table in tables:
        table[0, 0] += 1
    sure, nothing, lonely = np.diag([3, 5, 2]), np.outer([1, 2, 3], [4, 1]), np.array([[4, 0, 1], [0, 0, 0], [2, 0, 3]])
    return [(t,) for t in (*tables, sure, nothing, lonely)]


def _information(rng):
    cases = []
    for d, k in ((2, 2), (5, 3), (3, 4)):
        entropies = rng.uniform(0.5, 3, k)
        cases.append((rng.uniform(0, 1, (d, k)) * entropies, entropies))
    cases.append((np.zeros((3, 2)), np.array([0.7, 1.1])))
    cases.append((np.array([[0.0, 1.0], [0.6, 0.0], [0.0, 0.0]]), np.array([0.6, 1.0])))
    return cases


def _factors(rng):
    return [(np.stack([rng.integers(0, size, 600) for size in sizes], axis=1),) for sizes in ((2, 2), (3, 6), (4, 2, 5))]


def _fooled(function, factors):
    """True where codes meet what the exercise asks for; else a Misstep that says what is missing."""
    codes = function(factors)
    if codes is None or codes is ...:
        return codes
    codes = np.asarray(codes, dtype=float)
    if codes.ndim != 2 or len(codes) != len(factors) or codes.shape[1] < 2:
        raise Misstep(f"codes have the shape {list(codes.shape)}; expected [{len(factors)}, D] with D at least 2.")
    if not np.isfinite(codes).all():
        raise Misstep("the codes hold NaN or infinite values.")
    if len(np.unique(codes, axis=1).T) < codes.shape[1]:
        raise Misstep("two columns of the codes are equal; a model would hardly learn that. Let them differ.")
    information, entropies = np.array([[_binned(z, g) for g in factors.T] for z in codes.T]), np.array(
        [entropy_and_information(np.bincount(g)[None])[0] for g in factors.T])
    best = (information.max(axis=0) / entropies).min()
    if best < 0.95:
        raise Misstep(f"for one factor the best latent knows {best:.2f} of its entropy, and at least 0.95 are asked for.")
    gap = mig(information, entropies)
    if gap > 0.05:
        raise Misstep(f"the MIG of these codes is {gap:.2f}, so it is not fooled: at most 0.05 is asked for.")
    return True


def _binned(code, factor, bins=20):
    low, high = code.min(), code.max()
    where = np.minimum(((code - low) / (high - low or 1) * bins).astype(int), bins - 1)
    counts = np.zeros((bins, factor.max() + 1))
    np.add.at(counts, (where, factor), 1)
    return entropy_and_information(counts)[1]


def _importance(rng):
    cases = [(rng.uniform(0, 1, shape), rng.uniform(0, 1, shape[1])) for shape in ((3, 2), (2, 4), (4, 4))]
    dead = rng.uniform(0.1, 1, (4, 3)) * np.array([1, 0, 1, 1])[:, None]  # the second latent is dead
    one_each = np.diag([0.5, 2.0, 1.0])
    return cases + [(dead, rng.uniform(0, 1, 3)), (one_each, np.array([0.0, 0.5, 1.0]))]


def _coefficients(rng):
    return [(rng.normal(0, 1, shape), rng.uniform(0.2, 3, shape[1])) for shape in ((2, 3), (3, 3), (4, 2), (2, 6))] + [
        (np.array([[0.0, -1.0], [2.0, 0.0]]), np.array([1.0, 1.0]))]


# Pieces of the wrong answers


def _p(counts):
    return counts / counts.sum()


def _h(p):
    return -xlogy(p, p).sum()


def _score(rows, base):
    total = rows.sum(axis=1, keepdims=True)
    p = rows / np.where(total > 0, total, 1)
    return np.where(total[:, 0] > 0, 1 + xlogy(p, p).sum(axis=1) / np.log(base), 0.0)


def _with_nan(importance, errors):
    p, columns = importance / importance.sum(axis=1, keepdims=True), importance / importance.sum(axis=0)
    per_code = 1 + xlogy(p, p).sum(axis=1) / np.log(importance.shape[1])
    per_factor = 1 + xlogy(columns, columns).sum(axis=0) / np.log(importance.shape[0])
    return importance.sum(axis=1) / importance.sum() @ per_code, per_factor.mean(), (1 - errors**2).mean()


def _natural(importance, errors):
    weights = importance.sum(axis=1) / importance.sum()
    return weights @ _score(importance, np.e), _score(importance.T, np.e).mean(), (1 - errors**2).mean()


def _one_base(importance, errors):
    d, k = importance.shape
    weights = importance.sum(axis=1) / importance.sum()
    return weights @ _score(importance, d), _score(importance.T, k).mean(), (1 - errors**2).mean()


EXERCISES = (
    Exercise(
        "4.1", "Entropy and mutual information from counts", "easy", 15,
        "All of MIG is made of these two numbers.",
        entropy_and_information, _counts,
        {
            "the logarithms are to base 2; the series counts in nats.":
                lambda c: tuple(v / np.log(2) for v in entropy_and_information(c)),
            "an empty cell gave NaN; scipy.special.xlogy(p, p) is p log p, and 0 where p is 0.":
                lambda c: (-(_p(c).sum(0) * np.log(_p(c).sum(0))).sum(),
                           (_p(c) * np.log(_p(c) / np.outer(_p(c).sum(1), _p(c).sum(0)))).sum()),
            "rows and columns were exchanged: the factor's values are the columns.":
                lambda c: entropy_and_information(c.T),
            "the counts were not divided by their sum.":
                lambda c: (_h(c.sum(0)), _h(c.sum(1)) + _h(c.sum(0)) - _h(c)),
            "the information is symmetric, but this is the conditional entropy H(g|z), what is left and not what is "
            "known.":
                lambda c: (_h(_p(c).sum(0)), _h(_p(c)) - _h(_p(c).sum(1))),
            "the information was divided by the entropy of the factor; MIG does that later.":
                lambda c: (entropy_and_information(c)[0],
                           entropy_and_information(c)[1] / max(entropy_and_information(c)[0], 1e-300)),
        },
        ("Turn the counts into probabilities first. The two marginals are sums over an axis each.",
         "I(z;g) = H(z) + H(g) - H(z,g). One small function for the entropy serves all three.",
         "joint = counts / counts.sum(); h_g = -xlogy(joint.sum(axis=0), joint.sum(axis=0)).sum()")),
    Exercise(
        "4.2", "The mutual information gap", "easy", 10,
        "One line, and the score of the β-TCVAE paper.",
        mig, _information,
        {
            "the gap was taken per latent, along the rows; it is taken per factor, in each column.":
                lambda info, h: ((np.sort(info, axis=1)[:, -1] - np.sort(info, axis=1)[:, -2]) / h.mean()).mean(),
            "this is the largest minus the smallest; the gap is to the *second* largest.":
                lambda info, h: ((info.max(0) - info.min(0)) / h).mean(),
            "the gaps were not divided by the entropies.":
                lambda info, h: (np.sort(info, axis=0)[-1] - np.sort(info, axis=0)[-2]).mean(),
            "the mean was taken before the division; each factor's gap is divided by its own entropy.":
                lambda info, h: (np.sort(info, axis=0)[-1] - np.sort(info, axis=0)[-2]).mean() / h.mean(),
            "this is the mutual information itself, without a gap.":
                lambda info, h: (info.max(0) / h).mean(),
            "the best latent was compared with the mean of all others.":
                lambda info, h: ((info.max(0) - (info.sum(0) - info.max(0)) / (len(info) - 1)) / h).mean(),
        },
        ("Sort each column. Which two entries matter?",
         "np.sort(information, axis=0) puts the largest into the last row. Divide before you take the mean.",
         "ordered = np.sort(information, axis=0)   # ordered[-1] is the best latent of each factor")),
    Exercise(
        "4.3", "Why the gap? Codes that fool the mutual information", "hard", 20,
        "It answers the lecture's open question: why the gap and not the mutual information itself.",
        fooling_codes, _factors,
        {
            "these codes are disentangled, a latent a factor: they deserve their MIG. Where must the second best latent "
            "stand?":
                lambda g: g.astype(float),
            "noise has a MIG of 0 and knows nothing; the codes must know each factor.":
                lambda g: np.random.default_rng(0).normal(size=(len(g), 2)),
            "a constant code knows nothing about any factor.":
                lambda g: np.stack([np.zeros(len(g)), np.ones(len(g))], axis=1),
            "the rows must be the images and the columns the latents; this is the transpose.":
                lambda g: fooling_codes(g).T,
            "only the first factor is told twice; the others are not told at all.":
                lambda g: np.stack([g[:, 0], -g[:, 0]], axis=1).astype(float),
            "the same columns twice; change the second copy so that it still tells as much.":
                lambda g: np.concatenate([g, g], axis=1).astype(float),
        },
        ("A maximum over latents does not see how many reach it. What does the gap see?",
         "Let two latents know each factor equally well. They must differ as columns; information does not care about "
         "names.",
         "shares = factors / (factors.max(axis=0) + 1)   # one latent a factor; now add a second one that knows the "
         "same"),
        _fooled),
    Exercise(
        "4.4", "D, C and I from an importance matrix", "medium", 25,
        "It is all of DCI but the regressor.",
        dci, _importance,
        {
            "rows and columns were exchanged: disentanglement asks about a latent's row, completeness about a factor's "
            "column.":
                lambda r, e: (dci(r, e)[1], dci(r, e)[0], dci(r, e)[2]),
            "D is a weighted mean: each row counts with its share of all importance.":
                lambda r, e: (_score(r, r.shape[1]).mean(), *dci(r, e)[1:]),
            "the logarithms have the wrong base: a row is spread over K factors, a column over D latents.": _one_base,
            "the entropies are in nats; divide by log K for a row and by log D for a column.": _natural,
            "a dead latent gave 0/0; a row of zeros has the score 0.": _with_nan,
            "I is the mean of 1 - errors²; the square is missing.":
                lambda r, e: (*dci(r, e)[:2], (1 - e).mean()),
            "the third value is the mean error; informativeness is 1 for a perfect prediction.":
                lambda r, e: (*dci(r, e)[:2], e.mean()),
        },
        ("Write one function for rows: 1 minus the entropy of the row divided by its sum. Columns are the rows of the "
         "transpose.",
         "Base K for a row with K entries: divide by log K. Guard against a sum of 0. D weighs its rows, C does not.",
         "weights = importance.sum(axis=1) / importance.sum()   # ρ_i")),
    Exercise(
        "4.5", "Bug hunt: the transpose lost in a reshape", "medium", 15,
        "With as many latents as factors the shapes agree, so only the numbers can tell.",
        repaired_importance, _coefficients,
        {
            "the table is still reshaped; a reshape keeps the order of the numbers in memory, a transpose moves them.":
                lambda c, s: np.abs(c * s).reshape(len(s), -1),
            "the reshape of the coefficients happens before the scaling still; transpose, then scale the rows.":
                lambda c, s: np.abs(c.reshape(len(s), -1) * s[:, None]),
            "importance is an absolute weight; the signs are left in.":
                lambda c, s: (c * s).T,
            "the weight of a standardised code is the coefficient *times* the code's standard deviation.":
                lambda c, s: np.abs(c / s).T,
            "the scale of the codes was left out: a code in small units gets a large coefficient.":
                lambda c, s: np.abs(c).T,
            "the table is [K, D], as the regressor has it; importance has a row for each latent.":
                lambda c, s: np.abs(c * s),
        },
        ("Try it on [[0, 1], [2, 0]] by hand, with both standard deviations 1. Which latent matters for the first "
         "factor?",
         "coefficients[j, i] belongs to R[i, j]. Multiply while the last axis still runs over the codes.",
         "scaled = np.abs(coefficients * code_std)   # [K, D]: the last axis runs over the codes")),
)

QUIZZES = {
    "4.A": ("A model has a MIG of 1. What can still be wrong with it?", "B", {
        "nothing, it is disentangled": "MIG asks whether a factor has one latent, not whether a latent has one factor",
        "one latent may carry several factors": "each factor has a single best latent then, too; DCI's D shows it",
        "two latents may know a factor equally well": "the gap of that factor would be 0"}),
    "4.B": ("A model has a MIG of 0. Which of these does *not* follow?", "A", {
        "no latent knows anything": "two latents that know everything about a factor give 0 as well",
        "for each factor the best two latents know equally "
        "much": "that is what a gap of 0 says; equally little is possible, too",
        "the score does not say whether the model knows the factors": "so it is; look at the information matrix"}),
}

WRITTEN = {
    "4.3b": {
        "question": "Why does the metric take the *gap* and not the mutual information itself? Argue in 80 to 150 "
                    "words, with your codes of 4.3 "
                    "as the example. Say also what a gap does not see.",
        "rubric": (
            (1, "The mutual information of the best latent is high whether one latent or several know the factor."),
            (1, "The gap subtracts the second best, so it is large only if one latent alone knows the factor "
                "(compactness)."),
            (1, "The example of 4.3 is used: information near 1, MIG near 0, with the numbers."),
            (1, "A limit: one latent may carry several factors and still have a MIG of 1, or a gap of 0 has several "
                "causes."),
        ),
        "model": "The largest mutual information answers one question: is there a latent that knows the factor? In 4.3 "
                 "there is one "
                 "for each factor, and its share is 1, yet each factor is known by two latents, so changing one of "
                 "them changes nothing that could be seen. We asked for more: one latent, and that one alone. The gap "
                 "subtracts what the second best knows. It is near 1 only if the best knows the factor and no other "
                 "does; the codes of 4.3 get 0. The division by the entropy makes factors with few and with many values "
                 "comparable. The gap looks down each column, from a factor to its latents. It does not see whether one "
                 "latent serves two factors, since each has its gap then; D of DCI does. And a gap of 0 does not say "
                 "which it was: two latents that know, or none.",
    },
}
