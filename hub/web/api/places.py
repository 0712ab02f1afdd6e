"""`/places`: the municipalities of Belgium, by what somebody types, and one by its code."""

from __future__ import annotations

from typing import Any, Final

import flask
import marshmallow as ma
from marshmallow import fields, validate

from hub.errors import NotFound
from hub.places import Municipality, UnknownPlace
from hub.web.api.operations import json, make_blueprint, operation, page_address
from hub.web.api.shapes.places import OnePlace, PlaceCollection
from hub.web.asking import directory

blueprint: Final = make_blueprint("places", "Municipalities, postcodes and how they are called.")


class Typed(ma.Schema):
    """Parameters of the places."""

    text = fields.String(
        validate=validate.Length(1, 100),
        metadata={"description": "What somebody is typing: a name, a postcode, or the beginning of either."},
    )
    after = fields.String(
        validate=validate.Regexp("^[0-9]{5}$", error="This is a REFNIS code, of five digits."),
        metadata={"description": "REFNIS code of the last place of the page before."},
    )
    pageSize = fields.Integer(
        load_default=10,
        validate=validate.Range(1, 1000),
        metadata={"description": "Places on a page."},
    )


@operation(blueprint, "listPlaces", "/places", PlaceCollection, parameters=Typed)
def places(given: dict[str, Any]) -> flask.Response:
    """Municipalities

    By REFNIS code; with `text` what somebody who typed this may mean, best first, on one page.
    """
    known, size = directory().places, given["pageSize"]
    answer: dict[str, Any] = {"self": page_address("places.places"), "pageSize": size}
    if "text" in given:
        items = [
            _place(found.municipality) | {"label": found.label} | ({"postcode": found.postcode} if found.postcode else {})
            for found in known.suggest(given["text"], size)
        ]
        return json({"items": items, **answer})
    everything = sorted(known, key=lambda municipality: municipality.refnis)
    rest = [municipality for municipality in everything if municipality.refnis > given.get("after", "")]
    if len(rest) > size:
        answer["next"] = page_address("places.places", after=rest[size - 1].refnis)
    return json({"items": [_place(municipality) for municipality in rest[:size]], **answer, "total": len(everything)})


@operation(blueprint, "getPlace", "/places/<refnis>", OnePlace, path={"refnis": "REFNIS code: five digits, old or new."})
def place(given: dict[str, Any], refnis: str) -> flask.Response:
    """One municipality, with its postcodes and former codes

    A code that ended with a merger gives the municipality that came after it.
    """
    known = directory().places
    try:
        found = known.municipality(refnis)
    except UnknownPlace as error:
        raise NotFound(f"There is no municipality with REFNIS code {refnis[:20]}.") from error
    return json(
        _place(found)
        | {
            "self": page_address("places.place", path={"refnis": refnis}),
            "postcodes": list(known.postcodes_of(found.refnis)),
            "predecessors": list(known.predecessors(found.refnis)),
        }
    )


def _place(municipality: Municipality) -> dict[str, Any]:
    found = {
        "href": flask.url_for("places.place", refnis=municipality.refnis),
        "refnis": municipality.refnis,
        "name": municipality.name,
        "region": municipality.region,
        "lat": municipality.lat,
        "lon": municipality.lon,
    }
    return found | ({"province": municipality.province} if municipality.province else {})
