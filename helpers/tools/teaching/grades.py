"""The table of marks, for people and for learning platforms."""

from datetime import datetime
from pathlib import Path

from helpers.tools.teaching import sheets
from helpers.tools.teaching.released import Item, released
from helpers.tools.teaching.results import Result, most, number, results

PLATFORMS = ("moodle", "canvas")


def write(course: Path, name: str, *, platform: str | None = None) -> tuple[Path, list[Result]]:
    """Write grades/HOMEWORK.csv, or a table that a platform imports.

    course: the folder that `make homework` wrote.
    name: of the homework.
    platform: "moodle", "canvas", or None for the table that people read.

    Returns where it lies, and what everybody gets.
    Raises ValueError if the homework was not handed out.
    """
    homework = released(course, name)
    found = results(course, name)

    if platform == "moodle":
        head, rows = _for_moodle(found, most(homework))
    elif platform == "canvas":
        head, rows = _for_canvas(found, name)
    else:
        head, rows = _for_people(found, homework.items, most(homework))

    ending = f"_{platform}" if platform else ""
    path = course / "grades" / f"{name}{ending}.csv"
    sheets.write(path, head, rows)
    return path, found


def _for_people(
    found: list[Result], items: list[Item], whole: float
) -> tuple[list[str], list[list[str]]]:
    head = ["id", "name", *(item.id for item in items), "total", "of", "total is", "status"]
    rows = []
    for one in found:
        points = {score.item.id: number(score.points) for score in one.scores}
        holds = "" if one.stops else "provisional" if one.provisional else "final"
        row = [one.row.id, one.row.name, *(points.get(item.id, "") for item in items)]
        rows.append([*row, number(one.total), number(whole), holds, "; ".join(one.status)])
    return head, rows


def _for_moodle(found: list[Result], whole: float) -> tuple[list[str], list[list[str]]]:
    """The columns of the assignment's grading sheet, under Moodle's English names."""
    head = [
        "Identifier",
        "Full name",
        "Grade",
        "Maximum grade",
        "Last modified (grade)",
        "Feedback comments",
    ]
    now = f"{datetime.now():%A, %d %B %Y, %I:%M %p}"
    rows = []
    for one in found:
        identifier = one.row.identifier or (one.member.identifier if one.member else "")
        said = [identifier, one.row.name, number(_final(one)), number(whole)]
        rows.append([*said, now, _feedback_line(one)])
    return head, rows


def _for_canvas(found: list[Result], name: str) -> tuple[list[str], list[list[str]]]:
    """The columns of Canvas' gradebook; login and section come from the class list."""
    head = ["Student", "ID", "SIS Login ID", "Section", name]
    rows = []
    for one in found:
        login, section = (one.member.login, one.member.section) if one.member else ("", "")
        rows.append([one.row.name, one.row.id, login, section, number(_final(one))])
    return head, rows


def _final(one: Result) -> float | None:
    """What a platform may be told: nothing while it may change."""
    return None if one.provisional else one.total


def _feedback_line(one: Result) -> str:
    """What a student reads beside the grade."""
    points = [f"{score.item.id}: {number(score.points)}" for score in one.scores]
    return f"{'; '.join(one.status)}. {', '.join(points)}".strip()
