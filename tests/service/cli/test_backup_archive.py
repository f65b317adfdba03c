import contextlib
import gzip
import hashlib
import io
import json
import shutil
import tarfile
import threading
from pathlib import Path

import pytest

from service.api import key_store
from service.app import create_app
from service.cli.backup_archive import BackupError, back_up, check, restore
from service.core import run_store
from service.core.context import open_context
from service.core.database import connect, this_migration
from service.core.settings import Settings
from service.mail import subscriber_store
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, ROOT, ManualClock, record_run, unpack

DATABASE, HEAD = "crossings.sqlite", "backup.json"
ALTERED = (DATABASE, "models/hurdle.toml")
UNEXPECTED = ("../../etc/x", "models/../../x", "x")
V1 = "/v1/series/people"
PAGES = [
    *("/v1/series", "/v1/status", f"{V1}/forecast?format=hubverse", f"{V1}/capacity"),
    *(f"{V1}/observations?format=csv", f"{V1}/revisions", f"{V1}/issues", f"{V1}/track-record"),
    *(f"{V1}/explanation", "/", "/record"),
]


@pytest.fixture(scope="module")
def shared_backup(published, tmp_path_factory):
    """A context with an issue, a key, a subscriber and its own models, and its backup."""
    home = tmp_path_factory.mktemp("kept")
    (home / "var").mkdir()
    shutil.copy(published / "after-refit.sqlite", home / "var" / "crossings.sqlite")
    shutil.copytree(published / "fitted", home / "fitted")
    shutil.copytree(ROOT / "models", home / "models", ignore=shutil.ignore_patterns("fitted"))
    folders = {f"{name}_dir": home / name for name in ("var", "fitted", "models")}
    context = open_context(Settings(**folders))
    with context.database.writing() as connection:
        key_store.create_key(connection, "grafana", "read", NOW)
        subscriber_store.add_subscriber(
            connection, "reader@reader.example.org", Preferences(300), NOW
        )
    back_up(context, home / "backup.tar.gz")
    yield context, home / "backup.tar.gz"
    context.database.close()


@pytest.fixture
def target(tmp_path):
    """Settings of another, empty machine."""
    home = tmp_path / "target"
    return Settings(var_dir=home / "var", models_dir=home / "models", fitted_dir=home / "fitted")


@pytest.fixture
def archive(shared_backup, tmp_path):
    return Path(shutil.copy(shared_backup[1], tmp_path / "backup.tar.gz"))


def get_responses(settings):
    context = open_context(settings)
    with contextlib.closing(context.database):
        client = create_app(context, ManualClock(NOW)).test_client()
        responses = ((path, client.get(path)) for path in PAGES)
        return {path: (r.status_code, r.headers.get("ETag"), r.data) for path, r in responses}


def read_tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def count_later_runs(settings):
    with contextlib.closing(connect(settings.database)) as opened:
        with opened.reading() as connection:
            return len(run_store.list_recent(connection, "later"))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_responses_are_the_same_after_restore_to_postgresql_and_back(
    shared_backup, target, database_url, tmp_path
):
    source, archive = shared_backup
    before = get_responses(source.settings)
    assert [path for path, (status, *_) in before.items() if status != 200] == []
    on_postgresql = target.model_copy(update={"database_url": database_url})
    rows = restore(on_postgresql, archive).rows
    assert rows["issues"] == 2 and rows["subscribers"] == rows["keys"] == 1
    assert get_responses(on_postgresql) == before, "on PostgreSQL"
    assert read_tree(on_postgresql.models_dir) == read_tree(source.settings.models_dir)
    assert read_tree(on_postgresql.fitted_folder) == read_tree(source.settings.fitted_folder)
    returned = tmp_path / "returned.tar.gz"
    context = open_context(on_postgresql)
    back_up(context, returned)
    context.database.close()
    on_sqlite = target.model_copy(update={"var_dir": tmp_path / "back"})
    restore(on_sqlite, returned, overwrite=True)
    assert get_responses(on_sqlite) == before, "on SQLite again"


def test_backup_is_private_and_lists_checksums(archive):
    assert archive.stat().st_mode & 0o777 == 0o600
    members = unpack(archive)
    head = json.loads(members.pop("backup.json"))
    assert head["sha256"] == {n: hashlib.sha256(v).hexdigest() for n, v in members.items()}
    assert check(archive).model_dump() == head
    assert (head["format"], head["migration"]) == (3, this_migration())
    assert len(members) == 1 + len([n for n in members if n.startswith(("models/", "fitted/"))])


def test_overwrite_is_required_to_replace_anything(shared_backup, archive, target, tmp_path):
    source, _ = shared_backup
    restore(target, archive)
    changed = target.models_dir / "hurdle.toml"
    changed.write_text(changed.read_text() + "\n# ours\n")
    with pytest.raises(BackupError) as caught:
        restore(target, archive)
    for place in ("the database", str(changed)):
        assert place in str(caught.value)
    with contextlib.closing(connect(target.database)) as opened:
        record_run(opened, job="later")
    unchanged = target.models_dir / "climatology.toml"
    inode = unchanged.stat().st_ino
    assert restore(target, archive, overwrite=True).rows["runs"] == 2
    assert not changed.read_text().endswith("# ours\n")
    assert read_tree(target.fitted_folder) == read_tree(source.settings.fitted_folder)
    assert unchanged.stat().st_ino == inode, "an identical file is not rewritten"
    back_up(source, archive, overwrite=True)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["models_dir", "fitted_dir"])
def test_unwritable_folder_stops_restore_before_database_changes(name, archive, target):
    restore(target, archive)
    with contextlib.closing(connect(target.database)) as opened:
        record_run(opened, job="later")
    before = read_tree(target.fitted_folder)
    blocked = target.var_dir / f"{name} in the way"
    blocked.write_text("a file where a folder is wanted")
    unusable = target.model_copy(update={name: blocked})
    with pytest.raises(BackupError, match=f"{name} in the way.*: nothing is restored") as caught:
        restore(unusable, archive, overwrite=True)
    assert "\n" not in str(caught.value)
    assert count_later_runs(target) == 1
    assert read_tree(target.fitted_folder) == before


def test_restore_says_if_only_the_database_is_restored(archive, target):
    folder = next(name for name in check(archive).sha256 if name.startswith("fitted/"))
    blocked = target.fitted_folder / Path(folder).parts[1]
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where a folder is wanted")
    expected = rf"{blocked.name}.*\): the database is restored, but the models are not$"
    with pytest.raises(BackupError, match=expected):
        restore(target, archive)


def test_backup_contains_only_whole_transactions(context, target, tmp_path):
    """A writer commits a run with two subscribers at a time; no backup has half of them."""
    stop = threading.Event()

    def write():
        database = connect(context.settings.database)
        number = 0
        while not stop.is_set():
            number += 1
            with database.writing() as connection:
                claimed = run_store.claim_run(connection, "refit", f"pair {number}", NOW)
                run_store.finish_run(connection, claimed, "done", "x" * 5000, {}, NOW)
                for address in (f"a{number}@reader.example.org", f"b{number}@reader.example.org"):
                    subscriber_store.add_subscriber(connection, address, Preferences(1), NOW)
        database.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(2):
            archive = tmp_path / f"{number}.tar.gz"
            rows = back_up(context, archive).rows
            assert rows["subscribers"] == 2 * (rows["runs"] - 2)
    finally:
        stop.set()
        writer.join()
    restore(target, tmp_path / "1.tar.gz")


def pack(members, archive):
    with tarfile.open(archive, "w:gz") as tar:
        for name, value in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(value)
            tar.addfile(member, io.BytesIO(value))
    return archive


def with_head(members, changes):
    """The members, with changes of the header."""
    return members | {HEAD: json.dumps(json.loads(members[HEAD]) | changes).encode()}


def restore_error(settings, archive):
    """The message with which `archive` is rejected; checks that nothing is restored."""
    with pytest.raises(BackupError) as caught:
        restore(settings, archive, overwrite=True)
    assert not settings.var_dir.exists()
    assert not settings.fitted_folder.exists()
    assert str(caught.value).startswith(f"{archive}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 50],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-100],
        lambda content: content + b"junk",
        lambda _: b"date,people\n",
        lambda _: gzip.compress(b"date,people\n" * 1000),
    ],
)
def test_file_that_is_no_complete_backup_is_rejected(archive, target, damage):
    archive.write_bytes(damage(archive.read_bytes()))
    assert "expected a complete backup" in restore_error(target, archive)


def change(members, name):
    return members | {name: members[name].replace(b"a", b"b", 1)}


def remove(members, name):
    return {other: content for other, content in members.items() if other != name}


def add(members, name):
    return {name: b"x"} | members


@pytest.mark.parametrize(
    ("alter", "argument", "message"),
    [
        *((change, name, f"{name} differs from what was written") for name in ALTERED),
        *((remove, name, f"{name} differs from what was written") for name in ALTERED),
        (add, "models/more.toml", "models/more.toml differs from what was written"),
        *((add, name, f"expected files of a backup, found {name!r}") for name in UNEXPECTED),
        (with_head, {"sha256": {}}, "crossings.sqlite differs from what was written"),
        (with_head, {"format": 2}, "expected a header of format 3 in backup.json"),
        (change, HEAD, "expected a header of format 3 in backup.json"),
        (with_head, {"migration": "0101"}, "'0101': restore it with the version that made it"),
    ],
)
def test_altered_backup_is_rejected(archive, target, alter, argument, message):
    pack(alter(unpack(archive), argument), archive)
    assert restore_error(target, archive).endswith(message)


def test_backup_of_an_invalid_database_is_not_restored(archive, target):
    members = unpack(archive)
    sums = json.loads(members[HEAD])["sha256"]
    for content in (b"no database" * 9, b""):
        members |= {DATABASE: content}
        sums |= {DATABASE: hashlib.sha256(content).hexdigest()}
        pack(with_head(members, {"sha256": sums}), archive)
        with pytest.raises(BackupError, match=r"backup.tar.gz is not restored: "):
            restore(target, archive, overwrite=True)
    assert not any(target.fitted_folder.iterdir())
