"""Train a decoder that is alike at every place, and an MLP in its stead as control.

`make weights` calls this too. A run of the first takes some six minutes on one core, one of
the second two; the weights of the first seed are kept of the first only.
"""

from recipes import SHARED, Schedule, altered
from scoring import scores_with_moments
from stored_models import train_missing

# The decoder that is alike at every place needs no price at which only positions pay.
# (One run with ten latents, in which β fell on to 0.1 over 20,000 steps, had less error,
# and the two second moments in four latents instead of two.)
FALLING: Schedule = [[0, 4], [3000, 1], [8000, 0.3]]
PLACED = altered(SHARED, training={"steps": 12_000})
BROADCAST = {"function": "broadcast_vae", "latent_dim": 8, "hidden": 64, "mean_bound": 1.5}

# The same steps, weights and encoder with an MLP as decoder: what is the decoder's own merit?
MLP = {"function": "mlp_vae", "latent_dim": 8, "hidden": 256, "mean_bound": 1.5}

RECIPES = {
    "broadcast_vae": {
        **PLACED,
        "model": BROADCAST,
        "objective": {"function": "beta_vae", "beta": FALLING},
    },
}
CONTROL = {
    "broadcast_control": {
        **PLACED,
        "model": MLP,
        "objective": {"function": "beta_vae", "beta": FALLING},
    },
}


if __name__ == "__main__":
    train_missing(RECIPES, scores_with_moments)
    train_missing(CONTROL, scores_with_moments, keep_weights=False)
