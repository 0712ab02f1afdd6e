"""Cursors: the whole normalised query, where its last page ended, and the seq at which paging began, in one opaque word.

A cursor is no secret and grants nothing: whoever follows it is narrowed by his own grant again. Its checksum tells a mangled one (mailed, cut,
retyped) from a whole one, so that the asker hears that instead of getting some other page.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from hub.errors import FieldError, Invalid
from hub.model.query import Query, from_json, normalise, to_json

_VERSION: Final = 2
_CHECK_BYTES: Final = 6


@dataclass(frozen=True, slots=True)
class Cursor:
    """`position` is the sort key of the last hit given out, as its order defines it; `seq` the change log's head when paging began."""

    query: Query
    position: tuple[Any, ...]
    seq: int


def encode(cursor: Cursor) -> str:
    """The cursor as a word of letters, digits, `-` and `_`."""
    form = [_VERSION, to_json(replace(cursor.query, cursor=None)), cursor.position, cursor.seq]
    body = orjson.dumps(form)
    return urlsafe_b64encode(_check(body) + body).rstrip(b"=").decode()


def decode(text: str) -> Cursor:
    """The cursor behind this word. Raises `Invalid` when it is not one, or not whole."""
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (NotBase64, UnicodeEncodeError, ValueError) as error:
        raise _invalid("This is not a cursor.") from error
    check, body = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
    if check != _check(body) or text != urlsafe_b64encode(raw).rstrip(b"=").decode():
        raise _invalid("The cursor was cut off or changed on its way.")
    form = orjson.loads(body)
    if form[0] != _VERSION:
        raise _invalid("The cursor was made by another version of the hub.")
    return Cursor(from_json(form[1]), tuple(form[2]), form[3])


def query_of(text: str) -> Query:
    """The query that a cursor continues, with the cursor in it: what an asker means who sends nothing but a cursor. Raises `Invalid`."""
    return replace(decode(text).query, cursor=text)


def resume(query: Query) -> tuple[Query, Cursor | None]:
    """The normalised query, and where to go on. Raises `Invalid`, also when the cursor belongs to another query.

    The size of the page and the wish for a total may change from page to page; what is selected and in which order may not.
    """
    wanted = normalise(query)
    if wanted.cursor is None:
        return wanted, None
    cursor = decode(wanted.cursor)
    wanted = replace(wanted, cursor=None)
    if replace(cursor.query, limit=wanted.limit, total=wanted.total) != wanted:
        raise _invalid("The cursor belongs to another query.")
    return wanted, cursor


def _invalid(reason: str) -> Invalid:
    advice = "Take the cursor exactly as the previous page gave it, or start again without one."
    return Invalid(f"{reason} {advice}", (FieldError("cursor", f"{reason} {advice}"),))


def _check(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECK_BYTES, person=b"fiche-cursor").digest()
