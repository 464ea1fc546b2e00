"""Collecting, pre-checking, and what a class gets, without nbgrader; test_homework_grading.py has
the whole way."""

import copy
import csv
import io
import json
import os
import stat
import zipfile
from datetime import datetime
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode, v4

import made_up_class
from helpers import homework
from helpers.homework import controls
from helpers.homework.engine import Verdict
from helpers.tools import course as command
from helpers.tools.teaching import (
    archives,
    collecting,
    feedback,
    grades,
    marking,
    prechecks,
    rebuilding,
    results,
    roster,
    sheets,
)
from helpers.tools.teaching.released import opened, released
from made_up_class import REFERENCES, RIGHT, graded_cells, moodle, notebook, pack

NAME = "hw4_metrics"
FILE = f"{NAME}.ipynb"


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """The folder of a course with a made-up homework, in which nobody has handed in yet."""
    monkeypatch.setattr(prechecks, "_references", lambda: REFERENCES)
    folder = tmp_path / "course"
    made_up_class.write_course(folder, NAME)
    return folder


def placed(course: Path) -> dict[str, str]:
    """What lies where nbgrader looks for it, by the student's id."""
    paths = (course / "submitted").glob(f"*/{NAME}/{FILE}")
    return {path.parent.parent.name: path.read_text(encoding="utf-8") for path in paths}


def reasons(collected: collecting.Collected) -> dict[str, str]:
    return {one.path: one.reason for one in collected.ignored}


def everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


# Whose a file is


def test_the_names_of_platforms_say_whose_a_file_is(course, tmp_path):
    text = notebook(course, NAME)
    archive = pack(
        tmp_path / "moodle.zip",
        {
            f"{moodle('Ada Lovelace', 101)}/{FILE}": text,
            f"Åsa Müller-Ø_102_assignsubmission_file/{FILE}": text,
            "Åsa Müller-Ø_102_assignsubmission_onlinetext/onlinetext.html": "hello",
            f"Under_Score Name_103_assignsubmission_file_{FILE}": text,
        },
    )
    collected = collecting.collect(course, NAME, archive)

    assert set(placed(course)) == {"101", "102", "103"}
    rows = roster.rows(course, NAME)
    assert [rows[id].name for id in ("101", "102", "103")] == [
        "Ada Lovelace",
        "Åsa Müller-Ø",
        "Under_Score Name",
    ]
    assert rows["101"].identifier == "Participant 101"
    assert rows["101"].handed_in == "2026-11-30 12:00:00"
    assert list(reasons(collected).values()) == ["a text typed into the platform"]
    assert not any("misnamed" in row.note for row in rows.values())


def test_nobody_hands_in_as_somebody_else(course, tmp_path):
    text = notebook(course, NAME)
    archive = pack(
        tmp_path / "moodle.zip",
        {
            f"{moodle('Eve', 1)}/{moodle('Ada', 2)}{FILE}": text,
            f"{moodle('Eve_2_assignsubmission_file_', 3)}/{FILE}": text,
            f"Eve_4_assignsubmission_file_{moodle('Ada', 2)}{FILE}": text,
        },
    )
    collecting.collect(course, NAME, archive)
    assert set(placed(course)) == {"1", "3", "4"}


def test_canvas_says_itself_what_is_late_and_what_came_again(course, tmp_path):
    first, second = notebook(course, NAME), notebook(course, NAME, RIGHT)
    archive = pack(
        tmp_path / "canvas.zip",
        {
            f"lovelaceada_7_900_{FILE}": first,
            "lovelaceada_7_950_hw4_metrics-1.ipynb": second,
            f"turingalan_LATE_8_901_{FILE}": first,
        },
    )
    collecting.collect(course, NAME, archive, deadline=datetime(2020, 1, 1))

    # The second has the greater number; the time in the zip is that of the download.
    assert placed(course) == {"7": second, "8": first}
    rows = roster.rows(course, NAME)
    assert (rows["7"].late, rows["8"].late) == ("no", "yes")
    assert rows["7"].note == ""
    assert len(list((course / "earlier" / "7" / NAME).iterdir())) == 1


@pytest.mark.parametrize("around", ["", "all of them/"])
@pytest.mark.parametrize("inside", ["", f"{NAME}/"])
def test_a_folder_for_each_student_will_do(course, tmp_path, around, inside):
    text = notebook(course, NAME)
    people = ("Ada Lovelace", "b_17", "Жуковский", "Ж")
    folder = tmp_path / "handed in"
    for person in people:
        target = folder / around / person / inside / FILE
        target.parent.mkdir(parents=True)
        target.write_text(text, encoding="utf-8")
    collecting.collect(course, NAME, folder)

    # Ids are safe for nbgrader and for paths, and as many as there are people.
    ids = set(placed(course))
    assert len(ids) == len(people)
    assert all(id.isascii() and not set(id) & set(" /.") for id in ids)
    assert "b_17" in ids
    assert {row.name for row in roster.rows(course, NAME).values()} == set(people)


# What is refused


def test_a_hostile_archive_writes_nothing_outside(course, tmp_path):
    text = notebook(course, NAME)
    path = pack(
        tmp_path / "hostile.zip",
        {
            f"../../evil/{FILE}": text,
            f"a/../../{moodle('Up', 1)}/{FILE}": text,
            f"..\\{moodle('Back', 2)}\\{FILE}": text,
            f"/tmp/{moodle('Absolute', 3)}/{FILE}": text,
            f"C:\\{moodle('Drive', 4)}\\{FILE}": text,
            f"{moodle('Nested', 5)}/all.zip": b"PK",
            f"{moodle('Text', 6)}/{FILE}": "print('this is Python')",
            f"{moodle('List', 7)}/{FILE}": "[1, 2]",
            f"{moodle('Deep', 8)}/{FILE}": "[" * 100_000,
            f"{moodle('Word', 9)}/answers.docx": b"PK",
            f"{moodle('Honest', 10)}/{FILE}": text,
            f"__MACOSX/{moodle('Honest', 10)}/._{FILE}": "x",
        },
    )
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo(f"{moodle('Link', 11)}/{FILE}")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    before = everything(tmp_path)
    collected = collecting.collect(course, NAME, path)

    assert set(placed(course)) == {"10"}
    new = {str(file.relative_to(course)) for file in everything(tmp_path) - before}
    assert new == {f"submitted/10/{NAME}/{FILE}", "roster.csv"}

    # Each has its reason, and those who sent something else are known to the next steps.
    why = reasons(collected)
    assert len(why) == 12
    assert sum("leads out" in reason for reason in why.values()) == 3
    assert sum("absolute" in reason for reason in why.values()) == 2
    assert "a link" in why[f"{moodle('Link', 11)}/{FILE}"]
    assert "not opened" in why[f"{moodle('Nested', 5)}/all.zip"]
    notes = {id: row.note for id, row in roster.rows(course, NAME).items()}
    assert set(notes) == {"5", "6", "7", "8", "9", "10", "11"}
    assert notes["6"] == "not placed: it is no notebook: not even JSON"


def test_a_link_in_a_folder_is_not_followed(course, tmp_path):
    secret = tmp_path / "secret.ipynb"
    secret.write_text(notebook(course, NAME), encoding="utf-8")
    folder = tmp_path / "in"
    (folder / "eve").mkdir(parents=True)
    (folder / "eve" / FILE).symlink_to(secret)
    (folder / "mallory").symlink_to(tmp_path)

    collected = collecting.collect(course, NAME, folder)
    assert not placed(course)
    assert len(collected.ignored) == 2


def test_what_is_too_large_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_A_FILE", 100_000)
    monkeypatch.setattr(archives, "MOST_IN_ALL", 250_000)
    zeros = b"0" * 90_000
    path = pack(tmp_path / "bomb.zip", {f"s{i}/{FILE}": zeros for i in range(4)})
    entries, ignored = archives.read(path)
    assert len(entries) == 2
    assert all("more than" in one.reason for one in ignored)

    # One that says it is small, and is not.
    path = pack(tmp_path / "lying.zip", {f"eve/{FILE}": b"0" * 10_000_000})
    raw = path.read_bytes().replace((10_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(raw)
    entries, ignored = archives.read(path)
    assert not entries
    assert len(ignored) == 1

    # Should Python ever go on where the promise ends, reading stops all the same.
    endless = io.BytesIO(b"0" * 10_000_000)
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *arguments: endless)
    entries, (ignored,) = archives.read(path)
    assert not entries
    assert "larger than" in ignored.reason
    assert endless.closed


def test_an_encrypted_entry_is_refused(tmp_path):
    path = pack(tmp_path / "encrypted.zip", {f"eve/{FILE}": "{}"})
    raw = bytearray(path.read_bytes())
    # The flag stands in both heads, the local and the central one.
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)

    entries, (ignored,) = archives.read(path)
    assert not entries
    assert ignored.reason == "refused: it is encrypted"


def test_what_is_no_archive_is_named(course, tmp_path):
    file = tmp_path / "hw4.ipynb"
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="is no zip file"):
        collecting.collect(course, NAME, file)
    with pytest.raises(ValueError, match="there is no file"):
        collecting.collect(course, NAME, tmp_path / "nothing.zip")
    with pytest.raises(ValueError, match="make homework"):
        collecting.collect(course, "hw9_none", file)


# Which of several counts


def test_a_misnamed_notebook_is_found_by_its_cells(course, tmp_path):
    text = notebook(course, NAME, RIGHT)
    other = nbformat.writes(v4.new_notebook(cells=[v4.new_code_cell("1 + 1")]))
    archive = pack(
        tmp_path / "names.zip",
        {
            f"{moodle('One', 1)}/hw4 final.ipynb": text,
            f"{moodle('Two', 2)}/hw4_metrics (1).ipynb": text,
            f"{moodle('Two', 2)}/scratch.ipynb": other,
            f"{moodle('Only', 3)}/mine.ipynb": other,
            f"{moodle('Neither', 4)}/a.ipynb": other,
            f"{moodle('Neither', 4)}/b.ipynb": other,
            f"{moodle('Both', 5)}/a.ipynb": text,
            f"{moodle('Both', 5)}/b.ipynb": notebook(course, NAME),
        },
    )
    collecting.collect(course, NAME, archive)

    assert placed(course) == {"1": text, "2": text, "3": other}
    notes = {id: row.note for id, row in roster.rows(course, NAME).items()}
    assert notes["1"] == notes["2"] == notes["3"] == "misnamed"
    assert notes["4"].startswith("not placed: 2 notebooks")
    assert notes["5"].startswith("not placed: several")


def one(time: str, *, late: bool = False, named: bool = True, ours: bool = True, text: str = ""):
    moment = datetime.fromisoformat(f"2026-11-{time}")
    return collecting.Notebook(time, named, moment, 0, late, ours, (text or time).encode())


def test_the_latest_in_time_counts_or_else_the_first_that_is_late():
    early, later = one("28"), one("29")
    late, later_still = one("30 10:00", late=True), one("30 12:00", late=True)

    def chosen(*notebooks):
        return collecting.choose(notebooks)[0]

    assert chosen(early, late, later, later_still) is later
    assert chosen(later_still, late) is late
    # One that can be marked wins over one that came in time and cannot.
    assert chosen(one("29", ours=False), late) is late
    # Two of the same second: the name decides, if it can.
    assert chosen(one("29", named=False, text="a"), later) is later
    assert chosen(one("29", text="a"), later) is None


def test_collecting_again_loses_nothing(course, tmp_path):
    versions = [
        notebook(course, NAME, {"mig": f"def mig(a, b):\n    return {i}"}) for i in range(4)
    ]
    file = f"{moodle('Ada', 1)}/{FILE}"
    deadline = datetime(2026, 12, 1, 18)

    def collect(version: int, time: str) -> collecting.Collected:
        archive = pack(tmp_path / f"{version}.zip", {file: versions[version]}, {file: time})
        return collecting.collect(course, NAME, archive, deadline=deadline)

    assert collect(0, "2026-11-30 10:00").new == ["1"]
    assert collect(1, "2026-12-01 17:59").replaced == ["1"]
    assert placed(course)["1"] == versions[1]

    # What came too late does not replace it, nor does an old one that comes again.
    assert collect(2, "2026-12-01 18:01").kept == ["1"]
    assert collect(0, "2026-11-30 10:00").kept == ["1"]
    assert collect(1, "2026-12-01 17:59").kept == ["1"]
    assert placed(course)["1"] == versions[1]
    assert roster.rows(course, NAME)["1"].late == "no"

    kept = [p.read_text(encoding="utf-8") for p in (course / "earlier/1" / NAME).iterdir()]
    assert sorted(kept) == sorted([versions[0], versions[2]])


def test_a_deadline_that_is_given_later_holds_for_what_came_before(course, tmp_path):
    file = f"{moodle('Ada', 1)}/{FILE}"
    archive = pack(tmp_path / "a.zip", {file: notebook(course, NAME)})
    collecting.collect(course, NAME, archive)
    assert roster.rows(course, NAME)["1"].late == "no"

    again = collecting.collect(course, NAME, archive, deadline=datetime(2026, 11, 30, 11))
    assert again.kept == ["1"]
    assert roster.rows(course, NAME)["1"].late == "yes"


def test_what_was_placed_by_hand_is_kept_too(course, tmp_path):
    mine = notebook(course, NAME, RIGHT)
    target = course / "submitted" / "1" / NAME / FILE
    target.parent.mkdir(parents=True)
    target.write_text(mine, encoding="utf-8")
    os.utime(target, (0, 0))
    row = roster.Row(
        NAME, "1", "Ada", "Participant 1", "a.docx", "", "no", "not placed: no notebook"
    )
    roster.keep(course, [row])

    file = f"{moodle('Ada', 1)}/{FILE}"
    collecting.collect(course, NAME, pack(tmp_path / "a.zip", {file: notebook(course, NAME)}))
    (earlier,) = (course / "earlier" / "1" / NAME).iterdir()
    assert earlier.read_text(encoding="utf-8") == mine


# What stands out before marking


def hand_in(course: Path, **texts: str) -> None:
    """Place these notebooks by students' ids, as if they had been collected."""
    for student, text in texts.items():
        target = course / "submitted" / student / NAME / FILE
        target.parent.mkdir(parents=True)
        target.write_text(text, encoding="utf-8")


def said(course: Path) -> dict[str, list[str]]:
    return {found.student: found.words for found in prechecks.precheck(course, NAME)}


def test_each_kind_of_trouble_is_named(course):
    def edit_test(made):
        graded_cells(made)["test_mig"].source = "pass"

    def remove_test(made):
        made.cells.remove(graded_cells(made)["test_dci"])

    def more_points(made):
        graded_cells(made)["test_mig"].metadata["nbgrader"]["points"] = 100

    def unlock(made):
        graded_cells(made)["test_mig"].metadata["nbgrader"]["grade"] = False

    def skip(made):
        graded_cells(made)["test_mig"].metadata["tags"] = ["skip-execution"]

    def for_r(made):
        made.metadata["kernelspec"] = {"name": "ir", "language": "R", "display_name": "R"}

    def their_own_kernel(made):
        made.metadata["kernelspec"]["name"] = "conda-env-mine-py"

    def strip(made):
        for cell in made.cells:
            cell.metadata.pop("nbgrader", None)

    right = RIGHT
    words = ("written_4_3b", "Because one latent may know it, and another one too.")

    def answer(made):
        graded_cells(made)[words[0]].source = words[1]

    hand_in(
        course,
        right=notebook(course, NAME, right, answer, their_own_kernel),
        blank=notebook(course, NAME),
        partly=notebook(course, NAME, {"mig": right["mig"]}, answer),
        public=nbformat.writes(made_up_class.released_notebook(public=True)),
        stripped=notebook(course, NAME, right, strip),
        edited=notebook(course, NAME, right, answer, edit_test),
        removed=notebook(course, NAME, right, answer, remove_test),
        dear=notebook(course, NAME, right, answer, more_points),
        unlocked=notebook(course, NAME, right, answer, unlock),
        skipped=notebook(course, NAME, right, answer, skip),
        foreign=notebook(course, NAME, right, for_r),
    )
    found = said(course)

    assert found["right"] == []
    assert found["blank"] == ["blank"]
    assert found["partly"] == ["partly blank: 4.1, 4.4"]
    assert found["public"] == found["stripped"] == ["public copy"]
    assert found["edited"] == ["tampered: test of 4.2 edited"]
    assert found["removed"] == ["tampered: test of 4.4 removed"]
    assert found["dear"] == ["tampered: test of 4.2: points 2 made 100"]
    assert found["unlocked"] == ["tampered: test of 4.2: no longer marked as such"]
    assert found["skipped"] == ["tampered: tag skip-execution on 1 cells"]
    assert found["foreign"] == ["unreadable: it is a notebook for R, not for Python"]


def test_whoever_is_on_the_list_and_handed_in_nothing_is_missing(course, tmp_path):
    files = {
        f"{moodle('Ada Lovelace', 1)}/{FILE}": notebook(course, NAME, RIGHT),
        f"{moodle('Alan Turing', 2)}/mine.ipynb": notebook(course, NAME),
    }
    late = {f"{moodle('Alan Turing', 2)}/mine.ipynb": "2026-12-02 00:00"}
    archive = pack(tmp_path / "a.zip", files, late)
    collecting.collect(course, NAME, archive, deadline=datetime(2026, 12, 1))

    # Moodle's grading sheet has numbers; another list has names only, in another order.
    sheet = tmp_path / "sheet.csv"
    for text in (
        "Identifier,Full name,Grade\nParticipant 1,Ada Lovelace,\nParticipant 2,A. Turing,\n"
        "Participant 3,Grace Hopper,\n",
        "Surname;First name\nLOVELACE;Ada\nTuring;Alan\nHopper;Grace\n",
    ):
        sheet.write_text(text, encoding="utf-8-sig")
        roster.remember_class(course, NAME, sheet)
        found = prechecks.precheck(course, NAME)
        assert {one.name.split()[-1].casefold(): one.words for one in found} == {
            "lovelace": ["partly blank: 4.3b"],
            "turing": ["blank", "late", "misnamed"],
            "hopper": ["missing"],
        }

    sheet.write_text("colour\nred\n", encoding="utf-8")
    with pytest.raises(ValueError, match="columns id and name"):
        roster.remember_class(course, NAME, sheet)


LONG = """def dci(importance, errors):
    shares = importance / importance.sum()
    total = 0.0
    for row in shares:
        total = total + row.max()
    result = total / len(shares)
    return result, result, result"""


def test_who_has_written_the_same_is_listed(course):
    renamed = LONG.replace("shares", "s").replace("total", "t").replace("importance", "R")
    renamed = renamed.replace("(R, errors):", '(R, errors: object):\n    """Mine."""  # all of it')
    other = LONG.replace("max", "min")
    reference = RIGHT["dci"]
    rewritten = reference.replace("importance", "R")
    short = "def mig(information, entropies):\n    return 0.5"

    hand_in(
        course,
        a=notebook(course, NAME, {"dci": LONG, "mig": short}),
        b=notebook(course, NAME, {"dci": renamed, "mig": short}),
        c=notebook(course, NAME, {"dci": other}),
        d=notebook(course, NAME, {"dci": reference}),
        e=notebook(course, NAME, {"dci": rewritten}),
        f=notebook(course, NAME, {"dci": rewritten}),
        g=notebook(course, NAME, {"dci": "def dci(:"}),
    )
    found = prechecks.same_answers(prechecks.precheck(course, NAME))
    assert found == [
        prechecks.Same("4.4", ("a", "b")),
        prechecks.Same("4.4", ("d",), reference=True),
    ]


# What is run for the marks


def run_cells(course: Path, text: str) -> list[str]:
    """The sources of the code cells that are run of a notebook."""
    released_one = released(course, NAME)
    made = rebuilding.rebuilt(released_one, opened(text.encode()))
    out = rebuilding.left_out(released_one, made)
    return [cell.source for cell in made.cells if cell.cell_type == "code" and cell.id not in out]


def test_the_marked_notebook_has_the_tests_of_the_course(course):
    def spoil(made):
        cells = graded_cells(made)
        cells["test_mig"].source = "2"
        cells["test_mig"].metadata["tags"] = ["skip-execution"]
        cells["test_dci"].metadata["nbgrader"]["solution"] = True
        made.cells.remove(cells["test_entropy"])
        made.metadata["kernelspec"]["name"] = "mine"
        made.cells.insert(4, v4.new_code_cell("own = 1", metadata={"tags": ["skip-execution"]}))
        made.cells.append(copy.deepcopy(cells["test_mig"]))
        made.cells[-1].id = "copied"

    homework_4 = released(course, NAME)
    text = notebook(course, NAME, RIGHT, spoil)
    rebuilt = rebuilding.rebuilt(homework_4, opened(text.encode()))

    tests = [c for c in rebuilt.cells if c.metadata.get("nbgrader", {}).get("grade")]
    ours = [c for c in homework_4.notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]
    assert [(t.source, t.metadata["nbgrader"]) for t in tests] == [
        (o.source, o.metadata["nbgrader"]) for o in ours
    ]
    assert rebuilt.metadata["kernelspec"]["name"] == "python3"
    assert not any(cell.metadata.get("tags") for cell in rebuilt.cells)

    # The answers are in it, and the student's own cell, which knows its number.
    sources = {cell.source.strip(): cell for cell in rebuilt.cells}
    assert RIGHT["dci"] in sources
    assert sources["own = 1"].metadata["handed_in"] == 3


def test_what_only_shows_something_is_not_run(course):
    plain = run_cells(course, notebook(course, NAME, RIGHT))
    assert plain[0] == made_up_class.SET_UP
    assert sum("_points(" in source for source in plain) == 3
    assert made_up_class.SHOWN not in plain
    assert len(plain) == 7


def test_what_a_student_wrote_runs_with_what_it_needs(course):
    def use(made):
        made.cells.append(v4.new_code_cell("def mine(a):\n    return turned(a)\nmine(3)"))

    def change(made):
        made.cells[-1].source += "\nprint(1)"

    ran = run_cells(course, notebook(course, NAME, None, use))
    assert made_up_class.SHOWN in ran
    assert made_up_class.SHOWN_TOO not in ran

    # One that was changed counts as the student's own.
    ran = run_cells(course, notebook(course, NAME, None, change))
    assert made_up_class.SHOWN in ran
    assert f"{made_up_class.SHOWN_TOO}\nprint(1)" in ran

    # Of what is no Python, nobody knows what it needs.
    ran = run_cells(course, notebook(course, NAME, {"mig": "def mig(: turned"}))
    assert made_up_class.SHOWN in ran


# Points


def test_points_are_the_share_of_parts_that_are_right_everywhere(monkeypatch, capsys):
    fresh = Verdict("fails", "(seed 7): no.", parts={"D": True, "C": True, "I": False})
    hidden = Verdict(
        "fails", 'no: inputs("4.4b", 987654).', parts={"D": True, "C": False, "I": True}
    )
    monkeypatch.setattr(controls, "verdict", lambda id, f, seed, variant: hidden if seed else fresh)
    assert homework.points("4.4b", None, 3, [987654]) == 1.0
    assert "seed 7" in capsys.readouterr().out

    # A hidden seed is not told, and a verdict without parts speaks for all of them.
    holds = Verdict("holds", "so it is.")
    monkeypatch.setattr(controls, "verdict", lambda id, f, seed, variant: hidden if seed else holds)
    assert homework.points("4.4b", None, 3, [987654]) == 2.0
    printed = capsys.readouterr().out
    assert printed.startswith("4.4b fails")
    assert 'inputs("4.4b", hidden)' in printed
    assert "987654" not in printed


def test_points_without_parts_are_all_or_nothing(monkeypatch, capsys):
    asked = []

    def verdict(id, function, seed, variant):
        asked.append(seed)
        return Verdict("fails" if seed == function else "holds", "so it is.")

    monkeypatch.setattr(controls, "verdict", verdict)
    assert homework.points("4.4b", "nothing", 3, [1, 2, 3]) == 3
    assert asked == [None, 1, 2, 3]
    assert capsys.readouterr().out == "4.4b holds: so it is.\n"

    # Where nothing is left to be earned, the rest is not run.
    asked.clear()
    assert homework.points("4.4b", 2, 3, [1, 2, 3]) == 0
    assert asked == [None, 1, 2]
    assert capsys.readouterr().out == "4.4b fails: so it is.\n"


def ran(*outputs: NotebookNode, count: int | None = 1) -> NotebookNode:
    """A test cell of 3 points after it has run."""
    rules = {"grade": True, "solution": False, "points": 3, "grade_id": "test_dci"}
    metadata = {"nbgrader": rules, "exercise": "4.4"}
    return v4.new_code_cell("…", outputs=list(outputs), execution_count=count, metadata=metadata)


def test_a_test_that_says_nothing_earns_nothing():
    preprocessors = pytest.importorskip(
        "helpers.tools.teaching.preprocessors", exc_type=ImportError
    )
    determine_grade = pytest.importorskip("nbgrader.utils").determine_grade

    def earned(cell: NotebookNode) -> float:
        cell, _ = preprocessors.Verdicts().preprocess_cell(cell, {}, 0)
        return determine_grade(cell)[0]

    line = v4.new_output("stream", name="stdout", text="4.4 holds: so it is.\n")
    foreign = v4.new_output("stream", name="stdout", text="4.5 holds: so it is.\n")
    two, many, text = (
        v4.new_output("execute_result", data={"text/plain": value})
        for value in ("2.0", "9", "True")
    )
    assert determine_grade(ran())[0] == 3  # what nbgrader alone gives to a test that did nothing
    assert earned(ran(line, two)) == 2

    for outputs in (
        (),
        (line,),
        (two,),
        (foreign, two),
        (line, many),
        (line, text),
        (line, two, two),
    ):
        assert earned(ran(*outputs)) == 0, outputs
    assert earned(ran(line, two, count=None)) == 0


# Results. The gradebook is played by a list; test_homework_grading.py has the real one.


def item(id: str, *, words: bool = False) -> results.Item:
    return results.Item(f"g{id}", id, f"Title of {id}", 3, f"a{id}", words)


HOSTILE = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "<script>alert(1)</script>"]


def result(id: str, name: str, *scores: results.Score, status=("marked",), stops="", remarks=()):
    row = roster.Row(NAME, id, name, f"Participant {id}", FILE, "2026-11-30 12:00:00", "no", "")
    return results.Result(row, None, stops, tuple(status), tuple(scores), tuple(remarks))


def sheet(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@pytest.fixture
def a_class(monkeypatch):
    """Three students with results: marked with a hostile name, waiting for words, unmarkable."""
    scores = (results.Score(item("4.1"), 2.5, "fails: it is <b>wrong</b>."),)
    words = results.Score(item("4.3b", words=True), None, "", "", "not read yet")
    everybody = [
        *(result(str(i), name, *scores) for i, name in enumerate(HOSTILE)),
        result("20", "Waits", *scores, words, status=("words unmarked",)),
        result("21", "Public", stops="public copy", status=("public copy",)),
        result("22", "Gone", stops="missing", status=("missing",)),
    ]
    for module in (grades, feedback):
        monkeypatch.setattr(module, "results", lambda course, name: everybody)
    return everybody


@pytest.mark.parametrize("platform", [None, "moodle", "canvas"])
def test_no_cell_of_a_table_is_a_formula(course, a_class, platform):
    path, _ = grades.write(course, NAME, platform=platform)
    rows = sheet(path.read_text(encoding="utf-8"))

    assert len(rows) == 1 + len(a_class)
    assert not any(cell.startswith(sheets.FORMULA) for row in rows for cell in row)
    assert any("'=cmd" in cell for row in rows for cell in row)


def test_nobody_has_a_zero_who_was_not_marked(course, a_class):
    path, _ = grades.write(course, NAME)
    head, *rows = sheet(path.read_text(encoding="utf-8"))
    by_id = {row[0]: dict(zip(head, row, strict=True)) for row in rows}

    assert (by_id["0"]["total"], by_id["0"]["total is"]) == ("2.5", "final")
    assert (by_id["20"]["total"], by_id["20"]["total is"]) == ("2.5", "provisional")
    assert by_id["20"]["status"] == "words unmarked"
    assert (by_id["20"]["4.3b"], by_id["21"]["total"], by_id["22"]["total"]) == ("", "", "")

    # A platform is told nothing that may change.
    head, *rows = sheet(
        grades.write(course, NAME, platform="moodle")[0].read_text(encoding="utf-8")
    )
    given = {row[0]: row[head.index("Grade")] for row in rows}
    assert given["Participant 0"] == "2.5"
    assert given["Participant 20"] == given["Participant 21"] == ""
    assert head[:3] == ["Identifier", "Full name", "Grade"]
    head, *_ = sheet(grades.write(course, NAME, platform="canvas")[0].read_text(encoding="utf-8"))
    assert head == ["Student", "ID", "SIS Login ID", "Section", NAME]


def test_the_roster_gives_back_what_it_was_given(course):
    rows = [
        roster.Row(NAME, str(i), name, name, name, "2026-11-30 12:00:00", "no", "")
        for i, name in enumerate([*HOSTILE[:4], "O'Neill, Ann", 'with "quotes"', "'quoted'"])
    ]
    roster.keep(course, rows)
    assert sorted(roster.rows(course, NAME).values(), key=lambda row: row.id) == rows
    text = (course / "roster.csv").read_text(encoding="utf-8")
    assert not any(c.startswith(sheets.FORMULA) for row in sheet(text) for c in row)


def test_a_page_shows_what_was_found_and_nothing_that_a_student_wrote_as_html(course, a_class):
    seeds = json.loads((course / "seeds.json").read_text(encoding="utf-8"))
    secret = seeds["4.1"][0]
    leak = results.Score(item("4.2"), 0, f"fails: printed {secret} and <img src=x>", "Look at §2.")
    a_class.append(result("30", "Eve", leak, remarks=["your code cell 3 stops with E: <i>"]))
    written = feedback.write(course, NAME)

    # Whoever has handed in nothing gets no page.
    assert {one.row.id for one in written} == {*"012345", "20", "21", "30"}
    page = (course / "feedback" / "30" / f"{NAME}.html").read_text(encoding="utf-8")
    assert str(secret) not in page
    assert "&lt;img src=x&gt;" in page
    assert "<i>" not in page
    assert "Look at §2." in page
    assert page.index("Fails: printed") < page.index("Title of 4.2")

    hostile = (course / "feedback" / "5" / f"{NAME}.html").read_text(encoding="utf-8")
    assert "<script>" not in hostile
    assert "&lt;script&gt;" in hostile
    public = (course / "feedback" / "21" / f"{NAME}.html").read_text(encoding="utf-8")
    assert "public copy" in public
    assert "<strong>" not in public


def test_pages_go_back_under_the_names_that_moodle_knows(course, a_class):
    path = feedback.pack_for_moodle(course, NAME, feedback.write(course, NAME))
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()

    assert len(names) == 8
    assert f"Waits_20_assignsubmission_file_/{NAME}.html" in names
    for name in names:
        assert collecting.MOODLE.fullmatch(name.split("/")[0])
        assert name.count("/") == 1


def test_a_submission_that_kills_what_marks_it_stops_no_other():
    # The work is `eval`, which a new process has at once, so that the ids are what is done.
    good = ["('', 1.0)", "('', 2.0)", "('', 3.0)"]
    killer = "__import__('os')._exit(1)"
    came = dict(marking.side_by_side(eval, [good[0], killer, *good[1:]]))

    assert came.pop(killer) == ("it killed the process that marks it", 0.0)
    assert came == {student: eval(student) for student in good}


def test_the_terminal_is_not_moved_by_a_name():
    table = sheets.columns(("id", "name"), [("1", "a\x1b[2Jb\nc")])
    assert table.split("\n") == ["id  name", "1   a?[2Jb?c"]


# The commands


def test_each_step_says_what_comes_next(course, tmp_path, capsys):
    files = {
        f"{moodle('Ada Lovelace', 1)}/{FILE}": notebook(course, NAME, RIGHT),
        f"{moodle('Alan Turing', 2)}/{FILE}": notebook(course, NAME),
        f"{moodle('Alan Turing', 2)}/notes.txt": "hello",
    }
    archive = pack(tmp_path / "a.zip", files)
    where = ["--course", str(course)]

    command.main([*where, "collect", NAME, str(archive), "--deadline", "2026-12-01 18:00"])
    printed = capsys.readouterr().out
    assert "1   Ada Lovelace  2026-11-30 12:00:00  no    placed" in printed
    assert "notes.txt" in printed
    assert f"Next: precheck {NAME}" in printed

    command.main([*where, "precheck", NAME])
    printed = capsys.readouterr().out
    assert "2   Alan Turing   blank" in printed
    assert "1         4.4        the public reference, word for word" in printed

    # Without having been marked they have no total.
    command.main([*where, "grades", NAME])
    assert "2         not marked yet" in capsys.readouterr().out


def test_what_is_missing_is_said_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="run `make homework`"):
        command.main(["precheck", NAME])
