"""An editor's decisions. Each is a claim of the source `editor`, above every source that does not own the field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import Connection

from hub import schemas
from hub.authority import declared_rules
from hub.errors import FieldError, Gone, Invalid, NotFound
from hub.merge import item_label
from hub.merge.items import strictest, visibility_of
from hub.merge.plans import ITEMS, SETTINGS, VISIBLE, Field, plan_of
from hub.model.canonical import canonical_content
from hub.model.claims import EDITOR, Claim
from hub.model.fiche import FICHE_TYPES, PARTS, Document, Kind, Rule, Visibility
from hub.model.parts import part_keys
from hub.model.turning import TURNING
from hub.store import reading
from hub.store.bulk import Clash
from hub.store.references import HUB
from hub.store.splitting import take_home
from hub.store.store import Store
from hub.store.workspace import FicheState
from hub.store.writer import Writer

_AT_ONCE = 200
_PATH = "FIELD, a part's PARTS[KEY].FIELD, or an attribute of an item of a list: FIELD[ITEM].ATTRIBUTE"


@dataclass(frozen=True, slots=True)
class _Place:
    """What a field of a conflict names: `field` of the fiche, or `inner` of one of its parts; or `attribute` of an item of that list."""

    field: str
    rule: Rule
    part: Document | None = None
    inner: str | None = None
    item: Document | None = None
    attribute: str | None = None

    @property
    def of(self) -> str:
        """The field's own name."""
        return self.inner or self.field


@dataclass(frozen=True, slots=True)
class Decided:
    """What an editor decided of a field of a fiche. `field` is named as `edit` names it."""

    field: str
    value: Any


def edit(store: Store, uuid: str, field: str, value: Any, who: str) -> None:
    """Decide what a field of a fiche says; `None` takes an earlier decision back. `who` is kept in the change log.

    `field` is named as conflicts name it: `form`, `vestigingen[<key>].hours` for a field of one part, `contacts[phone|+3216000001].purpose`
    for an attribute of one item of a list. Nothing but that is touched. A list that sources fill together becomes exactly `value`: what they
    give besides is excluded (a list of a part cannot be edited as a whole). Raises `Locked` (owner, route) when an
    authentic source of this fiche or part owns the field, `Invalid`, `NotFound`, `Gone`. `Invalid` too when a source says that fewer may see it than
    `value` says (of two visibilities the stricter stands), and for a volatile value that was over before a source said otherwise. Taken back is whatever
    `decisions` lists, also where the sources have let go of what it is about; `Invalid` when there is none about the field.
    """
    store.write(lambda writer: _edit(writer, uuid, field, value, who))


def decide_conflict(store: Store, uuid: str, field: str, chosen: Any = None, who: str = EDITOR, *, source: str | None = None) -> Any:
    """Settle a conflict for good: `chosen`, or what `source` says, is one of the values that stand against each other, and the answer. Touches no other field.

    What was decided may be decided anew: then also among the values that stand against each other without that decision.
    Raises as `edit`; `Invalid` also when there is no conflict about the field, or the value or source has no part in it.
    """

    def decide(writer: Writer) -> Any:
        against = _against_each_other(writer, uuid, field)
        if not against:
            raise Invalid(f"There is no conflict about {field}.", (FieldError("field", "no conflict", field),))
        stated = [value for name, value in against if (name == source if source is not None else value == chosen)]
        if not stated and source is not None:
            names = ", ".join(sorted({name for name, _ in against}))
            raise Invalid(f"{source} has no part in this conflict.", (FieldError("source", f"one of {names}", source),))
        if not stated:
            raise Invalid(
                "Choose one of the values that stand against each other.",
                (FieldError("chosen", "none of the values"),),
            )
        _edit(writer, uuid, field, stated[0], who)
        return stated[0]

    return store.write(decide)


def decisions(connection: Connection, uuid: str) -> list[Decided]:
    """What an editor decided of a fiche and nobody took back, by the names of the fields. Raises `NotFound`, `Gone`.

    Also what sleeps, since the sources have let go of the fiche, or of the part that it is about.
    """
    known = reading.resolve(connection, [uuid]).get(uuid)
    if known is not None and known.moved_to is not None:
        known = reading.resolve(connection, [known.moved_to])[known.moved_to]
    if known is None or known.type not in FICHE_TYPES:
        raise NotFound(f"There is no fiche with id {uuid}.")
    if known.state == "erased":
        raise Gone(f"The fiche {uuid} has been erased.")
    document = reading.documents(connection, [known.id]).get(known.id)
    said = [claim for claim in reading.standing_claims(connection, [known.id]).get(known.id, ()) if claim.source == EDITOR]
    return [Decided(field, value) for field, (value, _) in sorted(_decided(known.type, document or {}, said).items())]


def apply_rules(store: Store, *, dry_run: bool = False) -> int:
    """Merge every fiche with a conflict again, by the authority of its sources as it is now; the answer is how many conflicts that settled.

    A changed rule applies by itself only to what comes in afterwards. `dry_run` counts, and changes nothing.
    """
    after = settled = 0
    while True:
        with store.read() as connection:
            found = reading.conflicts(connection, _AT_ONCE, after)
        if not found:
            return settled
        numbers = [one.number for one in found]
        after = numbers[-1]

        def work(writer: Writer, numbers: list[int] = numbers) -> int:
            writer.space.origin = "authority"
            writer.space.load(numbers, lock=True)
            told = sum(len(reading.conflicts_of(writer.connection, number)) for number in numbers)
            writer.remake(set(numbers))
            return told - sum(len(reading.conflicts_of(writer.connection, number)) for number in numbers)

        settled += store.write(work, dry_run=dry_run)


def _edit(writer: Writer, uuid: str, field: str, value: Any, who: str) -> None:
    space = writer.space
    state, said = _held(writer, uuid)
    place = _to_decide(writer, state, field) if value is not None else _to_take_back(state, said, field)
    if value is not None and place.part is None and place.item is None:
        # In the form in which it is kept, because what else stands in a list is compared with it.
        value = canonical_content(schemas.check(state.kind, {field: value}, claim=True))[field]
    claims = _saying(said, state.document or {}, place, value)
    parts = _part_ids(state)
    counts = writer.put(claims, origin=who)
    if wrong := counts.rejected or counts.left_out:
        first = wrong[0]
        raise Invalid(first.message, (FieldError(first.field or field, first.message),))
    _check_arrival(writer, state, claims, field, erased=counts.erased > 0)
    if value is None:
        return
    stands = space.fiches[state.id]
    _check_seen(writer, stands, place, field, value)
    if place.part is not None:
        _check_outcome(stands, place, field, value, parts)
    elif place.field in TURNING and place.rule.merge == "whole":
        _check_lasting(stands, place, value)


def _held(writer: Writer, uuid: str) -> tuple[FicheState, list[Claim]]:
    """The fiche, kept from other writers, with the editor's claims about it."""
    (state,) = writer.hold(uuid)
    if elsewhere := take_home(writer.space, writer.identities, state.id):
        writer.remake(elsewhere)
        state = writer.space.fiches[state.id]
    return state, _standing(writer, state)


def _to_decide(writer: Writer, state: FicheState, field: str) -> _Place:
    if state.document is None:
        raise Gone(f"The fiche {state.uuid} has been removed; there is nothing to edit.")
    place = _find(state.kind, state.document, field)
    if place is None:
        raise Invalid(
            f"This {state.kind} has no field {field} that can be edited. Write {_PATH}.",
            (FieldError("field", f"one of {', '.join(sorted(declared_rules(FICHE_TYPES[state.kind])))}, or inside these", field),),
        )
    _check_lock(writer, state, place)
    return place


def _to_take_back(state: FicheState, said: Sequence[Claim], field: str) -> _Place:
    decided = _decided(state.kind, state.document or {}, said)
    if field not in decided:
        named = f"one of {', '.join(sorted(decided))}" if decided else "no decision"
        raise Invalid(f"There is no decision about {field}.", (FieldError("field", named, field),))
    return decided[field][1]


def _saying(said: Sequence[Claim], document: Document, place: _Place, value: Any) -> list[Claim]:
    """What becomes of the editor's claims, which `_standing` gives, with this decision in them, or without it for `None`."""
    known = said[0]
    # Also what an earlier decision left out, which does not stand in the document any more.
    left_out = [item for claim in said for item in claim.excluded.get(place.field, ())]
    claims = [] if value is None else [_edited(known, document, place, value, left_out)]
    # What was decided of a fiche that was joined to this one is decided anew: two decisions about one thing would stand against each other.
    claims += [taken for one in (said if value is None else said[1:]) if (taken := _edited(one, document, place, None)) != one]
    claims = [replace(claim, revision=claim.revision + 1) for claim in claims]
    return [replace(claim, content={}, excluded={}, gone=True) if len(claim.content) < 2 else claim for claim in claims]


def _against_each_other(writer: Writer, uuid: str, field: str) -> list[tuple[str, Any]]:
    """The values among which somebody may choose, each with the source that gives it: those of the conflict, and of the one that a decision settled."""
    state, said = _held(writer, uuid)
    found = [*reading.conflicts_of(writer.connection, state.id)]
    if decision := _decided(state.kind, state.document or {}, said).get(field):
        found += writer.conflicts_with(state.id, _saying(said, {}, decision[1], None))
    return [(source, value) for conflict in found if conflict.field == field for source, _, value in conflict.values]


def _decided(kind: Kind, document: Document, said: Iterable[Claim]) -> dict[str, tuple[Any, _Place]]:
    """What these claims of an editor decide, by the name of the field, with what that names. A part is named as in the fiche, if it stands there."""
    rules = declared_rules(FICHE_TYPES[kind])
    found: dict[str, tuple[Any, _Place]] = {}
    for claim in said:
        for field in claim.content.keys() & rules.keys():
            stated, (of, _, declaration) = claim.content[field], PARTS.get(field, (None, None, Document))
            parts = [part for part in stated if part.get("keys")] if of == kind else []
            for part in parts:
                keys = {*part["keys"]}
                names = next((one["keys"] for one in document.get(field, ()) if not keys.isdisjoint(one["keys"])), part["keys"])
                meant = {"keys": list(dict.fromkeys([*names, *part["keys"]]))}
                for inner, rule in declared_rules(declaration).items():
                    for path, value, item, attribute in _words(part, inner, rule, whole=False):
                        place = _Place(field, rule, meant, inner, item, attribute)
                        found.setdefault(f"{field}[{names[0]}].{path}", (value, place))
            if of == kind and len(parts) == len(stated):
                continue
            rule = rules[field]
            for path, value, item, attribute in _words(claim.content, field, rule, whole=field in claim.excluded):
                found.setdefault(path, (value, _Place(field, rule, item=item, attribute=attribute)))
    return found


def _words(said: Document, name: str, rule: Rule, *, whole: bool) -> Iterator[tuple[str, Any, Document | None, str | None]]:
    """What is said of a field: its name and value; or the name and value of each attribute of items, each with its item and its own name, unless the list was
    decided as a `whole`."""
    if name not in said:
        return
    if whole or rule.merge != "union" or not rule.key or any(item.keys() <= {*rule.key} for item in said[name]):
        yield name, said[name], None, None
        return
    for item in said[name]:
        for attribute in sorted(item.keys() - {*rule.key}):
            yield f"{name}[{item_label(item, rule.key)}].{attribute}", item[attribute], item, attribute


def _edited(known: Claim, document: Document, place: _Place, value: Any, left_out: Sequence[Any] = ()) -> Claim:
    """The editor's claim with this decision in it, or without it for `None`. `left_out`: what earlier decisions about a list excluded."""
    if place.part is None and place.item is None:
        content = {name: stated for name, stated in known.content.items() if name != place.field}
        excluded = {name: items for name, items in known.excluded.items() if name != place.field}
        if value is not None:
            content[place.field] = value
            rule = place.rule
            if rule.merge == "union":
                others = []
                for item in (*document.get(place.field, ()), *left_out):
                    key = _key(item, rule.key)
                    if key not in others and not _among(item, value, rule.key):
                        others.append(key)
                if others:
                    excluded[place.field] = others
        return replace(known, content=content, excluded=excluded)
    if place.part is None:
        return replace(known, content=_with_item(known.content, place, value))
    keys = place.part["keys"]
    own = next((part for part in known.content.get(place.field, ()) if not set(keys).isdisjoint(part.get("keys", ()))), None)
    others = [part for part in known.content.get(place.field, ()) if part is not own]
    part = {**(own or {}), "keys": list(dict.fromkeys([*keys, *(own or {}).get("keys", ())]))}
    inner = cast(str, place.inner)
    if place.item is not None:
        part = _with_item(part, place, value)
    elif value is None:
        part.pop(inner, None)
    else:
        part[inner] = value
    parts = [*others, part] if len(part) > 1 else others
    content = {name: stated for name, stated in known.content.items() if name != place.field}
    return replace(known, content={**content, place.field: parts} if parts else content)


def _with_item(said: Document, place: _Place, value: Any) -> Document:
    """What an editor says of a fiche or part, with his word about one item of one of its lists."""
    name, attributes = place.of, place.rule.key
    identity = _key(cast(Document, place.item), attributes)
    own = next((item for item in said.get(name, ()) if _key(item, attributes) == identity), identity)
    item = {attribute: stated for attribute, stated in own.items() if attribute != place.attribute}
    if value is not None:
        item[cast(str, place.attribute)] = value
    items = [other for other in said.get(name, ()) if other is not own]
    if item.keys() - identity.keys():
        items.append(item)
    rest = {field: stated for field, stated in said.items() if field != name}
    return {**rest, name: items} if items else rest


def _find(kind: Kind, document: Document, path: str) -> _Place | None:
    """What this path names in the fiche; None for nothing, or for several items that are called alike."""
    rules = declared_rules(FICHE_TYPES[kind])
    if path in rules:
        return _Place(path, rules[path])
    if found := _find_item(document, rules, path):
        name, item, attribute = found
        return _Place(name, rules[name], item=item, attribute=attribute)
    for field, (of, _, declaration) in PARTS.items():
        for part in document.get(field, ()) if of == kind else ():
            prefix = f"{field}[{part['keys'][0]}]."
            if not path.startswith(prefix):
                continue
            inner, rest = declared_rules(declaration), path.removeprefix(prefix)
            if rest in inner and inner[rest].merge != "union":
                return _Place(field, inner[rest], part, rest)
            if found := _find_item(part, inner, rest):
                name, item, attribute = found
                return _Place(field, inner[name], part, name, item, attribute)
    return None


def _find_item(document: Document, rules: Any, path: str) -> tuple[str, Document, str] | None:
    found = [
        (name, item, attribute)
        for name, rule in rules.items()
        if rule.merge == "union" and rule.key and path.startswith(f"{name}[")
        for item in document.get(name, ())
        for attribute in item
        if attribute not in rule.key and path == f"{name}[{item_label(item, rule.key)}].{attribute}"
    ]
    return found[0] if len(found) == 1 else None


def _check_lock(writer: Writer, state: FicheState, place: _Place) -> None:
    """Raise `Locked` when a source of the fiche, or of the part when it is about one, owns the field."""
    space = writer.space
    if place.part is None:
        sources: Any = reading.sources(space.connection, [state.id]).get(state.id, ())
    else:
        prefix = f"{place.field}[{place.part['keys'][0]}]."
        told = reading.provenance(space.connection, state.id)
        sources = {source for one in told if one.field.startswith(prefix) for source, _, _ in one.claims}
    space.around.authority.check_edit(state.kind, place.field, sources, place.inner)


def _part_ids(state: FicheState) -> list[str]:
    return sorted(part["id"] for field in PARTS for part in (state.document or {}).get(field, ()))


def _check_outcome(state: FicheState, place: _Place, field: str, value: Any, parts: list[str]) -> None:
    """A part that nothing tells apart from others cannot be spoken of alone: rather nothing than another part, or a new one."""
    whose = cast(Document, place.part)["id"]
    part: Document = next((one for one in (state.document or {}).get(place.field, ()) if one["id"] == whose), {})
    said = part.get(place.of)
    if place.item is not None:
        identity = _key(place.item, place.rule.key)
        said = next((item.get(cast(str, place.attribute)) for item in said or () if _key(item, place.rule.key) == identity), None)
    if said != value or _part_ids(state) != parts:
        reason = f"{field} cannot be decided here: nothing tells this part apart from the others. Correct it at its sources."
        raise Invalid(reason, (FieldError("field", reason, field),))


def _check_lasting(state: FicheState, place: _Place, value: Document) -> None:
    """Of what goes stale an editor's word does not outlive what a source said after it had run out."""
    stands = (state.document or {}).get(place.field, {})
    if any(stands.get(name) != said for name, said in value.items()):
        reason = f"{place.field} would have run out before what a source said of it later. Give it a later valid_until, or none."
        raise Invalid(reason, (FieldError(f"{place.field}.valid_until", reason, value.get("valid_until")),))


def _check_seen(writer: Writer, state: FicheState, place: _Place, field: str, value: Any) -> None:
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


def _visibilities(plan: Field, place: _Place, value: Any) -> list[tuple[Any, Visibility]]:
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


def _standing(writer: Writer, state: FicheState) -> list[Claim]:
    """The editor's claims about the fiche so far: first the one that is named after it, also when there is none yet, then those of fiches that were joined to it.

    Each fiche has its own, so that a split gives back what was decided of it.
    """
    bulk = writer.space.bulk
    rows = bulk.rows(
        "SELECT external_id, revision, content FROM claim WHERE fiche_id = ? AND source_id = ? AND partner = '' ORDER BY id",
        state.id,
        writer.space.source_id(EDITOR),
    )
    own, others = Claim(EDITOR, state.uuid, 0, state.kind, {"kind": state.kind}, same_as=((HUB, state.uuid),)), []
    for external_id, revision, raw in rows:
        found = schemas.decode_claim(EDITOR, external_id, revision, None, raw)
        known = replace(found, content={"kind": state.kind, **found.content}, gone=False)
        if external_id == state.uuid:
            own = known
        else:
            others.append(known)
    return [own, *others]


def _check_arrival(writer: Writer, state: FicheState, claims: Sequence[Claim], field: str, *, erased: bool) -> None:
    """Whoever decides something hears it when that did not come to stand at the fiche."""
    if erased:
        reason = f"{field} of {state.uuid} cannot be decided here: it names somebody who was erased, or earlier decisions about it were erased together with another fiche. Correct it at its sources."
        raise Invalid(reason, (FieldError("field", reason, field),))
    space = writer.space
    sql = "SELECT external_id, revision FROM claim WHERE fiche_id = ? AND source_id = ? AND partner = ''"
    stand = dict(space.bulk.rows(sql, state.id, space.source_id(EDITOR)))
    if any(stand.get(claim.external_id) != claim.revision for claim in claims):
        raise Clash  # another writer moved it meanwhile


def _key(item: Any, attributes: tuple[str, ...]) -> Any:
    if not attributes:
        return item
    return {name: item[name] for name in attributes if name in item}


def _among(item: Any, items: list[Any], attributes: tuple[str, ...]) -> bool:
    return any(_key(item, attributes) == _key(cast(Document, other), attributes) for other in items)
