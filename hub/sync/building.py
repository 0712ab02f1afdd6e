"""From the row of a connection to its connector at work, and whether that one can work."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from threading import Event
from typing import Any

import structlog

from hub.access import agreement
from hub.connector import Connector, Context, Export, Http, Source
from hub.errors import ConnectorError, FieldError, Invalid, Misconfigured
from hub.model.claims import Claim
from hub.model.fiche import Visibility
from hub.model.query import normalise
from hub.plugins import Plugins, bugs
from hub.search import unfindable
from hub.store import Store, log_reading, reading
from hub.sync.configuring import config_errors, misconfigured
from hub.sync.info import ConnectionInfo
from hub.sync.secrets import Vault, redactor

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Built:
    """A connector ready to work, and the function that takes its secrets out of a text. `compares`: whether it asked what the hub holds of its rows."""

    connector: Connector
    redact: Callable[[str], str]
    compares: Callable[[], bool] = lambda: False


def build(store: Store, plugins: Plugins, known: ConnectionInfo, http: Http, progress: Any = None) -> Built:
    """The connector with its configuration, secrets unlocked. Raises `Misconfigured` with field errors."""
    kind = plugins.connector(known.connector)
    config = Vault.open(store.home).unlock(kind.config_schema, known.config)
    errors = config_errors(kind, config)
    if errors:
        raise misconfigured(known.name, errors)
    book = cache(store.concepts)  # opened for whoever asks for a label, once per connector

    def label(scheme: str, code: str, language: str) -> str:
        return book().label(scheme, code, language)

    asked = Event()
    source = kind.claim_source or kind.name if issubclass(kind, Source) else kind.name

    def held(external_ids: Sequence[str]) -> Mapping[str, Claim]:
        asked.set()
        with store.read() as opened:
            held_of_all = reading.held(opened, source, external_ids)
            return {**held_of_all, **reading.held(opened, source, external_ids, known.partner)} if known.partner else held_of_all

    def leading_to(external_ids: Sequence[str]) -> Collection[str]:
        with store.read() as opened:
            return reading.leading_to(opened, source, external_ids)

    def head() -> int:
        with store.read() as opened:
            return log_reading.head(opened)

    level, fields = _shown_to(store, known.partner)
    context = Context(http, store.now, label=label, held=held, leading_to=leading_to, level=level, fields=fields, areas=store.places.areas, head=head)
    if progress is not None:
        context = replace(context, progress=progress)
    redact = redactor(kind.config_schema, config)
    try:
        return Built(kind(kind.config_schema().load(config), context), redact, asked.is_set)
    except ConnectorError:
        raise
    except bugs() as error:
        _log.exception("connector cannot be built", connection=known.name)
        raise Misconfigured(f"The connector {known.connector!r} failed to start; its trace is in the log.") from error


def _shown_to(store: Store, partner: str) -> tuple[Visibility, frozenset[str] | None]:
    """The highest visibility that the agreement with this partner opens, and the fields that it names; without one the public's."""
    if not partner:
        return "public", None
    with store.read() as connection:
        known = agreement(connection, partner)
    return ("public", None) if known is None else (known.level, known.fields)


def check_built(store: Store, built: Built, known: ConnectionInfo) -> None:
    """Let the connector see whether it can work. Raises what its `check` raises, without its secrets, and `Misconfigured` for a bug in it."""
    try:
        built.connector.check()
        if isinstance(built.connector, Export):
            check_selection(store, built.connector)
    except ConnectorError as error:
        error.message = built.redact(error.message)
        error.args = (error.message,)
        raise
    except bugs() as error:  # a check is a stranger's code
        raise bug(f"The check of {known.name!r}", error, built.redact) from None


def bug(what: str, error: BaseException, redact: Callable[[str], str]) -> Misconfigured:
    """What to tell, without secrets, of something that a connector raised and should not have; the trace goes to the log."""
    _log.error("connector failed", what=what, trace=redact(_trace(error)))
    return Misconfigured(f"{what} failed inside the connector; its trace is in the log.")


def check_selection(store: Store, export: Export) -> None:
    """Return when the selection of this export can be understood and may find something, else raise `Misconfigured` with each value that is wrong."""
    with store.read() as connection:
        state = store.state(connection)
        book, newest = store.concepts_in(connection, state.concepts), state.newest
    try:
        query = normalise(export.query())
    except Invalid as error:
        raise Misconfigured(error.message, error.errors) from error
    wrong = tuple(_as_configured(each, export.config) for each in unfindable(query, store.places, book))
    if query.changed_since is not None and query.changed_since > newest:
        wrong += (FieldError("changed_since", f"{query.changed_since} has not happened yet.", str(query.changed_since)),)
    if wrong:
        told = " ".join(dict.fromkeys(each.reason for each in wrong))
        raise Misconfigured(f"The selection of this export finds nothing, ever. {told}", wrong)


def _as_configured(wrong: FieldError, config: Mapping[str, Any]) -> FieldError:
    """About the setting that holds the value, instead of a place in the query that was made of it."""
    given = (wrong.value or "").rpartition("|")[2]
    named = next((name for name, values in config.items() if isinstance(values, list) and given in values), None)
    return wrong if named is None else FieldError(f"config.{named}", wrong.reason, given)


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
