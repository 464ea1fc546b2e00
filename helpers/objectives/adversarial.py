"""The adversarial autoencoder: a critic in place of the KL term."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from helpers import gaussians, models, states
from helpers.models import VAE
from helpers.objectives.schedules import Weight, at_step
from helpers.objectives.terms import Terms, reconstruction_of


@dataclass
class Adversarial:
    """Reconstruction + weight · mean logit of a critic on the codes (after Makhzani et al. 2016).

    The critic T tells codes z ~ q(z) from samples of the prior: it lowers the logistic loss
    E_q log(1 + exp(-T)) + E_p log(1 + exp(T)), whose best T is log q(z) / p(z). Its mean on codes
    is then KL(q(z) || p(z)), the mean KL of a VAE without I(z;n), and that is what the encoder
    lowers. (The paper's encoder plays the game of a GAN instead. Its divergence is another one, and
    is 0 for the same q too.)
    """

    weight: Weight
    critic: torch.nn.Module | None = None
    critic_steps: int = 1
    learning_rate: float = 1e-3
    _optimiser: torch.optim.Adam | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.critic_steps < 1 or not self.learning_rate > 0:
            raise ValueError(
                "the critic needs at least one step at each call and a positive learning rate, not "
                f"{self.critic_steps!r} and {self.learning_rate!r}"
            )

    def __call__(
        self, model: VAE, images: Tensor, step: int = 0, generator: torch.Generator | None = None
    ) -> Terms:
        """The terms for images [B, C, H, W]; with gradients on, the critic improves first."""
        mu, logvar = model.encode(images)  # [B, D], [B, D]
        z = gaussians.sample(mu, logvar, generator)  # [B, D]
        reconstruction = reconstruction_of(model, z, images)

        critic = self._ready_critic(z)
        if torch.is_grad_enabled():
            for _ in range(self.critic_steps):
                self._improve_critic(z.detach(), generator)

        # Gradients go through the critic to the codes, and not to the critic's own weights.
        frozen = {name: tensor.detach() for name, tensor in critic.state_dict().items()}
        marginal_kl = torch.func.functional_call(critic, frozen, (z,)).mean()

        loss = reconstruction + at_step(self.weight, step) * marginal_kl
        kl = gaussians.kl_divergence(mu, logvar).mean(0)  # [D]
        return Terms(loss, reconstruction, kl, marginal_kl=marginal_kl)

    def state_dict(self) -> dict[str, Tensor]:
        """What a checkpoint keeps, once there is a critic: its weights and its Adam's moments."""
        if self.critic is None:
            return {}
        remembered = states.moments(self._ready_optimiser(self.critic))
        return {
            **states.under("critic", self.critic.state_dict()),
            **states.under("adam", remembered),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state_dict` gave; a critic that is not there yet is the default one."""
        if not state:
            return
        if self.critic is None:
            hidden, latent_dim = state["critic.0.weight"].shape
            self.critic = models.critic(latent_dim, hidden).to(state["critic.0.weight"])

        self.critic.load_state_dict(states.below("critic", state))
        states.load_moments(self._ready_optimiser(self.critic), states.below("adam", state))

    def _ready_critic(self, codes: Tensor) -> torch.nn.Module:
        """The critic, made for such codes [B, D] if there is none yet."""
        if self.critic is None:
            self.critic = models.critic(codes.shape[1]).to(codes)
        return self.critic

    def _ready_optimiser(self, critic: torch.nn.Module) -> torch.optim.Adam:
        """The critic's own Adam, made at its first step."""
        if self._optimiser is None:
            self._optimiser = torch.optim.Adam(critic.parameters(), self.learning_rate)
        return self._optimiser

    def _improve_critic(self, codes: Tensor, generator: torch.Generator | None) -> None:
        """One step of the critic, on these codes [B, D] and as many samples of the prior."""
        critic = self._ready_critic(codes)
        optimiser = self._ready_optimiser(critic)
        prior = gaussians.noise_like(codes, generator)

        loss = critic_loss(critic(codes), critic(prior))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def adversarial(
    weight: Weight,
    critic: torch.nn.Module | None = None,
    critic_steps: int = 1,
    learning_rate: float = 1e-3,
) -> Adversarial:
    """The adversarial autoencoder: reconstruction + weight · mean logit of a critic on the codes.

    weight: a number or a function of the step.
    critic: a network from [B, D] to [B]; by default `models.critic`, made at the first call.
    critic_steps: how many steps the critic takes at each call, at least 1.
    learning_rate: the critic's own, of Adam.
    Returns an objective, called as `objective(model, images, step, generator)`: it first improves
    the critic, then gives `Terms` with `.marginal_kl`, the mean logit, an estimate of
    KL(q(z) || p(z)) in nats that is biased while the critic is not the best. Under
    `torch.no_grad()` the critic stays as it is. A new run needs a new objective.
    Raises ValueError for fewer steps than one or a learning rate that is not positive.
    """
    return Adversarial(weight, critic, critic_steps, learning_rate)


def critic_loss(on_codes: Tensor, on_prior: Tensor) -> Tensor:
    """The logistic loss of a critic: E_q log(1 + exp(-T)) + E_p log(1 + exp(T)).

    on_codes, on_prior: [B], its logits T on samples of q(z) and of p(z).
    Returns a scalar in nats. At its least, with T = log q/p, it is log 4 - 2 JSD(q, p) (Goodfellow
    et al. 2014, theorem 1).

    >>> blind = torch.zeros(8)  # says that each code is as likely from the one as from the other
    >>> round(critic_loss(blind, blind).item(), 4)  # log 4
    1.3863
    """
    return F.softplus(-on_codes).mean() + F.softplus(on_prior).mean()
