"""Variational autoencoders, as a small MLP or a convolutional network, and a critic.

An encoder leads from images to (mu, logvar), a decoder from codes to logits.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class VAE(nn.Module):
    """An encoder and a decoder.

    encoder: from [B, C, H, W] to [B, 2 · latent_dim], the posterior means and log-variances.
    decoder: from [B, latent_dim] to [B, C, H, W], the logits of the pixels.
    config: the arguments that rebuild the same network, for the weights file; see `build`. With
      its `mean_bound` b the means are b · tanh(u / b), which keeps them within (-b, b) and leaves
      small ones as they are.
    """

    encoder: nn.Module
    decoder: nn.Module
    config: dict[str, Any]
    image_shape: tuple[int, ...]  # (C, H, W)
    latent_dim: int
    mean_bound: float | None

    def __init__(self, encoder: nn.Module, decoder: nn.Module, config: dict[str, Any]) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.config = config
        self.image_shape = tuple(config["image_shape"])
        self.latent_dim = config["latent_dim"]
        self.mean_bound = config["mean_bound"]

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The posterior of each image.

        images: [B, C, H, W], in [0, 1].
        Returns (mu, logvar), each [B, latent_dim].
        Raises ValueError for images of another shape, and for none.
        """
        if tuple(images.shape[1:]) != self.image_shape or not len(images):
            shape = ", ".join(map(str, self.image_shape))
            raise ValueError(
                f"this model takes images of shape [B, {shape}] with B at least 1; these have the "
                f"shape {list(images.shape)}"
            )

        # Both numbers of every latent come from the same network.
        mu, logvar = self.encoder(images).chunk(2, dim=1)  # [B, latent_dim] each
        if self.mean_bound is not None:
            mu = self.mean_bound * torch.tanh(mu / self.mean_bound)
        return mu, logvar

    def decode(self, codes: Tensor) -> Tensor:
        """The image that belongs to each code.

        codes: [B, latent_dim].
        Returns logits [B, C, H, W]; their sigmoid is the mean image.
        Raises ValueError for codes of another shape.
        """
        if codes.ndim != 2 or codes.shape[1] != self.latent_dim:
            raise ValueError(
                f"this model takes codes of shape [B, {self.latent_dim}]; these have "
                f"{list(codes.shape)}"
            )
        return self.decoder(codes)


def mlp_vae(
    image_shape: Sequence[int],
    latent_dim: int = 10,
    hidden: int = 400,
    mean_bound: float | None = None,
    background: float | None = None,
) -> VAE:
    """A VAE of fully connected layers, two hidden ones on each side.

    image_shape: (C, H, W).
    latent_dim: the number of latents, at least 1.
    hidden: the number of ReLU units in each hidden layer.
    mean_bound: how far from 0 a posterior mean can lie; None for no bound.
    background: the value in (0, 1) of most pixels, for pictures on light paper. The encoder then
      sees the difference from it and the decoder's pixels start there, so that the network need
      not first learn what is the same in every picture.
    Returns a `VAE`.
    Raises ValueError for values that are not as said.
    """
    config = _checked_config("mlp_vae", image_shape, latent_dim, mean_bound)
    config["hidden"] = hidden
    if background is not None and not 0 < background < 1:
        raise ValueError(
            "background is a pixel's value between 0 and 1, both excluded, or None, not "
            f"{background!r}"
        )

    # From pixels to the two numbers of each latent.
    pixels = math.prod(image_shape)
    encoder = nn.Sequential(
        nn.Flatten(),  # [B, pixels]
        nn.Linear(pixels, hidden),  # [B, hidden]
        nn.ReLU(inplace=True),
        nn.Linear(hidden, hidden),  # [B, hidden]
        nn.ReLU(inplace=True),
        nn.Linear(hidden, 2 * latent_dim),  # [B, 2 · latent_dim]
    )

    # The same way back.
    decoder = nn.Sequential(
        nn.Linear(latent_dim, hidden),  # [B, hidden]
        nn.ReLU(inplace=True),
        nn.Linear(hidden, hidden),  # [B, hidden]
        nn.ReLU(inplace=True),
        nn.Linear(hidden, pixels),  # [B, pixels]
        nn.Unflatten(1, tuple(image_shape)),  # [B, C, H, W]
    )

    if background is not None:
        config["background"] = background
        _start_from(background, encoder, decoder)

    return VAE(encoder, decoder, config)


def conv_vae(
    image_shape: Sequence[int], latent_dim: int = 10, mean_bound: float | None = None
) -> VAE:
    """The convolutional VAE of Burgess et al. 2018 (appendix A.1).

    The encoder has four convolutions of 32 channels, 4x4 kernels and stride 2, then two layers of
    256 units; the decoder is its mirror image. For 64x64 that is the paper's network; for other
    sides the smallest feature map is side / 16 pixels wide.

    image_shape: (C, H, W), where H and W are divisible by 16.
    latent_dim: the number of latents, at least 1.
    mean_bound: how far from 0 a posterior mean can lie; None for no bound.
    Returns a `VAE`.
    Raises ValueError for values that are not as said.
    """
    config = _checked_config("conv_vae", image_shape, latent_dim, mean_bound)
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


def critic(latent_dim: int, hidden: int = 64) -> nn.Sequential:
    """A network that tells codes of the encoder from codes of the prior.

    latent_dim: the number of latents, at least 1.
    hidden: the number of units in each of two hidden layers, at least 1.
    Returns a network from codes [B, latent_dim] to one logit each, [B]: how much more likely a code
    is under q(z) than under p(z).
    Raises ValueError for sizes below 1.
    """
    if latent_dim < 1 or hidden < 1:
        raise ValueError(
            "a critic needs at least one latent and one hidden unit, not "
            f"{latent_dim!r} and {hidden!r}"
        )

    # What comes out is one number a code, without an axis of its own.
    return nn.Sequential(
        nn.Linear(latent_dim, hidden),  # [B, hidden]
        nn.SiLU(),
        nn.Linear(hidden, hidden),  # [B, hidden]
        nn.SiLU(),
        nn.Linear(hidden, 1),  # [B, 1]
        nn.Flatten(0),  # [B]
    )


def build(config: dict[str, Any]) -> VAE:
    """The network that a `VAE.config` describes, with fresh weights.

    config: "builder", the name of a function of this module, and its arguments.
    Returns a `VAE`.
    Raises KeyError for another builder, and what the builder raises.
    """
    builders: dict[str, Callable[..., VAE]] = {"mlp_vae": mlp_vae, "conv_vae": conv_vae}
    arguments = dict(config)
    builder = arguments.pop("builder")
    return builders[builder](**arguments)


def _start_from(background: float, encoder: nn.Sequential, decoder: nn.Sequential) -> None:
    """Take a background out of the pixels before the first layer, put it back after the last."""
    first = _linear_layers(encoder)[0]
    last = _linear_layers(decoder)[-1]
    with torch.no_grad():
        # w · x + b with b = -w · background is w · (x - background).
        first.bias.sub_(background * first.weight.sum(1))  # [hidden]
        last.bias.add_(math.log(background / (1 - background)))  # [pixels]


def _linear_layers(network: nn.Sequential) -> list[nn.Linear]:
    return [layer for layer in network if isinstance(layer, nn.Linear)]


def _checked_config(
    builder: str, image_shape: Sequence[int], latent_dim: int, mean_bound: float | None
) -> dict[str, Any]:
    """What every `VAE.config` holds; ValueError for arguments that make no network."""
    if len(image_shape) != 3 or min(image_shape) < 1:
        raise ValueError(f"image_shape must be (channels, height, width), not {image_shape!r}")
    if latent_dim < 1:
        raise ValueError(f"latent_dim must be at least 1, not {latent_dim!r}")
    if mean_bound is not None and not mean_bound > 0:
        raise ValueError(f"mean_bound must be positive, or None for no bound, not {mean_bound!r}")

    # A weights file keeps this as JSON, which knows lists and no tuples.
    return {
        "builder": builder,
        "image_shape": list(image_shape),
        "latent_dim": latent_dim,
        "mean_bound": mean_bound,
    }
