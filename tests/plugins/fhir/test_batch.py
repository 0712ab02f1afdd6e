"""Many requests in one: each entry has its own answer."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from fhir.resources.R4B.bundle import Bundle
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from plugins.fhir.batch import MAX_ENTRIES
from plugins.fhir.judge.reading import from_xml
from tests.plugins.fhir.conftest import HIDDEN, Hub
from tests.plugins.fhir.judge import complaints

JSON = "application/fhir+json"


def batch(client: FlaskClient, *requests: Any, path: str = "/fhir", **headers: str) -> list[Any]:
    """The entries of the answer."""
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": request} for request in requests]}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = client.post(path, data=orjson.dumps(bundle), content_type=JSON, headers=named)
    assert response.status_code == 200, response.text
    answer = orjson.loads(response.data)
    assert (answer["type"], complaints(answer)) == ("batch-response", [])
    Bundle.model_validate(answer)
    return list(answer.get("entry", ()))


def asking(url: str, **more: str) -> dict[str, str]:
    return {"method": "GET", "url": url, **more}


@pytest.mark.parametrize("path", ["/fhir", "/fhir/"])
def test_each_entry_is_answered_as_if_it_had_come_alone(client: FlaskClient, small: Hub, path: str) -> None:
    org = f"Organization/{small.ids['org-1']}"
    urls = [org, "Organization?name=linde", f"{org}/_history", f"http://localhost/fhir/{org}", "/Organization?_count=1", "metadata"]
    entries = batch(client, *(asking(url) for url in urls), path=path)
    alone = [orjson.loads(client.get("/fhir/" + url.removeprefix("http://localhost/fhir/").lstrip("/")).data) for url in urls]
    assert [entry["resource"] for entry in entries] == alone
    assert {entry["response"]["status"] for entry in entries} == {"200 OK"}
    assert entries[0]["response"]["etag"] == f'W/"{alone[0]["meta"]["versionId"]}"'
    assert entries[0]["response"]["lastModified"].endswith("Z")


def test_an_entry_that_fails_tells_why_and_the_others_are_answered(client: FlaskClient, small: Hub) -> None:
    org = f"Organization/{small.ids['org-1']}"
    etag = client.get(f"/fhir/{org}").headers["ETag"]
    asked = [
        asking("Organization/00000000-0000-4000-8000-000000000000"),
        asking("Organization?_count=many"),
        {"method": "DELETE", "url": org},
        asking("https://elsewhere.example.org/fhir/Organization/1"),
        asking("http://[/"),
        asking("$export"),
        {"method": "GET"},
        "nothing",
        asking("Patient/1"),
        asking(org, ifNoneMatch=etag),
        asking(org, ifNoneMatch='W/"1"\r\nX-Evil: 1'),
    ]
    entries = batch(client, *asked)
    statuses = [entry["response"]["status"][:3] for entry in entries]
    assert statuses == ["404", "400", "405", "400", "400", "400", "400", "400", "404", "304", "200"]
    for entry in entries[:9]:
        assert entry["response"]["outcome"]["issue"][0]["severity"] == "error"
        assert "resource" not in entry
    assert entries[1]["response"]["outcome"]["issue"][0]["expression"] == ["http._count"]
    assert entries[2]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[2].request.method"]


@pytest.mark.parametrize("accepted", ["application/fhir+json", "application/fhir+xml"])
def test_entries_have_the_form_of_the_bundle_whatever_they_ask_for(client: FlaskClient, small: Hub, accepted: str) -> None:
    org = f"Organization/{small.ids['org-1']}"
    asked = [
        asking(f"{org}?_format=xml&_elements=id"),
        asking("Patient?_format=xml"),
        asking("Organization?name=de%20linde&_pretty=true&_format=xml"),
    ]
    sent = orjson.dumps({"resourceType": "Bundle", "type": "batch", "entry": [{"request": each} for each in asked]})
    response = client.post("/fhir", data=sent, content_type=JSON, headers={"Accept": accepted})
    assert response.status_code == 200, response.data
    bundle: Any = orjson.loads(response.data) if accepted.endswith("json") else from_xml(response.data)
    one, refused, found = bundle["entry"]
    assert one["resource"]["resourceType"] == "Organization"
    assert refused["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert found["resource"]["link"][0]["url"].endswith("/Organization?name=de%20linde")


def test_what_did_not_change_since_comes_without_a_body(client: FlaskClient, small: Hub) -> None:
    org = f"Organization/{small.ids['org-1']}"
    response = client.get(f"/fhir/{org}")
    changed = orjson.loads(response.data)["meta"]["lastUpdated"]
    asked = [
        asking(org, ifNoneMatch=response.headers["ETag"]),
        asking(org, ifModifiedSince="2090-01-01T00:00:00Z"),
        asking(org, ifModifiedSince=changed),
        asking(org, ifModifiedSince="2001-01-01T00:00:00+01:00"),
        asking(org, ifModifiedSince="gisteren"),
    ]
    entries = batch(client, *asked)
    assert [entry["response"]["status"][:3] for entry in entries] == ["304", "304", "304", "200", "400"]
    assert all(entry.keys() == {"response"} and "outcome" not in entry["response"] for entry in entries[:3])
    [issue] = entries[4]["response"]["outcome"]["issue"]
    assert issue["expression"] == ["Bundle.entry[4].request.ifModifiedSince"]


def test_who_asks_is_who_sent_the_batch(client: FlaskClient, small: Hub) -> None:
    hidden = asking(f"Organization/{small.ids['org-1']}")
    [public] = batch(client, hidden)
    [partner] = batch(client, hidden, X_API_Key=small.key)
    assert HIDDEN not in orjson.dumps(public).decode()
    assert HIDDEN in orjson.dumps(partner).decode()
    refused = client.post("/fhir", data=b"{}", content_type=JSON, headers={"X-API-Key": "fh_wrong"})
    assert (refused.status_code, orjson.loads(refused.data)["resourceType"]) == (401, "OperationOutcome")
    assert batch(client) == []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"[]", "Bundle"),
        (b'{"resourceType":"Organization"}', "Bundle"),
        (b'{"resourceType":"Bundle","type":"searchset"}', "Bundle.type"),
        (b'{"resourceType":"Bundle","type":"batch","entry":{}}', "Bundle.entry"),
        (b'{"resourceType":"Bundle","type":"batch","entry":[%b]}' % b",".join([b"{}"] * (MAX_ENTRIES + 1)), "Bundle.entry"),
    ],
)
def test_what_is_no_batch_of_gets_is_refused_with_the_element(client: FlaskClient, body: bytes, path: str) -> None:
    response = client.post("/fhir", data=body, content_type=JSON)
    assert response.status_code == 400
    [issue] = orjson.loads(response.data)["issue"]
    assert issue["details"]["text"].startswith(f"{path}: ")
    assert issue["expression"] == [path]


def test_a_batch_may_be_xml(client: FlaskClient) -> None:
    entry = '<entry><request><method value="GET"/><url value="Organization?_count=1&amp;name=l"/></request></entry>'
    sent = f'<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/>{entry}{entry.replace("Organization", "Patient")}</Bundle>'
    for accepted in ("application/fhir+json", "application/fhir+xml"):
        response = client.post("/fhir", data=sent.encode(), content_type="application/fhir+xml", headers={"Accept": accepted})
        assert response.status_code == 200, response.data
        assert response.mimetype == accepted
        bundle: Any = orjson.loads(response.data) if accepted.endswith("json") else from_xml(response.data)
        assert [entry["response"]["status"] for entry in bundle["entry"]] == ["200 OK", "404 Not Found"]
        assert bundle["entry"][0]["resource"]["entry"]


def test_a_batch_is_json_or_xml(client: FlaskClient) -> None:
    response = client.post("/fhir", data=b"resourceType=Bundle", content_type="application/x-www-form-urlencoded")
    assert response.status_code == 415
    assert "application/fhir+json" in orjson.loads(response.data)["issue"][0]["details"]["text"]
    assert client.get("/fhir").status_code == 404
    assert client.put("/fhir").status_code in (404, 405)


@pytest.fixture(scope="module")
def file_part(small: Hub) -> str:
    """The parameter of a file of an export."""
    asked = small.client().get("/fhir/$export?_type=Organization", headers={"Prefer": "respond-async"})
    listed = small.client().get(asked.headers["Content-Location"].partition("localhost")[2])
    return str(orjson.loads(listed.data)["output"][0]["url"].partition("?")[2])


@pytest.mark.parametrize("accepted", ["application/fhir+json", "application/fhir+xml"])
def test_only_what_is_fhir_stands_in_a_bundle_however_it_is_spelled(client: FlaskClient, file_part: str, accepted: str) -> None:
    urls = [
        f"$export-file?{file_part}",
        f"%24export-file?{file_part}",
        f"/%24export-file?{file_part}",
        f"%2524export-file?{file_part}",
        f"$\t%65xport-file?{file_part}",
        f"http://localhost/fhir/%24export-file?{file_part}",
        "Organization%2F%24export",
        ".well-known/smart-configuration",
        "%2ewell-known/smart-configuration",
        "metadata%3F_format=xml",
        "%ff",
        "metadata",
    ]
    sent = orjson.dumps({"resourceType": "Bundle", "type": "batch", "entry": [{"request": asking(url)} for url in urls]})
    response = client.post("/fhir", data=sent, content_type=JSON, headers={"Accept": accepted})
    assert response.status_code == 200, response.data
    bundle: Any = orjson.loads(response.data) if accepted.endswith("json") else from_xml(response.data)
    *refused, last = bundle["entry"]
    assert last["resource"]["resourceType"] == "CapabilityStatement"
    assert all("resource" not in entry and entry["response"]["status"][:3] in ("400", "404") for entry in refused)
    codes = [entry["response"]["outcome"]["issue"][0]["code"] for entry in refused]
    assert codes == ["not-supported"] * 3 + ["not-found"] + ["not-supported"] * 5 + ["not-found"] * 2


@pytest.mark.parametrize("name", ["_format", "_%66ormat", "%5Fformat", "%5f%66%6f%72%6d%61%74"])
def test_no_entry_chooses_a_form_however_it_spells_that(client: FlaskClient, name: str) -> None:
    [found, about] = batch(client, asking(f"Organization?{name}=xml&_count=1&name=w%69jk%20"), asking(f"metadata?{name}=xml"))
    assert found["resource"]["link"][0]["url"].endswith("?_count=1&name=wijk%20")
    assert about["resource"]["resourceType"] == "CapabilityStatement"


def test_what_does_not_fit_in_an_answer_any_more_is_to_be_asked_apart(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    page, one = asking("Organization?_count=20"), asking("Organization?_count=1")
    size = len(client.get(f"/fhir/{page['url']}").data)
    monkeypatch.setattr("plugins.fhir.batch.MAX_BYTES", size * 5 // 2)
    requests: list[str] = []
    monkeypatch.setattr("plugins.fhir.batch.EnvironBuilder", lambda **given: requests.append(given["path"]) or EnvironBuilder(**given))  # type: ignore[func-returns-value]
    entries = batch(client, page, page, page, one, page)
    assert [entry["response"]["status"][:3] for entry in entries] == ["200", "200", "413", "413", "413"]
    assert [len(entry["resource"]["entry"]) for entry in entries[:2]] == [20, 20]
    for place, entry in enumerate(entries[2:], 2):
        [issue] = entry["response"]["outcome"]["issue"]
        assert (issue["code"], issue["expression"]) == ("too-costly", [f"Bundle.entry[{place}]"])
        assert "ask it apart" in issue["details"]["text"]
    assert len(requests) == 3, "what cannot fit is not asked"
