"""Reading a list that moves while it is read: the whole of it in repeated passes, or only its newest rows."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from hub import CursorExpired, Rejected, write_json
from plugins.sociale_kaart.client import Api
from plugins.sociale_kaart.reading import id_of, organisation_of, read, shortened
from plugins.sociale_kaart.spool import Spool
from plugins.sociale_kaart.vocabulary import Vocabulary

MOST_PASSES: Final = 4
_DIGEST: Final = 8
Progress = Callable[[int, int | None, str], None]


@dataclass(slots=True)
class Listed:
    """What reading the list came to. `head`: digests of its newest rows, newest first; `nameless`: rows without a usable id."""

    complete: bool
    missing: int = 0
    warnings: tuple[str, ...] = ()
    head: list[bytes] = field(default_factory=list)
    nameless: list[Rejected] = field(default_factory=list)


def read_all(api: Api, spool: Spool, words: Vocabulary, *, size: int, overlap: int, progress: Progress) -> Listed:
    """Pass after pass until one saw as many rows as the source says there are, or no pass finds new ones; four passes at most.

    Rows move to the front when somebody edits them, so one pass sees some twice and others never. Complete only when all were seen; else `missing` says
    how many were announced and never given.
    """
    listed = Listed(complete=False)
    total = known = 0
    for number in range(1, MOST_PASSES + 1):
        nameless, totals = _one_pass(api, spool, words, listed, number, size, overlap, progress)
        listed.nameless = nameless
        total, steady = totals[-1], len(set(totals)) == 1
        seen, before = spool.count(number), known
        known = spool.count()
        if steady and seen + len(nameless) == total:
            spool.keep_only(number)  # others have left the list meanwhile
            listed.complete = True
            return listed
        if steady and known + len(nameless) == total and known == before:
            listed.complete = True
            return listed
    listed.missing = max(0, total - known - len(listed.nameless))
    if listed.missing:
        said = f"{listed.missing:,} of the {total:,} rows that the source announces never came, in {MOST_PASSES} passes"
    else:
        said = f"The list kept changing through {MOST_PASSES} passes ({known:,} rows seen, {total:,} announced)"
    listed.warnings = (f"{said}; nothing is taken for removed.",)
    return listed


def _one_pass(
    api: Api,
    spool: Spool,
    words: Vocabulary,
    listed: Listed,
    number: int,
    size: int,
    overlap: int,
    progress: Progress,
) -> tuple[list[Rejected], list[int]]:
    nameless: list[Rejected] = []
    totals: list[int] = []
    page = done = 0
    while True:
        found = api.offers(page, size)
        totals.append(found.total)
        if number == 1 and len(listed.head) < overlap:
            listed.head += [digest_of(row, words) for row in found.rows[: overlap - len(listed.head)]]
        nameless += keep(spool, found.rows, number, words)
        done += len(found.rows)
        page += 1
        progress(done, found.total, "list" if number == 1 else f"list, pass {number}")
        # Totals may lie low: only a page that is not full, past the last one announced, is the end.
        if not found.rows or (page >= found.pages and len(found.rows) < size):
            return nameless, totals


def read_newest(
    api: Api,
    spool: Spool,
    words: Vocabulary,
    known: list[bytes],
    *,
    size: int,
    overlap: int,
    progress: Progress,
) -> Listed:
    """The rows before those that were newest last time, edited ones among them; stops in the middle of a stretch of known rows."""
    listed = Listed(complete=False)
    known_set = set(known)
    enough = max(1, min(len(known), overlap // 2))
    page = stretch = 0
    size = min(size, max(overlap, 1))
    while True:
        found = api.offers(page, size)
        page += 1
        digests = [digest_of(row, words) for row in found.rows]
        listed.head += digests[: overlap - len(listed.head)]
        fresh = []
        for row, digest in zip(found.rows, digests, strict=True):
            if digest in known_set:
                stretch += 1
                if stretch >= enough:
                    break
            else:
                stretch = 0
                fresh.append(row)
        listed.nameless += keep(spool, fresh, 1, words)
        progress(spool.count(), None, "changes")
        if stretch >= enough or not found.rows or (page >= found.pages and len(found.rows) < size):
            return listed


def keep(spool: Spool, rows: list[Any], number: int, words: Vocabulary) -> list[Rejected]:
    """Put rows into the spool; the answer is about those that have no id to go by."""
    nameless = []
    named = []
    for row in rows:
        external_id = id_of(row)
        if external_id:
            named.append((external_id, organisation_of(row, words), row))
        else:
            reason = "id.id must be the text by which the source knows the row; this row has none."
            nameless.append(Rejected(reason, field="id.id", raw=shortened(row)))
    spool.add(named, number)
    return nameless


def digest_of(raw: Any, words: Vocabulary) -> bytes:
    """Eight bytes that are equal when two rows say the same; a renamed label is no change of the row."""
    try:
        row = read(raw, words)
        codes = [concept.code for concept in row.rubrieken]
        said: Any = (
            row.id, row.type, row.evidence, row.name, row.contacts, row.caregivers, row.organisation, row.numbers, codes,
            [(place.key, place.primary, place.address) for place in row.places],
        )  # fmt: skip
    except Rejected:
        said = raw
    return blake2b(write_json(said, sort_keys=True), digest_size=_DIGEST).digest()


def cursor_of(head: list[bytes]) -> str:
    """The cursor that remembers these newest rows."""
    return f"1.{urlsafe_b64encode(b''.join(head)).decode()}"


def head_of(cursor: str) -> list[bytes]:
    """The newest rows that a cursor remembers. Raises `CursorExpired` for one that is not ours."""
    version, _, text = cursor.partition(".")
    try:
        data = b64decode(text, altchars=b"-_", validate=True)
    except ValueError:
        data = b"?"
    if version != "1" or len(data) % _DIGEST:
        raise CursorExpired("The cursor of De Sociale Kaart cannot be read; the list is read from the start.")
    return [data[at : at + _DIGEST] for at in range(0, len(data), _DIGEST)]
