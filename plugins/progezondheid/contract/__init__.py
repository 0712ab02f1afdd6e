"""The contract of the interface, as files that a partner can read: `openapi.yaml` (OpenAPI 3.1), and its shapes alone as JSON Schema 2020-12, `schema.json`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    import jsonschema_rs

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


@cache
def json_schema() -> dict[str, Any]:
    """The shapes of the contract by name, under `$defs`."""
    loaded: dict[str, Any] = orjson.loads((files(__name__) / "schema.json").read_bytes())
    return loaded


@cache
def judge(shape: str) -> jsonschema_rs.Draft202012Validator:
    """Judges whether a value, as JSON is read, is one of this shape, formats included. Raises `KeyError` for a shape that the contract does not have."""
    import jsonschema_rs  # a connector never needs it: only who stands for a register, or tries one

    schema = json_schema()
    schema["$defs"][shape]
    return jsonschema_rs.Draft202012Validator({**schema, "$ref": f"#/$defs/{shape}"}, validate_formats=True)
