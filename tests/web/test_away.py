"""A database that hangs up, fails over or is away: who asks is told when to come back, and nobody gets an empty answer."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flask
import pytest
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError
from werkzeug.test import EnvironBuilder

from hub import plugins
from hub.errors import StoreBusy
from hub.store import Store, log_reading, opening
from hub.store.tables import connection
from hub.web import Settings, create_app, health, problems
from hub.web.turns import in_turns
from tests.own_postgres import PostgresServer

ASKED = ("/fhir/Practitioner?family=Peeters", "/api/v1/fiches?kind=zorgverlener")


def _opened(url: str, home: Path) -> Store:
    store = Store.open(url, home)
    row = {
        "name": "fhir",
        "connector": "fhir",
        "partner": "",
        "state": "enabled",
        "config": b"{}",
        "secrets": b"",
        "schedule": "",
        "created_at": "2026-11-22",
    }
    known = connection.c.keys()
    store.write(lambda writer: writer.connection.execute(insert(connection).values({name: value for name, value in row.items() if name in known})))
    return store


@pytest.fixture
def far_store(postgres_database_url: str, tmp_path: Path) -> Iterator[Store]:
    store = _opened(postgres_database_url, tmp_path)
    yield store
    store.close()


@pytest.fixture
def near_store(sqlite_database_url: str, tmp_path: Path) -> Iterator[Store]:
    store = _opened(sqlite_database_url, tmp_path)
    yield store
    store.close()


@pytest.fixture
def far_app(far_store: Store) -> flask.Flask:
    return create_app(far_store, plugins.load(), Settings())


def hang_up(store: Store) -> None:
    """As a server that restarts does to each of its sessions."""
    other = opening.throwaway(store.engine)
    with other.connect() as one:
        sql = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert one.exec_driver_sql(sql).all()
    other.dispose()


@pytest.mark.parametrize("path", ASKED)
def test_after_a_failover_the_first_request_is_answered(far_app: flask.Flask, far_store: Store, path: str) -> None:
    client = far_app.test_client()
    assert client.get(path).status_code == 200
    hang_up(far_store)
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ASKED)
def test_hung_up_in_the_middle_says_when_to_come_back(far_app: flask.Flask, far_store: Store, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., Any] = log_reading.state
    client = far_app.test_client()
    with monkeypatch.context() as patched:

        def dies(asking: Any) -> Any:
            hang_up(far_store)
            return real(asking)

        patched.setattr(log_reading, "state", dies)
        told = client.get(path)
    assert (told.status_code, int(told.headers["Retry-After"]) > 0) == (503, True)
    assert "try again in a few seconds" in told.get_data(as_text=True)
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ASKED)
def test_away_says_when_to_come_back(far_app: flask.Flask, far_store: Store, postgres_server: PostgresServer, path: str) -> None:
    postgres_server.drop(str(far_store.engine.url.database))
    told = far_app.test_client().get(path)
    assert (told.status_code, int(told.headers["Retry-After"]) > 0) == (503, True)
    assert "try again in a few seconds" in told.get_data(as_text=True)


def test_away_is_said_on_the_start_page_in_the_language_of_the_reader(
    far_app: flask.Flask, far_store: Store, postgres_server: PostgresServer
) -> None:
    client = far_app.test_client()
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    assert "Verbindingen" in client.get("/", headers=browser).get_data(as_text=True)
    postgres_server.drop(str(far_store.engine.url.database))
    told = client.get("/", headers=browser)
    assert (told.status_code, told.mimetype, int(told.headers["Retry-After"]) > 0) == (503, "text/html", True)
    assert "De database antwoordt niet." in told.get_data(as_text=True)
    assert "Verbindingen" not in told.get_data(as_text=True), "what is not known is not told"
    assert "La base de données ne répond pas." in client.get("/?lang=fr", headers=browser).get_data(as_text=True)
    assert client.get("/").mimetype == problems.MEDIA_TYPE, "a program is told as everywhere"


@pytest.mark.parametrize(("error", "status"), [(RuntimeError("at the end"), 500), (StoreBusy("at the end"), 503)])
def test_what_fails_at_the_end_of_a_request_is_answered_too(error: Exception, status: int) -> None:
    app = flask.Flask(__name__)

    @app.teardown_request
    def fails(_: BaseException | None) -> None:
        raise error

    app.wsgi_app = problems.never_empty(app.wsgi_app)  # type: ignore[method-assign, assignment]
    told = app.test_client().get("/")
    assert (told.status_code, told.content_type, "Retry-After" in told.headers) == (status, "application/problem+json", status == 503)
    assert told.get_json()["detail"] and "at the end" not in told.get_data(as_text=True)


@pytest.mark.parametrize(("code", "said", "seconds"), [
    (sqlite3.SQLITE_FULL, "The disk of the database is full.", "300"),
    (sqlite3.SQLITE_IOERR_SHMSIZE, "The disk of the database is full.", "300"),
    (sqlite3.SQLITE_READONLY, "The database cannot be read or written.", "300"),
    (sqlite3.SQLITE_BUSY, "The database is busy or away.", "5"),
])  # fmt: skip
def test_who_has_to_wait_for_somebody_to_make_room_is_told_so(
    near_store: Store, monkeypatch: pytest.MonkeyPatch, code: int, said: str, seconds: str
) -> None:
    client = create_app(near_store, plugins.load(), Settings()).test_client()

    def refuses(*_: object) -> Any:
        error = sqlite3.OperationalError("what it says")
        error.sqlite_errorcode = code
        raise OperationalError("BEGIN", (), error)

    monkeypatch.setattr(near_store, "read", refuses)
    for path in ASKED:
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, seconds)
        assert said in answer.get_data(as_text=True)


def test_health_tells_that_nothing_can_be_written(near_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    client = create_app(near_store, plugins.load(), Settings()).test_client()
    before = client.get("/health").get_json()["status"]
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    assert (before, client.get("/health").get_json()["status"]) == ("UP", "DEGRADED")


def test_health_waits_for_no_database_that_hangs_and_however_many_ask_it_costs_a_few_threads(
    far_app: flask.Flask, far_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = far_app.test_client()
    assert client.get("/health").get_json() == {"status": "UP"}
    monkeypatch.setattr(health, "PATIENCE", 0.02)
    other = opening.throwaway(far_store.engine)
    with other.connect() as one:
        one.exec_driver_sql("LOCK TABLE counter IN ACCESS EXCLUSIVE MODE")  # whoever reads it waits, as behind a pool whose server is away
        told = [client.get("/health") for _ in range(12)]
        assert {(each.status_code, each.get_json()["status"]) for each in told} == {(503, "DOWN")}
        looking = [thread for thread in threading.enumerate() if thread.name == "health"]
        assert 1 <= len(looking) <= 4
        one.rollback()
    other.dispose()
    for thread in looking:
        thread.join(30)
    monkeypatch.setattr(health, "PATIENCE", 30.0)
    assert client.get("/health").get_json() == {"status": "UP"}
    assert [thread for thread in looking if thread.is_alive()] == []


def test_health_does_not_wait_for_a_request_to_which_the_database_does_not_answer(far_app: flask.Flask) -> None:
    turned = in_turns(far_app, 1 << 20, health.PATHS)
    inside, goes_on = threading.Event(), threading.Event()

    @far_app.before_request
    def hangs() -> None:
        if flask.request.path == "/metrics":
            inside.set()
            assert goes_on.wait(60)

    def ask(path: str) -> str:
        told: list[str] = []
        environ = EnvironBuilder(path=path).get_environ()
        list(turned(environ, lambda status, headers, *rest: told.append(status)))  # type: ignore[arg-type]
        return told[0]

    other = threading.Thread(target=ask, args=("/metrics",))
    other.start()
    try:
        assert inside.wait(60)
        for path in health.PATHS:
            assert ask(path) == "200 OK"
    finally:
        goes_on.set()
        other.join(60)
