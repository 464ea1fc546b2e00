"""The terms inside the mean KL, estimated and exact; the objectives; the weights that change."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from helpers import gaussians, models, objectives

ESTIMATORS = ("mss", "mws")


def table(n, d, seed=0, logvar=-1.0):
    """mu, logvar [n, d] of made-up posteriors, their log-variances about this one."""
    generator = torch.Generator().manual_seed(seed)
    mu = torch.randn(n, d, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return mu, logvar + 0.5 * noise


def seeded(seed):
    return torch.Generator().manual_seed(seed)


# Weights of a minibatch


def papers_weights(batch_size, dataset_size, estimator):
    """The weight [B, B] of posterior m in q̂(z_i), as Chen et al. 2018 have it in appendix C."""
    if estimator == "mws":
        weight = 1 / (dataset_size * batch_size)
        return torch.full((batch_size, batch_size), weight, dtype=torch.float64)

    others = (dataset_size - 1) / (dataset_size * (batch_size - 1))
    weights = torch.full((batch_size, batch_size), others, dtype=torch.float64)
    weights.fill_diagonal_(1 / dataset_size)
    return weights


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("batch_size, dataset_size", [(2, 2), (2, 1000), (7, 7), (64, 737_280)])
def test_the_weights_of_a_minibatch_are_the_papers(batch_size, dataset_size, estimator):
    ours = objectives.minibatch_log_weights(batch_size, dataset_size, estimator)
    wanted = papers_weights(batch_size, dataset_size, estimator)
    assert torch.allclose(ours.double(), wanted.log(), rtol=1e-14)


@pytest.mark.parametrize("batch_size", [2, 3, 5, 6])
def test_stratified_sampling_averages_to_q_over_every_minibatch(batch_size):
    n, image = 6, 2
    z = torch.tensor([0.3, -0.8], dtype=torch.float64)
    density = gaussians.log_density(z, *table(n, 2, seed=3)).sum(1).exp()  # [N], q(z|n)
    weights = objectives.minibatch_log_weights(batch_size, n, "mss").exp()  # [B, B]

    # Every minibatch in which the image is that z came from.
    batches = [b for b in itertools.combinations(range(n), batch_size) if image in b]
    estimates = [(weights[b.index(image)] * density[list(b)]).sum() for b in batches]

    assert torch.stack(estimates).mean().item() == pytest.approx(density.mean().item(), abs=1e-12)


def test_the_papers_own_weights_average_to_ours():
    """Appendix C.2 has a weight of its own for the last of the others; we average over the last."""
    n, b = 9, 4
    m = b - 1
    paper = [1 / m] * (m - 1) + [(n - m) / (n * m)]
    assert np.mean(paper) == pytest.approx((n - 1) / (n * (b - 1)), abs=1e-15)


# Terms from one batch


def written_out(z, mu, logvar, weights):
    """The three terms [3] where q̂(z_i) gives posterior m this weight [B, B], by the paper."""
    # The density of code i under posterior m, weighted and added up over m.
    density = gaussians.log_density(z[:, None], mu, logvar)  # [B, B, D]
    log_q = torch.logsumexp(weights.log() + density.sum(2), 1)  # [B]
    log_marginals = torch.logsumexp(weights.log()[..., None] + density, 1).sum(1)  # [B]

    zero = torch.zeros_like(z)
    log_given = gaussians.log_density(z, mu, logvar).sum(1)  # [B]
    log_p = gaussians.log_density(z, zero, zero).sum(1)  # [B]

    differences = [log_given - log_q, log_q - log_marginals, log_marginals - log_p]
    return torch.stack(differences).mean(1)


def stacked(terms):
    """The three terms as one tensor [3]."""
    parts = [terms.mutual_information, terms.total_correlation, terms.dimension_wise_kl]
    return torch.stack(parts)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("batch_size", [2, 40, 300, 1025])
def test_terms_of_a_batch_are_those_of_the_formula_written_out(batch_size, estimator):
    """Small batches and large ones, of whose latents not all are handled at once."""
    mu, logvar = table(batch_size, 3)
    z = gaussians.sample(mu, logvar, seeded(0))
    terms = objectives.kl_terms(z, mu, logvar, 5000, estimator)

    wanted = written_out(z, mu, logvar, papers_weights(batch_size, 5000, estimator))
    assert torch.allclose(stacked(terms), wanted, rtol=0, atol=1e-10)


def test_the_whole_set_as_one_batch_is_exact():
    n = 40
    mu, logvar = table(n, 3)
    z = gaussians.sample(mu, logvar, seeded(5))
    terms = objectives.kl_terms(z, mu, logvar, n, "mss")

    mixture = torch.full((n, n), 1 / n, dtype=torch.float64)
    wanted = written_out(z, mu, logvar, mixture)
    assert torch.allclose(stacked(terms), wanted, rtol=0, atol=1e-12)


def test_weighted_sampling_is_off_by_its_known_constants():
    """For one posterior, q̂ is q times the sum 1/N of the weights: each log q̂ is log N too low."""
    n = 1000
    zeros = torch.zeros(8, 3, dtype=torch.float64)
    z = torch.randn(8, 3, dtype=torch.float64, generator=seeded(0))
    terms = objectives.kl_terms(z, zeros, zeros, n, "mws")

    assert terms.mutual_information.item() == pytest.approx(math.log(n), abs=1e-12)
    assert terms.total_correlation.item() == pytest.approx(2 * math.log(n), abs=1e-12)
    assert terms.dimension_wise_kl.item() == pytest.approx(-3 * math.log(n), abs=1e-12)


def test_stratified_estimates_come_near_the_exact_terms():
    mu, logvar = table(512, 4, logvar=0.0)
    exact = objectives.exact_kl_terms(mu, logvar)

    # Half of the images in each batch, 200 times.
    generator = seeded(1)
    runs = []
    for _ in range(200):
        rows = torch.randperm(512, generator=generator)[:256]
        z = gaussians.sample(mu[rows], logvar[rows], generator)
        runs.append(stacked(objectives.kl_terms(z, mu[rows], logvar[rows], 512)))

    found = torch.stack(runs).mean(0)
    assert torch.allclose(found, stacked(exact), atol=0.06), (found, exact)


def test_the_sum_of_the_terms_ignores_the_estimate():
    mu, logvar = table(5, 2)
    z = gaussians.sample(mu, logvar, seeded(2))
    one, other = (stacked(objectives.kl_terms(z, mu, logvar, 100, e)).sum() for e in ESTIMATORS)
    assert one.item() == pytest.approx(other.item(), abs=1e-12)


def test_the_terms_are_differentiable():
    mu, logvar = table(5, 2)
    z = gaussians.sample(mu, logvar, seeded(2))
    inputs = tuple(x.clone().requires_grad_() for x in (z, mu, logvar))

    def weighted(z, mu, logvar):
        terms = objectives.kl_terms(z, mu, logvar, 100)
        return stacked(terms) @ torch.tensor([1, 3, 0.5], dtype=torch.float64)

    assert torch.autograd.gradcheck(weighted, inputs)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"rows": 1}, "2 <= batch size"),
        ({"rows": 0}, "at least 1"),
        ({"dataset_size": 3}, "dataset_size is 3"),
        ({"estimator": "exact"}, "mss"),
        ({"nan": True}, "NaN"),
    ],
)
def test_bad_input_to_kl_terms_is_named(change, message):
    mu, logvar = table(4, 2)
    if change.get("nan"):
        mu[1, 0] = math.nan

    rows = change.get("rows", 4)
    mu, logvar = mu[:rows], logvar[:rows]
    dataset_size = change.get("dataset_size", 10)
    with pytest.raises(ValueError, match=message):
        objectives.kl_terms(mu, mu, logvar, dataset_size, change.get("estimator", "mss"))


# Exact terms


def total_entropy(density, width):
    """-∫ q log q in nats, from q at the points of a grid whose cells are so large."""
    return -torch.special.xlogy(density, density).sum() * width


def brute_force(mu, logvar, points=1201):
    """The terms [3] of a two-dimensional table [N, 2], on a fine grid."""
    # An axis for each latent that reaches nine standard deviations beyond the outermost mean.
    reach = 9 * torch.exp(0.5 * logvar)
    low = (mu - reach).amin(0)
    high = (mu + reach).amax(0)
    axes = [torch.linspace(low[j], high[j], points, dtype=torch.float64) for j in range(2)]
    steps = [axis[1] - axis[0] for axis in axes]

    # q(z_j|n) at each point [points, N]; the marginals, and the joint density of both latents.
    given = [
        gaussians.log_density(axes[j][:, None], mu[:, j], logvar[:, j]).exp() for j in range(2)
    ]
    marginals = [density.mean(1) for density in given]  # [points] each
    joint = given[0] @ given[1].T / len(mu)  # [points, points]

    # The terms from entropies: I = H(z) - H(z|n), TC = Σ_j H(z_j) - H(z), and the rest.
    h = total_entropy(joint, steps[0] * steps[1])
    h_j = sum(total_entropy(m, s) for m, s in zip(marginals, steps, strict=True))
    mean_kl = gaussians.kl_divergence(mu, logvar).sum(1).mean()
    information = h - gaussians.entropy(logvar).sum(1).mean()
    return torch.stack([information, h_j - h, mean_kl - information - (h_j - h)])


@pytest.mark.parametrize("n, logvar", [(1, 0.0), (5, -3.0), (30, 0.0), (200, -2.0)])
def test_exact_terms_are_those_of_brute_force(n, logvar):
    mu, logvar = table(n, 2, seed=n, logvar=logvar)
    exact = objectives.exact_kl_terms(mu, logvar)
    assert exact.error <= 0.005
    assert torch.allclose(stacked(exact), brute_force(mu, logvar), atol=0.004)


def test_posteriors_that_do_not_meet_have_terms_in_closed_form():
    """Narrow ones on a 4 x 4 x 4 grid: I = log 64, TC = 0, H(z_j) is log 4 + one Gaussian's."""
    places = torch.tensor([-1.5, -0.5, 0.5, 1.5], dtype=torch.float64)
    grid = torch.cartesian_prod(places, places, places)  # [64, 3]
    logvar = torch.full_like(grid, 2 * math.log(0.02))
    exact = objectives.exact_kl_terms(grid, logvar)

    assert exact.mutual_information.item() == pytest.approx(math.log(64), abs=1e-6)
    assert exact.total_correlation.item() == pytest.approx(0, abs=1e-6)

    # The places have the mean square 1.25, so -E log p(z_j) is that of a variance of 1.25 + 0.02².
    cross = 0.5 * (math.log(2 * math.pi) + 1.25 + 0.02**2)
    per_latent = cross - math.log(4) - gaussians.entropy(logvar)[0, 0].item()
    assert exact.dimension_wise_kl.item() == pytest.approx(3 * per_latent, abs=1e-6)


def test_one_latent_has_no_total_correlation():
    mu, logvar = table(100, 1, logvar=-4.0)
    exact = objectives.exact_kl_terms(mu, logvar)
    assert exact.total_correlation.item() == 0
    assert exact.error == 0


def test_collapsed_posteriors_have_no_terms():
    collapsed = objectives.exact_kl_terms(torch.zeros(50, 4), torch.zeros(50, 4))
    assert stacked(collapsed).abs().max() < 1e-9


def test_the_stated_error_covers_a_longer_run():
    mu, logvar = table(300, 4, logvar=-1.5)
    rough = objectives.exact_kl_terms(mu, logvar, target_error=0.02)
    fine = objectives.exact_kl_terms(mu, logvar, target_error=0.001)

    assert fine.error <= 0.001
    moved = abs(rough.mutual_information - fine.mutual_information)
    assert moved <= rough.error + fine.error


# Objectives


@pytest.fixture
def model():
    torch.manual_seed(0)
    return models.mlp_vae((1, 8, 8), 3, hidden=16).double()


@pytest.fixture
def images(model):
    return torch.rand(6, 1, 8, 8, dtype=torch.float64)


def by_hand(model, images, seed=7):
    """Error [B], KL [B, D] and (z, mu, logvar), by formulas written out, with the same noise."""
    mu, logvar = model.encode(images)
    noise = torch.randn(mu.shape, generator=seeded(seed), dtype=mu.dtype)
    z = mu + logvar.exp().sqrt() * noise

    # The cross-entropy of a grey pixel x with the decoder's probability p.
    p = torch.sigmoid(model.decode(z)).flatten(1)
    x = images.flatten(1)
    error = -(x * p.log() + (1 - x) * (1 - p).log()).sum(1)

    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar)
    return error, kl, (z, mu, logvar)


@pytest.mark.parametrize(
    "objective, beta",
    [
        (objectives.vae(), 1.0),
        (objectives.beta_vae(4.0), 4.0),
        (objectives.beta_vae(objectives.piecewise_linear((0, 10), (100, 0))), 7.5),
    ],
)
def test_the_beta_vae_loss_is_the_formula_written_out(model, images, objective, beta):
    terms = objective(model, images, 25, seeded(7))
    error, kl, _ = by_hand(model, images)

    assert terms.reconstruction.item() == pytest.approx(error.mean().item(), abs=1e-9)
    assert torch.allclose(terms.kl, kl.mean(0), atol=1e-12)
    wanted = error.mean() + beta * kl.sum(1).mean()
    assert terms.loss.item() == pytest.approx(wanted.item(), abs=1e-9)


def test_the_beta_tcvae_loss_is_the_formula_written_out(model, images):
    def gamma(step):
        return step / 10

    objective = objectives.beta_tcvae(5.0, alpha=0.5, gamma=gamma, dataset_size=50)
    terms = objective(model, images, 20, seeded(7))

    # I(z;n) is what the two estimated terms leave of the KL, whose closed form is at hand.
    error, kl, codes = by_hand(model, images)
    parts = objectives.kl_terms(*codes, 50)
    information = kl.sum(1).mean() - parts.total_correlation - parts.dimension_wise_kl
    penalty = 0.5 * information + 5 * parts.total_correlation + 2 * parts.dimension_wise_kl
    assert terms.loss.item() == pytest.approx((error.mean() + penalty).item(), abs=1e-9)

    # Every weight of the model feels it.
    terms.loss.backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize("beta", [3.0, 3.0 + 1e-12])
def test_equal_weights_make_the_beta_tcvae_the_beta_vae(model, images, beta):
    """Exactly equal weights take a short cut, nearly equal ones do not."""
    plain = objectives.beta_vae(3.0)(model, images, 0, seeded(7))
    objective = objectives.beta_tcvae(beta, 3.0, 3.0, dataset_size=50)
    terms = objective(model, images, 0, seeded(7))
    assert terms.loss.item() == pytest.approx(plain.loss.item(), abs=1e-9)


def test_what_two_terms_leave_of_the_kl_is_an_unbiased_mutual_information():
    mu, logvar = table(30, 3)
    kl = gaussians.kl_divergence(mu, logvar).sum(1).mean()
    generator = seeded(0)

    samples = [gaussians.sample(mu, logvar, generator) for _ in range(2000)]
    sums = [stacked(objectives.kl_terms(z, mu, logvar, 30)).sum() for z in samples]
    gaps = kl - torch.stack(sums)

    assert abs(gaps.mean()) < 4 * gaps.std() / math.sqrt(len(gaps))


def test_beta_tcvae_asks_for_the_size_of_the_data_set(model, images):
    with pytest.raises(ValueError, match="dataset_size"):
        objectives.beta_tcvae(5.0)(model, images)


# Weights that change


@pytest.fixture
def weight():
    return objectives.piecewise_linear((0, 20), (100, 10), (200, 1))


def test_a_weight_is_linear_between_its_points_and_constant_outside(weight):
    assert [weight(step) for step in (0, 50, 100, 150, 500)] == [20, 15, 10, 5.5, 1]


def test_the_repr_of_a_weight_builds_it_again(weight):
    assert repr(weight) == "PiecewiseLinear((0, 20), (100, 10), (200, 1))"
    again = eval(repr(weight), {"PiecewiseLinear": objectives.PiecewiseLinear})
    assert again.points == weight.points


def test_a_weight_is_a_number_or_a_function_of_the_step(weight):
    assert objectives.at_step(2.5, 50) == 2.5
    assert objectives.at_step(weight, 50) == 15
    for weight in ("four", [[0, 4], [10, 1]], None, -4, math.nan, lambda step: None):
        with pytest.raises(ValueError, match="a weight is a number of at least 0, or a function"):
            objectives.at_step(weight, 50)


@pytest.mark.parametrize("points", [(), ((0, 1), (0, 2)), ((5, 1), (3, 2))])
def test_points_that_are_no_function_of_the_step_are_refused(points):
    with pytest.raises(ValueError, match="piecewise_linear"):
        objectives.piecewise_linear(*points)


# Adversarial


class FixedPosterior(torch.nn.Module):
    """A model whose posterior is one Gaussian for every image, so that q(z) is known."""

    def __init__(self, mu, logvar):
        super().__init__()
        self.mu = torch.nn.Parameter(torch.tensor(mu))
        self.logvar = torch.nn.Parameter(torch.tensor(logvar))

    def encode(self, images):
        return self.mu.expand(len(images), -1), self.logvar.expand(len(images), -1)

    def decode(self, codes):
        return torch.zeros(len(codes), 1, 2, 2)


def test_the_mean_logit_comes_near_the_marginal_kl():
    torch.manual_seed(0)
    model = FixedPosterior([0.8, 0.0], [0.0, -1.0])
    objective = objectives.adversarial(1.0)
    generator = seeded(0)
    images = torch.rand(512, 1, 2, 2)

    found = [objective(model, images, 0, generator).marginal_kl.item() for _ in range(1500)]

    # The critic is noisy, so its last answers are averaged.
    exact = gaussians.kl_divergence(model.mu, model.logvar).sum().item()
    assert np.mean(found[-500:]) == pytest.approx(exact, abs=0.05)


def test_the_best_critic_has_the_least_loss_and_its_logits_are_the_kl():
    # Two densities on a grid, and the logit that is best at every point of it.
    z = torch.linspace(-12, 12, 4001, dtype=torch.float64)
    width = 24 / 4000
    mu, logvar = torch.tensor([0.8, -1.0], dtype=torch.float64)
    zero = torch.zeros_like(mu)
    log_q = gaussians.log_density(z, mu, logvar)
    log_p = gaussians.log_density(z, zero, zero)
    best = log_q - log_p

    def loss(logits):
        on_codes = log_q.exp() * softplus(-logits)
        on_prior = log_p.exp() * softplus(logits)
        return ((on_codes + on_prior).sum() * width).item()

    # A constant too much, too little, and a slope.
    assert all(loss(best) < loss(best + change) for change in (0.01, -0.01, 0.01 * z))

    mean_logit = (log_q.exp() * best).sum() * width
    kl = gaussians.kl_divergence(mu, logvar)
    assert mean_logit.item() == pytest.approx(kl.item(), abs=1e-9)


def test_a_critic_without_an_opinion_loses_log_4():
    blind = torch.zeros(5)
    assert objectives.critic_loss(blind, blind).item() == pytest.approx(math.log(4), abs=1e-6)


def test_the_encoder_is_pulled_to_the_prior_and_the_critic_gets_no_gradient_from_it():
    torch.manual_seed(0)
    model = FixedPosterior([2.0], [0.0])
    objective = objectives.adversarial(weight=3.0, critic_steps=2)
    generator = seeded(0)
    images = torch.rand(256, 1, 2, 2)

    for _ in range(300):
        terms = objective(model, images, 0, generator)
    wanted = terms.reconstruction + 3 * terms.marginal_kl
    assert terms.loss.item() == pytest.approx(wanted.item(), rel=1e-6)

    # What the critic's own steps have left is cleared, so that all gradients come from the loss.
    for parameter in objective.critic.parameters():
        parameter.grad = None
    terms.loss.backward()

    assert model.mu.grad.item() > 0  # lowering the loss moves the mean from 2 towards 0
    assert all(parameter.grad is None for parameter in objective.critic.parameters())


def test_without_gradients_the_critic_stays():
    torch.manual_seed(0)
    model = FixedPosterior([1.0], [0.0])
    objective = objectives.adversarial(1.0)
    images = torch.rand(16, 1, 2, 2)

    # A first step makes the critic and its Adam.
    objective(model, images)
    before = [parameter.clone() for parameter in objective.critic.parameters()]
    with torch.no_grad():
        objective(model, images)

    after = objective.critic.parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_critic_goes_on_from_the_state_of_another():
    torch.manual_seed(0)
    model = FixedPosterior([1.0, 0.5], [0.0, 0.0])
    images = torch.rand(64, 1, 2, 2)
    one = objectives.adversarial(1.0)
    assert one.state_dict() == {}  # a critic is made at the first call
    for step in range(5):
        one(model, images, step, seeded(step))

    # A copy, since the first one goes on too.
    state = {name: tensor.clone() for name, tensor in one.state_dict().items()}
    other = objectives.adversarial(1.0)
    other.load_state_dict(state)

    # Adam's moments matter from the second step on.
    for step in range(5, 8):
        found = other(model, images, step, seeded(step))
        wanted = one(model, images, step, seeded(step))
        assert torch.equal(found.marginal_kl, wanted.marginal_kl)


@pytest.mark.parametrize("argument", [{"critic_steps": 0}, {"learning_rate": 0.0}])
def test_a_critic_that_could_not_learn_is_refused(argument):
    with pytest.raises(ValueError, match="critic"):
        objectives.adversarial(1.0, **argument)
