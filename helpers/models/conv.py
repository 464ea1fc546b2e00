"""The convolutional variational autoencoder of Burgess et al. 2018."""

import math
from collections.abc import Sequence

from torch import nn

from helpers.models.vae import VAE, checked_config


def conv_vae(
    image_shape: Sequence[int],
    latent_dim: int = 10,
    mean_bound: float | None = None,
    likelihood: str = "bernoulli",
) -> VAE:
    """The convolutional VAE of Burgess et al. 2018 (appendix A.1).

    The encoder has four convolutions of 32 channels, 4x4 kernels and stride 2, then two layers of
    256 units; the decoder is its mirror image. For 64x64 that is the paper's network; for other
    sides the smallest feature map is side / 16 pixels wide.

    image_shape: (C, H, W), where H and W are divisible by 16.
    latent_dim: the number of latents, at least 1.
    mean_bound: how far from 0 a posterior mean can lie; None for no bound.
    likelihood: "bernoulli" or "gaussian", as in `mlp_vae`.
    Returns a `VAE`.
    Raises ValueError for values that are not as said.
    """
    config = checked_config("conv_vae", image_shape, latent_dim, mean_bound, likelihood)
    channels, height, width = image_shape
    if height % 16 or width % 16:
        raise ValueError(
            "conv_vae halves the image four times, so its sides must be divisible by 16, not "
            f"{height}x{width}"
        )

    # Each convolution halves the sides; two hidden layers look at the whole picture.
    map_shape = (32, height // 16, width // 16)
    encoder = nn.Sequential(
        nn.Conv2d(channels, 32, kernel_size=4, stride=2, padding=1),  # [B, 32, H/2, W/2]
        nn.ReLU(inplace=True),
        nn.Conv2d(32, 32, kernel_size=4, stride=2, padding=1),  # [B, 32, H/4, W/4]
        nn.ReLU(inplace=True),
        nn.Conv2d(32, 32, kernel_size=4, stride=2, padding=1),  # [B, 32, H/8, W/8]
        nn.ReLU(inplace=True),
        nn.Conv2d(32, 32, kernel_size=4, stride=2, padding=1),  # [B, 32, H/16, W/16]
        nn.ReLU(inplace=True),
        nn.Flatten(),  # [B, 32 · H/16 · W/16]
        nn.Linear(math.prod(map_shape), 256),  # [B, 256]
        nn.ReLU(inplace=True),
        nn.Linear(256, 256),  # [B, 256]
        nn.ReLU(inplace=True),
        nn.Linear(256, 2 * latent_dim),  # [B, 2 · latent_dim]
    )

    # The same way back: each transposed convolution doubles the sides.
    decoder = nn.Sequential(
        nn.Linear(latent_dim, 256),  # [B, 256]
        nn.ReLU(inplace=True),
        nn.Linear(256, 256),  # [B, 256]
        nn.ReLU(inplace=True),
        nn.Linear(256, math.prod(map_shape)),  # [B, 32 · H/16 · W/16]
        nn.Unflatten(1, map_shape),  # [B, 32, H/16, W/16]
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(32, 32, kernel_size=4, stride=2, padding=1),  # [B, 32, H/8, W/8]
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(32, 32, kernel_size=4, stride=2, padding=1),  # [B, 32, H/4, W/4]
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(32, 32, kernel_size=4, stride=2, padding=1),  # [B, 32, H/2, W/2]
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(32, channels, kernel_size=4, stride=2, padding=1),  # [B, C, H, W]
    )

    return VAE(encoder, decoder, config)
