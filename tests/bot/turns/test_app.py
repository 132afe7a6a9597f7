"""Commands: run behind the acknowledgement, once for each delivery, and never without an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.app import App
from bot.chat import Event, Form, Invocation, PersonRef, PlaceRef, Reply
from bot.errors import NotAllowed, PostRefused, StorageUnavailable
from bot.storage.signals import LocalSignals
from bot.storage.store import open_store
from bot.turns.accept_rows import Outcome
from bot.turns.intake import Intake
from tests.bot.turns.team import EASY, wall_clock


class Answers:
    """A responder that keeps what it is given, or refuses it."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.private_texts: list[str] = []
        self._refusal = refusal

    async def private(self, reply: Reply) -> None:
        if self._refusal is not None:
            raise self._refusal
        self.private_texts.append(reply.text)

    async def public(self, reply: Reply) -> None:
        raise AssertionError(reply)

    async def form(self, form: Form) -> None:
        raise AssertionError(form)

    async def update(self, reply: Reply) -> None:
        raise AssertionError(reply)


def invocation(delivery: str, responder: Answers) -> Invocation:
    person = PersonRef("local:team", "local:team:ana", "Ana")
    place = PlaceRef("local:team", "local:team:@ana", "direct")
    return Invocation(
        delivery_id=delivery, person=person, place=place, command="test", arguments={}, responder=responder
    )


async def with_app(url: str, invoke: Callable[[Invocation], Awaitable[None]], use: Callable[[App], Any]) -> None:
    store = await open_store(url)
    try:
        app = App(Intake(store, LocalSignals(), EASY, wall_clock), invoke)
        await use(app)
    finally:
        await store.close()


async def test_a_command_runs_behind_the_acknowledgement_and_once(url: str) -> None:
    go_on, ran = asyncio.Event(), []

    async def invoke(given: Invocation) -> None:
        await go_on.wait()
        ran.append(given.delivery_id)
        await given.responder.private(Reply("Done."))

    async def use(app: App) -> None:
        responder = Answers()
        await app.receive(invocation("d1", responder))
        await app.receive(invocation("d1", responder))
        await app.receive(invocation("d2", responder))
        assert ran == []
        go_on.set()
        await app.finish(5)
        assert sorted(ran) == ["d1", "d2"]
        assert responder.private_texts == ["Done.", "Done."]
        await app.receive(invocation("d2", responder))
        await app.finish(5)
        assert len(ran) == 2

    await with_app(url, invoke, use)


@pytest.mark.parametrize("error", [NotAllowed("That is for admins."), RuntimeError("a secret")])
async def test_a_failure_of_a_command_is_a_sentence_and_tells_no_secret(url: str, error: Exception) -> None:
    async def invoke(_given: Invocation) -> None:
        raise error

    async def use(app: App) -> None:
        responder = Answers()
        await app.receive(invocation("d1", responder))
        await app.finish(5)
        (said,) = responder.private_texts
        assert said == str(error) if isinstance(error, NotAllowed) else "secret" not in said
        assert said.endswith(".")

    await with_app(url, invoke, use)


@pytest.mark.parametrize("refusal", [PostRefused(), ValueError("a bug")])
async def test_a_failure_that_cannot_be_told_harms_nobody(url: str, refusal: Exception) -> None:
    heard: list[Any] = []

    async def invoke(_given: Invocation) -> None:
        raise NotAllowed

    async def use(app: App) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: heard.append(context))
        await app.receive(invocation("d1", Answers(refusal)))
        await app.finish(5)
        assert not app._running

    await with_app(url, invoke, use)
    import gc

    gc.collect()
    assert heard == []


async def test_a_command_that_does_not_end_is_ended(url: str) -> None:
    ended = asyncio.Event()

    async def invoke(_given: Invocation) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def use(app: App) -> None:
        await app.receive(invocation("d1", Answers()))
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await app.finish(timedelta(milliseconds=50).total_seconds())
        assert ended.is_set()

    await with_app(url, invoke, use)


async def test_a_command_whose_taking_in_takes_too_long_runs_all_the_same(url: str) -> None:
    ran: list[str] = []
    go_on = asyncio.Event()

    class Slow(Intake):
        async def take(self, event: Event) -> Outcome:
            await go_on.wait()
            return await super().take(event)

    async def invoke(invocation: Invocation) -> None:
        ran.append(invocation.delivery_id)

    store = await open_store(url)
    try:
        app = App(Slow(store, LocalSignals(), replace(EASY, accept=timedelta(milliseconds=50)), wall_clock), invoke)
        with pytest.raises(StorageUnavailable):
            await app.receive(invocation("d1", Answers()))
        go_on.set()
        await app.finish(10)
        assert ran == ["d1"]

        await app.receive(invocation("d1", Answers()))
        await app.finish(10)
        assert ran == ["d1"]
    finally:
        await store.close()
