"""One tokenizer for both engines: the terms under which a text is found, in SQLite and PostgreSQL alike.

A text becomes terms in the same way when it is indexed and when it is asked for:

* Letters lose their case and accents (Café, CAFE: `cafe`; Straße, STRASSE: `strass`); English words become stems.
* `ada@example.com`, `payment-intent`, `customer.created`, `2019-05-16` and `1.2.3` give the whole and its parts;
  `useState` gives `usest` (as `usestate` does), `use` and `state`; `4,000` gives `4000`, `4` and `000`.
* An apostrophe leaves no trace: `Ada's` is `ada`, `don't` is `dont`, `d'Artagnan` is `dartagnan` and `artagnan`.
* Scripts that put no space between words give single characters and pairs: 日本語 is 日, 日本, 本, 本語, 語.
* `C++`, `C#` and `R&D` are found as such and in parts; `.NET` is just `net`. Emoji and other symbols are no terms.

Terms hold small letters, digits, the marks of letters and the characters of `PUNCTUATION`; nothing else. SQLite's
`ascii` tokenizer with these as its `tokenchars` therefore takes terms, joined by spaces, as they are.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Literal

from bot import limits

#: The ASCII punctuation that a term can hold.
PUNCTUATION = "#&+-.:@_"

#: Most pieces, stems and characters of earlier texts that are remembered, and the longest such piece, in characters.
_REMEMBERED = 65_536
_REMEMBERED_LENGTH = 128

# Thai, Lao, Burmese, Hangul, Khmer, kana and Han, which put no space between words (or, Korean, hang endings on them).
_UNSPACED = "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7ff\U00020000-\U0003ffff]"
# Every other letter and digit: signs beyond ASCII are gone before this is asked.
_SPACED = (
    "[0-9A-Za-z\x80-\u0dff\u0f00-\u0fff\u10a0-\u10ff\u1200-\u177f\u1800-\u2e7f\ua000-\uabff"
    "\ud800-\U0001ffff\U00040000-\U0010ffff]"
)
_JOINT = "(?:_+|[-.@+&']|(?<=[0-9])[,:](?=[0-9]))"
# Letters and joints share no character, so a text can match in one way only and the time is linear.
_PIECES = re.compile(rf"{_SPACED}+(?:{_JOINT}{_SPACED}+)*(?:\+\+|#(?!{_SPACED}))?|{_UNSPACED}+")
_STARTS_UNSPACED = re.compile(_UNSPACED).match
_BETWEEN_PARTS = re.compile("[-_.@+&,:#]+")
_CLITIC = re.compile("'(?:s|d|m|ll|re|ve)$", re.IGNORECASE)
# The second kind asks for two small letters: the plurals in "IDs" and "URLs" are no words of their own.
_HUMP = re.compile("(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
# Kana beside a voicing mark, or the letters of a Hangul syllable one by one: the file names of a Mac have them.
_LOOSE = re.compile("[\u3041-\u30fd][\u3099\u309a]|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?")

# Unicode's combining classes of accents: 1 strikes through; 10 to 36 are Hebrew points and Arabic vowels, which are
# seldom written; from 200 on a mark stands around a letter. The rest tells words apart: Indic vowels, Thai tones.
_ACCENTS = frozenset({1, *range(10, 37), *range(200, 256)})
_SELECTORS = frozenset(map(chr, (0x34F, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
_LOOKALIKES = dict.fromkeys("\u2018\u2019\u02bb\u02bc", "'") | {"\u2010": "-", "\u200b": " "}
# Letters whose stroke is no accent to Unicode, though it is to whoever types without it; U+0131 is the dotless i.
_STROKES = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "\u0131": "i", "þ": "th"}
)

_STOP_WORDS = """a about am an and any are arent as at be been but by can cant could did didnt do does doesnt dont for
from had has have he her his how i if im in into is isnt it its me my no not of on or our she should so some than that
the their them then there these they this to us was wasnt we were what when where which who why will with wont would
you your"""


def terms_of(text: str) -> list[str]:
    """The terms of a text in their order; one that occurs again stands there again."""
    return [term for piece in _pieces(text) for term in _piece_terms(piece)]


def indexed_terms(text: str) -> list[str]:
    """The terms of a text that go into its index: of the different ones, the first that there is room for.

    For all but enormous texts these are `terms_of` it. Pieces that first occur after the room is full are not looked
    into, for to stem a megabyte of different words would take seconds.
    """
    pieces = _pieces(text)
    size = sum(map(len, pieces))
    # No character makes more than two terms, nor are all of them together longer than a few times the text.
    if 2 * size <= limits.INDEXED_TERMS and 32 * size <= limits.INDEXED_BYTES:
        return [term for piece in pieces for term in _piece_terms(piece)]
    looked_into: dict[str, tuple[str, ...]] = {}
    different: dict[str, None] = {}
    for piece in dict.fromkeys(pieces):
        looked_into[piece] = _piece_terms(piece)
        different.update(dict.fromkeys(looked_into[piece]))
        if len(different) >= limits.INDEXED_TERMS:
            break
    kept = _with_room(different)
    return [term for piece in pieces for term in looked_into.get(piece, ()) if term in kept]


def query_terms(query: str) -> list[str]:
    """The different terms that a query asks for; if they are too many, the first.

    Any of them finds a text and the rarest counts most, so that `ada@example.com` finds the address first and then
    whatever speaks of Ada. English function words count only in a query of nothing else.
    """
    asked = list(dict.fromkeys(term for piece in _pieces(query) for term in _asked_terms(piece)))
    telling = [term for term in asked if term not in _stop_terms()]
    return (telling or asked)[: limits.QUERY_TERMS]


def _with_room(terms: Iterable[str]) -> set[str]:
    kept: set[str] = set()
    room = limits.INDEXED_BYTES
    for term in terms:
        room -= len(term.encode())
        if room < 0 or len(kept) == limits.INDEXED_TERMS:
            break
        kept.add(term)
    return kept


@cache
def _stop_terms() -> frozenset[str]:
    return frozenset(map(_term, _STOP_WORDS.split()))


def _pieces(text: str) -> list[str]:
    """The words, compounds and unspaced runs of a text, without accents and still in upper and lower case."""
    if not text.isascii():
        text = text.translate(_FOLDINGS)
        text = _LOOSE.sub(lambda loose: unicodedata.normalize("NFC", loose[0]), text)
    return _PIECES.findall(text)


class _Foldings(dict[int, str]):
    """What takes the place of each character before words are sought, found when it first occurs.

    One character at a time and never a whole text: to put a long row of marks into Unicode's order takes quadratic
    time, and anybody may send one.
    """

    def __missing__(self, code: int) -> str:
        # Kana and Hangul stay composed, as half a character has no meaning in a pair.
        form: Literal["NFKC", "NFKD"] = "NFKC" if "\u3040" <= chr(code) <= "\ud7ff" else "NFKD"
        folding = "".join(map(_folding, unicodedata.normalize(form, chr(code))))
        if len(self) >= _REMEMBERED:  # a text of every character there is must not slow down all later ones
            self.clear()
        self[code] = folding
        return folding


_FOLDINGS = _Foldings()


def _folding(character: str) -> str:
    """A decomposed character itself if it can belong to a word, nothing if it is an accent, else a space."""
    category = unicodedata.category(character)
    if character.isascii():
        return character
    if character in _LOOKALIKES:
        return _LOOKALIKES[character]
    if category == "Nd":
        return str(unicodedata.decimal(character))
    # Cf: soft hyphens and joiners inside words. Me: the frame of a keycap.
    if category in {"Cf", "Me"} or unicodedata.combining(character) in _ACCENTS or character in _SELECTORS:
        return ""
    return character if category[0] in "LMN" else " "


def _terms(piece: str) -> tuple[str, ...]:
    """The terms of one piece: the whole first, then its parts."""
    if _STARTS_UNSPACED(piece):
        return tuple(piece[at : at + size] for at in range(len(piece)) for size in (1, 2))[:-1]
    piece = _CLITIC.sub("", piece)
    parts = [part for part in _BETWEEN_PARTS.split(piece) if part]
    words = [word for part in parts for word in (part, *_words_inside(part))]
    whole = [] if parts == [piece] else [_cut(piece)]
    return (*whole, *map(_term, words))


_remembered_terms = lru_cache(_REMEMBERED)(_terms)


def _piece_terms(piece: str) -> tuple[str, ...]:
    return _remembered_terms(piece) if len(piece) <= _REMEMBERED_LENGTH else _terms(piece)


def _asked_terms(piece: str) -> Sequence[str]:
    """What a query asks for with one piece: of an unspaced run only the pairs, as its single characters are common."""
    terms = _piece_terms(piece)
    return terms[1::2] if len(piece) > 1 and _STARTS_UNSPACED(piece) else terms


def _words_inside(word: str) -> list[str]:
    """Words within a word: `use` and `State` in useState, `Artagnan` in d'Artagnan; a single letter is none."""
    humps = _HUMP.split(word[: limits.TERM_CHARACTERS]) if word.isascii() and word.isalpha() else []
    inside = humps if len(humps) > 1 else word.split("'")[1:]
    return [part for part in inside if len(part) > 1]


def _term(word: str) -> str:
    term = _cut(word)
    return _stem(term) if term.isascii() and term.isalpha() else term


def _cut(text: str) -> str:
    """A word or compound as a term spells it, at its greatest length."""
    text = text.replace("'", "").replace(",", "")[: limits.TERM_CHARACTERS].casefold()
    return text.translate(_STROKES)[: limits.TERM_CHARACTERS]


@lru_cache(_REMEMBERED)
def _stem(word: str) -> str:
    # Imported late: it loads thirty languages in 0.2 seconds, for which no command that searches nothing should wait.
    # Made anew each time: a stemmer keeps its state in itself, so threads must not share one, and a new one is cheap.
    from snowballstemmer.english_stemmer import EnglishStemmer  # noqa: PLC0415

    stem: str = EnglishStemmer().stemWord(word)
    return stem
