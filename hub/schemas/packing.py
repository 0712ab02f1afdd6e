"""Small texts made smaller, for rows that are rarely read: what a source said, documents that no longer stand, what the full text was told.

A claim of a kilobyte has little in it that repeats, but much that every claim has. So it is packed with a dictionary of that
(`scripts/build_dictionaries.py`): as Zstandard (RFC 8878) a third of it is left after 5 microseconds. Python has Zstandard from 3.14 on and the package
`backports.zstd` before. Where neither is there, JSON is deflated (RFC 1950), which takes four times as long for a little more, and tokens stay as they are.
"""

from __future__ import annotations

import sys
import zlib
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

__all__ = ["pack", "unpack"]

# Never change a dictionary that has been used: what was packed with it could not be read any more. Add another, under the next number.
# In this first one, of deflate, what is commonest stands last, where it is found soonest.
_FIRST: Final = (
    b'"asserted_at":"202 00:00Z","evidence":"register","valid_until":"202","level":"scheme":"target-group","weeks":"value":"yes"'
    b'"gov_info":"legal_basis":"recognitions":[{"number":"type":{"code":"erk","scheme":"recognition"},"valid_from":"20'
    b'["zorgverlener",{"addresses":[{"city":{"fr":"","nl":""},"country":"BE","house_number":"","municipality":"","position":{"lat":50.,"lon":4.},'
    b'"postcode":"","street":{"fr":"","nl":""},"type":"practice","visibility":"professional"}],"competences":[],"convention":"full","gender":"female",'
    b'"identifiers":[{"system":"riziv","value":"1"}],"name":{"family":"","given":[""]},"professions":[{"code":"persphysician","scheme":"profession"}],'
    b'"visum":"active"["aanbod",{"availability":"capacity":{"available":,"total":},"caregivers":[{"professions":[{"code":"pers","scheme":"cd-hcparty"}],'
    b'"zorgverlener":{"system":"riziv","value":"1"}}],"delivery":["onsite","phone","online","home"],"organisatie":{"external_id":"","source":'
    b'"sociale-kaart"},"patientenstop":{"value":"no"},"price":{"fr":"","nl":""},"rubrieken":[{"code":"","scheme":"rubriek"}],'
    b'"service_area":[{"code":"","type":"municipality"}],"target_groups":[{"code":"","scheme":"target-group"}],"waiting_list":'
    b'["organisatie",{"contacts":[{"kind":"phone","primary":true,"purpose":"general","raw":"0","value":"+32","visibility":"public"},{"kind":"email",'
    b'"value":"info@","visibility":"public"},{"kind":"website","value":"https://www."}],"description":{"de":"","en":"","fr":"","nl":""},'
    b'"form":"organisatie","hours":[{"closes":"17:00","days":["mon","tue","wed","thu","fri"],"opens":"09:00"},{"closes":"12:00","days":["sat"],'
    b'"opens":"13:30"}],"id":"019","identifiers":[{"system":"kbo","value":"0"}],"in_scope_of":["sociale-kaart"],"kind":"organisatie","languages":["nl","fr"],'
    b'"legal_form":{"code":"","scheme":"legal-form"},"memberships":"names":[{"text":{"nl":""},"use":"official","visibility":"public"}],'
    b'"source_url":"https://","status":{"status":"active"},"tags":[],"types":[{"code":"org","scheme":"cd-hcparty"}],"vestigingen":[{"addresses":'
    b'[{"box":"","city":{"nl":""},"country":"BE","house_number":"","municipality":"","position":{"lat":51.,"lon":3.},"postcode":"",'
    b'"street":{"nl":""},"type":"visit","visibility":"public"}],"identifiers":[{"system":"vestigingsnummer","value":"2","visibility":"public"}],'
    b'"keys":["sociale-kaart:"],"name":{"nl":""},"visibility":"public"}]},false,{},[]]'
)
_DEFLATED: Final = 1
_CURRENT: Final = {"json": 2, "tokens": 3}
_DATA: Final = Path(__file__).with_name("data")
_DEFLATE_LEVEL: Final = 2
_LEVEL: Final = 1
_PLAIN: Final = b"[{oazvmec"
"""How JSON and tokens (with the mark of a type) begin that were never packed."""


def _zstandard() -> Any:
    """The module; None on a platform for which nobody builds it."""
    try:
        return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    except ImportError:
        return None


zstd: Any = _zstandard()

Sort = Literal["json", "tokens"]


def pack(data: bytes, sort: Sort = "json") -> bytes:
    """JSON, or the tokens of the full text, in fewer bytes: the number of a dictionary, then a stream of its method."""
    if zstd is None and sort == "tokens":
        return data
    if zstd is None:
        deflate = zlib.compressobj(_DEFLATE_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, 0, _FIRST)
        return bytes((_DEFLATED,)) + deflate.compress(data) + deflate.flush()
    first, compressor = _compressor(_CURRENT[sort])
    return first + compressor.compress(data, compressor.FLUSH_FRAME)  # type: ignore[no-any-return]


def unpack(data: bytes) -> bytes:
    """What `pack` was given; what was never packed stays as it is. Raises ValueError for anything else."""
    if data[:1] in _PLAIN or not data:
        return data
    number = data[0]
    try:
        if number == _DEFLATED:
            return zlib.decompressobj(zdict=_FIRST).decompress(data[1:])
        if number not in _CURRENT.values():
            raise ValueError(f"packed with dictionary {number}, which this version of Fichehub does not know")
        if zstd is None:
            raise ValueError("packed as Zstandard, which this Python does not have: pip install backports.zstd")
        return _inflated(number, data[1:])
    except (zlib.error, EOFError) as error:
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
