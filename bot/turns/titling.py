"""A title for a conversation, thought of by the model behind its first answer."""

from collections.abc import Callable

import structlog

from bot.access.actor import Actor
from bot.agent.titles import title_by_model
from bot.chat import Conversation, PersonRef, PlaceRef
from bot.errors import BotError
from bot.memory.memory import Memory
from bot.turns.turn_values import Asked, Turn
from bot.turns.working import Bench

_log = structlog.get_logger(__name__)


def first_of_thread(turn: Turn) -> Asked | None:
    """The question that a title would be made of, if the turn answers it and it is kept."""
    # By time it need not be the first of them: what was said earlier may have come later.
    first = next((one for one in turn.asked if one.seq == 1), None)
    return None if first is None or first.off_record else first


async def suggest_title(
    bench: Bench,
    turn: Turn,
    first: Asked,
    open_place: Callable[[PlaceRef, PersonRef], Conversation | None],
) -> None:
    """Let the model think of a title, store it unless somebody gave one, and show it in the place."""
    title = await title_by_model(bench.model, first.text)
    if not title:
        return
    view = Memory(bench.store, turn.workspace_key, bench.memory_options, bench.now).as_actor(
        Actor.person(turn.person.resource_id)
    )
    try:
        await view.suggest_title(turn.thread_id, title, about=(first.id, first.text))
    except BotError as error:
        _log.info("title not stored", error=type(error).__name__)
        return
    conversation = open_place(turn.place, turn.person)
    if conversation is not None:
        await conversation.rename(title)
