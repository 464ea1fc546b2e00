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


def test_the_toys_evidence_and_posterior_are_those_by_hand():
    toy = worlds.four_images()
    quarter = torch.full((4,), 0.25, dtype=torch.float64)
    assert torch.allclose(toy.evidence(), quarter, atol=1e-15)
    assert toy.posterior()[0].tolist() == pytest.approx([0.64, 0.16, 0.16, 0.04], abs=1e-15)


def test_the_toys_terms_and_gap_are_those_by_hand():
    # The encoder copies each pixel to its latent with probability 0.9.
    toy = worlds.four_images()
    copy = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64)
    q = torch.kron(copy, copy)

    # It loses H(0.9) of the log 2 nats of each pixel, and the aggregated posterior is the prior.
    h = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    terms = toy.kl_terms(q)
    assert toy.rate(q).item() == pytest.approx(2 * (math.log(2) - h), abs=1e-12)
    assert terms.mutual_information.item() == pytest.approx(2 * (math.log(2) - h), abs=1e-12)
    assert abs(terms.total_correlation.item()) < 1e-12
    assert abs(terms.dimension_wise_kl.item()) < 1e-12

    # The decoder copies with probability 0.8 only, hence so does the true posterior.
    gap = 2 * (0.9 * math.log(0.9 / 0.8) + 0.1 * math.log(0.1 / 0.2))
    assert (toy.evidence().log() - toy.elbo(q))[0].item() == pytest.approx(gap, abs=1e-12)


def test_the_elbo_falls_short_by_the_kl_to_the_posterior(world):
    q = encoders(1, 3, 4)[0]
    q[0, 3] = 0  # the impossible pair
    q = q / q.sum(1, keepdim=True)
    posterior = world.posterior()

    # KL(q || posterior) of image i by its definition, with 0 log 0 = 0.
    def kl(i):
        possible = [z for z in range(4) if q[i, z] > 0]
        return sum(q[i, z] * (q[i, z] / posterior[i, z]).log() for z in possible)

    gap = torch.stack([kl(i) for i in range(3)])
    assert torch.allclose(world.evidence().log() - world.elbo(q), gap, atol=1e-12)
    assert torch.allclose(world.elbo(posterior), world.evidence().log(), atol=1e-12)

    # On average the ELBO is minus the distortion minus the rate.
    whole = world.elbo(q).mean() + world.distortion(q) + world.rate(q)
    assert whole.item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("beta", [0.2, 1.0, 3.0])
def test_tempered_encoders_are_the_best_ones(world, beta):
    best = world.tempered(beta)
    value = world.distortion(best) + beta * world.rate(best)
    for direction in encoders(500, 3, 4):
        q = 0.8 * best + 0.2 * direction * (best > 0)
        q = q / q.sum(1, keepdim=True)
        assert world.distortion(q) + beta * world.rate(q) >= value - 1e-12


def test_tempering_by_one_gives_the_posterior(world):
    assert torch.allclose(world.tempered(1), world.posterior(), atol=1e-12)


def test_tempering_by_infinity_gives_the_prior_cut_to_the_codes_that_are_possible(world):
    encoder = world.tempered(math.inf)
    assert torch.allclose(encoder[1:], world.prior.expand(2, 4), atol=1e-12)
    assert encoder[0].tolist() == pytest.approx([0.375, 0.375, 0.25, 0])  # code 3 is impossible


def test_tempering_by_nothing_gives_the_likeliest_code_and_shares_ties_by_the_prior(world):
    assert torch.equal(world.tempered(0).argmax(1), world.likelihood.T.argmax(1))
    assert torch.allclose(world.tempered(1e-4), world.tempered(0), atol=1e-12)
    tied = worlds.DiscreteWorld([0.1, 0.3, 0.6], [[0.5, 0.5], [0.5, 0.5], [0.2, 0.8]])
    assert tied.tempered(0)[0].tolist() == pytest.approx([0.25, 0.75, 0])


def test_a_negative_beta_is_refused(world):
    with pytest.raises(ValueError, match="beta"):
        world.tempered(-1)


def test_the_three_terms_are_their_explicit_sums(world):
    q = encoders(1, 3, 4, seed=2)[0]
    terms = world.kl_terms(q)

    # I(z;n), over all pairs of an image and a code.
    images_and_codes = itertools.product(range(3), range(4))
    mi = sum(q[n, z] / 3 * (q[n, z] / q.mean(0)[z]).log() for n, z in images_and_codes)

    # TC(z), over all pairs of values of the two latents.
    aggregated = q.mean(0).reshape(2, 2)
    first, second = aggregated.sum(1), aggregated.sum(0)
    tc = sum(
        aggregated[a, b] * (aggregated[a, b] / (first[a] * second[b])).log()
        for a, b in itertools.product((0, 1), (0, 1))
    )

    # Each latent against its own prior.
    prior = torch.tensor([[0.6, 0.4], [0.5, 0.5]], dtype=torch.float64)
    dimension_wise = (first * (first / prior[0]).log()).sum()
    dimension_wise += (second * (second / prior[1]).log()).sum()

    wanted = [mi.item(), tc.item(), dimension_wise.item()]
    assert [t.item() for t in terms[:3]] == pytest.approx(wanted, abs=1e-12)
    assert sum(terms[:3]).item() == pytest.approx(world.rate(q).item(), abs=1e-12)
    assert terms.error is None  # nothing was estimated


EVEN = [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize(
    "prior, likelihood, latent_sizes, message",
    [
        ([0.5, 0.6], EVEN, None, "prior must hold probabilities"),
        ([0.5, 0.5], [[0.5, 0.5], [1.5, -0.5]], None, "likelihood"),
        ([0.2, 0.3, 0.5], EVEN, None, "number of codes"),
        ([0.5, 0.5], EVEN, (3,), "number of codes"),
        ([0.5, 0.5], [[1.0, 0.0], [1.0, 0.0]], None, "every image needs a code"),
    ],
)
def test_bad_worlds_are_named(prior, likelihood, latent_sizes, message):
    with pytest.raises(ValueError, match=message):
        worlds.DiscreteWorld(prior, likelihood, latent_sizes=latent_sizes)


def test_an_encoder_of_another_shape_is_named(world):
    with pytest.raises(ValueError, match="a row an image"):
        world.rate([[0.5, 0.5]])


def test_a_prior_that_does_not_factorise_has_no_three_terms():
    prior = [0.4, 0.1, 0.1, 0.4]
    dependent = worlds.DiscreteWorld(prior, [[0.7, 0.3]] * 4, latent_sizes=(2, 2))
    with pytest.raises(ValueError, match="does not factorise"):
        dependent.kl_terms([[0.25] * 4] * 2)
