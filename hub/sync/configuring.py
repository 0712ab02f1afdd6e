"""What is wrong with the configuration or the schedule of a connection, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import marshmallow as ma

from hub.connector import Connector
from hub.errors import FieldError, Misconfigured
from hub.sync import schedule

_NOT_VALID: Final = ma.fields.List.default_error_messages["invalid"]
_NO_LIST: Final = 'This is no list. Write one as JSON: ["...", "..."]'


def config_errors(kind: type[Connector], config: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Each field of a configuration that this connector cannot use, with the reason."""
    schema = kind.config_schema()
    for field in schema.fields.values():
        if isinstance(field, ma.fields.List) and field.error_messages["invalid"] == _NOT_VALID:
            field.error_messages = {**field.error_messages, "invalid": _NO_LIST}
    try:
        schema.load(dict(config))
    except ma.ValidationError as error:
        return tuple(_flat(error.messages, ""))
    return ()


def _flat(messages: Any, path: str) -> list[FieldError]:
    """marshmallow's nested messages as one error per field. Values are left out: the wrong one may be a secret."""
    if isinstance(messages, dict):
        return [error for key, inner in messages.items() for error in _flat(inner, f"{path}.{key}" if path else str(key))]
    return [FieldError(f"config.{path}", " ".join(map(str, messages)) if isinstance(messages, list) else str(messages))]


def schedule_errors(text: str) -> tuple[FieldError, ...]:
    """What cannot be understood of a schedule; empty when it can be used."""
    try:
        schedule.parse(text)
    except Misconfigured as error:
        return error.errors
    return ()


def misconfigured(name: str, errors: list[FieldError] | tuple[FieldError, ...]) -> Misconfigured:
    """The error that names the connection and each of these."""
    wrong = "; ".join(f"{error.path}: {error.reason}" for error in errors)
    return Misconfigured(f"The connection {name[:80]!r} cannot work like this: {wrong}", tuple(errors))
