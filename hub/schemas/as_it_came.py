"""JSON of others, as it came: also what JSON does not allow but some write all the same (half a character, NaN), so that it costs the one row that holds it."""

from __future__ import annotations

import json
from typing import Any

import orjson


def read_json(data: bytes | str) -> Any:
    """What this JSON says. Half a character is read as it stands, NaN and Infinity as their names: whoever takes in the row refuses that one alone.

    Raises `orjson.JSONDecodeError`, a `ValueError` with the place, for what is no JSON in any other way.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            return json.loads(data, parse_constant=str)
        except (ValueError, RecursionError):
            pass
        raise


def write_json(value: Any, *, sort_keys: bool = False) -> bytes:
    """The JSON of what `read_json` gave, in which half a character is written as it came (`\\ud800`)."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort_keys else None)
    except TypeError:
        return json.dumps(value, sort_keys=sort_keys, separators=(",", ":")).encode()
