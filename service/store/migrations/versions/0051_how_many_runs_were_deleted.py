"""How many runs of each job and outcome were deleted, so that their count never goes down."""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "runs_deleted",
        sa.Column("job", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("job", "outcome", name=op.f("pk_runs_deleted")),
    )


def downgrade() -> None:
    op.drop_table("runs_deleted")
