"""Pages fetched ahead: in order, to the last, no more of them than are to be in memory, and a failure comes after what was good."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import cast

import pytest

from hub import Unreachable
from plugins.progezondheid.client import Client, ProviderPage
from plugins.progezondheid.paging import AHEAD, pages_from


class Register:
    """So many pages, named by their number; the one that is `broken` cannot be had."""

    def __init__(self, pages: int, broken: int | None = None) -> None:
        self.asked: list[str | None] = []
        self._pages, self._broken = pages, broken

    def page(self, cursor: str | None, limit: int) -> ProviderPage:
        self.asked.append(cursor)
        number = int(cursor or 0)
        if number == self._broken:
            raise Unreachable("gone")
        return ProviderPage([number] * limit, str(number + 1), number + 1 == self._pages, datetime.now(UTC))


def _client(register: Register) -> Client:
    return cast(Client, register)


@pytest.mark.parametrize("limit", [1, 250, 1000])
def test_all_pages_come_once_and_in_order(limit: int) -> None:
    register = Register(12)
    found = [page.items[0] for page in pages_from(_client(register), None, limit)]
    assert found == list(range(12))
    assert register.asked == [None, *map(str, range(1, 12))]


def test_it_goes_on_from_a_cursor() -> None:
    register = Register(6)
    assert [page.next_cursor for page in pages_from(_client(register), "4", 250)] == ["5", "6"]
    assert register.asked == ["4", "5"]


def test_a_failure_comes_after_the_pages_before_it() -> None:
    pages = pages_from(_client(Register(6, broken=2)), None, 250)
    assert [next(pages).items[0], next(pages).items[0]] == [0, 1]
    with pytest.raises(Unreachable, match="gone"):
        next(pages)


@pytest.mark.parametrize("limit", [100, 250, 1000])
def test_who_stops_leaves_the_rest_unasked(limit: int) -> None:
    register = Register(1_000)
    with closing(pages_from(_client(register), None, limit)) as pages:
        for _ in range(3):
            next(pages)
    assert len(register.asked) <= 3 + -(-AHEAD // limit)
