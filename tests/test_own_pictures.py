"""Pictures of one's own: what is taken, and in which words the rest is refused."""

import h5py
import numpy as np
import pandas
import pytest
import torch
from PIL import Image

from helpers import datasets, models, objectives, training
from helpers.datasets import published

RUN = {"steps": 3, "batch_size": 8, "progress": False}
BYTES = torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8)
FLOATS = BYTES / 255


def trained(data, shape=(3, 8, 8), **arguments):
    """The loss of a few steps on this data."""
    torch.manual_seed(0)
    model = models.mlp_vae(shape, 2, hidden=16, **arguments)
    return training.train(model, data, objectives.vae(), **RUN)["loss"]


EXPECTED = trained(datasets.table(FLOATS))


class Photos:
    """A data set with the two methods that are needed, and nothing else."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def sample(self, n, generator=None):
        chosen = torch.randint(len(self), (n,), generator=generator)
        return self.images[chosen], None


class Items(torch.utils.data.Dataset):
    """A data set of PyTorch's kind."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


# What is taken


LAST = FLOATS.permute(0, 2, 3, 1).contiguous()  # channels last

TAKEN = {
    "floats": FLOATS,
    "bytes": BYTES,
    "doubles": FLOATS.double(),
    "half precision": FLOATS.half().double(),
    "an array": FLOATS.numpy(),
    "an array of doubles": FLOATS.double().numpy(),
    "an array of bytes": BYTES.numpy(),
    "channels last": LAST,
    "bytes, channels last": BYTES.permute(0, 2, 3, 1).numpy(),
    "bytes as wider integers": BYTES.numpy().astype(np.int64),
    "an own class": Photos(FLOATS),
    "an own class of bytes": Photos(BYTES),
    "an own class of doubles": Photos(FLOATS.double()),
    "an own class, channels last": Photos(LAST),
    "an own class of arrays": Photos(BYTES.numpy()),
    "a TensorDataset": torch.utils.data.TensorDataset(FLOATS),
    "a TensorDataset with labels": torch.utils.data.TensorDataset(FLOATS, torch.zeros(40)),
    "a DataLoader": torch.utils.data.DataLoader(torch.utils.data.TensorDataset(FLOATS), 4),
    "a Subset": torch.utils.data.Subset(Items(list(FLOATS)), range(40)),
    "items that are images": Items(list(FLOATS)),
    "items that are pictures of Pillow": Items(
        [Image.fromarray(image) for image in BYTES.permute(0, 2, 3, 1).numpy()]
    ),
    "a list of pairs": [(image, 0) for image in FLOATS],
}


@pytest.mark.parametrize("data", TAKEN.values(), ids=TAKEN)
def test_pictures_are_taken_in_every_form_that_has_one_meaning(data):
    rough = data is TAKEN["half precision"]
    assert trained(data) == pytest.approx(EXPECTED, rel=1e-2 if rough else 1e-5)


@pytest.mark.parametrize(
    "images",
    [
        BYTES[:, :1],
        BYTES[:, 0],
        BYTES[:, 0].numpy(),
        BYTES[:, :1].permute(0, 2, 3, 1),
        FLOATS[:, 0].numpy(),
    ],
)
def test_grey_pictures_need_no_axis_for_their_channel(images):
    grey = trained(datasets.table(FLOATS[:, :1]), (1, 8, 8))
    assert trained(images, (1, 8, 8)) == pytest.approx(grey, rel=1e-5)
    assert trained(Photos(torch.as_tensor(images)), (1, 8, 8)) == pytest.approx(grey, rel=1e-5)


def test_black_and_white_pictures_are_zeros_and_ones():
    coins = BYTES[:, :1] > 127
    drawn = [datasets.table(kind).sample(8)[0] for kind in (coins, coins.int(), coins.double())]
    assert all(images.dtype == torch.float32 and images.max() == 1 for images in drawn)


def test_encode_takes_the_same_forms():
    torch.manual_seed(0)
    model = models.mlp_vae((3, 8, 8), 2, hidden=16)
    mu, _ = training.encode(model, FLOATS)
    for form in (BYTES, FLOATS.double(), FLOATS.numpy(), LAST, BYTES.permute(0, 2, 3, 1).numpy()):
        assert torch.allclose(training.encode(model, form)[0], mu, atol=1e-6)


def test_a_model_of_ones_own_is_trained_as_well():
    class Own(torch.nn.Module):
        """Only what an objective asks for."""

        def __init__(self):
            super().__init__()
            self.there = torch.nn.Linear(192, 4)
            self.back = torch.nn.Linear(2, 192)

        def encode(self, images):
            return self.there(images.flatten(1)).chunk(2, dim=1)

        def decode(self, codes):
            return self.back(codes).reshape(-1, 3, 8, 8)

    assert training.train(Own(), BYTES, objectives.beta_vae(2.0), **RUN)["loss"][-1] > 0


# What is refused before the first step, with what was seen and what to do


def with_nan(images):
    images = images.clone()
    images[5, 0, 0, 0] = torch.nan
    return images


class OneWay(torch.utils.data.IterableDataset):
    """A data set that can be run through, and not be asked for a number."""

    def __iter__(self):
        return iter(FLOATS)


PIXELS = {
    "0 to 255 as floats": (255 * FLOATS, "run from 0 to 255: .* divide by 255"),
    "-1 to 1": (2 * FLOATS - 1, "run from -1 to 1: .*\\(images \\+ 1\\) / 2"),
    "standardised": (
        (FLOATS - FLOATS.mean()) / FLOATS.std(),
        'scale them, or build the model with likelihood="gaussian"',
    ),
    "0 to 65535": (65535 * FLOATS, "run from 0 to .*scale them"),
    "a little below 0": (FLOATS - 0.01, "pixels must lie in \\[0, 1\\]"),
    "NaN": (FLOATS * torch.tensor([1, torch.nan, 1])[:, None, None], "hold NaN or infinite"),
    "infinity": (FLOATS / 0, "hold NaN or infinite"),
    "another size": (torch.rand(40, 3, 9, 9), "takes images of shape \\[B, 3, 8, 8\\]"),
    "grey for colour": (FLOATS[:, :1], "these have the shape \\[\\d+, 1, 8, 8\\]"),
}


@pytest.mark.parametrize("images, message", PIXELS.values(), ids=PIXELS)
@pytest.mark.parametrize("build", [models.mlp_vae, models.conv_vae])
def test_pixels_that_are_no_chances_are_refused_everywhere(images, message, build):
    if build is models.conv_vae:  # its sides are divisible by 16
        images = torch.nn.functional.interpolate(images, scale_factor=2)
        message = message.replace("8", "16")
        shape = (3, 16, 16)
    else:
        shape = (3, 8, 8)
    torch.manual_seed(0)
    model = build(shape, 2)
    before = [parameter.clone() for parameter in model.parameters()]

    calls = [
        lambda: training.train(model, Photos(images), objectives.vae(), **RUN),
        lambda: training.encode(model, images),
        lambda: objectives.vae()(model, images),
        lambda: objectives.beta_tcvae(4.0, dataset_size=40)(model, images),
        lambda: objectives.constrained_vae(2.0)(model, images),
        lambda: objectives.adversarial(1.0)(model, images),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call()
    assert all(map(torch.equal, before, model.parameters()))


@pytest.mark.parametrize(
    "images, remedy", [(BYTES, "float\\(\\) / 255"), (FLOATS.double(), "images.float\\(\\)")]
)
def test_a_bare_objective_names_the_type(images, remedy):
    with pytest.raises(ValueError, match=remedy):
        objectives.vae()(models.mlp_vae((3, 8, 8), 2), images)


@pytest.mark.parametrize(
    "data, message",
    [
        ("photos", "take datasets.pictures\\('photos'\\)"),
        (OneWay(), "no images can be drawn from a OneWay"),
        (torch.utils.data.DataLoader(OneWay()), "no images can be drawn from a OneWay"),
        (iter([1, 2]), "no images can be drawn"),
        (None, "no images can be drawn from a NoneType"),
        (Items([]), "has no images"),
        (Items([{"image": FLOATS[0]}]), "do not begin with an image"),
        (Items(["a.png", "b.png"]), "do not begin with an image"),
    ],
)
def test_what_cannot_be_drawn_from_is_told_the_two_methods(data, message):
    with pytest.raises(ValueError, match=message) as refused:
        trained(data)
    assert "def __len__(self)" in str(refused.value)
    assert "def sample(self, n, generator=None)" in str(refused.value)


def test_items_of_several_sizes_are_named():
    with pytest.raises(ValueError, match="several shapes"):
        trained(Items([FLOATS[0], FLOATS[1, :, :4]]))


# Tables


def test_rows_of_numbers_are_images_of_one_line():
    data = datasets.table(np.arange(12.0).reshape(4, 3))
    assert data.image_shape == (1, 1, 3)
    assert torch.equal(data.numbered([1])[0].flatten(), torch.tensor([3.0, 4.0, 5.0]))


def test_factors_keep_their_names():
    data = datasets.table(BYTES, {"shape": ["cube", "ball"] * 20, "size": [1, 3] * 20})
    assert data.factor_names == ("shape", "size")
    assert data.factor_values == (("ball", "cube"), (1, 3))
    assert data.factor_sizes == (2, 2)
    images, factors = data.sample(16, torch.Generator().manual_seed(0))
    assert factors.dtype == torch.int64 and images.dtype == torch.float32
    assert torch.equal(data.factors([0, 1]), torch.tensor([[1, 0], [0, 1]]))

    renamed = datasets.table(BYTES, np.arange(40) % 3, ["colour"])
    assert renamed.factor_names == ("colour",)


def test_pictures_without_factors_have_none():
    data = datasets.table(BYTES)
    assert data.factor_names == data.factor_sizes == ()
    assert data.sample(5)[1].shape == (5, 0)


@pytest.mark.parametrize(
    "images, factors, names, message",
    [
        (with_nan(FLOATS), None, None, "1 of 40 images hold NaN .* number 5"),
        (FLOATS[0, 0, 0], None, None, "shape \\[8\\]"),
        (FLOATS[None], None, None, "shape \\[1, 40, 3, 8, 8\\]"),
        (FLOATS[:0], None, None, "shape \\[0, 3, 8, 8\\]"),
        (FLOATS * 1j, None, None, "real numbers"),
        (BYTES[0], None, None, "may be one picture in colour"),
        (BYTES[0].permute(1, 2, 0), None, None, "may be one picture in colour"),
        (BYTES[:, :2], None, None, "neither the second nor the last axis"),
        (BYTES.permute(2, 3, 1, 0), None, None, "neither the second nor the last axis"),
        (BYTES.int() * 257, None, None, "0 to 255; these run from"),
        (BYTES.int() - 300, None, None, "0 to 255; these run from"),
        ([[1.0, 2.0], [3.0]], None, None, "all of one shape"),
        (np.array([["a", "b"]]), None, None, "of numbers"),
        (BYTES, np.zeros(39, int), None, "40 images and 39 rows of factors"),
        (BYTES, [None] * 40, None, "has no value in 40"),
        (BYTES, np.random.default_rng(0).random(40), None, "is a quantity"),
        (BYTES, np.arange(40) % 2, ["a", "b"], "1 factors and 2 factor_names"),
    ],
)
def test_a_table_that_means_nothing_is_refused(images, factors, names, message):
    with pytest.raises(ValueError, match=message):
        datasets.table(images, factors, names)


# Folders


def saved(folder, name, mode="RGB", size=(20, 10), colour=None, **arguments):
    """A picture in a file."""
    Image.new(mode, size, colour if colour is not None else 0).save(folder / name, **arguments)


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    folder = tmp_path / "my köpfe folder"
    folder.mkdir()
    saved(folder, "b.png", colour=(255, 0, 0))
    saved(folder, "a.JPG", colour=(0, 0, 255), quality=100)
    saved(folder, "c.jpeg", "L", colour=128)
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    (folder / "inside").mkdir()

    data = datasets.pictures(folder, size=16)
    assert len(data) == 3
    assert data.files == ("a.JPG", "b.png", "c.jpeg")
    assert data.image_shape == (3, 16, 16)
    middle = data.numbered([0, 1, 2])[0][:, :, 8, 8]
    expected = torch.tensor([[0, 0, 1], [1, 0, 0], [0.5, 0.5, 0.5]])
    assert torch.allclose(middle, expected, atol=0.02)
    assert trained(data, (3, 16, 16))[-1] > 0


def test_grey_files_stay_grey_and_what_is_transparent_is_white(tmp_path):
    saved(tmp_path, "grey.png", "L", colour=51)
    saved(tmp_path, "bits.png", "1", colour=1)
    saved(tmp_path, "clear.png", "LA", colour=(0, 0))
    saved(tmp_path, "deep.png", "I;16", colour=65535)
    data = datasets.pictures(tmp_path, size=8)
    assert data.image_shape == (1, 8, 8)
    values = data.numbered(range(4))[0][:, 0, 0, 0]
    assert torch.allclose(values, torch.tensor([1.0, 1.0, 1.0, 0.2]), atol=0.01)


def test_the_middle_of_an_oblong_picture_is_taken_upright(tmp_path):
    pixels = np.zeros((10, 30), dtype=np.uint8)
    pixels[:, 10:20] = 255
    Image.fromarray(pixels).save(tmp_path / "middle.png")
    assert datasets.pictures(tmp_path, size=10).numbered([0])[0].min() > 0.8

    # A telephone says how its picture is turned.
    half_white = np.repeat(np.array([255, 0], dtype=np.uint8), 4)[:, None].repeat(8, axis=1)
    turned = Image.fromarray(half_white)
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned.save(tmp_path / "turned.png", exif=exif)
    image = datasets.pictures(tmp_path, size=8).numbered([1])[0][0, 0]
    assert image[0].max() < 0.1 and image[-1].min() > 0.9


@pytest.mark.parametrize(
    "prepare, message",
    [
        (lambda folder: folder.rmdir(), "is not there"),
        (lambda folder: None, "no PNG or JPEG file .*, but nothing"),
        (lambda folder: (folder / "cats").mkdir(), "but cats; files in folders inside it"),
        (lambda folder: (folder / "a.png").write_bytes(b"no picture"), "a.png cannot be read"),
        (lambda folder: (folder / "a.gif").write_bytes(b"GIF89a"), "no PNG or JPEG file"),
        (
            lambda folder: (
                saved(folder, "a.png", size=(400, 400)),
                (folder / "a.png").write_bytes((folder / "a.png").read_bytes()[:120]),
            ),
            "a.png cannot be read",
        ),
    ],
)
def test_a_folder_without_pictures_is_refused(tmp_path, prepare, message):
    folder = tmp_path / "pictures"
    folder.mkdir()
    prepare(folder)
    with pytest.raises(ValueError, match=message):
        datasets.pictures(folder)


def test_a_file_is_no_folder_and_no_size_is_zero(tmp_path):
    saved(tmp_path, "a.png")
    with pytest.raises(ValueError, match="is a file"):
        datasets.pictures(tmp_path / "a.png")
    for size in (0, 24.0, "24", (24, 24)):
        with pytest.raises(ValueError, match="whole and at least 1"):
            datasets.pictures(tmp_path, size=size)


def test_pictures_of_16_bits_share_one_scale(tmp_path):
    for name, level in (("dark", 200), ("bright", 65535)):
        Image.fromarray(np.full((8, 8), level, dtype=np.uint16)).save(tmp_path / f"{name}.png")
    bright, dark = datasets.pictures(tmp_path, size=8).numbered([0, 1])[0].mean((1, 2, 3))
    assert bright == 1 and dark < 0.01


def test_what_a_system_hides_in_a_folder_is_no_picture(tmp_path):
    saved(tmp_path, "a.png")
    (tmp_path / "._a.png").write_bytes(b"not a picture")
    assert datasets.pictures(tmp_path).files == ("a.png",)


MASKS = (FLOATS[:, :1] > 0.5).float()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.int64, torch.uint16])
def test_black_and_white_is_0_and_1_in_every_type(dtype):
    masks = MASKS.to(dtype)
    assert torch.equal(datasets.table(masks).numbered(range(40))[0], MASKS)
    model = models.mlp_vae((1, 8, 8), 2, hidden=8)
    assert torch.equal(training.encode(model, masks)[0], training.encode(model, MASKS)[0])


def test_a_data_frame_is_a_table():
    frame = pandas.DataFrame(np.random.default_rng(0).random((40, 5)))
    assert datasets.table(frame).image_shape == (1, 1, 5)
    assert trained(frame, (1, 1, 5))[-1] > 0


@pytest.mark.parametrize("images", [datasets.table(FLOATS), list(FLOATS), "pictures", None])
def test_what_holds_no_images_is_not_encoded(images):
    with pytest.raises(ValueError, match="encode takes images as a tensor or an array"):
        training.encode(models.mlp_vae((3, 8, 8), 2, hidden=8), images)


def test_a_run_with_other_pictures_does_not_go_on(tmp_path):
    """A checkpoint knows of which images it is."""
    arguments = {"steps": 64, "batch_size": 8, "progress": False, "checkpoint_seconds": 0}
    checkpoint = tmp_path / "run.checkpoint"

    def stopping(model, images, step, generator):
        if step == 40:
            raise KeyboardInterrupt
        return objectives.vae()(model, images, step, generator)

    def run(images):
        model = models.mlp_vae((3, 8, 8), 2, hidden=8)
        return training.train(model, images, stopping, checkpoint=checkpoint, **arguments)

    run(FLOATS)
    assert checkpoint.exists()
    for others in (1 - FLOATS, FLOATS[:39], Photos(1 - FLOATS)):
        with pytest.raises(ValueError, match="the checkpoint of another run"):
            run(others)
    assert run(FLOATS)["step"]


# Recipes and sweeps


RECIPE = {
    "model": {"function": "mlp_vae", "latent_dim": 2, "hidden": 16},
    "objective": {"function": "vae"},
    "training": {"steps": 3, "batch_size": 8},
}


def last_loss(model, history):
    return {"loss": history["loss"][-1]}


def test_recipes_and_sweeps_take_own_pictures(tmp_path):
    model, history = training.from_recipe(RECIPE, 0, progress=False, dataset=BYTES)
    assert model.image_shape == (3, 8, 8)

    table = tmp_path / "table.jsonl"
    recipes = {"vae": RECIPE}
    arguments = {"progress": False, "dataset": BYTES}
    (row,) = training.sweep(recipes, [0], table, last_loss, **arguments)
    assert row["loss"] == history["loss"][-1]
    assert row["recipe"]["dataset"]["images"] == 40

    # The same pictures are not trained on again, others are.
    assert training.sweep(recipes, [0], table, last_loss, **arguments) == [row]
    arguments["dataset"] = 255 - BYTES
    assert training.sweep(recipes, [0], table, last_loss, **arguments) != [row]


def test_a_folder_of_pictures_stands_in_a_recipe(tmp_path):
    for number in range(6):
        saved(tmp_path, f"{number}.png", colour=(40 * number, 0, 255))
    dataset = {"function": "pictures", "folder": str(tmp_path), "size": 8}
    _, history = training.from_recipe({**RECIPE, "dataset": dataset}, 0, progress=False)
    assert history["loss"][-1] > 0


# The Gaussian likelihood


def test_a_gaussian_likelihood_takes_any_numbers():
    table = torch.randn(200, 5) * torch.tensor([3.0, 1, 1, 1, 1]) - 2
    loss = trained(table, (1, 1, 5), likelihood="gaussian")
    assert np.isfinite(loss).all()
    with pytest.raises(ValueError, match="Bernoulli"):
        trained(table, (1, 1, 5))
    with pytest.raises(ValueError, match=": scale them, or build the model"):  # measurements
        trained(table.abs(), (1, 1, 5))


def test_its_error_is_minus_the_log_density():
    torch.manual_seed(0)
    model = models.mlp_vae((1, 1, 5), 2, hidden=8, likelihood="gaussian")
    with torch.no_grad():
        model.free_pixel_logvar.fill_(-1.3)
    images, z = torch.randn(7, 1, 1, 5), torch.randn(7, 2)
    normal = torch.distributions.Normal(model.decode(z), (0.5 * model.pixel_logvar).exp())
    expected = -normal.log_prob(images).sum() / 7
    found = objectives.reconstruction_error(model.decode(z), images, model.pixel_logvar)
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.equal(model.mean_image(z), model.decode(z))


@pytest.mark.parametrize("steps, learning_rate", [(800, 3e-3), (800, 1e-3), (2000, 1e-3)])
def test_the_learned_variance_is_that_of_the_errors(steps, learning_rate):
    """Not of how far Adam came: it is there in a short run too (Rybkin et al. 2021, equation 6)."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(500, 2, generator=generator)
    table = codes @ torch.randn(2, 6, generator=generator)
    table += 0.1 * torch.randn(500, 6, generator=generator)
    torch.manual_seed(0)
    model = models.mlp_vae((1, 1, 6), 2, hidden=32, likelihood="gaussian")
    training.train(
        model,
        table / table.std(),
        objectives.vae(),
        steps,
        batch_size=64,
        learning_rate=learning_rate,
        lr_decay=0.35,
        progress=False,
    )
    images = datasets.table(table / table.std()).numbered(range(500))[0]
    with torch.no_grad():
        mu, logvar = model.encode(images)
        z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=generator)
        off = ((model.mean_image(z) - images) ** 2).mean()
    assert float(model.pixel_logvar.detach().exp()) == pytest.approx(float(off), rel=0.15)


def test_the_variance_is_learned():
    # Noise of standard deviation 0.1 around one picture: the best variance is its square.
    torch.manual_seed(0)
    model = models.mlp_vae((1, 1, 8), 1, hidden=8, likelihood="gaussian")
    noisy = torch.linspace(-1, 1, 8) + 0.1 * torch.randn(2000, 8)
    training.train(
        model, noisy, objectives.beta_vae(10.0), 1500, 128, learning_rate=1e-2, progress=False
    )
    assert model.pixel_logvar.item() == pytest.approx(np.log(0.01), abs=0.3)


def test_the_variance_stays_above_its_bound():
    model = models.mlp_vae((1, 1, 8), 1, hidden=8, likelihood="gaussian")
    with torch.no_grad():
        model.free_pixel_logvar.fill_(-1e6)
    assert model.pixel_logvar.item() >= models.LEAST_PIXEL_LOGVAR


def test_a_gaussian_model_is_saved_and_loaded(tmp_path):
    model = models.conv_vae((1, 16, 16), 2, likelihood="gaussian")
    training.save(tmp_path / "model.safetensors", model, {})
    loaded, _ = training.load(tmp_path / "model.safetensors")
    assert loaded.likelihood == "gaussian"
    assert torch.equal(loaded.pixel_logvar, model.pixel_logvar)

    # A model with a Bernoulli likelihood has the file that it always had.
    assert "likelihood" not in models.mlp_vae((1, 8, 8)).config


@pytest.mark.parametrize(
    "images, message",
    [
        (torch.randn(30, 4) * 1e5, "too far from 1 .*standardise"),
        (torch.randn(30, 4) + torch.tensor([0, torch.inf, 0, 0]), "NaN or infinite"),
    ],
)
def test_numbers_with_which_nothing_can_begin_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        trained(Photos(images[:, None, None]), (1, 1, 4), likelihood="gaussian")


def test_an_unknown_likelihood_is_refused():
    with pytest.raises(ValueError, match="'bernoulli' or 'gaussian', not 'poisson'"):
        models.mlp_vae((1, 8, 8), likelihood="poisson")


# Published files


@pytest.fixture
def few_objects(monkeypatch):
    """Both formats with two or three values a factor, so that their files are small."""
    monkeypatch.setattr(published, "SHAPES3D", {"hue": 3, "shape": ("cube", "ball")})
    monkeypatch.setattr(published, "MPI3D_SIZES", ((2, 3), (2, 2)))
    monkeypatch.setattr(published, "MPI3D_NAMES", ("colour", "shape"))
    monkeypatch.setattr(published, "AT_ONCE", 4)


OBJECTS = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
LABELS = np.c_[np.repeat([0, 0.1, 0.2], 2), np.tile([0, 3], 3)]


def shapes3d(path, images=OBJECTS, labels=LABELS):
    with h5py.File(path, "w") as file:
        file["images"], file["labels"] = images, labels
    return path


def mpi3d(path, images=OBJECTS):
    np.savez_compressed(path, images=images)
    return path


@pytest.mark.parametrize(
    "write, load, name",
    [(shapes3d, datasets.load_shapes3d, "3dshapes.h5"), (mpi3d, datasets.load_mpi3d, "toy.npz")],
)
def test_published_files_are_read_at_both_sizes(few_objects, tmp_path, write, load, name):
    path = write(tmp_path / name)
    large = load(path, 64)
    images, factors = large.numbered([1, 4])
    assert torch.equal(images, torch.from_numpy(OBJECTS[[1, 4]]).permute(0, 3, 1, 2) / 255)
    assert torch.equal(large.images(factors), images)

    small = load(path)
    halved = torch.nn.functional.avg_pool2d(images, 2)
    assert torch.allclose(small.numbered([1, 4])[0], halved, atol=0.6 / 255)
    assert small.image_shape == (3, 32, 32)


def test_shapes_are_called_by_their_names(few_objects, tmp_path):
    data = datasets.load_shapes3d(shapes3d(tmp_path / "3dshapes.h5"))
    assert data.code(shape="ball", hue=2).tolist() == [[2, 1]]


@pytest.mark.parametrize(
    "write, load",
    [(shapes3d, datasets.load_shapes3d), (mpi3d, datasets.load_mpi3d)],
)
def test_other_files_are_refused_with_what_is_expected(few_objects, tmp_path, write, load):
    path = tmp_path / "file"
    with pytest.raises(ValueError, match="there is no file .*expected is"):
        load(path)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match="damaged or of another kind .*expected is"):
        load(path)

    path = tmp_path / "other.npz"
    for images in (OBJECTS[:5], OBJECTS[:, :32], OBJECTS.astype(float)):
        write(path, images)
        with pytest.raises(ValueError, match="of another kind .*expected is"):
            load(path)
    write(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match="damaged"):
        load(path)
    with pytest.raises(ValueError, match="size must be 32 or 64"):
        load(path, 48)


def test_shapes_in_another_order_are_refused(few_objects, tmp_path):
    path = shapes3d(tmp_path / "3dshapes.h5", labels=LABELS[::-1])
    with pytest.raises(ValueError, match="not those of Shapes3D"):
        datasets.load_shapes3d(path)
