"""What a client takes out of an answer: each is looked through by the judge on the way."""

from __future__ import annotations

from typing import Any

import orjson
from flask.testing import FlaskClient

from tests.plugins.fhir.judge import complaints

JSON = "application/fhir+json; charset=utf-8"


def get(client: FlaskClient, path: str, status: int = 200, **headers: str) -> Any:
    response = client.get("/fhir" + path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert response.status_code == status, response.text
    assert response.content_type == JSON
    resource = orjson.loads(response.data)
    assert complaints(resource) == []
    return resource


def matches(bundle: dict[str, Any], mode: str = "match") -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle.get("entry", ()) if entry["search"]["mode"] == mode]


def names(client: FlaskClient, path: str) -> set[str]:
    return {resource.get("name") or resource["id"] for resource in matches(get(client, path))}


def link(bundle: dict[str, Any], relation: str) -> str | None:
    return next((each["url"] for each in bundle["link"] if each["relation"] == relation), None)


def walk(client: FlaskClient, path: str) -> list[dict[str, Any]]:
    """All pages of a search, by the next links alone."""
    pages = []
    following: str | None = path
    while following:
        page = get(client, following.split("/fhir", 1)[-1])
        pages.append(page)
        following = link(page, "next")
    return pages
