"""The trained models in data/ are those that their recipes and scores tell of."""

import json
import runpy

import pytest
import torch

from helpers import datasets, training
from run_notebooks import ROOT

MAKE = runpy.run_path(str(ROOT / "data" / "make_weights.py"), run_name="make_weights")
RESULTS = json.loads((ROOT / "data" / "results.json").read_text())


@pytest.fixture(scope="module")
def evaluation():
    return datasets.sprites(32).sample(10_000, torch.Generator().manual_seed(MAKE["EVALUATION_SEED"]))


def test_every_recipe_was_run_over_every_seed():
    assert {name: result["recipe"] for name, result in RESULTS.items()} == MAKE["RECIPES"]
    assert all(list(map(int, result["runs"])) == list(MAKE["SEEDS"]) for result in RESULTS.values())


@pytest.mark.parametrize("name", MAKE["RECIPES"])
def test_the_weights_score_what_is_written(name, evaluation):
    path = ROOT / "data" / f"{name}.safetensors"
    model, recipe = training.load(path)
    assert recipe == {**MAKE["RECIPES"][name], "seed": MAKE["SEEDS"][0]}
    assert path.stat().st_size < 5_000_000
    found, written = MAKE["scores"](model, *evaluation), RESULTS[name]["runs"]["0"]
    assert found["mig"] == pytest.approx(written["mig"], abs=2e-3)
    assert found["kl"] == pytest.approx(written["kl"], abs=2e-3)
    assert found["disentanglement"] == pytest.approx(written["disentanglement"], abs=2e-2)
