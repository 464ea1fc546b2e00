"""Drawings and the page of formulas, which stand beside the notebooks."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

import helpers.gaussians
import helpers.metrics
import helpers.objectives
import helpers.worlds
from helpers.tools import drawings
from run_notebooks import ROOT
from test_project import NOTEBOOKS

FILES = sorted(drawings.FOLDER.glob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"


def test_every_drawing_has_its_file_and_its_place():
    assert [file.stem for file in FILES] == sorted(drawings.DRAWINGS)

    texts = "".join(c.source for n in NOTEBOOKS.values() for c in n.cells)
    for file in FILES:
        assert f"](drawings/{file.name})" in texts, f"no notebook shows {file.name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_drawing_describes_itself_and_asks_nobody(file):
    text = file.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    described = " ".join(drawings.DRAWINGS[file.stem].__doc__.split())
    assert root.get("role") == "img"
    assert root.get("aria-label") == described == root.find(f"{SVG}title").text

    # No font, picture or style of somebody else.
    assert not re.findall(r'(?:href|src)="(?!#)[^"]*"|url\((?!#)', text)
    assert len(text) < 80_000


def test_a_second_drawing_writes_the_same_bytes():
    draw = drawings.DRAWINGS["bound"]
    assert drawings.as_svg(draw) == drawings.as_svg(draw)


def test_all_names_on_the_page_of_formulas_exist():
    page = (ROOT / "notebooks" / "FORMULAS.md").read_text(encoding="utf-8")
    names = re.findall(r"`((?:gaussians|worlds|objectives|metrics)\.[\w.]+)", page)
    assert len(names) >= 15

    for name in names:
        module, *rest = name.split(".")
        found = getattr(helpers, module)
        for part in rest:
            found = getattr(found, part)
