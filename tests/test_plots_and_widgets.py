import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from helpers import models, plots, widgets


@pytest.fixture
def displayed(monkeypatch):
    """What is displayed, as a list of (data, metadata) or of widgets."""
    shown = []
    for module in (plots, widgets):
        monkeypatch.setattr(module, "display", lambda what, metadata=None, raw=False: shown.append((what, metadata)))
    return shown


def a_figure():
    return plt.subplots(figsize=(1, 1))[0]


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
