"""Documents, which histories are made of; what sites said of their answers; weather."""

import hashlib
import json
import zlib
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_DOCUMENTS = sa.table(
    "documents",
    sa.column("fingerprint", sa.String),
    sa.column("source", sa.String),
    sa.column("published_at", _INSTANT),
    sa.column("known_at", _INSTANT),
    sa.column("known_at_assumed", sa.Boolean),
    sa.column("first_seen_at", _INSTANT),
    sa.column("first_date", sa.Date),
    sa.column("last_date", sa.Date),
    sa.column("content", sa.LargeBinary),
)
_OBSERVATIONS = sa.table(
    "observations",
    sa.column("series_id", sa.String),
    sa.column("date", sa.Date),
    sa.column("value", sa.Integer),
    sa.column("source", sa.String),
    sa.column("published_at", _INSTANT),
    sa.column("known_at", _INSTANT),
    sa.column("known_at_assumed", sa.Boolean),
    sa.column("first_seen_at", _INSTANT),
)


def upgrade() -> None:
    op.create_table(
        "documents",
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("published_at", _INSTANT, nullable=True),
        sa.Column("known_at", _INSTANT, nullable=True),
        sa.Column("known_at_assumed", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", _INSTANT, nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_documents")),
        sa.UniqueConstraint("fingerprint", name="uq_documents_fingerprint"),
    )
    op.create_index("ix_documents_last_date", "documents", ["last_date"])
    op.create_table(
        "fetches",
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("etag", sa.String(length=500), nullable=True),
        sa.Column("last_modified", sa.String(length=100), nullable=True),
        sa.Column("fetched_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("url", name=op.f("pk_fetches")),
    )
    op.create_table(
        "weather",
        sa.Column("weather_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("made_at", _INSTANT, nullable=False),
        sa.Column("first_seen_at", _INSTANT, nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("n_members", sa.Integer(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("encoding", sa.String(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("weather_id", name=op.f("pk_weather")),
        sa.UniqueConstraint("fingerprint", name="uq_weather_fingerprint"),
    )
    op.create_index("ix_weather_kind_last_date", "weather", ["kind", "last_date"])
    op.add_column("observations", sa.Column("since", _INSTANT, nullable=True))
    op.add_column("observations", sa.Column("marked_revised", sa.Boolean(), nullable=True))
    op.execute("UPDATE observations SET since = known_at, marked_revised = false")
    with op.batch_alter_table("observations") as batch_op:
        batch_op.alter_column("since", existing_type=_INSTANT, nullable=False)
        batch_op.alter_column("marked_revised", existing_type=sa.Boolean(), nullable=False)
    _documents_of_observations()


def _documents_of_observations() -> None:
    """What was stored before becomes documents, so that no later one can do without it."""
    gathered: dict[tuple[Any, ...], list[Any]] = {}
    for row in op.get_bind().execute(sa.select(_OBSERVATIONS)):
        known_at = None if row.known_at_assumed else row.known_at
        key = (row.source, row.published_at, known_at, row.first_seen_at)
        gathered.setdefault(key, []).append(row)
    for (source, published_at, known_at, first_seen_at), rows in gathered.items():
        series: dict[str, list[list[int]]] = {}
        for row in sorted(rows, key=lambda r: (r.series_id, r.date)):
            series.setdefault(row.series_id, []).append([row.date.toordinal(), row.value])
        text = json.dumps({"series": series, "marked": []}, separators=(",", ":"))
        moment = f"{known_at:%Y-%m-%dT%H:%M:%SZ}" if known_at else ""
        fingerprint = hashlib.sha256(f"{source} {moment} {text}".encode()).hexdigest()
        op.get_bind().execute(
            _DOCUMENTS.insert().values(
                fingerprint=fingerprint,
                source=source,
                published_at=published_at,
                known_at=known_at,
                known_at_assumed=False,
                first_seen_at=first_seen_at,
                first_date=min(row.date for row in rows),
                last_date=max(row.date for row in rows),
                content=zlib.compress(text.encode(), 6),
            )
        )


def downgrade() -> None:
    with op.batch_alter_table("observations") as batch_op:
        batch_op.drop_column("marked_revised")
        batch_op.drop_column("since")
    op.drop_index("ix_weather_kind_last_date", table_name="weather")
    op.drop_table("weather")
    op.drop_table("fetches")
    op.drop_index("ix_documents_last_date", table_name="documents")
    op.drop_table("documents")
