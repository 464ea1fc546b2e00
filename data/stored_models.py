"""The trained models of this folder: weights in files, and results.json, the index of them all."""

import copy
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from helpers import training
from helpers.models import VAE
from helpers.training import Recipe
from recipes import SEEDS
from scoring import Scores, last_terms, rounded

FOLDER = Path(__file__).parent

Index = dict[str, dict[str, Any]]  # by the name of a recipe: "recipe", "runs", "history", "sha256"
Run = tuple[str, int]  # the name of a recipe, and a seed


def read_index(folder: Path = FOLDER) -> Index:
    """What results.json says, or nothing where there is none."""
    path = folder / "results.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def missing_runs(recipes: dict[str, Recipe], seeds: Iterable[int], index: Index) -> list[Run]:
    """The runs of these recipes and seeds that the index does not have, seed by seed.

    A recipe that is in the index with other entries is missing with every seed.
    """
    missing = []
    for seed in seeds:
        for name, recipe in recipes.items():
            if not _has_recipe(index, name, recipe) or str(seed) not in index[name]["runs"]:
                missing.append((name, seed))
    return missing


def train_missing(
    recipes: dict[str, Recipe],
    evaluate: Callable[[VAE], Scores],
    *,
    seeds: Sequence[int] = SEEDS,
    keep_weights: bool = True,
    folder: Path = FOLDER,
) -> None:
    """Train every recipe with every seed that results.json does not have yet, and add its scores.

    recipes: by their names, which become the names of files.
    evaluate: what the index is to keep of a trained model. The last terms of the loss are added.
    seeds: of the runs. Of the first of SEEDS the index keeps the history too.
    keep_weights: of the first of SEEDS the weights are kept in a file, in half precision.
    folder: where the index and the files are. An interrupted run goes on from its checkpoint there.
    """
    # A second thread gains a third at best, and may change the last digits.
    torch.set_num_threads(1)

    index = read_index(folder)
    for name, seed in tqdm(missing_runs(recipes, seeds, index), unit="run"):
        recipe = recipes[name]
        checkpoint = folder / f"{name}-{seed}.checkpoint"
        model, history = training.from_recipe(recipe, seed, progress=False, checkpoint=checkpoint)

        # A recipe that has changed loses its old runs.
        if not _has_recipe(index, name, recipe):
            index[name] = {"recipe": recipe, "runs": {}}
        entry = index[name]
        entry["runs"][str(seed)] = rounded({**evaluate(model), **last_terms(history)})

        if seed == SEEDS[0]:
            entry["history"] = rounded(history)

        # The weights of one seed are enough for the notebooks.
        if seed == SEEDS[0] and keep_weights:
            path = folder / f"{name}.safetensors"
            training.save(path, copy.deepcopy(model).half(), {**recipe, "seed": seed})
            entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        _write_index(index, folder)


def _has_recipe(index: Index, name: str, recipe: Recipe) -> bool:
    """Whether the index has just this recipe under this name."""
    return name in index and index[name]["recipe"] == recipe


def _write_index(index: Index, folder: Path) -> None:
    """Replace results.json, which so is whole at any moment."""
    partial = folder / "results.partial"
    partial.write_text(json.dumps(index, indent=1), encoding="utf-8")
    partial.replace(folder / "results.json")
