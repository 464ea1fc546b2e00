"""Train what notebook 05 compares: models of fruits with combinations held out, and of faces. `make weights` calls this too;
what is already in results.json is not trained again.
"""

import torch

from helpers import datasets, gaussians, metrics, training
from make_weights import train_all

KINDS = {"fruits": ["categorical", "categorical", "ordinal", "ordinal", "ordinal"],
         "faces": ["ordinal", "categorical", "ordinal", "ordinal", "ordinal", "ordinal"]}


def held_out(seed=2025):
    """The small black apple, and a random tenth of all combinations of object, colour and size."""
    data = datasets.fruits()
    names, values = data.factor_names[:3], data.factor_values[:3]
    everything = torch.cartesian_prod(*(torch.arange(len(v)) for v in values))
    chosen = everything[torch.randperm(len(everything), generator=torch.Generator().manual_seed(seed))[:len(everything) // 10]]
    apple = {"object": "apple", "colour": "black", "size": "small"}
    others = [dict(zip(names, (v[i] for v, i in zip(values, row)))) for row in chosen.tolist()]
    return [apple] + [combination for combination in others if combination != apple]


# The weight of the KL. First it is low, so that all latents open; then high, so that only the strongest stay and find
# their factors; then it falls.
SCHEDULE = [[0, 0.4], [1500, 0.4], [3000, 20], [5500, 20], [9000, 3], [11_000, 1]]
FRUITS = {
    "dataset": {"function": "fruits", "hold_out": held_out()},
    "model": {"function": "mlp_vae", "latent_dim": 10, "hidden": 128, "mean_bound": 1.5, "background": 0.93},
    "training": {"steps": 14_000, "batch_size": 64, "learning_rate": 3e-3, "cool_down": 0.35},
}
OBJECTIVES = {
    "fruits_vae": {"function": "vae"},
    "fruits_beta_vae": {"function": "beta_vae", "beta": 4.0},
    "fruits_beta_vae_annealed": {"function": "beta_vae", "beta": SCHEDULE},
    "fruits_beta_tcvae_annealed": {"function": "beta_tcvae", "beta": [*SCHEDULE[:-1], [11_000, 3]], "alpha": SCHEDULE,
                                   "gamma": SCHEDULE},
}
FRUIT_RECIPES = {name: {**FRUITS, "objective": objective} for name, objective in OBJECTIVES.items()}
FRUIT_RECIPES["fruits_adversarial"] = {  # nothing bounds its codes but the critic; after 6,000 steps it redraws all it has seen
    **FRUITS, "model": {**FRUITS["model"], "mean_bound": None}, "training": {**FRUITS["training"], "steps": 6000},
    "objective": {"function": "adversarial", "weight": 20.0},
}
FACE_RECIPES = {"faces_beta_vae_annealed": {
    "dataset": {"function": "faces", "size": 48},
    "model": FRUITS["model"],
    "training": {"steps": 6500, "batch_size": 64, "learning_rate": 2e-3, "cool_down": 0.35},
    "objective": {"function": "beta_vae", "beta": [[0, 0.3], [1500, 0.3], [2500, 4], [3500, 4], [4500, 0.5]]},
}}


def nearest(pictures, candidates):
    """The number of the candidate that is nearest to each picture, and its distance (root mean square over pixels)."""
    distance, number = torch.cdist(pictures.flatten(1), candidates.flatten(1)).min(1)
    return number, distance / pictures[0].numel() ** 0.5


def donors(seen, wanted, same, other, generator):
    """For each wanted row a random seen row with the same factors in the columns `same` and others in the columns `other`."""
    chosen = []
    for row in wanted:
        fits = (seen[:, same] == row[same]).all(1) & (seen[:, other] != row[other]).all(1)
        rows = fits.nonzero()[:, 0]
        chosen.append(rows[torch.randint(len(rows), (1,), generator=generator)])
    return torch.cat(chosen)


def carries_colour_or_size(codes, factors):
    """[D]: whether a latent knows more about colour or size than about object and place, on these codes."""
    information = torch.from_numpy(metrics.mutual_information(codes, factors))
    return information[:, [1, 2]].amax(1) > information[:, [0, 3, 4]].amax(1)


def swap_scores(model, data, rotation=None, repeats=5):
    """Take object and place of one seen picture, and colour and size of another: which share of held-out pictures appears?

    The latents that carry colour or size come from the second picture. A picture appears if the nearest of all true
    pictures has its object, colour and size. `rotation`: an orthogonal matrix; the swap is then made in rotated codes.
    Returns that share; the same with the place right too; the shares of object, colour and size alone; and the share
    of outputs that are nearer to the wanted picture than any seen picture is.
    """
    generator = torch.Generator().manual_seed(7)
    seen = data.factors(torch.arange(len(data)))
    everything = torch.cartesian_prod(*(torch.arange(n) for n in data.factor_sizes))
    codes = training.encode(model, data.images(seen))[0]
    rotation = torch.eye(codes.shape[1]) if rotation is None else rotation
    turned = codes @ rotation
    wanted = data.held_out.repeat(repeats, 1)
    first = donors(seen, wanted, [0, 3, 4], [1, 2], generator)
    second = donors(seen, wanted, [1, 2], [0], generator)
    mixed = torch.where(carries_colour_or_size(turned, seen), turned[second], turned[first])
    with torch.no_grad():
        drawn = torch.sigmoid(model.decode(mixed @ rotation.T))
    right = everything[nearest(drawn, data.images(everything))[0]] == wanted
    off = (drawn - data.images(wanted)).flatten(1).pow(2).mean(1).sqrt()
    closer = off < nearest(data.images(wanted), data.images(seen))[1]
    return [float(v.float().mean()) for v in (right[:, :3].all(1), right.all(1), *right[:, :3].T, closer)]


def fruit_scores(model, data):
    """What generators.json keeps of a model of fruits."""
    seen = data.factors(torch.arange(len(data)))
    everything = torch.cartesian_prod(*(torch.arange(n) for n in data.factor_sizes))
    pictures = data.images(everything)
    mu, logvar = training.encode(model, data.images(seen))
    share, with_place, *parts, closer = swap_scores(model, data)
    generator = torch.Generator().manual_seed(11)
    turns = [torch.linalg.qr(torch.randn(model.latent_dim, model.latent_dim, generator=generator))[0] for _ in range(5)]
    with torch.no_grad():
        own = torch.sigmoid(model.decode(training.encode(model, data.images(data.held_out))[0]))
        drawn = torch.sigmoid(model.decode(torch.randn(1000, model.latent_dim, generator=generator)))
    return {
        "swap": share, "with_place": with_place, "parts": parts, "closer": closer,
        "rotated": sum(swap_scores(model, data, turn, repeats=1)[0] for turn in turns) / len(turns),
        "own_code": float((everything[nearest(own, pictures)[0]] == data.held_out)[:, :3].all(1).float().mean()),
        "prior_distance": float(nearest(drawn, pictures)[1].mean()),
        **common_scores(mu, logvar, seen, "fruits"),
    }


def face_scores(model, data):
    """What results.json keeps of a model of faces."""
    factors = data.factors(torch.arange(len(data)))
    mu, logvar = training.encode(model, data.images(factors))
    with torch.no_grad():
        own = torch.sigmoid(model.decode(mu))
    number = nearest(own, data.images(factors))[0]
    return {"changes": changes(model, data).tolist(), "own_code": (factors[number] == factors).float().mean(0).tolist(),
            **common_scores(mu, logvar, factors, "faces")}


def changes(model, data, pairs=400):
    """[K, K]: row k: the latents that carry factor k come from another face. Column: how often that factor is then wrong.

    Wrong means that the nearest true face has another value than wanted: for factor k the other face's, for the rest one's own.
    """
    generator = torch.Generator().manual_seed(7)
    factors = data.factors(torch.arange(len(data)))
    pictures = data.images(factors)
    codes = training.encode(model, pictures)[0]
    carries = torch.from_numpy(metrics.mutual_information(codes, factors)).argmax(1)
    rows = []
    for k in range(factors.shape[1]):
        own, other = torch.randint(len(factors), (2, pairs), generator=generator)
        wanted = factors[own]
        wanted[:, k] = factors[other, k]
        with torch.no_grad():
            drawn = torch.sigmoid(model.decode(torch.where(carries == k, codes[other], codes[own])))
        rows.append((factors[nearest(drawn, pictures)[0]] != wanted).float().mean(0))
    return torch.stack(rows)


def common_scores(mu, logvar, factors, kind):
    mig = metrics.posterior_mig(mu, logvar, factors)
    dci = metrics.dci(mu, factors, kinds=KINDS[kind])
    return {
        "mig": mig.score, "mig_per_factor": mig.per_factor.tolist(), "disentanglement": dci.disentanglement,
        "completeness": dci.completeness, "informativeness": dci.informativeness,
        "kl": gaussians.kl_divergence(mu, logvar).mean(0).tolist(),
    }


if __name__ == "__main__":
    torch.set_flush_denormal(True)  # what a shut latent leaves in Adam's memory is too small to matter and slow to multiply
    fruits = datasets.fruits(hold_out=held_out())
    train_all(FRUIT_RECIPES, lambda model: fruit_scores(model, fruits), torch.float16)
    faces = datasets.faces(48)
    train_all(FACE_RECIPES, lambda model: face_scores(model, faces), torch.float16)
