"""Figures that appear twice or are long to draw; `show` puts one and its description on the page.

Colours are Okabe and Ito's, which stay apart for colour-blind readers; heat maps are cividis, even
in greyscale.
"""

import base64
import io
from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import display
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike
from PIL import Image
from torch import Tensor

from helpers.legibility import unreadable
from helpers.models import VAE
from helpers.tables import table as table  # a table is asked for where figures are
from helpers.training.incoming import as_images

PALETTE = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000"]
HEAT = "Blues"  # zero is paper, and much is dark
STYLES = ["-", "--", ":", "-."]
SCREEN_DPI = 100  # what a page takes for an inch
DPI = 160  # of a picture: sharp on screens with small dots, too, and a notebook below 1 MB
GUTTER = 2  # pixels of an image, between two images of a grid

plt.rcParams.update(
    {
        "axes.prop_cycle": plt.cycler(color=PALETTE),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.dpi": SCREEN_DPI,
        "image.cmap": HEAT,
        "font.size": 10,
    }
)


def show(figure: Figure, alt: str) -> None:
    """Display a matplotlib figure as a picture with a caption, and close it.

    The caption is stored as the picture's alternative text and printed below it, since JupyterLab
    gives pictures no alternative text of their own and a screen reader would find nothing.

    figure: with all that it is going to show.
    alt: the caption, a sentence that says what is to be seen.
    Raises ValueError for an empty sentence, and for a figure that is `unreadable`.
    """
    if not alt.strip():
        raise ValueError("show(figure, alt) needs a sentence that says what the figure shows")
    if problems := unreadable(figure):
        raise ValueError("show(figure, alt): " + "; ".join(problems))

    png, width = _small_png(figure)
    plt.close(figure)

    # The caption stands in the picture's metadata, and once more as text of its own.
    data = {"image/png": base64.b64encode(png).decode(), "text/plain": alt}
    display(data, metadata={"image/png": {"alt": alt, "width": width}}, raw=True)
    display({"text/html": f"<small>{escape(alt)}</small>", "text/plain": alt}, raw=True)


def _small_png(figure: Figure) -> tuple[bytes, int]:
    """The figure as PNG with 256 colours, and how many of the page's pixels it is wide.

    That halves the bytes, and nobody sees the difference.
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", bbox_inches="tight", dpi=DPI)

    picture = Image.open(drawn).convert("RGB")
    small = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(small, "png", optimize=True)
    return small.getvalue(), picture.width * SCREEN_DPI // DPI


def image_grid(
    images: ArrayLike,
    columns: int,
    titles: Sequence[str] | None = None,
    row_labels: Sequence[str] | None = None,
    *,
    pixel_size: float = 0.02,
) -> Figure:
    """Images side by side, row by row.

    images: [B, C, H, W], in [0, 1], beyond which they are cut off; C is 1 or 3.
    columns: how many stand in a row.
    titles: texts over the columns, from the left.
    row_labels: texts before the rows, from the top.
    pixel_size: the side of a pixel in inches; small images are enlarged beyond that.
    Returns a figure.
    Raises ValueError for another number of axes or channels.
    """
    tiles = torch.as_tensor(images).detach().cpu().clamp(0, 1)
    if tiles.ndim != 4 or tiles.shape[1] not in (1, 3):
        raise ValueError(
            "image_grid draws grey or coloured images [B, 1, H, W] or [B, 3, H, W]; these have the "
            f"shape {list(tiles.shape)}"
        )
    _, _, height, width = tiles.shape
    canvas = _tiled(tiles, columns)

    # Small images, such as digits of 8 by 8 pixels, are enlarged to a width of 0.45 inches.
    inches = max(pixel_size, 0.45 / width)
    figure, axes = plt.subplots(figsize=(canvas.shape[1] * inches, canvas.shape[0] * inches))
    axes.imshow(canvas, cmap="gray", vmin=0, vmax=1, interpolation="nearest")

    # A text stands at the middle of its column or row.
    titles = titles or []
    row_labels = row_labels or []
    axes.set_xticks(_middles(len(titles), width), titles)
    axes.set_yticks(_middles(len(row_labels), height), row_labels)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def _tiled(images: Tensor, columns: int) -> np.ndarray:
    """Images [B, C, H, W] on one white canvas: [rows, columns], or [rows, columns, 3] in colour."""
    count, channels, height, width = images.shape
    rows = -(-count // columns)  # rounded up
    canvas_height = rows * (height + GUTTER) - GUTTER
    canvas_width = columns * (width + GUTTER) - GUTTER
    canvas = torch.ones((channels, canvas_height, canvas_width))

    # Image i stands in row i // columns; what is left of the canvas are white gutters.
    for i, image in enumerate(images):
        top = (i // columns) * (height + GUTTER)
        left = (i % columns) * (width + GUTTER)
        canvas[:, top : top + height, left : left + width] = image

    return canvas.permute(1, 2, 0).squeeze(-1).numpy()


def _middles(count: int, length: int) -> list[float]:
    """Where the middles of so many images lie, each of this length in pixels."""
    return [(i + 0.5) * (length + GUTTER) - GUTTER / 2 for i in range(count)]


def reconstructions(model: VAE, images: Tensor, *, pixel_size: float = 0.02) -> Figure:
    """Two rows: images, and below each the model's reconstruction from its posterior mean.

    images: [B, C, H, W], in [0, 1].
    pixel_size: as in `image_grid`.
    Returns a figure.
    """
    shown = as_images(images, model)
    with torch.no_grad():
        mu, _ = model.encode(shown)
        decoded = model.mean_image(mu)  # [B, C, H, W]

    both = torch.cat([shown, decoded])
    return image_grid(
        both, len(shown), row_labels=["image", "reconstruction"], pixel_size=pixel_size
    )


def traversals(
    model: VAE,
    image: Tensor,
    mean_kl: ArrayLike,
    *,
    reach: float = 1.5,
    steps: int = 9,
    labels: Sequence[str] | None = None,
    pixel_size: float = 0.02,
) -> Figure:
    """A row a latent: the image decoded while that latent moves and the others keep their means.

    image: [1, C, H, W], in [0, 1].
    mean_kl: [D], in nats; the latent with the largest is on top.
    reach: each latent runs from -reach to reach.
    steps: the number of pictures in a row.
    labels: [D] texts, such as the factor that each latent knows most about.
    pixel_size: as in `image_grid`.
    Returns a figure.
    """
    kl = torch.as_tensor(mean_kl).detach().cpu().numpy()
    order = np.argsort(-kl)
    values = torch.linspace(-reach, reach, steps)  # [steps]

    # The same code over and over, but for one latent in each row.
    with torch.no_grad():
        mu, _ = model.encode(as_images(image, model))
        codes = mu.repeat(len(order) * steps, 1)  # [D · steps, D]
        for row, j in enumerate(order):
            codes[row * steps : (row + 1) * steps, j] = values
        decoded = model.mean_image(codes)  # [D · steps, C, H, W]

    titles = [f"{value:g}".replace("-", "−") for value in np.linspace(-reach, reach, steps)]
    rows = [f"$z_{{{j + 1}}}$  {kl[j]:.1f} nats" for j in order]
    if labels:
        rows = [f"{row}  {labels[j]}" for row, j in zip(rows, order, strict=True)]
    return image_grid(decoded, steps, titles, rows, pixel_size=pixel_size)


def matrix(
    values: ArrayLike,
    factor_names: Sequence[str],
    title: str,
    unit: str,
    order: Sequence[int] | None = None,
    *,
    inactive: Collection[int] = (),
) -> Figure:
    """A table of latents by factors as a heat map, with its numbers written in.

    values: [D, K], at least 0.
    factor_names: [K] texts for the columns.
    title: stands above.
    unit: labels the colour bar.
    order: the latents from top to bottom, of all D or of some; by default all in their own order.
    inactive: the latents that say nothing of an image, written in grey. Their means hardly move,
        so what a histogram of them seems to know is no knowledge.
    Returns a figure.
    """
    table = torch.as_tensor(values).detach().cpu().numpy()
    latents = list(range(len(table)) if order is None else order)
    table = table[latents]  # [rows, K]

    figsize = (1.6 + 0.85 * len(factor_names), 1.2 + 0.36 * len(table))
    figure, axes = plt.subplots(figsize=figsize)
    picture = axes.imshow(table, vmin=0, aspect="auto")

    for (row, column), value in np.ndenumerate(table):
        colour = "0.4" if latents[row] in inactive else ink(picture, value)
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour)

    axes.set_xticks(range(len(factor_names)), factor_names)
    called = [f"{'inactive  ' * (j in inactive)}$z_{{{j + 1}}}$" for j in latents]
    axes.set_yticks(range(len(table)), called)
    axes.set(title=title, xlabel="factor", ylabel="latent")
    axes.spines[:].set_visible(False)
    figure.colorbar(picture, label=unit)
    return figure


def ink(picture: AxesImage, value: float) -> str:
    """The colour, "black" or "white", in which a number can be read on its cell of a heat map.

    picture: what `imshow` returned. value: the number that the cell shows.
    """
    light = np.ravel(picture.to_rgba(np.array(value)))[:3]
    linear = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]

    # The contrast, as WCAG 2 defines it, is that of black above this luminance, else that of white.
    return "black" if luminance > 0.179 else "white"


class Rung(NamedTuple):
    """One row of `ladder`: a world, what a model draws of it, and how it scores."""

    label: str
    images: Tensor  # [B, 1, H, W]
    drawn: Tensor  # [B, 1, H, W], what the model makes of them
    scores: Sequence[float]  # one a run
    best_score: float  # what the ruler gives the factors themselves
    errors: Sequence[float]  # one a run, in nats
    floor: float  # the least error possible, in nats
    remark: str


def ladder(rungs: Sequence[Rung], best: tuple[str, str]) -> Figure:
    """A row a world: pictures, what a model draws of them, its runs' MIG and error, and a remark.

    best: what the marks for the best possible MIG and for the least possible error are called.
    Returns a figure.
    """
    figure, (pictures, left, right, remarks) = plt.subplots(
        1, 4, figsize=(13, 0.7 * len(rungs)), width_ratios=[2.5, 1, 1, 1.2], layout="constrained"
    )

    # The images on the left, what is drawn of them on the right, a wide gutter in between.
    count = len(rungs[0].images)
    halves = [torch.cat([getattr(rung, side) for rung in rungs]) for side in ("images", "drawn")]
    canvases = [_tiled(half.detach().clamp(0, 1), count) for half in halves]
    gutter = np.ones((len(canvases[0]), 4 * GUTTER))
    pictures.imshow(
        np.hstack([canvases[0], gutter, canvases[1]]),
        cmap="gray",
        vmin=0,
        vmax=1,
        aspect="auto",
        extent=(0, 2, len(rungs) - 0.5, -0.5),
    )
    pictures.set_yticks(range(len(rungs)), [rung.label for rung in rungs])
    pictures.set_xticks([0.5, 1.5], ["the world", "what the model draws"])
    pictures.xaxis.tick_top()
    pictures.tick_params(length=0)
    pictures.spines[:].set_visible(False)

    # A circle a run, one a little below the other, and a mark for the best that is possible. The
    # first row says in words what they are.
    for y, rung in enumerate(rungs):
        for axes, runs, mark in (
            (left, rung.scores, rung.best_score),
            (right, rung.errors, rung.floor),
        ):
            heights = y + 0.07 * (np.arange(len(runs)) - (len(runs) - 1) / 2)
            axes.plot(runs, heights, "o", color=PALETTE[0], mfc="none", ms=5)
            axes.plot(mark, y, "|", color="black", ms=16, mew=2)
        remarks.text(0, y, rung.remark, va="center", fontsize=10)

    first = rungs[0]
    for axes, label, mark, called in (
        (left, "MIG", first.best_score, best[0]),
        (right, "error (nats)", first.floor, best[1]),
    ):
        axes.set(xlabel=label, ylim=(len(rungs) - 0.5, -0.5), yticks=[], xlim=(0, None))
        axes.annotate(called, (mark, -0.5), ha="center", va="bottom", fontsize=9)
    left.text(min(first.scores) - 0.04, 0, "a run each", ha="right", va="center", color=PALETTE[0])
    left.set(xlim=(0, 1), xticks=[0, 0.5, 1])
    right.locator_params("x", nbins=4)
    remarks.set(xlim=(0, 1), ylim=(len(rungs) - 0.5, -0.5))
    remarks.axis("off")
    return figure


def history(
    histories: Mapping[str, Mapping[str, ArrayLike]],
    value: str = "reconstruction",
    *,
    label: str = "reconstruction error (nats)",
) -> Figure:
    """Curves over the training steps.

    histories: what `training.train` returned, by name; each name gets a curve.
    value: the entry that is drawn.
    label: the axis of the values says this.
    Returns a figure.
    """
    figure, axes = plt.subplots(figsize=(6, 3.2))
    for i, (name, record) in enumerate(histories.items()):
        axes.plot(record["step"], record[value], STYLES[i % len(STYLES)], label=name)
    axes.set(xlabel="training step", ylabel=label)
    axes.legend(frameon=False)
    return figure
