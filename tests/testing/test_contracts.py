"""The contract suites, proved on a register that keeps them and on registers that break them one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import IO, Any

import flask
import marshmallow as ma
import pytest

from hub.connector import Endpoint, Export, Finished, Incoming, Source
from hub.errors import Rejected, Unreachable
from hub.model.claims import Claim
from hub.model.entity import Entity
from hub.model.query import Query
from hub.testing.contracts import EndpointContract, ExportContract, SourceContract
from hub.testing.simulator import Simulator

SIZE = 10


class RegisterSimulator(Simulator):
    """Pages of persons at /persons?page=N behind a token."""

    name = "register"

    def app(self) -> flask.Flask:
        app = flask.Flask("register")

        @app.get("/persons")
        def persons() -> Any:
            if flask.request.headers.get("Authorization") != "Bearer not-a-real-token":
                return {"error": "no"}, 401
            start = int(flask.request.args["page"]) * SIZE
            return {"rows": self.world[start : start + SIZE], "total": len(self.world)}

        return app


class RegisterConfig(ma.Schema):
    url = ma.fields.Url(required=True, require_tld=False)
    token = ma.fields.String(required=True, metadata={"secret": True})


class Register(Source):
    name = "register"
    title = "A register"
    config_schema = RegisterConfig

    def page(self, number: int) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.config['token']}"}
        answer = self.context.http.get(f"{self.config['url']}/persons", params={"page": str(number)}, headers=headers)
        page: dict[str, Any] = answer.json()
        return page

    def check(self) -> None:
        self.page(0)

    def pull(self, cursor: str | None) -> Iterator[Incoming | Rejected | Finished]:
        number = int(cursor or 0)
        while True:
            page = self.page(number)
            number += 1
            for place, person in enumerate(page["rows"], start=1):
                if not person["family"]:
                    yield Rejected("The family name is empty.", external_id=person["id"], field="family")
                    continue
                yield Incoming(self.claim(person), str(number) if place == len(page["rows"]) else None)
            if number * SIZE >= page["total"]:
                break
        yield Finished(complete=cursor is None)

    def claim(self, person: dict[str, Any]) -> Claim:
        content = {"kind": "zorgverlener", "name": {"family": person["family"]}}
        return Claim("register", person["id"], person["revision"], "zorgverlener", content)


WORLD = [{"id": f"p{number}", "family": f"Peeters-{number}" if number != 13 else "", "revision": 1} for number in range(45)]


class TestRegister(SourceContract):
    connector = Register

    def simulator(self) -> Simulator:
        return RegisterSimulator(WORLD)

    def config(self, url: str) -> dict[str, Any]:
        return {"url": url, "token": "not-a-real-token"}


def breaking(**methods: Any) -> TestRegister:
    suite = TestRegister()
    vars(suite)["connector"] = type("Broken", (Register,), methods)
    return suite


def loses_the_rest(self: Register, cursor: str | None) -> Iterator[Any]:
    yield from Register.pull(self, str(int(cursor) + 1) if cursor else None)


def lies_about_the_end(self: Register, cursor: str | None) -> Iterator[Any]:
    try:
        for item in Register.pull(self, cursor):
            if not isinstance(item, Finished):
                yield item
    except Unreachable:
        pass
    yield Finished(complete=True)


def never_ends(self: Register, cursor: str | None) -> Iterator[Any]:
    yield from (item for item in Register.pull(self, cursor) if not isinstance(item, Finished))


def swallows(self: Register, cursor: str | None) -> Iterator[Any]:
    try:
        yield from Register.pull(self, cursor)
    except Unreachable as error:
        raise RuntimeError("lost") from error


def tells_its_token(self: Register, cursor: str | None) -> Iterator[Any]:
    print("pulling with", self.config["token"])
    return Register.pull(self, cursor)


def without_id(self: Register, cursor: str | None) -> Iterator[Any]:
    yield Rejected("Something is wrong.")
    yield from Register.pull(self, cursor)


def odd(change: Callable[[Claim], Claim]) -> Callable[[Register, dict[str, Any]], Claim]:
    return lambda self, person: change(Register.claim(self, person))


def at_random(claim: Claim, seen: list[int] = []) -> Claim:  # noqa: B006  counts every call
    seen.append(1)
    return replace(claim, revision=len(seen))


@pytest.mark.parametrize(
    ("methods", "test"),
    [
        ({"pull": loses_the_rest}, "test_going_on_from_any_cursor_loses_nothing"),
        ({"pull": lies_about_the_end}, "test_a_pull_that_is_cut_off_never_says_that_it_is_complete"),
        ({"pull": lies_about_the_end}, "test_faults_on_the_way_are_unreachable"),
        ({"pull": never_ends}, "test_a_pull_comes_to_its_end"),
        ({"pull": swallows}, "test_faults_on_the_way_are_unreachable"),
        ({"pull": tells_its_token}, "test_secrets_stay_out_of_reports_and_logs"),
        ({"pull": without_id}, "test_a_rejected_row_says_which_and_why"),
        ({"check": lambda self: None}, "test_check_fails_for_an_address_where_nobody_is"),
        (
            {"claim": odd(lambda claim: replace(claim, source="kbo"))},
            "test_every_claim_is_in_the_sources_own_name",
        ),
        (
            {"claim": odd(lambda claim: replace(claim, content={**claim.content, "colour": 1}))},
            "test_every_claim_can_be_stored",
        ),
        ({"claim": odd(lambda claim: replace(claim, revision="1"))}, "test_every_claim_can_be_stored"),  # type: ignore[arg-type]
        ({"claim": odd(at_random)}, "test_the_same_data_pulled_again_says_the_same"),
        ({"claim": odd(at_random)}, "test_loading_the_same_data_again_changes_nothing"),
        ({"claim": odd(at_random)}, "test_nothing_is_removed_by_the_next_run"),
        ({"name": "Not Kebab"}, "test_the_class_keeps_the_contract"),
        (
            {"config_schema": type("Lax", (RegisterConfig,), {"Meta": type("Meta", (), {"unknown": ma.INCLUDE})})},
            "test_a_configuration_with_an_unknown_field_is_refused",
        ),
    ],
)
def test_the_suite_finds_what_breaks_the_contract(methods: dict[str, Any], test: str) -> None:
    with pytest.raises(Exception):  # noqa: B017  an assertion, or what the hub raises itself
        getattr(breaking(**methods), test)()


class Lines(Export):
    name = "lines"
    title = "One id per line"
    media_type = "text/plain"
    extension = "txt"

    def query(self) -> Query:
        return Query(types=("organisatie",))

    def write(self, entities: Any, file: IO[bytes]) -> int:
        file.write(b"ids\n")
        return sum(bool(file.write(entity.id.encode() + b"\n")) for entity in entities)


class TestLines(ExportContract):
    connector = Lines

    def entities(self) -> list[Entity]:
        return [Entity(f"e{number}", "organisatie", number, 1, "2026-11-22T09:00:00Z", {}) for number in range(3)]

    def rows(self, file: bytes) -> int:
        return len(file.splitlines()) - 1


def test_the_export_suite_finds_a_lost_row() -> None:
    suite = TestLines()
    vars(suite)["connector"] = type(
        "Loses",
        (Lines,),
        {"write": lambda self, entities, file: Lines.write(self, list(entities)[1:], file) + 1},
    )
    with pytest.raises(AssertionError):
        suite.test_every_row_is_in_the_file()


class Page(Endpoint):
    name = "page"
    title = "A page"

    @classmethod
    def blueprint(cls) -> flask.Blueprint:
        blueprint = flask.Blueprint("page", __name__)

        @blueprint.get("/ids")
        def ids() -> Any:
            unknown = set(flask.request.args) - {"q"}
            return ("unknown parameter", 400) if unknown else "ids"

        return blueprint


class TestPage(EndpointContract):
    connector = Page
    paths = ("/page/ids", "/page/ids?q=a")

    def client(self) -> Any:
        app = flask.Flask("hub")
        app.register_blueprint(self.connector.blueprint(), url_prefix="/page")
        return app.test_client()
