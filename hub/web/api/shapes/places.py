"""Municipalities, postcodes and zones."""

from __future__ import annotations

from marshmallow import fields

from hub.web.api.shapes.concepts import Labels
from hub.web.api.shapes.forms import Collection, Shape, address, text


class PlaceItem(Shape):
    """A municipality."""

    href = address("The municipality.")
    refnis = text("REFNIS code in use today.")
    name = fields.Nested(Labels, required=True)
    label = text("How to show it to who typed the text.", required=False)
    postcode = text("When one postcode was meant.", required=False)
    province = text("Dutch name; not there for Brussels.", required=False)
    region = text("", enum=["vlaanderen", "brussel", "wallonie"])
    lat = fields.Float(required=True, metadata={"description": "WGS84 degrees, of its main place."})
    lon = fields.Float(required=True)


class PlaceCollection(Collection):
    """Municipalities."""

    items = fields.List(fields.Nested(PlaceItem), required=True)


class OnePlace(PlaceItem):
    """A municipality with its postcodes and former codes."""

    self = address("This address.")
    postcodes = fields.List(fields.String(), required=True)
    predecessors = fields.List(fields.String(), required=True, metadata={"description": "Former REFNIS codes that went into it."})
