"""Who reads or sends slowly holds up nobody: one request at a time has the turn, and nobody keeps it while he waits for somebody outside."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert
from werkzeug.test import EnvironBuilder

from hub.model.claims import Claim
from hub.store import Store
from hub.store.tables import connection
from hub.web.turns import IN_MEMORY, Turn, in_turns

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LIMIT = 1 << 20


def asked(application: WSGIApplication, path: str = "/", **more: Any) -> tuple[str, Iterable[bytes]]:
    """The status and the answer, as a server gets them that lets bodies end by themselves."""
    environ = EnvironBuilder(path=path).get_environ() | {"wsgi.input_terminated": True, **more}
    told: list[str] = []

    def start(status: str, headers: object, *rest: object) -> Callable[[bytes], object]:
        told.append(status)
        return lambda piece: None

    answer = application(environ, start)
    return told[-1], answer


class Answer:
    """Pieces, of which each is made when it is asked for; knows when it is closed."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = iter(pieces)
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = next(self._pieces)
        if isinstance(piece, Exception):
            raise piece
        return piece

    def close(self) -> None:
        self.closed += 1


def answering(answer: Any, *headers: tuple[str, str]) -> WSGIApplication:
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", list(headers))
        return answer if environ["PATH_INFO"] == "/" else [b"another"]

    return in_turns(application, LIMIT)


def is_free(application: WSGIApplication) -> bool:
    """Whether somebody else gets an answer now; who would have to wait is left behind."""
    got: list[bytes] = []
    other = threading.Thread(target=lambda: got.extend(asked(application, path="/another")[1]), daemon=True)
    other.start()
    other.join(10)
    return got == [b"another"]


# --- answers --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pieces", "headers"), [([b"whole"], [("Content-Length", "5")]), ([], [("Content-Length", "5")]), ([], [])])
def test_an_answer_that_is_there_is_handed_over_whole(pieces: list[bytes], headers: list[tuple[str, str]]) -> None:
    answer = Answer(*pieces)
    _, given = asked(answering(answer, *headers))
    assert (given, answer.closed) == (pieces, 1)
    assert asked(answering(tuple(pieces)))[1] == pieces


def test_a_stream_is_whole_and_between_its_pieces_it_is_the_turn_of_others() -> None:
    answer = Answer(b"one", b"two", b"three")
    application = answering(answer, ("Content-Length", "11"))
    _, stream = asked(application)
    got = []
    for piece in stream:
        got.append(piece)
        assert is_free(application)
    assert got == [b"one", b"two", b"three"]
    stream.close()  # type: ignore[attr-defined]
    assert answer.closed == 1
    assert is_free(application)


@pytest.mark.parametrize("before", [0, 1, 2])
def test_an_error_in_the_middle_of_a_stream_frees_the_turn(before: int) -> None:
    answer = Answer(*[b"piece"] * before, RuntimeError("broken"))
    application = answering(answer)

    def read() -> None:
        _, stream = asked(application)
        with closing(stream):  # type: ignore[type-var]
            for _ in stream:
                pass

    with pytest.raises(RuntimeError, match="broken"):
        read()
    assert answer.closed == 1
    assert is_free(application)


def test_an_application_that_breaks_frees_the_turn() -> None:
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/":
            raise RuntimeError("broken")
        start_response("200 OK", [])
        return [b"another"]

    turned = in_turns(application, LIMIT)
    with pytest.raises(RuntimeError, match="broken"):
        asked(turned)
    assert is_free(turned)


def test_the_turn_goes_to_who_waits_longest_and_not_to_who_just_had_it() -> None:
    turn, order = Turn(), list[str]()
    begun = [threading.Event() for _ in range(3)]

    def wait(number: int) -> None:
        begun[number].set()
        with turn:
            order.append(f"other {number}")

    others = [threading.Thread(target=wait, args=(number,)) for number in range(3)]
    with turn:
        for number, other in enumerate(others):
            other.start()
            begun[number].wait()
            while len(turn.waiting) <= number:
                pass  # it is about to ask
    with turn:
        order.append("again")
    for other in others:
        other.join()
    assert order == ["other 0", "other 1", "other 2", "again"]


# --- bodies ---------------------------------------------------------------------------------------------------------------------


class Body(io.BytesIO):
    """A body that notes how much of it was read."""

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert 0 < size <= LIMIT, "never more at once than is allowed altogether"
        return super().read(size)


def echoing(seen: list[Any]) -> WSGIApplication:
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        seen.append((environ.get("CONTENT_LENGTH"), environ.get("HTTP_TRANSFER_ENCODING"), environ["wsgi.input"].read()))
        start_response("200 OK", [])
        return [b"heard"]

    return in_turns(application, LIMIT)


def posted(application: WSGIApplication, body: Body, length: int | None) -> str:
    how: dict[str, Any] = {"HTTP_TRANSFER_ENCODING": "chunked"} if length is None else {"CONTENT_LENGTH": str(length)}
    return asked(application, **how | {"REQUEST_METHOD": "POST", "wsgi.input": body})[0]


@pytest.mark.parametrize("size", [0, 10, IN_MEMORY + 10, LIMIT])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_there_as_it_was_sent(size: int, chunked: bool) -> None:
    sent, seen = os.urandom(size), list[Any]()
    assert posted(echoing(seen), Body(sent), None if chunked else size) == "200 OK"
    [(length, how, body)] = seen
    assert (length, how, body) == (str(size), None, sent)


def test_of_a_body_that_is_too_long_no_more_is_read_than_tells_it() -> None:
    seen: list[Any] = []
    announced, unannounced = Body(b"x" * (LIMIT * 2)), Body(b"x" * (LIMIT * 2))
    posted(echoing(seen), announced, LIMIT * 2)
    posted(echoing(seen), unannounced, None)
    assert (announced.tell(), unannounced.tell()) == (0, LIMIT + 1)
    assert [int(length) for length, _, _ in seen] == [LIMIT * 2, LIMIT + 1]  # by which the application refuses both


def test_half_of_a_body_is_not_taken_for_the_whole() -> None:
    seen: list[Any] = []
    assert posted(echoing(seen), Body(b"a=1"), 10) == "400 Bad Request"
    assert seen == []


# --- the real server ------------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys
from pathlib import Path
from hub.web import Settings, server
server.serve(sys.argv[1], Path(sys.argv[2]), Settings(), port=int(sys.argv[3]), on_ready=lambda url: print("Ready", flush=True))
"""
OFFERS = 600
"""With 20 kB of text each: more than all buffers between the server and a reader take."""
STALLED = 7
"""More than there are workers."""


def _claims() -> Iterator[Claim]:
    for number in range(OFFERS):
        text = {"nl": f"{number} " + "Wat hier te doen is, en voor wie. " * 580}
        yield Claim("sociale-kaart", str(number), 1, "aanbod", {"kind": "aanbod", "names": [{"text": {"nl": "Wijkteam"}}], "description": text})


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A hub of two workers that serves files of some megabytes."""
    home = tmp_path_factory.mktemp("turns")
    database = f"sqlite:///{home / 'fichehub.sqlite'}"
    store = Store.open(database, home)
    row = {"name": "fhir", "connector": "fhir", "config": b"{}", "state": "enabled", "created_at": "2026-11-22T09:00:00Z", "partner": ""}
    store.write(lambda writer: writer.put(_claims(), origin="test"))
    store.write(lambda writer: writer.connection.execute(insert(connection).values(row)))
    store.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, database, str(home), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"Ready\n"
        yield "127.0.0.1", port
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


@contextmanager
def connected(address: tuple[str, int], request: bytes) -> Iterator[socket.socket]:
    """A connection with a small window, on which this was asked."""
    with socket.socket() as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asking.settimeout(30)
        asking.connect(address)
        asking.sendall(request)
        yield asking


def others_are_answered(address: tuple[str, int]) -> None:
    """By whichever worker they come to."""
    for path in ("/health", "/fhir/metadata") * 4:
        with urllib.request.urlopen(f"http://{address[0]}:{address[1]}{path}", timeout=30) as response:
            assert response.status == 200


def file_of(address: tuple[str, int]) -> str:
    """The path of an export's file."""
    base = f"http://{address[0]}:{address[1]}"
    wanted = urllib.request.Request(f"{base}/fhir/$export?_type=HealthcareService", headers={"Prefer": "respond-async"})
    with urllib.request.urlopen(wanted, timeout=30) as response:
        listed = response.headers["Content-Location"]
    with urllib.request.urlopen(listed, timeout=30) as response:
        file: str = json.load(response)["output"][0]["url"]
    return file.removeprefix(base)


def test_downloads_that_nobody_reads_on_hold_up_nobody(address: tuple[str, int]) -> None:
    request = f"GET {file_of(address)} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n".encode()
    with ExitStack() as stack:
        stalled = [stack.enter_context(connected(address, request)) for _ in range(STALLED)]
        begun = [each.recv(200) for each in stalled]  # each of them is being served
        assert all(each.startswith(b"HTTP/1.1 200 OK") for each in begun)
        others_are_answered(address)
        read_on = begun[-1] + b"".join(iter(lambda: stalled[-1].recv(1 << 16), b""))
        others_are_answered(address)
    head, _, body = read_on.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    lines = [json.loads(line) for line in _unchunked(body).splitlines()]
    assert len({line["id"] for line in lines}) == len(lines) == OFFERS


def _unchunked(body: bytes) -> bytes:
    """What was sent in chunks; fails when the last one, which is empty, is not there."""
    pieces, rest = [], body
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        pieces.append(rest[:length])
        if not length:
            return b"".join(pieces)
        rest = rest[length + 2 :]


def test_bodies_that_stop_half_way_hold_up_nobody(address: tuple[str, int]) -> None:
    body = b'{"resourceType":"Organization","name":"Half"}'
    head = b"POST /fhir/$validate HTTP/1.1\r\nHost: hub\r\nContent-Type: application/fhir+json\r\nExpect: 100-continue\r\nConnection: close\r\n"
    with ExitStack() as stack:
        halves = [stack.enter_context(connected(address, head + b"Content-Length: %d\r\n\r\n" % len(body))) for _ in range(STALLED)]
        for each in halves:
            assert each.recv(200).startswith(b"HTTP/1.1 100 Continue")  # somebody has begun to read it
            each.sendall(body[:10])
        others_are_answered(address)
        halves[-1].sendall(body[10:])
        response = HTTPResponse(halves[-1])
        response.begin()
        assert response.status == 200
        assert json.loads(response.read())["resourceType"] == "OperationOutcome"


def test_a_connection_is_http_1_from_its_beginning(address: tuple[str, int]) -> None:
    """So that the time in which a request must come begins at once, also where nothing ever comes."""
    with connected(address, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") as asking:
        assert asking.recv(200) == b""


def test_a_body_in_chunks_that_is_too_long_is_refused_and_not_cut(address: tuple[str, int]) -> None:
    head = b"POST /fhir/Organization/_search HTTP/1.1\r\nHost: hub\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
    too_long = (4 << 20) + 1
    with connected(address, head) as asking:
        for piece in (b"name=", b"w" * (too_long - 5)):
            asking.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        asking.sendall(b"0\r\n\r\n")
        response = HTTPResponse(asking)
        response.begin()
        assert response.status == 413
        assert "at most 4 MB" in response.read().decode()
