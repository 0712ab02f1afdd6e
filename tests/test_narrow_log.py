"""What an agreement's fields do not show leaves no trace in what its partner is told of changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.directory import Directory
from hub.errors import Gone, NotFound
from hub.model.audience import Grant
from hub.model.claims import Claim
from hub.model.entity import Change
from hub.model.fiche import Kind
from hub.model.query import Criterion, Query
from hub.model.visibility import LEVELS
from hub.store import Store
from hub.store.linking import INWARD
from tests.store.saying import PG, SK, aanbod, organisatie, person

NARROW = (frozenset({"names"}), frozenset({"contacts", "status"}), frozenset({"description", "vestigingen"}))
_LEVEL = st.sampled_from(LEVELS)
_STATE = st.fixed_dictionaries(
    {"names": st.sampled_from("ab").map(lambda name: [{"text": {"nl": name}}])},
    optional={
        "contacts": st.tuples(st.sampled_from("12"), _LEVEL).map(
            lambda said: [{"kind": "phone", "value": f"+329000000{said[0]}", "visibility": said[1]}]
        ),
        "status": st.sampled_from(["active", "inactive"]).map(lambda status: {"status": status}),
        "description": st.sampled_from("xy").map(lambda text: {"nl": text}),
        "field_visibility": st.fixed_dictionaries({"description": _LEVEL}),
        "vestigingen": st.sampled_from("12").map(lambda n: [{"keys": ["sociale-kaart:s"], "addresses": [{"type": "visit", "postcode": f"900{n}"}]}]),
        "visibility": _LEVEL,
    },
)
_NUMBERS = iter(range(1, 1_000_000))


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(database_url, tmp_path / "home")
    yield opened
    opened.close()


def _write(store: Store, name: str, revision: int, state: dict[str, Any]) -> None:
    claim = Claim(SK, name, revision, "organisatie", {"kind": "organisatie", **state})
    assert store.write(lambda writer: writer.put([claim], origin="test")).rejected == []


def _uuid(store: Store, name: str) -> str:
    (hit,) = (
        Directory(store, Grant("internal"))
        .search(Query(types=("organisatie",), where=(Criterion("source", (SK,)),), sort="updated", descending=True, limit=1))
        .hits
    )
    return hit.entity.id


def _seen(directory: Directory, id: str) -> tuple[Any, int, str] | None:
    try:
        entity = directory.get(id)
    except (Gone, NotFound):
        return None
    return entity.fiche, entity.seq, entity.updated_at


def _told(directory: Directory, id: str, since: int) -> list[Change]:
    changes = [change for change in directory.changes(since, 1000).changes if change.id == id]
    assert [change.seq for change in directory.log(after=since, limit=1000) if change.id == id] == [change.seq for change in reversed(changes)]
    return changes


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(states=st.lists(_STATE, min_size=2, max_size=4))
def test_who_sees_no_difference_is_told_of_none(store: Store, states: list[dict[str, Any]]) -> None:
    name = f"o{next(_NUMBERS)}"
    askers = [Directory(store, Grant(level, fields=fields)) for level in LEVELS for fields in NARROW]
    _write(store, name, 1, states[0])
    id = _uuid(store, name)
    for revision, (before, after) in enumerate(pairwise(states), 2):
        seen = [_seen(asker, id) for asker in askers]
        since = askers[0].newest()
        _write(store, name, revision, after)
        for asker, was in zip(askers, seen, strict=True):
            now, told = _seen(asker, id), _told(asker, id, since)
            found = asker.search(Query(types=("organisatie",), where=(Criterion("id", (id,)),), changed_since=since)).hits
            last = asker.search(Query(types=("organisatie",), where=(Criterion("id", (id,)), Criterion("updated", (f"{since}..",))))).hits
            assert len(found) == len(last) == (now is not None and now[1] > since)
            if was is None or now is None:
                continue
            level = before.get("visibility", "public") != after.get("visibility", "public")
            if was[0] == now[0] and not level:
                assert (now, told) == (was, []), "no trace"
            elif was[0] != now[0]:
                assert now[1] > was[1] and [change.seq for change in told] == [now[1]]
                assert asker.history(id)[0].seq == now[1] and asker.as_at(id, now[1]).fiche == now[0]


def test_with_a_selection_everything_is_told_that_may_enter_or_leave_it(store: Store) -> None:
    _write(store, "o", 1, {"names": [{"text": {"nl": "a"}}], "status": {"status": "active"}})
    id, active = _uuid(store, "o"), Query(types=("organisatie",), where=(Criterion("status", ("active",)),))
    asker = Directory(store, Grant(fields=frozenset({"names"}), scope=active))
    since = asker.newest()
    _write(store, "o", 2, {"names": [{"text": {"nl": "a"}}], "status": {"status": "inactive"}})
    assert [change.operation for change in _told(asker, id, since)] == ["delete"]
    left = asker.newest()
    _write(store, "o", 3, {"names": [{"text": {"nl": "a"}}], "status": {"status": "active"}})
    assert [change.operation for change in _told(asker, id, left)] == ["update"]


# --- several fiches in one transaction -----------------------------------------------------------------------------------------

TOGETHER = (
    frozenset({"names", "name"}),
    frozenset({"names", "organisatie", "contacts", "parent"}),
    frozenset({"vestigingen", "caregivers"}),
    frozenset({"description", "organisatie", "caregivers"}),
)
_CONTACTS = st.tuples(st.sampled_from("12"), _LEVEL).map(lambda said: [{"kind": "phone", "value": f"+329000000{said[0]}", "visibility": said[1]}])
_TEXT = st.sampled_from("xy").map(lambda text: {"nl": text})
_NAMES = st.sampled_from("ab").map(lambda name: [{"text": {"nl": name}}])
_ORGANISATIE = st.fixed_dictionaries({"names": _NAMES}, optional={"contacts": _CONTACTS, "description": _TEXT, "visibility": _LEVEL})
_AANBOD = st.fixed_dictionaries(
    {"names": _NAMES}, optional={"contacts": _CONTACTS, "description": _TEXT, "visibility": _LEVEL, "at": st.booleans(), "by": st.booleans()}
)
_PERSON = st.fixed_dictionaries({"name": st.sampled_from("ab").map(lambda name: {"family": name})}, optional={"visibility": _LEVEL})
_STEP = st.fixed_dictionaries(
    {},
    optional={"above": _ORGANISATIE, "below": _ORGANISATIE, "offer": _AANBOD, "other": _AANBOD, "person": _PERSON}
    | {f"mine-{name}": st.fixed_dictionaries({}, optional={"names": _NAMES, "description": _TEXT}) for name in ("above", "below", "offer")},
)


def _claims(world: int, revision: int, step: dict[str, dict[str, Any]]) -> list[Claim]:
    """Two organisaties, one above the other, an aanbod of each, a zorgverlener in either; and what a partner says of some of them."""
    told = []
    for name, said in step.items():
        own, of = dict(said), name.removeprefix("mine-")
        if own.pop("at", False):
            own["vestigingen"] = [{"key": f"{SK}:{world}-above-1"}]
        if own.pop("by", False):
            own["caregivers"] = [{"zorgverlener": {"source": PG, "external_id": f"{world}-person"}}]
        if of != name:
            kind: Kind = "aanbod" if of == "offer" else "organisatie"
            told.append(
                Claim("kaart-proef", f"{world}-{of}", revision, kind, {"kind": kind, **own}, same_as=((SK, f"{world}-{of}"),), partner="proef")
            )
        elif name == "person":
            told.append(person(f"{world}-person", revision=revision, **own))
        elif name in ("above", "below"):
            own |= {"parent": {"source": SK, "external_id": f"{world}-above"}} if name == "below" else {}
            told.append(organisatie(f"{world}-{name}", revision=revision, sites=("1",) if name == "above" else (), **own))
        else:
            told.append(aanbod(f"{world}-{name}", f"{world}-{'below' if name == 'offer' else 'above'}", revision=revision, **own))
    return told


def _put(store: Store, claims: Sequence[Claim]) -> None:
    assert store.write(lambda writer: writer.put(claims, origin="test")).rejected == []


def _all_seen(directory: Directory, ids: tuple[str, ...]) -> dict[str, tuple[int, Any]]:
    found = directory.search(Query(types=("organisatie", "aanbod", "zorgverlener"), where=(Criterion("id", ids),), limit=100)).hits
    return {
        hit.entity.id: (hit.entity.seq, (hit.entity.fiche, {id: _shown_elsewhere(fiche) for id, fiche in hit.entity.related.items()}))
        for hit in found
    }


def _shown_elsewhere(fiche: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in fiche.items() if field not in INWARD}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(first=_STEP, steps=st.lists(_STEP, min_size=1, max_size=3))
def test_whoever_sees_a_difference_is_told_of_it_whatever_else_was_written_with_it(
    store: Store, first: dict[str, Any], steps: list[dict[str, Any]]
) -> None:
    world = next(_NUMBERS)
    begun = {"above": {}, "below": {}, "offer": {"by": True}, "other": {"by": True}, "person": {}, **first}
    askers = [Directory(store, Grant(level, partner, fields)) for level in LEVELS for partner in (None, "proef") for fields in TOGETHER]
    since = askers[0].newest()
    _put(store, _claims(world, 1, begun))
    ids = tuple({change.id for asker in askers[-len(TOGETHER) :] for change in asker.changes(since, 1000).changes})
    for revision, step in enumerate(steps, 2):
        since, seen = askers[0].newest(), [_all_seen(asker, ids) for asker in askers]
        _put(store, _claims(world, revision, step))
        for asker, was in zip(askers, seen, strict=True):
            now = _all_seen(asker, ids)
            told = {change.id for change in asker.changes(since, 1000).changes}
            differing = {id for id in was.keys() | now.keys() if was.get(id, (0, None))[1] != now.get(id, (0, None))[1]}
            assert differing <= told, f"{asker.grant.level} {asker.grant.partner} {sorted(asker.grant.fields or ())}"
            assert [id for id in differing & was.keys() & now.keys() if was[id][0] == now[id][0]] == [], "one version is one content"


def test_a_new_name_shows_in_what_changed_itself(store: Store) -> None:
    _put(store, [organisatie("o", "Oud"), aanbod("a", "o", description={"nl": "a"})])
    asker = Directory(store, Grant(fields=TOGETHER[1]))
    since = asker.newest()
    [(id, seq)] = [(hit.entity.id, hit.entity.seq) for hit in asker.search(Query(types=("aanbod",))).hits]
    _put(store, [organisatie("o", "Nieuw", revision=2), aanbod("a", "o", revision=2, description={"nl": "b"})])
    entity = asker.get(id)
    assert [names["text"]["nl"] for fiche in entity.related.values() for names in fiche["names"]] == ["Nieuw"]
    assert entity.seq > seq
    [change] = _told(asker, id, since)
    assert (change.seq, change.operation, change.fields) == (entity.seq, "update", ())
    [change] = _told(Directory(store, Grant()), id, since)
    assert change.fields == ("description",), "no reader sees what it is noted by"


def _mine(external_id: str, name: str, *, of: str = "", revision: int = 1, **content: Any) -> Claim:
    same_as = ((SK, of),) if of else ()
    return replace(organisatie(external_id, name, source="kaart-proef", revision=revision, sites=(), **content), partner="proef", same_as=same_as)


def test_a_partner_is_told_of_what_only_he_sees_above_what_changed_itself(store: Store) -> None:
    """To him alone the organisatie is under another one; the aanbod is everybody's."""
    _put(store, [organisatie("top", "Oud"), organisatie("o"), aanbod("a", "o", description={"nl": "a"})])
    _put(store, [_mine("m", "Eigen", of="o", parent={"source": SK, "external_id": "top"})])
    asker = Directory(store, Grant("public", "proef", fields=TOGETHER[1]))
    [hit] = asker.search(Query(types=("aanbod",))).hits
    since = asker.newest()
    _put(store, [organisatie("top", "Nieuw", revision=2), aanbod("a", "o", revision=2, description={"nl": "b"})])
    assert hit.entity.related != asker.get(hit.entity.id).related
    assert [change.seq for change in _told(asker, hit.entity.id, since)] == [asker.get(hit.entity.id).seq]


def test_a_partner_is_told_of_another_end_that_he_alone_sees(store: Store) -> None:
    def offer(of: str, revision: int, text: str) -> Claim:
        said = aanbod("a", of, revision=revision, description={"nl": text})
        return replace(said, content={**said.content, "organisatie": {"source": "kaart-proef", "external_id": of}})

    _put(store, [_mine("m1", "Een"), _mine("m2", "Twee"), offer("m1", 1, "a")])
    asker = Directory(store, Grant("public", "proef", fields=TOGETHER[1]))
    [hit] = asker.search(Query(types=("aanbod",))).hits
    since = asker.newest()
    _put(store, [offer("m2", 2, "b")])
    assert hit.entity.related != asker.get(hit.entity.id).related
    assert [change.seq for change in _told(asker, hit.entity.id, since)] == [asker.get(hit.entity.id).seq]


def test_two_that_both_show_elsewhere_are_told_of_one_another(store: Store) -> None:
    _put(store, [organisatie("o", phone="+3290000001"), aanbod("a", "o", "Oud")])
    asker = Directory(store, Grant(fields=frozenset({"organisatie", "contacts"})))
    [hit] = asker.search(Query(types=("aanbod",))).hits
    since = asker.newest()
    _put(store, [organisatie("o", phone="+3290000002", revision=2), aanbod("a", "o", "Nieuw", revision=2)])
    assert hit.entity.related != asker.get(hit.entity.id).related
    assert [change.seq for change in _told(asker, hit.entity.id, since)] == [asker.get(hit.entity.id).seq]


def test_two_that_both_show_elsewhere_are_told_of_one_another_to_a_partner_who_alone_sees_them_together(store: Store) -> None:
    _put(store, [organisatie("top", phone="+3290000001"), organisatie("o", sites=()), aanbod("a", "o", "Oud")])
    _put(store, [_mine("m", "Eigen", of="o", parent={"source": SK, "external_id": "top"})])
    asker = Directory(store, Grant("public", "proef", fields=frozenset({"organisatie", "contacts", "parent"})))
    [hit] = asker.search(Query(types=("aanbod",))).hits
    since = asker.newest()
    _put(store, [organisatie("top", phone="+3290000002", revision=2), aanbod("a", "o", "Nieuw", revision=2)])
    assert hit.entity.related != asker.get(hit.entity.id).related
    assert [change.seq for change in _told(asker, hit.entity.id, since)] == [asker.get(hit.entity.id).seq]
