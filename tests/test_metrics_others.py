"""SAP, modularity and the two scores that hold a factor: against other ways to compute them."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mutual_info_score

from helpers import datasets, metrics


@pytest.fixture(scope="module")
def world() -> datasets.FactorDataset:
    """Images whose factors anybody can read off: small sprites."""
    return datasets.sprites(32, keep={"shape": ["square"], "orientation": [0]})


def random_codes(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes [500, 4] that know something of factors [500, 3]."""
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, [3, 5, 8], size=(500, 3))
    return factors @ rng.normal(size=(3, 4)) + rng.normal(size=(500, 4)), factors


@pytest.mark.parametrize("seed", range(10))
def test_sap_is_the_gap_of_two_regressions(seed):
    codes, factors = random_codes(seed)
    explained = [
        [LinearRegression().fit(z[:, None], g).score(z[:, None], g) for g in factors.T]
        for z in codes.T
    ]
    found = metrics.sap(codes, factors)
    assert found.explained == pytest.approx(np.array(explained), abs=1e-10)
    best = np.sort(explained, axis=0)
    assert found.score == pytest.approx((best[-1] - best[-2]).mean(), abs=1e-10)


@pytest.mark.parametrize("seed", range(10))
def test_modularity_is_what_its_template_says(seed):
    codes, factors = random_codes(seed)
    found = metrics.modularity(codes, factors, bins=7)
    for z, score in zip(codes.T, found.per_code, strict=True):
        edges = np.linspace(z.min(), z.max(), 8)[1:-1]
        m = np.array([mutual_info_score(np.digitize(z, edges), g) for g in factors.T])
        template = np.where(m == m.max(), m, 0)
        deviation = ((m - template) ** 2).sum() / (m.max() ** 2 * 2)
        assert score == pytest.approx(1 - deviation, abs=1e-10)
    assert found.score == pytest.approx(found.per_code.mean())


def test_a_code_that_knows_nothing_changes_neither():
    codes, factors = random_codes(0)
    more = np.column_stack([codes, np.ones(500)])
    assert metrics.modularity(more, factors).score == metrics.modularity(codes, factors).score
    assert np.isnan(metrics.modularity(more, factors).per_code[-1])
    assert metrics.sap(more, factors).score == pytest.approx(metrics.sap(codes, factors).score)
    assert metrics.modularity(np.ones((500, 2)), factors).score == 0


def test_what_cannot_be_scored_is_refused(world):
    codes, factors = random_codes(0)
    with pytest.raises(ValueError, match="at least two"):
        metrics.modularity(codes, factors[:, 0])
    with pytest.raises(ValueError, match="holds names"):
        metrics.sap(codes, {"object": np.where(factors[:, 0] > 0, "apple", "pear")})
    alone = datasets.sprites(32, keep={"shape": [0], "orientation": [0], "posX": [5], "posY": [5]})
    for score in (metrics.beta_vae_score, metrics.factor_vae_score):
        with pytest.raises(ValueError, match="the data set has 1"):
            score(lambda images: images.flatten(1), alone, torch.Generator())
    with pytest.raises(ValueError, match="the same for all images"):
        metrics.factor_vae_score(lambda x: torch.zeros(len(x), 3), world, torch.Generator())


# The two that hold a factor


def read_off(images: torch.Tensor) -> torch.Tensor:
    """The perfect code of squares: side, and centre across and down, from the pixels."""
    mass = images[:, 0].sum((1, 2))
    places = torch.arange(images.shape[-1], dtype=torch.float32)
    across = (images[:, 0].sum(1) @ places) / mass
    down = (images[:, 0].sum(2) @ places) / mass
    return torch.stack([mass.sqrt(), across, down], dim=1)


def turned(images: torch.Tensor) -> torch.Tensor:
    """The same, standardised, with the two places turned by 45 degrees."""
    z = read_off(images)
    z = (z - torch.tensor([7.0, 15.5, 15.5])) / torch.tensor([2.0, 5.0, 5.0])
    return torch.stack([z[:, 0], z[:, 1] - z[:, 2], z[:, 1] + z[:, 2]], dim=1)


@pytest.mark.parametrize("score", [metrics.beta_vae_score, metrics.factor_vae_score])
def test_a_perfect_code_scores_one_and_noise_scores_chance(world, score):
    assert score(read_off, world, torch.Generator().manual_seed(0), 300).score == 1
    noise = torch.Generator().manual_seed(1)
    found = score(lambda x: torch.randn(len(x), 3, generator=noise), world, torch.Generator(), 300)
    assert found.score < 0.55  # chance is 1/3, and the majority of few votes lies above it


def test_one_of_the_two_sees_a_turn_and_the_other_does_not(world):
    # A turn of two latents mixes two factors, and a linear classifier turns them back only as far
    # as absolute differences let it.
    vote = metrics.factor_vae_score(turned, world, torch.Generator().manual_seed(0), 300)
    assert vote.score < 0.8
    assert vote.votes.sum() == 300


def test_neither_depends_on_order_sign_or_unit_of_the_codes(world):
    def other(images):
        return read_off(images)[:, [2, 0, 1]] * torch.tensor([-2.0, 0.5, 3.0])

    for score in (metrics.beta_vae_score, metrics.factor_vae_score):
        one, two = (score(e, world, torch.Generator().manual_seed(3), 150) for e in (turned, other))
        assert score(other, world, torch.Generator().manual_seed(3), 150).score == 1
        assert one.score <= two.score


def test_a_shut_code_has_no_vote(world):
    def with_shut(images):
        z = read_off(images)
        return torch.cat([z, 0.01 + 0 * z[:, :1]], dim=1)

    found = metrics.factor_vae_score(with_shut, world, torch.Generator().manual_seed(0), 100)
    assert found.in_use.tolist() == [True, True, True, False]
    assert found.votes[3].sum() == 0
    assert found.score == 1


def test_the_same_generator_gives_the_same_score(world):
    for score in (metrics.beta_vae_score, metrics.factor_vae_score):
        one, two = (score(turned, world, torch.Generator().manual_seed(7), 90) for _ in range(2))
        assert one.score == two.score
