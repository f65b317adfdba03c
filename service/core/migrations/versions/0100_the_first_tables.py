"""The first tables."""

import sqlalchemy as sa
from alembic import op

# Revisions below 0100 are of versions that were never released; none is used again.
revision = "0100"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "asks",
        sa.Column("ask_id", sa.Integer(), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("ask_id", name=op.f("pk_asks")),
    )
    op.create_index("ix_asks_who", "asks", ["who"], unique=False)
    op.create_table(
        "documents",
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("known_at_assumed", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_documents")),
        sa.UniqueConstraint("fingerprint", name="uq_documents_fingerprint"),
    )
    op.create_index("ix_documents_last_date", "documents", ["last_date"], unique=False)
    op.create_table(
        "early_warnings",
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("window_days", sa.Integer(), nullable=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("p", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint(
            "made_on", "window_days", "threshold", name=op.f("pk_early_warnings")
        ),
    )
    op.create_table(
        "fetches",
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("etag", sa.String(length=500), nullable=True),
        sa.Column("last_modified", sa.String(length=100), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("url", name=op.f("pk_fetches")),
    )
    op.create_table(
        "job_requests",
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(length=32), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_job_requests")),
    )
    op.create_index(
        "uq_job_requests_waiting",
        "job_requests",
        ["job"],
        unique=True,
        sqlite_where=sa.text("outcome = 'waiting'"),
        postgresql_where=sa.text("outcome = 'waiting'"),
    )
    op.create_table(
        "keys",
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_keys")),
        sa.UniqueConstraint("name", name=op.f("uq_keys_name")),
        sa.UniqueConstraint("prefix", name=op.f("uq_keys_prefix")),
    )
    op.create_table(
        "model_scores",
        sa.Column("series_id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("spec_hash", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.Date(), nullable=False),
        sa.Column("figures_hash", sa.String(length=64), nullable=False),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "series_id",
            "model",
            "spec_hash",
            "origin",
            "figures_hash",
            name=op.f("pk_model_scores"),
        ),
    )
    op.create_table(
        "observations",
        sa.Column("observation_id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.String(length=64), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_at_assumed", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("marked_revised", sa.Boolean(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("observation_id", name=op.f("pk_observations")),
    )
    op.create_index(
        "ix_observations_series_id_date", "observations", ["series_id", "date"], unique=False
    )
    op.create_index(
        "uq_observations_current",
        "observations",
        ["series_id", "date"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_table(
        "opt_ins",
        sa.Column("opt_in_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.Column("weekly", sa.Boolean(), nullable=False),
        sa.Column("warn_level", sa.Integer(), nullable=True),
        sa.Column("week_threshold", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("opt_in_id", name=op.f("pk_opt_ins")),
        sa.UniqueConstraint("address", name="uq_opt_ins_address"),
        sa.UniqueConstraint("token_hash", name="uq_opt_ins_token_hash"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(length=32), nullable=False),
        sa.Column("period", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
        sa.UniqueConstraint("job", "period", name="uq_runs_job_period"),
    )
    op.create_index("ix_runs_job_started_at", "runs", ["job", "started_at"], unique=False)
    op.create_table(
        "runs_deleted",
        sa.Column("job", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("job", "outcome", name=op.f("pk_runs_deleted")),
    )
    op.create_table(
        "salts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_salts")),
    )
    op.create_table(
        "subscribers",
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.Column("weekly", sa.Boolean(), nullable=False),
        sa.Column("warn_level", sa.Integer(), nullable=True),
        sa.Column("week_threshold", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_subscribers")),
        sa.UniqueConstraint("address", name="uq_subscribers_address"),
        sa.UniqueConstraint("token", name="uq_subscribers_token"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "unsubscribed",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_unsubscribed")),
    )
    op.create_table(
        "weather",
        sa.Column("weather_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("n_members", sa.Integer(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("encoding", sa.String(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("weather_id", name=op.f("pk_weather")),
        sa.UniqueConstraint("fingerprint", name="uq_weather_fingerprint"),
    )
    op.create_index(
        "ix_weather_kind_first_seen_at", "weather", ["kind", "first_seen_at"], unique=False
    )
    op.create_table(
        "issues",
        sa.Column("issue_id", sa.String(length=64), nullable=False),
        sa.Column("series_id", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("origin", sa.Date(), nullable=False),
        sa.Column("data_through", sa.Date(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("champion", sa.String(length=64), nullable=False),
        sa.Column("wanted", sa.String(length=64), server_default="", nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("n_paths", sa.Integer(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("inputs_hash", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_issues_run_id")),
        sa.PrimaryKeyConstraint("issue_id", name=op.f("pk_issues")),
        sa.UniqueConstraint(
            "series_id", "run_id", "origin", name="uq_issues_series_id_run_id_origin"
        ),
    )
    op.create_index("ix_issues_origin_kind", "issues", ["origin", "kind"], unique=False)
    op.create_index(
        "ix_issues_series_id_issued_at", "issues", ["series_id", "issued_at"], unique=False
    )
    op.create_table(
        "editions",
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("issue_id", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issues.issue_id"], name=op.f("fk_editions_issue_id")
        ),
        sa.PrimaryKeyConstraint("period", name=op.f("pk_editions")),
    )
    op.create_table(
        "issue_notes",
        sa.Column("issue_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issues.issue_id"], name=op.f("fk_issue_notes_issue_id")
        ),
        sa.PrimaryKeyConstraint("issue_id", "kind", name=op.f("pk_issue_notes")),
    )
    op.create_table(
        "issue_paths",
        sa.Column("issue_id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("encoding", sa.String(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issues.issue_id"], name=op.f("fk_issue_paths_issue_id")
        ),
        sa.PrimaryKeyConstraint("issue_id", "model", name=op.f("pk_issue_paths")),
    )
    op.create_table(
        "issue_scores",
        sa.Column("score_id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("days_known", sa.Integer(), nullable=False),
        sa.Column("truth_hash", sa.String(length=64), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issues.issue_id"], name=op.f("fk_issue_scores_issue_id")
        ),
        sa.PrimaryKeyConstraint("score_id", name=op.f("pk_issue_scores")),
    )
    op.create_index(
        "uq_issue_scores_current",
        "issue_scores",
        ["issue_id", "model"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_table(
        "deliveries",
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("content", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.subscriber_id"],
            name=op.f("fk_deliveries_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["period"], ["editions.period"], name=op.f("fk_deliveries_period")),
        sa.PrimaryKeyConstraint("period", "subscriber_id", name=op.f("pk_deliveries")),
    )
    op.create_index("ix_deliveries_subscriber_id", "deliveries", ["subscriber_id"], unique=False)


def downgrade() -> None:
    for name in (
        *("deliveries", "issue_scores", "issue_paths", "issue_notes", "editions"),
        *("issues", "weather", "unsubscribed", "subscribers", "salts", "runs_deleted"),
        *("runs", "opt_ins", "observations", "model_scores", "keys", "job_requests"),
        *("fetches", "early_warnings", "documents", "asks"),
    ):
        op.drop_table(name)
