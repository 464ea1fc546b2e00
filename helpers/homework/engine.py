"""What the exercises have in common: what an exercise is, how an answer is judged, and what is said about it.

An answer is run on inputs that are drawn anew each time, beside the reference. Where they differ, the answer is compared
with the known wrong ones too: if it gives what one of them gives on every input, that one's misconception is named.
"""

import contextlib
import copy
import dis
import functools
import inspect
import io
import os
import re
import secrets
import signal
import traceback
import types
import warnings
from dataclasses import dataclass
from typing import Callable

import numpy as np
import torch

GRADING_SECONDS = 10  # what a run of nbgrader gives one check; in a notebook a check runs for as long as it takes


@dataclass(frozen=True)
class Exercise:
    id: str  # "1.2": homework 1, exercise 2
    title: str
    difficulty: str
    minutes: int
    purpose: str  # what it is for
    reference: Callable  # it stands by itself, so that its source can be shown and put into a notebook
    draw: Callable  # draw(rng) -> a list of inputs, tuples of arguments, edge cases and dtypes among them
    wrong_answers: dict  # misconception, a sentence -> the function of somebody who has it
    hints: tuple  # the first, the second, and a worked line
    probe: Callable | None = None  # probe(function, *arguments) -> what is compared; None: what the function returns

    @property
    def name(self):
        """The name of the function that the learner writes."""
        return self.reference.__name__


@dataclass(frozen=True)
class Verdict:
    status: str  # "holds", "not attempted" or "fails"
    sentence: str
    runs: bool = True  # whether it returned something of the right shape for every input


@dataclass(frozen=True)
class Outcome:
    """What a function did with one input: a value, or an exception of the type and text in `error`."""

    value: object = None
    error: tuple | None = None
    printed: bool = False


class Misstep(Exception):
    """Raised by a probe: a sentence that says what is wrong with an answer, shown as it is."""


class Expired(BaseException):
    """An answer took longer than grading allows. No `except Exception` in an answer catches it."""


def examine(exercise, function, seed=None):
    """The verdict on a function, with inputs drawn from this seed (an integer; None for a new one each time)."""
    objection = _objection(function)
    return Verdict("fails", objection, runs=False) if objection else judge(exercise, function, seed)


def judge(exercise, function, seed=None):
    """The verdict on what a function computes, wherever it comes from."""
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    cases = exercise.draw(np.random.default_rng(seed))
    outcomes, first, runs = [], None, True
    try:
        with _time_limit():
            for case in cases:
                outcomes.append(run(exercise, function, case))
                if outcomes[-1].error and outcomes[-1].error[0] == "NotImplementedError":
                    return Verdict("not attempted", "put your code in place of `raise NotImplementedError`.")
                if _unfinished(outcomes[-1].value):
                    return Verdict("not attempted", "put your code in place of the dots `...`.")
    except Expired:
        return Verdict("fails", f"(seed {seed}): no answer after {GRADING_SECONDS} s. Is there a loop that does not end?", False)
    for case, outcome in zip(cases, outcomes):
        expected = run(exercise, exercise.reference, case)
        runs = runs and not outcome.error and _shape(outcome.value) == _shape(expected.value)
        problem = _problem(outcome, expected)
        if problem and first is None:
            first = f"(seed {seed}): for {_inputs(exercise, case)} {problem}"
    if first is None:
        return Verdict("holds", f"{len(cases)} inputs drawn at random, edge cases among them.")
    for misconception, wrong in exercise.wrong_answers.items():
        if all(_same(outcome, run(exercise, wrong, case)) for case, outcome in zip(cases, outcomes)):
            return Verdict("fails", f"{first} Likely: {misconception}", runs)
    return Verdict("fails", first, runs)


def run(exercise, function, case):
    """The outcome of a function for one input, which it gets as a copy. What it prints is not shown."""
    case, before, printed = copy.deepcopy(case), case, io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            value = exercise.probe(function, *case) if exercise.probe else function(*case)
        if any(difference(a, b) for a, b in zip(case, before)):
            raise Misstep("your function changes its input in place; work on a copy, or make a new tensor.")
        return Outcome(value, printed=bool(printed.getvalue()))
    except Misstep as error:
        return Outcome(error=("Misstep", str(error)))
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((f.line for f in reversed(frames) if not f.filename.startswith(_LIBRARIES) and f.line), "")
        text = str(error).strip().split("\n")[0]
        return Outcome(error=(type(error).__name__, text + (f" (in the line `{line.strip()}`)" if line else "")))


_LIBRARIES = (os.path.dirname(np.__path__[0]), os.path.dirname(os.__file__), os.path.dirname(os.path.dirname(__file__)))


def difference(got, expected):
    """A sentence that says how a value differs from the expected one; None if it does not."""
    if isinstance(expected, (str, bool, type(None))):
        same = type(got) is type(expected) and got == expected
        return None if same else f"it gives {_say(got)}, expected {_say(expected)}."
    if isinstance(expected, (tuple, list)):
        if not isinstance(got, (tuple, list)) or len(got) != len(expected):
            many = f"{len(got)} values" if isinstance(got, (tuple, list)) else _say(got)
            return f"it gives {many}, expected {len(expected)} values, as a tuple."
        for number, (g, e) in enumerate(zip(got, expected), 1):
            if problem := difference(g, e):
                return f"value {number} of {len(expected)}: {problem}"
        return None
    if not isinstance(got, (torch.Tensor, np.ndarray, np.generic, int, float)):
        return f"it gives a {type(got).__name__}, expected {_say(expected)}."
    a, b = _array(got), _array(expected)
    if a.shape != b.shape:
        return f"it gives the shape {list(a.shape)}, expected {list(b.shape)}."
    if isinstance(got, torch.Tensor) and isinstance(expected, torch.Tensor) and got.dtype != expected.dtype:
        return f"it gives {got.dtype}, expected {expected.dtype}, as the input has it."
    tolerance = 2e-4 if getattr(expected, "dtype", None) in (torch.float32, np.float32) else 1e-6
    wrong = ~(np.abs(a - b) <= tolerance * (1 + np.abs(b)))  # true for NaN
    if not wrong.any():
        return None
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    return f"{f'at {list(place)} ' if place else ''}it gives {a[place]:.5g}, expected {b[place]:.5g}."


def _problem(outcome, expected):
    """A sentence that says what is wrong with an outcome; None if nothing is."""
    if outcome.error:
        kind, text = outcome.error
        return text if kind == "Misstep" else f"your function stops with {kind}: {text}."
    if outcome.value is None and expected.value is not None:
        return ("it prints something and returns nothing; end it with `return`." if outcome.printed
                else "it returns nothing; end it with `return`.")
    return difference(outcome.value, expected.value)


def _same(outcome, other):
    if outcome.error or other.error:
        return bool(outcome.error and other.error) and outcome.error[0] == other.error[0] and (
            outcome.error[0] != "Misstep" or outcome.error == other.error)
    try:
        return difference(_no_nan(outcome.value), _no_nan(other.value)) is None
    except (TypeError, ValueError):
        return False


def _no_nan(value):
    """The value with numbers in place of NaN and infinity, so that two NaN count as the same."""
    if isinstance(value, (tuple, list)):
        return tuple(_no_nan(v) for v in value)
    if isinstance(value, torch.Tensor):
        return torch.nan_to_num(value.detach(), nan=-8.25e12, posinf=8.5e12, neginf=-8.5e12)
    if isinstance(value, (float, np.ndarray)):
        return np.nan_to_num(value, nan=-8.25e12, posinf=8.5e12, neginf=-8.5e12)
    return value


def _shape(value):
    if isinstance(value, (tuple, list)):
        return [_shape(v) for v in value]
    return tuple(value.shape) if hasattr(value, "shape") else () if isinstance(value, (int, float)) else type(value)


def _unfinished(value):
    return value is ... or isinstance(value, (tuple, list)) and any(v is ... for v in value)


def _array(value):
    return np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value, dtype=np.float64)


def _say(value):
    """A value in words: its numbers if they are few, else its shape."""
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(map(_say, value)) + ")"
    if not isinstance(value, (torch.Tensor, np.ndarray, float)):
        return repr(value)
    array = _array(value)
    if array.size <= 9:
        kind = str(getattr(value, "dtype", "")).replace("torch.", "")
        text = re.sub(r"(?<=\[) +|(?<= ) +", "", np.array2string(array, precision=4, separator=", ").replace("\n", ""))
        return text + (f" ({kind})" if array.ndim and kind != "float64" else "")
    return f"numbers of shape {list(array.shape)}"


def _inputs(exercise, case):
    names = inspect.signature(exercise.reference).parameters
    return ", ".join(f"{name} = {_say(value)}" for name, value in zip(names, case)) + ":"


# Whose function is it, and what does it look at?


def _objection(function):
    """A sentence that says why a function is not examined at all; None if it is."""
    while isinstance(function, functools.partial):
        function = function.func
    if not callable(function):
        return f"this is {_say(function)}, not a function: give the function itself, without brackets after its name."
    seen = set()
    todo = [getattr(inspect.unwrap(function), "__func__", inspect.unwrap(function))]
    while todo:
        function = todo.pop()
        if _from_helpers(function):
            return f"`{getattr(function, '__name__', function)}` is taken from `helpers`. The exercise is to write it yourself."
        if not isinstance(function, types.FunctionType) or function.__code__ in seen:
            continue
        seen.add(function.__code__)
        enclosed = [cell.cell_contents for cell in function.__closure__ or ()]
        todo += [value for value in enclosed if _from_helpers(value) or isinstance(value, types.FunctionType)]
        for name, value in _looked_up(function):
            if name.split(".")[0] == "helpers" or _from_helpers(value):
                return f"your function uses `{name}` from `helpers`. The exercise is to write it yourself."
            if isinstance(value, types.FunctionType) and value.__module__ == function.__module__:
                todo.append(value)  # another function of the notebook: look into it too
            elif not (callable(value) or isinstance(value, types.ModuleType) or name.isupper()):
                return (f"your function reads the notebook variable `{name}`, which may change or be missing elsewhere. "
                        "Use its arguments only (or, for a constant, a name in CAPITALS).")
    return None


def _from_helpers(value):
    name = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    return isinstance(name, str) and (name == "helpers" or name.startswith("helpers."))


def _looked_up(function):
    """(name, value) of what a function's code takes from outside: globals, modules' parts and its own imports."""
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        codes += [c for c in code.co_consts if isinstance(c, types.CodeType)]
        yield from ((c, types) for c in code.co_consts if isinstance(c, str) and c.startswith("helpers."))
        for step in dis.get_instructions(code):
            if step.opname == "IMPORT_NAME":
                yield step.argval, types  # any module: what counts is its name
            elif step.opname == "LOAD_GLOBAL" and step.argval in function.__globals__:
                yield step.argval, function.__globals__[step.argval]


@contextlib.contextmanager
def _time_limit():
    """Stop what runs longer than grading allows. Only while nbgrader runs, and where the system has alarms."""
    if not os.environ.get("NBGRADER_EXECUTION") or not hasattr(signal, "setitimer"):
        yield
        return

    def expire(*_):
        raise Expired

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, GRADING_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
