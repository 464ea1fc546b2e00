"""Every notebook in a real browser: JupyterLab on this machine, Chromium, nothing but the keyboard.

`make test-all` runs it. Where Playwright or Chromium is missing these tests are skipped, except
under CI, where that is a failure.
"""

import ast
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode, v4

import run_notebooks
from run_notebooks import ROOT, called_name, code_cells

pytestmark = pytest.mark.browser
NAMES = [p.relative_to(ROOT / "notebooks").as_posix() for p in run_notebooks.notebooks()]
AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0

RUN_SECONDS = 600  # for all cells together
ANSWER_SECONDS = 40  # for one press of a key
START_SECONDS = 60  # for JupyterLab

# The last cell, which is not the notebook's: it compares every prediction.
COMPARE = "for asked in globals().get('_asked', []):\n    asked.compare()"
KEEP = "\n_asked = [*globals().get('_asked', []), {}]"

# Where things are in JupyterLab's page.
WIDGETS = ".jp-OutputArea-output > .jupyter-widgets"
CONTROLS = "[role='slider'], select"
IDLE = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'

# What is asked of an element there, in JavaScript.
PROMPTS = (
    "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(e => e.textContent.trim())"
)
CELL = "e => [...document.querySelectorAll('.jp-CodeCell')].indexOf(e.closest('.jp-CodeCell'))"
LABEL = "e => e.closest('.jupyter-widgets').querySelector('label').textContent.trim()"
VALUE = "e => e.getAttribute('aria-valuetext') ?? e.value"
ANSWER = """
    e => [...e.querySelectorAll('.widget-html-content')].map(e => e.textContent).join(' ').trim()
"""
PICTURE = "e => e.querySelector('.widget-html-content img')?.src ?? ''"
DRAWN = """
    e => [...e.querySelectorAll('img')].every(
        i => i.complete && i.naturalWidth > 50 && i.alt.length >= 20
    )
"""
IS_REACHED = "e => e === document.activeElement && e.tabIndex >= 0"
IS_BLANK = """
    e => e.getBoundingClientRect().height < 20
        || !(e.textContent.trim() || e.querySelector('img, input'))
"""
IS_SHOWN = "e => e.style.display !== 'none'"


# The browser and the server


def need(found, what):
    """What was found, if anything; else the test ends, under CI with a failure."""
    if not found:
        end = pytest.fail if os.environ.get("CI") else pytest.skip
        end(f"the notebooks are not tried in a browser: {what}")
    return found


@pytest.fixture(scope="module")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        need(False, "Playwright is missing (`make test-all` installs it)")

    names = ("chromium", "chromium-browser", "google-chrome")
    found = [path for path in map(shutil.which, names) if path]
    path = need(found, f"there is none of {', '.join(names)}")[0]

    # A browser that asks nobody but the page for anything.
    quiet = [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    if AS_ROOT:
        quiet.append("--no-sandbox")

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=quiet)
        yield browser
        browser.close()


def is_plain(call: ast.Call, *names: str) -> bool:
    """Whether a function is called by one of these names alone: `predict(…)`, not a regressor's."""
    return isinstance(call.func, ast.Name) and called_name(call) in names


def predictions(source: str) -> list[str]:
    """The names to which a cell assigns what `predict` returns."""
    statements = run_notebooks.parsed(source, "the cell").body
    assignments = [s for s in statements if isinstance(s, ast.Assign)]

    names = []
    for assignment in assignments:
        if isinstance(assignment.value, ast.Call) and is_plain(assignment.value, "predict"):
            names += [name.id for name in assignment.targets if isinstance(name, ast.Name)]

    return names


def as_if_never_run(notebook: NotebookNode) -> NotebookNode:
    """The notebook without outputs, with one more cell that compares all its predictions."""
    for cell in notebook.cells:
        cell.metadata.pop(run_notebooks.FOLDED, None)  # what is folded shows no widget
    for cell in code_cells(notebook):
        cell.outputs = []
        cell.execution_count = None

        # Each prediction is kept under a name that no later cell takes.
        for name in predictions(cell.source):
            cell.source += KEEP.format(name)

    notebook.cells.append(v4.new_code_cell(COMPARE))
    return notebook


def start_jupyterlab(folder: Path, port: int, token: str) -> subprocess.Popen:
    """JupyterLab on the notebooks in this folder, with nobody's settings."""
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder / 'notebooks'}",
    ]
    if AS_ROOT:
        command.append("--allow-root")

    # Nothing of the user's own configuration is read, and nothing is left behind in it.
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    environment = os.environ | {name: str(folder / path) for name, path in folders.items()}

    # Otherwise a pop-up asks whether it may fetch the news.
    apputils = folder / "settings" / "@jupyterlab" / "apputils-extension"
    apputils.mkdir(parents=True)
    (apputils / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false"}', encoding="utf-8"
    )

    with (folder / "lab.log").open("w", encoding="utf-8") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)


def wait_for(server: subprocess.Popen, address: str, log: Path) -> None:
    """Return when the server answers at this address."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except urllib.error.URLError:
            running = server.poll() is None and time.monotonic() < end
            assert running, f"JupyterLab did not start: {log.read_text(encoding='utf-8')}"
            time.sleep(0.1)


@pytest.fixture
def lab(tmp_path):
    """Starts JupyterLab on a notebook's copy: name -> (the copy, its address)."""
    servers = []

    def start(name: str) -> tuple[NotebookNode, str]:
        path = tmp_path / "notebooks" / name
        path.parent.mkdir(parents=True)
        notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
        nbformat.write(as_if_never_run(notebook), path)

        # A port that is free now is taken before the server comes to it only by bad luck.
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        token = secrets.token_hex()
        address = f"http://127.0.0.1:{port}"

        servers.append(start_jupyterlab(tmp_path, port, token))
        wait_for(servers[-1], f"{address}/api?token={token}", tmp_path / "lab.log")
        return notebook, f"{address}/doc/tree/{name}?token={token}"

    yield start

    # The kernels end with their server.
    for server in servers:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


# A visitor


class Visit:
    """A notebook open in the browser, and what is wrong with it: sentences with a screenshot."""

    def __init__(self, page, notebook: NotebookNode, folder: Path):
        self.page = page
        self.notebook = notebook
        self.folder = folder
        self.complaints: list[str] = []
        page.on("request", self.expect_here)

    def expect_here(self, request) -> None:
        """Nothing is fetched from elsewhere."""
        here = re.match("(http|ws)://127[.]|data:|blob:", request.url)
        self.expect(here, f"it asks for {request.url}")

    def expect(self, found, sentence: str):
        """What was found; if that is nothing, the sentence becomes a complaint."""
        if not found:
            self.complaints.append(f"{sentence} ({len(self.complaints) + 1}.png)")
            self.page.screenshot(path=self.folder / f"{len(self.complaints)}.png")
        return found

    def until(self, condition: Callable[[], bool], seconds: float = ANSWER_SECONDS) -> bool:
        """Whether the condition comes true in this time."""
        end = time.monotonic() + seconds
        found = condition()
        while not found and time.monotonic() < end:
            self.page.wait_for_timeout(50)
            found = condition()

        return found

    def all(self, selector: str) -> list:
        return self.page.locator(selector).all()

    def prompts(self) -> list[str]:
        """What stands before each code cell: [ ]:, [*]: while it runs, then its number."""
        return self.page.evaluate(PROMPTS)

    def press(self, control, *keys: str) -> None:
        """Give a control the keyboard, and press these keys."""
        control.focus()
        where = f"cell {control.evaluate(CELL)}"
        self.expect(control.evaluate(IS_REACHED), f"{where}: the keyboard cannot reach a control")

        for key in keys:
            self.page.keyboard.press(key)

    def run_all(self) -> None:
        """Every cell, by the menu."""
        cells = len(code_cells(self.notebook))

        # The page builds its cells one by one, and its kernel takes a while to start.
        self.until(lambda: len(self.prompts()) == cells)
        self.page.wait_for_selector(IDLE, timeout=60_000)

        self.page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
        self.page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()

        # It has begun, then it has ended.
        self.until(lambda: self.prompts()[0] != "[ ]:")
        self.until(lambda: "[*]:" not in self.prompts(), RUN_SECONDS)

        # A folded cell shows no number; those behind it tell that it has run.
        folded = [
            cell.metadata.get("jupyter", {}).get("source_hidden", False)
            for cell in code_cells(self.notebook)
        ]
        run = ["" if fold else f"[{number}]:" for number, fold in enumerate(folded, start=1)]
        self.expect(self.prompts() == run, f"it ran only {self.prompts()}")

    # What is there

    def look(self) -> None:
        """Every widget is there and none is blank."""
        names = ("explore", "predict", "panel", "quiz")
        calls = run_notebooks.calls(self.notebook, *names)
        count = sum(is_plain(call, *names) for call in calls)

        there = self.until(lambda: len(self.all(WIDGETS)) >= count)
        self.expect(there, f"not all of its {count} widgets are there")

        # A progress bar that is done hides itself.
        for widget in self.all(WIDGETS):
            if widget.evaluate(IS_SHOWN):
                self.look_at(widget)

    def look_at(self, widget) -> None:
        """It has something in it, and its pictures are whole and have a text."""
        widget.scroll_into_view_if_needed()
        where = f"cell {widget.evaluate(CELL)}"
        self.expect(self.until(lambda: not widget.evaluate(IS_BLANK)), f"{where}: a blank widget")
        self.expect_drawn(widget, where)

    def expect_drawn(self, widget, where: str) -> None:
        drawn = self.until(lambda: widget.evaluate(DRAWN))
        self.expect(drawn, f"{where}: a picture that is broken or has no text")

    def errors(self) -> None:
        """Nothing went wrong that a reader would see."""
        # What a cell says to be an error or a warning.
        for kind in ("stderr", "error"):
            for output in self.all(f".jp-OutputArea-output[data-mime-type$='jupyter.{kind}']"):
                self.expect(False, f"cell {output.evaluate(CELL)}: {output.text_content()[:200]}")

        # In bold, `panel` tells of an exception in the function that draws.
        for bold in self.all(".widget-html-content b"):
            exception = re.match(r"(?!Predict: )\w+: ", bold.text_content())
            self.expect(not exception, f"cell {bold.evaluate(CELL)}: {bold.text_content()}")

        # A widget that the page could not build shows its Python name, or that it is still loading.
        unbuilt = r"(VBox|HBox|Panel|interactive)\(|Error displaying widget|Loading widget"
        for output in self.all(".jp-OutputArea-output"):
            raw = re.search(unbuilt, output.text_content())
            self.expect(not raw, f"cell {output.evaluate(CELL)} shows {raw and raw[0]!r}")

    # What answers

    def turn(self, widget, control) -> None:
        """A step changes the picture, the step back restores it, the far end changes it again."""
        where = f"cell {widget.evaluate(CELL)}, {control.evaluate(LABEL)!r}"
        self.expect(control.evaluate(LABEL), f"{where}: a control without a label")
        first = widget.evaluate(PICTURE)
        start = control.evaluate(VALUE)

        def value() -> str:
            return control.evaluate(VALUE)

        def moved() -> bool:
            return value() != start

        def changed() -> bool:
            return widget.evaluate(PICTURE) not in ("", first)

        def restored() -> bool:
            return widget.evaluate(PICTURE) == first

        # One step: upwards, or downwards where the control stands at its upper end.
        up, down, end, home = self.keys(control)
        self.press(control, *up)
        if not self.until(moved, 2):
            up, down, end = down, up, home
            self.press(control, *up)
        if not self.expect(self.until(moved), f"{where}: its keys do not move it"):
            return

        # Two values may look alike, so there may be a few more steps.
        steps = 1
        while not self.until(changed, 5) and steps < 4:
            self.press(control, *up)
            steps += 1
        found = self.until(changed)
        self.expect(found, f"{where}: nothing changes from {start} to {value()}")

        # The same steps back.
        for _ in range(steps):
            self.press(control, *down)
        found = self.until(restored)
        self.expect(found, f"{where}: back at {value()}, another picture")

        # All the way.
        self.press(control, *end)
        found = self.until(changed)
        self.expect(found, f"{where}: nothing changes from {start} to {value()}")
        self.expect_drawn(widget, where)

    @staticmethod
    def keys(control) -> list[tuple[str, ...]]:
        """The keys that move a control up, down, to its upper and to its lower end."""
        # Closed, a menu leaves the arrow keys to JupyterLab.
        if control.evaluate("e => e.tagName") == "SELECT":
            return [("Space", key, "Enter") for key in ("ArrowDown", "ArrowUp", "End", "Home")]

        return [("ArrowRight",), ("ArrowLeft",), ("End",), ("Home",)]

    def commit(self, widget) -> None:
        """Choose B and commit to it."""
        # Before a choice there is nothing to commit to.
        where = f"cell {widget.evaluate(CELL)}"
        self.press(widget.locator("input[type=radio]").nth(1), "Space")

        commit = widget.locator(".widget-button", has_text="Commit")
        self.expect(self.until(commit.is_enabled), f"{where}: a choice does not open Commit")
        self.press(commit, "Enter")

        def answered() -> bool:
            return bool(re.search("You (expect|chose) B", widget.evaluate(ANSWER)))

        self.expect(self.until(answered), f"{where}: no answer")
        self.expect(commit.evaluate(IS_REACHED), f"{where}: Commit has lost the keyboard")

    def compare(self) -> None:
        """Run the last cell again: it compares each prediction."""
        last = self.page.locator(".jp-CodeCell").last
        before = self.prompts()[-1]
        last.locator(".jp-InputPrompt").click()
        self.page.keyboard.press("Control+Enter")
        self.until(lambda: self.prompts()[-1] not in (before, "[*]:"))

        asked = sum(len(predictions(cell.source)) for cell in code_cells(self.notebook))
        found = self.until(lambda: last.text_content().count("You expected B. ") == asked)
        self.expect(found, "a prediction is not answered")

    def ask(self, widget) -> None:
        """Press an exercise's buttons from left to right."""
        for button in widget.locator(".widget-button").all():
            self.ask_by(widget, button)

    def ask_by(self, widget, button) -> None:
        """One button of an exercise: it is there and answers, Check by a verdict."""
        before = widget.evaluate(ANSWER)
        what = button.get_attribute("title")
        if not self.expect(button.evaluate(IS_SHOWN), f"{what}: is not there"):
            return

        self.press(button, "Enter")
        answered = self.until(lambda: widget.evaluate(ANSWER) not in ("", before))
        self.expect(answered, f"{what}: no answer")

        # The stub of an exercise is not attempted, a filled one holds or fails.
        if what.startswith("Check"):
            verdict = r"[\d.]+[ab]? (holds|fails|not attempted)"
            self.expect(re.match(verdict, widget.evaluate(ANSWER)), f"{what}: no verdict")


@pytest.mark.parametrize("name", NAMES)
def test_every_control_answers_to_the_keyboard(name, browser, lab, tmp_path):
    notebook, address = lab(name)
    page = browser.new_page(viewport={"width": 1250, "height": 1000})
    visit = Visit(page, notebook, tmp_path)

    try:
        # What a reader finds.
        page.goto(address)
        visit.run_all()
        visit.look()
        visit.errors()

        # What a reader does.
        for widget in visit.all(WIDGETS):
            for control in widget.locator(CONTROLS).all():
                visit.turn(widget, control)
        for widget in visit.all(f"{WIDGETS}:has([title^='Check'])"):
            visit.ask(widget)
        for widget in visit.all(f"{WIDGETS}:has(input[type=radio])"):
            visit.commit(widget)
        visit.compare()
        visit.errors()

    # So that this too leaves a screenshot.
    except Exception as error:
        visit.expect(False, f"{type(error).__name__}: {str(error).splitlines()[0]}")

    page.close()
    assert not visit.complaints, "\n".join([f"screenshots are in {tmp_path}", *visit.complaints])
