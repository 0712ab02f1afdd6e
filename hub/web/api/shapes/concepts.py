"""Concept schemes and their concepts."""

from __future__ import annotations

from marshmallow import fields

from hub.web.api.shapes.forms import Collection, Shape, address, number, text


class Labels(Shape):
    """A text per language."""

    nl = text(required=False)
    fr = text(required=False)
    de = text(required=False)
    en = text(required=False)


class SchemeItem(Shape):
    """A concept scheme."""

    href = address("Its concepts.")
    code = text("Its name.")
    title = fields.Nested(Labels, required=True)
    source = text("Where it comes from.")
    total = number("How many concepts it has.")


class SchemeCollection(Collection):
    """All concept schemes."""

    items = fields.List(fields.Nested(SchemeItem), required=True)


class ConceptItem(Shape):
    """A concept of a scheme."""

    href = address("The concept.")
    scheme = text("Its scheme.")
    code = text("Its code.")
    labels = fields.Nested(Labels, required=True)
    synonyms = fields.List(fields.String())
    broader = text("The code above it.", required=False)
    regions = fields.List(fields.String())
    validFrom = text("First day.", required=False, format="date")
    validUntil = text("Last day.", required=False, format="date")
    official = fields.Boolean(required=True, metadata={"description": "False: the label was made up for a demonstration."})


class ConceptCollection(Collection):
    """Concepts of one scheme."""

    items = fields.List(fields.Nested(ConceptItem), required=True)


class OneConcept(ConceptItem):
    """A concept with its neighbours."""

    self = address("This address.")
    narrower = fields.List(fields.String(), required=True, metadata={"description": "The codes right below it."})
    ancestors = fields.List(fields.String(), required=True, metadata={"description": "The codes above it, nearest first."})
