"""The tables of those around the directory: agreements and credentials, connections and what they did, subscriptions, jobs."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from hub.store.tables.columns import big, metadata

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
    Column("id", big(), primary_key=True),
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
    Column("expires_at", big(), nullable=False, index=True),  # seconds since the epoch; forgotten some time after it
    sqlite_with_rowid=False,
)

access_token = Table(
    "access_token",
    metadata,
    Column("hash", Text, primary_key=True),  # SHA-256: the token has 256 random bits
    Column("client", Text, nullable=False, index=True),
    Column("scopes", Text, nullable=False),
    Column("expires_at", big(), nullable=False, index=True),  # seconds since the epoch
    sqlite_with_rowid=False,
)

audit = Table(
    "audit",
    metadata,
    Column("n", big(), primary_key=True, autoincrement=False),  # gapless, in the order of the chain
    *(Column(name, Text, nullable=False) for name in ("at", "partner", "via", "address", "interaction", "type", "target", "query")),
    Column("status", Integer, nullable=False),
    Column("hash", LargeBinary, nullable=False),  # HMAC-SHA256 over this row and the hash before it
    Index("ix_audit_at", "at"),
    Index("ix_audit_partner_n", "partner", "n"),
    Index("ix_audit_target_n", "target", "n"),
)

cancelled = Table(
    "cancelled",
    metadata,
    Column("partner", Text, primary_key=True),  # whose it was; "": the public's
    Column("what", Text, primary_key=True),  # SHA-256 of what its endpoint calls it
    Column("at", Text, nullable=False),
    sqlite_with_rowid=False,
)

audit_end = Table(
    "audit_end",
    metadata,
    Column("name", Text, primary_key=True),  # "head": the last row; "cut": the last one that retention removed
    Column("n", big(), nullable=False),
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
    Column("full_since_run", big()),  # the run that began the current full pull, while it is not complete
    Column("checked_at", Text),
    Column("created_at", Text, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", big(), primary_key=True),
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
    Column("id", big(), primary_key=True),
    Column("connection", Text, nullable=False, index=True),
    Column("run_id", big(), nullable=False),
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
    Column("entity_id", big(), primary_key=True),
    Column("state", LargeBinary),
    Column("at", Text, nullable=False),
)

fingerprint = Table(
    "fingerprint",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),  # hub.sync.drift.Fingerprint
    Column("run_id", big(), nullable=False),  # the run that it was pinned at
    Column("at", Text, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("entity_id", big(), primary_key=True),  # one delivery per entity: what goes out is the entity as it is then
    Column("seq", big(), nullable=False),  # of the change that asks for it
    Column("change", LargeBinary, nullable=False),  # that change, ids and names of fields, no values; and the number of this letter
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
    Column("id", big(), primary_key=True),
    Column("connection", Text, nullable=False),
    Column("run_id", big(), nullable=False),
    Column("at", Text, nullable=False),
    Column("address", Text, nullable=False),  # without its query
    Column("digest", Text, nullable=False),  # SHA-256 of the bytes as they came
    Column("body", LargeBinary, nullable=False),  # zlib
    Index("ix_landing_connection_at", "connection", "at"),
)

subscription = Table(
    "subscription",
    metadata,
    Column("id", big(), primary_key=True),
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
    Column("cursor", big(), nullable=False),  # the change log is read up to here
    Column("known_as", Text, nullable=False, server_default=""),  # the agreement and queries that its members were taken under
    Column("events", big(), nullable=False),  # how many there were; the last one's number
    Column("delivered", big(), nullable=False),  # the number of the last that was taken
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
    Column("subscription_id", big(), primary_key=True),
    Column("number", big(), primary_key=True),
    Column("at", Text, nullable=False, index=True),
    Column("change", LargeBinary, nullable=False),  # ids and names of fields, no values
)

subscription_member = Table(
    "subscription_member",
    metadata,
    Column("subscription_id", big(), primary_key=True),
    Column("entity_id", big(), primary_key=True),  # in the selection when it was last looked at
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
    Column("owner", Text, nullable=False),  # who took it and has not begun; "" once begun
    Column("at", Text, nullable=False),  # when it was taken
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", Float, nullable=False),  # seconds since the epoch
    Column("token", big(), nullable=False),  # fencing: every new owner gets a higher one
)

setting = Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
