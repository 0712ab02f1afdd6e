"""The past as the directory tells it: what was hidden where it last stood is in none of it, through whatever it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.directory import Directory
from hub.errors import Gone, NotFound
from hub.model.audience import INTERNAL, PUBLIC, Grant
from hub.model.claims import Claim
from hub.model.hindsight import Hindsight
from hub.store import Store
from tests.store.saying import PG, SK, aanbod, gone, organisatie, person, uuid_of

CANARY = "+3290000666"
PHONE = {"kind": "phone", "value": CANARY}
HIDDEN = {"visibility": "internal"}
COLLEAGUE = Grant(level="professional", name="collega")


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(database_url, tmp_path / "home", now=lambda: datetime(2026, 11, 22, 9, tzinfo=UTC))
    yield opened
    opened.close()


def put(store: Store, *claims: Claim) -> int:
    """One transaction; the answer is the newest seq after it."""
    store.write(lambda writer: writer.put(claims, origin="test"))
    return Directory(store, INTERNAL).head()


def huis(revision: int, **content: Any) -> Claim:
    return organisatie("o", "Huis", sites=(), revision=revision, **content)


def at_site(**content: Any) -> Any:
    return [{"keys": ["sk:1"], "name": {"nl": f"Geheime plek {CANARY}"}, **content}]


STORIES: dict[str, tuple[Claim, Claim, Claim]] = {
    "value": (huis(1, contacts=[PHONE]), huis(2, contacts=[PHONE | HIDDEN]), huis(3)),
    "value and fiche": (huis(1, contacts=[PHONE]), huis(2, contacts=[PHONE | HIDDEN]), gone(huis(1), 3)),
    "other kind": (huis(1, contacts=[PHONE]), huis(2, contacts=[PHONE | HIDDEN | {"kind": "mobile"}]), huis(3)),
    "field": (huis(1, contacts=[PHONE]), huis(2, contacts=[PHONE], field_visibility={"contacts": "internal"}), huis(3)),
    "site": (huis(1, vestigingen=at_site()), huis(2, vestigingen=at_site(**HIDDEN)), huis(3)),
    "value of a site": (huis(1, vestigingen=at_site()), huis(2, vestigingen=at_site(**HIDDEN)), huis(3, vestigingen=[{"keys": ["sk:1"]}])),
    "fiche": (huis(1, contacts=[PHONE]), huis(2, contacts=[PHONE], **HIDDEN), gone(huis(1), 3)),
    "fiche that came back without it": (huis(1, contacts=[PHONE]), huis(2, contacts=[PHONE], **HIDDEN), huis(3)),
    "person": (
        person("o", CANARY, number=1),
        person("o", CANARY, number=1, revision=2, **HIDDEN),
        gone(person("o"), 3),
    ),
}


def told(store: Store, grant: Grant, ids: list[str]) -> str:
    """All that this asker is told of these entities, at every moment that there was."""
    door = Directory(store, grant)
    said = []
    for seq in range(door.newest(), -1, -1):
        for id in ids:
            for asked in (door.as_at, door.get):
                try:
                    said.append(str(asked(id, seq) if asked == door.as_at else door.get(id)))
                except (Gone, NotFound) as error:
                    said.append(str(error))
    return "\n".join(said)


@pytest.mark.parametrize("story", STORIES)
def test_what_was_hidden_stays_hidden_when_it_is_gone(store: Store, story: str) -> None:
    shown, hidden, dropped = STORIES[story]
    of_person = story == "person"
    put(store, shown, aanbod("a", "o", people=(1,)) if of_person else aanbod("a", "o"))
    fiche = uuid_of(store, f"{shown.source}|o")
    ids = [fiche, uuid_of(store, f"{SK}|a"), *(part["id"] for part in Directory(store, INTERNAL).get(fiche).fiche.get("vestigingen", ()))]
    assert CANARY in told(store, PUBLIC, ids)
    for claim in (hidden, dropped):
        put(store, claim)
        for grant in (
            PUBLIC,
            COLLEAGUE,
            Grant(partner="gent"),
            Grant(fields=frozenset({"contacts", "vestigingen", "name", "organisatie", "caregivers"})),
        ):
            assert CANARY not in told(store, grant, ids), grant
        assert CANARY in told(store, INTERNAL, ids)


def test_what_ended_where_everybody_saw_it_is_history(store: Store) -> None:
    seq = put(store, huis(1, contacts=[PHONE]))
    put(store, huis(2, contacts=[PHONE | HIDDEN]))
    put(store, huis(3, contacts=[PHONE]))
    put(store, gone(huis(1), 4))
    assert CANARY in str(Directory(store, PUBLIC).as_at(uuid_of(store, f"{SK}|o"), seq))


def test_what_colleagues_may_see_they_see_of_the_past(store: Store) -> None:
    seq = put(store, huis(1, contacts=[PHONE]))
    put(store, huis(2, contacts=[PHONE | {"visibility": "professional"}]))
    put(store, huis(3))
    id = uuid_of(store, f"{SK}|o")
    assert CANARY in str(Directory(store, COLLEAGUE).as_at(id, seq))
    assert CANARY not in str(Directory(store, PUBLIC).as_at(id, seq))


def own(revision: int, **content: Any) -> Claim:
    """What the map of a partner says of the house."""
    return Claim("kaart", "m", revision, "organisatie", {"kind": "organisatie", **content}, same_as=((SK, "o"),), partner="gent")


def test_a_partner_is_told_of_the_past_as_he_last_saw_it(store: Store) -> None:
    mine, theirs = Grant(partner="gent"), Grant(partner="leuven")
    seq = put(store, huis(1, contacts=[PHONE]))
    put(store, own(1, contacts=[PHONE | HIDDEN]))
    put(store, huis(2))
    id = uuid_of(store, f"{SK}|o")
    assert CANARY not in str(Directory(store, mine).as_at(id, seq)), "his own map hides it"
    assert CANARY in str(Directory(store, theirs).as_at(id, seq))
    put(store, gone(own(1), 2))
    assert CANARY not in str(Directory(store, mine).as_at(id, seq)), "and hid it until the end"
    put(store, huis(3, contacts=[PHONE]))
    assert CANARY in str(Directory(store, mine).as_at(id, seq)), "he sees it now"
    put(store, own(3, description={"nl": "van ons"}))
    put(store, huis(4, contacts=[PHONE | HIDDEN]))
    put(store, huis(5))
    assert CANARY not in str(Directory(store, mine).as_at(id, seq))
    assert CANARY not in str(Directory(store, theirs).as_at(id, seq))


def test_what_depends_on_something_of_a_partner_does_not_make_him_see_the_shared_fiche(store: Store) -> None:
    koepel = {"source": SK, "external_id": "k"}
    put(store, organisatie("k", "Koepel", sites=()))
    for revision in range(1, 4):
        seq = put(store, huis(revision, contacts=[PHONE], parent=koepel, description={"nl": f"{revision}"}))
    put(store, own(1, contacts=[PHONE | HIDDEN]))
    put(store, replace(own(1, names=[{"text": {"nl": "Onze koepel"}}]), external_id="k", same_as=((SK, "k"),)))
    put(store, huis(4, parent=koepel), own(2, description={"nl": "van ons"}))
    assert CANARY not in str(Directory(store, Grant(partner="gent")).as_at(uuid_of(store, f"{SK}|o"), seq))


def test_the_past_of_a_fiche_that_lives_on_in_another_is_judged_there(store: Store) -> None:
    put(store, huis(1), person("p", "Peeters", source=PG))
    put(store, person("k", "Peeters", source=SK, contacts=[PHONE]))
    seq = put(store, aanbod("a", "o", caregivers=[{"zorgverlener": {"source": SK, "external_id": "k"}}]))
    offer, stays, goes = uuid_of(store, f"{SK}|a"), uuid_of(store, f"{PG}|p"), uuid_of(store, f"{SK}|k")
    assert CANARY in str(Directory(store, PUBLIC).as_at(offer, seq))
    store.write(lambda writer: writer.join(goes, stays))
    assert CANARY in str(Directory(store, PUBLIC).as_at(offer, seq))
    put(store, person("k", "Peeters", source=SK, contacts=[PHONE | HIDDEN], revision=2))
    assert CANARY not in str(Directory(store, PUBLIC).as_at(offer, seq))
    put(store, person("k", "Peeters", source=SK, revision=3))
    assert CANARY not in str(Directory(store, PUBLIC).as_at(offer, seq))
    assert CANARY in str(Directory(store, INTERNAL).as_at(offer, seq))


def test_a_dependent_fiche_of_a_partner_is_as_he_saw_it(store: Store) -> None:
    mine = Grant(partner="gent")
    put(store, huis(1), organisatie("k", "Koepel", sites=()))
    put(store, huis(2, parent={"source": SK, "external_id": "k"}))
    put(store, own(1, description={"nl": "van ons"}))
    put(store, replace(own(1, names=[{"text": {"nl": "Onze koepel"}}]), external_id="k", same_as=((SK, "k"),)))
    id = uuid_of(store, f"{SK}|o")
    now = Directory(store, mine).get(id)
    assert now.fiche["description"] == {"nl": "van ons"}
    assert Directory(store, mine).as_at(id, Directory(store, mine).newest()).fiche == now.fiche


def of_offer(revision: int, **content: Any) -> Claim:
    """What the map of the same partner says of the aanbod."""
    return Claim("kaart", "n", revision, "aanbod", {"kind": "aanbod", **content}, same_as=((SK, "a"),), partner="gent")


@pytest.mark.parametrize("with_it", [False, True])
def test_what_a_partner_took_back_does_not_come_back_with_a_change_of_its_organisatie(store: Store, with_it: bool) -> None:
    put(store, huis(1), aanbod("a", "o"))
    for revision in (1, 2):
        put(store, of_offer(revision, description={"nl": f"van ons {revision}"}))
    put(store, gone(of_offer(1), 3))
    put(store, own(1, names=[{"text": {"nl": "Ons huis"}}]), *([aanbod("a", "o", "Anders", revision=2)] if with_it else []))
    mine, id = Directory(store, Grant(partner="gent")), uuid_of(store, f"{SK}|a")
    now = mine.get(id)
    assert "description" not in now.fiche
    assert mine.as_at(id, mine.newest()).fiche == now.fiche


def test_what_a_partner_says_later_does_not_stand_in_his_past(store: Store) -> None:
    put(store, huis(1), aanbod("a", "o"))
    put(store, own(1, names=[{"text": {"nl": "Ons huis"}}]), aanbod("a", "o", "Anders", revision=2))
    mine, id = Directory(store, Grant(partner="gent")), uuid_of(store, f"{SK}|a")
    then = mine.get(id).fiche
    before = mine.newest()
    for revision in range(1, 5):
        put(store, of_offer(revision, description={"nl": f"van ons {revision}"}))
    assert mine.as_at(id, before).fiche == then
    assert mine.as_at(id, mine.newest()).fiche == mine.get(id).fiche != then


# --- histories -------------------------------------------------------------------------------------------------------------------------


def test_a_history_does_not_tell_of_changes_of_which_all_is_hidden_since(store: Store) -> None:
    put(store, huis(1))
    id = uuid_of(store, f"{SK}|o")
    put(store, huis(2, contacts=[PHONE]))
    put(store, huis(3, contacts=[PHONE], description={"nl": "iets"}))
    public = Directory(store, PUBLIC)
    everything = [change.seq for change in public.history(id)]
    assert len(everything) == 3
    last = put(store, huis(4, contacts=[PHONE | HIDDEN], description={"nl": "iets"}))
    assert [change.seq for change in Directory(store, PUBLIC).history(id)] == [last, everything[0], everything[2]], "who has it hears that it goes"
    newest = put(store, huis(5, description={"nl": "anders"}))
    shown = [newest, everything[0], everything[2]]
    assert [change.seq for change in Directory(store, PUBLIC).history(id)] == shown
    assert [change.seq for change in Directory(store, INTERNAL).history(id)] == [newest, last, *everything]
    assert [Directory(store, PUBLIC).history(id, limit=1, before=before)[0].seq for before in (newest + 1, newest, everything[0])] == shown
    assert [change.seq for change in Directory(store, PUBLIC).history(id, every=True)] == [newest, last, *everything]


def test_of_a_fiche_that_was_hidden_only_its_removal_is_told(store: Store) -> None:
    put(store, huis(1))
    put(store, huis(2, description={"nl": "iets"}))
    put(store, huis(3, **HIDDEN))
    id = uuid_of(store, f"{SK}|o")
    assert [change.operation for change in Directory(store, PUBLIC).history(id)] == ["delete"]
    put(store, gone(huis(1), 4))
    assert [change.operation for change in Directory(store, PUBLIC).history(id)] == ["delete"]


def test_a_history_reads_each_version_once_and_the_present_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for revision in range(1, 13):
        put(store, huis(revision, description={"nl": f"{revision}"}, contacts=[PHONE | (HIDDEN if revision % 2 else {})]))
    id = uuid_of(store, f"{SK}|o")
    added: list[Any] = []
    add = Hindsight.add

    def noted(hindsight: Hindsight, version: Any) -> None:
        added.append(version)
        add(hindsight, version)

    monkeypatch.setattr(Hindsight, "add", noted)
    door = Directory(store, PUBLIC)
    door.get(id)
    assert added == []
    changes = door.history(id, every=True)
    assert len(changes) == 12
    for change in changes:
        door.as_at(id, change.seq)
    assert len(added) == 11, "each that is later than another"
    door = Directory(store, PUBLIC)
    assert CANARY in str(door.as_at(id, changes[0].seq))
    put(store, huis(13, contacts=[PHONE | HIDDEN]))
    put(store, huis(14))
    assert CANARY not in str(door.as_at(id, changes[2].seq)), "what was written meanwhile counts"
