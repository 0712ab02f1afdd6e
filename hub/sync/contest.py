"""Rows of a run from the start that say something else than the hub knows of them, in a revision that it knew or an older one.

No revision decides about these: a source gave one content and then another without a new revision, or went back to an older one, as after a restore. Of one revision the
store keeps the higher digest, in any order, and of two revisions the higher; so what stands may not be what the source says now. The run tells how many there
are. Only an administrator can say that the list is right (`fichehub run NAME --as-listed`): then what it says stands, whatever the revision. That the list wins by
itself would make what stands hang on the order in which a list gives a row twice.

What a list says of a row is the highest version that it gives of it, wherever in the list that is (`hub.sync.given`). An older one is told of, or taken, only when
the list is at its end and gave no higher one. A run that is cut off before that took none, and its record says how many there were so far.

So too of a row that is something of another kind than it was, as after a corrected setting: an ordinary run rejects it, and in the run that takes the list as it is
it leaves its fiche, as if it had been removed (`hub.sync.told_gone` counts it so), and begins another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from hub.errors import Rejected
from hub.model.claims import Claim
from hub.store import Counts, ReadyClaims
from hub.sync.given import Given, Version
from hub.sync.records import RunReport
from hub.sync.session import Session

_EXAMPLES = 5


class Contest:
    """Finds them in one run. `whole`: it reads the list, and no increment; `listed`: an administrator said that what it says is right. A context manager."""

    def __init__(self, session: Session, source: str, *, whole: bool, listed: bool) -> None:
        self._session = session
        self._listed = listed
        self._given = Given(source) if whole else None
        self._heard: list[Version] = []

    def hear(self, told: ReadyClaims, counts: Counts) -> list[Rejected]:
        """What the batch at hand tells, and what became of it, of which nothing is committed yet. The answer: which of its rejected rows are rejected for
        good; where the list is right, rows of another kind wait for its end."""
        if self._given is None:
            return counts.rejected
        found = {(one.external_id, one.partner): one for one in counts.contested}
        others = counts.of_other_kind if self._listed else set()
        self._heard = []
        for (_, external_id, partner), ready in told.newest.items():
            one = found.get((external_id, partner))
            waits = external_id in others if one is None else self._listed and not one.stands
            self._heard.append(Version(ready.claim, ready.digest, one.known if one is not None and one.differs else None, waits))
        return [row for row in counts.rejected if row.external_id not in others]

    def took(self) -> None:
        """The batch is committed."""
        if self._given is not None and self._heard:
            self._given.add(self._heard)
            self._heard = []
            self._session.note(contested=self._given.against or None)  # also of a run that is cut off later

    def waiting(self, size: int) -> Iterator[list[Claim]]:
        """Once the list is at its end: the rows that it gives in a word that does not stand, and is to, so many at a time."""
        return iter(()) if self._given is None else self._given.waiting(size)

    def waiting_in(self, external_ids: Collection[str]) -> set[str]:
        """Those of these rows that `waiting` gives."""
        return set() if self._given is None else self._given.waiting_in(external_ids)

    def tell(self, *, whole: bool) -> None:
        """Put into the report what there was; `whole`: the source gave all that it has."""
        if self._given is None:
            return
        session = self._session
        count, examples = self._given.contested(_EXAMPLES)
        if self._listed or not count:
            session.note(contested=0 if whole and not session.report.resumed else None)
        if count:
            shown = ", ".join(f"{row} (known {known}, given {told})" for row, known, told in examples)
            session.note(warnings=(_told(count, shown, session.known.name, listed=self._listed),))

    def __enter__(self) -> Contest:
        return self

    def __exit__(self, *how: object) -> None:
        if self._given is not None:
            self._given.close()


def taken(by: str) -> str:
    """What the record of a run says in which an administrator said that the list is right."""
    return f"What the list says was taken whatever its revision, as {by} said, for this run alone."


def reminder(report: RunReport) -> str:
    """What is said of a connection as long as such rows are left, by the report of the run that found them."""
    contested = report.contested or 0
    cut = (
        " The run saw only a part of the list, whose rest may give them anew; one from the start tells."
        if report.resumed or report.state != "done"
        else ""
    )
    return f"In the run of {report.started_at} {_rows(contested)} {_other(contested)}.{cut} {if_right(report.connection)}"


def _told(count: int, shown: str, connection: str, *, listed: bool) -> str:
    if listed:
        return f"{_rows(count)} {_other(count)}, and {'was' if count == 1 else 'were'} taken as the list gives them: {shown}."
    return f"{_rows(count)} {_other(count)}, such as {shown}. Not all that stands here is what the list says. {if_right(connection)}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _other(count: int) -> str:
    return f"said something else than {'was known of it' if count == 1 else 'was known of them'}, in a revision that was known or an older one"


def if_right(connection: str) -> str:
    """What an administrator can do."""
    return f"If the list is right: fichehub run {connection} --as-listed (--dry-run shows first what changes)"
