"""What Sphinx is told about the notebooks' own ways: places, folded sections, tagged equations.

A Sphinx extension.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

PLACE = re.compile(r"(core|second reading) · (\d+) minutes?")


def slug(title: str) -> str:
    """The anchor of a heading, as JupyterLab makes it and as the notebooks link to it."""
    return title.replace(" ", "-")


class FoldSecondReadings(SphinxPostTransform):
    """Each section says for whom it is; those of second reading are folded below their first words.

    What stands within a folded section is folded with it and not once more.
    """

    default_priority = 900

    def run(self, **kwargs: Any) -> None:
        """Called by Sphinx for each page."""
        for section in list(self.document.findall(nodes.section)):
            place = _place(section)
            if place is None:
                continue

            words, paragraph = place
            paragraph["classes"] += ["place", words.replace(" ", "-")]
            if words == "second reading" and not _is_folded(section):
                self._fold(section, paragraph)

    def _fold(self, section: nodes.section, paragraph: nodes.paragraph) -> None:
        """Put what follows the place and one sentence into an element that opens."""
        position = paragraph.parent.index(paragraph) + 1
        shown = paragraph.parent.children[:position]
        teaser = paragraph.parent.children[position : position + 1]
        if teaser and isinstance(teaser[0], nodes.paragraph):
            shown = [*shown, *teaser]

        rest = [child for child in section.children if child not in shown]
        if not rest:
            return
        title = section.next_node(nodes.title)
        said = f"Second reading: {title.astext() if title else ''}"
        opens = f'<details class="second"><summary>{_escaped(said)}</summary>'
        section.children = []
        section.extend(shown)
        section += nodes.raw("", opens, format="html")
        section.extend(rest)
        section += nodes.raw("", "</details>", format="html")
        section["folded"] = True


def _place(section: nodes.section) -> tuple[str, nodes.paragraph] | None:
    """Which place a section's first paragraph gives it; None if it gives none."""
    for child in section.children[1:2]:
        if isinstance(child, nodes.paragraph) and (said := PLACE.fullmatch(child.astext())):
            return said[1], child
    return None


def _is_folded(section: nodes.section) -> bool:
    """Whether a section that holds this one is folded."""
    parent = section.parent
    while parent is not None:
        if isinstance(parent, nodes.section) and parent.get("folded"):
            return True
        parent = parent.parent
    return False


class KeepTags(SphinxPostTransform):
    r"""Equations go to MathJax as they are written: Sphinx's own split knows no \\tag within it."""

    default_priority = 901

    def run(self, **kwargs: Any) -> None:
        """Called by Sphinx for each page."""
        for equation in list(self.document.findall(nodes.math_block)):
            source = equation.astext()
            html = f'<div class="math notranslate" tabindex="0">\\[{_escaped(source)}\\]</div>'
            equation.replace_self(nodes.raw("", html, format="html"))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_post_transform(FoldSecondReadings)
    app.add_post_transform(KeepTags)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
