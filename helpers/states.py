"""States as flat dicts of tensors, the form in which a checkpoint keeps them."""

import torch
from torch import Tensor


def moments(optimiser: torch.optim.Adam) -> dict[str, Tensor]:
    """What Adam remembers of past gradients, under names such as "3.exp_avg"; empty at first."""
    of_parameter = optimiser.state_dict()["state"]
    return {
        f"{number}.{name}": tensor
        for number, remembered in of_parameter.items()
        for name, tensor in remembered.items()
    }


def load_moments(optimiser: torch.optim.Adam, tensors: dict[str, Tensor]) -> None:
    """Give an optimiser of the same parameters what `moments` returned."""
    state = optimiser.state_dict()
    for key, tensor in tensors.items():
        number, name = key.split(".")
        state["state"].setdefault(int(number), {})[name] = tensor
    optimiser.load_state_dict(state)


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under names that begin with this word and a dot."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those of the tensors whose names begin with this word and a dot, without them."""
    start = f"{prefix}."
    return {
        name.removeprefix(start): tensor
        for name, tensor in tensors.items()
        if name.startswith(start)
    }
