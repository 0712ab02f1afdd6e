"""Which claims of a batch tell something new: of each source and external id the highest `(revision, digest)` stands, so late and repeated ones do not."""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from hub.store.ready import Key, Ready
from hub.store.workspace import Workspace


class Contested(NamedTuple):
    """A claim in an older revision than the hub knew, or in the same one and with other content. `differs`: it says something else than what was known, so that
    no revision decides about it. `stands`: it is taken all the same, as the higher of two words of one revision, or since the caller said so."""

    external_id: str
    partner: str
    known: int
    told: int
    differs: bool
    stands: bool


class Stored(NamedTuple):
    """The row of a claim."""

    id: int
    fiche_id: int
    gone: bool


def news_in(
    space: Workspace, batch: Mapping[Key, Ready], anew: Collection[str], contested: list[Contested] | None = None, *, lock: bool = False
) -> tuple[dict[Key, Ready], dict[Key, Stored]]:
    """Those that tell something new, and the rows that they replace; these are locked in the order of their keys when asked for.

    `anew`: external ids whose word is new whatever its revision. To `contested` are added those that are no newer than what stands, and not the same.
    """
    bulk = space.bulk
    by_source: dict[str, list[str]] = {}
    for source, external_id, _ in sorted(batch) if lock else batch:
        by_source.setdefault(source, []).append(external_id)
    wanted = dict(batch)
    stored: dict[Key, Stored] = {}
    for source, external_ids in sorted(by_source.items()):
        sql = (
            "SELECT external_id, partner, revision, digest, id, fiche_id, gone FROM claim"
            f" WHERE source_id = ? AND {bulk.listed('external_id', 'text')}"
        )
        if lock:
            sql += " ORDER BY external_id, partner FOR UPDATE"
        for external_id, partner, revision, digest, number, fiche_id, gone in bulk.rows(sql, space.source_id(source), bulk.many(external_ids)):
            key = (source, external_id, partner)
            ready = wanted.get(key)
            if ready is None:
                continue  # of a partner who says nothing here
            told = ready.claim.revision
            if revision == told and digest == ready.digest:
                del wanted[key]
                continue
            if (revision, digest) < (told, ready.digest) or external_id in anew:
                stored[key] = Stored(number, fiche_id, bool(gone))
            else:
                del wanted[key]
            differs = bool(digest) and digest != ready.digest  # what was let go of, without a digest, may come back
            if contested is not None and (told < revision or (told == revision and differs)):
                contested.append(Contested(external_id, partner, revision, told, differs, key in stored))
    return wanted, stored
