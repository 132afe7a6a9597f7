"""Talking to an agent: models for it, short words for a turn, and what was sent and stored."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select

from bot.access.actor import Actor
from bot.agent.agent import Agent
from bot.memory.memory import Memory
from bot.memory.values import Message
from bot.memory.view import MemoryView
from bot.models.port import Finished, Model, ModelEvent, ModelRequest, PromptMessage, TextDelta
from bot.settings import Settings
from bot.storage.tables import messages, participants, people, threads, usage
from tests.bot.models.asking import model_at
from tests.model_server import Behaviour, Exchange, ModelServer, text

#: Whatever the machine's environment says, no test talks to a real server.
SETTINGS = Settings(_env_file=None, model=None, openai_base_url=None, openai_api_key=None, persona="", bot_name="Tess")
TITLE = "A title by the model"
TABLES = (threads, people, participants, messages, usage)


class Playing:
    """A model that does what a function says. It gives no titles, unless it is said to be online."""

    def __init__(
        self, play: Callable[[ModelRequest], AsyncGenerator[ModelEvent, None]] | None = None, *, offline: bool = True
    ) -> None:
        self.requests: list[ModelRequest] = []
        self.offline = offline
        self.name = "playing"
        self._play = play or saying("An answer.")

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        self.requests.append(request)
        async with aclosing(self._play(request)) as events:
            async for event in events:
                yield event

    async def close(self) -> None:
        return


def saying(*pieces: str) -> Callable[[ModelRequest], AsyncGenerator[ModelEvent, None]]:
    """Says the same to everything."""

    async def play(_request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        for piece in pieces:
            yield TextDelta(piece)
        yield Finished("stop")

    return play


class Pausing:
    """A model that says one piece, then waits until it is told to go on."""

    name = "pausing"
    offline = True

    def __init__(self) -> None:
        self.speaks = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.closed = asyncio.Event()

    async def stream(self, _request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        try:
            yield TextDelta("So far")
            self.speaks.set()
            await self.may_go_on.wait()
            yield TextDelta(" and further.")
            yield Finished("stop")
        finally:
            self.closed.set()

    async def close(self) -> None:
        return


def agent_of(memory: Memory, model: Model | None = None, **settings: Any) -> Agent:
    """An agent with fixed settings; without a model, offline."""
    return Agent(memory=memory, model=model, settings=SETTINGS.model_copy(update=settings))


#: So patient that no slow machine makes a test fail.
PATIENT = {
    "idle_time": timedelta(seconds=30),
    "retry_time": timedelta(seconds=30),
    "connect_time": timedelta(seconds=5),
}


def agent_at(memory: Memory, server: ModelServer, **options: Any) -> Agent:
    """An agent behind the real client; `options` are those of the model."""
    return agent_of(memory, model_at(server.base_url, **{**PATIENT, **options}))


async def say(agent: Agent, words: str, thread_id: str = "t1", resource_id: str = "ana", **options: Any) -> str:
    """One turn; the whole answer."""
    stream = agent.stream(words, thread_id=thread_id, resource_id=resource_id, **options)
    async with aclosing(stream) as pieces:
        return "".join([piece async for piece in pieces])


def eyes_of(memory: Memory, resource_id: str = "ana") -> MemoryView:
    return memory.as_actor(Actor.person(resource_id))


def program(memory: Memory) -> MemoryView:
    return memory.as_actor(Actor.system("a test"))


async def stored(memory: Memory, thread_id: str = "t1", resource_id: str = "ana") -> list[Message]:
    """All of a thread, as one of its people sees it."""
    return list((await eyes_of(memory, resource_id).recall(thread_id, per_page=None)).items)


async def everything(memory: Memory) -> tuple[Any, ...]:
    """All that is stored of threads, people, messages and costs."""

    def read(connection: Connection) -> tuple[Any, ...]:
        return tuple([tuple(row) for row in connection.execute(select(table))] for table in TABLES)

    return await memory._store.read(read)


async def costs(memory: Memory) -> list[Any]:
    """The rows of `usage`, as (model, prompt tokens, completion tokens, estimated, calls)."""
    statement = select(usage.c.model, usage.c.prompt_tokens, usage.c.completion_tokens, usage.c.estimated)
    return await memory._store.read(
        lambda connection: [
            tuple(row) for row in connection.execute(statement.add_columns(usage.c.model_calls).order_by(usage.c.key))
        ]
    )


def told(found: Sequence[Message]) -> list[tuple[str, str, str]]:
    """Role, text and outcome of messages."""
    return [(one.role, one.text, one.outcome) for one in found]


def prompt_text(prompt: Sequence[PromptMessage] | ModelRequest) -> str:
    """A prompt as one text."""
    built = prompt.messages if isinstance(prompt, ModelRequest) else prompt
    return "".join(f"=== {one.role}\n{one.content}\n" for one in built)


def is_title(exchange: Exchange) -> bool:
    """Whether a title is asked for, and no answer."""
    return str(exchange.request.body["messages"][0]["content"]).startswith("Name the conversation")


def titled(answer: Behaviour, title: Behaviour | None = None) -> Behaviour:
    """A behaviour for turns, and one for titles, which come when they like."""
    by_default = text(TITLE)

    async def behave(exchange: Exchange) -> None:
        await ((title or by_default) if is_title(exchange) else answer)(exchange)

    return behave


def prompts_at(server: ModelServer) -> list[list[dict[str, Any]]]:
    """The prompts of turns that a server was sent; not those for titles."""
    sent = (list(request.body["messages"]) for request in server.requests)
    return [prompt for prompt in sent if not prompt[0]["content"].startswith("Name the conversation")]
