"""Train the models of sprites in this folder.

`make weights` calls this first; what is already in results.json is not trained again. Each recipe
is run over the same five seeds. The weights of the first seed are kept, in half precision, and of
every seed its scores on the same 10,000 images.
"""

from helpers.models import VAE
from recipes import SCHEDULE, SHARED, Call, beta_tcvae_on
from scoring import KINDS, Scores, evaluation_posteriors, scores
from stored_models import train_missing

OBJECTIVES: dict[str, Call] = {
    "vae": {"function": "vae"},
    "beta_vae": {"function": "beta_vae", "beta": 4.0},
    "beta_vae_annealed": {"function": "beta_vae", "beta": SCHEDULE},
    "beta_tcvae_annealed": beta_tcvae_on(SCHEDULE, last=2),
}
RECIPES = {name: {**SHARED, "objective": objective} for name, objective in OBJECTIVES.items()}


def evaluate(model: VAE) -> Scores:
    """What results.json keeps of one of these models."""
    return scores(*evaluation_posteriors(model), KINDS["sprites"])


if __name__ == "__main__":
    train_missing(RECIPES, evaluate)
