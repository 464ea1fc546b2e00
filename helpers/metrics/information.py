"""How many nats a code knows about a factor, and how far the best code is ahead of the second."""

from dataclasses import dataclass

import numpy as np

from helpers.metrics.inputs import CUT_IT, Labels, Table, as_array, checked


@dataclass(frozen=True)
class MIG:
    """The mutual information gap (Chen et al. 2018, equation 6), in [0, 1] up to rounding."""

    score: float  # the mean of per_factor
    per_factor: np.ndarray  # [K], (largest - second largest information) / entropy
    information: np.ndarray  # [D, K], I(z_j; g_k) in nats
    entropies: np.ndarray  # [K], H(g_k) in nats
    error: float | None = None  # of posterior_mig: an estimate of what the score may be off by


def entropy(weights: Table) -> float:
    """The entropy of a discrete distribution, from its probabilities or from counts.

    weights: an array of any shape, none negative; each is divided by their sum. Zeros add nothing.
    Returns H in nats, from 0 to the logarithm of how many weights there are.
    Raises ValueError for negative, NaN or infinite weights, and where all are 0.

    >>> round(entropy([0.5, 0.5]), 4), entropy([7, 0])  # a coin: log 2; no doubt at all
    (0.6931, 0.0)
    """
    array = as_array(weights)
    if not (np.isfinite(array).all() and (array >= 0).all() and (array > 0).any()):
        raise ValueError(
            "entropy takes counts or probabilities: finite, none negative, and not all zero"
        )

    return entropy_of_counts(array)


def mutual_information(codes: Table, factors: Table, bins: int = 20) -> np.ndarray:
    """I(z_j; g_k) of every code with every factor, from a histogram.

    codes: [N, D], numbers. factors: [N, K], or [N]: classes, which may be integers, names, or other
      numbers that repeat.
    bins: each code is cut into so many bins of equal width between its smallest and its largest
      value. A value on the edge between two bins, up to rounding, is in the upper one.
    Returns [D, K] in nats, each at least 0. A constant code has 0 with everything.
    Raises ValueError for NaN, unequal lengths, empty input, a factor that is a quantity and not a
    class, and one with only one value, since nothing can be known about it.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> mutual_information(factors[:, :1], factors).round(4)  # the code is the first factor
    array([[0.6931, 0.    ]])
    """
    code_table, labels = checked(codes, factors)
    return joint_information(code_table, [factor.classes() for factor in labels], bins)[0]


def mig(codes: Table, factors: Table, bins: int = 20) -> MIG:
    """The mutual information gap of `mutual_information`.

    codes: [N, D], D at least 2. factors: [N, K], or [N]. bins: as in `mutual_information`.
    Returns for each factor how much more its best code knows about it than the second best, as a
    share of the factor's entropy, and the mean over factors (Chen et al. 2018, equation 6).
    Raises ValueError as `mutual_information` does, and for fewer codes than two. A quantity is
    refused because its score would be that of the number of classes into which it is cut; the
    message says how far that moves it.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> mig(factors, factors).score, mig(factors[:, [0, 0]], factors).score  # perfect; copied
    (1.0, 0.0)
    """
    code_table, labels = checked(codes, factors, codes_at_least=2)
    for factor in labels:
        if factor.are_quantity():
            raise ValueError(_why_no_quantity(code_table, factor, bins))

    classes = [factor.classes() for factor in labels]
    information, entropies = joint_information(code_table, classes, bins)
    per_factor = gaps(information) / entropies
    return MIG(float(per_factor.mean()), per_factor, information, entropies)


def entropy_of_counts(counts: np.ndarray) -> float:
    """The `entropy` of an array that is known to hold counts: log n - Σ c log c / n."""
    # Sorted and without zeros first, so that renaming the values does not change even the last
    # digit of the sum.
    positive = np.sort(counts[counts > 0])
    total = positive.sum()
    return float(np.log(total) - (positive * np.log(positive)).sum() / total)


def gaps(information: np.ndarray) -> np.ndarray:
    """The largest minus the second largest entry of each column of [D, K]: [K]."""
    second, first = np.sort(information, axis=0)[-2:]  # [K], [K]
    return first - second


def joint_information(
    codes: np.ndarray, classes: list[np.ndarray], bins: int
) -> tuple[np.ndarray, np.ndarray]:
    """The information [D, K] and the factors' entropies [K], from the counts of each pair."""
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins!r}")
    entropies = np.array([entropy_of_counts(np.bincount(class_of)) for class_of in classes])

    information = np.zeros((codes.shape[1], len(classes)))
    for j, code in enumerate(codes.T):
        if code.min() == code.max():
            continue
        bin_of = _equal_width_bins(code, bins)  # [N]
        bin_entropy = entropy_of_counts(np.bincount(bin_of))

        # I(z; g) = H(z) + H(g) - H(z, g), which rounding may leave a hair below 0.
        for k, class_of in enumerate(classes):
            pair = bin_of * (class_of.max() + 1) + class_of  # [N], a number for each pair
            joint_entropy = entropy_of_counts(np.bincount(pair))
            information[j, k] = max(0.0, bin_entropy + entropies[k] - joint_entropy)

    return information, entropies


def _equal_width_bins(code: np.ndarray, bins: int) -> np.ndarray:
    """The bin of each value [N], 0 to bins - 1, of a code that is not constant."""
    above = code - code.min()
    # Rounded, so that a value on an edge between two bins stays there when the code is scaled by
    # 0.1. The largest value belongs to the last bin.
    position = np.round(above * (bins / above.max()), 9)
    return np.minimum(position, bins - 1).astype(np.int64)


def _why_no_quantity(codes: np.ndarray, factor: Labels, bins: int) -> str:
    """Why MIG takes classes only: what the score would be for a few numbers of them."""
    scores = []
    for count in (2, 10, 50):
        edges = np.quantile(factor.values, np.arange(1, count) / count)
        information, entropies = joint_information(codes, [np.digitize(factor.values, edges)], bins)
        scores.append(f"{(gaps(information) / entropies)[0]:.2f} with {count}")

    return (
        f"{factor.called} is a quantity, and MIG takes classes: its gap depends on how many you "
        f"cut it into, here {', '.join(scores)} of equal frequency. {CUT_IT}"
    )
