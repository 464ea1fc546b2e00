"""What somebody else's zip file or folder holds, read within limits and without unpacking it."""

import os
import stat
import unicodedata
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

# Bytes of one file, and of all together, when they are unpacked; and how many there may be.
MOST_A_FILE = 20_000_000
MOST_IN_ALL = 400_000_000
MOST_ENTRIES = 20_000

LINK = "refused: a link or something else that is no file"


@dataclass(frozen=True)
class Entry:
    """A notebook in an archive, of which nothing is known yet but its name.

    path: within the archive, with / between its parts.
    time: that the archive gives for it, without a time zone.
    """

    path: str
    time: datetime
    content: bytes


@dataclass(frozen=True)
class Ignored:
    """Something in an archive that is left alone, and why.

    theirs: whether a student may have handed it in as an answer.
    """

    path: str
    reason: str
    theirs: bool = True


def read(archive: Path) -> tuple[list[Entry], list[Ignored]]:
    """The notebooks in an archive, and whatever else it holds.

    archive: a zip file or a folder.

    Raises ValueError for what is neither.
    """
    if archive.is_dir():
        return _in_folder(archive)
    if not archive.exists():
        raise ValueError(f"there is no file or folder {archive}")

    try:
        with zipfile.ZipFile(archive) as opened:
            return _in_zip(opened)
    except zipfile.BadZipFile:
        raise ValueError(
            f"{archive.name} is no zip file: give the file that the platform's button for all "
            "submissions downloads, or a folder"
        ) from None


def _in_zip(archive: zipfile.ZipFile) -> tuple[list[Entry], list[Ignored]]:
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > MOST_ENTRIES:
        raise ValueError(f"the archive holds {len(infos)} files; a class hands in fewer")

    entries: list[Entry] = []
    ignored: list[Ignored] = []
    left = MOST_IN_ALL
    for info in infos:
        # The sizes in a zip file are promises, so that both they and what comes out are limited.
        path = _normal(info.filename)
        aside = _aside(path)
        if aside:
            ignored.append(Ignored(path, aside, theirs=False))
            continue

        reason = _objection_to_zipped(info) or _no_notebook(path)
        reason = reason or _too_large(info.file_size, left)
        content = b""
        if reason is None:
            try:
                with archive.open(info) as file:
                    content = file.read(min(MOST_A_FILE, left) + 1)
                reason = _too_large(len(content), left)
            except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError) as error:
                reason = f"it cannot be unpacked: {error}"
            except Exception as error:  # the decompressors have errors of their own
                reason = f"it cannot be unpacked ({type(error).__name__})"
            left -= len(content)

        if reason:
            ignored.append(Ignored(path, reason))
        else:
            entries.append(Entry(path, _time(info), content))

    return entries, ignored


def _in_folder(folder: Path) -> tuple[list[Entry], list[Ignored]]:
    entries: list[Entry] = []
    ignored: list[Ignored] = []
    left = MOST_IN_ALL

    for parent, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        for name in sorted(links + names):
            file = Path(parent, name)
            status = file.lstat()
            path = _normal(file.relative_to(folder).as_posix())

            aside = _aside(path)
            if aside:
                ignored.append(Ignored(path, aside, theirs=False))
                continue

            reason = None if stat.S_ISREG(status.st_mode) else LINK
            reason = reason or _no_notebook(path) or _too_large(status.st_size, left)
            if reason:
                ignored.append(Ignored(path, reason))
                continue

            left -= status.st_size
            time = datetime.fromtimestamp(status.st_mtime).replace(microsecond=0)
            entries.append(Entry(path, time, file.read_bytes()))

    return entries, ignored


def _normal(name: str) -> str:
    """A path with / between its parts, and its letters composed, as a keyboard types them."""
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _aside(path: str) -> str | None:
    """Why a path is nobody's answer; None if it may be somebody's."""
    parts = path.split("/")
    if path.startswith("/") or (len(path) > 1 and path[1] == ":"):
        return "refused: an absolute path"
    if ".." in parts:
        return "refused: a path that leads out of the archive"

    if ".ipynb_checkpoints" in parts:
        return "a checkpoint that Jupyter keeps"
    if "__MACOSX" in parts or parts[-1].startswith("."):
        return "hidden: the system put it there"
    if any("_assignsubmission_onlinetext" in part for part in parts):
        return "a text typed into the platform"
    return None


def _no_notebook(path: str) -> str | None:
    """What a file is by its name, if it is no notebook."""
    if path.lower().endswith((".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")):
        return "an archive within the archive is not opened"
    return None if path.lower().endswith(".ipynb") else "no notebook"


def _objection_to_zipped(info: zipfile.ZipInfo) -> str | None:
    """Why an entry of a zip file is refused for its kind."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind and not stat.S_ISREG(kind):
        return LINK
    if info.flag_bits & 1:
        return "refused: it is encrypted"
    return None


def _too_large(size: int, left: int) -> str | None:
    """Why a file of this size is refused where so many bytes are left for all."""
    if size > MOST_A_FILE:
        return f"refused: larger than {MOST_A_FILE // 1_000_000} MB"
    if size > left:
        return f"refused: the archive holds more than {MOST_IN_ALL // 1_000_000} MB"
    return None


def _time(info: zipfile.ZipInfo) -> datetime:
    """When a zip file says that its entry was written; its earliest time where it says nonsense."""
    try:
        return datetime(*info.date_time)
    except ValueError:
        return datetime(1980, 1, 1)
