"""What was packed comes back, whatever it is, and what was packed long ago too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import schemas
from hub.model.claims import Claim
from hub.schemas import packing

ONE = Claim("bron", "1", 1, "zorgverlener", {"kind": "zorgverlener", "name": {"family": "Voorbeeld", "given": ["An"]}})


@given(st.binary(), st.sampled_from(("json", "tokens")))
def test_bytes_come_back(data: bytes, sort: packing.Sort) -> None:
    assert schemas.unpack(schemas.pack(data, sort)) == data


def test_a_claim_is_read_packed_or_not() -> None:
    plain = schemas.encode_claim(ONE)
    assert schemas.decode_claim("bron", "1", 1, None, plain) == ONE
    assert schemas.decode_claim("bron", "1", 1, None, schemas.pack(plain)) == ONE


def test_a_claim_that_was_packed_can_still_be_read() -> None:
    kept = bytes.fromhex(KEPT[2])
    assert schemas.decode_claim("bron", "1", 1, None, kept) == ONE


def test_tokens_that_were_packed_can_still_be_read() -> None:
    assert schemas.unpack(bytes.fromhex(KEPT[3])) == TOKENS


def test_small_things_stay_small() -> None:
    plain = schemas.encode_claim(ONE)
    assert len(schemas.pack(plain)) < len(plain) / 2
    assert len(schemas.pack(TOKENS, "tokens")) < len(TOKENS)


@pytest.mark.parametrize("data", [b"\x01broken", b"\x02broken", b"\xffother", b"x\x9c", schemas.pack(b"[1, 2, 3]")[:-1]])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="packed"):
        schemas.unpack(data)


TOKENS = b"z@gan z@hvoorbeeld%20an z@nvoorbeeld z@qan z@uno z@yvoorbeeld zan zvoorbeeld"
KEPT = {
    2: "0228b52ffd00000d010068566f6f726265656c64416e225d05fcb193f291be6b66f76500c25ecd7d5abd0b",
    3: "0328b52ffd000045010023820597f59737a7289775e24898cbacbc5d0ba25cd63f942b05fc12ddd98cbf4f73566de169c417",
}
"""`ONE` and `TOKENS` as they were packed on the day that each dictionary came into use. Do not make them anew: they stand for rows in databases."""
