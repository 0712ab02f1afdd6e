"""The pages of the register, one after the other, fetched ahead of whoever stores them."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from plugins.progezondheid.client import Client, ProviderPage

AHEAD: Final = 750
"""So many caregivers are fetched before they are asked for: a batch takes up to 600 at once, and would wait for all but the first page of them."""


def pages_from(client: Client, cursor: str | None, limit: int) -> Generator[ProviderPage, None, None]:
    """Every page after `cursor` to the last, of `limit` caregivers each. Raises what `Client.page` raises, after the pages before it.

    A thread of its own asks, one page after the other. Whoever stops before the end waits for the one that is on its way.
    """
    fetching = ThreadPoolExecutor(1, "progezondheid page")
    try:
        waiting: deque[Future[ProviderPage | None]] = deque([fetching.submit(client.page, cursor, limit)])

        def following(before: Future[ProviderPage | None]) -> ProviderPage | None:
            page = before.result()  # in the only thread, so it is there
            return None if page is None or page.complete else client.page(page.next_cursor, limit)

        while True:
            while len(waiting) <= -(-AHEAD // limit):
                waiting.append(fetching.submit(following, waiting[-1]))
            page = waiting.popleft().result()
            if page is None:
                return
            yield page
    finally:
        fetching.shutdown(cancel_futures=True)
