"""Resources that a sender names by a search instead of an id: in a conditional create or update, and in the references of a transaction.

https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qsl

from werkzeug.exceptions import PreconditionFailed

from hub import Directory, FieldError, Invalid
from plugins.fhir.criteria import NOBODY
from plugins.fhir.feed.noting import Json
from plugins.fhir.params import RESOURCES
from plugins.fhir.periods import with_seqs
from plugins.fhir.preferring import PARTS
from plugins.fhir.search import IN_RESOURCE, in_your_words, parse
from plugins.fhir.smart import require, require_search

Given = list[tuple[str, str]]
Find = Callable[[str, str, str], str]
"""(type, query, path of the reference) -> the id of what is meant."""
_SEARCH: Final = re.compile(rf"({'|'.join(RESOURCES)})\?(.+)", re.DOTALL)


def condition(query: str, place: str) -> Given:
    """What a resource is found by: parameters of a search, apart from those that say how to answer (clients send them with every request). Raises `Invalid`."""
    given = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in PARTS]
    if not given:
        raise wrong(place, "parameters of a search are expected here that say which resource is meant, such as identifier=system|value.", query)
    for name, value in given:
        if name.startswith("_") and name.partition(":")[0] not in IN_RESOURCE:
            reason = f"{name[:80]} does not say which resource is meant; leave it out. Of the parameters with _ these do: {', '.join(IN_RESOURCE)}."
            raise wrong(place, reason, f"{name}={value}")
    return given


def met(type: str, given: Given, asked: Directory) -> list[str]:
    """The ids of the resources of a type that meet a condition, at most some of them. Raises `Invalid`, and `OutOfScope` when it looks into a type that the token does not cover."""
    search = parse(RESOURCES[type], given, strict=True)
    require_search(search)
    try:
        page = asked.search(with_seqs(search.query, asked.seq_at), sources=False)
    except Invalid as error:
        raise in_your_words(error, search.resource, given, asked) from error
    return [hit.entity.id for hit in page.hits]


def one_met(type: str, given: Given, asked: Directory, how: str = "") -> str | None:
    """The id of the one resource that meets the condition; None when there is none. Raises `Invalid`, `PreconditionFailed`."""
    ids = met(type, given, asked)
    if len(ids) > 1:
        raise PreconditionFailed(f"{len(ids)} resources or more meet this condition; say which one is meant{how}.")
    return ids[0] if ids else None


def resolved(resource: Json | None, path: str, find: Find) -> Json | None:
    """The resource at `path`, with an id wherever one of its references is a search. Raises what `find` raises."""
    return None if resource is None else _with_ids(resource, path, find)


def _with_ids(value: Any, path: str, find: Find) -> Any:
    if isinstance(value, list):
        return [_with_ids(each, f"{path}[{place}]", find) for place, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    found = _SEARCH.fullmatch(value["reference"]) if isinstance(value.get("reference"), str) else None
    if found is not None:
        value = value | {"reference": f"{found[1]}/{find(found[1], found[2], f'{path}.reference')}"}
    return {name: _with_ids(each, f"{path}.{name}", find) for name, each in value.items()}


def finder(asked: Directory, errors: list[FieldError]) -> Find:
    """Finds what references of a transaction mean among what is here before it; that there is none or that there are several is noted in `errors`."""
    known: dict[tuple[str, str], list[str]] = {}

    def find(type: str, query: str, path: str) -> str:
        if (type, query) not in known:
            require(type, "s")
            with _told_of(path):
                known[type, query] = met(type, condition(query, path), asked)
        ids = known[type, query]
        if not ids:
            errors.append(FieldError(path, f"no {type} here meets this condition; what is sent in the same transaction is named by its fullUrl."))
        elif len(ids) > 1:
            errors.append(FieldError(path, f"{len(ids)} resources or more meet this condition; say which one is meant: {type}/<id>."))
        return ids[0] if ids else NOBODY

    return find


def unlooked(type: str, query: str, path: str) -> str:
    """As `finder` finds, but nothing is looked up: of a dry run only whether it can be asked is told. Raises `Invalid`."""
    with _told_of(path):
        parse(RESOURCES[type], condition(query, path), strict=True)
    return NOBODY


@contextmanager
def _told_of(path: str) -> Iterator[None]:
    """What cannot be asked is told of the reference that asks it."""
    try:
        yield
    except Invalid as error:
        reason = "; ".join(f"{each.path}: {each.reason}" if each.path not in ("", path) else each.reason for each in error.errors) or error.message
        raise wrong(path, reason) from error


def wrong(place: str, reason: str, value: str = "") -> Invalid:
    """The error about what stands at this place."""
    return Invalid(f"{place}: {reason}", (FieldError(place, reason, value[:100] or None),))
