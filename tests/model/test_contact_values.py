from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.contact_values import normalise_email, normalise_phone, normalise_website, phone_kind


@pytest.mark.parametrize(
    ("raw", "normalised"),
    [
        ("www.Voorbeeld.be", "https://www.voorbeeld.be"),
        (" http://www.example.org/ ", "http://www.example.org"),
        ("HTTP://example.org/Pad/?q=A&B#C", "http://example.org/Pad/?q=A&B#C"),
        ("http//:www.example.org", "http://www.example.org"),
        ("http//www.example.org", "http://www.example.org"),
        ("https:/www.example.org", "https://www.example.org"),
        ("http:www.example.org", "http://www.example.org"),
        ("htpp://www.example.org", "http://www.example.org"),
        ("http;//www.example.org", "http://www.example.org"),
        ("http://https://www.example.org", "https://www.example.org"),
        ("https:\\\\www.example.org\\a", "https://www.example.org/a"),
        ("www,example.org", "https://www.example.org"),
        ("www. example .org", "https://www.example.org"),
        ("www.example.org en www.example.com", "https://www.example.org"),
        ("http.example.org", "https://http.example.org"),
        ("example.org.", "https://example.org"),
        ("https://example.org:443/x", "https://example.org/x"),
        ("http://example.org:8080", "http://example.org:8080"),
        ("café.example.org/ü a", "https://xn--caf-dma.example.org/%C3%BC%20a"),
        ("127.0.0.1/x", "https://127.0.0.1/x"),
        ("facebook.com/zorg", "https://facebook.com/zorg"),
    ],
)
def test_websites(raw: str, normalised: str) -> None:
    assert normalise_website(raw) == normalised


@pytest.mark.parametrize(
    "raw",
    ["", "-", "geen", "n.v.t.", "http://", "zie facebook", "info@example.org", "mailto:info@example.org",
     "javascript:alert(1)", "javascript://example.org/%0aalert(1)", "1.2.3", "300.1.1.1", "example.org:99999", "-.be"],
)  # fmt: skip
def test_no_website(raw: str) -> None:
    assert normalise_website(raw) is None


@given(st.text(alphabet=st.characters() | st.sampled_from("htps:/.www,be-@# ")))
def test_a_website_is_stable_ascii_and_has_a_host(raw: str) -> None:
    url = normalise_website(raw)
    if url is not None:
        assert url.isascii()
        assert normalise_website(url) == url
        parts = urlsplit(url)
        assert parts.scheme in ("http", "https")
        assert parts.hostname
        assert parts.hostname == parts.hostname.lower()


@given(
    st.sampled_from(["", "http://", "https://", "HTTP://", "http//:"]),
    st.from_regex(r"[a-z][a-z0-9]{0,10}(\.[a-z]{2,6}){1,2}", fullmatch=True),
    st.from_regex(r"(/[A-Za-z0-9._~-]{1,8}){0,3}(\?[a-z]=[A-Z0-9]{1,5})?", fullmatch=True),
)
def test_path_and_query_are_kept(scheme: str, host: str, rest: str) -> None:
    url = normalise_website(scheme + host.upper() + rest)
    assert url is not None
    assert url.endswith(host + rest)


@pytest.mark.parametrize(
    ("raw", "normalised"),
    [
        ("Info@Example.ORG", "info@example.org"),
        ("mailto:info@example.org?subject=x", "info@example.org"),
        (" <info@example.org>, ", "info@example.org"),
        ("info (at) example.org", "info@example.org"),
        ("info@\u00fc.example.org", "info@xn--tda.example.org"),
        ("info", None),
        ("info@", None),
        ("info@example", None),
        ("in fo@example.org", None),
        ("a@b@example.org", None),
        ("in..fo@example.org", None),
        (".info@example.org.", "info@example.org"),
        ("info@.example.org", None),
        ("", None),
    ],
)
def test_emails(raw: str, normalised: str | None) -> None:
    assert normalise_email(raw) == normalised


@given(st.text(alphabet=st.characters() | st.sampled_from("@.ab")))
def test_an_email_is_stable(raw: str) -> None:
    email = normalise_email(raw)
    assert email is None or normalise_email(email) == email


@pytest.mark.parametrize(
    ("raw", "normalised", "kind"),
    [
        ("016/33.22.11", "+3216332211", "phone"),
        ("(016) 33 22 11", "+3216332211", "phone"),
        ("016 / 33 22 11", "+3216332211", "phone"),
        ("+32 (0)9 225 12 34", "+3292251234", "phone"),
        ("+32 09 225 12 34", "+3292251234", "phone"),
        ("0032 9 225 12 34", "+3292251234", "phone"),
        ("(+32) 16 33 22 11", "+3216332211", "phone"),
        ("+0032 16 33 22 11", "+3216332211", "phone"),
        ("32 16 33 22 11", "+3216332211", "phone"),
        ("0470 12 34 56", "+32470123456", "mobile"),
        ("+32 (0)470/12.34.56", "+32470123456", "mobile"),
        ("0800 12 345", "+3280012345", "phone"),
        ("Tel.: 02 123 45 67 (na 18u)", "+3221234567", "phone"),
        ("016 33 22 11 / 016 33 22 12", "+3216332211", "phone"),
        ("016332211 of 0470123456", "+3216332211", "phone"),
        ("+31 20 123 4567", "+31201234567", "phone"),
        ("+31 (0)6 12345678", "+31612345678", "mobile"),
        ("0033 6 12 34 56 78", "+33612345678", "mobile"),
    ],
)
def test_phones(raw: str, normalised: str, kind: str) -> None:
    assert normalise_phone(raw) == normalised
    assert phone_kind(normalised) == kind


@pytest.mark.parametrize("raw", ["", "geen", "112", "1712", "016 33 22", "0470 12 34 5", "16 33 22 11", "+", "+32", "000", "0"])
def test_no_phone(raw: str) -> None:
    assert normalise_phone(raw) is None


@given(
    st.sampled_from(["0", "+32", "+32 ", "+32 (0)", "0032", "0032 (0)"]),
    st.from_regex(r"[1-9][0-9]{7,8}", fullmatch=True),
    st.sampled_from(["", " ", ".", "/", "-"]),
)
def test_phonenumbers_reads_belgian_numbers_the_same(prefix: str, national: str, separator: str) -> None:
    raw = prefix + separator.join((national[:2], national[2:5], national[5:]))
    judged = phonenumbers.parse(raw, "BE")
    ours = normalise_phone(raw)
    if phonenumbers.is_valid_number(judged):
        assert ours == phonenumbers.format_number(judged, phonenumbers.PhoneNumberFormat.E164)
        mobile = phonenumbers.number_type(judged) == phonenumbers.PhoneNumberType.MOBILE
        assert (phone_kind(ours) == "mobile") is mobile
    elif ours is not None:
        assert phonenumbers.is_possible_number(judged)


@given(
    st.sampled_from(["NL", "FR", "DE", "LU", "GB", "ES", "PT", "US"]),
    st.sampled_from(["+", "00"]),
    st.booleans(),
)
def test_phonenumbers_reads_foreign_numbers_the_same(country: str, prefix: str, spaced: bool) -> None:
    for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
        example = phonenumbers.example_number_for_type(country, kind)
        assert example is not None
        e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        shown = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.INTERNATIONAL) if spaced else e164
        assert normalise_phone(prefix + shown.removeprefix("+")) == e164
        if country in ("NL", "FR", "DE", "LU"):
            assert phone_kind(e164) == ("mobile" if kind == phonenumbers.PhoneNumberType.MOBILE else "phone")


@given(st.text(alphabet=st.sampled_from("0123456789+()/.- abc\u00b2\u0663")))
def test_a_phone_is_stable(raw: str) -> None:
    phone = normalise_phone(raw)
    assert phone is None or (normalise_phone(phone) == phone and phone[1:].isdigit() and phone.isascii())


@pytest.mark.parametrize("raw", [None, 16332211, ["016 33 22 11"]])
def test_what_is_no_text_has_no_form(raw: Any) -> None:
    assert (normalise_phone(raw), normalise_email(raw), normalise_website(raw)) == (None, None, None)
