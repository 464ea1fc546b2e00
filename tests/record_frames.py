"""Draw the pictures with which the widgets move on the web site: `make frames`.

Each notebook is executed, nothing of it is saved, and after each cell its new widgets are drawn in
all their states: helpers/tools/alive/frames.py says how. It takes about half an hour.
"""

import sys

import nbformat

from helpers.tools.alive.frames import FOLDER
from run_notebooks import calls, execute, notebooks

RECORD = "from helpers.tools.alive import frames as _frames; _frames.record_new({folder!r})"


def main(names: list[str]) -> None:
    """Record the widgets of the notebooks that have one of these in their names, or of all."""
    for path in notebooks():
        notebook = nbformat.read(path, as_version=4)
        chosen = not names or any(name in path.name for name in names)
        if chosen and calls(notebook, "explore"):
            execute(notebook, path.parent, after=RECORD.format(folder=str(FOLDER)))


if __name__ == "__main__":
    main(sys.argv[1:])
