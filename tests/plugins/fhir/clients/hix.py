"""HiX, by our trial profile: the caregiver is looked for while somebody types."""

from __future__ import annotations

import sys
import unicodedata

from tests.plugins.fhir.clients.asking import (
    Profile,
    Server,
    address,
    entries,
    link,
    main,
    must,
    need,
    references,
    refused,
    resource,
)

PROFILE = Profile("hix", "HiX")


def folded(text: str) -> str:
    """Without accents and case."""
    return "".join(each for each in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(each))


def family(server: Server) -> str:
    """A family name of four letters or more to look for."""
    for found in entries(server.search("Practitioner", {"_count": "50"})):
        for name in found.get("name", ()):
            if len(name.get("family", "")) >= 4 and name["family"].isalpha():
                return str(name["family"])
    need(False, "No caregiver among the first fifty has a family name of four letters.")
    return ""


@PROFILE.requirement("H1", "each letter typed leaves fewer caregivers or as many, and each of them has a word that begins so")
def typing(server: Server) -> None:
    name = family(server)
    before = None
    for length in range(2, 5):
        typed = name[:length]
        bundle = server.search("Practitioner", {"name": typed, "_total": "accurate", "_count": "50"})
        for found in entries(bundle):
            words = folded(" ".join(str(each.get(part, "")) for each in found["name"] for part in ("text", "family", "given")))
            must(
                any(word.startswith(folded(typed)) for word in words.replace("'", " ").replace("[", " ").replace("-", " ").split()),
                f"{address(found)} has no word that begins with {typed}.",
            )
        must(bundle.get("total", 0) >= 1, f"Nobody is found by {typed}, although there is a {name}.")
        must(before is None or bundle["total"] <= before, f"{typed} finds more than one letter less.")
        before = bundle["total"]


@PROFILE.requirement("H2", "capitals and accents make no difference")
def folding(server: Server) -> None:
    name = family(server)
    spellings = {
        spelling: {address(each) for each in server.all("Practitioner", {"family": spelling})} for spelling in (name, name.upper(), folded(name))
    }
    must(
        all(spellings.values()) and len({frozenset(each) for each in spellings.values()}) == 1,
        f"These find different caregivers: {', '.join(spellings)}.",
    )


@PROFILE.requirement("H3", "_elements brings only what the list on the screen shows")
def elements(server: Server) -> None:
    found = entries(server.search("Practitioner", {"name": family(server)[:3], "_elements": "name,identifier"}))
    must(found, "Nobody is found.")
    for each in found:
        must("name" in each, f"{address(each)} came without its name.")
        more = each.keys() - {"resourceType", "id", "meta", "name", "identifier"}
        must(not more, f"{address(each)} also brings {', '.join(sorted(more))}.")


@PROFILE.requirement("H4", "what somebody does and where comes in the same answer, without a reference left open")
def roles(server: Server) -> None:
    asked = ("practitioner", "organization", "location")
    path = f"PractitionerRole?{'&'.join(f'_include=PractitionerRole:{each}' for each in asked)}&_count=10"
    bundle = server.search(path)
    need(entries(bundle), "There is no PractitionerRole.")
    here = {address(each) for each in entries(bundle) + entries(bundle, "include")}
    for role in entries(bundle):
        wanted = [reference for each in asked for reference in references(role.get(each))]
        missing = sorted(set(wanted) - here)
        must(not missing, f"{address(role)} names {', '.join(missing)}, which did not come along.")


@PROFILE.requirement("H5", "a parameter that is not known is told, and with Prefer: handling=strict refused")
def unknown(server: Server) -> None:
    path = "Practitioner?nmae=peeters&_count=1"
    bundle = resource(server.get(path), "Bundle")
    must(entries(bundle, "outcome"), "Nothing tells that nmae was not understood.")
    must("nmae" not in str(link(bundle, "self")), "The self link shows nmae as if it had been searched.")
    refused(server.get(path, headers={"Prefer": "handling=strict"}), 400)


if __name__ == "__main__":
    sys.exit(main(PROFILE))
