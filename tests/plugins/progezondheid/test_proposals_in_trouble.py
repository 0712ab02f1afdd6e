"""Killed, cut off, late, twice, broken: what was proposed is proposed once, and stays our own word."""

from __future__ import annotations

from typing import Any

import pytest

from hub import Unreachable
from hub.store import Store, log_reading, reading
from plugins.progezondheid.client import Client
from plugins.progezondheid.simulator import ProGezondheidSimulator
from plugins.progezondheid.walk import MOST_EMPTY
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
    unheard,
)
from tests.sync.conftest import Clock


def test_late_and_repeated_decisions_change_nothing(go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store) -> None:
    for fault in ("late-events", "duplicate-events", "clock-skew"):
        register.switch(fault)
    soka.says(contacts=[phone(PHONE)])
    go()
    register.decide(asked(register)[0]["id"], accept=True)
    for _ in range(3):
        go()
    register.switch("expired-cursor")
    assert go().state == "done"
    assert [one.proposal.state for one in known(store)] == ["accepted"]
    assert len(asked(register)) == 1


def test_an_answer_that_got_lost_doubles_nothing(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    register.switch("lost-answers")
    soka.says(contacts=[phone(PHONE)])
    assert go().pushed == 1
    assert len(asked(register)) == 1


@pytest.mark.parametrize("decided", [None, True, False])
def test_killed_between_proposal_and_record(go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store, decided: bool | None) -> None:
    soka.says(contacts=[phone(PHONE)])
    with unheard("propose", KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        go()
    if decided is not None:
        register.decide(asked(register)[0]["id"], accept=decided)
    assert go().state == "done"
    assert len(asked(register)) == 1
    states = [one.proposal.state for one in known(store)]
    assert states == {None: ["pending"], True: ["accepted"], False: ["rejected"]}[decided]
    assert go(full=True).pushed == 0


def test_a_row_that_breaks_the_contract_stops_no_other(
    go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fiche = soka.says(contacts=[phone(PHONE)])
    go()
    register.decide(asked(register)[0]["id"], accept=True)
    whole = Client.proposals
    soka.hears("cobrha", 1, languages=["nl"])
    with store.read() as db:
        newest = log_reading.head(db)
    late = {"reference": fiche, "id": "p9", "nihdi8": soka.number(), "state": "pending", "evidence": {"seq": newest}}
    broken = [
        None, {"reference": "\0"}, {"reference": 7}, {"reference": fiche, "field": ["contacts"]}, {"reference": fiche, "field": "name", "id": "p1"},
        {**late, "field": "contacts"}, {**late, "field": "contacts", "old": [7], "new": []}, {**late, "field": "languages", "old": None, "new": None},
        {**late, "field": "contacts", "evidence": "x"}, {**late, "field": "contacts", "nihdi8": None, "old": [], "new": []},
    ]  # fmt: skip

    def with_broken_ones(client: Client, cursor: str | None, limit: int) -> Any:
        items, following, complete = whole(client, cursor, limit)
        return [*broken, *items, *broken], following, complete

    monkeypatch.setattr(Client, "proposals", with_broken_ones)
    for _ in range(2):
        assert go().state == "done"
    assert [one.proposal.state for one in known(store)] == ["accepted"]


def test_a_proposal_that_we_cannot_have_made_is_believed_of_nobody(
    go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fiche = soka.says(contacts=[phone(PHONE)])
    go()
    (ours,) = asked(register)
    with store.read() as db:
        newest = log_reading.head(db)
    forged = {**ours, "id": "x1", "state": "accepted", "value": ours["new"], "evidence": {**ours["evidence"], "seq": 10**9}}
    whole = Client.proposals

    def with_forged(client: Client, cursor: str | None, limit: int) -> Any:
        items, following, complete = whole(client, cursor, limit)
        return [forged, {**forged, "evidence": {"seq": newest + 1}}, *items], following, complete

    with monkeypatch.context() as patch:
        patch.setattr(Client, "proposals", with_forged)
        report = go()
    assert (report.state, report.rejected) == ("done", 2)
    assert {(one.external_id, one.field) for one in report.rejections} == {(fiche, "evidence.seq")}
    assert [(one.proposal.id, one.proposal.state) for one in known(store)] == [(ours["id"], "pending")]
    register.decide(ours["id"], accept=True)
    go()
    assert [(one.proposal.id, one.proposal.state) for one in known(store)] == [(ours["id"], "accepted")]


@pytest.mark.parametrize("error", [KeyboardInterrupt, Unreachable])
def test_what_was_accepted_while_its_answer_was_lost_stays_our_word(
    go: Run, soka: Soka, register: ProGezondheidSimulator, clock: Clock, store: Store, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    number = soka.number()
    theirs = standing(register, number)["contacts"]
    soka.says(contacts=[phone(PHONE)], languages=["nl", "sv"])
    whole = Client.propose

    def dying(client: Client, proposal: Any, **kwargs: Any) -> Any:
        answer = whole(client, proposal, **kwargs)
        if proposal["field"] == "languages":  # the last of the two, so that the answers of both are lost
            raise error("The line broke.")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Client, "propose", dying)
        if error is KeyboardInterrupt:
            with pytest.raises(error):
                go()
        else:
            go()
    for proposal in asked(register):
        register.decide(proposal["id"], accept=True)
    clock.forward(hours=1)
    assert go().state == "done"
    assert {(one.proposal.field, one.proposal.state) for one in known(store)} == {("contacts", "accepted"), ("languages", "accepted")}
    assert len(asked(register)) == 2
    # De Sociale Kaart has another number now: the old one was ours, and goes.
    soka.says(contacts=[phone(OTHER)], languages=["nl"])
    assert go().state == "done"
    for proposal in asked(register):
        register.decide(proposal["id"], accept=True)
    go()
    assert standing(register, number)["contacts"] == [*theirs, for_all(national(OTHER))]
    assert "sv" not in standing(register, number)["languages"]
    fiche = soka.document()
    assert PHONE not in str(fiche) and "sv" not in fiche["languages"]


@pytest.mark.parametrize("decided", [None, True, False])
def test_a_lost_answer_and_another_source_that_agrees(
    go: Run, soka: Soka, register: ProGezondheidSimulator, clock: Clock, store: Store, decided: bool | None
) -> None:
    soka.says(contacts=[phone(PHONE)])
    with unheard("propose"):
        go()
    soka.hears("excel", contacts=[phone(PHONE)])  # what is proposed is the same, where it comes from is not
    if decided is not None:
        register.decide(asked(register)[0]["id"], accept=decided)
    clock.forward(hours=1)
    state = {None: "pending", True: "accepted", False: "rejected"}[decided]
    for full in (False, True):
        assert go(full=full).state == "done"
        assert [(one.proposal.state, one.proposal.id) for one in known(store)] == [(state, asked(register)[0]["id"])]
    assert len(asked(register)) == 1
    if decided is None:
        register.decide(asked(register)[0]["id"], accept=True)
        go()
        assert [one.proposal.state for one in known(store)] == ["accepted"]


def test_a_proposal_made_anew_before_we_heard_of_the_first_takes_its_place(
    go: Run, soka: Soka, register: ProGezondheidSimulator, clock: Clock, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    soka.says(contacts=[phone(PHONE)])
    with unheard("propose"):
        go()
    soka.hears("excel", contacts=[phone(PHONE)])
    clock.forward(hours=1)
    with monkeypatch.context() as patch:
        patch.setattr(Client, "proposals", lambda client, cursor, limit: ([], "p0-0", True))  # what they decided is told late
        assert go().pushed == 1
    first, second = asked(register)
    assert (first["state"], second["state"]) == ("withdrawn", "pending")
    register.decide(second["id"], accept=True)
    for _ in range(2):
        assert go().state == "done"
        assert [(one.proposal.state, one.proposal.id) for one in known(store)] == [("accepted", second["id"])]


@pytest.mark.parametrize("decided", [None, True, False])
def test_what_is_hidden_while_its_owner_decides_is_taken_back(
    go: Run, soka: Soka, register: ProGezondheidSimulator, clock: Clock, monkeypatch: pytest.MonkeyPatch, decided: bool | None
) -> None:
    theirs = standing(register, soka.number())["contacts"]
    soka.says(contacts=[phone(PHONE)], languages=["nl", "sv"])
    go()
    soka.says(contacts=[phone(PHONE, visibility="internal")], languages=["nl", "sv"])
    whole = Client.withdraw

    def overtaken(client: Client, reference: str, field: str | None = None) -> int:
        if decided is not None:
            register.decide(asked(register)[0]["id"], accept=decided)
        return whole(client, reference, field)

    with monkeypatch.context() as patch:
        patch.setattr(Client, "withdraw", overtaken)
        assert go().pushed == 1
    of_contacts = [one for one in asked(register) if one["field"] == "contacts"]
    assert [one["state"] for one in of_contacts] == {None: ["withdrawn"], True: ["accepted", "pending"], False: ["rejected"]}[decided]
    if decided:
        assert of_contacts[1]["new"] == theirs, "it is proposed to be removed"
        register.decide(of_contacts[1]["id"], accept=True)
    for _ in range(2):
        clock.forward(hours=2)
        assert go().pushed == 0
    assert go(full=True).pushed == 0
    assert standing(register, soka.number())["contacts"] == theirs
    assert soka.shown()[PHONE] == "internal"


def test_what_was_withdrawn_by_a_request_that_seemed_lost_is_asked_again_once_it_is_shown_again(
    go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store, clock: Clock
) -> None:
    soka.says(contacts=[phone(PHONE)])
    go()
    soka.says(contacts=[phone(PHONE, visibility="internal")])
    with unheard("withdraw"):
        go()
    soka.says(contacts=[phone(PHONE)])
    clock.forward(hours=1)
    go()
    assert [one["state"] for one in asked(register)] == ["withdrawn", "pending"]
    assert [one.proposal.state for one in known(store)] == ["pending"]
    assert go(full=True).pushed == 0


@pytest.mark.parametrize("fault", ["rate-limit", "server-error", "cut-off"])
def test_a_fault_only_postpones(
    go: Run, soka: Soka, register: ProGezondheidSimulator, clock: Clock, store: Store, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    soka.says(contacts=[phone(PHONE)])
    whole = Client.propose

    def failing(client: Client, *args: Any, **kwargs: Any) -> Any:
        register.switch(fault, every=1)
        return whole(client, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Client, "propose", failing)
        assert go().pushed == 0
    register.switch(fault, on=False)
    clock.forward(hours=1)
    for _ in range(2):
        assert go().state == "done"
        assert [one.proposal.state for one in known(store)] == ["pending"]
    assert len(asked(register)) == 1


def test_empty_pages_of_decisions_that_never_end_end_the_run(go: Run, register: ProGezondheidSimulator) -> None:
    register.switch("endless-empty")
    register.requests.clear()
    report = go()
    assert report.state == "failed"
    assert f"/proposals gave {MOST_EMPTY + 1} empty pages in a row" in report.reason
    assert len(register.requests) == MOST_EMPTY + 1
    register.switch("endless-empty", on=False)
    assert go().state == "done"


# --- not there, for a while ----------------------------------------------------------------------------------------------------------


def _taken_over(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    """The owner has accepted PHONE, and nothing else stands there."""
    register.edit(soka.number(), contacts=[])
    go()
    soka.says(contacts=[phone(PHONE)])
    go()
    register.decide(asked(register)[0]["id"], accept=True)
    assert go().pushed == 0


def _both_say(store: Store, soka: Soka, register: ProGezondheidSimulator) -> tuple[list[str], list[str]]:
    """The numbers that the hub shows, and those that stand in the register."""
    with store.read() as connection:
        (fiche,) = reading.documents_by_uuid(connection, [soka.fiche(f"progezondheid|{soka.number()}")]).values()
    here = [national(one["value"]) for one in fiche.get("contacts", ())]
    return here, [national(one["value"]) for one in standing(register, soka.number())["contacts"]]


@pytest.mark.parametrize("said", [[OTHER], None])
def test_one_wrong_answer_that_somebody_is_not_there_loses_no_change(
    go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store, monkeypatch: pytest.MonkeyPatch, said: list[str] | None
) -> None:
    _taken_over(go, soka, register)
    if said is None:
        soka.says(gone=True)
    else:
        soka.says(contacts=[phone(value) for value in said])
    with monkeypatch.context() as patch:
        patch.setattr(Client, "provider", lambda client, number: None)
        report = go()
    assert (report.pushed, report.undeliverable) == (0, 1)
    assert [one.proposal.state for one in known(store)] == ["accepted"], "what was agreed is kept"
    register.switch("accept-proposals")
    assert go(full=True).pushed == 1
    for full in (False, True):
        assert go(full=full).pushed == 0
        wanted = [national(value) for value in said or ()]
        assert _both_say(store, soka, register) == (wanted, wanted)


@pytest.mark.parametrize("goes", ["delete", "withdraw"])
@pytest.mark.parametrize("said", [[OTHER], None])
def test_what_we_told_of_somebody_who_was_deleted_or_lost_his_visum_is_still_ours_when_he_comes_back(
    go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store, said: list[str] | None, goes: str
) -> None:
    _taken_over(go, soka, register)
    getattr(register, goes)(soka.number())
    if said is None:
        soka.says(gone=True)
    else:
        soka.says(contacts=[phone(value) for value in said])
    for full in (False, True):
        assert go(full=full).pushed == 0
    register.switch("accept-proposals")
    register.edit(soka.number(), state="registered")
    assert go().pushed == 1
    for full in (False, True):
        assert go(full=full).pushed == 0
        wanted = [national(value) for value in said or ()]
        assert _both_say(store, soka, register) == (wanted, wanted)


def test_nothing_is_proposed_of_somebody_without_a_visum(go: Run, soka: Soka, register: ProGezondheidSimulator) -> None:
    register.withdraw(soka.number())
    go()
    soka.says(contacts=[phone(PHONE)])
    report = go()
    assert (report.pushed, report.undeliverable, asked(register)) == (0, 1, [])
    report = go()
    assert (report.pushed, report.undeliverable) == (0, 0), "the next run does not ask again"
    assert go(full=True).pushed == 0
    register.edit(soka.number(), state="registered")
    assert go().pushed == 1
    assert [one["field"] for one in asked(register)] == ["contacts"]


def test_what_waits_when_the_visum_is_withdrawn_is_taken_back_once_nobody_says_it(
    go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store
) -> None:
    soka.says(contacts=[phone(PHONE)], languages=["sv"])
    go()
    register.withdraw(soka.number())
    soka.says(contacts=[phone(OTHER)], languages=["sv"])
    for _ in range(2):
        go()
    told = {one.proposal.field: one.proposal.state for one in known(store)}
    assert told == {one["field"]: one["state"] for one in asked(register)} == {"contacts": "withdrawn", "languages": "pending"}
    register.edit(soka.number(), state="registered")
    go()
    (new,) = asked(register)[2:]
    assert (new["field"], new["new"][-1]) == ("contacts", for_all(OTHER))


def test_who_is_gone_between_our_reading_and_our_asking_has_rejected_nothing(
    go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    soka.says(contacts=[phone(PHONE)])
    whole = Client.propose

    def gone_meanwhile(client: Client, *args: Any, **kwargs: Any) -> Any:
        register.delete(soka.number())
        return whole(client, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Client, "propose", gone_meanwhile)
        assert go().state == "done"
    assert known(store) == [] and asked(register) == []
    register.edit(soka.number(), state="registered")
    go()
    assert [one["state"] for one in asked(register)] == ["pending"]
