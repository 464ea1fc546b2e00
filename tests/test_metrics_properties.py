"""What no metric may depend on: the codes' order, their positive scale, the names of values.

The histogram MIG must not change at all, posterior MIG and linear DCI only by rounding. Lasso,
forest and boosting look at the codes in their order and stop at a tolerance, so their scores may
move by what is stated below.
"""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from helpers import metrics

ROUNDING = 1e-9


@st.composite
def worlds(draw):
    """Codes [N, D] that know something about the factors [N, K], the factors, and a generator.

    Lattices, ties and dead codes are among them.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    k = draw(st.integers(2, 3))
    d = draw(st.integers(2, 5))
    n = draw(st.integers(60, 300))

    # Factors of two to six values, all of them about equally often.
    number = np.arange(n)
    columns = [rng.permutation(number % draw(st.integers(2, 6))) for _ in range(k)]
    factors = np.stack(columns, axis=1)

    # Some of the codes are mixtures of some of the factors, with or without noise.
    mixing = rng.normal(size=(k, d)) * (rng.random((k, d)) < 0.6)
    noise = draw(st.sampled_from([0.0, 0.01, 1.0]))
    codes = factors @ mixing + noise * rng.normal(size=(n, d))

    # Many values on the edges of bins; a code that is dead.
    if draw(st.booleans()):
        codes = np.round(codes)
    if draw(st.booleans()):
        codes[:, draw(st.integers(0, d - 1))] = 1.5

    return codes, factors, rng


def renamed(factors, rng):
    """Each value of each factor by another name, in no order and with gaps."""
    names = [rng.choice(100, column.max() + 1, replace=False) for column in factors.T]
    columns = [name[column] for name, column in zip(names, factors.T, strict=True)]
    return np.stack(columns, axis=1)


def scales(rng, d):
    """Positive factors over six orders of magnitude."""
    return 10 ** rng.uniform(-3, 3, d)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(worlds())
def test_mig_is_exactly_invariant(world):
    codes, factors, rng = world
    one = metrics.mig(codes, factors)

    # Everything that must not matter, at once.
    order = rng.permutation(codes.shape[1])
    scale = scales(rng, codes.shape[1])
    other = metrics.mig(codes[:, order] * scale, renamed(factors, rng))

    assert np.array_equal(other.per_factor, one.per_factor)
    assert other.score == one.score
    assert np.array_equal(other.information, one.information[order])
    assert np.array_equal(other.entropies, one.entropies)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(worlds())
def test_no_code_knows_more_of_a_factor_than_there_is_to_know(world):
    codes, factors, _ = world
    mig = metrics.mig(codes, factors)
    assert (mig.per_factor >= 0).all()
    assert (mig.per_factor <= 1 + ROUNDING).all()
    assert (mig.information <= mig.entropies + ROUNDING).all()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(worlds())
def test_posterior_mig_is_invariant_up_to_rounding(world):
    codes, factors, rng = world
    logvar = rng.uniform(-3, 0, codes.shape)
    one = metrics.posterior_mig(codes, logvar, factors)

    # A code that is scaled takes its posterior along.
    order = rng.permutation(codes.shape[1])
    scale = scales(rng, codes.shape[1])
    scaled_logvar = logvar[:, order] + 2 * np.log(scale)
    other = metrics.posterior_mig(codes[:, order] * scale, scaled_logvar, renamed(factors, rng))

    assert other.per_factor == pytest.approx(one.per_factor, abs=1e-6)


def scored_before_and_after(world, regressor, kind):
    """DCI of a world, DCI with its codes permuted and scaled and its values renamed, the order."""
    codes, factors, rng = world
    kinds = [kind] * factors.shape[1]
    one = metrics.dci(codes, factors, regressor=regressor, kinds=kinds)

    order = rng.permutation(codes.shape[1])
    changed_codes = codes[:, order] * scales(rng, codes.shape[1])

    # Numbers may be moved and stretched, the names of classes are arbitrary.
    changed_factors = renamed(factors, rng) if kind == "categorical" else 3 * factors - 7
    other = metrics.dci(changed_codes, changed_factors, regressor=regressor, kinds=kinds)

    return one, other, order


@pytest.mark.parametrize("kind", ["ordinal", "categorical"])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(worlds())
def test_linear_dci_is_invariant_up_to_rounding(kind, world):
    one, other, order = scored_before_and_after(world, "linear", kind)
    for name in ("disentanglement", "completeness", "informativeness", "errors", "per_factor"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=ROUNDING), name

    # What belongs to a code goes with it.
    assert other.per_code == pytest.approx(one.per_code[order], abs=ROUNDING)
    assert other.importance == pytest.approx(one.importance[order], abs=ROUNDING)

    assert -ROUNDING <= one.disentanglement <= 1 + ROUNDING
    assert -ROUNDING <= one.completeness <= 1 + ROUNDING


@pytest.mark.parametrize(
    "regressor, tolerance", [("lasso", 0.02), ("forest", 0.1), ("boosting", 0.05)]
)
@settings(max_examples=6, deadline=None, derandomize=True)
@given(worlds())
def test_the_other_regressors_are_invariant_within_a_tolerance(regressor, tolerance, world):
    one, other, _ = scored_before_and_after(world, regressor, "categorical")
    for name in ("disentanglement", "completeness", "informativeness"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=tolerance), name
