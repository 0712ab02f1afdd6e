"""Cerner, by our trial profile: access tokens by SMART Backend Services, then look-ups by number."""

from __future__ import annotations

import json
import sys
import time
import uuid
from pathlib import Path

import requests
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.plugins.fhir.clients.asking import (
    BELGIAN,
    Profile,
    Server,
    address,
    entries,
    identified,
    main,
    must,
    need,
    refused,
)

PROFILE = Profile(
    "cerner",
    "Cerner",
    {
        "client-id": "as which the software is registered, with the scopes system/Practitioner.rs and system/Organization.rs",
        "private-key": "file with its private key (JWK, curve P-384)",
    },
)
_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def configuration(server: Server) -> dict[str, object]:
    """What the server says of its tokens; asked without credentials."""
    answer = server.get(".well-known/smart-configuration", accept="application/json", key="")
    must(answer.status_code == 200, f"smart-configuration answers {answer.status_code}.")
    found: dict[str, object] = answer.json()
    return found


def assertion(server: Server) -> str:
    """A new one, for four minutes."""
    need(
        server.options.get("client-id") and server.options.get("private-key"),
        "Give --client-id and --private-key.",
    )
    key = ECKey.import_key(json.loads(Path(server.options["private-key"]).read_text(encoding="utf-8")))
    now, client = int(time.time()), server.options["client-id"]
    claims = {
        "iss": client,
        "sub": client,
        "aud": configuration(server)["token_endpoint"],
        "iat": now,
        "exp": now + 240,
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode({"alg": "ES384", "kid": key.kid, "typ": "JWT"}, claims, key, algorithms=["ES384"])


def ask(server: Server, stated: str, scope: str) -> requests.Response:
    """Ask for a token."""
    form = {
        "grant_type": "client_credentials",
        "scope": scope,
        "client_assertion_type": _TYPE,
        "client_assertion": stated,
    }
    return requests.post(str(configuration(server)["token_endpoint"]), data=form, timeout=30)


def with_token(server: Server, scope: str) -> Server:
    """The server, asked with a token of this scope."""
    answer = ask(server, assertion(server), scope)
    must(answer.status_code == 200, f"No token: {answer.status_code} {answer.text[:300]}")
    return Server(server.base, answer.json()["access_token"], server.options)


@PROFILE.requirement("C1", "the server says by itself where tokens are fetched and how")
def found(server: Server) -> None:
    told = configuration(server)
    must(
        str(told.get("token_endpoint", "")).startswith(("https://", "http://127.0.0.1")),
        "There is no token_endpoint by https.",
    )
    for name, wanted in (
        ("token_endpoint_auth_methods_supported", "private_key_jwt"),
        ("token_endpoint_auth_signing_alg_values_supported", "ES384"),
        ("grant_types_supported", "client_credentials"),
        ("capabilities", "client-confidential-asymmetric"),
    ):
        must(wanted in str(told.get(name, "")), f"{name} lacks {wanted}.")


@PROFILE.requirement("C2", "a signed assertion is worth a token, with the scope that was asked, and only once")
def token(server: Server) -> None:
    stated = assertion(server)
    answer = ask(server, stated, "system/Practitioner.rs")
    must(answer.status_code == 200, f"No token: {answer.status_code} {answer.text[:300]}")
    told = answer.json()
    must(
        told["token_type"].lower() == "bearer" and 0 < told["expires_in"] <= 3600,
        "The token is no bearer token of an hour at most.",
    )
    must(told["scope"] == "system/Practitioner.rs", f"The scope is {told['scope']}.")
    must("no-store" in answer.headers.get("Cache-Control", ""), "The token may be stored on its way.")
    again = ask(server, stated, "system/Practitioner.rs")
    must(
        (again.status_code, again.json().get("error")) == (401, "invalid_client"),
        f"The same assertion is taken twice: {again.status_code}.",
    )


@PROFILE.requirement("C3", "a caregiver is found by RIZIV number, however it is written")
def riziv(server: Server) -> None:
    _look_up(
        with_token(server, "system/Practitioner.rs"),
        "Practitioner",
        "nihdi",
        lambda number: f"{number[0]}-{number[1:6]}-{number[6:8]}-{number[8:]}",
    )


@PROFILE.requirement("C4", "an organisation is found by KBO number, however it is written")
def kbo(server: Server) -> None:
    _look_up(
        with_token(server, "system/Organization.rs"),
        "Organization",
        "cbe",
        lambda number: f"{number[:4]}.{number[4:7]}.{number[7:]}",
    )


@PROFILE.requirement("C5", "beyond the scope, or without a token that is known, there is a refusal that says what is lacking")
def beyond(server: Server) -> None:
    narrow = with_token(server, "system/Practitioner.rs")
    answer = narrow.get("Organization?_count=1")
    refused(answer, 403)
    challenge = answer.headers.get("WWW-Authenticate", "")
    must(
        "insufficient_scope" in challenge and "system/Organization" in challenge,
        f"WWW-Authenticate does not name the scope: {challenge}",
    )
    refused(server.get("Practitioner?_count=1", key="made-up"), 401)


def _look_up(server: Server, type: str, system: str, written: object) -> None:
    assert callable(written)
    one, number = identified(server, type, BELGIAN + system)
    other = BELGIAN.replace("/core/", "/") + system
    spellings = [
        f"{BELGIAN}{system}|{number}",
        number,
        written(number),
        f"{BELGIAN}{system}|{written(number)}",
        f"{other}|{number}",
    ]
    for spelling in spellings:
        hits = entries(server.search(type, {"identifier": spelling}))
        must(
            address(one) in {address(each) for each in hits},
            f"identifier={spelling} does not find {address(one)}.",
        )
        # One enterprise may have several organisations, so several may come; each has the number.
        others = [address(each) for each in hits if number not in {known["value"] for known in each.get("identifier", ())}]
        must(not others, f"identifier={spelling} also finds {', '.join(others[:3])}, without that number.")
    stranger = f"https://example.org/numbers|{number}"
    must(
        not entries(server.search(type, {"identifier": stranger})),
        f"identifier={stranger} finds somebody, by a number of another system.",
    )


if __name__ == "__main__":
    sys.exit(main(PROFILE))
