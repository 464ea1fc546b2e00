"""What the recipes of several programs share: the seeds, and the sprites' network and schedule.

A recipe is what `helpers.training.from_recipe` takes: a dict that JSON can hold.
"""

from typing import Any

from helpers.training import Recipe

Schedule = list[list[float]]  # [step, value] points; linear in between, constant before and after
Call = dict[str, Any]  # a function of helpers and its arguments, as a recipe has them

SEEDS = range(5)  # fixed beforehand

# The weight of the whole KL falls from 28 to 1. It starts so high that only the two positions are
# worth their price.
SCHEDULE: Schedule = [[0, 28], [1500, 26], [3000, 20], [4000, 14], [6000, 5], [9000, 1]]

SHARED: Recipe = {
    "dataset": {"function": "sprites", "size": 32},
    "model": {"function": "mlp_vae", "latent_dim": 6, "hidden": 192, "mean_bound": 1.5},
    "training": {"steps": 14_000, "batch_size": 64, "learning_rate": 1e-3, "lr_decay": 0.35},
}


def altered(recipe: Recipe, **parts: dict[str, Any]) -> Recipe:
    """The recipe with some entries changed.

    parts: for a part of the recipe, the entries that are other: altered(SHARED, model={"hidden":
      400}).
    Returns a new recipe; what is not named stays.
    """
    return {name: {**part, **parts.get(name, {})} for name, part in recipe.items()}


def beta_tcvae_on(schedule: Schedule, last: float) -> Call:
    """The β-TCVAE whose weights follow a schedule, all but the end of one of them.

    schedule: of α and γ throughout, and of β, the weight of the total correlation, up to the last
      point but one.
    last: the value at which β ends, at the schedule's last step.
    Returns the objective as recipes have it.
    """
    last_step = schedule[-1][0]
    beta = [*schedule[:-1], [last_step, last]]
    return {"function": "beta_tcvae", "beta": beta, "alpha": schedule, "gamma": schedule}
