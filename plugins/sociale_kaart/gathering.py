"""From the rows of a pull to what is given to the hub: leaflets fetched where something changed, organisatie before aanbod."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Final

from hub import Claim, Concept, Document, Incoming, Rejected
from plugins.sociale_kaart.client import Api
from plugins.sociale_kaart.derived import Held, LeadingTo, derive
from plugins.sociale_kaart.reading import Row, id_of, read
from plugins.sociale_kaart.spool import Spool
from plugins.sociale_kaart.translate import (
    CAREGIVER,
    ENTERPRISE,
    claim_of,
    ended_claim,
    identifiers_of,
    kind_of,
    offer_content,
    organisation_content,
    person_content,
)
from plugins.sociale_kaart.vocabulary import Vocabulary

_AT_A_TIME: Final = 200
Item = Incoming | Concept | Rejected


@dataclass(slots=True)
class _Organisation:
    """The aanbod of one organisatie in this pull."""

    id: str
    rows: list[Row] = field(default_factory=list)
    wanted: str = ""
    """The id of the leaflet to fetch; empty when what is held still stands."""
    ended: tuple[Claim, ...] = ()
    """What is held of it under other ids, which it has no more."""
    whole: bool = False
    """Whether these are all of its rows, though the pull is not whole."""


class Gathering:
    """Makes one pull's claims. Leaflets come from `api` (none: no leaflets), on `threads`, for what changed or `always`."""

    def __init__(
        self,
        api: Api | None,
        threads: ThreadPoolExecutor,
        words: Vocabulary,
        held: Held,
        leading_to: LeadingTo,
        *,
        now_ms: int,
        whole: bool,
        always: bool,
    ) -> None:
        self._api = api
        self._threads = threads
        self._words = words
        self._held = held
        self._leading_to = leading_to
        self._now_ms = now_ms
        self._whole = whole
        self._always = always
        self._labels: dict[str, Concept] = {}
        self._without_leaflet = 0

    def give(self, spool: Spool) -> Iterator[Item]:
        """Claims and new labels, and a `Rejected` for each row that cannot be used."""
        raws: list[Any] = []
        for _, together in spool.groups():
            raws += together
            if len(raws) >= _AT_A_TIME:
                yield from self._some(raws, spool)
                raws = []
        yield from self._some(raws, spool)

    def warnings(self) -> tuple[str, ...]:
        """What the run report should say besides."""
        if not self._without_leaflet:
            return ()
        return (f"{self._without_leaflet:,} fiches have no leaflet at the source, so their numbers are not known.",)

    def _some(self, raws: list[Any], spool: Spool) -> Iterator[Item]:
        organisations: dict[str, _Organisation] = {}
        persons: list[Row] = []
        unusable: list[str] = []
        for raw in raws:
            try:
                row = read(raw, self._words)
            except Rejected as error:
                unusable.append(id_of(raw))
                yield error
                continue
            yield from self._new_labels(row)
            if kind_of(row, self._words) == "zorgverlener":
                persons.append(row)
            else:
                organisations.setdefault(row.organisation, _Organisation(row.organisation)).rows.append(row)
        organisations = self._by_their_ids(organisations, spool)
        ids = [*organisations, *unusable, *(row.id for row in persons)]
        ids += [row.id for organisation in organisations.values() for row in organisation.rows]
        held = dict(self._held(ids)) if ids else {}
        changed = [row for row in persons if self._person_changed(row, held.get(row.id))]
        for organisation in organisations.values():
            organisation.wanted = self._wanted(organisation, held)
        leaflets = self._leaflets(
            [organisation.wanted for organisation in organisations.values() if organisation.wanted]
            + [row.id for row in changed if row.numbers is None]
        )
        yield from self._standing(unusable, held, organisations)
        for organisation in organisations.values():
            yield from self._organisation(organisation, held, leaflets)
        for row in persons:
            yield from self._person(row, held.get(row.id), leaflets)

    def _by_their_ids(self, organisations: Mapping[str, _Organisation], spool: Spool) -> dict[str, _Organisation]:
        """The same, where the source names none under the ids that they have."""
        groups = {each.id: each.rows for each in organisations.values() if not each.rows[0].linked}
        derived = derive(groups, spool, self._held, self._leading_to, self._words, whole=self._whole) if groups else {}
        found = {}
        for now, organisation in organisations.items():
            if now in derived:
                is_now = derived[now]
                rows = [replace(row, organisation=is_now.id) for row in organisation.rows]
                organisation = _Organisation(is_now.id, rows, ended=is_now.ended, whole=is_now.whole)
            found[organisation.id] = organisation
        return found

    def _new_labels(self, row: Row) -> Iterator[Concept]:
        """Each label once; of two labels under one number the first stands."""
        for concept in row.rubrieken:
            if concept.code not in self._labels:
                self._labels[concept.code] = concept
                yield concept

    def _standing(self, unusable: list[str], held: Mapping[str, Claim], organisations: Mapping[str, _Organisation]) -> Iterator[Item]:
        """The organisaties of rows that cannot be used: they are still there."""
        wanted = {
            organisation: None
            for external_id in unusable
            if external_id in held
            and (organisation := held[external_id].content.get("organisatie", {}).get("external_id"))
            and organisation not in organisations
        }
        if wanted:
            yield from (Incoming(claim) for _, claim in sorted(self._held(list(wanted)).items()))

    # --- organisaties and their aanbod ------------------------------------------------------------------------------------------

    def _wanted(self, organisation: _Organisation, held: Mapping[str, Claim]) -> str:
        if self._api is None:
            return ""
        first = organisation.rows[0]
        source = organisation.id if first.linked else first.id
        known = held.get(organisation.id)
        if self._always or known is None or "identifiers" not in known.content:
            return source
        content = self._organisation_content(organisation, None, known.content)
        for row in organisation.rows:
            claim = held.get(row.id)
            if claim is None or claim.content != offer_content(row, content, self._words):
                return source
        return ""

    def _organisation_content(self, organisation: _Organisation, leaflet: Row | None, held: Document | None) -> Document:
        # A leaflet that is not asked now would name vestigingen that no row does; if it never was, there are none.
        asked_before = self._api is not None or "identifiers" in (held or {})
        unasked = leaflet is None and asked_before and organisation.rows[0].linked
        whole = (self._whole or organisation.whole) and not unasked
        return organisation_content(organisation.rows, leaflet, held, self._words, whole=whole)

    def _organisation(
        self,
        organisation: _Organisation,
        held: Mapping[str, Claim],
        leaflets: Mapping[str, Row | Rejected | None],
    ) -> Iterator[Item]:
        known = held.get(organisation.id)
        found = leaflets.get(organisation.wanted)
        if isinstance(found, Rejected):
            yield found
            found = None
        linked = organisation.rows[0].linked
        if known is not None and self._api is not None and linked and not organisation.wanted:
            content = known.content
        else:
            content = self._organisation_content(organisation, found if linked else None, known.content if known else None)
            numbered = found or next((row for row in organisation.rows if row.numbers is not None), None)
            if numbered is not None:
                content.pop("identifiers", None)
                numbers, wrong = identifiers_of(numbered, ENTERPRISE, known.content if known else None)
                if numbers:
                    content["identifiers"] = numbers
                yield from wrong
        yield from (Incoming(ended_claim(claim, self._now_ms)) for claim in organisation.ended)
        yield Incoming(claim_of(organisation.id, "organisatie", content, known, self._now_ms, organisation.ended))
        for row in organisation.rows:
            said = offer_content(row, content, self._words)
            yield Incoming(claim_of(row.id, "aanbod", said, held.get(row.id), self._now_ms))

    # --- zorgverleners ---------------------------------------------------------------------------------------------------------

    def _person_changed(self, row: Row, held: Claim | None) -> bool:
        if self._api is None:
            return False
        if self._always or held is None:
            return True
        return person_content(row, None, held.content, self._words) != held.content

    def _person(self, row: Row, held: Claim | None, leaflets: Mapping[str, Row | Rejected | None]) -> Iterator[Item]:
        found = leaflets.get(row.id) or (row if row.numbers is not None else None)
        if isinstance(found, Rejected):
            yield found
            found = None
        content = person_content(row, found, held.content if held else None, self._words)
        if found is not None:
            numbers, wrong = identifiers_of(found, CAREGIVER, held.content if held else None)
            if numbers:
                content["identifiers"] = numbers
            yield from wrong
        yield Incoming(claim_of(row.id, "zorgverlener", content, held, self._now_ms))

    # --- leaflets ----------------------------------------------------------------------------------------------------------------

    def _leaflets(self, ids: list[str]) -> dict[str, Row | Rejected | None]:
        """Fetch and read leaflets, several at a time. `Unreachable` of any of them ends the pull: what was given before stands."""
        unique = list(dict.fromkeys(ids))
        found = dict(zip(unique, self._threads.map(self._leaflet, unique), strict=True))
        self._without_leaflet += sum(leaflet is None for leaflet in found.values())
        return found

    def _leaflet(self, leaflet_id: str) -> Row | Rejected | None:
        assert self._api is not None
        raw = self._api.leaflet(leaflet_id)
        if raw is None:
            return None
        try:
            return read(raw, self._words)
        except Rejected as error:
            # Under the id that we asked for: a leaflet may not even have its own.
            return Rejected(error.message, external_id=leaflet_id, field=error.field, raw=error.raw)
