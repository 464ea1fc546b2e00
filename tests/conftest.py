"""For all tests: no network, and nbval taught about Output widgets."""

import os
import runpy
from pathlib import Path

from nbval.plugin import IPyNbFile

# Kernels are processes of their own: they find the block on their PYTHONPATH, this process runs it here.
OFFLINE = Path(__file__).parent / "offline"
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(OFFLINE), os.environ.get("PYTHONPATH")]))
runpy.run_path(str(OFFLINE / "sitecustomize.py"))

next_message = IPyNbFile.get_kernel_message


def get_kernel_message(self, timeout=None, stream="iopub"):
    """Leave out what an Output widget captures: JupyterLab shows it inside the widget, not among the cell's outputs.

    The widget asks for it by setting its state `msg_id` to the request whose output it wants.
    """
    captured = self.__dict__.setdefault("captured_requests", {})  # widget -> request
    while True:
        message = next_message(self, timeout, stream)
        content = message["content"]
        state = content.get("data", {}).get("state", {}) if message["msg_type"].startswith("comm_") else {}
        if "msg_id" in state:
            captured[content["comm_id"]] = state["msg_id"]
        is_output = message["msg_type"] in ("stream", "display_data", "execute_result", "error", "clear_output")
        if not (is_output and message["parent_header"].get("msg_id") in filter(None, captured.values())):
            return message


IPyNbFile.get_kernel_message = get_kernel_message
