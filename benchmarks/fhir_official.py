"""What the official FHIR validator says of what we emit, and of planted faults, beside our own judge.

    python -m benchmarks.fhir_official --home DIR [--organisations 300]

The validator is that of HL7 (org.hl7.fhir.validation, as HAPI brings it), with the R4 definitions and value sets, and our StructureDefinitions, CodeSystems and
ValueSets loaded. It is fetched by Maven into DIR once; without Java and Maven this says so and answers 2. It judges resources of every type from the fictional
world S, the Bundles of searches, history and batches, what errors and `/metadata` answer, our definitions, each as JSON and as XML, and the faults of
`tests/plugins/fhir/faults.py`.

The packages of the Belgian profiles and of mCSD are not in a package registry that can be counted on: what it says of profiles that it cannot find is left
out, and our own judge looks at what they ask. Answers 1 when it refuses anything that we emit.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from flask.testing import FlaskClient

from hub.concepts_data import schemes
from hub.demo import World
from hub.store import Store
from hub.store.concepts import ConceptBook
from plugins.fhir.conformance.catalogue import Catalogue
from plugins.fhir.judge import is_refused, judge
from plugins.fhir.params import RESOURCES
from plugins.fhir.xml_form import to_xml
from tests.plugins.fhir.conftest import hub_over
from tests.plugins.fhir.faults import BASE, BELGIUM, FURTHER, VALID

HERE = Path(__file__).parent / "peers" / "official_judge"
DEFINITIONS = ("StructureDefinition", "CodeSystem", "ValueSet")
OTHERS = ("ConceptMap", "NamingSystem", "SearchParameter")
NOT_AT_HAND = (
    "Failed to retrieve profile",
    "http://hl7.org/fhir/uv/subscriptions-backport/",  # extensions of packages that are not at hand
    "http://hl7.org/fhir/StructureDefinition/targetPath",
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-",  # elements of R5, by which R4 has a topic
    "Unable to resolve package id",  # so it makes no snapshot of a StructureDefinition, to compare it with
)
"""What it says when it lacks a package: nothing against the resource."""
ANSWERS = (
    "/metadata",
    "/Organization?_count=3",
    "/Organization?_count=3&onbekend=1",
    "/HealthcareService?_include=*&_count=5",
    "/PractitionerRole?_include=*&_revinclude=Provenance:target&_count=5",
    "/Location?near=51.05|3.72|20|km&_count=3",
    "/Organization?_summary=true&_count=3",
    "/Organization?_elements=name&_count=3",
    "/Organization?_summary=count",
    "/Basic/directory-change",
    "/Organization?address-postalcode=x&_sort=onbekend",
    "/Organization/_history?_count=5",
    "/_history?_count=5",
    "/Organization/er-is-geen-zo",
    "/Patient",
    "/Organization?identifier=a|b|c|d",
)


class OfficialJudge:
    """The validator in a process of its own; it answers line by line."""

    def __init__(self, home: Path, definitions: Path) -> None:
        """`home` keeps the jars. Raises `CalledProcessError` when Maven cannot fetch them."""
        jars, classes = home / "jars", home / "classes"
        if not jars.exists():
            fetch = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
            subprocess.run(fetch, check=True)
        path = f"{jars}/*"
        subprocess.run(["javac", "-cp", path, "-d", str(classes), str(HERE / "Judge.java")], check=True)
        self._process = subprocess.Popen(
            ["java", "-cp", f"{classes}:{path}", "Judge", str(definitions)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
        )  # fmt: skip

    def objections(self, resource: Any) -> list[str]:
        """Its errors, without what it says for want of a package; of a resource as JSON."""
        return self.objections_to(orjson.dumps(resource).decode())

    def objections_to(self, document: str) -> list[str]:
        """The same of JSON or XML as it is written, on one line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(document + "\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            raise SystemExit("The validator ended before it had answered.")
        return [each for each in said.strip().split(" | ") if each and not any(one in each for one in NOT_AT_HAND)]

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def emitted(client: FlaskClient, headers: dict[str, str], catalogue: Catalogue) -> Iterator[tuple[str, Any]]:
    """What the endpoint answers, each with a word for it."""

    def ask(path: str) -> Any:
        return orjson.loads(client.get(f"/fhir{path}", headers=headers).data)

    for name in sorted(RESOURCES):
        following = f"/{name}?_count=200"
        while following:
            page = ask(following)
            yield from ((name, entry["resource"]) for entry in page.get("entry", ()))
            following = next((link["url"].partition("/fhir")[2] for link in page["link"] if link["relation"] == "next"), "")
    for path in ANSWERS:
        yield f"GET {path}", ask(path)
    batch = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": path[1:]}} for path in ANSWERS[1:5]]}
    answer = client.post("/fhir", data=orjson.dumps(batch), headers={**headers, "Content-Type": "application/fhir+json"})
    yield "POST a batch", orjson.loads(answer.data)
    for name in (*DEFINITIONS, *OTHERS):
        yield from ((name, resource) for resource in islice(catalogue.every(name), 60))


def hub(home: Path, organisations: int) -> tuple[Store, FlaskClient, dict[str, str]]:
    """A hub with a part of the world S, and a client with a key."""
    store = Store.open(f"sqlite:///{home / 'fichehub.sqlite'}", home)
    world = World()
    store.write(lambda writer: writer.put_concepts([*world.concepts(), *schemes()]))
    known = 0
    batch = []
    for claim in world.to_claims():
        known += claim.kind == "organisatie"
        if claim.kind == "zorgverlener" or known <= organisations:
            batch.append(claim)
    for start in range(0, len(batch), 500):
        store.write(lambda writer, these=batch[start : start + 500]: writer.put(these, origin="benchmark"))  # type: ignore[misc]
    app, key = hub_over(store)
    return store, app.test_client(), {"Authorization": f"Bearer {key}"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was judged and what was refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="keeps the validator between runs")
    parser.add_argument("--organisations", type=int, default=300, help="so many of the world S, with their offers and all caregivers")
    asked = parser.parse_args(arguments)
    missing = [name for name in ("java", "javac", "mvn") if shutil.which(name) is None]
    if missing:
        print(f"Not here: {', '.join(missing)}. The official validator needs a JDK (17 or newer) and Maven.")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        return _judge(asked.home, Path(folder), asked.organisations)


def _judge(home: Path, folder: Path, organisations: int) -> int:
    store, client, headers = hub(folder, organisations)
    with store.read() as connection:
        book = ConceptBook.load(connection)
    catalogue = Catalogue(book)
    definitions = folder / "definitions"
    definitions.mkdir()
    for name in DEFINITIONS:
        for resource in catalogue.every(name):
            (definitions / f"{name}-{resource['id']}.json").write_bytes(orjson.dumps(resource))
    official = OfficialJudge(home, definitions)
    refused = _judge_ours(official, emitted(client, headers, catalogue))
    print(f"\n{'faults':12} {'planted':>8} {'official':>9} {'ours':>6}   the official one lets pass")
    for group, faults in (("R4", BASE), ("BE, mCSD", BELGIUM), ("further", FURTHER)):
        let_pass = [fault.kind for fault in faults if not official.objections(fault.resource)]
        ours = sum(is_refused(judge(fault.resource, concepts=book)) for fault in faults)
        print(f"{group:12} {len(faults):8} {len(faults) - len(let_pass):9} {ours:6}   {', '.join(let_pass) or '-'}")
    alarms = [kind for kind, resource in VALID.items() if official.objections(resource)]
    ours_alarms = sum(is_refused(judge(resource, concepts=book)) for resource in VALID.values())
    print(f"{'valid':12} {len(VALID):8} {len(alarms):9} {ours_alarms:6}   refused: {', '.join(alarms) or '-'}")
    official.close()
    store.close()
    return int(refused > 0)


def _judge_ours(official: OfficialJudge, resources: Iterator[tuple[str, Any]]) -> int:
    judged: dict[str, int] = {}
    refused = 0
    began = time.monotonic()
    for what, resource in resources:
        judged[what] = judged.get(what, 0) + 1
        in_xml = to_xml(resource).decode().replace("\n", " ")  # a line end stands in narratives only
        objections = [*official.objections(resource), *(f"as XML: {each}" for each in official.objections_to(in_xml))]
        refused += bool(objections)
        for objection in objections[:3]:
            print(f"refused: {what} {resource.get('id', '')}: {objection[:300]}")
    seconds = time.monotonic() - began
    print(", ".join(f"{count} {what}" for what, count in judged.items()))
    total = sum(judged.values())
    print(f"{total} judged by the official validator in {seconds:.0f} s, {refused} refused")
    return refused


if __name__ == "__main__":
    sys.exit(main())
