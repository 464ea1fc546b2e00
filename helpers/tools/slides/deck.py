"""Which cell of a notebook becomes which slide."""

import re
import textwrap
from collections.abc import Sequence
from html import escape

from nbformat import NotebookNode, v4

from helpers.ledger import CLAIMS
from helpers.tools.slides.page import (
    CODE_LINES,
    HEADING,
    LINE,
    PRINTED_LETTERS,
    ROOM,
    TOPIC,
    rows,
)
from helpers.tools.slides.printed import (
    QUESTION,
    answer_and_reasons,
    equations_that_hold,
    fitted,
    groups,
    options_in_html,
    question_and_options,
)
from helpers.tools.slides.slide import Slide
from helpers.tools.slides.source import bare, calls_doctor, known_names, taught
from helpers.tools.slides.text import (
    blocks,
    condensed,
    for_a_class,
    head_and_entries,
    height,
    in_rows,
    kind,
    letters,
    speaker_note,
    summary_and_answer,
)

# How the headings of sections begin that are for readers only.
READERS = re.compile(
    r"closed|exercises|symbols|from symbol|notation|the formula sheet|in the papers|"
    r"where it stands|what to read|read next|the map",
    re.IGNORECASE,
)

# What a reader needs before the notebook, and how long it takes.
BEFORE_READING = re.compile(r"\*\*(You need|Time)\b|\| you need\b")

# A lone paragraph that is higher than this starts a slide; a lower one may go on with the last.
FRESH = 3.5 * LINE

# Two neighbours of one section become one slide if one of them holds less than this.
LITTLE = 4 * LINE

# A paragraph of fewer words is kept whole before its equation, because it says what that means.
WORDS_BEFORE_EQUATION = 75

# Pixels of the notebook's title, which the template pushes down. The letters of a heading in one
# line, and the pixels of each further line.
TITLE = 190
HEADING_LETTERS = 52
HEADING_LINE = 52

# Below more text than this a picture would be too small to read: it gets a slide of its own.
TEXT_ABOVE_PICTURE = 4.8 * LINE

# Above a picture, so much text is enough to say what it shows. Where there is less, the sentences
# that follow the picture join it, until all its text is as high as the second number.
TEXT_THAT_READS = 1.6 * LINE
TEXT_WITH_PICTURE = 5.4 * LINE

# Below more text than this a question would have no room for its options.
TEXT_ABOVE_QUESTION = 4.2 * LINE

# Pixels: around code, and of a line of it, which holds so many letters; of the line that says that
# an equation holds; around print, and of a line of it.
CODE_MARGIN = 40
CODE_LINE = 33
CODE_LETTERS = 79
HOLDS = 40
PRINT_MARGIN = 30
PRINT_LINE = 34

# So many printed lines may stand under a picture, if its slide has hardly more than a heading.
LINES_UNDER_PICTURE = 2
HARDLY_MORE = 60

# Wider print wraps; up to so many letters it does not, because the template prints it smaller
# where it is tagged `wide`.
WIDE_LETTERS = 104


def for_readers(heading: str) -> bool:
    """Whether a section of this heading is for readers only, and so has no slides."""
    return READERS.match(heading) is not None


class Deck:
    """The slides of one notebook, built cell by cell.

    notebook: as nbformat reads it, with its outputs; it begins with its title.

    `slides` holds what has been built so far, and the last of them is the one that grows. A deck is
    finished once it is constructed.
    """

    def __init__(self, notebook: NotebookNode) -> None:
        """Go through the cells, let slides with little on them join, and fit the pictures in."""
        self.slides: list[Slide] = []

        # The last heading of level 1 or 2, and the last heading of any.
        self.section = ""
        self.title = ""

        # Paragraphs that wait for the block that they lead to.
        self.waiting: list[str] = []

        # The slide whose picture the next sentences read; None if there is no such picture.
        self.reading: Slide | None = None

        # What helpers/ knows, and what was verified.
        self.names = known_names()
        self.holds = equations_that_hold(notebook)

        for cell in notebook.cells:
            self.cell(cell)

        self.join_little()
        for slide in self.slides:
            slide.fit_picture()

    @property
    def last(self) -> Slide:
        """The slide that grows."""
        return self.slides[-1]

    def cell(self, cell: NotebookNode) -> None:
        """Put a cell of the notebook where it belongs; Jupyter's slide types win over the rules."""
        asked = cell.metadata.get("slideshow", {}).get("slide_type", "-")
        if asked == "skip":
            return

        # What an author calls notes is only for the speaker, of whatever kind it is.
        if asked == "notes":
            self.last.notes.append(cell.source)
        elif cell.cell_type == "markdown":
            self.markdown(cell.source, fresh=asked in ("slide", "subslide"))
        elif cell.cell_type == "code":
            self.code(cell)

    # Slides

    def start(self, slide: Slide) -> Slide:
        """Go on with a new slide."""
        self.slides.append(slide)
        return slide

    def start_another(self) -> Slide:
        """Go on with a new slide below the same heading, which stands at its top in grey."""
        return self.start(Slide(self.title, running=self.title))

    def start_with_heading(self, level: int) -> Slide:
        """Go on with a new slide that begins with the last heading, of this level."""
        slide = self.start(Slide(self.title, running="", first=level <= 2))
        slide.add_text("#" * level + " " + self.title)

        # A heading stands where other slides have their grey line, and may need more than one line.
        pixels = HEADING if level > 1 else TITLE
        slide.used = pixels - TOPIC + HEADING_LINE * (letters(self.title) // HEADING_LETTERS)

        return slide

    def with_room(self, pixels: float) -> Slide:
        """A slide for so many pixels of text: the last one if it has the room, else a new one."""
        full = bool(self.last.cells) and self.last.used + pixels > ROOM
        if full or not self.last.for_text:
            return self.start_another()

        return self.last

    def join_little(self) -> None:
        """Let a slide with little on it go with its neighbour of the same section."""
        kept: list[Slide] = []
        for slide in self.slides:
            # It was started for something that went to a slide of its own.
            if not slide.cells:
                continue

            if kept and self.may_join(kept[-1], slide):
                kept[-1].take_in(slide)
            else:
                kept.append(slide)

        self.slides = kept

    def may_join(self, slide: Slide, following: Slide) -> bool:
        """Whether two neighbours may be one slide: text of one topic, and one holds little."""
        one_topic = following.running == slide.topic
        only_text = slide.for_text and following.for_text
        fits = slide.used + following.used <= ROOM

        return one_topic and only_text and fits and min(slide.used, following.used) < LITTLE

    # Text

    def markdown(self, source: str, fresh: bool) -> None:
        """Put the blocks of a markdown cell on slides.

        source: of the cell.
        fresh: whether its author asks for a new slide.
        """
        queue = blocks(for_a_class(source))

        # A sentence of an earlier cell has read the picture already.
        if self.reading is not None and not self.reading.unread:
            self.reading = None
        if not queue:
            return

        wanted = fresh or self.is_better_alone(queue)
        if wanted and not for_readers(self.section):
            self.start_another()

        for block, after in zip(queue, [*queue[1:], ""], strict=True):
            self.block(block, after)
        self.place_waiting()

        self.note_section(source)

    def is_better_alone(self, queue: list[str]) -> bool:
        """Whether the blocks of a cell start a slide: they are many, or high, and free to go."""
        if kind(queue[0]) == "heading" or self.reading is not None:
            return False

        # There is an empty slide for them, or there will be with the first heading.
        if not self.slides or not self.last.cells:
            return False

        return len(queue) > 1 or height(queue[0]) > FRESH

    def note_section(self, source: str) -> None:
        """Give what a cell tells the speaker to the first slide of its section."""
        note = speaker_note(source)
        if note is None or not self.slides:
            return

        first = next(slide for slide in reversed(self.slides) if slide.first)
        first.notes.insert(0, note.in_words())
        if note.minutes == 0:
            first.cells[0].source += '\n\n<p class="home">to read at home</p>'

    def block(self, block: str, after: str) -> None:
        """Put a block of a markdown cell on a slide.

        block: of any kind.
        after: the block that follows it in its cell; empty if none does.
        """
        what = kind(block)
        if what == "heading":
            self.place_waiting()
            self.heading(block)
        elif for_readers(self.section) or BEFORE_READING.match(block):
            return
        elif what == "prose":
            self.prose(block, after)
        elif what == "answer":
            self.place_waiting()
            self.answer(block)
        else:
            # All that waits leads to this block.
            before = self.waiting
            self.waiting = []
            self.place(block, before)

    def heading(self, block: str) -> None:
        """Start a slide with a heading; what is for readers starts none."""
        level = len(block.split(" ")[0])
        self.title = block.lstrip("# ")
        if level <= 2:
            self.section = self.title
        self.reading = None

        if not for_readers(self.section):
            self.start_with_heading(level)

    def answer(self, block: str) -> None:
        """Put an answer on a slide of its own, below the question that hides it."""
        question, answer = summary_and_answer(block)
        self.start(Slide(question, running=question))

        for part in blocks(answer):
            self.place(part)

    def prose(self, block: str, after: str) -> None:
        """Shorten a paragraph, and put it beside its picture, before its block, or below the rest.

        block: the paragraph.
        after: the block that follows it; empty if none does.
        """
        # A remark in brackets; "(1.2) says …" and "(a) …" are none.
        if re.match(r"\((?!\d\.|\w\))", block) and block.endswith(")"):
            self.last.notes.append(block)
            return

        follows = kind(after)
        leads = follows in ("equation", "list", "table")
        is_whole = follows == "equation" and len(block.split()) < WORDS_BEFORE_EQUATION
        short = block if is_whole else condensed(block)
        if not short:
            self.last.notes.append(block)
            return

        # It goes to the picture that it reads if it leads nowhere else and there is room.
        reader = self.reading
        if reader is not None and (leads or reader.used + height(short) > TEXT_WITH_PICTURE):
            reader = None

        # What was cut goes to the speaker whole.
        if short != block:
            slide = self.last if reader is None else reader
            slide.notes.append(block)

        if reader is not None:
            reader.unread = False
            reader.add_text(short)
            return

        self.waiting.append(short)
        if not leads:
            self.place_waiting()

    def place_waiting(self) -> None:
        """Put paragraphs on slides for which no block came to which they lead."""
        for paragraph in self.waiting:
            self.place(paragraph)

        self.waiting = []

    def place(self, block: str, before: Sequence[str] = ()) -> None:
        """Put a block on the last slide or on a new one.

        block: of any kind but a heading or an answer.
        before: the paragraphs that lead to it, and stay with it if there is room.
        """
        self.reading = None
        if kind(block) == "equation":
            block = in_rows(block)

        # An equation that was verified says so, in a line of its own.
        tags = [tag for tag in re.findall(r"\\tag\{([^}]*)\}", block) if tag in self.holds]
        need = height(block) + HOLDS * len(tags)
        lead = sum(height(paragraph) for paragraph in before)

        # A list or a table that is too long for one slide takes two, which share a table's head.
        head, entries = head_and_entries(block)
        if need + lead > ROOM and len(entries) > 1:
            half = len(entries) // 2
            self.place("\n".join([*head, *entries[:half]]), before)
            self.place("\n".join([*head, *entries[half:]]))
            return

        # The paragraphs keep the block company; if they cannot, it has the next slide to itself.
        self.with_room(need + lead if need + lead <= ROOM else need)
        for paragraph in before:
            self.last.add_text(paragraph)
        if before and self.last.used + need > ROOM and len(self.last.cells) > 1:
            self.start_another()

        self.last.add_text(block)
        for tag in tags:
            holds = f'<p class="holds">✓ {escape(self.holds[tag])}</p>'
            self.last.add(v4.new_markdown_cell(holds), HOLDS)

    # Code and what it printed and drew

    def code(self, cell: NotebookNode) -> None:
        """Show of a code cell what it teaches, what it printed and what it drew."""
        if for_readers(self.section) or calls_doctor(cell.source):
            return

        # An author who tags a cell shows all that it computes; else only what the package has too.
        tags = cell.metadata.get("tags", [])
        if "show-code" in tags:
            self.show_code(bare(cell.source))
        else:
            self.show_code(taught(cell.source, self.names))

        for output in cell.outputs:
            if output.output_type == "stream":
                if "hide-output" not in tags:
                    self.printed(output.text)
            elif "image/png" in output.get("data", {}):
                self.figure(output)
            elif "text/html" in output.get("data", {}):
                self.shown(output.data["text/html"], output.data["text/plain"].splitlines())

    def shown(self, html: str, lines: list[str]) -> None:
        """Put a table, a question or an answer on a slide, by its plain text."""
        if html.startswith("<table>"):
            self.html_table(lines)
        elif lines[0].startswith(QUESTION):
            self.ask(*question_and_options(lines))
        elif html.startswith("<details"):
            self.give_reasons(*answer_and_reasons(lines[1:]))

    def show_code(self, source: str) -> None:
        """Put code on a slide, unless there is none or too much to be read in class."""
        lines = source.splitlines()
        if not lines or len(lines) > CODE_LINES:
            return

        wrapped = sum(max(1, rows(len(line), CODE_LETTERS)) for line in lines)
        pixels = CODE_MARGIN + CODE_LINE * wrapped
        self.with_room(pixels).add(v4.new_code_cell(source), pixels)
        self.reading = None

    def figure(self, output: NotebookNode) -> None:
        """Put a picture below a little text, or on a slide of its own."""
        slide = self.last
        if not slide.for_text or slide.text_height > TEXT_ABOVE_PICTURE:
            slide = self.start_another()

        slide.picture = output
        slide.unread = slide.text_height < TEXT_THAT_READS
        slide.add(v4.new_code_cell("", outputs=[output]), 0)

        self.reading = slide if slide.unread else None

    def printed(self, text: str) -> None:
        """Put what a cell printed where it belongs; what was verified stands at its equation."""
        for what, lines in groups(text):
            if what == "check":
                self.last.notes.append("\n".join(f"- {line}" for line in lines))
            elif what == "table":
                self.table(lines)

    def html_table(self, lines: list[str]) -> None:
        """Put a table on a slide, by its plain text; claims are for the speaker alone.

        So is a table whose rows or whose caption are too long for a slide.
        """
        caption = textwrap.wrap(lines[0], PRINTED_LETTERS)
        too_large = max(map(len, lines[1:])) > PRINTED_LETTERS or len(caption) > 2
        if lines[0] == CLAIMS or too_large:
            self.last.notes.append("\n".join(f"- {line}" for line in lines[2:]))
        else:
            self.table([*caption, *lines[1:]])

    def ask(self, question: str, options: list[tuple[str, str]]) -> None:
        """Put a question below its section's heading if little else stands there, else alone."""
        slide = self.last
        beginning = slide.first and slide.for_text
        if not beginning or slide.used > TEXT_ABOVE_QUESTION:
            slide = self.start(Slide("Predict", running="Predict"))

        slide.add(v4.new_markdown_cell(options_in_html(question, options)), 0)
        slide.closed = True
        self.reading = None

    def give_reasons(self, right: str, reasons: list[tuple[str, str]]) -> None:
        """Put the answer to a question on a slide of its own: why each option is right or wrong."""
        heading = f"The answer: {right}"
        slide = self.start(Slide(heading, running=heading))

        slide.add(v4.new_markdown_cell(options_in_html("", reasons)), 0)
        slide.closed = True

    def table(self, lines: list[str]) -> None:
        """Put printed lines on a slide, as they were printed."""
        lines = fitted(lines)
        if not lines:
            return

        longest = max(len(line) for line in lines)
        wrapped = sum(rows(len(line), PRINTED_LETTERS) for line in lines)
        pixels = PRINT_MARGIN + PRINT_LINE * wrapped

        # One or two numbers may stand under a picture, which is read all the same.
        slide = self.last
        few = wrapped <= LINES_UNDER_PICTURE and slide.used < HARDLY_MORE
        if not few or slide is not self.reading:
            slide = self.with_room(pixels)
            self.reading = None

        output = v4.new_output("stream", name="stdout", text="\n".join(lines))
        slide.add(v4.new_code_cell("", outputs=[output]), pixels)
        if len(lines) > 1 and PRINTED_LETTERS < longest <= WIDE_LETTERS:
            slide.cells[-1].metadata.tags = ["wide"]


def notebook_of_slides(notebook: NotebookNode) -> NotebookNode:
    """A notebook as a deck.

    notebook: as nbformat reads it, with its outputs; it begins with its title. The sizes of its
    pictures are written into it.

    Returns another notebook, whose cells are slides in Jupyter's way and whose metadata are those
    of the first.
    """
    cells = []
    for slide in Deck(notebook).slides:
        cells += slide.as_cells()

    return v4.new_notebook(cells=cells, metadata=notebook.metadata)
