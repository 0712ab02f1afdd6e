"""The connection to ProGezondheid: pages by cursor, the next one fetched while the last one is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, ClassVar, Final

import marshmallow as ma

from hub import Claim, Finished, Incoming, Misconfigured, Rejected, Simulator, Source
from plugins.progezondheid.client import Client, ProviderPage
from plugins.progezondheid.drift import drift_in
from plugins.progezondheid.simulator import ProGezondheidSimulator
from plugins.progezondheid.translate import claim_of

SKEW: Final = timedelta(minutes=5)
"""A clock that differs by more than this is worth a warning; nothing hangs on it."""


class ProGezondheidConfig(ma.Schema):
    """Where the register is and who we are to it."""

    base_url = ma.fields.Url(
        required=True,
        schemes={"http", "https"},
        require_tld=False,
        metadata={"description": "Address above /providers, as the register gave it."},
    )
    token = ma.fields.String(
        required=True,
        validate=ma.validate.Length(1, 4000),
        metadata={"secret": True, "description": "Bearer token."},
    )
    page_size = ma.fields.Integer(
        load_default=1000,
        validate=ma.validate.Range(1, 1000),
        metadata={"description": "Caregivers per page."},
    )


class ProGezondheid(Source):
    """Pulls caregivers. The cursor is the register's own: after a page is stored, a later pull goes on from there, also after a kill."""

    name: ClassVar[str] = "progezondheid"
    title: ClassVar[str] = "ProGezondheid: federaal register van zorgverleners"
    config_schema: ClassVar[type[ma.Schema]] = ProGezondheidConfig
    simulator: ClassVar[type[Simulator] | None] = ProGezondheidSimulator

    def check(self) -> None:
        """One caregiver must come, in the shape of the contract."""
        self._demand_the_contract(self._client().page(None, 1).items, set())

    def pull(self, cursor: str | None) -> Iterator[Incoming | Rejected | Finished]:
        """All caregivers, or those changed since `cursor`. Deleted ones come as `gone`; absence says nothing."""
        client, limit = self._client(), self.config["page_size"]
        warnings: set[str] = set()
        with ThreadPoolExecutor(1, "progezondheid page") as ahead:
            fetched = ahead.submit(client.page, cursor, limit)
            while True:
                page = fetched.result()
                if not page.complete:
                    fetched = ahead.submit(client.page, page.next_cursor, limit)
                self._look_at_clock(page, warnings)
                self._demand_the_contract(page.items, warnings)
                yield from _incoming(page)
                if page.complete:
                    break
        # Never complete: only caregivers with a visum are in this register, so that somebody is not in it (any more) must not
        # delete a fiche here (need 18). Whoever really goes comes with the state `deleted`, which is a claim like any other.
        yield Finished(complete=False, cursor=page.next_cursor, warnings=tuple(sorted(warnings)))

    def _client(self) -> Client:
        return Client(self.context.http, self.config["base_url"], self.config["token"])

    def _look_at_clock(self, page: ProviderPage, warnings: set[str]) -> None:
        if abs(page.server_time - self.context.now()) > SKEW:
            warnings.add(
                f"The clock of ProGezondheid differs from ours by more than {SKEW.seconds // 60} minutes. "
                "Nothing hangs on it: what is newest is decided by their version numbers."
            )

    def _demand_the_contract(self, items: Sequence[Any], warnings: set[str]) -> None:
        found = drift_in(items)
        if found.missing:
            new = f" New there: {', '.join(found.new)}." if found.new else ""
            raise Misconfigured(
                f"ProGezondheid changed its interface: no caregiver has {', '.join(found.missing)} any more.{new} "
                "Nothing of that page was taken in. Compare with the contract (docs/progezondheid.md), then enable the connection again."
            )
        if found.new:
            warnings.add(
                f"ProGezondheid sends fields that the contract does not know: {', '.join(found.new)}. They are left aside."
            )


def _incoming(page: ProviderPage) -> Iterator[Incoming | Rejected]:
    """The page's claims, the last with the cursor; rejected rows first, so that they are recorded before the cursor passes them."""
    claims: list[Claim] = []
    for item in page.items:
        try:
            claims.append(claim_of(item))
        except Rejected as rejected:
            yield rejected
    for claim in claims[:-1]:
        yield Incoming(claim)
    if claims:
        yield Incoming(claims[-1], page.next_cursor)
