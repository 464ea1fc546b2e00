"""Weights and what belongs to them in one safetensors file, which cannot run code."""

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from helpers import models
from helpers.models import VAE


def save(path: Path | str, model: VAE, recipe: dict[str, Any]) -> None:
    """Write the weights and the recipe to one file, which appears whole or not at all.

    recipe: any dict that JSON can hold: what the model was trained on, how and with which seed.
    Raises ValueError for a path whose folder is not there, and what JSON cannot hold.
    """
    path = writable(path)
    try:
        json.dumps(recipe)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the recipe holds what JSON cannot ({error}): give plain numbers, texts, lists and "
            "dicts, for example float(x) of a number of NumPy's"
        ) from error
    write(path, model.state_dict(), {"model": model.config, "recipe": recipe})


def load(path: Path | str) -> tuple[VAE, dict[str, Any]]:
    """The model and the recipe from a file that `save` wrote. Nothing is unpickled.

    Returns (model, recipe), the model ready for evaluation.
    Raises ValueError, saying what is wrong, for a file that is missing, damaged, of another kind,
    or does not fit its own recipe. If a results.json beside it says the file's SHA-256, as the one
    in the folder data does, a file with another is refused.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ValueError(
            f"there is no weights file {path}; the files that come with the notebooks are in the "
            "folder data"
        )
    remedy = f"fetch it again, for example with `git checkout -- {path}`"
    metadata, weights = read(path, remedy)
    _check_index(path, remedy)
    if not {"model", "recipe"} <= metadata.keys():
        raise ValueError(
            f"{path} is a safetensors file, but not one that helpers.training.save wrote: it names "
            "no model and no recipe"
        )

    try:
        model = models.build(metadata["model"])
        model.load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"the weights in {path} do not fit the model that the file describes: {error}"
        ) from error
    return model.eval(), metadata["recipe"]


def writable(path: Path | str) -> Path:
    """The path of a file that is to be written; ValueError if its folder is not there."""
    path = Path(path).expanduser()
    if path.is_dir() or not path.parent.is_dir():
        what = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise ValueError(f"{path} cannot be written: {what}")
    return path


def write(path: Path | str, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors, and a dict that JSON can hold, to a file that appears whole or not at all."""
    partial = Path(path).with_suffix(".partial")
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    texts = {name: json.dumps(value) for name, value in metadata.items()}
    safetensors.torch.save_file(contiguous, partial, texts)
    partial.replace(path)


def read(path: Path | str, remedy: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """(metadata, tensors) of a file that `write` wrote, or a ValueError with the remedy."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            texts = file.metadata() or {}
            # What comes out is the file itself, mapped into memory, and Windows does not replace a
            # file that is mapped; so these are copies.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"{path} is damaged or not a safetensors file ({error}); {remedy}"
        ) from error

    try:
        metadata = {name: json.loads(text) for name, text in texts.items()}
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path} is a safetensors file, but not one that helpers.training wrote; {remedy}"
        ) from error
    return metadata, tensors


def _check_index(path: Path, remedy: str) -> None:
    """Refuse a file that is not the one of which a results.json beside it tells."""
    index = path.with_name("results.json")
    if not index.is_file():
        return
    expected = json.loads(index.read_text(encoding="utf-8")).get(path.stem, {}).get("sha256")
    if expected not in (None, hashlib.sha256(path.read_bytes()).hexdigest()):
        raise ValueError(
            f"{path} is not the file that {index} tells of: its SHA-256 is another; {remedy}"
        )
