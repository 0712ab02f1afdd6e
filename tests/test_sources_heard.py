"""A source is found by who sees something that it gave, and by nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.directory import Directory
from hub.model.audience import Grant
from hub.model.claims import Claim
from hub.model.fiche import EntityType
from hub.model.query import Criterion, Query
from hub.model.visibility import LEVELS
from hub.store import Store
from tests.store.saying import PG, SK

TYPES: tuple[EntityType, ...] = ("organisatie", "vestiging", "zorgverlener")
FIELDS = (None, {"names"}, {"name", "names"}, {"contacts", "vestigingen"}, {"description", "languages"})
_NUMBERS = count(1)
_LEVEL = st.sampled_from(LEVELS)


def _hidden(**value: Any) -> st.SearchStrategy[dict[str, Any]]:
    return _LEVEL.map(lambda level: {**value, "visibility": level})


def _phone(number: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(_hidden(kind="phone", value=number), min_size=1, max_size=1)


def _content(source: str) -> st.SearchStrategy[dict[str, Any]]:
    """Something that a source says of an organisatie; the other one says some of the same."""
    own = "1" if source == SK else "2"
    site = st.fixed_dictionaries(
        {"keys": st.just([f"{source}:site"]), "addresses": st.just([{"type": "visit", "postcode": f"900{own}"}]), "visibility": _LEVEL},
        optional={"contacts": _phone(f"+329000001{own}")},
    )
    return st.fixed_dictionaries(
        {"kind": st.just("organisatie")},
        optional={
            "names": st.lists(_hidden(text={"nl": "Een naam"}), min_size=1, max_size=1),
            "contacts": st.one_of(_phone("+3290000000"), _phone(f"+329000000{own}")),
            "description": st.just({"nl": f"Van {source}"}),
            "languages": st.just(["nl"]),
            "vestigingen": st.lists(site, min_size=1, max_size=1),
            "field_visibility": st.fixed_dictionaries({"description": _LEVEL}),
        },
    ).filter(lambda said: said.keys() > {"kind", "field_visibility"})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home: Path = tmp_path_factory.mktemp("heard")
    opened = Store.open(f"sqlite:///{home / 'fichehub.sqlite'}", home)
    yield opened
    opened.close()


def _ids(directory: Directory, *where: Criterion) -> dict[str, Any]:
    return {entity.id: entity for entity in directory.walk(Query(types=TYPES, where=where, limit=1000))}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.tuples(st.none() | _content(SK), st.none() | _content(PG)).filter(any))
def test_a_source_finds_what_its_provenance_names_it_for(store: Store, said: tuple[dict[str, Any] | None, dict[str, Any] | None]) -> None:
    name = f"o{next(_NUMBERS)}"
    claims = [
        Claim(source, name, 1, "organisatie", content, same_as=() if source == SK else ((SK, name),))
        for source, content in zip((SK, PG), said, strict=True)
        if content is not None
    ]
    assert store.write(lambda writer: writer.put(claims, origin="test")).rejected == []
    fiche = Directory(store, Grant("internal")).get(_uuid(store, name)).id
    for level in LEVELS:
        for fields in FIELDS:
            directory = Directory(store, Grant(level, fields=None if fields is None else frozenset(fields)))
            seen = _ids(directory, Criterion("fiche", (fiche,)))
            for source in (SK, PG):
                told = {id for id, entity in seen.items() if source in directory.sources_of(entity)}
                assert _ids(directory, Criterion("fiche", (fiche,)), Criterion("source", (source,))).keys() == told, (level, fields, source)
                others = _ids(directory, Criterion("fiche", (fiche,)), Criterion("source", (source,), negate=True)).keys()
                assert others == seen.keys() - told
            if None not in said:
                named = {id: {*entity.sources} for id, entity in seen.items()}
                assert named == {id: {*directory.sources_of(entity)} for id, entity in seen.items()}
                head = directory.head()
                assert {id: {*directory.as_at(id, head).sources} for id in seen} == named
                assert {id: {*entity.sources} for id, entity in directory.get_many(seen).items()} == named


def _uuid(store: Store, name: str) -> str:
    with store.read() as connection:
        sql = "SELECT e.uuid FROM claim c JOIN entity e ON e.id = c.fiche_id WHERE c.external_id = ?"
        return str(connection.exec_driver_sql(sql, (name,)).scalar())


def test_the_source_of_what_is_hidden_as_a_whole_field_is_heard_by_who_sees_that_field(store: Store) -> None:
    said = {"kind": "organisatie", "names": [{"text": {"nl": "Schuilhuis"}}], "field_visibility": {"names": "internal"}}
    store.write(lambda writer: writer.put([Claim(SK, "schuil", 1, "organisatie", said)], origin="test"))
    fiche = _uuid(store, "schuil")
    for level in LEVELS:
        found = _ids(Directory(store, Grant(level)), Criterion("fiche", (fiche,)), Criterion("source", (SK,)))
        assert found.keys() == ({fiche} if level == "internal" else set()), level
        assert _ids(Directory(store, Grant(level)), Criterion("fiche", (fiche,))).keys() == {fiche}


def test_who_comes_to_say_what_was_known_is_heard_without_a_change(store: Store) -> None:
    public = Directory(store, Grant())
    said = {"kind": "zorgverlener", "name": {"family": "Peeters"}, "professions": [{"scheme": "cd-hcparty", "code": "persphysician"}]}
    store.write(lambda writer: writer.put([Claim(SK, "z", 1, "zorgverlener", said)], origin="test"))
    newest = public.newest()
    asked = (Criterion("source", (PG,)), Criterion("fiche", (_uuid(store, "z"),)))
    assert not _ids(public, *asked)
    store.write(lambda writer: writer.put([Claim(PG, "z", 1, "zorgverlener", said, same_as=((SK, "z"),))], origin="test"))
    assert len(_ids(public, *asked)) == 1
    assert public.newest() == newest
