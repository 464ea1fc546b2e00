"""What a run of `train` leaves behind: its losses over the steps."""

import math

import torch
from torch import Tensor

from helpers.objectives import Terms

Record = dict[str, list]  # "step", "loss", "reconstruction", "rate", "kl": one entry each time


class History:
    """The means of the terms over the steps since the last entry, entry after entry."""

    def __init__(self, steps: int, log_every: int | None = None) -> None:
        self.steps = steps
        self.log_every = log_every or max(1, steps // 100)
        self.record: Record = {"step": [], "loss": [], "reconstruction": [], "rate": [], "kl": []}
        self.pending: list[Tensor] = []  # [2 + D] each: the terms since the last entry

    def add(self, step: int, terms: Terms) -> bool:
        """Take in the terms of this step; whether an entry was made of them and those before."""
        scalars = torch.stack([terms.loss, terms.reconstruction])
        self.pending.append(torch.cat([scalars, terms.kl]).detach())

        done = step + 1
        if done % self.log_every and done != self.steps:
            return False
        self._enter(done, torch.stack(self.pending).mean(0).tolist())
        self.pending = []
        return True

    def latest(self) -> dict[str, str]:
        """The newest entry, for a progress bar."""
        return {name: f"{self.record[name][-1]:.1f}" for name in ("reconstruction", "rate")}

    def _enter(self, step: int, means: list[float]) -> None:
        loss, reconstruction, *kl = means
        if not math.isfinite(loss):
            raise ValueError(
                f"the loss is {loss} at step {step:,}: the training has diverged; build the model "
                "anew and try a smaller learning rate"
            )
        entry = {
            "step": step,
            "loss": loss,
            "reconstruction": reconstruction,
            "rate": sum(kl),
            "kl": kl,
        }
        for name, value in entry.items():
            self.record[name].append(value)
