"""What an exercise is, and how an answer to it is judged.

An answer is run on inputs that are drawn anew each time, beside the reference. Where they differ,
causes.py says what the likely misconception is, and the smallest input on which they differ is
shown.
"""

import contextlib
import copy
import inspect
import io
import itertools
import os
import secrets
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from helpers.homework.causes import likely_cause
from helpers.homework.differences import (
    OF_KIND,
    OF_SHAPE,
    TOLERANCE,
    alike,
    difference,
    in_words,
    size_of,
    unchanged,
)
from helpers.homework.origins import objection

# What a run of nbgrader gives one check; in a notebook a check runs for as long as it takes.
GRADING_SECONDS = 20

# So many lines of what an answer printed are shown when it fails.
PRINTED_LINES = 12

_A_TEXT = "give a number, not a text."
_IN_PLACE = "your function changes its input in place; work on a copy of it."
_LEFT_TORCH = (
    "your function leaves PyTorch (`.numpy()`, `np.…`), and this is trained through: it has to "
    "stay a tensor all the way."
)

# Code that is not the learner's: other packages, Python's own, and this one.
_LIBRARIES = (
    os.path.dirname(np.__path__[0]),
    os.path.dirname(os.__file__),
    os.path.dirname(os.path.dirname(__file__)),
)


@dataclass(frozen=True)
class Exercise:
    """A function to write, and what is needed to check it and to help with it.

    id: for instance "1.2", homework 1, exercise 2; of two that belong together "1.5a" and "1.5b".
    kind: "predict" numbers before anything runs, put a derivation into "order", find a "bug",
      "write" a function, or "beat" a score.
    core: whether it belongs to the short way through the homework.
    title, difficulty, minutes, purpose: its card; "easy", "medium" or "hard"; what it is for.
    reference: a right answer. It stands by itself, so that its source can be shown and put into a
      notebook.
    draw: from a random generator to inputs, each a tuple of arguments, by words that say what is
      special about it; small ones, edge cases and the usual dtypes are among them.
    wrong_answers: a misconception, in a sentence -> the function of somebody who has it.
    hints: the first asks, the second shows where, the third is a line.
    parts: names of the values that it returns; of one value, a single name.
    trains: names of the arguments by which gradients are compared too.
    probe: probe(function, *arguments) returns for each part a sentence that says what is wrong, and
      None where nothing is; without a probe, what the function returns is compared.
    tolerance: relative to 1 + the size of what is expected.
    given: the text or the code that poses the question, where it differs from variant to variant.
    meaning: of inputs for which one knows beforehand what must come out, by their words: a sentence
      that says it, or one for each part.
    """

    id: str
    kind: str
    core: bool
    title: str
    difficulty: str
    minutes: int
    purpose: str
    reference: Callable[..., Any]
    draw: Callable[[np.random.Generator], Mapping[str, tuple]]
    wrong_answers: Mapping[str, Callable[..., Any]]
    hints: tuple[str, str, str]
    parts: tuple[str, ...] = ("value",)
    trains: tuple[str, ...] = ()
    probe: Callable[..., Any] | None = None
    tolerance: float = TOLERANCE
    given: str = ""
    meaning: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the function that the learner writes."""
        return self.reference.__name__

    @property
    def compared(self) -> tuple[str, ...]:
        """The names of all that is compared: the parts, and the gradients."""
        return (*self.parts, *(f"gradient by {name}" for name in self.trains))


@dataclass(frozen=True)
class Verdict:
    """What is said about an answer.

    status: "holds", "not attempted" or "fails"; "answered" where it is judged later.
    sentence: why; of a failure the likely cause, if one is known.
    details: of a failure, line by line: the input, what came out, what was printed.
    runs: whether it returned something of the right shape for every input.
    parts: by the name of each part, whether it is right for every input.
    """

    status: str
    sentence: str
    details: tuple[str, ...] = ()
    runs: bool = True
    parts: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a function did with one input: it returned a value, or stopped with an exception.

    value: what it returned, or what the probe made of it, and the gradients after it.
    error, message: the exception's class and text; None if there was none.
    printed: what it printed.
    """

    value: Any = None
    error: type[BaseException] | None = None
    message: str = ""
    printed: str = ""

    @property
    def missing(self) -> str | None:
        """What of a stub still stands where the answer should be; None if nothing."""
        if self.error is NotImplementedError:
            return "`raise NotImplementedError`"

        parts = self.value if isinstance(self.value, (tuple, list)) else [self.value]
        return "the dots `...`" if any(part is ... for part in parts) else None


class WrongAnswer(Exception):  # noqa: N818  it is no error of the program
    """A sentence that says what is wrong with an answer, shown as it is."""


class Expired(BaseException):  # noqa: N818
    """An answer took longer than grading allows. No `except Exception` in it catches this."""


def examine(exercise: Exercise, function: Any, seed: int | None = None) -> Verdict:
    """The verdict on what a learner has handed in.

    function: of whatever kind; what is not a function of the learner's own fails unseen.
    seed: of the inputs; None for a new one each time.
    """
    reason = objection(function)
    if reason:
        return _failure(exercise, reason)

    return judge(exercise, function, seed)


def answered(exercise: Exercise, function: Any) -> Verdict:
    """Whether there is an answer at all, where it is judged later.

    This is for a graded copy, whose question has other numbers, lines or bugs than the public one.
    """
    reason = objection(function)
    if reason:
        return _failure(exercise, reason)

    outcome = run(replace(exercise, probe=None), function, ())
    if outcome.missing:
        return Verdict("not attempted", f"put your answer in place of {outcome.missing}.")
    expected = run(exercise, exercise.reference, ())
    if outcome.error or outcome.value is None:
        return _failure(exercise, str(problem(exercise, outcome, expected)))
    if exercise.kind == "predict" and _as_parts(exercise, outcome.value) is None:
        return _failure(exercise, f"expected {len(exercise.parts)} values, as a tuple.")
    return Verdict("answered", "it is marked after you hand in.")


def judge(exercise: Exercise, function: Callable[..., Any], seed: int | None = None) -> Verdict:
    """The verdict on what a function computes, wherever it comes from.

    seed: of the inputs; None for a new one each time.
    """
    if seed is None:
        seed = secrets.randbelow(1_000_000)
    cases = exercise.draw(np.random.default_rng(seed))

    # The answer, against the clock. A stub is recognised by its first outcomes.
    outcomes: dict[str, Outcome] = {}
    try:
        with _time_limit():
            for words, case in cases.items():
                outcomes[words] = run(exercise, function, case)
                missing = outcomes[words].missing
                if missing:
                    return Verdict("not attempted", f"put your code in place of {missing}.")
    except Expired:
        late = f"no answer after {GRADING_SECONDS} s. Is there a loop that does not end?"
        return _failure(exercise, late)

    # The reference beside it.
    wanted = {words: run(exercise, exercise.reference, case) for words, case in cases.items()}
    problems = {words: problem(exercise, outcomes[words], wanted[words]) for words in cases}
    wrong = [words for words, sentence in problems.items() if sentence]
    parts = {part: True for part in exercise.compared}
    if not wrong:
        how = f"{len(cases)} inputs drawn at random, edge cases among them."
        return Verdict("holds", how if exercise.draw is not no_input else "so it is.", parts=parts)

    # Part by part, where values came out; then why, and the smallest input that shows it.
    runs = all(_as_parts(exercise, outcome.value) is not None for outcome in outcomes.values())
    for number, part in enumerate(parts):
        parts[part] = runs and _holds(exercise, number, outcomes, wanted)
    stopped = [words for words in wrong if outcomes[words].error]
    smallest = min(stopped or wrong, key=lambda words: size_of(cases[words]))
    cause, example = _cause(exercise, cases, outcomes, wanted)
    smallest = smallest if example is None else example
    sentence = cause or str(problems[smallest])
    details = _details(exercise, smallest, cases, problems, outcomes, seed)
    return Verdict("fails", sentence, tuple(d for d in details if d != sentence), runs, parts)


def run(exercise: Exercise, function: Callable[..., Any], case: tuple) -> Outcome:
    """The outcome of a function for one input.

    case: its arguments, of which it gets copies.
    """
    given = copy.deepcopy(case)
    printed = io.StringIO()

    try:
        with _listening(printed):
            if exercise.probe:
                value = exercise.probe(function, *given)
            elif exercise.trains:
                value = _with_gradients(exercise, function, given)
            else:
                value = function(*given)

        # Whoever calls a function expects to find the arguments as they were.
        if not unchanged(given, case):
            raise WrongAnswer(_IN_PLACE)
    except WrongAnswer as error:
        return Outcome(error=WrongAnswer, message=str(error), printed=printed.getvalue())
    except (Exception, SystemExit) as error:
        if exercise.trains and "requires grad" in str(error):
            why = _IN_PLACE if "in-place" in str(error) else _LEFT_TORCH
            return Outcome(error=WrongAnswer, message=why, printed=printed.getvalue())
        return Outcome(error=type(error), message=_message(error), printed=printed.getvalue())

    return Outcome(value, printed=printed.getvalue())


def problem(exercise: Exercise, outcome: Outcome, expected: Outcome) -> str | None:
    """A sentence that says what is wrong with one outcome; None if nothing.

    expected: the reference's.
    """
    if outcome.error is WrongAnswer:
        return outcome.message
    if outcome.error:
        return f"your function stops with {outcome.error.__name__}: {outcome.message}."

    # A function without `return` is common enough to have a sentence of its own.
    if outcome.value is None and expected.value is not None:
        what = "prints something and returns nothing" if outcome.printed else "returns nothing"
        return f"it {what}; end it with `return`."

    # Of several values the first wrong one is told by its name.
    got = _as_parts(exercise, outcome.value)
    if got is None:
        values = expected.value[: len(exercise.parts)] if exercise.trains else expected.value
        return difference(outcome.value, values, exercise.tolerance)
    for name, one, wanted in zip(exercise.compared, got, _right(exercise, expected), strict=True):
        sentence = _differs(exercise, one, wanted)
        if sentence and name.startswith("gradient") and not torch.as_tensor(one).any():
            return (
                f"no {name}: it is not used, or was cut off by `detach`, `.data`, `no_grad`, "
                "`.item()` or `.numpy()`. Everything has to stay a tensor."
            )
        if sentence:
            return sentence if len(got) == 1 else f"{name}: {sentence}"
    return None


def no_input(rng: np.random.Generator) -> dict[str, tuple]:
    """The draw of an exercise whose function takes no arguments."""
    return {"": ()}


def mistaken(reference: Callable[..., Any], *changes: tuple[str, str]) -> Callable[..., Any]:
    """The reference with a mistake in it.

    changes: what is written in the reference, and what somebody writes in its place.
    """
    source = inspect.getsource(reference)
    for right, wrong in changes:
        assert right in source, f"{reference.__name__} does not hold {right!r}"
        source = source.replace(right, wrong)

    names = dict(reference.__globals__)
    exec(compile(source, f"<a wrong {reference.__name__}>", "exec"), names)
    return names[reference.__name__]


# Parts and gradients


def _as_parts(exercise: Exercise, value: Any) -> list[Any] | None:
    """The values that came out, one for each name; None if there are not so many."""
    count = len(exercise.compared)
    if count == 1 and not exercise.probe:
        return None if value is None else [value]
    if isinstance(value, (torch.Tensor, np.ndarray)) and value.ndim:
        value = list(value)

    # Predicted numbers may come in rows, such as one for each model.
    if exercise.kind == "predict" and isinstance(value, (tuple, list)):
        rows = (row if isinstance(row, (tuple, list)) else [row] for row in value)
        value = list(itertools.chain.from_iterable(rows))
    return list(value) if isinstance(value, (tuple, list)) and len(value) == count else None


def _right(exercise: Exercise, expected: Outcome) -> list[Any]:
    """The reference's values, one for each name."""
    parts = _as_parts(exercise, expected.value)
    assert parts is not None, f"the reference of {exercise.id} does not give {exercise.compared}"
    return parts


def _holds(
    exercise: Exercise, number: int, outcomes: Mapping[str, Outcome], wanted: Mapping[str, Outcome]
) -> bool:
    """Whether one of the parts is right for every input."""
    for words, outcome in outcomes.items():
        got = _as_parts(exercise, outcome.value)
        if got is None or _differs(exercise, got[number], _right(exercise, wanted[words])[number]):
            return False
    return True


def _differs(exercise: Exercise, got: Any, expected: Any) -> str | None:
    """A sentence that says what is wrong with one part; None if nothing."""
    if exercise.probe:
        return got

    # Whoever is asked to predict does not want to be told before the next try.
    sentence = difference(got, expected, exercise.tolerance)
    if sentence and exercise.kind == "predict":
        text = isinstance(got, str)
        return _A_TEXT if text else f"{in_words(got)} is not it."
    return sentence


def _with_gradients(exercise: Exercise, function: Callable[..., Any], given: tuple) -> Any:
    """The values and their gradients by the arguments in `exercise.trains`."""
    arguments = dict(zip(inspect.signature(exercise.reference).parameters, given, strict=True))
    trained = {name: arguments[name].requires_grad_() for name in exercise.trains}
    value = function(*given)

    # Nothing, or the dots of a stub, goes on as it is, and has a sentence of its own.
    if value is None or value is ...:
        return value
    values = [value] if len(exercise.parts) == 1 else value
    if isinstance(values, torch.Tensor) and values.ndim and len(values) == len(exercise.parts):
        values = list(values)
    if not isinstance(values, (tuple, list)) or len(values) != len(exercise.parts):
        return value

    # Different weights, so that a gradient which ends in the wrong image is seen.
    total = torch.zeros((), dtype=torch.float64)
    for one in values:
        if isinstance(one, torch.Tensor):
            weights = 1 + torch.arange(one.numel(), dtype=torch.float64).reshape(one.shape) / 7
            total = total + (weights * one).sum()

    # Where none arrives it is 0, so that the values are compared all the same.
    tensors = list(trained.values())
    gradients: tuple = (None,) * len(tensors)
    if total.requires_grad:
        gradients = torch.autograd.grad(total, tensors, allow_unused=True)
    arrived = [
        torch.zeros_like(tensor) if gradient is None else gradient
        for tensor, gradient in zip(tensors, gradients, strict=True)
    ]

    # The inputs go back as they came.
    for tensor in tensors:
        tensor.requires_grad_(False)
    return *(one.detach() if isinstance(one, torch.Tensor) else one for one in values), *arrived


# What a failure says


def _failure(exercise: Exercise, sentence: str) -> Verdict:
    """A failure before any value came out."""
    return Verdict("fails", sentence, runs=False, parts=dict.fromkeys(exercise.compared, False))


def _cause(
    exercise: Exercise,
    cases: Mapping[str, tuple],
    outcomes: Mapping[str, Outcome],
    wanted: Mapping[str, Outcome],
) -> tuple[str | None, str | None]:
    """The likely cause of a failure, in a sentence, and the input that it is about.

    None and None if nothing is known; the input is None where the cause is about all of them.
    """
    # A probe has sentences of its own, which say it already.
    if exercise.probe:
        return None, None
    both = (outcomes, wanted)

    # The known wrong answers, run only now that one of them is looked for.
    mistakes = {}
    for why, function in exercise.wrong_answers.items():
        mistakes[why] = {words: run(exercise, function, case) for words, case in cases.items()}

    # Whoever makes a known mistake to its end, exceptions and all.
    made_to_the_end = [
        why
        for why, made in mistakes.items()
        if all(_alike(exercise, outcomes[words], made[words]) for words in cases)
    ]
    if made_to_the_end:
        return f"likely, {' Or: '.join(made_to_the_end)}", None

    # An exception says where to look; the smallest input that raises it is shown.
    if any(outcome.error for outcome in outcomes.values()):
        return None, None

    # The right values in another order.
    lists = {words: _as_parts(exercise, outcomes[words].value) for words in cases}
    if _reordered(exercise, lists, wanted):
        return _reordered_in_words(exercise, lists, wanted), None

    # Else the first part that is wrong: a mistake explains it if it gives the same in all inputs.
    failing = next(n for n in range(len(exercise.compared)) if not _holds(exercise, n, *both))
    got = {words: parts[failing] for words, parts in lists.items() if parts}
    name = exercise.compared[failing]
    is_gradient = name.startswith("gradient")
    if not got or (is_gradient and not any(map(_is_anything, got.values()))):
        return None, None
    expected = {words: _right(exercise, wanted[words])[failing] for words in got}

    # Where all that came out is right, what did not come out has a sentence of its own.
    if not any(_differs(exercise, got[words], expected[words]) for words in got):
        return None, None
    known = {}
    for why, made in mistakes.items():
        # A mistake that spoils what is right here is not the one that was made.
        spoils = any(
            _holds(exercise, n, *both) and not _holds(exercise, n, made, wanted)
            for n in range(len(exercise.parts))
        )
        parts = {words: _as_parts(exercise, made[words].value) for words in got}
        if all(parts.values()) and not spoils:
            known[why] = {words: part[failing] for words, part in parts.items() if part}
    cause = likely_cause(got, expected, known, cases, exercise.tolerance)

    # Or what one knows beforehand, of a value.
    example = None
    if cause is None and not is_gradient:
        for words in got:
            meaning = exercise.meaning.get(words, "")
            sentence = meaning if isinstance(meaning, str) else meaning.get(name, "")
            wrong = _differs(exercise, got[words], expected[words])
            if sentence and wrong and not wrong.startswith((OF_SHAPE, OF_KIND, _A_TEXT)):
                cause, example = sentence, words
                break
    if cause and len(exercise.compared) > 1:
        cause = f"{name}: {cause}"
    return cause, example


def _reordered(
    exercise: Exercise, lists: Mapping[str, list[Any] | None], wanted: Mapping[str, Outcome]
) -> bool:
    """Whether all that is wrong with several values is the order in which they stand."""
    count = len(exercise.parts)
    if count == 1:
        return False

    for order in itertools.permutations(range(count)):
        if order != tuple(range(count)) and all(
            parts is not None
            and _alike_parts(
                exercise, parts[:count], [_right(exercise, wanted[words])[k] for k in order]
            )
            for words, parts in lists.items()
        ):
            return True
    return False


def _reordered_in_words(
    exercise: Exercise, lists: Mapping[str, list[Any] | None], wanted: Mapping[str, Outcome]
) -> str:
    """What to say of right values in another order."""
    order = ", ".join(exercise.parts)
    sentence = f"these are the right values in another order; it is {order}."
    if exercise.kind != "predict":
        return sentence

    # Of numbers somebody may have meant each where it stands: it is said which two changed places.
    ((words, parts),) = lists.items()
    right = _right(exercise, wanted[words])
    pairs = zip(exercise.parts, parts or [], right, strict=True)
    moved = [name for name, one, other in pairs if not alike(one, other, exercise.tolerance)]
    if len(moved) == 2:
        return f"{moved[0]}, and {moved[1]}: each has the value of the other."
    return sentence


def _alike_parts(exercise: Exercise, one: list[Any], other: list[Any]) -> bool:
    """Whether all values are the same, one by one."""
    return all(alike(a, b, exercise.tolerance) for a, b in zip(one, other, strict=True))


def _is_anything(value: Any) -> bool:
    """Whether there is a number in it that is not 0."""
    return bool(torch.as_tensor(value).any())


def _alike(exercise: Exercise, outcome: Outcome, other: Outcome) -> bool:
    """Whether both gave the same value, or stopped with the same exception."""
    if outcome.error or other.error:
        same_sentence = outcome.error is not WrongAnswer or outcome.message == other.message
        return outcome.error is other.error and same_sentence

    one, two = (_as_parts(exercise, o.value) for o in (outcome, other))
    return one is not None and two is not None and _alike_parts(exercise, one, two)


def _details(
    exercise: Exercise,
    words: str,
    cases: Mapping[str, tuple],
    problems: Mapping[str, str | None],
    outcomes: Mapping[str, Outcome],
    seed: int,
) -> Iterator[str]:
    """The lines below the cause: the smallest input that fails, what came out, what was printed."""
    names = inspect.signature(exercise.reference).parameters
    for name, value in zip(names, cases[words], strict=False):
        yield f"{name} = {in_words(value)}"
    yield str(problems[words])

    printed = outcomes[words].printed.strip().splitlines()
    if printed:
        yield "It printed:"
        yield from (f"  {line}" for line in printed[:PRINTED_LINES])
        if len(printed) > PRINTED_LINES:
            yield f"  … and {len(printed) - PRINTED_LINES} lines more"

    # An input to work on, and which of the others are right.
    if cases[words]:
        right = [other for other, sentence in problems.items() if not sentence]
        if right:
            yield f"Right for: {'; '.join(right)}."
        yield f'To work on this input: inputs("{exercise.id}", {seed})["{words}"]'


def _message(error: BaseException) -> str:
    """The first line of an exception's text, and the line of the learner's code that raised it."""
    text = str(error).strip().split("\n")[0]

    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.line and not frame.filename.startswith(_LIBRARIES):
            return f"{text} (in the line `{frame.line.strip()}`)"

    return text


@contextlib.contextmanager
def _listening(printed: io.StringIO) -> Iterator[None]:
    """No warnings, and what is printed is kept."""
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with np.errstate(all="ignore"):
            yield


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
