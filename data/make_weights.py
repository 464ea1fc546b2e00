"""Train the models of sprites in this folder. `make weights` calls this; what is already in results.json is not trained again.

Each recipe is run over the same five seeds, fixed beforehand. The weights of the first seed are kept, and of every seed
its scores on the same 10,000 images.
"""

import copy
import hashlib
import json
from pathlib import Path

import torch
from tqdm.auto import tqdm

from helpers import datasets, gaussians, metrics, training

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
SEEDS = range(5)
EVALUATION_SEED = 10_000  # of the images that every model is scored on; no training has it
KINDS = ["categorical", "ordinal", "circular", "ordinal", "ordinal"]

# The weight of the whole KL falls from 28 to 1. It starts so high that only the two positions are worth their price.
SCHEDULE = [[0, 28], [1500, 26], [3000, 20], [4000, 14], [6000, 5], [9000, 1]]
SHARED = {
    "dataset": {"function": "sprites", "size": 32},
    "model": {"function": "mlp_vae", "latent_dim": 6, "hidden": 192, "mean_bound": 1.5},
    "training": {"steps": 14_000, "batch_size": 64, "learning_rate": 1e-3, "cool_down": 0.35},
}
OBJECTIVES = {
    "vae": {"function": "vae"},
    "beta_vae": {"function": "beta_vae", "beta": 4.0},
    "beta_vae_annealed": {"function": "beta_vae", "beta": SCHEDULE},
    "beta_tcvae_annealed": {"function": "beta_tcvae", "beta": [*SCHEDULE[:-1], [9000, 2]], "alpha": SCHEDULE, "gamma": SCHEDULE},
}
RECIPES = {name: {**SHARED, "objective": objective} for name, objective in OBJECTIVES.items()}


def scores(model, images, factors):
    """What results.json keeps of a trained model."""
    mu, logvar = training.encode(model, images)
    mig = metrics.mig(mu, factors)
    dci = metrics.dci(mu, factors, kinds=KINDS)
    return {
        "mig": mig.score, "mig_per_factor": mig.per_factor.tolist(), "disentanglement": dci.disentanglement,
        "completeness": dci.completeness, "informativeness": dci.informativeness,
        "kl": gaussians.kl_divergence(mu, logvar).mean(0).tolist(),
    }


def rounded(value):
    """The same with floats at four decimals, which is more than any of them means."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


def train_all(recipes, score, dtype=torch.float32, seeds=SEEDS):
    """Train every recipe with every one of these seeds that results.json does not have yet, and add what `score(model)` returns.

    Of the first seed the history is added too, and the weights are kept in a file of their own, with numbers of this dtype.
    """
    torch.set_num_threads(1)  # a second thread gains a third at best, and may change the last digits
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    todo = [(name, seed) for seed in seeds for name, recipe in recipes.items()
            if results.get(name, {}).get("recipe") != recipe or str(seed) not in results[name]["runs"]]
    for name, seed in tqdm(todo, unit="run"):
        model, history = training.from_recipe(recipes[name], seed, False, FOLDER / f"{name}-{seed}.checkpoint")
        if results.get(name, {}).get("recipe") != recipes[name]:
            results[name] = {"recipe": recipes[name], "runs": {}}
        results[name]["runs"][str(seed)] = rounded({
            **score(model), "reconstruction": history["reconstruction"][-1], "rate": history["rate"][-1],
        })
        if seed == SEEDS[0]:
            path = FOLDER / f"{name}.safetensors"
            training.save(path, copy.deepcopy(model).to(dtype), {**recipes[name], "seed": seed})
            results[name] |= {"history": rounded(history), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        RESULTS.with_suffix(".partial").write_text(json.dumps(results, indent=1))
        RESULTS.with_suffix(".partial").replace(RESULTS)


if __name__ == "__main__":
    evaluation = datasets.sprites(32).sample(10_000, torch.Generator().manual_seed(EVALUATION_SEED))
    train_all(RECIPES, lambda model: scores(model, *evaluation))
