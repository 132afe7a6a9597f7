"""The fence around stored text in a prompt: data with its author named, none of which can close its fence. Pure.

Words of people, names, titles and tool results all come from outside. Inside a fence `&`, `<` and `>` stand escaped, so
that whatever somebody wrote, the next real `<` is ours.
"""

from collections.abc import Mapping
from html import escape


def fenced(kind: str, text: str, attributes: Mapping[str, str]) -> str:
    """`text` inside `<kind name="value">…</kind>`, escaped."""
    named = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items() if value)
    return f"<{kind}{named}>{escape(text, quote=False)}</{kind}>"
