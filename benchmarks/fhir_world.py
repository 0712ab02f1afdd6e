"""A hub of any size for the searches through FHIR: documents, links, the change log and the index, loaded in bulk without going through the merge.

The fiches are those of `benchmarks.search_world`, with all that FHIR follows: sites, caregivers in offers, parents, networks, endpoints.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import insert

from benchmarks.search_world import BATCH, KINDS, Concepts, Town
from hub.concepts_data import schemes
from hub.model.fiche import PARTS, Document, EntityType
from hub.schemas import encode
from hub.store import Store, tables
from hub.store.bulk import Bulk
from hub.store.database import writing
from hub.store.index_rows import IndexedEntity, Indexer, optimize, write
from hub.store.linking import links_of

DAY = "2026-11-22"
FIRST_MOMENT = f"{DAY}T09:00:00.000Z"
LAST_MOMENT = f"{DAY}T12:00:00.000Z"
"""Of the change log: all but its last `LATE` changes were made at the first."""
LATE = 200
TYPES = ("orgpractice", "orgretirementhome", "orgpharmacy", "orghospital")


def uuid_of(number: int) -> str:
    """The UUID of an entity."""
    return f"{number * 2654435761 % 2**32:08x}-0000-4000-8000-{number:012x}"


@dataclass
class Made:
    """A fiche with the numbers of itself and of its parts, and what the index needs beside it."""

    number: int
    type: EntityType
    document: Document
    parts: list[tuple[int, str, Document]] = field(default_factory=list)
    related: dict[str, Document] = field(default_factory=dict)


class Country:
    """Makes fiches in the order of their numbers; each offer belongs to the organisation that came last."""

    def __init__(self, seed: int) -> None:
        self.town = Town(seed)
        self.number = 0
        self.numbers: dict[str, int] = {}
        self._organisations: list[Document] = []
        self._people: list[Document] = []
        self._networks: list[Document] = []

    def _next(self) -> tuple[int, str]:
        self.number += 1
        uuid = uuid_of(self.number)
        self.numbers[uuid] = self.number
        return self.number, uuid

    def fiche(self, count: int) -> Made:
        """The next one; `count` is how many there were."""
        dice, kind = self.town.dice, self.town.dice.random()
        number, uuid = self._next()
        document = self.town.common(count) | {"id": uuid}
        made = Made(number, "aanbod", document)
        if kind < 0.36 or not self._organisations or not self._people:
            if kind < 0.36 or not self._organisations:
                self._organisation(made, count)
            else:
                self._person(made, count)
        elif kind < 0.49:
            self._person(made, count)
        else:
            self._offer(made)
        if dice.random() < 0.1:
            document["status"] = {"status": "inactive"}
        return made

    def _part(self, made: Made, name: str, content: Document) -> Document:
        number, uuid = self._next()
        part = {"id": uuid, "visibility": "public"} | content
        made.document.setdefault(name, []).append(part)
        made.parts.append((number, PARTS[name][1], part))
        return part

    def _organisation(self, made: Made, count: int) -> None:
        town, dice, document = self.town, self.town.dice, made.document
        made.type = "organisatie"
        name = f"{dice.choice(KINDS)} {town.word()} {town.word()}"
        document |= {
            "kind": "organisatie",
            "form": "organisatie",
            "umbrella": dice.random() < 0.02,
            "names": [{"text": {"nl": name}, "visibility": "public"}],
            "identifiers": [{"system": "kbo", "value": _kbo(count), "visibility": "public"}],
            "types": [{"scheme": "cd-hcparty", "code": dice.choice(TYPES)}],
        }
        for _ in range(1 if dice.random() < 0.8 else 2):
            self._part(made, "vestigingen", {"addresses": [town.address()], "status": {"status": "active"}})
        if dice.random() < 0.05:
            mail = {"type": {"scheme": "endpoint", "code": "ehealthbox"}, "status": "active"}
            self._part(made, "electronic_addresses", mail | {"address": f"mailto:box{count}@example.org"})
        if self._networks and dice.random() < 0.1:
            document["parent"] = {"id": dice.choice(self._networks)["id"]}
        if self._networks and dice.random() < 0.05:
            self._part(made, "memberships", {"organisatie": {"id": dice.choice(self._networks)["id"]}})
        if len(self._networks) < 300 and dice.random() < 0.2:
            self._networks.append(document)
        self._organisations = [document]

    def _person(self, made: Made, count: int) -> None:
        town, dice = self.town, self.town.dice
        made.type = "zorgverlener"
        made.document |= {
            "kind": "zorgverlener",
            "name": {"family": town.word(), "given": [town.word()]},
            "addresses": [town.address()],
            "professions": [{"scheme": "profession", "code": str(dice.randint(1, 60))}],
            "identifiers": [{"system": "riziv", "value": f"1{count:010d}", "visibility": "public"}],
        }
        self._people = [*self._people[-49:], made.document]

    def _offer(self, made: Made) -> None:
        town, dice = self.town, self.town.dice
        owner = self._organisations[-1]
        made.document |= {
            "kind": "aanbod",
            "names": [{"text": {"nl": f"{dice.choice(KINDS)} {town.word()}"}, "visibility": "public"}],
            "organisatie": {"id": owner["id"]},
            "vestigingen": [{"id": owner["vestigingen"][0]["id"]}],
            "delivery": ["onsite"],
            "rubrieken": [{"scheme": "rubriek", "code": town.rubriek()} for _ in range(dice.randint(1, 2))],
            "target_groups": [{"scheme": "target-group", "code": str(dice.randint(1, 30))}],
        }
        made.related = {owner["id"]: owner}
        if dice.random() < 0.4:
            person = dice.choice(self._people)
            made.related[person["id"]] = person
            self._part(made, "caregivers", {"zorgverlener": {"id": person["id"]}})


def _kbo(number: int) -> str:
    """A number that passes KBO's check."""
    front = number % 100_000_000
    return f"{front:08d}{97 - front % 97:02d}"


def build(home: Path, size: int) -> Path:
    """The SQLite file of a hub of this size in `home`, made if it is not there yet."""
    folder = home / f"fhir-{size}"
    file = folder / "fichehub.sqlite"
    done = folder / "done"
    if done.exists():
        return file
    file.unlink(missing_ok=True)
    began = time.process_time()
    store = Store.open(f"sqlite:///{file}", folder)
    store.write(lambda writer: writer.put_concepts(schemes()))
    country = Country(42)
    indexer = Indexer(Concepts(), country.town.places, DAY)
    with writing(store.engine) as conn:
        conn.execute(insert(tables.source).values(id=1, name="soka"))
        conn.execute(insert(tables.connection).values(_CONNECTION))
        conn.exec_driver_sql("PRAGMA secure_delete = OFF")
    for start in range(0, size, BATCH):
        batch = [country.fiche(count) for count in range(start + 1, min(size, start + BATCH) + 1)]
        with writing(store.engine) as conn:
            bulk = Bulk(conn)
            _load(bulk, country, batch, late=start + BATCH >= size)
            write(conn, [indexer.row(entity) for made in batch for entity in _indexed(made)], {}, 3 * BATCH)
    with writing(store.engine) as conn:
        optimize(conn)
        Bulk(conn).run("UPDATE counter SET n = ? WHERE name = 'change'", country.number)
        Bulk(conn).run_many(
            "INSERT INTO id_block (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = excluded.n",
            [("entity", country.number), ("claim", country.number)],
        )
    store.close()
    done.touch()
    print(f"built {country.number} entities of {size} fiches in {time.process_time() - began:.0f} s")
    return file


_CONNECTION = {
    "name": "fhir",
    "connector": "fhir",
    "config": b"{}",
    "state": "enabled",
    "partner": "",
    "created_at": FIRST_MOMENT,
}


def _load(bulk: Bulk, country: Country, batch: list[Made], *, late: bool) -> None:
    """All but the index. The number of an entity is also the seq of its one change."""
    entities = [
        row
        for made in batch
        for row in (
            (made.number, made.type, made.number),
            *((number, kind, made.number) for number, kind, _ in made.parts),
        )
    ]
    bulk.insert("entity", ("id", "uuid", "type", "fiche_id"), [(n, uuid_of(n), kind, f) for n, kind, f in entities])
    bulk.insert(
        "fiche",
        ("id", "kind", "state", "level", "version", "document"),
        [(made.number, made.type, "live", 0, 1, encode(made.document)) for made in batch],
    )
    claimed = ("id", "source_id", "external_id", "fiche_id", "revision", "digest", "gone", "content", "home_id")
    bulk.insert(
        "claim",
        claimed,
        [(m.number, 1, str(m.number), m.number, 1, b"", False, b"", m.number) for m in batch],
    )
    links = [link for made in batch for link in links_of(made.number, made.document, country.numbers)]
    bulk.insert("link", ("from_id", "role", "to_id", "level"), sorted(links))
    last = entities[-1][0]
    columns = (
        "seq", "at", "entity_id", "fiche_id", "type", "operation", "origin", "audience", "was", "now", "version", "tx_end",
    )  # fmt: skip
    changes = []
    for number, kind, fiche in entities:
        at = LAST_MOMENT if late and number > last - LATE else FIRST_MOMENT
        changes.append((number, at, number, fiche, kind, "create", "benchmark", 0, 3, 0, 1, last))
    bulk.insert("change", columns, changes)


def _indexed(made: Made) -> Iterator[IndexedEntity]:
    for number, kind, part in ((made.number, made.type, None), *made.parts):
        yield IndexedEntity(
            entry_id=number,
            entity_id=number,
            fiche_id=made.number,
            type=kind,  # type: ignore[arg-type]
            document=made.document,
            part=part,
            related=made.related,
            sources=("soka",),
        )
