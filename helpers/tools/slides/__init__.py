"""Every notebook as a deck of slides that needs no network: `make slides`.

The notebook stays the only source. A `Deck` turns it into a notebook of slides by the rules below,
nbconvert's own SlidesExporter turns that into reveal.js, and `slides.html.j2` says how a slide
looks. The rules:

- A heading starts a slide: H2 goes to the right, everything else down. An equation stays with the
  sentence that leads to it, and gets a tick where its `verify` held. A figure has a slide with the
  sentence that reads it.
- A long paragraph is cut to its first sentences and its bold ones; all of it goes to the speaker's
  notes, and so do remarks in brackets and claims. Answers stand on a slide of their own.
- Code is shown where it defines something that helpers/ has under the same name, and where its cell
  is tagged `show-code`. The rest keeps its outputs, unless it is tagged `hide-output`. What is for
  readers only (`for_readers`) is left out.
- A section ends its heading's cell with <!-- notes: 6 minutes. Ask: … -->, which becomes the
  speaker's notes. With 0 minutes it is to be read at home and marked so.
- Jupyter's slide types skip, slide, subslide and notes win over these rules.

`python -m helpers.tools.slides [names]` writes the decks of the notebooks with one of these names
in theirs, or of all.
"""

from helpers.tools.slides.deck import Deck, for_readers, notebook_of_slides
from helpers.tools.slides.export import BuiltDeck, build, copy_libraries, html, installed
from helpers.tools.slides.page import CODE_LINES, HEIGHT, PRINTED_LINES, WIDTH
from helpers.tools.slides.slide import Slide
from helpers.tools.slides.text import SpeakerNote, section_notes

__all__ = [
    "CODE_LINES",
    "HEIGHT",
    "PRINTED_LINES",
    "WIDTH",
    "BuiltDeck",
    "Deck",
    "Slide",
    "SpeakerNote",
    "build",
    "copy_libraries",
    "for_readers",
    "html",
    "installed",
    "notebook_of_slides",
    "section_notes",
]
