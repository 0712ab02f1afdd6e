"""What was packed comes back, whatever it is, and what was packed long ago too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import schemas
from hub.model.claims import Claim

ONE = Claim("bron", "1", 1, "zorgverlener", {"kind": "zorgverlener", "name": {"family": "Voorbeeld", "given": ["An"]}})


@given(st.binary())
def test_bytes_come_back(data: bytes) -> None:
    assert schemas.unpack(schemas.pack(data)) == data


def test_a_claim_is_read_packed_or_not() -> None:
    plain = schemas.encode_claim(ONE)
    assert schemas.decode_claim("bron", "1", 1, None, plain) == ONE
    assert schemas.decode_claim("bron", "1", 1, None, schemas.pack(plain)) == ONE


def test_what_was_packed_with_the_first_dictionary_can_still_be_read() -> None:
    kept = bytes.fromhex(KEPT)
    assert schemas.decode_claim("bron", "1", 1, None, kept) == ONE


@pytest.mark.parametrize("data", [b"\x01broken", b"\xffother", b"x\x9c"])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="packed"):
        schemas.unpack(data)


KEPT = "01787daa8c060ec36c4440d3276adb02b3860ccbcf2f4a4a4dcd01e53d7855e99807ac2c512d00008cd021a9"
"""`ONE` as it was packed on the day that the first dictionary came into use. Do not make it anew: it stands for rows in databases."""
