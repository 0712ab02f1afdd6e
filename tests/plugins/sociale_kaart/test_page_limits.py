"""More than was asked for is not taken in, and how large an answer may be hangs on what was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from hub import Unreachable
from plugins.sociale_kaart.client import LEAST_BYTES, ROW_BYTES, Api, Pace


class Full:
    """Answers pages of twice five offers, and notes how large the answers may be."""

    status = 200

    def __init__(self) -> None:
        self.caps: list[int] = []

    def get(self, url: str, *, byte_cap: int, **how: Any) -> Full:
        self.caps.append(byte_cap)
        return self

    def json(self) -> Any:
        return {"content": [{}] * 10, "page": {"totalElements": 10, "totalPages": 1}}


def test_more_offers_than_asked_for_are_refused() -> None:
    full = Full()
    api = Api(full, "https://kaart.example.org/api", Pace(0))  # type: ignore[arg-type]
    with pytest.raises(Unreachable, match="answered 10 offers where at most 5 were asked for"):
        api.offers(0, 5)
    assert len(api.offers(0, 1000).rows) == 10
    api.leaflet("1")
    assert full.caps == [LEAST_BYTES, 1000 * ROW_BYTES, LEAST_BYTES]
