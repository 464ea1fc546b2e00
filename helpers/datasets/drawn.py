"""Fruits and faces: pictures of all combinations of named values, some of them held out."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from helpers.datasets import drawing
from helpers.datasets.base import FactorDataset, Value, checked_factors, factors_of_index


class Fruit(NamedTuple):
    """What makes a fruit as large as the others, and puts it into the middle of its picture."""

    enlarged: float  # so many times, for an area like that of the others
    centre: tuple[float, float]  # of mass, (u, v) on the sheet on which it is drawn


# "Small" means the same for a banana and an apple, and knowing the object does not yet tell the
# size or the place, because each fruit is enlarged and centred by what was measured on its drawing.
FRUITS = {
    "apple": Fruit(0.88, (0.04, 0.09)),
    "banana": Fruit(1.11, (-0.09, 0.16)),
    "cherries": Fruit(0.98, (0.06, 0.29)),
    "grapes": Fruit(0.93, (0.01, -0.16)),
    "pear": Fruit(1.00, (0.00, 0.06)),
}

# Colours are red, green and blue in [0, 1]. None is much lighter or darker than the others, so that
# a dark picture may be dark or large, but not both at once.
FRUIT_COLOURS = {
    "red": (0.86, 0.08, 0.10),
    "orange": (0.84, 0.40, 0.02),
    "green": (0.10, 0.62, 0.16),
    "blue": (0.12, 0.24, 0.78),
    "purple": (0.55, 0.12, 0.58),
    "black": (0.20, 0.19, 0.21),
}

# In half sides of the picture.
FRUIT_SIZES = {"tiny": 0.30, "small": 0.42, "medium": 0.54, "big": 0.66, "huge": 0.78}

COLUMNS = ("left", "middle", "right")
ROWS = ("high", "middle", "low")

SKIN_TONES = {
    "light": (0.98, 0.84, 0.73),
    "tan": (0.87, 0.67, 0.50),
    "brown": (0.66, 0.45, 0.31),
    "dark": (0.43, 0.28, 0.20),
}
HAIR_COLOURS = {
    "black": (0.12, 0.10, 0.12),
    "brown": (0.40, 0.25, 0.14),
    "red": (0.74, 0.30, 0.12),
    "blond": (0.93, 0.77, 0.38),
    "grey": (0.74, 0.75, 0.78),
}

# How far down the hair reaches, from -1, the top of the picture, to 1, its bottom.
HAIR_LENGTHS = {"cropped": -0.30, "short": 0.02, "chin": 0.50, "long": 0.95}

AGES = {"child": 0.0, "young": 0.33, "middle": 0.67, "old": 1.0}
EXPRESSIONS = {"sad": -1.0, "glum": -0.5, "calm": 0.0, "pleased": 0.5, "happy": 1.0}
GLASSES = ("without", "with")

# Values that are held out together: for each of some factors, one of its values or its index.
Combination = Mapping[str, Value]


def fruits(size: int = 32, hold_out: Sequence[Combination] = ()) -> "FactorTable":
    """1,350 colour pictures of fruit, drawn by this package.

    size: 32, 48 or 64, pixels a side.
    hold_out: combinations that are left out; see `FactorTable`.
    Returns a data set whose factors are object (apple, banana, cherries, grapes, pear), colour
    (six, red and black among them), size (tiny, small, medium, big, huge), posX and posY (three
    each, 1 pixel apart at size 32).
    Raises ValueError for another size, and for what cannot be held out.

    >>> data = fruits(hold_out=[{"object": "apple", "colour": "black", "size": "small"}])
    >>> len(data), len(data.held_out)
    (1341, 9)
    """
    _check_side(size)
    values = {
        "object": tuple(FRUITS),
        "colour": tuple(FRUIT_COLOURS),
        "size": tuple(FRUIT_SIZES),
        "posX": COLUMNS,
        "posY": ROWS,
    }

    # One drawing serves all colours and places.
    table = _empty_table(values, size)  # [object, colour, size, posX, posY, 3, H, W]
    for i, name in enumerate(FRUITS):
        for j, half_size in enumerate(FRUIT_SIZES.values()):
            table[i, :, j] = _fruit_pictures(name, half_size, size)

    return FactorTable(values, table, hold_out)


def faces(size: int = 48, hold_out: Sequence[Combination] = ()) -> "FactorTable":
    """3,200 schematic faces, drawn by this package.

    size: 32, 48 or 64, pixels a side.
    hold_out: combinations that are left out; see `FactorTable`.
    Returns a data set whose factors are skin tone (4), hair colour (5), hair length (4), age (4),
    expression (5) and glasses (2). Every combination occurs once, so that they are independent,
    grey-haired children included.
    Raises ValueError for another size, and for what cannot be held out.
    """
    _check_side(size)
    values = {
        "skin": tuple(SKIN_TONES),
        "hair": tuple(HAIR_COLOURS),
        "length": tuple(HAIR_LENGTHS),
        "age": tuple(AGES),
        "expression": tuple(EXPRESSIONS),
        "glasses": GLASSES,
    }

    # One head serves all colours and expressions, with glasses and without.
    table = _empty_table(values, size)  # [skin, hair, length, age, expression, glasses, 3, H, W]
    for i, length in enumerate(HAIR_LENGTHS.values()):
        for j, age in enumerate(AGES.values()):
            table[:, :, i, j] = _face_pictures(length, age, size)

    return FactorTable(values, table, hold_out)


class FactorTable(FactorDataset):
    """Pictures of all combinations of some named values, some of them held out.

    values: for each factor, the names of its values.
    table: bytes [values of the first factor, ..., values of the last, C, H, W]; the pictures.
    hold_out: dicts from factor names to a value, its name or its index; a picture is held out if it
    has all the values of one of them.
    Raises ValueError for unknown names, and if some value would be left in no picture, because then
    nobody could learn it.

    `len()`, `factors(index)` and `sample` know only the pictures that are left; `images(factors)`
    draws any.
    """

    factor_values: tuple[Sequence[str], ...]
    held_out: Tensor  # [M, K], the factors of the pictures that are held out

    def __init__(
        self,
        values: Mapping[str, Sequence[str]],
        table: np.ndarray,
        hold_out: Sequence[Combination] = (),
    ) -> None:
        self.factor_names = tuple(values)
        self.factor_values = tuple(values.values())
        self.factor_sizes = table.shape[:-3]
        self.image_shape = table.shape[-3:]
        self._pictures = torch.from_numpy(table)  # [*factor_sizes, C, H, W]

        # A grid of all combinations, in which those that are held out are marked.
        out = torch.zeros(self.factor_sizes, dtype=torch.bool)
        for combination in hold_out:
            out[self._place(combination)] = True
        self._check_that_each_value_is_left(out)

        self.held_out = out.nonzero()  # [M, K]
        self._left = (~out).nonzero()  # [len(self), K]

    def __len__(self) -> int:
        return len(self._left)

    def factors(self, index: Tensor | Sequence[int]) -> Tensor:
        """Factors [B, K] of the pictures with these numbers, 0 to len() - 1.

        Only the pictures that are left have a number, the last factor running fastest.
        """
        number = factors_of_index(index, (len(self),))[:, 0]  # [B], checked
        return self._left[number]

    def draw(self, factors: Tensor) -> Tensor:
        """The pictures [B, C, H, W] with these factors [B, K], held out or not."""
        pictures = self._pictures[tuple(factors.T)]  # [B, C, H, W], bytes
        return pictures.float().div_(255)

    def names(self, factors: Tensor) -> list[tuple[str, ...]]:
        """The values' names, a tuple for each row of factors [B, K]."""
        factors = checked_factors(factors, self.factor_names, self.factor_sizes)
        rows = []
        for row in factors.tolist():
            pairs = zip(self.factor_values, row, strict=True)
            rows.append(tuple(values[i] for values, i in pairs))
        return rows

    def _place(self, combination: Combination) -> tuple[int | slice, ...]:
        """Where in the grid of all combinations these values are."""
        if not isinstance(combination, Mapping) or not combination:
            raise ValueError(
                'hold_out is a list of dicts such as {"object": "apple", "colour": "black"}; '
                f"it has the entry {combination!r}"
            )

        # A factor that the entry does not name has all its values there.
        place: list[int | slice] = [slice(None)] * len(self.factor_names)
        for name, value in combination.items():
            try:
                column = self.column(name)
                place[column] = self.index_of(column, value)
            except ValueError as error:
                raise ValueError(f"hold_out has the entry {combination!r}, but {error}") from error
        return tuple(place)

    def _check_that_each_value_is_left(self, out: Tensor) -> None:
        """ValueError if all pictures with some value are out, a bool [*factor_sizes]."""
        for k, values in enumerate(self.factor_values):
            # Has a value of this factor lost its pictures with all values of the others?
            gone = out.movedim(k, 0).flatten(1).all(1)  # [values of this factor]

            if gone.any():
                name = self.factor_names[k]
                value = values[int(gone.nonzero()[0])]
                raise ValueError(
                    f"hold_out leaves no picture with {name} {value!r}, so that nobody could learn "
                    "what it looks like: hold out fewer combinations, or name more factors in each"
                )


def _check_side(size: int) -> None:
    if size not in (32, 48, 64):
        raise ValueError(f"these pictures come in size 32, 48 or 64, not {size!r}")


def _empty_table(values: Mapping[str, Sequence[str]], side: int) -> np.ndarray:
    """Room for a colour picture of each combination of values."""
    sizes = [len(names) for names in values.values()]
    return np.empty((*sizes, 3, side, side), dtype=np.uint8)


def _fruit_pictures(name: str, half_size: float, side: int) -> np.ndarray:
    """A fruit in one size, in all its colours and places.

    half_size: in half sides of the picture.
    side: of the picture, in pixels.
    Returns bytes [colour, posX, posY, 3, side, side].
    """
    step = round(side / 32)  # pixels from one place to the next
    sheet_side = side + 2 * step
    colours = np.array(list(FRUIT_COLOURS.values()), dtype=np.float32)  # [colour, 3]

    # It is drawn once, in the middle of a sheet with a margin of one step.
    fruit = FRUITS[name]
    scale = fruit.enlarged * half_size * side / sheet_side
    sheet = drawing.Sheet(sheet_side, 1, scale=scale, centre=fruit.centre)
    drawing.draw_fruit(sheet, name)
    whole = sheet.pictures(colours[:, None])  # [colour, 3, sheet_side, sheet_side]

    # A window further up and left shows the fruit further down and right.
    placed = np.empty((len(colours), len(COLUMNS), len(ROWS), 3, side, side), dtype=np.uint8)
    for x, y in product(range(len(COLUMNS)), range(len(ROWS))):
        left = (2 - x) * step
        top = (2 - y) * step
        placed[:, x, y] = whole[:, :, top : top + side, left : left + side]
    return placed


def _face_pictures(length: float, age: float, side: int) -> np.ndarray:
    """A head in all colours of skin and hair, with all expressions, without and with glasses.

    length: of the hair, as in HAIR_LENGTHS.
    age: 0 to 1.
    side: of the picture, in pixels.
    Returns bytes [skin, hair, expression, glasses, 3, side, side].
    """
    # All pairs of a tone of the skin and one of the hair, the two open colours of a face.
    tones = list(product(SKIN_TONES.values(), HAIR_COLOURS.values()))
    colours = np.array(tones, dtype=np.float32)  # [skin * hair, 2, 3]
    shape = (len(SKIN_TONES), len(HAIR_COLOURS), 3, side, side)

    # The head is drawn once, and each expression on a copy of it.
    head = drawing.Sheet(side, 2)
    drawing.draw_head(head, length, age)
    pictures = []
    for mood in EXPRESSIONS.values():
        # The glasses go on top of the expression, on the same sheet.
        sheet = head.copy()
        drawing.draw_expression(sheet, age, mood)
        without = sheet.pictures(colours).reshape(shape)  # [skin, hair, 3, side, side]

        drawing.draw_glasses(sheet, age)
        with_them = sheet.pictures(colours).reshape(shape)  # [skin, hair, 3, side, side]

        pictures.append(np.stack([without, with_them], axis=2))
    return np.stack(pictures, axis=2)
