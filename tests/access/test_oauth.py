"""Access tokens over a real socket with real clients: what is given, and each refusal by itself."""

from __future__ import annotations

import base64
import hmac
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flask
import orjson
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

import plugins.fhir
from hub import jobs
from hub import plugins as loading
from hub.access import issue_key, pause_agreement, resume_agreement, save_agreement
from hub.access.assertions import LEEWAY
from hub.access.clients import Client, register_client, revoke_client
from hub.access.keysets import FetchedKeys
from hub.access.tokens import KEPT, SECONDS
from hub.errors import NotFound
from hub.store import Store, Writer, database
from hub.store.tables import access_token, connection
from hub.store.tables import assertion as assertion_table
from hub.web import Settings, create_app
from hub.web.oauth import REFUSALS
from tests.access.signing import EC_KEY, OTHER_KEY, RSA_KEY, agreed, assertion, form, jwks, on_a_socket

NOW = "2026-11-22T09:00:00Z"


@dataclass(frozen=True)
class Side:
    """The hub on a socket, and what was agreed with `epd`."""

    url: str
    store: Store
    client: Client
    key: str
    app: flask.Flask

    def serve_keys(self, fetched: FetchedKeys) -> None:
        """Look for keys at addresses in this way."""
        service = self.app.extensions["fichehub-oauth"]
        self.app.extensions["fichehub-oauth"] = replace(service, fetched=fetched)

    @property
    def endpoint(self) -> str:
        return f"{self.url}/oauth/token"

    def ask(self, text: str | None = None, scope: str = "system/*.rs", **more: str) -> requests.Response:
        return requests.post(self.endpoint, data=form(text or assertion(self.client.id, self.endpoint), scope, **more), timeout=10)

    def token(self, scope: str = "system/*.rs") -> str:
        answer = self.ask(scope=scope)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def get(self, path: str, token: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=10)


@pytest.fixture(scope="module")
def agreed_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Client, str]:
    """A home with the agreement in it, to be copied; its client, and an API key."""
    home = tmp_path_factory.mktemp("agreed")
    store = Store.open(f"sqlite:///{home / 'fichehub.sqlite'}", home)

    def agree(writer: Writer) -> tuple[Client, str]:
        save_agreement(writer.connection, agreed("epd"), NOW)
        row = {"name": "fhir", "connector": "fhir", "config": b"{}", "state": "enabled", "created_at": NOW, "partner": "epd"}
        writer.connection.execute(connection.insert().values(row))
        made = register_client(writer.connection, "epd", NOW, title="EPD", scopes="system/*.rs", jwks=jwks(EC_KEY, RSA_KEY))
        return made, issue_key(writer.connection, "epd", NOW)

    made, key = store.write(agree)
    store.close()
    return home, made, key


@pytest.fixture
def side(agreed_home: tuple[Path, Client, str], tmp_path: Path) -> Iterator[Side]:
    home, made, key = agreed_home
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    store = Store(database.connect(f"sqlite:///{tmp_path / 'fichehub.sqlite'}"), secret=b"x" * 32)
    app = create_app(store, loading.load([("fhir", plugins.fhir)], installed=False), Settings(anonymous=False))
    with on_a_socket(app) as url:
        yield Side(url, store, made, key, app)
    store.close()


@pytest.mark.parametrize(("key", "alg"), [(RSA_KEY, "RS384"), (EC_KEY, "ES384")], ids=["RS384", "ES384"])
def test_a_client_that_finds_everything_out_by_itself(side: Side, key: RSAKey | ECKey, alg: str) -> None:
    found = requests.get(f"{side.url}/fhir/.well-known/smart-configuration", timeout=10).json()
    assert alg in found["token_endpoint_auth_signing_alg_values_supported"]
    assert found["token_endpoint"] == side.endpoint
    session = OAuth2Session(side.client.id, key, token_endpoint_auth_method="private_key_jwt", scope="system/Organization.rs")
    session.register_client_auth_method(ShortLived(found["token_endpoint"], headers={"kid": key.kid}, alg=alg))
    given = session.fetch_token(found["token_endpoint"], grant_type="client_credentials")
    assert (given["token_type"], given["scope"], given["expires_in"]) == ("Bearer", "system/Organization.rs", SECONDS)
    assert session.get(f"{side.url}/fhir/Organization").status_code == 200


class ShortLived(PrivateKeyJWT):
    """Authlib's own assertions live an hour; SMART allows five minutes."""

    def sign(self, auth: Any, token_endpoint: str) -> str:
        return assertion(auth.client_id, token_endpoint, key=auth.client_secret, alg=self.alg)


def test_the_answer_is_kept_by_nobody_and_the_token_stands_nowhere(side: Side) -> None:
    answer = side.ask()
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    with side.store.read() as reading:
        [row] = reading.execute(access_token.select()).all()
    assert answer.json()["access_token"] not in str(row)


# --- refusals ---------------------------------------------------------------------------------------------------------------

_SHORT = int(time.time())
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"iat": _SHORT - 400, "exp": _SHORT - 200}, "has expired"),
    "no exp": ({"exp": None}, "exp is required"),
    "exp is no number": ({"exp": "soon"}, "exp must be"),
    "lives too long": ({"iat": None, "exp": _SHORT + 4000}, "300 seconds at most"),
    "lives too long from its beginning": ({"iat": _SHORT - 200, "exp": _SHORT + 200}, "300 seconds at most"),
    "begins in the future": ({"iat": _SHORT + 3000, "exp": _SHORT + 3100}, "begins in the future"),
    "for another": ({"aud": "https://elsewhere.example.org/oauth/token"}, "aud must be"),
    "for nobody": ({"aud": None}, "aud must be"),
    "no jti": ({"jti": None}, "jti is required"),
    "two names": ({"sub": "somebody-else"}, "must both be"),
    "RS256": ({"key": RSA_KEY, "alg": "RS256"}, "RS384 or ES384"),
    "no kid": ({"header": {"kid": None}}, "kid is required"),
    "extension": ({"header": {"crit": ["b64"], "b64": True}}, "crit"),
}
ELSEWHERE = {"jku": "https://elsewhere.example.org/jwks"}
UNPROVED: dict[str, dict[str, Any]] = {
    "unknown kid": {"header": {"kid": "ec-9"}},
    "wrong key": {"key": OTHER_KEY},
    "wrong key, and keys from elsewhere": {"key": OTHER_KEY, "header": ELSEWHERE},
    "another kind of key": {"header": {"kid": "rsa-1"}},
    "unknown client": {"iss": "11111111-1111-4111-8111-111111111111", "sub": "11111111-1111-4111-8111-111111111111"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_with_the_assertion_itself_is_said(side: Side, name: str) -> None:
    given, told = REFUSED[name]
    if "exp" in given or "iat" in given:  # relative to when this module was read
        shift = int(time.time()) - _SHORT
        given = {claim: value + shift if isinstance(value, int) else value for claim, value in given.items()}
    answer = side.ask(assertion(side.client.id, side.endpoint, **given))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert told in answer.json()["error_description"]


def test_which_of_client_key_and_signature_was_wrong_is_not_told(side: Side) -> None:
    answers = [side.ask(assertion(side.client.id, side.endpoint, **given)) for given in UNPROVED.values()]
    revoked = side.store.write(lambda writer: register_client(writer.connection, "epd", NOW, title="", scopes="system/*.rs", jwks=jwks(EC_KEY)))
    side.store.write(lambda writer: revoke_client(writer.connection, revoked.id, NOW))
    answers.append(side.ask(assertion(revoked.id, side.endpoint)))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["error"] == "invalid_client"


def test_a_secret_of_both_is_never_a_signature(side: Side) -> None:
    """The public key taken as a shared secret, and no signature at all: the classic two."""
    good = assertion(side.client.id, side.endpoint, key=RSA_KEY, alg="RS384")
    header = base64.urlsafe_b64encode(orjson.dumps({"alg": "HS256", "kid": "rsa-1"})).rstrip(b"=").decode()
    body = f"{header}.{good.split('.')[1]}"
    mac = hmac.digest(RSA_KEY.as_pem(private=False), body.encode(), "sha256")
    forged = f"{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    unsigned = assertion(side.client.id, side.endpoint).rsplit(".", 1)[0] + "."
    for text in (forged, unsigned, "a.b.c", "x" * 9000, "..", assertion(side.client.id, side.endpoint)[:-6]):
        answer = side.ask(text)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), text[:40]


def test_an_assertion_is_taken_once_also_by_another_process(side: Side, tmp_path: Path) -> None:
    text = assertion(side.client.id, side.endpoint)
    other = Store.open(f"sqlite:///{tmp_path / 'fichehub.sqlite'}", tmp_path)
    again = create_app(other, loading.load([("fhir", plugins.fhir)], installed=False), Settings(public_url=side.url)).test_client()
    assert side.ask(text).status_code == 200
    replayed = [side.ask(text).json(), again.post("/oauth/token", data=form(text)).get_json()]
    other.close()
    assert all(answer["error"] == "invalid_client" and "used before" in answer["error_description"] for answer in replayed)


def test_an_assertion_stays_spent_for_as_long_as_a_clock_that_is_late_may_use_it(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = int(time.time()) + 60
    text = assertion(side.client.id, side.endpoint, exp=ends)
    assert side.ask(text).status_code == 200
    late = datetime.fromtimestamp(ends + LEEWAY - 1, UTC)
    monkeypatch.setattr(side.store, "now", lambda: late)
    jobs.HOUSEKEEPING["forget"][1](side.store)
    assert "used before" in side.ask(text).json()["error_description"]
    assert side.ask(assertion(side.client.id, side.endpoint, exp=ends)).status_code == 200, "one that ends just then is still taken"


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=3650)])
def test_an_assertion_stays_spent_when_a_clock_that_was_ahead_is_put_back(side: Side, monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    text = assertion(side.client.id, side.endpoint)
    assert side.ask(text).status_code == 200
    real = side.store.now
    with monkeypatch.context() as patched:
        patched.setattr(side.store, "now", lambda: real() + ahead)
        jobs.HOUSEKEEPING["forget"][1](side.store)
    assert "used before" in side.ask(text).json()["error_description"]


def test_an_assertion_is_forgotten_a_day_after_it_expired_once_newer_ones_were_used(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    real = side.store.now()
    ends = {name: int(real.timestamp()) - KEPT + seconds for name, seconds in (("past", -1), ("kept", 1), ("newest", KEPT))}
    rows = [{"client": side.client.id, "jti": name, "expires_at": at} for name, at in ends.items()]
    side.store.write(lambda writer: writer.connection.execute(assertion_table.insert(), rows))
    monkeypatch.setattr(side.store, "now", lambda: real)
    jobs.HOUSEKEEPING["forget"][1](side.store)
    with side.store.read() as reading:
        assert {row.jti for row in reading.execute(assertion_table.select())} == {"kept", "newest"}


def test_an_assertion_is_spent_also_when_its_scope_is_refused(side: Side) -> None:
    text = assertion(side.client.id, side.endpoint)
    assert side.ask(text, "system/AuditEvent.rs").json()["error"] == "invalid_scope"
    assert "used before" in side.ask(text).json()["error_description"]


@pytest.mark.parametrize("scope", ["system/AuditEvent.rs", "system/*.cruds", "system/Organization.rs system/Location.u", "openid", ""])
def test_a_scope_beyond_what_is_registered_is_refused_and_what_may_be_asked_is_said(side: Side, scope: str) -> None:
    answer = side.ask(scope=scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert "system/*.rs" in answer.json()["error_description"]


def test_a_scope_names_a_resource_that_the_server_has(side: Side) -> None:
    has = sorted(
        each["type"] for each in requests.get(f"{side.url}/fhir/metadata", timeout=10).json()["rest"][0]["resource"] if each["type"] != "AuditEvent"
    )
    assert {"Organization", "Subscription", "CodeSystem", "Provenance"} <= set(has)
    assert side.ask(scope=" ".join(f"system/{name}.rs" for name in has)).status_code == 200
    for scope in ("system/Bogus.rs", "system/Organization.rs system/Bogus.r"):
        answer = side.ask(scope=scope)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
        assert "no such resources: system/Bogus.r" in answer.json()["error_description"]


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"client_assertion_type": "jwt"}, "invalid_request"),
        ({"client_assertion": ""}, "invalid_request"),
        ({"client_secret": "x"}, "invalid_client"),
        ({"client_id": "another"}, "invalid_client"),
    ],
)
def test_a_request_that_is_not_whole_is_told_so(side: Side, sent: dict[str, str], error: str) -> None:
    assert side.ask(**sent).json()["error"] == error


def test_other_methods_and_forms(side: Side) -> None:
    answer = requests.get(side.endpoint, timeout=10)
    assert (answer.status_code, answer.headers["Allow"], answer.json()["error"]) == (405, "POST", "invalid_request")
    assert requests.post(side.endpoint, json={}, timeout=10).json()["error"] == "invalid_request"
    basic = requests.post(side.endpoint, data=form(assertion(side.client.id, side.endpoint)), auth=("x", "y"), timeout=10)
    assert (basic.status_code, basic.json()["error"]) == (401, "invalid_client")
    twice = requests.post(side.endpoint, data=[("scope", "a"), ("scope", "b")], timeout=10)
    assert "more than once" in twice.json()["error_description"]


def test_who_is_refused_too_often_waits_and_who_has_proved_himself_does_not_count(side: Side) -> None:
    for _ in range(REFUSALS + 5):
        assert side.ask(scope="system/AuditEvent.rs").status_code == 400
    for _ in range(REFUSALS):
        assert side.ask("a.b.c").status_code == 401
    answer = side.ask("a.b.c")
    assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


def test_keys_that_are_still_being_fetched_are_asked_for_again(side: Side) -> None:
    made = side.store.write(
        lambda writer: register_client(writer.connection, "epd", NOW, title="", scopes="system/*.rs", jwks_url="https://x.example.org/jwks")
    )
    published = SimpleNamespace(status=200, content=orjson.dumps(jwks(EC_KEY)))
    looks: list[Callable[[], None]] = []
    http = SimpleNamespace(get=lambda url, headers: published)
    side.serve_keys(FetchedKeys(lambda: http, patience=0, start=looks.append))
    answer = side.ask(assertion(made.id, side.endpoint))
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    [look] = looks
    look()
    assert side.ask(assertion(made.id, side.endpoint)).status_code == 200
    assert side.ask(assertion(made.id, side.endpoint, key=OTHER_KEY)).status_code == 401


def test_a_header_that_nobody_knows_is_passed_over(side: Side) -> None:
    registry = JWSRegistry(algorithms=["ES384"], strict_check_header=False)
    claims = assertion(side.client.id, side.endpoint).split(".")[1]
    payload = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
    for key, status in ((EC_KEY, 200), (OTHER_KEY, 401)):
        text = jws.serialize_compact({"alg": "ES384", "kid": "ec-1", "colour": "blue"}, payload, key, registry=registry)
        assert side.ask(text).status_code == status


@pytest.mark.parametrize("name", REFUSED)
def test_nobody_looks_for_keys_while_anything_else_is_wrong(side: Side, name: str) -> None:
    made = side.store.write(
        lambda writer: register_client(writer.connection, "epd", NOW, title="", scopes="system/*.rs", jwks_url="https://x.example.org/jwks")
    )
    looks: list[Callable[[], None]] = []
    side.serve_keys(FetchedKeys(lambda: pytest.fail("called"), patience=0, start=looks.append))
    given, _ = REFUSED[name]
    shift = int(time.time()) - _SHORT
    given = {claim: value + shift if claim in ("exp", "iat") and isinstance(value, int) else value for claim, value in given.items()}
    answer = side.ask(assertion(made.id, side.endpoint, **given))
    assert (answer.status_code, looks) == (401, [])


def test_a_jku_is_taken_when_it_is_the_registered_address_and_is_never_called(side: Side) -> None:
    registered = "https://x.example.org/jwks"
    made = side.store.write(lambda writer: register_client(writer.connection, "epd", NOW, title="", scopes="system/*.rs", jwks_url=registered))
    published = SimpleNamespace(status=200, content=orjson.dumps(jwks(EC_KEY)))
    called: list[str] = []

    def get(url: str, headers: dict[str, str]) -> SimpleNamespace:
        called.append(url)
        return published

    side.serve_keys(FetchedKeys(lambda: SimpleNamespace(get=get), start=lambda work: work()))
    assert side.ask(assertion(made.id, side.endpoint, header={"jku": registered})).status_code == 200
    for client, stands in ((made.id, registered), (side.client.id, "by the keys themselves")):
        answer = side.ask(assertion(client, side.endpoint, header=ELSEWHERE))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        told = answer.json()["error_description"]
        assert told.startswith("jku is not accepted")
        assert stands in told
    assert set(called) == {registered}
    numbered = base64.urlsafe_b64encode(orjson.dumps({"alg": "ES384", "kid": "ec-1", "jku": 5})).rstrip(b"=").decode()
    text = ".".join((numbered, *assertion(made.id, side.endpoint).split(".")[1:]))
    assert "jku must be" in side.ask(text).json()["error_description"]


# --- tokens -----------------------------------------------------------------------------------------------------------------


def test_a_token_expires_and_is_forgotten(tmp_path: Path, side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    token = side.token()
    assert side.get("/fhir/Organization", token).status_code == 200
    later = side.store.now() + timedelta(seconds=SECONDS + 1)
    monkeypatch.setattr(side.store, "now", lambda: later)
    answer = side.get("/fhir/Organization", token)
    assert (answer.status_code, answer.json()["resourceType"]) == (401, "OperationOutcome")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    jobs.HOUSEKEEPING["forget"][1](side.store)
    with side.store.read() as reading:
        assert reading.execute(access_token.select()).all() == []


def test_a_token_holds_until_the_very_second_of_its_end(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    begins = side.store.now().replace(microsecond=0)
    moments = [begins, begins + timedelta(seconds=SECONDS - 1), begins + timedelta(seconds=SECONDS)]
    monkeypatch.setattr(side.store, "now", lambda: moments[0])
    token, answers = side.token(), []
    while moments:
        answers.append(side.get("/fhir/Organization", token).status_code)
        del moments[0]
    assert answers == [200, 200, 401]


def test_a_pause_ends_tokens_and_closes_the_door_to_keys(side: Side) -> None:
    token = side.token()
    assert side.store.write(lambda writer: pause_agreement(writer.connection, "epd", "een lek")) == 1
    for credential in (side.key, token):
        answer = side.get("/fhir/Organization", credential)
        assert answer.status_code in (401, 403)
    assert "een lek" in side.get("/fhir/Organization", side.key).text
    refused = side.ask().json()
    assert refused["error"] == "unauthorized_client"
    assert "een lek" in refused["error_description"]
    side.store.write(lambda writer: resume_agreement(writer.connection, "epd"))
    assert side.get("/fhir/Organization", token).status_code == 401, "a token that was ended stays so"
    assert side.get("/fhir/Organization", side.key).status_code == 200
    assert side.get("/fhir/Organization", side.token()).status_code == 200


def test_a_token_ends_with_the_agreement(side: Side) -> None:
    token = side.token()
    side.store.write(lambda writer: save_agreement(writer.connection, agreed("epd", expires_on="2020-01-01"), NOW))
    assert side.get("/fhir/Organization", token).status_code == 403
    assert side.ask().json()["error"] == "unauthorized_client"


def test_a_token_ends_with_its_client(side: Side) -> None:
    token = side.token()
    side.store.write(lambda writer: revoke_client(writer.connection, side.client.id, NOW))
    assert side.get("/fhir/Organization", token).status_code == 401
    assert side.ask().json()["error"] == "invalid_client"
    with pytest.raises(NotFound):
        side.store.write(lambda writer: revoke_client(writer.connection, side.client.id, NOW))


def test_a_token_holds_only_where_its_scopes_are_applied(side: Side) -> None:
    token = side.token()
    for path in ("/api/v1/fiches", "/"):
        assert side.get(path, token).status_code == 403
    assert side.get("/api/v1/fiches", side.key).status_code == 200


# --- where the public has no access ------------------------------------------------------------------------------------------


def test_without_credentials_only_what_the_server_can_do_is_told(side: Side) -> None:
    for path in ("/fhir/metadata", "/fhir/.well-known/smart-configuration"):
        assert requests.get(side.url + path, timeout=10).status_code == 200
        assert side.get(path, "fh_wrong").status_code == 401
    for path in ("/fhir/Organization", "/fhir/Organization/1", "/fhir/$export", "/fhir/_history", "/fhir/nowhere", "/fhir/CodeSystem"):
        answer = requests.get(side.url + path, timeout=10)
        assert answer.status_code == 401, path
        assert answer.json()["resourceType"] == "OperationOutcome"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_only_what_tells_of_no_fiche_is_open(side: Side) -> None:
    rules = [rule for rule in side.app.url_map.iter_rules() if "GET" in (rule.methods or ()) and rule.endpoint != "static"]
    paths = {re.sub(r"<any\(([^,)]*)[^>]*>", r"\1", rule.rule) for rule in rules}
    paths = {re.sub("<[^>]*>", "x", path) for path in paths}
    assert len(paths) > 50
    opened = {path for path in paths if requests.get(side.url + path, timeout=10, allow_redirects=False).status_code != 401}
    assert opened == {"/fhir/metadata", "/fhir/.well-known/smart-configuration", "/oauth/token", "/health", "/metrics", "/favicon.ico"}


def test_what_the_server_can_do_says_smart(side: Side) -> None:
    statement = orjson.loads(requests.get(f"{side.url}/fhir/metadata", timeout=10).content)
    [service] = statement["rest"][0]["security"]["service"]
    assert service["coding"][0]["code"] == "SMART-on-FHIR"
