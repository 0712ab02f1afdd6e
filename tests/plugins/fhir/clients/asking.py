"""What the scripted clients share: profiles with their requirements, a server that is asked, and reading the answers strictly."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
import requests

Json = dict[str, Any]
Outcome = Literal["ok", "failed", "skipped"]
JSON = "application/fhir+json"
SEVEN = (
    "Organization",
    "Location",
    "HealthcareService",
    "Practitioner",
    "PractitionerRole",
    "OrganizationAffiliation",
    "Endpoint",
)
BELGIAN = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/"
OURS = "https://fichehub.example.org/fhir/"
_TIMEOUT = 30
_MOST_PAGES = 100_000
_PATIENCE = 20
_LONGEST_WAIT = 30


class Broken(Exception):
    """The requirement is not met."""


class Unseen(Exception):
    """It could not be tried here: the server has nothing to try it on, or the client was not given what it needs."""


def must(met: object, otherwise: str) -> None:
    """The requirement is not met `otherwise`."""
    if not met:
        raise Broken(otherwise)


def need(found: object, otherwise: str) -> None:
    """It cannot be tried `otherwise`."""
    if not found:
        raise Unseen(otherwise)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one requirement; `detail` says why it failed or was skipped."""

    id: str
    sentence: str
    outcome: Outcome
    detail: str = ""


@dataclass
class Server:
    """The server as a client sees it: a base address, and perhaps an API key or an access token. `options` are those of the profile."""

    base: str
    key: str = ""
    options: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.base = self.base.rstrip("/")
        self._session = requests.Session()

    def url(self, path: str) -> str:
        """The address of a path below the base, or a link as it came. Raises `Broken` for a link to elsewhere, to which no key may go."""
        if "://" not in path:
            return f"{self.base}/{path}"
        must(path.startswith(self.base + "/"), f"A link leads outside {self.base}: {path}")
        return path

    def send(
        self,
        method: str,
        path: str,
        *,
        accept: str = JSON,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        **how: Any,
    ) -> requests.Response:
        """One request; redirects are not followed, and 429 waits as long as it is told. `key`: another than ours, or none when it is empty."""
        given = {"Accept": accept, **(headers or {})}
        credentials = self.key if key is None else key
        if credentials:
            given["Authorization"] = f"Bearer {credentials}"
        for _ in range(_PATIENCE):
            answer = self._session.request(method, self.url(path), headers=given, timeout=_TIMEOUT, allow_redirects=False, **how)
            if answer.status_code != 429:
                return answer
            wait = answer.headers.get("Retry-After", "")
            must(wait.isdigit(), "Too many requests (429), and nothing says how long to wait (Retry-After).")
            time.sleep(min(_LONGEST_WAIT, int(wait)))
        raise Unseen("The server answers 429 again and again: try later, or agree on more requests.")

    def get(self, path: str, params: dict[str, str] | None = None, **how: Any) -> requests.Response:
        """A GET."""
        return self.send("GET", path, params=params, **how)

    def search(self, path: str, params: dict[str, str] | None = None, **how: Any) -> Json:
        """The first page of a search, which must have been understood whole."""
        bundle = resource(self.get(path, params, **how), "Bundle")
        must(
            bundle.get("type") == "searchset",
            f"A search answers a Bundle of type searchset, not {bundle.get('type')}.",
        )
        told = [issue["details"]["text"] for each in entries(bundle, "outcome") for issue in each["issue"]]
        must(not told, f"The search {path} {params or ''} was not understood: {' '.join(told)}")
        return bundle

    def pages(self, path: str, params: dict[str, str] | None = None, **how: Any) -> Iterator[Json]:
        """All pages of a search or a history, by their next links as they stand."""
        following: str | None = path
        seen: set[str] = set()
        while following is not None:
            bundle = resource(self.get(following, params, **how), "Bundle")
            yield bundle
            params = None
            following = link(bundle, "next")
            if following is not None:
                must(
                    urlsplit(self.url(following)).path == urlsplit(self.url(path)).path,
                    f"The next link changes the path: {following}",
                )
                must(following not in seen and len(seen) < _MOST_PAGES, f"The next links go round: {following}")
                seen.add(following)

    def all(self, path: str, params: dict[str, str] | None = None) -> list[Json]:
        """Every match of a search, each once."""
        found = [each for bundle in self.pages(path, params) for each in entries(bundle)]
        names = [address(each) for each in found]
        twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        must(not twice, f"A walk over {path} meets some resources twice: {', '.join(twice[:3])}")
        return found

    def total(self, path: str, params: dict[str, str] | None = None) -> int:
        """How many there are, exactly."""
        bundle = self.search(path, {**(params or {}), "_summary": "count"})
        must(isinstance(bundle.get("total"), int), f"_summary=count on {path} gives no total.")
        return int(bundle["total"])


def resource(answer: requests.Response, type: str, status: int = 200) -> Json:
    """The JSON resource of this type that the answer must be."""
    if answer.status_code != status:
        raise Broken(f"{answer.request.method} {answer.request.path_url} answers {answer.status_code}, not {status}: {answer.text[:300]}")
    kind = answer.headers.get("Content-Type", "")
    must(kind.startswith(JSON), f"{answer.request.path_url} is {JSON}, not {kind or 'nothing'}.")
    try:
        found: Json = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        raise Broken(f"{answer.request.path_url} is not JSON.") from None
    must(
        found.get("resourceType") == type,
        f"{answer.request.path_url} is a {found.get('resourceType')}, not a {type}.",
    )
    return found


def refused(answer: requests.Response, status: int) -> Json:
    """The OperationOutcome with which a request must be refused; it says why."""
    outcome = resource(answer, "OperationOutcome", status)
    must(
        any(issue.get("details", {}).get("text") or issue.get("diagnostics") for issue in outcome.get("issue", ())),
        "The refusal does not say why.",
    )
    return outcome


def entries(bundle: Json, mode: str = "match") -> list[Json]:
    """The resources of a searchset that came in this mode."""
    return [entry["resource"] for entry in bundle.get("entry", ()) if entry.get("search", {}).get("mode") == mode]


def link(bundle: Json, relation: str) -> str | None:
    """The link of this relation."""
    return next((str(each["url"]) for each in bundle.get("link", ()) if each["relation"] == relation), None)


def address(found: Json) -> str:
    """Type and id."""
    return f"{found['resourceType']}/{found['id']}"


def extension(found: Json, name: str) -> Json | None:
    """Our extension of this name, its parts by their url; of a simple one the value is under ''."""
    for each in found.get("extension", ()):
        if each["url"] == f"{OURS}StructureDefinition/{name}":
            parts = each.get("extension") or [each | {"url": ""}]
            return {part["url"]: next(value for key, value in part.items() if key.startswith("value")) for part in parts}
    return None


def references(found: Any) -> Iterator[str]:
    """Every reference anywhere in it."""
    if isinstance(found, dict):
        if isinstance(found.get("reference"), str):
            yield found["reference"]
        for value in found.values():
            yield from references(value)
    elif isinstance(found, list):
        for value in found:
            yield from references(value)


def identified(server: Server, type: str, system: str) -> tuple[Json, str]:
    """A resource of this type that has a number of this system, and the number."""
    for found in entries(server.search(type, {"identifier": f"{system}|", "_count": "50"})):
        for each in found.get("identifier", ()):
            if each.get("system") == system:
                return found, str(each["value"])
    raise Unseen(f"No {type} has a number of {system}.")


@dataclass
class Profile:
    """How one package reads a directory, as requirements. `options` are what its client needs besides the base address: name -> help."""

    name: str
    title: str
    options: dict[str, str] = field(default_factory=dict)
    requirements: dict[str, tuple[str, Callable[[Server], None]]] = field(default_factory=dict)

    def requirement(self, id: str, sentence: str) -> Callable[[Callable[[Server], None]], Callable[[Server], None]]:
        """Add what is decorated to the requirements."""

        def add(judge: Callable[[Server], None]) -> Callable[[Server], None]:
            self.requirements[id] = (sentence, judge)
            return judge

        return add

    def run(self, server: Server, only: Iterable[str] = ()) -> Iterator[Verdict]:
        """Try the requirements, all or those named."""
        wanted = set(only)
        for id, (sentence, judge) in self.requirements.items():
            if wanted and id not in wanted:
                continue
            try:
                judge(server)
            except Broken as broken:
                yield Verdict(id, sentence, "failed", str(broken))
            except Unseen as unseen:
                yield Verdict(id, sentence, "skipped", str(unseen))
            except requests.RequestException as error:
                yield Verdict(id, sentence, "failed", f"There was no full answer: {type(error).__name__}.")
            except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
                yield Verdict(
                    id,
                    sentence,
                    "failed",
                    f"An answer has not the shape that it should have: {type(error).__name__}: {error}",
                )
            else:
                yield Verdict(id, sentence, "ok")


def main(profile: Profile, arguments: Sequence[str] | None = None) -> int:
    """The command of a profile; the exit code is 1 when something failed, 2 when nothing could be tried."""
    parser = argparse.ArgumentParser(
        prog=f"python -m tests.plugins.fhir.clients.{profile.name}",
        description=f"Reads a directory as we assume that {profile.title} does, and says what it met.",
    )
    parser.add_argument(
        "--base-url",
        required=True,
        help="the address of the FHIR server, such as https://hub.example.org/fhir",
    )
    parser.add_argument("--key", default="", help="API key; - reads it from standard input")
    parser.add_argument(
        "--only",
        nargs="*",
        default=[],
        choices=[*profile.requirements],
        metavar="ID",
        help="only these requirements",
    )
    for name, about in profile.options.items():
        parser.add_argument(f"--{name}", default="", help=about)
    given = vars(parser.parse_args(arguments))
    key = sys.stdin.readline().strip() if given["key"] == "-" else given["key"]
    server = Server(given["base_url"], key, {name: given[name.replace("-", "_")] for name in profile.options})
    counts: dict[Outcome, int] = {"ok": 0, "failed": 0, "skipped": 0}
    for verdict in profile.run(server, given["only"]):
        counts[verdict.outcome] += 1
        print(f"{verdict.outcome:8}{verdict.id:4} {verdict.sentence}", flush=True)
        if verdict.detail:
            print(f"             {verdict.detail}")
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 1 if counts["failed"] else 0 if counts["ok"] else 2
