"""What is wrong on purpose occurs as often as it says."""

import math
from datetime import date
from itertools import islice

import pytest

from hub.demo import TODAY, Offer, Org, Person, World, defects
from hub.demo.settlement import Settlement
from hub.model.identifiers import KBO, RIZIV, RIZIV_GROUP, VESTIGING, normalise, riziv_check_digits
from hub.places import places

OLD_CODES = {code for m in places() for code in places().predecessors(m.refnis)}


@pytest.fixture(scope="module")
def world() -> World:
    return World(size="M")


@pytest.fixture(scope="module")
def persons(world: World) -> list[Person]:
    return list(world.persons())


@pytest.fixture(scope="module")
def orgs(world: World) -> list[Org]:
    return list(islice(world.organisations(), 24_000))


@pytest.fixture(scope="module")
def offers(world: World) -> list[Offer]:
    return list(islice(world.offers(), 28_000))


def near(found: int, of: int, rate: float) -> bool:
    """Within four standard deviations of what is expected: by chance wrong less than once in ten thousand."""
    return abs(found - of * rate) <= 4 * math.sqrt(of * rate * (1 - rate))


def test_rates_of_zorgverleners(persons: list[Person]) -> None:
    count = len(persons)
    reachable = [p for p in persons if p.contacts]
    assert near(count - len(reachable), count, defects.NO_CONTACT)
    hidden = [p for p in reachable if any(c.kind == "mobile" and c.visibility == "professional" for c in p.contacts)]
    assert near(len(hidden), len(reachable), defects.HIDDEN_MOBILE)
    assert near(sum(p.visibility is not None for p in persons), count, defects.NOT_PUBLIC)
    assert near(sum(not p.riziv_known for p in persons), count, defects.NO_RIZIV)
    assert near(sum(not p.active for p in persons), count, defects.INACTIVE_WITH_RIZIV)
    assert near(sum(len(p.offers) == 2 for p in persons), count, defects.SECOND_PRACTICE)
    second = [p for p in persons if sum(a.type == "practice" for a in p.addresses) == 2]
    assert near(len(second), count, defects.SECOND_PRACTICE)
    emergency = [a for p in persons for a in p.addresses if a.type == "emergency"]
    assert near(len(emergency), count, defects.EMERGENCY_ADDRESS)
    assert all(a.visibility == "internal" for a in emergency)


def test_riziv_numbers_are_valid_and_one_in_ten_by_modulus_89(persons: list[Person]) -> None:
    keys = {normalise(RIZIV, p.riziv)[:8] for p in persons}
    assert len(keys) == len(persons)
    assert all(len(p.riziv) == 11 for p in persons)
    by_89 = [p for p in persons if p.riziv[6:8] != riziv_check_digits(p.riziv[:6], 97)]
    assert near(len(by_89), len(persons), defects.MODULUS_89)
    assert {p.riziv[0] for p in by_89} <= set("1489")


def test_riziv_numbers_stay_apart_over_the_whole_register() -> None:
    world = World(size="L")
    numbers = {world._persons._professions.first6(index) for index in range(world.register_count)}
    assert len(numbers) == 780_000
    assert max(numbers) < "940000", "numbers from 94 on are those of groups"


def test_a_zorgverlener_without_contacts_works_where_there_are_some(world: World, persons: list[Person]) -> None:
    for person in persons[:500]:
        if not person.contacts:
            assert world.organisation(world.offer(person.offers[0]).org).contacts


def test_rates_of_organisaties(world: World, orgs: list[Org]) -> None:
    sites = [c for org in orgs for c in org.contacts if c.kind == "website"]
    assert near(sum("://" not in c.raw for c in sites), len(sites), defects.SCHEMELESS_WEBSITE)
    assert all(c.value == f"https://{c.raw}" for c in sites if "://" not in c.raw)
    assert near(sum(o.ceased_on is not None for o in orgs), len(orgs), defects.CEASED_KBO)
    places = [site.address for org in orgs if org.twin_of is None for site in org.sites]
    assert near(sum(a.position is None for a in places), len(places), defects.MISSING_COORDINATES)
    flemish = [s.address for o in orgs if o.twin_of is None and o.region == "vlaanderen" for s in o.sites]
    assert near(sum(a.municipality in OLD_CODES for a in flemish), len(flemish), defects.OLD_NIS)
    brussels = [o for o in orgs if o.region == "brussel"]
    assert near(sum(o.name_nl is None for o in brussels), len(brussels), defects.FRENCH_ONLY_NAME)
    assert abs(len(brussels) - len(orgs) / defects.BRUSSELS_EVERY) < len(orgs) / 1000
    assert abs(sum(o.form == "praktijk" for o in orgs) - len(orgs) / 3) <= 1


def test_an_address_in_brussels_has_two_languages_and_elsewhere_one(orgs: list[Org]) -> None:
    for org in orgs[:3_000]:
        for site in org.sites:
            expected = {"nl", "fr"} if org.region == "brussel" else {"nl"}
            assert set(site.address.street) == set(site.address.city) == expected


def test_positions_lie_near_their_municipality(orgs: list[Org]) -> None:
    for site in (site for org in orgs[:3_000] for site in org.sites):
        at = site.address
        if at.position and at.municipality not in OLD_CODES:
            centre = places().municipality(at.municipality)
            assert abs(at.position["lat"] - centre.lat) < 0.02
            assert abs(at.position["lon"] - centre.lon) < 0.03
            assert centre in places().by_postcode(at.postcode)


def test_twins_share_enterprise_establishment_and_address_and_are_two(world: World, orgs: list[Org]) -> None:
    twins = [org for org in orgs if org.twin_of is not None]
    assert len(twins) == len(range(defects.TWIN_OFFSET, len(orgs), defects.TWINS_EVERY))
    for twin in twins:
        assert twin.twin_of is not None
        first = orgs[twin.twin_of]
        assert first.form == twin.form == "organisatie"
        assert (first.kbo, first.region) == (twin.kbo, twin.region)
        assert first.sites[0].establishment == twin.sites[0].establishment
        assert first.sites[0].address == twin.sites[0].address
        assert first.rubriek != twin.rubriek
        assert first.sites[0].code != twin.sites[0].code
        assert world.source_id("organisatie", first.index) != world.source_id("organisatie", twin.index)
    others = [org for org in orgs if org.twin_of is None]
    assert len({org.kbo for org in others}) == len(others)
    numbers = [site.establishment for org in others for site in org.sites]
    assert len(set(numbers)) == len(numbers)


def test_numbers_of_organisaties_are_valid_but_not_given_out(orgs: list[Org]) -> None:
    for org in orgs[:2_000]:
        assert normalise(KBO, org.kbo) == org.kbo
        assert org.kbo.startswith("19")
        for site in org.sites:
            assert normalise(VESTIGING, site.establishment) == site.establishment
            assert site.establishment.startswith("89")
    groups = [org.riziv_group for org in orgs if org.riziv_group]
    assert len(set(groups)) == len(groups) > 1_000
    assert all(normalise(RIZIV_GROUP, number).startswith("94") for number in groups)


def test_rates_of_aanbod(orgs: list[Org], offers: list[Offer]) -> None:
    of_practices = [o for o in offers if orgs[o.org].form == "praktijk"]
    stops = [o.patientenstop for o in of_practices if o.patientenstop]
    assert near(len(stops), len(of_practices), defects.PATIENTENSTOP)
    expired = [s for s in stops if date.fromisoformat(s.valid_until) < TODAY]
    assert near(len(expired), len(stops), defects.EXPIRED_PATIENTENSTOP)
    assert all(s.asserted_at[:10] < s.valid_until for s in stops)

    others = [o for o in offers if orgs[o.org].form == "organisatie"]
    assert near(sum(o.waiting_list is not None for o in others), len(others), defects.WAITING_LIST)
    online = [o for o in others if o.delivery == ("online",)]
    assert near(len(online), len(others), defects.ONLINE_ONLY)
    assert all(not o.sites for o in online)
    assert near(sum(o.supervised_since is not None for o in others), len(others), defects.SUPERVISED)
    outsourced = sum(o.provided_by is not None for o in others)
    assert near(outsourced, len(others), defects.OUTSOURCED)


def test_a_quarter_of_all_aanbod_is_for_children_handicap_and_elderly(offers: list[Offer]) -> None:
    care = sum(o.rubrieken[0][:2] in defects.HEADINGS_OF_CARE for o in offers)
    assert abs(care / len(offers) - defects.SHARE_OF_CARE) < 0.025
    assert 0.25 <= care / len(offers) <= 0.30


def test_the_zorgverleners_of_a_practice_are_of_heading_19(orgs: list[Org], offers: list[Offer]) -> None:
    for offer in offers[:6_000]:
        headings = {code[:2] for code in offer.rubrieken}
        assert (headings == {"19"}) == (orgs[offer.org].form == "praktijk")


def test_overlay_items_are_half_about_nothing_that_a_register_holds() -> None:
    world = World(size="M")
    items = list(world.overlay_items())
    assert len(items) == world.organisation_count // defects.OVERLAY_EVERY
    assert near(sum(item.about is None for item in items), len(items), defects.OUT_OF_SCOPE)


def test_what_is_drawn_for_one_attribute_leaves_the_others_alone() -> None:
    """A town drawn with another chance of an old code is the same town wherever that chance does not decide."""
    settlement = Settlement(places())
    assert settlement.town("vlaanderen", 1234) == settlement.town("vlaanderen", 1234, old=40_000)
    assert settlement.town("vlaanderen", 1234, old=0).refnis in OLD_CODES
