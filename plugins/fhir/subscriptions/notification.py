"""What is told about a subscription: notifications, its status, and its past events, as Bundles.

http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-notification-r4
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from hub import Change, Criterion, Directory, Entity, Notification, Query, Subscription, SubscriptionEvent, to_millisecond
from plugins.fhir.json_form import to_bytes
from plugins.fhir.params import RESOURCES
from plugins.fhir.rendering import render, version_of
from plugins.fhir.subscriptions.topic import IG, TOPIC
from plugins.fhir.xml_form import to_xml

Json = dict[str, Any]
BUNDLE: Final = IG + "StructureDefinition/backport-subscription-notification-r4"
STATUS: Final = IG + "StructureDefinition/backport-subscription-status-r4"
_KINDS: Final = {"handshake": "handshake", "heartbeat": "heartbeat", "event": "event-notification"}
_BY_ENTITY: Final = {resource.entity: resource.name for resource in RESOURCES.values()}


def message(notification: Notification, directory: Directory) -> tuple[bytes, str]:
    """The body of a rest-hook, and its media type as the subscriber chose it."""
    subscription = notification.subscription
    content: str = subscription.wish.content["content"]
    told = bundle(subscription, _KINDS[notification.kind], notification.events, content, directory)
    media_type: str = subscription.wish.content["media_type"]
    return (to_xml(told) if media_type.endswith("xml") else to_bytes(told)), media_type


def bundle(
    subscription: Subscription,
    kind: str,
    events: Sequence[SubscriptionEvent],
    content: str,
    directory: Directory,
    next_url: str | None = None,
) -> Json:
    """A Bundle of type history: the status first, then an entry for each resource that the events are about, unless `content` is empty.

    With full-resource it is as it is now, for whoever `directory` is narrowed to: what was hidden since the event never leaves.
    """
    base: str = subscription.wish.content["base"]
    state = status(subscription, kind, base, events, content)
    entries = [
        {
            "fullUrl": f"urn:uuid:{state['id']}",
            "resource": state,
            "request": {"method": "GET", "url": f"{base}/Subscription/{subscription.id}/$status"},
            "response": {"status": "200"},
        }
    ]
    if content != "empty":
        latest = _latest([event.change for event in events])
        alive = _alive(list(latest.values()), directory) if content == "full-resource" else {}
        entries += [_entry(base, change, alive.get(change.id), content, directory) for change in latest.values()]
    told: Json = {"resourceType": "Bundle", "id": str(uuid.uuid4()), "meta": {"profile": [BUNDLE]}, "type": "history"}
    told["timestamp"] = to_millisecond(directory.now())
    if next_url is not None:
        told["link"] = [{"relation": "next", "url": next_url}]
    return told | {"entry": entries}


def status(subscription: Subscription, kind: str, base: str, events: Sequence[SubscriptionEvent] = (), content: str = "empty") -> Json:
    """SubscriptionStatus as Parameters; with the numbers and moments of `events`, and unless `content` is empty what they are about."""
    parameters: list[Json] = [{"name": "subscription", "valueReference": {"reference": f"{base}/Subscription/{subscription.id}"}}]
    if content != "empty":
        parameters.append({"name": "topic", "valueCanonical": TOPIC})
    parameters += [
        {"name": "status", "valueCode": subscription.state},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(subscription.events)},
    ]
    for event in events:
        parts: list[Json] = [
            {"name": "event-number", "valueString": str(event.number)},
            {"name": "timestamp", "valueInstant": event.change.at},
        ]
        if content != "empty":
            focus = {"reference": f"{base}/{_address(event.change)}"}
            parts.append({"name": "focus", "valueReference": focus})
        parameters.append({"name": "notification-event", "part": parts})
    if subscription.reason:
        parameters.append({"name": "error", "valueCodeableConcept": {"text": subscription.reason}})
    return {
        "resourceType": "Parameters",
        "id": str(uuid.uuid4()),
        "meta": {"profile": [STATUS]},
        "parameter": parameters,
    }


def _address(change: Change) -> str:
    return f"{_BY_ENTITY[change.type]}/{change.id}"


def _latest(changes: Sequence[Change]) -> dict[str, Change]:
    """The newest of these changes for each entity; one that is new among them is new in the end too, unless it was removed again."""
    latest: dict[str, Change] = {}
    fresh: set[str] = set()
    for change in changes:
        if change.operation == "create":
            fresh.add(change.id)
        as_told = change.id in fresh and change.operation != "delete"
        latest[change.id] = replace(change, operation="create") if as_told else change
    return latest


def _alive(changes: Sequence[Change], directory: Directory) -> dict[str, Entity]:
    """The entities as the subscriber may see them now."""
    ids = tuple(change.id for change in changes if change.operation != "delete")
    if not ids:
        return {}
    types = tuple(dict.fromkeys(change.type for change in changes if change.operation != "delete"))
    page = directory.search(Query(types=types, where=(Criterion("id", ids),), limit=len(ids)))
    return {hit.entity.id: hit.entity for hit in page.hits}


def _entry(base: str, change: Change, entity: Entity | None, content: str, directory: Directory) -> Json:
    address = _address(change)
    entry: Json = {"fullUrl": f"{base}/{address}"}
    if change.operation == "delete":
        return entry | {"request": {"method": "DELETE", "url": address}, "response": {"status": "204", "lastModified": change.at}}
    answered: Json = {"status": "201" if change.operation == "create" else "200", "lastModified": change.at}
    if entity is not None:
        entry["resource"] = orjson.loads(to_bytes(render(entity, directory.grant, directory.concepts())))
        answered = {"status": answered["status"], "etag": f'W/"{version_of(entity, directory.grant)}"', "lastModified": entity.updated_at}
    elif content == "full-resource":  # removed or hidden since; another event tells that
        answered["status"] = "410"
    return entry | {"request": {"method": "PUT", "url": address}, "response": answered}
