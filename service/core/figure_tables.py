"""The tables of observed figures and weather."""

__all__ = ["documents", "fetches", "observations", "weather"]

import sqlalchemy as sa

from service.core.columns import Instant, table, unique_while

# Every accepted source document, complete; `observations` are parsed from them.
documents = table(
    "documents",
    sa.Column("document_id", sa.Integer, primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("route", sa.String(32), nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("published_at", Instant),
    sa.Column("known_at", Instant),
    sa.Column("known_at_assumed", sa.Boolean, nullable=False),
    sa.Column("first_seen_at", Instant, nullable=False),
    sa.Column("first_date", sa.Date, nullable=False),
    sa.Column("last_date", sa.Date, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("fingerprint", name="uq_documents_fingerprint"),
    sa.Index("ix_documents_route_last_date", "route", "last_date"),
)

# Every value with two dates: the day it counts, and when it was known. A value that never applied
# is superseded at the moment it was known.
observations = table(
    "observations",
    sa.Column("observation_id", sa.Integer, primary_key=True),
    sa.Column("series_id", sa.String(64), nullable=False),
    sa.Column("date", sa.Date, nullable=False),
    sa.Column("value", sa.Integer, nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("published_at", Instant),
    sa.Column("first_seen_at", Instant, nullable=False),
    sa.Column("known_at", Instant, nullable=False),
    sa.Column("known_at_assumed", sa.Boolean, nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("marked_revised", sa.Boolean, nullable=False),
    sa.Column("superseded_at", Instant),
    unique_while("superseded_at IS NULL", "uq_observations_current", "series_id", "date"),
    sa.Index("ix_observations_series_id_date", "series_id", "date"),
)

# HTTP validators (ETag, Last-Modified) by route and URL, so that sites can answer "not modified".
fetches = table(
    "fetches",
    sa.Column("route", sa.String(32), primary_key=True),
    sa.Column("url", sa.String(500), primary_key=True),
    sa.Column("etag", sa.String(500)),
    sa.Column("last_modified", sa.String(100)),
    sa.Column("fetched_at", Instant, nullable=False),
)

# Weather readings, never changed: one kind and reading, in daily columns.
weather = table(
    "weather",
    sa.Column("weather_id", sa.Integer, primary_key=True),
    sa.Column("route", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("first_seen_at", Instant, nullable=False),
    sa.Column("first_date", sa.Date, nullable=False),
    sa.Column("last_date", sa.Date, nullable=False),
    sa.Column("n_members", sa.Integer, nullable=False),
    sa.Column("names", sa.JSON, nullable=False),
    sa.Column("encoding", sa.String(32), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("fingerprint", name="uq_weather_fingerprint"),
    sa.Index("ix_weather_route_kind_first_seen_at", "route", "kind", "first_seen_at"),
)
