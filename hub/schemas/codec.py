"""Fiches and claims as bytes, and the digests by which they are compared.

Keys are sorted, so equal content has equal bytes whatever order a source wrote it in.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any, cast

import orjson

from hub.errors import FieldError, Invalid
from hub.model.claims import Claim
from hub.model.fiche import Document
from hub.schemas.checking import check_claim
from hub.schemas.packing import unpack

_SORTED = orjson.OPT_SORT_KEYS
_whole_degrees = re.compile(rb'"l(?:at|on)":-?[0-9]+[,}]').search


def encode(document: Document) -> bytes:
    """The document as JSON in UTF-8 with sorted keys. TypeError for what `check` would refuse."""
    return orjson.dumps(document, option=_SORTED)


def decode(data: bytes) -> Document:
    """The document that `encode` wrote; a fresh one each time."""
    return cast(Document, orjson.loads(data))


def digest_of(data: bytes) -> bytes:
    """16 bytes (BLAKE2b) that are equal for equal content: of a document or claim, as `encode` or `encode_claim` gave its bytes."""
    return blake2b(data, digest_size=16).digest()


def encode_claim(claim: Claim) -> bytes:
    """What the claim says, without who says it and when: those are columns of their own. Raises `Invalid` for what is not JSON."""
    told: list[Any] = [claim.kind, claim.content, claim.gone, claim.excluded, claim.same_as]
    try:
        if len(claim.same_as) > 1:
            told[4] = sorted(claim.same_as)
        return orjson.dumps(told, option=_SORTED)
    except TypeError as error:
        check_claim(claim)
        # A claim that passes and still has no bytes: an exclusion with a value that is not JSON.
        message = f"The claim {claim.external_id!r} of {claim.source} holds a value that JSON does not know: {error}"
        raise Invalid(message, (FieldError("", "This is not JSON.", str(error)),)) from error


def encode_checked(claim: Claim, before: bytes) -> bytes:
    """What `encode_claim` gives for a claim now that it is checked; `before` is what it gave earlier.

    The check changes nothing but whole numbers where a fraction may stand, and only a position has any.
    """
    return encode_claim(claim) if _whole_degrees(before) else before


def decode_claim(source: str, external_id: str, revision: int, partner: str | None, data: bytes) -> Claim:
    """The claim that `encode_claim` wrote, packed or not, with the columns that stand beside it."""
    kind, content, gone, excluded, same_as = orjson.loads(unpack(data))
    return Claim(
        source,
        external_id,
        revision,
        kind,
        content,
        gone,
        excluded,
        tuple((system, value) for system, value in same_as),
        partner,
    )


def claim_digest(claim: Claim) -> bytes:
    """16 bytes that are equal when two claims say the same; needs no `check` before it. Raises `Invalid` for what is not JSON."""
    return digest_of(encode_claim(claim))
