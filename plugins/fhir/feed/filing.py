"""Filing what was sent: each resource goes into the claim that it belongs to, all in one transaction.

A fiche is a claim of its own; a Location, an OrganizationAffiliation or an Endpoint is a part in the claim about its organisation, a PractitionerRole
one in the claim about its offer. External ids are the sender's own names (`Organization/7`); who writes to an id of the hub's speaks of that very fiche.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from hub import (
    FIELD_OF_PART,
    Claim,
    Desk,
    Directory,
    Document,
    FieldError,
    Gone,
    Invalid,
    Known,
    Locked,
    NotFound,
    Outranked,
    Sent,
    has_ended,
    is_uuid,
)
from plugins.fhir.feed.fiches import ADDRESS_OF
from plugins.fhir.feed.links import Links, Reference, part_of
from plugins.fhir.feed.naming import NAMELESS, Entry, name_of
from plugins.fhir.feed.noting import Repeated
from plugins.fhir.feed.saying import Said
from plugins.fhir.feed.translate import TRANSLATED, said
from plugins.fhir.feed.trying import around, refused
from plugins.fhir.params import RESOURCES

Json = dict[str, Any]
_PARTS_OF: Final = {"organisatie": ("vestigingen", "memberships", "electronic_addresses"), "aanbod": ("caregivers",), "zorgverlener": ()}
"""What a fiche holds that is sent in resources of its own."""
_TIES: Final = ("membership", "caregiver")
_ORDER: Final = {name: place for place, name in enumerate(TRANSLATED)}
_OWNER: Final = {"vestiging": "Organization", "membership": "Organization", "electronic_address": "Organization", "caregiver": "HealthcareService"}

IN_CIRCLE: Final = (
    "by this it is part of itself: from what it is part of, and what that is part of, one comes back to it. Name another Organization, or none."
)


@dataclass(slots=True)
class Filed:
    """What became of an entry. `id` is the hub's, None for a part that was taken out; `notes` are (path, what is not kept and why).

    `locks` are fields that another source owns: they are not kept. `outranked` are kept, but do not stand. `repeated` is what it says of something
    else, each with the reference of ours (`Location/<id>`) or the word that stands in that element when it is so; "" when it names nothing.
    `in_circle`: it is part of itself, and was so before. `nowhere` are references to what is not here. `elsewhere` are (path, id) of numbers that belong to another resource of its type.
    """

    entry: Entry
    created: bool = False
    id: str | None = None
    late: bool = False
    in_circle: bool = False
    notes: list[tuple[str, str]] = field(default_factory=list)
    locks: list[Locked] = field(default_factory=list)
    outranked: list[Outranked] = field(default_factory=list)
    repeated: list[tuple[Repeated, str]] = field(default_factory=list)
    nowhere: list[Reference] = field(default_factory=list)
    elsewhere: list[tuple[str, str]] = field(default_factory=list)


def file(desk: Desk, entries: Sequence[Entry], source: str, asked: Directory, *, strict: bool, known: Mapping[str, str] | None = None) -> list[Filed]:
    """File them all, in the order in which they need each other; the answer is in theirs. `known`: what else they may refer to, `Type/<id>` by its full URL.

    Raises `Invalid` with every element that cannot be used, `NotFound` for a removal of what was never sent, `Gone` for the
    erased, and when `strict` `Locked` for a value that another source owns.
    """
    return _Filing(desk, source, asked, known or {}).all(entries, strict=strict)


@dataclass(slots=True)
class _Plan:
    """An entry with its name, what was sent under it before, and the entity of the hub's whose id it is."""

    filed: Filed
    name: str
    sent: Sent | None
    known: Known | None
    part: str = ""
    target: Sent | None = None
    told: Said | None = None
    off: bool = False


class _Filing:
    def __init__(self, desk: Desk, source: str, asked: Directory, known: Mapping[str, str]) -> None:
        self._desk = desk
        self._source = source
        self._asked = asked
        self._errors: list[FieldError] = []
        self._links = Links(desk, source, asked, known, self._errors)
        self._around = around(asked, self._links.link)
        self._claims: dict[str, Claim] = {}
        self._let_go: set[str] = set()  # external ids of claims that were taken back before
        self._begun: dict[str, str] = {}  # UUID of a fiche -> the external id of the first claim about it, in this transaction
        self._told: list[Said] = []

    def all(self, entries: Sequence[Entry], *, strict: bool) -> list[Filed]:
        plans = [self._plan(entry) for entry in entries]
        self._finish()  # what they are called comes before what they say
        for plan in sorted(plans, key=lambda plan: (plan.filed.entry.method == "DELETE", _ORDER[plan.filed.entry.type])):
            self._take(plan)
        if self._errors:
            self._look_further()
        self._finish()
        circles = {plan.name for plan in plans if self._is_in_circle(plan)}  # others drew these
        try:
            locked = self._desk.put(self._claims.values())
        except Invalid:
            self._look_further()
            self._finish()
            raise
        for plan in plans:
            self._settle(plan, locked, strict=strict)
            if self._is_in_circle(plan):
                if plan.name in circles:
                    plan.filed.in_circle = True
                else:
                    self._wrong(f"{plan.filed.entry.path}.partOf", IN_CIRCLE)
        self._finish()
        return [plan.filed for plan in plans]

    def _is_in_circle(self, plan: _Plan) -> bool:
        says = plan.told is not None and plan.target is not None and "parent" in plan.told.content
        return says and plan.target is not None and self._desk.is_above_itself(plan.target.owner)

    def _look_further(self) -> None:
        """Something is refused: find all that the hub refuses in what was sent, and say it in words of the resources."""
        for told in self._told:
            self._errors += refused(told, self._source, self._errors)

    def _finish(self) -> None:
        if self._errors:
            raise Invalid("What was sent cannot be used.", tuple(self._errors))

    # --- names -----------------------------------------------------------------------------------------------------------------

    def _plan(self, entry: Entry) -> _Plan:
        id = entry.id or (entry.resource or {}).get("id")
        name = name_of(entry)
        if name is None:
            self._wrong(entry.path, NAMELESS)
            name = entry.type
        if entry.full_url:
            self._links.names[entry.full_url] = name
        sent, known = self._desk.sent(name), None
        if entry.method != "DELETE":
            try:
                known = self._links.hubs(id, entry.type)
            except Gone as gone:
                if sent is None:
                    raise Gone(f"{name} was removed here; nothing was stored. What takes its place goes by an id of your own.") from gone
        return _Plan(Filed(entry), name, sent, known)

    def _wrong(self, path: str, reason: str) -> None:
        self._errors.append(FieldError(path, reason))

    # --- claims ----------------------------------------------------------------------------------------------------------------

    def _claim(self, external_id: str) -> Claim | None:
        if external_id not in self._claims:
            found = self._desk.claims([external_id]).get(external_id)
            if found is None:
                return None
            if found.gone:  # taken back once, and said again from the beginning
                self._let_go.add(external_id)
                found = replace(found, content={"kind": found.kind}, gone=False)
            self._claims[external_id] = found
        return self._claims[external_id]

    def _begin(self, external_id: str, kind: Any, uuid: str | None) -> Claim:
        claim = self._claim(external_id)
        if claim is None:
            claim = self._claims[external_id] = self._desk.first(external_id, kind, uuid)
            if uuid is not None:
                self._begun[uuid] = external_id
        return claim

    def _about(self, uuid: str) -> str | None:
        """Under which external id the sender speaks of the fiche with this UUID; None when it does not yet."""
        return self._desk.about(uuid) or self._begun.get(uuid)

    def _owner(self, link: Document, kind: Any, type_name: str, path: str) -> str | None:
        """The external id of the claim that a part goes into."""
        if "id" in link:
            if link["id"] in self._links.removed:
                self._wrong(path, f"{type_name}/{link['id']} was removed here; name another {type_name}.")
                return None
            external_id = self._about(link["id"]) or f"{type_name}/{link['id']}"
            self._begin(external_id, kind, link["id"])
            return external_id
        name = str(link["external_id"])
        if self._claim(name) is None:
            self._wrong(path, f"this server does not know {name[:80]} yet; send the {type_name} first, or in the same transaction.")
            return None
        return name

    def _take(self, plan: _Plan) -> None:
        entry = plan.filed.entry
        if entry.method == "DELETE":
            self._inactivate(plan)
            return
        assert entry.resource is not None
        version = str(entry.resource.get("meta", {}).get("versionId", ""))
        before = plan.sent.version if plan.sent else ""
        if version.isdigit() and before.isdigit() and int(version) < int(before):
            plan.filed.late = True
            plan.target = plan.sent
            plan.part = part_of(entry.type)
            return
        self._links.made = plan.filed.nowhere = []
        told = said(entry.resource, entry.path, self._around)
        self._told.append(told)
        self._errors.extend(told.read.errors)
        plan.filed.notes = told.read.unread()
        plan.filed.repeated = [(each, each.word) for each in told.read.repeated]
        plan.filed.created = plan.sent is None and plan.known is None
        if told.read.errors or (told.part is not None and told.owner is None):
            return
        plan.target = self._part(plan, told, version) if told.part is not None else self._fiche(plan, told, version)
        plan.told = told
        if plan.target is not None:
            self._links.sent[plan.name] = plan.target
            self._desk.note(plan.name, plan.target)

    def _fiche(self, plan: _Plan, told: Said, version: str) -> Sent:
        uuid = plan.known.fiche if plan.known else None
        external_id = plan.sent.owner if plan.sent else (uuid and self._about(uuid)) or plan.name
        claim = self._begin(external_id, told.kind, uuid)
        content = dict(told.content)
        for name in _PARTS_OF[told.kind]:
            kept = [part for part in claim.content.get(name, ()) if not _stands_for_an_address(part)]
            if kept:
                content[name] = kept
        for part in content.get("vestigingen", ()) if told.kind == "organisatie" else ():
            part["keys"] = [f"{self._source}:{plan.name}#{key}" if key.startswith(ADDRESS_OF) else key for key in part["keys"]]
        self._claims[external_id] = replace(claim, content=content)
        return Sent(external_id, "", version)

    def _part(self, plan: _Plan, told: Said, version: str) -> Sent | None:
        assert told.part is not None
        assert told.owner is not None
        plan.part = told.part
        owner = self._owner(told.owner, told.kind, _OWNER[told.part], plan.filed.entry.path)
        if owner is None:
            return None
        key = plan.sent.key if plan.sent else self._said_before(plan, owner, told.part) or f"{self._source}:{plan.name}"
        others = [one for one in plan.known.keys if "|" not in one] if plan.known else []
        part = {"keys": list(dict.fromkeys((key, *others))), **told.content}
        if plan.sent is not None and plan.sent.owner != owner:
            self._change(plan.sent.owner, told.part, key, None)
        asleep = self._claims[owner].content.get("status", {}).get("status") == "inactive"
        if asleep and told.part in _TIES and has_ended(part):  # of what is not active the ties are shown as not active too; that does not end them
            part = {name: value for name, value in part.items() if name != "status"} | self._status_before(owner, told.part, key)
        self._change(owner, told.part, key, part)
        return Sent(owner, key, version)

    def _status_before(self, owner: str, part_type: str, key: str) -> Document:
        """What the sender said of the activity of this part until now, as the field of it."""
        parts = self._claims[owner].content.get(FIELD_OF_PART[part_type], ())
        return next(({"status": one["status"]} for one in parts if key in one["keys"] and "status" in one), {})

    def _said_before(self, plan: _Plan, owner: str, part_type: str) -> str | None:
        """The key of the part that the sender, who now calls it by its id of ours, said under a name of its own."""
        known = set(plan.known.keys) if plan.known else set()
        parts = self._claims[owner].content.get(FIELD_OF_PART[part_type], ())
        return next((str(one["keys"][0]) for one in parts if known & set(one["keys"]) and not _stands_for_an_address(one)), None)

    def _change(self, owner: str, part_type: str, key: str, part: Document | None) -> None:
        """Put a part in the place that it had in its owner's claim, or at the end; None takes it out."""
        claim = self._claim(owner)
        if claim is None:
            return
        name = FIELD_OF_PART[part_type]
        before: list[Document] = claim.content.get(name, [])
        after = [part if key in one["keys"] else one for one in before if key not in one["keys"] or part is not None]
        if part is not None and all(key not in one["keys"] for one in before):
            after = [*(one for one in before if not _stands_for_an_address(one)), part]
        content = {field: value for field, value in claim.content.items() if field != name}
        self._claims[owner] = replace(claim, content=content | ({name: after} if after else {}))

    def _inactivate(self, plan: _Plan) -> None:
        """What others tell of too is theirs from now on, and nothing that the sender said of it stays. Where it speaks alone nothing is removed: a fiche, a site
        or an address is noted as not active any more. A tie between two is taken out."""
        entry = plan.filed.entry
        every = [plan.sent] if plan.sent is not None else self._sent_as(entry)
        if not every:
            raise NotFound(f"{entry.type}/{entry.id} was never sent in by you, so you cannot take it back.")
        plan.part, plan.target = part_of(entry.type), every[0]
        for sent in every:
            self._take_back(plan, sent)
            self._desk.forget_version(sent)

    def _sent_as(self, entry: Entry) -> list[Sent]:
        """What the sender said of the resource with this id of the hub's. It need not see it: a tie that was taken out can be taken back again."""
        known = self._desk.known(entry.id) if is_uuid(entry.id) else None
        return self._desk.sent_as(known) if known is not None and known.type == RESOURCES[entry.type].entity else []

    def _take_back(self, plan: _Plan, sent: Sent) -> None:
        claim = self._claim(sent.owner)
        if claim is None:
            return
        others = self._desk.others_tell(sent, plan.part)
        if sent.owner in self._let_go and claim.content.keys() == {"kind"}:  # it is so already
            self._claims[sent.owner] = replace(claim, content={}, gone=True)
            plan.off = not others
        elif plan.part:
            self._take_part_back(plan, sent, claim, others=others)
        elif not others:
            self._claims[sent.owner] = replace(claim, content={**claim.content, "status": {"status": "inactive"}})
        else:  # what was sent in resources of its own stays
            kept: Document = {"kind": claim.kind}
            for name in _PARTS_OF[claim.kind]:
                if parts := [part for part in claim.content.get(name, ()) if not _stands_for_an_address(part)]:
                    kept[name] = parts
            gone = kept.keys() == {"kind"}
            self._claims[sent.owner] = replace(claim, content={} if gone else kept, gone=gone)

    def _take_part_back(self, plan: _Plan, sent: Sent, claim: Claim, *, others: bool) -> None:
        part = next((one for one in claim.content.get(FIELD_OF_PART[plan.part], ()) if sent.key in one["keys"]), None)
        if part is None or plan.part in _TIES:
            plan.off = True
            self._change(sent.owner, plan.part, sent.key, None)
        elif others:
            plan.filed.id = self._desk.uuid_of(sent, plan.part)  # while it still goes by this key
            self._change(sent.owner, plan.part, sent.key, None)
        else:
            status = {"status": "inactive"} if plan.part == "vestiging" else "off"
            self._change(sent.owner, plan.part, sent.key, {**part, "status": status})

    # --- what became of it -------------------------------------------------------------------------------------------------------

    def _settle(self, plan: _Plan, locked: Mapping[tuple[str, str], list[Locked]], *, strict: bool) -> None:
        if plan.target is None or plan.off:
            return
        plan.filed.id = plan.filed.id or self._desk.uuid_of(plan.target, plan.part)
        if plan.filed.id is None and not plan.filed.late:
            raise Gone(f"{plan.name} concerns somebody who was erased (GDPR, article 17), and nothing of it may be kept. Nothing was stored.")
        plan.filed.locks = locked.get((plan.target.owner, plan.target.key), [])
        if strict and plan.filed.locks:
            raise plan.filed.locks[0]
        plan.filed.outranked = self._desk.outranked(plan.target.owner, plan.part, plan.target.key)
        if plan.told is not None and not plan.part:
            numbers = plan.told.content.get("identifiers", ())
            found = self._desk.held_elsewhere(plan.target.owner, plan.told.kind, numbers)
            found = {place: id for place, id in found.items() if self._desk.about(id) is not None}  # of what others hold apart nothing is told
            plan.filed.elsewhere = [(plan.told.read.path_of(plan.told.content, f"identifiers.{place}"), id) for place, id in found.items()]
        plan.filed.nowhere = [each for each in plan.filed.nowhere if not self._links.ours(each.said, each.target)]
        plan.filed.repeated = [
            (each, word if each.reference is None else self._links.ours(each.reference, each.target)) for each, word in plan.filed.repeated
        ]


def _stands_for_an_address(part: Document) -> bool:
    """Whether nothing but an address of its organisation says that this site is there: one that was sent as a Location has a key of that, too."""
    return all(f"#{ADDRESS_OF}" in key for key in part["keys"])
