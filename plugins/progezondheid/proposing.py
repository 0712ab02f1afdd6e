"""What we propose to the register, and what becomes of it: a three-way comparison per field. Pure: no IO, no clock.

The register owns what it holds. We ask it to take over what other sources say of a caregiver, value by value: `base` is what of ours it
took over before, the fiche is what we stand for now, and what stands there is theirs. Items that are theirs are never taken away, and what was
rejected is not asked again until our value changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import orjson

from hub import Document, Entity, Proposal, Rejected, fold
from plugins.progezondheid.words import SOURCE, normal_contact

FIELDS: Final = ("practice_addresses", "contacts", "languages", "consultation_hours", "patient_stop")
"""What can be proposed. Names, numbers, professions, visa and administrative addresses are the register's own, and are not among them."""
OF_CAREGIVER: Final = FIELDS[:3]
OF_PRACTICE: Final = FIELDS[3:]

State = dict[str, Any]
_REGISTERS: Final = frozenset({SOURCE, "cobrha"})
"""What only these say, the register knows: there is nothing to propose, and nobody to ask for."""
_RECEIVING: Final = ("practice", "visit")
_ADDRESS: Final = ("street", "house_number", "box", "postcode", "municipality", "city", "country", "position")
_HOURS: Final = ("days", "opens", "closes", "by_appointment", "valid_from", "valid_until")
_DECIDED: Final = ("accepted", "rejected", "withdrawn")


@dataclass(frozen=True, slots=True)
class Ask:
    """One proposal to be made: this field, from what stands there to what should. `wanted` is our own value behind it."""

    field: str
    old: Any
    new: Any
    wanted: Any


# --- what we stand for -----------------------------------------------------------------------------------------------------------


def shape(entity: Entity, fields: Sequence[str], audience: str) -> State | None:
    """What we stand for, in the register's language: of a zorgverlener, or of a caregiver in an aanbod; None without a RIZIV number, or when nobody but registers says anything.

    `fields`: those that may be proposed. `audience`: of contacts, `public` or `professionals`.
    """
    if entity.type == "zorgverlener":
        person, said = entity.fiche, _of_caregiver(entity.fiche, audience)
    elif entity.type == "caregiver" and entity.part is not None and "zorgverlener" in entity.part:
        person = entity.related.get(entity.part["zorgverlener"]["id"], {})
        said = _of_practice(entity.fiche, entity.part)
    else:
        return None
    number, others = _number(person), {*entity.sources} - _REGISTERS
    values = {field: value for field, value in said.items() if value and field in fields}
    if number is None or not values or not others:
        return None
    desired: State = {"nihdi8": number, "sources": sorted(others), **values}
    if entity.type == "caregiver":
        desired["practice"] = _practice(entity)
    return desired


def _number(person: Document) -> str | None:
    for identifier in person.get("identifiers", ()):
        if identifier["system"] == "riziv":
            return str(identifier["value"])[:8]
    return None


def _of_caregiver(fiche: Document, audience: str) -> State:
    addresses = [
        {"type": "practice", **_only(address, _ADDRESS)}
        for address in fiche.get("addresses", ())
        if address.get("type") in _RECEIVING and "postcode" in address
    ]
    contacts = [
        {"kind": contact["kind"], "value": contact["value"], "audience": audience}
        for contact in fiche.get("contacts", ())
    ]
    return {
        "practice_addresses": _unique("practice_addresses", addresses),
        "contacts": _unique("contacts", contacts),
        "languages": sorted(fiche.get("languages", ())),
    }


def _of_practice(aanbod: Document, caregiver: Document) -> State:
    hours = caregiver.get("hours") or aanbod.get("hours") or []
    stop = aanbod.get("patientenstop", {})
    said: State = {"consultation_hours": [_only(line, _HOURS) for line in hours]}
    if stop.get("value") in ("yes", "no"):  # what ran out reads unknown, and is no news
        said["patient_stop"] = _only(stop, ("value", "asserted_at", "valid_until"))
    return said


def _practice(entity: Entity) -> State:
    """Which practice it is, as far as the partner may see."""
    owner = entity.related.get(entity.fiche.get("organisatie", {}).get("id", ""), {})
    sites = {place["id"] for place in entity.fiche.get("vestigingen", ())}
    places = [site for site in owner.get("vestigingen", ()) if site["id"] in sites and site.get("addresses")]
    named = [name["text"] for name in owner.get("names", ())] or [name["text"] for name in entity.fiche.get("names", ())]
    address = {"type": "practice", **_only(places[0]["addresses"][0], _ADDRESS)} if places else None
    return {"key": entity.id, "name": named[0] if named else None, "address": address}


def _only(value: Mapping[str, Any], names: Sequence[str]) -> State:
    return {name: value[name] for name in names if name in value}


# --- what to ask -----------------------------------------------------------------------------------------------------------------


def asks(
    state: State, desired: State | None, provider: Mapping[str, Any], reference: str, fields: Sequence[str] = FIELDS
) -> Iterator[Ask]:
    """What is to be proposed: those of the `fields` of which our value changed since they were last asked, against what stands there now.

    A field that may not be proposed (any more) is left as it stands there: that we do not ask for it does not say that we no longer stand for it.
    Also yields, with `old == new`, a field that the register has as we want it: nothing to propose, but to be noted (`noted`). Raises `Rejected` for a
    caregiver that breaks the contract.
    """
    wanted = desired or {}
    for field in fields:
        entry = state.get("fields", {}).get(field)
        value = wanted.get(field)
        if (value is None and entry is None) or (entry is not None and entry["wanted"] == value):
            continue
        try:
            theirs = standing(provider, field, reference)
            new = _merged(field, theirs, entry, value)
        except (KeyError, TypeError, AttributeError) as error:
            raise Rejected(
                f"What stands in the register about {provider.get('nihdi8')} breaks the contract, so nothing can be proposed.",
                external_id=str(provider.get("nihdi8")),
                field=field,
            ) from error
        yield Ask(field, theirs, new, value)


def standing(provider: Mapping[str, Any], field: str, reference: str) -> Any:
    """What stands in the register under a field that can be proposed."""
    if field == "practice_addresses":
        return [address for address in provider["addresses"] if address["type"] == "practice"]
    if field in OF_PRACTICE:
        found = [practice for practice in provider["practices"] if practice["key"] == reference]
        return found[0].get(field) if found else None
    return list(provider[field])


def _merged(field: str, theirs: Any, entry: Mapping[str, Any] | None, value: Any) -> Any:
    """Theirs, without what of ours we no longer stand for, and with what is new of ours."""
    if field == "patient_stop" and value is None:
        return theirs  # both sides know until when it holds
    if field in OF_PRACTICE:
        return value  # under our own key stands nothing but ours
    key = _KEYS[field]
    ours = {key(item): item for item in value or ()}
    held = _ours(field, entry)
    kept = [item for item in theirs if key(item) in ours or key(item) not in held]
    there = {key(item) for item in kept}
    if field == "contacts":  # for whom it is, is ours to say of what is ours
        kept = [{**item, "audience": ours[key(item)]["audience"]} if key(item) in ours.keys() & held else item for item in kept]
    return [*kept, *(item for item in value or () if key(item) not in there)]


def idempotency_key(state: State, reference: str, seq: int, ask: Ask) -> str:
    """The same for each attempt of the same proposal about the same change, another for any other, and for one that takes up what was withdrawn or accepted. 64 characters.

    Under the key of a proposal that was accepted the register would answer with that one, also where it has undone since what it took over. What was
    rejected is not asked again until our value changes, which is another change; under its key the register repeats its answer.
    """
    entry = state.get("fields", {}).get(ask.field)
    taken_up = [entry["id"]] if entry is not None and entry["state"] in ("withdrawn", "accepted") else []
    said = [reference, seq, ask.field, ask.old, ask.new, *taken_up]
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


# --- what became of it -------------------------------------------------------------------------------------------------------------


def noted(state: State, ask: Ask, answer: Mapping[str, Any], evidence: Mapping[str, Any]) -> State:
    """The state once this was asked with this evidence. `answer`: the register's proposal, or `{}` for what stands there already."""
    before = state.get("fields", {}).get(ask.field)
    ours = _ours(ask.field, before)
    base = ask.old if ask.field in OF_PRACTICE else [item for item in ask.old if _KEYS[ask.field](item) in ours]
    now = {
        "wanted": ask.wanted,
        "base": base,
        "old": ask.old,
        "new": ask.new,
        "id": "",
        "state": "pending" if answer else "same",
        "reason": "",
        "at": "",
        "evidence": dict(evidence),
    }
    if not answer and before is not None and before["state"] == "accepted" and _same(ask.field, before["new"], ask.new):
        now = {**before, "wanted": ask.wanted, "base": base}  # it stands there because it was accepted, which remains worth showing
    fields = {**state.get("fields", {}), ask.field: now}
    if ask.wanted is None and not base and not answer:
        del fields[ask.field]
    after = {**state, "fields": fields}
    if not answer:
        return after
    now["id"], now["at"] = str(answer["id"]), str(answer.get("created_at", ""))
    return decided(after, {**answer, "field": ask.field})


def decided(state: State, said: Mapping[str, Any]) -> State:
    """The state once the register has said how a proposal stands; only what is pending can be decided, so late and repeated decisions change nothing.

    A proposal that we made and never noted, because we were stopped before its answer was stored, is noted now: else what the owner takes over would come
    back as the register's own word.
    """
    field = said.get("field")
    if not isinstance(field, str) or field not in FIELDS:
        return state
    entry = state.get("fields", {}).get(field)
    if entry is None or entry["id"] != said.get("id"):
        state = _noted_late(state, field, entry, said)
        entry = state.get("fields", {}).get(field)
    if entry is None or entry["id"] != said.get("id") or entry["state"] != "pending" or said.get("state") not in _DECIDED:
        return state
    after = {**entry, "state": said["state"], "at": str(said.get("decided_at") or entry["at"]), "reason": str(said.get("reason") or "")[:500]}
    if said["state"] == "accepted":
        value = said.get("value", entry["new"])
        after["base"] = value if field in OF_PRACTICE else _taken_over(str(field), entry, value)
    return {**state, "fields": {**state["fields"], field: after}}


def _noted_late(state: State, field: str, entry: Mapping[str, Any] | None, said: Mapping[str, Any]) -> State:
    """The state with this proposal, if it is about a later change than the one that is noted; what was replaced before may come again, and is old news."""
    evidence = said.get("evidence")
    seq = evidence.get("seq") if isinstance(evidence, Mapping) else None
    noted_before = 0 if entry is None else entry.get("evidence", {}).get("seq", 0)
    if said.get("state") not in ("pending", "accepted") or type(seq) is not int or seq <= noted_before:
        return state
    if not isinstance(said.get("nihdi8"), str) or state.get("nihdi8", said["nihdi8"]) != said["nihdi8"]:
        return state
    base = {"nihdi8": said["nihdi8"], "practice": said.get("practice"), **state}
    try:
        return noted(base, Ask(field, said["old"], said["new"], None), {**said, "state": "pending"}, cast(Mapping[str, Any], evidence))
    except (KeyError, TypeError, AttributeError):  # it breaks the contract, so nothing of it can be told apart
        return state


def _taken_over(field: str, entry: Mapping[str, Any], value: Any) -> list[Any]:
    """What of ours stands in the register's list now: what was not there before, and what was ours already."""
    key = _KEYS[field]
    before = {key(item) for item in entry["old"] or ()} - {key(item) for item in entry["base"] or ()}
    try:
        return [item for item in value if key(item) not in before]
    except (KeyError, TypeError, AttributeError):  # what they say stands there cannot be read, so it is what we asked for
        return [item for item in entry["new"] if key(item) not in before]


def proposals(state: State) -> Iterator[Proposal]:
    """What was asked, for the administrator."""
    for field, entry in state.get("fields", {}).items():
        if entry["state"] != "same":
            told = cast(Literal["pending", "accepted", "rejected", "withdrawn"], entry["state"])
            yield Proposal(field, entry["old"], entry["new"], told, entry["id"], entry["at"], entry["reason"], entry.get("evidence", {}))


def pending(state: State) -> bool:
    """Whether anything waits for the register's decision."""
    return any(entry["state"] == "pending" for entry in state.get("fields", {}).values())


def waiting(state: State) -> dict[str, Any]:
    """What waits for the register's decision: field -> the value that was proposed."""
    return {field: entry["new"] for field, entry in state.get("fields", {}).items() if entry["state"] == "pending"}


def pending_outside(state: State, fields: Sequence[str]) -> list[str]:
    """The fields of which something waits for the register's decision although they may not be proposed any more."""
    return [field for field, entry in state.get("fields", {}).items() if entry["state"] == "pending" and field not in fields]


def withdrawn(state: State, field: str) -> State:
    """The state once we took back what waited: it is asked again as soon as it may be proposed again."""
    return {**state, "fields": {**state["fields"], field: {**state["fields"][field], "wanted": None}}}


# --- what comes back ---------------------------------------------------------------------------------------------------------------


def own_word(said: Document, stood: Document, state: State) -> Document:
    """A claim's content without the items that the register holds only because we proposed them; what it said before by itself stays."""
    content = dict(said)
    for field, name in (("practice_addresses", "addresses"), ("contacts", "contacts"), ("languages", "languages")):
        ours = _ours(field, state.get("fields", {}).get(field))
        if not ours or name not in said:
            continue
        key = _KEYS[field]
        before = {key(item) for item in stood.get(name, ()) if _is_practice(name, item)}
        kept = [item for item in said[name] if not _is_practice(name, item) or key(item) in before or key(item) not in ours]
        if kept:
            content[name] = kept
        else:
            del content[name]
    return content


def _ours(field: str, entry: Mapping[str, Any] | None) -> set[Any]:
    """The keys of what the register has, or may have by now, from us."""
    if entry is None or field in OF_PRACTICE:
        return set()
    key = _KEYS[field]
    before = {key(item) for item in entry["old"] or ()}
    asked = [item for item in entry["new"] or () if key(item) not in before] if entry["state"] in ("pending", "accepted") else []
    return {key(item) for item in (*(entry["base"] or ()), *asked)}


def _is_practice(name: str, item: Any) -> bool:
    return name != "addresses" or item.get("type") == "practice"


# --- sameness ------------------------------------------------------------------------------------------------------------------------


def _contact_key(item: Mapping[str, Any]) -> tuple[str, str]:
    """Of a contact in the register's words or in the hub's: of one number the two may tell the kind differently, of one website the scheme."""
    kind, value = item["kind"], normal_contact(item["kind"], item["value"]).lower()
    if kind == "website":
        return kind, value.partition("://")[2].rstrip("/") or value
    return "phone" if kind == "mobile" else kind, value


def _address_key(item: Mapping[str, Any]) -> tuple[str, ...]:
    """Of an address in the register's words or in the hub's."""
    street = item.get("street") or {}
    return (
        item.get("postcode") or "",
        fold(street.get("nl") or next(iter(street.values()), "")),
        (item.get("house_number") or "").lower(),
        (item.get("box") or "").lower(),
    )


_KEYS: Final[dict[str, Callable[[Any], Any]]] = {
    "practice_addresses": _address_key,
    "contacts": _contact_key,
    "languages": str,
}


def _same(field: str, one: Any, other: Any) -> bool:
    """Whether two values of a field are the same, in whatever spelling and order."""
    if field in OF_PRACTICE:
        return bool(one == other)
    return set(map(_KEYS[field], one or ())) == set(map(_KEYS[field], other or ()))


def _unique(field: str, items: list[State]) -> list[State]:
    """One per key, in order of key, so that the same values make the same state."""
    by_key = {_KEYS[field](item): item for item in reversed(items)}
    return [by_key[key] for key in sorted(by_key)]
