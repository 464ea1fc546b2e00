"""How the prose of a notebook is cut into blocks, shortened, and measured in pixels."""

import re
from dataclasses import dataclass
from html import escape

from nbformat import NotebookNode

from helpers.tools.slides.page import DRAWING, HEADING, LETTERS, LINE, rows

# A paragraph is kept whole up to so many words; a longer one keeps its first sentences.
PARAGRAPH_WORDS = 48

# A paragraph that is longer than that by less than this factor stays: a cut would save no line.
WORTH_A_CUT = 1.45

# A displayed equation: pixels around it and of a row. Braces with words below are half a row more,
# and the limits of a sum a sixth.
EQUATION_MARGIN = 34
EQUATION_ROW = 62
BRACES_A_ROW = 2
SUMS_A_ROW = 6

# Letters from which an equation that consists of several is too wide for one row.
WIDE_EQUATION = 72

# A table: letters of its smaller type in a row, letters that no column falls short of, pixels
# below it, between two rows, and of a line in a cell.
TABLE_LETTERS = 92
COLUMN_LETTERS = 12
TABLE_MARGIN = 20
ROW_MARGIN = 16
TABLE_LINE = 34

# Pixels below a paragraph or list, and between two items.
TEXT_MARGIN = 16
ITEM_MARGIN = 8

BLOCK = re.compile(
    r"<details>.*?</details>"  # an answer
    r"|```.*?```"  # a fence
    r"|\$\$.*?\$\$[.,;]?"  # an equation
    r"|(?:(?!\n\s*\n|\$\$|<details>|```).)+",  # what stands before the next of them or a blank line
    re.DOTALL,
)
ITEM = r"[-*] |\d+\. "
STARTS = {
    "$$": "equation",
    "#": "heading",
    "<details>": "answer",
    "```": "code",
    "|": "table",
    "![": "drawing",
}

NOTE = re.compile(r"<!-- notes: (\d+) minutes?\b(.*?)-->", re.DOTALL)


# What only the speaker reads


@dataclass(frozen=True)
class SpeakerNote:
    """What a section tells the speaker: <!-- notes: 6 minutes. Ask: … -->."""

    # That the section takes in class; 0: it is to be read at home.
    minutes: int

    # All that follows the minutes, its full stop included.
    text: str

    def in_words(self) -> str:
        """The note as the speaker's view shows it: how long the section takes, then the text."""
        when = f"{self.minutes} minutes" if self.minutes else "At home"
        return f"**{when}**{self.text.rstrip()}"


def speaker_note(source: str) -> SpeakerNote | None:
    """The note in a markdown cell; None if there is none."""
    found = NOTE.search(source)
    return SpeakerNote(int(found[1]), found[2]) if found else None


def section_notes(notebook: NotebookNode) -> list[tuple[str, SpeakerNote | None]]:
    """The sections of a notebook with what each tells the speaker.

    notebook: as nbformat reads it.

    Returns a pair for each heading of level 1 or 2, in order: the heading, and its section's note
    or None.
    """
    sections: list[tuple[str, SpeakerNote | None]] = []
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue

        for heading in re.findall(r"^##? (.*)$", cell.source, re.MULTILINE):
            sections.append((heading, None))

        # A note belongs to the last heading above it, in its own cell or before.
        note = speaker_note(cell.source)
        if note:
            heading, _ = sections.pop()
            sections.append((heading, note))

    return sections


# Cutting


def for_a_class(source: str) -> str:
    """A markdown cell as a class sees it.

    source: of the cell.

    Returns it without comments and without the minutes that a section asks of its reader; links to
    other notebooks go to their decks, and links within the notebook are plain words.
    """
    source = re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL)
    source = re.sub(r"^\*(core|second reading) · \d+ minutes?\*\s*", "", source, flags=re.MULTILINE)
    source = re.sub(r"\]\((\w+)\.ipynb\)", r"](\1.slides.html)", source)

    return re.sub(r"\[([^\]]*)\]\(#[^)]*\)", r"\1", source)


def blocks(source: str) -> list[str]:
    """The blocks of a markdown cell, in order.

    source: of the cell.

    Returns its paragraphs, lists, tables, displayed equations, fences and answers, none of them
    empty.
    """
    found = [block.strip() for block in BLOCK.findall(source)]
    return [block for block in found if block]


def kind(block: str) -> str:
    """What a block is: "equation", "heading", "answer", "table" and so on, or "prose"."""
    for start, name in STARTS.items():
        if block.startswith(start):
            return name

    return "list" if re.match(ITEM, block) else "prose"


def items(block: str) -> list[str]:
    """The items of a list, each with its mark."""
    return re.split(rf"\n(?={ITEM})", block)


def head_and_entries(block: str) -> tuple[list[str], list[str]]:
    """What a block can be parted at: the head of a table and its rows, or the items of a list."""
    if kind(block) == "table" and block.startswith("|"):
        lines = block.splitlines()
        return lines[:2], lines[2:]
    return [], items(block) if kind(block) == "list" else []


def summary_and_answer(block: str) -> tuple[str, str]:
    """A block that hides an answer, in two: the question or word above it, and the answer."""
    inside = re.match(r"<details><summary>(.*?)</summary>(.*?)</details>", block, re.DOTALL)
    if inside is None:
        raise ValueError(f"an answer begins with its summary: {block[:60]!r}")

    return inside[1].strip(), inside[2]


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph; what leads to a new sentence by a colon counts as one."""
    return re.split(r"(?<=[.!?:])\s+(?=[A-Z“*])", text)


def condensed(text: str, words: int = PARAGRAPH_WORDS) -> str:
    """A paragraph, short enough for a slide.

    text: of the paragraph.
    words: that it may have, roughly.

    Returns its first sentences, its bold ones, and its last one if that leads to what follows, with
    dots for what was left out. Sentences about cells are for who reads the notebook, and go: of a
    paragraph that has no other, nothing is left.
    """
    parts = [part for part in sentences(text) if not re.search(r"\bcells?\b", part)]
    text = " ".join(parts)
    if len(text.split()) <= WORTH_A_CUT * words or len(parts) < 2:
        return text

    kept = _kept(parts, words)

    # A row of sentences that are left out gives one ellipsis.
    pieces = []
    for number, part in enumerate(parts):
        if number in kept:
            pieces.append(part)
        elif number - 1 in kept:
            pieces.append("…")

    return " ".join(pieces)


def _kept(parts: list[str], words: int) -> set[int]:
    """Which sentences of a paragraph stay, by their numbers; the first one always does."""
    # Bold words are what the author would underline, and a colon leads to the next block.
    kept = set()
    so_far = 0
    for number, part in enumerate(parts):
        count = len(part.split())
        fits = number == 0 or so_far + count <= words
        leads = number == len(parts) - 1 and part.endswith(":")
        if fits or leads or "**" in part:
            kept.add(number)
        so_far += count

    return kept


def in_rows(equation: str) -> str:
    """An equation, broken where it is too wide and consists of several.

    equation: a block of this kind, with its dollars.

    Returns it with one row for each of those that a wide space (\\qquad) parts; or as it was, if it
    is narrow, has no such space, or has an environment of its own.
    """
    inside = equation.strip("$.,; \n")
    if "\\qquad" not in inside or letters(inside) < WIDE_EQUATION or "\\begin" in inside:
        return equation

    # The tag belongs to all rows together.
    found = re.search(r"\s*\\tag\{[^}]*\}", inside)
    tag = found[0] if found else ""
    inside = inside.replace(tag, "")

    # After a colon the space parts a name from its equation.
    broken = re.sub(r"(?<!:)\s*\\qquad\s*", r" \\\\[6pt] ", inside)

    return f"$$\\begin{{gathered}}{broken}\\end{{gathered}}{tag}$$"


def emphasised(text: str) -> str:
    """Plain text as HTML, with *one word* between stars emphasised."""
    return re.sub(r"\*(\w+)\*", r"<em>\1</em>", escape(text))


# Measuring


def letters(text: str) -> int:
    """How many letters wide a text is when it is typeset, roughly.

    text: markdown, with LaTeX in it or not.

    Returns the number of its letters, where a link counts without its address, and a command of
    LaTeX as one letter.
    """
    text = re.sub(r"\]\([^)]*\)|<[^>]*>", "", text)
    text = re.sub(r"\\[a-zA-Z]{3,}", "x", text)
    text = re.sub(r"\\[,;!]|[{}$*`\\^_]", "", text)

    return len(text)


def height(block: str) -> float:
    """How many pixels a block takes from top to bottom, roughly."""
    what = kind(block)
    if what == "heading":
        return HEADING
    if what == "equation":
        return _equation_height(block)
    if what == "table":
        return _table_height(block)
    if what == "drawing":
        return DRAWING

    return _text_height(items(block) if what == "list" else [block])


def _equation_height(block: str) -> float:
    """Pixels of a displayed equation: of its rows, and of what hangs below and above them."""
    braces = block.count("\\underbrace") / BRACES_A_ROW
    sums = block.count("\\sum") / SUMS_A_ROW

    return EQUATION_MARGIN + EQUATION_ROW * (1 + block.count(r"\\") + braces + sums)


def _table_height(block: str) -> float:
    """Pixels of a table: a row is as high as that of its cells which wraps most."""
    lines = [line for line in block.splitlines() if not set(line) <= set("|-: ")]
    table = [[letters(cell) for cell in line.strip("|").split("|")] for line in lines]

    # A column gets the width that its longest cell asks for, or its share where all ask too much.
    # (A row that lacks cells, as HTML allows, ends the columns.)
    widths = [max(column) for column in zip(*table, strict=False)]
    squeeze = min(1, TABLE_LETTERS / sum(widths))
    columns = [max(COLUMN_LETTERS, width * squeeze) for width in widths]

    total: float = TABLE_MARGIN
    for row in table:
        wraps = max(rows(cell, column) for cell, column in zip(row, columns, strict=False))
        total += ROW_MARGIN + TABLE_LINE * wraps

    return total


def _text_height(parts: list[str]) -> float:
    """Pixels of a paragraph, or of the items of a list."""
    lines = sum(rows(letters(part), LETTERS) for part in parts)

    return TEXT_MARGIN + LINE * lines + ITEM_MARGIN * (len(parts) - 1)
