"""Many trainings: a grid of recipes and seeds, on the cores at hand, into one table."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import joblib
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm.auto import tqdm

from helpers.models import VAE
from helpers.training.history import Record
from helpers.training.recipes import Recipe, from_recipe

Row = dict[str, Any]
Score = Callable[[VAE, Record], Row]
Run = tuple[str, int]  # the name of a recipe, and a seed


def sweep(
    recipes: dict[str, Recipe],
    seeds: Sequence[int],
    path: Path | str,
    score: Score,
    jobs: int | None = None,
    progress: bool = True,
) -> list[Row]:
    """Train every recipe with every seed.

    recipes: from a name to a recipe, as in `from_recipe`. What a recipe has under "setting", a dict
      such as {"objective": "beta_vae", "strength": 4}, becomes columns of the table.
    path: the table as a file of JSON lines. A run is added to it as soon as it is done, and what it
      has is not run again, unless the recipe has changed. An interrupted run goes on from its
      checkpoint, which lies beside the table.
    score: a function of (model, history) that returns a dict that JSON can hold, what the row keeps
      beside "name" and "seed". It must be importable, since worker processes call it.
    jobs: processes at a time, each with one thread. None: one, or, inside
      `joblib.parallel_config("dask")`, what the cluster has.
    Returns the table, a list of rows, one a run, in the order of the grid. A run that fails does
    not stop the others: its row has "error" instead of scores, is not in the file, and is run again
    by the next call. So is a run whose worker process dies, once in the same call.
    Raises TerminatedWorkerError when worker processes die in the second attempt too.
    """
    table = _Table(Path(path), recipes)
    grid = [(name, seed) for name in recipes for seed in seeds]
    already = sum(run in table.rows for run in grid)

    with tqdm(total=len(grid), initial=already, disable=not progress, unit="run") as bar:
        try:
            _run_missing(grid, table, score, jobs, bar)
        except TerminatedWorkerError:  # what was lost with the worker is run once more
            _run_missing(grid, table, score, jobs, bar)
    return [table.rows[run] for run in grid]


class _Table:
    """The rows that are done, here and in a file of JSON lines."""

    def __init__(self, path: Path, recipes: dict[str, Recipe]) -> None:
        self.path = path
        self.recipes = recipes
        self.rows: dict[Run, Row] = {}
        if path.exists():
            for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
                if row["recipe"] == recipes.get(row["name"]):
                    self.rows[row["name"], row["seed"]] = row

    def add(self, row: Row) -> None:
        """Keep a row; one with an error is kept here only, and said."""
        self.rows[row["name"], row["seed"]] = row
        if "error" in row:
            print(f"{row['name']}, seed {row['seed']}: {row['error']}")
        else:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def checkpoint(self, name: str, seed: int) -> Path:
        """Where a run keeps its state while it lasts."""
        return self.path.with_name(f"{self.path.stem}-{name}-{seed}.checkpoint")


def _run_missing(
    grid: Iterable[Run], table: _Table, score: Score, jobs: int | None, bar: tqdm
) -> None:
    """Run what the table does not have, and add each row as soon as it is there."""
    todo = [run for run in grid if run not in table.rows]
    if not todo:
        return
    calls = [
        joblib.delayed(_run)(name, table.recipes[name], seed, score, table.checkpoint(name, seed))
        for name, seed in todo
    ]
    for row in joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(calls):
        table.add(row)
        bar.update()


def _run(name: str, recipe: Recipe, seed: int, score: Score, checkpoint: Path) -> Row:
    """One row of a sweep."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as many processes as cores want no second thread each

    row = {"name": name, "seed": seed, **recipe.get("setting", {}), "recipe": recipe}
    try:
        model, history = from_recipe(recipe, seed, progress=False, checkpoint=checkpoint)
        return row | score(model, history)
    except Exception as error:
        return row | {"error": f"{type(error).__name__}: {error}"}
    finally:
        torch.set_num_threads(threads)
