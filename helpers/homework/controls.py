"""What a learner calls: check, panel, hint, solution, quiz; and `require`, which grading calls."""

import inspect
import sys
from dataclasses import dataclass
from html import escape

import ipywidgets
from IPython.display import display

from helpers.homework import hw1_elbo, hw2_beta_vae, hw3_beta_tcvae, hw4_metrics
from helpers.homework.engine import Verdict, examine

HOMEWORKS = {"hw1_elbo": hw1_elbo, "hw2_beta_vae": hw2_beta_vae, "hw3_beta_tcvae": hw3_beta_tcvae,
             "hw4_metrics": hw4_metrics}
_EXERCISES = {e.id: e for module in HOMEWORKS.values() for e in module.EXERCISES}
_QUIZZES = {key: q for module in HOMEWORKS.values() for key, q in module.QUIZZES.items()}


@dataclass
class _Progress:
    attempted: bool = False
    hints: int = 0


_PROGRESS = {id: _Progress() for id in _EXERCISES}


def exercises(homework=None):
    """All exercises in their order, or those of one homework such as "hw1_elbo"."""
    return list(_EXERCISES.values()) if homework is None else list(HOMEWORKS[homework].EXERCISES)


def exercise(id):
    if id not in _EXERCISES:
        raise ValueError(f"there is no exercise {id!r}; there are {', '.join(_EXERCISES)}")
    return _EXERCISES[id]


def check(id, function, seed=None):
    """Print one line: the function holds, is not attempted, or fails and why. A seed repeats the inputs of a failure."""
    print(_line(id, verdict(id, function, seed)))


def verdict(id, function, seed=None):
    """What `check` prints, as a `Verdict`; a failure or a success counts as an attempt."""
    found = examine(exercise(id), function, seed)
    _PROGRESS[id].attempted |= found.status != "not attempted"
    return found


def require(id, function, seed=None):
    """For grading: raise AssertionError with the line of `check`, unless the function holds."""
    found = verdict(id, function, seed)
    assert found.status == "holds", _line(id, found)


def yours_or_reference(id, function, even_wrong=False):
    """The learner's function if it holds, else the reference, and a line that says so.

    even_wrong: for pictures, also a function that fails, as long as it returns something for every input of the check.
    """
    found = verdict(id, function)
    if found.status == "holds" or even_wrong and found.status == "fails" and found.runs:
        return function
    print(f"{id} does not hold yet: from here on this notebook uses the reference in its place.")
    return exercise(id).reference


def hint(id):
    """Print the next hint: the first, the second, then a worked line."""
    print(_next_hint(id))


def solution(id, show_me=False):
    """Print the reference, after an attempt or on an explicit `show_me=True`."""
    print(_solution(id, show_me))


def panel(id, solution=True, namespace=None):
    """Buttons for one exercise: Check, Hint and, unless turned off, Solution. Reached by Tab, pressed by Space or Enter.

    The function is looked up by its name in the notebook at the moment the button is pressed.
    """
    name, namespace = exercise(id).name, vars(sys.modules["__main__"]) if namespace is None else namespace
    answer = ipywidgets.HTML()

    def say(text):
        show_me.layout.display = "none"
        answer.value = _spoken(text)

    def pressed_check(_):
        if name in namespace:
            say(_line(id, verdict(id, namespace[name])))
        else:
            say(_line(id, Verdict("not attempted", f"there is no function `{name}` yet: run its cell first.")))

    def pressed_solution(_):
        say(_solution(id))
        show_me.layout.display = "none" if _PROGRESS[id].attempted else ""  # after an attempt it is not needed

    buttons = [ipywidgets.Button(description=text, tooltip=f"{text}, exercise {id}")
               for text in ("Check", "Hint", "Solution")]
    show_me = ipywidgets.Button(description="Show me", tooltip=f"Solution without an attempt, exercise {id}",
                                layout={"display": "none"})
    for button, pressed in zip(buttons, (pressed_check, lambda _: say(_next_hint(id)), pressed_solution)):
        button.on_click(pressed)
    show_me.on_click(lambda _: say(_solution(id, show_me=True)))
    display(ipywidgets.VBox([ipywidgets.HBox([*buttons, show_me] if solution else buttons[:2]), answer]))


def quiz(key):
    """A question with its options; committing to one shows a reason for every option."""
    if key not in _QUIZZES:
        raise ValueError(f"there is no question {key!r}; there are {', '.join(_QUIZZES)}")
    question, right, options = _QUIZZES[key]
    letters = "ABCDEF"[:len(options)]
    print(f"Question {key}: {question}")
    for letter, option in zip(letters, options):
        print(f"  {letter}  {option}")
    choice = ipywidgets.ToggleButtons(options=list(letters), description="I choose", value=None,
                                      style={"button_width": "4em"})
    commit, answer = ipywidgets.Button(description="Commit", disabled=True), ipywidgets.HTML()

    def committed(_):
        choice.disabled = commit.disabled = True
        lines = [f"You chose {choice.value}. " + ("So it is." if choice.value == right else f"It is {right}.")]
        lines += [f"{letter}  {'right' if letter == right else 'wrong'}: {why}"
                  for letter, why in zip(letters, options.values())]
        answer.value = _spoken("\n".join(lines))

    choice.observe(lambda change: setattr(commit, "disabled", change["new"] is None), "value")
    commit.on_click(committed)
    display(ipywidgets.VBox([ipywidgets.HBox([choice, commit]), answer]))


def _spoken(text):
    """Text for an HTML widget that keeps its line breaks; code in a fixed width. Screen readers read it when it changes."""
    family = "monospace" if text.startswith("def ") else "inherit"
    style = f"white-space: pre-wrap; line-height: 1.4; max-width: 60em; font-family: {family}"
    return f'<div role="status" style="{style}">{escape(text)}</div>'


def _line(id, found):
    return f"{id} {found.status}{' ' if found.sentence.startswith('(') else ': '}{found.sentence}"


def _next_hint(id):
    hints, progress = exercise(id).hints, _PROGRESS[id]
    number = min(progress.hints, len(hints) - 1)
    progress.hints += 1
    return f"{('First hint', 'Second hint', 'A worked line')[number]}: {hints[number]}"


def _solution(id, show_me=False):
    if _PROGRESS[id].attempted or show_me:
        return inspect.getsource(exercise(id).reference)
    return (f"The solution of {id} opens after an attempt. To see it without one, press Show me, or call "
            f'solution("{id}", show_me=True).')
