"""Draw the drawings of the notebooks: `python -m helpers.tools.drawings` writes notebooks/drawings.

Each is a sketch of an idea, not a result: no number in them comes from a run. They are SVG, with
their description inside, and a second run writes the same bytes.
"""

import io
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyArrowPatch, FancyBboxPatch, Rectangle

from helpers.plots import PALETTE

FOLDER = Path(__file__).resolve().parents[2] / "notebooks" / "drawings"
WIDTH = 7.4  # inches

BLUE, ORANGE, GREEN, PINK = PALETTE[:4]
INK = "#222222"
DARK = {BLUE: "#00507F", ORANGE: "#8A5D00", GREEN: "#00664B", PINK: "#8A3F6B"}  # for letters
PALE = {BLUE: "#DCEBF5", ORANGE: "#FBEFD5", GREEN: "#D6EEE6", PINK: "#F7E6EF", INK: "#EEEEEE"}
BROKEN = "#A03D00"  # letters that say what goes wrong


# Pieces


def sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty sheet, whose units are tenths of an inch from its lower left corner."""
    figure = plt.figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 10 * width), ylim=(0, 10 * height))
    axes.axis("off")
    return figure, axes


def say(axes: Axes, x: float, y: float, text: str, size: float = 11, **look) -> None:
    """A text, by default centred at this place."""
    usual: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": size, "color": INK}
    axes.text(x, y, text, **usual | look)


def box(
    axes: Axes, x: float, y: float, width: float, height: float, text: str, colour: str
) -> None:
    """A box with its middle at this place, and a text in it."""
    corner = (x - width / 2 + 1, y - height / 2 + 1)
    style = "round,pad=1,rounding_size=1"
    look: dict[str, Any] = {"fc": PALE[colour], "ec": colour, "lw": 1.6}
    axes.add_patch(FancyBboxPatch(corner, width - 2, height - 2, boxstyle=style, **look))
    say(axes, x, y, text)


def arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    colour: str = INK,
    style: str = "-|>",
    bend: float = 0,
) -> None:
    """An arrow between two places, bent to the left by a share of its length."""
    look: dict[str, Any] = {
        "mutation_scale": 13,
        "lw": 1.6,
        "color": colour,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    path = f"arc3,rad={bend}"
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle=style, connectionstyle=path, **look))


# The drawings: each function's docstring is the description inside its file


def vae() -> Figure:
    """An encoder turns an image x into a mean and a spread, q(z given x); a code z is drawn from
    it; a decoder turns z into the chances of the pixels, p(x given z). The KL in the loss compares
    q(z given x) with the prior p(z). The other KL compares it with the true posterior
    p(z given x), which nobody can compute, and is the gap.
    """
    figure, axes = sheet(WIDTH, 3.0)
    y = 13
    box(axes, 6, y, 9, 8, "image\n$x$", INK)
    box(axes, 21, y, 13, 8, "encoder", BLUE)
    box(axes, 37, y, 12, 8, "$q(z\\mid x)$\n$\\mu,\\ \\sigma$", BLUE)
    box(axes, 51, y, 7, 8, "code\n$z$", INK)
    box(axes, 66.5, y, 13, 8, "decoder\n$p(x\\mid z)$", ORANGE)

    for start, end in ((10.5, 14.5), (27.5, 31), (43, 47.5), (54.5, 60)):
        arrow(axes, (start, y), (end, y))
    say(axes, 45.2, y + 1.8, "draw", 9)

    # The two distributions that q is compared with.
    box(axes, 23, 26, 13, 5, "prior $p(z)$", GREEN)
    arrow(axes, (35, 17), (27, 23.5), colour=GREEN, style="<|-|>")
    say(axes, 20, 20, "KL in the loss", 10, color=DARK[GREEN])
    box(axes, 55, 26, 26, 5, "true posterior $p(z\\mid x)$", PINK)
    arrow(axes, (39, 17), (48, 23.5), colour=PINK, style="<|-|>")
    say(axes, 56.5, 20, "the other KL: the gap", 10, color=DARK[PINK])

    # The image that comes back is compared with the one that went in.
    arrow(axes, (66.5, 8.8), (6, 8.8), colour=ORANGE, bend=-0.13)
    say(axes, 36, 2.6, "reconstruction error", 10, color=DARK[ORANGE])
    return figure


def bound() -> Figure:
    """A bar as high as log p(x) is made of two parts, the ELBO below and the gap above it, the KL
    from q(z given x) to the true posterior. A better q moves the border up and leaves the height
    as it is; a better decoder raises the height.
    """
    figure, axes = sheet(WIDTH, 2.9)
    bottom, top = 4, 25
    for x, border, label in (
        (8, 12, "a poor $q$"),
        (22, 20, "a better $q$"),
        (36, 25, "the best $q$"),
    ):
        axes.add_patch(
            Rectangle((x - 5, bottom), 10, border - bottom, fc=PALE[BLUE], ec=BLUE, lw=1.6)
        )
        say(axes, x, (border + bottom) / 2, "ELBO")
        say(axes, x, 1.8, label, 10)
        if border < top:
            look: dict[str, Any] = {"fc": PALE[PINK], "ec": PINK, "lw": 1.6, "hatch": "//"}
            axes.add_patch(Rectangle((x - 5, border), 10, top - border, **look))

    axes.plot([2, 43], [top, top], "--", color=INK, lw=1.4)
    say(axes, 44, top, "$\\log p(x)$: does not contain $q$", 10.5, ha="left")
    gap = "gap: $\\mathrm{KL}(q(z\\mid x)\\,\\Vert\\,p(z\\mid x))$"
    say(axes, 44, 19.5, gap, 10.5, ha="left", color=DARK[PINK])
    say(
        axes,
        44,
        12,
        "a better $q$ closes the gap,\na better decoder raises the line",
        10.5,
        ha="left",
    )
    return figure


def rate_distortion() -> Figure:
    """A falling curve in the plane of rate R and distortion E: the best distortion for each budget
    of nats. A tangent touches it, with slope minus beta: there a small step of rate saves beta
    times as much distortion. Below the curve no encoder comes.
    """
    figure, axes = plt.subplots(figsize=(5.4, 3.2), layout="constrained")
    rate = np.linspace(0.02, 4, 200)

    def best(r):
        return 6 * np.exp(-0.75 * r) + 0.6

    axes.plot(rate, best(rate), color=BLUE, lw=2.4)
    axes.fill_between(rate, best(rate), 7.6, color=PALE[BLUE])

    # The tangent at one budget.
    delta = 1.2
    slope = -4.5 * np.exp(-0.75 * delta)
    near = np.array([delta - 1.05, delta + 1.15])
    axes.plot(near, best(delta) + slope * (near - delta), "--", color=ORANGE, lw=2)
    axes.plot([delta, delta], [0, best(delta)], ":", color=INK)
    axes.plot(delta, best(delta), "o", color=INK, ms=7)

    axes.text(2.45, 4.6, "encoders that exist", color=DARK[BLUE])
    axes.text(0.12, 0.9, "no encoder\ncomes here")
    axes.text(
        2.35,
        1.9,
        "slope $-\\beta$: a small step $dR$\nsaves $\\beta\\, dR$ of distortion",
        color=DARK[ORANGE],
    )
    axes.annotate(
        "", (1.95, 1.35), (2.32, 1.95), arrowprops={"arrowstyle": "->", "color": DARK[ORANGE]}
    )
    axes.set(xlim=(0, 4), ylim=(0, 7.6), yticks=[], xticks=[delta])
    axes.set_xticklabels(["budget $\\delta$"])
    axes.set_xlabel("rate $R$ (nats)")
    axes.set_ylabel("distortion $E$ (nats)")
    return figure


def kl_parts() -> Figure:
    """Three areas lie side by side within one frame, the mean KL to the prior: the mutual
    information of code and image, the total correlation of the latents, and how far each latent by
    itself is from the prior. The last two together are the KL from q(z) to the prior.
    """
    figure, axes = sheet(WIDTH, 2.7)
    parts = (
        (3, 27, BLUE, "$I(z;n)$", "how much a code says\nabout its image"),
        (31, 17, ORANGE, "$\\mathrm{TC}$", "how much latents\nsay about each other"),
        (
            49,
            22,
            GREEN,
            "$\\sum_j \\mathrm{KL}(q(z_j)\\Vert p(z_j))$",
            "how far each latent\nis from the prior",
        ),
    )
    for left, width, colour, formula, words in parts:
        axes.add_patch(Rectangle((left, 7), width, 12, fc=PALE[colour], ec=colour, lw=1.6))
        say(axes, left + width / 2, 16, formula, 12)
        say(axes, left + width / 2, 11, words, 9.5)

    # The cuts: all of it above, what the heap alone decides below.
    for y, left, right, text, place in (
        (22, 3, 71, "mean over the images of  $\\mathrm{KL}(q(z\\mid n)\\,\\Vert\\,p(z))$", 24.3),
        (
            4.6,
            31,
            71,
            "$\\mathrm{KL}(q(z)\\,\\Vert\\,p(z))$:  the aggregated posterior and the prior",
            2.2,
        ),
    ):
        arrow(axes, (left, y), (right, y), style="<|-|>")
        say(axes, (left + right) / 2, place, text, 10.5)
    return figure


def minibatch() -> Figure:
    """Left: the aggregated posterior q(z) is the mean of a small cloud for each of all N images;
    a code z, drawn from one of them, lies in the middle of its own cloud. Right: of a minibatch
    only a few clouds are there, and the own one is always among them, so it would count too much
    unless it gets the weight one in N.
    """
    figure, axes = sheet(WIDTH, 3.0)
    rng = np.random.default_rng(3)
    places = rng.uniform((-11, -8), (11, 8), size=(40, 2))
    own, batch = 7, {7, 2, 19, 28, 33}

    for middle, shown, title in (
        (16, set(range(40)), "all $N$ images: $q(z)$"),
        (56, batch, "a minibatch: $\\hat q(z)$"),
    ):
        axes.add_patch(Rectangle((middle - 14.5, 3), 29, 21, fc="none", ec="#999999", lw=1))
        say(axes, middle, 26.5, title, 12)
        for i in sorted(shown):
            x, y = places[i] + (middle, 13.5)
            colour = ORANGE if i == own else BLUE
            look: dict[str, Any] = {
                "fc": PALE[colour],
                "ec": colour,
                "lw": 2 if i == own else 1.2,
                "alpha": 0.85,
            }
            axes.add_patch(Ellipse((x, y), 4.4, 3.4, zorder=3 if i == own else 2, **look))
        x, y = places[own] + (middle, 13.5)
        axes.plot(x + 0.6, y + 0.3, "x", color=INK, ms=7, mew=2, zorder=4)

    arrow(axes, (32, 13.5), (40, 13.5))
    say(axes, 36, 16.2, "draw $B$", 10)
    say(
        axes,
        36,
        1.2,
        "× is a code $z$; its own image's cloud (orange) is in the minibatch for certain",
        10,
    )
    return figure


def _table(axes: Axes, values: np.ndarray, left: float, bottom: float, side: float) -> None:
    """A table of latents by factors: the more, the darker."""
    rows, columns = values.shape
    for i in range(rows):
        for k in range(columns):
            shade = plt.get_cmap("Greys")(0.08 + 0.6 * values[i, k])
            x, y = left + k * side, bottom + (rows - 1 - i) * side
            axes.add_patch(Rectangle((x, y), side, side, fc=shade, ec="white", lw=2))

    for k, name in enumerate(("size", "posX", "posY")[:columns]):
        say(axes, left + (k + 0.5) * side, bottom + rows * side + 1.3, name, 9.5)
    for i in range(rows):
        say(axes, left - 2, bottom + (rows - 0.5 - i) * side, f"$z_{i + 1}$", 11)


EXAMPLE = np.array([[0.05, 0.95, 0.1], [0.9, 0.1, 0.1], [0.1, 0.5, 0.05], [0.05, 0.1, 0.85]])


def mig() -> Figure:
    """A table of what each latent knows about each factor. In each column the two largest entries
    are marked, and their distance, divided by the entropy of the factor, is the gap; MIG is the
    mean of the gaps of all columns.
    """
    figure, axes = sheet(WIDTH, 3.0)
    left, bottom, side = 8, 3, 5
    _table(axes, EXAMPLE, left, bottom, side)
    say(axes, left + 7.5, 28, "nats: the darker, the more", 10)

    # Down one column: the best, the second best, and the gap between them.
    x = left + 1.5 * side
    axes.add_patch(
        Rectangle((left + side, bottom), side, 4 * side, fc="none", ec=ORANGE, lw=2.6, zorder=5)
    )
    say(axes, x, bottom + 3.5 * side, "1st", 10)
    say(axes, x, bottom + 1.5 * side, "2nd", 10)

    arrow(axes, (26, 15), (32, 15), colour=ORANGE)
    for height, name, base in ((16, "1st", 37), (9, "2nd", 43)):
        axes.add_patch(Rectangle((base - 2, 4), 4, height, fc=PALE[ORANGE], ec=ORANGE, lw=1.6))
        say(axes, base, 2.4, name, 10)
    axes.plot([33, 49], [23, 23], "--", color=INK, lw=1.2)
    say(axes, 49.5, 23, "$H(g_k)$", 11, ha="left")
    arrow(axes, (47, 13), (47, 20), colour=INK, style="<|-|>")
    axes.plot([45, 49], [13, 13], ":", color=INK, lw=1.2)
    axes.plot([39, 49], [20, 20], ":", color=INK, lw=1.2)
    say(axes, 49.5, 16.5, "gap $= (I_{1st} - I_{2nd})\\,/\\,H(g_k)$", 11, ha="left")
    say(axes, 61, 8, "MIG: the mean over the columns", 10.5)
    return figure


def dci() -> Figure:
    """A table of how important each latent is for predicting each factor. Disentanglement reads
    along a row: does this latent serve one factor only? Completeness reads down a column: is one
    latent enough for this factor? Informativeness asks how well all latents together predict it.
    """
    figure, axes = sheet(WIDTH, 3.0)
    left, bottom, side = 29, 3.5, 5
    _table(axes, EXAMPLE, left, bottom, side)

    axes.add_patch(
        Rectangle((left, bottom + side), 3 * side, side, fc="none", ec=BLUE, lw=2.6, zorder=5)
    )
    axes.add_patch(
        Rectangle((left + side, bottom), side, 4 * side, fc="none", ec=ORANGE, lw=2.6, zorder=4)
    )
    say(
        axes,
        12.5,
        15.5,
        "along a row\nD, disentanglement:\ndoes this latent serve\none factor only?",
        10.5,
        color=BLUE,
    )
    arrow(axes, (22.5, 13), (25, 11.2), colour=BLUE)
    say(
        axes,
        58.5,
        21,
        "down a column\nC, completeness:\nis one latent enough\nfor this factor?",
        10.5,
        color=DARK[ORANGE],
    )
    arrow(axes, (49, 21.5), (39.5, 21.5), colour=ORANGE)
    say(
        axes,
        58.5,
        7,
        "all rows together\nI, informativeness:\nhow well do they\npredict the factor?",
        10.5,
        color=DARK[GREEN],
    )
    arrow(axes, (49, 7), (44.8, 7), colour=GREEN)
    return figure


def ladder() -> Figure:
    """The ladder of worlds. It begins with upright squares, of which everything is found. Three
    worlds have one complication more: three shapes, of which area is found instead of shape;
    squares that turn, which moves few pixels; and hearts that turn, whose place in the table is not
    where they are seen. All sprites have all of it at once.
    """
    figure, axes = sheet(WIDTH, 3.5)
    middle = (
        (29, "three shapes", "area instead of shape"),
        (17.5, "squares that turn", "a turn moves few pixels"),
        (6, "hearts that turn", "the table's place\nis not the seen one"),
    )
    ends = (
        (9, "squares, upright", "everything\nis found", DARK[GREEN]),
        (65, "all sprites", "all of it\nat once", BROKEN),
    )

    # Each world has its shapes above its name, and below or beside it what becomes of its factors.
    for kind, (x, world, what, colour) in zip((0, 4), ends, strict=True):
        axes.add_patch(Rectangle((x - 8, 10.5), 16, 14, fc=PALE[BLUE], ec=BLUE, lw=1.4))
        _shape(axes, x, 20.5, kind)
        say(axes, x, 14, world, 10)
        say(axes, x, 6.8, what, 9.5, color=colour)
    for kind, (y, world, what) in enumerate(middle, 1):
        axes.add_patch(Rectangle((23, y - 4.5), 28, 9, fc=PALE[BLUE], ec=BLUE, lw=1.4))
        _shape(axes, 29.5, y, kind)
        say(axes, 43, y + 2.2, world, 10)
        say(axes, 43, y - 1.4, what, 9, color=BROKEN)
        arrow(axes, (17.5, 17.5), (22.5, y))
        arrow(axes, (51.5, y), (56.5, 17.5))
    return figure


def _shape(axes: Axes, x: float, y: float, kind: int) -> None:
    """The shapes of a world of the ladder."""
    t = np.linspace(0, 2 * np.pi, 100)
    heart = np.stack([16 * np.sin(t) ** 3, 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t)])
    heart = heart / 8

    if kind == 0:
        axes.add_patch(Rectangle((x - 1.7, y - 1.7), 3.4, 3.4, fc=INK))
    if kind in (1, 4):
        axes.add_patch(Rectangle((x - 5.4, y - 1.3), 2.6, 2.6, fc=INK, angle=30 * (kind == 4)))
        axes.add_patch(Ellipse((x, y), 3.6, 2, fc=INK, angle=40 * (kind == 4)))
        axes.fill(x + 4 + 0.75 * heart[0], y + 0.75 * heart[1], color=INK)
    if kind == 2:
        axes.add_patch(
            Rectangle((x - 1.7, y - 1.7), 3.4, 3.4, fc=INK, angle=30, rotation_point="center")
        )
    if kind == 3:
        a = np.deg2rad(35)
        turned = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) @ heart
        axes.fill(x + turned[0], y + turned[1], color=INK)


def series() -> Figure:
    """The map of the series. From the definition, 00, the way leads through the ELBO, 01, the
    multiplier, 02, and the parts of the KL, 03, to training, 04. From there it goes to drawing
    what was never seen, 05, and on to drawing with a critic, 05b, and to measuring: MIG, 06, DCI,
    07, when they lie, 07b, which score to report, 10, and which model wins, 08. From the scores it
    goes up again to what breaks the theorem, 11. 09 is for your own pictures.
    """
    figure, axes = sheet(WIDTH, 3.4)
    places = {
        "00": (7, 26, "00 what is\ndisentanglement?", INK),
        "01": (26, 26, "01 ELBO", BLUE),
        "02": (43, 26, "02 β-VAE", BLUE),
        "03": (61, 26, "03 β-TCVAE", BLUE),
        "04": (63, 15.5, "04 training", ORANGE),
        "05": (47.2, 15.5, "05 drawing what\nwas never seen", ORANGE),
        "05b": (32.9, 15.5, "05b with\na critic", ORANGE),
        "11": (19.7, 15.5, "11 what breaks\nthe theorem?", ORANGE),
        "06": (62, 5, "06 MIG", GREEN),
        "07": (49.4, 5, "07 DCI", GREEN),
        "07b": (35, 5, "07b when do\nthey lie?", GREEN),
        "10": (20.6, 5, "10 which\nscore?", GREEN),
        "08": (7, 5, "08 which\nmodel wins?", GREEN),
        "09": (6.2, 15.5, "09 your own\npictures", PINK),
    }
    widths = {
        "00": 15,
        "01": 11,
        "02": 12,
        "03": 14,
        "04": 11.4,
        "05": 15.6,
        "05b": 8.6,
        "11": 13.6,
        "06": 9.6,
        "07": 9.6,
        "07b": 13.4,
        "10": 9.6,
        "08": 12.6,
        "09": 11.2,
    }
    for name, (x, y, text, colour) in places.items():
        x = x + 1.5 if name == "00" else x
        box(axes, x, y, widths[name], 6.6, text, colour)

    for start, end in (
        ((16.3, 26), (20.3, 26)),
        ((31.7, 26), (36.8, 26)),
        ((49.2, 26), (53.8, 26)),
        ((61, 22.5), (61, 19)),
        ((57.2, 15.5), (55.1, 15.5)),
        ((39.2, 15.5), (37.3, 15.5)),
        ((61, 12), (61, 8.5)),
        ((57, 5), (54.4, 5)),
        ((44.4, 5), (41.9, 5)),
        ((28.1, 5), (25.6, 5)),
        ((15.6, 5), (13.5, 5)),
        ((20, 8.5), (20, 12)),
        ((7, 8.5), (7, 12)),
    ):
        arrow(axes, start, end)

    # What the three rows are about.
    for y, text in ((32.3, "derive"), (21.2, "train and draw"), (10.6, "measure")):
        say(axes, 73, y - 1.8, text, 9.5, ha="right", style="italic", color="#555555")
    return figure


DRAWINGS: dict[str, Callable[[], Figure]] = {
    drawing.__name__: drawing
    for drawing in (vae, bound, rate_distortion, kl_parts, minibatch, mig, dci, ladder, series)
}


# Files


def as_svg(draw: Callable[[], Figure]) -> str:
    """A drawing as an SVG file on white paper, with its description; the same at every run."""
    with plt.rc_context({"svg.hashsalt": draw.__name__, "svg.fonttype": "path", "font.size": 11}):
        figure = draw()
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", facecolor="white", metadata={"Date": None})
        plt.close(figure)

    # The description is the root's first child, and a screen reader is told to read it.
    text = escape(" ".join((draw.__doc__ or "").split()))
    start = drawn.getvalue().index("<svg")
    head = f'role="img" aria-label="{text}">\n <title>{text}</title>'
    svg = re.sub(r"(<svg[^>]*)>", rf"\1 {head}", drawn.getvalue()[start:], count=1)
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


def write(folder: Path = FOLDER) -> None:
    """Write every drawing into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in DRAWINGS.items():
        (folder / f"{name}.svg").write_text(as_svg(draw), encoding="utf-8")


if __name__ == "__main__":
    write()
