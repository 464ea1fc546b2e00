"""Four scores of other papers: SAP and modularity of codes, and two that intervene on the data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from helpers.metrics.information import gaps, mutual_information
from helpers.metrics.inputs import Table, as_array, checked

Encode = Callable[[Tensor], Table]  # images [B, C, H, W] -> codes [B, D]


@dataclass(frozen=True)
class SAP:
    """Separated attribute predictability (Kumar et al. 2018, section 3), in [0, 1]."""

    score: float  # the mean of per_factor
    per_factor: np.ndarray  # [K], largest - second largest share
    explained: np.ndarray  # [D, K], the share of a factor's variance that a code explains linearly


@dataclass(frozen=True)
class Modularity:
    """Modularity (Ridgeway & Mozer 2018, section 3), in [0, 1]."""

    score: float  # the mean of per_code, over the codes that know something
    per_code: np.ndarray  # [D], NaN for a code that knows nothing
    information: np.ndarray  # [D, K], I(z_j; g_k) in nats


@dataclass(frozen=True)
class BetaVAEScore:
    """The accuracy of a linear classifier on differences (Higgins et al. 2017, section 3)."""

    score: float  # in [0, 1]; chance gives about 1/K
    confusion: np.ndarray  # [K, K], how often factor k (row) was taken for another (column)


@dataclass(frozen=True)
class FactorVAEScore:
    """The accuracy of a majority vote on variances (Kim & Mnih 2018, section 4)."""

    score: float  # in [0, 1]; chance gives more than 1/K, as the votes that choose also count
    votes: np.ndarray  # [D, K], how often code j varied least while factor k was held
    in_use: np.ndarray  # [D], which codes may vote


def sap(codes: Table, factors: Table) -> SAP:
    """How far the code that predicts a factor best by itself is ahead of the second.

    codes: [N, D], D at least 2. factors: [N, K] or [N], numbers; their order counts.
    Returns shares of variance, squared correlations, and for each factor the gap between the two
    best (Kumar et al. 2018, section 3). A constant code explains 0.
    Raises ValueError as `mig` does, and for names: for factors without an order the paper fits
    thresholds in place of a line.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> sap(factors, factors).score, sap(factors[:, [0, 0]], factors).score  # perfect; copied
    (1.0, 0.0)
    """
    code_table, labels = checked(codes, factors, codes_at_least=2)
    numbers = np.stack([factor.numbers() for factor in labels], axis=1)  # [N, K]
    z, g = (table - table.mean(axis=0) for table in (code_table, numbers))
    variances = (z**2).sum(axis=0)[:, None] * (g**2).sum(axis=0)  # [D, K]
    explained = (z.T @ g) ** 2 / np.where(variances > 0, variances, 1)
    per_factor = gaps(explained)
    return SAP(float(per_factor.mean()), per_factor, explained)


def modularity(codes: Table, factors: Table, bins: int = 20) -> Modularity:
    """How nearly each code knows of one factor only.

    codes: [N, D]. factors: [N, K], K at least 2. bins: as in `mutual_information`.
    Returns for each code 1 minus the squared information about all factors but its best, over K - 1
    times the square of that (Ridgeway & Mozer 2018, section 3), and their mean. A code that knows
    nothing has no best factor, and is left out; it is counted as 0 by some libraries.
    Raises ValueError as `mutual_information` does, and for a single factor.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> modularity(factors[:, [0, 0]], factors).score  # each of one factor, though of the same
    1.0
    """
    information = mutual_information(codes, factors, bins)  # [D, K]
    if information.shape[1] < 2:
        raise ValueError("modularity compares factors with each other and needs at least two")

    squares = information**2
    best = squares.max(axis=1)
    knows = best > 0
    others = (squares.sum(axis=1) - best) / (information.shape[1] - 1)
    per_code = np.where(knows, 1 - others / np.where(knows, best, 1), np.nan)
    score = float(per_code[knows].mean()) if knows.any() else 0.0
    return Modularity(score, per_code, information)


def beta_vae_score(
    encode: Encode,
    dataset: Any,
    generator: torch.Generator,
    batches: int = 1000,
    pairs: int = 64,
) -> BetaVAEScore:
    """How well a linear classifier tells which factor two images share, from how codes differ.

    encode: from images to codes, such as the posterior means.
    dataset: with factors, such as `datasets.sprites()`. generator: of all that is drawn.
    batches: of which a third is held out. pairs: of images in a batch; the images of a pair share
      the value of one factor, the same one throughout the batch, and |z - z'| is averaged over it.
    Returns the accuracy on the held-out batches (Higgins et al. 2017, section 3).
    Raises ValueError for a data set without factors, or with one.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    sizes = _sizes(dataset)
    held = torch.randint(len(sizes), (batches,), generator=generator).tolist()
    rows = []
    for k in held:
        first, second = _drawn(sizes, pairs, generator), _drawn(sizes, pairs, generator)
        second[:, k] = first[:, k]
        z = _codes(encode, dataset, torch.cat([first, second]))  # [2 · pairs, D]
        rows.append(np.abs(z[:pairs] - z[pairs:]).mean(axis=0))

    # Standardised, so that no code counts for less because its unit is small.
    x = StandardScaler().fit_transform(np.stack(rows))
    fitted = 2 * batches // 3
    classifier = LogisticRegression(max_iter=1000).fit(x[:fitted], held[:fitted])
    said = classifier.predict(x[fitted:])
    confusion = np.zeros((len(sizes), len(sizes)), dtype=int)
    np.add.at(confusion, (held[fitted:], said), 1)
    return BetaVAEScore(float(np.trace(confusion) / confusion.sum()), confusion)


def factor_vae_score(
    encode: Encode,
    dataset: Any,
    generator: torch.Generator,
    batches: int = 800,
    images: int = 100,
    least: float = 0.05,
) -> FactorVAEScore:
    """How well the code that varies least tells which factor is held.

    encode, dataset, generator: as in `beta_vae_score`.
    batches: of so many images; one factor has one value throughout a batch.
    least: a code whose standard deviation over the data is less than this share of the largest one
      has no vote, since a shut latent varies little whatever is held. (It compares units: give 0
      for codes that are not those of one model.)
    Returns the share of batches in which the factor is the one for which its code votes most often
      (Kim & Mnih 2018, section 4, which takes the votes themselves, and no further batches).
    Raises ValueError for a data set without factors, or with one, and where no code varies.
    """
    sizes = _sizes(dataset)
    spread = _codes(encode, dataset, _drawn(sizes, 5000, generator)).std(axis=0)  # [D]
    in_use = spread > least * spread.max()
    if not in_use.any():
        raise ValueError("the codes are the same for all images, so none can vote")

    votes = np.zeros((len(spread), len(sizes)), dtype=int)
    for k in torch.randint(len(sizes), (batches,), generator=generator).tolist():
        factors = _drawn(sizes, images, generator)
        factors[:, k] = factors[0, k].item()
        relative = _codes(encode, dataset, factors)[:, in_use].std(axis=0) / spread[in_use]
        votes[np.flatnonzero(in_use)[relative.argmin()], k] += 1
    return FactorVAEScore(float(votes.max(axis=1).sum() / batches), votes, in_use)


def _sizes(dataset: Any) -> tuple[int, ...]:
    """How many values each factor has; ValueError for fewer factors than two."""
    sizes = tuple(getattr(dataset, "factor_sizes", ()))
    if len(sizes) < 2:
        raise ValueError(
            "this score holds one factor of several and lets the others vary; the data set has "
            f"{len(sizes)}"
        )
    return sizes


def _drawn(sizes: tuple[int, ...], number: int, generator: torch.Generator) -> Tensor:
    """Combinations of factors [number, K], all equally likely."""
    return torch.stack([torch.randint(s, (number,), generator=generator) for s in sizes], dim=1)


def _codes(encode: Encode, dataset: Any, factors: Tensor) -> np.ndarray:
    """The codes [N, D] of the images of these factors."""
    return as_array(encode(dataset.images(factors))).astype(np.float64)
