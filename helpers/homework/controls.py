"""What a learner calls: check, panel, hint, solution, quiz; and `points`, which marking calls."""

import inspect
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets
import numpy as np
from IPython.display import display

from helpers.homework import hw1_elbo, hw2_beta_vae, hw3_beta_tcvae, hw4_metrics
from helpers.homework.engine import Exercise, Verdict, answered, examine
from helpers.questions import Choice, Question

HOMEWORKS = {
    "hw1_elbo": hw1_elbo,
    "hw2_beta_vae": hw2_beta_vae,
    "hw3_beta_tcvae": hw3_beta_tcvae,
    "hw4_metrics": hw4_metrics,
}
_EXERCISES = {e.id: e for module in HOMEWORKS.values() for e in module.exercises()}
_QUIZZES = {key: q for module in HOMEWORKS.values() for key, q in module.QUIZZES.items()}

_HINTS = ("First hint", "Second hint", "A worked line")


@dataclass
class _Progress:
    """What a learner has done about an exercise since the notebook was started."""

    attempted: bool = False
    hints: int = 0


_PROGRESS = {id: _Progress() for id in _EXERCISES}


def exercises(homework: str | None = None, variant: int = 0) -> list[Exercise]:
    """All exercises in their order, or those of one homework.

    homework: a key of `HOMEWORKS`, such as "hw1_elbo"; None for all.
    variant: 0 for the public notebook's, else other numbers, lines and bugs.
    """
    chosen = HOMEWORKS if homework is None else [homework]
    return [e for name in chosen for e in HOMEWORKS[name].exercises(variant)]


def exercise(id: str, variant: int = 0) -> Exercise:
    """The exercise of this id, such as "1.2".

    variant: 0 for the public notebook's, else other numbers, lines and bugs.

    Raises ValueError if there is none.
    """
    if id not in _EXERCISES:
        raise ValueError(f"there is no exercise {id!r}; there are {', '.join(_EXERCISES)}")
    if variant:
        return next(e for e in exercises(variant=variant) if e.id == id)

    return _EXERCISES[id]


def inputs(id: str, seed: int) -> dict[str, tuple]:
    """The inputs that a check with this seed draws, each a tuple of arguments, by what they are.

    A failing check names the seed and the words: `kl(*inputs("1.3", 42)["one draw"])`.
    """
    return dict(exercise(id).draw(np.random.default_rng(seed)))


# Verdicts. `function` is what a learner has written, and `seed` draws its inputs.


def check(id: str, function: Any, seed: int | None = None, *, marked_later: bool = False) -> None:
    """Print that the function holds, is not attempted, or fails: why, and for which input.

    seed: of the inputs, to repeat those of a failure; None for new ones.
    marked_later: only whether there is an answer: a graded copy asks for other numbers, lines or
      bugs than the package knows.
    """
    found = answered(exercise(id), function) if marked_later else verdict(id, function, seed)
    print(_line(id, found))


def verdict(id: str, function: Any, seed: int | None = None, variant: int = 0) -> Verdict:
    """What `check` prints, as a `Verdict`; a failure or a success counts as an attempt."""
    found = examine(exercise(id, variant), function, seed)
    if found.status != "not attempted":
        _PROGRESS[id].attempted = True

    return found


def require(id: str, function: Any, seed: int | None = None) -> None:
    """Nothing if the function holds: this is for grading.

    Raises AssertionError with the words of `check` if it does not.
    """
    found = verdict(id, function, seed)
    assert found.status == "holds", _line(id, found)


def points(
    id: str, function: Any, most: float, seeds: Sequence[int] = (), variant: int | None = 0
) -> float | None:
    """What an answer earns, after the words of `check` are printed, of the worst verdict.

    most: for an answer that holds.
    seeds: of inputs that the learner does not know; the words do not tell them.
    variant: of the question; None while only the lecturer knows it.

    Returns at most `most`; None where the variant is not known. All parts of an exercise count
    alike, and a part counts if it is right on new inputs and for every seed.
    """
    if variant is None:
        print(_line(id, answered(exercise(id), function)))
        return None

    verdicts = [verdict(id, function, None, variant)]
    worst, secret = verdicts[0], None
    for seed in seeds:
        # Where nothing is left to be earned, nothing more is run: an answer may be endless.
        if not _earned(verdicts):
            break
        found = verdict(id, function, seed, variant)
        verdicts.append(found)
        if worst.status == "holds" and found.status != "holds":
            worst, secret = found, seed

    said = _line(id, worst)
    print(said if secret is None else re.sub(rf"\b{secret}\b", "hidden", said))
    return round(most * _earned(verdicts), 2)


def _earned(verdicts: Sequence[Verdict]) -> float:
    """The share of an exercise that is right in all verdicts, between 0 and 1."""
    # A verdict without parts says the same of each of them.
    parts = [found.parts for found in verdicts]
    names = sorted({name for of_one in parts for name in of_one}) or ["all"]

    right = 0
    for name in names:
        pairs = zip(parts, verdicts, strict=True)
        right += all(of_one.get(name, found.status == "holds") for of_one, found in pairs)
    return right / len(names)


def yours_or_reference(id: str, function: Any, *, even_wrong: bool = False) -> Callable[..., Any]:
    """The learner's function if it holds, else the reference, and a line that says so.

    even_wrong: for pictures, also a function that fails, as long as it returns something of the
      right shape for every input of the check.
    """
    found = verdict(id, function)
    can_be_drawn = even_wrong and found.status == "fails" and found.runs
    if found.status == "holds" or can_be_drawn:
        return function

    print(f"{id} does not hold yet: from here on this notebook uses the reference in its place.")
    return exercise(id).reference


# Help


def hint(id: str) -> None:
    """Print the next hint: the first, the second, then a worked line."""
    print(_next_hint(id))


def solution(id: str, show_me: bool = False) -> None:
    """Print the reference, after an attempt or on an explicit `show_me=True`."""
    print(_solution(id, show_me))


def panel(
    id: str,
    solution: bool = True,
    *,
    marked_later: bool = False,
    namespace: dict[str, Any] | None = None,
) -> None:
    """Display buttons for one exercise: Check, Hint and Solution.

    solution: whether there is a button for the solution; graded copies have none.
    marked_later: see `check`.
    namespace: where the learner's function is looked up by its name, at the moment when a button
      is pressed; None for the notebook that runs.

    The buttons are reached by Tab and pressed by Space or Enter.
    """
    if namespace is None:
        namespace = vars(sys.modules["__main__"])

    display(_ExercisePanel(exercise(id), solution, marked_later, namespace))


class _ExercisePanel(ipywidgets.VBox):
    """Buttons in a row, and below them the answer to the one that was pressed last."""

    def __init__(
        self, exercise: Exercise, solution: bool, marked_later: bool, namespace: dict[str, Any]
    ) -> None:
        self.exercise = exercise
        self.marked_later = marked_later
        self.namespace = namespace
        self.answer = ipywidgets.HTML()

        check = _button("Check", f"Check, exercise {exercise.id}", self._on_check)
        hint = _button("Hint", f"Hint, exercise {exercise.id}", self._on_hint)
        reveal = _button("Solution", f"Solution, exercise {exercise.id}", self._on_solution)

        # "Show me" is seen only while a solution has been asked for without an attempt.
        without = f"Solution without an attempt, exercise {exercise.id}"
        self.show_me = _button("Show me", without, self._on_show_me)
        self.show_me.layout.display = "none"

        buttons = [check, hint, reveal, self.show_me] if solution else [check, hint]
        super().__init__([ipywidgets.HBox(buttons), self.answer])

    def _say(self, text: str, show_me: bool = False) -> None:
        # The button first: whoever sees the answer finds it there.
        self.show_me.layout.display = "" if show_me else "none"
        self.answer.value = _spoken(text)

    def _on_check(self, button: ipywidgets.Button) -> None:
        name = self.exercise.name
        if name in self.namespace and self.marked_later:
            found = answered(self.exercise, self.namespace[name])
        elif name in self.namespace:
            found = verdict(self.exercise.id, self.namespace[name])
        else:
            absent = f"there is no function `{name}` yet: run its cell first."
            found = Verdict("not attempted", absent)

        self._say(_line(self.exercise.id, found))

    def _on_hint(self, button: ipywidgets.Button) -> None:
        self._say(_next_hint(self.exercise.id))

    def _on_solution(self, button: ipywidgets.Button) -> None:
        attempted = _PROGRESS[self.exercise.id].attempted
        self._say(_solution(self.exercise.id), show_me=not attempted)

    def _on_show_me(self, button: ipywidgets.Button) -> None:
        self._say(_solution(self.exercise.id, show_me=True))


def _button(text: str, tooltip: str, pressed: Callable[[Any], None]) -> ipywidgets.Button:
    button = ipywidgets.Button(description=text, tooltip=tooltip)
    button.on_click(pressed)
    return button


def quiz(key: str) -> None:
    """A question with its options; committing to one shows a reason for every option.

    key: for instance "4.A", the first question of homework 4.

    Raises ValueError for a key without a question.
    """
    asked = quiz_question(key)

    def respond(choice: Choice) -> str:
        first = f"You chose {asked.compared(str(choice.chosen))}"
        return _spoken("\n".join([first, *asked.explained()]))

    Choice(f"Question {key}: {asked.text}", asked, respond).show()


def quiz_question(key: str) -> Question:
    """The question that `quiz` asks under a key.

    Raises ValueError for a key without a question.
    """
    if key not in _QUIZZES:
        raise ValueError(f"there is no question {key!r}; there are {', '.join(_QUIZZES)}")
    text, right, reasons = _QUIZZES[key]
    return Question(text, tuple(reasons), tuple(reasons.values()), right)


# Texts


def _spoken(text: str) -> str:
    """Text for an HTML widget, which a screen reader reads out when it changes.

    Line breaks are kept, and code stands in a fixed width.
    """
    family = "monospace" if text.startswith("def ") else "inherit"
    style = f"white-space: pre-wrap; line-height: 1.4; max-width: 60em; font-family: {family}"
    return f'<div role="status" style="{style}">{escape(text)}</div>'


def _line(id: str, found: Verdict) -> str:
    """A verdict: the cause in one line, and below it what there is to debug with."""
    return "\n".join([f"{id} {found.status}: {found.sentence}", *(f"  {d}" for d in found.details)])


def _next_hint(id: str) -> str:
    """The next hint; the last one again, once all have been given."""
    hints = exercise(id).hints
    progress = _PROGRESS[id]

    number = min(progress.hints, len(hints) - 1)
    progress.hints += 1
    last = " (There are no more hints.)" if progress.hints > len(hints) else ""
    return f"{_HINTS[number]}: {hints[number]}{last}"


def _solution(id: str, show_me: bool = False) -> str:
    """The source of the reference, or how to come by it."""
    if _PROGRESS[id].attempted or show_me:
        return inspect.getsource(exercise(id).reference)

    return (
        f"The solution of {id} opens after an attempt. To see it without one, press Show me, or "
        f'call solution("{id}", show_me=True).'
    )
