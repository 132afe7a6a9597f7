"""CommonMark as HTML that is safe in a page: no raw HTML, no images, links to the web and to mail alone. Pure."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import Markup

#: Longer texts are shown as they are: reading their marks takes too long for a page that changes four times a second.
MARKED_CHARACTERS = 20_000
_SCHEMES = frozenset({"http", "https", "mailto"})
_ALIGNED = {"text-align:left": "left", "text-align:center": "center", "text-align:right": "right"}


def shown(text: str, *, breaks: bool) -> Markup:
    """A text as HTML.

    Args:
        text: CommonMark.
        breaks: whether a line's end is shown as one, as people expect who type a message.
    """
    if len(text) > MARKED_CHARACTERS:
        return Markup('<p class="plain">{}</p>').format(text)
    return _shown(text, breaks)


@lru_cache(maxsize=512)
def _shown(text: str, breaks: bool) -> Markup:  # noqa: FBT001 (a cache's key)
    return Markup((_LINES if breaks else _PROSE).render(text))  # noqa: S704 (each part is escaped by the renderer)


def _allowed(address: str) -> bool:
    try:
        return urlsplit(address).scheme.lower() in _SCHEMES
    except ValueError:
        return False


def _link(renderer: Any, tokens: Sequence[Token], index: int, options: Any, _env: Any) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    tokens[index].attrSet("target", "_blank")
    return str(renderer.renderToken(tokens, index, options, _env))


def _image(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    # Loading it would tell its server who reads this, and when.
    text = renderer.renderInlineAsText(tokens[index].children or [], options, env)
    return f'<span class="picture">{escapeHtml(text) or "picture"}</span>'


def _heading(_renderer: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    # The page's headings are the page's own.
    return '<p class="heading">' if tokens[index].nesting == 1 else "</p>\n"


def _table(_renderer: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    opens = tokens[index].nesting == 1
    return '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>' if opens else "</table></div>\n"


def _without_styles(state: StateCore) -> None:
    """Alignment as a class: the page's policy takes no styles in attributes."""
    for token in state.tokens:
        style = token.attrs.pop("style", None)
        if style in _ALIGNED:
            token.attrSet("class", _ALIGNED[str(style)])


def _engine(*, breaks: bool) -> MarkdownIt:
    engine = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": breaks})
    engine.enable(["table", "strikethrough"])
    setattr(engine, "validateLink", _allowed)  # noqa: B010 (its own way of being told; types do not allow it)
    engine.core.ruler.push("without_styles", _without_styles)
    engine.add_render_rule("link_open", _link)
    engine.add_render_rule("image", _image)
    for name, rule in (("heading", _heading), ("table", _table)):
        engine.add_render_rule(f"{name}_open", rule)
        engine.add_render_rule(f"{name}_close", rule)
    return engine


_PROSE, _LINES = _engine(breaks=False), _engine(breaks=True)
