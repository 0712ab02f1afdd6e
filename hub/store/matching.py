"""Who may be the same: candidates for the review queue. Never joins anything.

An enterprise number, an establishment number, a folded name in a postcode, or a telephone number makes a candidate. Each is a row in a table of keys,
so that looking for candidates is one indexed look-up per batch. Every claim that arrives, or comes to say something else, is compared with all that
stand, whatever became of it, so that the pairs found do not depend on who came first; which of them still need somebody is judged when they are read
(`hub.store.reviewing`).
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from hub import schemas
from hub.connector import MatchCandidate
from hub.model.claims import Claim
from hub.model.folding import fold
from hub.model.identifiers import KBO, VESTIGING, InvalidIdentifier, normalise
from hub.store.identity import Identities
from hub.store.workspace import Workspace

CROWD: Final = 20
"""A key that more fiches than this share says nothing about any of them."""
WEIGHTS: Final[Mapping[str, float]] = {"establishment": 0.9, "kbo": 0.5, "name": 0.6, "phone": 0.4}
"""How much each reason says alone; several together leave 1 - (1 - a)(1 - b) ... of doubt away."""


_NUMBERS: Final = {KBO: "kbo", VESTIGING: "establishment"}


def candidate_keys(claim: Claim) -> set[str]:
    """`<kind>|kbo|<digits>`, `<kind>|establishment|<digits>`, `<kind>|name|<postcode>|<folded name>` and `<kind>|phone|<E.164>` of what the claim says.

    The number of an establishment joins when it is the fiche's own (`hub.store.identity`). Of a vestiging it only makes a candidate: sources draw the line
    round an organisation differently, so that one fiche may have the sites of several others.
    """
    content, kind = claim.content, claim.kind
    keys = set()
    numbers = [*content.get("identifiers", ())]
    contacts = [*content.get("contacts", ())]
    addresses = [*content.get("addresses", ())]
    for place in content.get("vestigingen", ()) if kind == "organisatie" else ():
        numbers += place.get("identifiers", ())
        contacts += place.get("contacts", ())
        addresses += place.get("addresses", ())
    for item in numbers:
        system, value = item["system"], item["value"]
        if system in (KBO, VESTIGING):
            try:
                value = normalise(system, value)
            except InvalidIdentifier:
                if system == KBO:
                    continue  # a wrong number makes nobody the same
                value = value.strip()  # wrong, but the same wrong number is still the same site (`hub.model.parts`)
            keys.add(f"{kind}|{_NUMBERS[system]}|{value}")
    keys.update(f"{kind}|phone|{contact['value']}" for contact in contacts if contact["kind"] in ("phone", "mobile"))
    postcodes = {address["postcode"] for address in addresses if "postcode" in address}
    if postcodes:
        names = {fold(text) for name in content.get("names", ()) for text in name["text"].values()}
        if "name" in content:
            person = content["name"]
            names.add(fold(f"{' '.join(person.get('given', ()))} {person['family']}"))
        keys.update(f"{kind}|name|{postcode}|{name}" for postcode in postcodes for name in names if name)
    return keys


Holders = dict[str, list[tuple[int, int]]]
"""Who has a key: each source with its fiche."""


def holders(space: Workspace, keys: Iterable[str]) -> Holders:
    """Who has these keys already."""
    bulk, wanted = space.bulk, [*keys]
    known: Holders = {}
    if wanted:
        sql = f"SELECT key, source_id, fiche_id FROM candidate_key WHERE {bulk.listed('key', 'text')}"
        for key, source_id, fiche_id in bulk.rows(sql, bulk.many(wanted)):
            known.setdefault(key, []).append((source_id, fiche_id))
    return known


def standing_keys(space: Workspace, fiches: Iterable[int]) -> dict[tuple[int, int], set[str]]:
    """The keys that each source is known to give each of these fiches, by the numbers of both."""
    bulk, wanted = space.bulk, [*fiches]
    known: dict[tuple[int, int], set[str]] = {}
    if wanted:
        sql = f"SELECT source_id, fiche_id, key FROM candidate_key WHERE {bulk.listed('fiche_id')}"
        for source_id, fiche_id, key in bulk.rows(sql, bulk.many(wanted)):
            known.setdefault((source_id, fiche_id), set()).add(key)
    return known


def note_candidates(
    space: Workspace,
    identities: Identities,
    claims: Sequence[tuple[Claim, set[str], int]],
    known: Holders,
) -> None:
    """Remember the keys of these claims, each with its fiche, and put fiches of other sources that share one up for review.

    `known`: the `holders` of these keys, looked up before this transaction wrote anything; nothing is asked of the database here, unless a plugin is.
    """
    bulk = space.bulk
    sources = {name: space.source_id(name) for name in {claim.source for claim, _, _ in claims}}
    rows = {(key, sources[claim.source], fiche) for claim, keys, fiche in claims for key in keys}
    for key, source_id, fiche_id in rows:
        known.setdefault(key, []).append((source_id, fiche_id))
    for claim, keys, fiche in claims:
        shared = [key for key in keys if len(known[key]) > 1]  # else nobody else has it
        if shared and any(number != fiche for key in shared for _, number in known[key]):
            _review(space, identities, claim, keys, fiche, known)
    if rows:
        bulk.insert_new("candidate_key", ("key", "source_id", "fiche_id"), sorted(rows))


def note_keys_anew(space: Workspace, *fiches: int) -> None:
    """By what these fiches are found to be like others, from the claims that each has now."""
    if not fiches:
        return
    bulk = space.bulk
    many = bulk.many(fiches)
    bulk.run(f"DELETE FROM candidate_key WHERE {bulk.listed('fiche_id')}", many)
    rows = bulk.rows(
        "SELECT c.fiche_id, c.source_id, s.name, c.external_id, c.revision, c.content FROM claim c JOIN source s ON s.id = c.source_id"
        f" WHERE c.partner = '' AND NOT c.gone AND {bulk.listed('c.fiche_id')}",
        many,
    )
    found = {
        (key, source_id, fiche_id)
        for fiche_id, source_id, source, external_id, revision, content in rows
        for key in candidate_keys(schemas.decode_claim(source, external_id, revision, None, content))
    }
    bulk.insert_new("candidate_key", ("key", "source_id", "fiche_id"), sorted(found))


def _review(
    space: Workspace,
    identities: Identities,
    claim: Claim,
    keys: set[str],
    fiche: int,
    known: Mapping[str, list[tuple[int, int]]],
) -> None:
    mine = space.source_id(claim.source)
    reasons: dict[int, set[str]] = {}
    apart: set[int] = set()
    for key in sorted(keys):
        holders = known.get(key, [])
        if len({number for _, number in holders}) > CROWD:
            continue
        for source_id, number in holders:
            if number != fiche:
                reasons.setdefault(number, set()).add(key.split("|", 2)[1])
                if source_id == mine:
                    apart.add(number)  # our own source says that they are two
    candidates = {number: sorted(why) for number, why in reasons.items() if number not in apart}
    if not candidates:
        return
    scored = {number: (score_of(why), why) for number, why in candidates.items()}
    judged = scored if space.around.match is None else _asked(space, claim, scored)
    for number, (score, why) in sorted(judged.items()):
        plugin = {} if (score, why) == scored[number] else {"plugin": True}
        identities.review(fiche, number, "candidate", round(score, 3), {"reasons": why, **plugin})


def score_of(reasons: Iterable[str]) -> float:
    """How sure several reasons together make it, from 0 to 1."""
    doubt = 1.0
    for reason in reasons:
        doubt *= 1 - WEIGHTS[reason]
    return 1 - doubt


def _asked(space: Workspace, claim: Claim, scored: dict[int, tuple[float, list[str]]]) -> dict[int, tuple[float, list[str]]]:
    """The scores and reasons of a plugin that knows better; without one, and for what came in the same batch, ours."""
    bulk = space.bulk
    offered: dict[str, int] = {}
    shown: list[MatchCandidate] = []
    sql = f"SELECT id, document FROM fiche WHERE document IS NOT NULL AND {bulk.listed('id')} ORDER BY id"
    for number, raw in bulk.rows(sql, bulk.many(scored)):
        document: dict[str, Any] = schemas.decode(raw)
        offered[document["id"]] = number
        score, reasons = scored[number]
        shown.append(MatchCandidate(document, score, tuple(reasons)))
    answer = space.around.match(claim, shown) if space.around.match and shown else None
    if answer is None:
        return scored
    shown_to_it = {*offered.values()}
    ours = {number: found for number, found in scored.items() if number not in shown_to_it}
    return ours | {offered[item.fiche["id"]]: (item.score, list(item.reasons)) for item in answer if item.fiche.get("id") in offered}
