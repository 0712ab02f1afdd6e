"""`/reviews`: pairs of fiches that may be one, for programs of administrators. The same as `fichehub reviews` says and does.

Needs an agreement with the right `operate`.
"""

from __future__ import annotations

from typing import Any, Final

import flask
import marshmallow as ma
from marshmallow import fields, validate

from hub.store import reading, reviewing
from hub.store.reviewing import Review, Side
from hub.store.splitting import proposed_split
from hub.web.api.operating import Page, must_operate
from hub.web.api.operations import PREFIX, json, make_blueprint, operation, page_address
from hub.web.api.shapes.reviewing import OneReview, ReviewCollection, ReviewDecided, SplitOff
from hub.web.asking import serving

blueprint: Final = make_blueprint(
    "reviewing", "Which fiches may be one, and what somebody decides about them. Needs the right `operate`.", needs_key=True
)

_PAIR: Final = {"fiche": "One fiche.", "other": "The other one."}


class ReviewsPage(Page):
    """Parameters of the reviews."""

    state = fields.String(
        load_default="open",
        validate=validate.OneOf(reviewing.STATES),
        metadata={"description": "Those that wait (`open`), or those that were decided."},
    )
    after = fields.Integer(load_default=0, validate=validate.Range(0, 2**63 - 1), metadata={"description": "From `next`: go on behind this pair."})


def _who() -> fields.String:
    return fields.String(
        required=True, validate=validate.Length(1, 200), metadata={"description": "Who decides; kept with the decision and in the change log."}
    )


class ReviewDecision(ma.Schema):
    """Whether two fiches are one."""

    decision = fields.String(
        required=True,
        validate=validate.OneOf(("same", "different")),
        metadata={"description": "`same` joins them; `different` keeps them apart, and nobody is asked again."},
    )
    by = _who()


class ClaimOfFiche(ma.Schema):
    """What one source says about a fiche."""

    source = fields.String(required=True, metadata={"description": "Name of the source."})
    externalId = fields.String(required=True, metadata={"description": "What the source calls the fiche."})


class Split(ma.Schema):
    """Which claims have a fiche of their own again."""

    fiche = fields.String(required=True, metadata={"description": "The id of the fiche that they leave."})
    claims = fields.List(
        fields.Nested(ClaimOfFiche, unknown=ma.RAISE),
        required=True,
        validate=validate.Length(1, 100),
        metadata={"description": "What leaves; one claim at least must stay."},
    )
    by = _who()


@operation(blueprint, "listReviews", "/reviews", ReviewCollection, parameters=ReviewsPage)
def reviews(given: dict[str, Any]) -> flask.Response:
    """Pairs of fiches that may be one

    Oldest first. Nothing joins them until somebody decides.
    """
    must_operate()
    size = given["pageSize"]
    with serving().store.read() as connection:
        found = reviewing.reviews(connection, size + 1, given["after"], given["state"])
    answer: dict[str, Any] = {"items": [_item(one) for one in found[:size]], "self": page_address("reviewing.reviews"), "pageSize": size}
    if len(found) > size:
        answer["next"] = page_address("reviewing.reviews", after=str(found[size - 1].id))
    return json(answer)


@operation(blueprint, "getReview", "/reviews/<fiche>/<other>", OneReview, path=_PAIR, also=(410,))
def review(given: dict[str, Any], fiche: str, other: str) -> flask.Response:
    """What a join of two fiches would do

    Nothing is done. Any two fiches of one kind can be asked for, also a pair that nobody put in the queue.
    """
    must_operate()
    with serving().store.read() as connection:
        found = reviewing.proposal(connection, fiche, other)
    told = {
        "self": page_address("reviewing.review", path={"fiche": fiche, "other": other}),
        "stays": _side(found.stays),
        "goes": _side(found.goes),
        "heldApartBy": list(found.apart),
    }
    return json(told if found.review is None else {**told, "review": _item(found.review)})


@operation(blueprint, "decideReview", "/reviews/<fiche>/<other>", ReviewDecided, method="POST", body=ReviewDecision, path=_PAIR, also=(410,))
def decide_review(given: dict[str, Any], body: dict[str, Any], fiche: str, other: str) -> flask.Response:
    """Say whether two fiches are one

    Joined, the newer one goes into the older one and its id leads there; `/reviews/split` undoes that.
    """
    must_operate()
    store = serving().store
    with store.read() as connection:
        found = reviewing.proposal(connection, fiche, other)
    if body["decision"] == "same":
        store.write(lambda writer: writer.join(fiche, other, origin=body["by"]))
    else:
        store.write(lambda writer: writer.apart(fiche, other, origin=body["by"]))
    return json({"fiche": _address(found.stays.id), "other": _address(found.goes.id), "decision": body["decision"]})


@operation(blueprint, "splitFiche", "/reviews/split", SplitOff, method="POST", body=Split, also=(410,))
def split(given: dict[str, Any], body: dict[str, Any]) -> flask.Response:
    """Undo a join

    The claims get back the fiche that they came with, under its old id, or else a new one; the two are kept apart from then on. An editor's decisions about
    it and what partners say of it for themselves go along.
    """
    must_operate()
    store = serving().store
    with store.read() as connection:
        side = reviewing.side(connection, body["fiche"])
        number = reading.resolve(connection, [side.id])[side.id].id
        claims = [(one["source"], one["externalId"]) for one in body["claims"]]
        left = [{"source": one.claim.source, "externalId": one.claim.external_id} for one in proposed_split(connection, number, claims).leave]
    own = store.write(lambda writer: writer.split(side.id, claims, origin=body["by"]))
    return json({"fiche": _address(side.id), "split": _address(own), "claims": left})


def _item(one: Review) -> dict[str, Any]:
    told = {
        "href": f"{PREFIX}/reviews/{one.fiche.id}/{one.other.id}",
        "fiche": _side(one.fiche),
        "other": _side(one.other),
        "reason": one.reason,
        "why": list(one.why),
        "score": one.score,
        "state": one.state,
        "since": one.at,
        "by": one.detail.get("by"),
        "decidedAt": one.detail.get("decided_at"),
    }
    return {name: value for name, value in told.items() if value is not None}


def _side(side: Side) -> dict[str, Any]:
    return {"href": _address(side.id), "id": side.id, "kind": side.kind, "name": side.name, "sources": list(side.sources)}


def _address(id: str) -> str:
    return f"{PREFIX}/fiches/{id}"
