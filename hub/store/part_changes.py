"""What becomes of the parts of a fiche, in the words of the log: the vestigingen, memberships, electronic addresses and caregivers."""

from __future__ import annotations

from collections.abc import Iterable

from hub.model.audience import ABSENT, level_of_part, part_level_differs
from hub.model.fiche import PARTS, Document, Kind
from hub.model.links import end_of
from hub.store.ends import Ends, ends
from hub.store.workspace import PendingChange, Workspace, operation_of

PART_FIELDS: dict[str, tuple[tuple[str, str], ...]] = {
    kind: tuple((field, type_) for field, (owner, type_, _) in PARTS.items() if owner == kind) for kind in ("organisatie", "aanbod", "zorgverlener")
}
"""Kind -> its fields that hold parts, each with the type of the parts."""


def part_changes(
    space: Workspace,
    fiche_id: int,
    kind: Kind,
    before: Document | None,
    after: Document | None,
    was: int,
    now: int,
    partner: str = "",
    version: int | None = None,
    seen: Ends | None = None,
) -> Iterable[PendingChange]:
    """What became of each part between two states of a fiche, whose levels were `was` and are `now`.

    A part that stands for a link is seen by who sees both ends of it; while the other one is not there, by nobody. `seen`: who sees the other ends, for a caller who knows.
    """
    if not PART_FIELDS[kind]:
        return
    version = space.fiches[fiche_id].version if version is None else version
    seen = ends(space, before, after, partner=partner) if seen is None else seen

    def level(document: Document | None, field: str, part: Document | None, own: int, others: dict[str, int]) -> int:
        if document is None or part is None:
            return ABSENT
        return max(own, level_of_part(document, field, part), others.get(end_of(part) or "", 0))

    for field, type_ in PART_FIELDS[kind]:
        old = {part["id"]: part for part in (before or {}).get(field, ())}
        new = {part["id"]: part for part in (after or {}).get(field, ())}
        if not old and not new:
            continue
        for uuid in {**old, **new}:
            part_before, part_after = old.get(uuid), new.get(uuid)
            part_was = level(before, field, part_before, was, seen.before)
            part_now = level(after, field, part_after, now, seen.now)
            if part_before is not None and part_after is not None:
                if part_before == part_after and part_was == part_now:
                    continue
                differs = part_level_differs(field, part_before, part_after, max(part_was, part_now))
                audience = min(part_was, part_now) if part_was != part_now else min(differs, 2)
                fields: dict[str, int] | None = {
                    name: audience for name in sorted(part_before.keys() | part_after.keys()) if part_before.get(name) != part_after.get(name)
                }
            else:
                fields, audience = None, min(part_was, part_now)
            number = space.number_of[uuid]
            yield PendingChange(
                number,
                fiche_id,
                type_,
                partner,
                "context" if part_before == part_after else operation_of(part_was, part_now),
                space.origin,
                fields,
                audience,
                part_was,
                part_now,
                version,
            )
