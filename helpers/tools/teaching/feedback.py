"""One page for each student, which needs nothing beside itself and tells no hidden input."""

import json
import re
import zipfile
from html import escape
from pathlib import Path

from helpers.tools.teaching.released import released
from helpers.tools.teaching.results import Result, Score, most, number, results

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-weight: bold; padding: .5em 0; }
th, td { text-align: left; vertical-align: top; padding: .5em .7em; border-bottom: 1px solid #999; }
td { overflow-wrap: anywhere; white-space: pre-wrap; }
td.points { white-space: nowrap; }
"""

# What a student is told who gets no points.
STOPS = {
    "public copy": (
        "You handed in the public copy of the notebook, which has no cells for marks. Please put "
        "your answers into the notebook that was handed out for the class, and hand that in."
    ),
    "another homework": "You handed in the notebook of another homework.",
    "missing": "Nothing was handed in.",
    "unreadable": "What you handed in could not be read",
    "marking stopped": "Your notebook could not be run to its end",
}


def write(course: Path, name: str) -> list[Result]:
    """Write feedback/STUDENT/HOMEWORK.html for everybody who has handed in something.

    course: the folder that `make homework` wrote.
    name: of the homework.

    Returns of whom there is a page.
    Raises ValueError if the homework was not handed out.
    """
    homework = released(course, name)
    written = []
    for one in results(course, name):
        if one.stops in ("missing", "not marked yet"):
            continue

        path = course / "feedback" / one.row.id / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = page(name, one, most(homework))
        path.write_text(_without(text, _hidden(course)), encoding="utf-8")
        written.append(one)
    return written


def pack_for_moodle(course: Path, name: str, written: list[Result]) -> Path:
    """Write a zip file of pages, named as Moodle wants feedback files that come back together.

    written: of whom there is a page, as `write` returns it.

    Returns where it lies.
    """
    path = course / "feedback" / f"{name}_moodle.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in written:
            # Moodle goes by the number after the first underscore.
            person = re.sub(r"[^\w' -]|_", "", one.row.name).strip() or "Student"
            folder = f"{person}_{one.row.id}_assignsubmission_file_"
            page = course / "feedback" / one.row.id / f"{name}.html"
            archive.write(page, f"{folder}/{name}.html")
    return path


def page(name: str, one: Result, whole: float) -> str:
    """The page of a student.

    name: of the homework.
    whole: the points of a homework in which everything is right.
    """
    title = f"{name}: {one.row.name}"
    body = [f"<h1>{escape(title)}</h1>"]
    if one.stops:
        body.append(f"<p>{escape(_of_stops(one.stops))}</p>")
    else:
        provisional = " (provisional: this may still change)" if one.provisional else ""
        body.append(f"<p><strong>{number(one.total)} of {number(whole)} points</strong>")
        body.append(f"{provisional}</p>")
        body.append(_table(one.scores))
    if one.row.late == "yes":
        body.append("<p>It came after the deadline.</p>")
    if one.remarks:
        body.append("<h2>Cells that stopped while it was marked</h2><ul>")
        body += [f"<li>{escape(_capital(remark))}</li>" for remark in one.remarks]
        body.append("</ul>")

    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _table(scores: tuple[Score, ...]) -> str:
    lines = [
        "<table><caption>Exercise by exercise</caption><thead><tr>"
        '<th scope="col">What was found</th><th scope="col">Exercise</th>'
        '<th scope="col">Points</th></tr></thead><tbody>'
    ]
    for score in scores:
        said = [_capital(score.sentence)] if score.sentence else []
        if score.comment:
            said.append(score.comment)
        points = "–" if score.points is None else number(score.points)
        lines.append(
            f"<tr><td>{escape(chr(10).join(said))}</td>"
            f"<td>{escape(f'{score.item.id} {score.item.title}')}</td>"
            f'<td class="points">{points} of {number(score.item.most)}</td></tr>'
        )
    return "\n".join([*lines, "</tbody></table>"])


def _of_stops(stops: str) -> str:
    """A sentence about why there are no points."""
    kind, _, why = stops.partition(": ")
    return f"{STOPS[kind]}: {why}." if why else STOPS[kind]


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _hidden(course: Path) -> set[str]:
    """The seeds of the hidden inputs, but for those that any number might hold."""
    path = course / "seeds.json"
    seeds = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {str(seed) for drawn in seeds.values() for seed in drawn if seed >= 10_000}


def _without(text: str, secrets: set[str]) -> str:
    """A page in which no secret stands, should a test or an answer have printed one."""
    for secret in secrets:
        text = text.replace(secret, "…")
    return text
