"""In what form the search index is

Revision 0012, after 0011.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward. An index that nobody noted the form of is older than the first."""
    op.execute("INSERT INTO counter (name, n) VALUES ('index', 0)")


def downgrade() -> None:
    """Take it back."""
    op.execute("DELETE FROM counter WHERE name IN ('index', 'index anew')")
