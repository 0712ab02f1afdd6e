"""What the log tells a partner with views of his own: whoever follows it holds at every moment what he can read, and nothing that was never for him."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import NoResultFound

from hub.directory import Directory
from hub.errors import Gone, Invalid
from hub.model.audience import Grant
from hub.model.claims import Claim
from hub.model.fiche import Kind
from hub.model.query import Criterion, Query
from hub.store import Store, erasure
from tests.store.conftest import put
from tests.store.saying import PG, SK, aanbod, fiche, gone, head, log, organisatie, person, riziv, uuid_of
from tests.store.test_promises import VISIBILITIES, _seen

MINE = "zorgraad-proef"
NARROW = frozenset({"names", "vestigingen", "memberships"})


def _told(store: Store, since: int = 0) -> list[tuple[str, str]]:
    return [(change.operation, change.type) for change in log(store, since, 0, MINE)]


def _own(name: str, revision: int = 1, *, kind: Kind = "organisatie", **content: Any) -> Claim:
    return Claim("kaart-proef", f"m-{name}", revision, kind, {"kind": kind, **content}, same_as=((SK, name),), partner=MINE)


def test_of_what_his_overlay_hides_from_him_he_is_told_nothing(store: Store) -> None:
    put(store, organisatie("o1", "De Linde"))
    put(store, _own("o1", visibility="internal"))
    id, since, mine = uuid_of(store, f"{SK}|o1"), head(store), Directory(store, Grant(partner=MINE))
    (went,) = (change for change in log(store, 0, 0, MINE) if change.id == id and change.operation == "delete")
    for claim in (organisatie("o1", "De Nieuwe Linde", revision=2), gone(organisatie("o1"), 3), organisatie("o1", "Weer", revision=4)):
        put(store, claim)
    assert _told(store, since) == []
    assert len(log(store, since, 0)) == 2 + 2 + 2 and log(store, since, 0, "somebody-else") == log(store, since, 0)
    assert [change.operation for change in mine.history(id)] == ["delete"]
    assert {change.seq for change in mine.log(after=since)} == set()
    assert not mine.search(Query(types=("organisatie",), changed_since=since)).hits
    with pytest.raises(Gone) as refusal:
        mine.get(id)
    assert refusal.value.seq == went.seq
    put(store, replace(gone(_own("o1"), 2), same_as=((SK, "o1"),)))
    assert _told(store, since) == [("create", "organisatie"), ("create", "vestiging")]


def test_of_what_is_nothing_new_to_him_he_hears_nothing_and_of_the_rest_in_one_word(store: Store) -> None:
    put(store, organisatie("o1"))
    put(store, _own("o1", contacts=[{"kind": "phone", "value": "+3216000001"}]))
    mine, since = fiche(store, f"{SK}|o1", MINE), head(store)
    put(store, organisatie("o1", phone="+3216000001", revision=2))
    assert (fiche(store, f"{SK}|o1", MINE), _told(store, since)) == (mine, [])
    assert len(log(store, since, 0)) == 2
    since = head(store)
    put(store, organisatie("o1", "Anders", phone="+3216000001", revision=3))
    assert _told(store, since) == [("update", "organisatie"), ("context", "vestiging")]
    found = Directory(store, Grant(partner=MINE)).search(Query(types=("organisatie",), where=(Criterion("updated", (f"{since}..",)),))).hits
    assert [hit.entity.seq for hit in found] == [log(store, since, 0, MINE)[0].seq]


def test_what_comes_to_lead_to_what_he_alone_sees_is_no_news_where_his_own_view_leads_elsewhere(store: Store) -> None:
    own = _own("a1", kind="aanbod", organisatie={"source": SK, "external_id": "o3"})
    put(store, aanbod("a1", "o1"), organisatie("o3"), _own("o2", names=[{"text": {"nl": "Van ons"}}]), own)
    mine, since = fiche(store, f"{SK}|a1", MINE), head(store)
    put(store, aanbod("a1", "o2", revision=2))
    assert (fiche(store, f"{SK}|a1", MINE), _told(store, since)) == (mine, [])


def test_what_others_lose_with_the_other_end_he_keeps(store: Store) -> None:
    put(store, person("p1", number=1), organisatie("o1"), aanbod("a1", "o1", people=(1,)))
    said = {"kind": "zorgverlener", "name": {"family": "Voorbeeld", "given": ["An"]}}
    own = Claim("kaart-proef", "m-p1", 1, "zorgverlener", said, same_as=((PG, "p1"),), partner=MINE)
    put(store, own)
    since = head(store)
    put(store, gone(person("p1", number=1), 2))
    assert ("delete", "caregiver") in {(change.operation, change.type) for change in log(store, since, 0)}
    assert ("delete", "caregiver") not in _told(store, since)
    put(store, gone(own, 2))
    assert ("delete", "caregiver") in _told(store, since)


def test_he_is_told_of_what_comes_to_lead_to_what_he_alone_sees(store: Store) -> None:
    put(store, aanbod("a1", "o1"), _own("o2", names=[{"text": {"nl": "Van ons"}}]))
    since = head(store)
    put(store, aanbod("a1", "o2", revision=2))
    assert _told(store, since) == [("update", "aanbod")]
    assert Directory(store, Grant(partner=MINE)).get(uuid_of(store, f"{SK}|a1")).fiche["organisatie"] == {"id": uuid_of(store, f"{SK}|o2")}
    assert log(store, since, 0, "somebody-else") == log(store, since, 0) == []


def test_after_an_erasure_the_log_of_before_still_does_not_tell_him(store: Store) -> None:
    put(store, person("p1", number=1))
    own = Claim("kaart-proef", "m-p1", 1, "zorgverlener", {"kind": "zorgverlener", "visibility": "internal"}, same_as=((PG, "p1"),), partner=MINE)
    put(store, own)
    put(store, person("p1", "Anders", number=1, revision=2))
    assert _told(store) == [("create", "zorgverlener"), ("delete", "zorgverlener")]
    erasure.erase(store, uuid_of(store, f"{PG}|p1"), "asked")
    assert _told(store) == [("create", "zorgverlener"), ("delete", "zorgverlener")]


# --- whoever follows holds what he can read ---------------------------------------------------------------------------------------

_LEVEL = st.sampled_from(VISIBILITIES)
_WORLDS = count(1)
_NAMES = ("o0", "o1", "o2")


@st.composite
def _shared(draw: st.DrawFn, world: int, revision: int) -> Claim:
    name = draw(st.sampled_from([*_NAMES, "p0", "p1", "a0", "a1"]))
    level = draw(_LEVEL)
    if name[0] == "p":
        number = 10 * world + int(name[1])
        said = person(f"{world}-{name}", f"Naam{revision % 2}", number=number, revision=revision, visibility=level)
    elif name[0] == "a":
        people = tuple(10 * world + number for number in sorted(draw(st.sets(st.sampled_from([0, 1])))))
        said = aanbod(
            f"{world}-{name}", f"{world}-o{draw(st.integers(0, 1))}", f"Zorg{revision % 2}", revision=revision, people=people, visibility=level
        )
    else:
        content: dict[str, Any] = {"visibility": level}
        others = draw(st.sets(st.sampled_from(_NAMES), max_size=2))
        if others:
            content["memberships"] = [{"organisatie": {"source": SK, "external_id": f"{world}-{other}"}} for other in sorted(others)]
        sites = draw(st.sampled_from([(), ("1",), ("1", "2")]))
        said = organisatie(f"{world}-{name}", draw(st.sampled_from(["Linde", "Beuk"])), revision=revision, sites=sites, **content)
        if sites:
            said.content["vestigingen"][0]["visibility"] = draw(_LEVEL)
    return gone(said, revision) if draw(st.integers(0, 5)) == 0 else said


@st.composite
def _mine(draw: st.DrawFn, world: int, revision: int) -> Claim:
    name = draw(st.sampled_from([*_NAMES, "p0", "p1", "a0", "a1"]))
    kinds: dict[str, Kind] = {"o": "organisatie", "p": "zorgverlener", "a": "aanbod"}
    kind = kinds[name[0]]
    content: dict[str, Any] = {"kind": kind, "visibility": draw(_LEVEL)}
    if kind == "organisatie" and draw(st.booleans()):
        content["names"] = [{"text": {"nl": "Eigen"}}]
    if kind == "organisatie" and draw(st.booleans()):
        content["memberships"] = [{"organisatie": {"source": SK, "external_id": f"{world}-{draw(st.sampled_from(_NAMES))}"}}]
    if kind == "organisatie" and draw(st.booleans()):
        content["vestigingen"] = [{"keys": [f"{SK}:{world}-{name}-1"], "addresses": [{"postcode": "9000", "municipality": "44021"}]}]
    if kind == "aanbod" and draw(st.booleans()):
        content["caregivers"] = [{"zorgverlener": {"system": "riziv", "value": riziv(10 * world)}}]
    if kind == "aanbod" and draw(st.booleans()):
        content["organisatie"] = {"source": SK, "external_id": f"{world}-{draw(st.sampled_from(_NAMES))}"}
    if kind == "zorgverlener" and draw(st.booleans()):
        content["name"] = {"family": "Eigen"}
    source = PG if kind == "zorgverlener" else SK
    said = Claim("kaart-proef", f"{world}-m-{name}", revision, kind, content, same_as=((source, f"{world}-{name}"),), partner=MINE)
    return replace(gone(said, revision), same_as=said.same_as) if draw(st.integers(0, 3)) == 0 else said


@st.composite
def steps(draw: st.DrawFn) -> tuple[int, list[Any]]:
    world = next(_WORLDS)
    made: list[Any] = []
    for revision in range(1, draw(st.integers(2, 7)) + 1):
        if revision > 2 and draw(st.integers(0, 5)) == 0:
            made.append(draw(st.sampled_from(["join", "split"])))
            continue
        batch = [draw(_shared(world, revision)) for _ in range(draw(st.integers(0, 5) if revision > 1 else st.just(6)))]
        batch += [draw(_mine(world, revision)) for _ in range(draw(st.integers(0, 2)))]
        made.append(list({(claim.external_id, claim.partner): claim for claim in batch}.values()))
    return world, made


class Follower:
    """Reads on where he stopped, and holds what he was told of."""

    def __init__(self, store: Store, grant: Grant) -> None:
        self.directory = Directory(store, grant)
        self.held: set[str] = set()
        self.since = 0

    def readable(self, ids: list[str]) -> set[str]:
        return set(self.directory.get_many(ids))

    def follow(self, ids: list[str]) -> None:
        """At the end he holds what he can read, and before that nothing but what he could read before, or can now."""
        now, meant = self.readable(ids), self.held | self.readable(ids)
        page = self.directory.changes(self.since, 100_000)
        for change in page.changes:
            if change.operation == "create":
                assert change.id not in self.held, f"{change} of what was there"
                self.held.add(change.id)
            elif change.operation == "delete":
                assert change.id in self.held, f"{change} of what was never there"
                self.held.discard(change.id)
            else:
                assert change.id in self.held, f"{change} of what is not there"
            assert self.held <= meant, f"{change} was never for him"
        assert self.held == now
        self.since = page.next


def do(store: Store, world: int, step: Any) -> None:
    if isinstance(step, list):
        put(store, *step)
        return
    with suppress(NoResultFound, Invalid):  # not everything has arrived yet, or nothing would be left
        first, second = (uuid_of(store, f"{SK}|{world}-{name}") for name in ("o0", "o1"))
        if step == "join" and first != second:
            store.write(lambda writer: writer.join(first, second))
        elif step == "split" and first == second:
            store.write(lambda writer: writer.split(first, [(SK, f"{world}-o1")]))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@pytest.mark.parametrize("wide", [500, 0])
@given(data=st.data())
def test_whoever_follows_holds_what_he_can_read(open_store: Callable[..., Store], wide: int, data: st.DataObject) -> None:
    store = open_store(wide=wide)
    grants = [
        Grant(level, partner, fields) for level in VISIBILITIES for partner in (MINE, None) for fields in (None, NARROW) if partner or not fields
    ]
    with store.read() as connection:
        before = [row[0] for row in connection.exec_driver_sql("SELECT uuid FROM entity WHERE moved_to IS NULL")]
    followers = [Follower(store, grant) for grant in grants]
    for follower in followers:  # what other examples left is there already
        follower.held, follower.since = follower.readable(before), head(store)
    world, drawn = data.draw(steps())
    for step in drawn:
        do(store, world, step)
        with store.read() as connection:
            ids = [row[0] for row in connection.exec_driver_sql("SELECT uuid FROM entity WHERE moved_to IS NULL")]
            seen = {grant: _seen(connection, grant.level, grant.partner) for grant in grants if grant.fields is None}
        for follower in followers:
            follower.follow(ids)
            assert follower.held == seen.get(follower.directory.grant, follower.held)


def test_of_two_ends_that_are_told_late_the_part_comes_with_its_own(open_store: Callable[..., Store]) -> None:
    store = open_store(wide=0)
    put(store, *(aanbod(f"a{number}", "o1", people=(1,), visibility="internal") for number in range(20)))
    follower = Follower(store, Grant("internal"))
    follower.follow(_all_ids(store))
    put(store, organisatie("o1"), person("p1", number=1))
    follower.follow(_all_ids(store))
    part = fiche(store, f"{SK}|a1")
    assert part is not None and part["caregivers"][0]["id"] in follower.held


def _all_ids(store: Store) -> list[str]:
    with store.read() as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT uuid FROM entity WHERE moved_to IS NULL")]
