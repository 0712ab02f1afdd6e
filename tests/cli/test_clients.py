"""Software of partners at the command line: registered, listed, rotated, ended; and agreements that are paused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from hub.access.clients import live_client
from hub.access.tokens import issue_token
from hub.store import Store
from tests.access.signing import EC_KEY, RSA_KEY, jwks
from tests.cli.conftest import CommandLine

AGREED = ("--title", "EPD", "--purpose", "p", "--legal-basis", "l", "--contact", "a@example.org", "--our-contact", "b@example.org")


def _file(folder: Path, *keys: ECKey) -> str:
    path = folder / f"{'-'.join(str(key.kid) for key in keys)}.json"
    path.write_text(json.dumps(jwks(*keys)))
    return str(path)


def test_a_scope_of_what_the_hub_does_not_have_is_refused_before_anything_is_registered(fichehub: CommandLine, tmp_path: Path) -> None:
    fichehub.ok("partners", "add", "epd", *AGREED)
    told = fichehub.refused("partners", "register", "epd", "--jwks", _file(tmp_path, EC_KEY), "--scope", "system/Organisation.rs")
    assert "system/Organisation.rs names a type of resource that this hub does not have; choose from" in told
    assert " Organization, " in told
    assert fichehub.json("partners", "clients") == []


def test_from_registering_to_the_end(fichehub: CommandLine, tmp_path: Path) -> None:
    assert "no agreement" in fichehub.refused("partners", "register", "epd", "--jwks", _file(tmp_path, EC_KEY)).lower()
    fichehub.ok("partners", "add", "epd", *AGREED)
    made = fichehub.json("partners", "register", "epd", "--jwks", _file(tmp_path, EC_KEY), "--scope", "system/Organization.read")
    assert (made["scopes"], made["keys"], made["revokedAt"]) == (["system/Organization.rs"], ["ec-1"], None)
    assert fichehub.json("partners", "clients") == [made]
    assert made["id"] in fichehub.ok("partners", "clients", "epd")

    new = ECKey.generate_key("P-384", {"kid": "ec-2"})
    rotated = fichehub.json("partners", "rotate", made["id"], "--jwks", _file(tmp_path, EC_KEY, new))
    assert (rotated["keys"], rotated["keysAdded"], rotated["keysRemoved"]) == (["ec-1", "ec-2"], ["ec-2"], [])

    store = Store.open(f"sqlite:///{fichehub.home / 'fichehub.sqlite'}", fichehub.home)
    store.write(lambda writer: issue_token(writer.connection, live_client(writer.connection, made["id"]), frozenset(), 2_000_000_000, "x"))
    store.close()
    told = fichehub.ok("partners", "revoke", made["id"])
    assert "1 access tokens end at once" in told and "Nothing was changed" in told
    planned = fichehub.json("partners", "revoke", made["id"])
    assert (planned["revoked"], planned["liveTokens"], planned["liveKeys"]) == (False, 1, 0)
    assert fichehub.json("partners", "clients", "epd")[0]["revokedAt"] is None
    assert "Revoked." in fichehub.ok("partners", "revoke", made["id"], "--yes")
    assert fichehub.json("partners", "clients", "epd")[0]["revokedAt"] is not None
    assert "no live client" in fichehub.refused("partners", "revoke", made["id"])
    assert "no live client" in fichehub.refused("partners", "rotate", made["id"], "--jwks-url", "https://x.example.org/jwks")


def test_a_private_key_is_refused_and_never_kept(fichehub: CommandLine, tmp_path: Path) -> None:
    fichehub.ok("partners", "add", "epd", *AGREED)
    path = tmp_path / "private.json"
    path.write_text(json.dumps({"keys": [RSA_KEY.as_dict(private=True)]}))
    told = fichehub.refused("partners", "register", "epd", "--jwks", str(path))
    assert "keys[0]: holds a private key" in told
    assert str(RSA_KEY.as_dict(private=True)["d"]) not in told
    path.write_text("{")
    assert "not JSON" in fichehub.refused("partners", "register", "epd", "--jwks", str(path))
    assert "either" in fichehub.refused("partners", "register", "epd").lower()
    assert fichehub.json("partners", "clients") == []


def test_keys_in_an_inner_network_are_refused_unless_the_installation_allows_it(fichehub: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FICHEHUB_ALLOW_PRIVATE", raising=False)
    fichehub.ok("partners", "add", "epd", *AGREED)
    for url in ("http://169.254.169.254/x", "https://localhost/k", "https://127.0.0.1/k"):
        assert "jwks_url: " in fichehub.refused("partners", "register", "epd", "--jwks-url", url)
    assert fichehub.json("partners", "clients") == []
    monkeypatch.setenv("FICHEHUB_ALLOW_PRIVATE", "1")
    assert fichehub.json("partners", "register", "epd", "--jwks-url", "http://localhost/k")["jwksUrl"] == "http://localhost/k"


def test_a_pause_and_its_end(fichehub: CommandLine) -> None:
    fichehub.ok("partners", "add", "epd", *AGREED)
    assert "is paused" in fichehub.ok("partners", "pause", "epd", "--reason", "een lek")
    assert "een lek" in fichehub.refused("query", "--partner", "epd")
    assert "told what happened meanwhile" in fichehub.ok("partners", "resume", "epd")
    fichehub.ok("query", "--partner", "epd")
    assert "no agreement" in fichehub.refused("partners", "pause", "nobody", "--reason", "x")
    assert "no agreement" in fichehub.refused("partners", "resume", "nobody")
