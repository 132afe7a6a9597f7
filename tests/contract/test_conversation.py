"""What the core may expect of a place that it speaks in."""

import asyncio
import time
from collections.abc import AsyncGenerator

import pytest

from bot.chat import Absent, Button, Conversation, File, Found, PostKey, Reply, Status, Table, Unknown
from bot.errors import PlatformError, PlatformUnreachable, PostRefused, PostUncertain, TurnLost
from tests.contract.harness import Harness, Seen

KEY = PostKey("a" * 25)


@pytest.fixture
def place(harness: Harness) -> Conversation:
    return harness.adapter.conversation(harness.place("@ana"), harness.person("ana"))


async def by_bot(harness: Harness, person: str = "ana", channel: str = "@ana") -> list[Seen]:
    return [post for post in await harness.seen(person, channel) if post.by_bot]


async def growing(*texts: str) -> AsyncGenerator[Reply, None]:
    for text in texts:
        yield Reply(text)


async def nothing(_post_id: str) -> None:
    return


async def test_a_post_is_there_under_its_id_and_its_key(harness: Harness, place: Conversation) -> None:
    assert await place.find(KEY) == Absent()
    post_id = await place.answer(Reply("Hello"), KEY)

    assert [(post.id, post.text, post.streaming) for post in await by_bot(harness)] == [(post_id, "Hello", False)]
    assert await place.find(KEY) == Found(post_id)
    assert await place.find(PostKey("b" * 25)) == Absent()


async def test_one_key_makes_one_post(harness: Harness, place: Conversation) -> None:
    ids = {await place.answer(Reply("Hello"), KEY) for _ in range(2)}
    ids.add(await place.stream(growing("Hello"), KEY, nothing))

    assert len(ids) == 1
    assert len(await by_bot(harness)) == 1


async def test_a_key_whose_time_is_over_sends_nothing(harness: Harness, place: Conversation) -> None:
    late = PostKey("c" * 25, until=time.monotonic())

    with pytest.raises(TurnLost):
        await place.answer(Reply("Too late"), late)
    with pytest.raises(TurnLost):
        await place.stream(growing("Too late"), late, nothing)
    assert await by_bot(harness) == []
    assert await place.find(late) == Absent()


async def test_a_stream_is_opened_before_it_grows_and_whole_at_its_end(harness: Harness, place: Conversation) -> None:
    opened: list[tuple[str, list[str]]] = []
    shown = asyncio.Event()

    async def open_it(post_id: str) -> None:
        await asyncio.sleep(0)
        opened.append((post_id, [post.text for post in await by_bot(harness)]))
        shown.set()

    async def replies() -> AsyncGenerator[Reply, None]:
        yield Reply("One")
        await shown.wait()
        (post,) = await by_bot(harness)
        assert post.streaming
        for number in range(200):
            yield Reply("One " + "more " * number)
        yield Reply("One and all.", rateable=True)

    async with asyncio.timeout(10):
        post_id = await place.stream(replies(), KEY, open_it)

    assert opened == [(post_id, ["One"])]
    assert [(post.id, post.text, post.streaming) for post in await by_bot(harness)] == [
        (post_id, "One and all.", False)
    ]


async def test_a_stream_that_fails_raises_what_failed_and_can_be_made_whole(
    harness: Harness, place: Conversation
) -> None:
    async def failing() -> AsyncGenerator[Reply, None]:
        yield Reply("Half")
        raise TurnLost

    with pytest.raises(TurnLost):
        await place.stream(failing(), KEY, nothing)
    found = await place.find(KEY)
    assert isinstance(found, Found)
    await place.edit(found.post_id, Reply("Half and half."))

    assert [(post.text, post.streaming) for post in await by_bot(harness)] == [("Half and half.", False)]


async def test_a_stream_of_nothing_is_refused(harness: Harness, place: Conversation) -> None:
    with pytest.raises(PostRefused):
        await place.stream(growing(), KEY, nothing)
    assert await by_bot(harness) == []


async def test_a_text_that_was_split_is_posted_whole_and_in_order(harness: Harness, place: Conversation) -> None:
    code = "\n".join(f"    line {number}" for number in range(2_000))
    text = f"First.\n\n```python\n{code}\n```\n\n" + "word " * 3_000 + "last"
    parts = place.split(text)
    for number, part in enumerate(parts):
        await place.answer(Reply(part), PostKey(f"part{number}"))

    seen = [post.text for post in await by_bot(harness)]
    assert seen == list(parts)
    assert len(seen) > 3
    assert all(post.count("```") % 2 == 0 for post in seen)
    lines = [line for post in seen for line in post.split("\n") if not line.startswith("```")]
    assert "".join("".join(lines).split()) == "".join(text.replace("```python", "").replace("```", "").split())


async def test_a_post_is_edited_and_deleted(harness: Harness, place: Conversation) -> None:
    post_id = await place.answer(Reply("Old"), KEY)
    await place.edit(post_id, Reply("New"))
    assert [(post.id, post.text) for post in await by_bot(harness)] == [(post_id, "New")]

    await place.delete(post_id)
    assert await by_bot(harness) == []
    await place.delete(post_id)
    assert await place.find(KEY) == Absent()
    await place.answer(Reply("Anew"), KEY)
    assert [post.text for post in await by_bot(harness)] == ["Anew"]


async def test_editing_a_post_that_is_gone_is_refused(place: Conversation) -> None:
    post_id = await place.answer(Reply("Old"), KEY)
    await place.delete(post_id)

    with pytest.raises(PostRefused):
        await place.edit(post_id, Reply("New"))


async def test_files_tables_and_buttons_go_out_with_a_post(harness: Harness, place: Conversation) -> None:
    table = Table(("Name",), (("Ana",),))
    file = File("list.csv", "text/csv", b"name\nAna\n")
    await place.answer(Reply("Here", (Button("Again", "again"),), (file,), table), KEY)

    (post,) = await by_bot(harness)
    assert (post.buttons, post.files) == (("Again",), (("list.csv", b"name\nAna\n"),))


async def test_a_channel_that_is_not_there_or_takes_nothing_refuses(harness: Harness) -> None:
    gone = harness.adapter.conversation(harness.place("nowhere"))
    general = harness.adapter.conversation(harness.place("general"))
    post_id = await general.answer(Reply("Open"), PostKey("d" * 25))
    await harness.archive("general")

    with pytest.raises(PostRefused):
        await gone.answer(Reply("Hello"), KEY)
    with pytest.raises(PostRefused):
        await general.answer(Reply("Hello"), KEY)
    with pytest.raises(PostRefused):
        await general.stream(growing("Hello"), KEY, nothing)
    with pytest.raises(PostRefused):
        await general.edit(post_id, Reply("Hello"))
    assert [post.text for post in await by_bot(harness, channel="general")] == ["Open"]


async def test_a_platform_that_cannot_be_reached_is_told_apart(harness: Harness, place: Conversation) -> None:
    post_id = await place.answer(Reply("Before"), KEY)
    other = PostKey("e" * 25)
    with harness.broken():
        assert await place.find(KEY) == Unknown()
        assert await place.earlier("nothing", 10) == ()
        await place.status("working")
        await place.rename("A title")
        with pytest.raises((PlatformUnreachable, PostUncertain)):
            await place.answer(Reply("Lost?"), other)
        with pytest.raises(PlatformError):
            await place.edit(post_id, Reply("Lost?"))
        with pytest.raises(PlatformError):
            await place.delete(post_id)
        assert (await harness.adapter.audience(harness.place("general"))).reach == "unknown"

    assert [post.text for post in await by_bot(harness)] == ["Before"]
    assert await place.find(other) == Absent()


@pytest.mark.parametrize("status", ["working", "waiting", "idle"])
async def test_status_and_title_are_shown_in_their_place(harness: Harness, place: Conversation, status: Status) -> None:
    await place.status(status)
    await place.rename("About tea")

    assert await harness.shown("@ana") == (status, "About tea")
    assert await harness.shown("@ben") == ("idle", "")


async def test_earlier_words_come_oldest_first_without_the_question(harness: Harness) -> None:
    root = await harness.say("ben", "general", "One")
    await harness.say("cleo", "general", "Elsewhere")
    await harness.say("ana", "general", "Two", root=root)
    gone = await harness.say("ana", "general", "Regretted", root=root)
    await harness.delete("ana", gone)
    await harness.say("ben", "general", "Three", root=root)
    question = await harness.say("ana", "general", "@keeper and?", root=root)
    await harness.say("ben", "general", "After", root=root)
    place = harness.adapter.conversation(harness.place("general", root))

    earlier = await place.earlier(question, 10)

    assert [(one.author_id, one.author_name, one.text) for one in earlier] == [
        (harness.person("ben").resource_id, "Ben", "One"),
        (harness.person("ana").resource_id, "Ana", "Two"),
        (harness.person("ben").resource_id, "Ben", "Three"),
    ]
    assert [one.text for one in await place.earlier(question, 2)] == ["Two", "Three"]
    assert await place.earlier("nothing", 10) == ()


async def test_a_thread_and_its_channel_are_two_places(harness: Harness) -> None:
    root = await harness.say("ana", "general", "A thread")
    thread = harness.adapter.conversation(harness.place("general", root))
    await thread.answer(Reply("In the thread"), KEY)

    assert [post.text for post in await harness.seen("ben", "general", root=root) if post.by_bot] == ["In the thread"]
    assert [post.text for post in await harness.seen("ben", "general", root="") if post.by_bot] == []
    assert await harness.seen("cleo", "secret") == []
