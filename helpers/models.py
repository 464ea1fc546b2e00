"""Variational autoencoders with three kinds of networks, and a critic.

An encoder leads from images to (mu, logvar), a decoder from codes to logits.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LIKELIHOODS = ("bernoulli", "gaussian")
LEAST_PIXEL_LOGVAR = -12.0  # log σ = -6, as Rybkin et al. 2021 bound it
PIXEL_LOGVAR_SPEED = 20.0  # of its steps, against those of a weight
LARGEST = 1000.0  # of the numbers that a network with fresh weights can begin with
ROUNDING = 1e-6  # by which a chance may leave [0, 1]
PLACE_STEP = 0.3  # how far a latent of 1 shifts a patch, in half sides of the picture
ANGLE_LOGVAR = -2.0  # of an angle, at most: a standard deviation of 21 degrees


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
    config = _checked_config("mlp_vae", image_shape, latent_dim, mean_bound, likelihood)
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
    config = _checked_config("conv_vae", image_shape, latent_dim, mean_bound, likelihood)
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
    config = _checked_config("placed_vae", image_shape, latent_dim, None, "bernoulli")
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
    builders: dict[str, Callable[..., VAE]] = {
        "mlp_vae": mlp_vae,
        "conv_vae": conv_vae,
        "placed_vae": placed_vae,
    }
    arguments = dict(config)
    builder = arguments.pop("builder")
    return builders[builder](**arguments)


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


def _checked_config(
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
