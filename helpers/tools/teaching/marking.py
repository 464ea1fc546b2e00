"""Running what was handed in: nbgrader, one student after the other, without its noise.

This is the only step that runs students' code. It runs with the rights of whoever calls it.
"""

import json
import logging
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from helpers.tools.teaching.prechecks import precheck, submitted
from helpers.tools.teaching.released import released

# What was marked: by homework and student, the contents of the file, and what stopped it.
RECORD = "marking.json"

# So many submissions are run at once. nbgrader's gradebook, one SQLite file, takes this well.
PROCESSES = 2


@dataclass(frozen=True)
class Marked:
    """What became of one submission.

    state: "marked", "as before", "skipped" or "stopped".
    why: of what was skipped or stopped.
    seconds: that it took.
    """

    student: str
    state: str
    why: str = ""
    seconds: float = 0.0


def mark(
    course: Path, name: str, *, only: str | None = None, force: bool = False
) -> Iterator[Marked]:
    """Mark what was handed in, and say of each student what became of it, as it comes.

    course: the folder that `make homework` wrote.
    name: of the homework.
    only: the id of one student; None for all.
    force: also what was marked to its end and has not changed since.

    Raises ValueError where the homework was not handed out, nbgrader is not installed, or nobody
    of that id has handed in.
    """
    released(course, name)
    findings = {finding.student: finding for finding in precheck(course, name)}
    students = [path.parent.parent.name for path in submitted(course, name)]
    if only is not None and only not in students:
        raise ValueError(f"nobody with the id {only} has handed in {name}; see roster.csv")

    grader(course)
    record = marked(course, name)
    todo = []
    for student in students if only is None else [only]:
        finding = findings[student]
        before = record.get(student, {})
        if finding.stops:
            yield Marked(student, "skipped", finding.stops)
        elif before == {"file": finding.digest, "stopped": ""} and not force:
            yield Marked(student, "as before")
        else:
            todo.append(student)

    for student, (stopped, seconds) in side_by_side(partial(_autograde, course, name), todo):
        # A correction by hand stands, as long as it is about the same file.
        digest = findings[student].digest
        if record.get(student, {}).get("file") == digest and not stopped:
            _keep_corrections(course, name, student)
        record[student] = {"file": digest, "stopped": stopped}
        _remember(course, name, record)
        yield Marked(student, "stopped" if stopped else "marked", stopped, seconds)


def side_by_side(
    work: Callable[[str], tuple[str, float]], students: list[str]
) -> Iterator[tuple[str, tuple[str, float]]]:
    """Each student with what came of the work on the submission, in the order in which it ends.

    work: from an id to what stopped it, "" if nothing did, and the seconds that it took. It runs in
      processes of its own. If one of them is killed, the submission that did it is found out.
    """
    # A submission keeps one core busy, and most of its time it is a kernel that starts.
    left = list(students)
    try:
        with _processes(PROCESSES) as pool:
            running = {pool.submit(work, student): student for student in students}
            for outcome in as_completed(running):
                came = outcome.result()
                left.remove(running[outcome])
                yield running[outcome], came
    except BrokenProcessPool:
        pass

    # Somebody's code has killed the process that ran it. So each has one to itself.
    for student in left:
        try:
            with _processes(1) as pool:
                came = pool.submit(work, student).result()
        except BrokenProcessPool:
            came = ("it killed the process that marks it", 0.0)
        yield student, came


def _processes(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"))


def _autograde(course: Path, name: str, student: str) -> tuple[str, float]:
    """Mark one submission, in a process that marks several.

    Returns what stopped it, "" if nothing did, and the seconds that it took.
    """
    start = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcome = grader(course).autograde(name, student, force=True)
    return "" if outcome["success"] else _why(outcome), time.monotonic() - start


def marked(course: Path, name: str) -> dict[str, dict[str, str]]:
    """What was marked of a homework: by student the contents of the file, and what stopped it."""
    path = course / RECORD
    return json.loads(path.read_text(encoding="utf-8")).get(name, {}) if path.exists() else {}


def _remember(course: Path, name: str, record: dict[str, dict[str, str]]) -> None:
    path = course / RECORD
    everything = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    unfinished = path.with_name(f"{path.name}.partial")
    unfinished.write_text(json.dumps(everything | {name: record}, indent=1), encoding="utf-8")
    unfinished.replace(path)


# nbgrader


@cache
def grader(course: Path) -> Any:
    """nbgrader's interface to a course, which says only what went wrong.

    Raises ValueError if it is not installed.
    """
    try:
        from nbgrader.apps import NbGraderAPI
    except ImportError:
        raise ValueError(
            'nbgrader is not installed: run `make homework`, or pip install -e ".[teach]"'
        ) from None
    from traitlets.config import PyFileConfigLoader

    # It starts a program that lies beside Python, as in an environment that is activated.
    beside = os.path.dirname(sys.executable)
    if beside not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", "")])

    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    config.CourseDirectory.root = str(course.resolve())
    interface = NbGraderAPI(config=config)
    interface.log.setLevel(logging.ERROR)
    interface.log.propagate = False
    return interface


def gradebook(course: Path) -> Any:
    """nbgrader's gradebook of a course, to be used in a `with`."""
    from nbgrader.api import Gradebook

    return Gradebook(f"sqlite:///{course.resolve() / 'gradebook.db'}")


def _keep_corrections(course: Path, name: str, student: str) -> None:
    """Take from nbgrader's list what somebody has to look at that which was corrected by hand."""
    with gradebook(course) as book:
        for notebook in book.find_submission(name, student).notebooks:
            for grade in notebook.grades:
                if grade.manual_score is not None:
                    grade.needs_manual_grade = False
        book.db.commit()


def _why(outcome: dict[str, Any]) -> str:
    """What stopped a submission, in a few words out of nbgrader's log."""
    text = f"{outcome.get('log', '')}{outcome.get('error', '')}"
    if "OutOfTime" in text or "CellTimeoutError" in text:
        return "it took too long, and could not be interrupted"
    if "DeadKernelError" in text or "Kernel died" in text:
        return "its kernel died: a crash, an exit, or too little memory"

    # The last line of the first traceback has the exception's own words.
    lines = [line.strip() for line in text.split("\n") if "Error: " in line]
    return lines[0][:200] if lines else "nbgrader could not run it"
