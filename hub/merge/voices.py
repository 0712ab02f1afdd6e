"""By whom each item of a list is said: what the provenance of a whole field does not tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hub.merge.items import is_meant
from hub.merge.lasting import was_over
from hub.merge.plans import ITEMS, VALUES, plan_of
from hub.model.claims import Claim
from hub.model.fiche import Document

Voices = dict[str, tuple[tuple[str, ...], ...]]


def voices(document: Document, claims: Iterable[Claim]) -> Voices:
    """Field -> for each of its items, in the order of the document, the sources that state it: of the lists that sources fill together.

    `claims`: those that the fiche was merged of. The document may be projected; no item is told that is not in it.
    """
    standing, found = list(claims), Voices()
    for field in plan_of(document["kind"]):
        if field.how not in (ITEMS, VALUES) or not document.get(field.name):
            continue
        vague = field.vague
        by_key: dict[object, list[tuple[str, Any]]] = {}
        by_thing: dict[object, set[str]] = {}
        for claim in standing:
            for item in claim.content.get(field.name) or ():
                for key in field.keys(item):
                    by_key.setdefault(key, []).append((claim.source, item))
                if vague is not None and vague.is_vague(item):  # it goes where a precise one says all that it does
                    for thing in vague.things(item):
                        by_thing.setdefault(thing, set()).add(claim.source)
        told = []
        for item in document[field.name]:
            stating = [one for key in field.keys(item) for one in by_key.get(key, ())]
            saying = {source for source, other in stating if is_meant(field, [item], other) and not (field.volatile and was_over(other, item))}
            if vague is not None and by_thing:
                saying |= {source for thing in vague.things(item) for source in by_thing.get(thing, ())}
            told.append(tuple(sorted(saying)))
        found[field.name] = tuple(told)
    return found
