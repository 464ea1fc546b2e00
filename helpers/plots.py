"""Every figure that appears twice, and `show`, which puts a figure and its description into the notebook.

Colours are Okabe and Ito's, which stay apart for colour-blind readers; heat maps are cividis, even in greyscale.
"""

import base64
import io
from html import escape

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import display
from PIL import Image

from helpers.legibility import unreadable

PALETTE = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000"]
HEAT = "cividis"
plt.rcParams.update({
    "axes.prop_cycle": plt.cycler(color=PALETTE), "axes.spines.top": False, "axes.spines.right": False,
    "figure.dpi": 100, "image.cmap": HEAT, "font.size": 10,
})


def show(figure, alt):
    """Display a matplotlib figure as a picture with the caption `alt`, a sentence that says what is to be seen.

    The sentence is stored as the picture's alternative text and printed below it, since JupyterLab gives pictures no
    alternative text of their own and a screen reader would find nothing. The figure is closed. Raises ValueError for an
    empty sentence, and for a figure that is `unreadable`.
    """
    if not alt.strip():
        raise ValueError("show(figure, alt) needs a sentence that says what the figure shows")
    if problems := unreadable(figure):
        raise ValueError("show(figure, alt): " + "; ".join(problems))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    plt.close(figure)
    picture, buffer = Image.open(buffer).convert("RGB"), io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)  # half the bytes, and nobody sees it
    png = base64.b64encode(buffer.getvalue()).decode()
    display({"image/png": png, "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)
    display({"text/html": f"<small>{escape(alt)}</small>", "text/plain": alt}, raw=True)


def image_grid(images, columns, titles=None, row_labels=None, pixel_size=0.02):
    """A figure of images [B, C, H, W] in [0, 1], row by row; titles stand over the columns, labels before the rows."""
    images = torch.as_tensor(images).detach()
    _, channels, height, width = images.shape
    rows = -(-len(images) // columns)
    canvas = torch.full((channels, rows * (height + 2) - 2, columns * (width + 2) - 2), 0.5)
    for i, image in enumerate(images):
        y, x = (i // columns) * (height + 2), (i % columns) * (width + 2)
        canvas[:, y:y + height, x:x + width] = image
    inches = max(pixel_size, 0.9 * 0.5 / width)
    figure, axes = plt.subplots(figsize=(canvas.shape[2] * inches, canvas.shape[1] * inches))
    axes.imshow(canvas.permute(1, 2, 0).squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([(i + 0.5) * (width + 2) - 1 for i in range(len(titles or []))], titles or [])
    axes.set_yticks([(i + 0.5) * (height + 2) - 1 for i in range(len(row_labels or []))], row_labels or [])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def reconstructions(model, images):
    """Two rows: the images [B, C, H, W], and below each the model's reconstruction from its posterior mean."""
    with torch.no_grad():
        decoded = torch.sigmoid(model.decode(model.encode(images)[0]))
    return image_grid(torch.cat([images, decoded]), len(images), row_labels=["image", "reconstruction"])


def traversals(model, image, mean_kl, reach=1.5, steps=9, labels=None):
    """A row a latent, the one with the largest mean KL on top: the image [1, C, H, W] decoded while that latent runs
    from -reach to reach and the others keep their posterior means. mean_kl: [D], in nats. labels: [D] texts, such as
    the factor that each latent knows most about."""
    with torch.no_grad():
        mu = model.encode(image)[0]
        order = np.argsort(-np.asarray(mean_kl))
        codes = mu.repeat(len(order) * steps, 1)
        for row, j in enumerate(order):
            codes[row * steps:(row + 1) * steps, j] = torch.linspace(-reach, reach, steps)
        decoded = torch.sigmoid(model.decode(codes))
    rows = [f"$z_{{{j + 1}}}$  {mean_kl[j]:.1f} nats" + (f"  {labels[j]}" if labels else "") for j in order]
    return image_grid(decoded, steps, titles=[f"{v:g}" for v in np.linspace(-reach, reach, steps)], row_labels=rows)


def matrix(values, factor_names, title, unit, order=None):
    """A [D, K] table, latents by factors, as a heat map with its numbers written in; `unit` labels the colour bar."""
    values = np.asarray(values)
    order = range(len(values)) if order is None else order
    values = values[list(order)]
    figure, axes = plt.subplots(figsize=(1.6 + 0.85 * len(factor_names), 1.2 + 0.36 * len(values)))
    picture = axes.imshow(values, vmin=0, aspect="auto")
    middle = 0.47 * picture.norm.vmax  # where black and white stand out equally, at 4.5 to 1
    for (row, column), value in np.ndenumerate(values):
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color="black" if value > middle else "white")
    axes.set_xticks(range(len(factor_names)), factor_names)
    axes.set_yticks(range(len(values)), [f"$z_{{{j + 1}}}$" for j in order])
    axes.set(title=title, xlabel="factor", ylabel="latent")
    axes.spines[:].set_visible(False)
    figure.colorbar(picture, label=unit)
    return figure


def history(histories, value="reconstruction", label="reconstruction error (nats)"):
    """Curves over the training steps, one for each named history of `training.train`."""
    styles = ["-", "--", ":", "-."]
    figure, axes = plt.subplots(figsize=(6, 3.2))
    for i, (name, record) in enumerate(histories.items()):
        axes.plot(record["step"], record[value], styles[i % len(styles)], label=name)
    axes.set(xlabel="training step", ylabel=label)
    axes.legend(frameon=False)
    return figure
