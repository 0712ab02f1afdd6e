"""`/changes`: the one way to follow the hub. Whoever wants to know what changed holds one integer."""

from __future__ import annotations

from typing import Any, Final

import flask
import marshmallow as ma
from marshmallow import fields, validate

from hub.errors import CursorGone
from hub.web.api.fiches import change_item
from hub.web.api.operations import json, make_blueprint, operation, page_address
from hub.web.api.shapes.changes import ChangeCollection
from hub.web.asking import directory

MOST: Final = 1000
blueprint: Final = make_blueprint("changes", "What changed, in order and without gaps.")


class Since(ma.Schema):
    """Parameters of the change log."""

    since = fields.Integer(
        load_default=0,
        validate=validate.Range(0, 2**63 - 1),
        metadata={"description": "The seq that you have: changes after it are given."},
    )
    pageSize = fields.Integer(load_default=100, validate=validate.Range(1, MOST), metadata={"description": "Changes on a page."})


@operation(blueprint, "listChanges", "/changes", ChangeCollection, parameters=Since, also=(410,))
def changes(given: dict[str, Any]) -> flask.Response:
    """What changed since a seq

    Follow `next` until it is not there any more, keep `since`, and ask again from there. A `since` that is older than what is kept, or ahead of the
    newest change, as after an older backup was restored, is answered with 410: fetch everything again from its `startAgain`, and then go on here from
    the `seq` of the first page.
    """
    try:
        page = directory().changes(given["since"], given["pageSize"])
    except CursorGone as error:
        # The log itself no longer begins at the beginning: to start again is to read the fiches.
        whole = flask.url_for("fiches.fiches")
        raise CursorGone(error.message, oldest=error.oldest, start_again=whole) from error
    answer: dict[str, Any] = {
        "items": [change_item(change) for change in page.changes],
        "self": page_address("changes.changes"),
        "pageSize": given["pageSize"],
        "since": page.next,
        "head": page.head,
    }
    if page.next < page.head:
        answer["next"] = page_address("changes.changes", since=str(page.next))
    return json(answer)
