"""The metrics against hand counts, scikit-learn and brute force, and what they refuse."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from scipy.special import xlogy
from scipy.stats import norm
from sklearn.linear_model import LassoCV, LinearRegression
from sklearn.metrics import mutual_info_score

from helpers import metrics


def independent_factors(n=4000, sizes=(3, 6, 10, 8), seed=0):
    """Factors [n, K] drawn at random, with so many values each."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, size, n) for size in sizes], axis=1)


def every_combination(sizes):
    """Factors [N, K] in which each combination of their values is there once."""
    axes = [np.arange(size) for size in sizes]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(sizes))


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


# Entropy


def test_the_entropy_of_a_uniform_distribution_is_the_logarithm_of_its_size():
    for n in (1, 2, 7, 1000):
        assert metrics.entropy(np.full(n, 1 / n)) == pytest.approx(math.log(n), abs=1e-12)


def test_a_value_that_is_certain_has_entropy_zero():
    assert metrics.entropy(np.array([1.0])) == 0
    assert metrics.entropy(np.array([0.0, 1.0, 0.0])) == 0
    assert metrics.entropy(np.array([0, 12, 0])) == 0


def test_the_entropy_of_counts_is_that_of_their_shares():
    counts = np.random.default_rng(0).integers(0, 50, 30)
    shares = counts / counts.sum()
    assert metrics.entropy(counts) == pytest.approx(metrics.entropy(shares), abs=1e-12)
    assert metrics.entropy(0.01 * counts) == pytest.approx(metrics.entropy(shares), abs=1e-12)


def test_the_entropy_is_scipys():
    p = np.random.default_rng(0).dirichlet(np.full(30, 0.3))
    assert metrics.entropy(p) == pytest.approx(scipy.stats.entropy(p), abs=1e-12)

    counts = np.random.default_rng(0).integers(0, 50, 30)
    assert metrics.entropy(counts) == pytest.approx(scipy.stats.entropy(counts), abs=1e-12)


def test_the_entropy_does_not_depend_on_order_shape_and_zeros_to_the_last_digit():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(60))
    wanted = metrics.entropy(p)

    for _ in range(50):
        assert metrics.entropy(rng.permutation(p)) == wanted
    assert metrics.entropy(p.reshape(3, 4, 5)) == wanted
    assert metrics.entropy(np.append(p, np.zeros(9))) == wanted


def test_the_entropy_of_lists_and_tensors_is_that_of_arrays():
    counts = [3, 1, 4, 1, 5]
    wanted = metrics.entropy(np.array(counts))
    assert metrics.entropy(torch.tensor(counts)) == wanted
    assert metrics.entropy(torch.tensor(counts).double().requires_grad_()) == wanted
    assert metrics.entropy(counts) == wanted


@pytest.mark.parametrize("weights", [[-0.5, 1.5], [0.5, math.nan], [1.0, math.inf], [0, 0], []])
def test_what_has_no_entropy_is_refused(weights):
    with pytest.raises(ValueError, match="entropy"):
        metrics.entropy(np.array(weights))


# Mutual information


def test_information_is_scikit_learns():
    factors = independent_factors()
    codes = noise((4000, 5), seed=1) + factors[:, [0, 1, 2, 3, 0]]
    ours = metrics.mutual_information(codes, factors, bins=20)

    # The inner edges of bins of equal width; what lies beyond them is in the first and last bin.
    for j in range(5):
        edges = np.linspace(codes[:, j].min(), codes[:, j].max(), 21)
        binned = np.digitize(codes[:, j], edges[1:-1])
        for k in range(4):
            wanted = mutual_info_score(binned, factors[:, k])
            assert ours[j, k] == pytest.approx(wanted, abs=1e-10)


def test_information_of_a_two_by_two_table_is_that_by_hand():
    codes = np.array([[0.0]] * 4 + [[1.0]] * 4)
    factors = np.array([[0]] * 3 + [[1]] + [[1]] * 3 + [[0]])

    # Both margins are uniform, so each product of them is 1/4.
    agree = 2 * 3 / 8 * math.log((3 / 8) / 0.25)
    differ = 2 / 8 * math.log((1 / 8) / 0.25)
    information = metrics.mutual_information(codes, factors)
    assert information[0, 0] == pytest.approx(agree + differ, abs=1e-14)


def test_a_code_that_is_the_factor_knows_its_entropy_and_a_constant_nothing():
    factors = every_combination((4, 5, 3))
    codes = np.column_stack([factors[:, 1], np.full(len(factors), 7.0)])
    information = metrics.mutual_information(codes, factors)
    assert information[0] == pytest.approx([0, math.log(5), 0], abs=1e-14)
    assert (information[1] == 0).all()


def test_torch_and_numpy_give_the_same():
    factors = independent_factors()
    codes = factors + noise(factors.shape)
    as_tensors = (torch.from_numpy(codes).requires_grad_(), torch.from_numpy(factors))

    arrays = metrics.mutual_information(codes, factors)
    assert np.array_equal(arrays, metrics.mutual_information(*as_tensors))


# MIG


def test_mig_of_perfect_and_of_permuted_codes_is_one():
    factors = every_combination((4, 5, 3))
    assert metrics.mig(factors, factors).score == pytest.approx(1, abs=1e-12)
    assert metrics.mig(factors[:, [2, 0, 1]], factors).score == pytest.approx(1, abs=1e-12)


def test_mig_of_a_factor_that_is_there_twice_is_zero():
    factors = every_combination((4, 5, 3))
    duplicated = metrics.mig(factors[:, [0, 0, 1, 2]], factors)
    assert duplicated.per_factor == pytest.approx([0, 1, 1], abs=1e-12)


def test_mig_of_a_rotation_and_of_noise_is_small():
    factors = independent_factors(20_000, (10, 10))
    turn = np.array([[1, -1], [1, 1]]) / math.sqrt(2)
    assert metrics.mig(factors @ turn, factors).score < 0.02
    assert metrics.mig(noise((20_000, 3)), factors).score < 0.01


def test_codes_that_equal_the_sprite_factors_score_as_designed():
    """32 positions do not fit into 20 bins, so even perfect codes stay below 1 (0.90 over all)."""
    factors = independent_factors(50_000, (3, 6, 40, 32, 32))
    assert metrics.mig(factors, factors, bins=20).score == pytest.approx(0.90, abs=0.01)
    assert metrics.mig(factors, factors, bins=1280).score > 0.97


# The posterior MIG


def posteriors(narrowest, widest, n=240, seed=0):
    """mu, logvar [n, 3], and two factors [n, 2] that mu depends on.

    The standard deviations are spread evenly over this range, on a logarithmic scale.
    """
    rng = np.random.default_rng(seed)
    number = np.arange(n)
    factors = np.stack([number % 4, number // 4 % 5], axis=1)

    mu = rng.normal(0, 0.3, size=(n, 3)) + factors[:, [0, 1, 0]] * [0.5, 0.3, 0.1]
    log_sigma = rng.uniform(np.log(narrowest), np.log(widest), size=(n, 3))
    return mu, 2 * log_sigma, factors


def conditional_densities(z, mu, logvar, factor):
    """p(value) q(z | value) [points, values] at the points z, for one code and one factor."""
    density = norm.pdf(z[:, None], mu, np.exp(logvar / 2)) / len(mu)  # [points, N]
    of_values = [density[:, factor == value].sum(1) for value in np.unique(factor)]
    return np.stack(of_values, axis=1)


def information_on_a_grid(z, mu, logvar, factor):
    """I(z; factor) in nats for one code, by adding up over evenly spaced points z."""
    joint = conditional_densities(z, mu, logvar, factor)  # [points, values]
    whole = joint.sum(1, keepdims=True)  # [points, 1]
    shares = np.bincount(factor) / len(factor)  # [values]

    integrand = xlogy(joint, joint) - xlogy(joint, whole) - joint * np.log(shares)
    return integrand.sum() * (z[1] - z[0])


@pytest.mark.parametrize("narrowest, widest", [(0.02, 0.02), (0.02, 1), (0.3, 0.4), (1, 1)])
def test_posterior_information_is_that_of_brute_force_quadrature(narrowest, widest):
    mu, logvar, factors = posteriors(narrowest, widest)
    ours = metrics.posterior_mig(mu, logvar, factors)

    z = np.linspace(mu.min() - 10 * widest, mu.max() + 10 * widest, 8_001)
    for j in range(3):
        for k in range(2):
            wanted = information_on_a_grid(z, mu[:, j], logvar[:, j], factors[:, k])
            assert ours.information[j, k] == pytest.approx(wanted, abs=2e-4)
    assert ours.error < 3e-4

    # The score is made of it as the other MIG is.
    second, first = np.sort(ours.information, axis=0)[-2:]
    assert ours.score == pytest.approx(((first - second) / ours.entropies).mean())


def test_posterior_information_is_that_of_monte_carlo():
    mu, logvar, factors = posteriors(0.05, 0.5)
    ours = metrics.posterior_mig(mu, logvar, factors).information
    rng = np.random.default_rng(1)
    image = rng.integers(0, len(mu), 20_000)

    for j in range(3):
        z = mu[image, j] + np.exp(logvar[image, j] / 2) * rng.normal(size=len(image))
        for k in range(2):
            value = factors[image, k]
            shares = np.bincount(factors[:, k]) / len(mu)
            joint = conditional_densities(z, mu[:, j], logvar[:, j], factors[:, k])

            # log p(value, z) / (p(z) p(value)), whose mean is the information.
            own = joint[np.arange(len(image)), value]
            ratio = np.log(own / joint.sum(1) / shares[value])
            standard_error = ratio.std() / math.sqrt(len(image))
            assert abs(ratio.mean() - ours[j, k]) < 3 * standard_error


def test_narrow_posteriors_around_perfect_codes_score_one_and_the_prior_zero():
    factors = every_combination((4, 5, 3))

    def score(mu, logvar):
        return metrics.posterior_mig(mu, np.full(mu.shape, logvar), factors).score

    assert score(factors, -8.0) == pytest.approx(1, abs=1e-6)
    assert score(factors, -60.0) == pytest.approx(1, abs=1e-6)  # the grid alone gives it a width
    assert score(0.0 * factors, 0.0) == pytest.approx(0, abs=1e-12)


def test_posterior_mig_does_not_depend_on_order_names_and_scale():
    mu, logvar, factors = posteriors(0.05, 0.5)
    one = metrics.posterior_mig(mu, logvar, factors)

    order = [2, 0, 1]
    changed = (3 * mu[:, order], logvar[:, order] + 2 * math.log(3), 7 - 2 * factors)
    other = metrics.posterior_mig(*map(torch.from_numpy, changed))
    assert other.per_factor == pytest.approx(one.per_factor, abs=1e-6)


def test_bad_posteriors_are_named():
    mu, logvar, factors = posteriors(0.05, 0.5)
    with pytest.raises(ValueError, match="mu hold NaN"):
        metrics.posterior_mig(np.where(mu > 0, np.nan, mu), logvar, factors)
    with pytest.raises(ValueError, match="logvar hold NaN"):
        metrics.posterior_mig(mu, np.where(mu > 0, np.inf, logvar), factors)
    with pytest.raises(ValueError, match="240 rows of mu and 239 of factors"):
        metrics.posterior_mig(mu, logvar, factors[1:])
    with pytest.raises(ValueError, match="same shape"):
        metrics.posterior_mig(mu, logvar[:, :2], factors)


# DCI


@pytest.fixture
def mixed():
    """Factors [4000, 4], and codes [4000, 6] that are mixtures of them with noise."""
    factors = independent_factors()
    rng = np.random.default_rng(2)
    codes = factors @ rng.normal(size=(4, 6)) + rng.normal(size=(4000, 6))
    return codes, factors


def standardised(columns, fit):
    """Columns with the mean 0 and the standard deviation 1 in these rows."""
    return (columns - columns[fit].mean(0)) / columns[fit].std(0)


@pytest.fixture
def halves(mixed):
    """The split that dci makes with seed 3: test z, y and fit z, y, both standardised."""
    codes, factors = mixed
    order = np.random.default_rng(3).permutation(4000)
    test, fit = order[:1333], order[1333:]

    z = standardised(codes, fit)
    y = standardised(factors, fit)
    return (z[test], y[test]), (z[fit], y[fit])


def test_linear_weights_and_errors_are_scikit_learns(mixed, halves):
    (z_test, y_test), (z_fit, y_fit) = halves
    ours = metrics.dci(*mixed, regressor="linear", seed=3)

    # Fitted on one part of the images; the error on the other, beside that of saying zero.
    for k in range(4):
        model = LinearRegression().fit(z_fit, y_fit[:, k])
        assert ours.importance[:, k] == pytest.approx(np.abs(model.coef_), abs=1e-10)

        squares = (model.predict(z_test) - y_test[:, k]) ** 2
        error = np.sqrt(squares.sum() / (y_test[:, k] ** 2).sum())
        assert ours.errors[k] == pytest.approx(error, abs=1e-10)


def test_lasso_weights_are_scikit_learns(mixed, halves):
    _, (z_fit, y_fit) = halves
    ours = metrics.dci(*mixed, regressor="lasso", seed=3)
    wanted = np.abs(LassoCV(cv=3).fit(z_fit, y_fit[:, 0]).coef_)
    assert ours.importance[:, 0] == pytest.approx(wanted, abs=1e-3)


def one_minus_entropy(importance, base):
    """1 - H of the shares of these importances, to this base."""
    shares = importance / importance.sum()
    return 1 + sum(p * math.log(p, base) for p in shares if p > 1e-300)


def test_the_three_scores_are_those_of_the_importance_matrix_by_hand():
    """Rows to base K, columns to base D; 3 codes, of which one is dead, and 2 factors."""
    factors = every_combination((6, 6))
    codes = np.column_stack([factors[:, 0], factors.sum(1), np.zeros(36)])
    result = metrics.dci(np.tile(codes, (30, 1)), np.tile(factors, (30, 1)), regressor="linear")
    r = result.importance

    # The dead code.
    assert r[2] == pytest.approx([0, 0])
    assert result.per_code[2] == 0

    # Disentanglement: each code by its row, weighted by its share of all importance.
    per_code = [one_minus_entropy(r[i], 2) for i in range(2)]
    assert result.per_code[:2] == pytest.approx(per_code, abs=1e-9)
    rho = r.sum(1) / r.sum()
    wanted = rho[0] * per_code[0] + rho[1] * per_code[1]
    assert result.disentanglement == pytest.approx(wanted, abs=1e-9)

    # Completeness: each factor by its column.
    per_factor = [one_minus_entropy(r[:, k], 3) for k in range(2)]
    assert result.per_factor == pytest.approx(per_factor, abs=1e-9)
    assert result.completeness == pytest.approx(result.per_factor.mean(), abs=1e-12)

    # Informativeness: two sums of the factors give both of them away.
    assert result.informativeness == pytest.approx(1, abs=1e-9)
    assert result.errors == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("regressor", ["linear", "lasso", "forest", "boosting"])
def test_perfect_codes_score_one_and_noise_knows_nothing(regressor):
    factors = independent_factors(3000, (3, 6, 10))
    perfect = metrics.dci(factors[:, [1, 0, 2]], factors, regressor=regressor)
    assert min(perfect.disentanglement, perfect.completeness) > 0.95
    assert perfect.informativeness > 0.98

    knowing_nothing = metrics.dci(noise((3000, 4)), factors, regressor=regressor)
    assert abs(knowing_nothing.informativeness) < 0.15
    assert knowing_nothing.errors == pytest.approx(1, abs=0.1)


@pytest.fixture
def circle():
    """A factor of three classes and one on a circle; codes: its cosine and sine, and one class."""
    factors = independent_factors(6000, (3, 24))
    angle = 2 * np.pi * factors[:, 1] / 24
    is_last = np.array([1.0, 3.0, 2.0])[factors[:, 0]] == 3
    return np.column_stack([np.cos(angle), np.sin(angle), is_last]), factors


@pytest.mark.parametrize("regressor", ["linear", "forest"])
def test_codes_predict_a_circular_and_a_categorical_factor(circle, regressor):
    right = metrics.dci(*circle, regressor=regressor, kinds=("categorical", "circular"))
    assert right.errors[1] < 0.05
    assert right.importance.shape == (3, 2)
    assert right.per_factor[0] > 0.8


def test_no_line_through_a_circle_predicts_the_place_on_it(circle):
    assert metrics.dci(*circle, regressor="linear").errors[1] > 0.5


def test_codes_that_are_all_dead_score_zero():
    factors = independent_factors(300, (3, 4))
    dead = metrics.dci(np.ones((300, 3)), factors, regressor="lasso")
    assert dead.disentanglement == dead.completeness == 0
    assert dead.informativeness == pytest.approx(0, abs=1e-12)
    assert dead.errors == pytest.approx(1)


# Bad input


GOOD = independent_factors(100, (3, 4)).astype(float)
NAN = GOOD.copy()
NAN[3, 1] = np.nan


@pytest.mark.parametrize("measure", [metrics.mutual_information, metrics.mig, metrics.dci])
@pytest.mark.parametrize(
    "codes, factors, message",
    [
        (NAN, GOOD, "codes hold NaN or infinite values, in 1 of 100 rows"),
        (GOOD, NAN, "factor 1 has no value in 1 of 100 rows, the first of them row 3"),
        (GOOD[:50], GOOD, "50 rows of codes and 100 of factors"),
        (GOOD, np.column_stack([GOOD[:, 0], np.ones(100)]), "factor 1 has only one value"),
        (GOOD[:0], GOOD[:0], "shape \\[0, 2\\]"),
        (GOOD[:, 0], GOOD, "shape \\[100\\]"),
    ],
)
def test_bad_input_is_named(measure, codes, factors, message):
    with pytest.raises(ValueError, match=message):
        measure(codes, factors)


@pytest.mark.parametrize("measure", [metrics.mig, metrics.dci])
def test_one_code_is_refused(measure):
    with pytest.raises(ValueError, match="compares codes .* at least 2"):
        measure(GOOD[:, :1], GOOD)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"regressor": "ridge"}, "'lasso'"),
        ({"kinds": ["ordinal"]}, "each of the 2 factors"),
        ({"kinds": ["ordinal", "cyclic"]}, "'circular'"),
        ({"test_size": 0}, "test_size"),
        ({"test_size": 1.0}, "test_size"),
    ],
)
def test_bad_arguments_of_dci_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        metrics.dci(GOOD, GOOD, **arguments)


def test_bins_must_be_positive():
    with pytest.raises(ValueError, match="bins"):
        metrics.mig(GOOD, GOOD, bins=0)
