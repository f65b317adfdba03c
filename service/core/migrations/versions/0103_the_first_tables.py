"""The first tables; a new database gets them from `service/core/tables.py` (record 0079)."""

# Revisions below 0103 belong to unreleased versions; do not reuse them.
revision = "0103"
down_revision = None
