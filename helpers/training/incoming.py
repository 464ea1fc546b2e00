"""Images on their way to a model: brought to its shape, type and device where that is clear."""

import math
from typing import Any

import torch
from torch import Tensor

from helpers.models import VAE


def as_images(images: Any, model: VAE) -> Tensor:
    """Images as this model takes them, if there is only one way to read them.

    images: an array or a tensor. Bytes become numbers from 0 to 1 (where none is above 1, they are
      black and white, 0 and 1, already), other types that of the model;
      channels in the last place, a missing axis for the one channel there is, and rows [B, C·H·W]
      are brought to the model's shape.
    Returns a tensor on the model's device. What cannot be brought to the model's shape, or is out
    of range, is as it was: `model.encode` refuses it, and says why.
    """
    weight = next(model.parameters())
    tensor = torch.as_tensor(images)
    shape = getattr(model, "image_shape", tensor.shape[1:])  # a model of your own need not say it
    if tensor.shape[1:] != shape:
        tensor = _reshaped(tensor, shape)

    if tensor.dtype == torch.uint8:
        tensor = tensor.to(weight.device)  # moved before it is four times as large
        tensor = tensor / 255 if len(tensor) and tensor.max() > 1 else tensor
    return tensor.to(weight.device, weight.dtype)


def _reshaped(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The same images in the shape [B, C, H, W], where it is clear how."""
    channels, height, width = shape
    if tensor.shape[1:] == (height, width, channels):
        return tensor.permute(0, 3, 1, 2)
    if channels == 1 and tensor.shape[1:] == (height, width):
        return tensor[:, None]
    if tensor.ndim == 2 and tensor.shape[1] == math.prod(shape):
        return tensor.reshape(-1, *shape)
    return tensor
