"""A client that keeps a copy by the histories (IHE mCSD, ITI-91), while the hub is written to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from flask.testing import FlaskClient

from hub.access import Agreement, issue_key, save_agreement
from hub.model.query import Criterion, Query
from hub.store import Writer
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.conftest import CLAIMS, HIDDEN
from tests.plugins.fhir.writing import (
    Writing,
    get,
    link,
    named,
    told,
    what_there_is,
    writing,
)

__all__ = ["writing"]


@dataclass
class UpdateClient:
    """An mCSD update client (ITI-91): it keeps a copy by type, takes of a next link only the parameters, and of each id the newest entry."""

    client: FlaskClient
    copy: dict[str, dict[str, Any]] = field(default_factory=dict)
    since: str | None = None

    def sync(self, between: Callable[[], None] = lambda: None) -> None:
        moments = []
        for type in RESOURCES:
            params: dict[str, str] | None = {"_count": "4"} | ({"_since": self.since} if self.since else {})
            seen: set[str] = set()
            while params is not None:
                response = self.client.get(f"/fhir/{type}/_history", query_string=params)
                assert response.status_code == 200, response.text
                page = orjson.loads(response.data)
                moments.append(page["meta"]["lastUpdated"])
                for entry in page.get("entry", ()):
                    address = entry["request"]["url"]
                    if address in seen:
                        continue
                    seen.add(address)
                    if entry["request"]["method"] == "DELETE":
                        self.copy.pop(address, None)
                    else:
                        self.copy[address] = entry["resource"]
                following = link(page, "next")
                params = dict(parse_qsl(urlsplit(following).query)) if following else None
                between()
        self.since = min(moments)


def test_an_update_client_stays_in_sync_while_the_hub_is_written_to(writing: Writing) -> None:
    client = writing.hub.client()
    writing.put(*CLAIMS)
    copy = UpdateClient(client)
    turn = iter(range(1000))

    def write() -> None:
        number = next(turn)
        match number % 5:
            case 0:
                writing.put(named(100 + number, f"Nieuw {number}"))
            case 1:
                writing.put(replace(CLAIMS[1], content=CLAIMS[1].content | {"names": [{"text": {"nl": f"Praktijk {number}"}}]}))
            case 2:
                writing.withdraw(f"org-{10 + number % 30}")
            case 3:
                writing.put(named(12 + number % 20, f"Verborgen {HIDDEN}", visibility="internal"))
            case _:
                writing.put(
                    replace(CLAIMS[0], content=CLAIMS[0].content | {"contacts": [{"kind": "phone", "value": f"+32159999{number % 100:02d}"}]})
                )

    copy.sync(write)
    copy.sync(write)
    copy.sync()
    assert copy.copy == what_there_is(client)
    assert len(copy.copy) > 50
    assert HIDDEN not in orjson.dumps(copy.copy).decode()
    before = copy.since
    copy.sync()
    assert copy.since == before, "nothing was written, so nothing moves"


def test_an_agreement_with_a_selection_is_told_by_id_what_left_it(writing: Writing) -> None:
    client = writing.hub.client()

    def agree(writer: Writer) -> str:
        gent = Query(types=("organisatie",), where=(Criterion("name", ("gent",)),))
        agreement = Agreement(
            name="gent", title="Gent", purpose="test", legal_basis="test", contact="a@example.org", our_contact="b@example.org", level="public", scope=gent,
        )  # fmt: skip
        save_agreement(writer.connection, agreement, "2026-11-22T09:00:00Z")
        return issue_key(writer.connection, "gent", "2026-11-22T09:00:00Z")

    key = writing.hub.store.write(agree)
    writing.put(named(1, "Huis Gent"))
    [entry] = get(client, "Organization/_history", X_API_Key=key)["entry"]
    assert entry["resource"]["name"] == "Huis Gent"
    writing.put(named(1, "Huis Aalst"))
    told_now = get(client, "Organization/_history", X_API_Key=key)
    assert told(told_now)[0] == ("DELETE", f"Organization/{writing.uuid('org-1')}", "")
    assert "Aalst" not in orjson.dumps(told_now).decode()


@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_every_type_declares_what_an_update_client_asks_for(client: FlaskClient, name: str) -> None:
    statement: Any = CapabilityStatement.model_validate(get(client, "metadata"))
    [rest] = statement.rest
    assert {"history-system", "batch"} <= {each.code for each in rest.interaction}
    [resource] = [each for each in rest.resource if each.type == name]
    codes = {each.code for each in resource.interaction}
    assert {"read", "vread", "search-type", "history-type", "history-instance"} <= codes
    assert f"http://ihe.net/fhir/StructureDefinition/IHE.mCSD.{name}" in resource.supportedProfile
    assert resource.readHistory is True
