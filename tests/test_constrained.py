import pytest
import torch

from helpers import datasets, models, objectives, training


def small_model():
    torch.manual_seed(0)
    return models.mlp_vae((1, 8, 8), 4, hidden=32)


def test_the_loss_is_the_lagrangian_and_beta_follows_the_violation():
    model, images = small_model(), torch.rand(16, 1, 8, 8)
    objective = objectives.constrained_vae(delta=2.0, beta=3.0, step_size=0.1, smoothing=0.0)
    terms = objective(model, images, 0, torch.Generator().manual_seed(1))
    rate = terms.kl.sum().item()
    assert terms.loss.item() == pytest.approx((terms.reconstruction + 3 * (terms.kl.sum() - 2)).item(), rel=1e-6)
    assert objective.rate == pytest.approx(rate)
    assert objective.beta == pytest.approx(max(0, 3 + 0.1 * 3 * min(rate / 2 - 1, 1)))
    with torch.no_grad():
        before = (objective.beta, objective.rate)
        objective(model, images)
    assert (objective.beta, objective.rate) == before


def test_beta_stops_at_zero_and_can_leave_it():
    objective = objectives.constrained_vae(delta=5.0, beta=0.01, step_size=0.5, smoothing=0.0)
    objective._ascend(0.0, 5.0)
    assert objective.beta == 0
    objective._ascend(10.0, 5.0)
    assert objective.beta > 0


def test_it_meets_the_rate_that_it_is_asked_for():
    objective = objectives.constrained_vae(delta=3.0)
    history = training.train(small_model(), datasets.digits(), objective, 1500, 128, seed=0, learning_rate=2e-3,
                             progress=False)
    assert sum(history["rate"][-20:]) / 20 == pytest.approx(3.0, rel=0.05)
    assert objective.beta > 0.5


def test_a_rising_capacity_is_followed():
    rising = objectives.piecewise_linear((0, 1.0), (1000, 1.0), (1500, 3.0))
    history = training.train(small_model(), datasets.digits(), objectives.constrained_vae(rising), 2000, 128, seed=0,
                             learning_rate=2e-3, progress=False)
    assert sum(history["rate"][40:50]) / 10 == pytest.approx(1.0, rel=0.1)  # steps 800 to 1,000
    assert sum(history["rate"][-10:]) / 10 == pytest.approx(3.0, rel=0.1)


@pytest.mark.parametrize("arguments, message", [
    ({"delta": 0}, "delta"), ({"delta": float("nan")}, "delta"), ({"delta": 1, "beta": -1}, "beta"),
    ({"delta": 1, "step_size": 0}, "step_size"), ({"delta": 1, "smoothing": 1}, "smoothing"),
])
def test_bad_arguments_of_the_constraint_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        objectives.constrained_vae(**arguments)


def test_effective_beta():
    assert objectives.effective_beta(0.1, 784, 5) == pytest.approx(7.84)
    assert objectives.effective_beta(0.1, 784, 5, variance=0.5) == pytest.approx(15.68)
    assert objectives.effective_beta(4, 4096, 10, "sum", "sum", variance=None) == 4
    assert objectives.effective_beta(1, 100, 10, "mean", "sum", variance=None) == 100
    assert objectives.effective_beta(1, 100, 10, "sum", "mean", variance=None) == pytest.approx(0.1)


def test_effective_beta_gives_the_same_gradients_up_to_a_factor():
    """A loss of means and the sum convention with its effective β are proportional, whatever the numbers."""
    error, kl = torch.rand(784), torch.rand(5)
    course = error.mean() + 0.1 * kl.mean()
    ours = error.sum() / 2 + objectives.effective_beta(0.1, 784, 5) * kl.sum()
    assert (ours / course).item() == pytest.approx(784 / 2, rel=1e-5)


@pytest.mark.parametrize("arguments", [
    {"beta": -1}, {"pixels": 0}, {"latents": 1.5}, {"reconstruction": "batch"}, {"kl": "none"}, {"variance": 0},
])
def test_bad_arguments_of_effective_beta_are_named(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        objectives.effective_beta(**{"beta": 1.0, "pixels": 64, "latents": 5, **arguments})
