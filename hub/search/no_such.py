"""Whether a value that is searched for exists at all: a code or a place that nobody knows finds nothing, which an asker should not take for an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from babel import Locale

from hub.errors import FieldError
from hub.model.concepts import RUBRIEK
from hub.model.folding import fold
from hub.model.query import Query
from hub.places import Places, UnknownPlace
from hub.store.concepts import ConceptBook

Heard = Callable[[str, str], bool]
"""Whether the asker may see something that has this value of a key: a `source` that says it, or a `code` of a scheme (`scheme|`)."""


def no_such(key: str, value: str, places: Places, book: ConceptBook, heard: Heard | None = None) -> str:
    """Why nothing can ever be found under this value of a key of a query; empty when something could be, as for keys without a list of their values.

    Of codes only those of rubrieken are judged: their concepts come with the fiches that have them. Where none has come yet they are no reason, nor is a
    former municipality. Of other codes the scheme is judged, and that only where `heard` is given, as sources are; of languages those of two letters, because
    the longer ones are too many to know; of postcodes how those of four digits begin, because an address may lie abroad.
    """
    if key == "serves":
        key, _, value = value.partition("|")
    if key in ("code", "type"):
        scheme, bar, code = value.partition("|")
        if scheme == RUBRIEK and code and book.get(scheme, code) is None and book.concepts(scheme):
            return f"There is no rubriek {code[:40]!r} known here."
        if scheme and bar and heard is not None and scheme not in {one.code for one in book.schemes()} and not heard(key, f"{scheme}|"):
            return f"No scheme of codes {scheme[:40]!r} is known here."
    elif key == "postcode" and value.startswith("0") and len(value) <= 4:
        return "A Belgian postcode has four digits, of which the first is not 0."
    elif key == "province" and fold(value) not in _provinces(places):
        return f"There is no province {value[:40]!r}; give its Dutch name."
    elif key == "language" and not _is_language(value.lower()):
        return f"There is no language {value[:40]!r}; give two or three letters of ISO 639, e.g. nl."
    elif key == "source" and heard is not None and not heard(key, value):
        return f"No source {value[:40]!r} is known here."
    elif key == "municipality":
        return _unknown(places.municipality, value)
    elif key == "zone":
        if next(iter(places.zones), None) is None:
            return "No primary-care zones are known here; an administrator puts them into zones.csv."
        return _unknown(places.zones.zone, value)
    return ""


def unfindable(query: Query, places: Places, book: ConceptBook, path: str = "", *, heard: Heard | None = None) -> Iterator[FieldError]:
    """Each value of `query`, and of those nested in it, under which nothing can ever be found: `where.0.values` with the reason."""
    for place, criterion in enumerate(query.where):
        for value in criterion.values if criterion.op == "eq" else ():
            reason = no_such(criterion.key, value, places, book, heard)
            if reason:
                yield FieldError(f"{path}where.{place}.values", reason, value[:60])
    for place, linked in enumerate(query.linked):
        yield from unfindable(linked.query, places, book, f"{path}linked.{place}.query.", heard=heard)


def _unknown(look: Callable[[str], object], value: str) -> str:
    try:
        look(value)
    except UnknownPlace as error:
        return error.reason
    return ""


def _is_language(code: str) -> bool:
    return code.isascii() and code.isalpha() and (len(code) == 3 or code in _languages())


@lru_cache(1)
def _languages() -> frozenset[str]:
    return frozenset(code for code in map(str, Locale("en").languages) if len(code) == 2)


@lru_cache(2)
def _provinces(places: Places) -> frozenset[str]:
    return frozenset(fold(one.province) for one in places if one.province)
