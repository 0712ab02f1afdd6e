"""A partner's agreement, and the `Grant` that follows from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import orjson
from sqlalchemy import Connection, delete, insert, select, update

from hub.errors import FieldError, Forbidden, Invalid, NotFound, Paused
from hub.model.audience import LEVELS, Grant
from hub.model.declarations import fiche_record
from hub.model.fiche import FICHE_TYPES, Visibility
from hub.model.moments import day_of
from hub.model.query import Query, from_json, to_json
from hub.store.tables import access_token, oauth_client, partner

RIGHTS: Final[Mapping[str, str]] = {
    "audit": "read who asked for what",
    "feed": "send fiches of its own in",
    "operate": "see how the connections fare, and act on them",
}
"""What an agreement can allow besides reading, each in plain words; without it nothing of the kind is allowed."""

REQUIRED: Final = ("title", "purpose", "legal_basis", "contact", "our_contact")
"""The texts without which an agreement cannot be accounted for."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What was agreed with a partner: for which purpose, on which legal basis, which values, until when, and whom to call on both sides.

    `level` is the highest visibility granted; `fields` (None: all) the top-level fields; `scope` (None: everything) a selection; `rights`
    what it may do besides reading (`RIGHTS`). `revision` counts the changes of the agreement.
    """

    name: str
    title: str
    purpose: str
    legal_basis: str
    contact: str
    our_contact: str
    level: Visibility = "public"
    fields: frozenset[str] | None = None
    scope: Query | None = None
    rights: frozenset[str] = frozenset()
    expires_on: str | None = None
    revision: int = 1
    paused: str = ""


@cache
def _fields() -> frozenset[str]:
    """Every field that some fiche has."""
    return frozenset(field.name for kind in FICHE_TYPES for field in fiche_record(kind).fields)


def _check(given: Agreement) -> None:
    errors = []
    if not _NAME.fullmatch(given.name):
        errors.append(FieldError("name", "use 2 to 40 lower-case letters, digits and hyphens", given.name))
    if given.level not in LEVELS:
        errors.append(FieldError("level", f"must be one of {', '.join(LEVELS)}", given.level))
    errors.extend(FieldError("rights", f"must be among {', '.join(RIGHTS)}", right) for right in sorted(given.rights - RIGHTS.keys()))
    errors.extend(
        FieldError("fields", f"no fiche has such a field; there are {', '.join(sorted(_fields()))}", field)
        for field in sorted((given.fields or frozenset()) - _fields())
    )
    if given.expires_on is not None and day_of(given.expires_on) is None:
        errors.append(FieldError("expires_on", "must be a day, YYYY-MM-DD", given.expires_on))
    errors.extend(
        FieldError(field, "is required: an agreement without it cannot be accounted for")
        for field in REQUIRED
        if not str(getattr(given, field)).strip()
    )
    if errors:
        raise Invalid("The agreement is not complete, or says what cannot be.", tuple(errors))


def save_agreement(connection: Connection, given: Agreement, now: str) -> Agreement:
    """Store the agreement, new or changed, and return it with its new revision. Raises `Invalid` with what is missing."""
    _check(given)
    before = agreement(connection, given.name)
    revision = 1 if before is None else before.revision + 1
    values = {
        "title": given.title,
        "purpose": given.purpose,
        "legal_basis": given.legal_basis,
        "level": given.level,
        "fields": None if given.fields is None else orjson.dumps(sorted(given.fields)),
        "scope": None if given.scope is None else orjson.dumps(to_json(given.scope)),
        "rights": " ".join(sorted(given.rights)),
        "contact": given.contact,
        "our_contact": given.our_contact,
        "expires_on": given.expires_on,
        "revision": revision,
    }
    if before is None:
        connection.execute(insert(partner).values(name=given.name, created_at=now, **values))
    else:
        connection.execute(update(partner).where(partner.c.name == given.name).values(**values))
    stored = agreement(connection, given.name)
    assert stored is not None
    return stored


def agreements(connection: Connection) -> tuple[Agreement, ...]:
    """Every agreement, by name."""
    rows = connection.execute(select(partner).order_by(partner.c.name)).mappings()
    return tuple(
        Agreement(
            name=row["name"],
            title=row["title"],
            purpose=row["purpose"],
            legal_basis=row["legal_basis"],
            contact=row["contact"],
            our_contact=row["our_contact"],
            level=row["level"],
            fields=None if row["fields"] is None else frozenset(orjson.loads(row["fields"])),
            scope=None if row["scope"] is None else from_json(orjson.loads(row["scope"])),
            rights=frozenset(row["rights"].split()),
            expires_on=row["expires_on"],
            revision=row["revision"],
            paused=row["paused"],
        )
        for row in rows
    )


def agreement(connection: Connection, name: str) -> Agreement | None:
    """The agreement with this partner, or None."""
    return next((known for known in agreements(connection) if known.name == name), None)


def pause_agreement(connection: Connection, name: str, reason: str) -> int:
    """Let nobody of this partner in until `resume_agreement`, and end its access tokens; the answer is how many there were.

    Raises `NotFound`, and `Invalid` without a reason: the partner is told it.
    """
    if agreement(connection, name) is None:
        raise NotFound(f"There is no agreement with a partner named {name}.")
    if not reason.strip():
        raise Invalid("A pause needs a reason.", (FieldError("reason", "is required: the partner is told it"),))
    connection.execute(update(partner).where(partner.c.name == name).values(paused=reason.strip()))
    of_partner = select(oauth_client.c.id).where(oauth_client.c.partner == name)
    return connection.execute(delete(access_token).where(access_token.c.client.in_(of_partner))).rowcount


def resume_agreement(connection: Connection, name: str) -> None:
    """Let the partner in again. Raises `NotFound`."""
    if connection.execute(update(partner).where(partner.c.name == name).values(paused="")).rowcount == 0:
        raise NotFound(f"There is no agreement with a partner named {name}.")


def grant_for(given: Agreement, today: str) -> Grant:
    """What this partner may see today. Raises `Forbidden` once the agreement has run out, and `Paused` while it is paused."""
    if given.paused:
        raise Paused(f"The agreement with {given.title} is paused: {given.paused}. Ask {given.our_contact}.")
    # An end that cannot be read, of before it was checked, is no permission for ever.
    if given.expires_on is not None and (day_of(given.expires_on) or "") < today:
        raise Forbidden(f"The agreement with {given.title} ended on {given.expires_on}. Ask {given.our_contact} to renew it.")
    return Grant(
        level=given.level,
        partner=given.name,
        fields=given.fields,
        scope=given.scope,
        rights=given.rights,
        revision=given.revision,
        name=given.name,
    )
