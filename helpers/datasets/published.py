"""Published data sets of coloured objects, read from their files: Shapes3D and MPI3D."""

import math
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from helpers.datasets.base import FactorDataset

SIDE = 64
AT_ONCE = 2048  # images that are read and made smaller in one go

SHAPES3D: dict[str, int | tuple[str, ...]] = {
    "floor_hue": 10,
    "wall_hue": 10,
    "object_hue": 10,
    "scale": 8,
    "shape": ("cube", "cylinder", "sphere", "capsule"),
    "orientation": 15,
}

# The simulated and the real ones have six colours and six shapes, "real_complex" four of each.
MPI3D_NAMES = (
    "object_colour",
    "object_shape",
    "object_size",
    "camera_height",
    "background_colour",
    "horizontal_axis",
    "vertical_axis",
)
MPI3D_SIZES = ((6, 6, 2, 3, 3, 40, 40), (4, 4, 2, 3, 3, 40, 40))


class PublishedObjects(FactorDataset):
    """Images of all combinations of factors, in order, a byte a pixel and channel in memory."""

    def __init__(
        self, images: np.ndarray, names: Sequence[str], values: Sequence[Sequence[str] | range]
    ) -> None:
        self.stored = images  # [N, size, size, 3], uint8
        self.factor_names = tuple(names)
        self.factor_values = tuple(values)
        self.factor_sizes = tuple(len(known) for known in values)
        self.image_shape = (3, images.shape[1], images.shape[2])

    def draw(self, factors: Tensor) -> Tensor:
        """The images [B, 3, size, size] with these factors [B, K]."""
        index = np.ravel_multi_index(tuple(factors.T.numpy()), self.factor_sizes)  # [B]
        pixels = torch.from_numpy(self.stored[index])  # [B, size, size, 3]
        return pixels.permute(0, 3, 1, 2).float() / 255


def load_shapes3d(path: Path | str, size: int = 32) -> PublishedObjects:
    """The 480,000 images of Shapes3D (Burgess & Kim 2018), from 3dshapes.h5.

    path: of the file, 255 MB, from github.com/google-deepmind/3d-shapes. It needs the package h5py
      (`pip install h5py`).
    size: 32, the mean over 2x2 pixels, which takes 1.5 GB of memory, or 64, which takes 5.9 GB.
    Returns the data set; its factors are class indices, in the order of the file.
    Raises ValueError, saying what is expected, for another or a damaged file and another size;
    ImportError without h5py.
    """
    values = [range(known) if isinstance(known, int) else known for known in SHAPES3D.values()]
    sizes = [len(known) for known in values]
    expected = (
        f"expected is the file 3dshapes.h5 with {math.prod(sizes):,} images of 64x64 pixels, from "
        "github.com/google-deepmind/3d-shapes"
    )
    _check(path, size, expected)
    try:
        import h5py
    except ImportError as error:
        raise ImportError(f"{path} is read with the package h5py: pip install h5py") from error

    try:
        with h5py.File(path) as file:
            stored, labels = file["images"], file["labels"]
            if stored.shape[1:] != (SIDE, SIDE, 3) or stored.dtype != np.uint8:
                raise ValueError(f"images of shape {list(stored.shape)} and type {stored.dtype}")
            if len(stored) != math.prod(sizes) or not _in_order(np.asarray(labels), sizes):
                raise ValueError("the factors are not those of Shapes3D in their order")
            images = _smaller(len(stored), size, lambda start, stop: stored[start:stop])
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is damaged or of another kind ({error}); {expected}") from error
    return PublishedObjects(images, tuple(SHAPES3D), values)


def load_mpi3d(path: Path | str, size: int = 32) -> PublishedObjects:
    """The images of one of the MPI3D data sets (Gondal et al. 2019), from its .npz file.

    path: of the file, such as mpi3d_toy.npz, from github.com/rr-learning/disentanglement_dataset:
      1,036,800 images, or 460,800 of "real_complex".
    size: 32, the mean over 2x2 pixels, which takes 3.2 GB of memory, or 64, which takes 12.7 GB.
    Returns the data set. The file holds images only; their factors follow from their order.
    Raises ValueError, saying what is expected, for another or a damaged file and another size.
    """
    counts = " or ".join(f"{math.prod(sizes):,}" for sizes in MPI3D_SIZES)
    expected = (
        f"expected is an MPI3D file with the array images, {counts} of 64x64 pixels, from "
        "github.com/rr-learning/disentanglement_dataset"
    )
    _check(path, size, expected)
    try:
        with zipfile.ZipFile(path) as archive, archive.open("images.npy") as file:
            shape, fortran, dtype = _header(file)
            known = {math.prod(sizes): sizes for sizes in MPI3D_SIZES}
            if shape[0] not in known or (shape[1:], fortran) != ((SIDE, SIDE, 3), False):
                raise ValueError(f"images of shape {list(shape)}")
            if dtype != np.uint8:
                raise ValueError(f"images of type {dtype}")

            def read(start: int, stop: int) -> np.ndarray:
                """The next images of the file."""
                pixels = np.frombuffer(file.read((stop - start) * SIDE * SIDE * 3), dtype=np.uint8)
                return pixels.reshape(-1, SIDE, SIDE, 3)

            images = _smaller(shape[0], size, read)
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path} is damaged or of another kind ({error}); {expected}") from error
    return PublishedObjects(images, MPI3D_NAMES, [range(count) for count in known[shape[0]]])


def _check(path: Path | str, size: int, expected: str) -> None:
    """ValueError for a size that there is not, and for a file that is not there."""
    if size not in (SIDE // 2, SIDE):
        raise ValueError(f"size must be {SIDE // 2} or {SIDE}, not {size!r}")
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path}; {expected}")


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type of an open .npy file."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


def _in_order(labels: np.ndarray, sizes: Sequence[int]) -> bool:
    """Whether the rows of labels [N, K] run through all combinations, the last factor fastest."""
    classes = np.stack([np.unique(column, return_inverse=True)[1] for column in labels.T], axis=1)
    combinations = np.stack(np.unravel_index(np.arange(len(labels)), sizes), axis=1)
    return np.array_equal(classes, combinations)


def _smaller(count: int, size: int, read: Callable[[int, int], np.ndarray]) -> np.ndarray:
    """All images [N, size, size, 3], uint8, read some at a time."""
    images = np.empty((count, size, size, 3), dtype=np.uint8)
    for start in range(0, count, AT_ONCE):
        part = read(start, min(start + AT_ONCE, count))
        if size < SIDE:
            blocks = part.reshape(len(part), size, 2, size, 2, 3)
            part = np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8)
        images[start : start + len(part)] = part
    return images
