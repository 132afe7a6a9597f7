"""What a command is. From this one declaration come menus, forms, parsers, help and permissions. Pure."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from bot.errors import InvalidArgument

Who = Literal["everyone", "supervisor", "admin"]
#: How a value is chosen and checked; `person` is a resource id, `date` an ISO date.
OptionKind = Literal["text", "person", "date", "number", "choice"]

#: Slack's and Discord's limits on what describes a command, the narrower of each.
_NAME_CHARACTERS, _DESCRIPTION_CHARACTERS, _CHOICES = 32, 100, 25


@dataclass(frozen=True, slots=True)
class Option:
    """One value that a command takes."""

    name: str
    description: str
    kind: OptionKind = "text"
    required: bool = False
    #: For a choice: (value, label).
    choices: tuple[tuple[str, str], ...] = ()
    most_characters: int = 200

    def read(self, value: str) -> Any:
        """A given value as the command takes it.

        Raises:
            InvalidArgument: it cannot be one.
        """
        if len(value) > self.most_characters:
            raise InvalidArgument(self.name, f"{self.name} may have at most {self.most_characters} characters.")
        if self.kind == "number":
            if not value.isascii() or not value.isdecimal() or not 0 < int(value) <= 1_000_000:  # noqa: PLR2004
                raise InvalidArgument(self.name, f"{self.name} must be a number from 1 to 1,000,000.")
            return int(value)
        if self.kind == "date":
            try:
                return date.fromisoformat(value)
            except ValueError:
                raise InvalidArgument(self.name, f"{self.name} must be a date such as 2026-11-22.") from None
        if self.kind == "choice" and value not in {choice for choice, _label in self.choices}:
            known = ", ".join(choice for choice, _label in self.choices)
            raise InvalidArgument(self.name, f"{self.name} must be one of: {known}.")
        return value


@dataclass(frozen=True, slots=True)
class Command:
    """Something that people can ask the bot to do.

    `run` takes the context (`bot.commands.context.Context`) and the arguments, checked and read: each option that was
    given, and nothing else.
    """

    #: One word, or a group and a word: `history`, `admin setup`.
    name: str
    description: str
    run: Callable[[Any, Mapping[str, Any]], Awaitable[None]]
    options: tuple[Option, ...] = ()
    #: Answered so that the asker alone sees it. Platforms must know this before the command runs.
    private: bool = True
    who: Who = "everyone"
    #: Whether it can be typed; otherwise buttons and forms alone lead to it.
    typed: bool = True

    def __post_init__(self) -> None:
        texts = ((self.name, _NAME_CHARACTERS), (self.description, _DESCRIPTION_CHARACTERS))
        options = [(one.description, _DESCRIPTION_CHARACTERS) for one in self.options]
        too_long = [text for text, most in (*texts, *options) if not 0 < len(text) <= most]
        if too_long or len(self.options) > _CHOICES or any(len(one.choices) > _CHOICES for one in self.options):
            raise InvalidArgument("name", f"{self.name}: no platform takes this declaration.")

    def read(self, given: Mapping[str, str]) -> dict[str, Any]:
        """The arguments of an invocation, checked.

        Raises:
            InvalidArgument: one is unknown, missing or has a value that it cannot have.
        """
        options = {one.name: one for one in self.options}
        unknown = sorted(set(given) - set(options))
        if unknown:
            raise InvalidArgument(unknown[0], f"{self.name} has no {unknown[0]}.")
        read = {name: options[name].read(value.strip()) for name, value in given.items() if value.strip()}
        missing = [one.name for one in self.options if one.required and one.name not in read]
        if missing:
            raise InvalidArgument(missing[0], f"{self.name} needs {missing[0]}.")
        return read


class Registry:
    """All commands, by their names.

    Raises:
        InvalidArgument: two have one name.
    """

    def __init__(self, commands: Iterable[Command]) -> None:
        self._commands: dict[str, Command] = {}
        for command in commands:
            if command.name in self._commands:
                raise InvalidArgument("name", f"{command.name} is declared twice.")
            self._commands[command.name] = command

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands.values())

    def find(self, name: str) -> Command | None:
        """The command of this name."""
        return self._commands.get(name)
