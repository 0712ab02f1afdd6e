"""What is asked of the full text, without an engine."""

from hypothesis import given
from hypothesis import strategies as st

from hub.model.folding import fold
from hub.search.match import Match, Token, initials_before
from hub.search.postgresql import _parted
from hub.store.index_tokens import FIRST_WORD, facet

letters = st.text("ab09z \u0434", min_size=1, max_size=6).map(fold).filter(bool)


@given(name=letters, other=letters)
def test_names_before_another_have_one_of_its_tokens(name: str, other: str) -> None:
    first = facet("organisatie", 0, "name", name.partition(" ")[0])
    assert first[2] == FIRST_WORD
    (wanted,) = initials_before("organisatie", 0, other).every
    met = any(first.startswith(token.text) if token.prefix else first == token.text for token in wanted)
    assert met or name >= other
    if name[:3] > other[:3] and name[:3].isascii() and other[:3].isalnum() and other[:3].isascii():
        assert not met


def test_a_beginning_that_many_have_is_looked_for_in_the_rows_of_a_rare_word() -> None:
    many, rare, some = (Token("amany", True),), (Token("a@crare"),), (Token("asome", True),)
    lead, rest = _parted(Match((many, rare, some), (Token("anot"),)), [300_000, 2_000, 4_000, 400_000])
    assert lead == Match((rare, some), (Token("anot"),))
    assert rest == Match((many,))
