"""What the index takes from other fiches, and that it is written again when that is different."""

from collections.abc import Mapping
from functools import partial
from itertools import islice
from typing import Any

import pytest

from hub.demo import World
from hub.model.claims import Claim
from hub.model.fiche import Document
from hub.store import Store, Writer, indexing
from hub.store.index_related import related_to
from hub.store.index_terms import INDEXED_ELSEWHERE
from tests.store.saying import aanbod, called, organisatie, person


class _Watched(dict[str, Any]):
    """A document that notes which of its fields are looked at."""

    seen: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.seen.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.seen.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.seen.add(str(key))
        return super().__contains__(key)


def _put(claims: list[Claim], writer: Writer) -> None:
    writer.put(claims, origin="t")


def test_rows_read_only_those_fields_of_others_that_cause_them_to_be_written_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def watched(*arguments: Any) -> Mapping[str, Document]:
        return {uuid: _Watched(document) for uuid, document in related_to(*arguments).items()}

    monkeypatch.setattr(indexing, "related_to", watched)
    monkeypatch.setattr(_Watched, "seen", set())
    world = World()
    persons = [claim for claim in world.to_claims() if claim.kind == "zorgverlener"][:100]
    for claims in (persons, [*islice(world.to_claims(), 400)], [*world.register_claims(0, 100)]):
        store.write(partial(_put, claims))
    assert {"names", "vestigingen", "umbrella", "name", "identifiers", "languages"} <= _Watched.seen
    assert _Watched.seen <= INDEXED_ELSEWHERE


def test_a_caregiver_is_found_by_a_name_that_came_later(store: Store) -> None:
    claims = [organisatie("o", sites=()), aanbod("a", "o", people=(7,)), person("p", "Eerder", number=7)]
    store.write(lambda writer: writer.put(claims, origin="t"))
    assert called(store, "caregiver", "eerder an") == 1
    later = person("p", "Later", number=7, revision=2, gender="female")
    store.write(lambda writer: writer.put([later], origin="t"))
    assert called(store, "caregiver", "eerder an") == 0
    assert called(store, "caregiver", "later an") == 1
