"""What became of a resource: the histories, and that they tell nothing of what the asker does not see."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from hub.model.claims import Claim
from tests.plugins.fhir.conftest import HIDDEN, site
from tests.plugins.fhir.writing import (
    Writing,
    get,
    named,
    told,
    writing,
)
from tests.store.saying import riziv

__all__ = ["writing"]


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
        return Claim(
            "sociale-kaart", "p", 1, "zorgverlener", {"kind": "zorgverlener", "name": {"family": "15999901"}, "identifiers": number, **content}
        )

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
