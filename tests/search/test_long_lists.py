"""Long lists of words on PostgreSQL, which are asked otherwise than short ones: the same is found."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from sqlalchemy import Connection, Engine

from hub.model.audience import Grant
from hub.places import Places
from hub.search import postgresql
from hub.search.lens import Lens
from hub.search.match import Match, Token, has_one
from hub.store.bulk import Bulk

pytestmark = pytest.mark.postgres


@pytest.fixture
def world(postgres_world: Engine) -> Iterator[Connection]:
    with postgres_world.connect() as connection:
        yield connection
    postgres_world.dispose()


def _matches(had: dict[int, set[str]]) -> Iterator[Match]:
    """Demands with many words, together with few, with what must not be there, and with what is not all there."""
    dice = Random(7)
    words = sorted(set().union(*had.values()))

    def some(count: int) -> tuple[Token, ...]:
        return tuple(Token(word) for word in dice.sample(words, count))

    for _ in range(20):
        every = tuple(some(dice.choice((3, 9, 40, len(words) // 2))) for _ in range(dice.randint(1, 3)))
        common = some(5)  # what two demands list both
        every = tuple((*part, *common) for part in every)
        yield Match(every, dice.choice(((), some(20))), dice.choice(((), (some(9), some(30)))))


def test_what_is_found_has_one_of_each(world: Connection, places: Places) -> None:
    bulk = Bulk(world)
    had = postgresql.tokens_of(bulk, [row[0] for row in bulk.rows("SELECT id FROM entry")])
    found = 0
    for match in _matches(had):
        expected = {
            number
            for number, has in had.items()
            if all(has_one(part, has) for part in match.every)
            and not has_one(match.none, has)
            and not (match.lacking and all(has_one(part, has) for part in match.lacking))
        }
        sizes = [sum(has_one(part, has) for has in had.values()) for part in match.every]
        for told in ((), [*sizes, len(had)]):
            assert set(postgresql.numbers(bulk, match, len(had), told)) == expected
        assert postgresql.among(bulk, match, list(had)) == expected
        found += 0 < len(expected) < len(had)
    assert found > 10, "most of them tell some entries from others"


@pytest.mark.parametrize("descending", [False, True])
def test_a_walk_along_the_numbers_meets_what_the_match_leads_to(world: Connection, places: Places, descending: bool) -> None:
    bulk = Bulk(world)
    had = postgresql.tokens_of(bulk, [row[0] for row in bulk.rows("SELECT id FROM entry")])
    lens = Lens.of(bulk, "organisatie", Grant(), places)
    met = 0
    for match in _matches({number: {token for token in has if token.startswith("o")} for number, has in had.items()}):
        after: int | None = None
        while rows := lens.met_along_numbers(match, after, descending, 7):
            assert rows == lens.matching(match, after, descending, 7)
            after, met = rows[-1].id, met + len(rows)
        assert lens.matching(match, after, descending, 7) == []
    assert met > 20
