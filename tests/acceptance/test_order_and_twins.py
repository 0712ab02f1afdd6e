"""The same claims in any order give the same fiches, and two services of one enterprise at one address stay two."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from hub import Claim, World
from hub.store import Store
from tests.acceptance.conftest import Loaded
from tests.acceptance.installation import (
    assert_gapless,
    assert_no_double_riziv,
    content,
    fiche_of,
    live,
    rows,
)

TWINS = (51, 52)


def all_claims(world: World) -> list[Claim]:
    """What every source says of one part of the world: twins, shared persons, Brussels, a partner's overlay."""
    offers = range(world.layout.first_offer(130))
    persons = {caregiver.person for index in offers for caregiver in world.offer(index).caregivers}
    known = {world.source_id("organisatie", index) for index in range(130)}
    known |= {world.source_id("aanbod", index) for index in offers}
    known |= {world.source_id("zorgverlener", index) for index in persons}
    said = [claim for claim in world.to_claims() if claim.external_id in known]
    said += world.register_claims(0, max(persons) + 1)
    said += [claim for claim, _ in zip(world.brussels_claims(), range(30), strict=False)]
    said += [claim for claim, _ in zip(world.overlay_claims(), range(12), strict=False)]
    return said


def put_all(store: Store, claims: list[Claim], dice: random.Random) -> None:
    """In batches of any size."""
    start = 0
    while start < len(claims):
        size = dice.choice((1, 7, 40, 200))
        batch = claims[start : start + size]
        counts = store.write(lambda writer, some=batch: writer.put(some, origin="test"))  # type: ignore[misc]
        assert counts.rejected == []
        start += size


def test_claims_in_any_order_give_the_same_fiches(tmp_path: Path, world: World) -> None:
    told: list[dict[str, Any]] = []
    for seed in range(4):
        dice = random.Random(seed)
        claims = all_claims(world)
        if seed:
            dice.shuffle(claims)
            claims += dice.sample(claims, 50)  # and some come twice
        store = Store.open(f"sqlite:///{tmp_path / f'{seed}.sqlite'}", tmp_path / "home")
        put_all(store, claims, dice)
        told.append(content(store))
        assert_gapless(store)
        assert_no_double_riziv(store)
        store.close()
    for other in told[1:]:
        assert other.keys() == told[0].keys()
        different = [key for key in told[0] if told[0][key] != other[key]]
        assert not different, (different[:3], told[0][different[0]], other[different[0]])


def test_two_services_of_one_enterprise_stay_two_through_every_source(loaded: Loaded) -> None:
    hub, world = loaded.hub, loaded.world
    first, second = (world.organisation(index) for index in TWINS)
    assert first.kbo == second.kbo and first.sites[0].address == second.sites[0].address
    kaart = [fiche_of(hub.store, "sociale-kaart", world.source_id("organisatie", index)) for index in TWINS]
    assert len(set(kaart)) == 2
    # Brussels now says of two of its organisations that they are of this enterprise and at this address as well.
    numbers = [106, 109]
    there = {
        "zipCode": first.sites[0].address.postcode,
        "number": first.sites[0].address.house_number,
        "streetNl": first.sites[0].address.street["nl"],
        "municipalityNl": first.sites[0].address.city["nl"],
    }
    ours = [fiche_of(hub.store, "sociaal-brussels", str(number)) for number in numbers]
    for number in numbers:
        old = loaded.brussels.listing.rows[number]
        loaded.brussels.edit(number, pmRp=[first.kbo], address={**(old["address"] or {}), **there})
    # And two that are new there, named as the directory names the twins.
    for place, twin in enumerate((first, second)):
        row = {**loaded.brussels.listing.rows[numbers[0]], "id": 90_000 + place, "nameOfficialNl": twin.name}
        loaded.brussels.add({**row, "nameOfficialFr": None, "nameAlternativeNl": [], "nameAlternativeFr": []})
    assert hub.run("sociaal-brussels").state == "done"
    assert hub.run("sociale-kaart", full=True).state == "done"
    fresh = [fiche_of(hub.store, "sociaal-brussels", str(90_000 + place)) for place in (0, 1)]
    everybody = {*kaart, *ours, *fresh}
    assert len(everybody) == 6, "an enterprise number and an address never join"
    documents = {one["id"]: one for one in live(hub.store, "organisatie")}
    assert everybody <= documents.keys()
    pairs = {
        frozenset((fiche, other)): (reason, score)
        for fiche, other, reason, score in rows(
            hub.store,
            "SELECT a.uuid, b.uuid, r.reason, r.score FROM review r JOIN entity a ON a.id = r.fiche_id"
            " JOIN entity b ON b.id = r.other_id WHERE r.state = 'open'",
        )
    }
    for new, same, other in ((fresh[0], kaart[0], kaart[1]), (fresh[1], kaart[1], kaart[0])):
        assert pairs[frozenset((new, same))][0] == "candidate"
        assert pairs[frozenset((new, same))][1] > pairs[frozenset((new, other))][1], "the hook knows which"
    assert frozenset(kaart) not in pairs, "their own source says that they are two"


def test_a_strong_key_of_two_fiches_of_one_source_is_a_clash_for_review(tmp_path: Path, world: World, database_url: str) -> None:
    store = Store.open(database_url, tmp_path / "home")
    group = {"system": "riziv-group", "value": world_group(world)}

    def claim(source: str, number: str) -> Claim:
        said = {
            "kind": "organisatie",
            "names": [{"text": {"nl": f"Praktijk {number}"}}],
            "identifiers": [group],
        }
        return Claim(source, number, 1, "organisatie", said)

    for each in (claim("sociale-kaart", "a"), claim("sociale-kaart", "b"), claim("elders", "c")):
        store.write(lambda writer, one=each: writer.put([one], origin="test"))  # type: ignore[misc]
    a, b, c = (fiche_of(store, *named) for named in (("sociale-kaart", "a"), ("sociale-kaart", "b"), ("elders", "c")))
    assert a != b and c == a
    (found,) = rows(store, "SELECT reason, state, detail FROM review")
    store.close()
    assert (found[0], found[1]) == ("key-clash", "open")
    assert orjson.loads(bytes(found[2]))["source"] == "sociale-kaart"


def world_group(world: World) -> str:
    """A group number of the world."""
    return next(org.riziv_group for org in world.organisations() if org.riziv_group)


@pytest.mark.parametrize("order", ["kaart first", "register first"])
def test_a_person_of_two_registers_is_one_whoever_came_first(tmp_path: Path, world: World, order: str) -> None:
    person = next(person for person in world.persons() if person.riziv_known)
    theirs = next(c for c in world.to_claims() if c.external_id == world.source_id("zorgverlener", person.index))
    ours = next(c for c in world.register_claims() if c.external_id == person.riziv[:8])
    store = Store.open(f"sqlite:///{tmp_path / 'hub.sqlite'}", tmp_path / "home")
    for claim in (theirs, ours) if order == "kaart first" else (ours, theirs):
        store.write(lambda writer, one=claim: writer.put([one], origin="test"))  # type: ignore[misc]
    assert fiche_of(store, theirs.source, theirs.external_id) == fiche_of(store, ours.source, ours.external_id)
    store.close()
