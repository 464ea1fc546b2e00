"""From a talk's Markdown to slides: what stands on each, and what only the speaker sees."""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from mdit_py_plugins.dollarmath import dollarmath_plugin

from helpers.homework.controls import quiz_question
from helpers.questions import Question, question
from helpers.tools.alive import frames, models
from helpers.tools.talks import named

NOTES = re.compile(r"<!-- notes: ([\d.]+) minutes?\.(.*?)-->", re.DOTALL)
OPTIONS = re.compile(r" \{([a-z ]+)\}$")
KNOWN_OPTIONS = {"late", "split"}
PICTURE = re.compile(r'<figure class="fills">.*?</figure>', re.DOTALL)

# How many times the size that it has on a page a picture is drawn at most; with more its lines
# would look coarse.
ENLARGED = 2.4


class Slide(NamedTuple):
    """One slide of a talk."""

    title: str  # as HTML; the talk's title on the first
    section: str  # the heading of its part of the talk; "" on the first
    body: str  # HTML
    notes: str  # HTML for the speaker
    minutes: float
    options: frozenset[str]  # "late": to be left out when time is short; "split"


@dataclass
class Talk:
    """A talk as its file tells it, and the files that its slides need."""

    title: str
    slides: list[Slide]
    sections: list[str]

    # Files for the folder of what the slides share: their place there -> what is in them.
    files: dict[str, bytes] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)  # decoders that run in the page

    @property
    def minutes(self) -> float:
        """Minutes of the whole talk, by its notes."""
        return sum(slide.minutes for slide in self.slides)


def read(path: Path, static: str, known: Mapping[str, str] | None = None) -> Talk:
    """The talk that a file of Markdown tells.

    path: of the file; the package's docstring says how it is written.
    static: the folder of what the slides share, seen from the page.
    known: pictures that are there already: how one is written in base 64 -> its file there.

    Raises ValueError, with the file and the slide, for a slide without notes, and for what it names
    and the notebooks do not have.
    """
    return _Reader(path, static, known or {}).talk()


class _Reader:
    """Reads one file, slide by slide."""

    def __init__(self, path: Path, static: str, known: Mapping[str, str]) -> None:
        self.path = path
        self.static = static
        self.known = known
        self.files: dict[str, bytes] = {}
        self.models: set[str] = set()
        self.sections: list[str] = []
        self.votes: list[str] = []  # remarks on the votes of the slide at hand
        self.markdown = _with_mathematics()
        self.markdown.core.ruler.push("alone", _unwrap_images)
        self.markdown.add_render_rule("image", lambda _, *parts: self._image(*parts))
        self.markdown.add_render_rule("bullet_list_open", _list_open)
        self.markdown.add_render_rule("list_item_open", _item_open)

    def talk(self) -> Talk:
        text = self.path.read_text(encoding="utf-8")
        pieces = re.split(r"^(#{1,3}) (.*)$", text, flags=re.MULTILINE)
        if pieces[0].strip() or pieces[1] != "#":
            raise ValueError(f"{self.path.name} does not begin with its title, `# …`")
        headings = [tuple(pieces[n : n + 3]) for n in range(1, len(pieces), 3)]
        self.sections = [title.strip() for level, title, _ in headings if level == "##"]

        slides = []
        section = ""
        for level, title, body in headings:
            if level == "##":
                section = title.strip()
                if body.strip():
                    raise ValueError(f"{self.path.name}, {title}: text stands before its slide")
            else:
                slides.append(self._slide(title.strip(), section, body))
        return Talk(slides[0].title, slides, self.sections, files=self.files, models=self.models)

    def _slide(self, heading: str, section: str, text: str) -> Slide:
        chosen = OPTIONS.search(heading)
        options = frozenset(chosen[1].split()) if chosen else frozenset()
        title = OPTIONS.sub("", heading)
        try:
            if unknown := options - KNOWN_OPTIONS:
                raise ValueError(f"there is no option {', '.join(unknown)}")
            told = NOTES.search(text)
            if told is None:
                raise ValueError("it has no notes: <!-- notes: 2 minutes. … -->")

            self.votes = []
            body = self._html(NOTES.sub("", text))
            if "split" in options:
                words = PICTURE.sub("", body)
                body = f'<div class="words">{words}</div>{"".join(PICTURE.findall(body))}'
            notes = self._html("\n\n".join([told[2].strip(), *self.votes]))
        except ValueError as error:
            raise ValueError(f"{self.path.name}, {title!r}: {error}") from error
        shown = self.markdown.renderInline(self._with_numbers(title))
        return Slide(shown, section, body, notes, float(told[1]), options)

    def _html(self, text: str) -> str:
        return self.markdown.render(self._with_numbers(text))

    def _with_numbers(self, text: str) -> str:
        """The text with its numbers put in: {{04 a pattern}}, {{results vae mig}}."""
        return re.sub(r"\{\{(\S+) (.*?)\}\}", lambda m: named.number(m[1], m[2]), text)

    # What is named by the address of an image: what it is, a colon, and what exactly

    def _image(self, tokens: list, index: int, *_: Any) -> str:
        token = tokens[index]
        words, address = token.content, token.attrs["src"]
        kind, colon, what = address.partition(":")

        # A file's own address has no colon; it is a drawing, which GitHub shows as well.
        if not colon:
            return self._drawing(address, words)
        makers: dict[str, Callable[[str, str], str]] = {
            "figure": self._figure,
            "table": lambda number, words: f'<div class="table">{named.table(number, words)}</div>',
            "equation": _equation,
            "code": _code,
            "vote": self._vote,
            "answer": self._answer,
            "widget": self._widget,
            "outline": self._outline,
        }
        if kind not in makers:
            raise ValueError(f"{address!r} is none of {', '.join(makers)}, nor a drawing")
        return makers[kind](what, words)

    def _drawing(self, address: str, words: str) -> str:
        file = (self.path.parent / address).resolve()
        if not file.is_file():
            raise ValueError(f"there is no {address}")
        self.files[f"drawings/{file.name}"] = file.read_bytes()
        source = f"{self.static}/drawings/{file.name}"
        return f'<figure class="fills"><img src="{source}" alt="{escape(words)}"></figure>'

    def _figure(self, number: str, words: str) -> str:
        found = named.figure(number, words)
        file = self.known.get(found.png)
        if file is None:
            content = frames.smaller(base64.b64decode(found.png))
            file = f"pictures/{hashlib.sha256(content).hexdigest()[:16]}.webp"
            self.files[file] = content
        return (
            f'<figure class="fills"><img src="{self.static}/{file}" alt="{escape(found.alt)}" '
            f'style="max-width: {found.width * ENLARGED:.0f}px"></figure>'
        )

    def _vote(self, key: str, _: str) -> str:
        asked = _asked(key)
        options = "".join(f"<li>{self._inline(option)}</li>" for option in asked.options)
        return (
            f'<p class="question">{self._inline(asked.text)}</p><ol class="options">{options}</ol>'
        )

    def _answer(self, key: str, _: str) -> str:
        """The options again, with the right one and its reason; the others' go to the speaker."""
        asked = _asked(key)
        items = []
        for letter, option, reason in zip(asked.letters, asked.options, asked.reasons, strict=True):
            if letter == asked.right:
                items.append(
                    f'<li class="right">{self._inline(option)}<p>{self._inline(reason)}</p></li>'
                )
            else:
                items.append(f'<li class="wrong">{self._inline(option)}</li>')
                self.votes.append(f"Who chose **{letter}**: {reason}")
        return f'<ol class="options">{"".join(items)}</ol>'

    def _inline(self, text: str) -> str:
        return self.markdown.renderInline(text)

    def _widget(self, key: str, _: str) -> str:
        if key in models.WIDGETS:
            self.models.add("fruits")
            return models.WIDGETS[key]()
        html, files = frames.on_page(key, self.static)
        self.files |= files
        return html

    def _outline(self, *_: str) -> str:
        items = "".join(f"<li>{self._inline(section)}</li>" for section in self.sections)
        return f'<ol class="outline">{items}</ol>'


def _asked(key: str) -> Question:
    return quiz_question(key) if key.startswith("hw") else question(key)


def _equation(number: str, words: str) -> str:
    """An equation; with "lines" instead of words, line by line."""
    by_lines = words == "lines"
    part = re.sub(r"\\([\[\]])", r"\1", words)  # Markdown wants a bracket without a fellow escaped
    tex = named.equation(number, "" if by_lines else part)
    rows = _rows(tex) if by_lines else []
    if len(rows) < 2:
        return f'<div class="equation">\\[{escape(tex, quote=False)}\\]</div>'

    # Each step shows one row more than the last; what is still to come keeps its room.
    kind_of_rows = "aligned" if "&" in rows[0] else "gathered"
    steps = []
    for shown in range(1, len(rows) + 1):
        later = [_phantom(row) for row in rows[shown:]]
        whole = "\\\\".join([*rows[:shown], *later])
        step = f"\\begin{{{kind_of_rows}}}{whole}\\end{{{kind_of_rows}}}"
        if shown == len(rows):
            step += "".join(re.findall(r"\\tag\{[^}]*\}", tex))
        kind = ' class="fragment"' if shown > 1 else ""
        steps.append(f"<div{kind}>\\[{escape(step, quote=False)}\\]</div>")
    return f'<div class="equation steps">{"".join(steps)}</div>'


def _rows(tex: str) -> list[str]:
    """The rows of an equation that is aligned; of another, what stands between wide gaps."""
    found = re.search(r"\\begin\{aligned\}(.*)\\end\{aligned\}", tex, re.DOTALL)
    if found:
        return re.split(r"\\\\(?:\[[^\]]*\])?", found[1].strip())
    return re.split(r"\\qquad", re.sub(r"\\tag\{[^}]*\}", "", tex).strip())


def _phantom(row: str) -> str:
    """A row that is not seen, but takes its room."""
    return "&".join(f"\\phantom{{{cell}}}" for cell in row.split("&"))


def _code(number: str, name: str) -> str:
    return f"<pre><code>{escape(named.code(number, name), quote=False)}</code></pre>"


# How Markdown is read


def formulas(path: Path) -> str:
    """A page of formulas as HTML, without its links, which lead nowhere on paper."""
    text = path.read_text(encoding="utf-8")
    return _with_mathematics().render(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text))


def _with_mathematics() -> MarkdownIt:
    """Markdown with tables and with equations between dollars."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    return markdown.use(dollarmath_plugin, renderer=_math)


def _math(content: str, options: dict[str, Any]) -> str:
    """An equation for MathJax."""
    tex = escape(content, quote=False)
    if options["display_mode"]:
        return f'<div class="equation">\\[{tex}\\]</div>'
    return f"\\({tex}\\)"


def _unwrap_images(state: StateCore) -> None:
    """What stands alone in a paragraph, such as a figure, is no paragraph."""
    tokens = state.tokens
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        children = token.children or []
        if before.type == "paragraph_open" and [c.type for c in children] == ["image"]:
            before.hidden = after.hidden = True


def _list_open(renderer: Any, tokens: list, index: int, *_: Any) -> str:
    """A list of `+` is built item by item, one of `-` stands there at once."""
    return '<ul class="build">' if tokens[index].markup == "+" else "<ul>"


def _item_open(renderer: Any, tokens: list, index: int, *_: Any) -> str:
    return '<li class="fragment">' if tokens[index].markup == "+" else "<li>"
