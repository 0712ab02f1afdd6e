"""Asking a system whether it keeps the contract: requirements, the requests and answers that a verdict rests on, and what all of them need."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson
import requests

from plugins.progezondheid.contract import judge

Outcome = Literal["pass", "fail", "skipped"]
SHOWN: Final = 2_000
"""Characters of a body that a report repeats."""
_TIMEOUT: Final = 30
_PATIENCE: Final = 3
_LONGEST_WAIT: Final = 30.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as a report shows them."""

    request: str
    sent: str
    status: int
    headers: Mapping[str, str]
    answer: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one requirement; `detail` says why it failed or was skipped."""

    id: str
    requirement: str
    outcome: Outcome
    detail: str = ""
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class Requirement:
    """One sentence of the contract and the function that tries it. `writes`: it makes proposals."""

    id: str
    sentence: str
    judge: Callable[[Asking], None]
    writes: bool


REQUIREMENTS: Final[dict[str, Requirement]] = {}


class Broken(Exception):
    """The requirement is not met."""


class Unreached(Exception):
    """Nobody has ever answered at the address, so that nothing is known about any requirement."""


class Unseen(Exception):
    """It could not be tried here."""


def requirement(id: str, sentence: str, *, writes: bool = False) -> Callable[[Callable[[Asking], None]], Callable[[Asking], None]]:
    """Add what is decorated to the requirements."""

    def add(judge: Callable[[Asking], None]) -> Callable[[Asking], None]:
        REQUIREMENTS[id] = Requirement(id, sentence, judge, writes)
        return judge

    return add


@dataclass
class Asking:
    """Speaks to the system and remembers what was said."""

    base: str
    token: str
    propose: str | None = None
    exchanges: list[Exchange] = field(default_factory=list)
    limited: list[Exchange] = field(default_factory=list)
    references: set[str] = field(default_factory=set)
    answered: bool = False

    def __post_init__(self) -> None:
        self._session = requests.Session()

    def get(
        self, path: str, params: Mapping[str, str] | None = None, *, token: str | None = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """GET below the base address; `token`: another one than ours, or none at all when it is empty."""
        return self._call("GET", path, token, headers, params=params)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> requests.Response:
        """POST JSON below the base address."""
        return self._call("POST", path, None, headers, json=body)

    def _call(self, method: str, path: str, token: str | None, headers: Mapping[str, str] | None, **how: Any) -> requests.Response:
        given = {"Authorization": f"Bearer {self.token if token is None else token}", "Accept": "application/json", **(headers or {})}
        if token == "":
            del given["Authorization"]
        for attempt in range(_PATIENCE + 1):
            answer = self._session.request(method, f"{self.base.rstrip('/')}{path}", headers=given, timeout=_TIMEOUT, allow_redirects=False, **how)
            self.answered = True
            shown = {name: value for name, value in given.items() if name in ("If-Match", "If-None-Match", "Idempotency-Key")}
            exchange = Exchange(
                f"{method} {answer.request.path_url}",
                " ".join(filter(None, [f"{shown}" if shown else "", orjson.dumps(how["json"]).decode() if "json" in how else ""]))[:SHOWN],
                answer.status_code,
                {name: value for name, value in answer.headers.items() if name in ("Content-Type", "ETag", "Retry-After", "Allow")},
                answer.text.replace(self.token, "********")[:SHOWN],
            )
            self.exchanges.append(exchange)
            if answer.status_code != 429:
                return answer
            self.limited.append(exchange)
            if attempt < _PATIENCE:
                wait = answer.headers.get("Retry-After", "")
                time.sleep(min(_LONGEST_WAIT, float(wait)) if wait.isdigit() else 1.0)
        raise Unseen("The system answers 429 again and again.")

    # --- what requirements are made of -----------------------------------------------------------------------------------------

    def page(self, **params: str) -> dict[str, Any]:
        """A page of caregivers, which has as many as it says, if it says how many."""
        page = keeps(self.get("/providers", params), 200, "Page")
        count = len(page["items"])
        must(page.get("count", count) == count, f"It says `count` {page.get('count')} and has {count} items.")
        return page

    def somebody(self) -> dict[str, Any]:
        """A caregiver who was not deleted."""
        for provider in self.page(limit="50")["items"]:
            if provider["state"] != "deleted":
                return dict(provider)
        raise Unseen("There is no caregiver among the first fifty who was not deleted.")

    def proposal(self, *, field: str = "languages", number: str | None = None, reference: str = "") -> tuple[dict[str, Any], dict[str, str]]:
        """A proposal about the caregiver who was named, with the headers that it needs."""
        nihdi8 = self.propose or ""
        answer = self.get(f"/providers/{nihdi8}")
        provider = keeps(answer, 200, "Provider")
        old = provider["languages"]
        reference = reference or f"conformance-{uuid.uuid4()}"
        self.references.add(reference)
        body = {
            "reference": reference,
            "nihdi8": number or nihdi8,
            "field": field,
            "old": old,
            "new": [*(one for one in old if one != "sv"), "sv"] if "sv" not in old else [one for one in old if one != "sv"],
            "evidence": {"fiche": "conformance", "changed_at": "2026-01-01T00:00:00Z", "sources": ["conformance"]},
        }
        return body, {"If-Match": answer.headers.get("ETag", ""), "Idempotency-Key": str(uuid.uuid4())}

    def made(self, reference: str = "") -> tuple[dict[str, Any], dict[str, str], dict[str, Any]]:
        """A proposal that was made: its body, its headers, and what came back."""
        body, headers = self.proposal(reference=reference)
        return body, headers, keeps(self.post("/proposals", body, headers), 202, "Proposal")

    def take_back(self) -> None:
        """Withdraw what was proposed and still waits."""
        for reference in sorted(self.references):
            with suppress(requests.RequestException, Unseen):
                self.post("/withdrawals", {"reference": reference})
        self.references.clear()


def run(asking: Asking, only: Iterable[str] = ()) -> Iterator[Verdict]:
    """Try the requirements, all or those named, and yield a verdict about each. Raises `Unreached` when nobody answers from the first request on."""
    wanted = set(only)
    # Who proposes needs to be able to read; and whether 429 came is known at the end.
    for known in sorted(REQUIREMENTS.values(), key=lambda one: (one.id.startswith("T"), one.writes)):
        if wanted and known.id not in wanted:
            continue
        if known.writes and asking.propose is None:
            yield Verdict(known.id, known.sentence, "skipped", "It proposes something: name a caregiver with --propose.")
            continue
        asking.exchanges = []
        outcome: Outcome = "pass"
        detail = ""
        try:
            known.judge(asking)
        except Broken as broken:
            outcome, detail = "fail", str(broken)
        except Unseen as unseen:
            outcome, detail = "skipped", str(unseen)
        except requests.RequestException as error:
            if not asking.answered:
                raise Unreached(
                    f"Nothing could be tried: {asking.base} gives no answer ({type(error).__name__}). Check --base-url, and that the system runs."
                ) from error
            outcome, detail = "fail", f"There was no full answer: {type(error).__name__}."
        exchanges = tuple(asking.exchanges)
        asking.take_back()
        yield Verdict(known.id, known.sentence, outcome, detail, exchanges)


def must(met: bool, otherwise: str) -> None:
    """The requirement is not met `otherwise`."""
    if not met:
        raise Broken(otherwise)


def keeps(answer: requests.Response, status: int, shape: str) -> dict[str, Any]:
    """The body, of this status and shape."""
    must(answer.status_code == status, f"{status} was expected, and {answer.status_code} came.")
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        raise Broken("The body is not JSON.") from None
    problem = _first_error(shape, body)
    must(problem is None, f"The body is no {shape}: {problem}")
    return dict(body)


def _first_error(shape: str, body: Any) -> str | None:
    for error in judge(shape).iter_errors(body):
        where = "/".join(map(str, error.instance_path))
        return f"at /{where}: {error.message[:300]}"
    return None


def refuses(answer: requests.Response, status: int) -> None:
    """The answer is a problem of this status."""
    keeps(answer, status, "Problem")
    kind = answer.headers.get("Content-Type", "")
    must(kind.startswith("application/problem+json"), f"A problem is application/problem+json, not {kind or 'nothing'}.")
