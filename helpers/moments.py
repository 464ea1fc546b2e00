"""What moves pixels, whatever its name, and how a code goes with it."""

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from helpers.metrics.inputs import Table, as_array

MOMENTS = ("centre x", "centre y", "size", "stretch cos", "stretch sin")


def moments(images: Tensor) -> Tensor:
    """Centre, size and second moments of bright figures on black, measured from the pixels.

    With brightness as mass, m_pq is the mean of u^p v^q over a picture's mass, u and v counted in
    pixels from its centre of mass, to the right and down. Second moments are divided by the mass,
    so that they do not change with the size (the normalised central moments of Hu 1962).

    images: [N, 1, H, W], values in [0, 1], none of them black all over.
    Returns [N, 5], one column for each of `MOMENTS`: the centre of mass x and y in pixels, 0 at the
    first; the square root of the mass, for a white figure the root of its area in pixels; then
    (m20 - m02) / mass and 2 m11 / mass, without a unit. These two are the parallel and the diagonal
    half of the stretch: s cos 2φ and s sin 2φ for a figure whose long axis has angle φ, so that
    half a turn changes nothing, and (0, 0) for a square or a disc.
    Raises ValueError for another shape, and for a picture without any mass.

    >>> wide = torch.zeros(1, 1, 5, 5)
    >>> wide[0, 0, 2, 1:4] = 1
    >>> moments(wide).round(decimals=2)
    tensor([[2.0000, 2.0000, 1.7300, 0.2200, 0.0000]])
    """
    if images.dim() != 4 or images.shape[1] != 1:
        raise ValueError(f"images must be [N, 1, H, W], not {list(images.shape)}")
    mass = images[:, 0].double()  # [N, H, W]
    total = mass.sum((1, 2))  # [N]
    if not (total > 0).all():
        raise ValueError("a picture that is black all over has no centre")

    # Where the mass is.
    down, across = (torch.arange(side, dtype=torch.float64) for side in mass.shape[1:])
    x = mass.sum(1) @ across / total  # [N]
    y = mass.sum(2) @ down / total  # [N]

    # How it lies about its centre.
    u = across - x[:, None]  # [N, W]
    v = down - y[:, None]  # [N, H]
    m20 = (mass.sum(1) * u**2).sum(1) / total
    m02 = (mass.sum(2) * v**2).sum(1) / total
    m11 = torch.einsum("nhw,nh,nw->n", mass, v, u) / total
    stretch = torch.stack([m20 - m02, 2 * m11], dim=1) / total[:, None]  # [N, 2]
    return torch.cat([torch.stack([x, y, total.sqrt()], dim=1), stretch], dim=1).float()


def rank_correlations(codes: Table, quantities: Table) -> np.ndarray:
    """Spearman's rank correlation of every latent with every quantity, in absolute value.

    codes: [N, D]. quantities: [N, K], such as `moments`.
    Returns [D, K], in [0, 1]: 1 where the latent rises or falls with the quantity throughout. A
    column that does not vary has 0.
    """
    tables = [as_array(codes), as_array(quantities)]
    latents = tables[0].shape[1]
    ranks = rankdata(np.hstack(tables), axis=0)  # [N, D + K]

    # What does not vary has no correlation, which is said as 0.
    with np.errstate(invalid="ignore"):
        correlations = np.nan_to_num(np.corrcoef(ranks, rowvar=False))  # [D + K, D + K]
    return np.abs(correlations[:latents, latents:])


def slopes(codes: Table, quantities: Table) -> np.ndarray:
    """How much each latent changes with each quantity, the others held: a linear regression.

    codes: [N, D]. quantities: [N, K], N greater than K.
    Returns [D, K], the coefficients of the least squares. A row of two places is the direction in
    the picture along which that latent rises.

    >>> place = np.array([[0, 0], [1, 0], [0, 1], [2, 3]])
    >>> slopes(place @ [[1, 0.5], [1, 2]], place).round(2)
    array([[1. , 1. ],
           [0.5, 2. ]])
    """
    given = as_array(quantities)
    with_constant = np.column_stack([given, np.ones(len(given))])
    return np.linalg.lstsq(with_constant, as_array(codes), rcond=None)[0][:-1].T


def classes(quantities: Table, number: int = 20) -> np.ndarray:
    """Each quantity as classes of equal frequency, for the metrics that ask for classes.

    quantities: [N, K]. number: of classes.
    Returns [N, K], integers from 0 to number - 1.
    """
    ranks = rankdata(as_array(quantities), axis=0) - 1  # [N, K], from 0
    return (ranks * number / len(ranks)).astype(int)
