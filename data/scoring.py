"""The scores that the tables in this folder keep of a trained model."""

from typing import Any

import torch
from torch import Tensor

from helpers import datasets, gaussians, metrics, training
from helpers.models import VAE
from helpers.moments import classes, moments, rank_correlations

Scores = dict[str, Any]  # floats, or lists of floats with one value a factor or a latent

EVALUATION_SEED = 10_000  # of the sprites that every model is scored on; no training has it

# How DCI predicts each factor of a data set.
KINDS = {
    "sprites": ["categorical", "ordinal", "circular", "ordinal", "ordinal"],
    "fruits": ["categorical", "categorical", "ordinal", "ordinal", "ordinal"],
    "faces": ["ordinal", "categorical", "ordinal", "ordinal", "ordinal", "ordinal"],
}


def evaluation_sprites(model: VAE) -> tuple[Tensor, Tensor]:
    """The 10,000 images that all models of sprites are scored on.

    model: for images of any size in which sprites come.
    Returns the images [10_000, 1, H, W] and their factors [10_000, 5].
    """
    data = datasets.sprites(model.image_shape[-1])
    return data.sample(10_000, torch.Generator().manual_seed(EVALUATION_SEED))


def evaluation_posteriors(model: VAE) -> tuple[Tensor, Tensor, Tensor]:
    """What a model of sprites makes of the `evaluation_sprites`.

    Returns (mu, logvar, factors): the posteriors [10_000, D] each, and the factors [10_000, 5].
    """
    images, factors = evaluation_sprites(model)
    mu, logvar = training.encode(model, images)  # [10_000, D] each
    return mu, logvar, factors


def scores(
    mu: Tensor, logvar: Tensor, factors: Tensor, kinds: list[str], *, gap: str = "mig"
) -> Scores:
    """What every table keeps: a mutual information gap, DCI by the lasso, and the KL.

    mu, logvar: [N, D], the posteriors of N images. factors: [N, K], class indices.
    kinds: one of KINDS, for DCI.
    gap: "mig", of the posterior means, from a histogram; or "posterior_mig", of codes drawn from
      the posteriors, by quadrature.
    Returns the gap and its part for each factor under that name, shares in [0, 1]; the three scores
    of DCI; and the mean KL of each latent in nats.
    Raises ValueError for another gap, and for what the metrics refuse.
    """
    # The two gaps are two measures, and stand under two names.
    if gap == "mig":
        mig = metrics.mig(mu, factors)
    elif gap == "posterior_mig":
        mig = metrics.posterior_mig(mu, logvar, factors)
    else:
        raise ValueError(f'gap must be "mig" or "posterior_mig", not {gap!r}')

    dci = metrics.dci(mu, factors, kinds=kinds)
    return {
        gap: mig.score,
        f"{gap}_per_factor": mig.per_factor.tolist(),
        "disentanglement": dci.disentanglement,
        "completeness": dci.completeness,
        "informativeness": dci.informativeness,
        "kl": gaussians.kl_divergence(mu, logvar).mean(0).tolist(),
    }


def scores_by_both_gaps(mu: Tensor, logvar: Tensor, factors: Tensor) -> Scores:
    """The `scores` of a model of sprites, and those of the posterior MIG and of DCI by a forest.

    mu, logvar: [N, D], the posteriors of N sprites. factors: [N, 5].
    Returns what `scores` returns, and more; "posterior_mig_four" is the mean over all factors but
    the shape.
    """
    # Beside the histogram and the lasso, a second measure of each.
    kinds = KINDS["sprites"]
    posterior = metrics.posterior_mig(mu, logvar, factors)
    forest = metrics.dci(mu, factors, "forest", kinds)

    return {
        **scores(mu, logvar, factors, kinds),
        "posterior_mig": posterior.score,
        "posterior_mig_four": posterior.per_factor[1:].mean().item(),
        "forest_disentanglement": forest.disentanglement,
        "forest_completeness": forest.completeness,
        "forest_informativeness": forest.informativeness,
    }


def scores_by_moments(mu: Tensor, images: Tensor) -> Scores:
    """How the latents of sprites go with the moments of their pictures.

    mu: [N, D]. images: [N, 1, H, W].
    Returns "mig_by_moments", the MIG with `helpers.moments.MOMENTS` in place of the factors, in 20
    classes of equal frequency each; and "moments", the rank correlation of each latent with each of
    them, [D, 5], in absolute value.
    """
    measured = moments(images)
    return {
        "mig_by_moments": metrics.mig(mu, classes(measured)).score,
        "moments": rank_correlations(mu, measured).tolist(),
    }


def last_terms(history: dict[str, list]) -> Scores:
    """The two terms of the loss at the end of the training, in nats.

    history: what `helpers.training.train` returns.
    Returns "reconstruction" and "rate", means over the steps of the history's last entry.
    """
    return {name: history[name][-1] for name in ("reconstruction", "rate")}


def rounded(value: Any) -> Any:
    """The same with floats at four decimals, which is more than any of them means.

    value: what JSON can hold.
    Returns the like, floats within dicts and lists rounded too.
    """
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return round(value, 4)
    return value
