"""What was, and what became of it: vread and the histories, as a client meets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from flask.testing import FlaskClient

from hub.access import Agreement, issue_key, save_agreement
from hub.directory import Directory
from hub.model.audience import INTERNAL
from hub.model.claims import Claim
from hub.model.entity import Change
from hub.model.query import Criterion, Query
from hub.store import Store, Writer, log_reading
from plugins.fhir import history
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.conftest import CLAIMS, HIDDEN, Hub, hub_over, organisation, site
from tests.plugins.fhir.judge import complaints
from tests.store.saying import riziv


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


# --- vread ----------------------------------------------------------------------------------------------------------------------


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
    for names in ([{"text": {"nl": "Huis"}}], [{"text": {"nl": "Huis", "fr": "Maison"}}], [{"text": {"nl": "Huis", "fr": "Maison"}}, {"text": {"nl": "H"}, "use": "short"}]):
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
    removed = max(change.seq for change in _changes(writing))
    [issue] = get(client, f"Organization/{id}/_history/{removed}", 410)["issue"]
    assert (issue["code"], issue["details"]["text"]) == ("deleted", f"Organization/{id} was removed in version {removed}.")
    get(client, f"Organization/{id}/_history/{removed + 1}", 404)


def _changes(writing: Writing) -> tuple[Change, ...]:
    return Directory(writing.hub.store, INTERNAL).changes(0).changes


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


# --- history --------------------------------------------------------------------------------------------------------------------


def test_the_history_of_an_instance_newest_first_with_its_removal(writing: Writing) -> None:
    client = writing.hub.client()
    for name in ("Een", "Twee", "Drie"):
        writing.put(named(1, name), named(2, f"Ander {name}"))
    id = writing.uuid("org-1")
    versions = [entry["resource"]["name"] for entry in get(client, f"Organization/{id}/_history")["entry"]]
    assert versions == ["Drie", "Twee", "Een"]
    writing.withdraw("org-1")
    bundle = get(client, f"Organization/{id}/_history")
    assert [method for method, _, _ in told(bundle)] == ["DELETE", "PUT", "PUT", "PUT"]
    assert bundle["entry"][0] == {
        "request": {"method": "DELETE", "url": f"Organization/{id}"},
        "response": {"status": "204", "lastModified": "2026-11-22T09:00:04.000Z"},
    }
    assert bundle["entry"][-1]["response"]["status"] == "201"
    get(client, f"Practitioner/{id}/_history", 404)
    get(client, "Organization/00000000-0000-4000-8000-000000000000/_history", 404)


def test_a_hidden_change_leaves_no_trace_and_hiding_is_a_removal(writing: Writing) -> None:
    client = writing.hub.client()
    writing.put(named(1, "Huis"), named(2, HIDDEN, visibility="internal"))
    id = writing.uuid("org-1")
    before = get(client, "Organization/_history")
    assert len(before["entry"]) == 1
    secret = {"kind": "phone", "value": "+3215999901", "visibility": "internal"}
    writing.put(named(1, "Huis", contacts=[secret]))
    assert get(client, "Organization/_history")["entry"] == before["entry"]
    writing.put(named(1, "Huis", contacts=[secret], visibility="internal"))
    assert told(get(client, "Organization/_history"))[0] == ("DELETE", f"Organization/{id}", "")
    writing.put(named(1, "Terug"))
    again = get(client, "Organization/_history")
    assert again["entry"][0]["response"]["status"] == "201"
    assert HIDDEN not in orjson.dumps(again).decode()
    get(client, f"Organization/{writing.uuid('org-2')}/_history", 404)


def test_what_the_asker_cannot_see_moves_no_moment_and_nothing_is_missed_by_it(writing: Writing) -> None:
    client, key = writing.hub.client(), writing.hub.key
    writing.put(named(1, "Verborgen", visibility="internal"))
    assert "meta" not in get(client, "_history")
    writing.put(named(2, "Huis"))
    before = get(client, "_history")
    assert before["meta"]["lastUpdated"] == before["entry"][0]["response"]["lastModified"]
    secret = {"kind": "phone", "value": "+3215999901", "visibility": "internal"}
    writing.put(named(2, "Huis", contacts=[secret]))
    for type in ("", "Organization/", "Practitioner/", f"Organization/{writing.uuid('org-2')}/"):
        assert get(client, f"{type}_history")["meta"] == before["meta"]
        assert get(client, f"{type}_history", X_API_Key=key)["meta"] == before["meta"], "a professional does not see it either"
    writing.put(named(3, "Nieuw"))
    later = get(client, f"Organization/_history?_since={before['meta']['lastUpdated']}")
    assert [url for _, url, _ in told(later)] == [f"Organization/{writing.uuid(f'org-{number}')}" for number in (3, 2)]
    assert later["meta"]["lastUpdated"] > before["meta"]["lastUpdated"]


def test_a_membership_is_told_only_while_both_ends_are_seen(writing: Writing) -> None:
    client = writing.hub.client()
    member = {"memberships": [{"keys": ["sociale-kaart:m"], "organisatie": {"source": "sociale-kaart", "external_id": "org-1"}}]}
    writing.put(named(1, "Netwerk", visibility="internal"), named(2, "Lid", **member))
    assert told(get(client, "OrganizationAffiliation/_history")) == []
    writing.put(named(1, "Netwerk"))
    shown = told(get(client, "OrganizationAffiliation/_history"))
    assert [method for method, _, _ in shown] == ["PUT"]
    writing.put(named(1, "Netwerk", visibility="internal"))
    hidden = told(get(client, "OrganizationAffiliation/_history"))
    assert hidden == [("DELETE", shown[0][1], "")], "what has been hidden since is not told of the past"


def test_what_has_been_hidden_since_is_not_told_of_the_past(writing: Writing) -> None:
    client = writing.hub.client()
    phone = {"kind": "phone", "value": "+3215999901"}
    writing.put(named(1, "Huis", contacts=[phone]))
    id = writing.uuid("org-1")
    version = get(client, f"Organization/{id}")["meta"]["versionId"]
    paths = (f"Organization/{id}/_history/{version}", f"Organization/{id}/_history", "Organization/_history", "_history")
    assert all("15999901" in client.get(f"/fhir/{path}").text for path in paths)
    writing.put(named(1, "Huis", contacts=[phone | {"visibility": "internal"}]))
    assert all("15999901" not in client.get(f"/fhir/{path}").text for path in paths), "remembered bytes must not come back either"
    get(client, paths[0])


@pytest.mark.parametrize("story", ["value", "site", "fiche", "person"])
def test_what_was_hidden_is_not_told_of_the_past_once_it_is_gone_either(writing: Writing, story: str) -> None:
    client = writing.hub.client()
    hidden = {"visibility": "internal"}
    phone = {"kind": "phone", "value": "+3215999901"}

    def person(**content: Any) -> Claim:
        number = [{"system": "riziv", "value": riziv(1)}]
        return Claim("sociale-kaart", "p", 1, "zorgverlener", {"kind": "zorgverlener", "name": {"family": "15999901"}, "identifiers": number, **content})

    shown: dict[str, tuple[Claim, Claim, Claim | None]] = {
        "value": (named(1, "Huis", contacts=[phone]), named(1, "Huis", contacts=[phone | hidden]), named(1, "Huis")),
        "site": (
            named(1, "Huis", vestigingen=[site(1, "1000", {"nl": "Brussel"}, name={"nl": "15999901"})]),
            named(1, "Huis", vestigingen=[site(1, "1000", {"nl": "Brussel"}, name={"nl": "15999901"}, **hidden)]),
            named(1, "Huis"),
        ),
        "fiche": (named(1, "15999901"), named(1, "15999901", **hidden), None),
        "person": (person(), person(**hidden), None),
    }
    before, after, last = shown[story]
    writing.put(before)
    types = ("Organization", "Location", "Practitioner")
    there = [each["resource"] for name in types for each in get(client, name).get("entry", ()) if each["search"]["mode"] == "match"]
    paths = [f"{each['resourceType']}/{each['id']}" for each in there]
    versions = [f"{path}/_history/{each['meta']['versionId']}" for path, each in zip(paths, there, strict=True)]
    asked = [*versions, *(f"{path}/_history" for path in paths), *(f"{name}/_history" for name in types), "_history"]

    def told(**headers: str) -> str:
        return "".join(client.get(f"/fhir/{path}", headers=headers).text for path in asked)

    assert "15999901" in told()
    writing.put(after)
    assert "15999901" not in told()
    if last is None:
        writing.withdraw(before.external_id)
    else:
        writing.put(last)
    assert "15999901" not in told()
    assert "15999901" not in told(**{"X-API-Key": writing.hub.key})


def test_a_history_does_not_list_versions_that_differ_by_what_is_hidden_since(writing: Writing) -> None:
    client = writing.hub.client()
    phone = {"kind": "phone", "value": "+3215999901"}
    koepel = {"parent": {"source": "sociale-kaart", "external_id": "org-1"}}
    writing.put(named(1, "Koepel"), named(2, "Huis", **koepel))
    writing.put(named(1, "Koepel", contacts=[phone]))
    paths = [f"Organization/{writing.uuid('org-1')}/_history", f"Organization/{writing.uuid('org-2')}/_history", "Organization/_history"]
    before = [len(get(client, path)["entry"]) for path in paths]
    assert before == [2, 2, 4]
    writing.put(named(1, "Koepel", contacts=[phone | {"visibility": "internal"}]))
    assert [len(get(client, path)["entry"]) for path in paths] == before, "whoever has the number hears that it went, not when it came"
    writing.put(named(1, "Koepel anders"))
    last = get(client, paths[2])
    assert [len(get(client, path)["entry"]) for path in paths[:2]] == [2, 2]
    assert len(last["entry"]) == 4
    resources = [orjson.dumps({**each["resource"], "meta": None}) for each in last["entry"]]
    assert len(set(resources)) == 4, "every entry tells something"


def test_pages_stay_on_the_path_and_do_not_move_when_something_is_written(writing: Writing) -> None:
    client = writing.hub.client()
    for number in range(1, 8):
        writing.put(named(number, f"Huis {number}"))
    whole = told(get(client, "Organization/_history"))
    assert len(whole) == 7
    seen: list[tuple[str, str, str]] = []
    page = get(client, "Organization/_history?_count=3")
    first_moment = page["meta"]["lastUpdated"]
    while True:
        seen += told(page)
        following = link(page, "next")
        if following is None:
            break
        parts = urlsplit(following)
        assert (parts.path, [name for name, _ in parse_qsl(parts.query)]) == ("/fhir/Organization/_history", ["_cursor"])
        writing.put(named(50, f"Nieuw {len(seen)}"), named(1, f"Anders {len(seen)}"))
        page = get(client, following)
        assert page["meta"]["lastUpdated"] == first_moment, "who asks on from here must get what was written meanwhile"
    assert seen == whole
    assert len(told(page)) == 1, "no empty page at the end"


def caregivers(writing: Writing, *numbers: int, aanbod: int = 1) -> None:
    """An aanbod in which these work, before anybody told who they are; the log says, as logs did, that everybody saw them from then on."""
    works = [{"keys": [f"sociale-kaart:zv-{n}"], "zorgverlener": {"source": "sociale-kaart", "external_id": f"zv-{n}"}} for n in numbers]
    writing.put(Claim("sociale-kaart", f"aanbod-{aanbod}", 1, "aanbod", {"kind": "aanbod", "names": [{"text": {"nl": "Artsen"}}], "caregivers": works}))

    def as_before(writer: Writer) -> None:
        writer.connection.exec_driver_sql("UPDATE change SET audience = 0, now = 0 WHERE type = 'caregiver' AND operation = 'create'")

    writing.hub.store.write(as_before)


def person(number: int, **content: Any) -> Claim:
    return Claim("sociale-kaart", f"zv-{number}", 1, "zorgverlener", {"kind": "zorgverlener", "name": {"family": f"Peeters{number}"}, **content})


def statuses(bundle: dict[str, Any]) -> list[str]:
    return [each["response"]["status"] for each in bundle.get("entry", ())]


def _told_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs of before tell of a caregiver also while nobody sees the person."""
    monkeypatch.setattr("hub.store.part_changes.end_of", lambda part: None)


def test_what_could_not_be_seen_when_it_came_is_new_when_it_can_be(writing: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PractitionerRole of somebody whom no source had told of yet."""
    _told_early(monkeypatch)
    client = writing.hub.client()
    caregivers(writing, 1, 2)
    created = {f"PractitionerRole/{change.id}": change.seq for change in _changes(writing) if change.type == "caregiver" and change.operation == "create"}
    assert told(get(client, "PractitionerRole/_history")) == []
    writing.put(person(1))
    [entry] = get(client, "PractitionerRole/_history")["entry"]
    address, version = entry["request"]["url"], entry["resource"]["meta"]["versionId"]
    assert (entry["request"]["method"], entry["response"]["status"]) == ("PUT", "201")
    alone = get(client, f"{address}/_history?_count=1")
    assert (statuses(alone), link(alone, "next")) == (["201"], None)
    get(client, f"{address}/_history/{version}")
    [issue] = get(client, f"{address}/_history/{created[address]}", 404)["issue"]
    assert f"has no version {created[address]}" in issue["details"]["text"]
    writing.put(person(1, name={"family": "Janssens"}))
    assert statuses(get(client, f"{address}/_history")) == ["200", "201"]
    writing.put(person(1, name={"family": "Janssens"}, visibility="internal"))
    assert told(get(client, f"{address}/_history")) == [("DELETE", address, "")]


def test_pages_are_full_whatever_of_the_log_cannot_be_told(writing: Writing) -> None:
    client = writing.hub.client()
    for number in range(1, 6):
        writing.put(person(number))
    caregivers(writing, *range(1, 30))
    whole = told(get(client, "PractitionerRole/_history"))
    assert len(whole) == 5
    sizes, seen, following = [], [], "PractitionerRole/_history?_count=2"
    while following:
        page = get(client, following)
        sizes.append(len(told(page)))
        seen += told(page)
        following = link(page, "next") or ""
    assert (sizes, seen) == ([2, 2, 1], whole)
    assert link(get(client, "PractitionerRole/_history?_count=5"), "next") is None


def test_one_request_looks_at_so_many_changes_and_the_next_goes_on(writing: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_LOOKED_AT", 10)
    client = writing.hub.client()
    writing.put(person(1))
    caregivers(writing, 1)
    [only] = told(get(client, "PractitionerRole/_history"))
    _told_early(monkeypatch)
    for number in range(40, 60):
        caregivers(writing, number, aanbod=number)
    seen, following, empty = [], "PractitionerRole/_history?_count=2", 0
    while following:
        page = get(client, following)
        seen += told(page)
        empty += not told(page)
        following = link(page, "next") or ""
    assert seen == [only]
    assert 0 < empty <= 4


def test_a_page_is_full_also_where_the_agreement_does_not_cover_what_changed_most(writing: Writing) -> None:
    client = writing.hub.client()

    def agree(writer: Writer) -> str:
        agreement = Agreement(
            name="namen", title="Namen", purpose="test", legal_basis="test", contact="a@example.org", our_contact="b@example.org", level="public", fields=frozenset({"names"}),
        )  # fmt: skip
        save_agreement(writer.connection, agreement, "2026-11-22T09:00:00Z")
        return issue_key(writer.connection, "namen", "2026-11-22T09:00:00Z")

    key = writing.hub.store.write(agree)
    writing.put(named(1, "Huis"))
    for number in range(1, 9):
        writing.put(named(2, "Ander", vestigingen=[site(each, "1000", {"nl": "Brussel"}) for each in range(1, number)]))
    page = get(client, "_history?_count=3", X_API_Key=key)
    seen, following = told(page), link(page, "next")
    assert len(seen) == 3 or following is None
    while following:
        page = get(client, following, X_API_Key=key)
        seen, following = seen + told(page), link(page, "next")
    assert f"Organization/{writing.uuid('org-1')}" in {address for _, address, _ in seen}


@pytest.mark.parametrize("zone", ["Z", "+00:00", " 00:00", "%2B00:00"])
def test_since_is_at_or_after_however_the_plus_arrives(writing: Writing, zone: str) -> None:
    client = writing.hub.client()
    for number in range(1, 4):
        writing.put(named(number, f"Huis {number}"))
    found = told(get(client, f"Organization/_history?_since=2026-11-22T09:00:02.000{zone}"))
    assert {address for _, address, _ in found} == {f"Organization/{writing.uuid(f'org-{number}')}" for number in (2, 3)}
    assert told(get(client, "Organization/_history?_since=2026-11-22T10:00:04%2B01:00")) == []
    assert len(told(get(client, "_history?_since=2026-11-22"))) == 3
    assert len(told(get(client, "_history?_since=0001-01-01T00:00:00Z"))) == 3
    assert told(get(client, "_history?_since=9999-12-31T23:59:59Z")) == []


@pytest.mark.parametrize(
    "query", ["_since=gisteren", "_since=2026-13-01", "_count=0", "_count=x", "_cursor=abc", "_cursor=WzEsMiwzXQ", "name=x", "_sort=name", "_summary=true"]
)
def test_what_a_history_cannot_take_is_refused_by_name(client: FlaskClient, query: str) -> None:
    for path in ("Organization/_history", "_history"):
        [issue] = get(client, f"{path}?{query}", 400)["issue"]
        assert issue["expression"] == [f"http.{query.partition('=')[0]}"]


def test_beside_a_cursor_only_another_count_is_taken(writing: Writing) -> None:
    client = writing.hub.client()
    for number in range(1, 8):
        writing.put(named(number, f"Huis {number}"))
    following = link(get(client, "Organization/_history?_count=2"), "next")
    assert following is not None
    assert [len(told(get(client, f"{following}{more}"))) for more in ("", "&_count=4", "&_format=json")] == [2, 4, 2]
    for more in ("foo=1", "_since=2999", "_count=0"):
        [issue] = get(client, f"{following}&{more}", 400)["issue"]
        assert issue["expression"] == [f"http.{more.partition('=')[0]}"]


def test_everything_has_one_history(small: Hub) -> None:
    client = small.client()
    page = get(client, "_history?_count=500")
    types = {address.partition("/")[0] for _, address, _ in told(page)}
    assert types == set(RESOURCES)
    by_type = [entry for name in sorted(RESOURCES) for entry in told(get(client, f"{name}/_history?_count=500"))]
    assert sorted(told(page)) == sorted(by_type)
    assert HIDDEN not in orjson.dumps(page).decode()


def test_wrong_methods_are_405(client: FlaskClient, small: Hub) -> None:
    for path in ("_history", "Organization/_history", f"Organization/{small.ids['org-1']}/_history", f"Organization/{small.ids['org-1']}/_history/1"):
        response = client.delete(f"/fhir/{path}")
        assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")
        assert orjson.loads(response.data)["resourceType"] == "OperationOutcome"


# --- a client kept in sync --------------------------------------------------------------------------------------------------------


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


def what_there_is(client: FlaskClient) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for type in RESOURCES:
        following: str | None = f"{type}?_count=500"
        while following:
            page = get(client, following)
            found |= {f"{type}/{each['resource']['id']}": each["resource"] for each in page.get("entry", ())}
            following = link(page, "next")
    return found


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
                writing.put(replace(CLAIMS[0], content=CLAIMS[0].content | {"contacts": [{"kind": "phone", "value": f"+32159999{number % 100:02d}"}]}))

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
