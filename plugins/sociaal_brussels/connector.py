"""The connection to sociaal.brussels: everything in each pull, since the interface knows neither pages nor changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, ClassVar, Final

import marshmallow as ma

from hub import (
    Concept,
    Finished,
    Incoming,
    Misconfigured,
    Places,
    Rejected,
    Simulator,
    Source,
)
from plugins.sociaal_brussels import vocabulary
from plugins.sociaal_brussels.client import Client
from plugins.sociaal_brussels.reading import Json, whole
from plugins.sociaal_brussels.simulator import SociaalBrusselsSimulator
from plugins.sociaal_brussels.translate import Municipal, told_by

VERSIONS: Final = ("v1", "v2")
_WHOLE: Final = ("legalStatus", "address", "permanencyNl", "lastUpdate")
"""A row without any of these is a summary: its number has to be asked for by itself."""

_MOST_NAMED: Final = 12
"""So many fields are named in one sentence; more come only when the interface has become another."""


class SociaalBrusselsConfig(ma.Schema):
    """Where it is and which version it speaks."""

    base_url = ma.fields.Url(
        load_default="https://social.brussels/rest",
        schemes={"http", "https"},
        require_tld=False,
        metadata={"description": "Address of the interface; ends in /rest."},
    )
    version = ma.fields.String(
        load_default="v1",
        validate=ma.validate.OneOf(VERSIONS),
        metadata={"description": "Version of the interface; only v1 is known."},
    )


class SociaalBrussels(Source):
    """Pulls every organisation as an organisatie and an aanbod, and the categories as concepts."""

    name: ClassVar[str] = "sociaal-brussels"
    title: ClassVar[str] = "sociaal.brussels: sociale kaart van Brussel"
    titles: ClassVar[Mapping[str, str]] = {
        "fr": "social.brussels : carte sociale de Bruxelles",
        "de": "social.brussels: Sozialkarte von Brüssel",
        "en": "social.brussels: social map of Brussels",
    }
    config_schema: ClassVar[type[ma.Schema]] = SociaalBrusselsConfig
    simulator: ClassVar[type[Simulator] | None] = SociaalBrusselsSimulator

    def check(self) -> None:
        """The version must be one that we speak, and the sectors must come."""
        self._client().sectors()

    def pull(self, cursor: str | None) -> Iterator[Incoming | Concept | Rejected | Finished]:
        """Everything, whatever the cursor. A number that leads nowhere is an organisation that is gone."""
        client = self._client()
        # One moment for the whole pull: what was read first is not older than what was read last.
        now, municipality = self.context.now(), _municipalities()
        yield from _concepts(client)
        rows = client.organisations()
        remarks: Counter[str] = Counter()
        unused: Counter[str] = Counter()
        nameless = 0
        for row in rows:
            try:
                full = _full(row, client)
                if full is None:
                    remarks["listed but gone (404)"] += 1
                    continue
                told = told_by(full, now, municipality)
            except Rejected as rejected:
                nameless += not rejected.external_id
                yield from _both(rejected)
                continue
            remarks += told.remarks
            unused.update(told.unused)
            for claim in told.claims:
                yield Incoming(claim)
        if not rows:
            # No organisation in the whole of Brussels is a fault at the other side, never news.
            yield Finished(
                complete=False,
                warnings=("sociaal.brussels gave no organisation at all; nothing was removed.",),
            )
            return
        warnings = [f"{count} of {len(rows)} organisations: {remark}." for remark, count in sorted(remarks.items())]
        if unused:
            warnings.append(f"Filled in, but not used here: {_in_words(unused, len(rows))}.")
        if client.stray:
            warnings.append(f"Bytes that are no UTF-8, though the answers say that they are: {client.stray}. They were read as cp1252.")
        yield Finished(complete=nameless == 0, missing=nameless, warnings=tuple(warnings))

    def _client(self) -> Client:
        if self.config["version"] != "v1":
            raise Misconfigured(
                "sociaal.brussels has announced a new interface (v2), but not yet described it. Set version to v1 until it has been built in."
            )
        return Client(self.context.http, self.config["base_url"])


def _in_words(unused: Counter[str], rows: int) -> str:
    told = [f"{name[:40]} (of {count} of {rows} organisations)" for name, count in sorted(unused.items())]
    return ", ".join(told if len(told) <= _MOST_NAMED else [*told[:_MOST_NAMED], f"and {len(told) - _MOST_NAMED} more"])


def _both(rejected: Rejected) -> Iterator[Rejected]:
    """The row's two claims are rejected together: one that is not heard of would count as removed."""
    yield rejected
    if rejected.external_id:
        yield Rejected(
            f"{rejected.message} Its aanbod stays as it was as well.",
            external_id=f"{rejected.external_id}/aanbod",
            field=rejected.field,
            raw=rejected.raw,
        )


@cache
def _municipalities() -> Municipal:
    """Made once: reading the tables of places takes longer than a small pull."""
    return lru_cache(1024)(Places().of_address)


def _full(row: Any, client: Client) -> Json | None:
    """The row with all its fields; None when its number leads nowhere."""
    if not isinstance(row, dict):
        raise Rejected("A row is not an object.", field="organisation", raw=repr(row)[:200])
    number = whole(row.get("id"))
    if number is None or any(key in row for key in _WHOLE):
        return row
    return client.organisation(number)


def _concepts(client: Client) -> Iterator[Concept]:
    """Sectors, the categories below them, and the legal forms."""
    broader: dict[int, str] = {}
    for sector in client.sectors():
        concept = vocabulary.sector_concept(sector)
        if concept is None:
            continue
        yield concept
        for category in vocabulary.categories_in(client.sector(sector["id"])):
            number = whole(category.get("id"))
            if number is not None:
                broader.setdefault(number, concept.code)
    for category in client.categories():
        number = whole(category.get("id")) if isinstance(category, dict) else None
        concept = vocabulary.category_concept(category, broader.get(number or 0))
        if concept is not None:
            yield concept
    for status in client.legal_status():
        concept = vocabulary.legal_status_concept(status)
        if concept is not None:
            yield concept
