"""The last run of a job of a route is found by an index, however many runs there are."""

from alembic import op

revision = "0102"
down_revision = "0101"


def upgrade() -> None:
    op.drop_index("ix_runs_job_started_at", "runs")
    op.create_index("ix_runs_job_route_run_id", "runs", ["job", "route", "run_id"])
