"""A whole run of nbgrader: six submissions get the marks they deserve. `make test-all` runs it."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode, v4

from helpers import homework
from helpers.tools import lecturer_copies
from helpers.tools.lecturer_copies import defined_function

pytestmark = pytest.mark.grading
nbgrader_api = pytest.importorskip("nbgrader.api")

HOMEWORKS = ["hw1_elbo", "hw4_metrics"]

# Answers to 1.1: a wrong one, and one that does not end.
WRONG_KL = """def kl_to_prior(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(1)"""
ENDLESS_KL = """def kl_to_prior(mu, logvar):
    while True:
        pass"""

# A cell that makes the package say that all is well.
TAMPER = """import helpers.homework, helpers.homework.controls, helpers.homework.engine
def require(*arguments, **options):
    pass
for module in (helpers.homework, helpers.homework.controls):
    module.require = require
engine = helpers.homework.engine
engine.judge = lambda *arguments: engine.Verdict("holds", "so it is.")"""

# A folder beside the notebook that hides the real package and lets everything hold.
FAKE_PACKAGE = {
    "__init__.py": """import os, sys
__path__ += [p + "/helpers" for p in sys.path if os.path.exists(p + "/helpers/ledger.py")]
from helpers.installation import doctor
from helpers.ledger import claim, claims, verify""",
    "homework.py": """def require(*arguments, **options):
    return arguments[-1]
check = panel = quiz = yours_or_reference = require""",
}


def nbgrader(folder: Path, *arguments: str) -> None:
    """Run nbgrader in a course; it must end well."""
    # It looks for jupyter on the path, as in an environment that is activated.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    run = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stdout + run.stderr


# What students hand in


def submit(
    folder: Path,
    name: str,
    student: str,
    *,
    answers: dict[str, str] | None = None,
    edit: Callable[[NotebookNode], None] | None = None,
) -> Path:
    """Hand in the released notebook.

    folder: of the course.
    name: of the homework.
    answers: sources by the function's name, to stand in place of stubs.
    edit: what else the student does to the notebook.

    Returns the folder in which it lies.
    """
    notebook = nbformat.read(folder / "release" / name / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        function = defined_function(cell)
        if answers and function in answers:
            cell.source = answers[function]
    if edit:
        edit(notebook)

    # nbgrader looks for it here.
    target = folder / "submitted" / student / name
    target.mkdir(parents=True)
    nbformat.write(notebook, target / f"{name}.ipynb")
    return target


def references(name: str) -> dict[str, str]:
    """The right answers of a homework, by the function's name."""
    return {e.name: inspect.getsource(e.reference) for e in homework.exercises(name)}


def tamper(notebook: NotebookNode) -> None:
    """Empty the tests, give them points, and make the package say that all is well."""
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = "pass"
            cell.metadata["nbgrader"]["points"] = 100

    notebook.cells.insert(3, v4.new_code_cell(TAMPER))


def answer_in_words(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "written_4_3b":
            cell.source = "A gap is large only if one latent knows the factor, and that one alone."


def hide_the_package(folder: Path) -> None:
    """Put the fake package beside a notebook."""
    fake = folder / "helpers"
    fake.mkdir()
    for file, text in FAKE_PACKAGE.items():
        (fake / file).write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """The folder of a course in which everybody has handed in, and all is graded."""
    folder = tmp_path_factory.mktemp("grading") / "course"
    lecturer_copies.write(folder)
    for name in HOMEWORKS:
        nbgrader(folder, "generate_assignment", name)

    # Of the honest ones one has it all, one has 1.1 wrong and omits the rest, one has nothing, and
    # one waits forever.
    right = references("hw1_elbo")
    partly = {"sample": right["sample"], "elbo": right["elbo"], "kl_to_prior": WRONG_KL}
    endless = {**right, "kl_to_prior": ENDLESS_KL}
    submit(folder, "hw1_elbo", "correct", answers=right)
    submit(folder, "hw1_elbo", "partly", answers=partly)
    submit(folder, "hw1_elbo", "blank")
    submit(folder, "hw1_elbo", "endless", answers=endless)

    # Two have one answer, and want the points of all.
    one = {"sample": right["sample"]}
    submit(folder, "hw1_elbo", "tampered", answers=one, edit=tamper)
    hide_the_package(submit(folder, "hw1_elbo", "shadowing", answers=one))

    words = references("hw4_metrics")
    submit(folder, "hw4_metrics", "correct", answers=words, edit=answer_in_words)

    for name in HOMEWORKS:
        nbgrader(folder, "autograde", name)
        nbgrader(folder, "generate_feedback", name)
    nbgrader(folder, "export")
    return folder


# What they get


@pytest.mark.parametrize("name", HOMEWORKS)
def test_the_released_notebook_holds_no_answer_and_no_hidden_input(course, name):
    released = (course / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8")

    for secret in ("HIDDEN TESTS", "BEGIN SOLUTION", "Rubric", "for _seed in"):
        assert secret not in released
    assert "solution=False" in released
    assert not re.search(r'panel\(\\"[\d.]+\\"\)', released)
    assert released.count("raise NotImplementedError") >= 5


@pytest.mark.parametrize("name", HOMEWORKS)
def test_the_tests_of_the_released_notebook_are_locked(course, name):
    path = course / "release" / name / f"{name}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    tests = [cell for cell in cells if "\nrequire(" in cell.source]

    assert len(tests) == len(homework.exercises(name))
    for test in tests:
        assert test.metadata["nbgrader"]["locked"]
        assert not test.metadata["editable"]


def marks(course: Path, student: str, name: str) -> tuple[dict, float, bool]:
    """What nbgrader gave a student for a homework.

    Returns the marks and the most marks by the exercise's function, their sum, and whether
    somebody has to read an answer.
    """
    with nbgrader_api.Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        submission = gradebook.find_submission(name, student)
        grades = {}
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                grades[grade.name.removeprefix("test_")] = (grade.score, grade.max_score)

        return grades, submission.score, submission.needs_manual_grade


def test_a_mark_is_for_a_right_answer_and_for_nothing_else(course):
    exercises = homework.exercises("hw1_elbo")
    most = {e.name: lecturer_copies.POINTS[e.difficulty] for e in exercises}
    # Those who do not play by the rules have no more than their one answer is worth.
    earned = {
        "correct": set(most),
        "partly": {"sample", "elbo"},
        "blank": set(),
        "endless": set(most) - {"kl_to_prior"},
        "tampered": {"sample"},
        "shadowing": {"sample"},
    }

    for student, right in earned.items():
        expected = {}
        for name, points in most.items():
            expected[name] = (points if name in right else 0, points)

        grades, score, _ = marks(course, student, "hw1_elbo")
        assert grades == expected, student
        assert score == sum(most[name] for name in right), student


def test_the_answer_in_words_waits_for_a_reader(course):
    grades, score, waits = marks(course, "correct", "hw4_metrics")
    assert waits
    assert grades.pop("written_4_3b") == (0, 4)

    # All else is right.
    assert score == sum(given for given, _ in grades.values())
    assert score == sum(most for _, most in grades.values())


def test_the_feedback_names_what_failed(course):
    def page(student: str) -> str:
        return (course / "feedback" / student / "hw1_elbo" / "hw1_elbo.html").read_text(
            encoding="utf-8"
        )

    misconception = "the mean over the latents was taken where independent latents add up"
    assert misconception in page("partly")
    assert "1.4 not attempted" in page("partly")
    assert "1.1 not attempted" in page("blank")
    assert "no answer after 10 s" in page("endless")
    assert "1.1 fails" not in page("correct")


def test_the_marks_are_exported(course):
    table = (course / "grades.csv").read_text(encoding="utf-8")
    assert "hw1_elbo" in table
    assert "tampered" in table
