"""The secrets in a connection's configuration: encrypted at rest, never shown again, taken out of every message.

Which fields are secret is said by the connector's schema (`metadata={"secret": True}`), never guessed from a name. The key lies outside the
database: in FICHEHUB_SECRET_KEY (several, separated by commas: the first encrypts, all decrypt) or in `secret.key` in FICHEHUB_HOME.
See https://cryptography.io/en/latest/fernet/.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import marshmallow as ma
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from hub.errors import Misconfigured
from hub.store.key_file import key_in
from hub.sync.storable import text_of

REDACTED = "********"
KEY_VARIABLE = "FICHEHUB_SECRET_KEY"
KEY_FILE = "secret.key"

_MARK = "$secret"
_SHORTEST = 4  # a shorter value would blot out half of every message
_HOW = "a key is made by: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"


class Vault:
    """Encrypts and decrypts the secret fields of configurations."""

    def __init__(self, keys: Iterable[str]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key.encode()) for key in keys])
        except ValueError as error:
            raise Misconfigured(f"The key for secrets is not a Fernet key; {_HOW}") from error

    @classmethod
    def open(cls, home: Path) -> Vault:
        """The vault of this installation; makes the key file (mode 0600) when there is no key yet. Raises `Misconfigured`."""
        given = [key.strip() for key in os.environ.get(KEY_VARIABLE, "").split(",") if key.strip()]
        return cls(given or [key_in(home / KEY_FILE, Fernet.generate_key).decode("ascii", "replace").strip()])

    def lock(self, schema: type[ma.Schema], config: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration as it may be stored."""
        return _map_secrets(
            schema(), config, lambda value: {_MARK: self._fernet.encrypt(_bytes(value)).decode()}
        )

    def unlock(self, schema: type[ma.Schema], stored: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration as the connector gets it. Raises `Misconfigured` when the key is not the one that locked it."""
        return _map_secrets(schema(), stored, self._decrypt)

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
                f"The stored secrets cannot be read with the present key. Restore {KEY_FILE} (or {KEY_VARIABLE}), "
                "or give the connection its secrets again."
            ) from error


def redacted(schema: type[ma.Schema], config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as it may be shown: every secret that is set reads `********`."""
    return _map_secrets(schema(), config, lambda value: REDACTED if value not in (None, "") else value)


def with_kept_secrets(
    schema: type[ma.Schema], given: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    """`given`, where a secret that reads `********` or is left out keeps the value it has in `before`. Top-level secrets only."""
    kept = dict(given)
    for key, field in _fields(schema()):
        if is_secret(field) and kept.get(key, REDACTED) == REDACTED and key in before:
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


def _map_secrets(
    schema: ma.Schema, config: Mapping[str, Any], change: Callable[[Any], Any]
) -> dict[str, Any]:
    changed = dict(config)
    for key, field in _fields(schema):
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
                changed[key] = [
                    _map_secrets(inner.schema, item, change) if isinstance(item, Mapping) else item
                    for item in value
                ]
    return changed


def _secret_defaults(schema: ma.Schema) -> Iterator[Any]:
    """What the schema, and those nested in it, set where no secret is given."""
    for _, field in _fields(schema):
        inner = field.inner if isinstance(field, ma.fields.List) else field
        if is_secret(field):
            yield default_of(field)
        elif isinstance(inner, ma.fields.Nested):
            yield from _secret_defaults(inner.schema)


def default_of(field: ma.fields.Field[Any]) -> Any:
    """What this field is where nothing is given; None where that is nothing."""
    given = field.load_default
    return None if given is ma.missing else given() if callable(given) else given


def is_secret(field: ma.fields.Field[Any]) -> bool:
    """Whether the schema says that its value is never shown."""
    return bool(field.metadata.get("secret"))


def _fields(schema: ma.Schema) -> list[tuple[str, ma.fields.Field[Any]]]:
    return [(field.data_key or name, field) for name, field in schema.fields.items()]


def _bytes(value: Any) -> bytes:
    return str(value).encode()
