"""A claim: what one source says about one fiche."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hub.model.fiche import Document, Kind

EDITOR = "editor"
"""The source name under which an editor's decisions are claims."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What `source` says about the fiche that it knows as `external_id`; a partial fiche.

    `revision` orders claims of one source about one fiche: of two, the higher `(revision, digest)` stands, so late and repeated
    events do no harm. A source without revisions of its own uses its last-updated moment in milliseconds.
    `content` is a partial fiche in the JSON form (no `id`; links as in `Ref`, parts with `keys`); empty when `gone`.
    `excluded` says "not this one" for union fields: field name -> list of items (or their key attributes) that must not appear.
    `same_as` names other identities of the same thing, as `(system, value)`: another source's id, or a strong key.
    `partner` makes the claim an overlay that only this partner sees.
    """

    source: str
    external_id: str
    revision: int
    kind: Kind
    content: Document
    gone: bool = False
    excluded: dict[str, list[Any]] = field(default_factory=dict)
    same_as: tuple[tuple[str, str], ...] = ()
    partner: str | None = None


@dataclass(slots=True, unsafe_hash=True)  # not frozen, that would make it three times as slow to make; but nobody changes one
class Provenance:
    """Where a field's value came from: the claims that contributed to it, best first, as `(source, external_id, revision)`."""

    field: str
    claims: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Equal sources disagree about `field`: `values` holds each value with its `(source, external_id)`, the one that stands first."""

    field: str
    values: tuple[tuple[str, str, Any], ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome of a merge: a fiche without its id, or `None` when every claim is gone."""

    content: Document | None
    provenance: tuple[Provenance, ...]
    conflicts: tuple[Conflict, ...]
