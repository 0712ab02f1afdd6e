from __future__ import annotations

import sqlite3
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.folding import MAX_WORD, _fold_character, fold, words

LATIN = st.characters(max_codepoint=0x24F)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("L'H\u00f4pital  St-Luc", "l hopital st luc"),
        (
            "Stra\u00dfe \u0152uvre \u00c6sop S\u00f8ren \u0141\u00f3d\u017a",
            "strasse oeuvre aesop soren lodz",
        ),
        ("'s-Gravenvoeren", "s gravenvoeren"),
        ("co\u00f6rdinatie", "coordinatie"),
        ("coo\u0308rdinatie", "coordinatie"),
        ("\ufb01ets m\u00b2 \u00bd \u2167", "fiets m2 1 2 viii"),
        ("zie\u00adken\u200bhuis", "ziekenhuis"),
        ("14.04.01. Woonzorgcentra (WZC)", "14 04 01 woonzorgcentra wzc"),
        ("a_b\u2019c\u2013d", "a b c d"),
        (
            "\u0410\u043f\u0442\u0435\u043a\u0430 \u039f\u0394\u039f\u03a3",
            "\u0430\u043f\u0442\u0435\u043a\u0430 \u03bf\u03b4\u03bf\u03c3",
        ),
        ("\u0661\u0662", "12"),
        (" \t\n", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert words(text) == folded.split()


@given(st.text(alphabet=LATIN) | st.text())
def test_many_letters_fold_as_each_of_them(text: str) -> None:
    assert fold(text) == " ".join("".join(map(_fold_character, text)).split())


@given(st.text())
def test_folding_twice_is_folding_once_and_spelling_does_not_matter(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    for form in ("NFC", "NFD"):
        assert fold(unicodedata.normalize(form, text)) == folded


@given(st.text(alphabet=st.characters(max_codepoint=0x17F)))
def test_case_does_not_matter(text: str) -> None:
    assert fold(text.upper()) == fold(text.lower())


@given(st.text(alphabet=LATIN))
def test_latin_words_are_plain(text: str) -> None:
    for word in words(text):
        if all(unicodedata.normalize("NFKD", c).isascii() for c in text):
            assert word.isascii()
            assert word.isalnum()
        assert word == word.lower()


@given(st.lists(st.text(alphabet="ab\u00e9\u0153\ufb01", min_size=1, max_size=60), max_size=6))
def test_long_words_are_cut_alike_in_text_and_question(parts: list[str]) -> None:
    assert words(" ".join(parts)) == [fold(part)[:MAX_WORD] for part in parts]


@given(st.text(alphabet=st.characters(max_codepoint=0x6FF)))
def test_fts5_takes_each_word_as_one_token(text: str) -> None:
    tokens = words(text)
    database = sqlite3.connect(":memory:")
    try:
        database.execute("CREATE VIRTUAL TABLE t USING fts5(x, tokenize='unicode61')")
        database.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, 'instance')")
        database.execute("INSERT INTO t VALUES (?)", (" ".join(tokens),))
        known = [row[0] for row in database.execute("SELECT term FROM v ORDER BY offset")]
    finally:
        database.close()
    assert known == tokens


def test_folding_is_fast_enough_for_every_ingested_text() -> None:
    text = "Centrum voor leerlingenbegeleid"
    best = min(_microseconds(text) for _ in range(20))
    assert best < 10  # 1 to 2 here; the bound leaves room for a busy machine


def _microseconds(text: str) -> float:
    start = time.perf_counter()
    for _ in range(500):
        words(text)
    return (time.perf_counter() - start) / 500 * 1e6
