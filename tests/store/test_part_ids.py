"""The id of a part is given once and kept: whatever else is said of the fiche, and whoever says it for himself."""

from __future__ import annotations

from dataclasses import replace
from itertools import count as counting
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.model.claims import Claim
from hub.store import Store, reading
from tests.store.conftest import put
from tests.store.saying import PG, SB, SK, aanbod, fiche, head, log, organisatie

PARTNER = "proefpartner"
_serial = counting()


def _of_sb(house_number: str = "1", **content: Any) -> Claim:
    """What SB says of `o0`: one site, which is SK's by its address as long as that is number 1."""
    claim = organisatie("s0", source=SB, sites=("1",), **content)
    claim.content["vestigingen"][0]["addresses"][0]["house_number"] = house_number
    return replace(claim, same_as=((SK, "o0"),))


def _sites(store: Store, key: str = f"{SK}|o0", partner: str | None = None) -> dict[str, str]:
    """Key of a vestiging -> the id of the one that shows it."""
    document = fiche(store, key, partner) or {}
    return {key: site["id"] for site in document.get("vestigingen", ()) for key in site["keys"]}


def _offered_at(store: Store, key: str = f"{SK}|a", partner: str | None = None) -> list[str]:
    return [site["id"] for site in (fiche(store, key, partner) or {}).get("vestigingen", ())]


@pytest.fixture
def one_site(store: Store) -> str:
    """Of two sources; the answer is its id."""
    put(store, organisatie("o0"), _of_sb())
    (site,) = {*_sites(store).values()}
    return site


def test_two_sites_that_were_one_keep_their_ids_whatever_changes_later(store: Store, one_site: str) -> None:
    put(store, _of_sb("3", revision=2))
    sites, mark = _sites(store), head(store)
    assert len({*sites.values()}) == 2
    assert one_site in sites.values()
    put(store, _of_sb("3", revision=3, description={"nl": "Anders"}))
    put(store, organisatie("o0", revision=2, languages=["nl"]))
    assert _sites(store) == sites
    assert {change.operation for change in log(store, mark) if change.type == "vestiging"} == {"context"}


@pytest.mark.parametrize("at_once", [False, True])
def test_an_aanbod_leads_to_the_site_that_has_the_key_it_names(store: Store, one_site: str, at_once: bool) -> None:
    offer = aanbod("a", "o0", sites=("1",))
    if at_once:
        put(store, offer, _of_sb("3", revision=2))
    else:
        put(store, offer)
        assert _offered_at(store) == [one_site]
        put(store, _of_sb("3", revision=2))
    assert _offered_at(store) == [_sites(store)[f"{SK}:o0-1"]]


def test_a_site_that_an_earlier_version_gave_an_id_without_its_key_keeps_that_id(store: Store, one_site: str) -> None:
    put(store, _of_sb("3", revision=2))
    sites = _sites(store)
    number = "(SELECT id FROM entity WHERE uuid = ?)"
    store.write(lambda writer: writer.space.bulk.run(f"UPDATE part_key SET entity_id = {number}", one_site))
    put(store, organisatie("o0", revision=2, languages=["nl"]))
    assert _sites(store) == sites


def test_a_key_of_earlier_days_takes_no_id_from_the_site_that_shows_it(store: Store, one_site: str) -> None:
    put(store, replace(_of_sb(revision=2), content={"kind": "organisatie", "names": [{"text": {"nl": "De Proef"}}]}))
    assert _sites(store) == {f"{SK}:o0-1": one_site}
    put(store, _of_sb("0", revision=3))
    assert _sites(store)[f"{SK}:o0-1"] == one_site
    assert len({*_sites(store).values()}) == 2


# --- what a partner says for himself ---------------------------------------------------------------------------------------------


def _own(*sites: tuple[list[str], str], revision: int = 1, of: str = "o0") -> Claim:
    """Sites, each with its keys and house number."""
    said = [
        {"keys": keys, "addresses": [{"street": {"nl": "Proefstraat"}, "house_number": number, "postcode": "3000", "municipality": "24062"}]}
        for keys, number in sites
    ]
    return Claim("kaart", f"k-{of}", revision, "organisatie", {"kind": "organisatie", "vestigingen": said}, same_as=((SK, of),), partner=PARTNER)


def test_a_partner_who_takes_two_sites_for_one_moves_nobody_elses(store: Store) -> None:
    put(store, organisatie("o0"), _of_sb("3"))
    sites, mark = _sites(store), head(store)
    put(store, _own(([f"{SK}:o0-1", f"{SB}:s0-1"], "1")))
    assert len({*_sites(store, partner=PARTNER).values()}) == 1
    assert {*_sites(store, partner=PARTNER).values()} < {*sites.values()}
    put(store, organisatie("o0", revision=2, languages=["nl"]))
    assert _sites(store) == sites
    assert {change.operation for change in log(store, mark) if change.type == "vestiging"} == {"context"}
    with store.read() as connection:
        assert {found.moved_to for found in reading.resolve(connection, [*sites.values()]).values()} == {None}


def test_a_partner_who_takes_one_site_for_two_has_two_that_stay(store: Store, one_site: str) -> None:
    put(store, _own(([f"{SK}:o0-1"], "1"), ([f"{SB}:s0-1"], "1")))
    sites = _sites(store, partner=PARTNER)
    assert len({*sites.values()}) == 2
    assert one_site in sites.values()
    put(store, organisatie("o0", revision=2, languages=["nl"]))
    assert (_sites(store, partner=PARTNER), {*_sites(store).values()}) == (sites, {one_site})


def test_a_site_that_only_a_partner_knew_has_the_id_of_everybodys_once_a_source_tells_of_it(store: Store) -> None:
    put(store, organisatie("o0"), _own((["kaart:9"], "9")))
    put(store, organisatie("o0", sites=("1", "9"), revision=2))
    sites = _sites(store)
    assert _sites(store, partner=PARTNER) == {**sites, "kaart:9": sites[f"{SK}:o0-9"]}


# --- in any order ----------------------------------------------------------------------------------------------------------------

_NUMBERS = st.lists(st.sampled_from("123"), max_size=3)
_STEP = st.tuples(st.sampled_from((SK, SB, PG, "kaart")), _NUMBERS, st.booleans())


def _told(source: str, run: int, numbers: list[str], named: bool, revision: int, text: str) -> Claim:
    """What a source, or the partner, says: a site per house number, the n-th with a name of its own if it has names."""
    said: dict[str, Any] = {"kind": "organisatie", "names": [{"text": {"nl": "De Proef"}}], "description": {"nl": text}}
    said["vestigingen"] = [
        {
            **({"keys": [f"{source}:{place}"]} if named else {}),
            "addresses": [{"street": {"nl": "Proefstraat"}, "house_number": number, "postcode": "3000", "municipality": "24062"}],
        }
        for place, number in enumerate(numbers)
    ]
    if not numbers:
        del said["vestigingen"]
    same = () if source == SK else ((SK, f"n{run}"),)
    return Claim(source, f"n{run}", revision, "organisatie", said, same_as=same, partner=PARTNER if source == "kaart" else None)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(_STEP, min_size=2, max_size=8))
def test_what_changes_nothing_of_a_site_leaves_it_its_id(store: Store, steps: list[tuple[str, list[str], bool]]) -> None:
    run = next(_serial)
    key = f"{SK}|n{run}"
    says: dict[str, tuple[list[str], bool]] = {SK: (["1"], True)}
    assert not put(store, _told(SK, run, *says[SK], 0, "first")).rejected
    put(
        store,
        replace(aanbod(f"a{run}", f"n{run}"), content={**aanbod("", f"n{run}").content, "vestigingen": [{"key": f"{SK}:0"}, {"key": f"{SB}:0"}]}),
    )
    for turn, (source, numbers, named) in enumerate(steps, start=1):
        says[source] = numbers, named
        assert not put(store, _told(source, run, numbers, named, 2 * turn, f"now {turn}")).rejected
        for partner in (None, PARTNER):
            ids = [site["id"] for site in (fiche(store, key, partner) or {}).get("vestigingen", ())]
            assert len(ids) == len({*ids})
            with store.read() as connection:
                known = reading.resolve(connection, ids)
            assert {known[uuid].moved_to for uuid in ids} <= {None}
        stood = [_sites(store, key, partner) for partner in (None, PARTNER)]
        named_sites = {stood[0][name] for name in (f"{SK}:0", f"{SB}:0") if name in stood[0]}
        assert named_sites <= {*_offered_at(store, f"{SK}|a{run}")}
        for other, (theirs, with_keys) in says.items():
            put(store, _told(other, run, theirs, with_keys, 2 * turn + 1, f"later {turn}"))
            assert [_sites(store, key, partner) for partner in (None, PARTNER)] == stood
