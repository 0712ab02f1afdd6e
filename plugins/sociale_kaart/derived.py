"""The ids of organisaties that the source does not name. An id is derived from name and address once, and then stays with its rows, whatever becomes of these.

Whose rows part are two from then on: the id stays with those that still have the name and the address, else with the most of them. Whose rows come together are one,
and the other ids end. In an increment rows that are not given count as staying where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from hub import Claim
from plugins.sociale_kaart.reading import DERIVED, Row, derived_id, where_of
from plugins.sociale_kaart.spool import Spool
from plugins.sociale_kaart.vocabulary import Vocabulary

Held = Callable[[Sequence[str]], Mapping[str, Claim]]
LeadingTo = Callable[[Sequence[str]], Collection[str]]


@dataclass(frozen=True, slots=True)
class Derived:
    """The `id` of an organisatie, and the held claims about it under ids that have `ended`. `whole`: all of its rows are in this pull."""

    id: str
    ended: tuple[Claim, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class _Known:
    """What the hub holds under one id. `rows`: those of its rows that name no organisatie, by what is derived of them now; `told`: what its own name and addresses
    come to; `more`: there are rows of it that this pull does not tell about."""

    claim: Claim
    rows: Mapping[str, list[str]]
    told: Collection[str]
    more: bool

    def heir(self) -> str | None:
        """Of the organisaties that its rows belong to now, by what is derived of them, the one that it is; None: none of these."""
        fitting = [now for now in self.rows if now in self.told] if self.more else list(self.rows)
        return min(fitting, key=self._rank, default=None)

    def _rank(self, now: str) -> tuple[bool, bool, int, str]:
        rows = self.rows[now]
        return now not in self.told, now != self.claim.external_id, -len(rows), min(rows)


def derive(groups: Mapping[str, list[Row]], spool: Spool, held: Held, leading_to: LeadingTo, words: Vocabulary, *, whole: bool) -> dict[str, Derived]:
    """The organisaties of these rows, which name none, by what is derived of them now. `whole`: the spool has all rows of the source."""
    before = held([row.id for rows in groups.values() for row in rows])
    had = {now: {each for row in rows if (each := _organisation_of(before.get(row.id)))} for now, rows in groups.items()}
    known = _known({*groups, *(each for ids in had.values() for each in ids)}, spool, held, leading_to, words, whole=whole)
    return {now: _settled(now, rows, had[now], known) for now, rows in groups.items()}


def _settled(now: str, rows: Sequence[Row], had: Iterable[str], known: Mapping[str, _Known]) -> Derived:
    own = sorted((each for each in had if each in known and known[each].heir() == now), key=lambda each: (each != now, each))
    if own:
        return Derived(own[0], tuple(known[each].claim for each in own[1:]), whole=not any(known[each].more for each in own))
    there = known.get(now)
    if there is None or (there.more and now in there.told) or not (there.more or there.rows):
        return Derived(now, whole=there is None or not there.more)
    # Another organisatie, which had this name and address, has the id.
    return Derived(derived_id(now, min(row.id for row in rows)))


def _known(ids: set[str], spool: Spool, held: Held, leading_to: LeadingTo, words: Vocabulary, *, whole: bool) -> dict[str, _Known]:
    claims = held(sorted(ids))
    if not claims:
        return {}
    members: dict[str, list[str]] = {}
    for external_id, claim in held(sorted(leading_to(sorted(claims)))).items():
        members.setdefault(_organisation_of(claim), []).append(external_id)
    now = spool.organisations_of([each for ids in members.values() for each in ids])
    found = {}
    for external_id, claim in claims.items():
        rows: dict[str, list[str]] = {}
        of_it = members.get(external_id, [])
        for each in of_it:
            if now.get(each, "").startswith(DERIVED):
                rows.setdefault(now[each], []).append(each)
        # A row without an organisatie is one that cannot be read.
        more = any(not now[each] if each in now else not whole for each in of_it)
        found[external_id] = _Known(claim, rows, _told(claim, of_it, words), more)
    return found


def _organisation_of(claim: Claim | None) -> str:
    """The derived id of the organisatie that a held row belongs to, or ""."""
    found = "" if claim is None or claim.kind != "aanbod" else str(claim.content.get("organisatie", {}).get("external_id", ""))
    return found if found.startswith(DERIVED) else ""


def _told(claim: Claim, members: Iterable[str], words: Vocabulary) -> set[str]:
    name = next((str(each["text"].get(words.language, "")) for each in claim.content.get("names", ())), "")
    sites = [where_of(address, words.language) for site in claim.content.get("vestigingen", ()) for address in site.get("addresses", ())]
    return {derived_id(name, where) for where in (*sites, *(where_of(None, words.language, each) for each in members))}
