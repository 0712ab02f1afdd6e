"""The endpoint that the hub mounts at `/widget`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from hub import Endpoint

if TYPE_CHECKING:
    import flask


class Widget(Endpoint):
    """The element, its search and a page that shows it; needs no configuration."""

    name: ClassVar[str] = "widget"
    title: ClassVar[str] = "Zoekwidget voor websites"
    titles: ClassVar[Mapping[str, str]] = {
        "fr": "Widget de recherche pour sites web",
        "de": "Such-Widget für Websites",
        "en": "Search widget for websites",
    }

    @classmethod
    def blueprint(cls) -> flask.Blueprint:
        """All routes below `/widget`."""
        from plugins.widget.routes import make_blueprint

        return make_blueprint()
