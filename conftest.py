"""For all tests, those of notebooks included: no network, and nbval taught about widgets and their controls."""

import os
import re
import runpy
from pathlib import Path

import pytest
from nbval.plugin import IPyNbFile

# Kernels are processes of their own: they find the block on their PYTHONPATH, this process runs it here.
OFFLINE = Path(__file__).parent / "tests" / "offline"
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(OFFLINE), os.environ.get("PYTHONPATH")]))
runpy.run_path(str(OFFLINE / "sitecustomize.py"))

next_message = IPyNbFile.get_kernel_message


def get_kernel_message(self, timeout=None, stream="iopub"):
    """Leave out widgets, which are not saved, and what an Output widget captures, which JupyterLab shows inside it.

    An Output widget asks for the capture by setting its state `msg_id` to the request whose output it wants.
    """
    captured = self.__dict__.setdefault("captured_requests", {})  # widget -> request
    while True:
        message = next_message(self, timeout, stream)
        kind, content = message["msg_type"], message["content"]
        if kind.startswith("comm_"):
            state = content["data"].get("state", {})
            if "msg_id" in state:
                captured[content["comm_id"]] = state["msg_id"]
        is_output = kind in ("stream", "display_data", "execute_result", "error", "clear_output")
        is_captured = message["parent_header"].get("msg_id") in filter(None, captured.values())
        is_widget = "application/vnd.jupyter.widget-view+json" in content.get("data", {})
        if not is_output or not (is_captured or is_widget):
            return message


IPyNbFile.get_kernel_message = get_kernel_message


class Controls(pytest.Item):
    """One more test of a notebook, after its last cell and in the kernel that has run them: each control of its widgets
    goes through its range."""

    def runtest(self):
        code = (f"import sys; sys.path.insert(0, {str(OFFLINE.parent)!r}); import drive; from helpers import plots\n"
                "_panels = drive.panels(); _wrong = drive.every_control(_panels, plots.unreadable)[0]\n"
                "assert not _wrong, '\\n'.join(_wrong)")
        reply = self.parent.kernel.kc.execute_interactive(
            code, silent=True, allow_stdin=False, timeout=self.config.option.nbval_cell_timeout,
            user_expressions={"panels": "len(_panels)"}, output_hook=lambda message: None)["content"]
        assert reply["status"] == "ok", reply.get("evalue") or reply
        source = "\n".join(cell.source for cell in self.parent.nb.cells if cell.cell_type == "code")
        found = int(reply["user_expressions"]["panels"]["data"]["text/plain"])
        assert found >= len(re.findall(r"^ *explore\(", source, re.MULTILINE)), f"only {found} widgets were found"

    def repr_failure(self, excinfo):
        return str(excinfo.value)

    def reportinfo(self):
        return self.path, 0, f"{self.path.name}::controls"


cells = IPyNbFile.collect


def collect(self):
    yield from cells(self)
    yield Controls.from_parent(self, name="controls")


IPyNbFile.collect = collect
