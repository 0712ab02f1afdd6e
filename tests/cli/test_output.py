"""How commands put what they say."""

from __future__ import annotations

from hub.cli.output import Failure, counted, shortened
from hub.errors import FieldError, Invalid

LONG = "The value is not one of those that the register knows, so this row of the source cannot be used before somebody corrects it there"


def test_a_reason_is_cut_between_words() -> None:
    short = shortened(LONG)
    assert len(short) <= 90
    assert short.endswith(" …")
    assert LONG.startswith(short.removesuffix(" …") + " ")
    assert shortened(LONG[:60].strip()) == LONG[:60].strip()
    assert shortened("x" * 200) == "x" * 90


def test_one_is_no_plural() -> None:
    assert [counted(count, "row") for count in (0, 1, 2, 3574)] == ["0 rows", "1 row", "2 rows", "3,574 rows"]
    assert counted(2, "delivery", "deliveries") == "2 deliveries"


def test_a_sentence_with_more_than_its_fields_is_left_whole() -> None:
    wrong = FieldError("where", "no such place", "x")
    assert Failure(Invalid("It went wrong: where: no such place. Ask again later.", (wrong,))).message == (
        "It went wrong: where: no such place. Ask again later.\n  where: no such place (given: x)"
    )
    assert Failure(Invalid("where: no such place", (wrong,))).message == "This cannot be done:\n  where: no such place (given: x)"
