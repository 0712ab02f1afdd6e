"""Fiches and parts, with why they were found and where their values come from."""

from __future__ import annotations

from marshmallow import fields

from hub.model.fiche import ENTITY_TYPES, KINDS
from hub.web.api.shapes.forms import FICHE_NAMES, PART_NAMES, Collection, Shape, address, number, one_of, text


class Reason(Shape):
    """Why a fiche was found."""

    reason = text("What matched: tier, name, text, described (the word stands in a description only), distance ...")
    value = text("With what.")


class Entity(Shape):
    href = address("Where it can be found.")
    id = text("The hub's own id: a UUID.", format="uuid")
    kind = text("The kind of fiche.", enum=list(KINDS))
    type = text("Which kind of part it is; only there for a part.", required=False, enum=list(ENTITY_TYPES))
    seq = number("The last change of it that you can see.")
    updatedAt = text("When that was.", format="date-time")
    fiche = fields.Raw(required=True, metadata=one_of(FICHE_NAMES))
    part = fields.Raw(metadata=one_of(PART_NAMES))
    sources = fields.List(fields.String(), required=True, metadata={"description": "The sources that contribute."})


class ResolvedContact(Shape):
    """A contact, and whose it is."""

    contact = fields.Raw(required=True, metadata={"type": "object"})
    origin = text("self, caregiver, zorgverlener, aanbod, vestiging, organisatie or parent.")
    originId = text(
        "The id of that fiche or part; left out where your selection does not hold it.",
        required=False,
        format="uuid",
    )


class Reached(Entity):
    contacts = fields.List(
        fields.Nested(ResolvedContact),
        required=True,
        metadata={
            "description": "Under which it can be reached; where it has none of its own, those of who carries it. Of each kind those of the nearest that has one."
        },
    )


class FoundFiche(Reached):
    """A fiche that was found."""

    why = fields.List(fields.Nested(Reason), required=True)
    distance = fields.Float(metadata={"description": "Kilometres from the place that was named."})


class FicheCollection(Collection):
    """A page of fiches."""

    items = fields.List(fields.Nested(FoundFiche), required=True)
    seq = number("Where the change log stood when paging began: /changes?since= tells what came after.")


class OneFiche(Reached):
    """One fiche."""

    self = address("This address.")


class ClaimSource(Shape):
    """A claim that contributed."""

    source = text("Name of the source.")
    externalId = text("What the source calls the fiche.")
    revision = number("Which revision of the source's.")


class ProvenanceItem(Shape):
    """Where a field comes from."""

    field = text("The field.")
    sources = fields.List(fields.Nested(ClaimSource), required=True)


class ProvenanceCollection(Collection):
    """Where each field comes from."""

    items = fields.List(fields.Nested(ProvenanceItem), required=True)
