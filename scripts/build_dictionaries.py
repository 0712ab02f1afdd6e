"""Makes the dictionaries of `hub.schemas.packing`: `hub/schemas/data/<number>.zdict`.

    python scripts/build_dictionaries.py NUMBER_FOR_JSON NUMBER_FOR_TOKENS

They are trained on the demo world, of which only the form is kept: every name, text and number is replaced by letters and digits drawn at random, so
that what is learnt is what all fiches share (keys, codes, the look of a link) and holds for any directory. Never make one again under a number that
was used: what was packed with it could not be read any more.
"""

from __future__ import annotations

import random
import re
import sys
import uuid
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson
from backports import zstd

from hub import schemas
from hub.authority import Authority
from hub.demo import World
from hub.demo.claims import directory_claims
from hub.merge import merge
from hub.model.audience import stamp
from hub.model.claims import Claim
from hub.model.declarations import ListOf, MapOf, Record, Shape, Words, fiche_record
from hub.model.fiche import KINDS, LANGUAGES, PARTS, Document
from hub.places import Places
from hub.store.concepts import ConceptBook
from hub.store.index_entries import IndexedEntity
from hub.store.index_forms import tokens_of
from hub.store.index_terms import Indexer

TARGET: Final = Path(__file__).parent.parent / "hub" / "schemas" / "data"
SAMPLES: Final = 12_000
SIZE: Final = {"json": 32_768, "tokens": 16_384}
KEPT: Final = frozenset(
    [
        "municipality",
        "postcode",
        "city",
        "system",
        "scheme",
        "source",
        "country",
        "in_scope_of",
        "languages",
        "kind",
        "type",
        "types",
        "professions",
        "competences",
        "legal_form",
        "role",
    ]
)
"""Fields whose values everybody shares: codes, and the names of cities."""
_WORD: Final = re.compile(r"[^\W\d_]+|\d+")
_COMMON: Final = frozenset({"http", "https", "www", "info", "be", "T", "Z"})
_LETTERS: Final = "eeeeeeeeennnnnaaaaattttiiiirrrroooodddsssslllgghhvvkkmmuubppwjzcfxyq"


def main() -> None:
    """Make both."""
    chance = random.Random(20_26)
    kept = frozenset(word for kind in KINDS for word in choices(fiche_record(kind, claim=True)))
    told: list[bytes] = []
    tokens: list[bytes] = []
    indexer = Indexer(ConceptBook({}, {}), Places.load(), "2026-01-01")
    for claim in islice(some_claims(), SAMPLES):
        content = scrambled(claim.content, "", kept, chance)
        one = Claim(claim.source, claim.external_id, claim.revision, claim.kind, content)
        told.append(schemas.encode_claim(one))
        document = as_merged(one, chance)
        told.append(schemas.encode(document))
        entity = IndexedEntity(entry_id=1, entity_id=1, fiche_id=1, type=claim.kind, document=document, sources=[claim.source])
        tokens.append(tokens_of(indexer.row(entity)).encode())
    for number, name, samples in zip(sys.argv[1:], ("json", "tokens"), (told, tokens), strict=True):
        (TARGET / f"{number}.zdict").write_bytes(zstd.train_dict(samples, SIZE[name]).dict_content)


def some_claims() -> Iterator[Claim]:
    """Claims of every kind, in the proportions of a directory."""
    world = World(size="M")
    offers = directory_claims(world.organisations(), world.offers_of, iter(()), world.source_id)
    persons = directory_claims(iter(()), world.offers_of, world.persons(), world.source_id)
    register = world.register_claims(0, SAMPLES)
    while True:
        yield from islice(offers, 8)
        yield next(persons)
        yield next(register)


def choices(shape: Shape) -> Iterator[str]:
    """Every word that the declarations themselves name."""
    match shape:
        case Words(choices=words):
            yield from words
        case MapOf(choices=words):
            yield from words
        case ListOf(item=item):
            yield from choices(item)
        case Record():
            for field in shape:
                yield from choices(field.shape)


def scrambled(value: Any, name: str, kept: frozenset[str], chance: random.Random) -> Any:
    """The same form with other words in it."""
    if isinstance(value, dict):
        return {key: scrambled(inner, name if key in LANGUAGES or key == "code" else key, kept, chance) for key, inner in value.items()}
    if isinstance(value, list):
        return [scrambled(inner, name, kept, chance) for inner in value]
    if isinstance(value, float):
        return round(value + chance.uniform(-0.05, 0.05), 5)
    if not isinstance(value, str) or value in kept or name in KEPT:
        return value
    return _WORD.sub(lambda found: other_word(found[0], chance), value)


def other_word(word: str, chance: random.Random) -> str:
    """As many letters or digits, of the same size."""
    if word in _COMMON:
        return word
    if word.isdigit():
        return "".join(chance.choices("0123456789", k=len(word)))
    other = "".join(chance.choices(_LETTERS, k=len(word)))
    return other.title() if word.istitle() else other


def as_merged(claim: Claim, chance: random.Random) -> Document:
    """The claim as the stamped document that it becomes, with ids."""

    def new_id() -> str:
        return "019" + str(uuid.UUID(int=chance.getrandbits(128), version=4))[3:]

    content = orjson.loads(orjson.dumps(claim.content))
    for name in ("parent", "organisatie", "provided_by"):
        if name in content:
            content[name] = {"id": new_id()}
    for part in content.get("caregivers", ()):
        part["zorgverlener"] = {"id": new_id()}
    if claim.kind == "aanbod" and "vestigingen" in content:
        content["vestigingen"] = [{"id": new_id()} for _ in content["vestigingen"]]
    document = merge([Claim(claim.source, claim.external_id, 1, claim.kind, content)], Authority.load()).content
    assert document is not None
    document["id"] = new_id()
    for name in PARTS:
        for part in document.get(name, ()) if PARTS[name][0] == claim.kind else ():
            part["id"] = new_id()
    return stamp(claim.kind, document)


if __name__ == "__main__":
    main()
