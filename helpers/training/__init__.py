"""Train a model, by hand or from a recipe, or many in a sweep; save it, load it again."""

from helpers.training.files import load, save
from helpers.training.loop import encode, train
from helpers.training.recipes import Recipe, from_recipe
from helpers.training.sweeps import sweep

__all__ = ["Recipe", "encode", "from_recipe", "load", "save", "sweep", "train"]
