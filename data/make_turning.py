"""Watch the two position latents turn: their directions over the steps of a training.

Both runs are of beta_tcvae_annealed; the first is the one whose weights are in this folder. Which
seed turns and which does not was seen, and then chosen, since one of each is to be shown. The third
is a run that has stopped askew.
"""

import json
from typing import Any

import torch

from helpers import datasets, metrics, training
from helpers.models import VAE
from helpers.moments import slopes
from make_ladder import QUICK, WORLDS
from make_weights import RECIPES
from recipes import SCHEDULE, altered
from scoring import EVALUATION_SEED, rounded
from stored_models import FOLDER

# Upright squares, with the steps and the learning rate of the other programs.
ASKEW = {
    **altered(
        QUICK,
        dataset={"keep": WORLDS["squares_upright"]},
        training={"steps": 14_000, "learning_rate": 1e-3},
    ),
    "objective": {"function": "beta_vae", "beta": SCHEDULE},
}
RUNS = {
    "turns": (RECIPES["beta_tcvae_annealed"], 0),
    "straight": (RECIPES["beta_tcvae_annealed"], 5),
    "askew": (ASKEW, 0),
}


def watched(recipe: training.Recipe, seed: int) -> dict[str, Any]:
    """One training, and what its code is like with every entry of the history.

    Returns "recipe", "seed", and, with an entry a time: "step"; "slopes", [D, 2], of the latents'
    means over posX and posY; "information", [D, K], of the means on the factors, in nats; "kl",
    [D], in nats.
    """
    arguments = dict(recipe["dataset"])
    data = getattr(datasets, arguments.pop("function"))(**arguments)
    images, factors = data.sample(5000, torch.Generator().manual_seed(EVALUATION_SEED))
    place = factors[:, data.columns("posX", "posY")]
    seen: dict[str, list] = {"step": [], "slopes": [], "information": []}

    def look(step: int, model: VAE) -> None:
        mu, _ = training.encode(model, images)
        seen["step"].append(step)
        seen["slopes"].append(slopes(mu, place).tolist())
        seen["information"].append(metrics.mutual_information(mu, factors).tolist())

    _, history = training.from_recipe(recipe, seed, progress=False, watch=look)
    return {"recipe": recipe, "seed": seed, **rounded({**seen, "kl": history["kl"]})}


if __name__ == "__main__":
    torch.set_num_threads(1)
    path = FOLDER / "turning.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name, (recipe, seed) in RUNS.items():
        if name not in found or found[name]["recipe"] != recipe:
            found[name] = watched(recipe, seed)
            path.write_text(json.dumps(found), encoding="utf-8")
