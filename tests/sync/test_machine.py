"""Both sides edited, crashed, repeated, reordered, cut off, throttled, deleted and erased in any order: a state machine against a partner in memory.

500 runs of 50 steps, always the same ones, take some two to three minutes of processor time; FICHEHUB_MACHINE_RUNS=5000 makes so many, other ones each time, and looks
for the shortest way to a failure, as FICHEHUB_HYPOTHESIS=long does. After every step: the log is gapless, no hidden value left, the editor's word stands, the erased stay
erased. At the end, with the faults gone: both sides say the same, nothing is doubled, and one more run pushes nothing.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlalchemy import Connection

from hub import plugins
from hub.connector import Finished, Incoming, Sink, Source
from hub.errors import Gone, NotFound, Unreachable
from hub.hookspecs import hookimpl
from hub.model.claims import Claim
from hub.model.entity import Change, Entity
from hub.store import editing, erasure, reading
from hub.sync import connections, run
from hub.sync.partner_view import open_directory
from tests import machines
from tests.machines import MachineOfAHub, tried

pytestmark = pytest.mark.slow
LONG = os.environ.get("FICHEHUB_HYPOTHESIS") == "long"
RUNS = machines.runs(otherwise=5000 if LONG else 0)
STEPS = 50
ALWAYS = 500
"""Runs whenever the suite is run. 50 steps are some 16 runs of the hub, each of 90 statements in 8 transactions: 0.3 s of processor time."""
TOLD = f"state machine of two-way sync: {RUNS or ALWAYS} runs of {STEPS} steps"
HIDDEN = "+3290009999"
FAULTS = ("truncate", "429", "500", "crash", "crash before", "crash after", "reorder")
HOUSES = st.integers(0, 1)
NAMES = st.sampled_from(["Huis", "Thuis", "Onthuis", "Zorghuis"])


class Broken(Unreachable):
    """What the partner's server does now and then."""


class Partner(Source, Sink):
    """Rows by e-mail address; a feed of events by position; names in capitals when we write them."""

    name = "partner"
    title = "A partner in memory"
    rows: ClassVar[dict[str, tuple[int, str]]] = {}
    events: ClassVar[list[tuple[int, str, str | None]]] = []
    written: ClassVar[list[str]] = []
    fault: ClassVar[str] = ""
    at: ClassVar[int] = 0
    chance: ClassVar[random.Random] = random.Random(0)

    @classmethod
    def write(cls, ref: str, name: str | None) -> None:
        """What an editor over there, or a push, does."""
        revision = len(cls.events) + 1
        if name is None:
            cls.rows.pop(ref, None)
        else:
            cls.rows[ref] = (revision, name)
        cls.events.append((revision, ref, name))

    def pull(self, cursor: str | None) -> Iterator[Incoming | Finished]:
        cls = type(self)
        end = len(cls.events)
        if cursor is None:
            wanted: list[tuple[int, str, str | None]] = [(r, ref, name) for ref, (r, name) in sorted(cls.rows.items())]
        else:
            wanted = cls.events[int(cursor) : end]
            if cls.fault == "reorder":
                wanted = wanted + cls.chance.choices(cls.events, k=min(4, end)) if end else wanted
                cls.chance.shuffle(wanted)
        for count, (revision, ref, name) in enumerate(wanted):
            self._fail("pull", count)
            yield Incoming(self._claim(revision, ref, name))
        self._fail("pull", len(wanted))
        if cls.fault == "truncate":
            return
        yield Finished(complete=cursor is None, cursor=str(end))

    def shape(self, entity: Entity) -> dict[str, Any] | None:
        contacts = entity.fiche.get("contacts", ())
        ref = next((one["value"] for one in contacts if one["kind"] == "email"), None)
        if entity.type != "organisatie" or ref is None or "names" not in entity.fiche:
            return None
        phones = [one["value"] for one in contacts if one["kind"] == "phone"]
        return {"ref": ref, "name": entity.fiche["names"][0]["text"]["nl"], "phones": phones}

    def push(self, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> dict[str, Any] | None:
        cls = type(self)
        self._fail("push", 0)
        cls.written.append(repr(desired))
        ref = (desired or {}).get("ref") or cls.known.get(change.id, "")
        cls.known[change.id] = ref
        answer = None if desired is None else {**desired, "name": desired["name"].upper()}
        if desired is None or cls.rows.get(ref, (0, ""))[1] != desired["name"].upper():
            self.write(ref, None if answer is None else answer["name"])
        if cls.fault == "crash after":
            raise KeyboardInterrupt
        return answer

    known: ClassVar[dict[str, str]] = {}

    def read_back(self, state: dict[str, Any]) -> dict[str, Any]:
        return {"kind": "organisatie", "names": [{"text": {"nl": state["name"]}}]}

    def _fail(self, where: str, count: int) -> None:
        fault = type(self).fault
        if where == "push" and fault == "crash before":
            raise KeyboardInterrupt
        if fault in ("429", "500") and (where == "push" or count >= self.at):
            raise Broken(fault, retry_after=30 if fault == "429" else None)

    @staticmethod
    def _claim(revision: int, ref: str, name: str | None) -> Claim:
        same = (("sociale-kaart", ref.partition("@")[0]),)
        if name is None:
            return Claim("partner", ref, revision, "organisatie", {}, gone=True, same_as=same)
        content = {"kind": "organisatie", "names": [{"text": {"nl": name}}]}
        return Claim("partner", ref, revision, "organisatie", content, same_as=same)


def _loaded() -> tuple[type[Partner], plugins.Plugins]:
    fresh = type("Fresh", (Partner,), {"rows": {}, "events": [], "written": [], "known": {}, "chance": random.Random(7)})
    module = ModuleType("machine_plugin")
    vars(module)["register_connectors"] = hookimpl(lambda: [fresh], specname="register_connectors")
    return fresh, plugins.load([("machine", module)], installed=False)


class _NoHttp:
    """The partner is in memory, so nobody is called."""

    def get(self, url: str, **how: Any) -> Any:
        raise AssertionError(url)

    post = get


class TwoWays(MachineOfAHub):
    """One hub, one partner, two houses that both know at the start."""

    def __init__(self) -> None:
        super().__init__(datetime(2026, 3, 28, 9, 0, tzinfo=UTC))
        self.partner, self.plugins = _loaded()
        connections.add(self.store, self.plugins, "own", "partner")
        connections.enable(self.store, self.plugins, "own")
        self.revision = 0
        self.decided: dict[int, str] = {}
        self.erased: dict[int, str] = {}
        self.looked_at = 0

    @initialize()
    def both_know_the_houses(self) -> None:
        for house in range(2):
            self.edit_hub(house, "Huis")
        assert self._run() == "done"
        assert len(self.partner.rows) == 2

    # --- what happens here -----------------------------------------------------------------------------------------------------

    @rule(house=HOUSES, name=NAMES)
    def edit_hub(self, house: int, name: str) -> None:
        contacts = [
            {"kind": "email", "value": _ref(house)},
            {"kind": "phone", "value": HIDDEN, "visibility": "internal"},
        ]
        content = {"kind": "organisatie", "names": [{"text": {"nl": f"{name} {house}"}}], "contacts": contacts}
        self._say(Claim("sociale-kaart", f"h{house}", self._next(), "organisatie", content))

    @rule(house=HOUSES, name=NAMES)
    def decide_hub(self, house: int, name: str) -> None:
        fiche = self._fiche(house)
        if fiche is None:
            return
        text = f"{name} van de redactie {house}"
        try:
            editing.edit(self.store, fiche, "names", [{"text": {"nl": text}}], "an editor")
        except (Gone, NotFound):
            return
        self.decided[house] = text

    @rule(house=HOUSES)
    def delete_hub(self, house: int) -> None:
        self._say(Claim("sociale-kaart", f"h{house}", self._next(), "organisatie", {}, gone=True))

    @precondition(lambda self: not self.erased)
    @rule(house=HOUSES)
    def erase(self, house: int) -> None:
        fiche = self._fiche(house)
        if fiche is not None and house not in self.erased:
            erasure.erase(self.store, fiche, "article 17")
            self.erased[house] = fiche
            self.decided.pop(house, None)

    # --- what happens there ----------------------------------------------------------------------------------------------------

    @rule(house=HOUSES, name=NAMES)
    def edit_partner(self, house: int, name: str) -> None:
        self.partner.write(_ref(house), f"{name} van hen {house}")

    @rule(house=HOUSES)
    def delete_partner(self, house: int) -> None:
        if _ref(house) in self.partner.rows:
            self.partner.write(_ref(house), None)

    # --- runs ------------------------------------------------------------------------------------------------------------------

    @rule(full=st.booleans())
    def run_clean(self, full: bool) -> None:
        assert self._run(full=full) in ("done", "failed")

    @rule(fault=st.sampled_from(FAULTS), at=st.integers(0, 3), full=st.booleans())
    def run_with_a_fault(self, fault: str, at: int, full: bool) -> None:
        self.partner.fault, self.partner.at = fault, at
        crashes = [at]

        def crash(*args: object) -> None:
            crashes[0] -= 1
            if crashes[0] < 0:
                raise KeyboardInterrupt

        try:
            self._run(full=full, **({"progress": crash} if fault == "crash" else {}))
        except KeyboardInterrupt:
            pass  # the process ended; the next run goes on
        finally:
            self.partner.fault = ""

    @rule(hours=st.sampled_from([-30, 1, 7, 24 * 40]))
    def the_clock_jumps(self, hours: int) -> None:
        self.moment += timedelta(hours=hours)

    # --- what always holds -----------------------------------------------------------------------------------------------------

    @invariant()
    def all_is_well(self) -> None:
        """One look at the database for everything: after 25,000 steps that counts."""
        assert not any(HIDDEN in text for text in self.partner.written[self.looked_at :]), "a hidden value left"
        self.looked_at = len(self.partner.written)
        with self.store.read() as db:
            last, count = db.exec_driver_sql("SELECT max(seq), count(*) FROM change").one()
            assert (last or 0) == count, "the log has a gap"
            for house, text in self.decided.items():
                found = _name(db, house)
                assert found in (None, text), f"{found!r} stands in place of what an editor decided"
            for house, fiche in self.erased.items():
                assert reading.documents_by_uuid(db, [fiche]).get(fiche) is None
                said = db.exec_driver_sql("SELECT count(*) FROM claim WHERE external_id IN (?, ?)", (f"h{house}", _ref(house)))
                assert said.scalar_one() == 0, "a reload brought somebody back"

    def come_to_rest(self) -> None:
        """Both sides say the same."""
        for full in (False, True, False):
            self.moment += timedelta(days=60)
            assert self._run(full=full) == "done"
        before = len(self.partner.written)
        self.moment += timedelta(days=1)
        assert self._run() == "done"
        assert self._run(full=True) == "done"
        assert self.partner.written[before:] == [], "with no edits the next run pushes nothing"
        with self.store.read() as db:
            fiches = db.exec_driver_sql("SELECT count(*) FROM fiche WHERE document IS NOT NULL").scalar_one()
        assert fiches <= 2 - len(self.erased), "a house is there twice"
        directory = open_directory(self.store, "")
        for house in range(2):
            fiche = None if house in self.erased else self._fiche(house)
            row = self.partner.rows.get(_ref(house))
            with self.store.read() as db:
                name = _name(db, house)
            if fiche is None or name is None:
                if house not in self.erased:
                    assert row is None, f"{row} is over there, but not here"
                continue
            wanted = self.partner({}, None).shape(directory.get(fiche))  # type: ignore[arg-type]
            if wanted is None:  # no house of ours any more, only theirs
                continue
            assert row is not None, f"{name!r} is here, but not over there"
            assert row[1] in (wanted["name"], wanted["name"].upper())

    # --- by hand -----------------------------------------------------------------------------------------------------------------

    def _run(self, **options: Any) -> str:
        return run(self.store, self.plugins, "own", http=_NoHttp(), **options).state

    def _say(self, said: Claim) -> None:
        counts = self.store.write(lambda writer: writer.put([said], origin="sociale-kaart"))
        assert counts.rejected == []
        if said.gone:
            self.decided.pop(int(said.external_id[1:]), None)

    def _next(self) -> int:
        self.revision += 1
        return self.revision

    def _fiche(self, house: int) -> str | None:
        with self.store.read() as db:
            return _fiche(db, house)


def _fiche(db: Connection, house: int) -> str | None:
    known = "SELECT e.uuid FROM identity i JOIN entity e ON e.id = i.fiche_id WHERE i.key = ?"
    return db.exec_driver_sql(known, (f"sociale-kaart|h{house}",)).scalar()


def _name(db: Connection, house: int) -> str | None:
    fiche = _fiche(db, house)
    document = None if fiche is None else reading.documents_by_uuid(db, [fiche]).get(fiche)
    return None if document is None or "names" not in document else str(document["names"][0]["text"]["nl"])


def _ref(house: int) -> str:
    return f"h{house}@example.org"


@pytest.fixture(autouse=True)
def told(record_property: Callable[[str, object], None]) -> None:
    """How much was tried, for the summary."""
    record_property("told", TOLD)


TestTwoWays: Callable[..., Any] = TwoWays.TestCase
TwoWays.TestCase.settings = tried(RUNS, ALWAYS, STEPS)
