"""The widget's routes: the element, its words, suggestions of places, and the search. Public values only, for any website.

Whoever sends the key of a partner is shown public values as well: its agreement can leave out some of them, and its overlay can add some, marked public, that
only this partner shows. Such an answer is for no cache that others share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Final

import flask
import orjson

from hub import (
    LANGUAGES,
    Criterion,
    FieldError,
    Invalid,
    Municipality,
    Query,
    UnknownPlace,
    directory,
    query_of,
    record_access,
    served_when_closed,
    source_title,
)
from plugins.widget.cards import Visitor, card
from plugins.widget.towns import sentence
from plugins.widget.wording import DEMO, LANGUAGE_NAMES, WORDING

PAGE: Final = 10
_HERE: Final = Path(__file__).parent
_SUGGESTIONS: Final = 8
_LONGEST: Final = 100
_RUNS: Final = Criterion("status", ("inactive",), negate=True)
"""What has stopped is not offered to anybody; what is not known to have stopped is."""
_KNOWN: Final = {
    "search": {"what", "where", "lang", "after"},
    "suggest": {"where", "lang"},
    "words": {"lang"},
}


def make_blueprint() -> flask.Blueprint:
    """The routes, for one application."""
    routes = flask.Blueprint("widget", __name__, template_folder="templates")
    module = (_HERE / "static" / "fichehub.js").read_bytes()

    @routes.get("/v1/fichehub.js")
    @served_when_closed  # the page of somebody else would show nothing at all, and not say that searching does not work now
    def element() -> flask.Response:
        """The custom element, as one ES module."""
        return _file(module, "text/javascript; charset=utf-8")

    @routes.get("/v1/words")
    def words() -> flask.Response:
        """What the element says, in one language."""
        _known("words")
        return _json({"words": WORDING[_language()]}, seconds=3600)

    @routes.get("/v1/suggest")
    def suggest() -> flask.Response:
        """Municipalities whose name or postcode begins as typed."""
        _known("suggest")
        language, typed = _language(), _text("where")
        found = directory().places.suggest(typed, _SUGGESTIONS, language) if typed else ()
        items = [{**_place(one.municipality, one.municipality.said_in(language).text, one.postcode), "label": one.label} for one in found]
        return _json({"items": items}, seconds=3600)

    @routes.get("/v1/search")
    def search() -> flask.Response:
        """A page of offers by what and where, local ones first, each with the reason why it is there."""
        _known("search")
        return _found()

    _add_demo(routes)

    @routes.after_request
    def note(response: flask.Response) -> flask.Response:
        """What is shown to whoever sends the key of a partner is in the audit trail; what was typed is not."""
        request = flask.request
        if request.endpoint == f"{routes.name}.search":
            record_access(interaction="search-type", type="fiche", path=request.path.strip("/"), parameters=_told, status=response.status_code)
        return response

    @routes.after_request
    def for_any_website(response: flask.Response) -> flask.Response:
        # Public values whoever asks, and a browser sends no credentials along, so any origin may ask. There are no widget ids yet, with the origins of each.
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    return routes


def _add_demo(routes: flask.Blueprint) -> None:
    """A page that shows the element, with its look and its script."""
    stylesheet = (_HERE / "static" / "demo.css").read_bytes()
    script = (_HERE / "static" / "demo.js").read_bytes()

    @routes.get("/demo")
    def demo() -> flask.Response:
        """A page of somebody else's website, with the element in it."""
        language = _reader()
        page = flask.render_template("widget_demo.html", language=language, words=DEMO[language], languages=LANGUAGE_NAMES)
        response = flask.make_response(page)
        response.headers["Content-Language"] = language
        response.vary.add("Accept-Language")
        return response

    @routes.get("/demo.css")
    def demo_stylesheet() -> flask.Response:
        """The look of that page."""
        return _file(stylesheet, "text/css; charset=utf-8")

    @routes.get("/demo.js")
    def demo_script() -> flask.Response:
        """What that page does: it copies the snippet."""
        return _file(script, "text/javascript; charset=utf-8")


def _found() -> flask.Response:
    """The answer to a search: its first page, or the one `after` another, for which `what` and `where` only say how the visitor writes what he searched for."""
    language, asked = _language(), directory().in_public()
    cursor, what = flask.request.args.get("after", ""), _text("what")
    taken = _where(_text("where"), language)
    if cursor:
        with _in_our_words():
            query = replace(query_of(cursor), cursor=cursor)
        if query.local is not None and (taken is None or taken.municipality.refnis != query.local):
            taken = _municipality(query.local, language)
    else:
        query = Query(
            types=("aanbod",),
            text=what,
            where=(_RUNS,),
            local=None if taken is None else taken.municipality.refnis,
            sort="name" if taken is None else "local",
            limit=PAGE,
            total="estimate",
        )
    with _in_our_words():
        page = asked.search(query)
    visitor = Visitor(language, what, None if taken is None else taken.municipality, "" if taken is None else taken.name)
    label, city = asked.concepts().said, asked.places.city_of
    return _json(
        {
            "items": [card(hit, label, source_title, city, visitor) for hit in page.hits],
            "next": page.next,
            "total": page.total,
            "place": None if taken is None else _taken(taken, language),
            "words": None if cursor else WORDING[language],
        },
        seconds=60,
    )


def _told() -> list[tuple[str, str]]:
    given = flask.request.args.items(multi=True)
    return [(name if name in _KNOWN["search"] else "*", value if name == "lang" and value in WORDING else "*") for name, value in given]


def _file(content: bytes, media_type: str) -> flask.Response:
    response = flask.Response(content, content_type=media_type)
    return _may_be_kept(response, content, seconds=3600)


def _json(value: object, *, seconds: int) -> flask.Response:
    body = orjson.dumps(value)
    response = flask.Response(body, content_type="application/json")
    return _may_be_kept(response, body, seconds=seconds)


def _may_be_kept(response: flask.Response, body: bytes, *, seconds: int) -> flask.Response:
    """With its ETag. Of a request without credentials anybody may keep the answer; the hub says of others that nobody may use them without asking again."""
    response.set_etag(blake2b(body, digest_size=12).hexdigest())
    if not any(name in flask.request.headers for name in ("Authorization", "X-API-Key")):
        response.cache_control.public = True
        response.cache_control.max_age = seconds
    response.make_conditional(flask.request)
    return response


def _known(route: str) -> None:
    unknown = sorted(set(flask.request.args) - _KNOWN[route])
    if unknown:
        known = ", ".join(sorted(_KNOWN[route]))
        raise Invalid(
            "The request has a parameter that does not exist.",
            tuple(FieldError(name, f"is not a parameter; there are: {known}") for name in unknown),
        )
    doubled = tuple(
        FieldError(name, "This was given more than once, and takes one value.", values[0][:20])
        for name, values in flask.request.args.lists()
        if len(values) > 1
    )
    if doubled:
        raise Invalid("A parameter was given more than once.", doubled)


def _language() -> str:
    asked = flask.request.args.get("lang", "nl")
    if asked not in WORDING:
        raise Invalid("That language is not there.", (FieldError("lang", f"must be one of {', '.join(WORDING)}", asked[:20]),))
    return asked


def _reader() -> str:
    """The language of a page for people: what its address asks for, else what the browser does. A wrong one is no reason to show nothing."""
    asked = flask.request.args.get("lang", "")
    return asked if asked in DEMO else flask.request.accept_languages.best_match(LANGUAGES, "nl") or "nl"


def _text(name: str) -> str:
    typed = flask.request.args.get(name, "").strip()
    if len(typed) > _LONGEST:
        raise Invalid("That is too long.", (FieldError(name, f"at most {_LONGEST} characters", typed[:20]),))
    return typed


@dataclass(frozen=True, slots=True)
class _Taken:
    """The place that what was typed is taken for: `label` names it to the visitor, `name` is that of its municipality in sentences, `postcode` is None unless one
    was typed."""

    municipality: Municipality
    postcode: str | None
    label: str
    name: str


def _where(typed: str, language: str) -> _Taken | None:
    """The place that was typed: a REFNIS code, a postcode, a name, or both of these as the suggestions say it. The beginning of one place will do; that of
    several, or a word of a longer name, which may be that of a part of some other municipality, raises `Invalid` with what they are."""
    if not typed:
        return None
    places = directory().places
    try:
        if typed.isdigit() and len(typed) == 5:
            return _municipality(typed, language)
        first, *others = places.suggest(typed.split(" (")[0], _SUGGESTIONS, language)
    except (UnknownPlace, ValueError):
        wrong = FieldError("where", "give a municipality or a postcode of Belgium", typed[:40])
        raise Invalid("We do not know that place.", (wrong,)) from None
    if not first.whole and (others or not first.unfinished):
        choice = ", ".join(one.label for one in (first, *others))
        raise Invalid("That may be another place.", (FieldError("where", f"give one of them whole, or a postcode: {choice} ...", typed[:40]),))
    # Names in German and English are not official: there a visitor reads the one that he gave.
    named = first.name if language not in first.municipality.name else ""
    return _Taken(first.municipality, first.postcode, first.label, named or first.municipality.said_in(language).text)


def _municipality(refnis: str, language: str) -> _Taken:
    found = directory().places.municipality(refnis)
    name = found.said_in(language).text
    return _Taken(found, None, name, name)


def _place(municipality: Municipality, name: str, postcode: str | None) -> dict[str, object]:
    """What the element needs of a place. `postcode`: the one that was typed, else the only one that the municipality has; "" where it has several."""
    postcodes = directory().places.postcodes_of(municipality.refnis)
    only = postcodes[0] if len(postcodes) == 1 else ""
    return {"refnis": municipality.refnis, "name": name, "postcode": postcode or only}


def _taken(taken: _Taken, language: str) -> dict[str, object]:
    """The same of the place that what was typed is taken for: `label` says which one that is, and `tiers` are the headings above the hits."""
    tiers = {key.removeprefix("tier_"): sentence(text, taken.name, language) for key, text in WORDING[language].items() if key.startswith("tier_")}
    return {**_place(taken.municipality, taken.name, taken.postcode), "label": taken.label, "tiers": tiers}


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Let an `Invalid` about a query speak of the parameters of the search."""
    try:
        yield
    except Invalid as error:
        names = {"text": "what", "cursor": "after", "local": "where"}
        errors = tuple(FieldError(names.get(wrong.path, wrong.path), wrong.reason, wrong.value) for wrong in error.errors)
        raise Invalid("This cannot be searched for.", errors) from error
