"""Train three objectives at four strengths over five seeds, with a schedule and with constant weights.

The table is sweep.jsonl: a line a run, with its recipe and its scores on the same 10,000 images. What it has is not run
again, and an interrupted run goes on. One run takes a minute and a half; `python data/make_sweep.py 2` runs two at a time.

replication.jsonl is the same for the settings that the claims of notebook 08 compare, over five other seeds. These were run
when the claims had been written.
"""

import sys
from pathlib import Path

import torch

from helpers import datasets, metrics, training
from make_weights import EVALUATION_SEED, KINDS, SCHEDULE, SEEDS, SHARED, rounded, scores

TABLE = Path(__file__).parent / "sweep.jsonl"
REPLICATION = Path(__file__).parent / "replication.jsonl"
OTHER_SEEDS = range(5, 10)
BETAS = (1, 2, 4, 8)
BUDGETS = (12, 9, 7, 5)  # nats, about what these β leave a β-VAE
CAPACITY = [[0, 0.05], [1500, 0.8], [3000, 1.8], [4000, 2.5], [6000, 5]]  # nats: the rates of a β-VAE on SCHEDULE, in results.json


def falling(beta):
    """The schedule of make_weights, but never below β."""
    return [[step, max(weight, beta)] for step, weight in SCHEDULE]


def objectives():
    """The objective of each recipe, by its name: "objective, strength, path"."""
    for beta in BETAS:
        yield f"beta_vae, {beta}, constant", {"function": "beta_vae", "beta": float(beta)}
        yield f"beta_vae, {beta}, schedule", {"function": "beta_vae", "beta": falling(beta)}
    for beta in BETAS[1:]:  # at 1 it is the VAE again
        yield f"beta_tcvae, {beta}, constant", {"function": "beta_tcvae", "beta": float(beta)}
        yield f"beta_tcvae, {beta}, schedule", {"function": "beta_tcvae", "beta": falling(beta), "alpha": SCHEDULE, "gamma": SCHEDULE}
    for budget in BUDGETS:
        yield f"constrained_vae, {budget}, constant", {"function": "constrained_vae", "delta": float(budget)}
        yield f"constrained_vae, {budget}, schedule", {  # a budget that rises where the price of the others falls
            "function": "constrained_vae", "delta": [*CAPACITY, [9000, budget]], "beta": float(SCHEDULE[0][1])}


RECIPES = {}
for bound in (SHARED["model"]["mean_bound"], None):
    for name, objective in objectives():
        if bound or objective.get("beta") in (4.0, falling(4)):  # free means at one strength, which is enough to compare
            RECIPES[f"{name}, {'bounded' if bound else 'free'}"] = {
                **SHARED, "model": {**SHARED["model"], "mean_bound": bound}, "objective": objective}

CLAIMED = [f"{name}, bounded" for name in (
    *(f"beta_vae, {beta}, constant" for beta in BETAS), "beta_vae, 1, schedule", "beta_vae, 4, schedule",
    "beta_tcvae, 4, constant", "beta_tcvae, 4, schedule", "constrained_vae, 9, constant", "constrained_vae, 9, schedule")]


def scores_with_posterior(model, images, factors):
    """The `scores` of make_weights.py, and those of the posterior MIG and of DCI by a forest."""
    mu, logvar = training.encode(model, images)
    posterior = metrics.posterior_mig(mu, logvar, factors)
    forest = metrics.dci(mu, factors, "forest", KINDS)
    return {
        **scores(model, images, factors), "posterior_mig": posterior.score, "posterior_mig_four": posterior.per_factor[1:].mean().item(),
        "forest_disentanglement": forest.disentanglement, "forest_completeness": forest.completeness,
        "forest_informativeness": forest.informativeness,
    }


def row(model, history):
    """What the table keeps of a run."""
    evaluation = datasets.sprites(32).sample(10_000, torch.Generator().manual_seed(EVALUATION_SEED))
    return rounded({**scores_with_posterior(model, *evaluation),
                    "reconstruction": history["reconstruction"][-1], "rate": history["rate"][-1]})


if __name__ == "__main__":
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for seed in SEEDS:  # seed by seed, so that a table cut short is a balanced one
        training.sweep(RECIPES, [seed], TABLE, row, jobs)
    for seed in OTHER_SEEDS:
        training.sweep({name: RECIPES[name] for name in CLAIMED}, [seed], REPLICATION, row, jobs)
