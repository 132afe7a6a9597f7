"""The real bot on each platform: what people see of its answers."""

import asyncio
from collections.abc import AsyncGenerator

from bot.chat import Invocation, Reply
from bot.errors import ModelRefused, NotAllowed
from bot.models.port import Finished, ModelEvent, ModelRequest, TextDelta
from tests.bot.agent.talking import Pausing, Playing, saying
from tests.contract.conftest import serving, until
from tests.contract.harness import Harness


async def answers(harness: Harness, person: str, channel: str, root: str | None = None) -> list[str]:
    """What the bot said, once none of it grows any more."""
    seen = [post for post in await harness.seen(person, channel, root=root) if post.by_bot]
    return [] if any(post.streaming for post in seen) else [post.text for post in seen]


async def idle(harness: Harness, channel: str, root: str = "") -> bool:
    return (await harness.shown(channel, root=root))[0] == "idle"


async def test_a_question_is_answered_in_its_place_and_nowhere_else(harness: Harness) -> None:
    async with serving(harness, Playing(saying("Hello ", "Ana."))):
        await harness.say("ana", "@ana", "Good morning")
        root = await harness.say("ben", "general", "@keeper hi")
        await until(lambda: answers(harness, "ana", "@ana"))
        await until(lambda: answers(harness, "ben", "general", root))

    assert await answers(harness, "ana", "@ana") == ["Hello Ana."]
    assert await answers(harness, "cleo", "general", root) == ["Hello Ana."]
    assert await answers(harness, "ana", "general", "") == []
    assert await answers(harness, "ben", "@ben") == []


async def test_an_answer_longer_than_a_post_comes_whole_and_in_order(harness: Harness) -> None:
    code = "\n".join(f"    line_{number} = {number}" for number in range(800))
    text = f"Look:\n\n```python\n{code}\n```\n\n" + " ".join(f"word{number}" for number in range(1_500))
    pieces = [text[start : start + 97] for start in range(0, len(text), 97)]
    async with serving(harness, Playing(saying(*pieces))):
        await harness.say("ana", "@ana", "Tell me everything")
        seen = await until(lambda: _ends(harness, "word1499"))

    assert tuple(seen) == harness.adapter.conversation(harness.place("@ana")).split(text)
    assert len(seen) > 3
    assert all(post.count("```") % 2 == 0 for post in seen)


async def _ends(harness: Harness, word: str) -> list[str]:
    seen = await answers(harness, "ana", "@ana")
    return seen if seen and seen[-1].endswith(word) else []


async def test_an_answer_grows_while_the_model_speaks_and_the_status_says_so(harness: Harness) -> None:
    model = Pausing()
    async with serving(harness, model):
        await harness.say("ana", "@ana", "Slowly, please")
        await until(lambda: _grows(harness, "So far"))
        assert (await harness.shown("@ana"))[0] == "working"
        model.may_go_on.set()
        await until(lambda: answers(harness, "ana", "@ana"))
        await until(lambda: idle(harness, "@ana"))

    assert await answers(harness, "ana", "@ana") == ["So far and further."]


async def _grows(harness: Harness, text: str) -> bool:
    return any(post.streaming and post.text == text for post in await harness.seen("ana", "@ana"))


async def test_a_stopped_answer_says_so_and_the_status_is_idle_again(harness: Harness) -> None:
    async with serving(harness, Pausing()):
        await harness.say("ana", "@ana", "Slowly, please")
        await until(lambda: _grows(harness, "So far"))
        await harness.stop("ana", "@ana")
        (answer,) = await until(lambda: answers(harness, "ana", "@ana"))
        await until(lambda: idle(harness, "@ana"))

    assert answer.startswith("So far\n\n")


async def test_when_the_model_fails_one_sentence_says_so_and_the_status_is_idle_again(harness: Harness) -> None:
    async def refusing(_request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        raise ModelRefused
        yield Finished("stop")

    async with serving(harness, Playing(refusing)):
        await harness.say("ana", "@ana", "Hello?")
        said = await until(lambda: answers(harness, "ana", "@ana"))
        await until(lambda: idle(harness, "@ana"))

    assert said == [str(ModelRefused())]


async def test_when_the_platform_refuses_the_status_is_idle_again(harness: Harness) -> None:
    model = Pausing()
    async with serving(harness, model):
        root = await harness.say("ana", "general", "@keeper slowly, please")
        await until(lambda: _working(harness, root))
        await model.speaks.wait()
        await harness.archive("general")
        model.may_go_on.set()
        await until(lambda: idle(harness, "general", root))

        await harness.say("ana", "@ana", "Are you still there?")
        await until(lambda: answers(harness, "ana", "@ana"))


async def _working(harness: Harness, root: str) -> bool:
    return (await harness.shown("general", root=root))[0] == "working"


async def test_an_edited_question_is_answered_as_it_stands_now(harness: Harness) -> None:
    never = asyncio.Event()

    async def play(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield TextDelta("So far")
        if "coffee" not in request.messages[-1].content:
            await never.wait()
        yield TextDelta(" about coffee.")
        yield Finished("stop")

    async with serving(harness, Playing(play)):
        said = await harness.say("ana", "@ana", "What of tea?")
        await until(lambda: _grows(harness, "So far"))
        await harness.edit("ana", said, "What of coffee?")
        await until(lambda: answers(harness, "ana", "@ana"))

    assert await answers(harness, "ana", "@ana") == ["So far about coffee."]


async def test_the_answer_to_a_deleted_question_is_taken_back(harness: Harness) -> None:
    async with serving(harness, Pausing()):
        said = await harness.say("ana", "@ana", "What of tea?")
        await until(lambda: _grows(harness, "So far"))
        await harness.delete("ana", said)
        await until(lambda: _nothing_seen(harness))
        await until(lambda: idle(harness, "@ana"))


async def _nothing_seen(harness: Harness) -> bool:
    return await harness.seen("ana", "@ana") == []


async def test_a_command_is_run_and_answers_where_it_was_given(harness: Harness) -> None:
    async def invoke(invocation: Invocation) -> None:
        await invocation.responder.private(Reply(f"{invocation.command} {invocation.arguments['of']}"))

    async with serving(harness, Playing(), invoke):
        await until(lambda: _runs(harness))
        (said,) = await until(lambda: answers(harness, "ana", "general"))

    assert said == "history ben"
    assert await answers(harness, "ben", "general") == []


async def _runs(harness: Harness) -> bool:
    try:
        await harness.command("ana", "general", "history", {"of": "ben"})
    except NotAllowed:
        return False
    return True
