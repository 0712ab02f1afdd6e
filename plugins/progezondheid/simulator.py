"""ProGezondheid as a simulator: our contract (`contract/openapi.yaml`) over real HTTP, with a fictional register behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qs

import orjson

from hub import Simulator, World
from plugins.progezondheid.register import Place, Provider, Register

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

TOKEN: Final = "fictional-token"  # noqa: S105  opens a simulator, nothing else
MOST_PER_PAGE: Final = 1000
_PER_PAGE: Final = 500
_SKEW: Final = timedelta(hours=3)
_RENAMED: Final = ("professions", "healthcare_professions")


class _Problem(Exception):
    """An answer that is an error (RFC 9457)."""

    def __init__(self, status: str, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"type": "about:blank", "title": title, "status": int(status[:3]), "detail": detail}


class ProGezondheidSimulator(Simulator):
    """Shows the register persons of a world; `count`: only the first so many. The bearer token is `TOKEN`.

    Tests and demonstrations change it while it serves: `edit`, `withdraw`, `delete`. Each edit is a change that a reader finds behind its cursor.
    """

    name = "progezondheid"
    faults: ClassVar[dict[str, str]] = {
        "expired-cursor": "Cursors handed out before this was switched on are answered with 410, as after a restore of the register.",
        "expired-token": "Every token is answered with 401.",
        "duplicate-events": "Every caregiver comes twice in a page.",
        "late-events": "After the changes of a page, the versions before them come once more.",
        "clock-skew": "Its clock is three hours ahead, in server_time and in updated_at.",
        "drift": f"The field {_RENAMED[0]} is called {_RENAMED[1]} from now on.",
        "new-field": "Every caregiver has a field that the contract does not know.",
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
        self._now = now

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

    def switch(self, name: str, on: bool = True, *, every: int | None = None) -> None:
        """See `Simulator.switch`. Switching `expired-cursor` on lets the cursors expire that are out there; new ones are good."""
        super().switch(name, on, every=every)
        if name == "expired-cursor" and on:
            self._epoch += 1

    def config(self) -> dict[str, Any]:
        """See `Simulator.config`."""
        return {"base_url": self.url, "token": TOKEN}

    # --- how it answers ------------------------------------------------------------------------------------------------------

    def app(self) -> WSGIApplication:
        """`GET /providers` and `GET /providers/{nihdi8}`."""

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            status, kind = "200 OK", "application/json"
            try:
                body = orjson.dumps(self._answer(environ))
            except _Problem as problem:
                status, kind, body = problem.status, "application/problem+json", orjson.dumps(problem.body)
            headers = [("Content-Type", kind)]
            if status == "200 OK":
                tag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
                headers.append(("ETag", tag))
                if environ.get("HTTP_IF_NONE_MATCH") == tag:
                    status, body = "304 Not Modified", b""
            elif status.startswith("401"):
                headers.append(("WWW-Authenticate", 'Bearer realm="progezondheid"'))
            start_response(status, headers)
            return [body]

        return answer

    def _answer(self, environ: WSGIEnvironment) -> dict[str, Any]:
        if environ["REQUEST_METHOD"] != "GET":
            raise _Problem("405 Method Not Allowed", "Method not allowed", "Only GET is answered here.")
        if self.fault("expired-token") or environ.get("HTTP_AUTHORIZATION") != f"Bearer {TOKEN}":
            raise _Problem(
                "401 Unauthorized", "Unauthorized", f"Send a bearer token; this simulator takes {TOKEN!r}."
            )
        path = environ["PATH_INFO"].rstrip("/")
        if path == "/providers":
            return self._page(parse_qs(environ["QUERY_STRING"], keep_blank_values=True))
        head, _, number = path.rpartition("/")
        found = self.register.find(number) if head == "/providers" else None
        if found is None:
            raise _Problem("404 Not Found", "Not found", "There is nothing at this address.")
        return self._shown(found)

    def _page(self, asked: dict[str, list[str]]) -> dict[str, Any]:
        unknown = sorted(set(asked) - {"cursor", "since", "limit"})
        if unknown:
            raise _Problem(
                "400 Bad Request", "Unknown parameter", f"There is no parameter {unknown[0][:40]!r}."
            )
        limit = _limit(asked)
        found = self.register.after(self._place(asked), limit)
        items = [self._shown(provider) for provider in found.items]
        if self.fault("late-events"):
            earlier = [self.register.earlier(provider) for provider in found.items]
            items += [self._shown(provider) for provider in earlier if provider is not None]
        if self.fault("duplicate-events"):
            items += items
        return {
            "items": items,
            "next_cursor": found.after.text(),
            "complete": found.complete,
            "server_time": self._clock(self._now()),
        }

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
        if provider["state"] == "deleted":
            return {key: provider[key] for key in ("nihdi8", "version", "updated_at", "state")}
        shown = provider
        if self.fault("clock-skew"):
            shown = {**shown, "updated_at": self._clock(datetime.fromisoformat(provider["updated_at"]))}
        if self.fault("drift"):
            old, new = _RENAMED
            shown = {new if key == old else key: value for key, value in shown.items()}
        if self.fault("new-field"):
            shown = {**shown, "quality_label": "fictional"}
        return shown

    def _clock(self, moment: datetime) -> str:
        skewed = moment + _SKEW if self.fault("clock-skew") else moment
        return skewed.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
        raise _Problem(
            "400 Bad Request", "Bad moment", "since is a moment with an offset, e.g. 2026-11-22T09:00:00Z."
        ) from None
