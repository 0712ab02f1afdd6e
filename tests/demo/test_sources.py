"""Several sources that look at one world: what they share, what each knows alone, and that none of it is real."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson
import pytest

from hub.concepts_data import schemes as own_schemes
from hub.demo import World, defects
from hub.demo.rubrieken import mappings, rubrieken, schemes
from hub.model.claims import Claim
from hub.model.contact_values import normalise_email, normalise_phone, normalise_website
from hub.schemas import check

SSIN_LIKE = re.compile(r"\b\d{2}[.]\d{2}[.]\d{2}-\d{3}[.]\d{2}\b")
IMPOSSIBLE = re.compile(r"\+32(?:[2349]00\d{5}|(?:1[1456]|5[013-69]|6[15]|71|81)00\d{4}|4[5-9]\d00\d{4})")


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def claims(world: World) -> list[Claim]:
    return list(all_claims(world))


def all_claims(world: World) -> Iterator[Claim]:
    yield from world.to_claims()
    yield from world.register_claims()
    yield from world.brussels_claims()
    yield from world.overlay_claims()


def values(content: Any, key: str) -> Iterator[Any]:
    """Every value under this key, at any depth."""
    if isinstance(content, dict):
        for name, value in content.items():
            if name == key:
                yield value
            yield from values(value, key)
    elif isinstance(content, list):
        for item in content:
            yield from values(item, key)


def test_every_claim_passes_the_checker(claims: list[Claim]) -> None:
    for claim in claims:
        check(claim.kind, claim.content, claim=True)
    assert Counter(claim.source for claim in claims) == {
        "sociale-kaart": 2_000 + 2_800 + 800,
        "progezondheid": 2_000,
        "sociaal-brussels": World().brussels_count,
        "lokale-kaart": 20,
    }


def test_claims_say_each_thing_once(claims: list[Claim]) -> None:
    names = [(claim.source, claim.external_id) for claim in claims]
    assert len(set(names)) == len(names)


def test_claims_are_of_full_size(claims: list[Claim]) -> None:
    organisaties = [len(orjson.dumps(c.content)) for c in claims if c.source == "sociale-kaart" and c.kind == "organisatie"]
    assert 1_300 < sum(organisaties) / len(organisaties) < 1_700


def test_claims_share_nothing_that_could_be_changed(world: World) -> None:
    def first() -> list[Claim]:
        return list(islice(world.to_claims(), 60))

    before = [orjson.dumps(claim.content) for claim in first()]
    for claim in first():
        spoil(claim.content)
    assert [orjson.dumps(claim.content) for claim in first()] == before


def spoil(value: Any) -> None:
    """Change every list and dictionary in this, at any depth."""
    if isinstance(value, dict):
        for item in value.values():
            spoil(item)
        value.clear()
    elif isinstance(value, list):
        for item in value:
            spoil(item)
        value.append("spoiled")


def test_links_lead_to_claims(claims: list[Claim]) -> None:
    known = {(claim.source, claim.external_id): claim.kind for claim in claims}
    sites = {key for claim in claims for part in claim.content.get("vestigingen", ()) for key in part.get("keys", ())}
    kinds = {
        "organisatie": "organisatie",
        "parent": "organisatie",
        "provided_by": "organisatie",
        "zorgverlener": "zorgverlener",
    }
    for claim in claims:
        for field, kind in kinds.items():
            for ref in values(claim.content, field):
                assert known[ref["source"], ref["external_id"]] == kind
        if claim.kind == "aanbod":
            assert all(ref["key"] in sites for ref in claim.content.get("vestigingen", ()))
        assert all(name in known for name in claim.same_as)


def test_codes_are_concepts_of_the_schemes_that_are_loaded(claims: list[Claim], world: World) -> None:
    known = {(c.scheme, c.code) for scheme in (*own_schemes(), *world.concepts()) for c in scheme.concepts}

    def codes(content: Any) -> Iterator[tuple[str, str]]:
        if isinstance(content, dict):
            if content.keys() == {"scheme", "code"}:
                yield content["scheme"], content["code"]
            for value in content.values():
                yield from codes(value)
        elif isinstance(content, list):
            for item in content:
                yield from codes(item)

    used = {code for claim in claims for code in codes(claim.content)}
    assert used - known == set()
    assert {scheme for scheme, _ in used} >= {
        "rubriek",
        "cd-hcparty",
        "sociaal-brussels",
        "target-group",
        "legal-form",
    }


def test_the_register_and_the_directory_meet_in_the_riziv_number(claims: list[Claim]) -> None:
    in_register = {c.external_id for c in claims if c.source == "progezondheid"}
    persons = [c for c in claims if c.source == "sociale-kaart" and c.kind == "zorgverlener"]
    numbers = [c.content["identifiers"][0]["value"][:8] for c in persons if "identifiers" in c.content]
    assert 0.88 * len(persons) < len(numbers) < 0.96 * len(persons)
    assert set(numbers) <= in_register
    assert len(in_register) == 2_000


def test_the_directory_shows_no_administrative_address_and_the_register_no_contact(
    claims: list[Claim],
) -> None:
    for claim in claims:
        if claim.kind == "zorgverlener":
            kinds = {address["type"] for address in claim.content["addresses"]}
            assert ("administrative" in kinds) == (claim.source == "progezondheid")
            assert claim.source == "sociale-kaart" or "contacts" not in claim.content


@pytest.mark.parametrize("size", ["S", "M"])
def test_brussels_organisations_overlap_with_the_directory(size: str) -> None:
    world = World(size=size)  # type: ignore[arg-type]
    listings = list(world.brussels_organisations())
    shared = [listing for listing in listings if listing.in_sociale_kaart is not None]
    indexes = [i for i in range(world.organisation_count) if world.layout.in_brussels(i)]
    brussels = [o for o in map(world.organisation, indexes) if o.form == "organisatie"]
    tolerance = 4 * (0.21 / len(brussels)) ** 0.5
    assert abs(len(shared) / len(listings) - defects.ALSO_IN_SOCIAAL_BRUSSELS) < 0.02
    assert abs(len(shared) / len(brussels) - defects.ALSO_IN_SOCIAAL_BRUSSELS) < tolerance
    respelled = 0
    for listing in shared:
        assert listing.in_sociale_kaart is not None
        mine = world.organisation(listing.in_sociale_kaart)
        assert (mine.kbo, mine.sites, mine.contacts) == (
            listing.org.kbo,
            listing.org.sites,
            listing.org.contacts,
        )
        respelled += (mine.name_nl, mine.name_fr) != (listing.org.name_nl, listing.org.name_fr)
    assert abs(respelled / len(shared) - defects.RESPELLED_NAME) < 4 * (0.24 / len(shared)) ** 0.5
    mine_alone = {listing.org.kbo for listing in listings if listing.in_sociale_kaart is None}
    assert not mine_alone & {org.kbo for org in brussels}
    assert all(listing.org.form == "organisatie" and listing.org.name_fr for listing in listings)
    assert len({listing.id for listing in listings}) == len(listings)


def test_nothing_can_be_mistaken_for_somebody_real(claims: list[Claim]) -> None:
    kinds: Counter[str] = Counter()
    for claim in claims:
        for contact in (c for contacts in values(claim.content, "contacts") for c in contacts):
            kinds[contact["kind"]] += 1
            value = contact["value"]
            if contact["kind"] in ("phone", "mobile"):
                assert IMPOSSIBLE.fullmatch(value), value
            elif contact["kind"] == "email":
                assert value.endswith("@example.org")
            else:
                assert re.fullmatch(r"https://[a-z0-9-]+\.example\.org", value)
        for url in (*values(claim.content, "address"), *values(claim.content, "source_url")):
            assert re.match(r"https://[a-z0-9-]+\.example\.org/", url)
        assert not SSIN_LIKE.search(orjson.dumps(claim.content).decode())
        assert "ssin" not in set(values(claim.content, "system"))
    assert kinds.keys() == {"phone", "mobile", "email", "website"}
    assert "fictieve" in World.title.lower()


def test_contacts_come_normalised_beside_what_was_typed(world: World) -> None:
    normalise = {
        "phone": normalise_phone,
        "mobile": normalise_phone,
        "email": normalise_email,
        "website": normalise_website,
    }
    everybody = [c for o in world.organisations() for c in (*o.contacts, *(s for site in o.sites for s in site.contacts))]
    everybody += [c for p in world.persons() for c in p.contacts]
    for contact in everybody:
        assert normalise[contact.kind](contact.raw) == contact.value


def test_labels_that_were_made_up_say_so() -> None:
    concepts = [concept for scheme in schemes() for concept in scheme.concepts]
    assert all("(synthetisch)" in c.labels["nl"] for c in concepts if not c.official)
    official = {c.code: c.labels["nl"] for c in concepts if c.official}
    assert official == {
        "02.06.01": "Ziekenhuizen",
        "06": "OPLEIDING, WERKLOOSHEID EN TEWERKSTELLING",
        "10.07.02": "Groepsopvang voor kinderen",
        "10.07.03": "Gezinsopvang voor kinderen",
        "13.02.02": "Observatie- en behandelcentra (OBC)",
        "13.08": "Dagopvang personen met een handicap",
        "13.09": "Woonondersteuning personen met een handicap",
        "14.04.01": "Woonzorgcentra (WZC)",
        "19": "Gezondheidszorgberoepen",
    }


def test_rubrieken_form_a_tree_of_four_levels_under_nineteen_headings() -> None:
    every = World().rubrieken()
    assert [code for code in every if len(code) == 2] == [f"{n:02d}" for n in range(1, 20)]
    assert all(r.broader in every for r in every.values() if r.broader)
    assert {code.count(".") for code in every} == {0, 1, 2, 3}
    assert 140 <= len(every) <= 180
    assert every["14.04.01"].numbered_label == "14.04.01. Woonzorgcentra (WZC)"
    renamed = [r for r in every.values() if r.renamed_label != r.numbered_label]
    assert renamed
    assert all(r.renamed_label.startswith(f"{r.code}. ") for r in renamed)


def test_a_category_of_one_region_is_used_in_that_region_only() -> None:
    world = World(size="M")
    regional = {code: r.regions for code, r in rubrieken().items() if r.regions}
    orgs = list(islice(world.organisations(), 8_000))
    used = {(org.rubriek, org.region) for org in orgs if org.rubriek in regional}
    assert all(region in regional[code] for code, region in used)
    assert any(code == "14.04.03" for code, _ in used)
    assert all(org.region in regional[code] for org in orgs[:4_000] for offer in world.offers_of(org) for code in offer.rubrieken if code in regional)


def test_mappings_join_concepts_that_exist_and_leave_some_out() -> None:
    known = {f"{c.scheme}|{c.code}" for scheme in (*schemes(), *own_schemes()) for c in scheme.concepts}
    assert {m.subject for m in mappings()} | {m.object for m in mappings()} <= known
    assert {m.relation for m in mappings()} >= {"exact", "close", "broad"}
    mapped = {m.subject for m in mappings()}
    assert {"sociaal-brussels|9703", "sociaal-brussels|9803"}.isdisjoint(mapped)


def test_own_schemes_are_complete_in_four_languages() -> None:
    (scheme,) = own_schemes()
    codes = {concept.code for concept in scheme.concepts}
    assert scheme.code == "cd-hcparty"
    assert {
        "persphysician",
        "persnurse",
        "persphysiotherapist",
        "persdentist",
        "perspharmacist",
        "persmidwife",
    } <= codes
    assert {"orghospital", "orgretirementhome", "orgpractice", "orgpharmacy"} <= codes
    for concept in scheme.concepts:
        assert concept.labels.keys() == {"nl", "fr", "de", "en"}
        assert all(concept.labels.values())
        assert concept.broader is None or concept.broader in codes
        assert concept.official
