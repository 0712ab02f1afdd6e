"""Rows that differ from what the hub holds only by what they say of persons who were erased: the hub holds them without that, so they are nothing new.

A source without revisions of its own compares its rows with what is held, and gives each of these a newer revision in every run from the start. Where revisions
are the source's, nothing is left out here: the highest must stand in the store, or an older row that comes late would take its place.
"""

from __future__ import annotations

from hub.errors import Invalid, Rejected
from hub.store import ReadyClaims, Writer, reading
from hub.store.ready import Ready
from hub.store.references import without


def nothing_new(writer: Writer, batch: ReadyClaims) -> set[str]:
    """The external ids of those claims of one source and partner that say, but for who was erased, what is held."""
    if not writer.space.forgets:
        return set()
    rows = [ready for ready in batch.newest.values() if _usable(ready) and ready.links]
    writer.identities.load({key for ready in rows for key, _ in ready.links})
    naming = [ready.claim for ready in rows if any(writer.identities.is_erased(key) for key, _ in ready.links)]
    if not naming:
        return set()
    held = reading.held(writer.connection, naming[0].source, [claim.external_id for claim in naming], naming[0].partner or "")
    return {
        claim.external_id
        for claim in naming
        if (known := held.get(claim.external_id)) is not None
        and (known.kind, known.excluded, known.same_as) == (claim.kind, claim.excluded, claim.same_as)
        and known.content == without(claim.kind, claim.content, writer.identities.is_erased)
    }


def _usable(ready: Ready) -> bool:
    try:
        ready.check()
    except (Invalid, Rejected):
        return False  # the writer says what is wrong with it
    return not ready.claim.gone
