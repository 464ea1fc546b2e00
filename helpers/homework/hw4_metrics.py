"""Homework 4: counting what codes know. Symbols as in notebooks 06 and 07; information in nats.

For each exercise: its reference, the inputs that an answer is checked on, the known wrong answers,
and its card. A reference stands by itself, because its source is the solution that a learner sees.
Wrong answers are written as a learner writes, without types.
"""

from collections.abc import Callable
from types import EllipsisType

import numpy as np
from scipy.special import xlogy

from helpers.homework.engine import Exercise, WrongAnswer

# 4.1 Entropy and mutual information from counts


def entropy_and_information(counts: np.ndarray) -> tuple[float, float]:
    """(H(g), I(z;g)) in nats from a table of counts [A, K].

    There is a row for each bin of the code and a column for each value of the factor. Counts may be
    0; 0 log 0 counts as 0.
    """

    def entropy(p):
        return -xlogy(p, p).sum()

    # The probabilities of the pairs, of the code's bins and of the factor's values.
    joint = counts / counts.sum()  # [A, K]
    code = joint.sum(axis=1)  # [A]
    factor = joint.sum(axis=0)  # [K]

    # I(z;g) = H(z) + H(g) - H(z,g).
    information = entropy(code) + entropy(factor) - entropy(joint)

    return entropy(factor), information


def _counts(rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    """(counts [A, K],) of six tables."""
    cases = [(rng.integers(0, 9, shape),) for shape in ((2, 2), (4, 3), (3, 5))]

    # A table must not be empty.
    for (table,) in cases:
        table[0, 0] += 1

    # A code that is sure, one that knows nothing, and one with empty rows and columns.
    cases.append((np.diag([3, 5, 2]),))
    cases.append((np.outer([1, 2, 3], [4, 1]),))
    cases.append((np.array([[4, 0, 1], [0, 0, 0], [2, 0, 3]]),))
    return cases


def _probabilities(counts: np.ndarray) -> np.ndarray:
    """Counts as shares of their sum."""
    return counts / counts.sum()


def _entropy(p: np.ndarray) -> float:
    """The entropy of a table of probabilities, in nats."""
    return -xlogy(p, p).sum()


def _counts_in_bits(counts):
    entropy, information = entropy_and_information(counts)
    return entropy / np.log(2), information / np.log(2)


def _counts_by_plain_logarithm(counts):
    joint = _probabilities(counts)
    code, factor = joint.sum(1), joint.sum(0)
    entropy = -(factor * np.log(factor)).sum()
    information = (joint * np.log(joint / np.outer(code, factor))).sum()
    return entropy, information


def _counts_exchanged(counts):
    return entropy_and_information(counts.T)


def _counts_undivided(counts):
    code, factor = counts.sum(1), counts.sum(0)
    return _entropy(factor), _entropy(code) + _entropy(factor) - _entropy(counts)


def _counts_conditional_entropy(counts):
    joint = _probabilities(counts)
    return _entropy(joint.sum(0)), _entropy(joint) - _entropy(joint.sum(1))


def _counts_information_divided(counts):
    entropy, information = entropy_and_information(counts)
    return entropy, information / max(entropy, 1e-300)


ENTROPY_AND_INFORMATION = Exercise(
    id="4.1",
    title="Entropy and mutual information from counts",
    difficulty="easy",
    minutes=15,
    purpose="All of MIG is made of these two numbers.",
    reference=entropy_and_information,
    draw=_counts,
    wrong_answers={
        "the logarithms are to base 2; the series counts in nats.": _counts_in_bits,
        "an empty cell gave NaN; "
        "scipy.special.xlogy(p, p) is p log p, and 0 where p is 0.": _counts_by_plain_logarithm,
        "rows and columns were exchanged: the factor's values are the columns.": _counts_exchanged,
        "the counts were not divided by their sum.": _counts_undivided,
        "the information is symmetric, but this is the conditional entropy H(g|z), "
        "what is left and not what is known.": _counts_conditional_entropy,
        "the information was divided by the entropy of the factor; "
        "MIG does that later.": _counts_information_divided,
    },
    hints=(
        "Turn the counts into probabilities first. The two marginals are sums over an axis each.",
        "I(z;g) = H(z) + H(g) - H(z,g). One small function for the entropy serves all three.",
        "joint = counts / counts.sum(); h_g = -xlogy(joint.sum(axis=0), joint.sum(axis=0)).sum()",
    ),
)


# 4.2 The mutual information gap


def mig(information: np.ndarray, entropies: np.ndarray) -> float:
    """The mutual information gap, one number, from I(z_j; g_k) [D, K] and H(g_k) [K], with D at
    least 2.
    """
    ordered = np.sort(information, axis=0)  # [D, K], the largest in the last row
    gaps = ordered[-1] - ordered[-2]  # [K]
    return (gaps / entropies).mean()


def _information(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """(information [D, K], entropies [K]) of five models."""
    cases = []
    for d, k in ((2, 2), (5, 3), (3, 4)):
        entropies = rng.uniform(0.5, 3, k)
        information = rng.uniform(0, 1, (d, k)) * entropies
        cases.append((information, entropies))

    # A model that knows nothing, and one with a latent for each factor.
    cases.append((np.zeros((3, 2)), np.array([0.7, 1.1])))
    cases.append((np.array([[0.0, 1.0], [0.6, 0.0], [0.0, 0.0]]), np.array([0.6, 1.0])))
    return cases


def _mig_by_latent(information, entropies):
    ordered = np.sort(information, axis=1)
    return ((ordered[:, -1] - ordered[:, -2]) / entropies.mean()).mean()


def _mig_to_smallest(information, entropies):
    return ((information.max(0) - information.min(0)) / entropies).mean()


def _mig_undivided(information, entropies):
    ordered = np.sort(information, axis=0)
    return (ordered[-1] - ordered[-2]).mean()


def _mig_divided_last(information, entropies):
    ordered = np.sort(information, axis=0)
    return (ordered[-1] - ordered[-2]).mean() / entropies.mean()


def _mig_without_gap(information, entropies):
    return (information.max(0) / entropies).mean()


def _mig_to_mean(information, entropies):
    best = information.max(0)
    others = (information.sum(0) - best) / (len(information) - 1)
    return ((best - others) / entropies).mean()


MIG = Exercise(
    id="4.2",
    title="The mutual information gap",
    difficulty="easy",
    minutes=10,
    purpose="One line, and the score of the β-TCVAE paper.",
    reference=mig,
    draw=_information,
    wrong_answers={
        "the gap was taken per latent, along the rows; "
        "it is taken per factor, in each column.": _mig_by_latent,
        "this is the largest minus the smallest; "
        "the gap is to the *second* largest.": _mig_to_smallest,
        "the gaps were not divided by the entropies.": _mig_undivided,
        "the mean was taken before the division; "
        "each factor's gap is divided by its own entropy.": _mig_divided_last,
        "this is the mutual information itself, without a gap.": _mig_without_gap,
        "the best latent was compared with the mean of all others.": _mig_to_mean,
    },
    hints=(
        "Sort each column. Which two entries matter?",
        (
            "np.sort(information, axis=0) puts the largest into the last row. "
            "Divide before you take the mean."
        ),
        "ordered = np.sort(information, axis=0)   # ordered[-1] is the best latent of each factor",
    ),
)


# 4.3 Why the gap? Codes that fool the mutual information


def fooling_codes(factors: np.ndarray) -> np.ndarray:
    """Codes [N, D] from which a latent can tell every factor, although their MIG is 0.

    factors: [N, K] integers. With the best latent of each factor, max_j I(z_j; g_k) / H(g_k) must
    be at least 0.95, and the MIG at most 0.05. D is at least 2, and no two columns of codes may be
    equal.
    """
    # A latent for each factor, with values from 0 to below 1.
    shares = factors / (factors.max(axis=0) + 1)  # [N, K]

    # Their mirror images know just as much, so that the second best is as good as the best.
    return np.concatenate([shares, -shares], axis=1)  # [N, 2 K]


def _factors(rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    """(factors [600, K],) of three worlds."""
    cases = []
    for sizes in ((2, 2), (3, 6), (4, 2, 5)):
        columns = [rng.integers(0, size, 600) for size in sizes]
        cases.append((np.stack(columns, axis=1),))
    return cases


def _fooled(
    function: Callable[[np.ndarray], np.ndarray], factors: np.ndarray
) -> bool | EllipsisType | None:
    """What 4.3 compares: True where the codes are what the exercise asks for.

    Raises WrongAnswer for other codes, with a sentence that says what is missing.
    """
    answer = function(factors)

    # Nothing, or the dots of a stub, goes to the engine as it is, which has a sentence for each.
    if answer is None or answer is ...:
        return answer

    codes = np.asarray(answer, dtype=float)
    _require_codes(codes, len(factors))
    _require_fooled_score(codes, factors)
    return True


def _require_codes(codes: np.ndarray, images: int) -> None:
    """Raise WrongAnswer unless this is a finite table [images, D >= 2] of different columns."""
    if codes.ndim != 2 or len(codes) != images or codes.shape[1] < 2:
        raise WrongAnswer(
            f"codes have the shape {list(codes.shape)}; expected [{images}, D] with D at least 2."
        )
    if not np.isfinite(codes).all():
        raise WrongAnswer("the codes hold NaN or infinite values.")
    if np.unique(codes, axis=1).shape[1] < codes.shape[1]:
        raise WrongAnswer(
            "two columns of the codes are equal; a model would hardly learn that. Let them differ."
        )


def _require_fooled_score(codes: np.ndarray, factors: np.ndarray) -> None:
    """Raise WrongAnswer unless each factor has a latent that knows it and the MIG is near 0."""
    entropies = np.array([entropy_and_information(np.bincount(g)[None])[0] for g in factors.T])
    information = np.empty((codes.shape[1], factors.shape[1]))
    for j, code in enumerate(codes.T):
        for k, factor in enumerate(factors.T):
            information[j, k] = _binned_information(code, factor)

    # The factor that is known least.
    best = (information.max(axis=0) / entropies).min()
    if best < 0.95:
        raise WrongAnswer(
            f"for one factor the best latent knows {best:.2f} of its entropy, "
            "and at least 0.95 are asked for."
        )

    # The score that the codes are to fool.
    gap = mig(information, entropies)
    if gap > 0.05:
        raise WrongAnswer(
            f"the MIG of these codes is {gap:.2f}, so it is not fooled: at most 0.05 is asked for."
        )


def _binned_information(code: np.ndarray, factor: np.ndarray, bins: int = 20) -> float:
    """I(z;g) in nats of a code [N], in bins of equal width, and a factor [N] of integers."""
    low = code.min()
    width = code.max() - low
    if width == 0:
        width = 1.0  # a constant code stands in the first bin

    # Counts for each bin and each value; the largest code belongs to the last bin.
    place = np.minimum(((code - low) / width * bins).astype(int), bins - 1)  # [N]
    counts = np.zeros((bins, factor.max() + 1))
    np.add.at(counts, (place, factor), 1)

    return entropy_and_information(counts)[1]


def _codes_disentangled(factors):
    return factors.astype(float)


def _codes_of_noise(factors):
    return np.random.default_rng(0).normal(size=(len(factors), 2))


def _codes_constant(factors):
    return np.stack([np.zeros(len(factors)), np.ones(len(factors))], axis=1)


def _codes_transposed(factors):
    return fooling_codes(factors).T


def _codes_of_first_factor(factors):
    return np.stack([factors[:, 0], -factors[:, 0]], axis=1).astype(float)


def _codes_twice(factors):
    return np.concatenate([factors, factors], axis=1).astype(float)


FOOLING_CODES = Exercise(
    id="4.3",
    title="Why the gap? Codes that fool the mutual information",
    difficulty="hard",
    minutes=20,
    purpose="It answers why MIG takes the gap, and not the mutual information itself.",
    reference=fooling_codes,
    draw=_factors,
    probe=_fooled,
    wrong_answers={
        "these codes are disentangled, a latent a factor: they deserve their MIG. "
        "Where must the second best latent stand?": _codes_disentangled,
        "noise has a MIG of 0 and knows nothing; the codes must know each factor.": _codes_of_noise,
        "a constant code knows nothing about any factor.": _codes_constant,
        "the rows must be the images and the columns the latents; "
        "this is the transpose.": _codes_transposed,
        "only the first factor is told twice; "
        "the others are not told at all.": _codes_of_first_factor,
        "the same columns twice; "
        "change the second copy so that it still tells as much.": _codes_twice,
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


# 4.4 D, C and I from an importance matrix


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


def _importance(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """(importance [D, K], errors [K]) of five models."""
    cases = []
    for shape in ((3, 2), (2, 4), (4, 4)):
        importance = rng.uniform(0, 1, shape)
        errors = rng.uniform(0, 1, shape[1])
        cases.append((importance, errors))

    # The second latent is dead.
    alive = np.array([1, 0, 1, 1])[:, None]  # [D, 1]
    importance = rng.uniform(0.1, 1, (4, 3)) * alive
    errors = rng.uniform(0, 1, 3)
    cases.append((importance, errors))

    # A latent for each factor.
    cases.append((np.diag([0.5, 2.0, 1.0]), np.array([0.0, 0.5, 1.0])))
    return cases


def _row_scores(rows: np.ndarray, base: float) -> np.ndarray:
    """1 - entropy of each row divided by its sum, with the logarithm to this base; 0 for zeros."""
    total = rows.sum(axis=1, keepdims=True)
    p = rows / np.where(total > 0, total, 1)
    return np.where(total[:, 0] > 0, 1 + xlogy(p, p).sum(axis=1) / np.log(base), 0.0)


def _dci_exchanged(importance, errors):
    disentanglement, completeness, informativeness = dci(importance, errors)
    return completeness, disentanglement, informativeness


def _dci_unweighted(importance, errors):
    _, completeness, informativeness = dci(importance, errors)
    return _row_scores(importance, importance.shape[1]).mean(), completeness, informativeness


def _dci_bases_exchanged(importance, errors):
    d, k = importance.shape
    weights = importance.sum(axis=1) / importance.sum()
    disentanglement = weights @ _row_scores(importance, d)
    completeness = _row_scores(importance.T, k).mean()
    return disentanglement, completeness, (1 - errors**2).mean()


def _dci_in_nats(importance, errors):
    weights = importance.sum(axis=1) / importance.sum()
    disentanglement = weights @ _row_scores(importance, np.e)
    completeness = _row_scores(importance.T, np.e).mean()
    return disentanglement, completeness, (1 - errors**2).mean()


def _dci_dead_latent(importance, errors):
    rows = importance / importance.sum(axis=1, keepdims=True)
    columns = importance / importance.sum(axis=0)
    per_code = 1 + xlogy(rows, rows).sum(axis=1) / np.log(importance.shape[1])
    per_factor = 1 + xlogy(columns, columns).sum(axis=0) / np.log(importance.shape[0])
    weights = importance.sum(axis=1) / importance.sum()
    return weights @ per_code, per_factor.mean(), (1 - errors**2).mean()


def _dci_errors_not_squared(importance, errors):
    disentanglement, completeness, _ = dci(importance, errors)
    return disentanglement, completeness, (1 - errors).mean()


def _dci_mean_error(importance, errors):
    disentanglement, completeness, _ = dci(importance, errors)
    return disentanglement, completeness, errors.mean()


DCI = Exercise(
    id="4.4",
    title="D, C and I from an importance matrix",
    difficulty="medium",
    minutes=25,
    purpose="It is all of DCI but the regressor.",
    reference=dci,
    draw=_importance,
    wrong_answers={
        "rows and columns were exchanged: disentanglement asks about a latent's row, "
        "completeness about a factor's column.": _dci_exchanged,
        "D is a weighted mean: each row counts with its share of all importance.": _dci_unweighted,
        "the logarithms have the wrong base: "
        "a row is spread over K factors, a column over D latents.": _dci_bases_exchanged,
        "the entropies are in nats; "
        "divide by log K for a row and by log D for a column.": _dci_in_nats,
        "a dead latent gave 0/0; a row of zeros has the score 0.": _dci_dead_latent,
        "I is the mean of 1 - errors²; the square is missing.": _dci_errors_not_squared,
        "the third value is the mean error; "
        "informativeness is 1 for a perfect prediction.": _dci_mean_error,
    },
    hints=(
        (
            "Write one function for rows: 1 minus the entropy of the row divided by its sum. "
            "Columns are the rows of the transpose."
        ),
        (
            "Base K for a row with K entries: divide by log K. Guard against a sum of 0. "
            "D weighs its rows, C does not."
        ),
        "weights = importance.sum(axis=1) / importance.sum()   # ρ_i",
    ),
)


# 4.5 Bug hunt: the transpose lost in a reshape


def repaired_importance(coefficients: np.ndarray, code_std: np.ndarray) -> np.ndarray:
    """R [D, K], the absolute weight of each standardised code i for each factor j.

    coefficients: [K, D], as scikit-learn's `coef_` has them, for codes that were not standardised.
    code_std: [D].
    """
    scaled = np.abs(coefficients * code_std)  # [K, D]
    return scaled.T  # [D, K]


def _coefficients(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """(coefficients [K, D], code_std [D]) of five regressions."""
    cases = []
    for shape in ((2, 3), (3, 3), (4, 2), (2, 6)):
        coefficients = rng.normal(0, 1, shape)
        code_std = rng.uniform(0.2, 3, shape[1])
        cases.append((coefficients, code_std))

    # A negative weight, and zeros.
    cases.append((np.array([[0.0, -1.0], [2.0, 0.0]]), np.array([1.0, 1.0])))
    return cases


def _importance_reshaped(coefficients, code_std):
    return np.abs(coefficients * code_std).reshape(len(code_std), -1)


def _importance_reshaped_first(coefficients, code_std):
    return np.abs(coefficients.reshape(len(code_std), -1) * code_std[:, None])


def _importance_with_signs(coefficients, code_std):
    return (coefficients * code_std).T


def _importance_divided(coefficients, code_std):
    return np.abs(coefficients / code_std).T


def _importance_unscaled(coefficients, code_std):
    return np.abs(coefficients).T


def _importance_not_transposed(coefficients, code_std):
    return np.abs(coefficients * code_std)


REPAIRED_IMPORTANCE = Exercise(
    id="4.5",
    title="Bug hunt: the transpose lost in a reshape",
    difficulty="medium",
    minutes=15,
    purpose="A reshape gives the right shape for any table, so only the numbers can tell.",
    reference=repaired_importance,
    draw=_coefficients,
    wrong_answers={
        "the table is still reshaped; a reshape keeps the order of the numbers in memory, "
        "a transpose moves them.": _importance_reshaped,
        "the reshape of the coefficients happens before the scaling still; "
        "transpose, then scale the rows.": _importance_reshaped_first,
        "importance is an absolute weight; the signs are left in.": _importance_with_signs,
        "the weight of a standardised code is the coefficient *times* the code's standard "
        "deviation.": _importance_divided,
        "the scale of the codes was left out: "
        "a code in small units gets a large coefficient.": _importance_unscaled,
        "the table is [K, D], as the regressor has it; "
        "importance has a row for each latent.": _importance_not_transposed,
    },
    hints=(
        (
            "Try it on [[0, 1], [2, 0]] by hand, with both standard deviations 1. "
            "Which latent matters for the first factor?"
        ),
        (
            "coefficients[j, i] belongs to R[i, j]. "
            "Multiply while the last axis still runs over the codes."
        ),
        "scaled = np.abs(coefficients * code_std)   # [K, D]: the last axis runs over the codes",
    ),
)


EXERCISES = (ENTROPY_AND_INFORMATION, MIG, FOOLING_CODES, DCI, REPAIRED_IMPORTANCE)

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
        "A model has a MIG of 0. Which of these does *not* follow?",
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

WRITTEN = {
    "4.3b": {
        "question": (
            "Why does the metric take the *gap* and not the mutual information itself? Argue in 80 "
            "to 150 words, with your codes of 4.3 as the example. Say also what a gap does not see."
        ),
        "rubric": (
            (
                1,
                (
                    "The mutual information of the best latent is high whether one latent or "
                    "several know the factor."
                ),
            ),
            (
                1,
                (
                    "The gap subtracts the second best, "
                    "so it is large only if one latent alone knows the factor (compactness)."
                ),
            ),
            (
                1,
                "The example of 4.3 is used: information near 1, MIG near 0, with the numbers.",
            ),
            (
                1,
                (
                    "A limit: one latent may carry several factors and still have a MIG of 1, "
                    "or a gap of 0 has several causes."
                ),
            ),
        ),
        "model": (
            "The largest mutual information answers one question: is there a latent that knows "
            "the factor? In 4.3 there is one for each factor, and its share is 1, yet each factor "
            "is known by two latents, so no single one of them owns the factor. "
            "We asked for more: one latent, and that one alone. The gap subtracts what the "
            "second best knows. It is near 1 only if the best knows the factor and no other does; "
            "the codes of 4.3 get 0. The division by the entropy makes factors with few and with "
            "many values comparable. The gap looks down each column, from a factor to its latents. "
            "It does not see whether one latent serves two factors, since each has its gap then; D "
            "of DCI does. And a gap of 0 does not say which it was: two latents that know, or none."
        ),
    },
}
