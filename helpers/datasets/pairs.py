"""Pairs of images that share all factors but one."""

from collections.abc import Sequence

import torch
from torch import Tensor

from helpers.datasets.base import Dataset, FactorDataset, Values
from helpers.datasets.sprites import sprites


class Pairs(Dataset):
    """A data set drawn in pairs: images 0 and 1 of a sample share all factors but one, so do 2, 3.

    data: where any combination of factors can be drawn.
    The factors take their turns: pair p of a sample differs in factor p modulo K, whose second
    value is drawn anew, and so may be the first one again. Numbered images are those of `data`.
    """

    def __init__(self, data: FactorDataset) -> None:
        self.data = data
        self.factor_names = data.factor_names
        self.factor_sizes = data.factor_sizes
        self.image_shape = data.image_shape

    def __len__(self) -> int:
        return len(self.data)

    def factors(self, index: Tensor | Sequence[int]) -> Tensor:
        """Factors [B, K] of the images with these numbers."""
        return self.data.factors(index)

    def numbered(self, index: Tensor | Sequence[int]) -> tuple[Tensor, Tensor]:
        """The images [B, C, H, W] with these numbers, and their factors [B, K]."""
        return self.data.numbered(index)

    def sample(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """n images [n, C, H, W] in pairs, each image drawn uniformly, and their factors [n, K].

        Raises ValueError for an odd n.
        """
        if n % 2:
            raise ValueError(f"images in pairs come in even numbers, not {n}")
        first = self.data.factors(torch.randint(len(self), (n // 2,), generator=generator))
        other = self.data.factors(torch.randint(len(self), (n // 2,), generator=generator))

        number_of_factors = len(self.factor_sizes)
        turn = torch.arange(n // 2)[:, None] % number_of_factors  # [n/2, 1]
        differs = turn == torch.arange(number_of_factors)  # [n/2, K]
        second = torch.where(differs, other, first)
        factors = torch.stack([first, second], dim=1).flatten(0, 1)  # [n, K]
        return self.data.images(factors), factors


def pairs_of_sprites(size: int = 64, keep: dict[str, Values] | None = None) -> Pairs:
    """`sprites` in `Pairs`, with the same arguments."""
    return Pairs(sprites(size, keep))
