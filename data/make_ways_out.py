"""Train with what breaks the symmetry of the latents: pairs, labels, and networks that know more.

`make weights` calls this after the others. Every recipe stands for one thing that is known, in one
world and with one network; in results.json are the scores of all five seeds. A run takes a minute
and a half on one core.
"""

import math
from functools import partial
from typing import Any

import torch

from helpers import datasets, metrics, training
from helpers.models import VAE
from helpers.objectives import latent_kl
from helpers.training import Recipe
from recipes import Call
from scoring import EVALUATION_SEED, Scores
from stored_models import train_missing

WORLDS: dict[str, dict[str, Any]] = {"hearts": {"shape": ["heart"]}, "sprites": {}}

# The latent that is to carry each factor, where somebody says which: 0 is the angle of a network
# that has one, 1 and 2 are the place of a network that knows what a place is.
LATENTS = {"hearts": [3, 0, 1, 2], "sprites": [4, 3, 0, 1, 2]}

# A square looks the same after a quarter turn, an ellipse after half a turn, a heart after a whole.
SYMMETRY = [4, 2, 1]

# The network with a category has no latent to spare: an angle, the place, a line, and the three
# logits of the category.
CLASSES = 3
MODEL = {"latent_dim": 6, "hidden": 192}
NETWORKS: dict[str, Call] = {
    "mlp": {"function": "mlp_vae", **MODEL},
    "placed": {"function": "placed_vae", **MODEL},
    "circle": {"function": "placed_vae", **MODEL, "circle": True},
    "category": {
        "function": "placed_vae",
        "latent_dim": 4 + CLASSES,
        "hidden": 192,
        "circle": True,
    },
}
TRAINING = {"steps": 6000, "batch_size": 80, "learning_rate": 1e-3, "lr_decay": 0.35}

# The models that the notebook draws.
DRAWN = ("hearts_circle_named", "sprites_category_folded")


def recipe(world: str, network: str, known: str) -> Recipe:
    """One training: these sprites, this network, and this knowledge."""
    # Pairs are another way of drawing the same images.
    images = {"size": 32, "keep": WORLDS[world]}
    function = "pairs_of_sprites" if known in ("pairs", "named") else "sprites"

    # What the objective is told.
    objective: Call = {"function": "weakly_supervised"}
    if known == "pairs":
        objective["shared"] = "adaptive"
    elif known == "named":
        objective |= {"shared": "named", "latents": LATENTS[world]}
    elif known in ("labels", "folded"):
        labels: Call = {"share": 0.01, **images}
        if known == "folded":
            labels["symmetry"] = SYMMETRY
        objective |= {"latents": LATENTS[world], "labels": labels}
    if network == "category":
        objective |= {"classes": CLASSES}

    return {
        "dataset": {"function": function, **images},
        "model": NETWORKS[network],
        "training": TRAINING,
        "objective": objective,
    }


# What is run. A category is of use where there are shapes, and names tell more than pairs.
RUNS = {
    "hearts": {
        "mlp": ("nothing", "pairs", "labels"),
        "placed": ("nothing",),
        "circle": ("nothing", "pairs", "named"),
    },
    "sprites": {
        "mlp": ("nothing", "pairs", "labels"),
        "placed": ("nothing",),
        "circle": ("nothing", "pairs", "named"),
        "category": ("nothing", "named", "labels", "folded"),
    },
}
RECIPES = {
    f"{world}_{network}_{known}": recipe(world, network, known)
    for world, networks in RUNS.items()
    for network, everything in networks.items()
    for known in everything
}


def way_out_scores(model: VAE, keep: dict[str, Any], classes: int = 0) -> Scores:
    """What results.json keeps of one of these models.

    Returns the MIG and its part for each factor; the mutual information of every latent with every
    factor, in nats; and the mean KL of each latent. Of a category the most probable class stands
    there as one latent, the last.
    """
    world = datasets.sprites(model.image_shape[-1], keep)
    images, factors = world.sample(10_000, torch.Generator().manual_seed(EVALUATION_SEED))
    mu, logvar = training.encode(model, images)
    kl = latent_kl(model, mu, logvar)
    if classes:
        # The most probable class is one more latent, in place of the logits.
        mu, logits = mu.tensor_split([-classes], dim=1)
        best = logits.argmax(1)
        log_q = logits.log_softmax(1)
        of_category = math.log(classes) + (log_q.exp() * log_q).sum(1)
        kl = torch.cat([kl[:, :-classes], of_category[:, None]], dim=1)
        mu = torch.cat([mu, best[:, None]], dim=1)
    mig = metrics.mig(mu, factors)
    return {
        "mig": mig.score,
        "mig_per_factor": mig.per_factor.tolist(),
        "information": metrics.mutual_information(mu, factors).tolist(),
        "kl": kl.mean(0).tolist(),
    }


def scores_of(name: str, model: VAE) -> Scores:
    """The `way_out_scores` of a model of this recipe."""
    world, network, _ = name.split("_")
    return way_out_scores(model, WORLDS[world], CLASSES if network == "category" else 0)


if __name__ == "__main__":
    for name, one in RECIPES.items():
        train_missing({name: one}, partial(scores_of, name), keep_weights=name in DRAWN)
