"""The state of a run of `train` in a file, from which an interrupted run goes on bit for bit."""

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from helpers import states
from helpers.models import VAE
from helpers.objectives import Objective
from helpers.training.files import read, writable, write
from helpers.training.history import History

GROUP = 8  # batches that are drawn in one go; a checkpoint is written between two groups only


@dataclass
class Run:
    """All that changes while a model is trained."""

    model: VAE
    objective: Objective
    optimiser: torch.optim.Adam
    generator: torch.Generator
    history: History


class Checkpoint:
    """Keeps weights, Adam's moments, the generator, the history and what the objective remembers.

    It is written between two groups of batches, so that no drawn batch is part of the state.
    Without a path it does nothing.
    """

    def __init__(
        self, path: Path | str | None, seconds: float, run: Run, settings: dict[str, float]
    ) -> None:
        self.path = None if path is None else writable(path)
        self.seconds = seconds
        self.run = run
        self.written = time.monotonic()

        # What tells this run from another. A lambda has another address in another process.
        described = re.sub(" at 0x[0-9a-f]+", "", repr(run.objective))
        self.settings = {**settings, "model": _described(run.model), "objective": described}

    def keep(self, step: int) -> None:
        """Write the state after this many steps, unless that was done a moment ago."""
        if self.path is None or step % GROUP or time.monotonic() - self.written < self.seconds:
            return

        tensors = {"generator": self.run.generator.get_state()}
        tensors |= states.under("model", self.run.model.state_dict())
        tensors |= states.under("adam", states.moments(self.run.optimiser))
        if hasattr(self.run.objective, "state_dict"):
            tensors |= states.under("objective", self.run.objective.state_dict())
        if self.run.history.pending:
            tensors["pending"] = torch.stack(self.run.history.pending)

        metadata = {"settings": self.settings, "step": step, "history": self.run.history.record}
        write(self.path, tensors, metadata)
        self.written = time.monotonic()

    def restore(self) -> int:
        """Put the state back, if there is one, and return the number of steps that are done."""
        if self.path is None or not self.path.exists():
            return 0
        metadata, tensors = read(self.path, "delete it, and the run starts from its beginning")
        if metadata.get("settings") != json.loads(json.dumps(self.settings)):
            raise ValueError(
                f"{self.path} is the checkpoint of another run, or of this one with other "
                "settings; delete it, or give this run another path"
            )

        # A critic belongs where the model is. Not every device knows float64: such numbers stay.
        device = next(self.run.model.parameters()).device
        remembered = {
            name: tensor if tensor.dtype == torch.float64 else tensor.to(device)
            for name, tensor in states.below("objective", tensors).items()
        }

        self.run.generator.set_state(tensors["generator"])
        self.run.model.load_state_dict(states.below("model", tensors))
        states.load_moments(self.run.optimiser, states.below("adam", tensors))
        if hasattr(self.run.objective, "load_state_dict"):
            self.run.objective.load_state_dict(remembered)
        self.run.history.record.update(metadata["history"])
        self.run.history.pending = [terms.to(device) for terms in tensors.get("pending", [])]
        return metadata["step"]

    def remove(self) -> None:
        """The run is done: the file goes."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _described(model: torch.nn.Module) -> Any:
    """What tells a model from one of another kind or size, one of your own too."""
    shapes = [list(parameter.shape) for parameter in model.parameters()]
    return getattr(model, "config", [type(model).__name__, shapes])
