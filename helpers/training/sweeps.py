"""Many trainings: a grid of recipes and seeds, on the cores at hand, into one table."""

import json
import operator
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import joblib
import numpy as np
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError
from torch import Tensor
from tqdm.auto import tqdm

from helpers import datasets, models
from helpers.models import VAE
from helpers.training.files import read, write
from helpers.training.history import Record
from helpers.training.loop import train
from helpers.training.recipes import Recipe, from_recipe, prepared

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
    dataset: Any = None,
) -> list[Row]:
    """Train every recipe with every seed.

    recipes: from a name to a recipe, as in `from_recipe`. What a recipe has under "setting", a dict
      such as {"objective": "beta_vae", "strength": 4}, becomes columns of the table.
    path: the table as a file of JSON lines. A run is added to it as soon as it is done, and what it
      has is not run again, unless the recipe has changed. An interrupted run goes on from its
      checkpoint, which lies beside the table; of a run whose score failed the trained model lies
      there, and the next call only scores it.
    score: a function of (model, history) that returns a dict, what the row keeps beside "name" and
      "seed": texts, numbers, and lists, arrays or tensors of them. Worker processes call it.
    jobs: processes at a time, each with one thread. None: one, or, inside
      `joblib.parallel_config("dask")`, what the cluster has.
    dataset: images of your own, as in `train`, for recipes without "dataset". A run is done again
      when they are others.
    Returns the table, a list of rows, one a run, in the order of the grid. A run that fails does
    not stop the others: its row has "error" instead of scores, is not in the file, and is run again
    by the next call. So is a run whose worker process dies, once in the same call.
    Raises ValueError before the first run for what cannot work: a recipe that cannot take its first
    step, seeds that are no integers, and a path that cannot be written or is another kind of file.
    Raises TerminatedWorkerError when worker processes die in the second attempt too.
    """
    grid = [(name, seed) for name in recipes for seed in map(_as_seed, seeds)]
    images = None if dataset is None else datasets.as_dataset(dataset)
    table = _Table(Path(path), _as_stored(recipes, images))

    todo = dict.fromkeys(name for name, seed in grid if (name, seed) not in table.rows)
    if todo:
        table.check_that_it_can_be_written()
        _rehearse({name: recipes[name] for name in todo}, images)

    with tqdm(total=len(grid), disable=not progress, unit="run") as bar:
        bar.update(sum(run in table.rows for run in grid))
        runs = _Runs(recipes, table, score, images)
        try:
            runs.add_missing(grid, jobs, bar)
        except TerminatedWorkerError:  # what was lost with the worker is run once more
            runs.add_missing(grid, jobs, bar)
    return [table.rows[run] for run in grid]


class _Table:
    """The rows that are done, here and in a file of JSON lines."""

    def __init__(self, path: Path, recipes: dict[str, Recipe]) -> None:
        self.path = path
        self.recipes = recipes
        self.rows: dict[Run, Row] = {}
        if path.exists():
            for row in self._stored():
                if row["recipe"] == recipes.get(row["name"]):
                    self.rows[row["name"], row["seed"]] = row

    def _stored(self) -> list[Row]:
        """The rows of the file; a last line that was cut off is taken out of it."""
        if self.path.is_dir():
            raise ValueError(f"{self.path} is a folder; the table is a file, such as table.jsonl")
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)

        # Only what begins as a row does can be one that was cut off; of another file nothing goes.
        last = lines[-1] if lines else "\n"
        cut_off = not last.endswith("\n") and last.startswith('{"name": ')
        rows = []
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                if not {"name", "seed", "recipe"} <= row.keys():
                    raise ValueError("it needs a name, a seed and a recipe")
                rows.append(row)
            except (ValueError, AttributeError) as error:
                if number == len(lines) and cut_off and isinstance(error, json.JSONDecodeError):
                    self.path.write_text("".join(lines[:-1]), encoding="utf-8")
                    return rows
                raise ValueError(
                    f"line {number} of {self.path} is no row of a sweep ({error}): mend the line, "
                    "or give the table another path"
                ) from error

        if cut_off:  # the row is whole, and only the end of its line is missing
            self.path.write_text("".join(lines) + "\n", encoding="utf-8")
        return rows

    def check_that_it_can_be_written(self) -> None:
        """ValueError if a row could not be added, before hours are spent on it."""
        try:
            with self.path.open("a", encoding="utf-8"):
                pass
            beside = self.path.with_name(f"{self.path.stem}-rehearsal.partial")
            beside.touch()
            beside.unlink()
        except OSError as error:
            raise ValueError(
                f"the table {self.path} cannot be written ({error.strerror}): make its folder, or "
                "give it another path"
            ) from error

    def add(self, row: Row) -> None:
        """Keep a row; one with an error is kept here only, and said."""
        self.rows[row["name"], row["seed"]] = row
        if "error" in row:
            print(f"{row['name']}, seed {row['seed']}: {row['error']}")
        else:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            self.beside(row["name"], row["seed"], "trained").unlink(missing_ok=True)

    def beside(self, name: str, seed: int, ending: str) -> Path:
        """The file of a run: its "checkpoint" while it lasts, "trained" until it has its row."""
        return self.path.with_name(f"{self.path.stem}-{quote(name, safe='')}-{seed}.{ending}")


class _Runs:
    """What all runs of a sweep share."""

    def __init__(
        self, recipes: dict[str, Recipe], table: _Table, score: Score, dataset: Any
    ) -> None:
        self.recipes = recipes
        self.table = table
        self.score = score
        self.dataset = dataset

    def add_missing(self, grid: Iterable[Run], jobs: int | None, bar: tqdm) -> None:
        """Run what the table does not have, and add each row as soon as it is there."""
        todo = [run for run in grid if run not in self.table.rows]
        if not todo:
            return
        calls = [
            joblib.delayed(_run)(
                {
                    "name": name,
                    "seed": seed,
                    **self.recipes[name].get("setting", {}),
                    "recipe": self.table.recipes[name],
                },
                self.recipes[name],
                self.dataset,
                self.score,
                self.table.beside(name, seed, "checkpoint"),
            )
            for name, seed in todo
        ]
        for row in joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(calls):
            self.table.add(row)
            bar.update()


def _run(row: Row, recipe: Recipe, dataset: Any, score: Score, checkpoint: Path) -> Row:
    """One row of a sweep, from what it is known by."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as many processes as cores want no second thread each

    trained = checkpoint.with_suffix(".trained")
    try:
        # A model whose score failed is not trained again.
        model, history = _trained(trained, row)
        if model is None:
            model, history = from_recipe(recipe, row["seed"], False, checkpoint, dataset)
            known = {"model": model.config, "history": history, "recipe": row["recipe"]}
            write(trained, model.state_dict(), known)
        scores = _as_json(score(model, history), "score")
        if not isinstance(scores, dict):
            raise TypeError(f"score must return a dict, not a {type(scores).__name__}")
        if taken := scores.keys() & {"name", "seed", "recipe", "error"}:
            raise ValueError(f"score must not return {', '.join(sorted(taken))}: rows have that")
        return row | scores
    except Exception as error:
        return row | {"error": f"{type(error).__name__}: {error}"}
    finally:
        torch.set_num_threads(threads)


def _trained(path: Path, row: Row) -> tuple[VAE | None, Record]:
    """The model of a run that was trained and not scored, and its history; else None."""
    if not path.exists():
        return None, {}
    metadata, weights = read(path, "delete it, and the run starts from its beginning")
    if metadata["recipe"] != row["recipe"]:
        return None, {}
    model = models.build(metadata["model"])
    model.load_state_dict(weights)
    return model, metadata["history"]


def _as_seed(seed: Any) -> int:
    """A seed as an integer, NumPy's too; ValueError for what is none."""
    try:
        return operator.index(seed)
    except TypeError:
        raise ValueError(f"seeds are integers, not {seed!r}") from None


def _as_stored(recipes: dict[str, Recipe], dataset: Any) -> dict[str, Recipe]:
    """The recipes as the table has them, with what tells own images from others."""
    try:
        stored = json.loads(json.dumps(recipes))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"a recipe holds what JSON cannot ({error}); write a schedule as a list of "
            "[step, value] pairs"
        ) from error
    if dataset is None:
        return stored

    known = datasets.fingerprint(dataset)
    return {name: {"dataset": known, **recipe} for name, recipe in stored.items()}


def _rehearse(recipes: dict[str, Recipe], dataset: Any) -> None:
    """Take one step of each recipe; ValueError that names those that cannot."""
    wrong = []
    for name, recipe in recipes.items():
        try:
            images, model, objective = prepared(recipe, 0, dataset)
            arguments = {**recipe["training"], "steps": 1, "log_every": None}
            train(model, images, objective, progress=False, **arguments)
        except Exception as error:
            wrong.append(f"{name}: {type(error).__name__}: {error}")
    if wrong:
        raise ValueError("nothing was run, since these recipes cannot work:\n" + "\n".join(wrong))


def _as_json(value: Any, place: str) -> Any:
    """A value as JSON holds it: arrays and tensors as lists; TypeError that names what is left."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().float() if value.is_floating_point() else value.cpu()
    if isinstance(value, np.ndarray | np.generic | Tensor):
        return _as_json(value.tolist(), place)
    if isinstance(value, dict):
        return {str(key): _as_json(entry, f"{place}[{key!r}]") for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(entry, f"{place}[{number}]") for number, entry in enumerate(value)]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{place} is a {type(value).__name__}, which JSON cannot hold")
