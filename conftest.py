"""For all tests, those of notebooks included: no network, and nbval taught about widgets."""

import os
import runpy
from pathlib import Path

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
