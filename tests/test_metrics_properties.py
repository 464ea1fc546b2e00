"""What no metric may depend on: the order of the codes, the names of the factors' values, the codes' positive scale.

The histogram MIG must not change at all, posterior MIG and linear DCI only by rounding. Lasso, forest and boosting look at
the codes in their order and stop at a tolerance, so their scores may move by what is stated below.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import metrics

ROUNDING = 1e-9


@st.composite
def worlds(draw):
    """Codes [N, D] that know something about the factors [N, K], the factors, and a generator; lattices, ties and dead codes too."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    k, d, n = draw(st.integers(2, 3)), draw(st.integers(2, 5)), draw(st.integers(60, 300))
    factors = np.stack([rng.permutation(np.arange(n) % draw(st.integers(2, 6))) for _ in range(k)], axis=1)
    mixing = rng.normal(size=(k, d)) * (rng.random((k, d)) < 0.6)
    codes = factors @ mixing + draw(st.sampled_from([0.0, 0.01, 1.0])) * rng.normal(size=(n, d))
    if draw(st.booleans()):
        codes = np.round(codes)  # many values on the edges of bins
    if draw(st.booleans()):
        codes[:, draw(st.integers(0, d - 1))] = 1.5
    return codes, factors, rng


def renamed(factors, rng):
    """Each value of each factor by another name, in no order and with gaps."""
    return np.stack([rng.choice(100, column.max() + 1, replace=False)[column] for column in factors.T], axis=1)


def scales(rng, d):
    """Positive factors over six orders of magnitude."""
    return 10 ** rng.uniform(-3, 3, d)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(worlds())
def test_mig_is_exactly_invariant(world):
    codes, factors, rng = world
    one = metrics.mig(codes, factors)
    order = rng.permutation(codes.shape[1])
    other = metrics.mig(codes[:, order] * scales(rng, codes.shape[1]), renamed(factors, rng))
    assert np.array_equal(other.per_factor, one.per_factor) and other.score == one.score
    assert np.array_equal(other.information, one.information[order])
    assert np.array_equal(other.entropies, one.entropies)
    assert (0 <= one.per_factor).all() and (one.per_factor <= 1 + ROUNDING).all()
    assert (one.information <= one.entropies + ROUNDING).all()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(worlds())
def test_posterior_mig_is_invariant_up_to_rounding(world):
    codes, factors, rng = world
    logvar = rng.uniform(-3, 0, codes.shape)
    one = metrics.posterior_mig(codes, logvar, factors)
    order, scale = rng.permutation(codes.shape[1]), scales(rng, codes.shape[1])
    other = metrics.posterior_mig(codes[:, order] * scale, logvar[:, order] + 2 * np.log(scale), renamed(factors, rng))
    assert other.per_factor == pytest.approx(one.per_factor, abs=1e-6)


def scored_before_and_after(world, regressor, kind):
    """DCI of a world, and of the same with its codes permuted and scaled and its factors' values renamed."""
    codes, factors, rng = world
    kinds = [kind] * factors.shape[1]
    one = metrics.dci(codes, factors, regressor, kinds)
    order = rng.permutation(codes.shape[1])
    other = metrics.dci(codes[:, order] * scales(rng, codes.shape[1]),
                        renamed(factors, rng) if kind == "categorical" else 3 * factors - 7, regressor, kinds)
    return one, other, order


@pytest.mark.parametrize("kind", ["ordinal", "categorical"])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(worlds())
def test_linear_dci_is_invariant_up_to_rounding(kind, world):
    one, other, order = scored_before_and_after(world, "linear", kind)
    for name in ("disentanglement", "completeness", "informativeness", "errors", "per_factor"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=ROUNDING), name
    assert other.per_code == pytest.approx(one.per_code[order], abs=ROUNDING)
    assert other.importance == pytest.approx(one.importance[order], abs=ROUNDING)
    assert all(-ROUNDING <= score <= 1 + ROUNDING for score in (one.disentanglement, one.completeness))


@pytest.mark.parametrize("regressor, tolerance", [("lasso", 0.02), ("forest", 0.1), ("boosting", 0.05)])
@settings(max_examples=6, deadline=None, derandomize=True)
@given(worlds())
def test_the_other_regressors_are_invariant_within_a_tolerance(regressor, tolerance, world):
    one, other, _ = scored_before_and_after(world, regressor, "categorical")
    for name in ("disentanglement", "completeness", "informativeness"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=tolerance), name
