"""The first schema

Revision 0001, after nothing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.index_rows import create_fulltext, drop_fulltext

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "agreed",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "entity_id", name=op.f("pk_agreed")),
    )
    op.create_table(
        "candidate_key",
        sa.Column("key", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("fiche_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("key", "source_id", "fiche_id", name=op.f("pk_candidate_key")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_candidate_key_fiche_id"), "candidate_key", ["fiche_id"], unique=False)
    op.create_table(
        "change",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fiche_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("fields", sa.LargeBinary(), nullable=True),
        sa.Column("audience", sa.SmallInteger(), nullable=False),
        sa.Column("was", sa.SmallInteger(), nullable=False),
        sa.Column("now", sa.SmallInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("partner", sa.Text(), server_default="", nullable=False),
        sa.Column("tx_end", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_change")),
    )
    op.create_index("ix_change_entity_seq", "change", ["entity_id", "seq"], unique=False)
    op.create_index("ix_change_fiche_seq", "change", ["fiche_id", "seq"], unique=False)
    op.create_table(
        "concept_scheme",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_concept_scheme")),
    )
    op.create_table(
        "connection",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), server_default="", nullable=False),
        sa.Column("config", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("schedule", sa.Text(), server_default="", nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("full_since_run", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("checked_at", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_connection")),
    )
    op.create_table(
        "counter",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counter")),
    )
    op.create_table(
        "entity",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("fiche_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("moved_to", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entity")),
        sa.UniqueConstraint("uuid", name=op.f("uq_entity_uuid")),
    )
    op.create_index(op.f("ix_entity_fiche_id"), "entity", ["fiche_id"], unique=False)
    op.create_index(op.f("ix_entity_moved_to"), "entity", ["moved_to"], unique=False)
    op.create_table(
        "entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("entity_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fiche_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), server_default="", nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.Column("umbrella", sa.SmallInteger(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry")),
    )
    op.create_index(op.f("ix_entry_entity_id"), "entry", ["entity_id"], unique=False)
    op.create_index(op.f("ix_entry_fiche_id"), "entry", ["fiche_id"], unique=False)
    op.create_index("ix_entry_type_id", "entry", ["type", "id"], unique=False)
    op.create_index("ix_entry_type_name_id", "entry", ["type", "name", "id"], unique=False)
    op.create_table(
        "entry_mask",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("partner", "entry_id", name=op.f("pk_entry_mask")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "erasure",
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_erasure")),
    )
    op.create_table(
        "expiry",
        sa.Column("fiche_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("fiche_id", "field", name=op.f("pk_expiry")),
    )
    op.create_index(op.f("ix_expiry_valid_until"), "expiry", ["valid_until"], unique=False)
    op.create_table(
        "fiche",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("document", sa.LargeBinary(), nullable=True),
        sa.Column("provenance", sa.LargeBinary(), nullable=True),
        sa.Column("conflicts", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fiche")),
    )
    op.create_table(
        "id_block",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_id_block")),
    )
    op.create_table(
        "identity",
        sa.Column("key", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.Column("fiche_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_identity")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_identity_fiche_id"), "identity", ["fiche_id"], unique=False)
    op.create_table(
        "job_slot",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job", "slot", name=op.f("pk_job_slot")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.Column("token", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "link",
        sa.Column("from_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("to_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("from_id", "role", "to_id", name=op.f("pk_link")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_link_to_role", "link", ["to_id", "role", "from_id"], unique=False)
    op.create_table(
        "mapping",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "relation", "object", name=op.f("pk_mapping")),
    )
    op.create_index(op.f("ix_mapping_object"), "mapping", ["object"], unique=False)
    op.create_table(
        "overlay",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("fiche_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("document", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overlay")),
        sa.UniqueConstraint("partner", "fiche_id", name=op.f("uq_overlay_partner_fiche_id")),
    )
    op.create_index(op.f("ix_overlay_fiche_id"), "overlay", ["fiche_id"], unique=False)
    op.create_table(
        "part_key",
        sa.Column("fiche_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("key", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.Column("entity_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("fiche_id", "type", "key", name=op.f("pk_part_key")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_part_key_entity_id"), "part_key", ["entity_id"], unique=False)
    op.create_table(
        "partner",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("fields", sa.LargeBinary(), nullable=True),
        sa.Column("scope", sa.LargeBinary(), nullable=True),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("our_contact", sa.Text(), nullable=False),
        sa.Column("expires_on", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_partner")),
    )
    op.create_table(
        "rejected",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejected")),
    )
    op.create_index(op.f("ix_rejected_connection"), "rejected", ["connection"], unique=False)
    op.create_table(
        "review",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fiche_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("other_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint("fiche_id", "other_id", name=op.f("uq_review_fiche_id_other_id")),
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("name", name=op.f("uq_source_name")),
    )
    op.create_table(
        "spread",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("after_entity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_spread")),
    )
    op.create_table(
        "term",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("type", "key", "value", "entry_id", name=op.f("pk_term")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_term_entry_id", "term", ["entry_id"], unique=False)
    op.create_table(
        "version",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fiche_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("partner", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version")),
        sa.UniqueConstraint("fiche_id", "partner", "version", name=op.f("uq_version_fiche_id_partner_version")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=True),
        sa.Column("revoked_at", sa.Text(), nullable=True),
        sa.Column("last_used_on", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["partner"], ["partner.name"], name=op.f("fk_api_key_partner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_key_hash")),
    )
    op.create_index(op.f("ix_api_key_partner"), "api_key", ["partner"], unique=False)
    op.create_table(
        "claim",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.Column("partner", sa.Text(), server_default="", nullable=False),
        sa.Column("fiche_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("revision", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("home_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_claim_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
        sa.UniqueConstraint("source_id", "external_id", "partner", name=op.f("uq_claim_source_id_external_id_partner")),
    )
    op.create_index(op.f("ix_claim_fiche_id"), "claim", ["fiche_id"], unique=False)
    op.create_table(
        "concept",
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("broader", sa.Text(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["scheme"], ["concept_scheme.code"], name=op.f("fk_concept_scheme")),
        sa.PrimaryKeyConstraint("scheme", "code", name=op.f("pk_concept")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("dry", sa.Boolean(), nullable=False),
        sa.Column("resumed", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("started_at", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.Column("cursor_before", sa.Text(), nullable=True),
        sa.Column("cursor_after", sa.Text(), nullable=True),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connection.name"], name=op.f("fk_run_connection")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index("ix_run_connection_id", "run", ["connection", "id"], unique=False)
    # The full text is no table that SQLAlchemy could describe.
    create_fulltext(op.get_bind())
    op.bulk_insert(sa.table("counter", sa.column("name"), sa.column("n")), [{"name": "change", "n": 0}])
    op.bulk_insert(
        sa.table("id_block", sa.column("name"), sa.column("n")),
        [{"name": "entity", "n": 0}, {"name": "claim", "n": 0}],
    )


def downgrade() -> None:
    """Take it back."""
    drop_fulltext(op.get_bind())
    op.drop_index("ix_run_connection_id", table_name="run")
    op.drop_table("run")
    op.drop_table("concept")
    op.drop_index(op.f("ix_claim_fiche_id"), table_name="claim")
    op.drop_table("claim")
    op.drop_index(op.f("ix_api_key_partner"), table_name="api_key")
    op.drop_table("api_key")
    op.drop_table("version")
    op.drop_index("ix_term_entry_id", table_name="term")
    op.drop_table("term")
    op.drop_table("spread")
    op.drop_table("source")
    op.drop_table("setting")
    op.drop_table("review")
    op.drop_index(op.f("ix_rejected_connection"), table_name="rejected")
    op.drop_table("rejected")
    op.drop_table("partner")
    op.drop_index(op.f("ix_part_key_entity_id"), table_name="part_key")
    op.drop_table("part_key")
    op.drop_index(op.f("ix_overlay_fiche_id"), table_name="overlay")
    op.drop_table("overlay")
    op.drop_index(op.f("ix_mapping_object"), table_name="mapping")
    op.drop_table("mapping")
    op.drop_index("ix_link_to_role", table_name="link")
    op.drop_table("link")
    op.drop_table("lease")
    op.drop_table("job_slot")
    op.drop_index(op.f("ix_identity_fiche_id"), table_name="identity")
    op.drop_table("identity")
    op.drop_table("id_block")
    op.drop_table("fiche")
    op.drop_index(op.f("ix_expiry_valid_until"), table_name="expiry")
    op.drop_table("expiry")
    op.drop_table("erasure")
    op.drop_table("entry_mask")
    op.drop_index("ix_entry_type_name_id", table_name="entry")
    op.drop_index("ix_entry_type_id", table_name="entry")
    op.drop_index(op.f("ix_entry_fiche_id"), table_name="entry")
    op.drop_index(op.f("ix_entry_entity_id"), table_name="entry")
    op.drop_table("entry")
    op.drop_index(op.f("ix_entity_moved_to"), table_name="entity")
    op.drop_index(op.f("ix_entity_fiche_id"), table_name="entity")
    op.drop_table("entity")
    op.drop_table("counter")
    op.drop_table("connection")
    op.drop_table("concept_scheme")
    op.drop_index("ix_change_fiche_seq", table_name="change")
    op.drop_index("ix_change_entity_seq", table_name="change")
    op.drop_table("change")
    op.drop_index(op.f("ix_candidate_key_fiche_id"), table_name="candidate_key")
    op.drop_table("candidate_key")
    op.drop_table("agreed")
