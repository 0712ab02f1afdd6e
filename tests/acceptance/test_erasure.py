"""A person who was erased by the command line is gone: from every output, from the bytes of the database, and for good."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import openpyxl

from hub.directory import Directory
from hub.model.audience import PUBLIC, Grant
from tests.acceptance.conftest import Loaded
from tests.acceptance.installation import FICHEHUB, ROOT, fiche_of, scalars


def test_an_erased_person_is_nowhere_and_stays_away(loaded: Loaded) -> None:
    hub, world, client = loaded.hub, loaded.world, loaded.hub.client()
    person = next(p for p in world.persons() if p.riziv_known and p.visibility is None and p.index < 60 and p.offers and p.active)
    number = person.riziv[:8]
    # A name of its own, so that what is left of it would be seen.
    family = "Zwanenzanger"
    loaded.register.edit(number, name={"family": family, "given": [person.given]})
    loaded.kaart.edit(person.index, "zorgverlener", legalName={"description": f"{person.given} {family}"})
    assert hub.run("progezondheid").changed == 1
    assert hub.run("sociale-kaart").changed >= 1
    fiche = fiche_of(hub.store, "progezondheid", number)
    assert fiche == fiche_of(hub.store, "sociale-kaart", world.source_id("zorgverlener", person.index))
    offer = fiche_of(hub.store, "sociale-kaart", world.source_id("aanbod", person.offers[0]))
    before = {id: client.get(f"/api/v1/fiches/{id}").get_json() for id in (fiche, offer)}
    assert before[fiche]["fiche"]["name"]["family"] == family
    role = next(part["id"] for part in before[offer]["fiche"]["caregivers"] if part["zorgverlener"]["id"] == fiche)
    head = Directory(hub.store, PUBLIC).head()
    assert _in_files(hub.store.home, family) and _in_files(hub.store.home, number)

    answer = subprocess.run(
        [*FICHEHUB, "erase", fiche, "--reason", "vraag van de betrokkene", "--yes"],
        cwd=ROOT, env={**os.environ, "FICHEHUB_HOME": str(hub.store.home)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Erased" in answer.stdout

    def assert_gone() -> None:
        for address in (f"/api/v1/fiches/{fiche}", f"/fhir/Practitioner/{fiche}", f"/fhir/PractitionerRole/{role}"):
            assert client.get(address).status_code in (404, 410), address
        for address in (
            f"/api/v1/fiches/{fiche}/history",
            f"/api/v1/fiches/{fiche}/provenance",
            f"/api/v1/fiches/{fiche}?asAt={head}",
            f"/api/v1/fiches/{offer}?asAt={head}",
            f"/api/v1/fiches/{offer}",
            f"/api/v1/fiches?text={family}&total=accurate",
            f"/api/v1/fiches?identifier={person.riziv}",
            f"/fhir/Practitioner?family={family}&_total=accurate",
            f"/fhir/Practitioner?identifier={person.riziv}",
            f"/fhir/PractitionerRole?practitioner.name={family}",
            f"/widget/v1/search?what={family}",
            "/",
        ):
            said = client.get(address).get_data(as_text=True).replace(address.split("?")[-1], "")
            assert family not in said.replace(f"family={family}", ""), address
            assert fiche in address or fiche not in said, address
        for grant in (PUBLIC, Grant(level="internal", name="test")):
            file = io.BytesIO()
            hub.excel(Directory(hub.store, grant), file)
            for sheet in openpyxl.load_workbook(file):
                assert family not in str([[cell.value for cell in line] for line in sheet.iter_rows()])
        for text in (family, number, person.riziv):
            assert _in_files(hub.store.home, text) == [], text

    assert_gone()
    told = client.get(f"/api/v1/changes?since={head}").get_json()["items"]
    operations = {item["id"]: item["operation"] for item in told}
    assert operations[fiche] == "delete"
    assert operations[role] == "delete"
    assert operations[offer] == "update"

    loaded.register.edit(number, gender="other")  # they come again with news of that person
    for name in ("progezondheid", "sociale-kaart", "sociaal-brussels"):
        report = hub.run(name, full=True)
        assert report.state == "done", report.reason
        assert_gone()
    assert not scalars(hub.store, "SELECT 1 FROM claim WHERE external_id = :number", number=number)


def _in_files(home: Path, text: str) -> list[str]:
    """The files of the installation in which these bytes occur. Read by another process: to close a file of SQLite lets go of the locks that this one
    has on it (https://www.sqlite.org/howtocorrupt.html, 2.2)."""
    answer = subprocess.run([sys.executable, "-c", _READER, str(home), text], capture_output=True, text=True, check=True)
    return answer.stdout.splitlines()


_READER = """
import sys
from pathlib import Path

for path in sorted(Path(sys.argv[1]).rglob("*")):
    if path.is_file() and sys.argv[2].encode() in path.read_bytes():
        print(path.name)
"""
