"""About how many entries of a type there are of what, as far as that can be known without looking at them: for whoever chooses between two ways.

Only time may depend on it: PostgreSQL's statistics may be old or wrong. SQLite keeps none of this kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.model.fiche import EntityType
from hub.search import postgresql
from hub.search.match import Alternatives, Match
from hub.store.bulk import Bulk


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of one type; `told` remembers, for one search, what the database said."""

    bulk: Bulk
    type: EntityType
    told: dict[Any, int]

    @property
    def last(self) -> int:
        """The highest number of an entry, of whatever type."""
        if "last" not in self.told:
            self.told["last"] = self.bulk.rows("SELECT max(id) FROM entry")[0][0] or 0
        return self.told["last"]

    def expected(self, match: Match) -> int | None:
        """How many entries match; None where there are no statistics."""
        if not self.bulk.postgres:
            return None
        if match.lacking:
            at_all = Match(match.every)
            return max(0, (self.expected(at_all) or 0) - (self.expected(at_all & Match(match.lacking)) or 0))
        return int(self._meeting(match.every, self._sizes(match.every)))

    def expected_names(self, low: str, high: str) -> int:
        """How many entries have a name from `low` to `high`; for PostgreSQL."""
        asked = ("SELECT id FROM entry WHERE type = ? AND name >= ? AND name < ?", (self.type, low, high))
        return postgresql.expected(self.bulk, [asked])[0]

    def worth_reading(self, match: Match, hits: int, *, in_type: bool) -> int:
        """Up to how many numbers of a match to read as a whole, if that costs less than to look at one row after the other until there are so many hits; else 0.
        For PostgreSQL. `in_type`: at rows of the type alone (`Lens.met_along_numbers`)."""
        sizes = self._sizes(match.every)
        entries = sizes[-1] if in_type else self.last
        return postgresql.worth_reading(match, self._meeting(match.every, sizes), sizes[:-1], entries, hits)

    def that_matter(self, match: Match) -> Sequence[int]:
        """How many have one of each of `every`, and how many there are, if that matters: only with a beginning, or one of many words, is it of use to know."""
        broad = len(match.every) > 1 and any(len(part) > postgresql.SEVERAL or any(token.prefix for token in part) for part in match.every)
        return self._sizes(match.every) if broad else ()

    def _meeting(self, parts: Sequence[Alternatives], sizes: Sequence[int]) -> float:
        """How many have one of each of these, which have so many each, of so many that there are. Who has what all of them list has one of each: of two pieces
        of one word, the names with that word have both."""
        *sizes, everything = sizes
        listed = set.intersection(*map(set, parts)) if len(parts) > 1 else ()
        common = tuple(token for token in parts[0] if token in listed) if listed else ()
        together = self._sizes((common,))[0] if common else 0
        found = float(everything)
        for size in sizes:
            found *= min(1.0, max(0, size - together) / max(1, everything))
        return together + found

    def _sizes(self, parts: Sequence[Alternatives]) -> list[int]:
        """How many have one of each of these, and how many there are."""
        questions: dict[Any, tuple[str, tuple[Any, ...]]] = {part: postgresql.question(part) for part in parts if part not in self.told}
        if self.type not in self.told:
            questions[self.type] = "SELECT id FROM entry WHERE type = ?", (self.type,)
        if postgresql.RARE not in self.told and any(len(part) > postgresql.FEW for part in parts):
            questions[postgresql.RARE] = postgresql.question(postgresql.RARE)
        if questions:
            self.told.update(zip(questions, postgresql.expected(self.bulk, list(questions.values())), strict=True))
        sizes = [self.told[part] for part in (*parts, self.type)]
        return [
            postgresql.likelier(part, size, self.told[postgresql.RARE]) if len(part) > postgresql.FEW else size
            for part, size in zip(parts, sizes, strict=False)
        ] + sizes[-1:]
