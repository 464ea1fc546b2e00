"""A made-up class of forty goes the whole way through nbgrader, and each gets what it deserves.

`make test-all` runs this, in about five minutes; test_course.py has the parts.
"""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode, v4

from helpers import homework
from helpers.homework import controls
from helpers.tools import course as command, lecturer_copies
from helpers.tools.teaching import marking, results, sheets
from made_up_class import graded_cells, moodle, notebook, pack, references

pytestmark = pytest.mark.grading
pytest.importorskip("nbgrader.api")

HW1, HW4 = "hw1_elbo", "hw4_metrics"
SECOND = "hw4_metrics (1).ipynb"
PUBLIC = references(HW4)
VARIED = {e.name for e in homework.exercises(HW4) if e.given}
WORDS = "A gap is large only if one latent knows the factor, and that one alone: in 4.3 two do."

# Wrong answers to 1.5b, 4.2 and 4.4b; the last has two of its three values right.
WRONG_LOSS = references(HW1)["vae_loss"].replace("logvar).sum(1)", "logvar).mean(1)")
WRONG_MIG = "def best_mig(counts):\n    return 1.0"
WRONG_I = PUBLIC["dci"].replace("(1 - errors**2).mean()", "(1 - errors).mean()")
ENDLESS = "def best_mig(counts):\n    while True:\n        pass"

# A cell that makes the package say that all is well.
TAMPER = """import helpers.homework, helpers.homework.controls, helpers.homework.engine
def points(id, function, most, seeds=(), variant=0):
    print(id, "holds: so it is.")
    return most
for module in (helpers.homework, helpers.homework.controls):
    module.points = points
engine = helpers.homework.engine
engine.judge = lambda *arguments: engine.Verdict("holds", "so it is.")"""

# A folder beside the notebook that hides the real package and lets everything hold.
FAKE_PACKAGE = {
    "__init__.py": """import os, sys
__path__ += [p + "/helpers" for p in sys.path if os.path.exists(p + "/helpers/ledger.py")]
from helpers.installation import doctor
from helpers.ledger import claim, claims, verify""",
    "homework.py": """def points(id, function, most, seeds=(), variant=0):
    print(id, "holds: so it is.")
    return most
check = panel = quiz = yours_or_reference = points""",
}

# A cell after which no cell does anything, so that no test complains.
SILENCE = """import ast
class Nothing(ast.NodeTransformer):
    def visit_Module(self, node):
        return ast.Module([], [])
get_ipython().ast_transformers.append(Nothing())"""


# What students do


def insert(source: str) -> Callable[[NotebookNode], None]:
    """Put a cell of one's own before all answers."""
    return lambda made: made.cells.insert(4, v4.new_code_cell(source))


def write_words(made: NotebookNode) -> None:
    graded_cells(made)["written_4_3b"].source = WORDS


def empty_the_tests(made: NotebookNode) -> None:
    """Empty the tests, and give them points."""
    for id, cell in graded_cells(made).items():
        if id.startswith("test_"):
            cell.source = "pass"
            cell.metadata["nbgrader"]["points"] = 100


def skip_everything(made: NotebookNode) -> None:
    for cell in made.cells:
        cell.metadata["tags"] = ["skip-execution", "raises-exception"]


def remove_the_tests(made: NotebookNode) -> None:
    tests = [cell for id, cell in graded_cells(made).items() if id.startswith("test_")]
    made.cells = [cell for cell in made.cells if cell not in tests]


def answer_in_a_cell_of_their_own(made: NotebookNode) -> None:
    made.cells.insert(9, v4.new_code_cell("def entropy(p):\n    return -xlogy(p, p).sum()"))
    (cell,) = [c for c in made.cells if c.source.startswith("def best_mig")]
    cell.source = (
        "def best_mig(counts):\n    p = counts / counts.sum()\n"
        "    a, b = entropy(p.sum(1)), entropy(p.sum(0))\n"
        "    known = a + b - entropy(p)\n    return 1 - known / a / 2 - known / b / 2"
    )


def seeds(course: Path) -> dict[str, list[int]]:
    return json.loads((course / "seeds.json").read_text(encoding="utf-8"))


def variant(course: Path) -> int:
    return seeds(course)["variant"][0]


def public(name: str) -> str:
    return (lecturer_copies.NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")


# The class, by number: a name, the notebook, and what it should earn: a set of functions, or a
# word. "partly" stands for what `points` gives to WRONG_I.
def the_class(course: Path) -> dict[int, tuple[str, str, set[str] | str]]:
    def of(answers, *edits):
        return notebook(course, HW4, answers, *edits)

    right = references(HW4, variant(course))
    two = {name: right[name] for name in ("best_mig", "scores")}
    one = {"best_mig": right["best_mig"]}
    students = {
        1: ("Ada Right", of(right, write_words), set(right)),
        2: ("Åsa Müller-Ø", of(right, write_words), set(right)),
        3: ("Unread Words", of(right, write_words), set(right)),
        4: ("No Words", of(right), set(right)),
        5: ("Blank", of({}), set()),
        6: ("Blank Too", of({}), set()),
        7: ("Parts Right", of({**two, "dci": WRONG_I}), {*two, "partly"}),
        8: ("Wrong Mig", of({**right, "best_mig": WRONG_MIG}), set(right) - {"best_mig"}),
        9: ("Endless", of({**right, "best_mig": ENDLESS}), set(right) - {"best_mig"}),
        10: ("No Python", of({**right, "best_mig": "def mig(:"}), set(right) - {"best_mig"}),
        11: ("Public Copy", public(HW4), "public copy"),
        12: ("Public Copy Too", public(HW4), "public copy"),
        13: ("Other Homework", notebook(course, HW1), "another homework"),
        14: ("Broken", '{"cells": [', "unreadable"),
        15: ("Tests Emptied", of(one, empty_the_tests, insert(TAMPER)), {"best_mig"}),
        16: ("Shadowing", of(one), {"best_mig"}),
        17: ("Skipping", of(one, skip_everything), {"best_mig"}),
        18: ("Tests Removed", of(one, remove_the_tests), {"best_mig"}),
        19: ("Silent", of(one, insert(SILENCE)), "marking stopped"),
        20: ("Dead", of(right, insert("import os; os._exit(1)")), "marking stopped"),
        21: ("=cmd|'!A0", of(right), set(right)),
        22: ("<script>alert(1)<", of({"best_mig": WRONG_MIG}, insert("no_such_name")), set()),
        23: ("Late", of(right), set(right)),
        24: ("Second", of(two), set(two)),
        25: ("Too Late Again", of(two), set(two)),
        26: ("Misnamed", of(two), set(two)),
        28: ("Public Answers", of(PUBLIC), set(right) - VARIED),
        27: ("Own Cell", of({}, answer_in_a_cell_of_their_own), {"best_mig"}),
    }
    # The rest have one, two … answers.
    for number in range(29, 39):
        some = dict(list(right.items())[: 1 + number % 5])
        students[number] = (f"Student Number{number}", of(some), set(some))
    return students


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A course in which nobody has handed in yet."""
    folder = tmp_path_factory.mktemp("grading") / "course"
    lecturer_copies.main([str(folder)])
    return folder


def step(course: Path, *arguments: str) -> None:
    command.main(["--course", str(course), *arguments])


@pytest.fixture(scope="module")
def everybody(course) -> dict[int, results.Result]:
    """What each of the class gets, after all has been collected, marked, read and returned."""
    students = the_class(course)
    folder = course.parent
    deadline = ["--deadline", "2026-12-01 18:00"]

    # The first zip comes at the deadline; the second has what came after it, and two come back.
    files, times = {}, {}
    for number, (name, text, _) in students.items():
        path = f"{moodle(name, number)}/{SECOND if number == 26 else f'{HW4}.ipynb'}"
        files[path] = text
        if number == 23:
            times[path] = "2026-12-01 18:05"
    again = f"{moodle('Second', 24)}/{HW4}.ipynb"
    too_late = f"{moodle('Too Late Again', 25)}/{HW4}.ipynb"
    first = files | {again: notebook(course, HW4)}
    step(course, "collect", HW4, str(pack(folder / "1.zip", first, times)), *deadline)
    second = {
        again: files[again],
        too_late: notebook(course, HW4, references(HW4, variant(course))),
    }
    moments = {again: "2026-12-01 17:00", too_late: "2026-12-01 18:30"}
    step(course, "collect", HW4, str(pack(folder / "2.zip", second, moments)), *deadline)

    # One has a folder beside the notebook, which no zip file could have put there.
    beside = course / "submitted" / "16" / HW4 / "helpers"
    beside.mkdir()
    for file, text in FAKE_PACKAGE.items():
        (beside / file).write_text(text, encoding="utf-8")

    rows = [f"Participant {number},{name}" for number, (name, *_) in students.items()]
    listed = ["Identifier,Full name", *rows, "Participant 39,Mia Missing", "Participant 40,Max M"]
    (folder / "class.csv").write_text("\n".join(listed), encoding="utf-8")
    step(course, "precheck", HW4, "--class", str(folder / "class.csv"))
    step(course, "mark", HW4)

    # Two answers in words are read.
    with marking.gradebook(course) as book:
        for student, points in (("1", 3), ("2", 4)):
            grade = book.find_grade("written_4_3b", HW4, HW4, student)
            assert (grade.auto_score, grade.needs_manual_grade) == (None, True)
            grade.manual_score = points
            grade.needs_manual_grade = False
            comment = book.find_comment("written_4_3b", HW4, HW4, student)
            comment.manual_comment = "Say <what> a gap does not see."
        book.db.commit()

    step(course, "feedback", HW4)
    step(course, "grades", HW4)
    found = {int(one.row.id): one for one in results.results(course, HW4)}
    assert len(found) == 40
    return found


# What is handed out


@pytest.mark.parametrize("name", [HW1, HW4])
def test_the_released_notebook_holds_no_answer_and_no_hidden_input(course, name):
    released = (course / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8")

    for secret in ("HIDDEN TESTS", "BEGIN SOLUTION", "Rubric", "An answer that gets"):
        assert secret not in released
    assert not any(str(seed) in released for drawn in seeds(course).values() for seed in drawn)
    assert "solution=False" in released
    assert not re.search(r'panel\(\\"[\w.]+\\"\)', released)
    assert released.count("raise NotImplementedError") >= 5


@pytest.mark.parametrize("name", [HW1, HW4])
def test_the_tests_of_the_released_notebook_are_locked(course, name):
    path = course / "release" / name / f"{name}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    tests = [cell for cell in cells if "\n_points(" in cell.source]

    assert len(tests) == len(homework.exercises(name))
    for test in tests:
        assert test.metadata["nbgrader"]["locked"]
        assert not test.metadata["editable"]


def test_what_was_handed_out_stays_when_the_course_is_made_again(course, capsys):
    path = course / "release" / HW4 / f"{HW4}.ipynb"
    before = path.read_bytes()
    lecturer_copies.main([str(course)])
    assert path.read_bytes() == before
    assert "4 of them were there before" in capsys.readouterr().out


# What they get


def most() -> dict[str, float]:
    """The points of each exercise by its function."""
    return {e.name: lecturer_copies.POINTS[e.difficulty] for e in homework.exercises(HW4)}


def worth(course: Path, id: str, source: str) -> float:
    """What `points` gives to an answer, as if it stood in a notebook of this course."""
    names = {"np": __import__("numpy"), "xlogy": __import__("scipy.special").special.xlogy}
    exec(source, names | {"__name__": "__main__"}, names)
    name = controls.exercise(id).name
    return homework.points(id, names[name], most()[name], seeds(course)[id], variant(course))


def test_a_mark_is_for_a_right_answer_and_for_nothing_else(course, everybody):
    by_id = {e.id: e.name for e in homework.exercises(HW4)}
    for number, (name, _, earned) in the_class(course).items():
        one = everybody[number]
        if isinstance(earned, str):
            assert one.status[0].startswith(earned), name
            # Number 19 ran, and said nothing: its points are there, and are said to be none.
            assert one.total == (0 if number == 19 else None), name
            continue

        given = {by_id[s.item.id]: s.points for s in one.scores if not s.item.words}
        wanted = {f: points if f in earned else 0 for f, points in most().items()}
        if "partly" in earned:
            wanted["dci"] = worth(course, "4.4b", WRONG_I)
            assert wanted["dci"] == 2

        # The public answers to what the course asks otherwise are worth what chance gives.
        if number == 28:
            wanted |= {f: worth(course, id, PUBLIC[f]) for id, f in by_id.items() if f in VARIED}
            assert wanted["scores"] < most()["scores"]
        assert given == wanted, name


def test_the_status_tells_apart_what_a_zero_would_not(everybody):
    status = {number: "; ".join(one.status) for number, one in everybody.items()}

    assert status[1] == status[2] == status[4] == "marked"
    assert status[3] == "words unmarked"
    assert status[5] == status[6] == "blank"
    assert status[11] == status[12] == "public copy"
    assert status[14] == "unreadable: it is no notebook: not even JSON"
    assert status[19].endswith("no verdict on 4.1, 4.2, 4.3, 4.4a, 4.4b, 4.5")
    assert status[20].startswith("marking stopped: its kernel died")
    assert status[23] == "marked; late"
    assert status[24] == status[25] == status[26] == "marked"
    assert status[39] == status[40] == "missing"
    assert {number for number, one in everybody.items() if one.provisional} == {3, 19}


def test_the_answer_in_words_counts_when_it_was_read(everybody):
    words = {n: [s for s in one.scores if s.item.words] for n, one in everybody.items()}
    assert [score.points for number in (1, 2, 3, 4) for score in words[number]] == [3, 4, None, 0]
    assert everybody[1].total == sum(most().values()) + 3


def test_the_table_has_everybody_and_no_formula(course, everybody):
    with open(course / "grades" / f"{HW4}.csv", encoding="utf-8", newline="") as file:
        head, *rows = list(csv.reader(file))
    assert len(rows) == 40
    assert not any(cell.startswith(sheets.FORMULA) for row in rows for cell in row)

    total = {row[0]: row[head.index("total")] for row in rows}
    assert {id for id, points in total.items() if points == ""} == {
        "11", "12", "13", "14", "20", "39", "40",
    }  # fmt: skip
    assert total["5"] == "0"


def test_the_page_names_what_failed_first_and_shows_no_traceback(course, everybody):
    def page(number: int) -> str:
        return (course / "feedback" / str(number) / f"{HW4}.html").read_text(encoding="utf-8")

    assert "Not attempted: put your code in place of" in page(5)
    assert "no answer after" in page(9).casefold()
    assert "Is there a loop that does not end?" in page(9)
    assert "stops with SyntaxError" in page(10)
    assert "which begins with `no_such_name`, stops with NameError" in page(22)
    assert "Say &lt;what&gt; a gap does not see." in page(1)
    assert "handed out for the class" in page(11)

    for number in everybody.keys() - {39, 40}:
        text = page(number)
        assert "Traceback" not in text
        assert "<script>" not in text
        assert "ast.unparse" not in text
        assert not any(str(seed) in text for drawn in seeds(course).values() for seed in drawn)
    assert not (course / "feedback" / "39").exists()


def test_what_does_not_count_is_kept(course, everybody):
    assert len(list((course / "earlier" / "24" / HW4).iterdir())) == 1
    assert len(list((course / "earlier" / "25" / HW4).iterdir())) == 1


def test_a_correction_by_hand_survives_and_a_new_file_asks_for_another_look(course, everybody):
    with marking.gradebook(course) as book:
        book.find_grade("test_best_mig", HW4, HW4, "8").manual_score = 1.5
        book.db.commit()

    def result() -> results.Result:
        return next(one for one in results.results(course, HW4) if one.row.id == "8")

    def points() -> float | None:
        return next(score.points for score in result().scores if score.item.id == "4.2")

    step(course, "mark", HW4, "--only", "8", "--force")
    assert points() == 1.5
    assert result().status == ("marked",)

    # What was not marked since it changed has no total; then the correction is doubtful.
    path = course / "submitted" / "8" / HW4 / f"{HW4}.ipynb"
    path.write_text(notebook(course, HW4, references(HW4, variant(course))), encoding="utf-8")
    assert result().total is None
    step(course, "mark", HW4, "--only", "8")
    assert points() == 1.5
    assert result().status[0].startswith("look again")


def test_another_homework_names_the_misconception_and_counts_what_is_right_of_it(course):
    answers = {"estimates": references(HW1)["estimates"], "vae_loss": WRONG_LOSS}
    file = f"{moodle('Kurt', 7)}/{HW1}.ipynb"
    archive = pack(course.parent / "hw1.zip", {file: notebook(course, HW1, answers)})
    for arguments in (["collect", HW1, str(archive)], ["mark", HW1], ["feedback", HW1]):
        step(course, *arguments)

    # Of the loss and its three gradients, the one by the logits is right.
    (one,) = results.results(course, HW1)
    assert one.total == 3 + 3 / 4
    page = (course / "feedback" / "7" / f"{HW1}.html").read_text(encoding="utf-8")
    assert "the KL is averaged over the latents; independent latents add up" in page
