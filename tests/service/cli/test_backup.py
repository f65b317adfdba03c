from __future__ import annotations

from pathlib import Path

from service.settings import Settings
from tests.service.support import Crossings


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


def test_what_cannot_be_done_is_one_line(
    crossings: Crossings, settings: Settings, tmp_path: Path
) -> None:
    source = {"var_dir": settings.var_dir, "fitted_dir": settings.fitted_folder}
    file = tmp_path / "crossings.tar.gz"
    file.write_bytes(b"not it")
    for arguments, status, said in (
        (["backup", str(file)], 1, "is there already; --overwrite replaces it"),
        (["backup", str(tmp_path / "no" / "file")], 1, "No such file or directory"),
        (["restore", str(tmp_path / "none")], 1, "No such file or directory"),
        (["restore", "--check", str(file)], 1, "expected a whole backup"),
        (["restore", str(tmp_path)], 2, "is a directory"),
    ):
        done = crossings(*arguments, **source)
        assert (done.returncode, done.stdout) == (status, ""), arguments
        assert done.stderr.splitlines()[-1].startswith("Error: ")
        assert said in done.stderr
    assert file.read_bytes() == b"not it"
