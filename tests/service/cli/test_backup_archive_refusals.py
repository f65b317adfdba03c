from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from service.cli.backup_archive import BackupError, back_up, restore
from service.core.context import open_context
from service.core.settings import Settings
from tests.service.support import unpack

HEAD = "backup.json"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A backup of an empty database and the declared models."""
    home = tmp_path_factory.mktemp("written")
    context = open_context(Settings(var_dir=home / "var", fitted_dir=home / "fitted"))
    with contextlib.closing(context.database):
        back_up(context, home / "backup.tar.gz")
    return (home / "backup.tar.gz").read_bytes()


@pytest.fixture
def archive(written: bytes, tmp_path: Path) -> Path:
    (tmp_path / "backup.tar.gz").write_bytes(written)
    return tmp_path / "backup.tar.gz"


@pytest.fixture
def target(tmp_path: Path) -> Settings:
    """Settings of another, empty machine."""
    home = tmp_path / "target"
    return Settings(var_dir=home / "var", models_dir=home / "models", fitted_dir=home / "fitted")


def pack(members: dict[str, bytes], archive: Path, head: bytes | None = None) -> Path:
    """Write `members` as a backup, with `head` or else a header with the right checksums."""
    sums = {name: hashlib.sha256(v).hexdigest() for name, v in members.items() if name != HEAD}
    new = json.dumps(json.loads(members[HEAD]) | {"sha256": sums}).encode()
    with tarfile.open(archive, "w:gz") as tar:
        for name, value in {**members, HEAD: head or new}.items():
            member = tarfile.TarInfo(name)
            member.size = len(value)
            tar.addfile(member, io.BytesIO(value))
    return archive


def restore_error(settings: Settings, archive: Path) -> str:
    """The message with which `archive` is rejected; checks that nothing is restored."""
    with pytest.raises(BackupError) as caught:
        restore(settings, archive, overwrite=True)
    assert not settings.var_dir.exists()
    assert not settings.fitted_folder.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.999])
def test_truncated_backup_is_rejected(archive: Path, target: Settings, keep: float) -> None:
    members = archive.read_bytes()
    archive.write_bytes(members[: int(len(members) * keep)])
    assert "expected a complete backup" in restore_error(target, archive)


def test_altered_backup_is_rejected(archive: Path, target: Settings, tmp_path: Path) -> None:
    members, packed = unpack(archive), tmp_path / "altered.tar.gz"
    cases = [("models/more.toml", {"models/more.toml": b"", **members})]
    for name in ("crossings.sqlite", "models/hurdle.toml"):
        cases.append((name, members | {name: members[name].replace(b"a", b"b", 1)}))
        cases.append((name, {n: v for n, v in members.items() if n != name}))
    for name, changed in cases:
        message = restore_error(target, pack(changed, packed, members[HEAD]))
        assert message.endswith(f"{name} differs from what was written")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"none\n", "backup.json: Invalid JSON"),
        (b"\xff", "backup.json: Invalid JSON"),
        (b"[" * 200_000, "backup.json: Invalid JSON"),
        (b"[1]", "backup.json: expected an object"),
        ({"format": 2, "migration": None}, "format: expected 3, found 2"),
        ({"migration": None}, "migration: expected text, found none"),
        ({"migration": "0101"}, "found '0101': restore it with the version that made it"),
        ({"made_at": None}, "made_at: expected text, found none"),
        ({"rows": [1]}, "rows: expected an object, found [1]"),
        ({"rows": {"issues": "7"}}, "rows: expected a whole number, found '7'"),
        ({"sha256": {}}, "crossings.sqlite differs from what was written"),
        ({"sha256": {"a": "b"}}, "a differs from what was written"),
        ({"sha256": "a"}, "sha256: expected an object, found 'a'"),
    ],
)
def test_invalid_header_is_rejected(
    archive: Path, target: Settings, tmp_path: Path, head: bytes | dict[str, Any], message: str
) -> None:
    members, packed = unpack(archive), tmp_path / "invalid.tar.gz"
    if isinstance(head, dict):
        head = json.dumps(json.loads(members[HEAD]) | head).encode()
    rejected = restore_error(target, pack(members, packed, head))
    assert rejected.startswith(f"{packed}: ") and message in rejected


def test_backup_without_its_database_is_rejected(
    archive: Path, target: Settings, tmp_path: Path
) -> None:
    packed, members = tmp_path / "without.tar.gz", unpack(archive)
    only = pack({HEAD: members[HEAD]}, packed)
    assert restore_error(target, only).endswith("crossings.sqlite differs from what was written")
    other = pack(members | {"crossings.sqlite": b"no database" * 9}, packed)
    with pytest.raises(BackupError, match="without.tar.gz is not restored: database: "):
        restore(target, other)
    empty = pack(members | {"crossings.sqlite": b""}, packed)
    with pytest.raises(BackupError, match="without.tar.gz is not restored: .*alembic_version"):
        restore(target, empty, overwrite=True)
    assert not any(target.fitted_folder.iterdir())


@pytest.mark.parametrize("name", ["crossings.sqlite", "models/hurdle.toml", HEAD])
def test_repeated_member_is_rejected(
    archive: Path, target: Settings, tmp_path: Path, name: str
) -> None:
    members, packed = unpack(archive), tmp_path / "repeated.tar"
    packed.write_bytes(gzip.decompress(archive.read_bytes()))
    with tarfile.open(packed, "a") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(members[name])
        tar.addfile(member, io.BytesIO(members[name]))
    packed.write_bytes(gzip.compress(packed.read_bytes()))
    assert restore_error(target, packed)


@pytest.mark.parametrize("is_inside", [True, False], ids=["tar", "gzip"])
def test_junk_after_the_end_is_rejected(archive: Path, target: Settings, is_inside: bool) -> None:
    content = archive.read_bytes()
    tar = gzip.decompress(content)
    archive.write_bytes(gzip.compress(tar + b"junk") if is_inside else content + b"junk")
    assert "expected" in restore_error(target, archive)


@pytest.mark.parametrize(
    "name", ["../../etc/x", "/etc/x", "models/../../x", "fitted/.x/y", "x", "tables/others/1.jsonl"]
)
def test_unexpected_member_is_rejected(
    name: str, archive: Path, target: Settings, tmp_path: Path
) -> None:
    packed = pack({name: b"x"} | unpack(archive), tmp_path / "unexpected.tar.gz")
    assert "expected files of a backup, found" in restore_error(target, packed)


def test_file_that_is_not_a_backup_is_rejected(target: Settings, tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(b"date,people\n")
    packed.write_bytes(gzip.compress(b"date,people\n" * 1000))
    for other in (plain, packed):
        assert "expected a complete backup" in restore_error(target, other)
    link = tarfile.TarInfo("././@LongLink")
    link.type = tarfile.GNUTYPE_LONGNAME
    packed.write_bytes(gzip.compress(link.tobuf(tarfile.GNU_FORMAT) * 3000))
    assert "expected a complete backup" in restore_error(target, packed), "endless names"
    with tarfile.open(plain, "w:gz"):  # an empty archive
        pass
    assert "backup.json: Invalid JSON" in restore_error(target, plain)
