"""The talks: each can be held in its time, names what is there, works on a screen and on paper."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import nbformat
import pytest

from helpers.tools import live, talks
from helpers.tools.talks import named
from run_notebooks import ROOT
from test_browser import browser, need  # noqa: F401  (a fixture)

FILES = {path.stem: path for path in sorted(talks.TALKS.glob("*.md")) if path.stem.islower()}
NAMES = ["lecture1", "lecture2", "lecture3", "lecture4", "single"]
PLAN = (ROOT / "notebooks" / "LECTURES.md").read_text(encoding="utf-8")

each_talk = pytest.mark.parametrize("name", NAMES)


@cache
def talk_of(name: str) -> talks.Talk:
    """The talk of this name."""
    return talks.read(FILES[name], "_static")


def planned(name: str) -> list[str]:
    """The row of a talk in the plan, cell by cell."""
    row = re.search(rf"^\|.*\(talks/{name}\.md\).*$", PLAN, re.MULTILINE)[0]
    return [cell.strip() for cell in row.strip("|").split("|")]


# Held in its time


def test_there_are_four_lectures_and_a_single_one():
    assert list(FILES) == NAMES


@each_talk
def test_the_notes_add_up_to_the_plan(name):
    talk = talk_of(name)
    late = sum(slide.minutes for slide in talk.slides if "late" in slide.options)
    title, minutes, skipped, *_ = planned(name)
    assert talk.minutes == int(minutes) == (50 if name == "single" else 75)
    assert late == float(skipped) >= (7 if name == "single" else 10)
    assert 25 <= len(talk.slides) <= 40
    if name != "single":
        assert re.sub(r"^\[\d\. (.*)\]\(.*", r"\1", title) == talk.title
        assert sum(slide.title == "Break" for slide in talk.slides) == 1


@each_talk
def test_a_vote_has_its_time_and_its_answer_comes_next(name):
    slides = talk_of(name).slides
    votes = [n for n, slide in enumerate(slides) if 'class="question"' in slide.body]
    assert len(votes) >= 5
    for n in votes:
        assert slides[n].minutes >= 1.5, slides[n].title

        # On the slide, or in what the speaker says of a figure that shows it.
        answer = slides[n + 1]
        told = 'class="right"' in answer.body
        told = told or re.search(r"\b[A-F] is right", answer.body + answer.notes)
        assert told, answer.title


@each_talk
def test_every_question_of_the_speaker_has_its_answer(name):
    notes = re.findall(r"<!-- notes:.*?-->", FILES[name].read_text(encoding="utf-8"), re.DOTALL)
    for note in notes:
        for asked in re.split(r"\bAsk[^:.?]*: ", note)[1:]:
            assert re.search(r"[?.].*\b(Answer|Collect)\b", asked, re.DOTALL), asked
    assert sum("Ask" in note for note in notes) >= len(notes) / 2


@each_talk
def test_it_says_what_comes_and_what_to_take_home(name):
    talk = talk_of(name)
    assert any('class="outline"' in slide.body for slide in talk.slides[:8])
    assert any("ake home" in slide.title for slide in talk.slides[-3:])
    assert 3 <= len(talk.sections) <= 6


@each_talk
def test_nothing_of_a_notebook_is_typed_again(name):
    text = re.sub(r"<!--.*?-->", "", FILES[name].read_text(encoding="utf-8"), flags=re.DOTALL)
    assert r"\tag{" not in text


# What is named


def small(tmp_path: Path, body: str, notes: str = "<!-- notes: 1 minute. Say it. -->") -> Path:
    """A talk of two slides."""
    path = tmp_path / "small.md"
    text = f"# Title\n\nFor all.\n\n{notes}\n\n## Part\n\n### One\n\n{body}\n\n{notes}\n"
    path.write_text(text, encoding="utf-8")
    return path


def body_of(tmp_path: Path, body: str) -> str:
    return talks.read(small(tmp_path, body), "_static").slides[1].body


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("![Nothing like this](figure:00)", "no figure"),
        ("![](equation:9.99)", "no notebook has an equation"),
        (r"![\log](equation:01)", "more than one"),
        ("![Such a table](table:04)", "no table"),
        ("![nobody](code:03)", "no definition"),
        ("![](vote:04.nobody)", "nothing called 'nobody'"),
        ("![](widget:04.nobody)", "was not recorded"),
        ("![A drawing](../drawings/none.svg)", "there is no"),
        ("![](film:04)", "none of figure"),
        ("{{04 no such words ([0-9]+)}}", "no number"),
        ("{{results nobody mig}}", "results.json has no"),
        ("{{99 ([0-9])}}", "no notebook '99'"),
    ],
)
def test_what_is_not_there_is_said_with_its_slide(tmp_path, body, complaint):
    with pytest.raises(ValueError, match=rf"small\.md, 'One'.*{re.escape(complaint)}"):
        talks.read(small(tmp_path, body), "_static")


def test_a_slide_without_notes_and_an_unknown_option_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no notes"):
        talks.read(small(tmp_path, "", notes=""), "_static")
    path = small(tmp_path, "")
    text = path.read_text(encoding="utf-8").replace("### One", "### One {soon}")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="no option soon"):
        talks.read(path, "_static")


def test_a_changed_number_changes_the_slide(tmp_path, monkeypatch):
    told = [{"text": "Of 720 tries 87% are right."}]
    changed = nbformat.from_dict({"cells": [{"cell_type": "code", "source": "", "outputs": told}]})
    monkeypatch.setattr(named, "notebook", lambda number: changed)
    assert "<p>87%!</p>" in body_of(tmp_path, r"{{07 tries (\d+%)}}!")

    told.append({"text": "Of 720 tries 88% are right."})
    changed.cells[0].outputs = [nbformat.from_dict(output) for output in told]
    with pytest.raises(ValueError, match="more than one"):
        body_of(tmp_path, r"{{07 tries (\d+%)}}!")


def test_a_derivation_grows_line_by_line(tmp_path, monkeypatch):
    tex = r"\begin{aligned} a &= b \\ &= c \end{aligned} \tag{7.7}"
    cell = {"cell_type": "markdown", "source": f"So\n\n$$ {tex} $$"}
    node = nbformat.from_dict({"cells": [cell]})
    monkeypatch.setattr(named, "notebook", lambda number: node)
    body = body_of(tmp_path, "![lines](equation:7.7)")

    first, second = re.findall(r"\\\[(.*?)\\\]", body)
    assert re.search(r"\\phantom\{ *= c", first)
    assert "phantom" not in second
    assert r"\tag{7.7}" in second
    assert body.count('class="fragment"') == 1


def test_a_list_of_plus_is_built_and_one_of_minus_is_not(tmp_path):
    assert body_of(tmp_path, "+ one\n+ two").count('<li class="fragment">') == 2
    assert "fragment" not in body_of(tmp_path, "- one\n- two")


def test_the_inventory_lists_what_can_be_named(tmp_path):
    lines = list(named.inventory("00"))
    for line in lines:
        if line.startswith("  !["):
            body_of(tmp_path, line.strip().split("  ")[0])
    assert sum("(figure:" in line for line in lines) >= 5


# In JupyterLab


def test_a_lectures_notebooks_are_copied_with_their_code_folded(tmp_path):
    live.prepare("lecture1", tmp_path / "room")
    copies = sorted((tmp_path / "room").glob("*.ipynb"))
    assert [path.name[:2] for path in copies] == ["00", "01"]
    last = live.notebooks_of(talks.TALKS / "lecture4.md")
    assert [path.name.split("_")[0] for path in last] == ["06", "07", "07b", "08"]
    cells = nbformat.read(copies[0], as_version=4).cells
    assert all(c.metadata.jupyter.source_hidden for c in cells if c.cell_type == "code")

    copies[0].write_text("mine", encoding="utf-8")
    live.prepare("lecture1", tmp_path / "room")
    assert copies[0].read_text(encoding="utf-8") == "mine"
    with pytest.raises(ValueError, match="no talk 'lecture9'"):
        live.prepare("lecture9", tmp_path)


# In a browser

MEASURE = """() => {
  const shown = "<style>.reveal .slides section { display: flex !important; }</style>";
  document.head.insertAdjacentHTML("beforeend", shown);
  const scale = Reveal.getScale();
  const wrong = [];

  for (const slide of Reveal.getSlides()) {
    const box = slide.getBoundingClientRect();
    const say = what => wrong.push(`${slide.innerText.slice(0, 70)}: ${what}`);
    const parts = "p, li, pre, img, canvas, table, h1, h2, input, select, mjx-container > svg";
    for (const e of slide.querySelectorAll(parts)) {
      // What the speaker reads has a window of its own.
      if (e.closest("aside")) continue;

      // Nothing ends below or right of the slide.
      const inside = e.getBoundingClientRect();
      const hidden = e.tagName == "PRE" ? Math.max(0, e.scrollWidth - e.clientWidth) * scale : 0;
      const right = inside.right - box.left + hidden;
      if (inside.bottom - box.top > 690 * scale || right > 1250 * scale) {
        say(`${e.tagName} runs off`);
      }

      // The back row can read it, and see it.
      const size = parseFloat(getComputedStyle(e).fontSize);
      const says = e.tagName != "INPUT" && e.textContent.trim();
      if (says && size < (e.closest(".where") ? 20 : 24)) say(`${e.tagName} of ${size} px`);
      const picture = e.matches("img:not(.over), canvas");
      if (picture && inside.height < 180 * scale) say("a small picture");
      if (e.tagName == "IMG" && !e.closest(".over") && !e.classList.contains("over")) {
        if (e.alt.length < 20) say("a picture without words");
      }
    }

    if (slide.querySelector("[data-mml-node=merror]") || /\\$|!\\[/.test(slide.innerText)) {
      say("an equation is not typeset");
    }
  }
  return wrong;
}"""

LOADED = """Promise.all([...document.images].map(picture => {
  picture.loading = "eager";
  return picture.decode().then(() => "", () => picture.src);
})).then(missing => missing.filter(Boolean))"""


@pytest.fixture(scope="module")
def decks(tmp_path_factory) -> Path:
    """The folder of all decks."""
    libraries = talks.installed("sphinx_revealjs") and talks.installed("mathjax")
    need(libraries, "the extra `slides` is not installed")
    folder = tmp_path_factory.mktemp("slides")
    talks.build(folder)
    return folder


@pytest.mark.browser
@each_talk
def test_every_slide_fits_is_typeset_and_asks_nobody(browser, decks, name):  # noqa: F811
    page = browser.new_page(viewport={"width": talks.WIDTH, "height": talks.HEIGHT})
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))

    # It starts only when MathJax is done.
    page.goto((decks / f"{name}.html").as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()", timeout=120_000)

    assert page.evaluate(MEASURE) == []
    assert page.evaluate(LOADED) == []
    assert errors == []
    assert all(re.match("file:|data:|blob:", url) for url in asked)
    page.close()


@pytest.mark.browser
@each_talk
def test_every_widget_on_a_slide_moves_and_does_not_turn_the_page(browser, decks, name):  # noqa: F811
    page = browser.new_page(viewport={"width": talks.WIDTH, "height": talks.HEIGHT})
    page.goto((decks / f"{name}.html").as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()", timeout=120_000)
    slides = page.evaluate(
        "Reveal.getSlides().map((s, n) => s.querySelector('.alive') ? n : -1).filter(n => n >= 0)"
    )
    assert len(slides) >= 2
    seen = """() => {
        const slide = Reveal.getCurrentSlide();
        return slide.querySelector(".over")?.src ?? slide.querySelector("canvas").toDataURL();
    }"""
    for number in slides:
        page.evaluate(f"Reveal.slide({number})")
        before = page.evaluate(seen)
        for control in page.query_selector_all("section.present .alive :is(input, select)"):
            control.focus()
            for key in ["ArrowDown"] * 3 + ["ArrowUp"] * 6:
                page.keyboard.press(key)
                if page.evaluate(seen) != before:
                    break
        assert page.evaluate(seen) != before, number
        assert page.evaluate("Reveal.getState().indexh") == number

    # When the speaker is done with the slider, the same keys turn the page.
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getState().indexh") == number + 1
    page.close()


@pytest.fixture(scope="module")
def printed(decks) -> Path:
    """The folder of all decks, printed."""
    need(shutil.which("chromium") or shutil.which("google-chrome"), "there is no Chromium")
    pages = [decks / f"{name}.html" for name in [*NAMES, "formulas"]]
    # In a thread of its own, since this one's Playwright has the browser of the other tests.
    with ThreadPoolExecutor(1) as thread:
        files = thread.submit(lambda: list(talks.print_pdf(pages))).result()
    assert [file.stem for file in files] == [*NAMES, "formulas"]
    return decks


@pytest.mark.browser
@pytest.mark.parametrize("name", [*NAMES, "formulas"])
def test_on_paper_every_slide_is_a_page_and_none_is_blank_or_cut(printed, name):
    import numpy as np
    import pypdfium2

    document = pypdfium2.PdfDocument(printed / f"{name}.pdf")
    if name == "formulas":
        assert len(document) <= 3
    else:
        assert len(document) == len(talk_of(name).slides)
    for number, page in enumerate(document, 1):
        ink = np.asarray(page.render(scale=0.5, grayscale=True).to_pil()) < 200  # [H, W]
        rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
        assert ink.sum() > 200, f"page {number} is blank"
        height, width = ink.shape
        assert rows[0] > 0 and rows[-1] < height - 1, f"page {number} is cut"
        assert columns[0] > 0 and columns[-1] < width - 1, f"page {number} is cut"
    document.close()
