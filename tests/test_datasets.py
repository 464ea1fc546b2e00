"""Sprites, fruits, faces and digits: what is in their pictures, and how they are asked for."""

import math
import pickle

import numpy as np
import pytest
import torch

from helpers import datasets, training
from helpers.datasets import drawing
from helpers.datasets.drawn import FRUIT_COLOURS
from helpers.datasets.sprites import ELLIPSE_HALF_AXES, HEART_OUTLINE, SQUARE_HALF_SIDE

# Each is a fixture below. What is true of all data sets is tested once for each of them; of DRAWN
# all combinations of factors have a picture.
DRAWN = ["sprites", "fruits", "fruits_with_gaps", "faces"]
EVERY = [*DRAWN, "digits"]
BLACK_APPLE = {"object": "apple", "colour": "black", "size": "small"}


@pytest.fixture(scope="module")
def sprites():
    return datasets.sprites(64)


@pytest.fixture(scope="module")
def fruits():
    return datasets.fruits()


@pytest.fixture(scope="module")
def fruits_with_gaps():
    # The same combination twice counts once.
    red_pear = {"object": "pear", "colour": "red"}
    return datasets.fruits(hold_out=[BLACK_APPLE, red_pear, BLACK_APPLE])


@pytest.fixture(scope="module")
def faces():
    return datasets.faces()


@pytest.fixture(scope="module")
def digits():
    return datasets.digits()


@pytest.fixture(params=["fruits", "faces"])
def table(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=DRAWN)
def drawn(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=EVERY)
def data(request):
    return request.getfixturevalue(request.param)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def all_factors(data):
    return torch.cartesian_prod(*(torch.arange(n) for n in data.factor_sizes))


# What every data set does.


def test_a_sample_is_float_images_in_0_to_1_with_integer_factors(data):
    images, factors = data.sample(7, seeded())

    assert images.shape == (7, *data.image_shape)
    assert images.dtype == torch.float32
    assert images.min() >= 0
    assert images.max() <= 1

    assert factors.shape == (7, len(data.factor_names))
    assert factors.dtype == torch.int64
    assert (factors < torch.tensor(data.factor_sizes)).all()


def test_a_sample_is_the_pictures_with_the_numbers_that_are_drawn(data):
    images, factors = data.sample(9, seeded(3))

    index = torch.randint(len(data), (9,), generator=seeded(3))
    their_images, their_factors = data.numbered(index)

    assert torch.equal(images, their_images)
    assert torch.equal(factors, their_factors)
    assert torch.equal(factors, data.factors(index))


def test_a_column_is_found_by_the_name_of_its_factor(data):
    for k, name in enumerate(data.factor_names):
        assert data.column(name) == k


def test_columns_keep_the_order_in_which_they_are_asked_for(data):
    backwards = data.factor_names[::-1]

    assert data.columns(*backwards) == list(range(len(backwards)))[::-1]
    assert data.columns() == []


def test_a_column_that_no_factor_has_is_named_beside_those_that_there_are(data):
    message = f"there is no factor 'taste'; the factors are {', '.join(data.factor_names)}"

    with pytest.raises(ValueError, match=message):
        data.column("taste")
    with pytest.raises(ValueError, match=message):
        data.columns(data.factor_names[0], "taste")


def test_a_sample_repeats_with_its_generator(data):
    first, _ = data.sample(9, seeded(3))
    again, _ = data.sample(9, seeded(3))
    other, _ = data.sample(9, seeded(4))

    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("index", [5, [5], (5,), range(5, 6), np.array([5]), torch.tensor(5)])
def test_one_number_gives_a_batch_of_one(data, index):
    images, factors = data.numbered(index)

    assert images.shape == (1, *data.image_shape)
    assert factors.shape == (1, len(data.factor_names))


def test_a_number_gives_the_picture_of_its_factors(drawn):
    index = torch.tensor([0, len(drawn) - 1, 5, 5])

    images, factors = drawn.numbered(index)

    assert torch.equal(factors, drawn.factors(index))
    assert torch.equal(images, drawn.images(factors))


def test_each_factor_has_as_many_values_as_its_size_says(drawn):
    assert tuple(map(len, drawn.factor_values)) == drawn.factor_sizes


def test_a_factor_out_of_its_range_is_named(drawn):
    factors = drawn.code()
    factors[0, -1] = drawn.factor_sizes[-1]

    with pytest.raises(ValueError, match=f"'{drawn.factor_names[-1]}' runs from 0 to"):
        drawn.images(factors)


def test_an_empty_batch_is_empty(drawn):
    nothing = torch.zeros(0, len(drawn.factor_names), dtype=torch.int64)

    assert drawn.images(nothing).shape == (0, *drawn.image_shape)


# Factors that are said by name.


@pytest.mark.parametrize(
    "shape", ["heart", 2, np.int64(2), ["heart"], [2], torch.tensor([2]), torch.tensor(2)]
)
def test_a_value_is_asked_for_by_name_or_by_index(sprites, shape):
    factors = sprites.code(shape=shape, posY=31)

    assert factors.tolist() == [[2, 0, 0, 0, 31]]
    assert factors.dtype == torch.int64


def test_every_value_of_drawn_pictures_has_a_name(table):
    for name, names, size in zip(
        table.factor_names, table.factor_values, table.factor_sizes, strict=True
    ):
        by_name = table.code(**{name: names})
        by_index = table.code(**{name: range(size)})

        assert by_name[:, table.column(name)].tolist() == list(range(size))
        assert torch.equal(by_name, by_index)


def test_a_factor_that_is_not_named_stands_at_its_first_value(fruits):
    assert fruits.code().tolist() == [[0, 0, 0, 0, 0]]
    assert fruits.code(size="big").tolist() == [[0, 0, 3, 0, 0]]


@pytest.mark.parametrize("several", [range(3), (0, 1, 2), [0, 1, 2], torch.arange(3), np.arange(3)])
def test_a_sequence_of_values_gives_a_row_each(sprites, several):
    factors = sprites.code(shape="ellipse", posX=several)

    assert factors.tolist() == [[1, 0, 0, 0, 0], [1, 0, 0, 1, 0], [1, 0, 0, 2, 0]]
    assert factors.dtype == torch.int64


def test_sequences_go_side_by_side_and_a_single_value_holds_for_all(fruits):
    factors = fruits.code(object=["pear", 1], colour="black", size=[4], posX=["left", "right"])

    assert factors.tolist() == [[4, 5, 4, 0, 0], [1, 5, 4, 2, 0]]


def test_an_empty_sequence_of_values_gives_no_rows(sprites):
    factors = sprites.code(shape="heart", posX=[])

    assert factors.shape == (0, 5)
    assert factors.dtype == torch.int64


def test_factors_that_are_said_by_name_can_be_drawn(sprites, fruits_with_gaps):
    assert sprites.images(sprites.code(shape="heart", scale=range(6))).shape == (6, 1, 64, 64)

    # What is held out is not sampled, but it can be asked for.
    black_apple = fruits_with_gaps.code(**BLACK_APPLE)
    assert black_apple.tolist() == fruits_with_gaps.held_out[:1].tolist()
    assert fruits_with_gaps.images(black_apple).shape == (1, 3, 32, 32)


@pytest.mark.parametrize(
    "values, message",
    [
        ({"colour": 1}, "there is no factor 'colour'; the factors are shape, scale, orientation"),
        ({"shape": "star"}, "'shape' has no value 'star': it takes 'square', 'ellipse', 'heart'"),
        ({"shape": ["heart", "star"]}, "'shape' has no value 'star'"),
        ({"shape": 3}, "'shape' has no value 3: .* index from 0 to 2"),
        ({"scale": "big"}, "'scale' has no value 'big': .* index from 0 to 5"),
        ({"scale": 0.5}, "'scale' has no value 0.5: it takes an index from 0 to 5"),
        ({"scale": [0.5, 1.0]}, "'scale' has no value 0.5"),
        ({"scale": torch.tensor([0.7])}, "'scale' has no value 0.69"),
        ({"scale": None}, "'scale' has no value None"),
        ({"scale": [[1, 2]]}, r"'scale' has no value \[1, 2\]"),
        ({"scale": 6}, "'scale' has no value 6: .* index from 0 to 5"),
        ({"posX": -1}, "'posX' has no value -1: .* index from 0 to 31"),
        ({"posY": range(30, 33)}, "'posY' has no value 32: .* index from 0 to 31"),
        ({"posX": [1, 2], "posY": range(3)}, r"sequences must have one length, not \[2, 3\]"),
    ],
)
def test_what_no_sprite_has_is_named(sprites, values, message):
    with pytest.raises(ValueError, match=message):
        sprites.code(**values)


def test_what_no_fruit_has_is_named(fruits):
    message = "'object' has no value 'plum': it takes 'apple', 'banana', .* index from 0 to 4"

    with pytest.raises(ValueError, match=message):
        fruits.code(object="plum")


# Sprites.


def test_sprites_have_the_factors_and_sizes_of_dsprites(sprites):
    assert sprites.factor_names == ("shape", "scale", "orientation", "posX", "posY")
    assert sprites.factor_sizes == (3, 6, 40, 32, 32)
    assert len(sprites) == 737_280

    assert sprites.image_shape == (1, 64, 64)
    assert datasets.sprites(32).image_shape == (1, 32, 32)


def test_sprites_are_black_and_white(sprites):
    images, _ = sprites.sample(5, seeded())

    assert set(images.unique().tolist()) == {0.0, 1.0}


def inside(shape, u, v):
    """Whether points lie in an outline.

    By its equation, or for the heart by counting how often a ray from the point crosses it.
    """
    if shape == 0:
        return (np.abs(u) <= SQUARE_HALF_SIDE) & (np.abs(v) <= SQUARE_HALF_SIDE)
    if shape == 1:
        a, b = ELLIPSE_HALF_AXES
        return (u / a) ** 2 + (v / b) ** 2 <= 1

    # The ray runs to the right; it can only cross the sides that have the point's height.
    x0, y0 = np.array(HEART_OUTLINE).T  # [M], [M]: where each side starts
    x1, y1 = np.roll(HEART_OUTLINE, -1, axis=0).T  # and where it ends
    u = u[..., None]
    v = v[..., None]
    straddles = (y0 <= v) != (y1 <= v)  # [64, 64, M]

    # A level side is never straddled, but dividing by its height would warn.
    height = y1 - y0 + (y1 == y0)
    crossed = straddles & (u < x0 + (v - y0) * (x1 - x0) / height)
    return crossed.sum(-1) % 2 == 1


@pytest.mark.parametrize("shape", [0, 1, 2])
def test_each_pixel_is_white_where_its_centre_lies_in_the_shape(sprites, shape):
    _, factors = sprites.sample(60, seeded(shape))
    factors[:, 0] = shape
    images = sprites.images(factors)[:, 0].numpy()  # [60, 64, 64]

    wrong = 0
    y, x = np.mgrid[:64, :64]
    for image, row in zip(images, factors.tolist(), strict=True):
        _, scale, orientation, pos_x, pos_y = row
        size = np.linspace(0.5, 1, 6)[scale]
        angle = np.linspace(0, 2 * np.pi, 40)[orientation]

        # The pixels' centres, in the coordinates of the outline.
        dx = x - (15.5 + 32 * pos_x / 31)
        dy = y - (15.5 + 32 * pos_y / 31)
        u = (dx * np.cos(angle) + dy * np.sin(angle)) / size  # [64, 64]
        v = (-dx * np.sin(angle) + dy * np.cos(angle)) / size  # [64, 64]
        wrong += (inside(shape, u, v) != (image > 0)).sum()

    # Centres that lie on an outline to float32 rounding, out of 245,760.
    assert wrong <= 3


def test_size_32_is_the_mean_of_size_64(sprites):
    _, factors = sprites.sample(500, seeded(1))
    means = torch.nn.functional.avg_pool2d(sprites.images(factors), 2)

    assert torch.equal(means, datasets.sprites(32).images(factors))


def test_every_number_names_its_own_combination(sprites):
    assert torch.equal(sprites.factors(0), torch.zeros(1, 5, dtype=torch.int64))
    assert sprites.factors(len(sprites) - 1).tolist() == [[2, 5, 39, 31, 31]]

    index = torch.arange(0, len(sprites), 991)
    strides = torch.tensor([6 * 40 * 1024, 40 * 1024, 1024, 32, 1])
    assert torch.equal((sprites.factors(index) * strides).sum(1), index)


def test_the_first_and_the_last_orientation_are_one_angle(sprites):
    heart = {"shape": "heart", "scale": 5, "posX": 10, "posY": 20}
    first, last, third = sprites.images(sprites.code(**heart, orientation=[0, 39, 13]))

    assert torch.equal(first, last)
    assert not torch.equal(first, third)


def test_corners_stay_in_the_picture(sprites):
    largest = torch.tensor([5])
    ends = torch.tensor([0, 31])
    extremes = torch.cartesian_prod(torch.arange(3), largest, torch.arange(40), ends, ends)
    images = sprites.images(extremes)

    assert images[:, :, [0, -1]].sum() == 0
    assert images[:, :, :, [0, -1]].sum() == 0
    assert (images.sum((1, 2, 3)) > 200).all()


@pytest.mark.parametrize(
    "factors, message",
    [
        ([[0, 0, 0, 0]], "shape \\[B, 5\\]"),
        ([0, 0, 0, 0, 0], "shape \\[B, 5\\]"),
        ([[3, 0, 0, 0, 0]], "'shape' runs from 0 to 2"),
        ([[0, 0, 0, 0, -1]], "'posY' runs from 0 to 31; here from -1"),
        ([[0.0, 0, 0, 0, 0]], "integer"),
    ],
)
def test_impossible_factors_are_named(sprites, factors, message):
    with pytest.raises(ValueError, match=message):
        sprites.images(torch.tensor(factors))


@pytest.mark.parametrize("number", [-1, 737_280])
def test_a_number_that_no_sprite_has_is_named(sprites, number):
    with pytest.raises(ValueError, match="from 0 to 737,279"):
        sprites.factors(torch.tensor([number]))


def test_another_size_of_sprites_is_refused():
    with pytest.raises(ValueError, match="64 or 32"):
        datasets.sprites(28)


# Worlds of fewer sprites.


def test_what_is_kept_is_drawn_as_in_the_whole_set(sprites):
    keep = {"shape": ["heart", "square"], "orientation": 10, "scale": range(2, 5), "posY": [7]}
    world = datasets.sprites(64, keep)
    assert world.factor_names == ("shape", "scale", "posX")
    assert world.factor_sizes == (2, 3, 32)
    assert world.factor_values == (("heart", "square"), (2, 3, 4), tuple(range(32)))
    assert len(world) == 2 * 3 * 32

    images, factors = world.numbered(range(len(world)))
    assert factors.shape == (len(world), 3)
    wanted = [[[2, 0][shape], scale + 2, 10, x, 7] for shape, scale, x in factors.tolist()]
    assert torch.equal(images, sprites.images(torch.tensor(wanted)))


def test_names_are_asked_for_as_before(sprites):
    world = datasets.sprites(64, {"orientation": [0], "shape": ["square", "heart"]})
    heart = world.code(shape="heart", scale=5, posX=3)
    assert heart.tolist() == [[1, 5, 3, 0]]
    assert torch.equal(
        world.images(heart), sprites.images(sprites.code(shape="heart", scale=5, posX=3))
    )
    with pytest.raises(ValueError, match="there is no factor 'orientation'"):
        world.column("orientation")
    with pytest.raises(ValueError, match="has no value 'ellipse': it takes 'square', 'heart' or"):
        world.code(shape="ellipse")


def test_to_keep_everything_changes_nothing(sprites):
    world = datasets.sprites(64, {"shape": ["square", "ellipse", "heart"], "posX": range(32)})
    assert (world.factor_names, world.factor_sizes) == (sprites.factor_names, sprites.factor_sizes)
    generator = torch.Generator().manual_seed(3)
    drawn = world.sample(50, generator)
    assert all(map(torch.equal, drawn, sprites.sample(50, generator.manual_seed(3))))


def test_a_smaller_world_stands_in_a_recipe_and_goes_through_a_pickle(sprites):
    world = datasets.sprites(32, keep={"shape": ["square"], "orientation": [0]})
    again = pickle.loads(pickle.dumps(world))
    assert torch.equal(again.numbered([5])[0], world.numbered([5])[0])
    recipe = {"function": "sprites", "size": 32, "keep": {"shape": ["square"]}}
    model, _ = training.from_recipe(
        {
            "dataset": recipe,
            "model": {"function": "mlp_vae", "latent_dim": 2, "hidden": 8},
            "objective": {"function": "vae"},
            "training": {"steps": 2, "batch_size": 4},
        },
        0,
        progress=False,
    )
    assert model.image_shape == (1, 32, 32)


KEPT_WRONGLY = {
    "no factor": ({"colour": [0]}, "no factor 'colour'; the factors are shape, scale"),
    "no shape": ({"shape": ["circle"]}, "'shape' has no value 'circle': it takes 'square'"),
    "no index": ({"scale": [6]}, "'scale' has no value 6: it takes an index from 0 to 5"),
    "a fraction": ({"scale": [0.5]}, "'scale' has no value 0.5"),
    "nothing": ({"scale": []}, "at least one value of factor 'scale'"),
    "twice": ({"shape": ["heart", 2]}, "none twice"),
    "one image": (
        {"shape": "heart", "scale": 0, "orientation": 0, "posX": 0, "posY": 0},
        "leaves a single image",
    ),
}


@pytest.mark.parametrize("keep, message", KEPT_WRONGLY.values(), ids=KEPT_WRONGLY)
def test_what_cannot_be_kept_is_refused(keep, message):
    with pytest.raises(ValueError, match=message):
        datasets.sprites(32, keep=keep)


# Digits.


def test_digits_are_the_1797_pictures_that_come_with_scikit_learn(digits):
    assert len(digits) == 1797
    assert digits.pictures.shape == (1797, 1, 8, 8)
    assert digits.pictures.min() == 0
    assert digits.pictures.max() == 1


def test_the_factor_of_a_digit_is_its_label(digits):
    # The file begins 0, 1, 2, …
    assert digits.factors(torch.arange(10)).tolist() == [[k] for k in range(10)]
    assert digits.factors(torch.arange(1797))[:, 0].unique().tolist() == list(range(10))


def test_a_digit_is_asked_for_by_its_number(digits):
    pictures, labels = digits.numbered(torch.tensor([3, 1000]))

    assert torch.equal(pictures, digits.pictures[[3, 1000]])
    assert torch.equal(labels, digits.factors([3, 1000]))


# Fruits and faces.


def test_drawn_pictures_have_a_name_for_each_value_and_a_number_for_each_combination(table):
    assert len(table.factor_names) == len(table.factor_sizes)
    assert tuple(map(len, table.factor_values)) == table.factor_sizes
    assert math.prod(table.factor_sizes) == len(table)

    assert torch.equal(table.factors(torch.arange(len(table))), all_factors(table))
    assert table.held_out.shape == (0, len(table.factor_names))


def test_fruits_have_the_factors_that_the_notebooks_tell_of(fruits):
    assert fruits.factor_names == ("object", "colour", "size", "posX", "posY")
    assert fruits.image_shape == (3, 32, 32)

    objects, colours, sizes, _, _ = fruits.factor_values
    assert {"apple", "grapes"} <= set(objects)
    assert {"red", "black"} <= set(colours)
    assert len(colours) >= 6
    assert len(sizes) >= 5


def test_faces_have_the_factors_that_the_notebooks_tell_of(faces):
    assert faces.factor_names == ("skin", "hair", "length", "age", "expression", "glasses")
    assert faces.image_shape == (3, 48, 48)


def test_every_combination_looks_different(table):
    images = table.images(all_factors(table))

    assert len(torch.unique(images.flatten(1), dim=0)) == len(table)
    assert images.min() >= 0
    assert images.max() <= 1
    assert images.std() > 0.1


def test_fruits_of_one_size_have_about_the_same_area_and_centre(fruits):
    black = fruits.code(object=range(5), colour="black", size="medium", posX=1, posY=1)
    paper = torch.tensor(drawing.PAPER)[:, None, None]
    ink = (paper - fruits.images(black)).abs().mean(1)  # [5, 32, 32]

    area = ink.sum((1, 2))  # [5]
    assert (area / area.mean() - 1).abs().max() < 0.1

    # The centres of mass, in pixels from the middle of the picture.
    pixel = torch.arange(32.0) - 15.5
    x = (ink.sum(1) * pixel).sum(1) / area  # [5]
    y = (ink.sum(2) * pixel).sum(1) / area  # [5]
    assert x.abs().max() < 0.5
    assert y.abs().max() < 0.5


def test_posX_runs_right_and_posY_down(fruits):  # noqa: N802
    def mean_place(axis, **place):
        """The centre of mass of the ink, in pixels, once the other axis is summed over."""
        [image] = fruits.images(fruits.code(object="apple", colour="black", **place))
        ink = 1 - image.mean(0)  # [32, 32]
        profile = (ink - ink.min()).sum(axis)  # [32]
        return profile @ torch.arange(32.0)

    # Summed over the rows, axis 0, there is a value for each column, and the other way round.
    columns, rows = 0, 1
    assert mean_place(columns, posX="right", posY=1) > mean_place(columns, posX="left", posY=1)
    assert mean_place(rows, posX=1, posY="low") > mean_place(rows, posX=1, posY="high")


def test_what_is_held_out_is_never_sampled(fruits_with_gaps):
    kind, colour, size, _, _ = fruits_with_gaps.sample(4000, seeded())[1].T

    assert not ((kind == 0) & (colour == 5) & (size == 1)).any()
    assert not ((kind == 4) & (colour == 0)).any()


def test_what_is_left_and_what_is_held_out_are_all_pictures(fruits, fruits_with_gaps):
    left = fruits_with_gaps.factors(torch.arange(len(fruits_with_gaps)))
    out = fruits_with_gaps.held_out

    # A black apple in one size, and red pears in five, each in 9 places.
    assert len(out) == 9 + 5 * 9
    assert len(left) == len(fruits) - len(out)
    assert torch.equal(torch.unique(torch.cat([left, out]), dim=0), all_factors(fruits))

    for column, size in zip(left.T, fruits.factor_sizes, strict=True):
        assert len(column.unique()) == size


def test_what_is_held_out_can_be_drawn_and_named(fruits, fruits_with_gaps):
    out = fruits_with_gaps.held_out

    assert torch.equal(fruits_with_gaps.images(out), fruits.images(out))
    assert fruits_with_gaps.names(out)[0] == ("apple", "black", "small", "left", "high")


def test_what_is_held_out_has_no_number(fruits_with_gaps):
    with pytest.raises(ValueError, match="from 0 to 1,295"):
        fruits_with_gaps.factors(len(fruits_with_gaps))


def test_names_and_code_undo_each_other(table):
    _, factors = table.sample(20, seeded())
    names = zip(*table.names(factors), strict=True)  # of the values, by factor

    values = dict(zip(table.factor_names, names, strict=True))
    assert torch.equal(table.code(**values), factors)


def test_values_are_held_out_by_name_or_by_index():
    by_name = datasets.fruits(hold_out=[BLACK_APPLE])
    by_index = datasets.fruits(hold_out=[{"object": 0, "colour": 5, "size": 1}])

    assert torch.equal(by_name.held_out, by_index.held_out)


@pytest.mark.parametrize(
    "hold_out, message",
    [
        ([{"object": "apple"}], "hold_out leaves no picture with object 'apple'"),
        (
            [{"object": "apple", "colour": colour} for colour in FRUIT_COLOURS],
            "hold_out leaves no picture with object 'apple'",
        ),
        ([{"fruit": "apple"}], "hold_out .* no factor 'fruit'; the factors are object, colour"),
        ([{"object": "plum"}], "hold_out .* 'object' has no value 'plum': it takes 'apple'"),
        ([{"object": 5}], "hold_out .* 'object' has no value 5: .* index from 0 to 4"),
        ([{}], "hold_out is a list of dicts"),
        (["apple"], "hold_out is a list of dicts"),
    ],
)
def test_an_impossible_hold_out_is_named(hold_out, message):
    with pytest.raises(ValueError, match=message):
        datasets.fruits(hold_out=hold_out)


@pytest.mark.parametrize("build", [datasets.fruits, datasets.faces])
def test_drawn_pictures_come_in_three_sizes(build):
    assert build(64).image_shape == (3, 64, 64)

    with pytest.raises(ValueError, match="32, 48 or 64"):
        build(40)
