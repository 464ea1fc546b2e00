"""The copies that learners write in: an update adds to them and never takes anything away."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import run_notebooks
from helpers.tools import private_copies
from helpers.tools.private_copies import RECORD
from run_notebooks import ROOT
from test_project import needs_make

FILES = ["00_first.ipynb", "01_second.ipynb", "homework/hw1.ipynb", "picture.png"]


@pytest.fixture
def originals(tmp_path, monkeypatch):
    """A folder with notebooks, and what JupyterLab leaves behind in one."""
    folder = tmp_path / "notebooks"
    for name in [*FILES, ".ipynb_checkpoints/00_first-checkpoint.ipynb", "homework/.DS_Store"]:
        write(folder / name, f"the original {name}")

    # Sentences name paths from here.
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def mine(tmp_path):
    """Where the copies come."""
    return tmp_path / "my"


@pytest.fixture
def update(originals, mine):
    """What `make lab` does: () -> the sentences."""
    return lambda: private_copies.update(mine, originals)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def contents(folder):
    """The text of each file in a folder, without the record."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file() and path.name != RECORD
    }


def test_all_but_hidden_files_is_copied_without_a_word(originals, mine, update):
    assert update() == []
    assert contents(mine) == {name: f"the original {name}" for name in FILES}
    assert set(json.loads((mine / RECORD).read_text(encoding="utf-8"))) == set(FILES)

    # A second time there is nothing to do.
    assert update() == []


def test_answers_stay_whatever_happens_to_their_originals(originals, mine, update):
    update()
    answers = {name: f"my answers in {name}" for name in FILES}
    for name, text in answers.items():
        write(mine / name, text)

    # Nothing, a change, a notebook that is gone, and one that is there again.
    assert update() == []
    write(originals / "00_first.ipynb", "changed")
    assert len(update()) == 1
    (originals / "01_second.ipynb").unlink()
    update()
    write(originals / "01_second.ipynb", "back, and changed")
    update()
    assert contents(mine) == answers


def test_a_new_notebook_is_added(originals, mine, update):
    update()
    write(originals / "02_third.ipynb", "new")
    write(originals / "homework/extra/hw2.ipynb", "new")
    assert update() == []
    assert contents(mine)["02_third.ipynb"] == "new"
    assert contents(mine)["homework/extra/hw2.ipynb"] == "new"


def test_a_changed_original_is_said_each_time_until_there_is_a_copy_of_it(originals, mine, update):
    update()
    write(mine / "homework/hw1.ipynb", "my answers")
    write(originals / "homework/hw1.ipynb", "corrected")
    for _ in range(2):
        (sentence,) = update()
        assert str(Path("notebooks/homework/hw1.ipynb")) in sentence
        assert str(Path("my/homework/hw1.ipynb")) in sentence
        assert "stays as it is" in sentence
        assert "rename yours" in sentence

    # As the sentence says.
    (mine / "homework/hw1.ipynb").rename(mine / "homework/hw1_old.ipynb")
    assert update() == []
    assert contents(mine)["homework/hw1.ipynb"] == "corrected"
    assert contents(mine)["homework/hw1_old.ipynb"] == "my answers"
    assert update() == []


def test_a_copy_nobody_wrote_in_stays_too_and_one_made_by_hand_is_known(originals, mine, update):
    update()
    write(originals / "00_first.ipynb", "corrected")
    assert len(update()) == 1
    assert contents(mine)["00_first.ipynb"] == "the original 00_first.ipynb"

    shutil.copy(originals / "00_first.ipynb", mine)
    assert update() == []
    write(mine / "00_first.ipynb", "my answers")
    assert update() == []


def test_a_copy_that_was_deleted_comes_back_fresh(originals, mine, update):
    update()
    (mine / "picture.png").unlink()
    shutil.rmtree(mine / "homework")
    assert update() == []
    assert set(contents(mine)) == set(FILES)


@pytest.mark.parametrize(
    "record", [None, "", '{"00_first.ipynb": "1f', '["00_first.ipynb"]', "17", "\x00"]
)
def test_without_a_record_what_differs_is_named_once_and_stays(record, originals, mine, update):
    update()
    write(mine / "00_first.ipynb", "my answers")
    if record is None:
        (mine / RECORD).unlink()
    else:
        (mine / RECORD).write_text(record, encoding="utf-8")

    (sentence,) = update()
    assert str(Path("my/00_first.ipynb")) in sentence
    assert "01_second" not in sentence
    assert "rename yours" in sentence
    assert update() == []
    assert contents(mine)["00_first.ipynb"] == "my answers"


def test_a_record_in_another_encoding_is_no_record(mine, update):
    update()
    (mine / RECORD).write_bytes(b"\xff\xfe\x00{")
    assert update() == []


def test_a_notebook_that_was_there_first_stays(mine, update):
    # So a student who puts the lecturer's notebook in its place before the first `make lab`.
    write(mine / "homework/hw1.ipynb", "from the lecturer")
    (sentence,) = update()
    assert "hw1.ipynb" in sentence
    assert contents(mine)["homework/hw1.ipynb"] == "from the lecturer"
    assert set(contents(mine)) == set(FILES)


def test_what_is_no_file_stays(originals, mine, update):
    (mine / "00_first.ipynb").mkdir(parents=True)
    assert update() == []
    assert (mine / "00_first.ipynb").is_dir()


@pytest.mark.skipif(os.name == "nt", reason="Windows lets not everybody make links")
def test_links_are_followed_or_left(originals, tmp_path, mine, update):
    # The folder lies elsewhere, and one copy leads nowhere.
    (tmp_path / "köpfe").mkdir()
    mine.symlink_to(tmp_path / "köpfe")
    (mine / "00_first.ipynb").symlink_to(tmp_path / "gone.ipynb")
    assert update() == []
    assert (mine / "00_first.ipynb").is_symlink()
    assert not (tmp_path / "gone.ipynb").exists()
    assert (tmp_path / "köpfe" / "01_second.ipynb").is_file()


def test_a_copy_may_be_written_where_the_original_may_not(originals, mine, update):
    original = originals / "00_first.ipynb"
    original.chmod(0o444)
    update()
    assert (mine / "00_first.ipynb").stat().st_mode & 0o200
    original.chmod(0o644)  # or Windows could not delete it


def test_an_interrupted_copy_is_made_again(originals, mine, update, monkeypatch):
    def interrupted(original, copy):
        Path(copy).write_text("hal", encoding="utf-8")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", interrupted)
        with pytest.raises(KeyboardInterrupt):
            update()

    assert update() == []
    assert contents(mine) == {name: f"the original {name}" for name in FILES}


@pytest.mark.parametrize("folder", [".", "notebooks", "notebooks/my", "notebooks/../notebooks"])
def test_a_folder_among_the_originals_or_around_them_is_refused(folder, originals, tmp_path):
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="a folder of their own"):
        private_copies.update(folder, originals)
    assert contents(tmp_path) == before


# The command


def command(*arguments, folder=ROOT):
    """Run the command in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "helpers.tools.private_copies", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
    )


def test_the_command_says_what_there_is_to_say_and_last_what_to_open(tmp_path):
    fresh = command(tmp_path / "week 1")
    assert fresh.stdout.splitlines() == [str(tmp_path / "week 1" / "00_start_here.ipynb")]
    copied = {p.relative_to(tmp_path / "week 1") for p in tmp_path.rglob("*.ipynb")}
    assert copied == {p.relative_to(ROOT / "notebooks") for p in run_notebooks.notebooks()}

    # As if the original had changed since.
    record = json.loads((tmp_path / "week 1" / RECORD).read_text(encoding="utf-8"))
    record["06_mig.ipynb"] = "another"
    (tmp_path / "week 1" / RECORD).write_text(json.dumps(record), encoding="utf-8")
    write(tmp_path / "week 1" / "06_mig.ipynb", "my answers")
    sentence, opened = command("week 1", folder=tmp_path).stdout.splitlines()
    assert "06_mig.ipynb has changed" in sentence
    assert opened == str(Path("week 1") / "00_start_here.ipynb")


def test_the_command_opens_the_originals_without_touching_them():
    run = command("notebooks")
    assert run.stdout.splitlines() == [str(Path("notebooks") / "00_start_here.ipynb")]
    assert not (ROOT / "notebooks" / RECORD).exists()


def test_what_cannot_be_done_is_a_sentence_and_no_traceback(tmp_path):
    write(tmp_path / "my", "a file where the folder should be")
    for folder, words in [(tmp_path / "my", "cannot be written"), (ROOT, "a folder of their own")]:
        run = command(folder)
        assert run.returncode == 1
        assert words in run.stderr
        assert "Traceback" not in run.stderr
        assert run.stdout == ""


def test_where_there_are_no_originals_the_command_says_so(tmp_path):
    with pytest.raises(ValueError, match="no notebooks in .*pip install -e"):
        private_copies.first(tmp_path, tmp_path)


@needs_make
def test_make_lab_opens_what_the_command_prints_last(tmp_path):
    # A project whose Python and JupyterLab only say what they were asked.
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    programs = {"python": "a sentence\\nmy/00 first.ipynb\\n", "jupyter": "opened <%s>\\n"}
    for name, prints in programs.items():
        program = tmp_path / ".venv" / "bin" / name
        write(program, f'#!/bin/sh\necho asked "$@" >&2\nprintf \'{prints}\' "$3"\n')
        program.chmod(0o755)
    (tmp_path / ".venv" / "lab.done").touch()

    make = ["make", "--no-print-directory", "lab"]
    for arguments, folder in [([], "my"), (["FOLDER=notebooks"], "notebooks")]:
        run = subprocess.run(
            [*make, *arguments], cwd=tmp_path, capture_output=True, encoding="utf-8"
        )
        assert f"asked -m helpers.tools.private_copies {folder}\n" in run.stderr
        assert run.stdout.splitlines() == ["a sentence", "opened <my/00 first.ipynb>"]


# Everything else looks at the originals


def test_copies_are_neither_tested_nor_linted_nor_committed(tmp_path):
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'testpaths = ["tests", "helpers", "notebooks"]' in settings
    assert re.search(r'^extend-exclude = .*"my"', settings, re.MULTILINE)
    assert "/my/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert private_copies.FOLDER == ROOT / "my"
    assert all("my" not in p.relative_to(ROOT).parts for p in run_notebooks.notebooks())
