"""Who has handed in what, in `roster.csv`; and who is in the class, if somebody gave a list."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from helpers.tools.teaching import sheets


@dataclass(frozen=True)
class Row:
    """What one student has handed in for one homework.

    homework: such as "hw4_metrics".
    id: the platform's number, which nbgrader uses too; letters, digits, - and _ only.
    identifier: what the platform calls the student.
    file: as it was handed in, with the folders of the archive.
    handed_in: by the archive; late: "yes" or "no".
    note: what was wrong, "" if nothing; "not placed: …" where there is no file to mark.
    """

    homework: str
    id: str
    name: str
    identifier: str
    file: str
    handed_in: str
    late: str
    note: str


@dataclass(frozen=True)
class Member:
    """Somebody in the class. What the list does not say is "".

    login, section: by Canvas.
    """

    id: str
    name: str
    identifier: str
    login: str = ""
    section: str = ""


HEAD = [field.name for field in fields(Row)]


def rows(course: Path, homework: str) -> dict[str, Row]:
    """What was handed in for a homework, by the student's id."""
    return {row.id: row for row in _all(course) if row.homework == homework}


def keep(course: Path, new: Iterable[Row]) -> None:
    """Write rows into the roster, in place of those of the same student and homework."""
    found = {(row.homework, row.id): row for row in _all(course)}
    found |= {(row.homework, row.id): row for row in new}

    in_order = sorted(found.values(), key=lambda row: (row.homework, row.name.casefold(), row.id))
    sheets.write(course / "roster.csv", HEAD, [astuple(row) for row in in_order])


def _all(course: Path) -> list[Row]:
    path = course / "roster.csv"
    if not path.exists():
        return []
    return [Row(**{key: row.get(key, "") for key in HEAD}) for row in sheets.read(path)]


# The class


def remember_class(course: Path, homework: str, path: Path) -> list[Member]:
    """Read a class list and keep it with the course for one homework.

    path: of a CSV file: the platform's own list or grading sheet, or columns id and name.

    Raises ValueError for one without names or numbers.
    """
    members = _members(path)
    head = [field.name for field in fields(Member)]
    target = course / "class" / f"{homework}.csv"
    sheets.write(target, head, [astuple(member) for member in members])
    return members


def members(course: Path, homework: str) -> list[Member]:
    """The class list that is kept for a homework; nobody if there is none."""
    path = course / "class" / f"{homework}.csv"
    return [Member(**row) for row in sheets.read(path)] if path.exists() else []


def _members(path: Path) -> list[Member]:
    """Those in a class list, by whatever names platforms give its columns."""
    if not path.exists():
        raise ValueError(f"there is no class list {path}")

    found = []
    for row in sheets.read(path):
        cells = {key.casefold(): value.strip() for key, value in row.items()}
        name = _first(cells, "name", "full name", "student", "student name")
        if not name:
            parts = [cells.get("first name", ""), _first(cells, "last name", "surname")]
            name = " ".join(filter(None, parts))
        identifier = _first(cells, "identifier", "id", "id number", "student id")
        number = identifier.removeprefix("Participant ").strip()

        # Canvas has a row without a student, in which the points stand.
        if name.casefold() == "points possible" or not (name or number):
            continue
        login = _first(cells, "sis login id", "login")
        found.append(Member(safe_id(number), name, identifier, login, cells.get("section", "")))

    if not found:
        raise ValueError(
            f"{path.name} names nobody: it needs a first line with the columns id and name "
            "(Moodle's grading sheet and Canvas' export of the gradebook have their own, which "
            "are understood)"
        )
    return found


def _first(cells: Mapping[str, str], *names: str) -> str:
    """The first of these columns that holds something."""
    return next((cells[name] for name in names if cells.get(name)), "")


def same_person(row: Row, member: Member) -> bool:
    """Whether a row of the roster is somebody's on the list: by number, or by name without one."""
    if member.id:
        return row.id == member.id
    return _folded(row.name) == _folded(member.name)


def named(row: Row, member: Member | None) -> Row:
    """The row with the name on the list, since some platforms give a file's name in small letters.

    member: None leaves it as it is.
    """
    return replace(row, name=member.name) if member and member.name else row


def safe_id(text: str) -> str:
    """An id of letters, digits, - and _ for whatever a platform calls somebody.

    Different texts have different ids; a number stays as it is.

    >>> safe_id("12345")
    '12345'
    """
    flat = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^A-Za-z0-9-]+", "_", flat).strip("_-")
    if safe == text:
        return safe

    # What was lost comes back as a number, so that no two people become one.
    lost = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{safe or 'student'}-{lost}" if text else ""


def _folded(name: str) -> list[str]:
    """The words of a name in any order: "Lovelace, Ada" is "Ada Lovelace"."""
    return sorted(unicodedata.normalize("NFC", name).casefold().replace(",", " ").split())
