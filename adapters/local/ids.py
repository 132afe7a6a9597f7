"""The local platform's names as the core's ids, and back. Pure and injective: no two names share an id."""

import re

from bot.errors import InvalidArgument

PLATFORM = "local"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


def checked_name(parameter: str, name: str) -> str:
    """A name of a workspace, a person or a channel.

    Raises:
        InvalidArgument: it is none.
    """
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            parameter, f"{parameter} must be 1 to 64 of a-z 0-9 . _ - and begin and end with a letter or digit"
        )
    return name


def workspace_id(workspace: str) -> str:
    """The id of a local workspace."""
    return f"{PLATFORM}:{checked_name('workspace', workspace)}"


def workspace_of(workspace_id: str) -> str:
    """The name of the workspace with this id."""
    return workspace_id.removeprefix(f"{PLATFORM}:")


def resource_id(workspace: str, person: str) -> str:
    """The id of a person."""
    return f"{workspace_id(workspace)}:{checked_name('person', person)}"


def person_of(resource_id: str) -> str:
    """The name of the person with this id."""
    return resource_id.rpartition(":")[2]


def direct_channel(person: str) -> str:
    """The channel in which a person talks with the bot alone. No other channel's name begins with an @."""
    return f"@{checked_name('person', person)}"


def place_id(channel: str, root: str) -> str:
    """The id of a channel, or of the thread below one of its posts."""
    return f"{channel}/{root}" if root else channel


def named_person(workspace: str, word: str) -> str | None:
    """The id of the person whom a word mentions, `@ada`; None where it is none. Whether she exists is not said."""
    name = word.removeprefix("@").casefold()
    return resource_id(workspace, name) if word.startswith("@") and _NAME.fullmatch(name) else None
