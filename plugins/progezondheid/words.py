"""The words of the contract, and of the hub where both have the same: what the register's fields may say, and how a contact value is written. Pure."""

from __future__ import annotations

from typing import Final

from hub import normalise_email, normalise_phone, normalise_website, phone_kind

SOURCE: Final = "progezondheid"
COMPETENCES: Final = "riziv-competence"
"""The scheme of the three digits that end a RIZIV number."""
PROFESSIONS: Final = "cd-hcparty"
HIGHEST_VERSION: Final = 2**53 - 1
"""The highest number that every JSON reader on the way carries exactly (RFC 8259, section 6). Nothing is said of how far a version may jump: a counter may have become a moment."""

ADDRESS_TYPES: Final = ("administrative", "practice", "emergency")
CONTACT_KINDS: Final = ("phone", "mobile", "fax", "email", "website")
VISUM: Final = ("active", "suspended", "withdrawn")
"""From best to worst: who holds two visa holds the better one."""
CONVENTION: Final = ("full", "partial", "none")
GENDERS: Final = ("male", "female", "other", "unknown")
AUDIENCES: Final = {"public": None, "professionals": "professional"}
PROOF: Final = ("attests", "employment", "self-declaration", "cessation")
"""Evidence that tells whether somebody works. A diploma, a visum and a number tell what somebody may do, not what he or she does."""

_NORMALISERS: Final = {
    "phone": normalise_phone,
    "mobile": normalise_phone,
    "fax": normalise_phone,
    "email": normalise_email,
    "website": normalise_website,
}


def normal_contact(kind: str, raw: str) -> str:
    """A contact value in its one form; as it came when it has none."""
    return _NORMALISERS[kind](raw) or raw


def kind_of(kind: str, value: str) -> str:
    """The kind of a contact with this normalised value: whether a number is a mobile one is told by the number, as with other sources."""
    return phone_kind(value) if kind in ("phone", "mobile") and value.startswith("+") else kind
