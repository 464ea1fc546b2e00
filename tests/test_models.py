import pytest
import torch

from helpers import models


@pytest.mark.parametrize(
    "build, shape",
    [
        (models.mlp_vae, (1, 32, 32)),
        (models.mlp_vae, (3, 8, 8)),
        (models.conv_vae, (1, 64, 64)),
        (models.conv_vae, (3, 48, 48)),
    ],
)
def test_images_become_codes_and_codes_become_images(build, shape):
    model = build(shape, latent_dim=6)
    mu, logvar = model.encode(torch.rand(4, *shape))
    assert mu.shape == logvar.shape == (4, 6)
    assert model.decode(mu).shape == (4, *shape)


def test_conv_vae_is_the_network_of_burgess_et_al():
    convolutions = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    layers = [m for m in models.conv_vae((1, 64, 64)).modules() if isinstance(m, convolutions)]
    channels = [(layer.in_channels, layer.out_channels) for layer in layers]
    assert channels == [(1, 32), *6 * [(32, 32)], (32, 1)]


def test_the_bound_keeps_means_inside_and_small_ones_as_they_are():
    torch.manual_seed(0)
    free = models.mlp_vae((1, 8, 8), 3)
    bounded = models.mlp_vae((1, 8, 8), 3, mean_bound=1.5)
    bounded.load_state_dict(free.state_dict())

    # The two networks have the same weights, so u is what the bound is applied to.
    images = torch.rand(50, 1, 8, 8)
    u = free.encode(images)[0]
    mu = bounded.encode(images)[0]
    assert torch.allclose(mu, 1.5 * torch.tanh(u / 1.5))

    # Also where u is far outside.
    with torch.no_grad():
        for parameter in bounded.encoder.parameters():
            parameter.mul_(30)
    far = bounded.encode(images)[0].abs()
    assert (far <= 1.5).all()
    assert (far > 1.49).any()


@pytest.mark.parametrize("build", [models.mlp_vae, models.conv_vae])
def test_a_config_rebuilds_its_network(build):
    model = build((1, 32, 32), 5, mean_bound=2.0)
    again = models.build(model.config)
    again.load_state_dict(model.state_dict())
    images = torch.rand(2, 1, 32, 32)
    assert torch.equal(model.encode(images)[0], again.encode(images)[0])


@pytest.mark.parametrize("shape", [(2, 1, 9, 9), (0, 1, 8, 8), (2, 64)])
def test_images_of_another_shape_are_named(shape):
    with pytest.raises(ValueError, match="images of shape"):
        models.mlp_vae((1, 8, 8), 3).encode(torch.rand(shape))


def test_codes_of_another_shape_are_named():
    with pytest.raises(ValueError, match="codes of shape"):
        models.mlp_vae((1, 8, 8), 3).decode(torch.rand(2, 4))


def test_arguments_that_make_no_network_are_named():
    with pytest.raises(ValueError, match="latent_dim"):
        models.mlp_vae((1, 8, 8), latent_dim=0)
    with pytest.raises(ValueError, match="mean_bound"):
        models.mlp_vae((1, 8, 8), mean_bound=0.0)
    with pytest.raises(ValueError, match="background"):
        models.mlp_vae((3, 8, 8), background=1.0)
    with pytest.raises(ValueError, match="divisible by 16"):
        models.conv_vae((1, 28, 28))
    with pytest.raises(ValueError, match="channels, height, width"):
        models.mlp_vae((8, 8))


def test_a_background_is_what_the_decoder_starts_from_and_the_encoder_does_not_see():
    torch.manual_seed(0)
    plain = models.mlp_vae((3, 8, 8), 4, hidden=16)
    torch.manual_seed(0)
    model = models.mlp_vae((3, 8, 8), 4, hidden=16, background=0.9)

    # The encoder sees the difference from the background.
    images = torch.rand(5, 3, 8, 8)
    assert torch.allclose(model.encode(images)[0], plain.encoder(images - 0.9)[:, :4], atol=1e-5)

    # The decoder starts from it.
    codes = torch.randn(5, 4)
    paper = torch.logit(torch.tensor(0.9))
    assert torch.allclose(model.decode(codes), plain.decode(codes) + paper, atol=1e-5)

    models.build(model.config).load_state_dict(model.state_dict())


def test_a_critic_gives_each_code_one_logit():
    assert models.critic(3)(torch.randn(7, 3)).shape == (7,)
    with pytest.raises(ValueError, match="at least one latent"):
        models.critic(0)


# A decoder that computes every place alike


def test_a_cell_of_the_picture_hangs_on_the_code_and_its_place_alone():
    torch.manual_seed(0)
    model = models.broadcast_vae((3, 8, 12), latent_dim=2, hidden=16, encoder_hidden=8)
    codes = torch.randn(5, 2)
    drawn = model.decode(codes)
    assert drawn.shape == (5, 3, 8, 12)

    # The cell in row 1 and column 4 of the 4x6 cells, computed alone.
    decoder = model.decoder
    place = decoder.places[1 * 6 + 4].expand(len(codes), 2)
    both = decoder.first(torch.cat([codes, place], dim=1))
    cell = decoder.layers(both).reshape(5, 3, 2, 2)
    assert torch.allclose(drawn[:, :, 2:4, 8:10], cell, atol=1e-6)


def test_it_is_built_again_from_its_description():
    model = models.broadcast_vae((1, 8, 8), 2, mean_bound=1.5)
    again = models.build(model.config)
    again.load_state_dict(model.state_dict())
    codes = torch.randn(3, 2)
    assert torch.equal(again.decode(codes), model.decode(codes))


def test_sides_that_cells_do_not_fill_are_refused():
    with pytest.raises(ValueError, match="must be divisible by cell, not 3"):
        models.broadcast_vae((1, 8, 8), 2, cell=3)
