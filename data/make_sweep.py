"""Train three objectives at four strengths over five seeds, with a schedule and without.

The table is sweep.jsonl: a line a run, with its recipe and its scores on the same 10,000 images.
What it has is not run again, and an interrupted run goes on. One run takes a minute and a half;
`python data/make_sweep.py 2` runs two at a time.

replication.jsonl is the same for the settings that the claims of notebook 08 compare, over five
other seeds. These were run when the claims had been written.
"""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from helpers import training
from helpers.models import VAE
from helpers.training import Recipe
from recipes import SCHEDULE, SEEDS, SHARED, Call, Schedule, altered
from scoring import Scores, evaluation_posteriors, last_terms, rounded, scores_by_both_gaps

TABLE = Path(__file__).parent / "sweep.jsonl"
REPLICATION = Path(__file__).parent / "replication.jsonl"
OTHER_SEEDS = range(5, 10)

BOUND = SHARED["model"]["mean_bound"]
BETAS = (1, 2, 4, 8)
BUDGETS = (12, 9, 7, 5)  # nats, about what these β leave a β-VAE

# The budget that rises where the price of the others falls, up to step 6,000, in nats: the rates of
# a β-VAE on SCHEDULE, in results.json.
CAPACITY: Schedule = [[0, 0.05], [1500, 0.8], [3000, 1.8], [4000, 2.5], [6000, 5]]


@dataclass(frozen=True)
class Setting:
    """The choices in which the runs differ, beside the seed; each is a column of the table."""

    objective: str  # "beta_vae", "beta_tcvae" or "constrained_vae"
    strength: int  # β, or δ in nats
    path: str  # "constant" or "schedule": how the weights of the KL, or the budget, go there
    bound: float | None = BOUND  # of the posterior means; None: they are free

    @property
    def name(self) -> str:
        """The name of the recipe."""
        means = "free" if self.bound is None else "bounded"
        return f"{self.objective}-{self.strength}-{self.path}-{means}"


def objective_of(setting: Setting) -> Call:
    """The objective of a setting, as recipes have it."""
    if setting.path == "constant":
        argument = "delta" if setting.objective == "constrained_vae" else "beta"
        return {"function": setting.objective, argument: float(setting.strength)}

    # The multiplier of the rising budget starts at the price at which the others start.
    if setting.objective == "constrained_vae":
        budget = [*CAPACITY, [9000, setting.strength]]
        return {"function": "constrained_vae", "delta": budget, "beta": float(SCHEDULE[0][1])}

    # The weight follows SCHEDULE, but is never below β. In the β-TCVAE it is that of the total
    # correlation only.
    falling = [[step, max(weight, setting.strength)] for step, weight in SCHEDULE]
    objective: Call = {"function": setting.objective, "beta": falling}
    if setting.objective == "beta_tcvae":
        objective |= {"alpha": SCHEDULE, "gamma": SCHEDULE}
    return objective


def recipe_of(setting: Setting) -> Recipe:
    """The recipe of a setting. It holds the setting's fields too, which `sweep` makes columns."""
    return {
        "setting": asdict(setting),
        **altered(SHARED, model={"mean_bound": setting.bound}),
        "objective": objective_of(setting),
    }


def settings() -> list[Setting]:
    """All settings, in the order in which they are run."""
    strengths = [("beta_vae", beta) for beta in BETAS]
    strengths += [("beta_tcvae", beta) for beta in BETAS[1:]]  # at 1 it is the VAE again
    strengths += [("constrained_vae", budget) for budget in BUDGETS]

    # Free means at one strength, which is enough to compare.
    free = [("beta_vae", 4), ("beta_tcvae", 4)]

    paths = ("constant", "schedule")
    bounded = [Setting(*chosen, path) for chosen in strengths for path in paths]
    return bounded + [Setting(*chosen, path, bound=None) for chosen in free for path in paths]


RECIPES = {setting.name: recipe_of(setting) for setting in settings()}

# The settings that notebook 08's claims compare.
CLAIMED = [
    *(Setting("beta_vae", beta, "constant") for beta in BETAS),
    Setting("beta_vae", 1, "schedule"),
    Setting("beta_vae", 4, "schedule"),
    Setting("beta_tcvae", 4, "constant"),
    Setting("beta_tcvae", 4, "schedule"),
    Setting("constrained_vae", 9, "constant"),
    Setting("constrained_vae", 9, "schedule"),
]
REPLICATED = {setting.name: RECIPES[setting.name] for setting in CLAIMED}


def scores_of_run(model: VAE, history: dict[str, list]) -> Scores:
    """What the table keeps of a run, beside its recipe and seed."""
    scores = scores_by_both_gaps(*evaluation_posteriors(model))
    return rounded({**scores, **last_terms(history)})


def main(jobs: int) -> None:
    """Run what the two tables do not have, so many runs at a time."""
    # Seed by seed, so that a table cut short is a balanced one.
    for seed in SEEDS:
        training.sweep(RECIPES, [seed], TABLE, scores_of_run, jobs)
    for seed in OTHER_SEEDS:
        training.sweep(REPLICATED, [seed], REPLICATION, scores_of_run, jobs)


if __name__ == "__main__":
    main(jobs=int(sys.argv[1]) if len(sys.argv) > 1 else 1)
