"""The published dSprites file, here a small one of the same form: 3 shapes, 2 scales, 4 angles, 2 x 2 positions."""

import pickle
import zipfile

import numpy as np
import pytest
import torch

from helpers import datasets

SIZES = (3, 2, 4, 2, 2)


class Bomb:
    """Unpickling it would raise, as running a stranger's code might do worse."""

    def __reduce__(self):
        return pytest.fail, ("something was unpickled",)


@pytest.fixture
def published(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.Sprites, "factor_sizes", SIZES)
    factors = datasets.factors_of_index(torch.arange(96), SIZES)
    full = factors * torch.tensor([1, 5, 10, 31, 31])
    monkeypatch.setattr(datasets.Sprites, "factor_sizes", (3, 6, 40, 32, 32))
    images = datasets.sprites().images(full)
    monkeypatch.setattr(datasets.Sprites, "factor_sizes", SIZES)
    arrays = {"imgs": images[:, 0].to(torch.uint8).numpy(),
              "latents_classes": np.concatenate([np.zeros((96, 1), dtype=np.int64), factors.numpy()], axis=1)}
    path = tmp_path / "dsprites.npz"

    def write(**changes):
        np.savez_compressed(path, **(arrays | changes))
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("metadata.npy", pickle.dumps(Bomb()))
        return path

    return write, images, factors


def test_the_file_is_read_behind_the_face_of_sprites(published):
    write, images, factors = published
    data = datasets.load_dsprites(write())
    assert len(data) == 96 and data.image_shape == (1, 64, 64) and data.factor_names[0] == "shape"
    assert torch.equal(data.images(factors), images)
    assert torch.equal(data.factors(torch.arange(96)), factors)
    drawn, their_factors = data.sample(20, torch.Generator().manual_seed(0))
    assert drawn.dtype == torch.float32 and torch.equal(drawn, data.images(their_factors))
    small = datasets.load_dsprites(write(), size=32)
    assert torch.equal(small.images(factors), torch.nn.functional.avg_pool2d(images, 2))
    with pytest.raises(ValueError, match="orientation"):
        data.images(torch.tensor([[0, 0, 4, 0, 0]]))


def test_a_missing_a_truncated_and_a_foreign_file_are_named(published, tmp_path):
    write, images, factors = published
    where = "github.com/google-deepmind/dsprites-dataset"
    with pytest.raises(ValueError, match=f"there is no file .*{where}"):
        datasets.load_dsprites(tmp_path / "nowhere.npz")
    path = write()
    whole = path.read_bytes()
    path.write_bytes(whole[:len(whole) // 2])
    with pytest.raises(ValueError, match=f"damaged or of another kind .*{where}"):
        datasets.load_dsprites(path)
    middle = whole.index(b"imgs.npy") + 200
    path.write_bytes(whole[:middle] + bytes(50) + whole[middle + 50:])
    with pytest.raises(ValueError, match=f"damaged or of another kind .*{where}"):
        datasets.load_dsprites(path)
    path.write_bytes(b"not an archive")
    with pytest.raises(ValueError, match=f"damaged or of another kind .*{where}"):
        datasets.load_dsprites(path)
    np.savez(path, something=np.zeros(3))
    with pytest.raises(ValueError, match=f"damaged or of another kind .*{where}"):
        datasets.load_dsprites(path)
    for imgs in (images[:50, 0].to(torch.uint8).numpy(), images[:, 0].numpy()):
        with pytest.raises(ValueError, match=f"damaged or of another kind .*images of shape .*{where}"):
            datasets.load_dsprites(write(imgs=imgs))
    shuffled = np.zeros((96, 6), dtype=np.int64)
    with pytest.raises(ValueError, match=f"not those of dSprites in their order; .*{where}"):
        datasets.load_dsprites(write(latents_classes=shuffled))
    with pytest.raises(ValueError, match="size 64 or 32"):
        datasets.load_dsprites(path, size=48)


def test_an_array_of_pickled_objects_is_not_opened(published):
    write, *_ = published
    with pytest.raises(ValueError, match="damaged or of another kind"):
        datasets.load_dsprites(write(latents_classes=np.array([Bomb()] * 96, dtype=object)))
