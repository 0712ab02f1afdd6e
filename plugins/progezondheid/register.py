"""What the simulated register holds: the persons of a world as providers, and the edits made to them since it started."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, Generic, TypeVar

import orjson

from hub import World
from plugins.progezondheid.entries import Provider, as_told, milliseconds, provider_of, text_of, written

T = TypeVar("T")

_SCANNED: Final = 5_000
"""Caregivers looked at for one page when only some are wanted."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader is: at `position` of the list (`walking`) or of the changes; `seen` changes were there when the walk began.

    `epoch` counts how often the register let its cursors expire; `since` (milliseconds) leaves out of the list what is older.
    """

    walking: bool
    position: int
    seen: int
    epoch: int
    since: int = 0

    def text(self) -> str:
        """As a cursor: opaque to whoever holds it."""
        return f"{'l' if self.walking else 'c'}{self.position:x}-{self.seen:x}-{self.epoch:x}-{self.since:x}"

    @classmethod
    def read(cls, cursor: str) -> Place:
        """The place that `text` wrote; ValueError for anything else."""
        if cursor[:1] not in ("l", "c") or len(cursor) > 80:
            raise ValueError("not a cursor of this register")
        position, seen, epoch, since = (int(part, 16) for part in cursor[1:].split("-"))
        place = cls(cursor[0] == "l", position, seen, epoch, since)
        if place.text() != cursor:
            raise ValueError("not a cursor of this register")
        return place


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """What stands after a place: the providers, the place after them, and whether that is the end for now."""

    items: list[T]
    after: Place
    complete: bool


class Register:
    """The list never moves: it is the world's, in order of index. Edits go to a list of changes, read after the walk. Safe for threads.

    With `tells_history` it is a log: whoever reads it from the start gets the first version of each caregiver, and then every change ever made.
    """

    def __init__(self, world: World, count: int | None = None) -> None:
        self._world = world
        self.count = world.register_count if count is None else min(count, world.register_count)
        self._versions: dict[str, list[Provider]] = {}
        self._changes: list[Provider] = []
        self._lock = threading.RLock()
        self.tells_history = False
        self._numbering = _Numbering(world)

    # --- changing it ---------------------------------------------------------------------------------------------------------

    def edit(self, nihdi8: str, at: datetime, **fields: Any) -> Provider:
        """Replace these fields of a caregiver; the answer is what then stands there. Raises KeyError for an unknown number."""
        with self._lock:
            before = self.find(nihdi8)
            if before is None:
                raise KeyError(nihdi8)
            after = {**before, **fields, "version": before["version"] + 1, "updated_at": text_of(at)}
            self._versions.setdefault(nihdi8, [before]).append(after)
            self._changes.append(after)
            return after

    # --- reading it ----------------------------------------------------------------------------------------------------------

    def find(self, nihdi8: str) -> Provider | None:
        """The caregiver as he or she stands there now."""
        with self._lock:
            known = self._versions.get(nihdi8)
        if known:
            return known[-1]
        index = self._numbering.index_of(nihdi8)
        if index is None or index >= self.count:
            return None
        found = provider_of(next(self._world.register_persons(index, 1)))
        return found if found["nihdi8"] == nihdi8 else None

    def earlier(self, provider: Provider) -> Provider | None:
        """The version before this one, if it was edited."""
        with self._lock:
            known = self._versions.get(provider["nihdi8"], [])
            return next((one for one in known if one["version"] == provider["version"] - 1), None)

    def start(self, epoch: int, since: int = 0) -> Place:
        """The place where a walk begins."""
        with self._lock:
            return Place(True, 0, 0 if self.tells_history else len(self._changes), epoch, since)

    def knows(self, place: Place) -> bool:
        """Whether there is such a place: changes are forgotten when the register starts again."""
        with self._lock:
            most = self.count if place.walking else len(self._changes)
            return 0 <= place.position <= most and 0 <= place.seen <= len(self._changes)

    def after(self, place: Place, limit: int) -> Slice[Provider]:
        """At most `limit` providers after the place."""
        return self._after(place, limit, provider_of, lambda provider: provider)

    def written_after(self, place: Place, limit: int) -> Slice[str]:
        """The same as JSON, each made in one go: a first load asks for 780,000 of them."""
        return self._after(place, limit, written, lambda provider: orjson.dumps(as_told(provider)).decode())

    def _after(self, place: Place, limit: int, new: Callable[[Any], T], known: Callable[[Provider], T]) -> Slice[T]:
        if place.walking:
            found = self._walk(place, limit, new, known)
            if found is not None:
                return found
            place = Place(False, place.seen, place.seen, place.epoch)
        with self._lock:
            items = self._changes[place.position : place.position + limit]
            end = place.position + len(items)
            return Slice([known(item) for item in items], Place(False, end, end, place.epoch), end == len(self._changes))

    def _walk(self, place: Place, limit: int, new: Callable[[Any], T], known: Callable[[Provider], T]) -> Slice[T] | None:
        """The next of the list; None at its end."""
        if place.position >= self.count:
            return None
        width = min(self.count - place.position, max(limit, _SCANNED) if place.since else limit)
        items: list[T] = []
        position = place.position
        for person, edited in self._read(position, width):
            if len(items) == limit:
                break
            position += 1
            if edited is None:
                if person.updated_ms >= place.since:
                    items.append(new(person))
            elif not place.since or milliseconds(edited["updated_at"]) >= place.since:
                items.append(known(edited))
        after = Place(True, position, place.seen, place.epoch, place.since)
        with self._lock:
            nothing_changed = place.seen == len(self._changes)
        if position == self.count and nothing_changed:
            return Slice(items, Place(False, place.seen, place.seen, place.epoch), True)
        return Slice(items, after, False)

    def _read(self, start: int, count: int) -> Iterator[tuple[Any, Provider | None]]:
        """Persons of the world, each with what stands in the register since it was edited, or with how it began."""
        persons = self._world.register_persons(start, count)
        versions, which = self._versions, 0 if self.tells_history else -1
        if not versions:
            for person in persons:
                yield person, None
            return
        for person in persons:
            known = versions.get(person.riziv[:8])
            yield person, known[which] if known else None


class _Numbering:
    """Finds the index behind a number without a table of 780,000.

    The world gives its persons numbers in equal steps around a ring; the step and the length of the ring are read off the first few hundred. Whoever
    uses an index compares the number again, so a world that numbers otherwise finds nobody and nothing wrong.
    """

    def __init__(self, world: World) -> None:
        first = [int(person.riziv[:6]) for person in world.register_persons(0, min(400, world.register_count))]
        steps = sorted({after - before for before, after in pairwise(first)})
        self._first = first[0] if first else 0
        self._ring = steps[-1] - steps[0] if len(steps) == 2 else 0
        self._back = pow(steps[-1], -1, self._ring) if self._ring else 0

    def index_of(self, nihdi8: str) -> int | None:
        """The index of the person with this number, if anybody has it."""
        if not (self._ring and len(nihdi8) == 8 and nihdi8.isascii() and nihdi8.isdigit()):
            return None
        return (int(nihdi8[:6]) - self._first) * self._back % self._ring
