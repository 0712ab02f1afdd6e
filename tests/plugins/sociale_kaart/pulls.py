"""One connection to a simulator, and a hub that remembers what it was given: enough to try whole runs without a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hub import schemas
from hub.connector import Context, Finished, Http, Incoming
from hub.errors import Rejected
from hub.model.claims import Claim
from hub.model.concepts import Concept
from hub.outbound import Outbound
from plugins.sociale_kaart.connector import SocialeKaart


@dataclass(slots=True)
class Pulled:
    """What one pull gave."""

    claims: dict[str, Claim] = field(default_factory=dict)
    concepts: dict[str, Concept] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    finished: Finished | None = None
    changed: set[str] = field(default_factory=set)

    @property
    def end(self) -> Finished:
        assert self.finished is not None
        return self.finished

    def of(self, kind: str) -> dict[str, Claim]:
        return {key: claim for key, claim in self.claims.items() if claim.kind == kind}


class Hub:
    """Holds what was given, hands it to the connector as the hub does, and moves its clock with every run."""

    def __init__(self) -> None:
        self.known: dict[str, Claim] = {}
        self.moment = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def held(self, external_ids: Sequence[str]) -> Mapping[str, Claim]:
        return {key: self.known[key] for key in external_ids if key in self.known}

    def leading_to(self, external_ids: Sequence[str]) -> set[str]:
        return {key for key, claim in self.known.items() if claim.content.get("organisatie", {}).get("external_id") in external_ids}

    def pull(self, base_url: str, cursor: str | None = None, *, http: Http | None = None, **config: Any) -> Pulled:
        self.moment += timedelta(hours=1)
        with outbound() as client:
            source = connect(base_url, Context(http or client, lambda: self.moment, held=self.held, leading_to=self.leading_to), **config)
            pulled = Pulled()
            for item in source.pull(cursor):
                if isinstance(item, Incoming):
                    claim = item.claim
                    schemas.check_claim(claim)
                    assert claim.external_id not in pulled.claims, "one claim of a fiche per run"
                    pulled.claims[claim.external_id] = claim
                    before = self.known.get(claim.external_id)
                    if before != claim:
                        assert before is None or before.revision < claim.revision
                        pulled.changed.add(claim.external_id)
                    self.known[claim.external_id] = claim
                    if claim.gone:
                        del self.known[claim.external_id]
                elif isinstance(item, Concept):
                    pulled.concepts[item.code] = item
                elif isinstance(item, Rejected):
                    pulled.rejected.append(item)
                else:
                    pulled.finished = item
        return pulled


def connect(base_url: str, context: Context, **config: Any) -> SocialeKaart:
    settings = {"base_url": base_url, "pace": 0, **config}
    return SocialeKaart(SocialeKaart.config_schema().load(settings), context)


@contextmanager
def outbound(attempts: int = 4) -> Iterator[Outbound]:
    with Outbound(allow_private=True, deadline=10, attempts=attempts, sleep=lambda seconds: None) as client:
        yield client


def row(**changes: Any) -> dict[str, Any]:
    """A row with every known key."""
    given: dict[str, Any] = {
        "id": {"id": "ab" * 32, "authenticSource": "SOKA"},
        "type": "Aanbod",
        "state": "ACTIVE",
        "verified": True,
        "legalName": {"description": "Huis De Wilg"},
        "addresses": [
            {
                "primary": True,
                "type": "Bezoekadres",
                "number": "12",
                "street": {"name": {"description": "Wilgenlaan"}},
                "municipality": {"postalCode": "9100", "name": {"description": "Sint-Niklaas"}},
                "location": {"lat": 51.16, "lon": 4.14},
                "links": [{"href": "site-1"}],
            }
        ],
        "activities": [{"name": {"description": "14.04.01. Woonzorgcentra (WZC)"}}],
        "contactInfo": {
            "phones": [{"value": "03 700 00 00", "primary": True}],
            "emails": [{"value": "Info@Example.org", "primary": True}],
            "websites": [{"value": "www.example.org/wilg", "primary": True}],
        },
        "links": [{"rel": "organisation", "href": f"https://elders.example/api/leaflet/{'cd' * 32}"}],
    }
    return {**given, **changes}
