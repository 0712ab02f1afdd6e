"""The full text on PostgreSQL (tsvector under GIN).

Unlike FTS5, PostgreSQL reads a match from its index only as a whole, without order, but looks at one row alone in microseconds. And it
keeps statistics of the tokens, so that it can be asked beforehand which of the two costs less (`expected`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from hub.search.match import Alternatives, Match, Token
from hub.store.bulk import Bulk

LEAD = "fulltext f JOIN entry e ON e.id = f.entry_id"
MATCHES = "f.tokens @@ CAST(? AS tsquery)"
NUMBER = "f.entry_id"
_ASKED: Final = "(SELECT CAST(? AS tsquery))"
"""The tsquery as the planner does not see it. To look it up in the statistics of the tokens costs more than most statements, and is of use only where
the planner has a choice: in an order, whether to read the match or to walk along (`MATCHES`)."""
COUNTED = f"SELECT entry_id FROM fulltext WHERE tokens @@ {_ASKED}"  # noqa: S608
RARE: Final[Alternatives] = (Token("~"),)
"""What nothing has: a word as rare as any that is not among the frequent ones, of which alone the statistics know how frequent they are."""
_SPARE: Final = 1_000
"""So many more than the statistics say are read before they are called wrong."""
_RARER: Final = 10
"""So many times rarer most words are than the statistics take them for."""
FEW: Final = 3
"""Of more words than these for one demand what the statistics say of each adds up to a mistake that matters (`likelier`)."""
SEVERAL: Final = 8
"""More words than these for one demand are many."""
_READ_US: Final = 0.4
_LOOK_US: Final = 1.2
_WORD_US: Final = 0.05
"""Microseconds to read a number from the index; to look at the row that it leads to, and for a word in that."""
_LIST_US: Final = 60.0
_MERGE_US: Final = 0.8
_FETCH_US: Final = 4.5
"""The same to find the list of a word, to compare a number in it with those in others, and to get from the index to the row."""


def expression(match: Match) -> str:
    """The match as a tsquery."""
    parts = [f"({_any(alternatives)})" for alternatives in match.every]
    if match.none:
        parts.append(f"!({_any(match.none)})")
    if match.lacking:
        parts.append(f"!({expression(Match(match.lacking))})")
    return " & ".join(parts)


def _any(alternatives: Alternatives) -> str:
    return _halved([f"'{token.text}':*" if token.prefix else f"'{token.text}'" for token in alternatives])


def _halved(words: Sequence[str]) -> str:
    """One of these words. PostgreSQL descends to the first of a plain list by way of all others, for each row that has one of them."""
    if len(words) <= SEVERAL:
        return " | ".join(words)
    half = len(words) // 2
    return f"({_halved(words[:half])}) | ({_halved(words[half:])})"


def _apart(match: Match) -> list[str]:
    """The match as tsqueries that are all met. Two demands with many words each stand apart: a row that has a word of one alone is then not held against the
    words of the other."""
    long = [part for part in match.every if len(part) > SEVERAL]
    if len(long) < 2:
        return [expression(match)]
    short = tuple(part for part in match.every if len(part) <= SEVERAL)
    first = replace(match, every=short or (long.pop(0),))  # what must not be there can lead to nothing alone
    return [expression(first), *map(_any, long)]


def prepared(bulk: Bulk, match: Match, spelled: dict[Token, Alternatives]) -> Match:
    """The match as it is: beginnings cost no more than words here."""
    return match


def expected(bulk: Bulk, questions: Sequence[tuple[str, tuple[Any, ...]]]) -> list[int]:
    """About how many rows each of these statements gives, as the statistics say, which may be old or wrong: nothing but time may depend on it."""
    sql = "EXPLAIN (FORMAT JSON) " + " UNION ALL ".join(statement for statement, _ in questions)
    ((told,),) = bulk.rows(sql, *(each for _, given in questions for each in given))
    plan = told[0]["Plan"]
    return [int(part["Plan Rows"]) for part in (plan["Plans"] if len(questions) > 1 else [plan])]


def question(tokens: Alternatives) -> tuple[str, tuple[Any, ...]]:
    """The statement that gives the entries which have one of the tokens, for `expected`."""
    return "SELECT entry_id FROM fulltext WHERE tokens @@ CAST(? AS tsquery)", (_any(tokens),)


def likelier(tokens: Alternatives, told: int, rare: int) -> int:
    """About how many entries have one of many tokens, of which the statistics told so many, and so many of a `rare` one: each rare one adds to their mistake."""
    mistaken = min(told, rare * sum(not token.prefix for token in tokens))
    return told - mistaken + mistaken // _RARER


def worth_reading(match: Match, found: float, sizes: Sequence[int], entries: int, hits: int) -> int:
    """See `Statistics.worth_reading`. About so many are `found`, of so many that have one of each of `every` (`sizes`); `entries` are all that may be looked at."""
    words = sum(map(len, match.every + match.lacking)) + len(match.none)
    along = hits * entries / max(1.0, found) * (_LOOK_US + words * _WORD_US)
    as_a_whole = words * _LIST_US + sum(sizes) * _MERGE_US + found * _FETCH_US
    return 4 * int(found) + _SPARE if as_a_whole < along else 0


def numbers(bulk: Bulk, match: Match, most: int, sizes: Sequence[int] = ()) -> list[int]:
    """The entries that match, at most so many. The match must lead. `sizes`: about how many have one of each of `every`, and how many there are."""
    reading, given = _reading(match, sizes)
    return [row[0] for row in bulk.rows(f"SELECT entry_id FROM {reading} LIMIT ?", *given, most)]  # noqa: S608


def numbers_between(bulk: Bulk, match: Match, low: int, high: int, sizes: Sequence[int] = ()) -> list[int]:
    """The entries that match with a number above `low` and up to `high`, in their order; `sizes` as for `numbers`."""
    lead, rest = _parted(match, sizes) if sizes else (match, Match())
    inner = f"SELECT f.entry_id, f.tokens FROM fulltext f WHERE {MATCHES} AND f.entry_id > ? AND f.entry_id <= ? OFFSET 0"  # noqa: S608
    kept = f" WHERE f.tokens @@ {_ASKED}" if rest else ""
    sql = f"SELECT f.entry_id FROM ({inner}) f{kept} ORDER BY f.entry_id"  # noqa: S608
    given = (expression(rest),) if rest else ()
    return [row[0] for row in bulk.rows(sql, expression(lead), low, high, *given)]


def classed(bulk: Bulk, match: Match, classes: Sequence[Alternatives], most: int, sizes: Sequence[int] = ()) -> list[tuple[int, int]]:
    """The entries that match as `numbers` gives them, and of which class each is: the first of which it has a token, or one more than there are."""
    reading, given = _reading(match, sizes)
    cases = "".join(f" WHEN tokens @@ {_ASKED} THEN {number}" for number in range(len(classes)))
    which = f"CASE{cases} ELSE {len(classes)} END" if classes else "0"
    sql = f"SELECT entry_id, {which} FROM {reading} LIMIT ?"  # noqa: S608
    found = bulk.rows(sql, *map(_any, classes), *given, most)
    return [(row[0], row[1]) for row in found]


def _reading(match: Match, sizes: Sequence[int]) -> tuple[str, list[str]]:
    """What gives the rows that match, and its parameters."""
    lead, rest = _parted(match, sizes) if sizes else (match, Match())
    queries = _apart(lead)
    asked = " AND ".join([f"tokens @@ {_ASKED}"] * len(queries))
    if not rest:
        return f"fulltext WHERE {asked}", queries
    inner = f"SELECT entry_id, tokens FROM fulltext WHERE {asked} OFFSET 0"  # noqa: S608
    return f"({inner}) f WHERE tokens @@ {_ASKED}", [*queries, expression(rest)]


def _parted(match: Match, sizes: Sequence[int]) -> tuple[Match, Match]:
    """What to read from the index, and what to look for in the rows that this leads to.

    Of a beginning the index reads every word that begins so, to the end, however few of the others there are.
    """
    (first, *others), everything = (
        sorted(zip(match.every, sizes, strict=False), key=lambda part: part[1]),
        sizes[-1],
    )
    lead, rest, left = [first[0]], [], float(first[1])
    for tokens, size in others:
        share = min(1.0, size / max(1, everything))
        reading = (size if any(token.prefix for token in tokens) else min(size, left)) * _READ_US
        if reading < left * (1 - share) * (_LOOK_US + len(tokens) * _WORD_US):
            lead.append(tokens)
            left *= share
        else:
            rest.append(tokens)
    return replace(match, every=tuple(lead)), Match(tuple(rest))


def among(bulk: Bulk, match: Match, ids: Sequence[int]) -> set[int]:
    """Which of these entries match."""
    # The sub-select keeps the planner from reading the whole match from the index.
    sql = (
        "SELECT entry_id FROM (SELECT entry_id, tokens FROM fulltext WHERE entry_id = ANY(?::bigint[]) OFFSET 0) f"  # noqa: S608
        f" WHERE tokens @@ {_ASKED}"
    )
    return {row[0] for row in bulk.rows(sql, bulk.many(ids), expression(match))}


def tokens_of(bulk: Bulk, ids: Sequence[int]) -> dict[int, set[str]]:
    """Every token of these entries."""
    sql = "SELECT entry_id, tsvector_to_array(tokens) FROM fulltext WHERE entry_id = ANY(?::bigint[])"
    return {row[0]: set(row[1]) for row in bulk.rows(sql, bulk.many(ids))}


MET: Final = (
    " CROSS JOIN LATERAL (SELECT 1 FROM (SELECT tokens FROM fulltext WHERE entry_id = n.id OFFSET 0) t"  # noqa: S608
    f" WHERE t.tokens @@ {_ASKED} OFFSET 0) f"
)
"""Of rows `n` those that match, looked at one by one as they come."""
