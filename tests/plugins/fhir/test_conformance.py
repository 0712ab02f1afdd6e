"""Our definitions: served, found by their address, valid, and complete for whatever is emitted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import orjson
import pytest
from flask.testing import FlaskClient

from hub import Aanbodfiche, Contact, GovInfo, Tag, Volatile, WaitingList, Zorgverlenersfiche
from hub.concepts_data import schemes
from hub.demo import World
from hub.model.contacts import Origin
from hub.store import Store
from hub.store.concepts import ConceptBook
from plugins.fhir import audit_events, provenance
from plugins.fhir import extensions as ext
from plugins.fhir import systems as s
from plugins.fhir.conformance.catalogue import TYPES, Catalogue
from plugins.fhir.conformance.code_lists import CODE_LISTS
from plugins.fhir.conformance.extension_table import DEFINITIONS
from plugins.fhir.judge import judge
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.conftest import Hub, hub_over, organisation

_FOREIGN = (
    s.BE + "/",
    "http://hl7.org/fhir/",
    "http://terminology.hl7.org/",
    "https://profiles.ihe.net/",
    "urn:",
    "http://unitsofmeasure.org",
)


def get(client: FlaskClient, path: str, status: int = 200, **headers: str) -> Any:
    response = client.get("/fhir" + path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert response.status_code == status, response.text
    return orjson.loads(response.data)


def found(bundle: Any) -> list[Any]:
    return [each["resource"] for each in bundle.get("entry", ()) if each["search"]["mode"] == "match"]


@pytest.fixture(scope="module")
def book() -> ConceptBook:
    """The concepts of the fictional world, and their mappings."""
    world = World()
    every = [*world.concepts(), *schemes()]
    concepts = {(one.scheme, one.code): one for scheme in every for one in scheme.concepts}
    return ConceptBook({scheme.code: scheme for scheme in every}, concepts, tuple(world.mappings()), 7)


# --- what is served ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TYPES)
def test_every_definition_is_valid_and_found_by_its_address(client: FlaskClient, name: str) -> None:
    bundle = get(client, f"/{name}")
    assert judge(bundle) == []
    for resource in found(bundle):
        assert get(client, f"/{name}/{resource['id']}") == resource
        url = resource.get("url") or resource["uniqueId"][0]["value"]
        assert url == f"{s.BASE}/{name}/{resource['id']}"
        assert found(get(client, f"/{name}?url={url}")) == [resource]


def test_definitions_are_valid_over_the_whole_book(book: ConceptBook) -> None:
    catalogue = Catalogue(book)
    for name in TYPES:
        for resource in catalogue.every(name):
            assert judge(orjson.loads(orjson.dumps(resource))) == [], resource["id"]


def test_a_large_scheme_is_complete_and_keeps_its_tree(book: ConceptBook) -> None:
    rubriek = Catalogue(book).get("CodeSystem", "rubriek")
    assert rubriek is not None

    def codes(concepts: list[Any], above: str = "") -> Iterator[tuple[str, str]]:
        for each in concepts:
            yield each["code"], above
            yield from codes(each.get("concept", []), each["code"])

    told = dict(codes(rubriek["concept"]))
    assert told == {each.code: each.broader or "" for each in book.concepts("rubriek")}
    assert rubriek["count"] == len(told) > 100


def test_a_concept_map_says_what_is_approximate(book: ConceptBook) -> None:
    catalogue = Catalogue(book)
    assert {each["id"] for each in catalogue.every("ConceptMap")} == {
        "cd-hcparty-to-rubriek",
        "rubriek-to-cd-hcparty",
        "rubriek-to-sociaal-brussels",
        "sociaal-brussels-to-rubriek",
    }
    for resource in catalogue.every("ConceptMap"):
        source, target = (s.scheme_of(resource[end]) or "" for end in ("sourceUri", "targetUri"))
        for element in resource["group"][0]["element"]:
            mapped = book.mapped(source, element["code"], target)
            assert [each["code"] for each in element["target"]] == [each.code for each in mapped]
            for told, one in zip(element["target"], mapped, strict=True):
                assert ("Approximate" in told.get("comment", "")) == one.approximate == (told["equivalence"] == "narrower")


def test_paging_and_counting(client: FlaskClient) -> None:
    assert "entry" not in get(client, "/StructureDefinition?_summary=count")
    seen, path = [], "/StructureDefinition?_count=5"
    while path:
        page = get(client, path)
        assert page["total"] == len(DEFINITIONS)
        seen += [each["id"] for each in found(page)]
        following = [each["url"] for each in page["link"] if each["relation"] == "next"]
        path = following[0].split("/fhir", 1)[1] if following else ""
    assert seen == sorted(definition.name for definition in DEFINITIONS.values())


def test_an_unknown_parameter_is_a_warning_or_an_error(client: FlaskClient) -> None:
    bundle = get(client, "/CodeSystem?colour=blue&url=" + s.BASE + "/CodeSystem/visum")
    assert [each["search"]["mode"] for each in bundle["entry"]] == ["match", "outcome"]
    assert all(each["fullUrl"] for each in bundle["entry"])
    assert "colour" not in bundle["link"][0]["url"]
    assert get(client, "/CodeSystem?colour=blue", 400, Prefer="handling=strict")["issue"][0]["expression"] == ["http.colour"]
    assert get(client, "/CodeSystem/NoSuch", 404)["resourceType"] == "OperationOutcome"
    assert get(client, "/ValueSet?_count=x", 400)["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("path", ["ValueSet?name:contains=vis", "StructureDefinition?url:below=https://x", "CodeSystem?_id:not=visum"])
def test_a_modifier_is_an_error_as_elsewhere(client: FlaskClient, path: str) -> None:
    [issue] = get(client, f"/{path}", 400)["issue"]
    assert issue["expression"] == ["http." + path.partition("?")[2].partition("=")[0]]
    assert "modifier" in issue["details"]["text"]


@pytest.mark.parametrize("name", ["nope", "patient-password", "Nope", "nope.1", "ehp", "kb"])
@pytest.mark.parametrize("kind", ["CodeSystem", "NamingSystem"])
def test_a_system_that_nothing_uses_is_not_there(client: FlaskClient, kind: str, name: str) -> None:
    get(client, f"/{kind}/{name}", 404)
    for query in (f"url={s.BASE}/{kind}/{name}", f"_id={name}"):
        assert get(client, f"/{kind}?{query}")["total"] == 0


def test_a_scheme_that_nobody_has_loaded_is_there_for_who_sees_a_code_of_it(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'fichehub.sqlite'}", tmp_path)
    claims = [
        organisation(1, types=[{"scheme": "Own.Types", "code": "a"}], identifiers=[{"system": "elders", "value": "7"}]),
        organisation(2, types=[{"scheme": "veiled", "code": "a"}], visibility="internal"),
    ]
    store.write(lambda writer: writer.put(claims, origin="test"))
    client = hub_over(store)[0].test_client()
    [shown] = found(get(client, "/Organization"))
    addresses = {address for _, address in _addresses(shown) if address.startswith(s.BASE) and "StructureDefinition" not in address}
    assert {s.code_system("Own.Types"), s.identifier_system("elders", "7")} <= addresses
    for address in addresses:
        kind, name = address.removeprefix(s.BASE + "/").split("/")
        resource = get(client, f"/{kind}/{name}")
        assert judge(resource) == []
        assert found(get(client, f"/{kind}?url={address}&_id={name}")) == [resource]
    get(client, "/CodeSystem/veiled", 404)
    get(client, "/CodeSystem/Own", 404)
    get(client, "/NamingSystem/sociale-kaart")
    store.close()


@pytest.mark.parametrize(
    "system", [provenance.SOURCE, audit_events.PARTNER, s.REFNIS, *(s.code_system(each) for each in ("zone", "postcode", "province", "region"))]
)
def test_the_systems_of_our_own_are_always_there(client: FlaskClient, system: str) -> None:
    assert get(client, system.removeprefix(s.BASE))["id"] == system.rpartition("/")[2]


def test_unchanged_definitions_are_304(client: FlaskClient) -> None:
    tag = client.get("/fhir/CodeSystem/visum").headers["ETag"]
    assert client.get("/fhir/CodeSystem/visum", headers={"If-None-Match": tag}).status_code == 304


# --- the tables agree with the fiche, with rendering, with the models --------------------------------------------------------------


def test_the_table_holds_exactly_the_extensions_that_are_emitted() -> None:
    assert set(DEFINITIONS) == set(ext.OURS)


def _codes(of: Any, name: str) -> set[str]:
    hint = get_type_hints(of)[name]
    while get_args(hint) and not all(isinstance(each, str) for each in get_args(hint)):
        [hint] = [each for each in get_args(hint) if each is not type(None)]
    return set(get_args(hint))


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("contact-origin", set(get_args(Origin)) - {"self"}),
        ("contact-purpose", _codes(Contact, "purpose") - {"general"}),
        ("yes-no-unknown", _codes(Volatile, "value") | _codes(WaitingList, "value")),
        ("gov-info-type", _codes(GovInfo, "type")),
        ("tag-status", _codes(Tag, "status")),
        ("visum", _codes(Zorgverlenersfiche, "visum")),
        ("convention", _codes(Zorgverlenersfiche, "convention")),
        ("delivery", _codes(Aanbodfiche, "delivery")),
    ],
)
def test_the_short_lists_are_those_of_the_fiche(name: str, codes: set[str]) -> None:
    assert set(CODE_LISTS[name].codes) == codes


@pytest.mark.parametrize("definition", DEFINITIONS.values(), ids=lambda each: each.name)
def test_a_snapshot_has_every_element_and_the_differential_is_part_of_it(client: FlaskClient, definition: Any) -> None:
    resource = get(client, f"/StructureDefinition/{definition.name}")
    snapshot = {each["id"]: each for each in resource["snapshot"]["element"]}
    assert {"Extension", "Extension.id", "Extension.extension", "Extension.url", "Extension.value[x]"} <= set(snapshot)
    assert snapshot["Extension.url"]["fixedUri"] == resource["url"] == definition.url
    for part in definition.parts:
        assert snapshot[f"Extension.extension:{part.name}.url"]["fixedUri"] == part.name
    for each in resource["differential"]["element"]:
        assert each.items() <= snapshot[each["id"]].items()
    for each in snapshot.values():
        if "binding" in each:
            name = each["binding"]["valueSet"].removeprefix(s.BASE + "/ValueSet/")
            include = get(client, f"/ValueSet/{name}")["compose"]["include"]
            assert found(get(client, f"/CodeSystem?url={include[0]['system']}"))


# --- nothing is emitted that is not defined ----------------------------------------------------------------------------------------


def _addresses(value: Any) -> Iterator[tuple[str, str]]:
    """(resource type of the definition, address) of every extension, code system, identifier system and profile that is used."""
    if isinstance(value, list):
        for each in value:
            yield from _addresses(each)
    elif isinstance(value, dict):
        for extension in value.get("extension", ()):
            if "/" in extension["url"]:
                yield "StructureDefinition", extension["url"]
        if "system" in value and "/" in str(value["system"]):
            yield ("NamingSystem" if "value" in value else "CodeSystem"), value["system"]
        for profile in value.get("profile", ()):
            yield "StructureDefinition", profile
        for inner in value.values():
            yield from _addresses(inner)


@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_whatever_world_s_shows_is_defined_here_or_elsewhere(world_s: Hub, name: str) -> None:
    client, key = world_s.client(), f"Bearer {world_s.key}"
    addresses = set(_addresses([each["resource"] for each in get(client, f"/{name}?_count=500", Authorization=key)["entry"]]))
    assert addresses
    for type_name, address in addresses:
        if not address.startswith(_FOREIGN):
            kind = address.removeprefix(s.BASE + "/").split("/")[0]
            assert kind == type_name or (kind == "CodeSystem" and type_name == "NamingSystem"), address
            assert len(found(get(client, f"/{kind}?url={address}"))) == 1, address


@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_whatever_world_s_shows_passes_the_judge_with_its_codes(world_s: Hub, name: str) -> None:
    client, key = world_s.client(), f"Bearer {world_s.key}"
    with world_s.store.read() as connection:
        concepts = ConceptBook.load(connection)
    bundle = get(client, f"/{name}?_count=200", Authorization=key)
    assert [str(issue) for issue in judge(bundle, concepts=concepts)] == []
