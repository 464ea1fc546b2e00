import hashlib
import json
import os
import pickle
from pathlib import Path

import distributed
import joblib
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


def test_load_refuses_a_file_that_the_index_beside_it_does_not_tell_of(tmp_path):
    path, index = tmp_path / "small.safetensors", tmp_path / "results.json"
    training.save(path, small_model(), {})
    index.write_text(json.dumps({"small": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}, "other": {}}))
    training.load(path)
    training.save(path, small_model(seed=1), {})  # a sound file, but of another model
    refused(path, "SHA-256 is another; fetch it again")
    training.save(tmp_path / "mine.safetensors", small_model(), {})
    training.load(tmp_path / "mine.safetensors")  # the index does not know it


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


# Checkpoints


class InterruptedAt:
    """An objective whose kernel is interrupted at one step."""

    def __init__(self, objective, step):
        self.objective, self.step = objective, step

    def __call__(self, model, images, step, generator):
        if step == self.step:
            raise KeyboardInterrupt
        return self.objective(model, images, step, generator)


def test_a_recipe_that_is_interrupted_says_so(monkeypatch):
    whole = objectives.vae()
    monkeypatch.setattr(objectives, "vae", lambda: InterruptedAt(whole, 5))
    with pytest.raises(KeyboardInterrupt):
        training.from_recipe(RECIPES["vae"], 0, progress=False)


@pytest.mark.parametrize("objective", [
    objectives.vae, lambda: objectives.beta_tcvae(2.0), lambda: objectives.constrained_vae(3.0)])
@pytest.mark.parametrize("step", [3, 8, 57, 99])
def test_an_interrupted_run_ends_bit_for_bit_like_an_uninterrupted_one(digits, tmp_path, monkeypatch, objective, step):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0)
    arguments = {"steps": 100, "batch_size": 32, "seed": 7, "cool_down": 0.5, "records": 9, "progress": False}
    whole_model, whole_objective = small_model(), objective()
    whole = training.train(whole_model, digits, whole_objective, **arguments)

    path = tmp_path / "run.checkpoint"
    with monkeypatch.context() as patch:
        interrupted = objective()
        call = type(interrupted).__call__
        patch.setattr(type(interrupted), "__call__", lambda self, model, images, now, generator: InterruptedAt(
            lambda *arguments: call(self, *arguments), step)(model, images, now, generator))
        training.train(small_model(), digits, interrupted, checkpoint=path, **arguments)
    assert path.exists() == (step >= 8)

    model, objective = small_model(seed=1), objective()
    history = training.train(model, digits, objective, checkpoint=path, **arguments) if path.exists() else whole
    assert history == whole
    if step >= 8:
        assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), whole_model.state_dict().values()))
        assert vars(objective) == vars(whole_objective)
        assert not path.exists()


def test_a_checkpoint_of_another_run_or_a_damaged_one_is_refused(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0)
    path = tmp_path / "run.checkpoint"
    interrupted = InterruptedAt(objectives.vae(), 20)
    training.train(small_model(), digits, interrupted, 100, 32, progress=False, checkpoint=path)
    for changed in ({"seed": 1}, {"objective": objectives.beta_vae(2.0)}):
        with pytest.raises(ValueError, match="another run"):
            training.train(**{"model": small_model(), "dataset": digits, "objective": interrupted, "steps": 100, "batch_size": 32,
                              "progress": False, "checkpoint": path} | changed)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="delete it"):
        training.train(small_model(), digits, interrupted, 100, 32, progress=False, checkpoint=path)


def test_checkpoints_are_rare(digits, tmp_path):
    path = tmp_path / "run.checkpoint"
    training.train(small_model(), digits, InterruptedAt(objectives.vae(), 40), 100, 32, progress=False, checkpoint=path)
    assert not path.exists()  # ten seconds had not passed


# Sweeps


def recipe(**objective):
    return {"dataset": {"function": "digits"}, "model": {"function": "mlp_vae", "latent_dim": 2, "hidden": 8},
            "objective": objective, "training": {"steps": 16, "batch_size": 16}}


RECIPES = {"vae": recipe(function="vae"), "beta": recipe(function="beta_vae", beta=4.0)}


def last_loss(model, history):
    return {"loss": history["loss"][-1], "process": os.getpid()}


def test_a_sweep_has_a_row_for_each_run_and_skips_what_is_done(tmp_path):
    path = tmp_path / "table.jsonl"
    rows = training.sweep(RECIPES, (0, 1), path, last_loss, progress=False)
    assert [(row["name"], row["seed"]) for row in rows] == [("vae", 0), ("vae", 1), ("beta", 0), ("beta", 1)]
    assert len({row["loss"] for row in rows}) == 4
    model, history = training.from_recipe(RECIPES["beta"], 1, progress=False)
    assert rows[3]["loss"] == history["loss"][-1]
    assert [json.loads(line) for line in path.read_text().splitlines()] == rows

    def never(model, history):
        raise AssertionError("this run was done")

    assert training.sweep(RECIPES, (0, 1), path, never, progress=False) == rows
    more = training.sweep(RECIPES, (0, 1, 2), path, last_loss, progress=False)
    assert [row["seed"] for row in more] == [0, 1, 2, 0, 1, 2]
    changed = training.sweep({"beta": recipe(function="beta_vae", beta=5.0)}, (0,), path, last_loss, progress=False)
    assert changed[0]["loss"] != rows[2]["loss"]


def test_a_run_that_fails_leaves_the_others(tmp_path, capsys):
    path = tmp_path / "table.jsonl"
    broken = recipe(function="beta_vae", beta="four")
    rows = training.sweep({"broken": broken, **RECIPES}, (0,), path, last_loss, progress=False)
    assert "error" in rows[0] and "broken, seed 0: " in capsys.readouterr().out
    assert [row["loss"] > 0 for row in rows[1:]] == [True, True]
    assert len(path.read_text().splitlines()) == 2


def dies_once(model, history):
    """Kills its process, and so loses the run, if the file that DIES_ONCE names does not exist yet."""
    marker = Path(os.environ["DIES_ONCE"])
    if not marker.exists():
        marker.touch()
        os._exit(1)
    return last_loss(model, history)


def test_a_worker_that_dies_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("DIES_ONCE", str(tmp_path / "marker"))
    rows = training.sweep(RECIPES, (0, 1), tmp_path / "table.jsonl", dies_once, jobs=2, progress=False)
    assert (tmp_path / "marker").exists()
    assert len({row["loss"] for row in rows}) == 4


def test_the_same_call_runs_on_a_dask_cluster_one_of_whose_workers_dies(tmp_path, monkeypatch):
    monkeypatch.setenv("DIES_ONCE", str(tmp_path / "marker"))
    here = training.sweep(RECIPES, (0, 1), tmp_path / "here.jsonl", last_loss, progress=False)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with distributed.Client(cluster), joblib.parallel_config("dask"):
            rows = training.sweep(RECIPES, (0, 1), tmp_path / "table.jsonl", dies_once, progress=False)
    assert (tmp_path / "marker").exists()
    assert [row["loss"] for row in rows] == [row["loss"] for row in here]
    assert os.getpid() not in {row["process"] for row in rows}
