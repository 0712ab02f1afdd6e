"""Rows of a run from the start that say something else than the hub knows of them, in a revision that it knew or an older one.

No revision decides about these: a source gave one content and then another without a new revision, or went back to an older one, as after a restore. Of one revision the
store keeps the higher digest, in any order, and of two revisions the higher; so what stands may not be what the source says now. The run tells how many there
are. Only an administrator can say that the list is right (`fichehub run NAME --as-listed`): then what it says stands, whatever the revision. That the list wins by
itself would make what stands hang on the order in which a list gives a row twice.

So too of a row that is something of another kind than it was, as after a corrected setting: an ordinary run rejects it, and in the run that takes the list as it is
it leaves its fiche, as if it had been removed (`hub.sync.told_gone` counts it so), and begins another.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from hub.store.news import Contested
from hub.sync.seen import Seen
from hub.sync.session import Session

_EXAMPLES = 5


class Contest:
    """Counts them in one run. `whole`: it reads the list, and no increment; `listed`: an administrator said that what it says is right."""

    def __init__(self, session: Session, *, whole: bool, listed: bool) -> None:
        self._session = session
        self._whole = whole
        self._listed = listed
        self._began = datetime.fromisoformat(session.report.started_at).timestamp()
        self._count = 0
        self._examples: list[Contested] = []
        self._heard: list[Contested] = []

    def anew(self, seen: Seen | None, external_ids: Sequence[str]) -> Collection[str]:
        """Of these rows those whose word stands whatever its revision: where the list is right, whoever it gives for the first time. Of a row that it gives
        twice the higher revision stands, as ever."""
        return seen.new_in(external_ids) if self._listed and seen is not None else ()

    def hear(self, found: Sequence[Contested]) -> None:
        """What the batch at hand tells, of which nothing is committed yet. What stood came in before this run, or the list contradicts itself."""
        self._heard = [one for one in found if one.since is None or one.since <= self._began] if self._whole else []

    def took(self) -> None:
        """The batch is committed."""
        self._count += len(self._heard)
        self._examples = [*self._examples, *self._heard][:_EXAMPLES]
        self._heard = []
        if self._count and not self._listed:  # also of a run that is cut off later
            self._session.note(contested=self._count)

    def tell(self, *, whole: bool) -> None:
        """Put into the report what there was; `whole`: the source gave all that it has."""
        session = self._session
        if self._whole and whole and not session.report.resumed and (self._listed or not self._count):
            session.note(contested=0)
        if self._count:
            shown = ", ".join(f"{one.external_id} (known {one.known}, given {one.told})" for one in self._examples)
            session.note(warnings=(_told(self._count, shown, session.known.name, listed=self._listed),))


def taken(by: str) -> str:
    """What the record of a run says in which an administrator said that the list is right."""
    return f"What the list says was taken whatever its revision, as {by} said, for this run alone."


def reminder(contested: int, since: str, connection: str) -> str:
    """What is said of a connection as long as such rows are left."""
    return f"In the run of {since} {_rows(contested)} {_other(contested)}. {if_right(connection)}"


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
