"""Reading without running, and without a mouse, full sight or all colours.

A notebook is a page with headings, links and equations that work; its pictures are sentences, too.
"""

import itertools
import re
from html import unescape
from urllib.parse import unquote

import matplotlib.colors
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest

from helpers import plots
from run_notebooks import ROOT, calls
from test_project import NOTEBOOKS, code_cells, each_notebook


def pages():
    """The texts of the project that are no notebooks, by their path; talks have their own tests."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("data/*.md"), *ROOT.glob("notebooks/**/*.md")]
    found = [path for path in found if path.parent.name != "talks" or path.stem.isupper()]
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in found
        if ".ipynb_" not in str(path)
    }


PAGES = pages()

each_page = pytest.mark.parametrize("path", [*NOTEBOOKS, *PAGES])


def prose_of(path):
    """The text of a notebook or page, without what it quotes as code and without comments."""
    return prose(NOTEBOOKS[path]) if path in NOTEBOOKS else without_code(PAGES[path])


def prose(notebook):
    """The text between the cells of code, without what it quotes as code and without comments."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return without_code("\n\n".join(texts))


def without_code(text):
    return re.sub(r"```.*?```|`[^`\n]*`|<!--.*?-->", "", text, flags=re.DOTALL)


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def outputs_of_kind(notebook, kind):
    """The outputs that hold data of this MIME type."""
    return [output for output in outputs(notebook) if kind in output.get("data", {})]


# Structure


@each_notebook
def test_headings_have_one_title_above_them_and_skip_no_level(notebook):
    levels = [len(signs) for signs in re.findall(r"^(#+) ", prose(notebook), re.MULTILINE)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(lower <= upper + 1 for upper, lower in itertools.pairwise(levels))


def anchors(text):
    """What a link to a heading may say.

    In JupyterLab that has hyphens for spaces; on code-hosting sites it is in lower case, too.
    """
    headings = re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE)
    lab = {heading.replace(" ", "-") for heading in headings}
    sites = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
    return lab | sites


def links(text):
    """The targets of all links and pictures, in Markdown and in HTML."""
    in_markdown = r"\]\(([^)\s]+)\)"
    in_html = r"<(?:a|img) [^>]*?(?:href|src)=\"([^\"]+)\""
    for markdown, html in re.findall(f"{in_markdown}|{in_html}", text):
        yield markdown or html


def leads_somewhere(target, path):
    """Whether a link on the page at `path` leads to a file, to a heading, or is over https."""
    if re.match(r"[a-z]+:", target):
        return target.startswith(("https://", "data:image/"))

    # Another file, or a heading of this one.
    file, _, anchor = unquote(target).partition("#")
    other = (path.parent / file).resolve() if file else path
    if not other.exists():
        return False
    if not anchor:
        return True

    # The heading is among those of the page that it leads to.
    page = NOTEBOOKS.get(other.relative_to(ROOT).as_posix())
    return anchor in anchors(prose(page) if page else other.read_text(encoding="utf-8"))


@each_page
def test_links_lead_somewhere(path):
    targets = links(prose_of(path))
    assert not [target for target in targets if not leads_somewhere(target, ROOT / path)]


# Pictures


@each_notebook
def test_every_figure_that_is_shown_is_saved_as_a_picture(notebook):
    for cell in code_cells(notebook):
        alone = nbformat.from_dict({"cells": [cell]})
        shown = calls(alone, "show", "filmstrip")
        assert len(outputs_of_kind(alone, "image/png")) >= len(shown), cell.source


@each_notebook
def test_every_picture_is_also_a_sentence_of_its_own(notebook):
    alts = {
        output.data["image/png"]: output.metadata["image/png"]["alt"]
        for output in outputs_of_kind(notebook, "image/png")
    }
    printed = {
        unescape(re.sub("<.*?>", "", output.data["text/html"]))
        for output in outputs_of_kind(notebook, "text/html")
    }

    # `show` prints each below its picture, because JupyterLab reads out no alternative text.
    for alt in alts.values():
        assert len(alt.split()) >= 6, alt
        assert alt.endswith("."), alt
        assert alt in printed, alt
    assert len(set(alts.values())) == len(alts), "two pictures with the same text"


@each_page
def test_pictures_in_the_prose_have_a_text(path):
    text = prose_of(path)
    alts = re.findall(r"!\[([^\]]*)\]\(", text)
    alts += re.findall(r'<img (?:[^>]*alt="([^"]*)")?', text)
    assert all(len(alt.split()) >= 6 for alt in alts), alts


def texts_of(output):
    """All that a reader sees of an output as text."""
    data = output.get("data", {})
    return output.get("text", "") + data.get("text/plain", "") + data.get("text/html", "")


@each_notebook
def test_no_widget_is_saved_as_raw_text(notebook):
    widget = r"\b(?:[VH]Box|HTML|Output|interactive|\w*Slider|Dropdown|\w*Button|\w*Progress)\("
    raw = re.compile(widget + "|<Figure |object at 0x")
    shown = [texts_of(output) for output in outputs(notebook)]
    assert not [text for text in shown if raw.search(text)]


# Equations: only $…$ and $$…$$ are understood both by code-hosting sites and by JupyterLab


def broken_tables(text):
    for line in re.findall(r"^\|.*$", text, re.MULTILINE):
        for formula in line.split("$")[1::2]:
            if "|" in formula:
                yield f"a bar in a table's formula: {formula}"


def broken_blocks(text):
    for block in re.findall(r"\$\$.*?\$\$", text, re.DOTALL):
        if re.search(r"\n\s*\n", block):
            yield f"an empty line in {block}"
        if block.count(r"\tag") > 1:
            yield f"more than one tag in {block}"


def broken_inline(text):
    inline = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL).replace(r"\$", "")

    # What belongs between $$, and what only some sites know.
    environment = r"\\tag|\\begin\{(?:align|equation|gather|multline)\*?\}"
    for command in re.findall(environment, inline):
        yield f"{command} outside $$"
    for bracket in re.findall(r"\\[(\[]", inline):
        yield f"{bracket} is not for all sites: use $"

    if "$$" in inline or inline.count("$") % 2:
        yield "a $ without its partner"
        return
    for formula in inline.split("$")[1::2]:
        if formula != formula.strip() or "\n\n" in formula:
            yield f"spaces within ${formula}$"


def broken_equations(text):
    """What code-hosting sites or JupyterLab would not typeset."""
    return [*broken_tables(text), *broken_blocks(text), *broken_inline(text)]


@each_notebook
def test_equations_render_everywhere(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not broken_equations(without_code(cell.source)), cell.source


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("| a | $p(x|z)$ |", "a bar in a table's formula"),
        ("$$a\n\nb$$", "an empty line"),
        (r"$$a \tag{1} b \tag{2}$$", "more than one tag"),
        (r"$a \tag{1}$", r"\tag outside $$"),
        (r"\(a\)", "is not for all sites"),
        ("a $ alone", "a $ without its partner"),
        ("$ a$", "spaces within"),
    ],
)
def test_an_equation_that_would_not_render_is_named(text, complaint):
    assert any(complaint in problem for problem in broken_equations(text))


def test_a_price_is_no_equation():
    assert not broken_equations(r"$a$ and $$b \tag{1}$$ cost \$ 3")


# Colours

# Complete deuteranopia and the like, on linear RGB: Machado, Oliveira and Fernandes (2009), "A
# physiologically-based model for simulation of color vision deficiency", table 1, severity 1.
# fmt: off
SEEN_BY = {
    "all cones": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "no L cones": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no M cones": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no S cones": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
# fmt: on


def linear(colours):
    """sRGB colours without their gamma, [N, 3]."""
    srgb = matplotlib.colors.to_rgba_array(colours)[:, :3]
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def cielab(rgb):
    """Linear RGB [N, 3] as L*, a*, b* under daylight."""
    t = np.clip(rgb, 0, 1) @ TO_XYZ.T / TO_XYZ.sum(1)
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t * (29 / 6) ** 2 / 3 + 4 / 29).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def contrast(a, b):
    """The ratio of two colours' luminances by the Web Content Accessibility Guidelines.

    4.5 is asked of text.
    """
    dark, light = sorted(linear([a, b]) @ TO_XYZ[1])
    return (light + 0.05) / (dark + 0.05)


def closest(colours, cones):
    """The smallest difference of two of these colours, for an eye with these cones."""
    seen = cielab(linear(colours) @ np.transpose(cones))
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))


@pytest.mark.parametrize("cones", SEEN_BY.values(), ids=SEEN_BY)
def test_the_palette_stays_apart_for_every_eye(cones):
    assert closest(plots.PALETTE, cones) > 15  # a difference of 2 can just be seen side by side


def test_the_measure_knows_red_from_green_only_with_all_cones():
    pair = ["#D62728", "#7F7F00"]
    assert closest(pair, SEEN_BY["all cones"]) > 50
    assert closest(pair, SEEN_BY["no M cones"]) < 15


def test_black_and_white_are_as_far_apart_as_the_measures_say():
    assert closest(["white", "black"], SEEN_BY["all cones"]) == pytest.approx(100, abs=0.1)
    assert contrast("white", "black") == pytest.approx(21)


def test_heat_maps_keep_their_order_in_greyscale():
    colours = plt.get_cmap(plots.HEAT)(np.linspace(0, 1, 50))
    lightness = cielab(linear(colours))[:, 0]
    assert (np.diff(lightness) < -0.5).all()
    assert lightness[0] > 95  # zero is paper


def test_numbers_on_a_heat_map_can_be_read():
    figure = plots.matrix(np.linspace(0, 1, 40).reshape(10, 4), "abcd", "title", "nats")
    axes = figure.axes[0]
    picture = axes.images[0]
    cells = picture.cmap(picture.norm(picture.get_array())).reshape(-1, 4)
    numbers = zip(axes.texts, cells, strict=True)
    assert min(contrast(number.get_color(), cell) for number, cell in numbers) >= 4.5
    plt.close(figure)


def styled_texts():
    """Where a page or a widget might set colours: printed HTML, prose, and what makes widgets."""
    for notebook in NOTEBOOKS.values():
        yield from (o.data["text/html"] for o in outputs_of_kind(notebook, "text/html"))
        yield from (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for name in ("widgets.py", "homework/controls.py"):
        yield (ROOT / "helpers" / name).read_text(encoding="utf-8")


def test_widgets_and_pages_leave_the_colours_of_text_to_the_reader():
    # JupyterLab's own themes, dark ones too, have the contrast; a colour that a page sets has it in
    # one of them at most.
    styled = re.compile(r"style=[\"'][^\"']*\b(?:color|background)|<font|\bcolor: ")
    assert not [found for text in styled_texts() for found in styled.findall(text)]


@each_notebook
def test_no_sentence_tells_lines_apart_by_colour_alone(notebook):
    colours = "red|green|blue|orange|yellow|purple|pink|violet|brown"
    things = "line|curve|dot|bar|point|area|region|cell|marker"
    assert not re.findall(rf"\b(?:{colours}) (?:{things})s?\b", prose(notebook))


@each_notebook
def test_widgets_have_one_look_since_helpers_makes_them_all(notebook):
    assert not [cell for cell in code_cells(notebook) if "ipywidgets" in cell.source]
    assert not calls(notebook, "interact", "interactive", "interact_manual")
