"""A fiche for a person, `/fiche/<id>`: what it is, when it changed, and where all of it is for programs. The start page leads here, where a browser would show JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import flask
from flask_babel import get_locale

from hub.access.audit import FICHE
from hub.errors import RequestError
from hub.model.particulars import name_in
from hub.web import pages, problems
from hub.web.asking import directory, record_access

ENDPOINT: Final = "fiche_page"


def install(app: flask.Flask) -> None:
    """Serve it."""
    app.add_url_rule("/fiche/<id>", ENDPOINT, fiche_page)


def fiche_page(id: str) -> flask.Response:
    """The page. That of a part is the page of its fiche."""
    id = id.lower()
    status = 200
    try:
        entity = directory().get(id)
        name = name_in(entity.fiche, str(get_locale())).text
        moment = datetime.fromisoformat(entity.updated_at)
        return pages.page(
            "fiche.html",
            name=name,
            kind=entity.fiche["kind"],
            fiche=entity.fiche["id"],
            seq=entity.seq,
            at=moment,
        )
    except RequestError as error:
        status = problems.problem_of(error).status
        raise
    finally:  # what a partner is shown stands in the audit trail, as it does for the API
        record_access(interaction="read", type=FICHE, target=id[:64], path=flask.request.path.strip("/"), status=status)
