"""What a slide shows of the lines that a cell printed."""

import re
from collections.abc import Iterable

from nbformat import NotebookNode

from helpers.tools.slides.page import PRINTED_LINES
from helpers.tools.slides.text import emphasised

# How the lines begin that are more than print, by what they are: of `verify` the equation and what
# near misses would have given, and of checks that say so.
STARTS = {
    "verified": r"\(([^)]*)\) holds",
    "near miss": r"      \S.*: ",
    "check": r".*\bagrees? with\b",
}

# How a prediction begins, and where in the lines of its options the letter and the text stand.
QUESTION = "Predict: "
LETTER_AT = len("  ")
OPTION_AT = len("  A  ")

# So many blanks set two columns of a table apart; more say nothing.
BLANKS = 2


def kind_of_line(line: str) -> str:
    """What a printed line is: one of STARTS, else a line of a "table"."""
    for name, start in STARTS.items():
        if re.match(start, line):
            return name

    return "table"


def groups(text: str) -> list[tuple[str, list[str]]]:
    """What a cell printed, cut into runs of lines of one kind.

    text: of the output.

    Returns pairs of a kind and its lines, in order.
    """
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        last = found[-1][0] if found else ""

        what = kind_of_line(line)
        if what == last:
            found[-1][1].append(line)
        else:
            found.append((what, [line]))

    return found


def equations_that_hold(notebook: NotebookNode) -> dict[str, str]:
    """What each `verify` of a notebook printed, by the tag of its equation, with plain signs."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]
    printed = [output.text for output in outputs if output.output_type == "stream"]

    # Above it stands the equation in its own signs, so that its line needs no words.
    holds = {}
    for line in "\n".join(printed).splitlines():
        found = re.match(STARTS["verified"], line)
        if found:
            said = line.replace(" holds:", "").replace("==", "=").replace("<=", "≤")
            holds[found[1]] = said

    return holds


def question_and_options(lines: list[str]) -> tuple[str, list[tuple[str, str]]]:
    """A prediction's text: its question, and the options, none of which is called right yet."""
    return lines[0].removeprefix(QUESTION), [("", line[OPTION_AT:]) for line in lines[1:]]


def answer_and_reasons(lines: list[str]) -> tuple[str, list[tuple[str, str]]]:
    """An answer: the letter of the right option, and of each "right" or "wrong" and why."""
    right = next(line[LETTER_AT] for line in lines if line[OPTION_AT:].startswith("right"))

    reasons = []
    for line in lines:
        which, reason = line[OPTION_AT:].split(": ", 1)
        reasons.append((which, reason))

    return right, reasons


def options_in_html(question: str, options: list[tuple[str, str]]) -> str:
    """A question and its options as a class sees them.

    question: plain text; may be empty.
    options: pairs of "right", "wrong" or nothing, and the text of the option.

    Returns HTML, which counts the options by letters.
    """
    items = [f'<li class="{which}">{emphasised(text)}</li>' for which, text in options]
    listed = "".join(items)

    return f'<p class="question">{emphasised(question)}</p><ol class="options">{listed}</ol>'


def fitted(lines: Iterable[str]) -> list[str]:
    """Printed lines as a slide shows them: no blank ones, squeezed, and cut if they are many."""
    shown = squeezed([line for line in lines if line.strip()])

    if len(shown) > PRINTED_LINES:
        return [*shown[: PRINTED_LINES - 1], "…"]
    return shown


def squeezed(lines: list[str]) -> list[str]:
    """Printed lines, closer together, so that they can be printed larger.

    lines: of a table, none of them blank.

    Returns them without the columns of blanks that say nothing: of more than two side by side, two
    stay.
    """
    # The lines as columns of letters, all equally high.
    stripped = [line.rstrip() for line in lines]
    width = max((len(line) for line in stripped), default=0)
    padded = [line.ljust(width) for line in stripped]
    columns = list(zip(*padded, strict=True))

    # A column goes if it is blank and so are those just before it.
    blank = ["".join(column).strip() == "" for column in columns]
    kept = []
    for number, column in enumerate(columns):
        if number < BLANKS or not all(blank[number - BLANKS : number + 1]):
            kept.append(column)

    return ["".join(row).rstrip() for row in zip(*kept, strict=True)]
