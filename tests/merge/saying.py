"""What sources may say, in a world so small that they meet all the time; and the plainest reading of what stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from hypothesis import strategies as st

from hub.authority import Authority
from hub.merge import merge
from hub.model.claims import EDITOR, Claim, Merged
from hub.model.fiche import Kind
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
TEXTS = st.sampled_from([{"nl": "Zorg"}, {"nl": "zorg "}, {"nl": "Hulp", "fr": "Aide"}, {"nl": "hulp"}, {"fr": "Aide"}, {"nl": "Hulp", "fr": "Secours"}])


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
VESTIGINGEN = some(
    {},
    keys=st.lists(st.sampled_from(["a:1", "a:2", "b:1", "b:2"]), min_size=1, max_size=2, unique=True),
    name=TEXTS,
    identifiers=st.lists(some({"system": st.just("vestigingsnummer"), "value": st.sampled_from(["2000000042", "2000000141"])}), min_size=1, max_size=1),
    addresses=st.lists(ADDRESSES, min_size=1, max_size=2),
    contacts=st.lists(CONTACTS, min_size=1, max_size=2),
    visibility=VISIBILITIES,
)
CONTENTS = some(
    {},
    description=TEXTS,
    visibility=VISIBILITIES,
    legal_form=st.sampled_from([{"scheme": "s", "code": "1"}, {"scheme": "s", "code": "2"}]),
    umbrella=st.booleans(),
    names=st.lists(some({"text": TEXTS}, use=st.sampled_from(["official", "short"]), visibility=VISIBILITIES), min_size=1, max_size=3),
    identifiers=st.lists(IDENTIFIERS, min_size=1, max_size=2),
    contacts=st.lists(CONTACTS, min_size=1, max_size=3),
    languages=st.lists(st.sampled_from(["nl", "fr", "de"]), min_size=1, max_size=3),
    gov_info=st.lists(some({"type": st.just("other"), "value": TEXTS}, url=st.just("https://example.org")), min_size=1, max_size=2),
    field_visibility=st.dictionaries(st.sampled_from(["description", "languages"]), VISIBILITIES, min_size=1),
    vestigingen=st.lists(VESTIGINGEN, min_size=1, max_size=3),
)
EXCLUDED = some({}, contacts=st.lists(CONTACTS, max_size=2), languages=st.lists(st.sampled_from(["nl", "fr"]), max_size=1), vestigingen=st.lists(VESTIGINGEN, max_size=1))


@st.composite
def claim(draw: st.DrawFn, kinds: Sequence[Kind] = ("organisatie",)) -> Claim:
    source = draw(st.sampled_from(SOURCES))
    kind = draw(st.sampled_from(kinds))
    return Claim(
        source,
        draw(st.sampled_from(["1", "2"])),
        draw(st.integers(0, 2)),
        kind,
        draw(CONTENTS) if kind == "organisatie" else {"description": draw(TEXTS)},
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
    return -9 if one.partner else AUTHORITY.rank(group, one.source)


def heard(group: Any, claims: Sequence[Claim]) -> list[Claim]:
    """Live standing claims that may speak on the group: not the editor's where its owner speaks."""
    live = [one for one in standing(claims) if not one.gone]
    locked = AUTHORITY.locked(group, [one.source for one in live if one.partner is None])
    return [one for one in live if not (locked and one.source == EDITOR and one.partner is None)]
