"""Two ways: what comes back as it was agreed is an echo and no edit; what the partner changed is settled once, and then there is silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from sqlalchemy import select

from hub.connector import Finished, Incoming, Sink, Source
from hub.errors import Rejected
from hub.model.claims import Claim
from hub.model.entity import Change, Entity
from hub.plugins import Plugins
from hub.store import Store, editing, erasure, reading
from hub.store.tables import claim, entity
from hub.sync import connections, run, status
from hub.sync.records import RunReport
from hub.sync.wire import Wire

Offer = Callable[..., Plugins]


class Register(Source, Sink):
    """A partner that writes names its own way (without spaces around), and gives back whatever it holds, with a revision of its own."""

    name = "register"
    title = "A register"
    rows: ClassVar[dict[str, tuple[int, str, str]]] = {}
    pushes: ClassVar[list[dict[str, Any] | None]] = []

    def pull(self, cursor: str | None) -> Iterator[Incoming | Finished]:
        since = int(cursor or 0)
        for external_id, (revision, name, fiche) in sorted(self.rows.items()):
            if revision > since:
                content = {"kind": "organisatie", "names": [{"text": {"nl": name}}]}
                known = (("fichehub", fiche),) if fiche else ()
                yield Incoming(Claim("register", external_id, revision, "organisatie", content, same_as=known))
        newest = max((revision for revision, _, _ in self.rows.values()), default=0)
        yield Finished(complete=cursor is None, cursor=str(newest))

    def shape(self, entity: Entity) -> dict[str, Any] | None:
        return {"name": entity.fiche["names"][0]["text"]["nl"]} if entity.type == "organisatie" else None

    def push(self, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> dict[str, Any] | None:
        type(self).pushes.append(desired)
        if desired is None:
            self.rows.pop(self._row(change.id), None)
            return None
        answer = {"name": desired["name"].upper()}
        self.edit(self._row(change.id), answer["name"], change.id)
        return answer

    def read_back(self, state: dict[str, Any]) -> dict[str, Any]:
        return {"kind": "organisatie", "names": [{"text": {"nl": state["name"]}}]}

    @classmethod
    def edit(cls, external_id: str, name: str, fiche: str = "") -> None:
        known = cls.rows.get(external_id, (0, "", fiche))
        newest = max((revision for revision, _, _ in cls.rows.values()), default=0)
        cls.rows[external_id] = (newest + 1, name, known[2])

    def _row(self, fiche: str) -> str:
        return next((number for number, row in self.rows.items() if row[2] == fiche), f"r{len(self.rows) + 1}")


@pytest.fixture
def register() -> type[Register]:
    return type("FreshRegister", (Register,), {"rows": {}, "pushes": []})


@pytest.fixture
def go(any_store: Store, register: type[Register], offer: Offer) -> Callable[..., RunReport]:
    loaded = offer(register)
    connections.add(any_store, loaded, "own", "register")
    connections.enable(any_store, loaded, "own")
    return lambda **options: run(any_store, loaded, "own", **options)


def say(store: Store, source: str, name: str, revision: int) -> str:
    """Another source says so; the answer is the fiche's id."""
    content = {"kind": "organisatie", "names": [{"text": {"nl": name}}]}
    said = Claim(source, "1", revision, "organisatie", content)
    store.write(lambda writer: writer.put([said], origin=source))
    with store.read() as db:
        query = select(entity.c.uuid).join(claim, claim.c.fiche_id == entity.c.id).where(claim.c.external_id == "1")
        return str(db.execute(query).scalars().first())


def name_of(store: Store, fiche: str) -> str:
    with store.read() as db:
        document = reading.documents_by_uuid(db, [fiche]).get(fiche)
    assert document is not None
    return str(document["names"][0]["text"]["nl"])


def at_rest(go: Callable[..., RunReport], register: type[Register]) -> bool:
    """Whether after one more round nothing goes out any more."""
    go()
    before = len(register.pushes)
    go()
    go(full=True)
    return len(register.pushes) == before


def test_our_own_word_does_not_become_theirs(any_store: Store, register: type[Register], go: Callable[..., RunReport]) -> None:
    fiche = say(any_store, "sociale-kaart", "Huis", 1)
    go()
    assert register.pushes == [{"name": "Huis"}]
    go()
    say(any_store, "sociale-kaart", "Thuis", 2)
    go()
    assert register.pushes == [{"name": "Huis"}, {"name": "Thuis"}]
    assert name_of(any_store, fiche) == "Thuis", "the echo of the first name does not stand against the second"
    assert at_rest(go, register)


def test_their_edit_is_taken_and_not_sent_back(any_store: Store, register: type[Register], go: Callable[..., RunReport]) -> None:
    register.edit("r1", "Van hen")
    go()
    with any_store.read() as db:
        fiche = str(db.execute(select(entity.c.uuid)).scalar_one())
    register.edit("r1", "Weer van hen")
    go()
    assert (name_of(any_store, fiche), register.pushes) == ("Weer van hen", [])
    assert at_rest(go, register)


def test_an_edit_that_does_not_stand_is_put_right_at_the_partner(any_store: Store, register: type[Register], go: Callable[..., RunReport]) -> None:
    fiche = say(any_store, "sociale-kaart", "Huis", 1)
    go()
    editing.edit(any_store, fiche, "names", [{"text": {"nl": "Besloten"}}], "an editor")
    go()
    register.edit("r1", "Eigenzinnig")
    go()
    assert name_of(any_store, fiche) == "Besloten"
    assert register.rows["r1"][1] == "BESLOTEN", "what the partner has is what was decided"
    assert at_rest(go, register)


def test_a_late_echo_does_not_bring_an_old_value_back(any_store: Store, register: type[Register], go: Callable[..., RunReport]) -> None:
    fiche = say(any_store, "sociale-kaart", "Huis", 1)
    go()
    go()
    old = register.rows["r1"]
    say(any_store, "sociale-kaart", "Thuis", 2)
    go()
    new, register.rows["r1"] = register.rows["r1"], old
    go(full=True)
    register.rows["r1"] = new
    go(full=True)
    assert name_of(any_store, fiche) == "Thuis"
    assert at_rest(go, register)


@pytest.mark.parametrize(("tells", "pushed"), [(True, 2), (False, 1)])
def test_a_row_that_a_complete_pull_does_not_give_is_sent_again_only_where_absence_tells(
    any_store: Store, register: type[Register], go: Callable[..., RunReport], tells: bool, pushed: int
) -> None:
    register.absence_tells = tells
    say(any_store, "sociale-kaart", "Huis", 1)
    go()
    assert len(register.pushes) == 1
    register.rows.clear()
    go(full=True)
    go()
    assert len(register.pushes) == pushed


def test_a_row_that_was_announced_and_not_given_is_not_taken_for_removed_by_the_partner(
    any_store: Store, register: type[Register], go: Callable[..., RunReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    say(any_store, "sociale-kaart", "Huis", 1)
    go()
    go()

    def short(connector: Register, cursor: str | None) -> Iterator[Finished]:
        yield Finished(complete=True, missing=1)

    with monkeypatch.context() as patch:
        patch.setattr(register, "pull", short)
        for _ in range(2):
            assert go(full=True, accept_feed=True).pushed == 0


def say_many(store: Store, count: int) -> None:
    """So many things that only another source says."""
    content = [{"kind": "organisatie", "names": [{"text": {"nl": f"Huis {number}"}}]} for number in range(count)]
    claims = [Claim("sociale-kaart", f"z{number}", 1, "organisatie", each) for number, each in enumerate(content)]
    store.write(lambda writer: writer.put(claims, origin="sociale-kaart"))


def test_a_list_that_came_back_empty_is_told_and_sends_nothing_until_it_is_released(
    any_store: Store, register: type[Register], go: Callable[..., RunReport]
) -> None:
    say_many(any_store, 60)
    assert go().pushed == 60
    there = dict(register.rows)
    register.rows.clear()
    report = go(full=True)
    (warning,) = [one for one in report.warnings if "on which we agreed" in one]
    assert "60 of 60 entities" in warning
    assert "fichehub run own --release-guard" in warning
    assert (report.state, report.pushed) == ("done", 0)
    register.rows.update(there)
    assert go(full=True).warnings == ()
    register.rows.clear()
    for shown in (False, True):
        released = go(release_guard=True, by="An")
        assert released.pushed == (60 if shown else 0), "nothing shown is nothing released; what this run showed is released by the next"
    assert released.warnings == ()
    assert "released by An, for this run alone: 60 of 60 entities" in released.reason
    assert go(full=True).pushed == 0


@pytest.mark.parametrize("lists", [None, True])
def test_a_release_for_removals_sends_nothing_again_when_the_list_is_not_the_one_that_was_shown(
    any_store: Store, register: type[Register], go: Callable[..., RunReport], lists: bool | None
) -> None:
    for number in range(120):
        register.edit(f"own{number:03}", f"Van hen {number}")
    go()
    say_many(any_store, 60)
    assert go().pushed == 60
    go()
    for number in range(60):
        del register.rows[f"own{number:03}"]
    shown = go(full=True)
    assert (shown.withheld, shown.kept_back) == (60, 0)
    register.rows.clear()
    if lists:  # what was shown of removals is what is asked for now, and what is to be sent again was never shown
        for number in range(60, 120):
            register.edit(f"own{number:03}", f"Van hen {number}")
    released = go(release_guard=True)
    assert (released.deleted, released.withheld, released.pushed, released.kept_back) == ((60, 0, 0, 60) if lists else (0, 120, 0, 60))
    (warning,) = [one for one in released.warnings if "on which we agreed" in one]
    assert ("before any run or preview had shown how many" if lists else "released for fewer removals") in warning
    following = go(release_guard=True)
    assert (following.deleted, following.pushed, following.kept_back) == (0 if lists else 120, 60, 0)


def test_status_goes_on_saying_that_what_the_partner_lost_waits_for_a_release(
    any_store: Store, register: type[Register], go: Callable[..., RunReport], offer: Offer
) -> None:
    def told() -> str:
        (one,) = status.of_all(any_store, offer(register))
        return one.reason

    say_many(any_store, 60)
    go()
    register.rows.clear()
    assert go(full=True, dry_run=True).kept_back == 60
    assert "wait for a release" not in told(), "a preview leaves nothing waiting"
    go(full=True)
    go()
    assert "60 entities on which we agreed with the partner and that it did not have any more" in told()
    assert go(release_guard=True).pushed == 60
    go()
    assert "entities" not in told()


def test_a_row_that_was_rejected_is_not_taken_for_removed_by_the_partner(
    any_store: Store, register: type[Register], go: Callable[..., RunReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    say(any_store, "sociale-kaart", "Huis", 1)
    go()
    go()

    def odd(connector: Register, cursor: str | None) -> Iterator[Rejected | Finished]:
        yield Rejected("This is no name.", external_id="r1", field="name")
        yield Finished(complete=True)

    with monkeypatch.context() as patch:
        patch.setattr(register, "pull", odd)
        for _ in range(2):
            assert go(full=True, accept_feed=True).pushed == 0
    assert go(full=True).pushed == 0


def test_what_the_partner_restored_under_its_old_revision_is_put_right_by_a_run_from_the_start(
    any_store: Store, register: type[Register], go: Callable[..., RunReport]
) -> None:
    fiche = say(any_store, "sociale-kaart", "Huis", 1)
    go()
    go()
    old = register.rows["r1"]
    say(any_store, "sociale-kaart", "Thuis", 2)
    go()
    register.rows["r1"] = old
    assert go(full=True).pushed == 1
    assert (register.rows["r1"][1], name_of(any_store, fiche)) == ("THUIS", "Thuis")
    assert at_rest(go, register)


def test_what_comes_back_under_our_own_id_is_an_echo_from_the_first_time_on(
    any_store: Store, register: type[Register], go: Callable[..., RunReport]
) -> None:
    say(any_store, "sociale-kaart", "HUIS", 1)
    assert go().pushed == 1
    assert go(full=True).pushed == go(full=True).pushed == 0, "it is there, as it was sent"
    with any_store.read() as db:
        said = db.execute(select(claim.c.content).where(claim.c.external_id == "r1")).scalar_one()
    assert b"HUIS" not in said, "our own word did not become theirs"


def test_what_the_partner_undoes_again_is_told_under_another_key(
    any_store: Store, go: Callable[..., RunReport], register: type[Register], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partner that honours keys gives the answer of the first time to a delivery whose key it knows, and does nothing."""
    answers: dict[str, Any] = {}
    used: list[str] = []
    delivering, push = Wire.delivering, register.push

    @contextmanager
    def noting(wire: Wire, key: str) -> Iterator[None]:
        used.append(key)
        with delivering(wire, key):
            yield

    def honouring(sink: Register, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> Any:
        if used[-1] not in answers:
            answers[used[-1]] = push(sink, change, desired, agreed)
        return answers[used[-1]]

    monkeypatch.setattr(Wire, "delivering", noting)
    monkeypatch.setattr(register, "push", honouring)
    fiche = say(any_store, "sociale-kaart", "Huis", 1)
    go()
    go()
    (row,) = register.rows
    for _ in range(3):
        register.edit(row, "Anders")
        go()
        assert name_of(any_store, fiche) == "Huis"
        assert register.rows[row][1] == "HUIS"
    assert len(set(used)) == len(used) == 4


def test_a_row_that_comes_again_in_the_same_revision_is_judged_once(any_store: Store, register: type[Register], go: Callable[..., RunReport]) -> None:
    """What we made of it stands, also where the row as it came has the higher digest."""
    for number in range(12):
        said = Claim("sociale-kaart", f"z{number}", 1, "organisatie", {"kind": "organisatie", "names": [{"text": {"nl": f"HUIS {number}"}}]})
        any_store.write(lambda writer, said=said: writer.put([said], origin="sociale-kaart"))  # type: ignore[misc]
    go()
    go()
    go(full=True)
    assert len(register.pushes) == 12
    with any_store.read() as db:
        theirs = db.execute(select(claim.c.gone).where(claim.c.external_id.in_(register.rows))).scalars().all()
    assert theirs == [True] * 12, "they said nothing of their own"


def test_a_row_of_before_is_no_edit(any_store: Store, register: type[Register], go: Callable[..., RunReport]) -> None:
    """Its list was heard with the newer one: what we agreed by then is no yardstick for what was said before."""
    say(any_store, "sociale-kaart", "Huis", 1)
    go()
    go()
    (row,) = register.rows
    old = register.rows[row]
    say(any_store, "sociale-kaart", "Thuis", 2)
    go()
    go()
    new, register.rows[row] = register.rows[row], old
    go(full=True)
    register.rows[row] = new
    go(full=True)
    assert register.pushes == [{"name": "Huis"}, {"name": "Thuis"}], "a copy that was late there is not put right"


def test_what_stands_for_one_partner_is_not_what_stood_before(any_store: Store, register: type[Register], go: Callable[..., RunReport]) -> None:
    fiche = say(any_store, "sociale-kaart", "Huis", 1)
    go()
    go()
    (row,) = register.rows
    content = {"kind": "organisatie", "names": [{"text": {"nl": "Voor Gent"}}]}
    overlay = Claim("register", row, 99, "organisatie", content, same_as=(("fichehub", fiche),), partner="gent")
    any_store.write(lambda writer: writer.put([overlay], origin="gent"))
    register.edit(row, "Anders")
    go()
    assert register.rows[row][1] == "HUIS"


def test_what_one_connection_told_a_register_is_no_word_of_its_own_for_another_one(
    any_store: Store, register: type[Register], go: Callable[..., RunReport], offer: Offer
) -> None:
    fiche = say(any_store, "sociale-kaart", "Huis", 1)
    for number in range(6):  # the digest of an echo is the higher one for some, and the lower one for others
        say(any_store, f"source {number}", f"Huis {number}", 1)
    go()
    go()
    loaded = offer(register)
    connections.add(any_store, loaded, "second", "register")
    connections.enable(any_store, loaded, "second")
    foreseen = run(any_store, loaded, "second", dry_run=True)
    assert (foreseen.read, foreseen.changed, foreseen.contested, foreseen.warnings) == (7, 0, 0, ())
    register.edit("r2", "Van hen")
    assert run(any_store, loaded, "second", dry_run=True).changed == 1, "what the register says by itself is heard"
    run(any_store, loaded, "second")
    say(any_store, "sociale-kaart", "Thuis", 2)
    assert name_of(any_store, fiche) == "Thuis", "the echo of the first name does not stand against the second"


def test_a_row_that_was_withdrawn_is_heard_again_also_when_it_comes_back_in_the_same_revision(
    any_store: Store, register: type[Register], go: Callable[..., RunReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = register.pull

    def pull(partner: Register, cursor: str | None) -> Iterator[Incoming | Finished]:
        for one in whole(partner, cursor):
            if isinstance(one, Incoming):
                one.claim.content["languages"] = ["nl"]  # of which we told it nothing
            yield one

    monkeypatch.setattr(register, "pull", pull)
    fiche = say(any_store, "sociale-kaart", "Huis", 1)
    seen = []
    for row_is_there in (True, True, False, True):
        if not row_is_there:
            register.rows.clear()  # it gets the row anew, and numbers it from one
        go(full=True)
        with any_store.read() as db:
            seen.append(reading.documents_by_uuid(db, [fiche])[fiche].get("languages"))
    assert seen == [None, ["nl"], None, ["nl"]]
    assert {revision for revision, _, _ in register.rows.values()} == {1}


def test_the_id_of_a_fiche_that_was_joined_to_another_leads_to_what_was_agreed(
    any_store: Store, register: type[Register], go: Callable[..., RunReport]
) -> None:
    one = say(any_store, "sociale-kaart", "HUIS", 1)
    content = {"kind": "organisatie", "names": [{"text": {"nl": "HUIS"}}]}
    any_store.write(lambda writer: writer.put([Claim("sociaal-brussels", "b1", 1, "organisatie", content)], origin="sociaal-brussels"))
    with any_store.read() as db:
        other = str(db.execute(select(entity.c.uuid).join(claim, claim.c.fiche_id == entity.c.id).where(claim.c.external_id == "b1")).scalar_one())
    any_store.write(lambda writer: writer.join(one, other))
    go()
    (row,) = register.rows
    revision, name, _ = register.rows[row]
    register.rows[row] = (revision, name, other)
    go(full=True)
    with any_store.read() as db:
        said = db.execute(select(claim.c.gone).where(claim.c.external_id == row)).scalar_one()
    assert said, "our own word did not become theirs"
    assert len(register.pushes) == 1


def test_of_whoever_is_erased_the_partner_is_told_also_where_its_list_did_not_give_the_row(
    any_store: Store, register: type[Register], go: Callable[..., RunReport]
) -> None:
    """A list that leaves a row out does not say that the partner forgot what is in it."""
    fiche = say(any_store, "sociale-kaart", "Huis", 1)
    go()
    erasure.erase(any_store, fiche, "article 17")
    register.rows.clear()
    go(full=True)
    assert register.pushes == [{"name": "Huis"}, None]
