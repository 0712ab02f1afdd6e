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


class MappedConcept(Shape):
    """What a concept is called in another scheme."""

    href = address("That concept; absent when nobody has told of it.", required=False)
    scheme = text("Its scheme.")
    code = text("Its code.")
    labels = fields.Nested(Labels, required=True)
    relation = text("What it is to the concept asked for; `broad`: the wider one of the two.", enum=["exact", "close", "broad", "narrow"])
    approximate = fields.Boolean(required=True, metadata={"description": "True: it says more than is known, so that nothing is found by it."})
    confidence = fields.Float(required=True, metadata={"description": "From 0 to 1, as whoever mapped it says."})


class OneConcept(ConceptItem):
    """A concept with its neighbours."""

    self = address("This address.")
    narrower = fields.List(fields.String(), required=True, metadata={"description": "The codes right below it."})
    ancestors = fields.List(fields.String(), required=True, metadata={"description": "The codes above it, nearest first."})
    mappings = fields.List(
        fields.Nested(MappedConcept),
        required=True,
        metadata={"description": "What it is called in other schemes: by scheme, closest and surest first."},
    )
