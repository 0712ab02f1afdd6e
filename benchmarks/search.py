"""The fixed list of searches, on an index of any size, on both engines: p50 and p99 beside what was promised (DESIGN section 10).

    python benchmarks/search.py --home DIR --size 100000
    python benchmarks/search.py --home DIR --size 800000 --engine sqlite

The index is built once per size and kept in DIR. Its fiches are invented: 36 % organisations, 13 % persons, 51 % offers, names and words with
the frequencies of a language, rubrieken and places with few large ones and many small ones. Answers 1 when a limit was missed.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine

from hub.model.audience import Grant
from hub.model.concepts import Concept
from hub.model.fiche import Document
from hub.model.query import Criterion, Linked, Near, Query
from hub.places import Places
from hub.search import find
from hub.store import tables
from hub.store.database import connect, writing
from hub.store.index_rows import IndexedEntity, Indexer, create_fulltext, optimize, write
from tests import own_postgres

TODAY = "2026-11-22"
BATCH = 1_000
LIMITS_MS = {"sqlite": 15.0, "postgresql": 30.0}
DISTANCE_LIMITS_MS = {"sqlite": 50.0, "postgresql": 100.0}
SYLLABLES = [
    onset + vowel + coda
    for onset in "bdghjklmnprstvwz"
    for vowel in ("a", "e", "i", "o", "u", "ij", "oe")
    for coda in ("", "n", "r", "s", "l")
]
KINDS = (
    "Huisartsenpraktijk", "Woonzorgcentrum", "Thuiszorg", "Dienst voor gezinszorg", "Kinderopvang", "Apotheek", "Centrum",
    "Wijkgezondheidscentrum", "Dagcentrum", "Kinesitherapie", "Vzw", "Sociaal huis", "Tandartspraktijk", "Begeleid wonen", "Lokaal dienstencentrum",
)  # fmt: skip


class Concepts:
    """Rubrieken in three steps, with a word for each step."""

    def get(self, scheme: str, code: str, /) -> Concept | None:
        return Concept(scheme, code, {"nl": f"rubriek{code.replace('.', 'x')}"})

    def ancestors(self, scheme: str, code: str, /) -> tuple[str, ...]:
        parts = code.split(".")
        return tuple(".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))


class Town:
    """The same dice for the index and for the questions about it."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        vocabulary = random.Random(1)
        self.places = Places.load()
        self.towns = [town for town in self.places if town.region != "wallonie"]
        vocabulary.shuffle(self.towns)
        self.words = [
            "".join(vocabulary.choices(SYLLABLES, k=vocabulary.randint(2, 4))) for _ in range(12_000)
        ]
        self.rubrieken = [
            f"{a:02d}.{b:02d}.{c:02d}" for a in range(1, 15) for b in range(1, 7) for c in range(1, 6)
        ]
        vocabulary.shuffle(self.rubrieken)

    def _few_large(self, count: int) -> int:
        """An index with few large and many small classes (about 1/n)."""
        return int(count ** self.dice.random()) - 1

    def town(self) -> int:
        return int(len(self.towns) * self.dice.random() ** 2)

    def word(self) -> str:
        return self.words[self._few_large(len(self.words))]

    def rubriek(self) -> str:
        return self.rubrieken[self._few_large(len(self.rubrieken))]

    def address(self) -> Document:
        town = self.towns[self.town()]
        return {
            "street": {"nl": f"{self.word()}straat"},
            "house_number": "1",
            "postcode": self.dice.choice(self.places.postcodes_of(town.refnis)),
            "municipality": town.refnis,
            "city": {"nl": town.name_nl},
            "position": {
                "lat": town.lat + self.dice.gauss(0, 0.02),
                "lon": town.lon + self.dice.gauss(0, 0.03),
            },
            "visibility": "public",
        }

    def common(self, number: int) -> Document:
        level = "professional" if self.dice.random() < 0.1 else "public"
        return {
            "id": f"f{number}",
            "visibility": "public",
            "status": {"status": "active"},
            "languages": ["nl"] if self.dice.random() < 0.8 else ["nl", "fr"],
            "contacts": [
                {"kind": "phone", "value": f"+3216{number:06d}", "visibility": level},
                {"kind": "website", "value": f"https://w{number}.example.org", "visibility": "public"},
            ],
            "description": {"nl": " ".join(self.word() for _ in range(20))},
        }

    def fiche(self, number: int) -> Iterator[IndexedEntity]:
        """A fiche with its parts; numbers rise."""
        kind = self.dice.random()
        entity = number * 3
        document = self.common(number)
        if kind < 0.36:
            name = f"{self.dice.choice(KINDS)} {self.word()} {self.word()}"
            site = {"id": f"s{number}", "visibility": "public", "addresses": [self.address()]}
            document |= {
                "kind": "organisatie",
                "names": [{"text": {"nl": name}, "visibility": "public"}],
                "form": "organisatie",
            }
            document |= {"vestigingen": [site], "umbrella": self.dice.random() < 0.02}
            document["identifiers"] = [{"system": "kbo", "value": f"{number:010d}", "visibility": "public"}]
            yield IndexedEntity(
                entry_id=entity,
                entity_id=entity,
                fiche_id=entity,
                type="organisatie",
                document=document,
                sources=("soka",),
            )
            yield IndexedEntity(
                entry_id=entity + 1, entity_id=entity + 1, fiche_id=entity, type="vestiging", document=document, part=site, sources=("soka",)
            )  # fmt: skip
        elif kind < 0.49:
            document |= {
                "kind": "zorgverlener",
                "name": {"family": self.word(), "given": [self.word()]},
                "addresses": [self.address()],
            }
            document["professions"] = [{"scheme": "profession", "code": str(self.dice.randint(1, 60))}]
            document["identifiers"] = [
                {"system": "riziv", "value": f"1{number:010d}", "visibility": "public"}
            ]
            yield IndexedEntity(
                entry_id=entity,
                entity_id=entity,
                fiche_id=entity,
                type="zorgverlener",
                document=document,
                sources=("soka",),
            )
        else:
            organisatie = {
                "visibility": "public",
                "names": [
                    {"text": {"nl": f"{self.dice.choice(KINDS)} {self.word()}"}, "visibility": "public"}
                ],
                "vestigingen": [{"id": "s", "visibility": "public", "addresses": [self.address()]}],
            }
            document |= {
                "kind": "aanbod",
                "names": [
                    {"text": {"nl": f"{self.dice.choice(KINDS)} {self.word()}"}, "visibility": "public"}
                ],
            }
            document |= {"organisatie": {"id": "o"}, "delivery": ["onsite"]}
            document["rubrieken"] = [
                {"scheme": "rubriek", "code": self.rubriek()} for _ in range(self.dice.randint(1, 2))
            ]
            document["target_groups"] = [{"scheme": "target-group", "code": str(self.dice.randint(1, 30))}]
            document["patientenstop"] = {"value": "no", "valid_until": "2027-01-01", "visibility": "public"}
            if self.dice.random() < 0.2:
                document["service_area"] = [{"type": "municipality", "code": self.towns[self.town()].refnis}]
            related = {"o": organisatie}
            yield IndexedEntity(
                entry_id=entity, entity_id=entity, fiche_id=entity, type="aanbod", document=document, related=related, sources=("soka",)
            )  # fmt: skip


def build(engine: Engine, size: int) -> None:
    """Fill an empty database; each aanbod belongs to the organisatie that came last."""
    world = Town(42)
    with writing(engine) as conn:
        tables.metadata.create_all(conn)
        create_fulltext(conn)
    indexer = Indexer(Concepts(), world.places, TODAY)
    making = rowing = writing_time = 0.0
    entries = owner = 0
    for start in range(0, size, BATCH):
        began = time.process_time()
        entities = [
            entity
            for number in range(start + 1, min(size, start + BATCH) + 1)
            for entity in world.fiche(number)
        ]
        made = time.process_time()
        rows = [indexer.row(entity) for entity in entities]
        ready = time.process_time()
        with writing(engine) as conn:
            write(conn, rows)
        making += made - began
        rowing += ready - made
        writing_time += time.process_time() - ready
        entries += len(rows)
        links = []
        for entity in entities:
            owner = entity.entity_id if entity.type == "organisatie" else owner
            if entity.type == "aanbod" and owner:
                links.append({"from_id": entity.entity_id, "role": "organisatie", "to_id": owner, "level": 0})
        with writing(engine) as conn:
            if links:
                conn.execute(tables.link.insert(), links)
    with writing(engine) as conn:
        optimize(conn)  # as the nightly job does
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.exec_driver_sql("VACUUM ANALYZE")
    print(
        f"built {entries} entries of {size} fiches; processor time per fiche {rowing / size * 1e6:.0f} us for the rows and {writing_time / size * 1e6:.0f} us to write them"
        f" (and {making / size * 1e6:.0f} us to invent it)"
    )


Ask = Callable[[Town], Query]


def _rubriek(world: Town) -> Criterion:
    return Criterion("code", (f"rubriek|{world.rubriek()}",))


def _refnis(world: Town) -> str:
    return world.towns[world.town()].refnis


def _near(world: Town, km: float) -> Near:
    town = world.towns[world.town()]
    return Near(town.lat, town.lon, km)


def _prefix(world: Town, low: int, high: int) -> str:
    return (world.dice.choice((world.dice.choice(KINDS), world.word(), world.word())) + "x")[
        : world.dice.randint(low, high)
    ]


SEARCHES: dict[str, Ask] = {
    "name prefix + postcode + rubriek, by distance": lambda w: Query(
        types=("aanbod",),
        where=(
            Criterion("name", (_prefix(w, 3, 6),), "prefix"),
            Criterion("postcode", (w.address()["postcode"],)),
            _rubriek(w),
        ),
        near=_near(w, 50.0),
        sort="distance",
    ),
    "name prefix, by name": lambda w: Query(
        types=("organisatie",), where=(Criterion("name", (_prefix(w, 3, 6),), "prefix"),), sort="name"
    ),
    "2 words + rubriek, local first": lambda w: Query(
        types=("aanbod",), text=f"{w.word()} {w.word()}", where=(_rubriek(w),), sort="local", local=_refnis(w)
    ),
    "1 word, local first": lambda w: Query(types=("aanbod",), text=w.word(), sort="local", local=_refnis(w)),
    "rubriek, local first": lambda w: Query(
        types=("aanbod",), where=(_rubriek(w),), sort="local", local=_refnis(w)
    ),
    "10 km + rubriek, by distance": lambda w: Query(
        types=("aanbod",), where=(_rubriek(w),), near=_near(w, 10.0), sort="distance"
    ),
    "identifier": lambda w: Query(
        types=("organisatie",), where=(Criterion("identifier", (f"|{w.dice.randint(1, 100_000):010d}",)),)
    ),
    "linked: offers of organisations by name": lambda w: Query(
        types=("aanbod",),
        where=(_rubriek(w),),
        linked=(
            Linked(
                "organisatie",
                Query(types=("organisatie",), where=(Criterion("name", (_prefix(w, 3, 6),), "prefix"),)),
            ),
        ),
    ),
    "name prefix, whole country, by distance": lambda w: Query(
        types=("aanbod",),
        where=(Criterion("name", (_prefix(w, 3, 6),), "prefix"),),
        near=_near(w, 300.0),
        sort="distance",
    ),
    "rubriek, whole country, by distance": lambda w: Query(
        types=("aanbod",), where=(_rubriek(w),), near=_near(w, 300.0), sort="distance"
    ),
}


def measure(conn: Connection, times: int) -> dict[str, tuple[float, float]]:
    """Search -> (p50, p99) in milliseconds, after a warm-up.

    SQLite works in our own process: its processor time counts, which other work on the machine does not disturb. PostgreSQL by the clock.
    """
    clock = time.perf_counter if conn.dialect.name == "postgresql" else time.process_time
    measured: dict[str, tuple[float, float]] = {}
    world = Town(7)
    gc.collect()
    gc.freeze()
    for name, ask in SEARCHES.items():
        world.dice.seed(7)
        taken: list[float] = []
        for count in range(times + 20):
            query = ask(world)
            began = clock()
            find(conn, query, Grant(), places=world.places)
            if count >= 20:
                taken.append((clock() - began) * 1_000)
        taken.sort()
        measured[name] = (taken[len(taken) // 2], taken[min(len(taken) - 1, int(len(taken) * 0.99))])
    return measured


@contextlib.contextmanager
def filled(engine_name: str, home: Path, size: int) -> Iterator[Engine]:
    """An engine on an index of this size, built if it is not there yet (PostgreSQL's is built each time)."""
    if engine_name == "sqlite":
        file = home / f"search-{size}.sqlite"
        engine = connect(f"sqlite:///{file}")
        if not (home / f"search-{size}.done").exists():
            build(engine, size)
            (home / f"search-{size}.done").touch()
        print(f"{file.stat().st_size / 1e6:.0f} MB")
        yield engine
        return
    programs = own_postgres.find_programs()
    if programs is None:
        raise SystemExit(f"PostgreSQL was not found: {own_postgres.HOW_TO_INSTALL}")
    with own_postgres.running_postgres(programs) as server:
        engine = connect(server.url(server.create()))
        build(engine, size)
        yield engine
        engine.dispose()


def main() -> int:
    """Build, measure, compare; 1 when a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "fichehub-search")
    parser.add_argument("--size", type=int, default=100_000, help="fiches in the index")
    parser.add_argument("--times", type=int, default=200, help="questions per search")
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args()
    given.home.mkdir(parents=True, exist_ok=True)
    missed = 0
    for engine_name in ("sqlite", "postgresql") if given.engine == "both" else (given.engine,):
        with filled(engine_name, given.home, given.size) as engine, engine.connect() as conn:
            print(f"{engine_name}, {given.size} fiches{'':18} p50 ms  p99 ms   limit")
            for name, (p50, p99) in measure(conn, given.times).items():
                limits = DISTANCE_LIMITS_MS if given.size > 100_000 else LIMITS_MS
                bad = p99 > limits[engine_name]
                missed += bad
                print(
                    f"  {name:48} {p50:7.2f} {p99:7.2f} {limits[engine_name]:7.0f} {'MISSED' if bad else ''}"
                )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
