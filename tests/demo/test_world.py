"""The fictional world: the same for everybody who asks, in any order, without storing anything."""

import gc
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from itertools import islice

import pytest

from hub.demo import World
from hub.demo.layout import Layout


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_sizes_are_those_promised() -> None:
    small, medium, large = World(size="S"), World(size="M"), World(size="L")
    assert (small.organisation_count, small.person_count, small.offer_count) == (2_000, 800, 2_800)
    assert (medium.organisation_count, medium.person_count) == (42_749, 15_542)
    assert 59_500 < medium.offer_count < 60_500
    assert large.register_count == 780_000
    assert large.organisation_count == medium.organisation_count


def test_an_unknown_size_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="size 'XL'; choose one of S, M, L"):
        World(size="XL")  # type: ignore[arg-type]


def test_every_stream_has_as_many_items_as_it_says(world: World) -> None:
    assert sum(1 for _ in world.organisations()) == world.organisation_count
    assert sum(1 for _ in world.offers()) == world.offer_count
    assert sum(1 for _ in world.persons()) == world.person_count
    assert sum(1 for _ in world.register_persons()) == world.register_count
    assert sum(1 for _ in world.brussels_organisations()) == world.brussels_count


@pytest.mark.parametrize("index", [0, 1, 52, 151, 799])
def test_an_item_is_the_same_whenever_and_wherever_it_is_asked_for(index: int) -> None:
    streamed, alone = World(seed=7), World(seed=7)
    later = World(seed=7)
    for _ in later.offers():
        pass
    assert next(streamed.organisations(index)) == alone.organisation(index) == later.organisation(index)
    assert next(streamed.offers(index)) == alone.offer(index) == later.offer(index)
    assert next(streamed.persons(index)) == alone.person(index) == later.person(index)
    assert next(streamed.register_persons(index)) == alone.person(index)


def test_another_seed_is_another_world(world: World) -> None:
    other = World(seed=2027)
    assert world.organisation(3) != other.organisation(3)
    assert world.person(3).riziv != other.person(3).riziv
    assert world.source_id("aanbod", 3) != other.source_id("aanbod", 3)


def test_another_day_moves_what_expires() -> None:
    def stops(today: date) -> list[str]:
        return [o.patientenstop.valid_until for o in World(today=today).offers() if o.patientenstop]

    assert max(stops(date(2026, 1, 1))) < max(stops(date(2026, 12, 1)))


@pytest.mark.parametrize("size", ["S", "M"])
def test_the_persons_of_the_directory_are_those_of_the_register(size: str) -> None:
    world, large = World(size=size), World(size="L")  # type: ignore[arg-type]
    for index in (0, 5, 700):
        mine, theirs = world.person(index), large.person(index)
        assert (mine.riziv, mine.family, mine.given) == (theirs.riziv, theirs.family, theirs.given)
    beyond = world.person(world.person_count)
    assert not beyond.in_directory
    assert beyond.offers == ()


def test_asking_beyond_the_end_is_an_index_error(world: World) -> None:
    for ask, count in (
        (world.organisation, world.organisation_count),
        (world.offer, world.offer_count),
        (world.person, world.register_count),
        (world.brussels_organisation, world.brussels_count),
    ):
        ask(count - 1)
        with pytest.raises(IndexError, match="There is no item"):
            ask(count)
        with pytest.raises(IndexError):
            ask(-1)


@pytest.mark.parametrize("size", ["S", "M"])
def test_every_zorgverlener_has_one_first_practice_and_it_knows(size: str) -> None:
    layout = Layout(size)  # type: ignore[arg-type]
    told = [person for practice in range(layout.practices) for person in layout.persons_of_practice(practice)]
    assert told == list(range(layout.persons))
    for person in range(0, layout.persons, 7):
        assert person in layout.persons_of_practice(layout.practice_of(person))


def test_zorgverlener_and_aanbod_name_each_other(world: World) -> None:
    from_offers = {(c.person, offer.index) for offer in world.offers() for c in offer.caregivers}
    from_persons = {(person.index, offer) for person in world.persons() for offer in person.offers}
    assert from_offers == from_persons
    assert len({person for person, _ in from_persons}) == world.person_count


def test_a_caregiver_in_an_aanbod_has_the_profession_and_place_of_the_person(world: World) -> None:
    for offer in islice(world.offers(), 600):
        for caregiver in offer.caregivers:
            person = world.person(caregiver.person)
            assert person.profession == caregiver.profession
            assert person.rubriek in offer.rubrieken
            practice = world.organisation(offer.org).sites[0].address
            places = [(a.postcode, a.street, a.house_number) for a in person.addresses if a.type == "practice"]
            assert (practice.postcode, practice.street, practice.house_number) in places


def test_offers_of_are_those_that_name_the_organisatie(world: World) -> None:
    by_org: dict[int, list[int]] = {}
    for offer in world.offers():
        by_org.setdefault(offer.org, []).append(offer.index)
        assert all(site < len(world.organisation(offer.org).sites) for site in offer.sites)
    assert by_org == {org.index: [offer.index for offer in world.offers_of(org)] for org in world.organisations()}


def test_links_point_to_organisaties_that_can_bear_them(world: World) -> None:
    for org in world.organisations():
        for other in (*org.memberships, *([] if org.parent is None else [org.parent])):
            assert world.organisation(other).umbrella
            assert other != org.index
    assert all(o.provided_by is None or o.provided_by != o.org for o in world.offers())


def test_a_source_id_leads_back_to_its_item_and_to_no_other(world: World) -> None:
    ids = [world.source_id("aanbod", index) for index in range(world.offer_count)]
    assert len(set(ids)) == len(ids)
    assert all(len(i) == 64 and set(i) <= set("0123456789abcdef") for i in ids)
    assert [world.index_of("aanbod", i) for i in ids] == list(range(world.offer_count))
    assert world.index_of("organisatie", ids[5]) is None
    assert world.index_of("aanbod", "0" * 64) is None
    assert world.index_of("aanbod", "no such id") is None
    assert world.index_of("aanbod", ids[5][:-1] + ("0" if ids[5][-1] != "0" else "1")) is None
    assert world.index_of("aanbod", world.source_id("aanbod", world.offer_count)) is None


def test_big_towns_have_more_of_everything() -> None:
    world = World(size="M")
    towns = Counter(org.sites[0].address.municipality for org in world.organisations(37_000))
    assert [code for code, _ in towns.most_common(2)] == ["11002", "44021"]  # Antwerpen, Gent
    assert len(towns) > 280


@pytest.mark.parametrize("stream", [World.to_claims, World.register_claims])
def test_memory_does_not_grow_with_the_number_of_items(stream: Callable[[World], Iterator[object]]) -> None:
    items = stream(World(size="L"))

    def grown(count: int) -> int:
        for _ in islice(items, count):
            pass
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first = grown(1_500)
        assert grown(3_000) < first + 200_000
    finally:
        tracemalloc.stop()
