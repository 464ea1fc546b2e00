"""Train one recipe in worlds of sprites that grow by one complication at a time.

The recipe is quick enough for a class: half the steps of the other programs, at twice their
learning rate. The price of the first world was tried there, with seeds 0 to 2, and failed in
others: in one run of five or so the second position opened late, together with the size, and the
axes stayed askew. So in all other worlds the price comes down sooner and then stays where only the
positions pay. It was tried on the runs that had failed, and on seed 7 of all sprites. (In the first
world it fails, at seed 0: there the size pays at that price. Nor did one path do for all that was
scaled with the error of the average picture.) The weights of the first seed are kept, and in
results.json the scores of all five.
"""

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from helpers import datasets, gaussians, metrics, training
from helpers.datasets import FactorDataset
from helpers.models import VAE
from helpers.moments import moments
from recipes import SCHEDULE, SHARED, Schedule, altered
from scoring import EVALUATION_SEED, Scores
from stored_models import train_missing

# Upright is orientation 0. Of the 40 orientations the first ten are a quarter turn.
WORLDS: dict[str, dict[str, Any]] = {
    "squares_upright": {"shape": ["square"], "orientation": [0]},
    "shapes_upright": {"orientation": [0]},
    "squares_turning": {"shape": ["square"]},
    "ellipses_turning": {"shape": ["ellipse"]},
    "hearts_quarter_turn": {"shape": ["heart"], "orientation": list(range(10))},
    "hearts_turning": {"shape": ["heart"]},
    "all_sprites": {},
}
HALVED: Schedule = [[step / 2, weight] for step, weight in SCHEDULE]
SETTLING: Schedule = [[0, 28], [500, 22], [1500, 16], [3000, 14], [3750, 5], [5000, 1]]
QUICK = altered(SHARED, training={"steps": 7000, "learning_rate": 2e-3})
RECIPES = {
    name: {
        **altered(QUICK, dataset={"keep": keep}),
        "objective": {
            "function": "beta_vae",
            "beta": HALVED if name == "squares_upright" else SETTLING,
        },
    }
    for name, keep in WORLDS.items()
}


def ladder_scores(model: VAE, keep: dict[str, Any]) -> Scores:
    """What results.json keeps of a model of one of these worlds.

    Returns the MIG of at most 10,000 images and its part for each factor, and the mean KL of each
    latent in nats; "mig_of_factors", what the same ruler gives the factors themselves; "floor", the
    error in nats of a model that draws every image exactly; and for a world of hearts only, the MIG
    with two other places as factors: see `relabelled`.
    """
    world = datasets.sprites(model.image_shape[-1], keep)
    images, factors = world.sample(10_000, torch.Generator().manual_seed(EVALUATION_SEED))
    mu, logvar = training.encode(model, images)
    mig = metrics.mig(mu, factors)
    scores = {
        "mig": mig.score,
        "mig_per_factor": mig.per_factor.tolist(),
        "mig_of_factors": metrics.mig(factors, factors).score,
        "kl": gaussians.kl_divergence(mu, logvar).mean(0).tolist(),
        "floor": F.binary_cross_entropy(images, images, reduction="sum").item() / len(images),
    }
    if keep.get("shape") == ["heart"]:
        visible, shuffled = relabelled(world, images, factors)
        scores["mig_by_visible_place"] = metrics.mig(mu, visible).score
        scores["mig_by_shuffled_place"] = metrics.mig(mu, shuffled).score
    return scores


def relabelled(world: FactorDataset, images: Tensor, factors: Tensor) -> tuple[Tensor, Tensor]:
    """The factors with each sprite's place told by its centre of mass, and a control.

    A heart turns about a point that is not its centre of mass.

    images: [N, 1, H, W]. factors: [N, K], theirs in that world.
    Returns two tables [N, K] that differ from the factors in posX and posY only: by how many steps
    the centre of mass lies off, and by as much as it lies off in another, random image.
    """
    columns = world.columns("posX", "posY")
    place = factors[:, columns].float()  # [N, 2]
    centre = moments(images)[:, :2]  # [N, 2]

    # In pixels the centre is a + b · place; what is left is how far it lies off.
    inner = place - place.mean(0)
    slope = (inner * centre).sum(0) / inner.pow(2).sum(0)  # [2], pixels a step
    off = ((centre - centre.mean(0)) / slope - inner).round().long()  # [N, 2], steps

    order = torch.randperm(len(off), generator=torch.Generator().manual_seed(EVALUATION_SEED))
    visible, shuffled = factors.clone(), factors.clone()
    visible[:, columns] += off
    shuffled[:, columns] += off[order]
    for table in (visible, shuffled):
        table[:, columns] -= table[:, columns].amin(0)  # from 0 again
    return visible, shuffled


if __name__ == "__main__":
    for name, recipe in RECIPES.items():
        scores = partial(ladder_scores, keep=WORLDS[name])
        train_missing({name: recipe}, scores)
