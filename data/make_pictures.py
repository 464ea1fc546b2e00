"""Train models that draw sprites as they are: a wide network, and one that is alike at every place.

`make weights` calls this too. All end where an MLP on the schedule leaves much undrawn. A run takes
a quarter of an hour on one core; the weights of the first seed are kept in half precision.
"""

import math

import torch
from torch import Tensor

from helpers import datasets, metrics, training
from helpers.models import VAE
from helpers.moments import classes, moments, rank_correlations
from helpers.swapping import decoded, nearest, share
from recipes import SHARED, Schedule, altered
from scoring import Scores, evaluation_posteriors, evaluation_sprites, scores_by_both_gaps
from stored_models import train_missing

# A nat is nearly free until ten latents say all they can; then its price rises to 1.
RISING: Schedule = [[0, 0.05], [15_000, 0.05], [35_000, 1]]
WIDE = altered(
    SHARED,
    model={"latent_dim": 10, "hidden": 512, "mean_bound": None},
    training={"steps": 50_000, "batch_size": 128},
)

# The decoder that is alike at every place needs no price at which only positions pay.
FALLING: Schedule = [[0, 4], [3000, 1], [8000, 0.3], [14_000, 0.1]]
PLACED = altered(SHARED, training={"steps": 20_000})
BROADCAST = {"function": "broadcast_vae", "latent_dim": 10, "hidden": 64, "mean_bound": 1.5}

# The same steps, weights and encoder with an MLP as decoder: what is the decoder's own merit?
MLP = {"function": "mlp_vae", "latent_dim": 10, "hidden": 256, "mean_bound": 1.5}

RECIPES = {
    "wide_vae": {**WIDE, "objective": {"function": "beta_vae", "beta": RISING}},
    "broadcast_vae": {
        **PLACED,
        "model": BROADCAST,
        "objective": {"function": "beta_vae", "beta": FALLING},
    },
}
CONTROL = {
    "broadcast_control": {
        **PLACED,
        "model": MLP,
        "objective": {"function": "beta_vae", "beta": FALLING},
    },
}


def evaluate(model: VAE) -> Scores:
    """What results.json keeps of one of these models."""
    mu, logvar, factors = evaluation_posteriors(model)
    images, _ = evaluation_sprites(model)
    measured = moments(images)
    by_moments = metrics.mig(mu, classes(measured))
    return {
        **scores_by_both_gaps(mu, logvar, factors),
        "moments": rank_correlations(mu, measured).tolist(),
        "mig_of_moments": by_moments.score,
        "right_shape": right_shape(model, images[:500], factors[:500]),
    }


def right_shape(model: VAE, images: Tensor, factors: Tensor) -> float:
    """How often what a model draws of a sprite is nearest to one of the same shape.

    images: [N, 1, H, W], sprites. factors: [N, 5], theirs.
    Returns the share, among all sprites of this size.
    """
    data = datasets.sprites(model.image_shape[-1])
    drawn = decoded(model, training.encode(model, images)[0])  # [N, 1, H, W]

    # All sprites at once would fill three gigabytes.
    least = torch.full((len(drawn),), math.inf)
    found = torch.zeros(len(drawn), dtype=torch.long)
    for numbers in torch.arange(len(data)).split(8192):
        candidates = data.factors(numbers)
        number, distance = nearest(drawn, data.images(candidates))
        closer = distance < least
        least[closer] = distance[closer]
        found[closer] = candidates[number[closer], data.column("shape")]
    return share(found == factors[:, data.column("shape")])


if __name__ == "__main__":
    train_missing(RECIPES, evaluate)
    train_missing(CONTROL, evaluate, keep_weights=False)
