"""From talks to pages that need no network, with the libraries beside them, and to paper."""

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader

from helpers.tools.alive import models
from helpers.tools.talks.deck import Talk, formulas, read

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TALKS = ROOT / "notebooks" / "talks"
FORMULAS = ROOT / "notebooks" / "FORMULAS.md"

# Pixels of a projector; reveal.js scales a slide to any other.
WIDTH, HEIGHT = 1280, 720

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

    file: Path  # the page
    talk: Talk


def talks() -> list[Path]:
    """The files of all talks, in their order: the lectures, and the single one."""
    return sorted(path for path in TALKS.glob("*.md") if path.stem.islower())


def build(
    folder: Path, static: str = "_static", known: Mapping[str, str] | None = None
) -> list[BuiltDeck]:
    """Write the decks and the sheet of formulas, and what they need, into a folder.

    folder: is made if there is none.
    static: the folder, seen from `folder`, of what decks share with each other and with the site.
    known: pictures that are in it already: how one is written in base 64 -> its file there.

    Returns the decks. Raises ValueError for a talk that cannot be read, and ends the program if
    reveal.js or MathJax is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _copy_libraries(folder)
    shutil.copy(HERE / "talk.css", folder)
    shared = folder / static
    shutil.copytree(HERE.parent / "alive" / "static", shared, dirs_exist_ok=True)
    templates = Environment(loader=FileSystemLoader(HERE))
    sheet = templates.get_template("sheet.html.j2").render(body=formulas(FORMULAS))
    (folder / "formulas.html").write_text(sheet, encoding="utf-8")

    decks = []
    page = templates.get_template("talk.html.j2")
    for path in talks():
        talk = read(path, static, known)
        for name, content in talk.files.items():
            (shared / name).parent.mkdir(parents=True, exist_ok=True)
            (shared / name).write_bytes(content)
        for name in talk.models:
            (shared / "models").mkdir(exist_ok=True)
            script = models.script(name)
            (shared / "models" / f"{name}.js").write_text(script, encoding="utf-8")

        file = folder / f"{path.stem}.html"
        root = static.removesuffix("_static") or "./"
        html = page.render(talk=talk, static=static, root=root, width=WIDTH, height=HEIGHT)
        file.write_text(html, encoding="utf-8")
        decks.append(BuiltDeck(file, talk))
    return decks


def print_pdf(pages: Sequence[Path]) -> Iterator[Path]:
    """Print decks, a page a slide, and the sheet, with a Chromium that is installed.

    pages: of `build`. Yields each PDF, which lies beside its page, when it is written.
    Ends the program if there is no Chromium, or no Playwright.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    browser_path = next(filter(None, map(shutil.which, names)), None)
    if browser_path is None or installed("playwright") is None:
        sys.exit(
            f"printing needs the package playwright and one of {', '.join(names)}: install it, or "
            "open a deck in any browser with ?print-pdf behind .html, and print it there without "
            "margins and with background graphics"
        )
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Without a sandbox, since as root Chromium has none.
        browser = playwright.chromium.launch(executable_path=browser_path, chromium_sandbox=False)
        for file in pages:
            page = browser.new_page()
            page.goto(f"{file.resolve().as_uri()}?print-pdf")
            page.wait_for_function("window.isLaidOut", timeout=120_000)
            page.evaluate("""Promise.all([...document.images].map(picture => {
                picture.loading = "eager";
                return picture.decode();
            }))""")
            target = file.with_suffix(".pdf")
            page.pdf(path=target, prefer_css_page_size=True, print_background=True)
            page.close()
            yield target
        browser.close()


def installed(name: str) -> Path | None:
    """The folder of an installed package; None if there is none of this name."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _copy_libraries(folder: Path) -> None:
    """Copy reveal.js and MathJax into a folder, as two packages of PyPI carry them."""
    sphinx_revealjs = installed("sphinx_revealjs")
    mathjax = installed("mathjax")
    if sphinx_revealjs is None or mathjax is None:
        sys.exit(
            "reveal.js and MathJax are missing: "
            "install this package with its extra `slides`, as `make slides` does"
        )

    # Of reveal.js the parts that a deck names; of a font's forms the one that every browser takes.
    for part in REVEAL:
        source = sphinx_revealjs / "_static" / "revealjs" / part
        target = folder / "reveal.js" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            other_forms = shutil.ignore_patterns("*.eot", "*.ttf")
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=other_forms)
        else:
            shutil.copy(source, target)

    # Of MathJax the one file that holds all of it, letters included.
    (folder / "mathjax").mkdir(exist_ok=True)
    shutil.copy(mathjax / "static" / "mathjax" / "es5" / "tex-svg-full.js", folder / "mathjax")
