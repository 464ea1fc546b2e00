"""The first page: something that moves, three sentences, the map, the three doors."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import PurePath

from helpers import DATA
from helpers.datasets import fruits

INTRODUCTION = (
    "A machine that has taken its pictures apart, into an object, a colour and a size, can draw a "
    "small black apple, although it has only seen big red apples and small black grapes. To find "
    "such parts from pictures alone is to **disentangle** them. This series of notebooks shows how "
    "variational autoencoders are made to do that, how it is measured, and how far to trust the "
    "measurement."
)
DOORS = (
    (
        "A learner",
        "begins with [What is disentanglement?](notebooks/00_start_here.ipynb). The core takes a "
        "week: seven hours of reading and doing, two of homework. The rest is second reading.",
    ),
    (
        "A lecturer",
        "takes [the plan](notebooks/LECTURES.md): four lectures of 90 minutes, or one of 60, with "
        "decks whose sliders move, notes, a board script, a syllabus and an exam.",
    ),
    (
        "A homework class",
        "gets [four notebooks](notebooks/homework/hw1_elbo.ipynb) with checks that diagnose; how "
        "to mark eighty of them stands in [the grader's page](notebooks/homework/GRADING.md).",
    ),
)
PAGES = (
    ("Reference", ["notebooks/FORMULAS", "data/CARDS", "notebooks/REFERENCES"]),
    (
        "To teach",
        [
            "notebooks/LECTURES",
            "notebooks/talks/SYLLABUS",
            "notebooks/talks/BOARD",
            "notebooks/homework/GRADING",
        ],
    ),
    ("The project", ["GUIDE", "CONTRIBUTING", "CHANGELOG", "data/README"]),
)


def landing(titles: Mapping[str, str]) -> str:
    """The first page as markdown with HTML in it.

    titles: of the notebooks, by their pages, such as "notebooks/00_start_here"; homework last.
    """
    numbered = {
        page: f"{PurePath(page).stem.split('_')[0]} · {title} <{page}>"
        for page, title in titles.items()
    }
    homework = [line for page, line in numbered.items() if "/homework/" in page]
    lessons = [line for page, line in numbered.items() if "/homework/" not in page]
    listed = [("Notebooks", ["models", *lessons]), ("Homework", homework), *PAGES]
    contents = "\n\n".join(_contents(caption, names) for caption, names in listed)
    doors = "\n\n".join(f"<div>\n\n**{who}** {what}\n\n</div>" for who, what in DOORS)
    return (
        f"# What did the picture consist of?\n\n{_swap()}\n\n{INTRODUCTION} "
        "[Move the latents of two models yourself.](models.md)\n\n## The map\n\n"
        "![The notebooks of the series and what each needs of the others]"
        f"(notebooks/drawings/series.svg)\n\n## Three doors\n\n"
        f'<div class="doors">\n\n{doors}\n\n</div>\n\n{contents}\n'
    )


def models_page(fruit_sliders: str, sprite_sliders: str) -> str:
    """The page on which the two decoders stand, as markdown with HTML in it."""
    return (
        "# Move a latent\n\nA decoder draws a picture from some numbers, the latents. Here are the "
        "decoders of two trained models; both run in this page. Each slider is one latent, and "
        "beside it stands the factor that it knows most about, as [notebook 06]"
        "(notebooks/06_mig.ipynb) measures it. If a latent is disentangled, moving it changes one "
        "thing in the picture and nothing else. Those that carry most stand first. Move the first "
        "slider of the fruit, then the third: which of them changes one thing only?"
        "\n\n## Fruit\n\nThe model of notebooks "
        "[00](notebooks/00_start_here.ipynb) and [05](notebooks/05_generating.ipynb). It has found "
        "groups: size has a latent of its own and colour two; object and place share "
        f"the rest.\n\n{fruit_sliders}\n\n## Sprites\n\nThe β-TCVAE of [notebook 04]"
        "(notebooks/04_training.ipynb), which was trained on white squares, ellipses and hearts "
        "of all sizes, places and orientations. It has found three of the five factors. Shape and "
        "orientation it has not, so that it draws discs; its other latents are closed, which means "
        f"that the decoder has learned to ignore them.\n\n{sprite_sliders}\n"
    )


def _contents(caption: str, names: Sequence[str]) -> str:
    """A part of the contents, for Sphinx."""
    return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(names) + "\n```"


def _swap() -> str:
    """The swap: two fruits to choose, what the model draws, and the true picture."""
    index = json.loads((DATA / "results.json").read_text(encoding="utf-8"))
    entry = index["fruits_beta_tcvae_annealed"]
    met = [run["swap"] for run in entry["runs"].values()]
    unseen = entry["recipe"]["dataset"]["hold_out"]
    data = fruits(hold_out=unseen)

    # The two that are taken apart, and what comes of them.
    sides = "".join(
        f'<fieldset><legend>{legend}</legend><canvas width="32" height="32" role="img" '
        f'aria-label="The fruit that is chosen below."></canvas>'
        + "".join(
            _menu(f"{side} {name}", values, chosen)
            for name, values, chosen in zip(
                data.factor_names, data.factor_values, start, strict=False
            )
        )
        + "</fieldset>"
        for side, legend, start in (
            ("first", "The object of this fruit,", (0, 0, 3)),
            ("second", "colour and size of this one:", (3, 5, 1)),
        )
    )
    figures = "".join(
        f'<figure><p class="legend">{words}</p><canvas width="32" height="32" role="img" '
        f'aria-label="{words}"></canvas><figcaption></figcaption></figure>'
        for words in ("The machine draws this.", "And this is the true picture:")
    )
    met_by_five = (
        f"The machine has seen {len(data):,} pictures, and none of the {len(unseen)} combinations "
        f"that are shown first. Of such requests it draws {met[0]:.0%} right; five machines, trained alike from "
        f"other random numbers, draw {min(met):.0%} to {max(met):.0%} right."
    )
    return (
        f'<div class="alive swap">{sides}{figures}<p class="verdict" role="status"></p>'
        '<button type="button" class="pause">Pause</button>'
        f'<p class="small">{met_by_five}</p></div>'
    )


def _menu(label: str, values: Sequence[str], chosen: int) -> str:
    """A menu of a factor's values."""
    options = "".join(
        f'<option value="{n}"{" selected" if n == chosen else ""}>{escape(value)}</option>'
        for n, value in enumerate(values)
    )
    return f'<select aria-label="{escape(label)}">{options}</select>'
