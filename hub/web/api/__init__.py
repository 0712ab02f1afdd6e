"""`/api/v1`, by the conventions of Belgif: collections with `items`, `self` and `next`, problems, one major version in the address.

https://www.belgif.be/specification/rest/api-guide/. Each module here is a group of operations; `operations` is how one is declared,
`shapes` what the answers look like, `selection` what the parameters of a search mean, `description` the OpenAPI document.
"""

from __future__ import annotations

from typing import Final

import flask

from hub.web.api import description, noting, operations

_BLUEPRINTS: Final = frozenset(group.blueprint.name for group in description.OPERATIONS)


def install(app: flask.Flask) -> None:
    """Serve the API and its description."""
    for group in description.OPERATIONS:
        app.register_blueprint(group.blueprint)
    description.install(app)

    @app.before_request
    def only_json() -> None:
        if _is_operation(flask.request):
            operations.must_accept_json()

    app.after_request(noting.note)

    @app.after_request
    def open_to_browsers(response: flask.Response) -> flask.Response:
        if flask.request.path.startswith(operations.PREFIX + "/"):
            # The public part may be read from any page. Keys do not belong in a browser, so no header for them is allowed.
            response.headers["Access-Control-Allow-Origin"] = "*"
            response.headers["Access-Control-Expose-Headers"] = "BelGov-Trace-Id, ETag, Retry-After"
            if flask.request.method == "OPTIONS":
                response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
                response.headers["Access-Control-Allow-Headers"] = "If-None-Match"
                response.headers["Access-Control-Max-Age"] = "86400"
        return response


def _is_operation(request: flask.Request) -> bool:
    return request.blueprint in _BLUEPRINTS
