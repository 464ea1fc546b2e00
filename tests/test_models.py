import pytest
import torch

from helpers import models


@pytest.mark.parametrize("build, shape", [(models.mlp_vae, (1, 32, 32)), (models.mlp_vae, (3, 8, 8)),
                                          (models.conv_vae, (1, 64, 64)), (models.conv_vae, (3, 48, 48))])
def test_shapes(build, shape):
    model = build(shape, latent_dim=6)
    mu, logvar = model.encode(torch.rand(4, *shape))
    assert mu.shape == logvar.shape == (4, 6)
    assert model.decode(mu).shape == (4, *shape)


def test_conv_vae_is_the_network_of_burgess_et_al():
    kinds = [(m.in_channels, m.out_channels) for m in models.conv_vae((1, 64, 64)).modules()
             if isinstance(m, (torch.nn.Conv2d, torch.nn.ConvTranspose2d))]
    assert kinds == [(1, 32), (32, 32), (32, 32), (32, 32), (32, 32), (32, 32), (32, 32), (32, 1)]


def test_the_bound_keeps_means_inside_and_small_ones_as_they_are():
    torch.manual_seed(0)
    free, bounded = models.mlp_vae((1, 8, 8), 3), models.mlp_vae((1, 8, 8), 3, mean_bound=1.5)
    bounded.load_state_dict(free.state_dict())
    images = torch.rand(50, 1, 8, 8)
    u, mu = free.encode(images)[0], bounded.encode(images)[0]
    assert torch.allclose(mu, 1.5 * torch.tanh(u / 1.5))
    assert (bounded.encode(1000 * images)[0].abs() <= 1.5).all()


@pytest.mark.parametrize("build", [models.mlp_vae, models.conv_vae])
def test_a_config_rebuilds_its_network(build):
    model = build((1, 32, 32), 5, mean_bound=2.0)
    again = models.build(model.config)
    again.load_state_dict(model.state_dict())
    images = torch.rand(2, 1, 32, 32)
    assert torch.equal(model.encode(images)[0], again.encode(images)[0])


def test_wrong_shapes_and_arguments_are_named():
    model = models.mlp_vae((1, 8, 8), 3)
    for images in (torch.rand(2, 1, 9, 9), torch.rand(0, 1, 8, 8), torch.rand(2, 64)):
        with pytest.raises(ValueError, match="images of shape"):
            model.encode(images)
    with pytest.raises(ValueError, match="codes of shape"):
        model.decode(torch.rand(2, 4))
    for bad in ({"latent_dim": 0}, {"mean_bound": 0.0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            models.mlp_vae((1, 8, 8), **bad)
    with pytest.raises(ValueError, match="divisible by 16"):
        models.conv_vae((1, 28, 28))
    with pytest.raises(ValueError, match="channels, height, width"):
        models.mlp_vae((8, 8))


def test_a_background_is_what_the_decoder_starts_from_and_the_encoder_does_not_see():
    torch.manual_seed(0)
    plain = models.mlp_vae((3, 8, 8), 4, hidden=16)
    torch.manual_seed(0)
    model = models.mlp_vae((3, 8, 8), 4, hidden=16, background=0.9)
    images, codes = torch.rand(5, 3, 8, 8), torch.randn(5, 4)
    assert torch.allclose(model.encode(images)[0], plain.encode(images - 0.9)[0], atol=1e-5)
    assert torch.allclose(model.decode(codes), plain.decode(codes) + torch.logit(torch.tensor(0.9)), atol=1e-5)
    models.build(model.config).load_state_dict(model.state_dict())
    with pytest.raises(ValueError, match="background"):
        models.mlp_vae((3, 8, 8), background=1.0)


def test_critic():
    assert models.critic(3)(torch.randn(7, 3)).shape == (7,)
    with pytest.raises(ValueError, match="at least one latent"):
        models.critic(0)
