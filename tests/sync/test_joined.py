"""Two fiches on which a partner and we agreed, joined and split again: the partner has one row for each that stands, and then there is silence.

The machine plays both sides of that in any order; FICHEHUB_MACHINE_RUNS makes so many runs, other ones each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, ClassVar, Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy import select

from hub import plugins
from hub.connector import Finished, Incoming
from hub.hookspecs import hookimpl
from hub.model.claims import Claim
from hub.model.entity import Change, Entity
from hub.store import Store
from hub.store.tables import claim, entity
from hub.sync import connections, run
from hub.sync.records import RunReport
from tests import machines
from tests.machines import MachineOfAHub, tried
from tests.sync.test_echo import Register, at_rest, go, name_of, register

__all__ = ["go", "register"]

ONE: Final = ("sociale-kaart", "1")
TWO: Final = ("sociaal-brussels", "2")
Go = Callable[..., RunReport]


def put(store: Store, whose: tuple[str, str], name: str, revision: int = 1) -> None:
    """This source says so, with an address by which a partner that keeps no id of ours can name it."""
    source, external_id = whose
    contacts = [{"kind": "email", "value": f"{external_id}@{source}.example.org"}]
    said = Claim(source, external_id, revision, "organisatie", {"kind": "organisatie", "names": [{"text": {"nl": name}}], "contacts": contacts})
    assert store.write(lambda writer: writer.put([said], origin=source)).rejected == []


def fiche_of(store: Store, whose: tuple[str, str]) -> str:
    """The id of the fiche that has this claim."""
    with store.read() as db:
        query = select(entity.c.uuid).join(claim, claim.c.fiche_id == entity.c.id).where(claim.c.external_id == whose[1])
        return str(db.execute(query).scalar_one())


def joined(store: Store, go: Go) -> tuple[str, str]:
    """Two fiches, both agreed on and heard of again, of which somebody makes one."""
    put(store, ONE, "Een")
    put(store, TWO, "Twee")
    go()
    go(full=True)
    one, other = fiche_of(store, ONE), fiche_of(store, TWO)
    store.write(lambda writer: writer.join(one, other))
    return one, other


def names_there(register: type[Register]) -> dict[str, str]:
    """What the partner calls each fiche of which it has rows."""
    found = {fiche: name for _, name, fiche in register.rows.values()}
    assert len(found) == len(register.rows), f"a fiche is there twice: {register.rows}"
    return found


@pytest.mark.parametrize("full", [False, True])
def test_a_fiche_that_was_joined_away_is_deleted_at_the_partner(any_store: Store, register: type[Register], go: Go, full: bool) -> None:
    one, _ = joined(any_store, go)
    go(full=full)
    assert names_there(register) == {one: name_of(any_store, one).upper()}
    assert at_rest(go, register)


@pytest.mark.parametrize("rows_too", [False, True])
@pytest.mark.parametrize("run_between", [None, False, True])
def test_after_a_join_and_a_split_both_are_there_and_nothing_is_pushed_again(
    any_store: Store, register: type[Register], go: Go, run_between: bool | None, rows_too: bool
) -> None:
    one, other = joined(any_store, go)
    if run_between is not None:
        go(full=run_between)
        go(full=True)
    any_store.write(lambda writer: writer.split(one, [TWO, ("register", "r2")] if rows_too else [TWO]))
    for full in (True, False):
        go(full=full)
    assert names_there(register) == {one: "EEN", other: "TWEE"}
    assert at_rest(go, register)


def test_a_row_that_a_split_of_before_left_elsewhere_is_heard_of_the_fiche_whose_id_it_gives(
    any_store: Store, register: type[Register], go: Go
) -> None:
    """Earlier versions left the partner's claim, and its name for the row, with the fiche that stays."""
    one, other = joined(any_store, go)
    any_store.write(lambda writer: writer.split(one, [TWO]))

    def leave_behind(db: Any) -> None:
        here = db.execute(select(entity.c.id).where(entity.c.uuid == one)).scalar_one()
        db.exec_driver_sql(f"UPDATE claim SET fiche_id = {here} WHERE external_id = 'r2'")
        db.exec_driver_sql(f"UPDATE identity SET fiche_id = {here} WHERE key = 'register|r2'")

    any_store.write(lambda writer: leave_behind(writer.connection))
    go(full=True)
    go()
    assert names_there(register) == {one: "EEN", other: "TWEE"}
    assert at_rest(go, register)


# --- in any order ---------------------------------------------------------------------------------------------------------------


class Partner(Register):
    """It keeps our id with each row, gives no row a number that another had, and names us by that id or by the address of what we told it first."""

    names_us: ClassVar[bool] = True
    refs: ClassVar[dict[str, str]] = {}

    def pull(self, cursor: str | None) -> Iterator[Incoming | Finished]:
        for one in super().pull(cursor):
            if isinstance(one, Incoming) and not self.names_us:
                external_id, _, host = self.refs[self.rows[one.claim.external_id][2]].partition("@")
                yield Incoming(replace(one.claim, same_as=((host.removesuffix(".example.org"), external_id),)))
            else:
                yield one

    def shape(self, entity: Entity) -> dict[str, Any] | None:
        shaped = super().shape(entity)
        return None if shaped is None else {**shaped, "ref": entity.fiche["contacts"][0]["value"]}

    def push(self, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> dict[str, Any] | None:
        if desired is not None and all(fiche != change.id for _, _, fiche in self.rows.values()):
            self.refs[change.id] = desired["ref"]
        answer = super().push(change, desired, agreed)
        return None if answer is None or desired is None else {**answer, "ref": desired["ref"]}

    def _row(self, fiche: str) -> str:
        return next((number for number, row in self.rows.items() if row[2] == fiche), f"r{len(self.pushes):04}")

    @classmethod
    def edit(cls, external_id: str, name: str, fiche: str = "") -> None:
        known = cls.rows.get(external_id, (0, "", fiche))
        cls.newest += 1
        cls.rows[external_id] = (cls.newest, name, known[2])

    newest: ClassVar[int] = 0


class JoinedAndSplit(MachineOfAHub):
    """One hub, one two-way partner, two fiches of two sources that are one now and then."""

    def __init__(self) -> None:
        super().__init__(datetime(2026, 11, 30, 9, 0, tzinfo=UTC))
        fresh = {"rows": {}, "pushes": [], "refs": {}, "newest": 0, "names_us": self.names_us}
        self.partner: type[Partner] = type("FreshPartner", (Partner,), fresh)
        module = ModuleType("joined_plugin")
        vars(module)["register_connectors"] = hookimpl(lambda: [self.partner], specname="register_connectors")
        self.plugins = plugins.load([("joined", module)], installed=False)
        connections.add(self.store, self.plugins, "own", "register")
        connections.enable(self.store, self.plugins, "own")
        self.revision = 0
        for whose, name in ((ONE, "Een"), (TWO, "Twee")):
            self.edit_hub(whose, name)
        self.one, self.other = fiche_of(self.store, ONE), fiche_of(self.store, TWO)

    names_us: ClassVar[bool]

    @property
    def is_one(self) -> bool:
        """Whether the two are joined."""
        return fiche_of(self.store, ONE) == fiche_of(self.store, TWO)

    @rule(whose=st.sampled_from([ONE, TWO]), name=st.sampled_from(["Huis", "Thuis", "Zorghuis"]))
    def edit_hub(self, whose: tuple[str, str], name: str) -> None:
        self.revision += 1
        put(self.store, whose, f"{name} {whose[1]}", self.revision)

    @precondition(lambda self: self.partner.rows)
    @rule(which=st.integers(0, 1), name=st.sampled_from(["Van hen", "Ook van hen"]))
    def edit_partner(self, which: int, name: str) -> None:
        rows = sorted(self.partner.rows)
        self.partner.edit(rows[which % len(rows)], name)

    @precondition(lambda self: self.partner.rows)
    @rule(which=st.integers(0, 1))
    def delete_partner(self, which: int) -> None:
        rows = sorted(self.partner.rows)
        del self.partner.rows[rows[which % len(rows)]]

    @rule(full=st.booleans())
    def run(self, full: bool) -> None:
        assert run(self.store, self.plugins, "own", full=full).state == "done"

    @precondition(lambda self: not self.is_one)
    @rule()
    def join(self) -> None:
        self.store.write(lambda writer: writer.join(self.one, self.other))

    @precondition(lambda self: self.is_one)
    @rule(which=st.sampled_from([ONE, TWO]))
    def split(self, which: tuple[str, str]) -> None:
        self.store.write(lambda writer: writer.split(self.one, [which]))
        self.one, self.other = fiche_of(self.store, ONE), fiche_of(self.store, TWO)

    def come_to_rest(self) -> None:
        """Both sides say the same, each fiche once, and nothing is pushed any more."""
        for full in (False, True, False, True):
            self.moment += timedelta(days=1)
            self.run(full=full)
        before = len(self.partner.pushes)
        for full in (False, True):
            self.run(full=full)
        assert self.partner.pushes[before:] == [], "with no edits the next run pushes nothing"
        here = {fiche: name_of(self.store, fiche).upper() for fiche in {fiche_of(self.store, ONE), fiche_of(self.store, TWO)}}
        assert {fiche: name.upper() for fiche, name in names_there(self.partner).items()} == here


RUNS: Final = machines.runs(otherwise=2000 if os.environ.get("FICHEHUB_HYPOTHESIS") == "long" else 0)


class _NamesUs(JoinedAndSplit):
    names_us = True


class _NamesSources(JoinedAndSplit):
    names_us = False


TestNamesUs: Callable[..., Any] = _NamesUs.TestCase
TestNamesSources: Callable[..., Any] = _NamesSources.TestCase
for _case in (_NamesUs, _NamesSources):
    _case.TestCase.settings = tried(RUNS, 8, 20)
