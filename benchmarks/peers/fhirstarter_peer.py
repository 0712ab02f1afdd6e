"""fhirstarter with the Organizations of a file in memory: read, and search by the beginning of a name. Started by `benchmarks.fhir_peers`.

The framework leaves the search to whoever uses it. This one is as quick as a plain one can be: names are folded once, models made once.
"""

import json
import os
from pathlib import Path

from fhir.resources.R4B.bundle import Bundle, BundleEntry
from fhir.resources.R4B.organization import Organization
from fhirstarter import FHIRProvider, FHIRStarter, InteractionContext  # type: ignore[import-not-found]
from fhirstarter.exceptions import FHIRResourceNotFoundError  # type: ignore[import-not-found]

PAGE = 20


def _names(organisation: dict[str, object]) -> list[str]:
    alias = organisation.get("alias", [])
    assert isinstance(alias, list)
    return [str(name).lower() for name in (organisation.get("name"), *alias) if name]


with Path(os.environ["PEER_ORGANISATIONS"]).open() as lines:
    _given = [json.loads(line) for line in lines]
_kept = {each["id"]: Organization.model_validate(each) for each in _given}
_named = [(_names(each), each["id"]) for each in _given]

provider = FHIRProvider()


@provider.read(Organization)  # type: ignore[untyped-decorator]
async def read(context: InteractionContext, id_: str) -> Organization:
    """The organisation with this id."""
    if id_ not in _kept:
        raise FHIRResourceNotFoundError
    return _kept[id_]


@provider.search_type(Organization)  # type: ignore[untyped-decorator]
async def search(context: InteractionContext, name: str | None) -> Bundle:
    """The first of those that have a name which begins so, and how many there are."""
    beginning = (name or "").lower()
    found = [id for names, id in _named if any(each.startswith(beginning) for each in names)]
    entries = [BundleEntry(resource=_kept[id]) for id in found[:PAGE]]
    return Bundle(type="searchset", total=len(found), entry=entries or None)


app = FHIRStarter()
app.add_providers(provider)
