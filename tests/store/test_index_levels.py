"""What each rank finds is what it reads: the index says to a rank of a fiche what it would say to everybody of that fiche without what the rank may not see."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from hub.model.audience import LEVELS, Grant, project, stamp
from hub.model.declarations import fiche_record
from hub.model.fiche import FIELD_OF_PART, Document
from hub.model.links import hides_sites, without_dead_links
from hub.places import DEMO_ZONES, Places
from hub.store.index_rows import IndexedEntity, Indexer, IndexRow
from tests.search.worlds import TODAY, Concepts, Maker


@pytest.fixture(scope="module")
def indexer() -> Indexer:
    return Indexer(Concepts(), Places.load(DEMO_ZONES), TODAY)


def told(row: IndexRow, rank: int) -> dict[str, set[Any]]:
    """All that a search can tell this rank of an entity, but for what lists of names are sorted by."""
    terms = {term for term, level in row.terms.items() if level <= rank}
    if ("umbrella", "yes") in terms:
        terms.discard(("umbrella", "no"))
    words = set().union(*row.words[: rank + 1])
    described = set().union(*row.described[: rank + 1])
    points = {(lat, lon) for lat, lon, level in row.points if level <= rank}
    umbrella = {0 < row.umbrella <= rank + 1}
    return {"terms": terms, "words": words, "described": described - words, "points": points, "umbrella": umbrella}


def as_seen(entity: IndexedEntity, rank: int) -> IndexedEntity | None:
    """The entity in a world that holds nothing but what this rank may see."""
    grant = Grant(level=LEVELS[rank])
    shown = {uuid: fiche for uuid, one in entity.related.items() if (fiche := project(one, grant, TODAY)) is not None}
    document = project(entity.document, grant, TODAY)
    if document is None:
        return None
    placeless = hides_sites(entity.document, document)
    document = without_dead_links(document, shown)
    if placeless:  # at none of those that it sees, not at all of them
        document = {**document, "vestigingen": [{"id": "another"}]}
    part = None
    if entity.part is not None:
        part = next((one for one in document.get(FIELD_OF_PART[entity.type], ()) if one["id"] == entity.part["id"]), None)
        if part is None:
            return None
    related = {uuid: stamp(fiche["kind"], fiche) for uuid, fiche in shown.items()}
    return replace(entity, document=stamp(document["kind"], document), part=part, related=related, sources=(), said=())


def everything(maker: Maker, dice: random.Random) -> list[IndexedEntity]:
    """Fiches of all kinds and their parts; each hides or opens some fields, whichever its kind has."""
    hiding: dict[str, Document] = {}

    def planted(document: Document) -> Document:
        fields = [field.name for field in fiche_record(document["kind"]) if field.name in document and field.name not in ("id", "kind", "visibility")]
        if document["id"] not in hiding:
            hiding[document["id"]] = {field: dice.choice(LEVELS) for field in dice.sample(fields, min(len(fields), dice.randint(0, 3)))}
        chosen = hiding[document["id"]]
        return stamp(document["kind"], {**document, "field_visibility": chosen})

    found = []
    for entity in maker.indexed:
        document = planted(entity.document)
        part = entity.part and next(one for one in document[FIELD_OF_PART[entity.type]] if one["id"] == entity.part["id"])
        related = {uuid: planted(one) for uuid, one in entity.related.items()}
        found.append(replace(entity, document=document, part=part, related=related, sources=(), said=()))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_each_rank_is_told_what_it_sees_and_nothing_else(indexer: Indexer, seed: int) -> None:
    maker = Maker(seed, Places.load(DEMO_ZONES))
    maker.fill(40)
    for entity in everything(maker, random.Random(seed)):
        row = indexer.row(entity)
        for rank in range(3):
            seen = as_seen(entity, rank)
            assert (row.level <= rank) == (seen is not None), (entity, rank)
            if seen is not None:
                assert told(row, rank) == told(indexer.row(seen), 2), (entity, rank)
