"""The index counted without its rows, and what partners have of their own found in it

Revision 0006, after 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    own = sa.text("partner <> ''")
    op.drop_index("ix_entry_type_id", table_name="entry")
    op.create_index("ix_entry_type_id_level_partner", "entry", ["type", "id", "level", "partner"], unique=False)
    op.create_index("ix_entry_own", "entry", ["type", "partner", "id"], unique=False, sqlite_where=own, postgresql_where=own)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_entry_own", table_name="entry")
    op.drop_index("ix_entry_type_id_level_partner", table_name="entry")
    op.create_index("ix_entry_type_id", "entry", ["type", "id"], unique=False)
