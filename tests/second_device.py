"""A strict stand-in for a second device, on a machine that has only one.

Inside `second_device()`, tensors of the device "meta" hold numbers, which they keep on the CPU. As
on a GPU, they refuse to be mixed with tensors of the CPU (but for single numbers), to be drawn by a
generator of the CPU, and to become NumPy arrays; and only `.cpu()` or `.to` brings them back.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

DEVICE = torch.device("meta")

FROM_PYTHON = (torch.as_tensor, torch.tensor, torch.asarray)

aten = torch.ops.aten


class There(torch.Tensor):
    """A tensor on the second device, around one on the CPU."""

    here: torch.Tensor

    @staticmethod
    def __new__(cls, here: torch.Tensor) -> "There":
        """A tensor without numbers, of the same shape and type, and `here` beside it."""
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            here.size(),
            strides=here.stride(),
            storage_offset=here.storage_offset(),
            dtype=here.dtype,
            layout=here.layout,
            device=DEVICE,
            requires_grad=here.requires_grad,
        )
        made.here = here
        return made

    def __repr__(self) -> str:
        return f"There({self.here!r})"

    def numpy(self, *args, **kwargs):
        raise TypeError("can't convert a tensor of the second device to numpy: use .cpu() first")

    def __array__(self, *args, **kwargs):
        return self.numpy()

    def tolist(self):
        return self.here.detach().tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _called(func, args, kwargs or {})


class _Everywhere(TorchDispatchMode):
    """So that tensors are made on the second device too, where no argument lies there."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _called(func, args, kwargs or {})


class _Told(TorchFunctionMode):
    """So that Python's numbers become tensors of the second device by way of the first."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        wanted = kwargs.get("device")
        if func not in FROM_PYTHON or wanted is None or torch.device(wanted) != DEVICE:
            return func(*args, **kwargs)
        if args and isinstance(args[0], There):
            return args[0].to(kwargs.get("dtype") or args[0].dtype)
        kwargs["device"] = "cpu"
        return func(*args, **kwargs).to(DEVICE)


def _called(func, args, kwargs):
    """What an operation gives, computed on the CPU, where it would lie."""
    wanted = kwargs.get("device")
    tensors = [t for t in _flat((args, kwargs)) if isinstance(t, torch.Tensor)]
    there = [t for t in tensors if isinstance(t, There)]
    moves = func in (aten._to_copy.default, aten.copy_.default)
    if not there and (wanted is None or torch.device(wanted) != DEVICE):
        return func(*args, **kwargs)

    # What a GPU refuses.
    strangers = [t for t in tensors if not isinstance(t, There) and t.ndim]
    # What is there may be indexed by numbers that are here, and not the other way round.
    indexed = func in (aten.index.Tensor, aten.index_put_.default) and isinstance(args[0], There)
    if there and strangers and not moves and not indexed:
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, cpu "
            f"and the second one ({func})"
        )
    generator = kwargs.get("generator")
    if generator is not None and generator.device.type == "cpu":
        raise RuntimeError("Expected a generator of the second device but found 'cpu'")

    stays = wanted is None or torch.device(wanted) == DEVICE
    inner = {k: (torch.device("cpu") if k == "device" else v) for k, v in kwargs.items()}
    inner = tree_map(_here, inner)
    result = func(*tree_map(_here, args), **inner)
    if func is aten.copy_.default:
        return args[0]

    # An operation in place gives the very tensor that it was given.
    if func._schema.is_mutable and args and isinstance(args[0], There):
        if isinstance(result, torch.Tensor):
            return args[0]
        return result
    return tree_map(_there, result) if stays else result


def _here(value):
    return value.here if isinstance(value, There) else value


def _there(value):
    plain = isinstance(value, torch.Tensor) and not isinstance(value, There)
    return There(value) if plain else value


def _flat(value) -> list:
    if isinstance(value, dict):
        return [one for entry in value.values() for one in _flat(entry)]
    if isinstance(value, list | tuple):
        return [one for entry in value for one in _flat(entry)]
    return [value]


@contextmanager
def second_device() -> Iterator[torch.device]:
    """Tensors may lie on the second device, whose name it gives."""
    with _Everywhere(), _Told():
        yield DEVICE
