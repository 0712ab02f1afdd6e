"""What one asker sees of one type of entity: the rows, and how to fetch them. Every statement of a search goes through here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, Final, NamedTuple, Protocol

from hub.errors import Invalid
from hub.model.audience import Grant
from hub.model.fiche import EntityType
from hub.places import Places
from hub.search import postgresql, sqlite
from hub.search.coverage import Coverage, covers, shows
from hub.search.match import Alternatives, Match, Token
from hub.search.statistics import Statistics
from hub.store.bulk import Bulk
from hub.store.index_forms import tokens_of
from hub.store.index_rows import IndexRow
from hub.store.log_reading import meant_for, naming


class Row(NamedTuple):
    """An entry as a search carries it: what it is, and all that an order may need."""

    id: int
    entity_id: int
    fiche_id: int
    name: str
    umbrella: int
    lat: float | None
    lon: float | None


_MOST_OUTSIDE: Final = 2_000


class Rows(Protocol):
    """Makes index rows of entries anew, as on the day `today` (`YYYY-MM-DD`)."""

    @property
    def today(self) -> str:
        """The day."""

    def __call__(self, ids: Collection[int], *, spelled: bool = False, sourced: bool = False) -> Mapping[int, IndexRow]:
        """By number, what the index would hold if fiches had only the fields of the agreement; `spelled`: with texts as they are written; `sourced`: with the
        sources that are heard."""


@dataclass(frozen=True, slots=True)
class Lens:
    """One type of entity through the eyes of one asker."""

    bulk: Bulk
    text: ModuleType
    type: EntityType
    rank: int
    partner: str
    visible: str
    visible_with: tuple[Any, ...]
    places: Places
    fields: frozenset[str] | None = None
    shown: Rows | None = None
    telling: frozenset[str] | None = None
    """The fields of which a change must name one (`Grant.telling`)."""
    told: dict[Any, int] = field(default_factory=dict, compare=False)
    """What this search was told already (`hub.search.statistics`)."""
    spelled: dict[Token, Alternatives] = field(default_factory=dict, compare=False)
    """How this search spells out beginnings (`prepared`)."""

    @classmethod
    def of(cls, bulk: Bulk, kind: EntityType, grant: Grant, places: Places, shown: Rows | None = None) -> Lens:
        """The lens of this grant on this type; `shown` as `find` has it."""
        engine = postgresql if bulk.postgres else sqlite
        visible, given = "e.type = ? AND e.level <= ?", (kind, grant.rank)
        if not grant.partner:
            visible = f"{visible} AND e.partner = ''"
            return cls(bulk, engine, kind, grant.rank, "", visible, given, places, grant.fields, shown, grant.telling)
        masked = "EXISTS (SELECT 1 FROM entry_mask k WHERE k.partner = ? AND k.entry_id = e.id)"
        theirs = f"{visible} AND (e.partner = ? OR (e.partner = '' AND NOT {masked}))"
        given_theirs = (*given, grant.partner, grant.partner)
        return cls(bulk, engine, kind, grant.rank, grant.partner, theirs, given_theirs, places, grant.fields, shown, grant.telling)

    @property
    def statistics(self) -> Statistics:
        """How many there are of what."""
        return Statistics(self.bulk, self.type, self.told)

    def on(self, kind: EntityType) -> Lens:
        """The same eyes on another type."""
        return replace(self, type=kind, visible_with=(kind, *self.visible_with[1:]))

    @property
    def whole(self) -> Lens:
        """The same eyes without regard to the fields of the agreement: for its own selection, which may read them all."""
        return replace(self, fields=None)

    def covers(self, key: str) -> Coverage:
        """How much of what a key reads here the asker has."""
        return covers(self.fields, self.type, key)

    @property
    def shows_type(self) -> bool:
        """Whether the asker sees anything of this type at all."""
        return shows(self.fields, self.type)

    @property
    def named(self) -> bool:
        """Whether the asker sees the names that lists are sorted by; otherwise it is as if there were none."""
        return self.covers("name") == "whole"

    @property
    def placed(self) -> bool:
        """Whether the asker sees where something is."""
        return self.covers("near") == "whole"

    @property
    def ranked(self) -> bool:
        """Whether the asker sees what is an umbrella organisation."""
        return self.covers("umbrella") == "whole"

    @property
    def umbrella(self) -> str:
        """1 where the asker sees that an entry `e` is an umbrella organisation or offered by one, else 0."""
        return f"CASE WHEN e.umbrella {self._umbrellas} THEN 1 ELSE 0 END" if self.ranked else "0"

    @property
    def _umbrellas(self) -> str:
        return f"BETWEEN 1 AND {self.rank + 1}"

    def only(self, umbrella: int | None) -> str:
        """The condition that keeps umbrella organisations (1) or all others (0) among entries `e`; None keeps both."""
        if umbrella is None:
            return ""
        return f" AND e.umbrella {'' if umbrella else 'NOT '}{self._umbrellas}"  # of the column itself PostgreSQL has statistics

    @property
    def columns(self) -> str:
        """What makes a `Row` of an entry `e`."""
        name = "e.name" if self.named else "''"
        return f"e.id, e.entity_id, e.fiche_id, {name}, {self.umbrella}, {'e.lat, e.lon' if self.placed else 'NULL, NULL'}"

    def shown_rows(self, ids: Collection[int], *, spelled: bool = False, sourced: bool = False) -> Mapping[int, IndexRow]:
        """As `Rows`, of these entries."""
        if self.shown is None:
            raise TypeError("An agreement that names its fields, and the op exact, need `shown`.")
        return self.shown(ids, spelled=spelled, sourced=sourced)

    def current_municipality(self, refnis: str) -> str:
        """The REFNIS code that a municipality has now; a code that is not one stays as it is, and finds nothing."""
        try:
            return self.places.current(refnis)
        except Invalid:
            return refnis

    def rows(self, condition: str, given: Iterable[Any], tail: str = "", tail_with: Iterable[Any] = ()) -> list[Row]:
        """The visible entries `e` that meet a condition; it leads to them, or the order in `tail` does."""
        sql = f"SELECT {self.columns} FROM entry e WHERE {self.visible} AND {condition} {tail}"  # noqa: S608
        return [Row(*row) for row in self.bulk.rows(sql, *self.visible_with, *given, *tail_with)]

    def those(self, column: str, ids: Collection[int], condition: str = "", given: Iterable[Any] = ()) -> list[Row]:
        """The visible entries with one of these numbers in a column; `condition` is more SQL, an order for instance."""
        if not ids:
            return []
        if self.bulk.postgres:
            # OFFSET 0 keeps the planner from walking along a whole index of the order asked for.
            inner = f"SELECT * FROM entry e WHERE {self.bulk.listed(column)} AND {self.visible} OFFSET 0"  # noqa: S608
            sql = f"SELECT {self.columns} FROM ({inner}) e WHERE 1 = 1 {condition}"  # noqa: S608
        else:
            # The plus keeps the planner from starting with all entries of the type.
            sql = f"SELECT {self.columns} FROM entry e WHERE {self.bulk.listed(column)} AND +{self.visible} {condition}"  # noqa: S608
        return [Row(*row) for row in self.bulk.rows(sql, self.bulk.many(ids), *self.visible_with, *given)]

    def counted(self, match: Match, most: int | None) -> int | None:
        """How many visible entries match, counted in the indexes alone and not past `most`; None where that cannot be told so.

        Who sees a token sees its entry, so that only what partners have of their own, and what that hides from them, is looked at.
        """
        if match and not match.every:
            return None
        own = "" if self.bulk.postgres else "INDEXED BY ix_entry_own"
        sql = (
            f"SELECT e.id FROM entry e {own} WHERE e.type = ? AND e.level <= ?"  # noqa: S608
            " AND e.partner <> '' AND e.partner <> ? LIMIT ?"
        )
        outside = [row[0] for row in self.bulk.rows(sql, self.type, self.rank, self.partner, _MOST_OUTSIDE + 1)]
        if self.partner:
            sql = "SELECT e.id FROM entry_mask k JOIN entry e ON e.id = k.entry_id WHERE k.partner = ? AND e.type = ? AND e.level <= ? LIMIT ?"
            outside += [row[0] for row in self.bulk.rows(sql, self.partner, self.type, self.rank, _MOST_OUTSIDE + 1)]
        if len(outside) > _MOST_OUTSIDE:
            return None
        if match:
            unseen = len(self.among(match, outside))
            sql, given = self.text.COUNTED, [self.text.expression(match)]
        else:
            unseen = len(outside)
            sql, given = "SELECT e.id FROM entry e WHERE e.type = ? AND e.level <= ?", [self.type, self.rank]
        if most is not None:
            sql = f"SELECT count(*) FROM ({sql} LIMIT ?) n"  # noqa: S608
            ((found,),) = self.bulk.rows(sql, *given, most + unseen)
        else:
            ((found,),) = self.bulk.rows(f"SELECT count(*) FROM ({sql}) n", *given)  # noqa: S608
        return int(found) - unseen if most is None or found < most + unseen else most

    def fetch(self, ids: Collection[int]) -> list[Row]:
        """Those of these entries that are visible."""
        return self.those("e.id", ids)

    def of_entities(self, ids: Collection[int]) -> list[Row]:
        """The visible entries of these entities; of each one only."""
        return self.those("e.entity_id", ids)

    def matching(self, match: Match, after: int | None, descending: bool, most: int) -> list[Row]:
        """The next visible entries that match, in the order of their numbers. The match must lead."""
        beyond, order = ("<", "DESC") if descending else (">", "ASC")
        position = "" if after is None else f" AND {self.text.NUMBER} {beyond} ?"
        sql = (
            f"SELECT {self.columns} FROM {self.text.LEAD} WHERE {self.text.MATCHES}{position} AND {self.visible}"  # noqa: S608
            f" ORDER BY {self.text.NUMBER} {order} LIMIT ?"
        )
        given = () if after is None else (after,)
        found = self.bulk.rows(sql, self.text.expression(match), *given, *self.visible_with, most)
        return [Row(*row) for row in found]

    def met_along_numbers(self, match: Match, after: int | None, descending: bool, most: int) -> list[Row]:
        """As `matching`, looking at one entry of the type after the other: for PostgreSQL, which takes a match of many words for rarer than it is, and would
        read all of it first."""
        beyond, order = ("<", "DESC") if descending else (">", "ASC")
        position, given = ("", ()) if after is None else (f" AND id {beyond} ?", (after,))
        numbers = f"SELECT id FROM entry WHERE type = ?{position} ORDER BY id {order}"  # noqa: S608
        return self.met(numbers, (self.type, *given), match, f" ORDER BY n.id {order}", most)

    def met(self, along: str, given: Iterable[Any], match: Match, tail: str, most: int) -> list[Row]:
        """The visible entries that match among those whose `id` a statement leads along, each looked at alone; `tail` is the order. For PostgreSQL."""
        sql = (
            f"SELECT {self.columns} FROM ({along}) n{postgresql.MET}"  # noqa: S608
            f" CROSS JOIN LATERAL (SELECT * FROM entry WHERE id = n.id OFFSET 0) e WHERE {self.visible}{tail} LIMIT ?"
        )
        return [Row(*row) for row in self.bulk.rows(sql, *given, postgresql.expression(match), *self.visible_with, most)]

    def prepared(self, match: Match) -> Match:
        """The same match in the form that the engine answers fastest. For one search only: it may list what is in the index now."""
        found: Match = self.text.prepared(self.bulk, match, self.spelled)
        return found

    def numbers(self, match: Match, most: int, *, together: bool = False) -> list[int]:
        """Entries that match, visible or not, at most so many. The match must lead. `together`: all its demands are read from the index."""
        if not self.bulk.postgres:
            return sqlite.numbers(self.bulk, match, most)
        return postgresql.numbers(self.bulk, match, most, () if together else self.statistics.that_matter(match))

    def numbers_behind(self, match: Match, after: int | None, descending: bool, most: int) -> list[int]:
        """The next entries that match, visible or not, in the order of their numbers, at most so many; for SQLite. The match must lead."""
        return sqlite.numbers_behind(self.bulk, match, after, descending, most)

    def numbers_between(self, match: Match, low: int, high: int) -> list[int]:
        """Entries that match, visible or not, with a number above `low` and up to `high`, in their order; for PostgreSQL."""
        return postgresql.numbers_between(self.bulk, match, low, high, self.statistics.that_matter(match))

    def classed(self, match: Match, classes: Sequence[Alternatives], most: int) -> list[tuple[int, int]]:
        """As `numbers`, and the first of the classes of which each entry has a token, or one more than there are; for PostgreSQL."""
        return postgresql.classed(self.bulk, match, classes, most, self.statistics.that_matter(match))

    def among(self, match: Match, ids: Collection[int]) -> set[int]:
        """Which of these entries match."""
        found: set[int] = self.text.among(self.bulk, match, list(ids)) if ids else set()
        return found

    def any_of(self, tokens: Alternatives, ids: Collection[int]) -> set[int]:
        """Which of these entries have one of the tokens."""
        return self.among(Match((tokens,)), ids)

    def tokens_of(self, ids: Collection[int]) -> dict[int, set[str]]:
        """Every token of these entries that the asker's fields give."""
        if self.fields is not None:
            return {number: set(tokens_of(row).split()) for number, row in self.shown_rows(ids).items()}
        found: dict[int, set[str]] = self.text.tokens_of(self.bulk, list(ids)) if ids else {}
        return found

    @property
    def changes(self) -> tuple[str, tuple[Any, ...]]:
        """The condition under which the asker knows of a change `c`."""
        whose, mine = meant_for(self.partner)
        named, given = naming(self.bulk, self.rank, self.telling)
        return f"c.audience <= ? AND {whose}{named}", (self.rank, *mine, *given)
