"""What is for the bot is taken in; what is not is never stored, nowhere."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from bot.access.scope import Scope
from bot.chat import Attachment, Message, PlaceChanged
from bot.storage.tables import messages, threads
from bot.storage.turn_tables import places, posts, turns
from bot.turns.place_rows import begin_anew
from tests.bot.agent.talking import Playing, saying
from tests.bot.turns.events import (
    NOON,
    Desk,
    Moment,
    channel_thread,
    desk,
    edit_of,
    message,
    new_delivery,
    person,
    place,
)
from tests.bot.turns.team import running

BEN = person("ben")
THREAD = channel_thread()


def further(words: str, utterance_id: str, **more: object) -> Message:
    """Something in the thread, without a mention."""
    return message(words, utterance_id, **{"where": THREAD, "addressing": "thread", **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "said",
    [
        message("overheard", where=channel_thread(), addressing="channel"),
        message("overheard", where=channel_thread(), addressing="thread"),
        message("overheard", where=channel_thread(), addressing="channel", replies_to="nothing known"),
        message("overheard", who=person("keeper", is_bot=True)),
        message("overheard", who=person("keeper", is_bot=True), where=channel_thread()),
    ],
    ids=["channel", "unknown thread", "reply", "bot", "bot mentions"],
)
async def test_what_is_not_for_the_bot_stands_in_no_table(url: str, said: Message) -> None:
    async with desk(url) as taken:
        await taken.take(message("good morning", "m0"))
        assert await taken.take(said) == "ignored"
        assert await taken.take(edit_of(said, "overheard again")) == "ignored"

        assert await taken.holds("overheard") == []
        assert await taken.holds("good morning") == ["threads", "messages"]  # it would be found
        assert await taken.count(messages) == 1


@pytest.mark.parametrize("words", ["", "   ", "\n\t\u00a0\n"])
async def test_a_blank_message_is_ignored_but_a_file_alone_is_taken(url: str, words: str) -> None:
    file = Attachment("boat.png", "image/png", 7, "f1")
    async with desk(url) as taken:
        assert await taken.take(message(words)) == "ignored"
        assert await taken.take(message(words, "m2", attachments=(file,))) == "turn"

        (stored,) = (await (await taken.view()).recall("@ana")).items
        assert stored.metadata == {
            "attachments": [{"name": "boat.png", "media_type": "image/png", "size": 7, "reference": "f1"}]
        }


async def test_while_one_person_talks_in_a_thread_she_needs_no_mention(url: str) -> None:
    async with desk(url) as taken:
        assert await taken.take(message(where=THREAD)) == "turn"
        assert await taken.take(further("and the oars?", "m2")) == "turn"
        assert await taken.take(further("somebody else", "m3", who=BEN)) == "ignored"
        assert await taken.take(further("and the sail?", "m4")) == "turn"  # ben was not heard
        assert await taken.holds("somebody else") == []


async def test_from_a_second_speaker_on_a_mention_is_needed(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message(where=THREAD))
        assert await taken.take(message("mine is red", "m2", who=BEN, where=THREAD)) == "turn"
        assert await taken.take(further("between us", "m3")) == "ignored"
        assert await taken.take(further("between us", "m4", who=BEN)) == "ignored"
        assert await taken.take(message("for you", "m5", where=THREAD)) == "turn"


async def test_what_is_said_to_others_is_not_for_the_bot(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message(where=THREAD))
        assert await taken.take(further("@ben look", "m2", to_others=True)) == "ignored"
        assert await taken.take(further("@ben look", "m3", to_others=True, replies_to="m1")) == "ignored"
        assert await taken.take(message("@ben look, @keeper", "m4", where=THREAD, to_others=True)) == "turn"


async def test_an_edit_of_what_is_said_to_others_does_not_wait_for_its_message(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message(where=THREAD))
        await taken.take(edit_of(further("@ben look", "m2"), "@ben my secret", to_others=True))
        assert await taken.holds("secret") == []
        await taken.take(edit_of(further("look", "m3"), "my words"))
        assert await taken.holds("my words") == ["pending_changes"]


async def test_after_a_day_of_silence_a_mention_is_needed(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock) as taken:
        await taken.take(message(where=THREAD))
        clock.move(timedelta(hours=24))
        assert await taken.take(further("still there?", "m2", at=clock.now)) == "turn"
        clock.move(timedelta(hours=24, seconds=1))
        assert await taken.take(further("hello?", "m3", at=clock.now)) == "ignored"
        assert await taken.take(message("hello, bot?", "m4", where=THREAD, at=clock.now)) == "turn"


async def test_a_wrong_clock_does_not_let_a_thread_be_followed_for_ever(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock) as taken:
        await taken.take(message(where=THREAD, at=NOON + timedelta(days=4000)))
        assert await taken.column(messages.c.sent_at) == [NOON]
        clock.move(timedelta(hours=25))
        assert await taken.take(further("hello?", "m2", at=clock.now)) == "ignored"


async def test_nothing_is_followed_in_an_archived_place(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message(where=THREAD))
        await taken.take(PlaceChanged(delivery_id=new_delivery(), place=THREAD, state="archived"))
        assert await taken.take(further("hello?", "m2")) == "ignored"
        await taken.take(PlaceChanged(delivery_id=new_delivery(), place=THREAD))
        assert await taken.take(further("hello?", "m3")) == "turn"


# Replies


async def thread_ids(taken: Desk) -> list[str]:
    return await taken.column(threads.c.id)


async def answered(taken: Desk, post_id: str) -> None:
    """The newest turn was answered by a post."""
    turn = (await taken.rows(turns))[-1]

    def post(connection: Connection) -> None:
        row = {"workspace_key": turn["workspace_key"], "value": post_id, "turn_key": turn["key"], "part": 0,
               "state": "finished", "post_id": post_id, "sent_at": NOON}  # fmt: skip
        connection.execute(posts.insert(), row)

    await taken.store.write(post)


@pytest.mark.parametrize("replies_to", ["p1", "m1"])
async def test_a_reply_goes_on_with_the_conversation_of_a_post_or_a_message(url: str, replies_to: str) -> None:
    here = channel_thread("general/1")
    elsewhere = channel_thread("general/2")
    async with desk(url) as taken:
        await taken.take(message(where=here))
        await answered(taken, "p1")
        reply = message("go on", "m2", where=elsewhere, addressing="channel", replies_to=replies_to)
        assert await taken.take(reply) == "turn"

        assert await thread_ids(taken) == ["general/1"]
        assert await taken.column(places.c.id) == ["general/1"]


async def test_a_mention_that_replies_to_what_nobody_knows_begins_its_own_conversation(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message(where=channel_thread("general/1")))
        await taken.take(message("and here", "m2", where=channel_thread("general/2"), replies_to="unknown"))

        assert await thread_ids(taken) == ["general/1", "general/2"]


@pytest.mark.parametrize("replies_to", ["p1", "m1"])
async def test_a_reply_turns_its_place_back_to_an_older_conversation(url: str, replies_to: str) -> None:
    async with desk(url) as taken:
        await taken.take(message())
        await answered(taken, "p1")
        await taken.store.write(begin_anew, Scope("system", 1, ()), place(), NOON)
        await taken.take(message("something else", "m2"))
        assert await thread_ids(taken) == ["@ana", "@ana#2"]

        await taken.take(message("about the boat again", "m3", replies_to=replies_to))
        await taken.take(message("and without a reply", "m4"))

        view = await taken.view()
        assert [one.id for one in (await view.recall("@ana")).items] == ["m1", "m3", "m4"]
        await taken.store.write(begin_anew, Scope("system", 1, ()), place(), NOON)
        await taken.take(message("a third", "m5"))
        assert await thread_ids(taken) == ["@ana", "@ana#2", "@ana#3"]


@pytest.mark.parametrize("limit", [{"messages_per_minute": 2}, {"haste": 0}], ids=["limit", "haste"])
async def test_a_reply_that_is_refused_leaves_its_place_as_it_is(url: str, limit: dict[str, Any]) -> None:
    async with desk(url, **limit) as taken:
        await taken.take(message())
        await answered(taken, "p1")
        await taken.store.write(begin_anew, Scope("system", 1, ()), place(), NOON)
        assert await taken.take(message("something else", "m2")) == "turn"
        before = await taken.column(places.c.thread_key)
        assert await taken.take(message("about the boat again", "m3", replies_to="m1")) == "refused"
        assert await taken.column(places.c.thread_key) == before


@pytest.mark.parametrize(
    "where",
    [
        channel_thread("general/9", "private"),
        channel_thread("harbour/9"),
        place("@ana"),
    ],
    ids=["another kind", "another channel", "direct"],
)
async def test_a_conversation_does_not_go_on_in_another_kind_of_place_or_channel(url: str, where: object) -> None:
    async with desk(url) as taken:
        await taken.take(message(where=channel_thread("general/1")))
        reply = message("here too", "m2", who=BEN, where=where, replies_to="m1")  # type: ignore[arg-type]
        assert await taken.take(reply) == "turn"

        assert await taken.column(messages.c.thread_key) == [1, 2]


async def test_an_unmentioned_reply_across_channels_is_ignored(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message(where=channel_thread("general/1")))
        reply = message("quoted", "m2", where=channel_thread("harbour/9"), addressing="channel", replies_to="m1")
        assert await taken.take(reply) == "ignored"
        assert await taken.holds("quoted") == []


async def test_a_followed_thread_is_answered_without_a_mention_on_the_local_platform(url: str) -> None:
    async with running(url, Playing(saying("Yes."))) as team:
        root = await team.say("ana", "@keeper where is the boat?", channel="general")
        await team.quiet()
        await team.say("ana", "and the oars?", channel="general", root=root)
        await team.quiet()
        await team.say("ben", "hm", channel="general", root=root)
        await team.quiet()

        assert await team.answers("ana", channel="general", root=root) == ["Yes.", "Yes."]


async def test_the_same_utterance_elsewhere_changes_nothing(url: str) -> None:
    said = message(where=THREAD)
    async with desk(url) as taken:
        await taken.take(said)
        moved = replace(said, delivery_id=new_delivery(), place=channel_thread("harbour/1"), person=BEN)
        assert await taken.take(moved) == "repeated"
        assert await taken.column(places.c.id) == ["general/1"]
