"""What a metric is given: tables of numbers, checked before anything is computed from them."""

import numpy as np
from torch import Tensor

Table = np.ndarray | Tensor


def checked(
    codes: Table, factors: Table, at_least: int = 1, called: str = "codes"
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and factors as a metric computes with them.

    codes: [N, D]. factors: [N, K], whole numbers.
    at_least: how many columns of each the metric compares. called: what the caller calls the codes.
    Returns codes, float64, and factors, int64.
    Raises ValueError that says what is wrong and what to do: for another shape, NaN, infinite
    values, unequal lengths, factors that are no integers, and a factor with only one value.
    """
    code_table = _checked_numbers(codes, called, at_least)
    factor_table = _checked_numbers(factors, "factors", at_least)
    if len(code_table) != len(factor_table):
        raise ValueError(
            f"there are {len(code_table)} rows of {called} and {len(factor_table)} of factors; row "
            "i of both must belong to the same image"
        )

    if (factor_table != np.rint(factor_table)).any():
        raise ValueError(
            "factors must be integer class indices; give continuous ones as the index of their bin"
        )
    classes = factor_table.astype(np.int64)
    constant = np.flatnonzero(classes.min(axis=0) == classes.max(axis=0))
    if len(constant):
        raise ValueError(
            f"factor {', '.join(map(str, constant))} has only one value in these images, so there "
            "is nothing to know about it; leave its column out, or sample images in which it varies"
        )

    return code_table.astype(np.float64), classes


def _checked_numbers(table: Table, name: str, at_least: int) -> np.ndarray:
    """A table as an array of finite numbers with at least so many columns."""
    array = np.asarray(table.detach().cpu() if isinstance(table, Tensor) else table)
    if array.ndim != 2 or not array.size:
        raise ValueError(
            f"{name} must be a table with a row for each image and at least one column; this has "
            f"the shape {list(array.shape)}"
        )
    if array.shape[1] < at_least:
        raise ValueError(
            f"this metric compares {name} with each other and needs at least {at_least}; here is "
            f"{array.shape[1]}"
        )

    finite = np.isfinite(array)
    if not finite.all():
        raise ValueError(
            f"{name} hold NaN or infinite values, in {(~finite).any(axis=1).sum()} of {len(array)} "
            "rows; a metric of them would mean nothing: look at the encoder's output"
        )
    return array
