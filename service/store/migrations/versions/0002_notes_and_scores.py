"""What is said of an issue, and the scores that champions are chosen by."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
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


def downgrade() -> None:
    op.drop_index("uq_issue_scores_current", table_name="issue_scores")
    op.drop_table("issue_scores")
    op.drop_table("model_scores")
    op.drop_table("issue_notes")
