"""Codes and labels as people keep them: the right value, or a sentence that names the remedy."""

import datetime
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas
import pytest
import torch

from helpers import metrics

RNG = np.random.default_rng(0)
N = 400

# Three classes a factor, which a code has with a little noise.
CLASSES = RNG.integers(0, 3, (N, 2))
CODES = CLASSES + 0.1 * RNG.normal(size=(N, 2))
SCORE = metrics.mig(CODES, CLASSES).score

NAMES = np.array(["cube", "cone", "ball"])[CLASSES]
FRAME = pandas.DataFrame({"shape": NAMES[:, 0], "size": CLASSES[:, 1]})


def classes_as(*values, dtype=object):
    """The classes 0, 1 and 2 written as these three values."""
    return np.array(values, dtype=dtype)[CLASSES]


def test_the_code_knows_its_classes():
    assert SCORE > 0.95


# Labels with one meaning


LABELS = {
    "names": NAMES,
    "names as bytes": NAMES.astype("S"),
    "names as objects": NAMES.astype(object),
    "lists of names": NAMES.tolist(),
    "integers as objects": CLASSES.astype(object),
    "unsigned integers": CLASSES.astype(np.uint8),
    "another byte order": CLASSES.astype(">i4"),
    "a transposed table": np.asfortranarray(CLASSES),
    "backwards in memory": CLASSES[::-1][::-1],
    "whole floats": CLASSES.astype(float),
    "floats that are classes": classes_as(0.0, 0.1, 0.25, dtype=float),
    "float32 that are classes": classes_as(0.0, 0.1, 0.25, dtype=np.float32),
    "numbers as texts": CLASSES.astype(str),
    "fractions": classes_as(Fraction(1, 3), Fraction(1, 2), Fraction(2, 3)),
    "decimals": classes_as(Decimal("0.1"), Decimal("0.2"), Decimal("0.3")),
    "far apart": classes_as(-6 * 10**18, 17, 6 * 10**18, dtype=np.int64),
    "beyond int64": classes_as(0, 2**63, 2**64 - 1, dtype=np.uint64),
    "beyond any integer type": classes_as(0, 2**70, 2**90),
    "large floats": CLASSES * 1e20,
    "dates": classes_as("2020-01-01", "2020-02-01", "2021-01-01", dtype="M8[D]"),
    "dates as objects": classes_as(*(datetime.date(2020, month, 1) for month in (1, 2, 3))),
    "a tensor": torch.tensor(CLASSES),
    "a tensor of bytes": torch.tensor(CLASSES, dtype=torch.uint8),
    "a dict": {"shape": NAMES[:, 0], "size": CLASSES[:, 1]},
    "a data frame": FRAME,
    "categories": FRAME.astype("category"),
    "nullable integers": pandas.DataFrame(CLASSES).astype("Int64"),
    "pandas' strings": pandas.DataFrame(NAMES).astype("string"),
    "rows in another order": FRAME.set_index(np.arange(N)[::-1]),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_are_taken_as_they_are_kept(labels):
    assert metrics.mig(CODES, labels).score == pytest.approx(SCORE, abs=1e-12)


def test_yes_and_no_are_two_classes():
    two = (CLASSES == 1).astype(int)
    assert metrics.mig(CODES, CLASSES == 1).score == metrics.mig(CODES, two).score


@pytest.mark.parametrize("one", [CLASSES[:, 0], CLASSES[:, :1], NAMES[:, 0].tolist()])
def test_one_factor_is_enough_for_a_gap(one):
    found = metrics.mig(CODES, one)
    assert found.score == pytest.approx(metrics.mig(CODES, CLASSES).per_factor[0])
    assert metrics.posterior_mig(CODES, np.full((N, 2), -6.0), one).per_factor.shape == (1,)


AGES = np.random.default_rng(1).integers(0, 30_000, (N, 2))  # in days


@pytest.mark.parametrize(
    "quantities",
    [AGES, (AGES / 7).astype(str), (AGES / 7).tolist()],
    ids=["whole", "texts", "list"],
)
def test_a_quantity_is_known_in_every_form(quantities):
    with pytest.raises(ValueError, match="factor 0 is a quantity"):
        metrics.mig(CODES, quantities)


def test_texts_with_fractions_are_numbers():
    """As csv reads them."""
    found = metrics.dci(CODES, (CLASSES + 0.5).astype(str))
    assert found.informativeness == metrics.dci(CODES, CLASSES + 0.5).informativeness
    assert found.informativeness > 0.5


def test_names_are_read_without_the_spaces_around_them():
    spaced = np.where(np.arange(N)[:, None] % 2, NAMES, np.char.add(NAMES, " "))
    assert metrics.mig(CODES, spaced).score == metrics.mig(CODES, NAMES).score


def test_numbered_images_are_classes_of_their_own():
    numbered = np.arange(N)[:, None] * [1, 7] % N
    assert metrics.mig(numbered / N, numbered, bins=N).entropies == pytest.approx(np.log(N))


# Codes of every kind


TABLES = {
    "a list": CODES.tolist(),
    "objects": CODES.astype(object),
    "a tensor with a gradient": torch.tensor(CODES, requires_grad=True),
    "a sparse tensor": torch.tensor(CODES).to_sparse(),
    "another byte order": CODES.astype(">f8"),
    "a data frame": pandas.DataFrame(CODES),
    "a dict": {"a": CODES[:, 0], "b": CODES[:, 1]},
    "a million times as large": 1e6 * CODES,
    "a millionth": CODES / 2**20,
}


@pytest.mark.parametrize("codes", TABLES.values(), ids=TABLES)
def test_codes_are_taken_as_they_are_kept(codes):
    assert metrics.mig(codes, CLASSES).score == pytest.approx(SCORE, abs=1e-9)
    linear = metrics.dci(codes, CLASSES, "linear")
    assert linear.informativeness == pytest.approx(
        metrics.dci(CODES, CLASSES, "linear").informativeness
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_is_precise_enough(dtype):
    assert metrics.mig(torch.tensor(CODES, dtype=dtype), CLASSES).score == pytest.approx(
        SCORE, abs=0.01
    )


# Quantities


QUANTITIES = RNG.uniform(-1, 1, (N, 2))


def test_dci_predicts_quantities_as_they_are():
    found = metrics.dci(QUANTITIES @ [[1, 0.2], [0, 1]], QUANTITIES, "linear")
    assert found.informativeness == pytest.approx(1)


def test_numbers_with_equal_steps_score_as_their_places_do():
    by_place = metrics.dci(CODES, CLASSES, "linear", ["circular", "ordinal"])
    hues = metrics.dci(CODES, 0.1 * CLASSES, "linear", ["circular", "ordinal"])
    assert hues.disentanglement == pytest.approx(by_place.disentanglement)
    assert hues.informativeness == pytest.approx(by_place.informativeness)


def test_names_are_categorical_where_nothing_is_said():
    named = metrics.dci(CODES, FRAME, "linear").disentanglement
    said = metrics.dci(CODES, CLASSES, "linear", ["categorical", "ordinal"]).disentanglement
    assert named == pytest.approx(said, abs=1e-12)


def test_mig_says_how_far_the_number_of_classes_moves_it():
    with pytest.raises(ValueError, match="factor 0 is a quantity") as refused:
        metrics.mig(QUANTITIES + 0.05 * CODES, QUANTITIES)
    two = np.digitize(QUANTITIES[:, 0], [np.median(QUANTITIES[:, 0])])
    score = metrics.mig(QUANTITIES + 0.05 * CODES, two).score
    assert f"{score:.2f} with 2, " in str(refused.value)


# What is refused, in which words


ONES = np.ones(N, dtype=int)


def with_gap(labels, gap):
    """The same labels, of which the first factor's row 7 has none."""
    labels = np.array(labels, dtype=object)
    labels[7, 0] = gap
    return labels


REFUSED = {
    "NaN": (
        CODES,
        with_gap(CLASSES, math.nan),
        "factor 0 has no value in 1 of 400 .* row 7; leave",
    ),
    "None": (CODES, with_gap(NAMES, None), "factor 0 has no value in 1 of 400 .* row 7"),
    "pandas' NA": (CODES, with_gap(NAMES, pandas.NA), "factor 0 has no value in 1 of 400"),
    "no date": (
        CODES,
        np.where(CLASSES == 1, np.datetime64("NaT"), np.datetime64("2020-01-01")),
        "factor 0 has no value",
    ),
    "an empty name": (CODES, np.where(NAMES == "cone", " ", NAMES), "factor 0 has no value"),
    "a word for a gap": (CODES, np.where(NAMES == "cone", "N/A", NAMES), "factor 0 has no value"),
    "ten names that all differ": (CODES[:10], list("abcdefghij"), "tells the images apart"),
    "factors on their side": (CODES, CLASSES.T, "the table of factors lies on its side"),
    "two orders of rows": (
        pandas.DataFrame(CODES),
        FRAME.sample(frac=1, random_state=0),
        "bring them to one order",
    ),
    "a gap in a data frame": (
        CODES,
        FRAME.replace({"shape": {"cone": None}}),
        "factor 'shape' has no value",
    ),
    "infinity": (CODES, np.where(CLASSES == 2, np.inf, CLASSES), "factor 0 is infinite in .* rows"),
    "numbers and names": (
        CODES,
        with_gap(CLASSES, "cone"),
        "factor 0 holds 'cone' beside [012]: give each row a real number, or each a name",
    ),
    "complex labels": (CODES, CLASSES * 1j, "factor 0 holds complex128 values"),
    "complex objects": (
        CODES,
        with_gap(CLASSES, 1j),
        "factor 0 holds 1j beside [012]: give each row a real number",
    ),
    "file names": (CODES, [f"image{i}.png" for i in range(N)], "tells the images apart"),
    "one value": (CODES, np.c_[CLASSES[:, 0], ONES], "factor 1 has only one value"),
    "one name": (CODES, FRAME.assign(size="big"), "factor 'size' has only one value"),
    "records": (CODES, np.array([(1, 2)] * N, dtype="i4,i4"), "factors must be a table"),
    "pictures for codes": (np.zeros((N, 1, 8, 8)), CLASSES, "shape \\[400, 1, 8, 8\\]"),
    "pictures for labels": (CODES, np.zeros((N, 1, 8, 8)), "factors must be a table"),
    "rows of several lengths": ([[1, 2], [3]], CLASSES[:2], "must have one length"),
    "columns of several lengths": (CODES, {"a": [1, 2], "b": [1]}, "must have one length"),
    "a single code": (CODES[:, 0], CLASSES, "shape \\[400\\]"),
    "no rows": (CODES[:0], CLASSES[:0], "shape \\[0, 2\\]"),
    "no columns": (CODES[:, :0], CLASSES, "shape \\[400, 0\\]"),
    "on its side": (CODES.T, CLASSES, "lies on its side"),
    "another length": (CODES[1:], CLASSES, "399 rows of codes and 400 of factors"),
    "the pair of encode": ((torch.tensor(CODES),) * 2, CLASSES, "give the first, mu"),
    "text among the codes": (
        pandas.DataFrame({"file": NAMES[:, 0], "z": CODES[:, 0]}),
        CLASSES,
        "column 'file' of codes holds no numbers",
    ),
    "complex codes": (CODES * 1j, CLASSES, "column 0 of codes holds no numbers"),
    "NaN in a code": (
        np.where(np.arange(N)[:, None] == [9, N], np.nan, CODES),
        CLASSES,
        "codes hold NaN or infinite values, in 1 of 400 rows, the first in row 9, column 0",
    ),
    "infinity in a code": (
        np.where(CODES > 2, np.inf, CODES),
        CLASSES,
        "codes hold NaN or infinite",
    ),
    "too large": (CODES * 1e200, CLASSES, "column 0 of codes reaches .*e\\+200.*divide"),
    "too small": (CODES * 1e-200, CLASSES, "column 0 of codes reaches .*e-200.*divide"),
}


@pytest.mark.parametrize("measure", [metrics.mutual_information, metrics.mig])
@pytest.mark.parametrize("codes, factors, message", REFUSED.values(), ids=REFUSED)
def test_what_means_nothing_is_refused_with_its_column_and_a_remedy(
    measure, codes, factors, message
):
    with pytest.raises(ValueError, match=message):
        measure(codes, factors)


def once(value):
    """A factor that has this value in one row and 0 in all others."""
    return np.where(np.arange(N) == 3, value, 0)


REFUSED_BY_DCI = {
    "one factor": (CODES, CLASSES[:, 0], None, "at least two factors"),
    "names in order": (CODES, NAMES, ["ordinal"] * 2, 'holds names, such as .*"categorical"'),
    "names on a circle": (CODES, NAMES, ["circular"] * 2, "holds names"),
    "uneven steps on a circle": (
        CODES,
        classes_as(0, 1, 1.7, dtype=float),
        ["circular"] * 2,
        "not evenly spaced",
    ),
    "a quantity on a circle": (CODES, QUANTITIES, ["circular"] * 2, "not evenly spaced"),
    "a quantity as a category": (CODES, QUANTITIES, ["categorical"] * 2, "is a quantity"),
    "an identifier as a category": (
        CODES,
        {"file": [f"{i}.png" for i in range(N)], "size": CLASSES[:, 1]},
        None,
        "factor 'file' has another value in each",
    ),
    "a value that is too rare": (
        CODES,
        np.c_[CLASSES[:, 0], once(1)],
        None,
        "factor 1 has only one",
    ),
    "too few images": (CODES[:3], CLASSES[:3], None, "needs at least 3 and 1|only one value"),
}


@pytest.mark.parametrize(
    "codes, factors, kinds, message", REFUSED_BY_DCI.values(), ids=REFUSED_BY_DCI
)
def test_dci_refuses_what_does_not_suit_a_kind(codes, factors, kinds, message):
    with pytest.raises(ValueError, match=message):
        metrics.dci(codes, factors, kinds=kinds)


def test_posteriors_are_checked_like_codes():
    logvar = np.full((N, 2), -4.0)
    with pytest.raises(ValueError, match="logvar hold NaN"):
        metrics.posterior_mig(CODES, logvar * np.nan, CLASSES)
    with pytest.raises(ValueError, match="is a quantity"):
        metrics.posterior_mig(CODES, logvar, QUANTITIES)
    assert metrics.posterior_mig(CODES, logvar, NAMES).score > 0.3
