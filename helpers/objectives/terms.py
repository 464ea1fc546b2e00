"""What an objective returns, and the reconstruction error that all of them share."""

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from helpers import gaussians
from helpers.models import VAE


@dataclass
class Terms:
    """One evaluation of an objective on a batch, in nats; scalars unless a shape is given."""

    loss: Tensor  # what the optimiser minimises
    reconstruction: Tensor  # -E_q log p(x|z), summed over pixels, batch mean: the distortion E
    kl: Tensor  # [D], KL(q(z_j|x) || p(z_j)), batch mean; its sum is the rate R

    # The three terms inside the KL, where the objective needs them.
    mutual_information: Tensor | None = None
    total_correlation: Tensor | None = None
    dimension_wise_kl: Tensor | None = None

    marginal_kl: Tensor | None = None  # a critic's estimate of KL(q(z) || p(z))


class Objective(Protocol):
    """What can be minimised: anything that is called like this."""

    def __call__(
        self, model: VAE, images: Tensor, step: int, generator: torch.Generator | None
    ) -> Terms:
        """The terms for images [B, C, H, W] at this step of the training."""


def reconstruction_of(model: VAE, z: Tensor, images: Tensor) -> Tensor:
    """The `reconstruction_error` of images [B, C, H, W] drawn from codes [B, D].

    The likelihood is the model's: a model of your own needs `decode` only, and has a Bernoulli
    likelihood if it does not say otherwise.
    """
    return reconstruction_error(model.decode(z), images, getattr(model, "pixel_logvar", None))


def reconstruction_error(
    decoded: Tensor, images: Tensor, pixel_logvar: Tensor | None = None
) -> Tensor:
    """The reconstruction error -log p(x|z) for a Bernoulli or a Gaussian likelihood.

    decoded, images: [B, C, H, W]: logits and images in [0, 1] for the Bernoulli likelihood; means
      and any numbers for the Gaussian one.
    pixel_logvar: the Gaussian's log-variance, a scalar; None for the Bernoulli likelihood.
    Returns a scalar in nats, summed over pixels, mean over the batch. For a grey pixel x the
    Bernoulli's is the expected value over an image binarised at random, b ~ Bernoulli(x). The
    Gaussian's is of a density, and may be negative.

    >>> half = torch.zeros(1, 1, 2, 2)  # each of 4 pixels white with probability one half
    >>> round(reconstruction_error(half, torch.ones(1, 1, 2, 2)).item(), 4)  # 4 log 2
    2.7726
    """
    if pixel_logvar is not None:
        return -gaussians.log_density(images, decoded, pixel_logvar).sum() / len(images)
    return F.binary_cross_entropy_with_logits(decoded, images, reduction="sum") / len(images)
