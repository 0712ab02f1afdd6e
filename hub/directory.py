"""The one door to the data: a `Query` in, projected entities out, for the grant of who asks.

Every output comes through here: endpoints find a directory in the request, exports are handed its result, sinks its changes. Nothing that
leaves it holds a value that the asker may not see, nor a link to something that he may not see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any, Final

from hub.access import audit
from hub.access.audit import Access
from hub.entities import asking_for, moved, not_found
from hub.errors import Forbidden, Gone, NotFound
from hub.model import origins
from hub.model.claims import Provenance
from hub.model.entity import Change, Entity, Hit, Page
from hub.model.fiche import ENTITY_TYPES, KINDS, EntityType
from hub.model.query import CODED_KEYS, Criterion, Query, normalise
from hub.places import Places
from hub.search import find, no_such
from hub.search.coverage import shows
from hub.search.cursor import Cursor, encode
from hub.standing import Standing
from hub.store import database, log_reading, reading
from hub.store.concepts import ConceptBook

_GIVE_BACK_EVERY: Final = 10
"""Pages of a walk, after which SQLite gives back the memory that it took for them."""


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes in order of `seq`. Ask on from `next`; `head` is the newest seq, so `next == head` means that you have them all."""

    changes: tuple[Change, ...]
    next: int
    head: int


class Directory(Standing):
    """What one asker may see. Cheap to make: one per request or run."""

    def in_public(self) -> Directory:
        """The same state for the same asker, with public values only, for what is shown to others: his agreement still leaves out what it leaves out, but opens
        nothing that the public does not see. Of his own overlay it holds what is marked public."""
        return Directory(self._store, replace(self.grant, level="public"), self._snapshot)

    @property
    def places(self) -> Places:
        """Municipalities, postcodes and zones."""
        return self._store.places

    def concepts(self) -> ConceptBook:
        """Every concept scheme and mapping, as last committed."""
        with self._read() as connection:
            return self._store.concepts_in(connection, self._state(connection).concepts)

    def today(self) -> str:
        """The day in Belgium, `YYYY-MM-DD`."""
        return self._store.today()

    def now(self) -> datetime:
        """The moment, in UTC."""
        return self._store.now()

    def no_such(self, key: str, value: str) -> str:
        """Why nothing can ever be found under this value of a key of a query, such as a rubriek or a place that there is not; empty when something could be."""
        return no_such(key, value, self.places, self.concepts(), self.hears)

    def hears(self, key: str, value: str) -> bool:
        """Whether the asker may see something with this value of a key, such as a source that says it; in an empty hub any may come to do so."""
        asked = Query(types=ENTITY_TYPES if key in CODED_KEYS else KINDS, where=(Criterion(key, (value,)),), limit=1)
        return bool(self.search(asked, sources=False).hits) or self.newest() == 0

    def head(self) -> int:
        """The newest seq of the change log that a reader may pass."""
        with self._read() as connection:
            return self._state(connection).head

    def newest(self) -> int:
        """The newest seq of all, also where a wide change holds readers of the log back: while it stands, every answer stays the same that day."""
        with self._read() as connection:
            return self._state(connection).newest

    def standing(self) -> tuple[int, ConceptBook] | None:
        """`newest` and `concepts` as they are at this moment, for who remembers answers; None when they must be read (as those two do).

        No later look of this directory is bound to that state.
        """
        return self._store.standing()

    # --- entities ------------------------------------------------------------------------------------------------------------

    def search(self, query: Query, *, sources: bool = True) -> Page:
        """A page of the selection; without `sources` its entities name none, which spares a look. Raises `Invalid` for a query or cursor that cannot be
        understood."""
        with self._read() as connection:
            head = self._state(connection).head
            shown = self._shown(connection)
            found = find(connection, query, self.grant, places=self.places, head=head, shown=shown)
            entities = self._of_entries(connection, [row.entry_id for row in found.rows], sources="heard" if sources else "none")
            hits = [Hit(entities[row.entry_id], row.why, row.distance_km) for row in found.rows if row.entry_id in entities]
        return Page(hits=tuple(hits), next=found.next, total=found.total, seq=found.seq)

    def walk(self, query: Query, *, sources: bool = True) -> Iterator[Entity]:
        """The whole selection, page by page (see `search`), in constant memory; of a query with a cursor, what comes behind it."""
        for number in count(1):
            page = self.search(query, sources=sources)
            for hit in page.hits:
                yield hit.entity
            if page.next is None:
                return
            query = replace(query, cursor=page.next)
            if number % _GIVE_BACK_EVERY == 0:
                with self._read() as connection:
                    database.give_back(connection)

    def resumed_after(self, query: Query, id: str) -> Query:
        """The query for one type, in its default order, from behind this entity of that type on: how a walk that broke off is taken up. Raises `NotFound` and
        `Moved`."""
        [type] = query.types
        with self._read() as connection:
            known = self._known(connection, id, type)
            entry_id = reading.entry_for(connection, known.id, self.grant.partner)
            place = Cursor(normalise(replace(query, cursor=None)), (entry_id,), self._state(connection).head)
        return replace(query, cursor=encode(place))

    def get(self, id: str, type: EntityType | None = None) -> Entity:
        """The entity with this UUID. Raises `NotFound`, `Gone`, or `Moved` when it lives under another id now."""
        with self._read() as connection:
            known = self._known(connection, id, type)
            entry_id = reading.entry_for(connection, known.id, self.grant.partner)
            entity = self._of_entries(connection, [entry_id]).get(entry_id)
            if entity is not None and self._findable([(entity.id, entity.type)]):
                return entity
            seen = log_reading.last_seen(connection, [known.id], self.grant.rank, self.grant.partner, fields=self.grant.telling).get(known.id)
        if seen is None or self.grant.scope is not None:
            raise not_found(id, type)
        raise Gone(f"{id} has been removed.", seq=seen.seq)

    def get_many(self, ids: Iterable[str], *, voices: bool = False) -> dict[str, Entity]:
        """As `get`, of many at once, by UUID; what is gone, moved, unknown or not for the asker is left out. With `voices` it is told who says what, and
        every source is named: the evidence of a sink."""
        with self._read() as connection:
            known = reading.resolve(connection, ids)
            shown = [one for one in known.values() if one.moved_to is None and shows(self.grant.fields, one.type)]
            entries = reading.entries_for(connection, [one.id for one in shown], self.grant.partner)
            named = self._of_entries(connection, list(entries.values()), sources="all" if voices else "heard")
            found = {entity.id: entity for entity in named.values()}
            held = self._findable([(entity.id, entity.type) for entity in found.values()])
            if voices:
                found = self._with_voices(connection, found)
        return {id: entity for id, entity in found.items() if id in held}

    def moved_to(self, ids: Iterable[str]) -> dict[str, Entity]:
        """What those of these UUIDs lead to that an entity goes by no longer, by the old one; what is not for the asker is left out. A search finds it by itself."""
        with self._read() as connection:
            known = reading.resolve(connection, ids)
        leading = {id: each.moved_to for id, each in known.items() if each.moved_to is not None}
        entities = self.get_many(leading.values()) if leading else {}
        return {id: entities[to] for id, to in leading.items() if to in entities}

    def as_at(self, id: str, seq: int, type: EntityType | None = None) -> Entity:
        """The entity as it stood right after the transaction of change `seq`, with what it depends on as that stood then.

        What was hidden where it last stood stays hidden (`hub.model.hindsight`), also where it stands under another id now: before two became one, each id
        answers with what it was. Raises `NotFound` when it was not there yet, `Gone` when it was removed by then, `Moved` when it lived under another id by then.
        """
        entity = self._as_it_stood(id, seq, type, withholding=True)
        if not self._findable([(self._now(entity.id), entity.type)]):
            raise not_found(id, type)
        return entity

    def was_shown(self, id: str, seq: int, type: EntityType | None = None) -> bool:
        """Whether the asker saw the entity right after change `seq`, also when it has been hidden from him since; a selection apart.

        It is how a copy of his is told to let go of what he may not see any more. What it looked like is not told. Raises `Moved`.
        """
        try:
            self._as_it_stood(id, seq, type, withholding=False)
        except (Gone, NotFound):
            return False
        return True

    def _now(self, id: str) -> str:
        """The id that an entity goes by now."""
        if self.grant.scope is None:
            return id  # nobody asks
        with self._read() as connection:
            known = reading.resolve(connection, [id]).get(id)
        return id if known is None else known.moved_to or id

    # --- the change log ------------------------------------------------------------------------------------------------------

    def changes(self, since: int, limit: int = 100, *, types: Sequence[EntityType] | None = None, not_from: str | None = None) -> ChangePage:
        """What changed after `since`, oldest first; with `types` only of such entities, with `not_from` nothing of that origin.

        What leaves the agreement's selection is told whoever made it leave.
        Raises `CursorGone` when what came after `since` is no longer kept, and when it lies ahead.
        """
        rank, partner = self.grant.rank, self.grant.partner
        unselected = not_from if self.grant.scope is None else None
        with self._read() as connection:
            found = log_reading.changes(connection, since, limit, rank, partner, types=types, not_from=unselected, fields=self.grant.telling)
        told = tuple(change for change in self._told(found.changes) if not_from is None or change.origin != not_from)
        return ChangePage(told, found.next, found.head)

    def history(self, id: str, *, before: int | None = None, limit: int = 100, every: bool = False) -> tuple[Change, ...]:
        """The changes of one entity that the asker can see, newest first; of one that goes by another id now those until then.

        Left out, unless `every` one is wanted for what it is not to be shown for, is what only tells of what is withheld from the past (`tells`).
        Raises `NotFound` (also outside the agreement's selection), and `Moved` for an id under which he never saw anything.
        """
        rank, partner = self.grant.rank, self.grant.partner
        told: list[Change] = []
        upto = before
        with self._read() as connection:
            known = self._ever_known(connection, id, None)
            doubtful = not every and self._past.hides(connection, known.fiche)
            while len(told) < limit:
                found = log_reading.history(connection, known.id, rank=rank, partner=partner, before=upto, limit=limit, fields=self.grant.telling)
                if not found and upto is None:
                    raise not_found(id, None) if known.moved_to is None else moved(id, known.moved_to)
                changes = [item.change for item in found]
                told += [change for change in changes if not doubtful or self._tells(connection, known, change)]
                if len(found) < limit:
                    break
                upto = changes[-1].seq
        if not self._findable([(known.moved_to or id, known.type)]):
            raise not_found(id, None)
        return self._named(tuple(told[:limit]))

    def tells(self, change: Change) -> bool:
        """Whether a change that the asker can see tells anything of the past that may be told: not where all that it changed has been hidden since.

        The newest change of an entity always does, and so does every removal: it is how a copy learns what to let go of. Raises `NotFound` and `Moved`.
        """
        with self._read() as connection:
            return self._tells(connection, self._ever_known(connection, change.id, None), change)

    def log(self, type: EntityType | None = None, *, after: int = 0, before: int | None = None, limit: int = 100) -> tuple[Change, ...]:
        """The changes after `after` and before `before` that the asker can see, newest first; of one type of entity, or of all.

        Raises `CursorGone` when what came after `after` is no longer kept.
        """
        told: list[Change] = []
        rank, partner = self.grant.rank, self.grant.partner
        while len(told) < limit:
            with self._read() as connection:
                found = log_reading.newest(
                    connection, type, after=after, before=before, limit=limit, rank=rank, partner=partner, fields=self.grant.telling
                )
            told += self._told(tuple(found))  # without parts that the agreement does not show
            if len(found) < limit:
                break
            before = found[-1].seq
        return tuple(told[:limit])

    def must_have_come_to(self, seq: int) -> None:
        """Return when the log has come to this seq. Raises `CursorGone` else: whoever has read so far is to read everything again."""
        with self._read() as connection:
            log_reading.must_have_come_to(connection, seq)

    def seq_at(self, moment: datetime) -> int:
        """The last seq before `moment` (with a time zone): everything from then on has a higher one."""
        with self._read() as connection:
            return log_reading.seq_at(connection, moment)

    def moment_of(self, seq: int) -> str | None:
        """When the newest change not after `seq` was made that the asker can see (RFC 3339, UTC); None when there is none.

        `seq_at` of it is lower than `seq`: whoever goes on from there misses nothing.
        """
        fields = self.grant.fields
        types = None if fields is None else [type for type in ENTITY_TYPES if shows(fields, type)]
        with self._read() as connection:
            return log_reading.moment_of(connection, seq, self.grant.rank, self.grant.partner, types=types, fields=self.grant.telling)

    def _told(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Changes as the agreement lets them be told: what is outside its selection now is a removal, by its id alone.

        Whether it was inside before cannot be asked any more; a copy that is told too often lets go of nothing it needs.
        """
        if self.grant.scope is not None:
            inside = self._findable([(change.id, change.type) for change in changes])
            changes = tuple(
                change if change.id in inside else replace(change, fiche=change.id, operation="delete", origin="", fields=()) for change in changes
            )
        return self._named(changes)

    def _findable(self, entities: Sequence[tuple[str, EntityType]]) -> set[str]:
        """The ids of those that the asker would find now: in the agreement's selection (`_held`), and of a link both ends; a search itself decides."""
        if self.grant.scope is None:
            return {id for id, _ in entities}
        return {hit.entity.id for query in asking_for(dict(entities)) for hit in self.search(query).hits}

    def _named(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Without the names of fields that the agreement does not cover, and without parts that it does not show."""
        fields = self.grant.fields
        if fields is None:
            return changes
        return tuple(
            replace(change, fields=tuple(field for field in change.fields if field in fields)) for change in changes if shows(fields, change.type)
        )

    def provenance(self, id: str) -> tuple[Provenance, ...]:
        """Where each value that the asker can see comes from, by field; of parts only internal askers learn which one.

        A part is named by its keys, which may hold the address of a hidden one. Raises `NotFound`, `Gone` and `Moved`.
        """
        entity = self.get(id)
        with self._read() as connection:
            known = self._known(connection, entity.fiche["id"], None)
            told = reading.provenance(connection, known.id)
            stored = reading.documents_by_uuid(connection, [entity.fiche["id"]], self.grant.partner)
        if self.grant.level == "internal":
            return tuple(item for item in told if item.field.split("[")[0] in entity.fiche)
        by_field: dict[str, dict[tuple[str, str, int], None]] = {}
        for each in origins.told(told, stored[entity.fiche["id"]], entity.fiche):
            by_field.setdefault(each.top, {}).update(dict.fromkeys(each.item.claims))
        return tuple(Provenance(field, tuple(claims)) for field, claims in by_field.items())

    def sources_of(self, entity: Entity) -> dict[str, tuple[str, ...]]:
        """Which source said which fields of an entity that this directory gave, as far as the asker may know it; of a part its own fields."""
        with self._read() as connection:
            known = self._known(connection, entity.fiche["id"], None)
            kept = reading.provenance(connection, known.id)
            stored = reading.documents_by_uuid(connection, [known.uuid], self.grant.partner).get(known.uuid)
        part = "" if entity.part is None else entity.id
        found: dict[str, dict[str, None]] = {}
        for each in origins.told(kept, stored or {}, entity.fiche):
            if each.part == part:
                for source, _, _ in each.item.claims:
                    found.setdefault(source, {})[each.field] = None
        return {source: tuple(fields) for source, fields in sorted(found.items())}

    def accesses(self, *, limit: int, **wanted: Any) -> list[Access]:
        """Rows of the audit trail (`hub.access.audit.find` says by what), newest first: of the asker's own partner, or of all for who sees all.

        Raises `Forbidden` for an agreement without the right `audit`.
        """
        if "audit" not in self.grant.rights:
            raise Forbidden("Reading who asked for what needs an agreement with the right audit. Ask your contact for it.")
        if self.grant.level != "internal":
            if wanted.get("partner", self.grant.partner) != self.grant.partner:
                return []
            wanted["partner"] = self.grant.partner
        with self._read() as connection:
            return audit.find(connection, limit=limit, **wanted)
