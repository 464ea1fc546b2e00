"""How disentangled are codes? Mutual information, the mutual information gap (MIG), and DCI.

Codes are [N, D] and factors [N, K], as torch tensors or numpy arrays; row i of both belongs to image i. Factors are
integer class indices. Information is in nats.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy.special import xlogy


@dataclass(frozen=True)
class MIG:
    """The mutual information gap (Chen et al. 2018, equation 6). Scores lie in [0, 1]."""

    score: float  # the mean of per_factor
    per_factor: np.ndarray  # [K], (largest - second largest information) / entropy
    information: np.ndarray  # [D, K], I(z_j; g_k) in nats
    entropies: np.ndarray  # [K], H(g_k) in nats
    error: float | None = None  # for posterior_mig: an estimate of what the score may be off by


def mutual_information(codes, factors, bins=20):
    """I(z_j; g_k) of every code with every factor, from a histogram: an array [D, K] in nats, each at least 0.

    Each code is cut into `bins` bins of equal width between its smallest and its largest value. A value on the edge between
    two bins, up to rounding, is in the upper one. A constant code has information 0 with everything. ValueError for NaN,
    unequal lengths, empty input, factors that are not integers, and a factor with only one value, since nothing can be
    known about it.
    """
    codes, factors = checked(codes, factors)
    return _joint_information(codes, factors, bins)[0]


def mig(codes, factors, bins=20):
    """The mutual information gap of `mutual_information`, as a `MIG`.

    For each factor: how much more its best code knows about it than the second best, as a share of the factor's entropy;
    then the mean over factors. Needs at least two codes and two factors. Errors as in `mutual_information`.
    """
    codes, factors = checked(codes, factors, at_least=2)
    information, entropies = _joint_information(codes, factors, bins)
    per_factor = _gaps(information) / entropies
    return MIG(float(per_factor.mean()), per_factor, information, entropies)


def posterior_mig(mu, logvar, factors):
    """The mutual information gap as Chen et al. define it, with z_j drawn from its posterior, as a `MIG`.

    mu, logvar: [N, D], the posteriors of the N images, all of them equally likely. factors: [N, K].
    Then q(z_j | g_k) and q(z_j) are one-dimensional mixtures of Gaussians, and I(z_j; g_k), equation 5 of the paper, is a
    one-dimensional integral. It is taken by quadrature over a grid, four points to the narrowest posterior's standard
    deviation. The grid has at most 2¹⁷ points; a posterior narrower than four of its steps is widened to that. `.error`
    is how far the score moves when the grid is twice as coarse; its own error is smaller. ValueError as in `mig`.
    """
    mu, factors = checked(mu, factors, at_least=2, called="mu")
    logvar, _ = checked(logvar, factors, called="logvar")
    if logvar.shape != mu.shape:
        raise ValueError(f"mu and logvar must have the same shape, not {list(mu.shape)} and {list(logvar.shape)}")
    values = [_numbered(column) for column in factors.T]
    entropies = np.array([_entropy(np.bincount(v)) for v in values])
    scores = []
    for spacing in (0.5, 0.25):
        information = np.stack([_mixture_information(m, v, values, spacing) for m, v in zip(mu.T, np.exp(logvar).T)])
        per_factor = _gaps(information) / entropies
        scores.append(float(per_factor.mean()))
    return MIG(scores[1], per_factor, information, entropies, abs(scores[1] - scores[0]))


def _mixture_information(mu, variance, values, spacing):
    """I(z; g_k) [K] in nats for z ~ N(mu_n, variance_n), n uniform, by quadrature.

    A lattice has a cell for every grid point and for each of some variances. Each Gaussian is shared out among the four
    cells about it, such that its mean and its variance stay what they are. What is left of the lattice after a
    convolution of each row with the Gaussian of its variance is a density. Only the sharing out takes longer with more images.
    """
    reach = 9 * np.sqrt(variance)
    low, high = (mu - reach).min(), (mu + reach).max()
    step = max(spacing * np.sqrt(variance.min()), (high - low) / 2**17)
    size = scipy.fft.next_fast_len(int((high - low) / step) + 2, real=True)
    cell, right = np.divmod((mu - low) / step, 1)
    variance = np.maximum(variance / step**2, spacing**-2) - right * (1 - right)  # two neighbours add right · (1 - right)
    count = 2 + int(2 * np.log(variance.max() / variance.min()) / spacing)
    levels = np.geomspace(variance.min(), variance.max() * (1 + 1e-9), count)
    level = np.minimum(np.searchsorted(levels, variance, side="right") - 1, count - 2)
    upper = (variance - levels[level]) / (levels[level + 1] - levels[level])
    first = level * size + cell.astype(np.int64)
    places = np.stack([first, first + 1, first + size, first + size + 1])
    shares = np.stack([(1 - upper) * (1 - right), (1 - upper) * right, upper * (1 - right), upper * right]) / len(mu)
    kernels = np.exp(-0.5 * np.outer(levels, (2 * np.pi * scipy.fft.rfftfreq(size)) ** 2))

    information = np.zeros(len(values))
    for k, v in enumerate(values):
        whole = np.zeros(size)
        for value in range(v.max() + 1):
            chosen = np.flatnonzero(v == value)
            lattice = np.bincount(places[:, chosen].ravel(), shares[:, chosen].ravel(), minlength=count * size)
            spectrum = (scipy.fft.rfft(lattice.reshape(count, size)) * kernels).sum(0)
            mass = np.maximum(scipy.fft.irfft(spectrum, size), 0)  # p(value) q(z | value), times the step
            whole += mass
            information[k] += xlogy(mass, mass).sum() - xlogy(mass.sum(), mass.sum())
        information[k] -= xlogy(whole, whole).sum()
    return np.maximum(information, 0)


def _gaps(information):
    """The largest minus the second largest entry of each column."""
    second, first = np.sort(information, axis=0)[-2:]
    return first - second


def _joint_information(codes, factors, bins):
    """The information [D, K] and the factors' entropies [K], from the table of counts of each pair."""
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins!r}")
    values = [_numbered(column) for column in factors.T]
    entropies = np.array([_entropy(np.bincount(v)) for v in values])
    information = np.zeros((codes.shape[1], len(values)))
    for j, code in enumerate(codes.T):
        code = code - code.min()
        if not code.any():
            continue
        # Rounded, so that a value on an edge between two bins stays there when the code is scaled by 0.1.
        bin_of = np.minimum(np.round(code * (bins / code.max()), 9), bins - 1).astype(np.int64)  # the largest: the last bin
        bin_entropy = _entropy(np.bincount(bin_of))
        for k, v in enumerate(values):
            joint_entropy = _entropy(np.bincount(bin_of * (v.max() + 1) + v))
            information[j, k] = max(0.0, bin_entropy + entropies[k] - joint_entropy)
    return information, entropies


def _numbered(values):
    """The values of a factor renamed 0, 1, 2, … without gaps, in their order."""
    if values.max() - values.min() > 4 * len(values):
        return np.unique(values, return_inverse=True)[1]
    values = values - values.min()
    return (np.cumsum(np.bincount(values) > 0) - 1)[values]  # the same without sorting


def _entropy(counts):
    """Entropy in nats of a table of counts with the sum n: log n - Σ c log c / n.

    Sorted and without zeros first, so that renaming the values does not change even the last digit of the sum.
    """
    counts = np.sort(counts[counts > 0])
    n = counts.sum()
    return np.log(n) - (counts * np.log(counts)).sum() / n


@dataclass(frozen=True)
class DCI:
    """Disentanglement, completeness and informativeness (Eastwood & Williams 2018, section 2).

    The first two scores lie in [0, 1]. Informativeness is at most 1, and below 0 for what is worse than a constant prediction.
    """

    disentanglement: float  # Σ_i ρ_i D_i
    completeness: float  # the mean of C_j
    informativeness: float  # the mean over factors of 1 - errors²: 1 is perfect, 0 what a constant prediction gets
    errors: np.ndarray  # [K], root mean square error on held-out images, as a fraction of a constant prediction's
    importance: np.ndarray  # [D, K], R_ij: how much code i matters for predicting factor j
    per_code: np.ndarray  # [D], D_i
    per_factor: np.ndarray  # [K], C_j


def dci(codes, factors, regressor="lasso", kinds=None, test_size=1 / 3, seed=0):
    """Disentanglement, completeness and informativeness of codes, as a `DCI`.

    One regressor a factor predicts it from all codes, fitted on a random part of the images, held out on the rest.
    regressor: "linear" and "lasso" (its penalty chosen by cross-validation), for which R_ij is the absolute weight of
      the standardised code; "forest" and "boosting", for which it is the share of the squared error that splits on the
      code remove.
    kinds: for each factor "ordinal" (predicted as a number), "categorical" (one 0/1 target a class) or "circular" (cosine
      and sine of the angle 2π · index / number of classes). Default: all ordinal. R_ij sums over a factor's targets.
    test_size: the fraction held out. seed: of the split and of the trees.

    A code that never matters has D_i = 0 and ρ_i = 0; a factor that nothing predicts has C_j = 0. Informativeness falls
    below 0 where a prediction is worse than a constant. Needs at least two codes and two factors; ValueError for NaN,
    unequal lengths, empty input, a factor with only one value, an unknown regressor or kind.
    """
    codes, factors = checked(codes, factors, at_least=2)
    kinds = _checked_kinds(kinds, factors.shape[1])
    if regressor not in _REGRESSORS:
        raise ValueError(f"regressor must be one of {', '.join(map(repr, _REGRESSORS))}, not {regressor!r}")
    n, d = codes.shape
    n_test = round(n * test_size)
    if not 1 <= n_test <= n - 2:
        raise ValueError(f"test_size={test_size!r} of {n} images leaves {n - n_test} to fit and {n_test} to test; it needs "
                         "at least 2 and 1")
    order = np.random.default_rng(seed).permutation(n)
    fit, test = order[n_test:], order[:n_test]
    x = _standardised(codes, fit)
    importance, errors = [], []
    for values, kind in zip(factors.T, kinds):
        target = _standardised(_target(values, kind), fit, jointly=True)
        weights, prediction = _REGRESSORS[regressor](x[fit], target[fit], x[test], seed)
        importance.append(weights)
        errors.append(np.sqrt(((target[test] - prediction) ** 2).sum() / (target[test] ** 2).sum()))
    importance, errors = np.stack(importance, axis=1), np.array(errors)
    importance[importance < 1e-10 * importance.max()] = 0  # rounding, whose rows and columns would mean nothing
    per_code, per_factor = _one_minus_entropy(importance), _one_minus_entropy(importance.T)
    total = importance.sum()
    share = importance.sum(axis=1) / total if total > 0 else np.zeros(d)
    return DCI(float(share @ per_code), float(per_factor.mean()), float((1 - errors**2).mean()),
               errors, importance, per_code, per_factor)


def _one_minus_entropy(importance):
    """1 - H(P_i) for each row of R, with P_i the row divided by its sum and the entropy to the base of its length."""
    total = importance.sum(axis=1, keepdims=True)
    p = importance / np.where(total > 0, total, 1)
    entropy = -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1) / np.log(importance.shape[1])
    return np.where(total[:, 0] > 0, 1 - entropy, 0.0)


def _target(values, kind):
    """The numbers [N, m] that a regressor predicts for a factor of this kind."""
    classes, index = np.unique(values, return_inverse=True)
    if kind == "categorical":
        return np.eye(len(classes))[index]
    if kind == "circular":
        angle = 2 * np.pi * (values - values.min()) / (values.max() - values.min() + 1)
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return values[:, None].astype(float)


def _standardised(columns, fit, jointly=False):
    """Columns minus their mean, over their standard deviation (or over that of all of them), both from the rows `fit`."""
    centred = columns - columns[fit].mean(axis=0)
    variance = (centred[fit] ** 2).mean(axis=0)
    if jointly:
        variance = variance.sum()
    negligible = variance <= (1e-12 * np.abs(columns).max()) ** 2  # a constant, up to rounding
    return centred / np.sqrt(np.where(negligible, 1.0, variance)) * ~negligible


def _linear(x, y, x_test, seed):
    weights = np.linalg.lstsq(x, y, rcond=None)[0]
    return np.abs(weights).sum(axis=1), x_test @ weights


def _lasso(x, y, x_test, seed):
    from sklearn.linear_model import LassoCV

    fitted = [LassoCV(cv=3, random_state=seed, max_iter=10_000).fit(x, column) for column in y.T]
    return sum(np.abs(f.coef_) for f in fitted), np.stack([f.predict(x_test) for f in fitted], axis=1)


def _forest(x, y, x_test, seed):
    from sklearn.ensemble import RandomForestRegressor

    # Squared error on 0/1 targets is the Gini impurity, so for categorical factors this is the usual classifying forest.
    forest = RandomForestRegressor(30, min_samples_leaf=5, random_state=seed, n_jobs=-1)
    forest.fit(x, y if y.shape[1] > 1 else y[:, 0])
    return forest.feature_importances_, forest.predict(x_test).reshape(len(x_test), -1)


def _boosting(x, y, x_test, seed):
    from sklearn.ensemble import GradientBoostingRegressor

    fitted = [GradientBoostingRegressor(subsample=0.5, random_state=seed).fit(x, column) for column in y.T]
    return sum(f.feature_importances_ * column.var() for f, column in zip(fitted, y.T)), np.stack(
        [f.predict(x_test) for f in fitted], axis=1)


_REGRESSORS = {"linear": _linear, "lasso": _lasso, "forest": _forest, "boosting": _boosting}


def _checked_kinds(kinds, count):
    kinds = ["ordinal"] * count if kinds is None else list(kinds)
    known = ("ordinal", "categorical", "circular")
    if len(kinds) != count or not set(kinds) <= set(known):
        raise ValueError(f"kinds must name each of the {count} factors one of {', '.join(map(repr, known))}; it is {kinds}")
    return kinds


def checked(codes, factors, at_least=1, called="codes"):
    """Codes as float64 [N, D] and factors as int64 [N, K], or a ValueError that says what is wrong and what to do."""
    codes, factors = (np.asarray(a.detach().cpu() if hasattr(a, "detach") else a) for a in (codes, factors))
    for name, array in ((called, codes), ("factors", factors)):
        if array.ndim != 2 or not array.size:
            raise ValueError(f"{name} must be a table with a row for each image and at least one column; this has the "
                             f"shape {list(array.shape)}")
        if array.shape[1] < at_least:
            raise ValueError(f"this metric compares {name} with each other and needs at least {at_least}; here is "
                             f"{array.shape[1]}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} hold NaN or infinite values, in {(~np.isfinite(array)).any(axis=1).sum()} of "
                             f"{len(array)} rows; a metric of them would mean nothing: look at the encoder's output")
    if len(codes) != len(factors):
        raise ValueError(f"there are {len(codes)} rows of {called} and {len(factors)} of factors; row i of both must belong "
                         "to the same image")
    if (factors != np.rint(factors)).any():
        raise ValueError("factors must be integer class indices; give continuous ones as the index of their bin")
    factors = factors.astype(np.int64)
    constant = np.flatnonzero(factors.min(axis=0) == factors.max(axis=0))
    if len(constant):
        raise ValueError(f"factor {', '.join(map(str, constant))} has only one value in these images, so there is nothing "
                         "to know about it; leave its column out, or sample images in which it varies")
    return codes.astype(np.float64), factors
