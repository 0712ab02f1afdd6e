"""A Subscription as it is sent and as it is shown.

http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from hub import Directory, FieldError, Invalid, Subscription, SubscriptionWish, to_second
from plugins.fhir.moments import moment
from plugins.fhir.subscriptions.topic import IG, TOPIC, queries_of

Json = dict[str, Any]
PROFILE: Final = IG + "StructureDefinition/backport-subscription"
CONTENTS: Final = ("empty", "id-only", "full-resource")
MEDIA_TYPES: Final = ("application/fhir+json", "application/fhir+xml")
_FILTER: Final = IG + "StructureDefinition/backport-filter-criteria"
_CONTENT: Final = IG + "StructureDefinition/backport-payload-content"
_HEARTBEAT: Final = IG + "StructureDefinition/backport-heartbeat-period"
_TIMEOUT: Final = IG + "StructureDefinition/backport-timeout"
_MAX_COUNT: Final = IG + "StructureDefinition/backport-max-count"
_LIMITS: Final = {
    # url -> (name, lowest, highest, what it is when it is not said)
    _HEARTBEAT: ("backport-heartbeat-period", 10, 7 * 86_400),
    _TIMEOUT: ("backport-timeout", 1, 60),
    _MAX_COUNT: ("backport-max-count", 1, 500),
}
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}): ?([\x20-\x7e]{1,4000})")
_OURS: Final = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "idempotency-key", "te", "upgrade", "trailer", "expect"}
)


def wish_of(resource: Json, base: str, asked: Directory) -> SubscriptionWish:
    """What a Subscription that the judge has passed asks for. Raises `Invalid` with every element that cannot be used.

    `base` is the address of the server as the subscriber knows it; addresses in notifications begin with it. `asked` knows places and concepts.
    """
    errors: list[FieldError] = []
    wish = _Reading(resource, errors, asked).wish(base)
    if errors:
        raise Invalid("The Subscription cannot be used.", tuple(errors))
    assert wish is not None
    return wish


class _Reading:
    def __init__(self, resource: Json, errors: list[FieldError], asked: Directory) -> None:
        self._asked = asked
        self._resource = resource
        self._channel: Json = resource.get("channel", {})
        self._errors = errors

    def wish(self, base: str) -> SubscriptionWish | None:
        resource, channel = self._resource, self._channel
        if resource.get("criteria") != TOPIC:
            self._wrong(
                "criteria", f"subscribe to the topic {TOPIC}; filters go into the extension backport-filter-criteria.", resource.get("criteria")
            )
        if channel.get("type") != "rest-hook":
            self._wrong("channel.type", "notifications are sent as rest-hook only.", channel.get("type"))
        address = channel.get("endpoint")
        if not address:
            self._wrong("channel.endpoint", "the address to call is missing.")
        media_type = channel.get("payload", MEDIA_TYPES[0])
        if media_type not in MEDIA_TYPES:
            self._wrong("channel.payload", f"notifications are written as {' or '.join(MEDIA_TYPES)}.", media_type)
        content = self._content()
        limits = {url: self._limit(url) for url in _LIMITS}
        headers = tuple(self._headers())
        ends_at = self._end()
        try:
            queries = queries_of(filters_of(resource), self._asked)
        except Invalid as error:
            self._errors.extend(
                each
                if each.path.startswith("Subscription")
                else FieldError("Subscription.criteria.extension", f"{each.path}: {each.reason}", each.value)
                for each in error.errors
            )
            return None
        if self._errors:
            return None
        return SubscriptionWish(
            queries=queries,
            address=str(address),
            headers=headers,
            content={"base": base, "media_type": media_type, "content": content, "resource": self._kept()},
            max_count=limits[_MAX_COUNT] or 100,
            heartbeat=limits[_HEARTBEAT],
            timeout=limits[_TIMEOUT] or 10,
            ends_at=ends_at,
            off=resource.get("status") == "off",
        )

    def _wrong(self, place: str, reason: str, value: Any = None) -> None:
        self._errors.append(FieldError(f"Subscription.{place}", reason, None if value is None else str(value)[:100]))

    def _content(self) -> str:
        found = _extension(self._channel.get("_payload", {}), _CONTENT)
        content = found.get("valueCode") if found else None
        if content not in CONTENTS:
            self._wrong(
                "channel.payload.extension", f"say how much is sent, in the extension backport-payload-content: {', '.join(CONTENTS)}.", content
            )
        return str(content)

    def _limit(self, url: str) -> int | None:
        name, lowest, highest = _LIMITS[url]
        found = _extension(self._channel, url)
        if found is None:
            return None
        value = next((found[key] for key in ("valueUnsignedInt", "valuePositiveInt", "valueInteger") if key in found), None)
        if not isinstance(value, int) or not lowest <= value <= highest:
            self._wrong("channel.extension", f"{name} is a whole number from {lowest} to {highest}.", value)
            return None
        return value

    def _headers(self) -> Iterator[str]:
        for place, line in enumerate(self._channel.get("header", ())):
            found = _HEADER.fullmatch(line)
            if found is None:
                self._wrong(f"channel.header[{place}]", "a header is written as Name: value, on one line of ASCII.")
            elif found[1].lower() in _OURS:
                self._wrong(f"channel.header[{place}]", f"{found[1]} is set by this server.")
            else:
                yield f"{found[1]}: {found[2]}"

    def _end(self) -> str | None:
        """When it ends. One that is sent back switched off may have ended."""
        end = self._resource.get("end")
        if end is None:
            return None
        at = moment("Subscription.end", end)
        if at <= self._asked.now() and self._resource.get("status") != "off":
            self._wrong("end", "this moment is past, so nothing would ever be told; give a later one, or leave it out.", end)
        return to_second(at)

    def _kept(self) -> Json:
        """What is shown again as it came. Headers are kept apart, because they may hold secrets."""
        kept = {name: value for name, value in self._resource.items() if name not in ("id", "meta", "text", "status", "error")}
        kept["channel"] = {name: value for name, value in self._channel.items() if name != "header"}
        return kept


def filters_of(resource: Json) -> list[str]:
    """The filters of a Subscription, as they were written."""
    extensions = resource.get("_criteria", {}).get("extension", ())
    return [each.get("valueString", "") for each in extensions if each.get("url") == _FILTER]


def _extension(element: Json, url: str) -> Json | None:
    return next((each for each in element.get("extension", ()) if each.get("url") == url), None)


_ORDER: Final = (
    "contained", "extension", "modifierExtension", "status", "contact", "end", "reason", "_reason", "criteria", "_criteria", "error", "channel",
)  # fmt: skip
_CHANNEL: Final = ("id", "extension", "modifierExtension", "type", "_type", "endpoint", "_endpoint", "payload", "_payload", "header")


def render(subscription: Subscription) -> Json:
    """The Subscription as it stands, elements in the order of the specification. Values of headers are never shown."""
    wish = subscription.wish
    known = dict(wish.content["resource"])
    known["status"] = subscription.state
    if subscription.reason and subscription.state in ("error", "off"):  # why an attempt failed is in $status: it makes no new version
        known["error"] = subscription.reason
    channel = dict(known["channel"])
    if wish.headers:
        channel["header"] = list(wish.headers)
    known["channel"] = {name: channel[name] for name in _CHANNEL if name in channel}
    shown: Json = {
        "resourceType": "Subscription",
        "id": subscription.id,
        "meta": {"versionId": str(subscription.revision), "lastUpdated": subscription.updated_at, "profile": [PROFILE]},
    }
    return shown | {name: known[name] for name in _ORDER if name in known}
