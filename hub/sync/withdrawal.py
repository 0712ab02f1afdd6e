"""Letting go of claims that a complete source no longer has."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select, update

from hub import schemas
from hub.model.claims import Claim
from hub.store import Writer
from hub.store.tables import claim, fiche, source


def withdraw(
    writer: Writer, source_name: str, external_ids: Sequence[str], *, partner: str, origin: str
) -> int:
    """Mark these claims as gone and merge their fiches anew; the answer is how many there were. A few hundred at a time.

    The revision stays and the digest becomes the lowest there is: when the row comes back, be it with the same revision, it stands again.
    """
    connection = writer.connection
    wanted = (
        select(claim.c.id, claim.c.fiche_id, claim.c.external_id, claim.c.revision, claim.c.content)
        .join(source, source.c.id == claim.c.source_id)
        .where(
            source.c.name == source_name,
            claim.c.partner == partner,
            claim.c.external_id.in_(external_ids),
            claim.c.gone.is_(False),
        )
        .order_by(claim.c.external_id)
        .with_for_update(of=claim)
    )
    rows = connection.execute(wanted).all()
    if not rows:
        return 0
    fiche_ids = sorted({row.fiche_id for row in rows})
    connection.execute(
        select(fiche.c.id).where(fiche.c.id.in_(fiche_ids)).order_by(fiche.c.id).with_for_update()
    ).all()
    connection.execute(
        update(claim)
        .where(claim.c.id == bindparam("number"))
        .values(digest=b"", gone=True, content=bindparam("said")),
        [{"number": row.id, "said": _gone(source_name, partner, row)} for row in rows],
    )
    writer.put((), origin=origin)  # names the origin of the changes that the merge writes
    writer.settle(set(fiche_ids))
    return len(rows)


def _gone(source_name: str, partner: str, row: object) -> bytes:
    before = schemas.decode_claim(source_name, row.external_id, row.revision, partner or None, row.content)  # type: ignore[attr-defined]
    return schemas.encode_claim(
        Claim(
            source_name,
            before.external_id,
            before.revision,
            before.kind,
            {},
            gone=True,
            partner=before.partner,
        )
    )
