"""The trained models in data/ are those that their recipes and scores tell of."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import t as student_t

import make_drawing
import make_generators
import make_importance
import make_ladder
import make_long
import make_sweep
import make_turning
import make_ways_out
import make_weights
from helpers import datasets, training
from helpers.models import VAE
from helpers.moments import moments, slopes
from helpers.swapping import changes, swap_scores
from helpers.training.recipes import prepared
from recipes import SEEDS, SHARED, altered
from run_notebooks import ROOT
from scoring import KINDS, rounded, scores
from stored_models import missing_runs, read_index, train_missing

DATA = ROOT / "data"
INDEX = read_index()

WITH_WEIGHTS = (
    make_weights.RECIPES
    | make_generators.FRUIT_RECIPES
    | make_generators.FACE_RECIPES
    | make_long.DRAWN
    | make_ladder.RECIPES
    | make_drawing.DRAWN
    | {name: make_ways_out.RECIPES[name] for name in make_ways_out.DRAWN}
)
ON_EVERY_SEED = WITH_WEIGHTS | make_long.RECIPES | make_ways_out.RECIPES | make_drawing.BESIDE
RECIPES = ON_EVERY_SEED | make_long.ONCE

Rows = list[dict[str, Any]]


def rows_of(path: Path) -> Rows:
    """The rows of a table that `sweep` wrote."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


SWEEP = rows_of(make_sweep.TABLE)
REPLICATION = rows_of(make_sweep.REPLICATION)

each_table = pytest.mark.parametrize(
    ("table", "recipes", "seeds", "runs"),
    [
        pytest.param(SWEEP, make_sweep.RECIPES, SEEDS, 130, id="sweep"),
        pytest.param(
            REPLICATION, make_sweep.REPLICATED, make_sweep.OTHER_SEEDS, 50, id="replication"
        ),
    ],
)


def stored(name: str) -> VAE:
    """The model whose weights are in data/."""
    return training.load(DATA / f"{name}.safetensors")[0]


def first_run(name: str) -> dict[str, Any]:
    """The scores that the index has of it."""
    return INDEX[name]["runs"][str(SEEDS[0])]


def test_runs_that_were_trained_once_more_are_the_same_runs():
    first = {(row["name"], row["seed"]): row for row in SWEEP + REPLICATION}
    for name, entry in INDEX.items():
        first |= {(name, int(seed)): run for seed, run in entry["runs"].items()}

    for again in rows_of(make_importance.TABLE):
        run = first[again["name"], again["seed"]]
        for key in again.keys() & {"mig", "posterior_mig", "kl", "reconstruction", "rate"}:
            if key in run:
                assert again[key] == run[key], (again["name"], again["seed"], key)

        # Of a factor of several classes, or of an angle, every target has its weights.
        if again["recipe"]["dataset"]["function"] == "sprites":
            shapes = [np.shape(weights) for weights in again["lasso"]]
            assert shapes == [(6, targets) for targets in (3, 1, 2, 1, 1)]


def test_runs_are_made_once_more_only_where_they_are_the_same(monkeypatch):
    recipe = INDEX["vae"]["recipe"]
    images, model, objective = prepared(recipe, SEEDS[0])
    history = training.train(model, images, objective, 30, 64, 0, log_every=10, progress=False)
    made_here = {"recipe": recipe, "history": rounded(history)}

    monkeypatch.setattr(make_importance, "TRIED", 30)
    monkeypatch.setattr(make_importance, "read_index", lambda: {"vae": made_here})
    assert make_importance.is_repeatable()
    made_here["history"]["reconstruction"][2] += 0.0001
    assert not make_importance.is_repeatable()


# The index and the weights


def test_the_index_has_every_recipe_with_every_seed_and_nothing_else():
    assert INDEX.keys() == RECIPES.keys()
    for name, entry in INDEX.items():
        seeds = SEEDS[:1] if name in make_long.ONCE else SEEDS
        assert entry["recipe"] == RECIPES[name], name
        assert list(entry["runs"]) == [str(seed) for seed in seeds], name


def test_make_weights_would_train_no_stored_model_again():
    assert missing_runs(ON_EVERY_SEED, SEEDS, INDEX) == []
    assert missing_runs(make_long.ONCE, SEEDS[:1], INDEX) == []


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_the_weights_are_those_of_the_recipe(name):
    path = DATA / f"{name}.safetensors"
    assert training.load(path)[1] == {**RECIPES[name], "seed": SEEDS[0]}
    assert path.stat().st_size < 5_000_000
    assert INDEX[name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_all_weights_together_are_small_and_known():
    files = list(DATA.glob("*.safetensors"))
    assert {path.stem for path in files} == set(WITH_WEIGHTS)
    assert {name for name, entry in INDEX.items() if "sha256" in entry} == set(WITH_WEIGHTS)
    assert sum(path.stat().st_size for path in files) < 30_000_000


def test_dci_has_a_kind_for_each_factor():
    for name, kinds in KINDS.items():
        assert len(kinds) == len(getattr(datasets, name)().factor_names), name


# The scores of what is stored are those that are written


@pytest.mark.parametrize("name", make_weights.RECIPES)
def test_sprites_score_what_is_written(name):
    found = make_weights.evaluate(stored(name))
    written = first_run(name)
    assert found["mig"] == pytest.approx(written["mig"], abs=2e-2)  # the weights are rounded
    assert found["kl"] == pytest.approx(written["kl"], abs=2e-2)
    assert found["disentanglement"] == pytest.approx(written["disentanglement"], abs=2e-2)


@pytest.mark.parametrize("name", make_long.DRAWN)
def test_long_runs_score_what_is_written(name):
    found = make_long.evaluate(stored(name))
    written = first_run(name)
    for key in ("mig", "posterior_mig", "posterior_mig_four", "kl", "forest_disentanglement"):
        assert found[key] == pytest.approx(written[key], abs=2e-2), key


@pytest.mark.parametrize("name", make_ladder.RECIPES)
def test_worlds_of_the_ladder_score_what_is_written(name):
    found = make_ladder.ladder_scores(stored(name), make_ladder.WORLDS[name])
    written = first_run(name)
    assert found.keys() == written.keys() - {"reconstruction", "rate"}
    for key, value in found.items():
        assert value == pytest.approx(written[key], abs=2e-2), key


@pytest.mark.parametrize("name", make_ways_out.DRAWN)
def test_ways_out_score_what_is_written(name):
    found = make_ways_out.scores_of(name, stored(name))
    written = first_run(name)
    assert found.keys() == written.keys() - {"reconstruction", "rate"}
    for key in ("mig", "mig_per_factor", "kl"):
        assert found[key] == pytest.approx(written[key], abs=2e-2), key


@pytest.mark.parametrize("name", make_drawing.DRAWN)
def test_models_that_draw_score_what_is_written(name):
    found = make_drawing.evaluate(stored(name))
    written = first_run(name)
    assert found.keys() == written.keys() - {"reconstruction", "rate"}
    for key in ("mig", "posterior_mig_four", "mig_by_moments", "kl", "stretch", "right_shape"):
        assert found[key] == pytest.approx(written[key], abs=2e-2), key


class Drawn:
    """In place of a model: it draws what a function makes of the pictures."""

    image_shape = (1, 32, 32)

    def __init__(self, draw: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.draw = draw

    def encode(self, images):
        return images, images

    def mean_image(self, images):
        return self.draw(images)


def round_blots(images):
    """A disc of each picture's size where its mass is."""
    down, across = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    x, y, side = moments(images)[:, :3, None, None].unbind(1)
    distance = ((across - x) ** 2 + (down - y) ** 2).sqrt()
    return (side / np.pi**0.5 - distance + 0.5).clamp(0, 1)[:, None]


def test_the_shape_of_a_drawing_is_looked_up_over_its_centre_of_mass():
    assert make_drawing.right_shape(Drawn(lambda images: images)) == 1
    moved = Drawn(lambda images: images.roll((1, -1), (2, 3)))
    assert make_drawing.right_shape(moved) > 0.98

    # A blot has no shape; the most that it gives away is the area.
    assert make_drawing.right_shape(Drawn(round_blots)) < 0.6


def test_the_watched_trainings_are_those_of_their_recipes():
    stored_turns = json.loads((DATA / "turning.json").read_text(encoding="utf-8"))
    assert stored_turns.keys() == make_turning.RUNS.keys()
    for name, (recipe, seed) in make_turning.RUNS.items():
        turn = stored_turns[name]
        assert (turn["recipe"], turn["seed"]) == (recipe, seed)
        assert turn["step"][-1] == recipe["training"]["steps"]
        assert np.shape(turn["slopes"]) == (len(turn["step"]), 6, 2)

    # The first is the run whose weights are here, so it ends with the same code.
    model = stored("beta_tcvae_annealed")
    images, factors = datasets.sprites(32).sample(5000, torch.Generator().manual_seed(10_000))
    found = slopes(training.encode(model, images)[0], factors[:, 3:])
    assert found == pytest.approx(np.array(stored_turns["turns"]["slopes"][-1]), abs=2e-3)


@pytest.mark.parametrize("name", make_generators.FRUIT_RECIPES)
def test_fruits_swap_as_is_written(name):
    data = datasets.fruits(hold_out=make_generators.held_out())
    found = swap_scores(stored(name), data)
    written = first_run(name)
    for key, value in found._asdict().items():
        assert value == pytest.approx(written[key], abs=2e-2), key


@pytest.mark.parametrize("name", make_generators.FACE_RECIPES)
def test_faces_change_as_is_written(name):
    size = make_generators.FACE_RECIPES[name]["dataset"]["size"]
    found = changes(stored(name), datasets.faces(size)).tolist()
    written = first_run(name)["changes"]
    assert found == [pytest.approx(row, abs=2e-2) for row in written]


@pytest.mark.parametrize("name", ["fruits_beta_vae", "faces_beta_vae_annealed"])
def test_fruits_and_faces_are_scored_by_the_posterior_mig_and_say_so(name):
    # All pictures on which the model was trained.
    recipe = RECIPES[name]["dataset"]
    arguments = {key: value for key, value in recipe.items() if key != "function"}
    data = getattr(datasets, recipe["function"])(**arguments)
    factors = data.factors(torch.arange(len(data)))
    posteriors = training.encode(stored(name), data.images(factors))

    found = scores(*posteriors, factors, KINDS[recipe["function"]], gap="posterior_mig")
    written = first_run(name)
    assert not {"mig", "mig_per_factor"} & written.keys()
    for key, value in found.items():
        assert value == pytest.approx(written[key], abs=2e-2), key


def test_an_unknown_gap_is_refused():
    table = torch.zeros(4, 2)
    with pytest.raises(ValueError, match='"mig" or "posterior_mig"'):
        scores(table, table, table.long(), KINDS["sprites"], gap="MIG")


# What the texts say of all seeds; it can only change with the tables


def over_seeds(name: str, score: str) -> np.ndarray:
    """A score of each of its five runs."""
    return np.array([run[score] for run in INDEX[name]["runs"].values()])


def lowest_expected(values: np.ndarray) -> float:
    """The lower end of the 95 % prediction interval for one run more."""
    reach = student_t.ppf(0.975, len(values) - 1) * np.sqrt(1 + 1 / len(values))
    return values.mean() - reach * values.std(ddof=1)


def test_the_path_and_not_the_weight_makes_the_gap():
    assert over_seeds("beta_tcvae_annealed", "mig").mean() >= 0.37
    assert over_seeds("vae", "mig").mean() <= 0.25
    assert lowest_expected(over_seeds("beta_tcvae_annealed", "mig")) >= 0.4
    assert over_seeds("beta_vae_long", "posterior_mig_four").mean() >= 0.38


def test_the_swap_works_for_the_schedule_and_not_for_a_constant_weight():
    swap = {name: over_seeds(name, "swap") for name in make_generators.FRUIT_RECIPES}
    assert lowest_expected(swap["fruits_beta_tcvae_annealed"]) >= 0.45
    assert (swap["fruits_beta_vae"] - swap["fruits_vae"]).mean() <= 0
    assert (swap["fruits_beta_tcvae_annealed"] - swap["fruits_beta_vae_annealed"]).min() >= 0
    assert over_seeds("fruits_adversarial", "posterior_mig").max() <= 0.1


# The tables of the sweep


@each_table
def test_a_table_has_one_line_for_each_recipe_and_seed(table, recipes, seeds, runs):
    found = sorted((row["name"], row["seed"]) for row in table)
    assert found == sorted((name, seed) for name in recipes for seed in seeds)
    assert len(table) == runs


@each_table
def test_each_line_has_the_recipe_of_its_name_and_the_columns_of_the_others(
    table, recipes, seeds, runs
):
    for row in table:
        assert row["recipe"] == recipes[row["name"]]
        assert row.keys() == SWEEP[0].keys()


@each_table
def test_the_setting_of_a_line_stands_in_its_columns_and_makes_its_name(
    table, recipes, seeds, runs
):
    for row in table:
        fields = row["recipe"]["setting"]
        assert fields == {field: row[field] for field in fields}
        assert make_sweep.Setting(**fields).name == row["name"]


@each_table
def test_a_setting_is_what_the_recipe_beside_it_does(table, recipes, seeds, runs):
    for row in table:
        assert row["objective"] == row["recipe"]["objective"]["function"]
        assert row["bound"] == row["recipe"]["model"]["mean_bound"]

        # The strength is where the schedule ends, or what is kept throughout.
        weight = "delta" if row["objective"] == "constrained_vae" else "beta"
        path = row["recipe"]["objective"][weight]
        assert isinstance(path, list) == (row["path"] == "schedule")
        assert row["strength"] == (path[-1][1] if isinstance(path, list) else path)


@each_table
def test_make_weights_would_add_nothing_to_a_table(table, recipes, seeds, runs, tmp_path):
    path = tmp_path / "table.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in table), encoding="utf-8")
    found = training.sweep(recipes, list(seeds), path, score=no_run, jobs=1, progress=False)
    assert len(found) == runs
    assert path.read_text(encoding="utf-8").count("\n") == runs


def no_run(model: VAE, history: dict[str, list]) -> dict[str, float]:
    raise AssertionError("nothing was to be trained")


@pytest.mark.parametrize("name", ["beta_vae", "beta_vae_annealed"])
def test_a_recipe_that_is_in_both_tables_has_the_same_scores_in_both(name):
    """They were trained in separate runs, by different calls: bit for bit the same."""
    same = {}
    for row in SWEEP:
        recipe = {part: entries for part, entries in row["recipe"].items() if part != "setting"}
        if recipe == make_weights.RECIPES[name]:
            same[str(row["seed"])] = row

    assert same.keys() == INDEX[name]["runs"].keys()
    for seed, run in INDEX[name]["runs"].items():
        assert run == {key: same[seed][key] for key in run}


# Training what is missing


@pytest.fixture
def small() -> Iterator[dict[str, training.Recipe]]:
    """A recipe of three steps; the threads that its training takes away are given back."""
    threads = torch.get_num_threads()
    recipe = altered(SHARED, model={"hidden": 8}, training={"steps": 3, "batch_size": 4})
    yield {"small": {**recipe, "objective": {"function": "vae"}}}
    torch.set_num_threads(threads)


def test_a_missing_run_is_trained_rounded_and_stored(small, tmp_path):
    train_missing(small, lambda model: {"mig": 0.123456}, folder=tmp_path)

    entry = read_index(tmp_path)["small"]
    assert entry["recipe"] == small["small"]
    assert list(entry["runs"]) == [str(seed) for seed in SEEDS]
    assert all(run.keys() == {"mig", "reconstruction", "rate"} for run in entry["runs"].values())
    assert entry["runs"]["3"]["mig"] == 0.1235
    assert entry["history"]["step"] == [1, 2, 3]

    # `load` would refuse a file whose SHA-256 is not the one in the index.
    model, recipe = training.load(tmp_path / "small.safetensors")
    assert recipe == {**small["small"], "seed": 0}
    assert next(model.parameters()).dtype == torch.float32
    assert len(list(tmp_path.iterdir())) == 2  # no checkpoint is left


def test_weights_that_no_notebook_draws_are_not_kept(small, tmp_path):
    train_missing(small, lambda model: {}, seeds=[0], keep_weights=False, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
    assert "sha256" not in read_index(tmp_path)["small"]


def test_what_is_stored_is_not_trained_again_unless_its_recipe_changes(small, tmp_path):
    calls = []

    def evaluate(model: VAE) -> dict[str, float]:
        calls.append(model)
        return {}

    # Of the second call only seed 2 is new.
    train_missing(small, evaluate, seeds=[0, 1], folder=tmp_path)
    train_missing(small, evaluate, seeds=[0, 1, 2], folder=tmp_path)
    assert len(calls) == 3

    # With another recipe the old runs tell of nothing any more.
    small["small"]["training"]["steps"] = 2
    train_missing(small, evaluate, seeds=[0], folder=tmp_path)
    assert len(calls) == 4
    assert list(read_index(tmp_path)["small"]["runs"]) == ["0"]
