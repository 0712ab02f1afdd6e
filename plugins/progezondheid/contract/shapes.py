"""Whether a value has one of the shapes of the contract: as much of JSON Schema as the contract uses, for who must refuse what breaks it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

from plugins.progezondheid.contract import json_schema

Schema = Mapping[str, Any]


def fits(shape: str, value: Any) -> bool:
    """Whether the value, as JSON is read, is one of this shape, by its name in the contract."""
    return _fits(json_schema()["$defs"][shape], value)


def _fits(schema: Schema, value: Any) -> bool:
    return all(_RULES[name](schema, schema[name], value) for name in schema.keys() & _RULES.keys())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == int(value),
    "null": lambda value: value is None,
    "number": _is_number,
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}


def _typed(schema: Schema, named: Any, value: Any) -> bool:
    return any(_TYPES[name](value) for name in ([named] if isinstance(named, str) else named))


def _properties(schema: Schema, named: Schema, value: Any) -> bool:
    return not isinstance(value, dict) or all(_fits(named[name], value[name]) for name in named.keys() & value.keys())


def _others(schema: Schema, allowed: bool, value: Any) -> bool:
    return allowed or not isinstance(value, dict) or value.keys() <= schema.get("properties", {}).keys()


def _formatted(schema: Schema, name: str, value: Any) -> bool:
    if not isinstance(value, str):
        return True
    try:
        if name == "date":
            return re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII) is not None and bool(date.fromisoformat(value))
        moment = re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", value, re.ASCII)
        return moment is not None and bool(datetime.fromisoformat(value[:19]))
    except ValueError:
        return False


_RULES: Final[Mapping[str, Callable[[Schema, Any, Any], bool]]] = {
    "$ref": lambda schema, path, value: fits(path.rpartition("/")[2], value),
    "additionalProperties": _others,
    "allOf": lambda schema, several, value: all(_fits(one, value) for one in several),
    "anyOf": lambda schema, several, value: any(_fits(one, value) for one in several),
    "const": lambda schema, only, value: value == only,
    "enum": lambda schema, several, value: value in several,
    "format": _formatted,
    "if": lambda schema, condition, value: not _fits(condition, value) or _fits(schema["then"], value),
    "items": lambda schema, each, value: not isinstance(value, list) or all(_fits(each, item) for item in value),
    "maxItems": lambda schema, most, value: not isinstance(value, list) or len(value) <= most,
    "maxLength": lambda schema, most, value: not isinstance(value, str) or len(value) <= most,
    "maximum": lambda schema, most, value: not _is_number(value) or value <= most,
    "minLength": lambda schema, least, value: not isinstance(value, str) or len(value) >= least,
    "minimum": lambda schema, least, value: not _is_number(value) or value >= least,
    "oneOf": lambda schema, several, value: sum(_fits(one, value) for one in several) == 1,
    "pattern": lambda schema, pattern, value: not isinstance(value, str) or re.search(pattern, value) is not None,
    "properties": _properties,
    "required": lambda schema, names, value: not isinstance(value, dict) or value.keys() >= set(names),
    "type": _typed,
}
KEYWORDS: Final = frozenset({*_RULES, "then", "description", "title", "examples"})
"""What the contract may use; a test holds it to that."""
