"""The outbound client against a real server that misbehaves on purpose, and against addresses that it must not touch."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import flask
import pytest

from hub.errors import AuthFailed, ConnectorError, Misconfigured, Unreachable
from hub.outbound import MEGABYTE, Answer, Outbound, check_address, is_global
from hub.testing.simulator import Simulator

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class Partner(Simulator):
    name = "partner"

    def app(self) -> flask.Flask:
        app = flask.Flask("partner")

        @app.get("/rows")
        def rows() -> dict[str, Any]:
            return {
                "rows": list(range(100)),
                "agent": flask.request.headers["User-Agent"],
                "q": flask.request.args.get("q"),
            }

        @app.post("/rows")
        def post() -> dict[str, Any]:
            return {"got": flask.request.get_json(), "type": flask.request.content_type}

        @app.get("/status/<int:code>")
        def status(code: int) -> flask.Response:
            return flask.Response("no", code, {"Location": "/rows", **dict(flask.request.args)})

        @app.get("/large")
        def large() -> flask.Response:
            return flask.Response((b"x" * 65536 for _ in range(160)), mimetype="text/plain")

        @app.get("/bomb")
        def bomb() -> flask.Response:
            return flask.Response(gzip.compress(b"x" * 10_000_000), headers={"Content-Encoding": "gzip"})

        @app.get("/cookie")
        def cookie() -> flask.Response:
            answer = flask.jsonify(cookies=list(flask.request.cookies))
            answer.set_cookie("session", "1")
            return answer

        @app.get("/html")
        def html() -> str:
            return "<h1>Onderhoud</h1>"

        return app


@pytest.fixture(scope="module")
def partner() -> Iterator[Partner]:
    with Partner(world=None) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_faults(partner: Partner) -> Iterator[None]:
    yield
    for fault in partner.fault_texts():
        partner.switch(fault, on=False)
    partner.requests.clear()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def outbound(waits: list[float]) -> Iterator[Outbound]:
    with Outbound(allow_private=True, deadline=5, byte_cap=MEGABYTE, sleep=waits.append, now=lambda: NOW) as client:
        yield client


def test_a_call_brings_back_what_was_answered_and_says_who_asks(partner: Partner, outbound: Outbound) -> None:
    answer = outbound.get(f"{partner.url}/rows", params={"q": "é&"})
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["q"] == "é&"
    assert answer.json()["agent"].startswith("Fichehub/")
    assert outbound.post(f"{partner.url}/rows", json={"a": "é"}).json() == {
        "got": {"a": "é"},
        "type": "application/json",
    }
    assert outbound.get(f"{partner.url}/status/404").status == 404
    assert outbound.get(f"{partner.url}/status/304").status == 304


def test_connections_are_kept_and_cookies_are_not(partner: Partner, outbound: Outbound) -> None:
    for _ in range(2):
        assert outbound.get(f"{partner.url}/cookie").json() == {"cookies": []}


@pytest.mark.parametrize("code", [401, 403])
def test_refused_credentials(partner: Partner, outbound: Outbound, code: int) -> None:
    with pytest.raises(AuthFailed, match=str(code)):
        outbound.get(f"{partner.url}/status/{code}")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(partner: Partner, outbound: Outbound, code: int) -> None:
    with pytest.raises(Unreachable, match="redirect"):
        outbound.get(f"{partner.url}/status/{code}")
    assert len(partner.requests) == 1


def test_whoever_watches_is_told_of_each_attempt_that_failed(partner: Partner) -> None:
    partner.switch("rate-limit", every=1)
    told: list[tuple[int, int]] = []
    with (
        Outbound(allow_private=True, deadline=5, sleep=lambda _: None, asked_again=lambda *at: told.append(at)) as client,
        pytest.raises(Unreachable),
    ):
        client.get(f"{partner.url}/rows")
    assert told == [(1, 4), (2, 4), (3, 4)]


def test_retries_obey_retry_after(partner: Partner, outbound: Outbound, waits: list[float]) -> None:
    partner.switch("rate-limit", every=1)
    with pytest.raises(Unreachable, match="429 and asks to wait 1 seconds") as caught:
        outbound.get(f"{partner.url}/rows")
    assert waits == [1.0, 1.0, 1.0]
    assert caught.value.retry_after == 1.0


def test_a_passing_fault_is_got_past(partner: Partner, outbound: Outbound, waits: list[float]) -> None:
    for fault in ("rate-limit", "server-error", "cut-off"):
        partner.switch(fault, every=3)
    assert [len(outbound.get(f"{partner.url}/rows").json()["rows"]) for _ in range(12)] == [100] * 12
    assert waits
    assert all(0 <= wait <= 2 for wait in waits)


def test_waits_are_spread_at_random(partner: Partner, outbound: Outbound, waits: list[float]) -> None:
    for _ in range(3):
        with pytest.raises(Unreachable):
            outbound.get(f"{partner.url}/status/503")
    assert len(set(waits)) == 9
    assert all(wait <= limit for wait, limit in zip(waits, [0.5, 1.0, 2.0] * 3, strict=True))


def test_who_asks_for_a_long_wait_is_left_alone_at_once(partner: Partner, outbound: Outbound, waits: list[float]) -> None:
    with pytest.raises(Unreachable) as caught:
        outbound.get(f"{partner.url}/status/503?Retry-After=Sun, 22 Nov 2026 10:00:00 GMT")
    assert caught.value.retry_after == 3600
    assert waits == []


@pytest.mark.parametrize("asked", ["31536000", "9" * 40, "Mon, 22 Nov 2027 09:00:00 GMT"])
def test_nobody_is_left_alone_for_more_than_a_day(partner: Partner, outbound: Outbound, asked: str) -> None:
    with pytest.raises(Unreachable) as caught:
        outbound.get(f"{partner.url}/status/503?Retry-After={asked}")
    assert caught.value.retry_after == 24 * 3600


def test_an_attempt_that_would_begin_beyond_all_patience_is_not_waited_for(partner: Partner, waits: list[float]) -> None:
    with Outbound(allow_private=True, patience=0.5, sleep=waits.append) as outbound, pytest.raises(Unreachable) as failure:
        outbound.get(f"{partner.url}/status/503?Retry-After=2")
    assert waits == [] and failure.value.retry_after == 2.0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("Sun, 29 Nov 99999999999999999999 10:00:00 GMT", "answered 503."),
        ("Sun, 29 Nov 2026 99999999999999999999:00:00 GMT", "answered 503."),
        ("Sun, 22 Nov 2026 10:00:00 GMT", "asks to wait 3600 seconds."),
        ("Tue, 22 Nov 2099 10:00:00 GMT", "asks to wait until 2099-11-22T10:00:00Z."),
        ("9" * 40, "asks to wait until 2058-07-31T10:46:39Z."),
    ],
)
def test_how_long_a_partner_asks_to_wait_is_told_so_that_people_understand_it(partner: Partner, outbound: Outbound, asked: str, told: str) -> None:
    with pytest.raises(Unreachable) as caught:
        outbound.get(f"{partner.url}/status/503?Retry-After={asked}")
    assert caught.value.message.endswith(told)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"name": "A\\ud800", "age": NaN}', {"name": "A\ud800", "age": "NaN"}),
        (b"[1, -Infinity]", [1, "-Infinity"]),
        (b'{"name": "An"}', {"name": "An"}),
    ],
)
def test_what_json_does_not_allow_within_a_row_is_left_to_whoever_takes_in_that_row(body: bytes, read: object) -> None:
    assert Answer(200, {}, body, "https://partner.example").json() == read


@pytest.mark.parametrize("body", [b'{"name": "An",}', b"<html>", b"", b'{"name": "An"} {}', b"[" * 100_000])
def test_what_is_not_json_is_told_with_its_place(body: bytes) -> None:
    where = rf"https://partner\.example answered 200 with {len(body):,} bytes \(of no stated type; .+, character [0-9,]+\) that are not JSON\."
    with pytest.raises(Unreachable, match=where):
        Answer(200, {}, body, "https://partner.example").json()


def test_a_post_is_not_sent_twice_unless_that_is_safe(partner: Partner, outbound: Outbound) -> None:
    partner.switch("server-error", every=1)
    with pytest.raises(Unreachable):
        outbound.post(f"{partner.url}/rows", json={})
    assert len(partner.requests) == 1
    with pytest.raises(Unreachable):
        outbound.post(f"{partner.url}/rows", json={}, headers={"Idempotency-Key": "1"})
    assert len(partner.requests) == 5
    partner.switch("server-error", on=False)
    partner.switch("rate-limit", every=1)
    with pytest.raises(Unreachable):
        outbound.post(f"{partner.url}/rows", json={})
    assert len(partner.requests) == 9


def test_a_cut_off_body_is_never_taken_for_a_whole_one(partner: Partner, outbound: Outbound) -> None:
    partner.switch("cut-off", every=1)
    with pytest.raises(Unreachable, match="broke off in the middle"):
        outbound.get(f"{partner.url}/rows")


def test_a_chunked_body_that_breaks_off(outbound: Outbound) -> None:
    with (
        raw_server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n") as url,
        pytest.raises(Unreachable, match="broke off"),
    ):
        outbound.get(url)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 999999 \r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_what_is_not_http(outbound: Outbound, answer: bytes) -> None:
    with raw_server(answer) as url, pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
        outbound.get(url)


@pytest.mark.parametrize("answer", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"])
def test_headers_alone_are_an_answer_where_nobody_reads_a_body(outbound: Outbound, answer: bytes) -> None:
    with raw_server(answer) as url:
        with pytest.raises(Unreachable, match="before its answer began"):
            outbound.post(url, data=b"")
        with Outbound(allow_private=True, deadline=5, attempts=1, bodies=False) as client:
            assert client.post(url, data=b"").status == 200


def test_one_byte_at_a_time_ends_at_the_deadline(partner: Partner) -> None:
    partner.switch("dribble")
    started = time.monotonic()
    with (
        Outbound(allow_private=True, deadline=0.4, attempts=1) as client,
        pytest.raises(Unreachable, match="in full within"),
    ):
        client.get(f"{partner.url}/rows")
    assert time.monotonic() - started < 3


def test_headers_one_byte_at_a_time_end_at_the_deadline() -> None:
    started = time.monotonic()
    server = raw_server(b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * 90, pause=0.05)
    client = Outbound(allow_private=True, deadline=0.4, attempts=1)
    with server as url, client, pytest.raises(Unreachable, match="in full within"):
        client.get(url)
    assert time.monotonic() - started < 3


def test_no_answer_at_all(partner: Partner) -> None:
    partner.switch("timeout")
    with (
        Outbound(allow_private=True, deadline=0.3, attempts=1) as client,
        pytest.raises(Unreachable, match="within 0 seconds"),
    ):
        client.get(f"{partner.url}/rows")


@pytest.mark.parametrize("path", ["/large", "/bomb"])
def test_too_large_an_answer_is_not_taken_in(partner: Partner, outbound: Outbound, path: str) -> None:
    with pytest.raises(Unreachable, match="sends more than 1,048,576 bytes"):
        outbound.get(partner.url + path)
    assert len(partner.requests) == 1


@pytest.mark.parametrize("path", ["/large", "/bomb"])
def test_a_call_that_can_mean_little_takes_little_in(partner: Partner, outbound: Outbound, path: str) -> None:
    with pytest.raises(Unreachable, match="sends more than 4,096 bytes"):
        outbound.get(partner.url + path, byte_cap=4096)
    with pytest.raises(Unreachable, match="sends more than 10 bytes"):
        outbound.post(f"{partner.url}/rows", json={"a": "é"}, byte_cap=10)
    with pytest.raises(Unreachable, match="sends more than 1,048,576 bytes"):
        outbound.get(partner.url + path, byte_cap=10 * MEGABYTE)


def test_a_declared_length_past_the_cap_is_not_read(outbound: Outbound) -> None:
    with (
        raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000000\r\n\r\nx") as url,
        pytest.raises(Unreachable, match="sends more than"),
    ):
        outbound.get(url)


def test_what_is_not_json(partner: Partner, outbound: Outbound) -> None:
    with pytest.raises(Unreachable, match=r"/html answered 200 with 18 bytes \(text/html; charset=utf-8; .*, character 0\) that are not JSON"):
        outbound.get(f"{partner.url}/html").json()


def test_nobody_listens(outbound: Outbound) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match="cannot be connected to"):
            outbound.get(f"http://127.0.0.1:{taken.getsockname()[1]}/")


def test_an_unknown_host(outbound: Outbound) -> None:
    with pytest.raises(Unreachable, match="the name of the host is not known"):
        outbound.get("http://nowhere.invalid/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "example.org",
        "https://",
        "https://[::1",
        "https://example.org:99999/",
        "http://u:hunter22@127.0.0.1/",
    ],
)
def test_an_address_that_is_none(outbound: Outbound, url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        outbound.get(url)
    assert "hunter22" not in caught.value.message


def test_by_default_only_the_public_internet_over_https(partner: Partner) -> None:
    with Outbound() as client:
        with pytest.raises(Misconfigured, match="only called over https"):
            client.get(f"{partner.url}/rows")
        for host in ("127.0.0.1", "localhost", "[::1]"):
            with pytest.raises(Misconfigured, match="may not be called: its host lies in a private or reserved network"):
                client.get(f"https://{host}:{partner.url.rpartition(':')[2]}/rows")
    assert not partner.requests


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("8.8.8.8", "10.0.0.5")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with Outbound() as client, pytest.raises(Misconfigured, match="private or reserved"):
        client.get("https://partner.example.org/")


def test_the_address_that_was_checked_is_the_one_connected_to(partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves once to a public and then to our own address gets nowhere: it is resolved once."""
    asked: list[str] = []

    def resolve(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with Outbound(allow_private=True) as client:
        port = partner.url.rpartition(":")[2]
        assert client.get(f"http://partner.example.org:{port}/rows").status == 200
    assert asked == ["partner.example.org"]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1", "::1", "fe80::1%eth0",
     "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "ff02::1"],
)  # fmt: skip
def test_addresses_that_are_not_the_internet(address: str) -> None:
    assert not is_global(address)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "169.254.169.254", "10.0.0.7", "[::1]", "[fe80::1%25eth0]", "[::ffff:10.0.0.1]", "localhost", "LocalHost.", "keys.localhost",
     "127.1", "2130706433", "0x7f000001", "0177.0.0.1"],
)  # fmt: skip
def test_a_host_that_is_written_as_one_of_the_own_network_is_told_before_anybody_calls_it(host: str) -> None:
    with pytest.raises(Misconfigured, match="private or reserved network"):
        check_address(f"https://{host}/keys")
    check_address(f"https://{host}/keys", allow_private=True)


@pytest.mark.parametrize(
    "host",
    [
        "8.8.8.8",
        "[2a00:1450:4001::1]",
        "epd.example.org",
        "localhost.example.org",
        "10.example.org",
        "\N{LATIN SMALL LETTER E WITH ACUTE}pd.example.org",
    ],
)
def test_a_host_that_may_be_in_the_internet_is_taken(host: str) -> None:
    assert check_address(f"https://{host}/keys") == f"https://{host}/keys"


@pytest.mark.parametrize("address", ["8.8.8.8", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet(address: str) -> None:
    assert is_global(address)


def test_no_message_holds_a_secret(partner: Partner, outbound: Outbound) -> None:
    partner.switch("server-error", every=1)
    with pytest.raises(ConnectorError) as caught:
        outbound.get(f"{partner.url}/rows?token=hunter22", headers={"Authorization": "Bearer hunter22"})
    assert "hunter22" not in str(caught.value)
    assert "/rows" in str(caught.value)


def test_the_environment_is_not_asked_for_a_proxy(partner: Partner, outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert outbound.get(f"{partner.url}/rows").status == 200


class raw_server:
    """A server that sends these bytes to whoever connects, and closes."""

    def __init__(self, answer: bytes, pause: float = 0.0) -> None:
        self._answer = answer
        self._pause = pause
        self._over = threading.Event()

    def __enter__(self) -> str:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/"

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            with client:
                client.settimeout(2)
                try:
                    client.recv(65536)
                    step = 1 if self._pause else len(self._answer) or 1
                    for start in range(0, len(self._answer), step):
                        client.sendall(self._answer[start : start + step])
                        if self._over.wait(self._pause):
                            break
                except OSError:
                    pass

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=5)
