"""What one paper's or library's β is in the convention used here."""

import math


def effective_beta(
    beta: float,
    pixels: int,
    latents: int,
    reconstruction: str = "mean",
    kl: str = "mean",
    variance: float | None = 1.0,
) -> float:
    """The β of a loss "error + beta · KL" in the convention used here.

    Here the error is a negative log-likelihood, summed over pixels, and the KL is summed over
    latents.

    beta: as the other loss has it, at least 0.
    pixels: values in an image, channels included. latents: D.
    reconstruction, kl: "mean" or "sum", as that loss takes over pixels and over latents.
    variance: of the Gaussian likelihood whose -log p(x|z) is ||x - x̂||² / (2 variance), up to a
      constant, if the error is a squared error; 0.5 makes that the squared error itself. None if
      the error is a negative log-likelihood already, such as a cross-entropy.
    Returns β, at least 0.
    Raises ValueError for values out of these ranges.

    >>> round(effective_beta(0.1, pixels=784, latents=5), 2)
    7.84
    """
    if not (beta >= 0 and math.isfinite(beta)):
        raise ValueError(f"beta must be a number of at least 0, not {beta!r}")
    for name, count in (("pixels", pixels), ("latents", latents)):
        if count < 1 or count != int(count):
            raise ValueError(f"{name} must be a whole number of at least 1, not {count!r}")
    for name, reduction in (("reconstruction", reconstruction), ("kl", kl)):
        if reduction not in ("mean", "sum"):
            raise ValueError(f'{name} must be "mean" or "sum", not {reduction!r}')
    if variance is not None and not (variance > 0 and math.isfinite(variance)):
        raise ValueError(
            "variance must be a positive number, or None for a negative log-likelihood, not "
            f"{variance!r}"
        )

    # How many times smaller than the sum each part of the other loss is.
    error_shrinks = pixels if reconstruction == "mean" else 1
    kl_shrinks = latents if kl == "mean" else 1

    # ||x - x̂||² is 2 · variance times a negative log-likelihood.
    error_grows = 1.0 if variance is None else 2 * variance

    return beta * error_shrinks / kl_shrinks / error_grows
