"""The pictures of a widget for a page without a kernel: drawn beforehand, one for each state.

`record` draws them, in the kernel of a notebook; `on_page` gives the widget to who builds a page.
"""

import inspect
import io
import json
import zipfile
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation

from helpers.tools.alive import parts
from helpers.widgets import Panel, png

FOLDER = Path(__file__).resolve().parents[3] / "notebooks" / "frames"
MOST = 100  # states of a widget; of more, its sliders keep every second, third, … value
DPI = 110  # of a picture: sharp on a page, and half the size of a living widget's
TRIED = 20_000  # states that are searched for one that does the task
RIM = 3  # dots around what changes
# How many values of a slider are recorded, where it is not for the rule of `thinned` to say.
RECORDED = {"00.same_picture": {"scale": 3, "orientation": 9, "posX": 3, "posY": 3}}
LOOK = "look.json"
LONG_AGO = (2020, 1, 1, 0, 0, 0)  # the same pictures make the same file


class Recording(NamedTuple):
    """What a page needs to let a widget move.

    look: "alt", "task" and "found" as they are said; "controls", a list of {"label", "values",
      "start", "menu"}, values as they are shown and start the number of one; "reached", a "0" or
      "1" for each state, the last control running fastest; "frame", the number of its picture; and
      "code", what drew it, by which a test knows whether the notebook draws it so still.
    pictures: files of WebP. The first is whole. The others hold what is to be laid over it.
    """

    look: dict[str, Any]
    pictures: list[bytes]


def record(panel: Panel, folder: Path = FOLDER) -> Path:
    """Draw the pictures of a widget and write them into one file, called after its task.

    panel: with a task.
    folder: is made if there is none.

    Returns the file. Raises ValueError for a widget without a task, and for one whose task is done
    by none of the states that were tried.
    """
    if panel.task is None:
        raise ValueError("only a widget with a task can be recorded: its key is the file's name")
    names = list(panel.controls)
    axes = thinned(panel)

    # Many states may look alike: such pictures are kept once.
    numbers: dict[bytes, int] = {}
    frame, reached = [], ""
    base: np.ndarray | None = None
    for values in product(*axes):
        state = dict(zip(names, values, strict=True))
        drawn = Image.open(io.BytesIO(png(panel.render(**state), DPI)))
        pixels = np.asarray(drawn.convert("RGB"))
        base = pixels if base is None else base
        frame.append(numbers.setdefault(_webp(pixels, base if numbers else None), len(numbers)))
        reached += str(int(panel.task.reached(**state)))

    look = {
        "alt": panel.alt,
        "task": panel.task.asked,
        "found": panel.task.found,
        "controls": [
            {
                "label": control.description,
                "values": [shown(value) for value in values],
                "start": list(values).index(control.value),
                "menu": hasattr(control, "options"),
            }
            for control, values in zip(panel.controls.values(), axes, strict=True)
        ],
        "reached": reached,
        "frame": frame,
        "code": _source(panel.render),
    }

    folder.mkdir(exist_ok=True)
    path = folder / f"{panel.task.key}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        text = json.dumps(look, ensure_ascii=False, indent=1)
        archive.writestr(zipfile.ZipInfo(LOOK, LONG_AGO), text)
        for picture, number in numbers.items():
            archive.writestr(zipfile.ZipInfo(f"{number}.webp", LONG_AGO), picture)
    return path


def on_page(key: str, static: str) -> tuple[str, dict[str, bytes]]:
    """A recorded widget as HTML, and its pictures: their place in the folder `static` -> content.

    key: of its task. static: the folder, seen from the page, of what pages share.
    Raises ValueError for a widget that was not recorded.
    """
    path = FOLDER / f"{key}.zip"
    if not path.is_file():
        raise ValueError(f"the widget {key} was not recorded: `make frames` does it")
    look, pictures = read(path)
    folder = f"frames/{key}"
    files = {f"{folder}/{n}.webp": picture for n, picture in enumerate(pictures)}
    size = Image.open(io.BytesIO(pictures[0])).size
    return parts.widget(key, look, f"{static}/{folder}", size, DPI), files


def smaller(png: bytes) -> bytes:
    """The same pixels as WebP, a quarter smaller."""
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(file, "webp", lossless=True)
    return file.getvalue()


def record_new(folder: str) -> None:
    """Record the widgets of this kernel that were not yet there when this was called last."""
    for panel in list(Panel.living):
        if panel.task and panel not in _recorded:
            _recorded.append(panel)
            path = record(panel, Path(folder))
            print(f"{path.name:<24}{path.stat().st_size / 1e3:>8.0f} kB", flush=True)


_recorded: list[Panel] = []


def read(path: Path) -> Recording:
    """What `record` wrote."""
    with zipfile.ZipFile(path) as archive:
        look = json.loads(archive.read(LOOK))
        return Recording(look, [archive.read(f"{n}.webp") for n in range(max(look["frame"]) + 1)])


# Which states


def thinned(panel: Panel) -> list[list[Any]]:
    """The values of each control that are recorded: its start among them, and what its task needs.

    Raises ValueError if no state does the task.
    """
    every = [_values(control) for control in panel.controls.values()]
    start = [control.value for control in panel.controls.values()]
    sliders = [not hasattr(control, "options") for control in panel.controls.values()]
    goal = _goal(panel, every)
    if panel.task and panel.task.key in RECORDED:
        counts = RECORDED[panel.task.key]
        return [
            _spread(values, counts.get(name, len(values)), {first, wanted})
            for name, values, first, wanted in zip(panel.controls, every, start, goal, strict=True)
        ]

    # The slider with the most values gives up some, until there are few enough states; its ends,
    # its start and the value that the task needs stay.
    step = [1] * len(every)
    kept = every
    while np.prod([len(values) for values in kept]) > MOST:
        can = [i for i in range(len(every)) if sliders[i] and step[i] < len(every[i])]
        if not can:
            break
        step[max(can, key=lambda i: len(kept[i]))] += 1
        kept = [
            [v for n, v in enumerate(values) if n % stride == 0 or v in (first, wanted, values[-1])]
            for values, stride, first, wanted in zip(every, step, start, goal, strict=True)
        ]
    return kept


def _spread(values: list[Any], count: int, needed: set[Any]) -> list[Any]:
    """So many of the values from first to last, and those that are needed."""
    places = {round(place) for place in np.linspace(0, len(values) - 1, count)}
    return [value for n, value in enumerate(values) if n in places or value in needed]


def _goal(panel: Panel, every: list[list[Any]]) -> tuple[Any, ...]:
    """A state that does the task; among those that are tried, the nearest to the start."""
    assert panel.task
    sizes = [len(values) for values in every]
    start = [
        values.index(c.value) for values, c in zip(every, panel.controls.values(), strict=True)
    ]

    # Of few states all are tried, of many a random sample and those on a coarse grid.
    if (count := int(np.prod(sizes))) <= TRIED:
        numbers = np.arange(count)
    else:
        numbers = np.random.default_rng(0).choice(count, TRIED, replace=False)
    places = np.stack(np.unravel_index(numbers, sizes), axis=1)  # [N, controls]
    far = (np.abs(places - start) / sizes).sum(axis=1)
    for place in places[np.argsort(far, kind="stable")]:
        state = tuple(values[i] for values, i in zip(every, place, strict=True))
        if panel.task.reached(**dict(zip(panel.controls, state, strict=True))):
            return state
    raise ValueError(f"{panel.task.key}: none of the states that were tried does the task")


def _values(control: Any) -> list[Any]:
    """All values of a control: of a slider from its least to its largest, of a menu its options."""
    if hasattr(control, "options"):
        return list(control.options)

    count = round((control.max - control.min) / control.step)
    values = [control.min + n * control.step for n in range(count + 1)]
    if isinstance(control.step, int):
        return values
    # As the slider does: 0.1 + 2 · 0.1 is 0.3 and no more.
    rounded = [round(value, 10) for value in values]
    return sorted({*rounded, control.value})


def shown(value: Any) -> str:
    """A value as its control shows it."""
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _source(render: Callable[..., Any]) -> str:
    """The source of the function that draws."""
    function = render.func if isinstance(render, partial) else render
    return inspect.getsource(function).strip()


# Pictures


def _webp(pixels: np.ndarray, base: np.ndarray | None) -> bytes:
    """A picture [H, W, 3] as a file: whole, or what is to be laid over another of its size."""
    # 256 colours take a third off, and nobody sees it.
    few = Image.fromarray(pixels).quantize(256, dither=Image.Dither.NONE).convert("RGB")
    if base is not None and base.shape == pixels.shape:
        # With a rim, for where the page makes pictures smaller, edges are mixed with what is below.
        other = binary_dilation((pixels != base).any(axis=2), iterations=RIM)
        opaque = np.where(other, 255, 0).astype(np.uint8)
        laid = np.where(other[:, :, None], np.asarray(few), 0)
        few = Image.fromarray(np.dstack([laid, opaque]))

    file = io.BytesIO()
    few.save(file, "webp", lossless=True, quality=100, method=5)
    return file.getvalue()
