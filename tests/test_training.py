import json
import pickle

import pytest
import safetensors.torch
import torch

from helpers import datasets, models, objectives, training


def small_model(seed=0):
    torch.manual_seed(seed)
    return models.mlp_vae((1, 8, 8), 3, hidden=32)


@pytest.fixture(scope="module")
def digits():
    return datasets.digits()


def test_training_lowers_the_loss_and_repeats(digits):
    histories, ends = [], []
    for _ in range(2):
        model = small_model()
        histories.append(training.train(model, digits, objectives.vae(), 300, 64, seed=4, progress=False))
        ends.append(model.state_dict())
    assert histories[0] == histories[1]
    assert all(torch.equal(a, b) for a, b in zip(ends[0].values(), ends[1].values()))
    assert histories[0]["loss"][-1] < 0.75 * histories[0]["loss"][0]
    assert histories[0]["step"] == list(range(3, 301, 3))
    assert json.loads(json.dumps(histories[0])) == histories[0]
    assert histories[0]["rate"][-1] == pytest.approx(sum(histories[0]["kl"][-1]))
    other = training.train(small_model(), digits, objectives.vae(), 300, 64, seed=5, progress=False)
    assert other["loss"] != histories[0]["loss"]


def test_training_tells_beta_tcvae_the_size_of_the_data_set(digits):
    history = training.train(small_model(), digits, objectives.beta_tcvae(2.0), 20, 32, progress=False)
    assert len(history["loss"]) == 20


def test_the_learning_rate_cools_down_along_a_cosine():
    factors = [training._cooling(p, 0.4) for p in (0, 0.6, 0.8, 1)]
    assert factors == pytest.approx([1, 1, 0.5, 0])
    assert training._cooling(0.99, 0) == 1


def test_an_interruption_keeps_what_was_learned(digits, capsys):
    class Interrupted:
        def __call__(self, model, images, step, generator):
            if step == 57:
                raise KeyboardInterrupt
            return objectives.vae()(model, images, step, generator)

    model = small_model()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    history = training.train(model, digits, Interrupted(), 200, 32, progress=False)
    assert "Interrupted after 57 of 200 steps" in capsys.readouterr().out
    assert history["step"][-1] == 56 and len(history["loss"]) == 28
    assert not all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_divergence_is_named(digits):
    class Diverging:
        def __call__(self, model, images, step, generator):
            terms = objectives.vae()(model, images, step, generator)
            terms.loss = terms.loss * float("nan")
            return terms

    with pytest.raises(ValueError, match="diverged"):
        training.train(small_model(), digits, Diverging(), 10, 8, progress=False)


@pytest.mark.parametrize("arguments, message", [
    ({"steps": 0}, "at least one step"), ({"steps": 5, "batch_size": 0}, "one image"),
    ({"steps": 5, "cool_down": 1.5}, "cool_down"),
])
def test_bad_arguments_are_named(digits, arguments, message):
    with pytest.raises(ValueError, match=message):
        training.train(small_model(), digits, objectives.vae(), **arguments)


def test_save_and_load(tmp_path):
    model, recipe = small_model(), {"objective": "vae", "seed": 3, "β": 1.0}
    training.save(tmp_path / "m.safetensors", model, recipe)
    again, recipe_again = training.load(tmp_path / "m.safetensors")
    assert recipe_again == recipe
    images = torch.rand(3, 1, 8, 8)
    assert all(torch.equal(a, b) for a, b in zip(model.encode(images), again.encode(images)))
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def refused(path, message):
    with pytest.raises(ValueError, match=message):
        training.load(path)


def test_load_refuses_what_is_not_its_own(tmp_path):
    path = tmp_path / "m.safetensors"
    refused(path, "there is no weights file")
    training.save(path, small_model(), {})
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    refused(path, "damaged")
    path.write_bytes(b"")
    refused(path, "damaged")
    path.write_bytes(pickle.dumps({"weights": [1, 2]}))
    refused(path, "damaged or not a safetensors file")
    torch.save(small_model().state_dict(), path)
    refused(path, "damaged or not a safetensors file")
    safetensors.torch.save_file(small_model().state_dict(), path)
    refused(path, "not one that helpers.training.save wrote")
    metadata = {"model": json.dumps(models.mlp_vae((1, 8, 8), 4).config), "recipe": "{}"}
    safetensors.torch.save_file(small_model().state_dict(), path, metadata)
    refused(path, "do not fit")
    safetensors.torch.save_file(small_model().state_dict(), path, {"model": '{"builder": "os.system"}', "recipe": "{}"})
    refused(path, "do not fit")


def test_encode_in_parts_is_encode(digits):
    model = small_model()
    mu, logvar = training.encode(model, digits.pictures[:500], batch_size=128)
    with torch.no_grad():
        whole = model.encode(digits.pictures[:500])
    assert torch.allclose(mu, whole[0], atol=1e-6) and torch.allclose(logvar, whole[1], atol=1e-6)
    assert not mu.requires_grad


def test_a_recipe_is_the_training_it_describes(digits):
    recipe = {
        "dataset": {"function": "digits"}, "model": {"function": "mlp_vae", "latent_dim": 3, "hidden": 32},
        "objective": {"function": "beta_tcvae", "beta": [[0, 4], [20, 2]], "alpha": 1.0},
        "training": {"steps": 30, "batch_size": 16, "cool_down": 0.5},
    }
    model, history = training.from_recipe(recipe, seed=3, progress=False)
    torch.manual_seed(3)
    by_hand = models.mlp_vae((1, 8, 8), 3, hidden=32)
    objective = objectives.beta_tcvae(objectives.piecewise_linear((0, 4), (20, 2)))
    assert history == training.train(by_hand, digits, objective, 30, 16, seed=3, cool_down=0.5, progress=False)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), by_hand.state_dict().values()))
