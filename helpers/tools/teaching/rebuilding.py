"""The notebook that is marked: the released one, with what the student has written in it."""

import ast
import copy
import re
import symtable
import warnings
from collections.abc import Iterable

from nbformat import NotebookNode, v4

from helpers.tools.cells import parsed
from helpers.tools.teaching.released import Released, places, rules


def rebuilt(homework: Released, notebook: NotebookNode) -> NotebookNode:
    """The course's notebook with the student's answers and other cells, ready to be marked.

    Tests, points, tags and the kernel are the course's. In each cell's metadata, "handed_in" is its
    number among the code cells of what the student handed in.
    """
    made = copy.deepcopy(homework.notebook)
    made.cells = []

    for place in places(homework, notebook):
        if place.course is not None:
            cell = copy.deepcopy(place.course)
            locked = rules(cell) and not rules(cell).get("solution")
            if place.student is not None and not locked:
                cell.source = place.student.source
        else:
            assert place.student is not None
            new = {"code": v4.new_code_cell, "raw": v4.new_raw_cell}
            make = new.get(place.student.cell_type, v4.new_markdown_cell)
            cell = make(place.student.source, id=f"own-{len(made.cells)}")
        if place.number:
            cell.metadata["handed_in"] = place.number
        made.cells.append(cell)

    return made


def left_out(homework: Released, notebook: NotebookNode) -> set[str]:
    """The ids of cells that need not run for the marks: those that only show something.

    notebook: as it was rebuilt.

    All that a student wrote or changed runs, and so does each test. Of the course's other cells
    those run that define a name which is used by what runs.
    """
    course = {cell.id: cell for cell in homework.notebook.cells if cell.cell_type == "code"}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]

    optional = []
    needed: set[str] = set()
    for cell in code:
        ours = course.get(cell.id)
        if ours is not None and not rules(ours) and cell.source == ours.source:
            optional.append(cell)
        else:
            needed |= _used(cell.source)

    # A cell that is needed needs others in its turn.
    more = True
    while more:
        wanted = [cell for cell in optional if _bound(cell.source) & needed]
        optional = [cell for cell in optional if cell not in wanted]
        needed |= {name for cell in wanted for name in _used(cell.source)}
        more = bool(wanted)

    return {cell.id for cell in optional}


def _used(source: str) -> set[str]:
    """The names that a cell looks up outside its own functions; more of them if it is no Python."""
    tables = list(_tables(source))
    if not tables:
        return set(re.findall(r"[^\W\d]\w*", source))

    used = set()
    for table in tables:
        for symbol in table.get_symbols():
            outside = table.get_type() == "module" or symbol.is_global()
            if symbol.is_referenced() and outside:
                used.add(symbol.get_name())
    return used


def _bound(source: str) -> set[str]:
    """The names that a cell defines for those after it."""
    for table in _tables(source):
        symbols = table.get_symbols()
        return {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}
    return set()


def _tables(source: str) -> Iterable[symtable.SymbolTable]:
    """The table of a cell's names, and those of its functions; none if it is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            todo = [symtable.symtable(ast.unparse(parsed(source)), "cell", "exec")]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    while todo:
        table = todo.pop(0)
        yield table
        todo += table.get_children()
