"""The training loop, and encoding many images with what it has trained."""

import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from helpers import datasets
from helpers.models import VAE
from helpers.objectives import Objective
from helpers.training.checkpoints import GROUP, Checkpoint, Run
from helpers.training.history import History, Record
from helpers.training.incoming import as_images

Watch = Callable[[int, VAE], None]  # given the number of steps done, and the model

FUSED = ("cpu", "cuda")  # devices on which all of Adam's step is one call


class Images(Protocol):
    """What can be trained on: anything of known size from which images can be drawn."""

    def __len__(self) -> int:
        """How many images there are."""

    def sample(self, n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """n images [n, C, H, W] drawn with replacement, and their factors [n, K]."""


def train(
    model: VAE,
    dataset: Images | Any,
    objective: Objective,
    steps: int,
    batch_size: int = 256,
    seed: int = 0,
    learning_rate: float = 1e-3,
    *,
    lr_decay: float = 0.0,
    log_every: int | None = None,
    progress: bool = True,
    checkpoint: Path | str | None = None,
    checkpoint_seconds: float = 10.0,
    watch: Watch | None = None,
) -> Record:
    """Train `model` in place, where it is, with Adam on batches drawn from `dataset`.

    dataset: anything with `sample(n, generator)` -> (images, factors) and `len()`; or an array or a
      tensor of images, or PyTorch's Dataset or DataLoader, whose items begin with an image. Bytes,
      other types and other layouts are converted where there is only one way to read them.
    objective: called as objective(model, images, step, generator) -> Terms; its `.loss` is
      minimised.
    steps, batch_size: at least 1.
    seed: of the batches and of the noise in z. The weights come from whoever built the model.
    learning_rate: Adam's. lr_decay: over this last fraction of the steps, 0 to 1, it falls to zero
      along half a cosine.
    log_every: steps between two entries of the history; None: a hundredth of all steps.
    progress: show a progress bar with the current terms.
    checkpoint: a path where the state of the run is kept. When the run was interrupted, or its
      process died, the same call with a fresh model goes on from there, and ends bit for bit as if
      nothing had happened. The file is gone when the run is done.
    checkpoint_seconds: from one writing of the checkpoint to the next.
    watch: called as watch(step, model) with each entry of the history, for example to keep what the
      model draws at that time. What it keeps is no part of the checkpoint.
    Returns the history, a dict of lists with an entry each time: "step", "loss",
    "reconstruction", "rate" (nats, means over the batches since the last entry) and "kl" (a list
    with one value a latent). Interrupting the kernel ends the training early: the model keeps what
    it has learned, and the history what was recorded.
    Raises ValueError for arguments out of range, before the first step for a data set from which no
    images can be drawn and for images that do not suit the model, if the loss is no longer finite,
    and for a checkpoint of another run.
    """
    _check_arguments(objective, steps, batch_size, seed, learning_rate, lr_decay, log_every)
    dataset = datasets.as_dataset(dataset)
    objective = _told_the_size(objective, len(dataset))
    generator = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    fused = device.type in FUSED  # quicker, where there is such a step
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=fused)
    history = History(steps, log_every)

    # Where the last call stopped, if one did; and the batches from there on.
    run = Run(model, objective, optimiser, generator, history)
    settings: dict[str, Any] = {
        "steps": steps,
        "batch_size": batch_size,
        "seed": seed,
        "learning_rate": learning_rate,
        "lr_decay": lr_decay,
        "log_every": history.log_every,
    }
    if checkpoint is not None:
        settings["dataset"] = datasets.fingerprint(dataset)
    saved = Checkpoint(checkpoint, checkpoint_seconds, run, settings)
    start = saved.restore()
    batches = _batches(dataset, model, batch_size, generator)

    with tqdm(total=steps, initial=start, disable=not progress, unit="step") as bar:
        step = start
        try:
            for step in range(start, steps):
                for group in optimiser.param_groups:
                    group["lr"] = learning_rate * cosine_decay(step / steps, lr_decay)

                # One step of Adam on one batch.
                terms = objective(model, next(batches), step, generator)
                optimiser.zero_grad()
                terms.loss.backward()
                optimiser.step()

                if history.add(step, terms):
                    bar.set_postfix(history.latest(), refresh=False)
                    bar.update(step + 1 - bar.n)
                    if watch is not None:
                        watch(step + 1, model)
                saved.keep(step + 1)
        except KeyboardInterrupt:
            print(
                f"Interrupted after {step:,} of {steps:,} steps. "
                "The model keeps what it has learned so far."
            )
        else:
            saved.remove()
    return history.record


def cosine_decay(progress: float, fraction: float) -> float:
    """The factor on the learning rate when this share of the steps is done.

    It is 1 until the last `fraction` of the steps begins, and falls to 0 along half a cosine.

    >>> cosine_decay(0.5, 0.4), round(cosine_decay(0.8, 0.4), 4), cosine_decay(1.0, 0.4)
    (1.0, 0.5, 0.0)
    """
    left = 1 - progress
    if left >= fraction:
        return 1.0
    return 0.5 * (1 - math.cos(math.pi * left / fraction))


def encode(model: VAE, images: Tensor, batch_size: int = 4096) -> tuple[Tensor, Tensor]:
    """The posteriors of many images, in batches and without gradients.

    images: [N, C, H, W], in [0, 1] for a Bernoulli likelihood; converted as in `train`.
    Returns (mu, logvar), each [N, D], on the model's device.
    Raises ValueError for images that do not suit the model, and for what holds no images.
    """
    if not isinstance(images, Tensor | np.ndarray):
        raise ValueError(
            f"encode takes images as a tensor or an array, not a {type(images).__name__}; of a "
            "data set give data.numbered(range(len(data)))[0]"
        )
    if batch_size < 1:
        raise ValueError(f"batch_size is at least 1, not {batch_size!r}")
    with torch.no_grad():
        groups = torch.as_tensor(images).split(batch_size)
        parts = [model.encode(as_images(group, model)) for group in groups]
    mu = torch.cat([mu for mu, _ in parts])  # [N, D]
    logvar = torch.cat([logvar for _, logvar in parts])  # [N, D]
    return mu, logvar


def _batches(
    dataset: Images, model: VAE, batch_size: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """Images [batch_size, C, H, W] for ever, drawn in groups, which costs less a batch."""
    while True:
        images, _ = dataset.sample(GROUP * batch_size, generator)
        yield from as_images(images, model).split(batch_size)


def _told_the_size(objective: Objective, dataset_size: int) -> Objective:
    """An objective that must know how many images there are, and was not told, is told here."""
    if is_dataclass(objective) and getattr(objective, "dataset_size", dataset_size) is None:
        return replace(objective, dataset_size=dataset_size)
    return objective


def _check_arguments(
    objective: Any,
    steps: int,
    batch_size: int,
    seed: int,
    learning_rate: float,
    lr_decay: float,
    log_every: int | None,
) -> None:
    """ValueError for arguments with which no training can begin."""
    try:
        inspect.signature(objective).bind("model", "images", "step", "generator")
    except TypeError as error:
        raise ValueError(
            "objective is called as objective(model, images, step, generator): give what "
            f"objectives.vae(), objectives.beta_vae(4.0) and so on return, not {objective!r}"
        ) from error

    whole = {"steps": steps, "batch_size": batch_size, "seed": seed}
    for name, number in whole.items():
        if not isinstance(number, Integral):
            raise ValueError(f"{name} is a whole number, not {number!r}")
    if steps < 1 or batch_size < 1:
        raise ValueError(
            f"train needs at least one step and one image a batch, not {steps} and {batch_size}"
        )
    if not isinstance(learning_rate, Real) or not learning_rate > 0:
        raise ValueError(f"learning_rate is a positive number, not {learning_rate!r}")
    if not 0 <= lr_decay <= 1:
        raise ValueError(f"lr_decay is a fraction of the steps, 0 to 1, not {lr_decay!r}")
    if log_every is not None and log_every < 1:
        raise ValueError(f"log_every is a number of steps of at least 1, not {log_every!r}")
