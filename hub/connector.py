"""The contract between the hub and a connector. These docstrings are its reference.

A plugin offers connector *classes*; an administrator who enables one for a partner makes a *connection* (a row with a configuration). The hub
builds the connector with that configuration for each run or request, and owns cursors, retries, schedules, credentials, run
records and the outbound HTTP client. A connector owns only its partner's language.

Errors are raised as `Rejected`, `Unreachable`, `AuthFailed`, `Misconfigured` or `CursorExpired` (see `hub.errors`); anything else is a bug: the
run fails and the cursor stays.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import marshmallow as ma

from hub.errors import Rejected
from hub.model.claims import Claim
from hub.model.concepts import Concept
from hub.model.entity import Change, Entity
from hub.model.fiche import ENTITY_TYPES, Document, EntityType, Visibility
from hub.model.query import Query
from hub.model.subscription import Notification

if TYPE_CHECKING:
    import flask


class Response(Protocol):
    """What the hub's HTTP client returns: status, headers, and a body that is already within the byte cap."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """The body as JSON (`hub.read_json`); raises `Unreachable` when it is cut off or not JSON."""
        ...


class Http(Protocol):
    """The hub's outbound HTTP client: deadline, byte cap, no redirects, SSRF guard.

    Network faults, time-outs, 429 and 5xx are raised as `Unreachable` (with `retry_after`), 401 and 403 as `AuthFailed`. Any other status is returned.
    `byte_cap`: the largest body that this call can mean, after unpacking; a larger one is `Unreachable`. It can be lower than the client's own, never higher. Give
    it where it is known how much was asked for: what is read as JSON takes many times its bytes.
    """

    def get(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, byte_cap: int | None = None
    ) -> Response:
        """Fetch `url`."""
        ...

    def post(
        self,
        url: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        byte_cap: int | None = None,
    ) -> Response:
        """Send `json` or `data` to `url`."""
        ...


Progress = Callable[[int, int | None, str], None]
"""`(done, total, what)`; the total is None while nobody knows it."""


def unwatched(done: int, total: int | None, what: str) -> None:
    """Progress that nobody watches."""


def _code(scheme: str, code: str, language: str) -> str:
    """A label where no concept is known: the code itself."""
    return code


def _areas_as_written(address: Document) -> Collection[tuple[str, str]]:
    """What an address says itself, where no place is known."""
    return [(key, address[key]) for key in ("postcode", "municipality") if key in address]


def _holds_nothing(external_ids: Sequence[str]) -> Mapping[str, Claim]:
    """What a hub that has never heard of these rows holds."""
    return {}


def _nothing_leads_there(external_ids: Sequence[str]) -> Collection[str]:
    """What leads to rows in such a hub."""
    return ()


def _any_change() -> int:
    """The number of the newest change where no hub counts them."""
    return sys.maxsize


@dataclass(frozen=True, slots=True)
class Context:
    """What the hub lends a connector.

    `http`: its HTTP client; `now`: the clock (UTC, aware); `progress(done, total, what)`: tells whoever watches; `label(scheme, code,
    language)`: what a concept is called, the code itself when nobody named it; `held(external_ids)`: the claims of this very source that the hub
    holds and that are not gone, as they were given, by external id, overlays of the connection's partner before what everybody sees; ask for some hundreds at a time. A source without
    revisions of its own learns from them what changed: it yields the held claim again for a row that says the same. `leading_to(external_ids)`: the
    external ids of claims of this very source about fiches that lead to those of these, as aanbod do to their organisatie. `level`: the highest visibility
    that this connection's partner may see; above `public`, what a sink is handed may hold values that are for colleagues only. `fields`: the top-level
    fields of a fiche that its agreement names; None: all. `areas(address)`: the places that an address lies in, `(key, value)` as a criterion of a `Query` has
    them: its postcode and municipality (today's), and the zones, the province and the region of these. `head()`: the `seq` of the hub's newest change; what a
    partner gives back with a higher one is none of ours.
    """

    http: Http
    now: Callable[[], datetime]
    progress: Progress = unwatched
    label: Callable[[str, str, str], str] = _code
    held: Callable[[Sequence[str]], Mapping[str, Claim]] = _holds_nothing
    leading_to: Callable[[Sequence[str]], Collection[str]] = _nothing_leads_there
    level: Visibility = "public"
    fields: frozenset[str] | None = None
    areas: Callable[[Document], Collection[tuple[str, str]]] = _areas_as_written
    head: Callable[[], int] = _any_change


class NoConfig(ma.Schema):
    """The configuration of a connector that needs none."""


class Connector:
    """What all connectors share. Subclass `Source`, `Sink`, `Export` or `Endpoint`, never this.

    `name` is unique among all plugins and never changes (`kebab-case`); `title` is shown to administrators, to those who read another language the one of
    `titles` for it (`fr`, `de`, `en`), if there is one. `config_schema` validates
    the configuration; a field with `metadata={"secret": True}` is stored encrypted and never shown again. `simulator`, a subclass of
    `hub.Simulator`, stands in for the outside system in the demo, in tests and for `fichehub simulate`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    titles: ClassVar[Mapping[str, str]] = MappingProxyType({})
    config_schema: ClassVar[type[ma.Schema]] = NoConfig
    simulator: ClassVar[type[Any] | None] = None

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self.config = config
        self.context = context

    @classmethod
    def title_in(cls, language: str) -> str:
        """The title in this language, else `title`."""
        return cls.titles.get(language, cls.title)

    def check(self) -> None:
        """Return when the connection can work, else raise. Must pass before a connection can be enabled."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One claim from a source. `cursor`, when given, says: once this row is committed, a later pull may resume from here."""

    claim: Claim
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The last thing that a pull yields when it came to its own end.

    `complete`: every row that the source has was yielded since the pull began with cursor `None`; only then may absence mean deletion (where
    `Source.absence_tells`), and is the shape of the feed pinned. `cursor` is where the next incremental pull starts. `missing`: how many rows the source announced but never gave.
    `warnings`: sentences for the record of the run; a hundred are kept, each up to a thousand characters.
    """

    complete: bool
    cursor: str | None = None
    missing: int = 0
    warnings: tuple[str, ...] = ()


class Source(Connector):
    """Something that fiches come from.

    `claim_source` is the name under which its claims stand in the authority table (default: the connector's name). `required_fields`: per
    kind the fields of a claim's content without which the feed has changed its shape; the hub then stops before it writes. `absence_tells`: a row
    that a complete pull does not give may have been removed; where it never means that, the hub need not remember what it saw, and a pull from the start gives
    what was removed as `gone` claims too, as one from a cursor does.
    """

    claim_source: ClassVar[str] = ""
    absence_tells: ClassVar[bool] = True
    required_fields: ClassVar[Mapping[str, Sequence[str]]] = {}

    def pull(self, cursor: str | None) -> Iterator[Incoming | Concept | Rejected | Finished]:
        """Yield what changed since `cursor` (`None`: everything), a `Rejected` for each row that cannot be used, and `Finished` at the end.

        A pull that stops without `Finished`, or raises, was cut off: what it yielded is kept, nothing is deleted.
        """
        raise NotImplementedError  # abstract: each source has its own


ProposalState = Literal["pending", "accepted", "rejected", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One value that a partner was asked to take over, and about which somebody there decides.

    `id` is the partner's number of it, `old` and `new` are in the partner's language, `at` is when it was last heard of (RFC 3339, UTC), `reason` why
    it was rejected, `evidence` what it was made with, as the partner was told. `withdrawn`: a later one took its place, or the value went.
    `value`: what the partner put there when it accepted, where that is something else than `new`; else None.
    """

    field: str
    old: Any
    new: Any
    state: ProposalState
    id: str = ""
    at: str = ""
    reason: str = ""
    evidence: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    value: Any = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a partner decided later about something that was pushed to it: `said` in its own language, about the entity with id `entity`.

    `cursor`, when given, says: once this one is committed, the next asking may resume from here.
    """

    entity: str
    said: Mapping[str, Any]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Unsent:
    """What `Sink.push` answers when it told the partner nothing after all. `agreed`: the agreed state, as `push` would have returned it.

    `undeliverable`: there is something to tell, but the partner has nowhere to put it (it does not know whom it is about); the run counts it so. Else
    the partner has it already.
    """

    agreed: dict[str, Any] | None
    undeliverable: bool = False


@dataclass(frozen=True, slots=True)
class Partly:
    """What `Sink.push` answers when the partner took a part and refused the rest. `agreed`: the agreed state of what it took.

    `refused` becomes a dead letter, as what `push` raises as `Rejected` does: a replay, or the next change, asks `push` again with this agreed state.
    """

    agreed: dict[str, Any]
    refused: Rejected


class Sink(Connector):
    """Something that we push fiches to, and that answers what it made of them.

    Of changes of other types than `entity_types` it is never asked anything.
    """

    entity_types: ClassVar[tuple[EntityType, ...]] = ENTITY_TYPES

    @classmethod
    def may_push(cls, config: Mapping[str, Any]) -> bool:
        """Whether a connection with this configuration pushes at all; for one that can also be used to read only."""
        return True

    def shape(self, entity: Entity) -> dict[str, Any] | None:
        """The partner's view of `entity`, or `None` when it is none of this partner's business. Pure."""
        raise NotImplementedError  # abstract: each sink has its own

    def push(self, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> dict[str, Any] | Unsent | Partly | None:
        """Bring the partner from `agreed` to `desired` and return the partner's normalised answer: the new agreed state, JSON. None only when `desired` is.

        A push that told the partner nothing answers `Unsent`, so that it is not counted as pushed. What the partner will not take as it is raises `Rejected`;
        when it took another part of it, the answer is `Partly`. What a partner says is kept without the secrets of the connection and without half characters.
        """
        raise NotImplementedError  # abstract: each sink has its own

    def foresee(self, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> Mapping[str, tuple[Any, Any]] | Unsent:
        """What `push` would tell the partner now: field -> from what to what; or `Unsent`. May ask the partner, and must change nothing there.

        Raises what `push` would. Default: every field in which the two states differ. A sink overrides this whose states hold more than what is sent, or
        whose `push` can answer `Unsent`.
        """
        old, new = agreed or {}, desired or {}
        return {name: (old.get(name), new.get(name)) for name in sorted({*old, *new}) if old.get(name) != new.get(name)}

    def read_back(self, state: dict[str, Any]) -> Document:
        """For a connector that is a `Source` too: the claim content that its pull gives for an entity in this (agreed) state. Pure.

        What comes back just so is an echo of ours and no edit of the partner's; anything else is. Default: nothing is known to be an echo.
        """
        return {}

    def own_word(self, said: Document, stood: Document, state: dict[str, Any]) -> Document:
        """Of the claim content that a pull gives (`said`), what is the partner's own word and no echo of the agreed `state`. Pure.

        `stood`: the content of the claim that stood until now; what the partner said then by itself stays its word. Default: every field that
        reads as `read_back` says is an echo. A partner that takes items into its own lists overrides this.
        """
        told = self.read_back(state)
        return {name: value for name, value in said.items() if name == "kind" or name not in told or told[name] != value or stood.get(name) == value}

    def decisions(self, cursor: str | None) -> Iterator[Decision]:
        """What the partner decided since `cursor` (`None`: ever) about what was pushed before; for one that decides later than it answers.

        Asked at the start of each run. Raise `CursorExpired` when the partner no longer knows the cursor.
        """
        return iter(())

    def decided(self, state: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
        """The agreed state once the partner has decided so. Pure; a decision that comes late or twice changes nothing.

        `state` is `{}` where nothing is agreed: a run that was stopped may have pushed something of which it did not store the answer. `said` comes without the
        secrets of the connection. Raises `Rejected` for a decision that cannot be used: it is listed with the rejected rows, and the others go on.
        """
        return state

    def unsettled(self, state: dict[str, Any]) -> bool:
        """Whether something that was decided is to be told once more: `push` is then asked again, though nothing changed here. Pure.

        Of an agreed `state` that a decision changed. Say so a bounded number of times.
        """
        return False

    def proposals(self, state: dict[str, Any]) -> Iterable[Proposal]:
        """What of an agreed state waits for the partner's decision, or was decided, for the administrator to see. Pure."""
        return ()


class Export(Connector):
    """Something that writes a whole file."""

    media_type: ClassVar[str] = "application/octet-stream"
    extension: ClassVar[str] = "bin"

    def query(self) -> Query:
        """The selection that this connection is configured for."""
        raise NotImplementedError  # abstract: each export has its own

    def write(self, entities: Iterable[Entity], file: IO[bytes]) -> int:
        """Write the entities to `file` in a stream and return how many rows were written, else the file is not kept. Memory does not grow with their number."""
        raise NotImplementedError  # abstract: each export has its own


class Endpoint(Connector):
    """Something that partners call. Its blueprint is mounted at `/<name>` at start; whether a partner may call it is a connection, checked per request.

    `takes_tokens`: access tokens are let in, whose scopes (`hub.directory().grant.scopes`) the endpoint applies itself; they name what `scope_types` gives. A view that is to answer askers
    without credentials also where the public has no access is marked with `hub.open_to_all`, and one that is to answer while the endpoint is paused or closed
    with `hub.served_when_closed`.
    """

    takes_tokens: ClassVar[bool] = False

    @classmethod
    def blueprint(cls) -> flask.Blueprint:
        """The routes. Inside a request `hub.directory()` is the only door to the data."""
        raise NotImplementedError  # abstract: each endpoint has its own

    @classmethod
    def scope_types(cls) -> frozenset[str]:
        """The types of resource that a scope may name; a token for any other is given to nobody."""
        raise NotImplementedError  # only an endpoint that takes tokens is asked

    @classmethod
    def notification(cls, notification: Notification, directory: Any) -> tuple[bytes, str]:
        """What is sent to a subscriber, and its media type; for an endpoint that lets partners subscribe (`hub.subscriptions`).

        `directory`, a `hub.Directory`, is what the subscriber may see now: what an event is about may have been hidden or removed since.
        """
        raise NotImplementedError  # only an endpoint through which somebody can subscribe is asked


@dataclass(frozen=True, slots=True)
class MatchCandidate:
    """A fiche that may be the same as an incoming claim; `reasons` as the hub found them (`establishment`, `kbo`, `name`, `phone`), `score` 0 to 1."""

    fiche: Mapping[str, Any]
    score: float
    reasons: tuple[str, ...] = field(default_factory=tuple)
