"""The lecturer's copies of the homework: `python -m helpers.tools.lecturer_copies FOLDER`.

All are made from the committed notebooks. FOLDER becomes a course for nbgrader: `source/` with
solutions, points and hidden tests; `release/` with the students' copies, which nbgrader makes from
these; `solutions/` with worked solutions, to read; the configuration; and the seeds of the hidden
inputs, which stay the same when the folder is made again, as what is in `release/` does. The
lecturer keeps the folder, and hands out `release/`.
"""

import ast
import copy
import inspect
import json
import re
import secrets
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode, v4

from helpers import homework
from helpers.homework.controls import HOMEWORKS
from helpers.homework.engine import Exercise
from helpers.homework.kinds import InWords
from helpers.tools.cells import called, parsed
from helpers.tools.teaching.marking import grader

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks" / "homework"
POINTS = {"easy": 2, "medium": 3, "hard": 4}

# Hidden inputs for each exercise.
HIDDEN = 3

CONFIG = '''"""Made by `make homework`. What nbgrader does with this course."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "disentangling-vaes"
c.ClearSolutions.code_stub = {"python": "# your code here\\nraise NotImplementedError"}
c.ClearSolutions.text_stub = "**Your answer:** *(write here)*"
c.Execute.timeout = 60  # seconds a cell, then the next one; a test stops an endless answer itself

# nbgrader gives all points to a test that has no output. These see to it that each test has run.
from helpers.tools.teaching.preprocessors import AUTOGRADE, SANITIZE  # noqa: E402

c.Autograde.sanitize_preprocessors = SANITIZE
c.Autograde.autograde_preprocessors = AUTOGRADE
'''

# Its last line gives the points, which nbgrader reads as partial credit.
TEST = """# {id}: {points} points
_seeds, _variant = [], {public}
### BEGIN HIDDEN TESTS
import os as _os, sys as _sys
_sys.path[:] = [p for p in _sys.path if p and _os.path.abspath(p) != _os.getcwd()]  \
# no file beside the notebook
for _name in [n for n in _sys.modules if n.split(".")[0] == "helpers"]:
    del _sys.modules[_name]  # nor anything that the notebook did to the package
_seeds, _variant = {seeds}, {variant}
### END HIDDEN TESTS
from helpers.homework import points as _points
_points("{id}", {name}, {points}, _seeds, _variant)"""

ABOUT = """**Name:** *(write here)*

**Who or what helped, and with which exercise:** *(people, pages, programs; "nobody" is an answer)*

**Hours spent:** *(write here; this changes no mark)*"""


# The copies


def committed(name: str) -> NotebookNode:
    """The student's notebook as it lies in the project.

    name: of the homework, such as "hw1_elbo".
    """
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def solved(notebook: NotebookNode, variant: int = 0) -> NotebookNode:
    """A copy of the notebook with the reference's source in place of every stub, without outputs.

    notebook: as it is committed.
    variant: of the questions; 0 for the public ones.
    """
    return _rewritten(notebook, _whole, variant)


def worked(notebook: NotebookNode, variant: int = 0) -> NotebookNode:
    """A copy with everything solved: the stubs as in `solved`, and the answers in words too.

    notebook: as it is committed.
    variant: of the questions; 0 for the public ones.
    """
    notebook = solved(notebook, variant)
    for cell in notebook.cells:
        question = _question(cell)
        if question:
            cell.source = _model_answer(question, variant)

    return notebook


def source(
    notebook: NotebookNode, seeds: Mapping[str, Sequence[int]], variant: int = 0
) -> NotebookNode:
    """A copy of the notebook as nbgrader's source.

    notebook: as it is committed.
    seeds: of the hidden inputs, by the exercise's id.
    variant: of the questions; 0 for the public ones.

    Returns it with a first cell about the student, the answers in solution regions, a locked test
    after each check, the answer in words to be marked by hand, and no button or word that leads to
    a solution.
    """
    notebook = _rewritten(notebook, _with_region, variant)
    exercises = homework.exercises(variant=variant)
    by_id = {exercise.id: exercise for exercise in exercises}
    by_name = {exercise.name: exercise for exercise in exercises}

    cells = [v4.new_markdown_cell(ABOUT, id="about-you")]
    for cell in notebook.cells:
        # The rubric is for those who learn alone; here it stands with the model answer.
        if cell.source.startswith("<details><summary>What a full answer has"):
            continue

        if cell.cell_type == "code":
            cell.source = _without_solution_button(cell.source)
        else:
            cell.source = re.sub(r"\s+The\s+solution\s+opens[^.]*\.", "", cell.source)

        # What a student writes: a function, or an answer in words.
        name = defined_function(cell)
        if name and name in by_name:
            cell.metadata["nbgrader"] = _rules(name, solution=True)
            cell.metadata["exercise"] = by_name[name].id
        question = _question(cell)
        if question:
            _make_written(cell, question, variant)
        cells.append(cell)

        # What the function is worth. The package knows the public question only, so an answer to
        # another one is judged later.
        checked = _checked(cell)
        if checked:
            later = variant != 0 and bool(by_id[checked].given)
            if later:
                cell.source = cell.source.replace(")", ", marked_later=True)")
            cells.append(_test(by_id[checked], seeds[checked], variant, later))

    notebook.cells = cells
    return notebook


# From a stub to an answer


def _rewritten(
    notebook: NotebookNode, answer: Callable[[Exercise], str], variant: int
) -> NotebookNode:
    """A copy without outputs, with the questions of a variant, and these answers for stubs."""
    notebook = copy.deepcopy(notebook)
    exercises = {exercise.name: exercise for exercise in homework.exercises(variant=variant)}
    changed = _changed(variant)

    for cell in notebook.cells:
        for public, other in changed.items():
            cell.source = cell.source.replace(public, other)

        # The series lies elsewhere, so a link to it would lead nowhere.
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\[([^\]]*)\]\(\.\./\w+\.ipynb\)", r"\1", cell.source)
            continue

        cell.outputs = []
        cell.execution_count = None
        name = defined_function(cell)
        if name in exercises:
            cell.source = answer(exercises[name])

    return notebook


def _changed(variant: int) -> dict[str, str]:
    """From what the public notebooks ask to what they ask in a variant."""
    others = {exercise.id: exercise for exercise in homework.exercises(variant=variant)}
    given = {e.given: others[e.id].given for e in homework.exercises() if e.given}
    words = {_words(key, 0).question: _words(key, variant).question for key in _written()}
    return given | words


def _whole(exercise: Exercise) -> str:
    """The source of the reference."""
    return inspect.getsource(exercise.reference).rstrip()


def _with_region(exercise: Exercise) -> str:
    """The source of the reference, all below its docstring in a solution region of nbgrader."""
    whole = _whole(exercise)
    function = ast.parse(whole).body[0]
    assert isinstance(function, ast.FunctionDef)

    # The student gets the head and the docstring, and writes the rest.
    lines = whole.split("\n")
    docstring_ends = function.body[0].end_lineno
    head = lines[:docstring_ends]
    body = lines[docstring_ends:]

    return "\n".join([*head, "    ### BEGIN SOLUTION", *body, "    ### END SOLUTION"])


# What stands in a cell


def defined_function(cell: NotebookNode) -> str | None:
    """The name of the one function that a code cell holds and nothing else; None for others.

    cell: of any kind.
    """
    if cell.cell_type != "code":
        return None

    body = parsed(cell.source).body
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef):
        return None

    return body[0].name


def _checked(cell: NotebookNode) -> str | None:
    """The id of the exercise that a cell checks in its first statement; None if it checks none."""
    statements = parsed(cell.source).body if cell.cell_type == "code" else []
    call = called(statements[0], "check") if statements else None

    return ast.literal_eval(call.args[0]) if call else None


def _without_solution_button(source: str) -> str:
    """A code cell whose panels have no button that opens the solution."""
    for statement in parsed(source).body:
        call = called(statement, "panel")
        if call is None or call.keywords:
            continue

        # It is rewritten as text, since a syntax tree would lose the comments around it.
        written = ast.get_source_segment(source, call)
        if written:
            source = source.replace(written, f"{written.removesuffix(')')}, solution=False)")

    return source


def _question(cell: NotebookNode) -> str | None:
    """The key of the question to which a cell is the answer in words; None if it is to none."""
    for key in _written():
        if f"Your answer to {key}:" in cell.source:
            return key

    return None


# What nbgrader reads


def _test(exercise: Exercise, seeds: Sequence[int], variant: int, later: bool) -> NotebookNode:
    """The locked cell that gives an exercise its points; later: only when it is marked."""
    points = POINTS[exercise.difficulty]
    source = TEST.format(
        id=exercise.id,
        name=exercise.name,
        points=points,
        seeds=list(seeds),
        variant=variant,
        public=None if later else 0,
    )

    test = v4.new_code_cell(source, id=f"test-{exercise.name.replace('_', '-')}")
    test.metadata["nbgrader"] = _rules(f"test_{exercise.name}", points=points, locked=True)
    test.metadata["exercise"] = exercise.id

    return test


def _make_written(cell: NotebookNode, question: str, variant: int) -> None:
    """Make a cell the model answer to a question, which is marked by hand in the student's copy."""
    points = len(_words(question, variant).rubric)

    cell.source = _model_answer(question, variant)
    cell.metadata["nbgrader"] = _rules(
        f"written_{question}", cell_type="markdown", solution=True, points=points
    )
    cell.metadata["exercise"] = question


def _rules(
    grade_id: str,
    *,
    cell_type: str = "code",
    solution: bool = False,
    locked: bool = False,
    points: int | None = None,
) -> dict[str, Any]:
    """What nbgrader does with a cell; one without points is not graded."""
    rules = {
        "schema_version": 3,
        "grade_id": grade_id.replace(".", "_"),
        "cell_type": cell_type,
        "solution": solution,
        "grade": points is not None,
        "locked": locked,
        "task": False,
    }
    return rules if points is None else rules | {"points": points}


# Answers in words


def _written() -> dict[str, tuple[InWords, ...]]:
    """The questions of all homeworks that are answered in words, by their keys, in all versions."""
    questions: dict[str, tuple[InWords, ...]] = {}
    for module in HOMEWORKS.values():
        questions |= module.WRITTEN

    return questions


def _words(key: str, variant: int) -> InWords:
    """The version of a question that belongs to a variant: the first is the public one."""
    public, *others = _written()[key]
    return others[variant % len(others)] if variant else public


def _model_answer(key: str, variant: int) -> str:
    """The rubric of a question, and an answer that gets all of its points."""
    question = _words(key, variant)
    parts = [
        f"**Rubric for {key}**",
        "\n".join(f"- 1 point: {words}" for words in question.rubric),
        "**An answer that gets them all**",
        textwrap.fill(question.model, 120),
    ]
    return "\n\n".join(parts)


# The course


def write(folder: Path | str) -> int:
    """Write the course.

    folder: is made if there is none; the seeds of one that exists stay.

    Returns how many homeworks it has.
    """
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    seeds = _seeds(folder / "seeds.json")
    (variant,) = seeds["variant"]
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")

    # nbgrader looks for a notebook in a folder of its own name.
    (folder / "solutions").mkdir(exist_ok=True)
    for name in HOMEWORKS:
        (folder / "source" / name).mkdir(parents=True, exist_ok=True)
        graded = source(committed(name), seeds, variant)
        nbformat.write(graded, folder / "source" / name / f"{name}.ipynb")

        solution = worked(committed(name), variant)
        nbformat.write(solution, folder / "solutions" / f"{name}.ipynb")

    return len(HOMEWORKS)


def _seeds(path: Path) -> dict[str, list[int]]:
    """The seeds in a file, by the exercise's id, and that of the questions under "variant".

    What the file lacks is drawn and written there.
    """
    seeds = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    seeds.setdefault("variant", [1 + secrets.randbelow(10**9)])
    for exercise in homework.exercises():
        if exercise.id not in seeds:
            seeds[exercise.id] = [secrets.randbelow(10**9) for _ in range(HIDDEN)]

    path.write_text(json.dumps(seeds, indent=1), encoding="utf-8")
    return seeds


def release(folder: Path | str) -> list[str]:
    """Make the students' copies of what has none yet.

    folder: of the course, as `write` left it.

    Returns the names of the homeworks whose copies were made. Those that exist stay: they may have
    been handed out, and nbgrader marks by what was.
    Raises ValueError if nbgrader is not installed, or cannot make one.
    """
    folder = Path(folder)
    names = [n for n in HOMEWORKS if not (folder / "release" / n / f"{n}.ipynb").exists()]
    if not names:
        return []

    nbgrader = grader(folder)
    for name in names:
        outcome = nbgrader.generate_assignment(name, force=True)
        if not outcome["success"]:
            raise ValueError(f"nbgrader cannot make {name}: {outcome.get('log', '').strip()}")
    return names


def main(arguments: Sequence[str]) -> None:
    """Write the course into the folder that is named, by default into course/, and say so."""
    folder = arguments[0] if arguments else "course"
    count = write(folder)
    try:
        made = release(folder)
    except ValueError as error:
        sys.exit(str(error))

    print(
        f"{count} homeworks are in {folder}/: source/ for nbgrader, solutions/ to read. Keep the "
        f"folder to yourself, and hand out what is in {folder}/release/."
    )
    if len(made) < count:
        print(
            f"In {folder}/release/ {count - len(made)} of them were there before, and stay as they "
            f"were handed out. For new ones, delete release/ and gradebook.db in {folder}/."
        )


if __name__ == "__main__":
    main(sys.argv[1:])
