"""The full text on SQLite (FTS5).

FTS5 walks a list of row numbers in some 20 nanoseconds a step, but needs a long time to look at one row alone. So a match is
always a walk through its lists, also when only some rows are asked about.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.search.match import Alternatives, Match
from hub.store.bulk import Bulk

LEAD = "fulltext f CROSS JOIN entry e ON e.id = f.rowid"
"""The full text leads, the entries follow: CROSS keeps the planner from turning it round."""
MATCHES = "f.fulltext MATCH ?"
NUMBER = "f.rowid"


def expression(match: Match) -> str:
    """The match in the language of FTS5."""
    wanted = " AND ".join(f"({_any(alternatives)})" for alternatives in match.every)
    return f"({wanted}) NOT ({_any(match.none)})" if match.none else wanted


def _any(alternatives: Alternatives) -> str:
    return " OR ".join(f'"{token.text}" *' if token.prefix else f'"{token.text}"' for token in alternatives)


def numbers(bulk: Bulk, match: Match, most: int) -> list[int]:
    """The entries that match, at most so many. The match must lead."""
    sql = "SELECT rowid FROM fulltext WHERE fulltext MATCH ? LIMIT ?"
    return [row[0] for row in bulk.rows(sql, expression(match), most)]


def among(bulk: Bulk, match: Match, ids: Sequence[int]) -> set[int]:
    """Which of these entries match."""
    if not match.every:
        return set(ids) - among(bulk, Match((match.none,)), ids)
    sql = (
        "SELECT rowid FROM fulltext WHERE fulltext MATCH ? AND rowid BETWEEN ? AND ?"
        " AND +rowid IN (SELECT value FROM json_each(?))"
    )
    return {row[0] for row in bulk.rows(sql, expression(match), min(ids), max(ids), bulk.many(ids))}


def tokens_of(bulk: Bulk, ids: Sequence[int]) -> dict[int, set[str]]:
    """Every token of these entries."""
    sql = f"SELECT entry_id, tokens FROM fulltext_tokens WHERE {bulk.listed('entry_id')}"  # noqa: S608
    return {row[0]: set(row[1].split()) for row in bulk.rows(sql, bulk.many(ids))}
