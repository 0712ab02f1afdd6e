"""Why a hit is there, for the hits of one page: its tier, its distance, the words and the code that it was found by."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from hub.model.query import Query, Reason
from hub.search import points
from hub.search.lens import Lens, Row
from hub.search.match import facets, has_one
from hub.search.plan import saying
from hub.search.words_told import heads


class _Hit(Protocol):
    @property
    def row(self) -> Row: ...
    @property
    def lens(self) -> Lens: ...
    @property
    def tier(self) -> str | None: ...
    @property
    def km(self) -> float | None: ...


def reasons_for(query: Query, page: Sequence[_Hit], place: tuple[float, float] | None) -> list[tuple[tuple[Reason, ...], float | None]]:
    """For each hit its reasons and, when the query has a place, its distance in kilometres.

    `("tier", "local"|"serves"|"near"|"rest")`, `("distance", "3.4")`, `("name", word)` for a word that the name has, `("text", word)` for one that
    stands elsewhere, and besides `("described", word)` where that is a description only, `("code", "rubriek|14.04.01")` for the code asked for that it (or a
    narrower one of its own) answers.
    """
    far = _distances(page, place)
    codes = _codes(query, page)
    described = _described(query, page)
    return [
        (_reasons(query, hit, far.get(hit.row.id), codes.get(hit.row.id, ()), described.get(hit.row.id, ())), far.get(hit.row.id)) for hit in page
    ]


def _reasons(query: Query, hit: _Hit, km: float | None, codes: Sequence[str], described: Collection[str]) -> tuple[Reason, ...]:
    found: list[Reason] = []
    if hit.tier is not None:
        found.append(("tier", hit.tier))
    if km is not None:
        found.append(("distance", f"{km:.1f}"))
    parts = hit.row.name.split()
    for word in query.text.split():
        in_name = any(part.startswith(word) if len(word) > 1 else part == word for part in parts)
        found.append(("name" if in_name else "text", word))
        if word in described:
            found.append(("described", word))
    found += [("code", code) for code in codes]
    return tuple(found)


def _distances(page: Sequence[_Hit], place: tuple[float, float] | None) -> dict[int, float]:
    if place is None:
        return {}
    far = {hit.row.id: hit.km for hit in page if hit.km is not None}
    unknown = [hit for hit in page if hit.km is None]
    if unknown:
        far.update(points.distances(unknown[0].lens, *place, [hit.row for hit in unknown]))
    return far


def _described(query: Query, page: Sequence[_Hit]) -> dict[int, list[str]]:
    """Entry -> the words of the text that only a description of it says. Most have none, which one look tells."""
    found: dict[int, list[str]] = {}
    for lens in {hit.lens.type: hit.lens for hit in page}.values() if query.text else ():
        ids = {hit.row.id for hit in page if hit.lens.type == lens.type}
        left = ids - saying(lens, ids, query.text)
        for word in query.text.split() if left else ():
            for number in left - saying(lens, left, word):
                found.setdefault(number, []).append(word)
    return found


def _codes(query: Query, page: Sequence[_Hit]) -> dict[int, list[str]]:
    """Entry -> the codes asked for that it answers. Where only one was asked for, every hit answers that one."""
    found: dict[int, list[str]] = {hit.row.id: [] for hit in page}
    for criterion in query.where:
        if criterion.key != "code" or criterion.op != "eq" or criterion.negate:
            continue
        if len(criterion.values) == 1:
            for codes in found.values():
                codes.append(criterion.values[0])
            continue
        for lens in {hit.lens.type: hit.lens for hit in page}.values():
            rows = [hit.row.id for hit in page if hit.lens.type == lens.type]
            for number, tokens in lens.tokens_of(rows).items():
                for value in criterion.values:
                    asked = (value,) if not value.startswith("|") else tuple(h + value for h in heads(lens, "code"))
                    if has_one(facets(lens.type, lens.rank, "code", asked), tokens):
                        found[number].append(value)
    return found
