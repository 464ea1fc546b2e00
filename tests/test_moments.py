import numpy as np
import pytest
import torch

from helpers import datasets, metrics
from helpers.moments import MOMENTS, classes, moments, rank_correlations, slopes

SPRITES = datasets.sprites(64)


def ellipses(**factors):
    return moments(SPRITES.images(SPRITES.code(shape="ellipse", **factors)))


def test_the_centre_moves_with_the_place_and_nothing_else_does():
    found = ellipses(scale=5, orientation=3, posX=range(32), posY=10)
    assert torch.allclose(found[:, 0].diff(), torch.full((31,), 32 / 31), atol=0.2)
    assert (found[:, 1:] - found[0, 1:]).abs().max() < 1.5  # pixels are whole


def test_the_size_is_the_root_of_the_area():
    found = ellipses(scale=range(6), orientation=0, posX=16, posY=16)
    area = np.pi * 7.2 * 12.7 * np.linspace(0.5, 1, 6) ** 2
    assert found[:, 2].numpy() == pytest.approx(np.sqrt(area), rel=0.03)


def test_the_stretch_turns_by_the_double_angle():
    found = ellipses(scale=5, orientation=range(40), posX=16, posY=16)
    stretch = torch.complex(found[:, 3], found[:, 4])
    expected = (12.7**2 - 7.2**2) / 4 / (np.pi * 12.7 * 7.2)  # second moments, over the area
    assert stretch.abs().numpy() == pytest.approx(expected, rel=0.08)

    # Between neighbours lies a 39th of a turn, so a 39th of two turns here, always the same way.
    steps = torch.angle(stretch[1:] / stretch[:-1])
    assert (steps.sign() == steps[0].sign()).all()
    assert steps.sum().abs().item() == pytest.approx(4 * np.pi, abs=0.1)


def test_the_stretch_is_the_same_at_every_size():
    found = ellipses(scale=range(6), orientation=0, posX=16, posY=16)[:, 3:].norm(dim=1)
    assert found.numpy() == pytest.approx(
        found[-1].item(), rel=0.15
    )  # the smallest have few pixels


def test_a_square_has_no_stretch():
    squares = SPRITES.images(SPRITES.code(shape="square", orientation=range(40)))
    assert moments(squares)[:, 3:].abs().max() < 0.01


def test_a_wide_figure_is_parallel_and_a_diagonal_one_is_diagonal():
    figures = torch.zeros(3, 1, 7, 7)
    figures[0, 0, 3, 1:6] = 1  # to the right
    figures[1, 0, 1:6, 3] = 1  # down
    figures[2, 0, range(1, 6), range(1, 6)] = 1  # to the right and down
    across, down, diagonal = moments(figures)[:, 3:]
    assert torch.allclose(across, torch.tensor([2.0, 0.0]) / 5)
    assert torch.allclose(down, torch.tensor([-2.0, 0.0]) / 5)
    assert torch.allclose(diagonal, torch.tensor([0.0, 4.0]) / 5)


def test_moments_have_a_name_each():
    assert moments(torch.ones(2, 1, 4, 6)).shape == (2, len(MOMENTS))


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (torch.ones(2, 3, 4, 4), r"\[N, 1, H, W\]"),
        (torch.ones(4, 4), r"\[N, 1, H, W\]"),
        (torch.zeros(2, 1, 4, 4), "black all over"),
    ],
)
def test_pictures_without_moments_are_refused(images, said):
    with pytest.raises(ValueError, match=said):
        moments(images)


def test_rank_correlations_see_order_and_not_shape():
    generator = np.random.default_rng(0)
    quantity = generator.normal(size=(500, 2))
    codes = np.stack([np.exp(quantity[:, 0]), -(quantity[:, 1] ** 3), np.zeros(500)], axis=1)
    found = rank_correlations(codes, quantity)
    assert found.shape == (3, 2)
    assert found[[0, 1], [0, 1]] == pytest.approx([1, 1])
    assert max(found[0, 1], found[1, 0]) < 0.15
    assert (found[2] == 0).all()


def test_slopes_are_the_coefficients_of_the_least_squares_whatever_the_origin():
    generator = np.random.default_rng(0)
    place = generator.normal(size=(300, 2))
    noise = generator.normal(size=300)
    codes = np.stack([2 * place[:, 0] - place[:, 1] + 5, noise], axis=1)
    assert slopes(codes, place)[0] == pytest.approx([2, -1])
    assert np.abs(slopes(codes, place)[1]).max() < 0.2
    assert slopes(codes, place + 100) == pytest.approx(slopes(codes, place))


def test_classes_are_equally_frequent_and_keep_the_order():
    values = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0))
    found = classes(values, 8)
    assert [np.bincount(column).tolist() for column in found.T] == [[125] * 8] * 3
    for column, value in zip(found.T, values.T, strict=True):
        assert (np.diff(column[value.argsort()]) >= 0).all()


def test_the_moments_themselves_have_nearly_all_of_their_mig():
    images, _ = datasets.sprites(32).sample(5000, torch.Generator().manual_seed(0))
    measured = moments(images)
    score = metrics.mig(classes(measured), classes(measured)).score
    assert score > 0.8
