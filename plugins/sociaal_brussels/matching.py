"""Whether an organisation of sociaal.brussels is one that another source knows: names in two languages, legal forms aside. Pure.

It only gives the review queue better scores and reasons; nothing is joined by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from hub import Claim, MatchCandidate, words
from plugins.sociaal_brussels.translate import SOURCE

_LEGAL_FORMS: Final = frozenset(("vzw", "asbl", "ivzw", "aisbl", "bv", "bvba", "srl", "sprl", "nv", "sa", "cv", "sc", "cvba", "scrl", "vof", "snc"))
_ARTICLES: Final = frozenset(("de", "het", "een", "van", "en", "la", "le", "les", "l", "un", "une", "du", "des", "d", "et"))
_NAME_WEIGHTS: Final = {"name": 0.6, "name in another language": 0.6, "similar name": 0.35}
_HUB_WEIGHTS: Final = {"establishment": 0.9, "kbo": 0.5, "phone": 0.4, "name": 0.6}
_ADDRESS_WEIGHT: Final = 0.5
_SIMILAR: Final = 0.6

Name = frozenset[str]


def rescored(incoming: Claim, candidates: Sequence[MatchCandidate]) -> list[MatchCandidate]:
    """The candidates, each with what names and addresses say added to the reasons of the hub; the best first, in a stable order.

    Where the hub found an enterprise number only, and neither name nor address speaks for it, it is one of many services of a large enterprise:
    such a candidate loses half of its score.
    """
    return sorted((_rescored(incoming, one) for one in candidates), key=lambda one: -one.score)


def _rescored(incoming: Claim, candidate: MatchCandidate) -> MatchCandidate:
    name = _name_reason(incoming.content, candidate.fiche)
    address = _addresses(incoming.content) & _addresses(candidate.fiche)
    weights = {reason: _HUB_WEIGHTS.get(reason, 0.0) for reason in candidate.reasons}
    if name and not (name == "similar name" and "name" in weights):
        weights.pop("name", None)  # the hub's word for what is said more precisely here
        weights[name] = _NAME_WEIGHTS[name]
    if address:
        weights["address"] = _ADDRESS_WEIGHT
    doubt = 1.0
    for weight in weights.values():
        doubt *= 1 - weight
    score = 1 - doubt
    if set(weights) == {"kbo"}:
        score /= 2
    return replace(candidate, score=round(score, 3), reasons=tuple(sorted(weights)))


def _name_reason(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> str | None:
    ours, others = list(_names(mine)), list(_names(theirs))
    shared = {language for language, name in ours if (language, name) in others}
    if shared:
        return "name"
    if {name for _, name in ours} & {name for _, name in others}:
        return "name in another language"
    if any(_alike(name, other) >= _SIMILAR for _, name in ours for _, other in others):
        return "similar name"
    return None


def _names(fiche: Mapping[str, Any]) -> Iterator[tuple[str, Name]]:
    """The names by language, as the set of words that say something: no legal form, no articles."""
    for name in fiche.get("names", ()):
        for language, text in name["text"].items():
            said = frozenset(words(text.replace(".", ""))) - _LEGAL_FORMS  # v.z.w. is one word
            if said:
                yield language, (said - _ARTICLES) or said


def _alike(one: Name, other: Name) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0


def _addresses(fiche: Mapping[str, Any]) -> set[tuple[str, str, Name]]:
    """Postcode, house number, and the words of the street in each language."""
    return {
        (address["postcode"], address["house_number"], frozenset(words(street)))
        for site in fiche.get("vestigingen", ())
        for address in site.get("addresses", ())
        if "postcode" in address and "house_number" in address
        for street in address.get("street", {}).values()
    }


def match(incoming: Claim, candidates: Sequence[MatchCandidate]) -> list[MatchCandidate] | None:
    """The answer to the hook: `None` when neither side is ours, so that other plugins may answer."""
    if incoming.kind != "organisatie":
        return None
    ours = incoming.source == SOURCE or any(SOURCE in one.fiche.get("in_scope_of", ()) for one in candidates)
    return rescored(incoming, candidates) if ours else None
