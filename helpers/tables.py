"""A table that is one: HTML with a caption for those who see it, aligned text for everyone else."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from IPython.display import display

Cell = str | float
MINUS = "\N{MINUS SIGN}"


def table(
    rows: Mapping[str, Sequence[Cell]], columns: Sequence[str], caption: str, digits: int = 2
) -> None:
    """Show a table below the cell.

    rows: from a row's label to its values, one a column: numbers, or texts as they are.
    columns: the heads of the columns, without that of the labels.
    caption: a sentence that says what is in the table; it stands above.
    digits: behind the point, of every number that is not whole.
    Raises ValueError for a row of another length, and for an empty caption.
    """
    if not caption.strip():
        raise ValueError("table(rows, columns, caption) needs a sentence that says what is in it")
    cells = {}
    for label, values in rows.items():
        if len(values) != len(columns):
            raise ValueError(
                f"the row {label!r} has {len(values)} values for {len(columns)} columns"
            )
        cells[label] = [_text(value, digits) for value in values]

    html, plain = _html(cells, columns, caption), _plain(cells, columns, caption)
    display({"text/html": html, "text/plain": plain}, raw=True)


def _text(value: Cell, digits: int) -> str:
    """A value as it is shown: texts as they are, whole numbers whole, a real minus sign."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | np.integer):
        return f"{value:,}".replace("-", MINUS)

    positive_zero = round(float(value), digits) + 0.0  # -0.0 + 0.0 is 0.0
    return f"{positive_zero:,.{digits}f}".replace("-", MINUS)


def _html(cells: Mapping[str, Sequence[str]], columns: Sequence[str], caption: str) -> str:
    """The table as HTML, its numbers to the right, its colours left to the page."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in ("", *columns))
    body = []
    for label, values in cells.items():
        row = "".join(f"<td>{escape(value)}</td>" for value in values)
        body.append(f'<tr><th scope="row">{escape(label)}</th>{row}</tr>')

    return (
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


def _plain(cells: Mapping[str, Sequence[str]], columns: Sequence[str], caption: str) -> str:
    """The table as text, its columns as wide as they must be."""
    rows = [["", *columns], *([label, *values] for label, values in cells.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    lines = []
    for label, *values in rows:
        right = [value.rjust(width) for value, width in zip(values, widths[1:], strict=True)]
        lines.append("  ".join([label.ljust(widths[0]), *right]).rstrip())
    return "\n".join([caption, *lines])
