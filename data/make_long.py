"""Train longer than fits a class: wider, or until the shut latents open, and once at the papers' 64x64 pixels.

`make weights` calls this after the others. Like make_weights.py: the weights of the first seed are kept (in half precision),
and scores of all five in results.json. A run takes three to five minutes on one core. At 64x64 there is one seed only.
"""

import torch

from helpers import datasets
from make_sweep import scores_with_posterior
from make_weights import EVALUATION_SEED, SCHEDULE, SEEDS, SHARED, train_all

# A longer start than SCHEDULE's: while only the positions are open, more steps bring them closer to the axes.
LONG = [[0, 28], [1500, 26], [3500, 20], [5000, 14], [8000, 5], [12_000, 1]]
WIDE = {**SHARED, "model": {**SHARED["model"], "hidden": 400}, "training": {**SHARED["training"], "steps": 20_000}}
# After SCHEDULE the price goes nearly to nothing, where the shut latents open at last, and back to 1. (In single
# runs a fall to 0.05 left them shut.)
DIP = [*SCHEDULE, [10_000, 0.01], [18_000, 0.01], [24_000, 1]]
REOPENED = {**SHARED, "training": {**SHARED["training"], "steps": 30_000, "cool_down": 0.2}}
LARGE = {**SHARED, "dataset": {"function": "sprites", "size": 64}}
# Four times the pixels are at stake, but of a shape's edge only twice as many. Tried on seed 10: at three times the price three
# latents opened at once, at four times one of the positions was still shut at step 3,500.
TIMES = 3.5


def tcvae(schedule, last):
    """The β-TCVAE whose weights all follow the schedule, except that the total correlation's ends at `last`."""
    return {"function": "beta_tcvae", "beta": [*schedule[:-1], [schedule[-1][0], last]], "alpha": schedule, "gamma": schedule}


RECIPES = {
    "beta_vae_long": {**WIDE, "objective": {"function": "beta_vae", "beta": LONG}},
    "beta_tcvae_long": {**WIDE, "objective": tcvae(LONG, 2)},
    "beta_vae_dip": {**REOPENED, "objective": {"function": "beta_vae", "beta": DIP}},
}
ONCE = {
    "beta_tcvae_64": {**LARGE, "objective": tcvae([[step, TIMES * weight] for step, weight in SCHEDULE], TIMES * 2)},
}


def evaluate(model):
    """What results.json keeps of one of these models."""
    data = datasets.sprites(model.image_shape[-1])
    return scores_with_posterior(model, *data.sample(10_000, torch.Generator().manual_seed(EVALUATION_SEED)))


if __name__ == "__main__":
    train_all(RECIPES, evaluate, torch.float16)
    train_all(ONCE, evaluate, torch.float16, SEEDS[:1])
