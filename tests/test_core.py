"""The core: what a newcomer reads in a week is marked, adds up, and needs nothing else."""

import ast
import re

import pytest

import run_notebooks
from run_notebooks import ROOT, sections
from test_project import NOTEBOOKS

# Homework is not read but done: its marks stand on exercises, and test_homework_notebooks.py adds.
READ = {path: notebook for path, notebook in NOTEBOOKS.items() if "homework" not in path}
MOST_CORE_MINUTES = 7 * 60

each_notebook = pytest.mark.parametrize("notebook", READ.values(), ids=READ.keys())


def minutes(notebook):
    """Of the core, and of all of it."""
    told = [(section.place, section.minutes) for section in sections(notebook)]
    return sum(m for place, m in told if place == "core"), sum(m for _, m in told)


@each_notebook
def test_every_heading_says_for_whom_it_is_and_how_long_it_takes(notebook):
    silent = [section.heading for section in sections(notebook) if not section.place]
    assert not silent

    # And the title adds it up.
    title = notebook.cells[0].source.replace("\n", " ")
    core, whole = minutes(notebook)
    some = f"**Time:** the core takes about {core} minutes, all of it about {whole}."
    none = f"**Time:** about {whole} minutes, all of them second reading."
    assert (some if core else none) in title


def test_the_core_takes_a_week():
    assert sum(minutes(notebook)[0] for notebook in READ.values()) <= MOST_CORE_MINUTES


@each_notebook
def test_second_readings_are_folded_and_nothing_of_the_core_is(notebook):
    above = ""
    has_core = minutes(notebook)[0] > 0
    for section in sections(notebook):
        assert section.folded == (has_core and section.place == "second reading"), section.heading

        # A section within one that is folded is folded, too.
        if section.level == 2:
            above = section.place
        assert (above, section.place) != ("second reading", "core"), section.heading


def names(cell):
    """What a cell's code uses that it does not make itself, and what it makes for others."""
    tree = run_notebooks.parsed(cell.source, "a cell")
    loaded, stored = set(), set()

    # Arguments count as made: a function brings its own.
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (loaded if isinstance(node.ctx, ast.Load) else stored).add(node.id)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            stored.add(node.name)
        if isinstance(node, ast.arg):
            stored.add(node.arg)
        if isinstance(node, ast.alias):
            stored.add((node.asname or node.name).split(".")[0])
    return loaded, stored


@each_notebook
def test_the_core_runs_without_the_second_readings(notebook):
    title = [cell for cell in notebook.cells if cell.cell_type == "code"]
    inside = {id(c): s.place for s in sections(notebook) for c in s.cells}

    core, second = set(), set()
    for cell in title:
        loaded, stored = names(cell)
        if inside.get(id(cell)) == "second reading":
            second |= stored - core
            continue

        missing = (loaded - stored) & second - core
        assert not missing, f"{missing} come from a second reading: {cell.source[:200]}"
        core |= stored
        second -= stored


def minutes_of_homework(notebook):
    """Of the exercises marked core, and of all, as the first cell tells them."""
    title = notebook.cells[0].source.replace("\n", " ")
    said = r"\*\*Time\*\*: about (\d+) minutes; the exercises marked \*core\* take (\d+)"
    whole, core = map(int, re.search(said, title).groups())
    return core, whole


def test_the_readme_tells_the_minutes():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path, notebook in NOTEBOOKS.items():
        core, whole = minutes(notebook) if path in READ else minutes_of_homework(notebook)
        row = rf"\]\({re.escape(path)}\) \| [^|]* \| {core or '–'} \| {whole} \|"
        assert re.search(row, readme), path


def test_the_week_of_the_first_notebook_has_these_minutes():
    first = next(iter(NOTEBOOKS.values()))
    texts = "\n".join(cell.source for cell in first.cells if cell.cell_type == "markdown")
    days = re.findall(r"^\| \d \| (.*?) \| ?(.*?) ?\| (\d+) \|$", texts, re.MULTILINE)

    # Each row, and all rows together.
    told = {}
    for read, done, together in days:
        row = re.findall(r"(\d\d\w?)\]?(?:\([^)]*\))? \((\d+)\)", read)
        row += re.findall(r"(hw\d)\w*\.ipynb\) \((\d+)\)", done)
        assert sum(int(m) for _, m in row) == int(together)
        told |= {name: int(m) for name, m in row}

    wanted = {}
    for path, notebook in NOTEBOOKS.items():
        core, _ = minutes(notebook) if path in READ else minutes_of_homework(notebook)
        if core:
            wanted[path.split("/")[-1].split("_")[0]] = core
    assert told == wanted
