"""The β-VAE that finds its β, and what another loss's β is in the convention used here."""

import pytest
import torch

from helpers import datasets, models, objectives, training


@pytest.fixture
def model():
    torch.manual_seed(0)
    return models.mlp_vae((1, 8, 8), 4, hidden=32)


def rates(model, objective, steps):
    """The rate in nats at each hundredth of a training on digits."""
    history = training.train(
        model,
        datasets.digits(),
        objective,
        steps=steps,
        batch_size=128,
        seed=0,
        learning_rate=2e-3,
        progress=False,
    )
    return history["rate"]


def mean(values):
    return sum(values) / len(values)


# The constraint


def test_the_loss_is_the_lagrangian_and_beta_follows_the_violation(model):
    images = torch.rand(16, 1, 8, 8)
    objective = objectives.constrained_vae(delta=2.0, beta=3.0, step_size=0.1, smoothing=0.0)
    terms = objective(model, images, 0, torch.Generator().manual_seed(1))
    rate = terms.kl.sum().item()

    lagrangian = terms.reconstruction + 3 * (terms.kl.sum() - 2)
    assert terms.loss.item() == pytest.approx(lagrangian.item(), rel=1e-6)

    # One step of dual ascent, in proportion to β, which is larger than 1.
    assert objective.rate == pytest.approx(rate)
    violation = min(rate / 2 - 1, 1)
    assert objective.beta == pytest.approx(max(0, 3 + 0.1 * 3 * violation))


def test_without_gradients_beta_and_the_rate_stay(model):
    images = torch.rand(16, 1, 8, 8)
    objective = objectives.constrained_vae(delta=2.0, beta=3.0)
    objective(model, images)

    before = (objective.beta, objective.rate)
    with torch.no_grad():
        objective(model, images)
    assert (objective.beta, objective.rate) == before


def test_beta_stops_at_zero_and_can_leave_it():
    objective = objectives.constrained_vae(delta=5.0, beta=0.01, step_size=0.5, smoothing=0.0)
    objective._ascend(0.0, 5.0)
    assert objective.beta == 0
    objective._ascend(10.0, 5.0)
    assert objective.beta > 0


def test_a_multiplier_goes_on_from_the_state_of_another(model):
    images = torch.rand(16, 1, 8, 8)
    one = objectives.constrained_vae(delta=2.0)
    fresh = one.state_dict()
    one(model, images)

    # With all digits of β and of the running rate, or the two would drift apart.
    other = objectives.constrained_vae(delta=2.0)
    other.load_state_dict(one.state_dict())
    assert (other.beta, other.rate) == (one.beta, one.rate)

    # Before the first call there is no rate.
    untouched = objectives.constrained_vae(delta=2.0, beta=7.0)
    untouched.load_state_dict(fresh)
    assert (untouched.beta, untouched.rate) == (1.0, None)


def test_the_rate_that_is_asked_for_is_met(model):
    objective = objectives.constrained_vae(delta=3.0)
    rate = rates(model, objective, steps=1500)
    assert mean(rate[-20:]) == pytest.approx(3.0, rel=0.05)
    assert objective.beta > 0.5


def test_a_rising_capacity_is_followed(model):
    rising = objectives.piecewise_linear((0, 1.0), (1000, 1.0), (1500, 3.0))
    rate = rates(model, objectives.constrained_vae(rising), steps=2000)
    assert mean(rate[40:50]) == pytest.approx(1.0, rel=0.1)  # steps 800 to 1,000
    assert mean(rate[-10:]) == pytest.approx(3.0, rel=0.1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"delta": 0}, "delta"),
        ({"delta": float("nan")}, "delta"),
        ({"delta": 1, "beta": -1}, "beta"),
        ({"delta": 1, "step_size": 0}, "step_size"),
        ({"delta": 1, "smoothing": 1}, "smoothing"),
    ],
)
def test_bad_arguments_of_the_constraint_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        objectives.constrained_vae(**arguments)


# Another loss's β


def test_means_over_pixels_and_latents_change_beta_by_their_numbers():
    beta = objectives.effective_beta

    # A squared error, whose likelihood has the variance 1 or another.
    assert beta(0.1, 784, 5) == pytest.approx(7.84)
    assert beta(0.1, 784, 5, variance=0.5) == pytest.approx(15.68)

    # A negative log-likelihood, summed or averaged.
    sums = {"reconstruction": "sum", "kl": "sum", "variance": None}
    assert beta(4, 4096, 10, **sums) == 4
    assert beta(1, 100, 10, **sums | {"reconstruction": "mean"}) == 100
    assert beta(1, 100, 10, **sums | {"kl": "mean"}) == pytest.approx(0.1)


def test_effective_beta_gives_the_same_gradients_up_to_a_factor():
    """A loss of means and one of sums with its effective β are proportional, in any case."""
    error = torch.rand(784)
    kl = torch.rand(5)

    course = error.mean() + 0.1 * kl.mean()
    ours = error.sum() / 2 + objectives.effective_beta(0.1, 784, 5) * kl.sum()
    assert (ours / course).item() == pytest.approx(784 / 2, rel=1e-5)


@pytest.mark.parametrize(
    "name, value",
    [
        ("beta", -1),
        ("pixels", 0),
        ("latents", 1.5),
        ("reconstruction", "batch"),
        ("kl", "none"),
        ("variance", 0),
    ],
)
def test_bad_arguments_of_effective_beta_are_named(name, value):
    good = {"beta": 1.0, "pixels": 64, "latents": 5}
    with pytest.raises(ValueError, match=name):
        objectives.effective_beta(**good | {name: value})
