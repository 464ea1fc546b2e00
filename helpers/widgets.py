"""The controls: a pure function render(**state) -> figure under sliders, and a place to predict."""

import base64
import io
from collections.abc import Callable, Sequence
from html import escape
from typing import Any, ClassVar
from weakref import WeakSet

import ipywidgets
import matplotlib.image
import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from helpers import plots

# What a control ranges over: (start, low, high, step) of a slider, or the options of a menu.
Values = tuple[float, float, float, float] | list[Any]

LETTERS = "ABCDEF"
PAGE_INCHES = 10.0  # a wider picture would be shrunk until nobody can read it


# A figure that follows its controls


def explore(render: Callable[..., Figure], alt: str, **controls: Values) -> None:
    """Display the `panel` of these arguments."""
    display(panel(render, alt, **controls))


def panel(render: Callable[..., Figure], alt: str, **controls: Values) -> "Panel":
    """Controls above the figure that `render(**state)` draws, drawn anew when one of them moves.

    render: a function of the controls' names that returns a figure and changes nothing else.
    alt: a sentence that says what the figure shows, for screen readers.
    controls: name=(start, low, high, step) for a slider, of integers if all four are integers;
      name=[option, …] for a menu, the first option chosen. A space in the label is an underscore
      in the name.

    Returns a `Panel`, an ipywidgets VBox, which is not displayed yet.
    """
    return Panel(render, alt, {name: _control(name, values) for name, values in controls.items()})


class Panel(ipywidgets.VBox):
    """Controls above the figure that `render(**state)` draws, drawn anew when one of them moves.

    render: a function of the controls' names that returns a figure and changes nothing else.
    alt: a sentence that says what the figure shows.
    controls: name -> the widget whose value goes to `render` under this name.
    """

    living: ClassVar[WeakSet["Panel"]] = WeakSet()  # from here the tests know which there are

    def __init__(
        self, render: Callable[..., Figure], alt: str, controls: dict[str, ipywidgets.Widget]
    ) -> None:
        self.render = render
        self.alt = alt
        self.controls = controls
        self.picture = ipywidgets.HTML()
        self.figure: Figure | None = None  # the one that the picture shows

        # The first picture is there before anything is displayed.
        self.redraw()
        for control in controls.values():
            control.observe(self.redraw, "value")

        super().__init__([*controls.values(), self.picture])
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
        except Exception as error:
            self.figure = None
            message = f"{escape(type(error).__name__)}: {escape(str(error))}"
            self.picture.value = f"<b>{message}</b>"


def filmstrip(render: Callable[..., Figure], alt: str, states: dict[str, dict[str, Any]]) -> None:
    """Show the pictures of `explore` for some states, side by side, for those without a kernel.

    render: as in `explore`.
    alt: a sentence that says what the whole strip shows.
    states: the title over each picture -> the keyword arguments of `render`.
    """
    pictures = []
    for state in states.values():
        pictures.append(matplotlib.image.imread(io.BytesIO(_png(render(**state)))))  # [H, W, 4]

    # All are equally wide; the tallest decides about the height, and the titles need a bit more.
    width = min(3.6, PAGE_INCHES / len(pictures))
    tallest = max(picture.shape[0] / picture.shape[1] for picture in pictures)
    size = (width * len(pictures), width * tallest + 0.3)
    figure, axes = plt.subplots(1, len(pictures), figsize=size, squeeze=False)

    for axis, title, picture in zip(axes[0], states, pictures, strict=True):
        axis.imshow(picture, interpolation="antialiased")
        axis.set_title(title)
        axis.axis("off")

    figure.tight_layout()
    plots.show(figure, alt)


def _control(name: str, values: Values) -> ipywidgets.Widget:
    """A slider or a menu, labelled with its name; all of them are equally wide."""
    look = {
        "description": name.replace("_", " "),
        "style": {"description_width": "11em"},
        "layout": {"width": "36em"},
    }
    if isinstance(values, list):
        return ipywidgets.Dropdown(options=values, **look)

    # A range of integers is walked through in integers.
    start, low, high, step = values
    whole = all(isinstance(value, int) for value in values)
    slider = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    return slider(value=start, min=low, max=high, step=step, **look)


def _png(figure: Figure) -> bytes:
    """The figure as a PNG file; pyplot forgets it."""
    buffer = io.BytesIO()

    # A layout engine leaves no margin to cut off, so that one drawing is enough, in two thirds of
    # the time: `savefig` would draw everything once more beforehand, to find the margin.
    if figure.get_layout_engine():
        FigureCanvasAgg(figure).print_png(buffer)
    else:
        figure.savefig(buffer, format="png", bbox_inches="tight")

    plt.close(figure)
    return buffer.getvalue()


def _html_image(figure: Figure, alt: str) -> str:
    """The figure as an HTML element that holds all of it."""
    data = base64.b64encode(_png(figure)).decode()
    return f'<img alt="{escape(alt, quote=True)}" src="data:image/png;base64,{data}">'


# A question that is answered before the answer is known


class Choice:
    """A question with lettered options: a reader chooses one and commits to it, once.

    heading: the question, printed above the options.
    options: at most six, printed behind their letters A, B, …
    label: what stands before the buttons, such as "I expect".
    respond: what to answer at the moment of commitment, from this choice to HTML.

    Its three widgets `buttons`, `commit` and `answer` are for the caller to arrange and display.
    """

    def __init__(
        self,
        heading: str,
        options: Sequence[str],
        *,
        label: str,
        respond: Callable[["Choice"], str],
    ) -> None:
        self.letters = list(LETTERS[: len(options)])
        self.chosen: str | None = None  # the letter that was committed to
        self.respond = respond

        # The question is text, so that it stands in a saved notebook too; the widgets do not.
        print(heading)
        for letter, option in zip(self.letters, options, strict=True):
            print(f"  {letter}  {option}")

        self.buttons = ipywidgets.ToggleButtons(
            options=self.letters,
            description=label,
            value=None,
            style={"button_width": "4em"},
        )
        self.commit = ipywidgets.Button(description="Commit", disabled=True)
        self.answer = ipywidgets.HTML()

        self.buttons.observe(self._on_choice, "value")
        self.commit.on_click(self._on_commit)

    def compared(self, right: str) -> str:
        """The chosen letter, and whether it is the right one, in two short sentences."""
        return f"{self.chosen}. " + ("So it is." if self.chosen == right else f"It is {right}.")

    def explained(self, right: str, reasons: Sequence[str]) -> list[str]:
        """A line for each option: its letter, whether it is the right one, and why."""
        lines = []
        for letter, reason in zip(self.letters, reasons, strict=True):
            verdict = "right" if letter == right else "wrong"
            lines.append(f"{letter}  {verdict}: {reason}")

        return lines

    def _on_choice(self, change: dict[str, Any]) -> None:
        self.commit.disabled = change["new"] is None

    def _on_commit(self, button: ipywidgets.Button) -> None:
        self.chosen = self.buttons.value
        self.buttons.disabled = True
        self.commit.disabled = True
        self.answer.value = self.respond(self)


def predict(question: str, *options: str) -> "Prediction":
    """Ask before running: a choice among the options, and a button that commits to it.

    question, options: what is asked, and two to six possible answers.

    Returns the prediction; call its `.compare(right, *reasons)` after the experiment.
    """
    return Prediction(question, options)


class Prediction:
    """What a reader expects of an experiment, to be compared with what comes out.

    question, options: what is asked, and two to six possible answers.
    """

    def __init__(self, question: str, options: tuple[str, ...]) -> None:
        self.options = options
        self.choice = Choice(
            f"Predict: {question}", options, label="I expect", respond=self._promise
        )

        row = [self.choice.buttons, self.choice.commit, self.choice.answer]
        display(ipywidgets.HBox(row))

    def compare(self, right: str, *reasons: str) -> None:
        """Print what was predicted, if anything was, which option is right, and why.

        right: a letter.
        reasons: for each option, why it is right or wrong.

        Raises ValueError for a letter that is no option, and unless there is a reason for each.
        """
        choice = self.choice
        if len(reasons) != len(self.options) or right not in choice.letters:
            raise ValueError(
                "compare takes one of the letters and a reason for each of the "
                f"{len(self.options)} options"
            )

        # Whoever has only run the cells, without a choice, still reads the reasons.
        if choice.chosen:
            print(f"You expected {choice.compared(right)}")
        for line in choice.explained(right, reasons):
            print(f"  {line}")

    @staticmethod
    def _promise(choice: Choice) -> str:
        return f"You expect {choice.chosen}. Run on and compare."
