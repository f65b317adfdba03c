"""The tables of the database."""

__all__ = [
    "deliveries",
    "documents",
    "early_warnings",
    "editions",
    "fetches",
    "issue_notes",
    "issue_paths",
    "issue_scores",
    "issues",
    "keys",
    "metadata",
    "model_scores",
    "observations",
    "opt_ins",
    "runs",
    "subscribers",
    "weather",
]

from typing import Any

import sqlalchemy as sa

from service.core.columns import Instant, metadata, table, unique_while

# One row for each run of a job, claimed before the work. One requested over HTTP waits until the
# scheduler claims it.
runs = table(
    "runs",
    sa.Column("run_id", sa.Integer, primary_key=True),
    sa.Column("route", sa.String(32), nullable=False, server_default=""),
    sa.Column("job", sa.String(32), nullable=False),
    sa.Column("period", sa.String(64), nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="1"),
    sa.Column("asked_by", sa.String(64)),
    sa.Column("asked_at", Instant),
    sa.UniqueConstraint("route", "job", "period", name="uq_runs_route_job_period"),
    sa.Index("ix_runs_job_route_run_id", "job", "route", "run_id"),
    sa.Index("ix_runs_outcome", "outcome", "route", "job", "finished_at"),
    # At most one waits for each route and job; another request returns it.
    unique_while("outcome = 'waiting'", "uq_runs_waiting", "route", "job"),
)

# Every accepted source document, complete; `observations` are parsed from them.
documents = table(
    "documents",
    sa.Column("document_id", sa.Integer, primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("route", sa.String(32), nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("published_at", Instant),
    sa.Column("known_at", Instant),
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
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("fingerprint", name="uq_weather_fingerprint"),
    sa.Index("ix_weather_route_kind_first_seen_at", "route", "kind", "first_seen_at"),
)

# An issue: the published paths of one series, from one run. Never changed.
issues = table(
    "issues",
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
    sa.Index("ix_issues_origin_kind", "origin", "kind"),
)

issue_paths = table(
    "issue_paths",
    sa.Column("issue_id", sa.ForeignKey("issues.issue_id"), primary_key=True),
    sa.Column("model", sa.String(64), primary_key=True),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("encoding", sa.String(32), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

# Explanation and changes of an issue, stored when it was made. As immutable as the issue.
issue_notes = table(
    "issue_notes",
    sa.Column("issue_id", sa.ForeignKey("issues.issue_id"), primary_key=True),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("content", sa.JSON, nullable=False),
)

# Scores of a declared model at a past origin; computed once for each state of the figures.
model_scores = table(
    "model_scores",
    sa.Column("series_id", sa.String(64), primary_key=True),
    sa.Column("model", sa.String(64), primary_key=True),
    sa.Column("spec_hash", sa.String(64), primary_key=True),
    sa.Column("origin", sa.Date, primary_key=True),
    sa.Column("figures_hash", sa.String(64), primary_key=True),
    sa.Column("scores", sa.JSON, nullable=False),
    sa.Column("computed_at", Instant, nullable=False),
)

# Scores of published issues, including those that revised figures made obsolete.
issue_scores = table(
    "issue_scores",
    sa.Column("score_id", sa.Integer, primary_key=True),
    sa.Column("issue_id", sa.ForeignKey("issues.issue_id"), nullable=False),
    sa.Column("model", sa.String(64), nullable=False),
    sa.Column("days_known", sa.Integer, nullable=False),
    sa.Column("truth_hash", sa.String(64), nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
    sa.Column("scored_at", Instant, nullable=False),
    sa.Column("superseded_at", Instant),
    unique_while("superseded_at IS NULL", "uq_issue_scores_current", "issue_id", "model"),
)

# API keys, stored only as hashes.
keys = table(
    "keys",
    sa.Column("key_id", sa.Integer, primary_key=True),
    sa.Column("prefix", sa.String(16), nullable=False, unique=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("scope", sa.String(16), nullable=False),
    sa.Column("secret_hash", sa.String(64), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Column("revoked_at", Instant),
    sa.Column("last_used_at", Instant),
)


def _preferences() -> list[sa.Column[Any]]:
    """A reader's email choices for a route; a level means early warnings."""
    return [
        sa.Column("route", sa.String(32), nullable=False, server_default=""),
        sa.Column("threshold", sa.Integer, nullable=False),
        sa.Column("weekly", sa.Boolean, nullable=False),
        sa.Column("warn_level", sa.Integer),
        sa.Column("week_threshold", sa.Integer),
    ]


# Email subscribers, one row per route. The address is the only personal data.
subscribers = table(
    "subscribers",
    sa.Column("subscriber_id", sa.Integer, primary_key=True),
    sa.Column("address", sa.String(254), nullable=False),
    *_preferences(),
    sa.Column("state", sa.String(16), nullable=False),
    # Used in unsubscribe links and as the subscriber's id in a Message-ID.
    sa.Column("token", sa.String(32), nullable=False),
    sa.Column("joined_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.UniqueConstraint("address", "route", name="uq_subscribers_address_route"),
    sa.UniqueConstraint("token", name="uq_subscribers_token"),
    sqlite_autoincrement=True,  # ids of deleted subscribers are not reused
)

# Unconfirmed subscriptions; deleted on confirmation or when they expire.
opt_ins = table(
    "opt_ins",
    sa.Column("opt_in_id", sa.Integer, primary_key=True),
    sa.Column("address", sa.String(254), nullable=False),
    *_preferences(),
    sa.Column("token_hash", sa.String(64)),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", Instant),  # when to mail the link; none if sent or refused
    sa.UniqueConstraint("address", "route", name="uq_opt_ins_address_route"),
    sa.UniqueConstraint("token_hash", name="uq_opt_ins_token_hash"),
    sqlite_autoincrement=True,
)

# Content of a week's email or a day's early warnings of a route: the same for all readers,
# however long sending takes.
editions = table(
    "editions",
    sa.Column("route", sa.String(32), primary_key=True, server_default=""),
    sa.Column("period", sa.String(10), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("issue_id", sa.ForeignKey("issues.issue_id"), nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
)

# Delivery status: one row for each edition and subscriber.
deliveries = table(
    "deliveries",
    sa.Column("route", sa.String(32), nullable=False, server_default=""),
    sa.Column("period", sa.String(10), primary_key=True),
    sa.Column(
        "subscriber_id",
        sa.ForeignKey("subscribers.subscriber_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("code", sa.Integer),
    sa.Column("began_at", Instant, nullable=False),
    sa.Column("next_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    # Content of the early warning for this reader.
    sa.Column("content", sa.JSON(none_as_null=True)),
    sa.ForeignKeyConstraint(
        ["route", "period"],
        ["editions.route", "editions.period"],
        name="fk_deliveries_route_period_editions",
    ),
    sa.Index("ix_deliveries_subscriber_id", "subscriber_id"),
)

# Each early warning once, whoever received it; kept after they leave, so that it can be scored.
early_warnings = table(
    "early_warnings",
    sa.Column("route", sa.String(32), primary_key=True, server_default=""),
    sa.Column("made_on", sa.Date, primary_key=True),
    sa.Column("window_days", sa.Integer, primary_key=True),
    sa.Column("threshold", sa.Integer, primary_key=True),
    sa.Column("first_date", sa.Date, nullable=False),
    sa.Column("last_date", sa.Date, nullable=False),
    sa.Column("p", sa.Float, nullable=False),
)
