"""How a value differs from the expected one, and values in words."""

import re
from typing import Any

import numpy as np
import torch

# Numbers count as equal within this, relative to 1 + the expected size.
TOLERANCE = 1e-6
FLOAT32_TOLERANCE = 2e-4

# Stand-ins for NaN and the infinities, far from whatever an answer computes.
_NAN = -8.25e12
_INFINITY = 8.5e12


def difference(got: Any, expected: Any) -> str | None:
    """A sentence that says how a value differs from the expected one; None if it does not.

    expected: a string, a bool, None, numbers in a tensor, an array or alone, or a tuple of these.

    NaN differs from everything, from NaN too: as an answer it is never right.
    """
    if isinstance(expected, (str, bool, type(None))):
        same = type(got) is type(expected) and got == expected
        return None if same else f"it gives {in_words(got)}, expected {in_words(expected)}."

    if isinstance(expected, (tuple, list)):
        return _difference_of_tuples(got, expected)

    return _difference_of_numbers(got, expected)


def alike(value: Any, other: Any) -> bool:
    """Whether two values are the same, where two NaN count as the same, and so do two infinities.

    This is how an answer is compared with a known wrong one, which may give NaN.
    """
    try:
        return difference(_without_nan(value), _without_nan(other)) is None
    except (TypeError, ValueError):
        return False


def shape_of(value: Any) -> Any:
    """The shape of numbers, a list of shapes for a tuple, and the type for anything else."""
    if isinstance(value, (tuple, list)):
        return [shape_of(part) for part in value]
    if hasattr(value, "shape"):
        return tuple(value.shape)
    return () if isinstance(value, (int, float)) else type(value)


def in_words(value: Any) -> str:
    """A value as a sentence may quote it: its numbers if they are few, else its shape."""
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(map(in_words, value)) + ")"
    if not isinstance(value, (torch.Tensor, np.ndarray, float)):
        return repr(value)

    array = _as_array(value)
    if array.size > 9:
        return f"numbers of shape {list(array.shape)}"

    # numpy aligns its columns over several lines; here everything stands in one, without gaps.
    text = np.array2string(array, precision=4, separator=", ").replace("\n", "")
    text = re.sub(r"(?<=\[) +|(?<= ) +", "", text)

    # The type of the numbers is worth a word where it is not the usual one.
    kind = str(getattr(value, "dtype", "")).replace("torch.", "")
    return f"{text} ({kind})" if array.ndim and kind != "float64" else text


def _difference_of_tuples(got: Any, expected: tuple | list) -> str | None:
    """The difference of the first values that differ."""
    if not isinstance(got, (tuple, list)):
        return f"it gives {in_words(got)}, expected {len(expected)} values, as a tuple."
    if len(got) != len(expected):
        return f"it gives {len(got)} values, expected {len(expected)} values, as a tuple."

    # The first difference is enough: the others often follow from it.
    for number, (one, wanted) in enumerate(zip(got, expected, strict=True), 1):
        problem = difference(one, wanted)
        if problem:
            return f"value {number} of {len(expected)}: {problem}"

    return None


def _difference_of_numbers(got: Any, expected: Any) -> str | None:
    """What differs first: the kind of value, the shape, the type of the numbers, a number."""
    if not isinstance(got, (torch.Tensor, np.ndarray, np.generic, int, float)):
        return f"it gives a {type(got).__name__}, expected {in_words(expected)}."

    found = _as_array(got)
    wanted = _as_array(expected)
    if found.shape != wanted.shape:
        return f"it gives the shape {list(found.shape)}, expected {list(wanted.shape)}."

    if (
        isinstance(got, torch.Tensor)
        and isinstance(expected, torch.Tensor)
        and got.dtype != expected.dtype
    ):
        return f"it gives {got.dtype}, expected {expected.dtype}, as the input has it."

    # Asked this way round, NaN is wrong: no comparison with it is true.
    single = getattr(expected, "dtype", None) in (torch.float32, np.float32)
    tolerance = FLOAT32_TOLERANCE if single else TOLERANCE
    wrong = ~(np.abs(found - wanted) <= tolerance * (1 + np.abs(wanted)))
    if not wrong.any():
        return None

    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    where = f"at {list(place)} " if place else ""
    return f"{where}it gives {found[place]:.5g}, expected {wanted[place]:.5g}."


def _as_array(value: Any) -> np.ndarray:
    """Numbers of any kind as float64."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
    return np.asarray(value, dtype=np.float64)


def _without_nan(value: Any) -> Any:
    """The value with ordinary numbers in place of NaN and infinity."""
    if isinstance(value, (tuple, list)):
        return tuple(_without_nan(part) for part in value)
    if isinstance(value, torch.Tensor):
        return torch.nan_to_num(value.detach(), nan=_NAN, posinf=_INFINITY, neginf=-_INFINITY)
    if isinstance(value, (float, np.ndarray)):
        return np.nan_to_num(value, nan=_NAN, posinf=_INFINITY, neginf=-_INFINITY)
    return value
