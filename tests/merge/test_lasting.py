"""Values that go stale: whoever asked last knows, and what was over by then masks nothing and is no conflict."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.authority import Authority
from hub.merge import merge, sole, voices
from hub.model.claims import EDITOR, Claim, Merged
from tests.merge.saying import AUTHORITY, SOURCES, as_bytes, is_over, merged_content, says, some

ONCE = {"value": "yes", "asserted_at": "2025-11-21T00:00:00Z", "valid_until": "2026-01-31"}
NOW = {"value": "no", "asserted_at": "2026-11-22T00:00:00Z", "valid_until": "2026-12-31"}


def stop(source: str, value: dict[str, Any], **more: Any) -> Claim:
    return says(source, {"patientenstop": value}, kind="aanbod", **more)


def beds(source: str, *items: dict[str, Any], **more: Any) -> Claim:
    return says(source, {"capacity": [{"unit": "bed", **item} for item in items]}, kind="aanbod", **more)


def outcome(*claims: Claim, authority: Authority = AUTHORITY) -> Merged:
    (one,) = {as_bytes(merge(order, authority)): merge(order, authority) for order in itertools.permutations(claims)}.values()
    return one


def said_of(merged: Merged, field: str = "patientenstop") -> tuple[Any, list[str]]:
    assert merged.content is not None
    (told,) = [one.claims for one in merged.provenance if one.field == field]
    return merged.content[field], [source for source, _, _ in told]


@pytest.mark.parametrize("source", ["excel", "sociaal-brussels", EDITOR])
def test_what_was_over_before_another_asked_masks_nothing_whoever_said_it(source: str) -> None:
    for over in (ONCE, {"value": "yes", "valid_until": "2026-11-21"}):
        merged = outcome(stop(source, over), stop("sociale-kaart", NOW))
        assert said_of(merged) == (NOW, ["sociale-kaart"])
        assert merged.conflicts == ()
    overlay = stop("kaart", ONCE, partner="gent")
    assert said_of(outcome(overlay, stop("progezondheid", NOW))) == (NOW, ["progezondheid"])


def test_what_still_held_when_another_asked_stands_by_its_authority() -> None:
    for until in ({"valid_until": "2026-11-22"}, {}):
        held = {"value": "yes", **until}
        assert said_of(outcome(stop(EDITOR, held), stop("sociale-kaart", NOW))) == (held, [EDITOR])
    undated = {"value": "no"}
    assert said_of(outcome(stop(EDITOR, ONCE), stop("sociale-kaart", undated))) == (ONCE, [EDITOR]), "nobody knows when the other one asked"


def test_a_day_is_one_in_belgium() -> None:
    late = {"value": "no", "asserted_at": "2026-11-30T23:30:00Z"}
    for until, stands in (("2026-11-30", "no"), ("2026-12-01", "yes")):
        merged = outcome(stop(EDITOR, {"value": "yes", "valid_until": until}), stop("sociale-kaart", late))
        assert said_of(merged)[0]["value"] == stands
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"):
        assert merged_content(stop("excel", NOW | {"asserted_at": moment}), stop("sociale-kaart", NOW))["patientenstop"]


def test_of_equals_the_one_that_was_asserted_last_stands_and_the_other_is_a_conflict() -> None:
    earlier = {"value": "yes", "asserted_at": "2026-11-22T10:00:00+02:00", "valid_until": "2026-12-31"}
    later = {"value": "no", "asserted_at": "2026-11-22T09:00:00Z"}
    for one, other in (("excel", "sociale-kaart"), ("sociale-kaart", "excel")):
        merged = outcome(stop(one, earlier), stop(other, later), stop("sociaal-brussels", {"value": "unknown"}))
        assert said_of(merged) == (later, [other])
        (conflict,) = merged.conflicts
        assert conflict.values == ((other, "1", later), (one, "1", earlier), ("sociaal-brussels", "1", {"value": "unknown"}))


def test_who_says_today_what_is_over_already_knows_nothing_of_later_days() -> None:
    repeated = {"value": "yes", "asserted_at": "2026-12-15T00:00:00Z", "valid_until": "2026-01-31"}
    assert said_of(outcome(stop("excel", repeated), stop("sociale-kaart", NOW))) == (NOW, ["sociale-kaart"])
    longer = {"value": "no", "valid_until": "2026-10-01"}
    assert said_of(outcome(stop(EDITOR, longer), stop("sociale-kaart", repeated))) == (longer, [EDITOR])


def test_what_an_owner_says_is_never_over_for_others(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('[groups.availability]\norder = ["progezondheid", "excel"]\nauthentic = ["progezondheid"]\n', encoding="utf-8")
    authority = Authority.load(tmp_path / "own.toml")
    claims = stop("progezondheid", ONCE), stop("excel", NOW), stop(EDITOR, NOW)
    assert said_of(outcome(*claims, authority=authority)) == (ONCE, ["progezondheid"])
    assert said_of(outcome(*claims[1:], authority=authority)) == (NOW, [EDITOR])


def test_places_that_were_free_once_mask_none_that_are_free_now_and_stay_hidden() -> None:
    once = {"available": 1, "maximum": 9, "asserted_at": ONCE["asserted_at"], "valid_until": ONCE["valid_until"], "visibility": "internal"}
    now = {"available": 3, "asserted_at": NOW["asserted_at"], "valid_until": NOW["valid_until"]}
    wanted = [{"unit": "bed", **now, "visibility": "internal"}]
    for source in ("excel", EDITOR):
        claims = beds(source, once), beds("sociale-kaart", now)
        merged = outcome(*claims)
        assert said_of(merged, "capacity") == (wanted, ["sociale-kaart"])
        assert merged.conflicts == ()
        assert voices(merged.content or {}, claims) == {"capacity": (("sociale-kaart",),)}
    twice = beds("excel", once, now)
    assert merged_content(twice)["capacity"] == wanted
    assert sole(twice) == ({"kind": "aanbod", "capacity": wanted}, [])
    assert said_of(outcome(twice, stop("sociale-kaart", NOW)), "capacity") == (wanted, ["excel"])
    barred = beds("sociale-kaart", now, excluded={})
    editor = says(EDITOR, {}, kind="aanbod", excluded={"capacity": [{"unit": "bed"}]})
    assert "capacity" not in merged_content(barred, editor)


VALUES = some(
    {"value": st.sampled_from(["yes", "no"])},
    asserted_at=st.sampled_from([f"2026-{month}T12:00:00Z" for month in ("01-15", "02-15", "03-15", "04-15")]),
    valid_until=st.sampled_from([f"2026-{month}" for month in ("01-15", "02-14", "02-20", "03-20", "05-01")]),
)
STATED = st.lists(st.tuples(st.sampled_from(SOURCES), st.sampled_from("123"), VALUES), min_size=1, max_size=5, unique_by=lambda one: one[:2])


@given(STATED, st.randoms(use_true_random=False))
def test_the_order_does_not_matter_nothing_that_is_over_stands_and_merging_again_changes_nothing(
    stated: list[tuple[str, str, Any]], random: Any
) -> None:
    values = [value for _, _, value in stated]
    known = says("kbo", {}, kind="aanbod", external_id="known")  # what an editor says alone is nothing
    for field, shape in (("patientenstop", stop), ("capacity", beds)):
        claims = [shape(source, value if field == "patientenstop" else as_capacity(value), external_id=number) for source, number, value in stated]
        claims.append(known)
        merged = merge(claims, AUTHORITY)
        assert as_bytes(merge(random.sample(claims, len(claims)), AUTHORITY)) == as_bytes(merged)
        assert merged.content is not None
        again = merge([says("sociale-kaart", merged.content, kind="aanbod")], AUTHORITY)
        assert again.content == merged.content
        counting = {(source, number) for source, number, value in stated if not is_over(value, values)}
        (told,) = merged.provenance
        assert {(source, number) for source, number, _ in told.claims} <= counting
        assert all({(source, number) for source, number, _ in one.values} <= counting for one in merged.conflicts)
        if field == "patientenstop":
            assert not is_over(merged.content[field], values)


def as_capacity(value: dict[str, Any]) -> dict[str, Any]:
    return {**{name: said for name, said in value.items() if name != "value"}, "available": int(value["value"] == "yes")}
