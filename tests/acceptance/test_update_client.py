"""A copy in another language, and a bulk download, while the hub is written to and its server is killed again and again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
import requests

from hub import Claim
from tests.acceptance.installation import FICHEHUB, ROOT, Clock, Installation, installation

CLIENT: Final = Path(__file__).with_name("update_client.mjs")
SOURCE: Final = "sociale-kaart"
TYPES: Final = ("Organization", "Location", "HealthcareService", "Practitioner", "PractitionerRole", "OrganizationAffiliation", "Endpoint")
PEOPLE: Final = 3_000


def organisation(number: int, revision: int, **content: Any) -> Claim:
    """An organisation with a site, below the first one."""
    address = {"type": "visit", "street": {"nl": "Kerkstraat"}, "house_number": str(number), "postcode": "9000", "city": {"nl": "Gent"}}
    said = {
        "names": [{"text": {"nl": f"Huis {number}, versie {revision}"}}],
        "vestigingen": [{"keys": [f"{SOURCE}:site-{number}"], "addresses": [address]}],
    }
    above = {"parent": {"source": SOURCE, "external_id": "org-0"}} if number else {"contacts": [{"kind": "phone", "value": f"+3292{revision:06d}"}]}
    return Claim(SOURCE, f"org-{number}", revision, "organisatie", {"kind": "organisatie", **said, **above, **content})


def offer(number: int, revision: int) -> Claim:
    """An aanbod of an organisation, with a caregiver."""
    person = {"source": SOURCE, "external_id": f"zv-{number % 7}"}
    said = {"names": [{"text": {"nl": f"Zorg {number}, versie {revision}"}}], "organisatie": {"source": SOURCE, "external_id": f"org-{number}"}}
    people = [{"keys": [f"{SOURCE}:c-{number}"], "zorgverlener": person}]
    return Claim(SOURCE, f"aanbod-{number}", revision, "aanbod", {"kind": "aanbod", **said, "caregivers": people})


def person(number: int, revision: int = 1) -> Claim:
    """A caregiver."""
    name = {"family": f"Peeters-{number}-{revision}", "given": ["An"]}
    return Claim(SOURCE, f"zv-{number}", revision, "zorgverlener", {"kind": "zorgverlener", "name": name})


class Server:
    """`fichehub serve` in processes of its own, always at the same address."""

    def __init__(self, hub: Installation, url: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.base = f"http://127.0.0.1:{self.port}/fhir"
        self._where = {**os.environ, "FICHEHUB_HOME": str(hub.store.home), "FICHEHUB_DATABASE_URL": url}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers."""
        command = [*FICHEHUB, "serve", "--port", str(self.port), "--workers", "1"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=self._where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if requests.get(f"{self.base}/metadata", timeout=5).status_code == 200:
                    return
            except requests.RequestException:
                assert self._process.poll() is None
                time.sleep(0.02)
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        """As a power cut does: all its processes at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@contextmanager
def served(folder: Path) -> Iterator[tuple[Installation, Server]]:
    """An installation with a FHIR endpoint, and its server."""
    url = f"sqlite:///{folder / 'fichehub.sqlite'}"
    with ExitStack() as stack:
        hub = stack.enter_context(installation(url, folder, Clock()))
        hub.connect("fhir", {})
        server = Server(hub, url)
        stack.callback(server.kill)
        yield hub, server


def write(hub: Installation, *claims: Claim, gone: tuple[str, ...] = ()) -> None:
    """One transaction, a second after the one before."""
    hub.clock.forward(seconds=1)
    assert hub.store.write(lambda writer: writer.put(claims, origin="test")).rejected == []
    if gone:
        hub.clock.forward(seconds=1)
        hub.store.write(lambda writer: writer.withdraw(SOURCE, list(gone), origin="test"))


def shown(server: Server) -> dict[str, Any]:
    """Every resource, as searches show them now."""
    found: dict[str, Any] = {}
    for type in TYPES:
        following: str | None = f"{server.base}/{type}?_count=500"
        while following:
            answer = requests.get(following, timeout=30)
            assert answer.status_code == 200, answer.text
            page = orjson.loads(answer.content)
            found |= {f"{type}/{entry['resource']['id']}": entry["resource"] for entry in page.get("entry", ())}
            following = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    return found


def met(process: subprocess.Popen[str]) -> None:
    assert process.poll() is None, process.communicate()[1]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node, the client is a program of its own")
def test_a_copy_stays_in_step_while_the_server_is_killed_and_the_hub_written_to(tmp_path: Path) -> None:
    with served(tmp_path) as (hub, server):
        write(hub, *map(person, range(7)), *(organisation(number, 1) for number in range(40)), *(offer(number, 1) for number in range(40)))
        server.start()
        target, stop = tmp_path / "copy.json", tmp_path / "stop"
        client = subprocess.Popen(
            ["node", str(CLIENT), server.base, str(target), str(stop)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            for number in range(2, 48):
                changed = [organisation(number % 40, number), offer(number * 7 % 40, number)]
                gone = (f"org-{number}",) if number % 9 == 0 else (f"aanbod-{number % 40}",) if number % 7 == 0 else ()
                hidden = [organisation(1 + number % 39, 100 + number, visibility="internal")] if number % 11 == 0 else []
                write(hub, *changed, *hidden, *([organisation(0, number), person(number % 7, number)] if number % 5 == 0 else ()), gone=gone)
                if number in (10, 32):
                    met(client)
                    server.kill()
                if number in (13, 38):
                    server.start()
            stop.touch()
            said, failed = client.communicate(timeout=60)
            assert client.returncode == 0, said + failed
        finally:
            client.kill()
            client.wait()
        kept = orjson.loads(target.read_bytes())
        there = shown(server)
        assert kept["met"]["away"] > 0, "the client never met the server dead"
        assert len(there) > 100
        assert kept["copy"].keys() == there.keys()
        assert [address for address in there if kept["copy"][address] != there[address]] == []


def export_file(server: Server) -> str:
    """The address of the file of all caregivers."""
    began = requests.get(f"{server.base}/Practitioner/$export", headers={"Prefer": "respond-async"}, timeout=10)
    assert began.status_code == 202
    [part] = orjson.loads(requests.get(began.headers["Content-Location"], timeout=10).content)["output"]
    return str(part["url"])


def test_a_download_that_was_cut_by_a_kill_goes_on_at_the_next_server(tmp_path: Path) -> None:
    with served(tmp_path) as (hub, server):
        write(hub, *map(person, range(PEOPLE)))
        server.start()
        address = export_file(server)
        whole = requests.get(address, timeout=60).content.splitlines()
        assert len(whole) == PEOPLE
        kept = b""
        with suppress(requests.RequestException), requests.get(address, stream=True, timeout=60) as response:
            for piece in response.iter_content(1024):
                if not kept:
                    server.kill()
                kept += piece
        lines = kept[: kept.rindex(b"\n")].splitlines()
        assert 0 < len(lines) < PEOPLE, "the server was killed in the middle"
        write(hub, person(1, 2), person(PEOPLE), gone=(f"zv-{PEOPLE - 1}",))
        server.start()
        last = orjson.loads(lines[-1])["id"]
        rest = requests.get(f"{address}&_after={last}", timeout=60).content.splitlines()
        removed = f'"Peeters-{PEOPLE - 1}-1"'.encode()
        wanted = [line for line in whole if removed not in line or line in lines]
        assert [*lines, *rest] == wanted
