"""From a `Query` to the numbers of the entities that it selects, in its order, a page at a time. Reads only; the same on both engines."""

from __future__ import annotations

from hub.search.cursor import query_of
from hub.search.finding import Found, FoundRow, find
from hub.search.no_such import no_such, unfindable
from hub.search.shown import Shown

__all__ = ["Found", "FoundRow", "Shown", "find", "no_such", "query_of", "unfindable"]
