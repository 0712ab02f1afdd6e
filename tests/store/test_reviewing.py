"""The review queue: the same pairs wait whoever came first, what was decided stays decided, and what no longer needs anybody is not asked."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Final

import pytest
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from hub.errors import Gone, Invalid, NotFound
from hub.model.claims import Claim
from hub.places import places
from hub.store import Store, database, erasure, reviewing
from hub.store.matching import CROWD
from tests.store.conftest import AUTHORITY, SECRET, Clock, put
from tests.store.saying import PG, SB, SK, aanbod, count, gone, organisatie, person, uuid_of

KOUTER: Final = [{"type": "practice", "postcode": "9000", "street": {"nl": "Kouter"}, "house_number": "1"}]
KBO: Final = [{"system": "kbo", "value": "0403019261"}]
HOUSE: Final = {"identifiers": [{"system": "vestigingsnummer", "value": "2000000042"}]}


def _called(number: str) -> list[dict[str, str]]:
    return [{"kind": "phone", "value": number}]


def _at(external_id: str, source: str, name: str) -> Claim:
    """An organisatie with a site of that establishment number, somewhere else than the others."""
    return organisatie(external_id, name, source=source, sites=(), vestigingen=[{**HOUSE, "keys": [f"{source}:{external_id}"]}])


SAID: Final[dict[str, list[Claim]]] = {
    "people of SK": [
        person("s1", "Twee", source=SK, addresses=KOUTER),
        person("s2", "Beller", source=SK, contacts=_called("+3290000002")),
        *(person(f"s-{number}", f"Drukte{number}", source=SK, contacts=_called("+3290000009")) for number in range(CROWD // 2)),
    ],
    "houses of SK": [
        organisatie("o1", "Dienst", identifiers=KBO, sites=()),
        _at("o3", SK, "Poli A"),
        organisatie("o5", "Vijf", phone="+3290000005", sites=()),
        Claim(SK, "o6", 1, "organisatie", {"kind": "organisatie", "names": [{"text": {"nl": "Zes"}}]}, same_as=((SB, "b5"),)),
        aanbod("a1", "o1", caregivers=[{"zorgverlener": {"source": SK, "external_id": "s1"}}, {"zorgverlener": {"source": PG, "external_id": "p1"}}]),
        aanbod("a2", "o3", people=(5,)),
        aanbod("a3", "b1", organisatie={"source": SB, "external_id": "b1"}),
    ],
    PG: [
        person("p1", "Twee", addresses=KOUTER),
        person("p2", "Anders", number=5),
        *(person(f"p-{number}", f"Massa{number}", contacts=_called("+3290000009")) for number in range(CROWD // 2 + 1)),
    ],
    SB: [
        organisatie("b1", "Service", source=SB, identifiers=KBO, sites=()),
        _at("b3", SB, "Poli NV"),
        organisatie("b5", "Vijf en zes", source=SB, phone="+3290000005", sites=()),
        person("b2", "Anders", source=SB, number=5, contacts=_called("+3290000002")),
    ],
}
WAITING: Final = {
    frozenset({"s1", "p1"}),
    frozenset({"s2", "b2+p2"}),  # what they share only the second source says
    frozenset({"o1", "b1"}),
    frozenset({"o3", "b3"}),
}
"""Not `o5` and `b5`, which SK holds apart as soon as it names `b5`; not those who share the number of a switchboard."""


def waiting(store: Store) -> set[frozenset[str]]:
    """The pairs that wait, each fiche by its claims."""
    with store.read() as connection:
        found = reviewing.reviews(connection, 10_000)
        assert reviewing.waiting(connection) == len(found)
        named: dict[str, list[str]] = {}
        for uuid, external_id in connection.execute(
            text("SELECT e.uuid, c.external_id FROM claim c JOIN entity e ON e.id = c.fiche_id WHERE NOT c.gone ORDER BY c.external_id")
        ):
            named.setdefault(uuid, []).append(external_id)
    return {frozenset("+".join(named[side.id]) for side in (one.fiche, one.other)) for one in found}


@pytest.mark.parametrize("order", list(permutations(SAID)), ids=" ".join)
def test_the_same_pairs_wait_in_whatever_order_the_sources_load(store: Store, order: tuple[str, ...]) -> None:
    for source in order:
        put(store, *SAID[source])
    assert waiting(store) == WAITING


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.permutations([claim for claims in SAID.values() for claim in claims]), st.integers(1, 30))
def test_the_same_pairs_wait_in_whatever_order_and_batches_the_claims_come(
    migrated_file: Path, tmp_path: Path, claims: list[Claim], size: int
) -> None:
    path = tmp_path / "one.sqlite"
    path.write_bytes(migrated_file.read_bytes())
    store = Store(database.connect(f"sqlite:///{path}"), authority=AUTHORITY, places=places(), secret=SECRET, now=Clock())
    for start in range(0, len(claims), size):
        put(store, *claims[start : start + size])
    assert waiting(store) == WAITING
    store.close()


def test_what_was_loaded_before_is_compared_by_the_upgrade(store: Store) -> None:
    for claims in SAID.values():
        put(store, *claims)
    one, two = uuid_of(store, f"{SK}|s1"), uuid_of(store, f"{PG}|p1")
    store.write(lambda writer: writer.apart(one, two))
    with store.read() as connection:
        told = {frozenset({each.fiche.id, each.other.id}): (each.score, each.why) for each in reviewing.reviews(connection)}
    with database.writing(store.engine) as connection:
        command.downgrade(database._config(connection), "0016")
        connection.exec_driver_sql("DELETE FROM review WHERE state = 'open'")
    database.migrate(store.engine)
    assert waiting(store) == WAITING - {frozenset({"s1", "p1"})}
    with store.read() as connection:
        again = {frozenset({each.fiche.id, each.other.id}): (each.score, each.why) for each in reviewing.reviews(connection)}
    assert again == told


def test_a_pair_whose_fiche_is_gone_does_not_wait_and_does_again_when_it_is_back(store: Store) -> None:
    mine, theirs = organisatie("o1", identifiers=KBO), organisatie("b1", "Ander", source=SB, identifiers=KBO)
    put(store, mine, theirs)
    put(store, gone(theirs, 2))
    assert waiting(store) == set()
    put(store, organisatie("b1", "Ander", source=SB, revision=3, identifiers=KBO))
    assert waiting(store) == {frozenset({"o1", "b1"})}


def test_a_number_of_a_site_never_joins_and_is_told(store: Store) -> None:
    put(store, _at("o3", SK, "Poli A"), _at("o4", SK, "Poli B"))
    assert waiting(store) == set(), "one source holds them apart"
    put(store, _at("k1", "kbo", "Poli NV"))
    assert waiting(store) == {frozenset({"o3", "k1"}), frozenset({"o4", "k1"})}
    with store.read() as connection:
        found = reviewing.reviews(connection)
    assert {one.why for one in found} == {("the same establishment number",)}
    assert {one.score for one in found} == {0.9}


def test_the_number_of_a_site_is_also_that_of_a_fiche(store: Store) -> None:
    put(store, _at("o3", SK, "Poli A"), organisatie("k1", "Poli NV", source="kbo", sites=(), identifiers=HOUSE["identifiers"]))
    assert waiting(store) == {frozenset({"o3", "k1"})}


def test_kept_apart_is_never_asked_again(store: Store) -> None:
    put(store, person("p1", "Twee", addresses=KOUTER), person("s1", "Twee", source=SK, addresses=KOUTER))
    one, two = uuid_of(store, f"{PG}|p1"), uuid_of(store, f"{SK}|s1")
    store.write(lambda writer: writer.apart(one, two, origin="an"))
    put(store, person("x1", "Twee", source=SB, addresses=KOUTER, number=7))
    put(store, Claim("excel", "e1", 1, "zorgverlener", {"kind": "zorgverlener", "addresses": KOUTER}, same_as=((PG, "p1"), (SK, "s1"))))
    assert uuid_of(store, f"{PG}|p1") != uuid_of(store, f"{SK}|s1"), "not even a claim that names both joins them"
    assert frozenset({"e1+p1", "s1"}) not in waiting(store)
    with store.read() as connection:
        (decided,) = reviewing.reviews(connection, state="different")
    assert {decided.fiche.id, decided.other.id} == {one, two}
    assert (decided.detail["by"], decided.detail["reasons"]) == ("an", ["name"])


def test_pairs_of_a_fiche_that_goes_wait_for_the_one_that_stays_and_come_back_with_it(store: Store) -> None:
    put(store, person("p1", "Een"), person("x1", "Twee", source=SB, addresses=KOUTER))
    put(store, person("s1", "Twee", source=SK, addresses=KOUTER), person("s2", "Twee", source="vierde", addresses=KOUTER))
    one, two, third = (uuid_of(store, key) for key in (f"{PG}|p1", f"{SB}|x1", "vierde|s2"))
    store.write(lambda writer: writer.apart(two, third))
    before = {frozenset({"x1", "s1"}), frozenset({"s1", "s2"})}
    assert waiting(store) == before
    store.write(lambda writer: writer.join(one, two))
    assert waiting(store) == {frozenset({"p1+x1", "s1"}), frozenset({"s1", "s2"})}, "what was kept apart stays so"
    store.write(lambda writer: writer.split(one, [(SB, "x1")]))
    assert waiting(store) == before


def test_kept_apart_from_either_is_kept_apart_from_both(store: Store) -> None:
    put(store, person("p1", "Een", contacts=_called("+3290000001")), person("x1", "Twee", source=SB, addresses=KOUTER))
    put(store, person("s1", "Twee", source=SK, addresses=KOUTER, contacts=_called("+3290000001")))
    one, two, third = (uuid_of(store, key) for key in (f"{PG}|p1", f"{SB}|x1", f"{SK}|s1"))
    assert waiting(store) == {frozenset({"p1", "s1"}), frozenset({"x1", "s1"})}
    store.write(lambda writer: writer.apart(two, third, origin="an"))
    store.write(lambda writer: writer.join(one, two))
    assert waiting(store) == set()
    with store.read() as connection:
        kept = {one.other.id: one.detail["by"] for one in reviewing.reviews(connection, state="different")}
    assert kept == {one: "an", two: "an"}


def test_what_was_said_of_either_before_they_were_one_is_its_own_after_a_split(store: Store, clock: Clock) -> None:
    for name in ("p1", "p2"):
        put(store, person(name, name))
    for name in ("s1", "s2", "s3"):
        put(store, person(name, name, source=SK))
    uuids = {name: uuid_of(store, f"{PG if name[0] == 'p' else SK}|{name}") for name in ("p1", "p2", "s1", "s2", "s3")}

    def later(decide: str, one: str, other: str) -> None:
        clock.pass_by(minutes=1)
        store.write(lambda writer: getattr(writer, decide)(uuids[one], uuids[other], origin="an"))

    def kept_apart() -> set[tuple[str, ...]]:
        names = {uuid: name for name, uuid in uuids.items()}
        with store.read() as connection:
            return {tuple(sorted((names[pair.fiche.id], names[pair.other.id]))) for pair in reviewing.reviews(connection, state="different")}

    later("apart", "p1", "s1")
    later("apart", "p2", "s2")
    later("join", "p1", "p2")
    later("apart", "p1", "s3")
    clock.pass_by(minutes=1)
    assert ("p1", "s2") in kept_apart(), "while they are one"
    assert store.write(lambda writer: writer.split(uuids["p1"], [(PG, "p2")], origin="an")) == uuids["p2"]
    assert kept_apart() == {("p1", "p2"), ("p1", "s1"), ("p2", "s2"), ("p1", "s3"), ("p2", "s3")}


def test_claims_that_are_split_off_into_a_new_fiche_take_their_pairs_along(store: Store) -> None:
    put(store, person("p1", "Een", number=7), person("x1", "Twee", source=SB, number=7, addresses=KOUTER))
    put(store, person("s1", "Twee", source=SK, addresses=KOUTER))
    assert waiting(store) == {frozenset({"p1+x1", "s1"})}
    store.write(lambda writer: writer.split(uuid_of(store, f"{PG}|p1"), [(SB, "x1")]))
    assert waiting(store) == {frozenset({"x1", "s1"})}


def test_a_decision_about_what_cannot_be_one_is_refused(store: Store) -> None:
    put(store, person("p1"), person("p2"), organisatie("o1"))
    one, two, house = (uuid_of(store, key) for key in (f"{PG}|p1", f"{PG}|p2", f"{SK}|o1"))
    with pytest.raises(Invalid):
        store.write(lambda writer: writer.apart(one, house))
    with pytest.raises(Invalid):
        store.write(lambda writer: writer.apart(one, one))
    erasure.erase(store, two, "asked")
    for decide in ("join", "apart"):
        with pytest.raises(Gone):
            store.write(lambda writer, decide=decide: getattr(writer, decide)(one, two))  # type: ignore[misc]
    with store.read() as connection:
        with pytest.raises(Gone):
            reviewing.side(connection, two)
        with pytest.raises(NotFound):
            reviewing.side(connection, "no-such-id")
    assert count(store, "review") == 0


def test_more_wait_than_are_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviewing, "COUNTED", 2)
    for source in ("een", "twee", "drie"):
        put(store, organisatie("o", source=source))
    with store.read() as connection:
        assert reviewing.waiting(connection) == 3


def test_a_claim_that_comes_to_say_something_else_is_compared_anew(store: Store) -> None:
    mine, theirs = person("s1", "Een", source=SK), person("p1", "Ander", contacts=_called("+3290000002"))
    put(store, mine, theirs)
    assert waiting(store) == set()
    put(store, person("s1", "Een", source=SK, revision=2, contacts=_called("+3290000002")))
    assert waiting(store) == {frozenset({"s1", "p1"})}


def test_a_pair_whose_likeness_is_gone_does_not_wait_and_says_why_it_waits_now(store: Store) -> None:
    put(store, person("s1", "Een", source=SK, contacts=_called("+3290000002")), person("p1", "Ander", contacts=_called("+3290000002")))
    assert waiting(store) == {frozenset({"s1", "p1"})}
    put(store, person("s1", "Een", source=SK, revision=2))
    assert waiting(store) == set()
    put(store, person("p1", "Een", revision=2, addresses=KOUTER), person("s1", "Een", source=SK, revision=3, addresses=KOUTER))
    assert waiting(store) == {frozenset({"s1", "p1"})}
    with store.read() as connection:
        (pair,) = reviewing.reviews(connection)
    assert (pair.why, pair.score) == (("the same name in one postcode",), 0.6)


def test_what_a_source_no_longer_says_of_a_fiche_that_stays_makes_no_pair(store: Store) -> None:
    alone = person("b1", "Een", source=SB, number=5, contacts=_called("+3290000002"))
    put(store, person("s1", "Een", source=SK, number=5), alone, person("p1", "Ander", contacts=_called("+3290000002")))
    assert waiting(store) == {frozenset({"b1+s1", "p1"})}
    store.write(lambda writer: writer.withdraw(SB, ["b1"], origin="test"))
    assert waiting(store) == set()
    put(store, alone)
    assert waiting(store) == {frozenset({"b1+s1", "p1"})}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_the_same_pairs_wait_whatever_the_claims_said_before(migrated_file: Path, tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "one.sqlite"
    path.write_bytes(migrated_file.read_bytes())
    store = Store(database.connect(f"sqlite:///{path}"), authority=AUTHORITY, places=places(), secret=SECRET, now=Clock())
    said = [claim for claims in SAID.values() for claim in claims if claim.kind == "zorgverlener"]
    others = {claim.external_id: data.draw(st.sampled_from(said)) for claim in said}
    put(store, *(replace(claim, revision=0, content={**others[claim.external_id].content, **_joins(claim)}) for claim in said))
    for claims in data.draw(st.permutations([*SAID.values()])):
        put(store, *claims)
    assert waiting(store) == WAITING
    store.close()


def _joins(claim: Claim) -> dict[str, object]:
    """What says who it is, which no revision takes back."""
    return {"identifiers": claim.content.get("identifiers", [])}
