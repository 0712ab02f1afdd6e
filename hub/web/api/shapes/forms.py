"""What the shapes of all operations are made of: texts, numbers, addresses, and a page of a collection."""

from __future__ import annotations

from typing import Any, Final

import marshmallow as ma
from marshmallow import fields

FICHE_NAMES: Final = {
    "organisatie": "Organisatiefiche",
    "aanbod": "Aanbodfiche",
    "zorgverlener": "Zorgverlenersfiche",
}

PART_NAMES: Final = {
    "vestigingen": "Vestiging",
    "memberships": "Membership",
    "electronic_addresses": "ElectronicAddress",
    "caregivers": "Caregiver",
}


def one_of(names: dict[str, str]) -> dict[str, Any]:
    """One of the schemas of these names, in the words of OpenAPI."""
    return {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names.values()]}


def text(description: str = "", *, required: bool = True, **more: Any) -> fields.Field[Any]:
    """A text; `more` goes into its schema (`format`, `enum`)."""
    return fields.String(required=required, metadata={"description": description, **more})


def address(description: str, *, required: bool = True) -> fields.Field[Any]:
    """The address of something, whole or from the root."""
    return text(description, required=required, format="uri-reference")


def number(description: str, *, required: bool = True) -> fields.Field[Any]:
    """A whole number."""
    return fields.Integer(required=required, metadata={"description": description})


class Shape(ma.Schema):
    """An object with the described members and no others."""

    class Meta:
        unknown = ma.RAISE  # what is not described is not given


class Collection(Shape):
    """One page of a collection; `items` says what is in it."""

    self = address("This page.")
    next = address("The next page; not there on the last.", required=False)
    total = number("How many there are in all.", required=False)
    pageSize = number("The most items on a page.", required=False)
