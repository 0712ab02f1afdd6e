"""Alsot, by our trial profile: many questions in one request, and nothing fetched twice that has not changed."""

from __future__ import annotations

import sys

from tests.plugins.fhir.clients.asking import (
    JSON,
    Json,
    Profile,
    Server,
    address,
    entries,
    main,
    must,
    need,
    refused,
    resource,
)

PROFILE = Profile("alsot", "Alsot")


def batch(server: Server, *requests: Json) -> list[Json]:
    """The entries that answer these."""
    body = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", **each}} for each in requests],
    }
    answered = resource(server.send("POST", "", json=body, headers={"Content-Type": JSON}), "Bundle")
    must(
        answered["type"] == "batch-response",
        f"A batch is answered by a batch-response, not {answered['type']}.",
    )
    must(
        len(answered.get("entry", ())) == len(requests),
        f"{len(requests)} were asked, {len(answered.get('entry', ()))} answered.",
    )
    found: list[Json] = answered["entry"]
    return found


def some(server: Server) -> Json:
    """An organisation."""
    found = entries(server.search("Organization", {"_count": "1"}))
    need(found, "There is no Organization.")
    return found[0]


@PROFILE.requirement("A1", "a batch is answered in the order in which it was asked, each as if it came alone")
def order(server: Server) -> None:
    urls = ["Practitioner?_count=2", f"{address(some(server))}", "Organization?_count=3", "Location?_count=1"]
    for url, entry in zip(urls, batch(server, *({"url": url} for url in urls)), strict=True):
        alone = server.get(url).json()
        must(entry["response"]["status"].startswith("200"), f"{url} answers {entry['response']['status']}.")
        must(entry["resource"] == alone, f"{url} is answered otherwise than when it is asked alone.")


@PROFILE.requirement("A2", "one that fails says why, and the others are answered")
def failing(server: Server) -> None:
    wrong, refusal, right = batch(
        server,
        {"url": "Organization/there-is-none"},
        {"method": "DELETE", "url": address(some(server))},
        {"url": "Organization?_count=1"},
    )
    must(
        wrong["response"]["status"].startswith("404") and wrong["response"]["outcome"]["issue"],
        "What is not there is not answered 404 with a reason.",
    )
    must(
        refusal["response"]["status"].startswith("4") and refusal["response"]["outcome"]["issue"],
        "A DELETE in a batch is not refused with a reason.",
    )
    must(right["response"]["status"].startswith("200"), "The one behind them is not answered.")


@PROFILE.requirement("A3", "what has not changed is not sent again: 304 by ETag and by date")
def unchanged(server: Server) -> None:
    path = address(some(server))
    first = server.get(path)
    found = resource(first, "Organization")
    tag, date = first.headers.get("ETag", ""), first.headers.get("Last-Modified", "")
    must(
        tag == f'W/"{found["meta"]["versionId"]}"',
        f"The ETag {tag} is not the version {found['meta']['versionId']}.",
    )
    must(date, "There is no Last-Modified.")
    for name, value in (("If-None-Match", tag), ("If-Modified-Since", date)):
        again = server.get(path, headers={name: value})
        must(
            (again.status_code, again.content) == (304, b""),
            f"{name}: {value} answers {again.status_code}, not an empty 304.",
        )
    must(
        server.get(path, headers={"If-None-Match": 'W/"0"'}).status_code == 200,
        "Another version's ETag answers 304 too.",
    )


@PROFILE.requirement("A4", "and so in a batch")
def unchanged_in_a_batch(server: Server) -> None:
    path = address(some(server))
    tag = server.get(path).headers.get("ETag", "")
    same, other = batch(server, {"url": path, "ifNoneMatch": tag}, {"url": path, "ifNoneMatch": 'W/"0"'})
    must(
        same["response"]["status"].startswith("304") and "resource" not in same,
        f"ifNoneMatch of the version that is there answers {same['response']['status']}.",
    )
    must(
        other["response"]["status"].startswith("200") and other["response"]["etag"] == tag,
        "ifNoneMatch of another version brings nothing.",
    )


@PROFILE.requirement("A5", "HEAD tells the same as GET, without a body")
def head(server: Server) -> None:
    path = address(some(server))
    read, told = (
        server.get(path, headers={"Accept-Encoding": "identity"}),
        server.send("HEAD", path, headers={"Accept-Encoding": "identity"}),
    )
    must((told.status_code, told.content) == (200, b""), f"HEAD answers {told.status_code}.")
    for name in ("ETag", "Last-Modified", "Content-Type", "Content-Length"):
        must(
            read.headers.get(name) == told.headers.get(name),
            f"{name} is {told.headers.get(name)} by HEAD, {read.headers.get(name)} by GET.",
        )


@PROFILE.requirement("A6", "a batch that is none is refused as a whole, and says why")
def no_batch(server: Server) -> None:
    refused(
        server.send(
            "POST",
            "",
            data=b'{"resourceType": "Bundle", "type": "collection"}',
            headers={"Content-Type": JSON},
        ),
        400,
    )
    refused(server.send("POST", "", data=b"{", headers={"Content-Type": JSON}), 400)


if __name__ == "__main__":
    sys.exit(main(PROFILE))
