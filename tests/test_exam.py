"""The exam: its answers by another way, for many seeds, and that only the lecturer gets them."""

import itertools
import re
from collections import Counter

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression

from helpers.tools.teaching import exam, exam_questions
from test_reading import broken_equations

SEEDS = [f"seed {n}" for n in range(50)]
EXAMS = {seed: {question.name: question for question in exam.exam(seed)} for seed in SEEDS}


def entropy(values):
    """Of equally likely things, whatever they are."""
    shares = np.array(list(Counter(values).values())) / len(values)
    return -(shares * np.log(shares)).sum()


def information(a, b):
    return entropy(list(a)) + entropy(list(b)) - entropy(list(zip(a, b, strict=True)))


# The answers: what each function returns must be what the exam says under these names.


def four_codes(v, text):
    rows = []
    size = len(v["tables"][0][0])
    factors = [grid.ravel() for grid in np.indices((size, size))]
    for code in v["tables"]:
        latents = [np.broadcast_to(z, (size, size)).ravel() for z in code]
        known = np.array([[information(z, g) for g in factors] for z in latents]) > 1e-9
        whole = entropy(list(zip(*latents, strict=True)))
        rows.append(
            [max(known.sum(1)) < 2, max(known.sum(0)) < 2, np.isclose(whole, 2 * np.log(size))]
        )
    return {"yes": rows}


def gap(v, text):
    # From the numbers as they are printed.
    printed = re.findall(r"(?:probabilities |mid z\)=\$ )([\d.]+), ([\d.]+)[,.] ", text)
    prior, likelihood = np.array(printed, dtype=float)
    joint = prior * likelihood
    true = joint / joint.sum()
    elbo = np.mean(np.log(joint) - np.log(0.5))
    return {"evidence": joint.sum(), "true": true, "elbo": elbo, "gap": -np.log(2 * true).mean()}


def two_posteriors(v, text):
    def cost(mean):
        q, p, step = stats.norm(mean, 1 / v["k"]), stats.norm(), 1e-3
        z = mean + np.arange(-6, 6, step)
        return (q.pdf(z) * (q.logpdf(z) - p.logpdf(z))).sum() * step

    shown = re.findall(r"^- [A-F]: \$(.*)\$$", text, re.MULTILINE)
    right = exam_questions.WORDS["two_posteriors"]["lines"]
    (false,) = [n for n in range(6) if shown[n] != right[n]]
    best = 1 - 1 / v["k"] ** 2
    return {"cost": cost(v["m"]), "best": best, "least": cost(best**0.5), "letter": "ABCDEF"[false]}


def turned(v, text):
    z = np.array(list(itertools.product((-1, 1), (-1, 1)))) * np.sqrt([v["first"], v["second"]])
    u, w = (z[:, 0] - z[:, 1]) / np.sqrt(2), (z[:, 0] + z[:, 1]) / np.sqrt(2)
    assert np.isclose((u**2).mean(), (w**2).mean())
    return {"variance": (u**2).mean(), "covariance": (u * w).mean()}


def slackness(v, text):
    rates = np.linspace(0, 12, 12001)
    error = v["c"] + v["a"] * np.maximum(v["m"] - rates, 0) ** 2

    def solved(delta):
        """The least rate with the least error, and minus the slope of that error along δ."""
        best = [error[rates <= delta + h + 1e-9].min() for h in (-0.001, 0.001)]
        allowed = rates <= delta + 1e-9
        return rates[np.where(allowed, error, np.inf).argmin()], (best[0] - best[1]) / 0.002

    broken = []
    for rate, price in v["offered"]:
        lagrangian = error + price * rates
        if lagrangian[np.isclose(rates, rate)][0] > lagrangian.min() + 1e-9:
            broken.append("stationarity")
        if rate > v["delta"]:
            broken.append("primal feasibility")
        if price < 0:
            broken.append("dual feasibility")
        if price * (rate - v["delta"]):
            broken.append("complementary slackness")
    assert len(set(broken)) == 3
    np.testing.assert_allclose(solved(v["large"]), (v["m"], 0), atol=1e-6)
    np.testing.assert_allclose(solved(v["delta"]), (v["delta"], v["beta"]), atol=1e-2)
    return {"broken": ", ".join(broken)}


def tempered(v, text):
    # No other table is better.
    tables = np.random.default_rng(0).dirichlet([1, 1, 1], 500)
    for name, beta in (("dear", 2), ("true", 1)):
        found = v[name].numpy()
        tried = np.vstack([found, tables])
        kl = (tried * np.log(tried / v["prior"])).sum(1)
        assert (beta * kl - tried @ np.log(v["likelihood"])).argmin() == 0

    dear, true = (v["prior"] * v["likelihood"] ** power for power in (0.5, 1))
    free = np.eye(3)[v["likelihood"].argmax()]
    return {
        "dear": dear / dear.sum(),
        "true": true / true.sum(),
        "free": free,
        "silent": v["prior"],
    }


def three_parts(v, text):
    codes = re.search(r"\$\(z_1,z_2\)=\$ ([01, ]+), each", text)[1].split(", ")
    prior = {"0": 1 - v["one"], "1": v["one"]}

    # Each latent by itself, then both together, from counts.
    ones = [sum(code[j] == "1" for code in codes) / 4 for j in (0, 1)]
    single = sum(
        q * np.log(q / p)
        for one, of_one in zip(ones, (v["one"], 0.5), strict=True)
        for q, p in ((one, of_one), (1 - one, 1 - of_one))
        if q
    )
    correlation = information([code[0] for code in codes], [code[1] for code in codes])

    # The bill without any decomposition: what each code costs under the prior.
    rate = -np.mean([np.log(prior[code[0]] * 0.5) for code in codes])
    known = information(codes, range(4))
    assert np.isclose(known + correlation + single, rate)
    return {"information": known, "correlation": correlation, "single": single, "rate": rate}


def written_beta(v, text):
    rng = np.random.default_rng(0)
    squares, kl = rng.uniform(1, 9, 2)

    def beta(side, weight):
        """Which β makes the loss of the paper a multiple of the VAE's, at two points."""
        paper = [squares / side**2 + weight * k / v["latents"] for k in (0, kl)]
        factor = paper[0] / (squares / (2 * v["variance"]))
        return (paper[1] / factor - squares / (2 * v["variance"])) / kl

    side, weight = v["side"], v["weight"]
    assert np.isclose(beta(2 * side, v["cure"]), beta(side, weight))
    return {"beta": beta(side, weight), "larger": beta(2 * side, weight)}


def swap(v, text):
    values = v["values"]
    pictures = list(itertools.product(range(values), repeat=2))
    picture_of = {(s, (s + c) % values): (s, c) for s, c in pictures}
    code_of = {picture: code for code, picture in picture_of.items()}

    def swapped(a, b):
        return picture_of[code_of[a][0], code_of[b][1]]

    pairs = list(itertools.product(pictures, repeat=2))
    share = np.mean([swapped(a, b) == (a[0], b[1]) for a, b in pairs])
    a, b = (tuple(map(int, re.findall(r"\d+", v[name]))) for name in ("first", "second"))
    assert swapped(a, b) != (a[0], b[1])
    return {"drawn": str(swapped(a, b)), "share": share, "wanted": str((a[0], b[1]))}


def recipes(v, text):
    rows = re.findall(r"^\| \D.*?\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", text, re.MULTILINE)
    (_, e1, r1), (_, e2, r2), (_, e3, r3) = [tuple(map(float, row)) for row in rows]
    assert e1 + r1 < min(e2 + r2, e3 + r3)
    assert e2 + 4 * r2 < e1 + 4 * r1
    sums, fours = (
        f"{e1 + r1:.1f} against {e2 + r2:.1f}",
        f"{e1 + 4 * r1:.1f} against {e2 + 4 * r2:.1f}",
    )
    losses = {"vae_loss": e1 + r1, "path_loss": e3 + r3, "paid": e2 - e1}
    return {"sums": sums, "fours": fours, **losses}


def collapse(v, text):
    def best(beta):
        """The latents whose opening makes the loss least, of all sixteen choices."""
        choices = itertools.chain(*(itertools.combinations(range(4), n) for n in range(5)))
        gains = beta * v["costs"] - v["saved"]
        return min(choices, key=lambda chosen: gains[list(chosen)].sum())

    assert best(v["ceiling"] + 0.01) == () != best(v["ceiling"] - 0.01)
    chosen = best(v["beta"])
    return {"opened": ", ".join("ABCD"[n] for n in chosen), "rate": v["costs"][list(chosen)].sum()}


def gaps(v, text):
    b = v["b"]
    g = list(zip(*itertools.product(range(b), range(b**2)), strict=True))
    known = np.array([[information(z, factor) for factor in g] for z in v["codes"].T]) / np.log(b)
    ordered = np.sort(known, axis=0)
    of_each = (ordered[-1] - ordered[-2]) / [1, 2]
    answer = {"first": known[:, 0], "second": known[:, 1], "per_factor": of_each}
    return {**answer, "score": of_each.mean(), "packed": 1}


def rows_and_columns(v, text):
    def score(shares, base):
        shares = shares[shares > 0] / max(shares.sum(), 1)
        return 1 + (shares * np.log(shares)).sum() / np.log(base) if len(shares) else 0

    table = v["table"]
    per_row = np.array([score(row, 4) for row in table])
    d = sum(row.sum() * one for row, one in zip(table, per_row, strict=True)) / table.sum()
    per_column = [score(column, 4) for column in table.T]
    c, more = np.mean(per_column), np.mean([score(column, 16) for column in table.T])
    assert more > c
    scores = {"d": d, "c": c, "i": 1 - np.mean(v["errors"] ** 2), "more": more}
    return {"per_row": per_row, "per_column": per_column, **scores}


def damages(v, text):
    g = np.array(list(itertools.product(range(4), repeat=2)))
    falls = []
    for codes in v["tables"]:
        spread = np.where(codes.std(0) > 0, codes.std(0), 1)
        fit = LinearRegression().fit(codes / spread, g)
        used = np.abs(fit.coef_.T) > 1e-9  # [D, K]

        # The gap from a histogram; then which of MIG, D, C and I has fallen.
        width = np.where(np.ptp(codes, axis=0) > 0, np.ptp(codes, axis=0), 1)
        bins = np.minimum((20 * (codes - codes.min(0)) / width + 1e-9).astype(int), 19)
        known = np.sort([[information(z, k) for k in g.T] for z in bins.T], axis=0)
        mig = ((known[-1] - known[-2]) / np.log(4)).mean()
        explained = fit.score(codes / spread, g)
        falls.append([mig < 0.99, used.sum(1).max() > 1, used.sum(0).max() > 1, explained < 0.99])
    return {"falls": falls}


def paired(v, text):
    lower, upper = (
        [float(x) for x in re.search(rf"\| {name} \| (.*) \|", text)[1].split(" | ")]
        for name in ("first", "second")
    )
    test = stats.ttest_rel(upper, lower)
    interval = test.confidence_interval(0.95)
    np.testing.assert_allclose([v["low"], v["high"]], interval, atol=2e-4)
    assert (test.pvalue < 0.05) == ("not shown" not in v["verdict"])
    error = stats.sem(np.subtract(upper, lower))
    return {"mean": np.mean(upper) - np.mean(lower), "error": error, "false": v["many"] / 20}


ROUTES = [
    *(four_codes, gap, two_posteriors, turned),
    *(slackness, tempered, three_parts, written_beta),
    *(swap, recipes, collapse),
    *(gaps, rows_and_columns, damages, paired),
]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.__name__)
def test_an_answer_is_found_by_another_way(route):
    for questions in EXAMS.values():
        question = questions[route.__name__]
        for name, value in route(question.values, question.text).items():
            found = question.values[name]
            if isinstance(value, str):
                assert found == value, question.text
            else:
                np.testing.assert_allclose(np.asarray(found), value, atol=1e-9, err_msg=name)


def test_every_question_that_asks_for_a_calculation_has_another_way():
    asked = {name for name, question in EXAMS[SEEDS[0]].items() if "calculate" in question.asks}
    assert asked <= {route.__name__ for route in ROUTES}
    assert len(asked) >= 8


# The exam


@pytest.mark.parametrize("seed", SEEDS[:5])
def test_an_exam_has_sixteen_questions_100_marks_and_120_minutes(seed):
    questions = EXAMS[seed].values()
    assert len(questions) == 16
    assert sum(question.marks for question in questions) == 100
    assert sum(question.minutes for question in questions) == 120
    asks = Counter(itertools.chain(*(question.asks for question in questions)))
    assert asks["argue"] >= 5
    assert asks["find"] >= 1


def test_a_seed_gives_one_exam():
    assert exam.pages("one") == exam.pages("one")


@pytest.mark.parametrize("name", EXAMS[SEEDS[0]])
def test_another_seed_gives_other_numbers(name):
    # By chance two seeds may agree in one question.
    assert len({questions[name].text for questions in EXAMS.values()}) >= 25


def test_every_false_line_comes_up():
    seen = {
        (q["two_posteriors"].values["letter"], q["two_posteriors"].values["false"])
        for q in EXAMS.values()
    }
    assert len(seen) == len(exam_questions.WORDS["two_posteriors"]["false"])


@pytest.mark.parametrize("seed", SEEDS)
def test_no_answer_stands_in_the_exam(seed):
    asked, answered = exam.pages(seed)
    assert seed in answered
    assert seed not in asked
    for question in EXAMS[seed].values():
        for words in [step for _, step in question.steps] + question.wrong:
            assert words in answered
            assert words not in asked


@pytest.mark.parametrize("seed", SEEDS)
def test_both_pages_can_be_typeset_and_nothing_is_left_to_be_filled_in(seed):
    for page in exam.pages(seed):
        assert not re.search(r"<\w|nan|inf\b", page)
        for paragraph in page.split("\n\n"):
            assert paragraph.count("$") % 2 == 0
            assert not broken_equations(paragraph), paragraph


@pytest.mark.parametrize("seed", ["", "  "])
def test_an_empty_seed_is_refused(seed):
    with pytest.raises(ValueError, match="needs a seed"):
        exam.exam(seed)


def test_the_command_writes_both_pages_and_asks_for_a_seed(tmp_path, capsys):
    with pytest.raises(SystemExit, match="SEED"):
        exam.main([])
    with pytest.raises(SystemExit, match="needs a seed"):
        exam.main([" "])

    exam.main(["a text", str(tmp_path / "course")])
    written = [tmp_path / "course" / name for name in ("exam.md", "exam_answers.md")]
    assert capsys.readouterr().out.split() == [str(path) for path in written]
    assert tuple(path.read_text(encoding="utf-8") for path in written) == exam.pages("a text")
