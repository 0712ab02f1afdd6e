"""Erasure: an overriding claim that nothing was ever known of somebody (GDPR, article 17).

Who that is, strong keys say: fiches of one kind that a source holds apart go together when they carry the same one (`hub.store.erased_together`).

What identifies the fiches is remembered as keyed hashes only, so that a later reload can be told apart and is dropped. Everything else goes: claims,
documents, versions, rows of the index, raw rows kept for administrators, what other fiches said of it in their links, and by which names partners
sent it in. The files of the database are cleaned too, since a deleted row stays in free pages otherwise; and every process empties its memory at its next
look (`Store.state`). That they must be cleaned is noted in the transaction that erases, so whoever is cut off in between is followed by the next
`erase`, or by a job (`finish`). PostgreSQL's are rewritten when an administrator says so (`rewrite`), because nobody reads a table meanwhile.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine

from hub import schemas
from hub.connector import Progress
from hub.errors import Gone
from hub.model.audience import ABSENT, level_of
from hub.model.claims import Claim
from hub.model.fiche import Document
from hub.store import index_rows, vocabulary
from hub.store.bulk import Bulk, Clash
from hub.store.database import writing
from hub.store.erased_together import Doomed, keys_to_erase, together, with_moved
from hub.store.forgetting import key_hash
from hub.store.linking import fiches_leading_to, remove_own_links
from hub.store.part_changes import part_changes
from hub.store.references import without
from hub.store.store import Store
from hub.store.workspace import PendingChange
from hub.store.writer import Writer

_CHECKPOINT_SECONDS: Final = 10.0
_CLEANED: Final = (
    "claim",
    "fiche",
    "version",
    "overlay",
    "identity",
    "candidate_key",
    "part_key",
    "entry",
    "term",
    "fulltext",
    "vocabulary",
    "review",
    "rejected",
    "agreed",
    "outbox",
    "landing",
    "fed",
)
"""Tables with rows that say something of people, or of which an earlier version of a row may have."""
_CLEANING: Final = "cleaning due"
"""Where a database notes that somebody was erased since its free pages were last cleaned, and how often."""
_REWRITING: Final = "rewriting due"
"""The same of its files, for PostgreSQL."""


def erase(store: Store, uuid: str, reason: str) -> list[Doomed]:
    """Erase a fiche for ever, and all that `together` names with it, which is the answer: no reload brings them back. Raises `NotFound` when there is none with
    this id.

    Whoever follows the change log gets one deletion of each. Fiches that were joined into them are erased with them. Of somebody who was erased already, what an
    earlier call had no time to clean is cleaned. See `due` for what is left to do afterwards.
    """
    erased = store.write(lambda writer: _erase(writer, uuid, reason))
    finish(store)
    return erased


@dataclass(frozen=True, slots=True)
class Due:
    """What is still to be done about the people who were erased: `cleaning` by `finish`, `rewriting` by `rewrite`."""

    cleaning: int
    rewriting: int


def due(connection: Connection) -> Due:
    """How many erasures have not been cleaned up after, and after how many the files of PostgreSQL were not rewritten."""
    noted = dict(Bulk(connection).rows("SELECT name, n FROM counter WHERE name IN (?, ?)", _CLEANING, _REWRITING))
    return Due(noted.get(_CLEANING, 0), noted.get(_REWRITING, 0))


def is_erased(connection: Connection, uuid: str) -> bool:
    """Whether the fiche with this id was erased."""
    sql = "SELECT 1 FROM fiche f JOIN entity e ON e.id = f.id WHERE e.uuid = ? AND f.state = 'erased'"
    return bool(Bulk(connection).rows(sql, uuid))


def finish(store: Store) -> bool:
    """Clean up after whoever was erased since that was last done; whether there was anything to do. Several at once do no harm."""
    with store.read() as connection:
        seen = due(connection).cleaning
    if seen:
        clean(store.engine)
        _done(store.engine, _CLEANING, seen)
    return bool(seen)


def _done(engine: Engine, counter: str, seen: int) -> None:
    """Unless somebody else was erased meanwhile."""
    with writing(engine) as connection:
        Bulk(connection).run("DELETE FROM counter WHERE name = ? AND n = ?", counter, seen)


def rewrite(store: Store, progress: Progress | None = None) -> None:
    """Write the tables that held people anew, so that nothing of who was erased is left in the files of the database.

    On PostgreSQL nobody reads or writes a table while it is written (`VACUUM FULL`), and it needs room for a copy of it; see `to_rewrite` for which and
    how large. On SQLite that is what `clean` does at every erasure.
    """
    with store.read() as connection:
        seen = due(connection).rewriting
    clean(store.engine)
    if store.engine.dialect.name != "postgresql":
        return
    tables = to_rewrite(store)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for number, (table, _) in enumerate(tables):
            if progress is not None:
                progress(number, len(tables), table)
            connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {table}")
        # What is most common in a column is kept there, names too; the owner of a database may write it anew.
        connection.exec_driver_sql("VACUUM FULL pg_statistic")
    _done(store.engine, _REWRITING, seen)


def to_rewrite(store: Store) -> list[tuple[str, int]]:
    """The tables that `rewrite` writes anew, and the bytes of each with its indexes. None on SQLite."""
    if store.engine.dialect.name != "postgresql":
        return []
    with store.read() as connection:
        return [(name, Bulk(connection).rows("SELECT pg_total_relation_size(?::regclass)", name)[0][0]) for name in _CLEANED]


def _erase(writer: Writer, uuid: str, reason: str) -> list[Doomed]:
    space, identities = writer.space, writer.identities
    bulk = space.bulk
    space.origin = "erasure"
    try:
        found = together(writer.connection, uuid)
    except Gone:
        return []
    writer.hold(*(one.uuid for one in found))
    if together(writer.connection, uuid) != found:
        raise Clash  # between our look and our lock
    ids = with_moved(bulk, found)
    space.load(ids, lock=True)
    claims = [claim for one in found for claim in one.claims]
    keys = keys_to_erase(bulk, found)
    hashes = sorted({key_hash(space.around.secret, key) for key in keys})
    bulk.run("INSERT INTO counter (name, n) VALUES ('erasures', 1) ON CONFLICT (name) DO UPDATE SET n = counter.n + 1")
    for note in (_CLEANING, _REWRITING) if bulk.postgres else (_CLEANING,):
        bulk.run("INSERT INTO counter (name, n) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET n = counter.n + 1", note)
    bulk.insert_new("erasure", ("key_hash", "at", "reason"), [(one, space.at, reason) for one in hashes])
    space.forgets_from_now_on()
    identities.forget(keys)
    identities.load(keys)
    depending = _depending(writer, ids)
    for one in found:
        _tell(writer, one.id)
    _remove(writer, ids, claims)
    # What was not of these fiches: a number that another one had once, and that none of its claims names any more.
    bulk.run(f"DELETE FROM identity WHERE {bulk.listed('key', 'text')}", bulk.many(keys))
    identities.forget(keys)
    identities.load(keys)
    space.hold(depending)
    for fiche_id in depending:
        _scrub(writer, fiche_id, {space.uuid_of[number] for number in ids})
    writer.remake(depending)
    return found


def _depending(writer: Writer, ids: list[int]) -> set[int]:
    """Fiches that link to these, or did: what their claims and history say of them goes as well."""
    space = writer.space
    bulk = space.bulk
    found = fiches_leading_to(bulk, ids)
    for one in ids:
        pattern = f"%{space.uuid_of[one]}%"
        found.update(row[0] for row in bulk.rows("SELECT DISTINCT fiche_id FROM part_key WHERE key LIKE ?", pattern))
    return found - set(ids)


def _tell(writer: Writer, number: int) -> None:
    """One deletion for everybody who ever saw it; partners with an overlay get their own."""
    space = writer.space
    state = space.fiches[number]
    space.load_parts([number])
    before, was = state.document, state.level
    version = state.version + 1
    if before is not None:
        space.note(PendingChange(number, number, state.kind, "", "delete", space.origin, None, was, was, ABSENT, version))
        for change in part_changes(space, number, state.kind, before, None, was, ABSENT, "", version):
            space.note(change)
    for partner, raw in space.bulk.rows("SELECT partner, document FROM overlay WHERE document IS NOT NULL AND fiche_id = ?", number):
        own = schemas.decode(raw)
        level = level_of(own)
        space.note(
            PendingChange(
                number,
                number,
                state.kind,
                partner,
                "delete",
                space.origin,
                None,
                level,
                level,
                ABSENT,
                version,
            )
        )
        for change in part_changes(space, number, state.kind, own, None, level, ABSENT, partner, version):
            space.note(change)


def _remove(writer: Writer, ids: list[int], claims: list[Claim]) -> None:
    space = writer.space
    bulk = space.bulk
    many = bulk.many(ids)
    entries = [row[0] for row in bulk.rows(f"SELECT id FROM entry WHERE {bulk.listed('fiche_id')}", many)]
    index_rows.remove(space.connection, entries)
    remove_own_links(bulk, entries)
    bulk.run(f"DELETE FROM entry_mask WHERE {bulk.listed('entry_id')}", bulk.many(entries))
    owners = [row[0] for row in bulk.rows(f"SELECT id FROM entity WHERE {bulk.listed('fiche_id')}", many)]
    bulk.run(f"DELETE FROM link WHERE {bulk.listed('from_id')}", bulk.many(owners))
    # That a partner had a view of his own stays: by that the log knows that it told him something else than all.
    bulk.run(f"UPDATE overlay SET document = NULL, digest = NULL, level = ? WHERE {bulk.listed('fiche_id')}", ABSENT, many)
    for table in ("claim", "version", "expiry", "candidate_key", "part_key", "identity", "review"):
        bulk.run(f"DELETE FROM {table} WHERE {bulk.listed('fiche_id')}", many)
    bulk.run(f"DELETE FROM review WHERE {bulk.listed('other_id')}", many)
    bulk.run(
        f"DELETE FROM rejected WHERE {bulk.listed('external_id', 'text')}",
        bulk.many({claim.external_id for claim in claims}),
    )
    for claim in claims:
        _forget_sent(writer, claim.source, claim.external_id)
    bulk.run(f"UPDATE outbox SET reason = '' WHERE {bulk.listed('entity_id')}", bulk.many(owners))
    bulk.run("DELETE FROM landing")  # compressed bytes of whole pages: who is in them cannot be told apart
    # What a partner agreed on goes, but not that it had been told: the deletion must still be pushed.
    bulk.run(
        f"UPDATE agreed SET state = ? WHERE state IS NOT NULL AND {bulk.listed('entity_id')}",
        b'{"erased":true}',
        bulk.many(owners),
    )
    bulk.run(
        "UPDATE fiche SET state = 'erased', level = ?, version = version + 1, digest = NULL, document = NULL, provenance = NULL,"
        f" conflicts = NULL WHERE {bulk.listed('id')}",
        ABSENT,
        many,
    )
    for one in ids:
        state = space.fiches[one]
        state.replace(None, None, None)
        state.state, state.level, state.version = "erased", ABSENT, state.version + 1
        space.parts_of[one] = {}


def _forget_sent(writer: Writer, source: str, owner: str, key: str = "") -> None:
    """By which names of its own a partner sent in this claim, or the part of it with this key. The source of what a partner sends in ends in its name."""
    bulk = writer.space.bulk
    pieces = source.split("-")
    partners = bulk.many("-".join(pieces[at:]) for at in range(1, len(pieces)))
    which, given = (" AND key = ?", (key,)) if key else ("", ())
    bulk.run(f"DELETE FROM fed WHERE owner = ? AND {bulk.listed('partner', 'text')}{which}", owner, partners, *given)


def _scrub(writer: Writer, fiche_id: int, uuids: set[str]) -> None:
    """Take what a fiche's claims and history say of the erased ones out of them."""
    space, identities = writer.space, writer.identities
    bulk = space.bulk
    space.load_parts([fiche_id])
    owners = []
    parts: set[str] = set()
    for number, source_id, external_id, revision, partner, content in bulk.rows(
        "SELECT id, source_id, external_id, revision, partner, content FROM claim WHERE fiche_id = ?",
        fiche_id,
    ):
        claim = schemas.decode_claim(space.source_name(source_id), external_id, revision, partner or None, content)
        owners.append(claim)
        kept = without(claim.kind, claim.content, identities.is_erased)
        if kept is not claim.content:
            scrubbed = Claim(
                claim.source,
                external_id,
                revision,
                claim.kind,
                kept,
                claim.gone,
                claim.excluded,
                claim.same_as,
                claim.partner,
            )
            # The digest stays that of what the source said, so that the same row again is still nothing new.
            bulk.run("UPDATE claim SET content = ? WHERE id = ?", schemas.pack(schemas.encode_claim(scrubbed)), number)
    for number, data in bulk.rows("SELECT id, document FROM version WHERE fiche_id = ?", fiche_id):
        document = schemas.decode(schemas.unpack(data))
        if _leave_out(document, uuids, parts):
            bulk.run(
                "UPDATE version SET document = ? WHERE id = ?",
                schemas.pack(schemas.encode(document)),
                number,
            )
    # The document that stands becomes a version in a moment: it must not take the person along.
    state = space.fiches[fiche_id]
    if state.document is not None:
        document = schemas.decode(state.raw or b"{}")
        if _leave_out(document, uuids, parts):
            state.scrubbed = schemas.encode(document)
    for number, data in bulk.rows("SELECT id, document FROM overlay WHERE fiche_id = ? AND document IS NOT NULL", fiche_id):
        document = schemas.decode(data)
        if _leave_out(document, uuids, parts):
            bulk.run("UPDATE overlay SET document = ? WHERE id = ?", schemas.encode(document), number)
    _forget_keys(writer, fiche_id, {space.number_of[part] for part in parts if part in space.number_of}, owners)
    for uuid in uuids:
        bulk.run("DELETE FROM part_key WHERE fiche_id = ? AND key LIKE ?", fiche_id, f"%{uuid}%")


def _forget_keys(writer: Writer, fiche_id: int, parts: set[int], claims: list[Claim]) -> None:
    """By what sources recognise these parts, which stood for somebody; such as a partner's own id of a role."""
    space = writer.space
    known = space.parts_of[fiche_id]
    for type_, key in [each for each, part in known.items() if part in parts]:
        del known[type_, key]
        for claim in claims:
            _forget_sent(writer, claim.source, claim.external_id, key)
    space.bulk.run(f"DELETE FROM part_key WHERE {space.bulk.listed('entity_id')}", space.bulk.many(parts))


def _leave_out(document: Document, uuids: set[str], parts: set[str]) -> bool:
    """Remove every link to these, and every part made of such a link, whose ids are added to `parts`; whether there was one."""
    found = False
    for name, value in list(document.items()):
        if isinstance(value, dict) and value.get("id") in uuids:
            del document[name]
            found = True
        elif isinstance(value, list):
            kept = [item for item in value if not (isinstance(item, dict) and _names(item, uuids))]
            if len(kept) != len(value):
                found = True
                parts.update(item["id"] for item in value if isinstance(item, dict) and _names(item, uuids) and "id" in item)
                if kept:
                    document[name] = kept
                else:
                    del document[name]
    return found


def _names(part: dict[str, Any], uuids: set[str]) -> bool:
    return any(isinstance(inner, dict) and inner.get("id") in uuids for inner in part.values())


def clean(engine: Engine) -> None:
    """Remove what deleted rows leave behind in the files of the database.

    What nobody is called any more leaves the vocabulary. SQLite: the full text is rewritten, free space was overwritten at once (`secure_delete`), and the write-ahead log is emptied; pages are
    rewritten by VACUUM, because a page that was split can keep a copy of a row in its unused middle. PostgreSQL: dead rows are vacuumed away, which does
    not overwrite them (see `rewrite`).
    """
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            index_rows.optimize(connection)
        vocabulary.sweep(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in _CLEANED:
                connection.exec_driver_sql(f"VACUUM {table}")
        return
    with writing(engine) as connection:
        index_rows.optimize(connection)
    vocabulary.sweep(engine)
    raw = engine.raw_connection()
    try:
        driver = raw.driver_connection
        assert driver is not None
        driver.execute("PRAGMA busy_timeout = 10000")
        driver.execute("VACUUM")
        deadline = time.monotonic() + _CHECKPOINT_SECONDS
        while driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] and time.monotonic() < deadline:
            time.sleep(0.02)  # a reader still needs the log
    finally:
        raw.close()
