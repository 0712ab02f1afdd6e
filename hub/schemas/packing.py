"""Small texts made smaller, for rows that are rarely read: what a source said, documents that no longer stand, what the full text was told.

A claim of a kilobyte has little in it that repeats, but much that every claim has. So it is packed with a dictionary of that
(`scripts/build_dictionaries.py`): as Zstandard (RFC 8878) a third of it is left after 5 microseconds. Python has Zstandard from 3.14 on and the package
`backports.zstd` before.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

__all__ = ["pack", "unpack"]

zstd: Any = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

Sort = Literal["json", "tokens"]

_CURRENT: Final = {"json": 2, "tokens": 3}
"""The dictionaries in use. Never change one: what was packed with it could not be read any more. Add another, under the next number, here and to `_KNOWN`."""
_KNOWN: Final = frozenset({2, 3})
"""All that something may be packed with; none is ever taken out."""
_DATA: Final = Path(__file__).with_name("data")
_LEVEL: Final = 1
_PLAIN: Final = b"[{oazvmec"
"""How JSON and tokens (with the mark of a type) begin that were never packed."""


def pack(data: bytes, sort: Sort = "json") -> bytes:
    """JSON, or the tokens of the full text, in fewer bytes: the number of a dictionary, then a stream of its method."""
    first, compressor = _compressor(_CURRENT[sort])
    return first + compressor.compress(data, compressor.FLUSH_FRAME)  # type: ignore[no-any-return]


def unpack(data: bytes) -> bytes:
    """What `pack` was given; what was never packed stays as it is. Raises ValueError for anything else."""
    if data[:1] in _PLAIN or not data:
        return data
    number = data[0]
    if number not in _KNOWN:
        raise ValueError(f"packed with dictionary {number}, which this version of Fichehub does not know")
    try:
        return _inflated(number, data[1:])
    except EOFError as error:
        raise ValueError(f"not what was packed: {error}") from error


@cache
def _dictionary(number: int) -> Any:
    return zstd.ZstdDict((_DATA / f"{number}.zdict").read_bytes())


@cache
def _compressor(number: int) -> tuple[bytes, Any]:
    """One for all threads: it has a lock of its own, and between two frames keeps nothing. What every frame would repeat is left out."""
    wanted = zstd.CompressionParameter
    options = {wanted.compression_level: _LEVEL, wanted.content_size_flag: 0, wanted.dict_id_flag: 0}
    return bytes((number,)), zstd.ZstdCompressor(options=options, zstd_dict=_dictionary(number).as_digested_dict)


def _inflated(number: int, stream: bytes) -> bytes:
    decompressor = zstd.ZstdDecompressor(_dictionary(number))
    try:
        data: bytes = decompressor.decompress(stream)
    except zstd.ZstdError as error:
        raise ValueError(f"not what was packed: {error}") from error
    if not decompressor.eof:
        raise ValueError("not what was packed: the end is missing")
    return data
