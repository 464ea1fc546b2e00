"""For all tests, those of notebooks included: no network, and nbval taught about widgets."""

import importlib.util
import os
import runpy
from pathlib import Path

import pytest
from nbval.plugin import IPyNbFile

from run_notebooks import WIDGET, calls, only_widget

TESTS = Path(__file__).parent / "tests"

# Kernels are processes of their own: they find the block on their PYTHONPATH; here it is run.
OFFLINE = TESTS / "offline"
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(OFFLINE), os.environ.get("PYTHONPATH")])
)
runpy.run_path(str(OFFLINE / "sitecustomize.py"))

# What nbgrader calls is made from its classes, and it is an extra.
if importlib.util.find_spec("nbgrader") is None:
    collect_ignore = ["helpers/tools/teaching/preprocessors.py"]

# What the kernel runs after the last cell of a notebook.
DRIVE = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
import drive
from helpers import legibility
_panels = drive.panels()
_wrong = drive.every_control(_panels, legibility.unreadable)[0]
assert not _wrong, "\\n".join(_wrong)
"""


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """What nbval collects as a notebook becomes one of our `Notebook`s."""
    found = yield
    return [
        Notebook.from_parent(parent, path=file_path) if isinstance(one, IPyNbFile) else one
        for one in found
    ]


class Notebook(IPyNbFile):
    """A notebook as nbval tests it, with two differences, both about widgets."""

    def get_kernel_message(self, timeout=None, stream="iopub"):
        """The next message that shows more than a widget, without its widget.

        nbval counts a widget among the outputs of its cell, by its text. But widgets are not saved
        in our notebooks, only what stands in their place. (It would count what an Output widget
        captures as well; the notebooks have none, as test_reading.py asks.)
        """
        while True:
            message = super().get_kernel_message(timeout, stream)
            data = message["content"].get("data", {})
            if not only_widget(data):
                data.pop(WIDGET, None)
                return message

    def collect(self):
        """The cells, and then the controls, in the kernel that has run the cells."""
        yield from super().collect()
        yield Controls.from_parent(self, name="controls")


class Controls(pytest.Item):
    """One more test of a notebook: each control of its widgets goes through its range."""

    def runtest(self):
        reply = self.parent.kernel.kc.execute_interactive(
            DRIVE,
            silent=True,
            allow_stdin=False,
            timeout=self.config.option.nbval_cell_timeout,
            user_expressions={"panels": "len(_panels)"},
            output_hook=lambda message: None,
        )["content"]
        assert reply["status"] == "ok", reply.get("evalue") or reply

        # Without this, a widget that was not found would not be missed.
        found = int(reply["user_expressions"]["panels"]["data"]["text/plain"])
        wanted = len(calls(self.parent.nb, "explore"))
        assert found >= wanted, f"only {found} of {wanted} widgets were found"

    def repr_failure(self, excinfo):
        """The sentences alone: where in this file they were raised helps nobody."""
        return str(excinfo.value)

    def reportinfo(self):
        return self.path, 0, f"{self.path.name}::controls"
