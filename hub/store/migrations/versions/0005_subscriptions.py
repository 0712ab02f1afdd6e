"""Subscriptions, their events, and what was last in their selections

Revision 0005, after 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "subscription",
        sa.Column("id", _big(), nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("queries", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("headers", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("max_count", sa.Integer(), nullable=False),
        sa.Column("heartbeat", sa.Integer(), nullable=True),
        sa.Column("timeout", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.Text(), nullable=True),
        sa.Column("cursor", _big(), nullable=False),
        sa.Column("known_as", sa.Text(), server_default="", nullable=False),
        sa.Column("events", _big(), nullable=False),
        sa.Column("delivered", _big(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["partner"], ["partner.name"], name=op.f("fk_subscription_partner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("uuid", name=op.f("uq_subscription_uuid")),
    )
    op.create_index(op.f("ix_subscription_partner"), "subscription", ["partner"], unique=False)
    op.create_table(
        "subscription_event",
        sa.Column("subscription_id", _big(), nullable=False),
        sa.Column("number", _big(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("change", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subscription_id", "number", name=op.f("pk_subscription_event")),
    )
    op.create_index(op.f("ix_subscription_event_at"), "subscription_event", ["at"], unique=False)
    op.create_table(
        "subscription_member",
        sa.Column("subscription_id", _big(), nullable=False),
        sa.Column("entity_id", _big(), nullable=False),
        sa.PrimaryKeyConstraint("subscription_id", "entity_id", name=op.f("pk_subscription_member")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("subscription_member")
    op.drop_index(op.f("ix_subscription_event_at"), table_name="subscription_event")
    op.drop_table("subscription_event")
    op.drop_index(op.f("ix_subscription_partner"), table_name="subscription")
    op.drop_table("subscription")
