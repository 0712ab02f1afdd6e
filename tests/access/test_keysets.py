"""Public keys of partners: which are taken, and how those are looked up that stand at an address."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flask
import orjson
import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from structlog.testing import capture_logs

from hub.access import save_agreement
from hub.access.assertions import Proved, Refused, spend
from hub.access.clients import client, register_client
from hub.access.keysets import AGAIN_AFTER, FRESH, STALE, FetchedKeys, NotYet, checked_address, public_keys
from hub.errors import Invalid, NotFound
from hub.outbound import Outbound
from hub.store import Store
from tests.access.signing import EC_KEY, RSA_KEY, agreed, jwks, on_a_socket

NOW = "2026-11-22T09:00:00Z"


def _without(key: dict[str, Any], *names: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in {**key, **more}.items() if name not in names}


PUBLIC = EC_KEY.as_dict(private=False)
WRONG: dict[str, tuple[Any, str]] = {
    "private": (EC_KEY.as_dict(private=True), "private key"),
    "shared secret": (OctKey.generate_key(256, {"kid": "o"}).as_dict(), "private key"),
    "another curve": (ECKey.generate_key("P-256", {"kid": "p"}).as_dict(private=False), "another kind"),
    "Edwards": (OKPKey.generate_key("Ed25519", {"kid": "e"}).as_dict(private=False), "another kind"),
    "no kid": (_without(PUBLIC, "kid"), "kid"),
    "for encryption": ({**PUBLIC, "use": "enc"}, "signatures"),
    "for RS256": ({**RSA_KEY.as_dict(private=False), "alg": "RS256", "kid": "r"}, "RS256"),
    "no point": ({**PUBLIC, "x": "AAAA"}, "damaged"),
    "no numbers": (_without(PUBLIC, "x"), "damaged"),
    "no object": ("key", "not an object"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_key_that_cannot_be_used_is_named_with_the_reason(name: str) -> None:
    key, told = WRONG[name]
    with pytest.raises(Invalid) as refused:
        public_keys({"keys": [RSA_KEY.as_dict(private=False), key]})
    assert [error.path for error in refused.value.errors] == ["keys[1]"]
    assert told in refused.value.errors[0].reason


def test_a_short_rsa_key_is_too_weak() -> None:
    with pytest.warns(match="2048"):  # joserfc thinks so as well
        short = RSAKey.generate_key(1024, {"kid": "short"}).as_dict(private=False)
    with pytest.raises(Invalid) as refused, pytest.warns(match="2048"):
        public_keys({"keys": [short]})
    assert "2048" in refused.value.errors[0].reason


@pytest.mark.parametrize("content", [None, [], {}, {"keys": []}, {"keys": "x"}, {"keys": [PUBLIC] * 11}])
def test_what_is_no_set_of_keys_is_told_so(content: Any) -> None:
    with pytest.raises(Invalid, match="no keys"):
        public_keys(content)


def test_two_keys_of_one_name_are_refused() -> None:
    with pytest.raises(Invalid):
        public_keys({"keys": [PUBLIC, PUBLIC]})
    assert public_keys(jwks(EC_KEY, RSA_KEY))["keys"][0]["kid"] == "ec-1"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://x.example.org/",
        "https://user@x.example.org/",
        "https://[",
        "https://x.example.org/" + "x" * 500,
        "http://x.example.org/",
        "http://169.254.169.254/x",
        "https://localhost/k",
    ],
)
def test_an_address_that_cannot_be_called_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_address(url)
    assert [error.path for error in refused.value.errors] == ["jwks_url"]


def test_an_installation_may_allow_keys_in_its_own_network() -> None:
    assert checked_address("http://127.0.0.1:8000/jwks", allow_private=True) == "http://127.0.0.1:8000/jwks"


# --- keys at an address ------------------------------------------------------------------------------------------------------


class Publisher:
    """A partner that publishes its keys, and counts who looks."""

    def __init__(self) -> None:
        self.keys: Any = jwks(EC_KEY)
        self.status = 200
        self.looked = 0
        self.app = flask.Flask("partner")
        self.app.add_url_rule("/jwks", "jwks", self._jwks)

    def _jwks(self) -> tuple[Any, int]:
        self.looked += 1
        return flask.jsonify(self.keys), self.status


@pytest.fixture
def publisher() -> Iterator[tuple[Publisher, str]]:
    made = Publisher()
    with on_a_socket(made.app) as url:
        yield made, f"{url}/jwks"


def _at_once(work: Callable[[], None]) -> None:
    """Look before anybody waits for it."""
    work()


def _kids(keys: dict[str, Any]) -> list[str]:
    return [key["kid"] for key in keys["keys"]]


def test_keys_are_remembered_and_a_rotated_one_is_known_at_once(publisher: tuple[Publisher, str]) -> None:
    partner, url = publisher
    now = [0.0]
    with Outbound(allow_private=True, attempts=1) as http:
        fetched = FetchedKeys(lambda: http, lambda: now[0], start=_at_once)
        for _ in range(3):
            assert _kids(fetched.at(url, "ec-1")) == ["ec-1"]
        assert partner.looked == 1
        partner.keys = jwks(RSA_KEY)
        for _ in range(3):
            assert _kids(fetched.at(url, "rsa-1")) == ["ec-1"]
        assert partner.looked == 1, "who guesses names makes no traffic"
        now[0] += AGAIN_AFTER
        assert _kids(fetched.at(url, "rsa-1")) == ["rsa-1"]
        assert _kids(fetched.at(url, "ec-1")) == ["rsa-1"], "what the partner took away holds no more"


def test_a_removed_key_holds_no_longer_than_said(publisher: tuple[Publisher, str]) -> None:
    partner, url = publisher
    now = [0.0]
    with Outbound(allow_private=True, attempts=1) as http:
        fetched = FetchedKeys(lambda: http, lambda: now[0], start=_at_once)
        fetched.at(url, "ec-1")
        partner.keys = jwks(RSA_KEY)
        now[0] += FRESH
        assert _kids(fetched.at(url, "ec-1")) == ["rsa-1"]


@pytest.mark.parametrize(("status", "keys"), [(404, None), (500, None), (200, {"keys": [EC_KEY.as_dict(private=True)]})])
def test_a_partner_that_is_away_keeps_its_keys_for_an_hour(publisher: tuple[Publisher, str], status: int, keys: Any) -> None:
    partner, url = publisher
    now = [0.0]
    with Outbound(allow_private=True, attempts=1) as http:
        fetched = FetchedKeys(lambda: http, lambda: now[0], start=_at_once)
        fetched.at(url, "ec-1")
        partner.status, partner.keys = status, keys
        now[0] = STALE - 1
        assert _kids(fetched.at(url, "ec-1")) == ["ec-1"]
        now[0] = STALE + AGAIN_AFTER
        assert _kids(fetched.at(url, "ec-1")) == []


def test_an_address_in_the_own_network_is_not_called(publisher: tuple[Publisher, str]) -> None:
    partner, url = publisher
    with Outbound(attempts=1) as http:
        assert FetchedKeys(lambda: http, start=_at_once).at(url, "ec-1") == {"keys": []}
    assert partner.looked == 0


@pytest.mark.parametrize(
    ("allow_private", "status", "keys", "told"), [(True, 404, None, "404"), (True, 200, "x", "keys"), (False, 200, None, "network")]
)
def test_the_log_names_the_address_whose_keys_could_not_be_fetched(
    publisher: tuple[Publisher, str], allow_private: bool, status: int, keys: Any, told: str
) -> None:
    partner, url = publisher
    partner.status, partner.keys = status, keys
    with capture_logs() as logs, Outbound(allow_private=allow_private, attempts=1) as http:
        assert FetchedKeys(lambda: http, start=_at_once).at(f"{url}?token=secret", "ec-1") == {"keys": []}
    [line] = [each for each in logs if each["event"] == "the keys of a client could not be fetched"]
    assert line["address"] == url
    assert told in line["reason"]
    assert "secret" not in str(line)


class Slow:
    """A partner whose address answers when `go` is set, and the threads that wait for it."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.looked = 0
        self.looks: list[threading.Thread] = []

    def start(self, work: Callable[[], None]) -> None:
        look = threading.Thread(target=work)
        look.start()
        self.looks.append(look)

    def get(self, url: str, **more: Any) -> Any:
        self.looked += 1
        if "hangs" in url:
            assert self.go.wait(60)
        return SimpleNamespace(status=200, content=orjson.dumps(jwks(EC_KEY)))

    def end(self) -> None:
        """Let it answer, and wait until that has come."""
        self.go.set()
        for look in self.looks:
            look.join(60)


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.end()


HANGS = "https://hangs.example.org/jwks"


def test_an_address_that_hangs_holds_up_nobody_and_is_looked_at_once_at_a_time(slow: Slow) -> None:
    now = [0.0]
    fetched = FetchedKeys(lambda: slow, lambda: now[0], patience=0.01, start=slow.start)  # type: ignore[arg-type,return-value]
    for _ in range(3):
        with pytest.raises(NotYet):
            fetched.at(HANGS, "ec-1")
        now[0] += AGAIN_AFTER
    assert slow.looked == 1
    slow.end()
    assert _kids(fetched.at(HANGS, "ec-1")) == ["ec-1"]


def test_others_get_their_keys_while_one_waits(slow: Slow) -> None:
    fetched = FetchedKeys(lambda: slow, patience=60, start=slow.start)  # type: ignore[arg-type,return-value]
    found: list[dict[str, Any]] = []
    waits = threading.Thread(target=lambda: found.append(fetched.at(HANGS, "ec-1")))
    other = threading.Thread(target=lambda: found.append(fetched.at("https://x.example.org/jwks", "ec-1")))
    waits.start()
    other.start()
    other.join(60)
    assert (len(found), waits.is_alive()) == (1, True)
    slow.end()
    waits.join(60)
    assert [_kids(each) for each in found] == [["ec-1"], ["ec-1"]]


def test_who_was_waited_for_in_vain_is_not_waited_for_again_until_it_was_quick(slow: Slow) -> None:
    now = [0.0]
    fetched = FetchedKeys(lambda: slow, lambda: now[0], patience=1.0, start=slow.start)  # type: ignore[arg-type,return-value]
    waited: list[float | None] = []

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            return super().wait(0)

    def ask() -> None:
        with suppress(NotYet):
            fetched.at(HANGS, "ec-1")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.access.keysets.Event", Watched)
        ask()
        ask()
        now[0] += 3
        slow.end()
        now[0] += FRESH
        ask()
        assert waited == [1.0]
        slow.end()  # this one came at once
        now[0] += FRESH
        ask()
    assert waited == [1.0, 1.0]


def test_keys_that_are_known_are_used_while_they_are_looked_up_anew(slow: Slow) -> None:
    now = [0.0]
    fetched = FetchedKeys(lambda: slow, lambda: now[0], patience=0.01, start=slow.start)  # type: ignore[arg-type,return-value]
    slow.go.set()
    with suppress(NotYet):
        fetched.at(HANGS, "ec-1")
    slow.end()
    slow.go.clear()
    now[0] += FRESH
    assert _kids(fetched.at(HANGS, "ec-1")) == ["ec-1"]
    assert slow.looked == 2
    with pytest.raises(NotYet):
        fetched.at(HANGS, "ec-2")


def test_a_look_that_cannot_begin_is_begun_by_the_next_who_asks(slow: Slow) -> None:
    now, begun = [0.0], [False]

    def start(work: Callable[[], None]) -> None:
        if not begun[0]:
            begun[0] = True
            raise RuntimeError("can't start new thread")
        work()

    fetched = FetchedKeys(lambda: slow, lambda: now[0], start=start)  # type: ignore[arg-type,return-value]
    with pytest.raises(RuntimeError):
        fetched.at("https://x.example.org/jwks", "ec-1")
    now[0] += AGAIN_AFTER
    assert _kids(fetched.at("https://x.example.org/jwks", "ec-1")) == ["ec-1"]


def test_a_look_that_fails_as_nobody_foresaw_ends_all_the_same(slow: Slow) -> None:
    def broken() -> Any:
        raise RuntimeError("a bug of ours")

    def start(work: Callable[[], None]) -> None:
        with pytest.raises(RuntimeError):
            work()

    now = [0.0]
    fetched = FetchedKeys(broken, lambda: now[0], start=start)
    assert fetched.at(HANGS, "ec-1") == {"keys": []}
    now[0] += AGAIN_AFTER
    assert fetched.at(HANGS, "ec-1") == {"keys": []}


# --- in the database, on both engines -------------------------------------------------------------------------------------------


def test_of_two_who_send_the_same_assertion_at_once_one_gets_in(database_url: str, tmp_path: Path) -> None:
    store = Store.open(database_url, tmp_path)
    store.write(lambda writer: save_agreement(writer.connection, agreed("epd"), NOW))
    made = store.write(
        lambda writer: register_client(writer.connection, "epd", NOW, title="EPD", scopes="system/*.read", jwks_url="https://x.example.org/jwks")
    )
    with store.read() as connection:
        assert client(connection, made.id) == made
    outcomes: list[bool] = []
    together = threading.Barrier(4)

    def send() -> None:
        together.wait()
        try:
            store.write(lambda writer: spend(writer.connection, Proved(made, "once", 1_800_000_000)))
            outcomes.append(True)
        except Refused:
            outcomes.append(False)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    assert sorted(outcomes) == [False, False, False, True]


def test_software_of_nobody_is_not_registered(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'x.sqlite'}", tmp_path)
    with pytest.raises(NotFound):
        store.write(lambda writer: register_client(writer.connection, "epd", NOW, title="", scopes="system/*.rs", jwks=jwks(EC_KEY)))
    store.write(lambda writer: save_agreement(writer.connection, agreed("epd"), NOW))
    with pytest.raises(Invalid):
        store.write(lambda writer: register_client(writer.connection, "epd", NOW, title="", scopes="system/*.rs"))
    store.close()
