import contextlib
import itertools
import json
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest
import sqlalchemy as sa

from service.api import key_store
from service.app import create_app
from service.cli.backup_archive import BackupError, back_up, check, restore
from service.core import run_store
from service.core.context import open_context
from service.core.database import connect, this_migration
from service.core.settings import Settings
from service.mail import subscriber_store
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, ROOT, ManualClock, record_run

DATABASE, HEAD, HURDLE = "crossings.sqlite", "backup.json", "models/hurdle.toml"
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
    back_up(context, home / "backup.zip")
    yield context, home / "backup.zip"
    context.database.close()


@pytest.fixture
def target(tmp_path):
    """Settings of another, empty machine."""
    home = tmp_path / "target"
    return Settings(var_dir=home / "var", models_dir=home / "models", fitted_dir=home / "fitted")


@pytest.fixture
def archive(shared_backup, tmp_path):
    return Path(shutil.copy(shared_backup[1], tmp_path / "backup.zip"))


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
    returned = tmp_path / "returned.zip"
    context = open_context(on_postgresql)
    back_up(context, returned)
    context.database.close()
    on_sqlite = target.model_copy(update={"var_dir": tmp_path / "back"})
    restore(on_sqlite, returned, overwrite=True)
    assert get_responses(on_sqlite) == before, "on SQLite again"


def test_backup_is_private_and_has_a_header(archive):
    assert archive.stat().st_mode & 0o777 == 0o600
    members = unpack(archive)
    head = json.loads(members.pop(HEAD))
    assert check(archive).model_dump() == head
    assert head["migration"] == this_migration()
    assert sorted([DATABASE, *head["models"]]) == sorted(members)


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
    expected = f"{name} in the way.*: the database is not restored$"
    with pytest.raises(BackupError, match=expected) as caught:
        restore(unusable, archive, overwrite=True)
    assert "\n" not in str(caught.value)
    assert count_later_runs(target) == 1
    assert read_tree(target.fitted_folder) == before


def test_backup_is_of_one_moment(context, tmp_path):
    """Between any two of its statements, somebody adds a run and two subscribers."""
    numbers = itertools.count()
    with contextlib.closing(connect(context.settings.database)) as writer:

        def write(*_):
            number = next(numbers)
            record_run(writer, f"{number}", outcome="done")
            with writer.writing() as connection:
                for name in "ab":
                    address = f"{name}{number}@reader.example.org"
                    subscriber_store.add_subscriber(connection, address, Preferences(1), NOW)

        sa.event.listen(context.database.engine, "before_cursor_execute", write)
        rows = back_up(context, tmp_path / "backup.zip").rows
    assert rows["subscribers"] == 2 * (rows["runs"] - 2)
    assert next(numbers) > len(rows)


def unpack(archive):
    with ZipFile(archive) as file:
        return {name: file.read(name) for name in file.namelist()}


def pack(members, archive):
    with ZipFile(archive, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)


def with_head(members, **changes):
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


def flip(content, place):
    """Change a bit of the byte at `place`."""
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: content[1:],
        lambda content: flip(content, 1000),
        lambda content: flip(content, len(content) // 2),
        lambda content: flip(content, -22),  # the mark of the end
        lambda content: flip(content, content.index(b"PK\1\2") + 10),  # the kind of compression
        lambda content: content.replace(HURDLE.encode(), b"../../x/hurdle.toml"),
        lambda _: b"date,people\n",
        lambda _: b"",
    ],
)
def test_file_that_is_no_complete_backup_is_rejected(archive, target, damage):
    archive.write_bytes(damage(archive.read_bytes()))
    assert "expected a complete backup, found " in restore_error(target, archive)


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda members: {HEAD: members[HEAD]}, "'crossings.sqlite' added or removed"),
        (lambda members: members | {"../../x": b"x"}, "'../../x' added or removed"),
        (lambda members: {DATABASE: members[DATABASE]}, "no item named 'backup.json'"),
        (lambda members: with_head(members, rows=1), "the header of a backup in backup.json"),
        (lambda members: members | {HEAD: b"{"}, "the header of a backup in backup.json"),
        (
            lambda members: with_head(members, migration="0101"),
            "'0101': restore it with the version that made it",
        ),
    ],
)
def test_altered_backup_is_rejected(archive, target, alter, message):
    pack(alter(unpack(archive)), archive)
    assert message in restore_error(target, archive)


def test_unexpected_names_and_databases_are_not_restored(archive, target):
    """Even if the header lists them."""
    members = unpack(archive) | {"models/../../x.toml": b"x"}
    for content in (b"no database" * 9, b""):
        names = [name for name in members if name not in (HEAD, DATABASE)]
        pack(with_head(members | {DATABASE: content}, models=names), archive)
        with pytest.raises(BackupError, match=r"backup.zip is not restored: "):
            restore(target, archive, overwrite=True)
    assert not list(target.var_dir.parent.rglob("x.toml"))
    assert not list(target.fitted_folder.glob(".*"))
