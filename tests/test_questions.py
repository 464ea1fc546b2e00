"""Questions: their texts are whole, a choice is final, and no page gives an answer away."""

import ast
import collections
import tomllib

import pytest

import run_notebooks
from helpers import questions
from run_notebooks import ROOT, code_cells
from test_project import NOTEBOOKS, each_notebook

SLACK = """
[slack]
question = "Which?"
right = "A"
A.option = "this"
A.reason = "reason one"
B.option = "that"
B.reason = "reason two"

[angle]
task = "Find it."
found = "It was there."
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file of questions, 99.toml, in the place of the notebooks'."""
    monkeypatch.setattr(questions, "FOLDER", tmp_path)
    path = tmp_path / "99.toml"
    path.write_text(SLACK, encoding="utf-8")
    return path


@pytest.fixture
def displayed(monkeypatch):
    """What is displayed, as a list of (data, metadata)."""
    found = []
    monkeypatch.setattr(questions, "display", lambda data, raw=False: found.append((data, None)))
    return found


def shown(displayed):
    """The plain text of all that was displayed."""
    return "\n".join(data[0]["text/plain"] for data in displayed)


# Predictions


def test_a_prediction_is_committed_to_once_and_compared_afterwards(file, displayed):
    prediction = questions.predict("99.slack")
    assert shown(displayed) == "Predict: Which?\n  A  this\n  B  that"

    # The button waits for a choice, and once it is pressed the choice is final.
    choice = prediction.choice
    assert choice.commit.disabled
    choice.buttons.value = "B"
    assert not choice.commit.disabled
    choice.commit.click()
    assert choice.buttons.disabled
    assert "You expect B" in choice.answer.value

    # A second press changes nothing, and the button keeps the keyboard.
    choice.commit.click()
    assert not choice.commit.disabled
    assert choice.chosen == "B"

    displayed.clear()
    prediction.compare()
    assert shown(displayed) == (
        "You expected B. It is A.\n  A  right: reason one\n  B  wrong: reason two"
    )
    assert "<details open>" in displayed[0][0]["text/html"]


def test_without_a_choice_the_comparison_is_folded(file, displayed):
    prediction = questions.predict("99.slack")
    displayed.clear()
    prediction.compare()
    html = displayed[0][0]["text/html"]
    assert html.startswith("<details><summary>Which is right, and why?</summary>")
    assert "right: reason one" in html


@pytest.mark.parametrize(
    "key, complaint",
    [
        ("98.slack", "begins with no notebook that has questions: 99"),
        ("99.slac", "nothing called 'slac' in 99.toml, but slack, angle"),
        ("99.angle", "99.angle: a question has"),
    ],
)
def test_a_question_that_is_not_there_is_named(file, key, complaint):
    with pytest.raises(ValueError, match=complaint):
        questions.predict(key)


@pytest.mark.parametrize(
    "old, new",
    [
        ('right = "A"', 'right = "C"'),
        ('A.reason = "reason one"\n', ""),
        ('B.option = "that"\nB.reason = "reason two"', ""),
        ('question = "Which?"\n', ""),
    ],
)
def test_a_question_with_a_part_missing_is_refused(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match="99.slack: "):
        questions.predict("99.slack")


# The notebooks'


def keys_used(notebook):
    """The keys of all questions and tasks that a notebook's code names."""
    asked = [
        call.args[0].value
        for call in run_notebooks.calls(notebook, "predict")
        if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.func, ast.Name)
    ]
    named = [
        k.value.value
        for call in run_notebooks.calls(notebook, "explore")
        for k in call.keywords
        if k.arg == "task"
    ]
    return asked + named


def test_every_text_is_used_once_by_its_own_notebook():
    used = []
    for path, notebook in NOTEBOOKS.items():
        number = path.split("/")[-1].split("_")[0]
        keys = keys_used(notebook)
        assert all(key.startswith(f"{number}.") for key in keys), path
        used += keys

    files = sorted((ROOT / "helpers" / "questions").glob("*.toml"))
    tables = {file.stem: tomllib.loads(file.read_text(encoding="utf-8")) for file in files}
    assert sorted(used) == sorted(
        f"{stem}.{name}" for stem, table in tables.items() for name in table
    )


def test_the_right_answers_are_spread_over_the_letters():
    right = collections.Counter()
    for notebook in NOTEBOOKS.values():
        for key in keys_used(notebook):
            if "question" in questions.texts(key):
                right[questions.question(key).right] += 1

    # Who always says one letter is right in at most four of ten.
    assert set("ABC") <= set(right)
    assert max(right.values()) <= 0.4 * right.total()


@each_notebook
def test_every_prediction_is_compared_and_its_answer_folded(notebook):
    cells = code_cells(notebook)
    asked = [
        call for call in run_notebooks.calls(notebook, "predict") if isinstance(call.func, ast.Name)
    ]
    compared = [call for call in run_notebooks.calls(notebook, "compare") if not call.args]
    assert len(asked) == len(compared)

    answers = [
        output.data["text/html"]
        for cell in cells
        for output in cell.outputs
        if "<details" in output.get("data", {}).get("text/html", "")
    ]
    assert len(answers) == len(compared)
    assert all(answer.startswith("<details><summary>") for answer in answers)
