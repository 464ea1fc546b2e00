"""What a slide shows of a cell's code."""

import ast
from pathlib import Path

from helpers.tools.cells import called, lines_of, parsed

PACKAGE = Path(__file__).resolve().parents[2]

# Parts of the package that teach nothing under a name of their own: the answers to the exercises,
# and the tools.
NOT_TAUGHT = ("homework", "tools")

# Calls that check what a notebook says, or print it.
SERVICE = ("verify", "claim", "claims", "print")

# A function in which one of these names occurs draws.
DRAWING = {"plt", "axes", "figure"}


def known_names() -> set[str]:
    """The public functions and classes of helpers/, those of its packages included."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] in NOT_TAUGHT:
            continue

        module = ast.parse(path.read_text(encoding="utf-8"))
        names |= {definition.name for definition in _definitions(module)}

    return {name for name in names if not name.startswith("_")}


def taught(source: str, names: set[str]) -> str:
    """The part of a cell that derives a piece of the package.

    source: of a code cell.
    names: that the package knows.

    Returns the definitions of functions and classes under one of these names, decorators included,
    with two blank lines between them; without those that draw.
    """
    shown = []
    for statement in _definitions(parsed(source)):
        if statement.name in names and not _draws(statement):
            shown.append("\n".join(lines_of(source, statement)))

    return "\n\n\n".join(shown)


def bare(source: str) -> str:
    """A cell's source without the statements that check and print.

    source: of a code cell.

    Returns it without the lines of each `verify`, `claim`, `print` and `assert` that is not inside
    something else.
    """
    lines = source.split("\n")
    service = set()
    for statement in parsed(source).body:
        if isinstance(statement, ast.Assert) or called(statement, *SERVICE):
            service |= set(range(statement.lineno, (statement.end_lineno or 0) + 1))

    kept = [line for number, line in enumerate(lines, 1) if number not in service]

    return "\n".join(kept).strip()


def calls_doctor(source: str) -> bool:
    """Whether a cell looks at the installation, which is nothing for a class."""
    calls = [node for node in ast.walk(parsed(source)) if isinstance(node, ast.Call)]
    return any(isinstance(call.func, ast.Name) and call.func.id == "doctor" for call in calls)


def _definitions(module: ast.Module) -> list[ast.FunctionDef | ast.ClassDef]:
    """The functions and classes of a module or cell, without those that are inside others."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [statement for statement in module.body if isinstance(statement, kinds)]


def _draws(definition: ast.stmt) -> bool:
    """Whether a function or class draws: it speaks of matplotlib, or of its figures and axes."""
    said = set()
    for node in ast.walk(definition):
        if isinstance(node, ast.Name):
            said.add(node.id)
        elif isinstance(node, ast.Attribute):
            said.add(node.attr)
        elif isinstance(node, ast.arg):
            said.add(node.arg)

    return bool(said & DRAWING)
