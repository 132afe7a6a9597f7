"""CommonMark becomes HTML of which every tag and every attribute is one of ours."""

from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from adapters.local.playground.words import MARKED_CHARACTERS, shown
from tests.web.payloads import PAYLOADS

_ALLOWED = {
    "a": {"href", "rel", "target", "title"},
    "code": {"class"}, "div": {"class", "tabindex", "role", "aria-label"}, "span": {"class"}, "p": {"class"},
    "ol": {"start"}, "td": {"class"}, "th": {"class"},
    **{tag: set() for tag in ("blockquote", "br", "em", "hr", "li", "pre", "s", "strong", "table", "tbody", "thead")},
    "tr": set(), "ul": set(),
}  # fmt: skip


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[dict[str, str | None]] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _ALLOWED or {name for name, _value in attrs} - _ALLOWED[tag]:
            self.wrong.append(f"{tag} {attrs}")
        if tag == "a":
            self.links.append(dict(attrs))

    def handle_comment(self, data: str) -> None:
        self.wrong.append(data)

    def handle_decl(self, decl: str) -> None:
        self.wrong.append(decl)

    def handle_pi(self, data: str) -> None:
        self.wrong.append(data)

    def unknown_decl(self, data: str) -> None:
        self.wrong.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


@pytest.mark.parametrize("breaks", [True, False])
def test_no_payload_becomes_a_tag_or_a_dangerous_link(breaks: bool) -> None:
    assert len(PAYLOADS) >= 60
    for payload in (*PAYLOADS, *(f"> - {one}" for one in PAYLOADS), "\n\n".join(PAYLOADS)):
        reader = read(shown(payload, breaks=breaks))
        assert reader.wrong == [], payload
        for link in reader.links:
            assert urlsplit(link["href"] or "").scheme in {"http", "https", "mailto"}, payload
            assert (link["rel"], link["target"]) == ("noopener noreferrer nofollow", "_blank")


def test_marks_are_shown_as_what_they_mean() -> None:
    html = shown("# Title\n\n**Bold** and [here](https://example.org)\n\n| a | b |\n|--|-:|\n| 1 | 2 |", breaks=False)
    assert '<p class="heading">Title</p>' in html
    assert "<strong>Bold</strong>" in html
    assert 'href="https://example.org"' in html
    assert '<td class="right">2</td>' in html
    assert "style=" not in html


def test_a_picture_is_its_text_and_is_not_loaded() -> None:
    html = shown("![A boat & more](https://evil.example/x.png)", breaks=False)
    assert html == '<p><span class="picture">A boat &amp; more</span></p>\n'
    assert "evil" not in html


def test_lines_end_where_people_ended_them() -> None:
    assert "<br" in shown("one\ntwo", breaks=True)
    assert "<br" not in shown("one\ntwo", breaks=False)


def test_a_very_long_text_is_shown_as_it_stands() -> None:
    text = "<b>[" * MARKED_CHARACTERS
    assert shown(text, breaks=True) == f'<p class="plain">{text.replace("<", "&lt;").replace(">", "&gt;")}</p>'
