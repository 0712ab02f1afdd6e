"""What is asked of the full text, without an engine."""

from hypothesis import given
from hypothesis import strategies as st

from hub.model.folding import fold
from hub.search.match import Match, Token, initials
from hub.search.postgresql import _parted
from hub.store.index_tokens import FIRST_WORD, facet

letters = st.text("ab09z \u0434", min_size=1, max_size=6).map(fold).filter(bool)


@given(name=letters, beginning=letters)
def test_names_that_begin_so_have_such_a_token(name: str, beginning: str) -> None:
    first = facet("organisatie", 0, "name", name.partition(" ")[0])
    assert first[2] == FIRST_WORD
    ((token,),) = initials("organisatie", 0, (beginning,)).every
    met = first.startswith(token.text) if token.prefix else first == token.text
    assert met or not name.startswith(beginning)


def test_a_beginning_that_many_have_is_looked_for_in_the_rows_of_a_rare_word() -> None:
    many, rare, some = (Token("amany", True),), (Token("a@crare"),), (Token("asome", True),)
    lead, rest = _parted(Match((many, rare, some), (Token("anot"),)), [300_000, 2_000, 4_000, 400_000])
    assert lead == Match((rare, some), (Token("anot"),))
    assert rest == Match((many,))
