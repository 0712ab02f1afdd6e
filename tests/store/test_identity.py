"""Who is who: joins by strong keys, clashes, candidates, redirects, splits."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import RFC_4122, UUID

import pytest

from hub.connector import MatchCandidate
from hub.errors import Invalid, NotFound
from hub.model.claims import Claim
from hub.store import Store, reading, reviewing
from hub.store.workspace import new_uuids
from tests.store.conftest import put
from tests.store.saying import (
    PG,
    SB,
    SK,
    aanbod,
    count,
    fiche,
    head,
    log,
    number_of,
    organisatie,
    person,
    riziv,
    told,
    uuid_of,
)


def test_a_strong_key_joins_sources(store: Store) -> None:
    put(store, person("p1", number=1))
    put(store, person("x9", source=SB, number=1))
    assert number_of(store, f"{PG}|p1") == number_of(store, f"{SB}|x9")
    assert count(store, "fiche") == 1


def test_what_one_source_holds_apart_is_never_joined_by_a_key(store: Store) -> None:
    put(store, person("p1", number=1), person("p2", number=1))
    assert number_of(store, f"{PG}|p1") != number_of(store, f"{PG}|p2")
    with store.read() as connection:
        (found,) = reviewing.reviews(connection)
    assert found.reason == "key-clash"


def test_numbers_that_a_source_swapped_are_told_with_what_to_do(store: Store) -> None:
    """What a number led to stays (so ids hold), so each fiche then has both; the pair says why, and split and join put each row where it belongs."""
    put(store, person("r1", "Peeters", number=1), person("r2", "Maes", number=2))
    put(store, person("s1", "Peeters", source=SB, number=1), person("s2", "Maes", source=SB, number=2))
    first, second = (uuid_of(store, f"{PG}|{each}") for each in ("r1", "r2"))
    put(store, person("s1", "Peeters", source=SB, number=2, revision=2), person("s2", "Maes", source=SB, number=1, revision=2))
    put(store, person("r1", "Maes", number=1, revision=2), person("r2", "Peeters", number=2, revision=2))
    with store.read() as connection:
        (pair,) = reviewing.reviews(connection)
    assert pair.why[0] == f"{SB} gives one of them now, in its row s1, a number of the other (riziv {riziv(2)}): were two numbers swapped?"
    assert "keep them apart; a row that lies with the wrong one leaves it by a split, and goes to the right one by a join" in pair.why[1]
    store.write(lambda writer: writer.apart(first, second, origin="An"))
    left = [
        store.write(lambda writer: writer.split(first, [(SB, "s1")], origin="An")),
        store.write(lambda writer: writer.split(second, [(SB, "s2")], origin="An")),
    ]
    store.write(lambda writer: writer.join(second, left[0], origin="An"))
    store.write(lambda writer: writer.join(first, left[1], origin="An"))
    with store.read() as connection:
        documents = reading.documents_by_uuid(connection, [first, second])
    found = {uuid: (one["name"]["family"], {item["value"] for item in one["identifiers"]}) for uuid, one in documents.items()}
    assert found == {first: ("Maes", {riziv(1)}), second: ("Peeters", {riziv(2)})}


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("known_elsewhere", [True, False])
def test_what_a_source_removed_stands_in_the_way_of_nothing_that_takes_its_place(store: Store, together: bool, known_elsewhere: bool) -> None:
    """Also where both come together, before the hub knew either."""
    if known_elsewhere:
        put(store, person("x1", source=SB, number=1))
    removed = Claim(PG, "p1", 1, "zorgverlener", {}, gone=True, same_as=(("riziv", riziv(1)),))
    for batch in [[removed, person("p2", number=1)]] if together else [[removed], [person("p2", number=1)]]:
        put(store, *batch)
    assert number_of(store, f"{PG}|p2") == number_of(store, f"{PG}|p1")
    assert (count(store, "fiche"), count(store, "review")) == (1, 0)


def test_two_services_of_one_enterprise_at_one_address_stay_two(store: Store) -> None:
    kbo = [{"system": "kbo", "value": "0403019261"}]
    put(store, organisatie("o1", "Dienst A", identifiers=kbo), organisatie("o2", "Dienst B", identifiers=kbo))
    put(store, organisatie("b1", "Dienst A", source=SB, identifiers=kbo))
    assert count(store, "fiche") == 3
    with store.read() as connection:
        found = reviewing.reviews(connection)
    assert {item.reason for item in found} == {"candidate"}
    best = max(found, key=lambda item: item.score)
    assert best.other.id == uuid_of(store, f"{SK}|o1")
    assert best.detail["reasons"] == ["kbo", "name"]


def test_two_fiches_that_turn_out_to_be_one(store: Store) -> None:
    put(store, person("p1", "Een"), person("x1", "Een", source=SB))
    put(store, aanbod("a1", "o1", caregivers=[{"zorgverlener": {"source": SB, "external_id": "x1"}}]))
    old, moved = uuid_of(store, f"{PG}|p1"), uuid_of(store, f"{SB}|x1")
    before = head(store)
    part = fiche(store, f"{SK}|a1")["caregivers"][0]["id"]  # type: ignore[index]
    put(store, Claim("excel", "e1", 1, "zorgverlener", {"kind": "zorgverlener"}, same_as=((PG, "p1"), (SB, "x1"))))
    assert uuid_of(store, f"{SB}|x1") == uuid_of(store, "excel|e1") == old
    with store.read() as connection:
        known = reading.resolve(connection, [moved])[moved]
    assert known.moved_to == old
    offered = fiche(store, f"{SK}|a1")
    assert offered and offered["caregivers"][0]["zorgverlener"] == {"id": old}
    assert offered["caregivers"][0]["id"] == part
    changes = {(change.operation, change.id) for change in log(store, before)}
    assert ("delete", moved) in changes
    assert any(change.type == "aanbod" and change.operation == "update" for change in log(store, before))


def test_a_key_named_later_joins_as_well(store: Store) -> None:
    put(store, person("p1", number=3))
    put(store, person("x1", source=SB))
    assert number_of(store, f"{PG}|p1") != number_of(store, f"{SB}|x1")
    put(store, person("x1", source=SB, number=3, revision=2))
    assert number_of(store, f"{PG}|p1") == number_of(store, f"{SB}|x1")


def test_a_join_that_a_source_forbids_goes_to_review(store: Store) -> None:
    put(store, person("p1", number=1), person("p2", number=2))
    put(store, Claim(SB, "x", 1, "zorgverlener", {"kind": "zorgverlener"}, same_as=(("riziv", riziv(1)), ("riziv", riziv(2)))))
    assert number_of(store, f"{PG}|p1") != number_of(store, f"{PG}|p2")
    with store.read() as connection:
        assert [item.reason for item in reviewing.reviews(connection)] == ["key-clash"]


def test_stubs_that_turn_out_to_be_one(store: Store) -> None:
    put(store, aanbod("a1", "o1", caregivers=[{"zorgverlener": {"source": PG, "external_id": "p1"}}]))
    put(store, aanbod("a2", "o1", people=(4,)))
    put(store, person("p1", number=4))
    first, second = fiche(store, f"{SK}|a1"), fiche(store, f"{SK}|a2")
    assert first and second
    target = {"id": uuid_of(store, f"{PG}|p1")}
    assert first["caregivers"][0]["zorgverlener"] == second["caregivers"][0]["zorgverlener"] == target


def test_split_gives_everything_back(store: Store) -> None:
    put(store, organisatie("o1", "Een"))
    put(store, organisatie("b1", "Twee", source=SB, sites=("9",)))
    put(store, aanbod("a1", "b1", source=SB, sites=("9",)))
    one, two = fiche(store, f"{SK}|o1"), fiche(store, f"{SB}|b1")
    offered = fiche(store, f"{SB}|a1")
    assert one and two and offered
    assert store.write(lambda writer: writer.join(one["id"], two["id"])) == one["id"]
    joined = fiche(store, f"{SK}|o1")
    assert joined and {site["id"] for site in joined["vestigingen"]} == {one["vestigingen"][0]["id"], two["vestigingen"][0]["id"]}
    assert store.write(lambda writer: writer.split(one["id"], [(SB, "b1")])) == two["id"]
    assert fiche(store, f"{SK}|o1") == one
    assert fiche(store, f"{SB}|b1") == two
    assert fiche(store, f"{SB}|a1") == offered
    with store.read() as connection:
        assert reading.resolve(connection, [two["id"]])[two["id"]].moved_to is None


def test_what_was_split_is_not_joined_again_by_its_key(store: Store) -> None:
    put(store, person("p1", "Een", number=5), person("x1", "Twee", source=SB, number=5))
    whole = uuid_of(store, f"{PG}|p1")
    apart = store.write(lambda writer: writer.split(whole, [(SB, "x1")]))
    put(store, person("x1", "Drie", source=SB, number=5, revision=2))
    assert uuid_of(store, f"{SB}|x1") == apart != whole


def test_join_and_split_refuse_nonsense(store: Store) -> None:
    put(store, person("p1"), organisatie("o1"))
    a, b = uuid_of(store, f"{PG}|p1"), uuid_of(store, f"{SK}|o1")
    with pytest.raises(Invalid):
        store.write(lambda writer: writer.join(a, b))
    with pytest.raises(NotFound):
        store.write(lambda writer: writer.join(a, "no-such-id"))
    with pytest.raises(Invalid):
        store.write(lambda writer: writer.split(a, [(PG, "p1")]))


@pytest.mark.parametrize("first", ["o", "net"])
@pytest.mark.parametrize("listed", [("o", "net"), ("net", "o")])
def test_memberships_of_two_that_become_one_stay_two_parts(store: Store, first: str, listed: tuple[str, str]) -> None:
    memberships = [{"keys": [f"m-{name}"], "organisatie": {"source": SK, "external_id": name}} for name in listed]
    claims = {"o": organisatie("o", memberships=memberships), "net": organisatie("net", "Het netwerk")}
    put(store, claims.pop(first))
    put(store, *claims.values())

    def ids() -> dict[str, str]:
        shown = fiche(store, f"{SK}|o")
        assert shown is not None
        return {part["keys"][0]: part["id"] for part in shown["memberships"]}

    before, netwerk = ids(), uuid_of(store, f"{SK}|net")
    store.write(lambda writer: writer.join(uuid_of(store, f"{SK}|o"), netwerk))
    assert ids() == before
    assert count(store, "entry", "type = 'membership'") == 2
    store.write(lambda writer: writer.split(uuid_of(store, f"{SK}|o"), [(SK, "net")]))
    assert ids() == before


def test_a_plugin_scores_candidates(open_store: Callable[..., Store]) -> None:
    asked: list[int] = []

    def match(claim: Claim, candidates: Sequence[MatchCandidate]) -> Sequence[MatchCandidate]:
        asked.append(len(candidates))
        return [replace(candidate, score=0.99) for candidate in candidates]

    store = open_store(match=match)
    put(store, organisatie("o1", phone="+3216000001"))
    put(store, organisatie("b1", "Anders", source=SB, sites=(), phone="+3216000001"))
    with store.read() as connection:
        (found,) = reviewing.reviews(connection)
    assert (asked, found.score) == ([1], 0.99)


def test_candidates_are_of_one_kind(store: Store) -> None:
    contacts: list[Any] = [{"kind": "phone", "value": "+3216000002"}]
    put(store, organisatie("o1", phone="+3216000002"), person("x1", source=SB, contacts=contacts))
    assert count(store, "review") == 0
    assert told(store)


def test_new_ids_rise_one_after_the_other() -> None:
    made = [*new_uuids(1000), *new_uuids(1), *new_uuids(5000)]
    assert len({*made}) == len(made)
    assert made[:1000] == sorted(made[:1000])
    assert {(each.version, each.variant) for each in map(UUID, made)} == {(7, RFC_4122)}
