from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from hub.places import DEMO_ZONES, Places, UnknownPlace, ZoneFileError, Zones

BELGIUM = Places.load(DEMO_ZONES)
DEMO = BELGIUM.zones
HEADER = "zone_code,zone_name_nl,refnis,postcode,valid_from,valid_until\n"
BEFORE, AFTER = date(2024, 12, 31), date(2025, 1, 1)


def load(folder: Path, rows: str) -> Zones:
    file = folder / "zones.csv"
    file.write_text(HEADER + rows, encoding="utf-8")
    return Zones.load(file, BELGIUM)


def codes(zones: Zones, refnis: str, postcode: str | None = None, on: date | None = None) -> list[str]:
    return [zone.code for zone in zones.zones_of(refnis, postcode, on)]


def test_the_demo_covers_flanders_and_brussels_and_says_that_it_is_invented() -> None:
    assert len(list(DEMO)) == 22
    assert all(zone.name_nl.startswith("Fictieve zone ") for zone in DEMO)
    for on in (BEFORE, AFTER, None):
        for municipality in BELGIUM:
            found = codes(DEMO, municipality.refnis, on=on)
            if municipality.region == "wallonie":
                assert found == []
            elif municipality.region == "brussel":
                assert found == ["FZ-BRUSSEL"]
            else:
                assert found
            if municipality.region == "vlaanderen" and on == AFTER and municipality.refnis != "11002":
                assert len(found) == 1
    covered = [member.municipality.refnis for zone in DEMO for member in DEMO.members(zone.code) if not member.postcode]
    assert len(covered) == len(set(covered)) == 284 + 19


def test_a_zone_smaller_than_a_municipality_needs_the_postcode() -> None:
    assert codes(DEMO, "11002") == ["FZ-A", "FZ-U"]
    assert codes(DEMO, "11002", "2100") == ["FZ-U"]
    assert codes(DEMO, "11002", "2000") == ["FZ-A"]


def test_split_by_postcode(tmp_path: Path) -> None:
    zones = load(tmp_path, "A,Zone A,11002,2000,,\nB,Zone B,11002,,,\n")
    assert codes(zones, "11002", "2000") == ["A"]
    assert codes(zones, "11002", "2018") == ["B"]
    assert codes(zones, "11002") == ["A", "B"]
    assert [(m.municipality.refnis, m.postcode) for m in zones.members("A")] == [("11002", "2000")]


def test_membership_has_a_first_and_a_last_day(tmp_path: Path) -> None:
    zones = load(tmp_path, "A,Zone A,44021,,,2023-06-30\nB,Zone B,44021,,2023-07-01,2024-12-31\n")
    assert codes(zones, "44021", on=date(1999, 1, 1)) == ["A"]
    assert codes(zones, "44021", on=date(2023, 6, 30)) == ["A"]
    assert codes(zones, "44021", on=date(2023, 7, 1)) == ["B"]
    assert codes(zones, "44021", on=date(2024, 12, 31)) == ["B"]
    assert codes(zones, "44021", on=date(2025, 1, 1)) == []
    assert codes(zones, "44021") == []
    assert [m.municipality.refnis for m in zones.members("B", date(2024, 1, 1))] == ["44021"]
    assert zones.members("B", date(2023, 6, 30)) == ()


def test_a_merger_across_the_border_of_two_zones(tmp_path: Path) -> None:
    """Hasselt and Kortessem lay in different zones and became one municipality (71072)."""
    dated = load(
        tmp_path,
        "H,Zone H,71022,,,2024-12-31\nK,Zone K,73040,,,2024-12-31\nH,Zone H,71072,,2025-01-01,\nK,Zone K,71072,3720,2025-01-01,\n",
    )
    assert codes(dated, "73040", on=BEFORE) == ["K"]
    assert codes(dated, "71022", on=BEFORE) == ["H"]
    assert codes(dated, "73040", "3720", on=AFTER) == ["K"]
    assert codes(dated, "71072", "3500", on=AFTER) == ["H"]
    undated = load(tmp_path, "H,Zone H,71022,,,\nK,Zone K,73040,,,\n")
    assert codes(undated, "73040", on=BEFORE) == ["K"]
    assert codes(undated, "73040", on=AFTER) == ["K"]
    assert codes(undated, "71072", on=AFTER) == ["H", "K"]
    assert [m.municipality.refnis for m in undated.members("K", AFTER)] == ["71072"]
    assert [m.municipality.refnis for m in undated.members("K", BEFORE)] == ["73040"]
    only_new = load(tmp_path, "H,Zone H,71072,,,\n")
    assert codes(only_new, "73040", on=BEFORE) == ["H"]
    assert codes(only_new, "73040", on=AFTER) == ["H"]


def test_all_bad_rows_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(ZoneFileError) as caught:
        load(
            tmp_path,
            "A,Zone A,44021,,,\n"
            "A,Zone Z,44083,,,\n"
            ",Zone A,99999,,,\n"
            "B,Zone B,44021,2000,,\n"
            "\n"
            "B,Zone B,11001,,1 januari,2025-13-01\n"
            "B,Zone B,11004,,2025-01-02,2025-01-01\n"
            "B,Zone B,44021,,2020-01-01,\n"
            "B,Zone B\n",
        )
    reported = {error.path: error.reason for error in caught.value.errors}
    assert set(reported) == {
        "line 3, zone_name_nl", "line 4, zone_code", "line 4, refnis", "line 5, postcode", "line 7, valid_from",
        "line 7, valid_until", "line 8, valid_until", "line 9, refnis", "line 10, refnis",
    }  # fmt: skip
    assert reported["line 9, refnis"] == "Overlaps in time with line 2."
    assert "'Zone A'" in reported["line 3, zone_name_nl"]
    assert "line 3" in caught.value.message
    assert "4 more" in caught.value.message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "zone_code, zone_name_nl"),
        (b"zone_code;zone_name_nl;refnis\n", "Columns are missing"),
        (HEADER.encode() + b"A,Zone \xe9,44021,,,\n", "UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 40, "UTF-8"),
    ],
)
def test_a_file_that_is_no_zones_file(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "zones.csv"
    file.write_bytes(content)
    with pytest.raises(ZoneFileError, match=reason):
        Zones.load(file, BELGIUM)


def test_a_spreadsheet_may_add_its_mark_and_columns(tmp_path: Path) -> None:
    file = tmp_path / "zones.csv"
    file.write_text("\ufeffextra," + HEADER + "x, A ,Zone A,44021,,,\n", encoding="utf-8")
    assert codes(Zones.load(file, BELGIUM), "44021") == ["A"]


def test_unknown_zones_and_places_say_so() -> None:
    with pytest.raises(UnknownPlace, match="zone"):
        DEMO.members("FZ-Z")
    with pytest.raises(UnknownPlace, match="REFNIS"):
        DEMO.zones_of("99999")
