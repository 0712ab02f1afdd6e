"""The simulator kit over real sockets: routes, keep-alive, and every fault as a client sees it."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import flask
import pytest

from hub.testing.simulator import Simulator


class Clock(Simulator):
    """A system with three kinds of answers."""

    name = "clock"
    faults = {"wrong-time": "The clock is a day behind."}

    def app(self) -> flask.Flask:
        app = flask.Flask("clock")

        @app.get("/time")
        def time() -> dict[str, str]:
            return {"day": "yesterday" if self.fault("wrong-time") else "today", "size": self.size}

        @app.post("/echo")
        def echo() -> bytes:
            return flask.request.get_data()

        @app.get("/stream")
        def stream() -> flask.Response:
            return flask.Response((f"{n}\n" for n in range(1000)), mimetype="text/plain")

        @app.get("/zoek/<name>")
        def search(name: str) -> dict[str, str | None]:
            return {"name": name, "q": flask.request.args.get("q"), "key": flask.request.headers.get("X-Key")}

        return app


@pytest.fixture
def clock() -> Iterator[Clock]:
    with Clock(world=None) as running:
        yield running


@pytest.fixture
def connection(clock: Clock) -> Iterator[http.client.HTTPConnection]:
    parts = urlsplit(clock.url)
    open_connection = http.client.HTTPConnection(str(parts.hostname), parts.port or 0, timeout=5)
    yield open_connection
    open_connection.close()


def get(connection: http.client.HTTPConnection, path: str, **headers: str) -> tuple[int, bytes]:
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def switch(connection: http.client.HTTPConnection, **body: object) -> tuple[int, dict[str, object]]:
    connection.request("POST", "/_faults", json.dumps(body))
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_routes_answer_and_the_connection_is_kept(clock: Clock, connection: http.client.HTTPConnection) -> None:
    assert json.loads(get(connection, "/time")[1]) == {"day": "today", "size": "S"}
    kept = connection.sock
    assert json.loads(get(connection, "/zoek/Caf%C3%A9?q=%C3%A9", **{"X-Key": "k"})[1]) == {
        "name": "Café",
        "q": "é",
        "key": "k",
    }
    assert get(connection, "/stream")[1] == b"".join(b"%d\n" % n for n in range(1000))
    connection.request("POST", "/echo", b"body")
    assert connection.getresponse().read() == b"body"
    assert get(connection, "/nowhere")[0] == 404
    assert connection.sock is kept
    assert list(clock.requests)[:2] == ["GET /time", "GET /zoek/Café?q=%C3%A9"]


def test_a_fault_of_its_own_language_is_switched_while_it_runs(
    connection: http.client.HTTPConnection,
) -> None:
    assert switch(connection, name="wrong-time", on=True)[0] == 200
    assert b"yesterday" in get(connection, "/time")[1]
    status, listed = switch(connection, name="wrong-time", on=False)
    assert status == 200
    assert {"name": "wrong-time", "on": False, "help": "The clock is a day behind."} in listed["faults"]  # type: ignore[operator]
    assert b"today" in get(connection, "/time")[1]


@pytest.mark.parametrize("body", [{"name": "nope"}, {}, {"name": "slow", "every": 0}])
def test_an_unknown_fault_is_refused_in_words(connection: http.client.HTTPConnection, body: dict[str, object]) -> None:
    status, answer = switch(connection, **body)
    assert status == 400
    assert answer["error"]


def test_rate_limit_says_when_to_come_back(clock: Clock, connection: http.client.HTTPConnection) -> None:
    clock.switch("rate-limit", every=2)
    assert get(connection, "/time")[0] == 200
    connection.request("GET", "/time")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    answer.read()
    assert get(connection, "/time")[0] == 200


def test_server_errors_come_by_count(clock: Clock, connection: http.client.HTTPConnection) -> None:
    clock.switch("server-error")
    assert [get(connection, "/time")[0] for _ in range(8)] == [200, 200, 200, 500, 200, 200, 200, 500]


def test_cut_off_breaks_in_the_middle(clock: Clock, connection: http.client.HTTPConnection) -> None:
    clock.switch("cut-off", every=1)
    with pytest.raises(http.client.IncompleteRead):
        get(connection, "/time")


def test_slow_gives_all_of_it_in_the_end(clock: Clock, connection: http.client.HTTPConnection) -> None:
    clock.switch("slow")
    started = time.monotonic()
    assert b"today" in get(connection, "/time")[1]
    assert time.monotonic() - started > 0.5


def drain(client: socket.socket) -> None:
    while client.recv(4096):
        pass


@pytest.mark.parametrize("fault", ["timeout", "dribble"])
def test_a_hanging_answer_ends_when_the_simulator_stops(fault: str) -> None:
    clock = Clock(world=None, faults=[fault])
    parts = urlsplit(clock.start())
    with socket.create_connection((str(parts.hostname), parts.port or 0), timeout=5) as client:
        client.sendall(b"GET /time HTTP/1.1\r\nHost: x\r\n\r\n")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            drain(client)
        clock.stop()
        client.settimeout(5)
        drain(client)


def test_faults_are_chosen_at_the_start() -> None:
    with Clock(world=None, faults=["server-error=1", "wrong-time"]) as clock:
        assert clock.fault("wrong-time")
        parts = urlsplit(clock.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port or 0, timeout=5)
        assert get(connection, "/time")[0] == 500
        connection.close()
    with pytest.raises(ValueError, match="clock has no fault 'nope'; it has: cut-off, "):
        Clock(world=None, faults=["nope"])
    with pytest.raises(ValueError, match="after '=' comes a number"):
        Clock(world=None, faults=["slow=often"])


def test_the_same_seed_gives_the_same_chances() -> None:
    assert Clock(None, seed=1).random.random() == Clock(None, seed=1).random.random() != Clock(None, seed=2).random.random()
