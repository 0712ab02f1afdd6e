"""Which schemes and sources the resources of this hub really use."""

from __future__ import annotations

from typing import Final

from hub import Criterion, Directory, Query
from plugins.fhir.params import RESOURCES

_EVERYTHING: Final = tuple(resource.entity for resource in RESOURCES.values())


def occurs(asked: Directory, kind: str, name: str) -> bool:
    """Whether the asker sees a code of the scheme (`kind` "code") or a number of the system ("identifier") of this name.

    A source whose name it is and that gave no number counts too, because `_source` takes the address of its numbers.
    """
    demands = [Criterion(kind, (f"{name}|",), "prefix")]
    if kind == "identifier":
        demands.append(Criterion("source", (name,)))
    return any(asked.search(Query(types=_EVERYTHING, where=(each,), limit=1), sources=False).hits for each in demands)
