"""What must stay true of the project's files: one list of versions, notebooks saved from one clean run."""

import os
import re
import socket
import subprocess
import sys
import tomllib

import nbformat
import pytest
import yaml

import run_notebooks
from run_notebooks import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NOTEBOOKS = {path.relative_to(ROOT).as_posix(): nbformat.read(path, as_version=4) for path in run_notebooks.notebooks()}
KNOWN_TAGS = {"nbval-ignore-output", "raises-exception", "show-code", "hide-output"}  # the last two: helpers/slides.py

each_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS.values(), ids=NOTEBOOKS.keys())


def code_cells(notebook):
    return [c for c in notebook.cells if c.cell_type == "code"]


# Environment


def test_environment_yml_names_no_version_of_its_own():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert conda == ["python=3.11", "pip"]
    assert pip == {"pip": ["-e .[test]"]}
    assert environment["name"] == PROJECT["project"]["name"]
    assert PROJECT["project"]["requires-python"] == ">=3.11"


def test_every_dependency_has_its_reason():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    listed = [line for line in lines if re.match(r'    "[\w-]+[=<>~]', line)]
    assert len(listed) >= 15 and all("  # " in line for line in listed)


def test_plain_make_prints_every_verb():
    printed = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    makefile = (ROOT / "Makefile").read_text()
    verbs = re.search(r"^\.PHONY: help (.*)$", makefile, re.MULTILINE)[1].split()
    assert [line.split()[1] for line in printed.splitlines()] == verbs


def test_a_python_without_venv_gets_a_sentence(tmp_path):
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n')
    fake.chmod(0o755)
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / "pyproject.toml").touch()
    run = subprocess.run(["make", "lab", f"PYTHON={fake}"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode != 0 and "apt install python3-venv" in run.stdout


def test_the_network_is_out_of_reach_here_and_in_kernels():
    script = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ)
    assert "may not use the network" in run.stderr
    with pytest.raises(OSError, match="may not use the network"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def test_the_readme_lists_every_notebook_with_its_question_its_minutes_and_its_equations():
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| \[(\w+)\]\((\S+)\) \| (.*?) \| (\d+) \| (\S+) \|$", readme, re.MULTILINE)
    assert [path for _, path, *_ in rows] == list(NOTEBOOKS)
    for name, path, question, minutes, verified in rows:
        notebook = NOTEBOOKS[path]
        equations, held, _ = run_notebooks.counts(notebook)
        assert path.endswith(f"{name}.ipynb") and notebook.cells[0].source.startswith(f"# {question}\n")
        assert re.search(r"\*\*Time:?\*\*:? (?:about )?(\d+)\sminutes", notebook.cells[0].source)[1] == minutes
        assert verified == (f"{held}/{equations}" if equations else "–")


# Notebooks: what nbval does not see


@each_notebook
def test_saved_from_one_clean_run(notebook):
    assert [c.execution_count for c in code_cells(notebook)] == list(range(1, len(code_cells(notebook)) + 1))
    outputs = [o for c in code_cells(notebook) for o in c.outputs]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]


@each_notebook
def test_nothing_is_saved_that_make_run_would_take_out(notebook):
    assert run_notebooks.normalise(nbformat.from_dict(notebook)) == notebook


@each_notebook
def test_only_known_tags(notebook):
    assert {tag for c in notebook.cells for tag in c.metadata.get("tags", [])} <= KNOWN_TAGS


@each_notebook
def test_every_numbered_equation_is_verified_once_by_its_tag(notebook):
    tags = run_notebooks.tags(notebook)
    assert len(tags) == len(set(tags))
    verified = re.findall(r'verify\("([^"]+)"', "\n".join(c.source for c in code_cells(notebook)))
    assert set(verified) == set(tags)
    equations, held, _ = run_notebooks.counts(notebook)
    assert held == equations == len(tags)


@each_notebook
def test_the_setup_cell_is_the_same_everywhere(notebook):
    first = next(iter(NOTEBOOKS.values()))
    assert code_cells(notebook)[0].source.split("\n\n")[0] == code_cells(first)[0].source.split("\n\n")[0]
    assert "doctor()" in code_cells(notebook)[0].source


@each_notebook
def test_budgets_that_do_not_depend_on_the_machine(notebook):
    assert len(nbformat.writes(notebook).encode()) < run_notebooks.MOST["MB saved"] * 1e6
    assert run_notebooks.longest(notebook) <= run_notebooks.MOST["lines"]
