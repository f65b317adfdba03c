"""HTTP validators by route: another route that reads a URL has seen nothing of it yet."""

import sqlalchemy as sa
from alembic import op

from service.core.columns import Instant

revision = "0101"
down_revision = "0100"


def upgrade() -> None:
    op.drop_table("fetches")  # without them each URL is read once more
    op.create_table(
        "fetches",
        sa.Column("route", sa.String(32), primary_key=True),
        sa.Column("url", sa.String(500), primary_key=True),
        sa.Column("etag", sa.String(500)),
        sa.Column("last_modified", sa.String(100)),
        sa.Column("fetched_at", Instant, nullable=False),
    )
