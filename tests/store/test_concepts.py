"""Concepts: what is written once stays, an official label above all; the book answers without the database."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, create_engine

from hub.errors import Rejected
from hub.model.concepts import RUBRIEK, Concept, ConceptScheme, Mapping, rubriek_from_label
from hub.store import Store
from hub.store.concepts import ConceptBook, carried
from hub.store.concepts import put as put_concept
from tests.store.conftest import put
from tests.store.saying import SK, aanbod, organisatie, person

WZC = Concept(RUBRIEK, "14.04.01", {"nl": "Woonzorgcentra (WZC)"}, synonyms=("rusthuis",), broader="14.04", official=True)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def book_of(*concepts: Concept, mappings: tuple[Mapping, ...] = ()) -> ConceptBook:
    return ConceptBook({}, {(one.scheme, one.code): one for one in concepts}, mappings)


def test_what_is_put_comes_back_whole(connection: Connection) -> None:
    whole = Concept(
        "tag", "palliatief", {"nl": "Palliatieve zorg", "fr": "Soins palliatifs"}, ("levenseinde",), "zorg", ("VL",), "2020-01-01", "2030-01-01", True
    )
    scheme = ConceptScheme("tag", {"nl": "Labels"}, (Concept("tag", "zorg", {"nl": "Zorg"}), whole), "bestand.csv", "https://example.org/tags")
    assert put_concept(connection, scheme)
    book = ConceptBook.load(connection)
    assert book.get("tag", "palliatief") == whole
    assert book.schemes() == (replace(scheme, concepts=()),)
    assert [one.code for one in book.concepts("tag")] == ["palliatief", "zorg"]


def test_writing_the_same_again_changes_nothing(connection: Connection) -> None:
    mapping = Mapping("rubriek|14.04.01", "close", "sociaal-brussels|rusthuis")
    for thing in (ConceptScheme("rubriek", {"nl": "Rubrieken"}, (WZC,)), WZC, mapping):
        put_concept(connection, thing)
    version = ConceptBook.load(connection).version
    for thing in (ConceptScheme("rubriek", {"nl": "Rubrieken"}, (WZC,)), WZC, mapping):
        assert not put_concept(connection, thing)
    assert ConceptBook.current_version(connection) == version
    assert put_concept(connection, replace(mapping, confidence=0.5))
    assert ConceptBook.current_version(connection) > version


def test_a_new_label_under_a_known_code_changes_the_label_only(connection: Connection) -> None:
    put_concept(connection, replace(WZC, regions=("VL",), valid_from="2020-01-01"))
    assert put_concept(connection, Concept(RUBRIEK, "14.04.01", {"nl": "Woonzorgcentra"}, official=True))
    assert ConceptBook.load(connection).get(RUBRIEK, "14.04.01") == replace(
        WZC, labels={"nl": "Woonzorgcentra"}, regions=("VL",), valid_from="2020-01-01"
    )


def test_an_official_label_is_never_overwritten_by_an_unofficial_one(connection: Connection) -> None:
    put_concept(connection, WZC)
    put_concept(connection, Concept(RUBRIEK, "14.04.01", {"nl": "Verzonnen", "fr": "Inventé"}))
    kept = ConceptBook.load(connection).get(RUBRIEK, "14.04.01")
    assert kept is not None
    assert kept.labels == {"nl": "Woonzorgcentra (WZC)"}
    assert kept.official


def test_an_official_label_takes_the_place_of_all_made_up_ones(connection: Connection) -> None:
    put_concept(connection, Concept(RUBRIEK, "14.04.01", {"nl": "Verzonnen", "fr": "Inventé"}))
    put_concept(connection, WZC)
    assert ConceptBook.load(connection).get(RUBRIEK, "14.04.01") == WZC


def test_the_codes_above_are_made_without_a_label_and_get_one_later(connection: Connection) -> None:
    put_concept(connection, rubriek_from_label("14.04.01. Woonzorgcentra (WZC)"))
    book = ConceptBook.load(connection)
    assert book.ancestors(RUBRIEK, "14.04.01") == ("14.04", "14")
    assert book.label(RUBRIEK, "14.04") == "14.04"
    assert book.children(RUBRIEK, "14") == ("14.04",)
    assert book.children(RUBRIEK) == ("14",)
    put_concept(connection, rubriek_from_label("14. OUDEREN"))
    put_concept(connection, rubriek_from_label("14.04.02. Dagverzorging"))
    book = ConceptBook.load(connection)
    assert book.label(RUBRIEK, "14") == "OUDEREN"
    assert book.children(RUBRIEK, "14.04") == ("14.04.01", "14.04.02")


@pytest.mark.parametrize(
    ("label", "code", "name", "broader"),
    [
        ("14.04.01. Woonzorgcentra (WZC)", "14.04.01", "Woonzorgcentra (WZC)", "14.04"),
        ("06. OPLEIDING, WERKLOOSHEID EN TEWERKSTELLING", "06", "OPLEIDING, WERKLOOSHEID EN TEWERKSTELLING", None),
        (" 13.08 Dagopvang personen met een handicap ", "13.08", "Dagopvang personen met een handicap", "13"),
    ],
)
def test_a_rubriek_is_read_from_its_label(label: str, code: str, name: str, broader: str | None) -> None:
    assert rubriek_from_label(label) == Concept(RUBRIEK, code, {"nl": name}, broader=broader)


@pytest.mark.parametrize("label", ["", "Woonzorgcentra", "14.04.01.", "14.04.01Woonzorgcentra", "1. Kort", "14.4. Fout", "01.02.03.04.05. Te diep"])
def test_what_is_no_rubriek_is_rejected_with_the_reason(label: str) -> None:
    with pytest.raises(Rejected, match=r"expected its code and then its name") as caught:
        rubriek_from_label(label)
    assert caught.value.field == "rubrieken"


def test_a_label_falls_back_on_dutch_french_english_and_the_code() -> None:
    book = book_of(
        Concept("s", "a", {"nl": "N", "fr": "F"}), Concept("s", "b", {"fr": "F", "en": "E"}), Concept("s", "c", {"en": "E"}), Concept("s", "d", {})
    )
    assert [book.label("s", code, "de") for code in ("a", "b", "c", "d", "onbekend")] == ["N", "F", "E", "d", "onbekend"]
    assert book.label("s", "a", "fr") == "F"


def test_a_circle_of_broader_codes_ends() -> None:
    book = book_of(*(Concept("s", code, {}, broader=above) for code, above in (("a", "b"), ("b", "c"), ("c", "a"), ("x", "x"))))
    assert book.ancestors("s", "a") == ("b", "c")
    assert book.ancestors("s", "x") == ()


def test_search_folds_and_puts_the_whole_label_first() -> None:
    book = book_of(
        Concept(RUBRIEK, "1", {"nl": "Thuiszorg voor kinderen"}),
        Concept(RUBRIEK, "2", {"nl": "Thuiszorg", "fr": "Soins à domicile"}),
        Concept(RUBRIEK, "3", {"nl": "Gezinszorg"}, synonyms=("Thuiszorg",)),
        Concept("tag", "4", {"nl": "Thuiszorg"}),
    )
    assert [one.code for one in book.search("THUÏSZORG", RUBRIEK)] == ["2", "1", "3"]
    assert [one.code for one in book.search("kind thuis")] == ["1"]
    assert [one.code for one in book.search("domicile", language="nl")] == []
    assert [one.code for one in book.search("domicile", language="fr")] == ["2"]
    assert book.search(" - ") == ()
    assert len(book.search("thuiszorg", limit=1)) == 1


def test_a_broad_match_read_backwards_says_that_it_is_approximate() -> None:
    book = book_of(
        mappings=(
            Mapping("rubriek|14.04.01", "broad", "sb|ouderen"),
            Mapping("rubriek|02", "exact", "sb|gezondheid"),
            Mapping("rubriek|03", "narrow", "sb|deel"),
        )
    )
    assert book.mapped("rubriek", "14.04.01", "sb") == (("ouderen", "broad", False, 1.0),)
    assert book.mapped("sb", "ouderen", "rubriek") == (("14.04.01", "narrow", True, 1.0),)
    assert book.mapped("sb", "gezondheid", "rubriek") == (("02", "exact", False, 1.0),)
    assert book.mapped("rubriek", "03", "sb") == (("deel", "narrow", True, 1.0),)
    assert book.mapped("sb", "deel", "rubriek") == (("03", "broad", False, 1.0),)
    assert book.mapped("rubriek", "14.04.01", "elders") == ()


def test_what_a_code_implies_in_another_scheme_comes_from_it_and_from_those_above_and_is_no_guess() -> None:
    mappings = (
        Mapping("rubriek|14", "exact", "cd-hcparty|org1"),
        Mapping("rubriek|14.04", "broad", "cd-hcparty|org2"),
        Mapping("rubriek|14.04", "narrow", "cd-hcparty|orgguess"),
        Mapping("rubriek|14.04.01", "close", "sociaal-brussels|4"),
    )
    book = book_of(
        *(Concept(RUBRIEK, code, {}, broader=above) for code, above in (("14", None), ("14.04", "14"), ("14.04.01", "14.04"))), mappings=mappings
    )
    assert book.implied(RUBRIEK, "14.04.01", "cd-hcparty") == ("org2", "org1")
    assert book.implied(RUBRIEK, "14", "cd-hcparty") == ("org1",)
    assert book.implied("cd-hcparty", "org1", "cd-hcparty") == ()
    assert book.implied("cd-hcparty", "org2", RUBRIEK) == (), "a broad match read backwards is a guess"
    assert book.mapped_schemes(RUBRIEK) == ("cd-hcparty", "sociaal-brussels")
    assert book.implied_anywhere(RUBRIEK, "14.04.01") == (("cd-hcparty", "org2"), ("cd-hcparty", "org1"), ("sociaal-brussels", "4"))
    assert book.implied_anywhere("sociaal-brussels", "4") == ((RUBRIEK, "14.04.01"),)


def test_of_two_matches_the_closest_and_surest_comes_first() -> None:
    book = book_of(
        mappings=(
            Mapping("a|1", "close", "b|x", confidence=0.9),
            Mapping("a|1", "close", "b|y", confidence=0.95),
            Mapping("b|z", "exact", "a|1"),
            Mapping("a|1", "broad", "b|z"),
        )
    )
    assert [one.code for one in book.mapped("a", "1", "b")] == ["z", "y", "x"]
    assert book.mapped("a", "1", "b")[0].relation == "exact"


def test_coverage_counts_each_fiche_once_by_the_closest_that_one_of_its_codes_is_mapped_to() -> None:
    mappings = (Mapping("a|1", "exact", "b|x"), Mapping("a|2", "close", "b|x"), Mapping("b|y", "broad", "a|4"), Mapping("a|5", "broad", "b|z"))
    book = book_of(Concept("a", "1.1", {}, broader="1"), mappings=mappings)
    fiches = {("1",): 10, ("1", "3"): 2, ("2", "1.1"): 20, ("1.1",): 30, ("3", "5"): 5, ("4",): 40, ("3",): 1, ("6", "7"): 7}
    coverage = book.coverage("a", "b", fiches)
    assert (coverage.exact, coverage.close, coverage.broader, coverage.approximate, coverage.unmapped) == (12, 20, 35, 40, 8)
    assert coverage.total == 115
    assert coverage.missing == (("3", 8), ("6", 7), ("7", 7))


def test_what_fiches_carry_is_counted_wherever_it_stands_in_them(store: Store) -> None:
    two = [{"scheme": "rubriek", "code": code} for code in ("15", "14.04.01")]
    place = {"zorgverlener": {"source": SK, "external_id": "p"}, "professions": [{"scheme": "cd-hcparty", "code": "persnurse"}]}
    put(store, organisatie("o"), aanbod("a", "o"), aanbod("b", "o"), aanbod("c", "o", rubrieken=two, caregivers=[place]), person("p"))
    with store.read() as connection:
        assert carried(connection, "rubriek") == {("14.04.01",): 2, ("14.04.01", "15"): 1}
        assert carried(connection, "cd-hcparty")["persnurse",] == 1
        assert carried(connection, "elders") == {}
