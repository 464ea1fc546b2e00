"""The controls: a pure function render(**state) -> figure beside sliders, with a task."""

import base64
import io
from collections.abc import Callable
from html import escape
from typing import Any, ClassVar
from weakref import WeakSet

import ipywidgets
import matplotlib.image
import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from helpers import plots, questions

# What a control ranges over: (start, low, high, step) of a slider, or the options of a menu.
Values = tuple[float, float, float, float] | list[Any]

PAGE_INCHES = 10.0  # a wider picture would be shrunk until nobody can read it
SMALLEST_SCALE = 0.8  # of a picture in a filmstrip: its letters have 10 points
DPI = 150  # of a widget's picture: sharp, and still there at once
COLUMN_WIDTH = "22em"  # of the controls; the picture beside them has at least 500 pixels

# ipywidgets gives its sliders no name that a screen reader could say: the picture, when it comes,
# lends each the label that stands beside it.
NAME_SLIDERS = (
    "this.closest('.widget-hbox')?.querySelectorAll('.widget-slider').forEach(s => "
    "s.querySelector('[role=slider]')?.setAttribute("
    "'aria-label', s.querySelector('label').textContent))"
)


# A figure that follows its controls


def explore(
    render: Callable[..., Figure],
    alt: str,
    *,
    task: str = "",
    reached: Callable[..., bool] | None = None,
    **controls: Values,
) -> None:
    """Display the `panel` of these arguments."""
    display(panel(render, alt, task=task, reached=reached, **controls))


def panel(
    render: Callable[..., Figure],
    alt: str,
    *,
    task: str = "",
    reached: Callable[..., bool] | None = None,
    **controls: Values,
) -> "Panel":
    """Controls beside the figure that `render(**state)` draws, drawn anew when one of them moves.

    render: a function of the controls' names that returns a figure and changes nothing else.
    alt: a sentence that says what the figure shows, for screen readers.
    task: the key of what to look for, such as "00.turn": a table of helpers/questions/00.toml
      with `task`, and with `found`, which is said when the task is done.
    reached: a function of the controls' names that says whether this state does the task.
    controls: name=(start, low, high, step) for a slider, of integers if all four are integers;
      name=[option, …] for a menu, the first option chosen. A space in the label is an underscore
      in the name.

    Returns a `Panel`, an ipywidgets HBox, which is not displayed yet.
    Raises ValueError for an unknown task, and for a task without `reached` or the other way round.
    """
    if bool(task) != bool(reached):
        raise ValueError("a task needs `reached`, which says when it is done, and `reached` a task")

    made = {name: _control(name, values) for name, values in controls.items()}
    return Panel(render, alt, made, Task(task, reached) if task and reached else None)


class Task:
    """What to look for with the controls, and whether a state does it.

    key: as `task` of `panel`.
    reached: a function of the controls' names.
    """

    def __init__(self, key: str, reached: Callable[..., bool]) -> None:
        table = questions.texts(key)
        if set(table) != {"task", "found"}:
            raise ValueError(f"{key}: a task has `task` and `found`")
        self.key = key
        self.reached = reached
        self.asked = table["task"]
        self.found = table["found"]
        self.text = ipywidgets.HTML(f"<b>Task.</b> {escape(self.asked)}")
        self.verdict = ipywidgets.HTML()

    def look(self, state: dict[str, Any]) -> None:
        """Say whether this state of the controls does the task."""
        done = self.reached(**state)
        said = f"<b>Found.</b> {escape(self.found)}" if done else "Not yet."
        self.verdict.value = f'<div role="status">{said}</div>'


class Panel(ipywidgets.HBox):
    """Controls beside the figure that `render(**state)` draws, drawn anew when one of them moves.

    render: a function of the controls' names that returns a figure and changes nothing else.
    alt: a sentence that says what the figure shows.
    controls: name -> the widget whose value goes to `render` under this name.
    task: what to look for, if anything.
    """

    living: ClassVar[WeakSet["Panel"]] = WeakSet()  # from here the tests know which there are

    def __init__(
        self,
        render: Callable[..., Figure],
        alt: str,
        controls: dict[str, ipywidgets.Widget],
        task: Task | None = None,
    ) -> None:
        self.render = render
        self.alt = alt
        self.controls = controls
        self.task = task
        self.picture = ipywidgets.HTML()
        self.figure: Figure | None = None  # the one that the picture shows

        # The first picture is there before anything is displayed.
        self.redraw()
        for control in controls.values():
            control.observe(self.redraw, "value")

        # Beside the picture, or above it where the page is too narrow for both.
        column = [task.text, *controls.values(), task.verdict] if task else [*controls.values()]
        left = ipywidgets.VBox(column, layout={"width": COLUMN_WIDTH})
        super().__init__([left, self.picture], layout={"flex_flow": "row wrap"})
        Panel.living.add(self)

    @property
    def state(self) -> dict[str, Any]:
        """The arguments of `render`: name -> value of its control."""
        return {name: control.value for name, control in self.controls.items()}

    def redraw(self, change: Any = None) -> None:
        """Draw the figure of the present state.

        change: what a control reports when it moves; not needed.

        An exception is written in the picture's place: in a callback it would otherwise leave the
        old picture standing without a word.
        """
        try:
            self.figure = self.render(**self.state)
            self.picture.value = _html_image(self.figure, self.alt)
            if self.task:
                self.task.look(self.state)
        except Exception as error:
            self.figure = None
            message = f"{escape(type(error).__name__)}: {escape(str(error))}"
            self.picture.value = f"<b>{message}</b>"


def filmstrip(render: Callable[..., Figure], alt: str, states: dict[str, dict[str, Any]]) -> None:
    """Show the pictures of `explore` for some states, for those without a kernel.

    render: as in `explore`.
    alt: a sentence that says what the whole strip shows.
    states: the title over each picture -> the keyword arguments of `render`.

    They stand side by side as long as their letters can be read, else in rows.
    """
    pictures = []
    for state in states.values():
        drawn = io.BytesIO(png(render(**state)))
        pictures.append(matplotlib.image.imread(drawn))  # [H, W, 4]

    # The widest and the tallest decide, in inches of the page.
    width = max(picture.shape[1] for picture in pictures) / DPI
    height = max(picture.shape[0] for picture in pictures) / DPI
    most = max(1, int(PAGE_INCHES / (SMALLEST_SCALE * width)))
    rows = -(-len(pictures) // most)
    columns = -(-len(pictures) // rows)
    scale = min(1, PAGE_INCHES / (columns * width))

    size = (columns * scale * width, rows * (scale * height + 0.3))
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    for axis, title, picture in zip(axes.flat, states, pictures, strict=False):
        axis.imshow(picture, interpolation="antialiased")
        axis.set_title(title)

    plots.show(figure, alt)


def _control(name: str, values: Values) -> ipywidgets.Widget:
    """A slider or a menu, labelled with its name; all of them are equally wide."""
    look = {
        "description": name.replace("_", " "),
        "style": {"description_width": "8em"},
        "layout": {"width": COLUMN_WIDTH},
    }
    if isinstance(values, list):
        return ipywidgets.Dropdown(options=values, **look)

    # A range of integers is walked through in integers.
    start, low, high, step = values
    whole = all(isinstance(value, int) for value in values)
    slider = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    return slider(value=start, min=low, max=high, step=step, **look)


def png(figure: Figure, dpi: int = DPI) -> bytes:
    """The figure as a PNG file of so many dots an inch; pyplot forgets it."""
    buffer = io.BytesIO()

    # A layout engine leaves no margin to cut off, so that one drawing is enough, in two thirds of
    # the time: `savefig` would draw everything once more beforehand, to find the margin.
    if figure.get_layout_engine():
        figure.set_dpi(dpi)
        FigureCanvasAgg(figure).print_png(buffer)
    else:
        figure.savefig(buffer, format="png", bbox_inches="tight", dpi=dpi)

    plt.close(figure)
    return buffer.getvalue()


def _html_image(figure: Figure, alt: str) -> str:
    """The figure as an HTML element that holds all of it, as large as it was meant."""
    picture = png(figure)
    width = Image.open(io.BytesIO(picture)).width * plots.SCREEN_DPI // DPI
    return (
        f'<img alt="{escape(alt, quote=True)}" onload="{NAME_SLIDERS}" width="{width}" '
        f'src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
    )
