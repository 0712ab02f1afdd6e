"""What a resource was: its versions, as a client meets them."""

from __future__ import annotations

import orjson

from hub.store import log_reading
from tests.plugins.fhir.conftest import organisation, site
from tests.plugins.fhir.writing import (
    Writing,
    changes,
    get,
    named,
    told,
    writing,
)

__all__ = ["writing"]


def test_a_version_is_what_it_was_with_what_it_named_then(writing: Writing) -> None:
    client = writing.hub.client()
    koepel = {"parent": {"source": "sociale-kaart", "external_id": "org-1"}}
    writing.put(named(1, "Koepel oud"), named(2, "Huis oud", **koepel))
    id = writing.uuid("org-2")
    first = get(client, f"Organization/{id}")
    writing.put(named(1, "Koepel nieuw"))
    writing.put(named(2, "Huis nieuw", **koepel))
    assert get(client, f"Organization/{id}")["name"] == "Huis nieuw"
    response = client.get(f"/fhir/Organization/{id}/_history/{first['meta']['versionId']}")
    assert orjson.loads(response.data) == first
    assert first["partOf"]["display"] == "Koepel oud"
    assert response.headers["ETag"] == f'W/"{first["meta"]["versionId"]}"'
    tag = {"If-None-Match": response.headers["ETag"]}
    assert client.get(f"/fhir/Organization/{id}/_history/{first['meta']['versionId']}", headers=tag).status_code == 304


def test_a_part_of_a_version_is_shown_as_a_read_shows_it(writing: Writing) -> None:
    client = writing.hub.client()
    writing.put(named(1, "Huis"))
    whole = get(client, f"Organization/{writing.uuid('org-1')}")
    address = f"Organization/{whole['id']}/_history/{whole['meta']['versionId']}"
    for query in ("_summary=true", "_summary=text", "_summary=data", "_elements=name"):
        part = get(client, f"{address}?{query}", Prefer="handling=strict")
        assert part == get(client, f"Organization/{whole['id']}?{query}"), query
        assert part["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert get(client, f"{address}?_summary=false") == whole
    [issue] = get(client, f"{address}?_elements=naam", 400)["issue"]
    assert issue["expression"] == ["http._elements"]


def test_what_became_one_with_another_keeps_its_versions(writing: Writing) -> None:
    client = writing.hub.client()
    writing.put(named(1, "Huis blijft"))
    writing.put(named(2, "Huis gaat"))
    stays, goes = writing.uuid("org-1"), writing.uuid("org-2")
    first = get(client, f"Organization/{goes}")
    writing.hub.store.write(lambda writer: writer.join(stays, goes))
    assert get(client, f"Organization/{goes}/_history/{first['meta']['versionId']}") == first
    bundle = get(client, f"Organization/{goes}/_history")
    assert told(bundle) == [("DELETE", f"Organization/{goes}", ""), ("PUT", f"Organization/{goes}", first["meta"]["versionId"])]
    everything = told(get(client, "Organization/_history"))
    assert ("PUT", f"Organization/{goes}", first["meta"]["versionId"]) in everything
    with writing.hub.store.read() as connection:
        head = log_reading.head(connection)
    for late in ("", f"/_history/{head}"):
        answer = client.get(f"/fhir/Organization/{goes}{late}")
        assert (answer.status_code, answer.headers["Location"]) == (301, f"http://localhost/fhir/Organization/{stays}")


def test_a_site_gets_a_version_with_every_name_of_its_organisation(writing: Writing) -> None:
    client = writing.hub.client()
    there = {"vestigingen": [site(1, "1000", {"nl": "Brussel"})]}
    seen = []
    for names in (
        [{"text": {"nl": "Huis"}}],
        [{"text": {"nl": "Huis", "fr": "Maison"}}],
        [{"text": {"nl": "Huis", "fr": "Maison"}}, {"text": {"nl": "H"}, "use": "short"}],
    ):
        writing.put(organisation(1, names=names, **there))
        [entry] = get(client, "Location?name=huis")["entry"]
        seen.append(entry["resource"])
    assert [each.get("alias") for each in seen] == [None, ["Maison"], ["Maison", "H"]]
    assert len({each["meta"]["versionId"] for each in seen}) == 3
    for each in seen:
        assert get(client, f"Location/{each['id']}/_history/{each['meta']['versionId']}") == each


def test_what_is_no_version_is_404_and_the_removal_is_410(writing: Writing) -> None:
    client = writing.hub.client()
    writing.put(named(1, "Huis"), named(2, "Ander huis"))
    id, other = writing.uuid("org-1"), writing.uuid("org-2")
    seq = int(get(client, f"Organization/{id}")["meta"]["versionId"])
    of_other = get(client, f"Organization/{other}")["meta"]["versionId"]
    for version in (of_other, "0", "99999", "12345678901234567890123", f"{seq}-0", "abc"):
        assert get(client, f"Organization/{id}/_history/{version}", 404)["issue"][0]["code"] == "not-found"
    get(client, f"Practitioner/{id}/_history/{seq}", 404)
    [provenance] = [entry["resource"]["id"] for entry in get(client, f"Provenance?target={id}")["entry"]]
    writing.withdraw("org-1")
    assert get(client, f"Organization/{id}", 410)["issue"][0]["details"]["text"] == f"Organization/{id} has been removed."
    assert f"Provenance/{provenance} has been removed" in get(client, f"Provenance/{provenance}", 410)["issue"][0]["details"]["text"]
    get(client, f"Organization/{id}/_history/{seq}")
    removed = max(change.seq for change in changes(writing))
    [issue] = get(client, f"Organization/{id}/_history/{removed}", 410)["issue"]
    assert (issue["code"], issue["details"]["text"]) == ("deleted", f"Organization/{id} was removed in version {removed}.")
    get(client, f"Organization/{id}/_history/{removed + 1}", 404)


def test_the_version_of_a_partner_ends_with_its_agreement(writing: Writing) -> None:
    client = writing.hub.client()
    writing.put(named(1, "Huis"))
    id = writing.uuid("org-1")
    key = writing.hub.key
    version = get(client, f"Organization/{id}", X_API_Key=key)["meta"]["versionId"]
    seq, _, revision = version.partition("-")
    assert revision
    get(client, f"Organization/{id}/_history/{version}", X_API_Key=key)
    get(client, f"Organization/{id}/_history/{seq}", 404, X_API_Key=key)
    get(client, f"Organization/{id}/_history/{seq}-{int(revision) + 1}", 404, X_API_Key=key)


def test_a_version_that_is_not_there_is_not_a_resource_that_is_not_there(writing: Writing) -> None:
    client = writing.hub.client()
    writing.put(named(1, "Huis", visibility="internal"))
    writing.put(named(2, "Ander huis"))
    id, other = writing.uuid("org-1"), writing.uuid("org-2")
    [hidden] = [change.seq for change in changes(writing) if change.id == id]
    said = {version: get(client, f"Organization/{id}/_history/{version}", 404)["issue"][0]["details"]["text"] for version in (hidden, 0, 999)}
    assert len(set(said.values())) == 1, "what nobody may see is not there in any version"
    writing.put(named(1, "Huis"))
    for version in (hidden, 0, 999):  # the first of them he may not see
        [issue] = get(client, f"Organization/{id}/_history/{version}", 404)["issue"]
        assert f"Organization/{id} has no version {version}" in issue["details"]["text"]
    [issue] = get(client, f"Organization/{other}/_history/{hidden}", 404)["issue"]
    assert "has no version" in issue["details"]["text"]
