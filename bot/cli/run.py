"""`threadkeeper run`: the bot itself, on every platform that is set up. The composition root."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version

from adapters.local.adapter import LocalAdapter
from adapters.local.conversation import World
from adapters.local.playground.app import playground_app
from adapters.local.playground.news import News
from adapters.local.playground.seed import seed
from adapters.local.playground.serving import HOST, bound, serve_playground
from bot.access.disclosure import operator_of
from bot.access.recorder import Recorder
from bot.access.scope import Scope
from bot.access.secret import Secrets, read_secrets
from bot.access.telling import disclose_changes, workspace_keys
from bot.chat import Adapter
from bot.cli.playground import roles_in, set_up_playground
from bot.cli.start import database_name, told
from bot.commands.admin.jobs import admin_kinds
from bot.commands.context import Services
from bot.commands.kinds import JOB_KINDS
from bot.commands.registry import all_commands
from bot.commands.running import Commands
from bot.errors import SettingsError
from bot.memory.values import MemoryOptions
from bot.models.choose import model_of
from bot.serve import compose, serve, stopped_by_signals
from bot.settings import Settings, read_settings
from bot.storage.store import Store, open_store
from bot.terminal.screen import Screen
from bot.turns.options import options_of
from bot.turns.working import Bench
from bot.visible import visible_line


def run() -> None:
    """Run until SIGTERM or Ctrl-C; then finish what is being answered and leave the rest to the next start.

    Raises:
        SettingsError: a setting cannot work.
        StorageError: the database cannot be worked on.
    """
    asyncio.run(_run(read_settings(), Screen()))


async def _run(settings: Settings, screen: Screen) -> None:
    secrets = read_secrets(settings.database_url, _secret(settings))
    async with _opened(settings, screen) as store:
        bench = Bench(
            store,
            model_of(settings),
            settings,
            MemoryOptions(last_messages=settings.window_messages, token_budget=settings.window_tokens),
            options_of(settings),
            _now,
        )
        try:
            await _serve(bench, secrets, screen)
        finally:
            await bench.model.close()


async def _serve(bench: Bench, secrets: Secrets, screen: Screen) -> None:
    settings, registry, news = bench.settings, all_commands(), News()
    recorder = Recorder.of(settings)
    world = World(bench.store, bench.now, secrets.buttons, changed=news.tell)
    local = LocalAdapter(world, registry=registry)
    adapters: dict[str, Adapter] = {local.platform: local} if settings.local_playground is not False else {}
    if not adapters:
        raise SettingsError("No platform is set up, and the playground is off: set LOCAL_PLAYGROUND=true.")
    signals = bench.store.signals()
    commands = Commands(Services(bench, adapters, registry, recorder, signals))
    serving = compose(
        bench, adapters, invoke=commands, kinds={**JOB_KINDS, **admin_kinds(recorder, adapters)}, signals=signals
    )
    await _disclose(bench)
    stop = asyncio.Event()
    with stopped_by_signals(stop.set):
        listening = bound(settings.playground_port)
        port = listening.getsockname()[1]
        await seed(local)
        await set_up_playground(bench)
        app = playground_app(
            local,
            world,
            registry,
            news,
            secret=secrets.sessions,
            port=port,
            bot_name=settings.bot_name,
            roles_of=roles_in(bench),
        )
        pages = asyncio.create_task(serve_playground(app, listening, stop))
        _greet(screen, bench, f"http://{HOST}:{port}")
        try:
            await serve(serving, stop)
        finally:
            stop.set()
            await pages


async def _disclose(bench: Bench) -> None:
    """What the operator changed since the last start is told to everybody before anything more of theirs is kept."""
    after, operator = 0, operator_of(bench.settings)
    while keys := await bench.store.read(workspace_keys, after):
        for key in keys:
            await bench.store.write(disclose_changes, Scope("system", key, ()), operator, bench.now())
        after = keys[-1]


def _greet(screen: Screen, bench: Bench, address: str) -> None:
    settings = bench.settings
    screen.say(f"Threadkeeper {version('threadkeeper')}. Database: {visible_line(database_name(settings))}")
    if bench.model.offline:
        screen.say("No model is configured (MODEL): I answer with what was said before.")
    else:
        screen.say(f"Model: {visible_line(bench.model.name)}")
    screen.say(f"Open the playground: {address} (this machine alone can; Ctrl-C ends)")


@asynccontextmanager
async def _opened(settings: Settings, screen: Screen) -> AsyncIterator[Store]:
    store = await open_store(settings.database_url, purpose="worker", migration_url=settings.migration_database_url)
    try:
        if store.migration is not None:
            screen.note(told(store.migration))
        yield store
    finally:
        await store.close()


def _secret(settings: Settings) -> str | None:
    return None if settings.secret_key is None else settings.secret_key.get_secret_value()


def _now() -> datetime:
    return datetime.now(UTC)
