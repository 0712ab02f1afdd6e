"""An answer that is given again is the answer that would be made anew, to the last header; and it is given to nobody who would get another one."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flask
import orjson
import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs
from werkzeug.test import EnvironBuilder, TestResponse

import plugins.fhir
from hub import Access
from hub import plugins as loading
from hub.access import agreement, issue_key, pause_agreement, revoke_key, save_agreement
from hub.concepts_data import schemes
from hub.model.concepts import Concept, ConceptScheme
from hub.store import Store, Writer, erasure
from hub.store.tables import api_key, connection
from hub.web import Settings, answer_cache, asking, create_app, endpoints
from hub.web.outgoing import TRACE
from tests.plugins.fhir.conftest import CLAIMS, Hub, hub_over, organisation

Asked = tuple[str, dict[str, str]]


class Served:
    """An application over a store; `asked` are the requests that it was really asked, not those that it answered again."""

    def __init__(self, store: Store, settings: Settings | None = None) -> None:
        brought = loading.load([("fhir", plugins.fhir)], installed=False)
        self.store = store
        self.app: flask.Flask = create_app(store, brought, settings or Settings(requests_per_second=1e6, burst=1_000_000))
        self.asked: list[str] = []
        self.key = ""
        self.clock: dict[str, datetime] = {}
        self.trail: list[Access] = []
        asking.serving_of(self.app).trail.note = self.trail.append  # type: ignore[method-assign, assignment]
        dispatch = self.app.full_dispatch_request

        def noted() -> flask.Response:
            self.asked.append(flask.request.full_path)
            return dispatch()

        self.app.full_dispatch_request = noted  # type: ignore[method-assign]

    def get(self, path: str, method: str = "GET", **headers: str) -> TestResponse:
        return self.app.test_client().open(path, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def stands(self, path: str, **headers: str) -> bool:
        """Ask until it would be given again, and whether it is."""
        for _ in range(3):
            self.get(path, **headers)
        before = len(self.asked)
        self.get(path, **headers)
        return len(self.asked) == before


@pytest.fixture
def served(small: Hub) -> Served:
    """A fresh application over the written world."""
    return Served(small.store)


@pytest.fixture
def own(tmp_path: Path, sqlite_database_url: str) -> Iterator[Served]:
    """An application over a store of this test alone, with a clock that the test may set and the key of a partner."""
    clock = {"now": datetime(2026, 11, 22, 9, tzinfo=UTC)}
    store = Store.open(sqlite_database_url, tmp_path, now=lambda: clock["now"])
    store.write(lambda writer: writer.put_concepts(schemes()))
    store.write(lambda writer: writer.put(CLAIMS, origin="test"))
    _, key = hub_over(store)
    made = Served(store)
    made.clock, made.key = clock, key
    yield made
    store.close()


def told(answer: TestResponse) -> tuple[Any, ...]:
    """All of an answer but its own trace and its moment."""
    return answer.status, [(name, "" if name in (TRACE, answer_cache.DATE) else value) for name, value in answer.headers], answer.data


SEARCH = "/fhir/Organization?name=wijkteam&_count=20"


def requests(ids: dict[str, str]) -> dict[str, Asked]:
    one = f"/fhir/Organization/{ids['org-1']}"
    return {
        "search": (SEARCH, {}),
        "search as XML": (SEARCH, {"Accept": "application/fhir+xml"}),
        "search, compressed": (SEARCH, {"Accept-Encoding": "gzip"}),
        "search, in words of the address": (f"{SEARCH}&_format=xml", {}),
        "search, for people": (f"{SEARCH}&_pretty=true", {}),
        "search, strict": (SEARCH, {"Prefer": "handling=strict"}),
        "search of another host": (SEARCH, {"Host": "gids.example.org"}),
        "search that finds nothing": ("/fhir/Organization?name=niemand", {}),
        "read": (one, {}),
        "read of a part": (f"{one}?_summary=true", {}),
        "read that is known": (one, {"If-None-Match": "*"}),
        "read that is not known": (one, {"If-None-Match": 'W/"1000000"'}),
        "read since long ago": (one, {"If-Modified-Since": "Sun, 22 Nov 2020 09:00:00 GMT"}),
    }


@pytest.mark.parametrize("what", requests({"org-1": ""}))
def test_an_answer_given_again_is_that_which_was_made(small: Hub, served: Served, what: str) -> None:
    path, headers = requests(small.ids)[what]
    answers = [served.get(path, **headers) for _ in range(4)]
    assert len(served.asked) == 2, "the first makes it, the second finds it made, the others are given it"
    assert answers[0].status_code == (304 if what == "read that is known" else 200)
    assert {repr(told(each)) for each in answers} == {repr(told(answers[0]))}
    assert len({each.headers[TRACE] for each in answers}) == 4


def test_an_answer_given_again_has_the_date_of_that_moment(small: Hub, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    path, headers = requests(small.ids)["read that is known"]
    assert served.stands(path, **headers)
    monkeypatch.setattr(answer_cache, "http_date", lambda: "Thu, 01 Jan 2037 00:00:00 GMT")
    assert served.get(path, **headers).headers[answer_cache.DATE] == "Thu, 01 Jan 2037 00:00:00 GMT"


def test_requests_that_differ_get_answers_that_differ(small: Hub, served: Served) -> None:
    asked = requests(small.ids)
    before = {what: told(Served(small.store).get(path, **headers)) for what, (path, headers) in asked.items()}
    for _ in range(3):
        assert {what: told(served.get(path, **headers)) for what, (path, headers) in asked.items()} == before


def test_nothing_of_a_request_is_looked_at_that_does_not_tell_answers_apart(small: Hub, served: Served) -> None:
    """Every header that hub and endpoint look at on the way to such an answer must be among those by which answers are kept apart."""
    looked: set[str] = set()

    class Overheard(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            looked.add(name)
            return super().get(name, default)

        def __getitem__(self, name: str) -> Any:
            looked.add(name)
            return super().__getitem__(name)

        def __contains__(self, name: object) -> bool:
            looked.add(str(name))
            return super().__contains__(name)

        def _all(self) -> None:
            looked.update(each for each in self if each.startswith("HTTP_"))

        def items(self) -> Any:
            self._all()
            return super().items()

    for path, headers in requests(small.ids).values():
        given: dict[str, str] = {**headers, "X-Other": "1"}
        environ = EnvironBuilder(path.partition("?")[0], query_string=path.partition("?")[2], headers=list(given.items())).get_environ()
        b"".join(served.app.wsgi_app(Overheard(environ), lambda status, headers, error=None: lambda data: None))
    assert looked >= {"HTTP_ACCEPT", "HTTP_IF_NONE_MATCH", "QUERY_STRING"}
    # The rate limit counts the address; a session would need a secret, and there is none; a connection tells something with HTTP_UPGRADE only.
    harmless = {"REMOTE_ADDR", "HTTP_COOKIE", "SERVER_PROTOCOL", "HTTP_CONNECTION"}
    assert {each for each in looked if each.isupper()} - harmless - {*answer_cache.HANGS_ON, *answer_cache.CREDENTIALS} == set()


def test_what_is_written_shows_at_once(own: Served, tmp_path: Path) -> None:
    other = Store.open(f"sqlite:///{tmp_path / 'fichehub.sqlite'}", tmp_path)  # another process
    assert own.stands(SEARCH)
    for number, store in enumerate((own.store, other), 700):
        new = organisation(number, names=[{"text": {"nl": f"Wijkteam Aalst {number}"}}])
        store.write(lambda writer, new=new: writer.put([new], origin="test"))  # type: ignore[misc]
        bundle = orjson.loads(own.get(f"{SEARCH}&_sort=-_lastUpdated").data)
        assert bundle["entry"][0]["resource"]["name"] == f"Wijkteam Aalst {number}"
        assert own.stands(f"{SEARCH}&_sort=-_lastUpdated")
    other.close()


def test_a_label_that_changed_shows_at_once(own: Served) -> None:
    path = "/fhir/HealthcareService?name=linde"
    for label in ("Rusthuizen", "Woonzorgcentra"):
        rubriek = [ConceptScheme("rubriek", {"nl": "Rubrieken"}, source="test"), Concept("rubriek", "14.04.01", {"nl": label})]
        own.store.write(lambda writer, rubriek=rubriek: writer.put_concepts(rubriek))  # type: ignore[misc]
        for _ in range(4):
            assert label.encode() in own.get(path).data
        assert own.stands(path)


def test_no_answer_outlives_its_day(own: Served) -> None:
    assert own.stands(SEARCH)
    own.clock["now"] += timedelta(hours=15)  # past midnight
    asked = len(own.asked)
    own.get(SEARCH)
    assert len(own.asked) == asked + 1


def test_none_is_given_at_a_door_that_was_closed(own: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "REMEMBERED", 0.0)
    assert own.stands(SEARCH)
    own.store.write(lambda writer: writer.connection.execute(update(connection).values(state="paused")))
    assert own.get(SEARCH).status_code == 403


def test_answers_given_again_count_against_the_limit(small: Hub) -> None:
    strict = Served(small.store, Settings(requests_per_second=0.001, burst=5))
    assert [strict.get(SEARCH).status_code for _ in range(7)] == [200] * 5 + [429] * 2
    assert len(strict.asked) == 4, "two that were made, and two that were refused"
    other = strict.app.test_client().get(SEARCH, environ_base={"REMOTE_ADDR": "192.0.2.9"})
    assert other.status_code == 200, "somebody else"


def test_they_are_counted_and_logged_like_any_other(served: Served) -> None:
    with capture_logs() as lines:
        answers = [served.get(SEARCH) for _ in range(4)]
    assert [line["trace"] for line in lines if line["event"] == "request"] == [each.headers[TRACE] for each in answers]
    assert len({repr({name: value for name, value in line.items() if name not in ("ms", "trace")}) for line in lines}) == 1
    counted = f'fichehub_requests_total{{method="GET",route="{lines[0]["route"]}",status="200"}} 4.0'
    assert counted in served.get("/metrics").text


@pytest.mark.parametrize(
    ("path", "how"),
    [
        (SEARCH, {"method": "HEAD"}),
        (f"{SEARCH}&_revinclude=Provenance:target", {}),
        ("/fhir/Organization?name:nonsense=x", {}),
        ("/fhir/Organization/unknown", {}),
        ("/fhir/metadata", {}),
    ],
)
def test_others_are_made_each_time(served: Served, path: str, how: dict[str, str]) -> None:
    for _ in range(4):
        served.get(path, **how)
    assert len(served.asked) == 4


def test_a_request_with_a_body_is_asked_each_time(served: Served) -> None:
    """`_format` may be in it."""
    form = {"content_type": "application/x-www-form-urlencoded"}
    for wanted in (b"_format=json", b"_format=xml&") * 4:
        answer = served.app.test_client().get(SEARCH, input_stream=io.BytesIO(wanted), content_length=len(wanted), **form)
        assert answer.mimetype == f"application/fhir+{wanted[8:].decode().strip('&')}"


def test_credentials_are_judged_each_time(small: Hub, served: Served) -> None:
    assert served.stands(SEARCH)
    assert served.get(SEARCH, Authorization="Bearer fh_nobody_has_this_key").status_code == 401
    mine = served.get(SEARCH, Authorization=f"Bearer {small.key}")
    assert mine.status_code == 200 and mine.data != served.get(SEARCH).data


# --- partners -------------------------------------------------------------------------------------------------------------------


def test_a_partner_is_given_again_what_he_was_given_and_each_time_leaves_its_row(own: Served) -> None:
    mine = {"Authorization": f"Bearer {own.key}"}
    first = own.get(SEARCH, **mine)  # notes that the key is in use
    answers = [own.get(SEARCH, **mine) for _ in range(4)]
    assert {repr(told(each)) for each in answers} == {repr(told(first))}
    assert len(own.asked) < 5 and own.stands(SEARCH, **mine)
    asked = len(own.trail)
    own.clock["now"] += timedelta(minutes=1)
    elsewhere = own.app.test_client().get(SEARCH, headers=mine, environ_base={"REMOTE_ADDR": "192.0.2.77"})
    assert elsewhere.status_code == 200 and len(own.trail) == asked + 1
    assert {(each.partner, each.via, each.interaction, each.type, each.query, each.status) for each in own.trail} == {
        ("epd", f"key {own.key[:8]}", "search-type", "Organization", "Organization?name=*&_count=20", 200)
    }
    assert (own.trail[0].at, own.trail[0].address) == ("2026-11-22T09:00:00.000Z", "127.0.0.0")
    assert (own.trail[-1].at, own.trail[-1].address) == ("2026-11-22T09:01:00.000Z", "192.0.2.0")


def test_a_key_whose_use_could_not_be_noted_goes_the_long_way_until_it_is(own: Served) -> None:
    mine = {"Authorization": f"Bearer {own.key}"}
    assert own.stands(SEARCH, **mine)
    noted, asked = asking.serving_of(own.app).noted_on, len(own.asked)
    noted.clear()  # as when the database was busy
    own.get(SEARCH, **mine)
    assert len(own.asked) == asked + 1
    assert noted, "it was noted on the way"


def _revoke(writer: Writer, key: str) -> None:
    revoke_key(writer.connection, "epd", key[:8], "2026-11-22T09:00:00Z")


def _pause(writer: Writer, key: str) -> None:
    pause_agreement(writer.connection, "epd", "test")


def _narrow(writer: Writer, key: str) -> None:
    known = agreement(writer.connection, "epd")
    assert known is not None
    save_agreement(writer.connection, replace(known, fields=frozenset({"status"})), "2026-11-22T09:00:00Z")


@pytest.mark.parametrize(("change", "status"), [(_revoke, 401), (_pause, 403), (_narrow, 200)])
def test_what_becomes_of_an_agreement_counts_with_the_next_request(own: Served, change: Callable[[Writer, str], None], status: int) -> None:
    path, mine = "/fhir/Practitioner?family=peeters", {"X-API-Key": own.key}
    assert own.stands(path, **mine)
    assert b"Peeters" in own.get(path, **mine).data
    own.store.write(lambda writer: change(writer, own.key))
    for _ in range(3):
        answer = own.get(path, **mine)
        assert answer.status_code == status and b"Peeters" not in answer.data


def test_a_key_that_runs_out_is_good_for_nothing_from_that_second_on(own: Served) -> None:
    key = own.store.write(lambda writer: issue_key(writer.connection, "epd", "2026-11-22T09:00:00Z", "2026-11-22T10:00:00Z"))
    assert own.stands(SEARCH, X_API_Key=key)
    own.clock["now"] = datetime(2026, 11, 22, 10, 0, 0, 999_999, tzinfo=UTC)
    assert own.get(SEARCH, X_API_Key=key).status_code == 200
    own.clock["now"] = datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
    assert own.get(SEARCH, X_API_Key=key).status_code == 401


def test_an_agreement_that_runs_out_is_good_for_nothing_from_that_day_on(own: Served) -> None:
    def end(writer: Writer) -> None:
        known = agreement(writer.connection, "epd")
        assert known is not None
        save_agreement(writer.connection, replace(known, expires_on="2026-11-22"), "2026-11-22T09:00:00Z")

    own.store.write(end)
    assert own.stands(SEARCH, X_API_Key=own.key)
    own.clock["now"] += timedelta(hours=15)
    assert own.get(SEARCH, X_API_Key=own.key).status_code == 403


def test_the_use_of_a_key_is_noted_on_each_day_of_answers_given_again(own: Served) -> None:
    def noted() -> str | None:
        with own.store.read() as reading:
            found: str | None = reading.execute(select(api_key.c.last_used_on)).scalar_one()
            return found

    assert own.stands(SEARCH, X_API_Key=own.key) and noted() == "2026-11-22"
    own.clock["now"] += timedelta(days=1)
    assert own.stands(SEARCH, X_API_Key=own.key) and noted() == "2026-11-23"


def _memory(served: Served) -> answer_cache.AnswerCache:
    """What the application remembers, somewhere under what is wrapped around it."""
    waiting: list[Any] = [served.app.wsgi_app]
    while waiting:
        found = waiting.pop()
        if isinstance(found, answer_cache.AnswerCache):
            return found
        waiting += [cell.cell_contents for cell in getattr(found, "__closure__", None) or ()]
    raise LookupError("nothing remembers")


def test_no_key_is_kept_as_it_is(own: Served) -> None:
    assert own.stands(SEARCH, X_API_Key=own.key)
    assert own.key not in repr(_memory(own)._kept) + repr(asking.serving_of(own.app).recognised._known)


# --- what is kept ---------------------------------------------------------------------------------------------------------------


def test_nothing_is_kept_of_who_was_erased(own: Served, tmp_path: Path) -> None:
    person = "/fhir/Practitioner?family=peeters"
    assert own.stands(person)
    kept = _memory(own)
    assert b"Peeters" in repr(kept._kept).encode()
    id = orjson.loads(own.get(person).data)["entry"][0]["resource"]["id"]
    other = Store.open(f"sqlite:///{tmp_path / 'fichehub.sqlite'}", tmp_path)
    erasure.erase(other, id, "article 17")
    other.close()
    assert "entry" not in orjson.loads(own.get(person).data)
    assert b"Peeters" not in repr(kept._kept).encode()


def test_they_take_no_more_than_they_may(small: Hub, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_cache, "MOST_BYTES", 60_000)
    paths = [f"/fhir/Organization?name=wijkteam&_count={count}" for count in range(1, 20)]
    for path in paths:
        served.stands(path)
    kept = _memory(served)
    assert 0 < kept._size == sum(each.size for each in kept._kept.values()) <= 60_000
    assert len(kept._kept) < len(paths)
    assert served.stands(paths[-1])
