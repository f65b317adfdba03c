"""Ingest: read the newest figures and store them."""

__all__ = ["OTHER", "Reading", "ingest", "read_source"]

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from service.core.clock import format_instant, utc_now
from service.core.context import Context
from service.core.database import Connection
from service.core.declared_series import Route
from service.core.job_runner import JobError, Outcome, run_job
from service.data import document_store, observation_store, rules
from service.data.collect import Collected, collect_documents
from service.data.csv_rows import CsvFile
from service.data.observation_store import Change
from service.data.source import Document, SourceError, Unreachable

OTHER = "ingest-other"
"""Job name for sources other than the configured one."""

_UNDATED = ("figures", "csv", "declared")
_TRUSTED = ("figures", "csv")  # our own, and a person's


@dataclass(frozen=True)
class Reading:
    """Changes that the source `title` would make, or has made, in order of publication."""

    title: str
    taken: list[tuple[Document, list[Change]]]
    refusals: list[SourceError]

    @property
    def changes(self) -> list[Change]:
        """Every changed figure, by series and day."""
        changes = [change for _, changes in self.taken for change in changes]
        return sorted(changes, key=lambda change: (change.series_id, change.date))

    @property
    def notes(self) -> list[str]:
        """Repairs, and unlikely but possible figures."""
        return [note for document, _ in self.taken for note in document.notes]

    def describe_changes(self) -> str:
        """Describe in words how many figures changed."""
        if not self.taken:
            nothing = "nothing could be read" if self.refusals else "nothing new was published"
            return f"{nothing} at {self.title}"
        counts = ", ".join(f"{number} {name}" for name, number in self.count_figures().items())
        through = max(document.data_through for document, _ in self.taken)
        return f"{counts} from {self.title}, to {through}"

    def count_figures(self) -> dict[str, int]:
        """Return how many figures are ``new``, ``revised`` and ``unchanged``."""
        changed = len(self.changes)
        new = sum(change.before is None for change in self.changes)
        stated = sum(len(one) for document, _ in self.taken for one in document.figures.values())
        return {"new": new, "revised": changed - new, "unchanged": stated - changed}


def ingest(
    context: Context,
    source: str | None = None,
    file: CsvFile | Path | None = None,
    period: str | None = None,
    accept_jumps: bool = False,
) -> Outcome:
    """Read a source and store new and revised figures in one transaction.

    If a document is rejected, others of the source are still stored, and the run fails: `JobError`.
    Sources other than the configured one, such as a private file, have runs of another name, which
    do not affect the status. With `accept_jumps` a published figure may change beyond the limit
    without a note, because a person has checked it.
    """
    name = source or context.settings.source
    job = "ingest" if name == context.settings.source else OTHER
    return run_job(context, job, lambda _: _ingest(context, name, file, accept_jumps), period)


def _ingest(
    context: Context, source: str, file: CsvFile | Path | None, accept_jumps: bool
) -> Outcome:
    reading = read_source(context, source, file, accept_jumps, is_stored=True)
    counted, counts = reading.describe_changes(), reading.count_figures()
    detail = {
        "source": source,
        "new": counts["new"],
        "revised": counts["revised"],
        "notes": reading.notes,
        "documents": [
            {
                "source": one.source,
                "published_at": one.published_at and format_instant(one.published_at),
                "data_through": one.data_through.isoformat(),
            }
            for one, _ in reading.taken
        ],
    }
    if not reading.refusals:
        return Outcome("done", counted, detail)
    reason = "; ".join(map(str, reading.refusals))
    if all(isinstance(refusal, Unreachable) for refusal in reading.refusals):
        reason = (
            f"{reading.title} could not be reached; the figures read before are served: "
            f"{reading.refusals[0]}"
        )
    if reading.taken:
        reason += f" (the other published figures are stored: {counted})"
    raise JobError(reason, detail) from reading.refusals[0]


def read_source(
    context: Context,
    source: str | None = None,
    file: CsvFile | Path | None = None,
    accept_jumps: bool = False,
    is_stored: bool = False,
) -> Reading:
    """Read a source and return its changes; only if `is_stored`, store anything."""
    route, source = context.route, source or context.settings.source
    with context.database.reading() as connection:
        earlier = document_store.get_validators(connection, route)
    today = route.day(utc_now())
    collected = collect_documents(
        context.settings, route, source, file, today, earlier, is_kept=is_stored
    )
    with context.database.writing() as connection:
        taken = _store_valid(connection, route, collected, accept_jumps)
        if not is_stored:
            connection.rollback()
    title = route.source.title if source == "declared" and route.source else source
    return Reading(title, taken, collected.refusals)


def _store_valid(
    connection: Connection, route: Route, collected: Collected, accept_jumps: bool
) -> list[tuple[Document, list[Change]]]:
    """Store each document, but refuse one that contradicts what was published before it."""
    now = utc_now()
    taken = []
    known = [(_known_at(route, document), document) for document in collected.documents]
    for known_at, document in sorted(known, key=lambda pair: pair[0] or now):
        try:
            if not set(document.figures) <= set(route.stored):
                expected = f"the declared series {', '.join(route.stored)}"
                raise SourceError(document.name, expected, ", ".join(document.figures))
            if document.source not in _TRUSTED and not accept_jumps:
                _check_changes(connection, route, document, min(known_at or now, now))
            changes = observation_store.store_figures(connection, route, document, now, known_at)
            taken.append((document, changes))
        except SourceError as error:
            collected.refusals.append(error)
    names = [document.name for document, _ in taken]
    validators = {url: stated for url, stated in collected.validators.items() if url in names}
    document_store.save_validators(connection, route, validators, now)
    return taken


def _check_changes(
    connection: Connection, route: Route, document: Document, known_at: dt.datetime
) -> None:
    just_before = known_at - dt.timedelta(microseconds=1)
    published = {}
    for series_id, counts in document.figures.items():
        if counts:
            first = min(counts)
            rows = observation_store.list_current(connection, series_id, just_before, first)
            published[series_id] = {row.date: row.value for row in rows}
    rules.check_changes(document, published, route)


def _known_at(route: Route, document: Document) -> dt.datetime | None:
    """Return when the document became known, by default after its last day; None if by figure."""
    if document.source in _UNDATED:
        return None
    return document.published_at or route.assumed_known_at(document.data_through)
