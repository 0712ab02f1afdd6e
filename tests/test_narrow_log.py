"""What an agreement's fields do not show leaves no trace in what its partner is told of changes."""

from __future__ import annotations

from collections.abc import Iterator
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
from hub.model.query import Criterion, Query
from hub.model.visibility import LEVELS
from hub.store import Store
from tests.store.saying import SK

NARROW = (frozenset({"names"}), frozenset({"contacts", "status"}), frozenset({"description", "vestigingen"}))
_LEVEL = st.sampled_from(LEVELS)
_STATE = st.fixed_dictionaries(
    {"names": st.sampled_from("ab").map(lambda name: [{"text": {"nl": name}}])},
    optional={
        "contacts": st.tuples(st.sampled_from("12"), _LEVEL).map(lambda said: [{"kind": "phone", "value": f"+329000000{said[0]}", "visibility": said[1]}]),
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
    (hit,) = Directory(store, Grant("internal")).search(Query(types=("organisatie",), where=(Criterion("source", (SK,)),), sort="updated", descending=True, limit=1)).hits
    return hit.entity.id


def _seen(directory: Directory, id: str) -> tuple[Any, int, str] | None:
    try:
        entity = directory.get(id)
    except (Gone, NotFound):
        return None
    return entity.fiche, entity.seq, entity.updated_at


def _told(directory: Directory, id: str, since: int) -> list[Change]:
    changes = [change for change in directory.changes(since, 1000).changes if change.id == id]
    assert [change.seq for change in directory.log("organisatie", after=since, limit=1000) if change.id == id] == [change.seq for change in reversed(changes)]
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
