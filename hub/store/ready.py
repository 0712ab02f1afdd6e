"""Claims made ready for the store before a transaction begins: as bytes, checked, with the keys that they name. Asks nothing of the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hub import schemas
from hub.errors import FieldError, Invalid, Rejected
from hub.model.claims import Claim
from hub.model.fiche import Kind
from hub.store.identity import keys_of, link_keys
from hub.store.matching import candidate_keys

Key = tuple[str, str, str]
"""Source, external id, partner."""


class Ready:
    """One claim, and the digest of what it says as it came. Once it is checked, its numbers and contacts are in the one form, and there are also `names`, its
    own key and the others that it names, the keys and kinds that it `links` to, and the `candidates` keys by which something similar is found."""

    __slots__ = (
        "_checked",
        "_packed",
        "_refusal",
        "_told",
        "candidates",
        "claim",
        "digest",
        "links",
        "names",
    )

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self._told = schemas.encode_claim(claim)
        self.digest = schemas.digest_of(self._told)
        self._checked = False
        self._packed: bytes | None = None

    @property
    def key(self) -> Key:
        """What it is known by."""
        return (self.claim.source, self.claim.external_id, self.claim.partner or "")

    def check(self) -> None:
        """Fill in the rest, once. Raises `Invalid` or `Rejected` for a claim that cannot be used."""
        if not self._checked:
            self._checked = True
            self._refusal: Exception | None = None
            self.links: list[tuple[str, Kind]] = []
            self.candidates: set[str] = set()
            try:
                claim = schemas.canonical_claim(self.claim, self._told)
                if claim is not self.claim:
                    self.claim, self._told = claim, schemas.encode_claim(claim)
                self.names = keys_of(claim)
                if not claim.gone:
                    self.links = link_keys(claim)
                    if claim.partner is None:
                        self.candidates = candidate_keys(claim)
            except (Invalid, Rejected) as error:
                self._refusal = error
        if self._refusal is not None:
            raise self._refusal

    def packed(self) -> bytes:
        """The bytes to keep of a checked claim."""
        if self._packed is None:
            self._packed = schemas.pack(schemas.encode_checked(self.claim, self._told))
        return self._packed


def _of_two_kinds(late: Claim, later: Claim) -> Invalid:
    reason = f"{late.external_id} comes as {late.kind} and as {later.kind}; a source uses one id for one thing."
    return Invalid(reason, (FieldError("kind", reason, late.kind),))


@dataclass(slots=True)
class ReadyClaims:
    """A batch. `newest`: of each source and external id the claim with the highest `(revision, digest)`."""

    read: int = 0
    repeated: int = 0
    refused: list[tuple[Claim, Invalid]] = field(default_factory=list)
    newest: dict[Key, Ready] = field(default_factory=dict)


def prepare(claims: Iterable[Claim], *, news: bool = False) -> ReadyClaims:
    """Make a batch ready for `Writer.put`. With `news`, for claims that are probably new, all that can be done beforehand is."""
    batch = ReadyClaims()
    newest = batch.newest
    for claim in claims:
        batch.read += 1
        try:
            ready = Ready(claim)
        except Invalid as error:
            batch.refused.append((claim, error))
            continue
        key = (claim.source, claim.external_id, claim.partner or "")
        known = newest.get(key)
        if known is None:
            newest[key] = ready
            continue
        late, later = sorted((known, ready), key=lambda each: (each.claim.revision, each.digest))
        newest[key] = later
        if late.claim.kind == later.claim.kind or late.claim.gone or later.claim.gone:
            batch.repeated += 1
        else:
            batch.refused.append((late.claim, _of_two_kinds(late.claim, later.claim)))
    if news:
        for ready in newest.values():
            try:
                ready.check()
            except (Invalid, Rejected):
                continue  # the writer will say so
            ready.packed()
    return batch
