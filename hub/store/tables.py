"""Every table of the hub (SQLAlchemy Core). Only the rooms `store`, `access`, `sync` and `jobs` write to them; `search` reads.

Keys inside are integers; UUIDs live at the edges. `entity` gives fiches and their parts one number space: `entity.id` is the immutable
number of the default order, and for a fiche it is also `fiche.id`. Blobs are JSON (UTF-8) unless said otherwise. No blob stands
in a table without rowid. Moments are RFC 3339 text in UTC. Levels: 0 public, 1 professional, 2 internal, 3 nobody.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _big() -> TypeEngine[int]:
    """64 bits on PostgreSQL; on SQLite INTEGER, so that a primary key is the rowid."""
    return BigInteger().with_variant(Integer, "sqlite")


def _sorted_text() -> TypeEngine[str]:
    """Text that both engines order by its bytes, so that the same query gives the same order."""
    return Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


# --- counters and identity ---------------------------------------------------------------------------------------------------

counter = Table(
    "counter",
    metadata,
    Column("name", Text, primary_key=True),  # "change": its update is the last lock a transaction takes
    Column("n", _big(), nullable=False),
)

id_block = Table(
    "id_block",
    metadata,
    Column("name", Text, primary_key=True),  # "entity", "claim": blocks of numbers, handed out in short transactions of their own
    Column("n", _big(), nullable=False),
)

source = Table(
    "source",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

entity = Table(
    "entity",
    metadata,
    Column("id", _big(), primary_key=True, autoincrement=False),
    Column("uuid", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("fiche_id", _big(), nullable=False, index=True),  # itself for a fiche, its fiche for a part
    Column("moved_to", _big(), index=True),  # the entity that stays, when two turned out to be one
)

identity = Table(
    "identity",
    metadata,
    Column("key", _sorted_text(), primary_key=True),  # "<source>|<external id>" or a strong key such as "zorgverlener:riziv|18749704"
    Column("fiche_id", _big(), nullable=False, index=True),
    sqlite_with_rowid=False,
)

part_key = Table(
    "part_key",
    metadata,
    Column("fiche_id", _big(), primary_key=True),
    Column("type", Text, primary_key=True),
    Column("key", _sorted_text(), primary_key=True),  # see hub.model.parts
    Column("entity_id", _big(), nullable=False, index=True),
    sqlite_with_rowid=False,
)

# --- claims and fiches -------------------------------------------------------------------------------------------------------

claim = Table(
    "claim",
    metadata,
    Column("id", _big(), primary_key=True, autoincrement=False),
    Column("source_id", Integer, ForeignKey("source.id"), nullable=False),
    Column("external_id", _sorted_text(), nullable=False),
    Column("partner", Text, nullable=False, server_default=""),  # an overlay's partner; "" for claims that everybody shares
    Column("fiche_id", _big(), nullable=False, index=True),
    Column("revision", _big(), nullable=False),
    Column("digest", LargeBinary, nullable=False),  # 16 bytes over what the source said
    Column("gone", Boolean, nullable=False),
    Column("content", LargeBinary, nullable=False),  # the whole Claim but for its key (hub.schemas.packing)
    Column("home_id", _big(), nullable=False),  # the fiche it was first given: a split finds its old id back
    Column("at", _big()),  # when this came in, in seconds since the epoch; NULL: before anybody noted that
    UniqueConstraint("source_id", "external_id", "partner"),
)

candidate_key = Table(
    "candidate_key",
    metadata,
    Column("key", _sorted_text(), primary_key=True),  # "<kind>|kbo|...", "<kind>|name|<postcode>|...", "<kind>|phone|...": never joins
    Column("source_id", Integer, primary_key=True),
    Column("fiche_id", _big(), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

fiche = Table(
    "fiche",
    metadata,
    Column("id", _big(), primary_key=True, autoincrement=False),  # = entity.id
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),  # stub, live, gone, moved, erased
    Column("level", SmallInteger, nullable=False),  # who may see it at all
    Column("version", Integer, nullable=False),  # 0 for a stub; each written document is one more
    Column("digest", LargeBinary),
    Column("document", LargeBinary),  # the merged fiche, NULL for a stub, gone, moved or erased one
    Column("provenance", LargeBinary),
    Column("conflicts", LargeBinary),
)

version = Table(
    "version",
    metadata,
    Column("id", _big(), primary_key=True),
    Column("fiche_id", _big(), nullable=False),
    Column("partner", Text, nullable=False, server_default=""),  # an overlay's history is its partner's only
    Column("version", Integer, nullable=False),
    Column("document", LargeBinary, nullable=False),  # hub.schemas.packing; superseded documents only
    UniqueConstraint("fiche_id", "partner", "version"),
)

overlay = Table(
    "overlay",
    metadata,
    Column("id", _big(), primary_key=True, autoincrement=False),  # entity.id of the partner's own row in the index
    Column("partner", Text, nullable=False),
    Column("fiche_id", _big(), nullable=False, index=True),
    Column("level", SmallInteger, nullable=False),  # 3: the partner's claims are gone, or say nothing
    Column("version", Integer, nullable=False),
    Column("digest", LargeBinary),
    Column("document", LargeBinary),
    UniqueConstraint("partner", "fiche_id"),
)

change = Table(
    "change",
    metadata,
    Column("seq", _big(), primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("entity_id", _big(), nullable=False),
    Column("fiche_id", _big(), nullable=False),
    Column("type", Text, nullable=False),
    Column("operation", Text, nullable=False),  # create, update, delete, context, spread
    Column("origin", Text, nullable=False),
    Column("fields", LargeBinary),  # JSON: [[field, level], ...]
    Column("audience", SmallInteger, nullable=False),  # the lowest level that can see a difference
    Column("was", SmallInteger, nullable=False),  # the entity's level before; 3: it was not there
    Column("now", SmallInteger, nullable=False),  # the entity's level after; 3: it is not there any more
    Column("version", Integer, nullable=False),  # fiche.version after this change
    Column("partner", Text, nullable=False, server_default=""),  # an overlay's change is its partner's only
    Column("tx_end", _big(), nullable=False),  # the last seq of the same transaction: what stands together is read together
    Index("ix_change_entity_seq", "entity_id", "seq"),
    Index("ix_change_fiche_seq", "fiche_id", "seq"),
    Index("ix_change_type_seq", "type", "seq"),  # the history of a rare type is not a walk through that of all
)

spread = Table(
    "spread",
    metadata,
    Column("seq", _big(), primary_key=True, autoincrement=False),  # a very wide context change that is not yet spread out
    Column("after_entity", _big(), nullable=False),
)

expiry = Table(
    "expiry",
    metadata,
    Column("fiche_id", _big(), primary_key=True),
    Column("field", Text, primary_key=True),
    Column("valid_until", Text, nullable=False, index=True),
)

erasure = Table(
    "erasure",
    metadata,
    Column("key_hash", Text, primary_key=True),  # keyed hash of an identity key; never the key
    Column("at", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

review = Table(
    "review",
    metadata,
    Column("id", _big(), primary_key=True),
    Column("fiche_id", _big(), nullable=False),
    Column("other_id", _big(), nullable=False),
    Column("reason", Text, nullable=False),  # key-clash, candidate
    Column("score", Float, nullable=False),
    Column("detail", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),  # open, same, different
    Column("at", Text, nullable=False),
    UniqueConstraint("fiche_id", "other_id"),
)

link = Table(
    "link",
    metadata,
    Column("from_id", _big(), primary_key=True),  # entity
    Column("role", Text, primary_key=True),  # hub.model.query.LINKS
    Column("to_id", _big(), primary_key=True),  # entity
    Column("level", SmallInteger, nullable=False),
    Index("ix_link_to_role", "to_id", "role", "from_id", "level"),  # with the level: links of many are read without the rows
    sqlite_with_rowid=False,
)

# --- the search index: written by hub.store.index_rows, read by hub.search ----------------------------------------------------------

_OWN = text("partner <> ''")

entry = Table(
    "entry",
    metadata,
    Column("id", _big(), primary_key=True, autoincrement=False),  # entity.id, or overlay.id for a partner's own row
    Column("entity_id", _big(), nullable=False, index=True),
    Column("fiche_id", _big(), nullable=False, index=True),
    Column("type", Text, nullable=False),
    Column("partner", Text, nullable=False, server_default=""),
    Column("level", SmallInteger, nullable=False),
    Column("name", _sorted_text(), nullable=False),  # folded, public
    Column("umbrella", SmallInteger, nullable=False),
    Column("lat", Float),
    Column("lon", Float),
    Index("ix_entry_type_id_level_partner", "type", "id", "level", "partner"),  # with all that says who sees it: counted without the rows
    Index("ix_entry_type_name_id", "type", "name", "id"),
    Index("ix_entry_own", "type", "partner", "id", sqlite_where=_OWN, postgresql_where=_OWN),  # the few that not everybody shares
)

term = Table(
    "term",
    metadata,
    Column("type", Text, primary_key=True),  # index_tokens.TYPE_MARKS: first in the key, so that each type has an index of its own
    Column("key", Text, primary_key=True),  # index_forms.TERM_KEYS, or POINT
    Column("value", _sorted_text(), primary_key=True),
    Column("entry_id", _big(), primary_key=True),
    Column("level", SmallInteger, nullable=False),
    Index("ix_term_entry_id", "entry_id"),
    sqlite_with_rowid=False,
)

entry_mask = Table(
    "entry_mask",
    metadata,
    Column("partner", Text, primary_key=True),
    Column("entry_id", _big(), primary_key=True),  # the master's row that this partner does not see, having one of its own
    sqlite_with_rowid=False,
)
# Full text: on SQLite the FTS5 table `fulltext`, on PostgreSQL the table of the same name with a tsvector; see hub.store.index_rows.

# --- concepts and places ------------------------------------------------------------------------------------------------------

concept_scheme = Table(
    "concept_scheme",
    metadata,
    Column("code", Text, primary_key=True),
    Column("title", LargeBinary, nullable=False),
    Column("source", Text, nullable=False),
    Column("uri", Text, nullable=False),
)

concept = Table(
    "concept",
    metadata,
    Column("scheme", Text, ForeignKey("concept_scheme.code"), primary_key=True),
    Column("code", Text, primary_key=True),
    Column("broader", Text),
    Column("content", LargeBinary, nullable=False),  # the rest of the Concept
)

mapping = Table(
    "mapping",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("relation", Text, primary_key=True),
    Column("object", Text, primary_key=True, index=True),
    Column("content", LargeBinary, nullable=False),
)

# --- partners, connections and runs ----------------------------------------------------------------------------------------------

partner = Table(
    "partner",
    metadata,
    Column("name", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("legal_basis", Text, nullable=False),
    Column("level", Text, nullable=False),  # the highest visibility granted
    Column("fields", LargeBinary),  # JSON list, NULL: all
    Column("scope", LargeBinary),  # a Query's JSON, NULL: everything
    Column("rights", Text, nullable=False, server_default=""),  # what it may do besides reading, separated by blanks
    Column("contact", Text, nullable=False),
    Column("our_contact", Text, nullable=False),
    Column("expires_on", Text),
    Column("revision", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("paused", Text, nullable=False, server_default=""),  # why nobody of this partner is let in for now; "": they are
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", _big(), primary_key=True),
    Column("partner", Text, ForeignKey("partner.name"), nullable=False, index=True),
    Column("prefix", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),  # SHA-256: the key has 128 random bits or more
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text),
    Column("revoked_at", Text),
    Column("last_used_on", Text),
)

oauth_client = Table(
    "oauth_client",
    metadata,
    Column("id", Text, primary_key=True),  # what the partner's software calls itself: a UUID of ours
    Column("partner", Text, ForeignKey("partner.name"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("jwks", LargeBinary),  # public keys as JSON (RFC 7517), or NULL and
    Column("jwks_url", Text),  # where they are
    Column("scopes", Text, nullable=False),  # the most that it may ask, separated by blanks
    Column("created_at", Text, nullable=False),
    Column("revoked_at", Text),
    Column("last_token_at", Text),
)

assertion = Table(
    "assertion",
    metadata,
    Column("client", Text, primary_key=True),
    Column("jti", Text, primary_key=True),  # SHA-256 of an assertion's jti: each is taken once
    Column("expires_at", _big(), nullable=False, index=True),  # seconds since the epoch; forgotten after it
    sqlite_with_rowid=False,
)

access_token = Table(
    "access_token",
    metadata,
    Column("hash", Text, primary_key=True),  # SHA-256: the token has 256 random bits
    Column("client", Text, nullable=False, index=True),
    Column("scopes", Text, nullable=False),
    Column("expires_at", _big(), nullable=False, index=True),  # seconds since the epoch
    sqlite_with_rowid=False,
)

audit = Table(
    "audit",
    metadata,
    Column("n", _big(), primary_key=True, autoincrement=False),  # gapless, in the order of the chain
    *(Column(name, Text, nullable=False) for name in ("at", "partner", "via", "address", "interaction", "type", "target", "query")),
    Column("status", Integer, nullable=False),
    Column("hash", LargeBinary, nullable=False),  # HMAC-SHA256 over this row and the hash before it
    Index("ix_audit_at", "at"),
    Index("ix_audit_partner_n", "partner", "n"),
    Index("ix_audit_target_n", "target", "n"),
)

audit_end = Table(
    "audit_end",
    metadata,
    Column("name", Text, primary_key=True),  # "head": the last row; "cut": the last one that retention removed
    Column("n", _big(), nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),  # over the three
)

connection = Table(
    "connection",
    metadata,
    Column("name", Text, primary_key=True),
    Column("connector", Text, nullable=False),
    Column("partner", Text, nullable=False, server_default=""),  # "" : everybody
    Column("config", LargeBinary, nullable=False),  # JSON; secret fields encrypted
    Column("state", Text, nullable=False),  # disabled, enabled, paused
    Column("reason", Text, nullable=False, server_default=""),  # why it is paused, in plain words
    Column("schedule", Text, nullable=False, server_default=""),
    Column("cursor", Text),
    Column("full_since_run", _big()),  # the run that began the current full pull, while it is not complete
    Column("checked_at", Text),
    Column("created_at", Text, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", _big(), primary_key=True),
    Column("connection", Text, ForeignKey("connection.name"), nullable=False),
    Column("mode", Text, nullable=False),  # full, incremental, push, export
    Column("dry", Boolean, nullable=False),
    Column("resumed", Boolean, nullable=False),
    Column("state", Text, nullable=False),  # running, done, failed, stopped
    Column("reason", Text, nullable=False, server_default=""),
    Column("started_at", Text, nullable=False),
    Column("ended_at", Text),
    Column("cursor_before", Text),
    Column("cursor_after", Text),
    Column("counts", LargeBinary, nullable=False),  # JSON: read, changed, unchanged, rejected, pushed, deleted, missing
    Index("ix_run_connection_id", "connection", "id"),
)

rejected = Table(
    "rejected",
    metadata,
    Column("id", _big(), primary_key=True),
    Column("connection", Text, nullable=False, index=True),
    Column("run_id", _big(), nullable=False),
    Column("external_id", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", Text, nullable=False),
    Column("at", Text, nullable=False),
)

agreed = Table(
    "agreed",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("entity_id", _big(), primary_key=True),
    Column("state", LargeBinary),
    Column("at", Text, nullable=False),
)

fingerprint = Table(
    "fingerprint",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),  # hub.sync.drift.Fingerprint
    Column("run_id", _big(), nullable=False),  # the complete run that it was pinned at
    Column("at", Text, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("entity_id", _big(), primary_key=True),  # one delivery per entity: what goes out is the entity as it is then
    Column("seq", _big(), nullable=False),  # of the change that asks for it
    Column("change", LargeBinary, nullable=False),  # that change: ids and names of fields, no values
    Column("state", Text, nullable=False),  # waiting, dead
    Column("attempts", Integer, nullable=False),
    Column("next_at", Text, nullable=False),  # not before then
    Column("reason", Text, nullable=False, server_default=""),  # why the last attempt failed
    Column("at", Text, nullable=False),
    Index("ix_outbox_connection_state_seq", "connection", "state", "seq"),
)

breaker = Table(
    "breaker",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("failures", Integer, nullable=False),  # in a row
    Column("open_until", Text),  # nothing is delivered before; then one probe
)

landing = Table(
    "landing",
    metadata,
    Column("id", _big(), primary_key=True),
    Column("connection", Text, nullable=False),
    Column("run_id", _big(), nullable=False),
    Column("at", Text, nullable=False),
    Column("address", Text, nullable=False),  # without its query
    Column("digest", Text, nullable=False),  # SHA-256 of the bytes as they came
    Column("body", LargeBinary, nullable=False),  # zlib
    Index("ix_landing_connection_at", "connection", "at"),
)

subscription = Table(
    "subscription",
    metadata,
    Column("id", _big(), primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),
    Column("partner", Text, ForeignKey("partner.name"), nullable=False, index=True),
    Column("endpoint", Text, nullable=False),  # the connector through which it was made
    Column("state", Text, nullable=False),  # requested, active, error, off
    Column("reason", Text, nullable=False, server_default=""),
    Column("queries", LargeBinary, nullable=False),  # JSON list of Query
    Column("address", Text, nullable=False),
    Column("headers", LargeBinary, nullable=False),  # JSON, the lines encrypted
    Column("content", LargeBinary, nullable=False),  # the endpoint's own
    Column("max_count", Integer, nullable=False),
    Column("heartbeat", Integer),  # seconds
    Column("timeout", Integer, nullable=False),  # seconds
    Column("ends_at", Text),
    Column("cursor", _big(), nullable=False),  # the change log is read up to here
    Column("known_as", Text, nullable=False, server_default=""),  # the agreement and queries that its members were taken under
    Column("events", _big(), nullable=False),  # how many there were; the last one's number
    Column("delivered", _big(), nullable=False),  # the number of the last that was taken
    Column("attempts", Integer, nullable=False),  # failed in a row
    Column("next_at", Text, nullable=False),  # nothing is sent before
    Column("sent_at", Text),  # the last that was taken
    Column("revision", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
)

subscription_event = Table(
    "subscription_event",
    metadata,
    Column("subscription_id", _big(), primary_key=True),
    Column("number", _big(), primary_key=True),
    Column("at", Text, nullable=False, index=True),
    Column("change", LargeBinary, nullable=False),  # ids and names of fields, no values
)

subscription_member = Table(
    "subscription_member",
    metadata,
    Column("subscription_id", _big(), primary_key=True),
    Column("entity_id", _big(), primary_key=True),  # in the selection when it was last looked at
    sqlite_with_rowid=False,
)

fed = Table(
    "fed",
    metadata,
    Column("partner", Text, ForeignKey("partner.name"), primary_key=True),
    Column("name", Text, primary_key=True),  # the partner's own: Location/7
    Column("owner", Text, nullable=False),  # external id of the claim that holds it
    Column("key", Text, nullable=False),  # the key of the part that it is; "" for a fiche
    Column("version", Text, nullable=False),  # the partner's own number of it; "" when it gave none
)

job_slot = Table(
    "job_slot",
    metadata,
    Column("job", Text, primary_key=True),
    Column("slot", Text, primary_key=True),  # the moment that it was due
    Column("owner", Text, nullable=False),
    Column("at", Text, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", Float, nullable=False),  # seconds since the epoch
    Column("token", _big(), nullable=False),  # fencing: every new owner gets a higher one
)

setting = Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
