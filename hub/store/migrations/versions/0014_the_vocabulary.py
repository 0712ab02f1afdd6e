"""The texts in which somebody looks for letters stand once, not with every entry that has them

Revision 0014, after 0013. The table is filled, and what it replaces in `term` removed, when the index is made anew (`hub.store.index_anew`).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "vocabulary",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("type", "key", "value", name=op.f("pk_vocabulary")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO counter (name, n) VALUES ('vocabulary', 0)")


def downgrade() -> None:
    """Take it back."""
    op.execute("DELETE FROM counter WHERE name = 'vocabulary'")
    op.drop_table("vocabulary")
