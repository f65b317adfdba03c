from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from service.cli.backup_archive import WrongFile, back_up, check
from service.core import run_store
from service.core.context import Context
from service.core.settings import Settings
from tests.service.support import NOW, ROOT, Crossings, bind, command, environment


def test_a_backup_is_made_checked_and_restored(
    crossings: Crossings, settings: Settings, tmp_path: Path
) -> None:
    source = {"var_dir": settings.var_dir, "fitted_dir": settings.fitted_folder}
    file = str(tmp_path / "crossings.tar.gz")
    made = crossings("backup", file, **source)
    assert made.returncode == 0
    assert "2 issues" in made.stdout
    assert crossings("restore", "--check", file).stdout.startswith(f"whole: {file} of ")
    there = {"var_dir": tmp_path / "there", "fitted_dir": tmp_path / "there" / "fitted"}
    done = crossings("restore", file, **there)
    assert (done.returncode, done.stdout.partition(":")[0]) == (0, "restored")
    assert "people-20251231" in crossings("status", **there).stdout


def test_a_good_backup_is_kept_where_there_is_no_database(
    crossings: Crossings, tmp_path: Path
) -> None:
    file, wrong = tmp_path / "crossings.tar.gz", tmp_path / "wrong"
    file.write_bytes(b"the good one")
    for _ in range(2):  # no folder, then a file without tables
        done = crossings("backup", str(file), "--overwrite", var_dir=wrong)
        assert (done.returncode, done.stdout) == (1, "")
        place = f"sqlite:///{wrong / 'crossings.sqlite'}"
        assert done.stderr == f"Error: {place}: no database to back up\n"
        wrong.mkdir(exist_ok=True)
        (wrong / "crossings.sqlite").touch()
    assert file.read_bytes() == b"the good one"


def test_a_link_is_followed_and_what_is_no_file_refused(context: Context, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    link, target, pipe = folder / "link", folder / "there" / "target", folder / "pipe"
    target.parent.mkdir()
    link.symlink_to(target)
    for content in (None, b"stale"):
        if content:
            target.write_bytes(content)
        back_up(context, link, overwrite=content is not None)
        assert link.is_symlink() and check(target)
    os.mkfifo(pipe)
    with pytest.raises(WrongFile, match="expected a regular file, found another kind"):
        back_up(context, pipe, overwrite=True)
    assert pipe.is_fifo()
    assert sorted(folder.iterdir()) == [link, pipe, target.parent]
    assert list(target.parent.iterdir()) == [target]


def test_what_cannot_be_done_is_one_line(
    crossings: Crossings, settings: Settings, tmp_path: Path
) -> None:
    source = {"var_dir": settings.var_dir, "fitted_dir": settings.fitted_folder}
    file = tmp_path / "crossings.tar.gz"
    file.write_bytes(b"not it")
    for arguments, status, said in (
        (["backup", str(file)], 1, "already exists; use --overwrite to replace it"),
        (["backup", f"{tmp_path}/no/file"], 1, f"Error: {tmp_path}/no/file: No such file or dir"),
        (["restore", str(tmp_path / "none")], 2, "does not exist"),
        (["restore", "--check", str(file)], 2, "expected a complete backup"),
        (["restore", str(tmp_path)], 2, "is a directory"),
    ):
        done = crossings(*arguments, **source)
        assert (done.returncode, done.stdout) == (status, ""), arguments
        assert done.stderr.splitlines()[-1].startswith("Error: ")
        assert said in done.stderr
    assert file.read_bytes() == b"not it"


def test_nothing_is_restored_under_a_running_scheduler(
    crossings: Crossings, context: Context, tmp_path: Path
) -> None:
    own = {"var_dir": context.settings.var_dir, "fitted_dir": context.settings.fitted_folder}
    back_up(context, file := tmp_path / "crossings.tar.gz")
    with context.database.writing() as connection:
        run_store.claim(connection, "later", "x", NOW)
    for is_running in (True, False):
        with context.database.alone("scheduler" if is_running else "other"):
            done = crossings("restore", "--overwrite", str(file), **own)
        assert (done.returncode, "a scheduler is running" in done.stderr) == (is_running,) * 2
        with context.database.reading() as connection:
            assert len(run_store.recent(connection, "later")) == is_running


def test_declarations_in_a_read_only_folder(
    crossings: Crossings, context: Context, tmp_path: Path
) -> None:
    """As in the container: the same ones are no hindrance, others are told beforehand."""
    models = tmp_path / "models"
    shutil.copytree(context.settings.models_dir, models, ignore=shutil.ignore_patterns("fitted"))
    own = context.settings.model_dump(exclude_defaults=True) | {"models_dir": models}
    file, sarimax = str(tmp_path / "crossings.tar.gz"), models / "sarimax.toml"
    assert crossings("backup", file, **own).returncode == 0
    mine = context.settings.fitted_folder / "mine"
    for more, status in ((b"", 0), (b"# ours\n", 1)):
        with sarimax.open("ab") as stream:
            stream.write(more)
        mine.mkdir()
        with context.database.writing() as connection:
            run_store.claim(connection, "later", "x", NOW)
        models.chmod(0o500)
        try:
            done = subprocess.run(
                command("restore", "--overwrite", file),
                env=environment(**own),
                cwd=ROOT,
                capture_output=True,
                text=True,
                preexec_fn=bind,
            )
        finally:
            models.chmod(0o700)
        assert done.returncode == status, done.stderr
        with context.database.reading() as connection:
            assert len(run_store.recent(connection, "later")) == status, "restored, or untouched"
        assert mine.exists() == bool(status)
    said = done.stderr.splitlines()[-1]
    assert said == f"Error: {sarimax} cannot be written (Permission denied): nothing is restored"
    assert sarimax.read_bytes().endswith(b"# ours\n")
    assert not list(context.settings.fitted_folder.glob(".*"))
