"""What breaks the symmetry of the latents: pairs that share factors, and labels of a few images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from helpers import datasets, gaussians
from helpers.models import VAE
from helpers.objectives.schedules import Weight, at_step
from helpers.objectives.terms import Terms, reconstruction_of

LABELS_A_STEP = 32


@dataclass(frozen=True)
class WeaklySupervised:
    """Reconstruction + β · KL of pairs whose posteriors agree, + an error of labels."""

    beta: Weight
    shared: str | None
    latents: Sequence[int]
    labelled: tuple[Tensor, Tensor] | None
    label_weight: float
    classes: int

    def __call__(
        self, model: VAE, images: Tensor, step: int = 0, generator: torch.Generator | None = None
    ) -> Terms:
        """The terms for images [B, C, H, W], in pairs where anything is shared, at this step."""
        mu, logvar = model.encode(images)  # [B, D] each
        if self.shared is not None:
            mu, logvar = agreed(mu, logvar, self._differs(model, mu, logvar), _circular(model))
        if self.classes:
            reconstruction, kl = self._with_category(model, images, mu, logvar, generator)
        else:
            z = gaussians.sample(mu, logvar, generator)
            reconstruction = reconstruction_of(model, z, images)
            kl = latent_kl(model, mu, logvar).mean(0)  # [D]
        loss = reconstruction + at_step(self.beta, step) * kl.sum()

        if self.labelled is not None:
            loss = loss + self.label_weight * self._label_error(model, self.labelled, generator)
        return Terms(loss, reconstruction, kl)

    def _label_error(
        self, model: VAE, labelled: tuple[Tensor, Tensor], generator: torch.Generator | None
    ) -> Tensor:
        """How far some images' posterior means lie from their labels, summed over the factors."""
        images, shares = labelled  # [N, C, H, W], [N, K]
        some = torch.randint(len(images), (LABELS_A_STEP,), generator=generator)
        shares = shares[some]
        mu = model.encode(images[some])[0]
        guess = mu[:, self.latents]  # [n, K]

        # The standard deviation of an interval is its length over the root of 12.
        error = (guess - (shares - 0.5) * math.sqrt(12)) ** 2 / 2
        if _circular(model):
            angle = self.latents.index(0)
            error[:, angle] = 1 - torch.cos(guess[:, angle] - 2 * math.pi * shares[:, angle])
        if self.classes:
            category = self.latents.index(mu.shape[1] - self.classes)
            label = (shares[:, category] * (self.classes - 1)).round().long()
            logits = mu[:, -self.classes :]
            error[:, category] = F.cross_entropy(logits, label, reduction="none")
        return error.sum(1).mean()

    def _with_category(
        self,
        model: VAE,
        images: Tensor,
        mu: Tensor,
        logvar: Tensor,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """The reconstruction error, and the KL divergences [D + 1], the category's last.

        The last `classes` means are the logits of q(c|x). There are so few classes that each is
        drawn, and weighed by its probability.
        """
        mu, logits = mu.tensor_split([-self.classes], dim=1)
        logvar = logvar[:, : -self.classes]
        z = gaussians.sample(mu, logvar, generator)  # [B, D]
        log_q = logits.log_softmax(1)  # [B, classes]

        errors = []
        for one_hot in torch.eye(self.classes):
            decoded = model.decode(torch.cat([z, one_hot.expand(len(z), -1)], dim=1))
            error = F.binary_cross_entropy_with_logits(decoded, images, reduction="none")
            errors.append(error.flatten(1).sum(1))
        reconstruction = (log_q.exp() * torch.stack(errors, dim=1)).sum(1).mean()

        of_category = math.log(self.classes) + (log_q.exp() * log_q).sum(1)  # [B]
        of_others = latent_kl(model, mu, logvar)
        return reconstruction, torch.cat([of_others, of_category[:, None]], dim=1).mean(0)

    def _differs(self, model: VAE, mu: Tensor, logvar: Tensor) -> Tensor:
        """In which latents the two of each pair may differ, [B/2, D]."""
        if self.shared == "adaptive":
            return differing(mu, logvar, _circular(model))
        turn = torch.arange(len(mu) // 2) % len(self.latents)
        free = torch.tensor(self.latents)[turn]  # [B/2]
        # All logits of a category go together.
        columns = torch.arange(mu.shape[1]).clamp(max=mu.shape[1] - max(self.classes, 1))
        return free[:, None] == columns


def weakly_supervised(
    beta: Weight = 1.0,
    shared: str | None = None,
    latents: Sequence[int] = (),
    labels: dict[str, Any] | None = None,
    label_weight: float = 20.0,
    classes: int = 0,
) -> WeaklySupervised:
    """The β-VAE objective with what somebody knows about pairs, or about a few images.

    beta: a number or a function of the step.
    shared: None for images that have nothing to do with each other. Of `datasets.Pairs` it is
      "adaptive" where nobody knows in which factor a pair differs, and the posteriors tell
      (Ada-GVAE: Locatello et al. 2020b), or "named" where that is known (the knowledge:
      Shu et al. 2020; the averaging: Hosoya 2019).
    latents: for each factor the latent that is to carry it; for "named" and for labels.
    labels: {"share": 0.01, "size": 32, "keep": ...}: of this share of the `sprites` the factors are
      known, the same ones in every run. With "symmetry", for each shape into how many equal parts
      the circle falls for it, [4, 2, 1], an angle is told as a share of such a part.
    label_weight: of the squared error, halved, of the standardised factors, in nats; of an angle
      1 - cos of the error, and of a category the cross-entropy.
    classes: if not 0, the model's last so many latents are no numbers but one category: the
      encoder's means are its logits, and the decoder takes a code that is 1 at one of them. Its
      index in `latents` is the first of them.
    Returns an objective that gives `Terms`, in whose `kl` a category is the last entry.
    Raises ValueError for another word in `shared`, for a category of pairs that are "adaptive", and
    for a symmetry that does not suit the shapes.
    """
    if shared not in (None, "adaptive", "named"):
        raise ValueError(f'shared is None, "adaptive" or "named", not {shared!r}')
    if classes and shared == "adaptive":
        raise ValueError('a category of pairs is possible with shared="named" only')
    labelled = None
    if labels is not None:
        data = datasets.sprites(labels["size"], labels["keep"])
        number = round(labels["share"] * len(data))
        images, factors = data.sample(number, torch.Generator().manual_seed(0))
        shares = factors / (torch.tensor(data.factor_sizes) - 1)  # of each factor's range
        if "symmetry" in labels:
            if len(labels["symmetry"]) != data.factor_sizes[data.column("shape")]:
                raise ValueError("symmetry has a number for each shape that is kept")
            folds = torch.tensor(labels["symmetry"])[factors[:, data.column("shape")]]  # [N]
            shares[:, data.column("orientation")] *= folds
        labelled = (images, shares)
    return WeaklySupervised(beta, shared, tuple(latents), labelled, label_weight, classes)


def latent_kl(model: VAE, mu: Tensor, logvar: Tensor) -> Tensor:
    """The KL divergence of each latent from its prior, [B, D], in nats.

    mu, logvar: [B, D], of a model that may have an angle as latent 0; see `models.placed_vae`. The
    angle's prior is uniform, log(1/2π), and its posterior a Gaussian so narrow that no wrapping is
    seen: the divergence is log 2π less the Gaussian's entropy.
    """
    kl = gaussians.kl_divergence(mu, logvar)
    if not _circular(model):
        return kl
    angle = gaussians.LOG_2PI - gaussians.entropy(logvar[:, :1])
    return torch.cat([angle, kl[:, 1:]], dim=1)


def differing(mu: Tensor, logvar: Tensor, circular: bool = False) -> Tensor:
    """In which latents a pair differs, judged by its posteriors: [B/2, D], of bools.

    mu, logvar: [B, D], pairs next to each other. circular: whether latent 0 is an angle.
    A latent differs if the KL divergence between its two posteriors, symmetrised, lies above the
    middle between the pair's smallest and its largest (Locatello et al. 2020b).
    """
    ours, theirs = logvar[::2], logvar[1::2]  # [B/2, D] each
    apart = _apart(mu, circular)
    there = gaussians.kl_divergence(apart, ours, 0.0, theirs)
    back = gaussians.kl_divergence(apart, theirs, 0.0, ours)
    divergence = (there + back) / 2
    low, high = divergence.aminmax(dim=1, keepdim=True)
    return divergence >= (low + high) / 2


def agreed(
    mu: Tensor, logvar: Tensor, differs: Tensor, circular: bool = False
) -> tuple[Tensor, Tensor]:
    """Posteriors [B, D] each, pairs averaged where they share: GVAE (Hosoya 2019).

    mu, logvar: [B, D], pairs next to each other. differs: [B/2, D], bools.
    circular: whether latent 0 is an angle, whose mean is the middle of the shorter arc.
    Where a pair shares, both get the mean of their means and of their variances. The middle of an
    arc jumps where two angles are opposite.
    """
    pairs = differs[:, None].expand(-1, 2, -1).flatten(0, 1)  # [B, D]
    middle = mu[1::2] + _apart(mu, circular) / 2
    variance = (logvar[::2].exp() + logvar[1::2].exp()) / 2
    mean = middle.repeat_interleave(2, dim=0)
    spread = variance.log().repeat_interleave(2, dim=0)
    return torch.where(pairs, mu, mean), torch.where(pairs, logvar, spread)


def _apart(mu: Tensor, circular: bool) -> Tensor:
    """How far the first of each pair lies from the second, [B/2, D]."""
    apart = mu[::2] - mu[1::2]
    if circular:
        around = torch.remainder(apart[:, :1] + math.pi, 2 * math.pi) - math.pi
        apart = torch.cat([around, apart[:, 1:]], dim=1)
    return apart


def _circular(model: VAE) -> bool:
    return bool(model.config.get("circle"))
