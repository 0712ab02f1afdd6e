"""A source in memory: rows with revisions, a cursor after each page, and every way to go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import marshmallow as ma

from hub.connector import Finished, Incoming, Source
from hub.errors import CursorExpired, Rejected
from hub.model.claims import Claim
from hub.model.concepts import Concept

Row = Claim | Rejected | Concept | Incoming


def row(number: int, *, name: str | None = None, revision: int = 1, source: str = "rows") -> Claim:
    """A small organisatie."""
    content = {"kind": "organisatie", "names": [{"text": {"nl": name or f"Organisatie {number}"}}]}
    return Claim(source, f"{number:06}", revision, "organisatie", content)


class RowsConfig(ma.Schema):
    url = ma.fields.String(load_default="")
    token = ma.fields.String(metadata={"secret": True}, load_default="")


class Rows(Source):
    """Pulls what stands in `rows`, in order; the cursor is `<phase>:<rows given>`. The lists are the partner's: shared by all."""

    name = "rows"
    title = "Rows in memory"
    config_schema: ClassVar[type[ma.Schema]] = RowsConfig

    rows: ClassVar[list[Row]] = []
    changed: ClassVar[list[Row]] = []
    page: ClassVar[int] = 10
    fail_after: ClassVar[int | None] = None
    failure: ClassVar[BaseException | None] = None
    check_failure: ClassVar[Exception | None] = None
    finish: ClassVar[bool] = True
    finished: ClassVar[dict[str, Any]] = {}
    expired: ClassVar[bool] = False
    asked: ClassVar[list[str | None]] = []

    def check(self) -> None:
        if self.check_failure is not None:
            raise self.check_failure

    def pull(self, cursor: str | None) -> Iterator[Incoming | Concept | Rejected | Finished]:
        cls = type(self)
        cls.asked.append(cursor)
        if cursor is not None and cls.expired:
            cls.expired = False
            raise CursorExpired("The cursor is too old.")
        phase, start = ("full", 0) if cursor is None else (cursor.partition(":")[0], int(cursor.partition(":")[2]))
        rows = cls.rows if phase == "full" else cls.changed
        for number, item in enumerate(rows[start:], start=start + 1):
            if cls.failure is not None and number - 1 == cls.fail_after:
                raise cls.failure
            if isinstance(item, Claim):
                yield Incoming(item, f"{phase}:{number}" if number % cls.page == 0 else None)
            else:
                yield item
        if cls.failure is not None and cls.fail_after is None:
            raise cls.failure
        if cls.finish:
            yield Finished(**{"complete": phase == "full", "cursor": "since:0", **cls.finished})


def fresh_rows(count: int = 25) -> type[Rows]:
    """A class of its own, so that tests do not share a partner."""
    return type(
        "FreshRows",
        (Rows,),
        {"rows": [row(number) for number in range(count)], "changed": [], "finished": {}, "asked": []},
    )
