"""A made-up class: what its students do to the released notebook, and how a platform packs it."""

import inspect
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4

from helpers import homework
from helpers.tools.lecturer_copies import defined_function

Edit = Callable[[NotebookNode], None]
STUB = "    # your code here\n    raise NotImplementedError"

# A made-up homework, so that what is tested here does not hang on the real ones: by the id of the
# exercise, what its function is called, its points, and a right answer.
FUNCTIONS = {
    "4.1": ("entropy", 2, "def entropy(p):\n    return -(p * np.log(p)).sum()"),
    "4.2": ("mig", 2, "def mig(information, entropies):\n    return 0.5"),
    "4.4": (
        "dci",
        3,
        """def dci(importance, errors):
    # The share of each latent.
    shares = importance / importance.sum()
    rows = shares.sum(axis=1)
    columns = shares.sum(axis=0)
    return rows, columns, 1 - errors""",
    ),
}
RIGHT = {name: answer for name, _, answer in FUNCTIONS.values()}
REFERENCES = {id: answer for id, (_, _, answer) in FUNCTIONS.items()}

# What stands around the exercises: a set-up, and cells that only show something.
SET_UP = "import numpy as np"
SHOWN = """def turned(angle):
    return np.cos(angle)
print(turned(1))"""
SHOWN_TOO = "count = turned(2)\nprint(count)"


def released_notebook(*, public: bool = False) -> NotebookNode:
    """The made-up homework as students get it.

    public: without the cells for marks, as it is for those who learn alone.
    """
    cells = [v4.new_markdown_cell("**Name:**", id="about"), v4.new_code_cell(SET_UP, id="set-up")]
    for id, (name, points, answer) in FUNCTIONS.items():
        cells.append(v4.new_markdown_cell(f"## {id} About {name}", id=f"head-{name}"))
        stub = f"{answer.splitlines()[0]}\n{STUB}"
        cells.append(_marked(v4.new_code_cell(stub, id=name), id, name, solution=True))
        if not public:
            test = v4.new_code_cell(f'_points("{id}", {name}, {points})', id=f"test-{name}")
            cells.append(_marked(test, id, f"test_{name}", points=points))

    words = v4.new_markdown_cell("**Your answer:** *(write here)*", id="words")
    cells.append(v4.new_markdown_cell("### 4.3b In words", id="head-words"))
    cells.append(_marked(words, "4.3b", "written_4_3b", points=4, solution=True))
    cells += [v4.new_code_cell(SHOWN, id="shown"), v4.new_code_cell(SHOWN_TOO, id="shown-too")]

    if public:
        for cell in cells:
            cell.metadata = {}
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    return v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _marked(
    cell: NotebookNode, id: str, grade_id: str, *, points: int | None = None, solution: bool = False
) -> NotebookNode:
    """A cell that nbgrader knows."""
    rules = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": points is not None,
        "solution": solution,
        "locked": not solution,
        "task": False,
    }
    cell.metadata["nbgrader"] = rules if points is None else rules | {"points": points}
    cell.metadata["exercise"] = id
    return cell


def write_course(course: Path, name: str) -> None:
    """Write a course with the students' copy of the made-up homework, without nbgrader."""
    target = course / "release" / name / f"{name}.ipynb"
    target.parent.mkdir(parents=True)
    nbformat.write(released_notebook(), target)
    (course / "nbgrader_config.py").write_text("", encoding="utf-8")
    (course / "seeds.json").write_text('{"4.1": [123456789]}', encoding="utf-8")


def references(name: str, variant: int = 0) -> dict[str, str]:
    """The right answers of a real homework, by the function's name.

    variant: of the course; 0 for the public answers.
    """
    return {e.name: inspect.getsource(e.reference) for e in homework.exercises(name, variant)}


def notebook(course: Path, name: str, answers: dict[str, str] | None = None, *edits: Edit) -> str:
    """The released notebook after a student has worked in it.

    answers: sources by the function's name, to stand in place of stubs.
    edits: what else the student does to the notebook, in turn.
    """
    made = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
    for cell in made.cells:
        function = defined_function(cell)
        if answers and function in answers:
            cell.source = answers[function]
    for edit in edits:
        edit(made)
    return nbformat.writes(made)


def graded_cells(made: NotebookNode) -> dict[str, NotebookNode]:
    """The cells of nbgrader by their ids there."""
    return {
        cell.metadata["nbgrader"]["grade_id"]: cell
        for cell in made.cells
        if "nbgrader" in cell.metadata
    }


def moodle(name: str, number: int) -> str:
    """The folder that Moodle gives a student."""
    return f"{name}_{number}_assignsubmission_file_"


def pack(path: Path, files: dict[str, str | bytes], times: dict[str, str] | None = None) -> Path:
    """A zip file of these, each at noon on 30 November 2026 if `times` says nothing else."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            moment = datetime.fromisoformat((times or {}).get(file, "2026-11-30 12:00"))
            info = zipfile.ZipInfo(file, moment.timetuple()[:6])
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path
