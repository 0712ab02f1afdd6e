"""The keys of an installation's own, and whether they are those of its database.

They lie outside the database, in the environment or in the home. With another `store.key` the hub would no longer know whom it has erased, and a reload would bring
them back; with another `secret.key` it could not read the secrets of its connections. So the database notes by which key it was made, as an HMAC that tells
nothing of the key, and whoever comes with another one is refused before he has read or written anything.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import Connection, Engine, delete, insert, select

from hub.errors import FichehubError, Misconfigured
from hub.store.bulk import Bulk
from hub.store.database import reading, writing
from hub.store.key_file import key_in
from hub.store.tables import audit_end, erasure, setting, subscription
from hub.store.tables import connection as connection_table

Standing = Literal["fits", "new", "other", "missing"]
"""`fits`: a key that is here is the one that the database notes. `new`: it notes none, and none was needed so far. `other`: it notes another one. `missing`: none is
here, and the database was made with one."""

_BYTES: Final = 32
SECRET_MARK: Final = b'"$secret"'
"""What stands in a configuration or in headers beside each value that is locked; see `hub.sync.secrets`."""
_ACCEPT: Final = "If it is lost for good, 'fichehub db accept-keys' says what that costs, and goes on with another one."


@dataclass(frozen=True, slots=True)
class OwnKey:
    """One of them. `several`: its variable takes more than one, separated by commas, of which the first is the one in use; `is_used`: whether the database
    holds anything that only this key can read or recognise."""

    file: str
    variable: str
    several: bool
    make: Callable[[], bytes]
    check: Callable[[bytes, str], None]
    is_used: Callable[[Connection], bool]

    @property
    def note(self) -> str:
        """The setting that says which key it is."""
        return f"check {self.file}"


def _check_length(key: bytes, where: str) -> None:
    if where and len(key) < _BYTES:
        raise FichehubError(f"{where} is damaged: it must hold {_BYTES} bytes. Restore it from a backup.")


def _check_fernet(key: bytes, where: str) -> None:
    """See https://github.com/fernet/spec/blob/master/Spec.md: 32 bytes in base64url."""
    try:
        good = len(base64.urlsafe_b64decode(key)) == _BYTES
    except (binascii.Error, ValueError):
        good = False
    if not good:
        how = "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        raise Misconfigured(
            f"The key for secrets in {where or SECRET_KEY.variable} is not a Fernet key; a key is made by: {how}. Put back the one with which the secrets of connections were locked."
        )


def _knows_whom(connection: Connection) -> bool:
    """Whether somebody was erased, or stands in the audit trail, which is chained by this key."""
    return any(connection.execute(select(table).limit(1)).first() is not None for table in (erasure, audit_end))


def _holds_secrets(connection: Connection) -> bool:
    columns = (connection_table.c.config, subscription.c.headers)
    return any(SECRET_MARK in row[0] for column in columns for row in connection.execute(select(column)))


STORE_KEY: Final = OwnKey("store.key", "FICHEHUB_SECRET", False, lambda: secrets.token_bytes(_BYTES), _check_length, _knows_whom)
"""Keys the hashes of erased identities and the chain of the audit trail."""
SECRET_KEY: Final = OwnKey(
    "secret.key", "FICHEHUB_SECRET_KEY", True, lambda: base64.urlsafe_b64encode(secrets.token_bytes(_BYTES)), _check_fernet, _holds_secrets
)
"""Encrypts the secrets of connections and subscriptions."""
OWN_KEYS: Final = (STORE_KEY, SECRET_KEY)


def keys_given(home: Path, key: OwnKey) -> tuple[bytes, ...]:
    """The keys that the environment or the home has, the one in use first; none where neither has any. Raises `FichehubError` for what is no such key."""
    said = os.environ.get(key.variable, "")
    values = [part.strip() for part in said.split(",")] if key.several else [said]
    found, where = [value.encode() for value in values if value], ""
    path = home / key.file
    if not found and path.exists():
        data = path.read_bytes()
        found, where = [data.strip() if key.several else data], str(path)
    for value in found:
        key.check(value, where)
    return tuple(found)


def keys_here(home: Path, key: OwnKey) -> tuple[bytes, ...]:
    """As `keys_given`; where there is none yet it is made, in a file of the home (mode 0600)."""
    found = keys_given(home, key)
    if not found:
        key_in(home / key.file, key.make)
        found = keys_given(home, key)
    return found


def standing(engine: Engine, home: Path, key: OwnKey) -> Standing:
    """How the keys that are here stand to this database, which has the schema of this version. Raises `FichehubError` for what is no such key."""
    with reading(engine) as connection:
        noted = _noted(connection, key)  # before the file is looked for: where it is noted, the file had been made
        given = keys_given(home, key)
        if noted is not None:
            return "missing" if not given else "fits" if _is_one_of(noted, given) else "other"
        return "missing" if not given and key.is_used(connection) else "new"


def opened(engine: Engine, home: Path, key: OwnKey) -> tuple[bytes, ...]:
    """The keys, the one in use first, once the database notes which one it is. Made and noted at the first opening, of which there may be several at once.

    Raises `Misconfigured` when the database was made with another key, or with one that is not here.
    """
    stands = standing(engine, home, key)
    if stands == "missing":
        raise Misconfigured(
            f"There is no {key.file} in {home}, and this database was made with one: copy it from the machine that made it or from a backup of its home, or set {key.variable}. {_ACCEPT}"
        )
    given = keys_here(home, key)
    if stands == "new":
        with writing(engine) as connection:
            Bulk(connection).run("INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", key.note, _check_value(given[0]))
            stands = "fits" if _is_one_of(_noted(connection, key), given) else "other"
    if stands == "other":
        where = key.variable if os.environ.get(key.variable) else str(home / key.file)
        raise Misconfigured(
            f"{where} is another {key.file} than this database's: copy that from the machine that made it or from a backup of its home, or set {key.variable}. {_ACCEPT}"
        )
    return given


def accept(connection: Connection, home: Path, key: OwnKey) -> bytes:
    """Note the key that is here, or one that is made now, as that of this database, whatever it noted before; the answer is that key."""
    first = keys_here(home, key)[0]
    connection.execute(delete(setting).where(setting.c.name == key.note))
    connection.execute(insert(setting).values(name=key.note, value=_check_value(first)))
    return first


def _noted(connection: Connection, key: OwnKey) -> str | None:
    return connection.execute(select(setting.c.value).where(setting.c.name == key.note)).scalar_one_or_none()


def _is_one_of(noted: str | None, given: tuple[bytes, ...]) -> bool:
    return any(hmac.compare_digest(noted or "", _check_value(each)) for each in given)


def _check_value(key: bytes) -> str:
    return hmac.digest(key, b"fichehub: the key of this database", "sha256").hex()
