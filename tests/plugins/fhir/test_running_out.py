"""A value that ran out is never read as if it stood, by whatever clock: not at midnight before the job, not without any job, and not by who has a copy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flask
import pytest
from werkzeug.http import http_date
from werkzeug.test import TestResponse

from hub.model.claims import Claim
from hub.store import Store
from tests.plugins.fhir.conftest import hub_over

MORNING = datetime(2026, 11, 22, 9, tzinfo=UTC)
JUST_BEFORE = datetime(2026, 11, 23, 22, 59, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, 23, 1, tzinfo=UTC)
THREE_DAYS_LATER = datetime(2026, 11, 26, 9, tzinfo=UTC)
HIDDEN = [{"type": "supervision", "withdrawn_at": "2026-11-24", "visibility": "internal"}]


@dataclass
class House:
    """A hub with an aanbod whose patientenstop ends on 23 November, and its clock."""

    store: Store
    clock: dict[str, datetime]
    app: flask.Flask
    key: str
    id: str = ""

    def at(self, moment: datetime) -> House:
        self.clock["now"] = moment
        return self

    def read(self, version: str = "", **headers: str) -> TestResponse:
        path = f"/fhir/HealthcareService/{self.id}" + (f"/_history/{version}" if version else "")
        return self.app.test_client().get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def stop(self, answer: TestResponse) -> str:
        """What is said of the patientenstop."""
        return stop_in(answer.get_json())

    def found(self, kind: str = "HealthcareService") -> Any:
        (entry,) = self.app.test_client().get(f"/fhir/{kind}").get_json()["entry"]
        return entry["resource"]

    def tell(self) -> int:
        return self.store.write(lambda writer: writer.expire(self.store.today()))


def stop_in(resource: Any) -> str:
    (code,) = [inner["valueCode"] for each in resource["extension"] for inner in each.get("extension", ()) if "valueCode" in inner]
    return str(code)


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    clock = {"now": MORNING}
    store = Store.open(database_url, tmp_path, now=lambda: clock["now"])
    said = {
        "kind": "aanbod",
        "names": [{"text": {"nl": "Hulp"}}],
        "patientenstop": {"value": "yes", "valid_until": "2026-11-23"},
        "gov_info": HIDDEN,
    }
    organisation = Claim("sociale-kaart", "o1", 1, "organisatie", {"kind": "organisatie", "names": [{"text": {"nl": "Huis"}}]})
    counts = store.write(lambda writer: writer.put([Claim("sociale-kaart", "a1", 1, "aanbod", said), organisation], origin="test"))
    assert counts.rejected == []
    made = House(store, clock, *hub_over(store))
    made.id = made.found()["id"]
    yield made
    store.close()


def test_what_was_read_before_is_not_given_again_after_its_last_day(house: House) -> None:
    assert house.stop(house.at(JUST_BEFORE).read()) == "yes"
    assert stop_in(house.found()) == "yes"
    for moment in (MIDNIGHT, THREE_DAYS_LATER):
        answer = house.at(moment).read()
        assert house.stop(answer) == "unknown"
        assert house.found() == answer.get_json()


def test_a_copy_from_before_is_not_confirmed_until_the_log_tells(house: House) -> None:
    before = house.at(JUST_BEFORE).read()
    has = {"If_None_Match": before.headers["ETag"]}
    since = {"If_Modified_Since": before.headers["Last-Modified"]}
    assert house.read(**has).status_code == house.read(**since).status_code == 304
    after = house.at(MIDNIGHT).read(**has)
    assert (after.status_code, house.read(**since).status_code) == (200, 200)
    assert after.headers["ETag"] == f'W/"{after.get_json()["meta"]["versionId"]}"' != before.headers["ETag"]
    copy = {"If_None_Match": after.headers["ETag"]}
    assert house.read(**copy).status_code == house.at(THREE_DAYS_LATER).read(**copy).status_code == 304, "it turns once"
    assert house.tell() == 2
    told = house.read(**copy, **since)
    assert told.status_code == 200
    assert told.headers["ETag"] not in (before.headers["ETag"], after.headers["ETag"])
    assert "." not in told.headers["ETag"]


def test_what_changed_on_its_last_day_is_another_version_at_midnight(house: House) -> None:
    house.at(JUST_BEFORE)
    said = {"kind": "aanbod", "names": [{"text": {"nl": "Hulp"}}], "patientenstop": {"value": "no", "valid_until": "2026-11-23"}}
    house.store.write(lambda writer: writer.put([Claim("sociale-kaart", "a1", 2, "aanbod", said)], origin="test"))
    before = house.read()
    has = {"If_None_Match": before.headers["ETag"]}
    assert (house.stop(before), house.read(**has).status_code) == ("no", 304)
    after = house.at(MIDNIGHT).read(**has)
    assert after.status_code == 200
    assert (house.stop(after), after.headers["ETag"] == before.headers["ETag"]) == ("unknown", False)


def test_every_version_that_was_told_can_be_asked_for(house: House) -> None:
    first = house.at(JUST_BEFORE).read().get_json()["meta"]["versionId"]
    turned = house.at(MIDNIGHT).read().get_json()["meta"]["versionId"]
    assert turned == f"{first}.20261123"
    for version in (first, turned):
        answer = house.read(version)
        assert (house.stop(answer), answer.headers["ETag"]) == ("unknown", f'W/"{turned}"')
    assert house.read(first, If_None_Match=f'W/"{first}"').status_code == 200
    assert house.read(f"{first}.x").status_code == 404
    assert house.read(f"{first}-7.20261123").status_code == 404


def test_what_ran_out_and_is_hidden_moves_nothing_for_who_does_not_see_it(house: House) -> None:
    house.at(MIDNIGHT)
    assert house.tell() == 2
    tag = house.read().headers["ETag"]
    assert "." not in tag, "the patientenstop was told"
    said = {"kind": "aanbod", "names": [{"text": {"nl": "Hulp"}}], "gov_info": [HIDDEN[0] | {"withdrawn_at": "2026-11-26"}]}
    house.store.write(lambda writer: writer.put([Claim("sociale-kaart", "a1", 2, "aanbod", said)], origin="test"))
    tag = house.read().headers["ETag"]
    assert house.at(THREE_DAYS_LATER).read().headers["ETag"] == tag


def test_what_never_runs_out_keeps_its_version(house: House) -> None:
    before = house.found("Organization")["meta"]
    assert house.at(THREE_DAYS_LATER).found("Organization")["meta"] == before


def test_a_clock_that_was_put_back_gives_no_version_a_second_meaning(house: House) -> None:
    house.at(MIDNIGHT)
    house.store.write(lambda writer: writer.expire(house.store.today()))
    ahead = house.read()
    back = house.at(MORNING).read(If_None_Match=ahead.headers["ETag"])
    assert (back.status_code, house.stop(ahead), house.stop(back)) == (200, "unknown", "yes")
    again = house.at(THREE_DAYS_LATER).read(If_None_Match=back.headers["ETag"])
    assert (again.status_code, house.stop(again)) == (200, "unknown")


def test_a_second_change_within_a_second_is_seen_by_who_asks_with_a_date(house: House) -> None:
    def called(name: str, revision: int) -> None:
        claim = Claim("sociale-kaart", "o1", revision, "organisatie", {"kind": "organisatie", "names": [{"text": {"nl": name}}]})
        house.store.write(lambda writer: writer.put([claim], origin="test"))

    client = house.app.test_client()
    second = MORNING + timedelta(hours=1)
    address = f"/fhir/Organization/{house.at(second).found('Organization')['id']}"
    called("Eerst", 2)
    versions = [f"{address}/_history/{client.get(address).get_json()['meta']['versionId']}"]
    for _ in range(3):  # the last is given again without being made anew
        assert "Last-Modified" not in client.get(address).headers
    assert "Last-Modified" not in client.get(versions[0]).headers
    house.at(second + timedelta(milliseconds=999))
    assert client.get(address, headers={"If-Modified-Since": http_date(second)}).status_code == 200
    called("Toen", 3)
    assert client.get(address, headers={"If-Modified-Since": http_date(second)}).get_json()["name"] == "Toen"
    house.at(second + timedelta(seconds=1))
    for _ in range(3):
        copy = client.get(address)
        assert copy.headers["Last-Modified"] == http_date(second)
        assert client.get(address, headers={"If-Modified-Since": copy.headers["Last-Modified"]}).status_code == 304
    house.at(second + timedelta(seconds=2))
    called("Nu", 4)
    house.at(second + timedelta(seconds=3))
    assert client.get(address, headers={"If-Modified-Since": copy.headers["Last-Modified"]}).get_json()["name"] == "Nu"


def test_who_goes_on_from_a_moment_ahead_misses_nothing_and_no_copy_is_confirmed_by_it(house: House) -> None:
    def called(name: str, revision: int) -> None:
        claim = Claim("sociale-kaart", "o1", revision, "organisatie", {"kind": "organisatie", "names": [{"text": {"nl": name}}]})
        house.store.write(lambda writer: writer.put([claim], origin="test"))

    def names(path: str) -> list[str]:
        return [each["resource"]["name"] for each in house.app.test_client().get(path).get_json().get("entry", ())]

    house.at(MORNING + timedelta(hours=4))
    called("Vooruit", 2)
    client = house.app.test_client()
    mark = client.get("/fhir/Organization/_history").get_json()["meta"]["lastUpdated"]
    house.at(MORNING + timedelta(minutes=31))
    called("Terug", 3)
    address = f"/fhir/Organization/{house.found('Organization')['id']}"
    copy = client.get(address)
    called("Nog eens", 4)
    for moment in (MORNING + timedelta(minutes=32), MORNING + timedelta(hours=5)):
        house.at(moment)
        assert names(f"/fhir/Organization/_history?_since={mark}")[:2] == ["Nog eens", "Terug"]
        assert names(f"/fhir/Organization?_lastUpdated=ge{mark}") == ["Nog eens"]
        since = copy.headers.get("Last-Modified", mark)
        assert client.get(address, headers={"If-Modified-Since": since}).status_code == 200
        assert client.get(address, headers={"If-None-Match": client.get(address).headers["ETag"]}).status_code == 304
