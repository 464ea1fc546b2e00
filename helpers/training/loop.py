"""Train a model, by hand or from a recipe, or many in a sweep; save it, load it again."""

import hashlib
import json
import math
import re
import time
from dataclasses import replace
from pathlib import Path

import joblib
import safetensors
import safetensors.torch
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm.auto import tqdm

from helpers import datasets, models, objectives

CHECKPOINT_SECONDS = 10  # between two checkpoints of a run
GROUP = 8  # batches that are drawn in one go, which costs less a batch


def train(model, dataset, objective, steps, batch_size=256, seed=0, learning_rate=1e-3, cool_down=0.0, records=100,
          progress=True, checkpoint=None):
    """Train `model` in place with Adam on batches drawn from `dataset`, and return the history.

    dataset: anything with `sample(n, generator)` -> (images, factors) and `len()`.
    objective: called as objective(model, images, step, generator) -> Terms; its `.loss` is minimised.
    seed: of the batches and of the noise in z. The weights come from whoever built the model.
    cool_down: over this last fraction of the steps the learning rate falls to zero along half a cosine.
    records: how many times the history notes the means since the last note.
    progress: show a progress bar with the current terms.
    checkpoint: a path where the state of the run is kept, about every ten seconds. When the run was interrupted, or its
    process died, the same call with a fresh model goes on from there, and ends bit for bit as if nothing had happened. The
    file is gone when the run is done. ValueError if it belongs to another run.

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
    step = start = 0
    if checkpoint is not None:
        checkpoint = _Checkpoint(checkpoint, model, optimiser, generator, objective, history, {
            "steps": steps, "batch_size": batch_size, "seed": seed, "learning_rate": learning_rate, "cool_down": cool_down,
            "records": records})
        step = start = checkpoint.restore(since)
    bar = tqdm(total=steps, initial=start, disable=not progress, unit="step")
    try:
        for step in range(start, steps):
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
            if checkpoint and (step + 1) % GROUP == 0:
                checkpoint.keep(step + 1, since)
        if checkpoint:
            checkpoint.path.unlink(missing_ok=True)
    except KeyboardInterrupt:
        print(f"Interrupted after {step:,} of {steps:,} steps. The model keeps what it has learned so far.")
    finally:
        bar.close()
    return history


def _batches(dataset, batch_size, generator):
    """Images [batch_size, C, H, W] for ever."""
    while True:
        yield from dataset.sample(GROUP * batch_size, generator)[0].split(batch_size)


class _Checkpoint:
    """The state of a run of `train` in a file: weights, Adam's moments, the generator, the history, a multiplier.

    It is written between two groups of batches, so that no drawn batch is part of the state.
    """

    def __init__(self, path, model, optimiser, generator, objective, history, settings):
        self.path, self.model, self.optimiser, self.generator = Path(path), model, optimiser, generator
        self.objective, self.history = objective, history
        described = re.sub(" at 0x[0-9a-f]+", "", repr(objective))  # a lambda has another address in another process
        self.settings = {**settings, "model": model.config, "objective": described}
        self.written = time.monotonic()

    def keep(self, step, since):
        """Write the state after this many steps, unless that was done a moment ago. since: what is not yet recorded."""
        if time.monotonic() - self.written < CHECKPOINT_SECONDS:
            return
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for i, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{i}.{name}": tensor for name, tensor in moments.items()}
        tensors["generator"] = self.generator.get_state()
        if since:
            tensors["since"] = torch.stack(since)
        _write(self.path, tensors, {"settings": self.settings, "step": step, "history": self.history,
                                    "multiplier": self._multiplier()})
        self.written = time.monotonic()

    def restore(self, since):
        """Put the state back, if there is one, and return the number of steps that are done."""
        if not self.path.exists():
            return 0
        metadata, tensors = _read(self.path, "delete it, and the run starts from its beginning")
        if metadata.get("settings") != json.loads(json.dumps(self.settings)):
            raise ValueError(f"{self.path} is the checkpoint of another run, or of this one with other settings; delete it, or "
                             "give this run another path")
        self.model.load_state_dict({name.removeprefix("model."): tensor for name, tensor in tensors.items()
                                    if name.startswith("model.")})
        state = self.optimiser.state_dict()
        for name, tensor in tensors.items():
            if name.startswith("adam."):
                _, i, moment = name.split(".")
                state["state"].setdefault(int(i), {})[moment] = tensor
        self.optimiser.load_state_dict(state)
        self.generator.set_state(tensors["generator"])
        self.history.update(metadata["history"])
        since.extend(tensors.get("since", []))
        for name, value in metadata["multiplier"].items():
            setattr(self.objective, name, value)
        return metadata["step"]

    def _multiplier(self):
        if isinstance(self.objective, objectives.constrained_vae):
            return {"beta": self.objective.beta, "rate": self.objective.rate}
        return {}


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


def from_recipe(recipe, seed, progress=True, checkpoint=None):
    """(model, history) of the training that a recipe describes. The seed decides weights, batches and noise.

    A recipe is a JSON-able dict: "dataset" (a function of helpers.datasets and its arguments), "model" (a function of
    helpers.models and its arguments), "objective" (a function of helpers.objectives and its arguments, in which a list
    of [step, value] pairs is a `piecewise_linear`), and "training" (the arguments of `train`).
    An interruption is passed on as KeyboardInterrupt, since what is left is not what the recipe describes.
    """
    dataset = _called(datasets, recipe["dataset"])
    torch.manual_seed(seed)
    model = _called(models, {"image_shape": dataset.image_shape, **recipe["model"]})
    weights = {name: objectives.piecewise_linear(*value) if isinstance(value, list) else value
               for name, value in recipe["objective"].items()}
    history = train(model, dataset, _called(objectives, weights), seed=seed, progress=progress, checkpoint=checkpoint,
                    **recipe["training"])
    if history["step"][-1:] != [recipe["training"]["steps"]]:
        raise KeyboardInterrupt
    return model, history


def _called(module, call):
    """What the function `call["function"]` of the module returns for the other entries as its arguments."""
    arguments = dict(call)
    return getattr(module, arguments.pop("function"))(**arguments)


def sweep(recipes, seeds, path, score, jobs=None, progress=True):
    """Train every recipe with every seed, and return a table: a list of rows, one a run, in the order of the grid.

    recipes: a dict from a name to a recipe, as in `from_recipe`. score: a function of (model, history) that returns a
    JSON-able dict, what the row keeps beside "name" and "seed". It must be importable, since worker processes call it.
    path: the table as a file of JSON lines. A run is added to it as soon as it is done, and what it has is not run again,
    unless the recipe has changed. An interrupted run goes on from its checkpoint, which lies beside the table.
    jobs: processes at a time, each with one thread. None: one, or, inside `joblib.parallel_config("dask")`, what the cluster has.

    A run that fails does not stop the others: its row has "error" instead of scores, is not in the file, and is run again by
    the next call. So is a run whose worker process dies, once in the same call; then TerminatedWorkerError is raised.
    """
    path = Path(path)
    rows = {}
    if path.exists():
        for row in map(json.loads, path.read_text().splitlines()):
            if row["recipe"] == recipes.get(row["name"]):
                rows[row["name"], row["seed"]] = row
    grid = [(name, seed) for name in recipes for seed in seeds]
    bar = tqdm(total=len(grid), initial=sum(run in rows for run in grid), disable=not progress, unit="run")
    for last_attempt in (False, True):
        todo = [run for run in grid if run not in rows]
        if not todo:
            break
        done = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(
            joblib.delayed(_run)(name, recipes[name], seed, score, path.with_name(f"{path.stem}-{name}-{seed}.checkpoint"))
            for name, seed in todo)
        try:
            for row in done:
                rows[row["name"], row["seed"]] = row
                bar.update()
                if "error" in row:
                    print(f"{row['name']}, seed {row['seed']}: {row['error']}")
                else:
                    with path.open("a") as file:
                        file.write(json.dumps(row) + "\n")
        except TerminatedWorkerError:
            if last_attempt:
                raise
    bar.close()
    return [rows[run] for run in grid]


def _run(name, recipe, seed, score, checkpoint):
    """One row of a sweep."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as many processes as cores want no second thread each
    row = {"name": name, "seed": seed, "recipe": recipe}
    try:
        return row | score(*from_recipe(recipe, seed, progress=False, checkpoint=checkpoint))
    except Exception as error:
        return row | {"error": f"{type(error).__name__}: {error}"}
    finally:
        torch.set_num_threads(threads)


def save(path, model, recipe):
    """Write the weights and the recipe, any JSON-able dict, to one safetensors file. The file appears whole or not at all."""
    _write(path, model.state_dict(), {"model": model.config, "recipe": recipe})


def load(path):
    """(model, recipe) from a file that `save` wrote. Nothing is unpickled.

    If a results.json beside it says the file's SHA-256, as the one in the folder data does, a file with another is refused.
    ValueError, saying what is wrong, for a file that is missing, damaged, of another kind, or does not fit its own recipe.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no weights file {path}; the files that come with the notebooks are in the folder data")
    remedy = f"fetch it again, for example with `git checkout -- {path}`"
    metadata, weights = _read(path, remedy)
    index = path.with_name("results.json")
    if index.is_file():
        expected = json.loads(index.read_text()).get(path.stem, {}).get("sha256")
        if expected not in (None, hashlib.sha256(path.read_bytes()).hexdigest()):
            raise ValueError(f"{path} is not the file that {index} tells of: its SHA-256 is another; {remedy}")
    if not {"model", "recipe"} <= metadata.keys():
        raise ValueError(f"{path} is a safetensors file, but not one that helpers.training.save wrote: it names no model "
                         "and no recipe")
    try:
        model = models.build(metadata["model"])
        model.load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"the weights in {path} do not fit the model that the file describes: {error}") from error
    return model.eval(), metadata["recipe"]


def _write(path, tensors, metadata):
    """Write tensors and a dict of JSON-able values to a safetensors file, which appears whole or not at all."""
    partial = Path(path).with_suffix(".partial")
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial,
                                {name: json.dumps(value) for name, value in metadata.items()})
    partial.replace(path)


def _read(path, remedy):
    """(metadata, tensors) of a file that `_write` wrote, or a ValueError that ends with the remedy."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is damaged or not a safetensors file ({error}); {remedy}") from error
    try:
        return {name: json.loads(value) for name, value in metadata.items()}, tensors
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is a safetensors file, but not one that helpers.training wrote; {remedy}") from error


def encode(model, images, batch_size=4096):
    """Posterior (mu, logvar), each [N, D], of many images [N, C, H, W], in batches and without gradients."""
    with torch.no_grad():
        parts = [model.encode(part) for part in images.split(batch_size)]
    return tuple(torch.cat(tensors) for tensors in zip(*parts))
