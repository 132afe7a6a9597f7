"""Turns, as people see them: what is said is answered once, in order, in its place."""

from tests.bot.agent.talking import Playing, saying
from tests.bot.turns.team import running


async def test_a_direct_message_is_answered_once(url: str) -> None:
    async with running(url, Playing(saying("Hello ", "Ana."))) as team:
        await team.say("ana", "Good morning")
        await team.quiet()

        assert await team.answers("ana") == ["Hello Ana."]
        assert await team.states() == ["answered"]
        assert await team.post_states() == ["finished"]
        page = await (await team.view("ana")).list_messages_by_resource_id(team.person("ana"))
        assert [(one.role, one.text) for one in page.items] == [("user", "Good morning"), ("assistant", "Hello Ana.")]


async def test_a_mention_is_answered_in_a_thread_below_it(url: str) -> None:
    async with running(url, Playing(saying("Here."))) as team:
        root = await team.say("ana", "@keeper where are you?", channel="general")
        await team.quiet()

        assert await team.answers("ben", channel="general", root=root) == ["Here."]
        (thread,) = await (await team.view("ana")).get_threads_by_resource_id(team.person("ana"))
        assert (thread.place_kind, thread.place_name, thread.title) == ("public", "#general", "where are you?")


async def test_what_is_not_said_to_the_bot_is_never_stored(url: str) -> None:
    async with running(url, Playing()) as team:
        await team.say("ana", "lunch?", channel="general")
        await team.say("ben", "yes @ana", channel="general")
        await team.quiet()

        assert await team.states() == []
        assert await team.answers("ana", channel="general") == []
