"""The model's device is where everything happens, whichever it is.

A strict stand-in plays a second device on every machine; with a GPU, its tests run there too.
"""

import contextlib
import itertools

import numpy as np
import pytest
import torch

from helpers import datasets, metrics, models, objectives, plots, training
from second_device import second_device

# A tensor of the stand-in does hold numbers.
pytestmark = pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")

GPU = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None


@pytest.fixture(params=["second", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request):
    """A device that is not the CPU."""
    if request.param == "gpu" and GPU is None:
        pytest.skip("there is no GPU")
    with second_device() if request.param == "second" else contextlib.nullcontext(GPU) as name:
        yield torch.device(name)


@pytest.fixture(scope="module")
def digits():
    return datasets.digits()


def small_model(device="cpu", **arguments):
    torch.manual_seed(0)
    return models.mlp_vae((1, 8, 8), 3, hidden=16, **arguments).to(device)


OBJECTIVES = {
    "vae": objectives.vae,
    "beta_tcvae": lambda: objectives.beta_tcvae(4.0),
    "constrained": lambda: objectives.constrained_vae(2.0),
    "adversarial": lambda: objectives.adversarial(1.0),
}


# The stand-in: what must work, and what must fail


def test_the_stand_in_computes_what_the_cpu_computes():
    numbers = torch.randn(4, 3)
    with second_device() as there:
        moved = numbers.to(there).requires_grad_()
        (moved**2).sum().backward()
        assert moved.device == there
        assert torch.equal(moved.grad.cpu(), 2 * numbers)


@pytest.mark.parametrize(
    "mixed",
    [
        lambda here, there: here + there,
        lambda here, there: torch.cat([here, there]),
        lambda here, there: here[there.long()],
        lambda here, there: there.numpy(),
        lambda here, there: np.asarray(there),
        lambda here, there: torch.randn(
            2, device=there.device, generator=torch.Generator().manual_seed(0)
        ),
    ],
)
def test_the_stand_in_refuses_what_a_gpu_refuses(mixed):
    with second_device() as there, pytest.raises((RuntimeError, TypeError)):
        mixed(torch.ones(2), torch.ones(2).to(there))


# The package


@pytest.mark.parametrize("name", OBJECTIVES)
def test_training_happens_there_and_is_the_same_but_for_rounding(name, device, digits):
    run = {"steps": 12, "batch_size": 32, "progress": False}
    here = training.train(small_model(), digits, OBJECTIVES[name](), **run)

    model = small_model(device)
    there = training.train(model, digits, OBJECTIVES[name](), **run)
    assert there["loss"] == pytest.approx(here["loss"], rel=1e-3)
    assert next(model.parameters()).device.type == device.type


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_interrupted_run_goes_on_there(name, device, digits, tmp_path):
    path = tmp_path / "run.checkpoint"
    run = {"steps": 24, "batch_size": 32, "progress": False}
    whole = training.train(small_model(device), digits, OBJECTIVES[name](), **run)

    # The encoder is called once a step.
    model = small_model(device)
    steps = itertools.count()
    encode = model.encode

    def interrupted(batch):
        if next(steps) == 17:
            raise KeyboardInterrupt
        return encode(batch)

    model.encode = interrupted
    run |= {"checkpoint": path, "checkpoint_seconds": 0}
    training.train(model, digits, OBJECTIVES[name](), **run)
    assert path.exists()

    resumed = training.train(small_model(device), digits, OBJECTIVES[name](), **run)
    assert resumed["loss"] == pytest.approx(whole["loss"], rel=1e-5)


def test_images_of_the_cpu_are_encoded_there(device, digits):
    images, labels = digits.sample(200, torch.Generator().manual_seed(0))
    here = training.encode(small_model(), images)
    there = training.encode(small_model(device), images)
    assert there[0].device.type == device.type
    assert torch.allclose(there[0].cpu(), here[0], atol=1e-5)

    # And what is computed from them.
    factors = torch.cat([labels, labels % 2], dim=1)
    moved = factors.to(device)
    assert metrics.mig(there[0], moved).score == pytest.approx(
        metrics.mig(here[0], factors).score, abs=0.02
    )
    assert metrics.posterior_mig(*there, moved).score >= 0
    assert metrics.dci(there[0], moved, "linear").informativeness == pytest.approx(
        metrics.dci(here[0], factors, "linear").informativeness, abs=1e-3
    )
    exact = [objectives.exact_kl_terms(*table, 0.05).mutual_information for table in (here, there)]
    assert exact[1].item() == pytest.approx(exact[0].item(), abs=0.01)
    marginal = objectives.marginal_entropy(there[0][:, 0], there[1][:, 0])
    assert torch.isfinite(marginal)


def test_pictures_are_drawn_of_what_lies_there(device, digits):
    model = small_model(device)
    images = digits.sample(4)[0]
    for given in (images, images.to(device)):
        plots.reconstructions(model, given)
        plots.traversals(model, given[:1], torch.ones(3).to(device))
    plots.image_grid(images.to(device), 2)
    plots.matrix(torch.rand(3, 1).to(device), ["digit"], "What is known", "nats")


@pytest.mark.parametrize("make", [datasets.sprites, datasets.fruits, datasets.faces])
def test_a_data_set_is_asked_for_factors_that_lie_there(make, device):
    data = make(32)
    factors = data.factors(torch.arange(3))
    assert torch.equal(data.images(factors.to(device)), data.images(factors))
    assert torch.equal(data.factors(torch.arange(3).to(device)), factors)


def test_weights_are_saved_from_there(device, tmp_path):
    path = tmp_path / "weights.safetensors"
    model = small_model(device)
    training.save(path, model, {})
    loaded = training.load(path)[0].state_dict()
    assert all(torch.equal(loaded[k], v.cpu()) for k, v in model.state_dict().items())


def test_a_bare_objective_says_where_the_images_are(device, digits):
    with pytest.raises(ValueError, match="these images are on cpu: give images.to"):
        objectives.vae()(small_model(device), digits.sample(4)[0])


def test_one_seed_means_one_noise_on_every_device(device):
    from helpers import gaussians

    mu = torch.zeros(5, 2)
    here = gaussians.sample(mu, mu, torch.Generator().manual_seed(3))
    there = gaussians.sample(mu.to(device), mu.to(device), torch.Generator().manual_seed(3))
    assert torch.equal(there.cpu(), here)
