"""What the core hears of people, and what it may ask about them."""

from datetime import timedelta

import pytest

from adapters.buttons import BUTTON_LIFE
from bot.chat import Button, Deletion, Edit, Event, Field, File, Form, Invocation, Message, PostKey, Reply, Stopped
from bot.errors import NotFound, PlatformError, PostRefused
from tests.contract.conftest import until
from tests.contract.harness import Harness, Seen

KEY = PostKey("a" * 25)


def invocations(events: list[Event]) -> list[Invocation]:
    return [event for event in events if isinstance(event, Invocation)]


async def newest(harness: Harness, person: str, channel: str) -> Seen:
    return (await harness.seen(person, channel))[-1]


# What people say


async def test_what_somebody_says_arrives_with_who_where_and_how(harness: Harness, events: list[Event]) -> None:
    direct = await harness.say("ana", "@ana", "Hello")
    mention = await harness.say("ben", "general", "@keeper hello")
    reply = await harness.say("gil", "guests", "not for you", root=await harness.say("ana", "guests", "Hi"))
    await until(lambda: len(events) == 4)
    first, second, third, fourth = events
    assert isinstance(first, Message)
    assert isinstance(second, Message)
    assert isinstance(third, Message)
    assert isinstance(fourth, Message)

    assert (first.utterance_id, first.text, first.addressing) == (direct, "Hello", "direct")
    assert (first.person.resource_id, first.person.name) == (harness.person("ana").resource_id, "Ana")
    assert (first.place, first.place.kind) == (harness.place("@ana"), "direct")
    assert (second.utterance_id, second.text, second.addressing) == (mention, "hello", "mention")
    assert (second.place, second.place.kind) == (harness.place("general", mention), "public")
    assert second.place.within == harness.place("general").place_id
    assert (third.addressing, third.place.kind) == ("channel", "private")
    assert (fourth.utterance_id, fourth.addressing) == (reply, "thread")
    assert (fourth.person.home != "", first.person.home) == (True, "")
    assert len({one.delivery_id for one in (first, second, third, fourth)}) == 4


async def test_edits_and_deletions_arrive_under_the_utterance_they_change(
    harness: Harness, events: list[Event]
) -> None:
    said = await harness.say("ana", "@ana", "Helo")
    await harness.edit("ana", said, "Hello")
    await harness.edit("ana", said, "Hello!")
    await harness.delete("ana", said)
    await until(lambda: len(events) == 4)
    _, edit, again, deletion = events

    assert isinstance(edit, Edit)
    assert isinstance(again, Edit)
    assert (edit.utterance_id, edit.text, edit.place) == (said, "Hello", harness.place("@ana"))
    assert (again.text, again.edited_at > edit.edited_at) == ("Hello!", True)
    assert isinstance(deletion, Deletion)
    assert deletion.utterance_ids == (said,)
    assert len({event.delivery_id for event in events}) == 4
    assert await harness.seen("ana", "@ana") == []


async def test_a_file_arrives_with_what_was_said_and_its_bytes_can_be_had(
    harness: Harness, events: list[Event]
) -> None:
    content = bytes(range(256))
    await harness.say("ana", "@ana", "Look", files=[File("data.bin", "application/octet-stream", content)])
    message = await until(lambda: next(iter(events), None))
    (attachment,) = message.attachments

    assert (attachment.name, attachment.media_type, attachment.size) == ("data.bin", "application/octet-stream", 256)
    assert await harness.adapter.fetch(attachment) == content
    await harness.delete("ana", message.utterance_id)
    with pytest.raises(NotFound):
        await harness.adapter.fetch(attachment)


async def test_a_stop_arrives_with_who_and_where(harness: Harness, events: list[Event]) -> None:
    await harness.stop("ana", "@ana")
    stopped = await until(lambda: next(iter(events), None))

    assert isinstance(stopped, Stopped)
    assert (stopped.person.resource_id, stopped.place) == (harness.person("ana").resource_id, harness.place("@ana"))


# Buttons and forms


async def test_a_pressed_button_comes_back_as_its_command(harness: Harness, events: list[Event]) -> None:
    button = Button("More", "page", {"of": "Zoë & co", "from": ""})
    post_id = await harness.adapter.conversation(harness.place("general")).answer(Reply("Here", (button,)), KEY)

    assert await harness.press("ben", post_id, "More")
    assert await harness.press("ben", post_id, "More")
    first, second = await until(lambda: len(found := invocations(events)) == 2 and found)
    assert (first.command, first.arguments) == ("page", {"of": "Zoë & co", "from": ""})
    assert (first.person.resource_id, first.place) == (harness.person("ben").resource_id, harness.place("general"))
    assert first.delivery_id != second.delivery_id


async def test_a_button_of_one_person_is_pressed_by_nobody_else(harness: Harness, events: list[Event]) -> None:
    button = Button("Mine", "page", person=harness.person("ana").resource_id)
    post_id = await harness.adapter.conversation(harness.place("general")).answer(Reply("Here", (button,)), KEY)

    assert not await harness.press("ben", post_id, "Mine")
    assert await harness.press("ana", post_id, "Mine")
    (pressed,) = await until(lambda: invocations(events))
    assert pressed.person.resource_id == harness.person("ana").resource_id


async def test_an_old_or_forged_button_and_one_out_of_sight_does_nothing(harness: Harness, events: list[Event]) -> None:
    reply = Reply("Here", (Button("More", "page"),))
    post_id = await harness.adapter.conversation(harness.place("secret")).answer(reply, KEY)

    assert not await harness.press("ana", post_id, "More", forged=True)
    assert not await harness.press("cleo", post_id, "More")
    harness.pass_time(BUTTON_LIFE - timedelta(hours=1))
    assert await harness.press("ana", post_id, "More")
    harness.pass_time(timedelta(hours=2))
    assert not await harness.press("ana", post_id, "More")
    assert len(await until(lambda: invocations(events))) == 1


async def test_a_form_comes_back_with_its_fields_and_what_it_was_about(harness: Harness, events: list[Event]) -> None:
    fields = (
        Field("why", "Why", "long_text", most_characters=20),
        Field("note", "Note", required=False),
        Field("of", "Of", required=False),
        Field("how", "How", "choice", choices=(("fast", "Fast"), ("slow", "Slow"))),
    )
    await harness.command("ana", "general", "report", {"of": "ben"})
    (asked,) = await until(lambda: invocations(events))
    await asked.responder.form(Form("Report", "report_send", fields, {"of": "ben"}))
    post = await newest(harness, "ana", "general")
    events.clear()

    assert post.fields == ("why", "note", "of", "how")
    assert not any(one.fields for one in await harness.seen("ben", "general"))
    for wrong in ({"how": "fast"}, {"why": " ", "how": "fast"}, {"why": "x", "how": "?"}, {"why": "x" * 21}):
        assert not await harness.submit("ana", post.id, wrong)
    assert not await harness.submit("ben", post.id, {"why": "x", "how": "fast"})
    assert await harness.submit("ana", post.id, {"why": "Rude", "how": "slow", "of": "cleo", "more": "?"})
    (sent,) = await until(lambda: invocations(events))
    assert sent.command == "report_send"
    assert sent.arguments == {"why": "Rude", "note": "", "how": "slow", "of": "ben"}


# Answers to commands


async def test_a_private_answer_is_seen_by_one_and_a_public_one_by_all(harness: Harness, events: list[Event]) -> None:
    await harness.command("ana", "general", "history", {})
    (asked,) = await until(lambda: invocations(events))
    await asked.responder.private(Reply("For Ana", (Button("More", "page"),)))
    hers = await newest(harness, "ana", "general")

    assert [post.text for post in await harness.seen("ana", "general")] == ["For Ana"]
    assert await harness.seen("ben", "general") == []
    assert not await harness.press("ben", hers.id, "More")

    await asked.responder.update(Reply("Still for Ana"))
    assert [post.text for post in await harness.seen("ana", "general")] == ["Still for Ana"]
    assert await harness.seen("ben", "general") == []

    await asked.responder.public(Reply("For all"))
    assert [post.text for post in await harness.seen("ben", "general")] == ["For all"]


async def test_a_private_answer_that_fails_is_given_to_nobody(harness: Harness, events: list[Event]) -> None:
    await harness.command("ana", "general", "history", {})
    (asked,) = await until(lambda: invocations(events))
    with harness.broken(), pytest.raises(PlatformError):
        await asked.responder.private(Reply("For Ana"))

    assert await harness.seen("ana", "general") == []
    assert await harness.seen("ben", "general") == []


# What may be asked


@pytest.mark.parametrize(
    ("channel", "reach", "members", "outsiders"),
    [
        ("@ana", "person", ("ana",), False),
        ("secret", "members", ("ana", "ben"), False),
        ("guests", "members", ("ana", "gil"), True),
        ("general", "workspace", ("ana", "ben", "cleo"), False),
    ],
)
async def test_a_place_says_who_can_read_it(
    harness: Harness, channel: str, reach: str, members: tuple[str, ...], outsiders: bool
) -> None:
    found = await harness.adapter.audience(harness.place(channel))

    assert (found.reach, found.outsiders) == (reach, outsiders)
    assert found.members == {harness.person(name).resource_id for name in members}


async def test_of_a_place_that_is_not_there_nobody_can_tell_who_reads_it(harness: Harness) -> None:
    found = await harness.adapter.audience(harness.place("nowhere"))

    assert (found.reach, found.outsiders, found.members) == ("unknown", True, frozenset())


async def test_a_person_has_a_profile_and_nobody_else_has(harness: Harness) -> None:
    ana = await harness.adapter.profile(harness.person("ana"))
    gil = await harness.adapter.profile(harness.person("gil"))

    assert (ana.name, ana.is_bot, ana.active, ana.outsider) == ("Ana", False, True, False)
    assert gil.outsider
    with pytest.raises(NotFound):
        await harness.adapter.profile(harness.person("nobody"))


async def test_the_bot_can_write_to_one_person_alone(harness: Harness) -> None:
    place = await harness.adapter.open_dm(harness.person("ana"))
    await harness.adapter.conversation(place).answer(Reply("Hello"), KEY)

    assert [post.text for post in await harness.seen("ana", "@ana")] == ["Hello"]
    assert await harness.seen("ben", "@ana") == []
    with pytest.raises(PostRefused):
        await harness.adapter.open_dm(harness.person("nobody"))
