from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.be import vat  # type: ignore[import-untyped, unused-ignore]

from hub.model.identifiers import (
    EHP,
    KBO,
    RIZIV,
    RIZIV_GROUP,
    SSIN,
    VESTIGING,
    InvalidIdentifier,
    display,
    impossible,
    normalise,
    riziv_check_digits,
    strong_key,
)


def with_mod97(body: int) -> str:
    return f"{body:08d}{97 - body % 97:02d}"


kbo_numbers = st.integers(1, 19_999_999).map(with_mod97)
vestiging_numbers = st.integers(20_000_000, 89_999_999).map(with_mod97)
moduli: st.SearchStrategy[Literal[97, 89]] = st.sampled_from((97, 89))
riziv_numbers = st.builds(
    lambda body, modulus, competence: f"{body:06d}{riziv_check_digits(f'{body:06d}', modulus)}{competence}",
    st.integers(1, 999_999),
    moduli,
    st.one_of(st.just(""), st.integers(0, 999).map("{:03d}".format)),
)
separators = st.sampled_from(["", ".", " ", "-", "/", "\u00a0", "\u2013"])


@given(kbo_numbers)
def test_every_enterprise_number_we_accept_is_one_for_stdnum(number: str) -> None:
    assert normalise(KBO, number) == number
    assert vat.is_valid(number)


@given(st.integers(0, 1_999_999_999).map("{:010d}".format))
def test_what_stdnum_refuses_we_refuse(number: str) -> None:
    if vat.is_valid(number) and not number.endswith("00"):
        assert normalise(KBO, number) == number
    else:
        # stdnum lets the check 00 pass for 97; the register never gives it out.
        with pytest.raises(InvalidIdentifier):
            normalise(KBO, number)


@given(st.one_of(kbo_numbers, vestiging_numbers), st.integers(0, 9), st.integers(1, 9))
def test_any_wrong_digit_is_noticed(number: str, position: int, shift: int) -> None:
    system = KBO if number[0] in "01" else VESTIGING
    wrong = number[:position] + str((int(number[position]) + shift) % 10) + number[position + 1 :]
    with pytest.raises(InvalidIdentifier):
        normalise(system, wrong)


@pytest.mark.parametrize("spelling", ["0403.019.261", "BE 0403.019.261", "be0403019261", "403 019 261", "BE-0403/019/261"])
def test_spellings_of_an_enterprise_number(spelling: str) -> None:
    assert normalise(KBO, spelling) == "0403019261"
    assert display(KBO, spelling) == "0403.019.261"


# The two practitioners in the examples of HL7 Belgium, the second with its eleven digits.
@pytest.mark.parametrize(
    ("value", "canonical", "shown"),
    [
        ("18749704", "18749704", "1-87497-04"),
        ("1-87497-04-001", "18749704001", "1-87497-04-001"),
        ("11530231", "11530231", "1-15302-31"),
        ("1/15302/31/110", "11530231110", "1-15302-31-110"),
    ],
)
def test_riziv_numbers(value: str, canonical: str, shown: str) -> None:
    assert normalise(RIZIV, value) == canonical
    assert display(RIZIV, value) == shown
    assert strong_key(RIZIV, value) == f"riziv|{canonical[:8]}"
    assert strong_key(RIZIV_GROUP, value) == f"riziv-group|{canonical[:8]}"


def test_both_moduli_of_riziv() -> None:
    assert riziv_check_digits("187497", 97) == "04"
    assert riziv_check_digits("187497", 89) == "26"
    assert riziv_check_digits("000097", 97) == "97"
    assert riziv_check_digits("000089", 89) == "89"
    assert normalise(RIZIV, "18749726") == "18749726"
    with pytest.raises(InvalidIdentifier, match="check digits"):
        normalise(RIZIV, "18749705")


@given(riziv_numbers, separators)
def test_separators_change_nothing(number: str, separator: str) -> None:
    spelled = separator.join(number)
    assert normalise(RIZIV, spelled) == number
    assert normalise(RIZIV, display(RIZIV, number)) == number
    assert strong_key(RIZIV, spelled) == strong_key(RIZIV, number[:8])


@given(vestiging_numbers, separators)
def test_establishment_numbers_are_keys_and_enterprise_numbers_are_not(number: str, separator: str) -> None:
    assert strong_key(VESTIGING, separator.join(number)) == f"vestigingsnummer|{number}"
    assert strong_key(KBO, "0403.019.261") is None
    assert normalise(VESTIGING, display(VESTIGING, number)) == number


@pytest.mark.parametrize("system", [SSIN, "insz", "INSZ", "niss", "rijksregisternummer"])
def test_a_social_security_number_is_refused_and_never_repeated(system: str) -> None:
    for function in (normalise, strong_key):
        with pytest.raises(InvalidIdentifier) as caught:
            function(system, "85.07.30-033.28")
        assert "never stores" in caught.value.reason
        assert "85" not in f"{caught.value} {caught.value.value} {caught.value.args}"
    assert display(system, "85.07.30-033.28") == ""


@pytest.mark.parametrize(
    ("system", "value", "reason"),
    [
        (KBO, "", "empty"),
        (KBO, "BE", "empty"),
        (KBO, "0403.O19.261", "Only digits"),
        (KBO, "2403019261", "starts with 0 or 1"),
        (KBO, "0000000097", "check digits"),
        (VESTIGING, "0403019261", "starts with 2 to 8"),
        (VESTIGING, "21234567", "ten digits"),
        (RIZIV, "1874970", "eight digits"),
        (RIZIV, "00000097", "check digits"),
        (RIZIV, "\u0661\u0668\u0667\u0664\u0669\u0667\u0660\u0664", "Only digits"),
        (EHP, "x1", "Only digits"),
    ],
)
def test_errors_name_system_value_and_reason(system: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidIdentifier, match=reason) as caught:
        normalise(system, value)
    assert (caught.value.system, caught.value.value) == (system, value)
    assert display(system, value) == value


def test_other_systems_pass_through() -> None:
    assert normalise(EHP, "1990.000.332") == "1990000332"
    assert normalise("sociaal.brussels", " a-1 ") == "a-1"
    assert strong_key("sociaal.brussels", "a-1") is None
    assert strong_key(EHP, "1990000332") is None
    assert display("sociaal.brussels", " a-1 ") == "a-1"


@pytest.mark.parametrize("system", ["kbo", "riziv", "vestigingsnummer", "elsewhere"])
@pytest.mark.parametrize("value", [None, 403019261])
def test_what_is_no_text_is_no_number(system: str, value: Any) -> None:
    with pytest.raises(InvalidIdentifier, match="given as text"):
        normalise(system, value)


@pytest.mark.parametrize(
    ("given", "system"),
    [
        ("0403.019.999", KBO),
        ("|0403.019.999", KBO),
        ("2.123.456.780", VESTIGING),
        ("1-87497-05-001", RIZIV),
        ("0403.019.261", None),
        ("0403019999", None),  # may be any number of a source
        ("1-2", None),
        ("intern|0403.019.999", None),
    ],
)
def test_a_number_without_a_system_is_judged_by_how_it_is_written(given: str, system: str | None) -> None:
    wrong = impossible(given)
    assert (None if wrong is None else wrong.system) == system
