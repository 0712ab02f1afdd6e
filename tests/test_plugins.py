"""Loading plugins: what works is found, what does not is named and left out, and nothing stops the hub."""

from __future__ import annotations

import copy
import importlib.metadata
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import marshmallow as ma
import pytest

from hub import World, plugins
from hub.connector import Connector, Endpoint, Finished, MatchCandidate, Source
from hub.errors import FieldError, Misconfigured
from hub.hookspecs import hookimpl
from hub.model.claims import Claim
from hub.model.concepts import ConceptScheme
from hub.plugins import hook_failures


class Good(Source):
    name = "good"
    title = "A good source"

    def pull(self, cursor: str | None) -> Iterator[Finished]:
        yield Finished(complete=True)


def plugin(**hooks: Any) -> ModuleType:
    """A plugin with these hooks."""
    module = ModuleType("a_plugin")
    vars(module).update(hooks)
    return module


def offering(*connectors: object) -> ModuleType:
    """A plugin that offers these connectors."""

    def register_connectors() -> Sequence[object]:
        return connectors

    return plugin(register_connectors=hookimpl(register_connectors))


def load(**extra: object) -> plugins.Plugins:
    return plugins.load(extra.items(), installed=False)


def test_hook_register_connectors() -> None:
    found = load(good=offering(Good))
    assert found.connector("good") is Good
    assert found.broken == ()
    assert found.loaded == (plugins.LoadedPlugin("good", "", "", ("register_connectors",), ("good",)),)


def test_hook_register_concepts() -> None:
    scheme = ConceptScheme("colours", {"nl": "Kleuren"})
    found = load(colours=plugin(register_concepts=hookimpl(lambda: [scheme], specname="register_concepts")))
    assert found.concepts == (scheme,)


@pytest.mark.parametrize("failure", [RuntimeError("broken inside"), SystemExit(0), GeneratorExit()])
def test_hook_validate_fiche_asks_everybody_even_when_one_fails(failure: BaseException) -> None:
    def fails(fiche: dict[str, Any], origin: str) -> Sequence[FieldError]:
        raise failure

    def complains(fiche: dict[str, Any], origin: str) -> Sequence[FieldError]:
        return [FieldError("names", f"no name from {origin}")]

    found = load(
        a=plugin(validate_fiche=hookimpl(complains, specname="validate_fiche")),
        b=plugin(validate_fiche=hookimpl(fails, specname="validate_fiche")),
        c=plugin(validate_fiche=hookimpl(complains, specname="validate_fiche")),
    )
    assert found.validate_fiche({}, "x") == (FieldError("names", "no name from x"),) * 2


def test_what_a_hook_does_to_what_it_was_asked_about_stays_with_it() -> None:
    def empties(fiche: dict[str, Any], origin: str) -> Sequence[FieldError]:
        said = [FieldError("names", f"{len(fiche['names'])} names")]
        fiche["names"].clear()
        fiche.clear()
        return said

    found = load(
        a=plugin(validate_fiche=hookimpl(empties, specname="validate_fiche")), b=plugin(validate_fiche=hookimpl(empties, specname="validate_fiche"))
    )
    fiche = {"names": [{"text": {"nl": "Linde"}}]}
    assert found.validate_fiche(fiche, "x") == (FieldError("names", "1 names"),) * 2
    assert fiche == {"names": [{"text": {"nl": "Linde"}}]}


def test_own_plugins_leave_alone_what_they_look_at() -> None:
    """They are asked about every row of a load without a copy."""
    own = plugins.load()
    world = World()
    seen = 0
    for claim in (*world.to_claims(), *world.register_claims(0, 500), *world.brussels_claims()):
        before = copy.deepcopy(claim)
        own.validate_fiche(claim.content, claim.source)
        own.match_fiche(claim, [MatchCandidate({"id": "1", **claim.content}, 0.5)])
        assert claim == before
        seen += 1
    assert seen > 3_000


_CANDIDATE: Final = MatchCandidate({"id": "1"}, 0.5)


@pytest.mark.parametrize(
    ("hook", "answer"),
    [
        *(("validate_fiche", answer) for answer in ([1, 2], "oops", [FieldError(None, 5)], {"names": "wrong"}, 7)),  # type: ignore[arg-type]
        *(("match_fiche", answer) for answer in ([1], "abc", [replace(_CANDIDATE, score=math.nan)], [replace(_CANDIDATE, reasons=5)])),  # type: ignore[arg-type]
    ],
)
def test_an_answer_that_a_hook_is_not_asked_for_counts_as_none_and_is_told_of_its_plugin(hook: str, answer: object) -> None:
    said = {"validate_fiche": lambda fiche: answer, "match_fiche": lambda incoming: answer}[hook]
    found = load(odd=plugin(**{hook: hookimpl(said, specname=hook)}))
    with hook_failures() as failures:
        if hook == "validate_fiche":
            assert found.validate_fiche({}, "x") == ()
        else:
            assert found.match_fiche(Claim("x", "1", 1, "organisatie", {}), [_CANDIDATE]) == [_CANDIDATE]
    [told] = failures.told
    assert f"The hook {hook} of the plugin odd failed once" in told
    assert "it answered something else than a list of" in told


def test_half_a_character_in_what_a_plugin_says_stops_nobody() -> None:
    class Half(Good):
        name = "half"
        title = "T\ud800"

    def fails() -> list[Any]:
        raise ValueError("cannot read caf\udce9.json")

    found = load(
        titled=plugin(register_connectors=hookimpl(lambda: [Half], specname="register_connectors")),
        failing=plugin(register_connectors=hookimpl(fails, specname="register_connectors")),
    )
    assert {broken.name for broken in found.broken} == {"titled", "failing"}
    for broken in found.broken:
        broken.reason.encode()
    assert "half a character" in {broken.name: broken.reason for broken in found.broken}["titled"]


def test_hook_match_fiche_takes_the_first_opinion() -> None:
    candidates = [MatchCandidate({"id": "1"}, 0.5)]
    better = [MatchCandidate({"id": "1"}, 0.9, ("name",))]
    found = load(
        silent=plugin(match_fiche=hookimpl(lambda incoming: None, specname="match_fiche")),
        fails=plugin(match_fiche=hookimpl(lambda candidates: 1 / 0, specname="match_fiche")),
        clever=plugin(match_fiche=hookimpl(lambda incoming, candidates: better, specname="match_fiche")),
    )
    claim = Claim("x", "1", 1, "organisatie", {})
    assert found.match_fiche(claim, candidates) == better
    assert load().match_fiche(claim, candidates) == candidates


class NoName(Source):
    title = "No name"

    def pull(self, cursor: str | None) -> Iterator[Finished]:
        yield Finished(complete=True)


class ShoutingName(Good):
    name = "Good Source"


class NoTitle(Good):
    name = "no-title"
    title = " "


class OnlyConnector(Connector):
    name = "only"
    title = "Only a connector"


class NoPull(Source):
    name = "no-pull"
    title = "Pulls nothing"


class NoBlueprint(Endpoint):
    name = "no-blueprint"
    title = "Has no routes"


class NoScopes(Endpoint):
    name = "no-scopes"
    title = "Takes tokens for nothing"
    takes_tokens = True

    @classmethod
    def blueprint(cls) -> Any:
        return None


class BadSchema(Good):
    name = "bad-schema"
    config_schema = {"url": str}  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("connector", "reason"),
    [
        (NoName, "needs a `name` in kebab-case"),
        (ShoutingName, "needs a `name` in kebab-case, not 'Good Source'"),
        (NoTitle, "needs a `title`"),
        (OnlyConnector, "must derive from Source, Sink, Export or Endpoint"),
        (NoPull, "is a Source but does not define `pull`"),
        (NoBlueprint, "is a Endpoint but does not define `blueprint`"),
        (NoScopes, "takes tokens but does not define `scope_types`"),
        (BadSchema, "needs a `config_schema` that is a marshmallow Schema class"),
        (ma.Schema, "is not a class derived from hub.Connector"),
        ("good", "is not a class derived from hub.Connector"),
    ],
)
def test_a_connector_that_breaks_the_contract_leaves_its_plugin_out(connector: object, reason: str) -> None:
    found = load(bad=offering(connector), good=offering(Good))
    assert list(found.connectors) == ["good"]
    assert [(each.name, reason in each.reason) for each in found.broken] == [("bad", True)], found.broken


def test_a_misspelled_hook_is_named() -> None:
    def register_conectors() -> Sequence[type[Connector]]:
        return [Good]

    found = load(bad=plugin(register_conectors=hookimpl(register_conectors)), good=offering(Good))
    assert "register_conectors" in found.broken[0].reason
    assert list(found.connectors) == ["good"]


def test_a_hook_with_a_wrong_argument_is_named() -> None:
    found = load(bad=plugin(validate_fiche=hookimpl(lambda document: [], specname="validate_fiche")))
    assert "document" in found.broken[0].reason


def test_a_raising_registration_is_named() -> None:
    found = load(
        bad=plugin(register_connectors=hookimpl(lambda: 1 / 0, specname="register_connectors")),
        good=offering(Good),
    )
    assert "its hook register_connectors failed: ZeroDivisionError" in found.broken[0].reason
    assert list(found.connectors) == ["good"]


def test_of_two_connectors_with_one_name_the_later_plugin_is_left_out() -> None:
    found = load(first=offering(Good), second=offering(Good))
    assert found.broken[0].name == "second"
    assert "plugin 'first'" in found.broken[0].reason


def test_an_unknown_connector_is_answered_with_those_that_exist() -> None:
    with pytest.raises(Misconfigured, match=r"no connector 'nope'; installed are: good\. Left out as broken: bad"):
        load(good=offering(Good), bad=offering(NoPull)).connector("nope")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Writes a distribution with one plugin into a folder on the path, as an installer would."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    known = set(sys.modules)

    def write(distribution: str, module: str, text: str) -> None:
        (site / f"{module}.py").write_text(text)
        info = site / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{plugins.GROUP}]\n{module} = {module}\n")
        importlib.invalidate_caches()

    yield write
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(site)):
            del sys.modules[name]


STRANGER = """
from hub.connector import Finished, Source
from hub.hookspecs import hookimpl

class Stranger(Source):
    name = "stranger"
    title = "A stranger's source"
    def pull(self, cursor):
        yield Finished(complete=True)

@hookimpl
def register_connectors():
    return [Stranger]
"""


def test_installed_plugins_are_found_and_a_broken_one_does_not_stop_the_start(install: Any) -> None:
    install("stranger-plugin", "stranger", STRANGER)
    install("aaa-broken", "aaa_broken", "raise RuntimeError('boom')")
    install("exits", "exits_at_import", "raise SystemExit(3)")
    install("cancels", "cancels_at_import", "import asyncio; raise asyncio.CancelledError")
    install("no-hooks", "no_hooks", "x = 1")
    found = plugins.load()
    assert found.connector("stranger").title == "A stranger's source"
    reasons = {(each.name, each.distribution): each.reason for each in found.broken}
    assert "RuntimeError: boom" in reasons["aaa_broken", "aaa-broken"]
    assert "SystemExit" in reasons["exits_at_import", "exits"]
    assert "CancelledError" in reasons["cancels_at_import", "cancels"]
    assert "implements no hook" in reasons["no_hooks", "no-hooks"]
    assert [each.version for each in found.loaded if each.name == "stranger"] == ["1.0"]


def test_somebody_who_ends_the_process_meanwhile_is_no_bug_of_a_plugin(install: Any) -> None:
    install("slow", "slow_at_import", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        plugins.load()


def test_our_own_plugins_come_first(install: Any) -> None:
    install("aaa-greedy", "aaa_greedy", STRANGER)
    found = plugins.load()
    names = [each.distribution for each in (*found.loaded,)]
    assert names.index("aaa-greedy") == len(names) - 1


def test_an_endpoint_cannot_have_an_address_of_the_hub_itself() -> None:
    door = type("Door", (Endpoint,), {"name": "api", "title": "Door", "blueprint": classmethod(lambda cls: None)})
    source = type("Api", (Source,), {"name": "api", "title": "Api", "pull": lambda self, cursor: iter(())})
    offers = [plugin(register_connectors=hookimpl(lambda kind=kind: [kind], specname="register_connectors")) for kind in (door, source)]
    found = load(door=offers[0], source=offers[1])
    (broken,) = found.broken
    assert broken.name == "door" and "/api is an address of the hub itself" in broken.reason
    assert found.connector("api") is source
