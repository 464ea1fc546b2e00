"""Private copies of the notebooks, to write in: `python -m helpers.tools.private_copies [FOLDER]`.

`make lab` opens these. Answers lie in FOLDER, by default my/ in the project, and an update of the
project changes the originals only. Whatever is in FOLDER already is never written over.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ORIGINALS = ROOT / "notebooks"
FOLDER = ROOT / "my"

# In the folder of the copies: from which state of its original each was made, as a SHA-256.
RECORD = ".originals.json"

Record = dict[str, str]  # by the path within the folder, such as "homework/hw1_elbo.ipynb"


def update(folder: Path | str = FOLDER, originals: Path | str = ORIGINALS) -> list[str]:
    """Copy what is not in the folder yet, and say which originals have changed since.

    folder: of the copies; it is made if there is none.
    originals: the folder with the notebooks, their pictures and texts.

    Returns sentences, none if there is nothing to say.
    Raises ValueError for a folder that lies in that of the originals or around it.
    Raises OSError where the folder cannot be written.
    """
    folder = Path(folder)
    originals = Path(originals)
    _refuse_nested(folder.resolve(), originals.resolve())

    folder.mkdir(parents=True, exist_ok=True)
    old = _read_record(folder / RECORD)
    record: Record = {}
    changed = []
    unknown = []

    for name in files(originals):
        original = originals / name
        copy = folder / name
        record[name] = _sha256(original)

        # Something that is there stays, whatever it is; a broken link counts, too.
        if not os.path.lexists(copy):
            _copy(original, copy)
        elif copy.is_file() and _sha256(copy) != record[name]:
            if name not in old:
                unknown.append(name)
            elif old[name] != record[name]:
                changed.append(name)
                record[name] = old[name]

    # Only a change is written, so that a folder that has become read-only can still be opened.
    if record != old:
        _write_record(folder / RECORD, record)

    sentences = [_of_changed(_shown(originals / name), _shown(folder / name)) for name in changed]
    if unknown:
        sentences.append(_of_unknown([_shown(folder / name) for name in unknown]))
    return sentences


def files(folder: Path) -> list[str]:
    """The files of a folder and its folders by their paths within it, without hidden ones.

    folder: of the originals.

    Returns them sorted, with / between the parts, so that a record means the same everywhere.
    """
    found = []
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in parts):
            found.append("/".join(parts))
    return sorted(found)


def first(folder: Path, originals: Path | str = ORIGINALS) -> Path:
    """The notebook to begin with.

    folder: with the originals or with their copies.
    originals: as in `update`; they say which is the first.

    Raises ValueError where there are no originals.
    """
    names = [name for name in files(Path(originals)) if name.endswith(".ipynb")]
    if not names:
        raise ValueError(
            f"there are no notebooks in {originals}: install with `pip install -e .` in the "
            "project's folder, so that the package stays beside them"
        )
    return folder / next((name for name in names if "/" not in name), names[0])


def _refuse_nested(folder: Path, originals: Path) -> None:
    """Copies among the originals would be copied themselves, the next time."""
    if folder.is_relative_to(originals) or originals.is_relative_to(folder):
        raise ValueError(f"the copies need a folder of their own, and {folder} is none: try my")


def _copy(original: Path, copy: Path) -> None:
    """A copy that appears whole or not at all."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    partial = copy.with_name(f"{copy.name}.partial")

    # The contents only: a copy of a file that may not be written is there to be written.
    shutil.copyfile(original, partial)
    partial.replace(copy)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_record(path: Path) -> Record:
    """What the record says; nothing if it is missing, damaged or something else."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _write_record(path: Path, record: Record) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=1), encoding="utf-8")
    partial.replace(path)


def _shown(path: Path) -> str:
    """A path as somebody who stands in the present folder would type it."""
    path = path.absolute()
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _of_changed(original: str, copy: str) -> str:
    return (
        f"{original} has changed since your copy {copy} was made, which stays as it is: to get "
        "the new one beside yours, rename yours and start again."
    )


def _of_unknown(copies: list[str]) -> str:
    return (
        f"Nothing says from which originals these were made, and they differ from those of today: "
        f"{', '.join(copies)}. They stay as they are: to get an original beside yours, rename "
        "yours and start again."
    )


def main(arguments: Sequence[str]) -> None:
    """Bring the copies up to date, say what there is to say, and print what to open.

    arguments: a folder in place of my/. That of the originals is opened as it is.
    """
    folder = Path(arguments[0]) if arguments else FOLDER
    try:
        if folder.resolve() != ORIGINALS.resolve():
            for sentence in update(folder):
                print(sentence)
        opened = first(folder)
    except ValueError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(
            f"Your copies cannot be written: {error}. Name another folder, for example "
            "`make lab FOLDER=../my`, or open the originals: `make lab FOLDER=notebooks`."
        )
    print(_shown(opened))


if __name__ == "__main__":
    main(sys.argv[1:])
