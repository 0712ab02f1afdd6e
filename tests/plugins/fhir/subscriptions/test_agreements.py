"""Subscriptions and the agreement that they stand on: what a change of it tells, takes back, or loses not."""

from __future__ import annotations

from hub.access import pause_agreement, resume_agreement
from hub.model.query import Criterion, Query
from tests.plugins.fhir.conftest import HIDDEN
from tests.plugins.fhir.subscribing import BRUSSEL, GENT, IG, Hub, Receiver, in_gent

IN_GENT = Query(types=("organisatie", "vestiging"), where=(Criterion("municipality", (GENT,)),))


def test_what_changed_before_the_agreement_did_is_told_after_it(any_hub: Hub, receiver: Receiver) -> None:
    hub = any_hub
    hub.put(in_gent(1))
    hub.subscribe(receiver.url, filters=["Organization?name=huis"], content="full-resource")
    hub.work()
    hub.put(in_gent(1, name="Huis Anders"))
    hub.agree("epd", level="public")
    hub.work()
    assert [entry["resource"]["name"] for told in receiver.told() for entry in told.entries] == ["Huis Anders"]


def test_what_a_narrower_agreement_leaves_out_is_told_as_removed_though_nobody_touched_it(any_hub: Hub, receiver: Receiver) -> None:
    hub = any_hub
    hub.put(in_gent(1), in_gent(2, refnis=BRUSSEL))
    hub.subscribe(receiver.url, filters=["Organization?name=huis"], content="full-resource")
    hub.work()
    hub.agree("epd", scope=IN_GENT)
    hub.work()
    assert [entry["request"]["method"] for told in receiver.told() for entry in told.entries] == ["DELETE"]


def test_a_narrower_agreement_is_told_what_it_no_longer_shows_and_nothing_new_of_it(hub: Hub, receiver: Receiver) -> None:
    hub.put(in_gent(1), in_gent(2, refnis=BRUSSEL))
    hub.subscribe(receiver.url, filters=["Organization?name=huis"], content="full-resource")
    hub.work()
    hub.agree("epd", scope=Query(types=("organisatie", "vestiging"), where=(Criterion("municipality", (GENT,)),)))
    hub.put(in_gent(2, refnis=BRUSSEL, name=f"Huis {HIDDEN}"))
    hub.work()
    assert [entry["request"]["method"] for told in receiver.told() for entry in told.entries] == ["DELETE"]
    hub.put(in_gent(2, refnis=BRUSSEL, name=f"Huis {HIDDEN} twee"), in_gent(1, name="Huis een"))
    hub.work()
    assert len(receiver.events()) == 2
    assert HIDDEN not in b"".join(receiver.bodies).decode()


def test_the_end_of_the_agreement_ends_the_subscription(hub: Hub, receiver: Receiver) -> None:
    id = hub.subscribe(receiver.url)
    hub.work()
    hub.agree("epd", expires_on="2026-11-22")
    hub.forward(days=1)
    hub.put(in_gent(1))
    hub.work()
    assert receiver.events() == []
    hub.agree("epd", expires_on=None)
    assert hub.state(id)["status"] == "off"
    assert "ended on 2026-11-22" in hub.state(id)["error"]
    hub.forward(days=2)
    hub.work()
    assert [told.kind for told in receiver.told()] == ["handshake"]


def test_a_pause_of_the_agreement_holds_everything_up_and_loses_nothing(any_hub: Hub, receiver: Receiver) -> None:
    hub = any_hub
    id = hub.subscribe(receiver.url, extension=[{"url": IG + "backport-heartbeat-period", "valueUnsignedInt": 60}])
    hub.work()
    hub.put(in_gent(1))
    hub.work()
    told = [told.kind for told in receiver.told()]
    new = hub.subscribe(receiver.url, filters=["Practitioner"])
    hub.store.write(lambda writer: pause_agreement(writer.connection, "epd", "een lek"))
    for number in (2, 3):
        hub.forward(hours=1)
        hub.put(in_gent(number))
        hub.work()
    assert [told.kind for told in receiver.told()] == told == ["handshake", "event-notification"]
    hub.store.write(lambda writer: resume_agreement(writer.connection, "epd"))
    assert (hub.state(id)["status"], hub.state(new)["status"]) == ("active", "requested")
    hub.work()
    assert (hub.state(id)["status"], hub.state(new)["status"]) == ("active", "active")
    assert [number for number, _ in receiver.events()] == [1, 2, 3, 4, 5, 6], "each organisation and its site, once"
    assert sorted(told.kind for told in receiver.told()[2:]) == ["event-notification", "handshake"]


def test_an_agreement_that_ends_during_its_pause_ends_the_subscription_when_it_is_resumed(hub: Hub, receiver: Receiver) -> None:
    id = hub.subscribe(receiver.url)
    hub.work()
    hub.agree("epd", expires_on="2026-11-22")
    hub.store.write(lambda writer: pause_agreement(writer.connection, "epd", "een lek"))
    hub.forward(days=1)
    hub.put(in_gent(1))
    hub.work()
    hub.store.write(lambda writer: resume_agreement(writer.connection, "epd"))
    hub.work()
    hub.agree("epd", expires_on=None)
    assert hub.state(id)["status"] == "off"
    assert "ended on 2026-11-22" in hub.state(id)["error"]
