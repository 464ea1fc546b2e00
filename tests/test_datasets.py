import math

import numpy as np
import pytest
import torch

from helpers import datasets, drawing


@pytest.fixture(scope="module")
def sprites():
    return datasets.sprites(64)


def test_the_face_of_sprites(sprites):
    assert sprites.factor_names == ("shape", "scale", "orientation", "posX", "posY")
    assert sprites.factor_sizes == (3, 6, 40, 32, 32)
    assert len(sprites) == 737_280
    assert sprites.image_shape == (1, 64, 64) and datasets.sprites(32).image_shape == (1, 32, 32)
    images, factors = sprites.sample(5, torch.Generator().manual_seed(0))
    assert images.shape == (5, 1, 64, 64) and images.dtype == torch.float32
    assert factors.shape == (5, 5) and factors.dtype == torch.int64
    assert torch.equal(images, sprites.images(factors))
    assert set(images.unique().tolist()) == {0.0, 1.0}


def inside(shape, u, v):
    """Whether points lie in an outline, by its equation, or for the heart by counting crossings of a ray."""
    if shape == 0:
        return (np.abs(u) <= datasets.SQUARE_HALF_SIDE) & (np.abs(v) <= datasets.SQUARE_HALF_SIDE)
    if shape == 1:
        a, b = datasets.ELLIPSE_HALF_AXES
        return (u / a) ** 2 + (v / b) ** 2 <= 1
    (x0, y0), (x1, y1) = np.array(datasets.HEART_OUTLINE).T, np.roll(datasets.HEART_OUTLINE, -1, axis=0).T
    u, v = u[..., None], v[..., None]
    straddles = (y0 <= v) != (y1 <= v)
    return (straddles & (u < x0 + (v - y0) * (x1 - x0) / (y1 - y0 + (y1 == y0)))).sum(-1) % 2 == 1


@pytest.mark.parametrize("shape", [0, 1, 2])
def test_each_pixel_is_white_where_its_centre_lies_in_the_shape(sprites, shape):
    factors = sprites.sample(60, torch.Generator().manual_seed(shape))[1]
    factors[:, 0] = shape
    y, x = np.mgrid[:64, :64]
    wrong = 0
    for image, (_, scale, orientation, pos_x, pos_y) in zip(sprites.images(factors)[:, 0].numpy(), factors.tolist()):
        s, t = np.linspace(0.5, 1, 6)[scale], np.linspace(0, 2 * np.pi, 40)[orientation]
        dx, dy = x - (15.5 + 32 * pos_x / 31), y - (15.5 + 32 * pos_y / 31)
        u, v = (dx * np.cos(t) + dy * np.sin(t)) / s, (-dx * np.sin(t) + dy * np.cos(t)) / s
        wrong += (inside(shape, u, v) != (image > 0)).sum()
    assert wrong <= 3  # centres that lie on an outline to float32 rounding, out of 245,760


def test_size_32_is_the_mean_of_size_64(sprites):
    factors = sprites.sample(500, torch.Generator().manual_seed(1))[1]
    assert torch.equal(torch.nn.functional.avg_pool2d(sprites.images(factors), 2), datasets.sprites(32).images(factors))


def test_every_number_names_its_own_combination(sprites):
    assert torch.equal(sprites.factors(0), torch.zeros(1, 5, dtype=torch.int64))
    assert sprites.factors(len(sprites) - 1).tolist() == [[2, 5, 39, 31, 31]]
    index = torch.arange(0, len(sprites), 991)
    strides = torch.tensor([6 * 40 * 1024, 40 * 1024, 1024, 32, 1])
    assert torch.equal((sprites.factors(index) * strides).sum(1), index)


def test_the_symmetries_that_the_notebooks_tell_of(sprites):
    def turned(shape, orientation):
        return sprites.images(torch.tensor([[shape, 5, orientation, 10, 20]]))

    assert torch.equal(turned(2, 0), turned(2, 39))  # the first and the last orientation are one angle
    assert not torch.equal(turned(2, 0), turned(2, 13))


def test_corners_stay_in_the_picture(sprites):
    extremes = torch.cartesian_prod(torch.arange(3), torch.tensor([5]), torch.arange(40), torch.tensor([0, 31]),
                                    torch.tensor([0, 31]))
    images = sprites.images(extremes)
    border = images[:, :, [0, -1]].sum() + images[:, :, :, [0, -1]].sum()
    assert border == 0 and (images.sum((1, 2, 3)) > 200).all()


@pytest.mark.parametrize("factors, message", [
    ([[0, 0, 0, 0]], "shape \\[B, 5\\]"),
    ([0, 0, 0, 0, 0], "shape \\[B, 5\\]"),
    ([[3, 0, 0, 0, 0]], "'shape' runs from 0 to 2"),
    ([[0, 0, 0, 0, -1]], "'posY' runs from 0 to 31; here from -1"),
    ([[0.0, 0, 0, 0, 0]], "integer"),
])
def test_impossible_factors_are_named(sprites, factors, message):
    with pytest.raises(ValueError, match=message):
        sprites.images(torch.tensor(factors))


def test_impossible_numbers_and_sizes_are_named(sprites):
    with pytest.raises(ValueError, match="737,279"):
        sprites.factors(torch.tensor([737_280]))
    with pytest.raises(ValueError, match="64 or 32"):
        datasets.sprites(28)


def test_an_empty_batch_of_sprites_is_empty(sprites):
    assert sprites.images(torch.zeros(0, 5, dtype=torch.int64)).shape == (0, 1, 64, 64)


def test_digits():
    digits = datasets.digits()
    assert len(digits) == 1797 and math.prod(digits.image_shape) == 64
    images, factors = digits.sample(7, torch.Generator().manual_seed(0))
    assert images.shape == (7, 1, 8, 8) and factors.shape == (7, 1)
    assert 0 <= digits.pictures.min() and digits.pictures.max() == 1
    assert torch.equal(digits.factors(torch.arange(10))[:, 0], torch.arange(10))  # the file begins 0, 1, 2, …


# Fruits and faces


@pytest.fixture(scope="module", params=["fruits", "faces"])
def drawn(request):
    return getattr(datasets, request.param)()


def all_factors(data):
    return torch.cartesian_prod(*(torch.arange(n) for n in data.factor_sizes))


def test_the_face_of_drawn_pictures(drawn):
    assert len(drawn.factor_names) == len(drawn.factor_values) == len(drawn.factor_sizes)
    assert tuple(map(len, drawn.factor_values)) == drawn.factor_sizes and math.prod(drawn.factor_sizes) == len(drawn)
    images, factors = drawn.sample(7, torch.Generator().manual_seed(0))
    assert images.shape == (7, *drawn.image_shape) and images.dtype == torch.float32
    assert factors.shape == (7, len(drawn.factor_names)) and factors.dtype == torch.int64
    assert torch.equal(images, drawn.images(factors))
    assert torch.equal(images, drawn.sample(7, torch.Generator().manual_seed(0))[0])
    assert torch.equal(drawn.factors(torch.arange(len(drawn))), all_factors(drawn))


def test_fruits_and_faces_have_the_factors_that_the_notebooks_tell_of():
    fruits, faces = datasets.fruits(), datasets.faces()
    assert fruits.factor_names == ("object", "colour", "size", "posX", "posY") and fruits.image_shape == (3, 32, 32)
    assert {"apple", "grapes"} <= set(fruits.factor_values[0]) and {"red", "black"} <= set(fruits.factor_values[1])
    assert fruits.factor_sizes[1] >= 6 and fruits.factor_sizes[2] >= 5
    assert faces.factor_names == ("skin", "hair", "length", "age", "expression", "glasses") and faces.image_shape == (3, 48, 48)


def test_every_combination_looks_different(drawn):
    images = drawn.images(all_factors(drawn))
    assert len(torch.unique(images.flatten(1), dim=0)) == len(drawn)
    assert 0 <= images.min() and images.max() <= 1 and images.std() > 0.1


def test_two_pictures_of_one_size_have_about_the_same_area():
    fruits = datasets.fruits()
    black = torch.tensor([[kind, 5, 2, 1, 1] for kind in range(5)])
    ink = (torch.tensor(drawing.PAPER)[:, None, None] - fruits.images(black)).abs().mean(1)
    area = ink.sum((1, 2))
    assert (area / area.mean() - 1).abs().max() < 0.1
    middle = torch.arange(32.0) - 15.5
    centre = torch.stack([(ink.sum(1) * middle).sum(1), (ink.sum(2) * middle).sum(1)]) / area
    assert centre.abs().max() < 0.5


def test_posX_runs_right_and_posY_down():
    fruits = datasets.fruits()
    dark = 1 - fruits.images(torch.tensor([[0, 5, 0, x, y] for x, y in ((0, 1), (2, 1), (1, 0), (1, 2))])).mean(1)
    middle = torch.arange(32.0)
    right, down = ((dark - dark.amin((1, 2), keepdim=True)).sum(k) @ middle for k in (1, 2))
    assert right[1] > right[0] and down[3] > down[2]


def test_what_is_held_out_is_never_sampled_but_can_be_drawn():
    apple = {"object": "apple", "colour": "black", "size": "small"}
    fruits = datasets.fruits(hold_out=[apple, {"object": "pear", "colour": "red"}, apple])
    whole = datasets.fruits()
    assert len(fruits.held_out) == 9 + 5 * 9 and len(fruits) == len(whole) - len(fruits.held_out)
    left = fruits.factors(torch.arange(len(fruits)))
    assert not set(map(tuple, left.tolist())) & set(map(tuple, fruits.held_out.tolist()))
    assert all(len(column.unique()) == size for column, size in zip(left.T, fruits.factor_sizes))
    sampled = fruits.sample(4000, torch.Generator().manual_seed(0))[1]
    assert not ((sampled[:, 0] == 0) & (sampled[:, 1] == 5) & (sampled[:, 2] == 1)).any()
    assert fruits.names(fruits.held_out)[0] == ("apple", "black", "small", "left", "high")
    assert torch.equal(fruits.images(fruits.held_out), whole.images(fruits.held_out))
    with pytest.raises(ValueError, match="1,295"):
        fruits.factors(len(fruits))


@pytest.mark.parametrize("hold_out, message", [
    ([{"object": "apple"}], "no picture with object 'apple'"),
    ([{"object": "apple", "colour": c} for c in datasets.FRUIT_COLOURS], "no picture with object 'apple'"),
    ([{"fruit": "apple"}], "names the factor 'fruit'; there are object"),
    ([{"object": "plum"}], "object 'plum'; its values are 'apple'"),
    ([{}], "list of dicts"),
    (["apple"], "list of dicts"),
])
def test_an_impossible_hold_out_is_named(hold_out, message):
    with pytest.raises(ValueError, match=message):
        datasets.fruits(hold_out=hold_out)


def test_other_sizes_and_impossible_factors_of_drawn_pictures(drawn):
    build = datasets.fruits if drawn.factor_names[0] == "object" else datasets.faces
    big = build(64)
    assert big.image_shape == (3, 64, 64)
    with pytest.raises(ValueError, match="32, 48 or 64"):
        build(40)
    with pytest.raises(ValueError, match="runs from 0"):
        drawn.images(torch.full((1, len(drawn.factor_names)), 9))
    assert drawn.images(torch.zeros(0, len(drawn.factor_names), dtype=torch.int64)).shape == (0, *drawn.image_shape)
