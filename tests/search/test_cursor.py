"""A cursor goes on exactly where a page ended, and everything else is refused."""

from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Invalid
from hub.model.query import Query, normalise
from hub.search import query_of
from hub.search.cursor import Cursor, decode, encode, resume
from tests.search.queries import queries

QUERY = Query(types=("aanbod",), text="thuiszorg", sort="name", limit=5)


@settings(max_examples=40)
@given(
    query=queries(),
    position=st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=9), st.integers(0, 2**53)),
)
def test_it_carries_the_query_the_position_and_the_seq(query: Query, position: tuple[float, str, int]) -> None:
    one = normalise(query)
    text = encode(Cursor(one, position, 42))
    assert decode(text) == Cursor(one, position, 42)
    assert resume(query_of(text)) == (one, Cursor(one, position, 42))


@given(data=st.data())
def test_a_mangled_one_is_told_from_a_whole_one(data: st.DataObject) -> None:
    text = encode(Cursor(normalise(QUERY), ("a", 1), 7))
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCz-_019é =").filter(lambda letter: letter != text[at]))
    for mangled in (text[:at], text[:at] + other + text[at + 1 :], text + "A", text + "="):
        with pytest.raises(Invalid) as caught:
            decode(mangled)
        assert caught.value.errors[0].path == "cursor"
        assert "exactly as the previous page gave it" in caught.value.message


@pytest.mark.parametrize("text", ["", "x", "12345678901234567890", urlsafe_b64encode(b"{}" * 20).decode()])
def test_what_never_was_one(text: str) -> None:
    with pytest.raises(Invalid, match="cursor"):
        decode(text)


def test_a_cursor_of_another_query_is_refused() -> None:
    text = encode(Cursor(normalise(QUERY), ("a", 1), 7))
    for other in (
        replace(QUERY, text="lier"),
        replace(QUERY, sort="number"),
        replace(QUERY, types=("organisatie",)),
    ):
        with pytest.raises(Invalid, match="another query"):
            resume(replace(other, cursor=text))


def test_the_size_of_a_page_may_change_on_the_way() -> None:
    text = encode(Cursor(normalise(QUERY), ("a", 1), 7))
    wanted, cursor = resume(replace(QUERY, limit=50, total="accurate", cursor=text))
    assert wanted.limit == 50
    assert cursor is not None
    assert cursor.position == ("a", 1)
