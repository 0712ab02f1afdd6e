"""A row of sociaal.brussels becomes two claims, or is rejected by field; nothing else ever happens."""

from __future__ import annotations

import copy
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import Claim, Invalid, Mapping, Places, Rejected, World
from hub.authority import Authority
from hub.merge import merge
from hub.schemas import check_claim
from plugins.sociaal_brussels.listing import Listing, mangled
from plugins.sociaal_brussels.reading import day, decoded, mended
from plugins.sociaal_brussels.translate import revision_of, told_by
from plugins.sociaal_brussels.vocabulary import mappings, read_mappings

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ROWS = list(Listing(World()).rows.values())
FIND = Places().of_address


def told(**keys: Any) -> tuple[Claim, Claim, Counter[str]]:
    row = next(one for one in ROWS if one["address"] and one["pmRp"][0][0] == "1")
    found = told_by({**copy.deepcopy(row), **keys}, NOW, FIND)
    organisatie, aanbod = found.claims
    return organisatie, aanbod, found.remarks


def test_every_row_becomes_two_claims_that_can_be_stored() -> None:
    for row in ROWS:
        for claim in told_by(row, NOW, FIND).claims:
            check_claim(claim)


def test_contacts_carry_a_language_only_where_it_tells_them_apart() -> None:
    organisatie, _, _ = told(
        telFr=["02/435.51.38"], telNl=["02/435.51.38", "0470/00.00.01"], faxFr=[], faxNl=[], emailFr=["aide@example.org"],
        emailNl=["hulp@example.org"], websiteOfficialFr=["www.example.org"], websiteOfficialNl=["www.example.org"],
    )  # fmt: skip
    assert organisatie.content["contacts"] == [
        {"kind": "phone", "value": "+3224355138", "raw": "02/435.51.38"},
        {"kind": "mobile", "value": "+32470000001", "raw": "0470/00.00.01", "language": "nl"},
        {"kind": "email", "value": "hulp@example.org", "language": "nl"},
        {"kind": "email", "value": "aide@example.org", "language": "fr"},
        {"kind": "website", "value": "https://www.example.org", "raw": "www.example.org"},
    ]


def test_opening_hours_stand_as_text_in_both_languages() -> None:
    organisatie, aanbod, _ = told(permanencyFr="Du lundi au vendredi", permanencyNl="Van maandag tot vrijdag")
    wanted = {"nl": "Van maandag tot vrijdag", "fr": "Du lundi au vendredi"}
    assert organisatie.content["vestigingen"][0]["hours_text"] == wanted
    assert aanbod.content["hours_text"] == wanted


def test_for_whom_how_one_gets_in_and_remarks_stand_in_the_description() -> None:
    said = {"publicFr": "Familles", "publicNl": "Gezinnen", "accessFr": ["Par téléphone", "Sans rendez-vous"], "accessNl": ["Telefonisch", " "]}
    closed = {"remarkFr": None, "remarkNl": "Gesloten wegens verbouwing"}
    organisatie, aanbod, _ = told(activitiesFr="Aide", activitiesNl="Hulp", descriptionFr=None, descriptionNl="Een huis", **said, **closed)
    assert aanbod.content["description"] == {
        "nl": "Hulp\nVoor wie: Gezinnen\nToegang: Telefonisch\nOpmerking: Gesloten wegens verbouwing",
        "fr": "Aide\nPublic : Familles\nAccès : Par téléphone, Sans rendez-vous\nRemarque : Gesloten wegens verbouwing",
    }
    assert organisatie.content["description"] == {"nl": "Een huis\nOpmerking: Gesloten wegens verbouwing"}
    _, aanbod, _ = told(activitiesFr="Aide", activitiesNl=None, descriptionFr=None, descriptionNl=None, **said)
    assert set(aanbod.content["description"]) == {"fr"}, "a line in Dutch would keep Dutch readers from the text"
    organisatie, aanbod, _ = told(activitiesFr=None, activitiesNl=None, descriptionFr=None, descriptionNl=None, **said, **closed)
    assert organisatie.content["description"] == {"nl": "Opmerking: Gesloten wegens verbouwing"}
    assert aanbod.content["description"]["nl"].startswith("Voor wie: Gezinnen\nToegang")


def test_what_is_filled_in_and_not_used_is_named() -> None:
    plain = {**ROWS[1], "startDate": None}
    row = {**plain, "startDate": "01/03/98", "address": {**plain["address"], "remarkFr": "Entrée par la cour"}}
    assert told_by(plain, NOW, FIND).unused == ()
    row |= {"isInterpreting": True, "subventionNl": ["Subsidie van X"], "subventionFr": [], "otherAgreementNl": ["Erkend door X"], "kleur": "rood"}
    assert set(told_by(row, NOW, FIND).unused) == {"isInterpreting", "subventionNl", "otherAgreementNl", "kleur", "startDate", "address.remarkFr"}


@pytest.mark.parametrize(
    ("content", "text", "stray"),
    [
        ("Crèche – “Émile”".encode(), "Crèche – “Émile”", 0),
        ("Crèche – “Émile” ".encode() + "Crèche €".encode("cp1252"), "Crèche – “Émile” Crèche €", 2),
        ("Crèche – “Émile”".encode("cp1252"), "Crèche – “Émile”", 5),
        (b"a\x81b", "a\N{REPLACEMENT CHARACTER}b", 1),
    ],
)
def test_only_bytes_that_are_no_utf8_are_read_as_cp1252(content: bytes, text: str, stray: int) -> None:
    assert decoded(content) == (text, stray)


def test_a_row_says_nothing_of_whether_somebody_still_works_and_what_another_source_knows_stands() -> None:
    organisatie, aanbod, _ = told(startDate="01/03/98")
    assert "status" not in organisatie.content
    assert "status" not in aanbod.content
    stopped = {"status": "inactive", "evidence": "state=INACTIVE"}
    other = Claim("sociale-kaart", "1", 1, "organisatie", {"kind": "organisatie", "status": stopped})
    merged = merge([organisatie, other], Authority.load())
    assert merged.content is not None
    assert merged.content["status"] == stopped


def test_no_address_is_no_vestiging() -> None:
    organisatie, aanbod, _ = told(address=None)
    assert "vestigingen" not in organisatie.content
    assert "vestigingen" not in aanbod.content
    assert aanbod.content["hours_text"]


@pytest.mark.parametrize(
    ("number", "own", "wanted"),
    [("42", "3", ("42", "3")), ("42 bte 3", None, ("42", "3")), ("42 bte 3", "9", ("42 bte 3", "9")), ("42b", None, ("42b", None))],
)
def test_a_box_within_the_number_is_the_box_where_there_is_no_other(number: str, own: str | None, wanted: tuple[str, str | None]) -> None:
    row = next(one for one in ROWS if one["address"] and one["pmRp"][0][0] == "1")
    organisatie, _, _ = told(address={**row["address"], "number": number, "postalBox": own})
    ((address,),) = (site["addresses"] for site in organisatie.content["vestigingen"])
    assert (address["house_number"], address.get("box")) == wanted


@pytest.mark.parametrize(
    ("written", "numbers", "remarks"),
    [
        (["0403.019.261"], ["0403019261"], 0),
        (["TVA BE 0403.019.261 (siège)"], ["0403019261"], 0),
        (["RPM Bruxelles 403019261"], ["0403019261"], 0),
        (["0403.019.261 / 0212.347.945"], ["0403019261", "0212347945"], 0),
        (["0403.019.261", "0403019261"], ["0403019261"], 0),
        (["0403.019.262"], [], 1),
        (["en cours", "0403.019.261"], ["0403019261"], 1),
        (["12345678901234567890"], [], 1),
        ([], [], 0),
        (None, [], 0),
        ("0403.019.261", ["0403019261"], 0),
    ],
)
def test_company_numbers_are_found_in_the_noise(written: Any, numbers: list[str], remarks: int) -> None:
    organisatie, _, remarked = told(pmRp=written)
    assert [item["value"] for item in organisatie.content.get("identifiers", ())] == numbers
    assert remarked.total() == remarks


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("28/08/20", date(2020, 8, 28)),
        ("1/2/05", date(2005, 2, 1)),
        ("31/12/69", date(2069, 12, 31)),
        ("01/01/70", date(1970, 1, 1)),
        ("31/02/20", None),
        ("2020-08-28", None),
        ("28/08/2020", None),
        (None, None),
        (20200828, None),
    ],
)
def test_two_digit_years(text: Any, wanted: date | None) -> None:
    assert day(text) == wanted


@given(st.text("abc .,-'àâäçéèêëîïôöùûüÿœŒÀÂÇÉÈÊËÎÔÙÛÜ’‘“„–—…€«»°", max_size=60))
def test_mending_undoes_mangling(text: str) -> None:
    broken = mangled(text)
    assert broken is not None
    if broken != text:
        assert mended(broken) == text


@pytest.mark.parametrize("text", ["Crèche", "Ångström", "Â", "ÉCOLE", "CAFÉ–BAR", "Ça va", "20 €", "’s-Gravenbrakel", "São Paulo"])
def test_a_good_text_is_left_alone(text: str) -> None:
    assert mended(text) == text


@given(st.dates(date(2000, 1, 1), date(2060, 1, 1)), st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_later_reading_never_has_a_lower_revision(updated: date, first: int, more: int) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    sooner, later = start + timedelta(seconds=first), start + timedelta(seconds=first + more)
    assert revision_of(updated, sooner) <= revision_of(updated, later)
    assert revision_of(updated, sooner) <= revision_of(updated + timedelta(days=1), later)


def test_the_revision_rests_once_the_day_is_over() -> None:
    updated = date(2026, 11, 22)
    same_day = [revision_of(updated, datetime(2026, 11, 22, hour, tzinfo=UTC)) for hour in (9, 15)]
    afterwards = {revision_of(updated, datetime(2026, 11, 24, tzinfo=UTC) + timedelta(days=days)) for days in range(400)}
    assert same_day[0] < same_day[1] < min(afterwards)
    assert len(afterwards) == 1


def test_a_row_without_a_name_is_rejected_with_its_id() -> None:
    with pytest.raises(Rejected) as caught:
        told(nameOfficialFr=" ", nameOfficialNl=None)
    assert caught.value.external_id
    assert caught.value.field.startswith("nameOfficial")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(ROWS[0])), JSON)
def test_a_malformed_key_never_breaks_the_run(key: str, value: Any) -> None:
    judge({**ROWS[1], key: value})


@given(st.sampled_from(sorted(ROWS[1]["address"])), JSON)
def test_a_malformed_address_never_breaks_the_run(key: str, value: Any) -> None:
    judge({**ROWS[1], "address": {**ROWS[1]["address"], key: value}})


@given(st.dictionaries(st.sampled_from(sorted(ROWS[0])), JSON))
def test_any_object_never_breaks_the_run(row: dict[str, Any]) -> None:
    judge(row)


def judge(row: dict[str, Any]) -> None:
    """Claims that the store can judge by field, or a rejection in words; any other error fails the test."""
    try:
        for claim in told_by(row, NOW, FIND).claims:
            check_claim(claim)
    except Rejected as rejection:
        said = rejection.message
    except Invalid as refusal:
        said = " ".join(error.reason for error in refusal.errors)
    else:
        said = "claims"
    assert said


def test_mappings_are_read_as_sssom() -> None:
    assert mappings() == [], "nobody has published one"
    header = "subject_id,predicate_id,object_id,mapping_justification,confidence,author_label,mapping_date\n"
    row = "sociaal-brussels|9301,skos:closeMatch,rubriek|10.07.02,semapv:ManualMappingCuration,0.8,Iemand,2026-11-01\n"
    wanted = Mapping(
        "sociaal-brussels|9301",
        "close",
        "rubriek|10.07.02",
        confidence=0.8,
        author="Iemand",
        date="2026-11-01",
    )
    assert read_mappings([header, row]) == [wanted]
    with pytest.raises(ValueError, match="sameAs"):
        read_mappings([header, row.replace("skos:closeMatch", "owl:sameAs")])
