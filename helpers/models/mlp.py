"""Networks of fully connected layers: a variational autoencoder, and a critic."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from helpers.models.vae import VAE, checked_config


def mlp_vae(
    image_shape: Sequence[int],
    latent_dim: int = 10,
    hidden: int = 400,
    mean_bound: float | None = None,
    background: float | None = None,
    likelihood: str = "bernoulli",
) -> VAE:
    """A VAE of fully connected layers, two hidden ones on each side.

    image_shape: (C, H, W).
    latent_dim: the number of latents, at least 1.
    hidden: the number of ReLU units in each hidden layer.
    mean_bound: how far from 0 a posterior mean can lie; None for no bound.
    background: the value in (0, 1) of most pixels, for pictures on light paper. The encoder then
      sees the difference from it and the decoder's pixels start there, so that the network need
      not first learn what is the same in every picture.
    likelihood: of a pixel given the code. "bernoulli": pixels in [0, 1] are the chances of coins.
      "gaussian": any numbers, such as the columns of a table with image_shape (1, 1, columns); the
      variance is learned (Rybkin et al. 2021).
    Returns a `VAE`.
    Raises ValueError for values that are not as said.
    """
    config = checked_config("mlp_vae", image_shape, latent_dim, mean_bound, likelihood)
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
        logit = math.log(background / (1 - background))
        put_back = background if likelihood == "gaussian" else logit
        _start_from(background, put_back, encoder, decoder)

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


def _start_from(
    background: float, put_back: float, encoder: nn.Sequential, decoder: nn.Sequential
) -> None:
    """Take a background out of the pixels before the first layer, put it back after the last.

    put_back: what the decoder says where it says the background: its logit, or itself.
    """
    first = _linear_layers(encoder)[0]
    last = _linear_layers(decoder)[-1]
    with torch.no_grad():
        # w · x + b with b = -w · background is w · (x - background).
        first.bias.sub_(background * first.weight.sum(1))  # [hidden]
        last.bias.add_(put_back)  # [pixels]


def _linear_layers(network: nn.Sequential) -> list[nn.Linear]:
    return [layer for layer in network if isinstance(layer, nn.Linear)]
