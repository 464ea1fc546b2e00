import math

import numpy as np
import pytest
import torch
from scipy.special import xlogy
from scipy.stats import norm
from sklearn.linear_model import LassoCV, LinearRegression
from sklearn.metrics import mutual_info_score

from helpers import metrics


def independent_factors(n=4000, sizes=(3, 6, 10, 8), seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, size, n) for size in sizes], axis=1)


def every_combination(sizes):
    return np.stack(np.meshgrid(*[np.arange(s) for s in sizes], indexing="ij"), axis=-1).reshape(-1, len(sizes))


# Mutual information


def test_information_is_scikit_learns():
    factors = independent_factors()
    rng = np.random.default_rng(1)
    codes = rng.normal(size=(4000, 5)) + factors[:, [0, 1, 2, 3, 0]]
    ours = metrics.mutual_information(codes, factors, bins=20)
    for j in range(5):
        edges = np.linspace(codes[:, j].min(), codes[:, j].max(), 21)
        binned = np.digitize(codes[:, j], edges[1:-1])
        for k in range(4):
            assert ours[j, k] == pytest.approx(mutual_info_score(binned, factors[:, k]), abs=1e-10)


def test_information_of_a_two_by_two_table_by_hand():
    codes = np.array([[0.0]] * 4 + [[1.0]] * 4)
    factors = np.array([[0]] * 3 + [[1]] + [[1]] * 3 + [[0]])
    wanted = 2 * 3 / 8 * math.log((3 / 8) / 0.25) + 2 / 8 * math.log((1 / 8) / 0.25)
    assert metrics.mutual_information(codes, factors)[0, 0] == pytest.approx(wanted, abs=1e-14)


def test_a_code_that_is_the_factor_knows_its_entropy_and_a_constant_nothing():
    factors = every_combination((4, 5, 3))
    codes = np.column_stack([factors[:, 1], np.full(len(factors), 7.0)])
    information = metrics.mutual_information(codes, factors)
    assert information[0] == pytest.approx([0, math.log(5), 0], abs=1e-14)
    assert (information[1] == 0).all()


def test_torch_and_numpy_give_the_same():
    factors = independent_factors()
    codes = factors + np.random.default_rng(0).normal(size=factors.shape)
    assert np.array_equal(metrics.mutual_information(codes, factors),
                          metrics.mutual_information(torch.from_numpy(codes).requires_grad_(), torch.from_numpy(factors)))


# MIG


def test_mig_of_perfect_permuted_and_duplicated_codes():
    factors = every_combination((4, 5, 3))
    assert metrics.mig(factors, factors).score == pytest.approx(1, abs=1e-12)
    assert metrics.mig(factors[:, [2, 0, 1]], factors).score == pytest.approx(1, abs=1e-12)
    duplicated = metrics.mig(factors[:, [0, 0, 1, 2]], factors)
    assert duplicated.per_factor == pytest.approx([0, 1, 1], abs=1e-12)


def test_mig_of_a_rotation_and_of_noise_is_small():
    factors = independent_factors(20_000, (10, 10))
    turn = np.array([[1, -1], [1, 1]]) / math.sqrt(2)
    assert metrics.mig(factors @ turn, factors).score < 0.02
    assert metrics.mig(np.random.default_rng(0).normal(size=(20_000, 3)), factors).score < 0.01


def test_codes_that_equal_the_sprite_factors_score_as_designed():
    """32 positions do not fit into 20 bins, so even perfect codes stay below 1 (0.90 over the five factors)."""
    factors = independent_factors(50_000, (3, 6, 40, 32, 32))
    assert metrics.mig(factors, factors, bins=20).score == pytest.approx(0.90, abs=0.01)
    assert metrics.mig(factors, factors, bins=1280).score > 0.97


# The posterior MIG


def posteriors(narrowest, widest, n=240, seed=0):
    """mu, logvar [n, 3] with standard deviations in this range, and two factors that mu depends on."""
    rng = np.random.default_rng(seed)
    factors = np.stack([np.arange(n) % 4, np.arange(n) // 4 % 5], axis=1)
    mu = rng.normal(0, 0.3, size=(n, 3)) + factors[:, [0, 1, 0]] * [0.5, 0.3, 0.1]
    return mu, 2 * np.log(np.exp(rng.uniform(np.log(narrowest), np.log(widest), size=(n, 3)))), factors


def conditional_densities(z, mu, logvar, factor):
    """p(value) q(z | value) at the points z: [points, values]."""
    density = norm.pdf(z[:, None], mu, np.exp(logvar / 2)) / len(mu)
    return np.stack([density[:, factor == value].sum(1) for value in np.unique(factor)], axis=1)


@pytest.mark.parametrize("narrowest, widest", [(0.02, 0.02), (0.02, 1), (0.3, 0.4), (1, 1)])
def test_posterior_information_by_brute_force_quadrature(narrowest, widest):
    mu, logvar, factors = posteriors(narrowest, widest)
    ours = metrics.posterior_mig(mu, logvar, factors)
    z = np.linspace(mu.min() - 10 * widest, mu.max() + 10 * widest, 8_001)
    for j in range(3):
        for k in range(2):
            joint = conditional_densities(z, mu[:, j], logvar[:, j], factors[:, k])
            shares = np.bincount(factors[:, k]) / len(mu)
            integrand = xlogy(joint, joint) - xlogy(joint, joint.sum(1, keepdims=True)) - joint * np.log(shares)
            wanted = integrand.sum() * (z[1] - z[0])
            assert ours.information[j, k] == pytest.approx(wanted, abs=2e-4)
    assert ours.error < 3e-4
    assert ours.score == pytest.approx(((np.sort(ours.information, axis=0)[-1] - np.sort(ours.information, axis=0)[-2])
                                        / ours.entropies).mean())


def test_posterior_information_by_monte_carlo():
    mu, logvar, factors = posteriors(0.05, 0.5)
    rng = np.random.default_rng(1)
    ours = metrics.posterior_mig(mu, logvar, factors).information
    image = rng.integers(0, len(mu), 20_000)
    for j in range(3):
        z = mu[image, j] + np.exp(logvar[image, j] / 2) * rng.normal(size=len(image))
        for k in range(2):
            joint = conditional_densities(z, mu[:, j], logvar[:, j], factors[:, k])
            of_value = joint[np.arange(len(image)), factors[image, k]]
            ratio = np.log(of_value / joint.sum(1) / (np.bincount(factors[:, k]) / len(mu))[factors[image, k]])
            assert abs(ratio.mean() - ours[j, k]) < 3 * ratio.std() / math.sqrt(len(image))


def test_narrow_posteriors_around_perfect_codes_score_one_and_the_prior_zero():
    factors = every_combination((4, 5, 3))
    assert metrics.posterior_mig(factors, np.full(factors.shape, -8.0), factors).score == pytest.approx(1, abs=1e-6)
    assert metrics.posterior_mig(0.0 * factors, np.zeros(factors.shape), factors).score == pytest.approx(0, abs=1e-12)
    needles = metrics.posterior_mig(factors, np.full(factors.shape, -60.0), factors)  # wider than nothing only by the grid
    assert needles.score == pytest.approx(1, abs=1e-6)


def test_posterior_mig_does_not_depend_on_order_names_and_scale():
    mu, logvar, factors = posteriors(0.05, 0.5)
    one = metrics.posterior_mig(mu, logvar, factors)
    mu, logvar = 3 * mu[:, [2, 0, 1]], logvar[:, [2, 0, 1]] + 2 * math.log(3)
    other = metrics.posterior_mig(torch.from_numpy(mu), torch.from_numpy(logvar), torch.from_numpy(7 - 2 * factors))
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


def test_linear_weights_and_errors_by_scikit_learn():
    factors = independent_factors()
    rng = np.random.default_rng(2)
    codes = factors @ rng.normal(size=(4, 6)) + rng.normal(size=(4000, 6))
    ours = metrics.dci(codes, factors, "linear", seed=3)
    order = np.random.default_rng(3).permutation(4000)
    test, fit = order[:1333], order[1333:]
    z = (codes - codes[fit].mean(0)) / codes[fit].std(0)
    for k in range(4):
        y = (factors[:, k] - factors[fit, k].mean()) / factors[fit, k].std()
        model = LinearRegression().fit(z[fit], y[fit])
        assert ours.importance[:, k] == pytest.approx(np.abs(model.coef_), abs=1e-10)
        error = np.sqrt(((model.predict(z[test]) - y[test]) ** 2).sum() / (y[test] ** 2).sum())
        assert ours.errors[k] == pytest.approx(error, abs=1e-10)
    lasso = metrics.dci(codes, factors, "lasso", seed=3)
    y = (factors[:, 0] - factors[fit, 0].mean()) / factors[fit, 0].std()
    assert lasso.importance[:, 0] == pytest.approx(np.abs(LassoCV(cv=3).fit(z[fit], y[fit]).coef_), abs=1e-3)


def test_the_three_scores_from_an_importance_matrix_by_hand():
    """Rows to base K for disentanglement, columns to base D for completeness; 3 codes, 2 factors, one code dead."""
    factors = every_combination((6, 6))
    codes = np.column_stack([factors[:, 0], factors[:, 1] + 0.0, np.zeros(36)])
    codes[:, 1] += factors[:, 0]
    result = metrics.dci(np.tile(codes, (30, 1)), np.tile(factors, (30, 1)), "linear")
    r = result.importance
    assert r[2] == pytest.approx([0, 0]) and result.per_code[2] == 0

    def score(p, base):
        p = p / p.sum()
        return 1 + sum(x * math.log(x, base) for x in p if x > 1e-300)

    per_code = [score(r[i], 2) for i in range(2)]
    assert result.per_code[:2] == pytest.approx(per_code, abs=1e-9)
    assert result.per_factor == pytest.approx([score(r[:, k], 3) for k in range(2)], abs=1e-9)
    rho = r.sum(1) / r.sum()
    assert result.disentanglement == pytest.approx(rho[0] * per_code[0] + rho[1] * per_code[1], abs=1e-9)
    assert result.completeness == pytest.approx(result.per_factor.mean(), abs=1e-12)
    assert result.informativeness == pytest.approx(1, abs=1e-9) and result.errors == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("regressor", ["linear", "lasso", "forest", "boosting"])
def test_perfect_codes_score_one_and_noise_knows_nothing(regressor):
    factors = independent_factors(3000, (3, 6, 10))
    perfect = metrics.dci(factors[:, [1, 0, 2]], factors, regressor)
    assert min(perfect.disentanglement, perfect.completeness) > 0.95
    assert perfect.informativeness > 0.98
    noise = metrics.dci(np.random.default_rng(0).normal(size=(3000, 4)), factors, regressor)
    assert abs(noise.informativeness) < 0.15
    assert noise.errors == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("regressor", ["linear", "forest"])
def test_kinds_of_factors(regressor):
    """A code on a circle predicts a circular factor and not an ordinal one; classes out of order need "categorical"."""
    factors = independent_factors(6000, (3, 24))
    angle = 2 * np.pi * factors[:, 1] / 24
    codes = np.column_stack([np.cos(angle), np.sin(angle), np.array([1.0, 3.0, 2.0])[factors[:, 0]] == 3])
    right = metrics.dci(codes, factors, regressor, kinds=("categorical", "circular"))
    assert right.errors[1] < 0.05
    if regressor == "linear":
        assert metrics.dci(codes, factors, regressor).errors[1] > 0.5
    assert right.importance.shape == (3, 2) and right.per_factor[0] > 0.8


def test_dead_codes_only():
    factors = independent_factors(300, (3, 4))
    dead = metrics.dci(np.ones((300, 3)), factors, "lasso")
    assert dead.disentanglement == dead.completeness == 0
    assert dead.informativeness == pytest.approx(0, abs=1e-12) and dead.errors == pytest.approx(1)


# Bad input


GOOD = independent_factors(100, (3, 4)).astype(float)
NAN = GOOD.copy()
NAN[3, 1] = np.nan


@pytest.mark.parametrize("measure", [metrics.mutual_information, metrics.mig, metrics.dci])
@pytest.mark.parametrize("codes, factors, message", [
    (NAN, GOOD, "codes hold NaN or infinite values, in 1 of 100 rows"),
    (GOOD, NAN, "factors hold NaN"),
    (GOOD[:50], GOOD, "50 rows of codes and 100 of factors"),
    (GOOD, np.column_stack([GOOD[:, 0], np.ones(100)]), "factor 1 has only one value"),
    (GOOD[:0], GOOD[:0], "shape \\[0, 2\\]"),
    (GOOD[:, 0], GOOD, "shape \\[100\\]"),
    (GOOD, GOOD + 0.5, "integer class indices"),
])
def test_bad_input_is_named(measure, codes, factors, message):
    with pytest.raises(ValueError, match=message):
        measure(codes, factors)


@pytest.mark.parametrize("measure", [metrics.mig, metrics.dci])
def test_one_code_or_one_factor_is_refused(measure):
    with pytest.raises(ValueError, match="compares codes .* at least 2"):
        measure(GOOD[:, :1], GOOD)
    with pytest.raises(ValueError, match="compares factors .* at least 2"):
        measure(GOOD, GOOD[:, :1])


@pytest.mark.parametrize("arguments, message", [
    ({"regressor": "ridge"}, "'lasso'"), ({"kinds": ["ordinal"]}, "each of the 2 factors"),
    ({"kinds": ["ordinal", "cyclic"]}, "'circular'"), ({"test_size": 0}, "test_size"), ({"test_size": 1.0}, "test_size"),
])
def test_bad_arguments_of_dci_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        metrics.dci(GOOD, GOOD, **arguments)


def test_bins_must_be_positive():
    with pytest.raises(ValueError, match="bins"):
        metrics.mig(GOOD, GOOD, bins=0)
