"""The homework notebooks: one with the package, run untouched and solved, and what graders get."""

import ast
import inspect
import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

import run_notebooks
from helpers import homework
from helpers.homework import controls, engine
from helpers.tools import lecturer_copies
from helpers.tools.cells import parsed
from run_notebooks import code_cells

NAMES = list(controls.HOMEWORKS)
each_homework = pytest.mark.parametrize("name", NAMES)


def prose(notebook: NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def text(cell: NotebookNode) -> str:
    """All that a cell printed."""
    return "".join(o["text"] for o in cell.outputs if o.output_type == "stream")


def is_complaint(output: NotebookNode) -> bool:
    """Whether an output is a traceback or a warning."""
    return output.output_type == "error" or output.get("name") == "stderr"


def complaints(notebook: NotebookNode) -> list[NotebookNode]:
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return [output for output in outputs if is_complaint(output)]


# What a student sees


@each_homework
def test_each_exercise_has_its_card_its_stub_its_check_and_its_panel(name):
    notebook = lecturer_copies.committed(name)
    sources = [cell.source for cell in code_cells(notebook)]

    for exercise in homework.exercises(name):
        # The card stands below the exercise's heading.
        place = "core" if exercise.core else "second reading"
        card = (
            f"*{place} · {exercise.minutes} minutes*\n\n"
            f"**{exercise.difficulty.capitalize()}.** *What it is for:* {exercise.purpose}"
        )
        assert f"## {exercise.id} {exercise.title}\n\n{card}" in prose(notebook)

        # What it asks, in the public variant.
        assert exercise.given in prose(notebook) or exercise.given in sources

        # The stub has the reference's head and docstring, and the check follows it.
        head, docstring, *_ = inspect.getsource(exercise.reference).split('"""')
        stub = f'{head}"""{docstring}"""\n    # your code here\n    raise NotImplementedError'
        controls_below = f'check("{exercise.id}", {exercise.name})\npanel("{exercise.id}")'
        assert sources.count(stub) == 1
        assert sources[sources.index(stub) + 1] == controls_below

        # What comes later works without an answer.
        use = f'yours_or_reference("{exercise.id}", {exercise.name}'
        assert any(use in source for source in sources) == (exercise.id in used_later(name))


@each_homework
def test_no_later_cell_takes_the_name_of_an_answer(name):
    names = {exercise.name for exercise in homework.exercises(name)}
    for cell in code_cells(lecturer_copies.committed(name)):
        if lecturer_copies.defined_function(cell) not in names:
            bound = {n.id for n in ast.walk(parsed(cell.source)) if is_bound(n)}
            assert not bound & names


def is_bound(node: ast.AST) -> bool:
    """Whether a syntax node gives a name to something."""
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def used_later(name: str) -> set[str]:
    """The exercises whose functions draw or compute something further down."""
    with_inputs = {e.id for e in homework.exercises(name) if e.draw is not engine.no_input}
    return with_inputs | ({"2.7"} if name == "hw2_beta_vae" else set())


@each_homework
def test_the_time_that_it_asks_for_is_that_of_its_exercises(name):
    notebook = lecturer_copies.committed(name)
    said = r"\*\*Time\*\*: about (\d+) minutes; the exercises marked \*core\* take (\d+)"
    minutes, core = map(int, re.search(said, prose(notebook)).groups())

    # Those in words have theirs below their headings.
    marks = re.findall(r"^\*(core|second reading) · (\d+) minutes\*$", prose(notebook), re.M)
    assert len(marks) == len(homework.exercises(name)) + 1
    assert abs(minutes - sum(int(m) for _, m in marks)) <= 5
    assert core == sum(int(m) for place, m in marks if place == "core")


@each_homework
def test_neither_answers_nor_reasons_can_be_read_in_the_notebook(name):
    notebook = lecturer_copies.committed(name)
    everything = json.dumps(notebook, ensure_ascii=False)
    sources = [cell.source for cell in code_cells(notebook)]

    # The reasons of a question come with its answer, out of the package.
    for key, (_, _, reasons) in controls.HOMEWORKS[name].QUIZZES.items():
        assert f'quiz("{key}")' in sources
        assert not any(reason in everything for reason in reasons.values())

    # Nor is the last line of a reference there, which is where the answer is given. (Where a bug is
    # to be found, all lines but one are right.)
    for exercise in homework.exercises(name):
        if exercise.kind == "bug":
            continue
        body = inspect.getsource(exercise.reference).split('"""')[2].strip()
        assert body.splitlines()[-1].strip() not in everything


@each_homework
def test_untouched_it_says_what_is_missing_and_uses_the_reference(name):
    printed = run_notebooks.text_outputs(lecturer_copies.committed(name))

    for exercise in homework.exercises(name):
        assert f"{exercise.id} not attempted: " in printed
        said = f"{exercise.id} does not hold yet: " in printed
        assert said == (exercise.id in used_later(name))


# With answers put in


@each_homework
def test_with_the_solutions_put_in_it_runs_and_prints_the_same(name):
    untouched = lecturer_copies.committed(name)
    filled = lecturer_copies.solved(lecturer_copies.committed(name))
    run_notebooks.execute(filled, lecturer_copies.NOTEBOOKS)

    assert complaints(filled) == []
    for before, after in zip(code_cells(untouched), code_cells(filled), strict=True):
        checked = re.match(r'check\("([\d.ab]+)"', after.source)
        if checked:
            assert text(after).startswith(f"{checked[1]} holds: ")
        else:
            # Only the lines that tell of a missing answer are gone.
            missing = r"[\d.ab]+ does not hold yet: .*\n"
            assert re.sub(missing, "", text(before)) == text(after)


# Answers that fail, for the functions that a widget or a figure draws even if they are wrong.
WRONG = {
    "estimates": """def estimates(log_joint, log_q):
    return (log_joint - log_q).mean(0), log_q""",
    "gap": """def gap(x, weights, noise_variance, mu, logvar):
    return x.no_such_thing""",
    "beta_from_curve": """def beta_from_curve(rates, distortions, delta):
    return -1.0""",
    "best_encoder": """def best_encoder(prior, likelihood, beta):
    print('an encoder')""",
    "three_terms": """def three_terms(q, priors):
    return q.mean(), q.mean()""",
    "gaussian_total_correlation": """def gaussian_total_correlation(covariance):
    return covariance[0, 1]""",
    "best_mig": """def best_mig(counts):
    return counts.max()""",
    "dci": """def dci(importance, errors):
    return 1 / 0""",
}


@each_homework
def test_with_wrong_answers_it_runs_and_shows_no_traceback(name):
    notebook = lecturer_copies.committed(name)
    for cell in code_cells(notebook):
        cell.outputs = []
        cell.source = WRONG.get(lecturer_copies.defined_function(cell), cell.source)
    run_notebooks.execute(notebook, lecturer_copies.NOTEBOOKS)

    # Each of them was judged, so the notebook did not stop before.
    assert complaints(notebook) == []
    wrong = [exercise for exercise in homework.exercises(name) if exercise.name in WRONG]
    assert len(wrong) == 2
    for exercise in wrong:
        assert f"{exercise.id} fails" in run_notebooks.text_outputs(notebook)


# The lecturer's copies


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """The folder of a course that was made."""
    folder = tmp_path_factory.mktemp("homework") / "course"
    assert lecturer_copies.write(folder) == len(NAMES)
    return folder


def source_in(course: Path, name: str) -> NotebookNode:
    return nbformat.read(course / "source" / name / f"{name}.ipynb", as_version=4)


def asked(course: Path, name: str) -> list:
    """The exercises of a homework as this course asks them."""
    (variant,) = json.loads((course / "seeds.json").read_text(encoding="utf-8"))["variant"]
    return homework.exercises(name, variant)


def test_a_course_that_is_made_again_keeps_its_hidden_inputs(course):
    before = (course / "seeds.json").read_text(encoding="utf-8")
    lecturer_copies.write(course)
    assert (course / "seeds.json").read_text(encoding="utf-8") == before

    # Every exercise has three, and no two are the same.
    seeds = json.loads(before)
    assert len(seeds.pop("variant")) == 1
    drawn = [seed for of_exercise in seeds.values() for seed in of_exercise]
    assert set(seeds) == {exercise.id for exercise in homework.exercises()}
    assert len(set(drawn)) == 3 * len(seeds)


@each_homework
def test_the_source_has_regions_points_and_locked_tests(course, name):
    cells = source_in(course, name).cells
    marked = {c.metadata["nbgrader"]["grade_id"]: c for c in cells if "nbgrader" in c.metadata}

    for exercise in asked(course, name):
        answer = marked[exercise.name]
        assert answer.metadata["nbgrader"]["solution"]
        assert answer.source.count("### BEGIN SOLUTION") == 1

        # As nbgrader's own check of the source runs it.
        names = {**vars(controls.HOMEWORKS[name]), "__name__": "__main__"}
        exec(answer.source, names)
        assert names[exercise.name] is not exercise.reference

        test = marked[f"test_{exercise.name}"]
        rules = test.metadata["nbgrader"]
        assert rules["locked"]
        assert rules["grade"]
        assert rules["points"] == lecturer_copies.POINTS[exercise.difficulty]
        assert "### BEGIN HIDDEN TESTS" in test.source

        # nbgrader reads the points from what the last line gives.
        last = ast.unparse(ast.parse(test.source).body[-1])
        given = f"'{exercise.id}', {exercise.name}, {rules['points']}, _seeds, _variant"
        assert last == f"_points({given})"

        # Before it is marked, nobody but the lecturer knows what the right answer to a variant is.
        known = "_seeds, _variant = [], " + ("None" if exercise.given else "0")
        assert known in test.source.split("### BEGIN HIDDEN TESTS")[0]


@each_homework
def test_a_course_asks_for_other_numbers_lines_bugs_and_words(course, name):
    public = lecturer_copies.committed(name)
    everything = "\n".join(cell.source for cell in source_in(course, name).cells)
    given = {e.id: e.given for e in homework.exercises(name)}

    for exercise in asked(course, name):
        if exercise.given:
            assert exercise.given in everything
            assert given[exercise.id] in "\n".join(cell.source for cell in public.cells)
            assert f'check("{exercise.id}", {exercise.name}, marked_later=True)' in everything
    for first, *others in controls.HOMEWORKS[name].WRITTEN.values():
        assert first.question not in everything
        assert any(other.question in everything for other in others)


@each_homework
def test_the_source_begins_with_a_cell_about_the_student_that_earns_nothing(course, name):
    first = source_in(course, name).cells[0]
    assert first.cell_type == "markdown"
    assert "nbgrader" not in first.metadata
    for word in ("Name", "helped", "Hours"):
        assert word in first.source


@each_homework
def test_the_source_has_no_button_and_no_link_that_leads_to_a_solution(course, name):
    notebook = source_in(course, name)
    panels = run_notebooks.calls(notebook, "panel")

    assert len(panels) >= 5
    for panel in panels:
        keywords = [ast.unparse(keyword) for keyword in panel.keywords]
        assert keywords in (["solution=False"], ["solution=False", "marked_later=True"])
    assert "The solution opens" not in prose(notebook)
    assert "](../" not in prose(notebook)


def test_one_answer_in_words_is_marked_by_hand_with_a_rubric(course):
    cells = source_in(course, "hw4_metrics").cells
    words = [cell for cell in cells if cell.cell_type == "markdown"]
    (answer,) = [cell for cell in words if "nbgrader" in cell.metadata]
    assert answer.metadata["nbgrader"]["points"] == 4
    assert answer.metadata["nbgrader"]["solution"]

    rubric, _, model = answer.source.partition("them all**")
    assert rubric.startswith("**Rubric for 4.3b**")
    assert 80 <= len(model.split()) <= 150

    # The rubric for those who learn alone is gone.
    assert not any(cell.source.startswith("<details><summary>What a full") for cell in cells)


@each_homework
def test_the_worked_solutions_hold_every_reference(course, name):
    notebook = nbformat.read(course / "solutions" / f"{name}.ipynb", as_version=4)
    sources = [cell.source for cell in code_cells(notebook)]
    assert not any("raise NotImplementedError" in source for source in sources)

    for exercise in asked(course, name):
        assert inspect.getsource(exercise.reference).rstrip() in sources
