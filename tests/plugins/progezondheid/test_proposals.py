"""What other sources know better is proposed to the register, once; its owner decides, and nothing bounces, doubles or gets lost."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from hub import plugins
from hub.outbound import Outbound
from hub.store import Store, editing, erasure
from hub.sync import connections, stops
from plugins import progezondheid
from plugins.progezondheid import proposing
from plugins.progezondheid.client import Client
from plugins.progezondheid.simulator import ProGezondheidSimulator
from tests.plugins.progezondheid.conftest import Connect, Run
from tests.plugins.progezondheid.soka import (
    EVERYTHING,
    OTHER,
    PHONE,
    Soka,
    agreed_at,
    asked,
    for_all,
    known,
    national,
    phone,
    standing,
)


def test_what_another_source_knows_is_proposed_once(go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store) -> None:
    fiche = soka.says(contacts=[phone(PHONE)])
    before = standing(register, soka.number())["contacts"]
    report = go()
    assert (report.state, report.pushed) == ("done", 1)
    (proposal,) = asked(register)
    assert proposal["field"] == "contacts"
    assert proposal["old"] == before
    assert proposal["new"] == [*before, for_all(PHONE)]
    evidence = dict(proposal["evidence"])
    assert evidence.pop("seq") > 0
    assert evidence == {"fiche": fiche, "changed_at": "2026-11-22T09:00:00.000Z", "sources": ["sociale-kaart"]}
    assert go().pushed == go(full=True).pushed == 0
    assert len(asked(register)) == 1
    (told,) = known(store)
    assert (told.connection, told.entity, told.proposal.state) == ("register", fiche, "pending")
    assert told.proposal.evidence == proposal["evidence"]


def test_what_the_register_has_already_is_not_proposed(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    provider = standing(register, soka.number())
    address = next(one for one in provider["addresses"] if one["type"] == "practice")
    said = {name: address[name] for name in ("postcode", "house_number") if address[name]}
    soka.says(languages=provider["languages"], addresses=[{"type": "practice", "street": address["street"], **said}])
    assert go().state == "done"
    assert asked(register) == []


def test_accepted_becomes_agreed_and_is_no_word_of_the_register(go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store) -> None:
    soka.says(contacts=[phone(PHONE)])
    go()
    register.decide(asked(register)[0]["id"], accept=True)
    there = standing(register, soka.number())["contacts"]
    assert there[-1] == for_all("016000001")
    report = go()
    assert (report.state, report.read, report.changed, report.pushed) == ("done", 1, 1, 0)
    assert go(full=True).pushed == 0
    assert [one.proposal.state for one in known(store)] == ["accepted"]
    # Were it the register's word by now, our next change could never take it away.
    soka.says(contacts=[phone(OTHER)])
    phones = {one["value"] for one in soka.document()["contacts"] if one["kind"] == "phone"}
    assert OTHER in phones and PHONE not in phones
    go()
    assert len(asked(register)) == 2
    assert asked(register)[1]["old"] == there
    assert asked(register)[1]["new"] == [*there[:-1], for_all(OTHER)]


def test_rejected_is_shown_and_asked_again_only_for_another_value(go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store) -> None:
    soka.says(contacts=[phone(PHONE)], languages=["nl", "sv"])
    go()
    assert [one["field"] for one in asked(register)] == ["contacts", "languages"]
    register.decide(asked(register)[0]["id"], accept=False, reason="That is my mother's number.")
    go()
    told = {one.proposal.field: one.proposal for one in known(store)}
    assert (told["contacts"].state, told["contacts"].reason) == ("rejected", "That is my mother's number.")
    assert told["languages"].state == "pending"
    soka.says(contacts=[phone(PHONE)], languages=["nl", "sv", "tr"])
    go()
    assert [one["field"] for one in asked(register)] == ["contacts", "languages", "languages"]
    assert [one["state"] for one in asked(register)] == ["rejected", "withdrawn", "pending"]
    soka.says(contacts=[phone(OTHER)], languages=["nl", "sv", "tr"])
    go()
    assert [one["field"] for one in asked(register)][3:] == ["contacts"]


def test_a_caregiver_who_changes_meanwhile_is_read_again(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    register.switch("conflicting-edits")
    soka.says(contacts=[phone(PHONE)])
    assert go().pushed == 1
    (proposal,) = asked(register)
    own = {"kind": "email", "value": "zelf@example.org", "audience": "public"}
    assert own in proposal["old"] and own in proposal["new"]
    switched = requests.post(f"{register.url}/_faults", json={"name": "accept-proposals"}, timeout=5)
    assert {"name": "accept-proposals", "on": True} in [{key: one[key] for key in ("name", "on")} for one in switched.json()["faults"]]
    assert own in standing(register, soka.number())["contacts"]


def test_one_who_changes_all_the_time_is_left_for_later(
    go: Run, soka: Soka, register: ProGezondheidSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    soka.says(contacts=[phone(PHONE)])
    whole = Client.provider

    def moving(client: Client, number: str) -> Any:
        found = whole(client, number)
        register.edit(number, convention="none")
        return found

    monkeypatch.setattr(Client, "provider", moving)
    report = go()
    assert (report.state, report.pushed) == ("done", 0)
    assert any("tried again" in warning for warning in report.warnings)
    assert asked(register) == []


def test_a_value_that_changed_there_is_not_overwritten_but_asked_again(go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store) -> None:
    there = standing(register, soka.number())["languages"]
    soka.says(languages=["fi", "sv"])
    go()
    register.edit(soka.number(), languages=[*there, "fi"])
    conflict = register.decide(asked(register)[0]["id"], accept=True)
    assert (conflict["state"], conflict["conflict"]) == ("rejected", True)
    assert standing(register, soka.number())["languages"] == [*there, "fi"]
    assert go().pushed == 1
    again = asked(register)[1]
    assert (again["old"], again["new"], again["state"]) == ([*there, "fi"], [*there, "fi", "sv"], "pending")
    register.decide(again["id"], accept=True)
    assert go().pushed == go(full=True).pushed == 0
    assert [one.proposal.state for one in known(store)] == ["accepted"]


def test_a_value_that_changes_there_each_time_is_asked_again_a_few_times(go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store) -> None:
    there = standing(register, soka.number())["contacts"]
    soka.says(contacts=[phone(PHONE)])
    for attempt in range(6):
        go()
        register.edit(soka.number(), contacts=[])
        register.decide(asked(register)[-1]["id"], accept=True)
        register.edit(soka.number(), contacts=there)  # so that it is proposed about the very same value once more
        assert len(asked(register)) == min(attempt, proposing.MOST_AGAIN) + 1
    (told,) = known(store)
    assert (told.proposal.state, told.proposal.reason) == ("rejected", "The value changed in the register since this was proposed.")
    assert go(full=True).pushed == 0
    soka.says(contacts=[phone(PHONE), phone(OTHER)])
    assert go().pushed == 1, "another value is another question"


def test_a_removal_that_met_a_change_is_asked_again(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    there = standing(register, soka.number())["languages"]
    soka.says(languages=["sv"])
    go()
    register.decide(asked(register)[0]["id"], accept=True)
    go()
    soka.says(gone=True)
    go()
    register.edit(soka.number(), languages=[*there, "sv", "tr"])
    register.decide(asked(register)[1]["id"], accept=True)
    assert go().pushed == 1
    assert (asked(register)[2]["old"], asked(register)[2]["new"]) == ([*there, "sv", "tr"], [*there, "tr"])


def test_what_may_no_longer_be_proposed_is_left_alone(store: Store, register: ProGezondheidSimulator, connect: Connect, soka: Soka) -> None:
    go = connect(register, proposals=EVERYTHING)
    go()
    soka.says(contacts=[phone(PHONE)], languages=["nl", "sv"])
    soka.says(1, contacts=[phone(OTHER)])
    go()
    first, *others = asked(register)
    register.decide(first["id"], accept=True)
    loaded = plugins.load([("progezondheid", progezondheid)], installed=False)

    def configured(*fields: str) -> None:
        connections.configure(store, loaded, "register", config={**register.config(), "proposals": list(fields)})
        with Outbound(allow_private=True, deadline=5) as http:
            connections.enable(store, loaded, "register", http=http)

    configured("languages")
    soka.says(contacts=[phone(PHONE), phone("+3216000003")], languages=["nl", "sv"])
    for full in (False, True):
        assert go(full=full).state == "done"
    assert len(asked(register)) == 1 + len(others)
    assert {one["state"] for one in asked(register) if one["field"] == "contacts" and one is not first} == {"accepted", "withdrawn"}
    configured("languages", "contacts")
    assert go().state == "done"  # not full: a setting that changed looks at everything again
    news = asked(register)[1 + len(others) :]
    assert {one["field"] for one in news} == {"contacts"}
    assert {national(contact["value"]) for one in news for contact in one["new"]} >= set(map(national, (PHONE, OTHER, "+3216000003")))


def test_who_may_see_less_takes_back_more(store: Store, register: ProGezondheidSimulator, connect: Connect, soka: Soka) -> None:
    agreed_at(store, "professional")
    go = connect(register, partner="fod", proposals=["contacts"])
    assert go().state == "done"
    soka.says(contacts=[phone(PHONE, visibility="professional"), phone(OTHER)])
    assert go().state == "done"
    register.decide(asked(register)[-1]["id"], accept=True)
    assert go().state == "done"
    assert national(PHONE) in str(standing(register, soka.number())["contacts"])
    agreed_at(store, "public")
    assert go().state == "done"
    new = asked(register)[-1]["new"]
    assert national(PHONE) not in national(str(new))
    assert [contact["audience"] for contact in new if national(contact["value"]) == national(OTHER)] == ["public"]


def test_nothing_hidden_is_proposed(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    hidden = ["+3216009991", "+3216009992", "+3216009993"]
    soka.says(
        contacts=[
            phone(hidden[0], visibility="professional"),
            phone(hidden[1], visibility="internal"),
            phone(hidden[2], purpose="emergency"),
            phone(PHONE),
        ],
        addresses=[
            {"type": "emergency", "postcode": "9999", "street": {"nl": "Noodstraat"}},
            {"type": "administrative", "postcode": "9998", "street": {"nl": "Kantoorstraat"}},
            {"type": "practice", "postcode": "9000", "street": {"nl": "Praktijkstraat"}, "house_number": "1"},
        ],
    )
    go()
    told = repr(asked(register))
    assert PHONE in told and "Praktijkstraat" in told
    assert not any(word in told for word in (*hidden, "Noodstraat", "Kantoorstraat"))


def test_what_colleagues_may_see_is_not_for_the_public_there(store: Store, register: ProGezondheidSimulator, connect: Connect, soka: Soka) -> None:
    agreed_at(store, "professional")
    go = connect(register, partner="fod", proposals=["contacts", "practice_addresses"])
    go()
    office = {"type": "administrative", "postcode": "9998", "street": {"nl": "Kantoorstraat"}}
    soka.says(contacts=[phone(PHONE, visibility="professional"), phone(OTHER)], addresses=[office])
    go()
    (proposal,) = asked(register)  # and no administrative address, although this partner may see it
    audiences = {one["value"]: one["audience"] for one in proposal["new"] if one["value"] in (PHONE, OTHER)}
    assert audiences == {PHONE: "professionals", OTHER: "professionals"}


def test_who_is_not_in_the_register_is_left_alone_until_he_is(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    number = soka.number(3)
    register.delete(number)
    go()
    soka.says(3, contacts=[phone(PHONE)])
    report = go()
    assert (report.state, report.rejected) == ("done", 0)
    assert asked(register) == []
    register.edit(number, state="registered")
    go()
    assert [one["nihdi8"] for one in asked(register)] == [number]


def test_who_joins_the_register_later_is_proposed_to_with_all_that_the_hub_knew(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    number, hours = soka.number(3), [{"days": ["mon"], "opens": "09:00", "closes": "12:00"}]
    register.delete(number)
    go()
    address = {"type": "practice", "postcode": "9000", "street": {"nl": "Praktijkstraat"}, "house_number": "1"}
    fiche = soka.says(3, contacts=[phone(PHONE)], languages=["sv"], addresses=[address])
    caregiver = soka.works(3, hours=hours, patientenstop={"value": "yes", "valid_until": "2026-12-31"})
    for _ in range(2):
        assert go().state == "done"
    assert asked(register) == []
    register.edit(number, state="registered")
    go()
    told = {one["field"]: one for one in asked(register)}
    assert set(told) == set(proposing.FIELDS)
    assert {told[name]["reference"] for name in proposing.OF_CAREGIVER} == {fiche}
    assert {told[name]["reference"] for name in proposing.OF_PRACTICE} == {caregiver}
    assert told["consultation_hours"]["evidence"]["fiche"] == soka.fiche("sociale-kaart|a")
    assert len(asked(register)) == len(proposing.FIELDS)
    register.edit(number, convention="none")
    assert go().pushed == go(full=True).pushed == 0
    assert len(asked(register)) == len(proposing.FIELDS)


def test_hours_and_patientenstop_go_with_their_practice(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    hours = [{"days": ["mon"], "opens": "09:00", "closes": "12:00"}]
    stop = {"value": "yes", "asserted_at": "2026-11-01T08:00:00Z", "valid_until": "2026-12-31"}
    soka.says(0)
    caregiver = soka.works(0, hours=hours, patientenstop=stop)
    go()
    told = {one["field"]: one for one in asked(register)}
    assert set(told) == {"consultation_hours", "patient_stop"}
    assert told["consultation_hours"]["new"] == hours
    assert told["patient_stop"]["new"] == stop
    practice = told["patient_stop"]["practice"]
    assert (practice["key"], practice["name"]) == (caregiver, {"nl": "Praktijk Astrid"})
    assert practice["address"]["street"] == {"nl": "Praktijkstraat"}
    register.switch("accept-proposals")
    assert standing(register, soka.number())["practices"][0]["patient_stop"] == stop
    assert go().pushed == 0
    soka.works(0, hours=hours, patientenstop={**stop, "value": "no"})
    go()
    assert standing(register, soka.number())["practices"][0]["patient_stop"]["value"] == "no"
    assert go(full=True).pushed == 0


def test_what_is_hidden_since_is_taken_back(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    soka.says(contacts=[phone(PHONE)], languages=["nl", "sv"])
    go()
    contacts, languages = asked(register)
    register.decide(contacts["id"], accept=True)
    go()
    soka.says(contacts=[phone(PHONE, visibility="internal")], languages=["nl", "sv"])
    go()
    last = asked(register)[-1]
    assert last["field"] == "contacts"
    assert not any(one["value"] == "016000001" for one in last["new"])
    assert len(last["new"]) == len(last["old"]) - 1
    assert register.desk.proposals[languages["id"]]["state"] == "pending"


def test_of_the_erased_nothing_stays_proposed(go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store) -> None:
    fiche = soka.says(contacts=[phone(PHONE)])
    go()
    erasure.erase(store, fiche, "article 17")
    go()
    assert [one["state"] for one in asked(register)] == ["withdrawn"]
    assert known(store) == []


def test_an_editor_who_agrees_with_the_register_after_all_withdraws(go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store) -> None:
    fiche = soka.says(languages=["sv"])
    go()
    assert [one["state"] for one in asked(register)] == ["pending"]
    editing.edit(store, fiche, "languages", standing(register, soka.number())["languages"], "an editor")
    go()
    assert [one["state"] for one in asked(register)] == ["withdrawn"]


def test_what_only_an_editor_says_is_proposed(go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store) -> None:
    number = soka.number(2)
    editing.edit(store, soka.fiche(f"progezondheid|{number}"), "languages", ["nl", "sv"], "an editor")
    assert go().pushed == 1
    (proposal,) = asked(register)
    assert (proposal["nihdi8"], proposal["evidence"]["sources"]) == (number, ["editor"])


def test_who_only_reads_never_speaks_of_proposals(register: ProGezondheidSimulator, connect: Connect, soka: Soka) -> None:
    go = connect(register)
    go()
    soka.says(contacts=[phone(PHONE)])
    assert go(full=True).pushed == 0
    assert not any("proposals" in request for request in register.requests)


def test_a_preview_counts_and_shows_what_the_next_run_proposes(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    def foreseen(**how: bool) -> tuple[int, int, list[tuple[str, str, Any, Any]]]:
        posts = len(asked(register))
        report = go(dry_run=True, **how)
        assert (report.state, len(asked(register))) == ("done", posts)
        return report.pushed, report.undeliverable, [(one.fiche, one.field, one.old, one.new) for one in report.preview if one.sent]

    there = standing(register, soka.number())
    fiche = soka.says(contacts=[phone(PHONE)], languages=there["languages"])
    soka.says(1, languages=standing(register, soka.number(1))["languages"])
    soka.says(2, contacts=[phone(OTHER)])
    register.delete(soka.number(2))
    wanted = [*there["contacts"], for_all(PHONE)]
    assert "without what this run would take in" in go(dry_run=True).warnings[-1]
    assert foreseen() == foreseen(full=True) == (1, 1, [(fiche, "contacts", there["contacts"], wanted)])
    report = go()
    assert (report.pushed, report.undeliverable) == (1, 1), "one has it already, and one is not there"
    assert [(one["field"], one["old"], one["new"]) for one in asked(register)] == [("contacts", there["contacts"], wanted)]
    assert foreseen() == (0, 0, [])
    soka.says(languages=there["languages"])
    assert foreseen() == (1, 0, [(fiche, "contacts", wanted, None)]), "what waits is taken back"
    assert (go().pushed, asked(register)[0]["state"]) == (1, "withdrawn")
    soka.says(2, gone=True)
    assert foreseen() == (0, 0, [])
    report = go()
    assert (report.pushed, report.undeliverable) == (0, 0), "nobody is told of who was not there"


def test_a_preview_ends_at_its_next_question_when_its_process_does(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    for index in range(4):
        soka.says(index, contacts=[phone(PHONE)])
    register.requests.clear()
    with stops.until(lambda: sum(f"/providers/{soka.number(index)}" in str(register.requests) for index in range(4)) > 1):
        report = go(dry_run=True)
    assert (report.state, report.pushed) == ("stopped", 2)
