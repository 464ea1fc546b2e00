"""Variational autoencoders: an encoder to (mu, logvar), a decoder to logits, as a small MLP or a convolutional network; a critic."""

import math

import torch
from torch import nn


class VAE(nn.Module):
    """An encoder and a decoder. `config` holds the arguments that rebuild the same network, for the weights file.

    The encoder gives 2 · latent_dim numbers an image: the posterior means and log-variances. With `mean_bound` b the
    means are b · tanh(u / b), which keeps them within (-b, b) and leaves small ones as they are.
    """

    def __init__(self, encoder, decoder, config):
        super().__init__()
        self.encoder, self.decoder, self.config = encoder, decoder, config
        self.image_shape, self.latent_dim = tuple(config["image_shape"]), config["latent_dim"]
        self.mean_bound = config["mean_bound"]

    def encode(self, images):
        """Posterior parameters (mu, logvar), each [B, latent_dim], of images [B, C, H, W] with values in [0, 1]."""
        if tuple(images.shape[1:]) != self.image_shape or not len(images):
            raise ValueError(f"this model takes images of shape [B, {', '.join(map(str, self.image_shape))}] with B at "
                             f"least 1; these have the shape {list(images.shape)}")
        mu, logvar = self.encoder(images).chunk(2, dim=1)
        if self.mean_bound is not None:
            mu = self.mean_bound * torch.tanh(mu / self.mean_bound)
        return mu, logvar

    def decode(self, codes):
        """Logits [B, C, H, W] of codes [B, latent_dim]; their sigmoid is the mean image."""
        if codes.ndim != 2 or codes.shape[1] != self.latent_dim:
            raise ValueError(f"this model takes codes of shape [B, {self.latent_dim}]; these have {list(codes.shape)}")
        return self.decoder(codes)


def mlp_vae(image_shape, latent_dim=10, hidden=400, mean_bound=None, background=None):
    """A VAE of fully connected layers: two hidden ones of `hidden` ReLU units on each side.

    background: the value in (0, 1) of most pixels, for pictures on light paper. The encoder then sees the difference from
    it and the decoder's pixels start there, so that the network need not first learn what is the same in every picture.
    """
    config = _checked_config("mlp_vae", image_shape, latent_dim, mean_bound)
    config["hidden"] = hidden
    pixels = math.prod(image_shape)
    if background is not None and not 0 < background < 1:
        raise ValueError(f"background is a pixel's value between 0 and 1, both excluded, or None, not {background!r}")
    encoder = nn.Sequential(
        nn.Flatten(), nn.Linear(pixels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, hidden), nn.ReLU(inplace=True),
        nn.Linear(hidden, 2 * latent_dim),
    )
    decoder = nn.Sequential(
        nn.Linear(latent_dim, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, hidden), nn.ReLU(inplace=True),
        nn.Linear(hidden, pixels), nn.Unflatten(1, tuple(image_shape)),
    )
    if background is not None:
        config["background"] = background
        with torch.no_grad():  # w · x + b with b = -w · background is w · (x - background)
            encoder[1].bias -= background * encoder[1].weight.sum(1)
            decoder[-2].bias += math.log(background / (1 - background))
    return VAE(encoder, decoder, config)


def conv_vae(image_shape, latent_dim=10, mean_bound=None):
    """The convolutional VAE of Burgess et al. 2018 (appendix A.1).

    The encoder has four convolutions of 32 channels, 4x4 kernels and stride 2, then two layers of 256 units; the decoder
    is its mirror image. For 64x64 that is the paper's network; for other sides, which must be divisible by 16, the
    smallest feature map is side / 16 pixels wide.
    """
    config = _checked_config("conv_vae", image_shape, latent_dim, mean_bound)
    channels, height, width = image_shape
    if height % 16 or width % 16:
        raise ValueError(f"conv_vae halves the image four times, so its sides must be divisible by 16, not {height}x{width}")
    map_shape = (32, height // 16, width // 16)

    def down(before):
        return [nn.Conv2d(before, 32, 4, stride=2, padding=1), nn.ReLU(inplace=True)]

    def up(after):
        return [nn.ReLU(inplace=True), nn.ConvTranspose2d(32, after, 4, stride=2, padding=1)]

    encoder = nn.Sequential(
        *down(channels), *down(32), *down(32), *down(32), nn.Flatten(),
        nn.Linear(math.prod(map_shape), 256), nn.ReLU(inplace=True), nn.Linear(256, 256), nn.ReLU(inplace=True), nn.Linear(256, 2 * latent_dim),
    )
    decoder = nn.Sequential(
        nn.Linear(latent_dim, 256), nn.ReLU(inplace=True), nn.Linear(256, 256), nn.ReLU(inplace=True), nn.Linear(256, math.prod(map_shape)),
        nn.Unflatten(1, map_shape), *up(32), *up(32), *up(32), *up(channels),
    )
    return VAE(encoder, decoder, config)


def critic(latent_dim, hidden=64):
    """A network from codes [B, latent_dim] to one logit each, [B]: how much more likely a code is under q(z) than p(z)."""
    if latent_dim < 1 or hidden < 1:
        raise ValueError(f"a critic needs at least one latent and one hidden unit, not {latent_dim!r} and {hidden!r}")
    return nn.Sequential(nn.Linear(latent_dim, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(),
                         nn.Linear(hidden, 1), nn.Flatten(0))


def build(config):
    """The network that a `VAE.config` describes, with fresh weights."""
    builders = {"mlp_vae": mlp_vae, "conv_vae": conv_vae}
    arguments = dict(config)
    return builders[arguments.pop("builder")](**arguments)


def _checked_config(builder, image_shape, latent_dim, mean_bound):
    if len(image_shape) != 3 or min(image_shape) < 1:
        raise ValueError(f"image_shape must be (channels, height, width), not {image_shape!r}")
    if latent_dim < 1:
        raise ValueError(f"latent_dim must be at least 1, not {latent_dim!r}")
    if mean_bound is not None and not mean_bound > 0:
        raise ValueError(f"mean_bound must be positive, or None for no bound, not {mean_bound!r}")
    return {"builder": builder, "image_shape": list(image_shape), "latent_dim": latent_dim, "mean_bound": mean_bound}
