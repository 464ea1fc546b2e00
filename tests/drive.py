"""Move every control of every widget through its range: run in a notebook's kernel after its last cell.

`make test` does so where nbval has just run the cells (conftest.py), `make bench` to time the redraws.
"""

import base64
import gc
import io
import time

import ipywidgets
import matplotlib.image
import numpy as np

from helpers import widgets

MOST_VALUES = 20  # of a long range; its ends are always among them


def panels():
    """What `helpers.widgets.panel` has made in this process: boxes of controls with a picture below."""
    boxes = [w for w in gc.get_objects() if type(w) is ipywidgets.VBox and w.comm]
    return [b for b in boxes if isinstance(b.children[-1], ipywidgets.HTML) and hasattr(b.children[0], "description")]


def values(control):
    if hasattr(control, "options"):
        return list(control.options)
    count = min(round((control.max - control.min) / control.step) + 1, MOST_VALUES)
    places = control.min + control.step * np.round(np.linspace(0, (control.max - control.min) / control.step, count))
    return [min(type(control.value)(v), control.max) for v in places]


def blank(html):
    """Whether the picture that a panel shows is of one colour."""
    return np.ptp(matplotlib.image.imread(io.BytesIO(base64.b64decode(html.split("base64,")[1][:-2])))) == 0


def every_control(panels, look=None):
    """(what was wrong, the seconds of each redraw): one control moves at a time, the others stand at their start.

    A control that changes nothing there, such as "spread over" while nothing is spread, has a second chance with the
    others at their ends. look: a function that names what is wrong with a figure, asked about every one.
    """
    wrong, seconds, png = [], [], widgets._png

    def watched(figure):
        wrong.extend(look(figure))
        return png(figure)

    def put(panel, state):
        *controls, picture = panel.children
        for control, value in zip(controls, state):
            if control.value != value:
                start = time.perf_counter()
                control.value = value
                seconds.append(time.perf_counter() - start)
        if not picture.value.startswith("<img "):
            wrong.append(f"{dict(zip([c.description for c in controls], state))}: {picture.value}")
        elif blank(picture.value):
            wrong.append(f"{dict(zip([c.description for c in controls], state))}: a picture of one colour")
        return picture.value

    widgets._png = watched if look else png
    try:
        for panel in panels:
            *controls, picture = panel.children
            first, start = picture.value, [c.value for c in controls]
            far = [values(c)[-1] if c.value != values(c)[-1] else values(c)[0] for c in controls]
            for i, control in enumerate(controls):
                for others in (start, far):
                    pictures = {put(panel, [*others[:i], value, *others[i + 1:]]) for value in values(control)}
                    if len(pictures) > 1:
                        break
                else:
                    wrong.append(f"{control.description}: nothing changes from {values(control)[0]} to {values(control)[-1]}")
            if put(panel, start) != first:
                wrong.append(f"{[c.description for c in controls]}: back at the start it draws another picture")
    finally:
        widgets._png = png
    return list(dict.fromkeys(wrong)), seconds
