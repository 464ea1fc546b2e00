"""Why numbers are wrong, told from the numbers: a known misconception, or what they have in common.

A sentence about what they have in common says only what was seen, so it holds even where the
learner's mistake is one that nobody has thought of.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from helpers.homework.differences import alike, as_array, difference, dimensions

# Factors that a mistake often leaves behind.
_FACTORS = {
    -1.0: "your values are the expected ones with the sign turned.",
    2.0: "your values are twice the expected ones: look for a factor 1/2.",
    0.5: "your values are half the expected ones: look for a factor 2, or a 1/2 too many.",
    -0.5: "your values are -1/2 times the expected ones: the sign, and a factor of 2.",
    -2.0: "your values are -2 times the expected ones: the sign, and a factor 1/2.",
    1 / math.log(2): "your values are the expected ones in bits; the series counts in nats.",
    math.log(2): "your values are log 2 times the expected ones: nats were taken for bits.",
}

# What may have been done with the right number, and what to say of it.
_MAPS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "your values are the square roots of the expected ones.": np.sqrt,
    "your values are the squares of the expected ones.": np.square,
    "your values are exp of the expected ones: a logarithm is missing.": np.exp,
    "your values are the logarithms of the expected ones.": np.log,
    "your values are 1 minus the expected ones.": lambda wanted: 1 - wanted,
    "your values are 1 over the expected ones: the fraction stands upside down.": np.reciprocal,
    "your values are the absolute values of the expected ones.": np.abs,
}


def likely_cause(
    got: Mapping[str, Any],
    expected: Mapping[str, Any],
    known: Mapping[str, Mapping[str, Any]],
    cases: Mapping[str, tuple],
    tolerance: float,
) -> str | None:
    """The cause of wrong values, in a sentence; None if nothing can be said.

    got, expected: what came out and what should have, by the words for the input.
    known: the same of somebody who has a misconception, by the sentence that names it.
    cases: the inputs themselves.
    """
    for why, values in known.items():
        if any(difference(values[words], expected[words], tolerance) for words in got) and all(
            alike(got[words], values[words], tolerance) for words in got
        ):
            return f"likely, {why}"

    # The same mistake, where whoever made it kept a logarithm of 0 finite.
    for why, values in known.items():
        finite = [words for words in got if _is_finite(values[words])]
        telling = [w for w in finite if difference(values[w], expected[w], tolerance)]
        if len(telling) >= 3 and all(alike(got[w], values[w], tolerance) for w in finite):
            return f"likely, {why}"

    try:
        found = {words: as_array(value) for words, value in got.items()}
        wanted = {words: as_array(value) for words, value in expected.items()}
    except (TypeError, ValueError):
        return None

    return next(_seen(found, wanted, cases, tolerance), None)


def _is_finite(value: Any) -> bool:
    """Whether it is numbers, none of them NaN or infinite."""
    try:
        return bool(np.isfinite(as_array(value)).all())
    except (TypeError, ValueError):
        return False


def _seen(
    got: dict[str, np.ndarray],
    expected: dict[str, np.ndarray],
    cases: Mapping[str, tuple],
    tolerance: float,
) -> Iterator[str]:
    """What all wrong numbers have in common, the most telling first."""
    undefined = [words for words, values in got.items() if not np.isfinite(values).all()]
    if undefined and len(got) > 1:
        yield f"your values are NaN or infinite for: {'; '.join(undefined)}."

    if any(got[words].shape != expected[words].shape for words in got):
        yield from _shapes(got, expected, tolerance)
        return

    # All numbers, whatever input they come from, if they can be compared at all.
    ours = np.concatenate([values.ravel() for values in got.values()])
    theirs = np.concatenate([values.ravel() for values in expected.values()])
    if ours.size > 1 and np.allclose(ours, theirs, 2e-3, 2e-3):
        yield (
            "your values are very close to the expected ones: was a small number added, or "
            "something rounded or cut off?"
        )

    for digits in range(5):
        rounded = np.round(theirs, digits)
        if not np.allclose(rounded, theirs, tolerance, tolerance) and np.allclose(
            ours, rounded, tolerance, tolerance
        ):
            yield "your values are the expected ones, rounded: give all their digits."

    # Edge cases alone: the formula is right, and something was not thought of.
    wrong = [w for w in got if difference(got[w], expected[w], tolerance)]
    if not wrong:
        return
    if len(wrong) <= len(got) / 3:
        yield f"wrong only for: {'; '.join(wrong)}."

    # One number in place of many; then all numbers against all.
    near = 10 * tolerance
    if ours.size > 1 and np.ptp(ours) <= near and np.ptp(theirs) > near:
        yield (
            f"your value is {ours[0]:.4g} for every input: is an argument not used, or the value "
            "cut off?"
        )

    # With fewer than three numbers a factor is found by chance.
    if np.unique(theirs.round(6)).size < 3:
        return
    for factor, sentence in _FACTORS.items():
        if np.allclose(ours, factor * theirs, near, near):
            yield sentence
    for sentence, mapped in _MAPS.items():
        with np.errstate(all="ignore"):
            if np.allclose(ours, mapped(theirs), near, near):
                yield sentence

    yield from _sizes(got, expected, cases, near)

    # A table may stand on its side.
    if all(values.ndim == 2 for values in got.values()) and all(
        got[words].shape == expected[words].T.shape
        and np.allclose(got[words], expected[words].T, near, near)
        for words in got
    ):
        yield "your table is the transpose of the expected one."

    largest = np.abs(theirs).argmax()
    ratio = ours[largest] / theirs[largest]
    if np.allclose(ours, ratio * theirs, near, near):
        yield f"your values are {ratio:.4g} times the expected ones, on every input."

    offset = ours - theirs
    if ours.size > 1 and np.ptp(offset) <= near * (1 + np.abs(offset).max()):
        yield f"your values are the expected ones plus {offset[0]:.4g}, on every input."


def _sizes(
    got: dict[str, np.ndarray],
    expected: dict[str, np.ndarray],
    cases: Mapping[str, tuple],
    near: float,
) -> Iterator[str]:
    """Whether the values are off by the length of an axis: a mean for a sum, or the reverse."""
    # The lengths of the axes, position by position; these have to differ to tell anything.
    axes = {words: list(dimensions(cases[words])) for words in got}
    for place in range(min(map(len, axes.values()), default=0)):
        lengths = {words: axes[words][place] for words in got}
        if len(set(lengths.values())) < 2:
            continue

        # Too small by this length, or too large.
        if all(np.allclose(got[w] * n, expected[w], near, near) for w, n in lengths.items()):
            yield (
                "your values are the expected ones divided by the length of an axis: "
                "a mean stands where a sum belongs."
            )
        if all(np.allclose(got[w], expected[w] * n, near, near) for w, n in lengths.items()):
            yield (
                "your values are the expected ones times the length of an axis: "
                "a sum stands where a mean belongs."
            )


def _shapes(
    got: dict[str, np.ndarray], expected: dict[str, np.ndarray], tolerance: float
) -> Iterator[str]:
    """What was done to an axis that should have stayed, or stayed though it should have gone."""
    how: dict[str, Callable[..., Any]] = {"added up": np.sum, "averaged": np.mean}
    if all(
        got[w].ndim > expected[w].ndim
        and alike(got[w].ravel(), expected[w].ravel(), 10 * tolerance)
        for w in got
    ):
        yield "right values, in a table with an axis of length 1 too many: drop it, or `keepdim`."

    for words, reduce in how.items():
        # Too few axes: the expected values were reduced once more.
        if all(
            expected[w].ndim > got[w].ndim and alike(got[w], reduce(expected[w]), 10 * tolerance)
            for w in got
        ):
            yield f"your value is the expected ones {words}: each has to stay by itself."

        # Too many: one of yours is left to be reduced.
        for axis in (-1, 0):
            if all(
                got[w].ndim > expected[w].ndim
                and alike(reduce(got[w], axis=axis), expected[w], 10 * tolerance)
                for w in got
            ):
                yield f"your values have still to be {words} over the {_axis(axis)} axis."


def _axis(axis: int) -> str:
    return "first" if axis == 0 else "last"
