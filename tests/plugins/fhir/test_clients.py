"""The scripted client of each EPD package and hub passes against a hub on a real socket, and each of its requirements fails where just that is broken."""

from __future__ import annotations

import importlib
import itertools
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import plugins.fhir
from hub import plugins as loading
from hub.access import agreement, save_agreement
from hub.access.clients import register_client
from hub.concepts_data import schemes
from hub.jobs import Worker
from hub.model.claims import Claim
from hub.model.concepts import Concept, ConceptScheme
from hub.store import Store, Writer
from tests.access.signing import EC_KEY, jwks, on_a_socket
from tests.plugins.fhir.clients.asking import Profile, Server, main
from tests.plugins.fhir.clients_broken import BREAKS, Break, Said
from tests.plugins.fhir.conftest import CLAIMS, NOW, hub_over, organisation, site

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

NAMES = ("hix", "nexuzhealth", "primuz", "cerner", "mirage", "alsot", "kind_online", "kasper", "cozo", "vnz")
PROFILES: dict[str, Profile] = {name: importlib.import_module(f"tests.plugins.fhir.clients.{name}").PROFILE for name in NAMES}
PAGES = Path(__file__).parents[3] / "docs" / "fhir-conformance"


@dataclass
class Front:
    """Stands between the clients and the hub: tells of each request, and spoils answers when it is told to."""

    app: WSGIApplication
    spoil: Break | None = None
    before: Callable[[WSGIEnvironment], None] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass it on."""
        environ.pop("HTTP_ACCEPT_ENCODING", None)
        if self.before is not None:
            self.before(environ)

        def ask() -> Said:
            begun: list[Any] = []

            def begin(status: str, headers: list[tuple[str, str]], error: Any = None, /) -> Callable[[bytes], object]:
                begun[:] = [status, dict(headers)]
                return begun.append

            chunks = self.app(environ, begin)
            body = b"".join(chunks)
            if hasattr(chunks, "close"):
                chunks.close()
            return Said(begun[0], begun[1], body)

        said = ask() if self.spoil is None else self.spoil(environ, ask)
        if environ["REQUEST_METHOD"] != "HEAD" and not said.status.startswith("304"):
            said.headers["Content-Length"] = str(len(said.body))
        start_response(said.status, list(said.headers.items()))
        return [said.body]


def _world() -> Iterator[Claim]:
    yield from CLAIMS
    status = {"status": "active"}
    yield organisation(
        50,
        names=[{"text": {"nl": "Praktijk Zuid"}}],
        identifiers=[{"system": "kbo", "value": "0407622902"}],
        status=status,
        vestigingen=[site(50, "9000", {"nl": "Gent"}, address={"position": {"lat": 51.05, "lon": 3.72}}, status=status)],
        memberships=[
            {
                "keys": ["sociale-kaart:m-3"],
                "organisatie": {"source": "sociale-kaart", "external_id": "org-1"},
                "role": {"scheme": "role", "code": "lid"},
            }
        ],
    )
    yield organisation(
        51,
        identifiers=[{"system": "kbo", "value": "0407622902"}],  # one enterprise may have several organisations
        status=status,
        vestigingen=[site(51, "9000", {"nl": "Gent"}, address={"position": {"lat": 51.06, "lon": 3.73}})],
    )
    said = {"asserted_at": "2026-11-01T09:00:00Z", "valid_until": "2099-12-31"}
    for number, rubriek, more in (
        (
            2,
            "14",
            {"patientenstop": {"value": "no", **said}, "waiting_list": {"value": "yes", "weeks": 6, **said}},
        ),
        (3, "02", {"waiting_list": {"value": "no", **said}}),
        (4, "02.01", {}),
    ):
        content = {
            "kind": "aanbod",
            "names": [{"text": {"nl": f"Aanbod {number}"}}],
            "organisatie": {"source": "sociale-kaart", "external_id": "org-50"},
            "vestigingen": [{"key": "sociale-kaart:site-50"}],
            "rubrieken": [{"scheme": "rubriek", "code": rubriek}],
            "status": status,
            "caregivers": [
                {
                    "keys": [f"sociale-kaart:zv-3-{number}"],
                    "zorgverlener": {"source": "sociale-kaart", "external_id": "zv-3"},
                }
            ],
            **more,
        }
        yield Claim("sociale-kaart", f"aanbod-{number}", 1, "aanbod", content)
    for number, (family, riziv) in enumerate((("Pérez", "10000205001"), ("Pauwels", "10000304001"), ("De Smet", "10000403001")), 3):
        content = {
            "kind": "zorgverlener",
            "name": {"family": family, "given": ["Lies"]},
            "identifiers": [{"system": "riziv", "value": riziv}],
            "professions": [{"scheme": "cd-hcparty", "code": "persphysician"}],
        }
        yield Claim("sociale-kaart", f"zv-{number}", 1, "zorgverlener", content)


@dataclass
class Live:
    """The hub on a socket, and how the tests make it move."""

    url: str
    front: Front
    store: Store
    worker: Worker
    key: str
    options: dict[str, str]
    written: int = 0

    def server(self) -> Server:
        """As a client sees it."""
        return Server(f"{self.url}/fhir", self.key, dict(self.options))

    def put(self, *claims: Claim) -> None:
        """Somebody writes."""
        assert self.store.write(lambda writer: writer.put(list(claims), origin="test")).rejected == []

    def write_something(self) -> None:
        """Something in front of where a walk stands, and something behind it: one is new, one changes."""
        self.written += 1
        self.put(
            organisation(
                1000 + self.written,
                status={"status": "active"},
                vestigingen=[site(1000 + self.written, "9000", {"nl": "Gent"})],
            ),
            replace(
                organisation(
                    10 + self.written % 30,
                    names=[{"text": {"nl": f"Versie {self.written}"}}],
                    status={"status": "active"},
                ),
                revision=1 + self.written,
            ),
        )


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One hub for all clients."""
    home = tmp_path_factory.mktemp("clients")
    store = Store.open(f"sqlite:///{home / 'fichehub.sqlite'}", home)
    rubrieken: list[ConceptScheme | Concept] = [
        ConceptScheme("rubriek", {"nl": "Rubrieken"}, source="test"),
        Concept("rubriek", "14", {"nl": "Ouderen"}),
        Concept("rubriek", "14.04.01", {"nl": "Woonzorgcentra"}, broader="14"),
        Concept("rubriek", "02", {"nl": "Jongeren"}),
        Concept("rubriek", "02.01", {"nl": "Opvang"}, broader="02"),
    ]
    store.write(lambda writer: writer.put_concepts([*rubrieken, *schemes()]))
    claims = list(_world())
    gone = organisation(60, vestigingen=[site(60, "9000", {"nl": "Gent"})])
    store.write(lambda writer: writer.put([*claims, gone], origin="test"))
    store.write(lambda writer: writer.put([replace(gone, revision=2, content={}, gone=True)], origin="test"))
    app, key = hub_over(store)

    def agree(writer: Writer) -> str:
        known = agreement(writer.connection, "epd")
        assert known is not None
        save_agreement(writer.connection, replace(known, rights=frozenset({"audit", "feed"})), NOW)
        scopes = "system/Practitioner.rs system/Organization.rs"
        return register_client(writer.connection, "epd", NOW, title="Cerner", scopes=scopes, jwks=jwks(EC_KEY)).id

    client = store.write(agree)
    private = home / "private.json"
    private.write_bytes(orjson.dumps(EC_KEY.as_dict(private=True)))
    front = Front(app.wsgi_app)
    app.wsgi_app = front  # type: ignore[method-assign]
    worker = Worker(store, loading.load([("fhir", plugins.fhir)], installed=False))
    with on_a_socket(app) as url:
        yield Live(
            url,
            front,
            store,
            worker,
            key,
            {"client-id": client, "private-key": str(private), "wait": "20", "write": "yes", "count": "5"},
        )
    store.close()


@contextmanager
def moving(live: Live, name: str) -> Iterator[None]:
    """What happens at the hub while this client is at work."""
    following = itertools.count()
    if name == "nexuzhealth":
        live.front.before = lambda environ: live.write_something() if environ["PATH_INFO"].endswith("Organization/_history") else None
    if name == "kasper":

        def write_a_while(environ: WSGIEnvironment) -> None:
            if "_cursor" in environ["QUERY_STRING"] and next(following) in range(0, 45, 3):
                live.write_something()

        live.front.before = write_a_while
    stop = threading.Event()

    def live_on() -> None:
        while not stop.wait(0.05):
            live.write_something()
            live.worker.run_due()

    thread = threading.Thread(target=live_on)
    if name == "kind_online":
        thread.start()
    try:
        yield
    finally:
        live.front.before = live.front.spoil = None
        stop.set()
        if name == "kind_online":
            thread.join()


@pytest.fixture(autouse=True)
def _within_the_walls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FICHEHUB_ALLOW_PRIVATE", "1")


@pytest.mark.parametrize("name", NAMES)
def test_the_client_meets_all_that_it_requires(live: Live, name: str) -> None:
    with moving(live, name):
        verdicts = list(PROFILES[name].run(live.server()))
    assert [each for each in verdicts if each.outcome != "ok"] == []
    assert len(verdicts) >= 4


@pytest.mark.parametrize(("name", "id", "spoil"), BREAKS, ids=[id for _, id, _ in BREAKS])
def test_the_client_fails_where_a_server_breaks_what_it_requires(live: Live, name: str, id: str, spoil: Break) -> None:
    server = live.server()
    server.options["wait"] = "0.5" if id == "V7" else "20"
    with moving(live, name):
        live.front.spoil = spoil
        [verdict] = PROFILES[name].run(server, [id])
    for entry in live.server().get("Subscription").json().get("entry", ()):
        live.server().send("DELETE", f"Subscription/{entry['resource']['id']}")
    assert verdict.outcome == "failed", verdict


def test_each_requirement_is_broken() -> None:
    assert {id for _, id, _ in BREAKS} == {id for profile in PROFILES.values() for id in profile.requirements}


def test_the_command_tells_each_requirement_and_fails_when_one_does(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    profile, arguments = PROFILES["hix"], ["--base-url", f"{live.url}/fhir", "--key", live.key]
    assert main(profile, arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "5 ok, 0 failed, 0 skipped"
    live.front.spoil = next(spoil for _, id, spoil in BREAKS if id == "H3")
    try:
        assert main(profile, arguments) == 1
    finally:
        live.front.spoil = None
    said = capsys.readouterr().out
    assert "failed  H3" in said
    assert live.key not in said
    assert main(PROFILES["kind_online"], ["--base-url", f"{live.url}/fhir", "--only", "K2"]) == 2
    assert "give --key" in capsys.readouterr().out


def test_a_client_waits_when_it_is_told_to_and_wants_to_be_told_how_long(live: Live) -> None:
    asked = itertools.count()

    def busy(environ: WSGIEnvironment, ask: Callable[[], Said]) -> Said:
        return Said("429 Too Many Requests", {"Retry-After": "0"}, b"") if next(asked) % 2 == 0 else ask()

    try:
        live.front.spoil = busy
        assert [each.outcome for each in PROFILES["alsot"].run(live.server(), ["A1"])] == ["ok"]
        live.front.spoil = lambda environ, ask: Said("429 Too Many Requests", {"Retry-After": "0"}, b"")
        assert [each.outcome for each in PROFILES["alsot"].run(live.server(), ["A1"])] == ["skipped"]
        live.front.spoil = lambda environ, ask: Said("429 Too Many Requests", {}, b"")
        assert [each.outcome for each in PROFILES["alsot"].run(live.server(), ["A1"])] == ["failed"]
    finally:
        live.front.spoil = None


def test_a_server_that_does_not_answer_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(PROFILES["hix"], ["--base-url", "http://127.0.0.1:1/fhir", "--only", "H1"]) == 1
    assert "There was no full answer" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_its_page_says_what_the_client_expects_and_how_to_run_it(name: str) -> None:
    text, profile = (PAGES / f"{name}.md").read_text(encoding="utf-8"), PROFILES[name]
    assert re.findall(r"^\| ([A-Z]\d) \| (.*) \|$", text, re.MULTILINE) == [(id, sentence) for id, (sentence, _) in profile.requirements.items()]
    assert re.findall(r"^- `--([a-z-]+)`: (.*)$", text, re.MULTILINE) == list(profile.options.items())
    [command] = re.findall(r"python -m (tests\.plugins\.fhir\.clients\.\w+) (.*)", text)
    assert command[0] == f"tests.plugins.fhir.clients.{name}"
    assert set(re.findall(r"--([a-z-]+)", command[1])) <= {"base-url", "key", *profile.options}
    assert "Our assumption, not theirs" in text
    assert f"(fhir-conformance/{name}.md)" in (PAGES.parent / "fhir-conformance.md").read_text(encoding="utf-8")
