"""Software of partners with keys of its own, its access tokens, and agreements that are paused

Revision 0007, after 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("partner", sa.Column("paused", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "oauth_client",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("jwks", sa.LargeBinary(), nullable=True),
        sa.Column("jwks_url", sa.Text(), nullable=True),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.Text(), nullable=True),
        sa.Column("last_token_at", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["partner"], ["partner.name"], name=op.f("fk_oauth_client_partner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_client")),
    )
    op.create_index("ix_oauth_client_partner", "oauth_client", ["partner"], unique=False)
    op.create_table(
        "assertion",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("expires_at", big, nullable=False),
        sa.PrimaryKeyConstraint("client", "jti", name=op.f("pk_assertion")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_assertion_expires_at", "assertion", ["expires_at"], unique=False)
    op.create_table(
        "access_token",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("expires_at", big, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_access_token")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_access_token_client", "access_token", ["client"], unique=False)
    op.create_index("ix_access_token_expires_at", "access_token", ["expires_at"], unique=False)


def downgrade() -> None:
    """Take it back."""
    op.drop_table("access_token")
    op.drop_table("assertion")
    op.drop_table("oauth_client")
    op.drop_column("partner", "paused")
