"""The controls: a pure function render(**state) -> figure, with sliders on top of it, and a place to predict first."""

import base64
import io
from html import escape

import ipywidgets
import matplotlib.image
import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg

from helpers import plots


def explore(render, alt, **controls):
    """Display the `panel` of these arguments."""
    display(panel(render, alt, **controls))


def panel(render, alt, **controls):
    """Controls above the figure that `render(**state)` draws, drawn anew whenever one of them moves: an ipywidgets VBox.

    render: a function of the controls' names that returns a matplotlib figure and changes nothing else.
    alt: a sentence that says what the figure shows, for screen readers.
    controls: name=(start, low, high, step) for a slider; name=[option, …], the first one chosen, for a menu. A space
    in the label is an underscore in the name.
    """
    widgets = {name: _control(name, values) for name, values in controls.items()}
    picture = ipywidgets.HTML()

    def redraw(change=None):
        try:
            picture.value = _html_image(render(**{name: w.value for name, w in widgets.items()}), alt)
        except Exception as error:  # an exception in a callback would leave the old picture standing without a word
            picture.value = f"<b>{escape(type(error).__name__)}: {escape(str(error))}</b>"

    for widget in widgets.values():
        widget.observe(redraw, "value")
    redraw()
    return ipywidgets.VBox([*widgets.values(), picture])


def filmstrip(render, alt, states):
    """The pictures of `explore` for some states, side by side: what a reader sees where no kernel runs.

    states: a dict from the title over each picture to the keyword arguments of `render`.
    """
    pictures = [matplotlib.image.imread(io.BytesIO(_png(render(**state)))) for state in states.values()]
    width = min(3.6, 10 / len(pictures))  # ten inches are a page; a wider strip would be shrunk until nobody can read it
    height = width * max(p.shape[0] / p.shape[1] for p in pictures) + 0.3
    figure, axes = plt.subplots(1, len(pictures), figsize=(width * len(pictures), height), squeeze=False)
    for axis, title, picture in zip(axes[0], states, pictures):
        axis.imshow(picture, interpolation="antialiased")
        axis.set_title(title)
        axis.axis("off")
    figure.tight_layout()
    plots.show(figure, alt)


def predict(question, *options):
    """Ask before running: a choice among the options and a button that commits to it. Returns the prediction.

    Call its `.compare(right, *reasons)` after the experiment.
    """
    return Prediction(question, options)


class Prediction:
    def __init__(self, question, options):
        self.question, self.options, self.chosen = question, options, None
        print("Predict: " + question)
        for letter, option in zip("ABCDEF", options):
            print(f"  {letter}  {option}")
        choice = ipywidgets.ToggleButtons(options=list("ABCDEF"[:len(options)]), description="I expect",
                                          style={"button_width": "4em"}, value=None)
        button = ipywidgets.Button(description="Commit", disabled=True)
        answer = ipywidgets.HTML()

        def commit(_):
            self.chosen = choice.value
            choice.disabled = button.disabled = True
            answer.value = f"You expect {self.chosen}. Run on and compare."

        choice.observe(lambda change: setattr(button, "disabled", change["new"] is None), "value")
        button.on_click(commit)
        display(ipywidgets.HBox([choice, button, answer]))

    def compare(self, right, *reasons):
        """Print which option was right, a letter, and for each option why; and what was predicted, if anything was."""
        if len(reasons) != len(self.options) or right not in "ABCDEF"[:len(self.options)]:
            raise ValueError(f"compare takes one of the letters and a reason for each of the {len(self.options)} options")
        if self.chosen:
            print(f"You expected {self.chosen}. " + ("So it is." if self.chosen == right else f"It is {right}."))
        for letter, reason in zip("ABCDEF", reasons):
            print(f"  {letter}  {'right' if letter == right else 'wrong'}: {reason}")


def _control(name, values):
    label = name.replace("_", " ")
    wide = {"style": {"description_width": "11em"}, "layout": {"width": "36em"}}
    if isinstance(values, list):
        return ipywidgets.Dropdown(options=values, description=label, **wide)
    start, low, high, step = values
    slider = ipywidgets.IntSlider if all(isinstance(v, int) for v in values) else ipywidgets.FloatSlider
    return slider(value=start, min=low, max=high, step=step, description=label, **wide)


def _png(figure):
    buffer = io.BytesIO()
    if figure.get_layout_engine():
        FigureCanvasAgg(figure).print_png(buffer)  # one drawing; savefig makes another one beforehand, to find the layout
    else:
        figure.savefig(buffer, format="png", bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()


def _html_image(figure, alt):
    return f'<img alt="{escape(alt, quote=True)}" src="data:image/png;base64,{base64.b64encode(_png(figure)).decode()}">'
