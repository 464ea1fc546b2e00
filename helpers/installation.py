"""What is wrong with this installation, in words, and what to do about it."""

import os
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

DISTRIBUTION = "disentangling-vaes"
REPAIR = "close JupyterLab and run `make lab` in the project's folder (or, with your own environment, `pip install -e .`)"


def doctor():
    """Print, in words, what is wrong with this installation and what to do; print nothing if all is well."""
    for problem in problems():
        print(problem)


def problems(requirements=None, folder=None, server=None):
    """The sentences that `doctor` prints.

    requirements, folder and server stand in for this package's own list of dependencies, for the notebook's folder and
    for the folder of the environment in which JupyterLab runs; by default each is looked up.
    """
    return [
        *_package_problems(_own_requirements() if requirements is None else requirements),
        *_shadow_problems(Path.cwd() if folder is None else Path(folder)),
        *_server_problems(_server_environment() if server is None else server),
    ]


def _own_requirements():
    try:
        return metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return None


def _package_problems(requirements):
    if requirements is None:
        yield f"The package {DISTRIBUTION} is not installed in {sys.prefix}, where this notebook runs: {REPAIR}."
        return
    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield f"The package {requirement.name} is missing: {REPAIR}."
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield f"The package {requirement.name} {found} does not fit, {requirement.specifier} is needed: {REPAIR}."


def _shadow_problems(folder):
    package = Path(__file__).parent
    for name in ("helpers.py", "helpers"):
        found = folder / name
        if found.exists() and found.resolve() != package:
            yield (f"{found} has the same name as this series' package and can be imported in its place: rename it and "
                   "restart the kernel.")
    for name in ("torch.py", "numpy.py", "random.py"):
        if (folder / name).exists():
            yield f"{folder / name} hides the library of that name: rename it and restart the kernel."


def _server_environment():
    """The folder of the environment of the JupyterLab that started this kernel; None if there is none to be seen."""
    try:
        import psutil  # ipykernel brings it

        command = psutil.Process(int(os.environ["JPY_PARENT_PID"])).cmdline()
    except (ImportError, KeyError, ValueError, OSError, psutil.Error):
        return None
    if not any("jupyter" in Path(word).name for word in command[:3]):
        return None
    return Path(command[0]).parent.parent


def _server_problems(server):
    if server is not None and Path(server).resolve() != Path(sys.prefix).resolve():
        yield (f"JupyterLab runs in {server}, this notebook's kernel in {sys.prefix}. Sliders may stay blank that way: "
               f"{REPAIR}.")
