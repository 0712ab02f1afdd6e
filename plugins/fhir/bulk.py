"""`$export`: everything, or everything since a moment, as files of one resource a line. https://hl7.org/fhir/uv/bulkdata/export.html

The choice that was made: an export is no job and leaves no file. What is asked is carried by the addresses that are given out (the types, where in
the log to begin, and the number of the log at which the export was asked for); a file is computed while it is read, in constant memory. So an export is
ready at once, there is nothing to clean up (a cancelled one is remembered as such), any worker can serve any part of it, and a download that broke off goes on behind the last whole line. An
address grants nothing: whoever reads it is narrowed by his own agreement.

A file is what stood at that number: what changed later is shown as it was then, and what was removed later is left out; the next export, which begins
there, tells it as removed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import flask
import orjson

import hub
from hub import Change, Directory, Entity, FieldError, Gone, Invalid, Moved, NotFound, Query
from plugins.fhir import smart
from plugins.fhir.datatypes import Labels
from plugins.fhir.history import states
from plugins.fhir.json_form import to_bytes
from plugins.fhir.moments import moment
from plugins.fhir.params import RESOURCES
from plugins.fhir.preferring import FORM, refuse_unknown
from plugins.fhir.refusing import invalid
from plugins.fhir.rendering import render
from plugins.fhir.searchable import Resource

NDJSON: Final = "application/fhir+ndjson"
TAKES: Final = ("_since", "_type", "_outputFormat")
_FORMATS: Final = (NDJSON, "application/ndjson", "ndjson")
_PAGE: Final = 500
_PIECE: Final = 64 << 10
_DELETED: Final = "deleted"
_BEGINNING: Final = "1970-01-01T00:00:00.000Z"

Answer = Callable[[dict[str, Any] | bytes], flask.Response]


def add_routes(blueprint: flask.Blueprint, answer: Answer) -> None:
    """Kick-off for everything and for a type, status, and the files."""
    types = ",".join(RESOURCES)

    @blueprint.get("/$export")
    def export_everything() -> flask.Response:
        return _begun(tuple(RESOURCES))

    @blueprint.get(f"/<any({types}):type>/$export")
    def export_type(type: str) -> flask.Response:
        return _begun((type,))

    @blueprint.get("/$export-status")
    def status() -> flask.Response:
        refuse_unknown((*FORM, "_job"))
        job = _wanted()
        response = answer(manifest(job, _base(), hub.directory()))
        response.content_type = "application/json"
        return response

    @blueprint.delete("/$export-status")
    def cancel() -> flask.Response:
        hub.cancel(_wanted().key)
        return flask.Response(status=202)

    @blueprint.get("/$export-file")
    def file() -> flask.Response:
        refuse_unknown((*FORM, "_part", "_after"))
        given = flask.request.args
        asked = hub.directory()
        part = _part_of(given.get("_part", ""))
        smart.require_all((part.name,) if part.name != _DELETED else part.types, "rs")
        if part.upto > asked.head():
            raise invalid("_part", _NO_ADDRESS.format("part"), given["_part"])
        lines = lines_of(part, asked, given.get("_after"))
        return flask.Response(pieces(lines), content_type=NDJSON, headers={"Vary": "Authorization, X-API-Key"})

    def _begun(all_types: tuple[str, ...]) -> flask.Response:
        request = flask.request
        wanted = request.headers.get("Prefer", "")
        if "respond-async" not in wanted:
            reason = "an export is asked for with the header Prefer: respond-async; the answer says where its files are."
            raise Invalid(f"Prefer: {reason}", (FieldError("Prefer", reason, wanted or None),))
        given = list(request.args.items(multi=True))
        job = parse(request.url, all_types, given, hub.directory(), lenient="handling=lenient" in wanted)
        smart.require_all(job.types, "rs")
        response = flask.Response(status=202)
        response.headers["Content-Location"] = f"{_base()}/$export-status?_job={_sealed(job.form())}"
        return response


def _wanted() -> Job:
    """The export that the current request is about. Raises `NotFound` when whoever asks has cancelled it."""
    job = _job_of(flask.request.args.get("_job", ""))
    if hub.is_cancelled(job.key):
        raise NotFound("You have cancelled this export. Ask for a new one with $export.")
    return job


def _base() -> str:
    return flask.request.url_root + "fhir"


# --- what was asked -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Job:
    """An export: what changed after `after` in these types (None: everything), as it stood at `upto`. `request` is the address that was asked, `key` of this one alone: who
    cancels it cancels no other that asked the same."""

    request: str
    types: tuple[str, ...]
    after: int | None
    upto: int
    key: str

    def form(self) -> list[Any]:
        """As JSON."""
        return [self.request, list(self.types), self.after, self.upto, self.key]


@dataclass(frozen=True, slots=True)
class Part:
    """A file of an export: a type, or `deleted`, which tells what was removed of `types`."""

    name: str
    types: tuple[str, ...]
    after: int
    upto: int

    def form(self) -> list[Any]:
        """As JSON."""
        return [self.name, list(self.types), self.after, self.upto]


def parse(request: str, types: tuple[str, ...], given: Sequence[tuple[str, str]], asked: Directory, *, lenient: bool = False) -> Job:
    """Understand the parameters of a kick-off. Raises `Invalid` for a bad value; for an unknown parameter or type unless `lenient`."""
    after: int | None = None
    chosen: list[str] = []
    for name, value in given:
        if name == "_since":
            if after is not None:  # whichever counted, what lies between the two could be missed
                raise invalid(name, "an export is asked for since one moment; send the earlier one.", value)
            after = asked.seq_at(moment(name, value))
        elif name == "_type":
            for each in filter(None, (part.strip() for part in value.split(","))):
                if each in types:
                    chosen.append(each)
                elif not lenient:
                    raise invalid(name, f"{each[:60]} is not exported here; choose from {', '.join(sorted(types))}.", value)
        elif name == "_outputFormat":
            if value.replace(" ", "+") not in _FORMATS:
                raise invalid(name, f"files are written as {NDJSON}.", value)
        elif not lenient:
            raise invalid(name, f"an export does not take this; it takes {', '.join(TAKES)}.", value)
    if any(name == "_type" for name, _ in given) and not chosen:
        raise invalid("_type", f"no type is left; choose from {', '.join(sorted(types))}.", "")
    asked.log(after=after or 0, limit=1)  # an export since a moment that is no longer kept is refused now, not in its files
    return Job(request, tuple(dict.fromkeys(chosen)) or types, after, asked.head(), secrets.token_urlsafe(12))


def manifest(job: Job, base: str, asked: Directory) -> dict[str, Any]:
    """What a finished export consists of. `transactionTime` is the `_since` of the next."""

    def part(name: str) -> dict[str, str]:
        kind = "Bundle" if name == _DELETED else name
        sealed = _sealed(Part(name, job.types, job.after or 0, job.upto).form())
        return {"type": kind, "url": f"{base}/$export-file?_part={sealed}"}

    return {
        # Who sees nothing yet begins at the beginning: what he comes to see may be older than this moment.
        "transactionTime": asked.moment_of(job.upto) or _BEGINNING,
        "request": job.request,
        "requiresAccessToken": asked.grant.partner is not None,
        "output": [part(name) for name in job.types],
        "deleted": [] if job.after is None else [part(_DELETED)],
        "error": [],
    }


# --- addresses --------------------------------------------------------------------------------------------------------------


def _sealed(form: list[Any]) -> str:
    """As a word of letters, digits, `-` and `_`; its checksum tells one that was cut or retyped."""
    body = orjson.dumps(form)
    return base64.urlsafe_b64encode(_check(body) + body).decode().rstrip("=")


def _unsealed(name: str, word: str) -> tuple[str, tuple[str, ...], int | None, int, list[str]]:
    wrong = invalid(name, _NO_ADDRESS.format(name.strip("_")), word)
    try:
        raw = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise wrong from None
    check, body = raw[:6], raw[6:]
    if check != _check(body):
        raise wrong
    try:
        text, types, after, upto, *more = orjson.loads(body)
        whole = all(each in RESOURCES for each in types) and all(isinstance(each, str) for each in (text, *more))
    except (TypeError, ValueError):
        raise wrong from None
    if not whole or not all(type(each) is int and 0 <= each < 1 << 62 for each in (after or 0, upto)):
        raise wrong
    return text, tuple(types), after, upto, more


_NO_ADDRESS: Final = "this is not a {} of an export; use the addresses of Content-Location and of the manifest as they stand."


def _check(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=6, person=b"fhir-export").digest()


def _job_of(word: str) -> Job:
    text, types, after, upto, more = _unsealed("_job", word)
    if len(more) != 1:
        raise invalid("_job", _NO_ADDRESS.format("job"), word)
    return Job(text, types, after, upto, more[0])


def _part_of(word: str) -> Part:
    name, types, after, upto, more = _unsealed("_part", word)
    if more or (name not in RESOURCES and name != _DELETED):
        raise invalid("_part", _NO_ADDRESS.format("part"), word)
    return Part(name, types, after or 0, upto)


# --- the files --------------------------------------------------------------------------------------------------------------


def pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of some size: to hand them to the server costs as much for a line as for a hundred."""
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= _PIECE:
            yield b"".join(held)
            held.clear()
            size = 0
    if held:
        yield b"".join(held)


def lines_of(part: Part, asked: Directory, resume_after: str | None = None) -> Iterator[bytes]:
    """The lines of a file, made as they are asked for; `resume_after` is the id of the last resource that came whole.

    Raises `Invalid` when there is no such resource, before the first line.
    """
    if part.name == _DELETED:
        if resume_after is not None:
            raise invalid("_after", "what was removed is told from the beginning; leave this out.", resume_after)
        return _removed(part, asked)
    resource = RESOURCES[part.name]
    query = Query(types=(resource.entity,), linked=resource.always, changed_since=part.after or None, limit=_PAGE)
    if resume_after is not None:
        try:
            query = asked.resumed_after(query, resume_after.lower())
        except (Moved, NotFound) as error:
            reason = f"there is no {part.name} with this id to go on behind; give that of the last line that came whole, or begin without it."
            raise invalid("_after", reason, resume_after) from error
    return _resources(part, resource, query, asked, asked.concepts())


def _resources(part: Part, resource: Resource, query: Query, asked: Directory, labels: Labels) -> Iterator[bytes]:
    for entity in asked.walk(query, sources=False):
        shown = entity if entity.seq <= part.upto else _as_at(entity, part.upto, asked)
        if shown is not None and shown.seq > part.after:
            yield to_bytes(render(shown, asked.grant, labels)) + b"\n"


def _as_at(entity: Entity, seq: int, asked: Directory) -> Entity | None:
    """As it stood then; None when it was not there."""
    try:
        return asked.as_at(entity.id, seq, entity.type)
    except (Gone, Moved, NotFound):
        return None


_BY_ENTITY: Final = {resource.entity: resource.name for resource in RESOURCES.values()}


def _removed(part: Part, asked: Directory) -> Iterator[bytes]:
    """Bundles of type transaction with a DELETE for each resource that was there after `after` and is not there at `upto`."""
    before = part.upto + 1
    while changes := asked.log(after=part.after, before=before, limit=_PAGE):
        before = changes[-1].seq
        wanted = [change for change in changes if _BY_ENTITY[change.type] in part.types]
        gone = [state.change for state in states(wanted, asked) if state.entity is None]
        entries = [
            {"request": {"method": "DELETE", "url": f"{_BY_ENTITY[change.type]}/{change.id}"}}
            for change in gone
            if _is_last(change, part.upto, asked)
        ]
        if entries:
            yield orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}) + b"\n"


def _is_last(change: Change, upto: int, asked: Directory) -> bool:
    """Whether it did not come back before the export began, and no later change tells that it is gone.

    What is hidden from a partner by his own overlay goes on changing for others: that tells him nothing.
    """
    before = upto + 1
    try:
        while newer := [each for each in asked.history(change.id, before=before, limit=_PAGE, every=True) if each.seq > change.seq]:
            if any(states(newer, asked)):
                return False
            before = newer[-1].seq
        return before > upto or not asked.was_shown(change.id, upto, change.type)
    except (Moved, NotFound):  # under another id, or outside the selection of the agreement
        return change.operation == "delete"
