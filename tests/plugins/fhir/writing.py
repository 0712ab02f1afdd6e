"""A hub that is written to while clients read, and what its histories say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from fhir.resources.R4B.bundle import Bundle
from flask.testing import FlaskClient

from hub.directory import Directory
from hub.model.audience import INTERNAL
from hub.model.claims import Claim
from hub.model.entity import Change
from hub.store import Store
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.conftest import Hub, hub_over, organisation
from tests.plugins.fhir.judge import complaints


@dataclass
class Writing:
    """A hub that is written to while clients read; its clock moves one second with every transaction."""

    hub: Hub
    clock: list[datetime]
    revisions: dict[str, int] = field(default_factory=dict)

    def put(self, *claims: Claim) -> None:
        """One transaction; each claim with the next revision of its id."""
        self.clock[0] += timedelta(seconds=1)
        rising = []
        for claim in claims:
            self.revisions[claim.external_id] = self.revisions.get(claim.external_id, 0) + 1
            rising.append(replace(claim, revision=self.revisions[claim.external_id]))
        self.hub.store.write(lambda writer: writer.put(rising, origin="test"))

    def withdraw(self, *ids: str) -> None:
        """One transaction in which the source takes these back."""
        self.clock[0] += timedelta(seconds=1)
        self.hub.store.write(lambda writer: writer.withdraw("sociale-kaart", list(ids), origin="test"))

    def uuid(self, external_id: str) -> str:
        """Of a fiche, by the id that its source gives it."""
        with self.hub.store.read() as connection:
            sql = "SELECT e.uuid FROM claim c JOIN entity e ON e.id = c.fiche_id WHERE c.external_id = ?"
            return str(connection.exec_driver_sql(sql, (external_id,)).scalar_one())


@pytest.fixture
def writing(tmp_path: Path, sqlite_database_url: str) -> Iterator[Writing]:
    clock = [datetime(2026, 11, 22, 9, tzinfo=UTC)]
    store = Store.open(sqlite_database_url, tmp_path, now=lambda: clock[0])
    app, key = hub_over(store)
    yield Writing(Hub(app, store, {}, key), clock)
    store.close()


def get(client: FlaskClient, path: str, status: int = 200, **headers: str) -> Any:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    response = client.get(path if path.startswith("http") else f"/fhir/{path}", headers=given)
    assert response.status_code == status, response.text
    resource = orjson.loads(response.data)
    assert complaints(resource) == []
    if resource["resourceType"] == "Bundle":
        Bundle.model_validate(resource)
    return resource


def link(bundle: dict[str, Any], relation: str) -> str | None:
    return next((each["url"] for each in bundle["link"] if each["relation"] == relation), None)


def told(bundle: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(method, address, version or nothing) of each entry."""
    return [
        (each["request"]["method"], each["request"]["url"], each.get("resource", {}).get("meta", {}).get("versionId", ""))
        for each in bundle.get("entry", ())
    ]


def named(number: int, name: str, **more: Any) -> Claim:
    return organisation(number, names=[{"text": {"nl": name}}], **more)


def changes(writing: Writing) -> tuple[Change, ...]:
    return Directory(writing.hub.store, INTERNAL).changes(0).changes


def caregivers(writing: Writing, *numbers: int, aanbod: int = 1) -> None:
    """An aanbod in which these work, before anybody told who they are; the log says, as logs did, that everybody saw them from then on."""
    works = [{"keys": [f"sociale-kaart:zv-{n}"], "zorgverlener": {"source": "sociale-kaart", "external_id": f"zv-{n}"}} for n in numbers]
    with pytest.MonkeyPatch.context() as before:
        before.setattr("hub.store.part_changes.end_of", lambda part: None)
        writing.put(
            Claim("sociale-kaart", f"aanbod-{aanbod}", 1, "aanbod", {"kind": "aanbod", "names": [{"text": {"nl": "Artsen"}}], "caregivers": works})
        )
    with writing.hub.store.read() as connection:
        told = connection.exec_driver_sql(
            "SELECT count(*) FROM change WHERE type = 'caregiver' AND operation = 'create' AND audience = 0"
        ).scalar_one()
    assert told >= len(numbers), "else nothing that cannot be told is in the log"


def person(number: int, **content: Any) -> Claim:
    return Claim("sociale-kaart", f"zv-{number}", 1, "zorgverlener", {"kind": "zorgverlener", "name": {"family": f"Peeters{number}"}, **content})


def statuses(bundle: dict[str, Any]) -> list[str]:
    return [each["response"]["status"] for each in bundle.get("entry", ())]


def what_there_is(client: FlaskClient) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for type in RESOURCES:
        following: str | None = f"{type}?_count=500"
        while following:
            page = get(client, following)
            found |= {f"{type}/{each['resource']['id']}": each["resource"] for each in page.get("entry", ())}
            following = link(page, "next")
    return found
