"""A playground with its bot, served on this machine as it is in earnest, for browsers and for bare requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from adapters.local.adapter import LocalAdapter
from adapters.local.conversation import World
from adapters.local.playground.app import playground_app
from adapters.local.playground.news import News
from adapters.local.playground.seed import WORKSPACE, seed
from adapters.local.playground.serving import bound, serve_playground
from adapters.local.world_rows import LocalPost
from bot.app import Invoke, no_commands
from bot.chat import Button, Chart, Field, File, Form, Invocation, PersonRef, Reply, Table
from bot.commands.declaration import Command, Option, Registry
from bot.memory.values import MemoryOptions
from bot.models.port import Model
from bot.serve import compose, serve
from bot.storage.store import Store, open_store
from bot.turns.working import Bench
from tests.bot.agent.talking import SETTINGS, Playing
from tests.bot.turns.team import EASY, wall_clock
from tests.contract.conftest import until

SECRET = b"a secret of the tests"
#: The smallest picture there is: one transparent dot.
DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@dataclass
class Stage:
    """A playground that is served."""

    url: str
    port: int
    local: LocalAdapter
    store: Store
    news: News
    #: What was invoked.
    heard: list[Invocation]
    #: How far the clock is ahead.
    ahead: list[timedelta]

    def at(self, person: str, channel: str = "", **query: str) -> str:
        """The address of a place."""
        where = f"{self.url}/as/{person}/in/{channel or f'@{person}'}"
        return where + ("?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else "")

    async def command(self, person: str, command: str, channel: str = "") -> None:
        await self.local.command(WORKSPACE, channel or f"@{person}", person, command, {})

    async def say(self, person: str, text: str, channel: str = "", **more: Any) -> str:
        return await self.local.say(WORKSPACE, channel or f"@{person}", person, text, **more)

    async def seen(self, person: str, channel: str = "", root: str | None = None) -> list[LocalPost]:
        return await self.local.posts(WORKSPACE, channel or f"@{person}", person, root=root)

    async def said(self, person: str, words: str, channel: str = "") -> LocalPost:
        """Wait until somebody said something, as a person sees it."""

        async def found() -> LocalPost | None:
            posts = await self.seen(person, channel)
            return next((post for post in posts if words in post.text), None)

        post: LocalPost = await until(found)
        return post


async def _nothing(_context: Any, _arguments: Any) -> None:
    """What commands of these tests do stands in `invoke`."""


COLOURS = (("red", "Red"), ("green", "Dark green"))
REGISTRY = Registry(
    [
        Command("help", "What I can do here", _nothing),
        Command(
            "history",
            "Conversations: list and search",
            _nothing,
            (
                Option("person", "Whose", "person"),
                Option("words", "What to look for"),
                Option("since", "From this day on", "date"),
                Option("colour", "Which colour", "choice", choices=COLOURS),
            ),
        ),
        Command("admin setup", "First steps of an administrator", _nothing, who="admin"),
        Command("secret button", "Only a button leads here", _nothing, typed=False),
        Command("ask", "Shows a form", _nothing),
        Command("show", "Shows all that a post can hold", _nothing),
    ]
)
FORM = Form(
    "Look into a conversation",
    "sent",
    (
        Field("who", "Person", "person", hint="She will see it."),
        Field("why", "Reason", "choice", choices=(("quality", "Quality review"), ("other", "Something else"))),
        Field("from", "From", "date", required=False),
        Field("words", "Words", required=False, value="as before", most_characters=20),
        Field("note", "Note", "long_text", required=False, most_characters=200),
    ),
    {"kept": "yes"},
    "Look",
)


async def answer(invocation: Invocation) -> None:
    """Small commands that show what posts can hold."""
    responder, given = invocation.responder, dict(sorted(invocation.arguments.items()))
    if invocation.command == "ask":
        await responder.form(FORM)
    elif invocation.command == "show":
        person = invocation.person.resource_id
        buttons = (
            Button("Press me", "pressed", {"n": "1"}, person=person),
            Button("Forget all", "forgotten", style="danger", confirm="Really forget all?", person=person),
        )
        table = Table(("Name", "Count"), (("ada", "3"), ("<b>béla</b>", "1")))
        chart = Chart("Questions by day", DOT, Table(("Day", "Questions"), (("Monday", "2"),)))
        files = (File("report.csv", "text/csv", b"a,b\n1,2\n"),)
        await responder.public(Reply("All of it.", buttons, files, table, chart))
    else:
        await responder.private(Reply(f"{invocation.command} ran with {given}"))


async def roles_of(person: PersonRef) -> frozenset[str]:
    """Grace supervises, Lin administers."""
    return {
        f"local:{WORKSPACE}:grace": frozenset({"supervisor"}),
        f"local:{WORKSPACE}:lin": frozenset({"admin"}),
    }.get(person.resource_id, frozenset())


@asynccontextmanager
async def playing(
    url: str,
    model: Model | None = None,
    *,
    port: int = 0,
    invoke: Invoke = answer,
    registry: Registry = REGISTRY,
    bot: bool = True,
    **options: Any,
) -> AsyncIterator[Stage]:
    """The playground with its bot, served on a port; `bot` False leaves the bot out."""
    store = await open_store(url, purpose="worker")
    heard: list[Invocation] = []
    ahead = [timedelta()]

    def now() -> datetime:
        return wall_clock() + ahead[0]

    async def hear(invocation: Invocation) -> None:
        heard.append(invocation)
        await invoke(invocation)

    try:
        news = News()
        world = World(store, now, SECRET, pace_seconds=0.02, changed=news.tell)
        local = LocalAdapter(world)
        await seed(local)
        listening = bound(port)
        port = listening.getsockname()[1]
        app = playground_app(local, world, registry, news, secret=SECRET, port=port, roles_of=roles_of)
        bench = Bench(store, model or Playing(), SETTINGS, MemoryOptions(), replace(EASY, **options), now)
        composed = compose(bench, {"local": local} if bot else {}, invoke=hear if bot else no_commands)
        stop = asyncio.Event()
        tasks = [asyncio.create_task(serve_playground(app, listening, stop))]
        tasks += [asyncio.create_task(serve(composed, stop))] if bot else []
        try:
            if bot:
                await until(lambda: local.running)
            yield Stage(f"http://127.0.0.1:{port}", port, local, store, news, heard, ahead)
        finally:
            stop.set()
            await asyncio.gather(*tasks)
    finally:
        await store.close()
