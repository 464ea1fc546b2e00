"""The mutual information gap of a code that is drawn from its posterior, by quadrature.

I(z; g) is an integral over the density of z, a mixture of Gaussians: one for each image. Three
steps make it quick. `_shared_out` puts each Gaussian on a lattice, as point masses that have its
mean and its variance; `_Lattice.density` blurs what lies there to a density, for any group of
images; `_information` adds up p log p.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy.special import xlogy

from helpers.metrics.information import MIG, entropy_of_counts, gaps
from helpers.metrics.inputs import Table, checked, numbers

MOST_POINTS = 2**17  # of a grid


def posterior_mig(mu: Table, logvar: Table, factors: Table) -> MIG:
    """The mutual information gap as Chen et al. define it, with z_j drawn from its posterior.

    mu, logvar: [N, D], D at least 2: the posteriors of the N images, all of them equally likely.
    factors: [N, K], or [N], as in `mig`.
    Returns the gap for q(z_j | g_k) and q(z_j), which are one-dimensional mixtures of Gaussians, so
    that I(z_j; g_k), equation 5 of Chen et al. 2018, is a one-dimensional integral. It is taken by
    quadrature over a grid, four points to the narrowest posterior's standard deviation. The grid
    has at most 2¹⁷ points; a posterior narrower than four of its steps is widened to that.
    `.error` is how far the score moves when the grid is twice as coarse, about what it is off by.
    Raises ValueError as `mig` does, and for mu and logvar of different shapes.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> needles = np.full((4, 2), -8.0)  # posteriors so narrow that nothing is left in doubt
    >>> round(posterior_mig(factors, needles, factors).score, 4)
    1.0
    """
    means, labels = checked(mu, factors, codes_at_least=2, called="mu")
    logvariances = numbers(logvar, "logvar")
    if logvariances.shape != means.shape:
        raise ValueError(
            "mu and logvar must have the same shape, not "
            f"{list(means.shape)} and {list(logvariances.shape)}"
        )

    classes_of = [factor.classes() for factor in labels]
    entropies = np.array(
        [entropy_of_counts(np.bincount(class_of)) for class_of in classes_of]
    )  # [K]
    variances = np.exp(logvariances)  # [N, D]

    def information(spacing: float) -> np.ndarray:
        """[D, K] in nats; spacing: of the grid, in standard deviations of the narrowest."""
        columns = zip(means.T, variances.T, strict=True)
        return np.stack([_information(m, v, classes_of, spacing) for m, v in columns])

    coarse = (gaps(information(0.5)) / entropies).mean()
    fine = information(0.25)
    per_factor = gaps(fine) / entropies
    score = float(per_factor.mean())
    return MIG(score, per_factor, fine, entropies, error=abs(score - float(coarse)))


def _information(
    mu: np.ndarray, variance: np.ndarray, classes_of: list[np.ndarray], spacing: float
) -> np.ndarray:
    """I(z; g_k) [K] in nats for z ~ N(mu_n, variance_n), n uniform, by quadrature.

    With m(z, v) the mass of value v at grid point z, which is p(v) q(z | v) times the grid's step,
    I = Σ m(z, v) log m(z, v) - Σ p(v) log p(v) - Σ m(z) log m(z). The step cancels.
    """
    lattice = _shared_out(mu, variance, spacing)

    information = np.zeros(len(classes_of))
    for k, class_of in enumerate(classes_of):
        mass = np.zeros(lattice.columns)  # m(z), summed over the values
        for value in range(class_of.max() + 1):
            of_value = lattice.density(np.flatnonzero(class_of == value))
            mass += of_value
            share = of_value.sum()  # p(v)
            information[k] += xlogy(of_value, of_value).sum() - xlogy(share, share)
        information[k] -= xlogy(mass, mass).sum()
    return np.maximum(information, 0)


@dataclass(frozen=True)
class _Lattice:
    """Gaussians as point masses: a column for each grid point, a row for each of some variances."""

    places: np.ndarray  # [4, N], the numbers of the four cells about each Gaussian
    shares: np.ndarray  # [4, N], what each of them gets; all of them sum to 1
    blur: np.ndarray  # [rows, frequencies], the Fourier transform of each row's Gaussian
    columns: int

    def density(self, chosen: np.ndarray) -> np.ndarray:
        """The density of the mixture of the chosen images [M], times the step: [columns].

        Only this summing up takes longer with more images. Then each row is convolved with the
        Gaussian of its variance, all of them at once by the Fourier transform.
        """
        cells = len(self.blur) * self.columns
        shares = self.shares[:, chosen].ravel()
        masses = np.bincount(self.places[:, chosen].ravel(), shares, minlength=cells)

        rows = masses.reshape(len(self.blur), self.columns)
        spectrum = (scipy.fft.rfft(rows) * self.blur).sum(0)
        return np.maximum(scipy.fft.irfft(spectrum, self.columns), 0)


def _shared_out(mu: np.ndarray, variance: np.ndarray, spacing: float) -> _Lattice:
    """N Gaussians on a lattice, each shared among the four cells about it.

    mu, variance: [N]. spacing: of the grid, in standard deviations of the narrowest Gaussian.
    """
    # The positions: an even grid that reaches nine standard deviations beyond the outermost.
    reach = 9 * np.sqrt(variance)
    low = (mu - reach).min()
    high = (mu + reach).max()
    step = max(spacing * np.sqrt(variance.min()), (high - low) / MOST_POINTS)
    columns = scipy.fft.next_fast_len(int((high - low) / step) + 2, real=True)

    # Each mean lies between two grid points. Shared among them in inverse proportion to the
    # distance it stays where it is, but its variance grows by right · (1 - right), so less is left.
    left, right = np.divmod((mu - low) / step, 1)  # [N], and the share of the right neighbour
    variance = np.maximum(variance / step**2, spacing**-2) - right * (1 - right)

    # The variances: a geometric ladder. Each lies between two of its rungs, and is shared alike.
    rows = 2 + int(2 * np.log(variance.max() / variance.min()) / spacing)
    rungs = np.geomspace(variance.min(), variance.max() * (1 + 1e-9), rows)
    lower = np.minimum(np.searchsorted(rungs, variance, side="right") - 1, rows - 2)
    upper = (variance - rungs[lower]) / (rungs[lower + 1] - rungs[lower])  # [N], of the upper rung

    # The four cells about each Gaussian, and their shares.
    first = lower * columns + left.astype(np.int64)
    places = np.stack([first, first + 1, first + columns, first + columns + 1])
    shares = np.stack([
        (1 - upper) * (1 - right), (1 - upper) * right, upper * (1 - right), upper * right,
    ]) / len(mu)  # fmt: skip

    frequencies = 2 * np.pi * scipy.fft.rfftfreq(columns)
    blur = np.exp(-0.5 * np.outer(rungs, frequencies**2))
    return _Lattice(places, shares, blur, columns)
