"""An index by which the issues of an origin are found, however many there are."""

from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_issues_origin_kind", "issues", ["origin", "kind"])


def downgrade() -> None:
    op.drop_index("ix_issues_origin_kind", table_name="issues")
