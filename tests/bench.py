"""How fast is what takes long? Ratios within one run, in one table: `make bench`.

With the word "redraws": only how fast the widgets follow. No test depends on it.

Each row sets our time beside the plain way of doing the same, or beside a bound that no code could
beat.
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

# Before torch, as in the notebooks: it says how torch's threads wait.
import helpers  # noqa: F401

# isort: split
import nbformat
import numpy as np
import torch
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import mutual_info_score
from torch import nn

import run_notebooks
from helpers import datasets, gaussians, metrics, models, objectives

BATCHES = 8  # that `train` draws in one go
SIZES = (3, 6, 40, 32, 32)  # of the five factors of the sprites
MOST_MILLISECONDS = 150  # that a redraw may take


def seconds(function: Callable[[], object], repeats: int = 5, *, inner: int = 1) -> float:
    """Median time of one call, after one to warm up.

    repeats: how many times are taken. inner: calls that one of them is the mean of.
    """
    # The first call also imports and allocates.
    function()

    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(inner):
            function()
        times.append((time.perf_counter() - start) / inner)

    return statistics.median(times)


def seconds_once(function: Callable[[], object]) -> float:
    """Time of the first call, for what takes seconds."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def row(what: str, ours: float, other: float, than: str) -> None:
    """Print our seconds, and how many times as fast that is as something else."""
    print(f"{what:<58}{ours * 1e3:>10.2f} ms{other / ours:>9.2f} x   {than}", flush=True)


# Training


def training_step(batch_size: int, hidden: int, threads: int) -> None:
    """A whole step of `train` against its matrix products alone.

    The step: sampling sprites, loss, gradients, Adam.
    """
    # The same parts that `train` puts together.
    torch.set_num_threads(threads)
    data = datasets.sprites(32)
    model = models.mlp_vae(data.image_shape, 10, hidden)
    objective = objectives.vae()
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(model.parameters(), fused=True)

    def steps() -> None:
        for images in data.sample(BATCHES * batch_size, generator)[0].split(batch_size):
            terms = objective(model, images, 0, generator)
            optimiser.zero_grad()
            terms.loss.backward()
            optimiser.step()

    ours = seconds(steps, 9, inner=4) / BATCHES
    bound = seconds(matrix_products(model, batch_size), 9, inner=30)

    many = "s" * (threads > 1)
    title = f"training step, {hidden} units, batch {batch_size}, {threads} thread{many}"
    row(title, ours, bound, "of its matrix products' speed")


def matrix_products(model: nn.Module, batch_size: int) -> Callable[[], None]:
    """The matrix products of a model's linear layers, forwards and backwards, on random numbers."""
    # A layer has three: its output, and the gradients of its weights and of its input.
    layers = [m for m in model.modules() if isinstance(m, nn.Linear)]
    inputs = [torch.randn(batch_size, m.in_features) for m in layers]
    gradients = [torch.randn(batch_size, m.out_features) for m in layers]
    weights = [m.weight.detach() for m in layers]

    def products() -> None:
        for i, (x, w, g) in enumerate(zip(inputs, weights, gradients, strict=True)):
            x @ w.T
            g.T @ x
            if i:  # nobody needs the gradient of the first layer's input, the image
                g @ w

    return products


def sprites() -> None:
    """Drawing a batch of sprites against looking it up in a table of finished pictures."""
    data = datasets.sprites(32)
    generator = torch.Generator().manual_seed(0)

    # Finished pictures of twice the side.
    whole = torch.rand(2048, 1, 64, 64)

    def looked_up() -> None:
        torch.nn.functional.avg_pool2d(whole[torch.randint(2048, (256,))], 2)

    ours = seconds(partial(data.sample, 256, generator), inner=20)
    plain = seconds(looked_up, inner=20)

    title = f"256 sprites at 32x32 ({256 / ours:,.0f} images/s)"
    row(title, ours, plain, "looking them up in memory and averaging")


def kl_terms(batch_size: int) -> None:
    """The three terms inside the KL, with gradients, against one broadcast over everything."""
    # Posteriors of a standard deviation of about exp(-1), and a code from each.
    mu = torch.randn(batch_size, 10, requires_grad=True)
    logvar = (torch.randn(batch_size, 10) - 2).requires_grad_()
    z = gaussians.sample(mu, logvar).detach().requires_grad_()

    def ours() -> None:
        terms = objectives.kl_terms(z, mu, logvar, 737_280)
        weighted = terms.mutual_information + 4 * terms.total_correlation + terms.dimension_wise_kl
        weighted.backward()

    def broadcast() -> None:
        density = gaussians.log_density(z[:, None], mu, logvar)  # [B, B, D]
        joint = torch.logsumexp(density.sum(2), 1)  # [B]
        marginals = torch.logsumexp(density, 1).sum(1)  # [B]
        (joint - marginals).mean().backward()

    title = f"KL terms with gradients, {batch_size} x 10 latents, one core"
    row(title, seconds(ours), seconds(broadcast), "one [B, B, D] broadcast")


# Scores


def histogram_mig(codes: np.ndarray, factors: np.ndarray) -> None:
    """The histogram MIG against scikit-learn's information, pair by pair."""

    def loop() -> None:
        for code in codes.T:
            binned = np.digitize(code, np.histogram(code, 20)[1][:-1])
            for factor in factors.T:
                mutual_info_score(binned, factor)

    ours = seconds(partial(metrics.mig, codes, factors))
    title = "histogram MIG, 10,000 x 10 codes, 5 factors"
    row(title, ours, seconds(loop, 3), "a loop over mutual_info_score")


def dci(codes: np.ndarray, factors: np.ndarray) -> None:
    """DCI with each regressor against the gradient-boosted classifier of published code.

    That one fits a tree for each class, so its time on one factor tells that on all of them.
    """
    classifier = GradientBoostingClassifier()
    one = seconds_once(partial(classifier.fit, codes[:6667], factors[:6667, 1]))
    published = one / SIZES[1] * sum(SIZES)

    kinds = ["categorical", "ordinal", "circular", "ordinal", "ordinal"]
    for regressor in ("linear", "lasso", "forest", "boosting"):
        score = partial(metrics.dci, codes, factors, regressor=regressor, kinds=kinds)
        title = f"DCI, {regressor}, the same codes"
        row(title, seconds(score, 1), published, "gradient-boosted classes (from one factor)")


def scores() -> None:
    """The scores of ten codes: four factors with noise, and six of noise alone."""
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, size, 10_000) for size in SIZES]
    factors = np.stack(columns, axis=1)  # [N, 5]

    knowing = factors[:, [0, 1, 3, 4]] + rng.normal(size=(10_000, 4))
    codes = np.concatenate([knowing, rng.normal(size=(10_000, 6))], axis=1)  # [N, 10]

    histogram_mig(codes, factors)
    dci(codes, factors)


def posterior_mig() -> None:
    """Against the same integral with every image's density at every point of a grid.

    On a sample for which that fits into memory; then our time on every sprite there is.
    """
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, size, 5_000) for size in (3, 6, 32)]
    factors = np.stack(columns, axis=1)  # [N, 3]
    mu = factors / factors.max(0) + 0.05 * rng.normal(size=factors.shape)
    logvar = np.full(mu.shape, 2 * np.log(0.05))

    def plain() -> None:
        for m, v in zip(mu.T, logvar.T, strict=True):
            # Four points to a standard deviation, and nine of those beyond the outermost mean.
            z = np.arange(m.min() - 0.45, m.max() + 0.45, 0.05 / 4)
            variance = np.exp(v)[:, None]
            squares = (z - m[:, None]) ** 2 / variance  # [N, points]
            density = np.exp(-0.5 * squares) / np.sqrt(2 * np.pi * variance)

            for factor in factors.T:
                for value in np.unique(factor):
                    density[factor == value].sum(0)

    ours = seconds(partial(metrics.posterior_mig, mu, logvar, factors))
    title = "posterior MIG, 5,000 x 3 posteriors, 3 factors"
    row(title, ours, seconds(plain), "every density at every point")

    # Every sprite that there is, ours alone.
    factors = datasets.sprites(32).factors(torch.arange(737_280)).numpy()
    mu = factors @ rng.normal(size=(5, 10)) / 40
    logvar = np.full(mu.shape, 2 * np.log(0.05))
    whole = seconds_once(partial(metrics.posterior_mig, mu, logvar, factors))
    print(f"posterior MIG of all 737,280 sprites, 10 posteriors, 5 factors: {whole:.1f} s")


# Widgets


def redraws() -> None:
    """How long the widgets take to follow a control, in the notebooks' own kernels.

    This runs every notebook once.
    """
    print(
        "\nredraws of the widgets, while every control goes through its range; "
        f"{MOST_MILLISECONDS} ms are the limit"
    )

    # What a notebook's kernel is asked after its last cell.
    question = (
        f"import sys; sys.path.insert(0, {str(run_notebooks.ROOT / 'tests')!r}); import drive\n"
        "_answer = drive.every_control(drive.panels())[1]"
    )

    for path in run_notebooks.notebooks():
        notebook = nbformat.read(path, as_version=4)
        _, times = run_notebooks.execute(notebook, path.parent, question)

        # A notebook without controls has no row.
        if times:
            median = statistics.median(times) * 1e3
            high = float(np.quantile(times, 0.95)) * 1e3
            print(
                f"{path.stem:<28}{len(times):>6} redraws, median {median:>4.0f} ms, "
                f"95th percentile {high:>4.0f} ms{'   too slow' * (high > MOST_MILLISECONDS)}",
                flush=True,
            )


def main(words: list[str]) -> None:
    """Print the whole table, or only the redraws."""
    if words == ["redraws"]:
        redraws()
        return

    print("x: how many times as fast as the last column")
    for threads in (1, 2):
        training_step(256, 400, threads)
        training_step(64, 192, threads)
    sprites()

    # On one core, as in a sweep, where each process has one.
    torch.set_num_threads(1)
    for batch_size in (64, 256, 1024):
        kl_terms(batch_size)
    torch.set_num_threads(2)

    scores()
    posterior_mig()
    redraws()


if __name__ == "__main__":
    main(sys.argv[1:])
