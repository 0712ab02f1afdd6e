"""Somebody is erased: from every table, from the files of the database, and from every later load."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub import schemas
from hub.errors import NotFound
from hub.jobs import HOUSEKEEPING
from hub.model.claims import Claim
from hub.store import Store, database, reading, tables, versions
from hub.store.bulk import Bulk
from hub.store.erased_together import together
from hub.store.erasure import Due, due, erase, finish, rewrite, to_rewrite
from hub.store.forgetting import key_hash
from hub.store.references import HUB
from hub.sync import outbox
from tests.store.conftest import AUTHORITY, SECRET, Clock, put
from tests.store.saying import (
    PG,
    SB,
    SK,
    aanbod,
    count,
    fiche,
    gone,
    head,
    log,
    organisatie,
    person,
    riziv,
    uuid_of,
)

NAME = "Zeldzamenaam"
PHONE = "+3216000099"
_PARTNER = {
    "title": "T",
    "purpose": "proef",
    "legal_basis": "geen",
    "level": "internal",
    "contact": "a@example.org",
    "our_contact": "b@example.org",
    "revision": 1,
    "created_at": "2026-11-22",
}


def _fill(store: Store) -> str:
    put(store, organisatie("o1"), *(person(f"p{number}", f"Ander{number}", number=number) for number in range(10, 60)))
    mine = person("p1", NAME, number=1, contacts=[{"kind": "phone", "value": PHONE}])
    part = [{"zorgverlener": {"system": "riziv", "value": riziv(1)}, "contacts": [{"kind": "phone", "value": PHONE}]}]
    put(store, mine, aanbod("a1", "o1", caregivers=part), person("x1", NAME, source=SB, number=1))
    put(store, person("p1", NAME, number=1, revision=2), aanbod("a1", "o1", "Andere naam", revision=2, caregivers=part))
    return uuid_of(store, f"{PG}|p1")


def _everything(store: Store) -> str:
    """All that the database holds, as text."""
    found = []
    with store.read() as connection:
        names = [table.name for table in tables.metadata.sorted_tables] + [
            "fulltext" if store.engine.dialect.name == "postgresql" else "fulltext_tokens"
        ]
        for name in names:
            for row in connection.execute(text(f"SELECT * FROM {name}")):
                found += [_readable(bytes(value)) if isinstance(value, (bytes, memoryview)) else str(value) for value in row]
    return "\n".join(found)


def _readable(value: bytes) -> str:
    for read in (zlib.decompress, schemas.unpack):
        with suppress(zlib.error, ValueError):  # not every blob is compressed
            value = read(value)
    return value.decode("utf-8", "replace")


def test_nothing_of_the_person_is_left(store: Store, tmp_path: Path) -> None:
    uuid = _fill(store)
    before = _everything(store)
    assert NAME in before and NAME.lower() in before and riziv(1) in before
    erase(store, uuid, "vraag van de betrokkene")
    after = _everything(store)
    for word in (NAME, NAME.lower(), riziv(1), PHONE):
        assert word not in after
    if store.engine.dialect.name == "sqlite":
        store.close()
        files = list(tmp_path.glob("fichehub.sqlite*"))
        assert files
        for path in files:
            data = path.read_bytes().lower()
            for word in (NAME.lower(), riziv(1), PHONE):
                assert word.encode() not in data, path.name


def test_what_a_partner_said_when_it_refused_the_person_is_gone_too(store: Store) -> None:
    uuid = _fill(store)
    (change,) = [each for each in log(store) if each.id == uuid and each.operation == "create"]
    now = datetime(2026, 11, 22, 9, tzinfo=UTC)
    with store.read() as connection:
        ((number,),) = connection.execute(text("SELECT id FROM entity WHERE uuid = :uuid"), {"uuid": uuid})
    store.write(lambda writer: outbox.enqueue(writer.connection, "register", [(number, change)], now))
    with store.read() as connection:
        (letter,) = outbox.due(connection, "register", now, (0, 0), 9)
    store.write(lambda writer: outbox.failed(writer.connection, letter, f"{NAME} is not known here", now, final=False))
    assert f"{NAME} is not known here" in _everything(store)
    erase(store, uuid, "vraag van de betrokkene")
    assert NAME not in _everything(store)
    assert count(store, "outbox") == 1, "that it is gone must still be delivered"


def test_what_was_refused_of_the_person_is_gone_too_and_of_others_not(store: Store) -> None:
    uuid = _fill(store)
    columns = ("connection", "run_id", "external_id", "field", "reason", "raw", "at")
    rows = [("own", 1, row, "contacts", f"{name} has no such number", name, "2026-11-22") for row, name in (("p1", NAME), ("p10", "Ander10"))]
    with database.writing(store.engine) as connection:
        Bulk(connection).insert("rejected", columns, rows)
    erase(store, uuid, "vraag van de betrokkene")
    assert NAME not in _everything(store)
    assert count(store, "rejected", "external_id = 'p10'") == count(store, "rejected") == 1


def test_what_somebody_was_called_before_is_left_nowhere_either(store: Store) -> None:
    put(store, person("p1", "Meisjesnaam", number=1), person("p2", "Blijver", number=2))
    put(store, person("p1", NAME, number=1, revision=2))
    erase(store, uuid_of(store, f"{PG}|p1"), "vraag van de betrokkene")
    left = _everything(store).lower()
    assert "meisjesnaam" not in left and NAME.lower() not in left
    assert count(store, "vocabulary", "value = 'blijver'") == 2  # as a family name and as a word of the name


@pytest.mark.parametrize("which", [0, 1])
def test_no_pair_with_the_person_is_left_in_the_queue_whoever_came_first(store: Store, which: int) -> None:
    at_home = [{"type": "practice", "postcode": "9000", "street": {"nl": "Kouter"}, "house_number": "1"}]
    put(store, person("s1", NAME, source=SK, addresses=at_home))
    put(store, person("p1", NAME, addresses=at_home))
    assert count(store, "review") == 1
    erase(store, uuid_of(store, (f"{SK}|s1", f"{PG}|p1")[which]), "vraag van de betrokkene")
    assert count(store, "review") == 0
    assert count(store, "fiche", "state = 'erased'") == 1


def test_a_reload_does_not_bring_the_person_back(store: Store) -> None:
    uuid = _fill(store)
    erase(store, uuid, "vraag van de betrokkene")
    before = head(store)
    again = put(store, person("p1", NAME, number=1, revision=9))
    elsewhere = put(store, Claim("excel", "row 7", 1, "zorgverlener", person("", NAME, number=1).content))
    unusable = put(store, Claim(PG, "p1", 10, "zorgverlener", {"kind": "zorgverlener", "nonsense": NAME}))
    assert (again.erased, elsewhere.erased, unusable.erased) == (1, 1, 1)
    assert again.changed == elsewhere.changed == 0
    assert unusable.rejected == []
    assert head(store) == before
    assert NAME not in _everything(store)


def test_later_claims_of_others_say_nothing_of_the_person(store: Store) -> None:
    uuid = _fill(store)
    erase(store, uuid, "vraag van de betrokkene")
    put(store, aanbod("a1", "o1", "Derde naam", revision=3, people=(1, 10)))
    document = fiche(store, f"{SK}|a1")
    assert document and len(document["caregivers"]) == 1
    assert riziv(1) not in _everything(store)
    assert count(store, "fiche", "state = 'stub'") == 0


def test_who_is_named_by_the_id_of_the_hub_stays_erased_too(store: Store) -> None:
    uuid = _fill(store)
    erase(store, uuid, "vraag van de betrokkene")
    named = Claim("excel", "row 7", 1, "zorgverlener", person("", NAME).content, same_as=((HUB, uuid),))
    assert [put(store, replace(named, partner=partner)).erased for partner in (None, "epd")] == [1, 1]
    put(store, aanbod("a1", "o1", revision=3, caregivers=[{"zorgverlener": {"id": uuid}}, {"zorgverlener": {"system": "riziv", "value": riziv(10)}}]))
    document = fiche(store, f"{SK}|a1")
    assert document and len(document["caregivers"]) == 1
    assert NAME not in _everything(store)


def test_everybody_is_told_once(store: Store) -> None:
    uuid = _fill(store)
    before = head(store)
    erase(store, uuid, "vraag van de betrokkene")
    mine = [change for change in log(store, before, rank=0) if change.id == uuid]
    assert [change.operation for change in mine] == ["delete"]
    assert any(change.operation == "update" and change.type == "aanbod" for change in log(store, before, rank=0))
    document = fiche(store, f"{SK}|a1")
    assert document and "caregivers" not in document
    assert count(store, "fiche", "state = 'erased'") == 1
    with store.read() as connection:
        known = reading.resolve(connection, [uuid])[uuid]
        assert versions.as_at(connection, known.id, before) is None
    erase(store, uuid, "nog eens")
    assert [change for change in log(store, before, rank=0) if change.id == uuid] == mine


def test_who_is_not_there_cannot_be_erased(store: Store) -> None:
    with pytest.raises(NotFound):
        erase(store, "00000000-0000-7000-8000-000000000000", "")


@pytest.mark.postgres
def test_after_a_rewrite_nothing_is_left_in_the_files_of_postgresql(postgres_database_url: str, open_on: Callable[[str], Store]) -> None:
    store = open_on(postgres_database_url)
    uuid = _fill(store)
    database.analyze(store.engine)
    assert _in_files(store)
    erase(store, uuid, "vraag van de betrokkene")
    with store.read() as connection:
        assert due(connection) == Due(cleaning=0, rewriting=1)
    told: list[str] = []
    rewrite(store, lambda done, total, table: told.append(table))
    assert _in_files(store) == set()
    assert told == [name for name, _ in to_rewrite(store)]
    with store.read() as connection:
        assert due(connection) == Due(cleaning=0, rewriting=0)


@pytest.fixture
def open_on(clock: Clock) -> Iterator[Callable[[str], Store]]:
    opened: list[Store] = []

    def open_(url: str) -> Store:
        opened.append(Store(database.connect(url), authority=AUTHORITY, secret=SECRET, now=clock))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


def _in_files(store: Store) -> set[str]:
    """Tables and indexes in whose files the person still stands."""
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CHECKPOINT")
        folder = connection.exec_driver_sql("SHOW data_directory").scalar_one()
        files = "SELECT relname, pg_relation_filepath(oid) FROM pg_class WHERE pg_relation_filepath(oid) IS NOT NULL"
        named = connection.exec_driver_sql(files).all()
    return {
        name
        for name, path in named
        if (file := Path(folder) / path).exists()
        for word in (NAME, riziv(1)[:8], PHONE[3:])
        if word.lower().encode() in file.read_bytes().lower()
    }


def test_whoever_is_cut_off_before_cleaning_is_followed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    uuid = _fill(store)

    def killed(engine: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("hub.store.erasure.clean", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(store, uuid, "vraag van de betrokkene")
    assert NAME.lower() in _everything(store), "the vocabulary"
    HOUSEKEEPING["clean"][1](store)
    assert NAME.lower() not in _everything(store)
    assert not finish(store)


def test_the_names_that_partners_gave_are_forgotten_and_those_of_others_kept(store: Store) -> None:
    role = "fhir-canpart:PractitionerRole/rol-kwibusz"
    part = {"keys": [role], "zorgverlener": {"system": "riziv", "value": riziv(1)}, "contacts": [{"kind": "phone", "value": PHONE}]}
    offer = aanbod("HealthcareService/a", "Organization/o", source="fhir-canpart", caregivers=[part])
    put(
        store,
        organisatie("Organization/o", source="fhir-canpart"),
        person("Practitioner/kwibusz-1", NAME, source="fhir-canpart", number=1),
        offer,
        replace(
            aanbod("mine", "Organization/o", "Van de kaart", source="kaart", caregivers=[part]),
            partner="kaart",
            same_as=(("fhir-canpart", "HealthcareService/a"),),
        ),
    )
    sent = [
        ("canpart", "Practitioner/kwibusz-1", "Practitioner/kwibusz-1", ""),
        ("canpart", "PractitionerRole/rol-kwibusz", "HealthcareService/a", role),
        ("canpart", "HealthcareService/a", "HealthcareService/a", ""),
        ("other", "Practitioner/9", "Practitioner/kwibusz-1", ""),
    ]
    with database.writing(store.engine) as connection:
        bulk = Bulk(connection)
        bulk.insert("partner", ("name", *_PARTNER), [(name, *_PARTNER.values()) for name in ("canpart", "other")])
        bulk.insert("fed", ("partner", "name", "owner", "key", "version"), [(*row, "") for row in sent])
    assert count(store, "part_key", "key LIKE '%kwibusz%'")
    erase(store, uuid_of(store, "fhir-canpart|Practitioner/kwibusz-1"), "vraag van de betrokkene")
    with store.read() as connection:
        left = Bulk(connection).rows("SELECT partner, name FROM fed ORDER BY partner, name")
    assert [tuple(row) for row in left] == [("canpart", "HealthcareService/a"), ("other", "Practitioner/9")]
    assert not count(store, "part_key", "key LIKE '%kwibusz%'")
    assert "rol-kwibusz" not in _everything(store) and PHONE not in _everything(store)


def test_of_two_fiches_that_were_joined_both_are_erased(store: Store) -> None:
    put(store, person("1", "Oudnaam"), person("2", NAME, source=SB))
    put(store, person("2", "Anderenaam", source=SB, revision=2))
    stays, goes = uuid_of(store, f"{PG}|1"), uuid_of(store, f"{SB}|2")
    assert store.write(lambda writer: writer.join(stays, goes)) == stays
    assert count(store, "version") > 1
    erase(store, stays, "asked for")
    assert {table: count(store, table) for table in ("version", "claim", "part_key", "identity", "review")} == dict.fromkeys(
        ("version", "claim", "part_key", "identity", "review"), 0
    )
    assert count(store, "fiche", "state = 'erased' AND document IS NULL") == count(store, "fiche") == 2
    keys = {key_hash(SECRET, key) for key in (f"{PG}|1", f"{SB}|2", f"{HUB}|{stays}", f"{HUB}|{goes}")}
    with store.read() as connection:
        assert set(connection.execute(text("SELECT key_hash FROM erasure")).scalars()) == keys
    told = _everything(store)
    assert not any(name in told for name in ("Oudnaam", NAME, "Anderenaam"))
    assert put(store, person("2", NAME, source=SB, revision=3)).erased == 1


# --- one person whom a source holds apart ----------------------------------------------------------------------------------------


def _twins(store: Store, **of_second: Any) -> tuple[str, str]:
    """Two fiches of one source with the same RIZIV number, and what both have been called since."""
    put(store, person("a1", "Eersteling", source=SK, number=1), person("a2", "Tweeling", source=SK, number=1, **of_second))
    put(store, person("a1", NAME, source=SK, number=1, revision=2), person("a2", NAME, source=SK, number=1, revision=2, **of_second))
    return uuid_of(store, f"{SK}|a1"), uuid_of(store, f"{SK}|a2")


@pytest.mark.parametrize("which", [0, 1])
def test_whom_a_source_holds_twice_is_erased_twice(store: Store, which: int) -> None:
    twins = _twins(store, contacts=[{"kind": "phone", "value": PHONE}])
    put(store, aanbod("x", "o1", caregivers=[{"zorgverlener": {"source": SK, "external_id": one}} for one in ("a1", "a2")]))
    put(store, person("a3", "Ander", source=SK, number=2))
    asked, other = twins[which], twins[1 - which]
    before = head(store)
    with store.read() as connection:
        named = [one.uuid for one in together(connection, asked)]
    assert named == [asked, other]
    assert [one.uuid for one in erase(store, asked, "vraag van de betrokkene")] == named
    assert {change.id: change.operation for change in log(store, before) if change.id in twins} == dict.fromkeys(twins, "delete")
    left = _everything(store)
    assert not [word for word in ("eersteling", "tweeling", NAME.lower(), PHONE, riziv(1)) if word in left.lower()]
    offer = fiche(store, f"{SK}|x")
    assert offer and "caregivers" not in offer
    again = put(store, *(person(one, NAME, source=SK, number=1, revision=3) for one in ("a1", "a2")), person("p1", NAME, number=1))
    assert (again.erased, again.changed) == (3, 0)
    assert fiche(store, f"{SK}|a3"), "somebody else"
    assert erase(store, other, "nog eens") == []


def test_so_it_is_with_three_and_with_what_no_living_claim_leads_to_any_more(store: Store) -> None:
    put(store, *(person(f"a{number}", NAME, source=SK, number=1) for number in (1, 2, 3)))
    put(store, gone(person("a1", source=SK), 2))
    erase(store, uuid_of(store, f"{SK}|a3"), "vraag van de betrokkene")
    assert count(store, "fiche", "state = 'erased'") == count(store, "fiche") == 3
    assert not count(store, "identity") and NAME not in _everything(store)
    assert put(store, person("p1", NAME, number=1)).erased == 1


def test_who_has_another_number_since_is_somebody_else(store: Store) -> None:
    put(store, person("a1", "Blijver", source=SK, number=1), person("a2", NAME, source=SK, number=1))
    put(store, person("a1", "Blijver", source=SK, number=2, revision=2))
    erase(store, uuid_of(store, f"{SK}|a2"), "vraag van de betrokkene")
    assert put(store, person("a1", "Blijver", source=SK, number=2, revision=3)).erased == 0
    assert fiche(store, f"{SK}|a1") and not count(store, "identity", f"key LIKE '%{riziv(1)[:8]}%'")
    assert put(store, person("p1", NAME, number=1)).erased == 1


def test_two_organisaties_with_one_establishment_number_are_erased_together(store: Store) -> None:
    number = [{"system": "vestigingsnummer", "value": "2000000042"}]
    put(store, *(organisatie(one, NAME, identifiers=number) for one in ("o1", "o2")), organisatie("o3", "Blijver"))
    erased = erase(store, uuid_of(store, f"{SK}|o1"), "vraag van de betrokkene")
    assert [one.claims[0].external_id for one in erased] == ["o1", "o2"]
    assert NAME not in _everything(store) and fiche(store, f"{SK}|o3")


def test_what_leads_to_the_erased_by_the_id_of_a_source_goes_too(store: Store) -> None:
    put(store, person("2", NAME, source=SB), replace(person("x", NAME, source="excel"), same_as=((SB, "2"),)))
    whole = uuid_of(store, f"{SB}|2")
    own = store.write(lambda writer: writer.split(whole, [("excel", "x")]))
    assert {one.uuid for one in erase(store, whole, "vraag van de betrokkene")} == {whole, own}
    assert NAME not in _everything(store)


def test_a_known_row_that_comes_to_name_the_erased_lets_go_of_what_it_said_and_stands_again_when_corrected(store: Store) -> None:
    put(store, person("a1", NAME, source=SK, number=1), person("a2", "Maes", source=SK), person("p2", "Maes", source=PG, number=2))
    put(store, replace(person("eigen", "Maes", source="kaart"), partner="kaart", same_as=((SK, "a2"),)))
    erase(store, uuid_of(store, f"{SK}|a1"), "vraag van de betrokkene")
    uuid, before = uuid_of(store, f"{SK}|a2"), head(store)
    for _ in range(2):
        named = put(store, person("a2", NAME, source=SK, number=1, revision=3))
        assert (named.erased, named.changed, named.rejected) == (1, 0, [])
        (told_of,) = named.let_go
        assert told_of.external_id == "a2" and f"fichehub erase {uuid}" in told_of.message
        assert fiche(store, f"{SK}|a2") is None and fiche(store, f"{PG}|p2")
    assert [change.operation for change in log(store, before) if change.id == uuid] == ["delete"]
    assert NAME not in _everything(store)
    assert put(store, person("a2", "Maes", source=SK, revision=2)).changed == 0, "an older row that comes late"
    assert put(store, person("a2", "Maes", source=SK, number=3, revision=4)).changed == 1
    assert fiche(store, f"{SK}|a2")
    put(store, person("a2", NAME, source=SK, number=1, revision=5))
    erase(store, uuid, "zij is het")
    assert not count(store, "version", "fiche_id = (SELECT id FROM entity WHERE uuid = '" + uuid + "')")
    again = put(store, person("a2", "Maes", source=SK, number=3, revision=6))
    assert (again.erased, again.let_go) == (1, [])


def test_of_a_fiche_that_others_speak_of_too_only_the_row_that_names_the_erased_goes(store: Store) -> None:
    put(store, person("a1", NAME, source=SK, number=1), person("a2", "Maes", source=SK, number=2), person("p2", "Maes", number=2))
    whole = uuid_of(store, f"{SK}|a2")
    assert whole == uuid_of(store, f"{PG}|p2")
    erase(store, uuid_of(store, f"{SK}|a1"), "vraag van de betrokkene")
    put(store, person("a2", NAME, source=SK, number=1, revision=2))
    document = fiche(store, f"{SK}|a2")
    assert document and document["name"]["family"] == "Maes"
    assert count(store, "claim", "gone") == 1
    assert put(store, person("p2", "Peeters", number=2, revision=2)).changed == 1
