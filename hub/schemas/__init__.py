"""The one JSON form of a fiche: checked, written as bytes, and described.

Everything here is built from the declarations in `hub.model.fiche`. On the hot path `check` runs code generated from them (about 20
microseconds a fiche); only when that refuses a document do the marshmallow schemas, built from the same declarations, word what is wrong.
"""

from hub.schemas.as_it_came import read_json, write_json
from hub.schemas.checking import canonical_claim, check, check_claim
from hub.schemas.codec import (
    claim_digest,
    decode,
    decode_claim,
    digest_of,
    encode,
    encode_checked,
    encode_claim,
)
from hub.schemas.described import claim_schema, entity_schema, fiche_schema, part_schema
from hub.schemas.packing import pack, unpack

__all__ = [
    "canonical_claim",
    "check",
    "check_claim",
    "claim_digest",
    "claim_schema",
    "decode",
    "decode_claim",
    "digest_of",
    "encode",
    "encode_checked",
    "encode_claim",
    "entity_schema",
    "fiche_schema",
    "pack",
    "part_schema",
    "read_json",
    "unpack",
    "write_json",
]
