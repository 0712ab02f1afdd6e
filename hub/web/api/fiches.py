"""`/fiches`: search them, look at one, see how it came to be."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import flask
import marshmallow as ma
from marshmallow import fields, validate

from hub.model.contacts import resolve_contacts
from hub.model.entity import Change, Entity, Hit
from hub.model.links import without_links_to
from hub.web.api.operations import json, make_blueprint, operation, page_address
from hub.web.api.selection import Selection, must_have_happened, query_of, renamed
from hub.web.api.shapes.changes import ChangeCollection
from hub.web.api.shapes.fiches import FicheCollection, OneFiche, ProvenanceCollection
from hub.web.asking import directory

blueprint: Final = make_blueprint("fiches", "The fiches: organisations, what they offer, and caregivers.")
_ID: Final = {"id": "Id of the fiche, or of a part of one: a UUID, in small letters or in capitals."}


class AsAt(ma.Schema):
    """Parameters of one fiche."""

    asAt = fields.Integer(
        validate=validate.Range(0, 2**63 - 1),
        metadata={
            "description": "As it was right after the change with this seq, and all that was written together with it."
            " `sources` are those of today: who gave something of it that you see."
        },
    )


class Before(ma.Schema):
    """Parameters of a fiche's history."""

    before = fields.Integer(
        validate=validate.Range(1, 2**63 - 1),
        metadata={"description": "Only changes before this seq: the older ones."},
    )
    pageSize = fields.Integer(load_default=100, validate=validate.Range(1, 1000), metadata={"description": "Changes on a page."})


@operation(blueprint, "listFiches", "/fiches", FicheCollection, parameters=Selection)
def fiches(given: dict[str, Any]) -> flask.Response:
    """Search fiches

    All parameters must hold; of several values of one parameter, one must. Follow `next` until it is not there any more. Each comes with the contacts under
    which it can be reached; where it has none of its own, those of who carries it, and each says where it comes from. What has stopped is among
    them, and says so in the `status` of its fiche; `notStatus=inactive` leaves it out.
    """
    door = directory()
    query = query_of(given, door)
    with renamed():
        page = door.search(query)
    answer: dict[str, Any] = {
        "items": [_item(hit) for hit in page.hits],
        "self": page_address("fiches.fiches"),
        "pageSize": query.limit,
        "seq": page.seq,
    }
    if page.next is not None:
        answer["next"] = page_address("fiches.fiches", after=page.next)
    if page.total is not None:
        answer["total"] = page.total
    return json(answer)


@operation(
    blueprint,
    "getFiche",
    "/fiches/<id>",
    OneFiche,
    parameters=AsAt,
    path=_ID,
    also=(304, 308, 410),
    headers={"ETag": "Send it back as If-None-Match to hear whether anything in this answer changed."},
)
def fiche(given: dict[str, Any], id: str) -> flask.Response:
    """One fiche

    With the contacts under which it can be reached; where it has none of its own, those of who carries it, and each says where it comes from.
    """
    id = id.lower()
    door = directory()
    as_at = given.get("asAt")
    if as_at is not None:
        must_have_happened(door, "asAt", as_at)
    entity = door.get(id) if as_at is None else door.as_at(id, as_at)
    response = json(_whole(entity) | {"self": page_address("fiches.fiche", path={"id": id})})
    # Of the answer itself: not all of it moves with seq, such as who else says the same by now.
    etag = hashlib.blake2b(response.get_data(), digest_size=12).hexdigest()
    if flask.request.if_none_match.contains_weak(etag):
        response = flask.Response(status=304)
    response.set_etag(etag, weak=True)
    return response


@operation(blueprint, "listFicheHistory", "/fiches/<id>/history", ChangeCollection, parameters=Before, path=_ID, also=(308, 410))
def history(given: dict[str, Any], id: str) -> flask.Response:
    """The changes of a fiche that you can see, newest first

    The `href` of a change leads to the fiche as it was right after.
    """
    id = id.lower()
    size = given["pageSize"]
    changes = directory().history(id, before=given.get("before"), limit=size)
    answer: dict[str, Any] = {
        "items": [change_item(change, as_it_was=True) for change in changes],
        "self": page_address("fiches.history", path={"id": id}),
        "pageSize": size,
    }
    if len(changes) == size:
        answer["next"] = page_address("fiches.history", path={"id": id}, before=str(changes[-1].seq))
    return json(answer)


@operation(blueprint, "listFicheProvenance", "/fiches/<id>/provenance", ProvenanceCollection, path=_ID, also=(308, 410))
def provenance(given: dict[str, Any], id: str) -> flask.Response:
    """Which source each field comes from, the best source first"""
    found: dict[str, dict[tuple[str, str, int], None]] = {}
    id = id.lower()
    for each in directory().provenance(id):
        # Of the parts of a fiche together: what a single one is called says where it is, and it may be hidden.
        found.setdefault(each.field.partition("[")[0], {}).update(dict.fromkeys(each.claims))
    items = [
        {
            "field": field,
            "sources": [{"source": source, "externalId": external_id, "revision": revision} for source, external_id, revision in claims],
        }
        for field, claims in found.items()
    ]
    return json({"items": items, "self": page_address("fiches.provenance", path={"id": id}), "total": len(items)})


def change_item(change: Change, *, as_it_was: bool = False) -> dict[str, Any]:
    """A change in JSON; its `href` leads to the entity as it is, or as it was right after."""
    href = flask.url_for("fiches.fiche", id=change.id)
    if as_it_was and change.operation != "delete":
        href += f"?asAt={change.seq}"
    return {
        "seq": change.seq,
        "at": change.at,
        "href": href,
        "id": change.id,
        "type": change.type,
        "fiche": change.fiche,
        "operation": change.operation,
        "origin": change.origin,
        "fields": list(change.fields),
    }


def _entity(entity: Entity) -> dict[str, Any]:
    found = {
        "href": flask.url_for("fiches.fiche", id=entity.id),
        "id": entity.id,
        "kind": entity.fiche["kind"],
        "seq": entity.seq,
        "updatedAt": entity.updated_at,
        "fiche": without_links_to(entity.fiche, entity.outside),
        "sources": list(entity.sources),
    }
    if entity.part is not None:
        found |= {"type": entity.type, "part": without_links_to(entity.part, entity.outside)}
    return found


def _item(hit: Hit) -> dict[str, Any]:
    item = _whole(hit.entity)
    item["why"] = [{"reason": reason, "value": value} for reason, value in hit.why]
    if hit.distance_km is not None:
        item["distance"] = round(hit.distance_km, 3)
    return item


def _whole(entity: Entity) -> dict[str, Any]:
    whole = _entity(entity)
    whole["contacts"] = [
        {"contact": each.contact, "origin": each.origin} | ({} if each.origin_id in entity.outside else {"originId": each.origin_id})
        for each in resolve_contacts(entity)
    ]
    return whole
