"""The change log by type of entity

Revision 0003, after 0002.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_index("ix_change_type_seq", "change", ["type", "seq"], unique=False)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_change_type_seq", table_name="change")
