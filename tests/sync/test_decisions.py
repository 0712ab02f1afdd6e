"""A partner that decides later: decisions and their cursor commit together, late and repeated ones change nothing, and what was pushed is not pushed again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import marshmallow as ma
import pytest
from sqlalchemy import select

from hub.connector import Decision, Proposal, Response, Sink
from hub.errors import CursorExpired, NotFound, Rejected, Unreachable
from hub.model.claims import Claim
from hub.model.entity import Change, Entity
from hub.plugins import Plugins
from hub.store import Store, erasure, reading
from hub.store.tables import agreed as agreed_table
from hub.sync import RunReport, connections, decisions, run, status, stops
from tests.sync.outbox.conftest import Answer

Offer = Callable[..., Plugins]


class Committee(Sink):
    """Takes names in, and decides on them later: `log` holds what it decided, `expired` makes it forget cursors, `breaks_at` breaks its list off."""

    name = "committee"
    title = "A committee"
    entity_types = ("organisatie",)
    log: ClassVar[list[tuple[str, str]]]
    asked: ClassVar[list[str | None]]
    pushed: ClassVar[list[str]]
    expired: ClassVar[bool] = False
    breaks_at: ClassVar[int] = -1

    def shape(self, entity: Entity) -> dict[str, Any] | None:
        return {"name": entity.fiche["names"][0]["text"]["nl"]}

    def push(self, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> dict[str, Any] | None:
        if desired is None:
            return None
        type(self).pushed.append(change.id)
        return {**desired, "verdict": "pending"}

    def decisions(self, cursor: str | None) -> Iterator[Decision]:
        cls = type(self)
        cls.asked.append(cursor)
        if cls.expired and cursor is not None:
            raise CursorExpired("The committee forgot.")
        for place, (entity, verdict) in enumerate(cls.log[int(cursor or 0) :], int(cursor or 0) + 1):
            if place == cls.breaks_at:
                raise Unreachable("The committee fell asleep.")
            yield Decision(entity, {"verdict": verdict}, str(place) if place % 2 == 0 else None)

    def decided(self, state: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
        return {**state, **said} if state.get("verdict") == "pending" else state

    def proposals(self, state: dict[str, Any]) -> Iterable[Proposal]:
        return [Proposal("name", None, state["name"], state["verdict"])]


class Trusted(ma.Schema):
    """Two secrets, one of them a word that names are made of."""

    token = ma.fields.String(metadata={"secret": True})
    password = ma.fields.String(metadata={"secret": True})


class Silent:
    """An HTTP client whose partner has nothing to say."""

    def get(self, url: str, **how: Any) -> Response:
        return Answer()

    post = get


class Both:
    """The hub and the committee, which heard of some houses."""

    def __init__(self, store: Store, offer: Offer) -> None:
        self.store = store
        self.committee: Any = type("Fresh", (Committee,), {"log": [], "asked": [], "pushed": []})
        self.loaded = offer(self.committee)
        connections.add(store, self.loaded, "own", "committee")
        connections.enable(store, self.loaded, "own")
        self.houses = [self.says(number) for number in range(4)]
        assert self.run().pushed == 4

    def says(self, number: int, name: str = "Huis") -> str:
        self.revision = getattr(self, "revision", 0) + 1
        content = {"kind": "organisatie", "names": [{"text": {"nl": f"{name} {number}"}}]}
        said = Claim("sociale-kaart", f"h{number}", self.revision, "organisatie", content)
        self.store.write(lambda writer: writer.put([said], origin="sociale-kaart"))
        with self.store.read() as connection:
            found = connection.exec_driver_sql(
                f"SELECT e.uuid FROM identity i JOIN entity e ON e.id = i.fiche_id WHERE i.key = 'sociale-kaart|h{number}'"
            )
            return str(found.scalar_one())

    def run(self, **how: Any) -> RunReport:
        return run(self.store, self.loaded, "own", **how)

    def verdicts(self) -> dict[str, str]:
        return {one.entity: one.proposal.state for one in decisions.proposals(self.store, self.loaded, "own")}


@pytest.fixture
def both(any_store: Store, offer: Offer) -> Both:
    return Both(any_store, offer)


def test_decisions_are_taken_in_once_from_their_cursor(both: Both) -> None:
    both.committee.log += [(both.houses[0], "accepted"), (both.houses[1], "rejected"), (both.houses[0], "rejected")]
    both.committee.asked.clear()
    assert [both.run().pushed for _ in range(3)] == [0, 0, 0]
    assert both.committee.asked == [None, "2", "2"]
    assert both.verdicts() == dict(zip(both.houses, ["accepted", "rejected", "pending", "pending"], strict=True))
    assert both.run(full=True).pushed == 0, "what was rejected is not pushed again"
    both.says(1, "Thuis")
    assert both.run().pushed == 1


def test_a_list_that_breaks_off_keeps_what_it_gave(both: Both) -> None:
    both.committee.log += [(house, "accepted") for house in both.houses]
    both.committee.breaks_at = 4
    assert both.run().state == "failed"
    assert both.verdicts() == dict(zip(both.houses, ["accepted", "accepted", "pending", "pending"], strict=True))
    both.committee.breaks_at = -1
    both.committee.asked.clear()
    assert both.run().state == "done"
    assert both.committee.asked == ["2"]
    assert set(both.verdicts().values()) == {"accepted"}


@pytest.mark.parametrize("asks", [True, False])
def test_a_process_that_wants_to_end_asks_for_no_more_decisions(both: Both, asks: bool) -> None:
    """Before the next request, and between what is taken in of a list that needs none."""
    both.committee.log += [(house, "accepted") for house in both.houses]
    heard: list[str] = []
    whole = both.committee.decisions

    def deciding(committee: Committee, cursor: str | None) -> Iterator[Decision]:
        for decision in whole(committee, cursor):
            if asks:
                committee.context.http.get("https://partner.test/decisions")
            heard.append(decision.entity)
            yield decision

    both.committee.decisions = deciding
    with stops.until(lambda: len(heard) > 0):
        report = both.run(http=Silent())
    assert (report.state, len(heard)) == ("stopped", 1 if asks else 2)
    assert report.retry_at is not None, "nobody waits for the next slot"
    assert list(both.verdicts().values()).count("accepted") == (0 if asks else 2), "what stands before a cursor is taken in with it"
    assert both.run(http=Silent()).state == "done"
    assert set(both.verdicts().values()) == {"accepted"}


def test_a_forgotten_cursor_begins_again(both: Both) -> None:
    both.committee.log += [(both.houses[0], "accepted"), (both.houses[1], "accepted")]
    both.run()
    both.committee.expired = True
    both.committee.asked.clear()
    assert both.run().state == "done"
    assert both.committee.asked == ["2", None]


def test_decisions_about_nobody_and_about_the_erased_are_passed_over(both: Both) -> None:
    erasure.erase(both.store, both.houses[0], "article 17")
    both.committee.log += [("no such entity", "accepted"), (both.houses[0], "accepted")]
    assert both.run().state == "done"
    assert set(both.verdicts()) == set(both.houses[1:])
    with both.store.read() as connection:
        assert reading.documents_by_uuid(connection, both.houses[:1]).get(both.houses[0]) is None


def test_what_is_left_of_the_erased_is_no_state_for_the_connector(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """That something was told is kept until its removal was told too; it is not in the words of the connector."""
    seen: list[dict[str, Any]] = []

    def decided(committee: Committee, state: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
        seen.append(state)
        return {**state, **said}

    monkeypatch.setattr(both.committee, "decided", decided)
    erasure.erase(both.store, both.houses[0], "article 17")
    assert set(both.verdicts()) == set(both.houses[1:])
    both.committee.log += [(both.houses[0], "accepted"), (both.houses[1], "accepted")]
    assert both.run().state == "done"
    assert seen == [{"name": "Huis 1", "verdict": "pending"}]


def test_pages_give_each_proposal_once_and_end(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    both.committee.log += [(both.houses[0], "rejected"), (both.houses[3], "rejected")]
    both.run()
    connections.add(both.store, both.loaded, "later", "committee")
    connections.enable(both.store, both.loaded, "later")
    run(both.store, both.loaded, "later")
    by_order = [(name, house) for name in ("later", "own") for house in both.houses]

    def pages(**wanted: Any) -> list[list[tuple[str, str]]]:
        found: list[list[tuple[str, str]]] = []
        after = ("", 0)
        while len(found) < 20:
            page = decisions.page(both.store, both.loaded, after=after, **wanted)
            found.append([(one.connection, one.entity) for one in page.items])
            if page.following is None:
                return found
            after = page.following
        raise AssertionError("pages without end")

    assert pages(limit=3) == [by_order[:3], by_order[3:6], by_order[6:]]
    assert pages(limit=4) == [by_order[:4], by_order[4:]], "a full page is the last when nothing follows"
    assert pages(limit=1, state="rejected") == [[by_order[4]], [by_order[7]]]
    assert pages(limit=9, entity=both.houses[1]) == [[by_order[1], by_order[5]]]
    assert pages(limit=9, name="later", state="rejected") == [[]]
    monkeypatch.setattr(decisions, "LOOKED_AT", 3)
    assert pages(limit=9, state="rejected") == [[], [by_order[4]], [by_order[7]]], "what is rare takes more pages, not longer ones"


def test_what_a_decision_leaves_unsettled_is_told_once_more(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of who is not there any more, and although nothing changed here."""
    committee = both.committee
    monkeypatch.setattr(committee, "unsettled", lambda self, state: state["verdict"] == "postponed", raising=False)
    committee.log += [(both.houses[0], "postponed"), (both.houses[1], "rejected")]
    committee.pushed.clear()
    assert (both.run().pushed, committee.pushed) == (1, both.houses[:1])
    assert both.verdicts()[both.houses[0]] == "pending"
    assert both.run().pushed == both.run(full=True).pushed == 0
    gone: list[Any] = []

    def push(committee: Committee, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> dict[str, Any]:
        gone.append(desired)
        return {"name": "x", "verdict": "pending"}

    monkeypatch.setattr(committee, "push", push)
    both.store.write(lambda writer: writer.put([Claim("sociale-kaart", "h2", 99, "organisatie", {}, gone=True)], origin="sociale-kaart"))
    both.run()
    committee.log += [(both.houses[2], "postponed"), (both.houses[3], "accepted")]
    assert (both.run().pushed, gone) == (1, [None, None])


def test_one_decision_that_cannot_be_used_costs_that_one(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = both.committee.decided

    def decided(committee: Committee, state: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
        if said["verdict"] == "perhaps":
            raise Rejected("Neither yes nor no.", field="verdict")
        return dict(whole(committee, state, said))

    monkeypatch.setattr(both.committee, "decided", decided)
    odd: list[tuple[Any, Any]] = [
        (both.houses[0], "no \ud800"), (both.houses[0], {1}), ("\0", "accepted"), (7, "accepted"), (both.houses[1], "perhaps"), (both.houses[2], 2**70),
    ]  # fmt: skip
    both.committee.log += [*odd, (both.houses[3], "accepted"), (both.houses[3], "accepted")]
    report = both.run()
    assert (report.state, report.rejected) == ("done", len(odd))
    assert sorted((row.external_id, row.field) for row in report.rejections) == sorted([
        (both.houses[0], "decision"), (both.houses[0], "decision"), ("", "entity"), ("", "entity"), (both.houses[1], "verdict"), (both.houses[2], "decision"),
    ])  # fmt: skip
    assert both.verdicts() == dict(zip(both.houses, ["pending", "pending", "pending", "accepted"], strict=True))
    assert both.run().rejected == 0, "the cursor is behind them"


def test_a_cursor_that_cannot_be_kept_is_a_bug_and_nothing_is_taken_in(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(both.committee, "decisions", lambda committee, cursor: [Decision(both.houses[0], {"verdict": "accepted"}, "\ud800")])
    assert both.run().state == "failed"
    assert set(both.verdicts().values()) == {"pending"}


def test_what_is_said_is_kept_without_secrets_and_half_characters(any_store: Store, offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a connector does with it, of a push and of a decision, also as a key; what is ours stays, though it holds a (short) secret."""
    said = "bad Bearer s3cret-token \ud800"

    class Trusting(Committee):
        config_schema = Trusted

        def push(self, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> dict[str, Any] | None:
            return {**(desired or {}), "verdict": "pending", said: [{"said": said}]}

        def proposals(self, state: dict[str, Any]) -> Iterable[Proposal]:
            return [Proposal("name", None, state["name"], state["verdict"], reason=str(state))]

    committee: Any = type("Fresh", (Trusting,), {"log": [], "asked": [], "pushed": []})
    loaded = offer(committee)
    connections.add(any_store, loaded, "own", "committee", {"token": "s3cret-token", "password": "Huis"})
    connections.enable(any_store, loaded, "own")
    content = {"kind": "organisatie", "names": [{"text": {"nl": "Huis 1"}}]}
    any_store.write(lambda writer: writer.put([Claim("sociale-kaart", "h1", 1, "organisatie", content)], origin="sociale-kaart"))
    assert run(any_store, loaded, "own").pushed == 1
    (found,) = decisions.proposals(any_store, loaded, "own")
    committee.log += [(found.entity, "accepted")]
    monkeypatch.setattr(committee, "decided", lambda self, state, told: {**state, **told, "why": said[:10]})
    whole = committee.decisions
    monkeypatch.setattr(
        committee, "decisions", lambda self, cursor: [Decision(one.entity, {**one.said, "reason": said[:-1]}) for one in whole(self, cursor)]
    )
    assert run(any_store, loaded, "own").state == "done"
    (found,) = decisions.proposals(any_store, loaded, "own")
    assert (found.proposal.new, found.proposal.state) == ("Huis 1", "accepted")
    with any_store.read() as connection:
        kept = repr([tuple(row) for row in connection.execute(select(agreed_table))])
    for shown in (kept, found.proposal.reason):
        assert "s3cret" not in shown and "'reason': 'bad Bearer ******** '" in shown.replace('"', "'").replace("':'", "': '")
    assert run(any_store, loaded, "own", full=True).pushed == 0


def test_a_dry_run_decides_nothing(both: Both) -> None:
    both.committee.log.append((both.houses[0], "accepted"))
    both.committee.asked.clear()
    both.run(dry_run=True)
    assert both.committee.asked == []
    assert set(both.verdicts().values()) == {"pending"}


def test_who_may_only_read_pushes_nothing_and_is_behind_nothing(store: Store, offer: Offer) -> None:
    fields = {"log": [], "asked": [], "pushed": [], "may_push": classmethod(lambda cls, config: False)}
    loaded = offer(type("Quiet", (Committee,), fields))
    connections.add(store, loaded, "own", "committee")
    connections.enable(store, loaded, "own")
    said = Claim("sociale-kaart", "h", 1, "organisatie", {"kind": "organisatie", "names": [{"text": {"nl": "Huis"}}]})
    store.write(lambda writer: writer.put([said], origin="sociale-kaart"))
    assert run(store, loaded, "own").pushed == 0
    (told,) = status.of_all(store, loaded)
    assert told.behind is None
    with pytest.raises(NotFound):
        list(decisions.proposals(store, loaded, "nobody"))
