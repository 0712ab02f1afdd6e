"""What the audit trail keeps of a request: what it is called there, and which of its parameters are told. `audit_events` shows the trail.

Only partners are in it: nobody knows who the public is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

import flask

import hub
from plugins.fhir.audit_events import ALSO, PARAMS
from plugins.fhir.params import RESOURCES, UNSUPPORTED

WRITTEN: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_LONGEST: Final = 64
_PARTED: Final = re.compile("[.:]")
_NOBODY_IN_IT: Final = frozenset(
    [
        "_count",
        "_sort",
        "_total",
        "_summary",
        "_elements",
        "_include",
        "_revinclude",
        "_revInclude",
        "_since",
        "_lastUpdated",
        "_type",
        "_format",
        "_pretty",
        "_outputFormat",
        "_part",
        "_after",
        "_id",
        "active",
        "status",
        "type",
        "role",
        "specialty",
        "service-type",
        "service-category",
        "characteristic",
        "program",
        "coverage-area",
        "date",
        "outcome",
        "subtype",
        "address-city",
        "address-postalcode",
        "address-state",
        "address-country",
        "organization",
        "location",
        "partof",
        "endpoint",
        "service",
        "practitioner",
        "missing",
    ]
)
"""Parameters whose values name nobody; an id is a pseudonym, and whoever audits must know of whom something was asked. Of all others the value is left out, also
of `_cursor` and `_job`, which carry all that was searched for."""
_NAMES: Final = _NOBODY_IN_IT.union(
    RESOURCES,
    PARAMS,
    (name for resource in RESOURCES.values() for name in resource.by_name),
    (name for _, name in UNSUPPORTED),
    (modifier for resource in RESOURCES.values() for param in resource.by_name.values() for modifier in param.modifiers),
    ("_cursor", "_has", "_job", "criteria", "iterate", "target", "url"),
)
"""What the name of a parameter is made of. One with another word in it is none of ours, and may name somebody itself."""


class Written(NamedTuple):
    """What a request writes of one resource, as the trail tells it: `id` is the hub's as soon as it is known, `address` as it was sent, below the base; `status` None: that of the
    whole answer.
    """

    interaction: str
    type: str
    id: str
    address: str
    status: int | None = None


def tell(written: Sequence[Written]) -> None:
    """Let the current request leave these rows, instead of the one that its address tells of."""
    flask.g.fhir_written = written


def add_notes(blueprint: flask.Blueprint) -> None:
    """Let every request of a partner leave a row, and a transaction one for each of its entries."""

    @blueprint.after_request
    def note(response: flask.Response) -> flask.Response:
        request = flask.request
        path = request.path.strip("/").partition("/")[2]
        status = response.status_code

        def asked() -> list[tuple[str, str]]:
            given = list(request.args.items(multi=True))
            too_long = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE  # to look into it would raise that again
            if request.mimetype == "application/x-www-form-urlencoded" and not too_long:
                given += list(request.form.items(multi=True))
            return told_of(given)

        written: Sequence[Written] | None = flask.g.get("fhir_written")
        if written is not None:
            for each in written:
                where, _, query = each.address.partition("?")
                given = partial(told_of, parse_qsl(query, keep_blank_values=True))
                hub.record_access(
                    interaction=each.interaction,
                    type=each.type,
                    target=each.id[:_LONGEST],
                    path=where,
                    parameters=given,
                    status=each.status or status,
                )
        elif (called := classified(request.method, path)) is not None:
            interaction, type, target = called
            hub.record_access(interaction=interaction, type=type, target=target, path=path, parameters=asked, status=status)
        return response


def classified(method: str, path: str) -> tuple[str, str, str] | None:
    """(interaction, type, id) of a request for this path below the base; None for one that tells nothing of anybody, and for a Bundle, whose entries count."""
    segments = [segment for segment in path.split("/") if segment]
    if not segments:
        return None
    type, rest = segments[0], segments[1:]
    if type == "_history":
        return "history-system", "", ""
    if segments[-1].startswith("$export"):
        return "operation", type if type in RESOURCES else "", ""
    if type not in RESOURCES and type not in ALSO:
        return None
    operation = next((place for place, segment in enumerate(rest) if segment.startswith("$")), None)
    if operation is not None:
        return "operation", type, rest[0][:_LONGEST] if operation else ""
    if method in ("GET", "HEAD"):
        match rest:
            case [] | ["_search"]:
                return "search-type", type, ""
            case ["_history"]:
                return "history-type", type, ""
            case [id]:
                return "read", type, id[:_LONGEST]
            case [id, "_history"]:
                return "history-instance", type, id[:_LONGEST]
            case [id, "_history", _]:
                return "vread", type, id[:_LONGEST]
            case [id, *_]:
                return "operation", type, id[:_LONGEST]
    if rest == ["_search"]:
        return "search-type", type, ""
    return WRITTEN.get(method, "operation"), type, rest[0][:_LONGEST] if rest else ""


def told_of(given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Parameters as the trail keeps them: `*` for values that may name somebody, and for names that are none of ours."""
    told = []
    for name, value in given:
        if not _NAMES.issuperset(_PARTED.split(name)):
            told.append(("*", "*"))
            continue
        last = name.rpartition(".")[2] if "." in name else name.rpartition(":")[2] if name.startswith("_has:") else name
        bare, _, modifier = last.partition(":")
        names_nobody = (modifier == "missing" or bare in _NOBODY_IN_IT) and modifier != "identifier"
        told.append((name, value if names_nobody else "*"))
    return told
