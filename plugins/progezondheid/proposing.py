"""What we propose to the register, and what becomes of it: a three-way comparison per field. Pure: no IO, no clock.

The register owns what it holds. We ask it to take over what other sources say of a caregiver, value by value: `base` is what of ours it
took over before, `shaping` says what we stand for now, and what stands there is theirs. Items that are theirs are never taken away, and what was
rejected is not asked again until our value changes; what its owner refuses to take away is his own from then on, and so is what he puts there in place of what we asked. An item is ours
as long as it stands there as we told it: of a contact whom the owner shows to others than we asked, he has the last word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import orjson

from hub import Document, Proposal, Rejected
from plugins.progezondheid.sameness import difference, key_of, mark_of, same
from plugins.progezondheid.shaping import State

FIELDS: Final = ("practice_addresses", "contacts", "languages", "consultation_hours", "patient_stop")
"""What can be proposed. Names, numbers, professions, visa and administrative addresses are the register's own, and are not among them."""
OF_CAREGIVER: Final = FIELDS[:3]
OF_PRACTICE: Final = FIELDS[3:]

_DECIDED: Final = ("accepted", "rejected", "withdrawn")
MOST_AGAIN: Final = 3
"""So many times the same value is asked again of which nobody said no: the owner changed the field while it waited, or it was withdrawn and should not have been."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One proposal to be made: this field, from what stands there to what should. `wanted` is our own value behind it.

    `asked`: just this waits there already, or was rejected, so it is not made again.
    """

    field: str
    old: Any
    new: Any
    wanted: Any
    asked: bool = False


# --- what to ask -----------------------------------------------------------------------------------------------------------------


def asks(state: State, desired: State | None, provider: Mapping[str, Any], reference: str, fields: Sequence[str] = FIELDS) -> Iterator[Ask]:
    """What is to be proposed: those of the `fields` of which our value changed since they were last asked, against what stands there now.

    A field that may not be proposed (any more) is left as it stands there: that we do not ask for it does not say that we no longer stand for it.
    Also yields, with `old == new` or `asked`, a field of which there is nothing to propose, but something to be noted (`noted`). Raises `Rejected` for a
    caregiver that breaks the contract.
    """
    wanted = desired or {}
    for field in fields:
        entry = state.get("fields", {}).get(field)
        value = wanted.get(field)
        if (value is None and entry is None) or (entry is not None and entry["wanted"] == value and not _once_more(entry)):
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
        yield Ask(field, theirs, new, value, asked=theirs != new and entry is not None and _asked(field, entry, theirs, new))


def _asked(field: str, entry: Mapping[str, Any], theirs: Any, new: Any) -> bool:
    """Whether just this waits already, or was rejected by somebody who saw it."""
    if entry["state"] == "pending":
        return bool(entry["old"] == theirs and entry["new"] == new)
    return entry["state"] == "rejected" and not _once_more(entry) and difference(field, theirs, new) == difference(field, entry["old"], entry["new"])


def _once_more(entry: Mapping[str, Any]) -> bool:
    """Whether this is to be asked again although our value is the same: nobody said no to it."""
    unanswered = entry["state"] == "withdrawn" and entry["wanted"] is not None
    return (unanswered or _conflicted(entry)) and entry.get("again", 0) < MOST_AGAIN


def _conflicted(entry: Mapping[str, Any]) -> bool:
    """Whether this was not taken over only because the field was no longer what it was when we asked."""
    return entry["state"] == "rejected" and bool(entry.get("conflict"))


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
    key, mark = key_of(field), mark_of(field)
    ours = {key(item): item for item in value or ()}
    held = _ours(field, entry)
    kept = [item for item in theirs if key(item) in ours or mark(item) not in held]
    there = {key(item) for item in kept}
    if field == "contacts":  # for whom it is, is ours to say of what is ours
        kept = [{**item, "audience": ours[key(item)]["audience"]} if key(item) in ours and mark(item) in held else item for item in kept]
    return [*kept, *(item for item in value or () if key(item) not in there)]


def proposed(state: State, reference: str, ask: Ask, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The proposal, as the register takes it in."""
    told = {"reference": reference, "nihdi8": state["nihdi8"], "field": ask.field, "practice": state["practice"]}
    return {**told, "old": ask.old, "new": ask.new, "evidence": evidence}


def sources_of(desired: State | None, ask: Ask) -> list[str]:
    """By whom is said what this would bring there that is not there yet; of what is only taken away nobody says anything."""
    said = (desired or {}).get("sources", {}).get(ask.field, [])
    if ask.field in OF_PRACTICE or not ask.wanted:
        return list(said) if ask.wanted else []
    key = key_of(ask.field)
    there = {key(item) for item in ask.old}
    return sorted({source for item, sources in zip(ask.wanted, said, strict=True) if key(item) not in there for source in sources})


def idempotency_key(state: State, proposal: Mapping[str, Any]) -> str:
    """The same for each attempt of the same proposal, another for any other, and for one that takes up what was decided and is asked anew. 64 characters.

    Of everything that is told: under one key the register takes one body and no other. Under the key of a proposal that was accepted it would answer with
    that one, also where it has undone since what it took over. What was rejected is not asked again until our value changes; under its key the register repeats its answer.
    """
    entry = state.get("fields", {}).get(proposal["field"])
    taken_up = [entry["id"]] if entry is not None and (entry["state"] in ("withdrawn", "accepted") or _conflicted(entry)) else []
    return hashlib.sha256(orjson.dumps([proposal, *taken_up], option=orjson.OPT_SORT_KEYS)).hexdigest()


def refusal(refused: Sequence[Rejected]) -> Rejected:
    """What the register would not take of one caregiver, field by field, as one."""
    if len(refused) == 1:
        return refused[0]
    return Rejected(" ".join(f"{one.field}: {one.message}" for one in refused), field=", ".join(one.field for one in refused))


# --- what became of it -------------------------------------------------------------------------------------------------------------


def noted(state: State, ask: Ask, answer: Mapping[str, Any], evidence: Mapping[str, Any]) -> State:
    """The state once this was asked with this evidence. `answer`: the register's proposal, or `{}` for what stands there, or was asked, already."""
    before = state.get("fields", {}).get(ask.field)
    ours = _ours(ask.field, before)
    base = ask.old if ask.field in OF_PRACTICE else [item for item in ask.old if mark_of(ask.field)(item) in ours]
    now = {
        "wanted": ask.wanted,
        "base": base,
        "old": ask.old,
        "new": ask.new,
        "id": "",
        "state": "pending" if answer else "same",
        "reason": "",
        "at": "",
        "made": "" if before is None else _made(before),
        "again": 0 if before is None or before["wanted"] != ask.wanted else before.get("again", 0) + _once_more(before),
        "evidence": dict(evidence),
    }
    accepted = before is not None and before["state"] == "accepted" and same(ask.field, before["new"], ask.new)
    if not answer and before is not None and (accepted or ask.asked):
        now = {**before, "wanted": ask.wanted, "base": base}  # what became of it remains worth showing
    fields = {**state.get("fields", {}), ask.field: now}
    if ask.wanted is None and not base and not answer:
        del fields[ask.field]
    after = {**state, "fields": fields}
    if not answer:
        return after
    now["id"], now["at"] = str(answer["id"]), str(answer.get("created_at", ""))
    now["made"] = now["at"] or now["made"]
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
    if said["state"] == "rejected" and said.get("conflict") is True:
        after["conflict"] = True
    elif said["state"] == "rejected":
        after["base"] = _left_to_us(str(field), entry)
    if said["state"] == "accepted":
        value = said.get("value", entry["new"])
        after["base"] = value if field in OF_PRACTICE else _taken_over(str(field), entry, value)
        if _otherwise(str(field), entry["new"], value):
            after["value"] = value
    return {**state, "fields": {**state["fields"], field: after}}


def _noted_late(state: State, field: str, entry: Mapping[str, Any] | None, said: Mapping[str, Any]) -> State:
    """The state with this proposal, if it is a later one than what is noted; what was replaced before may come again, and is old news.

    About a later change, or made later about the same one: with the partner's agreement may change what we stand for, and not the fiche.
    """
    evidence = said.get("evidence")
    seq = evidence.get("seq") if isinstance(evidence, Mapping) else None
    if said.get("state") not in ("pending", "accepted") or type(seq) is not int:
        return state
    if entry is not None and (seq, str(said.get("created_at", ""))) <= (entry.get("evidence", {}).get("seq", 0), _made(entry)):
        return state
    if not isinstance(said.get("nihdi8"), str) or state.get("nihdi8", said["nihdi8"]) != said["nihdi8"]:
        return state
    base = {"nihdi8": said["nihdi8"], "practice": said.get("practice"), **state}
    try:
        return noted(base, Ask(field, said["old"], said["new"], None), {**said, "state": "pending"}, cast(Mapping[str, Any], evidence))
    except (KeyError, TypeError, AttributeError):  # it breaks the contract, so nothing of it can be told apart
        return state


def is_ahead(state: State, said: Mapping[str, Any], head: int) -> bool:
    """Whether this is a proposal that we know nothing of and that names a change after the newest of ours (`head`): we cannot have made it."""
    field, evidence = said.get("field"), said.get("evidence")
    if isinstance(field, str) and state.get("fields", {}).get(field, {}).get("id") == said.get("id"):
        return False
    seq = evidence.get("seq") if isinstance(evidence, Mapping) else None
    return type(seq) is int and seq > head


def _made(entry: Mapping[str, Any]) -> str:
    """When the last proposal of this field was made, by the register's clock, which orders its own proposals."""
    return str(entry.get("made", "~"))  # of what was noted when this was not: after everything


def _left_to_us(field: str, entry: Mapping[str, Any]) -> Any:
    """What of ours stands in the register once its owner said no: what he would not let go is his own word from then on."""
    if field in OF_PRACTICE:
        return entry["base"]
    mark = mark_of(field)
    kept_by_owner = set(map(mark, entry["old"] or ())) - set(map(mark, entry["new"] or ()))
    return [item for item in entry["base"] or () if mark(item) not in kept_by_owner]


def _taken_over(field: str, entry: Mapping[str, Any], value: Any) -> list[Any]:
    """What of ours stands in the register's list now: of what was asked that was not there before, or was ours already. What its owner put there instead, or shows to others than we asked, is his own."""
    key, mark = key_of(field), mark_of(field)
    before = {key(item) for item in entry["old"] or ()} - {key(item) for item in entry["base"] or ()}
    try:
        asked = {mark(item) for item in entry["new"]}
        return [item for item in value if key(item) not in before and mark(item) in asked]
    except (KeyError, TypeError, AttributeError):  # what they say stands there cannot be read, so it is what we asked for
        return [item for item in entry["new"] if key(item) not in before]


def _otherwise(field: str, new: Any, value: Any) -> bool:
    """Whether what they say stands there is something else than what was asked, in whatever spelling."""
    try:
        return value != new and (field in OF_PRACTICE or any(difference(field, new, value)))
    except (KeyError, TypeError, AttributeError):  # it cannot be read
        return False


def keeps_more(said: Mapping[str, Any]) -> bool:
    """Whether this says that its owner has in this field what we did not ask for, or not like that: his own word, also where his row came before we heard of it."""
    field, value, new = said.get("field"), said.get("value"), said.get("new")
    if said.get("state") != "accepted" or field not in OF_CAREGIVER or value is None:
        return False
    try:
        return bool(difference(field, new, value)[0])
    except (KeyError, TypeError, AttributeError):
        return False


def proposals(state: State) -> Iterator[Proposal]:
    """What was asked, for the administrator."""
    for field, entry in state.get("fields", {}).items():
        if entry["state"] != "same":
            told = cast(Literal["pending", "accepted", "rejected", "withdrawn"], entry["state"])
            evidence, value = entry.get("evidence", {}), entry.get("value")
            yield Proposal(field, entry["old"], entry["new"], told, entry["id"], entry["at"], entry["reason"], evidence, value)


def pending(state: State) -> bool:
    """Whether anything waits for the register's decision."""
    return any(entry["state"] == "pending" for entry in state.get("fields", {}).values())


def waiting(state: State) -> dict[str, Any]:
    """What waits for the register's decision: field -> the value that was proposed."""
    return {field: entry["new"] for field, entry in state.get("fields", {}).items() if entry["state"] == "pending"}


def unsettled(state: State) -> bool:
    """Whether anything is to be asked again of which nobody said no."""
    return any(_once_more(entry) for entry in state.get("fields", {}).values())


def pending_outside(state: State, fields: Sequence[str]) -> list[str]:
    """The fields of which something waits for the register's decision although they may not be proposed any more."""
    return [field for field, entry in state.get("fields", {}).items() if entry["state"] == "pending" and field not in fields]


def unsaid(state: State, desired: State | None) -> list[str]:
    """The fields of which something waits for the register's decision that we no longer stand for."""
    return [
        field
        for field, entry in state.get("fields", {}).items()
        if entry["state"] == "pending" and entry["wanted"] not in (None, (desired or {}).get(field))
    ]


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
        key, mark = key_of(field), mark_of(field)
        before = {key(item) for item in stood.get(name, ()) if _is_practice(name, item)}
        kept = [item for item in said[name] if not _is_practice(name, item) or key(item) in before or mark(item) not in ours]
        if kept:
            content[name] = kept
        else:
            del content[name]
    return content


def _ours(field: str, entry: Mapping[str, Any] | None) -> set[Any]:
    """The marks of what the register has, or may have by now, from us."""
    if entry is None or field in OF_PRACTICE:
        return set()
    mark = mark_of(field)
    before = {mark(item) for item in entry["old"] or ()}
    asked = [item for item in entry["new"] or () if mark(item) not in before] if entry["state"] == "pending" else []
    return {mark(item) for item in (*(entry["base"] or ()), *asked)}


def _is_practice(name: str, item: Any) -> bool:
    return name != "addresses" or item.get("type") == "practice"
