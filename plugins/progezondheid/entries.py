"""A person of the world as the register writes him or her down: as an object, and as JSON in one go."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import orjson

from hub import to_millisecond

Provider = dict[str, Any]

_DIPLOMA: Final = {"type": "diploma", "status": "active", "observed_on": "2005-07-01"}
_EPOCH: Final = date(1970, 1, 1)
_FILLED_IN: Final = 4
"""One caregiver in so many told the register how to be reached."""
_DIPLOMA_ONLY: Final = 5
"""Of one in so many the register knows no more than a diploma."""


def provider_of(person: Any) -> Provider:
    """The caregiver by the contract."""
    number = person.index
    return {
        "nihdi8": person.riziv[:8],
        "nihdi": person.riziv,
        "version": 1,
        "updated_at": text_of(datetime.fromtimestamp(person.updated_ms / 1000, UTC)),
        "state": "registered",
        "name": {"family": person.family, "given": [person.given]},
        "gender": person.gender,
        "languages": list(person.languages),
        "professions": [{"code": person.profession}],
        "competences": [{"code": person.riziv[8:]}],
        # A visum is a right to work, so most of those who stopped still hold theirs.
        "visa": [
            {
                "profession": person.profession,
                "status": "active" if person.active or number % 3 else "suspended",
            }
        ],
        "convention": person.convention,
        "addresses": [_address(address) for address in person.addresses],
        "contacts": [
            {
                "kind": contact.kind,
                "value": contact.raw,
                "audience": "professionals" if contact.visibility else "public",
            }
            for contact in (person.contacts if number % _FILLED_IN == 0 else ())
        ],
        "activity_evidence": _evidence(person),
        "practices": [],
    }


def as_told(provider: Provider) -> Provider:
    """The caregiver as others may read him or her: of one who was deleted only that."""
    if provider["state"] == "deleted":
        return {key: provider[key] for key in ("nihdi8", "version", "updated_at", "state")}
    return provider


def written(person: Any) -> str:
    """`provider_of` as JSON, in a quarter of the time: a first load asks for everybody."""
    number = person.index
    riziv = person.riziv
    visum = "active" if person.active or number % 3 else "suspended"
    contacts = ""
    if number % _FILLED_IN == 0:
        contacts = ",".join(
            [
                f'{{"kind":"{contact.kind}","value":{_json(contact.raw)},"audience":"{"professionals" if contact.visibility else "public"}"}}'
                for contact in person.contacts
            ]
        )
    languages = '","'.join(person.languages)
    return (
        f'{{"nihdi8":"{riziv[:8]}","nihdi":"{riziv}","version":1,'
        f'"updated_at":"{_text_of_ms(person.updated_ms)}","state":"registered",'
        f'"name":{{"family":{_kept(person.family)},"given":[{_kept(person.given)}]}},"gender":"{person.gender}",'
        f'"languages":["{languages}"],"professions":[{{"code":"{person.profession}"}}],"competences":[{{"code":"{riziv[8:]}"}}],'
        f'"visa":[{{"profession":"{person.profession}","status":"{visum}"}}],"convention":"{person.convention}",'
        f'"addresses":[{",".join([_address_written(address) for address in person.addresses])}],"contacts":[{contacts}],'
        f'"activity_evidence":{_evidence_written(person)},"practices":[]}}'
    )


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


_kept = lru_cache(4096)(_json)
"""For what comes again and again: names, numbers of houses."""


def _address_written(address: Any) -> str:
    return (
        f'{{"type":"{address.type}","street":{_json(address.street)},"house_number":{_kept(address.house_number)},'
        f'"box":{_kept(address.box)},"postcode":"{address.postcode}","municipality":"{address.municipality}",'
        f'"city":{_json(address.city)},"country":"BE","position":{_json(address.position)}}}'
    )


def _evidence_written(person: Any) -> str:
    if not person.active:
        return _json(_evidence(person))
    kind = (1 if person.index % 3 == 0 else 2) if person.index % _DIPLOMA_ONLY else 0
    return _known_evidence(kind)


@lru_cache(3)
def _known_evidence(kind: int) -> str:
    known: list[dict[str, Any]] = [_DIPLOMA]
    if kind:
        known.append({"type": ("employment", "attests")[kind - 1], "status": "active", "observed_on": "2026-06-30"})
    return _json(known)


def _address(address: Any) -> dict[str, Any]:
    return {
        "type": address.type,
        "street": dict(address.street),
        "house_number": address.house_number,
        "box": address.box,
        "postcode": address.postcode,
        "municipality": address.municipality,
        "city": dict(address.city),
        "country": "BE",
        "position": dict(address.position) if address.position else None,
    }


def _evidence(person: Any) -> list[dict[str, Any]]:
    known: list[dict[str, Any]] = [_DIPLOMA]
    if not person.active:
        known.append(
            {
                "type": "cessation",
                "status": "inactive",
                "observed_on": person.stopped_on,
                "until": person.stopped_on,
            }
        )
    elif person.index % _DIPLOMA_ONLY:
        kind = "employment" if person.index % 3 == 0 else "attests"
        known.append({"type": kind, "status": "active", "observed_on": "2026-06-30"})
    return known


def text_of(moment: datetime) -> str:
    """A moment as the register writes it."""
    return to_millisecond(moment)


def _text_of_ms(updated: int) -> str:
    """The same of milliseconds since 1970, without a moment in between."""
    seconds, ms = divmod(updated, 1000)
    days, second = divmod(seconds, 86_400)
    minutes, second = divmod(second, 60)
    return f"{_day(days)}T{minutes // 60:02}:{minutes % 60:02}:{second:02}.{ms:03}Z"


@lru_cache(1024)
def _day(days: int) -> str:
    return (_EPOCH + timedelta(days)).isoformat()


def milliseconds(text: str) -> int:
    """What `text_of` wrote, in milliseconds since 1970."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)
