"""By whom each item is said: everybody who states it, and nobody else."""

from __future__ import annotations

from hypothesis import given

from hub.merge import merge, voices
from hub.model.claims import Claim
from tests.merge.saying import AUTHORITY, CLAIMS, merged_content, says, standing

OFFICE = {"postcode": "3000", "street": {"nl": "Bondgenotenlaan"}, "house_number": "1"}


@given(CLAIMS)
def test_every_item_is_said_by_somebody_who_contributes_to_its_list(claims: list[Claim]) -> None:
    live = [claim for claim in standing(claims) if not claim.gone]
    merged = merge(claims, AUTHORITY)
    if merged.content is None:
        return
    told = voices(merged.content, live)
    by_field = {item.field: {source for source, _, _ in item.claims} for item in merged.provenance}
    for field, items in told.items():
        assert len(items) == len(merged.content[field])
        assert all(set(saying) <= {claim.source for claim in live if claim.content.get(field)} for saying in items)
        assert all(items), f"nobody says an item of {field}"
        assert by_field[field] <= {source for saying in items for source in saying}


def test_an_item_is_said_by_whoever_states_it_however_it_is_spelled() -> None:
    one = says("sociale-kaart", {"contacts": [{"kind": "phone", "value": "a"}, {"kind": "website", "value": "http://a.be/"}], "languages": ["nl"]})
    other = says("excel", {"contacts": [{"kind": "mobile", "value": "a"}, {"kind": "website", "value": "https://a.be"}], "languages": ["fr", "nl"]})
    third = says("cobrha", {"contacts": [{"kind": "phone", "value": "b"}]})
    content = merged_content(one, other, third)
    told = voices(content, [one, other, third])
    contacts = {item["value"]: saying for item, saying in zip(content["contacts"], told["contacts"], strict=True)}
    assert contacts == {"a": ("excel", "sociale-kaart"), "https://a.be": ("excel", "sociale-kaart"), "b": ("cobrha",)}
    assert dict(zip(content["languages"], told["languages"], strict=True)) == {"nl": ("excel", "sociale-kaart"), "fr": ("excel",)}
    assert "vestigingen" not in told


def test_who_leaves_out_the_type_of_an_address_says_the_one_with_a_type() -> None:
    vague = says("sociale-kaart", {"addresses": [OFFICE]}, kind="zorgverlener")
    precise = says("cobrha", {"addresses": [{"type": "practice", **OFFICE}]}, kind="zorgverlener")
    content = merged_content(vague, precise)
    assert len(content["addresses"]) == 1
    assert voices(content, [vague, precise]) == {"addresses": (("cobrha", "sociale-kaart"),)}


def test_of_a_projected_document_no_more_is_told_than_it_holds() -> None:
    claims = [says("excel", {"languages": ["nl"]}), says("kbo", {"languages": ["fr"], "contacts": [{"kind": "phone", "value": "a"}]})]
    assert voices({"kind": "organisatie", "languages": ["fr"]}, claims) == {"languages": (("kbo",),)}
