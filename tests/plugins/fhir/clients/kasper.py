"""KASPER, by our trial profile: every night a walk over what changed, page by page, while others write."""

from __future__ import annotations

import sys

from tests.plugins.fhir.clients.asking import (
    SEVEN,
    Broken,
    Json,
    Profile,
    Server,
    Unseen,
    address,
    entries,
    link,
    main,
    must,
    need,
)

PROFILE = Profile("kasper", "KASPER", {"count": "resources on a page (100)"})
_TRIES = 5


def walk(server: Server, type: str, since: str) -> list[Json]:
    """What changed at or after `since`, as the nightly job reads it."""
    return server.all(type, {"_lastUpdated": f"ge{since}", "_count": count(server)})


def count(server: Server) -> str:
    """How many on a page."""
    return server.options.get("count") or "100"


def newest(server: Server, type: str) -> str:
    """When something of this type changed last, by the server's clock: where the night after the walk that now begins has to begin.

    The newest that a walk brought will not do: what was written meanwhile, before where the walk stood, may be older than that.
    """
    found = entries(server.search(type, {"_sort": "-_lastUpdated", "_count": "1"}))
    return str(found[0]["meta"]["lastUpdated"]) if found else "2000-01-01"


def versions(found: list[Json]) -> dict[str, str]:
    """Address -> version."""
    return {address(each): each["meta"]["versionId"] for each in found}


@PROFILE.requirement("S1", "a page has as many as were asked until the last, and its next link stays on the path")
def pages(server: Server) -> None:
    wanted = int(count(server))
    sizes = [len(entries(bundle)) for bundle in server.pages("Organization", {"_lastUpdated": "ge2000-01-01", "_count": count(server)})]
    need(len(sizes) > 1, "All organisations fit on one page.")
    must(
        all(size == wanted for size in sizes[:-1]) and 0 < sizes[-1] <= wanted,
        f"Pages of {wanted} have {sizes[:20]}.",
    )


@PROFILE.requirement("S2", "what is there throughout comes exactly once, whatever is written meanwhile")
def once(server: Server) -> None:
    for type in SEVEN:
        before = versions(server.all(type, {"_count": "500"}))
        walked = versions(walk(server, type, "2000-01-01"))
        after = versions(server.all(type, {"_count": "500"}))
        missed = sorted((before.keys() & after.keys()) - walked.keys())
        must(not missed, f"The walk over {type} missed {len(missed)}, such as {', '.join(missed[:3])}.")


@PROFILE.requirement("S3", "the next night needs only what changed since, and then the copy is whole")
def next_night(server: Server) -> None:
    for type in SEVEN:
        following = newest(server, type)
        copy = versions(walk(server, type, "2000-01-01"))
        for _ in range(_TRIES):
            since, following = following, newest(server, type)
            later = walk(server, type, since)
            must(
                all(each["meta"]["lastUpdated"] >= since for each in later),
                f"_lastUpdated=ge{since} brings an older {type}.",
            )
            copy |= versions(later)
            now = versions(server.all(type, {"_count": "500"}))
            if now.items() <= copy.items():
                break
        else:
            lacking = sorted(dict(now.items() - copy.items()))
            raise Broken(f"After {_TRIES} nights the copy still lacks {', '.join(lacking[:3])} as it is now.")


@PROFILE.requirement("S4", "nothing is cut off in silence: the pages together are as many as are counted")
def counted(server: Server) -> None:
    for type in SEVEN:
        for _ in range(_TRIES):  # a count and a walk tell the same only when nobody writes between them
            first = server.total(type, {"_lastUpdated": "ge2000-01-01"})
            walked = len(walk(server, type, "2000-01-01"))
            last = server.total(type, {"_lastUpdated": "ge2000-01-01"})
            if first == last:
                must(walked == first, f"{walked} {type} came; {first} are counted.")
                break
        else:
            raise Unseen(f"Somebody writes all the time, so that a walk over {type} and a count never meet.")


@PROFILE.requirement("S5", "asking for more on a page than there can be is told, and the rest is behind a link")
def capped(server: Server) -> None:
    bundle = next(server.pages("Organization", {"_count": "100000"}))
    came = len(entries(bundle))
    if came < server.total("Organization"):
        must(link(bundle, "next"), "Some are missing, and there is no next link.")
    must(
        came >= 100000 or entries(bundle, "outcome") or "_count=100000" not in str(link(bundle, "self")),
        "The self link pretends a page of 100,000.",
    )


if __name__ == "__main__":
    sys.exit(main(PROFILE))
