"""Reading and searching our definitions. Those that are listed are the same for everybody; a scheme or a source is there for who sees what uses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

import flask

import hub
from hub import FieldError, Invalid, NotFound
from plugins.fhir import outcome
from plugins.fhir.conformance.catalogue import TYPES, catalogue, parameters
from plugins.fhir.conformance.in_use import occurs
from plugins.fhir.preferring import FORM, is_strict, refuse_unknown

Json = dict[str, Any]
Answer = Callable[[Json], flask.Response]
MAX_COUNT: Final = 200
_NAMING: Final = ("url", "value", "_id")


def add_routes(blueprint: flask.Blueprint, answer: Answer, base: Callable[[], str]) -> None:
    """`/<Type>/<id>`, `/<Type>` and `/<Type>/_search` for the types of our definitions."""

    @blueprint.get("/<any({}):type>/<id>".format(",".join(TYPES)))
    def read_definition(type: str, id: str) -> flask.Response:
        refuse_unknown(FORM)
        asked = hub.directory()
        found = catalogue(asked.concepts()).get(type, id, partial(occurs, asked))
        if found is None:
            raise NotFound(f"There is no {type} with id {id[:80]}. GET {type} lists them all.")
        return _tagged(answer(found))

    @blueprint.get("/<any({}):type>".format(",".join(TYPES)))
    def find_definitions(type: str) -> flask.Response:
        return _tagged(answer(_search(type, list(flask.request.args.items(multi=True)), base())))

    @blueprint.post("/<any({}):type>/_search".format(",".join(TYPES)))
    def find_definitions_by_post(type: str) -> flask.Response:
        given = [*flask.request.args.items(multi=True), *flask.request.form.items(multi=True)]
        return answer(_search(type, given, base()))


def _tagged(response: flask.Response) -> flask.Response:
    response.add_etag(weak=True)
    response.make_conditional(flask.request)
    return response


def _search(type_name: str, given: Sequence[tuple[str, str]], base: str) -> Json:
    strict = is_strict()
    known = dict(parameters(type_name))
    wanted: dict[str, list[tuple[str, ...]]] = {}
    understood: list[tuple[str, str]] = []
    warnings: list[Json] = []
    count, after, only_count = MAX_COUNT, "", False
    for name, value in given:
        if name in FORM:
            continue
        if name == "_count" and any(known == name for known, _ in understood):
            what = "this can be given once only."
            if strict:
                raise _invalid(name, what, value)
            warnings.append(outcome.issue("warning", "not-supported", f"{name}: {what} It was left out.", name))
            continue
        if name == "_count":
            count = _count(value)
            value = str(count)
        elif name == "_cursor":
            after = value
        elif name == "_summary" and value in ("count", "false"):
            only_count = value == "count"
        elif name in known:
            wanted.setdefault(name, []).append(tuple(each for each in value.split(",") if each))
        elif name.partition(":")[0] in known:
            bare = name.partition(":")[0]
            raise _invalid(name, f"this modifier is not supported; {bare} takes none here.", value)
        else:
            there = ", ".join((*known, "_count", "_summary"))
            if strict:
                raise _invalid(name, f"{type_name} has no such parameter; there are {there}.", value)
            what = f"{name[:80]}: {type_name} has no such parameter, so it was left out; there are {there}."
            warnings.append(outcome.issue("warning", "not-supported", what, name[:80]))
            continue
        understood.append((name, value))
    if sum(map(len, (values for name in _NAMING for values in wanted.get(name, ())))) > MAX_COUNT:
        raise _invalid("url", f"at most {MAX_COUNT} addresses or ids can be asked for at once.", "")
    asked = hub.directory()
    found = catalogue(asked.concepts()).find(type_name, wanted, partial(occurs, asked))
    page = [] if only_count or not count else [each for each in found if each["id"] > after][:count]
    return _bundle(type_name, base, understood, found, page, warnings)


def _bundle(
    type_name: str,
    base: str,
    understood: list[tuple[str, str]],
    found: Sequence[Json],
    page: Sequence[Json],
    warnings: list[Json],
) -> Json:
    links = [{"relation": "self", "url": _address(type_name, base, understood)}]
    if page and page[-1]["id"] != found[-1]["id"]:
        rest = [each for each in understood if each[0] != "_cursor"]
        links.append(
            {"relation": "next", "url": _address(type_name, base, [*rest, ("_cursor", page[-1]["id"])])}
        )
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links}
    entries: list[Mapping[str, Any]] = [
        {"fullUrl": f"{base}/{type_name}/{each['id']}", "resource": each, "search": {"mode": "match"}}
        for each in page
    ]
    if warnings:
        entries.append(outcome.entry(warnings))
    if entries:
        bundle["entry"] = entries
    return bundle


def _address(type_name: str, base: str, given: Sequence[tuple[str, str]]) -> str:
    return f"{base}/{type_name}" + (f"?{urlencode(given, quote_via=quote)}" if given else "")


def _count(value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise _invalid("_count", f"give a whole number from 0 to {MAX_COUNT}.", value)
    return min(int(value[:9]), MAX_COUNT)


def _invalid(parameter: str, reason: str, value: str) -> Invalid:
    return Invalid(f"{parameter[:80]}: {reason}", (FieldError(parameter[:80], reason, value),))
