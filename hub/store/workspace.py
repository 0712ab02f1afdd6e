"""What one writing transaction knows: the rows it has read and locked, the rows it is about to write, and the changes it owes the log.

The parts of the writer share one `Workspace`. Nothing in it outlives the transaction, because another process may write next.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final, cast

from sqlalchemy import Connection

from hub import schemas
from hub.authority import Authority
from hub.connector import MatchCandidate
from hub.errors import FieldError
from hub.model.audience import ABSENT
from hub.model.claims import Claim
from hub.model.fiche import Document, Kind
from hub.model.moments import local_day, to_millisecond
from hub.places import Places
from hub.store.bulk import Bulk, Clash
from hub.store.clock import Clock
from hub.store.concepts import ConceptBook
from hub.store.id_blocks import Numbers

_REVIEW: Final = ("fiche_id", "other_id", "reason", "score", "detail", "state", "at")
WIDE: Final = 500
"""More dependents than this are told of a change by a marker, which is spread out right after the transaction."""


Validate = Callable[[Document, str], Sequence[FieldError]]
Match = Callable[[Claim, Sequence[MatchCandidate]], Sequence[MatchCandidate] | None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the store was opened with: ownership table, places, concepts, the installation's secret, clock (UTC, aware), hooks."""

    authority: Authority
    places: Places
    concepts: Callable[[], ConceptBook]
    secret: bytes
    now: Clock
    validate: Validate | None = None
    match: Match | None = None
    wide: int = WIDE
    kept: dict[str, Any] = field(default_factory=dict)  # caches that outlive a transaction; what is in them is never stale


@dataclass(slots=True)
class FicheState:
    """A fiche as this transaction sees it. `document` is decoded once it is asked for."""

    id: int
    uuid: str
    kind: Kind
    state: str = "stub"
    level: int = ABSENT
    version: int = 0
    digest: bytes | None = None
    raw: bytes | None = None
    new: bool = False
    scrubbed: bytes | None = None  # what history may keep of the document that stands
    stood: int = field(init=False)  # its level before this transaction
    stood_raw: bytes | None = field(init=False)  # its document before this transaction
    _document: Document | None = None

    def __post_init__(self) -> None:
        self.stood, self.stood_raw = self.level, self.raw

    @property
    def document(self) -> Document | None:
        """The merged document, None while there is none. Do not change it."""
        if self._document is None and self.raw is not None:
            self._document = schemas.decode(self.raw)
        return self._document

    @property
    def document_before(self) -> Document | None:
        """The one that stood before this transaction; decoded each time."""
        return None if self.stood_raw is None else schemas.decode(self.stood_raw)

    def replace(self, document: Document | None, raw: bytes | None, digest: bytes | None) -> None:
        """Another document stands from now on."""
        self._document, self.raw, self.digest = document, raw, digest


OF_OTHERS: Final = ""
"""Among the fields of a change: what the fiche shows of others is different as well. In which of its fields that shows, nobody notes."""


@dataclass(slots=True)
class PendingChange:
    """What became of one entity in this transaction, however often it was touched. `fields`: None for all of them."""

    entity_id: int
    fiche_id: int
    type: str
    partner: str
    operation: str
    origin: str
    fields: dict[str, int] | None
    audience: int
    was: int
    now: int
    version: int

    def note_of_others(self, level: int) -> None:
        """What it shows of others is different too, to whoever is at least of this level. Without this an agreement that names fields would be told of its own
        fields alone."""
        if self.fields:
            self.fields[OF_OTHERS] = min(level, self.fields.get(OF_OTHERS, ABSENT))

    def is_told_for(self, fields: Collection[str], level: int) -> bool:
        """Whether whoever is of this level, and has an agreement that names any of these fields, is told of it (as `hub.store.log_reading.naming` says)."""
        if self.operation != "update" or self.entity_id != self.fiche_id or self.was != self.now or not self.fields:
            return True
        return all(self.fields.get(field, ABSENT) <= level for field in fields)


@dataclass(slots=True)
class Workspace:
    """See the module."""

    connection: Connection
    around: Surroundings
    numbers: Numbers
    bulk: Bulk = field(init=False)
    at: str = field(init=False)
    second: int = field(init=False)  # the same, since the epoch
    today: str = field(init=False)
    origin: str = ""
    fiches: dict[int, FicheState] = field(default_factory=dict)
    uuid_of: dict[int, str] = field(default_factory=dict)  # entity -> its UUID
    number_of: dict[str, int] = field(default_factory=dict)  # and back
    type_of: dict[int, str] = field(default_factory=dict)  # of parts
    parts_of: dict[int, dict[tuple[str, str], int]] = field(default_factory=dict)  # fiche -> (type, key) -> part
    changes: dict[tuple[str, int], PendingChange] = field(default_factory=dict)  # (partner, entity)
    sources: dict[tuple[str, int], int] = field(default_factory=dict)  # (partner, fiche) that changed outwardly -> lowest audience
    reindex: set[int] = field(default_factory=set)  # fiches whose rows in the index must be written
    to_merge: set[int] = field(default_factory=set)
    made: set[int] = field(default_factory=set)  # fiches made in this transaction: nobody else has rows about them
    tied: set[int] = field(default_factory=set)  # both ends of every link that this transaction wrote
    untied: set[tuple[str, int, int]] = field(
        default_factory=set
    )  # (partner, aanbod or part of it, zorgverlener) of every such link that it took away, or hid from some
    own_entries: dict[tuple[str, int], int] = field(
        default_factory=dict
    )  # (partner, entity) -> the number that his row of it in the index has, or gets
    new_views: set[tuple[str, int]] = field(default_factory=set)  # (partner, fiche) of which he has a view of his own since this transaction
    waiting: set[tuple[str, int]] = field(default_factory=set)  # (partner, fiche) of which a marker was written: what depends on it is told later
    rounds: int = 0  # how often fiches were merged
    looked_up: dict[int, int] = field(default_factory=dict)  # fiche that was not read -> its level
    voices: dict[int, set[tuple[str, str]]] = field(default_factory=dict)  # merged fiche -> (partner, source) of its live claims
    source_ids: dict[str, int] = field(default_factory=dict)
    new_entities: list[tuple[int, str, str, int, int | None]] = field(default_factory=list)
    new_parts: list[tuple[int, str, str, int]] = field(default_factory=list)
    new_reviews: list[tuple[Any, ...]] = field(default_factory=list)
    _forgets: bool | None = None
    _overlays: bool | None = None
    _reserved: range = range(0)
    _uuids: list[str] = field(default_factory=list)  # the next one last

    def __post_init__(self) -> None:
        self.bulk = Bulk(self.connection)
        now = self.around.now()
        self.at = to_millisecond(now)
        self.second = int(now.timestamp())
        self.today = local_day(now)

    # --- sources -------------------------------------------------------------------------------------------------------------

    def source_id(self, name: str) -> int:
        """The number of a source, made when it is new."""
        found = self.source_ids.get(name)
        if found is None:
            self.source_ids.update(self.bulk.rows("SELECT name, id FROM source"))
            found = self.source_ids.get(name)
        if found is None:
            ((highest,),) = self.bulk.rows("SELECT coalesce(max(id), 0) FROM source")
            found = highest + 1
            self.bulk.insert_new("source", ("id", "name"), [(found, name)], all_new=True)
            self.source_ids[name] = found
        return found

    def source_name(self, number: int) -> str:
        """The name of a source."""
        for refreshed in (False, True):
            for name, found in self.source_ids.items():
                if found == number:
                    return name
            if not refreshed:
                self.source_ids.update(self.bulk.rows("SELECT name, id FROM source"))
        raise LookupError(f"source {number}")

    def forgets_from_now_on(self) -> None:
        """Somebody is being erased in this transaction."""
        self._forgets = True

    @property
    def forgets(self) -> bool:
        """Whether anybody was ever erased; until then no key needs to be hashed."""
        if self._forgets is None:
            self._look()
        return bool(self._forgets)

    def overlays_from_now_on(self) -> None:
        """A partner has, or had, a view of his own of something."""
        self._overlays = True

    @property
    def has_overlays(self) -> bool:
        """Whether any partner ever had a view of his own of anything; until then there is nobody to tell anything else than all are told."""
        if self._overlays is None:
            self._look()
        return bool(self._overlays)

    def find_overlays(self) -> bool:
        """As `has_overlays`, looked at again: somebody else may have written the first one since."""
        if not self._overlays:
            self._look()
        return bool(self._overlays)

    def _look(self) -> None:
        # In one look, which a load takes before it has written anything that a look would wait for.
        ((forgets, overlays),) = self.bulk.rows("SELECT EXISTS (SELECT 1 FROM erasure), EXISTS (SELECT 1 FROM overlay)")
        self._forgets, self._overlays = self._forgets or bool(forgets), self._overlays or bool(overlays)

    # --- entities ------------------------------------------------------------------------------------------------------------

    def know(self, number: int, uuid: str) -> None:
        """Remember which number a UUID has."""
        self.uuid_of[number] = uuid
        self.number_of[uuid] = number

    def numbers_for(self, uuids: Iterable[str]) -> None:
        """Learn the numbers of these UUIDs."""
        unknown = [uuid for uuid in uuids if uuid not in self.number_of]
        if unknown:
            sql = f"SELECT id, uuid FROM entity WHERE {self.bulk.listed('uuid', 'text')}"
            for number, uuid in self.bulk.rows(sql, self.bulk.many(unknown)):
                self.know(number, uuid)

    def reserve(self, count: int) -> None:
        """Take the numbers and UUIDs of so many new entities at once; what is not used is lost, which does no harm."""
        if count > len(self._reserved):
            self._reserved = self.numbers.take(self.bulk, "entity", count)
            self._uuids = new_uuids(count)[::-1]

    def _next(self, count: int) -> range:
        if count <= len(self._reserved):
            taken, self._reserved = self._reserved[:count], self._reserved[count:]
            return taken
        return self.numbers.take(self.bulk, "entity", count)

    def _new_uuids(self, count: int) -> list[str]:
        if count == 1 and self._uuids:
            return [self._uuids.pop()]
        return new_uuids(count)

    def make_fiches(self, kinds: Sequence[Kind]) -> list[FicheState]:
        """New fiches, stubs until something is merged into them."""
        made = []
        for number, uuid, kind in zip(self._next(len(kinds)), self._new_uuids(len(kinds)), kinds, strict=True):
            state = FicheState(number, uuid, kind, new=True)
            self.fiches[number] = state
            self.parts_of[number] = {}
            self.made.add(number)
            self.know(number, uuid)
            self.new_entities.append((number, uuid, kind, number, None))
            made.append(state)
        return made

    def make_parts(self, wanted: Sequence[tuple[int, str]]) -> list[int]:
        """New parts, each of a fiche and a type; their keys are the caller's."""
        made = []
        uuids = self._new_uuids(len(wanted))
        for number, uuid, (fiche_id, type_) in zip(self._next(len(wanted)), uuids, wanted, strict=True):
            self.know(number, uuid)
            self.type_of[number] = type_
            self.new_entities.append((number, uuid, type_, fiche_id, None))
            made.append(number)
        return made

    def load(self, ids: Iterable[int], *, lock: bool = False) -> None:
        """Read these fiches; with `lock` keep other writers off them until the end of the transaction, in the order of their ids."""
        wanted = sorted(set(ids)) if lock else [number for number in set(ids) if number not in self.fiches]
        wanted = [number for number in wanted if not (number in self.fiches and self.fiches[number].new)]
        if not wanted:
            return
        sql = (
            "SELECT f.id, e.uuid, f.kind, f.state, f.level, f.version, f.digest, f.document FROM fiche f JOIN entity e ON e.id = f.id"
            f" WHERE {self.bulk.listed('f.id')}"
        )
        if lock and self.bulk.postgres:
            sql += " ORDER BY f.id FOR UPDATE OF f"
        for number, uuid, kind, state, level, version, digest, raw in self.bulk.rows(sql, self.bulk.many(wanted)):
            if number in self.fiches and self.fiches[number].raw == raw and self.fiches[number].version == version:
                continue  # what this transaction decoded is still right
            self.fiches[number] = FicheState(number, uuid, cast(Kind, kind), state, level, version, digest, raw)
            self.know(number, uuid)

    def hold(self, ids: Iterable[int]) -> None:
        """Keep other writers off these fiches, which were looked up before: one that was joined to another between our look and our lock is a `Clash`."""
        numbers = set(ids)
        self.load(numbers, lock=True)
        if any(self.fiches[number].state == "moved" for number in numbers):
            raise Clash

    def fiches_kind(self, number: int) -> Kind:
        """The kind of a fiche."""
        self.load([number])
        return self.fiches[number].kind

    def load_parts(self, ids: Iterable[int]) -> None:
        """Learn the parts of these fiches and what they are recognised by."""
        wanted = [number for number in set(ids) if number not in self.parts_of]
        if not wanted:
            return
        for number in wanted:
            self.parts_of[number] = {}
        many = self.bulk.many(wanted)
        for number, uuid, type_ in self.bulk.rows(f"SELECT id, uuid, type FROM entity WHERE {self.bulk.listed('fiche_id')} AND id <> fiche_id", many):
            self.know(number, uuid)
            self.type_of[number] = type_
        for fiche_id, type_, key, entity_id in self.bulk.rows(
            f"SELECT fiche_id, type, key, entity_id FROM part_key WHERE {self.bulk.listed('fiche_id')}", many
        ):
            self.parts_of[fiche_id][type_, key] = entity_id

    def name_part(self, fiche_id: int, type_: str, key: str, part: int) -> None:
        """From now on the part is recognised by this key as well; a key that is taken stays where it is."""
        keys = self.parts_of[fiche_id]
        if (type_, key) not in keys:
            keys[type_, key] = part
            self.new_parts.append((fiche_id, type_, key, part))

    def flush_reviews(self) -> None:
        """Write the pairs that an administrator shall look at."""
        reviews, self.new_reviews = self.new_reviews, []
        self.bulk.insert_new("review", _REVIEW, sorted(reviews, key=itemgetter(0, 1)))

    def flush(self) -> None:
        """Write new entities, part keys and pairs for review."""
        self.flush_reviews()
        if self.new_entities:
            self.bulk.insert("entity", ("id", "uuid", "type", "fiche_id", "moved_to"), self.new_entities)
            self.new_entities = []
        if self.new_parts:
            columns = ("fiche_id", "type", "key", "entity_id")
            self.bulk.insert_new("part_key", columns, sorted(self.new_parts), all_new=True)
            self.new_parts = []

    def level_now(self, number: int) -> int:
        """The level of a fiche that this transaction has read or looked up (`hub.store.ends`), as it is now."""
        state = self.fiches.get(number)
        return self.looked_up.get(number, ABSENT) if state is None else state.level

    # --- the change log ------------------------------------------------------------------------------------------------------

    def note(self, change: PendingChange) -> None:
        """Owe the log a change; several of one entity become one."""
        key = (change.partner, change.entity_id)
        earlier = self.changes.get(key)
        if earlier is None:
            self.changes[key] = change
            return
        if earlier.fields is None or change.fields is None:
            earlier.fields = None
        else:
            for name, level in change.fields.items():
                earlier.fields[name] = min(level, earlier.fields.get(name, ABSENT))
        if earlier.operation == "context":
            earlier.operation = change.operation
        elif change.operation != "context":
            earlier.operation = operation_of(earlier.was, change.now)
        earlier.now, earlier.version, earlier.origin = change.now, change.version, change.origin
        earlier.fiche_id = change.fiche_id  # a part that came along when two fiches became one, or went back
        earlier.audience = min(earlier.audience, change.audience)
        if earlier.was != earlier.now:
            earlier.audience = min(earlier.audience, earlier.was, earlier.now)

    def changed_outwardly(self, fiche_id: int, audience: int, partner: str = "") -> None:
        """What depends on this fiche looks different from now on, to whoever is at least of this level."""
        key = (partner, fiche_id)
        self.sources[key] = min(audience, self.sources.get(key, ABSENT))


def operation_of(was: int, now: int) -> str:
    """create, update or delete, for whoever may see everything."""
    if was == ABSENT:
        return "create"
    return "delete" if now == ABSENT else "update"


_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def new_uuids(count: int) -> list[str]:
    """UUIDs that rise with time and one after the other (version 7, RFC 9562, with a counter in the first random bits), so that the index on
    them grows at one end."""
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    head = f"{stamp[:8]}-{stamp[8:]}-7"
    chance = os.urandom(8 * count).hex()
    made = []
    for place in range(count):
        own = chance[16 * place : 16 * place + 16]
        made.append(f"{head}{place * 4096 // count:03x}-{_VARIANT[own[0]]}{own[1:4]}-{own[4:]}")
    return made
