"""The counter of the change log holds the moment of its newest change, so that moments never fall when a clock is put back

Revision 0021, after 0020. It begins with the latest moment there is: who has read until then misses nothing of what follows.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    kind = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
    op.add_column("counter", sa.Column("at", kind, nullable=False, server_default=""))
    op.execute("UPDATE counter SET at = coalesce((SELECT max(at) FROM change), '') WHERE name = 'change'")


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("counter") as table:
        table.drop_column("at")
