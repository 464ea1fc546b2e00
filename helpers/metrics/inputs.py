"""What a metric is given: codes and labels as people keep them, checked before it computes.

Codes are numbers. Labels may be whole numbers, names, or numbers of another kind; what cannot be
used is refused in a sentence that names the column and the remedy.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Number, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

# A table with a row for each image: an array, a tensor, rows of lists, a data frame, or a dict from
# a column's name to its values.
Table = ArrayLike | Tensor | Mapping[str, Any] | Any

ROWS_OF_A_CLASS = 5  # numbers with a fraction are classes where so many rows share one on average
IDENTIFIERS = 10  # as many names that all differ tell images apart instead of describing them
MANY_CLASSES = 50  # of whole numbers, more than these must repeat like numbers with a fraction
GAPS = ("", "na", "n/a", "nan", "null", "?")  # what people write where there is no name
CUT_IT = (
    "Cut it, for example with np.digitize(g, np.quantile(g, [0.2, 0.4, 0.6, 0.8])), and report "
    "how; or take metrics.dci, which predicts numbers as they are"
)
EXTREME = 1e100  # beyond it, and below its inverse, squares leave what a float can hold


@dataclass(frozen=True)
class Labels:
    """The labels of one factor, without gaps."""

    name: Any  # of its column, or its number
    values: np.ndarray  # [N]: integers, float64, or texts

    @property
    def called(self) -> str:
        """What messages call it: factor 1, or factor 'shape' where columns have names."""
        return f"factor {self.name!r}"

    @property
    def are_names(self) -> bool:
        """Whether they are texts, which have no order."""
        return self.values.dtype.kind == "U"

    def classes(self) -> np.ndarray:
        """The labels [N] as classes 0, 1, 2, … in their order; ValueError for a quantity."""
        if self.are_quantity():
            raise ValueError(
                f"{self.called} is a quantity, not a class: {len(np.unique(self.values)):,} "
                f"different values in {len(self.values):,} rows. What is known about it depends on "
                f"how finely it is cut into classes. {CUT_IT}"
            )

        # Names that all differ are names of images, not of what they show.
        classes = renumbered(self.values)
        if self.are_names and len(classes) >= IDENTIFIERS and classes.max() + 1 == len(classes):
            raise ValueError(
                f"{self.called} has another value in each of the {len(classes):,} rows: it tells "
                "the images apart and describes nothing that they share; leave its column out"
            )
        return classes

    def numbers(self) -> np.ndarray:
        """The labels [N] as float64; ValueError for names."""
        if self.are_names:
            raise ValueError(
                f"{self.called} holds names, such as {str(self.values[0])!r}, which have no order: "
                'say "categorical" for it in kinds, or give numbers in their order'
            )
        return self.values.astype(np.float64)

    def places(self) -> np.ndarray:
        """The labels [N] as places 0, 1, 2, … at equal distances; ValueError where they are not."""
        numbers = self.numbers()
        distinct = np.unique(numbers)
        if self.values.dtype.kind in "iu":
            return numbers - distinct[0]

        place = (numbers - distinct[0]) / np.diff(distinct).min()
        if np.abs(place - np.rint(place)).max() > 1e-3 or place.max() > len(place):
            raise ValueError(
                f'{self.called} is not evenly spaced, as "circular" asks: give the number of its '
                "step, 0, 1, 2, …, or two ordinal factors, the cosine and the sine of its angle"
            )
        return np.rint(place)

    def are_quantity(self) -> bool:
        """Whether they are numbers that hardly ever repeat, with a fraction or very many.

        Whole numbers of which no two are alike number the images, and are classes of their own.
        """
        if self.are_names:
            return False
        is_whole = self.values.dtype.kind != "f"
        if is_whole and int(self.values.max()) - int(self.values.min()) < MANY_CLASSES:
            return False
        distinct = len(np.unique(self.values))
        if is_whole and (distinct <= MANY_CLASSES or distinct == len(self.values)):
            return False
        return distinct * ROWS_OF_A_CLASS > len(self.values)


def checked(
    codes: Table, factors: Table, codes_at_least: int = 1, called: str = "codes"
) -> tuple[np.ndarray, list[Labels]]:
    """Codes and factors as a metric computes with them.

    codes: [N, D]. factors: [N, K], or [N] for a single one.
    codes_at_least: how many of them the metric compares. called: what the caller calls the codes.
    Returns the codes [N, D], float64, and the labels of each factor.
    Raises ValueError that says what is wrong, where, and what to do: for another shape, for codes
    that are no finite numbers, unequal lengths, gaps, and a factor with only one value.
    """
    _check_indices(codes, factors, called)
    code_table = numbers(codes, called)
    if code_table.shape[1] < codes_at_least:
        raise ValueError(
            f"this metric compares {called} with each other and needs at least {codes_at_least}; "
            f"here is {code_table.shape[1]}"
        )

    labels = labels_of(factors)
    rows = len(labels[0].values)
    if len(code_table) != rows:
        on_its_side = ""
        for what, columns, others in (
            (called, code_table.shape[1], rows),
            ("factors", len(labels), len(code_table)),
        ):
            if columns == others:
                on_its_side = f" (the table of {what} lies on its side: give its transpose)"
        raise ValueError(
            f"there are {len(code_table)} rows of {called} and {rows} of factors; row i of both "
            f"must belong to the same image{on_its_side}"
        )
    for factor in labels:
        if (factor.values == factor.values[0]).all():
            raise ValueError(
                f"{factor.called} has only one value in these images, so there is nothing to know "
                "about it; leave its column out, or sample images in which it varies"
            )
    return code_table, labels


def _check_indices(codes: Table, factors: Table, called: str) -> None:
    """ValueError for two data frames, or a frame and a series, whose rows have other names."""
    both = [getattr(table, "index", None) for table in (codes, factors)]
    if all(hasattr(index, "equals") for index in both) and not both[0].equals(both[1]):  # type: ignore[union-attr]
        raise ValueError(
            f"the rows of {called} and of factors have other indices or another order, and rows "
            "are put together by their place: bring them to one order, factors.loc[codes.index]"
        )


def labels_of(factors: Table) -> list[Labels]:
    """The labels of each factor of a table [N, K], or [N]; ValueError for gaps and odd values."""
    names, columns = _columns(factors, "factors", flat=True)
    return [
        Labels(name, _labels(column, f"factor {name!r}"))
        for name, column in zip(names, columns, strict=True)
    ]


def numbers(table: Table, called: str) -> np.ndarray:
    """A table of finite numbers as float64 [N, D], or a ValueError that names the column."""
    if isinstance(table, tuple) and len(table) == 2 and np.ndim(table[0]) == 2:
        raise ValueError(
            f"{called} are one table [N, D], and this is a pair: of what training.encode returns, "
            "give the first, mu"
        )
    names, columns = _columns(table, called, flat=False)

    parsed = []
    for name, column in zip(names, columns, strict=True):
        if column.dtype.kind == "O":
            column = _from_objects(column, f"column {name!r} of {called}")
        if column.dtype.kind not in "biuf":
            raise ValueError(
                f"column {name!r} of {called} holds no numbers, but for example "
                f"{column[:1].tolist()[0]!r}; leave it out, or turn it into numbers"
            )
        parsed.append(column.astype(np.float64))
    array = np.stack(parsed, axis=1)

    finite = np.isfinite(array)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise ValueError(
            f"{called} hold NaN or infinite values, in {(~finite).any(axis=1).sum()} of "
            f"{len(array)} rows, the first in row {row}, column {names[column]!r}; a metric of "
            "them would mean nothing: look at the encoder's output"
        )
    largest = np.abs(array).max(axis=0)
    for name, size in zip(names, largest, strict=True):
        if size > EXTREME or 0 < size < 1 / EXTREME:
            raise ValueError(
                f"column {name!r} of {called} reaches {size:.0e}, too far from 1 to compute with; "
                "divide it by its largest value, since no score depends on its unit"
            )
    return array


def renumbered(values: np.ndarray) -> np.ndarray:
    """The values of a factor [N] renamed 0, 1, 2, … without gaps, in their order."""
    # As Python's integers, which do not overflow.
    if values.dtype.kind not in "iu" or int(values.max()) - int(values.min()) > 4 * len(values):
        return np.unique(values, return_inverse=True)[1].reshape(-1)

    # The same without sorting.
    above = (values - values.min()).astype(np.int64)
    new_name = np.cumsum(np.bincount(above) > 0) - 1
    return new_name[above]


def _columns(table: Table, called: str, flat: bool) -> tuple[list[Any], list[np.ndarray]]:
    """The names of a table's columns, or their numbers, and the columns [N] themselves.

    flat: whether a list of N values is taken as a table with one column.
    """
    if isinstance(table, Mapping):
        names, columns = list(table), [as_array(column) for column in table.values()]
    elif hasattr(table, "columns") and hasattr(table, "iloc"):  # a data frame
        names = list(table.columns)
        columns = [as_array(table.iloc[:, place]) for place in range(len(names))]
    else:
        array = as_array(table)
        if flat and array.ndim == 1 and array.dtype.names is None:
            array = array[:, None]
        if array.ndim != 2 or not array.size:
            raise ValueError(
                f"{called} must be a table with a row for each image and at least one column; this "
                f"has the shape {list(array.shape)}"
            )
        names, columns = list(range(array.shape[1])), list(array.T)

    lengths = {column.shape for column in columns}
    if len(lengths) != 1 or len(columns[0].shape) != 1 or not len(columns[0]):
        shapes = [list(column.shape) for column in columns]
        raise ValueError(f"the columns of {called} must have one length, at least 1, not {shapes}")
    return names, columns


def as_array(table: Any) -> np.ndarray:
    """Anything that holds values as an array, wherever it lies and whatever its type."""
    if isinstance(table, Tensor):
        table = table.detach().cpu()
        table = table.to_dense() if table.is_sparse else table
        return (
            table.float() if table.is_floating_point() and table.itemsize < 4 else table
        ).numpy()
    try:
        return np.asarray(table)
    except ValueError as error:
        raise ValueError(
            "the rows of a table must have one length; these have different ones"
        ) from error


def _labels(column: np.ndarray, called: str) -> np.ndarray:
    """The labels of one factor [N] as integers, float64 or texts; ValueError for gaps."""
    if column.dtype.kind == "O":
        column = _from_objects(column, called)
    if column.dtype.kind in "Mm":  # dates and durations
        _check_gaps(np.isnat(column), called)
        return column.astype(np.int64)
    if column.dtype.kind in "US":
        texts = np.char.strip(column.astype(str))
        _check_gaps(np.isin(np.char.lower(texts), GAPS), called)
        return _with_fractions(texts, called)
    if column.dtype.kind in "biu":
        return column.astype(np.int64) if column.dtype.kind == "b" else column
    if column.dtype.kind != "f":
        raise ValueError(
            f"{called} holds {column.dtype.name} values, such as {column[:1].tolist()[0]!r}, which "
            "are neither classes nor numbers; give one integer or one name a row"
        )

    _check_gaps(np.isnan(column), called)
    if np.isinf(column).any():
        raise ValueError(
            f"{called} is infinite in {np.isinf(column).sum()} of {len(column)} rows, the first "
            f"of them row {np.flatnonzero(np.isinf(column))[0]}; leave these rows out"
        )
    values = column.astype(np.float64)
    whole = (values == np.rint(values)).all() and np.abs(values).max() < 2**53
    return values.astype(np.int64) if whole else values


def _with_fractions(texts: np.ndarray, called: str) -> np.ndarray:
    """Texts as they are; but where all are numbers and one has a fraction, these numbers."""
    try:
        values = texts.astype(np.float64)
    except ValueError:
        return texts
    return texts if (values == np.rint(values)).all() else _labels(values, called)


def _from_objects(column: np.ndarray, called: str) -> np.ndarray:
    """A column of Python objects as numbers or as texts, or a ValueError that says why not."""
    _check_gaps(np.array([_is_missing(value) for value in column]), called)

    are_numbers = [isinstance(value, Number | np.bool_) for value in column]
    if all(isinstance(value, Integral | np.bool_) for value in column):
        if all(abs(int(value)) < 2**63 for value in column):
            return column.astype(np.int64)
        ranks = {value: rank for rank, value in enumerate(sorted(set(column)))}
        return np.array([ranks[value] for value in column])
    if all(are_numbers) and not any(isinstance(value, complex) for value in column):
        return column.astype(np.float64)

    if any(are_numbers):
        is_real = [isinstance(value, Real | np.bool_) for value in column]
        odd = column[is_real.index(False)]
        beside = f" beside {column[is_real.index(True)]!r}" if any(is_real) else ""
        raise ValueError(
            f"{called} holds {odd!r}{beside}: give each row a real number, or each a name"
        )
    return _labels(np.array([str(value) for value in column]), called)


def _is_missing(value: Any) -> bool:
    """Whether an object stands for a value that is not there: None, NaN, pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, Real) and math.isnan(value)


def _check_gaps(missing: np.ndarray, called: str) -> None:
    """ValueError that says where values are missing, if any are."""
    if missing.any():
        raise ValueError(
            f"{called} has no value in {missing.sum()} of {len(missing)} rows, the first of them "
            f"row {np.flatnonzero(missing)[0]}; leave these rows out, of the codes as well"
        )
