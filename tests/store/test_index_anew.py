"""The index made anew is the index that the writer left, whatever became of it in between."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
from alembic import command

from hub.demo import World
from hub.directory import Directory
from hub.merge import merge
from hub.model.audience import PUBLIC, Grant
from hub.model.concepts import Concept, Mapping
from hub.model.query import Criterion, Query
from hub.search import find
from hub.store import Store, database, index_anew, index_rows, indexing, pace, vocabulary
from hub.store.bulk import Bulk
from hub.store.index_entries import IndexRow
from hub.store.workspace import Workspace
from tests.store.conftest import put
from tests.store.saying import PG, SB, SK, aanbod, fiche, head, log, number_of, organisatie, person, uuid_of


@pytest.fixture
def filled(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with some two hundred fiches, parts, links and an overlay that an aanbod leans on; batches are of thirty fiches."""
    put(store, *islice(World().to_claims(), 120))
    put(store, organisatie("o"), aanbod("a", "o"))
    mine = organisatie("mine", "Onze naam", source="kaart-proef", sites=())
    put(store, replace(mine, partner="zorgraad-proef", same_as=((SK, "o"),)))
    monkeypatch.setattr(pace, "FIRST", 30)
    monkeypatch.setattr(pace, "LARGEST", 30)
    monkeypatch.setattr(pace, "SMALLEST", 30)
    return store


def held(store: Store) -> dict[str, list[Any]]:
    """All that searches read."""
    with store.read() as connection:
        bulk = Bulk(connection)
        found = {
            table: sorted(map(tuple, bulk.rows(f"SELECT * FROM {table}")))
            for table in ("entry", "term", "vocabulary", "link", "entry_mask", "fulltext_head")
        }
        ids = [row[0] for row in bulk.rows("SELECT id FROM entry")]
        found["tokens"] = sorted((number, sorted(tokens.split())) for number, tokens in index_rows._stored_tokens(bulk, ids).items())
        if not bulk.postgres:
            found["words"] = sorted(map(tuple, bulk.rows("SELECT term, doc FROM fulltext_vocabulary")))
    return found


def spoil(store: Store) -> None:
    """Leave the index as an earlier version might have: other tokens, names, terms, levels; rows that are missing, and some of what is no more."""
    with database.writing(store.engine) as connection:
        bulk = Bulk(connection)
        ids = [row[0] for row in bulk.rows("SELECT id FROM entry ORDER BY id")]
        rows = bulk.rows("SELECT id, entity_id, fiche_id, type, partner, level FROM entry ORDER BY id")
        others = [IndexRow(*row) for row in rows[::3]]
        for row in others:
            row.name = "vroeger"
        index_rows.write(connection, others)
        index_rows.remove(connection, ids[1::7])
        bulk.run("DELETE FROM vocabulary WHERE length(value) < 6")
        bulk.insert("vocabulary", ("type", "key", "value"), [("o", "n", "vroeger"), ("z", "w", "oude weg")])
        gone = IndexRow(900_001, 900_001, 900_001, "organisatie", "", 0, name="weg")
        part = next(row[0] for row in rows if row[0] != row[2])  # no fiche
        among = IndexRow(900_000, 900_000, part, "organisatie", "", 0, name="weg")
        index_rows.write(connection, [gone, among])
        if bulk.postgres:
            bulk.run("DELETE FROM fulltext WHERE entry_id - 5 * (entry_id / 5) = 0")
        bulk.run("DELETE FROM link WHERE from_id - 3 * (from_id / 3) = 0")
        bulk.run("UPDATE link SET level = 2 WHERE from_id - 3 * (from_id / 3) = 1")
        bulk.run("DELETE FROM entry_mask")
        bulk.run("UPDATE counter SET n = 0 WHERE name = 'index'")
        bulk.settle()


def older(store: Store) -> bool:
    with store.read() as connection:
        return index_anew.is_older(connection)


def test_whatever_an_earlier_version_wrote_is_right_again(filled: Store) -> None:
    before = held(filled)
    assert before["entry_mask"] and before["link"] and not older(filled)
    spoil(filled)
    assert older(filled)
    assert held(filled) != before
    told: list[tuple[int, int | None, str]] = []
    renewed = index_anew.renew(filled, progress=lambda *step: told.append(step))
    assert held(filled) == before
    assert not older(filled)
    assert (renewed.before, renewed.batches) == (0, len(told) - 1)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1] == (renewed.fiches, renewed.fiches, "fiches")
    assert index_anew.renew(filled) == renewed  # nothing is left of the place reached
    assert held(filled) == before


def test_who_is_killed_is_followed_where_he_was_and_nobody_sees_a_fiche_half(filled: Store) -> None:
    before = held(filled)
    spoil(filled)
    steps = 0

    def broken_off(done: int, total: int | None, what: str) -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_anew.renew(filled, progress=broken_off)
    assert older(filled)
    with filled.read() as connection:
        ((place,),) = Bulk(connection).rows("SELECT n FROM counter WHERE name = 'index anew'")
    so_far = held(filled)
    for table, at in (("entry", 2), ("entry_mask", 1)):
        assert [row for row in so_far[table] if row[at] <= place] == [row for row in before[table] if row[at] <= place]
    assert any(row[6] == "vroeger" for row in so_far["entry"])
    renewed = index_anew.renew(filled)
    assert renewed.before == 60
    assert held(filled) == before
    assert index_anew.renew(filled).fiches == renewed.before + renewed.fiches


def test_from_the_start_again(filled: Store) -> None:
    before = held(filled)

    def broken_off(done: int, total: int | None, what: str) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_anew.renew(filled, progress=broken_off)
    spoil(filled)
    assert index_anew.renew(filled, restart=True).before == 0
    assert held(filled) == before


def test_several_share_the_work_while_others_write(filled: Store) -> None:
    spoil(filled)
    with filled.read() as connection:
        ((fiches,),) = Bulk(connection).rows("SELECT count(*) FROM fiche")

    def write(number: int) -> None:
        put(filled, organisatie(f"new-{number}"), organisatie("o", f"Naam {number}", revision=10 + number))

    with ThreadPoolExecutor(4) as threads:
        renewals = [threads.submit(index_anew.renew, filled) for _ in range(2)]
        writes = [threads.submit(write, number) for number in range(8)]
        for one in writes:
            one.result()
        done = sum(one.result().fiches for one in renewals)
    assert fiches <= done <= fiches + 8  # nobody did what another had done
    assert not older(filled)
    vocabulary.sweep(filled.engine)  # of names that the writes gave and took away again
    found = held(filled)
    index_anew.renew(filled)
    assert held(filled) == found
    assert any(row[6] == "naam 7" for row in found["entry"])


def test_who_writes_between_what_is_read_and_what_is_written_is_not_undone(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    write_index = indexing.write_index
    with ThreadPoolExecutor(1) as thread:
        newer: list[Future[Any]] = []

        def between(space: Workspace, ids: list[int]) -> None:
            if "De Proef" in str([state.document for state in space.fiches.values()]):
                newer.append(thread.submit(put, filled, organisatie("o", "Nieuwe naam", revision=2)))
                while filled.engine.dialect.name == "postgresql" and not newer[0].done() and not waits(filled):
                    pass
            write_index(space, ids)

        monkeypatch.setattr("hub.store.index_anew.write_index", between)
        index_anew.renew(filled)
        (one,) = newer
        one.result()
    assert any((row[4], row[6]) == ("", "nieuwe naam") for row in held(filled)["entry"])


def waits(store: Store) -> bool:
    """Whether somebody waits for a lock."""
    with store.engine.connect() as connection:
        mine = "SELECT oid FROM pg_database WHERE datname = current_database()"
        sql = f"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datid = ({mine})"
        return bool(connection.exec_driver_sql(sql).scalar_one())


def test_a_new_mapping_and_another_place_in_the_scheme_ask_for_the_index_anew(store: Store) -> None:
    def told(*things: Concept | Mapping) -> bool:
        store.write(lambda writer: writer.put_concepts(things))
        found = older(store)
        index_anew.renew(store)
        return found

    def found(code: str) -> int:
        with store.read() as connection:
            return (
                find(connection, Query(types=("aanbod",), where=(Criterion("code", (code,)),), total="accurate"), Grant(), places=store.places).total
                or 0
            )

    mapping = Mapping("rubriek|14.04", "close", "cd-hcparty|orghospital")
    assert not told(Concept("rubriek", "14.04.01", {"nl": "WZC"}, broader="14.04"), mapping), "nothing is in it yet"
    put(store, organisatie("o"), aanbod("a", "o"))
    assert (found("cd-hcparty|orghospital"), found("cd-hcparty|orgpharmacy")) == (1, 0)
    assert not told(mapping, replace(mapping, confidence=0.5))
    assert told(Mapping("rubriek|14", "close", "cd-hcparty|orgpharmacy"))
    assert found("cd-hcparty|orgpharmacy") == 1
    assert told(Concept("cd-hcparty", "orghospital", {"nl": "ziekenhuis"}), Concept("cd-hcparty", "orghospital", {}, broader="orgcare"))
    assert found("cd-hcparty|orgcare") == 1, "what it is mapped to has something above it, too"
    assert not told(Concept("rubriek", "14.04.01", {"nl": "Woonzorgcentra"}))
    assert told(Concept("rubriek", "14.04.01", {}, broader="15"))
    assert (found("cd-hcparty|orghospital"), found("rubriek|15")) == (0, 1)


def test_a_code_is_found_under_what_it_is_mapped_to_in_any_scheme_and_under_what_is_above_that(store: Store) -> None:
    def found(code: str) -> set[str]:
        with store.read() as connection:
            rows = find(connection, Query(types=("aanbod", "zorgverlener"), where=(Criterion("code", (code,)),)), Grant(), places=store.places).rows
        return {names[row.fiche_id] for row in rows}

    def category(code: str) -> list[dict[str, str]]:
        return [{"scheme": "sociaal-brussels", "code": code}]

    store.write(
        lambda writer: writer.put_concepts(
            [
                Concept("rubriek", "14.04.01", {"nl": "WZC"}, broader="14.04"),
                Concept("sociaal-brussels", "9401", {"nl": "Rusthuizen"}, broader="sector-940"),
                Mapping("sociaal-brussels|9401", "exact", "rubriek|14.04.01"),
                Mapping("sociaal-brussels|9402", "close", "rubriek|14.04.02"),
                Mapping("sociaal-brussels|9403", "broad", "rubriek|15"),
                Mapping("sociaal-brussels|9404", "narrow", "rubriek|16"),
                Mapping("rubriek|19.01", "close", "cd-hcparty|persphysician"),
            ]
        )
    )
    offers = [aanbod(f"b{code}", "o", source=SB, rubrieken=category(code)) for code in ("9401", "9402", "9403", "9404")]
    wide = aanbod("wide", "o", rubrieken=[{"scheme": "rubriek", "code": "15"}])
    doctor = person("p", professions=[{"scheme": "cd-hcparty", "code": "persphysician"}])
    claims = (aanbod("a", "o"), wide, doctor, *offers)
    put(store, organisatie("o"), organisatie("o", source=SB), *claims)
    names = {number_of(store, f"{each.source}|{each.external_id}"): each.external_id for each in claims}
    assert found("rubriek|14.04.01") == found("sociaal-brussels|9401") == found("sociaal-brussels|sector-940") == {"a", "b9401"}
    assert found("rubriek|14.04") == {"a", "b9401"}, "nobody told yet that 14.04.02 is below it"
    assert found("rubriek|14.04.02") == {"b9402"}
    assert (found("rubriek|15"), found("sociaal-brussels|9403")) == ({"wide", "b9403"}, {"b9403"}), "a wider code is no reason for a narrower one"
    assert found("rubriek|16") == set(), "a category that is wider than a rubriek says nothing about it"
    assert found("rubriek|19.01") == set(), "a profession is no offer"
    store.write(lambda writer: writer.put_concepts([Concept("rubriek", "14.04.02", {"nl": "Serviceflats"}, broader="14.04")]))
    assert older(store), "what is mapped to a code that comes to be known is found under those above it"
    index_anew.renew(store)
    assert found("rubriek|14.04") == {"a", "b9401", "b9402"}


def test_a_code_is_found_by_the_words_of_what_it_is_mapped_to_in_every_language(store: Store) -> None:
    def found(text: str, grant: Grant = PUBLIC) -> int:
        with store.read() as connection:
            return find(connection, Query(types=("aanbod",), text=text, total="accurate"), grant, places=store.places).total or 0

    home = Concept(
        "cd-hcparty", "orgretirementhome", {"nl": "woonzorgcentrum", "de": "Seniorenwohnheim", "en": "retirement home"}, synonyms=("rusthuis",)
    )
    listed = Concept("rubriek", "14.04.01", {"nl": "WZC"}, broader="14.04"), Concept("rubriek", "15", {"nl": "Opvang"}, broader=None)
    guess = Mapping("rubriek|15", "narrow", "cd-hcparty|orgretirementhome")
    store.write(lambda writer: writer.put_concepts([home, *listed, Mapping("rubriek|14.04", "close", "cd-hcparty|orgretirementhome"), guess]))
    hidden = aanbod("hidden", "o", field_visibility={"rubrieken": "professional"})
    put(store, organisatie("o"), aanbod("a", "o"), hidden, aanbod("guess", "o", rubrieken=[{"scheme": "rubriek", "code": "15"}]))
    asked = ("Seniorenwohnheim", "retirement home", "rusthuis", "woonzorgcentrum")
    assert [found(text) for text in asked] == [1, 1, 1, 1], (
        "its code stands above that of the aanbod; a hidden rubriek has no words, and a guess none either"
    )
    assert found("Seniorenwohnheim", Grant(level="professional")) == 2


def test_a_database_of_before_is_older_and_an_empty_one_never(store: Store) -> None:
    assert not older(store)
    with database.writing(store.engine) as connection:
        command.downgrade(database._config(connection), "0011")
    database.migrate(store.engine)
    assert not older(store)  # there is nothing in it
    put(store, organisatie("o"))
    assert older(store)
    index_anew.renew(store)
    assert not older(store)


def test_fiches_of_before_get_todays_form_of_numbers_and_codes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    old = organisatie("o", identifiers=[{"system": "kbo", "value": "BE 0403.019.261"}])
    old.content["vestigingen"][0]["addresses"][0]["municipality"] = "11056"
    with monkeypatch.context() as before:
        before.setattr("hub.schemas.canonical_claim", lambda claim, told=None: claim)
        before.setattr("hub.store.place_codes.PlaceCodes.current", lambda self, claim: claim)
        put(store, old, organisatie("o2"))
    was = fiche(store, f"{SK}|o")
    assert was and was["identifiers"][0]["value"] == "BE 0403.019.261"
    since = head(store)
    forget_the_form_of_the_merge(store)
    assert older(store)
    index_anew.renew(store)
    document = fiche(store, f"{SK}|o")
    assert document
    assert document["identifiers"][0]["value"] == "0403019261"
    assert document["vestigingen"][0]["addresses"][0]["municipality"] == "46030"
    assert {change.fiche for change in log(store, since)} == {document["id"]}, "what was in order is left alone"
    found = find_by(store, "kbo|0403019261")
    assert found == [document["id"]]


def forget_the_form_of_the_merge(store: Store) -> None:
    """As in a database of before there were forms of it."""
    with database.writing(store.engine) as connection:
        Bulk(connection).run("DELETE FROM counter WHERE name = 'merge'")


def test_an_overlay_of_before_gets_them_as_well(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = organisatie("mine", source="kaart-proef", contacts=[{"kind": "phone", "value": "03 774 00 11"}])
    mine.content["vestigingen"][0]["addresses"][0]["municipality"] = "46013"
    with monkeypatch.context() as before:
        before.setattr("hub.schemas.canonical_claim", lambda claim, told=None: claim)
        before.setattr("hub.store.place_codes.PlaceCodes.current", lambda self, claim: claim)
        before.setattr("hub.store.remaking.as_kept", lambda claim: claim)
        put(store, organisatie("o"), replace(mine, partner="kaart", same_as=((SK, "o"),)))
    assert "46013" in overlay(store) and "+3237740011" not in overlay(store)
    since = head(store)
    forget_the_form_of_the_merge(store)
    index_anew.renew(store)
    assert "46030" in overlay(store) and "+3237740011" in overlay(store)
    assert "46013" not in overlay(store)
    assert not log(store, since) and log(store, since, partner="kaart"), "what one partner sees is told to that partner"


def overlay(store: Store) -> str:
    with store.read() as connection:
        ((document,),) = Bulk(connection).rows("SELECT document FROM overlay")
    return bytes(document).decode()


MOBILE = "+32470111222"


@pytest.fixture
def leaking(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Fiches as a merge left them in which the first of two sources decided about who may see a number, beside others that are in order."""
    said = [{"kind": "mobile", "value": MOBILE, "visibility": "internal"}]
    also = [{"kind": "mobile", "value": MOBILE, "visibility": "public"}]

    def before(claims: Any, authority: Any) -> Any:
        merged = merge(claims, authority)
        for contact in (merged.content or {}).get("contacts", ()):
            contact.pop("visibility", None)
        return merged

    with monkeypatch.context() as older_merge:
        older_merge.setattr("hub.store.remaking.merge", before)
        for number in range(1, 6):
            put(store, person(f"p{number}", number=number, contacts=said), person(f"x{number}", source=SB, number=number, contacts=also))
    put(store, *(organisatie(f"o{number}") for number in range(5)))
    forget_the_form_of_the_merge(store)
    monkeypatch.setattr(pace, "FIRST", 3)
    monkeypatch.setattr(pace, "LARGEST", 3)
    monkeypatch.setattr(pace, "SMALLEST", 3)
    return store


def shown(store: Store) -> int:
    """How many mobile numbers everybody sees."""
    people = Directory(store, PUBLIC).walk(Query(types=("zorgverlener",)))
    return sum(MOBILE in str(entity.fiche) for entity in people)


def test_what_an_older_merge_left_public_is_hidden_and_told(leaking: Store) -> None:
    assert shown(leaking) == 5 and older(leaking)
    since = head(leaking)
    index_anew.renew(leaking)
    assert shown(leaking) == 0 and not older(leaking)
    told = log(leaking, since, rank=0)
    assert {change.fiche for change in told} == {uuid_of(leaking, f"{PG}|p{number}") for number in range(1, 6)}
    assert {(change.origin, change.fields) for change in told} == {("upgrade", ("contacts",))}
    since = head(leaking)
    forget_the_form_of_the_merge(leaking)
    index_anew.renew(leaking)
    assert head(leaking) == since, "the same claims merged again give the same"


def test_merging_anew_goes_on_where_it_was_broken_off_but_not_where_the_index_alone_was(leaking: Store) -> None:
    def broken_off(done: int, total: int | None, what: str) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with database.writing(leaking.engine) as connection:  # an earlier version was making its index anew
        Bulk(connection).insert("counter", ("name", "n"), [("index anew", 1_000_000)])
    with pytest.raises(KeyboardInterrupt):
        index_anew.renew(leaking, progress=broken_off)
    assert shown(leaking) < 5 and older(leaking)
    renewed = index_anew.renew(leaking)
    assert (renewed.before, renewed.fiches) == (6, 4)
    assert shown(leaking) == 0 and not older(leaking)
    assert index_anew.renew(leaking).fiches == 10 and not older(leaking), "the index alone"


def find_by(store: Store, number: str) -> list[str]:
    asked = Query(types=("organisatie",), where=(Criterion("identifier", (number,)),))
    return [hit.entity.id for hit in Directory(store, PUBLIC).search(asked).hits]
