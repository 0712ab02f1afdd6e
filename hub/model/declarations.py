"""Reads the `TypedDict` declarations of `hub.model.fiche` into plain shapes, from which checkers, schemas and projections are built.

This is the only place that reflects on types, and it does so once per process: nothing at run time asks a type anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, Literal, NotRequired, Required, get_args, get_origin, get_type_hints

from hub.model.fiche import FICHE_TYPES, PARTS, Kind, PartRef, Ref, Rule

MAX_TEXT: Final = 20_000
"""Characters in one string."""
MAX_ITEMS: Final = 2_000
"""Items in one list."""
MAX_INTEGER: Final = 2_147_483_647


@dataclass(frozen=True, slots=True)
class Words:
    """A string: any, one of `choices`, or of a `format` (a key of `hub.schemas.formats.FORMATS`)."""

    format: str | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number, or with `fraction` any finite one, from `minimum` to `maximum`."""

    minimum: float = 0
    maximum: float = MAX_INTEGER
    fraction: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """One to `MAX_ITEMS` items."""

    item: Shape


@dataclass(frozen=True, slots=True)
class MapOf:
    """Names from `keys`, each with one of `choices`."""

    keys: tuple[str, ...]
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a record; `rule` says how it merges, where it says so."""

    name: str
    shape: Shape
    required: bool
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A dictionary with known keys. With `forms`, the keys of at least one of them must all be there. Only a claim `may_be_empty`."""

    name: str
    doc: str
    fields: tuple[Field, ...]
    forms: tuple[tuple[str, ...], ...] = ()
    may_be_empty: bool = False

    def field(self, name: str) -> Field:
        """The field of this name; KeyError when it is not declared."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)


Shape = Words | Number | Flag | ListOf | MapOf | Record

_REFINED: Final[dict[str, Shape]] = {
    "Position.lat": Number(-90, 90, fraction=True),
    "Position.lon": Number(-180, 180, fraction=True),
    "Hours.opens": Words("opening time"),
    "Identifier.system": Words("identifier system"),
    "languages": ListOf(Words("language")),
}
"""What the declared types cannot say, by `Record.field`, or by field name in every record."""

_BOOKKEEPING: Final = frozenset({"id", "kind", "visibility", "field_visibility"})


@cache
def fiche_record(kind: Kind, *, claim: bool = False) -> Record:
    """The shape of a fiche of this kind; with `claim` the partial fiche that a claim holds (links not yet resolved, no ids)."""
    return _record(FICHE_TYPES[kind], claim)


@cache
def part_record(field: str, *, claim: bool = False) -> Record:
    """The shape of the parts that live under this field of a fiche (`vestigingen`, ...)."""
    return _record(PARTS[field][2], claim)


def _record(declared: type, claim: bool) -> Record:
    hints = get_type_hints(declared, include_extras=True)
    # get_type_hints and not __required_keys__: with postponed annotations the latter knows nothing of Required.
    fields = [_field(declared, name, hint, claim, tuple(hints)) for name, hint in hints.items()]
    doc = (declared.__doc__ or "").strip()
    if declared is Ref or declared is PartRef:
        return _link(declared.__name__, doc, fields, claim)
    is_fiche = declared in FICHE_TYPES.values()
    if is_fiche and claim:
        return Record(declared.__name__ + "Claim", doc, tuple(_optional(f) for f in fields), may_be_empty=True)
    is_part = any(declared is part for _, _, part in PARTS.values())
    if (is_fiche or is_part) and not claim:
        fields = [Field(f.name, f.shape, True, f.rule) if f.name == "id" else f for f in fields]
    differs = is_part or any(_depends_on_links(f.shape) for f in fields)
    return Record(declared.__name__ + ("Claim" if claim and differs else ""), doc, tuple(fields))


def _link(name: str, doc: str, fields: list[Field], claim: bool) -> Record:
    if not claim:
        return Record(name, doc, tuple(Field(f.name, f.shape, True) for f in fields if f.name == "id"))
    forms = (("id",), ("key",)) if name == "PartRef" else (("id",), ("source", "external_id"), ("system", "value"))
    return Record(name + "Claim", doc, tuple(fields), forms=forms)


def _optional(field: Field) -> Field:
    return Field(field.name, field.shape, False, field.rule)


def _depends_on_links(shape: Shape) -> bool:
    if isinstance(shape, ListOf):
        return _depends_on_links(shape.item)
    return isinstance(shape, Record) and shape.name.endswith("Claim")


def _field(owner: type, name: str, hint: Any, claim: bool, siblings: tuple[str, ...]) -> Field:
    required = bool(getattr(owner, "__total__", True))
    rule: Rule | None = None
    while get_origin(hint) in (Required, NotRequired, Annotated):
        if get_origin(hint) is Annotated:
            found = next((word for word in hint.__metadata__ if isinstance(word, Rule)), None)
            if found is None:
                break  # a format word such as "date", which belongs to the value
            rule, hint = (
                found,
                Annotated.__class_getitem__((hint.__origin__, *_others(hint))) if _others(hint) else hint.__origin__,
            )
        else:
            required = get_origin(hint) is Required
            hint = get_args(hint)[0]
    refined = _REFINED.get(f"{owner.__name__}.{name}") or _REFINED.get(name)
    return Field(name, refined or _shape(hint, claim, siblings), required, rule)


def _others(hint: Any) -> tuple[Any, ...]:
    return tuple(word for word in hint.__metadata__ if not isinstance(word, Rule))


def _shape(hint: Any, claim: bool, siblings: tuple[str, ...]) -> Shape:
    origin = get_origin(hint)
    if origin is Annotated:
        return Words(next(word for word in hint.__metadata__ if isinstance(word, str)))
    if origin is Literal:
        return Words(choices=get_args(hint))
    if origin is list:
        return ListOf(_shape(get_args(hint)[0], claim, siblings))
    if origin is dict:
        # A name that does not exist would hide nothing, unnoticed: so only the record's own fields are names.
        keys = tuple(name for name in siblings if name not in _BOOKKEEPING)
        return MapOf(keys, get_args(get_args(hint)[1]))
    if hint is str:
        return Words()
    if hint is bool:
        return Flag()
    if hint is int or hint is float:
        return Number(fraction=hint is float)
    if isinstance(hint, type) and hint is not NoneType and hasattr(hint, "__total__"):
        return _record(hint, claim)
    raise TypeError(f"hub.model.fiche declares a type that no schema can be made from: {hint!r}")
