import os

import pytest

from service.cli.backup_archive import WrongFile, back_up, check
from service.core import run_store
from service.core.locks import SCHEDULER, try_lock
from tests.service.support import record_run


def test_backup_and_restore_commands(crossings, settings, tmp_path):
    archive = str(tmp_path / "crossings.zip")
    backup = crossings("backup", archive)
    assert backup.returncode == 0
    assert "2 issues" in backup.stdout
    assert crossings("restore", "--check", archive).stdout.startswith(f"intact: {archive}, made ")
    target = {"var_dir": tmp_path / "target", "fitted_dir": tmp_path / "target" / "fitted"}
    done = crossings("restore", archive, **target)
    assert (done.returncode, done.stdout.partition(":")[0]) == (0, "restored")
    assert "people-20251231" in crossings("status", **target).stdout


def test_backup_follows_a_link_and_rejects_a_pipe(context, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    link, target, pipe = folder / "link", folder / "linked \udcff" / "target", folder / "pipe"
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
    assert set(folder.iterdir()) == {link, pipe, target.parent}
    assert list(target.parent.iterdir()) == [target]


def test_backup_and_restore_errors(crossings, settings, tmp_path):
    archive = tmp_path / "crossings.zip"
    archive.write_bytes(b"not a backup")
    for arguments, status, message in (
        (["backup", str(archive)], 1, "already exists; use --overwrite to replace it"),
        (["backup", f"{tmp_path}/no/file"], 1, f"Error: {tmp_path}/no/file: No such file or dir"),
        (["restore", str(tmp_path / "none")], 2, "does not exist"),
        (["restore", "--check", str(archive)], 2, "expected a complete backup"),
        (["restore", str(tmp_path)], 2, "is a directory"),
    ):
        done = crossings(*arguments)
        assert (done.returncode, done.stdout) == (status, ""), arguments
        assert done.stderr.splitlines()[-1].startswith("Error: ")
        assert message in done.stderr
    assert archive.read_bytes() == b"not a backup"


def test_restore_is_rejected_while_a_scheduler_runs(crossings, context, tmp_path):
    back_up(context, archive := tmp_path / "crossings.zip")
    record_run(context.database, job="later")
    with try_lock(context.database, SCHEDULER):
        done = crossings("restore", "--overwrite", str(archive))
    assert (done.returncode, "a scheduler is running" in done.stderr) == (1, True)
    with context.database.reading() as connection:
        assert run_store.list_recent(connection, "later")
