"""When somebody asked for the mail is no longer kept: the day, which its salt tells, is enough."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("asks") as asks:
        asks.drop_column("asked_at")


def downgrade() -> None:
    moment = sa.DateTime(timezone=True)
    some = "1970-01-01 00:00:00"  # nobody reads it
    op.add_column("asks", sa.Column("asked_at", moment, nullable=False, server_default=some))
