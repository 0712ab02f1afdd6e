"""What partners sent in themselves

Revision 0009, after 0008.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "fed",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["partner"], ["partner.name"], name=op.f("fk_fed_partner")),
        sa.PrimaryKeyConstraint("partner", "name", name=op.f("pk_fed")),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("fed")
