"""The weekly mail: who gets it, who asked for it, what it said and what became of each."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0004"
branch_labels = None
depends_on = None


def _instant(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    _people()
    _limits()
    op.create_table(
        "editions",
        sa.Column("week", sa.String(length=8), nullable=False),
        sa.Column("issue_id", sa.String(length=64), nullable=False),
        _instant("made_at"),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issues.issue_id"], name=op.f("fk_editions_issue_id")
        ),
        sa.PrimaryKeyConstraint("week", name=op.f("pk_editions")),
    )
    op.create_table(
        "deliveries",
        sa.Column("week", sa.String(length=8), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        _instant("began_at"),
        _instant("next_at"),
        _instant("ended_at", nullable=True),
        sa.ForeignKeyConstraint(["week"], ["editions.week"], name=op.f("fk_deliveries_week")),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.subscriber_id"],
            name=op.f("fk_deliveries_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("week", "subscriber_id", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_subscriber_id"), "deliveries", ["subscriber_id"])


def _people() -> None:
    op.create_table(
        "subscribers",
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        _instant("joined_at"),
        _instant("changed_at"),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_subscribers")),
        sa.UniqueConstraint("address", name="uq_subscribers_address"),
        sa.UniqueConstraint("token", name="uq_subscribers_token"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "opt_ins",
        sa.Column("opt_in_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        _instant("asked_at"),
        _instant("expires_at"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _instant("next_at"),
        sa.PrimaryKeyConstraint("opt_in_id", name=op.f("pk_opt_ins")),
        sa.UniqueConstraint("address", name="uq_opt_ins_address"),
        sa.UniqueConstraint("token_hash", name="uq_opt_ins_token_hash"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "unsubscribed",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        _instant("left_at"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_unsubscribed")),
    )


def _limits() -> None:
    op.create_table(
        "asks",
        sa.Column("ask_id", sa.Integer(), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        _instant("asked_at"),
        sa.PrimaryKeyConstraint("ask_id", name=op.f("pk_asks")),
    )
    op.create_index(op.f("ix_asks_who"), "asks", ["who"])
    op.create_table(
        "salts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_salts")),
    )


def downgrade() -> None:
    for table in ("deliveries", "editions", "salts", "asks", "unsubscribed", "opt_ins"):
        op.drop_table(table)
    op.drop_table("subscribers")
