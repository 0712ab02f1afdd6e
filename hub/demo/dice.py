"""Chance that can be looked up: what is drawn for an item depends on the seed, its kind and its index alone."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from struct import Struct
from typing import TypeVar

T = TypeVar("T")
_WHERE = Struct("<QQ").pack
_DRAWS = Struct("<32H").unpack
SLOTS = 65536
"""Every draw is an integer from 0 up to here, exclusive."""


class Dice:
    """Thirty-two independent draws of sixteen bits for each (index, throw) of one kind of item.

    Each attribute of an item reads its own draw, so that a new attribute changes none of the others.
    """

    __slots__ = ("_key",)

    def __init__(self, seed: int, kind: str) -> None:
        self._key = blake2b(f"{seed}/{kind}".encode(), digest_size=32).digest()

    def throw(self, index: int, throw: int = 0) -> tuple[int, ...]:
        """The draws for item `index`; `throw` gives further independent sets."""
        return _DRAWS(blake2b(_WHERE(index, throw), digest_size=64, key=self._key).digest())


def chance(probability: float) -> int:
    """The threshold below which a draw means "yes" with this probability."""
    return round(probability * SLOTS)


def urn(weighted: Sequence[tuple[T, float]], size: int = 16384) -> tuple[T, ...]:
    """A tuple in which each value takes a part that fits its weight (largest remainder): a weighted choice is one index look-up."""
    total = sum(weight for _, weight in weighted)
    exact = [weight / total * size for _, weight in weighted]
    counts = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda place: counts[place] - exact[place])
    for place in by_remainder[: size - sum(counts)]:
        counts[place] += 1
    return tuple(value for (value, _), count in zip(weighted, counts, strict=True) for _ in range(count))
