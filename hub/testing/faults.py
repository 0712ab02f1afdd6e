"""The faults that every simulator can show, whatever it speaks: what the real world does to an answer on its way.

Each happens to one request in `every`, counted, so that the same requests meet the same faults. A fault of a simulator's own language (a wrong
total, a renamed label) is declared by its class and acted upon there.
"""

from __future__ import annotations

from hub.testing.wsgi_server import Spoil, Wire

_PIECES = 20
_HANG_SECONDS = 600.0
_FLOOD_CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
_FLOOD_CHUNKS = 2**31 // 0x10000


def rate_limit(wire: Wire, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
    """429 with Retry-After: 1 (RFC 6585 section 4)."""
    _send(
        wire,
        "429 Too Many Requests",
        [("Retry-After", "1"), ("Content-Type", "application/json")],
        b'{"error":"slow down"}',
    )


def server_error(wire: Wire, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
    """500 with a page that is not JSON."""
    _send(wire, "500 Internal Server Error", [("Content-Type", "text/html")], b"<h1>Something went wrong</h1>")


def cut_off(wire: Wire, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
    """Half of the body, then the connection is closed."""
    wire.send(_head(status, headers, len(body) + 1) + body[: len(body) // 2])


def slow(wire: Wire, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
    """The whole answer, in pieces over about a second."""
    wire.send(_head(status, headers, len(body)))
    step = max(1, -(-len(body) // _PIECES))
    for start in range(0, len(body), step):
        if wire.wait(1 / _PIECES):
            return
        wire.send(body[start : start + step])


def dribble(wire: Wire, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
    """One byte per second: never late enough for a time-out between two bytes, never done."""
    wire.send(_head(status, headers, len(body)))
    for start in range(len(body)):
        if wire.wait(1.0):
            return
        wire.send(body[start : start + 1])


def flood(wire: Wire, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
    """2 GB of an answer whose length was not said."""
    kept = [(name, value) for name, value in headers if name.lower() not in ("content-length", "connection")]
    wire.send(_lines(status, [*kept, ("Transfer-Encoding", "chunked"), ("Connection", "close")]))
    for _ in range(_FLOOD_CHUNKS):
        if wire.wait(0):
            return
        wire.send(_FLOOD_CHUNK)


def redirect(wire: Wire, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
    """A redirect to an address of the hub's own network, where machines keep their secrets."""
    _send(wire, "302 Found", [("Location", "http://169.254.169.254/latest/meta-data/")], b"")


def timeout(wire: Wire, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
    """No answer at all."""
    wire.wait(_HANG_SECONDS)


GENERIC: dict[str, tuple[Spoil, int]] = {
    "rate-limit": (rate_limit, 5),
    "server-error": (server_error, 4),
    "cut-off": (cut_off, 4),
    "slow": (slow, 1),
    "dribble": (dribble, 1),
    "flood": (flood, 1),
    "redirect": (redirect, 1),
    "timeout": (timeout, 1),
}
"""Name -> what it does, and that it happens to one request in so many unless told otherwise."""


def help_texts() -> dict[str, str]:
    """Name -> one sentence about each generic fault."""
    return {name: f"{' '.join((spoil.__doc__ or '').split())} One request in {every}." for name, (spoil, every) in GENERIC.items()}


def _send(wire: Wire, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
    wire.send(_head(status, headers, len(body)) + body)


def _head(status: str, headers: list[tuple[str, str]], length: int) -> bytes:
    kept = [(name, value) for name, value in headers if name.lower() not in ("content-length", "connection")]
    return _lines(status, [*kept, ("Content-Length", str(length)), ("Connection", "close")])


def _lines(status: str, headers: list[tuple[str, str]]) -> bytes:
    told = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(told) + "\r\n\r\n").encode("latin-1")
