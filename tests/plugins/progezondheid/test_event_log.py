"""A register whose list from the start is a log: of each caregiver the older versions first, and the one that stands last."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from hub import World
from hub.store import Store
from hub.store.tables import claim
from plugins.progezondheid.simulator import ProGezondheidSimulator
from tests.plugins.progezondheid.conftest import NOW, Connect, Run

COUNT, DELETED = 120, 90


@pytest.fixture
def log() -> Iterator[ProGezondheidSimulator]:
    with ProGezondheidSimulator(World(), count=COUNT, faults=("event-log",), now=lambda: NOW) as simulator:
        yield simulator


@pytest.fixture
def known(log: ProGezondheidSimulator, connect: Connect) -> Run:
    """Runs a connection that knows what stands: some were changed, and many were deleted, which an administrator released."""
    go = connect(log, page_size=7)
    assert go().changed == COUNT
    numbers = [one["nihdi8"] for one in log.register.after(log.register.start(0), COUNT).items]
    for number in numbers[:DELETED]:
        log.delete(number)
    for number in numbers[DELETED:110]:
        log.edit(number, convention="none", languages=["sv"])
        log.edit(number, languages=["fi"])
    assert go().withheld == DELETED
    assert go(release_guard=True).state == "done"
    return go


def states(store: Store) -> dict[str, tuple[int, bool]]:
    with store.read() as db:
        rows = db.execute(select(claim.c.external_id, claim.c.revision, claim.c.gone)).all()
    return {external_id: (revision, gone) for external_id, revision, gone in rows}


def test_older_versions_are_no_contradiction_where_the_current_one_comes_later(store: Store, known: Run) -> None:
    before = states(store)
    for _ in range(2):
        report = known(full=True)
        assert (report.changed, report.withheld, report.contested, report.warnings) == (0, 0, 0, ())
    assert states(store) == before


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_list_as_it_is_revives_nobody(store: Store, known: Run, dry_run: bool) -> None:
    before = states(store)
    report = known(as_listed=True, dry_run=dry_run)
    assert (report.state, report.changed, report.deleted, report.withheld, report.contested, report.warnings) == ("done", 0, 0, 0, 0, ())
    assert report.foreseen == ("nothing changes" if dry_run else None)
    assert states(store) == before
    with store.read() as db:
        assert db.execute(select(func.count()).select_from(claim).where(claim.c.gone.is_(True))).scalar_one() == DELETED
