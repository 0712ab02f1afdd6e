"""How fast claims become fiches: full load, a second source that joins by RIZIV number, an unchanged reload; size and memory.

    python -m benchmarks.ingest [--rows 20000] [--batch 400] [--engine sqlite|postgresql|both]

Prints each figure beside its limit and fails when one is missed. A mix as in a real directory: 36 % organisations, 13 % persons, 51 % offers.
"""

from __future__ import annotations

import argparse
import gc
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from hub.model.claims import Claim
from hub.model.identifiers import riziv_check_digits
from hub.store import Store
from tests.own_postgres import find_programs, running_postgres

TARGETS = {
    "sqlite": {"full": 3000, "joining": 1500, "unchanged": 50000},
    "postgresql": {"full": 2500, "joining": 1500, "unchanged": 50000},
}
MEGABYTES_PER_100_000 = 650
_STREETS = ("Kerkstraat", "Stationsstraat", "Molenweg", "Dorpsplein", "Lindelaan", "Nieuwstraat", "Beekstraat", "Parklaan")
_POSTCODES = ("3000", "9000", "2000", "8500", "1000", "3500", "2800", "8000", "9300", "1800")
_WORDS = ("Thuiszorg", "Woonzorg", "Kinesitherapie", "Gezin", "Jeugd", "Welzijn", "Huisarts", "Dagopvang", "Begeleiding", "Zorg")


def riziv(number: int) -> str:
    """A number with right check digits that no real person has been looked up for."""
    first6 = f"{100000 + number % 899999:06d}"
    return first6 + riziv_check_digits(first6, 97)


def _text(number: int, words: int) -> str:
    return " ".join(_WORDS[(number * 7 + place * 3) % len(_WORDS)] for place in range(words))


def organisatie(number: int) -> Claim:
    """A fictional organisation with one site, of about 1.4 kB."""
    address = {
        "type": "visit",
        "street": {"nl": _STREETS[number % 8]},
        "house_number": str(number % 300 + 1),
        "postcode": _POSTCODES[number % 10],
        "municipality": "24062",
        "city": {"nl": "Voorbeeldstad"},
        "country": "BE",
        "position": {"lat": 50.8 + number % 1000 / 2000, "lon": 4.3 + number % 777 / 1000},
    }
    content: dict[str, Any] = {
        "kind": "organisatie",
        "form": "organisatie",
        "names": [{"text": {"nl": f"{_text(number, 2)} {number}"}, "use": "official"}, {"text": {"nl": f"{_text(number + 1, 1)} {number}"}, "use": "short"}],
        "description": {"nl": _text(number, 45)},
        "contacts": [
            {"kind": "phone", "value": f"+3216{number:06d}", "raw": f"016 {number:06d}", "purpose": "general"},
            {"kind": "email", "value": f"info{number}@example.org"},
            {"kind": "website", "value": f"https://o{number}.example.org", "raw": f"o{number}.example.org"},
        ],
        "languages": ["nl", "fr"],
        "vestigingen": [
            {
                "keys": [f"sociale-kaart:{number}"],
                "name": {"nl": f"{_text(number, 2)} {number}"},
                "addresses": [address],
                "hours": [{"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "09:00", "closes": "17:00"}],
            }
        ],
        "source_url": f"https://example.org/fiche/{number}",
    }
    return Claim("sociale-kaart", f"o{number}", 1, "organisatie", content)


def zorgverlener(number: int, source: str = "progezondheid") -> Claim:
    """A fictional caregiver."""
    content: dict[str, Any] = {
        "kind": "zorgverlener",
        "name": {"family": f"Voorbeeld{number}", "given": ["An", "Bo"]},
        "identifiers": [{"system": "riziv", "value": riziv(number)}],
        "gender": "female",
        "professions": [{"scheme": "profession", "code": "persphysician"}],
        "convention": "full",
        "visum": "active",
        "languages": ["nl"],
        "status": {"status": "active", "evidence": "register", "asserted_at": "2026-01-01T00:00:00Z"},
        "contacts": [{"kind": "phone", "value": f"+3247{number:07d}", "visibility": "professional"}, {"kind": "email", "value": f"an{number}@example.org"}],
        "addresses": [
            {
                "type": "practice",
                "street": {"nl": _STREETS[number % 8]},
                "house_number": str(number % 200 + 1),
                "postcode": _POSTCODES[number % 10],
                "municipality": "24062",
                "city": {"nl": "Voorbeeldstad"},
            }
        ],
    }
    return Claim(source, f"p{number}", 1, "zorgverlener", content)


def aanbod(number: int, organisaties: int, people: int) -> Claim:
    """A fictional offer of one of the organisations, every fourth with a caregiver."""
    of = number % organisaties
    content: dict[str, Any] = {
        "kind": "aanbod",
        "names": [{"text": {"nl": f"{_text(number, 3)} {number}"}}],
        "description": {"nl": _text(number, 40)},
        "organisatie": {"source": "sociale-kaart", "external_id": f"o{of}"},
        "vestigingen": [{"key": f"sociale-kaart:{of}"}],
        "rubrieken": [{"scheme": "rubriek", "code": f"{number % 20 + 1:02d}.{number % 7 + 1:02d}.01"}],
        "target_groups": [{"scheme": "target-group", "code": "ouderen"}, {"scheme": "target-group", "code": "volwassenen"}],
        "languages": ["nl"],
        "delivery": ["onsite"],
        "hours": [{"days": ["mon", "wed", "fri"], "opens": "08:00", "closes": "12:00"}],
        "service_area": [{"type": "municipality", "code": "24062"}],
        "waiting_list": {"value": "yes", "weeks": number % 30, "valid_until": "2027-06-30"},
        "price": {"nl": _text(number, 8)},
        "contacts": [{"kind": "phone", "value": f"+329{number:07d}", "purpose": "appointments"}],
    }
    if number % 4 == 0:
        content["caregivers"] = [{"zorgverlener": {"system": "riziv", "value": riziv(number % people)}, "professions": [{"scheme": "profession", "code": "persphysician"}]}]
    return Claim("sociale-kaart", f"a{number}", 1, "aanbod", content)


def world(rows: int) -> Iterator[Claim]:
    """A directory of so many fiches."""
    organisaties, people = max(1, rows * 36 // 100), max(1, rows * 13 // 100)
    yield from (organisatie(number) for number in range(organisaties))
    yield from (zorgverlener(number) for number in range(people))
    yield from (aanbod(number, organisaties, people) for number in range(rows - organisaties - people))


def load(store: Store, claims: Iterator[Claim], batch: int) -> tuple[int, float, float]:
    """How many claims, in how many seconds of storing (making them does not count), and the longest transaction."""
    count, spent, longest = 0, 0.0, 0.0
    while chunk := list(islice(claims, batch)):
        start = time.perf_counter()
        counts = store.write(lambda writer, chunk=chunk: writer.put(chunk, origin="benchmark"))  # type: ignore[misc]
        took = time.perf_counter() - start
        assert not counts.rejected, counts.rejected[:1]
        count, spent, longest = count + len(chunk), spent + took, max(longest, took)
    return count, spent, longest


def resident() -> float:
    """The highest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(engine: str, url: str, home: Path, rows: int, batch: int) -> bool:
    """Print the figures of one engine; whether all limits are kept."""
    store = Store.open(url, home)
    targets = TARGETS[engine]
    fine = True

    def say(what: str, rate: float, limit: float, note: str = "") -> None:
        nonlocal fine
        fine = fine and rate >= limit
        print(f"{engine:10}  {what:28} {rate:10,.0f}/s   limit {limit:8,.0f}/s   {'ok' if rate >= limit else 'MISSED'}   {note}", flush=True)

    gc.freeze()
    count, spent, longest = load(store, world(rows), batch)
    say("full fiches", count / spent, targets["full"], f"longest transaction {longest * 1000:.0f} ms")
    people = rows * 13 // 100
    count, spent, _ = load(store, (zorgverlener(number, "cobrha") for number in range(people)), batch)
    say("second source by RIZIV", count / spent, targets["joining"])
    count, spent, _ = load(store, world(rows), 2000)
    say("unchanged reload", count / spent, targets["unchanged"])
    if engine == "sqlite":
        with store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        size = sum(path.stat().st_size for path in home.glob("bench.sqlite*")) / 1e6 / rows * 100_000
        fine = fine and size <= MEGABYTES_PER_100_000
        print(f"{engine:10}  {'MB per 100,000 fiches':28} {size:10,.0f}     limit {MEGABYTES_PER_100_000:8,}     {'ok' if size <= MEGABYTES_PER_100_000 else 'MISSED'}")
    print(f"{engine:10}  {'resident memory':28} {resident():10,.0f} MB")
    store.close()
    return fine


def main() -> int:
    """Run, print, and answer 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=400)
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    chosen = parser.parse_args()
    fine = True
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fichehub-benchmark-")))
        if chosen.engine != "postgresql":
            fine &= run("sqlite", f"sqlite:///{home / 'bench.sqlite'}", home, chosen.rows, chosen.batch)
        programs = find_programs()
        if chosen.engine != "sqlite" and programs is not None:
            server = stack.enter_context(running_postgres(programs))
            fine &= run("postgresql", server.url(server.create()), home, chosen.rows, chosen.batch)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
