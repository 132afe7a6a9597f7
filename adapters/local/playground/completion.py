"""What a command that somebody types may go on with. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.commands.declaration import Command, Option, Registry

#: Most suggestions at once.
_MOST = 12
_LAST_WORD = re.compile(r'(?:[a-z_]+:"[^"]*|\S*)$', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Completion:
    """One way to go on."""

    #: The whole text, if this is taken.
    text: str
    #: What is taken, and what it means.
    label: str
    hint: str


#: A person: her name behind an @, her shown name.
Person = tuple[str, str]


def completions(text: str, registry: Registry, people: Sequence[Person], roles: frozenset[str]) -> list[Completion]:
    """How a text that begins with a slash may go on.

    Args:
        text: as it stands before the cursor.
        registry: which commands there are.
        people: whom commands can be about.
        roles: what the typist is: commands of other roles are not offered to her.
    """
    if not text.startswith("/"):
        return []
    commands = [one for one in registry if one.typed and one.who in {"everyone", *roles}]
    typed = text[1:].lstrip()
    command = _named(typed, commands)
    if command is None:
        fitting = [one for one in commands if one.name.startswith(" ".join(typed.lower().split()))]
        return [Completion(f"/{one.name} ", f"/{one.name}", one.description) for one in fitting[:_MOST]]
    return list(_going_on(text, command, people))[:_MOST]


def _named(typed: str, commands: Iterable[Command]) -> Command | None:
    """The command whose name stands there whole, with a blank behind it."""
    words = typed.lower().split()
    for length in (2, 1):
        name = " ".join(words[:length])
        complete = len(words) > length or (len(words) == length and typed.endswith(" "))
        found = next((one for one in commands if one.name == name), None) if complete else None
        if found is not None:
            return found
    return None


def _going_on(text: str, command: Command, people: Sequence[Person]) -> Iterable[Completion]:
    match = _LAST_WORD.search(text)
    word = match.group() if match else ""
    before = text[: len(text) - len(word)]
    given = {name.lower() for name in re.findall(r"([A-Za-z_]+):", before)}
    name, colon, value = word.partition(":")
    option = next((one for one in command.options if one.name == name.lower()), None)
    if colon and option is not None:
        yield from _values(before, option, value.strip('"'), people)
        return
    takes_person = next((one for one in command.options if one.kind == "person"), None)
    if takes_person is not None and takes_person.name not in given and (word.startswith("@") or not word):
        yield from _persons(before, word.removeprefix("@"), takes_person.description, people)
    for one in command.options:
        if one.name.startswith(word.lower()) and one.name not in given and one.kind != "person":
            yield Completion(f"{before}{one.name}:", f"{one.name}:", _described(one))


def _values(before: str, option: Option, begun: str, people: Sequence[Person]) -> Iterable[Completion]:
    if option.kind == "choice":
        for value, label in option.choices:
            if value.lower().startswith(begun.lower()):
                written = f'"{value}"' if " " in value else value
                yield Completion(f"{before}{option.name}:{written} ", value, label)
    elif option.kind == "person":
        yield from _persons(before, begun.removeprefix("@"), option.description, people)


def _persons(before: str, begun: str, hint: str, people: Sequence[Person]) -> Iterable[Completion]:
    for name, shown_name in people:
        if name.startswith(begun.lower()) or shown_name.lower().startswith(begun.lower()):
            yield Completion(f"{before}@{name} ", f"@{name}", f"{shown_name} · {hint}")


def _described(option: Option) -> str:
    kinds = {"date": "a date such as 2026-11-22", "number": "a number", "choice": "one of a few"}
    more = [kinds[option.kind]] if option.kind in kinds else []
    return ", ".join([option.description, *more, *(["needed"] if option.required else [])])
