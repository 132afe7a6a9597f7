"""Makes HTML of what a page shows. Whatever comes from outside is escaped by the templates, or by `words.shown`."""

from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from zlib import crc32

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
_UNVERSIONED = 'data-version=""'
_KILO = 1024

environment = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip


def render(template: str, **values: Any) -> str:
    """A template with its values."""
    return environment.get_template(template).render(**values)


def piece(template: str, **values: Any) -> Markup:
    """A piece of a page that changes for itself: its outermost element says which version it is."""
    html = render(template, **values)
    version = sha256(html.encode(errors="replace")).hexdigest()[:12]
    # The outermost element comes first, before any text from outside.
    return Markup(html.replace(_UNVERSIONED, f'data-version="{version}"', 1).strip())  # noqa: S704 (rendered with escaping)


def place_path(person: str, channel: str) -> str:
    """The address of a channel, as a person sees it."""
    return f"/as/{quote(person, safe='')}/in/{quote(channel, safe='@')}"


def place_url(person: str, channel: str, **query: object) -> str:
    """The address of a page of a channel; what is empty is left out."""
    given = {name: value for name, value in query.items() if value not in {"", None}}
    return place_path(person, channel) + (f"?{urlencode(given)}" if given else "")


def post_path(person: str, post_id: str) -> str:
    """Where what is done to a post is sent to."""
    return f"/as/{quote(person, safe='')}/posts/{quote(post_id, safe='')}"


def size_shown(size: int) -> str:
    """A size in bytes, for people."""
    if size < _KILO:
        return f"{size} bytes"
    return f"{size / _KILO:.0f} KB" if size < _KILO * _KILO else f"{size / _KILO / _KILO:.1f} MB"


def initials(name: str) -> str:
    """One or two letters for a name."""
    words = [word for word in name.split() if word[0].isalnum()] or ["?"]
    return "".join(word[0] for word in (words[0], *words[1:][-1:])).upper()


def hue(name: str) -> int:
    """One of six colours for a name, always the same."""
    return crc32(name.encode(errors="replace")) % 6


environment.globals.update(
    place_url=place_url, place_path=place_path, post_path=post_path, size_shown=size_shown, initials=initials, hue=hue,
)  # fmt: skip


def page_title(parts: tuple[str, ...]) -> str:
    """A page's title, the most particular first."""
    return " · ".join(part for part in (*parts, "Playground") if part)
