"""The decks of `make slides`: every notebook converts, and every section has its note.

In a browser every slide fits.
"""

import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode, v4

import run_notebooks
from helpers import ledger
from helpers.tools import slides
from helpers.tools.slides.source import bare, known_names, taught
from run_notebooks import ROOT, code_cells
from test_browser import browser, need  # noqa: F401  (a fixture)

NOTEBOOKS = {p.stem: p for p in run_notebooks.notebooks() if p.parent.name == "notebooks"}
PLAN = (ROOT / "notebooks" / "LECTURES.md").read_text(encoding="utf-8")
LECTURES = ["Lecture 1", "Lecture 2", "Lecture 3"]
ONE_LECTURE = "The one-lecture version"
CLOSING = 2  # minutes that each lecture leaves for its homework

# The first bytes of a PNG, 10 pixels wide and 20 high.
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAU"

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS.values(), ids=NOTEBOOKS.keys())


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def notes(path: Path) -> dict[str, int]:
    """Minutes of each section that has a note."""
    return {heading: note.minutes for heading, note in slides.section_notes(read(path)) if note}


def descriptions(notebook: NotebookNode) -> list[str]:
    """What is said of each picture, in order."""
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    return [picture.metadata["image/png"]["alt"] for picture in pictures]


def sources(notebook: NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells)


# Every deck


@each_notebook
def test_a_deck_names_nothing_from_the_network(path):
    page = slides.html(path)

    loaded = re.findall(r'<(?:script|link|img|iframe)\b[^>]*?(?:src|href)="([^"]*)"', page)
    loaded += re.findall(r"@import.*|url\([^)]*\)", page)
    # A deck has its libraries beside it, and its pictures in it.
    needed = {
        "reveal.js/dist/reveal.js",
        "reveal.js/plugin/notes/notes.js",
        "mathjax/tex-svg-full.js",
    }
    assert needed <= set(loaded)
    assert all(
        re.match(r"(reveal\.js|mathjax)/|data:image/(?:png|svg\+xml)", name) for name in loaded
    )
    assert "widget-view" not in page


@each_notebook
def test_every_picture_keeps_its_text(path):
    drawn = descriptions(read(path))

    assert descriptions(slides.notebook_of_slides(read(path))) == drawn
    drawings = sources(slides.notebook_of_slides(read(path))).count("](drawings/")
    assert len(re.findall(r'<img[^>]*\balt="\S', slides.html(path))) == len(drawn) + drawings


@each_notebook
def test_every_section_tells_the_speaker_its_minutes_and_a_question(path):
    for heading, note in slides.section_notes(read(path)):
        if not slides.for_readers(heading):
            assert note, heading
            assert re.search(r"\bask\b.*\?", note.text, re.DOTALL | re.IGNORECASE), heading


@each_notebook
def test_little_code_and_little_print_on_a_slide(path):
    for cell in code_cells(slides.notebook_of_slides(read(path))):
        assert len(cell.source.splitlines()) <= slides.CODE_LINES

        for output in cell.outputs:
            if output.output_type == "stream":
                assert len(output.text.splitlines()) <= slides.PRINTED_LINES


@each_notebook
def test_every_equation_that_was_verified_says_so(path):
    deck = sources(slides.notebook_of_slides(read(path)))

    tags = re.findall(r"\\tag\{([^}]*)\}", deck)
    assert [tag for tag in tags if f"✓ ({tag})" not in deck] == []
    assert len(tags) == len(set(tags))


# The rules


@pytest.fixture
def small_deck() -> NotebookNode:
    """The deck of a notebook that has neither notes nor tags."""
    printed = [
        "(1.1) holds: 1 == 1   (tolerance 0)",
        f"{ledger.NEAR_MISS}without the 2: 0.5",
        "a 1",
        "",
    ]
    # One cell verified, printed, drew and claimed.
    check = v4.new_output("stream", name="stdout", text="\n".join(printed))
    claimed = "\n".join([ledger.CLAIMS, "         claimed  measured", "It does.  at least 1  ≈ 2"])
    claims = v4.new_output("display_data", {"text/plain": claimed, "text/html": "<table></table>"})
    picture = v4.new_output(
        "display_data", {"image/png": PICTURE}, metadata={"image/png": {"alt": "A dot."}}
    )
    cells = [
        v4.new_markdown_cell("# Why?"),
        v4.new_markdown_cell("## One\n\n(An aside.)\n\nSo\n\n$$ a = b \\tag{1.1} $$"),
        v4.new_code_cell("verify()", outputs=[check, picture, claims]),
        v4.new_markdown_cell("It is a dot."),
        v4.new_markdown_cell("<details><summary>Answer</summary>\n\nYes.\n\n</details>"),
        v4.new_code_cell("def entropy(p):\n    return 0\n\nverify(entropy)"),
        v4.new_markdown_cell("## Closed book\n\n1. Why?"),
    ]
    return slides.notebook_of_slides(v4.new_notebook(cells=cells))


def of_type(deck: NotebookNode, slide_type: str) -> list[str]:
    """The cells of a deck that Jupyter calls a slide, subslide or notes."""
    typed = [cell for cell in deck.cells if "slideshow" in cell.metadata]
    return [c.source for c in typed if c.metadata["slideshow"]["slide_type"] == slide_type]


def test_a_section_starts_a_slide_unless_it_is_for_readers(small_deck):
    assert of_type(small_deck, "slide") == ["# Why?", "## One"]
    assert "Closed book" not in sources(small_deck)


def test_an_equation_says_what_verified_it_and_an_answer_and_a_reading_are_shown(small_deck):
    assert "(1.1) 1 = 1" in sources(small_deck)
    assert "It is a dot." in sources(small_deck)
    assert "Yes." in sources(small_deck)


def test_of_code_what_the_package_has_too_is_shown_and_no_check(small_deck):
    assert "def entropy" in sources(small_deck)
    assert "verify" not in sources(small_deck)


def test_a_remark_in_brackets_and_claims_go_to_the_speaker(small_deck):
    told = "\n".join(of_type(small_deck, "notes"))
    assert "An aside" in told
    assert "- It does.  at least 1  ≈ 2" in told

    text = sources(small_deck)
    assert text.count("It does.") == told.count("It does.") == 1
    assert text.index("An aside") > text.index("a = b")


def test_the_package_is_known_by_its_public_names_in_all_its_parts():
    names = known_names()

    assert {"entropy", "kl_divergence", "mutual_information", "mig", "beta_vae", "train"} <= names
    assert {"Sprites", "faces", "Digits"} <= names
    assert not any(name.startswith("_") for name in names)


def test_neither_answers_to_exercises_nor_tools_count_as_what_the_package_knows():
    assert not {"kl_to_prior", "three_terms", "check", "Deck", "condensed"} & known_names()


def test_code_is_shown_without_its_checks_however_long_they_are():
    source = (
        "x = 1\nverify(\n    '1.1',\n    x,\n)\nassert x\ny = claim_of(x)\nprint(\n    x\n)\nz = 2"
    )
    assert bare(source) == "x = 1\ny = claim_of(x)\nz = 2"


def test_a_definition_is_shown_with_its_decorator_and_without_what_follows():
    source = (
        "%matplotlib inline\n@cached\ndef mig(x):\n    return x\n\nmig(1)\n\n"
        "def mine(x):\n    return x\n\ndef dci(x):\n    plt.plot(x)"
    )
    assert taught(source, {"mig", "dci"}) == "@cached\ndef mig(x):\n    return x"


# The lecturer's plan


def rows(part: str) -> list[list[str]]:
    """The rows of a table of the plan, between this heading and the next: lists of cells."""
    text = PLAN.split(f"## {part}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if re.match(r"\| *\[", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def name_in(cell: str) -> str:
    return re.match(r"\[(\w+)\]", cell)[1]


@pytest.mark.parametrize("part", [*LECTURES, ONE_LECTURE])
def test_a_lecture_takes_ninety_minutes(part):
    assert sum(int(row[1]) for row in rows(part)) + CLOSING == 90


def test_the_plan_gives_each_notebook_the_minutes_of_its_notes():
    planned = {}
    for lecture in LECTURES:
        planned |= {name_in(row[0]): int(row[1]) for row in rows(lecture)}

    told = {name: sum(notes(path).values()) for name, path in NOTEBOOKS.items()}
    assert {name: planned[name] for name in NOTEBOOKS} == told


def test_the_one_lecture_version_adds_up_section_by_section():
    for notebook, minutes, sections in rows(ONE_LECTURE):
        name = name_in(notebook)
        told = notes(NOTEBOOKS[name])
        assert sum(told[section] for section in sections.split(" · ")) == int(minutes), name


# In a browser

MEASURE = """() => {
  const shown = "<style>.reveal .slides section { display: block !important; }</style>";
  document.head.insertAdjacentHTML("beforeend", shown);
  const scale = Reveal.getScale();
  const wrong = [];

  for (const slide of Reveal.getSlides()) {
    const box = slide.getBoundingClientRect();
    const say = what => wrong.push(`${slide.innerText.slice(0, 50)}: ${what}`);
    const parts = "p, li, pre, img, table, h1, h2, h3, mjx-container > svg";
    for (const e of slide.querySelectorAll(parts)) {
      // What the speaker reads has a window of its own.
      if (e.closest("aside")) continue;

      // Nothing ends below or right of the slide, printed lines that do not wrap included.
      const inside = e.getBoundingClientRect();
      const hidden = e.tagName == "PRE" ? Math.max(0, e.scrollWidth - e.clientWidth) * scale : 0;
      const right = inside.right - box.left + hidden;
      if (inside.bottom - box.top > 720 * scale || right > 1250 * scale) {
        say(`${e.tagName} runs off`);
      }

      // The back row can read it.
      const size = parseFloat(getComputedStyle(e).fontSize);
      const least = e.closest(".celltag_wide, mjx-container") ? 20 : 24;
      if (size < least) say(`${e.tagName} of ${size} px`);
    }

    if (slide.querySelector("[data-mml-node=merror]") || slide.innerText.includes("$$")) {
      say("an equation is not typeset");
    }
  }
  return wrong;
}"""


@pytest.fixture(scope="module")
def decks(tmp_path_factory) -> dict[str, Path]:
    """The file of each deck, by the notebook's name."""
    libraries = slides.installed("sphinx_revealjs") and slides.installed("mathjax")
    need(libraries, "the extra `slides` is not installed")

    built = slides.build(tmp_path_factory.mktemp("slides"))
    return {deck.file.name.split(".")[0]: deck.file for deck in built}


@pytest.mark.browser
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_slide_fits_and_every_equation_is_typeset(browser, decks, name):  # noqa: F811
    page = browser.new_page(viewport={"width": slides.WIDTH, "height": slides.HEIGHT})
    asked = []
    errors = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))

    # It starts only when MathJax is done.
    page.goto(decks[name].as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()", timeout=120_000)

    assert page.evaluate(MEASURE) == []
    assert errors == []
    assert all(re.match("file:|data:", url) for url in asked)
    page.close()
