"""The full text on SQLite (FTS5).

FTS5 walks a list of row numbers in some 20 nanoseconds a step, but needs a long time to look at one row alone. So a match is
always a walk through its lists, also when only some rows are asked about. Beginnings of words are five times slower than words, but for those of two
and three letters, which have an index: hence `prepared`.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.search.match import Alternatives, Match, Token
from hub.store import index_tokens as tokens
from hub.store.bulk import Bulk
from hub.store.index_forms import read_tokens

LEAD = "fulltext f CROSS JOIN entry e ON e.id = f.rowid"
"""The full text leads, the entries follow: CROSS keeps the planner from turning it round."""
MATCHES = "f.fulltext MATCH ?"
NUMBER = "f.rowid"
COUNTED = "SELECT rowid FROM fulltext WHERE fulltext MATCH ?"
_INDEXED_LENGTHS = (3, 4)
"""Lengths of the beginnings of tokens that have an index (the prefix option in `hub.store.index_rows`)."""
_MOST_SPELLED = 8


def expression(match: Match) -> str:
    """The match in the language of FTS5."""
    unwanted = [_any(match.none)] if match.none else []
    if match.lacking:
        unwanted.append(f"({_every(match.lacking)})")
    return f"({_every(match.every)}) NOT ({' OR '.join(unwanted)})" if unwanted else _every(match.every)


def _every(every: Sequence[Alternatives]) -> str:
    return " AND ".join(f"({_any(alternatives)})" for alternatives in every)


def _any(alternatives: Alternatives) -> str:
    return " OR ".join(f'"{token.text}" *' if token.prefix else f'"{token.text}"' for token in alternatives)


def prepared(bulk: Bulk, match: Match, spelled: dict[Token, Alternatives]) -> Match:
    """The same match, with each beginning spelled out where only a few words begin so. `spelled` remembers how."""

    def each(alternatives: Alternatives) -> Alternatives:
        return tuple(one for token in alternatives for one in _spelled(bulk, token, spelled))

    return Match(tuple(map(each, match.every)), each(match.none), tuple(map(each, match.lacking)))


def _spelled(bulk: Bulk, token: Token, known: dict[Token, Alternatives]) -> Alternatives:
    if not token.prefix or len(token.text) in _INDEXED_LENGTHS:
        return (token,)
    if token not in known:
        whole = _beginning_so(bulk, token.text, _MOST_SPELLED + 1)
        few = 0 < len(whole) <= _MOST_SPELLED
        known[token] = tuple(map(Token, whole)) if few else (token,)
    return known[token]


def _beginning_so(bulk: Bulk, beginning: str, most: int) -> list[str]:
    """At most so many of the tokens that begin so; for words of names also such as nothing has any more."""
    head, end = beginning[:3], "\U0010ffff"
    if tokens.is_word_of_name(beginning) and tokens.SHORTENED not in beginning:
        # The full text would count in how many entries each of them is.
        text = tokens.unescape(beginning[3:])
        sql = "SELECT value FROM vocabulary WHERE type = ? AND key = ? AND value >= ? AND value < ? LIMIT ?"
        return [head + tokens.shortened(row[0]) for row in bulk.rows(sql, head[0], head[2], text, text + end, most)]
    sql = "SELECT term FROM fulltext_vocabulary WHERE term >= ? AND term < ? LIMIT ?"
    return [row[0] for row in bulk.rows(sql, beginning, beginning + end, most)]


def numbers(bulk: Bulk, match: Match, most: int) -> list[int]:
    """The entries that match, at most so many. The match must lead."""
    sql = "SELECT rowid FROM fulltext WHERE fulltext MATCH ? LIMIT ?"
    return [row[0] for row in bulk.rows(sql, expression(match), most)]


def numbers_behind(bulk: Bulk, match: Match, after: int | None, down: bool, most: int) -> list[int]:
    """The next entries that match, visible or not, in the order of their numbers, at most so many. The match must lead."""
    position = "" if after is None else f" AND rowid {'<' if down else '>'} ?"
    sql = f"SELECT rowid FROM fulltext WHERE fulltext MATCH ?{position} ORDER BY rowid {'DESC' if down else 'ASC'} LIMIT ?"  # noqa: S608
    given = () if after is None else (after,)
    return [row[0] for row in bulk.rows(sql, expression(match), *given, most)]


def among(bulk: Bulk, match: Match, ids: Sequence[int]) -> set[int]:
    """Which of these entries match."""
    if not match.every:
        unwanted = [Match((match.none,))] if match.none else []
        unwanted += [Match(match.lacking)] if match.lacking else []
        return set(ids).difference(*(among(bulk, each, ids) for each in unwanted))
    sql = "SELECT rowid FROM fulltext WHERE fulltext MATCH ? AND rowid BETWEEN ? AND ? AND +rowid IN (SELECT value FROM json_each(?))"
    return {row[0] for row in bulk.rows(sql, expression(match), min(ids), max(ids), bulk.many(ids))}


def tokens_of(bulk: Bulk, ids: Sequence[int]) -> dict[int, set[str]]:
    """Every token of these entries."""
    sql = f"SELECT entry_id, tokens FROM fulltext_tokens WHERE {bulk.listed('entry_id')}"  # noqa: S608
    return {row[0]: set(read_tokens(row[1]).split()) for row in bulk.rows(sql, bulk.many(ids))}
