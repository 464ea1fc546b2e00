"""Images whose generative factors are known: sprites, fruits and faces, drawn by this file, and real 8x8 digits.

A data set with factors has `factor_names`, `factor_sizes`, `image_shape`, `len()`, `images(factors)`, `factors(index)` and
`sample(n, generator)`; fruits and faces also name the values, in `factor_values`. Images are float32 tensors [B, C, H, W]
in [0, 1]; factors are int64 tensors [B, K] of class indices.
"""

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from helpers import drawing

# The outlines of the dSprites images (Matthey, Higgins, Hassabis & Lerchner 2017, Apache 2.0 licence), measured on
# published images. Units are pixels of the 64x64 image at scale 1; the centre of the sprite is the origin; v points down.
SQUARE_HALF_SIDE = 9.6
ELLIPSE_HALF_AXES = (7.2, 12.7)
HEART_OUTLINE = [
    (-5.25, -9.28), (-4.0, -9.31), (-2.82, -8.92), (-1.8, -8.2), (-0.96, -7.28), (-0.13, -6.36), (0.79, -7.05),
    (1.6, -8.01), (2.58, -8.77), (3.72, -9.27), (4.97, -9.33), (6.19, -9.03), (7.32, -8.51), (8.27, -7.69),
    (8.96, -6.65), (9.37, -5.46), (9.51, -4.22), (9.42, -2.97), (9.09, -1.77), (8.51, -0.66), (7.8, 0.37),
    (6.98, 1.32), (6.13, 2.24), (5.23, 3.12), (4.31, 3.97), (3.46, 4.89), (2.57, 5.77), (1.76, 6.72), (0.99, 7.71),
    (0.14, 8.6), (-0.82, 7.95), (-1.59, 6.95), (-2.38, 5.98), (-3.27, 5.09), (-4.11, 4.17), (-5.03, 3.31),
    (-5.92, 2.43), (-6.79, 1.53), (-7.63, 0.6), (-8.36, -0.42), (-8.98, -1.51), (-9.37, -2.7), (-9.52, -3.94),
    (-9.43, -5.19), (-9.08, -6.39), (-8.44, -7.47), (-7.55, -8.34), (-6.46, -8.94),
]
SIDE = 64  # pixels of the published images
ROWS = 29  # no sprite is taller than this many rows
SPAN = 31  # the 32 positions cover 32 pixels in 31 steps


def sprites(size=64):
    """The 737,280 dSprites images (Matthey et al. 2017), drawn anew when they are asked for. Nothing is downloaded.

    They are close to the published ones and not the same bit for bit: 100 of these overlap theirs by 0.988 in the mean
    (intersection over union); `load_dsprites` reads the originals.

    size: 64, the published one with pixels 0 or 1, or 32, its mean over 2x2 pixels, with values 0, ¼, ½, ¾ or 1.
    Factors are shape (square, ellipse, heart), scale (0.5 to 1), orientation (0 to 2π, both ends included, so 0 and
    39 are the same angle), posX and posY. Image number i has the i-th combination, the last factor running fastest.
    """
    return Sprites(size)


class Sprites:
    factor_names = ("shape", "scale", "orientation", "posX", "posY")
    factor_sizes = (3, 6, 40, 32, 32)

    def __init__(self, size):
        if size not in (32, 64):
            raise ValueError(f"sprites come in size 64 or 32, not {size!r}")
        self.image_shape = (1, size, size)
        self._spans = _sprite_spans()
        # A byte holds 8 pixels of a row. This table holds their 4 sums over neighbours, for the 2x2 mean.
        bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
        self._pairs = bits.reshape(256, 4, 2).sum(axis=2, dtype=np.uint8).view(np.uint32)[:, 0]

    def __len__(self):
        return math.prod(self.factor_sizes)

    def factors(self, index):
        """Factors [B, K] of the images with these numbers, 0 to len() - 1."""
        return factors_of_index(index, self.factor_sizes)

    def sample(self, n, generator=None):
        """n images drawn uniformly with replacement, and their factors: ([n, C, H, W], [n, K])."""
        factors = self.factors(torch.randint(len(self), (n,), generator=generator))
        return self.images(factors), factors

    def images(self, factors):
        """The images [B, 1, size, size] with these factors [B, 5]. ValueError if a factor is out of its range."""
        factors = checked_factors(factors, self.factor_names, self.factor_sizes)
        images = torch.empty(len(factors), *self.image_shape)
        for part, place in zip(factors.split(128), images.split(128)):  # their scratch arrays stay in the cache
            self._draw(place.numpy(), *part.numpy().T)
        return images

    def _draw(self, images, shape, scale, orientation, x, y):
        spans = self._spans[(shape * 6 + scale) * 40 + orientation, y % SPAN]  # [B, ROWS, 4]: two intervals
        # Pixel k is white if start <= k <= end, so the first white one and the first beyond are floor(start, end) + 1.
        ends = (spans + (16.5 + x * (32 / SPAN)).astype(np.float32)[:, None, None]).astype(np.uint64)
        # A row is 64 bits, pixel 0 the lowest: the bits below one end, without those below the other.
        below = np.left_shift(np.uint64(1), ends) - np.uint64(1)
        masks = (below[..., 1] ^ below[..., 0]) | (below[..., 3] ^ below[..., 2])
        rows = np.zeros((len(x), SIDE), dtype="<u8")
        rows[np.arange(len(x))[:, None], (_top_row(y)[:, None] + np.arange(ROWS))] = masks
        if self.image_shape[1] == SIDE:
            images[:] = np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little").reshape(images.shape)
            return
        pairs = self._pairs[rows.view(np.uint8).reshape(-1, SIDE // 2, 2, SIDE // 8)]
        quarters = (pairs[:, :, 0] + pairs[:, :, 1]).view(np.uint8)
        np.multiply(quarters.reshape(images.shape), np.float32(0.25), out=images)


def _top_row(y):
    """The first image row that a sprite at vertical position y can reach."""
    return np.floor(15.5 + y * (32 / SPAN)).astype(np.int64) - ROWS // 2


def _sprite_spans():
    """Where each row of each sprite is white: [720, 31, ROWS, 4] float32, 10 MB.

    A row meets an outline in at most four points, so it is white in at most two intervals. The table holds their ends,
    relative to the centre. Positions 0 and 31 lie whole pixels apart, so there are no more than 31 vertical phases.
    """
    phases = np.arange(SPAN)
    centre = 15.5 + phases * (32 / SPAN)
    row = (_top_row(phases)[:, None] + np.arange(ROWS)) - centre[:, None]  # [31, ROWS], relative to the centre
    spans = np.empty((3, 6, 40, SPAN, ROWS, 4), dtype=np.float32)
    square = SQUARE_HALF_SIDE * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    for i, scale in enumerate(np.linspace(0.5, 1, 6)):
        for j, angle in enumerate(np.linspace(0, 2 * np.pi, 40)):
            turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
            spans[0, i, j] = _polygon_spans(square @ turn, row)
            spans[1, i, j] = _ellipse_spans(angle, scale * np.array(ELLIPSE_HALF_AXES), row)
            spans[2, i, j] = _polygon_spans(np.array(HEART_OUTLINE) @ turn, row)
    return spans.reshape(720, SPAN, ROWS, 4)


def _polygon_spans(corners, row):
    """The x of the points, sorted, in which the line at height `row` crosses the polygon; a missing pair is (0, 0)."""
    (x0, y0), (x1, y1) = corners.T, np.roll(corners, -1, axis=0).T
    height = row[..., None]
    crosses = (y0 <= height) != (y1 <= height)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(crosses, x0 + (height - y0) * (x1 - x0) / (y1 - y0), np.inf)
    x = np.sort(x, axis=-1)[..., :6]
    if x.shape[-1] == 6:  # six rows of all cross the heart's uneven notch twice: fill the second gap, under a pixel wide
        x = np.where(np.isinf(x[..., 4:5]), x[..., :4], x[..., [0, 1, 2, 5]])
    return np.where(np.isinf(x), 0, x)


def _ellipse_spans(angle, half_axes, row):
    """The same for an ellipse: the two roots of a quadratic equation in x."""
    a, b = 1 / half_axes**2
    cos, sin = np.cos(angle), np.sin(angle)
    p = a * cos**2 + b * sin**2
    q = (a - b) * sin * cos * row
    r = (a * sin**2 + b * cos**2) * row**2 - 1
    root = np.sqrt(np.maximum(q**2 - p * r, 0)) / p
    return np.stack([-q / p - root, -q / p + root, 0 * row, 0 * row], axis=-1) * (q**2 > p * r)[..., None]


def load_dsprites(path, size=64):
    """The published dSprites images, from their file, behind the face of `sprites`.

    path: dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz from github.com/google-deepmind/dsprites-dataset, 26 MB. The
    images take 380 MB of memory. Of the file's arrays only the images and their factors are read, and nothing is unpickled.
    size: 64, or 32 for the mean over 2x2 pixels. ValueError, saying what is expected, for another or a damaged file.
    """
    return PublishedSprites(path, size)


class PublishedSprites(Sprites):
    def __init__(self, path, size):
        if size not in (32, 64):
            raise ValueError(f"dSprites come in size 64 or 32, not {size!r}")
        self.image_shape = (1, size, size)
        expected = (f"expected is the file dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz with {len(self):,} images of 64x64 "
                    "pixels, from github.com/google-deepmind/dsprites-dataset; `sprites()` draws nearly the same images without it")
        if not Path(path).is_file():
            raise ValueError(f"there is no file {path}; {expected}")
        try:
            with zipfile.ZipFile(path) as archive:
                with archive.open("latents_classes.npy") as file:
                    factors = np.lib.format.read_array(file, allow_pickle=False)
                with archive.open("imgs.npy") as file:
                    images = self._packed(file)
        except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OSError) as error:
            raise ValueError(f"{path} is damaged or of another kind ({error}); {expected}") from error
        if factors.shape != (len(self), 6) or not np.array_equal(factors[:, 1:], self.factors(torch.arange(len(self)))):
            raise ValueError(f"the factors in {path} are not those of dSprites in their order; {expected}")
        self._images = images

    def _packed(self, file):
        """The images of an open .npy file, eight pixels to a byte: [N, 512]. A few thousand at a time, for they are 3 GB."""
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("an array of an unknown format")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if (shape, fortran, dtype) != ((len(self), SIDE, SIDE), False, np.uint8):
            raise ValueError(f"images of shape {list(shape)} and type {dtype}")
        packed = np.empty((len(self), SIDE * SIDE // 8), dtype=np.uint8)
        for part in np.array_split(packed, max(1, len(self) // 4096)):
            pixels = np.frombuffer(file.read(len(part) * SIDE * SIDE), dtype=np.uint8)
            part[:] = np.packbits(pixels.reshape(len(part), -1), axis=1)
        return packed

    def images(self, factors):
        """The images [B, 1, size, size] with these factors [B, 5]. ValueError if a factor is out of its range."""
        factors = checked_factors(factors, self.factor_names, self.factor_sizes)
        index = np.ravel_multi_index(tuple(factors.T.numpy()), self.factor_sizes)
        images = torch.from_numpy(np.unpackbits(self._images[index], axis=1)).float().reshape(-1, 1, SIDE, SIDE)
        return images if self.image_shape[1] == SIDE else torch.nn.functional.avg_pool2d(images, 2)


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
    """1,350 colour pictures of fruit, drawn by this file: a `Drawn` data set.

    Factors are object (apple, banana, cherries, grapes, pear), colour (six, red and black among them), size (tiny, small,
    medium, big, huge), posX and posY (three each, 1 pixel apart at size 32). size: 32, 48 or 64 pixels a side.
    hold_out: see `Drawn`.

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
    return Drawn(values, table, hold_out)


def faces(size=48, hold_out=()):
    """3,200 schematic faces, drawn by this file: a `Drawn` data set.

    Factors are skin tone (4), hair colour (5), hair length (4), age (4), expression (5) and glasses (2). Every combination
    occurs once, so that they are independent, grey-haired children included. size: 32, 48 or 64. hold_out: see `Drawn`.
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
    return Drawn(values, table, hold_out)


class Drawn:
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


def digits():
    """The 1,797 handwritten 8x8 digits that scikit-learn ships (Alpaydin & Kaynak 1998), grey values in [0, 1].

    They are real data: many pictures share the one factor that is known, the digit. So a picture is asked for by its
    number, `.pictures[index]`, and there is no `images(factors)`.
    """
    return Digits()


class Digits:
    factor_names = ("digit",)
    factor_sizes = (10,)
    image_shape = (1, 8, 8)

    def __init__(self):
        from sklearn.datasets import load_digits  # takes a second to import, and only this needs it

        pictures, labels = load_digits(return_X_y=True)
        self.pictures = torch.from_numpy(pictures / 16).float().reshape(-1, *self.image_shape)
        self.labels = torch.from_numpy(labels).long()

    def __len__(self):
        return len(self.pictures)

    def factors(self, index):
        """Factors [B, 1] of the pictures with these numbers, 0 to len() - 1."""
        return self.labels[torch.as_tensor(index)].reshape(-1, 1)

    def sample(self, n, generator=None):
        """n pictures drawn uniformly with replacement, and their factors: ([n, 1, 8, 8], [n, 1])."""
        index = torch.randint(len(self), (n,), generator=generator)
        return self.pictures[index], self.factors(index)


def factors_of_index(index, sizes):
    """The combination of factors [B, K] with this number, the last factor running fastest."""
    index = torch.as_tensor(index, dtype=torch.int64).reshape(-1)
    total = math.prod(sizes)
    if len(index) and not (0 <= int(index.min()) and int(index.max()) < total):
        raise ValueError(f"image numbers run from 0 to {total - 1:,}; these run from {index.min():,} to {index.max():,}")
    return torch.stack(torch.unravel_index(index, sizes), dim=1)


def checked_factors(factors, names, sizes):
    """`factors` as an int64 tensor [B, K], or a ValueError that says what is wrong with them."""
    factors = torch.as_tensor(factors)
    if factors.ndim != 2 or factors.shape[1] != len(sizes):
        raise ValueError(f"factors must have the shape [B, {len(sizes)}], a column for each of {', '.join(names)}; "
                         f"these have the shape {list(factors.shape)}")
    if factors.is_floating_point() or factors.dtype == torch.bool:
        raise ValueError(f"factors must be integer class indices, not {factors.dtype}")
    if len(factors):
        low, high = factors.amin(0).tolist(), factors.amax(0).tolist()
        for name, size, least, most in zip(names, sizes, low, high):
            if least < 0 or most >= size:
                raise ValueError(f"factor {name!r} runs from 0 to {size - 1}; here from {least} to {most}")
    return factors.long()
