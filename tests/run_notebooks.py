"""Execute all notebooks in place, without a window, and print one row a notebook: `make run`.

What is saved is normalised, so that a second run changes nothing but what the machine's speed and
chance decide. The tests import from here what they ask of a notebook: its tags, calls and counts.
"""

import ast
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbformat import NotebookNode

from helpers.ledger import MEASURED, NEAR_MISS

ROOT = Path(__file__).resolve().parent.parent
CELL_SECONDS = 900
FOLDED = "jp-MarkdownHeadingCollapsed"
WIDGET = "application/vnd.jupyter.widget-view+json"

# A heading, and in the next line for whom it is and how long it takes.
PLACE = r"##+ .*\n\n\*(core|second reading) · (\d+) minutes?\*\n"

# What a notebook may take. Seconds and memory depend on the machine, so that no test asks for them;
# `make run` marks them.
MOST = {"seconds": 60, "peak GB": 1.5, "MB saved": 1.0, "lines": 25}
MOST_SECONDS = {"04_training": 120, "05_generating": 120, "08_comparing_models": 90}  # these train

# macOS counts the peak in bytes, Linux in kilobytes; Windows has a counter of its own.
PEAK_MEMORY = """
import sys as _sys
if _sys.platform == "win32":
    import psutil as _psutil
    _answer = _psutil.Process().memory_info().peak_wset / 1e9
else:
    import resource as _resource
    _bytes = 1 if _sys.platform == "darwin" else 1_000
    _answer = _resource.getrusage(_resource.RUSAGE_SELF).ru_maxrss * _bytes / 1e9
"""


def notebooks() -> list[Path]:
    """The project's notebooks, in their order."""
    found = (ROOT / "notebooks").rglob("*.ipynb")
    return sorted(path for path in found if ".ipynb_checkpoints" not in path.parts)


# Running and saving


def execute(
    notebook: NotebookNode, folder: Path | str, question: str = PEAK_MEMORY, after: str = ""
) -> tuple[list[float], Any]:
    """Run a notebook's cells in place, as if in this folder, and then ask its kernel something.

    question: code that leaves a literal in `_answer`; by default, the peak memory in GB.
    after: code that is run after each cell, and leaves nothing in the notebook.

    Returns the seconds of each cell, and that answer.
    """
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        iopub_timeout=30,
    )
    seconds = []

    # What the kernel itself warns of is dropped; what a cell warns of goes into its outputs.
    with client.setup_kernel(stderr=subprocess.DEVNULL):
        ask = run_sync(client.kc.execute_interactive)
        for index, cell in enumerate(notebook.cells):
            start = time.perf_counter()
            client.execute_cell(cell, index, execution_count=None)
            seconds.append(time.perf_counter() - start)
            if after:
                reply = ask(after, store_history=False)
                if reply["content"]["status"] == "error":
                    raise RuntimeError(f"after cell {index}: {reply['content']['evalue']}")

        # The kernel ends with this block, so it is asked before.
        reply = ask(question, silent=True, user_expressions={"answer": "_answer"})

    answer = reply["content"]["user_expressions"]["answer"]["data"]["text/plain"]
    return seconds, ast.literal_eval(answer)


def only_widget(data: dict[str, Any]) -> bool:
    """Whether an output is a widget with nothing that could stand in its place."""
    return WIDGET in data and "text/html" not in data


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Take out what differs from run to run or between machines and means nothing to a reader.

    Works in place, and returns the notebook.
    """
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {
                "file_extension": ".py",
                "mimetype": "text/x-python",
                "name": "python",
            },
        }
    )

    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(_lasting(cell.metadata))

        # A widget lives in its kernel only: saved, it would be a sentence about a missing model.
        # What stands in its place as HTML is kept.
        if cell.cell_type == "code":
            lasting = [o for o in cell.outputs if not only_widget(o.get("data", {}))]
            for output in lasting:
                output.get("data", {}).pop(WIDGET, None)
            cell.outputs = lasting

    return notebook


def _lasting(metadata: dict[str, Any]) -> dict[str, Any]:
    """The part of a cell's metadata that its author chose: tags, slide type, folded or not."""
    lasting = ("tags", "slideshow")
    kept: dict[str, Any] = {key: metadata[key] for key in lasting if key in metadata}

    # What JupyterLab shows of a section until a reader unfolds it: its heading.
    if metadata.get(FOLDED):
        kept[FOLDED] = True

    # JupyterLab keeps more under the same key, such as which outputs happen to be folded.
    if metadata.get("jupyter", {}).get("source_hidden"):
        kept["jupyter"] = {"source_hidden": True}

    return kept


# What stands in a notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells with code, in their order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def calls(notebook: NotebookNode, *names: str) -> list[ast.Call]:
    """Every call in the code cells of a function by one of these names, in order.

    names: of functions, called plainly as `name(...)` or as an attribute, `x.name(...)`.

    Returns the nodes of the syntax tree; their lines count from the beginning of their cell.
    Raises ValueError for a cell that is no Python, with its number among all cells, from 0. Lines
    that begin with % or ! are IPython's, and count as blank.
    """
    found = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            nodes = ast.walk(parsed(cell.source, f"cell {number}"))
            wanted = [n for n in nodes if isinstance(n, ast.Call) and called_name(n) in names]
            found += sorted(wanted, key=_end_of_name)

    return found


def parsed(source: str, where: str) -> ast.Module:
    """The syntax tree of a cell's source, in which IPython's own lines are blank.

    where: what an error calls the cell, such as "cell 3".

    Raises ValueError for what is no Python.
    """
    lines = ["" if line.startswith(("%", "!")) else line for line in source.split("\n")]

    try:
        return ast.parse("\n".join(lines))
    except SyntaxError as error:
        raise ValueError(f"{where} is no Python: {error.msg} in its line {error.lineno}") from error


def called_name(call: ast.Call) -> str | None:
    """By which name a function is called, None if by none, as in `table[0](x)`."""
    if isinstance(call.func, ast.Name):
        return call.func.id
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return None


def _end_of_name(call: ast.Call) -> tuple[int, int]:
    """Line and column: two calls of a chain, `a().b()`, begin at one place and end apart."""
    return call.func.end_lineno or 0, call.func.end_col_offset or 0


def verified(notebook: NotebookNode) -> list[str]:
    """The tags of the equations that the code verifies: the first argument of each `verify`.

    Raises ValueError where that is no literal string, since no reader could look it up.
    """
    tags = []
    for call in calls(notebook, "verify"):
        first = call.args[0] if call.args else None
        if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
            raise ValueError(f"verify takes its tag as a literal string: {ast.unparse(call)}")
        tags.append(first.value)

    return tags


def near_misses(notebook: NotebookNode) -> list[str]:
    """The words of all near misses in the code, each `near_misses` being written as a dict."""
    keywords = [k for call in calls(notebook, "verify") for k in call.keywords]
    written = [k.value for k in keywords if k.arg == "near_misses"]
    return [ast.unparse(words) for misses in written for words in misses.keys]


class Section(NamedTuple):
    """A heading below the title, and what stands under it as far as the next heading."""

    heading: str
    level: int  # 2 or 3
    place: str  # "core" or "second reading"; "" if it says nothing
    minutes: int
    folded: bool  # in JupyterLab, until a reader unfolds it
    cells: list[NotebookNode]  # the first begins with the heading


def sections(notebook: NotebookNode) -> list[Section]:
    """The sections of a notebook in their order, those within others as sections of their own.

    Raises ValueError for a heading that does not stand at the beginning of its cell.
    """
    found: list[Section] = []
    for cell in notebook.cells:
        headings = []
        if cell.cell_type == "markdown":
            headings = re.findall(r"^(##+) (.*)$", cell.source, re.MULTILINE)
        if len(headings) > 1 or headings and not cell.source.startswith("##"):
            raise ValueError(f"a heading stands within a cell: {headings[-1][1]}")

        # Its place and its minutes stand in the next line.
        if headings:
            said = re.match(PLACE, cell.source)
            place, minutes = (said[1], int(said[2])) if said else ("", 0)
            (signs, heading), folded = headings[0], bool(cell.metadata.get(FOLDED))
            found.append(Section(heading, len(signs), place, minutes, folded, []))
        if found:
            found[-1].cells.append(cell)

    return found


def text_outputs(notebook: NotebookNode) -> str:
    """All that the code printed, as one text."""
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return "".join(output["text"] for output in outputs if output.output_type == "stream")


def tags(notebook: NotebookNode) -> list[str]:
    """The tags of the numbered equations."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [tag for text in texts for tag in re.findall(r"\\tag\{([^}]*)\}", text)]


class Counts(NamedTuple):
    """What a notebook's saved outputs say of its checks."""

    equations: int  # that have a number
    hold: int  # of these
    near_misses: int  # wrong versions of equations in the code
    caught: int  # of these, by the line that `verify` prints
    claims: int  # in tables of `claims`


def counts(notebook: NotebookNode) -> Counts:
    """How many numbered equations there are, and what `verify` and `claims` have shown."""
    printed = text_outputs(notebook)
    equations = set(tags(notebook))
    hold = set(re.findall(r"^\(([^)]*)\) holds", printed, re.MULTILINE))
    caught = re.findall(rf"^{NEAR_MISS}\S.*: ", printed, re.MULTILINE)

    # Each claim is a row of a table, with its measured value.
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    shown = [output.get("data", {}).get("text/plain", "") for output in outputs]
    claims = "\n".join(shown).count(MEASURED)

    wrong = near_misses(notebook)
    return Counts(len(equations), len(equations & hold), len(wrong), len(caught), claims)


def longest(notebook: NotebookNode) -> int:
    """Lines of the longest code cell."""
    return max(len(cell.source.splitlines()) for cell in code_cells(notebook))


# The table


def excess(name: str, measured: dict[str, float]) -> list[str]:
    """A sentence about each measure of a notebook that is above what is meant to be enough."""
    limits = MOST | {"seconds": MOST_SECONDS.get(name, MOST["seconds"])}
    return [
        f"{name}: {measured[what]:.3g} {what}, where {most:g} are meant to be enough"
        for what, most in limits.items()
        if measured[what] > most
    ]


def run(path: Path) -> list[str]:
    """Execute a notebook, save it and print its row. Returns sentences about what is too much."""
    # It is saved first: its size is one of the measures.
    notebook = nbformat.read(path, as_version=4)
    seconds, peak = execute(notebook, path.parent)
    nbformat.write(normalise(notebook), path)

    measured = {
        "seconds": sum(seconds),
        "peak GB": peak,
        "MB saved": path.stat().st_size / 1e6,
        "lines": longest(notebook),
    }
    found = counts(notebook)

    print(
        f"{path.stem:<20}{measured['seconds']:>9.1f}{max(seconds):>12.1f} s"
        f"{measured['peak GB']:>9.2f}{measured['MB saved']:>10.2f}{measured['lines']:>8} lines"
        f"{f'{found.hold}/{found.equations}':>11}{f'{found.caught}/{found.near_misses}':>13}"
        f"{found.claims:>8}",
        flush=True,
    )
    return excess(path.stem, measured)


def main(names: list[str]) -> None:
    """Run the notebooks that have one of these in their names, or all of them."""
    chosen = [p for p in notebooks() if not names or any(name in p.name for name in names)]
    if not chosen:
        sys.exit(f"no notebook has {' or '.join(names)} in its name")

    print(
        f"{'notebook':<20}{'seconds':>9}{'slowest cell':>14}{'peak GB':>9}{'MB saved':>10}"
        f"{'longest cell':>14}{'equations':>11}{'near misses':>13}{'claims':>8}"
    )
    exceeded = [sentence for path in chosen for sentence in run(path)]

    # What is too much, at the end, where it is seen.
    all_within = (
        f"All within {MOST['seconds']} s (04 and 05: 120 s, 08: 90 s), "
        f"{MOST['peak GB']} GB of memory, "
        f"{MOST['MB saved']:g} MB and {MOST['lines']} lines a cell."
    )
    print("\n".join(exceeded) or all_within)


if __name__ == "__main__":
    main(sys.argv[1:])
