"""The contract of the interface, as files that a partner can read: `openapi.yaml` (OpenAPI 3.1), and its shapes alone as JSON Schema 2020-12, `schema.json`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


@cache
def json_schema() -> dict[str, Any]:
    """The shapes of the contract by name, under `$defs`."""
    loaded: dict[str, Any] = orjson.loads((files(__name__) / "schema.json").read_bytes())
    return loaded
