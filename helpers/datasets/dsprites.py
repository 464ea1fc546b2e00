"""The published dSprites images, read from their file, behind the face of `sprites`."""

import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from helpers.datasets.sprites import SIDE, Sprites

AT_ONCE = 4096  # images that are read and packed in one go; all of them together are 3 GB


def load_dsprites(path: Path | str, size: int = 64) -> "PublishedSprites":
    """The published dSprites images, from their file, behind the face of `sprites`.

    path: dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz from
    github.com/google-deepmind/dsprites-dataset, 26 MB.
    size: 64, or 32 for the mean over 2x2 pixels.
    Returns the data set; its images take 380 MB of memory. Of the file's arrays only the images and
    their factors are read, and nothing is unpickled.
    Raises ValueError, saying what is expected, for another or a damaged file.
    """
    return PublishedSprites(path, size)


class PublishedSprites(Sprites):
    """dSprites as they were published (Matthey et al. 2017), eight pixels to a byte."""

    def __init__(self, path: Path | str, size: int = 64) -> None:
        if size not in (32, 64):
            raise ValueError(f"dSprites come in size 64 or 32, not {size!r}")
        self.image_shape = (1, size, size)

        expected = (
            "expected is the file dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz with "
            f"{len(self):,} images of 64x64 pixels, from github.com/google-deepmind/"
            "dsprites-dataset; `sprites()` draws nearly the same images without it"
        )
        if not Path(path).is_file():
            raise ValueError(f"there is no file {path}; {expected}")
        try:
            factors, images = self._read(path)
        except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OSError) as error:
            raise ValueError(
                f"{path} is damaged or of another kind ({error}); {expected}"
            ) from error

        # The first of the file's six columns is the colour, which is white everywhere.
        in_order = self.factors(torch.arange(len(self)))  # [N, 5]
        if factors.shape != (len(self), 6) or not np.array_equal(factors[:, 1:], in_order):
            raise ValueError(
                f"the factors in {path} are not those of dSprites in their order; {expected}"
            )
        self._images = images

    def draw(self, factors: Tensor) -> Tensor:
        """The images [B, 1, size, size] with these factors [B, 5]."""
        index = np.ravel_multi_index(tuple(factors.T.numpy()), self.factor_sizes)  # [B]
        pixels = np.unpackbits(self._images[index], axis=1)  # [B, 64 * 64]
        images = torch.from_numpy(pixels).float().reshape(-1, 1, SIDE, SIDE)

        if self.image_shape[1] == SIDE:
            return images
        return torch.nn.functional.avg_pool2d(images, 2)

    def _read(self, path: Path | str) -> tuple[np.ndarray, np.ndarray]:
        """The factors and the packed images of the file."""
        with zipfile.ZipFile(path) as archive:
            with archive.open("latents_classes.npy") as file:
                factors = np.lib.format.read_array(file, allow_pickle=False)
            with archive.open("imgs.npy") as file:
                images = self._packed(file)
        return factors, images

    def _packed(self, file: IO[bytes]) -> np.ndarray:
        """The images of an open .npy file, eight pixels to a byte: [N, 512]."""
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("an array of an unknown format")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if (shape, fortran, dtype) != ((len(self), SIDE, SIDE), False, np.uint8):
            raise ValueError(f"images of shape {list(shape)} and type {dtype}")

        packed = np.empty((len(self), SIDE * SIDE // 8), dtype=np.uint8)
        for part in np.array_split(packed, max(1, len(self) // AT_ONCE)):
            pixels = np.frombuffer(file.read(len(part) * SIDE * SIDE), dtype=np.uint8)
            part[:] = np.packbits(pixels.reshape(len(part), -1), axis=1)
        return packed
