"""Contract suites: what the hub relies on in every source, export and endpoint, as tests to subclass.

    class TestRegister(SourceContract):
        connector = Register

        def simulator(self) -> Simulator:
            return RegisterSimulator(World(seed=1, size="S"))

        def config(self, url: str) -> dict[str, Any]:
            return {"url": url, "token": "not-a-real-token"}

Choose a small world: the suite pulls it some twenty times, over real HTTP. pytest runs the inherited tests; nothing here imports it.
"""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from hub import plugins, schemas
from hub.connector import Connector, Context, Endpoint, Export, Finished, Incoming, Source
from hub.errors import ConnectorError, Rejected, Unreachable
from hub.hookspecs import hookimpl
from hub.model.concepts import Concept
from hub.model.entity import Entity
from hub.model.query import Query
from hub.outbound import Outbound
from hub.store import Store
from hub.sync import connections, intake, run
from hub.sync.export import write_rows
from hub.sync.intake import Intake
from hub.sync.pull import claim_source
from hub.sync.records import RunReport
from hub.sync.secrets import redactor
from hub.testing.simulator import Simulator

if TYPE_CHECKING:
    from werkzeug.test import Client

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
NOBODY = "http://127.0.0.1:9"
"""The discard port: nothing answers there."""
CURSORS_TRIED = 12


@dataclass(slots=True)
class Pulled:
    """What a pull gave, in order. `error` is what it raised instead of coming to its end."""

    items: list[Incoming | Concept | Rejected] = field(default_factory=list)
    finished: Finished | None = None
    error: Exception | None = None

    @property
    def said(self) -> dict[str, tuple[int, bytes]]:
        """What each row said: external id -> revision and digest."""
        claims = [item.claim for item in self.items if isinstance(item, Incoming)]
        return {claim.external_id: (claim.revision, schemas.claim_digest(claim)) for claim in claims}


class _Offered:
    """What all suites share: the connector and its configuration."""

    connector: ClassVar[type[Connector]]

    def config(self, url: str) -> dict[str, Any]:
        """The configuration, as an administrator gives it, for a partner at `url`."""
        return {}

    def test_the_class_keeps_the_contract(self) -> None:
        loaded = self._plugins()
        assert loaded.broken == (), loaded.broken[0].reason
        assert loaded.connector(self.connector.name) is self.connector

    def test_a_configuration_with_an_unknown_field_is_refused(self) -> None:
        errors = self.connector.config_schema().validate({**self.config(NOBODY), "no_such_field": 1})
        assert "no_such_field" in errors

    def _plugins(self) -> plugins.Plugins:
        module = ModuleType("under_test")
        vars(module)["register_connectors"] = hookimpl(lambda: [self.connector], specname="register_connectors")
        return plugins.load([("under-test", module)], installed=False)

    def _build(self, url: str, http: Outbound) -> Connector:
        return self.connector(self.connector.config_schema().load(self.config(url)), Context(http, lambda: NOW))


class SourceContract(_Offered):
    """What the hub relies on in a `Source`. Give `connector`, `simulator` and `config`."""

    def simulator(self) -> Simulator:
        """The system that the source pulls from; not yet started."""
        raise NotImplementedError  # abstract: each suite has its own

    def test_check_passes_when_the_partner_answers(self) -> None:
        with self.simulator() as running, _http() as http:
            self._build(running.url, http).check()

    def test_check_fails_for_an_address_where_nobody_is(self) -> None:
        with _http() as http:
            error = _raised(self._build(NOBODY, http).check)
        assert isinstance(error, ConnectorError), f"check() must raise a ConnectorError for a dead address, not {error!r}"

    def test_a_pull_comes_to_its_end(self) -> None:
        pulled = self._pull()
        assert pulled.error is None, repr(pulled.error)
        assert pulled.finished is not None, "the last thing that a pull yields is Finished"
        assert pulled.said, "the simulator's world has rows for this source"

    def test_every_claim_can_be_stored(self) -> None:
        with _http() as http:
            source = self._build(NOBODY, http)
            assert isinstance(source, Source)
            name = claim_source(source)
        pulled = self._pull()
        for item in pulled.items:
            if isinstance(item, Incoming):
                refused = Intake(name, item.claim.partner or "").defect(item.claim)
                assert refused is None, refused
                intake.check_cursor(item.cursor)
                schemas.canonical_claim(item.claim)
            elif isinstance(item, Concept):
                assert (refused := intake.concept_defect(item)) is None, refused
        if pulled.finished is not None:
            intake.checked_end(pulled.finished)

    def test_every_claim_is_in_the_sources_own_name(self) -> None:
        with _http() as http:
            source = self._build(NOBODY, http)
            assert isinstance(source, Source)
            name = claim_source(source)
        assert {item.claim.source for item in self._pull().items if isinstance(item, Incoming)} == {name}

    def test_a_rejected_row_says_which_and_why(self) -> None:
        for item in self._pull().items:
            if isinstance(item, Rejected):
                assert item.message
                assert item.external_id, f"without an id nothing can be removed any more: {item.message}"

    def test_the_same_data_pulled_again_says_the_same(self) -> None:
        with self.simulator() as running:
            assert self._pull(running).said == self._pull(running).said

    def test_loading_the_same_data_again_changes_nothing(self) -> None:
        with self.simulator() as running, _store() as store:
            loaded = self._connect(store, running.url)
            first = self._run(store, loaded)
            again = self._run(store, loaded, full=True)
        assert (first.state, again.state) == ("done", "done"), (first.reason, again.reason)
        assert first.changed > 0
        assert (again.changed, again.deleted, again.withheld) == (0, 0, 0)
        assert again.rejected == first.rejected

    def test_going_on_from_any_cursor_loses_nothing(self) -> None:
        with self.simulator() as running:
            whole = self._pull(running)
            places = [place for place, item in enumerate(whole.items) if isinstance(item, Incoming) and item.cursor is not None]
            for place in _some(places):
                here = whole.items[place]
                assert isinstance(here, Incoming)
                rest = self._pull(running, here.cursor)
                assert rest.error is None, repr(rest.error)
                before = {item.claim.external_id for item in whole.items[: place + 1] if isinstance(item, Incoming)}
                lost = set(whole.said) - before - set(rest.said)
                assert not lost, f"from cursor {here.cursor!r} these never came: {sorted(lost)[:5]}"

    def test_nothing_is_removed_by_the_next_run(self) -> None:
        with self.simulator() as running, _store() as store:
            loaded = self._connect(store, running.url)
            self._run(store, loaded)
            following = self._run(store, loaded)
        assert following.state == "done", following.reason
        assert (following.changed, following.deleted, following.withheld) == (0, 0, 0)

    def test_faults_on_the_way_are_unreachable(self) -> None:
        for fault in ("rate-limit", "server-error", "cut-off", "timeout"):
            with self.simulator() as running:
                running.switch(fault, every=1)
                pulled = self._pull(running, deadline=1.0, attempts=1)
            assert isinstance(pulled.error, Unreachable), f"{fault}: {pulled.error!r}"
            assert pulled.finished is None

    def test_passing_faults_are_got_past(self) -> None:
        with self.simulator() as running:
            clean = self._pull(running)
            for fault in ("rate-limit", "server-error", "cut-off"):
                running.switch(fault, every=7)
            disturbed = self._pull(running)
        assert disturbed.error is None, repr(disturbed.error)
        assert disturbed.said == clean.said

    def test_a_pull_that_is_cut_off_never_says_that_it_is_complete(self) -> None:
        with self.simulator() as running:
            everything = set(self._pull(running).said)
            requests = len(running.requests)
            for kept in _some(range(1, requests)):
                running.break_after(kept)
                pulled = self._pull(running)
                running.break_after(None)
                complete = pulled.finished is not None and pulled.finished.complete and pulled.finished.missing == 0
                assert not complete or set(pulled.said) == everything, f"complete after {kept} of {requests} requests"

    def test_secrets_stay_out_of_reports_and_logs(self) -> None:
        with self.simulator() as running, _store() as store, _captured() as written:
            loaded = self._connect(store, running.url)
            running.switch("server-error", every=1)
            failed = self._run(store, loaded)
            text = repr(failed) + repr(connections.list_all(store, loaded))
        redact = redactor(self.connector.config_schema, self.config(NOBODY))
        for said in (text, written()):
            assert redact(said) == said

    def _pull(
        self,
        running: Simulator | None = None,
        cursor: str | None = None,
        *,
        deadline: float = 10.0,
        attempts: int = 4,
    ) -> Pulled:
        if running is None:
            with self.simulator() as fresh:
                return self._pull(fresh, cursor, deadline=deadline, attempts=attempts)
        pulled = Pulled()
        with _http(deadline, attempts) as http:
            source = self._build(running.url, http)
            assert isinstance(source, Source)
            try:
                for item in source.pull(cursor):
                    if isinstance(item, Finished):
                        pulled.finished = item
                        break
                    pulled.items.append(item)
            except Exception as error:  # noqa: BLE001  the tests judge which one it may be
                pulled.error = error
        return pulled

    def _connect(self, store: Store, url: str) -> plugins.Plugins:
        loaded = self._plugins()
        connections.add(store, loaded, "under-test", self.connector.name, self.config(url))
        with _http() as http:
            connections.enable(store, loaded, "under-test", http=http)
        return loaded

    def _run(self, store: Store, loaded: plugins.Plugins, *, full: bool = False) -> RunReport:
        with _http() as http:
            return run(store, loaded, "under-test", full=full, http=http)


class ExportContract(_Offered):
    """What the hub relies on in an `Export`. Give `connector`, `config`, `entities` (a few) and `rows` (a reader of the file)."""

    def entities(self) -> Sequence[Entity]:
        """A few entities that the export's query could select."""
        raise NotImplementedError  # abstract: each suite has its own

    def rows(self, file: bytes) -> int:
        """How many rows a file has, read with something other than what wrote it."""
        raise NotImplementedError  # abstract: each suite has its own

    def test_it_says_what_it_selects(self) -> None:
        assert isinstance(self._export().query(), Query)

    def test_every_row_is_in_the_file(self) -> None:
        written, file = self._write(self.entities())
        assert written == self.rows(file) > 0

    def test_an_empty_selection_gives_a_file_without_rows(self) -> None:
        written, file = self._write(())
        assert written == self.rows(file) == 0
        assert file

    def test_entities_are_taken_one_by_one(self) -> None:
        entities = self.entities()
        taken = 0

        def stream() -> Iterator[Entity]:
            nonlocal taken
            for entity in entities:
                taken += 1
                yield entity

        assert self._write(stream())[0] > 0
        assert taken == len(entities)

    def test_the_same_entities_give_the_same_rows(self) -> None:
        assert self._write(self.entities())[0] == self._write(self.entities())[0]

    def _export(self) -> Export:
        with _http() as http:
            built = self._build(NOBODY, http)
        assert isinstance(built, Export)
        return built

    def _write(self, entities: Iterable[Entity]) -> tuple[int, bytes]:
        file = io.BytesIO()
        return write_rows(self._export(), entities, file), file.getvalue()


class EndpointContract(_Offered):
    """What the hub relies on in an `Endpoint`. Give `connector`, `client` (of an application that mounts it) and `paths` that answer."""

    paths: ClassVar[Sequence[str]] = ()

    def client(self) -> Client:
        """A test client of an application with some data in which the endpoint is mounted."""
        raise NotImplementedError  # abstract: each suite has its own

    def test_it_has_routes_of_its_own(self) -> None:
        assert issubclass(self.connector, Endpoint)
        assert self.connector.blueprint().name
        assert self.paths, "name some paths that answer"

    def test_its_paths_answer(self) -> None:
        client = self.client()
        for path in self.paths:
            assert client.get(path).status_code == 200, path

    def test_nonsense_is_answered_and_never_fails(self) -> None:
        client = self.client()
        for path in self.paths:
            joint = "&" if "?" in path else "?"
            for nonsense in (
                "no_such_parameter=1",
                "_count=-1",
                "cursor=%00",
                "%ff=%ff",
                "q=" + "x" * 5000,
                "since=9" * 3,
            ):
                answer = client.get(f"{path}{joint}{nonsense}")
                assert answer.status_code < 500, f"{path}{joint}{nonsense}: {answer.status_code}"
                assert "Traceback" not in answer.get_data(as_text=True)
            assert client.get(f"{path.partition('?')[0]}/no-such-thing-%00").status_code < 500


def _some(values: Sequence[int]) -> list[int]:
    """At most a dozen of them, evenly, the first and the last among them."""
    if len(values) <= CURSORS_TRIED:
        return list(values)
    step = (len(values) - 1) / (CURSORS_TRIED - 1)
    return sorted({values[round(step * place)] for place in range(CURSORS_TRIED)})


def _raised(work: Callable[[], object]) -> Exception | None:
    try:
        work()
    except Exception as error:  # noqa: BLE001  the tests judge which one it may be
        return error
    return None


def _http(deadline: float = 10.0, attempts: int = 4) -> Outbound:
    return Outbound(allow_private=True, deadline=deadline, attempts=attempts, sleep=lambda seconds: None)


@contextmanager
def _store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory(prefix="fichehub-contract-") as folder:
        store = Store.open(f"sqlite:///{folder}/hub.sqlite", Path(folder), now=lambda: NOW)
        try:
            yield store
        finally:
            store.close()


@contextmanager
def _captured() -> Iterator[Callable[[], str]]:
    """What is logged or printed meanwhile."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(written), redirect_stderr(written):
            yield written.getvalue
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
