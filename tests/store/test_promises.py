"""Properties: any order and any batching of the same claims give the same content; the log replayed gives what each audience sees."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.model.audience import Grant, project
from hub.model.claims import Claim
from hub.model.fiche import Visibility
from hub.model.links import without_dead_links
from hub.places import places
from hub.store import Store, database, log_reading, reading
from tests.store.conftest import AUTHORITY, SECRET, Clock
from tests.store.saying import SB, SK, aanbod, gone, organisatie, person

PARTNER = "partner-proef"
VISIBILITIES: tuple[Visibility, ...] = ("public", "professional", "internal")


@st.composite
def sayings(draw: st.DrawFn) -> list[Claim]:
    """What two sources and a partner say in the course of time about a handful of things, in any order, some of it twice."""
    said: list[Claim] = []
    for number in range(draw(st.integers(1, 3))):
        sites = draw(st.sampled_from([("1",), ("1", "2"), ("2",), ()]))
        hidden = draw(st.sampled_from(VISIBILITIES))
        said.append(organisatie(f"o{number}", draw(st.sampled_from(["Linde", "Beuk"])), sites=sites, visibility=hidden))
        if draw(st.booleans()):
            said.append(organisatie(f"o{number}", "Linde", revision=2, sites=sites, phone="+3216000001"))
    for number in range(draw(st.integers(0, 2))):
        said.append(person(f"p{number}", f"Naam{number}", number=number, visibility=draw(st.sampled_from(VISIBILITIES))))
        if draw(st.booleans()):
            said.append(person(f"x{number}", f"Naam{number}b", source=SB, number=number))
    for number in range(draw(st.integers(0, 3))):
        people = draw(st.sampled_from([(), (0,), (0, 1)]))
        said.append(aanbod(f"a{number}", f"o{number % 2}", sites=draw(st.sampled_from([(), ("1",), ("2",)])), people=people))
    said += [gone(claim, draw(st.integers(1, 4))) for claim in list(said) if draw(st.integers(0, 5)) == 0]
    if draw(st.booleans()):
        content: dict[str, Any] = {"kind": "organisatie", "contacts": [{"kind": "phone", "value": "+3216000002"}]}
        if draw(st.booleans()):
            content["names"] = [{"text": {"nl": "Eigen"}}]
        mine = Claim("kaart", "m1", 1, "organisatie", content, same_as=((SK, "o0"),), partner=PARTNER)
        said += [mine, replace(gone(mine, 2), same_as=mine.same_as)] if draw(st.booleans()) else [mine]
    said += draw(st.lists(st.sampled_from(said), max_size=3))
    return said


class _Stores:
    """Fresh stores, as many as an example needs; copies of one migrated file."""

    def __init__(self, template: Path, folder: Path) -> None:
        self._template, self._folder, self._count = template.read_bytes(), folder, 0

    def fresh(self) -> Store:
        self._count += 1
        path = self._folder / f"{self._count}.sqlite"
        path.write_bytes(self._template)
        return Store(database.connect(f"sqlite:///{path}"), authority=AUTHORITY, places=places(), secret=SECRET, now=Clock(), wide=3)


@pytest.fixture
def stores(migrated_file: Path, tmp_path: Path) -> _Stores:
    return _Stores(migrated_file, tmp_path)


def _load(store: Store, claims: Sequence[Claim], size: int) -> None:
    for start in range(0, len(claims), size):
        batch = claims[start : start + size]
        counts = store.write(lambda writer, batch=batch: writer.put(batch, origin="test"))  # type: ignore[misc]
        assert counts.rejected == []


def _content(store: Store) -> dict[str, Any]:
    """Every document under the live claims that it is made of, with names instead of ids: those depend on who came first."""
    with store.read() as connection:
        claims = connection.exec_driver_sql(
            "SELECT e.uuid, s.name, c.external_id FROM claim c JOIN source s ON s.id = c.source_id JOIN entity e ON e.id = c.fiche_id WHERE NOT c.gone"
        ).all()
        fiches = connection.exec_driver_sql("SELECT e.uuid, f.document FROM fiche f JOIN entity e ON e.id = f.id").all()
        overlays = connection.exec_driver_sql("SELECT e.uuid, o.document FROM overlay o JOIN entity e ON e.id = o.fiche_id").all()
        parts = connection.exec_driver_sql(
            "SELECT e.uuid, min(p.key) FROM part_key p JOIN entity e ON e.id = p.entity_id WHERE p.type = 'vestiging' GROUP BY e.uuid"
        ).all()
        shared, own = (connection.exec_driver_sql(f"SELECT count(*) FROM entry WHERE partner {sign} ''").scalar_one() for sign in ("=", "<>"))
        reviews = connection.exec_driver_sql("SELECT count(*) FROM review").scalar_one()
    names = {uuid: "nobody" for uuid, _ in fiches} | dict(tuple(row) for row in parts)
    for uuid, source, external_id in sorted(claims, key=lambda row: (row[0], row[1], row[2]), reverse=True):
        names[uuid] = f"{source}|{external_id}"
    found: dict[str, Any] = {"entries": (shared, own), "reviews": reviews}
    for uuid, raw in fiches:
        if raw is not None:
            found[names[uuid]] = _named(json.loads(raw), names)
    for uuid, raw in overlays:
        if raw is not None:
            found[f"overlay of {names[uuid]}"] = _named(json.loads(raw), names)
    return found


def _named(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _named(inner, names) for key, inner in value.items() if not (key == "id" and inner not in names)}
    if isinstance(value, list):
        made = [_named(inner, names) for inner in value]
        return sorted(made, key=lambda item: json.dumps(item, sort_keys=True))
    if isinstance(value, str):
        for uuid, name in names.items():
            value = value.replace(uuid, name)
    return value


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(sayings(), st.randoms(use_true_random=False), st.integers(1, 6), st.integers(1, 6))
def test_any_order_and_batching_give_the_same(stores: _Stores, claims: list[Claim], chance: Any, one: int, two: int) -> None:
    shuffled = claims[:]
    chance.shuffle(shuffled)
    first, second = stores.fresh(), stores.fresh()
    _load(first, claims, one)
    _load(second, shuffled, two)
    assert _content(first) == _content(second)
    before = _content(first)
    _load(first, shuffled, two)
    assert _content(first) == before
    first.close()
    second.close()


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(sayings(), st.integers(1, 6))
def test_the_log_replayed_is_what_each_audience_sees(stores: _Stores, claims: list[Claim], size: int) -> None:
    store = stores.fresh()
    _load(store, claims, size)
    with store.read() as connection:
        numbers = [row[0] for row in connection.exec_driver_sql("SELECT seq FROM change ORDER BY seq")]
        assert numbers == list(range(1, len(numbers) + 1))
        for rank, level in enumerate(VISIBILITIES):
            for partner in (None, PARTNER):
                assert _replayed(log_reading.changes(connection, 0, 10_000, rank, partner).changes) == _seen(connection, level, partner)
    store.close()


def _replayed(changes: Iterable[Any]) -> set[str]:
    there: set[str] = set()
    for change in changes:
        if change.operation == "delete":
            assert change.id in there, "something was removed that was never there"
            there.discard(change.id)
        elif change.operation == "create":
            there.add(change.id)
        else:
            assert change.id in there, f"{change.operation} of something that is not there"
    return there


def _seen(connection: Any, level: Visibility, partner: str | None) -> set[str]:
    """Every entity that projection shows to this level."""
    fiches = [row[0] for row in connection.exec_driver_sql("SELECT id FROM fiche")]
    there: set[str] = set()
    documents = reading.documents(connection, fiches, partner).values()
    projected = [(document, project(document, Grant(level=level), "2026-11-22")) for document in documents]
    live = {shown["id"]: shown for _, shown in projected if shown is not None}
    for document, fiche in projected:
        if fiche is None:
            continue
        there.add(fiche["id"])
        shown = without_dead_links(fiche, live)
        for field in ("vestigingen", "caregivers", "memberships"):
            if document["kind"] != "aanbod" or field != "vestigingen":
                there.update(part["id"] for part in shown.get(field, ()))
    return there
