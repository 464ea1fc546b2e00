"""Move every control of every widget through its range: run in a notebook's kernel after its cells.

`make test` does so where nbval has just run the cells (conftest.py), `make bench` to time the
redraws.
"""

import base64
import io
import time
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import matplotlib.image
import numpy as np
from matplotlib.figure import Figure

from helpers.widgets import Panel

MOST_VALUES = 20  # of a long range; its ends are always among them

State = dict[str, Any]  # name of a control -> its value


def panels() -> list[Panel]:
    """What `explore` has made in this process."""
    return list(Panel.living)


def every_control(
    panels: Sequence[Panel], look: Callable[[Figure], list[str]] | None = None
) -> tuple[list[str], list[float]]:
    """One control moves at a time, while the others stand at their start.

    A control that changes nothing there, such as "spread over" while nothing is spread, has a
    second chance with the others at their ends.

    panels: those to drive; each is left as it was.
    look: names what is wrong with a figure, and is asked about every one.

    Returns what was wrong, in sentences, and the seconds of each redraw.
    """
    drives = [_Drive(panel, look) for panel in panels]
    for drive in drives:
        drive.run()

    wrong = [sentence for drive in drives for sentence in drive.wrong]
    seconds = [redraw for drive in drives for redraw in drive.seconds]
    return list(dict.fromkeys(wrong)), seconds


class _Drive:
    """One panel is driven; `wrong` and `seconds` are as `every_control` returns them."""

    def __init__(self, panel: Panel, look: Callable[[Figure], list[str]] | None) -> None:
        self.panel = panel
        self.look = look
        self.wrong: list[str] = []
        self.seconds: list[float] = []

    def run(self) -> None:
        start = self.panel.state
        first = self.panel.picture.value
        far = {name: far_end(control) for name, control in self.panel.controls.items()}

        # A control may need the others to stand elsewhere before it makes a difference.
        for name, control in self.panel.controls.items():
            places = values(control)
            if not any(self.changes_something(name, places, others) for others in (start, far)):
                self.wrong.append(f"{name}: nothing changes from {places[0]} to {places[-1]}")

        # What a figure shows depends on the controls alone, and not on what was drawn before.
        if self.put(start) != first:
            self.wrong.append(f"{list(start)}: back at the start it draws another picture")

    def changes_something(self, name: str, places: list, others: State) -> bool:
        """Whether this control makes a difference on its way, with the other ones at `others`."""
        return len({self.put({**others, name: place}) for place in places}) > 1

    def put(self, state: State) -> str:
        """The picture in this state, after a look at each picture on the way to it."""
        for name, value in state.items():
            if self.panel.state[name] != value:
                self.move(name, value)

        # An exception stands in the picture's place as text.
        picture = self.panel.picture.value
        if not picture.startswith("<img "):
            self.wrong.append(f"{state}: {picture}")
        elif is_blank(picture):
            self.wrong.append(f"{state}: a picture of one colour")

        return picture

    def move(self, name: str, value: Any) -> None:
        """Move one control, which makes the panel draw."""
        start = time.perf_counter()
        self.panel.controls[name].value = value
        self.seconds.append(time.perf_counter() - start)

        if self.look and self.panel.figure:
            self.wrong += self.look(self.panel.figure)


def values(control: ipywidgets.Widget) -> list:
    """All options of a menu; of a slider, places from one end to the other, at most MOST_VALUES."""
    if hasattr(control, "options"):
        return list(control.options)

    steps = (control.max - control.min) / control.step
    count = min(round(steps) + 1, MOST_VALUES)
    places = control.min + control.step * np.round(np.linspace(0, steps, count))

    # An integer slider takes integers; and rounding may not lead beyond the end.
    kind = type(control.value)
    return [min(kind(place), control.max) for place in places]


def far_end(control: ipywidgets.Widget) -> Any:
    """The last of its values; the first one, if it stands at the last."""
    places = values(control)
    return places[0] if control.value == places[-1] else places[-1]


def is_blank(html: str) -> bool:
    """Whether the picture that a panel shows is of one colour."""
    data = html.split("base64,")[1].removesuffix('">')
    picture = matplotlib.image.imread(io.BytesIO(base64.b64decode(data)))
    return np.ptp(picture) == 0
