"""What keeps a reader out of a figure: numbers without a label, differences by colour alone."""

import re
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import IdentityTransform


def unreadable(figure: Figure) -> list[str]:
    """What keeps a reader out of this figure.

    That is an axis of numbers without a label, and lines or bars of a legend that differ in colour
    alone. In a row or column of axes one of them may carry the label for all. Pictures need none.

    figure: with all that it is going to show.
    Returns a sentence for each fault; an empty list if there is none.
    """
    problems = []
    for number, axes in enumerate(figure.axes, start=1):
        place = axes.get_title() or f"axes {number}"
        for name in ("x", "y"):
            if _lacks_label(axes, name):
                problems.append(
                    f"the {name} axis of {place!r} has numbers and no label that says of what"
                )

        # Bars and lines, as far as the legend names them.
        for label, other in _look_alikes(axes):
            problems.append(
                f"{label!r} and {other!r} differ in colour alone: give them dashes, markers or "
                "hatches"
            )
    return problems


# An axis of numbers without a label


def _lacks_label(axes: Axes, name: str) -> bool:
    """Whether the axis of this name, "x" or "y", shows numbers and nobody says of what."""
    if not axes.axison or axes.images or not _shows_numbers(_axis(axes, name)):
        return False
    return not any(_axis(other, name).get_label_text() for other in _aligned(axes, name))


def _axis(axes: Axes, name: str) -> Axis:
    return axes.xaxis if name == "x" else axes.yaxis


def _shows_numbers(axis: Axis) -> bool:
    return any(
        _is_number(label.get_text()) for label in axis.get_ticklabels() if label.get_visible()
    )


def _is_number(text: str) -> bool:
    """Whether a tick's text is a number, such as $\\mathdefault{10^{2}}$, and no name with one."""
    plain = re.sub(r"\\[a-z]+", "", text)
    has_digit = re.search(r"\d", plain) is not None
    has_word = re.search(r"[^\W\d]{2}", plain) is not None
    return has_digit and not has_word


def _aligned(axes: Axes, name: str) -> list[Axes]:
    """These axes and those in the same column (for "x") or row (for "y") of the figure."""
    place = _span(axes, name)
    if place is None:
        return [axes]
    return [axes, *(other for other in axes.figure.axes if _span(other, name) == place)]


def _span(axes: Axes, name: str) -> range | None:
    """The columns (for "x") or rows (for "y") of a grid that these axes fill; None outside one."""
    place = axes.get_subplotspec()
    if place is None:
        return None
    return place.colspan if name == "x" else place.rowspan


# Entries of a legend that differ in colour alone


def _look_alikes(axes: Axes) -> Iterator[tuple[str, str]]:
    """Entries of a legend that look like an earlier one apart from their colour: (it, that one)."""
    if axes.get_legend() is None:
        return

    # The first entry of each look; what is neither a line nor a bar has none.
    seen: dict[Hashable, str] = {}
    for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
        look = _look(handle)
        if look is None:
            continue
        if look in seen:
            yield label, seen[look]
        else:
            seen[look] = label


def _look(handle: Any) -> Hashable | None:
    """How a legend's line or bar looks apart from its colour; None for anything else.

    Lines with error bars and rows of bars look like the first of their parts.
    """
    if isinstance(handle, ErrorbarContainer):
        return _look(handle.lines[0])
    if isinstance(handle, BarContainer):
        return _look(handle.patches[0])

    # Whatever makes two of them different on black and white paper.
    if isinstance(handle, Line2D):
        marker = handle.get_marker()
        return _dashes(handle), marker, handle.get_fillstyle(), handle.get_linewidth()
    if isinstance(handle, Patch):
        return (handle.get_hatch(),)
    return None


class _DashRecorder(RendererBase):
    """A renderer that draws nothing and remembers the dashes that it was last asked for."""

    # The offset of the pattern, then the lengths of lines and gaps; of a solid line there are none.
    dashes: tuple[float, ...] = (0.0,)

    def draw_path(self, gc: GraphicsContextBase, *shape: Any, **fill: Any) -> None:
        offset, lengths = gc.get_dashes()
        self.dashes = (offset, *np.ravel([] if lengths is None else lengths))


def _dashes(line: Line2D) -> tuple[float, ...]:
    """The dashes of a line, in points; without a line between its markers it counts as solid.

    The line's own `get_linestyle` says "--" for whatever dashes one has chosen. So we have a copy
    of it drawn, and look at what the renderer is asked for.
    """
    copy = Line2D([0, 1], [0, 1])
    copy.update_from(line)
    copy.set(marker="", path_effects=[], visible=True, transform=IdentityTransform())

    recorder = _DashRecorder()
    copy.draw(recorder)
    return recorder.dashes
