"""SQLite as we want it: many read beside one who writes, and what is deleted is gone."""

from __future__ import annotations

__all__ = ["BUSY_MILLISECONDS", "compact", "engine"]

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

BUSY_MILLISECONDS = 30_000
"""How long one who writes waits for another."""


def engine(url: sa.URL) -> sa.Engine:
    """Open the file that `url` names; it and its folder are made when missing.

    Raises
    ------
    OSError
        If the folder cannot be made.
    """
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        if _is_frozen(Path(url.database)):
            frozen = {"mode": "ro", "immutable": "1", "uri": "true"}
            url = url.set(database=f"file:{quote(url.database)}", query=frozen)
    # Parameters may hold addresses, which no error and no log repeats.
    opened = sa.create_engine(url, hide_parameters=True)

    @sa.event.listens_for(opened, "connect")
    def _prepare(connection: Any, record: Any) -> None:  # noqa: ARG001
        connection.isolation_level = None  # transactions begin where we say
        for pragma in (
            # First: turning a fresh file to WAL already meets the others that do so.
            f"busy_timeout={BUSY_MILLISECONDS}",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "secure_delete=ON",  # what is deleted, such as an address, is overwritten
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(opened, "begin")
    def _begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("one_statement"):
            return  # a statement sees one state anyway
        immediate = connection.get_execution_options().get("begin_immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return opened


def compact(opened: sa.Engine) -> int:
    """Give the disk back what deleted rows held; the bytes by which the file is smaller.

    While it lasts the disk needs room for the rows twice more: in a copy, and in SQLite's log.
    """
    file = Path(opened.url.database or "")
    with opened.execution_options(one_statement=True).connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        before = file.stat().st_size
        connection.exec_driver_sql("VACUUM")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return before - file.stat().st_size


def _is_frozen(file: Path) -> bool:
    """Whether nobody writes a file in a folder that we may not write.

    SQLite would make its log beside the file, and cannot read without.
    """
    log = file.with_name(f"{file.name}-wal")
    return file.exists() and not log.exists() and not os.access(file.parent, os.W_OK)
