"""The homework notebooks: one with the package, run untouched and with the solutions put in, and what graders get."""

import ast
import inspect
import json
import re

import pytest

import run_notebooks
from helpers import homework
from helpers.homework import controls, editions

NAMES = list(controls.HOMEWORKS)
each_homework = pytest.mark.parametrize("name", NAMES)


def code(notebook):
    return [c for c in notebook.cells if c.cell_type == "code"]


def prose(notebook):
    return "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def text(cell):
    return "".join(o["text"] for o in cell.outputs if o.output_type == "stream")


@each_homework
def test_each_exercise_has_its_card_its_stub_its_check_and_its_panel(name):
    notebook = editions.committed(name)
    sources = [c.source for c in code(notebook)]
    for e in homework.exercises(name):
        card = f"**{e.difficulty.capitalize()}, {e.minutes} minutes.** *What it is for:* {e.purpose}"
        assert f"## {e.id} {e.title}\n\n{card}" in prose(notebook)
        head = inspect.getsource(e.reference).split('"""')
        stub = f'{head[0]}"""{head[1]}"""\n    # your code here\n    raise NotImplementedError'
        assert sources.count(stub) == 1
        assert sources[sources.index(stub) + 1] == f'check("{e.id}", {e.name})\npanel("{e.id}")'
        assert any(f'yours_or_reference("{e.id}", {e.name}' in source for source in sources)
    minutes = int(re.search(r"\*\*Time\*\*: about (\d+) minutes", prose(notebook))[1])
    assert abs(minutes - sum(e.minutes for e in homework.exercises(name))) <= 15


@each_homework
def test_neither_answers_nor_reasons_can_be_read_in_the_notebook(name):
    notebook = editions.committed(name)
    everything = json.dumps(notebook, ensure_ascii=False)
    for key, (_, right, options) in controls.HOMEWORKS[name].QUIZZES.items():
        assert f'quiz("{key}")' in [c.source for c in code(notebook)]
        assert not any(reason in everything for reason in options.values())
    for e in homework.exercises(name):
        body = inspect.getsource(e.reference).split('"""')[2].strip()
        assert body.splitlines()[-1].strip() not in everything


@each_homework
def test_untouched_it_says_what_is_missing_and_uses_the_reference(name):
    printed = run_notebooks.text_outputs(editions.committed(name))
    for e in homework.exercises(name):
        assert f"{e.id} not attempted: " in printed and f"{e.id} does not hold yet: " in printed


@each_homework
def test_with_the_solutions_put_in_it_runs_and_prints_the_same(name):
    untouched, filled = editions.committed(name), editions.solved(editions.committed(name))
    run_notebooks.execute(filled, editions.NOTEBOOKS)
    for before, after in zip(code(untouched), code(filled)):
        assert not [o for o in after.outputs if o.output_type == "error" or o.get("name") == "stderr"]
        if checked := re.match(r'check\("([\d.]+)"', after.source):
            assert text(after).startswith(f"{checked[1]} holds: ")
        else:
            missing = r"[\d.]+ does not hold yet: .*\n"
            assert re.sub(missing, "", text(before)) == text(after)


WRONG = {  # an answer that fails, for each of the functions that a widget or a figure draws even if it is wrong
    "kl_to_prior": "def kl_to_prior(mu, logvar):\n    return 0.5 * (mu**2 + logvar**2 - 1 - torch.log(logvar**2)).sum(1)",
    "gap": "def gap(x, weights, noise_variance, mu, logvar):\n    return x.no_such_thing",
    "beta_from_curve": "def beta_from_curve(rates, distortions, delta):\n    return -1.0",
    "beta_loss": "def beta_loss(images, logits, mu, logvar, beta):\n    print('a loss')",
    "three_terms": "def three_terms(q):\n    return q.mean(), q.mean()",
    "gaussian_total_correlation": "def gaussian_total_correlation(covariance):\n    return covariance[0, 1]",
    "mig": "def mig(information, entropies):\n    return information.max()",
    "dci": "def dci(importance, errors):\n    return 1 / 0",
}


@each_homework
def test_with_wrong_answers_it_runs_and_shows_no_traceback(name):
    notebook = editions.committed(name)
    wrong = [e for e in homework.exercises(name) if e.name in WRONG]
    for cell in code(notebook):
        cell.outputs, cell.source = [], WRONG.get(editions._defined(cell), cell.source)
    run_notebooks.execute(notebook, editions.NOTEBOOKS)
    assert not [o for c in code(notebook) for o in c.outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert len(wrong) == 2 and all(f"{e.id} fails" in run_notebooks.text_outputs(notebook) for e in wrong)


# Editions


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("homework") / "course"
    assert editions.write(folder) == len(NAMES)
    return folder


def test_a_course_that_is_made_again_keeps_its_hidden_inputs(course):
    before = (course / "seeds.json").read_text()
    editions.write(course)
    assert (course / "seeds.json").read_text() == before
    seeds = json.loads(before)
    assert set(seeds) == {e.id for e in homework.exercises()}
    assert len({s for drawn in seeds.values() for s in drawn}) == 3 * len(seeds)


@each_homework
def test_the_source_has_regions_points_locked_tests_and_no_solution_button(course, name):
    notebook = editions.nbformat.read(course / "source" / name / f"{name}.ipynb", as_version=4)
    marks = {c.metadata["nbgrader"]["grade_id"]: c for c in notebook.cells if "nbgrader" in c.metadata}
    for e in homework.exercises(name):
        answer, test = marks[e.name], marks[f"test_{e.name}"]
        assert answer.metadata["nbgrader"]["solution"] and answer.source.count("### BEGIN SOLUTION") == 1
        names = {**vars(controls.HOMEWORKS[name]), "__name__": "__main__"}
        exec(answer.source, names)  # as nbgrader's own check of the source runs it
        assert names[e.name] is not e.reference
        rules = test.metadata["nbgrader"]
        assert rules["locked"] and rules["grade"] and rules["points"] == editions.POINTS[e.difficulty]
        assert "### BEGIN HIDDEN TESTS" in test.source and ast.parse(test.source)
    assert len([c for c in notebook.cells if re.match(r"panel|check", c.source) and 'panel("' in c.source]) >= 5
    assert not any(re.search(r'panel\("[\d.]+"\)', c.source) for c in notebook.cells)
    assert "The solution opens" not in prose(notebook) and "](../" not in prose(notebook)


def test_one_answer_in_words_is_marked_by_hand_with_a_rubric(course):
    notebook = editions.nbformat.read(course / "source" / "hw4_metrics" / "hw4_metrics.ipynb", as_version=4)
    answer, = [c for c in notebook.cells if c.cell_type == "markdown" and "nbgrader" in c.metadata]
    assert answer.metadata["nbgrader"]["points"] == 4 and answer.metadata["nbgrader"]["solution"]
    rubric, _, model = answer.source.partition("them all**")
    assert rubric.startswith("**Rubric for 4.3b**") and 80 <= len(model.split()) <= 150
    assert not any(c.source.startswith("<details><summary>What a full answer has") for c in notebook.cells)


@each_homework
def test_the_solutions_edition_holds_every_reference(course, name):
    everything = (course / "solutions" / f"{name}.ipynb").read_text()
    assert "raise NotImplementedError" not in [line.strip() for line in json.dumps(everything).split("\\\\n")]
    last_lines = [inspect.getsource(e.reference).splitlines()[-1] for e in homework.exercises(name)]
    assert all(json.dumps(line, ensure_ascii=False)[1:-1] in everything for line in last_lines)
