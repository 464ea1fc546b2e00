"""A made-up class: what its students do to the released notebook, and how a platform packs it."""

import inspect
import re
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from helpers import homework
from helpers.tools import lecturer_copies
from helpers.tools.lecturer_copies import defined_function

Edit = Callable[[NotebookNode], None]
STUB = "    # your code here\n    raise NotImplementedError"


def release_without_nbgrader(course: Path, name: str) -> None:
    """Write a course with the students' copy of one homework, as nbgrader would make it."""
    lecturer_copies.write(course)
    notebook = nbformat.read(course / "source" / name / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        hidden = r"### BEGIN HIDDEN TESTS.*### END HIDDEN TESTS\n"
        cell.source = re.sub(hidden, "", cell.source, flags=re.DOTALL)
        solution = r"    ### BEGIN SOLUTION.*### END SOLUTION"
        cell.source = re.sub(solution, STUB, cell.source, flags=re.DOTALL)
        if cell.source.startswith("**Rubric"):
            cell.source = "**Your answer:** *(write here)*"

    target = course / "release" / name / f"{name}.ipynb"
    target.parent.mkdir(parents=True)
    nbformat.write(notebook, target)


def references(name: str) -> dict[str, str]:
    """The right answers of a homework, by the function's name."""
    return {e.name: inspect.getsource(e.reference) for e in homework.exercises(name)}


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
