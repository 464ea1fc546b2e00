"""Every notebook in a real browser: JupyterLab on this machine, Chromium, and nothing but the keyboard. `make test-all` runs it.

Where Playwright or Chromium is missing these tests are skipped, except under CI, where that is a failure.
"""

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

import nbformat
import pytest

import run_notebooks
from run_notebooks import ROOT

pytestmark = pytest.mark.browser
NAMES = [p.relative_to(ROOT / "notebooks").as_posix() for p in run_notebooks.notebooks()]
AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
RUN_SECONDS, ANSWER_SECONDS = 600, 40  # for all cells together, and for one press of a key
COMPARE = "for asked in globals().get('_asked', []):\n    asked.compare('A', *asked.options)"
WIDGET_CALL = r"(?<!def )(?<![.\w])(?:explore|predict|panel|quiz)\("

WIDGETS = ".jp-OutputArea-output > .jupyter-widgets"
CONTROLS = "[role='slider'], select"
PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(e => e.textContent.trim())"
CELL = "e => [...document.querySelectorAll('.jp-CodeCell')].indexOf(e.closest('.jp-CodeCell'))"
LABEL = "e => e.closest('.jupyter-widgets').querySelector('label').textContent.trim()"
VALUE = "e => e.getAttribute('aria-valuetext') ?? e.value"
ANSWER = "e => [...e.querySelectorAll('.widget-html-content')].map(e => e.textContent).join(' ').trim()"
PICTURE = "e => e.querySelector('.widget-html-content img')?.src ?? ''"
DRAWN = "e => [...e.querySelectorAll('img')].every(i => i.complete && i.naturalWidth > 50 && i.alt.length >= 20)"
IS_REACHED = "e => e === document.activeElement && e.tabIndex >= 0"
IS_BLANK = "e => e.getBoundingClientRect().height < 20 || !(e.textContent.trim() || e.querySelector('img, input'))"


def need(found, what):
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"the notebooks are not tried in a browser: {what}")
    return found


@pytest.fixture(scope="module")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        need(False, "Playwright is missing (`make test-all` installs it)")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = need(next(filter(None, map(shutil.which, names)), None), f"there is none of {', '.join(names)}")
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=quiet + ["--no-sandbox"] * AS_ROOT)
        yield browser
        browser.close()


@pytest.fixture
def lab(tmp_path):
    """Starts JupyterLab on a notebook's copy without outputs, with nobody's settings: name -> (its cells, its address)."""
    servers = []

    def start(name):
        path = tmp_path / "notebooks" / name
        path.parent.mkdir(parents=True)
        (tmp_path / "data").symlink_to(ROOT / "data")
        notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
        code = [c for c in notebook.cells if c.cell_type == "code"]
        for cell in code:
            cell.outputs, cell.execution_count = [], None  # and keep each prediction under a name that no later cell takes
            for asked in re.findall(r"^(\w+) = predict\(", cell.source, re.MULTILINE):
                cell.source += f"\n_asked = [*globals().get('_asked', []), {asked}]"
        code.append(nbformat.v4.new_code_cell(COMPARE))
        notebook.cells.append(code[-1])
        nbformat.write(notebook, path)
        news = tmp_path / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
        news.parent.mkdir(parents=True)
        news.write_text('{"fetchNews": "false"}')  # or a pop-up asks whether it may fetch them
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        token, log = secrets.token_hex(), tmp_path / "lab.log"
        folders = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": "ipython",
                   "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
             f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={tmp_path / 'notebooks'}"]
            + ["--allow-root"] * AS_ROOT, stdout=log.open("w"), stderr=subprocess.STDOUT,
            env={**os.environ, **{variable: str(tmp_path / folder) for variable, folder in folders.items()}})
        servers.append(server)
        address, end = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{address}/api?token={token}", timeout=5).close()
                return [c.source for c in code], f"{address}/doc/tree/{name}?token={token}"
            except urllib.error.URLError:
                assert server.poll() is None and time.monotonic() < end, f"JupyterLab did not start: {log.read_text()}"
                time.sleep(0.1)

    yield start
    for server in servers:
        server.terminate()  # its kernels end with it
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


class Visit:
    """A notebook open in the browser, and what was found wrong with it: each a sentence and a screenshot."""

    def __init__(self, page, sources, folder):
        self.page, self.sources, self.folder, self.complaints = page, sources, folder, []
        page.on("request", lambda r: self.expect(re.match("(http|ws)://127[.]|data:|blob:", r.url), f"it asks for {r.url}"))

    def expect(self, found, sentence):
        if not found:
            self.complaints.append(f"{sentence} ({len(self.complaints) + 1}.png)")
            self.page.screenshot(path=self.folder / f"{len(self.complaints)}.png")
        return found

    def until(self, condition, seconds=ANSWER_SECONDS):
        """Whether the condition comes true in this time."""
        end = time.monotonic() + seconds
        while not (found := condition()) and time.monotonic() < end:
            self.page.wait_for_timeout(50)
        return found

    def all(self, selector):
        return self.page.locator(selector).all()

    def prompts(self):
        return self.page.evaluate(PROMPTS)

    def press(self, control, *keys):
        """Give a control the keyboard, and press these keys."""
        control.focus()
        self.expect(control.evaluate(IS_REACHED), f"cell {control.evaluate(CELL)}: the keyboard cannot reach a control")
        for key in keys:
            self.page.keyboard.press(key)

    def run_all(self):
        self.until(lambda: len(self.prompts()) == len(self.sources))  # the page builds its cells one by one
        self.page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=60_000)
        self.page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
        self.page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()
        self.until(lambda: self.prompts()[0] != "[ ]:")
        self.until(lambda: "[*]:" not in self.prompts(), RUN_SECONDS)
        self.expect(self.prompts() == [f"[{i + 1}]:" for i in range(len(self.sources))], f"it ran only {self.prompts()}")

    def look(self):
        """Every widget is there and none is blank."""
        calls = len(re.findall(WIDGET_CALL, "\n".join(self.sources)))
        self.expect(self.until(lambda: len(self.all(WIDGETS)) >= calls), f"not all of its {calls} widgets are there")
        for widget in self.all(WIDGETS):
            if widget.evaluate("e => e.style.display") != "none":  # a progress bar that is done
                widget.scroll_into_view_if_needed()
                where = f"cell {widget.evaluate(CELL)}"
                self.expect(self.until(lambda: not widget.evaluate(IS_BLANK)), f"{where}: a blank widget")
                self.expect(self.until(lambda: widget.evaluate(DRAWN)), f"{where}: a picture that is broken or has no text")

    def turn(self, widget, control):
        """A step changes the picture, the step back brings it back, the far end changes it again."""
        where = f"cell {widget.evaluate(CELL)}, {control.evaluate(LABEL)!r}"
        self.expect(control.evaluate(LABEL), f"{where}: a control without a label")
        picture, value = lambda: widget.evaluate(PICTURE), lambda: control.evaluate(VALUE)
        first, start = picture(), value()
        keys = [("ArrowRight",), ("ArrowLeft",), ("End",), ("Home",)]
        if control.evaluate("e => e.tagName") == "SELECT":  # closed, a menu leaves the arrow keys to JupyterLab
            keys = [("Space", key, "Enter") for key in ("ArrowDown", "ArrowUp", "End", "Home")]
        up, down, end, home = keys
        self.press(control, *up)
        if not self.until(lambda: value() != start, 2):  # it stands at its end
            up, down, end = down, up, home
            self.press(control, *up)
        if not self.expect(self.until(lambda: value() != start), f"{where}: its keys do not move it"):
            return
        steps = 1
        while not self.until(lambda: picture() not in ("", first), 5) and steps < 4:  # two values may look alike
            self.press(control, *up)
            steps += 1
        self.expect(self.until(lambda: picture() not in ("", first)), f"{where}: nothing changes from {start} to {value()}")
        for _ in range(steps):
            self.press(control, *down)
        self.expect(self.until(lambda: picture() == first), f"{where}: back at {value()}, another picture")
        self.press(control, *end)
        self.expect(self.until(lambda: picture() not in ("", first)), f"{where}: nothing changes from {start} to {value()}")
        self.expect(self.until(lambda: widget.evaluate(DRAWN)), f"{where}: a picture that is broken or has no text")

    def commit(self, widget):
        """Choose B and commit to it."""
        cell = widget.evaluate(CELL)
        self.press(widget.locator(".widget-toggle-button").nth(1), "Space")
        commit = widget.locator(".widget-button", has_text="Commit")
        self.expect(self.until(commit.is_enabled), f"cell {cell}: a choice does not open Commit")
        self.press(commit, "Enter")
        self.expect(self.until(lambda: re.match("You (expect|chose) B", widget.evaluate(ANSWER))), f"cell {cell}: no answer")

    def compare(self):
        """Run the last cell again: it compares each prediction."""
        last, before = self.page.locator(".jp-CodeCell").last, self.prompts()[-1]
        last.locator(".jp-InputPrompt").click()
        self.page.keyboard.press("Control+Enter")
        self.until(lambda: self.prompts()[-1] not in (before, "[*]:"))
        asked = sum(s.count("\n_asked = ") for s in self.sources)
        self.expect(self.until(lambda: last.text_content().count("You expected B. ") == asked), "a prediction is not answered")

    def ask(self, widget):
        """Press an exercise's buttons from left to right: each is answered, Check by a verdict."""
        for button in widget.locator(".widget-button").all():
            before, what = widget.evaluate(ANSWER), button.get_attribute("title")
            if self.expect(button.evaluate("e => e.style.display !== 'none'"), f"{what}: is not there"):
                self.press(button, "Enter")
                self.expect(self.until(lambda: widget.evaluate(ANSWER) not in ("", before)), f"{what}: no answer")
                if what.startswith("Check"):
                    self.expect(re.match(r"[\d.]+ (holds|fails|not attempted)", widget.evaluate(ANSWER)), f"{what}: no verdict")

    def errors(self):
        for kind in ("stderr", "error"):
            for output in self.all(f".jp-OutputArea-output[data-mime-type$='jupyter.{kind}']"):
                self.expect(False, f"cell {output.evaluate(CELL)}: {output.text_content()[:200]}")
        for bold in self.all(".widget-html-content b"):  # so `panel` tells of an exception
            self.expect(not re.match(r"\w+: ", bold.text_content()), f"cell {bold.evaluate(CELL)}: {bold.text_content()}")
        for output in self.all(".jp-OutputArea-output"):
            raw = re.search(r"(VBox|HBox|interactive)\(|Error displaying widget|Loading widget", output.text_content())
            self.expect(not raw, f"cell {output.evaluate(CELL)} shows {raw and raw[0]!r}")


@pytest.mark.parametrize("name", NAMES)
def test_every_control_answers_to_the_keyboard(name, browser, lab, tmp_path):
    sources, address = lab(name)
    page = browser.new_page(viewport={"width": 1250, "height": 1000})
    visit = Visit(page, sources, tmp_path)
    try:
        page.goto(address)
        visit.run_all()
        visit.look()
        visit.errors()
        for widget in visit.all(WIDGETS):
            for control in widget.locator(CONTROLS).all():
                visit.turn(widget, control)
        for widget in visit.all(f"{WIDGETS}:has([title^='Check'])"):
            visit.ask(widget)
        for widget in visit.all(f"{WIDGETS}:has(.widget-toggle-buttons)"):
            visit.commit(widget)
        visit.compare()
        visit.errors()
    except Exception as error:  # so that this too leaves a screenshot
        visit.expect(False, f"{type(error).__name__}: {str(error).splitlines()[0]}")
    page.close()
    assert not visit.complaints, "\n".join([f"screenshots are in {tmp_path}", *visit.complaints])
