from __future__ import annotations

import csv
from dataclasses import FrozenInstanceError
from datetime import date
from math import isclose
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hub.places
from hub.places import DEMO_ZONES, Places, UnknownPlace, distance_km, places

BELGIUM = Places.load()
DATA = Path(hub.places.__file__).parent.parent / "places_data"
codes = st.sampled_from([municipality.refnis for municipality in BELGIUM])
lats, lons = st.floats(49.4, 51.6), st.floats(2.5, 6.5)


def former_codes() -> list[dict[str, str]]:
    with (DATA / "successors.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def names(found: tuple[hub.places.Municipality, ...]) -> list[str]:
    return [municipality.name_nl for municipality in found]


def test_all_of_belgium_is_there() -> None:
    regions = [municipality.region for municipality in BELGIUM]
    assert (regions.count("vlaanderen"), regions.count("brussel"), regions.count("wallonie")) == (
        285,
        19,
        261,
    )
    assert {m.province for m in BELGIUM if m.region == "vlaanderen"} == {
        "Antwerpen", "Limburg", "Oost-Vlaanderen", "Vlaams-Brabant", "West-Vlaanderen",
    }  # fmt: skip
    assert {m.province for m in BELGIUM if m.region == "brussel"} == {None}
    for municipality in BELGIUM:
        assert 49.4 < municipality.lat < 51.6
        assert 2.5 < municipality.lon < 6.5
        assert BELGIUM.postcodes_of(municipality.refnis)
    assert len({(m.lat, m.lon) for m in BELGIUM}) == 565


def test_an_address_is_in_the_municipality_of_its_postcode_and_name() -> None:
    assert BELGIUM.of_address("9000", "Nergens") == BELGIUM.of_address("9000", "") == "44021"
    assert BELGIUM.of_address("1050", "ixelles") == BELGIUM.of_address("1050", "Elsene") == "21009"
    assert BELGIUM.of_address("1050", "Gent") is None, "two municipalities have it, and neither is called so"
    assert BELGIUM.of_address("0999", "Gent") is None


@pytest.mark.parametrize(
    ("written", "postcode"),
    [
        ("9100", "9100"),
        (" B-9100 ", "9100"),
        ("b 9100", "9100"),
        ("BE-9100", "9100"),
        ("91OO", None),
        ("9100 Sint-Niklaas", None),
        ("0001", None),
        ("", None),
    ],
)
def test_a_postcode_is_read_as_people_write_it(written: str, postcode: str | None) -> None:
    assert BELGIUM.postcode_of(written) == postcode
    assert BELGIUM.of_address(written, "Sint-Niklaas") == (postcode and "46021")


def test_postcodes_and_municipalities_are_many_to_many() -> None:
    assert names(BELGIUM.by_postcode("1040")) == ["Etterbeek", "Brussel"]
    assert names(BELGIUM.by_postcode("1050")) == ["Elsene", "Brussel"]
    assert names(BELGIUM.by_postcode("9000")) == ["Gent"]
    for text in ("1050", " 1050 "):
        assert BELGIUM.meant(text) == BELGIUM.by_postcode("1050")
    for text in ("44021", "gent", "Gand"):
        assert names(BELGIUM.meant(text)) == ["Gent"]
    for text in ("Nergenshuizen", "99999", "0999", "123", ""):
        with pytest.raises(UnknownPlace):
            BELGIUM.meant(text)
    assert BELGIUM.postcodes_of("44021")[:3] == ("9000", "9030", "9031")
    assert "2150" in BELGIUM.postcodes_of("11007")  # Borsbeek, now in Antwerpen


@given(codes)
def test_postcodes_are_found_both_ways(refnis: str) -> None:
    for postcode in BELGIUM.postcodes_of(refnis):
        assert BELGIUM.municipality(refnis) in BELGIUM.by_postcode(postcode)


@pytest.mark.parametrize("row", former_codes(), ids=lambda row: str(row["old"]))
def test_an_old_code_gives_the_new_municipality(row: dict[str, str]) -> None:
    old, new, on = row["old"], row["new"], date.fromisoformat(row["on"])
    assert BELGIUM.current(old) == new
    assert BELGIUM.municipality(old).refnis == new
    assert BELGIUM.municipality(old, on).refnis == new
    then = BELGIUM.municipality(old, date.fromordinal(on.toordinal() - 1))
    assert (then.refnis, then.name) == (old, {"nl": row["name_nl"], "fr": row["name_fr"]})
    heir = BELGIUM.municipality(new)
    assert (then.province, then.region) == (heir.province, heir.region)
    assert distance_km(then.lat, then.lon, heir.lat, heir.lon) < 12
    assert old in BELGIUM.predecessors(new)


def test_mergers_of_2025() -> None:
    assert BELGIUM.predecessors("46030") == ("11056", "46003", "46013")
    assert BELGIUM.municipality("46003").name["nl"] == "Beveren-Kruibeke-Zwijndrecht"
    assert BELGIUM.municipality("23024").name["nl"] == "Pajottegem"
    assert BELGIUM.current("44021") == "44021"
    assert BELGIUM.predecessors("44021") == ()
    # A register that back-dates its data uses the new code for an old day.
    assert BELGIUM.municipality("46030", date(2020, 1, 1)).refnis == "46030"


@pytest.mark.parametrize("code", ["", "00000", "4402", "44021 ", "antwerpen"])
def test_unknown_codes_say_so(code: str) -> None:
    for ask in (BELGIUM.municipality, BELGIUM.current, BELGIUM.postcodes_of):
        with pytest.raises(UnknownPlace, match="REFNIS") as caught:
            ask(code)
        assert caught.value.what == code
        assert caught.value.errors[0].reason == caught.value.reason
    with pytest.raises(UnknownPlace, match="postcode"):
        BELGIUM.by_postcode("0999")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("gent", ["Gent"]),
        ("GAND", ["Gent"]),
        ("St-Niklaas", ["Sint-Niklaas"]),
        ("sint niklaas", ["Sint-Niklaas"]),
        ("st. truiden", ["Sint-Truiden"]),
        ("St-Gilles", ["Sint-Gillis"]),
        ("Luik", ["Luik"]),
        ("li\u00e8ge", ["Luik"]),
        ("Gooik", ["Pajottegem"]),
        ("Looz", ["Tongeren-Borgloon"]),
        ("Zwijndrecht", ["Beveren-Kruibeke-Zwijndrecht"]),
        ("Gooi", ["Pajottegem"]),
        ("stokkem", ["Dilsen-Stokkem"]),
        ("Tielt", ["Tielt"]),
        ("Ghent", ["Gent"]),
        ("antwerp", ["Antwerpen"]),
        ("Brussels", ["Brussel"]),
        ("Brüssel", ["Brussel"]),
        ("Lüttich", ["Luik"]),
        ("lowen", ["Leuven"]),
        ("Tongern", ["Tongeren-Borgloon"]),
        ("nergenshuizen", []),
        ("", []),
        ("--", []),
    ],
)
def test_a_name_finds_the_municipalities_that_are_called_so(name: str, found: list[str]) -> None:
    assert names(BELGIUM.find(name)) == found


@given(codes, st.sampled_from(["nl", "fr"]))
def test_every_municipality_is_found_by_its_names_and_suggested_first_or_second(refnis: str, language: str) -> None:
    municipality = BELGIUM.municipality(refnis)
    assert municipality in BELGIUM.find(municipality.name[language])
    assert municipality in [s.municipality for s in BELGIUM.suggest(municipality.name[language].upper())][:2]


@given(st.text(max_size=12), st.integers(0, 5))
def test_any_text_may_be_typed(text: str, limit: int) -> None:
    suggestions = BELGIUM.suggest(text, limit)
    assert len(suggestions) <= limit
    assert suggestions == BELGIUM.suggest(text, 20)[:limit]


def test_suggestions() -> None:
    def labels(text: str, limit: int = 10) -> list[str]:
        return [suggestion.label for suggestion in BELGIUM.suggest(text, limit)]

    assert labels("gen", 3) == ["Genk", "Gent", "Genepi\u00ebn"]  # Flanders first
    assert labels("bru", 2) == ["Brugge", "Brussel"]  # Dutch name where both begin so
    assert labels("bruges") == ["Bruges"]
    assert labels("gooik") == ["Gooik (Pajottegem)"]
    assert labels("sint-tr") == ["Sint-Truiden"]
    assert labels("9000") == ["9000 Gent"]
    assert labels("903") == ["9030 Gent", "9031 Gent", "9032 Gent"]
    assert labels("B-1040 ett") == ["1040 Etterbeek"]
    assert labels("90001") == []
    assert BELGIUM.suggest("1040")[1].postcode == "1040"


def test_a_word_of_a_longer_name_is_no_beginning_that_breaks_off() -> None:
    def unfinished(text: str) -> list[bool]:
        return [suggestion.unfinished for suggestion in BELGIUM.suggest(text)]

    assert unfinished("zems") == [True]
    assert unfinished("903") == [True] * 3
    assert unfinished("Zemst") == unfinished("Berchem") == unfinished("Heverlee") == unfinished("stokk") == unfinished("9000") == [False]


def test_suggestions_in_the_language_of_who_types() -> None:
    def labels(text: str, language: str) -> list[str]:
        return [suggestion.label for suggestion in BELGIUM.suggest(text, 2, language)]

    assert labels("bru", "fr") == ["Bruges", "Bruxelles"]
    assert labels("gen", "fr") == ["Genk", "Gent"], "as typed, where the name in that language does not begin so"
    assert (labels("berchem", "nl"), labels("berchem", "fr")) == (["Sint-Agatha-Berchem"], ["Berchem-Sainte-Agathe"])
    assert (labels("1180", "nl"), labels("1180", "fr"), labels("4000", "en")) == (["1180 Ukkel"], ["1180 Uccle"], ["4000 Liège"])
    assert labels("2600 Berchem", "nl") == ["2600 Antwerpen"]
    assert labels("260 Berchem", "nl") == []


def test_a_municipality_is_called_in_the_language_that_was_asked_for_or_in_that_of_the_place() -> None:
    def said(refnis: str) -> list[tuple[str, str]]:
        return [BELGIUM.municipality(refnis).said_in(language) for language in ("nl", "fr", "de", "en")]

    assert said("62063") == [("Luik", "nl"), ("Liège", "fr"), ("Liège", "fr"), ("Liège", "fr")]
    assert said("44021") == [("Gent", "nl"), ("Gand", "fr"), ("Gent", "nl"), ("Gent", "nl")]
    assert said("63001") == [("Amel", "nl"), ("Amblève", "fr"), ("Amel", "de"), ("Amel", "de")]
    assert said("21016")[2:] == [("Ukkel", "nl")] * 2


@pytest.mark.parametrize(
    ("refnis", "city", "language", "said"),
    [
        ("21016", {"nl": "Ukkel"}, "fr", ("Uccle", "fr")),
        ("21016", {"fr": "Uccle"}, "en", ("Uccle", "fr")),
        ("62063", {"nl": "LUIK"}, "en", ("Liège", "fr")),
        ("62063", {"nl": "Luik", "fr": "Liege"}, "fr", ("Liege", "fr")),
        ("11002", {"nl": "Berchem"}, "fr", ("Berchem", "nl")),
        ("", {"nl": "Ukkel"}, "fr", ("Ukkel", "nl")),
        ("99999", {"nl": "Ukkel"}, "fr", ("Ukkel", "nl")),
        ("21016", {}, "fr", ("", "fr")),
    ],
)
def test_the_city_of_an_address(refnis: str, city: dict[str, str], language: str, said: tuple[str, str]) -> None:
    assert BELGIUM.city_of({"municipality": refnis, "city": city}, language) == said


def test_names_in_english_and_german_are_suggested_after_those_of_here() -> None:
    def labels(text: str) -> list[str]:
        return [suggestion.label for suggestion in BELGIUM.suggest(text)]

    assert labels("Ghent") == ["Ghent"]
    assert BELGIUM.suggest("lüttich")[0].whole
    assert labels("antw") == ["Antwerpen"], "each once"
    assert labels("9000 ghent") == ["9000 Gent"]


@pytest.mark.parametrize(
    "name",
    [
        "Amel",
        "Büllingen",
        "Burg-Reuland",
        "Bütgenbach",
        "Eupen",
        "Kelmis",
        "Lontzen",
        "Raeren",
        "Sankt Vith",
        "St. Vith",
    ],
)
def test_the_german_speaking_municipalities_are_found_by_their_german_names(name: str) -> None:
    (found,) = BELGIUM.find(name)
    assert found.refnis.startswith("63")


def test_the_other_names_are_those_that_nothing_else_gives() -> None:
    lines = (DATA / "other_names.csv").read_text(encoding="utf-8").splitlines()
    assert "not official" in lines[0]
    rows = list(csv.DictReader(lines[1:]))
    assert {row["language"] for row in rows} == {"en", "de"}
    for row in rows:
        municipality = BELGIUM.municipality(row["refnis"])
        assert municipality.refnis == row["refnis"]
        assert row["name"] not in municipality.name.values()
        assert BELGIUM.find(row["name"]) == (municipality,)


def test_distances() -> None:
    assert distance_km(51, 4, 51, 4) == 0
    assert isclose(distance_km(50, 4, 51, 4), 111.195, abs_tol=0.01)
    assert isclose(distance_km(51.05, 3.72, 50.85, 4.35), 49.4, abs_tol=0.5)  # Gent to Brussel


@given(lats, lons, lats, lons)
def test_distance_is_symmetric(lat1: float, lon1: float, lat2: float, lon2: float) -> None:
    assert isclose(distance_km(lat1, lon1, lat2, lon2), distance_km(lat2, lon2, lat1, lon1), abs_tol=1e-9)


@given(lats, lons, st.floats(0, 60))
def test_near_is_sorted_and_complete(lat: float, lon: float, km: float) -> None:
    near = BELGIUM.near(lat, lon, km)
    distances = [hit.km for hit in near]
    assert distances == sorted(distances)
    expected = {m.refnis for m in BELGIUM if distance_km(lat, lon, m.lat, m.lon) <= km}
    assert {hit.municipality.refnis for hit in near} == expected


def test_neighbours() -> None:
    around = [hit.municipality.name_nl for hit in BELGIUM.neighbours("44021", 10)]
    assert "Gent" not in around
    assert {"Destelbergen", "Merelbeke-Melle", "Evergem"} <= set(around)
    assert BELGIUM.neighbours("44040", 1) == BELGIUM.neighbours("44088", 1)  # an old code is fine


def test_values_cannot_be_changed_and_are_kept() -> None:
    municipality = BELGIUM.municipality("44021")
    with pytest.raises(FrozenInstanceError):
        municipality.lat = 0.0  # type: ignore[misc]
    assert places() is places()
    assert tuple(places()) == tuple(BELGIUM)
    assert list(places().zones) == []
    assert places().zones.zones_of("44021") == ()


def test_an_address_lies_in_its_postcode_municipality_region_province_and_zones() -> None:
    demo = Places.load(DEMO_ZONES)
    address = {"postcode": "9000", "municipality": "44021", "street": {"nl": "Korenmarkt"}}
    assert demo.areas(address) == (
        ("postcode", "9000"),
        ("municipality", "44021"),
        ("region", "vlaanderen"),
        ("province", "oost vlaanderen"),
        *(("zone", zone.code) for zone in demo.zones.zones_of("44021", "9000")),
    )
    assert demo.areas({"municipality": "99999"}) == (("municipality", "99999"),), "a code from abroad"
    assert demo.areas({"municipality": "42006"}) == demo.areas({"municipality": demo.current("42006")}), "the code of today"
    assert demo.areas({}) == ()
