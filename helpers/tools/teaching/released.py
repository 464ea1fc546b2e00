"""A homework as it was handed out, and where a student's notebook differs from it.

The notebook in `release/` says which cells belong to the course and what each is worth. What a
student's notebook says about itself, in tags and other metadata, is never believed.
"""

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode


class Unreadable(ValueError):  # noqa: N818  it is no error of the program
    """What was handed in is no notebook that could be marked; the sentence says why."""


@dataclass(frozen=True)
class Item:
    """Something that earns points.

    grade_id: of the cell that has the points, for nbgrader.
    id, title: of the exercise.
    answer: the grade_id of the cell in which the student answers.
    words: whether somebody has to read the answer.
    """

    grade_id: str
    id: str
    title: str
    most: float
    answer: str
    words: bool


@dataclass(frozen=True)
class Place:
    """A cell of the course, or of a student, or of both, where the student has kept it.

    number: of the student's cell among the code cells of that notebook, from 1.
    """

    course: NotebookNode | None
    student: NotebookNode | None
    number: int | None = None


@dataclass(frozen=True)
class Released:
    """A homework as students got it."""

    name: str
    notebook: NotebookNode

    @property
    def items(self) -> list[Item]:
        """All that earns points, in the order of the notebook."""
        answers = [cell for cell in self.notebook.cells if rules(cell).get("solution")]
        found = []
        for cell in self.notebook.cells:
            if not rules(cell).get("grade"):
                continue

            # An answer in words has its points itself, that of a function in the test after it.
            id = str(cell.metadata.get("exercise", rules(cell)["grade_id"]))
            words = bool(rules(cell).get("solution"))
            own = [a for a in answers if a.metadata.get("exercise") == id and not _graded(a)]
            answer = cell if words or not own else own[0]
            found.append(
                Item(
                    grade_id=rules(cell)["grade_id"],
                    id=id,
                    title=self._title(id),
                    most=float(rules(cell)["points"]),
                    answer=rules(answer)["grade_id"],
                    words=words,
                )
            )
        return found

    def cell(self, grade_id: str) -> NotebookNode:
        """The cell that nbgrader calls so."""
        return next(c for c in self.notebook.cells if rules(c).get("grade_id") == grade_id)

    def _title(self, id: str) -> str:
        """What stands after an exercise's id in its heading."""
        for cell in self.notebook.cells:
            found = re.search(rf"^#+ {re.escape(id)} (.+)$", cell.source, re.MULTILINE)
            if found and cell.cell_type == "markdown":
                return found[1]
        return ""


def released(course: Path, name: str) -> Released:
    """A homework of a course.

    course: the folder that `make homework` wrote.
    name: of the homework, such as "hw4_metrics".

    Raises ValueError if it was not made yet.
    """
    path = course / "release" / name / f"{name}.ipynb"
    if not path.exists():
        raise ValueError(f"there is no {path}: run `make homework`, and look at the name")
    return Released(name, nbformat.read(path, as_version=4))


def rules(cell: Mapping[str, Any]) -> dict[str, Any]:
    """What a cell says to nbgrader; nothing if it says nothing, or what cannot be read."""
    metadata = cell.get("metadata")
    found = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def _graded(cell: NotebookNode) -> bool:
    return bool(rules(cell).get("grade"))


# What a student has handed in


def opened(content: bytes) -> NotebookNode:
    """The notebook that a file holds.

    Raises Unreadable.
    """
    try:
        raw = json.loads(content)
        with warnings.catch_warnings():
            # Cells without an id, from older programs, are no fault of the student.
            warnings.simplefilter("ignore")
            notebook = nbformat.reads(json.dumps(raw), as_version=4)
        cells = [(cell.cell_type, cell.source) for cell in notebook.cells]
    except (ValueError, RecursionError):
        raise Unreadable("it is no notebook: not even JSON") from None
    except Exception:  # whatever else a made-up file makes nbformat stumble over
        raise Unreadable("it is no notebook: it has no readable cells") from None

    for kind, source in cells:
        if kind not in ("code", "markdown", "raw") or not isinstance(source, str):
            raise Unreadable("it is no notebook: it has no readable cells")

    language = _language(notebook)
    if language.lower() not in ("", "python", "python3", "ipython"):
        raise Unreadable(f"it is a notebook for {language}, not for Python")
    return notebook


def _language(notebook: NotebookNode) -> str:
    """The language for which a notebook asks, "" if for none.

    The name of its kernel is a matter of the student's machine, and is never used.
    """
    for key, name in (("kernelspec", "language"), ("language_info", "name")):
        found = notebook.metadata.get(key)
        if isinstance(found, dict) and isinstance(found.get(name), str) and found[name]:
            return found[name]
    return ""


def carries(homework: Released, notebook: NotebookNode) -> bool:
    """Whether a notebook has cells of this homework that can be marked."""
    ours = {item.grade_id for item in homework.items}
    return any(rules(cell).get("grade_id") in ours for cell in notebook.cells)


def kind(homework: Released, notebook: NotebookNode) -> str:
    """Which notebook it is: "released", "another homework" or a "public copy" without marks."""
    if carries(homework, notebook):
        return "released"
    if any(rules(cell).get("grade_id") for cell in notebook.cells):
        return "another homework"
    return "public copy"


def places(homework: Released, notebook: NotebookNode) -> list[Place]:
    """The course's cells in their order, each with the student's version, and what was added.

    A cell that the student added stands after the course's cell after which it was added. Of
    several cells with the mark of one, the first is the course's.
    """
    course = homework.notebook.cells
    partner = _partners(course, notebook.cells)

    # What was added, by the index of the course's cell before it.
    number = 0
    before = -1
    mine: dict[int, Place] = {}
    added: dict[int, list[Place]] = {}
    for index, cell in enumerate(notebook.cells):
        number += cell.cell_type == "code"
        counted = number if cell.cell_type == "code" else None
        if index in partner:
            before = partner[index]
            mine[before] = Place(course[before], cell, counted)
        else:
            added.setdefault(before, []).append(Place(None, cell, counted))

    found = list(added.get(-1, []))
    for index, cell in enumerate(course):
        found.append(mine.get(index, Place(cell, None)))
        found += added.get(index, [])
    return found


def _partners(course: list[NotebookNode], cells: list[NotebookNode]) -> dict[int, int]:
    """From the index of a student's cell to that of the course's cell which it is."""
    partner: dict[int, int] = {}

    # Some programs drop the ids of cells, and some people the metadata: one trace is enough.
    for trace in (_by_grade_id, _by_cell_id, _by_source):
        free: dict[Any, int] = {}
        for index, cell in reversed(list(enumerate(course))):
            if index not in partner.values() and trace(cell) is not None:
                free[trace(cell)] = index
        for index, cell in enumerate(cells):
            if index not in partner and trace(cell) in free:
                partner[index] = free.pop(trace(cell))

    return partner


def _by_grade_id(cell: NotebookNode) -> str | None:
    grade_id = rules(cell).get("grade_id")
    return grade_id if isinstance(grade_id, str) else None


def _by_cell_id(cell: NotebookNode) -> tuple[str, str] | None:
    return (cell.cell_type, cell["id"]) if cell.get("id") else None


def _by_source(cell: NotebookNode) -> tuple[str, str] | None:
    return (cell.cell_type, cell.source.strip()) if cell.source.strip() else None


# Answers, and what was done to the rest


def answers(homework: Released, notebook: NotebookNode) -> dict[str, str | None]:
    """What the student answered, by the exercise's id; None where nothing was written."""
    found = places(homework, notebook)
    student = {rules(p.course).get("grade_id"): p.student for p in found if p.course}
    added = [p.student.source for p in found if not p.course and p.student]

    written: dict[str, str | None] = {}
    for item in homework.items:
        stub = homework.cell(item.answer).source
        cell = student[item.answer]
        source = cell.source if cell else stub
        if source.split() == stub.split():
            # The function may stand in a cell of its own.
            own = [s for s in added if not item.words and _defines(s, item.answer)]
            written[item.id] = own[-1] if own else None
        else:
            written[item.id] = source if source.strip() else None
    return written


def _defines(source: str, name: str) -> bool:
    return re.search(rf"^def {re.escape(name)}\(", source, re.MULTILINE) is not None


def tampered(homework: Released, notebook: NotebookNode) -> list[str]:
    """What was done to cells that students are asked to leave alone, a few words each."""
    found = []
    for place in places(homework, notebook):
        if place.course is not None and rules(place.course):
            found += _changes(place.course, place.student)

    # Nothing is marked by what these say; but somebody has put them there.
    for tag in ("skip-execution", "raises-exception"):
        tagged = sum(tag in cell.metadata.get("tags", []) for cell in notebook.cells)
        found += [f"tag {tag} on {tagged} cells"] if tagged else []
    return found


def _changes(course: NotebookNode, student: NotebookNode | None) -> list[str]:
    """What was done to a cell with a mark."""
    ours = rules(course)
    is_answer = ours.get("solution")
    what = f"{'answer to' if is_answer else 'test of'} {course.metadata.get('exercise', '?')}"
    if student is None:
        return [f"{what} removed"]

    found = []
    if not is_answer and student.source.split() != course.source.split():
        found.append(f"{what} edited")
    theirs = rules(student)
    if theirs.get("points") != ours.get("points"):
        found.append(f"{what}: points {ours.get('points')} made {theirs.get('points')}")
    if any(theirs.get(key) != ours[key] for key in ("grade", "locked", "solution")):
        found.append(f"{what}: no longer marked as such")
    return found
