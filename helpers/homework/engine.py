"""What an exercise is, and how an answer to it is judged.

An answer is run on inputs that are drawn anew each time, beside the reference. Where they differ,
the answer is compared with the known wrong ones too: if it gives what one of them gives on every
input, that one's misconception is named.
"""

import contextlib
import copy
import inspect
import io
import os
import secrets
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from helpers.homework.differences import alike, difference, in_words, shape_of
from helpers.homework.origins import objection

# What a run of nbgrader gives one check; in a notebook a check runs for as long as it takes.
GRADING_SECONDS = 10

# Code that is not the learner's: other packages, Python's own, and this one.
_LIBRARIES = (
    os.path.dirname(np.__path__[0]),
    os.path.dirname(os.__file__),
    os.path.dirname(os.path.dirname(__file__)),
)


@dataclass(frozen=True)
class Exercise:
    """A function to write, and what is needed to check it and to help with it.

    id: for instance "1.2", homework 1, exercise 2.
    title, difficulty, minutes, purpose: its card; "easy", "medium" or "hard"; what it is for.
    reference: a right answer. It stands by itself, so that its source can be shown and put into a
      notebook.
    draw: from a random generator to a list of inputs, each a tuple of arguments, with edge cases
      and the usual dtypes among them.
    wrong_answers: a misconception, in a sentence -> the function of somebody who has it.
    hints: the first, the second, and a worked line.
    probe: probe(function, *arguments) returns what is compared, and may raise a `WrongAnswer`;
      None: what the function returns is compared.
    """

    id: str
    title: str
    difficulty: str
    minutes: int
    purpose: str
    reference: Callable[..., Any]
    draw: Callable[[np.random.Generator], list[tuple]]
    wrong_answers: dict[str, Callable[..., Any]]
    hints: tuple[str, str, str]
    probe: Callable[..., Any] | None = None

    @property
    def name(self) -> str:
        """The name of the function that the learner writes."""
        return self.reference.__name__


@dataclass(frozen=True)
class Verdict:
    """What is said about an answer.

    status: "holds", "not attempted" or "fails".
    sentence: why.
    runs: whether it returned something of the right shape for every input.
    """

    status: str
    sentence: str
    runs: bool = True


@dataclass(frozen=True)
class Outcome:
    """What a function did with one input: it returned a value, or stopped with an exception.

    value: what it returned, or what the probe made of it.
    error, message: the exception's class and text; None if there was none.
    printed: whether it printed anything.
    """

    value: Any = None
    error: type[BaseException] | None = None
    message: str = ""
    printed: bool = False

    @property
    def missing(self) -> str | None:
        """What of a stub still stands where the answer should be; None if nothing."""
        if self.error is NotImplementedError:
            return "`raise NotImplementedError`"

        parts = self.value if isinstance(self.value, (tuple, list)) else [self.value]
        return "the dots `...`" if any(part is ... for part in parts) else None

    def problem(self, expected: "Outcome") -> str | None:
        """A sentence that says what is wrong, beside the reference's outcome; None if nothing."""
        if self.error is WrongAnswer:
            return self.message
        if self.error:
            return f"your function stops with {self.error.__name__}: {self.message}."

        # A function without `return` is common enough to have a sentence of its own.
        if self.value is None and expected.value is not None:
            what = "prints something and returns nothing" if self.printed else "returns nothing"
            return f"it {what}; end it with `return`."

        return difference(self.value, expected.value)

    def has_shape_of(self, expected: "Outcome") -> bool:
        """Whether a value came out that has the shape of the reference's."""
        return self.error is None and shape_of(self.value) == shape_of(expected.value)

    def is_like(self, other: "Outcome") -> bool:
        """Whether both gave the same value, or stopped with the same exception."""
        if self.error is None and other.error is None:
            return alike(self.value, other.value)

        # The same kind of exception is enough, but a probe's sentence says more than its kind.
        same_sentence = self.error is not WrongAnswer or self.message == other.message
        return self.error is other.error and same_sentence


class WrongAnswer(Exception):  # noqa: N818  it is no error of the program
    """Raised by a probe: a sentence that says what is wrong with an answer, shown as it is."""


class Expired(BaseException):  # noqa: N818
    """An answer took longer than grading allows. No `except Exception` in it catches this."""


def examine(exercise: Exercise, function: Any, seed: int | None = None) -> Verdict:
    """The verdict on what a learner has handed in.

    function: of whatever kind; what is not a function of the learner's own fails unseen.
    seed: of the inputs; None for a new one each time.
    """
    reason = objection(function)
    if reason:
        return Verdict("fails", reason, runs=False)

    return judge(exercise, function, seed)


def judge(exercise: Exercise, function: Callable[..., Any], seed: int | None = None) -> Verdict:
    """The verdict on what a function computes, wherever it comes from.

    seed: of the inputs; None for a new one each time.
    """
    if seed is None:
        seed = secrets.randbelow(1_000_000)
    cases = exercise.draw(np.random.default_rng(seed))

    # The answer, against the clock. A stub is recognised by its first outcomes.
    outcomes = []
    try:
        with _time_limit():
            for case in cases:
                outcome = run(exercise, function, case)
                outcomes.append(outcome)
                if outcome.missing:
                    return Verdict("not attempted", f"put your code in place of {outcome.missing}.")
    except Expired:
        late = f"no answer after {GRADING_SECONDS} s. Is there a loop that does not end?"
        return Verdict("fails", f"(seed {seed}): {late}", runs=False)

    # The reference beside it: the first problem is the one to tell.
    wanted = [run(exercise, exercise.reference, case) for case in cases]
    compared = list(zip(cases, outcomes, wanted, strict=True))
    complaint = None
    for case, outcome, expected in compared:
        problem = outcome.problem(expected)
        if problem:
            complaint = f"(seed {seed}): for {_inputs(exercise, case)} {problem}"
            break

    if complaint is None:
        return Verdict("holds", f"{len(cases)} inputs drawn at random, edge cases among them.")

    # A known misconception explains it, if there is one.
    runs = all(outcome.has_shape_of(expected) for _, outcome, expected in compared)
    misconception = _misconception(exercise, cases, outcomes)
    if misconception:
        complaint += f" Likely: {misconception}"
    return Verdict("fails", complaint, runs)


def run(exercise: Exercise, function: Callable[..., Any], case: tuple) -> Outcome:
    """The outcome of a function for one input.

    case: its arguments, of which it gets copies.

    What it prints and warns of is not shown.
    """
    given = copy.deepcopy(case)

    try:
        with _silence() as printed:
            value = exercise.probe(function, *given) if exercise.probe else function(*given)

        # Whoever calls a function expects to find the arguments as they were.
        if any(difference(after, before) for after, before in zip(given, case, strict=True)):
            raise WrongAnswer(
                "your function changes its input in place; work on a copy, or make a new tensor."
            )
    except WrongAnswer as error:
        return Outcome(error=WrongAnswer, message=str(error))
    except (Exception, SystemExit) as error:
        return Outcome(error=type(error), message=_message(error))

    return Outcome(value, printed=bool(printed.getvalue()))


def _misconception(exercise: Exercise, cases: list[tuple], outcomes: list[Outcome]) -> str | None:
    """The misconception whose function has these outcomes on all inputs; None if none has."""
    for misconception, wrong in exercise.wrong_answers.items():
        pairs = zip(cases, outcomes, strict=True)
        if all(outcome.is_like(run(exercise, wrong, case)) for case, outcome in pairs):
            return misconception

    return None


def _message(error: BaseException) -> str:
    """The first line of an exception's text, and the line of the learner's code that raised it."""
    text = str(error).strip().split("\n")[0]

    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.line and not frame.filename.startswith(_LIBRARIES):
            return f"{text} (in the line `{frame.line.strip()}`)"

    return text


def _inputs(exercise: Exercise, case: tuple) -> str:
    """The arguments by their names, as a sentence may quote them."""
    names = inspect.signature(exercise.reference).parameters
    words = [f"{name} = {in_words(value)}" for name, value in zip(names, case, strict=True)]
    return ", ".join(words) + ":"


@contextlib.contextmanager
def _silence() -> Iterator[io.StringIO]:
    """No warnings, and what is printed goes where this says."""
    with contextlib.redirect_stdout(io.StringIO()) as printed, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with np.errstate(all="ignore"):
            yield printed


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """Stop what runs longer than grading allows, with `Expired`.

    Only while nbgrader runs, and where the system has alarms.
    """
    if not os.environ.get("NBGRADER_EXECUTION") or not hasattr(signal, "setitimer"):
        yield
        return

    def expire(*_: Any) -> None:
        raise Expired

    # The alarm is set; afterwards it is off, and whatever answered to it before does so again.
    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, GRADING_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
