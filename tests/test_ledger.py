import math
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from helpers import ledger


def test_an_equation_that_holds_prints_its_line(capsys):
    ledger.verify("3.2", torch.tensor(1.23456789), 1.2345, tolerance=1e-3)
    assert capsys.readouterr().out == "(3.2) holds: 1.23 == 1.23   (tolerance 0.001)\n"
    ledger.verify("1.1", 2 * math.pi, 2 * math.pi + 1e-13, tolerance=1e-10)
    assert capsys.readouterr().out == "(1.1) holds: 6.283 == 6.283   (tolerance 1e-10)\n"
    ledger.verify("1.2", 12345.678, 99999.9, tolerance=1e-6, relation="<=")
    assert capsys.readouterr().out == "(1.2) holds: 12350 <= 100000   (tolerance 1e-06)\n"
    ledger.verify("1.3", -1e-17, 0.0, tolerance=1e-12)
    assert capsys.readouterr().out == "(1.3) holds: 0 == 0   (tolerance 1e-12)\n"
    ledger.verify("1.4", np.arange(6.0).reshape(2, 3), torch.arange(6.0).reshape(2, 3), tolerance=1e-12)
    assert capsys.readouterr().out == "(1.4) holds: left == right, 6 values   (tolerance 1e-12)\n"


@pytest.mark.parametrize("left, right, relation", [
    (1.0, 1.1, "=="), (1.1, 1.0, "<="), (math.nan, 1.0, "=="), (1.0, math.nan, "<="), (math.inf, 1.0, "<="),
    ([1.0, 2.0], [1.0, 2.5], "=="), ([math.nan], [math.nan], "=="),
])
def test_an_equation_that_does_not_hold_raises(left, right, relation, capsys):
    with pytest.raises(AssertionError, match="\\(9.9\\) does not hold"):
        ledger.verify("9.9", left, right, tolerance=0.01, relation=relation)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("arguments, message", [
    (dict(left=1.0, right=[1.0, 1.0], tolerance=0.1), "shapes"), (dict(left=1, right=1, tolerance=0), "tolerance"),
    (dict(left=1, right=1, tolerance=math.inf), "tolerance"), (dict(left=1, right=1, tolerance=1, relation=">"), "relation"),
])
def test_checks_that_could_not_fail_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ledger.verify("1.1", **arguments)


def test_claims(capsys):
    ledger.claim("the score is high", torch.tensor(0.47), low=0.4)
    ledger.claim("the error is small", 0.1, high=0.25)
    ledger.claim("the rate is met", 5.1, 4.75, 5.25)
    assert capsys.readouterr().out == (
        "claim holds: the score is high (at least 0.4)\nclaim holds: the error is small (at most 0.25)\n"
        "claim holds: the rate is met (between 4.75 and 5.25)\n")
    for value in (0.39, math.nan):
        with pytest.raises(AssertionError, match="claimed at least 0.4, found"):
            ledger.claim("the score is high", value, low=0.4)
    with pytest.raises(ValueError, match="nothing could contradict"):
        ledger.claim("anything", 1.0)


# doctor


def test_doctor_is_silent_when_all_is_well(capsys):
    ledger.doctor()
    assert capsys.readouterr().out == ""


def test_doctor_names_missing_and_old_packages():
    found = ledger.problems(["numpy>=999", "no-such-package>=1", "torch", "PyYAML>=999; extra == 'test'"], server=sys.prefix)
    assert len(found) == 2
    assert "numpy" in found[0] and ">=999 is needed" in found[0] and "make lab" in found[0]
    assert "no-such-package is missing" in found[1]


def test_doctor_names_files_that_hide_the_package(tmp_path):
    assert ledger.problems([], tmp_path) == []
    (tmp_path / "helpers.py").touch()
    (tmp_path / "torch.py").touch()
    found = ledger.problems([], tmp_path)
    assert len(found) == 2 and str(tmp_path / "helpers.py") in found[0] and "torch.py hides" in found[1]


def test_doctor_names_a_lab_in_another_environment(tmp_path):
    found, = ledger.problems([], tmp_path, server=tmp_path)
    assert str(tmp_path) in found and sys.prefix in found and "make lab" in found
    assert ledger.problems([], tmp_path, server=sys.prefix) == []


SETUP = """
try:
    from helpers import doctor
except ImportError as error:
    raise SystemExit(f"not installed: {error}")
doctor()
"""


def test_a_shadowing_file_is_met_by_the_setup_cell(tmp_path):
    (tmp_path / "helpers.py").write_text("x = 1")
    (tmp_path / "cell.py").write_text(textwrap.dedent(SETUP))
    run = subprocess.run([sys.executable, "cell.py"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1 and "not installed" in run.stderr
