"""A training described by data: which images, which model, which objective, how long."""

from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from helpers import datasets, models, objectives
from helpers.models import VAE
from helpers.training.history import Record
from helpers.training.loop import train

Recipe = dict[str, dict[str, Any]]


def from_recipe(
    recipe: Recipe, seed: int, progress: bool = True, checkpoint: Path | str | None = None
) -> tuple[VAE, Record]:
    """The training that a recipe describes. The seed decides weights, batches and noise.

    recipe: a dict that JSON can hold. "dataset" is a function of helpers.datasets with its
      arguments, "model" one of helpers.models and "objective" one of helpers.objectives, each under
      "function"; in the objective a list of [step, value] pairs is a `piecewise_linear`. "training"
      has the arguments of `train`. Other entries, such as "setting", are notes of whoever wrote it.
    progress, checkpoint: as in `train`.
    Returns (model, history).
    Raises KeyboardInterrupt when it is interrupted, since what is left is not what the recipe
    describes.
    """
    dataset = _called(datasets, recipe["dataset"])
    torch.manual_seed(seed)
    model = _called(models, {"image_shape": dataset.image_shape, **recipe["model"]})
    schedules = {
        name: objectives.piecewise_linear(*value) if isinstance(value, list) else value
        for name, value in recipe["objective"].items()
    }
    objective = _called(objectives, schedules)

    training = recipe["training"]
    history = train(
        model, dataset, objective, seed=seed, progress=progress, checkpoint=checkpoint, **training
    )
    if history["step"][-1:] != [training["steps"]]:
        raise KeyboardInterrupt
    return model, history


def _called(module: ModuleType, call: dict[str, Any]) -> Any:
    """What the function `call["function"]` of the module returns for the other entries."""
    arguments = {name: value for name, value in call.items() if name != "function"}
    return getattr(module, call["function"])(**arguments)
