"""The change log."""

from __future__ import annotations

from marshmallow import fields

from hub.model.fiche import ENTITY_TYPES
from hub.web.api.shapes.forms import Collection, Shape, address, number, text


class ChangeItem(Shape):
    """One change of one fiche or part, as you can see it."""

    seq = number("Its place in the change log.")
    at = text("When.", format="date-time")
    href = address("The fiche or part.")
    id = text("The fiche or part that changed.", format="uuid")
    type = text("What it is.", enum=list(ENTITY_TYPES))
    fiche = text("The fiche that it is, or is a part of.", format="uuid")
    operation = text(
        "What it means to you; `context`: something it points to changed.",
        enum=["create", "update", "delete", "context"],
    )
    origin = text("The source or connection that caused it.")

    class Meta(Shape.Meta):
        # `fields` is an attribute of every schema
        include = {  # noqa: RUF012 - marshmallow's own way
            "fields": fields.List(fields.String(), required=True, metadata={"description": "The fields that changed."})
        }


class ChangeCollection(Collection):
    """Changes, in order."""

    items = fields.List(fields.Nested(ChangeItem), required=True)
    since = number("Ask on from here: /changes?since=", required=False)
    head = number("The newest seq; when `since` equals it you have them all.", required=False)
