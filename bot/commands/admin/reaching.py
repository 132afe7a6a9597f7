"""What an admin wrote about whom a supervisor may read, as a scope."""

import re
from collections.abc import Mapping
from typing import Any

from bot.access.standing import ReadScope
from bot.chat import Field, PersonRef, Profile
from bot.commands.admin.asking import Wrong
from bot.commands.admin.role_rows import channels_of
from bot.commands.context import Context
from bot.commands.declaration import Option
from bot.errors import NotAvailable, NotFound
from bot.limits import ID_CHARACTERS
from bot.supervision.others_rows import names_of

#: Persons whom one form names.
_PERSONS = ("reads", "reads2", "reads3")
_CHANNEL_CHARACTERS = 1_000
_YES = (("no", "No, only these people and channels"), ("yes", "Yes, everyone's conversations"))

OPTIONS = (
    Option("everyone", "Whether everyone's conversations may be read", "choice", choices=_YES),
    Option("reads", "Whose conversations may be read", "person", most_characters=ID_CHARACTERS),
    Option("reads2", "Another person", "person", most_characters=ID_CHARACTERS),
    Option("reads3", "Another person", "person", most_characters=ID_CHARACTERS),
    Option("channels", "Channels in which everything may be read: #one, #two", most_characters=_CHANNEL_CHARACTERS),
)
FIELDS = (
    Field("everyone", "May everyone's conversations be read?", "choice", value="no", choices=_YES),
    Field("reads", "Or the conversations of", "person", required=False, hint="Also somebody who left."),
    Field("reads2", "and of", "person", required=False),
    Field("reads3", "and of", "person", required=False),
    Field(
        "channels",
        "Or what is said in these channels",
        required=False,
        hint="Names with commas between them, such as #support, #sales. Never direct messages.",
        most_characters=_CHANNEL_CHARACTERS,
    ),
)


def asks_for_something(arguments: Mapping[str, Any]) -> bool:
    """Whether anything was said about whom to read."""
    return any(option.name in arguments for option in OPTIONS)


async def reach_of(context: Context, arguments: Mapping[str, Any], wrong: Wrong) -> ReadScope:
    """The scope that was asked for; what cannot be is noted in `wrong`.

    Raises:
        PlatformError: the platform does not say whether there is such a person.
    """
    persons = []
    for name in _PERSONS:
        resource_id = arguments.get(name)
        if resource_id is None:
            continue
        if not await _is_known(context, resource_id):
            wrong.note(name, "There is nobody like that here.")
        persons.append(resource_id)
    channels = await _channels(context, arguments.get("channels", ""), wrong)
    reach = ReadScope(arguments.get("everyone") == "yes", tuple(dict.fromkeys(persons)), channels)
    if reach.empty and not wrong:
        wrong.note("everyone", "Please say whom: everyone, some people, or some channels.")
    return reach


async def _is_known(context: Context, resource_id: str) -> bool:
    """Whether there is such a person, here or on the platform."""
    names = await context.bench.store.read(names_of, context.scope, (resource_id,))
    if names[resource_id] != resource_id:
        return True
    try:
        return not (await profile_of(context, resource_id)).is_bot
    except NotFound:
        return False


async def _channels(context: Context, written: str, wrong: Wrong) -> tuple[str, ...]:
    words = dict.fromkeys(word for word in re.split(r"[,;\s]+", written) if word.strip("#"))
    found = [await named_channel(context, word, "channels", wrong) for word in words]
    return tuple(dict.fromkeys(one for one in found if one))


async def named_channel(context: Context, written: str, name: str, wrong: Wrong) -> str:
    """The id of the channel that was named; "" where it is none, which is noted in `wrong`."""
    word = written.strip().removeprefix("#")
    known = await context.bench.store.read(channels_of, context.scope, [word])
    meant = [one for one, names in known.items() if one == word or word in {each.removeprefix("#") for each in names}]
    if len(meant) == 1:
        return meant[0]
    if meant:
        wrong.note(name, f"Several channels are called #{word}; give the id of the one that you mean.")
    else:
        wrong.note(name, f"I know no channel #{word}; I know one from when I was first spoken to in it.")
    return ""


async def profile_of(context: Context, resource_id: str) -> Profile:
    """What the platform knows of a person of this workspace.

    Raises:
        NotFound: it knows nobody like that.
        NotAvailable: the platform is not served here.
        PlatformError: it does not say.
    """
    workspace_id = context.person.workspace_id
    adapter = context.services.adapters.get(workspace_id.partition(":")[0])
    if adapter is None:
        raise NotAvailable("I cannot ask the platform who that is.")
    return await adapter.profile(PersonRef(workspace_id, resource_id))
