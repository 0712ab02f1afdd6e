"""What the text and the criteria of a query ask of one type: of the full text, and of conditions that are judged besides."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Final

from hub.model.folding import MAX_WORD, fold
from hub.model.query import Criterion, Linked, Query
from hub.search.conditions import (
    Condition,
    HasLetters,
    HasPeriod,
    IsEntity,
    IsNameless,
    LastChanged,
)
from hub.search.coverage import of_nothing, umbrella_values
from hub.search.lens import Lens
from hub.search.match import (
    Alternatives,
    called,
    facets,
    lettered,
    letters_of,
    postcodes_holding,
    present,
    word,
)
from hub.search.shown import HasWords, IsAvailable, IsShown, IsSpelled, some_ran_out
from hub.search.words_told import heads, texts_holding, words_sounding
from hub.store.index_tokens import LATER_WORD, NAME_WORDS

_MOST_ALTERNATIVES = 300
"""More words than these are not asked for beside others that are rarer."""
_MOST_TEXTS = 8_000
"""When more texts than these hold some letters, so do many entries, which are met soon."""


@dataclass(slots=True)
class Demands:
    """What is asked of a type so far: what the index must and must not have, what is judged besides, and whether nothing can be meant."""

    lens: Lens
    holding: dict[Criterion, _Held]
    every: list[Alternatives]
    none: list[Alternatives] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    spelled: list[Condition] = field(default_factory=list)
    nothing: bool = False

    def demand(self, asked: Alternatives) -> None:
        """One of these must be met; of none there is nothing."""
        if asked:
            self.every.append(asked)
        else:
            self.nothing = True

    def judge(self, criterion: Criterion) -> Criterion | None:
        """Note what the index cannot tell of a criterion. The answer: what it can be asked all the same, or None where that leads nowhere."""
        lens, covered = self.lens, self.lens.covers(criterion.key)
        if covered == "none":
            self.nothing = self.nothing or not of_nothing(criterion)
            return None
        if criterion.op == "exact":
            self.spelled.append(IsSpelled(lens, criterion))
            if criterion.negate:
                return None
            values = tuple(sorted({fold(value) for value in criterion.values}))
            criterion = replace(criterion, values=values, op="whole" if criterion.key == "name" else "eq")
        if covered == "part":
            asked = () if criterion.op in ("contains", "whole", "sounds") else _facets(criterion, lens)
            self.conditions.append(IsShown(lens, criterion, asked))
            if criterion.negate != (criterion.op == "missing"):
                return None  # what has a hidden value only must be met as well, so the index cannot lead
        elif criterion.key == "availability" and criterion.op == "eq":
            return self._judge_availability(criterion)
        return criterion

    def _judge_availability(self, criterion: Criterion) -> Criterion | None:
        fields = sorted({value.partition("|")[0] for value in criterion.values})
        if not some_ran_out(self.lens, fields):
            return criterion
        self.conditions.append(IsAvailable(self.lens, criterion, _facets(criterion, self.lens)))
        if criterion.negate:
            return None
        any_value = tuple(f"{name}|{value}" for name in fields for value in ("yes", "no", "unknown"))
        return replace(criterion, values=any_value)  # leads to what the condition judges

    def look(self, criterion: Criterion) -> None:
        """Ask the index, or a table of its own."""
        lens = self.lens
        if criterion.key in ("id", "fiche"):
            self.conditions.append(IsEntity(lens, criterion))
        elif criterion.key == "updated":
            self.conditions.append(LastChanged(lens, criterion))
        elif criterion.key == "umbrella":
            self._look_for_umbrellas(umbrella_values(criterion))
        elif criterion.op == "contains":
            held = self.holding.get(criterion)
            if held is None or not held.exact:
                self.conditions.append(HasLetters(lens, criterion))
        elif criterion.key == "period" and criterion.op == "eq":
            self.conditions.append(HasPeriod(lens, criterion))
        elif criterion.negate != (criterion.op == "missing"):
            self.none.append(_facets(criterion, lens))
            if criterion.key == "name" and criterion.op == "missing":
                self.conditions.append(IsNameless(lens))
        else:
            self.demand(_facets(criterion, lens))

    def _look_for_umbrellas(self, values: Collection[str]) -> None:
        """Ask for what is an umbrella organisation to the asker, for what is none, or for both."""
        if not values:
            self.nothing = True
        elif len(values) == 1:
            self.demand(facets(self.lens.type, self.lens.rank, "umbrella", values))
            if "no" in values:  # which is also said of what others do not see to be one
                self.none.append(facets(self.lens.type, self.lens.rank, "umbrella", ("yes",)))


def demands_of(query: Query, lens: Lens) -> Demands:
    """What the text and the criteria of a query ask; links, distance and moments are not among them."""
    asked = Demands(lens, _holding(query, lens), [word(lens.type, lens.rank, each) for each in query.text.split()])
    if asked.every and lens.fields is not None:
        asked.conditions.append(HasWords(lens, tuple(asked.every)))
    for criterion in query.where:
        led = asked.judge(criterion)
        if led is not None:
            asked.look(led)
    for held in asked.holding.values():
        asked.demand(held.tokens)
    return asked


_PERSON: Final = frozenset({"name", "family", "given", "identifier"})
"""Keys of a zorgverlener whose tokens stand in the rows of his places in offers as well."""


def told_here(linked: Linked, lens: Lens) -> list[Alternatives]:
    """What must stand in an entity's own row for the other end of a link to meet its query, so that the full text leads to few whose other ends are looked at.

    A caregiver's row has the names and the numbers of the zorgverlener. Of what a partner sees otherwise, or sees only in part, nothing is told.
    """
    wanted = (lens.type, linked.link, linked.query.types) == ("caregiver", "zorgverlener", ("zorgverlener",))
    if not wanted or linked.negate or linked.reverse or lens.partner or lens.fields is not None:
        return []
    asked = [_facets(each, lens) for each in linked.query.where if each.key in _PERSON and each.op in ("eq", "prefix", "sounds") and not each.negate]
    return [tokens for tokens in asked if tokens]


def _facets(criterion: Criterion, lens: Lens) -> Alternatives:
    if criterion.op == "missing":
        return present(lens.type, lens.rank, criterion.key)
    if criterion.op == "whole":
        return called(lens.type, lens.rank, criterion.values)
    if criterion.op == "sounds":
        return lettered(lens.type, lens.rank, words_sounding(lens, criterion.values))
    values: list[str] = []
    for value in criterion.values:
        if criterion.key in ("code", "type", "identifier") and value.startswith("|"):
            values += [head + value for head in heads(lens, "code" if criterion.key == "type" else criterion.key)]
        elif criterion.key == "municipality" and criterion.op == "eq":
            values.append(lens.current_municipality(value))
        elif value.startswith("municipality|"):
            values.append("municipality|" + lens.current_municipality(value.partition("|")[2]))
        else:
            values.append(value)
    return facets(lens.type, lens.rank, criterion.key, values, prefix=criterion.op == "prefix")


@dataclass(frozen=True, slots=True)
class _Held:
    """What the full text can say of texts that hold letters somewhere: that they have one of these tokens. `exact`: and whatever has one holds them."""

    tokens: Alternatives
    exact: bool


def _holding(query: Query, lens: Lens) -> dict[Criterion, _Held]:
    """The criteria of which the full text can say so. Of several, those with very many tokens are left to be checked."""
    found = {
        each: held
        for each in query.where
        if each.op == "contains" and not each.negate and lens.covers(each.key) != "none"
        if (held := _held(each, lens)) is not None
    }
    rarest = min(found, key=lambda each: len(found[each].tokens), default=None)
    return {each: held for each, held in found.items() if each is rarest or len(held.tokens) <= _MOST_ALTERNATIVES}


def _held(criterion: Criterion, lens: Lens) -> _Held | None:
    letters, asked = letters_of(criterion.key), criterion.values
    if criterion.key == "name":  # a name holds several words only if one of its own holds the longest of them
        letters, asked = NAME_WORDS, tuple(max(value.split(" "), key=len) for value in asked)
    texts = texts_holding(lens, letters, asked, _MOST_TEXTS)
    if texts is None:
        return None
    if criterion.key == "name":
        # Most names are told by a word behind the first, so these stand first: PostgreSQL looks no further than the word that is there.
        texts.sort(key=lambda text: text[0] != LATER_WORD)
        tokens = lettered(lens.type, lens.rank, texts)
        return _Held(tokens, asked == criterion.values and all(len(text) < MAX_WORD for _, text in texts))
    held = [(letter, text) for letter, text in texts if any(one in text for one in asked)]
    found = lettered(lens.type, lens.rank, held)
    return _Held((*found, *postcodes_holding(lens.type, lens.rank, criterion.key, asked)), True)
