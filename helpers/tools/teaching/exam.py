r"""An exam for a class: `python -m helpers.tools.teaching.exam SEED [FOLDER]`.

It writes exam.md, sixteen questions of 100 marks and 120 minutes, and exam_answers.md, for who
marks it, into FOLDER, by default course/. The seed is any text, and the same one gives the same
exam. Another version of this package may give another: print both pages when you have read them.

What protects it: each seed has other numbers, tables and codes, and another false line in the
derivation, and neither the questions with their numbers nor the answers stand anywhere as a page.
The seed is the key, for whoever has it can make the answers: take a text that nobody guesses
("2026" is guessed). exam.md does not name it. What does not protect it: the words. They stand in
exam.toml for all to read, with the arguments that earn marks; only a question of your own, on paper
or in person, is new to everybody.

exam.toml has the words; exam_questions.py draws the numbers and computes the answers.
"""

import hashlib
import re
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers.tools.teaching.exam_questions import LECTURES, WORDS, Values

RULES = r"""You may use the series' page of formulas, printed, and no calculator. Logarithms are
natural and information is in nats. Fractions and logarithms may be left standing, such as
$\tfrac32\log2$ ($\log2=0.69$, $\log3=1.10$, $\log5=1.61$). Say in a few words where a number comes
from: alone it earns half of its marks."""


class Question(NamedTuple):
    """A question, and what only the lecturer sees of it."""

    name: str
    title: str
    minutes: int
    asks: frozenset[str]  # "calculate", "argue", "read", "find" (an error)
    text: str  # Markdown
    steps: list[tuple[int, str]]  # the model answer: marks, and what they are for
    wrong: list[str]  # what is often wrong, and what it still earns
    values: Values

    @property
    def marks(self) -> int:
        """All marks of the question."""
        return sum(marks for marks, _ in self.steps)


# Sums of quarters of log 2, log 3 and log 5, the simple ones first: their coefficients.
QUARTERS = np.stack(np.meshgrid(*3 * [np.arange(-16, 17) / 4]), axis=-1).reshape(-1, 3)
QUARTERS = QUARTERS[np.abs(QUARTERS).sum(axis=1).argsort(kind="stable")]


def _number(value: float) -> str:
    return f"{round(value, 4) + 0.0:g}"


def _fraction(value: float) -> str:
    found = Fraction(value).limit_denominator(2000)
    if found.denominator == 1:
        return str(found)
    return f"{'-' * (found < 0)}\\tfrac{{{abs(found.numerator)}}}{{{found.denominator}}}"


def _logs(value: float) -> str:
    """The sum of quarters of log 2, log 3 and log 5 that a number is.

    Raises ValueError for any other number.

    >>> _logs(np.log(4 / 3))
    '2\\\\log2-\\\\log3'
    """
    sums = QUARTERS @ np.log([2, 3, 5])
    best = np.abs(sums - value).argmin()
    if abs(sums[best] - value) > 1e-9:
        raise ValueError(f"{value} is no sum of quarters of log 2, log 3 and log 5")

    terms = ""
    for count, prime in zip(QUARTERS[best], (2, 3, 5), strict=True):
        if count:
            terms += "-" if count < 0 else "+"
            terms += "" if abs(count) == 1 else _fraction(abs(count))
            terms += f"\\log{prime}"
    return terms.removeprefix("+") or "0"


FORMS: dict[str | None, Callable[[float], str]] = {
    None: _number,
    "cells": lambda value: f"{value:.2f}",
    "fraction": _fraction,
    "logs": _logs,
    "exp": lambda value: _number(np.exp(value)),
}


def _filled(words: str, values: Values) -> str:
    """The words with their values: texts as they are, numbers in a form, arrays entry by entry."""

    def shown(place: re.Match) -> str:
        value = values[place[1]]
        if isinstance(value, str):
            return value
        between = " | " if place[2] == "cells" else ", "
        return between.join(FORMS[place[2]](float(one)) for one in np.ravel(value))

    return re.sub(r"<(\w+)(?::(\w+))?>", shown, words)


def exam(seed: str) -> list[Question]:
    """The sixteen questions of a seed.

    seed: any text.
    Raises ValueError for an empty one.
    """
    if not seed.strip():
        raise ValueError("an exam needs a seed: any text, and one that nobody guesses")
    key = hashlib.sha256(seed.encode()).digest()

    # Each question has a generator of its own, so that a change in one leaves the others alone.
    questions = []
    for number, draw in enumerate(draw for four in LECTURES.values() for draw in four):
        name = draw.__name__
        words, values = WORDS[name], draw(np.random.default_rng([number, *key]))
        steps = [(marks, _filled(step, values)) for marks, step in words["steps"]]
        wrong = [_filled(one, values) for one in words["wrong"]]
        head = (name, words["title"], words["minutes"], frozenset(words["asks"]))
        text = _filled(words["text"], values).strip()
        questions.append(Question(*head, text, steps, wrong, values))
    return questions


def pages(seed: str) -> tuple[str, str]:
    """The exam and its answers, as Markdown. Raises ValueError as `exam` does."""
    questions = exam(seed)
    marks, minutes = sum(q.marks for q in questions), sum(q.minutes for q in questions)
    asked = [f"# Disentangling VAEs\n\n{minutes} minutes, {marks} marks. {RULES}"]
    answered = [f"# The answers, for the lecturer only\n\nMade from the seed {seed!r}."]

    for number, q in enumerate(questions):
        if number % 4 == 0:
            asked.append(f"## {list(LECTURES)[number // 4]}")
        head = f"### {number + 1}. {q.title} ({q.marks} marks, {q.minutes} minutes)\n\n"
        asked.append(head + q.text)
        steps = "\n".join(f"- **{marks}** {step}" for marks, step in q.steps)
        wrong = "\n".join(f"- {one}" for one in q.wrong)
        answered.append(f"{head}{q.text}\n\n**Answer**\n\n{steps}\n\n**Often wrong**\n\n{wrong}")
    return "\n\n".join(asked) + "\n", "\n\n".join(answered) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Write both pages of the seed, the first argument, into the folder, the second one."""
    if len(arguments) not in (1, 2):
        sys.exit("python -m helpers.tools.teaching.exam SEED [FOLDER]: the seed is any text")
    seed, folder = arguments[0], Path(*arguments[1:] or ["course"])
    try:
        made = pages(seed)
    except ValueError as error:
        sys.exit(f"{error}.")

    folder.mkdir(parents=True, exist_ok=True)
    for name, page in zip(("exam.md", "exam_answers.md"), made, strict=True):
        (folder / name).write_text(page, encoding="utf-8")
        print(folder / name)


if __name__ == "__main__":
    main(sys.argv[1:])
