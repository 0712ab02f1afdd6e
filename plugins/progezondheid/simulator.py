"""ProGezondheid as a simulator: our contract (`contract/openapi.yaml`) over real HTTP, with a fictional register behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qs

import orjson
from werkzeug.http import parse_etags

from hub import Simulator, World
from plugins.progezondheid import desk
from plugins.progezondheid.contract import judge
from plugins.progezondheid.desk import Desk, Proposal
from plugins.progezondheid.entries import Provider, as_told, text_of
from plugins.progezondheid.register import Place, Register

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

TOKEN: Final = "fictional-token"  # noqa: S105  opens a simulator, nothing else
MOST_PER_PAGE: Final = 1000
MOST_PER_REQUEST: Final = 1_000_000
"""Bytes of one proposal."""
_PER_PAGE: Final = 500
_SKEW: Final = timedelta(hours=3)
_RENAMED: Final = ("professions", "healthcare_professions")
_CHANGES_ITEMS: Final = ("late-events", "duplicate-events", "clock-skew", "drift", "drift-inside", "new-field")
_REJECTION: Final = "The caregiver does not confirm this (fictional)."


class _Problem(Exception):
    """An answer that is an error (RFC 9457)."""

    def __init__(self, status: str, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"type": "about:blank", "title": title, "status": int(status[:3]), "detail": detail}


class ProGezondheidSimulator(Simulator):
    """Shows the register persons of a world; `count`: only the first so many. The bearer token is `TOKEN`.

    Tests and demonstrations change it while it serves: `edit`, `withdraw`, `delete`, `decide`. Each edit is a change that a reader finds behind its
    cursor. Proposals wait until somebody decides, or until `accept-proposals` or `reject-proposals` is switched on.
    """

    name = "progezondheid"
    faults: ClassVar[dict[str, str]] = {
        "expired-cursor": "Cursors handed out before this was switched on are answered with 410, as after a restore of the register.",
        "expired-token": "Every token is answered with 401.",
        "duplicate-events": "Every caregiver comes twice in a page.",
        "late-events": "After the changes of a page, the versions before them come once more.",
        "event-log": "The list from the start gives of each caregiver the first version, and behind the last caregiver every change that was ever made.",
        "clock-skew": "Its clock is three hours ahead, in server_time and in updated_at.",
        "drift": f"The field {_RENAMED[0]} is called {_RENAMED[1]} from now on.",
        "drift-inside": "No caregiver has a convention or languages any more, and the street of an address is called street_name.",
        "new-field": "Every caregiver has a field that the contract does not know.",
        "endless-empty": "Every page, of caregivers and of proposals, is empty, is not the last, and has a cursor that was never there before.",
        "accept-proposals": "Every proposal is accepted, also those that wait.",
        "reject-proposals": "Every proposal is rejected, also those that wait.",
        "conflicting-edits": "A caregiver about whom something is proposed changes it just before, once for each field: 412.",
        "lost-answers": "A proposal is taken in, and the answer to it is 500; the second time under the same key it is told.",
    }

    def __init__(
        self,
        world: World,
        *,
        size: str = "S",
        faults: Iterable[str] = (),
        seed: int = 0,
        count: int | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._epoch = 0
        super().__init__(world, size=size, faults=faults, seed=seed)
        self.register = Register(world, count)
        self.register.tells_history = self.fault("event-log")
        self.desk = Desk(self.register)
        self._now = now
        self._disturbed: set[tuple[str, str]] = set()
        self._deciding = Lock()

    # --- what its users do ---------------------------------------------------------------------------------------------------

    def edit(self, nihdi8: str, **fields: Any) -> Provider:
        """A caregiver changes these fields; the answer is the new version. Raises KeyError for an unknown number."""
        return self.register.edit(nihdi8, self._now(), **fields)

    def withdraw(self, nihdi8: str) -> Provider:
        """The visum is withdrawn: the caregiver leaves the register's scope but stays readable."""
        return self.edit(nihdi8, state="withdrawn")

    def delete(self, nihdi8: str) -> Provider:
        """The registration is deleted; only number, version and state are left."""
        return self.edit(nihdi8, state="deleted")

    def decide(self, number: str, accept: bool, reason: str = _REJECTION, *, value: Any = None) -> Proposal:
        """The owner accepts a proposal, as it is or with another `value`, or rejects it. Raises KeyError for an unknown one."""
        verdict: desk.Verdict = "accepted" if accept else "rejected"
        return self.desk.decide(number, verdict, self._now(), None if accept else reason, value)

    def switch(self, name: str, on: bool = True, *, every: int | None = None) -> None:
        """See `Simulator.switch`. Switching `expired-cursor` on lets the cursors expire that are out there; new ones are good."""
        super().switch(name, on, every=every)
        if name == "expired-cursor" and on:
            self._epoch += 1
        if name == "event-log" and hasattr(self, "register"):
            self.register.tells_history = on
        if name in ("accept-proposals", "reject-proposals") and on and hasattr(self, "desk"):
            self._decide_waiting()

    def config(self) -> dict[str, Any]:
        """See `Simulator.config`."""
        return {"base_url": self.url, "token": TOKEN}

    # --- how it answers ------------------------------------------------------------------------------------------------------

    def app(self) -> WSGIApplication:
        """The routes of the contract."""

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            status, kind = "200 OK", "application/json"
            try:
                status, body = self._answer(environ)
            except _Problem as problem:
                status, kind, body = problem.status, "application/problem+json", orjson.dumps(problem.body)
            headers = [("Content-Type", kind)]
            if status == "200 OK" and environ["REQUEST_METHOD"] == "GET":
                tag = _tag(body)
                headers.append(("ETag", tag))
                if parse_etags(environ.get("HTTP_IF_NONE_MATCH")).contains_weak(tag.strip('"')):
                    status, body = "304 Not Modified", b""
            elif status.startswith("401"):
                headers.append(("WWW-Authenticate", 'Bearer realm="progezondheid"'))
            elif status.startswith("405"):
                headers.append(("Allow", "GET, POST"))
            start_response(status, headers)
            return [body]

        return answer

    def _answer(self, environ: WSGIEnvironment) -> tuple[str, bytes]:
        if self.fault("expired-token") or environ.get("HTTP_AUTHORIZATION") != f"Bearer {TOKEN}":
            raise _Problem("401 Unauthorized", "Unauthorized", f"Send a bearer token; this simulator takes {TOKEN!r}.")
        path, method = environ["PATH_INFO"].rstrip("/"), environ["REQUEST_METHOD"]
        if method == "POST" and path in ("/proposals", "/withdrawals"):
            said = _body(environ)
            if path == "/withdrawals":
                return self._withdrawn(said)
            return self._proposed(said, environ.get("HTTP_IDEMPOTENCY_KEY"), environ.get("HTTP_IF_MATCH"))
        if method != "GET" or path == "/withdrawals":
            raise _Problem("405 Method Not Allowed", "Method not allowed", "Nothing is answered here by this method.")
        asked = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        if path == "/providers":
            return "200 OK", self._page(asked)
        if path == "/proposals":
            return "200 OK", self._proposals(asked)
        head, _, number = path.rpartition("/")
        found: Any = None
        if head == "/providers" and (found := self.register.find(number)) is not None:
            found = self._shown(found)
        elif head == "/proposals":
            found = self.desk.proposals.get(number)
        if found is None:
            raise _Problem("404 Not Found", "Not found", "There is nothing at this address.")
        return "200 OK", orjson.dumps(found)

    # --- proposals -----------------------------------------------------------------------------------------------------------

    def _proposed(self, said: Any, key: str | None, tag: str | None) -> tuple[str, bytes]:
        if not key or len(key) > 100:
            raise _Problem("400 Bad Request", "No key", "A proposal needs an Idempotency-Key of 1 to 100 characters.")
        try:
            proposal = self.desk.find_again(key, said)
            if proposal is None:
                self._match(said, tag)
                proposal = self.desk.take(key, said, self._now())
                self._decide_waiting()
                if self.fault("lost-answers"):
                    raise _Problem("500 Internal Server Error", "Lost", "The answer was lost on its way (fictional).")
        except desk.Refused as refused:
            raise _Problem(refused.status, "Refused", str(refused)) from None
        return "202 Accepted", orjson.dumps(self.desk.proposals[proposal["id"]])

    def _match(self, said: Any, tag: str | None) -> None:
        """The caregiver must stand as whoever proposes read it."""
        number, field = (said.get("nihdi8"), said.get("field")) if isinstance(said, dict) else (None, None)
        found = self.register.find(number) if isinstance(number, str) else None
        if found is None or found["state"] == "deleted":
            raise _Problem("404 Not Found", "Not found", "There is no such caregiver.")
        if tag is None:
            raise _Problem("428 Precondition Required", "No If-Match", "Name the ETag of the caregiver that you read.")
        if self.fault("conflicting-edits") and (str(said.get("reference")), str(field)) not in self._disturbed:
            self._disturbed.add((str(said.get("reference")), str(field)))
            found = self.edit(found["nihdi8"], **_disturbance(found, str(field)))
        if not parse_etags(tag).is_strong(_tag(orjson.dumps(self._shown(found))).strip('"')):
            raise _Problem("412 Precondition Failed", "Changed", "The caregiver changed since you read it. Read again.")

    def _decide_waiting(self) -> None:
        with self._deciding:
            if self.fault("reject-proposals"):
                self.desk.decide_all("rejected", self._now(), _REJECTION)
            elif self.fault("accept-proposals"):
                self.desk.decide_all("accepted", self._now())

    def _withdrawn(self, said: Any) -> tuple[str, bytes]:
        if not isinstance(said, dict) or not judge("Reference").is_valid(said.get("reference")):
            raise _Problem("400 Bad Request", "No reference", "Name the reference under which you proposed.")
        if "field" in said and not judge("Proposable").is_valid(said["field"]):
            raise _Problem("400 Bad Request", "No such field", "Name a field that can be proposed, or none.")
        count = self.desk.withdraw(said["reference"], said.get("field"), self._now())
        return "200 OK", orjson.dumps({"withdrawn": count})

    def _proposals(self, asked: dict[str, list[str]]) -> bytes:
        _only(asked, {"cursor", "limit"})
        limit, position, epoch = _limit(asked), 0, str(self._epoch)
        if "cursor" in asked:
            epoch, _, text = asked["cursor"][0].removeprefix("p").partition("-")
            if not (epoch.isascii() and epoch.isdigit() and text.isascii() and text.isdigit()) or len(text) > 12:
                raise _Problem("400 Bad Request", "Bad cursor", "This is not a cursor of this register.")
            position = int(text)
            if (int(epoch) < self._epoch and self.fault("expired-cursor")) or position > len(self.desk.events):
                raise _Problem("410 Gone", "Cursor expired", "Begin again without a cursor.")
        if self.fault("endless-empty"):
            return self._empty(f"p0{epoch}-{position}")
        items = self.desk.events[position : position + self._room(limit)]
        end = position + len(items)
        if self.fault("late-events"):
            items = [*items, *(early for item in items if (early := self.desk.earlier(item)) is not None)]
        if self.fault("duplicate-events"):
            items = items + items
        items = items[:limit]
        page = {
            "items": items,
            "count": len(items),
            "next_cursor": f"p{self._epoch}-{end}",
            "complete": end == len(self.desk.events),
            "server_time": self._clock(self._now()),
        }
        return orjson.dumps(page)

    def _room(self, limit: int) -> int:
        """How many new ones a page holds, so that what comes late or twice fits in as well."""
        return max(1, limit // 2) if self.fault("late-events") or self.fault("duplicate-events") else limit

    # --- caregivers ----------------------------------------------------------------------------------------------------------

    def _page(self, asked: dict[str, list[str]]) -> bytes:
        _only(asked, {"cursor", "since", "limit"})
        limit, place = _limit(asked), self._place(asked)
        if self.fault("endless-empty"):
            return self._empty(replace(place, since=place.since + 1).text())
        if any(self.fault(name) for name in _CHANGES_ITEMS):
            found = self.register.after(place, self._room(limit))
            items = [self._shown(provider) for provider in found.items]
            if self.fault("late-events"):
                earlier = [self.register.earlier(provider) for provider in found.items]
                items += [self._shown(provider) for provider in earlier if provider is not None]
            if self.fault("duplicate-events"):
                items += items
            items = items[:limit]
            written, count, after, complete = orjson.dumps(items).decode(), len(items), found.after, found.complete
        else:
            quick = self.register.written_after(place, limit)
            written, count, after, complete = f"[{','.join(quick.items)}]", len(quick.items), quick.after, quick.complete
        end = f'"complete":{"true" if complete else "false"},"server_time":"{self._clock(self._now())}"'
        return f'{{"items":{written},"count":{count},"next_cursor":"{after.text()}",{end}}}'.encode()

    def _empty(self, following: str) -> bytes:
        server_time = self._clock(self._now())
        return orjson.dumps({"items": [], "next_cursor": following, "complete": False, "server_time": server_time})

    def _place(self, asked: dict[str, list[str]]) -> Place:
        if "cursor" not in asked:
            return self.register.start(self._epoch, _since(asked))
        try:
            place = Place.read(asked["cursor"][0])
        except ValueError:
            raise _Problem(
                "400 Bad Request",
                "Bad cursor",
                "This is not a cursor of this register; leave it out to begin.",
            ) from None
        if (place.epoch < self._epoch and self.fault("expired-cursor")) or not self.register.knows(place):
            raise _Problem("410 Gone", "Cursor expired", "Begin again without a cursor.")
        return place

    def _shown(self, provider: Provider) -> Provider:
        provider = as_told(provider)
        if provider["state"] == "deleted":
            return provider
        shown = provider
        if self.fault("clock-skew"):
            shown = {**shown, "updated_at": self._clock(datetime.fromisoformat(provider["updated_at"]))}
        if self.fault("drift"):
            old, new = _RENAMED
            shown = {new if key == old else key: value for key, value in shown.items()}
        if self.fault("drift-inside"):
            addresses = [{**address, "street_name": address["street"]} for address in shown["addresses"]]
            for address in addresses:
                del address["street"]
            shown = {**shown, "convention": None, "languages": [], "addresses": addresses}
        if self.fault("new-field"):
            shown = {**shown, "quality_label": "fictional"}
        return shown

    def _clock(self, moment: datetime) -> str:
        skewed = moment + _SKEW if self.fault("clock-skew") else moment
        return text_of(skewed)


def _tag(body: bytes) -> str:
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def _body(environ: WSGIEnvironment) -> Any:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MOST_PER_REQUEST:
        raise _Problem("413 Content Too Large", "Too large", f"At most {MOST_PER_REQUEST} bytes are taken in.")
    try:
        return orjson.loads(environ["wsgi.input"].read(int(length)))
    except orjson.JSONDecodeError:
        raise _Problem("400 Bad Request", "No JSON", "The body is not JSON.") from None


def _disturbance(provider: Provider, field: str) -> dict[str, Any]:
    """What the caregiver changes by himself just before somebody proposes this field."""
    if field == "languages":
        return {"languages": [*provider["languages"], "sv"]}
    if field == "contacts":
        return {"contacts": [*provider["contacts"], {"kind": "email", "value": "zelf@example.org", "audience": "public"}]}
    return {"convention": "partial" if provider["convention"] != "partial" else "none"}


def _only(asked: dict[str, list[str]], known: set[str]) -> None:
    unknown = sorted(set(asked) - known)
    if unknown:
        raise _Problem("400 Bad Request", "Unknown parameter", f"There is no parameter {unknown[0][:40]!r}.")


def _limit(asked: dict[str, list[str]]) -> int:
    text = asked.get("limit", [str(_PER_PAGE)])[0]
    limit = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
    if not 1 <= limit <= MOST_PER_PAGE:
        raise _Problem("400 Bad Request", "Bad limit", f"limit is a number from 1 to {MOST_PER_PAGE}.")
    return limit


def _since(asked: dict[str, list[str]]) -> int:
    if "since" not in asked:
        return 0
    try:
        moment = datetime.fromisoformat(asked["since"][0])
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return max(1, int(moment.timestamp() * 1000))
    except (ValueError, OverflowError):
        raise _Problem("400 Bad Request", "Bad moment", "since is a moment with an offset, e.g. 2026-11-22T09:00:00Z.") from None
