"""From a learning platform's zip file to one notebook a student, where nbgrader looks for it.

Nothing is unpacked: of each student one notebook is chosen and written to
submitted/STUDENT/HOMEWORK/HOMEWORK.ipynb. What it replaces, and what was not chosen, goes to
earlier/STUDENT/HOMEWORK/.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from helpers.tools.teaching import archives, roster
from helpers.tools.teaching.archives import Entry, Ignored
from helpers.tools.teaching.released import Released, Unreadable, carries, opened, released

# Moodle: a folder for each student, or the same before the name of a file. A student chooses the
# file's name and may choose their own, so that the last number counts in the one and the first in
# the other.
MOODLE = re.compile(r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_(?P<kind>[a-z]+)_?")
MOODLE_FILE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_file_(?P<rest>.+)")
# Canvas: no folders; -1, -2 … before the ending number what was handed in again.
CANVAS = re.compile(
    r"(?P<name>[^_]+)_((?P<late>LATE)_)?(?P<id>\d+)_(?P<upload>\d+)_(?P<rest>.+)", re.IGNORECASE
)


@dataclass(frozen=True)
class Person:
    """A student, as the archive names one."""

    id: str
    name: str
    identifier: str


@dataclass(frozen=True)
class Notebook:
    """A notebook that somebody handed in.

    file: as it was handed in, with the folders of the archive.
    named: whether its own name is that of the homework.
    upload: the platform's number of it, which grows; 0 if it has none.
    ours: whether it has this homework's cells.
    """

    file: str
    named: bool
    time: datetime
    upload: int
    late: bool
    ours: bool
    content: bytes


@dataclass(frozen=True)
class Collected:
    """What came of an archive.

    new, replaced, kept: the ids of students whose notebook is new, replaces an earlier one, or
      counts still.
    rows: of the roster, for all students in the archive.
    ignored: what was left alone, and why.
    """

    new: list[str]
    replaced: list[str]
    kept: list[str]
    rows: list[roster.Row]
    ignored: list[Ignored]


def collect(
    course: Path, name: str, archive: Path, *, deadline: datetime | None = None
) -> Collected:
    """Place what an archive holds.

    course: the folder that `make homework` wrote.
    name: of the homework.
    archive: a zip file of Moodle or Canvas, or a zip file or folder of STUDENT/notebook.ipynb.
    deadline: in the time of the archive; None if everything is in time.

    Raises ValueError for what cannot be read at all.
    """
    homework = released(course, name)
    entries, ignored = archives.read(archive)
    found = _by_person(entries, homework, deadline, ignored)

    known = roster.rows(course, name)
    result = Collected([], [], [], [], ignored)
    for person, notebooks in found.items():
        target = course / "submitted" / person.id / name / f"{name}.ipynb"
        present = _present(target, known.get(person.id), homework, deadline)
        chosen, why_none = choose([*notebooks, present] if present else notebooks)

        # Nobody is left out: who has nothing that can be placed stands in the roster with a reason.
        if chosen is None:
            ignored += [Ignored(notebook.file, why_none) for notebook in notebooks]
            if present is None:
                result.rows.append(_row(name, person, notebooks[-1], f"not placed: {why_none}"))
            continue

        for notebook in [*notebooks, present]:
            if notebook and notebook.content != chosen.content:
                _keep_earlier(course, person, name, notebook)
        if present and chosen.content == present.content:
            result.kept.append(person.id)
            chosen = present
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(chosen.content)
            (result.replaced if present else result.new).append(person.id)
        note = "" if chosen.named else "misnamed"
        result.rows.append(_row(name, person, chosen, note))

    _list_unreadable(course, name, entries, result, known)
    roster.keep(course, result.rows)
    return result


def choose(notebooks: Sequence[Notebook]) -> tuple[Notebook | None, str]:
    """Which of a student's notebooks counts, and if none does, why.

    Those with this homework's cells come first. Of these the latest in time counts, or else the
    first that is late.
    """
    ours = [notebook for notebook in notebooks if notebook.ours]
    named = [notebook for notebook in notebooks if notebook.named]
    pool = ours or (list(notebooks) if len(notebooks) == 1 else named)
    if not pool:
        return None, f"{len(notebooks)} notebooks, none of which is this homework: hand in one"

    in_time = [notebook for notebook in pool if not notebook.late]
    best = (max if in_time else min)(in_time or pool, key=_moment)
    equals = [notebook for notebook in pool if _moment(notebook) == _moment(best)]
    if len({notebook.content for notebook in equals}) == 1:
        return best, ""

    # Two of the same second: the name decides, if it can.
    equals = [notebook for notebook in equals if notebook.named]
    if len(equals) == 1:
        return equals[0], ""
    return None, "several notebooks of this homework at once: place the right one by hand"


def _moment(notebook: Notebook) -> tuple[bool, datetime, int]:
    return notebook.late, notebook.time, notebook.upload


# Whose is what


def _by_person(
    entries: list[Entry], homework: Released, deadline: datetime | None, ignored: list[Ignored]
) -> dict[Person, list[Notebook]]:
    """The notebooks of each person; what is none, or nobody's, is added to what is ignored."""
    top = _common_folder(entries, homework.name)
    found: dict[Person, list[Notebook]] = {}
    for entry in entries:
        whose = _whose(entry.path, homework.name, top)
        if whose is None:
            ignored.append(Ignored(entry.path, "nothing says whose it is"))
            continue
        person, file, late, upload = whose

        try:
            ours = carries(homework, opened(entry.content))
        except Unreadable as error:
            ignored.append(Ignored(entry.path, f"refused: {error}"))
            continue

        # Canvas says itself what is late, and its zip file does not know when it came.
        if late is None:
            late = deadline is not None and entry.time > deadline
        named = file == f"{homework.name}.ipynb"
        notebook = Notebook(entry.path, named, entry.time, upload, late, ours, entry.content)
        found.setdefault(person, []).append(notebook)

    return found


def _whose(path: str, homework: str, top: str) -> tuple[Person, str, bool | None, int] | None:
    """The person, the file's own name, whether it is late if that is known, and its upload.

    None if the path does not say.
    """
    *folders, last = PurePosixPath(path).parts

    for folder in folders:
        found = MOODLE.fullmatch(folder)
        if found and found["kind"] == "file":
            return _participant(found), last, None, 0
    found = MOODLE_FILE.fullmatch(last)
    if found:
        return _participant(found), found["rest"], None, 0

    found = CANVAS.fullmatch(last)
    if found and not folders:
        person = Person(found["id"], found["name"], found["id"])
        own = re.sub(r"-\d+(?=\.ipynb$)", "", found["rest"])
        return person, own, found["late"] is not None, int(found["upload"])

    # A folder for each student, in which nbgrader may have put one for the homework.
    inside = folders[1:] if top else folders
    if not inside:
        return None
    return Person(roster.safe_id(inside[0]), inside[0], inside[0]), last, None, 0


def _participant(found: re.Match) -> Person:
    """The student whom Moodle names in a path."""
    return Person(found["id"], found["name"].strip(), f"Participant {found['id']}")


def _common_folder(entries: list[Entry], homework: str) -> str:
    """The one folder around those of all students; "" if there is none."""
    parts = [PurePosixPath(entry.path).parts for entry in entries]
    tops = {part[0] for part in parts}
    is_around = all(len(part) > 2 and part[1] != homework for part in parts)
    return tops.pop() if len(tops) == 1 and is_around else ""


# Files and rows


def _present(
    target: Path, row: roster.Row | None, homework: Released, deadline: datetime | None
) -> Notebook | None:
    """What was placed for a student before; None if nothing was."""
    if not target.is_file():
        return None

    content = target.read_bytes()
    try:
        ours = carries(homework, opened(content))
    except Unreadable:
        ours = False
    if row is None or row.note.startswith("not placed"):
        time = datetime.fromtimestamp(target.stat().st_mtime).replace(microsecond=0)
        return Notebook(target.name, True, time, 0, False, ours, content)

    # A deadline that is given only now holds for what came before, too.
    time = datetime.fromisoformat(row.handed_in)
    found = CANVAS.fullmatch(row.file)
    upload = int(found["upload"]) if found else 0
    late = row.late == "yes"
    if deadline is not None and not found:
        late = time > deadline
    return Notebook(row.file, "misnamed" not in row.note, time, upload, late, ours, content)


def _keep_earlier(course: Path, person: Person, name: str, notebook: Notebook) -> None:
    """A copy of what does not count, under its time and contents, so that it is kept once."""
    digest = hashlib.sha256(notebook.content).hexdigest()[:8]
    folder = course / "earlier" / person.id / name
    folder.mkdir(parents=True, exist_ok=True)
    moment = notebook.time.isoformat().replace(":", ".")
    (folder / f"{moment}-{digest}.ipynb").write_bytes(notebook.content)


def _row(name: str, person: Person, notebook: Notebook, note: str) -> roster.Row:
    late = "yes" if notebook.late else "no"
    time = notebook.time.isoformat(" ")
    who = (person.id, person.name, person.identifier)
    return roster.Row(name, *who, notebook.file, time, late, note)


def _list_unreadable(
    course: Path,
    name: str,
    entries: list[Entry],
    result: Collected,
    known: dict[str, roster.Row],
) -> None:
    """Put those into the roster who handed in nothing but what is no notebook."""
    top = _common_folder(entries, name)
    times = {entry.path: entry.time.isoformat(" ") for entry in entries}
    listed = {row.id for row in result.rows} | set(known)

    for one in result.ignored:
        whose = _whose(one.path, name, top) if one.theirs else None
        if whose is None or whose[0].id in listed:
            continue
        person = whose[0]
        listed.add(person.id)
        note = f"not placed: {one.reason.removeprefix('refused: ')}"
        who = (person.id, person.name, person.identifier)
        time = times.get(one.path, "")
        result.rows.append(roster.Row(name, *who, one.path, time, "no", note))
