# ruff: noqa: RUF001 (letters that look like others are what these tests are about)

import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import limits
from bot.memory import terms as module
from bot.memory.terms import PUNCTUATION, indexed_terms, query_terms, terms_of

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too
LATIN_WORDS = st.text(st.characters(max_codepoint=0x17F, categories=["Lu", "Ll"]), min_size=1)
MEGABYTE = limits.MESSAGE_BYTES
AS_LETTERS = str.maketrans("0123456789", "gilmnoprst")  # so that each number is a different word for the stemmer


def finds(query: str, text: str) -> bool:
    return bool(set(query_terms(query)) & set(indexed_terms(text)))


def may_stand_in_a_term(character: str) -> bool:
    if character.isascii():
        return character.islower() or character.isdigit() or character in PUNCTUATION
    return unicodedata.category(character)[0] in "LMN"


@given(ANY_TEXT)
def test_terms_of_any_text_hold_only_letters_digits_marks_and_the_listed_punctuation(text: str) -> None:
    for term in terms_of(text):
        assert 0 < len(term) <= limits.TERM_CHARACTERS
        assert all(map(may_stand_in_a_term, term)), ascii(term)
        assert term == term.casefold()


def test_every_character_of_unicode_gives_such_terms() -> None:
    everything = " ".join(map(chr, range(0x110000)))
    assert all(may_stand_in_a_term(character) for character in set("".join(terms_of(everything))))
    assert len(module._FOLDINGS) <= module._REMEMBERED


@given(ANY_TEXT)
def test_what_is_asked_is_different_terms_of_what_the_same_text_would_be_indexed_under(text: str) -> None:
    asked = query_terms(text)
    assert len(asked) == len(set(asked)) <= limits.QUERY_TERMS
    assert set(asked) <= set(terms_of(text))
    assert bool(asked) == bool(terms_of(text))


@given(LATIN_WORDS)
def test_case_and_composition_make_no_difference_to_a_latin_word(word: str) -> None:
    small = terms_of(word.lower())
    assert terms_of(word.upper()) == small
    assert terms_of(unicodedata.normalize("NFD", word.lower())) == small
    assert terms_of(unicodedata.normalize("NFC", word.lower())) == small


@given(st.lists(st.text(st.characters(categories=["L"]), min_size=1), min_size=1), st.data())
def test_every_word_of_letters_finds_the_text_that_it_stands_in(words: list[str], data: st.DataObject) -> None:
    word = data.draw(st.sampled_from(words))
    if terms_of(word):  # a modifier letter that stands for an apostrophe is no word by itself
        assert finds(word, " ".join(words))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("café", "cafe"),
        ("café", "CAFÉ"),
        ("café", "cafe\u0301"),
        ("straße", "STRASSE"),
        ("straße", "STRAẞE"),
        ("İstanbul", "istanbul"),
        ("ışık", "IŞIK"),
        ("Łódź", "lodz"),
        ("Ærøskøbing", "aeroskobing"),
        ("ｆｕｌｌ", "full"),
        ("Привет МИР", "привет мир"),
        ("ёлка", "елка"),
        ("Ελλάδα", "ΕΛΛΑΔΑ"),
        ("σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("مُحَمَّد", "محمد"),
        ("שָׁלוֹם", "שלום"),
        ("٤٢", "42"),
        ("x²", "x2"),
        ("soft\u00adhyphen", "softhyphen"),
        ("ｶﾞｰﾄﾞ", "ガード"),
        ("ガード", unicodedata.normalize("NFD", "ガード")),
        ("한국어", unicodedata.normalize("NFD", "한국어")),
        ("हिन्दी", unicodedata.normalize("NFD", "हिन्दी")),
        ("don't", "don’t"),
        ("connected", "Connections"),
    ],
)
def test_what_people_take_for_the_same_word_has_the_same_terms(text: str, same: str) -> None:
    assert sorted(terms_of(text)) == sorted(terms_of(same)) != []


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("ada@example.com", ["ada@example.com", "ada", "exampl", "com"]),
        ("<ada+news@example.com>", ["ada+news@example.com", "ada", "news", "exampl", "com"]),
        ("requested_capabilities", ["requested_capabilities", "request", "capabl"]),
        ("payment-intent", ["payment-intent", "payment", "intent"]),
        ("customer.created", ["customer.created", "custom", "creat"]),
        ("useState()", ["usest", "use", "state"]),
        ("HTTPServer", ["httpserver", "http", "server"]),
        ("IDs", ["id"]),
        ("https://example.com/a?b", ["https", "example.com", "exampl", "com", "a", "b"]),
        ("4,000.", ["4000", "4", "000"]),
        ("2019-05-16", ["2019-05-16", "2019", "05", "16"]),
        ("v 1.2.3", ["v", "1.2.3", "1", "2", "3"]),
        ("12:30", ["12:30", "12", "30"]),
        ("C++, C#", ["c++", "c", "c#", "c"]),
        (".NET", ["net"]),
        ("R&D", ["r&d", "r", "d"]),
        ("Ada's", ["ada"]),
        ("d'Artagnan", ["dartagnan", "artagnan"]),
        ("日本語", ["日", "日本", "本", "本語", "語"]),
        ("Python入門.pdf", ["python", "入", "入門", "門", "pdf"]),
        ("no, NO no", ["no", "no", "no"]),
        ("👍🏽 🎉 … — !", []),
        ("a\x00b \ud800 c", ["a", "b", "c"]),
    ],
)
def test_a_text_has_these_terms(text: str, terms: list[str]) -> None:
    assert terms_of(text) == terms


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("ada", "Write to ada@example.com, please."),
        ("ADA@example.com", "Write to ada@example.com, please."),
        ("example.com", "Write to ada@example.com, please."),
        ("usestate", "We call useState here."),
        ("state", "We call useState here."),
        ("useState", "the state of use"),
        ("capability", "see requested_capabilities"),
        ("payment intents", "a payment-intent"),
        ("4000", "It costs 4,000."),
        ("2019", "on 2019-05-16"),
        ("artagnan", "L’histoire de d’Artagnan"),
        ("c", "C++"),
    ],
)
def test_a_compound_is_found_whole_and_by_its_parts(query: str, text: str) -> None:
    assert finds(query, text)


@pytest.mark.parametrize("query", ["本", "日本", "日本語", "語学"])
def test_japanese_is_found_by_a_word_and_by_one_character(query: str) -> None:
    assert finds(query, "日本語学校")


def test_a_japanese_word_does_not_ask_for_its_single_characters() -> None:
    assert query_terms("日本語") == ["日本", "本語"]


def test_function_words_count_in_a_query_only_if_there_is_nothing_else() -> None:
    assert query_terms("What did I say about Lyon?") == ["say", "lyon"]
    assert query_terms("to be or not to be") == ["to", "be", "or", "not"]
    assert terms_of("the end") == ["the", "end"]


def test_a_long_query_asks_for_its_first_terms() -> None:
    words = [f"w{number}" for number in range(100)]
    assert query_terms(" ".join(words)) == words[: limits.QUERY_TERMS]


@pytest.mark.parametrize("word", ["b" * 1000, "ß" * 1000, "7" * 1000, "b" * 40 + "-" + "c" * 40])
def test_a_word_beyond_the_limit_is_cut_alike_in_text_and_query(word: str) -> None:
    assert terms_of(word)[0] == query_terms(word)[0]
    assert len(terms_of(word)[0]) == limits.TERM_CHARACTERS


def test_the_index_takes_the_first_different_terms_each_as_often_as_it_occurs() -> None:
    words = [f"w{number}" for number in range(limits.INDEXED_TERMS + 5)]
    text = " ".join([*words, words[0]])
    assert indexed_terms(text) == [*words[: limits.INDEXED_TERMS], words[0]]
    assert len(terms_of(text)) == len(words) + 1


@given(ANY_TEXT)
def test_a_text_of_usual_size_is_indexed_under_all_its_terms(text: str) -> None:
    assert indexed_terms(text) == terms_of(text)


def test_the_terms_of_the_longest_message_fit_into_a_tsvector() -> None:
    letters = "".join(map(chr, range(0x10428, 0x10450)))  # four bytes each
    words = (f"{letters[at % 40] * 20}{at:012}.{letters[at // 40 % 40] * 20}{at:012}" for at in range(5000))
    different = set(indexed_terms(" ".join(words)))
    assert sum(len(term.encode()) for term in different) < 1_048_575
    assert len(different) < limits.INDEXED_TERMS


@pytest.mark.parametrize(
    "text",
    [
        "a" * MEGABYTE,
        "aB" * (MEGABYTE // 2),
        "a." * (MEGABYTE // 2),
        "1," * (MEGABYTE // 2),
        "_" * MEGABYTE,
        "a+" * (MEGABYTE // 2),
        "'" * MEGABYTE,
        "the same line without an end " * (MEGABYTE // 29),
        "😀" * (MEGABYTE // 4),
        "日本語" * (MEGABYTE // 9),
        "a" + "\u0300\u0316" * (MEGABYTE // 4),
        "क" + "\u093c\u094d" * (MEGABYTE // 6),
        "か" + "\u3099" * (MEGABYTE // 3),
        "\ufdfa" * (MEGABYTE // 3),
        " ".join(f"{number:06}".translate(AS_LETTERS) for number in range(150_000)),
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_a_megabyte_of_anything_takes_no_more_than_two_seconds(text: str) -> None:
    started = time.process_time()
    indexed_terms(text)
    assert time.process_time() - started < 2


def test_eight_threads_get_the_terms_that_one_gets() -> None:
    endings = ["ing", "ed", "ions", "fulness", "ities", "ational", "izer", "ously"]
    texts = [" ".join(f"{'bcdfghklmn'[at % 10]}onnect{ending}{at}" for ending in endings) for at in range(200)]
    texts += [text.translate(AS_LETTERS) for text in texts]
    expected = [terms_of(text) for text in texts]
    module._remembered_terms.cache_clear()
    module._stem.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(terms_of, texts)) == expected
