"""The index of names, which has their order and tells all their words; what it gives is visible or not, unless it says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.search.lens import Lens, Row
from hub.search.match import Match


@dataclass(frozen=True, slots=True)
class NamesBetween:
    """The names of one type from `low` to `high`, and in which direction to go along them.

    `after`: the name and the number of the entry behind which to go on; None begins at the beginning. `looked`: a look at so many names ends it; None does not.
    """

    lens: Lens
    low: str
    high: str
    descending: bool = False

    def any(self) -> bool:
        """Whether there is any."""
        sql = "SELECT 1 FROM entry WHERE type = ? AND name >= ? AND name < ? LIMIT 1"
        return bool(self.lens.bulk.rows(sql, self.lens.type, self.low, self.high))

    def names(self, after: tuple[Any, ...] | None, most: int) -> list[tuple[str, int]]:
        """The next names with their entries, at most so many."""
        sql, given = self._along(after, most)
        return [(row[0], row[1]) for row in self.lens.bulk.rows(sql, *given)]

    def reach(self, after: tuple[Any, ...] | None, most: int) -> bool:
        """Whether `names` would give so many."""
        names, given = self._along(after, most)
        ((there,),) = self.lens.bulk.rows(f"SELECT count(*) FROM ({names}) n", *given)  # noqa: S608
        return bool(there == most)

    def saying(self, word: str, after: tuple[Any, ...] | None, most: int, looked: int | None) -> list[tuple[str, int]]:
        """As `names`, those in which a word behind the first begins so."""
        names, given = self._along(after, looked)
        holds = "strpos" if self.lens.bulk.postgres else "instr"
        sql = f"SELECT name, id FROM ({names}) n WHERE {holds}(name, ?) > 0 LIMIT ?"  # noqa: S608
        return [(row[0], row[1]) for row in self.lens.bulk.rows(sql, *given, " " + word, most)]

    def met(self, match: Match, after: tuple[Any, ...] | None, most: int, looked: int | None = None, umbrella: int | None = None) -> list[Row]:
        """The next visible entries that match, at most so many. For PostgreSQL, which looks at one row alone in microseconds."""
        order = "DESC" if self.descending else "ASC"
        # The index of names leads, and alone; rows are looked at in the full text, and only what matches is fetched.
        names, given = self._along(after, looked)
        return self.lens.met(names, given, match, f"{self.lens.only(umbrella)} ORDER BY n.name {order}, n.id {order}", most)

    def beginnings(self, letters: int) -> list[str]:
        """The first letters of the names, each once, met by leaps along the index. For PostgreSQL."""
        first = "SELECT left(name, ?) FROM entry WHERE type = ? AND name >= ? AND name < ? ORDER BY name LIMIT 1"
        leap = "SELECT left(name, ?) FROM entry WHERE type = ? AND name >= c.cell || ? AND name < ? ORDER BY name LIMIT 1"
        sql = (
            f"WITH RECURSIVE c(cell) AS (({first}) UNION ALL SELECT ({leap}) FROM c WHERE c.cell IS NOT NULL)"  # noqa: S608
            " SELECT cell FROM c WHERE cell IS NOT NULL"
        )
        given = letters, self.lens.type, self.low, self.high, letters, self.lens.type, "\U0010ffff", self.high
        return [row[0] for row in self.lens.bulk.rows(sql, *given)]

    def _along(self, after: tuple[Any, ...] | None, most: int | None) -> tuple[str, tuple[Any, ...]]:
        """The statement that goes along the index, and its parameters."""
        beyond, order = ("<", "DESC") if self.descending else (">", "ASC")
        position, given = ("", ()) if after is None else (f" AND (name, id) {beyond} (?, ?)", after)
        limit, limited = ("", ()) if most is None else (" LIMIT ?", (most,))
        sql = (
            f"SELECT name, id FROM entry WHERE type = ? AND name >= ? AND name < ?{position}"  # noqa: S608
            f" ORDER BY name {order}, id {order}{limit}"
        )
        return sql, (self.lens.type, self.low, self.high, *given, *limited)
