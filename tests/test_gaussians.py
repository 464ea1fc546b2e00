import math

import pytest
import torch
from scipy import integrate, stats

from helpers import gaussians

CASES = [(0.0, 0.0), (1.3, -2.0), (-0.4, 1.1), (2.0, -7.8)]


@pytest.mark.parametrize("mu, logvar", CASES)
def test_log_density_is_scipys(mu, logvar):
    z = torch.linspace(-3, 3, 13, dtype=torch.float64)
    ours = gaussians.log_density(z, torch.tensor(mu, dtype=torch.float64), torch.tensor(logvar, dtype=torch.float64))
    assert torch.allclose(ours, torch.from_numpy(stats.norm.logpdf(z.numpy(), mu, math.exp(logvar / 2))), atol=1e-12)


@pytest.mark.parametrize("mu, logvar", CASES)
@pytest.mark.parametrize("prior_mu, prior_logvar", [(0.0, 0.0), (0.5, 0.7)])
def test_kl_and_entropy_are_their_integrals(mu, logvar, prior_mu, prior_logvar):
    q, p = stats.norm(mu, math.exp(logvar / 2)), stats.norm(prior_mu, math.exp(prior_logvar / 2))
    low, high = q.ppf(1e-14), q.isf(1e-14)
    kl = integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), low, high, points=[mu], limit=200)[0]
    entropy = integrate.quad(lambda z: -q.pdf(z) * q.logpdf(z), low, high, points=[mu], limit=200)[0]
    mu, logvar = torch.tensor(mu, dtype=torch.float64), torch.tensor(logvar, dtype=torch.float64)
    assert gaussians.kl_divergence(mu, logvar, prior_mu, prior_logvar).item() == pytest.approx(kl, abs=1e-8)
    assert gaussians.entropy(logvar).item() == pytest.approx(entropy, abs=1e-8)


def test_samples_repeat_have_the_right_moments_and_pass_gradients_on():
    mu = torch.full((200_000,), 0.7, dtype=torch.float64, requires_grad=True)
    logvar = torch.full((200_000,), -1.2, dtype=torch.float64, requires_grad=True)
    z = gaussians.sample(mu, logvar, torch.Generator().manual_seed(1))
    assert torch.equal(z, gaussians.sample(mu, logvar, torch.Generator().manual_seed(1)))
    assert z.mean().item() == pytest.approx(0.7, abs=5 * math.exp(-0.6) / math.sqrt(200_000))
    assert z.var().item() == pytest.approx(math.exp(-1.2), rel=0.02)
    z.sum().backward()
    assert torch.equal(mu.grad, torch.ones_like(mu))
    assert torch.allclose(logvar.grad, (z - mu).detach() / 2)
