"""Whole and incremental pulls over real HTTP: what a source does wrong must lose nothing and delete nothing."""

from __future__ import annotations

import gzip
import json
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from hub.connector import Context, Finished
from hub.demo import World
from hub.errors import CursorExpired, Misconfigured, Rejected, Unreachable
from plugins.sociale_kaart.client import Pace
from plugins.sociale_kaart.connector import SocialeKaartConfig
from plugins.sociale_kaart.simulator import SocialeKaartSimulator
from tests.plugins.sociale_kaart.pulls import Hub, Pulled, connect, outbound, row

TWINS = (51, 52)


def calls(simulator: SocialeKaartSimulator, path: str) -> int:
    return sum(path in request for request in simulator.requests)


def test_the_whole_list_becomes_organisaties_aanbod_and_zorgverleners(
    hub: Hub, base_url: str, simulator: SocialeKaartSimulator, world: World
) -> None:
    pulled = hub.pull(base_url)
    offers = {world.source_id("aanbod", index) for index in range(world.layout.first_offer(60))}
    organisations = {world.source_id("organisatie", index) for index in range(60)}
    assert set(pulled.of("aanbod")) == offers
    assert set(pulled.of("organisatie")) == organisations
    assert len(pulled.of("zorgverlener")) == simulator.row_count - len(offers) > 0
    assert pulled.rejected == []
    assert (pulled.end.complete, pulled.end.missing, pulled.end.warnings) == (True, 0, ())
    for index in range(60):
        claim = pulled.claims[world.source_id("organisatie", index)]
        org = world.organisation(index)
        assert claim.content["identifiers"] == [{"system": "kbo", "value": org.kbo}]
        assert len(claim.content["vestigingen"]) == len(org.sites)
        assert claim.content["form"] == org.form


def test_every_link_leads_to_something_that_was_given(hub: Hub, base_url: str) -> None:
    pulled = hub.pull(base_url)
    caregivers = 0
    for claim in pulled.of("aanbod").values():
        organisation = pulled.claims[claim.content["organisatie"]["external_id"]]
        keys = {key for site in organisation.content.get("vestigingen", ()) for key in site["keys"]}
        assert {link["key"] for link in claim.content.get("vestigingen", ())} <= keys
        for caregiver in claim.content.get("caregivers", ()):
            caregivers += 1
            assert pulled.claims[caregiver["zorgverlener"]["external_id"]].kind == "zorgverlener"
    assert caregivers > 10


def test_two_services_of_one_enterprise_at_one_address_stay_two(hub: Hub, base_url: str, world: World) -> None:
    pulled = hub.pull(base_url)
    one, other = (pulled.claims[world.source_id("organisatie", index)].content for index in TWINS)
    assert one["identifiers"] == other["identifiers"]
    where = [site["vestigingen"][0]["addresses"][0] for site in (one, other)]
    assert where[0] == where[1]
    assert one["vestigingen"][0]["keys"] != other["vestigingen"][0]["keys"]
    owners = [claim.content["organisatie"]["external_id"] for claim in pulled.of("aanbod").values()]
    for index in TWINS:
        assert owners.count(world.source_id("organisatie", index)) == len(world.offers_of(index))


def test_two_services_stay_two_where_the_source_names_no_organisatie(hub: Hub, tmp_path: Path) -> None:
    other = row(id={"id": "ef" * 32}, legalName={"description": "Huis De Linde"}, links=[])
    file = tmp_path / "rows.json"
    file.write_bytes(orjson.dumps([row(links=[]), other, row(id={"id": "12" * 32}, links=[])]))
    pulled = hub.pull("https://unused.example", file=str(file))
    owners = [claim.content["organisatie"]["external_id"] for claim in pulled.of("aanbod").values()]
    assert len(owners) == 3
    assert len(set(owners)) == len(pulled.of("organisatie")) == 2


def test_a_row_that_calls_itself_its_organisatie_names_none(hub: Hub, tmp_path: Path) -> None:
    own = "ab" * 32
    file = tmp_path / "rows.json"
    file.write_bytes(orjson.dumps([row(links=[{"rel": "organisation", "href": f"https://elders.example/api/leaflet/{own.upper()}"}])]))
    for _ in range(2):
        pulled = hub.pull("https://unused.example", file=str(file))
        assert pulled.rejected == []
        assert pulled.claims[own].kind == "aanbod"
        assert list(pulled.of("organisatie")) == [pulled.claims[own].content["organisatie"]["external_id"]]


def test_the_same_again_says_the_same_and_asks_for_no_leaflet(hub: Hub, base_url: str, simulator: SocialeKaartSimulator) -> None:
    first = hub.pull(base_url)
    simulator.requests.clear()
    again = hub.pull(base_url)
    assert again.claims == first.claims, "the clock has moved, the revisions have not"
    assert calls(simulator, "/leaflet/") == 0
    hub.pull(base_url, detail_calls="all")
    assert calls(simulator, "/leaflet/") == 60 + len(first.of("zorgverlener"))


def test_what_leaflets_said_stays_when_they_are_no_longer_asked_for(hub: Hub, base_url: str) -> None:
    def said(pulled: Pulled) -> dict[str, Any]:
        fields = ("identifiers", "contacts", "status", "vestigingen")
        return {key: [claim.content.get(field) for field in fields] for key, claim in pulled.claims.items()}

    assert said(hub.pull(base_url)) == said(hub.pull(base_url, detail_calls="never"))


def test_a_file_of_some_rows_takes_no_vestiging_away(hub: Hub, base_url: str, tmp_path: Path) -> None:
    before = hub.pull(base_url).claims
    rows = shapes(base_url)["rows"]
    file = tmp_path / "rows.json"
    file.write_bytes(orjson.dumps(rows[:-1]))
    after = hub.pull(base_url, file=str(file)).of("organisatie")
    assert after
    for external_id, claim in after.items():
        kept = {key for site in claim.content.get("vestigingen", ()) for key in site["keys"]}
        assert kept >= {key for site in before[external_id].content.get("vestigingen", ()) for key in site["keys"]}


def test_without_leaflets_rows_alone_are_enough(hub: Hub, base_url: str, simulator: SocialeKaartSimulator) -> None:
    pulled = hub.pull(base_url, detail_calls="never")
    assert calls(simulator, "/leaflet/") == 0
    assert len(pulled.of("organisatie")) == 60
    assert not any("identifiers" in claim.content for claim in pulled.claims.values())


@pytest.mark.parametrize("size", [7, 500])
def test_an_edit_is_seen_with_few_calls(hub: Hub, base_url: str, simulator: SocialeKaartSimulator, world: World, size: int) -> None:
    cursor = hub.pull(base_url, page_size=size, overlap_rows=20).end.cursor
    edited = simulator.edit(33, contactInfo={"phones": [{"value": "09 200 00 00"}]})
    simulator.requests.clear()
    pulled = hub.pull(base_url, cursor, page_size=size, overlap_rows=20)
    assert pulled.changed == {edited}
    assert pulled.claims[edited].content["contacts"] == [{"kind": "phone", "value": "+3292000000", "raw": "09 200 00 00"}]
    assert not pulled.end.complete
    assert calls(simulator, "/health-offers") <= 2
    assert calls(simulator, "/leaflet/") == 1
    simulator.requests.clear()
    assert hub.pull(base_url, pulled.end.cursor, page_size=size, overlap_rows=20).changed == set()
    assert len(simulator.requests) <= 2


def test_many_edits_are_all_seen(hub: Hub, base_url: str, simulator: SocialeKaartSimulator) -> None:
    """More than the rows that a cursor remembers, these among them: then the list is read as far as it goes."""
    cursor = hub.pull(base_url, overlap_rows=10).end.cursor
    edited = {simulator.edit(index, state="INACTIVE") for index in range(50)}
    pulled = hub.pull(base_url, cursor, overlap_rows=10)
    assert pulled.changed & edited == edited


def test_a_changed_phone_of_an_organisatie_is_its_own_and_not_that_of_its_aanbod(
    hub: Hub, base_url: str, simulator: SocialeKaartSimulator, world: World
) -> None:
    cursor = hub.pull(base_url).end.cursor
    org = world.organisation(2)
    phone = org.contacts[0]
    new = type(phone)(kind="phone", value="+3216009999", raw="016 00 99 99", primary=True)
    changed = simulator.edit_organisation(2, contacts=(new, *org.contacts[1:]))
    pulled = hub.pull(base_url, cursor)
    assert pulled.changed == {changed}, "the aanbod inherit it"
    assert "+3216009999" in [contact["value"] for contact in pulled.claims[changed].content["contacts"]]


def test_a_removed_row_is_no_longer_given_and_the_list_is_still_whole(hub: Hub, base_url: str, simulator: SocialeKaartSimulator) -> None:
    first = hub.pull(base_url)
    gone = simulator.remove(5)
    again = hub.pull(base_url)
    assert again.end.complete
    assert gone in first.claims
    assert gone not in again.claims


def test_a_renamed_label_changes_the_label_only(hub: Hub, base_url: str, simulator: SocialeKaartSimulator, world: World) -> None:
    renaming = {code for code, rubriek in world.rubrieken().items() if rubriek.renamed_nl}
    simulator.edit(next(index for index in range(80) if renaming.intersection(world.offer(index).rubrieken)))
    first = hub.pull(base_url)
    simulator.switch("label-rename")
    simulator.requests.clear()
    renamed = hub.pull(base_url)
    assert renamed.changed == set()
    assert calls(simulator, "/leaflet/") == 0
    different = {code for code in renamed.concepts if renamed.concepts[code].labels != first.concepts[code].labels}
    assert different == {code for code in first.concepts if world.rubrieken()[code].renamed_nl}
    assert different
    assert hub.pull(base_url, first.end.cursor).claims == {}, "the newest rows are still the known ones"


# --- faults ----------------------------------------------------------------------------------------------------------------------


def test_rows_that_move_between_pages_are_found_in_the_next_pass(hub: Hub, base_url: str, simulator: SocialeKaartSimulator) -> None:
    everything = set(Hub().pull(base_url).claims)
    simulator.switch("page-shift")
    simulator.requests.clear()
    pulled = hub.pull(base_url, page_size=20)
    assert calls(simulator, "page=0&") > 1, "one pass cannot be enough"
    assert set(pulled.claims) == everything
    assert pulled.end.missing == 0


def test_totals_that_lie_are_reported_and_delete_nothing(hub: Hub, base_url: str, simulator: SocialeKaartSimulator) -> None:
    everything = set(Hub().pull(base_url).claims)
    simulator.switch("wrong-totals")
    pulled = hub.pull(base_url)
    assert set(pulled.claims) == everything
    assert (pulled.end.complete, pulled.end.missing) == (False, 7)
    assert "7 of the" in pulled.end.warnings[0]


def test_rows_that_are_counted_but_never_given_are_missing(hub: Hub, base_url: str, simulator: SocialeKaartSimulator) -> None:
    rows = simulator.row_count
    simulator.switch("missing-rows")
    pulled = hub.pull(base_url)
    given = len(pulled.of("aanbod")) + len(pulled.of("zorgverlener"))
    assert (pulled.end.complete, pulled.end.missing) == (False, rows - given)
    assert pulled.end.missing > 0


@pytest.mark.parametrize("fault", ["rate-limit=3", "server-error=4", "cut-off=4"])
def test_faults_on_the_way_are_got_past(hub: Hub, base_url: str, simulator: SocialeKaartSimulator, fault: str) -> None:
    clean = Hub().pull(base_url)
    name, _, every = fault.partition("=")
    simulator.switch(name, every=int(every))
    pulled = hub.pull(base_url, concurrency=1)
    assert pulled.end.complete
    assert pulled.claims == clean.claims


def test_an_answer_that_is_slow_is_waited_for(hub: Hub, base_url: str, simulator: SocialeKaartSimulator) -> None:
    cursor = hub.pull(base_url).end.cursor
    edited = simulator.edit(3, state="INACTIVE")
    simulator.switch("slow")
    assert hub.pull(base_url, cursor).changed == {edited}


def test_a_source_that_stays_away_ends_the_pull_and_the_next_one_goes_on(hub: Hub, base_url: str, simulator: SocialeKaartSimulator) -> None:
    everything = set(Hub().pull(base_url).claims)
    simulator.break_after(20)  # in the middle of the leaflets
    with pytest.raises(Unreachable):
        hub.pull(base_url)
    assert hub.known.keys() < everything
    simulator.break_after(None)
    assert hub.pull(base_url).end.complete
    assert set(hub.known) == everything


def test_rows_that_cannot_be_used_are_rejected_and_the_rest_goes_on(hub: Hub, base_url: str, simulator: SocialeKaartSimulator, world: World) -> None:
    clean = hub.pull(base_url)
    bad = simulator.edit(0, legalName={"description": None})
    simulator.edit(9, "zorgverlener", addresses="none")
    simulator.add({"type": "Aanbod"})
    pulled = hub.pull(base_url)
    assert {(error.external_id, error.field) for error in pulled.rejected} == {
        (bad, "legalName.description"),
        (world.source_id("zorgverlener", 9), "addresses"),
        ("", "id.id"),
    }
    assert all(error.message and error.raw for error in pulled.rejected)
    lost = {error.external_id for error in pulled.rejected}
    assert set(pulled.claims) == set(clean.claims) - lost, "the organisatie of a bad row is still there"
    assert pulled.end.complete, "a row that was rejected is not missing"


def test_a_number_that_is_none_is_rejected_and_its_fiche_stays(hub: Hub, base_url: str, simulator: SocialeKaartSimulator, world: World) -> None:
    index = next(person.index for person in world.persons() if person.visibility is None)
    edited = simulator.edit(index, "zorgverlener", state="INACTIVE")
    simulator.edit_organisation(4, kbo="0403019262")
    pulled = hub.pull(base_url)
    (error,) = pulled.rejected
    assert (error.external_id, error.field) == (world.source_id("organisatie", 4), "administrativeData")
    assert "identifiers" not in pulled.claims[error.external_id].content
    assert pulled.claims[edited].content["status"]["status"] == "inactive"


def test_a_mistyped_number_takes_away_no_number_that_is_known(hub: Hub, base_url: str, simulator: SocialeKaartSimulator, world: World) -> None:
    first = hub.pull(base_url)
    person, number = next((name, claim.content["identifiers"]) for name, claim in first.of("zorgverlener").items() if "identifiers" in claim.content)
    index = next(each.index for each in world.persons() if world.source_id("zorgverlener", each.index) == person)
    mistyped = [{"type": "NIHDI_ID", "value": "18749705"}]
    simulator.edit(index, "zorgverlener", state="INACTIVE", administrativeData=mistyped)
    organisatie = simulator.edit_organisation(4, kbo="0403019262")
    simulator.edit(world.offers_of(4)[0].index, state="INACTIVE")
    pulled = hub.pull(base_url, first.end.cursor)
    assert {error.external_id for error in pulled.rejected} == {person, organisatie}
    assert pulled.claims[person].content["status"]["status"] == "inactive"
    assert pulled.claims[person].content["identifiers"] == number
    assert pulled.claims[organisatie].content["identifiers"] == first.claims[organisatie].content["identifiers"]


def test_a_leaflet_that_is_gone_leaves_what_the_row_says(hub: Hub, base_url: str, simulator: SocialeKaartSimulator) -> None:
    simulator.add(row())
    pulled = hub.pull(base_url)
    assert pulled.claims["cd" * 32].content["names"] == [{"text": {"nl": "Huis De Wilg"}, "use": "official"}]
    assert pulled.end.warnings == ("1 fiches have no leaflet at the source, so their numbers are not known.",)


# --- the other body shape, files, settings ------------------------------------------------------------------------------------------


def shapes(base_url: str) -> dict[str, Any]:
    url = f"{base_url}/health-offers?size=40&page="
    plain = [requests.get(f"{url}{n}", headers={"Accept": "application/json"}, timeout=10).json() for n in range(3)]
    hal = [requests.get(f"{url}{n}", timeout=10).json() for n in range(3)]
    rows = [each for page in plain for each in page["content"]]
    return {"rows": rows, "plain": plain, "hal": hal, "one-page": {"content": rows}}


@pytest.mark.parametrize(
    ("shape", "packed"),
    [("rows", False), ("plain", False), ("hal", False), ("one-page", False), ("hal", True)],
)
def test_a_file_says_what_the_interface_says(base_url: str, tmp_path: Path, shape: str, packed: bool) -> None:
    data = orjson.dumps(shapes(base_url)[shape])
    file = tmp_path / "offers.json"
    file.write_bytes(gzip.compress(data) if packed else data)
    from_file = Hub().pull(base_url, file=str(file))
    assert from_file.claims == Hub().pull(base_url, detail_calls="never").claims
    assert from_file.end == Finished(complete=True)


def test_one_row_with_half_a_character_does_not_refuse_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    good, named, nameless = row(), row(id={"id": "ef" * 32}, legalName={"description": "\ud800"}), row(id={"id": "\ud800"})
    file.write_text(json.dumps([good, named, nameless]))
    pulled = Hub().pull("https://unused.example", file=str(file))
    assert set(pulled.of("aanbod")) == {good["id"]["id"]}
    assert {(one.external_id, one.field) for one in pulled.rejected} == {("ef" * 32, "legalName.description"), ("", "id.id")}


def test_a_file_that_is_cut_short_deletes_nothing(base_url: str, tmp_path: Path) -> None:
    file = tmp_path / "offers.json"
    file.write_bytes(orjson.dumps(shapes(base_url)["plain"][:2]))
    end = Hub().pull(base_url, file=str(file)).end
    assert not end.complete
    assert end.missing > 0
    assert "offers.json" in end.warnings[0]


@pytest.mark.parametrize("content", [b"", b"{", b"3", b'{"a": 1}', b"\x1f\x8bxx", b'[{"content": []}, 3]'])
def test_a_file_that_is_something_else_is_refused_in_words(base_url: str, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "offers.json"
    file.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"offers\.json"):
        Hub().pull(base_url, file=str(file))
    with pytest.raises(Misconfigured, match=r"nowhere\.json"):
        Hub().pull(base_url, file=str(tmp_path / "nowhere.json"))


class HalOnly:
    """The hub's client, asking as python programs do."""

    def __init__(self, http: Any) -> None:
        self.http = http

    def get(self, url: str, **options: Any) -> Any:
        return self.http.get(url, **{**options, "headers": {"Accept": "*/*"}})


def test_both_body_shapes_say_the_same(base_url: str, simulator: SocialeKaartSimulator) -> None:
    with outbound() as http:
        hal = Hub().pull(base_url, http=HalOnly(http), page_size=30)  # type: ignore[arg-type]
    assert hal.claims == Hub().pull(base_url, page_size=30).claims


def test_a_cursor_that_is_not_ours_has_expired(hub: Hub, base_url: str) -> None:
    for cursor in ("nonsense", "2.AAAA", "1.AAA", "1.é"):
        with pytest.raises(CursorExpired):
            hub.pull(base_url, cursor)


def test_an_address_that_is_not_the_interface_is_refused(simulator: SocialeKaartSimulator) -> None:
    with outbound(1) as http, pytest.raises(Misconfigured, match="base_url"):
        connect(simulator.url, Context(http, lambda: Hub().moment)).check()


def test_labels_are_official_only_from_the_real_address() -> None:
    context = Context(object(), lambda: Hub().moment)  # type: ignore[arg-type]
    assert connect("https://www.desocialekaart.be/api", context)._words().official
    assert not connect("http://127.0.0.1:1/api", context)._words().official
    assert not connect("https://desocialekaart.be.example/api", context)._words().official


@pytest.mark.parametrize(
    "config",
    [
        {"page_size": 2001},
        {"concurrency": 5},
        {"pace": -1},
        {"types": {"A": "persoon"}},
        {"states": {"A": "x"}},
    ],
)
def test_settings_out_of_bounds_are_refused(config: dict[str, Any]) -> None:
    assert set(SocialeKaartConfig().validate(config)) == set(config)


def test_calls_are_paced() -> None:
    slept: list[float] = []
    pace = Pace(4, sleep=slept.append)
    for _ in range(5):
        pace.wait()
    assert slept == sorted(slept)
    assert sum(slept) == pytest.approx(0.25 + 0.5 + 0.75 + 1.0, abs=0.2)
    Pace(0, sleep=lambda seconds: pytest.fail("no limit")).wait()


def test_no_more_leaflets_at_one_time_than_configured(base_url: str, world: World) -> None:
    inside = most = 0
    lock = threading.Lock()
    full = threading.Barrier(3, timeout=5)
    together = threading.Event()

    class Counting:
        def __init__(self, http: Any) -> None:
            self.http = http

        def get(self, url: str, **options: Any) -> Any:
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            try:
                if "/leaflet/" in url and not together.is_set():
                    full.wait()
                    together.set()
                return self.http.get(url, **options)
            finally:
                with lock:
                    inside -= 1

    with outbound() as http:
        Hub().pull(base_url, http=Counting(http), concurrency=3)  # type: ignore[arg-type]
    assert most == 3


def test_what_is_rejected_never_stops_the_reading_of_the_newest(hub: Hub, base_url: str, simulator: SocialeKaartSimulator) -> None:
    cursor = hub.pull(base_url).end.cursor
    simulator.add({"id": 3})
    bad = simulator.edit(8, activities=[{"name": {"description": "zonder nummer"}}])
    pulled = hub.pull(base_url, cursor)
    assert {(error.external_id, error.field) for error in pulled.rejected} == {
        (bad, "activities.0.name.description"),
        ("", "id.id"),
    }
    assert all(isinstance(error, Rejected) for error in pulled.rejected)
    assert hub.pull(base_url, pulled.end.cursor).rejected == [], "reported once"
