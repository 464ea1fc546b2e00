"""The decks of `make slides`: every notebook converts, every section has its note, and in a browser every slide fits."""

import re

import nbformat
import pytest

import run_notebooks
from helpers import slides
from run_notebooks import ROOT
from test_browser import browser, need  # noqa: F401  (a fixture)

NOTEBOOKS = {p.stem: p for p in run_notebooks.notebooks() if p.parent.name == "notebooks"}
PLAN = (ROOT / "notebooks" / "LECTURES.md").read_text(encoding="utf-8")
CLOSING = 2  # minutes that each lecture leaves for its homework

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS.values(), ids=NOTEBOOKS.keys())


def read(path):
    return nbformat.read(path, as_version=4)


def notes(path):
    """Minutes of each section that has a note."""
    return {heading: int(note[1]) for heading, note in slides.minutes(read(path)) if note}


@each_notebook
def test_a_deck_names_nothing_from_the_network(path):
    page = slides.html(path)
    loaded = re.findall(r'<(?:script|link|img|iframe)\b[^>]*?(?:src|href)="([^"]*)"', page) + re.findall(r"@import.*|url\([^)]*\)", page)
    assert {"reveal.js/dist/reveal.js", "reveal.js/plugin/notes/notes.js", "mathjax/tex-svg-full.js"} <= set(loaded)
    assert all(re.match(r"(reveal\.js|mathjax)/|data:image/png", name) for name in loaded)
    assert "widget-view" not in page


@each_notebook
def test_every_picture_keeps_its_text(path):
    drawn = [o.metadata["image/png"]["alt"] for c in read(path).cells if c.cell_type == "code"
             for o in c.outputs if "image/png" in o.get("data", {})]
    deck = [o.metadata["image/png"]["alt"] for c in slides.deck(read(path)).cells if c.cell_type == "code"
            for o in c.outputs if "image/png" in o.get("data", {})]
    assert deck == drawn
    assert len(re.findall(r'<img[^>]*\balt="\S', slides.html(path))) == len(deck)


@each_notebook
def test_every_section_tells_the_speaker_its_minutes_and_a_question(path):
    for heading, note in slides.minutes(read(path)):
        if not slides.READERS.match(heading):
            assert note and re.search(r"\bask\b.*\?", note[2], re.DOTALL | re.IGNORECASE), heading


@each_notebook
def test_little_code_and_little_print_on_a_slide(path):
    for cell in slides.deck(read(path)).cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= slides.CODE_LINES
            assert all(len(o.text.splitlines()) <= slides.PRINTED_LINES for o in cell.outputs if o.output_type == "stream")


@each_notebook
def test_every_equation_that_was_verified_says_so(path):
    deck = "\n".join(c.source for c in slides.deck(read(path)).cells)
    tags = re.findall(r"\\tag\{([^}]*)\}", deck)
    assert [t for t in tags if f"✓ ({t})" not in deck] == []
    assert len(tags) == len(set(tags))


def test_a_notebook_without_notes_and_tags_gives_a_deck():
    v4 = nbformat.v4
    picture = v4.new_output("display_data", {"image/png": "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAU"}, metadata={"image/png": {"alt": "A dot."}})
    check = v4.new_output("stream", name="stdout", text="(1.1) holds: 1 == 1   (tolerance 0)\nclaim holds: it does (at least 1)\na 1\n")
    cells = [v4.new_markdown_cell("# Why?"), v4.new_markdown_cell("## One\n\n(An aside.)\n\nSo\n\n$$ a = b \\tag{1.1} $$"),
             v4.new_code_cell("verify()", outputs=[check, picture]), v4.new_markdown_cell("It is a dot."),
             v4.new_markdown_cell("<details><summary>Answer</summary>\n\nYes.\n\n</details>"),
             v4.new_code_cell("def entropy(p):\n    return 0\n\nverify(entropy)"), v4.new_markdown_cell("## Closed book\n\n1. Why?")]
    made = slides.deck(v4.new_notebook(cells=cells)).cells
    kinds = [c.metadata.get("slideshow", {}).get("slide_type", "-") for c in made]
    assert [c.source for c, k in zip(made, kinds) if k == "slide"] == ["# Why?", "## One"]
    text = "\n".join(c.source for c in made)
    assert "(1.1) 1 = 1" in text and "It is a dot." in text and "Closed book" not in text and "verify" not in text
    assert text.index("An aside") > text.index("a = b") and "def entropy" in text and "Yes." in text


# The lecturer's plan


def rows(part):
    """The rows of a table of the plan, between this heading and the next: lists of cells."""
    text = PLAN.split(f"## {part}\n")[1].split("\n## ")[0]
    return [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if re.match(r"\| *\[", line)]


def name_in(cell):
    return re.match(r"\[(\w+)\]", cell)[1]


@pytest.mark.parametrize("part", ["Lecture 1", "Lecture 2", "Lecture 3", "The one-lecture version"])
def test_a_lecture_takes_ninety_minutes(part):
    assert sum(int(row[1]) for row in rows(part)) + CLOSING == 90


def test_the_plan_gives_each_notebook_the_minutes_of_its_notes():
    planned = {name_in(row[0]): int(row[1]) for k in (1, 2, 3) for row in rows(f"Lecture {k}")}
    assert {name: planned[name] for name in NOTEBOOKS} == {name: sum(notes(path).values()) for name, path in NOTEBOOKS.items()}


def test_the_one_lecture_version_adds_up_section_by_section():
    for name, minutes, sections in ([name_in(row[0]), int(row[1]), row[2].split(" · ")] for row in rows("The one-lecture version")):
        assert sum(notes(NOTEBOOKS[name])[section] for section in sections) == minutes, name


# In a browser

MEASURE = """() => {
  document.head.insertAdjacentHTML("beforeend", "<style>.reveal .slides section { display: block !important; }</style>");
  const scale = Reveal.getScale(), wrong = [];
  for (const slide of Reveal.getSlides()) {
    const box = slide.getBoundingClientRect(), say = what => wrong.push(`${slide.innerText.slice(0, 50)}: ${what}`);
    for (const e of slide.querySelectorAll("p, li, pre, img, table, h1, h2, h3, mjx-container > svg")) {
      if (e.closest("aside")) continue;
      const inside = e.getBoundingClientRect();
      const right = inside.right - box.left + Math.max(0, e.scrollWidth - e.clientWidth) * scale * (e.tagName == "PRE");
      if (inside.bottom - box.top > 720 * scale || right > 1250 * scale) say(`${e.tagName} runs off`);
      const size = parseFloat(getComputedStyle(e).fontSize);
      if (size < (e.closest(".celltag_wide, mjx-container") ? 20 : 24)) say(`${e.tagName} of ${size} px`);
    }
    if (slide.querySelector("[data-mml-node=merror]") || slide.innerText.includes("$$")) say("an equation is not typeset");
  }
  return wrong;
}"""


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    need(slides.find_spec("sphinx_revealjs") and slides.find_spec("mathjax"), "the extra `slides` is not installed")
    return {file.name.split(".")[0]: file for file, _, _ in slides.build(tmp_path_factory.mktemp("slides"))}


@pytest.mark.browser
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_slide_fits_and_every_equation_is_typeset(browser, decks, name):  # noqa: F811
    page = browser.new_page(viewport={"width": slides.WIDTH, "height": slides.HEIGHT})
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(decks[name].as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()", timeout=120_000)
    assert page.evaluate(MEASURE) == []
    assert errors == [] and all(re.match("file:|data:", url) for url in asked)
    page.close()
