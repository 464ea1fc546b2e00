"""What must stay true of the project's files: one list of versions, notebooks of one clean run."""

import ast
import copy
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat import v4
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import run_notebooks
from run_notebooks import ROOT, code_cells

NOTEBOOKS = {
    path.relative_to(ROOT).as_posix(): nbformat.read(path, as_version=4)
    for path in run_notebooks.notebooks()
}

KNOWN_TAGS = {"nbval-ignore-output", "raises-exception"}

each_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS.values(), ids=NOTEBOOKS.keys())
needs_make = pytest.mark.skipif(
    os.name == "nt" or not shutil.which("make"), reason="there is no make that finds .venv/bin"
)

PROGRAMS = {
    path.relative_to(ROOT).as_posix(): path
    for pattern in ("*.py", "helpers/**/*.py", "data/**/*.py", "tests/**/*.py")
    for path in sorted(ROOT.glob(pattern))
}


# Environment


@pytest.fixture(scope="module")
def project():
    """The table [project] of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_environment_yml_names_no_version_of_its_own(project):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, pip = environment["dependencies"]

    assert conda == ["python=3.11", "pip"]
    assert pip == {"pip": ["-c constraints.txt", "-e .[test]"]}
    assert environment["name"] == project["name"]
    assert project["requires-python"] == ">=3.11"


def test_a_release_has_one_version(project):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert citation["version"] == project["version"]
    assert re.search(r"^## (\d.*), ", changelog, re.MULTILINE)[1] == citation["version"]


@pytest.fixture(scope="module")
def constraints():
    """The version of each package in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]

    # One line a package, with one version that every index has: "+cpu" is of PyTorch's own alone.
    versions = {}
    for requirement in found:
        (exact,) = requirement.specifier
        assert exact.operator == "=="
        assert re.fullmatch(r"[\w.!]+", exact.version), requirement
        assert canonicalize_name(requirement.name) not in versions
        versions[canonicalize_name(requirement.name)] = exact.version
    return versions


def test_the_tested_versions_are_within_the_ranges(project, constraints):
    listed = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
    assert len(listed) >= 20
    for requirement in map(Requirement, listed):
        if requirement.name == project["name"]:  # an extra that takes another one along
            continue
        version = constraints[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), requirement


def test_a_newer_python_and_another_torch_will_do(project):
    ranges = {r.name: r.specifier for r in map(Requirement, project["dependencies"])}
    for version in ("2.4.0", "2.9.1+cu128", "2.13.0+cpu", "2.14.1"):
        assert ranges["torch"].contains(version)
    assert not ranges["torch"].contains("2.2.2")
    assert SpecifierSet(project["requires-python"]).contains("3.13.5")


def test_the_guide_names_the_torch_that_is_installed(constraints):
    guide = (ROOT / "GUIDE.md").read_text(encoding="utf-8")
    assert re.findall(r"torch (\d+\.\d+\.\d+)", guide) == [constraints["torch"]]


def test_make_installs_the_tested_versions():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    installs = [line for line in makefile.splitlines() if "pip install" in line]
    assert len(installs) == 2
    assert all("$(CONSTRAINTS) -e" in line for line in installs)
    assert re.search(r"^CONSTRAINTS \?= -c constraints\.txt$", makefile, re.MULTILINE)


def test_every_dependency_has_its_reason():
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if re.match(r'    "[\w-]+[=<>~]', line)]
    assert len(listed) >= 15
    assert all("  # " in line for line in listed)


@needs_make
def test_plain_make_prints_every_verb():
    make = ["make", "--no-print-directory"]
    printed = subprocess.run(
        make, cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    ).stdout

    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = re.search(r"^\.PHONY: help (.*)$", makefile, re.MULTILINE)[1].split()
    assert [line.split()[1] for line in printed.splitlines()] == verbs


@needs_make
def test_a_python_without_venv_gets_a_sentence(tmp_path):
    # A Python that fails exactly where Debian's fails without its package python3-venv.
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n', encoding="utf-8")
    fake.chmod(0o755)

    # A project in which nothing is installed yet.
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "constraints.txt").touch()

    make = ["make", "lab", f"PYTHON={fake}"]
    run = subprocess.run(make, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert run.returncode != 0
    assert "apt install python3-venv" in run.stdout


def test_the_network_is_out_of_reach_here_and_in_kernels():
    # 192.0.2.1 belongs to nobody: RFC 5737 keeps it for documentation.
    address = ("192.0.2.1", 80)

    # A kernel is a new process, which finds the block in its environment.
    script = f"import socket; socket.create_connection({address}, timeout=1)"
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", env=os.environ)
    assert "may not use the network" in run.stderr

    with pytest.raises(OSError, match="may not use the network"):
        socket.create_connection(address, timeout=1)

    # This machine is within reach, or no kernel could be talked to.
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def test_the_readme_lists_every_notebook_with_its_question_and_its_equations():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = r"^\| \[(\w+)\]\((\S+)\) \| (.*?) \| \S+ \| \d+ \| (\S+) \| (\S+) \|$"
    rows = re.findall(row, readme, re.MULTILINE)
    assert [path for _, path, *_ in rows] == list(NOTEBOOKS)

    # Each row against the notebook's first cell and its outputs.
    for name, path, question, verified, caught in rows:
        notebook = NOTEBOOKS[path]
        title = notebook.cells[0].source
        assert path.endswith(f"{name}.ipynb")
        assert title.startswith(f"# {question}\n")

        found = run_notebooks.counts(notebook)
        assert verified == (f"{found.hold}/{found.equations}" if found.equations else "–")
        assert caught == (f"{found.caught}/{found.near_misses}" if found.near_misses else "–")


@pytest.mark.skipif(
    not (shutil.which("git") and (ROOT / ".git").exists()), reason="there is nothing to clone"
)
def test_the_lines_for_colab_work_in_a_kernel_that_runs_already(tmp_path, monkeypatch):
    guide = (ROOT / "GUIDE.md").read_text(encoding="utf-8")
    lines = re.search(r"^On Colab, .*?```\n(.*?)\n```", guide, re.DOTALL | re.MULTILINE)[1]
    clone, install, enter = lines.split("\n")
    assert install == "%pip install -q -e course"

    # What is installed for these tests already needs no network. The kernel must not find the
    # package in another way than on Colab, where the path begins with nothing of ours.
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "offline"))
    clone = clone.replace("ADDRESS", f"'{ROOT.as_posix()}'")
    notebook = v4.new_notebook(cells=[v4.new_code_cell(f"{clone}\n{enter}")])
    ask = "import helpers; _answer = [helpers.__file__, str(helpers.DATA / 'vae.safetensors')]"
    _, answer = run_notebooks.execute(notebook, tmp_path, ask)

    course = (tmp_path / "course").resolve()
    assert [Path(found) for found in answer] == [
        course / "helpers" / "__init__.py",
        course / "data" / "vae.safetensors",
    ]
    assert Path(answer[1]).is_file()


def test_the_workflow_runs_what_make_test_runs(project):
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    matrix = job["strategy"]["matrix"]
    assert [name.split("-")[0] for name in matrix["system"]] == ["ubuntu", "macos", "windows"]
    assert all(SpecifierSet(project["requires-python"]).contains(v) for v in matrix["python"])

    # On Windows there may be no make. No step knows a secret, and none is forgiven.
    steps = [step["run"] for step in job["steps"] if "run" in step]
    install = 'python -m pip install -c constraints.txt -e ".[test]"'
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    command = re.search(r"^PYTEST = \$\(BIN\)/(.+)$", makefile, re.MULTILINE)[1]
    assert steps == [install, command]
    text = (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8")
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets" not in text
    assert "continue-on-error" not in text


# Texts are UTF-8, whatever the system's own encoding is

# Where the mode and the encoding stand, if they have no names.
OPENERS = {
    "open": (1, 3),
    "fdopen": (1, 3),
    "NamedTemporaryFile": (0, 2),
    "TemporaryFile": (0, 2),
    "SpooledTemporaryFile": (1, 3),
}
BINARY_AT_FIRST = {"NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile"}
READERS = {"read_text": 0, "write_text": 1, "TextIOWrapper": 1}
RUNNERS = {"run", "Popen", "call", "check_call", "check_output"}
IS_MODE = re.compile("[rwaxbt+]{1,4}")


def argument(call, name, place):
    """A call's argument by its name or its place, None if it is not there."""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in named:
        return named[name]
    return call.args[place] if place < len(call.args) else None


def leaves_the_encoding_open(call):
    """Whether a call reads or writes text in whatever encoding the system has."""
    name = run_notebooks.called_name(call)
    keywords = {keyword.arg for keyword in call.keywords}

    # With **options nobody knows.
    if "encoding" in keywords or None in keywords:
        return False

    if name in READERS:
        return argument(call, "encoding", READERS[name]) is None

    # Programs that are run: their output is bytes, if nobody asks for text.
    if name in RUNNERS:
        asked = [k.value for k in call.keywords if k.arg in ("text", "universal_newlines")]
        return any(not isinstance(value, ast.Constant) or bool(value.value) for value in asked)

    if name not in OPENERS:
        return False

    # `path.open(mode)`, but `io.open(path, mode)`.
    is_path = isinstance(call.func, ast.Attribute) and ast.unparse(call.func) != "io.open"
    mode_at, encoding_at = (0, 2) if name == "open" and is_path else OPENERS[name]

    mode = argument(call, "mode", mode_at)
    if argument(call, "encoding", encoding_at) is not None:
        return False
    if mode is None:
        return name not in BINARY_AT_FIRST
    if not isinstance(mode, ast.Constant):
        # `Image.open(path)` opens no text; of a mode that is computed, nobody knows.
        return name != "open" or isinstance(call.func, ast.Name)
    return bool(IS_MODE.fullmatch(str(mode.value))) and "b" not in mode.value


def open_encodings(tree):
    """The calls in a syntax tree that leave the encoding open, as text."""
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    return [ast.unparse(call) for call in found if leaves_the_encoding_open(call)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_say_in_which_encoding_text_is(name):
    assert open_encodings(ast.parse(PROGRAMS[name].read_text(encoding="utf-8"))) == []


@each_notebook
def test_notebooks_say_in_which_encoding_text_is(notebook):
    for cell in code_cells(notebook):
        assert open_encodings(run_notebooks.parsed(cell.source, "the cell")) == []


@pytest.mark.parametrize(
    "code",
    [
        "path.read_text()",
        "Path('x').write_text(data)",
        "path.read_text(errors='replace')",
        "open(path)",
        "open(path, 'w')",
        "open(path, mode=mode)",
        "with open(path, 'rt+') as file: pass",
        "path.open()",
        "path.open('a')",
        "path.open(mode='x', newline='')",
        "io.open(path)",
        "io.TextIOWrapper(buffer)",
        "os.fdopen(handle, 'w')",
        "NamedTemporaryFile('w')",
        "tempfile.TemporaryFile(mode='w+')",
        "subprocess.run(command, text=True)",
        "subprocess.Popen(command, universal_newlines=1)",
        "check_output(command, text=wanted)",
    ],
)
def test_an_open_encoding_is_found(code):
    assert len(open_encodings(ast.parse(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "path.read_text('utf-8')",
        "path.write_text(data, encoding='utf-8')",
        "path.read_bytes()",
        "open(path, 'rb')",
        "open(path, 'w', 1, 'utf-8')",
        "open(path, encoding='utf-8')",
        "open(path, **options)",
        "path.open('wb')",
        "path.open('w', encoding='utf-8')",
        "archive.open('images.npy')",
        "Image.open(picture)",
        "io.open(path, 'rb')",
        "NamedTemporaryFile()",
        "tempfile.NamedTemporaryFile('w', encoding='utf-8')",
        "subprocess.run(command, capture_output=True)",
        "subprocess.run(command, text=False)",
        "subprocess.run(command, encoding='utf-8')",
        "output('stream', text=printed)",
    ],
)
def test_bytes_and_named_encodings_are_left_alone(code):
    assert open_encodings(ast.parse(code)) == []


# Notebooks: what nbval does not see


@each_notebook
def test_a_notebook_is_saved_from_one_clean_run(notebook):
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))

    outputs = [output for cell in cells for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]


@each_notebook
def test_nothing_is_saved_that_make_run_would_take_out(notebook):
    assert run_notebooks.normalise(copy.deepcopy(notebook)) == notebook


@each_notebook
def test_only_known_tags_are_used(notebook):
    assert {tag for c in notebook.cells for tag in c.metadata.get("tags", [])} <= KNOWN_TAGS


@each_notebook
def test_every_numbered_equation_is_verified_once_by_its_tag(notebook):
    tags = run_notebooks.tags(notebook)
    assert len(tags) == len(set(tags))
    assert sorted(run_notebooks.verified(notebook)) == sorted(tags)

    # And the saved outputs say so.
    found = run_notebooks.counts(notebook)
    assert found.hold == found.equations == len(tags)


@each_notebook
def test_every_check_of_an_equation_has_a_near_miss_that_it_caught(notebook):
    for call in run_notebooks.calls(notebook, "verify"):
        misses = next((k.value for k in call.keywords if k.arg == "near_misses"), None)
        assert isinstance(misses, ast.Dict) and misses.keys, ast.unparse(call.args[0])

    found = run_notebooks.counts(notebook)
    assert found.caught == found.near_misses


@each_notebook
def test_the_setup_cell_is_the_same_everywhere(notebook):
    first = next(iter(NOTEBOOKS.values()))
    setup = code_cells(notebook)[0]

    # What a notebook imports besides stands in a second paragraph. Of the first, it has what it
    # uses.
    def first_paragraph(cell):
        return re.sub(
            "(?:claim, claims, )?doctor(?:, verify)?$",
            "…",
            cell.source.split("\n\n")[0],
            flags=re.M,
        )

    assert first_paragraph(setup) == first_paragraph(code_cells(first)[0])
    assert run_notebooks.calls(v4.new_notebook(cells=[setup]), "doctor")


@each_notebook
def test_budgets_that_do_not_depend_on_the_machine_are_kept(notebook):
    assert len(nbformat.writes(notebook).encode()) < run_notebooks.MOST["MB saved"] * 1e6
    assert run_notebooks.longest(notebook) <= run_notebooks.MOST["lines"]


# What reads the notebooks


def notebook_of(*sources):
    """A notebook with these code cells, after a cell of text that verifies nothing."""
    text = v4.new_markdown_cell('verify("text")')
    return v4.new_notebook(cells=[text, *map(v4.new_code_cell, sources)])


def test_calls_are_found_in_the_order_of_their_names_however_they_are_written():
    notebook = notebook_of(
        "",
        '%matplotlib inline\n!echo verify("shell")\nverify(\n    "1", left, right)',
        '# verify("comment")\nledger.verify("2", f(verify("3")))\nverify("4").verify("5")',
        "def verify(tag):\n    return 'verify(\"string\")'",
    )
    assert run_notebooks.verified(notebook) == ["1", "2", "3", "4", "5"]
    assert len(run_notebooks.calls(notebook, "verify", "f")) == 6
    assert run_notebooks.calls(notebook, "verif") == []


@pytest.mark.parametrize("call", ["verify(tag, 1, 1)", "verify()", 'verify(f"{n}", 1, 1)'])
def test_a_tag_that_no_reader_could_look_up_is_refused(call):
    with pytest.raises(ValueError, match="literal string"):
        run_notebooks.verified(notebook_of(call))


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_the_peak_of_memory_is_asked_in_the_way_of_the_system(system, monkeypatch):
    counted = 2_500_000 if system == "linux" else 2_500_000_000
    used = types.SimpleNamespace(ru_maxrss=counted, peak_wset=counted)
    posix = types.SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: used)
    process = types.SimpleNamespace(memory_info=lambda: used)
    psutil = types.SimpleNamespace(Process=lambda: process)

    # On Windows there is no `resource`, elsewhere no need of psutil.
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setitem(sys.modules, "resource", None if system == "win32" else posix)
    monkeypatch.setitem(sys.modules, "psutil", psutil if system == "win32" else None)
    names = {}
    exec(run_notebooks.PEAK_MEMORY, names)
    assert names["_answer"] == 2.5


def test_a_cell_that_is_no_python_is_named():
    with pytest.raises(ValueError, match="cell 2 is no Python: .* in its line 3"):
        run_notebooks.calls(notebook_of("fine = 1", "%%time\nx = 1\ny ="), "verify")


def test_of_a_cells_metadata_what_its_author_chose_is_kept():
    # Folded, tagged or skipped by the author; the rest is what JupyterLab and tools leave behind.
    folded = v4.new_code_cell("1")
    folded.metadata = {"jupyter": {"source_hidden": True, "outputs_hidden": True}, "id": "x"}
    unfolded = v4.new_code_cell("2")
    unfolded.metadata = {"jupyter": {"source_hidden": False}, "tags": ["show-code"]}
    slide = v4.new_markdown_cell("3")
    slide.metadata = {"slideshow": {"slide_type": "skip"}, "collapsed": True}

    notebook = run_notebooks.normalise(v4.new_notebook(cells=[folded, unfolded, slide]))
    assert [cell.metadata for cell in notebook.cells] == [
        {"jupyter": {"source_hidden": True}},
        {"tags": ["show-code"]},
        {"slideshow": {"slide_type": "skip"}},
    ]
