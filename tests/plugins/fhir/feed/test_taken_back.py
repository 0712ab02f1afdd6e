"""DELETE by the id that a resource has here: of what the sender said itself, and of nothing else."""

from __future__ import annotations

from sqlalchemy import select

from hub.schemas import decode_claim
from hub.store.tables import claim, source
from tests.plugins.fhir.conftest import organisation, site
from tests.plugins.fhir.feed.sending import BE, EVERYTHING, ORGANISATION, PERSON, SITE, Json, body, head, put, texts, transaction
from tests.plugins.fhir.subscribing import Hub


def _said(hub: Hub, partner: str) -> list[Json]:
    """What stands in the claims of a partner."""
    wanted = select(claim.c.external_id, claim.c.revision, claim.c.content).join(source, source.c.id == claim.c.source_id)
    with hub.store.read() as reading:
        rows = reading.execute(wanted.where(source.c.name == f"fhir-{partner}").order_by(claim.c.id)).all()
    return [dict(decode_claim(f"fhir-{partner}", row.external_id, row.revision, None, row.content).content) for row in rows]


def test_what_was_sent_without_a_name_is_taken_back_by_the_id_that_it_has_here(any_hub: Hub) -> None:
    hub = any_hub
    nameless = {name: value for name, value in ORGANISATION.items() if name != "id"}
    made = body(hub.ask("POST", "Organization", nameless))
    for _ in range(2):
        taken = hub.ask("DELETE", f"Organization/{made['id']}")
        assert (taken.status_code, body(taken)["active"]) == (200, False)
    back = body(hub.ask("PUT", f"Organization/{made['id']}", nameless | {"id": made["id"]}))
    assert (back["id"], back["active"]) == (made["id"], True)
    assert len(_said(hub, "epd")) == 1, "it is one claim under whatever name"


def test_everything_that_was_sent_is_taken_back_by_the_id_that_it_has_here(hub: Hub) -> None:
    entries = body(hub.ask("POST", "", transaction(*EVERYTHING)))["entry"]
    ids = {f"{each['resourceType']}/{each['id']}": entry["resource"]["id"] for each, entry in zip(EVERYTHING, entries, strict=True)}
    for name, id in ids.items():
        type = name.partition("/")[0]
        another = next(other for named, other in ids.items() if not named.startswith(f"{type}/"))
        assert hub.ask("DELETE", f"{type}/{another}").status_code == 404, "the id of something of another type"
        if name == "Organization/o1":
            entry = {"request": {"method": "DELETE", "url": f"{type}/{id}"}}
            assert hub.ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}).status_code == 200
        else:
            assert [hub.ask("DELETE", f"{type}/{id}").status_code for _ in range(2)] == [200, 200], name
    for name, id in ids.items():
        answer = hub.ask("GET", f"{name.partition('/')[0]}/{id}")
        if name in ("PractitionerRole/r1", "OrganizationAffiliation/a1"):
            assert answer.status_code == 410
        else:
            shown = body(answer)
            assert (shown.get("active"), shown.get("status")) in ((False, None), (None, "inactive"), (None, "off")), name


def test_everything_that_was_sent_is_sent_again_by_the_id_that_it_has_here(hub: Hub) -> None:
    entries = body(hub.ask("POST", "", transaction(*EVERYTHING)))["entry"]
    claims = len(_said(hub, "epd"))
    for entry in entries:
        shown = entry["resource"]
        again = hub.ask("PUT", f"{shown['resourceType']}/{shown['id']}", shown)
        assert (again.status_code, body(again)["id"]) == (200, shown["id"]), again.text
    assert len(_said(hub, "epd")) == claims


def test_what_was_said_under_two_names_is_taken_back_whole(hub: Hub) -> None:
    stays, goes = (put(hub, PERSON | {"id": name}).headers["Location"].split("/")[-3] for name in ("p1", "again"))
    hub.store.write(lambda writer: writer.join(stays, goes))
    assert body(hub.ask("DELETE", f"Practitioner/{goes}"))["id"] == stays
    assert body(hub.ask("GET", f"Practitioner/{stays}"))["active"] is False
    assert [said["status"] for said in _said(hub, "epd")] == [{"status": "inactive"}] * 2


def test_what_others_said_is_taken_back_by_no_id(any_hub: Hub) -> None:
    hub = any_hub
    hub.agree("other", rights=frozenset({"feed"}))
    organisation, site = (body(hub.ask("PUT", f"{each['resourceType']}/{each['id']}", each, partner="other")) for each in (ORGANISATION, SITE))
    mine = SITE | {"id": "mine", "name": "Campus Noord", "managingOrganization": {"reference": f"Organization/{organisation['id']}"}}
    mine["address"] = SITE["address"] | {"line": ["Dorp 1"]}
    assert put(hub, mine).status_code == 201
    theirs, ours, before = _said(hub, "other"), _said(hub, "epd"), head(hub)
    assert len(ours) == 1, "a claim of ours about their organisation, in which stands our site alone"
    for each in (organisation, site):
        refused = hub.ask("DELETE", f"{each['resourceType']}/{each['id']}")
        assert (refused.status_code, "never sent in by you" in texts(refused)) == (404, True)
    assert (_said(hub, "other"), _said(hub, "epd"), head(hub)) == (theirs, ours, before)
    person = body(hub.ask("PUT", "Practitioner/p1", PERSON, partner="other"))["id"]
    theirs = _said(hub, "other")
    assert hub.ask("DELETE", f"Practitioner/{person}").status_code == 404
    assert body(put(hub, PERSON | {"id": "same"}))["id"] == person
    assert hub.ask("DELETE", f"Practitioner/{person}").status_code == 200
    assert _said(hub, "other") == theirs, "of what both said our own alone is taken back"
    assert _said(hub, "epd")[-1] == {}, "and nothing of it stays"
    assert body(hub.ask("GET", f"Practitioner/{person}"))["active"] is True


WRONG: Json = {
    "identifier": [{"system": BE + "NamingSystem/cbe", "value": "0403019261"}],
    "alias": ["Bijnaam"],
    "telecom": [{"system": "phone", "value": "+3215999902"}, {"system": "url", "value": "https://wrong.example.org"}],
    "address": [{"line": ["Dorp 1"], "city": "Gent", "postalCode": "9000", "country": "BE"}],
}


def test_what_a_partner_said_of_what_others_tell_is_taken_back_whole(any_hub: Hub) -> None:
    hub = any_hub
    hub.put(organisation(1, names=[{"text": {"nl": "Huis"}}]))
    before = body(hub.ask("GET", "Organization?name=huis"))["entry"][0]["resource"]
    id = before["id"]

    def now() -> Json:
        return {name: value for name, value in body(hub.ask("GET", f"Organization/{id}")).items() if name != "meta"}

    first = now()
    assert put(hub, {"resourceType": "Organization", "id": id, "name": "Huis", "active": True, **WRONG}).status_code == 200
    assert now().keys() >= WRONG.keys()
    taken = hub.ask("DELETE", f"Organization/{id}")
    assert (taken.status_code, body(taken)["id"], now()) == (200, id, first), "nothing is to be told: it stands as others say it"
    assert body(hub.ask("GET", "Organization?name=bijnaam&_total=accurate"))["total"] == 0
    assert body(hub.ask("GET", f"Location?organization={id}&_total=accurate"))["total"] == 0
    seen = head(hub)
    assert (hub.ask("DELETE", f"Organization/{id}").status_code, head(hub)) == (200, seen)
    again = put(hub, {"resourceType": "Organization", "id": id, "name": "Huis", "telecom": WRONG["telecom"]})
    assert (again.status_code, body(again)["id"], len(body(again)["telecom"])) == (200, id, 2)
    hub.remove(organisation(1))
    assert hub.ask("DELETE", f"Organization/{id}").status_code == 200
    assert body(hub.ask("GET", f"Organization/{id}"))["active"] is False, "now it speaks alone"


def test_what_nobody_tells_any_more_does_not_come_back_by_a_delete(hub: Hub) -> None:
    hub.put(organisation(1, names=[{"text": {"nl": "Huis"}}]))
    id = body(hub.ask("GET", "Organization?name=huis"))["entry"][0]["resource"]["id"]
    put(hub, {"resourceType": "Organization", "id": id, "name": "Huis", **WRONG})
    hub.ask("DELETE", f"Organization/{id}")
    hub.remove(organisation(1))
    assert hub.ask("DELETE", f"Organization/{id}").status_code == 200
    assert hub.ask("GET", f"Organization/{id}").status_code == 410


def test_the_sites_that_were_sent_stay_when_their_organisation_is_taken_back(hub: Hub) -> None:
    hub.put(organisation(1, names=[{"text": {"nl": "Huis"}}]))
    id = body(hub.ask("GET", "Organization?name=huis"))["entry"][0]["resource"]["id"]
    put(hub, {"resourceType": "Organization", "id": id, "name": "Huis", "telecom": WRONG["telecom"]})
    site = body(put(hub, SITE | {"managingOrganization": {"reference": f"Organization/{id}"}}))["id"]
    assert "telecom" not in body(hub.ask("DELETE", f"Organization/{id}"))
    assert body(hub.ask("GET", f"Location/{site}"))["status"] == "active"
    assert body(hub.ask("DELETE", "Location/l1"))["status"] == "inactive"


def test_what_a_partner_said_of_a_site_of_others_is_taken_back_whole(hub: Hub) -> None:
    hub.put(organisation(1, names=[{"text": {"nl": "Huis"}}], vestigingen=[site(1, "9000", {"nl": "Gent"})]))
    before = body(hub.ask("GET", "Location"))["entry"][0]["resource"]
    told = SITE | {"id": before["id"], "managingOrganization": before["managingOrganization"], "telecom": WRONG["telecom"]}
    assert put(hub, told | {"status": "inactive"}).status_code == 200
    taken = hub.ask("DELETE", f"Location/{before['id']}")
    assert {**body(taken), "meta": 0} == {**before, "meta": 0}
    assert [hub.ask("DELETE", f"Location/{before['id']}").status_code for _ in range(2)] == [200, 200]
    again = put(hub, told)
    assert (again.status_code, body(again)["id"], len(body(again)["telecom"])) == (200, before["id"], 2)


def test_what_is_made_again_after_a_delete_counts_anew(hub: Hub) -> None:
    first = body(put(hub, ORGANISATION | {"meta": {"versionId": "10"}}))
    assert body(hub.ask("DELETE", f"Organization/{first['id']}"))["active"] is False
    again = body(put(hub, ORGANISATION | {"meta": {"versionId": "1"}}))
    assert (again["id"], again["active"]) == (first["id"], True)
    late = put(hub, ORGANISATION | {"meta": {"versionId": "0"}})
    assert "later version" in texts(late)
