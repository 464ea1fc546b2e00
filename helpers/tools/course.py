"""The homework of a class, step by step: `python -m helpers.tools.course STEP HOMEWORK …`.

`make homework` comes first. Then collect, precheck, mark, feedback and grades, each of which prints
a short table and what to do next. notebooks/homework/GRADING.md tells the whole way.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from helpers.tools.teaching import feedback, grades, roster
from helpers.tools.teaching.collecting import collect
from helpers.tools.teaching.marking import mark
from helpers.tools.teaching.prechecks import precheck, same_answers
from helpers.tools.teaching.results import number
from helpers.tools.teaching.sheets import columns, shown

# What to say about a notebook that earns nothing, beside its name.
REMEDIES = {
    "public copy": "cannot be marked; ask for the released notebook",
    "another homework": "cannot be marked; ask for the right notebook",
    "missing": "nothing was handed in",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Do one step, or say what is missing for it."""
    given = _parser().parse_args(arguments)
    try:
        given.step(_course(given.course), given)
    except ValueError as error:
        sys.exit(f"{error}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.tools.course", description="The homework of a class, step by step."
    )
    parser.add_argument("--course", help="the folder that `make homework` wrote, if not course/")
    steps = parser.add_subparsers(required=True, metavar="STEP")

    one = _step(steps, "collect", _collect, "place what a platform's zip file holds")
    one.add_argument("archive", type=Path, help="a zip file, or a folder of STUDENT/notebook.ipynb")
    one.add_argument(
        "--deadline", type=_moment, help='such as "2026-12-01 18:00", as the zip has it'
    )

    one = _step(steps, "precheck", _precheck, "say what stands out, without running anything")
    one.add_argument("--class", dest="members", type=Path, help="a CSV file of who is in the class")

    one = _step(steps, "mark", _mark, "run what was handed in; this runs the students' code")
    one.add_argument("--only", metavar="ID", help="one student")
    one.add_argument("--force", action="store_true", help="mark again what has not changed")

    one = _step(steps, "feedback", _feedback, "write a page for each student")
    one.add_argument("--for", dest="platform", choices=["moodle"], help="also a zip file to upload")

    one = _step(steps, "grades", _grades, "write the table of marks")
    one.add_argument(
        "--for", dest="platform", choices=grades.PLATFORMS, help="to be imported there"
    )
    return parser


def _step(steps: argparse._SubParsersAction, name: str, step: object, words: str):
    one = steps.add_parser(name, help=words, description=words)
    one.add_argument("homework", help="such as hw4_metrics")
    one.set_defaults(step=step)
    return one


def _course(folder: str | None) -> Path:
    """The folder of the course: the one that is named, this one, or course/ in it.

    Raises ValueError if it is none.
    """
    places = [Path(folder)] if folder else [Path(), Path("course")]
    for place in places:
        if (place / "nbgrader_config.py").exists():
            return place
    raise ValueError(f"{places[-1]}/ is no course: run `make homework`, or name it with --course")


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no time such as "2026-12-01 18:00"'
        ) from None


# The steps


def _collect(course: Path, given: argparse.Namespace) -> None:
    found = collect(course, given.homework, given.archive, deadline=given.deadline)

    rows = [(row.id, row.name, row.handed_in, row.late, row.note or "placed") for row in found.rows]
    print(columns(("id", "name", "handed in", "late", "what became of it"), rows))
    if found.ignored:
        print("\nLeft alone:")
        print(columns(("file", "why"), [(one.path, one.reason) for one in found.ignored]))

    print(
        f"\n{len(found.new)} notebooks are new, {len(found.replaced)} replace an earlier one, "
        f"{len(found.kept)} stay; what does not count is in earlier/, and who is who stands in "
        f"roster.csv. Next: precheck {given.homework}."
    )


def _precheck(course: Path, given: argparse.Namespace) -> None:
    if given.members:
        roster.remember_class(course, given.homework, given.members)
    findings = precheck(course, given.homework)

    rows = []
    for one in findings:
        said = [f"{word} ({REMEDIES[word]})" if word in REMEDIES else word for word in one.words]
        if said:
            rows.append((one.student, one.name, "; ".join(said)))
    if rows:
        print(columns(("id", "name", "what"), rows))

    # Who may have talked with whom. It proves nothing, and is a reason to ask.
    same: dict[tuple[str, str], list[str]] = {}
    for group in same_answers(findings):
        how = "the public reference, word for word" if group.reference else "the same but for names"
        same.setdefault((" ".join(group.students), how), []).append(group.exercise)
    if same:
        print("\nAnswers that are alike:")
        lines = [(who, " ".join(which), how) for (who, how), which in same.items()]
        print(columns(("students", "exercises", "how"), lines))

    well = len(findings) - len(rows)
    can = sum(not one.stops for one in findings)
    print(
        f"\n{well} of {len(findings)} need no word, and {can} can be marked. Next: write to the "
        f"others, collect again if need be, then mark {given.homework}."
    )


def _mark(course: Path, given: argparse.Namespace) -> None:
    print(
        "This runs the students' code with your rights. GRADING.md shows how to do it in a "
        "container or an account that holds nothing else."
    )
    states: Counter[str] = Counter()
    start = time.monotonic()
    for one in mark(course, given.homework, only=given.only, force=given.force):
        states[one.state] += 1
        took = f"{one.seconds:6.1f} s" if one.seconds else " " * 8
        print(
            f"{took}  {one.student}  {one.state}{': ' * bool(one.why)}{shown(one.why)}", flush=True
        )

    minutes = (time.monotonic() - start) / 60
    told = ", ".join(f"{count} {state}" for state, count in states.items()) or "nothing to mark"
    print(
        f"\n{told}, in {minutes:.1f} minutes. Next: read the answers in words (cd {course}; "
        f"jupyter lab; Nbgrader, Formgrader, Manual Grading), then grades {given.homework}."
    )


def _feedback(course: Path, given: argparse.Namespace) -> None:
    written = feedback.write(course, given.homework)

    rows = [(one.row.id, one.row.name, number(one.total), "; ".join(one.status)) for one in written]
    print(columns(("id", "name", "total", "status"), rows))
    if given.platform:
        packed = feedback.pack_for_moodle(course, given.homework, written)
        print(f"\nAll together, to be uploaded as feedback files: {packed}")
    print(
        f"\n{len(written)} pages are in {course / 'feedback'}/STUDENT/{given.homework}.html. Next: "
        "return them when everybody's deadline has passed, and not while words are unmarked."
    )


def _grades(course: Path, given: argparse.Namespace) -> None:
    path, found = grades.write(course, given.homework, platform=given.platform)

    counts = Counter(status for one in found for status in one.status)
    print(columns(("students", "status"), [(count, word) for word, count in counts.items()]))
    left = sum(one.total is None or one.provisional for one in found)
    print(
        f"\n{path} has {len(found)} students, of whom {left} have no final total yet. Next: "
        + ("look at their status." if left else "import it, and return the feedback.")
    )


if __name__ == "__main__":
    main()
