"""SAP, modularity and the two scores that hold a factor: against other ways to compute them."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression
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


class Numbers:
    """A world whose images are its factors."""

    factor_sizes = (3, 4, 6)

    def images(self, factors: torch.Tensor) -> torch.Tensor:
        return factors[:, None, None, :].double()

    def draw(self, number: int, generator: torch.Generator) -> torch.Tensor:
        columns = [torch.randint(s, (number,), generator=generator) for s in self.factor_sizes]
        return torch.stack(columns, dim=1)


def mixed(images: torch.Tensor) -> torch.Tensor:
    """Three codes in different units, each with something of all three factors."""
    x = images[:, 0, 0]
    first = x @ torch.tensor([1.0, 0.5, 0.2]).double()
    second = x @ torch.tensor([0.8, 1.0, 0.3]).double()
    third = torch.sin(x @ torch.tensor([1.0, 2.0, 3.0]).double())
    return torch.stack([first, 10 * second, 0.5 * third], dim=1)


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


# With few images and mixed codes the scores lie between chance and 1, so that a mistake shows.


def test_the_classifier_is_what_its_definition_says():
    numbers = Numbers()
    generator = torch.Generator().manual_seed(1)
    held = torch.randint(3, (600,), generator=generator)
    rows = []
    for k in held:
        first, second = numbers.draw(3, generator), numbers.draw(3, generator)
        second[:, k] = first[:, k]  # each pair has a value of its own
        far = mixed(numbers.images(first)) - mixed(numbers.images(second))
        rows.append(far.abs().mean(0))
    x = torch.stack(rows).numpy()
    x = (x - x.mean(0)) / x.std(0)
    said = LogisticRegression(max_iter=1000).fit(x[:400], held[:400]).predict(x[400:])

    generator = torch.Generator().manual_seed(1)
    found = metrics.beta_vae_score(mixed, numbers, generator, batches=600, pairs=3)
    assert 0.6 < found.score < 0.9
    assert found.score == np.mean(said == held[400:].numpy())
    for k, row in enumerate(found.confusion):
        assert row.tolist() == np.bincount(said[held[400:] == k], minlength=3).tolist()


def test_the_vote_is_what_its_definition_says():
    numbers = Numbers()
    generator = torch.Generator().manual_seed(1)
    spread = mixed(numbers.images(numbers.draw(5000, generator))).var(0)
    votes = np.zeros((3, 3), dtype=int)
    for k in torch.randint(3, (400,), generator=generator).tolist():
        factors = numbers.draw(3, generator)
        factors[:, k] = factors[0, k].item()  # one value throughout the batch
        votes[(mixed(numbers.images(factors)).var(0) / spread).argmin(), k] += 1

    generator = torch.Generator().manual_seed(1)
    found = metrics.factor_vae_score(mixed, numbers, generator, batches=400, images=3, least=0)
    assert (found.votes == votes).all()
    assert 0.4 < found.score < 0.9
    assert found.score == sum(max(row) for row in votes.tolist()) / 400


@pytest.mark.parametrize("score", [metrics.beta_vae_score, metrics.factor_vae_score])
def test_both_see_a_turn_by_45_degrees_of_two_factors_that_vary_equally(world, score):
    # The two places cannot be told apart, and the side still can: about two thirds.
    assert 0.5 < score(turned, world, torch.Generator().manual_seed(0), 300).score < 0.8


@pytest.mark.parametrize(
    ("score", "options"),
    [
        (metrics.beta_vae_score, {"batches": 300, "pairs": 3}),
        (metrics.factor_vae_score, {"batches": 300, "images": 3, "least": 0}),
    ],
)
def test_neither_depends_on_order_sign_or_unit_of_the_codes(score, options):
    def other(images):
        return mixed(images)[:, [2, 0, 1]] * torch.tensor([-2.0, 0.5, 30.0])

    one, two = (
        score(encode, Numbers(), torch.Generator().manual_seed(3), **options).score
        for encode in (mixed, other)
    )
    assert 0.4 < one < 0.9
    assert one == pytest.approx(two, abs=0.011)  # rounding may turn one of a hundred predictions


def test_a_shut_code_has_no_vote(world):
    def with_shut(images):
        z = read_off(images)
        return torch.cat([0.01 + 0 * z[:, :1], z], dim=1)

    found = metrics.factor_vae_score(with_shut, world, torch.Generator().manual_seed(0), 100)
    assert found.in_use.tolist() == [False, True, True, True]
    assert found.votes[0].sum() == 0
    assert found.score == 1


@pytest.mark.parametrize("unit", [1e-3, 1, 1e3])
def test_which_codes_are_shut_does_not_depend_on_a_unit_that_all_share(unit):
    def with_shut(images):
        z = mixed(images)
        return unit * torch.cat([0.01 * z[:, :1], z], dim=1)

    # The spreads are about 0.01, 1, 14 and 0.35 units, and what votes has at least 0.05 of 14.
    found = metrics.factor_vae_score(with_shut, Numbers(), torch.Generator().manual_seed(0), 100)
    assert found.in_use.tolist() == [False, True, True, False]
    assert found.votes[[0, 3]].sum() == 0


def test_the_same_generator_gives_the_same_score(world):
    for score in (metrics.beta_vae_score, metrics.factor_vae_score):
        one, two = (score(turned, world, torch.Generator().manual_seed(7), 90) for _ in range(2))
        assert one.score == two.score
