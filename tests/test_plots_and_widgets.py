import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import drive
from helpers import models, plots, widgets


@pytest.fixture
def displayed(monkeypatch):
    """What is displayed, as a list of (data, metadata) or of widgets."""
    shown = []
    for module in (plots, widgets):
        monkeypatch.setattr(module, "display", lambda what, metadata=None, raw=False: shown.append((what, metadata)))
    return shown


def a_figure():
    return plt.subplots(figsize=(1, 1), subplot_kw={"xlabel": "x", "ylabel": "y"})[0]


def test_show_gives_the_picture_its_text_and_closes_it(displayed):
    figure = a_figure()
    plots.show(figure, alt="a < b")
    (picture, metadata), (caption, _) = displayed
    assert picture["image/png"].startswith("iVBOR") and metadata["image/png"]["alt"] == picture["text/plain"] == "a < b"
    assert caption["text/html"] == "<small>a &lt; b</small>"
    assert not plt.fignum_exists(figure.number)
    with pytest.raises(ValueError, match="a sentence"):
        plots.show(a_figure(), alt=" ")
    plt.close("all")


def test_the_same_figure_gives_the_same_bytes(displayed):
    for _ in range(2):
        plots.show(plots.image_grid(torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)), 2), alt="noise")
    assert displayed[0][0]["image/png"] == displayed[2][0]["image/png"]


def test_an_image_grid_holds_each_image_in_its_place():
    images = torch.arange(6.0)[:, None, None, None].expand(6, 1, 4, 4) / 5
    canvas = plots.image_grid(images, 3, titles=["a", "b", "c"], row_labels=["r", "s"]).axes[0].images[0].get_array()
    assert canvas.shape == (2 * 6 - 2, 3 * 6 - 2)
    for i in range(6):
        assert np.allclose(canvas[(i // 3) * 6:(i // 3) * 6 + 4, (i % 3) * 6:(i % 3) * 6 + 4], i / 5)
    colour = plots.image_grid(torch.rand(2, 3, 4, 4), 2).axes[0].images[0].get_array()
    assert colour.shape[2] == 3
    plt.close("all")


def test_traversals_move_one_latent_a_row_the_strongest_on_top():
    torch.manual_seed(0)
    model, image, kl = models.mlp_vae((1, 8, 8), 3, hidden=8), torch.rand(1, 1, 8, 8), [0.1, 2.0, 1.0]
    figure = plots.traversals(model, image, kl, steps=3, labels=["a", "b", "c"])
    assert [t.get_text().split()[-1] for t in figure.axes[0].get_yticklabels()] == ["b", "c", "a"]
    canvas = figure.axes[0].images[0].get_array()
    with torch.no_grad():
        code = model.encode(image)[0]
        code[0, 1] = -1.5
        wanted = torch.sigmoid(model.decode(code))[0, 0]
    assert np.allclose(canvas[:8, :8], wanted, atol=1e-6)
    plt.close("all")


def test_matrix_writes_every_number():
    figure = plots.matrix([[0.0, 1.25], [2.5, 0.5]], ["g", "h"], "title", "nats", order=[1, 0])
    assert [t.get_text() for t in figure.axes[0].texts] == ["2.50", "0.50", "0.00", "1.25"]
    plt.close("all")


def test_a_panel_redraws_when_a_control_moves_and_says_what_went_wrong():
    states = []

    def render(size, kind):
        states.append((size, kind))
        if size == 3:
            raise ValueError("three is <too> many")
        return a_figure()

    panel = widgets.panel(render, "a picture", size=(1, 0, 3, 1), kind=["a", "b"])
    slider, menu, picture = panel.children
    assert slider.description == "size" and states == [(1, "a")]
    first = picture.value
    assert first.startswith('<img alt="a picture" src="data:image/png;base64,')
    slider.value, menu.value = 2, "b"
    assert states[1:] == [(2, "a"), (2, "b")]
    slider.value = 3
    assert picture.value == "<b>ValueError: three is &lt;too&gt; many</b>"
    assert not plt.get_fignums()


def test_predictions(displayed, capsys):
    prediction = widgets.predict("Which?", "this", "that")
    assert capsys.readouterr().out == "Predict: Which?\n  A  this\n  B  that\n"
    choice, button, answer = displayed[0][0].children
    assert button.disabled
    choice.value = "B"
    assert not button.disabled
    button.click()
    assert choice.disabled and "You expect B" in answer.value
    prediction.compare("A", "reason one", "reason two")
    assert capsys.readouterr().out == ("You expected B. It is A.\n  A  right: reason one\n  B  wrong: reason two\n")
    for right, reasons in (("C", ("x", "y")), ("A", ("x",))):
        with pytest.raises(ValueError, match="each of the 2 options"):
            prediction.compare(right, *reasons)


def test_without_a_choice_the_comparison_only_explains(displayed, capsys):
    prediction = widgets.predict("Which?", "this", "that")
    capsys.readouterr()
    prediction.compare("B", "one", "two")
    assert capsys.readouterr().out == "  A  wrong: one\n  B  right: two\n"


# What keeps a reader out, and what a control may not do


def test_axes_of_numbers_need_a_label(displayed):
    def drawn(**labels):
        figure, axes = plt.subplots(1, 2, figsize=(3, 2))
        for a in axes:
            a.plot([1, 20, 3])
            a.set_xlabel("step")
        axes[0].set(**labels)
        return figure

    assert not plots.unreadable(drawn(ylabel="nats"))  # one label serves the row
    assert len(plots.unreadable(drawn())) == 2 and "the y axis of 'axes 1'" in plots.unreadable(drawn())[0]
    with pytest.raises(ValueError, match="no label that says of what"):
        plots.show(drawn(), alt="two curves")
    figure, (bars, log) = plt.subplots(2)
    bars.bar(["apple", "image 1"], [1, 2])
    bars.set_yticks([])
    log.loglog([1, 1000], [1, 1000])
    assert [p[:10] for p in plots.unreadable(figure)] == ["the x axis", "the y axis"]  # of the logarithmic one
    assert not plots.unreadable(plots.image_grid(torch.rand(4, 1, 8, 8), 2))
    plt.close("all")


def test_colour_alone_tells_nothing_apart():
    def drawn(*styles):
        figure, axes = plt.subplots()
        for i, style in enumerate(styles):
            axes.plot([0, 1], [i, i], label=str(i), **style)
        axes.set(xlabel="x", ylabel="y")
        axes.legend()
        return figure

    assert plots.unreadable(drawn({}, {})) == ["'1' and '0' differ in colour alone: give them dashes, markers or hatches"]
    assert not plots.unreadable(drawn({}, {"ls": "--"}, {"ls": (0, (5, 1, 1, 1))}, {"marker": "o"}, {"lw": 3}))
    for hatch, problems in (("", 1), ("//", 0)):
        figure, axes = plt.subplots()
        axes.bar(["a", "b"], [1, 2], label="one", hatch="")
        axes.bar(["a", "b"], [1, 2], label="two", hatch=hatch)
        axes.set_ylabel("y")
        axes.legend()
        assert len(plots.unreadable(figure)) == problems
    plt.close("all")


def bars(height):
    figure, axes = plt.subplots(figsize=(1, 1))
    axes.bar(["a"], [height])
    axes.set(ylim=(0, 10), ylabel="y")
    return figure


def test_a_good_widget_is_driven_over_its_range_and_left_as_it_was():
    heights = []
    panel = widgets.panel(lambda height, kind: heights.append(height) or bars(height + len(kind)), "a bar",
                          height=(1.0, 0.0, 1.0, 0.01), kind=["a", "bb"])
    before = panel.children[-1].value
    wrong, seconds = drive.every_control([panel], plots.unreadable)
    assert wrong == [] and min(heights) == 0 and max(heights) == 1 and len(seconds) >= drive.MOST_VALUES
    assert panel.children[-1].value == before and [c.value for c in panel.children[:-1]] == [1.0, "a"]


def test_a_control_that_works_only_beside_another_is_no_fault():
    panel = widgets.panel(lambda spread, over: bars(spread * over), "a bar", spread=(0, 0, 2, 1), over=(1, 1, 4, 1))
    assert drive.every_control([panel])[0] == []


@pytest.mark.parametrize("wanted, render", {
    "{'height': 3}: <b>ZeroDivisionError": lambda height: bars(1 / (3 - height)),
    "height: nothing changes from 0 to 5": lambda height: bars(1),
    "{'height': 4}: a picture of one colour": lambda height: plt.figure(figsize=(1, 1)) if height == 4 else bars(height),
    "['height']: back at the start it draws another picture": lambda height, calls=[]: calls.append(1) or bars(len(calls) / 2),
    "the y axis of 'axes 1' has numbers": lambda height: (f := bars(height)).axes[0].set_ylabel("") and f,
}.items(), ids=["raises", "is inert", "is blank", "remembers", "is unlabelled"])
def test_what_a_widget_may_not_do(wanted, render):
    wrong = drive.every_control([widgets.panel(render, "a bar", height=(1, 0, 5, 1))], plots.unreadable)[0]
    assert any(w.startswith(wanted) for w in wrong), wrong


def test_all_controls_have_a_label_and_one_look():
    panel = widgets.panel(lambda **state: a_figure(), "a picture", log_scale=(1, 0, 3, 1), width=(0.5, 0.0, 1.0, 0.1), kind=["a"])
    controls = panel.children[:-1]
    assert [c.description for c in controls] == ["log scale", "width", "kind"]
    assert {(c.style.description_width, c.layout.width) for c in controls} == {("11em", "36em")}
