"""The tables of the directory: who is who, what sources say, the fiches, the change log, the search index, the concepts."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from hub.store.tables.columns import big, metadata, sorted_text

# --- counters and identity ---------------------------------------------------------------------------------------------------

counter = Table(
    "counter",
    metadata,
    Column("name", Text, primary_key=True),  # "change": its update is the last lock a transaction takes
    Column("n", big(), nullable=False),
    Column("at", sorted_text(), nullable=False, server_default=""),  # of "change": the moment of the newest, before which none is noted any more
)

id_block = Table(
    "id_block",
    metadata,
    Column("name", Text, primary_key=True),  # "entity", "claim": blocks of numbers, handed out in short transactions of their own
    Column("n", big(), nullable=False),
)

source = Table(
    "source",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

_MOVED = text("moved_to IS NOT NULL")

entity = Table(
    "entity",
    metadata,
    Column("id", big(), primary_key=True, autoincrement=False),
    Column("uuid", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("fiche_id", big(), nullable=False, index=True),  # itself for a fiche, its fiche for a part
    Column("moved_to", big()),  # the entity that stays, when two turned out to be one
    Index("ix_entity_moved_to", "moved_to", sqlite_where=_MOVED, postgresql_where=_MOVED),  # the few
)

identity = Table(
    "identity",
    metadata,
    Column("key", sorted_text(), primary_key=True),  # "<source>|<external id>" or a strong key such as "zorgverlener:riziv|18749704"
    Column("fiche_id", big(), nullable=False, index=True),
    sqlite_with_rowid=False,
)

part_key = Table(
    "part_key",
    metadata,
    Column("fiche_id", big(), primary_key=True),
    Column("type", Text, primary_key=True),
    Column("key", sorted_text(), primary_key=True),  # see hub.model.parts
    Column("entity_id", big(), nullable=False, index=True),
    sqlite_with_rowid=False,
)

# --- claims and fiches -------------------------------------------------------------------------------------------------------

claim = Table(
    "claim",
    metadata,
    Column("id", big(), primary_key=True, autoincrement=False),
    Column("source_id", Integer, nullable=False),  # of `source`; no foreign key, which every row of a load would pay for
    Column("external_id", sorted_text(), nullable=False),
    Column("partner", Text, nullable=False, server_default=""),  # an overlay's partner; "" for claims that everybody shares
    Column("fiche_id", big(), nullable=False, index=True),
    Column("revision", big(), nullable=False),
    Column("digest", LargeBinary, nullable=False),  # 16 bytes over what the source said
    Column("gone", Boolean, nullable=False),
    Column("content", LargeBinary, nullable=False),  # the whole Claim but for its key (hub.schemas.packing)
    Column("home_id", big(), nullable=False),  # the fiche it was first given: a split finds its old id back
    Column("at", big()),  # when this came in, in seconds since the epoch; NULL: before anybody noted that
    UniqueConstraint("source_id", "external_id", "partner"),
)

candidate_key = Table(
    "candidate_key",
    metadata,
    Column("key", sorted_text(), primary_key=True),  # hub.store.matching.candidate_keys; never joins
    Column("source_id", Integer, primary_key=True),
    Column("fiche_id", big(), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

fiche = Table(
    "fiche",
    metadata,
    Column("id", big(), primary_key=True, autoincrement=False),  # = entity.id
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
    Column("id", big(), primary_key=True),
    Column("fiche_id", big(), nullable=False),
    Column("partner", Text, nullable=False, server_default=""),  # an overlay's history is its partner's only
    Column("version", Integer, nullable=False),
    Column("document", LargeBinary, nullable=False),  # hub.schemas.packing; superseded documents only
    UniqueConstraint("fiche_id", "partner", "version"),
)

overlay = Table(
    "overlay",
    metadata,
    Column("id", big(), primary_key=True, autoincrement=False),  # entity.id of the partner's own row in the index
    Column("partner", Text, nullable=False),
    Column("fiche_id", big(), nullable=False, index=True),
    Column("level", SmallInteger, nullable=False),  # 3: the partner's claims are gone, or say nothing
    Column("version", Integer, nullable=False),
    Column("digest", LargeBinary),
    Column("document", LargeBinary),
    UniqueConstraint("partner", "fiche_id"),
)

change = Table(
    "change",
    metadata,
    Column("seq", big(), primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("entity_id", big(), nullable=False),
    Column("fiche_id", big(), nullable=False),
    Column("type", Text, nullable=False),
    Column("operation", Text, nullable=False),  # create, update, delete, context, spread
    Column("origin", Text, nullable=False),
    Column("fields", LargeBinary),  # JSON: [[field, level], ...]; a field of no name: what it shows of others
    Column("audience", SmallInteger, nullable=False),  # the lowest level that can see a difference
    Column("was", SmallInteger, nullable=False),  # the entity's level before; 3: it was not there
    Column("now", SmallInteger, nullable=False),  # the entity's level after; 3: it is not there any more
    Column("version", Integer, nullable=False),  # fiche.version after this change; of a partner's: that of his own view, 0 without one
    Column("partner", Text, nullable=False, server_default=""),  # an overlay's change is its partner's only
    Column("tx_end", big(), nullable=False),  # the last seq of the same transaction: what stands together is read together
    Index("ix_change_entity_seq", "entity_id", "seq"),
    Index("ix_change_fiche_seq", "fiche_id", "seq"),
    Index("ix_change_type_seq", "type", "seq"),  # the history of a rare type is not a walk through that of all
)

spread = Table(
    "spread",
    metadata,
    Column("seq", big(), primary_key=True, autoincrement=False),  # a very wide context change that is not yet spread out
    Column("after_entity", big(), nullable=False),  # of the fiches up to this one it is told
)

expiry = Table(
    "expiry",
    metadata,
    Column("fiche_id", big(), primary_key=True),
    Column("field", Text, primary_key=True),
    Column("valid_until", Text, nullable=False, index=True),  # the last day on which it reads as it does (hub.model.turning)
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
    Column("id", big(), primary_key=True),
    Column("fiche_id", big(), nullable=False),
    Column("other_id", big(), nullable=False, index=True),
    Column("reason", Text, nullable=False),  # key-clash, candidate, decision
    Column("score", Float, nullable=False),
    Column("detail", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),  # open, same, different
    Column("at", Text, nullable=False),
    UniqueConstraint("fiche_id", "other_id"),
)

link = Table(
    "link",
    metadata,
    Column("from_id", big(), primary_key=True),  # entity; of a partner's own row in the index: -entry.id, which is no entity and no entry
    Column("role", Text, primary_key=True),  # hub.model.query.LINKS
    Column("to_id", big(), primary_key=True),  # entity
    Column("level", SmallInteger, nullable=False),
    Index("ix_link_to_role", "to_id", "role", "from_id", "level"),  # with the level: links of many are read without the rows
    sqlite_with_rowid=False,
)

# --- the search index: written by hub.store.index_rows, read by hub.search ----------------------------------------------------------

_OWN = text("partner <> ''")

entry = Table(
    "entry",
    metadata,
    Column("id", big(), primary_key=True, autoincrement=False),  # entity.id; of a partner's own row overlay.id, or a number of its own
    Column("entity_id", big(), nullable=False, index=True),
    Column("fiche_id", big(), nullable=False, index=True),
    Column("type", Text, nullable=False),
    Column("partner", Text, nullable=False, server_default=""),
    Column("level", SmallInteger, nullable=False),
    Column("name", sorted_text(), nullable=False),  # folded, public
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
    Column("key", Text, primary_key=True),  # index_forms.POINT, PERIOD, or as in tokens
    Column("value", sorted_text(), primary_key=True),
    Column("entry_id", big(), primary_key=True),
    Column("level", SmallInteger, nullable=False),
    Index("ix_term_entry_id", "entry_id"),
    sqlite_with_rowid=False,
)

_HEARD = text("sound <> ''")

vocabulary = Table(
    "vocabulary",
    metadata,
    Column("type", Text, primary_key=True),  # as in term
    Column("key", Text, primary_key=True),
    Column("value", sorted_text(), primary_key=True),  # hub.store.vocabulary
    Column("sound", sorted_text(), nullable=False, server_default=""),  # hub.model.sounds, of the words of names
    Index("ix_vocabulary_sound", "type", "key", "sound", sqlite_where=_HEARD, postgresql_where=_HEARD),
    sqlite_with_rowid=False,
)

entry_mask = Table(
    "entry_mask",
    metadata,
    Column("partner", Text, primary_key=True),
    Column("entry_id", big(), primary_key=True),  # the master's row that this partner does not see, having one of its own
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
