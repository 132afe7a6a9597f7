"""How well a message answers a query: BM25 over what the search's scope holds.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), equation 3.15, with the usual
constants. Both engines only find messages; this ranks them, so the same messages come in the same order from either.
Weights are summed exactly and rounded, so that no order of terms shows in the last digits.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

#: How soon the repetition of a term stops counting.
_SATURATION = 1.2
#: How much a message's length counts against it, from 0 to 1.
_LENGTH_WEIGHT = 0.75
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Corpus:
    """What a search's scope holds. Its numbers come from the scope alone: others' messages never move a rank."""

    messages: int
    #: Terms per message, on average.
    length: float
    #: How many of the messages hold each term of the query.
    holding: Mapping[str, int]


def score(query: Sequence[str], terms: Sequence[str], corpus: Corpus) -> float:
    """How well a message of these terms answers a query of those; 0 if it holds none of them."""
    relative_length = len(terms) / corpus.length if corpus.length > 0 else 1.0
    halved_at = _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * relative_length)
    # A query has few terms, a message many: to count those few is several times faster than to count all.
    times = ((term, terms.count(term)) for term in dict.fromkeys(query))
    weights = (_rarity(term, corpus) * many / (many + halved_at) for term, many in times if many)
    return round(math.fsum(weights), _DIGITS)


def upper_bound(matching_terms: Iterable[str], corpus: Corpus) -> float:
    """What the score of a message that holds these terms of a query stays under, however often it holds them."""
    return round(math.fsum(_rarity(term, corpus) for term in matching_terms), _DIGITS)


def most_promising(holding: Mapping[str, Iterable[int]], corpus: Corpus, limit: int) -> list[int]:
    """The keys of the messages with the highest upper bounds, the highest first and among equals the newest first.

    Args:
        holding: for each term of a query, the keys of the messages that hold it; a newer message has a higher key.
        corpus: the scope that the messages come from.
        limit: how many keys to return at most.
    """
    by_bound: defaultdict[float, list[int]] = defaultdict(list)
    for terms, keys in _by_terms(holding).items():
        by_bound[upper_bound(terms, corpus)] += keys
    chosen: list[int] = []
    for bound in sorted(by_bound, reverse=True):
        chosen += sorted(by_bound[bound], reverse=True)[: limit - len(chosen)]
        if len(chosen) >= limit:
            break
    return chosen


def _by_terms(holding: Mapping[str, Iterable[int]]) -> dict[tuple[str, ...], set[int]]:
    """The keys, grouped by which terms they hold: each term parts every group into those with and without it.

    Sets do in a few steps what would be a step for every key, and a bound is then worked out once for a group.
    """
    groups: dict[tuple[str, ...], set[int]] = {}
    for term, keys in holding.items():
        new = set(keys)
        for terms, members in list(groups.items()):
            if both := members & new:
                members.difference_update(both)
                new.difference_update(both)
                groups[*terms, term] = both
        groups[term,] = new
    return groups


def _rarity(term: str, corpus: Corpus) -> float:
    return _inverse_frequency(corpus.messages, corpus.holding.get(term, 0))


@lru_cache(maxsize=256)
def _inverse_frequency(messages: int, holding: int) -> float:
    """The inverse document frequency, with 1 added inside so that a term in every message still counts a little.

    A message that is saved between two counts can make a term's number the larger one; the scope is at least that.
    """
    messages = max(messages, holding)
    return math.log(1 + (messages - holding + 0.5) / (holding + 0.5))
