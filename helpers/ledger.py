"""What keeps the notebooks honest: verify an equation, back a claim.

Each check prints one line that is the same on every machine, so that a test can compare it, and raises if it fails.
"""

import math

import numpy as np


def verify(tag, left, right, tolerance, relation="=="):
    """Check the equation with this tag: its two sides, computed by different routes, agree within `tolerance`.

    left, right: numbers, arrays or tensors of one shape. relation: "==", or "<=" for left <= right + tolerance.
    Prints the tag and both sides (of arrays: how many values), rounded to ten times the tolerance and at most four
    digits. Raises AssertionError where it does not hold, NaN included; ValueError for unequal shapes or a tolerance
    that is not a positive number or an unknown relation.
    """
    if relation not in ("==", "<="):
        raise ValueError(f'relation must be "==" or "<=", not {relation!r}')
    if not (tolerance > 0 and math.isfinite(tolerance)):
        raise ValueError(f"tolerance must be a positive number, not {tolerance!r}")
    left, right = _array(left), _array(right)
    if left.shape != right.shape:
        raise ValueError(f"({tag}): the two sides have the shapes {left.shape} and {right.shape}")
    excess = np.abs(left - right) if relation == "==" else left - right
    holds = bool((excess <= tolerance).all())  # False for NaN
    if not holds:
        worst = np.unravel_index(np.argmax(np.nan_to_num(excess, nan=np.inf)), excess.shape)
        raise AssertionError(f"({tag}) does not hold within {tolerance:.1g}: {left[worst]!s} against {right[worst]!s}"
                             + (f" at {tuple(map(int, worst))}" if worst else ""))
    if left.ndim == 0:
        sides = f"{_rounded(left, tolerance)} {relation} {_rounded(right, tolerance)}"
    else:
        sides = f"left {relation} right, {left.size} values"
    print(f"({tag}) holds: {sides}   (tolerance {tolerance:.1g})")


def claim(statement, value, low=-math.inf, high=math.inf):
    """Check a sentence about a trained model: `value` lies in [low, high], an interval that was fixed beforehand.

    Prints the sentence and the interval, not the value, which differs a little between machines. Raises AssertionError
    with the value where the claim does not hold, NaN included; ValueError if neither end is given.
    """
    value = float(_array(value))
    if math.isinf(low) and math.isinf(high):
        raise ValueError("a claim needs a lower or an upper end, or nothing could contradict it")
    if math.isinf(high):
        interval = f"at least {low:.4g}"
    elif math.isinf(low):
        interval = f"at most {high:.4g}"
    else:
        interval = f"between {low:.4g} and {high:.4g}"
    if not low <= value <= high:
        raise AssertionError(f"claim does not hold: {statement} (claimed {interval}, found {value:.4g})")
    print(f"claim holds: {statement} ({interval})")


def _array(value):
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, dtype=np.float64)


def _rounded(value, tolerance):
    """`value` with no digit finer than ten times the tolerance, and at most four that count."""
    value = float(value)
    if abs(value) <= tolerance:
        return "0"
    finest = math.ceil(math.log10(tolerance)) + 1
    decimals = -max(finest, math.floor(math.log10(abs(value))) - 3)
    return f"{round(value, decimals) + 0.0:.{max(decimals, 0)}f}"  # + 0.0 turns -0.0 into 0.0
