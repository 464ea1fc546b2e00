"""Train one recipe in worlds of sprites that grow by one complication at a time.

The recipe is that of beta_vae_annealed, which is the ladder's top: all sprites. The weights of the
first seed are kept in half precision, and in results.json the scores of all five.
"""

from functools import partial
from typing import Any

import torch

from helpers import datasets, gaussians, metrics, training
from helpers.models import VAE
from make_weights import RECIPES as WHOLE
from recipes import altered
from scoring import Scores
from stored_models import train_missing

# Upright is orientation 0. Of the 40 orientations the first ten are a quarter turn.
WORLDS: dict[str, dict[str, Any]] = {
    "squares_upright": {"shape": ["square"], "orientation": [0]},
    "shapes_upright": {"orientation": [0]},
    "squares_turning": {"shape": ["square"]},
    "ellipses_turning": {"shape": ["ellipse"]},
    "hearts_quarter_turn": {"shape": ["heart"], "orientation": list(range(10))},
    "hearts_turning": {"shape": ["heart"]},
}
RECIPES = {
    name: altered(WHOLE["beta_vae_annealed"], dataset={"keep": keep})
    for name, keep in WORLDS.items()
}


def ladder_scores(model: VAE, keep: dict[str, Any]) -> Scores:
    """What results.json keeps of a model of one of these worlds.

    Returns the MIG of at most 10,000 images and its part for each factor, what the same ruler gives
    the factors themselves, and the mean KL of each latent in nats.
    """
    world = datasets.sprites(model.image_shape[-1], keep)
    images, factors = world.sample(10_000, torch.Generator().manual_seed(10_000))
    mu, logvar = training.encode(model, images)
    mig = metrics.mig(mu, factors)
    return {
        "mig": mig.score,
        "mig_per_factor": mig.per_factor.tolist(),
        "mig_of_factors": metrics.mig(factors, factors).score,
        "kl": gaussians.kl_divergence(mu, logvar).mean(0).tolist(),
    }


if __name__ == "__main__":
    for name, recipe in RECIPES.items():
        scores = partial(ladder_scores, keep=WORLDS[name])
        train_missing({name: recipe}, scores, dtype=torch.float16)
