"""Which source gave what: a Provenance for each, and nothing of what is hidden from the asker."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from fhir.resources.R4B.provenance import Provenance
from flask.testing import FlaskClient

from hub.model.claims import Claim
from hub.model.declarations import fiche_record, part_record
from hub.model.fiche import KINDS, PARTS
from hub.store import Store
from plugins.fhir import subsetting
from plugins.fhir.params import RESOURCES
from plugins.fhir.provenance import ELEMENTS
from tests.plugins.fhir.conftest import Hub, hub_over, site
from tests.plugins.fhir.judge import complaints

SK, PG = "sociale-kaart", "progezondheid"


def claim(source: str, name: str, kind: str = "organisatie", **content: Any) -> Claim:
    """What a source says of `name`."""
    same = () if source == SK else ((SK, name),)
    return Claim(source=source, external_id=name, revision=1, kind=kind, content={"kind": kind, **content}, same_as=same)  # type: ignore[arg-type]


SHOWS_NOWHERE = {
    "Organization": {"description", "languages", "umbrella", "memberships"},
    "HealthcareService": {"caregivers"},
    "Practitioner": {"description"},
}
"""What R4 has no place for, or what is a resource of its own."""
BOOKKEEPING = {"id", "kind", "keys", "visibility", "field_visibility", "in_scope_of", "source_url"}
CONTAINER: dict[str, str] = {type: field for field, (_, type, _) in PARTS.items()}


@pytest.mark.parametrize("name", RESOURCES)
def test_every_declared_field_has_its_element_or_shows_nowhere(name: str) -> None:
    entity = RESOURCES[name].entity
    declared = fiche_record(entity) if entity in KINDS else part_record(CONTAINER[entity])
    nowhere = SHOWS_NOWHERE.get(name, set())
    assert {field.name for field in declared} - BOOKKEEPING == ELEMENTS[name].keys() | nowhere
    assert not ELEMENTS[name].keys() & nowhere
    assert set(ELEMENTS[name].values()) <= subsetting.ELEMENTS[name]


CLAIMS = [
    claim(SK, "both", names=[{"text": {"nl": "Twee bronnen"}}], contacts=[{"kind": "phone", "value": "+3215999901"}], vestigingen=[site(1, "9000", {"nl": "Gent"})]),
    claim(PG, "both", identifiers=[{"system": "kbo", "value": "0403019261"}], contacts=[{"kind": "phone", "value": "+3215999902"}]),
    claim(SK, "veiled", names=[{"text": {"nl": "Een verborgen stem"}}], contacts=[{"kind": "phone", "value": "+3215999903"}], vestigingen=[site(3, "9050", {"nl": "Gent"})]),
    # All that this source says is hidden from the public.
    claim(
        PG, "veiled", contacts=[{"kind": "phone", "value": "+3215999904", "visibility": "internal"}], description={"nl": "Geheim"},
        field_visibility={"description": "internal"}, vestigingen=[site(2, "9000", {"nl": "Gent"}, visibility="internal")],
    ),
    claim(SK, "hidden", names=[{"text": {"nl": "Verborgen"}}], visibility="internal"),
]  # fmt: skip


@pytest.fixture(scope="module")
def sourced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    home: Path = tmp_path_factory.mktemp("sourced")
    store = Store.open(f"sqlite:///{home / 'fichehub.sqlite'}", home)
    outcome = store.write(lambda writer: writer.put(CLAIMS, origin="test"))
    assert outcome.rejected == []
    app, key = hub_over(store)
    with store.read() as reading:
        sql = "SELECT c.external_id, e.uuid FROM claim c JOIN entity e ON e.id = c.fiche_id"
        ids: dict[str, str] = dict(reading.exec_driver_sql(sql).fetchall())
    yield Hub(app, store, ids, key)
    store.close()
    shutil.rmtree(home)


@pytest.fixture
def client(sourced: Hub) -> FlaskClient:
    return sourced.client()


def get(client: FlaskClient, path: str, status: int = 200) -> Any:
    response = client.get(f"/fhir/{path}")
    assert response.status_code == status, response.text
    answer = orjson.loads(response.data)
    assert complaints(answer) == []
    return answer


def told(bundle: Any) -> dict[str, list[str]]:
    """By source, the elements that it gave."""
    found = {}
    for entry in bundle.get("entry", ()):
        each = entry["resource"]
        if each["resourceType"] == "Provenance":
            Provenance.model_validate(each)
            paths = [extension["valueString"] for extension in each["target"][0]["extension"]]
            found[each["agent"][0]["who"]["identifier"]["value"]] = [path.partition(".")[2] for path in paths]
    return found


def test_each_source_is_told_with_what_it_gave(client: FlaskClient, sourced: Hub) -> None:
    bundle = get(client, f"Provenance?target=Organization/{sourced.ids['both']}")
    assert told(bundle) == {SK: ["address", "name", "telecom"], PG: ["identifier", "telecom"]}
    assert bundle["total"] == 2
    first = bundle["entry"][0]["resource"]
    assert get(client, f"Provenance/{first['id']}") == first
    assert get(client, first["target"][0]["reference"])["meta"]["lastUpdated"] == first["recorded"]
    assert first["meta"]["profile"] == ["https://www.ehealth.fgov.be/standards/fhir/core/StructureDefinition/be-provenance"]


def test_a_site_has_its_own(client: FlaskClient, sourced: Hub) -> None:
    [entry] = get(client, f"Location?organization={sourced.ids['both']}")["entry"]
    assert told(get(client, f"Provenance?target=Location/{entry['resource']['id']}")) == {SK: ["address"]}


def test_a_source_whose_words_are_all_hidden_is_not_named(client: FlaskClient, sourced: Hub) -> None:
    for path in (f"Provenance?target=Organization/{sourced.ids['veiled']}", "Organization?name=stem&_revinclude=Provenance:target"):
        bundle = get(client, path)
        assert PG not in orjson.dumps(bundle).decode()
        assert told(bundle)[SK] == ["name"], "who gave the telephone that is left cannot be told"
    api = client.get(f"/api/v1/fiches/{sourced.ids['veiled']}/provenance")
    assert PG not in api.text


def test_what_is_hidden_has_none(client: FlaskClient, sourced: Hub) -> None:
    hidden = sourced.ids["hidden"]
    assert "entry" not in get(client, f"Provenance?target=Organization/{hidden}")
    get(client, f"Provenance/{hidden}.000000000000", 404)


def test_it_comes_along_with_a_search_and_its_next_pages(client: FlaskClient, sourced: Hub) -> None:
    bundle = get(client, "Organization?_revinclude=Provenance:target&_count=1")
    met = 0
    while True:
        modes = [(entry["resource"]["resourceType"], entry["search"]["mode"]) for entry in bundle["entry"]]
        assert modes[0] == ("Organization", "match") and set(modes[1:]) == {("Provenance", "include")}
        met += 1
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not following:
            break
        bundle = get(client, following[0].partition("/fhir/")[2])
    assert met == 2


@pytest.mark.parametrize("query", ["", "?target=", "?target=Patient/1", "?target=Organization/", "?target=Organization/1&target=Organization/2"])
def test_a_target_is_asked_for(client: FlaskClient, query: str) -> None:
    answer = get(client, f"Provenance{query}", 400)
    assert "target" in answer["issue"][0]["details"]["text"]


@pytest.mark.parametrize("target", ["Organization/nope", "nope", "Organization/nope,Location/00000000-0000-4000-8000-000000000000"])
def test_of_what_is_not_here_there_is_none(client: FlaskClient, target: str) -> None:
    bundle = get(client, f"Provenance?target={target}")
    assert (bundle["total"], "entry" in bundle) == (0, False)


def test_what_can_be_no_id_is_told_by_the_parameter(client: FlaskClient) -> None:
    [issue] = get(client, "Provenance?target=Organization/n%20o", 400)["issue"]
    assert issue["expression"] == ["http.target"]


def test_many_targets_and_an_unknown_parameter(client: FlaskClient, sourced: Hub) -> None:
    ids = sourced.ids
    bundle = get(client, f"Provenance?target=Organization/{ids['both']},{ids['veiled']}&colour=blue")
    assert bundle["total"] == 3
    assert bundle["entry"][-1]["search"]["mode"] == "outcome"
    strict = client.get(f"/fhir/Provenance?target={ids['both']}&colour=blue", headers={"Prefer": "handling=strict"})
    assert strict.status_code == 400


def test_a_source_finds_only_what_its_provenance_is_shown_of(client: FlaskClient, sourced: Hub) -> None:
    def found(name: str, source: str, **headers: str) -> int:
        address = f"/fhir/Organization?_source={source}&_id={sourced.ids[name]}&_total=accurate"
        return int(orjson.loads(client.get(address, headers=headers).data)["total"])

    assert (found("both", SK), found("both", PG)) == (1, 1)
    assert (found("veiled", SK), found("veiled", PG)) == (1, 0), "all that it says is hidden"
    assert found("both", "elders") == 0
    [entry] = get(client, f"Location?organization={sourced.ids['both']}&_source={SK}")["entry"]
    assert "entry" not in get(client, f"Location?_id={entry['resource']['id']}&_source={PG}"), "it says nothing of the site"


@pytest.mark.parametrize(
    "address", ["Organization?_source=progezondheid&name=later", "Location?organization._source=progezondheid&organization.name=later"]
)
def test_who_begins_to_say_what_was_known_is_found_at_an_address_that_was_asked_before(client: FlaskClient, sourced: Hub, address: str) -> None:
    name = address.partition("?")[0]
    known: dict[str, Any] = {"names": [{"text": {"nl": "Later"}}], "vestigingen": [site(9, "9000", {"nl": "Gent"})]}
    sourced.store.write(lambda writer: writer.put([claim(SK, name, **known)], origin="test"))
    before = len(get(client, address).get("entry", ()))
    newest = get(client, "Organization?name=later")
    sourced.store.write(lambda writer: writer.put([claim(PG, name, **known)], origin="test"))
    assert get(client, "Organization?name=later") == newest, "nothing has changed"
    assert len(get(client, address).get("entry", ())) == before + 1
