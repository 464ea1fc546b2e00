"""The published dSprites file, here a small one of the same form."""

import pickle
import zipfile

import numpy as np
import pytest
import torch

from helpers import datasets
from helpers.datasets.base import factors_of_index

# Of 3 shapes, 2 scales, 4 angles and 2 x 2 positions, and what these are called in the whole file.
SIZES = (3, 2, 4, 2, 2)
FACTORS = factors_of_index(range(96), SIZES)  # [96, 5]
FACTORS_IN_FULL = FACTORS * torch.tensor([1, 5, 10, 31, 31])

SOURCE = "github.com/google-deepmind/dsprites-dataset"
DAMAGED = f"damaged or of another kind .*{SOURCE}"


class Bomb:
    """Unpickling it would raise, as running a stranger's code might do worse."""

    def __reduce__(self):
        return pytest.fail, ("something was unpickled",)


@pytest.fixture(scope="module")
def images():
    return datasets.sprites().images(FACTORS_IN_FULL)  # [96, 1, 64, 64]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The file that is read has 96 images; the sprites that are drawn here stay as many."""
    monkeypatch.setattr(datasets.PublishedSprites, "factor_sizes", SIZES)


@pytest.fixture
def write(tmp_path, images):
    """A function that writes the file, some of its arrays changed, and returns its path."""
    colour = np.zeros((96, 1), dtype=np.int64)
    arrays = {
        "imgs": images[:, 0].to(torch.uint8).numpy(),
        "latents_classes": np.concatenate([colour, FACTORS.numpy()], axis=1),
    }

    def written(**changes):
        path = tmp_path / "dsprites.npz"
        np.savez_compressed(path, **(arrays | changes))

        # The published file has a pickled array too, which nobody should open.
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("metadata.npy", pickle.dumps(Bomb()))
        return path

    return written


def test_the_file_is_read_behind_the_face_of_sprites(write, images):
    data = datasets.load_dsprites(write())

    assert len(data) == 96
    assert data.image_shape == (1, 64, 64)
    assert data.factor_names == ("shape", "scale", "orientation", "posX", "posY")
    assert torch.equal(data.images(FACTORS), images)
    assert torch.equal(data.factors(torch.arange(96)), FACTORS)


def test_a_path_may_be_a_string(write, images):
    data = datasets.load_dsprites(str(write()))

    assert torch.equal(data.images(FACTORS), images)


def test_a_sample_of_the_file_is_the_pictures_with_the_numbers_that_are_drawn(write):
    data = datasets.load_dsprites(write())
    images, factors = data.sample(20, torch.Generator().manual_seed(0))

    index = torch.randint(96, (20,), generator=torch.Generator().manual_seed(0))
    their_images, their_factors = data.numbered(index)

    assert images.dtype == torch.float32
    assert torch.equal(images, their_images)
    assert torch.equal(factors, their_factors)


def test_factors_of_the_file_are_said_by_name(write, images):
    data = datasets.load_dsprites(write())
    hearts = data.code(shape="heart", orientation=range(4))

    # A heart's first number is 2 * 32, and an orientation has 4 images.
    assert torch.equal(data.images(hearts), images[[64, 68, 72, 76]])
    with pytest.raises(ValueError, match="'scale' has no value 2: .* index from 0 to 1"):
        data.code(scale=2)


def test_size_32_of_the_file_is_the_mean_of_size_64(write, images):
    data = datasets.load_dsprites(write(), size=32)
    means = torch.nn.functional.avg_pool2d(images, 2)

    assert data.image_shape == (1, 32, 32)
    assert torch.equal(data.images(FACTORS), means)


def test_another_size_of_the_file_is_refused(write):
    with pytest.raises(ValueError, match="size 64 or 32"):
        datasets.load_dsprites(write(), size=48)


def test_factors_that_the_file_does_not_have_are_named(write):
    data = datasets.load_dsprites(write())

    with pytest.raises(ValueError, match="'orientation' runs from 0 to 3"):
        data.images(torch.tensor([[0, 0, 4, 0, 0]]))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=f"there is no file .*{SOURCE}"):
        datasets.load_dsprites(tmp_path / "nowhere.npz")


def test_a_truncated_file_is_named(write):
    path = write()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(ValueError, match=DAMAGED):
        datasets.load_dsprites(path)


def test_a_file_with_a_hole_is_named(write):
    path = write()
    whole = path.read_bytes()
    start = whole.index(b"imgs.npy") + 200
    path.write_bytes(whole[:start] + bytes(50) + whole[start + 50 :])

    with pytest.raises(ValueError, match=DAMAGED):
        datasets.load_dsprites(path)


def test_a_file_that_is_no_archive_is_named(tmp_path):
    path = tmp_path / "dsprites.npz"
    path.write_bytes(b"not an archive")

    with pytest.raises(ValueError, match=DAMAGED):
        datasets.load_dsprites(path)


def test_an_archive_of_other_arrays_is_named(tmp_path):
    path = tmp_path / "dsprites.npz"
    np.savez(path, something=np.zeros(3))

    with pytest.raises(ValueError, match=DAMAGED):
        datasets.load_dsprites(path)


def test_too_few_images_are_named(write, images):
    path = write(imgs=images[:50, 0].to(torch.uint8).numpy())

    with pytest.raises(ValueError, match=rf"images of shape \[50, 64, 64\] .*{SOURCE}"):
        datasets.load_dsprites(path)


def test_images_of_another_type_are_named(write, images):
    path = write(imgs=images[:, 0].numpy())

    with pytest.raises(ValueError, match=f"images of shape .* and type float32.*{SOURCE}"):
        datasets.load_dsprites(path)


def test_factors_in_another_order_are_named(write):
    path = write(latents_classes=np.zeros((96, 6), dtype=np.int64))

    with pytest.raises(ValueError, match=f"not those of dSprites in their order; .*{SOURCE}"):
        datasets.load_dsprites(path)


def test_an_array_of_pickled_objects_is_not_opened(write):
    path = write(latents_classes=np.array([Bomb()] * 96, dtype=object))

    with pytest.raises(ValueError, match="damaged or of another kind"):
        datasets.load_dsprites(path)
