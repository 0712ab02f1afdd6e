"""What a query demands beyond the full text: each kind of demand can check rows, and can name the rows that meet it if they are few."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from hub.model.query import Criterion, Linked, Near
from hub.search import points
from hub.search.lens import Lens, Row
from hub.search.match import holds, letters_of, postcodes_holding, starts_of
from hub.store.index_rows import PERIOD
from hub.store.index_tokens import TYPE_MARKS

if TYPE_CHECKING:
    from hub.search.plan import Plan

_NO_SEQ: Final = (1 << 63) - 1
NUMBERS: Final = 4
"""So many numbers are compared sooner than one row is fetched."""
LINKS: Final = 16
"""So many links are read from their index sooner than one row is fetched and checked."""
_WIDE_KM: Final = 30.0
"""A circle wider than this holds too many to start from."""


class Condition(Protocol):
    """One demand. `few` may name rows that the asker cannot see, or of another type; whoever asks fetches them through the lens."""

    def few(self, most: int) -> set[int] | None:
        """The numbers of all entries that meet it; None when they are many more than `most`, or cannot be told apart cheaply."""

    def keep(self, rows: Sequence[Row]) -> set[int]:
        """The numbers of those of the rows that meet it."""


@dataclass(frozen=True, slots=True)
class HasLetters:
    """A name, street, city or postcode holds these letters somewhere: asked of every row, as too many texts hold them, or as they go over words."""

    lens: Lens
    criterion: Criterion

    def few(self, most: int) -> set[int] | None:
        return None

    def keep(self, rows: Sequence[Row]) -> set[int]:
        bulk, ids = self.lens.bulk, [row.id for row in rows]
        letters, asked = letters_of(self.criterion.key), self.criterion.values
        starts = starts_of(self.lens.type, self.lens.rank, letters)
        postcodes = {token.text for token in postcodes_holding(self.lens.type, self.lens.rank, self.criterion.key, asked)}
        found = {
            number
            for number, tokens in self.lens.text.tokens_of(bulk, ids).items()
            if any((token[:3] in starts and holds(token, asked)) or token in postcodes for token in tokens)
        }
        key = "key" if bulk.postgres else "+key"
        holding = " OR ".join(["value LIKE ?"] * len(asked))  # folded, so that they hold no wildcard
        sql = (
            f"SELECT entry_id FROM term WHERE {bulk.listed('entry_id')} AND {key} IN ({', '.join('?' * len(letters))})"  # noqa: S608
            f" AND ({holding}) AND level <= ?"
        )
        found.update(row[0] for row in bulk.rows(sql, bulk.many(ids), *letters, *(f"%{one}%" for one in asked), self.lens.rank))
        return set(ids) - found if self.criterion.negate else found


@dataclass(frozen=True, slots=True)
class HasPeriod:
    """A period that begins and ends between these days."""

    lens: Lens
    criterion: Criterion

    def _within(self) -> tuple[str, tuple[str, ...]]:
        values = self.criterion.values
        within = " OR ".join(["value BETWEEN ? AND ? AND substr(value, 12) BETWEEN ? AND ?"] * len(values))
        return f"({within})", tuple(day for value in values for day in _days(value))

    def few(self, most: int) -> set[int] | None:
        if self.criterion.negate:
            return None
        within, given = self._within()
        sql = f"SELECT DISTINCT entry_id FROM term WHERE type = ? AND key = ? AND level <= ? AND {within} LIMIT ?"  # noqa: S608
        found = self.lens.bulk.rows(sql, TYPE_MARKS[self.lens.type], PERIOD, self.lens.rank, *given, most + 1)
        return {row[0] for row in found} if len(found) <= most else None

    def keep(self, rows: Sequence[Row]) -> set[int]:
        bulk, ids = self.lens.bulk, [row.id for row in rows]
        within, given = self._within()
        key = "key" if bulk.postgres else "+key"
        sql = f"SELECT entry_id FROM term WHERE {bulk.listed('entry_id')} AND {key} = ? AND {within} AND level <= ?"  # noqa: S608
        found = {row[0] for row in bulk.rows(sql, bulk.many(ids), PERIOD, *given, self.lens.rank)}
        return set(ids) - found if self.criterion.negate else found


def _days(value: str) -> tuple[str, str, str, str]:
    """`a..b|c..d` as bounds of what stands in the index: the first day and, behind a slash, the last."""
    (first, last), (low, high) = (part.split("..") for part in value.split("|"))
    return first, (last or "9999-99-99") + "~", low, high or "9999-99-99"


@dataclass(frozen=True, slots=True)
class IsNameless:
    """Lists have no name to sort it by. So have all that have no name at all, and these stand together in the order of names."""

    lens: Lens

    def few(self, most: int) -> set[int] | None:
        sql = "SELECT id FROM entry WHERE type = ? AND name = '' LIMIT ?"
        found = self.lens.bulk.rows(sql, self.lens.type, most + 1)
        return {row[0] for row in found} if len(found) <= most else None

    def keep(self, rows: Sequence[Row]) -> set[int]:
        return {row.id for row in rows if not row.name}


@dataclass(frozen=True, slots=True)
class IsEntity:
    """A criterion about the hub's own UUIDs: of the entity (`id`) or of its fiche (`fiche`). One that it had before leads to what it goes by now."""

    lens: Lens
    criterion: Criterion

    def _numbers(self) -> set[int]:
        bulk = self.lens.bulk
        sql = "SELECT id, moved_to FROM entity WHERE "
        found = bulk.rows(sql + bulk.listed("uuid", "text"), bulk.many(self.criterion.values))
        numbers = {number for number, to in found if to is None}
        while to := {to for _, to in found if to is not None}:
            found = bulk.rows(sql + bulk.listed("id"), bulk.many(to))
            numbers.update(number for number, on in found if on is None)
        return numbers

    def few(self, most: int) -> set[int] | None:
        if self.criterion.negate:
            return None
        bulk, numbers = self.lens.bulk, self._numbers()
        column = "entity_id" if self.criterion.key == "id" else "fiche_id"
        sql = f"SELECT id FROM entry WHERE {bulk.listed(column)} LIMIT ?"  # noqa: S608
        found = bulk.rows(sql, bulk.many(numbers), most + 1)
        return {row[0] for row in found} if len(found) <= most else None

    def keep(self, rows: Sequence[Row]) -> set[int]:
        numbers = self._numbers()
        by_id = self.criterion.key == "id"
        found = {row.id for row in rows if (row.entity_id if by_id else row.fiche_id) in numbers}
        return {row.id for row in rows} - found if self.criterion.negate else found


_LINKS_OF: Final = "CASE WHEN o.partner = '' THEN o.id ELSE -o.id END"
"""Where the links of an entry `o` come from (`hub.store.linking.Link`)."""
_SEEN: Final = "(o.partner = ? OR (o.partner = '' AND NOT EXISTS (SELECT 1 FROM entry_mask m WHERE m.partner = ? AND m.entry_id = o.id)))"
"""Whether an entry `o` is what this partner sees; he is given twice."""


@dataclass(frozen=True, slots=True)
class IsLinked:
    """A linked entity satisfies a query of its own: `plans` hold it, one per type that it asks for."""

    lens: Lens
    linked: Linked
    plans: tuple[Plan, ...]
    led: bool = False
    """What is demanded of the other end leads to this one already."""

    @property
    def _ends(self) -> tuple[str, str]:
        return ("to_id", "from_id") if self.linked.reverse else ("from_id", "to_id")

    def few(self, most: int) -> set[int] | None:
        if self.linked.negate or self.led:
            return None
        there: set[int] = set()
        for plan in self.plans:
            some = plan.entities(most)
            if some is None:
                return None
            there |= some
        if not there:
            return set()
        bulk, (mine, theirs) = self.lens.bulk, self._ends
        if not self.lens.partner:  # then every entry has the number of its entity
            sql = f"SELECT {mine} FROM link WHERE {bulk.listed(theirs)} AND role = ? AND level <= ? LIMIT ?"  # noqa: S608
            found = bulk.rows(sql, bulk.many(there), self.linked.link, self.lens.rank, LINKS * most + 1)
            return {row[0] for row in found} if len(found) <= LINKS * most else None
        # CROSS: on SQLite the order of the tables, from the few to the many, is not the planner's to choose.
        join = "JOIN" if bulk.postgres else "CROSS JOIN"
        if self.linked.reverse:
            links = f"entry o {join} link l ON l.from_id = {_LINKS_OF} {join} entry e ON e.entity_id = l.to_id"
            led = f"{bulk.listed('o.entity_id')} AND {_SEEN}"
            given: tuple[object, ...] = (bulk.many(there), self.lens.partner, self.lens.partner)
        else:
            links, led, given = f"link l {join} entry e ON e.id = abs(l.from_id)", bulk.listed("l.to_id"), (bulk.many(there),)
        sql = (
            f"SELECT DISTINCT e.id FROM {links}"  # noqa: S608
            f" WHERE l.role = ? AND l.level <= ? AND {led} AND {self.lens.visible} LIMIT ?"
        )
        found = bulk.rows(sql, self.linked.link, self.lens.rank, *given, *self.lens.visible_with, most + 1)
        return {row[0] for row in found} if len(found) <= most else None

    def keep(self, rows: Sequence[Row]) -> set[int]:
        found = self._held_by_rows(rows) if self.lens.partner else self.held_by({row.id for row in rows})
        return {row.id for row in rows} - found if self.linked.negate else found

    def _held_by_rows(self, rows: Sequence[Row]) -> set[int]:
        """Those of these entries that have such a link, as a partner has it: what he sees in place of an entity has links of its own."""
        bulk = self.lens.bulk
        if self.linked.reverse:
            sql = (
                f"SELECT l.to_id, o.entity_id FROM link l JOIN entry o ON o.id = abs(l.from_id)"  # noqa: S608
                f" WHERE {bulk.listed('l.to_id')} AND l.role = ? AND l.level <= ? AND {_SEEN}"
            )
            entities = bulk.many({row.entity_id for row in rows})
            links = bulk.rows(sql, entities, self.linked.link, self.lens.rank, self.lens.partner, self.lens.partner)
        else:
            sql = f"SELECT abs(from_id), to_id FROM link WHERE {bulk.listed('from_id')} AND role = ? AND level <= ?"  # noqa: S608
            entries = bulk.many({number for row in rows for number in (row.id, -row.id)})
            links = bulk.rows(sql, entries, self.linked.link, self.lens.rank)
        there = {link[1] for link in links}
        good: set[int] = set()
        for plan in self.plans:
            good |= plan.entities_of(there)
        held = {link[0] for link in links if link[1] in good}
        return {row.id for row in rows if (row.entity_id if self.linked.reverse else row.id) in held}

    def held_by(self, entities: Collection[int]) -> set[int]:
        """Those of these entities that have such a link; for who is no partner."""
        bulk, (mine, theirs) = self.lens.bulk, self._ends
        sql = f"SELECT {mine}, {theirs} FROM link WHERE {bulk.listed(mine)} AND role = ? AND level <= ?"  # noqa: S608
        links = bulk.rows(sql, bulk.many(entities), self.linked.link, self.lens.rank)
        there = {link[1] for link in links}
        good: set[int] = set()
        for plan in self.plans:
            good |= plan.entities_of(there)
        return {link[0] for link in links if link[1] in good}


@dataclass(frozen=True, slots=True)
class IsNear:
    """One of its points lies within so many kilometres."""

    lens: Lens
    near: Near

    def few(self, most: int) -> set[int] | None:
        if self.near.km > _WIDE_KM:
            return None
        if self.lens.bulk.postgres:  # where a row costs more than here, and a point less
            most *= 4
        return points.few(self.lens, self.near, most)

    def keep(self, rows: Sequence[Row]) -> set[int]:
        return points.inside(self.lens, self.near, rows)


@dataclass(frozen=True, slots=True)
class HasChanged:
    """There is a change after `since` that the asker may know of."""

    lens: Lens
    since: int

    def few(self, most: int) -> set[int] | None:
        known, given = self.lens.changes
        sql = f"SELECT c.entity_id FROM change c WHERE c.seq > ? AND {known} LIMIT ?"  # noqa: S608
        found = self.lens.bulk.rows(sql, self.since, *given, 4 * most + 1)
        entities = {row[0] for row in found}
        if len(found) > 4 * most or len(entities) > most:
            return None
        return {row.id for row in self.lens.of_entities(entities)}

    def keep(self, rows: Sequence[Row]) -> set[int]:
        changed = last_changes(self.lens, {row.entity_id for row in rows}, self.since)
        return {row.id for row in rows if row.entity_id in changed}


@dataclass(frozen=True, slots=True)
class LastChanged:
    """Its last change that the asker may know of lies in one of these ranges of seqs, `a..b`: more than a, at most b."""

    lens: Lens
    criterion: Criterion

    def _ranges(self) -> list[tuple[int, int]]:
        pairs = [value.split("..") for value in self.criterion.values]
        return [(int(low or 0), int(high or _NO_SEQ)) for low, high in pairs]

    def few(self, most: int) -> set[int] | None:
        if self.criterion.negate:
            return None
        known, given = self.lens.changes
        entities: set[int] = set()
        for low, high in self._ranges():
            sql = f"SELECT c.entity_id FROM change c WHERE c.seq > ? AND c.seq <= ? AND {known} LIMIT ?"  # noqa: S608
            found = self.lens.bulk.rows(sql, low, high, *given, 4 * most + 1)
            if len(found) > 4 * most:
                return None
            entities.update(row[0] for row in found)
        kept = self.keep(self.lens.of_entities(entities))
        return kept if len(kept) <= most else None

    def keep(self, rows: Sequence[Row]) -> set[int]:
        ranges, last = self._ranges(), last_changes(self.lens, {row.entity_id for row in rows})
        found = {row.id for row in rows if any(low < last.get(row.entity_id, 0) <= high for low, high in ranges)}
        return {row.id for row in rows} - found if self.criterion.negate else found


def last_changes(lens: Lens, entities: Collection[int], since: int = 0) -> dict[int, int]:
    """Entity -> the seq of its last change after `since` that the asker may know of."""
    known, given = lens.changes
    sql = (
        f"SELECT c.entity_id, max(c.seq) FROM change c WHERE {lens.bulk.listed('c.entity_id')}"  # noqa: S608
        f" AND c.seq > ? AND {known} GROUP BY c.entity_id"
    )
    return {row[0]: row[1] for row in lens.bulk.rows(sql, lens.bulk.many(entities), since, *given)}
