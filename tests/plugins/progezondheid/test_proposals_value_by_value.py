"""Value by value: what only registers say goes to nobody, and of each value that the register shows otherwise than we asked its owner has the last word."""

from __future__ import annotations

from typing import Any

import pytest

from hub import Unreachable
from hub.store import Store
from plugins.progezondheid.client import Client
from plugins.progezondheid.simulator import ProGezondheidSimulator
from tests.plugins.progezondheid.conftest import Run
from tests.plugins.progezondheid.soka import (
    OTHER,
    PHONE,
    Soka,
    asked,
    for_all,
    known,
    national,
    phone,
    standing,
)

OWN, ANOTHER = for_all("016000099"), for_all("016000098")


def told(register: ProGezondheidSimulator) -> list[tuple[str, Any, Any, list[str]]]:
    return [(one["field"], one["old"], one["new"], one["evidence"]["sources"]) for one in asked(register)]


def proposed(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    """The register has no number, and ours is proposed."""
    register.edit(soka.number(), contacts=[])
    go()
    soka.says(contacts=[phone(PHONE)])
    go()


def taken_back(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    """He took our number over, and by now nobody says it any more: that is proposed too."""
    proposed(go, soka, register)
    register.decide(asked(register)[0]["id"], accept=True)
    go()
    soka.says()
    go()


# --- what somebody other than the registers says -----------------------------------------------------------------------------------


def test_what_the_register_took_out_is_not_proposed_back_when_its_row_is_rejected(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    register.edit(soka.number(), contacts=[OWN])
    go()
    register.edit(soka.number(), contacts=[], convention=7)
    assert go().rejected == 1
    soka.says(contacts=[phone(PHONE)])
    go()
    assert told(register) == [("contacts", [], [for_all(PHONE)], ["sociale-kaart"])]


def test_what_the_register_takes_out_between_our_reading_and_our_asking_is_not_proposed_back(
    go: Run, soka: Soka, register: ProGezondheidSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    register.edit(soka.number(), contacts=[OWN])
    go()
    soka.says(contacts=[phone(PHONE)])
    whole = Client.provider

    def racing(client: Client, number: str) -> Any:
        register.edit(number, contacts=[])
        return whole(client, number)

    with monkeypatch.context() as patch:
        patch.setattr(Client, "provider", racing)
        go()
    assert told(register) == [("contacts", [], [for_all(PHONE)], ["sociale-kaart"])]
    register.switch("accept-proposals")
    for full in (False, True):
        assert go(full=full).pushed == 0
    assert [one["value"] for one in standing(register, soka.number())["contacts"]] == [national(PHONE)]


def test_what_only_cobrha_says_is_not_proposed_because_another_source_says_something_else(
    go: Run, soka: Soka, register: ProGezondheidSimulator
) -> None:
    there = standing(register, soka.number())
    office = {"type": "practice", "postcode": "9000", "street": {"nl": "Cobrhastraat"}, "house_number": "3"}
    soka.says(languages=["sv"])
    soka.hears("cobrha", addresses=[office], contacts=[phone(OTHER)])
    go()
    assert told(register) == [("languages", there["languages"], [*there["languages"], "sv"], ["sociale-kaart"])]
    soka.says(languages=["sv"], contacts=[phone(PHONE)])
    soka.hears("excel", contacts=[phone(OTHER)])
    go()
    assert told(register)[1:] == [("contacts", there["contacts"], [*there["contacts"], for_all(PHONE), for_all(OTHER)], ["excel", "sociale-kaart"])]


def test_evidence_names_who_says_what_is_new(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    register.edit(soka.number(), languages=["nl"])
    go()
    soka.says(languages=["nl", "sv"])
    soka.hears("excel", languages=["nl"])
    go()
    assert told(register) == [("languages", ["nl"], ["nl", "sv"], ["sociale-kaart"])]
    register.decide(asked(register)[0]["id"], accept=True)
    soka.says(languages=["nl"])
    go()
    assert told(register)[1:] == [("languages", ["nl", "sv"], ["nl"], [])], "of what goes nobody says anything"


def test_rejected_is_not_asked_again_when_the_owner_edits_something_else(go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store) -> None:
    register.edit(soka.number(), contacts=[OWN])
    go()
    soka.says(contacts=[phone(PHONE)])
    go()
    register.decide(asked(register)[0]["id"], accept=False)
    register.edit(soka.number(), contacts=[ANOTHER])
    for full in (False, True):
        assert go(full=full).pushed == 0
    assert len(asked(register)) == 1
    assert [one.proposal.state for one in known(store)] == ["rejected"]


# --- for whom a contact is ---------------------------------------------------------------------------------------------------------


def test_an_owner_who_shows_what_he_accepted_to_colleagues_only_has_the_last_word(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    proposed(go, soka, register)
    register.decide(asked(register)[0]["id"], accept=True)
    go()
    assert soka.shown() == {PHONE: "public"}
    restricted = {"kind": "phone", "value": national(PHONE), "audience": "professionals"}
    register.edit(soka.number(), contacts=[restricted])
    for full in (False, True):
        assert go(full=full).pushed == 0
        assert soka.shown() == {PHONE: "professional"}, "the stricter visibility stands"
    soka.says(contacts=[phone(PHONE), phone(OTHER)])
    go()
    assert told(register)[1:] == [("contacts", [restricted], [restricted, for_all(OTHER)], ["sociale-kaart"])]


def test_an_owner_who_writes_for_colleagues_what_waits_for_everybody_has_the_last_word(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    proposed(go, soka, register)
    restricted = {"kind": "phone", "value": national(PHONE), "audience": "professionals"}
    register.edit(soka.number(), contacts=[restricted])
    go()
    assert soka.shown() == {PHONE: "professional"}
    go(full=True)
    assert [one["state"] for one in asked(register)] == ["withdrawn"], "it is his own word by now"
    assert standing(register, soka.number())["contacts"] == [restricted]


def test_an_owner_who_accepts_for_colleagues_only_has_the_last_word(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    proposed(go, soka, register)
    (proposal,) = asked(register)
    proposal["new"] = [{**one, "audience": "professionals"} for one in proposal["new"]]  # what is written there is not just what was asked
    register.decide(proposal["id"], accept=True)
    go()
    assert soka.shown() == {PHONE: "professional"}


# --- what he puts there instead ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read_before", [False, True])
def test_what_an_owner_writes_in_place_of_what_we_asked_is_his_own_word(
    go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store, read_before: bool
) -> None:
    register.edit(soka.number(), contacts=[OWN])
    go()
    soka.says(contacts=[phone(OTHER)])
    go()
    (proposal,) = asked(register)
    if read_before:  # he writes it, the row is read, and only then he decides
        register.edit(soka.number(), contacts=[OWN, ANOTHER])
        go()
        register.edit(soka.number(), contacts=[OWN])
    register.decide(proposal["id"], accept=True, value=[OWN, ANOTHER])
    for full in (False, False, True):
        report = go(full=full)
        assert (report.state, report.pushed) == ("done", 0)
        assert soka.shown().keys() == {"+3216000099", "+3216000098", OTHER}, "his number stands beside ours"
    (told,) = (one.proposal for one in known(store))
    assert (told.state, told.new, told.value) == ("accepted", [OWN, for_all(OTHER)], [OWN, ANOTHER])
    soka.says(contacts=[phone(OTHER), phone(PHONE)])
    go()
    assert asked(register)[1]["old"] == [OWN, ANOTHER]
    assert asked(register)[1]["new"] == [OWN, ANOTHER, for_all(PHONE), for_all(OTHER)], "and is never asked away"
    register.decide(asked(register)[1]["id"], accept=True)
    assert go().pushed == go(full=True).pushed == 0
    assert [one.proposal.value for one in known(store)] == [None], "the register's spelling is no other value"


def test_what_an_owner_keeps_as_he_accepts_something_else_is_his_own_word_at_once(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    proposed(go, soka, register)
    register.decide(asked(register)[0]["id"], accept=True)
    go()
    soka.says(contacts=[phone(OTHER)])
    go()
    second = asked(register)[1]
    assert (second["old"], second["new"]) == ([for_all(national(PHONE))], [for_all(OTHER)])
    whole = register.desk.events[:]
    register.decide(second["id"], accept=True, value=[for_all(national(PHONE)), for_all(national(OTHER))])
    later, register.desk.events[:] = register.desk.events[:], whole
    go()  # the row is read before it is heard why it changed
    register.desk.events[:] = later
    for full in (False, True):
        assert go(full=full).pushed == 0
        assert soka.shown() == {PHONE: "public", OTHER: "public"}
    soka.says()
    go()
    assert asked(register)[2]["new"] == [for_all(national(PHONE))]


# --- what he will not let go -------------------------------------------------------------------------------------------------------


def test_an_owner_who_refuses_to_drop_a_value_has_the_last_word(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    taken_back(go, soka, register)
    assert (told(register)[1][2], soka.shown()) == ([], {})
    register.decide(asked(register)[1]["id"], accept=False)
    for full in (False, False, True):
        report = go(full=full)
        assert (report.state, report.pushed) == ("done", 0)
        assert soka.shown() == {PHONE: "public"}, "it is his own word, from the run on that heard of it"
    register.edit(soka.number(), languages=["nl"])
    go()
    assert soka.shown() == {PHONE: "public"}
    register.edit(soka.number(), contacts=[])
    go()
    assert (soka.shown(), len(asked(register))) == ({}, 2)


def test_a_refusal_that_the_run_was_cut_off_after_is_taken_in_by_a_run_from_the_start(
    go: Run, soka: Soka, register: ProGezondheidSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_back(go, soka, register)
    register.decide(asked(register)[1]["id"], accept=False)

    def lost(client: Client, cursor: str | None, limit: int) -> Any:
        raise Unreachable("The line broke.")

    with monkeypatch.context() as patch:
        patch.setattr(Client, "page", lost)
        assert go().state == "failed"
    assert go(full=True).changed == 1
    assert soka.shown() == {PHONE: "public"}
    assert go(full=True).changed == 0


@pytest.mark.parametrize("accept", [True, False])
def test_what_its_owner_wrote_himself_while_it_waited_is_his_own_word_when_it_is_not_taken_over(
    go: Run, soka: Soka, register: ProGezondheidSimulator, accept: bool
) -> None:
    proposed(go, soka, register)
    register.edit(soka.number(), contacts=[for_all(national(PHONE))])
    go()
    decided = register.decide(asked(register)[0]["id"], accept=accept)
    assert (decided["state"], decided.get("conflict", False)) == ("rejected", accept)
    go()
    soka.says()
    for full in (False, True):
        assert go(full=full).pushed == 0
        assert soka.shown() == {PHONE: "public"}
    assert [one["value"] for one in standing(register, soka.number())["contacts"]] == [national(PHONE)]
