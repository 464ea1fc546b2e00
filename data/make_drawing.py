"""Train two models that draw the shapes of sprites: a wide one, and one that knows what a place is.

`make weights` calls this after the others. Under the β, the steps and the seeds of the second one a
network of fully connected layers is trained, too, so that the form of the network gets its own
credit and no more. A run takes ten minutes on one core, one of the wide network fifteen.
"""

import numpy as np
import torch
import torch.nn.functional as F
from scipy.linalg import orthogonal_procrustes
from torch import Tensor

from helpers import datasets, training
from helpers.datasets.sprites import SHAPES
from helpers.models import VAE
from helpers.moments import moments, rank_correlations, slopes
from helpers.training import Recipe
from recipes import Schedule
from scoring import Scores, evaluation_sprites, scores_by_both_gaps, scores_by_moments
from stored_models import train_missing

SPRITES = {"function": "sprites", "size": 32}

# While a nat costs next to nothing every latent opens; then the price rises to one.
RISING: Schedule = [[0, 0.05], [15_000, 0.05], [35_000, 1]]
WIDE: Recipe = {
    "dataset": SPRITES,
    "model": {"function": "mlp_vae", "latent_dim": 10, "hidden": 512},
    "training": {"steps": 50_000, "batch_size": 128, "learning_rate": 1e-3, "lr_decay": 0.3},
    "objective": {"function": "beta_vae", "beta": RISING},
}

# While a nat costs two, only what pays well is said; the rest is added as the price falls to one.
TWICE: Schedule = [[0, 2], [12_000, 2], [24_000, 1]]
PLACED: Recipe = {
    "dataset": SPRITES,
    "model": {"function": "placed_vae", "latent_dim": 8, "hidden": 256},
    "training": {"steps": 40_000, "batch_size": 64, "learning_rate": 1e-3, "lr_decay": 0.35},
    "objective": {"function": "beta_vae", "beta": TWICE},
}
CONTROL: Recipe = {**PLACED, "model": {**PLACED["model"], "function": "mlp_vae"}}

DRAWN = {"sprites_wide": WIDE, "sprites_placed": PLACED}
BESIDE = {"sprites_placed_control": CONTROL}

LOOKED_UP = 200  # reconstructions


def right_shape(model: VAE) -> float:
    """How often the sprite that is nearest to a reconstruction has the right shape.

    Tried are all shapes, sizes and orientations, each laid with its centre of mass over that of the
    reconstruction. (Tried at the place of the picture, a round blot would pass for the one heart
    that has its mass just there.)
    Returns a share in [0, 1].
    """
    images, factors = evaluation_sprites(model)
    with torch.no_grad():
        drawings = model.mean_image(model.encode(images[:LOOKED_UP])[0])  # [B, 1, H, W]

    world = datasets.sprites(model.image_shape[-1])
    names = ("shape", "scale", "orientation")
    sizes = [world.factor_sizes[world.column(name)] for name in names]
    values = torch.cartesian_prod(*map(torch.arange, sizes))  # [M, 3]
    candidates = world.images(
        world.code(posX=15, posY=15, **dict(zip(names, values.T, strict=True)))
    )

    right = 0
    for drawing, shape in zip(drawings, factors[:LOOKED_UP, 0], strict=True):
        there = laid_over(candidates, drawing)
        best = (there - drawing).pow(2).sum((1, 2, 3)).argmin()
        right += int(values[best, 0] == shape)
    return right / len(drawings)


def laid_over(images: Tensor, other: Tensor) -> Tensor:
    """Images [M, 1, H, W], each moved until its centre of mass is that of the other [1, H, W]."""
    height, width = other.shape[1:]
    shift = moments(images)[:, :2] - moments(other[None])[:, :2]  # [M, 2], in pixels
    moved = torch.eye(2, 3).repeat(len(images), 1, 1)
    moved[:, :, 2] = shift * 2 / torch.tensor([width, height])  # in half sides
    grid = F.affine_grid(moved, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def stretch_of_ellipses(mu: Tensor, images: Tensor, factors: Tensor) -> Scores:
    """How well two latents give the stretch of the ellipses, once they are turned to its axes.

    An ellipse that turns goes round a circle in these two, and on a circle no direction is marked.
    mu: [N, D]. images: [N, 1, H, W]. factors: [N, 5].
    Returns "stretch", the rank correlations [2] of the two with the two halves of the stretch. The
    pair are the latents that change most with it.
    """
    ellipses = factors[:, 0] == SHAPES.index("ellipse")
    codes = mu[ellipses].numpy()  # [M, D]
    stretch = moments(images[ellipses])[:, 3:].numpy()  # [M, 2]
    pair = np.linalg.norm(slopes(codes, stretch), axis=1).argsort()[-2:].tolist()
    turn, _ = orthogonal_procrustes(codes[:, pair], stretch)  # [2, 2]
    return {"stretch": np.diag(rank_correlations(codes[:, pair] @ turn, stretch)).tolist()}


def evaluate(model: VAE) -> Scores:
    """What results.json keeps of one of these models."""
    images, factors = evaluation_sprites(model)
    mu, logvar = training.encode(model, images)
    return {
        **scores_by_both_gaps(mu, logvar, factors),
        **scores_by_moments(mu, images),
        **stretch_of_ellipses(mu, images, factors),
        "right_shape": right_shape(model),
    }


if __name__ == "__main__":
    train_missing(DRAWN, evaluate)
    train_missing(BESIDE, evaluate, keep_weights=False)
