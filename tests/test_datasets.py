import math

import numpy as np
import pytest
import torch

from helpers import datasets


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
