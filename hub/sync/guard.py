"""The guard against mass deletion: how many absent rows may count as removed without an administrator."""

from __future__ import annotations

SMALL = 50
PERCENT = 2
FEW = 5


def limit(known: int) -> int:
    """How many of `known` rows may be removed in one run: 50, or 2 percent when that is more."""
    return max(SMALL, known * PERCENT // 100)


def allows(missing: int, known: int) -> bool:
    """Whether `missing` of `known` rows may be removed without an administrator's release."""
    return missing <= limit(known)


def covers(shown: int, missing: int) -> bool:
    """Whether a release by an administrator who was shown `shown` removals is good for `missing`: for a few more (`spare`), as sources go on while somebody looks."""
    return missing <= shown + spare(shown)


def spare(shown: int) -> int:
    """How many more than were shown a release is good for: 5, or 2 percent of these when that is more."""
    return max(FEW, shown * PERCENT // 100)


def released(missing: int, known: int, by: str, *, told: int = 0, came_as: str = "deleted") -> str:
    """What the record of a run says in which an administrator let more be removed than the guard does; `told`: of how many more their rows say they are gone, or `came_as` something else."""
    return f"{_released_by(by)}{_gone(missing, told, known, came_as)}, and were to be removed."


def refusal(missing: int, known: int, connection: str, *, told: int = 0, removed: int = 0, came_as: str = "deleted") -> str:
    """Why nothing was removed, or no more than were `removed` before it showed how many, and what an administrator can do."""
    but = f"these were not, and {removed:,} that had come as {came_as} before were" if removed else "nothing was"
    return (
        f"{_gone(missing, told, known, came_as)}; more than {limit(known):,} are never removed by themselves, so {but}. Look at the source. "
        f"{_if_really_gone(connection, missing + told)}"
    )


def beyond_release(shown: int, missing: int, known: int, connection: str, *, told: int = 0, came_as: str = "deleted") -> str:
    """Why nothing was removed though an administrator had released the guard: the release was for what had been shown."""
    before = _released_before(shown, "that it last withheld")
    return f"{_gone(missing, told, known, came_as)}, but {before}, so nothing was removed. Look at the source again. {_if_really_gone(connection, missing + told)}"


def reminder(withheld: int, since: str, connection: str) -> str:
    """What is said of a connection as long as removals wait for an administrator: later runs from a cursor know nothing of them."""
    return (
        f"{withheld:,} rows that were gone from the source on {since} were not removed and wait for a release. Look at the source. "
        f"{_if_really_gone(connection, withheld)}"
    )


# --- what a partner does not have any more, and would get again ------------------------------------------------------------------


def released_to_send(missing: int, known: int, by: str) -> str:
    """What the record of a run says in which an administrator let more be sent again than the guard does."""
    return f"{_released_by(by)}{_not_with_partner(missing, known)}, and were to be sent again."


def refusal_to_send(missing: int, known: int, connection: str) -> str:
    """Why nothing was sent again of what a partner does not have any more, and what an administrator can do."""
    return f"{_not_with_partner(missing, known)}; more than {limit(known):,} are never sent again by themselves, so none was. {_if_it_shall_have_them(connection, missing)}"


def refusal_to_send_alone(missing: int, known: int, connection: str) -> str:
    """Why nothing was sent again though an administrator had released the guard: the removals of the same list were more than had been shown."""
    return (
        f"{_not_with_partner(missing, known)}. The guard was released for fewer removals than that list asked for, so none of these was sent again either. "
        f"{_if_it_shall_have_them(connection, missing)}"
    )


def beyond_release_to_send(shown: int, missing: int, known: int, connection: str) -> str:
    """Why nothing was sent again though an administrator had released the guard: the release was for what had been shown."""
    before = _released_before(shown, "that were last kept back")
    return f"{_not_with_partner(missing, known)}, but {before}, so none was sent again. {_if_it_shall_have_them(connection, missing)}"


def reminder_to_send(kept_back: int, since: str, connection: str) -> str:
    """What is said of a connection as long as what a partner does not have any more waits for an administrator."""
    return (
        f"{kept_back:,} entities on which we agreed with the partner and that it did not have any more on {since} were not sent again and wait for a release. "
        f"{_if_it_shall_have_them(connection, kept_back)}"
    )


# --- words that come again -------------------------------------------------------------------------------------------------------


def _gone(missing: int, told: int, known: int, came_as: str) -> str:
    if not told:
        return f"{missing:,} of {known:,} rows were not in the source any more"
    return f"{missing + told:,} of {known:,} rows came as {came_as}{' or were not in the source any more' if missing else ''}"


def _not_with_partner(missing: int, known: int) -> str:
    return f"{missing:,} of {known:,} entities on which we agreed with the partner were not in its complete list any more"


def _released_by(by: str) -> str:
    return f"The guard was released by {by}, for this run alone: "


def _released_before(shown: int, which: str) -> str:
    return f"the guard was released for the {shown:,} {which}" if shown else "the guard was released before any run or preview had shown how many"


def _if_really_gone(connection: str, these: int) -> str:
    return f"If they are really gone: {_release(connection, these)}"


def _if_it_shall_have_them(connection: str, these: int) -> str:
    return f"Look at the partner. If it is to get them again: {_release(connection, these)}"


def _release(connection: str, these: int) -> str:
    return f"fichehub run {connection} --release-guard (holds for that one run, for these {these:,} and at most {spare(these):,} more)."
