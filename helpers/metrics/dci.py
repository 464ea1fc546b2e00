"""Disentanglement, completeness and informativeness: what a regressor reads off a code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from helpers.metrics.inputs import Labels, Table, checked

KINDS = ("ordinal", "categorical", "circular")
FOLDS = 3  # of the cross-validation that chooses the lasso's penalty

# A regressor is fitted to standardised codes x [n, D] and targets y [n, M]. It says how much each
# code matters to it, for each target [D, M] or for all of them together [D, 1], and what it
# predicts [m, M] for other codes x_test [m, D].
Regressor = Callable[[np.ndarray, np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class DCI:
    """Disentanglement, completeness and informativeness (Eastwood & Williams 2018, section 2).

    The first two scores lie in [0, 1]. Informativeness is at most 1, and below 0 for what is worse
    than a constant prediction.
    """

    disentanglement: float  # Σ_j ρ_j D_j
    completeness: float  # the mean of C_k
    informativeness: float  # the mean over factors of 1 - errors²: 1 is perfect, 0 a constant
    errors: np.ndarray  # [K], root mean square held-out error, as a fraction of a constant's
    importance: np.ndarray  # [D, K], R_jk: how much code j matters for predicting factor k
    target_importance: list[np.ndarray]  # K times [D, M]: the same for each target of the factor
    per_code: np.ndarray  # [D], D_j
    per_factor: np.ndarray  # [K], C_k


def dci(
    codes: Table,
    factors: Table,
    regressor: str = "lasso",
    kinds: Sequence[str] | None = None,
    test_size: float = 1 / 3,
    seed: int = 0,
) -> DCI:
    """Disentanglement, completeness and informativeness of codes.

    One regressor a factor predicts it from all codes, fitted on a random part of the images, held
    out on the rest.

    codes: [N, D], D at least 2, numbers. factors: [N, K], K at least 2: numbers, which need not be
      whole, or names.
    regressor: "linear" and "lasso" (its penalty chosen by cross-validation), for which R_jk is the
      absolute weight of the standardised code; "forest" and "boosting", for which it is the share
      of the squared error that splits on the code remove.
    kinds: for each factor "ordinal" (predicted as a number), "categorical" (one 0/1 target a class)
      or "circular" (cosine and sine of the angle 2π · index / number of classes). Default: names
      are categorical, numbers ordinal. R_jk sums over a factor's targets.
    test_size: the fraction held out. seed: of the split and of the trees.
    Returns a `DCI` (Eastwood & Williams 2018, section 2). A code that never matters has D_j = 0 and
    ρ_j = 0; a factor that nothing predicts has C_k = 0. Informativeness falls below 0 where a
    prediction is worse than a constant.
    Raises ValueError for NaN, unequal lengths, empty input, a factor with only one value or one
    that its kind does not suit, an unknown regressor or kind, and fewer codes or factors than two.

    >>> rng = np.random.default_rng(0)
    >>> factors = rng.integers(0, 5, size=(600, 2))
    >>> found = dci(factors[:, ::-1], factors, "linear")  # each code is one factor
    >>> round(found.disentanglement, 4), round(found.completeness, 4)
    (1.0, 1.0)
    """
    code_table, labels = checked(codes, factors, codes_at_least=2)
    if len(labels) < 2:
        raise ValueError(
            "DCI needs at least two factors: with one, no code can matter to another one too, and "
            "its disentanglement says nothing (of one factor, metrics.mig says how far one code is "
            "ahead)"
        )
    kind_of = _checked_kinds(kinds, labels)
    if regressor not in _REGRESSORS:
        known = ", ".join(map(repr, _REGRESSORS))
        raise ValueError(f"regressor must be one of {known}, not {regressor!r}")
    fit, test = _split(
        len(code_table), test_size, seed, at_least=FOLDS if regressor == "lasso" else 2
    )

    # One regressor a factor, fitted on one part of the images and judged on the other. A target's
    # standard deviation is 1, so that the errors are fractions of a constant prediction's.
    x = _standardised(code_table, fit)  # [N, D]
    importance = np.zeros((code_table.shape[1], len(labels)))  # [D, K]
    target_importance = []
    errors = np.zeros(len(labels))  # [K]
    for k, (factor, kind) in enumerate(zip(labels, kind_of, strict=True)):
        y = _standardised(_targets(factor, kind), fit, jointly=True)  # [N, M]
        for part, rows in (("fitted", fit), ("held out", test)):
            if (y[rows] == y[rows][0]).all():
                raise ValueError(
                    f"{factor.called} has only one value in the {len(rows)} rows that are {part}, "
                    "too few of another to learn it and to test it: give more images with its rare "
                    "values, or leave its column out"
                )
        of_targets, predicted = _REGRESSORS[regressor](x[fit], y[fit], x[test], seed)
        target_importance.append(of_targets)
        importance[:, k] = of_targets.sum(axis=1)
        left_over = ((y[test] - predicted) ** 2).sum()
        errors[k] = np.sqrt(left_over / (y[test] ** 2).sum())

    # What is only rounding would give its row and its column a meaning.
    importance[importance < 1e-10 * importance.max()] = 0

    # Rows to the base K tell of the codes, columns to the base D of the factors.
    per_code = _one_minus_entropy(importance)  # [D]
    per_factor = _one_minus_entropy(importance.T)  # [K]

    # ρ_j, the share of code j in all that matters.
    total = importance.sum()
    share = importance.sum(axis=1) / total if total > 0 else np.zeros(len(per_code))
    return DCI(
        disentanglement=float(share @ per_code),
        completeness=float(per_factor.mean()),
        informativeness=float((1 - errors**2).mean()),
        errors=errors,
        importance=importance,
        target_importance=target_importance,
        per_code=per_code,
        per_factor=per_factor,
    )


def _split(
    images: int, test_size: float, seed: int, at_least: int
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the images that are fitted, `at_least` so many, and of those held out."""
    held_out = round(images * test_size)
    if not 1 <= held_out <= images - at_least:
        raise ValueError(
            f"test_size={test_size!r} of {images} images leaves {images - held_out} to fit and "
            f"{held_out} to test; it needs at least {at_least} and 1"
        )
    order = np.random.default_rng(seed).permutation(images)
    return order[held_out:], order[:held_out]


def _one_minus_entropy(importance: np.ndarray) -> np.ndarray:
    """1 - H(P_i) for each row of R, P_i being the row divided by its sum; 0 for a row of zeros.

    The entropy is to the base of the row's length, so that it lies in [0, 1].
    """
    total = importance.sum(axis=1, keepdims=True)
    p = importance / np.where(total > 0, total, 1)
    plogp = p * np.log(np.where(p > 0, p, 1))
    entropy = -plogp.sum(axis=1) / np.log(importance.shape[1])
    return np.where(total[:, 0] > 0, 1 - entropy, 0.0)


def _targets(factor: Labels, kind: str) -> np.ndarray:
    """The numbers [N, M] that a regressor predicts for a factor of this kind."""
    if kind == "categorical":
        index = factor.classes()
        return np.eye(index.max() + 1)[index]
    if kind == "circular":
        place = factor.places()
        angle = 2 * np.pi * place / (place.max() + 1)
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return factor.numbers()[:, None]


def _standardised(columns: np.ndarray, fit: np.ndarray, jointly: bool = False) -> np.ndarray:
    """Columns minus their mean, over their standard deviation, both from the rows `fit`.

    jointly: over the standard deviation of all columns together. A constant becomes 0.
    """
    centred = columns - columns[fit].mean(axis=0)
    variance = (centred[fit] ** 2).mean(axis=0)  # [M]
    if jointly:
        variance = variance.sum()

    constant = variance <= (1e-12 * np.abs(columns).max()) ** 2  # up to rounding
    return centred / np.sqrt(np.where(constant, 1.0, variance)) * ~constant


def _linear(
    x: np.ndarray, y: np.ndarray, x_test: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Least squares: absolute weights, and predictions."""
    weights = np.linalg.lstsq(x, y, rcond=None)[0]  # [D, M]
    return np.abs(weights), x_test @ weights


def _lasso(
    x: np.ndarray, y: np.ndarray, x_test: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The same with a penalty on the weights, chosen by cross-validation."""
    from sklearn.linear_model import LassoCV

    importance = np.zeros((x.shape[1], y.shape[1]))
    predicted = np.zeros((len(x_test), y.shape[1]))
    for column, target in enumerate(y.T):
        lasso = LassoCV(cv=FOLDS, random_state=seed, max_iter=10_000).fit(x, target)
        importance[:, column] = np.abs(lasso.coef_)
        predicted[:, column] = lasso.predict(x_test)
    return importance, predicted


def _forest(
    x: np.ndarray, y: np.ndarray, x_test: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """A random forest for all targets together.

    Squared error on 0/1 targets is the Gini impurity, so for categorical factors this is the usual
    classifying forest.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(30, min_samples_leaf=5, random_state=seed, n_jobs=-1)
    forest.fit(x, y if y.shape[1] > 1 else y[:, 0])
    return forest.feature_importances_[:, None], forest.predict(x_test).reshape(len(x_test), -1)


def _boosting(
    x: np.ndarray, y: np.ndarray, x_test: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Boosted trees, target by target, whose shares are weighted by the targets' variances."""
    from sklearn.ensemble import GradientBoostingRegressor

    importance = np.zeros((x.shape[1], y.shape[1]))
    predicted = np.zeros((len(x_test), y.shape[1]))
    for column, target in enumerate(y.T):
        trees = GradientBoostingRegressor(subsample=0.5, random_state=seed).fit(x, target)
        importance[:, column] = trees.feature_importances_ * target.var()
        predicted[:, column] = trees.predict(x_test)
    return importance, predicted


_REGRESSORS: dict[str, Regressor] = {
    "linear": _linear,
    "lasso": _lasso,
    "forest": _forest,
    "boosting": _boosting,
}


def _checked_kinds(kinds: Sequence[str] | None, labels: list[Labels]) -> list[str]:
    """The kind of each factor; names are categorical and numbers ordinal where nothing is said."""
    if kinds is None:
        return ["categorical" if factor.are_names else "ordinal" for factor in labels]
    count = len(labels)
    kind_of = list(kinds)
    if len(kind_of) != count or not set(kind_of) <= set(KINDS):
        known = ", ".join(map(repr, KINDS))
        raise ValueError(
            f"kinds must name each of the {count} factors one of {known}; it is {kind_of}"
        )
    return kind_of
