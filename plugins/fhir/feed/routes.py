"""The addresses by which partners send in: create, update and delete of the seven types, and transactions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import flask
import orjson
from werkzeug.exceptions import PreconditionFailed
from werkzeug.http import parse_etags

import hub
from hub import Directory, Entity, Feed, FieldError, Gone, Invalid, Locked, Moved, NotFound, Outranked
from plugins.fhir import audit_notes, outcome
from plugins.fhir.bodies import read_body
from plugins.fhir.feed.conditions import condition, finder, one_met, resolved, unlooked, wrong
from plugins.fhir.feed.filing import IN_CIRCLE, Filed, file
from plugins.fhir.feed.links import Reference, with_number
from plugins.fhir.feed.naming import Entry
from plugins.fhir.feed.noting import Repeated
from plugins.fhir.feed.repeating import words
from plugins.fhir.feed.translate import TRANSLATED
from plugins.fhir.feed.trying import tried as tried_entries
from plugins.fhir.json_form import to_bytes
from plugins.fhir.params import RESOURCES
from plugins.fhir.preferring import is_strict, wanted_in_return
from plugins.fhir.rendering import last_modified, render, version_of
from plugins.fhir.smart import require
from plugins.fhir.unmatched import unmatched

Json = dict[str, Any]
Answer = Callable[[Json], flask.Response]
ENDPOINT: Final = "fhir"
MAX_ENTRIES: Final = 500
_LETTERS: Final = {"POST": "c", "PUT": "u", "DELETE": "d"}
INTERACTIONS: Final = ("create", "update", "delete")


def add_routes(blueprint: flask.Blueprint, answer: Answer, base: Callable[[], str]) -> None:
    """POST, PUT and DELETE of the types that are translated."""
    types = ",".join(TRANSLATED)

    @blueprint.post(f"/<any({types}):type>")
    def create(type: str) -> flask.Response:
        return _one("POST", type, None)

    @blueprint.put(f"/<any({types}):type>")
    def update_by_identifier(type: str) -> flask.Response:
        return _one("PUT", type, None, condition=flask.request.query_string.decode("utf-8", "replace"))

    @blueprint.put(f"/<any({types}):type>/<id>")
    def update(type: str, id: str) -> flask.Response:
        return _one("PUT", type, id)

    @blueprint.delete(f"/<any({types}):type>/<id>")
    def inactivate(type: str, id: str) -> flask.Response:
        return _one("DELETE", type, id)

    def _one(method: str, type: str, id: str | None, condition: str = "") -> flask.Response:
        if id is not None and id[0] in "$_":  # not the id of anything
            raise unmatched(f"{type}/{id}")
        feed, request = hub.feed(ENDPOINT), flask.request
        if "If-None-Exist" in request.headers and method != "POST":
            raise wrong("If-None-Exist", f"this is said of a POST only; leave it out of a {method}.")
        resource = None if method == "DELETE" else read_body()
        if refused := _refused(resource):
            return _outcome(answer, refused, 400)
        wish = _Wish(
            method,
            type,
            type,
            id,
            condition,
            resource,
            None,
            request.headers.get("If-Match", ""),
            request.headers.get("If-None-Match", ""),
            request.headers.get("If-None-Exist"),
        )
        done = _written(feed, [wish])
        if isinstance(done, Problem):
            return _outcome(answer, done.issues, done.status)
        told = _told(done[0], feed.directory())
        wanted = wanted_in_return()
        body = told.outcome() if told.issues or told.resource is None or wanted == "operationoutcome" else told.resource
        response = answer(body)
        if wanted == "minimal" and not told.issues:
            response.set_data(b"")
        response.status_code = told.status
        if told.address:
            response.headers["Location"] = f"{base()}/{told.address}/_history/{told.version}"
            response.headers["ETag"] = f'W/"{told.version}"'
            response.headers.update(last_modified(datetime.fromisoformat(told.changed_at), feed.directory().now()))
        return response


def transaction(bundle: Json, answer: Answer) -> flask.Response:
    """The Bundle of type transaction-response, or why nothing of the transaction was kept."""
    audit_notes.tell([audit_notes.Written("transaction", "", "", "/")])
    feed = hub.feed(ENDPOINT)
    if refused := _refused(bundle):
        return _outcome(answer, refused, 400)
    wishes = _wishes(bundle)
    audit_notes.tell([_told_of(wish) for wish in wishes])
    for wish in wishes:  # the address of a transaction does not tell what is in it
        require(wish.type, _LETTERS[wish.method])
    unmet: list[FieldError] = []
    find = finder(feed.directory(), unmet)
    wishes = [replace(wish, resource=resolved(wish.resource, wish.path, find)) for wish in wishes]
    if unmet:
        return _outcome(answer, [_issue("error", "conflict", each.path, each.reason) for each in unmet], 412)
    done = _written(feed, wishes)
    if isinstance(done, Problem):
        return _outcome(answer, done.issues, done.status)
    asked = feed.directory()
    told: Json = {"resourceType": "Bundle", "type": "transaction-response"}
    wanted = wanted_in_return()
    return answer(told | {"entry": [_told(filed, asked).entry(wanted) for filed in done]} if done else told)


def tried(resource: Json, asked: Directory) -> list[Json]:
    """What sending this in would be told beside what the judge says, as issues of an OperationOutcome; nothing is looked up or stored.

    The judge has passed it. Of what is not sent in alone or in a transaction there is nothing to tell.
    """
    name = resource["resourceType"]
    try:
        if name in TRANSLATED:
            wishes = [_Wish("POST", name, name, None, "", resource, None, "", "")]
        else:
            sent = _wishes(resource) if name == "Bundle" and resource.get("type") == "transaction" else []
            wishes = [replace(wish, resource=resolved(wish.resource, wish.path, unlooked)) for wish in sent]
        entries = [_entry(wish) for wish in wishes]
        _check_unique(entries)
    except Invalid as error:
        return [_issue("error", "invalid", each.path, each.reason) for each in error.errors]
    errors, notes = tried_entries(entries, asked)
    return [*(_issue("error", "business-rule", each.path, each.reason) for each in errors), *(_not_kept(*note) for note in notes)]


# --- what was asked ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
    """Why nothing was kept."""

    status: int
    issues: Sequence[Json]


@dataclass(frozen=True, slots=True)
class _Wish:
    method: str
    type: str
    path: str
    id: str | None
    condition: str
    resource: Json | None
    full_url: str | None
    if_match: str
    if_none_match: str
    if_none_exist: str | None = None


def _wishes(bundle: Json) -> list[_Wish]:
    """The entries of a transaction that the judge has passed. Raises `Invalid`."""
    entries = bundle.get("entry", [])
    if len(entries) > MAX_ENTRIES:
        raise wrong("Bundle.entry", f"a transaction has at most {MAX_ENTRIES} entries; send several.", str(len(entries)))
    return [_wish(entry, place) for place, entry in enumerate(entries)]


def _wish(entry: Json, place: int) -> _Wish:
    path = f"Bundle.entry[{place}]"
    request: Json = entry.get("request", {})
    method, url = request.get("method", ""), urlsplit(request.get("url", ""))
    if method not in ("POST", "PUT", "DELETE"):
        raise wrong(f"{path}.request.method", "POST, PUT and DELETE are taken in a transaction; send GETs as type batch.", method)
    if "ifNoneExist" in request and method != "POST":
        raise wrong(f"{path}.request.ifNoneExist", f"this is said of a POST only; leave it out of a {method}.")
    segments = [each for each in url.path.split("/") if each]
    if url.scheme in ("http", "https"):
        segments = segments[1:] if segments[:1] == ["fhir"] else segments
    name, id = (segments[0] if segments else ""), segments[1] if len(segments) == 2 else None
    if name not in TRANSLATED or len(segments) > 2 or (method == "DELETE" and id is None) or (method == "POST" and id is not None):
        raise wrong(
            f"{path}.request.url", f"Type, Type/<id> or Type?identifier=... is expected, with one of {', '.join(TRANSLATED)}.", request.get("url", "")
        )
    resource = entry.get("resource")
    if (resource is None) != (method == "DELETE"):
        raise wrong(f"{path}.resource", "a POST or PUT has a resource, a DELETE has none.")
    where = path if resource is None else f"{path}.resource"
    conditions = request.get("ifMatch", ""), request.get("ifNoneMatch", "")
    return _Wish(method, name, where, id, url.query, resource, entry.get("fullUrl"), *conditions, request.get("ifNoneExist"))


def _refused(resource: Json | None) -> list[Json]:
    """What the judge says against it; empty when it is acceptable."""
    from plugins.fhir.judge import is_refused, judge

    if resource is None:
        return []
    issues = judge(resource, (), hub.directory().concepts())
    return [issue.document() for issue in issues] if is_refused(issues) else []


def _entry(wish: _Wish) -> Entry:
    """What is to be done; which resource a conditional update means is not looked up yet. Raises `Invalid`."""
    resource, id = wish.resource, wish.id
    if resource is not None:
        if resource.get("resourceType") != wish.type:
            raise wrong(f"{wish.path}.resourceType", f"a {wish.type} is expected here.", str(resource.get("resourceType")))
        if wish.method == "PUT" and id is not None and resource.get("id") != id:
            raise wrong(f"{wish.path}.id", f"the resource must have the id {id} of the address.", str(resource.get("id", "")))
    return Entry(method=wish.method, type=wish.type, path=wish.path, id=id, resource=resource, full_url=wish.full_url)


def _met(wish: _Wish, asked: Directory) -> Entry:
    """What is to be done, a conditional update to the one resource that it means; to a new one when there is none yet. Raises `Invalid`, `PreconditionFailed`.

    A conditional create gets the id of what is there already, and then there is nothing to do.
    """
    entry = _entry(wish)
    if wish.if_none_exist is not None:
        found = one_met(wish.type, condition(wish.if_none_exist, "If-None-Exist"), asked)
    elif wish.method == "PUT" and wish.id is None:
        given = condition(wish.condition, "PUT")
        if any(name not in ("identifier", "organization", "managingOrganization") for name, _ in given) or given[0][0] != "identifier":
            raise wrong("PUT", f"send {wish.type}/<id>, or {wish.type}?identifier=system|value.", wish.condition)
        found = one_met(wish.type, given, asked, f": {wish.type}/<id>")
    else:
        return entry
    return replace(entry, id=found) if found else entry


def _names(entry: Entry) -> list[str]:
    """By what others of the same transaction may refer to it."""
    id = (entry.resource or {}).get("id")
    return [name for name in (entry.full_url, f"{entry.type}/{id}" if id else None) if name]


def _written(feed: Feed, wishes: Sequence[_Wish]) -> list[Filed] | Problem:
    """What became of them, in the order in which they were sent; or why nothing was kept."""
    asked = feed.directory()
    strict = is_strict()
    try:
        entries = [_met(wish, asked) for wish in wishes]
        there = {place: Filed(entry, id=entry.id) for place, entry in enumerate(entries) if wishes[place].if_none_exist is not None and entry.id}
        wanted = [(wish, entry) for place, (wish, entry) in enumerate(zip(wishes, entries, strict=True)) if place not in there]
        _check_unique([entry for _, entry in wanted])
    except Invalid as error:
        return Problem(400, [_issue("error", "invalid", each.path, each.reason) for each in error.errors])

    def work(desk: hub.Desk) -> list[Filed]:
        for wish, entry in wanted:
            _check_version(wish, entry, desk, asked)
        known = {name: f"{filed.entry.type}/{filed.id}" for filed in there.values() for name in _names(filed.entry)}
        return file(desk, [entry for _, entry in wanted], feed.source, asked, strict=strict, known=known)

    try:
        written = iter(feed.write(work))
        done = [there[place] if place in there else next(written) for place in range(len(entries))]
        audit_notes.tell([_told_of(wish, filed) for wish, filed in zip(wishes, done, strict=True)])
        return done
    except Invalid as error:
        wrong = error.errors or (FieldError("", error.message),)
        return Problem(422, [_issue("error", "business-rule", each.path, each.reason) for each in wrong])
    except Locked as locked:
        return Problem(409, [_issue("error", "business-rule", "", _locked(locked))])
    except Gone as gone:
        return Problem(410, [_issue("error", "deleted", "", gone.message)])


def _told_of(wish: _Wish, filed: Filed | None = None) -> audit_notes.Written:
    """What the audit trail is told: of what was kept by its id here, of what was not by the one in its address."""
    address = f"{wish.type}/{wish.id}" if wish.id else f"{wish.type}?{wish.condition}" if wish.condition else wish.type
    interaction, id = audit_notes.WRITTEN[wish.method], wish.id or ""
    if filed is None:
        return audit_notes.Written(interaction, wish.type, id, address)
    return audit_notes.Written(interaction, wish.type, filed.id or id, address, _status(filed))


def _status(filed: Filed) -> int:
    return 201 if filed.created else 200


def _check_unique(entries: Sequence[Entry]) -> None:
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        id = entry.id or (entry.resource or {}).get("id")
        if id is not None and (entry.type, id) in seen:
            raise wrong(entry.path, f"{entry.type}/{id} stands in this transaction twice; send it once.")
        if id is not None:
            seen.add((entry.type, id))


def _check_version(wish: _Wish, entry: Entry, desk: hub.Desk, asked: Directory) -> None:
    """If-Match: the sender must have seen the resource as it stands; If-None-Match: it may not stand so, and with `*` not be here at all."""
    if not (wish.if_match or wish.if_none_match) or entry.id is None:
        return
    sent = desk.sent(f"{entry.type}/{entry.id}")
    part = RESOURCES[entry.type].entity
    id = entry.id if sent is None else desk.uuid_of(sent, part if sent.key else "")
    entity = None if id is None else _seen(id, entry.type, asked)
    version = None if entity is None else version_of(entity, asked.grant)
    if wish.if_match and (version is None or not parse_etags(wish.if_match).contains_weak(version)):
        now = "it is not here" if version is None else f"it is version {version} now"
        raise PreconditionFailed(f"{entry.type}/{entry.id} is not as you saw it: {now}. Read it, and send it again with that version in If-Match.")
    if wish.if_none_match and version is not None and parse_etags(wish.if_none_match).contains_weak(version):
        raise PreconditionFailed(
            f"{entry.type}/{entry.id} is here already, as version {version}, and If-None-Match says that it may not be. Leave that header out to change it."
        )


def _seen(id: str, type_name: str, asked: Directory) -> Entity | None:
    try:
        return asked.get(id, RESOURCES[type_name].entity)
    except Moved as moved:
        return _seen(moved.id, type_name, asked)
    except (Gone, NotFound):
        return None


# --- what is told -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    """What is answered about one resource: as it stands here now, and what is to be said about it."""

    status: int
    issues: list[Json]
    resource: Json | None = None
    address: str = ""
    version: str = ""
    changed_at: str = ""

    def outcome(self) -> Json:
        """What is to be said, or that all is well."""
        return outcome.document(self.issues or [_issue("information", "informational", "", "It was taken in.")])

    def entry(self, wanted: str) -> Json:
        """As `Bundle.entry` of a transaction-response, of what is `wanted` (`preferring.wanted_in_return`)."""
        answered: Json = {"status": f"{self.status} {HTTPStatus(self.status).phrase}"}
        if self.address:
            answered |= {"location": f"{self.address}/_history/{self.version}", "etag": f'W/"{self.version}"', "lastModified": self.changed_at}
        if self.issues or wanted == "operationoutcome":
            answered["outcome"] = self.outcome()
        shown = self.resource is not None and wanted not in ("minimal", "operationoutcome")
        return {"resource": self.resource, "response": answered} if shown else {"response": answered}


def _told(filed: Filed, asked: Directory) -> _Told:
    issues = [_not_kept(*note) for note in filed.notes]
    issues += [_issue("warning", "business-rule", filed.entry.path, _locked(each)) for each in filed.locks]
    issues += [_issue("information", "business-rule", filed.entry.path, _outranked(each)) for each in filed.outranked]
    if filed.in_circle:
        issues.append(_issue("warning", "business-rule", f"{filed.entry.path}.partOf", f"This is kept, but {IN_CIRCLE}"))
    issues += [_issue("warning", "duplicate", path, _elsewhere(filed.entry.type, id, asked)) for path, id in filed.elsewhere]
    issues += [_issue("information", "informational", f"{each.path}.reference", _nowhere(each)) for each in filed.nowhere]
    if filed.late:
        issues.append(_issue("information", "informational", filed.entry.path, "A later version of this resource came before; nothing was changed."))
    status = _status(filed)
    entity = None if filed.id is None else _seen(filed.id, filed.entry.type, asked)
    if entity is None:
        if filed.entry.method != "DELETE" and filed.id is not None:
            issues.append(_issue("information", "informational", filed.entry.path, "It was taken in; your agreement does not show it."))
        return _Told(status, issues)
    shown = orjson.loads(to_bytes(render(entity, asked.grant, asked.concepts())))
    version = version_of(entity, asked.grant)
    if not filed.late:
        outside = {f"{each.target}/{id}" for each, _ in filed.repeated for id in entity.outside}
        for each, word in filed.repeated:
            if (word or _by_number(each, asked)) not in words(shown, each.element) | outside:
                issues.append(_not_kept(each.path, each.why))
    return _Told(status, issues, shown, f"{filed.entry.type}/{entity.id}", version, entity.updated_at)


def _by_number(each: Repeated, asked: Directory) -> str:
    """The reference to the one resource here that a Reference names by its number; "" when it does not."""
    identifier = (each.reference or {}).get("identifier", {})
    if (each.reference or {}).get("reference") or not all(isinstance(identifier.get(name), str) for name in ("system", "value")):
        return ""
    found = with_number(asked, identifier, each.target)
    return f"{each.target}/{found[0]}" if len(found) == 1 else ""


def _not_kept(path: str, why: str) -> Json:
    return _issue("warning", "not-supported", path, f"This is not kept: {why}.")


def _locked(locked: Locked) -> str:
    return f"This is not taken over: {locked.message}"


def _nowhere(each: Reference) -> str:
    return f"This is kept, and is not shown as long as there is no {each.name()[:200]} here."


def _elsewhere(type: str, id: str, asked: Directory) -> str:
    other = f"{type}/{id}" if _seen(id, type, asked) is not None else f"another {type}, which your agreement does not show"
    return (
        f"This number is that of {other} here. What you send as two is not made one by a number, and it is not certain that it shows here: "
        "send them as one, or correct the number. An administrator was asked whether they are one."
    )


def _outranked(each: Outranked) -> str:
    if each.beside:
        return f"The name that you give is kept and shown as an alias; what it is called here {each.source} says. {each.route}".rstrip()
    return f"What you say of {each.field} is kept, but does not stand here: {each.source} is right about it. {each.route}".rstrip()


def _issue(severity: str, code: str, path: str, message: str) -> Json:
    """Paths of the hub's own fields are no FHIRPath; they are in the message."""
    if path and path[0].isupper():
        return outcome.issue(severity, code, message, path)
    return outcome.issue(severity, code, f"{path}: {message}" if path else message)


def _outcome(answer: Answer, issues: Sequence[Json], status: int) -> flask.Response:
    response = answer(outcome.document(issues))
    response.status_code = status
    return response
