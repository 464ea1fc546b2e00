"""What can be said about a class's notebooks before any of them runs. Nothing here runs code."""

import ast
import hashlib
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from helpers.tools.cells import parsed
from helpers.tools.teaching import roster
from helpers.tools.teaching.released import (
    Released,
    Unreadable,
    answers,
    kind,
    opened,
    released,
    tampered,
)

# Shorter answers are alike by chance: lines of a function below its docstring, words of a text.
LINES = 5
WORDS = 12
# The reference with its comments, which nobody writes by chance, may be shorter.
REFERENCE_LINES = 3


@dataclass(frozen=True)
class Finding:
    """What stands about one student before marking.

    student: the id. name: "" if nobody gave one.
    stops: why it cannot be marked; "" if it can.
    blank: ids of the exercises without an answer.
    all_blank: whether there is no answer at all.
    tampered: what was done to cells of the course.
    late, misnamed: as it was collected.
    answers: by exercise, what was written.
    digest: of the file's contents, a SHA-256.
    """

    student: str
    name: str
    stops: str = ""
    blank: tuple[str, ...] = ()
    all_blank: bool = False
    tampered: tuple[str, ...] = ()
    late: bool = False
    misnamed: bool = False
    answers: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @property
    def words(self) -> list[str]:
        """All that is to be said, a few words each; nothing if all is well."""
        said = [self.stops] if self.stops else []
        if self.all_blank:
            said.append("blank")
        elif self.blank:
            said.append(f"partly blank: {', '.join(self.blank)}")
        if self.tampered:
            said.append(f"tampered: {', '.join(self.tampered)}")
        said += [word for word in ("late", "misnamed") if getattr(self, word)]
        return said


def precheck(course: Path, name: str) -> list[Finding]:
    """What there is to say about each student of the roster, the class list and submitted/.

    course: the folder that `make homework` wrote.
    name: of the homework.
    """
    homework = released(course, name)
    rows = roster.rows(course, name)
    placed = {path.parent.parent.name for path in submitted(course, name)}
    members = roster.members(course, name)

    # Everybody who handed in something, and then those of the list who did not.
    found = []
    for id in sorted(set(rows) | placed):
        row = rows.get(id) or roster.Row(name, id, id, id, "", "", "no", "")
        member = next((m for m in members if roster.same_person(row, m)), None)
        found.append(_finding(course, homework, roster.named(row, member)))

    present = list(rows.values())
    for member in members:
        if not any(roster.same_person(row, member) for row in present) and member.id not in placed:
            found.append(Finding(member.id, member.name, stops="missing"))
    return sorted(found, key=lambda one: (one.name.casefold(), one.student))


def submitted(course: Path, name: str) -> list[Path]:
    """The notebooks of a homework that lie where nbgrader looks for them."""
    return sorted((course / "submitted").glob(f"*/{name}/{name}.ipynb"))


def _finding(course: Path, homework: Released, row: roster.Row) -> Finding:
    late = row.late == "yes"
    misnamed = "misnamed" in row.note
    path = course / "submitted" / row.id / homework.name / f"{homework.name}.ipynb"
    notebook, stops = _opened(path, homework, row)
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""

    if stops or notebook is None:
        return Finding(row.id, row.name, stops=stops, late=late, misnamed=misnamed)

    written = answers(homework, notebook)
    blank = [id for id, answer in written.items() if answer is None]
    return Finding(
        row.id,
        row.name,
        blank=tuple(blank),
        all_blank=len(blank) == len(written),
        tampered=tuple(tampered(homework, notebook)),
        late=late,
        misnamed=misnamed,
        answers={id: answer for id, answer in written.items() if answer is not None},
        digest=digest,
    )


def _opened(path: Path, homework: Released, row: roster.Row) -> tuple[NotebookNode | None, str]:
    """The notebook at a path, and why it cannot be marked, "" if it can."""
    if not path.is_file():
        return (
            None,
            f"unreadable: {row.note.removeprefix('not placed: ')}" if row.note else "missing",
        )

    try:
        notebook = opened(path.read_bytes())
    except Unreadable as error:
        return None, f"unreadable: {error}"
    which = kind(homework, notebook)
    return notebook, "" if which == "released" else which


# Who has written the same


@dataclass(frozen=True)
class Same:
    """Students whose answers to an exercise are the same; one, if it is the reference's."""

    exercise: str
    students: tuple[str, ...]
    reference: bool = False


def same_answers(findings: list[Finding]) -> list[Same]:
    """Which answers are the same but for names, comments and layout, and which the reference's.

    Answers that are short, or that compute what the reference does line by line, say nothing.
    """
    references = _references()
    groups: dict[tuple[str, str], list[str]] = {}
    copied = []

    for finding in findings:
        for id, answer in finding.answers.items():
            reference = references.get(id, "")
            if reference and _text(answer) == _text(reference):
                if len(_text(reference)) >= REFERENCE_LINES:
                    copied.append(Same(id, (finding.student,), reference=True))
                continue

            form = _form(answer)
            if form and form != _form(reference):
                groups.setdefault((id, form), []).append(finding.student)

    alike = [Same(id, tuple(who)) for (id, _), who in groups.items() if len(who) > 1]
    return sorted(alike, key=lambda one: one.exercise) + copied


def _references() -> dict[str, str]:
    """The public sources of the right answers, by the exercise's id."""
    # PyTorch comes with it, for which the other steps need not wait.
    from helpers import homework

    return {one.id: inspect.getsource(one.reference) for one in homework.exercises()}


def _text(source: str) -> list[str]:
    """The lines of a function below its docstring, with comments, without blank ones."""
    try:
        body = ast.parse(source).body[-1].body  # type: ignore[attr-defined]
    except (SyntaxError, ValueError, AttributeError, IndexError, RecursionError, MemoryError):
        return []
    first = body[1] if _is_text(body[0]) and len(body) > 1 else body[0]
    begin = body[0].end_lineno if first is not body[0] else first.lineno - 1
    return [line.strip() for line in source.split("\n")[begin:] if line.strip()]


def _form(answer: str) -> str:
    """What two answers have in common if one is the other with new names; "" if it is short."""
    try:
        tree = parsed(answer)
        is_code = any(isinstance(node, ast.FunctionDef) for node in tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        is_code = False
    if not is_code:
        words = re.findall(r"\w+", answer.casefold())
        return " ".join(words) if len(words) >= WORDS else ""

    try:
        tree = _Anonymous().visit(tree)
        lines = ast.unparse(ast.fix_missing_locations(tree)).split("\n")
        return ast.dump(tree) if len(lines) > LINES else ""
    except (RecursionError, MemoryError):
        return ""


class _Anonymous(ast.NodeTransformer):
    """Takes docstrings and annotations out of code, and numbers its names in their order."""

    def __init__(self) -> None:
        self.numbers: dict[str, str] = {}
        self.own: set[str] = set()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:  # noqa: N802  ast calls it so
        # What a function gives names to itself: its arguments, and what it assigns to.
        stores = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
        self.own |= {n.id for n in stores if isinstance(n.ctx, ast.Store)}
        self.own |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}

        node.returns = None
        if node.body and _is_text(node.body[0]):
            node.body = node.body[1:] or [ast.Pass()]
        self.generic_visit(node)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self._number(node.arg))

    def visit_Name(self, node: ast.Name) -> ast.AST:  # noqa: N802
        return ast.Name(self._number(node.id) if node.id in self.own else node.id, node.ctx)

    def _number(self, name: str) -> str:
        return self.numbers.setdefault(name, f"name{len(self.numbers)}")


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a docstring."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
