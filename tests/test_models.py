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


# A network that knows what a shift is


def placed(**arguments):
    torch.manual_seed(0)
    return models.placed_vae((1, 32, 32), latent_dim=5, hidden=16, patch=16, **arguments)


@pytest.mark.parametrize("circle", [False, True])
def test_a_shift_of_its_place_shifts_what_is_drawn_and_nothing_else(circle):
    model = placed(circle=circle)
    codes = torch.randn(6, 5)
    codes[:, 1:3] = 0
    elsewhere = codes.clone()
    step = 2 / 32 / models.PLACE_STEP  # one pixel
    elsewhere[:, 1] += 3 * step
    elsewhere[:, 2] -= 2 * step
    moved = torch.roll(model.decode(codes), shifts=(-2, 3), dims=(2, 3))
    assert torch.allclose(model.decode(elsewhere), moved, atol=1e-5)


def test_it_reads_the_patch_around_the_place_and_nothing_else(monkeypatch):
    model = placed()
    image = torch.zeros(1, 1, 32, 32)
    image[..., 14:18, 12:20] = 1
    shifted = torch.roll(image, shifts=(3, -5), dims=(2, 3))

    # An encoder whose place is the true one.
    found = [torch.tensor([[0.0, 0, 0, 0]]), torch.tensor([[-5.0, 3, 0, 0]])]
    read = []
    for picture, pixels in zip([image, shifted], found, strict=True):
        place = pixels * 2 / 32 / models.PLACE_STEP
        monkeypatch.setattr(model.encoder.where, "forward", lambda _, place=place: place)
        mu, logvar = model.encode(picture)
        assert torch.equal(mu[:, 1:3], place[:, :2])
        others = [0, 3, 4]
        read.append(torch.cat([mu[:, others], logvar[:, others]]))
    assert torch.allclose(read[0], read[1], atol=1e-5)


def test_an_angle_is_the_same_after_a_turn_and_never_quite_open():
    model = placed(circle=True)
    codes = torch.randn(4, 5)
    turned = codes.clone()
    turned[:, 0] += 2 * torch.pi
    assert torch.allclose(model.decode(codes), model.decode(turned), atol=1e-5)

    mu, logvar = model.encode(torch.rand(50, 1, 32, 32))
    assert mu[:, 0].abs().max() <= torch.pi
    assert logvar[:, 0].max() < models.ANGLE_LOGVAR
    line = placed()
    line.decode(codes)
    assert not torch.allclose(line.decode(codes), line.decode(turned), atol=1e-3)


def test_it_is_built_again_from_its_description():
    model = placed(circle=True)
    again = models.build(model.config)
    again.load_state_dict(model.state_dict())
    codes = torch.randn(3, 5)
    assert torch.equal(again.decode(codes), model.decode(codes))


@pytest.mark.parametrize(
    "wrong",
    [
        {"image_shape": (3, 32, 32)},
        {"image_shape": (1, 32, 32), "latent_dim": 2},
        {"image_shape": (1, 32, 8), "patch": 16},
    ],
)
def test_what_makes_no_patch_at_a_place_is_refused(wrong):
    with pytest.raises(ValueError, match="one channel, at least 3 latents and a patch"):
        models.placed_vae(**wrong)
