"""An encoder and a decoder: what all variational autoencoders of this package are."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LIKELIHOODS = ("bernoulli", "gaussian")
LEAST_PIXEL_LOGVAR = -12.0  # log σ = -6, as Rybkin et al. 2021 bound it
PIXEL_LOGVAR_SPEED = 20.0  # of its steps, against those of a weight
LARGEST = 1000.0  # of the numbers that a network with fresh weights can begin with
ROUNDING = 1e-6  # by which a chance may leave [0, 1]


class VAE(nn.Module):
    """An encoder and a decoder.

    encoder: from [B, C, H, W] to [B, 2 · latent_dim], the posterior means and log-variances.
    decoder: from [B, latent_dim] to [B, C, H, W]: for a Bernoulli likelihood the logits of the
      pixels, for a Gaussian one their means.
    config: the arguments that rebuild the same network, for the weights file; see `build`. With
      its `mean_bound` b the means are b · tanh(u / b), which keeps them within (-b, b) and leaves
      small ones as they are. With "likelihood": "gaussian" the model has one more parameter, the
      variance that all pixels share.
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
        self.mean_bound = config.get("mean_bound")
        self.likelihood = config.get("likelihood", "bernoulli")
        if self.likelihood == "gaussian":
            self.free_pixel_logvar = nn.Parameter(torch.zeros(()))

    @property
    def pixel_logvar(self) -> Tensor | None:
        """The Gaussian likelihood's log-variance, a scalar that is learned; None for a Bernoulli.

        One variance for all pixels, bounded softly from below (Rybkin et al. 2021, section 3.2).
        """
        if self.likelihood == "bernoulli":
            return None
        # Adam moves every number by about the learning rate a step. This one has a long way to go,
        # from 0 to perhaps -6, and must be there before the pictures are.
        free = PIXEL_LOGVAR_SPEED * self.free_pixel_logvar
        return LEAST_PIXEL_LOGVAR + F.softplus(free - LEAST_PIXEL_LOGVAR)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The posterior of each image.

        images: [B, C, H, W], finite and, for a Bernoulli likelihood, in [0, 1].
        Returns (mu, logvar), each [B, latent_dim].
        Raises ValueError for images of another shape, type or range, on another device, and for
        none; the message says what to do.
        """
        self._check(images)

        # Both numbers of every latent come from the same network.
        mu, logvar = self.encoder(images).chunk(2, dim=1)  # [B, latent_dim] each
        if self.mean_bound is not None:
            mu = self.mean_bound * torch.tanh(mu / self.mean_bound)
        return mu, logvar

    def decode(self, codes: Tensor) -> Tensor:
        """The image that belongs to each code.

        codes: [B, latent_dim].
        Returns [B, C, H, W]: for a Bernoulli likelihood logits, whose sigmoid is the mean image;
        for a Gaussian one the mean image itself. See `mean_image`.
        Raises ValueError for codes of another shape.
        """
        if codes.ndim != 2 or codes.shape[1] != self.latent_dim:
            raise ValueError(
                f"this model takes codes of shape [B, {self.latent_dim}]; these have "
                f"{list(codes.shape)}"
            )
        return self.decoder(codes)

    def mean_image(self, codes: Tensor) -> Tensor:
        """The mean [B, C, H, W] of p(x|z) at each code [B, latent_dim]."""
        decoded = self.decode(codes)
        return torch.sigmoid(decoded) if self.likelihood == "bernoulli" else decoded

    def _check(self, images: Tensor) -> None:
        """ValueError, with the remedy, for what the encoder cannot read as pictures."""
        if tuple(images.shape[1:]) != self.image_shape or not len(images):
            shape = ", ".join(map(str, self.image_shape))
            raise ValueError(
                f"this model takes images of shape [B, {shape}] with B at least 1; these have the "
                f"shape {list(images.shape)}"
            )
        weight = next(self.parameters())
        if images.dtype != weight.dtype:
            remedy = "images.float() / 255" if images.dtype == torch.uint8 else "images.float()"
            raise ValueError(
                f"this model takes images of type {weight.dtype}; these are {images.dtype}: give "
                f"{remedy}"
            )
        if images.device != weight.device:
            raise ValueError(
                f"the model is on {weight.device} and these images are on {images.device}: give "
                f'images.to("{weight.device}")'
            )

        # One look at the values. A comparison with NaN is false.
        low, high = torch.stack(torch.aminmax(images.detach())).tolist()
        if not (math.isfinite(low) and math.isfinite(high)):
            broken = ~torch.isfinite(images.detach()).flatten(1).all(dim=1)
            raise ValueError(
                f"{int(broken.sum())} of {len(images)} images hold NaN or infinite pixels, the "
                f"first of them number {int(broken.nonzero()[0])}: look at the data, the model has "
                "not seen them yet"
            )
        if max(-low, high) > LARGEST and self.likelihood == "gaussian":
            raise ValueError(
                f"these images run from {low:.3g} to {high:.3g}, too far from 1 for a network to "
                "begin with: standardise them, (images - images.mean(0)) / images.std()"
            )
        if self.likelihood == "bernoulli" and not (-ROUNDING <= low and high <= 1 + ROUNDING):
            raise ValueError(
                "pixels must lie in [0, 1], for a Bernoulli likelihood takes them as the chances "
                f"of coins; these run from {low:.3g} to {high:.3g}: {self._remedy(low, high)}"
            )

    def _remedy(self, low: float, high: float) -> str:
        """What to do about pixels outside [0, 1]."""
        gaussian = 'or build the model with likelihood="gaussian"'
        is_table = self.image_shape[:2] == (1, 1)  # rows of measurements, which are no pixels
        if 0 <= low and 1 < high <= 255 and not is_table:
            return f"if they are bytes, divide by 255; {gaussian}"
        if -1 <= low < 0 and high <= 1 and not is_table:
            return f"if they run from -1 to 1, take (images + 1) / 2; {gaussian}"
        return f"scale them, {gaussian}"


def checked_config(
    builder: str,
    image_shape: Sequence[int],
    latent_dim: int,
    mean_bound: float | None,
    likelihood: str,
) -> dict[str, Any]:
    """What every `VAE.config` holds; ValueError for arguments that make no network."""
    if likelihood not in LIKELIHOODS:
        known = " or ".join(map(repr, LIKELIHOODS))
        raise ValueError(f"likelihood must be {known}, not {likelihood!r}")
    if len(image_shape) != 3 or min(image_shape) < 1:
        raise ValueError(f"image_shape must be (channels, height, width), not {image_shape!r}")
    if latent_dim < 1:
        raise ValueError(f"latent_dim must be at least 1, not {latent_dim!r}")
    if mean_bound is not None and not mean_bound > 0:
        raise ValueError(f"mean_bound must be positive, or None for no bound, not {mean_bound!r}")

    # A weights file keeps this as JSON, which knows lists and no tuples, and no numbers of NumPy's.
    config = {
        "builder": builder,
        "image_shape": [int(side) for side in image_shape],
        "latent_dim": int(latent_dim),
        "mean_bound": mean_bound,
    }
    return config if likelihood == "bernoulli" else {**config, "likelihood": likelihood}
