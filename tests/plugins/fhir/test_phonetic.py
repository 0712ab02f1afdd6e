"""Names asked for as they sound: `phonetic`, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from hub.model.claims import Claim
from hub.store import Store
from tests.own_postgres import PostgresServer
from tests.plugins.fhir.conftest import Hub, hub_over, organisation
from tests.plugins.fhir.test_complaints import pages, resources
from tests.plugins.fhir.writing import get

FAMILIES = (
    "Janssens",
    "De Clercq",
    "Claeys",
    "Peeters",
    "Vandenbroucke",
    "D'Hondt",
    "Dhont",
    "Verhaeghe",
    "Thys",
    "Meyer",
    "Philips",
    "Huysmans",
    "Van Damme",
    "Beaumont",
    "Vos",
)


def _claims() -> Iterator[Claim]:
    def of(id: str) -> dict[str, str]:
        return {"source": "sociale-kaart", "external_id": id}

    def person(number: int, family: str, given: str, **more: Any) -> Claim:
        return Claim(
            "sociale-kaart", f"zv-{number}", 1, "zorgverlener", {"kind": "zorgverlener", "name": {"family": family, "given": [given]}, **more}
        )

    for number, family in enumerate(FAMILIES):
        yield person(number, family, "Katrien" if number % 2 else "Youri")
    yield person(90, "Verbruggen", "Sophie", visibility="professional")
    yield organisation(
        1, names=[{"text": {"nl": "Huisartsen Maes", "fr": "Médecins Maes"}}, {"text": {"nl": "Praktijk Bogaerts"}, "visibility": "professional"}]
    )
    yield organisation(2, names=[{"text": {"nl": "Thuiszorg"}}], parent=of("org-1"))
    content = {
        "kind": "aanbod", "names": [{"text": {"nl": "Kine"}}], "organisatie": of("org-1"),
        "caregivers": [{"keys": [f"sociale-kaart:z-{number}"], "zorgverlener": of(f"zv-{number}")} for number in range(3)],
    }  # fmt: skip
    yield Claim("sociale-kaart", "a-1", 1, "aanbod", content)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def heard(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    home = tmp_path_factory.mktemp("phonetic")
    url = f"sqlite:///{home / 'fichehub.sqlite'}"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.url(server.create())
    store = Store.open(url, home)
    assert store.write(lambda writer: writer.put(list(_claims()), origin="test")).rejected == []
    app, key = hub_over(store)
    yield Hub(app, store, {}, key)
    store.close()


@pytest.fixture
def client(heard: Hub) -> FlaskClient:
    return heard.client()


def found(client: FlaskClient, path: str) -> set[str]:
    whole = pages(client, path)
    assert resources(whole, "outcome") == [], path
    return {each["name"] if isinstance(each["name"], str) else each["name"][0]["family"] for each in resources(whole)}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("jansens", {"Janssens"}),
        ("De Klerk", {"De Clercq"}),
        ("claes", {"Claeys"}),
        ("PETERS", {"Peeters"}),
        ("vandenbroeke", {"Vandenbroucke"}),
        ("dhondt", {"D'Hondt", "Dhont"}),
        ("D'hont", {"D'Hondt", "Dhont"}),
        ("verhage", {"Verhaeghe"}),
        ("tijs", {"Thys"}),
        ("meijer", {"Meyer"}),
        ("filips", {"Philips"}),
        ("huismans", {"Huysmans"}),
        ("van dame", {"Van Damme"}),
        ("bomont", {"Beaumont"}),
        ("catrien meier", {"Meyer"}),
        ("joeri meier", set()),
        ("katrin", set()),
        ("jansens,klerk", {"Janssens", "De Clercq"}),
        ("joeri jansens,catrien peters", {"Janssens", "Peeters"}),
        ("fos", set()),
        ("jans", set()),
        ("xyzzy", set()),
    ],
)
def test_a_caregiver_is_found_by_the_sound_of_the_name(client: FlaskClient, asked: str, expected: set[str]) -> None:
    assert found(client, f"Practitioner?phonetic={asked}") == expected


def test_what_is_hidden_is_not_heard(heard: Hub) -> None:
    nobody, professional = heard.client(), heard.client()
    professional.environ_base["HTTP_X_API_KEY"] = heard.key
    for path, there in (("Practitioner?phonetic=ferbruggen,verbrugen", {"Verbruggen"}), ("Organization?phonetic=boogaards", {"Huisartsen Maes"})):
        assert found(nobody, path) == set()
        assert found(professional, path) == there


def test_organisations_chains_and_what_is_missing(client: FlaskClient) -> None:
    assert found(client, "Organization?phonetic=huysarts") == set()
    assert found(client, "Organization?phonetic=huysartsen") == {"Huisartsen Maes"}
    assert found(client, "Organization?phonetic=medesins") == {"Huisartsen Maes"}
    assert found(client, "Organization?partof.phonetic=maas") == {"Thuiszorg"}
    assert found(client, "Organization?_has:Organization:partof:phonetic=tuyszorg") == {"Huisartsen Maes"}
    assert found(client, "Practitioner?phonetic:missing=true") == set()
    assert found(client, "Practitioner?phonetic:missing=false") == set(FAMILIES)
    assert len(resources(pages(client, "PractitionerRole?practitioner.phonetic=jansens,klaas"))) == 2
    assert resources(pages(client, "PractitionerRole?practitioner.phonetic=tijs")) == []


@pytest.mark.parametrize("modifier", ["exact", "contains"])
def test_a_sound_has_no_part_and_no_spelling(client: FlaskClient, modifier: str) -> None:
    refused = get(client, f"Organization?phonetic:{modifier}=maes", 400)
    assert refused["issue"][0]["expression"] == [f"http.phonetic:{modifier}"]
    assert "phonetic takes :missing." in orjson.dumps(refused).decode()
    get(client, "Organization?phonetic=%21%21", 400)


def test_it_is_declared_where_the_specification_defines_it(client: FlaskClient) -> None:
    [rest] = get(client, "metadata")["rest"]
    declared = {
        resource["type"]: param["definition"] for resource in rest["resource"] for param in resource["searchParam"] if param["name"] == "phonetic"
    }
    base = "http://hl7.org/fhir/SearchParameter/"
    assert declared == {"Organization": base + "Organization-phonetic", "Practitioner": base + "individual-phonetic"}
