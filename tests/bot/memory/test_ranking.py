import math
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import limits
from bot.memory.ranking import Corpus, most_promising, score, upper_bound

CORPUS = Corpus(messages=100, length=10.0, holding={"rare": 1, "some": 20, "common": 100})
TERMS = st.sampled_from(["rare", "some", "common", "unknown", "other"])
HOLDING = st.dictionaries(TERMS, st.lists(st.integers(0, 30), unique=True))


def test_the_score_is_that_of_the_formula() -> None:
    terms = ["some", "some", *["other"] * 18]  # twice the average length
    rarity = math.log(1 + (100 - 20 + 0.5) / (20 + 0.5))
    assert score(["some"], terms, CORPUS) == round(rarity * 2 / (2 + 1.2 * (0.25 + 0.75 * 2)), 9)


def test_a_rare_term_counts_more_than_a_common_one() -> None:
    query = ["rare", "common"]
    assert score(query, ["rare", "other"], CORPUS) > score(query, ["common", "other"], CORPUS) > 0


def test_a_term_more_often_and_a_message_shorter_count_more() -> None:
    once, twice = ["some", "other", "other"], ["some", "some", "other"]
    assert score(["some"], twice, CORPUS) > score(["some"], once, CORPUS)
    assert score(["some"], once, CORPUS) > score(["some"], [*once, "other"], CORPUS)


def test_a_message_without_any_of_the_terms_scores_nothing() -> None:
    assert score(["some"], ["other"], CORPUS) == score(["some"], [], CORPUS) == score([], ["some"], CORPUS) == 0


@pytest.mark.parametrize("corpus", [Corpus(0, 0.0, {}), Corpus(0, 0.0, {"some": 3}), Corpus(1, 0.5, {"some": 9})])
def test_counts_that_contradict_each_other_give_a_score_all_the_same(corpus: Corpus) -> None:
    assert 0 < score(["some"], ["some"], corpus) < upper_bound(["some"], corpus)


@given(st.lists(TERMS, unique=True), st.lists(TERMS), st.randoms(use_true_random=False))
def test_no_score_exceeds_its_upper_bound_and_no_order_changes_it(
    query: list[str], terms: list[str], chance: random.Random
) -> None:
    whole = score(query, terms, CORPUS)
    assert 0 <= whole <= upper_bound(set(query) & set(terms), CORPUS)
    chance.shuffle(query)
    chance.shuffle(terms)
    assert score(query, terms, CORPUS) == whole


@given(HOLDING, st.integers(0, 40))
def test_the_most_promising_are_those_of_the_highest_bound_and_then_the_newest(
    holding: dict[str, list[int]], limit: int
) -> None:
    every = {key for keys in holding.values() for key in keys}
    bounds = {key: upper_bound([term for term in holding if key in holding[term]], CORPUS) for key in every}
    expected = sorted(every, key=lambda key: (-bounds[key], -key))[:limit]
    assert most_promising(holding, CORPUS, limit) == expected
    assert most_promising(dict(reversed(holding.items())), CORPUS, limit) == expected


def test_the_most_promising_of_a_hundred_thousand_messages_are_found_at_once() -> None:
    chance = random.Random(1)
    shares = {"common": 0.9, "some": 0.3, "rare": 0.01}
    holding = {term: [key for key in range(100_000) if chance.random() < share] for term, share in shares.items()}
    corpus = Corpus(100_000, 20.0, {term: len(keys) for term, keys in holding.items()})
    started = time.process_time()
    best = most_promising(holding, corpus, limits.SEARCH_CANDIDATES)
    assert time.process_time() - started < 0.5  # some 10 ms; the rest is for a busy machine
    assert len(best) == limits.SEARCH_CANDIDATES
    assert set(best) <= set(holding["rare"])
