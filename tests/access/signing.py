"""A partner's side of SMART Backend Services: keys, assertions, and the hub on a real socket."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flask
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from hub.access import Agreement
from hub.testing.wsgi_server import WsgiServer

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
RSA_KEY = RSAKey.generate_key(2048, {"kid": "rsa-1"})
EC_KEY = ECKey.generate_key("P-384", {"kid": "ec-1"})
OTHER_KEY = ECKey.generate_key("P-384", {"kid": "ec-1"})
"""Has the name of a registered key, and is another."""


def jwks(*keys: Key) -> dict[str, Any]:
    """The public halves."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


def assertion(client: str, audience: str, *, key: Key = EC_KEY, alg: str = "ES384", header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A good assertion, but for what is given otherwise; None leaves a claim out."""
    now = int(time.time())
    stated = {"iss": client, "sub": client, "aud": audience, "iat": now, "exp": now + 240, "jti": str(uuid.uuid4()), **claims}
    named = {"alg": alg, "kid": key.kid, "typ": "JWT", **(header or {})}
    signed = {name: value for name, value in stated.items() if value is not None}
    headers = {name: value for name, value in named.items() if value is not None}
    return jwt.encode(headers, signed, key, algorithms=[alg])


def form(text: str, scope: str = "system/*.rs", **more: str) -> dict[str, str]:
    """The body of a request for a token."""
    sent = {"grant_type": "client_credentials", "scope": scope, "client_assertion_type": ASSERTION_TYPE, "client_assertion": text, **more}
    return {name: value for name, value in sent.items() if value}


def agreed(name: str, **more: Any) -> Agreement:
    """An agreement of a professional."""
    words = {"title": name.title(), "purpose": "test", "legal_basis": "test", "contact": "a@example.org", "our_contact": "wij@example.org"}
    return Agreement(**{"name": name, "level": "professional", **words, **more})


@contextmanager
def on_a_socket(app: flask.Flask) -> Iterator[str]:
    """The application behind a real port of this machine; gives its address."""
    server = WsgiServer(app, "127.0.0.1", 0, lambda path, method: None)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.stop()
        thread.join(timeout=5)
