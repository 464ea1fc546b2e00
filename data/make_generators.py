"""Train what notebook 05 compares: models of fruits, some combinations held out, and of faces.

`make weights` calls this too; what is already in results.json is not trained again.
"""

from functools import partial

import torch

from helpers import datasets, training
from helpers.datasets import FactorTable
from helpers.models import VAE
from helpers.swapping import changes, combinations, decoded, nearest, share, swap_scores
from helpers.training import Recipe
from recipes import Call, Schedule, altered, beta_tcvae_on
from scoring import KINDS, Scores, scores
from stored_models import train_missing


def held_out(seed: int = 2025) -> list[dict[str, str]]:
    """What the models of fruits never see: the small black apple, and a tenth of all combinations.

    seed: of the choice among all combinations of object, colour and size.
    Returns dicts from these names to values, as `datasets.fruits` takes them.
    """
    data = datasets.fruits()
    names = data.factor_names[:3]
    values = data.factor_values[:3]
    everything = torch.cartesian_prod(*(torch.arange(len(known)) for known in values))  # [150, 3]

    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(everything), generator=generator)
    chosen = everything[order[: len(everything) // 10]]  # [15, 3]

    # The apple first, and no second time.
    left_out = [{"object": "apple", "colour": "black", "size": "small"}]
    for row in chosen.tolist():
        words = [known[i] for known, i in zip(values, row, strict=True)]
        combination = dict(zip(names, words, strict=True))
        if combination not in left_out:
            left_out.append(combination)
    return left_out


# The weight of the KL. First it is low, so that all latents open; then high, so that only the
# strongest stay and find their factors; then it falls.
SCHEDULE: Schedule = [[0, 0.4], [1500, 0.4], [3000, 20], [5500, 20], [9000, 3], [11_000, 1]]

FRUITS: Recipe = {
    "dataset": {"function": "fruits", "hold_out": held_out()},
    "model": {
        "function": "mlp_vae",
        "latent_dim": 10,
        "hidden": 128,
        "mean_bound": 1.5,
        "background": 0.93,
    },
    "training": {"steps": 14_000, "batch_size": 64, "learning_rate": 3e-3, "lr_decay": 0.35},
}
OBJECTIVES: dict[str, Call] = {
    "fruits_vae": {"function": "vae"},
    "fruits_beta_vae": {"function": "beta_vae", "beta": 4.0},
    "fruits_beta_vae_annealed": {"function": "beta_vae", "beta": SCHEDULE},
    "fruits_beta_tcvae_annealed": beta_tcvae_on(SCHEDULE, last=3),
}
FRUIT_RECIPES = {name: {**FRUITS, "objective": objective} for name, objective in OBJECTIVES.items()}

# Nothing bounds the codes of this one but the critic; after 6,000 steps it redraws all it has seen.
FRUIT_RECIPES["fruits_adversarial"] = {
    **altered(FRUITS, model={"mean_bound": None}, training={"steps": 6000}),
    "objective": {"function": "adversarial", "weight": 20.0},
}

FACE_SCHEDULE: Schedule = [[0, 0.3], [1500, 0.3], [2500, 4], [3500, 4], [4500, 0.5]]
FACE_RECIPES: dict[str, Recipe] = {
    "faces_beta_vae_annealed": {
        "dataset": {"function": "faces", "size": 48},
        "model": FRUITS["model"],
        "training": {"steps": 6500, "batch_size": 64, "learning_rate": 2e-3, "lr_decay": 0.35},
        "objective": {"function": "beta_vae", "beta": FACE_SCHEDULE},
    }
}


def fruit_scores(model: VAE, data: FactorTable) -> Scores:
    """What results.json keeps of a model of fruits.

    data: the fruits that the model was trained on, with what was held out.
    Returns the `SwapScores`; "rotated", the swap score in codes that are turned at random;
    "own_code", the share of held-out pictures whose object, colour and size come back when they
    are encoded and decoded; "prior_distance", how far samples of the prior are from the nearest
    true picture; and the `scores` of the seen pictures, with the posterior MIG.
    """
    seen = data.factors(torch.arange(len(data)))  # [N, K]
    mu, logvar = training.encode(model, data.images(seen))  # [N, D] each
    everything = combinations(data)
    pictures = data.images(everything)

    # The same swap in five random rotations of the codes.
    generator = torch.Generator().manual_seed(11)
    rotated = []
    for _ in range(5):
        square = torch.randn(model.latent_dim, model.latent_dim, generator=generator)
        rotation, _ = torch.linalg.qr(square)
        rotated.append(swap_scores(model, data, rotation, repeats=1).swap)

    # Without any swap: held-out pictures through their own codes, and samples of the prior.
    own_codes, _ = training.encode(model, data.images(data.held_out))  # [M, D]
    number, _ = nearest(decoded(model, own_codes), pictures)
    right = (everything[number] == data.held_out)[:, data.columns("object", "colour", "size")]
    noise = torch.randn(1000, model.latent_dim, generator=generator)
    _, off = nearest(decoded(model, noise), pictures)

    return {
        **swap_scores(model, data)._asdict(),
        "rotated": sum(rotated) / len(rotated),
        "own_code": share(right.all(1)),
        "prior_distance": float(off.mean()),
        **scores(mu, logvar, seen, KINDS["fruits"], gap="posterior_mig"),
    }


def face_scores(model: VAE, data: FactorTable) -> Scores:
    """What results.json keeps of a model of faces.

    Returns the `changes`; "own_code", for each factor the share of faces in which it comes back
    when they are encoded and decoded; and the `scores` of all faces, with the posterior MIG.
    """
    factors = data.factors(torch.arange(len(data)))  # [N, K]
    pictures = data.images(factors)
    mu, logvar = training.encode(model, pictures)  # [N, D] each

    # Without any swap: faces through their own codes.
    number, _ = nearest(decoded(model, mu), pictures)
    right = factors[number] == factors  # [N, K]

    return {
        "changes": changes(model, data).tolist(),
        "own_code": right.float().mean(0).tolist(),
        **scores(mu, logvar, factors, KINDS["faces"], gap="posterior_mig"),
    }


def main() -> None:
    """Train what results.json does not have."""
    # What a shut latent leaves in Adam's memory is too small to matter and slow to multiply.
    torch.set_flush_denormal(True)

    fruits = datasets.fruits(hold_out=held_out())
    train_missing(FRUIT_RECIPES, partial(fruit_scores, data=fruits))

    faces = datasets.faces(48)
    train_missing(FACE_RECIPES, partial(face_scores, data=faces))


if __name__ == "__main__":
    main()
