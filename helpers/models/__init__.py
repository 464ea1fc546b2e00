"""Variational autoencoders with three kinds of networks, and a critic.

An encoder leads from images to (mu, logvar), a decoder from codes to logits.
"""

from collections.abc import Callable
from typing import Any

from helpers.models.conv import conv_vae
from helpers.models.mlp import critic, mlp_vae
from helpers.models.placed import ANGLE_LOGVAR, PLACE_STEP, placed_vae
from helpers.models.vae import LEAST_PIXEL_LOGVAR, VAE

__all__ = [
    "ANGLE_LOGVAR",
    "LEAST_PIXEL_LOGVAR",
    "PLACE_STEP",
    "VAE",
    "build",
    "conv_vae",
    "critic",
    "mlp_vae",
    "placed_vae",
]


def build(config: dict[str, Any]) -> VAE:
    """The network that a `VAE.config` describes, with fresh weights.

    config: "builder", the name of a function of this module, and its arguments.
    Returns a `VAE`.
    Raises KeyError for another builder, and what the builder raises.
    """
    builders: dict[str, Callable[..., VAE]] = {
        "mlp_vae": mlp_vae,
        "conv_vae": conv_vae,
        "placed_vae": placed_vae,
    }
    arguments = dict(config)
    builder = arguments.pop("builder")
    return builders[builder](**arguments)
