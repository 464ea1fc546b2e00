"""The dSprites images, drawn anew when they are asked for: outlines, and how they become pixels."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from helpers.datasets.base import FactorDataset, Values, listed

# The outlines of the dSprites images (Matthey, Higgins, Hassabis & Lerchner 2017, Apache 2.0
# licence), measured on published images. Units are pixels of the 64x64 image at scale 1; the centre
# of the sprite is the origin; v points down.
SQUARE_HALF_SIDE = 9.6
ELLIPSE_HALF_AXES = (7.2, 12.7)
# fmt: off
HEART_OUTLINE = [
    (-5.25, -9.28), (-4.0, -9.31), (-2.82, -8.92), (-1.8, -8.2), (-0.96, -7.28), (-0.13, -6.36),
    (0.79, -7.05), (1.6, -8.01), (2.58, -8.77), (3.72, -9.27), (4.97, -9.33), (6.19, -9.03),
    (7.32, -8.51), (8.27, -7.69), (8.96, -6.65), (9.37, -5.46), (9.51, -4.22), (9.42, -2.97),
    (9.09, -1.77), (8.51, -0.66), (7.8, 0.37), (6.98, 1.32), (6.13, 2.24), (5.23, 3.12),
    (4.31, 3.97), (3.46, 4.89), (2.57, 5.77), (1.76, 6.72), (0.99, 7.71), (0.14, 8.6),
    (-0.82, 7.95), (-1.59, 6.95), (-2.38, 5.98), (-3.27, 5.09), (-4.11, 4.17), (-5.03, 3.31),
    (-5.92, 2.43), (-6.79, 1.53), (-7.63, 0.6), (-8.36, -0.42), (-8.98, -1.51), (-9.37, -2.7),
    (-9.52, -3.94), (-9.43, -5.19), (-9.08, -6.39), (-8.44, -7.47), (-7.55, -8.34), (-6.46, -8.94),
]
# fmt: on

SHAPES = ("square", "ellipse", "heart")
SCALES = np.linspace(0.5, 1, 6)
ANGLES = np.linspace(0, 2 * np.pi, 40)

SIDE = 64  # pixels of the published images
ROWS = 29  # no sprite is taller than this many rows
STEPS = 31  # the 32 positions cover 32 pixels in 31 steps
STEP = 32 / STEPS  # pixels
CENTRE = 15.5  # of the sprite at position 0, in pixels

# So many images are drawn in one go, for then the arrays in between stay in the processor's cache.
AT_ONCE = 128


def sprites(size: int = 64, keep: Mapping[str, Values] | None = None) -> "Sprites":
    """The 737,280 dSprites images (Matthey et al. 2017), drawn anew when they are asked for.

    size: 64, the published one with pixels 0 or 1, or 32, its mean over 2x2 pixels, with values
    0, ¼, ½, ¾ or 1.
    keep: for some factors the values that stay, by name or index: a smaller world. A factor that
    keeps a single value is no factor any more and has no column; all others keep all values.
    Returns a data set whose factors are shape (square, ellipse, heart), scale (0.5 to 1),
    orientation (0 to 2π, both ends included, so 0 and 39 are the same angle), posX and posY. Image
    number i has the i-th combination, the last factor running fastest.
    Raises ValueError for another size, and where keep names no factor or value, no value at all, a
    value twice, or so little that one image is left.

    Nothing is downloaded. The images are close to the published ones and not the same bit for bit:
    100 of these overlap theirs by 0.988 in the mean (intersection over union); `load_dsprites`
    reads the originals.

    >>> upright = sprites(32, keep={"shape": ["square", "heart"], "orientation": [0]})
    >>> upright.factor_names, upright.factor_sizes
    (('shape', 'scale', 'posX', 'posY'), (2, 6, 32, 32))
    """
    return Sprites(size, keep)


class Sprites(FactorDataset):
    """Sprites from a table of where each row of each sprite is white."""

    factor_names: tuple[str, ...] = ("shape", "scale", "orientation", "posX", "posY")
    factor_sizes: tuple[int, ...] = (len(SHAPES), len(SCALES), len(ANGLES), 32, 32)
    factor_values = (SHAPES, *map(range, factor_sizes[1:]))

    def __init__(self, size: int = 64, keep: Mapping[str, Values] | None = None) -> None:
        if size not in (32, 64):
            raise ValueError(f"sprites come in size 64 or 32, not {size!r}")
        self.image_shape = (1, size, size)
        self._kept = self._checked(keep or {})
        self._spans = _sprite_spans()

        # For the 2x2 mean: a byte holds 8 pixels of a row, and this table, for each byte, the sums
        # of its 4 pairs of neighbours, packed into one 32-bit number.
        bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
        sums = bits.reshape(256, 4, 2).sum(axis=2, dtype=np.uint8)  # [256, 4]
        self._pairs = sums.view(np.uint32)[:, 0]  # [256]

        # What is left of the factors, now that keep has been read with all of them.
        self._vary = [column for column, kept in enumerate(self._kept) if len(kept) > 1]
        self.factor_values = tuple(
            tuple(self.factor_values[column][value] for value in self._kept[column].tolist())
            for column in self._vary
        )
        self.factor_names = tuple(self.factor_names[column] for column in self._vary)
        self.factor_sizes = tuple(map(len, self.factor_values))

    def _checked(self, keep: Mapping[str, Values]) -> list[Tensor]:
        """The values of each of the five factors that stay, or a ValueError."""
        kept = [torch.arange(size) for size in self.factor_sizes]
        for name, values in keep.items():
            column = self.column(name)
            chosen = [self.index_of(column, value) for value in listed(values)]
            if not chosen or len(set(chosen)) < len(chosen):
                raise ValueError(
                    f"keep must name at least one value of factor {name!r}, and none twice, not "
                    f"{values!r}"
                )
            kept[column] = torch.tensor(chosen)

        # What cannot vary at all is no data set.
        if all(len(values) == 1 for values in kept):
            raise ValueError("keep leaves a single image: let one factor keep two values")
        return kept

    def _all_five(self, factors: Tensor) -> Tensor:
        """All five factors [B, 5], numbered as in the whole set, of the factors here [B, K]."""
        whole = torch.stack([values[0] for values in self._kept]).repeat(len(factors), 1)
        for place, column in enumerate(self._vary):
            whole[:, column] = self._kept[column][factors[:, place]]
        return whole

    def draw(self, factors: Tensor) -> Tensor:
        """The images [B, 1, size, size] with these factors [B, K]."""
        factors = self._all_five(factors)
        images = torch.empty(len(factors), *self.image_shape)
        for part, place in zip(factors.split(AT_ONCE), images.split(AT_ONCE), strict=True):
            rows = self._rows(*part.numpy().T)
            if self.image_shape[1] == SIDE:
                pixels = np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little")
                place.numpy()[:] = pixels.reshape(place.shape)
            else:
                self._average(rows, into=place.numpy())
        return images

    def _rows(
        self,
        shape: np.ndarray,
        scale: np.ndarray,
        orientation: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
    ) -> np.ndarray:
        """The rows of the 64x64 images [B, 64], each the bits of a number, pixel 0 the lowest."""
        # Each row of a sprite is white in two intervals, from 0 to 1 and from 2 to 3 of these ends.
        sprite = (shape * len(SCALES) + scale) * len(ANGLES) + orientation  # [B]
        spans = self._spans[sprite, y % STEPS]  # [B, ROWS, 4], relative to the centre

        # Pixel k is white if start <= k <= end, so the first white one and the first beyond are
        # floor(start) + 1 and floor(end) + 1. None is negative, and a cast rounds down.
        centre = (CENTRE + 1 + x * STEP).astype(np.float32)  # [B]
        ends = (spans + centre[:, None, None]).astype(np.uint64)

        # White are the bits below one end, without those below the other.
        below = np.left_shift(np.uint64(1), ends) - np.uint64(1)  # [B, ROWS, 4]
        white = (below[..., 1] ^ below[..., 0]) | (below[..., 3] ^ below[..., 2])  # [B, ROWS]

        # The sprite's rows go to where they belong in the picture, and all others stay black.
        rows = np.zeros((len(x), SIDE), dtype="<u8")
        height = _top_row(y)[:, None] + np.arange(ROWS)  # [B, ROWS]
        rows[np.arange(len(x))[:, None], height] = white
        return rows

    def _average(self, rows: np.ndarray, into: np.ndarray) -> None:
        """Write the mean of the rows [B, 64] over 2x2 pixels to images [B, 1, 32, 32]."""
        # Each byte becomes the sums of its 4 pairs; then two neighbouring rows are added.
        two_rows = rows.view(np.uint8).reshape(-1, SIDE // 2, 2, SIDE // 8)  # [B, 32, 2, 8]
        pairs = self._pairs[two_rows]  # [B, 32, 2, 8]
        quarters = (pairs[:, :, 0] + pairs[:, :, 1]).view(np.uint8)  # [B, 32, 32], 0 to 4
        np.multiply(quarters.reshape(into.shape), np.float32(0.25), out=into)


def _top_row(y: np.ndarray) -> np.ndarray:
    """The first image row that a sprite at vertical position y can reach."""
    return np.floor(CENTRE + y * STEP).astype(np.int64) - ROWS // 2


def _sprite_spans() -> np.ndarray:
    """Where each row of each sprite is white: [720, 31, ROWS, 4] float32, 10 MB.

    A row meets an outline in at most four points, so it is white in at most two intervals. The
    table holds their ends, relative to the centre. Positions 0 and 31 lie whole pixels apart, so
    there are no more than 31 vertical phases.
    """
    # The heights of the rows' centres, relative to the sprite's.
    phases = np.arange(STEPS)
    row = _top_row(phases)[:, None] + np.arange(ROWS)  # [31, ROWS]
    height = row - (CENTRE + phases * STEP)[:, None]  # [31, ROWS]

    square = SQUARE_HALF_SIDE * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    ellipse = np.array(ELLIPSE_HALF_AXES)
    heart = np.array(HEART_OUTLINE)

    spans = np.empty((len(SHAPES), len(SCALES), len(ANGLES), STEPS, ROWS, 4), dtype=np.float32)
    for i, scale in enumerate(SCALES):
        for j, angle in enumerate(ANGLES):
            cos, sin = np.cos(angle), np.sin(angle)
            turn = scale * np.array([[cos, sin], [-sin, cos]])
            spans[0, i, j] = _polygon_spans(square @ turn, height)
            spans[1, i, j] = _ellipse_spans(angle, scale * ellipse, height)
            spans[2, i, j] = _polygon_spans(heart @ turn, height)
    return spans.reshape(-1, STEPS, ROWS, 4)


def _polygon_spans(corners: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Where horizontal lines cross a polygon.

    corners: [M, 2]. height: [31, ROWS], of the lines.
    Returns the x of the crossings in their order, [31, ROWS, 4]; a missing pair is (0, 0).
    """
    x0, y0 = corners.T  # [M], [M]: where each side starts
    x1, y1 = np.roll(corners, -1, axis=0).T  # and where it ends

    height = height[..., None]
    crosses = (y0 <= height) != (y1 <= height)  # [31, ROWS, M]
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(crosses, x0 + (height - y0) * (x1 - x0) / (y1 - y0), np.inf)

    x = np.sort(x, axis=-1)[..., :6]
    if len(corners) > 4:
        # Six rows of all cross the heart's uneven notch twice. The second gap, less than a pixel
        # wide, is filled, so that two intervals are enough.
        only_four = np.isinf(x[..., 4:5])
        x = np.where(only_four, x[..., :4], x[..., [0, 1, 2, 5]])
    return np.where(np.isinf(x), 0, x)


def _ellipse_spans(angle: float, half_axes: np.ndarray, height: np.ndarray) -> np.ndarray:
    """The same for an ellipse: the roots of p x² + 2 q x + r = 0, with a second pair (0, 0)."""
    a, b = 1 / half_axes**2
    cos, sin = np.cos(angle), np.sin(angle)
    p = a * cos**2 + b * sin**2
    q = (a - b) * sin * cos * height  # [31, ROWS]
    r = (a * sin**2 + b * cos**2) * height**2 - 1  # [31, ROWS]

    meets = q**2 > p * r
    root = np.sqrt(np.maximum(q**2 - p * r, 0)) / p
    none = np.zeros_like(height)
    return np.stack([-q / p - root, -q / p + root, none, none], axis=-1) * meets[..., None]
