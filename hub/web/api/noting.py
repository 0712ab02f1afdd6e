"""What a partner is shown through the API, in the audit trail: the same trail and the same rule as that of every endpoint, nothing that was searched for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import flask
from flask.globals import request_ctx

from hub.access.audit import FICHE
from hub.web.asking import record_access

_LONGEST: Final = 64
SHOWS: Final = {
    "fiches.fiches": "search-type",
    "fiches.fiche": "read",
    "fiches.history": "history-instance",
    "fiches.provenance": "operation",
    "changes.changes": "history-system",
    "operating.conflicts": "operation",
    "operating.decide": "operation",
    "operating.decisions_": "operation",
    "operating.dead_letters": "operation",
    "operating.proposals": "operation",
    "operating.proposal": "operation",
    "reviewing.reviews": "operation",
    "reviewing.review": "operation",
    "reviewing.decide_review": "operation",
    "reviewing.split": "operation",
}
"""The operations that tell something of a fiche, each by the word of the trail."""
NOBODY_IN_IT: Final = frozenset(
    [
        "kind",
        "rubriek",
        "city",
        "postcode",
        "zone",
        "province",
        "region",
        "municipality",
        "serves",
        "local",
        "code",
        "form",
        "language",
        "delivery",
        "status",
        "notStatus",
        "availability",
        "umbrella",
        "source",
        "organisatie",
        "parent",
        "providedBy",
        "vestiging",
        "zorgverlener",
        "changedSince",
        "sort",
        "total",
        "pageSize",
        "asAt",
        "before",
        "since",
        "connection",
        "entity",
        "state",
    ]
)
"""Parameters whose values name nobody: codes, places, ids, numbers. Of all others the value is left out."""
SEARCHED: Final = frozenset(["text", "name", "identifier", "family", "given", "street", "near", "after", "reason"])
"""Those others. A parameter that is in neither is not one of ours, and its name is left out too."""


def note(response: flask.Response) -> flask.Response:
    """Leave a row about the current request, if it is one of these; for `after_request`."""
    request = request_ctx.request
    interaction = SHOWS.get(request.endpoint or "")
    if interaction is not None:
        if interaction == "read" and "asAt" in request.args:
            interaction = "vread"
        named = request.view_args or {}
        target = str(named.get("id") or named.get("fiche") or named.get("entity") or "")[:_LONGEST]
        path = request.path.strip("/")
        record_access(interaction=interaction, type=FICHE, target=target, path=path, parameters=_told, status=response.status_code)
    return response


def _told() -> Iterator[tuple[str, str]]:
    for name, value in request_ctx.request.args.items(multi=True):
        if name in NOBODY_IN_IT:
            yield name, value
        else:
            yield (name if name in SEARCHED else "*"), "*"
