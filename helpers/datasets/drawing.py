"""Fruits and faces with pen and paper: what `datasets.fruits` and `datasets.faces` have in their pictures, and how it is drawn."""

import math

import numpy as np

# Colours are red, green and blue in [0, 1].
PAPER, WOOD, LEAF, WHITE = (0.95, 0.94, 0.92), (0.42, 0.28, 0.15), (0.35, 0.60, 0.25), (1.0, 1.0, 1.0)
FINE = 4  # points a pixel in each direction; the pixel is their mean, which makes smooth edges


class Sheet:
    """A square sheet to draw on. Its middle is the point `centre`, u runs to the right and v down, 1 / scale each way.

    Colours may be left open. Then the sheet keeps how much of each open colour a point has, so that one drawing serves
    all of them: a picture is linear in its colours.
    """

    def __init__(self, size, open_colours, scale=1.0, centre=(0.0, 0.0)):
        ends = ((np.arange(size * FINE) + 0.5) * 2 / (size * FINE) - 1) / scale
        self.u, self.v = ends[None] + centre[0], ends[:, None] + centre[1]
        self.ink = np.zeros((3 + open_colours, size * FINE, size * FINE), dtype=np.float32)
        self.ink[:3] = np.array(PAPER)[:, None, None]

    def copy(self):
        other = object.__new__(Sheet)
        other.u, other.v, other.ink = self.u, self.v, self.ink.copy()
        return other

    def fill(self, inside, colour, cover=1.0):
        """Paint the points inside. colour: a triple, or (number of an open colour, brightness). cover: 1 hides all below."""
        ink = np.zeros(len(self.ink), dtype=np.float32)
        if len(colour) == 3:
            ink[:3] = colour
        else:
            ink[3 + colour[0]] = colour[1]
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        if len(rows):
            window = np.s_[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
            part = self.ink[:, *window]
            part += (cover * inside[window]) * (ink[:, None, None] - part)

    def disc(self, x, y, a, b=None, turn=0.0):
        """The points in an ellipse about (x, y) with half axes a and b, turned by an angle."""
        du, dv = self.u - x, self.v - y
        cos, sin = math.cos(turn), math.sin(turn)
        return ((du * cos + dv * sin) / a) ** 2 + ((dv * cos - du * sin) / (b or a)) ** 2 <= 1

    def stroke(self, width, *points):
        """The points at most width / 2 away from the line through these points."""
        near = np.zeros(self.ink.shape[1:], dtype=bool)
        for (x0, y0), (x1, y1) in zip(points, points[1:]):
            dx, dy = x1 - x0, y1 - y0
            t = np.clip(((self.u - x0) * dx + (self.v - y0) * dy) / (dx * dx + dy * dy), 0, 1)
            near |= (self.u - x0 - t * dx) ** 2 + (self.v - y0 - t * dy) ** 2 <= (width / 2) ** 2
        return near

    def pictures(self, colours):
        """The sheet in each of these choices of its open colours [N, open, 3]: bytes [N, 3, size, size]."""
        channels, side, _ = self.ink.shape
        pixels = self.ink.reshape(channels, side // FINE, FINE, side // FINE, FINE).mean((2, 4))
        return np.round(255 * (pixels[:3] + np.einsum("noc,oyx->ncyx", colours, pixels[3:]))).astype(np.uint8)


def draw_fruit(sheet, name):
    """A fruit about the middle of the sheet, its colour left open: darker at the rim, with a highlight at the top left."""
    fill, disc, stroke = sheet.fill, sheet.disc, sheet.stroke

    def ball(x, y, r):
        fill(disc(x, y, r), (0, 0.66))
        fill(disc(x - 0.12 * r, y - 0.12 * r, 0.80 * r), (0, 1.0))
        fill(disc(x - 0.35 * r, y - 0.38 * r, 0.26 * r, 0.20 * r, -0.7), WHITE, 0.65)

    if name == "apple":
        whole = disc(-0.36, 0.14, 0.60, 0.80, 0.12) | disc(0.36, 0.14, 0.60, 0.80, -0.12)
        fill(whole, (0, 0.70))
        fill(whole & (disc(-0.36, 0.10, 0.56, 0.74, 0.12) | disc(0.28, 0.10, 0.54, 0.74, -0.12)), (0, 1.0))
        fill(whole & disc(0, -0.52, 0.22, 0.10), (0, 0.60))
        fill(disc(-0.50, -0.16, 0.13, 0.24, 0.45), WHITE, 0.65)
        fill(stroke(0.15, (0, -0.50), (0.04, -0.75), (0.14, -0.97)), WOOD)
        fill(disc(0.42, -0.80, 0.34, 0.15, -0.35), LEAF)
    elif name == "banana":
        whole = disc(0.10, -0.46, 1.10, 1.30) & ~disc(0.42, -1.04, 1.12, 1.10) & (sheet.v > -0.62)
        fill(whole, (0, 0.72))
        fill(whole & disc(0.13, -0.56, 1.06, 1.25), (0, 1.0))
        fill(whole & disc(0.22, -0.66, 1.06, 1.20) & ~disc(0.28, -0.71, 1.05, 1.17) & (sheet.v < 0.36), WHITE, 0.45)
        fill(stroke(0.21, (-0.84, -0.98), (-0.83, -0.58)), WOOD)
        fill(whole & disc(1.14, 0.02, 0.22), WOOD)
    elif name == "cherries":
        fill(stroke(0.11, (-0.46, 0.30), (-0.28, -0.32), (0.15, -0.90)), LEAF)
        fill(stroke(0.11, (0.50, 0.40), (0.42, -0.30), (0.15, -0.90)), LEAF)
        fill(disc(0.52, -0.82, 0.40, 0.18, 0.25), LEAF)
        ball(-0.54, 0.42, 0.55)
        ball(0.57, 0.50, 0.53)
    elif name == "grapes":
        fill(stroke(0.13, (0, -0.55), (0.05, -0.97)), WOOD)
        for side in (-1, 1):
            fill(disc(0.42 * side, -0.80, 0.42, 0.20, -0.25 * side), LEAF)
        for row, berries in enumerate((4, 3, 2, 1)):
            for k in range(berries):
                ball((k - (berries - 1) / 2) * 0.47, -0.43 + 0.40 * row, 0.27)
    elif name == "pear":
        def near(x, y, size):  # where the sum of two hills, a wide and a narrow one, is high: a waist between them
            wide, narrow = ((sheet.u - x) ** 2 + (sheet.v - y - h) ** 2 + 1e-9 for h in (0.30, -0.42))
            return (size * 0.72) ** 4 / wide**2 + (size * 0.40) ** 4 / narrow**2 >= 1

        fill(near(0, 0, 1), (0, 0.70))
        fill(near(0, 0, 1) & near(-0.07, -0.05, 0.93), (0, 1.0))
        fill(disc(-0.30, 0.18, 0.14, 0.25, 0.4), WHITE, 0.65)
        fill(stroke(0.14, (0, -0.78), (0.08, -1.08)), WOOD)
        fill(disc(-0.34, -0.92, 0.36, 0.16, 0.3), LEAF)


SKIN, HAIR = 0, 1  # the open colours of a face
INK, LIPS, SHIRT = (0.16, 0.12, 0.12), (0.72, 0.24, 0.24), (0.27, 0.50, 0.62)


def _eye_height(age):
    return 0.19 - 0.15 * age  # children's eyes lie lower in the face, and are larger


def draw_head(sheet, length, age):
    """All of a face but its expression and glasses. Children have round faces, old people longer ones, with lines."""
    fill, disc, stroke = sheet.fill, sheet.disc, sheet.stroke
    chin = 0.56 + 0.14 * age
    if length > 0:
        behind = disc(0, -0.06, 0.68) | ((abs(sheet.u) < 0.68) & (sheet.v > -0.06))
        fill(behind & (sheet.v < max(length, 0.22)), (HAIR, 0.82))
    fill(disc(0, 1.06, 0.62, 0.30), SHIRT)
    fill((abs(sheet.u) < 0.17) & (sheet.v > 0.4) & (sheet.v < 0.86), (SKIN, 0.84))
    for side in (-1, 1):
        fill(disc(side * 0.54, 0.12, 0.10, 0.14), (SKIN, 0.90))
    face = disc(0, -0.02, 0.53, 0.56) | disc(0, chin - 0.42, 0.50 - 0.05 * age, 0.42)
    fill(face, (SKIN, 1.0))
    for side in (-1, 1):
        fill(disc(0.30 * side, 0.32 + 0.04 * age, 0.12, 0.09), (0.95, 0.45, 0.40), 0.40 * (1 - age))
        fill(disc(0.22 * side, _eye_height(age), 0.13 - 0.04 * age, 0.12 - 0.05 * age), WHITE)
        fill(disc(0.22 * side, _eye_height(age), 0.09 - 0.03 * age), INK)
        for line in ([(0.15 * side, 0.28), (0.27 * side, 0.42)], [(0.15 * side, 0.16), (0.22 * side, 0.19), (0.30 * side, 0.15)]):
            fill(stroke(0.045, *line), (SKIN, 0.72), max(0.0, 2 * age - 1))
    for height in (-0.25, -0.17):
        fill(stroke(0.04, (-0.22, height), (0.22, height)), (SKIN, 0.72), max(0.0, 2 * age - 1))
    fill(disc(0, _eye_height(age) + 0.17, 0.06, 0.05), (SKIN, 0.78))
    cap = 0.64 if length > -0.2 else 0.585
    fill(disc(0, -0.06, cap, cap) & ~disc(0, 0.40, 0.66, 0.74) & (sheet.v < min(0.05, length + 0.2)), (HAIR, 1.0))


def draw_expression(sheet, age, mood):
    """Mouth and eyebrows for a mood from -1, sad, to 1, happy."""
    u = np.linspace(-1, 1, 9)
    mouth = list(zip(0.20 * u, 0.43 + 0.07 * age + 0.11 * mood * (0.5 - u**2)))
    if mood == 1:
        low, high = mouth[4][1], mouth[0][1]
        sheet.fill(sheet.disc(0, high, 0.20, low - high + 0.03) & (sheet.v > high), WHITE)
    sheet.fill(sheet.stroke(0.06, *mouth), LIPS)
    for side in (-1, 1):
        brow, sorrow = _eye_height(age) - 0.17 - 0.03 * mood, 0.07 * max(0.0, -mood)
        brows = [(0.12 * side, brow - sorrow), (0.21 * side, brow - 0.03), (0.31 * side, brow + sorrow)]
        sheet.fill(sheet.stroke(0.05, *brows), INK)


def draw_glasses(sheet, age):
    frames = np.zeros(sheet.ink.shape[1:], dtype=bool)
    for side in (-1, 1):
        frames |= sheet.disc(0.23 * side, _eye_height(age), 0.185) & ~sheet.disc(0.23 * side, _eye_height(age), 0.135)
        frames |= sheet.stroke(0.05, (0.41 * side, _eye_height(age)), (0.55 * side, _eye_height(age) - 0.02))
    sheet.fill(frames | sheet.stroke(0.05, (-0.06, _eye_height(age)), (0.06, _eye_height(age))), (0.10, 0.22, 0.45))
