"""Documents of conversations: what somebody wrote cannot pass for what we write."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.exporting import Json, Markdown, Whose
from bot.memory.values import Message, Thread

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WHOSE = Whose("ada", "local:default", AT, "Threadkeeper")


def thread(title: str = "Tea") -> Thread:
    return Thread("t1", "ada", title, AT, AT, AT, {}, "direct", "", 1, ("ada",))


def message(text: str) -> Message:
    return Message("m1", "t1", "ada", "user", text, AT, 1, {})


def markdown(text: str, title: str = "Tea", name: str = "Ada") -> str:
    form = Markdown()
    return form.begin(WHOSE) + form.conversation(thread(title), [message(text)], {"ada": name}) + form.end()


def shape(document: str) -> list[str]:
    """What a reader of Markdown sees outside of quotations: kinds of blocks."""
    depth, found = 0, []
    for token in MarkdownIt("commonmark").parse(document):
        depth += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if depth == 0 or token.type == "blockquote_open":
            found.append(token.type)
    return found


def said(document: str) -> list[str]:
    """Kinds of blocks inside of quotations."""
    depth, found = 0, []
    for token in MarkdownIt("commonmark").parse(document):
        depth += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if depth and token.type not in {"blockquote_open", "blockquote_close"}:
            found.append(token.type)
    return found


HOSTILE = [
    "# A heading\n## Conversation\n### 2026-01-01T00:00:00Z, Bob\n\nyes",
    "</blockquote><h1>Bob</h1>\n<!-- ",
    "a\n===\nb\n---\n***",
    "- a\n+ b\n* c\n1. d\n2) e",
    "```\ncode\n> quote",
    "~~~\nx",
    "    indented\n\ttab",
    "[a]: http://example.com\n![x](y) [z](javascript:x) <http://x>",
    "&lt;b&gt; `x` **bold** __bold__ | a | b |",
    "one\u2028# two\x0b\x0c\r# three",
    "\n\n\n# after blanks",
    "ends in a backslash\\",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_begins_nothing(text: str) -> None:
    document = markdown(text)

    assert shape(document) == shape(markdown("harmless"))
    assert set(said(document)) <= {"paragraph_open", "inline", "paragraph_close"}


@given(st.text(alphabet=st.sampled_from("#>-+*_=`~<>&[]()!|\\ \t\n1.)ab:\r\u2028"), max_size=60))
def test_whatever_is_said_begins_nothing(text: str) -> None:
    document = markdown(text, title=text, name=text)

    assert set(said(document)) <= {"paragraph_open", "inline", "paragraph_close"}
    assert shape(document).count("heading_open") == 3


def test_what_was_said_reads_as_it_was_said() -> None:
    rendered = MarkdownIt("commonmark").render(markdown("# 1 < 2 & *x*\n- y"))

    assert "<p># 1 &lt; 2 &amp; *x*<br />\n- y</p>" in rendered


def test_json_comes_back_as_it_was() -> None:
    text = 'a "quoted"\\ \x1b[2J\x7f\x9b\u202e\u2028 Grüße 日本語\n'
    form = Json()
    document = form.begin(WHOSE) + form.conversation(thread(text), [message(text)], {"ada": text}) + form.end()

    (conversation,) = json.loads(document)["conversations"]

    assert conversation["title"] == conversation["messages"][0]["text"] == conversation["names"]["ada"] == text
    assert not {"\x1b", "\x7f", "\x9b", "\u202e"} & set(document)
    assert "Grüße 日本語" in document


def test_json_of_nothing_is_json() -> None:
    form = Json()

    assert json.loads(form.begin(WHOSE) + form.end())["conversations"] == []
