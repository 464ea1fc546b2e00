"""From a notebook's file to a deck that needs no network: the page, and the libraries beside it."""

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbconvert import SlidesExporter

from helpers.tools.slides.deck import notebook_of_slides
from helpers.tools.slides.page import HEIGHT, WIDTH
from helpers.tools.slides.text import section_notes

TEMPLATE = Path(__file__).resolve().parent / "slides.html.j2"
ROOT = Path(__file__).resolve().parents[3]
NOTEBOOKS = ROOT / "notebooks"

# What a deck names of reveal.js, and what that names in turn.
REVEAL = (
    "dist/reveal.css",
    "dist/reveal.js",
    "dist/theme/white.css",
    "dist/theme/fonts/source-sans-pro",
    "plugin/notes/notes.js",
    "LICENSE",
)


class BuiltDeck(NamedTuple):
    """A deck that was written."""

    # The page.
    file: Path

    # How many slides it has, and how many minutes of class its speaker's notes ask for.
    slides: int
    minutes: int


def html(path: Path) -> str:
    """The deck of a notebook as one page.

    path: of the notebook, which begins with its title.

    Returns HTML that looks for reveal.js and MathJax in the folders of these names beside it.
    """
    # The template says how a slide looks; this, how reveal.js turns the pages.
    exporter = SlidesExporter(
        raw_template=TEMPLATE.read_text(encoding="utf-8"),
        reveal_url_prefix="reveal.js",
        reveal_theme="white",
        reveal_transition="none",
        reveal_number="c/t",
        reveal_width=str(WIDTH),
        reveal_height=str(HEIGHT),
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        embed_images=True,
    )
    exporter.config.CSSHTMLHeaderPreprocessor.style = "default"

    # The page is called after the notebook's title.
    notebook = nbformat.read(path, as_version=4)
    title = re.search(r"^# (.*)", notebook.cells[0].source)
    if title is None:
        raise ValueError(f"{path.name} does not begin with its title, `# …`")

    page, _ = exporter.from_notebook_node(
        notebook_of_slides(notebook),
        resources={"metadata": {"name": title[1], "path": str(path.parent)}},
    )
    return page


def installed(name: str) -> Path | None:
    """The folder of an installed package; None if there is none of this name."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None

    return Path(spec.submodule_search_locations[0])


def copy_libraries(folder: Path) -> None:
    """Copy reveal.js and MathJax into a folder, as two packages of PyPI carry them.

    folder: of the decks.

    Ends the program if one of the packages is missing.
    """
    sphinx_revealjs = installed("sphinx_revealjs")
    mathjax = installed("mathjax")
    if sphinx_revealjs is None or mathjax is None:
        sys.exit(
            "reveal.js and MathJax are missing: "
            "install this package with its extra `slides`, as `make slides` does"
        )

    # Of reveal.js the parts that a deck names.
    for part in REVEAL:
        source = sphinx_revealjs / "_static" / "revealjs" / part
        target = folder / "reveal.js" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            # Of a font's forms the one that every browser takes.
            other_forms = shutil.ignore_patterns("*.eot", "*.ttf")
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=other_forms)
        else:
            shutil.copy(source, target)

    # Of MathJax the one file that holds all of it, letters included.
    (folder / "mathjax").mkdir(exist_ok=True)
    shutil.copy(
        mathjax / "static" / "mathjax" / "es5" / "tex-svg-full.js",
        folder / "mathjax",
    )


def build(folder: Path, names: Sequence[str] = ()) -> Iterator[BuiltDeck]:
    """Write decks, and what they need, into a folder.

    folder: is made if there is none.
    names: parts of the notebooks' names; none for all notebooks.

    Yields each deck when it is written, in the notebooks' order.
    """
    folder.mkdir(exist_ok=True)
    copy_libraries(folder)

    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if names and not any(name in path.stem for name in names):
            continue

        page = html(path)
        file = folder / f"{path.stem}.slides.html"
        file.write_text(page, encoding="utf-8")

        # A section that holds others is a column of slides and none itself.
        slides = re.findall(r"</section>(?!\s*</section>)", page)
        notes = [note for _, note in section_notes(nbformat.read(path, as_version=4))]

        yield BuiltDeck(file, len(slides), sum(note.minutes for note in notes if note))
