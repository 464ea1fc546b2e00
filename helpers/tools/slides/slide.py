"""One slide: what stands on it, and how much room is left."""

import struct
from base64 import b64decode
from dataclasses import dataclass, field
from html import escape

from nbformat import NotebookNode, v4

from helpers.tools.slides.page import HEADING, ROOM, TOPIC, WIDTH
from helpers.tools.slides.text import condensed, height

# Words of a picture's description, which stands there where no sentence reads the picture.
CAPTION_WORDS = 30

# Pixels that stay free on both sides of a picture together, and the most that it is enlarged: with
# more its lines would look coarse.
PICTURE_MARGIN = 100
ENLARGED = 2.2


@dataclass
class Slide:
    """One slide: what stands on it, how much room that takes, and what only the speaker sees."""

    # The heading that it belongs to.
    topic: str

    # What stands at its top in grey: the topic again; nothing where that stands there itself.
    running: str

    # Whether it begins a section.
    first: bool = False

    # What stands on it, from top to bottom, and how many pixels that takes without a picture.
    cells: list[NotebookNode] = field(default_factory=list)
    used: float = 0

    # Paragraphs for the speaker.
    notes: list[str] = field(default_factory=list)

    # An output, drawn as large as the text beside it allows; and whether no sentence has been found
    # that reads it.
    picture: NotebookNode | None = None
    unread: bool = False

    # Nothing may be added any more: it holds a question to the class, or the answer.
    closed: bool = False

    @property
    def for_text(self) -> bool:
        """Whether text may be added to it, as far as there is room."""
        return not self.closed and self.picture is None

    @property
    def text_height(self) -> float:
        """Pixels of the text below the place of the grey line and of a heading."""
        return self.used if self.running else self.used - (HEADING - TOPIC)

    def add(self, cell: NotebookNode, pixels: float) -> None:
        """Put a cell below the others; it takes so many pixels."""
        self.cells.append(cell)
        self.used += pixels

    def add_text(self, block: str) -> None:
        """Put a block of markdown below the rest."""
        self.add(v4.new_markdown_cell(block), height(block))

    def take_in(self, other: "Slide") -> None:
        """Put all that stands on another slide below the rest."""
        self.cells += other.cells
        self.used += other.used
        self.notes += other.notes

    def fit_picture(self) -> None:
        """Make the picture as large as the text allows; if none reads it, its description does."""
        if self.picture is None:
            return

        described = self.picture.metadata["image/png"]
        if self.unread:
            caption = condensed(described["alt"], CAPTION_WORDS)
            self.add(v4.new_markdown_cell(escape(caption, quote=False)), height(caption))

        # A PNG says its width and height in bytes 16 to 23.
        header = b64decode(self.picture.data["image/png"])[16:24]
        wide, high = struct.unpack(">II", header)

        # It is drawn with more dots than the page has; ENLARGED counts from its size there.
        largest = ENLARGED * described.get("width", wide) / wide
        factor = min((WIDTH - PICTURE_MARGIN) / wide, (ROOM - self.used) / high, largest)
        described.update(width=int(wide * factor), height=int(high * factor))

    def as_cells(self) -> list[NotebookNode]:
        """Its cells in the way of Jupyter's slides: the first says its type, the last are notes."""
        # The first cell carries the type of the slide: to the right of the last one, or below it.
        cells = list(self.cells)
        if self.running:
            running = escape(self.running, quote=False)
            cells.insert(0, v4.new_markdown_cell(f'<p class="running">{running}</p>'))
        cells[0].metadata.slideshow = {"slide_type": "slide" if self.first else "subslide"}

        # Notes that stand below a slide go with it into the speaker's view.
        if self.notes:
            notes = v4.new_markdown_cell("\n\n".join(self.notes))
            notes.metadata.slideshow = {"slide_type": "notes"}
            cells.append(notes)

        return cells
