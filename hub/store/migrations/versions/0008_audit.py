"""The audit trail

Revision 0008, after 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "audit",
        sa.Column("n", big, autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("at", "partner", "via", "address", "interaction", "type", "target", "query")),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    op.create_index("ix_audit_partner_n", "audit", ["partner", "n"], unique=False)
    op.create_index("ix_audit_target_n", "audit", ["target", "n"], unique=False)
    op.create_table(
        "audit_end",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("n", big, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_audit_end")),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("audit_end")
    op.drop_table("audit")
