"""The endpoint that the hub mounts at `/fhir`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from hub import Directory, Endpoint, Notification

if TYPE_CHECKING:
    import flask


class Fhir(Endpoint):
    """FHIR R4 4.0.1: reading, searching and subscribing; needs no configuration."""

    name = "fhir"
    title = "FHIR R4 (Belgische profielen, IHE mCSD)"
    titles: ClassVar[Mapping[str, str]] = {
        "fr": "FHIR R4 (profils belges, IHE mCSD)",
        "de": "FHIR R4 (belgische Profile, IHE mCSD)",
        "en": "FHIR R4 (Belgian profiles, IHE mCSD)",
    }
    takes_tokens = True

    @classmethod
    def blueprint(cls) -> flask.Blueprint:
        """All routes below `/fhir`."""
        # Here and not above: `fichehub plugins` asks for the class alone, and needs no routes.
        from plugins.fhir.routes import make_blueprint

        return make_blueprint()

    @classmethod
    def scope_types(cls) -> frozenset[str]:
        """Every type in the statement of what the server can do."""
        from plugins.fhir.capability import types

        return types()

    @classmethod
    def notification(cls, notification: Notification, directory: Directory) -> tuple[bytes, str]:
        """A Bundle of the R5 backport in R4 form."""
        from plugins.fhir.subscriptions.notification import message

        return message(notification, directory)
