"""What each student gets: points and a sentence for each exercise, and how far they hold."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from helpers.tools.teaching import roster
from helpers.tools.teaching.marking import gradebook, marked
from helpers.tools.teaching.prechecks import Finding, precheck
from helpers.tools.teaching.released import Item, Released, released, rules


@dataclass(frozen=True)
class Score:
    """What an exercise has earned.

    points: None while nobody has read the answer.
    sentence: what was wrong, or that nothing was.
    comment: of whoever marked it; "" if there is none.
    doubt: why the points may change; "" if they stand.
    """

    item: Item
    points: float | None
    sentence: str
    comment: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class Result:
    """What a student gets for a homework.

    row: of the roster; made up for somebody who has handed in nothing.
    member: on the class list, if there is one.
    stops: why there are no points; "" if there are.
    status: all that has to be known beside the total, a few words each.
    """

    row: roster.Row
    member: roster.Member | None
    stops: str
    status: tuple[str, ...]
    scores: tuple[Score, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def total(self) -> float | None:
        """The points of all exercises; None for what could not be marked."""
        if self.stops:
            return None
        return round(sum(score.points or 0 for score in self.scores), 2)

    @property
    def provisional(self) -> bool:
        """Whether the total may change."""
        return any(score.doubt for score in self.scores)


def results(course: Path, name: str) -> list[Result]:
    """What everybody gets who stands in the roster or on the class list.

    course: the folder that `make homework` wrote.
    name: of the homework.

    Raises ValueError if it was not handed out.
    """
    homework = released(course, name)
    rows = roster.rows(course, name)
    members = roster.members(course, name)
    record = marked(course, name)

    found = []
    for finding in precheck(course, name):
        made_up = roster.Row(name, finding.student, finding.name, "", "", "", "no", "")
        row = rows.get(finding.student, made_up)
        member = next((m for m in members if roster.same_person(row, m)), None)
        row = roster.named(row, member)

        before = record.get(finding.student, {})
        stops = finding.stops
        if not stops and before.get("file") != finding.digest:
            stops = "not marked yet"
        if not stops and before["stopped"]:
            stops = f"marking stopped: {before['stopped']}"
        if stops:
            late = ("late",) if finding.late else ()
            found.append(Result(row, member, stops, (stops, *late)))
        else:
            found.append(_result(course, homework, finding, row, member))
    return found


def most(homework: Released) -> float:
    """The points of a homework in which everything is right."""
    return sum(item.most for item in homework.items)


def number(points: float | None) -> str:
    """Points as people write them: "3", "2.5", or "" for none.

    >>> number(3.0), number(2.5), number(None)
    ('3', '2.5', '')
    """
    return "" if points is None else f"{points:g}"


def _result(
    course: Path,
    homework: Released,
    finding: Finding,
    row: roster.Row,
    member: roster.Member | None,
) -> Result:
    """What a student gets whose notebook was marked."""
    path = course / "autograded" / finding.student / homework.name / f"{homework.name}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    scores = []
    with gradebook(course) as book:
        for item in homework.items:
            grade = book.find_grade(item.grade_id, homework.name, homework.name, finding.student)
            comment = book.find_comment(item.answer, homework.name, homework.name, finding.student)
            said = comment.manual_comment or ""
            is_blank = item.id in finding.blank
            scores.append(_score(item, grade, said, cells, is_blank))

    # Points are there; these words say how they are to be read.
    status = []
    if finding.all_blank:
        status.append("blank")
    if any(score.doubt == "not read yet" for score in scores):
        status.append("words unmarked")
    if any(score.doubt == "look again" for score in scores):
        status.append("look again: corrected by hand before the file changed")
    without = [score.item.id for score in scores if score.doubt == "no verdict"]
    if without:
        status.append(f"marking stopped: no verdict on {', '.join(without)}")
    if not status:
        status.append("marked")
    if finding.late:
        status.append("late")
    remarks = tuple(_stopped_cells(cells))
    return Result(row, member, "", tuple(status), tuple(scores), remarks)


def _score(
    item: Item, grade: Any, comment: str, cells: list[NotebookNode], is_blank: bool
) -> Score:
    """What stands in the gradebook about an exercise, with the line that its test has printed."""
    corrected = grade.manual_score is not None
    points = grade.manual_score if corrected else grade.auto_score
    doubt = "look again" if corrected and grade.needs_manual_grade else ""

    if item.words:
        if points is None:
            return Score(item, None, "Your answer has not been read yet.", comment, "not read yet")
        return Score(item, points, "No answer." if is_blank else "", comment, doubt)

    test = next(cell for cell in cells if rules(cell).get("grade_id") == item.grade_id)
    sentence, verdict = _sentence(item, test, cells)
    if not verdict and not corrected:
        doubt = "no verdict"
    if corrected:
        sentence = f"Corrected by hand. The test said: {sentence}"
    return Score(item, points, sentence, comment, doubt)


def _sentence(item: Item, test: NotebookNode, cells: list[NotebookNode]) -> tuple[str, bool]:
    """What a test has said, in one line; and whether it said anything that can be relied on."""
    errors = [output for output in test.outputs if output.output_type == "error"]
    if not errors:
        printed = "".join(o.text for o in test.outputs if o.get("name") == "stdout")
        return _without_seed(printed.split("\n")[0].removeprefix(f"{item.id} ")), True

    # Without the function there is nothing to test: the cell that should define it has stopped.
    name = errors[0].ename
    if name == "NameError":
        answer = next((c for c in cells if rules(c).get("grade_id") == item.answer), None)
        stopped = _stops(answer) if answer is not None else ""
        return stopped or f"there is no function `{item.answer}`.", True
    if name == "CellTimeoutError":
        return "no answer in time. Is there a loop that does not end?", True
    if name == "NoVerdict":
        return "the test has printed no verdict, so it counts 0; ask whoever marks it.", False
    return f"the test stops with {name}: {_first_line(errors[0].evalue)}", True


def _without_seed(line: str) -> str:
    return re.sub(r"\(seed \w+\)", "(inputs drawn at random)", line)


def _stopped_cells(cells: list[NotebookNode]) -> list[str]:
    """A sentence about each cell of the student's that stopped, tests left out."""
    answers = [cell for cell in cells if cell.cell_type == "code" and not rules(cell).get("grade")]
    return [sentence for sentence in map(_stops, answers) if sentence]


def _stops(cell: NotebookNode) -> str:
    """A sentence about a cell that stopped; "" for one that did not."""
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            number = cell.metadata.get("handed_in", "?")
            where = f"your code cell {number}, which begins with `{_first_line(cell.source)}`,"
            if output.ename == "CellTimeoutError":
                return f"{where} does not come to an end."
            return f"{where} stops with {output.ename}: {_first_line(output.evalue)}"
    return ""


def _first_line(text: str) -> str:
    lines = [line.strip() for line in str(text).split("\n") if line.strip()]
    return lines[0][:160] if lines else ""
