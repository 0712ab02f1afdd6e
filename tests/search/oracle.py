"""What a query means, written down a second time without any database: slow, obvious, and the judge of both engines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.errors import Invalid
from hub.model.audience import Grant
from hub.model.folding import MAX_WORD, fold
from hub.model.query import PARTS_OF, Criterion, Linked, Query, normalise
from hub.model.sounds import sound_of
from hub.places import Places, distance_km
from hub.search.local import NEAR_KM
from hub.store.index_rows import IndexRow, point_of, point_value


@dataclass
class World:
    """Everything that the database of a test holds."""

    rows: list[IndexRow]
    uuids: dict[int, str]
    links: list[tuple[int, str, int, int]]  # from (`origin`), role, to, level
    changes: list[tuple[int, int, int, str]]  # seq, entity, audience, partner
    masks: set[tuple[str, int]] = field(default_factory=set)


class Oracle:
    """Answers queries over a world, which stays as it is, by looking at every row; the same question, which both engines are asked in every way, once."""

    def __init__(self, world: World, places: Places) -> None:
        self.world = world
        self.places = places
        self._told: dict[tuple[Query, Grant], list[int]] = {}
        self._links: dict[str, list[tuple[int, str, int, int]]] = {}
        for link in world.links:
            self._links.setdefault(link[1], []).append(link)

    def find(self, query: Query, grant: Grant) -> list[int]:
        """The numbers of all entries that the query selects for this grant, in its order."""
        query = normalise(query)
        if (query, grant) not in self._told:
            self._told[query, grant] = self._find(query, grant)
        return list(self._told[query, grant])

    def _find(self, query: Query, grant: Grant) -> list[int]:
        scope = None if grant.scope is None else normalise(grant.scope)
        hits = [
            row
            for row in self.world.rows
            if self._visible(row, grant) and self._holds(row, query, grant, scope) and (scope is None or self._inside(row, scope, grant))
        ]
        keyed = [(key, row.entry_id) for row in hits if (key := self._key(row, query, grant)) is not None]
        return [number for _, number in sorted(keyed, reverse=query.descending)]

    def _inside(self, row: IndexRow, scope: Query, grant: Grant) -> bool:
        """In the selection of an agreement; a caregiver only with the person."""
        if not self._holds(row, scope, grant):
            return False
        person = Linked("zorgverlener", replace(scope, types=("zorgverlener",)))
        return row.type != "caregiver" or ("zorgverlener" in scope.types and self._linked(row, person, grant))

    def _visible(self, row: IndexRow, grant: Grant) -> bool:
        if row.level > grant.rank:
            return False
        if row.partner:
            return row.partner == grant.partner
        return (grant.partner, row.entry_id) not in self.world.masks

    def _key(self, row: IndexRow, query: Query, grant: Grant) -> tuple[Any, ...] | None:
        if query.sort == "name":
            return (row.name, row.entry_id)
        if query.sort == "updated":
            last = max((seq for seq in self._changes(row, grant)), default=None)
            return None if last is None else (last, row.entry_id)
        if query.sort == "distance":
            km = self.km(row, self._here(query), grant)
            return (99_999.0 if km is None else km, row.entry_id)
        if query.sort == "local":
            assert query.local is not None
            tier, described = self.tier(row, query.local, grant), not self.says_more_than_describes(row, query, grant)
            if tier < 2:
                return (tier, described, self._umbrella(row, grant), row.name, row.entry_id)
            km = self.km(row, self._here(query), grant)
            return (tier, described, self._umbrella(row, grant), 99_999.0 if km is None else km, row.entry_id)
        return (row.entry_id,)

    def _umbrella(self, row: IndexRow, grant: Grant) -> int:
        return int(("umbrella", "yes") in row.terms and row.terms["umbrella", "yes"] <= grant.rank)

    def _here(self, query: Query) -> tuple[float, float]:
        if query.near is not None:
            return (query.near.lat, query.near.lon)
        assert query.local is not None
        town = self.places.municipality(query.local)
        return (town.lat, town.lon)

    def tier(self, row: IndexRow, refnis: str, grant: Grant) -> int:
        town = self.places.municipality(refnis)
        seated = self._values(row, "municipality", grant)
        if town.refnis in seated:
            return 0
        zones = {f"zone|{zone.code}" for zone in self.places.zones.zones_of(town.refnis)}
        postcodes = {f"postcode|{postcode}" for postcode in self.places.postcodes_of(town.refnis)}
        served = {
            f"municipality|{town.refnis}",
            f"region|{town.region}",
            f"province|{fold(town.province or '-')}",
        }
        if self._values(row, "serves", grant) & (served | zones | postcodes):
            return 1
        around = {near.municipality.refnis for near in self.places.neighbours(town.refnis, NEAR_KM)}
        return 2 if seated & around else 3

    def km(self, row: IndexRow, here: tuple[float, float], grant: Grant) -> float | None:
        points = [point_of(point_value(lat, lon)) for lat, lon, level in row.points if level <= grant.rank]
        return min((distance_km(*here, *point) for point in points), default=None)

    def _values(self, row: IndexRow, key: str, grant: Grant) -> set[str]:
        if key == "umbrella":
            return {("no", "yes")[self._umbrella(row, grant)]}
        keys = PARTS_OF.get(key, (key,))
        return {value for (name, value), level in row.terms.items() if name in keys and level <= grant.rank}

    def _changes(self, row: IndexRow, grant: Grant) -> list[int]:
        return [
            seq
            for seq, entity, audience, partner in self.world.changes
            if entity == row.entity_id and audience <= grant.rank and partner in ("", grant.partner)
        ]

    def _holds(self, row: IndexRow, query: Query, grant: Grant, scope: Query | None = None) -> bool:
        """Whether the row meets the query, whose links lead to nothing outside of `scope`."""
        if row.type not in query.types:
            return False
        if not self._holds_words(row, query, grant, row.described):
            return False
        if not all(self._meets(row, criterion, grant) for criterion in query.where):
            return False
        if not all(self._linked(row, linked, grant, scope) for linked in query.linked):
            return False
        if query.near is not None:
            km = self.km(row, (query.near.lat, query.near.lon), grant)
            if km is None or km > query.near.km:
                return False
        return query.changed_since is None or any(seq > query.changed_since for seq in self._changes(row, grant))

    def says_more_than_describes(self, row: IndexRow, query: Query, grant: Grant) -> bool:
        """Whether each word of the text stands in a name, a label or an address."""
        return self._holds_words(row, query, grant, ())

    def _holds_words(self, row: IndexRow, query: Query, grant: Grant, described: Sequence[set[str]]) -> bool:
        """Whether all words of the text stand in the row, in its description too if that is given."""
        seen = set().union(*row.words[: grant.rank + 1], *described[: grant.rank + 1])
        return all(any(has.startswith(word) if len(word) > 1 else has == word for has in seen) for word in query.text.split())

    def _meets(self, row: IndexRow, criterion: Criterion, grant: Grant) -> bool:
        key, op = criterion.key, criterion.op
        if key == "id":
            has = {self.world.uuids[row.entity_id]}
        elif key == "fiche":
            has = {self.world.uuids[row.fiche_id]}
        elif key == "updated":
            has = {str(max(self._changes(row, grant), default=0))}
        else:
            has = self._values(row, key, grant)
        if op == "whole":
            has = (has & row.wholes) | self._values(row, "family", grant) | self._values(row, "given", grant)
        elif op == "sounds":
            has = {word for name in has for word in name.split(" ")}
        elif op == "contains" and key == "address":
            has -= {
                each for each in self._values(row, "postcode", grant) if not (each.isdecimal() and 1000 <= int(each) <= 9999)
            }  # those from abroad
        if op == "missing":
            return bool(has) == criterion.negate
        return any(self._same(key, op, asked, one) for asked in criterion.values for one in has) != criterion.negate

    def _same(self, key: str, op: str, asked: str, has: str) -> bool:
        if key == "updated":
            low, high = asked.split("..")
            return int(low or 0) < int(has) <= int(high or "9" * 18)
        if key == "period" and op == "eq":
            days = zip(has.split("/"), asked.split("|"), strict=True)
            return all(low <= day <= (high or "9999-12-31") for day, (low, high) in ((day, bounds.split("..")) for day, bounds in days))
        if asked.startswith("|") and key in ("code", "type", "identifier"):
            asked, has = asked[1:], has.partition("|")[2]
        elif key == "municipality" and op == "eq":
            asked = self._current(asked)
        elif asked.startswith("municipality|"):
            asked = "municipality|" + self._current(asked.partition("|")[2])
        if op == "prefix" or (key in ("code", "type", "identifier", "contact") and asked.endswith("|")):
            return has.startswith(asked)
        if op == "sounds":
            return sound_of(asked[:MAX_WORD]) == sound_of(has[:MAX_WORD])
        return asked in has if op == "contains" else asked == has

    def _current(self, refnis: str) -> str:
        try:
            return self.places.current(refnis)
        except Invalid:
            return refnis

    def _linked(self, row: IndexRow, linked: Linked, grant: Grant, scope: Query | None = None) -> bool:
        there = {
            (start if linked.reverse else end)
            for start, _, end, level in self._links.get(linked.link, ())
            if level <= grant.rank and (row.entity_id == end if linked.reverse else origin(row) == start)
        }
        found = any(
            (origin(other) if linked.reverse else other.entity_id) in there
            and self._visible(other, grant)
            and self._holds(other, linked.query, grant, scope)
            and (scope is None or self._inside(other, scope, grant))
            for other in self.world.rows
        )
        return found != linked.negate


def origin(row: IndexRow) -> int:
    """What the links of an entry come from: what a partner has in place of an entity has links of its own."""
    return -row.entry_id if row.partner else row.entry_id


def numbers(rows: Iterable[Any]) -> Sequence[int]:
    """The entries of a page."""
    return [row.entry_id for row in rows]
