"""Projection of a page of 20 hits against its limit of 0.3 ms, and the checker and codec beside marshmallow, all in one run.

Run from the top of the repository: `python -m benchmarks.projection`. Every figure is the median of repeated runs, so that a busy
machine does not decide; the ratios to bare `deepcopy` and `orjson.loads` of the same page are what counts. The exit status is 1
when a limit is passed.
"""

from __future__ import annotations

import copy
import statistics
import sys
from collections.abc import Callable
from functools import partial
from time import perf_counter

import orjson

from hub import schemas
from hub.model.audience import INTERNAL, PUBLIC, Grant, project, stamp, visible_levels_differ
from hub.model.claims import Claim
from hub.model.fiche import Document, Visibility

PAGE_LIMIT_MS = 0.3
CHECK_LIMIT_US = 24.0
CLAIM_DIGEST_LIMIT_US = 6.0
TODAY = "2026-06-15"


def uuid(number: int) -> str:
    """A UUID of this number."""
    return f"0190a0b2-0000-7000-8000-{number:012}"


def organisatie(number: int) -> Document:
    """A stamped organisatie of 1.4 kB with a site, hours, and values of all three levels; fictional."""
    site: Document = {
        "id": uuid(number * 10 + 1),
        "keys": [f"demo:{number}"],
        "addresses": [
            {
                "type": "visit",
                "street": {"nl": "Voorbeeldstraat", "fr": "Rue de l'Exemple"},
                "house_number": str(number),
                "postcode": "1000",
                "municipality": "21004",
                "city": {"nl": "Brussel", "fr": "Bruxelles"},
                "position": {"lat": 50.84, "lon": 4.35},
            }
        ],
        "contacts": [{"kind": "phone", "value": f"+3200000{number:04}"}],
        "hours": [{"days": ["mon", "tue", "thu"], "opens": "09:00", "closes": "17:00"}],
    }
    content: Document = {
        "id": uuid(number * 10),
        "kind": "organisatie",
        "form": "praktijk",
        "status": {"status": "active", "evidence": "demo", "asserted_at": "2026-01-01T00:00:00Z"},
        "identifiers": [
            {"system": "kbo", "value": f"{number:010}"},
            {"system": "demo", "value": str(number)},
        ],
        "names": [{"text": {"nl": f"Praktijk {number}", "fr": f"Cabinet {number}"}, "use": "official"}],
        "description": {"nl": "Een fictieve praktijk met vier artsen en een verpleegkundige. " * 2},
        "contacts": [
            {"kind": "phone", "value": "+3200000000", "raw": "00 000 00 00", "purpose": "general"},
            {"kind": "mobile", "value": "+3200000001", "purpose": "colleagues"},
            {"kind": "website", "value": "https://example.org"},
        ],
        "languages": ["nl", "fr"],
        "vestigingen": [site],
    }
    return stamp("organisatie", content)


def aanbod(number: int) -> Document:
    """A stamped aanbod with caregivers and volatile values, one of which ran out; fictional."""
    content: Document = {
        "id": uuid(number * 10),
        "kind": "aanbod",
        "names": [{"text": {"nl": f"Kortverblijf {number}"}}],
        "organisatie": {"id": uuid(1)},
        "vestigingen": [{"id": uuid(11)}],
        "rubrieken": [{"scheme": "rubriek", "code": "demo.1"}],
        "target_groups": [{"scheme": "target-group", "code": "ouderen"}],
        "hours": [{"days": ["mon", "fri"], "opens": "09:00", "closes": "17:00"}],
        "service_area": [{"type": "municipality", "code": "21004"}],
        "recognitions": [{"number": str(number), "authority": "demo", "period": {"start": "2020-01-01"}}],
        "contacts": [{"kind": "email", "value": f"aanbod{number}@example.org"}],
        "patientenstop": {"value": "no", "asserted_at": "2026-06-01T00:00:00Z", "valid_until": "2026-09-01"},
        "waiting_list": {"value": "yes", "weeks": 4, "valid_until": "2026-01-01"},
        "capacity": [{"unit": "bed", "maximum": 12, "available": 2, "valid_until": "2026-07-01"}],
        "caregivers": [
            {
                "id": uuid(number * 10 + place),
                "keys": [f"zv|{uuid(place)}"],
                "zorgverlener": {"id": uuid(place)},
                "professions": [{"scheme": "profession", "code": "nurse"}],
            }
            for place in (1, 2)
        ],
    }
    return stamp("aanbod", content)


def median_us(work: Callable[[], object], *, rounds: int = 60, repeats: int = 10) -> float:
    """Microseconds that one call takes: the median of rounds."""
    work()
    times = []
    for _ in range(rounds):
        start = perf_counter()
        for _ in range(repeats):
            work()
        times.append((perf_counter() - start) / repeats)
    return statistics.median(times) * 1e6


def main() -> int:
    """Print every figure; 1 when a limit is passed."""
    page = [organisatie(number) if number % 2 else aanbod(number) for number in range(1, 21)]
    stored = [schemas.encode(document) for document in page]
    print(f"a page of 20 fiches, {sum(map(len, stored)) // 20} bytes each on average")

    def projected(grant: Grant) -> list[Document | None]:
        return [project(document, grant, TODAY) for document in page]

    passed = True

    def limited(name: str, value: float, limit: float, unit: str) -> None:
        nonlocal passed
        passed = passed and value <= limit
        print(f"{name:<42} {value:8.3f} {unit}   limit {limit:g}   {'good' if value <= limit else 'PASSED THE LIMIT'}")

    public_ms = median_us(lambda: projected(PUBLIC)) / 1000
    limited("project a page, public", public_ms, PAGE_LIMIT_MS, "ms")
    levels: tuple[Visibility, ...] = ("professional", "internal")
    for grant in (Grant(level=level) for level in levels):
        limited(f"project a page, {grant.level}", median_us(partial(projected, grant)) / 1000, PAGE_LIMIT_MS, "ms")
    loads_ms = median_us(lambda: [orjson.loads(data) for data in stored]) / 1000
    copy_ms = median_us(lambda: copy.deepcopy(page), repeats=2) / 1000
    print(f"{'orjson.loads of that page':<42} {loads_ms:8.3f} ms   projection costs {public_ms / loads_ms:.2f} times")
    print(f"{'deepcopy of that page':<42} {copy_ms:8.3f} ms   projection costs {public_ms / copy_ms:.2f} times")

    one = page[0]
    claim = Claim("demo", "1", 1, "organisatie", one)
    schema = schemas.fiche_schema("organisatie")()
    checked = median_us(lambda: schemas.check("organisatie", one))
    marshmallow = median_us(lambda: schema.load(one), repeats=2)
    edited = {**one, "description": {"nl": "Iets anders."}}
    print(f"\none organisatie of {len(stored[0])} bytes")
    limited("check", checked, CHECK_LIMIT_US, "us")
    print(f"{'marshmallow load':<42} {marshmallow:8.3f} us   {marshmallow / checked:.0f} times the checker")
    limited(
        "claim_digest (before any check)",
        median_us(lambda: schemas.claim_digest(claim)),
        CLAIM_DIGEST_LIMIT_US,
        "us",
    )
    others: list[tuple[str, Callable[[], object]]] = [
        ("stamp", lambda: stamp("organisatie", one)),
        ("project, public", lambda: project(one, PUBLIC, TODAY)),
        ("project, internal", lambda: project(one, INTERNAL, TODAY)),
        ("visible_levels_differ, one field", lambda: visible_levels_differ(one, edited)),
        ("visible_levels_differ, a new fiche", lambda: visible_levels_differ(None, one)),
        ("encode", lambda: schemas.encode(one)),
        ("decode", lambda: schemas.decode(stored[0])),
    ]
    for name, work in others:
        print(f"{name:<42} {median_us(work):8.3f} us")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
