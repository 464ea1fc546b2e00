import math

import pytest
import torch
from scipy import integrate, stats

from helpers import gaussians

CASES = [(0.0, 0.0), (1.3, -2.0), (-0.4, 1.1), (2.0, -7.8)]


def double(value):
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("mu, logvar", CASES)
def test_log_density_is_scipys(mu, logvar):
    z = torch.linspace(-3, 3, 13, dtype=torch.float64)
    ours = gaussians.log_density(z, double(mu), double(logvar))
    scipys = stats.norm.logpdf(z.numpy(), mu, math.exp(logvar / 2))
    assert torch.allclose(ours, torch.from_numpy(scipys), atol=1e-12)


@pytest.mark.parametrize("mu, logvar", CASES)
def test_log_density_takes_plain_numbers_for_tensors(mu, logvar):
    z = torch.linspace(-3, 3, 13, dtype=torch.float64)
    wanted = gaussians.log_density(z, double(mu), double(logvar))
    assert torch.allclose(gaussians.log_density(z, mu, logvar), wanted, rtol=0, atol=1e-12)
    assert torch.equal(
        gaussians.log_density(0.0, z, double(logvar)),
        gaussians.log_density(double(0.0), z, double(logvar)),
    )


def test_log_density_under_the_prior_is_the_same_for_numbers_and_zeros():
    z = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    zeros = torch.zeros_like(z)
    assert torch.equal(gaussians.log_density(z, 0.0, 0.0), gaussians.log_density(z, zeros, zeros))


@pytest.mark.parametrize("mu, logvar", CASES)
@pytest.mark.parametrize("prior_mu, prior_logvar", [(0.0, 0.0), (0.5, 0.7)])
def test_kl_and_entropy_are_their_integrals(mu, logvar, prior_mu, prior_logvar):
    q = stats.norm(mu, math.exp(logvar / 2))
    p = stats.norm(prior_mu, math.exp(prior_logvar / 2))

    def integral(of):
        # Beyond these two places q has next to no mass; the peak between them must not be missed.
        return integrate.quad(of, q.ppf(1e-14), q.isf(1e-14), points=[mu], limit=200)[0]

    kl = integral(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)))
    found = gaussians.kl_divergence(
        double(mu), double(logvar), prior_mu=prior_mu, prior_logvar=prior_logvar
    )
    assert found.item() == pytest.approx(kl, abs=1e-8)

    entropy = integral(lambda z: -q.pdf(z) * q.logpdf(z))
    assert gaussians.entropy(double(logvar)).item() == pytest.approx(entropy, abs=1e-8)


def test_samples_repeat_have_the_right_moments_and_pass_gradients_on():
    mu = torch.full((200_000,), 0.7, dtype=torch.float64, requires_grad=True)
    logvar = torch.full((200_000,), -1.2, dtype=torch.float64, requires_grad=True)

    z = gaussians.sample(mu, logvar, torch.Generator().manual_seed(1))
    assert torch.equal(z, gaussians.sample(mu, logvar, torch.Generator().manual_seed(1)))

    # Five standard errors for the mean; that of the variance is 0.3 %.
    standard_error = math.exp(-0.6) / math.sqrt(200_000)
    assert z.mean().item() == pytest.approx(0.7, abs=5 * standard_error)
    assert z.var().item() == pytest.approx(math.exp(-1.2), rel=0.02)

    z.sum().backward()
    assert torch.equal(mu.grad, torch.ones_like(mu))
    assert torch.allclose(logvar.grad, (z - mu).detach() / 2)
