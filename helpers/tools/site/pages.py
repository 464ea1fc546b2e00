"""From a notebook's file to a notebook that Sphinx can show: what needed a kernel, made alive."""

import ast
import base64
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode, v4

from helpers.homework.controls import quiz_question
from helpers.questions import question
from helpers.tools.cells import calls
from helpers.tools.alive import frames, models, parts

STATES = "Some of its states, side by side"
SHEET = (
    "*This page is the sheet to read: the checks and buttons are in the notebook, and it needs a "
    "kernel to run.*"
)

# How such outputs begin.
QUESTION, REASONS, TABLE, CAPTION = "<b>", "<details", "<table", "<small"


class Page(NamedTuple):
    """A notebook for Sphinx, and the files that it needs in the site's folder _static."""

    notebook: NotebookNode
    files: dict[str, bytes]
    pictures: dict[str, str]  # how a picture is written in base 64 -> which of the files it is


def page(path: Path, name: str, offers: Sequence[tuple[str, str]]) -> Page:
    """The notebook in a file as a page.

    path: of the notebook, which begins with its title.
    name: of the page in the site, such as "notebooks/00_start_here".
    offers: what there is of the notebook besides, as text and address.

    Raises ValueError for a widget that was not recorded, and for outputs of other code.
    """
    return _Maker(name).page(nbformat.read(path, as_version=4), offers)


class _Maker:
    """Makes the page of one notebook, cell by cell."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.static = "../" * name.count("/") + "_static"
        self.files: dict[str, bytes] = {}
        self.pictures: dict[str, str] = {}
        self.keys: dict[str, str] = {}  # the variable that holds a prediction -> its key

    def page(self, notebook: NotebookNode, offers: Sequence[tuple[str, str]]) -> Page:
        cells = [
            v4.new_markdown_cell(cell.source) if cell.cell_type == "markdown" else self.code(cell)
            for cell in notebook.cells
        ]

        # Below the title, what else there is of it.
        links = " ".join(f'<a href="{escape(where)}">{escape(text)}</a>' for text, where in offers)
        title, rest = cells[0].source.split("\n", 1)
        nav = f'<nav class="offers" aria-label="This notebook elsewhere">{links}</nav>'
        sheet = f"\n{SHEET}\n" if "/homework/" in self.name else ""
        cells[0].source = f"{title}\n\n{nav}\n{sheet}{rest}"
        made = v4.new_notebook(cells=cells, metadata=notebook.metadata)
        return Page(made, self.files, self.pictures)

    def code(self, cell: NotebookNode) -> NotebookNode:
        """A code cell, folded where the notebook folds it, with outputs that need no kernel."""
        made = v4.new_code_cell(cell.source, execution_count=cell.execution_count)
        if _only_asks(cell.source):
            made.metadata.tags = ["remove-input"]
        elif cell.metadata.get("jupyter", {}).get("source_hidden"):
            made.metadata.tags = ["hide-input"]

        # A saved notebook has no widgets; each stands before what its cell shows of it, which is
        # folded then, since it would answer the task.
        alive = calls(cell.source, "explore")
        for call in alive:
            key = next(k.value.value for k in call.keywords if k.arg == "task")  # type: ignore[attr-defined]
            made.outputs.append(_html(self.widget(key)))

        asked = self.questions(cell.source)
        for output in cell.outputs:
            html = output.get("data", {}).get("text/html", "")
            if "image/png" in output.get("data", {}):
                picture = self.picture(output)
                made.outputs.append(_html(parts.folded(STATES, picture) if alive else picture))
            elif alive and html.startswith(CAPTION):
                folded = made.outputs[-1].data["text/html"].replace("</details>", "")
                made.outputs[-1] = _html(f"{folded}<p>{html}</p></details>")
            elif html.startswith((QUESTION, REASONS)):
                if not asked:
                    raise ValueError(f"{self.name} shows a question that its cell does not ask")
                made.outputs.append(_html(asked.pop(0)))
            elif html.startswith(TABLE):
                made.outputs.append(_html(f'<div class="scrolls" tabindex="0">{html}</div>'))
            else:
                made.outputs.append(output)
        return made

    def picture(self, output: NotebookNode) -> str:
        """A picture as an element that knows its text and its width."""
        told = output.metadata["image/png"]
        written = re.sub(r"\s", "", output.data["image/png"])
        file = f"pictures/{self.name.replace('/', '-')}-{len(self.pictures)}.webp"
        self.pictures[written] = file
        self.files[file] = frames.smaller(base64.b64decode(written))
        return (
            f'<img class="figure" loading="lazy" alt="{escape(told["alt"])}" '
            f'width="{told["width"]}" src="{self.static}/{file}">'
        )

    def questions(self, source: str) -> list[str]:
        """The questions and reasons that a cell shows, in their order."""
        # Which variable holds which prediction.
        for name, key in re.findall(r"""^(\w+) = predict\(["']([^"']+)""", source, re.MULTILINE):
            self.keys[name] = key

        shown = []
        for call in calls(source, "predict", "quiz", "compare"):
            match call:
                case ast.Call(func=ast.Attribute(value=held, attr="compare"), args=[]):
                    key = self.keys[ast.unparse(held)]
                    shown.append(parts.reasons(key, question(key)))
                case ast.Call(func=ast.Name(id="quiz"), args=[ast.Constant(value=str(key))]):
                    asked = quiz_question(key)
                    heading = f"Question {key}: {asked.text}"
                    shown.append(parts.vote(key, heading, asked, at_once=True))
                case ast.Call(func=ast.Name(id="predict"), args=[ast.Constant(value=str(key))]):
                    asked = question(key)
                    heading = f"Predict: {asked.text}"
                    shown.append(parts.vote(key, heading, asked, at_once=False))
        return shown

    def widget(self, key: str) -> str:
        """A widget as HTML; its pictures are put among the page's files."""
        if key in models.WIDGETS:
            return models.WIDGETS[key]()

        html, files = frames.on_page(key, self.static)
        self.files |= files
        return html


def _only_asks(source: str) -> bool:
    """Whether all that a cell does is to ask: its code would say nothing to a reader."""
    return re.fullmatch(r"(\w+ = )?(predict|quiz)\([^)]*\)|\w+\.compare\(\)", source) is not None


def _html(html: str) -> NotebookNode:
    return v4.new_output("display_data", {"text/html": html})
