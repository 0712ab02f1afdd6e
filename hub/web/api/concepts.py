"""`/concepts`: the schemes of codes that fiches use, and their labels."""

from __future__ import annotations

from typing import Any, Final

import flask
import marshmallow as ma
from marshmallow import fields, validate

from hub.errors import NotFound
from hub.model.concepts import Concept
from hub.store.concepts import ConceptBook, Mapped
from hub.web.api.operations import json, make_blueprint, operation, page_address
from hub.web.api.shapes.concepts import ConceptCollection, OneConcept, SchemeCollection
from hub.web.asking import directory

blueprint: Final = make_blueprint("concepts", "Codes and their labels: rubrieken, professions, target groups ...")
_SCHEME: Final = {"scheme": "Name of the scheme, as in the codes of a fiche."}


class Searched(ma.Schema):
    """Parameters of a scheme's concepts."""

    text = fields.String(
        validate=validate.Length(1, 100),
        metadata={"description": "Every word must begin a word of a label, a synonym or the code."},
    )
    after = fields.String(
        validate=validate.Length(1, 200),
        metadata={"description": "Code of the last concept of the page before."},
    )
    pageSize = fields.Integer(
        validate=validate.Range(1, 1000),
        load_default=100,
        metadata={"description": "Concepts on a page."},
    )


@operation(blueprint, "listConceptSchemes", "/concepts", SchemeCollection)
def schemes(given: dict[str, Any]) -> flask.Response:
    """The concept schemes"""
    book = directory().concepts()
    items = [
        {
            "href": flask.url_for("concepts.scheme", scheme=each.code),
            "code": each.code,
            "title": each.title,
            "source": each.source,
            "total": len(book.concepts(each.code)),
        }
        for each in book.schemes()
    ]
    return json({"items": items, "self": page_address("concepts.schemes"), "total": len(items)})


@operation(blueprint, "listConcepts", "/concepts/<scheme>", ConceptCollection, parameters=Searched, path=_SCHEME)
def scheme(given: dict[str, Any], scheme: str) -> flask.Response:
    """The concepts of a scheme

    By code; with `text` those that fit it, best first, on one page.
    """
    book = directory().concepts()
    if scheme not in {each.code for each in book.schemes()}:
        raise NotFound(f"There is no concept scheme {scheme[:60]!r}; /concepts lists those that there are.")
    size = given["pageSize"]
    answer: dict[str, Any] = {
        "self": page_address("concepts.scheme", path={"scheme": scheme}),
        "pageSize": size,
    }
    if "text" in given:
        found = book.search(given["text"], scheme, limit=size)
    else:
        everything = book.concepts(scheme)
        after = given.get("after")
        rest = [each for each in everything if after is None or each.code > after]
        found = tuple(rest[:size])
        answer["total"] = len(everything)
        if len(rest) > size:
            answer["next"] = page_address("concepts.scheme", path={"scheme": scheme}, after=found[-1].code)
    return json({"items": [_concept(each) for each in found], **answer})


@operation(blueprint, "getConcept", "/concepts/<scheme>/<path:code>", OneConcept, path={**_SCHEME, "code": "Code of the concept."})
def concept(given: dict[str, Any], scheme: str, code: str) -> flask.Response:
    """One concept, with what is above and below it, and what it is called in other schemes"""
    book = directory().concepts()
    found = book.get(scheme, code)
    if found is None:
        raise NotFound(f"There is no concept {code[:60]!r} in the scheme {scheme[:60]!r}.")
    return json(
        _concept(found)
        | {
            "self": page_address("concepts.concept", path={"scheme": scheme, "code": code}),
            "narrower": list(book.children(scheme, code)),
            "ancestors": list(book.ancestors(scheme, code)),
            "mappings": [_mapping(each, target, book) for target in book.mapped_schemes(scheme) for each in book.mapped(scheme, code, target)],
        }
    )


def _mapping(mapped: Mapped, scheme: str, book: ConceptBook) -> dict[str, Any]:
    known = book.get(scheme, mapped.code)
    told: dict[str, Any] = {} if known is None else {"href": flask.url_for("concepts.concept", scheme=scheme, code=mapped.code)}
    return told | {
        "scheme": scheme,
        "code": mapped.code,
        "labels": {} if known is None else known.labels,
        "relation": mapped.relation,
        "approximate": mapped.approximate,
        "confidence": mapped.confidence,
    }


def _concept(concept: Concept) -> dict[str, Any]:
    known: dict[str, Any] = {
        "href": flask.url_for("concepts.concept", scheme=concept.scheme, code=concept.code),
        "scheme": concept.scheme,
        "code": concept.code,
        "labels": concept.labels,
        "official": concept.official,
    }
    more = {
        "synonyms": list(concept.synonyms),
        "broader": concept.broader,
        "regions": list(concept.regions),
        "validFrom": concept.valid_from,
        "validUntil": concept.valid_until,
    }
    return known | {name: value for name, value in more.items() if value}
