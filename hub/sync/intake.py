"""The intake of what a source yields: it lets through what can be kept, and both engines keep the same.

What is wrong with a row is told of that row, and the rest goes on. A cursor or an end that cannot be meant is about no row: `TypeError`, a bug in the connector.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import orjson

from hub.connector import Decision, Finished
from hub.errors import Rejected
from hub.model.claims import Claim
from hub.model.concepts import Concept
from hub.model.fiche import KINDS, LANGUAGES
from hub.model.storable import is_storable, storable, text_of
from hub.schemas.formats import text_problem

LONGEST_ID: Final = 500
LONGEST_TEXT: Final = 2_000
"""Of a reason, and of a row as it came; more is cut off."""
_MOST_WARNINGS, _LONGEST_WARNING = 100, 1_000
"""Of the end of a pull, so that the record of a run stays one that is read with all others."""
_HIGHEST: Final = 2**63
_ID: Final = f"a text of 1 to {LONGEST_ID} characters, none of them NUL or half a character"
_CONCEPT: Final = "concept"
_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
Redact = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Intake:
    """Of one connection: the source that it speaks for, and its partner ("": everybody)."""

    source: str
    partner: str

    def defect(self, claim: Claim) -> Rejected | None:
        """What keeps a claim out before its content is looked at: a name or a number that cannot be kept, a claim in another's name."""
        wrong = self._wrong(claim)
        if wrong is None:
            return None
        field, reason = wrong
        return Rejected(reason, external_id=_id_of(claim.external_id), field=field, raw=text_of(claim.content))

    def _wrong(self, claim: Claim) -> tuple[str, str] | None:
        if not _is_id(claim.external_id):
            return "external_id", f"The row needs an id: {_ID}. This is none: {_shown(claim.external_id)}"
        if claim.source != self.source:
            return "source", f"The row claims to come from {_shown(claim.source)}, but this connection speaks for {self.source!r}."
        if claim.partner not in (None, self.partner or None):
            belongs = self.partner or "everybody"
            return "partner", f"The row is an overlay of {_shown(claim.partner)}, but this connection belongs to {belongs!r}."
        if type(claim.revision) is not int or not 0 <= claim.revision < _HIGHEST:
            return "revision", f"The revision must be a number from 0 to 2^63 - 1, not {_shown(claim.revision)}."
        if claim.kind not in KINDS:
            return "kind", f"The kind must be one of {', '.join(KINDS)}, not {_shown(claim.kind)}."
        for field, kind, named in (("content", dict, "an object"), ("gone", bool, "True or False")):
            if type(value := getattr(claim, field)) is not kind:
                return field, f"The {field} must be {named}, not {_shown(value)}."
        return None


def concept_defect(concept: Concept) -> Rejected | None:
    """What keeps a concept from being stored."""
    for field in ("scheme", "code"):
        if not _is_id(getattr(concept, field)):
            reason = f"A concept needs a {field}: {_ID}. This is none: {_shown(getattr(concept, field))}"
            return Rejected(reason, external_id=_CONCEPT, field=field)
    for field, fits in _THE_REST.items():
        value = getattr(concept, field)
        if not fits(value):
            reason = f"The {field} of this concept cannot be kept: {_shown(value)}."
            return Rejected(reason, external_id=f"{concept.scheme}|{concept.code}"[:LONGEST_ID], field=field)
    return None


def decision_defect(decision: Decision) -> Rejected | None:
    """What keeps a decision of a partner's from being taken in."""
    if not _is_id(decision.entity):
        reason = f"A decision needs the id of what it is about: {_ID}. This is none: {_shown(decision.entity)}"
        return Rejected(reason, field="entity", raw=text_of(decision.said))
    said: object = decision.said
    if not isinstance(said, Mapping):
        reason = f"What was decided must be an object, not {_shown(said)}."
    else:
        try:
            orjson.dumps(dict(said))
            return None
        except TypeError:  # half a character, a number beyond 64 bits, what is no JSON
            reason = "This decision cannot be kept: it holds half a character, or what JSON does not have. Its proposal stays as it was."
    return Rejected(reason, external_id=decision.entity, field="decision", raw=text_of(said))


def check_cursor(cursor: object) -> None:
    """Raise `TypeError` for a cursor that is there and cannot be kept."""
    if cursor is not None and not (isinstance(cursor, str) and is_storable(cursor)):
        raise TypeError(f"A cursor must be a text without NUL and without half a character, or None, not {_shown(cursor)}.")


def checked_end(finished: Finished) -> Finished:
    """The end of a pull, with warnings that can be kept, and no more than that. Raises `TypeError` for one that cannot be meant."""
    check_cursor(finished.cursor)
    if type(finished.complete) is not bool:
        raise TypeError(f"Finished.complete must be True or False, not {_shown(finished.complete)}.")
    if type(finished.missing) is not int or not 0 <= finished.missing < _HIGHEST:
        raise TypeError(f"Finished.missing must be a number from 0, not {_shown(finished.missing)}.")
    if not isinstance(finished.warnings, tuple | list) or not all(isinstance(one, str) for one in finished.warnings):
        raise TypeError(f"Finished.warnings must be a tuple of texts, not {_shown(finished.warnings)}.")
    kept = [storable(one if len(one) <= _LONGEST_WARNING else one[:_LONGEST_WARNING] + "…") for one in finished.warnings[:_MOST_WARNINGS]]
    if left := len(finished.warnings) - len(kept):
        kept.append(f"{left:,} more warnings were left out.")
    return replace(finished, warnings=tuple(kept))


def sound(row: Rejected, redact: Redact) -> Rejected:
    """The same in text that both engines keep and anybody may read, whatever a connector put in it.

    An id that cannot be one is left out: then nobody can tell which row it was, and nothing is taken for removed.
    """
    named = _id_of(row.external_id)
    return Rejected(
        redact(row.message)[:LONGEST_TEXT] or "No reason is given.",
        external_id=named,
        field=redact(row.field)[:LONGEST_ID],
        raw=redact(row.raw or ("" if named else row.external_id))[:LONGEST_TEXT],
    )


def _id_of(identity: object) -> str:
    """The id by which a row may be known, also where it came as a number; "" of what is none."""
    named = str(identity) if type(identity) is int else identity
    return named if isinstance(named, str) and _is_id(named) else ""


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and is_storable(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and (not value or text_problem(value) is None)


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple | list) and all(map(_is_text, value))


def _are_labels(value: object) -> bool:
    return isinstance(value, dict) and all(key in LANGUAGES and _is_text(text) for key, text in value.items())


def _may_be_text(value: object) -> bool:
    return value is None or _is_text(value)


def _shown(value: object) -> str:
    """What it is, short, for a reason; what cannot be printed is written out."""
    return _SHORT.repr(value)


_THE_REST: Final[dict[str, Callable[[object], bool]]] = {
    "labels": _are_labels,
    "synonyms": _are_texts,
    "broader": lambda value: value is None or value == "" or _is_id(value),
    "regions": _are_texts,
    "valid_from": _may_be_text,
    "valid_until": _may_be_text,
    "official": lambda value: type(value) is bool,
}
"""Of a concept, beside what it is known by: the field, and whether a value of it can be kept."""
