"""What moves and answers on a page, as HTML; `static/alive.js` brings it to life.

Without a script it still shows its first picture, its question and its options.
"""

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from helpers.questions import Question

PASS = '<button type="button" class="pass" hidden>Show without guessing</button> '


def widget(key: str, look: dict[str, Any], folder: str, size: tuple[int, int], dpi: int) -> str:
    """A recorded widget: controls with their task beside the picture of their state.

    key: of its task. look: as in `frames.Recording`. folder: of its pictures, seen from the page.
    size: width and height of a picture in dots, of which an inch of the page has dpi / 100.
    """
    state = {name: look[name] for name in ("reached", "frame", "found")}
    controls = [
        _menu(f"{key}-{n}", control) if control["menu"] else _slider(f"{key}-{n}", control)
        for n, control in enumerate(look["controls"])
    ]
    width, height = size
    start = 0
    for control in look["controls"]:
        start = start * len(control["values"]) + control["start"]
    alt = escape(look["alt"])
    return (
        f'<div class="alive" id="widget-{key}" data-folder="{folder}">'
        f'<div class="dials"><p><b>Task.</b> {escape(look["task"])}</p>{"".join(controls)}</div>'
        f'<div class="picture" style="aspect-ratio: {width} / {height}; '
        f'max-width: {width * 100 // dpi}px">'
        f'<img class="under" loading="lazy" alt="{alt}" src="{folder}/0.webp">'
        f'<img class="over" loading="lazy" alt="" src="{folder}/{look["frame"][start]}.webp"></div>'
        '<p class="verdict" role="status">Not yet.</p>'
        f'<script type="application/json">{_json(state)}</script></div>'
    )


def _slider(id: str, control: dict[str, Any]) -> str:
    """A range over the numbers of the values, which are said in words beside it."""
    values, start = control["values"], control["start"]
    return (
        f'<div class="control"><label for="{id}">{escape(control["label"])}</label>'
        f'<output for="{id}">{values[start]}</output>'
        f'<input type="range" id="{id}" min="0" max="{len(values) - 1}" value="{start}" '
        f'aria-valuetext="{values[start]}" data-values="{escape(json.dumps(values))}"></div>'
    )


def _menu(id: str, control: dict[str, Any]) -> str:
    """A choice among the values, the first one chosen."""
    options = "".join(
        f'<option value="{n}">{escape(value)}</option>' for n, value in enumerate(control["values"])
    )
    return (
        f'<div class="control"><label for="{id}">{escape(control["label"])}</label>'
        f'<select id="{id}">{options}</select></div>'
    )


def vote(key: str, heading: str, asked: Question, *, at_once: bool) -> str:
    """A question with its options, to which a reader commits before the answer is shown.

    key: what the reasons are found by. heading: the question as it is asked.
    at_once: the reasons stand below and open when she commits; else they stand further down in
      the page, as `reasons` with this key.
    """
    options = "".join(
        f'<label><input type="radio" name="{key}" value="{letter}"> '
        f"<span><b>{letter}</b> {escape(option)}</span></label>"
        for letter, option in zip(asked.letters, asked.options, strict=True)
    )
    return (
        f'<form class="vote" data-key="{key}" data-right="{asked.right}">'
        f"<fieldset><legend>{escape(heading)}</legend>{options}</fieldset>"
        f'<button type="submit" disabled>Commit</button> {"" if at_once else PASS}'
        f'<span class="said" role="status"></span></form>{reasons(key, asked) if at_once else ""}'
    )


def reasons(key: str, asked: Question) -> str:
    """Why each option is right or wrong, folded until somebody has committed."""
    items = "".join(f"<li><b>{line[2]}</b> {escape(line[5:])}</li>" for line in asked.explained())
    return (
        f'<details class="reasons" data-of="{key}"><summary>Which is right, and why?</summary>'
        f"<ul>{items}</ul></details>"
    )


def model(name: str, labels: Sequence[str], picked: Sequence[int], task: dict[str, str]) -> str:
    """A decoder with a slider for each of some latents.

    name: of a model of `models`. labels: what each latent carries. picked: the latents' numbers.
    task: with "task" and "found", or empty.
    """
    sliders = "".join(
        f'<div class="control"><label for="{name}-z{j}">{escape(label)}</label>'
        f'<output for="{name}-z{j}">0.00</output>'
        f'<input type="range" id="{name}-z{j}" data-latent="{j}" min="-1.5" max="1.5" '
        f'step="0.05" value="0"></div>'
        for j, label in zip(picked, labels, strict=True)
    )
    asks = f"<p><b>Task.</b> {escape(task['task'])}</p>" if task else ""
    says = '<p class="verdict" role="status">Not yet.</p>' if task else ""
    found = f' data-found="{escape(task["found"])}"' if task else ""
    return (
        f'<div class="alive model" data-model="{name}"{found}>'
        f'<div class="dials">{asks}{sliders}'
        '<button type="button" class="back">Back to the start</button></div>'
        '<figure><canvas width="32" height="32" role="img" aria-label="What the decoder draws for '
        'these latents."></canvas><figcaption><span role="status"></span></figcaption></figure>'
        f"{says}</div>"
    )


def folded(summary: str, html: str) -> str:
    """Something behind a click."""
    return f"<details><summary>{escape(summary)}</summary>{html}</details>"


def _json(value: Any) -> str:
    """A value for a script element, which no text in it can end."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
