"""What the register will not take is a dead letter, keeps nothing else back, and nothing that it says gets our token out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import select, update

from hub import Unreachable
from hub.outbound import Outbound
from hub.store import Store
from hub.store.tables import agreed as agreed_table
from hub.store.tables import metadata
from hub.store.tables import outbox as outbox_table
from hub.sync import breaker, outbox, records, status
from hub.sync.breaker import Breaker
from plugins.progezondheid.client import Client
from plugins.progezondheid.desk import Desk, Refused
from plugins.progezondheid.simulator import TOKEN, ProGezondheidSimulator
from tests.plugins.progezondheid.conftest import Run
from tests.plugins.progezondheid.soka import PHONE, Soka, asked, known, loaded, phone, said_instead, standing

TWO: dict[str, Any] = {"contacts": [phone(PHONE)], "languages": ["nl", "sv"]}
Refuse = Callable[..., None]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """The desk refuses these fields with this status from now on."""
    whole = Desk.take

    def refusing(*fields: str, answer: str = "400 Bad Request", detail: str = "Not like this.") -> None:
        def take(desk: Desk, key: str, asked: Any, at: Any) -> Any:
            if asked["field"] in fields:
                raise Refused(answer, detail)
            return whole(desk, key, asked, at)

        monkeypatch.setattr(Desk, "take", take)

    return refusing


def dead(store: Store) -> list[outbox.Letter]:
    with store.read() as connection:
        return outbox.dead_letters(connection)


@pytest.mark.parametrize("answer", ["400 Bad Request", "409 Conflict", "413 Content Too Large", "422 Unprocessable Content"])
def test_what_is_refused_is_a_dead_letter_and_a_replay_proposes_it_anew(
    go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store, refuse: Refuse, answer: str
) -> None:
    fiche = soka.says(contacts=[phone(PHONE)])
    refuse("contacts", answer=answer)
    report = go()
    assert (report.state, report.pushed, report.rejected) == ("done", 0, 1)
    assert known(store) == [], "its owner was never asked"
    (letter,) = dead(store)
    assert (letter.change.id, letter.reason) == (fiche, f"The register refuses this proposal ({answer[:3]}): Not like this.")
    with store.read() as connection:
        assert breaker.load(connection, "register") == Breaker(), "who answers is not out of reach"
        assert records.rejected_ids(connection, "register") == {fiche}
    (told,) = status.of_all(store, loaded())
    assert told.reason == "1 delivery was given up: fichehub deadletters list", "and no row that came in was bad"
    refuse()
    assert go().pushed == 0
    outbox.replay(store, [letter])
    assert (go().pushed, dead(store)) == (1, [])
    assert [one.proposal.state for one in known(store)] == ["pending"]
    with store.read() as connection:
        assert records.rejected_rows(connection) == {}
    assert go(full=True).pushed == 0


def test_a_field_that_is_refused_keeps_no_other_back(go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store, refuse: Refuse) -> None:
    there = standing(register, soka.number())["languages"]
    soka.says(**TWO)
    refuse("contacts")
    report = go()
    assert (report.pushed, report.rejected) == (1, 1)
    assert [(one.proposal.field, one.proposal.state) for one in known(store)] == [("languages", "pending")]
    register.decide(asked(register)[0]["id"], accept=True)
    assert go().pushed == 0
    assert [(one.proposal.field, one.proposal.state) for one in known(store)] == [("languages", "accepted")]
    refuse()
    outbox.replay(store, dead(store))
    assert (go().pushed, dead(store)) == (1, [])
    assert {(one.proposal.field, one.proposal.state) for one in known(store)} == {("contacts", "pending"), ("languages", "accepted")}
    assert len(asked(register)) == 2
    assert go(full=True).pushed == 0
    assert standing(register, soka.number())["languages"] == [*there, "sv"]


def test_all_that_is_refused_of_one_caregiver_is_told_in_one_letter(go: Run, soka: Soka, store: Store, refuse: Refuse) -> None:
    soka.says(**TWO)
    refuse("contacts", "languages")
    assert go().rejected == 1
    (letter,) = dead(store)
    assert "contacts: The register refuses" in letter.reason and "languages: The register refuses" in letter.reason


def test_a_new_value_that_is_refused_leaves_the_one_that_waits(
    go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store, refuse: Refuse
) -> None:
    soka.says(languages=["sv"])
    go()
    refuse("languages")
    soka.says(languages=["sv", "tr"])
    assert go().rejected == 1
    assert [(one.proposal.state, one.proposal.id) for one in known(store)] == [("pending", asked(register)[0]["id"])]
    soka.says(languages=["sv"])
    assert (go().pushed, dead(store)) == (0, []), "what waits there is what we want again"


def test_a_refusal_in_html_is_one_all_the_same(go: Run, soka: Soka, store: Store, refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_json(said: Any) -> Any:
        raise Unreachable("This is no JSON.")

    soka.says(contacts=[phone(PHONE)])
    refuse("contacts", answer="413 Content Too Large")
    said_instead(monkeypatch, "/proposals", lambda said: no_json(said) if "items" not in said else said, 413)
    assert go().rejected == 1
    assert [letter.reason for letter in dead(store)] == ["The register refuses this proposal (413): without saying why."]


# --- what they say -------------------------------------------------------------------------------------------------------------


def everything(store: Store) -> str:
    """All that the database holds, as text."""
    with store.read() as connection:
        rows = [tuple(row) for table in metadata.sorted_tables for row in connection.execute(select(table))]
    return repr(rows)


def test_whatever_the_register_says_the_token_is_not_kept(
    go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"bad Bearer {TOKEN}"
    soka.says(0, **TWO)
    soka.says(1, contacts=[phone(PHONE)])
    soka.says(2, **TWO)
    refuse("contacts", detail=said)
    reports = [go()]
    refuse()
    outbox.replay(store, dead(store)[1:])
    reports.append(go())
    first, second, *_ = asked(register)
    register.decide(first["id"], accept=False, reason=said)
    register.decide(second["id"], accept=True)

    def with_token(page: Mapping[str, Any]) -> Mapping[str, Any]:
        if "items" not in page:
            return {**page, "created_at": said, "reason": said}
        more = {"value": [said], said: said, "decided_at": said}
        return {**page, "items": [{**one, **more} if one["state"] == "accepted" else one for one in page["items"]]}

    said_instead(monkeypatch, "/proposals", with_token)
    soka.says(3, **TWO)
    reports.append(go())
    monkeypatch.setattr(Client, "propose", lambda *args, **how: (_ for _ in ()).throw(Unreachable(said)))
    soka.says(4, **TWO)
    reports.append(go())
    assert [report.state for report in reports] == ["done"] * 4
    found = known(store)
    assert "bad ******** ********" in str(found) or "bad Bearer ********" in str(found), "the rest of what they said is shown"
    assert {"pending", "rejected", "accepted"} <= {one.proposal.state for one in found}
    for output in (everything(store), repr(found), repr(reports), repr(dead(store)), repr(status.of_all(store, loaded()))):
        assert TOKEN not in output


def test_what_an_earlier_version_kept_is_not_shown_either(go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store) -> None:
    soka.says(contacts=[phone(PHONE)])
    go()
    register.decide(asked(register)[0]["id"], accept=False, reason="bad Bearer T-O-K-E-N")
    go()

    def kept_before(writer: Any) -> None:
        for row in writer.connection.execute(select(agreed_table)).all():
            state = row.state.replace(b"T-O-K-E-N", TOKEN.encode())
            writer.connection.execute(update(agreed_table).where(agreed_table.c.entity_id == row.entity_id).values(state=state))

    store.write(kept_before)
    assert TOKEN in everything(store)
    assert [one.proposal.reason for one in known(store)] == ["bad Bearer ********"]


@pytest.mark.parametrize("state", ["rejected", "accepted"])
def test_a_decision_with_half_a_character_costs_that_decision(
    go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    broken, whole = soka.says(0, contacts=[phone(PHONE)]), soka.says(1, contacts=[phone(PHONE)])
    go()
    of = {one["reference"]: one["id"] for one in asked(register)}
    for id in of.values():
        register.decide(id, accept=state == "accepted")

    def half(page: Mapping[str, Any]) -> Mapping[str, Any]:
        wrong = {"reason": "no \ud800"} if state == "rejected" else {"value": [{"kind": "phone", "value": "\ud800", "audience": "public"}]}
        items = [{**one, **wrong} if one["id"] == of[broken] and one["state"] == state else one for one in page["items"]]
        return {**page, "items": items}

    with monkeypatch.context() as patch:
        said_instead(patch, "/proposals", half)
        report = go()
    assert (report.state, report.rejected) == ("done", 1)
    assert [(row.external_id, row.field) for row in report.rejections] == [(broken, "decision")]
    assert "half a character" in report.rejections[0].message
    assert {one.entity: one.proposal.state for one in known(store)} == {broken: "pending", whole: state}
    assert (go().state, go().rejected) == ("done", 0)


@pytest.mark.parametrize("wrong", [{"id": "p\ud800"}, {"reason": "no \ud800"}, {"id": ""}])
def test_an_answer_with_half_a_character_is_no_bug_of_ours(
    go: Run, soka: Soka, register: ProGezondheidSimulator, store: Store, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    soka.says(contacts=[phone(PHONE)])
    with monkeypatch.context() as patch:
        said_instead(patch, "/proposals", lambda said: said if "items" in said else {**said, **wrong})
        assert go().state == "done"
    with store.read() as connection:
        ((state, reason),) = connection.execute(select(outbox_table.c.state, outbox_table.c.reason)).all()
    assert state == "waiting" and ("no proposal with an `id`" in reason or "cannot be kept" in reason)
    assert go().state == "done"
    assert [one.proposal.state for one in known(store)] == ["pending"], "it was made, and is in the list of decisions"
    assert len(asked(register)) == 1


def test_a_tag_that_does_not_come_back_is_told_as_what_it_is(go: Run, soka: Soka, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Client.provider

    def tagged(client: Client, number: str) -> Any:
        found = whole(client, number)
        return None if found is None else (found[0], '"\xe9"')

    monkeypatch.setattr(Client, "provider", tagged)
    soka.says(contacts=[phone(PHONE)])
    go()
    with store.read() as connection:
        reasons = [row.reason for row in connection.execute(select(outbox_table))]
    assert reasons == [
        f"The register gives provider {soka.number()} with the same ETag each time, and answers 412 to a proposal that names it (If-Match)."
    ]


@pytest.mark.parametrize("tag", ['"abc\r\n def"', '"a\x7fb"'])
def test_a_tag_that_no_header_can_hold_is_refused_in_words(
    register: ProGezondheidSimulator, soka: Soka, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Outbound.get

    def tagged(http: Outbound, url: str, **how: Any) -> Any:
        answer = whole(http, url, **how)
        answer.headers = {"ETag": tag}
        return answer

    monkeypatch.setattr(Outbound, "get", tagged)
    with Outbound(allow_private=True) as http, pytest.raises(Unreachable, match="ETag that cannot be sent back"):
        Client(http, register.url, TOKEN).provider(soka.number())
