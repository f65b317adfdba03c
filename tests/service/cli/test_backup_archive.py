from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from service.api import key_store
from service.app import create_app
from service.cli import backup_archive as module
from service.cli.backup_archive import BackupError, back_up, check, restore
from service.core import run_store
from service.core.context import Context, open_context
from service.core.database import connect
from service.core.settings import Settings
from service.mail import subscriber_store
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, ROOT, Hand

HEAD = "backup.json"
V1 = "/v1/series/people"
QUESTIONS = [
    *("/v1/series", "/v1/status", "/v1/series/boats/forecast?horizon=400&levels=50,80,95"),
    f"{V1}/forecast?model=hurdle",
    f"{V1}/forecast?format=hubverse",
    f"{V1}/totals?periods=next_7_days,this_month,calendar_year",
    f"{V1}/exceedance?threshold=500&window=7&horizon=14",
    f"{V1}/capacity",
    f"{V1}/briefing",
    f"{V1}/observations?format=csv",
    f"{V1}/revisions",
    f"{V1}/issues",
    f"{V1}/track-record",
    f"{V1}/explanation",
    *("/", "/plan", "/record"),
]


def live(published: Path, home: Path) -> Context:
    """A database that has been used, and declared models of its own."""
    (home / "var").mkdir()
    shutil.copy(published / "after-refit.sqlite", home / "var" / "crossings.sqlite")
    shutil.copytree(published / "fitted", home / "fitted")
    shutil.copytree(ROOT / "models", home / "models", ignore=shutil.ignore_patterns("fitted"))
    folders = {f"{name}_dir": home / name for name in ("var", "fitted", "models")}
    context = open_context(Settings(**folders))
    with context.database.writing() as connection:
        key_store.create(connection, "grafana", "read", NOW)
        subscriber_store.add(connection, "reader@reader.example.org", Preferences(300), NOW)
    return context


@pytest.fixture
def lived(published: Path, tmp_path: Path) -> Iterator[Context]:
    """One that a test may change."""
    (home := tmp_path / "lived").mkdir()
    context = live(published, home)
    yield context
    context.database.close()


@pytest.fixture(scope="module")
def kept(published: Path, tmp_path_factory: Any) -> Iterator[tuple[Context, Path]]:
    """One that no test changes, and its backup."""
    context = live(published, home := tmp_path_factory.mktemp("kept"))
    back_up(context, home / "backup.tar.gz")
    yield context, home / "backup.tar.gz"
    context.database.close()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    """Another machine: nothing there."""
    home = tmp_path / "elsewhere"
    return Settings(var_dir=home / "var", models_dir=home / "models", fitted_dir=home / "fitted")


@pytest.fixture
def file(kept: tuple[Context, Path], tmp_path: Path) -> Path:
    return Path(shutil.copy(kept[1], tmp_path / "backup.tar.gz"))


@pytest.fixture
def server(postgresql: str) -> Iterator[str]:
    def clear() -> None:
        opened = connect(postgresql)
        with opened.writing() as connection:
            connection.execute(sa.text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
        opened.close()

    clear()
    yield postgresql
    clear()


def answers(settings: Settings) -> dict[str, tuple[int, str | None, bytes]]:
    context = open_context(settings)
    with contextlib.closing(context.database):
        client = create_app(context, Hand(NOW)).test_client()
        given = ((path, client.get(path)) for path in QUESTIONS)
        return {path: (one.status_code, one.headers.get("ETag"), one.data) for path, one in given}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_answers_are_the_same_on_the_other_database_and_back(
    kept: tuple[Context, Path], elsewhere: Settings, server: str, tmp_path: Path
) -> None:
    lived, file = kept
    before = answers(lived.settings)
    assert [path for path, (status, *_) in before.items() if status != 200] == []
    there = elsewhere.model_copy(update={"database_url": server})
    rows = restore(there, file)["rows"]
    assert rows["issues"] == 2 and rows["subscribers"] == rows["keys"] == 1
    assert answers(there) == before, "on PostgreSQL"
    assert tree(there.models_dir) == tree(lived.settings.models_dir)
    assert tree(there.fitted_folder) == tree(lived.settings.fitted_folder)
    returned = tmp_path / "returned.tar.gz"
    context = open_context(there)
    back_up(context, returned)
    context.database.close()
    back = elsewhere.model_copy(update={"var_dir": tmp_path / "back"})
    restore(back, returned, overwrite=True)
    assert answers(back) == before, "on SQLite again"


def test_a_backup_is_for_its_owner_alone_and_says_what_it_holds(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    content = unpack(file)
    head = json.loads(content.pop("backup.json"))
    assert head["sha256"] == {n: hashlib.sha256(v).hexdigest() for n, v in content.items()}
    assert check(file) == head and head["format"] == 2
    assert len(content) == 1 + len([n for n in content if n.startswith(("models/", "fitted/"))])


def test_nothing_is_overwritten_unasked(
    kept: tuple[Context, Path], file: Path, elsewhere: Settings, tmp_path: Path
) -> None:
    lived, _ = kept
    before = file.read_bytes()
    with pytest.raises(BackupError, match="already exists; use --overwrite to replace it"):
        back_up(lived, file)
    assert file.read_bytes() == before
    restore(elsewhere, file)
    changed = elsewhere.models_dir / "hurdle.toml"
    changed.write_text(changed.read_text() + "\n# ours\n")
    with pytest.raises(BackupError) as caught:
        restore(elsewhere, file)
    for place in ("the database", str(elsewhere.fitted_folder), str(changed)):
        assert place in str(caught.value)
    with_more = open_context(elsewhere)
    with with_more.database.writing() as connection:
        run_store.claim(connection, "later", "x", NOW)
    with_more.database.close()
    (elsewhere.fitted_folder / "mine").mkdir()
    assert restore(elsewhere, file, overwrite=True)["rows"]["runs"] == 2
    assert not changed.read_text().endswith("# ours\n")
    assert tree(elsewhere.fitted_folder) == tree(lived.settings.fitted_folder)
    assert not (elsewhere.fitted_folder / "mine").exists()
    back_up(lived, file, overwrite=True)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def rows_of_runs(settings: Settings) -> int:
    context = open_context(settings)
    with context.database.reading() as connection:
        found = len(run_store.recent(connection, "later"))
    context.database.close()
    return found


def test_a_folder_that_cannot_be_made_is_told_before_the_database_is_touched(
    file: Path, elsewhere: Settings
) -> None:
    restore(elsewhere, file)
    context = open_context(elsewhere)
    with context.database.writing() as connection:
        run_store.claim(connection, "later", "x", NOW)
    context.database.close()
    before = tree(elsewhere.fitted_folder)
    for name in ("models_dir", "fitted_dir"):
        blocked = elsewhere.var_dir / f"{name} in the way"
        blocked.write_text("a file where a folder is wanted")
        there = elsewhere.model_copy(update={name: blocked})
        with pytest.raises(BackupError, match=f"{name} in the way.*: nothing is restored") as told:
            restore(there, file, overwrite=True)
        assert "\n" not in str(told.value)
        assert rows_of_runs(elsewhere) == 1, "the database is as it was"
        assert tree(elsewhere.fitted_folder) == before


def test_what_is_written_meanwhile_is_in_it_whole_or_not_at_all(
    lived: Context, elsewhere: Settings, tmp_path: Path
) -> None:
    """A writer publishes pairs of issues without pause; no backup holds half a pair."""
    stop = threading.Event()

    def write() -> None:
        own = connect(lived.settings.database)
        number = 0
        while not stop.is_set():
            number += 1
            with own.writing() as connection:
                claimed = run_store.claim(connection, "refit", f"pair {number}", NOW)
                assert claimed
                run_store.finish(connection, claimed, "done", "x" * 5000, {}, NOW)
                for address in (f"a{number}@reader.example.org", f"b{number}@reader.example.org"):
                    subscriber_store.add(connection, address, Preferences(1), NOW)
        own.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(4):
            file = tmp_path / f"{number}.tar.gz"
            back_up(lived, file)
            rows = check(file)["rows"]
            assert (rows["subscribers"] - 1) == 2 * (rows["runs"] - 2)
    finally:
        stop.set()
        writer.join()
    restore(elsewhere, tmp_path / "3.tar.gz")


def pack(content: dict[str, bytes], file: Path, head: bytes | None = None) -> Path:
    """Archive `content`, with its sums in its head, or with another `head`."""
    sums = {name: hashlib.sha256(v).hexdigest() for name, v in content.items() if name != HEAD}
    new = json.dumps(json.loads(content[HEAD]) | {"sha256": sums}).encode()
    with tarfile.open(file, "w:gz") as archive:
        for name, value in {**content, HEAD: head or new}.items():
            member = tarfile.TarInfo(name)
            member.size = len(value)
            archive.addfile(member, io.BytesIO(value))
    return file


def unpack(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]


def refusal(settings: Settings, file: Path) -> str:
    """Why `file` is refused; nothing of it is in place then."""
    with pytest.raises(BackupError) as caught:
        restore(settings, file, overwrite=True)
    assert not settings.var_dir.exists()
    assert not settings.fitted_folder.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.999])
def test_one_that_is_cut_off_is_refused(file: Path, elsewhere: Settings, keep: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * keep)])
    assert "expected a complete backup" in refusal(elsewhere, file)


def test_one_that_was_changed_is_refused(file: Path, elsewhere: Settings, tmp_path: Path) -> None:
    content, packed = unpack(file), tmp_path / "changed.tar.gz"
    cases = [("models/more.toml", {"models/more.toml": b"", **content})]
    for name in ("crossings.sqlite", "models/hurdle.toml"):
        cases.append((name, content | {name: content[name].replace(b"a", b"b", 1)}))
        cases.append((name, {n: v for n, v in content.items() if n != name}))
    for name, changed in cases:
        said = refusal(elsewhere, pack(changed, packed, content[HEAD]))
        assert said.endswith(f"{name} is not what was written")


def test_sums_that_are_none_are_refused(file: Path, elsewhere: Settings, tmp_path: Path) -> None:
    content, odd = unpack(file), tmp_path / "odd.tar.gz"
    for head in (b"none\n", b"\n", b"\xff", b"[1]", b"7", b'{"sha256": "a"}'):
        assert "expected a complete backup" in refusal(elsewhere, pack(content, odd, head))
    for sums in (b"{}", b'{"a": "b"}', b"[]", b"null"):
        said = refusal(elsewhere, pack(content, odd, b'{"format": 2, "sha256": %s}' % sums))
        assert said.endswith(" is not what was written")


def test_what_is_odd_among_the_models_does_not_keep_from_a_backup(
    lived: Context, elsewhere: Settings, tmp_path: Path
) -> None:
    """Strangers and a version that is deleted meanwhile are left out; declarations are not."""
    version = next(lived.settings.fitted_folder.glob("people/hurdle/*"))
    for name in ("my notes.npz", "a..b.npz"):
        version.with_name(name).write_text("x")
    version.unlink()
    version.symlink_to("gone")
    (lived.settings.models_dir / "broken.toml").write_text("family = ")
    (lived.settings.models_dir / "my model.toml").write_text("family = ")
    file = tmp_path / "x.tar.gz"
    back_up(lived, file)
    content = unpack(file)
    assert content["models/broken.toml"] == b"family = " and "models/hurdle.toml" in content
    assert not any(name.startswith("fitted/people/hurdle/") for name in content)
    restore(elsewhere, file)


@pytest.mark.parametrize(
    "name", ["../../etc/x", "/etc/x", "models/../../x", "fitted/.x/y", "x", "tables/others/1.jsonl"]
)
def test_a_file_out_of_place_is_refused(
    name: str, file: Path, elsewhere: Settings, tmp_path: Path
) -> None:
    packed = pack({name: b"x"} | unpack(file), tmp_path / "odd.tar.gz")
    assert "expected files of a backup, found" in refusal(elsewhere, packed)


def test_what_is_no_backup_is_refused(elsewhere: Settings, tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(b"date,people\n")
    packed.write_bytes(gzip.compress(b"date,people\n" * 1000))
    for odd in (plain, packed):
        assert "expected a complete backup" in refusal(elsewhere, odd)
    later = pack({HEAD: b'{"format": 3}'}, tmp_path / "later.tar.gz")
    assert refusal(elsewhere, later).endswith("expected format 2, found 3")
    with tarfile.open(plain, "w:gz"):  # all that is left is an archive without its end
        pass
    assert refusal(elsewhere, plain).endswith("expected format 2, found None")


def test_nothing_stays_of_a_backup_that_fails(
    lived: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()

    def full(settings: Settings) -> Iterator[tuple[str, bytes]]:
        raise OSError(28, "No space left on device")
        yield "", b""

    monkeypatch.setattr(module, "read_model_files", full)
    with pytest.raises(OSError, match="No space"):
        back_up(lived, folder / "backup.tar.gz")
    assert not list(folder.iterdir())
