"""The secrets in a connection's configuration: encrypted at rest, never shown again, taken out of every message.

Which fields are secret is said by the connector's schema (`metadata={"secret": True}`), never guessed from a name. The key lies outside the
database: in FICHEHUB_SECRET_KEY (several, separated by commas: the first encrypts, all decrypt) or in `secret.key` in FICHEHUB_HOME
(`hub.store.own_keys`). See https://cryptography.io/en/latest/fernet/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

import marshmallow as ma
import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from hub.errors import Misconfigured
from hub.model.storable import text_of
from hub.plugins import bugs
from hub.store.own_keys import SECRET_KEY, keys_here

REDACTED = "********"

_MARK = "$secret"
_SHORTEST = 4  # a shorter value would blot out half of every message


class Vault:
    """Encrypts and decrypts the secret fields of configurations."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    @classmethod
    def open(cls, home: Path) -> Vault:
        """The vault of this installation; makes the key file (mode 0600) when there is no key yet. Raises `Misconfigured`."""
        return cls(keys_here(home, SECRET_KEY))

    def lock(self, schema: type[ma.Schema], config: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration as it may be stored."""
        return _map_secrets(schema(), config, lambda value: {_MARK: self._fernet.encrypt(_bytes(value)).decode()})

    def unlock(self, schema: type[ma.Schema], stored: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration as the connector gets it. Raises `Misconfigured` when the key is not the one that locked it."""
        return _map_secrets(schema(), stored, self._decrypt)

    def readable(self, schema: type[ma.Schema], stored: Mapping[str, Any]) -> dict[str, Any]:
        """As `unlock`, with None for each secret that another key had locked."""

        def read(value: Any) -> Any:
            try:
                return self._decrypt(value)
            except Misconfigured:
                return None

        return _map_secrets(schema(), stored, read)

    def reads(self, stored: bytes) -> bool:
        """Whether the present keys read every secret in this JSON, whatever its schema is."""
        try:
            return all(self._decrypt(locked) is not None for locked in _locked_in(orjson.loads(stored)))
        except Misconfigured:
            return False

    def rotate(self, schema: type[ma.Schema], stored: Mapping[str, Any]) -> dict[str, Any]:
        """The stored configuration, locked anew with the first key."""
        return self.lock(schema, self.unlock(schema, stored))

    def _decrypt(self, value: Any) -> Any:
        if not (isinstance(value, dict) and isinstance(value.get(_MARK), str)):
            return value
        try:
            return self._fernet.decrypt(value[_MARK].encode()).decode()
        except InvalidToken as error:
            raise Misconfigured(
                f"The stored secrets cannot be read with the present key. Restore {SECRET_KEY.file} (or {SECRET_KEY.variable}), "
                "or give the connection its secrets again."
            ) from error


def _locked_in(value: Any) -> Iterator[Any]:
    if isinstance(value, dict) and _MARK in value:
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _locked_in(inner)


def redacted(schema: type[ma.Schema], config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as it may be shown: every secret that is set reads `********`."""
    return _map_secrets(schema(), config, _blotted)


def _blotted(value: Any) -> Any:
    return "" if isinstance(value, str) and not value else REDACTED


def with_kept_secrets(schema: type[ma.Schema], given: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """`given`, where a secret that reads `********` or is left out keeps the value it has in `before`, and is not there where that has none. Top-level secrets only."""
    kept = dict(given)
    for key, field in named_fields(schema()):
        if is_secret(field) and kept.get(key, REDACTED) == REDACTED:
            kept.pop(key, None)
            if before.get(key) is not None:
                kept[key] = before[key]
    return kept


def redactor(schema: type[ma.Schema], config: Mapping[str, Any]) -> Callable[[str], str]:
    """A function that takes this configuration's secrets out of a text of the connector's, those that its schema sets where nothing is given, and what cannot be kept of one."""
    values: set[str] = set()

    def note(value: Any) -> Any:
        text = value if isinstance(value, str) else ""
        values.update(part for part in (text, *text.split()) if len(part) >= _SHORTEST)
        return value

    _map_secrets(schema(), config, note)
    for default in _secret_defaults(schema()):
        note(default)
    longest_first = sorted(values, key=lambda value: (-len(value), value))

    def redact(text: str) -> str:
        text = text_of(text)
        for value in longest_first:
            text = text.replace(value, REDACTED)
        return text

    return redact


def _map_secrets(schema: ma.Schema, config: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    changed = dict(config)
    for key, field in named_fields(schema):
        value = changed.get(key)
        if value is None:
            continue
        if is_secret(field):
            changed[key] = change(value)
        elif isinstance(field, ma.fields.Nested) and isinstance(value, Mapping):
            changed[key] = _map_secrets(field.schema, value, change)
        else:
            inner = field.inner if isinstance(field, ma.fields.List) else field
            if isinstance(inner, ma.fields.Nested) and isinstance(value, list):
                changed[key] = [_map_secrets(inner.schema, item, change) if isinstance(item, Mapping) else item for item in value]
    return changed


def _secret_defaults(schema: ma.Schema) -> Iterator[Any]:
    """What the schema, and those nested in it, set where no secret is given."""
    for _, field in named_fields(schema):
        inner = field.inner if isinstance(field, ma.fields.List) else field
        if is_secret(field):
            yield _default_or_none(field)
        elif isinstance(inner, ma.fields.Nested):
            yield from _secret_defaults(inner.schema)


def default_of(field: ma.fields.Field[Any]) -> Any:
    """What this field is where nothing is given; None where that is nothing. Raises what the connector's own function for it raises."""
    given = field.load_default
    return None if given is ma.missing else given() if callable(given) else given


def _default_or_none(field: ma.fields.Field[Any]) -> Any:
    try:
        return default_of(field)
    except bugs():  # what fails sets nothing
        return None


def shown_default(schema: ma.Schema, key: str, field: ma.fields.Field[Any]) -> Any:
    """What this one of `named_fields` is where nothing is given, in JSON and as it may be shown; None where that is nothing.

    What JSON cannot tell is shown as its type, `<object>`; what a function should have given that failed as its error, `<KeyError>`.
    """
    try:
        given = default_of(field)
    except bugs() as error:
        return _in_json(error)
    if given is None:
        return None
    shown = _map_secrets(schema, {key: given}, _blotted)[key]
    try:
        return _in_json(field.serialize(key, shown, accessor=lambda value, *_: value))
    except bugs():  # a default need not be what its field takes
        return _in_json(shown)


def _in_json(value: Any) -> Any:
    if isinstance(value, str) or (isinstance(value, float) and not isfinite(value)):  # which orjson would make null
        return text_of(str(value))
    try:
        return orjson.loads(orjson.dumps(value, default=lambda odd: str(odd) if isinstance(odd, Decimal) else f"<{type(odd).__name__}>"))
    except orjson.JSONEncodeError:  # half a character, a number of more than 64 bits, a circle
        return text_of(value)


def is_secret(field: ma.fields.Field[Any]) -> bool:
    """Whether the schema says that its value is never shown."""
    return bool(field.metadata.get("secret"))


def named_fields(schema: ma.Schema) -> list[tuple[str, ma.fields.Field[Any]]]:
    """The fields, each with its name in a configuration."""
    return [(field.data_key or name, field) for name, field in schema.fields.items()]


def _bytes(value: Any) -> bytes:
    return str(value).encode()
