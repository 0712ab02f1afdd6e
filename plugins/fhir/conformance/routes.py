"""Reading and searching our definitions. Those that are listed are the same for everybody; a scheme or a source is there for who sees what uses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import flask

import hub
from hub import FieldError, Invalid, NotFound
from plugins.fhir.conformance.catalogue import TYPES, catalogue, parameters
from plugins.fhir.conformance.in_use import occurs
from plugins.fhir.listing import add_search, searchset, understand
from plugins.fhir.preferring import FORM, refuse_unknown

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

    for type_name in TYPES:
        add_search(blueprint, type_name, lambda given, name=type_name: _tagged(answer(_search(name, given, base()))))  # type: ignore[misc]


def _tagged(response: flask.Response) -> flask.Response:
    response.add_etag(weak=True)
    if flask.request.method != "POST":
        response.make_conditional(flask.request)
    return response


def _search(type_name: str, given: Sequence[tuple[str, str]], base: str) -> Json:
    asked = understand(type_name, given, [name for name, _ in parameters(type_name)], MAX_COUNT)
    wanted: dict[str, list[tuple[str, ...]]] = {}
    for name, value in asked.wanted:
        wanted.setdefault(name, []).append(tuple(each for each in value.split(",") if each))
    if sum(map(len, (values for name in _NAMING for values in wanted.get(name, ())))) > MAX_COUNT:
        reason = f"at most {MAX_COUNT} addresses or ids can be asked for at once."
        raise Invalid(f"url: {reason}", (FieldError("url", reason),))
    directory = hub.directory()
    return searchset(asked, base, catalogue(directory.concepts()).find(type_name, wanted, partial(occurs, directory)))
