"""Where the data lie, and what is wrong with this installation, in words and with the remedy."""

import os
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

# The folder of the trained weights and tables: beside the package, wherever a notebook runs.
DATA = Path(__file__).resolve().parents[1] / "data"

DISTRIBUTION = "disentangling-vaes"
REPAIR = (
    "close JupyterLab and run `make lab` in the project's folder (or, with your own environment, "
    "`pip install -e .`)"
)


def doctor() -> None:
    """Print, in words, what is wrong with this installation and what to do.

    Prints nothing if all is well.
    """
    for problem in problems():
        print(problem)


def problems(
    requirements: Iterable[str] | None = None,
    folder: Path | str | None = None,
    *,
    server: Path | str | None = None,
) -> list[str]:
    """The sentences that `doctor` prints.

    The arguments stand in for what is looked up otherwise.

    requirements: this package's list of dependencies, as in pyproject.toml.
    folder: where the notebook lies.
    server: the folder of the environment in which JupyterLab runs.
    Returns a sentence for each fault; an empty list if there is none.
    """
    if requirements is None:
        requirements = _own_requirements()
    if server is None:
        server = _server_environment()
    found = [
        *_package_problems(requirements),
        *_data_problems(DATA),
        *_server_problems(server),
    ]

    # A folder that was moved or deleted while its notebook was running is nowhere.
    try:
        folder = Path.cwd() if folder is None else Path(folder)
    except FileNotFoundError:
        return [*found, "The folder of this notebook is gone: open the notebook where it is now."]
    return [*found, *_clone_problems(folder), *_shadow_problems(folder)]


def _own_requirements() -> list[str] | None:
    """What this package asks for; None if it is not installed."""
    try:
        return metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return None


def _package_problems(requirements: Iterable[str] | None) -> Iterator[str]:
    if requirements is None:
        yield (
            f"The package {DISTRIBUTION} is not installed in {sys.prefix}, where this notebook "
            f"runs: {REPAIR}."
        )
        return

    for requirement in map(Requirement, requirements):
        # What only an extra asks for is not needed here.
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue

        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield f"The package {requirement.name} is missing: {REPAIR}."
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield (
                f"The package {requirement.name} {found} does not fit, {requirement.specifier} is "
                f"needed: {REPAIR}."
            )


def _data_problems(data: Path) -> Iterator[str]:
    """A package that was copied away from its project finds no trained weights beside it."""
    if not data.is_dir():
        yield (
            f"There is no folder {data}, from which the notebooks read trained weights and tables: "
            "install with `pip install -e .` in the project's folder, so that the package stays "
            "beside its data, and restart the kernel."
        )


def _clone_problems(folder: Path) -> Iterator[str]:
    """A notebook in one copy of the project that imports the package of another."""
    tree = _nearest_project(folder.absolute())

    # Two paths may lead to one package, through a link.
    imported = Path(__file__).parent
    if tree is not None and not (tree / "helpers").samefile(imported):
        yield (
            f"This notebook runs in {tree}, which has a package helpers of its own, but what it "
            f"imports is that in {imported.parent}: close JupyterLab and run `make lab` in {tree} "
            "(or, with your own environment, `pip install -e .` there)."
        )


def _nearest_project(folder: Path) -> Path | None:
    """The copy of the project in which a folder lies; None if it lies in none."""
    # A folder helpers beside the notebook alone is no project: it hides one.
    for tree in (folder, *folder.parents):
        inside = tree != folder or os.path.isfile(tree / "pyproject.toml")
        if inside and os.path.isfile(tree / "helpers" / "__init__.py"):
            return tree
    return None


def _shadow_problems(folder: Path) -> Iterator[str]:
    """Files beside the notebook that would be imported in place of a package."""
    package = Path(__file__).parent
    project = _nearest_project(folder.absolute())
    for name in ("helpers.py", "helpers"):
        found = folder / name
        if name == "helpers" and project == folder.absolute():
            continue  # the package of another copy, of which another sentence tells
        if found.exists() and not found.samefile(package):
            yield (
                f"{found} has the same name as this series' package and can be imported in its "
                "place: rename it and restart the kernel."
            )

    # The names that are tempting for a notebook of one's own.
    for name in ("torch.py", "numpy.py", "random.py"):
        if (folder / name).exists():
            yield (
                f"{folder / name} hides the library of that name: rename it and restart the kernel."
            )


def _server_environment() -> Path | None:
    """The folder of the environment of the JupyterLab that started this kernel, if one is seen."""
    try:
        import psutil  # ipykernel brings it
    except ImportError:
        return None

    try:
        command = psutil.Process(int(os.environ["JPY_PARENT_PID"])).cmdline()
    except (KeyError, ValueError, OSError, psutil.Error):
        return None

    # JupyterLab is a script of its environment's Python: .../bin/python .../bin/jupyter-lab ...
    if not any("jupyter" in Path(word).name for word in command[:3]):
        return None
    return Path(command[0]).parent.parent


def _server_problems(server: Path | str | None) -> Iterator[str]:
    if server is not None and Path(server).resolve() != Path(sys.prefix).resolve():
        yield (
            f"JupyterLab runs in {server}, this notebook's kernel in {sys.prefix}. Sliders may "
            f"stay blank that way: {REPAIR}."
        )
