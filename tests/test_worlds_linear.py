import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from helpers import gaussians
from helpers.worlds import LinearGaussian


def world(pixels=4, latents=2, noise_variance=0.3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(pixels, latents, generator=generator, dtype=torch.float64)
    return LinearGaussian(weights, noise_variance, torch.randn(pixels, generator=generator, dtype=torch.float64))


def images_of(w, n=3, seed=1):
    return w.sample(n, torch.Generator().manual_seed(seed))[0]


def test_log_evidence_is_the_integral_over_codes():
    w = world()
    axis = torch.linspace(-8, 8, 801, dtype=torch.float64)
    z = torch.cartesian_prod(axis, axis)
    log_prior = torch.from_numpy(stats.multivariate_normal(np.zeros(2)).logpdf(z.numpy()))
    for x in images_of(w):
        integral = torch.exp(w.log_likelihood(x, z) + log_prior).sum() * (axis[1] - axis[0]) ** 2
        assert w.log_evidence(x[None]).item() == pytest.approx(integral.log().item(), abs=1e-10)


def test_posterior_satisfies_bayes_at_any_code():
    w = world(pixels=5, latents=3)
    x = images_of(w)
    mean, covariance = w.posterior(x)
    for z in torch.randn(4, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64):
        log_prior = stats.multivariate_normal(np.zeros(3)).logpdf(z.numpy())
        log_posterior = [stats.multivariate_normal(m.numpy(), covariance.numpy()).logpdf(z.numpy()) for m in mean]
        bayes = w.log_likelihood(x, z).numpy() + log_prior - log_posterior
        assert np.allclose(w.log_evidence(x).numpy(), bayes, atol=1e-10)


def test_log_likelihood_is_scipys_and_broadcasts():
    w = world()
    x, z = w.sample(3, torch.Generator().manual_seed(0))
    table = w.log_likelihood(x[:, None], z)
    for i, k in itertools.product(range(3), range(3)):
        p = stats.multivariate_normal((w.weights @ z[k] + w.mean).numpy(), 0.3 * np.eye(4))
        assert table[i, k].item() == pytest.approx(p.logpdf(x[i].numpy()), abs=1e-10)


def test_elbo_is_its_quadrature():
    w = world(pixels=3, latents=1)
    x, mu, logvar = images_of(w, 1), torch.tensor([[0.7]]).double(), torch.tensor([[-1.1]]).double()
    zero = torch.zeros(1, dtype=torch.float64)
    z = torch.linspace(-9, 9, 20_001, dtype=torch.float64)[:, None]
    log_q = gaussians.log_density(z, mu, logvar)[:, 0]
    log_joint = w.log_likelihood(x, z) + gaussians.log_density(z, zero, zero)[:, 0]
    integral = torch.trapezoid(log_q.exp() * (log_joint - log_q), z[:, 0])
    assert w.elbo(x, mu, logvar).item() == pytest.approx(integral.item(), abs=1e-10)


def test_elbo_falls_short_of_the_evidence_by_the_kl_to_the_posterior():
    w = world(pixels=6, latents=3)
    x = images_of(w)
    mu, logvar = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    mean, covariance = w.posterior(x)
    kl = torch.distributions.kl_divergence(
        torch.distributions.MultivariateNormal(mu, torch.diag_embed(logvar.exp())),
        torch.distributions.MultivariateNormal(mean, covariance))
    assert torch.allclose(w.log_evidence(x) - w.elbo(x, mu, logvar), kl, rtol=0, atol=1e-10)


def test_no_diagonal_posterior_beats_best_diagonal():
    w = world(pixels=5, latents=3)
    x = images_of(w, 1)
    best, gap = w.best_diagonal()
    mu = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    logvar = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([mu, logvar], max_iter=200, line_search_fn="strong_wolfe", tolerance_grad=1e-12,
                                  tolerance_change=1e-16)

    def loss():
        optimiser.zero_grad()
        value = -w.elbo(x, mu, logvar).sum()
        value.backward()
        return value

    optimiser.step(loss)
    assert torch.allclose(mu, w.posterior(x)[0], atol=1e-6) and torch.allclose(logvar[0], best, atol=1e-6)
    assert (w.log_evidence(x) - w.elbo(x, mu, logvar)).item() == pytest.approx(gap.item(), abs=1e-10)
    assert gap > 0.01


def test_rotation_keeps_the_evidence_and_moves_the_gap():
    w = world(pixels=5, latents=3)
    x = images_of(w, 10)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64))[0]
    assert torch.allclose(w.rotated(rotation).log_evidence(x), w.log_evidence(x), rtol=0, atol=1e-10)
    assert abs(w.rotated(rotation).best_diagonal()[1] - w.best_diagonal()[1]) > 1e-3
    principal = w.rotated(w.principal_rotation())
    assert principal.best_diagonal()[1].item() == pytest.approx(0, abs=1e-12)
    # Its columns are the principal axes of W Wᵀ, the longest first.
    values, axes = np.linalg.eigh((w.weights @ w.weights.T).numpy())
    columns = principal.weights.numpy()
    assert np.allclose(np.abs(axes[:, ::-1][:, :3].T @ columns), np.diag(np.sqrt(values[::-1][:3])), atol=1e-9)


def test_equal_eigenvalues_have_no_axes():
    w = LinearGaussian(torch.eye(4)[:, :2] * 1.7, 0.2)
    for angle in (0.0, 0.3, 1.1):
        c, s = math.cos(angle), math.sin(angle)
        assert w.rotated([[c, -s], [s, c]]).best_diagonal()[1].item() == pytest.approx(0, abs=1e-12)


def test_samples_repeat_and_have_the_evidences_moments():
    w = world(pixels=3, latents=2)
    x, z = w.sample(200_000, torch.Generator().manual_seed(5))
    assert torch.equal(x, w.sample(200_000, torch.Generator().manual_seed(5))[0])
    assert x.dtype == z.dtype == torch.float64 and z.shape == (200_000, 2)
    covariance = w.weights @ w.weights.T + 0.3 * torch.eye(3)
    assert torch.allclose(x.mean(0), w.mean, atol=5 * (covariance.diagonal().max() / 200_000).sqrt().item())
    assert torch.allclose(torch.cov(x.T), covariance, atol=0.02 * covariance.diagonal().max().item())
    assert (x - w.mean - z @ w.weights.T).var().item() == pytest.approx(0.3, rel=0.01)


def test_gradients_reach_weights_and_noise_variance():
    weights = torch.randn(4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    log_variance = torch.tensor(-1.0, dtype=torch.float64)
    x = images_of(world())
    assert torch.autograd.gradcheck(lambda w, v: LinearGaussian(w, v.exp()).log_evidence(x).sum(),
                                    (weights.requires_grad_(), log_variance.requires_grad_()))
    assert torch.autograd.gradcheck(lambda w: LinearGaussian(w, 0.5).best_diagonal()[1], weights)


@pytest.mark.parametrize("arguments, message", [
    ((torch.ones(3), 1.0), "table"),
    ((torch.ones(3, 0), 1.0), "table"),
    ((torch.ones(3, 2), 0.0), "positive"),
    ((torch.ones(3, 2), math.nan), "positive"),
    ((torch.ones(3, 2), torch.ones(3)), "one positive number"),
    ((torch.full((3, 2), math.nan), 1.0), "weights holds NaN"),
    ((torch.ones(3, 2), 1.0, torch.ones(2)), "mean must have 3"),
    ((torch.ones(3, 2), 1.0, torch.ones(1, 3)), "one image"),
])
def test_bad_worlds_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LinearGaussian(*arguments)


@pytest.mark.parametrize("call, message", [
    (lambda w: w.log_evidence(torch.ones(2, 3)), "x must have 4"),
    (lambda w: w.posterior(torch.full((1, 4), math.inf)), "x holds NaN or infinite"),
    (lambda w: w.log_likelihood(torch.ones(1, 4), torch.ones(1, 3)), "z must have 2"),
    (lambda w: w.elbo(torch.ones(1, 4), torch.ones(1, 2), torch.ones(1, 1)), "logvar must have 2"),
    (lambda w: w.rotated(torch.ones(2, 2)), "orthogonal"),
    (lambda w: w.rotated(torch.eye(3)), "orthogonal"),
])
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(world())
