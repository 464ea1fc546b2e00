import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import drive
from helpers import models, plots, widgets
from helpers.legibility import unreadable


@pytest.fixture
def displayed(monkeypatch):
    """What is displayed, as a list of (data, metadata) or of (widget, None)."""
    shown = []

    def display(what, metadata=None, raw=False):
        shown.append((what, metadata))

    for module in (plots, widgets):
        monkeypatch.setattr(module, "display", display)
    return shown


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


@pytest.fixture
def noise():
    return torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def a_figure():
    return plt.subplots(figsize=(1, 1), subplot_kw={"xlabel": "x", "ylabel": "y"})[0]


def canvas_of(figure):
    return figure.axes[0].images[0].get_array()


# Figures that appear twice


def test_show_gives_the_picture_its_text_and_closes_it(displayed):
    figure = a_figure()
    plots.show(figure, alt="a < b")

    (picture, metadata), (caption, _) = displayed
    assert picture["image/png"].startswith("iVBOR")
    assert metadata["image/png"]["alt"] == picture["text/plain"] == "a < b"
    assert caption["text/html"] == "<small>a &lt; b</small>"
    assert not plt.fignum_exists(figure.number)


def test_show_asks_for_a_sentence():
    with pytest.raises(ValueError, match="a sentence"):
        plots.show(a_figure(), alt=" ")


def test_the_same_figure_gives_the_same_bytes(displayed, noise):
    for _ in range(2):
        plots.show(plots.image_grid(noise, 2), alt="noise")
    first, _, second, _ = (data for data, _ in displayed)
    assert first["image/png"] == second["image/png"]


def test_an_image_grid_holds_each_image_in_its_place():
    images = torch.arange(6.0)[:, None, None, None].expand(6, 1, 4, 4) / 5
    figure = plots.image_grid(images, 3, titles=["a", "b", "c"], row_labels=["r", "s"])
    canvas = canvas_of(figure)
    assert canvas.shape == (2 * 6 - 2, 3 * 6 - 2)
    for i in range(6):
        top = (i // 3) * 6
        left = (i % 3) * 6
        assert np.allclose(canvas[top : top + 4, left : left + 4], i / 5)


def test_an_image_grid_keeps_colours():
    assert canvas_of(plots.image_grid(torch.rand(2, 3, 4, 4), 2)).shape[2] == 3


def test_reconstructions_stand_below_their_images(noise):
    torch.manual_seed(0)
    model = models.mlp_vae((1, 8, 8), 3, hidden=8)
    canvas = canvas_of(plots.reconstructions(model, noise))
    with torch.no_grad():
        wanted = torch.sigmoid(model.decode(model.encode(noise)[0]))
    assert np.allclose(canvas[:8, :8], noise[0, 0])
    assert np.allclose(canvas[10:, :8], wanted[0, 0], atol=1e-6)


def test_traversals_move_one_latent_a_row_the_strongest_on_top():
    torch.manual_seed(0)
    model = models.mlp_vae((1, 8, 8), 3, hidden=8)
    image = torch.rand(1, 1, 8, 8)
    figure = plots.traversals(model, image, [0.1, 2.0, 1.0], steps=3, labels=["a", "b", "c"])
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert [label.split()[-1] for label in labels] == ["b", "c", "a"]

    # The picture at the upper left: the strongest latent, z_2, at the lower end of its way.
    with torch.no_grad():
        code = model.encode(image)[0]
        code[0, 1] = -1.5
        wanted = torch.sigmoid(model.decode(code))[0, 0]
    assert np.allclose(canvas_of(figure)[:8, :8], wanted, atol=1e-6)


def test_the_ladder_has_a_row_a_world_with_a_dot_a_run():
    world, drawn = torch.zeros(3, 1, 8, 8), torch.ones(3, 1, 8, 8)
    rungs = [
        plots.Rung("easy", world, drawn, [0.7, 0.8], 0.9, [14.0, 15.0], 10.0, "lost: nothing"),
        plots.Rung("hard", drawn, world, [0.3], 0.8, [29.0], 9.0, "lost: much"),
    ]
    figure = plots.ladder(rungs, ("the factors", "the floor"))
    pictures, left, right, remarks = figure.axes
    assert [label.get_text() for label in pictures.get_yticklabels()] == ["easy", "hard"]
    assert [text.get_text() for text in remarks.texts] == ["lost: nothing", "lost: much"]
    assert [text.get_text() for text in left.texts] == ["the factors", "a run each"]
    assert [text.get_text() for text in right.texts] == ["the floor"]

    # Each row's dots, then its mark.
    for axes, values in ((left, [[0.7, 0.8], 0.9, [0.3], 0.8]), (right, [[14, 15], 10, [29], 9])):
        lines = axes.get_lines()
        assert [np.ravel(line.get_xdata()).tolist() for line in lines] == [
            np.ravel(value).tolist() for value in values
        ]
        assert [np.mean(line.get_ydata()) for line in lines] == pytest.approx([0, 0, 1, 1])

    # Black worlds stand on the left of the first row, what is drawn of them on the right.
    canvas = pictures.get_images()[0].get_array()
    assert canvas[4, 4] == 0 and canvas[4, -4] == 1
    assert canvas[-4, 4] == 1 and canvas[-4, -4] == 0


def test_matrix_writes_every_number():
    figure = plots.matrix([[0.0, 1.25], [2.5, 0.5]], ["g", "h"], "title", "nats", order=[1, 0])
    written = [text.get_text() for text in figure.axes[0].texts]
    assert written == ["2.50", "0.50", "0.00", "1.25"]


def test_matrix_writes_inactive_latents_in_grey():
    figure = plots.matrix([[0.0, 1.25], [0.2, 0.5]], ["g", "h"], "t", "nats", [1, 0], inactive=[1])
    colours = [text.get_color() for text in figure.axes[0].texts]
    assert colours[:2] == ["0.4"] * 2 and "0.4" not in colours[2:]
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert [row.startswith("inactive") for row in rows] == [True, False]


def test_histories_differ_in_their_dashes():
    record = {"step": [0, 10], "reconstruction": [3.0, 1.0]}
    figure = plots.history({"one": record, "two": record})
    assert [line.get_label() for line in figure.axes[0].lines] == ["one", "two"]
    assert not unreadable(figure)


# Controls and predictions


def test_a_panel_redraws_when_a_control_moves_and_says_what_went_wrong():
    states = []

    def render(size, kind):
        if size == 3:
            raise ValueError("three is <too> many")
        states.append((size, kind))
        return a_figure()

    panel = widgets.panel(render, "a picture", size=(1, 0, 5, 1), kind=["a", "b"])
    # The first picture is there at once.
    column, picture = panel.children
    slider, menu = column.children
    assert slider.description == "size"
    assert states == [(1, "a")]
    assert picture.value.startswith('<img alt="a picture"')
    assert ' src="data:image/png;base64,' in picture.value

    slider.value = 2
    menu.value = "b"
    assert states[1:] == [(2, "a"), (2, "b")]

    # An exception takes the picture's place, and leaves no figure open.
    slider.value = 3
    assert picture.value == "<b>ValueError: three is &lt;too&gt; many</b>"
    assert not plt.get_fignums()


def test_all_controls_have_a_label_and_one_look():
    def render(**state):
        return a_figure()

    ranges = {"log_scale": (1, 0, 3, 1), "width": (0.5, 0.0, 1.0, 0.1), "kind": ["a"]}
    column, _ = widgets.panel(render, "a picture", **ranges).children
    controls = column.children
    assert [control.description for control in controls] == ["log scale", "width", "kind"]
    looks = {(control.style.description_width, control.layout.width) for control in controls}
    assert looks == {("8em", widgets.COLUMN_WIDTH)}


def test_a_task_says_when_it_is_done(tmp_path, monkeypatch):
    monkeypatch.setattr(widgets.questions, "FOLDER", tmp_path)
    (tmp_path / "99.toml").write_text(
        '[large]\ntask = "Find 3 & more."\nfound = "There it is."\n', encoding="utf-8"
    )
    panel = widgets.panel(
        lambda size: a_figure(),
        "a picture",
        task="99.large",
        reached=lambda size: size >= 3,
        size=(1, 0, 5, 1),
    )

    text, slider, verdict = panel.children[0].children
    assert text.value == "<b>Task.</b> Find 3 &amp; more."
    assert "Not yet." in verdict.value
    slider.value = 4
    assert "There it is." in verdict.value
    slider.value = 2
    assert "Not yet." in verdict.value


@pytest.mark.parametrize("given", [{"task": "99.large"}, {"reached": lambda size: True}])
def test_a_task_and_its_check_belong_together(given):
    with pytest.raises(ValueError, match="a task needs `reached`"):
        widgets.panel(lambda size: a_figure(), "a picture", **given, size=(1, 0, 5, 1))


# What keeps a reader out of a figure


def two_curves(**labels):
    """Two axes in a row, of which the left one gets these labels and both an x label."""
    figure, axes = plt.subplots(1, 2, figsize=(3, 2))
    for a in axes:
        a.plot([1, 20, 3])
        a.set_xlabel("step")
    axes[0].set(**labels)
    return figure


def test_one_label_serves_a_row_of_axes():
    assert not unreadable(two_curves(ylabel="nats"))


def test_axes_of_numbers_need_a_label(displayed):
    problems = unreadable(two_curves())
    assert len(problems) == 2
    assert "the y axis of 'axes 1'" in problems[0]
    assert "the y axis of 'title'" in unreadable(two_curves(title="title"))[0]
    with pytest.raises(ValueError, match="no label that says of what"):
        plots.show(two_curves(), alt="two curves")


def test_names_need_no_label_not_even_with_a_number():
    figure, axes = plt.subplots()
    axes.bar(["apple", "image 1"], [1, 2])
    axes.set_yticks([])
    assert not unreadable(figure)


def test_powers_of_ten_need_a_label():
    figure, axes = plt.subplots()
    axes.loglog([1, 1000], [1, 1000])
    assert [problem[:10] for problem in unreadable(figure)] == ["the x axis", "the y axis"]


def test_pictures_need_no_label():
    assert not unreadable(plots.image_grid(torch.rand(4, 1, 8, 8), 2))


def lines(*styles):
    """A figure with a line of each of these styles, and a legend."""
    figure, axes = plt.subplots()
    for i, style in enumerate(styles):
        axes.plot([0, 1], [i, i], label=str(i), **style)
    axes.set(xlabel="x", ylabel="y")
    axes.legend()
    return figure


def test_lines_may_not_differ_in_colour_alone():
    assert unreadable(lines({}, {})) == [
        "'1' and '0' differ in colour alone: give them dashes, markers or hatches"
    ]


@pytest.mark.parametrize(
    "style",
    [
        {"ls": "--"},
        {"ls": (0, (5, 1))},
        {"marker": "o"},
        {"marker": "o", "ls": ""},
        {"lw": 3},
    ],
    ids=str,
)
def test_any_style_but_the_colour_is_a_difference_and_none_if_both_have_it(style):
    assert not unreadable(lines({}, style))
    assert len(unreadable(lines(style, {"color": "red", **style}))) == 1


def test_all_dashes_of_ones_own_are_told_apart():
    # The line itself calls each of these "--".
    assert not unreadable(
        lines(
            {},
            {"ls": "--"},
            {"ls": (0, (5, 1, 1, 1))},
            {"ls": (0, (5, 1))},
            {"ls": (2, (5, 1))},
        )
    )


def test_a_line_that_is_not_visible_yet_has_its_dashes():
    figure = lines({"ls": "--", "visible": False}, {"visible": False})
    assert not unreadable(figure)


def test_without_a_legend_lines_may_look_alike():
    figure = lines({}, {})
    figure.axes[0].get_legend().remove()
    assert not unreadable(figure)


@pytest.mark.parametrize("hatch, problems", [("", 1), ("//", 0)])
def test_bars_may_not_differ_in_colour_alone(hatch, problems):
    figure, axes = plt.subplots()
    axes.bar(["a", "b"], [1, 2], label="one", hatch="")
    axes.bar(["a", "b"], [1, 2], label="two", hatch=hatch)
    axes.set_ylabel("y")
    axes.legend()
    assert len(unreadable(figure)) == problems


@pytest.mark.parametrize("dashes, problems", [("-", 1), ("--", 0)])
def test_lines_with_error_bars_may_not_differ_in_colour_alone(dashes, problems):
    figure, axes = plt.subplots()
    axes.errorbar([0, 1], [1, 2], [0.1, 0.2], label="one")
    axes.errorbar([0, 1], [2, 3], [0.1, 0.2], label="two", ls=dashes)
    axes.set(xlabel="x", ylabel="y")
    axes.legend()
    assert len(unreadable(figure)) == problems


# What a control may not do


def bars(height):
    figure, axes = plt.subplots(figsize=(1, 1))
    axes.bar(["a"], [height])
    axes.set(ylim=(0, 10), ylabel="y")
    return figure


def test_a_good_widget_is_driven_over_its_range_and_left_as_it_was():
    heights = []

    def render(height, kind):
        heights.append(height)
        return bars(height + len(kind))

    panel = widgets.panel(render, "a bar", height=(1.0, 0.0, 1.0, 0.01), kind=["a", "bb"])
    column, picture = panel.children
    controls = column.children
    before = picture.value

    # All the way from one end to the other.
    wrong, seconds = drive.every_control([panel], unreadable)
    assert wrong == []
    assert min(heights) == 0
    assert max(heights) == 1
    assert len(seconds) >= drive.MOST_VALUES

    # And back to where it was.
    assert picture.value == before
    assert [control.value for control in controls] == [1.0, "a"]


def test_a_control_that_works_only_beside_another_is_no_fault():
    def render(spread, over):
        return bars(spread * over)

    panel = widgets.panel(render, "a bar", spread=(0, 0, 2, 1), over=(1, 1, 4, 1))
    assert drive.every_control([panel])[0] == []


def raises_at_three(height):
    return bars(1 / (3 - height))


def is_inert(height):
    return bars(1)


def is_blank_at_four(height):
    return plt.figure(figsize=(1, 1)) if height == 4 else bars(height)


def is_unlabelled(height):
    figure = bars(height)
    figure.axes[0].set_ylabel("")
    return figure


def remembering():
    calls = itertools.count(1)

    def remembers_its_calls(height):
        return bars(next(calls) / 2)

    return remembers_its_calls


@pytest.mark.parametrize(
    "render, complaint",
    [
        (raises_at_three, "{'height': 3}: <b>ZeroDivisionError"),
        (is_inert, "height: nothing changes from 0 to 5"),
        (is_blank_at_four, "{'height': 4}: a picture of one colour"),
        (remembering(), "['height']: back at the start it draws another picture"),
        (is_unlabelled, "the y axis of 'axes 1' has numbers"),
    ],
)
def test_what_a_widget_may_not_do_is_named(render, complaint):
    panel = widgets.panel(render, "a bar", height=(1, 0, 5, 1))
    wrong = drive.every_control([panel], unreadable)[0]
    assert any(sentence.startswith(complaint) for sentence in wrong), wrong
