"""Whether an editor may decide something, and whether it came to stand as it was decided: what did not is refused, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from hub.errors import FieldError, Invalid
from hub.merge.items import strictest, visibility_of
from hub.merge.plans import ITEMS, SETTINGS, VISIBLE, Field, plan_of
from hub.model.claims import EDITOR, Claim
from hub.model.fiche import PARTS, Document, Visibility
from hub.model.parts import part_keys
from hub.store import reading
from hub.store.bulk import Clash
from hub.store.decided import Place, item_key
from hub.store.workspace import FicheState
from hub.store.writer import Writer


def check_lock(writer: Writer, state: FicheState, place: Place) -> None:
    """Raise `Locked` when a source of the fiche, or of the part when it is about one, owns the field."""
    space = writer.space
    if place.part is None:
        sources: Any = reading.sources(space.connection, [state.id]).get(state.id, ())
    else:
        prefix = f"{place.field}[{place.part['keys'][0]}]."
        told = reading.provenance(space.connection, state.id)
        sources = {source for one in told if one.field.startswith(prefix) for source, _, _ in one.claims}
    space.around.authority.check_edit(state.kind, place.field, sources, place.inner)


def check_arrival(writer: Writer, state: FicheState, claims: Sequence[Claim], field: str, *, erased: bool) -> None:
    """Whoever decides something hears it when that did not come to stand at the fiche."""
    if erased:
        reason = f"{field} of {state.uuid} cannot be decided here: it names somebody who was erased, or earlier decisions about it were erased together with another fiche. Correct it at its sources."
        raise Invalid(reason, (FieldError("field", reason, field),))
    space = writer.space
    sql = "SELECT external_id, revision FROM claim WHERE fiche_id = ? AND source_id = ? AND partner = ''"
    stand = dict(space.bulk.rows(sql, state.id, space.source_id(EDITOR)))
    if any(stand.get(claim.external_id) != claim.revision for claim in claims):
        raise Clash  # another writer moved it meanwhile


def part_ids(state: FicheState) -> list[str]:
    """Which parts the fiche has, for `check_outcome`."""
    return sorted(part["id"] for field in PARTS for part in (state.document or {}).get(field, ()))


def check_outcome(state: FicheState, place: Place, field: str, value: Any, parts: list[str]) -> None:
    """A part that nothing tells apart from others cannot be spoken of alone: rather nothing than another part, or a new one."""
    whose = cast(Document, place.part)["id"]
    part: Document = next((one for one in (state.document or {}).get(place.field, ()) if one["id"] == whose), {})
    said = part.get(place.of)
    if place.item is not None:
        identity = item_key(place.item, place.rule.key)
        said = next((item.get(cast(str, place.attribute)) for item in said or () if item_key(item, place.rule.key) == identity), None)
    if said != value or part_ids(state) != parts:
        reason = f"{field} cannot be decided here: nothing tells this part apart from the others. Correct it at its sources."
        raise Invalid(reason, (FieldError("field", reason, field),))


def check_lasting(state: FicheState, place: Place, value: Document) -> None:
    """Of what goes stale an editor's word does not outlive what a source said after it had run out."""
    stands = (state.document or {}).get(place.field, {})
    if any(stands.get(name) != said for name, said in value.items()):
        reason = f"{place.field} would have run out before what a source said of it later. Give it a later valid_until, or none."
        raise Invalid(reason, (FieldError(f"{place.field}.valid_until", reason, value.get("valid_until")),))


def check_seen(writer: Writer, state: FicheState, place: Place, field: str, value: Any) -> None:
    """In who may see something an editor's word is not above the others: the stricter stands. Whoever asks for less hears by whom, rather than nothing."""
    whole = next(one for one in plan_of(state.kind) if one.name == place.field)
    plan = whole if place.part is None else next(one for one in whole.inner if one.name == place.inner)
    keys = () if place.part is None else place.part["keys"]
    claims = reading.standing_claims(writer.connection, [state.id]).get(state.id, [])
    for what, asked in _visibilities(plan, place, value):
        stands = _seen_by(plan, _holders(whole, keys, state.document or {}), what)
        if not stands or strictest(stands) == asked:
            continue
        strict = strictest(stands)
        by = sorted({one.source for one in claims if one.source != EDITOR and strict in _seen_by(plan, _holders(whole, keys, one.content), what)})
        reason = (
            f"{field} cannot become {asked} here: {' and '.join(by) or 'a source'} says {strict}, and of two the stricter stands, unless the source that"
            " owns it says otherwise. Have it changed there."
        )
        raise Invalid(reason, (FieldError("field", reason, field),))


def _visibilities(plan: Field, place: Place, value: Any) -> list[tuple[Any, Visibility]]:
    """What an editor says of who may see something: of an item of the list, of a field by its name, or of the whole (None)."""
    if plan.how == VISIBLE:
        return [(None, value)]
    if place.item is not None:
        return [(place.item, value)] if place.attribute == "visibility" else []
    if plan.how == SETTINGS:
        return [*value.items()]
    return [(item, item["visibility"]) for item in value if "visibility" in item] if plan.how == ITEMS else []


def _holders(whole: Field, keys: Sequence[str], document: Document) -> list[Document]:
    """What has the field: the fiche, or its part with any of these keys."""
    if whole.part_type is None:
        return [document]
    return [part for part in document.get(whole.name, ()) if not {*keys}.isdisjoint((*part.get("keys", ()), *part_keys(whole.part_type, part)))]


def _seen_by(plan: Field, holders: Sequence[Document], what: Any) -> list[Visibility]:
    """Who may see that, as far as these say it."""
    said = [holder[plan.name] for holder in holders if plan.name in holder]
    if plan.how == VISIBLE:
        return said
    if plan.how == SETTINGS:
        return [settings[what] for settings in said if what in settings]
    return [visibility_of(plan, item) for items in said for item in items if not {*plan.keys(item)}.isdisjoint(plan.keys(what))]
