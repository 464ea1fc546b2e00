"""A whole run of nbgrader: six submissions get the marks they deserve. `make test-all` runs it."""

import inspect
import os
import re
import subprocess
import sys

import nbformat
import pytest

from helpers import homework
from helpers.homework import editions

pytestmark = pytest.mark.grading
nbgrader_api = pytest.importorskip("nbgrader.api")

WRONG_KL = '''def kl_to_prior(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(1)'''
ENDLESS_KL = '''def kl_to_prior(mu, logvar):
    while True:
        pass'''
TAMPER = '''import helpers.homework, helpers.homework.controls, helpers.homework.engine
def require(*arguments, **options):
    pass
for module in (helpers.homework, helpers.homework.controls):
    module.require = require
helpers.homework.engine.judge = lambda *arguments: helpers.homework.engine.Verdict("holds", "so it is.")'''
FAKE_PACKAGE = {  # a folder beside the notebook that hides the real one and lets everything hold
    "__init__.py": '''import os, sys
__path__ += [p + "/helpers" for p in sys.path if os.path.exists(p + "/helpers/ledger.py")]
from helpers.ledger import claim, doctor, verify''',
    "homework.py": "require = check = panel = quiz = yours_or_reference = lambda *arguments, **options: arguments[-1]",
}


def nbgrader(folder, *arguments):
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])  # as in an activated environment
    run = subprocess.run([sys.executable, "-m", "nbgrader", *arguments], cwd=folder, capture_output=True, text=True,
                         env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"})
    assert run.returncode == 0, run.stdout + run.stderr


def submit(folder, name, student, answers=None, edit=None):
    """Hand in the released notebook, with these functions in place of stubs and whatever else `edit(notebook)` does."""
    notebook = nbformat.read(folder / "release" / name / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if editions._defined(cell) in (answers or {}):
            cell.source = answers[editions._defined(cell)]
    if edit:
        edit(notebook)
    target = folder / "submitted" / student / name
    target.mkdir(parents=True)
    nbformat.write(notebook, target / f"{name}.ipynb")
    return target


def references(name):
    return {e.name: inspect.getsource(e.reference) for e in homework.exercises(name)}


def tamper(notebook):
    """Empty the tests, give them points, and make the package say that all is well."""
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source, cell.metadata["nbgrader"]["points"] = "pass", 100
    notebook.cells.insert(3, nbformat.v4.new_code_cell(TAMPER))


def edit_words(notebook):
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "written_4_3b":
            cell.source = "A gap is large only if one latent knows the factor, and that one alone."


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grading") / "course"
    editions.write(folder)
    for name in ("hw1_elbo", "hw4_metrics"):
        nbgrader(folder, "generate_assignment", name)
    right = references("hw1_elbo")
    submit(folder, "hw1_elbo", "correct", right)
    submit(folder, "hw1_elbo", "partly", {**{n: right[n] for n in ("sample", "elbo")}, "kl_to_prior": WRONG_KL})
    submit(folder, "hw1_elbo", "blank")
    submit(folder, "hw1_elbo", "tampered", {"sample": right["sample"]}, tamper)
    fake = submit(folder, "hw1_elbo", "shadowing", {"sample": right["sample"]}) / "helpers"
    fake.mkdir()
    for file, text in FAKE_PACKAGE.items():
        (fake / file).write_text(text)
    submit(folder, "hw1_elbo", "endless", {**right, "kl_to_prior": ENDLESS_KL})
    submit(folder, "hw4_metrics", "correct", references("hw4_metrics"), edit_words)
    for name in ("hw1_elbo", "hw4_metrics"):
        nbgrader(folder, "autograde", name)
        nbgrader(folder, "generate_feedback", name)
    nbgrader(folder, "export")
    return folder


@pytest.mark.parametrize("name", ["hw1_elbo", "hw4_metrics"])
def test_the_released_notebook_holds_no_answer_and_no_hidden_input(course, name):
    released = (course / "release" / name / f"{name}.ipynb").read_text()
    assert "HIDDEN TESTS" not in released and "BEGIN SOLUTION" not in released and "Rubric" not in released
    assert "for _seed in" not in released and "solution=False" in released
    assert not re.search(r'panel\(\\"[\d.]+\\"\)', released)
    assert released.count("raise NotImplementedError") >= 5
    tests = [c for c in nbformat.reads(released, as_version=4).cells if "\nrequire(" in c.source]
    assert len(tests) == 5 and all(c.metadata["nbgrader"]["locked"] and not c.metadata["editable"] for c in tests)


def marks(course, student, name="hw1_elbo"):
    """exercise's function -> (marks, most marks), and the submission."""
    with nbgrader_api.Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        submission = gradebook.find_submission(name, student)
        grades = {g.name.removeprefix("test_"): (g.score, g.max_score) for n in submission.notebooks for g in n.grades}
        return grades, submission.score, submission.needs_manual_grade


def test_the_marks(course):
    most = {e.name: editions.POINTS[e.difficulty] for e in homework.exercises("hw1_elbo")}
    earned = {"correct": set(most), "partly": {"sample", "elbo"}, "blank": set(), "tampered": {"sample"},
              "shadowing": {"sample"}, "endless": set(most) - {"kl_to_prior"}}
    for student, right in earned.items():
        grades, score, _ = marks(course, student)
        assert grades == {name: (points if name in right else 0, points) for name, points in most.items()}, student
        assert score == sum(most[name] for name in right)


def test_the_answer_in_words_waits_for_a_reader(course):
    grades, score, waits = marks(course, "correct", "hw4_metrics")
    assert waits and grades.pop("written_4_3b") == (0, 4)
    assert score == sum(points for _, points in grades.values()) == sum(s for s, _ in grades.values())


def test_the_feedback_names_what_failed(course):
    def page(student):
        return (course / "feedback" / student / "hw1_elbo" / "hw1_elbo.html").read_text()

    assert "the mean over the latents was taken where independent latents add up" in page("partly")
    assert "1.4 not attempted" in page("partly") and "1.1 not attempted" in page("blank")
    assert "no answer after 10 s" in page("endless") and "1.1 fails" not in page("correct")


def test_the_marks_are_exported(course):
    table = (course / "grades.csv").read_text()
    assert "hw1_elbo" in table and "tampered" in table
