"""How fast is what takes long? Ratios within one run, in one table. `make bench` calls this; no test depends on it.

With the word "redraws": only how fast the widgets follow.

Each row sets our time beside the plain way of doing the same, or beside a bound that no code could beat.
"""

import statistics
import sys
import time

import helpers  # noqa: F401  before torch, as in the notebooks: it says how torch's threads wait
import nbformat
import numpy as np
import torch
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import mutual_info_score

import run_notebooks
from helpers import datasets, gaussians, metrics, models, objectives


def seconds(function, repeats=5, inner=1):
    """Median time of one call, after one to warm up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(inner):
            function()
        times.append((time.perf_counter() - start) / inner)
    return statistics.median(times)


def row(what, ours, other, than):
    print(f"{what:<58}{ours * 1e3:>10.2f} ms{other / ours:>9.2f} x   {than}", flush=True)


def training_step(batch_size, hidden, threads):
    """A whole step of `train` (sampling sprites, loss, gradients, Adam) against its matrix products alone."""
    torch.set_num_threads(threads)
    data = datasets.sprites(32)
    model = models.mlp_vae(data.image_shape, 10, hidden)
    objective, generator = objectives.vae(), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(model.parameters(), fused=True)

    def step():
        for images in data.sample(8 * batch_size, generator)[0].split(batch_size):
            terms = objective(model, images, 0, generator)
            optimiser.zero_grad()
            terms.loss.backward()
            optimiser.step()

    layers = [m for m in model.modules() if isinstance(m, torch.nn.Linear)]
    inputs = [torch.randn(batch_size, m.in_features) for m in layers]
    gradients = [torch.randn(batch_size, m.out_features) for m in layers]
    weights = [m.weight.detach() for m in layers]

    def products():
        for i, (x, w, g) in enumerate(zip(inputs, weights, gradients)):
            x @ w.T
            g.T @ x
            if i:  # nobody needs the gradient of the first layer's input, the image
                g @ w

    ours, bound = seconds(step, 9, 4) / 8, seconds(products, 9, 30)
    row(f"training step, {hidden} units, batch {batch_size}, {threads} thread{'s' * (threads > 1)}", ours, bound, "of its matrix products' speed")


def sprites():
    data, generator = datasets.sprites(32), torch.Generator().manual_seed(0)
    whole = torch.rand(2048, 1, 64, 64)
    ours = seconds(lambda: data.sample(256, generator), inner=20)
    plain = seconds(lambda: torch.nn.functional.avg_pool2d(whole[torch.randint(2048, (256,))], 2), inner=20)
    row(f"256 sprites at 32x32 ({256 / ours:,.0f} images/s)", ours, plain, "looking them up in memory and averaging")


def kl_terms():
    torch.set_num_threads(1)
    for batch_size in (64, 256, 1024):
        mu = torch.randn(batch_size, 10, requires_grad=True)
        logvar = (torch.randn(batch_size, 10) - 2).requires_grad_()
        z = gaussians.sample(mu, logvar).detach().requires_grad_()

        def ours():
            terms = objectives.kl_terms(z, mu, logvar, 737_280)
            (terms.mutual_information + 4 * terms.total_correlation + terms.dimension_wise_kl).backward()

        def broadcast():
            density = gaussians.log_density(z[:, None], mu, logvar)
            joint, marginals = torch.logsumexp(density.sum(2), 1), torch.logsumexp(density, 1).sum(1)
            (joint - marginals).mean().backward()

        row(f"KL terms with gradients, {batch_size} x 10 latents, one core", seconds(ours), seconds(broadcast),
            "one [B, B, D] broadcast")
    torch.set_num_threads(2)


def scores():
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(0, size, 10_000) for size in (3, 6, 40, 32, 32)], axis=1)
    codes = np.concatenate([factors[:, [0, 1, 3, 4]] + rng.normal(size=(10_000, 4)), rng.normal(size=(10_000, 6))], axis=1)

    def loop():
        for code in codes.T:
            binned = np.digitize(code, np.histogram(code, 20)[1][:-1])
            for factor in factors.T:
                mutual_info_score(binned, factor)

    row("histogram MIG, 10,000 x 10 codes, 5 factors", seconds(lambda: metrics.mig(codes, factors)), seconds(loop, 3),
        "a loop over mutual_info_score")
    start = time.perf_counter()
    GradientBoostingClassifier().fit(codes[:6667], factors[:6667, 1])  # the factor with 6 values: 6 of the 113 classes
    published = (time.perf_counter() - start) / 6 * sum((3, 6, 40, 32, 32))
    kinds = ["categorical", "ordinal", "circular", "ordinal", "ordinal"]
    for regressor in ("linear", "lasso", "forest", "boosting"):
        ours = seconds(lambda: metrics.dci(codes, factors, regressor, kinds), 1)
        row(f"DCI, {regressor}, the same codes", ours, published, "gradient-boosted classes (from one factor)")


def posterior_mig():
    """Against the same integral with every image's density at every grid point, on a sample for which that fits."""
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(0, size, 5_000) for size in (3, 6, 32)], axis=1)
    mu = factors / factors.max(0) + 0.05 * rng.normal(size=factors.shape)
    logvar = np.full(mu.shape, 2 * np.log(0.05))

    def plain():
        for m, v in zip(mu.T, logvar.T):
            z = np.arange(m.min() - 0.45, m.max() + 0.45, 0.05 / 4)
            density = np.exp(-0.5 * (z - m[:, None]) ** 2 / np.exp(v)[:, None]) / np.sqrt(2 * np.pi * np.exp(v))[:, None]
            for factor in factors.T:
                for value in np.unique(factor):
                    density[factor == value].sum(0)

    row("posterior MIG, 5,000 x 3 posteriors, 3 factors", seconds(lambda: metrics.posterior_mig(mu, logvar, factors)),
        seconds(plain), "every density at every point")
    factors = datasets.sprites(32).factors(torch.arange(737_280)).numpy()
    mu = factors @ rng.normal(size=(5, 10)) / 40
    start = time.perf_counter()
    metrics.posterior_mig(mu, np.full(mu.shape, 2 * np.log(0.05)), factors)
    print(f"posterior MIG of all 737,280 sprites, 10 posteriors, 5 factors: {time.perf_counter() - start:.1f} s")


def redraws():
    """How long the widgets take to follow a control, in the notebooks' own kernels: this runs every notebook once."""
    print("\nredraws of the widgets, while every control goes through its range; 150 ms are the limit")
    question = (f"import sys; sys.path.insert(0, {str(run_notebooks.ROOT / 'tests')!r}); import drive\n"
                "_answer = drive.every_control(drive.panels())[1]")
    for path in run_notebooks.notebooks():
        times = run_notebooks.execute(nbformat.read(path, as_version=4), path.parent, question)[1]
        if times:
            high = float(np.quantile(times, 0.95)) * 1e3
            print(f"{path.stem:<28}{len(times):>6} redraws, median {statistics.median(times) * 1e3:>4.0f} ms, 95th percentile "
                  f"{high:>4.0f} ms{'   too slow' * (high > 150)}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["redraws"]:
        sys.exit(redraws())
    print("x: how many times as fast as the last column")
    for threads in (1, 2):
        training_step(256, 400, threads)
        training_step(64, 192, threads)
    sprites()
    kl_terms()
    scores()
    posterior_mig()
    redraws()
