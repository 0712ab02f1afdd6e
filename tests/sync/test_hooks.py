"""Hooks that fail, and links that lead nowhere: the rows are taken, and the run says so."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from hub import plugins
from hub.errors import FieldError, Unreachable
from hub.hookspecs import hookimpl
from hub.model.claims import Claim
from hub.store import Store, Writer
from hub.sync import run, status
from tests.sync.pulling import Offer, connect, go, stored
from tests.sync.rows import Rows, fresh_rows


def _raises(fiche: dict[str, Any], origin: str) -> list[FieldError]:
    raise ValueError(f"geheim: {fiche['names']}")


def _with_hook(source: type[Rows], hook: Any = _raises) -> plugins.Plugins:
    rows, judge = ModuleType("rows"), ModuleType("judge")
    vars(rows)["register_connectors"] = hookimpl(lambda: [source], specname="register_connectors")
    vars(judge)["validate_fiche"] = hookimpl(hook, specname="validate_fiche")
    return plugins.load([("rows", rows), ("judge", judge)], installed=False)


def _ran(store: Store, source: type[Rows], **options: Any) -> Any:
    loaded = _with_hook(source)
    connect(store, loaded)
    return run(store, loaded, "own", **options)


def test_a_hook_that_fails_is_a_warning_of_the_run_and_of_the_status(any_store: Store) -> None:
    source = fresh_rows(25)
    report = _ran(any_store, source)
    (told,) = report.warnings
    assert "The hook validate_fiche of the plugin judge failed 25 times; what it was asked about was taken as if it had nothing to say." in told
    assert "ValueError in test_hooks.py, line " in told
    assert "geheim" not in told, "its message may quote what is hidden"
    assert (report.state, report.changed, len(stored(any_store))) == ("done", 25, 25)
    (shown,) = status.of_all(any_store, _with_hook(source))
    assert told.rstrip(".") in shown.reason


def test_what_failed_is_told_of_a_run_that_failed_and_of_a_dry_one(store: Store) -> None:
    source = fresh_rows(25)
    assert "failed 25 times" in _ran(store, source, dry_run=True).warnings[0]
    source.fail_after, source.failure = 3, Unreachable("The line broke.")
    cut = run(store, _with_hook(source), "own")
    assert (cut.state, len(cut.warnings)) == ("failed", 1) and "failed 3 times" in cut.warnings[0]


def test_an_attempt_that_came_to_nothing_does_not_count(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real, refused = Writer.put, list[str]()

    def put(self: Writer, *given: Any, **named: Any) -> Any:
        counts = real(self, *given, **named)
        if not refused:
            refused.append("once")
            raise OperationalError("", {}, Exception("database is locked"))
        return counts

    monkeypatch.setattr(Writer, "put", put)
    (told,) = _ran(store, fresh_rows(5)).warnings
    assert refused and "failed 5 times" in told


def test_a_hook_that_works_is_no_warning(store: Store) -> None:
    source = fresh_rows(5)
    loaded = _with_hook(source, lambda fiche, origin: [])
    connect(store, loaded)
    assert run(store, loaded, "own").warnings == ()


def test_an_aanbod_at_a_vestiging_that_is_not_there_is_told_by_a_whole_run(any_store: Store, offer: Offer) -> None:
    site = {"keys": ["rows:s1"], "addresses": [{"postcode": "9000", "municipality": "44021"}]}
    about = {"kind": "organisatie", "names": [{"text": {"nl": "Huis"}}], "vestigingen": [site]}

    def offered(number: int, key: str) -> Claim:
        content = {"kind": "aanbod", "names": [{"text": {"nl": f"Zorg {number}"}}], "organisatie": {"source": "rows", "external_id": "o1"}}
        return Claim("rows", f"a{number}", 1, "aanbod", {**content, "vestigingen": [{"key": key}]})

    source = fresh_rows(0)
    source.rows = [offered(1, "rows:s1"), offered(2, "adr|9000||12"), offered(3, "adr|9000||12"), Claim("rows", "o1", 1, "organisatie", about)]
    (told,) = go(any_store, source, offer).warnings
    assert told == "2 aanbod name a vestiging that their organisatie does not have, so they are not found there. For example a2"
    source.rows = [offered(1, "rows:s1"), source.rows[-1]]
    assert go(any_store, source, offer, full=True).warnings == ()
