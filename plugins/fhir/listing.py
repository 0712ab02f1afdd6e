"""Searches among few resources, which are all at hand: our definitions, subscriptions, provenance. What they take beside their own parameters is the same for all.

A page begins behind an id, so the resources are in the order of their ids. https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import flask
from werkzeug.exceptions import UnsupportedMediaType

from plugins.fhir import outcome
from plugins.fhir.preferring import FORM, ONCE, is_strict
from plugins.fhir.refusing import invalid
from plugins.fhir.subsetting import SUMMARIES

Json = dict[str, Any]
TAKES: Final = ("_count", "_summary", "_total")
"""What each takes beside its own parameters; and the form of the answer, and a cursor."""
_ONCE: Final = (*TAKES, *FORM, "_cursor")
_FORM: Final = "application/x-www-form-urlencoded"
_TOTALS: Final = ("none", "estimate", "accurate")
_WHOLE: Final = "these resources are shown whole, or with _summary=count only counted."
_NOT_TAKEN: Final = {
    "_elements": _WHOLE,
    "_sort": "these resources come in the order of their ids.",
    "_include": "nothing comes along with these resources.",
    "_revinclude": "nothing comes along with these resources.",
}
"""Parameters that are known elsewhere, and why not here."""


@dataclass(slots=True)
class Listed:
    """A search among few as it was understood: `wanted` are the parameters of the type itself, `after` is the id behind which the page begins."""

    type: str
    count: int
    wanted: list[tuple[str, str]] = field(default_factory=list)
    after: str = ""
    understood: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[Json] = field(default_factory=list)


def given_here() -> list[tuple[str, str]]:
    """The parameters of the current request, in its address and its body. Raises `UnsupportedMediaType` for a body that is no form."""
    request = flask.request
    if request.method == "POST" and request.mimetype != _FORM and request.content_length:
        raise UnsupportedMediaType
    return [*request.args.items(multi=True), *(request.form.items(multi=True) if request.method == "POST" else ())]


def understand(type: str, given: Iterable[tuple[str, str]], takes: Collection[str], most: int) -> Listed:
    """The parameters of a search for `type`, which itself takes these names; a page has `most` resources. Raises `Invalid`, also for what is not known if the request wants that."""
    asked = Listed(type, most)
    seen: set[str] = set()
    for name, value in given:
        bare, _, modifier = name.partition(":")
        again = name in seen
        seen.add(name)
        if again and name in _ONCE:
            left_out(asked.warnings, name, ONCE, value)
            continue
        if name in FORM:
            continue
        if name in takes:
            asked.wanted.append((name, value))
        elif modifier and bare in (*takes, *TAKES, *_NOT_TAKEN):
            raise invalid(name, f"this modifier is not supported; {bare} takes none here.", value)
        elif name == "_count":
            asked.count, told = page_size(value, most)
            asked.warnings += told
            value = str(asked.count)
        elif name == "_cursor":
            asked.after = _unsealed(type, value)
        elif name == "_total" or (name == "_summary" and value in ("count", "false")):
            if name == "_total" and value not in _TOTALS:
                raise invalid(name, f"{', '.join(_TOTALS[:-1])} or {_TOTALS[-1]} is expected.", value)
            asked.count = 0 if value == "count" else asked.count
        elif name == "_summary":
            if value not in SUMMARIES:
                raise invalid(name, f"{', '.join(SUMMARIES[:-1])} or false is expected.", value)
            left_out(asked.warnings, name, _WHOLE, value)
            continue
        else:
            left_out(asked.warnings, name, _NOT_TAKEN.get(name, f"{type} has no such parameter; there are {', '.join((*takes, *TAKES))}."), value)
            continue
        asked.understood.append((name, value))
    return asked


def page_size(value: str, most: int) -> tuple[int, list[Json]]:
    """The size of a page that `_count` asks for, and what is told of it when it is more than a page can have. Raises `Invalid`."""
    if not value.isascii() or not value.isdigit():
        raise invalid("_count", "a whole number from 0 is expected.", value)
    if int(value[:9]) <= most:
        return int(value[:9]), []
    told = f"A page holds at most {most} resources, not {value[:20]}; follow the next link."
    return most, [outcome.issue("information", "too-costly", told, "_count")]


def searchset(asked: Listed, base: str, found: Iterable[Json]) -> Json:
    """The Bundle of a page of what was found, with how many there are in all."""
    every = sorted(found, key=lambda each: str(each["id"]))
    page = [each for each in every if each["id"] > asked.after][: asked.count]
    links = [{"relation": "self", "url": _address(asked.type, base, asked.understood)}]
    if page and page[-1]["id"] != every[-1]["id"]:
        rest = [each for each in asked.understood if each[0] != "_cursor"]
        links.append({"relation": "next", "url": _address(asked.type, base, [*rest, ("_cursor", _sealed(asked.type, page[-1]["id"]))])})
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(every), "link": links}
    entries: list[Json] = [{"fullUrl": f"{base}/{asked.type}/{each['id']}", "resource": each, "search": {"mode": "match"}} for each in page]
    if asked.warnings:
        entries.append(outcome.entry(asked.warnings))
    return bundle | {"entry": entries} if entries else bundle


def add_search(blueprint: flask.Blueprint, type: str, search: Callable[[Sequence[tuple[str, str]]], flask.Response]) -> None:
    """GET on `/<type>`, and GET and POST on `/<type>/_search`, which all search alike."""

    def by_parameters() -> flask.Response:
        return search(given_here())

    blueprint.add_url_rule(f"/{type}", f"search_{type}", by_parameters, methods=["GET"])
    blueprint.add_url_rule(f"/{type}/_search", f"search_{type}_too", by_parameters, methods=["GET", "POST"])


def left_out(warnings: list[Json], name: str, reason: str, value: str) -> None:
    """Warn that a parameter was not understood. Raises `Invalid` for who is strict."""
    if is_strict():
        raise invalid(name, reason, value)
    told = f"{name[:80]}: {reason} It was left out; the self link says what was searched."
    warnings.append(outcome.issue("warning", "not-supported", told, name[:80]))


def _sealed(type: str, id: str) -> str:
    return hashlib.blake2b(f"{type}/{id}".encode(), digest_size=4, person=b"fhir-listing").hexdigest() + id


def _unsealed(type: str, cursor: str) -> str:
    if cursor != _sealed(type, cursor[8:]):
        raise invalid("_cursor", f"this is not a cursor of a search for {type}; follow the next link as it stands.", cursor)
    return cursor[8:]


def _address(type: str, base: str, given: Sequence[tuple[str, str]]) -> str:
    return f"{base}/{type}" + (f"?{urlencode(given, quote_via=quote)}" if given else "")
