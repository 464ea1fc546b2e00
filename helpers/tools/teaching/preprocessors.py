"""What nbgrader does with a notebook while it marks; `nbgrader_config.py` of a course names these.

nbgrader gives all points to a test that has no output. So the notebook that is marked is rebuilt
from the released one, and a test without a verdict counts 0.
"""

import re
import subprocess
import time
from pathlib import Path
from typing import Any

from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbformat import NotebookNode, v4
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    Execute,
    IgnorePattern,
    LimitOutput,
    NbGraderPreprocessor,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)

from helpers.tools.teaching.rebuilding import left_out, rebuilt
from helpers.tools.teaching.released import released, rules

# One submission may take so long; the reference's takes a tenth of it.
SECONDS = 150

NO_VERDICT = "NoVerdict"


class OutOfTime(RuntimeError):  # noqa: N818  it is the submission's fault, not the program's
    """A submission takes longer than all others together may wait for it."""


class Rebuild(NbGraderPreprocessor):
    """Puts the student's answers and cells into the released notebook."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """A notebook whose tests, points, tags and kernel are the course's."""
        # nbgrader works in the folder of the course.
        homework = released(Path.cwd(), resources["nbgrader"]["assignment"])
        return rebuilt(homework, nb), resources


class Run(Execute):
    """Runs what is needed for the marks, against the clock."""

    def preprocess(self, nb: NotebookNode, resources: Any, *more: Any) -> tuple[NotebookNode, Any]:
        """The notebook with the outputs of the cells that were run."""
        homework = released(Path.cwd(), resources["nbgrader"]["assignment"])
        self.left_out = left_out(homework, nb)
        self.ends = time.monotonic() + SECONDS
        return super().preprocess(nb, resources, *more)

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> Any:
        """The cell with its outputs; one that only shows something is left as it is."""
        if cell.get("id") in self.left_out:
            return cell, resources
        if time.monotonic() > self.ends:
            raise OutOfTime(f"it was not through after {SECONDS} s")
        return super().preprocess_cell(cell, resources, index)

    def setup_kernel(self, **options: Any) -> Any:
        """The kernel; what it and the student's programs say beside the notebook is dropped."""
        return super().setup_kernel(stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options)


class Verdicts(NbGraderPreprocessor):
    """Makes an error of each test that has not printed its verdict and said its points."""

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> Any:
        """The cell, with an error as its output if nobody can tell what it is worth."""
        is_test = cell.cell_type == "code" and rules(cell).get("grade")
        if is_test and not _has_failed(cell) and not _is_verdict(cell):
            sentence = "the test printed no verdict"
            cell.outputs = [v4.new_output("error", ename=NO_VERDICT, evalue=sentence, traceback=[])]
        return cell, resources


def _has_failed(cell: NotebookNode) -> bool:
    return any(output.output_type == "error" for output in cell.outputs)


def _is_verdict(cell: NotebookNode) -> bool:
    """Whether a test was run, printed a line about its exercise, and ended with one number."""
    printed = "".join(o.text for o in cell.outputs if o.get("name") == "stdout")
    ends = [o for o in cell.outputs if o.output_type == "execute_result"]
    id = str(cell.metadata.get("exercise"))
    if cell.execution_count is None or not printed.startswith(f"{id} ") or len(ends) != 1:
        return False

    number = ends[0].data.get("text/plain", "")
    is_number = re.fullmatch(r"\d+(\.\d+)?", number) is not None
    return is_number and float(number) <= float(rules(cell)["points"])


# What nbgrader does by itself, with ours where they belong.
SANITIZE = [
    Rebuild,
    ClearOutput,
    DeduplicateIds,
    OverwriteKernelspec,
    OverwriteCells,
    CheckCellMetadata,
]
AUTOGRADE = [
    Run,
    Verdicts,
    IgnorePattern,
    ClearMetadataPreprocessor,
    LimitOutput,
    SaveAutoGrades,
    AssignLatePenalties,
    CheckCellMetadata,
]
