"""Train the runs of the tables and of the index once more, for what they did not keep.

The table is importance.jsonl, a line a run: how much each latent matters for each target of a
factor, what the scores are when the labels are shuffled, and, of sprites, how the latents go with
the moments of the pictures. What it has is not run again, and an interrupted run goes on. One run
takes two minutes; `python data/make_importance.py 2` runs two at a time.

A run is the same only where the processor rounds as the one did on which it was made. On another
kind of processor the library for matrices adds in another order, and after thousands of steps the
codes are others; so the first steps of one run are tried before all others.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

import make_generators
import make_long
import make_sweep
import make_weights
from helpers import datasets, gaussians, metrics, training
from helpers.datasets import FactorTable
from helpers.models import VAE
from helpers.training import Recipe
from helpers.training.recipes import prepared
from recipes import SEEDS
from scoring import (
    KINDS,
    Scores,
    evaluation_posteriors,
    evaluation_sprites,
    last_terms,
    rounded,
    scores_by_moments,
)
from stored_models import read_index

TABLE = Path(__file__).parent / "importance.jsonl"
TRIED = 420  # steps, in which three means of the history are taken
PERMUTATIONS = 3  # of the labels

Evaluate = Callable[[VAE, dict[str, list]], Scores]

# Runs of the index whose recipe a setting of the sweep has too.
IN_THE_SWEEP = ("vae", "beta_vae", "beta_vae_annealed")
SPRITES: dict[str, Recipe] = {
    name: recipe
    for name, recipe in (make_weights.RECIPES | make_long.RECIPES | make_long.DRAWN).items()
    if name not in IN_THE_SWEEP
}


def by_both_regressors(mu: Tensor, logvar: Tensor, factors: Tensor, kinds: list[str]) -> Scores:
    """Both gaps, and DCI by the lasso and by the forest, as single numbers."""
    # What chance gives depends on the regressor: a lasso may drop every code, trees use them all.
    lasso = metrics.dci(mu, factors, "lasso", kinds)
    forest = metrics.dci(mu, factors, "forest", kinds)

    # Single letters, as DCI has them; f is for the forest.
    return {
        "mig": metrics.mig(mu, factors).score,
        "posterior_mig": metrics.posterior_mig(mu, logvar, factors).score,
        "D": lasso.disentanglement,
        "C": lasso.completeness,
        "I": lasso.informativeness,
        "fD": forest.disentanglement,
        "fC": forest.completeness,
        "fI": forest.informativeness,
    }


def again(mu: Tensor, logvar: Tensor, factors: Tensor, kinds: list[str]) -> Scores:
    """What the table keeps of a run, from the posteriors of its images.

    mu, logvar: [N, D]. factors: [N, K].
    """
    lasso = metrics.dci(mu, factors, "lasso", kinds)
    forest = metrics.dci(mu, factors, "forest", kinds)

    # What chance gives: the same codes, with the labels of other images.
    shuffled = []
    for seed in range(PERMUTATIONS):
        order = torch.randperm(len(factors), generator=torch.Generator().manual_seed(seed))
        shuffled.append(by_both_regressors(mu, logvar, factors[order], kinds))

    return {
        "mig": metrics.mig(mu, factors).score,
        "posterior_mig": metrics.posterior_mig(mu, logvar, factors).score,
        "kl": gaussians.kl_divergence(mu, logvar).mean(0).tolist(),
        "lasso": [weights.tolist() for weights in lasso.target_importance],
        "lasso_errors": lasso.errors.tolist(),
        "forest": forest.importance.tolist(),
        "forest_errors": forest.errors.tolist(),
        "shuffled": {name: [scores[name] for scores in shuffled] for name in shuffled[0]},
    }


def of_sprites(model: VAE, history: dict[str, list]) -> Scores:
    """What the table keeps of a model of sprites."""
    mu, logvar, factors = evaluation_posteriors(model)
    return rounded(
        {
            **again(mu, logvar, factors, KINDS["sprites"]),
            **scores_by_moments(mu, evaluation_sprites(model)[0]),
            **last_terms(history),
        }
    )


def of_table(model: VAE, history: dict[str, list], data: FactorTable, kinds: list[str]) -> Scores:
    """What the table keeps of a model of fruits or faces."""
    factors = data.factors(torch.arange(len(data)))  # [N, K]
    mu, logvar = training.encode(model, data.images(factors))
    return rounded({**again(mu, logvar, factors, kinds), **last_terms(history)})


def is_repeatable() -> bool:
    """Whether the VAE's training begins here as results.json tells it."""
    entry = read_index()["vae"]
    known = entry["history"]["reconstruction"][:3]

    # Of the first steps alone: the fall of the learning rate begins much later.
    images, model, objective = prepared(entry["recipe"], SEEDS[0])
    batch_size = entry["recipe"]["training"]["batch_size"]
    torch.set_num_threads(1)
    history = training.train(
        model,
        images,
        objective,
        TRIED,
        batch_size,
        SEEDS[0],
        log_every=TRIED // len(known),
        progress=False,
    )
    return rounded(history["reconstruction"]) == known


def main(jobs: int) -> None:
    """Run what the table does not have, so many runs at a time."""
    if not is_repeatable():
        sys.exit(
            "this processor rounds otherwise than the one on which the tables were made, so these "
            "would be other runs: try another kind of machine, with the versions of constraints.txt"
        )

    # Seed by seed, so that a table cut short is a balanced one.
    for seed in SEEDS:
        training.sweep(make_sweep.RECIPES, [seed], TABLE, of_sprites, jobs)
    training.sweep(SPRITES, SEEDS, TABLE, of_sprites, jobs)

    for seed in make_sweep.OTHER_SEEDS:
        training.sweep(make_sweep.REPLICATED, [seed], TABLE, of_sprites, jobs)
    training.sweep(make_long.ONCE, SEEDS[:1], TABLE, of_sprites, jobs)

    # As in make_generators.py, whose runs these are; a second process would not know of it.
    torch.set_flush_denormal(True)
    fruits = datasets.fruits(hold_out=make_generators.held_out())
    of_fruits = partial(of_table, data=fruits, kinds=KINDS["fruits"])
    training.sweep(make_generators.FRUIT_RECIPES, SEEDS, TABLE, of_fruits)
    of_faces = partial(of_table, data=datasets.faces(48), kinds=KINDS["faces"])
    training.sweep(make_generators.FACE_RECIPES, SEEDS, TABLE, of_faces)


if __name__ == "__main__":
    main(jobs=int(sys.argv[1]) if len(sys.argv) > 1 else 1)
