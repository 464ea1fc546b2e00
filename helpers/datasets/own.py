"""Pictures of one's own: a folder of files, arrays, and whatever PyTorch's loaders take."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from torch import Tensor

from helpers.datasets.base import Dataset, as_index
from helpers.metrics.inputs import Table, labels_of

ENDINGS = (".png", ".jpg", ".jpeg")
CHANNELS = (1, 3, 4)
LOOKED_AT = 64  # images by which a data set is told from another

TWO_METHODS = """train takes arrays and tensors of images, PyTorch's Dataset and DataLoader, what \
helpers.datasets gives, and any object with these two methods:

    def __len__(self): ...                            # how many images there are
    def sample(self, n, generator=None): ...          # n of them [n, C, H, W], and their factors"""


class Pictures(Dataset):
    """Images that lie in memory, as bytes or as numbers, with factors if they have any.

    files: of `pictures`, the name of each image's file, in the images' order; else empty.
    """

    files: tuple[str, ...] = ()

    def __init__(
        self,
        images: Tensor,
        factors: Tensor,
        factor_names: Sequence[str],
        factor_values: Sequence[Sequence[Any]],
    ) -> None:
        self.stored = images  # [N, C, H, W], uint8 or float32
        self.stored_factors = factors  # [N, K], int64
        self.factor_names = tuple(factor_names)
        self.factor_values = tuple(tuple(values) for values in factor_values)
        self.factor_sizes = tuple(len(values) for values in self.factor_values)
        channels, height, width = images.shape[1:]
        self.image_shape = (channels, height, width)

    def __len__(self) -> int:
        return len(self.stored)

    def factors(self, index: Tensor | Sequence[int]) -> Tensor:
        """Factors [B, K], int64 class indices, of the images with these numbers."""
        return self.stored_factors[as_index(index)]

    def numbered(self, index: Tensor | Sequence[int]) -> tuple[Tensor, Tensor]:
        """The images [B, C, H, W] with these numbers, and their factors [B, K]."""
        index = as_index(index)
        images = self.stored[index]
        return (images / 255 if images.dtype == torch.uint8 else images), self.factors(index)


def pictures(folder: Path | str, size: int = 64) -> Pictures:
    """The PNG and JPEG files of a folder, sorted by name.

    folder: its own files, not those of folders inside it.
    size: of the square to which each picture's middle is scaled.
    Returns a data set without factors: grey if every file is, else with red, green and blue; what
    is transparent becomes white. It keeps a byte a pixel and channel, and in `.files` the names.
    Raises ValueError for a folder that does not exist or has no such files, a file that is no
    picture, and a size below 1.
    """
    from PIL import Image, ImageOps

    if not isinstance(size, int) or size < 1:
        raise ValueError(
            f"size is the side of the pictures in pixels, whole and at least 1, not {size!r}"
        )
    folder = Path(folder).expanduser()
    files = _picture_files(folder)

    squares = []
    for file in files:
        try:
            with Image.open(file) as opened:
                upright = ImageOps.exif_transpose(opened)
                squares.append(
                    ImageOps.fit(_on_white(upright), (size, size), Image.Resampling.LANCZOS)
                )
        except (OSError, ValueError, SyntaxError) as error:
            raise ValueError(
                f"{file} cannot be read as a picture ({error}); mend it, or take it out of the "
                "folder"
            ) from error

    mode = "L" if all(square.mode == "L" for square in squares) else "RGB"
    pixels = np.stack([np.asarray(square.convert(mode)) for square in squares])
    found = table(pixels[:, None] if mode == "L" else pixels)
    found.files = tuple(file.name for file in files)
    return found


def _picture_files(folder: Path) -> list[Path]:
    """The pictures in a folder, sorted by name; ValueError if there are none."""
    if not folder.is_dir():
        what = "a file" if folder.exists() else "not there"
        raise ValueError(f"pictures takes a folder of PNG or JPEG files, and {folder} is {what}")

    # What a system hides there, such as macOS's "._a.png", is nobody's picture.
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    files = [path for path in inside if path.suffix.lower() in ENDINGS and path.is_file()]
    if not files:
        found = ", ".join(path.name for path in inside[:3]) or "nothing"
        raise ValueError(
            f"there is no PNG or JPEG file in {folder.resolve()}, but {found}; files in folders "
            "inside it are not read"
        )
    return files


def _on_white(picture: Any) -> Any:
    """A picture of Pillow's as grey or RGB, what is transparent on white, 16 bits cut to 8."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits a pixel, in PNG
        levels = np.asarray(picture, dtype=np.float64)
        return Image.fromarray(np.uint8(np.rint(levels / 65535 * 255).clip(0, 255)))
    if "A" in picture.mode or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        opaque = Image.alpha_composite(white, seen)
        return opaque.convert("L" if picture.mode in ("LA", "La") else "RGB")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def table(
    images: Any, factors: Table | None = None, factor_names: Sequence[str] | None = None
) -> Pictures:
    """Images, or rows of numbers, that are already in memory.

    images: [N, C, H, W] or [N, H, W, C] with one, three or four channels, [N, H, W], or a table
      [N, D], which becomes images of shape (1, 1, D): arrays, tensors or lists. Bytes 0 to 255 are
      taken as they are and drawn as numbers from 0 to 1; floats stay what they are.
    factors: [N, K], or [N]: classes as in `metrics.mig`, such as names. None: there are none.
    factor_names: K texts; by default the columns' names, or their numbers.
    Returns a data set; its `.factor_values` are what the factors' classes were called.
    Raises ValueError for other shapes, NaN, whole numbers outside 0 to 255, unequal lengths, gaps
    among the factors, and names that are not K.
    """
    pixels = _as_images(images)
    broken = ~torch.isfinite(pixels).flatten(1).all(dim=1)
    if broken.any():
        raise ValueError(
            f"{int(broken.sum())} of {len(pixels)} images hold NaN or infinite values, the first "
            f"of them number {int(broken.nonzero()[0])}; leave these images out, or fill the gaps"
        )
    if factors is None:
        return Pictures(pixels, torch.zeros(len(pixels), 0, dtype=torch.int64), (), ())

    labels = labels_of(factors)
    lengths = {len(column.values) for column in labels}
    if lengths != {len(pixels)}:
        raise ValueError(
            f"there are {len(pixels)} images and {lengths.pop()} rows of factors; row i of both "
            "must belong to the same image"
        )
    names = [column.name for column in labels] if factor_names is None else list(factor_names)
    if len(names) != len(labels):
        raise ValueError(f"there are {len(labels)} factors and {len(names)} factor_names: {names}")

    classes = np.stack([column.classes() for column in labels], axis=1)  # [N, K]
    values = [np.unique(column.values).tolist() for column in labels]
    return Pictures(pixels, torch.from_numpy(classes), [str(name) for name in names], values)


def _as_images(images: Any) -> Tensor:
    """Images [N, C, H, W], uint8 or float32, from what `table` takes."""
    as_it_is = isinstance(images, np.ndarray | Tensor)
    try:
        tensor = torch.as_tensor(images if as_it_is else np.array(images))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"images must be an array or a tensor of numbers, all of one shape ({error})"
        ) from error
    tensor = tensor.detach().cpu()
    if tensor.ndim not in (2, 3, 4) or not tensor.numel() or tensor.is_complex():
        raise ValueError(
            "images must be real numbers of shape [N, C, H, W], [N, H, W, C], [N, H, W] or, for a "
            f"table, [N, D]; these have the shape {list(tensor.shape)}"
        )

    # Bytes in a wider type are bytes all the same; other whole numbers are pixels only in a table.
    if tensor.dtype in (torch.uint16, torch.uint32, torch.uint64):
        tensor = tensor.long()  # torch compares few unsigned types
    if not tensor.is_floating_point() and tensor.dtype != torch.bool:
        if tensor.ndim > 2 and not (0 <= int(tensor.min()) and int(tensor.max()) <= 255):
            raise ValueError(
                f"whole pixels must lie in 0 to 255; these run from {int(tensor.min())} to "
                f"{int(tensor.max())}: divide by the largest that there can be"
            )
        is_binary = int(tensor.max()) <= 1  # black and white: bytes of 0 and 1 are no grey levels
        is_bytes = tensor.dtype == torch.uint8 or tensor.ndim > 2
        tensor = tensor.byte() if is_bytes and not is_binary else tensor.float()
    if tensor.dtype != torch.uint8:
        tensor = tensor.float()

    if tensor.ndim == 2:
        return tensor[:, None, None, :]
    if tensor.ndim == 3:
        if tensor.shape[0] in CHANNELS[1:] or tensor.shape[2] in CHANNELS[1:]:
            raise ValueError(
                f"images of shape {list(tensor.shape)} may be one picture in colour: give a list "
                "of pictures, images[None]; or, of grey ones, [N, 1, H, W]"
            )
        return tensor[:, None]
    if tensor.shape[1] not in CHANNELS and tensor.shape[3] not in CHANNELS:
        raise ValueError(
            f"of the shape {list(tensor.shape)} neither the second nor the last axis has one, "
            "three or four channels: give [N, C, H, W] or [N, H, W, C]"
        )
    channels_last = tensor.shape[1] not in CHANNELS and tensor.shape[3] in CHANNELS
    return tensor.permute(0, 3, 1, 2).contiguous() if channels_last else tensor


def fingerprint(dataset: Any) -> dict[str, Any]:
    """What tells a data set from another: how many images, their shape, and a hash of a few.

    There is no hash where images are drawn that no seed repeats.
    """
    places = torch.linspace(0, len(dataset) - 1, min(LOOKED_AT, len(dataset))).long()

    def looked_at() -> Any:
        if hasattr(dataset, "numbered"):
            return np.asarray(dataset.numbered(places)[0].cpu())
        images = dataset.sample(len(places), torch.Generator().manual_seed(0))[0]
        return np.asarray(torch.as_tensor(images).cpu())

    images = looked_at()
    known = {"images": len(dataset), "shape": list(images.shape[1:])}
    if hasattr(dataset, "numbered") or np.array_equal(images, looked_at()):
        known["fingerprint"] = joblib.hash(images)
    return known


class _Items(Dataset):
    """What has numbered items, as PyTorch's map-style data sets have, each drawn when asked for."""

    def __init__(self, items: Any) -> None:
        self.items = items
        self.factor_names = ()
        self.factor_sizes = ()
        channels, height, width = self.numbered([0])[0].shape[1:]
        self.image_shape = (channels, height, width)

    def __len__(self) -> int:
        return len(self.items)

    def factors(self, index: Tensor | Sequence[int]) -> Tensor:
        """No factors, [B, 0]: what is beside an item's image may be anything."""
        return torch.zeros(len(as_index(index)), 0, dtype=torch.int64)

    def numbered(self, index: Tensor | Sequence[int]) -> tuple[Tensor, Tensor]:
        """The images [B, C, H, W] with these numbers, and no factors [B, 0]."""
        chosen = [self.items[int(number)] for number in as_index(index)]
        first = [item[0] if isinstance(item, tuple | list) else item for item in chosen]
        tensors = [torch.tensor(np.asarray(image)) for image in first]
        shapes = {tuple(tensor.shape) for tensor in tensors}
        if len(shapes) > 1:
            raise ValueError(
                f"the images have several shapes, such as {sorted(shapes)[:2]}: bring them to one, "
                "for example with a transform of the data set"
            )
        images = _as_images(torch.stack(tensors))
        return (images / 255 if images.dtype == torch.uint8 else images), self.factors(index)


def as_dataset(data: Any) -> Any:
    """Whatever images can be drawn from, as something with `sample` and a length.

    data: an object with these two is returned as it is. An array, a tensor or a data frame becomes
      a `table`;
      PyTorch's Dataset, or that of a DataLoader, gives its items, of which the image stands first.
    Raises ValueError, with the two methods that are needed, for everything else.
    """
    is_frame = hasattr(data, "columns") and hasattr(data, "iloc")  # it has a `sample` of its own
    if isinstance(data, np.ndarray | Tensor) or is_frame:
        return table(data)
    if hasattr(data, "sample") and hasattr(data, "__len__"):
        return data
    if isinstance(data, torch.utils.data.DataLoader):
        return as_dataset(data.dataset)

    if isinstance(data, str | Path):
        raise ValueError(f"of a folder take datasets.pictures({str(data)!r}). {TWO_METHODS}")
    iterable = isinstance(data, torch.utils.data.IterableDataset)
    if iterable or not (hasattr(data, "__getitem__") and hasattr(data, "__len__")):
        raise ValueError(f"no images can be drawn from a {type(data).__name__}. {TWO_METHODS}")
    if not len(data):
        raise ValueError(f"this {type(data).__name__} has no images. {TWO_METHODS}")
    try:
        return _Items(data)
    except (TypeError, ValueError, KeyError, RuntimeError, IndexError) as error:
        raise ValueError(
            f"the items of this {type(data).__name__} do not begin with an image ({error}). "
            f"{TWO_METHODS}"
        ) from error
