"""Pages of histories: what they take, where they go on, and that they are full."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from flask.testing import FlaskClient

from hub.access import Agreement, issue_key, save_agreement
from hub.store import Writer
from plugins.fhir import history
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.conftest import HIDDEN, Hub, site
from tests.plugins.fhir.writing import (
    Writing,
    caregivers,
    changes,
    get,
    link,
    named,
    person,
    statuses,
    told,
    writing,
)

__all__ = ["writing"]


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


def test_what_could_not_be_seen_when_it_came_is_new_when_it_can_be(writing: Writing) -> None:
    """A PractitionerRole of somebody whom no source had told of yet."""
    client = writing.hub.client()
    caregivers(writing, 1, 2)
    created = {
        f"PractitionerRole/{change.id}": change.seq for change in changes(writing) if change.type == "caregiver" and change.operation == "create"
    }
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
    assert told(get(client, "_history?_since=9999")) == told(get(client, "_history?_since=9999-12")) == []
    for value in ("2026-11-22T24:00:00Z", "0000"):
        get(client, f"_history?_since={value}", 400)


@pytest.mark.parametrize(
    "query",
    ["_since=gisteren", "_since=2026-13-01", "_count=0", "_count=x", "_cursor=abc", "_cursor=WzEsMiwzXQ", "name=x", "_sort=name", "_summary=true"],
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


def test_a_cursor_is_of_one_history(writing: Writing) -> None:
    client = writing.hub.client()
    for number in range(1, 4):
        writing.put(named(number, f"Huis {number}"))
    paths = [f"Organization/{writing.uuid('org-1')}/_history", "Organization/_history", "Location/_history", "_history"]
    following = link(get(client, "Organization/_history?_count=1"), "next")
    assert following is not None
    [(_, cursor)] = parse_qsl(urlsplit(following).query)
    for path in paths:
        wrong = path != "Organization/_history"
        assert ("issue" in get(client, f"{path}?_cursor={cursor}", 400 if wrong else 200)) is wrong
    [issue] = get(client, f"Organization/_history?_cursor={cursor[:-4]}", 400)["issue"]
    assert issue["expression"] == ["http._cursor"]
    [issue] = get(client, "Organization/_history?_format=json&_format=json", 400)["issue"]
    assert issue["expression"] == ["http._format"]


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
