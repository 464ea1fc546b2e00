"""Train a model, by hand or from a recipe, save it, load it again."""

import json
import math
from dataclasses import replace
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from tqdm.auto import tqdm

from helpers import datasets, models, objectives


def train(model, dataset, objective, steps, batch_size=256, seed=0, learning_rate=1e-3, cool_down=0.0, records=100,
          progress=True):
    """Train `model` in place with Adam on batches drawn from `dataset`, and return the history.

    dataset: anything with `sample(n, generator)` -> (images, factors) and `len()`.
    objective: called as objective(model, images, step, generator) -> Terms; its `.loss` is minimised.
    seed: of the batches and of the noise in z. The weights come from whoever built the model.
    cool_down: over this last fraction of the steps the learning rate falls to zero along half a cosine.
    records: how many times the history notes the means since the last note.
    progress: show a progress bar with the current terms.

    The history is a dict of lists, one entry a record: "step", "loss", "reconstruction", "rate" (nats, batch means)
    and "kl" (a list of one value a latent). Interrupting the kernel ends the training early: the model keeps what it
    has learned, and the history what was recorded. ValueError if the loss is no longer finite.
    """
    if steps < 1 or batch_size < 1:
        raise ValueError(f"train needs at least one step and one image a batch, not {steps} and {batch_size}")
    if not 0 <= cool_down <= 1:
        raise ValueError(f"cool_down is a fraction of the steps, 0 to 1, not {cool_down!r}")
    if getattr(objective, "dataset_size", 0) is None:
        objective = replace(objective, dataset_size=len(dataset))
    generator = torch.Generator().manual_seed(seed)
    images_of = _batches(dataset, batch_size, generator)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    history = {"step": [], "loss": [], "reconstruction": [], "rate": [], "kl": []}
    every = max(1, steps // records)
    since = []
    bar = tqdm(total=steps, disable=not progress, unit="step")
    step = 0
    try:
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = learning_rate * _cooling(step / steps, cool_down)
            terms = objective(model, next(images_of), step, generator)
            optimiser.zero_grad()
            terms.loss.backward()
            optimiser.step()
            since.append(torch.cat([torch.stack([terms.loss, terms.reconstruction]), terms.kl]).detach())
            if (step + 1) % every == 0 or step + 1 == steps:
                _record(history, step + 1, torch.stack(since).mean(0).tolist())
                bar.set_postfix({name: f"{history[name][-1]:.1f}" for name in ("reconstruction", "rate")}, refresh=False)
                bar.update(step + 1 - bar.n)
                since = []
    except KeyboardInterrupt:
        print(f"Interrupted after {step:,} of {steps:,} steps. The model keeps what it has learned so far.")
    finally:
        bar.close()
    return history


def _batches(dataset, batch_size, generator, at_once=8):
    """Images [batch_size, C, H, W] for ever; drawing several batches in one go costs less a batch."""
    while True:
        yield from dataset.sample(at_once * batch_size, generator)[0].split(batch_size)


def _cooling(progress, cool_down):
    """The factor on the learning rate when this fraction of the steps is done."""
    left = 1 - progress
    return 1.0 if left >= cool_down else 0.5 * (1 - math.cos(math.pi * left / cool_down))


def _record(history, step, means):
    loss, reconstruction, *kl = means
    if not math.isfinite(loss):
        raise ValueError(f"the loss is {loss} at step {step:,}: the training has diverged; build the model anew and try "
                         "a smaller learning rate")
    for name, value in zip(history, (step, loss, reconstruction, sum(kl), kl)):
        history[name].append(value)


def from_recipe(recipe, seed, progress=True):
    """(model, history) of the training that a recipe describes. The seed decides weights, batches and noise.

    A recipe is a JSON-able dict: "dataset" (a function of helpers.datasets and its arguments), "model" (a function of
    helpers.models and its arguments), "objective" (a function of helpers.objectives and its arguments, in which a list
    of [step, value] pairs is a `piecewise_linear`), and "training" (the arguments of `train`).
    """
    dataset = _called(datasets, recipe["dataset"])
    torch.manual_seed(seed)
    model = _called(models, {"image_shape": dataset.image_shape, **recipe["model"]})
    weights = {name: objectives.piecewise_linear(*value) if isinstance(value, list) else value
               for name, value in recipe["objective"].items()}
    return model, train(model, dataset, _called(objectives, weights), seed=seed, progress=progress, **recipe["training"])


def _called(module, call):
    """What the function `call["function"]` of the module returns for the other entries as its arguments."""
    arguments = dict(call)
    return getattr(module, arguments.pop("function"))(**arguments)


def save(path, model, recipe):
    """Write the weights and the recipe, any JSON-able dict, to one safetensors file. The file appears whole or not at all."""
    metadata = {"model": json.dumps(model.config), "recipe": json.dumps(recipe)}
    partial = Path(path).with_suffix(".partial")
    safetensors.torch.save_file({k: v.contiguous() for k, v in model.state_dict().items()}, partial, metadata)
    partial.replace(path)


def load(path):
    """(model, recipe) from a file that `save` wrote. Nothing is unpickled.

    ValueError, saying what is wrong, for a file that is missing, damaged, of another kind, or does not fit its own recipe.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no weights file {path}; the files that come with the notebooks are in the folder data")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is damaged or not a safetensors file ({error}); fetch it again, for example with "
                         f"`git checkout -- {path}`") from error
    if not {"model", "recipe"} <= metadata.keys():
        raise ValueError(f"{path} is a safetensors file, but not one that helpers.training.save wrote: it names no model "
                         "and no recipe")
    try:
        model = models.build(json.loads(metadata["model"]))
        model.load_state_dict(weights)
        recipe = json.loads(metadata["recipe"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"the weights in {path} do not fit the model that the file describes: {error}") from error
    return model.eval(), recipe


def encode(model, images, batch_size=4096):
    """Posterior (mu, logvar), each [N, D], of many images [N, C, H, W], in batches and without gradients."""
    with torch.no_grad():
        parts = [model.encode(part) for part in images.split(batch_size)]
    return tuple(torch.cat(tensors) for tensors in zip(*parts))
