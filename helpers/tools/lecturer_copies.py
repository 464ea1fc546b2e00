"""The editions of the homework, all from the committed notebooks: `python -m helpers.homework.editions FOLDER`.

FOLDER becomes a course for nbgrader: `source/` with solutions, points and hidden tests, to make the students' copies
from; `solutions/` with worked solutions, to read; the configuration; and the seeds of the hidden inputs, which stay the
same when the folder is made again. The lecturer keeps the folder; students see what `nbgrader generate_assignment` makes.
"""

import ast
import inspect
import json
import re
import secrets
import sys
import textwrap
from pathlib import Path

import nbformat

from helpers import homework
from helpers.homework.controls import HOMEWORKS

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks" / "homework"
POINTS = {"easy": 2, "medium": 3, "hard": 4}

CONFIG = '''"""Made by `make homework`. What nbgrader does with this course."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "disentangling-vaes"
c.ClearSolutions.code_stub = {"python": "# your code here\\nraise NotImplementedError"}
c.ClearSolutions.text_stub = "**Your answer:** *(write here)*"
c.Execute.timeout = 60  # seconds a cell, then the next one; a check stops an endless answer after 10 by itself
'''

TEST = """# {id}: {points} points
from helpers.homework import require
require("{id}", {name})
### BEGIN HIDDEN TESTS
import os as _os, sys as _sys
_sys.path[:] = [p for p in _sys.path if p and _os.path.abspath(p) != _os.getcwd()]  # no file beside the notebook
for _name in [n for n in _sys.modules if n.split(".")[0] == "helpers"]:
    del _sys.modules[_name]  # nor anything that the notebook did to the package
from helpers.homework import require
for _seed in {seeds}:
    require("{id}", {name}, _seed)
### END HIDDEN TESTS"""


def committed(name):
    """The student's notebook as it lies in the project."""
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def solved(notebook):
    """The notebook with every stub replaced by the reference's source; its outputs are taken out."""
    return _rewritten(notebook, _whole)


def source(notebook, seeds):
    """The notebook as nbgrader's source: solution regions, a locked test after each exercise, a written answer to mark.

    seeds: exercise -> the seeds of the hidden inputs.
    """
    notebook = _rewritten(notebook, _with_region)
    exercises, cells = {e.name: e for e in homework.exercises()}, []
    for cell in notebook.cells:
        name = _defined(cell)
        question = next((key for key in _written() if f"Your answer to {key}:" in cell.source), None)
        if cell.source.startswith("<details><summary>What a full answer has"):
            continue  # the rubric is for those who learn alone; here it is in the lecturer's copy
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\s+The\s+solution\s+opens[^.]*\.", "", cell.source)
        if cell.cell_type == "code":
            cell.source = re.sub(r'^panel\("([\d.]+)"\)', r'panel("\1", solution=False)', cell.source, flags=re.MULTILINE)
        if name in exercises:
            cell.metadata["nbgrader"] = _marks(name, solution=True)
        if question:
            cell.source = _model_answer(question)
            points = sum(points for points, _ in _written()[question]["rubric"])
            cell.metadata["nbgrader"] = _marks(f"written_{question}", "markdown", solution=True, grade=True, points=points)
        cells.append(cell)
        check = re.match(r'check\("([\d.]+)"', cell.source)
        if check:
            exercise = next(e for e in exercises.values() if e.id == check[1])
            test = TEST.format(id=exercise.id, name=exercise.name, seeds=seeds[exercise.id], points=POINTS[exercise.difficulty])
            test = nbformat.v4.new_code_cell(test, id=f"test-{exercise.name.replace('_', '-')}")
            test.metadata["nbgrader"] = _marks(f"test_{exercise.name}", grade=True, locked=True,
                                               points=POINTS[exercise.difficulty])
            cells.append(test)
    notebook.cells = cells
    return notebook


def _whole(exercise, stub):
    """The whole reference, in place of a stub."""
    return inspect.getsource(exercise.reference).rstrip()


def _with_region(exercise, stub):
    """The stub's head and the reference's body in a solution region of nbgrader."""
    whole = inspect.getsource(exercise.reference).rstrip()
    head, _, body = whole.partition('"""')
    text, _, body = body.partition('"""\n')
    return f'{head}"""{text}"""\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION'


def _rewritten(notebook, replace):
    notebook = nbformat.from_dict(json.loads(json.dumps(notebook)))
    exercises = {e.name: e for e in homework.exercises()}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\[([^\]]*)\]\(\.\./\w+\.ipynb\)", r"\1", cell.source)  # the series lies elsewhere
        else:
            cell.outputs, cell.execution_count = [], None
            if _defined(cell) in exercises:
                cell.source = replace(exercises[_defined(cell)], cell.source)
    return notebook


def _defined(cell):
    """The name of the one function that a code cell holds and nothing else; None for other cells."""
    if cell.cell_type != "code":
        return None
    body = ast.parse(cell.source).body
    return body[0].name if len(body) == 1 and isinstance(body[0], ast.FunctionDef) else None


def _marks(grade_id, cell_type="code", solution=False, grade=False, locked=False, points=None):
    marks = {"schema_version": 3, "grade_id": grade_id.replace(".", "_"), "cell_type": cell_type, "solution": solution,
             "grade": grade, "locked": locked, "task": False}
    return marks | ({"points": points} if grade else {})


def _written():
    return {key: text for module in HOMEWORKS.values() for key, text in getattr(module, "WRITTEN", {}).items()}


def _model_answer(key):
    text = _written()[key]
    rubric = "\n".join(f"- {points} point{'s' * (points > 1)}: {words}" for points, words in text["rubric"])
    answer = textwrap.fill(text["model"], 120)
    return f"**Rubric for {key}**\n\n{rubric}\n\n**An answer that gets them all**\n\n{answer}"


def write(folder):
    """Write the course into this folder. Returns how many notebooks."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    path = folder / "seeds.json"
    seeds = json.loads(path.read_text()) if path.exists() else {}
    for exercise in homework.exercises():
        seeds.setdefault(exercise.id, [secrets.randbelow(10**9) for _ in range(3)])
    path.write_text(json.dumps(seeds, indent=1))
    (folder / "nbgrader_config.py").write_text(CONFIG)
    (folder / "solutions").mkdir(exist_ok=True)
    for name in HOMEWORKS:
        (folder / "source" / name).mkdir(parents=True, exist_ok=True)
        nbformat.write(source(committed(name), seeds), folder / "source" / name / f"{name}.ipynb")
        worked = solved(committed(name))
        for cell in worked.cells:
            for key in _written():
                if f"Your answer to {key}:" in cell.source:
                    cell.source = _model_answer(key)
        nbformat.write(worked, folder / "solutions" / f"{name}.ipynb")
    return len(HOMEWORKS)


if __name__ == "__main__":
    target = sys.argv[1] if len(sys.argv) > 1 else "course"
    print(f"{write(target)} homeworks are in {target}/: source/ for nbgrader, solutions/ to read. Keep the folder to yourself.")
