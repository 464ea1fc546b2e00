"""The contest of homework 2: who draws the digits best at five nats?

A learner writes a rule for the price. It is put to use here, on a network, a batch order and a
number of steps that are the same for everybody, and the error is measured here too: so nothing but
the rule makes the score.
"""

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F

from helpers import datasets, models

BUDGET = 5.0
STEPS = 400
BATCH = 128

# What a nat above the budget costs in the score: more than it can save.
FINE = 5.0

# (step, steps, beta, rate) -> beta
Rule = Callable[[int, int, float, float], float]

# How many draws of the code the error is averaged over.
DRAWS = 8

# Everybody's rule is tried on the same five networks.
SEEDS = range(5)


def five_nats(price: Rule, seed: int) -> tuple[float, float]:
    """(rate, error) in nats of a small VAE after a training in which this rule sets the price.

    price: (step, steps, beta, rate) -> the beta of this step; the rate is that of the batch.
    seed: of the network and of the batches.

    Raises ValueError for a beta that is negative or no number.
    """
    digits = datasets.digits().pictures
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = models.mlp_vae((1, 8, 8), latent_dim=6, hidden=64)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)

    def coded(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(rate, error) of a batch, one number each."""
        mu, logvar = model.encode(batch)
        z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=generator)
        error = F.binary_cross_entropy_with_logits(model.decode(z), batch, reduction="sum")
        rate = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()
        return rate / len(batch), error / len(batch)

    beta = 1.0
    for step in range(STEPS):
        batch = digits[torch.randint(len(digits), (BATCH,), generator=generator)]
        rate, error = coded(batch)
        beta = float(price(step, STEPS, beta, rate.item()))
        if not 0 <= beta < float("inf"):
            raise ValueError(f"at step {step} the price is {beta}; it must be a number, at least 0")
        optimiser.zero_grad()
        (error + beta * rate).backward()
        optimiser.step()

    with torch.no_grad():
        measured = [torch.stack(coded(digits)) for _ in range(DRAWS)]
    rate, error = torch.stack(measured).mean(0).tolist()
    return rate, error


@functools.lru_cache(maxsize=8)
def runs(price: Rule) -> list[tuple[float, float]]:
    """(rate, error) of each of the five networks; a rule that was tried before is not tried again.

    price: see `five_nats`.
    """
    return [five_nats(price, seed) for seed in SEEDS]


def score(price: Rule) -> float:
    """The error in nats, and a fine for each nat above the budget; the mean over five networks.

    price: see `five_nats`.
    """
    return sum(e + FINE * max(0.0, r - BUDGET) for r, e in runs(price)) / len(SEEDS)


def dual_ascent(step: int, steps: int, beta: float, rate: float) -> float:
    """The rule to beat: up where the rate of the batch is above the budget, down where below."""
    violation = min(rate / BUDGET - 1, 1.0)
    return max(0.0, beta + 0.05 * max(beta, 1.0) * violation)
