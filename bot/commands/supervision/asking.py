"""What a supervisor asks for, and whether she may ask it here. Who may not is refused, and that is recorded."""

from collections.abc import Mapping
from typing import Any

from bot.access.actor import Actor, checked_id
from bot.access.audit import Act
from bot.access.door import Door
from bot.access.scope import Scope, scope_of
from bot.chat import Reply
from bot.commands.context import Context
from bot.commands.declaration import Option
from bot.commands.direct import adapter_of, direct_place_of
from bot.commands.supervision.wording import CATEGORIES, ELSEWHERE, NO_ROLE, OWN, nothing, scope_text
from bot.limits import ID_CHARACTERS
from bot.memory.clean import clean_text
from bot.supervision.others_rows import names_of
from bot.supervision.readings import order_notice

#: Longest note, in characters: a sentence or two for the audit.
NOTE_CHARACTERS = 500

PERSON = Option("person", "Whose conversations", "person", required=True, most_characters=ID_CHARACTERS)
CATEGORY = Option(
    "category", "Why; she is shown this", "choice", choices=tuple((one, one.capitalize()) for one in CATEGORIES)
)


def actor_for(context: Context, arguments: Mapping[str, Any]) -> Actor:
    """The asker as one who reads another's conversations: what she sees of them, each query asks of her role."""
    note = clean_text(arguments.get("note", ""))
    return Actor.scoped(context.person.resource_id, arguments["person"], arguments["category"], note)


def door_for(context: Context, actor: Actor) -> Door:
    """The door to another's conversations."""
    bench = context.bench
    return Door(bench.store, context.workspace_key, actor, bench.now, context.services.recorder)


def act_of(context: Context, actor: Actor, action: str, thread_id: str = "") -> Act:
    """What is recorded."""
    given = (actor.persons, thread_id, "done", actor.category, actor.note)
    return Act(context.now(), actor.id, actor.acts_as, action, *given)


def scope_for(context: Context, actor: Actor) -> Scope:
    """What an actor may see in the asker's workspace."""
    return scope_of(actor, context.workspace_key)


async def admitted(context: Context, arguments: Mapping[str, Any], action: str) -> bool:
    """Whether the asker may read others' conversations, and here. If not, that is recorded, and she is told.

    Raises:
        StorageError: the refusal could not be recorded.
        InvalidArgument: what she names can be no person's or conversation's id.
    """
    person = checked_id("person", arguments["person"])
    if "thread" in arguments:
        checked_id("thread", arguments["thread"])
    if person == context.person.resource_id:
        await context.answer(Reply(OWN, (context.button("My conversations", "history"),)))
        return False
    if not context.standing.supervisor:
        await _refuse(context, arguments, action, NO_ROLE)
        return False
    if not await seen_by_members_alone(context):
        await _refuse(context, arguments, action, ELSEWHERE)
        return False
    return True


async def _refuse(context: Context, arguments: Mapping[str, Any], action: str, sentence: str) -> None:
    standing = context.standing
    acts_as = "supervisor" if standing.supervisor else "admin" if standing.admin else "person"
    note = clean_text(arguments.get("note", ""))
    given = (arguments.get("thread", ""), "refused", arguments.get("category", ""), note)
    act = Act(context.now(), context.person.resource_id, acts_as, action, (arguments["person"],), *given)
    await context.services.recorder.note(context.bench.store, context.scope, act)
    await context.answer(Reply(sentence))


async def seen_by_members_alone(context: Context) -> bool:
    """Whether nobody from outside can read this place: there nothing of this is begun, however privately."""
    if context.place.kind == "direct":
        return True
    adapter = adapter_of(context)
    if adapter is None:
        return False
    audience = await adapter.audience(context.place)
    return audience.reach != "unknown" and not audience.outsiders


async def show_nothing(context: Context) -> None:
    """What is answered whatever the cause."""
    scope = context.standing.scope
    names = await context.bench.store.read(names_of, context.scope, scope.persons)
    ask = context.button("Ask an admin for access", "supervise ask")
    await context.answer(Reply(nothing(scope_text(scope, names)), (ask,)))


async def name_of(context: Context, person: str) -> str:
    """How a person is called of whom something is shown."""
    names = await context.bench.store.read(names_of, context.scope, [person])
    return names.get(person, person)


async def let_her_know(context: Context, person: str) -> None:
    """Let a person be told that her conversations were read, before they are shown.

    The same is done for whoever is named, known or not, in scope or not.

    Raises:
        StorageError: that could not be written down; then nothing is shown.
    """
    place = await direct_place_of(context, person)  # None: her next private answer tells her
    context.wake(await order_notice(context.bench, context.scope, person, place))
