"""Execute all notebooks in place, without a window, and print one row a notebook. `make run` calls this.

What is saved is normalised, so that a second run changes nothing but what the machine's speed and chance decide.
"""

import ast
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from jupyter_core.utils import run_sync
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
CELL_SECONDS = 300
# What a notebook may take. Seconds and memory depend on the machine, so that no test asks for them; `make run` marks them.
MOST = {"seconds": 60, "peak GB": 1.5, "MB saved": 1.0, "lines": 25}
MOST_SECONDS = {"04_training": 120, "05_generating": 120}  # these two train
PEAK_MEMORY = """
import resource as _resource, sys as _sys
_answer = _resource.getrusage(_resource.RUSAGE_SELF).ru_maxrss / (1e6 if _sys.platform == "darwin" else 1e3) / 1e3
"""


def notebooks():
    """The project's notebooks, in their order."""
    return sorted(p for p in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def execute(notebook, folder, question=PEAK_MEMORY):
    """Run a notebook's cells in place, as if in this folder, and then this code, which leaves something in `_answer`.

    (seconds of each cell, that answer: by default the peak memory of the kernel in GB).
    """
    client = NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3", coalesce_streams=True,
                            resources={"metadata": {"path": str(folder)}}, record_timing=False, iopub_timeout=30)
    seconds = []
    with client.setup_kernel(stderr=subprocess.DEVNULL):  # a kernel's own warnings; a cell's go into its outputs
        for index, cell in enumerate(notebook.cells):
            start = time.perf_counter()
            client.execute_cell(cell, index, execution_count=None)
            seconds.append(time.perf_counter() - start)
        reply = run_sync(client.kc.execute_interactive)(question, silent=True, user_expressions={"answer": "_answer"})
        answer = ast.literal_eval(reply["content"]["user_expressions"]["answer"]["data"]["text/plain"])
    return seconds, answer


def normalise(notebook):
    """Take out what differs from run to run or from machine to machine and means nothing to a reader."""
    notebook.metadata = nbformat.from_dict({
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
    })
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in ("tags", "slideshow")})
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs
                            if "application/vnd.jupyter.widget-view+json" not in o.get("data", {})]
    return notebook


def text_outputs(notebook):
    """All that the code printed, as one text."""
    return "".join(o["text"] for c in notebook.cells if c.cell_type == "code" for o in c.outputs
                   if o.output_type == "stream")


def tags(notebook):
    """The tags of the numbered equations."""
    return [tag for c in notebook.cells if c.cell_type == "markdown" for tag in re.findall(r"\\tag\{([^}]*)\}", c.source)]


def counts(notebook):
    """(numbered equations, how many of them have a line that says they hold, claims that hold)."""
    printed = text_outputs(notebook)
    verified = set(re.findall(r"^\(([^)]*)\) holds", printed, re.MULTILINE))
    equations = set(tags(notebook))
    return len(equations), len(equations & verified), len(re.findall(r"^claim holds", printed, re.MULTILINE))


def longest(notebook):
    """Lines of the longest code cell."""
    return max(len(c.source.splitlines()) for c in notebook.cells if c.cell_type == "code")


def main(names):
    chosen = [p for p in notebooks() if not names or any(name in p.name for name in names)]
    if not chosen:
        sys.exit(f"no notebook has {' or '.join(names)} in its name")
    print(f"{'notebook':<20}{'seconds':>9}{'slowest cell':>14}{'peak GB':>9}{'MB saved':>10}{'longest cell':>14}"
          f"{'equations':>11}{'claims':>8}")
    exceeded = []
    for path in chosen:
        notebook = nbformat.read(path, as_version=4)
        seconds, peak = execute(notebook, path.parent)
        nbformat.write(normalise(notebook), path)
        equations, verified, claims = counts(notebook)
        found = {"seconds": sum(seconds), "peak GB": peak, "MB saved": path.stat().st_size / 1e6, "lines": longest(notebook)}
        print(f"{path.stem:<20}{found['seconds']:>9.1f}{max(seconds):>12.1f} s{peak:>9.2f}{found['MB saved']:>10.2f}"
              f"{found['lines']:>8} lines{f'{verified}/{equations}':>11}{claims:>8}", flush=True)
        for what, most in {**MOST, "seconds": MOST_SECONDS.get(path.stem, MOST["seconds"])}.items():
            if found[what] > most:
                exceeded.append(f"{path.stem}: {found[what]:.3g} {what}, where {most:g} are meant to be enough")
    print("\n".join(exceeded) or f"All within {MOST['seconds']} s (04 and 05: 120 s), {MOST['peak GB']} GB of memory, "
          f"{MOST['MB saved']:g} MB and {MOST['lines']} lines a cell.")


if __name__ == "__main__":
    main(sys.argv[1:])
