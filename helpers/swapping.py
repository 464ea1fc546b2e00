"""How well pictures are drawn from codes whose parts come from two others, of fruit and of faces.

What is drawn is judged by the nearest of all true pictures.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from helpers import metrics, training
from helpers.datasets import FactorTable
from helpers.models import VAE


class SwapScores(NamedTuple):
    """Shares of the swaps, each in [0, 1]; the names are those of results.json."""

    swap: float  # object, colour and size are as wanted
    with_place: float  # the place is as wanted too
    parts: list[float]  # object, colour and size, each alone
    closer: float  # what is drawn is nearer to the wanted picture than any seen picture is


def swap_scores(
    model: VAE, data: FactorTable, rotation: Tensor | None = None, *, repeats: int = 5
) -> SwapScores:
    """How many held-out pictures appear when the codes of two seen ones are mixed.

    Object and place come from the one, colour and size from the other: the latents that carry
    colour or size are taken from the second picture.

    model: of fruits. data: fruits, with combinations of object, colour and size held out.
    rotation: [D, D], orthogonal; the swap is then made in rotated codes. None: in the codes.
    repeats: swaps for each held-out picture.
    Returns the `SwapScores` of all these swaps.
    """
    seen = data.factors(torch.arange(len(data)))  # [N, K]
    codes, _ = training.encode(model, data.images(seen))  # [N, D]
    turn = torch.eye(codes.shape[1]) if rotation is None else rotation
    turned = codes @ turn  # [N, D]

    # Two seen pictures for each wanted one. They differ from it in what is not taken from them.
    generator = torch.Generator().manual_seed(7)
    object_and_place = data.columns("object", "posX", "posY")
    colour_and_size = data.columns("colour", "size")
    wanted = data.held_out.repeat(repeats, 1)  # [M, K]
    first = donors(seen, wanted, object_and_place, colour_and_size, generator)  # [M]
    second = donors(seen, wanted, colour_and_size, data.columns("object"), generator)  # [M]

    # The swap, and the way back from the rotated codes.
    information = torch.from_numpy(metrics.mutual_information(turned, seen))  # [D, K]
    most_of_second = information[:, colour_and_size].amax(1)
    second_s = most_of_second > information[:, object_and_place].amax(1)  # [D]
    mixed = torch.where(second_s, turned[second], turned[first])  # [M, D]
    drawn = decoded(model, mixed @ turn.T)

    # Which factors the nearest true picture has as they were wanted.
    everything = combinations(data)
    number, _ = nearest(drawn, data.images(everything))
    right = everything[number] == wanted  # [M, K]
    ordered = right[:, data.columns("object", "colour", "size")]  # [M, 3]

    # A memory, which can only repeat what it has seen, is no closer than the nearest seen picture.
    wanted_pictures = data.images(wanted)
    off = (drawn - wanted_pictures).flatten(1).pow(2).mean(1).sqrt()  # [M]
    _, off_by_memory = nearest(wanted_pictures, data.images(seen))

    return SwapScores(
        swap=share(ordered.all(1)),
        with_place=share(right.all(1)),
        parts=[share(column) for column in ordered.T],
        closer=share(off < off_by_memory),
    )


def changes(model: VAE, data: FactorTable, pairs: int = 400) -> Tensor:
    """What else changes in a face when the latents of one factor come from another face.

    model: of faces. data: faces, none of them held out. pairs: of faces, for each factor.
    Returns [K, K], shares: row k is the swap of the latents that know most about factor k, and the
    column says of which factor the value is then wrong. Wrong is for factor k any other than the
    other face's, and for the rest any other than one's own.
    """
    generator = torch.Generator().manual_seed(7)
    factors = data.factors(torch.arange(len(data)))  # [N, K]
    pictures = data.images(factors)
    codes, _ = training.encode(model, pictures)  # [N, D]
    best_known = torch.from_numpy(metrics.mutual_information(codes, factors)).argmax(1)  # [D]

    # One factor after the other is taken from another face.
    rows = []
    for k in range(factors.shape[1]):
        own, other = torch.randint(len(factors), (2, pairs), generator=generator)  # [pairs] each
        wanted = factors[own]
        wanted[:, k] = factors[other, k]

        mixed = torch.where(best_known == k, codes[other], codes[own])
        number, _ = nearest(decoded(model, mixed), pictures)
        rows.append((factors[number] != wanted).float().mean(0))
    return torch.stack(rows)


def nearest(pictures: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
    """The candidate that is nearest to each picture.

    pictures: [B, C, H, W]. candidates: [N, C, H, W].
    Returns its number [B], and how far it is [B], the root mean square over pixels.
    """
    distance, number = torch.cdist(pictures.flatten(1), candidates.flatten(1)).min(1)
    return number, distance / pictures[0].numel() ** 0.5


def donors(
    seen: Tensor,
    wanted: Tensor,
    same: list[int],
    other: list[int],
    generator: torch.Generator,
) -> Tensor:
    """A random seen picture for each wanted one, like it in some factors and unlike it in others.

    seen: [N, K], wanted: [M, K], the factors of the pictures.
    same: columns in which the two agree. other: columns in each of which they differ.
    Returns [M], numbers of seen pictures.
    """
    chosen = []
    for row in wanted:
        fits = (seen[:, same] == row[same]).all(1) & (seen[:, other] != row[other]).all(1)  # [N]
        numbers = fits.nonzero()[:, 0]
        chosen.append(numbers[torch.randint(len(numbers), (1,), generator=generator)])
    return torch.cat(chosen)


def combinations(data: FactorTable) -> Tensor:
    """All combinations of factors [N, K], those that are held out among them."""
    return torch.cartesian_prod(*(torch.arange(size) for size in data.factor_sizes))


def decoded(model: VAE, codes: Tensor) -> Tensor:
    """The mean images [B, C, H, W] of codes [B, D], without gradients."""
    with torch.no_grad():
        return torch.sigmoid(model.decode(codes))


def share(yes: Tensor) -> float:
    """The share of a bool tensor that is true."""
    return float(yes.float().mean())
