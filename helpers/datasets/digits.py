"""Handwritten digits: real pictures, of which one factor is known."""

from collections.abc import Sequence

import torch
from torch import Tensor

from helpers.datasets.base import Dataset, as_index


def digits() -> "Digits":
    """The 1,797 handwritten 8x8 digits that scikit-learn ships (Alpaydin & Kaynak 1998).

    Grey values are in [0, 1]. These are real data: many pictures share the one factor that is
    known, the digit. So a picture is asked for by its number, `.pictures[index]`, and there is no
    `images(factors)`.
    """
    return Digits()


class Digits(Dataset):
    """The pictures [1797, 1, 8, 8] and their labels, each a digit from 0 to 9."""

    factor_names = ("digit",)
    factor_sizes = (10,)
    image_shape = (1, 8, 8)

    def __init__(self) -> None:
        # It takes a second to import, and only this data set needs it.
        from sklearn.datasets import load_digits

        pictures, labels = load_digits(return_X_y=True)
        self.pictures = torch.from_numpy(pictures / 16).float().reshape(-1, *self.image_shape)
        self.labels = torch.from_numpy(labels).long()

    def __len__(self) -> int:
        return len(self.pictures)

    def factors(self, index: Tensor | Sequence[int]) -> Tensor:
        """Factors [B, 1] of the pictures with these numbers, 0 to len() - 1."""
        return self.labels[as_index(index)].reshape(-1, 1)

    def numbered(self, index: Tensor | Sequence[int]) -> tuple[Tensor, Tensor]:
        """The pictures [B, 1, 8, 8] with these numbers, and their factors [B, 1]."""
        index = as_index(index)  # [B]
        return self.pictures[index], self.factors(index)
