"""Subscriptions: handshake, events without a gap, filters, deletes, heartbeats, for what the subscriber may see and no more."""

from __future__ import annotations

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest

from hub.model.claims import Claim
from plugins.fhir.judge import judge
from tests.plugins.fhir.conftest import HIDDEN, organisation
from tests.plugins.fhir.judge import complaints
from tests.plugins.fhir.subscribing import (
    BRUSSEL,
    GENT,
    IG,
    TOPIC,
    Hub,
    Receiver,
    Told,
    in_gent,
)


def test_from_the_handshake_to_events_without_a_gap(any_hub: Hub, receiver: Receiver) -> None:
    hub = any_hub
    hub.put(in_gent(1))
    id = hub.subscribe(receiver.url, content="full-resource", header=["Authorization: Bearer s3cret-s3cret"])
    assert hub.state(id)["status"] == "requested"
    hub.put(in_gent(2))
    hub.work()
    [handshake] = receiver.told()
    assert (handshake.kind, handshake.since_start, handshake.entries) == ("handshake", 0, [])
    assert receiver.sent[0]["HTTP_AUTHORIZATION"] == "Bearer s3cret-s3cret"
    shown = hub.state(id)
    assert shown["status"] == "active"
    assert shown["channel"]["header"] == ["Authorization: ********"]

    hub.put(in_gent(1, name="Anders"), in_gent(3))
    hub.work()
    hub.remove(in_gent(3))
    hub.work()
    notifications = receiver.told()[1:]
    numbers = [number for told in notifications for number, _ in told.events]
    assert numbers == list(range(1, len(numbers) + 1)), "gapless, each once"
    first, last = notifications[0], notifications[-1]
    assert {about.split("/")[0] for _, about in first.events} == {"Organization", "Location"}
    assert last.since_start == numbers[-1]
    [renamed] = [entry["resource"] for entry in first.entries if entry["resource"].get("name") == "Anders" and "Organization" in entry["fullUrl"]]
    assert renamed["resourceType"] == "Organization"
    assert {entry["request"]["method"] for entry in last.entries} == {"DELETE"}
    assert all("resource" not in entry for entry in last.entries)
    for told in receiver.told():
        assert complaints(told.bundle) == []
        assert [issue for issue in judge(told.bundle) if issue.severity == "error"] == []


class _Terse(BaseHTTPRequestHandler):
    """Answers as a small server does: a status, no length and no body."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def test_a_receiver_may_answer_without_a_length(hub: Hub) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Terse) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        id = hub.subscribe(f"http://127.0.0.1:{server.server_port}/")
        hub.work()
        server.shutdown()
    assert hub.state(id)["status"] == "active"


def test_what_is_sent_follows_the_payload(hub: Hub, receiver: Receiver) -> None:
    empty = hub.subscribe(receiver.url + "/empty", content="empty")
    with Receiver() as other:
        hub.subscribe(other.url, content="id-only", payload="application/fhir+xml")
        hub.work()
        hub.put(in_gent(1))
        hub.work()
        body = other.bodies[-1].decode()
        assert other.sent[-1]["CONTENT_TYPE"] == "application/fhir+xml"
    assert body.startswith("<?xml") and "<Organization" not in body and "focus" in body
    told = receiver.told()[-1]
    assert (told.entries, [about for _, about in told.events]) == ([], ["", ""])
    assert "Organization" not in receiver.bodies[-1].decode() and TOPIC not in receiver.bodies[-1].decode()
    assert f"Subscription/{empty}" in receiver.bodies[-1].decode()


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ([f"?municipality={GENT}"], {"Organization", "Location"}),
        ([f"Location?municipality={GENT}"], {"Location"}),
        (["Organization?name=huis"], {"Organization"}),
        (["Organization?region=vlaanderen", "Organization?name=huis"], {"Organization"}),
        (["?region=brussel"], set()),
        (["Organization?address-city=brussel"], set()),
        (["HealthcareService"], set()),
        (["?rubriek=14"], set()),
    ],
)
def test_filters_leave_what_they_name(hub: Hub, receiver: Receiver, filters: list[str], told: set[str]) -> None:
    hub.subscribe(receiver.url, filters=filters)
    hub.work()
    hub.put(in_gent(1))
    hub.work()
    assert {about.split("/")[0] for _, about in receiver.events()} == told


def test_a_rubriek_finds_those_below_it(hub: Hub, receiver: Receiver) -> None:
    hub.subscribe(receiver.url, filters=["?rubriek=14"])
    hub.work()
    offer = organisation(1)
    for number, code in ((7, "14.04"), (8, "02")):
        content = {"kind": "aanbod", "names": [{"text": {"nl": "Aanbod"}}], "rubrieken": [{"scheme": "rubriek", "code": code}]}
        hub.put(type(offer)("sociale-kaart", f"aanbod-{number}", 1, "aanbod", content))
    hub.work()
    [(_, about)] = receiver.events()
    assert about.startswith("HealthcareService/")


def test_what_leaves_a_selection_is_told_as_removed_and_what_was_never_in_it_is_not_told(any_hub: Hub, receiver: Receiver) -> None:
    hub = any_hub
    hub.put(in_gent(1), in_gent(2, refnis=BRUSSEL))
    hub.subscribe(receiver.url, filters=[f"Organization?municipality={GENT}"])
    hub.work()
    hub.put(in_gent(2, refnis=BRUSSEL, name="Nog steeds in Brussel"))
    hub.work()
    assert receiver.events() == []
    hub.put(in_gent(1, refnis=BRUSSEL))
    hub.work()
    [entry] = receiver.told()[-1].entries
    assert entry["request"]["method"] == "DELETE"
    hub.put(in_gent(1, refnis=BRUSSEL, name="Verhuisd"))
    hub.remove(in_gent(2, refnis=BRUSSEL))
    hub.work()
    assert len(receiver.events()) == 1
    hub.put(in_gent(1))
    hub.work()
    [entry] = receiver.told()[-1].entries
    assert (entry["request"]["method"], entry["response"]["status"]) == ("PUT", "201")


def test_what_is_changed_again_before_anybody_looks_is_new_all_the_same(hub: Hub, receiver: Receiver) -> None:
    hub.put(in_gent(1))
    id = hub.subscribe(receiver.url, content="full-resource", filters=["Organization"])
    hub.work()
    hub.put(in_gent(2))
    hub.put(in_gent(2, name="Nog eens"), in_gent(1, name="Al bekend"))
    hub.put(in_gent(3))
    hub.remove(in_gent(3))
    hub.work()
    [told] = [each for each in receiver.told() if each.entries]
    past = Told(hub.ask("GET", f"Subscription/{id}/$events").get_json(force=True))
    for each in (told, past):
        answered = {entry["response"]["status"]: entry["request"]["method"] for entry in each.entries}
        assert answered == {"200": "PUT", "201": "PUT", "204": "DELETE"}
    [name] = [entry["resource"]["name"] for entry in told.entries if entry["response"]["status"] == "201"]
    assert name == "Nog eens"


def test_a_filter_by_an_id_goes_on_where_that_turned_out_to_be_another(hub: Hub, receiver: Receiver) -> None:
    hub.put(in_gent(1), in_gent(2))
    content = {"kind": "aanbod", "names": [{"text": {"nl": "Aanbod"}}], "organisatie": {"source": "sociale-kaart", "external_id": "org-2"}}
    offer = Claim("sociale-kaart", "aanbod-1", 1, "aanbod", content)
    hub.put(offer)
    found = hub.ask("GET", "Organization?name=huis").get_json(force=True)["entry"]
    stays, goes = (entry["resource"]["id"] for entry in found)
    hub.subscribe(receiver.url, filters=[f"HealthcareService?organization=Organization/{goes}"])
    hub.work()
    hub.store.write(lambda writer: writer.join(stays, goes))
    hub.work()
    hub.put(replace(offer, content=content | {"names": [{"text": {"nl": "Anders"}}]}))
    hub.work()
    last = receiver.told()[-1]
    assert [(entry["request"]["method"], entry["response"]["status"]) for entry in last.entries] == [("PUT", "200")]


def test_what_the_subscriber_may_not_see_leaves_no_trace(any_hub: Hub, receiver: Receiver) -> None:
    hub = any_hub
    hub.agree("epd", level="public")
    hub.subscribe(receiver.url, content="full-resource")
    hub.work()
    hidden = in_gent(1, name=f"Huis {HIDDEN}", visibility="internal")
    hub.put(hidden)
    hub.put(in_gent(1, name=f"Nog {HIDDEN}", visibility="internal"))
    hub.put(in_gent(2, contacts=[{"kind": "email", "value": f"{HIDDEN}@example.org", "visibility": "professional"}]))
    hub.work()
    hub.put(in_gent(2, contacts=[{"kind": "email", "value": f"x{HIDDEN}@example.org", "visibility": "professional"}]))
    hub.remove(hidden)
    hub.work()
    assert [number for number, _ in receiver.events()] == [1, 2], "organisation 2 and its site, once"
    assert HIDDEN not in b"".join(receiver.bodies).decode()


def test_what_a_partner_hides_from_himself_is_told_as_removed_and_then_no_more(any_hub: Hub, receiver: Receiver) -> None:
    hub = any_hub
    hub.subscribe(receiver.url, content="full-resource")
    under = in_gent(1, parent={"source": "sociale-kaart", "external_id": "org-3"})
    hub.put(under, in_gent(3))
    hub.work()
    for visibility in ("internal", "professional"):
        mine = Claim(
            "kaart-proef",
            "m-1",
            1,
            "organisatie",
            {"kind": "organisatie", "visibility": visibility},
            same_as=(("sociale-kaart", "org-1"),),
            partner="epd",
        )
        hub.put(mine)
        hub.work()
        last, told = max(receiver.events())[0], len(receiver.bodies)
        hub.put(in_gent(3, name=f"Anders {visibility}"))
        hub.work()
        methods = [entry["request"] for body in receiver.bodies[told:] for entry in orjson.loads(body)["entry"][1:]]
        organisations = [request for request in methods if request["url"].startswith("Organization/")]
        assert len(organisations) == (1 if visibility == "internal" else 2), organisations
        assert max(receiver.events())[0] > last
        assert '"410"' not in b"".join(receiver.bodies).decode()


def test_an_event_does_not_carry_what_was_hidden_since(hub: Hub, receiver: Receiver) -> None:
    hub.agree("epd", level="public")
    id = hub.subscribe(receiver.url, content="full-resource")
    hub.work()
    receiver.statuses = ["503 Later"]
    hub.put(in_gent(1, name=f"Huis {HIDDEN}"))
    hub.work()
    hub.put(in_gent(1, name=f"Huis {HIDDEN}", visibility="internal"))
    hub.forward(hours=1)
    hub.work()
    events = hub.ask("GET", f"Subscription/{id}/$events?content=full-resource")
    assert HIDDEN not in b"".join(receiver.bodies).decode() + events.text
    assert len(receiver.events()) == 4, "both came and both went"


def test_a_heartbeat_comes_when_nothing_else_does(hub: Hub, receiver: Receiver) -> None:
    hub.subscribe(receiver.url, extension=[{"url": IG + "backport-heartbeat-period", "valueUnsignedInt": 60}])
    hub.work()
    hub.forward(seconds=40)
    hub.put(in_gent(1))
    hub.work()
    hub.forward(seconds=40)
    hub.work()
    assert [told.kind for told in receiver.told()] == ["handshake", "event-notification"]
    hub.forward(seconds=30)
    hub.work()
    assert [told.kind for told in receiver.told()][2:] == ["heartbeat"]
    assert receiver.told()[-1].since_start == 2


def test_max_count_bounds_a_notification(hub: Hub, receiver: Receiver) -> None:
    hub.subscribe(receiver.url, extension=[{"url": IG + "backport-max-count", "valuePositiveInt": 3}])
    hub.work()
    hub.put(*(in_gent(number) for number in range(1, 5)))
    hub.work()
    assert [len(told.events) for told in receiver.told()[1:]] == [3, 3, 2]


def test_past_events_can_be_asked_for_by_number(hub: Hub, receiver: Receiver) -> None:
    id = hub.subscribe(receiver.url)
    hub.work()
    hub.put(in_gent(1), in_gent(2))
    hub.work()
    answer = hub.ask("GET", f"Subscription/{id}/$events?eventsSinceNumber=2&eventsUntilNumber=3&content=full-resource").get_json(force=True)
    assert complaints(answer) == []
    assert [each["part"][0]["valueString"] for each in answer["entry"][0]["resource"]["parameter"] if each["name"] == "notification-event"] == [
        "2",
        "3",
    ]
    assert all(entry["resource"]["resourceType"] in ("Organization", "Location") for entry in answer["entry"][1:])
    assert hub.ask("GET", f"Subscription/{id}/$events?eventsSinceNumber=nul").status_code == 400
    assert hub.ask("GET", f"Subscription/{id}/$events?eventSinceNumber=1").status_code == 400
    hub.forward(days=40)
    hub.work()  # forgets, at night, what is older than a month
    gone = hub.ask("GET", f"Subscription/{id}/$events")
    assert (gone.status_code, "from event 5" in gone.text) == (410, True)
