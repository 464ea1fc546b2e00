"""Whose function it is, and what it looks at: an answer is the learner's own, and stands by itself.

What it computes is judged in engine.py. Here nothing is run, only read: the code of a function says
which names it looks up.
"""

import dis
import functools
import inspect
import math
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from helpers.homework.differences import in_words

PACKAGE = "helpers"
WRITE_IT = "The exercise is to write it yourself."


def objection(function: Any) -> str | None:
    """Why a function is not examined at all, in a sentence; None if nothing speaks against it.

    function: what a learner has handed in, of whatever kind.
    """
    # Partial arguments and decorators change nothing about whose function it is.
    while isinstance(function, functools.partial):
        function = function.func

    if not callable(function):
        return (
            f"this is {in_words(function)}, not a function: give the function itself, without "
            "brackets after its name."
        )

    # The function itself, and then whatever it leads to.
    for part in _parts(inspect.unwrap(function)):
        if _is_ours(part):
            name = getattr(part, "__name__", part)
            return f"`{name}` is taken from `helpers`. {WRITE_IT}"

        for name in _modules(part):
            if _is_our_name(name):
                return f"your function uses `{name}` from `helpers`. {WRITE_IT}"

        for name, value in _globals(part):
            if _is_our_name(name) or _is_ours(value):
                return f"your function uses `{name}` from `helpers`. {WRITE_IT}"
            if _is_variable(name, value):
                return (
                    f"your function reads the notebook variable `{name}`, which may change or be "
                    "missing elsewhere. Use its arguments only (or, for a constant, a name in "
                    "CAPITALS)."
                )

    return None


def _is_ours(value: Any) -> bool:
    """Whether it is a module of this package, or was defined in one."""
    if isinstance(value, ModuleType):
        return _is_our_name(value.__name__)
    return _is_our_name(getattr(value, "__module__", None))


def _is_our_name(name: Any) -> bool:
    return isinstance(name, str) and name.split(".")[0] == PACKAGE


def _is_variable(name: str, value: Any) -> bool:
    """Whether it is a plain value of the notebook, neither code nor, by its name, a constant."""
    is_code = callable(value) or isinstance(value, ModuleType)
    is_from_math = isinstance(value, float) and getattr(math, name, None) == value
    return not is_code and not is_from_math and not name.isupper()


def _parts(function: Any) -> Iterator[Any]:
    """The function and the learner's other functions that it leads to, each of them once.

    Among what a function encloses, things of this package count as parts too. What is no plain
    function, such as a built-in one, leads nowhere.
    """
    seen: set[FunctionType] = set()
    todo = [getattr(function, "__func__", function)]  # of a method, the function

    while todo:
        part = todo.pop()
        if not isinstance(part, FunctionType):
            yield part
            continue
        if part in seen:
            continue

        seen.add(part)
        yield part

        # A function that was made by another one: what that one gave it along.
        for cell in part.__closure__ or ():
            value = cell.cell_contents
            if isinstance(value, FunctionType) or _is_ours(value):
                todo.append(value)

        # Another function of the notebook, which it calls.
        for _, value in _globals(part):
            if isinstance(value, FunctionType) and value.__module__ == part.__module__:
                todo.append(value)


def _modules(function: Any) -> Iterator[str]:
    """The names of the modules that a function imports itself, and of ours that it holds as text.

    `sys.modules["helpers.gaussians"]` leaves no other trace than the text.
    """
    for code in _codes(function):
        for constant in code.co_consts:
            if isinstance(constant, str) and constant.startswith(PACKAGE + "."):
                yield constant

        for step in dis.get_instructions(code):
            if step.opname == "IMPORT_NAME":
                yield step.argval


def _globals(function: Any) -> Iterator[tuple[str, Any]]:
    """(name, value) of the notebook's names that a function looks up, as far as they exist."""
    for code in _codes(function):
        for step in dis.get_instructions(code):
            if step.opname == "LOAD_GLOBAL" and step.argval in function.__globals__:
                yield step.argval, function.__globals__[step.argval]


def _codes(function: Any) -> Iterator[CodeType]:
    """The code of a function, and of the functions and lambdas that are written inside it.

    What is no plain function, such as a built-in one, has none.
    """
    todo = [function.__code__] if isinstance(function, FunctionType) else []
    while todo:
        code = todo.pop()
        yield code
        todo += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
