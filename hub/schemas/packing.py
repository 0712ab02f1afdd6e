"""Small JSON made smaller, for rows that are rarely read: what a source said, and documents that no longer stand.

A claim of a kilobyte has little in it that repeats, but much that every claim has: it is deflated with a dictionary of such phrases (RFC 1950, a
preset dictionary). That leaves a third of it, in 20 microseconds; without the dictionary it would be more than half.
"""

from __future__ import annotations

import zlib
from typing import Final

__all__ = ["pack", "unpack"]

# Never change one that has been used: what was packed with it could not be read any more. Add another, under the next number.
# What is commonest stands last, where it is found soonest.
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
_DICTIONARIES: Final = {1: _FIRST}
_CURRENT: Final = 1
_LEVEL: Final = 2


def pack(data: bytes) -> bytes:
    """JSON in fewer bytes: the number of a dictionary, then a zlib stream."""
    deflate = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, 0, _DICTIONARIES[_CURRENT]
    )
    return bytes((_CURRENT,)) + deflate.compress(data) + deflate.flush()


def unpack(data: bytes) -> bytes:
    """What `pack` was given; JSON that was never packed stays as it is. Raises ValueError for anything else."""
    if data[:1] in b"[{" or not data:
        return data
    dictionary = _DICTIONARIES.get(data[0])
    if dictionary is None:
        raise ValueError(f"packed with dictionary {data[0]}, which this version of Fichehub does not know")
    try:
        return zlib.decompressobj(zdict=dictionary).decompress(data[1:])
    except zlib.error as error:
        raise ValueError(f"not what was packed: {error}") from error
