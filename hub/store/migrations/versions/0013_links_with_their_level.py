"""Who is linked to is found with the level of the link, without its row

Revision 0013, after 0012.
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_NAME = "ix_link_to_role"


def upgrade() -> None:
    """Bring the schema forward."""
    op.drop_index(_NAME, "link")
    op.create_index(_NAME, "link", ["to_id", "role", "from_id", "level"])


def downgrade() -> None:
    """Take it back."""
    op.drop_index(_NAME, "link")
    op.create_index(_NAME, "link", ["to_id", "role", "from_id"])
