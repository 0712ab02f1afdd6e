"""What an endpoint may ask of the hub about the request that it answers; the names that `hub` shows of `hub.web.asking`.

A module of its own because every plugin imports `hub`, also where nothing is served: Flask is loaded by the first request, not by a load of caregivers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.directory import Directory
    from hub.errors import FieldError
    from hub.feeding import Feed
    from hub.model.claims import Claim
    from hub.model.subscription import Subscriptions
    from hub.store.concepts import ConceptBook


def directory() -> Directory:
    """The data as whoever sends the current request may see it. Works inside a request only.

    Raises `Unauthorized` for a bad key, or for none where the public has no access, and `Forbidden` when the partner's agreement has ended.
    """
    from hub.web import asking

    return asking.directory()


def require_partner(what: str) -> None:
    """Return when a partner sends the current request, else raise `Unauthorized`: of who sent no credentials it cannot be said what an agreement allows.

    `what` is the beginning of the sentence: "Only partners send in fiches". Raises as `directory`, too.
    """
    from hub.web import asking

    asking.require_partner(what)


def feed(endpoint: str) -> Feed:
    """The way in, through `endpoint` (the connector's name), for whoever sends the current request. Works inside a request only.

    Raises as `require_partner`, and `Forbidden` when the agreement does not have the right `feed`.
    """
    from hub.web import asking

    return asking.feed(endpoint)


def refusals(claim: Claim) -> tuple[FieldError, ...]:
    """What the hub refuses in a claim whoever makes it, such as a text that is too long, and what plugins find wrong with it (`validate_fiche`); empty for a
    good one. Nothing is looked up or stored. Works inside a request only.
    """
    from hub.web import asking

    return asking.refusals(claim)


def subscriptions(endpoint: str) -> Subscriptions:
    """The subscriptions that whoever sends the current request has through `endpoint` (the connector's name). Works inside a request only.

    Raises as `require_partner`.
    """
    from hub.web import asking

    return asking.subscriptions(endpoint)


def cancel(what: str) -> None:
    """Remember, for all workers, that whoever sends the current request is done with `what`, which is the endpoint's own name for it. Works inside a request only.

    The last 10,000 of each partner are remembered, and of the public altogether. Raises as `directory`, and `StoreBusy`.
    """
    from hub.web import asking

    asking.cancel(what)


def is_cancelled(what: str) -> bool:
    """Whether the same asker gave this to `cancel`. Works inside a request only; raises as `directory`."""
    from hub.web import asking

    return asking.is_cancelled(what)


def record_access(
    *,
    interaction: str,
    type: str = "",
    target: str = "",
    path: str = "",
    parameters: Callable[[], Iterable[tuple[str, str]]] = tuple,
    status: int,
) -> None:
    """Leave a row in the audit trail about the current request, when a partner sent it; costs no transaction. The words are those of `hub.Access`.

    `parameters` is called only when there is a partner. It gives the names and values that are kept for years: `*` in the place of every value that may name somebody, and
    of every name that is not one of yours.
    """
    from hub.web import asking

    asking.record_access(interaction=interaction, type=type, target=target, path=path, parameters=parameters, status=status)


def let_stand(newest: int, concepts: ConceptBook) -> None:
    """Let the answer to the current request be given again to whoever asks the very same, without asking the endpoint, while `Directory.standing` says
    the same on the same day.

    For an answer that hangs on nothing but that, the grant of who asks, the address, and the headers that `hub.web.answer_cache` names; nothing that the endpoint does
    before or after a request may be missed, but for `record_access`.
    """
    from hub.web import asking

    asking.let_stand(newest, concepts)


def source_title(source: str, language: str) -> str:
    """What people call a source, in this language: the title of the connector that brings its claims, the editors of this hub, else its name. Works inside a request only."""
    from hub.web import asking

    return asking.source_title(source, language)


def authorization_metadata() -> dict[str, Any]:
    """Where and how access tokens are fetched, in the words of RFC 8414; for the current request. https://www.rfc-editor.org/rfc/rfc8414"""
    from hub.web import asking

    return asking.authorization_metadata()
