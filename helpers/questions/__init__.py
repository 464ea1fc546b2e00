"""Questions answered before the answer is known; their texts stand in files beside this one."""

import tomllib
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import ipywidgets
from IPython.display import display

FOLDER = Path(__file__).resolve().parent
LETTERS = "ABCDEF"


class Question(NamedTuple):
    """A question with lettered options, one of which is right."""

    text: str
    options: tuple[str, ...]
    reasons: tuple[str, ...]  # for each option, why it is right or wrong
    right: str  # a letter

    @property
    def letters(self) -> str:
        """One for each option."""
        return LETTERS[: len(self.options)]

    def lines(self) -> list[str]:
        """The options as lines of text, each with its letter."""
        pairs = zip(self.letters, self.options, strict=True)
        return [f"  {letter}  {option}" for letter, option in pairs]

    def explained(self) -> list[str]:
        """A line for each option: its letter, whether it is the right one, and why."""
        lines = []
        for letter, reason in zip(self.letters, self.reasons, strict=True):
            verdict = "right" if letter == self.right else "wrong"
            lines.append(f"  {letter}  {verdict}: {reason}")
        return lines

    def compared(self, chosen: str) -> str:
        """The chosen letter, and whether it is the right one, in two short sentences."""
        return f"{chosen}. " + ("So it is." if chosen == self.right else f"It is {self.right}.")


def texts(key: str) -> Mapping[str, Any]:
    """What the file of a notebook says under a key.

    key: such as "02.slack": the table [slack] of 02.toml.
    Raises ValueError for a key that is not there, with those that are.
    """
    notebook, _, name = key.partition(".")
    path = FOLDER / f"{notebook}.toml"
    if not path.is_file():
        files = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
        raise ValueError(f"{key!r} begins with no notebook that has questions: {files}")

    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    if name not in tables:
        raise ValueError(
            f"there is nothing called {name!r} in {path.name}, but {', '.join(tables)}"
        )
    return tables[name]


def question(key: str) -> Question:
    """A question by its key, such as "02.slack".

    Raises ValueError for an unknown key, for anything but two to six options A, B, …, each with a
    reason, and for a right answer that is none of them.
    """
    table = texts(key)
    letters = LETTERS[: len(table) - 2]
    wanted = {"question", "right", *letters}
    if set(table) != wanted or len(letters) < 2 or table["right"] not in letters:
        raise ValueError(f"{key}: a question has `question`, `right` and the options A, B, …")

    # And each option its reason.
    pairs = [table[letter] for letter in letters]
    if any(set(pair) != {"option", "reason"} for pair in pairs):
        raise ValueError(f"{key}: each of A, B, … has an `option` and a `reason`")
    return Question(
        table["question"],
        tuple(pair["option"] for pair in pairs),
        tuple(pair["reason"] for pair in pairs),
        table["right"],
    )


def predict(key: str) -> "Prediction":
    """Ask before running: the question's options as buttons, and one that commits to a choice.

    key: such as "02.slack", of a question in 02.toml.

    Returns the prediction; call its `.compare()` after the experiment.
    Raises ValueError for an unknown key.
    """
    return Prediction(key)


class Prediction:
    """What a reader expects of an experiment, to be compared with what comes out.

    key: as in `predict`.
    """

    def __init__(self, key: str) -> None:
        self.question = question(key)
        heading = f"Predict: {self.question.text}"
        self.choice = Choice(heading, self.question, self._promise)
        self.choice.show()

    def compare(self) -> None:
        """Show what was predicted, which option is right, and why.

        Whoever has not chosen finds it folded, so that a page that is only read gives no answer
        away.
        """
        asked, chosen = self.question, self.choice.chosen
        first = f"You expected {asked.compared(chosen)}" if chosen else "Which is right, and why?"
        lines = asked.explained()

        opened = " open" if chosen else ""
        html = f"<details{opened}><summary>{escape(first)}</summary>{_listed(lines)}</details>"
        display({"text/html": html, "text/plain": "\n".join([first, *lines])}, raw=True)

    @staticmethod
    def _promise(choice: "Choice") -> str:
        return f"You expect {choice.chosen}. Run on and compare."


class Choice(ipywidgets.VBox):
    """A question with its options as buttons: a reader chooses one and commits to it, once.

    heading: the question as it is asked.
    asked: with the options.
    respond: what to answer at the moment of commitment, from this choice to HTML.
    """

    def __init__(self, heading: str, asked: Question, respond: Callable[["Choice"], str]) -> None:
        self.heading = heading
        self.asked = asked
        self.respond = respond
        self.chosen: str | None = None  # the letter that was committed to

        labels = zip(asked.lines(), asked.letters, strict=True)
        self.buttons = ipywidgets.RadioButtons(
            options=[(line.strip(), letter) for line, letter in labels],
            value=None,
            layout={"width": "max-content", "max_width": "100%"},
        )
        self.commit = ipywidgets.Button(description="Commit", disabled=True)
        self.answer = ipywidgets.HTML()

        self.buttons.observe(self._on_choice, "value")
        self.commit.on_click(self._on_commit)
        row = ipywidgets.HBox([self.commit, self.answer])
        super().__init__([ipywidgets.HTML(f"<b>{escape(heading)}</b>"), self.buttons, row])

    def show(self) -> None:
        """Display the buttons; where there is no kernel, the question stands in their place."""
        lines = self.asked.lines()
        as_text = {
            "text/html": f"<b>{escape(self.heading)}</b>{_listed(lines)}",
            "text/plain": "\n".join([self.heading, *lines]),
        }
        display({**self._repr_mimebundle_(), **as_text}, raw=True)

    def _on_choice(self, change: dict[str, Any]) -> None:
        self.commit.disabled = change["new"] is None

    def _on_commit(self, button: ipywidgets.Button) -> None:
        if self.chosen:
            return

        # The button itself stays enabled: disabled, it would lose the keyboard's focus.
        self.chosen = self.buttons.value
        self.buttons.disabled = True
        self.commit.description = "Committed"
        self.answer.value = self.respond(self)


def _listed(lines: list[str]) -> str:
    """Lines that begin with letters as a list; JupyterLab would count an ordered one by numbers."""
    items = "".join(f"<li><b>{line[2]}</b> {escape(line[5:])}</li>" for line in lines)
    return f"<ul>{items}</ul>"
