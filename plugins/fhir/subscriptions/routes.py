"""The addresses of subscriptions: create, read, update, delete and search one's own; `$status` and `$events`; and the topic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import flask
from werkzeug.exceptions import PreconditionFailed

import hub
from hub import FieldError, Invalid, Misconfigured, NotFound, Subscription, Subscriptions
from plugins.fhir import outcome
from plugins.fhir.bodies import read_body
from plugins.fhir.listing import add_search, searchset, understand
from plugins.fhir.preferring import FORM, refuse_unknown
from plugins.fhir.search import MAX_COUNT
from plugins.fhir.subscriptions import notification
from plugins.fhir.subscriptions.resource import CONTENTS, filters_of, render, wish_of
from plugins.fhir.subscriptions.topic import CAPABILITY, IG, TOPIC, TOPIC_ID, basic, explained

Json = dict[str, Any]
Answer = Callable[[Json], flask.Response]
ENDPOINT: Final = "fhir"
TAKES: Final = ("_id", "status", "url", "criteria")
EVENTS_AT_ONCE: Final = 500
_STATUS_TAKES: Final = ("id", "status")


def add_routes(blueprint: flask.Blueprint, answer: Answer, base: Callable[[], str]) -> None:
    """`/Subscription` and `/Basic`."""
    _add_interactions(blueprint, answer, base)
    _add_operations(blueprint, answer, base)
    _add_topic(blueprint, answer, base)


def _wrong(place: str, reason: str, value: str = "") -> Invalid:
    return Invalid(f"{place}: {reason}", (FieldError(place, reason, value[:100] or None),))


# --- the interactions of FHIR --------------------------------------------------------------------------------------------------


def _add_interactions(blueprint: flask.Blueprint, answer: Answer, base: Callable[[], str]) -> None:
    @blueprint.post("/Subscription")
    def subscribe() -> flask.Response:
        return _changed(lambda mine, resource: mine.create(wish_of(resource, base(), hub.directory())), answer, base(), 201)

    def search_subscriptions(given: Sequence[tuple[str, str]]) -> flask.Response:
        asked = understand("Subscription", given, TAKES, MAX_COUNT)
        found = [render(each) for each in _mine().all()]
        for name, value in asked.wanted:
            found = [each for each in found if _value(each, name) in value.split(",")]
        return answer(searchset(asked, base(), found))

    add_search(blueprint, "Subscription", search_subscriptions)

    @blueprint.get("/Subscription/<id>")
    def read_subscription(id: str) -> flask.Response:
        refuse_unknown(FORM)
        response = _shown(_mine().get(id), answer)
        response.make_conditional(flask.request)
        return response

    @blueprint.put("/Subscription/<id>")
    def update_subscription(id: str) -> flask.Response:
        def update(mine: Subscriptions, resource: Json) -> Subscription:
            if resource.get("id") != id:
                raise _wrong("Subscription.id", "the resource must have the id of the address.", str(resource.get("id", "")))
            wanted = flask.request.if_match
            if wanted and not wanted.contains_weak(str(mine.get(id).revision)):
                raise PreconditionFailed("The Subscription has another version now; read it, and send it with that one in If-Match.")
            return mine.update(id, wish_of(resource, base(), hub.directory()))

        return _changed(update, answer, base(), 200)

    @blueprint.delete("/Subscription/<id>")
    def unsubscribe(id: str) -> flask.Response:
        _mine().delete(id)
        return flask.Response(status=204)


def _changed(change: Callable[[Subscriptions, Json], Subscription], answer: Answer, base: str, code: int) -> flask.Response:
    """The answer to what was sent, once `change` has taken it in. Raises `Invalid` with the places that are wrong."""
    from plugins.fhir.judge import is_refused, judge

    mine, sent = _mine(), read_body()
    issues = judge(sent)
    if isinstance(sent, dict) and sent.get("resourceType") != "Subscription":
        raise _wrong("resourceType", "a Subscription is expected here.", str(sent.get("resourceType")))
    if is_refused(issues):
        refused = answer(outcome.document([issue.document() for issue in issues]))
        refused.status_code = 400
        return refused
    try:
        known = change(mine, sent)
    except Misconfigured as error:
        raise _wrong("Subscription.channel.endpoint", error.message) from error
    except Invalid as error:
        if all(each.path[:1].isupper() for each in error.errors):
            raise
        raise explained(error, filters_of(sent), hub.directory()) from error
    response = _shown(known, answer)
    response.status_code = code
    if code == 201:
        response.headers["Location"] = f"{base}/Subscription/{known.id}"
    return response


def _shown(known: Subscription, answer: Answer) -> flask.Response:
    response = answer(render(known))
    response.headers["ETag"] = f'W/"{known.revision}"'
    response.last_modified = datetime.fromisoformat(known.updated_at)
    return response


def _mine() -> Subscriptions:
    return hub.subscriptions(ENDPOINT)


def _value(resource: Json, name: str) -> str:
    found = {"_id": resource["id"], "url": resource["channel"]["endpoint"]}
    return str(found.get(name) or resource[name])


# --- $status and $events -------------------------------------------------------------------------------------------------------


def _add_operations(blueprint: flask.Blueprint, answer: Answer, base: Callable[[], str]) -> None:
    @blueprint.route("/Subscription/<id>/$status", methods=["GET", "POST"])
    def status_of_one(id: str) -> flask.Response:
        known = _mine().get(id)
        _given(_STATUS_TAKES)  # they say nothing here, but must be what they are anywhere
        return answer(_statuses([known], base()))

    @blueprint.route("/Subscription/$status", methods=["GET", "POST"])
    def status_of_all() -> flask.Response:
        found: Iterable[Subscription] = _mine().all()
        given = _given(_STATUS_TAKES)
        ids = {part for name, value in given if name == "id" for part in value.split(",")}
        states = {part for name, value in given if name == "status" for part in value.split(",")}
        return answer(_statuses([each for each in found if (not ids or each.id in ids) and (not states or each.state in states)], base()))

    @blueprint.route("/Subscription/<id>/$events", methods=["GET", "POST"])
    def past_events(id: str) -> flask.Response:
        mine = _mine()
        known = mine.get(id)
        since, until, content = _wanted_events(known)
        events = mine.events(id, since, until, EVENTS_AT_ONCE)
        following = None
        if events and events[-1].number < until:
            rest = urlencode({"eventsSinceNumber": events[-1].number + 1, "eventsUntilNumber": until, "content": content})
            following = f"{base()}/Subscription/{id}/$events?{rest}"
        return answer(notification.bundle(known, "query-event", events, content, hub.directory(), following))


def _statuses(found: Sequence[Subscription], base: str) -> Json:
    states = [notification.status(each, "query-status", base, content="id-only") for each in found]
    entries = [{"fullUrl": f"urn:uuid:{each['id']}", "resource": each, "search": {"mode": "match"}} for each in states]
    return _searchset(flask.request.url, entries)


def _wanted_events(known: Subscription) -> tuple[int, int, str]:
    """The first and the last number of the events that are asked for, and with how much content. Raises `Invalid`."""
    given: dict[str, str] = {}
    for name, value in _given(("eventsSinceNumber", "eventsUntilNumber", "content")):
        if name in given:
            raise _wrong(name, "this is given once.", value)
        given[name] = value
    since = _number("eventsSinceNumber", given, 1)
    until = min(_number("eventsUntilNumber", given, known.events), known.events)
    content = given.get("content") or known.wish.content["content"]
    if content not in CONTENTS:
        raise _wrong("content", f"choose from {', '.join(CONTENTS)}.", content)
    return since, until, content


def _given(takes: Sequence[str]) -> list[tuple[str, str]]:
    """The parameters of an operation, of its address and of its body; nothing is ever ignored there. Raises `Invalid` for one that is not taken."""
    given = [pair for pair in flask.request.args.items(multi=True) if pair[0] not in FORM]
    if flask.request.method == "POST" and flask.request.get_data():
        given += _parameters(read_body())
    for name, value in given:
        if name not in takes:
            raise _wrong(name, f"this address takes {', '.join(takes)}.", value)
    return given


def _parameters(sent: Any) -> list[tuple[str, str]]:
    """Names and values of a Parameters resource whose values are texts or numbers. Raises `Invalid` for anything else."""
    from plugins.fhir.judge import judge

    if not isinstance(sent, dict) or sent.get("resourceType") != "Parameters":
        raise _wrong("Parameters", "a Parameters with the parameters of the operation is expected here.")
    wrong = [FieldError(each.expression, each.what) for each in judge(sent) if each.severity in ("fatal", "error")]
    if wrong:
        raise Invalid(f"{wrong[0].path}: {wrong[0].reason}", tuple(wrong))
    given: list[tuple[str, str]] = []
    for place, each in enumerate(sent.get("parameter", ())):
        values = [value for key, value in each.items() if key.startswith("value")]
        if len(values) != 1 or isinstance(values[0], bool) or not isinstance(values[0], str | int):
            raise _wrong(f"Parameters.parameter[{place}]", "one value is expected, such as valueId, valueCode or valueString.")
        given.append((each["name"], str(values[0])))
    return given


def _number(name: str, given: dict[str, str], otherwise: int) -> int:
    text = given.get(name, "")
    if not text:
        return otherwise
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) < 1:
        raise _wrong(name, "the number of an event, from 1, is expected.", text)
    return int(text)


def _searchset(url: str, entries: list[Json]) -> Json:
    told: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "link": [{"relation": "self", "url": url}]}
    return told | {"entry": entries} if entries else told


# --- the topic -----------------------------------------------------------------------------------------------------------------


def _add_topic(blueprint: flask.Blueprint, answer: Answer, base: Callable[[], str]) -> None:
    def search_topics(given: Sequence[tuple[str, str]]) -> flask.Response:
        asked = understand("Basic", given, ("_id", "code"), MAX_COUNT)
        found = [basic()]
        for name, value in asked.wanted:
            wanted = {"SubscriptionTopic", "http://hl7.org/fhir/fhir-types|SubscriptionTopic"} if name == "code" else {TOPIC_ID}
            found = found if wanted & set(value.split(",")) else []
        return answer(searchset(asked, base(), found))

    add_search(blueprint, "Basic", search_topics)

    @blueprint.get("/Basic/<id>")
    def read_topic(id: str) -> flask.Response:
        refuse_unknown(FORM)
        if id != TOPIC_ID:
            raise NotFound(f"There is no Basic with id {id[:64]}; the topic is Basic/{TOPIC_ID}.")
        return answer(basic())


# --- what the CapabilityStatement says ------------------------------------------------------------------------------------------


def declared() -> list[Json]:
    """`rest.resource` of Basic and Subscription."""
    operation = IG + "OperationDefinition/backport-subscription-"
    return [
        {
            "type": "Basic",
            "documentation": f"The SubscriptionTopic {TOPIC}, as the backport writes it in R4.",
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "versioning": "no-version",
            "searchParam": [
                _declared("_id", "Resource-id", "token", "The id of the resource."),
                _declared("code", "Basic-code", "token", "SubscriptionTopic."),
            ],
        },
        {
            "extension": [CAPABILITY],
            "type": "Subscription",
            "supportedProfile": [IG + "StructureDefinition/backport-subscription"],
            "documentation": "For partners with a key, each its own: rest-hook; empty, id-only or full-resource; JSON or XML.",
            "interaction": [{"code": code} for code in ("create", "read", "update", "delete", "search-type")],
            "versioning": "versioned",
            "readHistory": False,
            "updateCreate": False,
            "searchParam": [
                _declared("_id", "Resource-id", "token", "The id of the resource."),
                _declared("status", "Subscription-status", "token", "requested, active, error or off."),
                _declared("url", "Subscription-url", "uri", "The address that is called."),
                _declared("criteria", "Subscription-criteria", "string", "The topic."),
            ],
            "operation": [{"name": name, "definition": operation + name} for name in ("status", "events")],
        },
    ]


def _declared(name: str, definition: str, kind: str, about: str) -> Json:
    return {"name": name, "definition": f"http://hl7.org/fhir/SearchParameter/{definition}", "type": kind, "documentation": about}
