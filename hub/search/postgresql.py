"""The full text on PostgreSQL (tsvector under GIN).

Unlike FTS5, PostgreSQL reads a match from its index only as a whole, without order, but looks at one row alone in microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.search.match import Alternatives, Match
from hub.store.bulk import Bulk

LEAD = "fulltext f JOIN entry e ON e.id = f.entry_id"
MATCHES = "f.tokens @@ CAST(? AS tsquery)"
NUMBER = "f.entry_id"
COUNTED = "SELECT entry_id FROM fulltext WHERE tokens @@ CAST(? AS tsquery)"


def expression(match: Match) -> str:
    """The match as a tsquery."""
    parts = [f"({_any(alternatives)})" for alternatives in match.every]
    if match.none:
        parts.append(f"!({_any(match.none)})")
    return " & ".join(parts)


def _any(alternatives: Alternatives) -> str:
    return " | ".join(f"'{token.text}':*" if token.prefix else f"'{token.text}'" for token in alternatives)


def prepared(bulk: Bulk, match: Match) -> Match:
    """The match as it is: beginnings cost no more than words here."""
    return match


def numbers(bulk: Bulk, match: Match, most: int) -> list[int]:
    """The entries that match, at most so many. The match must lead."""
    sql = "SELECT entry_id FROM fulltext WHERE tokens @@ CAST(? AS tsquery) LIMIT ?"
    return [row[0] for row in bulk.rows(sql, expression(match), most)]


def among(bulk: Bulk, match: Match, ids: Sequence[int]) -> set[int]:
    """Which of these entries match."""
    # The sub-select keeps the planner from reading the whole match from the index.
    sql = (
        "SELECT entry_id FROM (SELECT entry_id, tokens FROM fulltext WHERE entry_id = ANY(?::bigint[]) OFFSET 0) f"
        " WHERE tokens @@ CAST(? AS tsquery)"
    )
    return {row[0] for row in bulk.rows(sql, list(ids), expression(match))}


def tokens_of(bulk: Bulk, ids: Sequence[int]) -> dict[int, set[str]]:
    """Every token of these entries."""
    sql = "SELECT entry_id, tsvector_to_array(tokens) FROM fulltext WHERE entry_id = ANY(?::bigint[])"
    return {row[0]: set(row[1]) for row in bulk.rows(sql, list(ids))}
