"""What is said on the local platform reaches the bot, whatever becomes of the bot meanwhile."""

import pytest

from adapters.local.deed_rows import put_out, still_out
from bot.chat import Deletion, Edit, Event, Message
from bot.errors import StorageUnavailable
from tests.adapters.local.conftest import WORKSPACE, Town
from tests.contract.conftest import until


async def out(town: Town) -> int:
    return len(await town.store.read(still_out, 0, 1_000))


async def test_what_is_done_while_the_bot_does_not_run_is_told_when_it_does(town: Town) -> None:
    said = await town.local.say(WORKSPACE, "@ana", "ana", "Helo")
    await town.local.edit(WORKSPACE, said, "ana", "Hello")
    await town.local.stop(WORKSPACE, "@ana", "ana")
    await town.local.delete(WORKSPACE, "ana", said)
    assert await out(town) == 4

    async with town.bot():
        await until(lambda: _still_out(town, 0))

    assert [type(event).__name__ for event in town.heard] == ["Message", "Edit", "Stopped", "Deletion"]
    message, edit, _, deletion = town.heard
    assert isinstance(message, Message)
    assert isinstance(edit, Edit)
    assert isinstance(deletion, Deletion)
    assert (message.text, edit.text, deletion.utterance_ids) == ("Helo", "Hello", (said,))
    assert await out(town) == 0


async def test_what_the_bot_took_in_is_told_once(town: Town) -> None:
    async with town.bot():
        await town.local.say(WORKSPACE, "@ana", "ana", "Hello")
    async with town.bot():
        await town.local.say(WORKSPACE, "@ana", "ana", "Again")
        await until(lambda: _still_out(town, 0))

    assert [event.text for event in town.heard if isinstance(event, Message)] == ["Hello", "Again"]
    assert await out(town) == 0


async def test_what_the_bot_could_not_take_in_is_told_again_under_the_same_name(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.local.deliveries._REDELIVER_SECONDS", 0.01)
    names: list[str] = []

    async def receive(event: object) -> None:
        names.append(getattr(event, "delivery_id", ""))
        if len(names) < 4:
            raise StorageUnavailable

    town.receive = receive  # type: ignore[method-assign]
    async with town.bot():
        await town.local.say(WORKSPACE, "@ana", "ana", "Hello")
        await until(lambda: len(names) >= 4)
        await until(lambda: _still_out(town, 0))

    assert len(set(names)) == 1


async def _still_out(town: Town, count: int) -> bool:
    return await out(town) == count


async def test_a_crash_of_the_bot_leaves_what_was_said_to_the_next(town: Town) -> None:
    town.failures = [RuntimeError("crash")]
    async with town.bot():
        await town.local.say(WORKSPACE, "@ana", "ana", "Hello")
        await until(lambda: _still_out(town, 0))

    assert len(town.heard) == 1


async def test_one_payload_that_nobody_can_read_holds_up_no_other(town: Town) -> None:
    await town.store.write(put_out, {"type": "riddle"})
    await town.local.say(WORKSPACE, "@ana", "ana", "Hello")
    async with town.bot():
        await until(lambda: _still_out(town, 1))

    assert [type(event) for event in town.heard] == [Message]


async def test_many_are_told_in_order(town: Town) -> None:
    for number in range(230):
        await town.local.say(WORKSPACE, "@ana", "ana", str(number))
    async with town.bot():
        await until(lambda: len(town.heard) == 230)

    assert [event.text for event in town.heard if isinstance(event, Message)] == [str(number) for number in range(230)]


async def test_what_comes_after_something_that_waits_is_told_after_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.local.deliveries._REDELIVER_SECONDS", 0.01)
    away, told = True, []

    async def receive(event: Event) -> None:
        text = event.text if isinstance(event, Message) else ""
        if away and text == "First":
            raise StorageUnavailable
        told.append(text)

    town.receive = receive  # type: ignore[method-assign]
    async with town.bot():
        for text in ("First", "Second", "Third"):
            await town.local.say(WORKSPACE, "@ana", "ana", text)
        assert told == []
        away = False
        await until(lambda: _still_out(town, 0))
        await until(lambda: len(told) == 3)

    assert told == ["First", "Second", "Third"]
