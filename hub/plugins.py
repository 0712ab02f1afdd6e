"""Finds the installed plugins, leaves out the broken ones by name, and asks the rest what they offer.

A plugin is a module that an entry point of the group `fichehub.plugins` names. Each is imported and judged on its own: one that cannot be
imported, misspells a hook or offers a connector that breaks the contract is left out whole, and `Plugins.broken` says why. Nothing a
plugin does at loading stops the hub. See https://pluggy.readthedocs.io/ for the mechanism.
"""

from __future__ import annotations

import copy
import importlib.metadata
import math
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, cast

import marshmallow as ma
import pluggy
import structlog

from hub import hookspecs
from hub.connector import Connector, Endpoint, Export, MatchCandidate, Sink, Source
from hub.errors import FieldError, Misconfigured
from hub.model.claims import Claim
from hub.model.concepts import ConceptScheme
from hub.model.concepts import Mapping as ConceptMapping
from hub.model.storable import is_storable, storable

GROUP = "fichehub.plugins"
OWN_DISTRIBUTION = "fichehub"
OWN_PATHS: Final = frozenset({"api", "fiche", "health", "metrics", "oauth", "static"})
"""Where the hub itself answers: no endpoint can have one of these names."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_OWN_WORK: tuple[tuple[type[Connector], tuple[str, ...]], ...] = (
    (Source, ("pull",)),
    (Sink, ("shape", "push")),
    (Export, ("query", "write")),
    (Endpoint, ("blueprint",)),
)
_log = structlog.get_logger(__name__)


def bugs() -> tuple[type[BaseException], ...]:
    """What a bug in a stranger's code may raise, for `except bugs()`: anything. It ends what the hub asked of him, and never the hub.

    So does `sys.exit`, and so do errors that are no `Exception`, as those of asyncio and of many a timer. `KeyboardInterrupt` is nobody's bug: somebody ends the
    process. What follows `except` is worked out once something was raised, and there it can be seen.
    """
    return () if isinstance(sys.exception(), KeyboardInterrupt) else (BaseException,)


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that was left out: its entry point's name, the distribution that brought it, and why."""

    name: str
    distribution: str
    reason: str


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A plugin that works: where it comes from, which hooks it implements, which connectors it offers."""

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]
    connectors: tuple[str, ...]


class WrongAnswer(TypeError):
    """A hook answered something else than it is asked for. The message says what is expected, and quotes nothing."""


class HookFailures:
    """What hooks raised while this listened (`hook_failures`). `told`: a sentence for each hook of each plugin that failed.

    No message of an exception is in it: that of a hook may quote what is hidden of a fiche.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[int, str]] = {}

    def note(self, plugin: str, hook: str, error: BaseException) -> bool:
        """Count one; whether it is the first of this hook."""
        count, first = self._found.get((plugin, hook), (0, ""))
        if not count:
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__} in {where.filename.rpartition('/')[2]}, line {where.lineno}"
            first = str(error) if isinstance(error, WrongAnswer) else place
        self._found[plugin, hook] = (count + 1, first)
        return not count

    def so_far(self) -> Mapping[tuple[str, str], tuple[int, str]]:
        """For `back_to`."""
        return dict(self._found)

    def back_to(self, before: Mapping[tuple[str, str], tuple[int, str]]) -> None:
        """Forget what was noted since: it will be asked again."""
        self._found = dict(before)

    @property
    def told(self) -> tuple[str, ...]:
        """In the order in which they failed first."""
        return tuple(
            f"The hook {hook} of the plugin {plugin} failed {'once' if count == 1 else f'{count:,} times'}; what it was asked about was taken as if it had nothing to say."
            f" The first time: {first}; its trace is in the log."
            for (plugin, hook), (count, first) in self._found.items()
        )


_listening: ContextVar[HookFailures | None] = ContextVar("hook failures", default=None)


@contextmanager
def hook_failures() -> Iterator[HookFailures]:
    """Listen to what hooks raise in this thread meanwhile; of each hook that fails only the first trace goes to the log."""
    heard = HookFailures()
    token = _listening.set(heard)
    try:
        yield heard
    finally:
        _listening.reset(token)


def prints_aside() -> AbstractContextManager[object]:
    """What a plugin prints meanwhile goes to standard error: on standard output it would stand in the midst of an answer in JSON."""
    return redirect_stdout(sys.stderr)


class _Broken(Exception):
    """Why one plugin cannot be used; turned into a `BrokenPlugin`."""


@dataclass(frozen=True, slots=True)
class Plugins:
    """What the installed plugins offer. `connectors` by name, `loaded` and `broken` in the order of loading."""

    connectors: Mapping[str, type[Connector]]
    concepts: tuple[ConceptScheme | ConceptMapping, ...]
    loaded: tuple[LoadedPlugin, ...]
    broken: tuple[BrokenPlugin, ...]
    manager: pluggy.PluginManager
    _callers: dict[str, list[tuple[str, Callable[..., Any], bool]]] = field(default_factory=dict, repr=False, compare=False)

    def connector(self, name: str) -> type[Connector]:
        """The connector class called `name`; raises `Misconfigured` with the names that exist and the plugins that were left out."""
        found = self.connectors.get(name)
        if found is not None:
            return found
        known = ", ".join(sorted(self.connectors)) or "none"
        message = f"There is no connector {name!r}; installed are: {known}."
        if self.broken:
            message += " Left out as broken: " + ", ".join(plugin.name for plugin in self.broken) + " (see: fichehub plugins)."
        raise Misconfigured(message)

    def scope_types(self) -> frozenset[str]:
        """The types of resource that a scope of an access token may name: those of all endpoints that take tokens."""
        found: set[str] = set()
        for connector in self.connectors.values():
            if issubclass(connector, Endpoint) and connector.takes_tokens:
                try:
                    found |= connector.scope_types()
                except bugs() as error:  # such an endpoint cannot be served either
                    _log.warning("endpoint without types", endpoint=connector.name, reason=f"{type(error).__name__}: {error}")
        return frozenset(found)

    def implements(self, hook: str) -> bool:
        """Whether any plugin has this hook."""
        return any(hook in plugin.hooks for plugin in self.loaded)

    def match_fiche(self, incoming: Claim, candidates: Sequence[MatchCandidate]) -> Sequence[MatchCandidate]:
        """The candidates as the first plugin with an opinion scores them, else as they came."""
        for answer in self._ask("match_fiche", incoming=incoming, candidates=candidates):
            return cast(Sequence[MatchCandidate], answer)
        return candidates

    def validate_fiche(self, fiche: dict[str, Any], origin: str) -> tuple[FieldError, ...]:
        """What any plugin finds wrong with a partial fiche from source `origin`, in the order of loading."""
        found: list[FieldError] = []
        for errors in self._ask("validate_fiche", fiche=fiche, origin=origin):
            found += errors
        return tuple(found)

    def _ask(self, hook: str, **arguments: Any) -> Iterator[Any]:
        """The answers of the plugins that have this hook. One that raises or answers something else than the hook asks for is logged and has no opinion; the others are asked all the same. Who listens
        (`hook_failures`) is told."""
        for name, caller, is_own in self._callers_of(hook):
            try:
                # What a stranger does to a copy stays with it; ours are seen to leave alone what they look at, because a copy for every row costs a load 7 % of its time.
                answers = _listed(self.manager, hook, caller(**(arguments if is_own else copy.deepcopy(arguments))))
                _JUDGES[hook](answers)
            except bugs() as error:  # a plugin may raise anything, and must not starve the others
                heard = _listening.get()
                if heard is None or heard.note(name, hook, error):
                    _log.exception("hook failed", plugin=name, hook=hook)
                continue
            yield from answers

    def _callers_of(self, hook: str) -> list[tuple[str, Callable[..., Any], bool]]:
        """One caller per plugin that has this hook, and whether the plugin is of the hub's own distribution; kept, because a load asks for every row."""
        found = self._callers.get(hook)
        if found is None:
            ours = {plugin.name for plugin in self.loaded if plugin.distribution == OWN_DISTRIBUTION}
            plugins = self.manager.get_plugins()
            found = self._callers[hook] = []
            for name, plugin in self.manager.list_name_plugin():
                called = self.manager.hook.__dict__[hook]
                own = [each for each in called.get_hookimpls() if each.plugin is plugin]
                if own:
                    others = [other for other in plugins if other is not plugin]
                    found.append((name, _direct(called, own) or self.manager.subset_hook_caller(hook, others), name in ours))
        return found


def load(extra: Iterable[tuple[str, object]] = (), *, installed: bool = True) -> Plugins:
    """Load the installed plugins, ours first, then by name; `extra` adds plugin objects as `(name, plugin)` after them.

    With `installed=False` only `extra` is loaded. Never raises for what a plugin does; look at `broken`. What a plugin prints meanwhile goes to standard error.
    """
    with prints_aside():
        return _load((*(_entry_points() if installed else ()), *(_Found(name, "", "", plugin) for name, plugin in extra)))


def _load(all_found: Iterable[_Found]) -> Plugins:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    connectors: dict[str, type[Connector]] = {}
    owners: dict[str, str] = {}
    concepts: list[ConceptScheme | ConceptMapping] = []
    loaded: list[LoadedPlugin] = []
    broken: list[BrokenPlugin] = []

    for found in all_found:
        try:
            plugin = found.load()
            _judge(plugin)
            offered = _offered_connectors(plugin, owners)
            brought = _brought_concepts(plugin)
            try:
                manager.register(plugin, found.name)
            except ValueError as error:
                raise _Broken(f"a plugin called {found.name!r} (or the same module) is already loaded") from error
        except _Broken as error:
            _log.warning(
                "plugin left out",
                plugin=found.name,
                distribution=found.distribution,
                reason=str(error),
                exc_info=error.__cause__,
            )
            broken.append(BrokenPlugin(found.name, found.distribution, storable(str(error))))  # the name of a file that is no UTF-8 may stand in it
            continue
        connectors.update({connector.name: connector for connector in offered})
        owners.update({connector.name: found.name for connector in offered})
        concepts.extend(brought)
        hooks = tuple(sorted(caller.name for caller in manager.get_hookcallers(plugin) or ()))
        loaded.append(
            LoadedPlugin(
                found.name,
                found.distribution,
                found.version,
                hooks,
                tuple(sorted(connector.name for connector in offered)),
            )
        )
    return Plugins(connectors, tuple(concepts), tuple(loaded), tuple(broken), manager)


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    distribution: str
    version: str
    target: object  # the plugin itself, or the entry point that leads to it

    def load(self) -> object:
        if not isinstance(self.target, importlib.metadata.EntryPoint):
            return self.target
        try:
            return cast(object, self.target.load())
        except bugs() as error:  # an import runs a stranger's code
            raise _Broken(f"it cannot be imported from {self.target.value!r}: {_in_words(error)}") from error


def _entry_points() -> list[_Found]:
    found = []
    for point in importlib.metadata.entry_points(group=GROUP):
        distribution = point.dist.name if point.dist else ""
        found.append(_Found(point.name, distribution, point.dist.version if point.dist else "", point))
    return sorted(found, key=lambda each: (each.distribution != OWN_DISTRIBUTION, each.name, each.distribution))


def _judge(plugin: object) -> None:
    """Register in a manager of its own, so that a misspelled hook is this plugin's fault alone."""
    alone = pluggy.PluginManager(hookspecs.PROJECT)
    alone.add_hookspecs(hookspecs)
    try:
        alone.register(plugin)
        alone.check_pending()
    except pluggy.PluginValidationError as error:
        raise _Broken(f"it does not fit the hooks of hub.hookspecs: {' '.join(str(error).split())}") from error
    except bugs() as error:  # registering looks at every attribute, which may run a stranger's code
        raise _Broken(f"it cannot be registered: {_in_words(error)}") from error
    if not alone.get_hookcallers(plugin):
        raise _Broken("it implements no hook; mark its functions with @hookimpl")


def _offered_connectors(plugin: object, owners: Mapping[str, str]) -> list[type[Connector]]:
    offered: list[type[Connector]] = []
    names: set[str] = set()
    for item in _answers(plugin, "register_connectors"):
        reason = _breach(item)
        if reason:
            raise _Broken(f"its connector {getattr(item, '__qualname__', item)!r} {reason}")
        connector = cast(type[Connector], item)
        if connector.name in names:
            raise _Broken(f"it offers two connectors called {connector.name!r}")
        if connector.name in owners:
            raise _Broken(f"its connector {connector.name!r} has the name of one that plugin {owners[connector.name]!r} offers")
        names.add(connector.name)
        offered.append(connector)
    return offered


def _brought_concepts(plugin: object) -> list[ConceptScheme | ConceptMapping]:
    brought = _answers(plugin, "register_concepts")
    for item in brought:
        if not isinstance(item, ConceptScheme | ConceptMapping):
            raise _Broken(f"register_concepts returned {type(item).__name__}, not ConceptScheme or Mapping")
    return cast(list[ConceptScheme | ConceptMapping], brought)


def _answers(plugin: object, hook: str) -> list[object]:
    alone = pluggy.PluginManager(hookspecs.PROJECT)
    alone.add_hookspecs(hookspecs)
    alone.register(plugin)
    try:
        return [item for answer in _call(alone, plugin, hook) for item in answer]
    except bugs() as error:  # a hook is a stranger's code
        raise _Broken(f"its hook {hook} failed: {_in_words(error)}") from error


def _direct(hook: pluggy.HookCaller, own: Sequence[pluggy.HookImpl]) -> Callable[..., Any] | None:
    """Asks a plugin's one function as `hook` would, in a third of the time: a load asks for every row. None where it has a wrapper."""
    if len(own) != 1 or own[0].hookwrapper or own[0].wrapper:
        return None
    function, names = own[0].function, own[0].argnames
    first = hook.spec is not None and hook.spec.opts.get("firstresult")

    def ask(**arguments: Any) -> Any:
        answer = function(*[arguments[name] for name in names])
        return answer if first else [] if answer is None else [answer]

    return ask


def _call(manager: pluggy.PluginManager, plugin: object, hook: str, **arguments: Any) -> list[Any]:
    others = [other for other in manager.get_plugins() if other is not plugin]
    return _listed(manager, hook, manager.subset_hook_caller(hook, others)(**arguments))


def _listed(manager: pluggy.PluginManager, hook: str, answer: Any) -> list[Any]:
    """What a hook of one plugin answered, as a list of at most one."""
    if isinstance(answer, list) and not manager.hook.__dict__[hook].spec.opts.get("firstresult"):
        return answer
    return [] if answer is None else [answer]


def _judge_errors(answers: Sequence[Any]) -> None:
    for errors in answers:
        if not isinstance(errors, list | tuple) or not all(
            isinstance(error, FieldError) and isinstance(error.path, str) and isinstance(error.reason, str) for error in errors
        ):
            raise WrongAnswer("it answered something else than a list of FieldError, each with a path and a reason")


def _judge_candidates(answers: Sequence[Any]) -> None:
    for candidates in answers:
        if not isinstance(candidates, list | tuple) or not all(
            isinstance(each, MatchCandidate)
            and isinstance(each.score, int | float)
            and math.isfinite(each.score)
            and isinstance(each.reasons, list | tuple)
            and all(isinstance(reason, str) for reason in each.reasons)
            for each in candidates
        ):
            raise WrongAnswer(
                "it answered something else than a list of MatchCandidate, each with a score that is a number and reasons that are texts"
            )


_JUDGES: Final[Mapping[str, Callable[[Sequence[Any]], None]]] = {"validate_fiche": _judge_errors, "match_fiche": _judge_candidates}
"""Raises `WrongAnswer` for answers of a hook that nobody can use."""


def _breach(item: object) -> str | None:
    """How `item` breaks the contract of a connector class; `None` when it keeps it."""
    if not isinstance(item, type) or not issubclass(item, Connector):
        return "is not a class derived from hub.Connector"
    floors = [(kind, methods) for kind, methods in _OWN_WORK if issubclass(item, kind)]
    if not floors:
        return "must derive from Source, Sink, Export or Endpoint"
    name = getattr(item, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f"needs a `name` in kebab-case, not {name!r}"
    if name in OWN_PATHS and issubclass(item, Endpoint):
        return f"is an Endpoint, and /{name} is an address of the hub itself; it needs another `name`"
    title = getattr(item, "title", None)
    if not isinstance(title, str) or not title.strip():
        return "needs a `title` that administrators can read"
    if not is_storable(title):
        return "needs a `title` without NUL and without half a character"
    for kind, methods in floors:
        for method in methods:
            if _function(item, method) is _function(kind, method):
                return f"is a {kind.__name__} but does not define `{method}`"
    if issubclass(item, Endpoint) and item.takes_tokens and _function(item, "scope_types") is _function(Endpoint, "scope_types"):
        return "takes tokens but does not define `scope_types`, without which none could be given"
    schema: object = item.config_schema
    if not isinstance(schema, type) or not issubclass(schema, ma.Schema):
        return "needs a `config_schema` that is a marshmallow Schema class"
    try:
        schema()
    except bugs() as error:  # a schema's constructor is a stranger's code
        return f"has a `config_schema` that cannot be built: {_in_words(error)}"
    return None


def _function(owner: type, name: str) -> object:
    method = getattr(owner, name)
    return getattr(method, "__func__", method)


def _in_words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
