"""What is a command, and what is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.declaration import Command, Option, Registry
from bot.commands.grammar import typed_command, typed_message
from bot.errors import InvalidArgument


async def nothing(_context: object, _arguments: object) -> None: ...


HISTORY = Command(
    "history",
    "conversations",
    nothing,
    (
        Option("person", "whose", "person"),
        Option("words", "which"),
        Option("from", "since", "date"),
        Option("page", "page", "number"),
        Option("sort", "order", "choice", choices=(("new", "Newest"), ("old", "Oldest"))),
    ),
)
REGISTRY = Registry(
    (
        HISTORY,
        Command("help", "help", nothing),
        Command("admin setup", "set up", nothing),
        Command("history open", "open", nothing, typed=False),
    )
)


def person_of(word: str) -> str | None:
    return f"id:{word[1:]}" if word.startswith("@") else None


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("history", "history", {}),
        ("  History  ", "history", {}),
        ("history @ada", "history", {"person": "id:ada"}),
        ('history words:"late invoice" page:2', "history", {"words": "late invoice", "page": "2"}),
        ("history @ada from:2026-11-01", "history", {"person": "id:ada", "from": "2026-11-01"}),
        ("history FROM:2026-11-01", "history", {"from": "2026-11-01"}),
        ("admin setup", "admin setup", {}),
        ("Admin  Setup", "admin setup", {}),
        ("help", "help", {}),
    ],
)
def test_a_message_that_fits_the_grammar_as_a_whole_is_a_command(
    text: str, name: str, arguments: dict[str, str]
) -> None:
    typed = typed_message(text, REGISTRY, person_of)
    assert typed is not None
    assert (typed.command.name, typed.arguments) == (name, arguments)


@pytest.mark.parametrize(
    "text",
    [
        "history of the @ada project",
        "history @ada project",
        "history @ada @bela",
        "history of the boats",
        "history?",
        "help me",
        "admin",
        "setup",
        "history open",
        "history unknown:thing",
        "",
        "what is history",
        'history "late invoice"',
    ],
)
def test_everything_else_is_said(text: str) -> None:
    assert typed_message(text, REGISTRY, person_of) is None


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("history late invoice", {"words": "late invoice"}),
        ("history @ada late invoice page:3", {"person": "id:ada", "words": "late invoice", "page": "3"}),
        ('history "late invoice"', {"words": "late invoice"}),
        ("history unknown:thing", {"words": "unknown:thing"}),
    ],
)
def test_behind_a_slash_loose_words_are_looked_for(text: str, arguments: dict[str, str]) -> None:
    typed = typed_command(text, REGISTRY, person_of)
    assert typed is not None
    assert typed.arguments == arguments


def test_behind_a_slash_too_only_what_can_be_typed_is_found() -> None:
    assert typed_command("nonsense", REGISTRY, person_of) is None
    opened = typed_command("history open", REGISTRY, person_of)
    assert opened is not None
    assert opened.command is HISTORY  # words to look for, not the command of a button


@given(st.text(max_size=60))
def test_no_text_breaks_the_grammar(text: str) -> None:
    typed_message(text, REGISTRY, person_of)
    typed_message(f"history {text}", REGISTRY, person_of)
    typed_command(f"history {text}", REGISTRY, person_of)


@given(st.text(alphabet=st.characters(exclude_characters='"', exclude_categories=("Z", "C")), min_size=1, max_size=30))
def test_quoted_words_come_through_as_they_are(words: str) -> None:
    typed = typed_message(f'history words:"{words} and more"', REGISTRY, person_of)
    assert typed is not None
    assert typed.arguments["words"] == f"{words} and more"


@pytest.mark.parametrize(
    ("given_", "parameter"),
    [
        ({"page": "0"}, "page"),
        ({"page": "-1"}, "page"),
        ({"page": "\u0661"}, "page"),
        ({"page": "9" * 30}, "page"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"sort": "sideways"}, "sort"),
        ({"words": "x" * 201}, "words"),
        ({"nothing": "x"}, "nothing"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_a_sentence(given_: dict[str, str], parameter: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        HISTORY.read(given_)
    assert refused.value.parameter == parameter
    assert str(refused.value).endswith(".")


def test_what_is_needed_is_asked_for_and_blank_is_nothing() -> None:
    needed = Command("x", "x", nothing, (Option("word", "w", required=True),))
    for given_ in ({}, {"word": ""}, {"word": "  "}):
        with pytest.raises(InvalidArgument):
            needed.read(given_)
    assert needed.read({"word": " a "}) == {"word": "a"}


def test_a_command_that_no_platform_takes_cannot_be_declared() -> None:
    for name, description in (("x" * 33, "d"), ("x", "d" * 101), ("", "d"), ("x", "")):
        with pytest.raises(InvalidArgument):
            Command(name, description, nothing)
    with pytest.raises(InvalidArgument):
        Registry((HISTORY, HISTORY))
