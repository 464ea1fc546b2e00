"""What keeps the notebooks honest: verify an equation, back a claim.

Each check raises if it fails. What it prints is the same on every machine, so that a test can
compare it, but for the measured values of claims, which bear a mark.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from helpers.tables import MINUS, table

NEAR_MISS = "      "  # before the line of a near miss

CLAIMS = "What was claimed, and what was measured here."

# Before a number that differs between machines. tests/sanitize.cfg knows it.
MEASURED = "≈ "

# As long as any measured value, so that a table's width is the same on every machine.
WIDEST = len(MEASURED + "-1.23e-05")

# Torch is not imported here: the doctor must be able to say that it is missing. Its tensors are
# taken all the same.


def verify(
    tag: str,
    left: ArrayLike,
    right: ArrayLike,
    tolerance: float,
    relation: str = "==",
    near_misses: Mapping[str, ArrayLike] | None = None,
    scale: float | None = None,
) -> None:
    """Check an equation: its two sides, computed by different routes, agree within `tolerance`.

    Prints the tag and both sides (of arrays: how many values), rounded to ten times the tolerance
    and at most four digits; and for each near miss a line with what the left side would be.

    tag: the number of the equation.
    left, right: numbers, arrays or tensors of one shape.
    tolerance: how far apart the sides may be, a positive number.
    relation: "==", or "<=" for left <= right + tolerance.
    near_misses: a few words such as "without the ½" -> the left side by that wrong formula, of the
      same shape. The comparison must fail for each of them, or it would not have noticed.
    scale: what a left side that is zero is to be measured against: an equality must fail if a
      hundredth of this is added. By default of the left side itself.
    Raises AssertionError where the equation does not hold, NaN included; where an equality would
    hold all the same with the left side a hundredth larger; and where a near miss would pass.
    Raises ValueError for unequal shapes, a tolerance that is not a positive number, an unknown
    relation, and a near miss that is not finite.

    >>> half_sine = 2 * math.sin(0.5) * math.cos(0.5)
    >>> verify("1.1", half_sine, math.sin(1), 1e-9, near_misses={"without the 2": half_sine / 2})
    (1.1) holds: 0.8415 == 0.8415   (tolerance 1e-09)
          without the 2: 0.4207
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
    excess = _excess(a, b, relation)
    if not (excess <= tolerance).all():
        worst = np.unravel_index(np.argmax(np.nan_to_num(excess, nan=np.inf)), excess.shape)
        place = f" at {tuple(map(int, worst))}" if worst else ""
        raise AssertionError(
            f"({tag}) does not hold within {tolerance:.1g}: {a[worst]!s} against {b[worst]!s}"
            + place
        )

    # Would it have noticed if it were wrong?
    if relation == "==":
        _check_that_it_can_fail(tag, a, b, tolerance, scale)
    misses = {words: _array(value) for words, value in (near_misses or {}).items()}
    for words, wrong in misses.items():
        _check_that_it_is_missed(tag, words, wrong, b, tolerance, relation)

    if a.ndim == 0:
        sides = f"{_rounded(float(a), tolerance)} {relation} {_rounded(float(b), tolerance)}"
    else:
        sides = f"left {relation} right, {a.size} values"
    print(f"({tag}) holds: {sides}   (tolerance {tolerance:.1g})")
    for words, wrong in misses.items():
        if a.ndim == 0:
            would_be = _rounded(float(wrong), tolerance)
        else:
            would_be = f"off by up to {np.abs(wrong - b).max():.2g}"
        print(f"{NEAR_MISS}{words}: {would_be}")


def _excess(left: np.ndarray, right: np.ndarray, relation: str) -> np.ndarray:
    """By how much the relation is missed, entry by entry."""
    return np.abs(left - right) if relation == "==" else left - right


def _check_that_it_can_fail(
    tag: str, left: np.ndarray, right: np.ndarray, tolerance: float, scale: float | None
) -> None:
    """An equality that holds as well with the left side a hundredth larger proves little."""
    larger = 1.01 * left if scale is None else left + 0.01 * scale
    if (np.abs(larger - right) <= tolerance).all():
        raise AssertionError(
            f"({tag}) would hold within {tolerance:.1g} as well with its left side a hundredth "
            "larger, so that it proves little: lower the tolerance, check it where its sides are "
            "larger, or, where they are zero, say with scale=… against what"
        )


def _check_that_it_is_missed(
    tag: str,
    words: str,
    wrong: np.ndarray,
    right: np.ndarray,
    tolerance: float,
    relation: str,
) -> None:
    """The comparison must fail for a left side that is wrong."""
    if wrong.shape != right.shape or not np.isfinite(wrong).all():
        raise ValueError(
            f"({tag}), near miss {words!r}: it must be finite and of the shape {right.shape}, and "
            f"has the shape {wrong.shape}"
        )
    if (_excess(wrong, right, relation) <= tolerance).all():
        raise AssertionError(
            f"({tag}) does not notice the near miss {words!r}, which passes within {tolerance:.1g} "
            "too: check it at another place, or more strictly"
        )


def claim(statement: str, value: ArrayLike, low: float = -math.inf, high: float = math.inf) -> None:
    """Check a sentence about a trained model: a value lies in an interval.

    It is quiet where the sentence holds; `claims()` shows what has been claimed.

    statement: what is claimed, a sentence that a reader understands without the code.
    value: one number, which may be an array or a tensor.
    low, high: the ends of the interval, of which at least one is given.
    Raises AssertionError with the value, at once, where the claim does not hold, NaN included;
    ValueError if neither end is given.

    >>> claim("The lecture has a moral.", 1, low=1)
    >>> claim("It has two.", 1, low=2)
    Traceback (most recent call last):
    AssertionError: claim does not hold: It has two. (claimed at least 2, found 1)
    """
    found = float(_array(value))
    interval = _interval(low, high)
    if not low <= found <= high:
        raise AssertionError(
            f"claim does not hold: {statement} (claimed {interval}, found {found:.4g})"
        )
    _claimed[statement] = (interval, found)


def claims() -> None:
    """Show what was claimed since the last call, as a table with the measured values.

    The measured values differ a little between machines; the tests do not compare them.
    Raises ValueError if nothing was claimed.
    """
    if not _claimed:
        raise ValueError("nothing has been claimed since the last call of claims()")
    rows = {
        statement: [interval, (MEASURED + _number(found, 3)).rjust(WIDEST)]
        for statement, (interval, found) in _claimed.items()
    }
    table(rows, ["claimed", "measured"], CLAIMS)
    _claimed.clear()


# What was claimed since the last call of `claims`: statement -> (the interval in words, the value).
_claimed: dict[str, tuple[str, float]] = {}


def _interval(low: float, high: float) -> str:
    """An interval in words; ValueError where it has no end."""
    if math.isinf(low) and math.isinf(high):
        raise ValueError("a claim needs a lower or an upper end, or nothing could contradict it")
    if math.isinf(high):
        return f"at least {_number(low, 4)}"
    if math.isinf(low):
        return f"at most {_number(high, 4)}"
    return f"between {_number(low, 4)} and {_number(high, 4)}"


def _number(value: float, digits: int) -> str:
    """A number with so many digits that count, and a real minus sign."""
    return f"{value:.{digits}g}".replace("-", MINUS)


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
