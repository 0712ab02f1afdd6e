"""A claim's source is not looked up again for each row, and who never moved stands in no index of those who did

Revision 0015, after 0014. The source of a claim is made, or found, in the transaction that writes the claim (`Workspace.source_id`), and none is ever removed; the look
cost PostgreSQL a third of what it costs to store a claim. On SQLite the table is written anew, which takes some ten seconds for a million claims.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_KEY, _INDEX = "fk_claim_source_id", "ix_entity_moved_to"


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("claim") as claim:
        claim.drop_constraint(_KEY, type_="foreignkey")
    op.drop_index(_INDEX, "entity")
    moved = sa.text("moved_to IS NOT NULL")
    op.create_index(_INDEX, "entity", ["moved_to"], sqlite_where=moved, postgresql_where=moved)


def downgrade() -> None:
    """Take it back."""
    op.drop_index(_INDEX, "entity")
    op.create_index(_INDEX, "entity", ["moved_to"])
    with op.batch_alter_table("claim") as claim:
        claim.create_foreign_key(_KEY, "source", ["source_id"], ["id"])
