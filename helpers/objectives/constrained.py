"""The β-VAE that finds its own β: a constraint on the rate, and its multiplier."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from helpers.models import VAE
from helpers.objectives.losses import BetaVAE
from helpers.objectives.schedules import Weight, at_step
from helpers.objectives.terms import Terms


@dataclass
class ConstrainedVAE:
    """Least reconstruction error subject to a mean KL of at most `delta` nats.

    The loss is the Lagrangian reconstruction + β · (KL - delta). The optimiser lowers it over the
    weights, and each call raises it over β >= 0, the multiplier: dual ascent (Boyd & Vandenberghe
    2004, chapter 5, have the dual problem; Platt & Barr 1988 move both at once). With R the running
    mean of the KL and v = R / delta - 1 the violation, from -1 (nothing sent) to at most 1,

        β ← max(0, β + step_size · max(β, 1) · v),

    so a large β moves in proportion to its size, and one that has reached 0 can leave it again.
    """

    delta: Weight
    beta: float = 1.0  # the multiplier, its first value to begin with
    step_size: float = 0.02
    smoothing: float = 0.9
    rate: float | None = None  # R; None before the first call

    def __post_init__(self) -> None:
        if not callable(self.delta) and not (self.delta > 0 and math.isfinite(self.delta)):
            raise ValueError(
                "delta, the rate that is allowed, must be a positive number of nats, not "
                f"{self.delta!r}: at 0 the only feasible code is the prior"
            )
        if not (self.beta >= 0 and math.isfinite(self.beta)):
            raise ValueError(
                f"beta, the multiplier to begin with, must be at least 0, not {self.beta!r}"
            )
        if not (self.step_size > 0 and math.isfinite(self.step_size)):
            raise ValueError(f"step_size must be a positive number, not {self.step_size!r}")
        if not 0 <= self.smoothing < 1:
            raise ValueError(
                f"smoothing is the weight of the past, 0 to less than 1, not {self.smoothing!r}"
            )

    def __call__(
        self, model: VAE, images: Tensor, step: int = 0, generator: torch.Generator | None = None
    ) -> Terms:
        """The terms for images [B, C, H, W] at this step; with gradients on, β moves a step."""
        terms = BetaVAE(self.beta)(model, images, step, generator)
        delta = at_step(self.delta, step)
        terms.loss = terms.loss - self.beta * delta

        if torch.is_grad_enabled():
            self._ascend(terms.kl.sum().item(), delta)
        return terms

    def state_dict(self) -> dict[str, Tensor]:
        """What a checkpoint keeps: the multiplier and, once there is one, the running rate."""
        state = {"beta": torch.tensor(self.beta, dtype=torch.float64)}
        if self.rate is not None:
            state["rate"] = torch.tensor(self.rate, dtype=torch.float64)
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state_dict` gave."""
        for name, value in state.items():
            setattr(self, name, value.item())

    def _ascend(self, rate: float, delta: float) -> None:
        """One step of the multiplier, after a batch with this rate."""
        if self.rate is None:
            self.rate = rate
        else:
            self.rate = self.smoothing * self.rate + (1 - self.smoothing) * rate

        violation = min(self.rate / delta - 1, 1.0)
        self.beta = max(0.0, self.beta + self.step_size * max(self.beta, 1.0) * violation)


def constrained_vae(
    delta: Weight,
    beta: float = 1.0,
    step_size: float = 0.02,
    smoothing: float = 0.9,
    rate: float | None = None,
) -> ConstrainedVAE:
    """The β-VAE that finds its β: least reconstruction error at a mean KL of at most `delta`.

    delta: nats, more than 0, or a function of the step: a capacity that rises, as in Burgess et al.
      2018, section 5.
    beta: the multiplier, its first value to begin with, at least 0.
    step_size: of the multiplier; a smaller one takes longer to settle and swings less.
    smoothing: the weight of the past in the running mean of the rate, 0 to less than 1.
    rate: that running mean, nats; None before the first call.
    Returns an objective, called as `objective(model, images, step, generator)`, that gives `Terms`.
    Under `torch.no_grad()` it leaves its state alone. That state is `.beta`, the current
    multiplier, and `.rate`: a new run needs a new objective, and one built with both goes on where
    the other stopped.
    Raises ValueError for values out of these ranges.
    """
    return ConstrainedVAE(delta, beta, step_size, smoothing, rate)
