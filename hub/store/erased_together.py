"""What is erased together: a person is whoever a strong key names, also where a source holds two fiches with that key apart.

Once a key is erased every row that carries it is dropped, so a fiche that stayed with it would be one that nobody can change any more.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from hub import schemas
from hub.errors import Gone, NotFound
from hub.model.claims import Claim
from hub.model.fiche import Document, Kind
from hub.store import reading
from hub.store.bulk import Bulk
from hub.store.identity import keys_of
from hub.store.references import HUB


@dataclass(frozen=True, slots=True)
class Doomed:
    """A fiche that an erasure takes. `document`: None of one that was removed, or never arrived. `claims`: all that is said of it."""

    id: int
    uuid: str
    kind: Kind
    document: Document | None
    claims: tuple[Claim, ...]


def together(connection: Connection, uuid: str) -> list[Doomed]:
    """What `erase` takes with this id: that fiche first, then every other one of its kind of which a living claim carries one of the keys that are erased, and
    one that only such a key still leads to. Raises `NotFound`, and `Gone` for what was erased before.
    """
    known = reading.resolve(connection, [uuid]).get(uuid)
    if known is not None and known.moved_to is not None:
        known = reading.resolve(connection, [known.moved_to])[known.moved_to]
    if known is None:
        raise NotFound(f"There is no fiche with id {uuid}.")
    if known.state == "erased":
        raise Gone(f"The fiche {uuid} has been removed: it was erased.")
    bulk = Bulk(connection)
    found = _doomed(connection, [known.fiche_id])
    while True:
        keys = keys_to_erase(bulk, found)
        ids = bulk.many(one.id for one in found)
        led_to = {row[0] for row in bulk.rows(f"SELECT fiche_id FROM identity WHERE {bulk.listed('key', 'text')}", bulk.many(keys))}
        # Two that carry one key and were not joined stand in the queue, whatever was said of them there.
        pairs = [f"SELECT fiche_id, other_id FROM review WHERE {bulk.listed(column)}" for column in ("fiche_id", "other_id")]
        near = led_to.union(*(row for pair in pairs for row in bulk.rows(pair, ids))) - {one.id for one in found}
        more = [one for one in _doomed(connection, near, found[0].kind) if _carries(one, keys) or (one.id in led_to and _is_empty(one))]
        if not more:
            return found
        found += more


def _doomed(connection: Connection, ids: Iterable[int], kind: Kind | None = None) -> list[Doomed]:
    """These fiches as they stand, in the order of their ids; only those of this kind."""
    bulk = Bulk(connection)
    many = bulk.many(set(ids))
    claims: dict[int, list[Claim]] = {}
    for fiche_id, source, external_id, revision, partner, content in bulk.rows(
        "SELECT c.fiche_id, s.name, c.external_id, c.revision, c.partner, c.content FROM claim c JOIN source s ON s.id = c.source_id"
        f" WHERE {bulk.listed('c.fiche_id')} ORDER BY s.name, c.external_id, c.partner",
        many,
    ):
        claims.setdefault(fiche_id, []).append(schemas.decode_claim(source, external_id, revision, partner or None, content))
    rows = bulk.rows(
        "SELECT f.id, e.uuid, f.kind, f.document FROM fiche f JOIN entity e ON e.id = f.id"
        f" WHERE f.state NOT IN ('moved', 'erased') AND {bulk.listed('f.id')} ORDER BY f.id",
        many,
    )
    return [
        Doomed(number, uuid, of_kind, None if raw is None else schemas.decode(raw), tuple(claims.get(number, ())))
        for number, uuid, of_kind, raw in rows
        if kind in (None, of_kind)
    ]


def keys_to_erase(bulk: Bulk, found: Sequence[Doomed]) -> set[str]:
    """All that these fiches go by, and the numbers that name whom they are about, also where the table of identities gives these to another fiche."""
    ids = bulk.many(with_moved(bulk, found))
    keys = {row[0] for row in bulk.rows(f"SELECT key FROM identity WHERE {bulk.listed('fiche_id')}", ids)}
    keys.update(f"{HUB}|{row[0]}" for row in bulk.rows(f"SELECT uuid FROM entity WHERE {bulk.listed('id')}", ids))
    for one in found:
        for claim in one.claims:
            own, others = keys_of(claim)
            keys.update((own, *(key for key in others if key.startswith(f"{one.kind}:"))))
    return keys


def with_moved(bulk: Bulk, found: Sequence[Doomed]) -> list[int]:
    """Their numbers, and those of the fiches that were joined to them."""
    ids = [one.id for one in found]
    return [*ids, *(row[0] for row in bulk.rows(f"SELECT id FROM entity WHERE fiche_id = id AND {bulk.listed('moved_to')}", bulk.many(ids)))]


def _carries(one: Doomed, keys: set[str]) -> bool:
    return any(not keys.isdisjoint((own, *others)) for claim in one.claims if not claim.gone for own, others in [keys_of(claim)])


def _is_empty(one: Doomed) -> bool:
    return all(claim.gone for claim in one.claims)
