"""The addresses below `/fhir`: read, search, metadata, and an OperationOutcome for everything else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import flask
import orjson
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException, MethodNotAllowed, PreconditionFailed, UnsupportedMediaType
from werkzeug.exceptions import NotFound as NoSuchAddress
from werkzeug.http import unquote_etag
from werkzeug.sansio.utils import get_current_url

import hub
from hub import FichehubError, Hit, Invalid, Moved, NotFound
from plugins.fhir import audit_events, audit_notes, batch, bulk, history, outcome, provenance, smart, validation
from plugins.fhir.absent import spoken_of
from plugins.fhir.capability import only_mode, statement
from plugins.fhir.conformance import routes as definitions
from plugins.fhir.datatypes import Labels
from plugins.fhir.feed import routes as feeding
from plugins.fhir.including import MOST, coming_along
from plugins.fhir.json_form import to_bytes
from plugins.fhir.moved import tell_what_moved
from plugins.fhir.negotiation import MEDIA_TYPES, form_for
from plugins.fhir.params import RESOURCES
from plugins.fhir.periods import with_seqs
from plugins.fhir.preferring import FORM, PARTS, is_strict, refuse_unknown
from plugins.fhir.rendering import Memory, Rendered, last_modified, resource_for, version_of
from plugins.fhir.search import TOO_MANY, Entry, Search, bundle, by_source, in_your_words, parse
from plugins.fhir.searchable import Resource
from plugins.fhir.subscriptions import routes as subscribing
from plugins.fhir.subsetting import subset_of_one
from plugins.fhir.unmatched import methods_here, unmatched
from plugins.fhir.xml_form import to_xml

_log = logging.getLogger(__name__)
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_URLENCODED: Final = "application/x-www-form-urlencoded"
_EXPOSED: Final = "ETag, Last-Modified, Location, Content-Location, Retry-After"
_ALLOWED: Final = "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Exist, If-None-Match, Prefer, X-API-Key"
VARY: Final = "Authorization, X-API-Key, Accept"
_CONDITIONS: Final = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE")


def make_blueprint(remembered: int = 64 << 20) -> flask.Blueprint:
    """The routes, with a memory of rendered resources of their own, of so many bytes."""
    blueprint = flask.Blueprint("fhir", __name__)
    memory = Memory(remembered)

    smart.add_routes(blueprint)
    audit_notes.add_notes(blueprint)
    audit_events.add_routes(blueprint, _answer, _base)
    provenance.add_routes(blueprint, _answer, _base)

    @blueprint.get("/metadata")
    @hub.open_to_all
    def metadata() -> flask.Response:
        refuse_unknown((*FORM, "mode"))
        only_mode(flask.request.args.get("mode", "full"), strict=is_strict())
        return _answer(statement(_base()))

    @blueprint.get("/<any({}):type>/<id>".format(",".join(RESOURCES)))
    def read(type: str, id: str) -> flask.Response:
        resource = RESOURCES[type]
        if id[0] == "$":  # not the id of anything
            raise unmatched(f"{type}/{id}")
        refuse_unknown(PARTS)
        return _read(resource, id, memory)

    @blueprint.get("/<any({}):type>".format(",".join(RESOURCES)))
    def search_by_get(type: str) -> flask.Response:
        return _search(RESOURCES[type], list(flask.request.args.items(multi=True)), memory)

    @blueprint.get("/<any({}):type>/_search".format(",".join(RESOURCES)))
    def search_by_get_too(type: str) -> flask.Response:
        return _search(RESOURCES[type], list(flask.request.args.items(multi=True)), memory)

    @blueprint.post("/<any({}):type>/_search".format(",".join(RESOURCES)))
    def search_by_post(type: str) -> flask.Response:
        request = flask.request
        if request.mimetype != _URLENCODED and request.content_length:
            raise UnsupportedMediaType
        given = [*request.args.items(multi=True), *request.form.items(multi=True)]
        return _search(RESOURCES[type], given, memory)

    history.add_routes(blueprint, memory, _answer)
    batch.add_routes(blueprint, _answer, lambda bundle: feeding.transaction(bundle, _answer))
    bulk.add_routes(blueprint, _answer)
    definitions.add_routes(blueprint, _answer, _base)
    validation.add_routes(blueprint, _answer)
    subscribing.add_routes(blueprint, _answer, _base)
    feeding.add_routes(blueprint, _answer, _base)

    @blueprint.route("/", methods=_METHODS, defaults={"path": ""}, strict_slashes=False)
    @blueprint.route("/<path:path>", methods=_METHODS)
    def nothing_here(path: str) -> flask.Response:
        raise unmatched(path)

    @blueprint.after_request
    def readable_in_a_browser(response: flask.Response) -> flask.Response:
        return _for_other_pages(response)

    @blueprint.errorhandler(Exception)
    def failed(error: Exception) -> flask.Response:
        if isinstance(error, MethodNotAllowed | NoSuchAddress) and flask.request.url_rule is None:  # not even the view for the rest takes it
            error = unmatched(flask.request.path.strip("/").partition("/")[2])
        return _failure(error)

    return blueprint


def _read(resource: Resource, id: str, memory: Memory) -> flask.Response:
    asked, type = hub.directory(), resource.name
    today = asked.today()

    def made() -> Rendered:
        with spoken_of(type, id[:80]):
            entity = asked.get(id.lower(), resource.entity)
        if any(link.link == "member_of" for link in resource.always) and not _both_ends(entity):
            raise NotFound(f"There is no {type} with id {id}.")
        body = memory.resource(entity, asked.grant, labels, today)
        # What a reference may point to can leave the asker's selection while the resource stays as it is: a copy with one left out is never "not modified".
        since = None if entity.outside else datetime.fromisoformat(entity.reads_so_since)
        return Rendered(body, f'W/"{version_of(entity, asked.grant)}"', since, lasts=not entity.outside)

    standing, key = asked.standing(), (type, id)
    known = None if standing is None else memory.known(key, asked.grant, *standing, today)
    if standing is not None and known is not None:
        found, in_xml = known, _xml_of(key, known, asked.grant, *standing, today, memory)
    else:
        labels = asked.concepts()
        found, in_xml = _remembered(key, asked, labels, today, memory, made)
    subset = subset_of_one(type, list(flask.request.args.items(multi=True)), strict=is_strict())
    response = _answer(found.body, in_xml=in_xml) if subset is None else _answer(subset.of(found.body))
    response.headers["ETag"] = found.version
    dated = {} if found.since is None else last_modified(found.since, asked.now())
    response.headers.update(dated)
    if standing is not None and known is not None and (found.since is None or dated):  # else it gets a Last-Modified a little later
        hub.let_stand(*standing)
    return _unless_known(response, f"{type}/{id}", found)


def _unless_known(response: flask.Response, address: str, found: Rendered) -> flask.Response:
    """The answer, or that the asker has it already. Raises `PreconditionFailed` where he means another version."""
    request = flask.request
    if request.if_match and not request.if_match.contains_weak(unquote_etag(found.version)[0]):
        raise PreconditionFailed(f"{address} is version {found.version} now; read it without If-Match.")
    conditions: dict[str, Any] = {name: request.environ[name] for name in _CONDITIONS if name in request.environ}
    if found.lasts and conditions:  # and not If-Match, which would be compared as strong, as the versions of FHIR never are
        response.make_conditional({"REQUEST_METHOD": request.method, **conditions})
    return response


def _search(resource: Resource, given: Sequence[tuple[str, str]], memory: Memory) -> flask.Response:
    asked, base = hub.directory(), _base()
    strict, today = is_strict(), asked.today()
    key: tuple[Hashable, ...] = (resource.name, base, strict, tuple(given))
    standing = asked.standing() if asked.grant.scopes is None else None  # what a token may see depends on what is asked
    if standing is not None:
        known = memory.known(key, asked.grant, *standing, today)
        if known is not None:
            hub.let_stand(*standing)
            return _answer(known.body, in_xml=_xml_of(key, known, asked.grant, *standing, today, memory))
    search = parse(resource, given, strict=strict)
    # A source may begin to say what was known already: that is no change, so such a page is not remembered. Nor is one with a token that leaves sources out.
    of_sources = search.provenance or by_source(search.query)
    smart.require_search(search)
    labels = asked.concepts()
    if of_sources:
        return _answer(_page(search, base, asked, labels, today, memory))

    def made() -> Rendered:
        return Rendered(_page(search, base, asked, labels, today, memory))

    found, in_xml = _remembered(key, asked, labels, today, memory, made)
    return _answer(found.body, in_xml=in_xml)


def _remembered(
    key: tuple[Hashable, ...], asked: hub.Directory, labels: Labels, today: str, memory: Memory, made: Callable[[], Rendered]
) -> tuple[Rendered, Callable[[], bytes]]:
    """What was asked, made now or before, and how to get its XML form, which is remembered as well."""
    # The newest seq is read first: what is written after it may be in an answer that is kept under it, but never missing from a later one.
    grant, newest = asked.grant, asked.newest()
    found = memory.answer(key, grant, newest, labels, today, made)
    return found, _xml_of(key, found, grant, newest, labels, today, memory)


def _xml_of(
    key: tuple[Hashable, ...], found: Rendered, grant: hub.Grant, newest: int, labels: Labels, today: str, memory: Memory
) -> Callable[[], bytes]:
    def written() -> Rendered:
        return Rendered(to_xml(orjson.loads(found.body)))

    return lambda: memory.answer((*key, "xml"), grant, newest, labels, today, written).body


def _page(search: Search, base: str, asked: hub.Directory, labels: Labels, today: str, memory: Memory) -> bytes:
    tell_what_moved(search, asked)
    query = with_seqs(search.query, asked.seq_at)
    try:
        page = asked.search(query, sources=False)
    except Invalid as error:
        if all(each.path == "cursor" for each in error.errors):
            raise
        raise in_your_words(error, search.resource, search.understood, asked) from error
    hits: Sequence[Hit] = () if search.count_only else page.hits
    entries = []
    for hit in hits:
        body = memory.resource(hit.entity, asked.grant, labels, today)
        entries.append(Entry(f"{search.resource.name}/{hit.entity.id}", body, "match", hit.distance_km))
    if search.followed:
        for entity in coming_along(search.followed, [hit.entity for hit in hits], asked.walk):
            address = f"{resource_for(entity).name}/{entity.id}"
            entries.append(Entry(address, memory.resource(entity, asked.grant, labels, today), "include"))
        if len(entries) > len(hits) + MOST:
            entries.pop()
            search.warnings.append(outcome.issue("warning", "too-costly", TOO_MANY, "_include"))
    if search.subset is not None:
        whole = () if search.subset.of_included else ("include",)
        entries = [entry if entry.mode in whole else replace(entry, body=search.subset.of(entry.body)) for entry in entries]
    if search.provenance:
        entries += [Entry(f"{provenance.TYPE}/{each['id']}", to_bytes(each), "include") for hit in hits for each in provenance.of(hit.entity, asked)]
    following = None if search.count_only else page.next
    return bundle(search, base, entries, total=page.total, next_cursor=following)


def _both_ends(entity: hub.Entity) -> bool:
    network = (entity.part or {}).get("organisatie", {}).get("id")
    return network in entity.related and network not in entity.outside


def _base() -> str:
    request = request_ctx.request
    return _base_at(request.scheme, request.host, request.root_path)


@lru_cache(64)
def _base_at(scheme: str, host: str, root_path: str) -> str:
    return get_current_url(scheme, host, root_path) + "fhir"


def _answer(resource: dict[str, Any] | bytes, status: int = 200, *, in_xml: Callable[[], bytes] | None = None) -> flask.Response:
    """A resource in the form that was asked for; `in_xml` gives its XML form where that is not to be written anew."""
    request = request_ctx.request
    form = form_for(request.headers.get("Accept", ""), _said("_format"))
    pretty = _said("_pretty") == "true"
    if form == "xml":
        if in_xml is not None and not pretty:
            body = in_xml()
        else:
            body = to_xml(orjson.loads(resource) if isinstance(resource, bytes) else resource, pretty=pretty)
    elif isinstance(resource, bytes) and not pretty:
        body = resource
    else:
        document = orjson.loads(resource) if isinstance(resource, bytes) else resource
        body = orjson.dumps(document, option=orjson.OPT_INDENT_2 if pretty else None)
    response = flask.Response(body, status, content_type=MEDIA_TYPES[form])
    response.headers["Vary"] = VARY
    return response


def _said(name: str) -> str:
    """What the current request says of the form of its answer, in its address or else in the body of a search; "" when it says nothing."""
    request = request_ctx.request
    return request.args.get(name) or (request.form.get(name, "") if request.mimetype == _URLENCODED else "")


def _for_other_pages(response: flask.Response) -> flask.Response:
    """Any page may read: a key comes in a header that the page must know, never in a cookie that a browser would send by itself."""
    headers = response.headers
    headers["Access-Control-Allow-Origin"] = "*"
    headers["Access-Control-Expose-Headers"] = _EXPOSED
    if flask.request.method == "OPTIONS":
        takes = methods_here()
        headers["Allow"] = ", ".join((*takes, "OPTIONS"))
        # Where there is nothing a page may ask all the same, and read that there is not.
        headers["Access-Control-Allow-Methods"] = ", ".join(takes) or "GET, HEAD, POST"
        headers["Access-Control-Allow-Headers"] = _ALLOWED
        headers["Access-Control-Max-Age"] = "86400"
    return response


def _failure(error: Exception) -> flask.Response:
    failure = outcome.failure_of(error)
    if failure.status >= 500 and not isinstance(error, HTTPException | FichehubError):
        _log.error("a FHIR request failed", exc_info=error)
    try:
        response = _answer(to_bytes(failure.document()), failure.status)
    except HTTPException:  # no form that we have is taken, or the body that may name one is what was too long
        response = flask.Response(to_bytes(failure.document()), failure.status, content_type=MEDIA_TYPES["json"])
    for name, value in failure.headers.items():
        response.headers[name] = value
    if isinstance(error, Moved) and "type" in (flask.request.view_args or {}):
        response.headers["Location"] = f"{_base()}/{(flask.request.view_args or {})['type']}/{error.id}"
    return response
