"""Counts for Prometheus, at `/metrics`: requests by route, status and time. No partner, no path, no query.

With several workers each keeps its counts in the folder that `PROMETHEUS_MULTIPROC_DIR` names (`hub.web.server` makes one), and whichever is asked
gives the sum. See https://prometheus.github.io/client_python/multiprocess/.
"""

from __future__ import annotations

import os

import flask
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""The bounds of the histogram, around the promise of 15 ms for a search."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counts of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._requests = Counter("fichehub_requests", "Requests answered.", ("route", "method", "status"), registry=self._registry)
        self._seconds = Histogram(
            "fichehub_request_seconds",
            "Time to answer.",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )

    def note(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request; `route` is the template, never the path."""
        key = (route, method if method in _METHODS else "other", status)
        found = self._known.get(key)
        if found is None:  # finding them costs more than counting
            found = self._requests.labels(route, key[1], str(status)), self._seconds.labels(route)
            self._known[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def text(self) -> bytes:
        """All counts, of all workers, in the text format of Prometheus."""
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            everybody = CollectorRegistry()
            MultiProcessCollector(everybody)  # type: ignore[no-untyped-call]
            return generate_latest(everybody)
        return generate_latest(self._registry)

    def install(self, app: flask.Flask) -> None:
        """Serve the counts at `/metrics`."""

        @app.get("/metrics", endpoint="metrics")
        def metrics() -> flask.Response:
            return flask.Response(self.text(), content_type=CONTENT_TYPE_LATEST)
