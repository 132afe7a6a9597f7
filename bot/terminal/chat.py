"""A conversation in the terminal: what is typed is answered, or is a command."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from uuid import uuid4

from bot.access.actor import Actor
from bot.agent.agent import Agent
from bot.errors import BotError
from bot.memory.values import Thread
from bot.terminal.own_history import OwnHistory
from bot.terminal.screen import Screen
from bot.visible import visible_line

_HELP = """\
/history          your conversations, the newest first; /history 2 is the second page
/history WORDS    search in them
/open NUMBER      read a conversation of the last list, and go on with it
/more             the next page of what was shown last
/new              begin a new conversation
/help             this
/quit             leave; so do Ctrl-D and Ctrl-C. During an answer Ctrl-C stops the answer.
Everything else is a question. One that begins with / is written with //."""


class Chat:
    """One person's talk with the bot. What is said stands under `thread_id`."""

    def __init__(self, agent: Agent, person: str, bot_name: str, screen: Screen) -> None:
        view = agent.memory.as_actor(Actor.person(person))
        self._agent = agent
        self._person = person
        self._bot_name = bot_name
        self._screen = screen
        self._history = OwnHistory(view, screen, bot_name)
        self._thread_id = str(uuid4())
        #: Whether something failed with a sentence; it has been shown.
        self.failed = False
        self.left = False
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "/history": self._list,
            "/open": self._open,
            "/more": lambda _rest: self._history.more(),
            "/new": self._begin,
            "/help": self._help,
            "/quit": self._leave,
        }

    async def resume(self) -> None:
        """Go on with the conversation in which something was said last, if there is one."""
        thread = await self._history.newest()
        if thread is not None:
            self._go_on(thread)

    async def take(self, line: str) -> None:
        """Do what a line asks for. What fails is said, and the talk goes on."""
        text = line.strip()
        try:
            if text.startswith("/") and not text.startswith("//"):
                await self._command(text)
            elif text:
                await self._answer(text.removeprefix("/") if text.startswith("//") else line)
        except BotError as error:
            self.failed = True
            self._screen.sorry(str(error))

    async def _command(self, text: str) -> None:
        name, _, rest = text.partition(" ")
        command = self._commands.get(name.lower())
        if command is None:
            self._screen.say(f"There is no command {name}; /help lists them. A question that begins with / needs //.")
        else:
            await command(rest.strip())

    async def _answer(self, text: str) -> None:
        """Answer piece by piece. Only when question and answer are stored does it say so."""
        self._screen.piece(f"{self._bot_name}: ", style="bold")
        stream = self._agent.stream(text, thread_id=self._thread_id, resource_id=self._person)
        try:
            async with aclosing(stream) as pieces:
                async for piece in pieces:
                    self._screen.piece(piece)
        except asyncio.CancelledError:
            # The stream has ended here, and stored what there was.
            self._screen.say("\n(stopped; what was said so far is kept)", style="dim")
            raise
        except BotError:
            self._screen.say()
            raise
        self._screen.say("\n(kept)", style="dim")

    async def _list(self, rest: str) -> None:
        if rest.isdecimal() and int(rest[:9]) > 0:
            await self._history.list(int(rest[:9]) - 1)
        elif rest:
            await self._history.search(rest)
        else:
            await self._history.list(0)

    async def _open(self, rest: str) -> None:
        thread = await self._history.open(int(rest[:9]) if rest.isdecimal() else 0)
        if thread is not None:
            self._go_on(thread)

    def _go_on(self, thread: Thread) -> None:
        self._thread_id = thread.id
        title = visible_line(thread.title or thread.place_name or thread.id)
        self._screen.say(f"You go on with “{title}” (messages: {thread.message_count}).", style="dim")

    async def _begin(self, _rest: str) -> None:
        self._thread_id = str(uuid4())
        self._screen.say("This is a new conversation.")

    async def _help(self, _rest: str) -> None:
        self._screen.say(_HELP)

    async def _leave(self, _rest: str) -> None:
        self.left = True
