"""Fingerprints of feeds, deliveries that wait, breakers, and what came in as it came

Revision 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "fingerprint",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connection", name=op.f("pk_fingerprint")),
    )
    op.create_table(
        "outbox",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("change", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "entity_id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_connection_state_seq", "outbox", ["connection", "state", "seq"], unique=False)
    op.create_table(
        "breaker",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_until", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("connection", name=op.f("pk_breaker")),
    )
    op.create_table(
        "landing",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_landing")),
    )
    op.create_index("ix_landing_connection_at", "landing", ["connection", "at"], unique=False)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_landing_connection_at", table_name="landing")
    op.drop_table("landing")
    op.drop_table("breaker")
    op.drop_index("ix_outbox_connection_state_seq", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("fingerprint")
