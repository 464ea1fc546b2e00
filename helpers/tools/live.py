"""A lecture's notebooks in JupyterLab, code folded and figures large: `make live LECTURE=2`.

Those that its talk names are copied into my/live-lecture2/, a copy is opened beside the other as
tabs, and what is there already stays as it is. The decks and the site need no kernel and have the
same sliders; this is for who wants to run and change something before the class.
"""

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from jupyterlab_server.workspaces_handler import WorkspacesManager
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
TALKS = NOTEBOOKS / "talks"

# Figures as wide as the page allows, letters for the back row, and no question about news.
LARGE = """
.jp-Notebook { --jp-content-font-size1: 18px; --jp-code-font-size: 16px; }
.jp-OutputArea-output img { width: 100% !important; max-width: 1200px !important; }
"""
SETTINGS = {
    "custom/custom.css": LARGE,
    "lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings": (
        '{"fetchNews": "false"}'
    ),
}


def notebooks_of(talk: Path) -> list[Path]:
    """The notebooks that a talk names, in the order of the series.

    Raises ValueError for a file that names none.
    """
    text = talk.read_text(encoding="utf-8")
    named = re.findall(r"\]\((?:figure|table|code|vote|answer|widget):(\d\db?)", text)
    named += [f"{int(n):02d}" for n in re.findall(r"\]\(equation:(\d+)", text)]
    found = sorted(path for number in set(named) for path in NOTEBOOKS.glob(f"{number}_*.ipynb"))
    if not found:
        raise ValueError(f"{talk} names no notebook")
    return found


def folded(notebook: NotebookNode) -> NotebookNode:
    """The notebook with the code of every cell folded; a click on the three dots opens it."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata.setdefault("jupyter", {})["source_hidden"] = True
    return notebook


def prepare(name: str, folder: Path) -> None:
    """Copy the notebooks of a talk into a folder, and what opens them as tabs.

    name: of the talk, such as "lecture2". folder: is made if there is none; a notebook that it has
      already is not written over.

    Raises ValueError for a talk that is not there, with those that are.
    """
    talk = TALKS / f"{name}.md"
    if not talk.is_file():
        known = ", ".join(sorted(p.stem for p in TALKS.glob("*.md") if p.stem.islower()))
        raise ValueError(f"there is no talk {name!r}, but {known}: make live LECTURE=2")

    folder.mkdir(parents=True, exist_ok=True)
    paths = notebooks_of(talk)
    for path in paths:
        if not (folder / path.name).exists():
            nbformat.write(folded(nbformat.read(path, as_version=4)), folder / path.name)

    # What JupyterLab opens: a tab for each notebook, the first one in front.
    tabs = [f"notebook:{path.name}" for path in paths]
    dock = {"type": "tab-area", "currentIndex": 0, "widgets": tabs}
    layout = {"main": {"dock": dock, "current": tabs[0]}, "left": {"collapsed": True}}
    opened = {
        f"notebook:{path.name}": {"data": {"path": path.name, "factory": "Notebook"}}
        for path in paths
    }
    workspace = {
        "data": {"layout-restorer:data": layout, **opened},
        "metadata": {"id": name},
    }
    settings = folder / ".jupyter"
    for place, text in SETTINGS.items():
        (settings / place).parent.mkdir(parents=True, exist_ok=True)
        (settings / place).write_text(text, encoding="utf-8")
    WorkspacesManager(str(settings)).save(name, json.dumps(workspace))


def main(arguments: Sequence[str]) -> None:
    """Prepare a talk's notebooks, and start JupyterLab on them."""
    name, *flags = arguments
    name = f"lecture{name}" if name.isdigit() else name
    folder = ROOT / "my" / f"live-{name}"
    try:
        prepare(name, folder)
    except ValueError as error:
        sys.exit(f"{error}")

    os.environ["JUPYTER_CONFIG_DIR"] = str(folder / ".jupyter")
    command = [
        *(sys.executable, "-m", "jupyterlab", str(folder)),
        "--custom-css",
        f"--LabApp.workspaces_dir={folder / '.jupyter'}",
        f"--LabApp.default_url=/lab/workspaces/{name}",
        "--ServerApp.ip=127.0.0.1",
        *flags,
    ]
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main(sys.argv[1:])
