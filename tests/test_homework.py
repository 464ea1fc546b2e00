"""The homework's checks are tested harder than the learners.

Right answers hold, and wrong ones hear what is wrong with them.
"""

import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import xlogy
from torch import Tensor

from helpers import gaussians, homework
from helpers.homework import controls, engine
from helpers.homework.engine import Exercise

EXERCISES = homework.exercises()
WRONG = [(exercise, why) for exercise in EXERCISES for why in exercise.wrong_answers]
PLAIN = [exercise for exercise in EXERCISES if not exercise.probe]

each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
each_plain_exercise = pytest.mark.parametrize("exercise", PLAIN, ids=lambda e: e.id)
each_wrong_answer = pytest.mark.parametrize(
    "exercise, why", WRONG, ids=[f"{e.id}-{i}" for i, (e, _) in enumerate(WRONG)]
)


@pytest.fixture(autouse=True)
def fresh_progress(monkeypatch):
    """No test sees what another one has attempted."""
    monkeypatch.setattr(controls, "_PROGRESS", {e.id: controls._Progress() for e in EXERCISES})


@pytest.fixture
def line(capsys):
    """A function like `check` that returns the one line that `check` prints."""

    def checked(id, function, seed=None):
        homework.check(id, function, seed)
        printed = capsys.readouterr().out
        assert printed.count("\n") == 1
        assert "Traceback" not in printed
        return printed.strip()

    return checked


@pytest.fixture
def displayed(monkeypatch):
    """The widgets that are displayed, in their order."""
    boxes = []
    monkeypatch.setattr(controls, "display", boxes.append)
    return boxes


def as_learner(source: str, **more: Any) -> dict[str, Any]:
    """Run a cell's source as a notebook would, and return its names."""
    usual = {"torch": torch, "Tensor": Tensor, "F": F, "np": np, "xlogy": xlogy, "math": math}
    names = {"__name__": "__main__", **usual, **more}
    exec(compile(source, "a notebook cell", "exec"), names)
    return names


def head(exercise: Exercise) -> str:
    """The line that defines the function, up to its docstring."""
    return inspect.getsource(exercise.reference).split('"""')[0]


def untouched(exercise: Exercise, body: str = "raise NotImplementedError") -> Callable:
    """The learner's function before anything was written: this body alone."""
    source = f'{head(exercise)}"""What it should do."""\n    {body}\n'
    return as_learner(source)[exercise.name]


def solved(exercise: Exercise, old: str = "", new: str = "") -> Callable:
    """The learner's function with the reference's source, in which `new` stands for `old`."""
    source = inspect.getsource(exercise.reference)
    assert old in source
    return as_learner(source.replace(old, new) if old else source)[exercise.name]


# What an exercise has


def test_each_homework_has_five_exercises_or_more():
    for name in controls.HOMEWORKS:
        assert len(homework.exercises(name)) >= 5


@each_exercise
def test_each_exercise_has_a_full_card_three_hints_and_three_wrong_answers(exercise):
    assert exercise.title
    assert exercise.difficulty in ("easy", "medium", "hard")
    assert 5 <= exercise.minutes <= 30
    assert exercise.purpose
    assert exercise.reference.__doc__
    assert len(exercise.hints) == 3
    assert len(exercise.wrong_answers) >= 3


def test_no_two_exercises_share_an_id_or_a_name():
    assert len({exercise.id for exercise in EXERCISES}) == len(EXERCISES)
    assert len({exercise.name for exercise in EXERCISES}) == len(EXERCISES)


def test_an_unknown_exercise_or_question_gets_a_sentence():
    with pytest.raises(ValueError, match="no exercise '9.9'; there are 1.1"):
        homework.check("9.9", print)
    with pytest.raises(ValueError, match="no question"):
        homework.quiz("9.Z")


# Verdicts


@each_exercise
@pytest.mark.parametrize("seed", range(8))
def test_the_reference_written_into_a_notebook_holds(exercise, seed, line):
    printed = line(exercise.id, solved(exercise), seed)
    assert printed.startswith(f"{exercise.id} holds: ")


@each_exercise
@pytest.mark.parametrize("body", ["raise NotImplementedError", "return ..."])
def test_the_untouched_stub_is_not_attempted(exercise, body, line):
    printed = line(exercise.id, untouched(exercise, body))
    assert printed.startswith(f"{exercise.id} not attempted: ")


@each_wrong_answer
def test_each_known_wrong_answer_fails_with_its_own_message(exercise, why):
    for seed in range(5):
        found = engine.judge(exercise, exercise.wrong_answers[why], seed)
        assert found.status == "fails"
        assert found.sentence.startswith(f"(seed {seed}): for ")

        # Its own misconception is named, and no other one.
        assert [w for w in exercise.wrong_answers if w in found.sentence] == [why]
        assert "Traceback" not in found.sentence
        assert "\n" not in found.sentence


@each_plain_exercise
def test_an_answer_that_hard_codes_one_example_fails(exercise):
    for seed in range(5):
        first = exercise.draw(np.random.default_rng(seed))[0]
        value = exercise.reference(*first)

        def constant(*arguments, value=value):
            return value

        assert engine.judge(exercise, constant, seed).status == "fails"


def test_a_hard_coded_sample_fails():
    def constant(mu, logvar, generator):
        return 0 * (mu + logvar) + 0.3

    assert engine.judge(controls.exercise("1.2"), constant).status == "fails"


def test_hard_coded_codes_fail():
    exercise = controls.exercise("4.3")
    codes = exercise.reference(np.random.default_rng(0).integers(0, 2, (600, 2)))
    assert engine.judge(exercise, lambda factors: codes).status == "fails"


@each_exercise
def test_an_answer_that_prints_and_returns_nothing_fails(exercise, line):
    function = as_learner(f"{head(exercise)}print('all is well')\n")[exercise.name]
    printed = line(exercise.id, function)
    assert printed.startswith(f"{exercise.id} fails")
    assert "return" in printed
    assert "all is well" not in printed

    # A probe may have words of its own for it.
    assert exercise.probe or "prints something and returns nothing" in printed


@each_plain_exercise
def test_an_answer_of_the_right_shapes_but_with_other_numbers_fails(exercise):
    def moved(value):
        if isinstance(value, tuple):
            return tuple(map(moved, value))
        return "no reason" if isinstance(value, str) else value * 1.001 + 0.001

    def almost(*arguments):
        return moved(exercise.reference(*arguments))

    assert engine.judge(exercise, almost).status == "fails"


def test_an_exception_gets_a_sentence_with_its_line(line):
    def kl_to_prior(mu, logvar):
        return (mu**2).sum(7)

    printed = line("1.1", kl_to_prior, seed=5)
    assert printed.startswith("1.1 fails (seed 5): for mu = ")
    assert "stops with IndexError" in printed
    assert printed.endswith("(in the line `return (mu**2).sum(7)`).")


def test_a_call_that_fails_before_the_first_line_gets_a_sentence_too(line):
    assert "stops with TypeError" in line("1.1", lambda mu: mu)


def test_inputs_that_are_changed_in_place_are_noticed(line):
    source = "def kl_to_prior(mu, logvar):\n    mu.zero_()\n    return mu.sum(1)"
    assert "changes its input in place" in line("1.1", as_learner(source)["kl_to_prior"])


def test_wrong_shapes_types_and_precision_are_named(line):
    exercise = controls.exercise("1.1")
    column = solved(exercise, ".sum(1)", ".sum(1, keepdim=True)")
    double = solved(exercise, "mu**2", "mu.double()**2")
    assert "shape [2, 1], expected [2]" in line("1.1", column)
    assert "torch.float64, expected torch.float32" in line("1.1", double)
    assert "gives a dict" in line("1.1", lambda mu, logvar: {})
    assert "expected 3 values" in line("3.1", lambda q: q.sum())


def test_inputs_are_drawn_anew_and_a_seed_repeats_them(line):
    source = "def kl_to_prior(mu, logvar):\n    return mu.sum(1)"
    wrong = as_learner(source)["kl_to_prior"]
    assert len({line("1.1", wrong) for _ in range(4)}) == 4

    printed = line("1.1", wrong)
    seed = int(re.search(r"\(seed (\d+)\)", printed)[1])
    assert line("1.1", wrong, seed) == printed


def test_a_check_leaves_the_random_state_alone():
    torch.manual_seed(1)
    np.random.seed(1)
    of_torch = torch.get_rng_state()
    of_numpy = np.random.get_state()[1].copy()

    homework.check("1.2", lambda mu, logvar, generator: mu)
    assert torch.equal(of_torch, torch.get_rng_state())
    assert (of_numpy == np.random.get_state()[1]).all()


# Where a function comes from, and what it looks at


@each_exercise
def test_the_reference_itself_is_refused(exercise, line):
    assert "is taken from `helpers`" in line(exercise.id, exercise.reference)


TAKEN = {  # `gaussians` and `theirs`, its kl_divergence, are names of the notebook
    "itself": "kl_to_prior = theirs",
    "partial": "import functools\nkl_to_prior = functools.partial(theirs, prior_mu=0.0)",
    "through a global": """
def kl_to_prior(mu, logvar):
    return theirs(mu, logvar).sum(1)
""",
    "through a module": """
def kl_to_prior(mu, logvar):
    return gaussians.kl_divergence(mu, logvar).sum(1)
""",
    "import from": """
def kl_to_prior(mu, logvar):
    from helpers import gaussians as g
    return g.kl_divergence(mu, logvar).sum(1)
""",
    "import as": """
def kl_to_prior(mu, logvar):
    import helpers.gaussians as g
    return g.kl_divergence(mu, logvar).sum(1)
""",
    "by the module's name": """
import sys
def kl_to_prior(mu, logvar):
    return sys.modules['helpers.gaussians'].kl_divergence(mu, logvar).sum(1)
""",
    "through another function": """
def inner(mu, logvar):
    return theirs(mu, logvar)
def kl_to_prior(mu, logvar):
    return inner(mu, logvar)
""",
    "enclosed": """
def outer(f):
    return lambda mu, logvar: f(mu, logvar).sum(1)
kl_to_prior = outer(theirs)
""",
    "enclosed in what is enclosed": """
def outer(f):
    return lambda mu, logvar: f(mu, logvar)
kl_to_prior = outer(outer(theirs))
""",
    "in a lambda inside": """
def kl_to_prior(mu, logvar):
    return (lambda a: theirs(a, logvar))(mu).sum(1)
""",
}


@pytest.mark.parametrize("source", TAKEN.values(), ids=TAKEN.keys())
def test_a_function_of_helpers_is_refused_however_it_is_wrapped(source, line):
    names = as_learner(source, gaussians=gaussians, theirs=gaussians.kl_divergence)
    printed = line("1.1", names["kl_to_prior"])
    assert printed.startswith("1.1 fails")
    assert "`helpers`" in printed
    assert "write it yourself" in printed


def test_a_function_that_reads_a_notebook_variable_is_told_so(line):
    source = """
def our_beta(beta, pixels, latents, reconstruction, kl):
    return factor * beta
"""
    printed = line("2.4", as_learner(source, factor=784)["our_beta"])
    assert printed.startswith("2.4 fails")
    assert "notebook variable `factor`" in printed


def test_modules_functions_classes_and_constants_may_be_read(line):
    source = """
HALF = 0.5

def one(mu, logvar):
    return HALF * (mu**2 + torch.exp(logvar) - 1 - logvar)

def kl_to_prior(mu, logvar):
    return one(mu, logvar).sum(1)
"""
    assert "holds" in line("1.1", as_learner(source)["kl_to_prior"])


@pytest.mark.parametrize("value", [3.5, torch.zeros(2)], ids=["number", "tensor"])
def test_what_is_not_a_function_gets_a_sentence(value, line):
    assert "not a function" in line("1.1", value)


# Grading


def test_an_endless_answer_is_stopped_in_grading(monkeypatch):
    monkeypatch.setattr(engine, "GRADING_SECONDS", 0.2)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")

    # No `except Exception` in an answer may keep it going.
    source = """
def our_beta(beta, pixels, latents, reconstruction, kl):
    while True:
        try:
            pass
        except Exception:
            pass
"""
    with pytest.raises(AssertionError, match="2.4 fails .*no answer after 0.2 s"):
        homework.require("2.4", as_learner(source)["our_beta"])


def test_require_raises_with_the_line_of_the_check():
    exercise = controls.exercise("2.4")
    homework.require("2.4", solved(exercise), seed=1)
    with pytest.raises(AssertionError, match="2.4 not attempted"):
        homework.require("2.4", untouched(exercise))


# Hints, solutions, panel, quiz


def test_hints_come_one_at_a_time(capsys):
    for expected in ("First hint: ", "Second hint: ", "A worked line: ", "A worked line: "):
        homework.hint("2.2")
        assert capsys.readouterr().out.startswith(expected)


def test_the_solution_opens_after_an_attempt(line, capsys):
    homework.solution("2.2")
    assert "opens after an attempt" in capsys.readouterr().out

    # The stub is no attempt.
    line("2.2", untouched(controls.exercise("2.2")))
    homework.solution("2.2")
    assert "def dual_step" not in capsys.readouterr().out

    line("2.2", lambda beta, rate, delta, step_size: 0.0)
    homework.solution("2.2")
    assert "def dual_step" in capsys.readouterr().out


def test_the_solution_opens_without_an_attempt_on_show_me(capsys):
    homework.solution("2.2", show_me=True)
    assert "def dual_step" in capsys.readouterr().out

    # It stays closed otherwise: to have seen it is no attempt.
    homework.solution("2.2")
    assert "def dual_step" not in capsys.readouterr().out


def test_a_panel_looks_the_function_up_when_the_button_is_pressed(displayed):
    notebook = {}
    homework.panel("2.4", namespace=notebook)
    buttons, answer = displayed[0].children
    check, hint, solution, show_me = buttons.children

    # Before the learner has run a cell.
    check.click()
    assert "no function `our_beta` yet" in answer.value
    assert 'role="status"' in answer.value
    solution.click()
    assert "opens after an attempt" in answer.value
    assert show_me.layout.display == ""
    show_me.click()
    assert "def our_beta" in answer.value

    # A wrong answer, and then a right one in its place.
    notebook["our_beta"] = lambda beta, pixels, latents, reconstruction, kl: beta
    check.click()
    assert "2.4 fails" in answer.value
    notebook["our_beta"] = solved(controls.exercise("2.4"))
    check.click()
    assert "2.4 holds" in answer.value

    # After an attempt the solution opens at once.
    hint.click()
    assert "First hint" in answer.value
    solution.click()
    assert "def our_beta" in answer.value
    assert show_me.layout.display == "none"


def test_the_graded_panel_has_no_solution(displayed):
    homework.panel("2.4", solution=False, namespace={})
    buttons, _ = displayed[0].children
    assert [button.description for button in buttons.children] == ["Check", "Hint"]


@pytest.mark.parametrize("key", controls._QUIZZES)
def test_a_quiz_gives_a_reason_for_every_option_after_committing(key, displayed, capsys):
    question, right, reasons = controls._QUIZZES[key]
    homework.quiz(key)

    # First the question and its options alone.
    printed = capsys.readouterr().out
    assert question in printed
    assert all(option in printed for option in reasons)
    assert not any(reason in printed for reason in reasons.values())

    row, answer = displayed[0].children
    letters, commit = row.children
    assert commit.disabled
    assert not answer.value
    assert right in letters.options

    # Then a reason for each, and no second choice.
    letters.value = letters.options[0]
    commit.click()
    assert answer.value.count("right: ") == 1
    assert answer.value.count("wrong: ") == len(reasons) - 1
    assert letters.disabled
    assert commit.disabled


def test_unfilled_parts_use_the_reference_and_say_so(capsys):
    exercise = controls.exercise("2.4")
    used = homework.yours_or_reference("2.4", untouched(exercise))
    assert used is exercise.reference
    assert "uses the reference in its place" in capsys.readouterr().out


def test_a_function_that_holds_is_used_without_a_word(capsys):
    ours = solved(controls.exercise("2.4"))
    assert homework.yours_or_reference("2.4", ours) is ours
    assert capsys.readouterr().out == ""
