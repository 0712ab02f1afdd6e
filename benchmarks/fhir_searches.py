"""The fixed list of forty searches through FHIR, at two sizes, on both engines: p50, p99 and how much they grow.

    python -m benchmarks.fhir_searches --home DIR --sizes 100000 1000000
    python -m benchmarks.fhir_searches --home DIR --engine sqlite --only chain

What users of directories complain of, and what an EPD asks. Each search is flat (p99 at most 2 times from the smallest size to the largest)
or says here why it grows; none takes more than 50 ms on SQLite and 100 ms on PostgreSQL. Called in process, through the whole application but
without its memory of pages and resources. Answers 1 when a promise was not kept.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import flask
from werkzeug.test import EnvironBuilder

from benchmarks.copying import kept_postgres, opened
from benchmarks.fhir_page import Cold, hub_app
from benchmarks.fhir_world import DAY, TYPES, build, uuid_of
from benchmarks.search_world import KINDS, Town
from benchmarks.timing import Promise, Times, clock_for, quieted, report, timed
from hub.model.query import Query
from hub.search.cursor import Cursor, encode
from hub.store import database

LIMITS_MS = {"sqlite": 50.0, "postgresql": 100.0}
FLAT = 2.0
WARM_UP = 10
CBE = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/cbe|"
CONTAINS = "no index holds the letters inside words: every different word of the names is looked at, once"
COUNT = "a count looks at everything that it counts"
LATER_WORDS = "names of which a later word begins so are brought together from all words that begin so, not met in the order of names"
GATHERED = "PostgreSQL brings all that match together before it gives the first"
WALKED = "the lists of all demands are walked side by side in the index"
BROAD = "both ends are many, so that which of them meet is found by looking"


@dataclass(frozen=True)
class Asked:
    """Draws the values of a question; the same dice at every size."""

    town: Town
    size: int

    def kind(self) -> str:
        """A word that one organisation in fifteen has."""
        return self.town.dice.choice(KINDS).split()[0].lower()

    def word(self) -> str:
        """A word of the vocabulary: often one that many have, now and then a rare one."""
        return self.town.word()

    def beginning(self) -> str:
        """Three to six letters that a name may begin with."""
        return self.town.dice.choice((self.kind(), self.word()))[: self.town.dice.randint(3, 6)]

    def middle(self) -> str:
        """Four letters from inside a word."""
        return self.word()[2:6]

    def city(self) -> str:
        """A municipality, mostly a large one."""
        return self.town.towns[self.town.town()].name_nl.split()[0].lower()

    def postcode(self) -> str:
        """One of its postcodes."""
        places, town = self.town.places, self.town.towns[self.town.town()]
        return self.town.dice.choice(places.postcodes_of(town.refnis))

    def point(self, km: int) -> str:
        """A circle around a municipality."""
        town = self.town.towns[self.town.town()]
        return f"{town.lat:.4f}|{town.lon:.4f}|{km}|km"

    def rubriek(self) -> str:
        """A rubriek: a few are large, many are small."""
        return self.town.rubriek()

    def type(self) -> str:
        """A type of organisation, as a quarter of them has."""
        return self.town.dice.choice(TYPES)

    def kbo(self) -> str:
        """The number of an organisation, if the dice hit one."""
        front = self.town.dice.randint(1, self.size)
        return f"{front:08d}{97 - front % 97:02d}"

    def riziv(self) -> str:
        """The number of a caregiver, if the dice hit one."""
        return f"1{self.town.dice.randint(1, self.size):010d}"

    def id(self) -> str:
        """The id of something."""
        return uuid_of(self.town.dice.randint(1, self.size))


@dataclass(frozen=True)
class Search:
    """One of the list: what it is, how it is asked, and why it grows, if it may: on both engines, or on PostgreSQL alone."""

    title: str
    ask: Callable[[Asked], str]
    grows: str = ""
    grows_on_postgresql: str = ""

    def reason(self, engine_name: str) -> str:
        """Why it may take longer among more; "" when it may not."""
        return self.grows or (self.grows_on_postgresql if engine_name == "postgresql" else "")


def _page_behind(asked: Asked) -> str:
    """A page far in the default order, as a reader of everything meets it."""
    place = Cursor(Query(types=("organisatie",)), (asked.town.dice.randint(1, asked.size),), asked.size)
    return f"Organization?_cursor={encode(place)}"


SEARCHES: tuple[Search, ...] = (
    # names
    Search("name", lambda a: f"Organization?name={a.beginning()}"),
    Search("name with two filters", lambda a: f"Organization?name={a.beginning()}&address-postalcode={a.postcode()}&type={a.type()}", WALKED),
    Search("name, sorted by name", lambda a: f"Organization?name={a.beginning()}&_sort=name", LATER_WORDS),
    Search("two words of a name", lambda a: f"Organization?name={a.kind()} {a.word()}", WALKED),
    Search("family and given", lambda a: f"Practitioner?family={a.word()[:4]}&given={a.word()[:3]}", WALKED),
    Search("name:contains", lambda a: f"Organization?name:contains={a.middle()}", CONTAINS),
    Search("two name:contains", lambda a: f"Organization?name:contains={a.middle()}&name:contains={a.word()[1:4]}", CONTAINS),
    Search("name:contains without a hit", lambda a: f"Organization?name:contains=q{a.middle()}q", CONTAINS),
    Search("city list", lambda a: f"Organization?address-city={a.city()},{a.city()},{a.city()}"),
    # numbers and ids
    Search("identifier", lambda a: f"Organization?identifier={CBE}{a.kbo()}"),
    Search("identifier without a system", lambda a: f"Practitioner?identifier={a.riziv()}"),
    Search("id list", lambda a: f"Organization?_id={','.join(a.id() for _ in range(20))}"),
    # codes
    Search("service-type", lambda a: f"HealthcareService?service-type={a.rubriek()}"),
    Search("broad service-type", lambda a: f"HealthcareService?service-type={a.rubriek()[:2]}"),
    Search("token list", lambda a: f"HealthcareService?service-type={','.join(a.rubriek() for _ in range(8))}"),
    Search("service-type:not", lambda a: f"HealthcareService?service-type:not={a.rubriek()[:2]}&name={a.kind()}"),
    Search("type:not, active=false", lambda a: f"Organization?type:not={a.type()}&active=false"),
    Search("name:missing", lambda a: f"Organization?name:missing={a.town.dice.choice(('true', 'false'))}"),
    Search("reference :missing", lambda a: f"Organization?partof:missing={a.town.dice.choice(('true', 'false'))}"),
    # chains
    Search("chain, narrow", lambda a: f"PractitionerRole?practitioner.identifier={a.riziv()}"),
    Search("chain, by name", lambda a: f"PractitionerRole?practitioner.name={a.word()}", BROAD),
    Search("chain, broad", lambda a: f"PractitionerRole?organization.name={a.kind()}"),
    Search("chain and include, as an EPD asks", lambda a: f"PractitionerRole?practitioner.family={a.word()[:5]}&organization.address-city={a.city()}&_include=PractitionerRole:practitioner&_include=PractitionerRole:organization", BROAD),
    Search("chain of two, narrow", lambda a: f"PractitionerRole?service.organization.identifier={a.kbo()}"),
    Search("chain of two, broad", lambda a: f"PractitionerRole?service.organization.name={a.kind()}"),
    Search("chain to a circle", lambda a: f"HealthcareService?service-type={a.rubriek()}&location.near={a.point(5)}", BROAD),
    Search("reference", lambda a: f"HealthcareService?organization=Organization/{a.id()}"),
    Search("_has, by code", lambda a: f"Organization?_has:HealthcareService:organization:service-type={a.rubriek()}", BROAD),
    Search("_has, broad", lambda a: f"Practitioner?_has:PractitionerRole:practitioner:active=true&name={a.word()[:3]}", BROAD),
    # places
    Search("near", lambda a: f"Location?near={a.point(10)}", "the nearest come first of all that lie in the circle"),
    Search("near and active", lambda a: f"Location?near={a.point(5)}&status=active&name={a.kind()}", "the nearest come first of all that lie in the circle"),
    # time
    Search("_lastUpdated, a few", lambda a: f"Organization?_lastUpdated=ge{DAY}T11:00:00Z"),
    Search("_lastUpdated, all", lambda a: f"Organization?_lastUpdated=ge{DAY}T08:00:00Z"),
    Search("sorted by -_lastUpdated", lambda a: f"HealthcareService?_sort=-_lastUpdated&name={a.kind()}"),
    # pages
    Search("type only", lambda a: "HealthcareService"),
    Search("a page far behind", _page_behind),
    Search("includes both ways", lambda a: f"Organization?name={a.beginning()}&_count=10&_include=Organization:partof&_revinclude=Location:organization&_revinclude=HealthcareService:organization"),
    # counts
    Search("_total=accurate", lambda a: f"Organization?name={a.kind()}&_total=accurate", COUNT),
    Search("_total=estimate", lambda a: f"Organization?name={a.kind()}&_total=estimate", grows_on_postgresql=GATHERED),
    Search("_summary=count of a type", lambda a: "Organization?_summary=count", COUNT),
)  # fmt: skip


def measure(app: flask.Flask, engine_name: str, size: int, times: int, only: str) -> dict[str, Times]:
    """Search -> how long it takes."""
    asked = Asked(Town(7), size)
    measured: dict[str, Times] = {}
    clock = clock_for(engine_name)
    quieted()
    for search in SEARCHES:
        if only not in search.title:
            continue
        asked.town.dice.seed(7)
        questions = [partial(_answered, app, search.ask(asked)) for _ in range(WARM_UP + times)]
        measured[search.title] = timed(questions, clock, WARM_UP)
    return measured


def _answered(app: flask.Flask, address: str) -> None:
    path, _, query = address.partition("?")
    environ = EnvironBuilder(f"/fhir/{path}", query_string=query).get_environ()
    status, body = _called(app, environ)
    if status != "200 OK" or b'"mode":"outcome"' in body:
        raise SystemExit(f"/fhir/{address} answered {status} {body[:500]!r}")


def _called(app: flask.Flask, environ: dict[str, Any]) -> tuple[str, bytes]:
    said: list[str] = []
    body = app(environ, lambda status, headers, error=None: said.append(status))  # type: ignore[arg-type]
    try:
        return said[0], b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()


@contextlib.contextmanager
def served(engine_name: str, home: Path, size: int) -> Iterator[flask.Flask]:
    """The application on a hub of this size, built if it is not there yet; PostgreSQL's as a copy of SQLite's."""
    file = build(home, size)
    if engine_name == "sqlite":
        yield hub_app(f"sqlite:///{file}", file.parent, Cold)
        return
    with kept_postgres(home) as server:
        name = f"fhir_{size}"
        opened(server, name, file, database.migrate).dispose()
        yield hub_app(server.url(name), file.parent, Cold)


def main() -> int:
    """Build, measure, compare; 1 when a promise was not kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "fichehub-search")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000], help="smallest first")
    parser.add_argument("--times", type=int, default=100, help="questions per search (default 100)")
    parser.add_argument("--quick", action="store_const", dest="times", const=30, help="30 questions per search")
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--only", default="", help="the searches with this in their title")
    given = parser.parse_args()
    given.home.mkdir(parents=True, exist_ok=True)
    missed = 0
    for engine_name in ("sqlite", "postgresql") if given.engine == "both" else (given.engine,):
        found: list[dict[str, Times]] = []
        for size in given.sizes:
            with served(engine_name, given.home, size) as app:
                found.append(measure(app, engine_name, size, given.times, given.only))
        lines = {
            search.title: (
                Promise(None, LIMITS_MS[engine_name], None if reason else FLAT, reason),
                [each[search.title] for each in found],
            )
            for search in SEARCHES
            if search.title in found[0]
            for reason in (search.reason(engine_name),)
        }
        missed += report(engine_name, given.sizes, lines)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
