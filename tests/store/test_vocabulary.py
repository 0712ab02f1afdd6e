"""The texts in which somebody looks for letters: each stands there once, as long as some entry has it."""

from threading import Thread

import pytest
from alembic import command

from hub.model.sounds import sound_of
from hub.store import Store, database, vocabulary
from hub.store.bulk import Bulk
from hub.store.index_rows import packed
from hub.store.index_tokens import ALIAS_WORD, FACETS, FIRST_WORD, LATER_WORD, NAME_WORDS, facet
from tests.store.conftest import put
from tests.store.saying import count, gone, organisatie, person


def test_a_text_stands_there_once_for_each_type(store: Store) -> None:
    put(store, organisatie("o1", "Zorg Linde", sites=()), organisatie("o2", "Zorg Eik", sites=()), person("p1", "Linde", number=1))
    put(store, organisatie("o3", "Zorg Linde", sites=()))
    assert count(store, "vocabulary", "value = 'linde' AND type = 'o'") == 1
    assert count(store, "vocabulary", "value = 'linde' AND type = 'z'") == 2  # a family name, and a word of a name
    assert count(store, "vocabulary", "value = 'zorg'") == 1


def test_the_words_of_names_stand_under_their_places_in_a_name(store: Store) -> None:
    other = {"use": "short", "text": {"nl": "Eik Linde"}}
    names = [{"text": {"nl": "Zorg Linde"}}, other]
    put(store, organisatie("o1", sites=(), names=names), organisatie("o2", "Linde Zorg", sites=()))
    with store.read() as connection:
        rows = Bulk(connection).rows("SELECT value, key FROM vocabulary WHERE type = 'o'")
    assert {(value, key) for value, key in rows if key in NAME_WORDS} == {
        ("zorg", FIRST_WORD), ("zorg", LATER_WORD), ("linde", FIRST_WORD), ("linde", LATER_WORD), ("eik", ALIAS_WORD),
    }  # fmt: skip


def test_the_words_of_names_have_a_sound_and_nothing_else_has(store: Store) -> None:
    put(store, organisatie("o1", "Praktijk Verhaeghe"), person("p1", "Dhondt", number=1))
    with store.read() as connection:
        rows = Bulk(connection).rows("SELECT type, key, value, sound FROM vocabulary")
    heard = {(kind, value): sound for kind, key, value, sound in rows if key in NAME_WORDS}
    assert heard["o", "verhaeghe"] == heard["v", "verhaeghe"] == "verhage"
    assert heard["z", "dhondt"] == "hont"
    assert all(sound == sound_of(value) != "" for (_, value), sound in heard.items())
    others = {key: sound for _, key, _, sound in rows if key not in NAME_WORDS}
    assert {"street", "family", "given"} <= {key for key, letter in FACETS.items() if letter in others}
    assert set(others.values()) == {""}


def test_words_that_were_there_before_get_their_sound(store: Store) -> None:
    put(store, organisatie("o1", "Praktijk Verhaeghe"), organisatie("o2", "Дом Claeys 3"), person("p1", "Dhondt", number=1))
    with database.writing(store.engine) as connection:  # then, all of them stood under one letter
        Bulk(connection).run("DELETE FROM vocabulary WHERE key IN (?, ?)", LATER_WORD, ALIAS_WORD)
    before = _heard(store)
    assert len({kind for kind, *_ in before}) > 2
    many = [f"x{number}" for number in range(11_000)]  # more than two times as many as are heard at once
    with database.writing(store.engine) as connection:
        command.downgrade(database._config(connection), "0015")
    with database.writing(store.engine) as connection:
        assert len(Bulk(connection).rows("SELECT * FROM vocabulary LIMIT 1")[0]) == 3
        Bulk(connection).insert("vocabulary", ("type", "key", "value"), [("o", FIRST_WORD, word) for word in many])
    database.migrate(store.engine)
    assert _heard(store) == sorted([*before, *(("o", FIRST_WORD, word, word) for word in many)])


def _heard(store: Store) -> list[tuple[str, ...]]:
    with store.read() as connection:
        return sorted(map(tuple, Bulk(connection).rows("SELECT type, key, value, sound FROM vocabulary")))


def test_a_sweep_leaves_what_some_entry_has(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_AT_ONCE", 2)
    hidden = {"visibility": "internal", "text": {"nl": "Verborgen Beuk"}}
    claims = [organisatie("o1", "Zorg Linde", sites=()), organisatie("o2", "Zorg Eik", sites=()), organisatie("o3", sites=(), names=[hidden])]
    put(store, *claims)
    before = count(store, "vocabulary")
    assert vocabulary.sweep(store.engine) == 0
    put(store, gone(claims[1], 2))
    assert vocabulary.sweep(store.engine) == 1
    assert count(store, "vocabulary") == before - 1
    assert count(store, "vocabulary", "value = 'eik'") == 0
    assert count(store, "vocabulary", "value = 'beuk'") == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_sweep_waits_for_who_finds_a_text_that_nobody_had_until_now(store: Store) -> None:
    with database.writing(store.engine) as connection:
        vocabulary.take_in(Bulk(connection), [("o", "n", "linde")])
    sweeping = Thread(target=vocabulary.sweep, args=(store.engine,))
    with database.writing(store.engine) as connection:
        vocabulary.take_in(Bulk(connection), [("o", "n", "linde")])
        Bulk(connection).insert("fulltext", ("entry_id", "tokens"), [(1, packed(facet("organisatie", 0, "name", "linde")))])
        sweeping.start()
        while sweeping.is_alive() and not _waits(store):
            pass
    sweeping.join()
    assert count(store, "vocabulary", "value = 'linde'") == 1


def _waits(store: Store) -> bool:
    with store.read() as connection:
        sql = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return connection.exec_driver_sql(sql).first() is not None
