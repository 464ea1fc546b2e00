"""How a value differs from the expected one, and values in words."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

# Numbers count as equal within this, relative to 1 + the expected size.
TOLERANCE = 1e-6
FLOAT32_TOLERANCE = 2e-4

# An input is printed in full up to this many numbers a table.
IN_FULL = 64

# How a sentence begins that is about a shape, which comes before any about values.
OF_SHAPE = "it gives the shape"

# How it begins where something else came than numbers.
OF_KIND = "it gives a "

# Rounding, where it stands for 0.
_DUST = 1e-12

_NUMBERS = (torch.Tensor, np.ndarray, np.generic, int, float)


def difference(got: Any, expected: Any, tolerance: float = TOLERANCE) -> str | None:
    """A sentence that says how a value differs from the expected one; None if it does not.

    expected: a string, a bool, None, numbers in a tensor, an array or alone, or a tuple of these.
    tolerance: relative to 1 + the size of what is expected; single precision has at least its own.

    Which container the numbers come in does not matter, nor their precision. NaN differs from
    everything, from NaN too: as an answer it is never right.
    """
    if isinstance(expected, (str, bool, type(None))):
        return None if _same_word(got, expected) else _instead(got, expected)
    if isinstance(expected, (tuple, list)):
        return _difference_of_tuples(got, expected, tolerance)

    return _difference_of_numbers(got, expected, tolerance)


def alike(value: Any, other: Any, tolerance: float = TOLERANCE) -> bool:
    """Whether two values are the same, where two NaN count as the same, and so do two infinities.

    This is how an answer is compared with a known wrong one, which may give NaN.
    """
    if isinstance(value, _NUMBERS) and isinstance(other, _NUMBERS):
        one, two = as_array(value), as_array(other)
        if one.shape != two.shape:
            return False
        near = _precision(value, other, tolerance)
        return np.allclose(one, two, near, near, equal_nan=True)

    try:
        return difference(value, other, tolerance) is None
    except (TypeError, ValueError):
        return False


def shape_of(value: Any) -> Any:
    """The shape of numbers, a list of shapes for a tuple, and the type for anything else."""
    if isinstance(value, (tuple, list)):
        return [shape_of(part) for part in value]
    if hasattr(value, "shape"):
        return tuple(value.shape)
    return () if isinstance(value, (int, float)) else type(value)


def as_array(value: Any) -> np.ndarray:
    """Numbers of any kind, or a list of them, as float64.

    Raises TypeError or ValueError for what is no numbers.
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
    elif isinstance(value, (list, tuple)):
        value = [as_array(part) for part in value]

    # Text is no number, though numpy would read it; a fraction is one.
    array = np.asarray(value)
    if array.dtype.kind not in "biufO" or isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} is no table of numbers")
    return array.astype(np.float64)


def unchanged(after: Any, before: Any) -> bool:
    """Whether an argument is as it was, to the last bit."""
    if isinstance(before, (tuple, list)):
        return all(map(unchanged, after, before))
    if isinstance(before, (torch.Tensor, np.ndarray)):
        one, two = as_array(after), as_array(before)
        return one.shape == two.shape and np.array_equal(one, two, equal_nan=True)
    return after == before


def in_words(value: Any) -> str:
    """A value as a sentence may quote it: its numbers, or the shape of a large table."""
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(map(in_words, value)) + ")"
    if not isinstance(value, (torch.Tensor, np.ndarray, np.generic, float)):
        return repr(value)

    array = as_array(value)
    if array.size > IN_FULL:
        return f"numbers of shape {list(array.shape)}"
    if np.abs(array).max(initial=0) > 1e3 * _DUST:
        array = np.where(np.abs(array) < _DUST, 0.0, array)

    # numpy aligns its columns over several lines; here everything stands in one, without gaps.
    text = np.array2string(array, precision=4, separator=", ", suppress_small=False)
    return re.sub(r"(?<=\[) +|(?<= ) +", "", text.replace("\n", ""))


def size_of(value: Any) -> int:
    """How many numbers a value holds, so that the smallest of several can be shown."""
    if isinstance(value, (tuple, list)):
        return sum(map(size_of, value))
    return int(np.prod(value.shape)) if hasattr(value, "shape") else 1


def dimensions(value: Any) -> Iterator[int]:
    """The lengths of all axes of the tables in a value."""
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from dimensions(part)
    elif hasattr(value, "shape"):
        yield from map(int, value.shape)


def _same_word(got: Any, expected: Any) -> bool:
    if isinstance(expected, str):
        return isinstance(got, str) and got.strip().lower() == expected.lower()
    if isinstance(expected, bool):
        return isinstance(got, (bool, np.bool_)) and bool(got) == expected
    return got is None


def _instead(got: Any, expected: Any) -> str:
    return f"it gives {in_words(got)}, expected {in_words(expected)}."


def _difference_of_tuples(got: Any, expected: tuple | list, tolerance: float) -> str | None:
    """The difference of the first values that differ."""
    count = len(expected)
    if isinstance(got, (torch.Tensor, np.ndarray)) and got.ndim and len(got) == count:
        got = list(got)
    if not isinstance(got, (tuple, list)):
        return f"it gives {in_words(got)}, expected {count} values, as a tuple."
    if len(got) != count:
        return f"it gives {len(got)} values, expected {count} values, as a tuple."

    # The first difference is enough: the others often follow from it.
    for number, (one, wanted) in enumerate(zip(got, expected, strict=True), 1):
        problem = difference(one, wanted, tolerance)
        if problem:
            return f"value {number} of {count}: {problem}"

    return None


def _difference_of_numbers(got: Any, expected: Any, tolerance: float) -> str | None:
    """What differs first: the kind of value, the shape, a number."""
    wanted = as_array(expected)
    try:
        found = as_array(got)
    except (TypeError, ValueError):
        return f"{OF_KIND}{type(got).__name__}, expected {in_words(expected)}."

    # A single number may come in a table of its own.
    if not wanted.ndim and found.size == 1:
        found = found.reshape(())
    if found.shape != wanted.shape:
        return f"{OF_SHAPE} {list(found.shape)}, expected {list(wanted.shape)}."

    # Asked this way round, NaN is wrong: no comparison with it is true.
    allowed = _precision(got, expected, tolerance) * (1 + np.abs(wanted))
    wrong = ~(np.abs(found - wanted) <= allowed)
    if not wrong.any():
        return None

    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    where = f"at {list(place)} " if place else ""
    one, other = (f"{0.0 if abs(v) < _DUST else v:.5g}" for v in (found[place], wanted[place]))
    if one != other:
        return f"{where}it gives {one}, expected {other}."

    # Where all printed digits agree, the difference is what tells.
    return f"{where}it gives {one}, which is {found[place] - wanted[place]:+.1e} off."


def _precision(got: Any, expected: Any, tolerance: float) -> float:
    """The tolerance of two values, one of which may come in single precision."""
    single = (torch.float32, np.dtype("float32"))
    if any(getattr(value, "dtype", None) in single for value in (got, expected)):
        return max(tolerance, FLOAT32_TOLERANCE)
    return tolerance
