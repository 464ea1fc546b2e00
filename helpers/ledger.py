"""What keeps the notebooks honest: verify an equation, back a claim.

Each check prints one line that is the same on every machine, so that a test can compare it, and
raises if it fails.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

# Torch is not imported here: the doctor must be able to say that it is missing. Its tensors are
# taken all the same.


def verify(
    tag: str, left: ArrayLike, right: ArrayLike, tolerance: float, relation: str = "=="
) -> None:
    """Check an equation: its two sides, computed by different routes, agree within `tolerance`.

    Prints the tag and both sides (of arrays: how many values), rounded to ten times the tolerance
    and at most four digits.

    tag: the number of the equation.
    left, right: numbers, arrays or tensors of one shape.
    tolerance: how far apart the sides may be, a positive number.
    relation: "==", or "<=" for left <= right + tolerance.
    Raises AssertionError where it does not hold, NaN included; ValueError for unequal shapes or a
    tolerance that is not a positive number or an unknown relation.

    >>> verify("1.1", math.pi, 355 / 113, tolerance=1e-6)
    (1.1) holds: 3.142 == 3.142   (tolerance 1e-06)
    """
    if relation not in ("==", "<="):
        raise ValueError(f'relation must be "==" or "<=", not {relation!r}')
    if not (tolerance > 0 and math.isfinite(tolerance)):
        raise ValueError(f"tolerance must be a positive number, not {tolerance!r}")

    # Both sides as arrays of one shape.
    a = _array(left)
    b = _array(right)
    if a.shape != b.shape:
        raise ValueError(f"({tag}): the two sides have the shapes {a.shape} and {b.shape}")

    # A comparison with NaN is false, so that NaN on either side does not hold.
    excess = np.abs(a - b) if relation == "==" else a - b
    if not (excess <= tolerance).all():
        worst = np.unravel_index(np.argmax(np.nan_to_num(excess, nan=np.inf)), excess.shape)
        place = f" at {tuple(map(int, worst))}" if worst else ""
        raise AssertionError(
            f"({tag}) does not hold within {tolerance:.1g}: {a[worst]!s} against {b[worst]!s}"
            + place
        )

    if a.ndim == 0:
        sides = f"{_rounded(float(a), tolerance)} {relation} {_rounded(float(b), tolerance)}"
    else:
        sides = f"left {relation} right, {a.size} values"
    print(f"({tag}) holds: {sides}   (tolerance {tolerance:.1g})")


def claim(statement: str, value: ArrayLike, low: float = -math.inf, high: float = math.inf) -> None:
    """Check a sentence about a trained model: a value lies in an interval fixed beforehand.

    Prints the sentence and the interval, not the value, which differs a little between machines.

    statement: what is claimed, in words.
    value: one number, which may be an array or a tensor.
    low, high: the ends of the interval, of which at least one is given.
    Raises AssertionError with the value where the claim does not hold, NaN included; ValueError if
    neither end is given.

    >>> claim("the lecture has a moral", 1, low=1)
    claim holds: the lecture has a moral (at least 1)
    """
    found = float(_array(value))
    interval = _interval(low, high)
    if not low <= found <= high:
        raise AssertionError(
            f"claim does not hold: {statement} (claimed {interval}, found {found:.4g})"
        )
    print(f"claim holds: {statement} ({interval})")


def _interval(low: float, high: float) -> str:
    """An interval in words; ValueError where it has no end."""
    if math.isinf(low) and math.isinf(high):
        raise ValueError("a claim needs a lower or an upper end, or nothing could contradict it")
    if math.isinf(high):
        return f"at least {low:.4g}"
    if math.isinf(low):
        return f"at most {high:.4g}"
    return f"between {low:.4g} and {high:.4g}"


def _array(value: Any) -> np.ndarray:
    """A number, array or tensor as float64, apart from the graph of its gradients."""
    plain = value.detach().cpu() if hasattr(value, "detach") else value
    return np.asarray(plain, dtype=np.float64)


def _rounded(value: float, tolerance: float) -> str:
    """`value` with no digit finer than ten times the tolerance, and at most four that count."""
    if abs(value) <= tolerance:
        return "0"

    # Powers of ten of the finest digit that the tolerance leaves, and of the fourth one.
    finest = math.ceil(math.log10(tolerance)) + 1
    fourth = math.floor(math.log10(abs(value))) - 3
    decimals = -max(finest, fourth)

    positive_zero = round(value, decimals) + 0.0  # -0.0 + 0.0 is 0.0
    return f"{positive_zero:.{max(decimals, 0)}f}"
