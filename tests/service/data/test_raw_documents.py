from __future__ import annotations

import datetime as dt
import os

from service.data import raw_documents

NOW = dt.datetime(2025, 12, 31, tzinfo=dt.UTC)


def set_age(path, days):
    moment = (NOW - dt.timedelta(days=days)).timestamp()
    os.utime(path, (moment, moment))


def test_same_content_is_kept_once(tmp_path):
    first = raw_documents.save_document(tmp_path, b"abc", ".ods")
    assert raw_documents.save_document(tmp_path, b"abc", ".ods") == first
    assert first.read_bytes() == b"abc"
    assert first.name == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.ods"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [first]


def test_old_documents_are_deleted_unless_kept_again(tmp_path):
    old, repeated, new = (
        raw_documents.save_document(tmp_path, content, ".html") for content in (b"1", b"2", b"3")
    )
    set_age(old, 91)
    set_age(repeated, 91)
    set_age(new, 1)
    raw_documents.save_document(tmp_path, b"2", ".html")
    raw_documents.prune_documents(tmp_path, 90, NOW)
    assert (old.exists(), repeated.exists(), new.exists()) == (False, True, True)
