"""Two trained decoders for a page: their weights as text that a script of some lines unpacks.

A picture that the page draws differs from torch's by less than a thousandth; a test holds it.
"""

import base64
import io
import json
import zlib
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from helpers import DATA, datasets, gaussians, metrics, questions, training
from helpers.datasets import FactorTable
from helpers.models import VAE
from helpers.tools.alive import parts

OPEN = 0.1  # nats that a latent carries at least, to get a slider
CELLS = 25  # fruits in a row of the sheet of true pictures


class Known(NamedTuple):
    """A trained model, and what its latents know of the images that it is asked about."""

    model: VAE
    mu: Tensor  # [N, D]
    kl: np.ndarray  # [D], nats, the means over the images
    information: np.ndarray  # [D, K], nats
    factor_names: tuple[str, ...]

    @property
    def opened(self) -> list[int]:
        """The numbers of the open latents, from the one with the largest KL down."""
        return [j for j in np.argsort(-self.kl).tolist() if self.kl[j] > OPEN]

    def label(self, j: int) -> str:
        """A latent by its number and by what it knows most about."""
        row = self.information[j]
        best = [self.factor_names[k] for k in np.argsort(-row) if row[k] >= row.max() / 2]
        return f"z{j + 1} {' / '.join(best)}"


def packed(decoder: nn.Module, image_shape: tuple[int, ...]) -> dict[str, Any]:
    """The linear layers of a decoder, with ReLU between them, for `decode` of the page.

    Returns "sizes", of its layers from the code to the pixels; "shape" of a picture, (C, H, W);
    and "weights", all weights and biases in half precision: first the lower byte of each, then
    the upper one, since so they can be compressed; deflated, in base 64.
    """
    linear = [layer for layer in decoder.modules() if isinstance(layer, nn.Linear)]
    numbers = np.concatenate(
        [p.detach().numpy().ravel() for layer in linear for p in (layer.weight, layer.bias)]
    ).astype("<f2")
    planes = numbers.view(np.uint8).reshape(-1, 2).T.tobytes()
    return {
        "sizes": [linear[0].in_features, *(layer.out_features for layer in linear)],
        "shape": list(image_shape),
        "weights": base64.b64encode(zlib.compress(planes, 9)).decode(),
    }


def sprites() -> dict[str, Any]:
    """The β-TCVAE of sprites that notebook 04 looks at last, for the page."""
    known = _sprites()
    return {**packed(known.model.decoder, known.model.image_shape), "start": [0.0] * 6}


def fruits() -> dict[str, Any]:
    """The β-TCVAE of fruit that notebooks 00 and 05 swap with, and the fruits themselves.

    Beside the decoder: "factors", names and values of object, colour and size; for each of their
    combinations "codes", the posterior means in the middle of the sheet, and "unseen", whether the
    model has never seen it; "swapped", the latents that stand for colour or size; "start", the
    code of the big red apple; and "sheet", the true pictures as one.
    """
    known, data = _fruits()
    combinations = torch.cartesian_prod(*(torch.arange(size) for size in data.factor_sizes[:3]))
    middle = torch.ones(len(combinations), 2, dtype=torch.int64)
    factors = torch.cat([combinations, middle], dim=1)  # [150, 5]
    codes, _ = training.encode(known.model, data.images(factors))

    # As in `swapping.swap_scores`: colour and size come from the one, all else from the other.
    wanted = known.information[:, data.columns("colour", "size")].max(axis=1)
    rest = known.information[:, data.columns("object", "posX", "posY")].max(axis=1)
    unseen = {tuple(row) for row in data.held_out[:, :3].tolist()}
    return {
        **packed(known.model.decoder, known.model.image_shape),
        "factors": [
            {"name": name, "values": list(values)}
            for name, values in zip(data.factor_names[:3], data.factor_values[:3], strict=True)
        ],
        "codes": [[round(x, 4) for x in row] for row in codes.tolist()],
        "unseen": [tuple(row) in unseen for row in combinations.tolist()],
        "swapped": np.flatnonzero(wanted > rest).tolist(),
        "start": [round(x, 4) for x in codes[_number(data, "apple", "red", "big")].tolist()],
        "sheet": _sheet(data.images(factors)),
    }


def apple() -> bytes:
    """A red apple as a PNG, the site's sign in a browser's tab."""
    data = datasets.fruits()
    code = data.code(object="apple", colour="red", size="huge", posX="middle", posY="middle")
    return _file(data.images(code)[0].permute(1, 2, 0), "png")


MODELS = {"fruits": fruits, "sprites": sprites}


# With a slider for each latent


def fruit_sliders(task: str = "") -> str:
    """The decoder of fruit with a slider for each open latent.

    task: its key, if there is one.
    """
    known, _ = _fruits()
    asked = dict(questions.texts(task)) if task else {}
    return parts.model("fruits", [known.label(j) for j in known.opened], known.opened, asked)


def sprite_sliders() -> str:
    """The decoder of sprites with a slider for each latent, the closed ones last."""
    known = _sprites()
    order = np.argsort(-known.kl).tolist()
    labels = [known.label(j) if known.kl[j] > OPEN else f"z{j + 1} closed" for j in order]
    return parts.model("sprites", labels, order, {})


# Widgets of the notebooks that have too many states to be recorded, and need no more than a model.
WIDGETS = {"05.black": lambda: fruit_sliders("05.black")}


def _fruits() -> tuple[Known, FactorTable]:
    model, recipe = training.load(DATA / "fruits_beta_tcvae_annealed.safetensors")
    data = datasets.fruits(hold_out=recipe["dataset"]["hold_out"])
    images, factors = data.numbered(range(len(data)))
    return _known(model.float(), images, factors, data.factor_names), data


def _sprites() -> Known:
    model, _ = training.load(DATA / "beta_tcvae_annealed.safetensors")
    data = datasets.sprites(model.image_shape[-1])
    images, factors = data.sample(5000, torch.Generator().manual_seed(10_000))
    return _known(model.float(), images, factors, data.factor_names)


def _known(model: VAE, images: Tensor, factors: Tensor, names: tuple[str, ...]) -> Known:
    mu, logvar = training.encode(model, images)
    kl = gaussians.kl_divergence(mu, logvar).mean(0).numpy()
    return Known(model, mu, kl, metrics.mutual_information(mu, factors), tuple(names))


def _number(data: FactorTable, *names: str) -> int:
    """The number of a combination of object, colour and size among all of them."""
    number = 0
    for name, values in zip(names, data.factor_values, strict=False):
        number = number * len(values) + list(values).index(name)
    return number


def _sheet(images: Tensor) -> str:
    """Pictures [N, 3, H, W] in rows of `CELLS`, as the address of one picture that holds all."""
    _, channels, height, width = images.shape
    grid = images.reshape(-1, CELLS, channels, height, width).permute(0, 3, 1, 4, 2)
    whole = grid.reshape(-1, CELLS * width, channels)
    return f"data:image/webp;base64,{base64.b64encode(_file(whole, 'webp')).decode()}"


def _file(pixels: Tensor, kind: str) -> bytes:
    """Pixels [H, W, 3] in [0, 1] as a file of this kind, which keeps every one of them."""
    picture = Image.fromarray((pixels.numpy() * 255).round().astype(np.uint8))
    file = io.BytesIO()
    picture.save(file, kind, lossless=True, optimize=True, quality=100, method=6)
    return file.getvalue()


def script(name: str) -> str:
    """A model as a file of JavaScript, which hands itself to the page."""
    return f"alive.receive({json.dumps(name)}, {json.dumps(MODELS[name]())});\n"


def scores() -> str:
    """What all stored models score, as a table in markdown: means over the seeds, and the range."""
    columns = {
        "reconstruction": "error (nats)",
        "mig": "MIG",
        "posterior_mig": "posterior MIG",
        "swap": "swap score",
    }
    index = json.loads((DATA / "results.json").read_text(encoding="utf-8"))
    lines = [f"| model | pictures | {' | '.join(columns.values())} |", "|---" * 6 + "|"]
    for name, entry in index.items():
        runs = list(entry["runs"].values())
        cells = [_summed_up([run[key] for run in runs if key in run]) for key in columns]
        lines.append(f"| {name} | {entry['recipe']['dataset']['function']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _summed_up(values: list[float]) -> str:
    """A mean, and in brackets the least and the largest value; a dash for no value."""
    if not values:
        return "–"
    digits = 2 if max(values) <= 1 else 1
    mean, low, high = (f"{v:.{digits}f}" for v in (np.mean(values), min(values), max(values)))
    return f"{mean} ({low} to {high})" if len(values) > 1 else mean
