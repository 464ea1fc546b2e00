import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import MultivariateNormal

from helpers import gaussians
from helpers.worlds import LinearGaussian


def generator(seed):
    return torch.Generator().manual_seed(seed)


def drawn_world(pixels=4, latents=2, noise_variance=0.3):
    chance = generator(0)
    weights = torch.randn(pixels, latents, generator=chance, dtype=torch.float64)
    mean = torch.randn(pixels, generator=chance, dtype=torch.float64)
    return LinearGaussian(weights, noise_variance, mean)


def images_of(world, n=3):
    return world.sample(n, generator(1))[0]


def test_log_evidence_is_the_integral_over_codes():
    world = drawn_world()
    axis = torch.linspace(-8, 8, 801, dtype=torch.float64)
    area = (axis[1] - axis[0]) ** 2
    z = torch.cartesian_prod(axis, axis)
    log_prior = torch.from_numpy(stats.multivariate_normal(np.zeros(2)).logpdf(z.numpy()))
    for x in images_of(world):
        integral = torch.exp(world.log_likelihood(x, z) + log_prior).sum() * area
        found = world.log_evidence(x[None]).item()
        assert found == pytest.approx(integral.log().item(), abs=1e-10)


def test_posterior_satisfies_bayes_at_any_code():
    world = drawn_world(pixels=5, latents=3)
    x = images_of(world)
    mean, covariance = world.posterior(x)
    posteriors = [stats.multivariate_normal(m.numpy(), covariance.numpy()) for m in mean]
    for z in torch.randn(4, 3, generator=generator(2), dtype=torch.float64):
        log_prior = stats.multivariate_normal(np.zeros(3)).logpdf(z.numpy())
        log_posterior = [p.logpdf(z.numpy()) for p in posteriors]
        bayes = world.log_likelihood(x, z).numpy() + log_prior - log_posterior
        assert np.allclose(world.log_evidence(x).numpy(), bayes, atol=1e-10)


def test_log_likelihood_is_scipys_and_broadcasts():
    world = drawn_world()
    x, z = world.sample(3, generator(0))
    table = world.log_likelihood(x[:, None], z)
    for i, k in itertools.product(range(3), range(3)):
        p = stats.multivariate_normal((world.weights @ z[k] + world.mean).numpy(), 0.3 * np.eye(4))
        assert table[i, k].item() == pytest.approx(p.logpdf(x[i].numpy()), abs=1e-10)


def test_elbo_is_its_quadrature():
    world = drawn_world(pixels=3, latents=1)
    x = images_of(world, 1)
    mu = torch.tensor([[0.7]]).double()
    logvar = torch.tensor([[-1.1]]).double()

    # The integral over z of q (log p(x, z) - log q).
    z = torch.linspace(-9, 9, 20_001, dtype=torch.float64)[:, None]
    log_q = gaussians.log_density(z, mu, logvar)[:, 0]
    log_joint = world.log_likelihood(x, z) + gaussians.log_density(z, 0.0, 0.0)[:, 0]
    integral = torch.trapezoid(log_q.exp() * (log_joint - log_q), z[:, 0])
    assert world.elbo(x, mu, logvar).item() == pytest.approx(integral.item(), abs=1e-10)


def test_elbo_falls_short_of_the_evidence_by_the_kl_to_the_posterior():
    world = drawn_world(pixels=6, latents=3)
    x = images_of(world)
    mu, logvar = torch.randn(2, 3, 3, generator=generator(3), dtype=torch.float64)
    kl = torch.distributions.kl_divergence(
        MultivariateNormal(mu, torch.diag_embed(logvar.exp())),
        MultivariateNormal(*world.posterior(x)),
    )
    gap = world.log_evidence(x) - world.elbo(x, mu, logvar)
    assert torch.allclose(gap, kl, rtol=0, atol=1e-10)


def test_no_diagonal_posterior_beats_best_diagonal():
    world = drawn_world(pixels=5, latents=3)
    x = images_of(world, 1)
    best, gap = world.best_diagonal()

    # The best diagonal posterior once more, by climbing the ELBO.
    mu = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    logvar = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [mu, logvar],
        max_iter=200,
        line_search_fn="strong_wolfe",
        tolerance_grad=1e-12,
        tolerance_change=1e-16,
    )

    def loss():
        optimiser.zero_grad()
        value = -world.elbo(x, mu, logvar).sum()
        value.backward()
        return value

    optimiser.step(loss)

    assert torch.allclose(mu, world.posterior(x)[0], atol=1e-6)
    assert torch.allclose(logvar[0], best, atol=1e-6)
    climbed = world.log_evidence(x) - world.elbo(x, mu, logvar)
    assert climbed.item() == pytest.approx(gap.item(), abs=1e-10)
    assert gap > 0.01


def test_rotation_keeps_the_evidence_and_moves_the_gap():
    world = drawn_world(pixels=5, latents=3)
    x = images_of(world, 10)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=generator(4), dtype=torch.float64))[0]
    turned = world.rotated(rotation)
    assert torch.allclose(turned.log_evidence(x), world.log_evidence(x), rtol=0, atol=1e-10)
    assert abs(turned.best_diagonal()[1] - world.best_diagonal()[1]) > 1e-3


def test_the_principal_rotation_closes_the_gap_along_the_principal_axes():
    world = drawn_world(pixels=5, latents=3)
    principal = world.rotated(world.principal_rotation())
    assert principal.best_diagonal()[1].item() == pytest.approx(0, abs=1e-12)

    # Its columns are the principal axes of W Wᵀ, the longest first.
    values, axes = np.linalg.eigh((world.weights @ world.weights.T).numpy())
    longest_first = axes[:, ::-1][:, :3]
    lengths = np.sqrt(values[::-1][:3])
    along_axes = np.abs(longest_first.T @ principal.weights.numpy())
    assert np.allclose(along_axes, np.diag(lengths), atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.1])
def test_where_eigenvalues_are_equal_no_rotation_opens_a_gap(angle):
    world = LinearGaussian(torch.eye(4)[:, :2] * 1.7, 0.2)
    c, s = math.cos(angle), math.sin(angle)
    turned = world.rotated([[c, -s], [s, c]])
    assert turned.best_diagonal()[1].item() == pytest.approx(0, abs=1e-12)


def test_samples_repeat_and_have_the_evidences_moments():
    world = drawn_world(pixels=3, latents=2)
    x, z = world.sample(200_000, generator(5))
    assert torch.equal(x, world.sample(200_000, generator(5))[0])
    assert x.dtype == z.dtype == torch.float64
    assert z.shape == (200_000, 2)

    # The evidence is a Gaussian around m with covariance W Wᵀ + s² I.
    covariance = world.weights @ world.weights.T + 0.3 * torch.eye(3)
    largest = covariance.diagonal().max()
    assert torch.allclose(x.mean(0), world.mean, atol=5 * (largest / 200_000).sqrt().item())
    assert torch.allclose(torch.cov(x.T), covariance, atol=0.02 * largest.item())

    # What its own code does not explain of an image is the noise.
    noise = x - world.mean - z @ world.weights.T
    assert noise.var().item() == pytest.approx(0.3, rel=0.01)


def test_gradients_reach_weights_and_noise_variance():
    weights = torch.randn(4, 2, generator=generator(0), dtype=torch.float64).requires_grad_()
    log_variance = torch.tensor(-1.0, dtype=torch.float64).requires_grad_()
    x = images_of(drawn_world())

    def evidence(weights, log_variance):
        return LinearGaussian(weights, log_variance.exp()).log_evidence(x).sum()

    def gap(weights):
        return LinearGaussian(weights, 0.5).best_diagonal()[1]

    # Against finite differences.
    assert torch.autograd.gradcheck(evidence, (weights, log_variance))
    assert torch.autograd.gradcheck(gap, weights)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((torch.ones(3), 1.0), "table"),
        ((torch.ones(3, 0), 1.0), "table"),
        ((torch.ones(3, 2), 0.0), "positive"),
        ((torch.ones(3, 2), math.nan), "positive"),
        ((torch.ones(3, 2), torch.ones(3)), "one positive number"),
        ((torch.full((3, 2), math.nan), 1.0), "weights holds NaN"),
        ((torch.ones(3, 2), 1.0, torch.ones(2)), "mean must have 3"),
        ((torch.ones(3, 2), 1.0, torch.ones(1, 3)), "one image"),
    ],
)
def test_bad_worlds_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LinearGaussian(*arguments)


@pytest.mark.parametrize(
    "method, arguments, message",
    [
        ("log_evidence", [torch.ones(2, 3)], "x must have 4"),
        ("posterior", [torch.full((1, 4), math.inf)], "x holds NaN or infinite"),
        ("log_likelihood", [torch.ones(1, 4), torch.ones(1, 3)], "z must have 2"),
        ("elbo", [torch.ones(1, 4), torch.ones(1, 2), torch.ones(1, 1)], "logvar must have 2"),
        ("rotated", [torch.ones(2, 2)], "orthogonal"),
        ("rotated", [torch.eye(3)], "orthogonal"),
    ],
)
def test_bad_arguments_are_refused(method, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(drawn_world(), method)(*arguments)
