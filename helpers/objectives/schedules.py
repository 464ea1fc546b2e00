"""Weights that change while a model is trained."""

from collections.abc import Callable
from itertools import pairwise
from numbers import Real

import numpy as np
from torch import Tensor

Weight = float | Callable[[int], float]  # a number, or a function of the training step


def at_step(weight: Weight, step: int) -> float:
    """The value of a weight at this step of the training; ValueError if that is no number."""
    value = weight(step) if callable(weight) else weight
    if not isinstance(value, Real | Tensor) or not value >= 0:
        raise ValueError(
            "a weight is a number of at least 0, or a function of the step that returns one, not "
            f"{value!r}; of [step, value] points make one with piecewise_linear(*points)"
        )
    return value


class PiecewiseLinear:
    """A function of the step that is linear between points, and constant before and after them."""

    def __init__(self, *points: tuple[int, float]) -> None:
        if not points or any(len(point) != 2 for point in points):
            raise ValueError("piecewise_linear takes one or more (step, value) pairs")
        self.points = [(int(step), float(value)) for step, value in points]

        self._steps = [step for step, _ in self.points]
        self._values = [value for _, value in self.points]
        if any(before >= after for before, after in pairwise(self._steps)):
            raise ValueError(
                f"the steps of piecewise_linear must increase; these are {self._steps}"
            )

    def __call__(self, step: int) -> float:
        """The value at this step."""
        return float(np.interp(step, self._steps, self._values))

    def __repr__(self) -> str:
        points = ", ".join(f"({step}, {value:g})" for step, value in self.points)
        return f"PiecewiseLinear({points})"


def piecewise_linear(*points: tuple[int, float]) -> PiecewiseLinear:
    """A weight that passes through these (step, value) points, linearly in between.

    points: one or more, their steps increasing.
    Returns a function of the training step, constant before the first point and after the last.
    Raises ValueError for no points, or steps that do not increase.

    >>> beta = piecewise_linear((0, 20), (100, 10))
    >>> beta(0), beta(50), beta(1000)
    (20.0, 15.0, 10.0)
    """
    return PiecewiseLinear(*points)
