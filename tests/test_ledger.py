import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import helpers
from helpers import installation, ledger, tables
from run_notebooks import ROOT

# Equations and claims


@pytest.mark.parametrize(
    "arguments, line",
    [
        (
            ("3.2", torch.tensor(1.23456789), 1.2345, 1e-3),
            "(3.2) holds: 1.23 == 1.23   (tolerance 0.001)",
        ),
        (
            ("1.1", 2 * math.pi, 2 * math.pi + 1e-13, 1e-10),
            "(1.1) holds: 6.283 == 6.283   (tolerance 1e-10)",
        ),
        (
            ("1.2", 12345.678, 99999.9, 1e-6, "<="),
            "(1.2) holds: 12350 <= 100000   (tolerance 1e-06)",
        ),
        (
            ("1.3", -1e-17, 0.0, 1e-12, "==", None, 1.0),
            "(1.3) holds: 0 == 0   (tolerance 1e-12)",
        ),
        (
            ("1.4", np.arange(6.0).reshape(2, 3), torch.arange(6.0).reshape(2, 3), 1e-12),
            "(1.4) holds: left == right, 6 values   (tolerance 1e-12)",
        ),
    ],
    ids=["a tensor", "four digits", "an inequality", "zero", "arrays"],
)
def test_an_equation_that_holds_prints_its_line(arguments, line, capsys):
    ledger.verify(*arguments)
    assert capsys.readouterr().out == line + "\n"


@pytest.mark.parametrize(
    "left, right, relation",
    [
        (1.0, 1.1, "=="),
        (1.1, 1.0, "<="),
        (math.nan, 1.0, "=="),
        (1.0, math.nan, "<="),
        (math.inf, 1.0, "<="),
        ([1.0, 2.0], [1.0, 2.5], "=="),
        ([math.nan], [math.nan], "=="),
    ],
)
def test_an_equation_that_does_not_hold_raises(left, right, relation, capsys):
    with pytest.raises(AssertionError, match="\\(9.9\\) does not hold"):
        ledger.verify("9.9", left, right, tolerance=0.01, relation=relation)
    assert capsys.readouterr().out == ""


def test_the_worst_place_of_an_array_is_named():
    with pytest.raises(AssertionError, match=r"2.0 against 2.5 at \(0, 1\)$"):
        ledger.verify("9.9", [[1.0, 2.0]], [[1.1, 2.5]], tolerance=0.01)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"left": 1.0, "right": [1.0, 1.0], "tolerance": 0.1}, "shapes"),
        ({"left": 1, "right": 1, "tolerance": 0}, "tolerance"),
        ({"left": 1, "right": 1, "tolerance": math.inf}, "tolerance"),
        ({"left": 1, "right": 1, "tolerance": 1, "relation": ">"}, "relation"),
    ],
)
def test_checks_that_could_not_fail_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ledger.verify("1.1", **arguments)


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, instead of being displayed: dicts from MIME type to text."""
    found = []
    monkeypatch.setattr(tables, "display", lambda data, raw: found.append(data))
    yield found
    ledger._claimed.clear()


def test_claims_that_hold_are_quiet_and_become_one_table(shown, capsys):
    ledger.claim("The score is high.", torch.tensor(0.47), low=0.4)
    ledger.claim("The error is small.", 0.1, high=0.25)
    ledger.claim("The rate is met.", 5.1, 4.75, 5.25)
    assert capsys.readouterr().out == ""
    assert not shown

    ledger.claims()
    (output,) = shown
    assert output["text/plain"].splitlines() == [
        ledger.CLAIMS,
        "                                   claimed     measured",
        "The score is high.            at least 0.4       ≈ 0.47",
        "The error is small.           at most 0.25        ≈ 0.1",
        "The rate is met.     between 4.75 and 5.25        ≈ 5.1",
    ]
    assert '<th scope="row">The rate is met.</th>' in output["text/html"]


def test_claims_are_shown_once(shown):
    ledger.claim("The score is high.", 0.47, low=0.4)
    ledger.claims()
    with pytest.raises(ValueError, match="nothing has been claimed"):
        ledger.claims()


@pytest.mark.parametrize("value", [0.39, math.nan])
def test_a_claim_that_does_not_hold_raises_with_its_value(value, capsys):
    with pytest.raises(AssertionError, match=f"claimed at least 0.4, found {value}"):
        ledger.claim("the score is high", value, low=0.4)
    assert capsys.readouterr().out == ""


# Near misses


def test_a_near_miss_is_told_and_must_fail(capsys):
    ledger.verify("1.1", 0.5, 0.5, 1e-9, near_misses={"without the ½": 1.0})
    assert capsys.readouterr().out == (
        "(1.1) holds: 0.5000 == 0.5000   (tolerance 1e-09)\n      without the ½: 1.000\n"
    )
    ledger.verify("1.2", [1.0, 2.0], [1.0, 2.0], 1e-9, near_misses={"swapped": [2.0, 1.0]})
    assert "      swapped: off by up to 1\n" in capsys.readouterr().out
    with pytest.raises(AssertionError, match=r"\(1.3\) does not notice the near miss 'the same'"):
        ledger.verify("1.3", 0.5, 0.5, 1e-9, near_misses={"the same": 0.5 + 1e-10})
    with pytest.raises(AssertionError, match="does not notice"):
        ledger.verify("1.4", 0.2, 0.5, 1e-9, "<=", near_misses={"the lower half": 0.3})


@pytest.mark.parametrize("wrong", [math.nan, math.inf, [0.5, 0.5]])
def test_a_near_miss_that_is_no_value_of_the_left_side_is_refused(wrong):
    with pytest.raises(ValueError, match="near miss 'x': it must be finite and of the shape"):
        ledger.verify("1.1", 0.5, 0.5, 1e-9, near_misses={"x": wrong})


@pytest.mark.parametrize(
    "left, tolerance, scale, notices",
    [
        (0.5, 0.004, None, True),
        (0.5, 0.006, None, False),
        (-0.5, 0.004, None, True),
        (0.0, 1e-9, None, False),
        (0.0, 1e-9, 1.0, True),
        (0.0, 0.02, 1.0, False),
        ([0.0, 0.5], 0.004, None, True),
        ([0.0, 0.0], 1e-9, None, False),
        ([0.0, 0.0], 1e-9, 1.0, True),
    ],
)
def test_an_equality_must_notice_a_hundredth(left, tolerance, scale, notices):
    if notices:
        ledger.verify("1.1", left, left, tolerance, scale=scale)
    else:
        with pytest.raises(AssertionError, match="a hundredth larger, so that it proves little"):
            ledger.verify("1.1", left, left, tolerance, scale=scale)


def test_a_claim_without_an_end_is_refused():
    with pytest.raises(ValueError, match="nothing could contradict"):
        ledger.claim("anything", 1.0)


# The doctor


def test_doctor_is_silent_when_all_is_well(capsys):
    installation.doctor()
    assert capsys.readouterr().out == ""


def test_doctor_names_missing_and_old_packages():
    needed = ["numpy>=999", "no-such-package>=1", "torch", "PyYAML>=999; extra == 'test'"]
    old, missing = installation.problems(needed, server=sys.prefix)
    assert "numpy" in old
    assert ">=999 is needed" in old
    assert "make lab" in old
    assert "no-such-package is missing" in missing


def test_doctor_names_files_that_hide_the_package(tmp_path):
    assert installation.problems([], tmp_path) == []
    (tmp_path / "helpers.py").touch()
    (tmp_path / "torch.py").touch()
    package, library = installation.problems([], tmp_path)
    assert str(tmp_path / "helpers.py") in package
    assert "torch.py hides" in library


def test_doctor_names_a_lab_in_another_environment(tmp_path):
    (found,) = installation.problems([], tmp_path, server=tmp_path)
    assert str(tmp_path) in found
    assert sys.prefix in found
    assert "make lab" in found
    assert installation.problems([], tmp_path, server=sys.prefix) == []


def project(folder: Path) -> Path:
    """A folder that looks like a copy of this project."""
    (folder / "helpers").mkdir(parents=True)
    (folder / "helpers" / "__init__.py").touch()
    (folder / "pyproject.toml").touch()
    (folder / "notebooks" / "homework").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("where", [".", "notebooks", "notebooks/homework", "data"])
def test_doctor_names_both_folders_of_two_clones(where, tmp_path):
    other = project(tmp_path / "last year's köpfe")
    (found,) = installation.problems([], other / where, server=sys.prefix)
    assert f"runs in {other}," in found
    assert f"that in {ROOT}:" in found
    assert "`make lab` in" in found
    assert "pip install -e" in found


@pytest.mark.parametrize("where", [".", "notebooks", "notebooks/homework", "my", "data", "tests"])
def test_doctor_is_silent_wherever_in_its_own_project_a_kernel_runs(where):
    assert installation.problems([], ROOT / where, server=sys.prefix) == []


def test_doctor_asks_the_nearest_of_nested_projects(tmp_path):
    inner = project(project(tmp_path / "outer") / "notebooks" / "inner")
    (found,) = installation.problems([], inner / "notebooks", server=sys.prefix)
    assert f"runs in {inner}," in found


@pytest.mark.skipif(os.name == "nt", reason="Windows lets not everybody make links")
def test_doctor_follows_links(tmp_path):
    # The whole project, or its package alone, by another name: the same files, so all is well.
    (tmp_path / "link").symlink_to(ROOT)
    assert installation.problems([], tmp_path / "link" / "notebooks", server=sys.prefix) == []
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "helpers").symlink_to(ROOT / "helpers")
    assert installation.problems([], tmp_path / "own", server=sys.prefix) == []

    # A link that leads nowhere is no package.
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "helpers").symlink_to(tmp_path / "gone")
    assert installation.problems([], tmp_path / "torn", server=sys.prefix) == []


def test_a_package_beside_the_notebook_alone_is_a_file_that_hides_ours(tmp_path):
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "__init__.py").touch()
    (found,) = installation.problems([], tmp_path, server=sys.prefix)
    assert "has the same name" in found


def test_doctor_names_a_folder_that_is_gone(tmp_path, monkeypatch):
    def gone():
        raise FileNotFoundError

    monkeypatch.setattr(Path, "cwd", gone)
    (found,) = installation.problems([], server=sys.prefix)
    assert "is gone" in found


def test_doctor_names_a_package_without_its_data(tmp_path, monkeypatch):
    monkeypatch.setattr(installation, "DATA", tmp_path / "data")
    (found,) = installation.problems([], tmp_path, server=sys.prefix)
    assert str(tmp_path / "data") in found
    assert "pip install -e" in found
    (tmp_path / "data").mkdir()
    assert installation.problems([], tmp_path, server=sys.prefix) == []


def test_the_data_are_found_from_every_folder(tmp_path):
    assert ROOT / "data" == helpers.DATA
    code = "import helpers; print((helpers.DATA / 'vae.safetensors').is_file())"
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for folder in (tmp_path, ROOT, ROOT / "notebooks" / "homework"):
        run = subprocess.run(
            command, cwd=folder, capture_output=True, encoding="utf-8", env=environment
        )
        assert run.stdout == "True\n", run.stderr

    # From the folder of the package, by a relative path.
    environment["PYTHONPATH"] = os.pardir
    run = subprocess.run(
        command, cwd=ROOT / "tests", capture_output=True, encoding="utf-8", env=environment
    )
    assert run.stdout == "True\n", run.stderr


@pytest.mark.parametrize("parent", [None, "no number", "999999999"])
def test_doctor_is_silent_where_no_lab_can_be_seen(parent, monkeypatch, tmp_path):
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    if parent:
        monkeypatch.setenv("JPY_PARENT_PID", parent)
    assert installation.problems([], tmp_path) == []


def test_doctor_does_without_psutil(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert installation.problems([], tmp_path) == []


SETUP = """
try:
    from helpers import doctor
except ImportError as error:
    raise SystemExit(f"not installed: {error}")
doctor()
"""


def test_a_shadowing_file_is_met_by_the_setup_cell(tmp_path):
    (tmp_path / "helpers.py").write_text("x = 1", encoding="utf-8")
    (tmp_path / "cell.py").write_text(SETUP, encoding="utf-8")
    command = [sys.executable, "cell.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert run.returncode == 1
    assert "not installed" in run.stderr
