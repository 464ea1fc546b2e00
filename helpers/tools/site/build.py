"""Sphinx makes the pages; here is what it gets, and what is put beside them."""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from sphinx.application import Sphinx

from helpers.tools.alive import models
from helpers.tools.site import pages
from helpers.tools.site.landing import landing, models_page
from helpers.tools.talks import build as build_talks

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
TITLE = "Disentangling variational autoencoders"
TEXTS = ("GUIDE.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/CARDS.md", "data/README.md")

NOT_FOUND = ("CHANGELOG.md", "CONTRIBUTING.md")  # by the search, which would name them first

# What MyST would take for its own, and the notebooks mean as they write it.
NOT_MYST = ["myst_line_comment", "myst_block_break", "myst_role", "myst_target", "colon_fence"]


def build(folder: Path, repository: str = "") -> None:
    """Write the site into a folder.

    folder: what was in it is replaced.
    repository: the address of this repository on GitHub, for the links that open a notebook in
      Binder or Colab; without it there are none.

    Raises ValueError for a notebook that cannot be shown, such as one with an unrecorded widget.
    """
    with tempfile.TemporaryDirectory() as work:
        source = Path(work) / "source"
        static = source / "_static"
        for part in (HERE, HERE.parent / "alive"):
            shutil.copytree(part / "static", static, dirs_exist_ok=True)
        (static / "models").mkdir()
        for name in models.MODELS:
            (static / "models" / f"{name}.js").write_text(models.script(name), encoding="utf-8")

        (static / "apple.png").write_bytes(models.apple())
        pictures = write_sources(source, repository)
        html = Path(work) / "html"
        run_sphinx(source, html, Path(work) / "doctrees")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(html, folder)

    # The originals, to be downloaded; the decks, which bring MathJax; and no file that only who
    # develops the theme would open.
    for path in notebooks():
        shutil.copy(path, folder / path.relative_to(ROOT))
    build_talks(folder / "slides", static="../_static", known=pictures)
    for file in [*folder.rglob("*.map"), folder / "_static" / "webpack-macros.html"]:
        file.unlink()
    shutil.rmtree(folder / "_static" / "locales")


def notebooks() -> list[Path]:
    """The series' notebooks, and behind them the homework."""
    folder = ROOT / "notebooks"
    return [*sorted(folder.glob("*.ipynb")), *sorted(folder.glob("homework/*.ipynb"))]


def write_sources(source: Path, repository: str) -> dict[str, str]:
    """Write the pages as Sphinx reads them, in the folders in which the project has them.

    Returns the pictures of the pages: how one is written in base 64 -> its file in _static.
    """
    titles: dict[str, str] = {}
    pictures: dict[str, str] = {}
    for path in notebooks():
        name = path.relative_to(ROOT).with_suffix("").as_posix()
        made = pages.page(path, name, list(offers(path, repository)))
        titles[name] = (
            made.notebook.cells[0].source.split("\n")[0].removeprefix("# ").replace("*", "")
        )
        target = source / f"{name}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(made.notebook, target)
        pictures |= made.pictures
        for file, content in made.files.items():
            (source / "_static" / file).parent.mkdir(parents=True, exist_ok=True)
            (source / "_static" / file).write_bytes(content)

    # The pages of text. What they say of the README, the first page says.
    folder = ROOT / "notebooks"
    texts = [ROOT / name for name in TEXTS]
    texts += [*folder.glob("*.md"), *folder.glob("homework/*.md")]
    texts += [path for path in folder.glob("talks/*.md") if path.stem.isupper()]
    for path in texts:
        target = source / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8")
        if path.name == "CARDS.md":
            text = text.replace("<!-- scores -->", models.scores())
        # Here a talk is its deck.
        deck = "../" * (len(path.relative_to(ROOT).parts) - 1) + r"slides/\2.html"
        talk = r"\[([^\]]*)\]\((?:talks/)?([a-z]+\d?)\.md\)"
        text = re.sub(talk, rf'<a href="{deck}">\1</a>', text)
        if path.parent == ROOT:
            text = text.replace("](README.md)", "](index.md)")
        if path.name in NOT_FOUND:
            text = f"---\nnosearch: true\n---\n{text}"
        target.write_text(text, encoding="utf-8")
    shutil.copytree(folder / "drawings", source / "notebooks" / "drawings")
    (source / "index.md").write_text(landing(titles), encoding="utf-8")
    sliders = models_page(models.fruit_sliders(), models.sprite_sliders())
    (source / "models.md").write_text(sliders, encoding="utf-8")
    return pictures


def offers(path: Path, repository: str) -> Iterator[tuple[str, str]]:
    """What there is of a notebook besides its page: a text and an address each."""
    place = path.relative_to(ROOT).as_posix()
    up = "../" * place.count("/")
    yield "Notebook (.ipynb)", path.name
    yield "Formulas", f"{up}notebooks/FORMULAS.html"
    yield "How to run it", f"{up}GUIDE.html#Installing"
    if repository:
        name = repository.rstrip("/").removeprefix("https://github.com/")
        yield "Binder", f"https://mybinder.org/v2/gh/{name}/HEAD?urlpath=lab/tree/{place}"
        yield "Colab", f"https://colab.research.google.com/github/{name}/blob/main/{place}"


def run_sphinx(source: Path, folder: Path, doctrees: Path) -> None:
    """Turn the source folder into pages; what Sphinx warns of is printed."""
    options: dict[str, Any] = {
        "project": TITLE,
        "author": "The authors of this series",
        "copyright": "2026, the authors of this series, MIT licence, text included",
        "extensions": ["myst_nb", "sphinx.ext.mathjax", "helpers.tools.site.reading"],
        "source_suffix": {".md": "myst-nb", ".ipynb": "myst-nb"},
        "html_theme": "sphinx_book_theme",
        "html_title": TITLE,
        "html_static_path": ["_static"],
        "templates_path": [str(HERE / "templates")],
        "html_favicon": "_static/apple.png",
        "html_css_files": ["alive.css", "site.css"],
        "html_js_files": [("alive.js", {"defer": "defer"})],
        "html_copy_source": False,
        "html_show_sourcelink": False,
        "html_show_search_summary": False,  # it would have to be fetched, which no disk allows
        "html_theme_options": {
            "use_download_button": False,
            "show_toc_level": 2,
            "home_page_in_toc": True,
            "navbar_persistent": [],
            "footer_content_items": ["author.html", "copyright.html", "cite.html"],
        },
        "html_context": {"default_mode": "auto"},
        "mathjax_path": "../slides/mathjax/tex-svg-full.js",
        "language": "en",
        "nb_execution_mode": "off",
        "nb_merge_streams": True,
        "nb_code_prompt_show": "Show the code",
        "nb_code_prompt_hide": "Hide the code",
        "myst_enable_extensions": ["dollarmath", "amsmath"],
        "myst_disable_syntax": NOT_MYST,
        "myst_heading_anchors": 4,
        "myst_heading_slug_func": "helpers.tools.site.reading.slug",
        "suppress_warnings": ["myst.strikethrough"],
    }
    app = Sphinx(
        srcdir=source,
        confdir=None,
        outdir=folder,
        doctreedir=doctrees,
        buildername="html",
        confoverrides=options,
        status=None,
        warning=sys.stderr,
    )
    app.build(force_all=True)
