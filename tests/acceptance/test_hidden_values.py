"""Canaries in every kind of value that the public may not see: they are in no output, and cannot be found, counted or guessed."""

from __future__ import annotations

import io
import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import openpyxl
import pytest
from flask.testing import FlaskClient

from hub import Claim
from hub.directory import Directory
from hub.model.audience import INTERNAL, PUBLIC
from hub.model.fiche import KINDS
from plugins.fhir.params import RESOURCES
from tests.acceptance.conftest import Loaded
from tests.acceptance.installation import FICHEHUB, ROOT, fiche_of, scalars
from tests.fiches import hidden_fiche

CANARY = "kanarie"
"""In every planted text, and nowhere else."""
HIDDEN_PHONE = "+32470009977"
HIDDEN_NUMBER = "71000099779"
NEEDLES = (CANARY, HIDDEN_PHONE, HIDDEN_PHONE[3:], HIDDEN_NUMBER)
PARTNER = "buur"


@dataclass(frozen=True)
class Planted:
    """The hub with its canaries, and the ids that hold them."""

    loaded: Loaded
    client: FlaskClient
    ids: dict[str, str]
    since: int
    everywhere: dict[str, list[str]]
    """Kind -> the canaries in a fiche of which everybody may see that it is there, and nobody any field."""

    def ask(self, address: str, **headers: str) -> str:
        """Whatever comes back, headers and all, without what the asker typed himself."""
        answer = self.client.get(address, headers=headers)
        said = f"{answer.headers}\n{answer.get_data(as_text=True)}"
        for typed in (address, quote(address), address.replace("&", "&amp;")):
            said = said.replace(typed, "")
        return said


def _planted_street(name: str) -> dict[str, Any]:
    return {"street": {"nl": f"{name}{CANARY}straat"}, "postcode": "9000", "house_number": "1"}


@pytest.fixture(scope="module")
def planted(loaded: Loaded) -> Planted:
    hub, world = loaded.hub, loaded.world
    since = Directory(hub.store, PUBLIC).head()
    # By the real way: the register knows an address for emergencies, one of the office, and a number for colleagues.
    person = next(p for p in world.persons() if p.riziv_known and p.visibility is None and p.index < 60)
    number = person.riziv[:8]
    provider = loaded.register.register.find(number)
    assert provider is not None
    addresses = [
        *provider["addresses"],
        {**provider["addresses"][0], "type": "emergency", "street": {"nl": f"Nood{CANARY}straat"}},
        {**provider["addresses"][0], "type": "administrative", "street": {"nl": f"Kantoor{CANARY}straat"}},
    ]
    contacts = [{"kind": "mobile", "value": HIDDEN_PHONE, "audience": "professionals"}]
    loaded.register.edit(number, addresses=addresses, contacts=contacts)
    assert hub.run("progezondheid").changed == 1
    # What no simulated system hides, as another source says it.
    organisation = world.source_id("organisatie", 3)
    offer = world.source_id("aanbod", world.layout.first_offer(3))
    claims = [
        Claim(
            "intern", "org", 1, "organisatie",
            {
                "kind": "organisatie",
                "names": [{"text": {"nl": f"Naam{CANARY}"}, "use": "alternative", "visibility": "internal"}],
                "identifiers": [{"system": "ehp", "value": HIDDEN_NUMBER, "visibility": "professional"}],
                "gov_info": [{"type": "supervision", "value": {"nl": f"Toezicht{CANARY}"}, "visibility": "internal"}],
                "vestigingen": [
                    {"keys": ["intern:plek"], "visibility": "internal", "addresses": [_planted_street("Plek")]},
                ],
                "contacts": [
                    {"kind": "email", "value": f"nood{CANARY}@example.org", "purpose": "emergency"},
                    {"kind": "email", "value": f"collega{CANARY}@example.org", "purpose": "colleagues"},
                    {"kind": "website", "value": f"https://{CANARY}.example.org", "visibility": "internal"},
                ],
            },
            same_as=(("sociale-kaart", organisation),),
        ),
        Claim(
            "intern", "mens", 1, "zorgverlener",
            {
                "kind": "zorgverlener", "visibility": "professional",
                "name": {"family": f"Mens{CANARY}", "given": ["An"]},
                "contacts": [{"kind": "email", "value": f"mens{CANARY}@example.org"}],
            },
        ),
        Claim(
            "intern", "aanbod", 1, "aanbod",
            {
                "kind": "aanbod",
                "caregivers": [{"zorgverlener": {"source": "intern", "external_id": "mens"}}],
                "price": {"nl": f"Prijs{CANARY}"},
                "field_visibility": {"price": "internal"},
            },
            same_as=(("sociale-kaart", offer),),
        ),
        Claim(
            "intern", "weg", 1, "organisatie",
            {"kind": "organisatie", "visibility": "internal", "names": [{"text": {"nl": f"Verborgen{CANARY}"}}]},
        ),
        Claim(
            "buurkaart", "1", 1, "organisatie",
            {
                "kind": "organisatie",
                "names": [{"text": {"nl": f"Buur{CANARY}"}, "use": "short"}],
                "description": {"nl": f"Overlay{CANARY}"},
            },
            same_as=(("sociale-kaart", organisation),), partner=PARTNER,
        ),
        Claim(
            "buurkaart", "2", 1, "organisatie",
            {"kind": "organisatie", "names": [{"text": {"nl": f"Eigen{CANARY}"}}]}, partner=PARTNER,
        ),
    ]  # fmt: skip
    everywhere: dict[str, list[str]] = {}
    for kind in KINDS:
        content, everywhere[kind] = hidden_fiche(
            kind, CANARY,
            organisatie={"source": "sociale-kaart", "external_id": organisation},
            zorgverlener={"source": "progezondheid", "external_id": number},
        )  # fmt: skip
        claims.append(Claim("intern", f"overal-{kind}", 1, kind, content))
    counts = hub.store.write(lambda writer: writer.put(claims, origin="intern"))
    assert counts.rejected == []
    # And once more, so that there is a history in which only hidden values changed.
    changed = [
        Claim(
            "intern", "mens", 2, "zorgverlener",
            {**claims[1].content, "name": {"family": f"Anders{CANARY}", "given": ["An"]}},
        )
    ]  # fmt: skip
    hub.store.write(lambda writer: writer.put(changed, origin="intern"))
    hub.let_in("collega", "professional")
    hub.let_in(PARTNER, "public")
    ids = {
        "organisatie": fiche_of(hub.store, "sociale-kaart", organisation),
        "aanbod": fiche_of(hub.store, "sociale-kaart", offer),
        "mens": fiche_of(hub.store, "intern", "mens"),
        "weg": fiche_of(hub.store, "intern", "weg"),
        "zorgverlener": fiche_of(hub.store, "progezondheid", number),
        **{f"overal-{kind}": fiche_of(hub.store, "intern", f"overal-{kind}") for kind in KINDS},
    }
    return Planted(loaded, hub.client(), ids, since, everywhere)


def clean(said: str, where: str) -> None:
    for needle in NEEDLES:
        assert needle not in said.lower(), where


def everything_in_the_api(planted: Planted) -> list[str]:
    """Addresses, by following every link from the places where one begins."""
    waiting = [
        "/",
        "/health",
        "/metrics",
        "/api/v1/openapi.json",
        "/api/v1/fiches?pageSize=200",
        "/api/v1/fiches?kind=zorgverlener&sort=name&pageSize=50",
        f"/api/v1/changes?since={planted.since}&pageSize=1000",
        "/api/v1/concepts",
        *(f"/api/v1/fiches/{id}{more}" for id in planted.ids.values() for more in ("", "/history", "/provenance")),
        *(f"/api/v1/fiches/{id}?asAt={planted.since}" for id in planted.ids.values()),
        *(f"/api/v1/fiches/{id}?asAt=99999999" for id in planted.ids.values()),
        *(f"/fhir/{name}?_count=500" for name in RESOURCES),
        *(f"/fhir/{name}/{id}" for name in RESOURCES for id in planted.ids.values()),
        "/fhir/metadata",
        "/fhir/Organization?_revinclude=Location:organization&_include=Organization:endpoint&_count=500",
        "/fhir/PractitionerRole?_include=PractitionerRole:practitioner&_count=500",
        "/widget/v1/search?what=&where=9000",
        "/widget/v1/suggest?where=kan",
        "/api/v1/fiches/no-uuid",
        "/api/v1/nothing",
        "/fhir/Nothing",
    ]
    parts = scalars(
        planted.loaded.hub.store,
        "SELECT e.uuid FROM entity e JOIN entity f ON f.id = e.fiche_id WHERE f.uuid IN (:a, :b) AND e.id <> f.id",
        a=planted.ids["organisatie"],
        b=planted.ids["aanbod"],
    )
    waiting += [f"/api/v1/fiches/{part}{more}" for part in parts for more in ("", "/history", "/provenance")]
    waiting += [f"/fhir/{name}/{part}" for part in parts for name in ("Location", "PractitionerRole")]
    return waiting


def test_no_canary_in_any_answer(planted: Planted, capfd: pytest.CaptureFixture[str]) -> None:
    addresses = everything_in_the_api(planted)
    seen = set(addresses)
    for address in addresses:
        answer = planted.client.get(address)
        assert answer.status_code < 500
        clean(f"{answer.headers}\n{answer.get_data(as_text=True)}", address)
        if answer.is_json and "/fiches" in address:
            for found in (answer.get_json().get("next"), *_hrefs(answer.get_json())):
                if found and urlsplit(found).path.startswith("/api") and len(seen) < 900:
                    where = found.replace("http://localhost", "")
                    if where not in seen:
                        seen.add(where)
                        addresses.append(where)
    assert len(seen) > 400
    clean("".join(capfd.readouterr()), "the log")


def _hrefs(answer: dict[str, Any]) -> list[str]:
    items = answer.get("items")
    return [str(item["href"]) for item in items if "href" in item] if isinstance(items, list) else []


ASKED = {
    "api": [
        "/api/v1/fiches?total=accurate&text={}",
        "/api/v1/fiches?total=accurate&name={}",
        "/api/v1/fiches?total=accurate&family={}",
        "/api/v1/fiches?total=accurate&street={}",
        "/api/v1/fiches?total=accurate&identifier={}",
    ],
    "fhir": [
        "/fhir/Organization?_total=accurate&name={}",
        "/fhir/Organization?_total=accurate&name:contains={}",
        "/fhir/Organization?_total=accurate&identifier={}",
        "/fhir/Location?_total=accurate&name={}",
        "/fhir/Location?_total=accurate&organization.name={}",
        "/fhir/HealthcareService?_total=accurate&organization.name={}",
        "/fhir/Practitioner?_total=accurate&family={}",
        "/fhir/Practitioner?_total=accurate&name={}",
        "/fhir/PractitionerRole?_total=accurate&practitioner.name={}",
        "/fhir/PractitionerRole?_total=accurate&practitioner.family:contains={}",
    ],
    "widget": ["/widget/v1/search?what={}", "/widget/v1/search?where=9000&what={}"],
}
WORDS = [
    CANARY, f"nood{CANARY}straat", f"kantoor{CANARY}straat", f"naam{CANARY}", f"plek{CANARY}straat", f"mens{CANARY}",
    f"anders{CANARY}", f"verborgen{CANARY}", f"buur{CANARY}", f"eigen{CANARY}", f"prijs{CANARY}", f"toezicht{CANARY}",
    HIDDEN_NUMBER, HIDDEN_PHONE, f"collega{CANARY}@example.org",
]  # fmt: skip


@pytest.mark.parametrize("output", ASKED)
def test_a_search_for_a_hidden_value_finds_nothing_and_counts_nothing(planted: Planted, output: str) -> None:
    for word in WORDS:
        for pattern in ASKED[output]:
            address = pattern.format(quote(word))
            answer = planted.client.get(address)
            said = answer.get_json()
            if answer.status_code == 400:
                continue  # it is no identifier at all
            assert not said.get("items") and not said.get("entry"), address
            assert said["total"] == 0, address


def test_the_public_hears_of_no_change_of_hidden_values(planted: Planted) -> None:
    feed = planted.client.get(f"/api/v1/changes?since={planted.since}&pageSize=1000").get_json()["items"]
    told = {item["id"] for item in feed}
    assert planted.ids["mens"] not in told and planted.ids["weg"] not in told
    for id in (planted.ids["mens"], planted.ids["weg"]):
        for more in ("", "/history", "/provenance", "?asAt=1"):
            assert planted.client.get(f"/api/v1/fiches/{id}{more}").status_code == 404
    for name in ("fields", "origin"):
        assert not [item for item in feed if "price" in item.get(name, ())]


def test_no_canary_in_a_workbook_or_on_the_command_line(planted: Planted) -> None:
    hub = planted.loaded.hub
    file = io.BytesIO()
    assert hub.excel(Directory(hub.store, PUBLIC), file) > 100
    clean(str([[c.value for c in line] for sheet in openpyxl.load_workbook(file) for line in sheet.iter_rows()]), "excel")
    file = io.BytesIO()
    assert hub.excel(Directory(hub.store, PUBLIC), file, text=CANARY) == 0
    home = {"FICHEHUB_HOME": str(hub.store.home)}

    def said(*arguments: str) -> str:
        answer = subprocess.run([*FICHEHUB, *arguments], cwd=ROOT, env={**os.environ, **home}, capture_output=True, text=True, check=True)
        return answer.stdout + answer.stderr

    clean(said("query", "--json", "--limit", "1000"), "query")
    found = json.loads(said("query", "--json", "--text", CANARY))
    assert (found["items"], found["total"]) == ([], 0)
    clean(said("changes", "--json", "--since", str(planted.since)), "changes")
    log = hub.store.home / "fichehub.log"
    clean(log.read_text() if log.exists() else "", "the log file")


@pytest.mark.parametrize("kind", KINDS)
def test_every_declared_text_was_planted_and_only_the_hub_itself_sees_it(planted: Planted, kind: str) -> None:
    id, canaries = planted.ids[f"overal-{kind}"], planted.everywhere[kind]
    whole, shown = (str(Directory(planted.loaded.hub.store, audience).get(id).fiche) for audience in (INTERNAL, PUBLIC))
    assert [canary for canary in canaries if canary not in whole] == []
    assert CANARY not in shown
    keys = planted.loaded.hub.keys
    for canary in canaries:
        for asked in (f"/api/v1/fiches?text={canary}", f"/api/v1/fiches?name={canary}", f"/fhir/{RESOURCE[kind]}?name:contains={canary}"):
            for headers in ({}, {"X-API-Key": keys["collega"]}):
                said = planted.client.get(asked, headers=headers).get_json()
                assert not said.get("items") and not said.get("entry"), asked


RESOURCE = {"organisatie": "Organization", "aanbod": "HealthcareService", "zorgverlener": "Practitioner"}


def test_those_who_may_see_them_do(planted: Planted) -> None:
    keys = planted.loaded.hub.keys

    def said(address: str, partner: str) -> str:
        return planted.ask(address, **{"X-API-Key": keys[partner]}).lower()

    assert f"mens{CANARY}" not in said(f"/api/v1/fiches/{planted.ids['mens']}", PARTNER)
    assert f"anders{CANARY}" in said(f"/api/v1/fiches/{planted.ids['mens']}", "collega")
    assert f"kantoor{CANARY}straat" in said(f"/api/v1/fiches/{planted.ids['zorgverlener']}", "collega")
    assert f"nood{CANARY}" not in said(f"/api/v1/fiches/{planted.ids['zorgverlener']}", "collega")
    assert HIDDEN_PHONE in said(f"/fhir/Practitioner/{planted.ids['zorgverlener']}", "collega")
    assert f"overlay{CANARY}" in said(f"/api/v1/fiches/{planted.ids['organisatie']}", PARTNER)
    assert f"overlay{CANARY}" not in said(f"/api/v1/fiches/{planted.ids['organisatie']}", "collega")
    assert f"eigen{CANARY}" in said(f"/api/v1/fiches?text=eigen{CANARY}", PARTNER)
    assert f"naam{CANARY}" not in said(f"/api/v1/fiches/{planted.ids['organisatie']}", "collega")
