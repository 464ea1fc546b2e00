"""Reading without running, and without a mouse, full sight or all colours: notebooks as a page, pictures as sentences."""

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
from run_notebooks import ROOT
from test_project import NOTEBOOKS, code_cells, each_notebook

PAGES = {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8")
         for p in (*ROOT.glob("*.md"), *ROOT.glob("data/*.md"), *ROOT.glob("notebooks/**/*.md")) if ".ipynb_" not in str(p)}


def prose(notebook):
    """The text between the cells of code, without what it quotes as code and without comments."""
    return without_code("\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown"))


def without_code(text):
    return re.sub(r"```.*?```|`[^`\n]*`|<!--.*?-->", "", text, flags=re.DOTALL)


def outputs(notebook):
    return [o for c in code_cells(notebook) for o in c.outputs]


# Structure


@each_notebook
def test_headings(notebook):
    levels = [len(h) for h in re.findall(r"^(#+) ", prose(notebook), re.MULTILINE)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:]))


def anchors(text):
    """What a link to a heading may say, in JupyterLab (hyphens for spaces) and on code-hosting sites (lower case too)."""
    headings = re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE)
    lab = {h.replace(" ", "-") for h in headings}
    return lab | {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def broken_links(text, path):
    """Links of this page, which lies at `path`, that lead to no file, to no heading, or are not over https."""
    for target in re.findall(r"\]\(([^)\s]+)\)|<(?:a|img) [^>]*?(?:href|src)=\"([^\"]+)\"", without_code(text)):
        target = "".join(target)
        if re.match(r"[a-z]+:", target):
            if not target.startswith(("https://", "data:image/")):
                yield target
            continue
        file, _, anchor = unquote(target).partition("#")
        other = (path.parent / file).resolve() if file else path
        if not other.exists():
            yield target
        elif anchor:
            page = NOTEBOOKS.get(other.relative_to(ROOT).as_posix())
            if anchor not in anchors(prose(page) if page else other.read_text(encoding="utf-8")):
                yield target


@pytest.mark.parametrize("path", [*NOTEBOOKS, *PAGES])
def test_links_lead_somewhere(path):
    assert not list(broken_links(prose(NOTEBOOKS[path]) if path in NOTEBOOKS else PAGES[path], ROOT / path))


# Pictures


@each_notebook
def test_every_picture_is_also_a_sentence_of_its_own(notebook):
    for cell in code_cells(notebook):
        pictures = [o for o in cell.outputs if "image/png" in o.get("data", {})]
        assert len(pictures) >= len(re.findall(r"^ *(?:show|filmstrip)\(", cell.source, re.MULTILINE)), cell.source
    drawn = {o.data["image/png"]: o.metadata["image/png"]["alt"] for o in outputs(notebook) if "image/png" in o.get("data", {})}
    printed = {unescape(re.sub("<.*?>", "", o.data["text/html"])) for o in outputs(notebook) if "text/html" in o.get("data", {})}
    for alt in drawn.values():
        assert len(alt.split()) >= 6 and alt.endswith(".") and alt in printed, alt
    assert len(set(drawn.values())) == len(drawn), "two pictures with the same text"


@pytest.mark.parametrize("path", [*NOTEBOOKS, *PAGES])
def test_pictures_in_the_prose_have_a_text(path):
    text = prose(NOTEBOOKS[path]) if path in NOTEBOOKS else without_code(PAGES[path])
    alts = re.findall(r"!\[([^\]]*)\]\(", text) + re.findall(r'<img (?:[^>]*alt="([^"]*)")?', text)
    assert all(len(alt.split()) >= 6 for alt in alts), alts


@each_notebook
def test_no_widget_is_saved_as_raw_text(notebook):
    shown = [o.get("text", "") + o.get("data", {}).get("text/plain", "") + o.get("data", {}).get("text/html", "")
             for o in outputs(notebook)]
    raw = re.compile(r"\b(?:[VH]Box|HTML|Output|interactive|\w*Slider|Dropdown|\w*Button|\w*Progress)\(|<Figure |object at 0x")
    assert not [s for s in shown if raw.search(s)]


# Equations


def broken_equations(text):
    """What code-hosting sites or JupyterLab would not typeset: only $…$ and $$…$$ are understood by both."""
    for line in re.findall(r"^\|.*$", text, re.MULTILINE):
        yield from (f"a bar in a table's formula: {m}" for m in line.split("$")[1::2] if "|" in m)
    blocks = re.findall(r"\$\$.*?\$\$", text, re.DOTALL)
    inline = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL).replace(r"\$", "")
    yield from (f"an empty line in {b}" for b in blocks if re.search(r"\n\s*\n", b))
    yield from (f"more than one tag in {b}" for b in blocks if b.count(r"\tag") > 1)
    yield from (f"{m} outside $$" for m in re.findall(r"\\tag|\\begin\{(?:align|equation|gather|multline)\*?\}", inline))
    yield from (f"{m} is not for all sites: use $" for m in re.findall(r"\\[(\[]", inline))
    if "$$" in inline or inline.count("$") % 2:
        yield "a $ without its partner"
    else:
        yield from (f"spaces within ${m}$" for m in inline.split("$")[1::2] if m != m.strip() or "\n\n" in m)


@each_notebook
def test_equations_render_everywhere(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not list(broken_equations(without_code(cell.source))), cell.source


# Colours

# Complete deuteranopia and the like, on linear RGB: Machado, Oliveira and Fernandes (2009), "A physiologically-based model for
# simulation of color vision deficiency", table 1, severity 1.
SEEN_BY = {
    "all cones": np.eye(3),
    "no L cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no M cones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no S cones": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


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
    """The ratio of two colours' luminances by the Web Content Accessibility Guidelines; 4.5 is asked of text."""
    light, dark = sorted(linear([a, b]) @ TO_XYZ[1], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def closest(colours, cones):
    seen = cielab(linear(colours) @ np.transpose(cones))
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))


@pytest.mark.parametrize("cones", SEEN_BY.values(), ids=SEEN_BY)
def test_the_palette_stays_apart_for_every_eye(cones):
    assert closest(plots.PALETTE, cones) > 15  # a difference of 2 can just be seen side by side


def test_the_measure_knows_red_from_green_only_with_all_cones():
    pair = ["#D62728", "#7F7F00"]
    assert closest(pair, SEEN_BY["all cones"]) > 50 and closest(pair, SEEN_BY["no M cones"]) < 15
    assert closest(["white", "black"], np.eye(3)) == pytest.approx(100, abs=0.1)
    assert contrast("white", "black") == pytest.approx(21)


def test_heat_maps_keep_their_order_in_greyscale():
    lightness = cielab(linear(plt.get_cmap(plots.HEAT)(np.linspace(0, 1, 50))))[:, 0]
    assert (np.diff(lightness) > 0.5).all()


def test_numbers_on_a_heat_map_can_be_read():
    figure = plots.matrix(np.linspace(0, 1, 40).reshape(10, 4), "abcd", "title", "nats")
    picture = figure.axes[0].images[0]
    cells = picture.cmap(picture.norm(picture.get_array())).reshape(-1, 4)
    assert min(contrast(t.get_color(), cell) for t, cell in zip(figure.axes[0].texts, cells)) >= 4.5
    plt.close(figure)


def test_widgets_and_pages_leave_the_colours_of_text_to_the_reader():
    """JupyterLab's own themes, dark ones too, have the contrast; a colour that a page sets has it in one of them at most."""
    pages = [o.data["text/html"] for n in NOTEBOOKS.values() for o in outputs(n) if "text/html" in o.get("data", {})]
    pages += [c.source for n in NOTEBOOKS.values() for c in n.cells if c.cell_type == "markdown"]
    pages += [(ROOT / "helpers" / name).read_text(encoding="utf-8") for name in ("widgets.py", "homework/controls.py")]
    styled = re.compile(r"style=[\"'][^\"']*\b(?:color|background)|<font|\bcolor: ")
    assert not [s for p in pages for s in styled.findall(p)]


@each_notebook
def test_no_sentence_tells_lines_apart_by_colour_alone(notebook):
    colours = "red|green|blue|orange|yellow|purple|pink|violet|brown"
    assert not re.findall(rf"\b(?:{colours}) (?:line|curve|dot|bar|point|area|region|cell|marker)s?\b", prose(notebook))


@each_notebook
def test_widgets_have_one_look_since_helpers_makes_them_all(notebook):
    assert not re.search(r"ipywidgets|\binteract(?:ive|_manual)?\(", "\n".join(c.source for c in code_cells(notebook)))
