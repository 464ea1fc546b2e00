"""What every data set has in common: numbered images to draw from, and factors with names."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

# What a factor may be asked for by: a value's name, its index, or several of either.
Value = str | int
Values = Value | Sequence[Value]


class Dataset(ABC):
    """Images with numbers from 0 to len() - 1, each with its factors.

    A subclass says how many there are, and what has which number; it gets `sample` from here.
    """

    factor_names: tuple[str, ...]
    factor_sizes: tuple[int, ...]  # how many values each factor has
    image_shape: tuple[int, int, int]  # (C, H, W)

    @abstractmethod
    def __len__(self) -> int:
        """How many images there are."""

    @abstractmethod
    def factors(self, index: Tensor | Sequence[int]) -> Tensor:
        """Factors [B, K], int64 class indices, of the images with these numbers."""

    @abstractmethod
    def numbered(self, index: Tensor | Sequence[int]) -> tuple[Tensor, Tensor]:
        """The images [B, C, H, W] with these numbers, and their factors [B, K]."""

    def sample(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Draw n images uniformly with replacement.

        generator: with the same state it gives the same images.
        Returns the images [n, C, H, W], float32 in [0, 1], and their factors [n, K], int64.
        """
        return self.numbered(torch.randint(len(self), (n,), generator=generator))

    def column(self, name: str) -> int:
        """The column of `factors` that holds the factor of this name; ValueError if none does."""
        if name not in self.factor_names:
            known = ", ".join(self.factor_names)
            raise ValueError(f"there is no factor {name!r}; the factors are {known}")
        return self.factor_names.index(name)

    def columns(self, *names: str) -> list[int]:
        """The columns of `factors` that hold the factors of these names, in their order."""
        return [self.column(name) for name in names]


class FactorDataset(Dataset):
    """A data set that can draw the image of any combination of factors.

    A subclass says how, in `draw`. Image number i has the i-th combination, the last factor running
    fastest.
    """

    # What the values of each factor are called: texts, or a range where they have no names.
    factor_values: tuple[Sequence[str] | range, ...]

    @abstractmethod
    def draw(self, factors: Tensor) -> Tensor:
        """The images [B, C, H, W], float32 in [0, 1], with these factors [B, K], all in range."""

    def images(self, factors: Tensor) -> Tensor:
        """The images that have these factors.

        factors: [B, K], integer class indices; B may be 0.
        Returns [B, C, H, W], float32 in [0, 1].
        Raises ValueError for another shape or type, and if a factor is out of its range.
        """
        return self.draw(checked_factors(factors, self.factor_names, self.factor_sizes))

    def __len__(self) -> int:
        return math.prod(self.factor_sizes)

    def factors(self, index: Tensor | Sequence[int]) -> Tensor:
        """Factors [B, K] of the images with these numbers, 0 to len() - 1."""
        return factors_of_index(index, self.factor_sizes)

    def numbered(self, index: Tensor | Sequence[int]) -> tuple[Tensor, Tensor]:
        """The images [B, C, H, W] with these numbers, and their factors [B, K]."""
        factors = self.factors(index)
        return self.images(factors), factors

    def code(self, **values: Values) -> Tensor:
        """Factors that are said by name, ready for `images`.

        values: for each factor a value's name or its index, or a sequence of them for several
        images. Sequences have one length; a single value then holds for all. A factor that is not
        named stands at its first value.
        Returns factors [B, K], int64; B is 1 where no sequence was given.
        Raises ValueError for unknown names, values and lengths.

        >>> from helpers.datasets import sprites
        >>> sprites(32).code(shape="heart", scale=[0, 5], posX=16, posY=16)
        tensor([[ 2,  0,  0, 16, 16],
                [ 2,  5,  0, 16, 16]])
        """
        columns = [torch.zeros(1, dtype=torch.int64)] * len(self.factor_names)
        for name, given in values.items():
            column = self.column(name)
            indices = [self.index_of(column, value) for value in listed(given)]
            columns[column] = torch.tensor(indices, dtype=torch.int64)

        lengths = sorted({len(column) for column in columns} - {1})
        if len(lengths) > 1:
            raise ValueError(f"the sequences must have one length, not {lengths}")

        return torch.stack(torch.broadcast_tensors(*columns), dim=1)

    def index_of(self, column: int, value: Value) -> int:
        """The class index of a value of the factor in this column, given by name or by index."""
        known: list[Value] = list(self.factor_values[column])
        if isinstance(value, str) and value in known:
            return known.index(value)
        if isinstance(value, int | np.integer) and 0 <= value < self.factor_sizes[column]:
            return int(value)

        # Values without names are their indices.
        names = [repr(name) for name in known if isinstance(name, str)]
        takes = " or ".join(filter(None, [", ".join(names), "an index"]))
        raise ValueError(
            f"factor {self.factor_names[column]!r} has no value {value!r}: it takes {takes} from 0 "
            f"to {self.factor_sizes[column] - 1}"
        )


def listed(given: Values | Tensor | np.ndarray) -> list[Value]:
    """One value or several, as a list of names and plain numbers."""
    if isinstance(given, Tensor | np.ndarray):
        return listed(given.tolist())
    if isinstance(given, Iterable) and not isinstance(given, str):
        return list(given)
    return [given]


def factors_of_index(index: Tensor | Sequence[int], sizes: Sequence[int]) -> Tensor:
    """The combinations of factors with these numbers, the last factor running fastest.

    index: [B], 0 to the product of the sizes - 1. sizes: how many values each of K factors has.
    Returns int64 [B, K]. Raises ValueError for a number that no combination has.

    >>> factors_of_index([0, 1, 5], sizes=(2, 3))
    tensor([[0, 0],
            [0, 1],
            [1, 2]])
    """
    index = as_index(index)
    total = math.prod(sizes)
    if len(index) and not (0 <= int(index.min()) and int(index.max()) < total):
        raise ValueError(
            f"image numbers run from 0 to {total - 1:,}; these run from {index.min():,} "
            f"to {index.max():,}"
        )
    return torch.stack(torch.unravel_index(index, tuple(sizes)), dim=1)


def as_index(index: Tensor | Sequence[int]) -> Tensor:
    """The numbers of images as a tensor [B], int64, on the CPU, where data sets lie."""
    return torch.as_tensor(index, dtype=torch.int64).cpu().reshape(-1)


def checked_factors(factors: Tensor, names: Sequence[str], sizes: Sequence[int]) -> Tensor:
    """`factors` as an int64 tensor [B, K], or a ValueError that says what is wrong with them."""
    factors = torch.as_tensor(factors).cpu()
    if factors.ndim != 2 or factors.shape[1] != len(sizes):
        raise ValueError(
            f"factors must have the shape [B, {len(sizes)}], a column for each of "
            f"{', '.join(names)}; these have the shape {list(factors.shape)}"
        )
    if factors.is_floating_point() or factors.dtype == torch.bool:
        raise ValueError(f"factors must be integer class indices, not {factors.dtype}")

    if len(factors):
        lowest = factors.amin(0).tolist()  # [K]
        highest = factors.amax(0).tolist()  # [K]
        for name, size, low, high in zip(names, sizes, lowest, highest, strict=True):
            if low < 0 or high >= size:
                raise ValueError(
                    f"factor {name!r} runs from 0 to {size - 1}; here from {low} to {high}"
                )

    return factors.long()
