"""What a talk takes from the notebooks by name, so that nothing is written twice."""

import json
import re
from collections.abc import Iterator
from functools import cache
from html import unescape
from pathlib import Path
from typing import NamedTuple

import nbformat
import numpy as np
from nbformat import NotebookNode

from helpers import DATA
from helpers.tools.cells import lines_of, parsed

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOKS = ROOT / "notebooks"


class Figure(NamedTuple):
    """A picture of a notebook's outputs: a PNG in base 64, its text, and its width on a page."""

    png: str
    alt: str
    width: int


@cache
def notebook(number: str) -> NotebookNode:
    """The notebook whose file begins with this number, such as "05b", with its saved outputs.

    Raises ValueError if there is none.
    """
    paths = list(NOTEBOOKS.glob(f"{number}_*.ipynb"))
    if len(paths) != 1:
        raise ValueError(f"there is no notebook {number!r}")
    return nbformat.read(paths[0], as_version=4)


def equation(number: str, words: str = "") -> str:
    r"""A displayed equation as TeX, without its dollars.

    number: of its tag, such as "1.6"; or of a notebook, such as "06", and then words: a part of it,
      such as "\mathrm{MIG}", that occurs in one equation only.
    Raises ValueError where not just one equation is meant.
    """
    mark = words or rf"\tag{{{number}}}"
    where = notebook(number) if words else _holding(mark)
    found = [tex for tex in _equations(where) if mark in tex]
    return _only(found, f"equation {words or number!r} in notebook {number}").strip()


def figure(number: str, beginning: str) -> Figure:
    """The figure of a notebook whose text begins so. Raises ValueError for none or several."""
    found = []
    for output in _outputs(number):
        if "image/png" in output.get("data", {}):
            told = output.metadata["image/png"]
            if told["alt"].startswith(beginning):
                png = re.sub(r"\s", "", output.data["image/png"])
                found.append(Figure(png, told["alt"], int(told["width"])))
    return _only(found, f"figure {beginning!r} in notebook {number}")


def table(number: str, beginning: str) -> str:
    """The table of a notebook whose caption begins so, as HTML.

    Raises ValueError for none or several.
    """
    found = []
    for output in _outputs(number):
        html = output.get("data", {}).get("text/html", "")
        caption = re.search(r"<caption[^>]*>(.*?)</caption>", html, re.DOTALL)
        if caption and unescape(caption[1]).strip().startswith(beginning):
            found.append(html)
    return _only(found, f"table {beginning!r} in notebook {number}")


def code(number: str, name: str) -> str:
    """The definition of a function or class in a notebook, without its docstring.

    Raises ValueError for none or several.
    """
    found = []
    for cell in notebook(number).cells:
        if cell.cell_type != "code":
            continue
        for statement in parsed(cell.source).body:
            if getattr(statement, "name", None) == name:
                source = "\n".join(lines_of(cell.source, statement))
                found.append(re.sub(r'\n *""".*?"""', "", source, count=1, flags=re.DOTALL))
    return _only(found, f"definition of {name} in notebook {number}")


def number(place: str, pattern: str) -> str:
    """A number as a notebook shows it, or as results.json has it.

    place: of a notebook, such as "04"; pattern: a regular expression with one group, searched in
      the text of its outputs and of its prose. What it finds must be the same everywhere.
    place: "results"; pattern: names of a recipe and of a score, and a format if not ".2f", such as
      "vae reconstruction .1f"; it is the mean over the seeds.
    Raises ValueError for what is not found, or found with two values.
    """
    if place == "results":
        name, score, *form = pattern.split()
        index = json.loads((DATA / "results.json").read_text(encoding="utf-8"))
        if name not in index or score not in next(iter(index[name]["runs"].values())):
            raise ValueError(f"results.json has no {score!r} of {name!r}")
        runs = index[name]["runs"].values()
        return format(np.mean([run[score] for run in runs]), *form or [".2f"])

    found = {match[1] for text in _texts(place) for match in re.finditer(pattern, text)}
    return _only(sorted(found), f"number {pattern!r} in notebook {place}")


def inventory(number: str) -> Iterator[str]:
    """What a talk can name of a notebook, a line each, in its order."""
    for cell in notebook(number).cells:
        if cell.cell_type == "markdown":
            yield from re.findall(r"^##+ .*", cell.source, re.MULTILINE)
            for tex in re.findall(r"\$\$(.*?)\$\$", cell.source, re.DOTALL):
                tag = re.search(r"\\tag\{([^}]*)\}", tex)
                shown = " ".join(tex.split())[:90]
                yield f"  ![](equation:{tag[1]})  {shown}" if tag else f"  equation {shown}"
            continue

        for verb, key in re.findall(r"""(predict|task=|quiz)\(?["']([^"']+)""", cell.source):
            yield f"  ![]({'widget' if verb == 'task=' else 'vote'}:{key})"
        for name in re.findall(r"^(?:def|class) (\w+)", cell.source, re.MULTILINE):
            yield f"  ![{name}](code:{number})"
        for output in cell.outputs:
            data = output.get("data", {})
            caption = re.search(r"<caption[^>]*>(.*?)</caption>", data.get("text/html", ""))
            if "image/png" in data:
                yield f"  ![{output.metadata['image/png']['alt'][:90]}](figure:{number})"
            elif caption:
                yield f"  ![{unescape(caption[1])[:90]}](table:{number})"


def _outputs(number: str) -> Iterator[NotebookNode]:
    for cell in notebook(number).cells:
        if cell.cell_type == "code":
            yield from cell.outputs


def _texts(number: str) -> Iterator[str]:
    """The prose of a notebook, and what its outputs say."""
    for cell in notebook(number).cells:
        if cell.cell_type == "markdown":
            yield cell.source
    for output in _outputs(number):
        yield output.get("text") or output.get("data", {}).get("text/plain", "")


def _equations(node: NotebookNode) -> list[str]:
    """All displayed equations of a notebook."""
    prose = "\n\n".join(cell.source for cell in node.cells if cell.cell_type == "markdown")
    return re.findall(r"\$\$(.*?)\$\$", prose, re.DOTALL)


def _holding(mark: str) -> NotebookNode:
    """The notebook in one of whose equations this occurs."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        node = notebook(path.stem.split("_")[0])
        if any(mark in tex for tex in _equations(node)):
            return node
    raise ValueError(f"no notebook has an equation with {mark}")


def _only(found: list, what: str):
    """The one thing that was found; ValueError for none and for several."""
    if len(found) != 1:
        raise ValueError(
            f"there is {'no' if not found else f'more than one ({len(found)})'} {what}"
        )
    return found[0]
