"""What partners that may send in themselves: claims of a source of their own, in one transaction, judged like those of any other source.

A door like `hub.directory`, the other way round. Everything that a source's claims meet is met here too: validation hooks, identity, authority, erasure.
Of one partner one feed is written at a time, because a claim is read, changed and written again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, delete, insert, select, update

from hub import schemas
from hub.authority import GROUPS, Authority, declared_rules
from hub.directory import Directory
from hub.errors import FieldError, Forbidden, Gone, Invalid, Locked, Rejected
from hub.model.claims import EDITOR, Claim, Provenance
from hub.model.fiche import FICHE_TYPES, FIELD_OF_PART, LANGUAGES, PARTS, Document, EntityType, Kind
from hub.model.identifiers import RIZIV, RIZIV_GROUP, VESTIGING
from hub.model.particulars import main_name
from hub.model.parts import part_keys
from hub.schemas import decode_claim
from hub.store import Store, Writer, reading
from hub.store.references import HUB, identity_key
from hub.store.tables import claim as claims
from hub.store.tables import entity as entities
from hub.store.tables import fed, part_key
from hub.store.tables import partner as partners
from hub.store.tables import source as sources

T = TypeVar("T")
RIGHT = "feed"
_NAMING = frozenset({"names", "name", "rubrieken"})
"""Fields of a fiche by which one knows what it is."""
STRONG = frozenset({RIZIV, RIZIV_GROUP, VESTIGING})


@dataclass(frozen=True, slots=True)
class Sent:
    """What a partner sent in before, by its own name for it (`Location/7`): the external id of the claim that holds it, and as a part of that its key.

    `version` is the partner's own number of it, or "".
    """

    owner: str
    key: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """An entity of the hub: its UUID, its type, the UUID of its fiche, and for a part the keys by which sources recognise it."""

    id: str
    type: EntityType
    fiche: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outranked:
    """A field that stands as another source says it: how that is called, and the route by which a correction reaches it.

    `beside`: what the partner says of it is shown too, but not first: a name by which it is not called.
    """

    field: str
    source: str
    route: str
    beside: bool = False


class Feed:
    """The door for whoever holds the grant of `directory`. Raises `Forbidden` when the agreement does not allow it to send in anything."""

    def __init__(self, store: Store, directory: Directory, endpoint: str) -> None:
        grant = directory.grant
        if grant.partner is None or RIGHT not in grant.rights:
            raise Forbidden(
                "Your agreement does not allow you to send in fiches. An administrator allows it with: "
                f"fichehub partners add {grant.partner or 'NAME'} --right {RIGHT} ..."
            )
        self._store = store
        self._partner = grant.partner
        self._grant = grant
        self.source = f"{endpoint}-{grant.partner}"
        """The name under which what this partner says stands in the authority table."""

    def write(self, work: Callable[[Desk], T]) -> T:
        """Run `work` in one transaction: all of it is kept, or nothing. It may be run again when another writer was in the way.

        What `work` raises undoes everything.
        """

        def whole(writer: Writer) -> T:
            mine = select(partners.c.name).where(partners.c.name == self._partner).with_for_update()
            writer.connection.execute(mine)
            return work(Desk(writer, self.source, self._partner))

        return self._store.write(whole)

    def directory(self) -> Directory:
        """What the partner sees now, also of what it wrote a moment ago."""
        return Directory(self._store, self._grant)


class Desk:
    """One transaction of a feed."""

    def __init__(self, writer: Writer, source: str, partner: str) -> None:
        self._writer = writer
        self._source = source
        self._partner = partner

    @property
    def _connection(self) -> Connection:
        return self._writer.connection

    # --- what is known ---------------------------------------------------------------------------------------------------------

    def known(self, uuid: str) -> Known | None:
        """The entity with this id of the hub's; one that was joined to another counts as that."""
        found = reading.resolve(self._connection, [uuid]).get(uuid)
        if found is None:
            return None
        if found.moved_to is not None:
            return self.known(found.moved_to)
        keys = select(part_key.c.key).where(part_key.c.entity_id == found.id).order_by(part_key.c.key)
        return Known(uuid, found.type, found.fiche, tuple(self._connection.execute(keys).scalars()))

    def claims(self, external_ids: Iterable[str]) -> Mapping[str, Claim]:
        """What this partner said under these ids, also what it took back, by external id."""
        wanted = (
            select(claims.c.external_id, claims.c.revision, claims.c.gone, claims.c.content)
            .join(sources, sources.c.id == claims.c.source_id)
            .where(sources.c.name == self._source, claims.c.partner == "", claims.c.external_id.in_(list(external_ids)))
        )
        return {
            row.external_id: decode_claim(self._source, row.external_id, row.revision, None, row.content) for row in self._connection.execute(wanted)
        }

    def about(self, fiche: str) -> str | None:
        """Under which external id this partner speaks of the fiche with that UUID; None when it does not."""
        wanted = (
            select(claims.c.external_id)
            .join(sources, sources.c.id == claims.c.source_id)
            .join(entities, entities.c.id == claims.c.fiche_id)
            .where(sources.c.name == self._source, claims.c.partner == "", entities.c.uuid == fiche)
            .order_by(claims.c.id)
        )
        return cast("str | None", self._connection.execute(wanted).scalars().first())

    def sent(self, name: str) -> Sent | None:
        """What is kept about a resource of the partner's."""
        row = self._connection.execute(select(fed).where(fed.c.partner == self._partner, fed.c.name == name)).one_or_none()
        return None if row is None else Sent(row.owner, row.key, row.version)

    def sent_as(self, known: Known) -> list[Sent]:
        """What this partner sent in that is this very entity, under whatever names; nothing when only others speak of it, or only what it sent of something else."""
        mine = (
            select(fed.c.owner, fed.c.key)
            .join(claims, claims.c.external_id == fed.c.owner)
            .join(sources, sources.c.id == claims.c.source_id)
            .join(entities, entities.c.id == claims.c.fiche_id)
            .where(fed.c.partner == self._partner, fed.c.key.in_(known.keys if known.type in FIELD_OF_PART else ("",)))
            .where(sources.c.name == self._source, claims.c.partner == "", entities.c.uuid == known.fiche)
            .distinct()
            .order_by(fed.c.owner, fed.c.key)
        )
        return [Sent(row.owner, row.key) for row in self._connection.execute(mine)]

    def others_tell(self, sent: Sent, part_type: str = "") -> bool:
        """Whether there would be this fiche, or its part of that type, without what this partner says: another source names it, or tells of the part."""
        number = self._fiche(sent.owner)
        if number is None:
            return False
        told = reading.standing_claims(self._connection, [number]).get(number, ())
        others = [claim.content for claim in told if claim.source not in (self._source, EDITOR)]
        if not part_type:
            return any(not _NAMING.isdisjoint(content) for content in others)
        self._writer.space.load([number])
        field = FIELD_OF_PART[part_type]
        parts = (self._writer.space.fiches[number].document or {}).get(field, ())
        keys = {key for part in parts if sent.key in part["keys"] for key in part["keys"]}
        return any(keys & set(part_keys(PARTS[field][1], part)) for content in others for part in content.get(field, ()))

    # --- what is said ----------------------------------------------------------------------------------------------------------

    def first(self, external_id: str, kind: Kind, fiche: str | None = None) -> Claim:
        """A claim that says nothing yet; about the fiche with that UUID of the hub's when there is one."""
        same_as = () if fiche is None else ((HUB, fiche),)
        return Claim(self._source, external_id, 0, kind, {"kind": kind}, same_as=same_as)

    def put(self, told: Iterable[Claim]) -> Mapping[tuple[str, str], list[Locked]]:
        """Store what differs from what was said before, each as the next revision of that.

        A field that an authentic source owns, which speaks of the same fiche or part, is left out. The answer names those that were said otherwise, by
        external id and, of a part, its first key. Raises `Invalid` for a claim that cannot be used, and `Gone` for one about somebody who was erased.
        """
        locked: dict[tuple[str, str], list[Locked]] = {}
        # In the form in which they are kept, else the same again would differ from what was said before.
        told = [schemas.canonical_claim(claim) for claim in told]
        wanted = {claim.external_id: self._unlocked(claim, locked) for claim in told}
        before = self.claims(wanted)
        news = [
            replace(claim, revision=before[name].revision + 1 if name in before else 1)
            for name, claim in wanted.items()
            if name not in before or schemas.claim_digest(claim) != schemas.claim_digest(before[name])
        ]
        counts = self._writer.put(news, origin=self._source)
        if counts.rejected:
            raise Invalid(
                " ".join(each.message for each in counts.rejected),
                tuple(FieldError(each.field or each.external_id, each.message) for each in counts.rejected),
            )
        if counts.erased:
            raise Gone("This concerns somebody who was erased (GDPR, article 17), and nothing of it may be kept. Nothing was stored.")
        return locked

    def _unlocked(self, claim: Claim, locked: dict[tuple[str, str], list[Locked]]) -> Claim:
        """The claim without the fields that others own; those of them that it says otherwise go into `locked`."""
        identities, space = self._writer.identities, self._writer.space
        try:
            own, others = identities.keys_of(claim)
        except Rejected:
            return claim  # the writer says why
        identities.load((own, *others))
        numbers = sorted({number for key in (own, *others) if (number := identities.fiche(key)) is not None})
        space.load(numbers)
        numbers = [number for number in numbers if space.fiches[number].kind == claim.kind]
        speaking = {name for some in reading.sources(self._connection, numbers).values() for name in some} - {self._source}
        if not any(space.around.authority.locked(group, speaking, claim.kind) for group in GROUPS):
            return claim  # by far the commonest case
        standing = [space.fiches[number].document or {} for number in numbers]
        told_by = [item for number in numbers for item in reading.provenance(self._connection, number)]
        owned = _Owned(space.around.authority, claim.kind, locked)
        content, same_as = dict(claim.content), list(claim.same_as)
        for field in PARTS.keys() & claim.content.keys():
            parts = []
            for part in claim.content[field]:
                twin, sources = _twin(field, part, standing, told_by)
                parts.append(owned.part(claim.external_id, field, part, twin, sources - {self._source}))
            content[field] = parts
        free = owned.fiche(claim.external_id, claim.content, standing, speaking)
        for field in claim.content.keys() - free - PARTS.keys():
            del content[field]
            if field == "identifiers":  # by its numbers it is still the same
                same_as += [(each["system"], each["value"]) for each in claim.content[field] if each["system"] in STRONG]
        return replace(claim, content=content, same_as=tuple(dict.fromkeys(same_as)))

    def note(self, name: str, sent: Sent) -> None:
        """Keep what is known about a resource of the partner's."""
        self._connection.execute(delete(fed).where(fed.c.partner == self._partner, fed.c.name == name))
        self._connection.execute(insert(fed).values(partner=self._partner, name=name, owner=sent.owner, key=sent.key, version=sent.version))

    def forget_version(self, sent: Sent) -> None:
        """What comes next of this resource begins to count anew, under whatever name."""
        mine = (fed.c.partner == self._partner, fed.c.owner == sent.owner, fed.c.key == sent.key)
        self._connection.execute(update(fed).where(*mine).values(version=""))

    # --- what became of it -------------------------------------------------------------------------------------------------------

    def uuid_of(self, sent: Sent, part_type: str = "") -> str | None:
        """The id that the hub gave to what was sent: the fiche, or its part of that type. None when it is not there."""
        number = self._fiche(sent.owner)
        if number is None:
            return None
        space = self._writer.space
        space.load([number])
        if not part_type:
            return space.uuid_of[number] if space.fiches[number].document is not None else None
        parts = (space.fiches[number].document or {}).get(FIELD_OF_PART[part_type], ())
        return next((str(part["id"]) for part in parts if sent.key in part["keys"]), None)

    def outranked(self, owner: str, part_type: str = "", key: str = "") -> list[Outranked]:
        """What the partner says that does not stand, of the fiche or of its part: another source is right about it."""
        number = self._fiche(owner)
        said = self.claims([owner]).get(owner)
        if number is None or said is None:
            return []
        space = self._writer.space
        space.load([number])
        merged, stated, field = space.fiches[number].document or {}, said.content, ""
        rules = declared_rules(FICHE_TYPES[said.kind])
        if part_type:
            field = FIELD_OF_PART[part_type]
            uuid = self.uuid_of(Sent(owner, key), part_type)
            merged = next((part for part in merged.get(field, ()) if part.get("id") == uuid), {})
            stated = next((part for part in stated.get(field, ()) if key in part.get("keys", ())), {})
            rules = declared_rules(PARTS[field][2])
        authority = space.around.authority
        speaking = reading.sources(self._connection, [number]).get(number, ())
        found = []
        for name, value in stated.items():
            if name not in rules or name in PARTS:
                continue
            holds = _holds(merged.get(name), value)
            if not holds or (name == "names" and not _is_called(merged[name], value)):
                group = rules[name].group
                best = min(speaking, key=lambda each: (authority.rank(group, each, said.kind), each))
                if best != self._source:
                    found.append(Outranked(name, authority.title(best), authority.route(best), beside=holds))
        return found

    def held_elsewhere(self, owner: str, kind: Kind, numbers: Sequence[Document]) -> dict[int, str]:
        """Which of these numbers, by their places, prove another fiche than the one that was said to have them, and the UUID of that one: what one source holds
        apart is never joined by a number."""
        own = self._fiche(owner)
        keys = {place: identity_key(kind, each["system"], each["value"]) for place, each in enumerate(numbers) if each["system"] in STRONG}
        self._writer.identities.load(key for key in keys.values() if key is not None)
        found = {place: self._writer.identities.fiche(key) for place, key in keys.items() if key is not None}
        others = {place: number for place, number in found.items() if number not in (None, own)}
        self._writer.space.load(others.values())
        return {place: self._writer.space.uuid_of[number] for place, number in others.items()}

    def is_above_itself(self, owner: str) -> bool:
        """Whether who goes from the organisation of this claim to its parent, and on, comes back to it."""
        first = self._fiche(owner)
        space, number, seen = self._writer.space, first, set[int]()
        while number is not None and number not in seen:
            seen.add(number)
            space.load([number])
            parent = (space.fiches[number].document or {}).get("parent", {}).get("id")
            if parent is None:
                return False
            space.numbers_for([parent])
            number = space.number_of.get(parent)
        return number == first and number is not None

    def _fiche(self, external_id: str) -> int | None:
        key = f"{self._source}|{external_id}"
        self._writer.identities.load([key])
        return self._writer.identities.fiche(key)


@dataclass(frozen=True, slots=True)
class _Owned:
    """Tells what belongs to authentic sources."""

    authority: Authority
    kind: Kind
    locked: dict[tuple[str, str], list[Locked]]

    def fiche(self, external_id: str, content: Document, standing: list[Document], speaking: Iterable[str]) -> set[str]:
        """The fields of the fiche that may be said."""
        free = set()
        for name, value in content.items():
            error = self._owner(name, speaking, None)
            if error is None:
                free.add(name)
            elif not any(_holds(document.get(name), value) for document in standing):
                self.locked.setdefault((external_id, ""), []).append(error)
        return free

    def part(self, external_id: str, field: str, part: Document, twin: Document, speaking: Iterable[str]) -> Document:
        """The part without what others own of its twin."""
        kept = dict(part)
        for name, value in part.items():
            error = self._owner(field, speaking, name)
            if error is None:
                continue
            del kept[name]
            if name == "identifiers":  # by its numbers it is still the same
                numbers = [f"nr|{each['value']}" for each in value if each["system"] == VESTIGING]
                kept["keys"] = list(dict.fromkeys((*part["keys"], *numbers)))
            if not _holds(twin.get(name), value):
                self.locked.setdefault((external_id, part["keys"][0]), []).append(error)
        return kept

    def _owner(self, field: str, speaking: Iterable[str], part_field: str | None) -> Locked | None:
        if field == "kind" or part_field == "keys" or (part_field is None and field in PARTS):
            return None
        try:
            self.authority.check_edit(self.kind, field, speaking, part_field)
        except Locked as error:
            return error
        return None


def _twin(field: str, part: Document, standing: list[Document], told_by: list[Provenance]) -> tuple[Document, set[str]]:
    """The part that stands for the same thing, and the sources that speak of it; nothing of one that is new."""
    keys = set(part_keys(PARTS[field][1], part))
    twin = next((other for document in standing for other in document.get(field, ()) if keys & set(other["keys"])), None)
    if twin is None:
        return {}, set()
    begins = tuple(f"{field}[{key}]" for key in twin["keys"])
    return twin, {source for item in told_by if item.field.startswith(begins) for source, _, _ in item.claims}


def _is_called(merged: list[Document], stated: list[Document]) -> bool:
    """Whether something goes by the name that was stated for it; one of which only other names were stated may go by any."""
    name = main_name(stated, LANGUAGES[0])
    return name.get("use") == "alternative" or _holds(main_name(merged, LANGUAGES[0])["text"], name["text"])


def _holds(merged: Any, stated: Any) -> bool:
    """Whether what the hub says now says what was stated too; what it adds (visibilities, items of others, ids) does not count."""
    if isinstance(stated, dict):
        if not isinstance(merged, dict):
            return False
        if "id" in merged and ("source" in stated or "system" in stated or "key" in stated):
            return True  # a link, which is resolved
        return all(name in merged and _holds(merged[name], value) for name, value in stated.items())
    if isinstance(stated, list):
        return isinstance(merged, list) and all(any(_holds(other, one) for other in merged) for one in stated)
    return bool(merged == stated)
