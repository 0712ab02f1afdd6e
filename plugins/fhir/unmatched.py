"""What is told about an address that no view takes by the method of the request: 405 where another method does, else 404 and what there is not."""

from __future__ import annotations

from typing import Final

from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.exceptions import NotFound as NoSuchAddress
from werkzeug.routing import RequestRedirect

from plugins.fhir.conformance.catalogue import TYPES
from plugins.fhir.params import RESOURCES

CATCH_ALL: Final = "nothing_here"
"""The view that takes what no other takes."""
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_OTHERS: Final = ("AuditEvent", "Basic", "Provenance", "Subscription")


def unmatched(path: str) -> HTTPException:
    """The error for the current request, whose address below `/fhir` is `path`."""
    segments = [segment for segment in path.split("/") if segment]
    if not segments:
        return NoSuchAddress("This is the base of the FHIR server; start at /fhir/metadata.")
    if takes := methods_here():
        return MethodNotAllowed(valid_methods=takes)
    first, last = segments[0][:100], segments[-1][:100]
    known = first in RESOURCES or first in TYPES or first in _OTHERS
    if not known and first[0] not in "$_":
        return NoSuchAddress(f"There is no resource type {first!r} here. There are: {', '.join(sorted(RESOURCES))}; and /fhir/metadata.")
    if last[0] == "$":
        where = f"of {first}" if known else "of this server"
        return NoSuchAddress(f"There is no operation {last} {where}; /fhir/metadata lists those that there are.")
    if "_history" in segments and first not in RESOURCES:
        return NoSuchAddress(f"{first} has no history here; the resources of the directory have one: {', '.join(sorted(RESOURCES))}.")
    return NoSuchAddress(f"/{path[:200]} is not an address of this server; it has {first}, {first}/<id> and {first}/_search.")


def methods_here() -> list[str]:
    """The methods by which a view takes the address of the current request; none where there is nothing."""
    return [method for method in _METHODS if _is_taken(method)]


def _is_taken(method: str) -> bool:
    """Whether a view takes the address of the current request by this method."""
    adapter = request_ctx.url_adapter
    assert adapter is not None  # there is a request
    try:
        endpoint, given = adapter.match(method=method)
    except (HTTPException, RequestRedirect):
        return False
    # A view that takes any id also takes what can be none: _search, $validate.
    return endpoint.rpartition(".")[2] != CATCH_ALL and str(given.get("id", ""))[:1] not in ("$", "_")
