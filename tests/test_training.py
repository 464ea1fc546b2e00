"""Training, its checkpoints and weights files, recipes and sweeps."""

import hashlib
import itertools
import json
import os
import pickle
import re
from pathlib import Path

import distributed
import joblib
import numpy as np
import pytest
import safetensors.torch
import torch

from helpers import datasets, models, objectives, training
from helpers.training import files, sweeps
from helpers.training.loop import cosine_decay


def small_model(seed=0):
    torch.manual_seed(seed)
    return models.mlp_vae((1, 8, 8), 3, hidden=32)


def interrupted(model, step):
    """The model, of which the kernel is interrupted at this step: each one decodes once."""
    calls = itertools.count()

    def interrupt(decoder, inputs):
        if next(calls) == step:
            raise KeyboardInterrupt

    model.decoder.register_forward_pre_hook(interrupt)
    return model


def same_weights(model, other):
    pairs = zip(model.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture(scope="module")
def digits():
    return datasets.digits()


def recipe(**objective):
    return {
        "dataset": {"function": "digits"},
        "model": {"function": "mlp_vae", "latent_dim": 2, "hidden": 8},
        "objective": objective,
        "training": {"steps": 16, "batch_size": 16},
    }


RECIPES = {"vae": recipe(function="vae"), "beta": recipe(function="beta_vae", beta=4.0)}


# The loop


def trained(digits, seed, watch=None):
    """A small VAE after 300 steps on digits, and the history."""
    model = small_model()
    objective = objectives.vae()
    history = training.train(
        model, digits, objective, steps=300, batch_size=64, seed=seed, progress=False, watch=watch
    )
    return model, history


def test_training_lowers_the_loss_and_notes_it(digits):
    _, history = trained(digits, seed=4)
    assert history["loss"][-1] < 0.75 * history["loss"][0]
    assert history["step"] == list(range(3, 301, 3))
    assert history["rate"][-1] == pytest.approx(sum(history["kl"][-1]))
    assert json.loads(json.dumps(history)) == history


def test_the_seed_decides_a_training(digits):
    model, history = trained(digits, seed=4)
    again, history_again = trained(digits, seed=4)
    assert history == history_again
    assert same_weights(model, again)

    _, other = trained(digits, seed=5)
    assert other["loss"] != history["loss"]


def test_the_history_has_an_entry_every_so_many_steps_and_one_at_the_end(digits):
    history = training.train(
        small_model(),
        digits,
        objectives.vae(),
        steps=20,
        batch_size=16,
        log_every=7,
        progress=False,
    )
    assert history["step"] == [7, 14, 20]

    # Each is the mean since the last one.
    every = training.train(
        small_model(),
        digits,
        objectives.vae(),
        steps=20,
        batch_size=16,
        log_every=1,
        progress=False,
    )
    assert history["loss"][1] == pytest.approx(sum(every["loss"][7:14]) / 7, rel=1e-5)
    assert history["loss"][2] == pytest.approx(sum(every["loss"][14:]) / 6, rel=1e-5)


def test_who_watches_sees_the_model_with_each_entry_and_changes_nothing(digits):
    images, _ = digits.sample(1, torch.Generator().manual_seed(0))
    seen = []

    def watch(step, model):
        seen.append((step, model.encode(images)[0].sum().item()))

    model, history = trained(digits, seed=4, watch=watch)
    assert [step for step, _ in seen] == history["step"]
    assert len({code for _, code in seen}) == len(seen)
    assert same_weights(model, trained(digits, seed=4)[0])


def test_training_tells_beta_tcvae_the_size_of_the_data_set(digits):
    objective = objectives.beta_tcvae(2.0)
    history = training.train(
        small_model(), digits, objective, steps=20, batch_size=32, progress=False
    )
    assert len(history["loss"]) == 20


def test_the_learning_rate_falls_along_a_cosine():
    factors = [cosine_decay(progress, 0.4) for progress in (0, 0.6, 0.8, 1)]
    assert factors == pytest.approx([1, 1, 0.5, 0])
    assert cosine_decay(0.99, 0) == 1


def test_an_interruption_keeps_what_was_learned(digits, capsys):
    model = interrupted(small_model(), step=57)
    history = training.train(
        model, digits, objectives.vae(), steps=200, batch_size=32, progress=False
    )

    assert "Interrupted after 57 of 200 steps" in capsys.readouterr().out
    assert history["step"][-1] == 56
    assert len(history["loss"]) == 28
    assert not same_weights(model, small_model())


def test_divergence_is_named(digits):
    def diverging(model, images, step, generator):
        terms = objectives.vae()(model, images, step, generator)
        terms.loss = terms.loss * float("nan")
        return terms

    with pytest.raises(ValueError, match="diverged"):
        training.train(small_model(), digits, diverging, steps=10, batch_size=8, progress=False)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"steps": 0}, "at least one step"),
        ({"steps": 5, "batch_size": 0}, "one image"),
        ({"steps": 5, "lr_decay": 1.5}, "lr_decay"),
        ({"steps": 5, "log_every": 0}, "log_every"),
        ({"steps": 2.5}, "steps is a whole number, not 2.5"),
        ({"steps": "10"}, "steps is a whole number, not '10'"),
        ({"steps": 5, "batch_size": 64.0}, "batch_size is a whole number"),
        ({"steps": 5, "seed": None}, "seed is a whole number, not None"),
        ({"steps": 5, "learning_rate": "1e-3"}, "learning_rate is a positive number"),
        ({"steps": 5, "learning_rate": 0}, "learning_rate is a positive number"),
        ({"steps": 5, "objective": objectives.vae}, "objectives.vae\\(\\)"),
        ({"steps": 5, "objective": "vae"}, "not 'vae'"),
    ],
)
def test_bad_arguments_are_named(digits, arguments, message):
    with pytest.raises(ValueError, match=message):
        training.train(small_model(), digits, **{"objective": objectives.vae()} | arguments)


@pytest.mark.parametrize("name", ["nowhere/run.checkpoint", "."])
def test_a_place_for_a_file_is_looked_at_before_the_run(digits, tmp_path, name):
    with pytest.raises(ValueError, match="cannot be written: (there is no folder|it is a folder)"):
        training.train(small_model(), digits, objectives.vae(), 5, checkpoint=tmp_path / name)
    with pytest.raises(ValueError, match="cannot be written"):
        training.save(tmp_path / name, small_model(), {})


def test_a_recipe_of_numpys_numbers_is_refused(tmp_path):
    with pytest.raises(ValueError, match="the recipe holds what JSON cannot"):
        training.save(tmp_path / "m.safetensors", small_model(), {"beta": np.float32(4)})


def test_images_encoded_in_parts_have_the_posteriors_of_the_whole(digits):
    model = small_model()
    images = digits.pictures[:500]
    mu, logvar = training.encode(model, images, batch_size=128)

    with torch.no_grad():
        whole_mu, whole_logvar = model.encode(images)
    assert torch.allclose(mu, whole_mu, atol=1e-6)
    assert torch.allclose(logvar, whole_logvar, atol=1e-6)
    assert not mu.requires_grad


# Weights files


def test_what_was_saved_is_loaded(tmp_path):
    path = tmp_path / "m.safetensors"
    model = small_model()
    recipe = {"objective": "vae", "seed": 3, "β": 1.0}
    training.save(path, model, recipe)
    again, recipe_again = training.load(path)

    assert recipe_again == recipe
    images = torch.rand(3, 1, 8, 8)
    pairs = zip(model.encode(images), again.encode(images), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)

    # Nothing else is left behind.
    assert list(tmp_path.iterdir()) == [path]


def test_a_weights_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ValueError, match="there is no weights file"):
        training.load(tmp_path / "m.safetensors")


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-100])


def emptied(path):
    path.write_bytes(b"")


def pickled(path):
    path.write_bytes(pickle.dumps({"weights": [1, 2]}))


def saved_by_torch(path):
    torch.save(small_model().state_dict(), path)


def without_a_description(path):
    safetensors.torch.save_file(small_model().state_dict(), path)


def of_another_size(path):
    larger = models.mlp_vae((1, 8, 8), 4).config
    metadata = {"model": json.dumps(larger), "recipe": "{}"}
    safetensors.torch.save_file(small_model().state_dict(), path, metadata)


def of_an_unknown_builder(path):
    metadata = {"model": '{"builder": "os.system"}', "recipe": "{}"}
    safetensors.torch.save_file(small_model().state_dict(), path, metadata)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (cut_short, "damaged"),
        (emptied, "damaged"),
        (pickled, "damaged or not a safetensors file"),
        (saved_by_torch, "damaged or not a safetensors file"),
        (without_a_description, "not one that helpers.training.save wrote"),
        (of_another_size, "do not fit"),
        (of_an_unknown_builder, "do not fit"),
    ],
)
def test_a_file_that_save_did_not_write_is_refused(tmp_path, spoil, message):
    path = tmp_path / "m.safetensors"
    training.save(path, small_model(), {})
    spoil(path)
    with pytest.raises(ValueError, match=message):
        training.load(path)


def test_a_file_that_the_index_beside_it_does_not_tell_of_is_refused(tmp_path):
    path = tmp_path / "small.safetensors"
    training.save(path, small_model(), {})
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    index = {"small": {"sha256": sha256}, "other": {}}
    (tmp_path / "results.json").write_text(json.dumps(index), encoding="utf-8")
    training.load(path)

    # A sound file, but of another model.
    training.save(path, small_model(seed=1), {})
    with pytest.raises(ValueError, match="SHA-256 is another; fetch it again"):
        training.load(path)

    # The index does not know this one.
    training.save(tmp_path / "mine.safetensors", small_model(), {})
    training.load(tmp_path / "mine.safetensors")


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells what is mapped")
def test_a_file_that_was_read_is_not_mapped(tmp_path):
    # Windows does not replace a file that is mapped, as a checkpoint is by the next one.
    path = tmp_path / "m.safetensors"
    training.save(path, small_model(), {})
    _, tensors = files.read(path, "")
    assert tensors
    assert str(path) not in Path("/proc/self/maps").read_text(encoding="utf-8")


# Recipes


def test_a_recipe_is_the_training_it_describes(digits):
    recipe = {
        "dataset": {"function": "digits"},
        "model": {"function": "mlp_vae", "latent_dim": 3, "hidden": 32},
        "objective": {"function": "beta_tcvae", "beta": [[0, 4], [20, 2]], "alpha": 1.0},
        "training": {"steps": 30, "batch_size": 16, "lr_decay": 0.5},
    }
    model, history = training.from_recipe(recipe, seed=3, progress=False)

    # The same by hand.
    by_hand = small_model(seed=3)
    objective = objectives.beta_tcvae(objectives.piecewise_linear((0, 4), (20, 2)))
    history_by_hand = training.train(
        by_hand,
        digits,
        objective,
        steps=30,
        batch_size=16,
        seed=3,
        lr_decay=0.5,
        progress=False,
    )
    assert history == history_by_hand
    assert same_weights(model, by_hand)


def test_a_recipe_that_is_interrupted_says_so(monkeypatch):
    build = models.mlp_vae

    def build_interrupted(*arguments, **options):
        return interrupted(build(*arguments, **options), step=5)

    monkeypatch.setattr(models, "mlp_vae", build_interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.from_recipe(RECIPES["vae"], 0, progress=False)


# Checkpoints


@pytest.fixture
def checkpoint(tmp_path):
    return tmp_path / "run.checkpoint"


def state(objective):
    """What an objective remembers from step to step."""
    return objective.state_dict() if hasattr(objective, "state_dict") else {}


@pytest.mark.parametrize("step", [8, 57, 99])
@pytest.mark.parametrize(
    "build, arguments",
    [
        (objectives.vae, {}),
        (objectives.beta_tcvae, {"beta": 2.0}),
        (objectives.constrained_vae, {"delta": 3.0}),
        (objectives.adversarial, {"weight": 1.0, "critic_steps": 2}),
    ],
    ids=["vae", "beta_tcvae", "constrained_vae", "adversarial"],
)
def test_an_interrupted_run_ends_bit_for_bit_like_an_uninterrupted_one(
    digits, checkpoint, build, arguments, step
):
    options = {
        "steps": 100,
        "batch_size": 32,
        "seed": 7,
        "lr_decay": 0.5,
        "log_every": 11,
        "progress": False,
    }
    whole_model = small_model()
    whole_objective = build(**arguments)
    whole = training.train(whole_model, digits, whole_objective, **options)

    # The run that is interrupted writes its state as often as it can.
    options |= {"checkpoint": checkpoint, "checkpoint_seconds": 0}
    training.train(interrupted(small_model(), step), digits, build(**arguments), **options)
    assert checkpoint.exists()

    # Another model and a new objective take over.
    model = small_model(seed=1)
    objective = build(**arguments)
    assert training.train(model, digits, objective, **options) == whole
    assert same_weights(model, whole_model)
    assert not checkpoint.exists()

    # So does all that the objective remembers, and nothing else of it has changed.
    found, wanted = state(objective), state(whole_objective)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert repr(objective) == repr(whole_objective)


def test_the_objectives_that_remember_something_have_a_state():
    assert state(objectives.constrained_vae(3.0))
    assert hasattr(objectives.adversarial(1.0), "state_dict")


@pytest.fixture
def run(digits, checkpoint):
    """The arguments of a run that keeps its state in a checkpoint."""
    return {
        "dataset": digits,
        "objective": objectives.vae(),
        "steps": 100,
        "batch_size": 32,
        "progress": False,
        "checkpoint": checkpoint,
    }


def test_an_interruption_before_the_first_checkpoint_leaves_no_file(run, checkpoint):
    training.train(interrupted(small_model(), step=3), **run, checkpoint_seconds=0)
    assert not checkpoint.exists()


def test_checkpoints_are_rare(run, checkpoint):
    training.train(interrupted(small_model(), step=40), **run)
    assert not checkpoint.exists()  # ten seconds had not passed


@pytest.mark.parametrize("changed", [{"seed": 1}, {"objective": objectives.beta_vae(2.0)}])
def test_a_checkpoint_of_another_run_is_refused(run, changed):
    training.train(interrupted(small_model(), step=20), **run, checkpoint_seconds=0)
    with pytest.raises(ValueError, match="another run"):
        training.train(small_model(), **run | changed)


def test_a_damaged_checkpoint_is_refused(run, checkpoint):
    training.train(interrupted(small_model(), step=20), **run, checkpoint_seconds=0)
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(ValueError, match="delete it"):
        training.train(small_model(), **run)


# Sweeps


@pytest.fixture
def table(tmp_path):
    return tmp_path / "table.jsonl"


def last_loss(model, history):
    return {"loss": history["loss"][-1], "process": os.getpid()}


def never(model, history):
    raise AssertionError("this run was done")


def test_a_sweep_has_a_row_for_each_run_in_the_order_of_the_grid(table):
    rows = training.sweep(RECIPES, (0, 1), table, last_loss, progress=False)
    runs = [(row["name"], row["seed"]) for row in rows]
    assert runs == [("vae", 0), ("vae", 1), ("beta", 0), ("beta", 1)]
    assert len({row["loss"] for row in rows}) == 4
    assert [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()] == rows

    # A row tells of the training that its recipe and its seed describe.
    _, history = training.from_recipe(RECIPES["beta"], 1, progress=False)
    assert rows[3]["loss"] == history["loss"][-1]


def test_a_sweep_runs_only_what_is_not_done(table):
    rows = training.sweep(RECIPES, (0, 1), table, last_loss, progress=False)
    assert training.sweep(RECIPES, (0, 1), table, never, progress=False) == rows

    # One more seed.
    more = training.sweep(RECIPES, (0, 1, 2), table, last_loss, progress=False)
    assert [row["seed"] for row in more] == [0, 1, 2, 0, 1, 2]

    # A name whose recipe has changed is another run.
    stronger = {"beta": recipe(function="beta_vae", beta=5.0)}
    changed = training.sweep(stronger, (0,), table, last_loss, progress=False)
    assert changed[0]["loss"] != rows[2]["loss"]


def test_a_recipes_setting_becomes_columns(table):
    setting = {"objective": "beta_vae", "strength": 4}
    recipes = {"beta": RECIPES["beta"] | {"setting": setting}}
    rows = training.sweep(recipes, (0,), table, last_loss, progress=False)
    assert rows[0].items() >= setting.items()


def test_a_run_that_fails_leaves_the_others(table, capsys):
    broken = recipe(function="beta_vae", beta=[[0, 1.0], [1, float("nan")]])
    rows = training.sweep({"broken": broken, **RECIPES}, (0,), table, last_loss, progress=False)

    assert "error" in rows[0]
    assert "broken, seed 0: " in capsys.readouterr().out
    assert all(row["loss"] > 0 for row in rows[1:])
    assert len(table.read_text(encoding="utf-8").splitlines()) == 2


def of_all_kinds(model, history):
    return {
        "per_factor": np.arange(2.0),
        "count": np.int64(3),
        "tensor": torch.ones(1, 1, requires_grad=True),
        "nested": {1: (2, np.array([3]))},
        "nothing": None,
        "flag": np.bool_(True),
    }


def test_own_scores_become_what_json_holds(table):
    (row,) = training.sweep({"vae": RECIPES["vae"]}, np.arange(1), table, of_all_kinds)
    assert json.loads(table.read_text(encoding="utf-8")) == row
    assert row["per_factor"] == [0.0, 1.0] and row["count"] == 3 and row["tensor"] == [[1.0]]
    assert row["nested"] == {"1": [2, [3]]} and row["nothing"] is None and row["flag"] is True
    assert row["seed"] == 0


@pytest.mark.parametrize(
    "returned, message",
    [
        (0.5, "score must return a dict, not a float"),
        ({"model": object()}, r"score\['model'\] is a object"),
        ({"scores": [1, {2, 3}]}, r"score\['scores'\]\[1\] is a set"),
        ({"seed": 4}, "score must not return seed"),
    ],
)
def test_what_a_row_cannot_keep_is_an_error_and_the_model_is_not_lost(
    table, capsys, returned, message
):
    recipes = {"vae": RECIPES["vae"]}
    (row,) = training.sweep(recipes, [0], table, lambda model, history: returned, progress=False)
    assert re.search(message, row["error"])
    assert not table.read_text(encoding="utf-8")

    # The next call only scores it.
    (trained,) = table.parent.glob("*.trained")
    (row,) = training.sweep(recipes, [0], table, last_loss, progress=False)
    _, history = training.from_recipe(RECIPES["vae"], 0, progress=False)
    assert row["loss"] == history["loss"][-1]
    assert not trained.exists()


def test_a_score_that_raises_loses_no_model_and_no_other_run(table, monkeypatch, capsys):
    rows = training.sweep(RECIPES, [0], table, never, progress=False)
    assert all("this run was done" in row["error"] for row in rows)

    monkeypatch.setattr(sweeps, "from_recipe", never)
    rows = training.sweep(RECIPES, [0], table, last_loss, progress=False)
    assert not any("error" in row for row in rows)


def test_a_line_that_was_cut_off_is_run_again(table):
    rows = training.sweep(RECIPES, (0, 1), table, last_loss, progress=False)
    whole = table.read_text(encoding="utf-8")
    for cut in (whole[:-30], whole[:-1]):
        table.write_text(cut, encoding="utf-8")
        again = training.sweep(RECIPES, (0, 1), table, last_loss, progress=False)
        assert [row["loss"] for row in again] == [row["loss"] for row in rows]
        assert len(table.read_text(encoding="utf-8").splitlines()) == 4


def test_a_recipe_with_tuples_is_not_run_again(table):
    recipes = {"steps": recipe(function="beta_vae", beta=[(0, 1.0), (1, 2.0)])}
    rows = training.sweep(recipes, [0], table, last_loss, progress=False)
    assert training.sweep(recipes, [0], table, never, progress=False) == rows


def test_a_name_may_have_any_letters(table):
    odd = {'β = 4/2: a \\ "wide" one?': RECIPES["beta"]}
    (row,) = training.sweep(odd, [0], table, last_loss, progress=False)
    assert row["loss"] > 0
    assert list(table.parent.iterdir()) == [table]


GOOD = recipe(function="vae")
WRONG = {
    "another objective": (recipe(function="gamma_vae"), "must name a function of helpers.obj"),
    "another argument": (recipe(function="beta_vae", gamma=2.0), '"objective": .*gamma'),
    "no number": (recipe(function="beta_vae", beta="four"), "a weight is a number .* not 'four'"),
    "no function": (recipe(beta=4.0), 'under "function", and has None'),
    "another data set": ({**GOOD, "dataset": {"function": "cats"}}, "helpers.datasets"),
    "no data set": ({k: v for k, v in GOOD.items() if k != "dataset"}, "has no 'dataset'"),
    "no model": ({k: v for k, v in GOOD.items() if k != "model"}, "has no 'model'"),
    "another training": ({**GOOD, "training": {"steps": 3, "epochs": 2}}, "not epochs"),
    "no steps": ({**GOOD, "training": {"batch_size": 3}}, "lacks steps"),
    "no images a batch": ({**GOOD, "training": {"steps": 3, "batch_size": 0}}, "one image a batch"),
    "no JSON": (recipe(function="beta_vae", beta=lambda step: 1.0), "holds what JSON cannot"),
}


@pytest.mark.parametrize("wrong, message", WRONG.values(), ids=WRONG)
def test_a_recipe_that_cannot_work_is_found_out_before_the_first_run(table, wrong, message):
    with pytest.raises(ValueError, match=message):
        training.sweep({"good": GOOD, "wrong": wrong}, [0], table, never, progress=False)
    assert not table.exists() or not table.read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", [0.5, "0", None])
def test_seeds_are_integers(table, seed):
    with pytest.raises(ValueError, match="seeds are integers"):
        training.sweep(RECIPES, [seed], table, never, progress=False)


def test_a_place_that_cannot_be_written_is_found_out_before_the_first_run(tmp_path):
    with pytest.raises(ValueError, match="cannot be written .*make its folder"):
        training.sweep(RECIPES, [0], tmp_path / "nowhere" / "table.jsonl", never)
    with pytest.raises(ValueError, match="is a folder"):
        training.sweep(RECIPES, [0], tmp_path, never)


@pytest.mark.parametrize(
    "line", ['{"score": 1}', "[1, 2]", "no JSON", '{"name": "vae", "seed": 0}']
)
def test_another_kind_of_file_is_not_added_to(table, line):
    for text in (f"{line}\n", line):
        table.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match="line 1 of .* is no row of a sweep"):
            training.sweep(RECIPES, [0], table, never, progress=False)
        assert table.read_text(encoding="utf-8") == text


def dies_once(model, history):
    """Kills its process, and so loses the run, if the file that DIES_ONCE names does not exist."""
    marker = Path(os.environ["DIES_ONCE"])
    if not marker.exists():
        marker.touch()
        os._exit(1)
    return last_loss(model, history)


@pytest.fixture
def marker(tmp_path, monkeypatch):
    """The file by which a worker process knows that one has died."""
    path = tmp_path / "marker"
    monkeypatch.setenv("DIES_ONCE", str(path))
    return path


def test_a_worker_that_dies_loses_nothing(table, marker):
    rows = training.sweep(RECIPES, (0, 1), table, dies_once, jobs=2, progress=False)
    assert marker.exists()
    assert len({row["loss"] for row in rows}) == 4


def test_the_same_call_runs_on_a_dask_cluster_one_of_whose_workers_dies(tmp_path, table, marker):
    here = training.sweep(RECIPES, (0, 1), tmp_path / "here.jsonl", last_loss, progress=False)

    # Of the two processes, the one that first has a run to score dies.
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(**workers) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        rows = training.sweep(RECIPES, (0, 1), table, dies_once, progress=False)

    assert marker.exists()
    assert [row["loss"] for row in rows] == [row["loss"] for row in here]
    assert os.getpid() not in {row["process"] for row in rows}
