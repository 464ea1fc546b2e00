"""Pairs that share factors, labels of a few images, an angle and a category."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.integrate import quad

import make_ways_out
from helpers import datasets, gaussians, models, objectives
from helpers.objectives.weak import WeaklySupervised


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# Pairs


def test_a_pair_differs_in_one_factor_at_most_and_the_factors_take_turns():
    data = datasets.pairs_of_sprites(32, {"shape": ["heart"]})
    images, factors = data.sample(400, seeded())
    first, second = factors[::2], factors[1::2]
    turn = torch.arange(200) % 4
    differs = first != second
    assert (differs.sum(1) <= 1).all()
    for k in range(4):
        mine = differs[turn == k]
        assert mine[:, k].float().mean() > 0.7  # sizes come six, so one in six is the same again
        assert not mine[:, [j for j in range(4) if j != k]].any()
    assert torch.equal(images, data.data.images(factors))


def test_both_images_of_a_pair_are_drawn_uniformly():
    data = datasets.pairs_of_sprites(32, {"shape": ["heart"]})
    _, factors = data.sample(20_000, seeded(1))
    for half in (factors[::2], factors[1::2]):
        for k, size in enumerate(data.factor_sizes):
            counts = torch.bincount(half[:, k], minlength=size)
            expected = len(half) / size
            chi2 = ((counts - expected) ** 2 / expected).sum().item()
            assert chi2 < size - 1 + 5 * math.sqrt(2 * (size - 1))


def test_an_odd_number_of_images_makes_no_pairs():
    with pytest.raises(ValueError, match="even numbers, not 3"):
        datasets.pairs_of_sprites(32).sample(3)


# Who differs, and what they agree on


def test_the_latent_that_lies_above_the_middle_differs():
    # One pair, equal variances of 1: half the squared distance in each latent.
    mu = torch.tensor([[0.0, 0.0, 0.0, 0.0], [2.0, 1.5, 0.1, 1.0]])
    divergence = mu[1] ** 2 / 2
    middle = (divergence.max() + divergence.min()) / 2
    assert torch.equal(objectives.differing(mu, torch.zeros(2, 4))[0], divergence >= middle)


def test_the_divergence_is_symmetrised():
    generator = seeded(3)
    mu, logvar = torch.randn(2, 5, generator=generator), torch.randn(2, 5, generator=generator)
    there = torch.distributions.Normal(mu[0], (logvar[0] / 2).exp())
    back = torch.distributions.Normal(mu[1], (logvar[1] / 2).exp())
    kl = torch.distributions.kl_divergence
    both = (kl(there, back) + kl(back, there)) / 2
    expected = both >= (both.max() + both.min()) / 2
    assert torch.equal(objectives.differing(mu, logvar)[0], expected)
    swapped = objectives.differing(mu.flip(0), logvar.flip(0))[0]
    assert torch.equal(swapped, expected)


def test_a_shared_latent_gets_the_mean_of_means_and_of_variances():
    mu = torch.tensor([[1.0, 5.0], [3.0, 7.0]])
    logvar = torch.tensor([[0.0, 1.0], [math.log(3.0), 2.0]])
    got = objectives.agreed(mu, logvar, torch.tensor([[False, True]]))
    assert torch.allclose(got[0], torch.tensor([[2.0, 5.0], [2.0, 7.0]]))
    assert torch.allclose(got[1], torch.tensor([[math.log(2.0), 1.0], [math.log(2.0), 2.0]]))


def test_two_angles_meet_on_the_shorter_arc():
    mu = torch.tensor([[3.0, 0.0], [-3.0, 0.0]])
    logvar = torch.zeros(2, 2)
    share = torch.zeros(1, 2, dtype=torch.bool)
    met, _ = objectives.agreed(mu, logvar, share, circular=True)
    assert torch.allclose(met[:, 0].cos(), torch.tensor(-1.0))
    on_a_line, _ = objectives.agreed(mu, logvar, share)
    assert torch.allclose(on_a_line[:, 0], torch.tensor(0.0))

    # Near each other on the circle, so it is the other latent that differs.
    mu[:, 1] = torch.tensor([0.0, 1.0])
    assert objectives.differing(mu, logvar, circular=True).tolist() == [[False, True]]
    assert objectives.differing(mu, logvar).tolist() == [[True, False]]


# The objective


def sprite_model(**arguments):
    torch.manual_seed(0)
    return models.placed_vae((1, 32, 32), latent_dim=5, hidden=16, **arguments)


def test_without_knowledge_it_is_the_beta_vae():
    model = models.mlp_vae((1, 32, 32), 3, hidden=8)
    images, _ = datasets.sprites(32).sample(10, seeded())
    ours = objectives.weakly_supervised(2.0)(model, images, 0, seeded())
    theirs = objectives.beta_vae(2.0)(model, images, 0, seeded())
    assert torch.equal(ours.loss, theirs.loss)
    assert torch.equal(ours.kl, theirs.kl)


def test_named_pairs_share_all_but_the_latent_of_their_turn(monkeypatch):
    seen = []

    def keep(mu, logvar, differs, circular=False):
        seen.append((differs, circular))
        return mu, logvar

    monkeypatch.setattr("helpers.objectives.weak.agreed", keep)
    model = sprite_model(circle=True)
    images, _ = datasets.pairs_of_sprites(32, {"shape": ["heart"]}).sample(10, seeded())
    objectives.weakly_supervised(shared="named", latents=[3, 0, 1, 2])(model, images, 0, seeded())
    ((differs, circular),) = seen
    assert differs.int().argmax(1).tolist() == [3, 0, 1, 2, 3]
    assert (differs.sum(1) == 1).all() and circular


def test_a_categorys_logits_go_together(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "helpers.objectives.weak.agreed", lambda m, v, d, c=False: (seen.append(d), (m, v))[1]
    )
    model = sprite_model()
    images, _ = datasets.pairs_of_sprites(32).sample(10, seeded())
    objective = objectives.weakly_supervised(shared="named", latents=[2, 0, 1, 0, 1], classes=3)
    objective(model, images, 0, seeded())
    assert seen[0][0].tolist() == [False, False, True, True, True]
    assert seen[0][1].tolist() == [True, False, False, False, False]


def test_a_category_is_weighed_by_its_probabilities():
    model = sprite_model()
    images, _ = datasets.sprites(32).sample(4, seeded())
    terms = objectives.weakly_supervised(classes=3)(model, images, 0, seeded(5))

    mu, logvar = model.encode(images)
    q = mu[:, 2:].softmax(1)
    z = gaussians.sample(mu[:, :2], logvar[:, :2], seeded(5))
    expected = 0.0
    for n in range(4):
        for c in range(3):
            one_hot = F.one_hot(torch.tensor([c]), 3).float()
            decoded = model.decode(torch.cat([z[n : n + 1], one_hot], dim=1))
            error = F.binary_cross_entropy_with_logits(decoded[0], images[n], reduction="sum")
            expected = expected + q[n, c] * error / 4
    assert torch.allclose(terms.reconstruction, expected, rtol=1e-5)
    of_category = (q * (3 * q).log()).sum(1).mean()
    assert torch.allclose(terms.kl[-1], of_category, atol=1e-6)
    assert terms.kl.shape == (3,)


def test_an_angles_divergence_is_that_of_the_wrapped_density():
    model = sprite_model(circle=True)
    for logvar in (-2.0, -4.0):
        spread = math.exp(logvar / 2)

        def wrapped(angle, spread=spread):
            turns = 2 * math.pi * np.arange(-3, 4)
            parts = np.exp(-0.5 * ((angle - turns) / spread) ** 2)
            return parts.sum() / (spread * math.sqrt(2 * math.pi))

        def divergence(angle, wrapped=wrapped):
            return wrapped(angle) * math.log(max(2 * math.pi * wrapped(angle), 1e-300))

        exact = quad(divergence, -math.pi, math.pi, points=[0.0], limit=200)[0]
        given = torch.zeros(1, 5), torch.full((1, 5), logvar)
        kl = objectives.latent_kl(model, *given)
        assert kl[0, 0].item() == pytest.approx(exact, abs=1e-5)
        assert torch.equal(kl[:, 1:], gaussians.kl_divergence(*given)[:, 1:])
        assert torch.equal(
            objectives.latent_kl(sprite_model(), *given), gaussians.kl_divergence(*given)
        )


def test_labels_are_standardised_and_those_of_an_angle_go_round():
    data = datasets.sprites(32, {"shape": ["heart"]})
    images = data.images(torch.tensor([[2, 10, 5, 20]]))
    shares = torch.tensor([[2 / 5, 10 / 39, 5 / 31, 20 / 31]])
    model = sprite_model(circle=True)
    objective = WeaklySupervised(1.0, None, (3, 0, 1, 2), (images, shares), 1.0, 0)
    with torch.no_grad():
        mu, _ = model.encode(images)
        plain = objectives.weakly_supervised()(model, images, 0, seeded()).loss
        added = (objective(model, images, 0, seeded()).loss - plain).item()

    # In standard deviations a uniform factor runs from -√3 to √3.
    lines = 0.0
    for latent, share in [(3, 2 / 5), (1, 5 / 31), (2, 20 / 31)]:
        lines += (mu[0, latent].item() - math.sqrt(3) * (2 * share - 1)) ** 2 / 2
    angle = 1 - math.cos(mu[0, 0].item() - 2 * math.pi * 10 / 39)
    assert added == pytest.approx(lines + angle, rel=1e-3)


def test_the_labels_are_one_per_cent_and_the_same_ones_in_every_run():
    labels = {"share": 0.01, "size": 32, "keep": {"shape": ["heart"]}}
    first, second = (
        objectives.weakly_supervised(latents=[3, 0, 1, 2], labels=labels) for _ in range(2)
    )
    assert len(first.labelled[0]) == round(0.01 * 6 * 40 * 32 * 32)
    assert torch.equal(first.labelled[0], second.labelled[0])


def test_a_folded_angle_is_the_same_for_sprites_that_look_the_same():
    labels = {"share": 0.01, "size": 32, "keep": {"scale": [5], "posX": [3], "posY": [3, 9]}}
    known = {"latents": [3, 0, 1], "labels": {**labels, "share": 1.0}}
    images, shares = objectives.weakly_supervised(**known).labelled
    folded = objectives.weakly_supervised(
        **{**known, "labels": {**labels, "share": 1.0, "symmetry": make_ways_out.SYMMETRY}}
    ).labelled[1]

    # Only the angle is told otherwise.
    assert torch.equal(folded[:, [0, 2]], shares[:, [0, 2]])
    for shape, folds in enumerate([4, 2, 1]):
        mine = shares[:, 0] == shape / 2
        assert torch.allclose(folded[mine, 1], folds * shares[mine, 1])
        # Two sprites of one picture have the same angle.
        pictures = images[mine].flatten(1)
        angles = 2 * math.pi * folded[mine, 1]
        same = (pictures[:, None] - pictures[None]).abs().amax(2) < 1e-6
        apart = torch.cos(angles[:, None] - angles[None])
        assert apart[same].min() > 0.99


def test_a_symmetry_for_each_shape_that_is_kept():
    labels = {"share": 0.01, "size": 32, "keep": {"shape": ["ellipse", "heart"]}}
    with pytest.raises(ValueError, match="each shape that is kept"):
        objectives.weakly_supervised(
            latents=[4, 3, 0, 1, 2], labels={**labels, "symmetry": [4, 2, 1]}
        )


def test_a_categorys_label_has_the_cross_entropy():
    images = datasets.sprites(32).images(torch.tensor([[2, 3, 5, 9, 20]]))
    torch.manual_seed(0)
    model = models.placed_vae((1, 32, 32), latent_dim=7, hidden=16, circle=True)
    shares = torch.tensor([[1.0, 3 / 5, 5 / 39, 9 / 31, 20 / 31]])
    objective = WeaklySupervised(1.0, None, (4, 3, 0, 1, 2), (images, shares), 1.0, 3)
    with torch.no_grad():
        mu, _ = model.encode(images)
        plain = objectives.weakly_supervised(classes=3)(model, images, 0, seeded()).loss
        added = (objective(model, images, 0, seeded()).loss - plain).item()

    # Three lines, an angle, and of three classes the last.
    lines = 0.0
    for latent, share in [(3, 3 / 5), (1, 9 / 31), (2, 20 / 31)]:
        lines += (mu[0, latent].item() - math.sqrt(3) * (2 * share - 1)) ** 2 / 2
    angle = 1 - math.cos(mu[0, 0].item() - 2 * math.pi * 5 / 39)
    category = -mu[0, 4:].log_softmax(0)[2].item()
    assert added == pytest.approx(lines + angle + category, rel=1e-3)


def test_the_loss_has_every_divergence():
    """An angle's from the circle, beside a category's."""
    torch.manual_seed(0)
    model = models.placed_vae((1, 32, 32), latent_dim=7, hidden=16, circle=True)
    images, _ = datasets.sprites(32).sample(4, seeded())
    with torch.no_grad():
        terms = objectives.weakly_supervised(3.0, classes=3)(model, images, 0, seeded())
        mu, logvar = model.encode(images)
    assert torch.allclose(terms.loss, terms.reconstruction + 3 * terms.kl.sum())
    expected = objectives.latent_kl(model, mu, logvar).mean(0)[:4]
    assert torch.allclose(terms.kl[:4], expected, atol=1e-6)


def test_adaptive_pairs_know_that_an_angle_goes_round(monkeypatch):
    seen = []

    def keep(mu, logvar, circular=False):
        seen.append(circular)
        return torch.ones(len(mu) // 2, mu.shape[1], dtype=torch.bool)

    monkeypatch.setattr("helpers.objectives.weak.differing", keep)
    images, _ = datasets.pairs_of_sprites(32).sample(4, seeded())
    for circle in (True, False):
        objectives.weakly_supervised(shared="adaptive")(
            sprite_model(circle=circle), images, 0, seeded()
        )
    assert seen == [True, False]


def test_another_word_and_a_category_of_unnamed_pairs_are_refused():
    with pytest.raises(ValueError, match='"adaptive" or "named", not \'some\''):
        objectives.weakly_supervised(shared="some")
    with pytest.raises(ValueError, match="named"):
        objectives.weakly_supervised(shared="adaptive", classes=3)


# The recipes


def test_every_latent_that_is_to_carry_a_factor_suits_it():
    for world, latents in make_ways_out.LATENTS.items():
        names = datasets.sprites(32, make_ways_out.WORLDS[world]).factor_names
        assert len(set(latents)) == len(names)
        carries = dict(zip(names, latents, strict=True))
        assert [carries[name] for name in ("orientation", "posX", "posY")] == [0, 1, 2]
        network = make_ways_out.NETWORKS["category"]
        first_logit = network["latent_dim"] - make_ways_out.CLASSES
        assert carries.get("shape", first_logit) == first_logit


def test_a_recipe_says_what_is_known():
    for name, recipe in make_ways_out.RECIPES.items():
        _, network, known = name.split("_")
        objective = recipe["objective"]
        in_pairs = recipe["dataset"]["function"] == "pairs_of_sprites"
        assert ("shared" in objective) == in_pairs == (known in ("pairs", "named"))
        assert ("labels" in objective) == (known in ("labels", "folded"))
        assert ("classes" in objective) == (network == "category")


def test_the_symmetry_is_that_of_the_shapes():
    """Turned by a part of the circle, a sprite is nearly the same; by half of it, it is not."""
    world = datasets.sprites(64, {"scale": [5], "posX": [16], "posY": [16]})
    upright = world.images(torch.tensor([[s, 0] for s in range(3)]))
    for shape, parts in enumerate(make_ways_out.SYMMETRY):
        turned = world.images(torch.tensor([[shape, step] for step in range(39)]))
        off = (turned - upright[shape]).abs().flatten(1).sum(1)  # [39]
        assert off[round(39 / parts) % 39] < 0.35 * off[round(39 / parts / 2)]


def test_a_code_that_is_a_category_scores_as_one():
    """The last column of the information is the most probable class, not its logits."""
    model = sprite_model(circle=True)
    scores = make_ways_out.way_out_scores(model, {}, classes=2)
    assert len(scores["kl"]) == len(scores["information"]) == 4
    assert 0 <= scores["kl"][-1] <= math.log(2) + 1e-6
