"""Kinds of exercise that are made, not written: predict numbers, order lines, show a bug.

Each of these is an `Exercise` like any other: the learner writes a function without arguments that
returns the answer. They are made from what differs between their variants, so that a course can
have other numbers, other lines and other bugs than the public notebook.
"""

import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from helpers.homework.differences import alike, as_array, in_words, size_of
from helpers.homework.engine import Exercise, no_input

# What is predicted in the head counts as right within one per cent.
BY_HEAD = 0.01

# A bug shows from such a difference on.
VISIBLE = 1e-9


@dataclass(frozen=True)
class Card:
    """What every exercise has: see `Exercise`."""

    id: str
    core: bool
    title: str
    difficulty: str
    minutes: int
    purpose: str
    hints: tuple[str, str, str]


@dataclass(frozen=True)
class InWords:
    """A question that is answered in words, and marked by somebody who reads them.

    words: at least and at most.
    rubric: what a full answer says, a point each.
    model: an answer that gets them all.
    """

    words: tuple[int, int]
    question: str
    rubric: tuple[str, ...]
    model: str


def written(source: str, name: str) -> Callable[..., Any]:
    """The function that a source defines; `inspect.getsource` finds the source again."""
    file = f"<{name}, {hash(source):x}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(source, file, "exec"), names)
    return names[name]


def _answering(name: str, docstring: str, returned: str) -> Callable[..., Any]:
    """A function without arguments that returns what is written."""
    return written(f'def {name}():\n    """{docstring}"""\n    return {returned}\n', name)


# Predict


def predict(
    card: Card,
    name: str,
    given: str,
    numbers: Mapping[str, float],
    mistakes: Mapping[str, Mapping[str, float]],
    ideas: Mapping[str, str],
    unit: str = "nats",
) -> Exercise:
    """Numbers to be predicted before anything runs, within one per cent.

    given: the question, with its numbers.
    numbers: the right ones, by what they are.
    mistakes: a misconception, in a sentence -> the numbers that it gives, by what they are.
    ideas: by what it is, how one comes to a number, for whoever has another one.
    unit: of the numbers.
    """
    # What a mistake leaves right says nothing; with some numbers it leaves everything right.
    telling = {}
    for why, changed in mistakes.items():
        wrong = {part: v for part, v in changed.items() if not alike(v, numbers[part], BY_HEAD)}
        if wrong:
            telling[why] = wrong

    order = ", ".join(numbers)
    reference = _answering(name, f"({order}), in {unit}.", _tuple(numbers.values()))

    def by_mistake(changed: Mapping[str, float]) -> Callable[[], Any]:
        return lambda: tuple(changed.get(part, value) for part, value in numbers.items())

    return Exercise(
        **vars(card),
        kind="predict",
        reference=reference,
        draw=no_input,
        wrong_answers={why: by_mistake(changed) for why, changed in telling.items()},
        parts=tuple(numbers),
        tolerance=BY_HEAD,
        given=given,
        meaning={"": ideas},
    )


def _tuple(numbers: Any) -> str:
    return "(" + ", ".join(f"{number:.4g}" for number in numbers) + ")"


# Order


@dataclass(frozen=True)
class Step:
    """A line of a derivation, and the rule by which it follows from the one before.

    also: another rule that may be said to lead there.
    """

    line: str
    rule: str
    also: str = ""


def order(
    card: Card,
    name: str,
    start: str,
    steps: Sequence[Step],
    false: Mapping[str, str],
    rules: Mapping[str, str],
    variant: int,
) -> Exercise:
    """A derivation whose lines are to be put in order, each with its rule.

    start: what it begins with, in LaTeX.
    steps: its lines in their order.
    false: lines that do not belong there, in LaTeX -> what is wrong with each. Two are mixed in.
    rules: the word for each rule -> the rule.
    variant: says which two, and which letters the lines get.
    """
    # The lines in an order that says nothing.
    rng = np.random.default_rng([variant, len(steps)])
    mixed_in = [list(false)[i] for i in sorted(rng.permutation(len(false))[:2])]
    lines = [step.line for step in steps] + mixed_in
    places = rng.permutation(len(lines))
    letters = {lines[place]: chr(ord("A") + k) for k, place in enumerate(places)}
    right = [(letters[step.line], step.rule) for step in steps]

    table = "\n".join(f"| {letters[lines[p]]} | ${lines[p]}$ |" for p in places)
    words = "\n".join(f"- `{word}`: {rule}" for word, rule in sorted(rules.items()))
    given = f"| | ${start}$ |\n|---|---|\n{table}\n\n{words}"
    pairs = ", ".join(f'("{letter}", "{rule}")' for letter, rule in right)
    reference = _answering(name, "The lines in their order, each with its rule.", f"[{pairs}]")

    def judged(answer: Any) -> tuple[str | None, str | None]:
        pairs = _pairs(answer)
        if isinstance(pairs, str):
            return pairs, pairs
        known = {letter: line for line, letter in letters.items()}
        return (
            _wrong_line([letter for letter, _ in pairs], right, known, false),
            _wrong_rule(pairs, {letters[s.line]: (s.rule, s.also) for s in steps}, rules),
        )

    # What somebody hands in who takes a false line, leaves one out, or mistakes a rule.
    wrong = {}
    for line in mixed_in:
        wrong[false[line]] = _replacing(right, _like(line, steps), letters[line])
    wrong["is not reached in one step"] = lambda: [right[0], *right[2:]]
    wrong["but not by the rule"] = lambda: [(right[0][0], right[1][1]), *right[1:]]
    wrong["The derivation is not finished"] = lambda: right[:-1]
    wrong["is no rule of the list"] = lambda: [(right[0][0], "magic"), *right[1:]]
    wrong["is no line of the table"] = lambda: [("Z", right[0][1]), *right[1:]]
    wrong["a list of pairs"] = lambda: 7

    return Exercise(
        **vars(card),
        kind="order",
        reference=reference,
        draw=no_input,
        wrong_answers=wrong,
        parts=("the lines", "the rules"),
        probe=on_answer(judged),
        given=given,
    )


def _like(line: str, steps: Sequence[Step]) -> int:
    """The place of the true line that a false one resembles most."""
    return max(
        range(len(steps)),
        key=lambda k: sum(a == b for a, b in zip(line, steps[k].line, strict=False)),
    )


def _replacing(right: list[tuple[str, str]], place: int, letter: str) -> Callable[[], Any]:
    changed = [*right[:place], (letter, right[place][1]), *right[place + 1 :]]
    return lambda: changed


def _pairs(answer: Any) -> list[tuple[str, str]] | str:
    """The letters and rules of an answer; a sentence where it is none."""
    shape = 'give a list of pairs, such as [("A", "one"), ("B", "kl")].'
    if isinstance(answer, Mapping):
        answer = answer.items()
    try:
        answer = list(answer)
    except TypeError:
        return shape
    pairs = []
    for entry in answer:
        if isinstance(entry, str):
            entry = entry.replace(":", " ").replace(",", " ").split(maxsplit=1)
        if not isinstance(entry, (list, tuple, np.ndarray)) or len(entry) != 2:
            return shape
        if len(str(entry[0]).strip()) > 1 == len(str(entry[1]).strip()):
            return "in each pair the letter comes first, then the rule."
        pairs.append((str(entry[0]).strip().upper(), str(entry[1]).strip(" `").lower()))
    return pairs


def _wrong_line(
    letters: list[str],
    right: list[tuple[str, str]],
    known: Mapping[str, str],
    false: Mapping[str, str],
) -> str | None:
    """What is wrong with the order of the lines; None if nothing."""
    order = [letter for letter, _ in right]
    for place, letter in enumerate(letters):
        if letter not in known:
            return f"{letter} is no line of the table."
        if place < len(order) and letter == order[place]:
            continue

        # The first line that is out of place.
        before = f"line {letters[place - 1]}" if place else "the start"
        if known[letter] in false:
            return f"line {letter} after {before}: {false[known[letter]]}"
        if letter in letters[:place]:
            return f"line {letter} stands there twice."
        if place >= len(order):
            return f"after {before} nothing is missing any more."
        if letters == order[::-1]:
            return "this is the derivation upside down."
        if letter in order[:place]:
            return f"line {letter} comes earlier than after {before}."
        return (
            f"line {letter} is not reached in one step from {before}: "
            f"a step by the rule `{right[place][1]}` comes first."
        )

    if len(letters) < len(order):
        return f"The derivation is not finished: {len(order) - len(letters)} more to come."
    return None


def _wrong_rule(
    pairs: list[tuple[str, str]], wanted: Mapping[str, tuple[str, str]], rules: Mapping[str, str]
) -> str | None:
    """Which rule is wrong, of the lines that belong there; None if none is."""
    # All lines in their order, each with the rule of the next one.
    following = [rule for rule, _ in wanted.values()][1:]
    if [letter for letter, _ in pairs] == list(wanted) and (
        [rule for _, rule in pairs[:-1]] == following
    ):
        return "each rule stands a line too early: it says how a line follows from the one before."

    for letter, rule in pairs:
        if rule not in rules:
            return f"`{rule}` is no rule of the list."
        if letter in wanted and rule not in wanted[letter]:
            return (
                f"line {letter} does belong there, but not by the rule `{rule}` ({rules[rule]}): "
                "compare it with the line before, and say what changed."
            )

    missing = set(wanted) - {letter for letter, _ in pairs}
    return f"{len(missing)} lines have no rule yet." if missing else None


# Show a bug


@dataclass(frozen=True)
class Bug:
    """Something wrong in a function.

    source: the function with it.
    buggy, right: what it computes, and what it should.
    least: how many numbers the smallest input has that shows it.
    smallest: such an input.
    hidden: a sentence -> whether it is why an input does not show the bug.
    """

    source: str
    buggy: Callable[..., Any]
    right: Callable[..., Any]
    least: int
    smallest: str
    hidden: Mapping[str, Callable[..., bool]]


def show_bug(
    card: Card,
    name: str,
    docstring: str,
    arguments: Sequence[str],
    bug: Bug,
    valid: Callable[..., str | None],
    blind: Mapping[str, Callable[[], Any]],
) -> Exercise:
    """The smallest input on which a function with a bug gives something else than the right one.

    docstring: of the learner's function: what it returns, and what is an input at all.
    arguments: the names of the input's parts.
    valid: a sentence that says why something is no input; None if it is one.
    blind: a sentence of `bug.hidden` or `valid`, or of this function -> inputs that are told it.
    """
    reference = _answering(name, docstring, bug.smallest)
    reference.__globals__["torch"] = torch

    def judged(answer: Any) -> tuple[str | None, str | None]:
        if isinstance(answer, (np.ndarray, torch.Tensor)) and answer.ndim:
            answer = list(answer)
        if isinstance(answer, Mapping) and set(answer) == set(arguments):
            answer = tuple(answer[argument] for argument in arguments)
        if not isinstance(answer, (tuple, list)) or len(answer) != len(arguments):
            sentence = f"give {len(arguments)} things, as a tuple: {', '.join(arguments)}."
            return sentence, sentence
        try:
            tables = [_table(part) for part in answer]
        except (TypeError, ValueError) as error:
            why = "the rows of a table are not equally long" if _ragged(error) else error
            sentence = f"that is no input: {why}."
            return sentence, sentence
        return _wrong_witness(tables, bug, valid)

    return Exercise(
        **vars(card),
        kind="bug",
        reference=reference,
        draw=no_input,
        wrong_answers=blind,
        parts=("the bug", "the size"),
        probe=on_answer(judged),
        given=bug.source,
    )


def _ragged(error: Exception) -> bool:
    """Whether numpy could not make a table, since its rows differ in length."""
    return "inhomogeneous" in str(error)


def _table(part: Any) -> Any:
    """Numbers as a tensor; a single one, however it comes, as a number."""
    array = as_array(part)
    return torch.from_numpy(np.array(array)) if array.ndim else array.item()


def _wrong_witness(
    tables: list, bug: Bug, valid: Callable[..., str | None]
) -> tuple[str | None, str | None]:
    """What is wrong with an input that is to show a bug, and whether it is too large."""
    reason = valid(*tables)
    if reason:
        return f"that is no input: {reason}", f"that is no input: {reason}"

    # A bug may also stop the function.
    right = bug.right(*tables)
    try:
        buggy = as_array(bug.buggy(*tables))
        shown = not np.allclose(buggy, as_array(right), VISIBLE, VISIBLE, equal_nan=True)
    except (ValueError, RuntimeError, IndexError):
        shown = True
    if not shown:
        why = [sentence for sentence, is_so in bug.hidden.items() if is_so(*tables)]
        also = f" {why[0]}" if why else " What does the bug change, and what hides it here?"
        return (
            f"not shown: with and without it the function gives {in_words(right)} here.{also}",
            "first find an input that shows the bug.",
        )

    size = size_of(tables)
    if size > bug.least:
        return None, f"this shows the bug with {size} numbers; {bug.least} are enough."
    return None, None


def on_answer(judged: Callable[..., tuple]) -> Callable[..., Any]:
    """The probe that judges what a function returns.

    judged: from the answer, and the arguments that led to it, to a sentence for each part.
    """

    def probe(function: Callable[..., Any], *arguments: Any) -> Any:
        answer = function(*arguments)

        # Nothing, or the dots of a stub, has a sentence of its own.
        return answer if answer is None or answer is ... else judged(answer, *arguments)

    return probe
