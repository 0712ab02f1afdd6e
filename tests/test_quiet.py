"""What a level cannot see leaves no trace for it: whatever fiches link to, the log tells of a difference where there is one, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.directory import Directory
from hub.model.audience import Grant
from hub.model.claims import Claim
from hub.model.entity import Entity
from hub.model.fiche import KINDS, Visibility
from hub.model.query import Query
from hub.places import places
from hub.store import Store, database
from tests.store.conftest import AUTHORITY, SECRET, Clock
from tests.store.saying import SK, aanbod, gone, organisatie, person

VISIBILITIES: tuple[Visibility, ...] = ("public", "professional", "internal")
PARTNER = "partner-proef"
GRANTS = (*(Grant(level) for level in VISIBILITIES), Grant("professional", partner=PARTNER))

_Seen = dict[str, tuple[Any, ...]]


def _link(of: str) -> dict[str, str]:
    return {"source": SK, "external_id": of}


@st.composite
def _batches(draw: st.DrawFn) -> list[list[Claim]]:
    """Fiches that link to each other, of every level, some of which come late, hide, show themselves and go, in a few transactions."""
    visible = st.sampled_from(VISIBILITIES)
    rest = st.sampled_from([{}, {}, {}, {"hidden": True}])
    batches: list[list[Claim]] = []
    for revision in range(1, draw(st.integers(2, 5)) + 1):
        said: list[Claim] = []
        for name in ("o0", "o1", "o2"):
            if draw(st.booleans()):
                content: dict[str, Any] = {"visibility": draw(visible)}
                if draw(st.booleans()):
                    content["parent"] = _link(draw(st.sampled_from([other for other in ("o0", "o1", "o2") if other > name] or ["o9"])))
                others = draw(st.sets(st.sampled_from(["o0", "o1", "o2", "o9"])))
                if others:
                    content["memberships"] = [{"organisatie": _link(other)} for other in sorted(others)]
                    if draw(rest):
                        content["field_visibility"] = {"memberships": "professional"}
                claim = organisatie(name, draw(st.sampled_from(["Linde", "Beuk"])), revision=revision, sites=("1", "2"), **content)
                claim.content["vestigingen"][0]["visibility"] = draw(visible)
                said.append(claim)
        said += [
            person(f"p{number}", f"Naam{number}", number=number, revision=revision, visibility=draw(visible))
            for number in (0, 1)
            if draw(st.booleans())
        ]
        for name in ("a0", "a1"):
            if draw(st.booleans()):
                people = tuple(sorted(draw(st.sets(st.sampled_from([0, 1, 2])))))
                sites = draw(st.sampled_from([(), ("1",), ("2",), ("1", "2")]))
                of = draw(st.sampled_from(["o0", "o1"]))
                said.append(aanbod(name, of, revision=revision, sites=sites, people=people, visibility=draw(visible)))
        said = [gone(claim, revision) if draw(st.integers(0, 7)) == 0 else claim for claim in said]
        if draw(st.integers(0, 3)) == 0:
            what = draw(st.sampled_from(["o0", "o1"]))
            content = {"kind": "organisatie", "names": [{"text": {"nl": "Eigen"}}], "visibility": draw(visible)}
            said.append(Claim("kaart", f"m-{what}", revision, "organisatie", content, same_as=((SK, what),), partner=PARTNER))
        batches.append(said)
    return batches


@pytest.fixture
def fresh(migrated_file: Path, tmp_path: Path) -> Iterator[Any]:
    template = migrated_file.read_bytes()
    opened: list[Store] = []

    def make(wide: int) -> Store:
        path = tmp_path / f"{len(opened)}.sqlite"
        path.write_bytes(template)
        store = Store(database.connect(f"sqlite:///{path}"), authority=AUTHORITY, places=places(), secret=SECRET, now=Clock(), wide=wide)
        opened.append(store)
        return store

    yield make
    for store in opened:
        store.close()


def _seen(store: Store, grant: Grant) -> _Seen:
    with store.read() as connection:
        ids = [row[0] for row in connection.exec_driver_sql("SELECT uuid FROM entity WHERE moved_to IS NULL")]
    return {
        id: (entity.fiche if entity.part is None else entity.part, _around(entity), entity.place_withheld)
        for id, entity in Directory(store, grant).get_many(ids).items()
    }


def _around(entity: Entity) -> dict[str, Any]:
    """What an entity points to; of what organisaties are members and who works beside somebody, nothing else tells."""
    if entity.type == "membership":
        return {part["id"]: part for part in [entity.part] if part} | {
            id: fiche.get("names") for id, fiche in entity.related.items() if entity.part and id == entity.part["organisatie"]["id"]
        }
    person = (entity.part or {}).get("zorgverlener", {}).get("id") if entity.type == "caregiver" else None
    kinds = {"organisatie": (), "vestiging": (), "electronic_address": (), "zorgverlener": ("aanbod", "organisatie"), "caregiver": ("organisatie",)}
    return {
        id: {name: value for name, value in fiche.items() if name not in ("memberships", "caregivers")}
        for id, fiche in entity.related.items()
        if fiche["kind"] in kinds.get(entity.type, KINDS) or id == person
    }


def _told(store: Store, grant: Grant, since: int) -> Mapping[str, set[str]]:
    told: dict[str, set[str]] = {}
    for change in Directory(store, grant).changes(since, 100_000).changes:
        # An update that names no field is what depends on something else for this level, and an update for those above.
        around = change.operation == "update" and not change.fields
        told.setdefault(change.id, set()).add("context" if around else change.operation)
    return told


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(_batches(), st.sampled_from([0, 500]))
def test_a_level_is_told_of_what_it_sees_and_of_nothing_else(fresh: Any, batches: list[list[Claim]], wide: int) -> None:
    store = fresh(wide)
    before: dict[Grant, _Seen] = {grant: {} for grant in GRANTS}
    shared = not any(claim.partner for batch in batches for claim in batch)
    for batch in batches:
        head = Directory(store, GRANTS[2]).head()
        counts = store.write(lambda writer, batch=batch: writer.put(batch, origin="test"))
        assert counts.rejected == []
        different: set[str] = set()  # of what a level sees another, those above it may be told as well
        for grant in GRANTS:
            seen, told = _seen(store, grant), _told(store, grant, head)
            assert seen != before[grant] or not told or not shared, f"{grant.level} is told of {told} and sees no difference in anything"
            for id in before[grant].keys() | seen.keys() | told.keys():
                old, new, operations = before[grant].get(id), seen.get(id), told.get(id, set())
                assert old == new or operations, f"{grant.level} {grant.partner} is not told of {id}"
                if old != new:
                    different.add(id)
                if shared:
                    assert id in different or operations <= {"context"}, f"{grant.level} is told {operations} of {id} and sees no difference"
            before[grant] = seen
        for grant in GRANTS[:3]:
            page = Directory(store, grant).search(Query(types=("membership", "caregiver"), total="accurate", limit=100))
            assert page.total == len(page.hits)
    store.close()
