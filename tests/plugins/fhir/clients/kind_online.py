"""Kind Online, by our trial profile: it is told of changes (topic-based subscription, rest-hook), and catches up what it missed."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson

from tests.plugins.fhir.clients.asking import (
    JSON,
    OURS,
    Broken,
    Json,
    Profile,
    Server,
    Unseen,
    link,
    main,
    must,
    refused,
    resource,
)

PROFILE = Profile(
    "kind_online",
    "Kind Online",
    {
        "listen": "host:port on which notifications are awaited (127.0.0.1:0: any free port)",
        "callback": "https address by which the server reaches that port",
        "wait": "seconds to wait for what should come (60)",
    },
)
_BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
_TOPIC = OURS + "SubscriptionTopic/directory-change"
_SECRET = "Bearer kind-online-trial"


@dataclass
class Listener:
    """What came in."""

    bundles: list[Json] = field(default_factory=list)
    strangers: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, body: bytes, authorization: str) -> None:
        """One notification."""
        with self.changed:
            if authorization == _SECRET:
                self.bundles.append(orjson.loads(body))
            else:
                self.strangers += 1
            self.changed.notify_all()

    def of(self, kind: str) -> list[Json]:
        """The notifications of this type."""
        return [each for each in self.bundles if stated(each)["type"] == kind]

    def wait_for(self, kind: str, seconds: float) -> bool:
        """Whether one of this type came in time."""
        with self.changed:
            return self.changed.wait_for(lambda: bool(self.of(kind) or self.strangers), seconds) and not self.strangers


def stated(bundle: Json) -> dict[str, str]:
    """The single values of the status in front."""
    parameters = bundle["entry"][0]["resource"]["parameter"]
    return {each["name"]: str(next((value for key, value in each.items() if key.startswith("value")), "")) for each in parameters}


def events(bundle: Json) -> dict[int, str]:
    """Number -> what it is about."""
    found = {}
    for each in bundle["entry"][0]["resource"]["parameter"]:
        if each["name"] == "notification-event":
            parts = {part["name"]: part for part in each["part"]}
            found[int(parts["event-number"]["valueString"])] = str(parts["focus"]["valueReference"]["reference"])
    return found


@contextmanager
def listening(server: Server) -> Iterator[tuple[Listener, str]]:
    """A listener, and the address by which the server reaches it."""
    heard = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.take(
                self.rfile.read(int(self.headers.get("Content-Length", 0))),
                self.headers.get("Authorization", ""),
            )
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    host, _, port = (server.options.get("listen") or "127.0.0.1:0").rpartition(":")
    with ThreadingHTTPServer((host, int(port)), Handler) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield heard, server.options.get("callback") or f"http://{host}:{web.server_address[1]}"
        finally:
            web.shutdown()
            thread.join()


@contextmanager
def subscribed(server: Server) -> Iterator[tuple[Listener, str]]:
    """A subscription that is active, and who listens; removed at the end."""
    if not server.key:
        raise Unseen("Subscriptions are for partners: give --key.")
    with listening(server) as (heard, callback):
        body = {
            "resourceType": "Subscription",
            "status": "requested",
            "reason": "Trial profile of Kind Online",
            "criteria": _TOPIC,
            "_criteria": {"extension": [{"url": _BACKPORT + "backport-filter-criteria", "valueString": "Organization?active=true"}]},
            "channel": {
                "type": "rest-hook",
                "endpoint": callback,
                "payload": JSON,
                "_payload": {"extension": [{"url": _BACKPORT + "backport-payload-content", "valueCode": "id-only"}]},
                "header": [f"Authorization: {_SECRET}"],
            },
        }
        made = resource(
            server.send("POST", "Subscription", data=orjson.dumps(body), headers={"Content-Type": JSON}),
            "Subscription",
            201,
        )
        try:
            must(heard.wait_for("handshake", patience(server)), "No handshake with our header came.")
            until = time.monotonic() + patience(server)
            while resource(server.get(f"Subscription/{made['id']}"), "Subscription")["status"] != "active":
                must(
                    time.monotonic() < until,
                    "The handshake was answered, and the subscription is not active.",
                )
                time.sleep(0.05)
            yield heard, made["id"]
        finally:
            server.send("DELETE", f"Subscription/{made['id']}")


def patience(server: Server) -> float:
    """Seconds to wait for what should come."""
    return float(server.options.get("wait") or 60)


def told(server: Server, heard: Listener) -> dict[int, str]:
    """Some events, as they were told."""
    if not heard.wait_for("event-notification", patience(server)):
        raise Unseen("Nothing changed while we waited: let something change, or wait longer.")
    found: dict[int, str] = {}
    for bundle in heard.of("event-notification"):
        found |= events(bundle)
    return found


@PROFILE.requirement("K1", "the topic is named in the CapabilityStatement and can be read")
def topic(server: Server) -> None:
    statement = resource(server.get("metadata"), "CapabilityStatement")
    [declared] = [each for each in statement["rest"][0]["resource"] if each["type"] == "Subscription"] or [{}]
    must(
        _TOPIC in {each.get("valueCanonical") for each in declared.get("extension", ())},
        "No CapabilityStatement names the topic.",
    )
    resource(server.get("Basic/directory-change"), "Basic")


@PROFILE.requirement("K2", "a subscription becomes active when our address has answered, and hides the secret that we gave")
def handshake(server: Server) -> None:
    with subscribed(server) as (heard, id):
        [first, *_] = heard.bundles
        must(
            stated(first)["type"] == "handshake" and not events(first),
            "The first that comes is no handshake.",
        )
        shown = resource(server.get(f"Subscription/{id}"), "Subscription")
        must("kind-online-trial" not in str(shown), "The subscription shows the secret.")


@PROFILE.requirement("K3", "events are numbered from 1 without a gap, and what they are about can be read")
def numbered(server: Server) -> None:
    with subscribed(server) as (heard, _):
        found = told(server, heard)
        must([*found] == [*range(1, len(found) + 1)], f"The events are numbered {[*found][:20]}.")
        for reference in found.values():
            must("/Organization/" in reference, f"An event is about {reference}, which was not asked for.")
            status = server.get(reference).status_code
            must(status in (200, 410), f"{reference} reads {status}.")


@PROFILE.requirement("K4", "what was missed is told again by $events, with the same numbers")
def catching_up(server: Server) -> None:
    with subscribed(server) as (heard, id):
        found = told(server, heard)
        again: dict[int, str] = {}
        path: str | None = f"Subscription/{id}/$events?eventsSinceNumber=1&content=id-only"
        while path is not None:
            bundle = resource(server.get(path), "Bundle")
            again |= events(bundle)
            path = link(bundle, "next")
        must(
            found.items() <= again.items(),
            f"{len(found)} events were told; $events tells {len(again)}, or others.",
        )
        last = resource(server.get(f"Subscription/{id}/$events?eventsSinceNumber={max(found)}&content=id-only"), "Bundle")
        must(min(events(last), default=0) == max(found), "$events since a number does not begin there.")


@PROFILE.requirement("K5", "a subscription that was removed is gone, and so is its past")
def ending(server: Server) -> None:
    with subscribed(server) as (_, id):
        must(server.send("DELETE", f"Subscription/{id}").status_code == 204, "DELETE does not answer 204.")
        status = server.get(f"Subscription/{id}").status_code
        must(status in (404, 410), f"What was removed reads {status}.")
        must(
            server.get(f"Subscription/{id}/$events").status_code in (404, 410),
            "Its events can still be read.",
        )


@PROFILE.requirement("K6", "a subscription to a topic that there is not is refused and says so")
def unknown_topic(server: Server) -> None:
    if not server.key:
        raise Unseen("Subscriptions are for partners: give --key.")
    body = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "Trial profile of Kind Online",
        "criteria": "https://example.org/no-topic",
        "channel": {"type": "rest-hook", "endpoint": "https://example.org/", "payload": JSON},
    }
    answer = server.send("POST", "Subscription", data=orjson.dumps(body), headers={"Content-Type": JSON})
    if answer.status_code < 300:
        raise Broken(f"A subscription to a topic that there is not is taken: {answer.status_code}.")
    refused(answer, 400)


if __name__ == "__main__":
    sys.exit(main(PROFILE))
