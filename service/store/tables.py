"""The tables."""

from __future__ import annotations

__all__ = [
    "issue_notes",
    "issue_paths",
    "issue_scores",
    "issues",
    "metadata",
    "model_scores",
    "observations",
    "runs",
]

import datetime as dt
from typing import Any

import sqlalchemy as sa


class Instant(sa.TypeDecorator[dt.datetime]):
    """A moment in UTC: aware on both sides, also where the database knows no time zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        """Refuse a naive moment; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"expected a moment with a time zone, found {value}")
        return value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        """Return UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Every value ever seen, under two clocks: the day it counts, and when it was known.
observations = sa.Table(
    "observations",
    metadata,
    sa.Column("observation_id", sa.Integer, primary_key=True),
    sa.Column("series_id", sa.String(64), nullable=False),
    sa.Column("date", sa.Date, nullable=False),
    sa.Column("value", sa.Integer, nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("published_at", Instant),
    sa.Column("first_seen_at", Instant, nullable=False),
    sa.Column("known_at", Instant, nullable=False),
    sa.Column("known_at_assumed", sa.Boolean, nullable=False),
    sa.Column("superseded_at", Instant),
    sa.Index(
        "uq_observations_current",
        "series_id",
        "date",
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    ),
    sa.Index("ix_observations_series_id_date", "series_id", "date"),
)

# One row for each run of a job; claimed before the work.
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.Integer, primary_key=True),
    sa.Column("job", sa.String(32), nullable=False),
    sa.Column("period", sa.String(64), nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.UniqueConstraint("job", "period", name="uq_runs_job_period"),
    sa.Index("ix_runs_job_started_at", "job", "started_at"),
)

# An issue: the frozen paths of one series, published by one run. Never changed.
issues = sa.Table(
    "issues",
    metadata,
    sa.Column("issue_id", sa.String(64), primary_key=True),
    sa.Column("series_id", sa.String(64), nullable=False),
    sa.Column("run_id", sa.ForeignKey("runs.run_id"), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("origin", sa.Date, nullable=False),
    sa.Column("data_through", sa.Date, nullable=False),
    sa.Column("as_of", Instant, nullable=False),
    sa.Column("issued_at", Instant, nullable=False),
    sa.Column("champion", sa.String(64), nullable=False),
    sa.Column("wanted", sa.String(64), nullable=False, server_default=""),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("n_paths", sa.Integer, nullable=False),
    sa.Column("horizon_days", sa.Integer, nullable=False),
    sa.Column("inputs_hash", sa.String(64), nullable=False),
    sa.Column("failures", sa.JSON, nullable=False),
    sa.UniqueConstraint("series_id", "run_id", "origin", name="uq_issues_series_id_run_id_origin"),
    sa.Index("ix_issues_series_id_issued_at", "series_id", "issued_at"),
)

issue_paths = sa.Table(
    "issue_paths",
    metadata,
    sa.Column("issue_id", sa.ForeignKey("issues.issue_id"), primary_key=True),
    sa.Column("model", sa.String(64), primary_key=True),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("encoding", sa.String(32), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

# What was said of an issue when it was made: why, and what changed. As frozen as the issue.
issue_notes = sa.Table(
    "issue_notes",
    metadata,
    sa.Column("issue_id", sa.ForeignKey("issues.issue_id"), primary_key=True),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("content", sa.JSON, nullable=False),
)

# Scores of a declared model at a past origin; computed once for each state of the figures.
model_scores = sa.Table(
    "model_scores",
    metadata,
    sa.Column("series_id", sa.String(64), primary_key=True),
    sa.Column("model", sa.String(64), primary_key=True),
    sa.Column("spec_hash", sa.String(64), primary_key=True),
    sa.Column("origin", sa.Date, primary_key=True),
    sa.Column("figures_hash", sa.String(64), primary_key=True),
    sa.Column("scores", sa.JSON, nullable=False),
    sa.Column("computed_at", Instant, nullable=False),
)

# Scores of published issues. Those that a revision of the figures made obsolete are kept too.
issue_scores = sa.Table(
    "issue_scores",
    metadata,
    sa.Column("score_id", sa.Integer, primary_key=True),
    sa.Column("issue_id", sa.ForeignKey("issues.issue_id"), nullable=False),
    sa.Column("model", sa.String(64), nullable=False),
    sa.Column("days_known", sa.Integer, nullable=False),
    sa.Column("truth_hash", sa.String(64), nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
    sa.Column("scored_at", Instant, nullable=False),
    sa.Column("superseded_at", Instant),
    sa.Index(
        "uq_issue_scores_current",
        "issue_id",
        "model",
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    ),
)
