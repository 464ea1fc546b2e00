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

from helpers import gaussians, homework, questions
from helpers.homework import controls, engine
from helpers.homework.engine import Exercise

EXERCISES = homework.exercises()
VARIANTS = [e for v in range(1, 8) for e in homework.exercises(variant=v) if e.given]
WRONG = [(exercise, why) for exercise in EXERCISES for why in exercise.wrong_answers]

# What has inputs, and what is compared with a reference.
WITH_INPUTS = [e for e in EXERCISES if e.draw is not engine.no_input]
PLAIN = [e for e in WITH_INPUTS if not e.probe]

each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
each_with_inputs = pytest.mark.parametrize("exercise", WITH_INPUTS, ids=lambda e: e.id)
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
    """A function like `check` that returns what `check` prints."""

    def checked(id, function, seed=None):
        homework.check(id, function, seed)
        printed = capsys.readouterr().out
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
def test_each_exercise_has_a_full_card_three_hints_and_eight_wrong_answers(exercise):
    assert exercise.kind in ("predict", "order", "bug", "write", "beat")
    assert exercise.title
    assert exercise.difficulty in ("easy", "medium", "hard")
    assert 3 <= exercise.minutes <= 30
    assert exercise.purpose
    assert exercise.reference.__doc__

    # The first hint asks, the second says where, the third has a line.
    first, _, _ = exercise.hints
    assert "?" in first
    assert len(exercise.wrong_answers) >= (8 if exercise.draw is not engine.no_input else 5)


def test_each_homework_has_every_kind_that_it_promises_and_an_easy_start():
    for name in controls.HOMEWORKS:
        first, *others = homework.exercises(name)
        assert (first.kind, first.difficulty, first.core) == ("predict", "easy", True)
        assert first.minutes <= 5
        assert {e.kind for e in others} >= {"write", "bug"}
        assert getattr(controls.HOMEWORKS[name], "WRITTEN", None)
    assert {e.kind for e in EXERCISES} == {"predict", "order", "bug", "write", "beat"}


def test_the_core_of_all_four_takes_two_hours_at_most():
    in_words = 10  # 4.3b, the one answer in words that belongs to it
    assert sum(e.minutes for e in EXERCISES if e.core) + in_words <= 120


def test_no_two_exercises_share_an_id_or_a_name():
    assert len({exercise.id for exercise in EXERCISES}) == len(EXERCISES)
    assert len({exercise.name for exercise in EXERCISES}) == len(EXERCISES)


def test_an_unknown_exercise_or_question_gets_a_sentence():
    with pytest.raises(ValueError, match="no exercise '9.9'; there are 1.1"):
        homework.check("9.9", print)
    with pytest.raises(ValueError, match="no question"):
        homework.quiz("9.Z")


# Verdicts


@each_with_inputs
@pytest.mark.parametrize("seed", range(8))
def test_the_reference_written_into_a_notebook_holds(exercise, seed, line):
    printed = line(exercise.id, solved(exercise), seed)
    assert printed.startswith(f"{exercise.id} holds: ")


@each_exercise
def test_the_reference_holds_whatever_is_drawn(exercise, line):
    assert line(exercise.id, solved(exercise)).startswith(f"{exercise.id} holds: ")


@each_exercise
@pytest.mark.parametrize("body", ["raise NotImplementedError", "return ..."])
def test_the_untouched_stub_is_not_attempted(exercise, body, line):
    printed = line(exercise.id, untouched(exercise, body))
    assert printed.startswith(f"{exercise.id} not attempted: ")


def all_answer_alike(exercise, mistakes, seed):
    """Whether several mistakes give the same words for every input, so that all have to be named.

    Only words can coincide so; numbers tell mistakes apart.
    """
    answers = []
    for why in mistakes:
        cases = exercise.draw(np.random.default_rng(seed)).values()
        answers.append([exercise.wrong_answers[why](*case) for case in cases])
    return isinstance(answers[0][0], str) and all(one == answers[0] for one in answers)


@each_wrong_answer
def test_each_known_wrong_answer_fails_with_its_own_message(exercise, why):
    for seed in range(5 if exercise.draw is not engine.no_input else 1):
        found = engine.judge(exercise, exercise.wrong_answers[why], seed)
        assert found.status == "fails"
        assert not all(found.parts.values())

        # Its own misconception is named, and no other one: in the first line, where one looks.
        said = " ".join([found.sentence, *found.details]) if exercise.probe else found.sentence
        assert why in said
        named = [w for w in exercise.wrong_answers if w in found.sentence]
        assert exercise.probe or named == [why] or all_answer_alike(exercise, named, seed)
        assert "Traceback" not in said
        assert "\n" not in found.sentence


@each_plain_exercise
def test_an_answer_that_hard_codes_one_example_fails(exercise):
    for seed in range(5):
        first = next(iter(exercise.draw(np.random.default_rng(seed)).values()))
        value = exercise.reference(*first)

        def constant(*arguments, value=value):
            return value

        assert engine.judge(exercise, constant, seed).status == "fails"


def test_hard_coded_codes_fail():
    exercise = controls.exercise("4.3")
    codes = exercise.reference(np.random.default_rng(0).integers(0, 2, (600, 2)))
    assert engine.judge(exercise, lambda factors: codes).status == "fails"


@each_exercise
def test_an_answer_that_prints_and_returns_nothing_fails_and_its_print_is_shown(exercise, line):
    function = as_learner(f"{head(exercise)}print('all is well')\n")[exercise.name]
    printed = line(exercise.id, function)
    assert printed.startswith(f"{exercise.id} fails: it prints something and returns nothing")
    assert "It printed:\n    all is well" in printed


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
    def gaussian_total_correlation(covariance):
        return (covariance**2).sum(7)

    printed = line("3.6", gaussian_total_correlation, seed=5)
    assert printed.startswith("3.6 fails: your function stops with IndexError")
    assert "(in the line `return (covariance**2).sum(7)`)." in printed


def test_a_call_that_fails_before_the_first_line_gets_a_sentence_too(line):
    assert "stops with TypeError" in line("3.6", lambda: 1.0)


def test_inputs_that_are_changed_in_place_are_noticed(line):
    source = "def beta_from_curve(rates, distortions, delta):\n    rates.zero_()\n    return 1.0"
    assert "changes its input in place" in line("2.3", as_learner(source)["beta_from_curve"])


def test_wrong_shapes_and_kinds_are_named(line):
    exercise = controls.exercise("1.3")
    table = solved(exercise, ".mean(0)", "")
    assert "still to be averaged over the first axis" in line("1.3", table)
    assert "gives a dict" in line("3.6", lambda covariance: {})
    assert "expected 3 values" in line("3.3", lambda q, priors: q.sum())
    assert "added up: each has to stay by itself" in line(
        "3.4b", solved(controls.exercise("3.4b"), "dim=1)", "dim=1).sum()")
    )


def test_the_container_and_the_precision_do_not_matter(line):
    body = "completeness, informativeness"
    for new in (f"np.array([disentanglement, {body}])", f"[disentanglement, {body}]"):
        function = solved(controls.exercise("4.4b"), f"disentanglement, {body}", new)
        assert "holds" in line("4.4b", function)

    double = solved(controls.exercise("1.3"), "log_joint - log_q", "log_joint.double() - log_q")
    assert "holds" in line("1.3", double)
    single = solved(
        controls.exercise("2.2"), "return stationarity", "return np.float32(stationarity)"
    )
    assert "holds" in line("2.2", single)
    assert "holds" in line("2.3", solved(controls.exercise("2.3"), "-slope.item()", "-slope"))


def test_inputs_are_drawn_anew_and_a_seed_repeats_them(line):
    wrong = as_learner("def our_beta(*given):\n    return given[0] + 1")["our_beta"]
    assert len({line("2.5", wrong) for _ in range(4)}) == 4

    printed = line("2.5", wrong)
    seed, words = re.search(r'inputs\("2.5", (\d+)\)\["(.*)"\]', printed).groups()
    assert line("2.5", wrong, int(seed)) == printed

    # And these are the inputs that were shown.
    beta, *_ = homework.inputs("2.5", int(seed))[words]
    assert f"beta = {beta:.4}"[:10] in printed


def test_the_smallest_failing_input_is_shown_in_full(line):
    printed = line("1.5b", solved(controls.exercise("1.5b"), "error + kl", "error + 2 * kl"), 3)
    assert "mu = [[" in printed
    assert "numbers of shape" not in printed
    assert printed.splitlines()[0].startswith("1.5b fails: ")


def test_where_four_digits_agree_the_difference_is_told(line):
    almost = solved(controls.exercise("2.5"), "/ per_kl", "/ per_kl * (1 + 3e-6)")
    assert re.search(r"which is [+-]\d\.\de-\d\d off", line("2.5", almost))


def test_a_check_leaves_the_random_state_alone():
    torch.manual_seed(1)
    np.random.seed(1)
    of_torch = torch.get_rng_state()
    of_numpy = np.random.get_state()[1].copy()

    homework.check("2.7", lambda step, steps, beta, rate: 1.0)
    homework.check("1.3", lambda log_joint, log_q: log_q)
    assert torch.equal(of_torch, torch.get_rng_state())
    assert (of_numpy == np.random.get_state()[1]).all()


# Where a function comes from, and what it looks at


@each_exercise
def test_the_reference_itself_is_refused(exercise, line):
    assert "is taken from `helpers`" in line(exercise.id, exercise.reference)


TAKEN = {  # `gaussians` and `theirs`, its kl_divergence, are names of the notebook
    "itself": "vae_loss = theirs",
    "partial": "import functools\nvae_loss = functools.partial(theirs, prior_mu=0.0)",
    "through a global": """
def vae_loss(mu, logvar):
    return theirs(mu, logvar).sum(1)
""",
    "through a module": """
def vae_loss(mu, logvar):
    return gaussians.kl_divergence(mu, logvar).sum(1)
""",
    "import from": """
def vae_loss(mu, logvar):
    from helpers import gaussians as g
    return g.kl_divergence(mu, logvar).sum(1)
""",
    "import as": """
def vae_loss(mu, logvar):
    import helpers.gaussians as g
    return g.kl_divergence(mu, logvar).sum(1)
""",
    "by the module's name": """
import sys
def vae_loss(mu, logvar):
    return sys.modules['helpers.gaussians'].kl_divergence(mu, logvar).sum(1)
""",
    "through another function": """
def inner(mu, logvar):
    return theirs(mu, logvar)
def vae_loss(mu, logvar):
    return inner(mu, logvar)
""",
    "enclosed": """
def outer(f):
    return lambda mu, logvar: f(mu, logvar).sum(1)
vae_loss = outer(theirs)
""",
    "enclosed in what is enclosed": """
def outer(f):
    return lambda mu, logvar: f(mu, logvar)
vae_loss = outer(outer(theirs))
""",
    "in a lambda inside": """
def vae_loss(mu, logvar):
    return (lambda a: theirs(a, logvar))(mu).sum(1)
""",
}


@pytest.mark.parametrize("source", TAKEN.values(), ids=TAKEN.keys())
def test_a_function_of_helpers_is_refused_however_it_is_wrapped(source, line):
    names = as_learner(source, gaussians=gaussians, theirs=gaussians.kl_divergence)
    printed = line("1.5b", names["vae_loss"])
    assert printed.startswith("1.5b fails")
    assert "`helpers`" in printed
    assert "write it yourself" in printed


def test_a_function_that_reads_a_notebook_variable_is_told_so(line):
    source = """
def our_beta(beta, pixels, latents, reconstruction, kl):
    return factor * beta
"""
    printed = line("2.5", as_learner(source, factor=784)["our_beta"])
    assert printed.startswith("2.5 fails")
    assert "notebook variable `factor`" in printed


def test_modules_functions_classes_and_constants_may_be_read(line):
    source = """
HALF = 0.5

def one(mu, logvar):
    return HALF * (mu**2 + torch.exp(logvar) - 1 - logvar)

def vae_loss(images, logits, mu, logvar):
    error = F.binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(images)
    return error + one(mu, logvar).sum(1).mean()
"""
    assert "holds" in line("1.5b", as_learner(source)["vae_loss"])


@pytest.mark.parametrize("value", [3.5, torch.zeros(2)], ids=["number", "tensor"])
def test_what_is_not_a_function_gets_a_sentence(value, line):
    assert "not a function" in line("1.5b", value)


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
    with pytest.raises(AssertionError, match="2.5 fails: no answer after 0.2 s"):
        homework.require("2.5", as_learner(source)["our_beta"])


def test_require_raises_with_the_line_of_the_check():
    exercise = controls.exercise("2.5")
    homework.require("2.5", solved(exercise), seed=1)
    with pytest.raises(AssertionError, match="2.5 not attempted"):
        homework.require("2.5", untouched(exercise))


# Hints, solutions, panel, quiz


def test_hints_come_one_at_a_time(capsys):
    for expected in ("First hint: ", "Second hint: ", "A worked line: ", "A worked line: "):
        homework.hint("2.6b")
        assert capsys.readouterr().out.startswith(expected)


def test_the_solution_opens_after_an_attempt(line, capsys):
    homework.solution("2.6b")
    assert "opens after an attempt" in capsys.readouterr().out

    # The stub is no attempt.
    line("2.6b", untouched(controls.exercise("2.6b")))
    homework.solution("2.6b")
    assert "def dual_step" not in capsys.readouterr().out

    line("2.6b", lambda beta, rate, delta, step_size: 0.0)
    homework.solution("2.6b")
    assert "def dual_step" in capsys.readouterr().out


def test_the_solution_opens_without_an_attempt_on_show_me(capsys):
    homework.solution("2.6b", show_me=True)
    assert "def dual_step" in capsys.readouterr().out

    # It stays closed otherwise: to have seen it is no attempt.
    homework.solution("2.6b")
    assert "def dual_step" not in capsys.readouterr().out


def test_a_panel_looks_the_function_up_when_the_button_is_pressed(displayed):
    notebook = {}
    homework.panel("2.5", namespace=notebook)
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
    assert "2.5 fails" in answer.value
    notebook["our_beta"] = solved(controls.exercise("2.5"))
    check.click()
    assert "2.5 holds" in answer.value

    # After an attempt the solution opens at once.
    hint.click()
    assert "First hint" in answer.value
    solution.click()
    assert "def our_beta" in answer.value
    assert show_me.layout.display == "none"


def test_the_graded_panel_has_no_solution(displayed):
    homework.panel("2.5", solution=False, namespace={})
    buttons, _ = displayed[0].children
    assert [button.description for button in buttons.children] == ["Check", "Hint"]


@pytest.mark.parametrize("key", controls._QUIZZES)
def test_a_quiz_gives_a_reason_for_every_option_after_committing(key, monkeypatch):
    shown = []
    monkeypatch.setattr(questions.Choice, "show", lambda choice: shown.append(choice))
    question, right, reasons = controls._QUIZZES[key]
    homework.quiz(key)

    # First the question and its options alone.
    (choice,) = shown
    assert question in choice.heading
    assert [text[3:] for text, _ in choice.buttons.options] == list(reasons)
    assert choice.asked.right == right
    assert choice.commit.disabled
    assert not choice.answer.value

    # Then a reason for each, and no second choice.
    choice.buttons.value = "A"
    choice.commit.click()
    assert choice.answer.value.count("right: ") == 1
    assert choice.answer.value.count("wrong: ") == len(reasons) - 1
    assert choice.buttons.disabled


def test_unfilled_parts_use_the_reference_and_say_so(capsys):
    exercise = controls.exercise("2.5")
    used = homework.yours_or_reference("2.5", untouched(exercise))
    assert used is exercise.reference
    assert "uses the reference in its place" in capsys.readouterr().out


def test_a_function_that_holds_is_used_without_a_word(capsys):
    ours = solved(controls.exercise("2.5"))
    assert homework.yours_or_reference("2.5", ours) is ours
    assert capsys.readouterr().out == ""


# Variants, for a course


@pytest.mark.parametrize("exercise", VARIANTS, ids=[f"{e.id}-{i}" for i, e in enumerate(VARIANTS)])
def test_in_every_variant_the_reference_holds_and_nothing_wrong_does(exercise):
    assert engine.judge(exercise, solved(exercise)).status == "holds"
    for why, wrong in exercise.wrong_answers.items():
        assert engine.judge(exercise, wrong).status == "fails", why


def kl_of_latents(text):
    """1.1, with the closed form of the package."""
    images, mean, latents = map(
        int, re.findall(r"every one of (\d+) .*mean (\d+) .*of (\d+)", text)[0]
    )
    mu = torch.full((images, latents), float(mean))
    kl = gaussians.kl_divergence(mu, torch.zeros_like(mu))  # [images, latents]
    spread = gaussians.kl_divergence(torch.zeros(2), torch.tensor([-1.0, 1.0]))
    return kl[0, 0], kl[0].sum(), kl.sum(1).mean(), (-1, 1)[int(spread.argmax())]


def prices_of_points(text):
    """2.1, by going through the points."""
    points = {int(r): int(e) for r, e in re.findall(r"\((\d+), (\d+)\)", text)}
    prices = [float(beta) for beta in re.findall(r"at β = ([\d.]+)\*", text)]
    best = [min(points, key=lambda rate, b=b: points[rate] + b * rate) for b in prices]
    return points[2] - points[3], *best, 0


def terms_by_table(text):
    """3.1, by the terms of a table with every picture and every code."""
    values, latents = map(int, re.findall(r"one of (\d+) .* each of (\d+) latents", text)[0])
    found = []
    for code in (lambda digit: (digit,) * latents, lambda digit: (0,) * latents):
        q = np.zeros((values, *[values] * latents))
        for digit in range(values):
            q[(digit, *code(digit))] = 1
        joint = q.mean(0)
        marginals = [joint.sum(tuple(set(range(latents)) - {j})) for j in range(latents)]
        entropy = lambda p: -xlogy(p, p).sum()  # noqa: E731
        found += [
            entropy(joint) - np.mean([entropy(row) for row in q]),
            sum(map(entropy, marginals)) - entropy(joint),
            sum(math.log(values) - entropy(m) for m in marginals),
        ]
    return found


def gaps_of_table(text):
    """4.1, with the largest two of each column."""
    table = np.array(
        [row.split(", ") for row in re.search(r"knows is (.*?)\. ", text)[1].split("; ")]
    )
    second, first = np.sort(table.astype(float), axis=0)[-2:]
    return *(first - second), (first - second).mean(), 0, 1


@pytest.mark.parametrize("variant", range(8))
def test_a_predictions_numbers_are_those_of_its_text(variant):
    routes = {
        "1.1": kl_of_latents,
        "2.1": prices_of_points,
        "3.1": terms_by_table,
        "4.1": gaps_of_table,
    }
    asked = [e for e in controls.exercises(variant=variant) if e.kind == "predict"]
    assert [e.id for e in asked] == list(routes)
    for exercise in asked:
        again = [float(value) for value in routes[exercise.id](exercise.given)]
        assert np.allclose(again, exercise.reference(), atol=1e-3), exercise.given


def test_a_public_answer_does_not_answer_a_variant():
    public = {e.id: e for e in EXERCISES}
    answered = [e for e in VARIANTS if engine.judge(e, solved(public[e.id])).status == "holds"]

    # By chance a variant may have the public bug; nearly all ask for something else.
    assert len(answered) <= len(VARIANTS) / 5


def test_a_variant_has_the_same_hints_and_names_as_the_public_one():
    public = {e.id: e for e in EXERCISES}
    for exercise in VARIANTS:
        assert exercise.hints == public[exercise.id].hints
        assert exercise.name == public[exercise.id].name


def test_a_graded_copy_says_only_whether_there_is_an_answer(line, displayed, capsys):
    exercise = controls.exercise("1.1")
    for function, words in (
        (untouched(exercise), "1.1 not attempted: put your answer in place of"),
        (solved(exercise), "1.1 answered: it is marked after you hand in."),
        (lambda: (9, 9, 9, 9), "1.1 answered: it is marked after you hand in."),
        (lambda: 9, "1.1 fails: expected 4 values, as a tuple."),
        (lambda: None, "1.1 fails: it returns nothing"),
        (lambda: 1 / 0, "1.1 fails: your function stops with ZeroDivisionError"),
        (7, "1.1 fails: this is 7, not a function"),
    ):
        homework.check("1.1", function, marked_later=True)
        assert capsys.readouterr().out.startswith(words)

    homework.panel("1.1", solution=False, marked_later=True, namespace={"costs": lambda: (1,) * 4})
    buttons, answer = displayed[0].children
    buttons.children[0].click()
    assert "1.1 answered" in answer.value


# Parts


def test_parts_that_are_right_are_told_apart_from_those_that_are_not():
    exercise = controls.exercise("4.4b")
    found = engine.judge(exercise, solved(exercise, "1 - errors**2", "1 - errors"))
    assert found.parts == {"D": True, "C": True, "I": False}

    exercise = controls.exercise("1.5b")
    found = engine.judge(exercise, solved(exercise, "error + kl", "error + kl.detach()"))
    assert found.parts["loss"]
    assert not found.parts["gradient by mu"]


def test_a_prediction_that_is_wrong_is_not_told_the_right_number(line):
    printed = line("1.1", lambda: (1.7, 1.7, 1.7, 1))
    assert "one latent: 1.7 is not it." in printed
    assert "6" not in printed
