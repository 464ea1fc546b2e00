"""A training described by data: which images, which model, which objective, how long."""

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from helpers import datasets, models, objectives
from helpers.models import VAE
from helpers.objectives import Objective
from helpers.training.history import Record
from helpers.training.loop import Watch, train

Recipe = dict[str, dict[str, Any]]


def from_recipe(
    recipe: Recipe,
    seed: int,
    progress: bool = True,
    checkpoint: Path | str | None = None,
    dataset: Any = None,
    watch: Watch | None = None,
) -> tuple[VAE, Record]:
    """The training that a recipe describes. The seed decides weights, batches and noise.

    recipe: a dict that JSON can hold. "dataset" is a function of helpers.datasets with its
      arguments, "model" one of helpers.models and "objective" one of helpers.objectives, each under
      "function"; in the objective a list of [step, value] pairs is a `piecewise_linear`. "training"
      has the arguments of `train`. Other entries, such as "setting", are notes of whoever wrote it.
    progress, checkpoint, watch: as in `train`.
    dataset: images of your own, as in `train`, for a recipe without "dataset".
    Returns (model, history).
    Raises ValueError for a recipe that does not say what to call, or not how; KeyboardInterrupt
    when it is interrupted, since what is left is not what the recipe describes.
    """
    images, model, objective = prepared(recipe, seed, dataset)
    training = recipe["training"]
    history = train(
        model,
        images,
        objective,
        seed=seed,
        progress=progress,
        checkpoint=checkpoint,
        watch=watch,
        **training,
    )
    if history["step"][-1:] != [training["steps"]]:
        raise KeyboardInterrupt
    return model, history


def prepared(recipe: Recipe, seed: int, dataset: Any = None) -> tuple[Any, VAE, Objective]:
    """The data set, the model with this seed's weights, and the objective of a recipe.

    Raises ValueError for a recipe that does not say what to call, or not how.
    """
    missing = {"dataset", "model", "objective", "training"} - recipe.keys()
    if dataset is not None:
        missing -= {"dataset"}
    if missing:
        raise ValueError(
            f"the recipe has no {' and no '.join(map(repr, sorted(missing)))}; images of your own "
            "are given as the argument dataset"
        )
    if dataset is not None and "dataset" in recipe:
        raise ValueError('there are two data sets: the recipe\'s "dataset" and the argument')
    unknown = recipe["training"].keys() - inspect.signature(train).parameters.keys()
    if "steps" not in recipe["training"] or unknown:
        wrong = f"not {', '.join(sorted(unknown))}" if unknown else "and it lacks steps"
        raise ValueError(f'the recipe\'s "training" has the arguments of train, {wrong}')

    if dataset is None:
        dataset = _called(datasets, "dataset", recipe["dataset"])
    images = datasets.as_dataset(dataset)
    if not hasattr(images, "image_shape"):
        images.image_shape = tuple(images.sample(1, None)[0].shape[1:])

    torch.manual_seed(seed)
    model = _called(models, "model", {"image_shape": images.image_shape, **recipe["model"]})
    schedules = {
        name: objectives.piecewise_linear(*value) if _is_schedule(value) else value
        for name, value in recipe["objective"].items()
    }
    return images, model, _called(objectives, "objective", schedules)


def _is_schedule(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(point, list | tuple) for point in value)


def _called(module: ModuleType, entry: str, call: dict[str, Any]) -> Any:
    """What the function `call["function"]` of the module returns for the other entries."""
    arguments = {name: value for name, value in call.items() if name != "function"}
    name = call.get("function")
    if not isinstance(name, str) or not hasattr(module, name):
        raise ValueError(
            f'the recipe\'s "{entry}" must name a function of {module.__name__} under "function", '
            f"and has {name!r}"
        )
    try:
        return getattr(module, name)(**arguments)
    except TypeError as error:
        raise ValueError(f'the recipe\'s "{entry}": {error}') from error
