"""Takes events in: each in one transaction, after which the platform may be told so."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from bot.access.remembered import RememberedSettings
from bot.chat import (
    Deletion,
    Edit,
    Event,
    Feedback,
    InstallationChanged,
    Invocation,
    MembershipChanged,
    Message,
    PersonChanged,
    PlaceChanged,
    Stopped,
)
from bot.errors import InvalidArgument, StorageUnavailable
from bot.limits import MESSAGE_BYTES
from bot.memory.apart import apart
from bot.memory.clean import clean_text
from bot.memory.drafts import checked_text
from bot.memory.message_rows import Change
from bot.memory.terms import indexed_terms
from bot.storage.signals import Signals
from bot.storage.store import Store
from bot.turns.accept_rows import (
    Accepted,
    Outcome,
    accept_message,
    claim_name,
    first_delivery,
    is_for_the_bot,
    refuse_message,
    workspace_scope,
)
from bot.turns.addressing import heard_at_once, heard_in, mode_of
from bot.turns.change_rows import (
    IncomingEdit,
    accept_deletion,
    accept_edit,
    accept_feedback,
    accept_installation_change,
    accept_person_change,
    accept_place_change,
    accept_stop,
)
from bot.turns.checked import checked_event
from bot.turns.incoming import incoming
from bot.turns.notices import CUT, SWITCHED_OFF, too_long, unusable
from bot.turns.options import TurnOptions

_log = structlog.get_logger(__name__)
_IGNORED = Accepted("ignored")


class Intake:
    """Where events become durable, each once.

    Args:
        store: the database.
        signals: where workers hear of what was taken in.
        options: limits and patience.
        now: the clock.
    """

    def __init__(self, store: Store, signals: Signals, options: TurnOptions, now: Callable[[], datetime]) -> None:
        self._store = store
        self._signals = signals
        self._options = options
        self._now = now
        self._chosen = RememberedSettings(store)

    @property
    def patience(self) -> float:
        """Within so many seconds a platform is told whether its event was taken in."""
        return self._options.accept.total_seconds()

    async def take(self, event: Event) -> Outcome:
        """Take an event in, and say what became of it; for an `Invocation`: "turn" where it is to be run now.

        An `Invocation` is taken in however long that takes: whoever gave up waiting still has to run it.

        Raises:
            StorageError: it was not taken in, or this is unknown: the platform must deliver it again.
        """
        try:
            checked = checked_event(event, self._now())
            async with asyncio.timeout(None if isinstance(event, Invocation) else self.patience):
                accepted = await self._take(checked)
        except TimeoutError:
            # The transaction may still commit; then the next delivery of this event is a repetition.
            raise StorageUnavailable("The database takes too long.") from None
        except InvalidArgument as error:
            # It will never be takeable: delivered again, it would fail again.
            _log.warning("an event cannot be stored and was passed over", parameter=error.parameter)
            return "ignored"
        for word in accepted.words:
            if word:
                self._signals.say(word)
        return accepted.outcome

    async def _take(self, event: Event) -> Accepted:
        if isinstance(event, Message):
            return await self._message(event)
        if isinstance(event, Edit):
            return await self._edit(event)
        if isinstance(event, MembershipChanged):
            # A hint for whoever remembers audiences; nothing of it is stored.
            return _IGNORED
        return await self._store.write(_TAKE[type(event)], event, self._now())

    async def _message(self, message: Message) -> Accepted:
        mode = mode_of(message, await self._chosen.of(message.place.workspace_id))
        if mode == "off":
            return await self._switched_off(message)
        message = heard_in(message, mode)
        for_the_bot = heard_at_once(message)
        if for_the_bot is None:
            # Most that is said in a channel is for others: that is found out without a transaction that writes.
            for_the_bot = await self._store.read(is_for_the_bot, message, self._options, self._now())
        if not for_the_bot:
            return _IGNORED
        try:
            given = await apart(len(message.text), lambda: incoming(message))
        except InvalidArgument as error:
            # Nobody waits for an answer that never comes.
            _log.warning("a message cannot be stored", parameter=error.parameter)
            said = too_long() if error.parameter == "text" else unusable()
            return await self._store.write(refuse_message, message, said, self._now())
        return await self._store.write(accept_message, given, self._options, self._now())

    async def _switched_off(self, message: Message) -> Accepted:
        """Say once a day that the bot is silent here, to who mentions it; nothing of it is kept."""
        if message.addressing != "mention" or message.person.is_bot:
            return _IGNORED
        return await self._store.write(refuse_message, message, SWITCHED_OFF, self._now(), daily=True)

    async def _edit(self, edit: Edit) -> Accepted:
        if edit.person.is_bot:
            return _IGNORED
        text = _edited(edit.text)
        terms = await apart(len(text), lambda: tuple(indexed_terms(text)))
        given = IncomingEdit(edit, Change(edit.utterance_id, text, terms, None))
        return await self._store.write(accept_edit, given, self._options, self._now())


def accept_invocation(connection: Connection, invocation: Invocation, now: datetime) -> Accepted:
    """Note a command; "turn" where it was not noted before, and is to be run."""
    scope = workspace_scope(connection, invocation.person.workspace_id, now)
    if scope is None:
        return _IGNORED
    first = first_delivery(connection, scope, invocation.delivery_id, now)
    if first and invocation.utterance_id:
        first = claim_name(connection, scope, invocation.utterance_id, now)
    return Accepted("turn" if first else "repeated")


_TAKE: Mapping[type[Any], Callable[[Connection, Any, datetime], Accepted]] = {
    Deletion: accept_deletion,
    Stopped: accept_stop,
    Feedback: accept_feedback,
    PlaceChanged: accept_place_change,
    PersonChanged: accept_person_change,
    InstallationChanged: accept_installation_change,
    Invocation: accept_invocation,
}


def _edited(text: str) -> str:
    """An edit's text as it is stored. What is too long is cut: the words before the edit must not stay."""
    try:
        return checked_text(text)
    except InvalidArgument:
        room = MESSAGE_BYTES - len(CUT.encode())
        return clean_text(text[:MESSAGE_BYTES]).encode()[:room].decode(errors="ignore") + CUT
