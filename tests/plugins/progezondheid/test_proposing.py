"""The three-way comparison in any order of edits here, edits there, proposals, decisions and repetitions: nobody's word is lost, ours is not taken for theirs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub import Rejected, Sink
from hub.authority import Authority
from plugins.progezondheid import proposing
from plugins.progezondheid.connector import ProGezondheid
from plugins.progezondheid.proposing import Ask, asks, decided, noted, own_word
from plugins.progezondheid.shaping import State

ITEMS = ("aa", "bb", "cc")
SOME = st.lists(st.sampled_from(ITEMS), max_size=2, unique=True).map(sorted)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("we"), SOME),
        st.tuples(st.sampled_from(("they", "correct")), st.sampled_from(ITEMS)),
        st.tuples(st.sampled_from(("propose", "accept", "reject", "hear", "hear again")), st.none()),
    ),
    max_size=20,
)


class Sides:
    """We and the register about one field of one caregiver."""

    def __init__(self) -> None:
        self.ours: list[str] = []
        self.theirs: list[str] = []
        self.own: set[str] = set()
        """What stands there by the register's own word."""
        self.either: set[str] = set()
        """What its owner wrote while we were asking for it: his word, or ours."""
        self.state: State = {"nihdi8": "10000013"}
        self.waiting: dict[str, Any] | None = None
        self.events: list[dict[str, Any]] = []
        self.heard = 0
        self.made = 0
        self.asked: set[str] = set()
        """What waits, or was taken over from us, or was until we hear that it was not."""

    def we(self, value: list[str]) -> None:
        self.ours = value

    def they(self, item: str) -> None:
        """The owner adds this, or removes it. Who writes by himself what we asked him to write has taken it over."""
        if item in self.theirs:
            self.theirs.remove(item)
            self.own.discard(item)
            self.either.discard(item)
        else:
            self.theirs.append(item)
            (self.either if item in self.asked else self.own).add(item)

    def propose(self, _: None = None) -> list[Ask]:
        desired = {"nihdi8": "10000013", "languages": self.ours} if self.ours else None
        provider = {"languages": list(self.theirs), "addresses": [], "contacts": [], "practices": []}
        found = list(asks(self.state, desired, provider, "r"))
        for ask in found:
            assert self.own <= set(ask.new), "what the register says by itself is never taken away"
            assert set(self.ours) <= set(ask.new) <= {*self.ours, *self.own, *self.either}
            if self.waiting is not None:
                self.tell("withdrawn")
            answer: dict[str, Any] = {}
            if ask.old != ask.new:
                self.made += 1
                answer = {"id": f"p{self.made}", "field": "languages", "state": "pending"}
                self.waiting = {**answer, "old": ask.old, "new": ask.new}
            self.state = noted(self.state, ask, answer, {})
        self.know()
        return found

    def accept(self, _: None = None) -> None:
        if self.waiting is None:
            return
        if self.theirs != self.waiting["old"]:
            self.tell("rejected")
            return
        self.theirs = list(self.waiting["new"])
        self.tell("accepted")

    def correct(self, item: str) -> None:
        """The owner accepts, and writes this in place of what is new there, or beside it; what was to go he keeps."""
        if self.waiting is None or self.theirs != self.waiting["old"]:
            return
        new = set(self.waiting["new"]) - set(self.waiting["old"])
        keeps = [one for one in self.waiting["old"] if one not in self.waiting["new"]]
        self.theirs = [one for one in self.waiting["new"] if one not in new]
        for one in (*keeps, *([] if item in self.theirs else [item])):
            if one not in self.theirs:
                self.theirs.append(one)
            if one not in new:  # as soon as we hear it
                (self.either if one in self.asked else self.own).add(one)
        self.waiting["value"] = list(self.theirs)
        self.tell("accepted")

    def reject(self, _: None = None) -> None:
        if self.waiting is not None:
            self.tell("rejected")

    def tell(self, verdict: str) -> None:
        assert self.waiting is not None
        if verdict == "rejected":  # what he would not take away is his own word as soon as we hear it
            self.either |= (set(self.waiting["old"]) - set(self.waiting["new"])) & set(self.theirs) - self.own
        self.events.append({**self.waiting, "state": verdict, "reason": "x"})
        self.waiting = None

    def hear(self, _: None = None, again: bool = False) -> None:
        for event in self.events[0 if again else self.heard :]:
            self.state = decided(self.state, event)
        self.heard = len(self.events)
        self.know()

    def know(self) -> None:
        entry = self.state.get("fields", {}).get("languages", {})
        asked = set(entry.get("new", ())) - set(entry.get("old", ())) if entry.get("state") in ("pending", "accepted") else set()
        self.asked = asked | set(entry.get("base") or ())

    def step(self, what: str, value: Any) -> None:
        if what == "hear again":
            self.hear(again=True)
        else:
            getattr(self, what)(value)
        said = {"kind": "zorgverlener", "languages": list(self.theirs)}
        word = set(own_word(said, {}, self.state).get("languages", ()))
        assert word <= self.own | self.either, "what it has from us is not its own word"


@settings(max_examples=300)
@example([("we", ["aa"]), ("propose", None), ("accept", None), ("we", ["bb"]), ("propose", None)], [])
@example([("we", ["aa"]), ("propose", None), ("correct", "bb"), ("hear", None), ("we", ["aa", "cc"]), ("propose", None)], [])
@example([("we", ["aa", "bb"]), ("propose", None), ("reject", None), ("they", "aa"), ("hear", None), ("we", ["cc"])], ["aa"])
@given(STEPS, SOME)
def test_both_sides_come_to_rest_and_nothing_of_theirs_is_lost(steps: list[tuple[str, Any]], last: list[str]) -> None:
    sides = Sides()
    for what, value in steps:
        sides.step(what, value)
    sides.hear()
    sides.propose()
    assert sides.propose() == [], "with no edits the second run proposes nothing"
    for value in (sorted({*last, "zz"}), last):
        sides.we(value)
        sides.hear()
        sides.propose()
        sides.accept()
        sides.hear(again=True)
    assert set(sides.ours) <= set(sides.theirs)
    assert set(sides.theirs) <= {*sides.ours, *sides.own, *sides.either}
    assert sides.propose() == []


def test_what_was_decided_stays_decided() -> None:
    state = noted({"nihdi8": "1"}, Ask("languages", ["nl"], ["nl", "sv"], ["sv"]), {"id": "p1", "state": "pending"}, {})
    accepted = decided(state, {"id": "p1", "field": "languages", "state": "accepted", "value": ["nl", "sv"]})
    assert accepted["fields"]["languages"]["base"] == ["sv"]
    for verdict in ("pending", "rejected", "withdrawn", "nonsense"):
        assert decided(accepted, {"id": "p1", "field": "languages", "state": verdict}) == accepted
    for odd in (None, 3, [3, {}], {"a": 1}):
        told = {"id": "p2", "field": "contacts", "state": "accepted", "value": odd}
        phone = {"kind": "phone", "value": "+3216000001", "audience": "public"}
        waiting = noted({"nihdi8": "1"}, Ask("contacts", [], [phone], [phone]), {"id": "p2", "state": "pending"}, {})
        assert decided(waiting, told)["fields"]["contacts"]["base"] == [phone]
    assert decided(state, {"id": "p0", "field": "languages", "state": "rejected"}) == state
    assert decided(state, {"id": "p1", "field": "name", "state": "rejected"}) == state


@pytest.mark.parametrize(("more", "left"), [({}, []), ({"conflict": True}, ["sv"])])
def test_what_its_owner_refuses_to_take_away_is_his_own_from_then_on(more: dict[str, Any], left: list[str]) -> None:
    state = noted({"nihdi8": "1"}, Ask("languages", ["nl"], ["nl", "sv"], ["sv"]), {"id": "p1", "state": "pending"}, {})
    state = decided(state, {"id": "p1", "field": "languages", "state": "accepted", "value": ["nl", "sv"]})
    removing = Ask("languages", ["nl", "sv"], ["nl"], None)
    told = decided(noted(state, removing, {"id": "p2", "state": "pending"}, {}), {"id": "p2", "field": "languages", "state": "rejected", **more})
    assert told["fields"]["languages"]["base"] == left
    said = {"kind": "zorgverlener", "languages": ["nl", "sv"]}
    assert own_word(said, {}, told)["languages"] == (["nl"] if left else ["nl", "sv"])


def test_what_the_register_has_under_another_kind_or_scheme_is_not_asked_again() -> None:
    there = [{"kind": "phone", "value": "0468 00 00 00", "audience": "public"}, {"kind": "website", "value": "http://a.be/", "audience": "public"}]
    here = [{"kind": "mobile", "value": "+32468000000", "audience": "public"}, {"kind": "website", "value": "https://a.be", "audience": "public"}]
    provider = {"languages": [], "addresses": [], "contacts": there, "practices": []}
    (ask,) = asks({}, {"nihdi8": "10000013", "contacts": here}, provider, "r")
    assert ask.new == ask.old == there


def test_an_address_that_is_written_otherwise_is_not_asked_again() -> None:
    there = {"type": "practice", "postcode": "9000", "street": {"nl": "Dorpsstraat"}, "house_number": "42A", "box": "B1"}
    here = [{**there, "street": {"nl": "DORPSSTRAAT"}, "house_number": "42 a", "box": "b 1"}]
    provider = {"languages": [], "addresses": [there], "contacts": [], "practices": []}
    (ask,) = asks({}, {"nihdi8": "10000013", "practice_addresses": here}, provider, "r")
    assert ask.new == ask.old == [there]


def test_a_caregiver_that_breaks_the_contract_is_rejected_by_field() -> None:
    for field, wrong in (("languages", 3), ("contacts", [{"kind": "phone"}]), ("practice_addresses", [{"street": {}}])):
        provider: dict[str, Any] = {"nihdi8": "10000013", "languages": [], "contacts": [], "addresses": [], "practices": [], field: wrong}
        if field == "practice_addresses":
            provider["addresses"] = wrong
        desired = {"nihdi8": "10000013", "languages": ["nl"], "contacts": [{"kind": "phone", "value": "+3216000001", "audience": "public"}]}
        desired["practice_addresses"] = [{"type": "practice", "postcode": "9000"}]
        with pytest.raises(Rejected) as caught:
            list(asks({}, {name: desired[name] for name in ("nihdi8", field)}, provider, "r"))
        assert caught.value.field == field


def test_nothing_that_the_register_owns_can_be_proposed() -> None:
    groups = {
        "practice_addresses": "addresses",
        "contacts": "contacts",
        "languages": "operation",
        "consultation_hours": "operation",
        "patient_stop": "availability",
    }
    assert set(groups) == set(proposing.FIELDS)
    authority = Authority.load()
    for group in groups.values():
        assert "progezondheid" not in authority.authentic(group, "zorgverlener")  # type: ignore[arg-type]
    assert issubclass(ProGezondheid, Sink) and not ProGezondheid.may_push({})


def test_what_was_accepted_or_withdrawn_is_asked_again_under_another_key() -> None:
    ask = Ask("languages", ["nl"], ["nl", "fr"], ["fr"])
    before: State = {"nihdi8": "10000007", "practice": None, "fields": {}}

    def key(state: State, **evidence: Any) -> str:
        return proposing.idempotency_key(state, proposing.proposed(state, "r", ask, {"seq": 5, **evidence}))

    first = key(before)
    assert key(before) == first
    assert key(before, sources=["excel"]) != first, "under one key goes one body"
    pending = noted(before, ask, {"id": "p1", "state": "pending"}, {"seq": 5})
    assert key(pending) == first, "it may not have been stored that it was asked"
    keys = {first}
    for verdict, more in (("accepted", {}), ("rejected", {}), ("withdrawn", {}), ("rejected", {"conflict": True})):
        state = decided(pending, {"field": "languages", "id": "p1", "state": verdict, "value": ["nl", "fr"], **more})
        assert state["fields"]["languages"]["state"] == verdict
        keys.add(key(state))
        assert (key(state) == first) == ((verdict, more) == ("rejected", {}))
    assert len(keys) == 2


def test_of_one_change_the_proposal_that_was_made_later_stands() -> None:
    def said(number: str, seq: int, at: str, state: str = "pending") -> dict[str, Any]:
        told = {"id": number, "field": "languages", "state": state, "nihdi8": "10000007", "old": ["nl"], "new": ["nl", number]}
        return {**told, "created_at": at, "evidence": {"seq": seq}}

    state: State = {}
    for number, seq, at, stands in (
        ("aa", 5, "2026-11-22T09:00:00.000Z", "aa"),
        ("bb", 5, "2026-11-22T10:00:00.000Z", "bb"),
        ("aa", 5, "2026-11-22T09:00:00.000Z", "bb"),
        ("cc", 6, "2026-11-22T08:00:00.000Z", "cc"),
        ("bb", 5, "2026-11-22T10:00:00.000Z", "cc"),
    ):
        state = decided(state, said(number, seq, at))
        assert state["fields"]["languages"]["id"] == stands
    assert decided(state, said("cc", 6, "2026-11-22T08:00:00.000Z", "accepted"))["fields"]["languages"]["base"] == ["cc"]
