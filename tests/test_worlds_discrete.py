import itertools
import math

import pytest
import torch

from helpers import worlds


@pytest.fixture
def world():
    """Three images, four codes of two latents, a prior that factorises, and one impossible pair."""
    likelihood = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.0, 0.5, 0.5]]
    return worlds.DiscreteWorld([0.3, 0.3, 0.2, 0.2], likelihood, latent_sizes=(2, 2))


def encoders(n, rows, codes, seed=0):
    torch.manual_seed(seed)
    return torch.distributions.Dirichlet(torch.ones(codes, dtype=torch.float64)).sample((n, rows))


def test_the_toy_by_hand():
    toy = worlds.four_images()
    assert torch.allclose(toy.evidence(), torch.full((4,), 0.25, dtype=torch.float64), atol=1e-15)
    assert toy.posterior()[0].tolist() == pytest.approx([0.64, 0.16, 0.16, 0.04], abs=1e-15)
    copy = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64)
    q = torch.kron(copy, copy)
    h = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    terms = toy.kl_terms(q)
    assert toy.rate(q).item() == pytest.approx(2 * (math.log(2) - h), abs=1e-12)
    assert terms.mutual_information.item() == pytest.approx(2 * (math.log(2) - h), abs=1e-12)
    assert abs(terms.total_correlation.item()) < 1e-12 and abs(terms.dimension_wise_kl.item()) < 1e-12
    gap = 2 * (0.9 * math.log(0.9 / 0.8) + 0.1 * math.log(0.1 / 0.2))
    assert (toy.evidence().log() - toy.elbo(q))[0].item() == pytest.approx(gap, abs=1e-12)


def test_the_elbo_falls_short_by_the_kl_to_the_posterior(world):
    q = encoders(1, 3, 4)[0]
    q[0, 3] = 0  # the impossible pair
    q = q / q.sum(1, keepdim=True)
    posterior = world.posterior()
    gap = torch.stack([sum(q[i, z] * (q[i, z] / posterior[i, z]).log() for z in range(4) if q[i, z] > 0) for i in range(3)])
    assert torch.allclose(world.evidence().log() - world.elbo(q), gap, atol=1e-12)
    assert torch.allclose(world.elbo(posterior), world.evidence().log(), atol=1e-12)
    assert (world.elbo(q).mean() + world.distortion(q) + world.rate(q)).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("beta", [0.2, 1.0, 3.0])
def test_tempered_encoders_are_the_best_ones(world, beta):
    best = world.tempered(beta)
    value = world.distortion(best) + beta * world.rate(best)
    for q in encoders(500, 3, 4):
        q = 0.8 * best + 0.2 * q * (best > 0)
        q = q / q.sum(1, keepdim=True)
        assert world.distortion(q) + beta * world.rate(q) >= value - 1e-12


def test_the_ends_of_beta(world):
    assert torch.allclose(world.tempered(1), world.posterior(), atol=1e-12)
    assert torch.allclose(world.tempered(math.inf)[1:], world.prior.expand(2, 4), atol=1e-12)
    assert world.tempered(math.inf)[0].tolist() == pytest.approx([0.375, 0.375, 0.25, 0])  # code 3 cannot produce image 0
    assert torch.equal(world.tempered(0).argmax(1), world.likelihood.T.argmax(1))
    assert torch.allclose(world.tempered(1e-4), world.tempered(0), atol=1e-12)
    tied = worlds.DiscreteWorld([0.1, 0.3, 0.6], [[0.5, 0.5], [0.5, 0.5], [0.2, 0.8]])
    assert tied.tempered(0)[0].tolist() == pytest.approx([0.25, 0.75, 0])
    with pytest.raises(ValueError, match="beta"):
        world.tempered(-1)


def test_the_three_terms_by_explicit_sums(world):
    q = encoders(1, 3, 4, seed=2)[0]
    terms = world.kl_terms(q)
    aggregated = q.mean(0).reshape(2, 2)
    first, second = aggregated.sum(1), aggregated.sum(0)
    mi = sum(q[n, z] / 3 * (q[n, z] / q.mean(0)[z]).log() for n, z in itertools.product(range(3), range(4)))
    tc = sum(aggregated[a, b] * (aggregated[a, b] / (first[a] * second[b])).log() for a in (0, 1) for b in (0, 1))
    prior = torch.tensor([[0.6, 0.4], [0.5, 0.5]], dtype=torch.float64)
    dimension_wise = (first * (first / prior[0]).log()).sum() + (second * (second / prior[1]).log()).sum()
    assert [t.item() for t in terms] == pytest.approx([mi.item(), tc.item(), dimension_wise.item()], abs=1e-12)
    assert sum(terms).item() == pytest.approx(world.rate(q).item(), abs=1e-12)


def test_bad_worlds_are_named(world):
    good = [[0.5, 0.5], [0.5, 0.5]]
    for arguments, message in [
        (([0.5, 0.6], good), "prior must hold probabilities"), (([0.5, 0.5], [[0.5, 0.5], [1.5, -0.5]]), "likelihood"),
        (([0.2, 0.3, 0.5], good), "number of codes"), (([0.5, 0.5], good, (3,)), "number of codes"),
        (([0.5, 0.5], [[1.0, 0.0], [1.0, 0.0]]), "every image needs a code"),
    ]:
        with pytest.raises(ValueError, match=message):
            worlds.DiscreteWorld(*arguments)
    with pytest.raises(ValueError, match="a row an image"):
        world.rate([[0.5, 0.5]])
    with pytest.raises(ValueError, match="does not factorise"):
        worlds.DiscreteWorld([0.4, 0.1, 0.1, 0.4], [[0.7, 0.3]] * 4, (2, 2)).kl_terms([[0.25] * 4] * 2)
