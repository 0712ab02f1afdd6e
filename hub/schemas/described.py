"""The marshmallow schemas: they describe the fiche in OpenAPI, and they word what is wrong with a document that the checker refused.

They accept exactly what the generated checker accepts; tests hold the two together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import marshmallow as ma
from marshmallow import fields, validate

from hub.errors import FieldError
from hub.model.declarations import (
    MAX_ITEMS,
    MAX_TEXT,
    Flag,
    ListOf,
    MapOf,
    Number,
    Record,
    Shape,
    Words,
    fiche_record,
    part_record,
)
from hub.model.fiche import ENTITY_TYPES, KINDS, PARTS, EntityType, Kind
from hub.schemas.formats import FORMATS, text_problem

_LONGEST_VALUE: Final = 80
_COMMON_MESSAGES: Final[dict[str, str | list[Any] | dict[Any, Any]]] = {
    "null": "This is null; leave the key out when nothing is known.",
    "required": "This is missing; it must be given.",
}


def fiche_schema(kind: Kind) -> type[ma.Schema]:
    """The schema of a merged fiche, which a projected one satisfies too."""
    return _schema(fiche_record(kind))


def claim_schema(kind: Kind) -> type[ma.Schema]:
    """The schema of the partial fiche in a claim."""
    return _schema(fiche_record(kind, claim=True))


def part_schema(field: str) -> type[ma.Schema]:
    """The schema of the parts under this field of a fiche: `vestigingen`, `memberships`, `electronic_addresses` or `caregivers`."""
    return _schema(part_record(field))


@cache
def entity_schema(type: EntityType) -> type[ma.Schema]:
    """The schema of an entity of this type as the API gives it: what it is, when it changed, the fiche, and for a part the part itself."""
    if type not in ENTITY_TYPES:
        raise KeyError(type)
    owner: Kind | None = next((kind for kind in KINDS if kind == type), None)
    part: dict[str, fields.Field[Any]] = {}
    for field, (kind, part_type, _) in PARTS.items():
        if part_type == type:
            owner = kind
            part = {"part": fields.Nested(part_schema(field), required=True)}
    assert owner is not None
    members: dict[str, fields.Field[Any]] = {
        "id": _PlainString(required=True, metadata={"format": "uuid"}),
        "type": _PlainString(required=True, validate=validate.OneOf([type])),
        "seq": fields.Integer(required=True, metadata={"description": "The last change that you can see."}),
        "updated_at": _PlainString(required=True, metadata={"format": "date-time"}),
        "fiche": fields.Nested(fiche_schema(owner), required=True),
        **part,
        "sources": fields.List(_PlainString(), metadata={"description": "The sources that contribute."}),
    }
    return _schema_class("".join(word.title() for word in type.split("_")) + "Entity", members)


def explain(kind: Kind, content: object, *, claim: bool) -> tuple[FieldError, ...]:
    """Everything that is wrong with this document, in the order of its fields; empty when nothing is."""
    schema = (claim_schema if claim else fiche_schema)(kind)()
    if not isinstance(content, dict):
        return (FieldError("", f"A fiche is a JSON object, not {_json_name(content)}.", _shortened(content)),)
    if claim and not content:
        return ()
    unnamed = [key for key in content if not isinstance(key, str)]
    if unnamed:
        return (FieldError(str(unnamed[0]), "A key is a string."),)
    try:
        schema.load(content)
    except ma.ValidationError as error:
        return tuple(_flattened(error.messages, content))
    return ()


def _flattened(messages: object, value: object, path: tuple[str, ...] = ()) -> Iterator[FieldError]:
    if isinstance(messages, Mapping):
        for key, below in messages.items():
            if key == ma.exceptions.SCHEMA:
                yield from _flattened(below, value, path)
            else:
                yield from _flattened(below, _step(value, key), (*path, str(key)))
    else:
        for reason in messages if isinstance(messages, list) else [messages]:
            yield FieldError(".".join(path), str(reason), _shortened(value))


def _step(value: object, key: object) -> object:
    try:
        return value[key]  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        return None


def _shortened(value: object) -> str | None:
    if value is None:
        return None
    # Escaped, because an error may be logged, and a log takes no half characters either.
    try:
        text = value if isinstance(value, str) and value.isprintable() else ascii(value)
    except RecursionError:
        return f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _json_name(value: object) -> str:
    names = {
        str: "a string",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return "null" if value is None else names.get(type(value), f"a Python {type(value).__name__}")


class _Strict(ma.Schema):
    """What all schemas of the hub share: the keys that are declared and no others."""

    error_messages = {  # noqa: RUF012 - marshmallow's own way of declaring them
        "unknown": "This key is not known here; correct its spelling or leave it out.",
        "type": "An object was expected here.",
    }
    record: Record | None = None

    @ma.validates_schema(pass_original=True, skip_on_field_errors=False)
    def _complete(self, data: object, original: object, **_: object) -> None:
        record = self.record
        if record is None or not isinstance(original, dict):
            return
        said = original.keys() - {"visibility"}
        if not said and not record.may_be_empty and not any(field.required for field in record):
            raise ma.ValidationError("This is empty; leave the key out when nothing is known.")
        if record.forms and not any(all(key in original for key in form) for form in record.forms):
            ways = ", or ".join(" with ".join(form) for form in record.forms)
            raise ma.ValidationError(f"This link points nowhere; give {ways}.")


def _schema_class(name: str, members: Mapping[str, Any], record: Record | None = None, doc: str = "") -> type[ma.Schema]:
    # Not registered with marshmallow by name: a plugin may have a schema of the same name.
    meta = type("Meta", (), {"register": False, "unknown": ma.RAISE})
    return type(name, (_Strict,), {**members, "Meta": meta, "record": record, "__doc__": doc})


_known: dict[Record, type[ma.Schema]] = {}


def _schema(record: Record) -> type[ma.Schema]:
    if record not in _known:
        members = {f.name: _field(f.shape, required=f.required) for f in record}
        _known[record] = _schema_class(record.name, members, record, record.doc)
    return _known[record]


def _field(shape: Shape, *, required: bool = False) -> fields.Field[Any]:
    match shape:
        case Words(format=str(word)):
            known = FORMATS[word]
            metadata = {"format": known.openapi} if known.openapi else {}
            return _PlainString(required=required, validate=_Fits(word), metadata=metadata)
        case Words(choices=choices):
            allowed = validate.OneOf(choices, error="Choose one of: {choices}.") if choices else None
            return _PlainString(required=required, validate=[allowed] if allowed else [])
        case Flag():
            return _PlainBoolean(required=required)
        case Number(minimum=low, maximum=high, fraction=fraction):
            limits = validate.Range(low, high, error="This must lie between {min} and {max}.")
            return (_PlainFloat if fraction else _PlainInteger)(required=required, validate=limits)
        case ListOf(item=item):
            return _PlainList(_field(item), required=required, validate=validate.Length(1, MAX_ITEMS, error=_LIST_ERROR))
        case MapOf(keys=keys, choices=choices):
            return _NamedChoices(keys, choices, required=required)
        case Record():
            return fields.Nested(_schema(shape), required=required, error_messages=_COMMON_MESSAGES)


_LIST_ERROR: Final = f"A list has 1 to {MAX_ITEMS:,} items; leave the key out when nothing is known."


class _Fits(validate.Validator):
    """The value is of this format."""

    def __init__(self, word: str) -> None:
        self._format = FORMATS[word]

    def __call__(self, value: str) -> str:
        if not self._format.fits(value):
            raise ma.ValidationError(self._format.hint)
        return value


class _PlainString(fields.String):
    """A string and nothing that could be turned into one."""

    default_error_messages = _COMMON_MESSAGES

    def __init__(self, **options: Any) -> None:
        given = options.pop("validate", [])
        checks = [*(given if isinstance(given, list) else [given])]
        if not any(isinstance(check, validate.OneOf) for check in checks):
            checks.append(validate.Length(1, MAX_TEXT, error=f"A text has 1 to {MAX_TEXT:,} characters."))
        super().__init__(validate=checks, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if type(value) is not str:
            raise ma.ValidationError(f"A string was expected here, not {_json_name(value)}.")
        problem = text_problem(value)
        if problem is not None:
            raise ma.ValidationError(problem)
        return value


class _PlainBoolean(fields.Boolean):
    """True or false, no words for them."""

    default_error_messages = _COMMON_MESSAGES

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> bool:
        if value is not True and value is not False:
            raise ma.ValidationError(f"True or false was expected here, not {_json_name(value)}.")
        return value


class _PlainInteger(fields.Integer):
    """A whole number, no text of one, and no boolean."""

    default_error_messages = _COMMON_MESSAGES

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> int:
        if type(value) is not int:
            raise ma.ValidationError(f"A whole number was expected here, not {_json_name(value)}.")
        return value


class _PlainFloat(fields.Float):
    """A finite number."""

    default_error_messages = _COMMON_MESSAGES

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> float:
        if type(value) is not float and type(value) is not int:
            raise ma.ValidationError(f"A number was expected here, not {_json_name(value)}.")
        if type(value) is float and not math.isfinite(value):
            raise ma.ValidationError("This number is not finite.")
        return value


class _PlainList(fields.List[Any]):
    """A list, and no other sequence."""

    default_error_messages = _COMMON_MESSAGES

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        if type(value) is not list:
            raise ma.ValidationError(f"A list was expected here, not {_json_name(value)}.")
        if len(value) > MAX_ITEMS:
            raise ma.ValidationError(_LIST_ERROR)
        return super()._deserialize(value, attr, data, **options) or []


class _NamedChoices(fields.Dict):
    """Names from a closed list, each with one of a few words."""

    default_error_messages = _COMMON_MESSAGES

    def __init__(self, names: tuple[str, ...], choices: tuple[str, ...], **options: Any) -> None:
        allowed = _PlainString(validate=validate.OneOf(choices))
        super().__init__(keys=_PlainString(validate=validate.OneOf(names)), values=allowed, **options)
        self._names, self._choices = names, choices

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> dict[str, str]:
        if type(value) is not dict or not value:
            raise ma.ValidationError(f"An object with at least one key was expected here, not {_json_name(value)}.")
        wrong: dict[str, list[str]] = {}
        for name, word in value.items():
            if name not in self._names:
                wrong[str(name)] = ["This is not the name of a field of this fiche."]
            elif word not in self._choices:
                wrong[name] = [f"Choose one of: {', '.join(self._choices)}."]
        if wrong:
            raise ma.ValidationError(wrong)
        return value
