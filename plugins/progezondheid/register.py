"""What the simulated register holds: the persons of a world as providers, and the edits made to them since it started."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from hub import World

Provider = dict[str, Any]

_FILLED_IN: Final = 4
"""One caregiver in so many told the register how to be reached."""
_DIPLOMA_ONLY: Final = 5
"""Of one in so many the register knows no more than a diploma."""
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
class Slice:
    """What stands after a place: the providers, the place after them, and whether that is the end for now."""

    items: list[Provider]
    after: Place
    complete: bool


class Register:
    """The list never moves: it is the world's, in order of index. Edits go to a list of changes, read after the walk. Safe for threads."""

    def __init__(self, world: World, count: int | None = None) -> None:
        self._world = world
        self.count = world.register_count if count is None else min(count, world.register_count)
        self._versions: dict[str, list[Provider]] = {}
        self._changes: list[Provider] = []
        self._lock = threading.RLock()
        self._numbering = _Numbering(world)

    # --- changing it ---------------------------------------------------------------------------------------------------------

    def edit(self, nihdi8: str, at: datetime, **fields: Any) -> Provider:
        """Replace these fields of a caregiver; the answer is what then stands there. Raises KeyError for an unknown number."""
        with self._lock:
            before = self.find(nihdi8)
            if before is None:
                raise KeyError(nihdi8)
            after = {**before, **fields, "version": before["version"] + 1, "updated_at": _text(at)}
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
        found = next(self._read(index, 1))
        return found if found["nihdi8"] == nihdi8 else None

    def earlier(self, provider: Provider) -> Provider | None:
        """The version before this one, if it was edited."""
        with self._lock:
            known = self._versions.get(provider["nihdi8"], [])
            return next((one for one in known if one["version"] == provider["version"] - 1), None)

    def start(self, epoch: int, since: int = 0) -> Place:
        """The place where a walk begins."""
        with self._lock:
            return Place(True, 0, len(self._changes), epoch, since)

    def knows(self, place: Place) -> bool:
        """Whether there is such a place: changes are forgotten when the register starts again."""
        with self._lock:
            most = self.count if place.walking else len(self._changes)
            return 0 <= place.position <= most and 0 <= place.seen <= len(self._changes)

    def after(self, place: Place, limit: int) -> Slice:
        """At most `limit` providers after the place."""
        if place.walking:
            found = self._walk(place, limit)
            if found is not None:
                return found
            place = Place(False, place.seen, place.seen, place.epoch)
        with self._lock:
            items = self._changes[place.position : place.position + limit]
            end = place.position + len(items)
            return Slice(items, Place(False, end, end, place.epoch), end == len(self._changes))

    def _walk(self, place: Place, limit: int) -> Slice | None:
        """The next of the list; None at its end."""
        if place.position >= self.count:
            return None
        width = min(self.count - place.position, max(limit, _SCANNED) if place.since else limit)
        items: list[Provider] = []
        position = place.position
        for provider in self._read(position, width):
            if len(items) == limit:
                break
            position += 1
            if not place.since or _milliseconds(provider["updated_at"]) >= place.since:
                items.append(provider)
        after = Place(True, position, place.seen, place.epoch, place.since)
        with self._lock:
            nothing_changed = place.seen == len(self._changes)
        if position == self.count and nothing_changed:
            return Slice(items, Place(False, place.seen, place.seen, place.epoch), True)
        return Slice(items, after, False)

    def _read(self, start: int, count: int) -> Iterator[Provider]:
        for person in self._world.register_persons(start, count):
            known = self._versions.get(person.riziv[:8])
            yield known[-1] if known else _provider(person)


class _Numbering:
    """Finds the index behind a number without a table of 780,000.

    The world gives its persons numbers in equal steps around a ring; the step and the length of the ring are read off the first few hundred. Whoever
    uses an index compares the number again, so a world that numbers otherwise finds nobody and nothing wrong.
    """

    def __init__(self, world: World) -> None:
        first = [
            int(person.riziv[:6]) for person in world.register_persons(0, min(400, world.register_count))
        ]
        steps = sorted({after - before for before, after in pairwise(first)})
        self._first = first[0] if first else 0
        self._ring = steps[-1] - steps[0] if len(steps) == 2 else 0
        self._back = pow(steps[-1], -1, self._ring) if self._ring else 0

    def index_of(self, nihdi8: str) -> int | None:
        """The index of the person with this number, if anybody has it."""
        if not (self._ring and len(nihdi8) == 8 and nihdi8.isascii() and nihdi8.isdigit()):
            return None
        return (int(nihdi8[:6]) - self._first) * self._back % self._ring


def _provider(person: Any) -> Provider:
    number = person.index
    return {
        "nihdi8": person.riziv[:8],
        "nihdi": person.riziv,
        "version": 1,
        "updated_at": _text(datetime.fromtimestamp(person.updated_ms / 1000, UTC)),
        "state": "registered",
        "name": {"family": person.family, "given": [person.given]},
        "gender": person.gender,
        "languages": list(person.languages),
        "professions": [{"code": person.profession}],
        "competences": [{"code": person.riziv[8:]}],
        # A visum is a right to work, so most of those who stopped still hold theirs.
        "visa": [
            {
                "profession": person.profession,
                "status": "active" if person.active or number % 3 else "suspended",
            }
        ],
        "convention": person.convention,
        "addresses": [_address(address) for address in person.addresses],
        "contacts": [
            {
                "kind": contact.kind,
                "value": contact.raw,
                "audience": "professionals" if contact.visibility else "public",
            }
            for contact in (person.contacts if number % _FILLED_IN == 0 else ())
        ],
        "activity_evidence": _evidence(person),
    }


def _address(address: Any) -> dict[str, Any]:
    return {
        "type": address.type,
        "street": dict(address.street),
        "house_number": address.house_number,
        "box": address.box,
        "postcode": address.postcode,
        "municipality": address.municipality,
        "city": dict(address.city),
        "country": "BE",
        "position": dict(address.position) if address.position else None,
    }


def _evidence(person: Any) -> list[dict[str, Any]]:
    known: list[dict[str, Any]] = [{"type": "diploma", "status": "active", "observed_on": "2005-07-01"}]
    if not person.active:
        known.append(
            {
                "type": "cessation",
                "status": "inactive",
                "observed_on": person.stopped_on,
                "until": person.stopped_on,
            }
        )
    elif person.index % _DIPLOMA_ONLY:
        kind = "employment" if person.index % 3 == 0 else "attests"
        known.append({"type": kind, "status": "active", "observed_on": "2026-06-30"})
    return known


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _milliseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)
