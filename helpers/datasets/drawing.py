"""Pen and paper: what fruits and faces have in their pictures, and how it is drawn."""

import copy
import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

# Colours are red, green and blue in [0, 1].
Colour = tuple[float, float, float]
Point = tuple[float, float]

PAPER = (0.95, 0.94, 0.92)
WHITE = (1.0, 1.0, 1.0)
WOOD = (0.42, 0.28, 0.15)
LEAF = (0.35, 0.60, 0.25)
INK = (0.16, 0.12, 0.12)
LIPS = (0.72, 0.24, 0.24)
CHEEKS = (0.95, 0.45, 0.40)
SHIRT = (0.27, 0.50, 0.62)
FRAMES = (0.10, 0.22, 0.45)

# Points a pixel in each direction. The pixel is their mean, which makes smooth edges.
FINE = 4


class Shade(NamedTuple):
    """A colour that is left open while we draw, made darker by a factor."""

    number: int  # of the open colour on its sheet
    brightness: float  # 1 is the colour itself, 0 is black


class Sheet:
    """A square sheet to draw on, some of whose colours may be left open.

    size: pixels of a side.
    open_colours: how many colours are left open.
    scale: how many times a drawing is enlarged; the sheet reaches 1 / scale from its middle.
    centre: the point (u, v) in the middle of the sheet; u runs to the right and v down.

    For each point the sheet keeps how much of each open colour it has. So one drawing serves all
    colours, because a picture is linear in them.
    """

    def __init__(
        self, size: int, open_colours: int, *, scale: float = 1.0, centre: Point = (0.0, 0.0)
    ) -> None:
        side = size * FINE
        ends = ((np.arange(side) + 0.5) * 2 / side - 1) / scale  # [side]
        self.u = ends[None] + centre[0]  # [1, side]
        self.v = ends[:, None] + centre[1]  # [side, 1]

        # Three channels of what has its colour already, then one of each open colour.
        self.ink = np.zeros((3 + open_colours, side, side), dtype=np.float32)
        self.ink[:3] = np.array(PAPER)[:, None, None]

    def copy(self) -> "Sheet":
        """A sheet with the same drawing, which can be continued without changing this one."""
        other = copy.copy(self)
        other.ink = self.ink.copy()
        return other

    def fill(self, inside: np.ndarray, colour: Colour | Shade, *, cover: float = 1.0) -> None:
        """Paint some points.

        inside: [side, side], bool; which ones.
        colour: the colour itself, or a shade of one that is left open.
        cover: 0 to 1; 1 hides all that is below.
        """
        ink = np.zeros(len(self.ink), dtype=np.float32)
        if isinstance(colour, Shade):
            ink[3 + colour.number] = colour.brightness
        else:
            ink[:3] = colour

        self.ink += (cover * inside) * (ink[:, None, None] - self.ink)

    def disc(
        self, x: float, y: float, a: float, b: float | None = None, *, turn: float = 0.0
    ) -> np.ndarray:
        """The points in an ellipse.

        x, y: its centre.
        a, b: its half axes; without b it is a circle.
        turn: radians, clockwise.
        Returns [side, side], bool.
        """
        if b is None:
            b = a

        du = self.u - x
        dv = self.v - y
        cos, sin = math.cos(turn), math.sin(turn)
        along = (du * cos + dv * sin) / a  # [side, side]
        across = (dv * cos - du * sin) / b  # [side, side]
        return along**2 + across**2 <= 1

    def stroke(self, width: float, *points: Point) -> np.ndarray:
        """The points at most width / 2 away from the line through these points: [side, side]."""
        near = np.zeros(self.ink.shape[1:], dtype=bool)
        for (x0, y0), (x1, y1) in pairwise(points):
            dx = x1 - x0
            dy = y1 - y0

            # The foot of the perpendicular lies at this share of the way, or at the nearer end.
            share = ((self.u - x0) * dx + (self.v - y0) * dy) / (dx * dx + dy * dy)
            share = np.clip(share, 0, 1)  # [side, side]

            squared_distance = (self.u - x0 - share * dx) ** 2 + (self.v - y0 - share * dy) ** 2
            near |= squared_distance <= (width / 2) ** 2
        return near

    def pictures(self, colours: np.ndarray) -> np.ndarray:
        """The sheet in several choices of its open colours.

        colours: [N, open_colours, 3], in [0, 1].
        Returns bytes [N, 3, size, size].
        """
        # A pixel is the mean of its points.
        channels, side, _ = self.ink.shape
        points = self.ink.reshape(channels, side // FINE, FINE, side // FINE, FINE)
        pixels = points.mean((2, 4))  # [3 + open_colours, size, size]

        # The open colours are chosen, each times how much of it there is.
        chosen = np.einsum("noc,oyx->ncyx", colours, pixels[3:])
        return np.round(255 * (pixels[:3] + chosen)).astype(np.uint8)


# Fruits. Their one open colour is that of the skin, which is darker at the rim.

FRUIT = 0
PEEL = Shade(FRUIT, 1.0)


def draw_fruit(sheet: Sheet, name: str) -> None:
    """A fruit about the middle of the sheet, its colour left open.

    It is darker at the rim, and has a highlight at the top left.
    """
    FRUIT_DRAWERS[name](sheet)


def draw_apple(sheet: Sheet) -> None:
    """An apple: two lobes side by side, with a dimple between them."""
    # Two lobes that lean towards each other.
    left = sheet.disc(-0.36, 0.14, 0.60, 0.80, turn=0.12)
    right = sheet.disc(0.36, 0.14, 0.60, 0.80, turn=-0.12)
    whole = left | right
    sheet.fill(whole, Shade(FRUIT, 0.70))

    # Two smaller ones further up and left, so that a dark rim remains at the bottom right.
    left = sheet.disc(-0.36, 0.10, 0.56, 0.74, turn=0.12)
    right = sheet.disc(0.28, 0.10, 0.54, 0.74, turn=-0.12)
    sheet.fill(whole & (left | right), PEEL)

    # The dimple, and the highlight.
    sheet.fill(whole & sheet.disc(0, -0.52, 0.22, 0.10), Shade(FRUIT, 0.60))
    sheet.fill(sheet.disc(-0.50, -0.16, 0.13, 0.24, turn=0.45), WHITE, cover=0.65)

    # The stalk, and a leaf to its right.
    sheet.fill(sheet.stroke(0.15, (0, -0.50), (0.04, -0.75), (0.14, -0.97)), WOOD)
    sheet.fill(sheet.disc(0.42, -0.80, 0.34, 0.15, turn=-0.35), LEAF)


def draw_banana(sheet: Sheet) -> None:
    """A banana: a crescent that hangs down, its stalk at the top left."""
    # A large ellipse without another one, and cut off at the top.
    large = sheet.disc(0.10, -0.46, 1.10, 1.30)
    bite = sheet.disc(0.42, -1.04, 1.12, 1.10)
    whole = large & ~bite & (sheet.v > -0.62)
    sheet.fill(whole, Shade(FRUIT, 0.72))

    # All but the outer rim is light.
    sheet.fill(whole & sheet.disc(0.13, -0.56, 1.06, 1.25), PEEL)

    # The highlight is a narrow band along the left, between two ellipses.
    band = sheet.disc(0.22, -0.66, 1.06, 1.20) & ~sheet.disc(0.28, -0.71, 1.05, 1.17)
    sheet.fill(whole & band & (sheet.v < 0.36), WHITE, cover=0.45)

    # The stalk, and the tip at the other end.
    sheet.fill(sheet.stroke(0.21, (-0.84, -0.98), (-0.83, -0.58)), WOOD)
    sheet.fill(whole & sheet.disc(1.14, 0.02, 0.22), WOOD)


def draw_cherries(sheet: Sheet) -> None:
    """Two cherries that hang from one leaf."""
    # Two stalks that meet at the top, and the leaf to the right of where they do.
    sheet.fill(sheet.stroke(0.11, (-0.46, 0.30), (-0.28, -0.32), (0.15, -0.90)), LEAF)
    sheet.fill(sheet.stroke(0.11, (0.50, 0.40), (0.42, -0.30), (0.15, -0.90)), LEAF)
    sheet.fill(sheet.disc(0.52, -0.82, 0.40, 0.18, turn=0.25), LEAF)

    # The cherries hide the ends of their stalks.
    _draw_ball(sheet, -0.54, 0.42, 0.55)
    _draw_ball(sheet, 0.57, 0.50, 0.53)


def draw_grapes(sheet: Sheet) -> None:
    """A bunch of ten grapes that stands on its tip."""
    # The stalk, and a leaf on each side of it.
    sheet.fill(sheet.stroke(0.13, (0, -0.55), (0.05, -0.97)), WOOD)
    for side in (-1, 1):
        sheet.fill(sheet.disc(0.42 * side, -0.80, 0.42, 0.20, turn=-0.25 * side), LEAF)

    # Four rows of berries from the top down, each of one berry less, and in front of the last.
    for row, berries in enumerate((4, 3, 2, 1)):
        y = -0.43 + 0.40 * row
        for k in range(berries):
            x = (k - (berries - 1) / 2) * 0.47
            _draw_ball(sheet, x, y, 0.27)


def draw_pear(sheet: Sheet) -> None:
    """A pear: wide below, narrow above, and a waist between."""
    # A smaller pear further up and left is light, so that a dark rim remains at the bottom right.
    whole = _in_pear(sheet, 0, 0, 1)
    sheet.fill(whole, Shade(FRUIT, 0.70))
    sheet.fill(whole & _in_pear(sheet, -0.07, -0.05, 0.93), PEEL)

    # The highlight.
    sheet.fill(sheet.disc(-0.30, 0.18, 0.14, 0.25, turn=0.4), WHITE, cover=0.65)

    # The stalk, and a leaf to its left.
    sheet.fill(sheet.stroke(0.14, (0, -0.78), (0.08, -1.08)), WOOD)
    sheet.fill(sheet.disc(-0.34, -0.92, 0.36, 0.16, turn=0.3), LEAF)


def _draw_ball(sheet: Sheet, x: float, y: float, radius: float) -> None:
    """A cherry or a berry about (x, y)."""
    # The rim, the light part further up and left, and the highlight.
    light = sheet.disc(x - 0.12 * radius, y - 0.12 * radius, 0.80 * radius)
    highlight = sheet.disc(
        x - 0.35 * radius, y - 0.38 * radius, 0.26 * radius, 0.20 * radius, turn=-0.7
    )
    sheet.fill(sheet.disc(x, y, radius), Shade(FRUIT, 0.66))
    sheet.fill(light, PEEL)
    sheet.fill(highlight, WHITE, cover=0.65)


def _in_pear(sheet: Sheet, x: float, y: float, size: float) -> np.ndarray:
    """The points in a pear about (x, y): where the sum of a wide and a narrow hill is high.

    The wide hill lies below the narrow one, so there is a waist between them.
    """
    # The squared distances from the two tops, never 0, so that we may divide by them.
    to_wide = (sheet.u - x) ** 2 + (sheet.v - y - 0.30) ** 2 + 1e-9  # [side, side]
    to_narrow = (sheet.u - x) ** 2 + (sheet.v - y + 0.42) ** 2 + 1e-9  # [side, side]

    return (size * 0.72) ** 4 / to_wide**2 + (size * 0.40) ** 4 / to_narrow**2 >= 1


FRUIT_DRAWERS: dict[str, Callable[[Sheet], None]] = {
    "apple": draw_apple,
    "banana": draw_banana,
    "cherries": draw_cherries,
    "grapes": draw_grapes,
    "pear": draw_pear,
}


# Faces. Their open colours are those of the skin and of the hair.

SKIN = 0
HAIR = 1


def draw_head(sheet: Sheet, length: float, age: float) -> None:
    """All of a face but its expression and glasses, from the back to the front.

    length: -1 to 1; how far down the sheet the hair reaches.
    age: 0 to 1; children have round faces, old people longer ones, with lines.
    """
    if length > 0:
        _draw_hair_behind(sheet, length)
    _draw_shoulders(sheet)
    _draw_face(sheet, age)
    _draw_eyes(sheet, age)
    _draw_lines(sheet, age)

    # The nose.
    sheet.fill(sheet.disc(0, _eye_height(age) + 0.17, 0.06, 0.05), Shade(SKIN, 0.78))

    _draw_hair_in_front(sheet, length)


def draw_expression(sheet: Sheet, age: float, mood: float) -> None:
    """Mouth and eyebrows.

    age: 0 to 1, as of the head.
    mood: -1, sad, to 1, happy.
    """
    # The mouth is a part of a parabola; who is happy bends its middle down.
    u = np.linspace(-1, 1, 9)
    height = 0.43 + 0.07 * age + 0.11 * mood * (0.5 - u**2)
    mouth = list(zip(0.20 * u, height, strict=True))

    # Who is happiest shows teeth, in half an ellipse that hangs from the corners of the mouth.
    if mood == 1:
        middle = height[4]
        corner = height[0]
        teeth = sheet.disc(0, corner, 0.20, middle - corner + 0.03) & (sheet.v > corner)
        sheet.fill(teeth, WHITE)
    sheet.fill(sheet.stroke(0.06, *mouth), LIPS)

    # The brows rise with the mood, and sorrow slants them, their inner ends up.
    brow = _eye_height(age) - 0.17 - 0.03 * mood
    sorrow = 0.07 * max(0.0, -mood)
    for side in (-1, 1):
        inner = (0.12 * side, brow - sorrow)
        top = (0.21 * side, brow - 0.03)
        outer = (0.31 * side, brow + sorrow)
        sheet.fill(sheet.stroke(0.05, inner, top, outer), INK)


def draw_glasses(sheet: Sheet, age: float) -> None:
    """Round glasses, at the height at which a face of this age, 0 to 1, has its eyes."""
    height = _eye_height(age)

    # The bridge; then on each side a ring about the eye, and the temple that leads to the ear.
    frames = sheet.stroke(0.05, (-0.06, height), (0.06, height))  # [side, side]
    for side in (-1, 1):
        frames |= sheet.disc(0.23 * side, height, 0.185) & ~sheet.disc(0.23 * side, height, 0.135)
        frames |= sheet.stroke(0.05, (0.41 * side, height), (0.55 * side, height - 0.02))

    sheet.fill(frames, FRAMES)


def _eye_height(age: float) -> float:
    """The v of the eyes: children's lie lower in the face."""
    return 0.19 - 0.15 * age


def _draw_hair_behind(sheet: Sheet, length: float) -> None:
    """The hair that hangs down behind the head, as wide as the head is, and a little darker."""
    crown = sheet.disc(0, -0.06, 0.68)
    curtain = (abs(sheet.u) < 0.68) & (sheet.v > -0.06)
    above_the_ends = sheet.v < max(length, 0.22)
    sheet.fill((crown | curtain) & above_the_ends, Shade(HAIR, 0.82))


def _draw_shoulders(sheet: Sheet) -> None:
    """The shirt, and the neck above it."""
    neck = (abs(sheet.u) < 0.17) & (sheet.v > 0.4) & (sheet.v < 0.86)
    sheet.fill(sheet.disc(0, 1.06, 0.62, 0.30), SHIRT)
    sheet.fill(neck, Shade(SKIN, 0.84))


def _draw_face(sheet: Sheet, age: float) -> None:
    """The ears, the face itself, and its cheeks, which are rosy in a child."""
    for side in (-1, 1):
        sheet.fill(sheet.disc(side * 0.54, 0.12, 0.10, 0.14), Shade(SKIN, 0.90))

    # The skull is the same at every age; jaw and chin come to lie lower.
    chin = 0.56 + 0.14 * age
    skull = sheet.disc(0, -0.02, 0.53, 0.56)
    jaw = sheet.disc(0, chin - 0.42, 0.50 - 0.05 * age, 0.42)
    sheet.fill(skull | jaw, Shade(SKIN, 1.0))

    for side in (-1, 1):
        cheek = sheet.disc(0.30 * side, 0.32 + 0.04 * age, 0.12, 0.09)
        sheet.fill(cheek, CHEEKS, cover=0.40 * (1 - age))


def _draw_eyes(sheet: Sheet, age: float) -> None:
    """The whites and the pupils of the eyes, which are larger in children."""
    height = _eye_height(age)
    for side in (-1, 1):
        sheet.fill(sheet.disc(0.22 * side, height, 0.13 - 0.04 * age, 0.12 - 0.05 * age), WHITE)
        sheet.fill(sheet.disc(0.22 * side, height, 0.09 - 0.03 * age), INK)


def _draw_lines(sheet: Sheet, age: float) -> None:
    """The lines in the face, which nobody has before half of life, and the old one has in full."""
    dark = Shade(SKIN, 0.72)
    depth = max(0.0, 2 * age - 1)

    # From the nose down to the corner of the mouth, and below the eye.
    for side in (-1, 1):
        fold = sheet.stroke(0.045, (0.15 * side, 0.28), (0.27 * side, 0.42))
        bag = sheet.stroke(0.045, (0.15 * side, 0.16), (0.22 * side, 0.19), (0.30 * side, 0.15))
        sheet.fill(fold, dark, cover=depth)
        sheet.fill(bag, dark, cover=depth)

    # Across the forehead.
    for height in (-0.25, -0.17):
        sheet.fill(sheet.stroke(0.04, (-0.22, height), (0.22, height)), dark, cover=depth)


def _draw_hair_in_front(sheet: Sheet, length: float) -> None:
    """The hair on the head, down to the hairline; what is cropped lies closer to the skull."""
    radius = 0.64 if length > -0.2 else 0.585
    cap = sheet.disc(0, -0.06, radius)
    forehead = sheet.disc(0, 0.40, 0.66, 0.74)
    above_the_ends = sheet.v < min(0.05, length + 0.2)
    sheet.fill(cap & ~forehead & above_the_ends, Shade(HAIR, 1.0))
