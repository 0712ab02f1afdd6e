"""The register of community houses (buurthuizen): JSON over HTTP, a page at a time, behind a token."""

from collections.abc import Iterator
from typing import Any

import flask
import marshmallow as ma

from hub import Claim, Connector, Finished, Incoming, Rejected, Simulator, Source, hookimpl, normalise_phone


class Register(Simulator):
    name = "buurthuizen"

    def app(self) -> flask.Flask:
        app = flask.Flask(self.name)

        @app.get("/houses")
        def houses() -> Any:
            if flask.request.headers.get("Authorization") != "Bearer fictional":
                return {"error": "unknown token"}, 401
            start = flask.request.args.get("page", 0, int) * 20
            orgs = map(self.world.organisation, range(start, min(start + 20, 50)))
            return {"rows": [{"nr": f"BH{o.index}", "naam": o.name, "tel": o.contacts[0].raw, "rev": 1} for o in orgs], "pages": 3}

        return app


class Config(ma.Schema):
    base_url = ma.fields.Url(required=True, require_tld=False)
    token = ma.fields.String(required=True, metadata={"secret": True, "description": "given by the register"})


class Buurthuizen(Source):
    name, title, config_schema, simulator = "buurthuizen", "Register van buurthuizen", Config, Register

    def page(self, number: int) -> Any:
        url, bearer = f"{self.config['base_url']}/houses", {"Authorization": f"Bearer {self.config['token']}"}
        return self.context.http.get(url, params={"page": str(number)}, headers=bearer).json()

    def check(self) -> None:
        self.page(0)

    def pull(self, cursor: str | None) -> Iterator[Incoming | Rejected | Finished]:
        for number in range(self.page(0)["pages"]):
            yield from map(translate, self.page(number)["rows"])
        yield Finished(complete=True)


def translate(row: dict[str, Any]) -> Incoming | Rejected:
    if not (phone := normalise_phone(tel := row.get("tel"))):
        return Rejected("This is no phone number.", external_id=row.get("nr", ""), field="tel", raw=str(tel))
    content = {"kind": "organisatie", "names": [{"text": {"nl": row.get("naam")}}], "contacts": [{"kind": "phone", "value": phone, "raw": tel}]}
    return Incoming(Claim("buurthuizen", row.get("nr", ""), row.get("rev", 0), "organisatie", content))


@hookimpl
def register_connectors() -> list[type[Connector]]:
    return [Buurthuizen]
