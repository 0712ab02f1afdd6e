"""What is noted on the way through one resource: what refuses it, what is not kept, and from which element each value of the fiche came."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub import Document, FieldError

Json = dict[str, Any]
Link = Callable[[Json, str, str], "Document | None"]
"""(a Reference, the type that is expected, its path) -> the link that a claim holds; None when it leads nowhere, which is noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a resource is read with.

    `municipality`: (postcode, town) -> REFNIS code. `implied`: (scheme, code, another scheme) -> the codes of that one which hold of whatever has this code.
    `is_place`: whether there is a municipality or postcode of this code; any other kind of place may have any. `today` is `YYYY-MM-DD`.
    """

    link: Link
    municipality: Callable[[str, str], str | None]
    implied: Callable[[str, str, str], Collection[str]]
    is_place: Callable[[str, str], bool]
    today: str


@dataclass(frozen=True, slots=True)
class Repeated:
    """What a resource repeats of another one, and is not kept with it: a Reference to a resource of the type `target`, or a `word` as `repeating.words` has them.

    `element` is where it stands when that one says it too; `why` is told when it does not.
    """

    path: str
    element: str
    why: str
    word: str = ""
    reference: Json | None = None
    target: str = ""


@dataclass(slots=True)
class Reading:
    """What was found on the way through the resource at `path`: `errors` refuse it, what is not kept is told and does no harm."""

    path: str
    around: Around
    language: str = "nl"
    errors: list[FieldError] = field(default_factory=list)
    repeated: list[Repeated] = field(default_factory=list)
    _left: dict[str, str] = field(default_factory=dict)
    _origins: dict[int, tuple[object, str, dict[str, str]]] = field(default_factory=dict)

    def wrong(self, place: str, reason: str) -> None:
        """Something that cannot be used; the resource is refused."""
        self.errors.append(FieldError(f"{self.path}.{place}", reason))

    def leave(self, place: str, why: str = "a fiche has no place for it") -> None:
        """Something that is not kept."""
        self._left.setdefault(place, why)

    def repeat(self, place: str, why: str, **what: Any) -> None:
        """Something that stands there only when what it belongs to says it too."""
        self.repeated.append(Repeated(f"{self.path}.{place}", place.partition("[")[0], why, **what))

    def unread(self) -> list[tuple[str, str]]:
        """What is not kept: (path, why). Of what is left as a whole nothing inside is told once more."""
        return [(f"{self.path}.{place}", why) for place, why in self._left.items() if not self._left.keys() & set(_above(place))]

    def came(self, item: object, place: str, fields: Mapping[str, str] | None = None) -> None:
        """Note that this dictionary or list, which goes into the fiche, came from the element at `place`; with `fields` what is inside it: `city.fr` -> place."""
        self._origins[id(item)] = (item, place, dict(fields or {}))

    def also_came(self, item: object, field: str, place: str) -> None:
        """Note from where one more value inside an item came."""
        self._origins[id(item)][2].setdefault(field, place)

    def path_of(self, content: object, field: str) -> str:
        """The path of the element from which a field of the content came (`contacts.0.value`), as near as is known."""
        steps, value, place, fields = field.split("."), content, "", dict[str, str]()
        rest = steps
        for number in range(len(steps) + 1):
            if id(value) in self._origins:
                _, place, fields = self._origins[id(value)]
                rest = steps[number:]
            if number < len(steps):
                value = _inside(value, steps[number])
        for length in range(len(rest), 0, -1):
            if found := fields.get(".".join(rest[:length])):
                place = found
                break
        return f"{self.path}.{place}" if place else self.path


def _inside(value: object, step: str) -> object:
    if isinstance(value, dict):
        return value.get(step)
    return value[int(step)] if isinstance(value, list) and step.isdigit() and int(step) < len(value) else None


def _above(place: str) -> list[str]:
    """Every place that this one is inside of: `a`, `a[0]` of `a[0].b`; and `a` of `a[0]`."""
    return [place[:number] for number, character in enumerate(place) if character in ".["]
