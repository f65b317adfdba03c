"""The model that an issue should have been led by, beside the one that leads it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("issues", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("wanted", sa.String(length=64), nullable=False, server_default="")
        )
    op.execute("UPDATE issues SET wanted = champion")


def downgrade() -> None:
    with op.batch_alter_table("issues", schema=None) as batch_op:
        batch_op.drop_column("wanted")
