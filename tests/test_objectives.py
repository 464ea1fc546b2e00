import itertools
import math

import numpy as np
import pytest
import torch

from helpers import gaussians, models, objectives


def table(n, d, seed=0, logvar=-1.0):
    generator = torch.Generator().manual_seed(seed)
    mu = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return mu, logvar + 0.5 * torch.randn(n, d, generator=generator, dtype=torch.float64)


def q_hat(z_row, rows, mu, logvar, dataset_size, estimator):
    """The estimate of q(z) for the first of `rows`, got out of kl_terms: log q(z|n) minus what it says of the MI.

    kl_terms averages over a batch; all rows but the first get posteriors of their own here, so the mean over the batch
    is taken apart by differences of the first row's sample alone.
    """
    z = mu[rows].clone()
    z[0] = z_row
    base = objectives.kl_terms(z, mu[rows], logvar[rows], dataset_size, estimator).mutual_information * len(rows)
    others = 0.0
    for i in range(1, len(rows)):
        others = others + one_row(z, mu[rows], logvar[rows], i, dataset_size, estimator)
    log_q_given_n = gaussians.log_density(z_row, mu[rows[0]], logvar[rows[0]]).sum()
    return torch.exp(log_q_given_n - (base - others))


def one_row(z, mu, logvar, i, dataset_size, estimator):
    """log q(z_i|n_i) - log q̂(z_i), written out by hand from the paper's weights."""
    b = len(z)
    weights = torch.full((b,), (dataset_size - 1) / (dataset_size * (b - 1)), dtype=torch.float64)
    weights[i] = 1 / dataset_size
    if estimator == "mws":
        weights = torch.full((b,), 1 / (dataset_size * b), dtype=torch.float64)
    log_q = gaussians.log_density(z[i], mu, logvar).sum(1)
    return log_q[i] - torch.logsumexp(weights.log() + log_q, 0)


@pytest.mark.parametrize("batch_size", [2, 3, 5, 6])
def test_stratified_sampling_averages_to_q_over_every_minibatch(batch_size):
    n, d = 6, 2
    mu, logvar = table(n, d, seed=3)
    z_row = torch.tensor([0.3, -0.8], dtype=torch.float64)
    first = 2
    others = [i for i in range(n) if i != first]
    estimates = [q_hat(z_row, [first, *chosen], mu, logvar, n, "mss")
                 for chosen in itertools.combinations(others, batch_size - 1)]
    q = gaussians.log_density(z_row, mu, logvar).sum(1).exp().mean()
    assert torch.stack(estimates).mean().item() == pytest.approx(q.item(), abs=1e-12)


def test_the_papers_own_weights_average_to_ours():
    """Appendix C.2 gives the last of the other images a weight of its own; over their orders the mean is 1/N-symmetric."""
    n, b = 9, 4
    m = b - 1
    paper = [(1 / m if k < m - 1 else (n - m) / (n * m)) for k in range(m)]
    assert np.mean(paper) == pytest.approx((n - 1) / (n * (b - 1)), abs=1e-15)


def test_the_whole_set_as_one_batch_is_exact():
    mu, logvar = table(40, 3)
    z = gaussians.sample(mu, logvar, torch.Generator().manual_seed(5))
    terms = objectives.kl_terms(z, mu, logvar, 40, "mss")
    density = gaussians.log_density(z[:, None], mu, logvar)
    log_q = torch.logsumexp(density.sum(2), 1) - math.log(40)
    log_marginals = (torch.logsumexp(density, 1) - math.log(40)).sum(1)
    log_given = gaussians.log_density(z, mu, logvar).sum(1)
    log_p = gaussians.log_density(z, torch.zeros_like(z), torch.zeros_like(z)).sum(1)
    assert terms.mutual_information.item() == pytest.approx((log_given - log_q).mean().item(), abs=1e-12)
    assert terms.total_correlation.item() == pytest.approx((log_q - log_marginals).mean().item(), abs=1e-12)
    assert terms.dimension_wise_kl.item() == pytest.approx((log_marginals - log_p).mean().item(), abs=1e-12)


def test_weighted_sampling_is_off_by_its_known_constants():
    """With one posterior for all images q̂ is q times the sum of the weights, 1/N: each log q̂ is too small by log N."""
    mu, logvar = torch.zeros(8, 3).double(), torch.zeros(8, 3).double()
    z = torch.randn(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    terms = objectives.kl_terms(z, mu, logvar, 1000, "mws")
    log_n = math.log(1000)
    assert terms.mutual_information.item() == pytest.approx(log_n, abs=1e-12)
    assert terms.total_correlation.item() == pytest.approx(2 * log_n, abs=1e-12)
    assert terms.dimension_wise_kl.item() == pytest.approx(-3 * log_n, abs=1e-12)


def test_stratified_estimates_come_near_the_exact_terms():
    mu, logvar = table(512, 4, logvar=0.0)
    exact = objectives.exact_kl_terms(mu, logvar)
    generator = torch.Generator().manual_seed(1)
    runs = []
    for _ in range(200):
        rows = torch.randperm(512, generator=generator)[:256]
        z = gaussians.sample(mu[rows], logvar[rows], generator)
        t = objectives.kl_terms(z, mu[rows], logvar[rows], 512)
        runs.append([t.mutual_information, t.total_correlation, t.dimension_wise_kl])
    found = torch.tensor(runs, dtype=torch.float64).mean(0)
    wanted = torch.stack([exact.mutual_information, exact.total_correlation, exact.dimension_wise_kl])
    assert torch.allclose(found, wanted, atol=0.06), (found, wanted)


def test_terms_are_differentiable_and_their_sum_ignores_the_estimate():
    mu, logvar = table(5, 2)
    z = gaussians.sample(mu, logvar, torch.Generator().manual_seed(2))
    sums = []
    for estimator in ("mss", "mws"):
        t = objectives.kl_terms(z, mu, logvar, 100, estimator)
        sums.append((t.mutual_information + t.total_correlation + t.dimension_wise_kl).item())
    assert sums[0] == pytest.approx(sums[1], abs=1e-12)

    def weighted(z, mu, logvar):
        t = objectives.kl_terms(z, mu, logvar, 100)
        return t.mutual_information + 3 * t.total_correlation + 0.5 * t.dimension_wise_kl

    assert torch.autograd.gradcheck(weighted, tuple(x.clone().requires_grad_() for x in (z, mu, logvar)))


def test_large_and_small_batches_take_the_same_path_to_the_same_value():
    """A batch of 1,025 handles one latent at a time, one of 300 several; each must agree with the plain formula."""
    for b in (300, 1025):
        mu, logvar = table(b, 3)
        z = gaussians.sample(mu, logvar, torch.Generator().manual_seed(0))
        weights = torch.full((b, b), (5000 - 1) / (5000 * (b - 1)), dtype=torch.float64)
        weights.fill_diagonal_(1 / 5000)
        density = gaussians.log_density(z[:, None], mu, logvar)
        log_q = torch.logsumexp(weights.log() + density.sum(2), 1)
        log_marginals = torch.logsumexp(weights.log()[..., None] + density, 1).sum(1)
        terms = objectives.kl_terms(z, mu, logvar, 5000)
        assert terms.total_correlation.item() == pytest.approx((log_q - log_marginals).mean().item(), abs=1e-10)


@pytest.mark.parametrize("change, message", [
    ({"rows": 1}, "2 <= batch size"), ({"rows": 0}, "at least 1"), ({"dataset_size": 3}, "dataset_size is 3"),
    ({"estimator": "exact"}, "mss"), ({"nan": True}, "NaN"),
])
def test_bad_input_to_kl_terms_is_named(change, message):
    mu, logvar = table(4, 2)
    if change.get("nan"):
        mu[1, 0] = math.nan
    mu, logvar = mu[:change.get("rows", 4)], logvar[:change.get("rows", 4)]
    with pytest.raises(ValueError, match=message):
        objectives.kl_terms(mu, mu, logvar, change.get("dataset_size", 10), change.get("estimator", "mss"))


# Exact terms


def brute_force(mu, logvar, points=1201):
    """The terms of a two-dimensional table on a fine grid."""
    sigma = torch.exp(0.5 * logvar)
    axes = [torch.linspace((mu[:, j] - 9 * sigma[:, j]).min(), (mu[:, j] + 9 * sigma[:, j]).max(), points,
                           dtype=torch.float64) for j in range(2)]
    steps = [axis[1] - axis[0] for axis in axes]
    one = [gaussians.log_density(axes[j][:, None], mu[:, j], logvar[:, j]).exp() for j in range(2)]
    q = one[0] @ one[1].T / len(mu)
    marginals = [density.mean(1) for density in one]
    h = -torch.special.xlogy(q, q).sum() * steps[0] * steps[1]
    h_j = sum(-torch.special.xlogy(m, m).sum() * s for m, s in zip(marginals, steps))
    mean_kl = gaussians.kl_divergence(mu, logvar).sum(1).mean()
    mi = h - gaussians.entropy(logvar).sum(1).mean()
    return mi, h_j - h, mean_kl - mi - (h_j - h)


@pytest.mark.parametrize("n, logvar", [(1, 0.0), (5, -3.0), (30, 0.0), (200, -2.0)])
def test_exact_terms_are_those_of_brute_force(n, logvar):
    mu, logvar = table(n, 2, seed=n, logvar=logvar)
    exact = objectives.exact_kl_terms(mu, logvar)
    found = torch.stack([exact.mutual_information, exact.total_correlation, exact.dimension_wise_kl])
    assert exact.error <= 0.005
    assert torch.allclose(found, torch.stack(brute_force(mu, logvar)), atol=0.004)


def test_exact_terms_of_posteriors_that_do_not_meet():
    """64 narrow posteriors on a 4 x 4 x 4 grid: I = log 64, TC = 0, and each marginal has entropy log 4 + its Gaussian's."""
    grid = torch.cartesian_prod(*[torch.tensor([-1.5, -0.5, 0.5, 1.5], dtype=torch.float64)] * 3)
    logvar = torch.full_like(grid, 2 * math.log(0.02))
    exact = objectives.exact_kl_terms(grid, logvar)
    assert exact.mutual_information.item() == pytest.approx(math.log(64), abs=1e-6)
    assert exact.total_correlation.item() == pytest.approx(0, abs=1e-6)
    cross = 0.5 * (math.log(2 * math.pi) + 1.25 + 0.02**2)
    per_latent = cross - math.log(4) - gaussians.entropy(logvar)[0, 0].item()
    assert exact.dimension_wise_kl.item() == pytest.approx(3 * per_latent, abs=1e-6)


def test_exact_terms_of_one_latent_and_of_collapsed_posteriors():
    mu, logvar = table(100, 1, logvar=-4.0)
    exact = objectives.exact_kl_terms(mu, logvar)
    assert exact.total_correlation.item() == 0 and exact.error == 0
    collapsed = objectives.exact_kl_terms(torch.zeros(50, 4), torch.zeros(50, 4))
    assert max(abs(v.item()) for v in (collapsed.mutual_information, collapsed.total_correlation,
                                       collapsed.dimension_wise_kl)) < 1e-9


def test_the_stated_error_covers_a_longer_run():
    mu, logvar = table(300, 4, logvar=-1.5)
    rough = objectives.exact_kl_terms(mu, logvar, target_error=0.02)
    fine = objectives.exact_kl_terms(mu, logvar, target_error=0.001)
    assert fine.error <= 0.001
    assert abs(rough.mutual_information - fine.mutual_information) <= rough.error + fine.error


# Objectives


@pytest.fixture
def setting():
    torch.manual_seed(0)
    model = models.mlp_vae((1, 8, 8), 3, hidden=16).double()
    return model, torch.rand(6, 1, 8, 8, dtype=torch.float64)


def by_hand(model, images, seed=7):
    """Per-image reconstruction error and KL, from scipy-like formulas with the same noise."""
    mu, logvar = model.encode(images)
    noise = torch.randn(mu.shape, generator=torch.Generator().manual_seed(seed), dtype=mu.dtype)
    z = mu + logvar.exp().sqrt() * noise
    p = torch.sigmoid(model.decode(z)).flatten(1)
    x = images.flatten(1)
    error = -(x * p.log() + (1 - x) * (1 - p).log()).sum(1)
    return error, 0.5 * (mu**2 + logvar.exp() - 1 - logvar), (z, mu, logvar)


@pytest.mark.parametrize("objective, beta", [(objectives.vae(), 1.0), (objectives.beta_vae(4.0), 4.0),
                                             (objectives.beta_vae(objectives.piecewise_linear((0, 10), (100, 0))), 7.5)])
def test_the_beta_vae_loss_by_hand(setting, objective, beta):
    model, images = setting
    terms = objective(model, images, 25, torch.Generator().manual_seed(7))
    error, kl, _ = by_hand(model, images)
    assert terms.reconstruction.item() == pytest.approx(error.mean().item(), abs=1e-9)
    assert torch.allclose(terms.kl, kl.mean(0), atol=1e-12)
    assert terms.loss.item() == pytest.approx((error.mean() + beta * kl.sum(1).mean()).item(), abs=1e-9)


def test_the_beta_tcvae_loss_by_hand(setting):
    model, images = setting
    objective = objectives.beta_tcvae(5.0, alpha=0.5, gamma=lambda step: step / 10, dataset_size=50)
    terms = objective(model, images, 20, torch.Generator().manual_seed(7))
    error, kl, (z, mu, logvar) = by_hand(model, images)
    parts = objectives.kl_terms(z, mu, logvar, 50)
    mutual_information = kl.sum(1).mean() - parts.total_correlation - parts.dimension_wise_kl
    wanted = error.mean() + 0.5 * mutual_information + 5 * parts.total_correlation + 2 * parts.dimension_wise_kl
    assert terms.loss.item() == pytest.approx(wanted.item(), abs=1e-9)
    terms.loss.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_equal_weights_make_it_the_beta_vae_and_the_mutual_information_is_unbiased(setting):
    model, images = setting
    plain = objectives.beta_vae(3.0)(model, images, 0, torch.Generator().manual_seed(7))
    for beta in (3.0, 3.0 + 1e-12):  # exactly equal weights take a short cut, nearly equal ones do not
        terms = objectives.beta_tcvae(beta, 3.0, 3.0, dataset_size=50)(model, images, 0, torch.Generator().manual_seed(7))
        assert terms.loss.item() == pytest.approx(plain.loss.item(), abs=1e-9)
    mu, logvar = table(30, 3)
    generator = torch.Generator().manual_seed(0)
    gaps = []
    for _ in range(2000):
        t = objectives.kl_terms(gaussians.sample(mu, logvar, generator), mu, logvar, 30)
        gaps.append(gaussians.kl_divergence(mu, logvar).sum(1).mean() - t.total_correlation - t.dimension_wise_kl
                    - t.mutual_information)
    gaps = torch.stack(gaps)
    assert abs(gaps.mean()) < 4 * gaps.std() / math.sqrt(len(gaps))


def test_beta_tcvae_asks_for_the_size_of_the_data_set(setting):
    with pytest.raises(ValueError, match="dataset_size"):
        objectives.beta_tcvae(5.0)(*setting)


def test_piecewise_linear():
    weight = objectives.piecewise_linear((0, 20), (100, 10), (200, 1))
    assert [weight(s) for s in (0, 50, 100, 150, 500)] == [20, 15, 10, 5.5, 1]
    assert eval(repr(weight), {"piecewise_linear": objectives.piecewise_linear}).points == weight.points
    for points in ((), ((0, 1), (0, 2)), ((5, 1), (3, 2))):
        with pytest.raises(ValueError, match="piecewise_linear"):
            objectives.piecewise_linear(*points)


# Adversarial


class FixedPosterior(torch.nn.Module):
    """A model whose posterior is one Gaussian for every image, so that q(z) is known."""

    def __init__(self, mu, logvar):
        super().__init__()
        self.mu, self.logvar = (torch.nn.Parameter(torch.tensor(v)) for v in (mu, logvar))

    def encode(self, images):
        return self.mu.expand(len(images), -1), self.logvar.expand(len(images), -1)

    def decode(self, codes):
        return torch.zeros(len(codes), 1, 2, 2)


def test_the_mean_logit_comes_near_the_marginal_kl():
    torch.manual_seed(0)
    model, objective = FixedPosterior([0.8, 0.0], [0.0, -1.0]), objectives.adversarial(1.0)
    generator, images = torch.Generator().manual_seed(0), torch.rand(512, 1, 2, 2)
    found = [objective(model, images, 0, generator).marginal_kl.item() for _ in range(1500)]
    exact = gaussians.kl_divergence(model.mu, model.logvar).sum().item()
    assert np.mean(found[-500:]) == pytest.approx(exact, abs=0.05)


def test_the_best_critic_has_the_least_loss_and_its_logits_are_the_kl():
    z = torch.linspace(-12, 12, 4001, dtype=torch.float64)[:, None]
    q, p = (gaussians.log_density(z, torch.tensor(m).double(), torch.tensor(v).double())[:, 0] for m, v in ((0.8, -1.0), (0.0, 0.0)))
    width = 24 / 4000

    def loss(logits):
        return ((q.exp() * torch.nn.functional.softplus(-logits) + p.exp() * torch.nn.functional.softplus(logits)).sum() * width).item()

    best = q - p
    assert all(loss(best) < loss(best + change) for change in (0.01, -0.01, 0.01 * z[:, 0]))
    kl = gaussians.kl_divergence(torch.tensor(0.8).double(), torch.tensor(-1.0).double())
    assert ((q.exp() * best).sum() * width).item() == pytest.approx(kl.item(), abs=1e-9)
    assert objectives.critic_loss(torch.zeros(5), torch.zeros(5)).item() == pytest.approx(math.log(4), abs=1e-6)


def test_the_encoder_is_pulled_to_the_prior_and_the_critic_gets_no_gradient_from_it():
    torch.manual_seed(0)
    model, objective = FixedPosterior([2.0], [0.0]), objectives.adversarial(weight=3.0, critic_steps=2)
    generator, images = torch.Generator().manual_seed(0), torch.rand(256, 1, 2, 2)
    for _ in range(300):
        terms = objective(model, images, 0, generator)
    assert terms.loss.item() == pytest.approx((terms.reconstruction + 3 * terms.marginal_kl).item(), rel=1e-6)
    for parameter in objective.critic.parameters():
        parameter.grad = None
    terms.loss.backward()
    assert model.mu.grad.item() > 0  # lowering the loss moves the mean from 2 towards 0
    assert all(parameter.grad is None for parameter in objective.critic.parameters())


def test_without_gradients_the_critic_stays():
    torch.manual_seed(0)
    model, objective = FixedPosterior([1.0], [0.0]), objectives.adversarial(1.0)
    images = torch.rand(16, 1, 2, 2)
    objective(model, images)
    before = [p.clone() for p in objective.critic.parameters()]
    with torch.no_grad():
        objective(model, images)
    assert all(torch.equal(a, b) for a, b in zip(before, objective.critic.parameters()))


def test_adversarial_arguments_are_checked():
    for bad in ({"critic_steps": 0}, {"learning_rate": 0.0}):
        with pytest.raises(ValueError, match="critic"):
            objectives.adversarial(1.0, **bad)
