"""Fruits and faces, drawn by this package: pictures of all combinations of named values, some of them held out."""

import math

import numpy as np
import torch

from helpers.datasets import drawing
from helpers.datasets.base import FactorDataset, checked_factors, factors_of_index

# Colours are red, green and blue in [0, 1].
# None is much lighter or darker than the others, so that a dark picture may be dark or large, but not both at once.
FRUIT_COLOURS = {"red": (0.86, 0.08, 0.10), "orange": (0.84, 0.40, 0.02), "green": (0.10, 0.62, 0.16),
                 "blue": (0.12, 0.24, 0.78), "purple": (0.55, 0.12, 0.58), "black": (0.20, 0.19, 0.21)}
FRUIT_SIZES = {"tiny": 0.30, "small": 0.42, "medium": 0.54, "big": 0.66, "huge": 0.78}  # in half sides of the picture
# As they are drawn: how much to enlarge them for equal areas, and where their centres of mass are. "Small" then
# means the same for a banana and an apple, and knowing the object does not yet tell the size or the place.
FRUITS = {"apple": (0.88, 0.04, 0.09), "banana": (1.11, -0.09, 0.16), "cherries": (0.98, 0.06, 0.29),
          "grapes": (0.93, 0.01, -0.16), "pear": (1.00, 0.00, 0.06)}
SKIN_TONES = {"light": (0.98, 0.84, 0.73), "tan": (0.87, 0.67, 0.50), "brown": (0.66, 0.45, 0.31), "dark": (0.43, 0.28, 0.20)}
HAIR_COLOURS = {"black": (0.12, 0.10, 0.12), "brown": (0.40, 0.25, 0.14), "red": (0.74, 0.30, 0.12),
                "blond": (0.93, 0.77, 0.38), "grey": (0.74, 0.75, 0.78)}
HAIR_LENGTHS = {"cropped": -0.30, "short": 0.02, "chin": 0.50, "long": 0.95}  # how far down it reaches
AGES = {"child": 0.0, "young": 0.33, "middle": 0.67, "old": 1.0}
EXPRESSIONS = {"sad": -1.0, "glum": -0.5, "calm": 0.0, "pleased": 0.5, "happy": 1.0}


def fruits(size=32, hold_out=()):
    """1,350 colour pictures of fruit, drawn by this file: a `FactorTable` data set.

    Factors are object (apple, banana, cherries, grapes, pear), colour (six, red and black among them), size (tiny, small,
    medium, big, huge), posX and posY (three each, 1 pixel apart at size 32). size: 32, 48 or 64 pixels a side.
    hold_out: see `FactorTable`.

    >>> data = fruits(hold_out=[{"object": "apple", "colour": "black", "size": "small"}])
    >>> len(data), len(data.held_out)
    (1341, 9)
    """
    values = {"object": tuple(FRUITS), "colour": tuple(FRUIT_COLOURS),
              "size": tuple(FRUIT_SIZES), "posX": ("left", "middle", "right"), "posY": ("high", "middle", "low")}
    step = round(_checked_side(size) / 32)
    colours = np.array(list(FRUIT_COLOURS.values()), dtype=np.float32)
    table = np.empty((*map(len, values.values()), 3, size, size), dtype=np.uint8)
    for i, (name, (enlarged, *centre)) in enumerate(FRUITS.items()):
        for j, scale in enumerate(FRUIT_SIZES.values()):
            sheet = drawing.Sheet(size + 2 * step, 1, enlarged * scale * size / (size + 2 * step), centre)
            drawing.draw_fruit(sheet, name)
            pictures = sheet.pictures(colours[:, None])
            for x in range(3):
                for y in range(3):  # a window further up and left shows the fruit further down and right
                    top, left = (2 - y) * step, (2 - x) * step
                    table[i, :, j, x, y] = pictures[:, :, top:top + size, left:left + size]
    return FactorTable(values, table, hold_out)


def faces(size=48, hold_out=()):
    """3,200 schematic faces, drawn by this file: a `FactorTable` data set.

    Factors are skin tone (4), hair colour (5), hair length (4), age (4), expression (5) and glasses (2). Every combination
    occurs once, so that they are independent, grey-haired children included. size: 32, 48 or 64. hold_out: see `FactorTable`.
    """
    values = {"skin": tuple(SKIN_TONES), "hair": tuple(HAIR_COLOURS), "length": tuple(HAIR_LENGTHS), "age": tuple(AGES),
              "expression": tuple(EXPRESSIONS), "glasses": ("without", "with")}
    colours = np.array([(skin, hair) for skin in SKIN_TONES.values() for hair in HAIR_COLOURS.values()], dtype=np.float32)
    table = np.empty((*map(len, values.values()), 3, _checked_side(size), size), dtype=np.uint8)
    for i, length in enumerate(HAIR_LENGTHS.values()):
        for j, age in enumerate(AGES.values()):
            head = drawing.Sheet(size, 2)
            drawing.draw_head(head, length, age)
            for k, mood in enumerate(EXPRESSIONS.values()):
                bare = head.copy()
                drawing.draw_expression(bare, age, mood)
                framed = bare.copy()
                drawing.draw_glasses(framed, age)
                for g, sheet in enumerate((bare, framed)):
                    table[:, :, i, j, k, g] = sheet.pictures(colours).reshape(4, 5, 3, size, size)
    return FactorTable(values, table, hold_out)


class FactorTable:
    """Pictures of all combinations of some named values, from a table of bytes, with some of them held out.

    hold_out: a list of dicts from factor names to a value (its name, or its index as an integer); a picture is held out if
    it has all the values of one of them. `len()`, `factors(index)` and `sample` know only the pictures that are left;
    `images(factors)` draws any; `.held_out` [M, K] are the factors of the others. ValueError for unknown names, and if
    some value would be left in no picture: then nobody could learn it.
    """

    def __init__(self, values, table, hold_out=()):
        self.factor_names, self.factor_values = tuple(values), tuple(values.values())
        self.factor_sizes, self.image_shape = table.shape[:-3], table.shape[-3:]
        self._pictures = torch.from_numpy(table.reshape(-1, math.prod(self.image_shape)))
        out = torch.zeros(self.factor_sizes, dtype=torch.bool)
        for combination in hold_out:
            out[self._place(combination)] = True
        for k, (name, names) in enumerate(zip(self.factor_names, self.factor_values)):
            for value, gone in zip(names, out.movedim(k, 0).flatten(1).all(1).tolist()):
                if gone:
                    raise ValueError(f"hold_out leaves no picture with {name} {value!r}, so that nobody could learn what it "
                                     "looks like: hold out fewer combinations, or name more factors in each")
        self.held_out = factors_of_index(out.flatten().nonzero()[:, 0], self.factor_sizes)
        self._left = (~out).flatten().nonzero()[:, 0]

    def __len__(self):
        return len(self._left)

    def factors(self, index):
        """Factors [B, K] of the pictures with these numbers, 0 to len() - 1, the last factor running fastest."""
        number = factors_of_index(index, (len(self),))[:, 0]
        return factors_of_index(self._left[number], self.factor_sizes)

    def sample(self, n, generator=None):
        """n pictures drawn uniformly with replacement from those not held out, and their factors: ([n, C, H, W], [n, K])."""
        factors = self.factors(torch.randint(len(self), (n,), generator=generator))
        return self.images(factors), factors

    def images(self, factors):
        """The pictures [B, 3, H, W] with these factors [B, K], held out or not. ValueError if a factor is out of its range."""
        factors = checked_factors(factors, self.factor_names, self.factor_sizes)
        index = torch.zeros(len(factors), dtype=torch.int64)
        for column, size in zip(factors.T, self.factor_sizes):
            index = index * size + column
        return self._pictures[index].float().div_(255).reshape(-1, *self.image_shape)

    def names(self, factors):
        """The values' names, a tuple for each row of factors [B, K]."""
        factors = checked_factors(factors, self.factor_names, self.factor_sizes)
        return [tuple(names[i] for names, i in zip(self.factor_values, row)) for row in factors.tolist()]

    def _place(self, combination):
        """Where in the grid of all combinations these values are."""
        if not isinstance(combination, dict) or not combination:
            raise ValueError('hold_out is a list of dicts such as {"object": "apple", "colour": "black"}; it has the entry '
                             f"{combination!r}")
        place = [slice(None)] * len(self.factor_names)
        for name, value in combination.items():
            if name not in self.factor_names:
                raise ValueError(f"hold_out names the factor {name!r}; there are {', '.join(self.factor_names)}")
            k = self.factor_names.index(name)
            if value not in self.factor_values[k]:
                known = ", ".join(map(repr, self.factor_values[k]))
                raise ValueError(f"hold_out asks for {name} {value!r}; its values are {known}")
            place[k] = self.factor_values[k].index(value)
        return tuple(place)


def _checked_side(size):
    if size not in (32, 48, 64):
        raise ValueError(f"these pictures come in size 32, 48 or 64, not {size!r}")
    return size
