"""The fixed list of searches, on an index of any size, on both engines: p50 and p99 beside what was promised.

    python -m benchmarks.search --home DIR --sizes 100000 800000
    python -m benchmarks.search --home DIR --sizes 100000 --engine sqlite

The index is built once per size and kept in DIR. Its fiches are invented: 36 % organisations, 13 % persons, 51 % offers, names and words with
the frequencies of a language, rubrieken and places with few large ones and many small ones. Answers 1 when a promise was not kept.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine

from benchmarks.copying import kept_postgres, opened
from benchmarks.search_world import KINDS, Town, build
from benchmarks.timing import Promise, Times, clock_for, quieted, report, timed
from hub.model.audience import Grant
from hub.model.query import Criterion, Linked, Near, Query
from hub.search import find
from hub.store import tables
from hub.store.database import connect
from hub.store.index_rows import create_fulltext

LIMITS_MS = {"sqlite": 15.0, "postgresql": 30.0}
LARGE_LIMITS_MS = {"sqlite": 50.0, "postgresql": 100.0}
NAME_ORDER = "name prefix, by name"
NAME_ORDER_TIMES, DISTANCE_TIMES = 2, 8
WARM_UP = 20


Ask = Callable[[Town], Query]


def _rubriek(world: Town) -> Criterion:
    return Criterion("code", (f"rubriek|{world.rubriek()}",))


def _refnis(world: Town) -> str:
    return world.towns[world.town()].refnis


def _near(world: Town, km: float) -> Near:
    town = world.towns[world.town()]
    return Near(town.lat, town.lon, km)


def _prefix(world: Town, low: int, high: int) -> str:
    return (world.dice.choice((world.dice.choice(KINDS), world.word(), world.word())) + "x")[: world.dice.randint(low, high)]


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
    NAME_ORDER: lambda w: Query(types=("organisatie",), where=(Criterion("name", (_prefix(w, 3, 6),), "prefix"),), sort="name"),
    "2 words + rubriek, local first": lambda w: Query(
        types=("aanbod",), text=f"{w.word()} {w.word()}", where=(_rubriek(w),), sort="local", local=_refnis(w)
    ),
    "1 word, local first": lambda w: Query(types=("aanbod",), text=w.word(), sort="local", local=_refnis(w)),
    "rubriek, local first": lambda w: Query(types=("aanbod",), where=(_rubriek(w),), sort="local", local=_refnis(w)),
    "10 km + rubriek, by distance": lambda w: Query(types=("aanbod",), where=(_rubriek(w),), near=_near(w, 10.0), sort="distance"),
    "identifier": lambda w: Query(types=("organisatie",), where=(Criterion("identifier", (f"|{w.dice.randint(1, 100_000):010d}",)),)),
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
    "rubriek, whole country, by distance": lambda w: Query(types=("aanbod",), where=(_rubriek(w),), near=_near(w, 300.0), sort="distance"),
}


def measure(conn: Connection, times: int) -> dict[str, Times]:
    """Search -> how long it takes."""
    measured: dict[str, Times] = {}
    world = Town(7)
    clock = clock_for(conn.dialect.name)
    quieted()
    for name, ask in SEARCHES.items():
        world.dice.seed(7)
        queries = [ask(world) for _ in range(WARM_UP + times)]
        questions = [partial(find, conn, query, Grant(), places=world.places) for query in queries]
        measured[name] = timed(questions, clock, WARM_UP)
    return measured


@contextlib.contextmanager
def filled(engine_name: str, home: Path, size: int) -> Iterator[Engine]:
    """An engine on an index of this size, built if it is not there yet; PostgreSQL's as a copy of SQLite's."""
    file = home / f"search-{size}.sqlite"
    engine = connect(f"sqlite:///{file}")
    done = file.with_suffix(".done")
    if not done.exists():
        file.unlink(missing_ok=True)
        build(engine, size)
        done.touch()
    if engine_name == "sqlite":
        yield engine
    engine.dispose()
    if engine_name == "postgresql":
        with kept_postgres(home) as server:
            engine = opened(server, f"search_{size}", file, _prepare)
            yield engine
            engine.dispose()


def _prepare(engine: Engine) -> None:
    with engine.begin() as conn:
        tables.metadata.create_all(conn)
        create_fulltext(conn)


def promised(engine_name: str, search: str) -> Promise:
    """What was promised of a search."""
    times = NAME_ORDER_TIMES if search == NAME_ORDER else DISTANCE_TIMES if "by distance" in search else None
    return Promise(LIMITS_MS[engine_name], LARGE_LIMITS_MS[engine_name], times)


def main() -> int:
    """Build, measure, compare; 1 when a promise was not kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "fichehub-search")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000], help="fiches in the index, smallest first")
    parser.add_argument("--times", type=int, default=200, help="questions per search")
    parser.add_argument("--quick", action="store_const", dest="times", const=60, help="60 questions per search")
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args()
    given.home.mkdir(parents=True, exist_ok=True)
    missed = 0
    for engine_name in ("sqlite", "postgresql") if given.engine == "both" else (given.engine,):
        found: list[dict[str, Times]] = []
        for size in given.sizes:
            with filled(engine_name, given.home, size) as engine, engine.connect() as conn:
                found.append(measure(conn, given.times))
        lines = {name: (promised(engine_name, name), [each[name] for each in found]) for name in SEARCHES}
        missed += report(engine_name, given.sizes, lines)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
