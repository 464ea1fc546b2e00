"""The homework's checks are tested harder than the learners: right answers hold, wrong ones hear what is wrong."""

import inspect
import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import xlogy

from helpers import gaussians, homework
from helpers.homework import controls, engine

EXERCISES = homework.exercises()
WRONG = [(e, why) for e in EXERCISES for why in e.wrong_answers]
PLAIN = [e for e in EXERCISES if not e.probe]
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=[e.id for e in EXERCISES])
each_plain_exercise = pytest.mark.parametrize("exercise", PLAIN, ids=[e.id for e in PLAIN])


def as_learner(source, **more):
    """Run a cell's source as a notebook would, and return its names."""
    names = {"__name__": "__main__", "torch": torch, "F": F, "np": np, "xlogy": xlogy, "math": math, **more}
    exec(compile(source, "a notebook cell", "exec"), names)
    return names


def stub(exercise):
    """The source of the untouched stub: the reference's head with nothing in it."""
    head = inspect.getsource(exercise.reference).split('"""')[0]
    return head + '"""What it should do."""\n    raise NotImplementedError\n'


def line(capsys, id, function, seed=None):
    homework.check(id, function, seed)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and "Traceback" not in printed
    return printed.strip()


@pytest.fixture(autouse=True)
def fresh_progress(monkeypatch):
    monkeypatch.setattr(controls, "_PROGRESS", {e.id: controls._Progress() for e in EXERCISES})


# What an exercise has


def test_five_or_more_exercises_each_with_a_full_card():
    for name in controls.HOMEWORKS:
        assert len(homework.exercises(name)) >= 5
    for exercise in EXERCISES:
        assert exercise.title and exercise.difficulty in ("easy", "medium", "hard") and 5 <= exercise.minutes <= 30
        assert exercise.purpose and exercise.reference.__doc__ and len(exercise.hints) == 3
        assert len(exercise.wrong_answers) >= 3
    assert len({e.id for e in EXERCISES}) == len({e.name for e in EXERCISES}) == len(EXERCISES)


# Verdicts


@each_exercise
@pytest.mark.parametrize("seed", range(8))
def test_the_reference_written_into_a_notebook_holds(exercise, seed, capsys):
    function = as_learner(inspect.getsource(exercise.reference))[exercise.name]
    assert line(capsys, exercise.id, function, seed).startswith(f"{exercise.id} holds: ")


@each_exercise
def test_the_untouched_stub_is_not_attempted(exercise, capsys):
    untouched = as_learner(stub(exercise))[exercise.name]
    assert line(capsys, exercise.id, untouched).startswith(f"{exercise.id} not attempted: ")
    dots = as_learner(stub(exercise).replace("raise NotImplementedError", "return ..."))[exercise.name]
    assert line(capsys, exercise.id, dots).startswith(f"{exercise.id} not attempted: ")


@pytest.mark.parametrize("exercise, why", WRONG, ids=[f"{e.id}-{i}" for i, (e, _) in enumerate(WRONG)])
def test_each_known_wrong_answer_fails_with_its_own_message(exercise, why):
    for seed in range(5):
        found = engine.judge(exercise, exercise.wrong_answers[why], seed)
        assert found.status == "fails" and found.sentence.startswith(f"(seed {seed}): for ")
        assert [w for w in exercise.wrong_answers if w in found.sentence] == [why]
        assert "Traceback" not in found.sentence and "\n" not in found.sentence


@each_plain_exercise
def test_an_answer_that_hard_codes_one_example_fails(exercise):
    for seed in range(5):
        value = exercise.reference(*exercise.draw(np.random.default_rng(seed))[0])
        assert engine.judge(exercise, lambda *arguments: value, seed).status == "fails"


def test_hard_coded_samples_and_codes_fail_as_well():
    constant = engine.judge(controls.exercise("1.2"), lambda mu, logvar, generator: 0 * (mu + logvar) + 0.3)
    assert constant.status == "fails"
    codes = controls.exercise("4.3").reference(np.random.default_rng(0).integers(0, 2, (600, 2)))
    assert engine.judge(controls.exercise("4.3"), lambda factors: codes).status == "fails"


@each_exercise
def test_an_answer_that_prints_and_returns_nothing_fails(exercise, capsys):
    head = inspect.getsource(exercise.reference).split('"""')[0]
    function = as_learner(head + "print('all is well')\n")[exercise.name]
    printed = line(capsys, exercise.id, function)
    assert printed.startswith(f"{exercise.id} fails") and "return" in printed and "all is well" not in printed
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


# Where a function comes from, and what it looks at


@each_exercise
def test_the_reference_itself_is_refused(exercise, capsys):
    assert "is taken from `helpers`" in line(capsys, exercise.id, exercise.reference)


@pytest.mark.parametrize("source", [
    "def kl_to_prior(mu, logvar):\n    return gaussians.kl_divergence(mu, logvar).sum(1)",
    "def kl_to_prior(mu, logvar):\n    from helpers import gaussians as g\n    return g.kl_divergence(mu, logvar).sum(1)",
    "def kl_to_prior(mu, logvar):\n    import helpers.gaussians as g\n    return g.kl_divergence(mu, logvar).sum(1)",
    "def kl_to_prior(mu, logvar):\n    return theirs(mu, logvar).sum(1)",
    "def inner(mu, logvar):\n    return theirs(mu, logvar)\ndef kl_to_prior(mu, logvar):\n    return inner(mu, logvar)",
    "import sys\ndef kl_to_prior(mu, logvar):\n    return sys.modules['helpers.gaussians'].kl_divergence(mu, logvar).sum(1)",
    "def outer(f):\n    return lambda mu, logvar: f(mu, logvar).sum(1)\nkl_to_prior = outer(theirs)",
    "def kl_to_prior(mu, logvar):\n    return (lambda a: theirs(a, logvar))(mu).sum(1)",
    "import functools\nkl_to_prior = functools.partial(theirs, prior_mu=0.0)",
    "kl_to_prior = theirs",
])
def test_a_function_of_helpers_is_refused_however_it_is_wrapped(source, capsys):
    function = as_learner(source, gaussians=gaussians, theirs=gaussians.kl_divergence)["kl_to_prior"]
    printed = line(capsys, "1.1", function)
    assert printed.startswith("1.1 fails") and "`helpers`" in printed and "write it yourself" in printed


def test_a_function_that_reads_a_notebook_variable_is_told_so(capsys):
    source = "def our_beta(beta, pixels, latents, reconstruction, kl):\n    return factor * beta"
    printed = line(capsys, "2.4", as_learner(source, factor=784)["our_beta"])
    assert printed.startswith("2.4 fails") and "notebook variable `factor`" in printed


def test_modules_functions_classes_and_constants_may_be_read(capsys):
    source = ("HALF = 0.5\n\ndef one(mu, logvar):\n    return HALF * (mu**2 + torch.exp(logvar) - 1 - logvar)\n\n"
              "def kl_to_prior(mu, logvar):\n    return one(mu, logvar).sum(1)")
    assert "holds" in line(capsys, "1.1", as_learner(source)["kl_to_prior"])


def test_what_is_not_a_function_gets_a_sentence(capsys):
    assert "not a function" in line(capsys, "1.1", 3.5)
    assert "not a function" in line(capsys, "1.1", torch.zeros(2))


def test_an_exception_gets_a_sentence_with_its_line(capsys):
    function = as_learner("def kl_to_prior(mu, logvar):\n    return (mu**2).sum(7)")["kl_to_prior"]
    printed = line(capsys, "1.1", function, seed=5)
    assert printed.startswith("1.1 fails (seed 5): for mu = ") and "stops with IndexError" in printed
    assert "TypeError" in line(capsys, "1.1", lambda mu: mu)


def test_inputs_that_are_changed_in_place_are_noticed(capsys):
    source = "def kl_to_prior(mu, logvar):\n    mu.zero_()\n    return mu.sum(1)"
    assert "changes its input in place" in line(capsys, "1.1", as_learner(source)["kl_to_prior"])


def test_wrong_shapes_types_and_precision_are_named(capsys):
    right = inspect.getsource(controls.exercise("1.1").reference)
    column = as_learner(right.replace(".sum(1)", ".sum(1, keepdim=True)"))["kl_to_prior"]
    assert "shape [2, 1], expected [2]" in line(capsys, "1.1", column)
    assert "gives a dict" in line(capsys, "1.1", lambda mu, logvar: {})
    assert "expected 3 values" in line(capsys, "3.1", lambda q: q.sum())
    double = as_learner(right.replace("mu**2", "mu.double()**2"))["kl_to_prior"]
    assert "torch.float64, expected torch.float32" in line(capsys, "1.1", double)


def test_inputs_are_drawn_anew_and_a_seed_repeats_them(capsys):
    wrong = as_learner("def kl_to_prior(mu, logvar):\n    return mu.sum(1)")["kl_to_prior"]
    assert len({line(capsys, "1.1", wrong) for _ in range(4)}) == 4
    printed = line(capsys, "1.1", wrong)
    seed = int(re.search(r"\(seed (\d+)\)", printed)[1])
    assert line(capsys, "1.1", wrong, seed) == printed


def test_a_check_leaves_the_random_state_alone():
    torch.manual_seed(1), np.random.seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    homework.check("1.2", lambda mu, logvar, generator: mu)
    assert torch.equal(before[0], torch.get_rng_state()) and (before[1] == np.random.get_state()[1]).all()


def test_an_unknown_exercise_gets_a_sentence():
    with pytest.raises(ValueError, match="no exercise '9.9'; there are 1.1"):
        homework.check("9.9", print)
    with pytest.raises(ValueError, match="no question"):
        homework.quiz("9.Z")


# Grading


def test_an_endless_answer_is_stopped_in_grading_only(monkeypatch):
    monkeypatch.setattr(engine, "GRADING_SECONDS", 0.2)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    source = ("def our_beta(beta, pixels, latents, reconstruction, kl):\n    while True:\n        try:\n            pass\n"
              "        except Exception:\n            pass")
    endless = as_learner(source)["our_beta"]
    with pytest.raises(AssertionError, match="2.4 fails .*no answer after 0.2 s"):
        homework.require("2.4", endless)


def test_require_raises_with_the_line_of_the_check():
    homework.require("2.4", as_learner(inspect.getsource(controls.exercise("2.4").reference))["our_beta"], seed=1)
    with pytest.raises(AssertionError, match="2.4 not attempted"):
        homework.require("2.4", as_learner(stub(controls.exercise("2.4")))["our_beta"])


# Hints, solutions, panel, quiz


def test_hints_come_one_at_a_time(capsys):
    for expected in ("First hint: ", "Second hint: ", "A worked line: ", "A worked line: "):
        homework.hint("2.2")
        assert capsys.readouterr().out.startswith(expected)


def test_the_solution_opens_after_an_attempt_or_on_show_me(capsys):
    homework.solution("2.2")
    assert "opens after an attempt" in capsys.readouterr().out
    line(capsys, "2.2", as_learner(stub(controls.exercise("2.2")))["dual_step"])  # the stub is no attempt
    homework.solution("2.2")
    assert "def dual_step" not in capsys.readouterr().out
    homework.solution("2.2", show_me=True)
    assert "def dual_step" in capsys.readouterr().out
    line(capsys, "2.2", lambda beta, rate, delta, step_size: 0.0)
    homework.solution("2.2")
    assert "def dual_step" in capsys.readouterr().out


def shown(monkeypatch):
    boxes = []
    monkeypatch.setattr(controls, "display", boxes.append)
    return boxes


def test_a_panel_looks_the_function_up_when_the_button_is_pressed(monkeypatch):
    boxes, notebook = shown(monkeypatch), {}
    homework.panel("2.4", namespace=notebook)
    buttons, answer = boxes[0].children
    check, hint, solution, show_me = buttons.children
    check.click()
    assert "no function `our_beta` yet" in answer.value and 'role="status"' in answer.value
    solution.click()
    assert "opens after an attempt" in answer.value and show_me.layout.display == ""
    show_me.click()
    assert "def our_beta" in answer.value
    notebook["our_beta"] = lambda beta, pixels, latents, reconstruction, kl: beta
    check.click()
    assert "2.4 fails" in answer.value
    notebook["our_beta"] = as_learner(inspect.getsource(controls.exercise("2.4").reference))["our_beta"]
    check.click()
    assert "2.4 holds" in answer.value
    hint.click()
    assert "First hint" in answer.value
    solution.click()
    assert "def our_beta" in answer.value and show_me.layout.display == "none"


def test_the_graded_panel_has_no_solution(monkeypatch):
    boxes = shown(monkeypatch)
    homework.panel("2.4", solution=False, namespace={})
    assert [b.description for b in boxes[0].children[0].children] == ["Check", "Hint"]


def test_a_quiz_gives_a_reason_for_every_option_after_committing(monkeypatch, capsys):
    boxes = shown(monkeypatch)
    for key, (question, right, options) in controls._QUIZZES.items():
        homework.quiz(key)
        printed = capsys.readouterr().out
        assert question in printed and all(option in printed for option in options)
        assert not any(reason in printed for reason in options.values())
        (choice, commit), answer = boxes[-1].children[0].children, boxes[-1].children[1]
        assert commit.disabled and not answer.value and right in choice.options
        choice.value = choice.options[0]
        commit.click()
        assert answer.value.count("right: ") == 1 and answer.value.count("wrong: ") == len(options) - 1
        assert choice.disabled and commit.disabled


def test_unfilled_parts_use_the_reference_and_say_so(capsys):
    exercise = controls.exercise("2.4")
    assert homework.yours_or_reference("2.4", as_learner(stub(exercise))["our_beta"]) is exercise.reference
    assert "uses the reference in its place" in capsys.readouterr().out
    ours = as_learner(inspect.getsource(exercise.reference))["our_beta"]
    assert homework.yours_or_reference("2.4", ours) is ours
    assert capsys.readouterr().out == ""
