"""`threadkeeper chat`: a conversation in the terminal."""

import asyncio
from contextlib import suppress
from importlib.metadata import version

import typer

from bot.access.actor import checked_id
from bot.agent.agent import Agent
from bot.cli.start import database_name, open_memory
from bot.memory.workspace_rows import LIBRARY_WORKSPACE
from bot.settings import Settings, read_settings
from bot.terminal.background import Background
from bot.terminal.chat import Chat
from bot.terminal.lines import read_lines
from bot.terminal.screen import Screen
from bot.visible import visible_line

#: How long leaving waits for titles that the model still thinks about.
_CLOSING_SECONDS = 5


def chat(name: str, *, resume: bool) -> None:
    """Talk in the library's workspace until the person leaves.

    Exit code 1 where something failed that nobody could see and repeat.
    """
    checked_id("--as", name)
    settings = read_settings()
    screen = Screen()
    with Background() as background:
        memory = background.run(open_memory(settings, screen, purpose="worker", workspace=LIBRARY_WORKSPACE))
        agent = Agent(memory=memory, settings=settings)
        try:
            _greet(screen, settings, agent, name)
            talk = Chat(agent, name, settings.bot_name, screen)
            if resume:
                background.run(talk.resume())
            _talk(background, talk, screen, settings.bot_name)
        finally:
            background.run(_close(agent))
            background.run(memory.close())
    if talk.failed and not screen.interactive:
        raise typer.Exit(1)


def _greet(screen: Screen, settings: Settings, agent: Agent, name: str) -> None:
    screen.say(f"Threadkeeper {version('threadkeeper')}. Database: {visible_line(database_name(settings))}")
    if agent.model.offline:
        screen.say("No model is configured (MODEL): I answer with what was said before.")
    else:
        screen.say(f"Model: {visible_line(agent.model.name)}")
    screen.say(f"You are {visible_line(name)}. /help shows what you can do.")


def _talk(background: Background, talk: Chat, screen: Screen, bot_name: str) -> None:
    prompt = f"{visible_line(bot_name)}> "
    try:
        for line in read_lines(prompt, interactive=screen.interactive):
            try:
                background.run(talk.take(line))
            except KeyboardInterrupt:
                # Ctrl-C stops the answer, not the conversation; a program that sends it means the end.
                if not screen.interactive:
                    raise
            if talk.left:
                return
    except KeyboardInterrupt:
        if not screen.interactive:
            raise
    if screen.interactive:
        screen.say()


async def _close(agent: Agent) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSING_SECONDS):
            await agent.close()
