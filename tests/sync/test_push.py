"""Pushing: every difference once, never back to where it came from, nothing when nothing changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from sqlalchemy import event, select

from hub.access import save_agreement
from hub.connector import Finished, Incoming, Sink, Source, Unsent
from hub.errors import Rejected, Unreachable
from hub.model.claims import Claim
from hub.model.entity import Change, Entity
from hub.plugins import Plugins
from hub.store import Store
from hub.store.tables import agreed
from hub.sync import connections, run
from hub.sync.push import PAGE, cursor
from tests.access.signing import agreed as agreed_by
from tests.sync.conftest import Clock

Offer = Callable[..., Plugins]


class Partner(Sink):
    """Keeps names in capitals, which is its own way to write them."""

    name = "partner"
    title = "A partner"
    theirs: ClassVar[dict[str, str]] = {}
    pushes: ClassVar[list[tuple[str, Any, Any]]] = []
    failure: ClassVar[Exception | None] = None
    fail_at: ClassVar[int] = 0

    def shape(self, entity: Entity) -> dict[str, Any] | None:
        if entity.type != "organisatie":
            return None
        return {"name": entity.fiche["names"][0]["text"]["nl"]}

    def push(self, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> dict[str, Any] | None:
        cls = type(self)
        if cls.failure is not None and len(cls.pushes) >= cls.fail_at:
            raise cls.failure
        cls.pushes.append((change.id, desired, agreed))
        if desired is None:
            cls.theirs.pop(change.id, None)
            return None
        cls.theirs[change.id] = desired["name"].upper()
        return {"name": desired["name"].upper()}


def fresh() -> type[Partner]:
    return type("FreshPartner", (Partner,), {"theirs": {}, "pushes": [], "failure": None})


def say(store: Store, number: int, name: str, revision: int, *, origin: str = "editor", gone: bool = False) -> None:
    content = {} if gone else {"kind": "organisatie", "names": [{"text": {"nl": name}}]}
    claim = Claim("kbo", f"{number}", revision, "organisatie", content, gone=gone)
    counts = store.write(lambda writer: writer.put([claim], origin=origin))
    assert counts.changed == 1


@pytest.fixture
def partner() -> type[Partner]:
    return fresh()


@pytest.fixture
def plugins(any_store: Store, partner: type[Partner], offer: Offer) -> Plugins:
    loaded = offer(partner)
    connections.add(any_store, loaded, "own", "partner")
    connections.enable(any_store, loaded, "own")
    return loaded


def names(partner: type[Partner]) -> list[str]:
    return sorted(partner.theirs.values())


def test_changes_are_pushed_once(any_store: Store, partner: type[Partner], plugins: Plugins) -> None:
    for number in range(3):
        say(any_store, number, f"Huis {number}", 1)
    first = run(any_store, plugins, "own")
    assert (first.state, first.mode, first.pushed, names(partner)) == (
        "done",
        "push",
        3,
        ["HUIS 0", "HUIS 1", "HUIS 2"],
    )
    assert run(any_store, plugins, "own").pushed == 0
    say(any_store, 1, "Thuis", 2)
    assert run(any_store, plugins, "own").pushed == 1
    assert partner.pushes[-1][1:] == ({"name": "Thuis"}, {"name": "HUIS 1"})
    say(any_store, 1, "", 3, gone=True)
    assert run(any_store, plugins, "own").pushed == 1
    assert names(partner) == ["HUIS 0", "HUIS 2"]
    assert run(any_store, plugins, "own", full=True).pushed == 0, "what was sent is agreed, however the partner writes it"


def test_a_change_is_not_pushed_to_where_it_came_from(any_store: Store, partner: type[Partner], plugins: Plugins) -> None:
    say(any_store, 1, "Van hen", 1, origin="own")
    assert run(any_store, plugins, "own").pushed == 0
    say(any_store, 1, "Van ons", 2)
    say(any_store, 1, "Weer van hen", 3, origin="own")
    assert run(any_store, plugins, "own").pushed == 1, "their later change does not hide ours"


def in_statements(store: Store, plugins: Plugins, *, pushed: int) -> int:
    """How many statements a foreseen run from the start takes, which would push so many."""
    heard: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: object) -> None:
        heard.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    report = run(store, plugins, "own", dry_run=True, full=True)
    event.remove(store.engine, "before_cursor_execute", note)
    assert report.pushed == pushed
    return len(heard)


def test_what_came_from_the_partner_itself_costs_no_statement(any_store: Store, partner: type[Partner], plugins: Plugins) -> None:
    say(any_store, 0, "Van ons", 1)
    assert run(any_store, plugins, "own").pushed == 1
    say(any_store, 1, "Van hen", 1, origin="own")
    few = in_statements(any_store, plugins, pushed=0)
    theirs = [Claim("kbo", f"{number}", 1, "organisatie", {"kind": "organisatie"}) for number in range(2, 2 * PAGE)]
    any_store.write(lambda writer: writer.put(theirs, origin="own"))
    assert in_statements(any_store, plugins, pushed=0) == few, "only the changes of others are looked at"


def test_a_page_of_changes_is_looked_at_in_as_many_statements_as_one_change(any_store: Store, partner: type[Partner], plugins: Plugins) -> None:
    say(any_store, 0, "Huis", 1)
    few = in_statements(any_store, plugins, pushed=1)
    for number in range(1, 20):
        say(any_store, number, f"Huis {number}", 1)
    assert in_statements(any_store, plugins, pushed=20) == few


def test_a_partner_that_goes_down_gets_the_rest_later(any_store: Store, partner: type[Partner], plugins: Plugins, clock: Clock) -> None:
    for number in range(5):
        say(any_store, number, f"Huis {number}", 1)
    partner.failure, partner.fail_at = Unreachable("They are down."), 2
    cut = run(any_store, plugins, "own")
    with any_store.read() as connection:
        assert (cut.state, cut.pushed, cursor(connection, "own")) == ("failed", 2, 5)
    partner.failure = None
    assert run(any_store, plugins, "own").pushed == 0, "after three failures in a row they are left alone"
    clock.forward(minutes=2)
    assert run(any_store, plugins, "own").pushed == 3
    assert len(partner.pushes) == 5
    assert len(names(partner)) == 5


def test_one_refused_entity_does_not_stop_the_others(any_store: Store, partner: type[Partner], plugins: Plugins) -> None:
    say(any_store, 0, "Huis", 1)
    partner.failure = Rejected("The name is too short.", field="name")
    report = run(any_store, plugins, "own")
    assert (report.state, report.rejected, report.rejections[0].field) == ("done", 1, "name")
    partner.failure = None
    say(any_store, 0, "Huizen", 2)
    assert run(any_store, plugins, "own").pushed == 1


def test_a_dry_run_pushes_nothing(any_store: Store, partner: type[Partner], plugins: Plugins) -> None:
    say(any_store, 0, "Huis", 1)
    assert run(any_store, plugins, "own", dry_run=True).pushed == 1
    assert partner.pushes == []
    assert run(any_store, plugins, "own").pushed == 1


def previewed(store: Store, plugins: Plugins, **how: Any) -> tuple[int, set[tuple[str, Any, Any]]]:
    """What the next run would push, counted and shown; the run that follows then is told to agree."""
    report = run(store, plugins, "own", dry_run=True, **how)
    return report.pushed, {(one.field, one.old, one.new) for one in report.preview}


def test_a_preview_counts_and_shows_exactly_what_the_next_run_sends(
    any_store: Store, partner: type[Partner], plugins: Plugins, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr("hub.sync.push.PAGE", 2)
    monkeypatch.setattr("random.random", lambda: 0.5)  # a pause of no length would be no pause
    for number in range(3):
        say(any_store, number, f"Huis {number}", 1)
    for revision in (2, 3, 4):
        say(any_store, 0, f"Huis {revision}", revision)
    assert previewed(any_store, plugins) == (3, {("name", None, f"Huis {number}") for number in (1, 2, 4)}), "each entity once, on whatever page"
    partner.failure, partner.fail_at = Unreachable("They are down."), 1
    cut = run(any_store, plugins, "own")
    assert (cut.state, cut.pushed) == ("done", 1)
    assert previewed(any_store, plugins) == (0, set()), "its next attempts come later"
    clock.forward(hours=1)
    assert previewed(any_store, plugins)[0] == 2, "what waits in the outbox goes too"
    partner.fail_at = 0
    say(any_store, 5, "Huis 5", 1)
    assert run(any_store, plugins, "own").state == "failed"
    resting = run(any_store, plugins, "own", dry_run=True)
    assert (resting.pushed, resting.warnings[0][:22]) == (0, "Nothing was delivered:")
    assert previewed(any_store, plugins, full=True) == (0, set())
    partner.failure = None
    clock.forward(hours=1)
    before = len(partner.pushes)
    foreseen = previewed(any_store, plugins)[0]
    assert (foreseen, run(any_store, plugins, "own").pushed, len(partner.pushes) - before) == (3, 3, 3)
    say(any_store, 1, "Tussen", 2)
    say(any_store, 1, "Huis 1", 3)
    assert previewed(any_store, plugins) == (0, set()), "it is again what was agreed"


def test_what_told_the_partner_nothing_is_not_counted_as_pushed(any_store: Store, offer: Offer) -> None:
    class Picky(Partner):
        name = "picky"
        pushes: ClassVar[list[tuple[str, Any, Any]]] = []

        def push(self, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> Any:
            told = self.foresee(change, desired, agreed)
            return told if isinstance(told, Unsent) else super().push(change, desired, agreed)

        def foresee(self, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> Any:
            if desired == {"name": "Te kort"}:
                raise Rejected("The name is too short.", field="name")
            if desired is not None and desired["name"].startswith("Onbekend"):
                return Unsent({"name": desired["name"], "absent": True}, undeliverable=True)
            return Unsent(desired) if desired == {"name": "Daar al"} else super().foresee(change, desired, agreed)

    loaded = offer(Picky)
    connections.add(any_store, loaded, "own", "picky")
    connections.enable(any_store, loaded, "own")
    for number, name in enumerate(("Huis", "Onbekend 1", "Onbekend 2", "Daar al", "Te kort")):
        say(any_store, number, name, 1)
    foreseen = run(any_store, loaded, "own", dry_run=True)
    done = run(any_store, loaded, "own")
    for report in (foreseen, done):
        assert (report.pushed, report.undeliverable, report.rejected) == (1, 2, 1)
    assert len(Picky.pushes) == 1
    again = run(any_store, loaded, "own", full=True)
    assert (again.pushed, again.undeliverable) == (0, 0), "nobody is asked about again"
    say(any_store, 1, "Bekend", 2)
    assert run(any_store, loaded, "own").pushed == 1


def test_both_ways_at_once_comes_to_rest(any_store: Store, offer: Offer) -> None:
    """A source and sink in one: its own rows do not go back, ours go once, and then there is silence."""

    class TwoWay(Partner, Source):
        name = "two-way"
        claim_source = "two-way"
        theirs: ClassVar[dict[str, str]] = {}
        pushes: ClassVar[list[tuple[str, Any, Any]]] = []

        def pull(self, cursor: str | None) -> Iterator[Incoming | Finished]:
            for number in range(3):
                content = {"kind": "organisatie", "names": [{"text": {"nl": f"Hun huis {number}"}}]}
                yield Incoming(Claim("two-way", f"{number}", 1, "organisatie", content))
            yield Finished(complete=True)

    loaded = offer(TwoWay)
    connections.add(any_store, loaded, "own", "two-way")
    connections.enable(any_store, loaded, "own")
    say(any_store, 7, "Ons huis", 1)
    first = run(any_store, loaded, "own")
    assert (first.changed, first.pushed) == (3, 1)
    second = run(any_store, loaded, "own")
    assert (second.changed, second.unchanged, second.pushed) == (0, 3, 0)
    with any_store.read() as db:
        assert len(db.execute(select(agreed)).all()) == 1


def test_a_narrower_agreement_is_told_what_it_no_longer_shows_though_nothing_changed(any_store: Store, partner: type[Partner], offer: Offer) -> None:
    def agree(**terms: Any) -> None:
        any_store.write(lambda writer: save_agreement(writer.connection, agreed_by("epd", **terms), "2026-11-22T09:00:00Z"))

    agree()
    loaded = offer(partner)
    connections.add(any_store, loaded, "own", "partner", partner="epd")
    connections.enable(any_store, loaded, "own")
    content = {"kind": "organisatie", "names": [{"text": {"nl": "Huis"}, "visibility": "professional"}, {"text": {"nl": "Buis"}}]}
    any_store.write(lambda writer: writer.put([Claim("kbo", "1", 1, "organisatie", content)], origin="editor"))
    assert run(any_store, loaded, "own").pushed == 1
    assert names(partner) == ["HUIS"]
    agree(level="public")
    assert run(any_store, loaded, "own").pushed == 1
    assert names(partner) == ["BUIS"]
    assert run(any_store, loaded, "own").pushed == 0
