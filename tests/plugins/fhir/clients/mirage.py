"""Mirage, by our trial profile: help is looked for by rubriek and by region, and only where there is room."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.plugins.fhir.clients.asking import (
    OURS,
    Json,
    Profile,
    Server,
    address,
    entries,
    extension,
    main,
    must,
    need,
    references,
)

PROFILE = Profile("mirage", "Mirage")
_RUBRIEK = OURS + "CodeSystem/rubriek"
_DISTANCE = "http://hl7.org/fhir/StructureDefinition/location-distance"


def codes(concept: Json) -> Iterator[str]:
    """A concept and all below it."""
    yield concept["code"]
    for each in concept.get("concept", ()):
        yield from codes(each)


def rubrieken(found: Json) -> set[str]:
    """Those of an offer."""
    return {coding["code"] for each in found.get("type", ()) for coding in each.get("coding", ()) if coding.get("system") == _RUBRIEK}


@PROFILE.requirement("M1", "a rubriek finds what is in it or in a narrower one, and nothing else")
def by_rubriek(server: Server) -> None:
    [system, *_] = entries(server.search("CodeSystem", {"url": _RUBRIEK})) or [{}]
    offered = {code for each in server.all("HealthcareService") for code in rubrieken(each)}
    tried = 0
    for top in system.get("concept", ()):
        below = set(codes(top))
        if not below & offered:
            continue
        tried += 1
        hits = server.all("HealthcareService", {"service-type": f"{_RUBRIEK}|{top['code']}"})
        found = {code for each in hits for code in rubrieken(each)} & below
        must(
            found == below & offered,
            f"{top['code']} does not find what is in {', '.join(sorted((below & offered) - found))}.",
        )
        must(
            all(rubrieken(each) & below for each in hits),
            f"{top['code']} finds an offer that is in none of its rubrieken.",
        )
    need(tried, "No offer has a rubriek of the list.")


@PROFILE.requirement("M2", "offers in a town come with the site there")
def by_town(server: Server) -> None:
    towns = [
        each["address"]["city"]
        for each in entries(server.search("Location", {"_has:HealthcareService:location:active": "true", "_count": "20"}))
        if "city" in each.get("address", {})
    ]
    need(towns, "No active offer has a site with a town.")
    bundle = server.search("HealthcareService", {"location.address-city": towns[0], "_include": "HealthcareService:location"})
    sites = {address(each): each for each in entries(bundle, "include")}
    must(entries(bundle), f"Nothing is offered in {towns[0]}, although there is a site.")
    for each in entries(bundle):
        here = [sites[reference] for reference in references(each["location"]) if reference in sites]
        must(
            any(site.get("address", {}).get("city", "").casefold().startswith(towns[0].casefold()) for site in here),
            f"{address(each)} is not in {towns[0]}.",
        )


@PROFILE.requirement("M3", "near a point the nearest comes first, each with its distance, none beyond the radius")
def near(server: Server) -> None:
    [point, *_] = [each["position"] for each in entries(server.search("Location", {"_count": "200"})) if "position" in each] or [None]
    need(point, "No site has a position.")
    assert point is not None
    bundle = server.search(
        "Location",
        {"near": f"{point['latitude']}|{point['longitude']}|20|km", "_sort": "near", "_count": "50"},
    )
    must(entries(bundle), "There is no site near the position of a site.")
    distances = []
    for entry in bundle["entry"]:
        told = [each["valueDistance"] for each in entry["search"].get("extension", ()) if each["url"] == _DISTANCE]
        must(
            told and told[0].get("code", told[0].get("unit")) in ("km", "m"),
            f"{address(entry['resource'])} does not tell its distance.",
        )
        distances.append(float(told[0]["value"]) / (1000 if told[0].get("code", told[0].get("unit")) == "m" else 1))
    must(distances == sorted(distances), "They do not come by distance.")
    must(distances[-1] <= 20, f"One is {distances[-1]} km away.")


@PROFILE.requirement(
    "M4",
    "patientenstop tells yes, no or unknown of every offer that says anything of it, as the offer itself says, and since when",
)
def patientenstop(server: Server) -> None:
    _split(server, "patientenstop", "patientenstop")


@PROFILE.requirement("M5", "so do waiting lists")
def waiting_list(server: Server) -> None:
    _split(server, "waiting-list", "waiting-list")


def _split(server: Server, parameter: str, name: str) -> None:
    totals = {value: server.total("HealthcareService", {parameter: value}) for value in ("yes", "no", "unknown")}
    silent, whole = (
        server.total("HealthcareService", {f"{parameter}:missing": "true"}),
        server.total("HealthcareService"),
    )
    must(
        sum(totals.values()) + silent == whole,
        f"{totals} and {silent} that say nothing do not make {whole} offers.",
    )
    for value in ("yes", "no"):
        for each in server.all("HealthcareService", {parameter: value}):
            told = extension(each, name)
            must(
                told is not None and told["value"] == value,
                f"{address(each)} was found by {value}, and says {told}.",
            )
            must(told is not None and "assertedAt" in told, f"{address(each)} does not say since when.")
    for each in entries(server.search("HealthcareService", {parameter: "unknown", "_count": "50"})):
        told = extension(each, name)
        must(
            told is not None and told["value"] == "unknown",
            f"{address(each)} was found by unknown, and says {told}.",
        )
    need(totals["yes"] + totals["no"], f"No offer says anything of {name}.")


if __name__ == "__main__":
    sys.exit(main(PROFILE))
