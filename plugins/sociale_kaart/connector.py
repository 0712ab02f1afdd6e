"""The connection to De Sociale Kaart: what an administrator can set, and the order in which things are asked and given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import marshmallow as ma

from hub import Concept, Finished, Incoming, Misconfigured, Places, Rejected, Simulator, Source, Unreachable
from plugins.sociale_kaart import vocabulary
from plugins.sociale_kaart.client import MOST_PER_PAGE, Api, Pace, read_file
from plugins.sociale_kaart.gathering import Gathering
from plugins.sociale_kaart.listing import Listed, cursor_of, head_of, keep, read_all, read_newest
from plugins.sociale_kaart.reading import id_of, shortened
from plugins.sociale_kaart.simulator import SocialeKaartSimulator
from plugins.sociale_kaart.spool import Spool
from plugins.sociale_kaart.vocabulary import SOURCE, Municipal, Vocabulary

_HOST = "desocialekaart.be"
_KINDS = ("aanbod", "zorgverlener")
_ACTIVITIES = ("active", "inactive", "unknown")
_ADDRESS_TYPES = ("visit", "practice", "administrative", "postal", "emergency")


def _mapping(values: Sequence[str], default: dict[str, str], text: str) -> ma.fields.Dict:
    return ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.String(validate=ma.validate.OneOf(values)),
        load_default=default,
        metadata={"description": text},
    )


class SocialeKaartConfig(ma.Schema):
    """What an administrator can set; everything has a default that is right for the real De Sociale Kaart."""

    base_url = ma.fields.Url(
        load_default="https://www.desocialekaart.be/api",
        schemes={"http", "https"},
        require_tld=False,
        metadata={"description": "Address of the API, without a slash at the end."},
    )
    file = ma.fields.String(
        load_default="",
        metadata={"description": "Read the same JSON from this file (may be gzipped) instead of calling the API."},
    )
    page_size = ma.fields.Integer(load_default=500, validate=ma.validate.Range(1, MOST_PER_PAGE), metadata={"description": "Offers per page."})
    pace = ma.fields.Float(
        load_default=5.0,
        validate=ma.validate.Range(0, 1000),
        metadata={"description": "Calls per second at most; 0 for no limit."},
    )
    detail_calls = ma.fields.String(
        load_default="changed",
        validate=ma.validate.OneOf(["changed", "all", "never"]),
        metadata={"description": "When to fetch the leaflet that holds enterprise and RIZIV numbers: of a changed row, always, never."},
    )
    concurrency = ma.fields.Integer(
        load_default=4,
        validate=ma.validate.Range(1, 4),
        metadata={"description": "Leaflets fetched at one time."},
    )
    overlap_rows = ma.fields.Integer(
        load_default=200,
        validate=ma.validate.Range(1, MOST_PER_PAGE),
        metadata={"description": "Newest rows remembered between runs; an incremental run reads back into them."},
    )
    language = ma.fields.String(
        load_default="nl",
        validate=ma.validate.OneOf(["nl", "fr", "de", "en"]),
        metadata={"description": "Language in which it is asked: nl, fr, de or en."},
    )
    types = _mapping(_KINDS, dict(vocabulary.TYPES), "type of a row -> kind of fiche")
    states = _mapping(_ACTIVITIES, dict(vocabulary.STATES), "state of a row -> whether it is active")
    address_types = _mapping(_ADDRESS_TYPES, dict(vocabulary.ADDRESS_TYPES), "type of an address -> type in the hub")


@cache
def _municipalities() -> Municipal:
    return lru_cache(4096)(Places.load().of_address)


class SocialeKaart(Source):
    """Pulls aanbod, organisaties and zorgverleners.

    Without a cursor the whole list is read, in passes until it is complete, and only then are claims given: the organisatie first, put together
    from all of its rows, then its aanbod. With one, only the rows that were updated since. A file is always read whole.
    """

    name = "sociale-kaart"
    title = "De Sociale Kaart"
    config_schema = SocialeKaartConfig
    claim_source = SOURCE
    simulator: ClassVar[type[Simulator] | None] = SocialeKaartSimulator

    def check(self) -> None:
        """Read one row of the list, or the file."""
        if self.config["file"]:
            rows, _ = read_file(Path(self.config["file"]))
            if rows and not any(id_of(row) for row in rows):
                raise Misconfigured(f"No row in {self.config['file']} has an id ({{'id': {{'id': ...}}}}).")
            return
        page = self._api().offers(0, 1)
        if page.rows and not id_of(page.rows[0]):
            raise Unreachable(f"{self.config['base_url']} gives rows without an id: {shortened(page.rows[0])[:120]}")

    def pull(self, cursor: str | None) -> Iterator[Incoming | Concept | Rejected | Finished]:
        """See `Source.pull`. Raises `CursorExpired` for a cursor that is not ours."""
        words = self._words()
        file = self.config["file"]
        head = head_of(cursor) if cursor is not None and not file else None
        api = self._api()
        size, overlap, progress = self.config["page_size"], self.config["overlap_rows"], self.context.progress
        with Spool() as spool:
            if file:
                listed = _read_file(Path(file), spool, words)
            elif head is None:
                listed = read_all(api, spool, words, size=size, overlap=overlap, progress=progress)
            else:
                listed = read_newest(api, spool, words, head, size=size, overlap=overlap, progress=progress)
            yield from listed.nameless
            with ThreadPoolExecutor(self.config["concurrency"], thread_name_prefix=self.name) as threads:
                gathering = Gathering(
                    None if file or self.config["detail_calls"] == "never" else api,
                    threads,
                    words,
                    self.context.held,
                    self.context.leading_to,
                    now_ms=int(self.context.now().timestamp() * 1000),
                    whole=head is None and listed.complete,
                    always=self.config["detail_calls"] == "all",
                )
                yield from gathering.give(spool)
        complete = head is None and listed.complete
        yield Finished(
            complete=complete,
            cursor=None if file else cursor_of(listed.head),
            missing=listed.missing,
            warnings=(*listed.warnings, *gathering.warnings()),
        )

    def _api(self) -> Api:
        return Api(self.context.http, self.config["base_url"], Pace(self.config["pace"]))

    def _words(self) -> Vocabulary:
        host = urlsplit(self.config["base_url"]).hostname or ""
        return Vocabulary(
            types=self.config["types"],
            states=self.config["states"],
            address_types=self.config["address_types"],
            language=self.config["language"],
            official=host == _HOST or host.endswith(f".{_HOST}"),
            municipality=_municipalities(),
        )


def _read_file(path: Path, spool: Spool, words: Vocabulary) -> Listed:
    rows, total = read_file(path)
    nameless = keep(spool, rows, 1, words)
    missing = max(0, total - len(rows))
    warnings = (f"{path} says that it holds {total:,} rows, but there are {len(rows):,}; nothing is taken for removed.",)
    return Listed(not missing, missing, warnings if missing else (), nameless=nameless)
