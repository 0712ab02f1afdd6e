"""What is told of a resource that is not there: by its FHIR type, and not by what the hub calls it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hub import Gone, Moved, NotFound


@contextmanager
def spoken_of(type: str, id: str) -> Iterator[None]:
    """Whatever is raised inside because there is nothing there (`NotFound`, `Gone`, `Moved`) says so of this resource."""
    try:
        yield
    except Gone as gone:
        raise Gone(f"{type}/{id} has been removed.", seq=gone.seq) from gone
    except Moved as moved:
        raise Moved(f"{type}/{id} is {type}/{moved.id} now.", id=moved.id) from moved
    except NotFound as missing:
        raise NotFound(f"There is no {type} with id {id}.") from missing
