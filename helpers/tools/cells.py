"""What the code of a notebook's cell says, read from its syntax tree."""

import ast


def parsed(source: str) -> ast.Module:
    """The syntax tree of a cell's source.

    source: of a code cell; lines that begin with % or ! are IPython's, and count as blank.

    Returns the tree, whose lines count as those of `source` do.
    Raises SyntaxError for what is no Python.
    """
    lines = ["" if line.startswith(("%", "!")) else line for line in source.split("\n")]

    return ast.parse("\n".join(lines))


def called(statement: ast.stmt, *names: str) -> ast.Call | None:
    """The call, if a statement calls a function by one of these names and does nothing else."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return None

    function = statement.value.func
    is_named = isinstance(function, ast.Name) and function.id in names
    return statement.value if is_named else None


def lines_of(source: str, statement: ast.stmt) -> list[str]:
    """The lines of a cell on which a statement stands, a definition with its decorators."""
    decorators = getattr(statement, "decorator_list", [])
    first = min(node.lineno for node in [statement, *decorators])

    return source.split("\n")[first - 1 : statement.end_lineno]


def calls(source: str, *names: str) -> list[ast.Call]:
    """All calls of functions or methods by one of these names, in the order of the source."""
    found = [
        node
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.Call) and name_of(node.func) in names
    ]
    # Two calls of a chain, `a().b()`, begin at one place and end apart.
    return sorted(found, key=lambda c: (c.func.end_lineno or 0, c.func.end_col_offset or 0))


def name_of(function: ast.expr) -> str | None:
    """By which name a function is called, None if by none, as in `table[0](x)`."""
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else None
