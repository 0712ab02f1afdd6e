"""What sources may say, in a world so small that they meet all the time; and the plainest reading of what stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from hypothesis import strategies as st

from hub.authority import Authority, declared_rules
from hub.merge import merge
from hub.model.claims import EDITOR, Claim, Merged
from hub.model.declarations import (
    Flag,
    ListOf,
    MapOf,
    Number,
    Record,
    Shape,
    Words,
    fiche_record,
    part_record,
)
from hub.model.fiche import FICHE_TYPES, KINDS, Kind, Rule
from hub.schemas import claim_digest

AUTHORITY = Authority.load()
EQUALS = ("sociaal-brussels", "sociale-kaart")
SOURCES = (*EQUALS, "excel", "kbo", "cobrha", "onbekend", EDITOR)
STREET = {"type": "visit", "postcode": "3000", "street": {"nl": "Bondgenotenlaan"}, "house_number": "1"}


def as_bytes(merged: Merged) -> bytes:
    return orjson.dumps(merged, option=orjson.OPT_SORT_KEYS)


def says(source: str, content: dict[str, Any], *, external_id: str = "1", kind: Kind = "organisatie", **more: Any) -> Claim:
    return Claim(source, external_id, more.pop("revision", 1), kind, content, **more)


def merged_content(*claims: Claim) -> dict[str, Any]:
    content = merge(claims, AUTHORITY).content
    assert content is not None
    return content


# --- random claims in a world so small that they meet all the time -----------------------------------------------------------------

VISIBILITIES = st.sampled_from(["public", "professional", "internal"])
TEXTS = st.sampled_from(
    [{"nl": "Zorg"}, {"nl": "zorg "}, {"nl": "Hulp", "fr": "Aide"}, {"nl": "hulp"}, {"fr": "Aide"}, {"nl": "Hulp", "fr": "Secours"}]
)


def some(fixed: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fixed, optional=optional)


ABOUT_CONTACTS: dict[str, st.SearchStrategy[Any]] = {
    "label": TEXTS,
    "purpose": st.sampled_from(["general", "emergency", "colleagues"]),
    "visibility": VISIBILITIES,
}
CONTACTS = some({"kind": st.sampled_from(["phone", "mobile", "email"]), "value": st.sampled_from(["a", "b"])}, **ABOUT_CONTACTS) | some(
    {"kind": st.just("website"), "value": st.sampled_from(["http://a.be", "https://a.be", "https://a.be/", "http://b.be"])}, **ABOUT_CONTACTS
)
ADDRESSES = some(
    {"postcode": st.sampled_from(["3000", "9000"]), "street": TEXTS},
    type=st.sampled_from(["visit", "administrative", "emergency"]),
    house_number=st.sampled_from(["12A", "12 a"]),
    box=st.sampled_from(["1", "2"]),
    visibility=VISIBILITIES,
)
RIZIV = ("10000013", "10000013001", "10000013002")
IDENTIFIERS = some({"system": st.just("kbo"), "value": st.sampled_from(["1", "2"])}, visibility=VISIBILITIES) | some(
    {"system": st.just("riziv-group"), "value": st.sampled_from(RIZIV)}, visibility=VISIBILITIES
)
ESTABLISHMENTS = some({"system": st.just("vestigingsnummer"), "value": st.sampled_from(["2000000042", "2000000141"])})
REFS = st.sampled_from([{"id": f"00000000-0000-4000-8000-00000000000{digit}"} for digit in "12"])
MEETING: dict[str, st.SearchStrategy[Any]] = {
    "Text": TEXTS,
    "Contact": CONTACTS,
    "Address": ADDRESSES,
    "Identifier": IDENTIFIERS,
    "Ref": REFS,
    "PartRef": REFS,
    "Vestiging.identifiers": st.lists(ESTABLISHMENTS, min_size=1, max_size=1),
    "legal_form": st.sampled_from([{"scheme": "s", "code": "1"}, {"scheme": "s", "code": "2"}]),
    "names": st.lists(some({"text": TEXTS}, use=st.sampled_from(["official", "short"]), visibility=VISIBILITIES), min_size=1, max_size=3),
    "field_visibility": st.dictionaries(st.sampled_from(["description", "languages"]), VISIBILITIES, min_size=1),
    "keys": st.lists(st.sampled_from(["a:1", "a:2", "b:1", "b:2"]), min_size=1, max_size=2, unique=True),
}
"""Declaration, declaration and field, or field -> values that are often one, or nearly. All else that is declared gets a few values of its shape."""
FORMATS = {
    "date": ("2026-01-01", "2026-11-22", "2026-12-31"),
    "moment": ("2026-11-22T09:00:00Z", "2026-11-23T09:00:00Z"),
    "time": ("12:30", "24:00"),
    "opening time": ("00:00", "09:00"),
    "url": ("https://example.org", "https://example.org/b"),
    "language": ("nl", "fr", "de"),
    "identifier system": ("kbo", "riziv-group"),
}


def values(shape: Shape, owner: str = "", name: str = "") -> st.SearchStrategy[Any]:
    """What sources say of a field with this declared shape."""
    declared = shape.name.removesuffix("Claim") if isinstance(shape, Record) else ""
    known = next((MEETING[each] for each in (f"{owner}.{name}", name, declared) if each in MEETING), None)
    if known is not None:
        return known
    match shape:
        case Words(choices=choices) if choices:
            return st.sampled_from(choices)
        case Words(format=str(form)):
            return st.sampled_from(FORMATS[form])
        case Words():
            return st.sampled_from(["1", "2"])
        case Flag():
            return st.booleans()
        case Number():
            return st.integers(1, 2)
        case MapOf(keys=keys, choices=choices):
            return st.dictionaries(st.sampled_from(keys), st.sampled_from(choices), min_size=1, max_size=2)
        case ListOf(item=item):
            return st.lists(values(item), min_size=1, max_size=3)
        case Record():
            fields = {field.name: values(field.shape, declared, field.name) for field in shape if field.name != "id"}
            needed = {field.name for field in shape if field.required}
            return some({name: fields[name] for name in fields if name in needed}, **{name: fields[name] for name in fields if name not in needed})


SAID: dict[Kind, dict[str, st.SearchStrategy[Any]]] = {
    kind: {
        field.name: values(field.shape, FICHE_TYPES[kind].__name__, field.name)
        for field in fiche_record(kind, claim=True)
        if field.name not in ("id", "kind")
    }
    for kind in KINDS
}
"""Kind -> every declared field -> what sources say of it."""
RULES: dict[Kind, Mapping[str, Rule]] = {kind: declared_rules(FICHE_TYPES[kind]) for kind in KINDS}
OFTEN = (
    "description",
    "visibility",
    "legal_form",
    "umbrella",
    "names",
    "identifiers",
    "contacts",
    "languages",
    "gov_info",
    "field_visibility",
    "vestigingen",
)
"""What an organisatie often says, so that claims meet; each of the others comes now and then."""


@st.composite
def contents(draw: st.DrawFn, kind: Kind = "organisatie") -> dict[str, Any]:
    """Some declared fields of this kind."""
    fields = SAID[kind]
    often = [name for name in OFTEN if name in fields]
    chosen = draw(st.sets(st.sampled_from(often))) | draw(st.sets(st.sampled_from(sorted(fields)), max_size=4))
    return {name: draw(fields[name]) for name in fields if name in chosen}


CONTENTS = contents()
VESTIGINGEN = values(part_record("vestigingen", claim=True))
EXCLUDED = some(
    {},
    contacts=st.lists(CONTACTS, max_size=2),
    languages=st.lists(st.sampled_from(["nl", "fr"]), max_size=1),
    vestigingen=st.lists(VESTIGINGEN, max_size=1),
)


@st.composite
def claim(draw: st.DrawFn, kinds: Sequence[Kind] = ("organisatie",)) -> Claim:
    source = draw(st.sampled_from(SOURCES))
    kind = draw(st.sampled_from(kinds))
    return Claim(
        source,
        draw(st.sampled_from(["1", "2"])),
        draw(st.integers(0, 2)),
        kind,
        draw(contents(kind)),
        gone=draw(st.sampled_from([False] * 7 + [True])),
        excluded=draw(st.one_of(st.just({}), EXCLUDED)),
        partner=draw(st.sampled_from([None] * 4 + ["gent"])),
    )


CLAIMS = st.lists(claim(), min_size=1, max_size=4)


def standing(claims: Sequence[Claim]) -> list[Claim]:
    """The plainest reading of "the higher (revision, digest) stands"."""
    best: dict[tuple[str, str, str | None], Claim] = {}
    for one in sorted(claims, key=lambda one: (one.revision, claim_digest(one))):
        best[one.source, one.external_id, one.partner] = one
    return list(best.values())


def rank(group: Any, one: Claim) -> int:
    return -9 if one.partner else AUTHORITY.rank(group, one.source, one.kind)


def speaking(claims: Sequence[Claim]) -> list[Claim]:
    """Live standing claims; none where all that is left is what an editor decided."""
    live = [one for one in standing(claims) if not one.gone]
    return live if any(one.source != EDITOR or one.partner for one in live) else []


def heard(group: Any, claims: Sequence[Claim]) -> list[Claim]:
    """Live standing claims that may speak on the group: not the editor's where its owner speaks, or nobody else does."""
    live = speaking(claims)
    locked = AUTHORITY.locked(group, [one.source for one in live if one.partner is None], claims[0].kind)
    return [one for one in live if not (locked and one.source == EDITOR and one.partner is None)]


VOLATILE = ("patientenstop", "on_call", "waiting_list")


def is_over(value: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> bool:
    """The plainest reading of "it was over before another one was asserted", in a world where moments are of midday. Who says something that is over
    already knows nothing of later days."""
    until = value.get("valid_until", "9999")
    return any(until < min(other.get("asserted_at", "")[:10], other.get("valid_until", "9999")) for other in others)
