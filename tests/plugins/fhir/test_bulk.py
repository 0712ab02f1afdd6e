"""`$export`: from the kick-off to the last line of its files."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from flask.testing import FlaskClient

import plugins.fhir
from hub import plugins as loading
from hub.directory import Directory
from hub.model.audience import Grant
from hub.model.claims import Claim
from hub.web import create_app
from plugins.fhir import bulk, rendering
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.conftest import CLAIMS, HIDDEN, Hub
from tests.plugins.fhir.judge import complaints
from tests.plugins.fhir.writing import Writing, named, what_there_is, writing

__all__ = ["writing"]
ASYNC = {"Prefer": "respond-async"}


def kick_off(client: FlaskClient, path: str = "$export", **headers: str) -> str:
    """The address of the status."""
    response = client.get(f"/fhir/{path}", headers=ASYNC | {name.replace("_", "-"): value for name, value in headers.items()})
    assert (response.status_code, response.data) == (202, b""), response.text
    return response.headers["Content-Location"]


def manifest(client: FlaskClient, status: str, **headers: str) -> Any:
    response = client.get(status, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert (response.status_code, response.content_type) == (200, "application/json")
    return orjson.loads(response.data)


def lines(client: FlaskClient, url: str, **headers: str) -> list[Any]:
    response = client.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert (response.status_code, response.mimetype) == (200, "application/fhir+ndjson")
    found = [orjson.loads(line) for line in response.data.splitlines()]
    assert [complaint for each in found if each["resourceType"] != "Bundle" for complaint in complaints(each)] == []
    return found


def copied(client: FlaskClient, told: Any, copy: dict[str, Any] | None = None) -> dict[str, Any]:
    """The copy that a client has after these files."""
    copy = dict(copy or {})
    for part in told["output"]:
        for resource in lines(client, part["url"]):
            assert resource["resourceType"] == part["type"]
            address = f"{part['type']}/{resource['id']}"
            copy[address] = resource
    for part in told["deleted"]:
        for bundle in lines(client, part["url"]):
            for entry in bundle["entry"]:
                assert entry["request"]["method"] == "DELETE"
                copy.pop(entry["request"]["url"], None)
    return copy


def test_everything_is_exported_once_and_as_a_search_shows_it(small: Hub) -> None:
    client = small.client()
    told = manifest(client, kick_off(client))
    assert [part["type"] for part in told["output"]] == list(RESOURCES)
    assert (told["deleted"], told["error"], told["requiresAccessToken"]) == ([], [], False)
    assert told["request"] == "http://localhost/fhir/$export"
    every = [resource for part in told["output"] for resource in lines(client, part["url"])]
    shown = what_there_is(client)
    assert len(every) == len(shown)
    assert {f"{each['resourceType']}/{each['id']}": each for each in every} == shown
    assert HIDDEN not in orjson.dumps(every).decode()


def test_a_file_is_what_stood_when_the_export_was_asked_and_the_next_tells_the_rest(writing: Writing) -> None:
    client = writing.hub.client()
    writing.put(*CLAIMS)
    shown = what_there_is(client)
    first = manifest(client, kick_off(client))
    gone = f"Organization/{writing.uuid('org-10')}"
    writing.put(named(11, "Anders"), named(90, "Nieuw"), named(12, f"Verborgen {HIDDEN}", visibility="internal"))
    writing.withdraw("org-10")
    copy = copied(client, first)
    removed = shown.keys() - copy.keys()
    assert gone in removed
    assert {address: shown[address] for address in copy} == copy, "what changed later is shown as it was"
    second = manifest(client, kick_off(client, f"$export?_since={first['transactionTime']}"))
    copy = copied(client, second, copied(client, first))
    assert copy == what_there_is(client)
    assert HIDDEN not in orjson.dumps(copy).decode()
    [deleted] = second["deleted"]
    told = {entry["request"]["url"] for bundle in lines(client, deleted["url"]) for entry in bundle["entry"]}
    assert gone in told
    assert not told & copy.keys()


def test_the_time_of_an_export_is_that_of_what_the_asker_sees_and_the_next_one_misses_nothing(writing: Writing) -> None:
    client = writing.hub.client()
    writing.put(named(1, "Huis"))
    first = manifest(client, kick_off(client))
    writing.put(named(2, "Verborgen", visibility="internal"))
    second = manifest(client, kick_off(client))
    assert second["transactionTime"] == first["transactionTime"]
    copy = copied(client, second)
    writing.put(named(3, "Nieuw"))
    third = manifest(client, kick_off(client, f"$export?_since={second['transactionTime']}"))
    assert copied(client, third, copy) == what_there_is(client)


def test_who_saw_nothing_yet_misses_nothing_of_what_comes(writing: Writing) -> None:
    client = writing.hub.client()
    writing.put(named(1, "Verborgen", visibility="internal"))
    first = kick_off(client)
    writing.put(named(2, "Nieuw"))
    since = manifest(client, first)["transactionTime"]
    assert copied(client, manifest(client, kick_off(client, f"$export?_since={since}"))) == what_there_is(client) != {}


def test_what_was_removed_and_came_back_is_not_deleted(writing: Writing) -> None:
    client = writing.hub.client()
    writing.put(named(1, "Een"), named(2, "Twee"))
    since = manifest(client, kick_off(client))["transactionTime"]
    writing.put(named(1, "Een", visibility="internal"), named(2, "Twee", visibility="internal"))
    writing.put(named(1, "Een terug"))
    told = manifest(client, kick_off(client, f"$export?_since={since}"))
    [bundle] = lines(client, told["deleted"][0]["url"])
    assert [entry["request"]["url"] for entry in bundle["entry"]] == [f"Organization/{writing.uuid('org-2')}"]
    [organisation] = lines(client, told["output"][0]["url"])
    assert organisation["name"] == "Een terug"


def test_what_a_partner_hides_from_himself_is_deleted_also_when_something_above_it_changes_for_others(writing: Writing) -> None:
    asked = Directory(writing.hub.store, Grant("public", "overlaid"))
    parent = {"parent": {"source": "sociale-kaart", "external_id": "org-3"}}
    writing.put(named(1, "Een", **parent), named(3, "Boven"))
    since = asked.head()

    def deleted() -> list[str]:
        part = bulk.Part("deleted", tuple(RESOURCES), since, asked.head())
        return [entry["request"]["url"] for line in bulk.lines_of(part, asked) for entry in orjson.loads(line)["entry"]]

    hiding = {"kind": "organisatie", "visibility": "professional"}
    writing.put(Claim("kaart-proef", "m-1", 1, "organisatie", hiding, same_as=(("sociale-kaart", "org-1"),), partner="overlaid"))
    gone = [f"Organization/{writing.uuid('org-1')}"]
    assert deleted() == gone
    for name in ("Anders", "Nog anders"):
        writing.put(named(3, name))
        assert deleted() == gone
    writing.put(
        Claim("kaart-proef", "m-1", 1, "organisatie", {**hiding, "visibility": "public"}, same_as=(("sociale-kaart", "org-1"),), partner="overlaid")
    )
    assert deleted() == []


def test_types_are_chosen_by_the_path_or_by_type(small: Hub) -> None:
    client = small.client()
    for path, types in (
        ("Organization/$export", ["Organization"]),
        ("$export?_type=Location,Endpoint&_type=Practitioner", ["Location", "Endpoint", "Practitioner"]),
    ):
        assert [part["type"] for part in manifest(client, kick_off(client, path))["output"]] == types


def test_a_broken_download_goes_on_behind_the_last_whole_line(small: Hub) -> None:
    client = small.client()
    [part] = manifest(client, kick_off(client, "Organization/$export"))["output"]
    whole = lines(client, part["url"])
    for place in (0, 7, len(whole) - 1):
        assert lines(client, f"{part['url']}&_after={whole[place]['id']}") == whole[place + 1 :]
    [site, removed] = [
        manifest(client, kick_off(client, "$export?_type=Location&_since=2020-01-01"))[name][0]["url"] for name in ("output", "deleted")
    ]
    for address in (
        f"{part['url']}&_after=00000000-0000-4000-8000-000000000000",
        f"{part['url']}&_after=nonsense",
        f"{site}&_after={whole[0]['id']}",
        f"{removed}&_after={whole[0]['id']}",
    ):
        wrong = client.get(address)
        assert (wrong.status_code, orjson.loads(wrong.data)["issue"][0]["expression"]) == (400, ["http._after"]), address


def test_an_address_grants_nothing(small: Hub) -> None:
    client = small.client()
    told = manifest(client, kick_off(client, "Organization/$export", X_API_Key=small.key), X_API_Key=small.key)
    assert told["requiresAccessToken"] is True
    [part] = told["output"]
    assert HIDDEN in orjson.dumps(lines(client, part["url"], X_API_Key=small.key)).decode()
    assert HIDDEN not in orjson.dumps(lines(client, part["url"])).decode()


def test_a_file_is_made_while_it_is_read(world_s: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is rendered that nobody reads: the memory that a file takes does not grow with it."""
    client = world_s.client()
    rendered = []
    real = rendering.render
    monkeypatch.setattr("plugins.fhir.bulk.render", lambda *given: rendered.append(1) or real(*given))  # type: ignore[func-returns-value]
    [part] = manifest(client, kick_off(client, "Practitioner/$export"))["output"]
    parts = urlsplit(part["url"])
    response = client.get(f"{parts.path}?{parts.query}", buffered=False)
    body: Iterator[bytes] = iter(response.response)  # type: ignore[arg-type]
    read = 0
    for _ in range(3):
        read += next(body).count(b"\n")
        assert len(rendered) == read
    assert 3 < read < 300
    response.close()


def test_a_file_can_be_had_compressed_but_not_when_its_bytes_are_counted(small: Hub) -> None:
    client = small.client()
    [part] = manifest(client, kick_off(client, "Organization/$export"))["output"]
    plain = client.get(part["url"])
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"], "a store on the way keeps both forms"
    zipped = client.get(part["url"], headers={"Accept-Encoding": "gzip, br"})
    assert (zipped.status_code, zipped.headers["Content-Encoding"]) == (200, "gzip")
    assert len(zipped.data) < len(plain.data) / 2
    assert zlib.decompress(zipped.data, wbits=31) == plain.data
    assert "Accept-Encoding" in zipped.headers["Vary"]
    for headers in ({"Accept-Encoding": "gzip", "Range": "bytes=100-"}, {"Accept-Encoding": "gzip;q=0"}):
        same = client.get(part["url"], headers=headers)
        assert ("Content-Encoding" in same.headers, same.data) == (False, plain.data)


def test_a_compressed_file_is_made_while_it_is_read_and_every_piece_that_came_can_be_read(world_s: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    client = world_s.client()
    rendered = []
    real = rendering.render
    monkeypatch.setattr("plugins.fhir.bulk.render", lambda *given: rendered.append(1) or real(*given))  # type: ignore[func-returns-value]
    [part] = manifest(client, kick_off(client, "Practitioner/$export"))["output"]
    parts = urlsplit(part["url"])
    response = client.get(f"{parts.path}?{parts.query}", headers={"Accept-Encoding": "gzip"}, buffered=False)
    body: Iterator[bytes] = iter(response.response)  # type: ignore[arg-type]
    reading, came = zlib.decompressobj(wbits=31), b""
    for _ in range(3):
        came += reading.decompress(next(body))
        assert came.count(b"\n") == len(rendered)
    assert came.endswith(b"\n")
    assert 3 < len(rendered) < 300
    response.close()


def test_a_cancelled_export_is_gone_for_who_cancelled_it_and_for_nobody_else(small: Hub) -> None:
    client, worker = small.client(), create_app(small.store, loading.load([("fhir", plugins.fhir)], installed=False)).test_client()
    mine, same, partners = kick_off(client), kick_off(client), kick_off(client, X_API_Key=small.key)
    [part, *_] = manifest(client, mine)["output"]
    response = client.delete(mine)
    assert (response.status_code, response.data) == (202, b"")
    for asking in (client.get, worker.get, worker.delete):
        gone = asking(mine)
        assert (gone.status_code, orjson.loads(gone.data)["issue"][0]["code"]) == (404, "not-found")
    assert lines(client, part["url"])
    assert client.delete(partners).status_code == 202
    as_partner = {"X-API-Key": small.key}
    assert (
        client.get(partners, headers=as_partner).status_code
        == client.get(mine, headers=as_partner).status_code
        == client.get(same).status_code
        == 200
    )
    assert client.delete(partners, headers=as_partner).status_code == 202
    assert client.get(partners, headers=as_partner).status_code == 404


@pytest.mark.parametrize(
    ("path", "expression", "headers"),
    [
        ("$export", "Prefer", {}),
        ("$export?_since=gisteren", "http._since", ASYNC),
        ("$export?_since=2026-11-22T09:00:00Z&_since=2026-11-23T09:00:00Z", "http._since", ASYNC),
        ("$export?_since=2026&_since=2026", "http._since", {"Prefer": "respond-async, handling=lenient"}),
        ("$export?_type=Patient", "http._type", ASYNC),
        ("Organization/$export?_type=Location", "http._type", ASYNC),
        ("$export?_outputFormat=text/csv", "http._outputFormat", ASYNC),
        ("$export?_typeFilter=Organization%3Fname%3Dx", "http._typeFilter", ASYNC),
        ("$export?_type=Patient", "http._type", {"Prefer": "respond-async, handling=lenient"}),
        ("$export-status", "http._job", {}),
        ("$export-status?_job=YWJj", "http._job", {}),
        ("$export-file?_part=%C3%A9", "http._part", {}),
        ("$export-file", "http._part", {}),
    ],
)
def test_what_cannot_be_exported_is_refused_by_name(client: FlaskClient, path: str, expression: str, headers: dict[str, str]) -> None:
    response = client.get(f"/fhir/{path}", headers=headers)
    assert response.status_code == 400
    assert orjson.loads(response.data)["issue"][0]["expression"] == [expression]


@pytest.mark.parametrize(
    "form",
    [
        [],
        {},
        1,
        ["Patient", [], 0, 0],
        ["Organization", 1, 0, 0],
        ["Organization", ["x"], 0, 0],
        ["Organization", [], "0", 0],
        ["Organization", [], 0, None],
        ["Organization", [], 0, 10**15],
        ["Organization", [[]], 0, 0],
    ],
)
def test_an_address_that_somebody_made_up_is_refused(client: FlaskClient, form: Any) -> None:
    response = client.get(f"/fhir/$export-file?_part={bulk._sealed(form)}")
    assert (response.status_code, orjson.loads(response.data)["issue"][0]["expression"]) == (400, ["http._part"])


def test_lenient_leaves_out_what_is_not_known(client: FlaskClient) -> None:
    headers = {"Prefer": "respond-async, handling=lenient"}
    response = client.get("/fhir/$export?_type=Patient,Endpoint&_typeFilter=x&_outputFormat=application/fhir+ndjson", headers=headers)
    assert response.status_code == 202
    assert [part["type"] for part in manifest(client, response.headers["Content-Location"])["output"]] == ["Endpoint"]
    assert client.post("/fhir/$export").status_code == 405
