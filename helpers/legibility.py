"""What keeps a reader out of a figure: numbers without a label, differences by colour alone."""

import re

from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.lines import Line2D
from matplotlib.patches import Patch


def unreadable(figure):
    """What keeps a reader out: an axis of numbers without a label, or lines and bars of a legend that differ in colour alone.

    In a row or column of axes one of them may carry the label for all. Pictures need none.
    """
    problems = []
    for axes in figure.axes:
        place = axes.get_title() or f"axes {figure.axes.index(axes) + 1}"
        for axis, span in ((axes.xaxis, "colspan"), (axes.yaxis, "rowspan")):
            ticks = [re.sub(r"\\[a-z]+", "", t.get_text()) for t in axis.get_ticklabels() if t.get_visible()]
            numbers = any(re.search(r"\d", t) and not re.search(r"[^\W\d]{2}", t) for t in ticks)
            labels = [getattr(a, f"get_{axis.axis_name}label")() for a in _aligned(axes, span)]
            if axes.axison and not axes.images and numbers and not any(labels):
                problems.append(f"the {axis.axis_name} axis of {place!r} has numbers and no label that says of what")
        drawn = {}
        for handle, label in zip(*axes.get_legend_handles_labels()):
            if (style := _style(handle)) in drawn and axes.get_legend():
                problems.append(f"{label!r} and {drawn[style]!r} differ in colour alone: give them dashes, markers or hatches")
            elif style:
                drawn[style] = label
    return problems


def _aligned(axes, span):
    """These axes and those of the figure in the same row (span "rowspan") or column ("colspan")."""
    place = axes.get_subplotspec()
    return [axes, *(a for a in axes.figure.axes if place and a.get_subplotspec()
                    and getattr(a.get_subplotspec(), span) == getattr(place, span))]


def _style(handle):
    """How a legend's line or bar looks apart from its colour; None for anything else."""
    if isinstance(handle, ErrorbarContainer):
        handle = handle.lines[0]
    if isinstance(handle, BarContainer):
        handle = handle.patches[0]
    if isinstance(handle, Line2D):  # its own get_linestyle() takes all dashes for one
        return str(handle._dash_pattern), handle.get_marker(), handle.get_fillstyle(), handle.get_linewidth()
    return (handle.get_hatch(),) if isinstance(handle, Patch) else None
