"""Many reads and searches in one request: a Bundle of type batch, of GETs. https://hl7.org/fhir/R4/http.html#transaction

Each entry is answered as if it had been sent alone, with the same credentials and counted like one: so one that fails tells why, and the others are
answered all the same. Only FHIR resources stand in a Bundle, and all of them together are not too much for one. A Bundle of type transaction goes
to `plugins.fhir.feed`.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, unquote_plus, unquote_to_bytes, urlsplit

import flask
import orjson
from werkzeug.http import http_date
from werkzeug.test import EnvironBuilder

from hub import Invalid, to_second
from plugins.fhir import outcome
from plugins.fhir.bodies import read_body
from plugins.fhir.json_form import to_bytes
from plugins.fhir.moments import moment
from plugins.fhir.preferring import FORM
from plugins.fhir.refusing import invalid

MAX_ENTRIES: Final = 200
"""The longest batch; a longer one is refused whole."""
MAX_BYTES: Final = 16 << 20
"""Of all answers together, as JSON. What does not fit is told so, entry by entry."""
_FHIR_JSON: Final = "application/fhir+json"
_PASSED_ON: Final = ("Authorization", "X-API-Key", "Prefer")
_WITHOUT_A_BODY: Final = (204, 304)

Answer = Callable[[dict[str, Any] | bytes], flask.Response]


def add_routes(blueprint: flask.Blueprint, answer: Answer, transaction: Callable[[dict[str, Any]], flask.Response]) -> None:
    """POST on the base; `transaction` answers a Bundle of that type."""

    @blueprint.post("/", strict_slashes=False)
    def batch() -> flask.Response:
        bundle = _bundle()
        if bundle.get("type") == "transaction":
            return transaction(bundle)
        return answer(responses(_entries(bundle), flask.request.url_root + "fhir"))


def _bundle() -> dict[str, Any]:
    bundle = read_body()
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise invalid("Bundle", "a Bundle of type batch or transaction is expected.")
    return bundle


def _entries(bundle: dict[str, Any]) -> list[Any]:
    if bundle.get("type") != "batch":
        raise invalid("Bundle.type", "batch or transaction is expected.", str(bundle.get("type"))[:100])
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise invalid("Bundle.entry", "a list is expected.")
    if len(entries) > MAX_ENTRIES:
        raise invalid("Bundle.entry", f"a batch has at most {MAX_ENTRIES} entries; send several.", str(len(entries)))
    return entries


def responses(entries: list[Any], base: str) -> bytes:
    """The Bundle of type batch-response: an entry for each that was asked, in the same order."""
    start = b'{"resourceType":"Bundle","type":"batch-response"'
    answered: list[bytes] = []
    left = MAX_BYTES
    for place, entry in enumerate(entries):
        found = _answered(entry, place, base) if left > 0 else _too_much(place)
        left -= len(found)
        answered.append(found if left >= 0 else _too_much(place))
    return b"".join((start, b',"entry":[', b",".join(answered), b"]}")) if answered else start + b"}"


def _answered(entry: Any, place: int, base: str) -> bytes:
    request = entry.get("request") if isinstance(entry, dict) else None
    path = f"Bundle.entry[{place}].request"
    if not isinstance(request, dict):
        return _refused(400, "required", f"{path}: an entry of a batch has a request, with method and url.", path)
    if request.get("method") != "GET":
        return _refused(405, "not-supported", f"{path}.method: only GET is taken in a batch here.", f"{path}.method")
    url = request.get("url")
    if not isinstance(url, str) or (inner := _inside(url, base)) is None:
        message = f"{path}.url: an address below {base} is expected, such as Organization?name=zorg."
        return _refused(400, "invalid", message, f"{path}.url")
    address, query = inner
    if b"$" in address:
        return _refused(400, "not-supported", f"{path}.url: operations are not taken in a batch.", f"{path}.url")
    try:
        conditions = _conditions(request)
    except Invalid as error:
        return _refused(400, "invalid", f"{path}.{error.message}", f"{path}.{error.errors[0].path}")
    response = _sent(address, _without_form(query), conditions)
    if response.mimetype != _FHIR_JSON and response.status_code not in _WITHOUT_A_BODY:
        response.close()
        message = f"{path}.url: what this address answers is no FHIR resource, and only those stand in a Bundle; ask it apart."
        return _refused(response.status_code if response.status_code >= 400 else 400, "not-supported", message, f"{path}.url")
    return _as_entry(response)


def _conditions(request: dict[str, Any]) -> dict[str, str]:
    """The headers that an entry's conditions are in a request of its own. Raises `Invalid`."""
    given: dict[str, str] = {}
    if isinstance(etag := request.get("ifNoneMatch"), str):
        given["If-None-Match"] = " ".join(etag.split())
    if isinstance(instant := request.get("ifModifiedSince"), str):
        given["If-Modified-Since"] = http_date(moment("ifModifiedSince", instant))
    return given


def _without_form(query: str) -> str:
    """The query without what asks for a form, however its name is encoded: an entry has the form of the Bundle around it. The rest stays as it was written."""
    return "&".join(pair for pair in query.split("&") if unquote_plus(pair.partition("=")[0]) not in FORM)


def _inside(url: str, base: str) -> tuple[bytes, str] | None:
    """The path below the base as the server reads it, decoded, and the query as it is written; None for an address elsewhere."""
    try:
        parts = urlsplit(url.removeprefix(base + "/") if url.startswith(base + "/") else url)
    except ValueError:
        return None
    if parts.scheme or parts.netloc:
        return None
    return unquote_to_bytes(parts.path.removeprefix("/")), parts.query


def _sent(path: bytes, query: str, conditions: dict[str, str]) -> flask.Response:
    """The answer to this request as if it had come alone."""
    outer = flask.request
    headers = {name: outer.headers[name] for name in _PASSED_ON if name in outer.headers}
    headers |= conditions
    builder = EnvironBuilder(
        path=f"/fhir/{quote(path)}",
        query_string=query,
        base_url=outer.url_root,
        headers=list(headers.items()),
        environ_base={"REMOTE_ADDR": outer.remote_addr or ""},
    )
    app: flask.Flask = flask.current_app._get_current_object()  # type: ignore[attr-defined]
    # A context of its own: it reads its own state of the database, and ends before the next begins.
    with app.app_context(), app.request_context(builder.get_environ()):
        return app.full_dispatch_request()


def _as_entry(response: flask.Response) -> bytes:
    status = HTTPStatus(response.status_code)
    told: dict[str, Any] = {"status": f"{status.value} {status.phrase}"}
    if "Location" in response.headers:
        told["location"] = response.headers["Location"]
    if "ETag" in response.headers:
        told["etag"] = response.headers["ETag"]
    if response.last_modified is not None:
        told["lastModified"] = to_second(response.last_modified)
    body = response.get_data()
    if not body or status is HTTPStatus.NOT_MODIFIED:
        return orjson.dumps({"response": told})
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return b'{"resource":%b,"response":%b}' % (body, orjson.dumps(told))
    return b'{"response":%b,"outcome":%b}}' % (orjson.dumps(told)[:-1], body)


def _too_much(place: int) -> bytes:
    path = f"Bundle.entry[{place}]"
    message = f"{path}: with this answer those of the batch would be more than {MAX_BYTES >> 20} MB; ask it apart, or fewer things at once."
    return _refused(413, "too-costly", message, path)


def _refused(status: int, code: str, message: str, path: str) -> bytes:
    phrase = HTTPStatus(status).phrase
    issue = outcome.issue("error", code, message) | {"expression": [path]}
    return to_bytes({"response": {"status": f"{status} {phrase}", "outcome": outcome.document([issue])}})
