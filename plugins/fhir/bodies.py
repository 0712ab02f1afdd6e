"""The resource in the body of a request, whichever operation it is sent to."""

from __future__ import annotations

from typing import Any, Final

import flask
from werkzeug.exceptions import UnsupportedMediaType

from plugins.fhir.refusing import invalid

MAX_BODY: Final = 4 << 20
"""The most bytes that are read as one resource."""
_FORMS: Final = {
    "application/fhir+json": "json",
    "application/json": "json",
    "text/json": "json",
    "application/fhir+xml": "xml",
    "application/xml": "xml",
    "text/xml": "xml",
}


def read_body() -> Any:
    """The resource in the body of the request, as JSON was or would have been read. Raises `Invalid`, or what becomes 413 or 415."""
    # Here and not above: reading needs no XML and none of the judge.
    from plugins.fhir.judge.reading import from_json, from_xml

    request = flask.request
    request.max_content_length = min(MAX_BODY, flask.current_app.config["MAX_CONTENT_LENGTH"] or MAX_BODY)
    body = request.get_data()
    if not body.strip():
        raise invalid("body", "the body is empty; send a resource.", "")
    form = _FORMS.get(request.mimetype)
    if form is None:
        raise UnsupportedMediaType(
            f"A resource is sent as application/fhir+json or application/fhir+xml, not as {request.mimetype[:80] or 'nothing'}."
        )
    return from_json(body) if form == "json" else from_xml(body)
