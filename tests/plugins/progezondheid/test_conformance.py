"""The conformance suite passes the simulator, and each of its requirements fails a simulator that breaks just that one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import orjson
import pytest

from hub import World
from plugins.progezondheid.conformance import REQUIREMENTS, Asking, run
from plugins.progezondheid.conformance.__main__ import main
from plugins.progezondheid.simulator import TOKEN, ProGezondheidSimulator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

COUNT = 20
Answer = tuple[str, dict[str, str], Any]
Break = Callable[["Spoilt", "WSGIEnvironment", Callable[[], Answer]], Answer]


class Spoilt(ProGezondheidSimulator):
    """Answers as `spoil` makes of it."""

    spoil: ClassVar[Break | None] = None
    count = 0

    def app(self) -> WSGIApplication:
        whole = super().app()

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            said: list[Any] = []

            def begin(status: str, headers: list[tuple[str, str]], error: Any = None, /) -> Callable[[bytes], object]:
                said[:] = [status, dict(headers)]
                return said.append

            def ask() -> Answer:
                body = b"".join(whole(environ, begin))
                return said[0], said[1], orjson.loads(body) if body else None

            spoil = type(self).spoil
            if spoil is None:
                return whole(environ, start_response)
            self.count += 1
            status, headers, body = spoil(self, environ, ask)
            start_response(status, list(headers.items()))
            return [b"" if body is None else orjson.dumps(body)]

        return answer


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture
def register(world: World) -> Iterator[Spoilt]:
    with Spoilt(world, count=COUNT) as simulator:
        yield simulator


def number(register: Spoilt) -> str:
    return str(register.register.after(register.register.start(0), 1).items[0]["nihdi8"])


def asks(register: Spoilt) -> Asking:
    return Asking(register.url, TOKEN, number(register))


def status(old: str, new: str) -> Break:
    def spoil(register: Spoilt, environ: WSGIEnvironment, ask: Callable[[], Answer]) -> Answer:
        found, headers, body = ask()
        return (new if found.startswith(old) else found), headers, body

    return spoil


def request(change: Callable[[Spoilt, WSGIEnvironment], None]) -> Break:
    def spoil(register: Spoilt, environ: WSGIEnvironment, ask: Callable[[], Answer]) -> Answer:
        change(register, environ)
        return ask()

    return spoil


def body(change: Callable[[Spoilt, WSGIEnvironment, Any], Any]) -> Break:
    def spoil(register: Spoilt, environ: WSGIEnvironment, ask: Callable[[], Answer]) -> Answer:
        found, headers, said = ask()
        return found, headers, change(register, environ, said) if isinstance(said, dict) and found.startswith("2") else said

    return spoil


def _open(register: Spoilt, environ: WSGIEnvironment) -> None:
    environ["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"


def _any_token(register: Spoilt, environ: WSGIEnvironment) -> None:
    if "HTTP_AUTHORIZATION" in environ:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"


def _no_limit(register: Spoilt, environ: WSGIEnvironment) -> None:
    environ["QUERY_STRING"] = environ["QUERY_STRING"].replace("limit=2", "limit=7")


def _no_since(register: Spoilt, environ: WSGIEnvironment) -> None:
    environ["QUERY_STRING"] = "limit=5"


def _new_key(register: Spoilt, environ: WSGIEnvironment) -> None:
    if "HTTP_IDEMPOTENCY_KEY" in environ:
        environ["HTTP_IDEMPOTENCY_KEY"] += str(register.count)


def _without(name: str) -> Break:
    return body(lambda register, environ, said: {key: value for key, value in said.items() if key != name})


def _unsteady(register: Spoilt, environ: WSGIEnvironment, said: Any) -> Any:
    items = said["items"][register.count % 2 :]
    return {**said, "items": items, "count": len(items)}


def _lost(register: Spoilt, environ: WSGIEnvironment, said: Any) -> Any:
    return {**said, "items": said["items"][::2]}


def _backwards(register: Spoilt, environ: WSGIEnvironment, said: Any) -> Any:
    return {**said, "items": said["items"][::-1]} if "limit=6" in environ["QUERY_STRING"] else said


def _again(register: Spoilt, environ: WSGIEnvironment, said: Any) -> Any:
    return {**said, "next_cursor": "l0-0-0-0"} if said["complete"] else said


def _mistyped(register: Spoilt, environ: WSGIEnvironment, said: Any) -> Any:
    first = said["items"][0]
    wrong = f"{(int(first['nihdi8']) + 1) % 10**8:08d}"
    return {**said, "items": [{**first, "nihdi": wrong + first["nihdi"][8:], "nihdi8": wrong}]}


def _other(**fields: Any) -> Break:
    return body(lambda register, environ, said: said if "items" in said or environ["REQUEST_METHOD"] == "POST" else {**said, **fields})


def _no_tag(register: Spoilt, environ: WSGIEnvironment, ask: Callable[[], Answer]) -> Answer:
    found, headers, said = ask()
    return found, {name: value for name, value in headers.items() if name != "ETag"}, said


def _nothing_new(register: Spoilt, environ: WSGIEnvironment, said: Any) -> Any:
    return {**said, "items": []} if environ["PATH_INFO"] == "/proposals" and "items" in said else said


def _always_one(register: Spoilt, environ: WSGIEnvironment, said: Any) -> Any:
    return {"withdrawn": 1} if "withdrawn" in said else said


def _at_once(register: Spoilt, environ: WSGIEnvironment, said: Any) -> Any:
    if environ["REQUEST_METHOD"] == "GET" and "languages" in said and register.desk.proposals:
        return {**said, "languages": ["sv"]}
    return said


def _hurried(register: Spoilt, environ: WSGIEnvironment, ask: Callable[[], Answer]) -> Answer:
    if register.count == 1:
        return "429 Too Many Requests", {"Content-Type": "application/problem+json"}, {"title": "x", "status": 429, "detail": "x"}
    return ask()


def _busy(register: Spoilt, environ: WSGIEnvironment, ask: Callable[[], Answer]) -> Answer:
    """One request in seven has to come back, and is told when."""
    if register.count % 7:
        return ask()
    return "429 Too Many Requests", {"Retry-After": "1"}, {"title": "x", "status": 429, "detail": "x"}


BREAKS: dict[str, Break] = {
    "A1": request(_open),
    "A2": request(_any_token),
    "L1": _without("server_time"),
    "L2": request(_no_limit),
    "L3": status("400", "404 Not Found"),
    "L4": body(_unsteady),
    "L5": body(_backwards),
    "L6": body(_again),
    "L7": request(_no_since),
    "C1": body(_mistyped),
    "C2": _other(convention=None, languages=["sv"]),
    "C3": _no_tag,
    "C4": status("404", "410 Gone"),
    "P1": status("202", "201 Created"),
    "P2": request(_new_key),
    "P3": status("409", "202 Accepted"),
    "P4": status("428", "412 Precondition Failed"),
    "P5": status("412", "202 Accepted"),
    "P6": status("422", "202 Accepted"),
    "P7": status("422", "202 Accepted"),
    "P8": status("404", "202 Accepted"),
    "P9": _other(id="another"),
    "P10": body(_nothing_new),
    "P11": _other(state="pending", decided_at=None),
    "P12": body(_always_one),
    "P13": body(_at_once),
    "P14": status("422", "202 Accepted"),
    "T1": _hurried,
}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def test_the_simulator_keeps_the_contract(register: Spoilt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spoilt, "spoil", _busy)
    verdicts = list(run(asks(register)))
    assert [(one.id, one.detail) for one in verdicts if one.outcome != "pass"] == []
    assert {one.id for one in verdicts} == set(REQUIREMENTS)
    waiting = [one["id"] for one in register.desk.proposals.values() if one["state"] == "pending"]
    assert waiting == [], "what was proposed was taken back"


def test_every_requirement_has_something_that_breaks_it() -> None:
    assert set(BREAKS) == set(REQUIREMENTS)


@pytest.mark.parametrize("id", BREAKS)
def test_what_breaks_a_requirement_fails_it(register: Spoilt, monkeypatch: pytest.MonkeyPatch, id: str) -> None:
    opened = asks(register)
    monkeypatch.setattr(Spoilt, "spoil", BREAKS[id])
    if id == "T1":
        list(run(opened, ["L1"]))
    (verdict,) = run(opened, [id])
    assert verdict.outcome == "fail"
    assert verdict.detail
    assert verdict.exchanges or id == "T1"
    assert TOKEN not in repr(verdict)


def test_the_command_tells_requirement_by_requirement(register: Spoilt, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--base-url", register.url, "--token", TOKEN]
    assert main(where) == 0
    told = capsys.readouterr().out
    assert "pass    L5" in told and "skipped P1" in told and "0 fail" in told
    monkeypatch.setattr(Spoilt, "spoil", BREAKS["C3"])
    assert main([*where, "--json", "--only", "C3"]) == 1
    (verdict,) = orjson.loads(capsys.readouterr().out)
    assert (verdict["outcome"], verdict["exchanges"][-1]["status"]) == ("fail", 200)


@pytest.mark.parametrize("more", [[], ["--only", "L1"], ["--json"]])
def test_where_nobody_answers_nothing_could_be_tried(capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    assert main(["--base-url", "http://127.0.0.1:1", "--token", "x", *more]) == 2
    told = capsys.readouterr()
    assert "Nothing could be tried: http://127.0.0.1:1 gives no answer" in told.err and "fail" not in told.out


def test_a_system_that_stops_answering_fails(register: Spoilt) -> None:
    asking = asks(register)
    assert [verdict.outcome for verdict in run(asking, ["L1"])] == ["pass"]
    asking.base = "http://127.0.0.1:1"
    (verdict,) = run(asking, ["L1"])
    assert (verdict.outcome, "no full answer" in verdict.detail) == ("fail", True)


def test_a_page_that_lost_rows_on_its_way_is_no_page(register: Spoilt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spoilt, "spoil", body(_lost))
    (verdict,) = run(asks(register), ["L1"])
    assert (verdict.outcome, verdict.detail) == ("fail", "It says `count` 20 and has 10 items.")
