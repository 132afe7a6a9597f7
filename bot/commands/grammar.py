"""Typed commands. Pure.

Two doors with one grammar: a slash command is surely meant as one, so that loose words are taken as its first text
option; an ordinary message counts as a command only when the whole of it fits ("history of the boats" is a question).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from bot.commands.declaration import Command, Registry

_TOKEN = re.compile(r"""([A-Za-z_]+):"([^"]*)"|([A-Za-z_]+):(\S+)|"([^"]*)"|(\S+)""")

#: Whom a mention names, by resource id; None for a word that is no mention.
PersonOf = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Typed:
    """A command as somebody typed it; its arguments are not checked yet."""

    command: Command
    arguments: dict[str, str]


def typed_message(text: str, registry: Registry, person_of: PersonOf) -> Typed | None:
    """The command that an ordinary message is, if the whole of it is one."""
    return _typed(text, registry, person_of, loose=False)


def typed_command(text: str, registry: Registry, person_of: PersonOf) -> Typed | None:
    """The command behind a slash; None where it names none."""
    return _typed(text, registry, person_of, loose=True)


def _typed(text: str, registry: Registry, person_of: PersonOf, *, loose: bool) -> Typed | None:
    words = text.split()
    for length in (2, 1):
        command = registry.find(" ".join(words[:length]).lower()) if len(words) >= length else None
        if command is not None and command.typed:
            arguments = _arguments(" ".join(words[length:]), command, person_of, loose=loose)
            return None if arguments is None else Typed(command, arguments)
    return None


def _arguments(text: str, command: Command, person_of: PersonOf, *, loose: bool) -> dict[str, str] | None:
    """What stands behind a command's name; None where some of it fits nowhere."""
    options = {option.name: option for option in command.options}
    takes_person = next((one.name for one in command.options if one.kind == "person"), None)
    takes_words = next((one.name for one in command.options if one.kind == "text"), None)
    found: dict[str, str] = {}
    words: list[str] = []
    for match in _TOKEN.finditer(text):
        quoted_name, quoted, name, value, quotation, word = match.groups()
        key = (quoted_name or name or "").lower()
        if key in options:
            given = quoted if quoted is not None else value
            named = person_of(given) if options[key].kind == "person" else None
            found[key] = named or given
        elif takes_person and takes_person not in found and word is not None and (person := person_of(word)):
            found[takes_person] = person
        elif loose and takes_words:
            words.append(quotation if quotation is not None else match.group(0))
        else:
            return None
    if words and takes_words:
        found[takes_words] = " ".join(words)
    return found
