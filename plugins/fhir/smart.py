"""SMART Backend Services: where access tokens are fetched, and what their scopes allow here.

Scopes narrow by type of resource; what of a resource is shown is a matter of the agreement. Our definitions, the statement of what the server can do and
`$validate` tell nothing of anybody and need no scope. A chain, `_has`, an include, and a parameter that finds a resource by what only another one shows
look into another type, so they need that one's as well.
https://hl7.org/fhir/smart-app-launch/backend-services.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import flask
import orjson
from werkzeug.exceptions import Forbidden

import hub
from hub import EntityType, Query
from plugins.fhir.conformance.catalogue import TYPES as DEFINITIONS
from plugins.fhir.params import RESOURCES, STANDS_IN_ITSELF
from plugins.fhir.search import Search

CONFIGURATION: Final = ".well-known/smart-configuration"
_OPEN: Final = frozenset({"metadata", "$validate", ".well-known"})
_LETTERS: Final = {"POST": "c", "PUT": "u", "PATCH": "u", "DELETE": "d"}
_BY_ENTITY: Final = {resource.entity: resource for resource in RESOURCES.values()}
_PLACES: Final = ("street", "city", "postcode", "address", "municipality", "zone", "province", "region", "country", "near", "local")
_BY_PLACE: Final[Mapping[str, tuple[str, ...]]] = dict.fromkeys(_PLACES, ("Location",))
_BY_OWNER: Final[Mapping[str, tuple[str, ...]]] = dict.fromkeys(("name", "text"), ("Organization",))
_FOUND_BY: Final[Mapping[EntityType, Mapping[str, tuple[str, ...]]]] = {
    "aanbod": {**_BY_PLACE, "umbrella": ("Organization",), "text": ("Organization", "Location")},
    "caregiver": {
        **_BY_PLACE,
        **dict.fromkeys(("identifier", "name", "family", "given", "gender"), ("Practitioner",)),
        **dict.fromkeys(("code", "delivery", "serves", "availability", "language"), ("HealthcareService",)),
        "umbrella": ("Organization",),
        "text": ("Practitioner", "HealthcareService", "Organization", "Location"),
    },
    "membership": _BY_OWNER,
    "electronic_address": _BY_OWNER,
}
"""What the index has in the rows of one type although only another shows it: by key of a query (`text`, `near` and `local` are those of the query itself)."""


class OutOfScope(Forbidden):
    """403 with the scope that would do, also in the header (RFC 6750 section 3.1)."""

    def __init__(self, needed: str, held: Iterable[str]) -> None:
        has = " ".join(sorted(held)) or "none"
        super().__init__(f"This needs the scope {needed}; your access token has: {has}. Fetch one with that scope.")
        self._needed = needed

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        challenge = f'Bearer realm="fichehub", error="insufficient_scope", scope="{self._needed}"'
        return [*super().get_headers(*args, **kwargs), ("WWW-Authenticate", challenge)]


def add_routes(blueprint: flask.Blueprint) -> None:
    """The configuration, and the judge of scopes before every other request."""

    @blueprint.get(f"/{CONFIGURATION}")
    @hub.open_to_all
    def configuration() -> flask.Response:
        response = flask.Response(orjson.dumps(smart_configuration()), content_type="application/json")
        response.headers["Cache-Control"] = "public, max-age=300"
        return response

    @blueprint.before_request
    def within_scope() -> None:
        path = flask.request.path.strip("/").partition("/")[2]
        needed = needed_for(flask.request.method, path)
        if needed is not None:
            require(*needed)
            if needed[0] == "Subscription":  # what it tells of is not narrowed by the token that asked for it
                require("*", "rs")


def smart_configuration() -> dict[str, Any]:
    """https://hl7.org/fhir/smart-app-launch/conformance.html#using-well-known"""
    return {
        **hub.authorization_metadata(),
        "scopes_supported": ["system/*.rs", *(f"system/{name}.rs" for name in sorted((*RESOURCES, "AuditEvent", "Provenance")))],
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    }


def needed_for(method: str, path: str) -> tuple[str, str] | None:
    """The type (`*`: all) and the letters that a request for this path below the base needs; None when it needs none, or is judged by what it asks."""
    segments = [segment for segment in path.split("/") if segment]
    if not segments or segments[0] in _OPEN or segments[0] in DEFINITIONS or segments[-1] == "$validate":
        return None  # of a batch every entry is judged by itself
    if segments[-1].startswith("$export"):
        return None  # see `require_all`
    name = segments[0] if segments[0][0].isalpha() else "*"
    if method in ("GET", "HEAD"):
        above = len(segments) == 1 or segments[1][0] in "_$"
        return name, "s" if above else "r"
    if segments[-1] == "_search":
        return name, "s"
    return name, _LETTERS.get(method, "cruds")


def require(name: str, letters: str) -> None:
    """Return when the access token of the current request allows that, or when there is none. Raises `OutOfScope`."""
    grant = hub.directory().grant
    if not grant.allows(name, letters):
        raise OutOfScope(f"system/{name}.{letters}", grant.scopes or ())


def require_all(names: Iterable[str], letters: str) -> None:
    """As `require`, for each of these types."""
    for name in names:
        require(name, letters)


def require_search(search: Search) -> None:
    """Whether the other types that a search looks into are within scope: chains, `_has`, includes. Raises `OutOfScope`. A Provenance that nobody named is left out."""
    if hub.directory().grant.scopes is None:
        return
    require_all(dict.fromkeys(_looked_into(search.query)), "s")
    if search.provenance_named:
        require("Provenance", "s")
    elif search.provenance:
        search.provenance = hub.directory().grant.allows("Provenance", "s")
    require_all((each.include.source if each.reverse else each.include.target for each in search.followed), "s")


def _looked_into(query: Query) -> Iterator[str]:
    """The types that a search finds something by beside its own. That a reference is there, and to which id, it says itself."""
    keys = [each.key for each in query.where]
    keys += [key for key, asked in (("text", query.text), ("near", query.near), ("local", query.local)) if asked]
    for type in query.types:
        found_by = _FOUND_BY.get(type, {})
        yield from (name for key in keys for name in found_by.get(key, ()))
    for linked in query.linked:
        if linked in STANDS_IN_ITSELF:
            continue
        inner = linked.query
        said = Query(types=inner.types, where=tuple(each for each in inner.where if each.key == "id"))
        if linked.reverse or inner != said:
            yield from (_BY_ENTITY[entity].name for entity in inner.types if entity in _BY_ENTITY)
        yield from _looked_into(inner)
