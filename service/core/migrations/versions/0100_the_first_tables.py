"""The first tables; a new database gets them from `service/core/tables.py` (record 0079)."""

# Revisions below 0100 are of versions that were never released; none is used again.
revision = "0100"
down_revision = None


def upgrade() -> None:
    pass
