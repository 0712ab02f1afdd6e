"""What reads text from outside takes time in proportion to its length, whatever is in it: nobody keeps a server busy with one long value."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final

import pytest

from hub.errors import ConnectorError, FichehubError
from hub.model.claims import Claim
from hub.model.concepts import rubriek_from_label
from hub.model.contact_values import normalise_email, normalise_phone, normalise_website
from hub.model.folding import fold, words
from hub.model.identifiers import EHP, KBO, RIZIV, RIZIV_GROUP, SSIN, VESTIGING, InvalidIdentifier, normalise
from hub.model.moments import day_of, last_moment_of
from hub.model.query import Criterion, Query
from hub.model.query_rules import normalise as normalise_query
from hub.model.sounds import sound_of
from hub.places import places
from hub.store.ready import Ready
from plugins.fhir.addressing import places_of
from plugins.fhir.criteria import _NUMBER
from plugins.fhir.feed.noting import Around, Reading
from plugins.fhir.feed.reading import addresses
from plugins.fhir.moments import span

_AROUND: Final = Around(link=lambda *_: None, municipality=lambda *_: None, implied=lambda *_: (), is_place=lambda *_: True, today="2026-11-22")
SHORT, LONG = 2_500, 20_000
UNITS: Final = (
    " ",
    "\t",
    "\n",
    "a",
    "h",
    "t",
    "d",
    "b",
    "T",
    "0",
    '"',
    "'",
    "(",
    "@",
    ".",
    "/",
    "-",
    ":",
    "é",
    "a ",
    "1 ",
    "1000 ",
    "a.",
    "a,",
    ". ",
    "(at",
    "(at)",
    "http:",
    "a 1/",
    "ie",
)
AROUND: Final = (("", "\x00"), ("a", "b"), ("01 a", "!"), ("+", ""))


def _claim(field: str) -> Callable[[str], object]:
    def check_claim(text: str) -> None:
        said: dict[str, dict[str, Any]] = {
            "email": {"contacts": [{"kind": "email", "value": text}]},
            "website": {"contacts": [{"kind": "website", "value": text}]},
            "phone": {"contacts": [{"kind": "phone", "value": text}]},
            "name": {"names": [{"text": {"nl": text}}]},
            "identifier": {"identifiers": [{"system": "riziv", "value": text}]},
            "address": {"vestigingen": [{"keys": ["x:1"], "addresses": [{"street": {"nl": text}, "house_number": text, "postcode": text}]}]},
        }
        Ready(Claim("proef", "1", 1, "organisatie", {"kind": "organisatie", "names": [{"text": {"nl": "N"}}], **said[field]})).check()

    return check_claim


def _line(text: str) -> object:
    return addresses([("address[0]", {"line": [text], "city": text, "postalCode": text})], Reading("Organization", _AROUND))


def _query(key: str) -> Callable[[str], object]:
    return lambda text: normalise_query(Query(types=("organisatie",), text=text, where=(Criterion(key, (text,)),)))


READERS: Final[dict[str, Callable[[str], object]]] = {
    "e-mail": normalise_email,
    "website": normalise_website,
    "telephone": normalise_phone,
    "rubriek": rubriek_from_label,
    "sound": sound_of.__wrapped__,
    "folded": fold,
    "words": words,
    "day": day_of,
    "last moment": last_moment_of.__wrapped__,
    "moment of a search": lambda text: span("_lastUpdated", text),
    "number of a search": _NUMBER.fullmatch,
    "address of a search": places_of,
    "place": places().find,
    "place as it is typed": places().suggest,
    "line of an address": _line,
    **{f"identifier {system}": partial(normalise, system) for system in (EHP, KBO, RIZIV, RIZIV_GROUP, SSIN, VESTIGING)},
    **{f"claim with {field}": _claim(field) for field in ("email", "website", "phone", "name", "identifier", "address")},
    **{f"query by {key}": _query(key) for key in ("identifier", "contact", "postcode", "availability", "updated")},
}


def _texts(length: int) -> Iterator[str]:
    for unit in UNITS:
        for before, after in AROUND:
            yield before + unit * (length // len(unit)) + after


def _seconds(read: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    with suppress(ConnectorError, FichehubError, InvalidIdentifier):
        read(text)
    return time.process_time() - began


@pytest.mark.parametrize("reader", READERS)
def test_eight_times_the_text_takes_no_more_than_some_times_the_time(reader: str) -> None:
    read = READERS[reader]
    for short, long in zip(_texts(SHORT), _texts(LONG), strict=True):
        # Quadratic is 64 times as long. What takes next to nothing is not measured, and what was slow once is looked at again.
        if not any((took := _seconds(read, long)) < 0.05 or took < 24 * _seconds(read, short) for _ in range(3)):
            pytest.fail(f"{reader} takes {took:.1f} seconds for {long[:12]!r}...")
