"""The trained models in data/ are those that their recipes and scores tell of."""

import hashlib
import json
import sys

import pytest
import torch

from helpers import datasets, training
from run_notebooks import ROOT

DATA = ROOT / "data"
sys.path.insert(0, str(DATA))
import make_generators  # noqa: E402
import make_long  # noqa: E402
import make_sweep  # noqa: E402
import make_weights  # noqa: E402

RESULTS = json.loads((DATA / "results.json").read_text())
SWEEP, REPLICATION = ([json.loads(line) for line in path.read_text().splitlines()]
                      for path in (make_sweep.TABLE, make_sweep.REPLICATION))
RECIPES = make_weights.RECIPES | make_long.RECIPES | make_long.ONCE | make_generators.FRUIT_RECIPES | make_generators.FACE_RECIPES


def test_every_recipe_was_run_over_every_seed():
    assert {name: result["recipe"] for name, result in RESULTS.items()} == RECIPES
    for name, result in RESULTS.items():
        assert list(map(int, result["runs"])) == list(make_weights.SEEDS)[:1 if name in make_long.ONCE else None]


@pytest.mark.parametrize("name", RECIPES)
def test_the_weights_are_those_of_the_recipe(name):
    path = DATA / f"{name}.safetensors"
    assert training.load(path)[1] == {**RECIPES[name], "seed": make_weights.SEEDS[0]}
    assert path.stat().st_size < 5_000_000
    assert RESULTS[name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_all_weights_together_are_small_and_known():
    files = list(DATA.glob("*.safetensors"))
    assert {path.stem for path in files} == set(RECIPES)
    assert sum(path.stat().st_size for path in files) < 30_000_000


@pytest.fixture(scope="module")
def evaluation():
    return datasets.sprites(32).sample(10_000, torch.Generator().manual_seed(make_weights.EVALUATION_SEED))


@pytest.mark.parametrize("name", make_weights.RECIPES)
def test_sprites_score_what_is_written(name, evaluation):
    found, written = make_weights.scores(training.load(DATA / f"{name}.safetensors")[0], *evaluation), RESULTS[name]["runs"]["0"]
    assert found["mig"] == pytest.approx(written["mig"], abs=2e-3)
    assert found["kl"] == pytest.approx(written["kl"], abs=2e-3)
    assert found["disentanglement"] == pytest.approx(written["disentanglement"], abs=2e-2)


@pytest.mark.parametrize("name", make_long.RECIPES | make_long.ONCE)
def test_long_runs_score_what_is_written(name):
    found, written = make_long.evaluate(training.load(DATA / f"{name}.safetensors")[0]), RESULTS[name]["runs"]["0"]
    for key in ("mig", "posterior_mig", "posterior_mig_four", "kl", "forest_disentanglement"):
        assert found[key] == pytest.approx(written[key], abs=2e-2), key  # the stored weights are rounded


@pytest.mark.parametrize("name", make_generators.FRUIT_RECIPES)
def test_fruits_swap_as_is_written(name):
    data = datasets.fruits(hold_out=make_generators.held_out())
    share, with_place, *parts, closer = make_generators.swap_scores(training.load(DATA / f"{name}.safetensors")[0], data)
    written = RESULTS[name]["runs"]["0"]
    assert [share, with_place, closer] == pytest.approx([written[key] for key in ("swap", "with_place", "closer")], abs=2e-2)
    assert parts == pytest.approx(written["parts"], abs=2e-2)


@pytest.mark.parametrize("name", make_generators.FACE_RECIPES)
def test_faces_change_as_is_written(name):
    size = make_generators.FACE_RECIPES[name]["dataset"]["size"]
    found = make_generators.changes(training.load(DATA / f"{name}.safetensors")[0], datasets.faces(size))
    assert found.tolist() == [pytest.approx(row, abs=2e-2) for row in RESULTS[name]["runs"]["0"]["changes"]]


@pytest.mark.parametrize(("table", "names", "seeds"), [
    (SWEEP, make_sweep.RECIPES, make_weights.SEEDS), (REPLICATION, make_sweep.CLAIMED, make_sweep.OTHER_SEEDS)],
    ids=["sweep", "replication"])
def test_a_table_has_one_line_for_each_recipe_and_seed(table, names, seeds):
    assert sorted((row["name"], row["seed"]) for row in table) == sorted((name, seed) for name in names for seed in seeds)
    assert all(row["recipe"] == make_sweep.RECIPES[row["name"]] for row in table)
    assert all(row.keys() == SWEEP[0].keys() for row in table)


@pytest.mark.parametrize("name", ["beta_vae", "beta_vae_annealed"])
def test_a_recipe_that_is_in_both_tables_has_the_same_scores_in_both(name):
    """They were trained in separate runs, by different calls: bit for bit the same."""
    same = {str(row["seed"]): row for row in SWEEP if row["recipe"] == make_weights.RECIPES[name]}
    assert same.keys() == RESULTS[name]["runs"].keys()
    for seed, run in RESULTS[name]["runs"].items():
        assert run == {key: same[seed][key] for key in run}
