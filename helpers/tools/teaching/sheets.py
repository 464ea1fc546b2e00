"""Tables: CSV files that a spreadsheet opens, and columns on the screen."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

# A spreadsheet takes a cell that begins with one of these for a formula, and runs it.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(value: Any) -> str:
    """The text of a cell, with an apostrophe before what a spreadsheet would take for a formula.

    >>> harmless("=1+1")
    "'=1+1"
    """
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def plain(text: str) -> str:
    """The text of a cell without the apostrophe that `harmless` has put before it.

    >>> plain("'=1+1")
    '=1+1'
    """
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def write(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file, which appears whole or not at all.

    head: the names of the columns.
    rows: of each the cells, which become harmless.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([harmless(cell) for cell in row] for row in rows)

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text.getvalue(), encoding="utf-8", newline="")
    partial.replace(path)


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by the names of its columns.

    path: of a file with commas, semicolons or tabs, as spreadsheets and platforms write it.

    Raises ValueError for what is no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is no text in UTF-8: save it as CSV UTF-8") from None

    # The head says what stands between its cells.
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)

    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [{str(k).strip(): plain(v or "") for k, v in row.items() if k} for row in rows]


def columns(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table for the screen, its columns as wide as they need to be.

    What somebody else wrote cannot move the cursor or change colours.
    """
    table = [[shown(cell) for cell in row] for row in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]

    lines = []
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def shown(value: Any) -> str:
    """A text in which every sign can be printed on one line.

    >>> shown("a\\nb")
    'a?b'
    """
    return "".join(sign if sign.isprintable() else "?" for sign in str(value))
