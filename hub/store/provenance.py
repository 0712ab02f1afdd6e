"""Where the values of a fiche come from and what its sources disagree about, as the table `fiche` keeps them.

Most fiches have one source. Its name is then all that is kept: the fields are those of the document itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

import orjson

from hub.model.claims import Claim, Conflict, Merged, Provenance
from hub.model.fiche import PARTS, Document

_OWN: Final = frozenset({"id", "kind", "keys"})
"""What the hub itself writes into a fiche or a part."""
_Said = tuple[str, str, int]


def encode_sole(claim: Claim, stated: list[str]) -> bytes:
    """What `encode_provenance` gives for a fiche with this claim alone, which states the visibility of the fields in `stated`."""
    told: dict[str, object] = {"claims": [(claim.source, claim.external_id, claim.revision)]}
    if stated:
        told["visibility"] = stated
    return orjson.dumps(told)


def encode_provenance(outcome: Merged) -> bytes | None:
    """`{"claims": [[source, external id, revision]], "fields": {field: [place in claims]}}`; None when nothing stands.

    Of one claim `{"claims": [...], "visibility": [path]}`: it gave every field. Only a visibility may also be the hub's own,
    so the ones that the claim stated are listed. `outcome` as `merge` gave it, not yet stamped.
    """
    if outcome.content is None or not outcome.provenance:
        return None
    first = outcome.provenance[0].claims
    if len(first) == 1 and all(item.claims is first or item.claims == first for item in outcome.provenance):
        told: dict[str, object] = {"claims": first}
        stated = [item.field for item in outcome.provenance if item.field.endswith("visibility")]
        if stated:
            stated = [name for name in stated if name.rpartition(".")[2] == "visibility"]
        if stated:
            told["visibility"] = stated
        return orjson.dumps(told)
    claims: dict[_Said, int] = {}
    fields = {item.field: [claims.setdefault(claim, len(claims)) for claim in item.claims] for item in outcome.provenance}
    return orjson.dumps({"claims": list(claims), "fields": fields})


def decode_provenance(data: bytes | None, document: Document | None) -> tuple[Provenance, ...]:
    """What `encode_provenance` wrote about this stamped document, in the order of the names of the fields."""
    if data is None or document is None:
        return ()
    told = orjson.loads(data)
    claims = [cast(_Said, tuple(claim)) for claim in told["claims"]]
    if "fields" in told:
        return tuple(Provenance(name, tuple(claims[place] for place in places)) for name, places in sorted(told["fields"].items()))
    stated = told.get("visibility", ())
    names = [name for name in _fields(document) if name.rpartition(".")[2] != "visibility" or name in stated]
    return tuple(Provenance(name, tuple(claims)) for name in sorted(names))


def _fields(document: Document) -> Iterator[str]:
    """The names of the fields of a fiche and of its parts, as `merge` names them."""
    kind = document["kind"]
    for name, value in document.items():
        if name in _OWN:
            continue
        yield name
        if name in PARTS and PARTS[name][0] == kind:
            for part in value:
                path = f"{name}[{part['keys'][0]}]."
                yield from (path + inner for inner in part if inner not in _OWN)


def encode_conflicts(outcome: Merged) -> bytes | None:
    """`[[field, [[source, external id, value], ...]], ...]`; None when all agree."""
    if not outcome.conflicts:
        return None
    return orjson.dumps([[item.field, item.values] for item in outcome.conflicts], option=orjson.OPT_SORT_KEYS)


def decode_conflicts(data: bytes | None) -> tuple[Conflict, ...]:
    """What `encode_conflicts` wrote."""
    if data is None:
        return ()
    return tuple(Conflict(name, tuple((source, external_id, value) for source, external_id, value in values)) for name, values in orjson.loads(data))
