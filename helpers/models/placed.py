"""A variational autoencoder that knows what a place is."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helpers.models.vae import VAE, checked_config

PLACE_STEP = 0.3  # how far a latent of 1 shifts a patch, in half sides of the picture
ANGLE_LOGVAR = -2.0  # of an angle, at most: a standard deviation of 21 degrees


def placed_vae(
    image_shape: Sequence[int],
    latent_dim: int = 6,
    hidden: int = 192,
    patch: int = 16,
    circle: bool = False,
) -> VAE:
    """A VAE that is told that a picture shows one thing somewhere, and what a shift is.

    Latents 1 and 2 are the place. The encoder finds it, cuts out the patch around it, and reads all
    other latents from that patch; the decoder draws the patch and puts it back in its place (a
    spatial transformer, Jaderberg et al. 2015, used like this by Eslami et al. 2016). So what the
    thing looks like has to be learned once, and not at every place anew.

    image_shape: (1, H, W), bright on black.
    latent_dim: the number of latents, at least 3.
    hidden: the number of ReLU units in each hidden layer.
    patch: the side in pixels of what is cut out, at most H and W.
    circle: whether latent 0 is an angle. Its mean then is one, in (-π, π], the decoder sees its
      cosine and sine, and its log-variance stays below `ANGLE_LOGVAR`. For its KL divergence see
      `objectives.latent_kl`.
    Returns a `VAE`.
    Raises ValueError for values that are not as said.
    """
    config = checked_config("placed_vae", image_shape, latent_dim, None, "bernoulli")
    del config["mean_bound"]  # an angle has none
    config |= {"hidden": hidden, "patch": patch, "circle": circle}
    if image_shape[0] != 1 or latent_dim < 3 or not 1 <= patch <= min(image_shape[1:]):
        raise ValueError(
            "placed_vae takes images of one channel, at least 3 latents and a patch no larger than "
            f"the image, not {image_shape!r}, {latent_dim!r} and {patch!r}"
        )
    encoder = PlacedEncoder(image_shape, latent_dim, hidden, patch, circle)
    return VAE(encoder, PlacedDecoder(image_shape, latent_dim, hidden, patch, circle), config)


class PlacedEncoder(nn.Module):
    """From a picture to its place, and from the patch at that place to all other latents."""

    pixels: Tensor  # [patch, patch, 2]

    def __init__(
        self, image_shape: Sequence[int], latent_dim: int, hidden: int, patch: int, circle: bool
    ) -> None:
        super().__init__()
        self.circle = circle
        self.others = latent_dim - 2
        self.where = _two_hidden(math.prod(image_shape), hidden, 4)
        self.what = _two_hidden(patch * patch, hidden, 2 * self.others + circle)

        # Where the patch's pixels lie about its centre, in half sides of the picture.
        size = torch.tensor([patch / image_shape[2], patch / image_shape[1]])
        self.register_buffer("pixels", _pixel_centres(patch, patch) * size, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 1, H, W] to means and log-variances, [B, 2 · latent_dim]."""
        place, place_logvar = self.where(images.flatten(1)).chunk(2, dim=1)  # [B, 2] each
        around = self.pixels + PLACE_STEP * place[:, None, None]  # [B, patch, patch, 2]
        patch = F.grid_sample(images, around, align_corners=False)  # [B, 1, patch, patch]

        mu, logvar = self.what(patch.flatten(1)).tensor_split([self.others + self.circle], dim=1)
        if self.circle:
            # Two numbers make an angle, which is never left quite open.
            angle = torch.atan2(mu[:, 1:2], mu[:, :1])  # [B, 1]
            mu = torch.cat([angle, mu[:, 2:]], dim=1)
            known = ANGLE_LOGVAR - F.softplus(logvar[:, :1])
            logvar = torch.cat([known, logvar[:, 1:]], dim=1)
        return torch.cat(
            [mu[:, :1], place, mu[:, 1:], logvar[:, :1], place_logvar, logvar[:, 1:]], dim=1
        )


class PlacedDecoder(nn.Module):
    """From all latents but the place to a patch, and the patch to its place."""

    pixels: Tensor  # [H, W, 2]
    size: Tensor  # [2]

    def __init__(
        self, image_shape: Sequence[int], latent_dim: int, hidden: int, patch: int, circle: bool
    ) -> None:
        super().__init__()
        self.circle = circle
        self.patch_shape = (1, patch, patch)
        self.draw = _two_hidden(latent_dim - 2 + circle, hidden, patch * patch)
        self.black = nn.Parameter(torch.tensor(-4.0))  # the logit of what the patch leaves out

        # Where the picture's pixels lie, in half sides of a patch at its centre.
        size = torch.tensor([image_shape[2] / patch, image_shape[1] / patch])
        self.register_buffer("size", size, persistent=False)
        self.register_buffer("pixels", _pixel_centres(*image_shape[1:]), persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes [B, latent_dim] to logits [B, 1, H, W]."""
        first, place, others = codes.tensor_split([1, 3], dim=1)
        if self.circle:
            first = torch.cat([first.cos(), first.sin()], dim=1)
        patch = self.draw(torch.cat([first, others], dim=1)).unflatten(1, self.patch_shape)
        seen_from_there = (self.pixels - PLACE_STEP * place[:, None, None]) * self.size
        return self.black + F.grid_sample(patch, seen_from_there, align_corners=False)


def _two_hidden(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Fully connected layers, two of them hidden."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, outputs),
    )


def _pixel_centres(height: int, width: int) -> Tensor:
    """Where pixels lie, [height, width, 2], as (x, y) from -1 at one edge to 1 at the other."""
    down, across = ((torch.arange(side) + 0.5) / side * 2 - 1 for side in (height, width))
    return torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=2)
