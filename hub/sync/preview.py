"""What a dry run foresees: for a sample of fiches the fields that would change, from what to what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from hub.model.claims import Claim
from hub.model.fiche import Document
from hub.store import reading
from hub.store.identity import own_key
from hub.store.tables import identity
from hub.sync.records import Difference

SAMPLE = 20
"""Fiches whose differences are shown."""
_AT_ONCE = 500


def compare(fiche: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Difference]:
    """The fields in which two documents differ, by name; a document that is not there has none."""
    old, new = before or {}, after or {}
    return [Difference(fiche, name, old.get(name), new.get(name)) for name in sorted({*old, *new} - {"id"}) if old.get(name) != new.get(name)]


def documents(connection: Connection, claims: Sequence[Claim]) -> dict[str, tuple[int, Document | None]]:
    """External id -> number and merged document of the fiche that it speaks of; what is not known yet is left out."""
    external = {own_key(claim.source, claim.external_id): claim.external_id for claim in claims}
    keys = sorted(external)
    fiches: dict[str, int] = {}
    for start in range(0, len(keys), _AT_ONCE):
        rows = connection.execute(select(identity).where(identity.c.key.in_(keys[start : start + _AT_ONCE])))
        fiches |= {external[row.key]: row.fiche_id for row in rows}
    found = reading.documents(connection, set(fiches.values()))
    return {one: (number, found.get(number)) for one, number in fiches.items()}


def sample(
    before: Mapping[str, tuple[int, Document | None]],
    after: Mapping[str, tuple[int, Document | None]],
    known: Iterable[Difference],
) -> list[Difference]:
    """The differences of the fiches of one batch, as many fiches as still fit into the sample."""
    shown = {one.fiche for one in known}
    found: list[Difference] = []
    told: set[int] = set()
    for external_id, (number, new) in after.items():
        if len(shown) >= SAMPLE:
            break
        old = before.get(external_id, (0, None))[1]
        if number in told:
            continue
        told.add(number)
        name = str((old or {}).get("id", external_id))
        differences = compare(name, old, new)
        if differences:
            shown.add(name)
            found.extend(differences)
    return found
