"""What one partner says for himself: he sees it, nobody else does, and no update of the shared fiche takes it away."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hub.directory import Directory
from hub.model.audience import Grant
from hub.model.claims import Claim
from hub.model.fiche import EntityType
from hub.model.query import Criterion, Linked, Query
from hub.store import Store, erasure, index_anew, reading, versions
from hub.store.bulk import Bulk
from hub.store.database import writing
from tests.store.conftest import Clock, put
from tests.store.saying import (
    PG,
    SK,
    aanbod,
    count,
    fiche,
    gone,
    head,
    log,
    number_of,
    organisatie,
    person,
    riziv,
    told,
    uuid_of,
)

MINE = "zorgraad-proef"


def overlay(external_id: str = "m1", *, revision: int = 1, same_as: tuple[tuple[str, str], ...] = ((SK, "o1"),), **content: Any) -> Claim:
    said = {"kind": "organisatie", **content}
    return Claim("kaart-proef", external_id, revision, "organisatie", said, same_as=same_as, partner=MINE)


OWN_PHONE: list[Any] = [{"kind": "phone", "value": "+3216000077"}]


def numbers(document: dict[str, Any] | None) -> list[str]:
    return [contact["value"] for contact in (document or {}).get("contacts", ())]


def test_only_the_partner_sees_it(store: Store) -> None:
    put(store, organisatie("o1"))
    before = head(store)
    put(store, overlay(contacts=OWN_PHONE))
    assert numbers(fiche(store, f"{SK}|o1")) == []
    assert numbers(fiche(store, f"{SK}|o1", MINE)) == ["+3216000077"]
    assert numbers(fiche(store, f"{SK}|o1", "somebody-else")) == []
    assert log(store, before) == log(store, before, partner="somebody-else") == []
    assert [change.operation for change in log(store, before, partner=MINE) if change.type == "organisatie"] == ["update"]


def test_it_survives_every_update_of_the_shared_fiche(store: Store) -> None:
    put(store, organisatie("o1", "Oud"))
    put(store, overlay(contacts=OWN_PHONE))
    put(store, organisatie("o1", "Nieuw", revision=2))
    mine = fiche(store, f"{SK}|o1", MINE)
    assert mine and mine["names"][0]["text"]["nl"] == "Nieuw"
    assert numbers(mine) == ["+3216000077"]


def test_the_index_has_a_row_for_the_partner_and_hides_the_shared_one_from_him(store: Store) -> None:
    put(store, organisatie("o1"))
    put(store, overlay(contacts=OWN_PHONE))
    with store.read() as connection:
        known = reading.resolve(connection, [fiche(store, f"{SK}|o1")["id"]])  # type: ignore[index]
        (entity,) = known.values()
        mine = reading.entry_for(connection, entity.id, MINE)
        assert mine != entity.id
        assert reading.entry_for(connection, entity.id, "somebody-else") == entity.id
    assert count(store, "entry", f"id = {mine} AND partner = '{MINE}'") == 1
    assert count(store, "entry_mask", f"partner = '{MINE}'") == 2  # the organisatie and its vestiging
    assert count(store, "entry", f"partner = '{MINE}'") == 2


def test_a_fiche_of_the_partner_alone_exists_for_nobody_else(store: Store) -> None:
    own = overlay(same_as=(), names=[{"text": {"nl": "Geheim Huis"}}])
    put(store, own)
    assert fiche(store, "kaart-proef|m1") is None
    assert fiche(store, "kaart-proef|m1", MINE)
    assert log(store) == []
    assert [change.operation for change in log(store, partner=MINE)] == ["create"]
    assert count(store, "entry", "partner = ''") == 0
    assert count(store, "entry", f"partner = '{MINE}'") == 1
    put(store, gone(own, 2))
    assert [change.operation for change in log(store, partner=MINE)] == ["create", "delete"]
    assert count(store, "entry") == 0


def test_when_it_ends_the_partner_sees_the_shared_fiche_again(store: Store) -> None:
    put(store, organisatie("o1"))
    put(store, overlay(contacts=OWN_PHONE))
    put(store, gone(overlay(), 2))
    assert fiche(store, f"{SK}|o1", MINE) == fiche(store, f"{SK}|o1")
    assert count(store, "entry_mask") == 0
    assert count(store, "entry", f"partner = '{MINE}'") == 0


def test_when_the_shared_fiche_goes_the_partner_keeps_his(store: Store) -> None:
    put(store, organisatie("o1"))
    put(store, overlay(names=[{"text": {"nl": "Mijn Huis"}}]))
    before = head(store)
    put(store, gone(organisatie("o1"), 2))
    assert fiche(store, f"{SK}|o1") is None
    assert fiche(store, f"{SK}|o1", MINE)
    mine = [change.operation for change in log(store, before, partner=MINE) if change.type == "organisatie"]
    assert mine == ["update"]  # without what only the shared one said


def test_its_past_can_be_read_by_the_partner_alone(store: Store) -> None:
    put(store, organisatie("o1"))
    put(store, overlay(contacts=OWN_PHONE))
    then = head(store)
    put(store, replace(overlay(revision=2), content={"kind": "organisatie", "contacts": [{"kind": "phone", "value": "+3216000078"}]}))
    number = number_of(store, f"{SK}|o1")
    with store.read() as connection:
        assert numbers(versions.as_at(connection, number, then, MINE)) == ["+3216000077"]
        assert numbers(versions.as_at(connection, number, then)) == []


# --- what an overlay leads to ------------------------------------------------------------------------------------------------------


def offer(*people: int, of: str = "o1", revision: int = 1, same_as: tuple[tuple[str, str], ...] = (), **content: Any) -> Claim:
    """An aanbod of the partner's own, of a shared organisatie and with shared caregivers."""
    said = aanbod("a1", of, "Eigen aanbod", revision=revision, people=people, **content)
    return replace(said, source="kaart-proef", partner=MINE, same_as=same_as)


def hits(store: Store, kind: EntityType, text: str = "", partner: str = MINE, *linked: Linked) -> int:
    """How many he finds, who sees what is public."""
    grant = Grant("public", partner=partner or None)
    return len(Directory(store, grant).search(Query(types=(kind,), text=text, linked=linked)).hits)


def named(kind: EntityType, text: str) -> Query:
    return Query(types=(kind,), text=text)


def links(store: Store) -> list[tuple[Any, ...]]:
    """Those that partners alone have."""
    with store.read() as connection:
        return sorted(map(tuple, Bulk(connection).rows("SELECT from_id, role, to_id, level FROM link WHERE from_id < 0")))


def test_a_wide_change_of_it_leaves_its_past_to_the_partner(open_store: Callable[..., Store]) -> None:
    store = open_store(wide=0)
    put(store, organisatie("o1", sites=()), aanbod("a1", "o1"))
    id, stood = number_of(store, f"{SK}|o1"), []
    for revision in (1, 2, 3):
        put(store, overlay(revision=revision, names=[{"text": {"nl": f"Van ons {revision}"}}]))
        assert count(store, "change", "operation = 'spread' AND partner <> ''") == revision, "told late"
        while store.spread():
            pass
        stood.append((head(store), fiche(store, f"{SK}|o1", MINE)))
    with store.read() as connection:
        for seq, document in stood:
            assert versions.as_at(connection, id, seq, MINE) == document


def test_what_it_leads_to_hides_and_the_partner_is_told_and_finds_it_no_more(store: Store) -> None:
    put(store, organisatie("o1", "Zeldzaam"))
    put(store, offer())
    assert hits(store, "aanbod", "zeldzaam") == 1
    before = head(store)
    put(store, organisatie("o1", "Zeldzaam", revision=2, visibility="internal"))
    assert ("context", "aanbod") in told(store, before, 0, MINE)
    assert ("context", "aanbod") not in told(store, before, 2, "somebody-else") | told(store, before)
    assert (hits(store, "aanbod", "zeldzaam"), hits(store, "aanbod", "eigen")) == (0, 1)
    before = head(store)
    put(store, organisatie("o1", "Anders", revision=3))
    assert ("context", "aanbod") in told(store, before, 0, MINE)
    assert (hits(store, "aanbod", "zeldzaam"), hits(store, "aanbod", "anders")) == (0, 1)


def test_whoever_works_in_it_hides_comes_back_and_arrives_late(open_store: Callable[..., Store]) -> None:
    for wide in (500, 0):  # at once, and spread out afterwards
        store, number = open_store(wide=wide), 7 + wide
        external = f"p{wide}"
        put(store, organisatie("o1", "Linde", revision=wide + 1))
        put(store, replace(offer(number), external_id=f"a{wide}"))
        assert hits(store, "caregiver", "", MINE, Linked("zorgverlener", named("zorgverlener", f"naam{wide}"))) == 0
        steps = ("create", "context", "delete", "create")
        for revision, (operation, visibility) in enumerate(zip(steps, ("public", "public", "internal", "public"), strict=True), 1):
            before = head(store)
            name = f"Naam{wide}" if revision == 1 else f"Ander{wide}"
            put(store, person(external, name, number=number, revision=revision, visibility=visibility))
            while store.spread():
                pass
            seen = told(store, before, 0, MINE)
            assert {(operation, "caregiver"), ("context", "aanbod")} <= seen, (wide, revision)
            assert not {type_ for _, type_ in told(store, before, 0)} & {"caregiver", "aanbod"}
            assert hits(store, "caregiver", name) == (visibility == "public")


def test_an_overlay_that_only_adds_a_caregiver_leads_to_him(store: Store) -> None:
    put(store, organisatie("o1"), person("p1", "Vroeger", number=1), aanbod("s1", "o1"))
    content = {"kind": "aanbod", "caregivers": [{"zorgverlener": {"system": "riziv", "value": riziv(1)}}]}
    put(store, Claim("kaart-proef", "a1", 1, "aanbod", content, same_as=((SK, "s1"),), partner=MINE))
    before = head(store)
    put(store, person("p1", "Later", number=1, revision=2))
    assert {("context", "caregiver"), ("context", "aanbod")} <= told(store, before, 0, MINE)
    assert not {type_ for _, type_ in told(store, before, 0)} & {"caregiver", "aanbod"}
    assert (hits(store, "caregiver", "vroeger"), hits(store, "caregiver", "later")) == (0, 1)


def test_its_links_are_followed_from_both_ends_by_the_partner_alone(store: Store) -> None:
    put(store, organisatie("o1", "Linde"), organisatie("o2", "Beuk"), person("p1", "Peeters", number=1), aanbod("s1", "o2", "Gedeeld"))
    put(store, offer(1), replace(offer(of="o1", same_as=((SK, "s1"),)), external_id="a2"))
    linde, eigen = Linked("organisatie", named("organisatie", "linde")), Linked("organisatie", named("aanbod", "eigen"), reverse=True)
    peeters = Linked("zorgverlener", named("zorgverlener", "peeters"))
    assert hits(store, "aanbod", "", MINE, linde) == 2
    assert hits(store, "aanbod", "", MINE, Linked("organisatie", named("organisatie", "beuk"))) == 0  # in his eyes it is of another
    assert hits(store, "organisatie", "", MINE, eigen) == 1
    assert hits(store, "organisatie", "", MINE, replace(eigen, negate=True)) == 1
    assert hits(store, "caregiver", "", MINE, peeters) == hits(store, "caregiver", "", MINE, linde) == 1
    assert hits(store, "aanbod", "", MINE, peeters) == 1
    for somebody in ("", "somebody-else"):
        assert hits(store, "aanbod", "", somebody, linde) == hits(store, "organisatie", "", somebody, eigen) == 0
        assert hits(store, "organisatie", "", somebody, replace(eigen, negate=True)) == 2
        assert hits(store, "caregiver", "", somebody, peeters) == hits(store, "zorgverlener", "", somebody, replace(eigen, link="zorgverlener")) == 0


def test_its_links_go_with_it_and_with_what_it_says(store: Store) -> None:
    put(store, organisatie("o1"), person("p1", number=1), person("p2", number=2))
    put(store, offer(1, 2))
    assert {role for _, role, _, _ in links(store)} == {"organisatie", "zorgverlener", "aanbod"}
    some, before = len(links(store)), head(store)
    put(store, offer(1, revision=2))
    assert 0 < len(links(store)) < some
    left = [change for change in log(store, before, 0, MINE) if change.type == "zorgverlener"]
    assert {change.id for change in left} == {uuid_of(store, f"{PG}|p1"), uuid_of(store, f"{PG}|p2")}  # whoever left is told of as well
    put(store, gone(offer(), 3))
    assert links(store) == []


def test_its_links_go_with_whoever_is_erased(store: Store) -> None:
    put(store, organisatie("o1"), person("p1", number=1))
    put(store, offer(1))
    erasure.erase(store, uuid_of(store, f"{PG}|p1"), "asked")
    assert {role for _, role, _, _ in links(store)} == {"organisatie"}
    assert "caregivers" not in (fiche(store, "kaart-proef|a1", MINE) or {})
    erasure.erase(store, uuid_of(store, "kaart-proef|a1"), "asked")
    assert links(store) == []


def test_it_follows_an_organisatie_that_was_joined_into_another(store: Store) -> None:
    put(store, organisatie("o1", "Een"))
    put(store, organisatie("o2", "Twee"), person("p1", number=1))
    put(store, offer(1, of="o2"))
    stays, goes = uuid_of(store, f"{SK}|o1"), uuid_of(store, f"{SK}|o2")
    store.write(lambda writer: writer.join(stays, goes))
    assert (fiche(store, "kaart-proef|a1", MINE) or {})["organisatie"] == {"id": stays}
    number = number_of(store, f"{SK}|o1")
    assert {to for _, role, to, _ in links(store) if role == "organisatie"} == {number}
    assert hits(store, "aanbod", "een") == 1


def test_it_follows_what_is_joined_in_the_transaction_in_which_it_arrives(store: Store) -> None:
    put(store, organisatie("o8", "Een", source="elders"))
    put(store, organisatie("o1", "Linde"))
    put(store, offer(), replace(organisatie("o7", source="derde"), same_as=((SK, "o1"), ("elders", "o8"))))
    assert (fiche(store, "kaart-proef|a1", MINE) or {})["organisatie"] == {"id": uuid_of(store, "elders|o8")}
    assert hits(store, "aanbod", "linde") == 1


def test_what_leads_to_itself_and_hides_takes_that_with_it(store: Store) -> None:
    put(store, organisatie("o1", memberships=[{"organisatie": {"source": SK, "external_id": "o1"}}]))
    put(store, overlay(names=[{"text": {"nl": "Mijn Huis"}}], visibility="public"))
    before = head(store)
    put(store, overlay(names=[{"text": {"nl": "Mijn Huis"}}], visibility="internal", revision=2))
    assert ("delete", "membership") in told(store, before, 0, MINE)
    before = head(store)
    put(store, overlay(names=[{"text": {"nl": "Mijn Huis"}}], visibility="public", revision=3))
    assert ("create", "membership") in told(store, before, 0, MINE)


def test_whoever_comes_from_an_earlier_version_gets_its_links(store: Store) -> None:
    put(store, organisatie("o1"), person("p1", number=1))
    put(store, offer(1))
    wanted = links(store)
    with writing(store.engine) as connection:
        bulk = Bulk(connection)
        bulk.run("DELETE FROM link WHERE from_id < 0")
        bulk.insert("link", ("from_id", "role", "to_id", "level"), [(-900_000, "organisatie", number_of(store, f"{SK}|o1"), 0)])
        bulk.settle()
    index_anew.renew(store, restart=True)
    assert links(store) == wanted


@pytest.mark.parametrize("shared", [None, {"value": "yes", "valid_until": "2027-11-30"}, {"value": "no", "valid_until": "2026-11-23"}])
def test_what_a_partner_said_runs_out_for_him_and_nobody_else_hears_of_it(store: Store, clock: Clock, shared: dict[str, str] | None) -> None:
    content: dict[str, Any] = {} if shared is None else {"patientenstop": shared}
    put(store, person("p1", number=1), organisatie("o1"), aanbod("a1", "o1", people=(1,), **content))
    said = {"kind": "aanbod", "patientenstop": {"value": "no", "valid_until": "2026-11-25"}}
    put(store, Claim("kaart-proef", "m1", 1, "aanbod", said, same_as=((SK, "a1"),), partner=MINE))
    mine = Directory(store, Grant(level="public", partner=MINE))

    def found(value: str, type: EntityType) -> int:
        return len(mine.search(Query(types=(type,), where=(Criterion("availability", (f"patientenstop|{value}",)),))).hits)

    def seen() -> tuple[int, ...]:
        return tuple(found(value, type) for type in ("aanbod", "caregiver") for value in ("no", "unknown"))

    clock.pass_by(days=2)
    store.write(lambda writer: writer.expire(store.today()))  # what the shared fiche says may run out before
    assert seen() == (1, 0, 1, 0)
    before = head(store)
    clock.pass_by(days=8)
    assert seen() == (0, 1, 0, 1), "never a stale yes, also before the job has been here"
    assert store.write(lambda writer: writer.expire(store.today())) == 1
    assert seen() == (0, 1, 0, 1)
    assert [(change.type, change.fields) for change in log(store, before, rank=0, partner=MINE) if change.fields] == [("aanbod", ("patientenstop",))]
    assert log(store, before) == log(store, before, partner="somebody-else") == []
    assert store.write(lambda writer: writer.expire(store.today())) == 0
    ahead = [] if shared is None else [shared["valid_until"]]
    with store.read() as connection:
        assert [row[0] for row in Bulk(connection).rows("SELECT valid_until FROM expiry")] == [day for day in ahead if day > store.today()]


@pytest.mark.parametrize(
    ("shared", "own", "told_on"),
    [
        ("2026-11-25", "2026-11-26", {"2026-11-26": {""}, "2026-11-27": {MINE}}),
        ("2026-11-26", "2026-11-25", {"2026-11-26": {MINE}, "2026-11-27": {""}}),
        ("2026-11-25", "2026-11-25", {"2026-11-26": {"", MINE}, "2026-11-27": set()}),
    ],
)
def test_what_runs_out_for_all_and_for_a_partner_is_told_to_each_on_his_own_day(
    store: Store, clock: Clock, shared: str, own: str, told_on: dict[str, set[str]]
) -> None:
    put(store, organisatie("o1"), aanbod("a1", "o1", patientenstop={"value": "no", "valid_until": shared}))
    said = {"kind": "aanbod", "patientenstop": {"value": "no", "valid_until": own}}
    put(store, Claim("kaart-proef", "m1", 1, "aanbod", said, same_as=((SK, "a1"),), partner=MINE))
    clock.pass_by(days=3)
    assert store.write(lambda writer: writer.expire(store.today())) == 0
    for day, partners in told_on.items():
        clock.pass_by(days=1)
        assert store.today() == day
        before = head(store)
        store.write(lambda writer: writer.expire(store.today()))
        assert {partner for partner in ("", MINE) if ("update", "aanbod") in told(store, before, partner=partner)} == partners


def test_what_a_partner_takes_back_does_not_run_out_any_more(store: Store, clock: Clock) -> None:
    put(store, organisatie("o1"), aanbod("a1", "o1"))
    said = {"kind": "aanbod", "patientenstop": {"value": "no", "valid_until": "2026-11-25"}}
    mine = Claim("kaart-proef", "m1", 1, "aanbod", said, same_as=((SK, "a1"),), partner=MINE)
    put(store, mine)
    assert count(store, "expiry") == 1
    put(store, gone(mine, 2))
    assert count(store, "expiry") == 0
